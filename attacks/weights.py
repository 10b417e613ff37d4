"""Files of weights for lesson 8: a good one, which every right submission brings, and bad ones."""

from __future__ import annotations

import json
import pickle
from functools import lru_cache

import torch
from safetensors.torch import save

from attacks.changes import of_file
from autograde.exercises.training import trained_model

LESSON, NAME = "08_training", "trained_model.safetensors"
_TABLE = "target_embedding.weight"


def beside(lesson: str) -> dict[str, bytes]:
    """{name: content} of what lies beside a right notebook of that lesson."""
    return {NAME: good()} if lesson == LESSON else {}


@lru_cache(maxsize=1)
def good() -> bytes:
    """Weights that translate well and are not, number for number, those that ship with the course."""
    return save(_state(), metadata={"num_heads": "4"})


def _state() -> dict[str, torch.Tensor]:
    state = trained_model.heads_exchanged().state_dict()
    return {name: tensor.contiguous() for name, tensor in state.items()}


@of_file
def no_weights(text, files):
    files.clear()
    return text.encode()


@of_file
def weights_of_another_name(text, files):
    files["my-model_2.safetensors"] = files.pop(NAME)
    return text.encode()


@of_file
def shipped_weights(text, files):
    files[NAME] = trained_model.CHECKPOINT.read_bytes()
    return text.encode()


@of_file
def large_weights(text, files):
    files[NAME] = save(_state() | {"more": torch.zeros(9 * 2**18)}, metadata={"num_heads": "4"})
    return text.encode()


@of_file
def pickled_weights(text, files):
    files[NAME] = pickle.dumps({name: tensor.numpy() for name, tensor in _state().items()})
    return text.encode()


@of_file
def weights_not_finite(text, files):
    files[NAME] = save({name: tensor * torch.nan for name, tensor in _state().items()}, metadata={"num_heads": "4"})
    return text.encode()


@of_file
def odd_shapes(text, files):
    """No columns, other rows, a scalar, numbers of another kind; a number of heads that nothing divides."""
    state = _state() | {_TABLE: torch.zeros(268, 0), "encoder.layers.7.x": torch.tensor(1.0), "n": torch.ones(2).long()}
    files[NAME] = save(state, metadata={"num_heads": "-7"})
    return text.encode()


@of_file
def long_words(text, files):
    """A vocabulary whose every word would fill pages."""
    special = ["<pad>", "<bos>", "<eos>", "<unk>"]
    sides = [[*special, *(str(n) for n in range(count - 5)), "x" * 150_000] for count in (258, 268)]
    stored = [json.dumps({"particles": False, "words": words}) for words in ([*sides[0][:-1], "y"], sides[1])]
    files[NAME] = save(_state(), metadata={"num_heads": "4", "vocabularies": json.dumps(["words", *stored])})
    return text.encode()
