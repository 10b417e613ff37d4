"""Everything that a training run depends on, in one place.

    Config.preset("small", minutes=2)       a preset, with changes
    Config.from_json(text).to_json()        the same config again

Sources: "Attention Is All You Need", table 3 (base), section 5 (optimizer, schedule, regularization, batches).
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields, replace

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

CHOICES = {
    "tokens": ("words", "bpe"),
    "batching": ("tokens", "fixed"),
    "optimizer": ("adamw", "adam"),
    "schedule": ("noam", "one-cycle", "linear", "constant"),
    "device": ("auto", "cpu", "cuda", "mps"),
    "precision": ("auto", "fp32", "bf16"),
    "compile": ("auto", "on", "off"),
}


@dataclass(frozen=True)
class Config:
    """One training run. Lengths and sizes are counted in tokens, rates per step, times in minutes.

    The run ends at `steps`, `epochs` or `minutes`, whichever comes first; at least one is set. The schedules other than
    noam follow the same three: they end where the run ends. A run with `minutes` depends on the machine's speed.
    """

    # data
    data: str = "grammar"  # "grammar", "multi30k-de", "multi30k-fr", or two text files "train.en,train.de"
    tokens: str = "words"  # "words": lesson 1's vocabulary for each side; "bpe": one joint byte-pair encoding
    vocabulary_size: int = 8000  # the most ids
    lowercase: bool = False  # with "bpe": everything is lower-cased first, in the references too
    limit: int | None = None  # only the first pairs of the training split
    # model
    d_model: int = 64
    num_heads: int = 4
    num_layers: int = 2
    d_ff: int = 256
    dropout: float = 0.1
    share_embeddings: bool = False  # one table for source and target, as in the paper; needs "bpe"
    without: tuple[str, ...] = ()  # parts left out, for experiments: of PARTS
    # batches
    batching: str = "tokens"  # "tokens": similar lengths, full to max_tokens; "fixed": batch_size pairs, shuffled
    max_tokens: int = 4096  # most padded tokens on either side of one batch
    batch_size: int = 64  # with "fixed"
    accumulate: int = 1  # batches of one process in one update
    # optimization
    optimizer: str = "adamw"
    learning_rate: float = 3e-3  # the highest rate; with "noam" a factor on the paper's formula
    beta1: float = 0.9
    beta2: float = 0.98
    eps: float = 1e-9
    weight_decay: float = 0.0
    schedule: str = "one-cycle"
    warmup: int = 200  # steps; with "one-cycle" and "linear" at most a third of the run
    clip: float = 1.0  # largest norm of the gradient; 0: no clipping
    label_smoothing: float = 0.1
    # length of the run
    steps: int | None = None
    epochs: float | None = None
    minutes: float | None = None
    # machine
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"  # "bf16": autocast, weights stay float32
    compile: str = "auto"
    threads: int | None = None  # of the CPU; None: as many as PyTorch takes
    fast: bool = True  # the fast forward pass for lesson 7's Transformer (the same numbers, in fewer operations)
    vocabulary_multiple: int = 1  # with `fast`: the output product is padded to so many rows; the model is not
    # what is written
    log_every: int = 50  # steps
    validate_every: int = 500  # steps; 0: only at the end
    save_every: int = 500  # steps; 0: only at the end
    keep: int = 3  # checkpoints
    average: int = 1  # the last checkpoints whose mean is evaluated and saved; 1: no averaging
    tensorboard: bool = False
    # evaluation
    beam: int = 1  # 1: greedy
    length_penalty: float = 0.6
    max_length: int = 100  # longest translation, and the longest sentence (with <bos> and <eos>) that is trained on
    evaluate: str = "all"  # splits to translate at the end, for example "test"; "none"; "all"

    def __post_init__(self):
        if isinstance(self.without, list):  # as JSON has it
            object.__setattr__(self, "without", tuple(self.without))
        for problem in _problems(self):
            raise TrainingError(problem)

    @classmethod
    def preset(cls, name: str = "small", **changes) -> Config:
        """A preset with changes. TrainingError names the presets, or the option that does not exist."""
        if name not in PRESETS:
            raise TrainingError(f"There is no preset {name!r}. The presets are: {', '.join(PRESETS)}.")
        known = {field.name for field in fields(cls)}
        for option in changes:
            if option not in known:
                raise TrainingError(f"There is no option {option!r}. The options are: {', '.join(sorted(known))}.")
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

    def change(self, **changes) -> Config:
        return replace(self, **changes)


def _problems(config: Config):
    """Yields a sentence for each thing that is wrong."""
    for name, choices in CHOICES.items():
        if getattr(config, name) not in choices:
            yield f"{name} is {getattr(config, name)!r}; choose one of {', '.join(choices)}."
    for name in ("d_model", "num_heads", "num_layers", "d_ff", "max_tokens", "batch_size", "accumulate", "log_every"):
        yield from _number(config, name, int, 1)
    for name in ("keep", "average", "beam", "max_length", "vocabulary_multiple"):
        yield from _number(config, name, int, 1)
    for name in ("warmup", "validate_every", "save_every", "seed"):
        yield from _number(config, name, int, 0)
    for name in ("clip", "weight_decay", "eps", "learning_rate", "length_penalty"):
        yield from _number(config, name, float, 0)
    for name in ("dropout", "label_smoothing", "beta1", "beta2"):
        yield from _number(config, name, float, 0, below=1)
    for name, kind in (("steps", int), ("epochs", float), ("minutes", float), ("limit", int), ("threads", int)):
        if getattr(config, name) is not None:
            yield from _number(config, name, kind, 1 if kind is int else 0)
    if config.d_model % config.num_heads:
        yield f"{config.num_heads} heads do not divide a width of {config.d_model}; change num_heads or d_model."
    if config.steps is None and config.epochs is None and config.minutes is None:
        yield "Say how long to train: steps, epochs or minutes."
    for name in ("data", "evaluate"):
        if not isinstance(getattr(config, name), str):
            yield f"{name} is {getattr(config, name)!r}; it has to be a text."
    for name in ("lowercase", "share_embeddings", "fast", "tensorboard"):
        if not isinstance(getattr(config, name), bool):
            yield f"{name} is {getattr(config, name)!r}; it has to be true or false."
    if not isinstance(config.without, tuple):
        yield f"without is {config.without!r}; it has to be a list of {', '.join(PARTS)}."
    for part in config.without:
        if part not in PARTS:
            yield f"without names {part!r}; choose from {', '.join(PARTS)}."
    if config.max_length > 5000:
        yield f"max_length is {config.max_length}; the positional encoding has 5000 positions."
    if config.average > config.keep:
        yield f"average is {config.average} but only {config.keep} checkpoints are kept; raise keep."
    yield from _number(config, "vocabulary_size", int, 50)
    if config.share_embeddings and config.tokens != "bpe":
        yield "share_embeddings needs tokens = bpe: two vocabularies of words have different ids."


def _number(config, name, kind, lowest, below=math.inf):
    value = getattr(config, name)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not (whole if kind is int else whole or isinstance(value, float)):
        yield f"{name} is {value!r}; it has to be a {'whole ' if kind is int else ''}number."
    elif not lowest <= value < below:
        yield f"{name} is {value}; it has to be at least {lowest}{f' and below {below}' if below < math.inf else ''}."
