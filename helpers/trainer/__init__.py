"""Training: one Config, one entry, for the notebook, the command and `torchrun`.

from helpers.trainer import Config, train
train(Config.preset("small", minutes=1))

course train small --minutes 1
python -m helpers.trainer small --minutes 1
torchrun --nproc_per_node=4 -m helpers.trainer base --steps 1000
"""

from helpers.trainer.config import PARTS, PRESETS, Config
from helpers.trainer.errors import Stopped, TrainingError
from helpers.trainer.run import Result, score, train
from helpers.trainer.scores import bleu, translate
from helpers.trainer.search import search
from helpers.trainer.weights import (
    Weights,
    average_weights,
    load_into,
    load_model,
    load_weights,
    model_from,
    save_weights,
)

__all__ = [
    "PARTS",
    "PRESETS",
    "Config",
    "Result",
    "Stopped",
    "TrainingError",
    "Weights",
    "average_weights",
    "bleu",
    "load_into",
    "load_model",
    "load_weights",
    "model_from",
    "save_weights",
    "score",
    "search",
    "train",
    "translate",
]
