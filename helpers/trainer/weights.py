"""Weights as a file, and from the file back to a model: safetensors, with the configuration and the vocabularies.

Nothing here reads pickle: a file from anyone can be opened.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from helpers.corpus.files import user_path, write_atomic
from helpers.trainer.config import Config
from helpers.trainer.data import Vocabularies, vocabularies_from_json, vocabularies_to_json
from helpers.trainer.errors import TrainingError, WrongArgument
from helpers.trainer.model import build_model

LARGEST = 8 * 1024 * 1024  # bytes of a file that comes from others
DIGEST = "vocabulary"
NAME = "model.safetensors"  # in the folder of a run


@dataclass(frozen=True)
class Weights:
    """What a file holds: {name: tensor} and {name: text}."""

    tensors: dict[str, torch.Tensor]
    metadata: dict[str, str]

    @property
    def config(self) -> Config:
        """The Config in the metadata. TrainingError if there is none."""
        if "config" not in self.metadata:
            raise TrainingError("The weights file says nothing about its model. Save it with `save_weights` again.")
        return Config.from_json(self.metadata["config"])


def save_weights(model: nn.Module | dict[str, torch.Tensor], path: str | Path, metadata: dict | None = None) -> Path:
    """Write a model's weights (or a state dict). metadata: values are text, or become JSON.

    `describe` makes the metadata that the trainer writes. A crash leaves the old file.
    """
    from safetensors.torch import save

    state = model.state_dict() if hasattr(model, "state_dict") else model
    tensors = {name: value.detach().to("cpu").contiguous().clone() for name, value in state.items()}
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in (metadata or {}).items()}
    path = user_path(path)
    write_atomic(path, save(tensors, metadata=texts))
    return path


def load_weights(path: str | Path, largest: int | None = LARGEST) -> Weights:
    """Read what `save_weights` wrote. TrainingError, in a sentence, if the file is missing, too large or damaged, or
    if it holds anything but finite numbers."""
    from safetensors import SafetensorError, safe_open

    if not isinstance(path, str | os.PathLike):
        raise WrongArgument(f"path is a {type(path).__name__}. Give the name of a file, as 'runs/001/{NAME}'.")
    path = user_path(path)
    if path.is_dir():
        raise TrainingError(f"{path} is a folder. Name the file with the weights, for a run {path / NAME}.")
    if not path.is_file():
        raise TrainingError(f"There is no weights file {path.name}. Train a model and save it with `save_weights`.")
    size = path.stat().st_size
    if largest is not None and size > largest:
        raise TrainingError(
            f"{path.name} has {size / 2**20:.1f} MiB, at most {largest / 2**20:.0f} are read. Train a smaller model."
        )
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
            metadata = dict(file.metadata() or {})
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise TrainingError(f"{path.name} is not a whole safetensors file ({error}). Save the weights again.") from None
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise TrainingError(
                f"{path.name}: {name} holds numbers that are not finite. The training broke; repeat it."
            )
    return Weights(tensors, metadata)


def load_into(model: nn.Module, weights: Weights | dict[str, torch.Tensor]) -> nn.Module:
    """Put the weights into `model`. TrainingError names what does not fit: parts that are missing, other shapes."""
    tensors = weights.tensors if isinstance(weights, Weights) else weights
    own = model.state_dict()
    missing, extra = sorted(own.keys() - tensors.keys()), sorted(tensors.keys() - own.keys())
    if missing or extra:
        kind, names = ("lack", missing) if missing else ("have", extra)
        end = "" if missing else ", which the model does not know"
        raise TrainingError(f"The weights {kind} {names[0]} ({len(names)} such names){end}.")
    for name, tensor in tensors.items():
        if tensor.shape != own[name].shape:
            raise TrainingError(
                f"{name} is {tuple(tensor.shape)} in the file and {tuple(own[name].shape)} in the model: "
                "the model has to be made with the sizes that it was trained with."
            )
    model.load_state_dict(tensors)
    return model


def digest(*texts: str) -> str:
    """A short fingerprint of the vocabularies, so that weights are not used with others."""
    return hashlib.sha256("\n\n".join(texts).encode()).hexdigest()[:16]


def average_weights(paths: Iterable[str | Path]) -> dict[str, torch.Tensor]:
    """The mean of the weights of several files. Source: section 6.1 ("averaging the last 5 checkpoints")."""
    mean: dict[str, torch.Tensor] = {}
    paths = list(paths)
    for path in paths:
        for name, tensor in load_weights(path, largest=None).tensors.items():
            mean[name] = mean.get(name, 0) + tensor.double() / len(paths)
    return {name: tensor.float() for name, tensor in mean.items()}


def describe(config: Config, vocabularies: Vocabularies) -> dict[str, str]:
    """The metadata of a weights file: enough to make the model and its vocabularies again."""
    text = vocabularies_to_json(*vocabularies)
    sizes = [len(vocabularies[0]), len(vocabularies[1])]
    return {"config": config.to_json(), "sizes": json.dumps(sizes), "digest": digest(text), "vocabularies": text}


def load_model(path: str | Path, largest: int | None = None) -> tuple[nn.Module, Vocabularies, Config]:
    """The model in evaluation mode, its vocabularies and its config, from a weights file that a run has written."""
    weights = load_weights(path, largest)
    config = weights.config
    if "vocabularies" not in weights.metadata:
        raise TrainingError(f"{Path(path).name} lacks its vocabularies. Use the model.safetensors of a run.")
    vocabularies = vocabularies_from_json(weights.metadata["vocabularies"])
    return model_from(weights, config), vocabularies, config


def model_from(weights: Weights, config: Config) -> nn.Module:
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
