"""What a parallel corpus is here: pairs of sentences, in splits."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field


class CorpusError(Exception):
    """A corpus that cannot be read, in one sentence that says what to do; a notebook shows it without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class CorpusWarning(UserWarning):
    """Sentences or files of a corpus that are not used, in one sentence that says why."""


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 line, 2 lines."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def is_or_are(number: int) -> str:
    """The verb after "{number} of ..."."""
    return "is" if number == 1 else "are"


@contextlib.contextmanager
def warnings_as_sentences(program: str) -> Iterator[None]:
    """For a command: each CorpusWarning is a line on stderr. Of the processes of torchrun only the first writes it."""
    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(message, category, *details):
            if not issubclass(category, CorpusWarning):
                others(message, category, *details)
            elif os.environ.get("RANK", "0") == "0":
                print(f"{program}: {message}", file=sys.stderr)

        warnings.simplefilter("always", CorpusWarning)
        warnings.showwarning = show
        yield


def write_any_text() -> None:
    """For a command: a sign that the encoding of stdout lacks, as of a pipe on Windows, is written as `?`."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")


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

    def __post_init__(self):
        if isinstance(self.source, str) or isinstance(self.target, str):
            raise CorpusError("The sides of a pair are words, not texts: Pair(tuple(source.split()), ...).")

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
