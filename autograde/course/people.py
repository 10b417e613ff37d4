"""What a student may be called: the name of a folder on every system, and nothing that nbgrader reads as a pattern."""

from __future__ import annotations

import unicodedata

LONGEST = 128  # characters of a student's id in nbgrader's gradebook
_BYTES = 255  # of a folder's name
_REFUSED = '/\\:*?"<>|[]'
# what Moodle calls somebody whose name it hides, in lists and, without the slash, in names of files
HIDDEN = frozenset(
    {
        *("participant", "teilnehmer/in", "teilnehmerin", "teilnehmer", "participante", "partecipante", "deelnemer"),
        *("deltagare", "deltager", "deltaker", "участник", "参加者", "参与者"),
    }
)
_DEVICES = {"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10))}


def normalised(name: str) -> str:
    """The same name in the one spelling that is stored (NFC: an accent is part of its letter)."""
    return unicodedata.normalize("NFC", name).strip()


def folded(name: str) -> str:
    """Equal for two names that a file system may take for one: capitals and the spelling of accents do not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).casefold())


def refusal(name: str) -> str:
    """Why a student cannot be called this, in words that follow a colon; "" where it is fine."""
    if not name.strip():
        return "the name is empty"
    if not name.isprintable():
        return "the name has characters that cannot be printed, or is not UTF-8"
    if len(name) > LONGEST or len(name.encode()) > _BYTES:
        return f"the name has more than {LONGEST} characters, or more than {_BYTES} bytes"
    refused = [char for char in name if char in _REFUSED]
    if refused:
        return f"the name has a {refused[0]}, which not every system allows in a folder's name"
    if name.startswith("."):
        return "the name begins with a dot, so that the folder would be hidden"
    if name != name.strip() or name.endswith("."):
        return "the name begins with a space, or ends with a space or a dot, which Windows drops"
    if name.casefold().split(".")[0] in _DEVICES:
        return f"{name} is the name of a device on Windows"
    return ""
