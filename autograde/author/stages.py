"""`course test`: everything that CI runs, stage by stage, each saying what it does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

from autograde.course import paths
from autograde.course.errors import CourseError
from autograde.course.kernels import environment

Stage = tuple[str, Sequence[str]]  # what it does, and the arguments of Python

_PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=10")
# a test goes to the worker that is free first, the cells of a notebook go together; one worker more than cores, since
# many wait for a limit, a server or a kernel
_SIDE_BY_SIDE = ("-n", str(min(4, (os.cpu_count() or 1) + 1)), "--dist", "loadscope")
_NOTEBOOKS = ("--nbval", "--rebuilt", "solutions")

_STATIC: dict[str, Stage] = {
    "lint": ("ruff: style and common mistakes", ("-m", "ruff", "check", ".")),
    "format": ("ruff: format", ("-m", "ruff", "format", "--check", ".")),
    "imports": ("import contracts", ("-c", "from importlinter.cli import lint_imports_command as main; main()")),
    "types": ("mypy", ("-m", "mypy")),
}
_PARTS: dict[str, Stage] = {
    "unit": ("unit tests and the guards of the course", ("-m", "not nbgrader and not browser", "tests")),
    "nbval": (
        "nbval: the solutions give their saved outputs, and a rebuild changes no byte",
        _NOTEBOOKS,
    ),
    "nbgrader": ("the whole way through nbgrader", ("-m", "nbgrader", "tests")),
    "browser": ("a learner and an instructor in a real browser", ("-m", "browser", "tests")),
}
# in one run of pytest, so that no core is idle while another finishes a stage
_TOGETHER: Stage = (
    "nbval, unit, nbgrader, browser: side by side, the longest first",
    (*_PYTEST, *_SIDE_BY_SIDE, *_NOTEBOOKS, "tests"),
)
_COVERAGE = ("--cov", "--cov-report=")  # the total; pyproject.toml says of what, and how much it has to be


def stages(only: Sequence[str] | None = None, full: bool = False) -> dict[str, Stage]:
    """Those that `course test` runs, {name: stage}, in this order.

    only  their names; none: all
    full  the tests marked `full` too, and coverage; longer

    Raises CourseError for a name that is not known.
    """
    parts = {name: (text, (*_PYTEST, *_SIDE_BY_SIDE, *options)) for name, (text, options) in _PARTS.items()}
    if full:
        parts = {name: (text, (*options, "--full")) for name, (text, options) in parts.items()}
        text, options = parts["unit"]
        parts["unit"] = text, (*options, *_COVERAGE)
    if only:
        known = _STATIC | parts
        unknown = [name for name in only if name not in known]
        if unknown:
            raise CourseError(f"There is no stage {unknown[0]!r}. The stages are: {', '.join(known)}.")
        return {name: stage for name, stage in known.items() if name in only}
    return _STATIC | (parts if full else {"tests": _TOGETHER})


def run(only: Sequence[str] | None = None, full: bool = False) -> int:
    """Run the stages; stops at none, says at the end which failed."""
    chosen = stages(only, full)
    if subprocess.run([sys.executable, "-c", "import pytest, ruff, nbval"], capture_output=True).returncode:
        raise CourseError("The tests need the development packages: pip install -e '.[dev]' -c constraints.txt")
    failed = []
    variables = environment() | {"OMP_NUM_THREADS": "1"}  # workers share the cores: more threads wait for each other
    variables.pop("PYTHONDONTWRITEBYTECODE", None)  # without bytecode every process compiles PyTorch's modules anew
    begin = time.monotonic()
    for name, (text, command) in chosen.items():
        print(f"\n=== {name}: {text}", flush=True)
        start = time.monotonic()
        status = subprocess.run([sys.executable, *command], cwd=paths.root(), env=variables).returncode
        print(f"=== {name}: {'passed' if status == 0 else 'FAILED'} in {time.monotonic() - start:.0f} s", flush=True)
        if status:
            failed.append(name)
    minutes = (time.monotonic() - begin) / 60
    print(f"\n=== {'all stages passed' if not failed else 'failed: ' + ', '.join(failed)} in {minutes:.1f} minutes")
    return 1 if failed else 0
