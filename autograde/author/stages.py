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

_PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=5")
_SIDE_BY_SIDE = ("-n", str(min(4, os.cpu_count() or 1)), "--dist")  # more kernels would need more memory than time

STAGES: dict[str, tuple[str, Sequence[str]]] = {
    "lint": ("ruff: style and common mistakes", ("-m", "ruff", "check", ".")),
    "format": ("ruff: format", ("-m", "ruff", "format", "--check", ".")),
    "unit": (
        "unit tests and the guards of the course",
        (*_PYTEST, *_SIDE_BY_SIDE, "worksteal", "-m", "not nbgrader and not browser", "tests"),
    ),
    "nbval": (
        "nbval: the solutions give their saved outputs",
        (*_PYTEST, *_SIDE_BY_SIDE, "loadfile", "--nbval", "solutions"),
    ),
    "nbgrader": (
        "the whole way through nbgrader",
        (*_PYTEST, *_SIDE_BY_SIDE, "worksteal", "-m", "nbgrader", "tests"),
    ),
    "browser": ("a learner and an instructor in a real browser", (*_PYTEST, "-m", "browser", "tests")),
}


def run(only: Sequence[str] | None = None) -> int:
    """Run the stages; stops at none, says at the end which failed."""
    unknown = [name for name in only or () if name not in STAGES]
    if unknown:
        raise CourseError(f"There is no stage {unknown[0]!r}. The stages are: {', '.join(STAGES)}.")
    if subprocess.run([sys.executable, "-c", "import pytest, ruff, nbval"], capture_output=True).returncode:
        raise CourseError("The tests need the development packages: pip install -e '.[dev]' -c constraints.txt")
    failed = []
    begin = time.monotonic()
    for name, (text, command) in STAGES.items():
        if only and name not in only:
            continue
        print(f"\n=== {name}: {text}", flush=True)
        start = time.monotonic()
        status = subprocess.run([sys.executable, *command], cwd=paths.root(), env=environment()).returncode
        print(f"=== {name}: {'passed' if status == 0 else 'FAILED'} in {time.monotonic() - start:.0f} s", flush=True)
        if status:
            failed.append(name)
    minutes = (time.monotonic() - begin) / 60
    print(f"\n=== {'all stages passed' if not failed else 'failed: ' + ', '.join(failed)} in {minutes:.1f} minutes")
    return 1 if failed else 0
