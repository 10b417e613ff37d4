"""CachedDecoder: keys and values kept."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.decoder.common import model_by_hand, random_ids, whole, with_padding
from autograde.harness.call import MAIN, Fixture, MethodCall
from autograde.harness.plain import TensorData
from helpers.decoder import mask_scores
from helpers.decoding import CachedDecoder


def _steps(rng, target_size, batch, count, lowest=1):
    return tuple(("step", (TensorData(random_ids(rng, lowest, target_size, batch)),)) for _ in range(count))


def calls(rng):
    by_hand = model_by_hand(rng)
    sizes, more = (11, 9, 8, 2, 2, 7, 0), (8, 10, 6, 3, 3, 5, 0)
    weights, others = whole(rng, 11, 9, 8, 2, 7, 0), whole(rng, 8, 10, 6, 3, 5, 0)
    padded = with_padding(rng, random_ids(rng, 1, 11, 3, 5), 0, (0, 4), (0, 3), (2, 1))

    def call(sizes, weights, source, then, part=MAIN, note="", watched=""):
        model = Fixture("whole_transformer", (sizes, weights, watched))
        return MethodCall((TensorData(source),), new=(model,), method="start", then=then, part=part, note=note)

    return [
        call(
            (6, 4, 4, 2, 1, 3, 0),
            by_hand.weights,
            np.array([[5, 2]]),
            (("step", (TensorData(np.array([1])),)),),
            note="by hand: the layers add nothing; 2 times the row of the id 1, plus [0, 1, 0, 1], is [1, 1, -1, -1]",
        ),
        call(sizes, weights, random_ids(rng, 1, 11, 3, 5), _steps(rng, 9, 3, 4), note="four steps"),
        call(more, others, random_ids(rng, 1, 8, 2, 4), _steps(rng, 10, 2, 5), note="five steps"),
        call(sizes, weights, padded, _steps(rng, 9, 3, 3), part="padding", note="padding in the source"),
        call(
            (*sizes[:6], 3),
            whole(rng, 11, 9, 8, 2, 7, 3),
            with_padding(rng, random_ids(rng, 4, 11, 2, 5), 3, (0, 4), (1, 1)),
            _steps(rng, 9, 2, 3, lowest=4),
            part="padding",
            note="here the padding has the id 3",
        ),
        call(
            sizes,
            weights,
            random_ids(rng, 1, 11, 3, 5),
            (*_steps(rng, 9, 3, 2), ("start", (TensorData(random_ids(rng, 1, 11, 3, 5)),)), *_steps(rng, 9, 3, 3)),
            part="new start",
            note="another source after two steps",
        ),
        call(
            sizes,
            weights,
            random_ids(rng, 1, 11, 3, 5),
            _steps(rng, 9, 3, 3),
            part="kept",
            watched="self",
            note="the model raises an error if keys or values of earlier words are made again",
        ),
        call(
            sizes,
            weights,
            random_ids(rng, 1, 11, 3, 5),
            _steps(rng, 9, 3, 3),
            part="kept",
            watched="cross",
            note="the model raises an error if keys or values of the source are made again",
        ),
        call(
            sizes,
            weights,
            with_padding(rng, random_ids(rng, 1, 11, 1, 4), 0, (0, 2)),
            _steps(rng, 9, 1, 3),
            part="padding",
            note="a single sentence, with padding",
        ),
    ]


def projection(call, value):
    """What `start` returns is open."""
    methods = [call.method, *(method for method, _ in call.then)]
    return [logits for method, logits in zip(methods, value, strict=True) if method == "step"]


EXERCISE = Exercise(
    name="CachedDecoder",
    title="keys and values kept",
    points=4,
    minutes=35,
    hints=(
        "Follow one word through `DecoderLayer`: in self-attention it asks with its own query, but looks at the keys and values of all words so far. These don't change any more, so keep them, layer by layer, and append the newest. Those of the source are made once, in `start`.",
        "Keys and values of heads are `(batch, heads, words, d_head)`: append along `dim=2`. No causal mask is "
        "needed, since there is nothing later to hide. The newest word needs its own position: keep the ids of all words "
        "so far, and take the last row of `position(...)` of their embeddings; or count the words before it, and add "
        "`model.position.encoding[count]` yourself. The last line is the same projection as in `Transformer`.",
    ),
    reference=CachedDecoder,
    make_calls=calls,
    parts={MAIN: 0.5, "padding": 0.1, "new start": 0.1, "kept": 0.3},
    projection=projection,
    ignore=("sequence",),
    forbidden=libraries.TRANSFORMER,
)


class _Cache(CachedDecoder):
    """The reference in small pieces, for mistakes that concern one of them."""

    def embedded(self):
        return self.model.position(self.model.target_embedding(self.seen))[:, -1:]

    def remember(self, index, key, value):
        if self.past[index] is not None:
            key = torch.cat([self.past[index][0], key], dim=2)
            value = torch.cat([self.past[index][1], value], dim=2)
        self.past[index] = key, value
        return key, value

    def project(self, x):
        return F.linear(x[:, 0], self.model.target_embedding.weight)

    @torch.no_grad()
    def step(self, ids):
        self.seen = torch.cat([self.seen, ids.unsqueeze(1)], dim=1)
        x = self.embedded()
        for index, layer in enumerate(self.model.decoder.layers):
            key, value = self.remember(index, *self._keys_values(layer.self_attention, x))
            x = layer.add_norm_1(x, self._attend(layer.self_attention, x, key, value, None))
            x = layer.add_norm_2(x, self._attend(layer.cross_attention, x, *self.cross[index], self.cross_mask))
            x = self.network(layer, x)
        return self.project(x)

    def network(self, layer, x):
        return layer.add_norm_3(x, layer.feed_forward(x))


@EXERCISE.wrong(
    "earlier words forgotten",
    "The result is that of words that attend only to themselves. Append both key and value to those of the words before, and attend to all.",
)
class Nothing(_Cache):
    def remember(self, index, key, value):
        return key, value


@EXERCISE.wrong(
    "only one earlier word kept",
    "The store holds only the newest word, so two words are seen at most. Store the keys and values of all words so far.",
)
class LastTwo(_Cache):
    def remember(self, index, key, value):
        before, self.past[index] = self.past[index], (key, value)
        if before is None:
            return key, value
        return torch.cat([before[0], key], dim=2), torch.cat([before[1], value], dim=2)


@EXERCISE.wrong(
    "the newest word does not see itself",
    "Attention runs only over the words before. The newest word sees itself, too: append first, then attend.",
)
class WithoutNewest(_Cache):
    def remember(self, index, key, value):
        before = self.past[index]
        super().remember(index, key, value)
        return before if before is not None else (key, value)


@EXERCISE.wrong(
    "one store for all layers", "The layers write into the same store. Each layer has its own keys and values."
)
class SharedByLayers(_Cache):
    def remember(self, index, key, value):
        return super().remember(0, key, value)


@EXERCISE.wrong(
    "always position 0",
    "Every word gets position 0, as where `position` gets only one row. The newest word's position is the number "
    "of words before it.",
)
class PositionZero(_Cache):
    def embedded(self):
        return self.model.position(self.model.target_embedding(self.seen[:, -1:]))


@EXERCISE.wrong("positions off by one", "The first word gets position 1. Positions count from 0.")
class PositionLate(_Cache):
    def embedded(self):
        rows = self.model.target_embedding(torch.cat([self.seen[:, :1], self.seen], dim=1))
        return self.model.position(rows)[:, -1:]


@EXERCISE.wrong(
    "no positions", "The embedding goes into the layers without its position. `model.position` comes between."
)
class NoPosition(_Cache):
    def embedded(self):
        return self.model.target_embedding(self.seen[:, -1:])


@EXERCISE.wrong(
    "old words after a new start", "`start` does not empty the store, so the words of another sentence are still seen."
)
class NotEmptied(_Cache):
    def start(self, source):
        before = getattr(self, "past", None), getattr(self, "seen", None)
        super().start(source)
        if before[0] is not None:
            self.past, self.seen = before


@EXERCISE.wrong(
    "padding of the source visible",
    "Cross-attention looks at padding of the source. Keep its padding mask in `start` and use it in each step.",
)
class NoSourceMask(_Cache):
    def start(self, source):
        super().start(source)
        self.cross_mask = None


@EXERCISE.wrong(
    "padding taken for 0",
    "The mask of the source takes 0 for the padding. The model knows its id: `model.pad`.",
)
class PaddingZero(_Cache):
    def start(self, source):
        super().start(source)
        self.cross_mask = (source != 0)[:, None, None]


@EXERCISE.wrong(
    "first source kept for ever",
    "The second `start` does not replace the keys and values of the source. Make them anew in each `start`.",
)
class FirstSource(_Cache):
    def start(self, source):
        if not hasattr(self, "cross"):
            super().start(source)
        self.past, self.seen = [None] * len(self.cross), source[:, :0]


@EXERCISE.wrong(
    "first layer's keys of the source for all",
    "All layers use the keys and values that the first layer made of the memory. Each layer makes its own.",
)
class OneMemory(_Cache):
    """All layers read the first layer's keys and values of the source."""

    def start(self, source):
        super().start(source)
        self.cross = [self.cross[0]] * len(self.cross)


@EXERCISE.wrong(
    "keys of the embeddings for all layers",
    "Every layer takes its keys and values from the embedded words. A layer's keys and values come from what enters it: make "
    "them in the loop, from `x`.",
)
class KeysOfEmbeddings(_Cache):
    @torch.no_grad()
    def step(self, ids):
        self.seen = torch.cat([self.seen, ids.unsqueeze(1)], dim=1)
        rows = self.model.position(self.model.target_embedding(self.seen))
        x = rows[:, -1:]
        for index, layer in enumerate(self.model.decoder.layers):
            key, value = self._keys_values(layer.self_attention, rows)
            x = layer.add_norm_1(x, self._attend(layer.self_attention, x, key, value, None))
            x = layer.add_norm_2(x, self._attend(layer.cross_attention, x, *self.cross[index], self.cross_mask))
            x = layer.add_norm_3(x, layer.feed_forward(x))
        return self.project(x)


@EXERCISE.wrong(
    "an axis too many", "The axis of the length, of size 1, is still there. The logits are `(batch, target_size)`."
)
class LengthAxis(_Cache):
    def project(self, x):
        return F.linear(x, self.model.target_embedding.weight)


@EXERCISE.wrong("probabilities in place of logits", "A softmax has been taken. Return the logits.")
class Probabilities(_Cache):
    def project(self, x):
        return super().project(x).softmax(dim=-1)


@EXERCISE.wrong(
    "all keys and values made again",
    "The logits are right, but keys and values of earlier words and of the source are made again. Keep them: only "
    "the newest word's are new.",
)
class WholePass(CachedDecoder):
    @torch.no_grad()
    def start(self, source):
        self.source, self.memory, self.seen = source, self.model.encode(source), source[:, :0]

    @torch.no_grad()
    def step(self, ids):
        self.seen = torch.cat([self.seen, ids[:, None]], dim=1)
        return self.model.decode(self.seen, self.memory, self.source)[:, -1]


@EXERCISE.wrong(
    "keys of the source made again",
    "The logits are right, but the keys and values of the source are made more than once. Make them once, in `start`.",
)
class CrossAgain(_Cache):
    @torch.no_grad()
    def start(self, source):
        super().start(source)
        self.memory = self.model.encode(source)

    @torch.no_grad()
    def step(self, ids):
        self.cross = [self._keys_values(layer.cross_attention, self.memory) for layer in self.model.decoder.layers]
        return super().step(ids)


@EXERCISE.wrong(
    "keys of earlier words made again",
    "The logits are right, but the keys and values of earlier words are made again in every step. Keep the keys "
    "and values themselves.",
)
class OfInputs(_Cache):
    """Keeps the rows that go into each layer, and makes their keys and values again."""

    def start(self, source):
        super().start(source)
        self.rows = [None] * len(self.cross)

    @torch.no_grad()
    def step(self, ids):
        self.seen = torch.cat([self.seen, ids.unsqueeze(1)], dim=1)
        x = self.embedded()
        for index, layer in enumerate(self.model.decoder.layers):
            self.rows[index] = x if self.rows[index] is None else torch.cat([self.rows[index], x], dim=1)
            x = layer.add_norm_1(x, layer.self_attention(x, self.rows[index])[0])
            x = layer.add_norm_2(x, self._attend(layer.cross_attention, x, *self.cross[index], self.cross_mask))
            x = layer.add_norm_3(x, layer.feed_forward(x))
        return self.project(x)


@EXERCISE.wrong(
    "keys among the values",
    "Later values are appended to the stored keys. Keys and values are kept apart: append each to its own.",
)
class KeysAmongValues(_Cache):
    def remember(self, index, key, value):
        if self.past[index] is not None:
            key = torch.cat([self.past[index][0], key], dim=2)
            value = torch.cat([self.past[index][0], value], dim=2)
        self.past[index] = key, value
        return key, value


@EXERCISE.wrong(
    "no output projection",
    "The rows of the last layer come back. Multiply them by the target embedding's weight, which gives one logit for each "
    "word: `F.linear`.",
)
class NoProjection(_Cache):
    def project(self, x):
        return x[:, 0]


@EXERCISE.wrong(
    "keys of the source by self-attention",
    "Keys and values of the source are made with the matrices of self-attention. Use those of `cross_attention`.",
)
class SourceBySelfAttention(_Cache):
    @torch.no_grad()
    def start(self, source):
        super().start(source)
        memory = self.model.encode(source)
        self.cross = [self._keys_values(layer.self_attention, memory) for layer in self.model.decoder.layers]


@EXERCISE.wrong(
    "no feed-forward network",
    "A layer ends after cross-attention. The feed-forward network and `add_norm_3` come after it.",
)
class NoNetwork(_Cache):
    def network(self, layer, x):
        return x


@EXERCISE.wrong(
    "no mask for a single sentence",
    "In a batch of one sentence the padding of the source is attended to. A single sentence may end with padding, too: mask it "
    "whatever the size of the batch.",
)
class MaskedInBatchesOnly(CachedDecoder):
    def start(self, source):
        super().start(source)
        if len(source) == 1:
            self.cross_mask = torch.ones_like(self.cross_mask)


@EXERCISE.wrong(
    "a causal mask for one query",
    "The newest word sees only the first one: with a single query, a causal mask hides all keys but the first. Nothing "
    "is later than this query, so no causal mask is needed.",
    only=r"is_causal|tril|causal_mask",
)
class CausalForOneQuery(_Cache):
    def remember(self, index, key, value):
        key, value = super().remember(index, key, value)
        return key[:, :, :1], value[:, :, :1]


@EXERCISE.variant
class WithoutMask(_Cache):
    """Without the mask of padded words; their own logits don't count."""


@EXERCISE.variant
class Module(nn.Module):
    """A module; room for the keys and values is made in advance."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def heads(self, rows, attention):
        return rows.unflatten(-1, (attention.num_heads, -1)).movedim(-2, 1)

    def start(self, source):
        with torch.no_grad():
            memory = self.model.encode(source)
            self.keep = (source != self.model.pad)[:, None, None]
            self.sources, self.room, self.count = [], [], 0
            for layer in self.model.decoder.layers:
                cross = layer.cross_attention
                self.sources.append((self.heads(cross.key(memory), cross), self.heads(cross.value(memory), cross)))
                self.room.append(torch.zeros(2, len(source), 100, memory.shape[-1]))
        return self

    def step(self, ids):
        with torch.no_grad():
            empty = torch.zeros(len(ids), self.count + 1, self.model.target_embedding.weight.shape[1])
            empty[:, -1] = self.model.target_embedding(ids)
            x = self.model.position(empty)[:, -1]
            self.count += 1
            for layer, (key, value), room in zip(self.model.decoder.layers, self.sources, self.room, strict=True):
                own, cross = layer.self_attention, layer.cross_attention
                room[0, :, self.count - 1], room[1, :, self.count - 1] = own.key(x), own.value(x)
                keys, values = (self.heads(rows[:, : self.count], own) for rows in room)
                x = layer.add_norm_1(x, self.look(own, x, keys, values))
                x = layer.add_norm_2(x, self.look(cross, x, key, value, self.keep))
                x = layer.add_norm_3(x, layer.feed_forward(x))
            return x @ self.model.target_embedding.weight.T

    def look(self, attention, x, key, value, keep=None):
        query = self.heads(attention.query(x)[:, None], attention)
        scores = query @ key.mT / key.shape[-1] ** 0.5
        if keep is not None:
            scores = mask_scores(scores, keep)
        return attention.out((scores.softmax(-1) @ value).transpose(1, 2).flatten(1))


@EXERCISE.variant
class NewestFirst(_Cache):
    """Attention doesn't mind the order of the keys, as long as the values keep the same order."""

    def remember(self, index, key, value):
        if self.past[index] is not None:
            key = torch.cat([key, self.past[index][0]], dim=2)
            value = torch.cat([value, self.past[index][1]], dim=2)
        self.past[index] = key, value
        return key, value


@EXERCISE.variant
class Lazy:
    """Everything of the source is made in the first step; dictionaries in place of lists."""

    def __init__(self, model):
        self.model = model

    def start(self, source):
        self.source, self.store, self.words = source, {}, []

    def step(self, ids):
        with torch.inference_mode():
            if not self.words:
                memory = self.model.encode(self.source)
                for layer in self.model.decoder.layers:
                    self.store[layer.cross_attention] = (
                        layer.cross_attention.key(memory),
                        layer.cross_attention.value(memory),
                    )
            self.words.append(ids)
            x = self.model.position(self.model.target_embedding(torch.stack(self.words, dim=1)))[:, -1:]
            for layer in self.model.decoder.layers:
                own = layer.self_attention
                new = own.key(x), own.value(x)
                old = self.store.get(own)
                self.store[own] = new if old is None else tuple(torch.cat(both, dim=1) for both in zip(old, new))
                x = layer.add_norm_1(x, self.attend(own, x, None))
                x = layer.add_norm_2(x, self.attend(layer.cross_attention, x, self.source != self.model.pad))
                x = layer.add_norm_3(x, layer.feed_forward(x))
            return F.linear(x, self.model.target_embedding.weight).squeeze(1)

    def attend(self, attention, x, keep):
        key, value = self.store[attention]
        outputs = []
        for query, k, v in zip(*(t.chunk(attention.num_heads, dim=-1) for t in (attention.query(x), key, value))):
            scores = query @ k.mT / math.sqrt(k.shape[-1])
            if keep is not None:
                scores = scores.masked_fill(~keep[:, None], -math.inf)
            outputs.append(scores.softmax(-1) @ v)
        return attention.out(torch.cat(outputs, dim=-1))
