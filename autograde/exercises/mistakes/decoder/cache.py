"""Lesson 7, kept keys and values: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from helpers.decoder import CachedDecoder, mask_scores

# --- CachedDecoder: wrong -------------------------------------------------------------------------------------------


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
            x = layer.add_norm_3(x, layer.feed_forward(x))
        return self.project(x)


class CacheNothing(_Cache):
    def remember(self, index, key, value):
        return key, value


class CacheLastTwo(_Cache):
    def remember(self, index, key, value):
        before, self.past[index] = self.past[index], (key, value)
        if before is None:
            return key, value
        return torch.cat([before[0], key], dim=2), torch.cat([before[1], value], dim=2)


class CacheWithoutNewest(_Cache):
    def remember(self, index, key, value):
        before = self.past[index]
        super().remember(index, key, value)
        return before if before is not None else (key, value)


class CacheSharedByLayers(_Cache):
    def remember(self, index, key, value):
        return super().remember(0, key, value)


class CachePositionZero(_Cache):
    def embedded(self):
        return self.model.position(self.model.target_embedding(self.seen[:, -1:]))


class CachePositionLate(_Cache):
    def embedded(self):
        rows = self.model.target_embedding(torch.cat([self.seen[:, :1], self.seen], dim=1))
        return self.model.position(rows)[:, -1:]


class CacheNoPosition(_Cache):
    def embedded(self):
        return self.model.target_embedding(self.seen[:, -1:])


class CacheNotEmptied(_Cache):
    def start(self, source):
        before = getattr(self, "past", None), getattr(self, "seen", None)
        super().start(source)
        if before[0] is not None:
            self.past, self.seen = before


class CacheNoSourceMask(_Cache):
    def start(self, source):
        super().start(source)
        self.cross_mask = None


class CacheFirstSource(_Cache):
    def start(self, source):
        if not hasattr(self, "cross"):
            super().start(source)
        self.past, self.seen = [None] * len(self.cross), source[:, :0]


class CacheOneMemory(_Cache):
    """All layers read the first layer's keys and values of the source."""

    def start(self, source):
        super().start(source)
        self.cross = [self.cross[0]] * len(self.cross)


class CacheLengthAxis(_Cache):
    def project(self, x):
        return F.linear(x, self.model.target_embedding.weight)


class CacheProbabilities(_Cache):
    def project(self, x):
        return super().project(x).softmax(dim=-1)


class CacheWholePass(CachedDecoder):
    @torch.no_grad()
    def start(self, source):
        self.source, self.memory, self.seen = source, self.model.encode(source), source[:, :0]

    @torch.no_grad()
    def step(self, ids):
        self.seen = torch.cat([self.seen, ids[:, None]], dim=1)
        return self.model.decode(self.seen, self.memory, self.source)[:, -1]


class CacheCrossAgain(_Cache):
    @torch.no_grad()
    def start(self, source):
        super().start(source)
        self.memory = self.model.encode(source)

    @torch.no_grad()
    def step(self, ids):
        self.cross = [self._keys_values(layer.cross_attention, self.memory) for layer in self.model.decoder.layers]
        return super().step(ids)


class CacheOfInputs(_Cache):
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


# --- CachedDecoder: right -------------------------------------------------------------------------------------------


class CacheWithoutMask(_Cache):
    """Without the mask of padded words; their own logits don't count."""


class CacheModule(nn.Module):
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


class CacheNewestFirst(_Cache):
    """Attention doesn't mind the order of the keys, as long as the values keep the same order."""

    def remember(self, index, key, value):
        if self.past[index] is not None:
            key = torch.cat([key, self.past[index][0]], dim=2)
            value = torch.cat([value, self.past[index][1]], dim=2)
        self.past[index] = key, value
        return key, value


class CacheLazy:
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
