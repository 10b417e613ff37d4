"""Grade one submission: normalise → run → ask → judge.

`grade(job) -> Result` never raises because of what a submission contains: what cannot be read, run, judged or shown
costs the points it concerns, with the reason, and needs manual review. It raises where this machine cannot grade at
all (`sandbox.warm.Unsafe`), or not now (`harness.sandboxed.frames.Busy`, OSError).
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ParamSpec, TypeVar

import nbformat
from nbformat import NotebookNode

from autograde.course import notebooks
from autograde.course.lessons import GRADED
from autograde.course.notebooks import grade_id, nbgrader_data
from autograde.course.text import whole
from autograde.exercise import Exercise
from autograde.grading.deadline import GRACE, Deadline, Unusable
from autograde.grading.job import ALL, Job, Result, Review, Score
from autograde.grading.notebook import rules
from autograde.grading.notebook.cells import (
    answer_source,
    checked_exercise,
    error_output,
    outputs,
    refused,
    text_output,
    undefined,
)
from autograde.grading.notebook.mending import reference_source
from autograde.grading.notebook.normalise import is_locked, normalise, note_cell
from autograde.grading.notebook.read import Submitted, Unreadable, parse_submission
from autograde.grading.notebook.sanitize import clean_notebook
from autograde.grading.notebook.scores import ordinary_score
from autograde.grading.notebook.slicing import LONGEST_READ, code_in, facts_of, needed
from autograde.grading.notebook.slow import SlowFunctions
from autograde.grading.notebook.truncate import shorten
from autograde.grading.records import seeds
from autograde.grading.sandbox import absent, warm
from autograde.grading.sandbox.driver import ENDED, Driver, Stopped
from autograde.grading.sandbox.rootfs import OWN
from autograde.grading.sandbox.warm import Clone, Runner
from autograde.harness.problems import undefined_name
from autograde.judge import carry
from autograde.judge.answer_key import AnswerKey, answer_key
from autograde.judge.judge import judge
from autograde.judge.verdict import Verdict

NOT_RUN = "Not run in grading: it decides no grade."
UNTRAINED = "Not shown in grading: it trains, or needs what was trained. It decides no grade."
SLOW = "Not run in grading: it calls `{name}`, which exceeded its time limit. The cell decides no grade."
AFTER_SLOW = "Not shown in grading: it needs a cell that was not run, to save time. It decides no grade."
NO_TIME = "Not run: it calls `{name}`, which exceeded its time limit in earlier cells."
_CODE = (".py", ".pyc", ".pyd", ".so", ".pth", ".ipynb", ".zip", ".egg")  # what Python would import
_LONGEST = 500  # characters of a cell's error in a verdict
_TOLD = 8_000  # bytes of what one verdict says: so a record stays below 100 KB
_MOST_FACTS = 20
_NOTES = 50

P = ParamSpec("P")
T = TypeVar("T")

_runner: tuple[int, Runner] | None = None


def grade(job: Job, runner: Runner | None = None) -> Result:
    """Grade one submission; `runner` defaults to one that this process starts once and keeps warm."""
    return _Grading(job, runner).result()


def refused_result(job: Job, reason: str) -> Result:
    """No points for a submission that the grader could not handle, with the reason, for manual review."""
    grading = _Grading(replace(job, notebook=None), None)
    grading.refuse(reason)
    return grading.result()


def warm_runner(unsafe: bool = False, runtime: str = "") -> Runner:
    """This process's own Runner, started when it is first needed."""
    global _runner
    if _runner is None or _runner[0] != os.getpid() or _runner[1].runtime != runtime:
        _runner = os.getpid(), Runner(unsafe, runtime=runtime)
        atexit.register(_runner[1].close)
    _runner[1].unsafe = unsafe
    _runner[1].start()
    return _runner[1]


def adopt(clone: Clone) -> None:
    """Make a copy of a warm process this process's own."""
    global _runner
    _runner = os.getpid(), Runner(clone=clone)
    atexit.register(_runner[1].close)


@dataclass
class _Shown:
    """What one run of the notebook has shown.

    verdicts  {grade id of a check: verdict}
    flags     {exercise: why a right answer needs manual review}
    errors    {grade id: error of a cell that has run}
    doubts    {exercise or grade id: why the grader could not handle what it got}
    """

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    flags: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    doubts: dict[str, str] = field(default_factory=dict)


class _Grading:
    def __init__(self, job: Job, runner: Runner | None):
        self.job, self.runner = job, runner
        self.seconds = {"normalise": 0.0, "run": 0.0, "judge": 0.0, "user": 0.0, "total": 0.0}
        self.unreadable = ""
        self.broken = ""  # why the grader could not read the notebook, where it should have been able to
        self.notes = list(job.notes)
        self.reviews: list[Review] = []
        self.shown = _Shown()
        self.skip_slow = True
        self.deadline = Deadline(job.options.limits.total)

    def result(self) -> Result:
        start = time.perf_counter()
        self._normalise()
        self.seconds["normalise"] = time.perf_counter() - start
        assurance = ""
        if self.unreadable:
            self._show_everywhere(self.unreadable)
        else:
            options = self.job.options
            if self.runner is None and options.unsafe and not options.runtime and not warm.possible():
                assurance = self._in_each_order(self._run_in_kernel)
            else:
                waiting = time.monotonic()
                runner = self.runner or warm_runner(options.unsafe, options.runtime)
                runner.start()
                self.deadline.end += time.monotonic() - waiting  # for the machine, not for the submission
                assurance = runner.assurance
                self._in_each_order(partial(self._run, runner))
        scores = self._scores()
        self._review()
        for name, mark in scores.items():
            if mark.points is None:
                self.reviews.append(Review(name, "graded by hand"))
        if self.broken and scores:
            self.reviews.append(Review(next(iter(scores)), self.broken))
        text = self._text()
        self.seconds["total"] = time.perf_counter() - start
        return Result(
            lesson=self.job.lesson,
            student=self.job.student,
            scores=scores,
            notebook=text,
            notes=tuple(dict.fromkeys(self.notes))[:_NOTES],
            reviews=tuple(dict.fromkeys(self.reviews)),
            seconds=self.seconds,
            assurance=assurance,
            unreadable=self.unreadable,
        )

    def refuse(self, reason: str) -> None:
        """Nothing of it is graded."""
        self.unreadable = self.broken = reason

    def _review(self) -> None:
        """What needs manual review: findings of the rules, doubtful right answers, what the grader could not handle."""
        passed = {name for name, verdict in self.shown.verdicts.items() if verdict.score > 0}
        try:
            if passed:
                with self.deadline.handling("the rules did not read this notebook", GRACE):
                    self.reviews += rules.reviews(self.notebook, passed)
        except Unusable as error:
            self.reviews += [Review(name, str(error)) for name in sorted(passed)]
        for cell in filter(_graded, self.notebook.cells):
            name, exercise = grade_id(cell), checked_exercise(cell)
            if reason := self.shown.doubts.get(exercise.name if exercise else name):
                self.reviews.append(Review(name, reason))
            elif exercise and name in passed and self.shown.flags.get(exercise.name):
                self.reviews.append(Review(name, self.shown.flags[exercise.name]))

    def _text(self) -> str:
        """The graded notebook as text. Where it cannot be written its outputs are left out, or else all that came from
        the submission, with a note."""
        cells = self.notebook.cells
        for attempt in range(2):
            self.notebook.cells = self._noted(cells)
            try:
                with self.deadline.handling("What the cells have shown could not be kept", GRACE):
                    clean_notebook(self.notebook)
                    shorten(self.notebook)
                    text = notebooks.to_plain_text(self.notebook)
                    text.encode()
                    return text
            except Unusable as error:
                self.notes.append(f"{error}.")
            for cell in cells if attempt == 0 else ():
                if cell.cell_type == "code":
                    cell.outputs = []
        self.notebook.cells = self._noted(nbformat.reads(self.job.release, as_version=4).cells)
        return whole(notebooks.to_plain_text(self.notebook))

    def _noted(self, cells: list[NotebookNode]) -> list[NotebookNode]:
        """Cells with the grader's notes above them."""
        unreadable = [f"{self.unreadable} Nothing in it could be graded."] if self.unreadable else []
        notes = [*unreadable, *self.notes]
        return [note_cell(notes), *cells] if notes else list(cells)

    # --- normalise --------------------------------------------------------------------------------------------------

    def _normalise(self) -> None:
        release = nbformat.reads(self.job.release, as_version=4)
        if self.unreadable:
            pass
        elif self.job.notebook is None:
            self.unreadable = "There is no notebook in the submission."
        else:
            try:
                with self.deadline.handling("The notebook could not be read", own=(Unreadable,)):
                    submitted = parse_submission(self.job.notebook)
                    self.notebook, notes = normalise(release, submitted, self.job.locked)
                self.notes += notes
                self.moved = partial(normalise, release, submitted, self.job.locked, keep_order=True)
            except Unreadable as error:
                self.refuse(str(error))
            except Unusable as error:
                self.refuse(f"{error}.")
                release = nbformat.reads(self.job.release, as_version=4)
        if self.unreadable:
            self.notebook, _ = normalise(release, Submitted([]), self.job.locked)
        self.files = {name: content for name, content in self.job.files.items() if _is_data(name)}
        left_out = sorted(self.job.files.keys() - self.files.keys())
        self.notes += [f"The file `{name[:100]}` was left out: it is no data file." for name in left_out]
        why = {"course": {"unreadable": self.unreadable}} if self.unreadable else {}
        self.notebook.metadata = nbformat.from_dict({**notebooks.METADATA, **why})
        self.released = {code_in(cell.source) for cell in release.cells if not nbgrader_data(cell)}

    # --- run and ask ------------------------------------------------------------------------------------------------

    def _in_each_order(self, run: Callable[[], T]) -> T:
        """Run the notebook in the order of the release; where that costs points, also in the order in which its cells
        were submitted, and the better one counts."""
        done = run()
        scores = self._scores()
        if all(score.points is None or score.points >= score.max_score for score in scores.values()):
            return done
        notebook, _ = self._learned(self.moved) or (self.notebook, [])
        if [cell.id for cell in notebook.cells] == [cell.id for cell in self.notebook.cells]:
            return done
        notebook.metadata = self.notebook.metadata
        first = self.notebook, self.shown
        self.notebook, self.shown = notebook, _Shown()
        run()
        if _total(self._scores()) <= _total(scores):
            self.notebook, self.shown = first
        return done

    def _run(self, runner: Runner) -> None:
        code = [cell for cell in self.notebook.cells if cell.cell_type == "code"]
        checks = [checked_exercise(cell) for cell in code]
        run = [True] * len(code)
        left_out: set[str] = set()
        if self.job.options.cells != ALL:
            sources = [check.name if check else cell.source for cell, check in zip(code, checks, strict=True)]
            candidates = [self._may_be_left_out(cell) for cell in code]
            run, left_out = self._learned(needed, sources, candidates) or (run, left_out)
        start = time.perf_counter()
        judging = self.seconds["judge"]
        missing = self._run_cells(runner, code, checks, run)
        if missing & (left_out | self.skipped):  # a name was looked up in a way that the source does not show
            run, self.skip_slow = [True] * len(code), False
            self._run_cells(runner, code, checks, run)
        # by the submission, which will do so again, or by somebody else on this machine
        if self.ended and self.deadline.left > time.perf_counter() - start:
            self._run_cells(runner, code, checks, run)
        self.seconds["run"] = time.perf_counter() - start - (self.seconds["judge"] - judging)

    def _run_in_kernel(self) -> str:
        """For a system without fork, and only where the instructor trusts every submission."""
        from autograde.grading.kernel.run import run_in_kernel  # with it comes nbgrader, which takes two seconds

        start = time.perf_counter()
        key, seconds = self.job.key, self.job.options.limits.cell
        self.shown.verdicts = run_in_kernel(
            self.notebook,
            self.files,
            lambda exercise: seeds.seed(key, exercise.name),
            seconds,
            self.job.options.carry_forward,
        )
        self.seconds["run"] = time.perf_counter() - start
        return "unsafe: no isolation, in a kernel"

    def _may_be_left_out(self, cell: NotebookNode) -> bool:
        """A demonstration as it was handed out, comments aside; a copy of one, too, that came twice."""
        return not nbgrader_data(cell) and code_in(cell.source) in self.released

    def _run_cells(self, runner: Runner, code: list, checks: list, run: list[bool]) -> set[str]:
        """Run and judge; returns the names that were missing."""
        self.shown = _Shown()
        missing: set[str] = set()
        untrained: set[str] = set()  # names that a training would have made
        self.skipped: set[str] = set()  # names that skipped cells would have bound
        limits = self.job.options.limits
        slow = SlowFunctions(limits.cell, limits.call)
        with Driver(runner, _stage(self.job.lesson, checks), limits, self.files, self.deadline) as on:
            sources: list[str] = []  # of the cells that have run
            for index, (cell, check, runs) in enumerate(zip(code, checks, run, strict=True)):
                if not runs:
                    cell.outputs = [text_output(NOT_RUN)]
                elif check is not None:
                    verdict = self._ask(on, check, missing, slow)
                    if self.job.options.carry_forward and not verdict.passed:
                        verdict = self._carried(on, check, verdict, sources, checks[index + 1 :])
                    self.shown.verdicts[grade_id(cell)] = verdict
                    cell.outputs = outputs(verdict)
                elif cell.source.strip():
                    name = self._learned(slow.called_by, cell.source) or ""
                    if name and self.skip_slow and self._may_be_left_out(cell):
                        self.skipped |= self._binds(cell)
                        cell.outputs = [text_output(SLOW.format(name=name))]
                        continue
                    if name and not slow.seconds:
                        cell.outputs = [error_output("NotRun", NO_TIME.format(name=name))]
                        continue
                    cell.outputs, cell.execution_count = on.run(cell.source, slow.seconds if name else None)
                    self._learned(slow.ran, cell.source, on.seconds, on.late)
                    sources.append(cell.source)
                    if self._may_be_left_out(cell) and on.missing & self.skipped:
                        self.skipped |= self._binds(cell)
                        cell.outputs = [text_output(AFTER_SLOW)]
                        continue
                    missing |= on.missing
                    if self._may_be_left_out(cell) and _needs_training(cell, on.missing & untrained, bool(untrained)):
                        untrained |= self._binds(cell)
                        cell.outputs = [text_output(UNTRAINED)]
                    self._remember(cell)
        self.ended = on.ended
        self.seconds["user"] += on.user
        return missing

    def _learned(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """What `read` finds in the source of cells; None where it cannot read them."""
        try:
            with self.deadline.handling("The source could not be read"):
                return read(*args, **kwargs)
        except Unusable:
            return None

    def _binds(self, cell: NotebookNode) -> set[str]:
        facts = self._learned(facts_of, cell.source)
        return facts.binds if facts else set()

    def _remember(self, cell: NotebookNode) -> None:
        """The error of a cell, for the check that misses what the cell should have made."""
        self.shown.errors.pop(grade_id(cell), None)
        for output in cell.outputs:
            if output.output_type == "error":
                text = output.evalue if output.ename in ENDED else f"{output.ename}: {output.evalue}"
                self.shown.errors[grade_id(cell)] = " ".join(text.split())[:_LONGEST]

    def _ask(self, on: Driver, exercise: Exercise, missing: set[str], slow: SlowFunctions) -> Verdict:
        key = answer_key(exercise.name, seeds.seed(self.job.key, exercise.name))
        try:
            answers = on.ask(exercise.name, key.calls)
        except Stopped as stopped:
            if stopped.late:
                slow.asked(exercise.name, late=True)
            return refused(exercise, str(stopped))
        except ValueError as error:
            return refused(exercise, f"The answer could not be read: {error}.")
        except Unusable as error:
            return self._doubted(exercise, f"{error}.")
        if answers is None:
            return undefined(self.notebook, exercise, self.shown.errors.get(exercise.name, ""))
        slow.asked(exercise.name, late=any(answer.problem and answer.problem.kind == "TimeIsUp" for answer in answers))
        problems = (answer.problem for answer in answers if answer.problem)
        missing |= {name for problem in problems if (name := undefined_name(problem.kind, problem.text))}
        return self._judged(exercise, key, answers)

    def _carried(self, on: Driver, exercise: Exercise, verdict: Verdict, sources: list[str], later: list) -> Verdict:
        """The verdict after the answer has been asked again with what it uses of earlier exercises mended."""
        settled = carry.settled(self.shown.verdicts.values(), (check.name for check in later if check))
        readable = [source for source in sources if len(source) <= LONGEST_READ]
        try:
            with self.deadline.handling("what the answer uses could not be read"):
                names = carry.to_mend(exercise, carry.code_from(readable), settled)
            if not names:
                return verdict
            key = answer_key(exercise.name, seeds.seed(self.job.key, exercise.name))
            answers = on.ask_mended(exercise.name, key.calls, {name: reference_source(name) for name in names})
        except (Unusable, ValueError):
            return verdict
        if not answers:
            return verdict
        return carry.carried(verdict, self._judged(exercise, key, answers), names, private=True)

    def _judged(self, exercise: Exercise, key: AnswerKey, answers: list) -> Verdict:
        start = time.perf_counter()
        source = answer_source(self.notebook, exercise)
        try:
            with self.deadline.handling("The answer could not be compared"), _one_thread():
                verdict = judge(
                    exercise, key.calls, answers, key, source if len(source or "") <= LONGEST_READ else None
                )
                if exercise.flag and verdict.score:
                    self.shown.flags[exercise.name] = next(
                        filter(None, (exercise.flag(answer.value) for answer in answers)), ""
                    )
                return _shortened(verdict)
        except Unusable as error:  # data of a form that the judge does not know: no verdict, no points
            answer_key.cache_clear()  # it may have been in the middle of it
            return self._doubted(exercise, f"{error}.")
        finally:
            self.seconds["judge"] += time.perf_counter() - start

    def _doubted(self, exercise: Exercise, reason: str) -> Verdict:
        """No points for what the grader could not handle, and manual review."""
        self.shown.doubts[exercise.name] = reason
        return refused(exercise, reason)

    # --- marks ------------------------------------------------------------------------------------------------------

    def _scores(self) -> dict[str, Score]:
        return {grade_id(cell): self._mark(cell) for cell in self.notebook.cells if _graded(cell)}

    def _mark(self, cell: NotebookNode) -> Score:
        name, max_score = grade_id(cell), _points(cell)
        check = checked_exercise(cell)
        if check is not None:
            verdict = self.shown.verdicts.get(name) or refused(check, self.unreadable or "There is no verdict.")
            points = round(min(1.0, max(0.0, verdict.score)) * max_score, 2)
            comment = verdict.summary if verdict.carried or not verdict.passed else ""
            return Score(grade_id=name, points=points, max_score=max_score, verdict=verdict, comment=comment)
        if self.unreadable:
            return Score(grade_id=name, points=0.0, max_score=max_score, comment=self.unreadable)
        assurance = "low" if is_locked(cell) else "high"
        try:
            with self.deadline.handling("Its result could not be read", GRACE):
                return Score(
                    grade_id=name, points=ordinary_score(cell, max_score), max_score=max_score, assurance=assurance
                )
        except Unusable as error:
            self.shown.doubts[name] = f"{error}."
            return Score(grade_id=name, points=0.0, max_score=max_score, assurance=assurance, comment=f"{error}.")

    def _show_everywhere(self, reason: str) -> None:
        for cell in self.notebook.cells:
            check = checked_exercise(cell)
            if check is not None:
                self.shown.verdicts[grade_id(cell)] = refused(check, reason)
                cell.outputs = outputs(self.shown.verdicts[grade_id(cell)])
            elif cell.cell_type == "code":
                cell.outputs = [error_output("NotRun", reason)]


@contextlib.contextmanager
def _one_thread():
    """For sizes as small as these a second thread costs more than it gives, above all beside other graders."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _is_data(name: str) -> bool:
    """Whether a file may lie beside the notebook: inside its folder, visible, and nothing that Python would import."""
    parts = name.split("/")
    inside = all(part and not part.startswith(".") and "\0" not in part and "\\" not in part for part in parts)
    return inside and not name.lower().endswith(_CODE)


def _shortened(verdict: Verdict) -> Verdict:
    """The verdict with a text of limited length: some of its facts say what the submission said."""
    advice = _beginning(verdict.advice, _TOLD // 2)
    left, facts = _TOLD - _in_record(advice), []
    for label, text in verdict.facts[:_MOST_FACTS]:
        facts.append((label, _beginning(text, left)))
        left = max(0, left - _in_record(facts[-1][1]))
    return replace(verdict, facts=tuple(facts), advice=advice)


def _beginning(text: str, most: int) -> str:
    """As much of it as takes at most so many bytes of a record."""
    kept = text[:most]
    while (size := _in_record(kept)) > most:
        kept = kept[: len(kept) * most // size]
    return kept if kept == text else f"{kept} ..."


def _in_record(text: str) -> int:
    """Bytes: a record is ASCII, in which a Korean syllable takes six."""
    return len(json.dumps(text)) - 2


def _needs_training(cell: NotebookNode, missed: set[str], already: bool) -> bool:
    """Whether a demonstration ended because nothing is trained in grading: it asked for the trainer, or gave a stand-in
    to a library, or asked for a name (`missed`) or, after another has ended so, for a file that a training would have
    made."""
    errors = [output for output in cell.outputs if output.output_type == "error"]
    if any(error.ename == "TrainingError" and error.evalue.startswith(absent.REASON) for error in errors):
        return True
    if any(error.ename in ("TypeError", "RuntimeError") and absent.CLASS in error.evalue for error in errors):
        return True
    return bool(errors and missed) or (already and any(error.ename == "FileNotFoundError" for error in errors))


def _total(scores: dict[str, Score]) -> float:
    return sum(score.points or 0.0 for score in scores.values())


def _graded(cell: NotebookNode) -> bool:
    data = nbgrader_data(cell)
    return bool(data.get("grade")) and bool(grade_id(cell))


def _points(cell: NotebookNode) -> float:
    try:
        return max(0.0, float(nbgrader_data(cell).get("points", 0)))
    except (TypeError, ValueError):
        return 0.0


def _stage(lesson: str, checks: list[Exercise | None]) -> str:
    """Whose view of `helpers` a notebook gets: an instructor's own with the course's checks, that of the first lesson
    that they belong to."""
    names = [lesson.name for lesson in GRADED]
    if lesson in names:
        return lesson
    return min((check.lesson for check in checks if check is not None), default=OWN)
