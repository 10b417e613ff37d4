"""Files that are written whole or not at all, whenever this process or this machine stops."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def replace(file: Path, data: bytes) -> None:
    """Write a file in one step: a reader sees the old content or the new one."""
    with _written(file, data, 0o666) as temporary:
        os.replace(temporary, file)


def create(file: Path, data: bytes, mode: int = 0o666) -> bool:
    """Write a file that is not there yet; False, and nothing is changed, where something has that name."""
    if os.path.lexists(file):
        return False
    with _written(file, data, mode) as temporary:
        try:
            os.link(temporary, file)  # fails if the file has come into being meanwhile
        except FileExistsError:
            return False
        except OSError:  # a file system without links
            if os.path.lexists(file):
                return False
            os.replace(temporary, file)
    return True


@contextlib.contextmanager
def _written(file: Path, data: bytes, mode: int) -> Iterator[Path]:
    """A file beside `file` with that content, on the disk; removed at the end unless it has been moved."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
        with open(os.open(temporary, flags, mode), "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
