"""A whole run: from a Config to trained weights, a log and a result card.

from helpers.trainer import Config, train
result = train(Config.preset("small", minutes=1))
result.translate(["the cat sees two dogs"])
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import nn

from helpers import interrupts
from helpers.corpus import Corpus, CorpusError, CorpusWarning, Pair, load
from helpers.corpus.files import user_path, write_atomic
from helpers.corpus.pairs import counted, is_or_are
from helpers.trainer import card as cards
from helpers.trainer.checkpoint import checkpoints, writing_to
from helpers.trainer.config import PRESETS, Config
from helpers.trainer.data import (
    Pairs,
    Vocabularies,
    encode_pairs,
    make_vocabularies,
    vocabularies_from_json,
    vocabularies_to_json,
)
from helpers.trainer.devices import DeviceContext, device_context, leave
from helpers.trainer.errors import Stopped, TrainingError, WrongArgument
from helpers.trainer.log import curve
from helpers.trainer.loop import Loop, stops_between_steps, to_go_on
from helpers.trainer.model import build_model, count_parameters
from helpers.trainer.scores import encode_sources, score_split, translate
from helpers.trainer.step import Stepper, about_memory
from helpers.trainer.weights import average_weights, describe, load_into, save_weights

if TYPE_CHECKING:
    from helpers.figures import Picture

RUNS = Path("runs")
WRITTEN = ("config.json", "log.jsonl", "model.safetensors", "card.json", "card.md")


@dataclass
class Result:
    """What a run gives: the trained model, its vocabularies (source, target), the log's rows, the card, the folder."""

    model: nn.Module
    vocabularies: Vocabularies
    config: Config
    rows: list[dict]
    card: dict
    folder: Path

    def translate(self, texts: Iterable[str]) -> list[str]:
        return translate(self.model, texts, self.vocabularies, self.config)

    def curve(self) -> Picture:
        """The losses as a figure with alt text."""
        return curve(self.rows)

    def _repr_markdown_(self) -> str:
        return cards.to_markdown(self.card)


def train(
    config: Config | None = None,
    folder: str | Path | None = None,
    corpus: Corpus | None = None,
    resume: bool = False,
    model_class: Callable[..., nn.Module] | None = None,
    show: bool = True,
) -> Result:
    """Train, evaluate, and write log.jsonl, checkpoints, model.safetensors, card.json and card.md into `folder`.

    config        None: the preset "small"; with `resume`, what the run began with
    folder        None: a new one under runs/; with `resume`, the newest one there
    corpus        a `helpers.corpus.Corpus`; None: what config.data names
    model_class   called as lesson 7's `Transformer`, for example a learner's own; None: the course's
    show          progress bar, live plot, card
    TrainingError says in a sentence why a run ends early, and what to change.
    """
    _refuse_other_types(config, corpus, model_class)
    folder = _folder(folder, resume)
    if resume and config is None:
        config = read_config(folder)
    config = config or Config.preset("small")
    context = device_context(config)
    try:
        with ExitStack() as held:
            return _train(config, folder, corpus, resume, model_class, show and context.first, context, held)
    finally:
        leave(context)


def _refuse_other_types(config: object, corpus: object, model_class: object) -> None:
    if config is not None and not isinstance(config, Config):
        preset = config if isinstance(config, str) and config in PRESETS else "small"
        raise WrongArgument(f"config is a {type(config).__name__}. Give a Config: train(Config.preset({preset!r})).")
    if corpus is not None and not isinstance(corpus, Corpus):
        raise WrongArgument(
            f"corpus is a {type(corpus).__name__}. Give a Corpus, as `helpers.corpus.load` makes it, or name one in "
            "the config: Config.preset('small', data='train.en,train.de')."
        )
    if model_class is not None and (isinstance(model_class, nn.Module) or not callable(model_class)):
        raise WrongArgument(
            f"model_class is a {type(model_class).__name__}. Give the class itself, as in model_class=Transformer: the "
            "training makes a model of it."
        )


def _train(config, folder, corpus, resume, model_class, show, context: DeviceContext, held: ExitStack) -> Result:
    seed_everything(config.seed)
    corpus = corpus or load_corpus(config)
    _needs_libraries(config, corpus, show)
    stored = folder / "vocabulary.json"
    if resume:
        _keeps_vocabulary(config, folder)
    vocabularies = vocabularies_from_json(_read(stored)) if resume else make_vocabularies(config, corpus)
    pairs = corpus.train[: config.limit]
    train_pairs = _encode(pairs, vocabularies, config, "training")
    validation = _encode_validation(corpus.validation, vocabularies, config)
    try:
        model = build_model(config, len(vocabularies[0]), len(vocabularies[1]), model_class)
    except RuntimeError as error:
        if not about_memory(error):
            raise
        raise TrainingError(
            f"A model of these sizes does not fit into memory. Lower d_model (now {config.d_model}), d_ff (now "
            f"{config.d_ff}) or num_layers (now {config.num_layers})."
        ) from None
    for name in splits(config, corpus):
        encode_sources(model, [pair.source_text for pair in corpus.tests[name]], vocabularies[0], f"{name}, sentence")
    metadata = describe(config, vocabularies)
    stepper = Stepper(config, model, context)
    seed_everything(config.seed + 1009 * context.rank)  # every process drops out other values
    brief = {key: value for key, value in metadata.items() if key != "vocabularies"}
    loop = Loop(config, stepper, train_pairs, validation, context, folder, brief)
    if resume and not loop.resume():
        raise TrainingError(f"There is no checkpoint in {folder} to resume from. Begin that run again, without resume.")
    context.wait()  # no process writes before all have read
    interrupts.as_usual()
    with stops_between_steps(loop):
        if context.first:  # what is refused above has changed nothing
            with writing_to(folder):
                held.enter_context(_alone_in(folder))
                write_atomic(stored, vocabularies_to_json(*vocabularies))
                write_atomic(folder / "config.json", config.to_json())
        if show:
            sizes = f"{count_parameters(model):,} parameters, {len(train_pairs):,} pairs"
            print(f"{sizes}, {context.name}, {context.precision}")
        loop.run(show)
    if config.average > 1:
        last = checkpoints(folder)[-config.average :]
        load_into(model, average_weights(path / "model.safetensors" for path in last))
    card: dict = {}
    if context.first:
        with writing_to(folder):
            save_weights(model, folder / "model.safetensors", metadata)
        try:
            scores = score(config, model, corpus, vocabularies, context)
        except KeyboardInterrupt:
            raise Stopped(f"Stopped before the scores; the weights are saved. {to_go_on(folder)}") from None
        used, too_long = len(train_pairs), len(pairs) - len(train_pairs)
        card = cards.make_card(config, model, stepper.context, loop.state, scores, corpus.name, used, too_long)
        with writing_to(folder):
            write_atomic(folder / "card.json", json.dumps(card, indent=2, ensure_ascii=False))
            write_atomic(folder / "card.md", cards.to_markdown(card))
        if show:
            print(f"{cards.to_text(card)}\nEverything is in {folder}.")
    context.wait()
    return Result(model, vocabularies, config, loop.rows, card, folder)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Two runs that write into one folder would delete each other's checkpoints: the second one is refused."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(folder / "run.lock").acquire(timeout=0)
    except Timeout:
        raise TrainingError(
            f"Another training is writing into {folder}. Wait until it has ended, or choose another folder."
        ) from None
    with lock:
        yield


def _keeps_vocabulary(config: Config, folder: Path) -> None:
    """TrainingError if what the vocabulary was made by is another now: a run that goes on has the one it began with."""
    begun = read_config(folder)
    for name in ("tokens", "vocabulary_size", "lowercase"):
        if getattr(config, name) != getattr(begun, name):
            raise TrainingError(
                f"The run in {folder} began with {name} = {getattr(begun, name)}, and its vocabulary stays. Leave "
                f"{name} as it was, or begin another run."
            )


def _needs_libraries(config: Config, corpus: Corpus, show: bool) -> None:
    """Libraries that come late are missed now, not after the training."""
    needed = ["safetensors", *["tqdm"] * show, *["sacrebleu"] * _has_bleu(config, corpus)]
    needed += [*["tokenizers"] * (config.tokens == "bpe"), *["tensorboard"] * config.tensorboard]
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise TrainingError(f"The training needs {' and '.join(missing)}. Install: pip install {' '.join(missing)}")


def _encode(pairs: Sequence[Pair], vocabularies: Vocabularies, config: Config, name: str) -> Pairs:
    encoded = encode_pairs(pairs, *vocabularies, config.max_length, name)
    if left_out := len(pairs) - len(encoded):
        warnings.warn(
            f"{left_out:,} of {counted(len(pairs), f'{name} pair')} {is_or_are(left_out)} left out: a side has more "
            f"than {counted(config.max_length, 'token')}, with <bos> and <eos>. Raise max_length to keep them.",
            CorpusWarning,
            stacklevel=4,
        )
    return encoded


def _encode_validation(pairs: Sequence[Pair], vocabularies: Vocabularies, config: Config) -> Pairs | None:
    """None, with a warning, where every pair is too long: a run can do without a validation."""
    try:
        return _encode(pairs, vocabularies, config, "validation") if pairs else None
    except TrainingError as error:
        warnings.warn(f"There is no validation. {error}", CorpusWarning, stacklevel=4)
        return None


def splits(config: Config, corpus: Corpus) -> list[str]:
    """The test splits that `config.evaluate` names. TrainingError if there is no such split, or nothing in it."""
    names = list(corpus.tests) if config.evaluate == "all" else [name.strip() for name in config.evaluate.split(",")]
    names = [] if config.evaluate == "none" else names
    for name in names:
        if name not in corpus.tests:
            raise TrainingError(f"{corpus.name} has no split {name!r}; it has {', '.join(corpus.tests) or 'none'}.")
        if not corpus.tests[name]:
            raise TrainingError(f"The split {name!r} of {corpus.name} is empty. Name the others with evaluate.")
    return names


def _has_bleu(config: Config, corpus: Corpus) -> bool:
    """The grammar has one right translation for each sentence: no BLEU there."""
    return corpus.name != "grammar" and bool(splits(config, corpus))


def score(
    config: Config,
    model: nn.Module,
    corpus: Corpus,
    vocabularies: Vocabularies,
    context: DeviceContext | None = None,
) -> dict:
    """{split: what `score_split` gives} for the test splits that `config.evaluate` names."""
    return {
        name: score_split(model, corpus.tests[name], vocabularies, config, context, _has_bleu(config, corpus))
        for name in splits(config, corpus)
    }


def load_corpus(config: Config) -> Corpus:
    """What `config.data` names. TrainingError if it cannot be had."""
    try:
        return load(config.data)
    except CorpusError as error:
        raise TrainingError(str(error)) from None


def read_config(folder: str | Path | None = None) -> Config:
    """The config of the run in `folder`; None: of the newest run."""
    return Config.from_json(_read(_folder(folder, resume=True) / "config.json"))


def seed_everything(seed: int) -> None:
    """Python's, NumPy's and PyTorch's random numbers start from `seed`."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _folder(folder: str | Path | None, resume: bool) -> Path:
    """The folder of the run. A run never writes into a folder that holds another."""
    if folder is not None:
        if not isinstance(folder, str | os.PathLike) or not os.fspath(folder):
            raise WrongArgument(f"folder is {folder!r}. Give the name of a folder, or leave it out.")
        folder = user_path(folder)
        if not resume and checkpoints(folder):
            raise TrainingError(f"{folder} holds a run already. Resume it, or choose another folder.")
        for name in () if resume or (folder / "vocabulary.json").is_file() else WRITTEN:
            if (folder / name).exists():
                raise TrainingError(f"{folder / name} is there already, and not of a run. Choose another folder.")
        return folder
    if resume:
        runs = [file.parent for file in RUNS.rglob("config.json") if file.with_name("vocabulary.json").is_file()]
        if not runs:
            raise TrainingError(
                f"There is no run in {RUNS} to resume. Begin one, or name the folder of the one that you mean."
            )
        return max(runs, key=lambda run: (_written(run), run))
    number = 1 + max((int(path.name) for path in RUNS.glob("*") if re.fullmatch("[0-9]{1,6}", path.name)), default=0)
    while (RUNS / f"{number:03d}").exists():  # longer names do not count, and may be in the way
        number += 1
    return RUNS / f"{number:03d}"


def _written(run: Path) -> int:
    """When a run has last written anything."""
    files = [run / "config.json", run / "log.jsonl", *(path / "state.json" for path in checkpoints(run)[-1:])]
    return max(file.stat().st_mtime_ns for file in files if file.is_file())


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")  # what is damaged is no JSON
    except OSError:
        raise TrainingError(f"{path.parent} holds no run: {path.name} is missing.") from None
