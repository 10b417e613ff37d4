"""CSV files that a spreadsheet opens without running anything in them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from autograde.course import notebooks

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def neutral(value: Any) -> Any:
    """A value for a cell. A text that a spreadsheet would take for a formula gets an apostrophe before it, as OWASP
    advises (https://owasp.org/www-community/attacks/CSV_Injection); numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return repr(round(value, 6))
    text = str(value).replace("\0", "")
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def write_csv(file: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file (RFC 4180, UTF-8), whole or not at all."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([neutral(cell) for cell in header])
    writer.writerows([neutral(cell) for cell in row] for row in rows)
    notebooks.write(file, out.getvalue())
