"""Lesson 9: the reference against independent paths."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograde import assess
from autograde.exercises.decoding import beam_search as beam_exercise
from autograde.exercises.decoding.beam_inputs import bad_ends_first
from autograde.harness.fixtures import FACTORIES
from helpers.decoder import Transformer, greedy_decode
from helpers.decoding import CachedDecoder, beam_search, sample, sampling_probabilities
from helpers.trainer import search


def small(seed=0, words=7, **options):
    torch.manual_seed(seed)
    sizes = {"d_model": 12, "num_heads": 3, "num_layers": 1, "d_ff": 20, "dropout": 0.0} | options
    return Transformer(11, words, **sizes)


# --- sampling -------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 10_000),
    st.floats(0.05, 5.0),
    st.one_of(st.none(), st.integers(1, 7)),
    st.one_of(st.none(), st.floats(0.05, 1.0)),
)
def test_sampling_probabilities_word_by_word(seed, temperature, top_k, top_p):
    logits = torch.from_numpy(np.random.default_rng(seed).normal(size=7))
    got = sampling_probabilities(logits, temperature, top_k, top_p)
    heights = [math.exp((logit - logits.max().item()) / temperature) for logit in logits.tolist()]
    order = sorted(range(7), key=lambda word: -heights[word])[:top_k]
    total, kept = sum(heights[word] for word in order), []
    for word in order:
        if top_p is not None and sum(heights[other] for other in kept) / total >= top_p - 1e-12:
            break
        kept.append(word)
    expected = [heights[word] * (word in kept) / sum(heights[other] for other in kept) for word in range(7)]
    assert torch.allclose(got, torch.tensor(expected, dtype=got.dtype), atol=1e-9)


def test_low_temperatures_are_stable_and_none_below_zero():
    logits = torch.tensor([[3.0, 2.0, -1.0], [0.0, 9.0, 8.5]])
    assert torch.equal(sampling_probabilities(logits, 1e-4), torch.tensor([[1.0, 0, 0], [0, 1, 0]]))
    for temperature in (0, -1.0):
        with pytest.raises(ValueError, match="temperature"):
            sampling_probabilities(logits, temperature)


def test_sentences_come_as_often_as_they_are_probable():
    model, source, generator = small(3, words=5), torch.tensor([[1, 5, 6, 2]]), torch.Generator().manual_seed(0)
    torch.nn.init.normal_(model.target_embedding.weight, std=0.5)
    counts, total = {}, 2000
    for row in sample(model, source.expand(total, -1), generator, 0.8, max_length=2).tolist():
        counts[tuple(row)] = counts.get(tuple(row), 0) + 1
    model.eval()
    for (first, second), count in counts.items():
        logits = model(source, torch.tensor([[1, first]]))[0] / 0.8
        chances = logits.softmax(dim=-1)
        probability = (chances[0, first] * (1 if first == 2 else chances[1, second])).item()
        assert abs(count / total - probability) < 4 * math.sqrt(probability * (1 - probability) / total) + 1e-3


def test_sampling_uses_its_generator_and_keeps_the_mode():
    model, source = small(1).train(), torch.tensor([[1, 4, 5, 2]])
    one, other = (sample(model, source, torch.Generator().manual_seed(seed), max_length=20) for seed in (5, 5))
    assert torch.equal(one, other) and model.training
    generator = torch.Generator().manual_seed(5)
    before, state = torch.random.get_rng_state(), generator.get_state()
    sample(model, source, generator, max_length=20)
    assert torch.equal(torch.random.get_rng_state(), before) and not torch.equal(generator.get_state(), state)
    assert torch.equal(
        sample(model, source, generator, temperature=1e-4, max_length=8), greedy_decode(model, source, max_length=8)
    )


# --- cache ----------------------------------------------------------------------------------------------------------


def sentences(seed, batch, length, size):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(1, size, (batch, length), generator=generator)


@pytest.mark.parametrize("seed", range(3))
def test_cached_decoder_gives_the_whole_pass(seed):
    model = small(seed, words=9, num_layers=3).eval()
    decoder = CachedDecoder(model)
    for again in range(2):
        source, target = sentences(seed + again, 3, 6, 11), sentences(seed + 9, 3, 7, 9)
        source[1, 4:] = 0
        whole = model(source, target)
        decoder.start(source)
        for place in range(7):
            assert torch.allclose(decoder.step(target[:, place]), whole[:, place], atol=1e-5)


# --- beam search ----------------------------------------------------------------------------------------------------


@torch.no_grad()
def every_sentence(model, source, length_penalty, max_length):
    """(score, ids) of every sentence that the model can write, best first."""
    words, rows = len(model.target_embedding.weight), []
    for n in range(1, max_length + 1):
        for ids in itertools.product(range(words), repeat=n):
            if 2 in ids[:-1] or (ids[-1] != 2 and n < max_length):
                continue
            rows.append(ids)
    scored = []
    for n, group in itertools.groupby(rows, key=len):
        ids = torch.tensor(list(group))
        target_input = torch.cat([torch.ones(len(ids), 1, dtype=torch.int64), ids[:, :-1]], dim=1)
        logs = model(source.expand(len(ids), -1), target_input).log_softmax(dim=-1)
        sums = logs.gather(-1, ids.unsqueeze(-1)).sum(dim=(1, 2)) / ((5 + n) / 6) ** length_penalty
        scored += zip(sums.tolist(), map(tuple, ids.tolist()), strict=True)
    return sorted(scored, reverse=True)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.4])
def test_a_wide_beam_finds_the_best_of_all_sentences(seed, length_penalty):
    torch.manual_seed(seed)
    model = Transformer(9, 5, 8, 2, 1, 12).eval()
    torch.nn.init.normal_(model.target_embedding.weight, std=0.8)
    source = torch.randint(3, 9, (1, 4))
    expected = every_sentence(model, source, length_penalty, 4)
    ids, scores = beam_search(model, source, 700, length_penalty, max_length=4)
    got = [tuple(row[: row.index(2) + 1] if 2 in row else row) for row in ids.tolist()]
    assert got[0] == expected[0][1]
    assert set(got) <= {one for _, one in expected} and len(set(got)) == len(got)
    of = {one: score for score, one in expected}
    assert torch.allclose(scores, torch.tensor([of[one] for one in got]), atol=1e-4)
    assert (scores.diff() <= 0).all()
    narrow, _ = beam_search(model, source, 3, length_penalty, max_length=4)
    assert len(narrow) <= 3 and narrow.shape[1] <= 4


@pytest.mark.parametrize("seed", range(6))
def test_one_beginning_alone_is_the_greedy_search(seed):
    model = small(seed, dropout=0.3)
    torch.nn.init.normal_(model.target_embedding.weight, std=0.7)
    source = torch.randint(3, 11, (1, 5))
    ids, scores = beam_search(model.train(), source, beam=1, max_length=8)
    assert model.training and not scores.requires_grad
    assert torch.equal(ids, greedy_decode(model, source, max_length=8))
    assert len(scores) == 1


def test_the_beam_by_hand():
    model, source = FACTORIES["table_translator"](*beam_exercise._by_hand().args), torch.tensor([[1, 4, 2]])
    assert greedy_decode(model, source, max_length=4)[0, 0] == 3
    assert beam_search(model, source, beam=2, max_length=4)[0][0].tolist()[:2] == [4, 2]


def four_bad_sentences_end_early():
    """3 is almost sure, then 7, 8 and the end; the end at once and the sentences 4, 5 and 6 are hardly probable."""
    target, mix = torch.zeros(9, 9), torch.eye(9)
    target[1] = torch.tensor([-30, -30, 1.3, 6, 1.2, 1.1, 1, -30, -30])
    for before, word, following in (
        ((1,), 3, 7),
        ((1,), 4, 2),
        ((1,), 5, 2),
        ((1,), 6, 2),
        ((1, 3), 7, 8),
        ((1, 3, 7), 8, 2),
    ):
        target[word] = torch.full((9,), -30.0) - target[list(before)].sum(dim=0)
        target[word, following] += 30
    return FACTORIES["table_translator"](torch.zeros(6, 9), target, mix, "eval", "eval"), torch.tensor([[1, 4, 2]])


def test_four_bad_sentences_that_end_early_do_not_end_the_search():
    model, source = four_bad_sentences_end_early()
    wanted = greedy_decode(model, source, max_length=8)
    assert wanted.tolist() == [[3, 7, 8, 2]]
    ids, scores = beam_search(model, source, beam=4, max_length=8)
    best, score = search(model, source, beam=4, max_length=8)
    assert ids[0].tolist() == best[0].tolist() == [3, 7, 8, 2]
    assert len(ids) == 4 and sorted(row.index(2) for row in ids.tolist()) == [1, 1, 1, 3]
    assert score[0].item() == pytest.approx(scores[0].item(), abs=1e-5)


@pytest.mark.parametrize("beam", [2, 3, 4])
def test_where_bad_sentences_end_first_only_the_former_stopping_rule_misses_the_best(beam):
    for seed in range(40):
        tables, source, longest = bad_ends_first(np.random.default_rng(seed), beam)
        model, source = FACTORIES["table_translator"](*tables, "eval", "eval"), torch.tensor(source)
        wanted, scores = beam_search(model, source, beam, max_length=longest)
        assert wanted.shape[1] == 4 and wanted[0, 3] == 2, "three words and the end"
        for right in beam_exercise.EXERCISE.variants:
            assert right(model, source, beam=beam, max_length=longest)[0][0, :4].tolist() == wanted[0].tolist()
        early, lower = beam_exercise.enough_ends(model, source, beam=beam, max_length=longest)
        assert early.shape[1] <= 2 and scores[0] - lower[0] > 3


def test_the_former_stopping_rule_costs_its_part_of_the_points_and_is_named():
    verdict = assess("beam_search", beam_exercise.enough_ends)
    assert verdict.diagnosis == "stops at enough ends, good or bad"
    assert verdict.score == pytest.approx(1 - beam_exercise.EXERCISE.parts["stopping"])
