"""What nbval lets pass: a notebook without saved outputs, with an error output, with an empty figure, without alt text.

A pytest plugin (the root `conftest.py` loads it): with `--nbval` every notebook gets one more test, `saved outputs`.
With `--rebuilt` each lesson gets another, `rebuilt`: what nbval has just executed, built from the lesson's text, is the
saved notebook byte for byte.
"""

from __future__ import annotations

import base64
import binascii
import copy
import html
import io
import re
import tempfile
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbformat import NotebookNode
from nbval.plugin import IPyNbCell
from xdist.scheduler import LoadScopeScheduling

from autograde.author import build
from autograde.course import notebooks, paths
from autograde.course.lessons import LESSONS, Lesson
from autograde.course.release import remove_leftovers

SANITIZE = """\
[figures: the pixels may differ between machines, the text and the alt text may not]
regex: data:image/png;base64,[A-Za-z0-9+/=]+
replace: PNG
"""


def faults(notebook: NotebookNode) -> list[str]:
    """What is wrong with the saved outputs, one sentence each; empty if nothing is."""
    found = []
    for number, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        if not cell.source.strip():
            continue
        if cell.execution_count is None:
            found.append(f"Code cell {number} has not been executed: {_start(cell)}")
        for output in cell.outputs:
            found += [f"Code cell {number} {fault}: {_start(cell)}" for fault in _output_faults(output)]
    return found


def _start(cell: NotebookNode) -> str:
    return cell.source.strip().splitlines()[0][:60]


def _output_faults(output: NotebookNode) -> list[str]:
    if output.output_type == "error":
        return [f"has an error output ({output.ename})"]
    if output.output_type == "stream":
        return ["writes to stderr"] if output.name == "stderr" else []
    data, found = output.get("data", {}), []
    text, page = "".join(data.get("text/plain", "")), "".join(data.get("text/html", ""))
    if re.search(r"<Figure size .* with 0 Axes>", text):
        found.append("has a figure without axes")
    if "image/png" in data:
        if is_empty_picture("".join(data["image/png"])):
            found.append("has an empty figure")
        alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
        if len(alt) < 20:
            found.append("has a figure without alt text")
        shown = re.search(r"<img[^>]*\balt=\"([^\"]*)\"", page)
        if shown and html.unescape(shown[1]) != alt:
            found.append("has a figure with two alt texts")
    elif re.search(r"<img(?![^>]*\balt=\"[^\"]{20,}\")", page):
        found.append("has a figure without alt text")
    return found


def is_empty_picture(encoded: str) -> bool:
    """True if nothing is drawn inside the frame: the middle of what is not background has one colour."""
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")
    except (binascii.Error, UnidentifiedImageError, OSError):
        return True
    pixels = np.asarray(image).astype(int)
    ink = np.abs(pixels - pixels[0, 0]).sum(axis=-1) > 30
    if not ink.any():
        return True
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1], columns[0], columns[-1]
    height, width = bottom - top, right - left
    if height < 20 or width < 20:
        return True
    inner = pixels[top + height // 6 : bottom - height // 6, left + width // 6 : right - width // 6]
    return int(np.ptp(inner.reshape(-1, 3), axis=0).max()) == 0


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "with --nbval: a lesson built from its text with the new outputs is the saved notebook byte for byte"
    parser.addoption("--rebuilt", action="store_true", help=text)


def pytest_configure(config: pytest.Config) -> None:
    if getattr(config.option, "nbval", False) and not config.option.nbval_sanitize_with:
        folder = tempfile.TemporaryDirectory()
        config.add_cleanup(folder.cleanup)
        file = Path(folder.name, "nbval_sanitize.cfg")
        file.write_text(SANITIZE)
        config.option.nbval_sanitize_with = str(file)
    _remove_leftovers(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    _remove_leftovers(config)


def _remove_leftovers(config: pytest.Config) -> None:
    """Lesson 8 trains only where no trained model lies beside it: nbval begins without one, and leaves none."""
    if getattr(config.option, "nbval", False) and not hasattr(config, "workerinput"):
        for lesson in LESSONS:
            remove_leftovers(lesson)


@pytest.hookimpl(trylast=True)  # after nbval's own: its cells have run by then
def pytest_collect_file(file_path: Path, parent: pytest.Collector):
    option = parent.config.option
    if file_path.suffix == ".ipynb" and (getattr(option, "nbval", False) or getattr(option, "nbval_lax", False)):
        return SavedOutputs.from_parent(parent, path=file_path)
    return None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    return Scheduler(config, log) if config.getvalue("dist") == "loadscope" else None


class Scheduler(LoadScopeScheduling):
    """The cells of a notebook go to one worker, in their order: they share a kernel. Each other test goes by itself."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file.endswith(".ipynb") else nodeid


class SavedOutputs(pytest.File):
    def collect(self):
        yield SavedOutputsTest.from_parent(self, name="saved outputs")
        lessons = [lesson for lesson in LESSONS if paths.solution_of(lesson).resolve() == self.path.resolve()]
        if lessons and self.config.option.rebuilt:
            yield RebuiltTest.from_parent(self, name="rebuilt", lesson=lessons[0])


class SavedOutputsTest(pytest.Item):
    def runtest(self):
        found = faults(nbformat.read(self.path, as_version=4))
        if found:
            pytest.fail("\n".join(found), pytrace=False)

    def reportinfo(self):
        return self.path, 0, f"{self.path.name}: saved outputs"


class RebuiltTest(pytest.Item):
    def __init__(self, *, lesson: Lesson, **kwargs):
        super().__init__(**kwargs)
        self.lesson = lesson

    def runtest(self):
        items = [item for item in self.session.items if item.path == self.path]
        executed = [item.test_outputs for item in items if isinstance(item, IPyNbCell)]
        notebook = build.read_text(self.lesson)
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        if len(cells) != len(executed) or None in executed:
            pytest.fail("Not every cell of the text was executed: run `make notebooks`.", pytrace=False)
        for number, (cell, outputs) in enumerate(zip(cells, executed, strict=True), 1):
            cell.outputs, cell.execution_count = copy.deepcopy(outputs), number
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = number  # nbval does not let the kernel count
        build.tidy(notebook, notebooks.read(self.path))
        if notebooks.to_text(notebook) != self.path.read_text(encoding="utf-8"):
            pytest.fail("A rebuild changes the saved notebook: run `make notebooks`.", pytrace=False)

    def reportinfo(self):
        return self.path, 0, f"{self.path.name}: rebuilt"
