"""Lesson 7: random inputs, and weights of layers and whole models, random and by hand."""

import numpy as np

from autograde.harness.call import ModuleCall
from autograde.harness.plain import TensorData


def random_ids(rng, low, high, *shape):
    return rng.integers(low, high, shape)


def with_padding(rng, ids, pad, *places):
    """A copy of ids with `pad` at the given (row, column) places."""
    ids = ids.copy()
    for row, column in places:
        ids[row, column] = pad
    return ids


def without(output, padding):
    """A copy of a model's output with zeros where `padding` is true: what a model gives at padding does not count."""
    rows = output.array.copy()
    rows[padding] = 0
    return TensorData(rows)


def _attention(rng, name, d_model):
    return {
        f"{name}.{part}.weight": (rng.normal(size=(d_model, d_model)) * 0.5).astype(np.float32)
        for part in ("query", "key", "value", "out")
    }


def _add_norm(rng, name, d_model):
    return {
        f"{name}.norm.gamma": (1 + 0.3 * rng.normal(size=d_model)).astype(np.float32),
        f"{name}.norm.beta": (0.3 * rng.normal(size=d_model)).astype(np.float32),
    }


def _network(rng, name, d_model, d_ff):
    shapes = {
        "inner.weight": (d_ff, d_model),
        "inner.bias": d_ff,
        "outer.weight": (d_model, d_ff),
        "outer.bias": d_model,
    }
    return {f"{name}.{part}": (rng.normal(size=shape) * 0.5).astype(np.float32) for part, shape in shapes.items()}


def layer(rng, d_model, d_ff, name="", attentions=("self_attention", "cross_attention")):
    """Weights of a layer of the decoder (or, with one attention, of the encoder), by name."""
    weights = {}
    for number, attention in enumerate(attentions, 1):
        weights |= _attention(rng, name + attention, d_model)
        weights |= _add_norm(rng, f"{name}add_norm_{number}", d_model)
    weights |= _network(rng, name + "feed_forward", d_model, d_ff)
    return weights | _add_norm(rng, f"{name}add_norm_{len(attentions) + 1}", d_model)


def layers_of(rng, num_layers, d_model, d_ff, name="layers"):
    weights = {}
    for index in range(num_layers):
        weights |= layer(rng, d_model, d_ff, f"{name}.{index}.")
    return weights


def layers_of_encoder(rng, num_layers, d_model, d_ff, name="layers"):
    weights = {}
    for index in range(num_layers):
        weights |= layer(rng, d_model, d_ff, f"{name}.{index}.", ("attention",))
    return weights


def whole(rng, source_size, target_size, d_model, num_layers, d_ff, pad):
    """Weights of a whole Transformer, by name."""
    weights = {}
    for name, size in (("source", source_size), ("target", target_size)):
        table = rng.normal(size=(size, d_model)) * 0.6
        table[pad] = 0
        weights[f"{name}_embedding.weight"] = table.astype(np.float32)
    weights |= layers_of_encoder(rng, num_layers, d_model, d_ff, "encoder.layers")
    return weights | layers_of(rng, num_layers, d_model, d_ff, "decoder.layers")


def without_effect(weights):
    """The same names: attention and network give zeros, norms have gamma 1 and beta 0."""
    return {name: np.ones_like(w) if name.endswith("gamma") else np.zeros_like(w) for name, w in weights.items()}


def model_by_hand(rng):
    weights = without_effect(whole(rng, 6, 4, 4, 1, 3, 0))
    table = [[0, 0, 0, 0], [0.5, 0, -0.5, -1], [1, 0, 0, 0], [0, 2, 0, -1]]
    weights["target_embedding.weight"] = np.array(table, np.float32)
    weights["source_embedding.weight"][5] = 1
    return ModuleCall(
        (TensorData(np.array([[5, 2]])), TensorData(np.array([[1]]))),
        new=(6, 4, 4, 2, 1, 3, 0.1, 0),
        weights=weights,
        note="by hand: the layers add nothing; 2 times the row of the id 1, plus [0, 1, 0, 1], is [1, 1, -1, -1]",
    )


def causal(length):
    return TensorData(np.tril(np.ones((length, length), bool)))


def layer_by_hand(rng):
    weights = without_effect(layer(rng, 4, 3))
    weights["cross_attention.value.weight"] = weights["cross_attention.out.weight"] = np.eye(4, dtype=np.float32)
    x, memory = np.array([[[1, 1, -1, -1]]], np.float32), np.array([[[3, -1, 1, -3]]], np.float32)
    return ModuleCall(
        (TensorData(x), TensorData(memory)),
        new=(4, 2, 3),
        weights=weights,
        note="by hand: only cross-attention adds something, the memory itself: [4, 0, 0, -4], divided by the root of 8",
    )
