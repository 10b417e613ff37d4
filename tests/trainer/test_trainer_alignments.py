"""Gold alignments found by the cross-attention, and the checkpoint that comes with the course."""

from __future__ import annotations

import json
import math

import pytest
import torch

from benchmarks import embedded
from helpers.corpus import Corpus, Pair, WordVocabulary, grammar_corpus, grammar_pairs
from helpers.decoder import decoder_mask, greedy_decode, padding_mask
from helpers.multi_head import split_heads
from helpers.trainer import Config, TrainingError, load_weights, translate
from helpers.trainer import alignments as alignments_module
from helpers.trainer.alignments import cross_attention_weights, found_alignments
from helpers.trainer.model import build_model, count_parameters
from helpers.trainer.scores import score_split
from helpers.trainer.shipped import CHECKPOINT, grammar_digest, load_shipped, shipped_card

SOURCE = torch.tensor([[1, 5, 6, 7, 2], [1, 8, 2, 0, 0]])
TARGET = torch.tensor([[1, 4, 5, 6], [1, 9, 0, 0]])


@pytest.fixture(scope="module")
def shipped():
    return load_shipped()


def small_model(**changes):
    torch.manual_seed(0)
    config = Config.preset("small", d_model=12, num_heads=3, num_layers=2, d_ff=16, **changes)
    return build_model(config, 11, 13)


# --- the weights ----------------------------------------------------------------------------------------------------


def test_weights_are_those_of_the_attention_by_hand():
    model = small_model().train()
    weights = cross_attention_weights(model, SOURCE, TARGET)
    assert weights.shape == (2, 2, 3, 4, 5) and model.training
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 2, 3, 4))
    assert weights[:, 1, :, :, 3:].abs().max() == 0, "padding gets nothing"
    model.eval()
    with torch.no_grad():
        memory = model.encode(SOURCE)
        x = model.position(model.target_embedding(TARGET))
        for number, layer in enumerate(model.decoder.layers):
            attended, _ = layer.self_attention(x, mask=decoder_mask(TARGET))
            query = layer.add_norm_1(x, attended)
            queries, keys = layer.cross_attention.query(query), layer.cross_attention.key(memory)
            scores = split_heads(queries, 3) @ split_heads(keys, 3).transpose(-2, -1) / math.sqrt(4)
            hidden = scores.masked_fill(~padding_mask(SOURCE).unsqueeze(1), -torch.inf)
            torch.testing.assert_close(weights[number], hidden.softmax(dim=-1))
            x = layer(x, memory, decoder_mask(TARGET), padding_mask(SOURCE))


def test_looking_changes_nothing():
    model = small_model().eval()
    before = model(SOURCE, TARGET)
    cross_attention_weights(model, SOURCE, TARGET)
    assert torch.equal(before, model(SOURCE, TARGET))
    assert not any(layer.cross_attention._forward_pre_hooks for layer in model.decoder.layers)


def test_a_model_without_cross_attention_is_named():
    with pytest.raises(TrainingError, match="no cross-attention"):
        cross_attention_weights(small_model(without=("cross",)), SOURCE, TARGET)


# --- the score ------------------------------------------------------------------------------------------------------

PAIRS = [
    Pair(("a", "b", "c"), ("C", "x", "A"), alignments=((0, 2), (2, 0), (1, 0)), noun_alignments=((0, 2), (2, 0))),
    Pair(("b",), ("B",), alignments=((0, 0),), noun_alignments=((0, 0),)),
]
VOCABULARIES = WordVocabulary(["a b c"]), WordVocabulary(["A B C x"])


def look_at(positions):
    """Attention of one layer with two heads: {(sentence, target step): source position} for the first, 0 elsewhere."""

    def weights(model, source, decoder_input):
        given = torch.zeros(1, len(source), 2, decoder_input.shape[1], source.shape[1])
        given[..., 0] = 0.1
        for (row, step), position in positions.items():
            given[0, row, 0, step, position] = 0.9
        return given

    return weights


@pytest.mark.parametrize(
    "positions, share",
    [
        ({(0, 0): 3, (0, 2): 1, (1, 0): 1}, 1.0),  # <bos> stands before the first word
        ({(0, 0): 3, (0, 2): 1, (1, 0): 0}, 2 / 3),
        ({(0, 0): 2, (0, 2): 0, (1, 0): 2}, 0.0),
        ({(0, 1): 3, (0, 3): 1, (1, 1): 1}, 0.0),  # a step later, when the noun is read
    ],
)
def test_an_alignment_is_found_where_the_largest_weight_is(monkeypatch, positions, share):
    monkeypatch.setattr(alignments_module, "cross_attention_weights", look_at(positions))
    found = found_alignments(small_model(), PAIRS, VOCABULARIES)
    assert found.count == 3
    assert found.heads[0] == pytest.approx([share, 0.0]) and found.layers == pytest.approx([share])
    assert found.best_layer == 0


def test_of_several_alignments_of_a_word_any_is_enough(monkeypatch):
    monkeypatch.setattr(alignments_module, "cross_attention_weights", look_at({(0, 0): 2, (0, 2): 1, (1, 0): 1}))
    assert found_alignments(small_model(), PAIRS, VOCABULARIES, nouns_only=False).layers == [1.0]
    assert found_alignments(small_model(), PAIRS, VOCABULARIES).layers == pytest.approx([2 / 3])


def test_pairs_without_alignments_and_tokens_that_are_no_words_are_named(monkeypatch):
    monkeypatch.setattr(alignments_module, "cross_attention_weights", look_at({}))
    with pytest.raises(TrainingError, match="no gold alignments"):
        found_alignments(small_model(), [Pair(("a",), ("A",))], VOCABULARIES)

    class Letters(WordVocabulary):
        def encode(self, words):
            return super().encode([letter for word in words for letter in word * 2])

    with pytest.raises(TrainingError, match="tokens are words"):
        found_alignments(small_model(), PAIRS, (Letters(["a b c"]), VOCABULARIES[1]))


# --- the shipped checkpoint -----------------------------------------------------------------------------------------


def test_the_checkpoint_translates_new_sentences(shipped):
    model, vocabularies, config = shipped
    pairs = grammar_pairs("shipped", 600)
    score = score_split(model, pairs, vocabularies, config, with_bleu=False)
    assert score["exact_match"] >= 0.995
    texts = [pair.source_text for pair in pairs[:20]]
    ids = [vocabularies[0].encode(text) for text in texts]
    width = max(map(len, ids))
    padded = torch.tensor([row + [0] * (width - len(row)) for row in ids])
    plain = [vocabularies[1].text(row.tolist()) for row in greedy_decode(model, padded)]
    assert plain == translate(model, texts, vocabularies, config)


def test_the_checkpoint_is_small_and_of_todays_grammar(shipped):
    model, *_ = shipped
    assert CHECKPOINT.stat().st_size <= 2 * 1024 * 1024
    assert load_weights(CHECKPOINT).metadata["digest"] == grammar_digest()
    assert count_parameters(model) <= 300_000
    assert not model.training


def test_the_attention_of_the_checkpoint_finds_the_nouns(shipped):
    model, vocabularies, _ = shipped
    found = found_alignments(model, grammar_corpus().tests["random"][:300], vocabularies)
    assert found.layers[found.best_layer] >= 0.97


def test_the_card_of_the_checkpoint_is_its_own(shipped):
    model, vocabularies, config = shipped
    card = shipped_card()
    assert card["parameters"] == count_parameters(model)
    assert card["scores"]["random"]["exact_match"] >= 0.995
    pairs = grammar_corpus().tests["long"]
    score = score_split(model, pairs, vocabularies, config, with_bleu=False)
    assert score["exact_match"] == pytest.approx(card["scores"]["long"]["exact_match"], abs=0.002)
    assert f"{card['scores']['random']['exact_match']:.1%}" in CHECKPOINT.with_suffix(".md").read_text()


# --- the benchmark --------------------------------------------------------------------------------------------------


def test_the_benchmark_runs_and_keeps_what_it_does_not_measure(monkeypatch, tmp_path, capsys):
    whole = grammar_corpus()
    tests = {name: pairs[:4] for name, pairs in whole.tests.items()}
    small = Corpus("grammar", whole.train, whole.validation[:20], tests)
    monkeypatch.setattr(embedded, "grammar_corpus", lambda: small)
    monkeypatch.setattr(embedded, "grammar_pairs", lambda seed, count: whole.validation[:4])
    out = tmp_path / "embedded.json"
    out.write_text(json.dumps({"sizes": "older", "preset": "older"}))
    assert embedded.main(["--only", "preset", "ablations", "--epochs", "0.02", "--out", str(out)]) == 0
    kept = json.loads(out.read_text())
    assert kept["sizes"] == "older"
    preset = kept["preset"]["measured"]
    assert set(preset["exact_match"]) == {"random", "compositional", "long", "fresh"}
    assert set(preset["beam_4"]) == {"random", "compositional", "long"}
    assert 0 <= preset["noun_alignments"]["found"] <= 1 and preset["seconds"] >= 0 and preset["cpu_seconds"] > 0
    assert set(kept["ablations"]["measured"]) == {"positions", "causal", "cross", "residuals"}
    assert kept["preset"]["command"].startswith("python benchmarks/embedded.py --only preset")
    assert '"noun_alignments"' in capsys.readouterr().out
