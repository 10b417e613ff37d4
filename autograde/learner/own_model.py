"""The Transformer of a learner's own cells: what the notebooks of lessons 2 to 7 define, with trained weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import torch
from torch import nn

from autograde.course import atomic
from autograde.course.errors import CourseError
from autograde.course.lessons import GRADED, Lesson
from autograde.course.outline import outline
from autograde.judge.verdict import NOT_STARTED, PASSED, SIGNS, card
from autograde.learner import progress
from autograde.learner.own_parts import BUILT, Part, find_parts
from helpers.corpus import gloss, grammar_corpus
from helpers.decoder import greedy_decode
from helpers.example import SENTENCES, TRANSLATIONS
from helpers.trainer import Config, load_model
from helpers.trainer.data import Vocabularies
from helpers.trainer.shipped import CHECKPOINT
from helpers.vocabulary import pad_batch

TESTED = 100  # sentences of the test split

Decode = Callable[..., torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class _Trained:
    """The reference's model with trained weights, its vocabularies, and what a page says of their file."""

    model: nn.Module
    vocabularies: Vocabularies
    config: Config
    note: str


class OwnModel:
    """A translator of the learner's own parts, and of references where one is missing or not right yet.

    parts         what it is made of, in the order of the course
    model         the Transformer, in evaluation mode
    trouble       why the parts are not used, a sentence: then all is the reference's; else empty
    difference    the largest difference of its logits from those of the reference with the same weights
    """

    def __init__(self, parts: Sequence[Part], model: nn.Module, decode: Decode, trained: _Trained, trouble: str = ""):
        self.parts, self.model, self.trouble = list(parts), model, trouble
        self._decode, self._trained = decode, trained
        self._source, self._target = trained.vocabularies
        targets = [torch.tensor([self._target.encode(text)]) for text in TRANSLATIONS]
        self._pairs = [(self._ids([text]), target) for text, target in zip(SENTENCES, targets, strict=True)]
        self.difference = max(_difference(model, trained.model, *pair) for pair in self._pairs)
        reference = self._texts(trained.model, greedy_decode, SENTENCES)
        self._same = self.translate(SENTENCES) == reference

    def translate(self, sentences: Sequence[str]) -> list[str]:
        """The translations of English sentences, decoded greedily, all in one batch."""
        if isinstance(sentences, str):
            raise TypeError(f"Give a list of sentences: translate([{sentences!r}]).")
        return self._texts(self.model, self._decode, sentences)

    def page(self, file: str | Path | None = None) -> Page:
        """A page to keep. With a name, such as "my_transformer.html", it is saved there as well."""
        made = Page(self._headline, [*self._about(), *self._measured()], self._state)
        if file is not None:
            atomic.replace(Path(file), made.document.encode("utf-8"))
        return made

    def __repr__(self) -> str:
        return repr(Page(self._headline, self._about(), self._state))

    def _repr_html_(self) -> str:
        return Page(self._headline, self._about(), self._state).html

    def _ids(self, sentences: Sequence[str]) -> torch.Tensor:
        return pad_batch([self._source.encode(text) for text in sentences])[0]

    def _texts(self, model: nn.Module, decode: Decode, sentences: Sequence[str]) -> list[str]:
        return [self._target.text(ids) for ids in decode(model, self._ids(sentences)).tolist()] if sentences else []

    @property
    def _headline(self) -> str:
        mine = sum(part.mine for part in self.parts)
        return f"Your Transformer: {mine} of its {len(self.parts)} parts are yours"

    @property
    def _state(self) -> str:
        return PASSED if all(part.mine for part in self.parts) else NOT_STARTED

    def _about(self) -> list[tuple[str, str]]:
        rows = [(lesson.name, text) for lesson in BUILT if (text := self._of_lesson(lesson))]
        count = sum(parameter.numel() for parameter in self.model.parameters())
        rows.append(("weights", f"{count:,} parameters, {self._trained.note}"))
        if self.trouble:
            return [*rows, ("trouble", f"{self.trouble} So this is the reference, whole.")]
        same = "the same translations" if self._same else "other translations"
        compared = f"{same} as the reference with these weights; logits differ by at most {self.difference:.1g}"
        return [*rows, ("compared", compared)]

    def _of_lesson(self, lesson: Lesson) -> str:
        here = [part for part in self.parts if part.lesson == lesson]
        mine = ", ".join(part.name for part in here if part.mine)
        lines = [f"yours: {mine}"] if mine else []
        for why in dict.fromkeys(part.why for part in here if not part.mine):
            lines.append(f"the reference's: {', '.join(part.name for part in here if part.why == why)} ({why})")
        return "\n".join(lines)

    def _measured(self) -> Iterator[tuple[str, str]]:
        pairs = grammar_corpus().tests["random"][:TESTED]
        written = self.translate([pair.source_text for pair in pairs])
        right = sum(text == pair.target_text for text, pair in zip(written, pairs, strict=True))
        yield "new sentences", f"{right} of {TESTED} translated word for word"
        kept, places = self._leak_tests()
        yield "leak tests", f"{kept} of {places} passed: an exchanged word changes nothing before it"
        done = _done()
        if done is not None:
            count, minutes = done
            yield "exercises", f"{count} passed in the whole course; by its own count, {minutes} minutes of work"
        for sentence, korean in zip(SENTENCES, self.translate(SENTENCES), strict=True):
            yield "translated", f"{sentence}\n{korean}\n{gloss(korean)}"

    def _leak_tests(self) -> tuple[int, int]:
        """How many exchanged target words change no logits before them, and how many were exchanged."""
        kept = places = 0
        with torch.no_grad():
            for source, target in self._pairs:
                before = self.model(source, target)
                for place in range(1, target.shape[1]):
                    changed = target.clone()
                    changed[:, place] = 4 if changed[0, place] != 4 else 5
                    moved = (self.model(source, changed) - before)[:, :place].abs().max()
                    kept += bool(moved < 1e-5)
                    places += 1
        return kept, places


class Page:
    """A headline and rows (label, text), as text and as HTML."""

    def __init__(self, headline: str, rows: Sequence[tuple[str, str]], state: str):
        self._headline, self._rows, self._state = headline, rows, state

    def __repr__(self) -> str:
        width = max(len(label) for label, _ in self._rows)
        lines = [f"{SIGNS[self._state]} {self._headline}"]
        for label, text in self._rows:
            for at, line in enumerate(text.split("\n")):
                lines.append(f"  {'' if at else label:<{width}}  {line}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return self.html

    @property
    def html(self) -> str:
        """A box that reads the same in a light and a dark theme."""
        cell, head = "text-align:left;vertical-align:top;padding:.1em 0", "padding-right:1em;white-space:nowrap"
        rows = "".join(
            f'<tr style="background:transparent"><th scope="row" style="{cell};{head}">{escape(label)}</th>'
            f'<td style="{cell};white-space:pre-wrap">{escape(text)}</td></tr>'
            for label, text in self._rows
        )
        return card(self._state, self._headline, [f'<table style="margin:.4em 0 0 0;color:inherit">{rows}</table>'])

    @property
    def document(self) -> str:
        """The box as a file of its own."""
        head = f'<meta charset="utf-8"><title>{escape(self._headline)}</title>'
        return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>{self.html}</body></html>\n'


def own_model(weights: str | Path | None = None) -> OwnModel:
    """The Transformer of lesson 7, made of what the saved notebooks of lessons 2 to 7 beside this one define.

    A part that is missing or does not pass its check is the reference's. `weights` is a file that a training has
    written; None, or a file that is not there, takes the weights that come with the course. Nothing of a notebook is
    run but its definitions.
    """
    trained = _trained(weights)
    parts, find = find_parts()
    try:
        sizes = {name: getattr(trained.config, name) for name in ("d_model", "num_heads", "num_layers", "d_ff")}
        vocabulary_sizes = [len(vocabulary) for vocabulary in trained.vocabularies]
        model = find("Transformer")(*vocabulary_sizes, **sizes, dropout=trained.config.dropout).eval()
        _load(model, dict(trained.model.named_parameters()))
        return OwnModel(parts, model, find("greedy_decode"), trained)
    except Exception as error:  # each part passes its check, and the whole does not work
        trouble = f"Your parts together end with {type(error).__name__}: {error}."
        whole = [replace(part, why=part.why or "see below") for part in parts]
        return OwnModel(whole, trained.model, greedy_decode, trained, trouble)


def _trained(weights: str | Path | None) -> _Trained:
    file, note = CHECKPOINT, "those that come with the course"
    if weights is not None and Path(weights).is_file():
        file, note = Path(weights), f"from {weights}"
    elif weights is not None:
        note += f" ({weights} is not there)"
    model, vocabularies, config = load_model(file)
    return _Trained(model=model, vocabularies=vocabularies, config=config, note=note)


def _load(model: nn.Module, trained: dict[str, nn.Parameter]) -> None:
    """Copy the parameters by name. ValueError where the model has others."""
    own = dict(model.named_parameters())
    others = sorted(own.keys() ^ trained.keys())
    if others:
        raise ValueError(f"the parameter `{others[0]}` is only in {'your model' if others[0] in own else 'the file'}")
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(trained[name])


def _difference(model: nn.Module, reference: nn.Module, source: torch.Tensor, target: torch.Tensor) -> float:
    with torch.no_grad():
        return float((model(source, target) - reference(source, target)).abs().max())


def _done() -> tuple[int, int] | None:
    """How many exercises are passed and the minutes that the lessons state for them; None without a learner's copy."""
    file = progress.find()
    if file is None:
        return None
    data = progress.read(file)
    try:
        asked = [exercise for lesson in GRADED for exercise in outline(lesson)]
    except CourseError:  # the release is damaged
        return None
    passed = [exercise for exercise in asked if data.get(exercise.name, {}).get("state") == PASSED]
    return len(passed), sum(exercise.minutes for exercise in passed)
