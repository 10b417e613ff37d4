"""What a graded notebook keeps of what its cells have shown: enough to read, and never more than a page can show.

nbgrader's own step for this, LimitOutput, cuts only lines of text; its numbers are taken over.
"""

from __future__ import annotations

from dataclasses import dataclass

from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograde.course.notebooks import nbgrader_data

LINES = 1_000  # of text that a cell has shown
CHARACTERS = 100_000
TRACEBACK = 100  # lines of an error, and of these as many from its beginning as from its end
ERROR = 20_000  # characters of an error, or of the text that stands for a picture
PICTURE = 2 * 2**20  # characters of a picture, as it is in the file
TOGETHER = 12 * 2**20  # characters of all outputs of a notebook

CUT = f"[Cut here: of the text that a cell shows, {LINES:,} lines and {CHARACTERS:,} characters are kept.]"
NO_PICTURE = (
    f"[A picture of more than {PICTURE // 2**20} MiB is not kept. A smaller figure, or fewer dots per inch, is.]"
)
NO_MORE = f"[Not kept: all outputs of this notebook together have more than {TOGETHER // 2**20} MiB.]"
_TEXTS = ("text/plain", "text/markdown", "text/latex")


@dataclass
class _Room:
    """What a cell may still show."""

    lines: int = LINES
    characters: int = CHARACTERS
    said: bool = False  # that something was cut

    def shorter(self, text: str) -> str:
        """As much of a text as there is room for; where some is missing, the first time with a sentence."""
        kept = "\n".join(text.split("\n", self.lines)[: self.lines])[: max(0, self.characters)]
        if kept + "\n" == text:
            kept = text
        self.lines = max(0, self.lines - kept.rstrip("\n").count("\n") - 1)
        self.characters -= len(kept)
        if kept == text or self.said:
            return kept
        self.said = True
        return f"{kept}\n{CUT}" if kept else CUT


def shorten(notebook: NotebookNode) -> None:
    """Cut the outputs of a notebook in place, with a sentence where something is missing. A graded cell comes before
    the others where there is not room for all."""
    left = TOGETHER
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in sorted(code, key=lambda cell: not nbgrader_data(cell).get("grade")):
        room, kept = _Room(), []
        for output in cell.outputs:
            output = _shortened(output, room)
            size = _size(output)
            if size > left:
                kept.append(new_output("stream", name="stderr", text=NO_MORE))
                break
            left -= size
            if size or output.output_type != "stream":
                kept.append(output)
        cell.outputs = kept


def _shortened(output: NotebookNode, room: _Room) -> NotebookNode:
    if output.output_type == "stream":
        output.text = room.shorter(output.text)
    elif output.output_type == "error":
        output.ename, output.evalue = output.ename[:200], _middle_out(output.evalue)
        output.traceback = _middle_out("\n".join(output.traceback)).split("\n")
    else:
        rich = any(mime not in _TEXTS for mime in output.data)  # the text stands for a picture, or for HTML
        for mime, value in output.data.items():
            if mime in _TEXTS:
                output.data[mime] = value[:ERROR] if rich else room.shorter(value)
        for mime in [mime for mime, value in output.data.items() if mime.startswith("image/") and len(value) > PICTURE]:
            del output.data[mime]
            output.data["text/plain"] = NO_PICTURE
    return output


def _middle_out(text: str) -> str:
    lines = text.split("\n")
    if len(lines) > TRACEBACK:
        half = TRACEBACK // 2
        lines = [*lines[:half], f"[{len(lines) - 2 * half:,} lines are left out here]", *lines[-half:]]
    text = "\n".join(lines)
    if len(text) > ERROR:
        text = f"{text[: ERROR // 2]}\n[{len(text) - ERROR:,} characters are left out here]\n{text[-ERROR // 2 :]}"
    return text


def _size(output: NotebookNode) -> int:
    if output.output_type == "stream":
        return len(output.text)
    if output.output_type == "error":
        return len(output.evalue) + sum(map(len, output.traceback)) + 100
    return sum(map(len, output.data.values())) + 100
