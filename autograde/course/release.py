"""The released notebooks, made by nbgrader from the executed solutions."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from autograde.course import notebooks, paths
from autograde.course.errors import CourseError
from autograde.course.kernels import environment
from autograde.course.lessons import Lesson


def release(lesson: Lesson, record: bool = False) -> list[Path]:
    """Let nbgrader make the release of the executed solution; returns the files that changed."""
    target = paths.release_of(lesson).parent
    remove_leftovers(lesson)
    with tempfile.TemporaryDirectory() as folder:
        made = make_release(lesson, Path(folder), record) / lesson.name
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


def make_release(lesson: Lesson, folder: Path, record: bool = False) -> Path:
    """Run `nbgrader generate_assignment` into `folder`; with `record` the gradebook learns of the lesson too."""
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", lesson.name, "--force"]
    command.append(f"--CourseDirectory.release_directory={folder}")
    if not record:
        command += ["--no-db", f"--CourseDirectory.db_url=sqlite:///{folder / 'unused.db'}"]
    run = subprocess.run(command, cwd=paths.root(), env=environment(), capture_output=True, text=True)
    if "because there are submissions associated with it" in run.stderr:
        raise CourseError(
            f"{lesson.name}: its exercises are others than those that this class was given, and there are submissions. "
            "The gradebook is as it was. Finish the lesson with the version of the course that you released it from, "
            "and release this one to a new class, in a new folder."
        )
    if run.returncode:
        raise CourseError(f"{lesson.name}: nbgrader could not make the release.\n{run.stderr.strip()}")
    return folder
