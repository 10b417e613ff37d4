"""Read files from an untrusted folder or zip archive; links, zip bombs and path traversal are refused."""

from __future__ import annotations

import datetime
import io
import lzma
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from autograde.course.text import decode

LARGEST = 64 * 2**20  # bytes of one file
MOST_FILES = 100_000  # of one folder or archive
RATIO = 200  # a file that unpacks to more than this times its packed size is refused ...
RATIO_FROM = 64 * 2**10  # ... if it has at least this many bytes
_INDEX = 4 * 2**20  # bytes of the table of contents of a student's archive
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, ValueError, struct.error)


# a name in which the letters of the code page 437 are letters of words
_WESTERN = re.compile(r"(?!.*[a-zß-ÿ][À-Þ])[\x00-\x7fÀ-ÖØ-öø-ÿ]*", re.DOTALL)


class Refused(Exception):
    """A file or archive that is not read; the message says why, in words that follow a colon."""


@dataclass(frozen=True, kw_only=True)
class File:
    """A file that may be read, or a folder.

    place      where it is, for people to find it; for a file in an archive within an archive both paths
    inside     its place within its folder or innermost archive
    content    `content(limit)` gives the content, or raises Refused; `read` looks at `problem` first
    problem    why it is not read, or ""
    modified   the date that the folder or archive has for it, in the local time of whoever wrote it
    is_folder  it is a folder: listed so that an empty one is seen
    """

    place: PurePosixPath
    inside: PurePosixPath
    content: Callable[[int], bytes]
    problem: str = ""
    modified: datetime.datetime | None = None
    is_folder: bool = False

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
        if file.is_symlink():
            raise Refused("it is a link, and links are not followed") from None
        raise Refused(f"it could not be opened ({error.strerror})") from None
    with os.fdopen(number, "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise Refused("it is not an ordinary file")
        data = stream.read(limit + 1)
    return _within(data, limit)


def _within(data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        raise Refused(f"it is larger than {limit // 2**20} MiB")
    return data


def folder_files(folder: Path) -> Iterator[File]:
    """All files and folders under a folder, sorted; links, to folders too, come with their problem."""
    count = 0
    for here, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted([*names, *folders]):
            file = Path(here, name)
            count += 1
            if count > MOST_FILES:
                raise Refused(f"there are more than {MOST_FILES} files")
            yield _listed(file, PurePosixPath(file.relative_to(folder).as_posix()))


def single_file(file: Path) -> File:
    return _listed(file, PurePosixPath(file.name))


def _listed(file: Path, place: PurePosixPath) -> File:
    problem = "it is a link, and links are not followed" if file.is_symlink() else ""
    try:
        modified = datetime.datetime.fromtimestamp(file.lstat().st_mtime)
    except (OSError, OverflowError, ValueError):
        modified = None
    return File(
        place=place,
        inside=place,
        content=lambda limit: read_plain(file, limit),
        problem=problem,
        modified=modified,
        is_folder=not problem and file.is_dir(),
    )


def open_archive(file: Path | io.BytesIO, limited: bool = False) -> zipfile.ZipFile:
    """Open a zip file; Refused if it is none, or if its table of contents is longer than 64 MiB (`limited`: 4 MiB)."""
    try:
        with file.open("rb") if isinstance(file, Path) else nullcontext(file) as stream:
            _check_index(stream, _INDEX if limited else LARGEST)
        return zipfile.ZipFile(file)
    except _DAMAGED:
        raise Refused("it is not a zip file, or is damaged") from None


def _check_index(stream: BinaryIO, limit: int) -> None:
    """Reading the table of contents takes memory for each of its entries."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - 2**16 - 22))
    tail = stream.read()
    end = tail.rfind(b"PK\x05\x06")
    if end >= 0:
        (length,) = struct.unpack_from("<I", tail, end + 12)
        if min(length, size) > limit:  # the largest number says "see elsewhere"; it is never longer than the file
            raise Refused("its table of contents is too long")


def archive_files(archive: zipfile.ZipFile, outer: PurePosixPath | None = None) -> Iterator[File]:
    """The files of an archive; a link, a bomb or a path that leads out of the archive comes with its problem."""
    members = archive.infolist()
    if len(members) > MOST_FILES:
        raise Refused(f"there are more than {MOST_FILES} files")
    for member, name in zip(members, _names(members), strict=True):
        name = name.replace("\\", "/").replace("\0", "")  # some programs of Windows write backslashes
        inside = PurePosixPath(name)
        if not inside.name:
            continue
        place = inside if outer is None else PurePosixPath(f"{outer}: {inside}")
        content = partial(_unzip, archive, member)
        yield File(
            place=place,
            inside=inside,
            content=content,
            problem=_problem(member, inside),
            modified=_date(member),
            is_folder=name.endswith("/"),
        )


def _names(members: list[zipfile.ZipInfo]) -> list[str]:
    """The members' names. Where nothing says that they are UTF-8, Python reads them as a code page of 1981.

    All of them decide in which encoding they are. Where it cannot be told, those bytes stay bytes, as in a name of a
    disk that is not UTF-8: a person cannot be called so, and a wrong guess would change names in silence.
    """
    old = [name.filename for name in members if not name.flag_bits & 0x800 and not name.filename.isascii()]
    data = [name.encode("cp437") for name in old]
    try:
        new = decode(b"\n".join(data), western="ascii").split("\n")
    except ValueError:
        new = old if all(map(_WESTERN.fullmatch, old)) else []
    if len(new) != len(old):
        new = [name.decode("utf-8", "surrogateescape") for name in data]
    known = dict(zip(old, new, strict=True))
    return [known.get(member.filename, member.filename) for member in members]


def _date(member: zipfile.ZipInfo) -> datetime.datetime | None:
    try:
        return datetime.datetime(*member.date_time) if member.date_time[0] > 1980 else None  # 1980: there is none
    except ValueError:
        return None


def _problem(member: zipfile.ZipInfo, inside: PurePosixPath) -> str:
    if inside.is_absolute() or ".." in inside.parts or inside.parts[0][1:2] == ":":  # C:
        return "its path leads out of the archive"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "it is a link, and links are not followed"
    if member.file_size >= RATIO_FROM and member.file_size > RATIO * max(1, member.compress_size):
        return "it unpacks to far more than it should (a zip bomb)"
    return ""


def _unzip(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> bytes:
    if member.file_size > limit:
        raise Refused(f"it is larger than {limit // 2**20} MiB")
    try:
        with archive.open(member) as stream:
            return _within(stream.read(limit + 1), limit)
    except (*_DAMAGED, MemoryError):
        # damaged, cut off, encrypted, or packed in a way that Python cannot unpack
        raise Refused("it is damaged or encrypted and could not be unpacked") from None
