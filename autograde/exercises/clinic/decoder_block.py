"""Lesson 7, the debugging clinic: the source makes no difference."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.clinic.inputs import floats, normal_values
from autograde.exercises.mistakes.clinic import decoder_block as code
from autograde.harness.call import Call
from helpers.clinic import RepairedDecoderBlock

LESSON = "07_decoder"


def _block_weights(rng, d_model):
    weights = {
        f"{attention}.{name}.weight": rng.normal(size=(d_model, d_model)) * 0.6
        for attention in ("self_attention", "cross_attention")
        for name in ("query", "key", "value", "out")
    }
    for add_norm in ("add_norm_1", "add_norm_2"):
        weights[f"{add_norm}.norm.gamma"] = 1 + rng.normal(size=d_model) * 0.3
        weights[f"{add_norm}.norm.beta"] = rng.normal(size=d_model) * 0.3
    return {name: array.astype(np.float32) for name, array in weights.items()}


def _block_calls(rng):
    still = {name: np.zeros_like(array) for name, array in _block_weights(rng, 2).items()}
    for name in ("add_norm_1.norm.gamma", "add_norm_2.norm.gamma"):
        still[name] = np.ones(2, np.float32)
    for name in ("value", "out"):
        still[f"cross_attention.{name}.weight"] = np.eye(2, dtype=np.float32)
    return [
        Call(
            (floats([[[5, 1]]]), floats([[[0, 6], [0, 10]]])),
            new=(2, 1),
            weights=still,
            note="by hand: self-attention adds 0, and 5 1 is normalized to 1 -1; cross-attention adds the mean of the "
            "source, 0 8; the sum 1 7 is normalized to -1 1",
        ),
        Call(
            (normal_values(rng, 2, 3, 6), normal_values(rng, 2, 5, 6)),
            new=(6, 3),
            weights=_block_weights(rng, 6),
            report=("output", "parameters", "input_gradients"),
            note="three target words, five source words",
        ),
        Call(
            (normal_values(rng, 3, 5, 4), normal_values(rng, 3, 5, 4)),
            new=(4, 2),
            weights=_block_weights(rng, 4),
            report=("output", "parameters", "input_gradients"),
            note="as many source words as target words",
        ),
    ]


BLOCK = Exercise(
    name="RepairedDecoderBlock",
    lesson=LESSON,
    title="the source makes no difference",
    points=2,
    minutes=5,
    extra=True,
    hints=(
        "Take a pencil and follow `memory` from line to line. Which result does it flow into, and where does that result "
        "go?",
        "`forward` has four lines: attend within the target, add and normalize, attend to the source, add and "
        "normalize. Each add & norm gets what the attention in the line above it has returned.",
    ),
    reference=RepairedDecoderBlock,
    make_calls=_block_calls,
    misconceptions=(
        Misconception(
            "what was read from the source is thrown away",
            code.BlockBroken,
            "Cross-attention runs, but its result is not used: the second add & norm adds the result of self-attention "
            "once more. Give it what cross-attention has returned.",
        ),
        Misconception(
            "cross-attention attends to the target",
            code.BlockAttendsToItself,
            "Without key and value inputs `MultiHeadAttention` attends to its query input. Give it `memory`, too.",
        ),
        Misconception(
            "roles exchanged",
            code.BlockRolesExchanged,
            "The source asks and the target answers. It is the other way round: queries from `x`, keys and values from "
            "`memory`.",
        ),
        Misconception(
            "keys from the target",
            code.BlockKeysFromTarget,
            "Keys and values come from different sentences here. Both are `memory`.",
        ),
        Misconception(
            "values from the target",
            code.BlockValuesFromTarget,
            "The keys come from the source, but what is handed over is `x` again. Keys *and values* are `memory`.",
        ),
        Misconception(
            "queries from the source",
            code.BlockAllFromMemory,
            "Cross-attention gets `memory` alone, so the source attends to itself. The queries are `x`.",
        ),
        Misconception(
            "residual connection lost",
            code.BlockResidualLost,
            "The result of cross-attention is normalized alone. `add_norm_2` adds it to `x` first.",
        ),
        Misconception(
            "no gradient to the encoder",
            code.BlockMemoryDetached,
            "The output is right, but `memory` gets no gradient, so the encoder would never learn. Leave out `detach` "
            "and `no_grad`.",
        ),
        Misconception(
            "mean of the source added",
            code.BlockMemoryAveraged,
            "Every target word gets the same mean of the source. Each chooses for itself: use `cross_attention`.",
        ),
        Misconception(
            "both results added",
            code.BlockBothAdded,
            "The second add & norm adds the result of self-attention as well; it is in `x` already. Add what "
            "cross-attention has returned, and nothing else.",
        ),
        Misconception(
            "self-attention reads the source",
            code.BlockFirstAttentionReadsSource,
            "Both attentions read the source now, so the target words no longer see each other. The first attention "
            "stays within `x`.",
        ),
        Misconception(
            "one norm for both",
            code.BlockOneNorm,
            "The first norm is used twice. The second add & norm has its own `gamma` and `beta`: `add_norm_2`.",
        ),
    ),
    variants=(code.BlockByName, code.BlockSameNameAgain, code.BlockLoop, code.BlockNormWrittenOut),
)

EXERCISES = (BLOCK,)
