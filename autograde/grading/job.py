"""What goes into the grading of one submission, and what comes out. Plain data on both sides, so that a submission can
be graded in this process, in another one or on another machine: `grade(job) -> Result` in `grading.grade`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from autograde.judge.verdict import Verdict

NEEDED, ALL = "needed", "all"  # which cells are run: those that can decide a grade, or every one


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a submission may use.

    cell, call         seconds for one cell, for one call of a check
    total              seconds for the whole submission
    memory             bytes of address space above the warm process
    processes, files   how many it may have at once
    file_size          bytes of one file that it writes
    output             bytes of what one cell shows
    """

    cell: float = 60.0
    call: float = 4.0
    total: float = 600.0
    memory: int = 2 * 2**30
    processes: int = 64
    files: int = 256
    file_size: int = 64 * 2**20
    output: int = 4 * 2**20

    @property
    def home(self) -> int:
        """Bytes of all files that it writes, which are in memory."""
        return 4 * self.file_size


@dataclass(frozen=True)
class Options:
    """How to grade.

    cells          `NEEDED` leaves out unchanged cells of the release that can decide no grade (figures, experiments)
    unsafe         True runs submissions where the isolation of this machine is incomplete
    carry_forward  a right answer that uses an earlier exercise which is not right yet has its points
    runtime        the OCI runtime by which Podman or Docker run submissions ("runsc"); "": no container has to be
    """

    cells: str = NEEDED
    unsafe: bool = False
    limits: Limits = Limits()
    carry_forward: bool = True
    runtime: str = ""


DEFAULT = Options()


@dataclass(frozen=True, kw_only=True)
class GradeRequest:
    """What to grade of a class.

    lesson     its name
    students   only these; None: all who have submitted
    force      grade also what has not changed
    jobs       how many at a time; None: one for each core
    scheduler  None: processes of this machine; "local" or an address: Dask
    options    how to grade; None: as nbgrader's configuration says
    """

    lesson: str
    students: Sequence[str] | None = None
    force: bool = False
    jobs: int | None = None
    scheduler: str | None = None
    options: Options | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """One submission and what is needed to grade it.

    lesson, student  the lesson's and the student's name
    notebook         the submitted file as it came; None where there is none
    files            {name: content} of data files that came with it (a trained model's weights)
    release          the released notebook, as JSON text
    locked           {grade id: source} of locked cells where they differ from the release (hidden tests)
    key              the key of the random inputs of this attempt (`seeds.set_key`), derived from the course's secret
    options          how to grade
    notes            what was odd about the submitted files, for the learner to read beside the grader's own notes
    """

    lesson: str
    student: str
    notebook: bytes | None
    release: str
    key: bytes
    files: dict[str, bytes] = field(default_factory=dict)
    locked: dict[str, str] = field(default_factory=dict)
    options: Options = Options()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Review:
    """Something that needs manual review: where, and why."""

    grade_id: str
    reason: str
    line: str = ""


@dataclass(frozen=True, kw_only=True)
class Score:
    """The points of one graded cell; `points` None where it is graded by hand.

    assurance  "high" where another process decided on data only; "low" where the verdict was made beside the
               submission's code (an instructor's own assert cell)
    """

    grade_id: str
    points: float | None
    max_score: float
    assurance: str = "high"
    verdict: Verdict | None = None
    comment: str = ""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What was decided about one submission, and why.

    scores     {grade id: Score} of every graded cell of the release, also where nothing came
    notebook   the notebook as it was graded, with outputs, as JSON text
    notes      what was repaired or refused, for the learner to read
    reviews    what needs manual review
    seconds    {"normalise", "run", "judge", "user", "total"}; "user" is what the cells and calls themselves took
    assurance  the isolation under which the submission ran ("full, memory by accounting", "unsafe: no isolation", ...)
    unreadable why nothing in the submission could be graded, or ""
    """

    lesson: str
    student: str
    scores: dict[str, Score]
    notebook: str
    notes: tuple[str, ...] = ()
    reviews: tuple[Review, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    assurance: str = ""
    unreadable: str = ""
