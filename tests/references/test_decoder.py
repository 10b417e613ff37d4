"""Lesson 7: the reference against independent paths."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from helpers.decoder import (
    Decoder,
    DecoderLayer,
    Transformer,
    causal_mask,
    decoder_mask,
    greedy_decode,
    mask_scores,
    padding_mask,
    teacher_forcing_pair,
)

batches = st.integers(1, 6).flatmap(
    lambda length: st.lists(st.lists(st.integers(0, 5), min_size=length, max_size=length), min_size=1, max_size=4)
).map(torch.tensor)  # fmt: skip


def small(seed=0, **options):
    torch.manual_seed(seed)
    settings = {"d_model": 12, "num_heads": 3, "num_layers": 2, "d_ff": 20} | options
    return Transformer(11, 9, **settings)


def sentences(seed, batch, length, size):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(1, size, (batch, length), generator=generator)


# --- masks ----------------------------------------------------------------------------------------------------------


@given(length=st.integers(1, 12))
def test_causal_mask_is_torch_s_turned_round(length):
    hidden = nn.Transformer.generate_square_subsequent_mask(length)  # -inf where a token may not look
    assert torch.equal(causal_mask(length), hidden == 0)


@settings(deadline=None)
@given(ids=batches, pad=st.integers(0, 5))
def test_masks_entry_by_entry(ids, pad):
    batch, length = ids.shape
    keys, both = padding_mask(ids, pad), decoder_mask(ids, pad)
    assert keys.shape == (batch, 1, length) and both.shape == (batch, length, length)
    assert keys.dtype == both.dtype == torch.bool
    for row in range(batch):
        for query in range(length):
            for key in range(length):
                real = ids[row, key].item() != pad
                assert keys[row, 0, key].item() == real
                assert both[row, query, key].item() == (real and key <= query)


def test_masked_scores_get_no_share():
    scores = torch.randn(2, 3, 4, 5)
    before, mask = scores.clone(), padding_mask(torch.tensor([[3, 0, 2, 4, 0], [1, 2, 0, 0, 0]])).unsqueeze(1)
    shares = mask_scores(scores, mask).softmax(dim=-1)
    assert torch.equal(scores, before)
    assert not shares.masked_select(~mask).any()
    assert torch.allclose(shares.sum(dim=-1), torch.ones(2, 3, 4))
    weights = F.scaled_dot_product_attention(scores, torch.eye(5).expand(2, 3, 5, 5), torch.eye(5), mask, scale=1.0)
    assert torch.allclose(weights, shares, atol=1e-6)


# --- layers against PyTorch's own -----------------------------------------------------------------------------------


def copy_attention(theirs, mine):
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([mine.query.weight, mine.key.weight, mine.value.weight]))
        theirs.out_proj.weight.copy_(mine.out.weight)
        theirs.in_proj_bias.zero_()
        theirs.out_proj.bias.zero_()


def copy_rest(theirs, mine, norms):
    with torch.no_grad():
        for number in range(1, norms + 1):
            norm = getattr(mine, f"add_norm_{number}").norm
            norm.gamma.normal_(1, 0.3)
            norm.beta.normal_(0, 0.3)
            getattr(theirs, f"norm{number}").weight.copy_(norm.gamma)
            getattr(theirs, f"norm{number}").bias.copy_(norm.beta)
        theirs.linear1.load_state_dict(mine.feed_forward.inner.state_dict())
        theirs.linear2.load_state_dict(mine.feed_forward.outer.state_dict())


def copy_decoder_layer(theirs, mine):
    copy_attention(theirs.self_attn, mine.self_attention)
    copy_attention(theirs.multihead_attn, mine.cross_attention)
    copy_rest(theirs, mine, 3)


def test_decoder_layer_is_torch_s():
    torch.manual_seed(1)
    mine, theirs = DecoderLayer(12, 3, 20), nn.TransformerDecoderLayer(12, 3, 20, batch_first=True)
    copy_decoder_layer(theirs, mine)
    x, memory = torch.randn(2, 5, 12), torch.randn(2, 7, 12)
    source = torch.tensor([[1, 2, 3, 4, 0, 0, 0], [1, 2, 3, 4, 5, 6, 7]])
    got = mine.eval()(x, memory, causal_mask(5), padding_mask(source))
    expected = theirs.eval()(x, memory, tgt_mask=~causal_mask(5), memory_key_padding_mask=source == 0)
    assert torch.allclose(got, expected, atol=1e-5)


def test_transformer_is_torch_s():
    mine = small(2).eval()
    theirs = nn.Transformer(12, 3, 2, 2, 20, batch_first=True).eval()
    theirs.encoder.norm = theirs.decoder.norm = None
    for one, other in zip(theirs.encoder.layers, mine.encoder.layers, strict=True):
        copy_attention(one.self_attn, other.attention)
        copy_rest(one, other, 2)
    for one, other in zip(theirs.decoder.layers, mine.decoder.layers, strict=True):
        copy_decoder_layer(one, other)
    source, target = sentences(3, 2, 6, 11), sentences(4, 2, 5, 9)
    source[0, 4:], target[1, 3:] = 0, 0
    with torch.no_grad():
        rows = theirs(
            mine.position(mine.source_embedding(source)),
            mine.position(mine.target_embedding(target)),
            tgt_mask=~causal_mask(5),
            src_key_padding_mask=source == 0,
            tgt_key_padding_mask=target == 0,
            memory_key_padding_mask=source == 0,
        )
        expected = rows @ mine.target_embedding.weight.T
        got = mine(source, target)
    assert torch.allclose(got[target != 0], expected[target != 0], atol=1e-5)


# --- properties of the whole model ----------------------------------------------------------------------------------


def test_no_word_sees_a_later_one():
    model = small(5).eval()
    source, target = sentences(6, 2, 6, 11), sentences(7, 2, 5, 9)
    before = model(source, target)
    for place in range(1, 5):
        changed = target.clone()
        changed[:, place] = changed[:, place] % 8 + 1
        after = model(source, changed)
        assert torch.equal(before[:, :place], after[:, :place])
        assert not torch.allclose(before[:, place:], after[:, place:])


def test_padding_and_other_sentences_change_nothing():
    model = small(8).eval()
    source, target = sentences(9, 3, 6, 11), sentences(10, 3, 5, 9)
    together = model(source, target)
    for row in range(3):
        longer = F.pad(source[row : row + 1], (0, 3)), F.pad(target[row : row + 1], (0, 2))
        assert torch.allclose(model(*longer)[0, :5], together[row], atol=1e-5)


def test_a_source_of_padding_alone_gives_finite_logits_and_gradients():
    model = small(11)
    source, target = sentences(12, 2, 6, 11), sentences(13, 2, 5, 9)
    source[1] = 0
    logits = model(source, target)
    logits.square().sum().backward()
    assert logits.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_start_values_and_tied_projection():
    model = small(14, d_model=48, num_heads=4, d_ff=96)
    names = [name for name, _ in model.named_parameters()]
    assert names[:2] == ["source_embedding.weight", "target_embedding.weight"]
    assert all(name.startswith(("source_embedding", "target_embedding", "encoder", "decoder")) for name in names)
    for part in (model.encoder, model.decoder):
        for parameter in part.parameters():
            if parameter.dim() > 1:
                bound = math.sqrt(6 / sum(parameter.shape))
                assert 0.95 * bound < parameter.abs().max() <= bound
    decoder = Decoder(3, 12, 3, 20)
    assert len({id(p) for p in decoder.parameters()}) == 3 * len(list(decoder.layers[0].parameters()))
    # the first loss is not far from a guess among all words
    source, target = sentences(15, 20, 6, 11), sentences(16, 20, 8, 9)
    x, labels = teacher_forcing_pair(target)
    assert abs(F.cross_entropy(model(source, x).flatten(0, 1), labels.flatten()) - math.log(9)) < 1.5


def test_all_dropout_is_the_model_s():
    for rate in (0.0, 0.3):
        layers = [module for module in small(17, dropout=rate).modules() if isinstance(module, nn.Dropout)]
        assert layers and all(layer.p == rate for layer in layers)


@given(ids=batches)
def test_the_label_of_a_place_is_the_next_word(ids):
    x, labels = teacher_forcing_pair(ids)
    assert x.shape == labels.shape == (len(ids), ids.shape[1] - 1)
    for row in range(len(ids)):
        assert [ids[row, 0].item(), *labels[row].tolist()] == [*x[row].tolist(), ids[row, -1].item()]


# --- decoding -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_greedy_decode_word_by_word(seed):
    model = small(seed).train()
    with torch.no_grad():
        model.target_embedding.weight.mul_(3)  # clear decisions
    source = sentences(seed + 50, 4, 6, 11)
    source[0, 3:] = 0
    with torch.no_grad():
        eos = model.eval()(source[:1], torch.tensor([[1]]))[0, 0].argsort()[-2].item()  # a word that does come up
        model.train()
        got = greedy_decode(model, source, eos=eos, max_length=7)
        assert model.training
        model.eval()
        rows = []
        for sentence in source:
            words = [1]
            while len(words) < 8 and (len(words) == 1 or words[-1] != eos):
                words.append(model(sentence[None], torch.tensor([words]))[0, -1].argmax().item())
            rows.append(words[1:])
    longest = max(map(len, rows))
    assert got.tolist() == [row + [0] * (longest - len(row)) for row in rows]
