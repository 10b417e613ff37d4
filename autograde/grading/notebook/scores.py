"""The points of test cells that an instructor wrote."""

from __future__ import annotations

import ast
import math
import re

from nbformat import NotebookNode

from autograde.course.notebooks import nbgrader_data

_NUMPY_SCALAR = re.compile(r"^np\.\w+\((.*)\)$", re.DOTALL)


def ordinary_score(cell: NotebookNode, max_score: float) -> float | None:
    """The points of a test cell that an instructor wrote; None where it is graded by hand.

    As nbgrader does: an error is 0, a number is partial credit, anything else full. Unlike it: stderr does not count, a
    NumPy scalar is a number, an error beats a result, and a number outside [0, max_score] needs manual review.
    """
    if cell.cell_type != "code" or nbgrader_data(cell).get("solution"):
        from nbgrader import utils  # takes two seconds, and few notebooks have such cells

        return utils.determine_grade(cell)[0]
    if any(output.output_type == "error" for output in cell.outputs):
        return 0.0
    for output in cell.outputs:
        if output.output_type == "execute_result":
            number = _number(output.get("data", {}).get("text/plain", ""))
            if number is not None:
                return number if math.isfinite(number) and 0 <= number <= max_score else None
    return max_score


def _number(text: str) -> float | None:
    text = "".join(text) if isinstance(text, list) else str(text)
    scalar = _NUMPY_SCALAR.match(text.strip())
    text = scalar.group(1) if scalar else text.strip()
    if text.lower() in ("nan", "inf", "-inf"):
        return float(text)
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
