"""Translation of many sentences at once: greedy, or with a beam, as `helpers.training.beam_search` defines it."""

from __future__ import annotations

import torch

from helpers.trainer.decoding import decoder_for


@torch.no_grad()
def search(model, source, beam: int = 1, length_penalty: float = 0.6, bos: int = 1, eos: int = 2, max_length: int = 50):
    """The best translation of every row of `source` and its score.

    source: ids (sentences, n_source), padded with 0. Returns ids (sentences, <= max_length): what comes after `bos`,
    with `eos`, then 0; and scores (sentences,), as in `helpers.training.beam_search`. beam=1 is the greedy search of
    `helpers.decoder.greedy_decode`. The model keeps its mode.
    """
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


def _penalty(length, length_penalty):
    return ((5 + length) / 6) ** length_penalty


def _greedy(decoder, source, length_penalty, bos, eos, max_length):
    count, device = len(source), source.device
    result = torch.zeros(count, max_length, dtype=torch.int64, device=device)
    scores = torch.zeros(count, device=device)
    open_rows = torch.arange(count, device=device)
    newest = torch.full((count, 1), bos, device=device)
    sums = torch.zeros(count, device=device)
    for n in range(1, max_length + 1):
        best, words = decoder.step(newest)[:, 0].float().log_softmax(dim=-1).max(dim=-1)
        sums = sums + best
        result[open_rows, n - 1] = words
        scores[open_rows] = sums / _penalty(n, length_penalty)
        stays = (words != eos).nonzero().squeeze(1)
        if len(stays) == 0:
            break
        if len(stays) < len(open_rows):
            decoder.keep(stays, torch.zeros(len(stays), 1, dtype=torch.int64, device=device))
            open_rows, words, sums = open_rows[stays], words[stays], sums[stays]
        newest = words.unsqueeze(1)
    return result[:, :n], scores


def _beam(decoder, source, beam, length_penalty, bos, eos, max_length):
    count, device = len(source), source.device
    result = torch.zeros(count, max_length, dtype=torch.int64, device=device)
    result_scores = torch.zeros(count, device=device)
    open_rows = torch.arange(count, device=device)
    ids = torch.zeros(count, beam, max_length, dtype=torch.int64, device=device)  # the open beginnings
    newest = torch.full((count, beam), bos, device=device)
    sums = torch.full((count, beam), -torch.inf, device=device)
    sums[:, 0] = 0  # at first there is one beginning, <bos>
    best_ids, best_scores = torch.zeros_like(ids[:, 0]), torch.full((count,), -torch.inf, device=device)
    ended = torch.zeros(count, dtype=torch.int64, device=device)  # sentences that have ended
    for n in range(1, max_length + 1):
        log_probabilities = decoder.step(newest).float().log_softmax(dim=-1)
        total = sums.unsqueeze(-1) + log_probabilities  # (sentences, beam, words)
        words_known = total.shape[-1]
        best, places = total.flatten(1).topk(min(2 * beam, beam * words_known), dim=-1)
        parents, words = places // words_known, places % words_known
        last = words == eos if n < max_length else torch.ones_like(words, dtype=torch.bool)
        last &= best > -torch.inf
        # what ends among the `beam` best is a whole sentence
        scores = (best / _penalty(n, length_penalty)).masked_fill(~last, -torch.inf)[:, :beam]
        score, rank = scores.max(dim=-1, keepdim=True)
        better = score.squeeze(1) > best_scores
        candidate = ids.gather(1, parents.gather(1, rank).unsqueeze(-1).expand(-1, -1, max_length)).squeeze(1)
        candidate[:, n - 1] = words.gather(1, rank).squeeze(1)
        best_ids = torch.where(better.unsqueeze(1), candidate, best_ids)
        best_scores = torch.where(better, score.squeeze(1), best_scores)
        ended = ended + last[:, :beam].sum(dim=-1)
        # the others go on: the first `beam` of them
        order = last.long().argsort(dim=-1, stable=True)[:, :beam]
        sums = best.masked_fill(last, -torch.inf).gather(1, order)
        parents, words = parents.gather(1, order), words.gather(1, order)
        ids = ids.gather(1, parents.unsqueeze(-1).expand(-1, -1, max_length))
        ids[:, :, n - 1] = words
        beaten = best_scores >= sums[:, 0] / _penalty(n, length_penalty)  # no open beginning is better
        done = (ended >= beam) & beaten | (sums == -torch.inf).all(dim=-1)
        if done.any() or n == max_length:
            result[open_rows], result_scores[open_rows] = best_ids, best_scores
        stays = (~done).nonzero().squeeze(1)
        if len(stays) == 0:
            break
        decoder.keep(stays, parents[stays])
        newest, sums, ids, ended, best_ids, best_scores, open_rows = (
            part[stays] for part in (words, sums, ids, ended, best_ids, best_scores, open_rows)
        )
    used = (result != 0).any(dim=0).nonzero()
    return result[:, : int(used.max()) + 1 if len(used) else 1], result_scores
