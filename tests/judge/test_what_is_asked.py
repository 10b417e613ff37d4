"""A check demands what the text asks, and nothing else: answers that were once accepted, or refused, by mistake."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest
import torch

from autograde import assess
from autograde.exercises import all_exercises, exercise
from autograde.harness.call import FunctionCall, ModuleCall
from autograde.harness.invoke import answer
from autograde.harness.plain import TensorData
from autograde.judge.answer_key import AnswerKey
from autograde.judge.judge import judge
from helpers import add_norm, clinic, decoder, decoding, embeddings, feed_forward, multi_head, single_head, training
from helpers.single_head import softmax
from helpers.vocabulary import build_index

# --- wrong answers that were accepted -------------------------------------------------------------------------------


def tokens_by_neighbours(text):
    """Looks past the end, and at the end of the text from its start."""
    text, tokens, word = text.lower(), [], ""
    for i, c in enumerate(text):
        if c.isalnum() or (c == "'" and text[i - 1].isalnum() and text[i + 1].isalnum()):
            word += c
        else:
            tokens += [word] if word else []
            word = ""
            tokens += [] if c.isspace() else [c]
    return [*tokens, word] if word else tokens


def tokens_without_the_last_word(text):
    tokens, word = [], ""
    for c in text.lower():
        if c.isalnum():
            word += c
        else:
            tokens += [word] if word else []
            word = ""
            tokens += [] if c.isspace() else [c]
    return tokens


def one_apostrophe(text):
    return re.findall(r"[^\W_]+(?:'[^\W_]+)?|\S", text.lower())


def joined_texts(symbols, pair):
    out, i = list(symbols), 0
    while i < len(out) - 1:
        if out[i] + out[i + 1] == pair[0] + pair[1]:
            out[i : i + 2] = [pair[0] + pair[1]]
        i += 1
    return tuple(out)


def finite(number):
    def attention_weights(scores, mask=None):
        if mask is None:
            return softmax(scores)
        return softmax(np.where(mask, scores, number)) * mask.any(axis=-1, keepdims=True)

    return attention_weights


def without_maximum(scores, mask=None):
    powers = np.exp(scores) if mask is None else np.exp(scores) * mask
    total = powers.sum(axis=-1, keepdims=True)
    return np.divide(powers, total, out=np.zeros_like(powers), where=total > 0)


def maximum_of_the_forbidden(scores, mask=None):
    return without_maximum(scores - scores.max(axis=-1, keepdims=True), mask)


def changed(reference, *pairs):
    """A function or class with a piece of its code exchanged."""
    source = inspect.getsource(reference)
    for old, new in pairs:
        assert old in source
        source = source.replace(old, new)
    namespace = dict(vars(inspect.getmodule(reference)))
    exec(source, namespace)
    return namespace[reference.__name__]


HEADS = ("-math.inf", "-100.0"), ("mask | empty", "mask")
POWERS = ("torch.softmax(scores, dim=-1)", "scores.exp() / scores.exp().sum(dim=-1, keepdim=True)")
MASKED = ("torch.softmax(masked, dim=-1)", "masked.exp() / masked.exp().sum(dim=-1, keepdim=True)")
DROPPED = ("weights @ value", "F.dropout(weights, 0.1, self.training) @ value")
LOSS = (
    ("logits.log_softmax(dim=-1)", "logits.softmax(dim=-1).log()"),
    ("smoothing * of_all", "(smoothing * of_all if smoothing else 0)"),
)
LINEAR = ("nn.Linear(d_model, d_ff)", "nn.Linear(d_model, d_ff, dropout)"), ("d_model)\n", "d_model, dropout)\n")
KEPT = ("(x, memory, memory,", "(x, self.__dict__.setdefault('kept', memory), memory,")
EXCHANGED = ("self_mask=None, cross_mask=None", "cross_mask=None, self_mask=None")
SILENT = ('f"the input has {length} rows, the encoding has {max_length}"', "")


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("tokenize", tokens_by_neighbours),
        ("tokenize", tokens_without_the_last_word),
        ("tokenize", one_apostrophe),
        ("merge_pair", joined_texts),
        ("softmax", lambda x, axis=1: softmax(x, axis)),
        ("attention_weights", finite(-50)),
        ("attention_weights", finite(-100)),
        ("attention_weights", without_maximum),
        ("attention_weights", maximum_of_the_forbidden),
        ("SelfAttentionHead", changed(single_head.SelfAttentionHead, *HEADS)),
        ("SelfAttentionHead", changed(single_head.SelfAttentionHead, POWERS, MASKED)),
        ("MultiHeadAttention", changed(multi_head.MultiHeadAttention, *HEADS)),
        ("MultiHeadAttention", changed(multi_head.MultiHeadAttention, POWERS, MASKED)),
        ("MultiHeadAttention", changed(multi_head.MultiHeadAttention, DROPPED)),
        ("FeedForward", changed(feed_forward.FeedForward, *LINEAR)),
        ("PositionalEncoding", changed(embeddings.PositionalEncoding, SILENT)),
        ("DecoderLayer", changed(decoder.DecoderLayer, KEPT)),
        ("DecoderLayer", changed(decoder.DecoderLayer, EXCHANGED)),
        ("label_smoothed_loss", changed(training.label_smoothed_loss, *LOSS)),
        ("train_step", changed(training.train_step, ("logits.float()", "logits"))),
    ],
)
def test_a_wrong_answer_is_rejected(name, answer):
    for seed in range(3):
        assert not assess(name, answer, seed).passed, f"seed {seed}"


def test_two_vocabularies_may_be_alive_at_once():
    class OnTheClass(exercise("Vocabulary").reference):
        def __init__(self, sentences, min_count=1, max_size=None):
            super().__init__(sentences, min_count, max_size)
            words = [self.index_to_word[i] for i in range(len(self.index_to_word))]
            OnTheClass.word_to_index, OnTheClass.index_to_word = build_index(words)
            del self.word_to_index, self.index_to_word

    assert not assess("Vocabulary", OnTheClass).passed


def test_a_beam_search_that_returns_one_sentence():
    def one_sentence(model, source, *args, **kwargs):
        ids, scores = decoding.beam_search(model, source, *args, **kwargs)
        return ids[:1], scores[:1]

    assert not assess("beam_search", one_sentence).passed


# --- right answers that were refused --------------------------------------------------------------------------------


def in_single_precision(reference):
    def answer(*args, **kwargs):
        result = reference(*args, **kwargs)
        if isinstance(result, tuple):
            return tuple(part.astype(np.float32) for part in result)
        return result.astype(np.float32)

    return answer


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("positional_encoding_at", embeddings),
        ("positional_encoding", embeddings),
        ("softmax", single_head),
        ("row_statistics", add_norm),
        ("layer_norm", add_norm),
        ("feed_forward", feed_forward),
    ],
)
def test_float32_is_fine_where_the_text_says_nothing_of_a_dtype(name, module):
    for seed in range(3):
        assert assess(name, in_single_precision(getattr(module, name)), seed).passed
    assert not assess(
        name, lambda *args, **kwargs: in_single_precision(getattr(module, name))(*args, **kwargs) * 1.001
    ).passed


def test_float16_is_not():
    assert "dtype" in assess("softmax", lambda x, axis=-1: softmax(x, axis).astype(np.float16)).message


def test_an_array_serves_as_a_tuple_of_numbers():
    assert assess("self_attention_cost", lambda n, d: np.array([n * n * d, 1, 1])).passed
    assert assess("self_attention_cost", lambda n, d: torch.tensor([n * n * d, 1, 1])).passed
    assert not assess("self_attention_cost", lambda n, d: np.array([n * n * d, 1, 2])).passed
    assert not assess("self_attention_cost", lambda n, d: np.array([[n * n * d, 1, 1]])).passed


def test_a_float32_tensor_serves_as_a_number():
    def noam_rate(step, d_model, warmup):
        step = torch.tensor(float(step))
        return d_model**-0.5 * torch.minimum(step**-0.5, step * warmup**-1.5)

    assert assess("noam_rate", noam_rate).passed


@pytest.mark.parametrize("first", [True, False])
def test_a_shared_matrix_counts_once_whichever_layer_was_made_first(first):
    layer = "        self.output = nn.Linear(d_model, target_size, bias=False)\n"
    tied = "        self.output.weight = self.target_embedding.weight\n"
    place = "        self.source_embedding = " if first else "        self.position = "
    pairs = [(place, layer + place), ("        self.encoder = ", tied + "        self.encoder = ")]
    pairs.append(("F.linear(x, self.target_embedding.weight)", "self.output(x)"))
    assert assess("Transformer", changed(decoder.Transformer, *pairs)).passed
    untied = changed(decoder.Transformer, pairs[0], pairs[2])
    assert not assess("Transformer", untied).passed


def test_clipping_by_hand_needs_no_guard():
    clip = "torch.stack([p.grad.norm() for p in model.parameters()]).norm()"
    scale = "\n    for p in model.parameters():\n        p.grad *= min(1.0, clip / gradient_norm)"
    by_hand = changed(training.train_step, ("nn.utils.clip_grad_norm_(model.parameters(), clip)", clip + scale))
    assert assess("train_step", by_hand).passed


@pytest.mark.parametrize("name", ["TokenEmbedding", "LanguageModel", "Transformer"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_constructor_that_sets_a_seed_costs_the_start_values(name, seed):
    class Seeded(exercise(name).reference):
        def __init__(self, *args, **kwargs):
            torch.manual_seed(seed)
            super().__init__(*args, **kwargs)

    verdict = assess(name, Seeded)
    assert verdict.score == 1 - exercise(name).parts["start"]
    assert verdict.advice.startswith("Leave out `torch.manual_seed(...)`")
    assert "two objects of this class start with equal numbers; random ones differ" in verdict.message


# --- of every exercise with tensors ---------------------------------------------------------------------------------

INFERENCE = {"sampling_probabilities", "sentence_vectors", "repair_sentence_vectors", "repair_fit"}


def test_every_module_is_asked_in_both_modes():
    for asked in all_exercises():
        modes = {call.training for call in asked.calls() if isinstance(call, ModuleCall)}
        assert modes in (set(), {True, False}), asked.name


def _modules():
    return [asked.name for asked in all_exercises() if any(isinstance(call, ModuleCall) for call in asked.calls())]


@pytest.mark.parametrize("name", _modules())
def test_what_a_module_keeps_of_its_first_batch_shows_in_the_second(name):
    class Keeps(exercise(name).reference):
        def forward(self, *args, **kwargs):
            output = super().forward(*args, **kwargs)
            if self.__dict__.setdefault("first", args[0]) is args[0]:
                return output
            return (2 * output[0], *output[1:]) if isinstance(output, tuple) else 2 * output

    verdict = assess(name, Keeps)
    assert not verdict.passed and "\nthen (tensor" in dict(verdict.facts)["Call"]


def test_every_function_on_tensors_is_asked_for_gradients():
    for asked in all_exercises():
        calls = [call for call in asked.calls() if isinstance(call, FunctionCall) and _takes_a_tensor(call)]
        if calls and asked.name not in INFERENCE:
            assert any("input_gradients" in call.report for call in calls), asked.name


def _takes_a_tensor(call):
    values = [value for value in (*call.args, *call.kwargs.values()) if isinstance(value, TensorData)]
    return any(np.issubdtype(value.array.dtype, np.floating) for value in values)


@pytest.mark.parametrize("name", ["sees_future", "sees_padding", "uses_source"])
def test_every_threshold_that_the_text_allows_tells_the_models_apart(name, monkeypatch):
    """Healthy models move logits by less than 1e-5, broken ones by more than 1e-3."""
    asked = exercise(name)
    keys = [AnswerKey(asked, asked.calls(seed)) for seed in range(20)]
    for key in keys:
        key.prepare()
    for bound in (1e-5, 1e-3):
        monkeypatch.setattr(clinic, "MOVED", bound)
        for key in keys:
            verdict = judge(asked, key.calls, answer(asked.reference, key.calls), key)
            assert verdict.passed, verdict.message
