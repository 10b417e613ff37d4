"""Errors that the user caused and can mend: one clear sentence with the remedy, no traceback."""

from __future__ import annotations

import errno
import re


class CourseError(Exception):
    """Shown as it is by the `course` command, which then ends with status 2."""


_SYSTEM = {
    getattr(errno, "EDQUOT", errno.ENOSPC): "your quota of the disk is used up. Make room, and run the command again",
    errno.ENOSPC: "the disk is full. Make room, and run the command again",
    errno.EROFS: "the disk is read-only. Work in a folder that may be written",
    errno.EISDIR: "it is a folder, and a file is expected. Rename it, or name another file",
    errno.ENOTDIR: "a part of the path is a file, and a folder is expected. Rename it, or name another place",
    errno.ENOENT: "there is no such file or folder",
    errno.ENAMETOOLONG: "the name is too long for this disk",
    errno.EACCES: "it may not be read or written. Check its permissions",
    errno.EPERM: "it may not be read or written. Check its permissions",
    errno.EMFILE: "too many files are open. Raise the limit (`ulimit -n 4096`), and run the command again",
}
_EVERYWHERE = {
    *(getattr(errno, "EDQUOT", errno.ENOSPC), errno.ENOSPC, errno.EROFS, errno.EIO, errno.ENOMEM),
    *(errno.EMFILE, errno.ENFILE),
}
# errors of a database about what it is given, and not about its state
_OF_DATA = {"DataError", "IntegrityError", "ProgrammingError", "InterfaceError"}
# what a driver of a database says
_DATABASE = {
    "locked": "another program is writing to it. Wait until it ends (close the formgrader), and run the command again",
    "readonly": "it may not be written. Check the permissions of the file and its folder",
    "read-only": "it may not be written. Check the permissions of the file and its folder",
    "disk is full": "the disk is full. Make room, and run the command again",
    "disk i/o": "the disk has failed, or is full. Make room, and run the command again",
    "not a database": "the file is not a database. Put a backup in its place",
    "malformed": "the file is damaged. Put a backup in its place",
    "unable to open": "the file cannot be opened. Check its place and its permissions",
    "no such table": "it is of another version. Keep a copy of it, and run `nbgrader db upgrade`",
    "no such column": "it is of another version. Keep a copy of it, and run `nbgrader db upgrade`",
    "connect": "the server cannot be reached. Check `db_url` in nbgrader_config.py and the server",
}

# how Python writes an error of a file, and SQLAlchemy one of a database, at the end of a traceback
_LOGGED_SYSTEM = re.compile(r"\[Errno (\d+)\] ([^:\n]*)(?:: '([^'\n]*)')?")
_LOGGED_DATABASE = re.compile(r"\(\S+\.(?:Operational|Database)Error\) (.+)")
_LOGGED_MISSING = "nbgrader.api.MissingEntry"


def sentence(error: Exception) -> str | None:
    """What to tell a person where the surroundings failed (files, disk, database); None for any other error."""
    if isinstance(error, OSError) and error.errno is not None:
        reason = _SYSTEM.get(error.errno, error.strerror or type(error).__name__)
        return f"{error.filename or 'A file could not be read or written'}: {reason}."
    if _of_database(error):
        return _of_gradebook(str(getattr(error, "orig", None) or error))
    return None


def _of_gradebook(said: str) -> str:
    reason = next((remedy for sign, remedy in _DATABASE.items() if sign in said.casefold()), said)
    return f"The gradebook: {reason}."


def logged(text: str) -> str | None:
    """The same where another program has written the error down; None where it has not, or it is any other error."""
    if found := _LOGGED_DATABASE.findall(text):
        return _of_gradebook(found[-1])
    if found := _LOGGED_SYSTEM.findall(text):
        number, reason, file = found[-1]
        return sentence(OSError(int(number), reason, file or None))
    if _LOGGED_MISSING in text:
        return "The gradebook: it does not have all that was graded. `course grade` writes it again from the records."
    return None


def concerns_all(error: Exception) -> bool:
    """Whether every submission would meet the same error: a full disk, or a gradebook that cannot be used."""
    if isinstance(error, OSError):
        return error.errno in _EVERYWHERE
    return _of_database(error) and type(error).__name__ not in _OF_DATA


def _of_database(error: Exception) -> bool:
    """SQLAlchemy need not be imported to know its errors; its driver's own may come unwrapped."""
    kinds = {(kind.__module__.split(".")[0], kind.__name__) for kind in type(error).__mro__}
    return bool(kinds & {("sqlalchemy", "DBAPIError"), ("sqlalchemy", "TimeoutError"), ("sqlite3", "Error")})
