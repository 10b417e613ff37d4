"""Lesson 8, exact match and beam search: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from helpers.decoder import greedy_decode
from helpers.training import beam_search, exact_match

# --- exact_match: wrong ---------------------------------------------------------------------------------------------


def match_percent(predictions, references):
    return 100 * exact_match(predictions, references)


def match_count(predictions, references):
    return sum(one == other for one, other in zip(predictions, references, strict=True))


def match_words(predictions, references):
    pairs = list(zip(predictions, references, strict=True))
    same = sum(one == other for pair in pairs for one, other in zip(*pair, strict=False))
    return same / sum(len(reference) for _, reference in pairs)


def match_sets(predictions, references):
    return exact_match([set(one) for one in predictions], [set(one) for one in references])


def match_prefix(predictions, references):
    pairs = list(zip(predictions, references, strict=True))
    return sum(all(a == b for a, b in zip(*pair, strict=False)) for pair in pairs) / len(pairs)


def match_lower(predictions, references):
    return exact_match(*([str(one).lower() for one in side] for side in (predictions, references)))


def match_anywhere(predictions, references):
    return sum(one in references for one in predictions) / len(predictions)


def match_wrong(predictions, references):
    return 1 - exact_match(predictions, references)


# --- exact_match: right ---------------------------------------------------------------------------------------------


def match_loop(predictions, references):
    right = 0
    for index in range(len(references)):
        if predictions[index] == references[index]:
            right += 1
    return right / len(references)


def match_numpy(predictions, references):
    return np.mean([tuple(one) == tuple(other) for one, other in zip(predictions, references, strict=False)])


def match_map(predictions, references):
    return list(map(lambda one, other: one == other, predictions, references)).count(True) / len(predictions)


# --- beam_search: one search with a switch for each mistake ---------------------------------------------------------


def _search(model, source, beam, length_penalty, bos, eos, max_length, wrong="", penalty=None):
    penalty = penalty or (lambda n: ((5 + n) / 6) ** length_penalty)
    memory, ended = model.encode(source), []
    ids = torch.full((beam if wrong == "copies" else 1, 1), bos)
    sums = torch.zeros(len(ids))
    for n in range(1, max_length + 1):
        logits = model.decode(ids[:, -1:] if wrong == "newest" else ids, memory.expand(len(ids), -1, -1), source)[:, -1]
        logs = {"logits": logits, "probabilities": logits.softmax(-1)}.get(wrong, logits.log_softmax(-1))
        table = sums.unsqueeze(1) + logs
        words = table.shape[1]
        if wrong == "separate" and n > 1:
            best, word = table.max(dim=1)
            best, order = best.sort(descending=True)
            places = order * words + word[order]
        elif wrong == "copies":
            best, word = table.max(dim=1)
            places = torch.arange(len(table)) * words + word
        else:
            best, places = table.flatten().topk(min(2 * beam, table.numel()))
        parents = places // words if wrong != "parents" else torch.arange(len(places)).clamp(max=len(ids) - 1)
        ids = torch.cat([ids[parents], (places % words).unsqueeze(1)], dim=1)
        last = (places % words == eos) & (wrong != "no end") | (n == max_length)
        ended += [(best[i] / penalty(n), best[i], ids[i, 1:]) for i in range(min(beam, len(best))) if last[i]]
        keep = (~last).nonzero().flatten()[:beam]
        ids, sums = ids[keep], best[keep]
        if len(keep) == 0 or (wrong == "first end" and ended):
            break
        if len(ended) >= beam and (wrong == "enough ends" or max(one[0] for one in ended) >= sums[0] / penalty(n)):
            break
    by = 1 if wrong == "by probability" else 0
    return _sorted([(one[by], one[0], one[2]) for one in ended], beam)


def _sorted(ended, beam):
    ended = sorted(ended, key=lambda one: float(one[0]), reverse=True)[:beam]
    return pad_sequence([ids for _, _, ids in ended], batch_first=True), torch.stack([score for _, score, _ in ended])


def _safely(model, *args, **options):
    """In evaluation mode, without gradients, and back."""
    training = model.training
    model.eval()
    with torch.no_grad():
        result = _search(model, *args, **options)
    model.train(training)
    return result


# --- beam_search: wrong ---------------------------------------------------------------------------------------------


def beam_greedy(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, 1, length_penalty, bos, eos, max_length)


def beam_worst_first(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    ids, scores = beam_search(model, source, beam, length_penalty, bos, eos, max_length)
    return ids.flip(0), scores.flip(0)


def beam_by_probability(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "by probability")


def beam_no_penalty(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, 0.0, bos, eos, max_length)


def beam_fixed_penalty(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, 0.6, bos, eos, max_length)


def beam_penalty_times(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, -length_penalty, bos, eos, max_length)


def beam_length_without_end(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    def penalty(n):
        return ((4 + n) / 6) ** length_penalty

    return _safely(model, source, beam, length_penalty, bos, eos, max_length, penalty=penalty)


def beam_length_with_start(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    def penalty(n):
        return ((6 + n) / 6) ** length_penalty

    return _safely(model, source, beam, length_penalty, bos, eos, max_length, penalty=penalty)


def beam_mean(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, penalty=float)


def beam_logits(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "logits")


def beam_probabilities(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "probabilities")


def beam_copies(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "copies")


def beam_separate(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "separate")


def beam_parents(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "parents")


def beam_first_end(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "first end")


def beam_enough_ends(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "enough ends")


def beam_no_end(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "no end")


def beam_newest(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "newest")


def beam_best_alone(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    ids, scores = beam_search(model, source, beam, length_penalty, bos, eos, max_length)
    return ids[0], scores[0]


def beam_with_start(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    ids, scores = beam_search(model, source, beam, length_penalty, bos, eos, max_length)
    return torch.cat([torch.full((len(ids), 1), bos), ids], dim=1), scores


def beam_without_end(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    ids, scores = beam_search(model, source, beam, length_penalty, bos, eos, max_length)
    return ids.masked_fill(ids == eos, 0), scores


def beam_one_less(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return beam_search(model, source, beam, length_penalty, bos, eos, max_length - 1)


def beam_fixed_specials(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return beam_search(model, source, beam, length_penalty, max_length=max_length)


def beam_training_mode(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    with torch.no_grad():
        return _search(model, source, beam, length_penalty, bos, eos, max_length)


def beam_not_restored(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    model.eval()
    return beam_search(model, source, beam, length_penalty, bos, eos, max_length)


def beam_gradients(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    training = model.training
    model.eval()
    ids, scores = _search(model, source, beam, length_penalty, bos, eos, max_length)
    model.train(training)
    return ids, scores.detach()


# --- beam_search: right ---------------------------------------------------------------------------------------------


def beam_frozen(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    """Sentences that have ended stay in the beam, with 0 appended; scores at the end."""
    training = model.training
    model.eval()
    with torch.no_grad():
        memory = model.encode(source)
        ids, sums = torch.tensor([[bos]]), torch.zeros(1)
        for _ in range(max_length):
            logs = model.decode(ids, memory.expand(len(ids), -1, -1), source)[:, -1].log_softmax(-1)
            over = (ids[:, 1:] == eos).any(dim=1)
            logs[over] = -math.inf
            logs[over, 0] = 0.0
            table = sums[:, None] + logs
            sums, places = table.flatten().topk(beam)
            ids = torch.cat([ids[places // table.shape[1]], (places % table.shape[1])[:, None]], dim=1)
            if (ids[:, 1:] == eos).any(dim=1).all():
                break
        ids = ids[:, 1:]
        lengths = torch.where((ids == eos).any(dim=1), (ids == eos).int().argmax(dim=1) + 1, ids.shape[1])
        scores = sums / ((5 + lengths) / 6) ** length_penalty
        order = scores.argsort(descending=True)
    model.train(training)
    return ids[order], scores[order]


@torch.no_grad()
def beam_shrinking(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    """With each sentence that ends, one beginning less goes on."""
    was = model.training
    model.train(False)
    memory, ended, ids, sums = model.encode(source), [], torch.tensor([[bos]]), torch.zeros(1)
    while len(ended) < beam and ids.shape[1] <= max_length:
        n = ids.shape[1]
        logs = torch.log_softmax(model.decode(ids, memory.repeat(len(ids), 1, 1), source.repeat(len(ids), 1)), -1)[
            :, -1
        ]
        sums, places = (sums[:, None] + logs).flatten().topk(beam - len(ended))
        rows, words = places // logs.shape[1], places % logs.shape[1]
        ids = torch.hstack([ids[rows], words[:, None]])
        over = (words == eos) | (n == max_length)
        for total, row in zip(sums[over], ids[over], strict=True):
            ended.append((total / ((5 + n) / 6) ** length_penalty, row[1:]))
        ids, sums = ids[~over], sums[~over]
    model.train(was)
    ended.sort(key=lambda one: -one[0].item())
    return pad_sequence([row for _, row in ended], batch_first=True), torch.stack([score for score, _ in ended])


@torch.inference_mode()
def beam_lists(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    """Plain lists, one beginning at a time; open and whole sentences compete by their scores."""
    was = model.training
    model.eval()
    memory = model.encode(source)

    def score(sentence):
        total, words = sentence
        return total / ((5 + len(words)) / 6) ** length_penalty

    kept = [(0.0, [])]
    for _ in range(max_length):
        following = [one for one in kept if one[1][-1:] == [eos]]
        for total, words in [one for one in kept if one[1][-1:] != [eos]]:
            logs = model.decode(torch.tensor([[bos, *words]]), memory, source)[0, -1].log_softmax(dim=0).tolist()
            following += [(total + log, [*words, word]) for word, log in enumerate(logs)]
        kept = sorted(following, key=score, reverse=True)[:beam]
    model.train(was)
    longest = max(len(words) for _, words in kept)
    rows = [words + [0] * (longest - len(words)) for _, words in kept]
    return torch.tensor(rows), torch.tensor([score(one) for one in kept])


def beam_late(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    """Goes on to `max_length` however many sentences have ended; with one beginning it is the greedy search."""
    training = model.training
    model.eval()
    with torch.no_grad():
        if beam == 1:
            row = greedy_decode(model, source, bos, eos, max_length)
            logs = model(source, torch.cat([torch.tensor([[bos]]), row[:, :-1]], dim=1)).log_softmax(dim=-1)
            total = logs.gather(-1, row.unsqueeze(-1)).sum().reshape(1)
            result = row, total / ((5 + row.shape[1]) / 6) ** length_penalty
        else:
            memory, ids, sums, ended = model.encode(source), torch.tensor([[bos]]), torch.zeros(1), []
            for n in range(1, max_length + 1):
                logs = model.decode(ids, memory.expand(len(ids), -1, -1), source)[:, -1].log_softmax(-1)
                table = (sums.unsqueeze(1) + logs).clone()
                divisor = ((5 + n) / 6) ** length_penalty
                for row in range(len(ids)):
                    whole = torch.cat([ids[row, 1:], torch.tensor([eos])])
                    ended.append((table[row, eos] / divisor, table[row, eos] / divisor, whole))
                table[:, eos] = -math.inf
                sums, places = table.flatten().topk(beam)
                ids = torch.cat([ids[places // table.shape[1]], (places % table.shape[1]).unsqueeze(1)], dim=1)
            ended += [(sums[row] / divisor, sums[row] / divisor, ids[row, 1:]) for row in range(beam)]
            result = _sorted(ended, beam)
    model.train(training)
    return result
