"""Lesson 7: decoding with kept keys and values."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.decoder.by_hand import model_by_hand
from autograde.exercises.decoder.inputs import random_ids, with_padding
from autograde.exercises.decoder.weights import whole
from autograde.exercises.libraries import TRANSFORMER
from autograde.exercises.mistakes.decoder import cache as m
from autograde.harness.call import MAIN, Call, Fixture
from autograde.harness.plain import TensorData
from helpers import decoder as right

LESSON = "07_decoder"


def _steps(rng, target_size, batch, count):
    return tuple(("step", (TensorData(random_ids(rng, 1, target_size, batch)),)) for _ in range(count))


def _cached_calls(rng):
    by_hand = model_by_hand(rng)
    sizes, more = (11, 9, 8, 2, 2, 7, 0), (8, 10, 6, 3, 3, 5, 0)
    weights, others = whole(rng, 11, 9, 8, 2, 7, 0), whole(rng, 8, 10, 6, 3, 5, 0)
    padded = with_padding(rng, random_ids(rng, 1, 11, 3, 5), 0, (0, 4), (0, 3), (2, 1))

    def call(sizes, weights, source, then, part=MAIN, note="", watched=""):
        model = Fixture("whole_transformer", (sizes, weights, watched))
        return Call((TensorData(source),), new=(model,), method="start", then=then, part=part, note=note)

    return [
        call((6, 4, 4, 2, 1, 3, 0), by_hand.weights, np.array([[5, 2]]), (("step", (TensorData(np.array([1])),)),),
             note="by hand: the layers add nothing; 2 times the row of the id 1, plus [0, 1, 0, 1], is [1, 1, -1, -1]"),
        call(sizes, weights, random_ids(rng, 1, 11, 3, 5), _steps(rng, 9, 3, 4), note="four steps"),
        call(more, others, random_ids(rng, 1, 8, 2, 4), _steps(rng, 10, 2, 5), note="five steps"),
        call(sizes, weights, padded, _steps(rng, 9, 3, 3), part="padding", note="padding in the source"),
        call(
            sizes, weights, random_ids(rng, 1, 11, 3, 5),
            (*_steps(rng, 9, 3, 2), ("start", (TensorData(random_ids(rng, 1, 11, 3, 5)),)), *_steps(rng, 9, 3, 3)),
            part="new start", note="another source after two steps",
        ),
        call(sizes, weights, random_ids(rng, 1, 11, 3, 5), _steps(rng, 9, 3, 3), part="kept", watched="self",
             note="the model raises an error if keys or values of earlier words are made again"),
        call(sizes, weights, random_ids(rng, 1, 11, 3, 5), _steps(rng, 9, 3, 3), part="kept", watched="cross",
             note="the model raises an error if keys or values of the source are made again"),
    ]  # fmt: skip


def _view_cached(call, value):
    """What `start` returns is open."""
    methods = [call.method, *(method for method, _ in call.then)]
    return [one for method, one in zip(methods, value, strict=True) if method == "step"]


CACHED = Exercise(
    name="CachedDecoder",
    lesson=LESSON,
    title="keys and values kept",
    points=4,
    minutes=12,
    hints=(
        "Follow one word through `DecoderLayer`: in self-attention it asks with its own query, but looks at the keys and values of all words so far. These don't change any more, so keep them, layer by layer, and append the newest. Those of the source are made once, in `start`.",
        "Keys and values of heads are `(batch, heads, words, d_head)`: append along `dim=2`. A causal mask is not needed, since nothing later is there. The newest word needs its own position: take the last row of `position(...)` of all words so far. The last line is the same projection as in `Transformer`.",
    ),
    reference=right.CachedDecoder,
    forbidden=TRANSFORMER,
    make_calls=_cached_calls,
    parts={MAIN: 0.5, "padding": 0.1, "new start": 0.1, "kept": 0.3},
    extra=True,
    projection=_view_cached,
    ignore=("sequence",),
    misconceptions=(
        Misconception(
            "earlier words forgotten",
            m.CacheNothing,
            "Each word attends to itself alone. Append its key and value to those of the words before, and attend to all.",
        ),
        Misconception(
            "only one earlier word kept",
            m.CacheLastTwo,
            "The store holds the newest word alone, so two words are seen at most. Store the keys and values of all words so far.",
        ),
        Misconception(
            "the newest word does not see itself",
            m.CacheWithoutNewest,
            "Attention runs over the words before. The newest word sees itself, too: append first, then attend.",
        ),
        Misconception(
            "one store for all layers",
            m.CacheSharedByLayers,
            "The layers write into the same store. Each layer has its own keys and values.",
        ),
        Misconception(
            "always position 0",
            m.CachePositionZero,
            "`position` gets one row and adds the encoding of position 0 each time. The newest word stands at the position that its number says.",
        ),
        Misconception(
            "positions off by one",
            m.CachePositionLate,
            "The first word gets position 1. Positions count from 0.",
        ),
        Misconception(
            "no positions",
            m.CacheNoPosition,
            "The embedding goes into the layers without its position. `model.position` comes between.",
        ),
        Misconception(
            "old words after a new start",
            m.CacheNotEmptied,
            "`start` does not empty the store, so the words of another sentence are still seen.",
        ),
        Misconception(
            "padding of the source visible",
            m.CacheNoSourceMask,
            "Cross-attention looks at padding of the source. Keep its padding mask in `start` and use it in each step.",
        ),
        Misconception(
            "first source kept for ever",
            m.CacheFirstSource,
            "The second `start` does not replace the keys and values of the source. Make them anew in each `start`.",
        ),
        Misconception(
            "first layer's keys of the source for all",
            m.CacheOneMemory,
            "All layers use the keys and values that the first layer made of the memory. Each layer makes its own.",
        ),
        Misconception(
            "an axis too many",
            m.CacheLengthAxis,
            "The axis of the length, of size 1, is still there. The logits are `(batch, target_size)`.",
        ),
        Misconception(
            "probabilities in place of logits",
            m.CacheProbabilities,
            "A softmax has been taken. Return the logits.",
        ),
        Misconception(
            "the whole pass each time",
            m.CacheWholePass,
            "The logits are right, but every step computes all words again. Keep keys and values, and send the newest word alone through the layers.",
        ),
        Misconception(
            "keys of the source made again",
            m.CacheCrossAgain,
            "The logits are right, but every step makes the keys and values of the source again. They don't change: make them in `start`.",
        ),
        Misconception(
            "inputs kept in place of keys and values",
            m.CacheOfInputs,
            "The logits are right, but the rows are kept and their keys and values made again in every step. Keep the keys and values themselves.",
        ),
    ),
    variants=(m.CacheWithoutMask, m.CacheModule, m.CacheNewestFirst, m.CacheLazy),
)

EXERCISES = (CACHED,)
