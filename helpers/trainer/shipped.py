"""The trained model that comes with the course: the preset "small" on the embedded grammar.

`python -m helpers.trainer.shipped` trains it again: helpers/checkpoints/grammar.safetensors, its card as JSON and as
Markdown. A change of the grammar, of the vocabularies or of the preset asks for it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

from torch import nn

from helpers.corpus import grammar_corpus, grammar_vocabularies
from helpers.corpus.files import write_atomic
from helpers.trainer.alignments import found_alignments
from helpers.trainer.card import to_markdown
from helpers.trainer.config import Config
from helpers.trainer.data import Vocabularies, vocabularies_to_json
from helpers.trainer.errors import TrainingError
from helpers.trainer.run import train
from helpers.trainer.weights import digest, load_model, load_weights

FOLDER = Path(__file__).resolve().parent.parent / "checkpoints"
CHECKPOINT = FOLDER / "grammar.safetensors"


def load_shipped() -> tuple[nn.Module, Vocabularies, Config]:
    """The model of the shipped checkpoint in evaluation mode, its vocabularies and its config."""
    return load_model(CHECKPOINT)


def shipped_card() -> dict:
    """The result card of the run that made the shipped checkpoint."""
    return json.loads(CHECKPOINT.with_suffix(".json").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def grammar_digest() -> str:
    """The digest of the vocabularies that the grammar gives today; the shipped checkpoint was trained with these."""
    return digest(vocabularies_to_json(*grammar_vocabularies(grammar_corpus())))


def ship(folder: Path = FOLDER, config: Config | None = None) -> dict:
    """Train and write the checkpoint with its card into `folder`. Returns the card."""
    config = config or Config.preset("small")
    with tempfile.TemporaryDirectory() as run:
        result = train(config, folder=run)
        weights = (Path(run) / "model.safetensors").read_bytes()
    found = found_alignments(result.model, grammar_corpus().tests["random"], result.vocabularies)
    card = {**result.card, "noun_alignments": round(found.layers[found.best_layer], 4), "command": "course train small"}
    write_atomic(folder / CHECKPOINT.name, weights)
    write_atomic(folder / "grammar.json", json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    write_atomic(folder / "grammar.md", to_markdown(card))
    if load_weights(folder / CHECKPOINT.name).metadata["digest"] != grammar_digest():
        raise TrainingError("The checkpoint was trained with other vocabularies than the grammar's.")
    return card


if __name__ == "__main__":
    ship()
    sys.exit(0)
