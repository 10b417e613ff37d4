"""`course prove`: are the checks right? Mutants of every reference, the misconceptions and the right variants."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from tqdm import tqdm

from autograde.author.prove import equivalent, record, table
from autograde.author.prove.proof import Proof, prove
from autograde.course.text import counted
from autograde.exercise import Exercise
from autograde.exercises import all_exercises, exercise

SEEDS, FULL = 3, 20


def run(asked: Sequence[Exercise], seeds: int, jobs: int, full: bool) -> int:
    """Prove the checks of these exercises and print what has to be mended; 0 if nothing has.

    `full` also writes `docs/proof.md` and what is proven (`record`), which needs the proofs of all exercises.
    """
    reasons = equivalent.read()
    proofs, faults = [], 0
    with tqdm(total=len(asked), unit="exercise", file=sys.stderr, disable=None, dynamic_ncols=True) as bar:
        for proof in _proofs(asked, seeds, jobs):
            proofs.append(proof)
            for fault in proof.faults(reasons):
                faults += 1
                tqdm.write(f"{proof.exercise} {fault}")
            bar.update()
    mutants, killed = sum(proof.mutants for proof in proofs), sum(proof.killed for proof in proofs)
    counts = f"{counted(len(proofs), 'exercise')}, {counted(mutants, 'mutant')}: {killed} rejected"
    print(f"{counts}, {counted(faults, 'fault')}.")
    if full and len(proofs) == len(all_exercises()):
        record.write(proofs, reasons)
        print(table.write(proofs, reasons))
    return 1 if faults else 0


def _proofs(asked: Sequence[Exercise], seeds: int, jobs: int) -> Iterator[Proof]:
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(_prove, [each.name for each in asked], [seeds] * len(asked))


def _prove(name: str, seeds: int) -> Proof:
    return prove(exercise(name), seeds)
