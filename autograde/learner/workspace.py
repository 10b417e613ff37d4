"""A learner's copy of the course: start, reset, check. Nothing here overwrites a learner's work."""

from __future__ import annotations

import datetime
import difflib
import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from autograde.course import atomic, notebooks, paths
from autograde.course.errors import CourseError
from autograde.course.lessons import LESSONS, Lesson
from autograde.course.outline import outline
from autograde.judge.verdict import Verdict
from autograde.learner import progress
from autograde.learner.doctor import version

if TYPE_CHECKING:
    from autograde.grading.notebook.read import Submitted

LOCAL_SECONDS = 120  # for one cell in `course check`
RELEASES = ".releases.json"  # in the copy: which release of each lesson it has, or its learner was told of


def start(echo: Callable[[str], None] = print, always: bool = True) -> Path:
    """Copy what is released into the workspace; files that are there stay as they are. `always` says so too where
    nothing is new. A release that has changed since is told of, once."""
    work = paths.workspace()
    new = []
    for lesson in LESSONS:
        source = paths.release_of(lesson).parent
        if not source.is_dir():
            raise CourseError(f"{source} is missing. Run `course build`, or fetch the course again.")
        if copy_new(source, work / lesson.name):
            new.append(lesson.name)
    marker = work / progress.FILE
    if not marker.exists():
        progress.write(marker, {})
    if new:
        echo(f"Copied into {work}: {', '.join(new)}.")
    changed = [name for name in _note_releases(work, LESSONS) if name not in new]
    if changed:
        echo(
            f"Course {version()} has a new release of {', '.join(changed)}. Your notebooks stay as they are. "
            f"`course reset {changed[0]}` takes the new one, and keeps a backup of yours."
        )
    elif always and not new:
        echo(f"Everything is in {work} already; nothing was changed.")
    return work


def _note_releases(work: Path, lessons: Iterable[Lesson]) -> list[str]:
    """Note the releases of these lessons; returns those that are others than what was noted before."""
    file = work / RELEASES
    try:
        noted = dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        noted = {}
    now = {lesson.name: hashlib.sha256(paths.release_of(lesson).read_bytes()).hexdigest() for lesson in lessons}
    notebooks.write(file, json.dumps(noted | now, indent=1, sort_keys=True) + "\n")
    return [name for name, digest in now.items() if noted.get(name, digest) != digest]


def copy_new(source: Path, target: Path) -> bool:
    """Copy the files that `target` lacks; True if its notebook was among them. A link in `target` is never followed."""
    copied = False
    for file in sorted(source.rglob("*")):
        if not file.is_file() or file.name.startswith("."):
            continue
        destination = target / file.relative_to(source)
        new = atomic.create(destination, file.read_bytes())
        copied = copied or (new and file.suffix == ".ipynb")
    return copied


def notebook_of(lesson: Lesson) -> Path:
    file = paths.workspace() / lesson.name / f"{lesson.name}.ipynb"
    if not file.is_file() and (file.exists() or file.is_symlink()):
        what = "a folder" if file.is_dir() else "a link that leads nowhere" if file.is_symlink() else "no ordinary file"
        raise CourseError(f"{file} is {what}. Rename it, then run `course start`.")
    if not file.is_file():
        raise CourseError(f"{file} is not there. Run `course start` first.")
    return file


# --- reset ----------------------------------------------------------------------------------------------------------


def reset(lesson: Lesson, name: str | None = None, echo: Callable[[str], None] = print) -> Path:
    """Put a lesson's cells, or the cell of one exercise, back as they were released; returns the backup."""
    from autograde.grading.notebook.normalise import normalise
    from autograde.grading.notebook.read import Unreadable, read_submission

    file = notebook_of(lesson)
    release = notebooks.read(paths.release_of(lesson))
    known = [exercise.name for exercise in outline(lesson)]
    if name is None:
        notebook = release
    else:
        if not known:
            raise CourseError(f"{lesson.name} has no exercises. `course reset {lesson.name}` restores all of it.")
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            advice = f"Did you mean `{near[0]}`?" if near else f"It has: {', '.join(known)}."
            raise CourseError(f"There is no exercise {name!r} in {lesson.name}. {advice}")
        try:
            submitted = read_submission(file)
        except Unreadable as error:
            raise CourseError(
                f"{file} cannot be read. {error} `course reset {lesson.name}` restores all of it."
            ) from None
        notebook, _ = normalise(release, submitted)
        released = {notebooks.grade_id(cell): cell for cell in release.cells}
        for cell in notebook.cells:
            if notebooks.grade_id(cell) in (name, f"check_{name}"):
                cell.source = released[notebooks.grade_id(cell)].source
    backup = back_up(file)
    notebooks.write(file, notebooks.to_text(notebook))
    _note_releases(paths.workspace(), [lesson])
    marker = progress.find(paths.workspace())
    if marker is not None:
        progress.forget(marker, known if name is None else [name])
    what = f"The cell `{name}`" if name else "The lesson"
    echo(f"{what} is as it was released. Your notebook before that: {backup}")
    echo("If the notebook is open in JupyterLab, choose File > Reload Notebook from Disk.")
    return backup


def back_up(file: Path) -> Path:
    stamp = datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S")
    number = 0
    while True:
        suffix = f"-{number}" if number else ""
        backup = file.with_name(f"{file.stem}.backup-{stamp}{suffix}.ipynb")
        try:
            with backup.open("xb") as target, file.open("rb") as source:
                shutil.copyfileobj(source, target)
            return backup
        except FileExistsError:
            number += 1


# --- check ----------------------------------------------------------------------------------------------------------


def check(lesson: Lesson, file: Path | None = None, echo: Callable[[str], None] = print) -> list[Verdict]:
    """Grade a learner's own notebook, with the inputs of `check`: the verdict of each exercise.

    It takes the grader's own path. Where this machine cannot isolate a notebook it runs in a kernel, with the learner's
    own rights, and `echo` is told so.
    """
    from autograde.grading.notebook.read import Unreadable, read_submission

    file = notebook_of(lesson) if file is None else file
    try:
        submitted = read_submission(file)
    except Unreadable as error:
        raise CourseError(f"{file} cannot be read. {error}") from None

    from autograde.exercises import of_lesson  # imports PyTorch, which takes seconds
    from autograde.grading.grade import grade
    from autograde.grading.job import Limits, Options
    from autograde.grading.records import intake
    from autograde.grading.sandbox.warm import Unsafe
    from autograde.harness.sandboxed.frames import Busy

    release = paths.release_of(lesson).read_text(encoding="utf-8")
    job = intake.local_job(lesson.name, file, release, Options(limits=Limits(cell=LOCAL_SECONDS)))
    try:
        scores = grade(job).scores.values()
        by_name = {score.verdict.name: score.verdict for score in scores if score.verdict is not None}
    except (Unsafe, Busy):
        echo("This machine cannot isolate a notebook, so it runs in a kernel here; in grading it runs isolated.")
        by_name = _check_in_kernel(lesson, file, submitted)
    verdicts = [by_name[exercise.name] for exercise in of_lesson(lesson.name)]
    _note(verdicts)
    return verdicts


def _check_in_kernel(lesson: Lesson, file: Path, submitted: Submitted) -> dict[str, Verdict]:
    from autograde.exercise import LOCAL_SEED
    from autograde.grading.kernel.run import RunSubmission
    from autograde.grading.notebook.normalise import normalise

    notebook, _ = normalise(notebooks.read(paths.release_of(lesson)), submitted)
    runner = RunSubmission(timeout=LOCAL_SECONDS)
    runner.seeds = lambda exercise: LOCAL_SEED
    runner.preprocess(notebook, {"metadata": {"path": str(file.parent)}})
    return {verdict.name: verdict for verdict in runner.verdicts.values()}


def _note(verdicts: list[Verdict]) -> None:
    marker = progress.find(paths.workspace())
    if marker is not None:
        data = progress.read(marker)
        for verdict in verdicts:
            data.setdefault(verdict.name, {}).update(state=verdict.state, score=verdict.score)
        try:
            progress.write(marker, data)
        except OSError as error:  # the result is worth more than its record
            print(f"course: the progress could not be saved in {marker}: {error.strerror}.", file=sys.stderr)
