"""From a weights file back to a model, and what the file has to say for that."""

from __future__ import annotations

import json
from pathlib import Path

from helpers.trainer.config import Config
from helpers.trainer.errors import TrainingError
from helpers.trainer.model import build_model
from helpers.trainer.vocabularies import vocabularies_from_json, vocabularies_to_json
from helpers.trainer.weights import Weights, digest, load_into, load_weights


def describe(config, vocabularies) -> dict[str, str]:
    """The metadata of a weights file: enough to make the model and its vocabularies again."""
    text = vocabularies_to_json(*vocabularies)
    sizes = [len(vocabularies[0]), len(vocabularies[1])]
    return {"config": config.to_json(), "sizes": json.dumps(sizes), "digest": digest(text), "vocabularies": text}


def load_model(path, largest=None):
    """(model in evaluation mode, (source, target) vocabularies, config) from a weights file that a run has written."""
    weights = load_weights(path, largest)
    config = weights.config
    if "vocabularies" not in weights.metadata:
        raise TrainingError(f"{Path(path).name} lacks its vocabularies. Use the model.safetensors of a run.")
    vocabularies = vocabularies_from_json(weights.metadata["vocabularies"])
    return model_from(weights, config), vocabularies, config


def model_from(weights: Weights, config: Config):
    """The model that `config` describes with `weights`, in evaluation mode. The sizes are those of the tensors in the
    file: a description that says otherwise is refused before anything is made from it."""
    tensors = weights.tensors
    try:
        sizes = [len(tensors[f"{side}_embedding.weight"]) for side in ("source", "target")]
        width = tensors["target_embedding.weight"].shape[1]
        inner = len(tensors["decoder.layers.0.feed_forward.inner.weight"])
    except (KeyError, IndexError):
        raise TrainingError("The file holds no weights of lesson 7's Transformer. Save your trained model.") from None
    layers = len({name.split(".")[2] for name in tensors if name.startswith("decoder.layers.")})
    if (width, inner, layers) != (config.d_model, config.d_ff, config.num_layers):
        raise TrainingError("The weights have other sizes than their description says. Save them with their config.")
    return load_into(build_model(config, *sizes), weights).eval()
