"""Word-by-word decoders for many sentences at once, each with several beginnings.

A decoder has start(source), with source ids (sentences, n_source); step(ids), with the newest words (sentences, beams),
to logits (sentences, beams, target_size); keep(sentences, parents), which goes on with some sentences, and for each of
their beams with the beginning `parents` (kept, beams) of the same sentence.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from helpers.trainer.fast import add_norm, attend, can_go_fast, encode, project


def decoder_for(model):
    """The decoder with cached keys and values where the model is known, else one that calls `model.decode`."""
    fast = can_go_fast(model) and "causal" not in getattr(model, "without", ())
    return KeyValueDecoder(model) if fast else PrefixDecoder(model)


class PrefixDecoder:
    """Computes the whole beginning again at every step: for any model with `encode` and `decode`."""

    def __init__(self, model):
        self.model = model

    def start(self, source):
        self.source, self.memory, self.seen = source, self.model.encode(source), None

    def step(self, ids):
        sentences, beams = ids.shape
        newest = ids.unsqueeze(-1)
        self.seen = newest if self.seen is None else torch.cat([self.seen, newest], dim=-1)  # (sentences, beams, n)
        memory, source = (part.repeat_interleave(beams, dim=0) for part in (self.memory, self.source))
        logits = self.model.decode(self.seen.flatten(0, 1), memory, source)[:, -1]
        return logits.view(sentences, beams, -1)

    def keep(self, sentences, parents):
        self.source, self.memory = self.source[sentences], self.memory[sentences]
        self.seen = self.seen[sentences.unsqueeze(1), parents]


class KeyValueDecoder:
    """Keeps keys and values: those of the memory once for each sentence, those of the words so far for each beam."""

    def __init__(self, model):
        self.model = model

    def start(self, source):
        keep = source != self.model.pad
        memory = encode(self.model, source, keep)
        self.mask = keep[:, None, None, :]  # (sentences, 1, 1, n_source)
        self.cross, self.past, self.length = [], [], 0
        for layer in self.model.decoder.layers:
            attention = layer.cross_attention
            known = None
            if hasattr(attention, "key"):
                known = [
                    part.contiguous() for part in project(memory, attention.num_heads, attention.key, attention.value)
                ]
            self.cross.append(known)
            self.past.append(None)

    def step(self, ids):
        self.beams = ids.shape[1]
        embedded = self.model.target_embedding(ids)  # (sentences, beams, d_model)
        x = embedded + self.model.position.encoding[self.length]
        self.length += 1
        for index, layer in enumerate(self.model.decoder.layers):
            x = add_norm(layer.add_norm_1, x, self._self_attention(index, layer.self_attention, x))
            attended = torch.zeros_like(x)
            if self.cross[index] is not None:  # the beams of a sentence are queries to the same memory
                (query,) = project(x, layer.cross_attention.num_heads, layer.cross_attention.query)
                attended = attend(layer.cross_attention, query, *self.cross[index], self.mask)
            x = add_norm(layer.add_norm_2, x, attended)
            x = add_norm(layer.add_norm_3, x, layer.feed_forward(x))
        return F.linear(x, self.model.target_embedding.weight)

    def _self_attention(self, index, attention, x):
        sentences, beams, width = x.shape
        each = x.reshape(sentences * beams, 1, width)
        query, key, value = project(each, attention.num_heads, attention.query, attention.key, attention.value)
        if self.past[index] is not None:
            key = torch.cat([self.past[index][0], key], dim=2)  # (sentences * beams, heads, words, d_head)
            value = torch.cat([self.past[index][1], value], dim=2)
        self.past[index] = key, value
        return attend(attention, query, key, value).view(sentences, beams, width)

    def keep(self, sentences, parents):
        if len(sentences) < len(self.mask):
            self.mask = self.mask[sentences]
            self.cross = [known and [part[sentences] for part in known] for known in self.cross]
        rows = (sentences.unsqueeze(1) * self.beams + parents).flatten()
        self.past = [(key.index_select(0, rows), value.index_select(0, rows)) for key, value in self.past]
