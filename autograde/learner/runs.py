"""Which cells this kernel has run, and whether what a check finds is what the cell above defines now."""

from __future__ import annotations

import ast
import json
import os
import re
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autograde.judge.verdict import ERROR, FAILED, Verdict

_MARGIN = 1.0  # seconds by which a file has to be newer than a run


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a cell: its id in the notebook where that is known, its text, what made Python refuse that text, and
    when it ended."""

    cell: str | None
    source: str
    refused: BaseException | None = None
    ended: float = 0.0


runs: deque[Run] = deque(maxlen=2000)
_running: list[Run] = []  # the cell that runs now, if any


def watch() -> None:
    """Remember what is run from now on, if this is a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None and _remember not in shell.events.callbacks["post_run_cell"]:
        shell.events.register("pre_run_cell", _begin)
        shell.events.register("post_run_cell", _remember)


def _begin(info: Any) -> None:
    _running[:] = [Run(cell=getattr(info, "cell_id", None), source=info.raw_cell, ended=time.time())]


def _remember(result: Any) -> None:
    info = result.info
    cell = getattr(info, "cell_id", None)
    _running.clear()
    runs.append(Run(cell=cell, source=info.raw_cell, refused=result.error_before_exec, ended=time.time()))


def so_far() -> list[Run]:
    """What was run, the oldest first, with the cell that runs now: a check may stand below the definition in it."""
    return [*runs, *_running]


def in_a_frontend() -> bool:
    """Whether the cells come from JupyterLab or the like, and not from a program that runs the notebook."""
    return notebook_file() is not None or any(run.cell for run in runs)


# --- what is found --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Refused:
    """The last text of the cell is not Python."""

    error: SyntaxError

    def verdict(self, name: str, points: float, remembered: bool) -> Verdict:
        """The result of a check, which has not looked at an older definition."""
        line = self.error.lineno
        where = f" in line {line}" if line else ""
        advice = f"The cell cannot run: {type(self.error).__name__}{where}, {self.error.msg}."
        advice += " Correct it and run the cell, then run this check again."
        if remembered:
            advice += f" What is in memory as `{name}` is an older definition, which was not checked."
        text = (self.error.text or "").strip()
        facts = (("In your code", f"line {line}: {text}" if text else f"line {line}"),) if line else ()
        return Verdict(name=name, passed=False, state=ERROR, score=0.0, advice=advice, facts=facts, points=points)


@dataclass(frozen=True)
class Older:
    """The object is an older definition: `sentence` says why. Where the notebook no longer defines it (`gone`), a
    right one does not count."""

    sentence: str
    gone: bool

    def of(self, verdict: Verdict) -> Verdict:
        """The verdict on the older definition, with the sentence in front."""
        if not self.gone or not verdict.passed:
            note = f"This check judged the older definition{', which passes' * verdict.passed}."
            return replace(verdict, advice=f"{self.sentence} {note} {verdict.advice}".strip())
        advice = f"{self.sentence} The older definition, which is still in memory, is right."
        return replace(verdict, passed=False, state=FAILED, score=0.0, advice=advice)


def doubt(name: str, text: str | None, known: Sequence[Run], saved: Path | None = None) -> Refused | Older | None:
    """Why the object `name` is not what the notebook defines now; None where nothing shows that.

    text   the source of the cell that the object comes from, None where there is no object or it cannot be had
    known  what was run, the oldest first
    saved  the notebook's file
    """
    defines = re.compile(rf"^(?:async[ \t]+def|def|class)[ \t]+{re.escape(name)}\b", re.MULTILINE)
    mention = next((at for at in reversed(range(len(known))) if defines.search(known[at].source)), None)
    if mention is None:
        return None
    cell = known[mention].cell
    latest = [run for run in known[mention:] if cell is not None and run.cell == cell] or [known[mention]]
    valid = [run for run in known if defines.search(run.source) and run.refused is None]
    if isinstance(latest[-1].refused, SyntaxError):
        elsewhere = cell is not None and bool(valid) and valid[-1].cell not in (None, cell)
        return None if elsewhere else Refused(latest[-1].refused)
    if cell is None or text is None or not valid or valid[-1].source.strip() != text.strip():
        return None
    if len(latest) > 1:
        return _renamed(name, latest[-1].source)
    if saved is not None and _saved_source(saved, latest[-1]) not in (None, latest[-1].source.strip()):
        return Older(f"Run the cell of `{name}` first: it has changed since it was last run.", gone=False)
    return None


def _renamed(name: str, source: str) -> Older | None:
    """The cell has been run again, with this text, which mentions no definition of the name."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # a magic
        return None
    if any(isinstance(node, ast.Name | ast.alias) and _bound(node) == name for part in body for node in ast.walk(part)):
        return None
    defined = [node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    now = f"defines `{defined[0]}` in its place" if len(defined) == 1 else "does not define it"
    return Older(f"Define `{name}` in its cell again: what was run last {now}.", gone=True)


def _bound(node: ast.Name | ast.alias) -> str | None:
    if isinstance(node, ast.alias):
        return node.asname or node.name
    return node.id if isinstance(node.ctx, ast.Store) else None


def _saved_source(file: Path, run: Run) -> str | None:
    """The text of the run's cell in the notebook's file, where that was saved after the run."""
    try:
        if file.stat().st_mtime <= run.ended + _MARGIN:
            return None
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        return next("".join(cell["source"]).strip() for cell in cells if cell.get("id") == run.cell)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration):
        return None


def notebook_file() -> Path | None:
    """The file of this kernel's notebook, where the server has told it."""
    name = os.environ.get("JPY_SESSION_NAME", "")
    return Path(name) if name.endswith(".ipynb") and os.path.isabs(name) else None
