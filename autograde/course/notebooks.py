"""Read and write notebook files the same way everywhere: stable order, one newline at the end, whole or not at all."""

from __future__ import annotations

import copy
import json
from pathlib import Path

from autograde.course import atomic, imports

imports.notebooks()  # before nbformat

import nbformat  # noqa: E402
from nbformat import NotebookNode  # noqa: E402
from nbformat.v4.rwbase import split_lines, strip_transient  # noqa: E402

# What a Python kernel reports and JupyterLab writes into a notebook that it opens. All of it is saved from the start,
# so that opening a notebook changes nothing.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
        "version": "3.11.7",
    },
}


def to_text(notebook: NotebookNode) -> str:
    plain = json.loads(nbformat.writes(notebook, version=4))
    return json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def to_plain_text(notebook: NotebookNode) -> str:
    """The same for a notebook that this program has made: not looked through again, and in one line; ten times as
    fast."""
    plain = strip_transient(split_lines(copy.deepcopy(notebook)))
    return json.dumps(plain, sort_keys=True, ensure_ascii=False) + "\n"


def write(file: Path, text: str | bytes) -> bool:
    """Replace the file in one step if its content differs; True if it was written."""
    data = text.encode("utf-8") if isinstance(text, str) else text
    if file.is_file() and file.read_bytes() == data:
        return False
    atomic.replace(file, data)
    return True


def read(file: Path) -> NotebookNode:
    return nbformat.read(file, as_version=4)


def nbgrader_data(cell: NotebookNode) -> dict:
    data = cell.metadata.get("nbgrader")
    return data if isinstance(data, dict) else {}


def grade_id(cell: NotebookNode) -> str:
    return str(nbgrader_data(cell).get("grade_id", ""))


def merge_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Two pieces of one stream in a row become one: where a stream is cut depends on the timing."""
    merged: list[NotebookNode] = []
    for output in outputs:
        last = merged[-1] if merged else {}
        if output.output_type == last.get("output_type") == "stream" and output.name == last.get("name"):
            last["text"] += output.text
        else:
            merged.append(output)
    return merged
