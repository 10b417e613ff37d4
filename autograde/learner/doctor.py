"""`course doctor`: what this machine has of what the course needs; each line is fine, or says what to do."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import autograde
from autograde.course import hosted, paths
from autograde.course.text import counted
from helpers import interrupts

PACKAGE = "transformer-by-hand"
ROOM = 0.5  # GB that a learner's notebooks and a training need
FINE, NOTE, MEND = "OK", "note", "TO DO"


@dataclass(frozen=True)
class Found:
    """One line. `state` is FINE, NOTE (a limit that a learner can live with) or MEND; `remedy` is for the last two."""

    state: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.state:<6} {self.what}"
        return f"{line}\n{'':<6} {self.remedy}" if self.remedy else line


def examine(grading: bool = True) -> Iterator[Found]:
    """All that is looked at, one after the other; a look that fails is itself something to mend.

    `grading`: also whether notebooks can be isolated, which takes longest and which learning does not need.
    """
    looks = [_course, _python, _versions, _torch, _jupyter, _names, _fonts, _disk]
    if hosted.is_hosted():  # with a Jupyter and an environment of its own
        looks = [_course, _torch, _names, _fonts, _disk]
    for look in (*looks, _isolation) if grading else looks:
        try:
            yield from look()
        except Exception as error:
            what = f"{look.__name__.strip('_')}: {type(error).__name__}: {error}"
            yield Found(MEND, what, f"{_again()} If it stays, report this line.")


def version() -> str:
    """The course's version, and the commit of a clone."""
    number = importlib.metadata.version(PACKAGE)
    folder = paths.clone()
    if folder is None or not (folder / ".git").exists() or shutil.which("git") is None:
        return number
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--exclude", "*"]
    commit = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    return f"{number} ({commit})" if commit else number


def _home(path: Path | str) -> str:
    """A path without the name of the person: these lines are for a public report."""
    text, home = str(path), str(Path.home())
    return "~" + text[len(home) :] if text == home or text.startswith(home + os.sep) else text


def _again() -> str:
    return "Run `python3 install.py` again." if paths.clone() else "Install the course again with pip."


def _fresh() -> str:
    return "`python3 install.py` makes one in .venv." if paths.clone() else "`python3 -m venv` makes one."


def _course() -> Iterator[Found]:
    yield Found(FINE, f"course {version()} in {_home(paths.clone() or autograde.__path__[0])}")


def _python() -> Iterator[Found]:
    what = f"Python {platform.python_version()}, {platform.platform()}, in {_home(sys.prefix)}"
    if sys.prefix == sys.base_prefix:
        yield Found(NOTE, what, f"This is not an environment of its own. {_fresh()}")
    else:
        yield Found(FINE, what)


def _versions() -> Iterator[Found]:
    """Each package within the range that pyproject.toml gives; a version that is known to be bad is left out there."""
    from packaging.requirements import Requirement

    bad: list[str] = []
    wanted = [Requirement(text) for text in importlib.metadata.requires(PACKAGE) or ()]
    wanted = [
        requirement
        for requirement in wanted
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    ]
    for requirement in wanted:
        try:
            there = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            bad.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(there, prereleases=True):
            bad.append(f"{requirement.name} {there} does not work, {requirement.specifier} does")
    if bad:
        yield Found(MEND, "packages: " + "; ".join(bad), _again())
    else:
        names = ("numpy", "torch", "matplotlib", "jupyterlab", "nbgrader", "ipykernel")
        shown = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
        yield Found(FINE, f"packages: {shown}")


def _torch() -> Iterator[Found]:
    start = time.monotonic()
    import numpy as np
    import torch

    interrupts.as_usual()
    seconds = time.monotonic() - start
    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    right = np.array_equal((torch.ones(2, 3) @ torch.ones(3, 2)).numpy(), np.full((2, 2), 3.0))
    what = f"PyTorch on {device}, {torch.get_num_threads()} threads, imported in {seconds:.1f} s"
    yield Found(FINE, what) if right else Found(MEND, f"{what}: a product is wrong", _again())


def _jupyter() -> Iterator[Found]:
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_core.paths import jupyter_path

    spec = KernelSpecManager().get_kernel_spec("python3")
    # Jupyter reads a bare name as the Python that it runs in; links are not followed, as an environment's python is one
    program = sys.executable if os.sep not in spec.argv[0] else spec.argv[0]
    if Path(program).parent != Path(sys.executable).parent:
        remedy = f"Notebooks would run in another Python. Remove {_home(spec.resource_dir)}."
        yield Found(MEND, f"the kernel python3 is {_home(program)}", remedy)
    elif not any((Path(folder) / "labextensions" / "@jupyter" / "nbgrader").is_dir() for folder in jupyter_path()):
        yield Found(MEND, "JupyterLab lacks the Validate button; the checks work without it", _again())
    else:
        yield Found(FINE, f"the kernel python3 is {_home(program)}, and the Validate button is there")


def shadowing(folders: list[Path]) -> list[Path]:
    """Files that take the place of a module of the course, of a package or of Python for notebooks in their folder."""
    names = {"autograde", "helpers", *sys.stdlib_module_names, *importlib.metadata.packages_distributions()}
    found = [entry for folder in folders if folder.is_dir() for entry in sorted(folder.iterdir())]
    return [
        entry
        for entry in found
        if (entry.suffix == ".py" and entry.stem in names) or (entry.name in names and (entry / "__init__.py").exists())
    ]


def _names() -> Iterator[Found]:
    folders = [paths.workspace(), *sorted(folder for folder in paths.workspace().glob("*") if folder.is_dir())]
    found = shadowing(folders)
    if found:
        what = f"{', '.join(map(_home, found))} takes the place of a module that the lessons import"
        yield Found(MEND, what, "Give it another name.")
    else:
        yield Found(FINE, "no file in your notebooks' folders takes the place of a module")


def _fonts() -> Iterator[Found]:
    from matplotlib.font_manager import findfont

    from helpers.figures import FONT

    found = findfont("Course Hangul", fallback_to_default=False)
    yield (
        Found(FINE, f"fonts: {Path(found).name}")
        if Path(found) == FONT
        else Found(NOTE, f"fonts: {_home(found)} in place of the course's own", "Korean in figures may look different.")
    )


def _disk() -> Iterator[Found]:
    folder = paths.workspace()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    what = f"disk: {free:.1f} GB free in {_home(folder)}"
    if not os.access(folder, os.W_OK):
        yield Found(MEND, f"{_home(folder)} cannot be written", "Put the course into a folder of your own.")
    elif free < ROOM:
        yield Found(MEND, what, f"Make room: the lessons and a training need {ROOM} GB.")
    else:
        yield Found(FINE, what)


def _isolation() -> Iterator[Found]:
    from autograde.grading.sandbox import apparmor
    from autograde.grading.sandbox.warm import Runner, Unsafe

    runner = Runner()
    try:
        with runner:
            yield Found(FINE, f"isolation of notebooks: {runner.isolated}, {runner.assurance}")
    except Unsafe:
        yield Found(
            NOTE,
            "isolation of notebooks: none on this machine",
            "Learning needs none. For grading a class see docs/promises.md."
            + (f"\n{'':<7}{apparmor.remedy()}" if apparmor.restricted() else ""),
        )


def run(echo: Callable[[str], None] = print) -> int:
    """Print what is found; the exit status is 1 where something is to be done."""
    found = []
    for finding in examine():
        echo(str(finding))
        found.append(finding)
    todo = sum(finding.state == MEND for finding in found)
    echo(f"{counted(todo, 'thing')} to do." if todo else "Nothing is to be done.")
    return 1 if todo else 0
