"""Trained weights as plain data: from a file of safetensors or from a module, never by running a training again."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Any

from autograde.harness.call import Unsuitable
from autograde.harness.plain import to_plain, type_name

LARGEST = 8 * 2**20  # bytes of a file, or of all parameters of a module
MOST = 500  # tensors


def trained_weights(given: Any) -> dict[str, Any]:
    """{"tensors": {name: values}, "metadata": {name: text}} of what the learner gives.

    given: a path, a module, or a function without arguments that returns one of these. Raises Unsuitable, with a
    sentence that says what to do, where there is nothing to read.
    """
    import torch

    if inspect.isfunction(given) or inspect.isbuiltin(given):
        given = given()
    if isinstance(given, torch.nn.Module):
        return _of_module(given)
    if isinstance(given, str | os.PathLike):
        return _of_file(Path(given))
    if given is None:
        raise Unsuitable("nothing came back: return the path of the saved weights")
    raise Unsuitable(f"this is {type_name(given)}; expected the path of the saved weights, or a module")


def _of_module(module: Any) -> dict[str, Any]:
    tensors = dict(module.named_parameters())
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    _not_too_large(size, len(tensors), "The model")
    heads = [part.num_heads for part in module.modules() if isinstance(getattr(part, "num_heads", None), int)]
    metadata = {"num_heads": str(heads[0])} if heads else {}
    return {"tensors": {name: to_plain(tensor) for name, tensor in sorted(tensors.items())}, "metadata": metadata}


def _of_file(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is not there"
        if Path(path.name).is_file():  # as with the path of another computer
            raise Unsuitable(f"the file {path} {what}, but {path.name} is next to the notebook: return its name only")
        raise Unsuitable(f"the file {path} {what}: train first, or give the path of the saved weights")
    _not_too_large(path.stat().st_size, 0, f"The file {path.name}")
    try:
        with safe_open(path, framework="pt") as file:
            names = sorted(file.keys())
            _not_too_large(0, len(names), f"The file {path.name}")
            tensors = {name: to_plain(file.get_tensor(name)) for name in names}
            return {"tensors": tensors, "metadata": dict(file.metadata() or {})}
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        reason = f"the file {path.name} cannot be read as safetensors ({error})"
        raise Unsuitable(f"{reason}: save the weights as the trainer does") from None


def _not_too_large(size: int, count: int, what: str) -> None:
    if size > LARGEST:
        most = LARGEST // 2**20
        raise Unsuitable(f"{what} has {size / 2**20:.1f} MB; at most {most} MB are read: use a smaller model")
    if count > MOST:
        raise Unsuitable(f"{what} has {count} tensors; at most {MOST} are read: use a smaller model")
