"""What `course prove --full` has found without fault, in `proven.json`: `make test` proves the others only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from autograde.author.prove import proof
from autograde.author.prove.equivalent import Equivalent
from autograde.author.prove.proof import Proof
from autograde.course import atomic
from autograde.exercise import Exercise
from autograde.exercises import exercise as find_exercise
from autograde.grading.records import fingerprints

FILE = Path(__file__).with_name("proven.json")
SEEDS = 2  # as many as the guards take: a proof over fewer is none of theirs


def write(proofs: Sequence[Proof], equivalent: Sequence[Equivalent], file: Path = FILE) -> None:
    faultless = [
        find_exercise(proof.exercise) for proof in proofs if proof.seeds >= SEEDS and not proof.faults(equivalent)
    ]
    found = {exercise.name: _fingerprint(exercise, equivalent) for exercise in faultless}
    atomic.replace(file, (json.dumps(found, indent=1) + "\n").encode())


def is_proven(exercise: Exercise, equivalent: Sequence[Equivalent], file: Path = FILE) -> bool:
    """Whether nothing that decides the proof of this exercise has changed since it was found without fault."""
    return json.loads(file.read_bytes()).get(exercise.name) == _fingerprint(exercise, equivalent)


def _fingerprint(exercise: Exercise, equivalent: Sequence[Equivalent]) -> str:
    reasons = [repr(entry) for entry in equivalent if entry.exercise == exercise.name]
    return fingerprints.of_text(proof.fingerprint(exercise), *reasons)
