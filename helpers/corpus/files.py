"""Paths as people write them, and files that are never half written."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def user_path(path: str | os.PathLike) -> Path:
    """The path with `~` as the home folder. ValueError if it is empty: it would be the folder one is in."""
    if not os.fspath(path):
        raise ValueError("The path is empty. Give the name of a file or folder.")
    return Path(os.path.expanduser(path))


def path_argument(text: str) -> str:
    """The path that a command is given, for argparse. A variable of the shell that is not set gives an empty one."""
    if not text.strip():
        raise argparse.ArgumentTypeError("a path is expected, and there is none")
    return text


def write_atomic(path: str | os.PathLike, data: bytes | str) -> None:
    """Write a file so that at every moment the old or the new one is there as a whole; text as UTF-8.

    Missing folders are made. OSError if that is not possible: the old file is still there, and nothing else.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: str | os.PathLike) -> None:
    """Make a rename last; Windows needs and knows no such call."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
