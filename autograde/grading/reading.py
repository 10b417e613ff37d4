"""Read a submitted file. Whatever is in it, this gives a notebook or a sentence that says why not."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell

LARGEST = 64 * 2**20  # bytes of a file
MOST = 5_000  # cells


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
        size = file.stat().st_size
        if size > LARGEST:
            raise Unreadable(f"The file has {size / 2**20:.0f} MiB; at most {LARGEST // 2**20} are read.")
        data = file.read_bytes()
    except OSError as error:
        raise Unreadable(f"The file could not be opened: {error.strerror}.") from None
    notes: list[str] = []
    text = _decode(data, notes)
    if not text.strip():
        raise Unreadable("The file is empty.")
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise Unreadable(f"The file is not a notebook: it is not valid JSON{where}.") from None
    return Submitted(_cells(tree), notes)


def _decode(data: bytes, notes: list[str]) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        notes.append("The file was in UTF-16; it was read as such.")
        encoding = "utf-16"
    else:
        encoding = "utf-8-sig"  # UTF-8, with or without a byte-order mark
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise Unreadable("The file is not a notebook: it is not text in UTF-8.") from None


def _cells(tree: Any) -> list[SubmittedCell]:
    if not isinstance(tree, dict):
        raise Unreadable("The file is not a notebook: it is JSON of another kind.")
    rows = tree.get("cells")
    if not isinstance(rows, list) and isinstance(tree.get("worksheets"), list):  # nbformat 3
        rows = [cell for sheet in tree["worksheets"] if isinstance(sheet, dict) for cell in sheet.get("cells") or ()]
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
    # a lone surrogate is valid JSON and cannot be written again
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""
