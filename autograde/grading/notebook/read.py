"""Read a submitted file. Whatever is in it, this gives a notebook or a sentence that says why not."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell

from autograde.course.files import LARGEST, Refused, read_plain
from autograde.course.text import whole
from autograde.harness.json_size import too_many_parts

LARGEST_SOURCE = 8 * 2**20  # characters of all cells together, without what they have shown
MOST = 5_000  # cells
_PASTED = re.compile(r"[A-Za-z0-9+/=]{65536,}")  # base64
_LEFT_OUT = "LEFT-OUT"


@dataclass
class Submitted:
    """The cells of a submission, in its order, and notes about what was repaired."""

    cells: list[SubmittedCell]
    notes: list[str] = field(default_factory=list)


@dataclass
class SubmittedCell:
    kind: str  # "code", "markdown" or "raw"
    source: str
    grade_id: str = ""
    id: str = ""

    def to_cell(self):
        """A cell with this source and nothing else of the submission's."""
        make = {"code": new_code_cell, "markdown": new_markdown_cell, "raw": new_raw_cell}[self.kind]
        return make(self.source)


class Unreadable(Exception):
    """The file is no notebook; the message says why, for a learner to read."""


def read_submission(file: Path) -> Submitted:
    """Read a file as a notebook; Unreadable with the reason if it is none."""
    try:
        return parse_submission(read_plain(file, LARGEST))
    except Refused as error:
        raise Unreadable(f"The file is not read: {error}.") from None


def parse_submission(data: bytes) -> Submitted:
    """The cells in the content of a notebook file; Unreadable with the reason if it is none. Raises nothing else."""
    if len(data) > LARGEST:
        raise Unreadable(f"The file has {len(data) / 2**20:.0f} MiB; at most {LARGEST // 2**20} are read.")
    notes: list[str] = []
    text = _decode(data, notes)
    if not text.strip():
        raise Unreadable("The file is empty.")
    cells = _cells(_parse(text), notes)
    if _size(cells) > LARGEST_SOURCE:
        _lighten(cells, notes)
    return Submitted(cells, notes)


def _size(cells: list[SubmittedCell]) -> int:
    return sum(len(cell.source) for cell in cells)


def _lighten(cells: list[SubmittedCell], notes: list[str]) -> None:
    """Leave out what is no code and makes the cells too long: pasted pictures, then the longest texts. Unreadable where
    that is not enough."""
    for number, cell in enumerate(cells, 1):
        cell.source, pictures = _PASTED.subn(_LEFT_OUT, cell.source)
        if pictures:
            notes.append(f"Cell {number} holds a picture or other data as text; it was left out, the rest is graded.")
    for number, cell in sorted(enumerate(cells, 1), key=lambda pair: -len(pair[1].source)):
        if _size(cells) > LARGEST_SOURCE and cell.kind != "code":
            notes.append(f"The text of cell {number} was left out: it has {len(cell.source) / 2**20:.1f} MiB.")
            cell.source = ""
    if _size(cells) > LARGEST_SOURCE:
        raise Unreadable(f"The code cells have more than {LARGEST_SOURCE // 2**20} MiB of text together.")


def _parse(text: str) -> Any:
    if too_many_parts(text.encode("utf-8", "surrogatepass")):
        raise Unreadable("The file has too many lists and objects for a notebook.")
    try:
        # a whole number of a million digits would take minutes; nothing that is read here is a number
        return json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_number)
    except (ValueError, RecursionError, MemoryError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise Unreadable(f"The file is not a notebook: it is not valid JSON{where}.") from None


def _number(text: str) -> int:
    return 0


def _decode(data: bytes, notes: list[str]) -> str:
    encoding = "utf-8-sig"  # UTF-8, with or without a byte-order mark
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        encoding = "utf-32"
    elif data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif data[:2] == b"{\0":
        encoding = "utf-16-le"
    elif data[:2] == b"\0{":
        encoding = "utf-16-be"
    if encoding != "utf-8-sig":
        notes.append(f"The file was in {encoding[:6].upper()}; it was read as such.")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        pass
    if encoding == "utf-8-sig" and data.count(b"\0") == 0 and data.lstrip()[:1] == b"{":
        notes.append("The file was not in UTF-8; it was read as Windows-1252. Check letters with accents.")
        return data.decode("cp1252", "replace")
    raise Unreadable("The file is not a notebook: it is not text in UTF-8.")


def _cells(tree: Any, notes: list[str]) -> list[SubmittedCell]:
    if not isinstance(tree, dict):
        raise Unreadable("The file is not a notebook: it is JSON of another kind.")
    rows = tree.get("cells")
    if not isinstance(rows, list) and isinstance(tree.get("worksheets"), list):  # nbformat 3
        sheets = [sheet.get("cells") for sheet in tree["worksheets"] if isinstance(sheet, dict)]
        rows = [cell for cells in sheets if isinstance(cells, list) for cell in cells]
        notes.append("The notebook was in format 3; it was read as such.")
    if not isinstance(rows, list):
        raise Unreadable("The file is not a notebook: it has no list of cells.")
    if len(rows) > MOST:
        raise Unreadable(f"The notebook has {len(rows)} cells; at most {MOST} are read.")
    return [_cell(row) for row in rows if isinstance(row, dict)]


def _cell(row: dict) -> SubmittedCell:
    kind = row.get("cell_type")
    metadata = row.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return SubmittedCell(
        kind if kind in ("code", "markdown", "raw") else "markdown",
        _source(row.get("source", row.get("input", ""))),
        grade_id if isinstance(grade_id, str) else "",
        row["id"] if isinstance(row.get("id"), str) else "",
    )


def _source(value: Any) -> str:
    if isinstance(value, list):
        value = "".join(item for item in value if isinstance(item, str))
    if not isinstance(value, str):
        return ""
    return whole(value).replace("\r\n", "\n")  # a lone surrogate is valid JSON
