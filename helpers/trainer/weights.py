"""Weights as a file: safetensors, with the configuration and the vocabularies' digest beside the numbers.

Nothing here reads pickle: a file from anyone can be opened.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch

from helpers.trainer.errors import TrainingError

LARGEST = 8 * 1024 * 1024  # bytes of a file that comes from others
DIGEST = "vocabulary"


@dataclass(frozen=True)
class Weights:
    """What a file holds: {name: tensor} and {name: text}."""

    tensors: dict[str, torch.Tensor]
    metadata: dict[str, str]

    @property
    def config(self):
        """The Config in the metadata. TrainingError if there is none."""
        from helpers.trainer.config import Config

        if "config" not in self.metadata:
            raise TrainingError("The weights file says nothing about its model. Save it with `save_weights` again.")
        return Config.from_json(self.metadata["config"])


def save_weights(model, path, metadata: dict | None = None) -> Path:
    """Write a model's weights (or a state dict). metadata: values are text, or become JSON.

    `card_metadata(config, source, target)` in this module makes the metadata that the trainer writes. The file is
    written beside its place and renamed, so that a crash leaves the old one.
    """
    from safetensors.torch import save

    state = model.state_dict() if hasattr(model, "state_dict") else model
    tensors = {name: value.detach().to("cpu").contiguous().clone() for name, value in state.items()}
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in (metadata or {}).items()}
    write_whole(path, save(tensors, metadata=texts))
    return Path(path)


def load_weights(path, largest: int | None = LARGEST) -> Weights:
    """Read what `save_weights` wrote. TrainingError, in a sentence, if the file is missing, too large or damaged, or
    if it holds anything but finite numbers."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
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


def load_into(model, weights: Weights | dict[str, torch.Tensor]):
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


def average_weights(paths) -> dict[str, torch.Tensor]:
    """The mean of the weights of several files. Source: section 6.1 ("averaging the last 5 checkpoints")."""
    mean: dict[str, torch.Tensor] = {}
    paths = list(paths)
    for path in paths:
        for name, tensor in load_weights(path, largest=None).tensors.items():
            mean[name] = mean.get(name, 0) + tensor.double() / len(paths)
    return {name: tensor.float() for name, tensor in mean.items()}


def write_whole(path, data: bytes | str):
    """Write a file so that at every moment the old or the new one is there as a whole."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(beside, "wb") as file:
        file.write(data.encode() if isinstance(data, str) else data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    sync_folder(path.parent)


def sync_folder(folder):
    """Make a rename last; Windows needs and knows no such call."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
