"""CSV files that a spreadsheet opens without running anything in them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from autograde.course import notebooks

_SIGN = r"[=+\-@＝＋－＠]"
_BEGINNING = re.compile(rf"\s*{_SIGN}|[\t\r\n]")
# after what another program may take for a separator, where a cell would begin
_WITHIN = re.compile(rf"""[,;:|\t\r\n]["'\s]*(?={_SIGN})|["\s](?={_SIGN}\S)""")


def neutral(value: Any) -> Any:
    """A value for a cell; numbers stay numbers.

    Where a spreadsheet would find a formula, an apostrophe goes before it, as OWASP advises
    (https://owasp.org/www-community/attacks/CSV_Injection): also in the middle of a text, because a program that
    separates cells by another sign than the comma makes a cell of what follows that sign.
    """
    if value is None:
        return ""
    if isinstance(value, int | float):
        return repr(round(value, 6))
    text = _WITHIN.sub(r"\g<0>'", str(value).replace("\0", ""))
    return f"'{text}" if _BEGINNING.match(text) else text


def write_csv(file: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file (RFC 4180, UTF-8), whole or not at all."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([neutral(cell) for cell in header])
    writer.writerows([neutral(cell) for cell in row] for row in rows)
    notebooks.write(file, out.getvalue())
