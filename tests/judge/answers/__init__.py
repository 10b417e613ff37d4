"""Answers of learners who did not know the catalogue, and what the checks say about them.

Each text file beside this one holds the answers to some exercises, one after the other:

    === wrong NAME: what is really wrong
    --- the diagnosis that is true of it; further ones, separated by |
    def NAME(...):

A right answer begins with `=== right NAME: what is special about it`. An answer without a line `---` gets no diagnosis:
the check compares expected and got. The answers were written from the lessons' texts before the catalogue was read;
only the lines `---` came later, from a review of every verdict.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import json
import linecache
import math
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autograde.exercise import LOCAL_SEED
from autograde.exercises import all_exercises, exercise
from autograde.grading.records import fingerprints
from autograde.harness.invoke import answer
from autograde.judge.answer_key import AnswerKey
from autograde.judge.judge import judge
from autograde.judge.verdict import MISCONCEPTION, RELATION, SOURCE, Verdict
from helpers import clinic, example
from helpers.corpus import grammar_corpus, grammar_vocabularies
from helpers.decoder import Transformer
from helpers.trainer import Config, load_model
from helpers.trainer.shipped import CHECKPOINT

FOLDER = Path(__file__).parent
JUDGED = FOLDER / "judged.json"  # written with the page
_HEAD = re.compile(r"=== (wrong|right) (\w+): (.+)\n(?:--- (.+)\n)?")


@dataclass(frozen=True, kw_only=True)
class LearnersAnswer:
    """One answer: `truth` says what is wrong or special, `names` are the diagnoses that are true of it."""

    name: str
    right: bool
    truth: str
    names: tuple[str, ...]
    source: str


Judged = Sequence[tuple[LearnersAnswer, Verdict]]


@lru_cache(maxsize=1)
def read() -> tuple[LearnersAnswer, ...]:
    return tuple(
        attempt for file in sorted(FOLDER.glob("*.txt")) for attempt in _in_text(file.read_text(encoding="utf-8"))
    )


def _in_text(text: str) -> list[LearnersAnswer]:
    begin, *parts = re.split(r"^(?==== )", text, flags=re.MULTILINE)
    if begin.strip():
        raise ValueError(f"text before the first answer: {begin[:60]!r}")
    answers = []
    for part in parts:
        head = _HEAD.match(part)
        if head is None:
            raise ValueError(f"not the head of an answer: {part.splitlines()[0]!r}")
        kind, name, truth, names = head.groups()
        answers.append(
            LearnersAnswer(
                name=name,
                right=kind == "right",
                truth=truth,
                names=tuple(names.split(" | ")) if names else (),
                source=part[head.end() :].strip() + "\n",
            )
        )
    return answers


def verdict(attempt: LearnersAnswer) -> Verdict:
    """What a learner's check says about an answer."""
    key = _key(attempt.name)
    with _trained_weights() if attempt.name == "trained_model" else contextlib.nullcontext():
        return judge(key.exercise, key.calls, answer(_defined(attempt), key.calls), key, attempt.source)


@contextlib.contextmanager
def _trained_weights() -> Iterator[None]:
    """The folder in which lesson 8's notebook has ended its training."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for file in CHECKPOINT.parent.glob(f"{CHECKPOINT.stem}.*"):
            shutil.copy(file, f"trained_model{file.suffix}")
        yield


@lru_cache(maxsize=2)
def _key(name: str) -> AnswerKey:
    return AnswerKey(exercise(name), exercise(name).calls(LOCAL_SEED))


def _defined(attempt: LearnersAnswer) -> Any:
    """The object, defined as in a notebook in which every other exercise is solved."""
    file = f"<{attempt.name}: {attempt.truth}>"
    linecache.cache[file] = (len(attempt.source), None, attempt.source.splitlines(keepends=True), file)
    namespace = _notebook() | (_trained() if attempt.name == "trained_model" else {})
    exec(compile(attempt.source, file, "exec"), namespace)
    return namespace[attempt.name]


def _notebook() -> dict[str, Any]:
    constants = {name: value for name, value in vars(example).items() if name.isupper()}
    libraries = {
        "Counter": Counter,
        "F": torch.nn.functional,
        "MOVED": clinic.MOVED,
        "copy": copy,
        "logits_of": clinic.logits_of,
        "math": math,
        "nn": torch.nn,
        "np": np,
        "pad_sequence": torch.nn.utils.rnn.pad_sequence,
        "pairwise": itertools.pairwise,
        "re": re,
        "torch": torch,
    }
    solved = {asked.name: asked.reference for asked in all_exercises()}
    return {"__name__": "__main__", **constants, **libraries, **solved}


def _trained() -> dict[str, Any]:
    """What lesson 8's notebook has when its training has ended."""
    corpus = grammar_corpus()
    english, korean = vocabularies = grammar_vocabularies(corpus)
    names = {"Path": Path, "Config": Config, "load_model": load_model, "TRAINED": Path("trained_model.safetensors")}
    names["new_model"] = partial(Transformer, len(english), len(korean), 64, 4, 2, 192, dropout=0.0)
    names["model"] = names["new_model"]()  # after a hundred steps, which translate nothing yet either
    return names | {"corpus": corpus, "english": english, "korean": korean, "vocabularies": vocabularies}


# --- what was judged already ----------------------------------------------------------------------------------------


def is_judged(name: str) -> bool:
    """Whether nothing that decides the verdicts on an exercise's answers has changed since all of them were right."""
    return json.loads(JUDGED.read_bytes()).get(name) == _fingerprint(name)


def keep_judged(verdicts: Judged) -> None:
    faulty = {attempt.name for attempt, given in verdicts if not is_right(attempt, given)}
    found = {name: _fingerprint(name) for name in sorted({attempt.name for attempt, _ in verdicts} - faulty)}
    JUDGED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8", newline="\n")


def is_right(attempt: LearnersAnswer, given: Verdict) -> bool:
    """A right answer passes, a wrong one fails, and what is told is among what is true of it."""
    told = given.diagnosis is not None and (bool(attempt.names) or given.evidence == MISCONCEPTION)
    return given.passed == attempt.right and (not told or given.diagnosis in attempt.names)


def _fingerprint(name: str) -> str:
    attempts = [repr(attempt) for attempt in read() if attempt.name == name]
    helpers = {file.name: file.read_bytes() for file in Path(example.__file__).parent.glob("*.py")}  # for all exercises
    solved = fingerprints.of_files({**helpers, "answers": Path(__file__).read_bytes()})
    return fingerprints.of_text(fingerprints.of_exercise(name), fingerprints.environment(), solved, *attempts)


# --- what was measured ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Answers to some exercises, counted: `by` is the number of wrong ones for each kind of evidence, "" for none."""

    wrong: int
    rejected: int
    by: Counter[str]
    right: int
    accepted: int

    @property
    def named(self) -> int:
        return sum(self.by.values()) - self.by[""]

    def __add__(self, other: Measured) -> Measured:
        mine, theirs = vars(self), vars(other)
        return Measured(**{name: mine[name] + theirs[name] for name in mine})


def measure(verdicts: Judged) -> Measured:
    wrong = [given for attempt, given in verdicts if not attempt.right]
    right = [given for attempt, given in verdicts if attempt.right]
    rejected = [given for given in wrong if not given.passed]
    return Measured(
        wrong=len(wrong),
        rejected=len(rejected),
        by=Counter(given.evidence for given in rejected),
        right=len(right),
        accepted=sum(given.passed for given in right),
    )


def table(groups: Mapping[str, Judged]) -> str:
    """A Markdown table, one row for each group, and one for all together."""
    rows = {name: measure(verdicts) for name, verdicts in groups.items()}
    first, *others = rows.values()
    rows["together"] = sum(others, first)
    columns = ("", "wrong", "rejected", "catalogue", "relation", "source", "plain", "named", "right", "accepted")
    lines = [f"| {' | '.join(columns)} |", "| --- |" + " ---: |" * (len(columns) - 1)]
    for name, found in rows.items():
        kinds = (found.by[kind] for kind in (MISCONCEPTION, RELATION, SOURCE, ""))
        share = f"{found.named / found.wrong:.0%}" if found.wrong else ""
        cells = (name, found.wrong, found.rejected, *kinds, share, found.right, found.accepted)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)
