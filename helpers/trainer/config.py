"""Everything that a training run depends on, in one place.

    Config.preset("small", minutes=2)       a preset, with changes
    Config.from_json(text).to_json()        the same config again

Sources: "Attention Is All You Need", table 3 (base), section 5 (optimizer, schedule, regularization, batches).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import Field, asdict, dataclass, field, fields, replace
from functools import cache
from typing import Any, get_args, get_type_hints

from helpers.trainer.errors import TrainingError

# {preset: {option of Config: value}}; options that are not named keep their default
PRESETS = {
    # the embedded grammar, in less than a minute on two cores; it has no noise to smooth over
    "small": {
        "d_ff": 192,
        "dropout": 0.05,
        "label_smoothing": 0.0,
        "weight_decay": 0.01,
        "learning_rate": 4e-3,
        "warmup": 100,
        "max_tokens": 1536,
        "epochs": 9.0,
    },
    # the size that text-only Multi30k systems of the literature use (Wu et al. 2021, "Good for Misconceived Reasons")
    "tiny": {
        "data": "multi30k-de",
        "tokens": "bpe",
        "vocabulary_size": 10000,
        "vocabulary_multiple": 64,
        "share_embeddings": True,
        "d_model": 128,
        "num_heads": 4,
        "num_layers": 4,
        "d_ff": 256,
        "dropout": 0.3,
        "learning_rate": 5e-3,
        "warmup": 2000,
        "schedule": "linear",
        "clip": 0.0,
        "max_tokens": 4096,
        "epochs": 60.0,
        "keep": 10,
        "average": 10,
        "save_every": 200,
        "beam": 5,
    },
    # Multi30k on two CPU cores in ten minutes
    "multi30k": {
        "data": "multi30k-de",
        "tokens": "bpe",
        "vocabulary_size": 5000,
        "share_embeddings": True,
        "d_model": 128,
        "num_heads": 4,
        "num_layers": 2,
        "d_ff": 512,
        "dropout": 0.1,
        "learning_rate": 3e-3,
        "warmup": 400,
        "schedule": "one-cycle",
        "max_tokens": 1024,
        "minutes": 10.0,
        "validate_every": 2000,
        "save_every": 1000,
        "beam": 5,
    },
    # table 3, first row, and section 5: Adam, 4,000 steps of warm-up, about 25,000 tokens on each side of a batch
    "base": {
        "data": "multi30k-de",
        "tokens": "bpe",
        "vocabulary_size": 37000,
        "vocabulary_multiple": 64,
        "share_embeddings": True,
        "d_model": 512,
        "num_heads": 8,
        "num_layers": 6,
        "d_ff": 2048,
        "dropout": 0.1,
        "optimizer": "adam",
        "learning_rate": 1.0,
        "schedule": "noam",
        "warmup": 4000,
        "clip": 0.0,
        "max_tokens": 25000,
        "steps": 100_000,
        "keep": 5,
        "average": 5,
        "save_every": 1000,
        "beam": 4,
    },
}

PARTS = ("positions", "causal", "cross", "residuals")  # what an experiment may leave out

KINDS = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
    tuple: f"a list of {', '.join(PARTS)}",
}

CHOICES = {
    "tokens": ("words", "bpe"),
    "batching": ("tokens", "fixed"),
    "optimizer": ("adamw", "adam"),
    "schedule": ("noam", "one-cycle", "linear", "constant"),
    "device": ("auto", "cpu", "cuda", "mps"),
    "precision": ("auto", "fp32", "bf16"),
    "compile": ("auto", "on", "off"),
}


def option(default: Any, help: str, least: float | None = None, below: float = math.inf) -> Any:
    """A field of Config. help: what the command line says; least, below: a number has to be >= least and < below."""
    return field(default=default, metadata={"help": help, "least": least, "below": below})


@dataclass(frozen=True)
class Config:
    """One training run. Lengths and sizes are counted in tokens, rates per step, times in minutes.

    The run ends at `steps`, `epochs` or `minutes`, whichever comes first; at least one is set. The schedules other than
    noam follow the same three: they end where the run ends. A run with `minutes` depends on the machine's speed.
    """

    # data
    data: str = option("grammar", "corpus: grammar, multi30k-de, multi30k-fr, or two text files train.en,train.de")
    tokens: str = option("words", "words: the vocabulary of lesson 1 for each side; bpe: one joint byte-pair encoding")
    vocabulary_size: int = option(8000, "largest number of ids", least=50, below=1_000_001)
    lowercase: bool = option(False, "with bpe: lower-case everything first, the references too")
    limit: int | None = option(None, "train on the first pairs only, so many", least=1)
    # model
    d_model: int = option(64, "width of the model", least=1)
    num_heads: int = option(4, "heads of each attention; they divide the width", least=1)
    num_layers: int = option(2, "layers of the encoder, and of the decoder", least=1)
    d_ff: int = option(256, "inner width of the feed-forward networks", least=1)
    dropout: float = option(0.1, "share of values that dropout sets to 0", least=0, below=1)
    share_embeddings: bool = option(False, "one embedding table for source and target, as in the paper; needs bpe")
    without: tuple[str, ...] = option((), "leave out these parts of the model, for experiments")
    # batches
    batching: str = option("tokens", "tokens: similar lengths, full to max-tokens; fixed: batch-size pairs, shuffled")
    max_tokens: int = option(4096, "with tokens: most padded tokens on either side of a batch", least=1)
    batch_size: int = option(64, "with fixed: pairs in a batch", least=1)
    accumulate: int = option(1, "batches of each process in an update", least=1)
    # optimization
    optimizer: str = option("adamw", "adam: weight decay in the gradient; adamw: apart from it")
    learning_rate: float = option(3e-3, "highest learning rate; with noam a factor on the paper's formula", least=0)
    beta1: float = option(0.9, "Adam: how slowly the mean of the gradients changes", least=0, below=1)
    beta2: float = option(0.98, "Adam: how slowly the mean of their squares changes", least=0, below=1)
    eps: float = option(1e-9, "Adam: added to the root of that mean", least=1e-30)
    weight_decay: float = option(
        0.0, "share of the weights that an update takes away, times the learning rate", least=0
    )
    schedule: str = option("one-cycle", "how the learning rate changes")
    warmup: int = option(200, "steps in which the learning rate rises; with others than noam at most a third", least=0)
    clip: float = option(1.0, "largest norm of the gradient; 0: no clipping", least=0)
    label_smoothing: float = option(0.1, "share of each label that is spread over all words", least=0, below=1)
    # length of the run
    steps: int | None = option(None, "end after so many updates", least=1)
    epochs: float | None = option(None, "end after so many passes over the training pairs", least=0)
    minutes: float | None = option(None, "end after so many minutes of training", least=0)
    # machine
    seed: int = option(0, "where the random numbers start", least=0, below=2**31)
    device: str = option("auto", "auto: the fastest that this machine has")
    precision: str = option("auto", "bf16: matrix products in bfloat16, weights in float32; auto: where that is faster")
    compile: str = option("auto", "torch.compile; auto: on CUDA only")
    threads: int | None = option(None, "threads of the CPU; default: as many as PyTorch takes", least=1, below=1025)
    fast: bool = option(True, "lesson 7's Transformer in fewer operations, with the same numbers")
    vocabulary_multiple: int = option(
        1, "with fast: pad the output product to a multiple of so many rows", least=1, below=4097
    )
    # what is written
    log_every: int = option(50, "steps from one row of the log to the next", least=1)
    validate_every: int = option(500, "steps from one validation to the next; 0: only at the end", least=0)
    save_every: int = option(500, "steps from one checkpoint to the next; 0: only at the end", least=0)
    keep: int = option(3, "checkpoints that are kept", least=1)
    average: int = option(1, "use the mean of so many last checkpoints; 1: the last one only", least=1)
    tensorboard: bool = option(False, "write the log for TensorBoard, too")
    # evaluation
    beam: int = option(1, "hypotheses that the search follows; 1: greedy", least=1, below=1025)
    length_penalty: float = option(0.6, "beam search: how much longer translations are preferred", least=0, below=10.1)
    max_length: int = option(100, "longest translation, and longest sentence to train on (with <bos>, <eos>)", least=1)
    evaluate: str = option("all", "test splits to translate at the end, for example test,other; all; none")

    def __post_init__(self) -> None:
        if isinstance(self.without, list):  # as JSON has it
            object.__setattr__(self, "without", tuple(self.without))
        for problem in _problems(self):
            raise TrainingError(problem)

    @classmethod
    def preset(cls, name: str = "small", **changes: Any) -> Config:
        """A preset with changes. TrainingError names the presets, or the option that does not exist."""
        if not isinstance(name, str) or name not in PRESETS:
            raise TrainingError(f"There is no preset {name!r}. The presets are: {', '.join(PRESETS)}.")
        _refuse_unknown(changes)
        values = PRESETS[name]
        if {"steps", "epochs", "minutes"} & changes.keys():  # a length that is given replaces the preset's
            values = {key: value for key, value in values.items() if key not in ("steps", "epochs", "minutes")}
        return cls(**{**values, **changes})

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Config:
        """The config that `to_json` wrote. TrainingError if the text is anything else."""
        try:
            values = json.loads(text)
        except ValueError as error:
            raise TrainingError(f"The configuration is not readable JSON ({error}).") from None
        if not isinstance(values, dict):
            raise TrainingError("The configuration is not a JSON object with an option on each line.")
        unknown = values.keys() - {field.name for field in fields(cls)}
        if unknown:
            raise TrainingError(f"The configuration has unknown options: {', '.join(sorted(unknown))}.")
        return cls(**values)

    def change(self, **changes: Any) -> Config:
        """The same with changes. TrainingError names an option that does not exist."""
        _refuse_unknown(changes)
        return replace(self, **changes)


def _refuse_unknown(options: Iterable[str]) -> None:
    known = {field.name for field in fields(Config)}
    for name in options:
        if name not in known:
            raise TrainingError(f"There is no option {name!r}. The options are: {', '.join(sorted(known))}.")


def _problems(config: Config) -> Iterator[str]:
    """A sentence for each thing that is wrong."""
    for known in fields(config):
        yield from _problems_of(known, getattr(config, known.name))
    if config.data in PRESETS:
        name = config.data
        yield f"data is {name!r}, a preset and not a corpus: write `course train {name}`, or Config.preset({name!r})."
    for part in config.without:
        if part not in PARTS:
            yield f"without names {part!r}; choose from {', '.join(PARTS)}."
    if config.d_model % config.num_heads:
        yield f"{config.num_heads} heads do not divide a width of {config.d_model}; change num_heads or d_model."
    if config.steps is None and config.epochs is None and config.minutes is None:
        yield "Say how long to train: steps, epochs or minutes."
    if config.max_length > 5000:
        yield f"max_length is {config.max_length}; the positional encoding has 5000 positions."
    if config.average > config.keep:
        yield f"average is {config.average} but only {config.keep} checkpoints are kept; raise keep."
    if config.share_embeddings and config.tokens != "bpe":
        yield "share_embeddings needs tokens = bpe: two vocabularies of words have different ids."


def _problems_of(known: Field, value: Any) -> Iterator[str]:
    name, kind, choices = known.name, kinds()[known.name], CHOICES.get(known.name)
    least, below = known.metadata["least"], known.metadata["below"]
    if kind is int:
        below = min(below, 2**63)  # larger ones fit into no tensor
    if value is None and known.default is None:
        return
    if choices is not None:
        if value not in choices:
            yield f"{name} is {value!r}; choose one of {', '.join(choices)}."
    elif type(value) is not kind and not (kind is float and type(value) is int):
        yield f"{name} is {value!r}; it has to be {KINDS[kind]}."
    elif least is not None and not least <= value < below:
        largest = f" and below {below}" if below < math.inf else " and finite" * (value == math.inf)
        yield f"{name} is {value}; it has to be at least {least}{largest}."


@cache
def kinds() -> dict[str, type]:
    """{option: type of its values, None apart}."""
    hints = {name: get_args(hint) or (hint,) for name, hint in get_type_hints(Config).items()}
    return {name: tuple if name == "without" else parts[0] for name, parts in hints.items()}
