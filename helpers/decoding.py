"""Lesson 9: decoding. Words drawn at random, keys and values that are kept, several beginnings at once.

Ids are int64 (batch, length); 0 is padding, 1 <bos>, 2 <eos>. A model has `encode`, `decode` and `forward`, as
lesson 7's Transformer.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence

from helpers.decoder import padding_mask
from helpers.multi_head import merge_heads, split_heads


def sampling_probabilities(logits, temperature=1.0, top_k=None, top_p=None):
    """The probabilities from which the next word is drawn.

    logits: (..., vocabulary). They are divided by `temperature` before the softmax. `top_k` keeps the k most probable
    words; then `top_p` keeps the smallest set of most probable words whose probabilities reach `top_p` together. The
    rest gets 0, and what is kept adds up to 1 again. A temperature <= 0 raises ValueError.
    Source: Fan et al. 2018, "Hierarchical Neural Story Generation" (top-k); Holtzman et al. 2020, "The Curious Case of
    Neural Text Degeneration" (top-p).
    """
    if temperature <= 0:
        raise ValueError("the temperature has to be above 0; greedy decoding needs none")
    probabilities = (logits / temperature).softmax(dim=-1)
    if top_k is not None:
        lowest = probabilities.topk(top_k).values[..., -1:]
        probabilities = probabilities.masked_fill(probabilities < lowest, 0)
        probabilities = probabilities / probabilities.sum(dim=-1, keepdim=True)
    if top_p is not None:
        falling, words = probabilities.sort(descending=True)
        reached = falling.cumsum(dim=-1) - falling  # by the more probable words together
        falling = falling.masked_fill(reached >= top_p, 0)
        probabilities = probabilities.scatter(-1, words, falling)
    return probabilities / probabilities.sum(dim=-1, keepdim=True)


def sample(model, source, generator, temperature=1.0, top_k=None, top_p=None, bos=1, eos=2, max_length=50):
    """Write word by word, each word drawn at random from the model's probabilities.

    source: ids (batch, n_source); generator: a torch.Generator, from which every word is drawn. The other arguments are
    those of `sampling_probabilities`. Returns ids (batch, <= max_length) as `greedy_decode` does: what comes after
    `bos`, with `eos`, then 0. The model is in evaluation mode meanwhile, and in its own mode again afterwards.
    """
    training = model.training
    model.eval()
    with torch.no_grad():
        memory = model.encode(source)
        ids = torch.full((len(source), 1), bos, device=source.device)
        ended = torch.zeros(len(source), dtype=torch.bool, device=source.device)
        while ids.shape[1] <= max_length and not ended.all():
            logits = model.decode(ids, memory, source)[:, -1]  # (batch, target_size): of the newest word
            probabilities = sampling_probabilities(logits, temperature, top_k, top_p)
            drawn = torch.multinomial(probabilities, 1, generator=generator).squeeze(1)
            newest = drawn.masked_fill(ended, 0)
            ids = torch.cat([ids, newest.unsqueeze(1)], dim=1)
            ended = ended | (newest == eos)
    model.train(training)
    return ids[:, 1:]


class CachedDecoder:
    """Decode word by word without computing the keys and values of earlier words again.

    CachedDecoder(model): a Transformer in evaluation mode. start(source): ids (batch, n_source). step(ids): the newest
    words (batch,), to logits (batch, target_size), the same as those of the whole pass.
    """

    def __init__(self, model):
        self.model = model

    @torch.no_grad()
    def start(self, source):
        memory = self.model.encode(source)
        self.cross_mask = padding_mask(source, self.model.pad).unsqueeze(1)  # (batch, 1, 1, n_source)
        self.seen = source[:, :0]  # the words so far, (batch, steps)
        self.cross = [self._keys_values(layer.cross_attention, memory) for layer in self.model.decoder.layers]
        self.past = [None] * len(self.cross)

    @torch.no_grad()
    def step(self, ids):
        self.seen = torch.cat([self.seen, ids.unsqueeze(1)], dim=1)
        self_mask = padding_mask(self.seen, self.model.pad).unsqueeze(1)  # (batch, 1, 1, steps)
        embedded = self.model.target_embedding(self.seen)
        x = self.model.position(embedded)[:, -1:]  # (batch, 1, d_model), with its own position
        for index, layer in enumerate(self.model.decoder.layers):
            key, value = self._keys_values(layer.self_attention, x)
            if self.past[index] is not None:
                key = torch.cat([self.past[index][0], key], dim=2)
                value = torch.cat([self.past[index][1], value], dim=2)
            self.past[index] = key, value
            x = layer.add_norm_1(x, self._attend(layer.self_attention, x, key, value, self_mask))
            x = layer.add_norm_2(x, self._attend(layer.cross_attention, x, *self.cross[index], self.cross_mask))
            x = layer.add_norm_3(x, layer.feed_forward(x))
        return F.linear(x[:, 0], self.model.target_embedding.weight)

    def _keys_values(self, attention, x):
        return split_heads(attention.key(x), attention.num_heads), split_heads(attention.value(x), attention.num_heads)

    def _attend(self, attention, x, key, value, mask):
        query = split_heads(attention.query(x), attention.num_heads)
        return attention.out(merge_heads(F.scaled_dot_product_attention(query, key, value, attn_mask=mask)))


def beam_search(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    """Translate one sentence and follow the `beam` most probable beginnings at once.

    source: ids (1, n_source). Returns (ids (<= beam, <= max_length), scores (<= beam,)), best first; ids as in
    `greedy_decode`: what comes after `bos`, with `eos`, then 0. The score of n words (`eos` counts) is their
    log-probability / ((5 + n) / 6) ** length_penalty. A sentence has ended when `eos` is among the `beam` best
    continuations; the search ends when there are `beam` such sentences and no open beginning scores better than the
    best of them. The model keeps its mode.
    Source: section 6.1; Wu et al. 2016, "Google's Neural Machine Translation System", equation 14.
    """
    training = model.training
    model.eval()
    with torch.no_grad():
        memory = model.encode(source)
        ids = torch.full((1, 1), bos, device=source.device)  # the open beginnings, (open, 1 + n)
        log_probabilities = torch.zeros(1, device=source.device)
        ended = []  # (score, ids)
        for n in range(1, max_length + 1):
            logits = model.decode(ids, memory.expand(len(ids), -1, -1), source.expand(len(ids), -1))[:, -1]
            sums = log_probabilities.unsqueeze(1) + logits.log_softmax(dim=-1)  # (open, words)
            best, places = sums.flatten().topk(min(2 * beam, sums.numel()))
            words = places % sums.shape[1]
            ids = torch.cat([ids[places // sums.shape[1]], words.unsqueeze(1)], dim=1)
            scores = best / ((5 + n) / 6) ** length_penalty
            last = words == eos if n < max_length else torch.ones_like(words, dtype=torch.bool)
            ended += [(scores[rank], ids[rank, 1:]) for rank in range(min(beam, len(best))) if last[rank]]
            still_open = (~last).nonzero().squeeze(1)[:beam]
            ids, log_probabilities = ids[still_open], best[still_open]
            if len(ids) == 0 or (len(ended) >= beam and max(score for score, _ in ended) >= scores[still_open[0]]):
                break
    model.train(training)
    ended = sorted(ended, key=lambda sentence: sentence[0], reverse=True)[:beam]
    return pad_sequence([ids for _, ids in ended], batch_first=True), torch.stack([score for score, _ in ended])
