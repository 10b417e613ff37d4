"""Lesson 6: random weights, weights by hand, and dropout, seen in the values of an output and how often each occurs."""

import numpy as np

from autograde.harness.plain import TensorData

LEADING = "leading axes"
CHANGED = "gradients"


def random_array(rng, *shape, scale=1.0):
    return (rng.normal(size=shape) * scale).astype(np.float32)


def network_weights(rng, d_model, d_ff, prefix=""):
    return {
        f"{prefix}inner.weight": random_array(rng, d_ff, d_model, scale=0.8),
        f"{prefix}inner.bias": random_array(rng, d_ff, scale=0.5),
        f"{prefix}outer.weight": random_array(rng, d_model, d_ff, scale=0.6),
        f"{prefix}outer.bias": random_array(rng, d_model, scale=0.5),
    }


def dropping_network(d_model, d_ff, prefix="", bias=0.7, second=0.0):
    """One hidden unit, 1 + 0.5 * column 0 of x, reaches column 0 of the output, times 0.8, and one that is 1, times
    `second`."""
    inner, outer = np.zeros((d_ff, d_model), np.float32), np.zeros((d_model, d_ff), np.float32)
    inner[1, 0], outer[0, 1], outer[0, 2] = 0.5, 0.8, second
    return {
        f"{prefix}inner.weight": inner,
        f"{prefix}inner.bias": np.ones(d_ff, np.float32),
        f"{prefix}outer.weight": outer,
        f"{prefix}outer.bias": np.array([bias] + [0.0] * (d_model - 1), np.float32),
    }


def _norm_weights(rng, d_model, name):
    return {
        f"{name}.norm.gamma": (1 + random_array(rng, d_model, scale=0.3)).astype(np.float32),
        f"{name}.norm.beta": random_array(rng, d_model, scale=0.5),
    }


def layer_weights(rng, d_model, d_ff, prefix=""):
    return {
        **{
            f"{prefix}attention.{name}.weight": random_array(rng, d_model, d_model, scale=0.7)
            for name in ("query", "key", "value", "out")
        },
        **_norm_weights(rng, d_model, f"{prefix}add_norm_1"),
        **network_weights(rng, d_model, d_ff, f"{prefix}feed_forward."),
        **_norm_weights(rng, d_model, f"{prefix}add_norm_2"),
    }


def layer_by_hand(prefix=""):
    """Attention that averages the tokens, and add & norm of two numbers, which gives (1, -1) or (-1, 1)."""
    zero, identity = np.zeros((2, 2), np.float32), np.eye(2, dtype=np.float32)
    return {
        f"{prefix}attention.query.weight": zero,
        f"{prefix}attention.key.weight": identity,
        f"{prefix}attention.value.weight": identity,
        f"{prefix}attention.out.weight": identity,
        f"{prefix}add_norm_1.norm.gamma": np.array([1, 1], np.float32),
        f"{prefix}add_norm_1.norm.beta": np.array([0, 0], np.float32),
        f"{prefix}feed_forward.inner.weight": np.array([[1, 0], [0, 1], [1, 1]], np.float32),
        f"{prefix}feed_forward.inner.bias": np.array([0, 0, 2], np.float32),
        f"{prefix}feed_forward.outer.weight": np.array([[1, 0, 1], [0, 3, 1]], np.float32),
        f"{prefix}feed_forward.outer.bias": np.array([-1, 0], np.float32),
        f"{prefix}add_norm_2.norm.gamma": np.array([2, 3], np.float32),
        f"{prefix}add_norm_2.norm.beta": np.array([0.5, -0.5], np.float32),
    }


def dropping_layer(d_model, d_ff, attended, prefix=""):
    """Attention gives `attended` in column 0 for tokens (1, 1, ...), and 0 elsewhere; the network as above, or 0."""
    norm, zero = np.linspace(0.8, 1.3, d_model, dtype=np.float32), np.zeros((d_model, d_model), np.float32)
    out = zero.copy()
    out[0] = attended / d_model
    weights = {
        f"{prefix}attention.query.weight": zero,
        f"{prefix}attention.key.weight": zero,
        f"{prefix}attention.value.weight": np.eye(d_model, dtype=np.float32),
        f"{prefix}attention.out.weight": out,
        **dropping_network(d_model, d_ff, f"{prefix}feed_forward."),
    }
    if attended:
        weights |= {
            f"{prefix}feed_forward.outer.weight": np.zeros((d_model, d_ff), np.float32),
            f"{prefix}feed_forward.outer.bias": np.zeros(d_model, np.float32),
        }
    for name in ("add_norm_1", "add_norm_2"):
        weights[f"{prefix}{name}.norm.gamma"] = norm
        weights[f"{prefix}{name}.norm.beta"] = norm - 1
    return weights


# Random numbers may be drawn in any order, so outputs in training mode are not compared number by number. The weights
# of these calls let dropout act only on column 0, through few units: then that column holds few different values, and
# both the values and how often each occurs follow from the rate. 6000 rows bring the shares within 0.02 of it.
ROWS = (1500, 4)


def dropout_view(call, value):
    """In training mode: the different values of the output's column 0, smallest first, and their shares in tenths."""
    if call.part != "dropout":
        return value
    numbers = np.sort(value.array[..., 0], axis=None)
    groups = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1e-3) + 1)
    return {
        "different values": np.array([group.mean() for group in groups], np.float32),
        "their shares": [round(len(group) / len(numbers), 1) for group in groups],
    }


def same_rows(row):
    """A batch in which all tokens are the same."""
    return TensorData(np.tile(np.asarray(row, np.float32), (*ROWS, 1)))
