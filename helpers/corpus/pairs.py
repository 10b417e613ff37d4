"""What a parallel corpus is here: pairs of sentences, in splits."""

from __future__ import annotations

from dataclasses import dataclass, field


class CorpusError(Exception):
    """A corpus that cannot be read, in one sentence that says what to do."""


@dataclass(frozen=True)
class Pair:
    """A sentence and its translation.

    source, target   their words, as strings
    alignments       gold word alignments: (index in source, index in target); empty where nobody made them
    noun_alignments  those that join a noun with a noun
    attribution      whom to name for this pair, where the licence asks for it
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    alignments: tuple[tuple[int, int], ...] = ()
    noun_alignments: tuple[tuple[int, int], ...] = ()
    attribution: str = ""

    @property
    def source_text(self) -> str:
        return " ".join(self.source)

    @property
    def target_text(self) -> str:
        return " ".join(self.target)


@dataclass
class Corpus:
    """A name, pairs to train on, pairs to choose a model by, and the test splits: {name of the split: pairs}."""

    name: str
    train: list[Pair]
    validation: list[Pair]
    tests: dict[str, list[Pair]] = field(default_factory=dict)
