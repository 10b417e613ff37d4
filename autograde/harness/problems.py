"""Exceptions of a learner's code as plain data."""

from __future__ import annotations

import inspect
import linecache
import traceback
from pathlib import Path

from autograde.harness import limits
from autograde.harness.call import Problem

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
        return Problem("TimeIsUp", text, ("TimeIsUp",))
    except BaseException:
        return Problem("Exception", "its text could not be read", ("Exception",))


def _problem(error: BaseException, seconds: float) -> Problem:
    kinds = tuple(cls.__name__ for cls in type(error).__mro__ if cls is not object)
    if isinstance(error, limits.TimeIsUp):
        text = f"no result after {seconds:g} seconds: is there a loop that never ends?"
        return Problem("TimeIsUp", text, kinds, learner_lines(error))
    if isinstance(error, limits.Exited | SystemExit):
        return Problem("Exited", "the code asked Python to exit", kinds, learner_lines(error))
    return Problem(type(error).__name__, _text(error), kinds, learner_lines(error))


def _text(error: BaseException) -> str:
    try:
        text = str(error)
    except (KeyboardInterrupt, limits.TimeIsUp):
        raise
    except BaseException:
        return ""
    return text if len(text) <= 500 else text[:500] + " ..."


def learner_lines(error: BaseException, most: int = 4) -> tuple[str, ...]:
    """The lines of a traceback that the learner wrote, innermost last: neither ours nor a library's."""
    lines = []
    try:
        for frame, number in traceback.walk_tb(error.__traceback__):
            code = frame.f_code
            file = code.co_filename
            if file.startswith(OURS) or "site-packages" in file:
                continue
            source = linecache.getline(file, number).strip()
            where = f"line {number}, in {code.co_name}" if code.co_name != "<module>" else f"line {number}"
            lines.append(f"{where}: {source}" if source else where)
    except (KeyboardInterrupt, limits.TimeIsUp):
        raise
    except BaseException:
        return ()
    return tuple(lines[-most:])
