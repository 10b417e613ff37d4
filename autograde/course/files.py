"""The files of a folder or a zip file that a stranger made: no links, no bombs, no way out of the folder."""

from __future__ import annotations

import io
import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

LARGEST = 64 * 2**20  # bytes of one file
MOST_FILES = 100_000  # of one folder or archive
RATIO = 200  # a file that unpacks to more than this times its packed size is refused ...
RATIO_FROM = 8 * 2**20  # ... if it has at least this many bytes
_INDEX = 4 * 2**20  # bytes of the table of contents of a student's archive
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, ValueError, struct.error)


class Refused(Exception):
    """A file or archive that is not read; the message says why, in words that follow a colon."""


@dataclass(frozen=True)
class File:
    """A file that may be read.

    place    where it lies, for people to find it; of a file in an archive within an archive both
    inside   its place within its folder or innermost archive
    read     `read(limit)` gives the content, or raises Refused
    problem  why it is not read, or ""
    """

    place: PurePosixPath
    inside: PurePosixPath
    content: Callable[[int], bytes]
    problem: str = ""

    def read(self, limit: int = LARGEST) -> bytes:
        if self.problem:
            raise Refused(self.problem)
        return self.content(limit)


def read_plain(file: Path, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes; Refused for anything else, a link too."""
    try:
        # a pipe would wait for a writer; a link may lead anywhere
        number = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise Refused(f"it could not be opened ({error.strerror})") from None
    with os.fdopen(number, "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise Refused("it is not an ordinary file")
        data = stream.read(limit + 1)
    return _within(data, limit)


def _within(data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        raise Refused(f"it could not be read, or is larger than {limit // 2**20} MiB")
    return data


def folder_files(folder: Path) -> Iterator[File]:
    """All files under a folder, sorted; links, to folders too, come with their problem."""
    count = 0
    for here, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted([*names, *(one for one in folders if Path(here, one).is_symlink())]):
            file = Path(here, name)
            place = PurePosixPath(file.relative_to(folder).as_posix())
            problem = "it is a link, and links are not followed" if file.is_symlink() else ""
            count += 1
            if count > MOST_FILES:
                raise Refused(f"there are more than {MOST_FILES} files")
            yield File(place, place, lambda limit, f=file: read_plain(f, limit), problem)


def open_archive(file: Path | io.BytesIO, limited: bool = False) -> zipfile.ZipFile:
    """Open a zip file; Refused if it is none. `limited`: also if its table of contents is longer than 4 MiB."""
    try:
        if limited:
            _check_index(file.getvalue())
        return zipfile.ZipFile(file)
    except _DAMAGED:
        raise Refused("it could not be read, or is larger than 64 MiB") from None


def _check_index(data: bytes) -> None:
    end = data.rfind(b"PK\x05\x06", max(0, len(data) - 2**16 - 22))
    if end >= 0 and struct.unpack_from("<I", data, end + 12)[0] > _INDEX:
        raise Refused("its table of contents is too long for one submission")


def archive_files(archive: zipfile.ZipFile, outer: PurePosixPath | None = None) -> Iterator[File]:
    """The files of an archive; a link, a bomb or a path that leads out of the archive comes with its problem."""
    members = archive.infolist()
    if len(members) > MOST_FILES:
        raise Refused(f"there are more than {MOST_FILES} files")
    for member in members:
        inside = PurePosixPath(member.filename.replace("\\", "/").replace("\0", ""))
        if member.is_dir() or not inside.name:
            continue
        place = inside if outer is None else PurePosixPath(f"{outer}: {inside}")
        yield File(place, inside, lambda limit, m=member: _unzip(archive, m, limit), _problem(member, inside))


def _problem(member: zipfile.ZipInfo, inside: PurePosixPath) -> str:
    if inside.is_absolute() or ".." in inside.parts or ":" in inside.parts[0]:
        return "its path leads out of the archive"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "it is a link, and links are not followed"
    if member.file_size >= RATIO_FROM and member.file_size > RATIO * max(1, member.compress_size):
        return "it unpacks to far more than it should (a zip bomb)"
    return ""


def _unzip(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> bytes:
    try:
        with archive.open(member) as stream:
            return _within(stream.read(limit + 1), limit)
    except (*_DAMAGED, MemoryError):
        # damaged, cut off, encrypted, or packed in a way that Python cannot unpack
        raise Refused("it could not be read, or is larger than 64 MiB") from None
