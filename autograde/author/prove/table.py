"""The proofs as a page, `docs/proof.md`: the same proofs give the same text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from autograde.author.prove.equivalent import Equivalent
from autograde.author.prove.proof import Proof, Survivor
from autograde.course import paths
from autograde.course.lessons import GRADED

HEAD = """\
# Proof of the checks

`course prove --full` writes this page. For each exercise it makes **mutants** of the reference, copies with one change
each: a comparison, an operation, a number, an axis, a name, an argument, a keyword or a statement is exchanged or left
out. The exercise's check has to reject each of them. It has to call every **misconception** of the catalogue by its
name, and to accept every right **variant**. Sets of random inputs that all of this was tried with: {seeds}.

- *killed*: mutants that the check rejects with every set of inputs.
- *equivalent*: mutants that do the same as the reference, apart from what the text leaves open or hands out; the
  reasons are below each table.
- *named*: killed mutants that the check gives a name.
- *explained*: killed mutants that get more than a comparison of expected and got.

What is proven is kept with a fingerprint of all that decides it (`proven.json`): `make test` proves what has changed
since, and `course test --full` all of it anew.

How the checks do on answers that the catalogue did not know is in [answers.md](answers.md).

**{mutants} mutants: {killed} killed, {equivalent} equivalent, {holes} accepted although wrong.** Of those killed,
{named:.0%} are named and {explained:.0%} explained. {misconceptions} misconceptions, {nameless} without their name;
{variants} right variants, {refused} refused.
"""
COLUMNS = "| exercise | mutants | killed | equivalent | named | explained | misconceptions named | variants accepted |"


def write(proofs: Sequence[Proof], equivalent: Sequence[Equivalent]) -> Path:
    file = paths.root() / "docs" / "proof.md"
    file.write_text(page(proofs, equivalent), encoding="utf-8", newline="\n")
    return file


def page(proofs: Sequence[Proof], equivalent: Sequence[Equivalent]) -> str:
    killed = sum(proof.killed for proof in proofs)
    holes = sum(len(proof.holes(equivalent)) for proof in proofs)
    facts = {
        "seeds": min(proof.seeds for proof in proofs),
        "mutants": sum(proof.mutants for proof in proofs),
        "killed": killed,
        "equivalent": sum(len(proof.survivors) for proof in proofs) - holes,
        "holes": holes,
        "named": sum(proof.named for proof in proofs) / killed,
        "explained": sum(proof.explained for proof in proofs) / killed,
        "misconceptions": sum(proof.misconceptions for proof in proofs),
        "nameless": sum(len(proof.nameless) for proof in proofs),
        "variants": sum(proof.variants for proof in proofs),
        "refused": sum(len(proof.refused) for proof in proofs),
    }
    lines = [HEAD.format(**facts)]
    for lesson in GRADED:
        lines += _lesson(lesson.name, [proof for proof in proofs if proof.lesson == lesson.name], equivalent)
    return "\n".join(lines)


def _lesson(name: str, proofs: Sequence[Proof], equivalent: Sequence[Equivalent]) -> Iterator[str]:
    yield from (f"## {name}", "", COLUMNS, "| --- |" + " ---: |" * 7)
    for proof in proofs:
        holes = proof.holes(equivalent)
        cells = (
            f"`{proof.exercise}`",
            proof.mutants,
            proof.killed,
            len(proof.survivors) - len(holes),
            proof.named,
            proof.explained,
            f"{proof.misconceptions - len(proof.nameless)} of {proof.misconceptions}",
            f"{proof.variants - len(proof.refused)} of {proof.variants}",
        )
        yield f"| {' | '.join(map(str, cells))} |"
    yield ""
    for proof in proofs:
        if proof.survivors:
            yield from (f"`{proof.exercise}`", "")
            yield from _reasons(proof, equivalent)
            yield ""


def _reasons(proof: Proof, equivalent: Sequence[Equivalent]) -> Iterator[str]:
    reasons: dict[str, list[Survivor]] = {}
    for survivor in proof.survivors:
        why = next(
            (entry.why for entry in equivalent if entry.fits(proof.exercise, survivor)), "**accepted although wrong**"
        )
        reasons.setdefault(why, []).append(survivor)
    for why, survivors in reasons.items():
        changes = "; ".join(
            f"`` {survivor.line} `` → {f'`` {survivor.changed} ``' if survivor.changed else 'left out'}"
            for survivor in survivors
        )
        yield f"- {changes}: {why}"
