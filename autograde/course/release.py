"""The released notebooks, made by nbgrader from the executed solutions."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from autograde.course import notebooks, paths
from autograde.course.errors import CourseError, logged
from autograde.course.kernels import environment
from autograde.course.lessons import Lesson

# nbgrader's command for several lessons: its imports take seconds, and a lesson hardly any
_GENERATE = """
import sys
from nbgrader.apps import GenerateAssignmentApp
for lesson in sys.argv[1].split(","):
    GenerateAssignmentApp.launch_instance([lesson, *sys.argv[2:]])
    GenerateAssignmentApp.clear_instance()
"""


def release(*lessons: Lesson, record: bool = False) -> list[list[Path]]:
    """Let nbgrader make the releases of the executed solutions; returns the files that changed, for each lesson."""
    for lesson in lessons:
        remove_leftovers(lesson)
    with tempfile.TemporaryDirectory() as folder:
        _generate(lessons, Path(folder), record)
        return [_replace(paths.release_of(lesson).parent, Path(folder) / lesson.name) for lesson in lessons]


def _replace(target: Path, made: Path) -> list[Path]:
    """Make `target` what was made; returns the files that changed."""
    changed = []
    for file in sorted(made.rglob("*")):
        if file.is_file():
            destination = target / file.relative_to(made)
            content = file.read_bytes()
            if file.suffix == ".ipynb":
                content = notebooks.to_text(notebooks.read(file)).encode("utf-8")
            if notebooks.write(destination, content):
                changed.append(destination)
    for old in sorted(target.rglob("*")):
        if old.is_file() and not (made / old.relative_to(target)).exists():
            old.unlink()
            changed.append(old)
    return changed


def remove_leftovers(lesson: Lesson) -> None:
    """Remove what a run of the solution in its own folder (nbval's, an author's) has written there."""
    folder = paths.solution_of(lesson).parent
    shutil.rmtree(folder / "runs", ignore_errors=True)
    for file in folder.glob("*.safetensors"):
        file.unlink()


def _generate(lessons: Sequence[Lesson], folder: Path, record: bool) -> None:
    """Run `nbgrader generate_assignment` into `folder`; with `record` the gradebook learns of the lessons too."""
    names = [lesson.name for lesson in lessons]
    command = [sys.executable, "-c", _GENERATE, ",".join(names), "--force"]
    command.append(f"--CourseDirectory.release_directory={folder}")
    if not record:
        command += ["--no-db", f"--CourseDirectory.db_url=sqlite:///{folder / 'unused.db'}"]
    run = subprocess.run(command, cwd=paths.root(), env=environment(), capture_output=True, text=True)
    at_fault = next((name for name in names if not (folder / name).is_dir()), names[-1])
    if "because there are submissions associated with it" in run.stderr:
        raise CourseError(
            f"{at_fault}: its exercises are others than those that this class was given, and there are submissions. "
            "The gradebook is as it was. Finish the lesson with the version of the course that you released it from, "
            "and release this one to a new class, in a new folder."
        )
    if run.returncode:
        said = f"{at_fault}: nbgrader could not make the release.\n{run.stderr.strip()}"
        raise CourseError(logged(run.stderr) or said)
