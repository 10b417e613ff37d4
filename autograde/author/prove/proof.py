"""Prove a check: every mutant of the reference fails, every misconception is named, every right variant passes."""

from __future__ import annotations

import faulthandler
import json
import multiprocessing
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from autograde.author.prove.equivalent import Equivalent, Survivor, unexplained, without_reason
from autograde.author.prove.mutants import Mutant, build, mutants_of
from autograde.course import paths
from autograde.exercise import Exercise
from autograde.exercises import exercise as find_exercise
from autograde.grading.records import fingerprints
from autograde.harness.call import Skipped
from autograde.harness.invoke import answer, ran_out_of_time
from autograde.judge.answer_key import AnswerKey, begun_anew
from autograde.judge.findings import find
from autograde.judge.judge import judge
from autograde.judge.projection import projected
from autograde.judge.verdict import ERROR, Verdict

SECONDS = 0.5  # for one call of a mutant: many of them never end
CACHE = ".proof"  # in the course's folder; ignored by git


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What was found out about the check of one exercise.

    seeds       how many, from 0 on; a mutant is killed if it fails on each of them
    mutants     how many there are
    named       how many of the killed ones get a diagnosis (on the first seed)
    explained   how many of the killed ones get more than a comparison of expected and got
    survivors   those that pass on some seed
    nameless    (misconception, seeds on which it passes or gets another name)
    refused     (right variant, seeds on which it fails)
    """

    exercise: str
    lesson: str
    seeds: int
    mutants: int
    named: int
    explained: int
    survivors: tuple[Survivor, ...]
    misconceptions: int
    nameless: tuple[tuple[str, tuple[int, ...]], ...]
    variants: int
    refused: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def killed(self) -> int:
        return self.mutants - len(self.survivors)

    def holes(self, equivalent: Sequence[Equivalent]) -> list[Survivor]:
        """The survivors for which no entry gives a reason."""
        return without_reason(self.exercise, self.survivors, equivalent)

    def faults(self, equivalent: Sequence[Equivalent]) -> list[str]:
        """What has to be mended, a line for each."""
        return [
            *unexplained(self.exercise, self.survivors, equivalent),
            *(f"is not named: {name} (seeds {list(seeds)})" for name, seeds in self.nameless),
            *(f"is refused: {name} (seeds {list(seeds)})" for name, seeds in self.refused),
        ]


def prove(exercise: Exercise, seeds: int) -> Proof:
    """The proof of one exercise over `seeds` seeds or more; from the cache where nothing has changed."""
    file = paths.root() / CACHE / f"{exercise.name}.json"
    current = fingerprint(exercise)
    proof = _cached(file, current)
    if proof is None or proof.seeds < seeds:
        proof = _proof(exercise, seeds)
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({"fingerprint": current, "proof": asdict(proof)}, indent=1), encoding="utf-8")
    return proof


def fingerprint(exercise: Exercise) -> str:
    """Of all that decides a proof: the exercise and what it uses, the harness, the judge, and the rules of mutants."""
    return fingerprints.of_text(fingerprints.of_exercise(exercise.name), fingerprints.environment(), _own_code())


@cache
def _own_code() -> str:
    folder = Path(__file__).parent
    return fingerprints.of_files({name: (folder / name).read_bytes() for name in ("mutants.py", "proof.py")})


def _cached(file: Path, current: str) -> Proof | None:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept["fingerprint"] != current:
            return None
        proof = kept["proof"]
        pairs = {key: tuple((name, tuple(seeds)) for name, seeds in proof[key]) for key in ("nameless", "refused")}
        survivors = tuple(
            Survivor(**{**survivor, "seeds": tuple(survivor["seeds"])}) for survivor in proof["survivors"]
        )
        return Proof(**{**proof, **pairs, "survivors": survivors})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _proof(exercise: Exercise, seeds: int) -> Proof:
    mutants = mutants_of(exercise.reference)
    trials = list(_trials(exercise, seeds, len(mutants)))
    pairs = list(zip(mutants, trials[: len(mutants)], strict=True))
    others = trials[len(mutants) :]
    wrong = list(zip(exercise.misconceptions, others[: len(exercise.misconceptions)], strict=True))
    right = list(zip(exercise.variants, others[len(exercise.misconceptions) :], strict=True))
    killed = [trial for _, trial in pairs if not trial.passed]
    return Proof(
        exercise=exercise.name,
        lesson=exercise.lesson,
        seeds=seeds,
        mutants=len(mutants),
        named=sum(trial.named for trial in killed),
        explained=sum(trial.explained for trial in killed),
        survivors=tuple(Survivor(mutant.line, mutant.changed, trial.passed) for mutant, trial in pairs if trial.passed),
        misconceptions=len(exercise.misconceptions),
        nameless=tuple((misconception.name, trial.others) for misconception, trial in wrong if trial.others),
        variants=len(exercise.variants),
        refused=tuple(
            (variant.__name__, tuple(sorted(set(range(seeds)) - set(trial.passed))))
            for variant, trial in right
            if len(trial.passed) < seeds
        ),
    )


def survivors(exercise: Exercise) -> list[Survivor]:
    """The mutants that pass with the first seed's inputs: a proof's essence, in a twentieth of its time, as nothing is
    said about those that fail."""
    mutants = mutants_of(exercise.reference)
    trials = _trials(exercise, 1, len(mutants), words=False)
    return [
        Survivor(mutant.line, mutant.changed, trial.passed)
        for mutant, trial in zip(mutants, trials, strict=True)
        if trial.passed
    ]


# --- trials ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """What the check says about one object: the seeds on which it passes, and what the learner is told on the first;
    `others`: the seeds on which a misconception has not its own name."""

    passed: tuple[int, ...] = ()
    named: bool = False
    explained: bool = False
    others: tuple[int, ...] = ()


_ENDS_THE_PROCESS = Trial(named=True, explained=True)  # a crash inside of PyTorch: no check can overlook it


def _trials(exercise: Exercise, seeds: int, mutants: int, words: bool = True) -> Iterator[Trial]:
    """A trial of each mutant, misconception and variant, in this order, in a process of their own: a mutant may end it,
    and the next one then begins anew. Without words only of the mutants, and only whether they pass."""
    total = mutants + (len(exercise.misconceptions) + len(exercise.variants) if words else 0)
    # a forked process has everything imported; elsewhere a fork is not safe
    context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    done = 0
    while done < total:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_serve, args=(theirs, exercise.name, seeds, done, words))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            process.start()
        theirs.close()
        try:
            while done < total:
                trial = ours.recv()
                if isinstance(trial, Exception):
                    raise trial
                done += 1
                yield trial
        except EOFError:
            if done >= mutants:
                raise RuntimeError(f"{exercise.name}: a misconception or a variant ends the process") from None
            done += 1
            yield _ENDS_THE_PROCESS
        finally:
            ours.close()
            process.join()


def _serve(connection: Connection, name: str, seeds: int, begin: int, words: bool) -> None:
    faulthandler.disable()  # pytest's: that a mutant ends this process is counted, and needs no stack
    try:
        for trial in _try(find_exercise(name), seeds, begin, words):
            connection.send(trial)
    except Exception as error:
        connection.send(error)


def _try(exercise: Exercise, seeds: int, begin: int, words: bool) -> Iterator[Trial]:
    import torch

    torch.set_num_threads(1)
    keys = [AnswerKey(exercise, exercise.calls(seed)) for seed in range(seeds)]
    mutants = mutants_of(exercise.reference)
    for mutant in mutants[begin:]:
        obj = _built(mutant, exercise.reference)
        yield _of_mutant(keys, obj, mutant.source) if words else _without_words(keys, obj)
    if not words:
        return
    for misconception in exercise.misconceptions:
        names = [_verdict(key, begun_anew(misconception.wrong)).diagnosis for key in keys]
        yield Trial(others=tuple(seed for seed, name in enumerate(names) if name != misconception.name))
    for right in exercise.variants:
        yield Trial(tuple(seed for seed, key in enumerate(keys) if _passes(key, right)))


def _built(mutant: Mutant, reference: Any) -> Any:
    """The mutant as an object, or None where its cell cannot be run, which a learner sees without a check."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            return build(mutant, reference)
        except Exception:
            return None


def _of_mutant(keys: list[AnswerKey], obj: Any, source: str) -> Trial:
    if obj is None:
        return Trial(named=True, explained=True)
    verdict = judge(keys[0].exercise, keys[0].calls, answer(obj, keys[0].calls, SECONDS), keys[0], source)
    if verdict.passed:
        return Trial((0, *(seed for seed in range(1, len(keys)) if _passes(keys[seed], obj))))
    named, explained = verdict.diagnosis is not None, _is_explained(verdict)
    if "never ends" in verdict.message:  # once is enough
        return Trial((), named, explained)
    return Trial(tuple(seed for seed in range(1, len(keys)) if _passes(keys[seed], obj)), named, explained)


def _without_words(keys: list[AnswerKey], obj: Any) -> Trial:
    return Trial(tuple(seed for seed, key in enumerate(keys) if obj is not None and _passes(key, obj)))


def _passes(key: AnswerKey, obj: Any) -> bool:
    """What `judge` decides, without its words, and no further than the first call that fails."""
    for number, call in enumerate(key.calls):
        answers = answer(obj, [call], SECONDS)
        if ran_out_of_time(answers[-1]):  # the machine may have been busy: what never ends will not end now
            answers = answer(obj, [call], SECONDS)
        got = projected(key.exercise, [call], answers)[0]
        expected = key.expected[number]
        if isinstance(expected, Skipped) or find(key.exercise, call, expected, got, key.tolerances[number]):
            return False
    return True


def _verdict(key: AnswerKey, obj: Any) -> Verdict:
    return judge(key.exercise, key.calls, answer(obj, key.calls, SECONDS), key)


def _is_explained(verdict: Verdict) -> bool:
    """A name, or Python's own sentence about an error with the line that raised it."""
    return verdict.diagnosis is not None or verdict.state == ERROR
