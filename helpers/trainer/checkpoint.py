"""Everything that a run needs to go on as if it had never stopped.

    checkpoints/step-0000500/model.safetensors      the weights
                             optimizer.safetensors  Adam's two means for each weight, and the states of the generators
                             state.json             step, position in the data, sums for the log, elapsed time

A checkpoint is written under another name and renamed when it is whole: a kill at any moment leaves the last one.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from helpers.corpus.files import sync_folder, write_atomic
from helpers.trainer.errors import TrainingError
from helpers.trainer.weights import Weights, load_into, load_weights, save_weights


def checkpoints(folder: str | Path) -> list[Path]:
    """The whole checkpoints of a run, the oldest first."""
    return sorted(path for path in Path(folder).glob("checkpoints/step-*") if (path / "state.json").is_file())


def last_checkpoint(folder: Path) -> str:
    """A sentence that says where a run can go on."""
    found = checkpoints(folder)
    return f"The last checkpoint is {found[-1]}." if found else "There is no checkpoint yet."


@contextlib.contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Around all that writes into the folder of a run: TrainingError if that is not possible."""
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"{folder} cannot be written ({error.strerror or error}). Make room or check the permissions, or "
            f"choose another folder with --out. {last_checkpoint(folder)}"
        ) from None


def save_checkpoint(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, state: dict, metadata: dict[str, str], keep: int
) -> Path:
    """Write the checkpoint of `state["step"]` and remove all but the last `keep`."""
    with writing_to(folder):
        return _save_checkpoint(folder, model, optimizer, state, metadata, keep)


def _save_checkpoint(folder, model, optimizer, state, metadata, keep) -> Path:
    parent = folder / "checkpoints"
    parent.mkdir(parents=True, exist_ok=True)
    final = parent / f"step-{state['step']:07d}"
    for remnant in parent.glob(".*"):  # of a process that was killed here
        shutil.rmtree(remnant, ignore_errors=True)
    temporary = parent / ".writing"
    temporary.mkdir()
    try:
        save_weights(model, temporary / "model.safetensors", metadata)
        save_weights(_optimizer_tensors(model, optimizer), temporary / "optimizer.safetensors")
        write_atomic(temporary / "state.json", json.dumps({**state, "random": _plain_random_states()}))
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)  # it would fill the disk
        raise
    if final.exists():  # saved twice at one step: the same content
        shutil.rmtree(temporary)
    else:
        os.rename(temporary, final)
        sync_folder(parent)
    for old in checkpoints(folder)[:-keep]:
        away = old.with_name(f".old-{old.name}")
        os.rename(old, away)
        shutil.rmtree(away)
    return final


def load_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> dict:
    """Put a checkpoint into the model, the optimizer and the generators. Returns the state."""
    weights, stored, state, plain = _parts_of(path)
    load_into(model, weights)
    names = {parameter: name for name, parameter in model.named_parameters()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            prefix = f"optimizer.{names[parameter]}."
            found = {key.removeprefix(prefix): value for key, value in stored.items() if key.startswith(prefix)}
            if found:
                moved = {key: value if key == "step" else value.to(parameter.device) for key, value in found.items()}
                if "step" in moved and parameter.device.type != "cpu":
                    moved["step"] = moved["step"].to(parameter.device)  # fused optimizers keep it there
                optimizer.state[parameter] = moved
    _restore_random_states(plain, stored)
    return state


def _parts_of(path: Path) -> tuple[Weights, dict[str, torch.Tensor], dict, dict]:
    """Weights, optimizer, state, and the state of Python's and NumPy's generators. TrainingError if one is damaged."""
    try:
        weights = load_weights(path / "model.safetensors", largest=None)
        stored = load_weights(path / "optimizer.safetensors", largest=None).tensors
        state = json.loads((path / "state.json").read_text())
        return weights, stored, state, state.pop("random")
    except (TrainingError, ValueError, KeyError, TypeError, AttributeError):
        earlier = [other for other in checkpoints(path.parents[1]) if other.name < path.name]
        remedy = "resume from the one before" if earlier else "begin the run again, without resume"
        raise TrainingError(f"The checkpoint {path} is damaged. Remove its folder, and {remedy}.") from None


def _optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    names = {parameter: name for name, parameter in model.named_parameters()}
    tensors = {
        f"optimizer.{names[parameter]}.{key}": torch.as_tensor(value)
        for parameter, values in optimizer.state.items()
        for key, value in values.items()
    }
    tensors["random.torch"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    return tensors


def _plain_random_states() -> dict:
    name, keys, *rest = np.random.get_state()
    version, state, gauss = random.getstate()
    return {"numpy": [name, keys.tolist(), *rest], "python": [version, list(state), gauss]}


def _restore_random_states(plain: dict, stored: dict[str, torch.Tensor]) -> None:
    name, keys, *rest = plain["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
    version, state, gauss = plain["python"]
    random.setstate((version, tuple(state), gauss))
    torch.set_rng_state(stored["random.torch"])
    if "random.cuda" in stored and torch.cuda.is_available():
        torch.cuda.set_rng_state(stored["random.cuda"])
