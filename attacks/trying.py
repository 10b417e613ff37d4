"""Grade the submissions of the collection and compare: points, leaks, changed files, harm to the next student."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from attacks.canaries import Canaries
from attacks.collection import Attack, Case, make
from autograde.grading.job import Job, Limits, Options, Result

LIMITS = Limits(cell=3.0, call=1.0, total=40.0, memory=2**30, file_size=2**24, output=2**18)
CONTROL = Attack(name="control", honest=True, tries="A right submission.", base="solution", deserved="all")
_KEY = b"k" * 32
Grade = Callable[[Job], Result]


@dataclass(kw_only=True)
class Outcome:
    """What became of one submission; `problems` is empty where all is as it should be."""

    attack: Attack
    lesson: str
    deserved: float = 0.0
    got: float = 0.0
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0


def attempt(
    attacks: Iterable[Attack], grade: Grade, canaries: Canaries, lesson: str = "", short: bool = False
) -> list[Outcome]:
    """Try attacks one after the other in this process; `short` as in `make`."""
    outcomes = []
    for attack in attacks:
        case = make(attack, canaries.words, lesson, short)
        outcome = Outcome(attack=attack, lesson=case.lesson, deserved=sum(case.deserved.values()))
        for _ in range(attack.runs):
            _try(case, outcome, grade, canaries)
        outcomes.append(outcome)
    return outcomes


def attempt_control(outcomes: list[Outcome], grade: Grade, canaries: Canaries, short: bool = False) -> None:
    """After some attacks: the next student's right submission is graded as it deserves, and nothing is left behind."""
    last = outcomes[-1]
    control = Outcome(attack=CONTROL, lesson=last.lesson)
    lesson = last.lesson if last.attack.release == "" else ""
    _try(make(CONTROL, canaries.words, lesson, short), control, grade, canaries)
    last.problems += [f"the next student: {problem}" for problem in control.problems]
    last.problems += [f"left the process {survivor} behind" for survivor in canaries.survivors()]
    last.problems += [f"changed {change}" for change in canaries.changes()]


def _try(case: Case, outcome: Outcome, grade: Grade, canaries: Canaries) -> None:
    limits = replace(LIMITS, call=4.0, cell=30.0, total=300.0) if case.attack.honest else LIMITS
    options = Options(limits=limits)
    job = Job(
        lesson=case.lesson,
        student=f"student-{case.attack.name}",
        notebook=case.notebook,
        release=case.release,
        key=_KEY,
        files=case.files,
        options=options,
    )
    try:
        result = grade(job)
    except Exception as error:
        outcome.problems.append(f"stopped the class: {type(error).__name__}: {error}")
        return
    outcome.seconds += result.seconds.get("total", 0.0)
    got = {name: mark.points for name, mark in result.scores.items()}
    outcome.got = sum(points or 0 for points in got.values())
    for name, points in case.deserved.items():
        if name not in got:
            outcome.problems.append(f"{name} has no mark")
        elif got[name] is None and not points and result.reviews:
            continue  # a person looks at it, and it has no points
        elif got[name] is None or abs(got[name] - points) > 1e-9:
            reason = result.scores[name].verdict.summary if result.scores[name].verdict else result.scores[name].comment
            outcome.problems.append(f"{name}: {got[name]} points, deserved {points} ({reason[:200]})")
    if set(got) - set(case.deserved):
        outcome.problems.append(f"marks that nobody asked for: {sorted(set(got) - set(case.deserved))}")
    if case.attack.review and not result.reviews:
        outcome.problems.append("nobody was asked to look at it")
    outcome.problems += canaries.leaks(case.lesson, result)
    if len(result.notebook) > 24 * 2**20:
        outcome.problems.append(f"a graded notebook of {len(result.notebook) / 2**20:.0f} MB")
