"""What the pages for learners and instructors tell to type runs, in their order, on a small class."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import zipfile

import pytest

from autograde import cli
from autograde.course import notebooks
from autograde.course.kernels import environment
from autograde.course.lessons import find_lesson
from conftest import ROOT, filled

pytestmark = pytest.mark.nbgrader

LESSON = find_lesson("3")
PAGES = ("learners", "instructors", "collecting")
# they install, serve, test, or look at the machine
NOT_HERE = {"make", "source", "python3", "pip", "conda", "course lab", "course test", "course doctor"}
FAILING = {"check": 1}  # an untouched notebook
CLASS = "username,first name,last name,email,ID\nada,Ada,Lovelace,ada@example.org,1\nbob,Bob,Ross,bob@example.org,2\n"
UNSCALED = "def attention_scores(query, key):\n    return query @ np.swapaxes(key, -1, -2)"


def commands(page: str) -> list[list[str]]:
    """The words of each command in the page's shell blocks."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    found: list[list[str]] = []
    for line in filter(None, lines):
        while "&&" in line:
            found.append(line[: line.index("&&")])
            line = line[line.index("&&") + 1 :]
        found.append(line)
    return [[words[0].rsplit("/", 1)[-1], *words[1:]] for words in found]


@pytest.fixture
def small_class(course):
    """The files that the pages name."""
    texts = {"ada": filled(LESSON), "bob": filled(LESSON, {"attention_scores": UNSCALED})}
    with zipfile.ZipFile(course / "submissions.zip", "w") as archive:
        for student, notebook in texts.items():
            archive.writestr(f"{student}/{LESSON.name}.ipynb", notebooks.to_text(notebook))
    (course / "in").mkdir()
    name = f"sheet_bob_on_2026-11-01-10-00-00_{LESSON.name}.ipynb"
    (course / "in" / name).write_text(notebooks.to_text(texts["bob"]), encoding="utf-8")
    (course / "class.csv").write_text(CLASS)
    return course


def test_what_the_pages_tell_to_type_runs(small_class, capsys):
    assert cli.main(["start"]) == 0
    ran: list[list[str]] = []
    for words in [words for page in PAGES for words in commands(page)]:
        if words in ran or words[0] in NOT_HERE or " ".join(words[:2]) in NOT_HERE:
            continue
        if words[0] == "course":
            status = cli.main(words[1:])
        else:
            assert words[0] == "nbgrader", f"{words}: run it here, or say in NOT_HERE why not"
            command = [sys.executable, "-m", *words]
            status = subprocess.run(command, env=environment(), capture_output=True, text=True).returncode
        assert status in (0, FAILING.get(words[1], 0)), f"{shlex.join(words)}: {capsys.readouterr().err}"
        ran.append(words)
    named = {words[1] for words in ran}
    assert {"progress", "check", "reset", "release", "roster", "collect"} <= named
    assert {"grade", "feedback", "report", "similar"} <= named
    names = {file.name for file in (small_class / "classroom").rglob("*.*")}
    assert {f"grades-{LESSON.name}-canvas.csv", f"{LESSON.name}.html", f"{LESSON.name}-misconceptions.csv"} <= names
