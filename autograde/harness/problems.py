"""Exceptions of a learner's code as plain data."""

from __future__ import annotations

import ast
import inspect
import linecache
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, ModuleType, TracebackType
from typing import Any

import numpy as np

from autograde.harness import limits
from autograde.harness.brief import brief
from autograde.harness.call import Problem
from autograde.harness.plain import TensorData, to_plain, type_name

# files whose lines are not the learner's: this package, the references, the standard library
OURS = (
    str(Path(__file__).parents[1]),
    str(Path(__file__).parents[2] / "helpers"),
    str(Path(inspect.__file__).parent),
    "<frozen",
)
_READING = 1.0  # seconds for the text of an exception


def problem_in_time(error: BaseException, seconds: float) -> Problem:
    """An exception's class and text may be the learner's own, so reading them has a time limit too."""
    try:
        with limits.time_limit(min(seconds, _READING)):
            return _problem(error, seconds)
    except KeyboardInterrupt:
        raise
    except limits.TimeIsUp:
        text = f"an exception was raised whose text took longer than {min(seconds, _READING):g} seconds"
        return Problem(kind="TimeIsUp", text=text, kinds=("TimeIsUp",))
    except BaseException:
        return Problem(kind="Exception", text="its text could not be read", kinds=("Exception",))


def _problem(error: BaseException, seconds: float) -> Problem:
    kinds = tuple(cls.__name__ for cls in type(error).__mro__ if cls is not object)
    lines = learner_lines(error)
    if isinstance(error, limits.Exited | SystemExit):
        return Problem(kind="Exited", text="the code asked Python to exit", kinds=kinds, lines=lines)
    values = values_there(error)
    if isinstance(error, limits.TimeIsUp):
        text = f"no result after {seconds:g} seconds: is there a loop that never ends?"
        return Problem(kind="TimeIsUp", text=text, kinds=kinds, lines=lines, values=values)
    return Problem(kind=type(error).__name__, text=_text(error), kinds=kinds, lines=lines, values=values)


def undefined_name(kind: str, text: str) -> str | None:
    """The name that a NameError says is not defined; None for another error. `kind` is the name of its class."""
    found = re.match(r"name '([^']+)' is not defined", text) if kind == "NameError" else None
    return found[1] if found else None


def _text(error: BaseException) -> str:
    try:
        text = str(error)
    except (KeyboardInterrupt, limits.TimeIsUp):
        raise
    except BaseException:
        return ""
    return text if len(text) <= 500 else text[:500] + " ..."


def _is_learners(frame: FrameType) -> bool:
    """Whether a learner wrote what runs in a frame; a sandbox has helpers in folders of its own."""
    file, module = frame.f_code.co_filename, str(frame.f_globals.get("__name__", ""))
    return not file.startswith(OURS) and "site-packages" not in file and module.partition(".")[0] != "helpers"


def learner_lines(error: BaseException, most: int = 4) -> tuple[str, ...]:
    """The lines of a traceback that the learner wrote, innermost last: neither ours nor a library's."""
    lines = []
    try:
        for frame, number in traceback.walk_tb(error.__traceback__):
            code = frame.f_code
            if not _is_learners(frame):
                continue
            source = linecache.getline(code.co_filename, number).strip()
            where = f"line {number}, in {code.co_name}" if code.co_name != "<module>" else f"line {number}"
            lines.append(f"{where}: {source}" if source else where)
    except (KeyboardInterrupt, limits.TimeIsUp):
        raise
    except BaseException:
        return ()
    return tuple(lines[-most:])


# --- values ---------------------------------------------------------------------------------------------------------

_MOST_VALUES = 6
_LONGEST = 60  # characters of a value


def values_there(error: BaseException) -> tuple[str, ...]:
    """What the expression that failed reads, in short: "x: float64 (2, 3)", "axis: -1", "self.dropout: 0.1"."""
    found: dict[str, str] = {}
    try:
        place = None
        at = error.__traceback__
        while at is not None:
            if _is_learners(at.tb_frame):
                place = at
            at = at.tb_next
        if place is None:
            return ()
        known = {**place.tb_frame.f_globals, **place.tb_frame.f_locals}
        line = linecache.getline(place.tb_frame.f_code.co_filename, place.tb_lineno)
        for expression in (_failed_expression(place), line.strip()):
            owners: set[str] = set()  # of attributes that are told
            for node in [] if found else _read_in(expression):
                name, text = _described(node, known)
                if text and name not in owners:
                    found.setdefault(name, text)
                    owners.add(name.split(".")[0] if isinstance(node, ast.Attribute) else "")
    except (KeyboardInterrupt, limits.TimeIsUp):
        raise
    except BaseException:
        return ()
    return tuple(f"{name}: {text}" for name, text in list(found.items())[:_MOST_VALUES])


def _failed_expression(place: TracebackType) -> str:
    """The source of the expression that raised, as the code's own positions tell it."""
    code = place.tb_frame.f_code
    first, last, start, end = list(code.co_positions())[place.tb_lasti // 2]
    if first is None or last is None or start is None or end is None:
        return ""
    lines = [linecache.getline(code.co_filename, number).encode() for number in range(first, last + 1)]
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    return b"".join(lines).decode()


def _read_in(expression: str) -> Iterator[ast.expr]:
    """The names and attributes in an expression or in a line of code, from left to right."""
    tree = next(filter(None, (_parsed(text) for text in (f"({expression})", expression, f"{expression} pass"))), None)
    if tree is None:
        return
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Name | ast.Attribute)]
    yield from sorted(found, key=lambda node: (node.lineno, node.col_offset))  # an attribute before its owner


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None


def _described(node: ast.expr, known: dict[str, Any]) -> tuple[str, str]:
    """The name of a value and what it is; "" for a function, a module, or what the source does not show."""
    name = ast.unparse(node)
    if isinstance(node, ast.Name):
        return name, _kind_of(known[name]) if name in known else ""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in known:
        owner = known[node.value.id]
        if isinstance(owner, ModuleType):
            return name, ""
        own = _attributes(owner)
        for names in (own, own.get("_parameters"), own.get("_modules"), own.get("_buffers")):
            if type(names) is dict and node.attr in names:
                return name, _kind_of(names[node.attr])
    return name, ""


def _attributes(owner: Any) -> dict[str, Any]:
    """The attributes that an object itself has; nothing of its class is run."""
    try:
        own = object.__getattribute__(owner, "__dict__")
    except AttributeError:  # an array, say
        return {}
    return own if type(own) is dict else {}


def _kind_of(value: Any) -> str:
    """A value in a few words: dtype and shape of an array, a number itself, the number of items of a list."""
    plain = to_plain(value) if _is_array(value) or type(value) in (int, float, bool, complex, str) else value
    if isinstance(plain, TensorData | np.ndarray):
        return brief(plain, most=0)
    if value is None or type(plain) in (int, float, bool, complex, str):
        text = brief(plain)
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."
    if isinstance(value, list | tuple | dict | set):
        return f"{type_name(value)} of {len(value)} item{'s' * (len(value) != 1)}"
    if isinstance(value, type | ModuleType) or (callable(value) and not _is_module(value)):
        return ""
    return type(value).__name__


def _is_array(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return isinstance(value, np.ndarray | np.generic) or (torch is not None and isinstance(value, torch.Tensor))


def _is_module(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)
