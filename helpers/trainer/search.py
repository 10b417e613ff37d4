"""Translation of many sentences at once: greedy, or with a beam, as `helpers.decoding.beam_search` defines it.

The search asks a decoder word by word, for all sentences and all their hypotheses together. A decoder has
start(source), with source ids (sentences, n_source); step(ids), with the newest words (sentences, beams), to logits
(sentences, beams, target_size); keep(sentences, parents), which goes on with some sentences, and for each of their
beams with the hypothesis `parents` (kept, beams) of the same sentence.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from helpers.trainer.errors import TrainingError
from helpers.trainer.fast import add_norm, attend, can_go_fast, encode, project


@torch.no_grad()
def search(
    model: nn.Module,
    source: torch.Tensor,
    beam: int = 1,
    length_penalty: float = 0.6,
    bos: int = 1,
    eos: int = 2,
    max_length: int = 50,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The best translation of every row of `source` and its score.

    source: ids (sentences, n_source), padded with 0. Returns ids (sentences, <= max_length): what comes after `bos`,
    with `eos`, then 0; and scores (sentences,), as in `helpers.decoding.beam_search`. beam=1 is the greedy search of
    `helpers.decoder.greedy_decode`. The model keeps its mode.
    """
    if source.shape[1] > positions_of(model):
        raise TrainingError(f"A sentence has {source.shape[1]:,} tokens, the model {positions_of(model):,} positions.")
    training = model.training
    model.eval()
    decoder = decoder_for(model)
    decoder.start(source)
    try:
        if beam == 1:
            return _greedy(decoder, source, length_penalty, bos, eos, max_length)
        return _beam(decoder, source, beam, length_penalty, bos, eos, max_length)
    finally:
        model.train(training)


def positions_of(model: nn.Module) -> float:
    """The largest number of tokens of a sentence: the rows of the model's table of positions, if it has one."""
    encoding = getattr(getattr(model, "position", None), "encoding", None)
    return math.inf if encoding is None else len(encoding)


def _penalty(length, length_penalty):
    return ((5 + length) / 6) ** length_penalty


def _greedy(decoder, source, length_penalty, bos, eos, max_length):
    count, device = len(source), source.device
    result = torch.zeros(count, max_length, dtype=torch.int64, device=device)
    scores = torch.zeros(count, device=device)
    active = torch.arange(count, device=device)
    newest = torch.full((count, 1), bos, device=device)
    sums = torch.zeros(count, device=device)
    for n in range(1, max_length + 1):
        best, words = decoder.step(newest)[:, 0].float().log_softmax(dim=-1).max(dim=-1)
        sums = sums + best
        result[active, n - 1] = words
        scores[active] = sums / _penalty(n, length_penalty)
        remaining = (words != eos).nonzero().squeeze(1)
        if len(remaining) == 0:
            break
        if len(remaining) < len(active):
            decoder.keep(remaining, torch.zeros(len(remaining), 1, dtype=torch.int64, device=device))
            active, words, sums = active[remaining], words[remaining], sums[remaining]
        newest = words.unsqueeze(1)
    return result[:, :n], scores


def _beam(decoder, source, beam, length_penalty, bos, eos, max_length):
    count, device = len(source), source.device
    result = torch.zeros(count, max_length, dtype=torch.int64, device=device)
    result_scores = torch.zeros(count, device=device)
    active = torch.arange(count, device=device)
    ids = torch.zeros(count, beam, max_length, dtype=torch.int64, device=device)  # of the active hypotheses
    newest = torch.full((count, beam), bos, device=device)
    sums = torch.full((count, beam), -torch.inf, device=device)
    sums[:, 0] = 0  # at first there is one hypothesis, <bos>
    best_ids, best_scores = torch.zeros_like(ids[:, 0]), torch.full((count,), -torch.inf, device=device)
    finished = torch.zeros(count, dtype=torch.int64, device=device)  # how many hypotheses of each sentence
    for n in range(1, max_length + 1):
        log_probabilities = decoder.step(newest).float().log_softmax(dim=-1)
        total = sums.unsqueeze(-1) + log_probabilities  # (sentences, beam, words)
        target_size = total.shape[-1]
        best, ranked = total.flatten(1).topk(min(2 * beam, beam * target_size), dim=-1)
        parents, words = ranked // target_size, ranked % target_size
        last = words == eos if n < max_length else torch.ones_like(words, dtype=torch.bool)
        last &= best > -torch.inf
        # one that ends among the `beam` best is finished
        scores = (best / _penalty(n, length_penalty)).masked_fill(~last, -torch.inf)[:, :beam]
        score, rank = scores.max(dim=-1, keepdim=True)
        better = score.squeeze(1) > best_scores
        candidate = ids.gather(1, parents.gather(1, rank).unsqueeze(-1).expand(-1, -1, max_length)).squeeze(1)
        candidate[:, n - 1] = words.gather(1, rank).squeeze(1)
        best_ids = torch.where(better.unsqueeze(1), candidate, best_ids)
        best_scores = torch.where(better, score.squeeze(1), best_scores)
        finished = finished + last[:, :beam].sum(dim=-1)
        # the first `beam` of the others stay active
        order = last.long().argsort(dim=-1, stable=True)[:, :beam]
        sums = best.masked_fill(last, -torch.inf).gather(1, order)
        parents, words = parents.gather(1, order), words.gather(1, order)
        ids = ids.gather(1, parents.unsqueeze(-1).expand(-1, -1, max_length))
        ids[:, :, n - 1] = words
        beaten = best_scores >= sums[:, 0] / _penalty(n, length_penalty)  # no active hypothesis is better
        done = (finished >= beam) & beaten | (sums == -torch.inf).all(dim=-1)
        if done.any() or n == max_length:
            result[active], result_scores[active] = best_ids, best_scores
        remaining = (~done).nonzero().squeeze(1)
        if len(remaining) == 0:
            break
        decoder.keep(remaining, parents[remaining])
        newest, sums, ids, finished, best_ids, best_scores, active = (
            part[remaining] for part in (words, sums, ids, finished, best_ids, best_scores, active)
        )
    used = (result != 0).any(dim=0).nonzero()
    return result[:, : int(used.max()) + 1 if len(used) else 1], result_scores


def decoder_for(model):
    """The decoder with cached keys and values where the model is known, else one that calls `model.decode`."""
    fast = can_go_fast(model) and "causal" not in getattr(model, "without", ())
    return KeyValueDecoder(model) if fast else PrefixDecoder(model)


class PrefixDecoder:
    """Computes the whole hypothesis again at every step: for any model with `encode` and `decode`."""

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
            attfinished = torch.zeros_like(x)
            if self.cross[index] is not None:  # the beams of a sentence are queries to the same memory
                (query,) = project(x, layer.cross_attention.num_heads, layer.cross_attention.query)
                attfinished = attend(layer.cross_attention, query, *self.cross[index], self.mask)
            x = add_norm(layer.add_norm_2, x, attfinished)
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
