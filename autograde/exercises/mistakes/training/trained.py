"""Lesson 8, the trained model: weights with a fault each, made from the shipped checkpoint, and good ones."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import torch
from torch import nn

import helpers
from helpers.decoder import Transformer

CHECKPOINT = Path(helpers.__file__).parent / "checkpoints" / "grammar.safetensors"


@lru_cache(maxsize=1)
def _shipped():
    """(weights by name, number of heads) of the shipped checkpoint."""
    from safetensors import safe_open

    with safe_open(CHECKPOINT, framework="pt") as file:
        names = [name for name in list(file.keys()) if not name.startswith("position.")]
        tensors = {name: file.get_tensor(name) for name in names}
        return tensors, json.loads(file.metadata()["config"])["num_heads"]


def _model(change=None, heads=None):
    """A module with the shipped weights, after `change` has been at a copy of them."""
    shipped, num_heads = _shipped()
    weights = {name: tensor.clone() for name, tensor in shipped.items()}
    if change is not None:
        weights = change(weights) or weights
    inner = weights["encoder.layers.0.feed_forward.inner.weight"]
    layers = len({name.split(".")[2] for name in weights if name.startswith("encoder.layers.")})
    tables = weights["source_embedding.weight"], weights["target_embedding.weight"]
    model = Transformer(*map(len, tables), tables[0].shape[1], heads or num_heads, layers, len(inner))
    model.load_state_dict(weights, strict=False)
    return model


# --- wrong ----------------------------------------------------------------------------------------------------------


def trained_untrained():
    torch.manual_seed(0)
    tables = [len(_shipped()[0][f"{side}_embedding.weight"]) for side in ("source", "target")]
    width = _shipped()[0]["source_embedding.weight"].shape[1]
    return Transformer(*tables, width, _shipped()[1], 2, 2 * width)


def trained_not_finite():
    def change(weights):
        weights["decoder.layers.0.feed_forward.inner.bias"][0] = torch.nan

    return _model(change)


def trained_other_order():
    def change(weights):
        table = weights["target_embedding.weight"]
        table[4:] = table[4:].roll(7, dims=0)

    return _model(change)


def trained_exchanged():
    def change(weights):
        names = "source_embedding.weight", "target_embedding.weight"
        return weights | dict(zip(names, (weights[names[1]], weights[names[0]]), strict=True))

    return _model(change)


def trained_deaf():
    def change(weights):
        for name in weights:
            if "cross_attention.out" in name:
                weights[name].zero_()

    return _model(change)


def trained_endless():
    def change(weights):
        weights["target_embedding.weight"][2] *= -1

    return _model(change)


def trained_other_heads():
    return _model(heads=1)


def trained_incomplete():
    model = _model()
    del model.decoder.layers[0].add_norm_3
    return model


def trained_too_short():
    def change(weights):
        generator = torch.Generator().manual_seed(0)
        for name, tensor in weights.items():
            if tensor.dim() > 1 and "embedding" not in name:
                tensor += 0.55 * tensor.std() * torch.randn(tensor.shape, generator=generator)

    return _model(change)


# --- right ----------------------------------------------------------------------------------------------------------


def trained_shipped():
    return str(CHECKPOINT)


def trained_path():
    return CHECKPOINT


def trained_module():
    return _model().train()


def trained_half():
    """float16 on the way."""
    return _model(lambda weights: {name: tensor.half().float() for name, tensor in weights.items()})


def trained_heads_exchanged():
    """The first two heads of each attention in the other order."""

    def change(weights):
        heads = _shipped()[1]
        order = [1, 0, *range(2, heads)]
        for name, tensor in weights.items():
            if "attention" in name:
                if ".out." in name:
                    weights[name] = tensor.unflatten(1, (heads, -1))[:, order].flatten(1, 2)
                else:
                    weights[name] = tensor.unflatten(0, (heads, -1))[order].flatten(0, 1)

    model = _model(change)
    return nn.Sequential(model)[0]
