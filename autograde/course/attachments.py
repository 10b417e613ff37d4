"""Which files may come with a notebook: saved weights, and nothing that runs. The rule of collecting and of grading."""

from __future__ import annotations

import re

from autograde.course.text import first_few

WEIGHTS = ".safetensors"  # numbers and names; reading it runs nothing
TIMESTAMP = "timestamp.txt"  # nbgrader's: when a submission was handed in
SECRET = "submission_secret.txt"  # nbgrader's: under which name its feedback is fetched from the exchange
LARGEST = 8 * 2**20  # bytes of one file
MOST = 4  # files of one submission
_SHOWN = 3  # names in one note
# what Python could import or a shell could run
_PROGRAMS = (".py", ".pyc", ".pyo", ".pyd", ".pyw", ".pyx", ".pth", ".ipy", ".egg", ".whl", ".so", ".dll", ".dylib")
PROGRAMS = frozenset([*_PROGRAMS, ".exe", ".sh", ".bat", ".cmd", ".ps1"])
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.@+-]{0,127}$")

NO_PROGRAMS = "a submission is its notebook only, without programs beside it"
ONLY_WEIGHTS = f"of other files only saved weights are taken (`*{WEIGHTS}` beside the notebook)"
TOO_MANY = f"at most {MOST} files with weights are taken"
TOO_LARGE = f"it cannot be read, or has more than {LARGEST // 2**20} MiB"
ODD_NAME = "its name has odd characters"


def refusal(name: str, taken: int) -> str:
    """Why a file is not taken, in words that follow "was left out: "; "" where it is.

    name   relative to the notebook's folder, with "/" between folders
    taken  how many of this submission's files are taken already
    """
    suffix = "." + name.rsplit(".", 1)[-1].lower()
    if suffix in PROGRAMS:
        return NO_PROGRAMS
    if suffix != WEIGHTS or "/" in name:
        return ONLY_WEIGHTS
    if not _NAME.match(name):
        return ODD_NAME
    return TOO_MANY if taken >= MOST else ""


class Rejected:
    """The files of one submission that were not taken: one note for each reason, however many files there are."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}

    def add(self, name: str, reason: str) -> None:
        self._names.setdefault(reason, []).append(shown(name))

    def notes(self) -> list[str]:
        notes = []
        for reason, names in self._names.items():
            names = list(dict.fromkeys(names))
            were = "was" if len(names) == 1 else "were"
            notes.append(f"{first_few(names, _SHOWN)} {were} left out: {reason}.")
        return notes


def shown(name: str) -> str:
    """A file's name as a short piece of plain text, whatever is in it."""
    plain = "".join(char if char.isprintable() and char not in "<>`" else "?" for char in name)
    return f"`{plain[:80]}`"
