"""The fast forward pass, the loss and the search of the trainer against the course's plain ones."""

from __future__ import annotations

import functools
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from helpers.decoder import Transformer, greedy_decode
from helpers.decoding import beam_search
from helpers.trainer import PARTS, Config, TrainingError, bleu, search
from helpers.trainer.data import Pairs, updates
from helpers.trainer.devices import device_context
from helpers.trainer.fast import FastLoss, PlainLoss, dropout, smoothed_loss_sum
from helpers.trainer.model import build_model, count_parameters, loss_module
from helpers.trainer.search import KeyValueDecoder, PrefixDecoder, decoder_for
from helpers.trainer.step import Stepper, learning_rate_at, make_optimizer
from helpers.training import label_smoothed_loss, noam_rate

SOURCE, TARGET = 30, 40  # sizes of the vocabularies
LEFT_OUT = [(), *((part,) for part in PARTS), PARTS]


def sentences(count: int, size: int, rng: random.Random, longest: int = 12):
    return [[1, *(rng.randrange(4, size) for _ in range(rng.randrange(1, longest))), 2] for _ in range(count)]


def make_pairs(count: int = 17, seed: int = 0) -> Pairs:
    rng = random.Random(seed)
    return Pairs(sentences(count, SOURCE, rng), sentences(count, TARGET, rng))


def make_model(without=(), seed: int = 0, **changes):
    config = Config.preset("small", d_model=24, num_heads=3, d_ff=50, dropout=0.0, without=without, **changes)
    torch.manual_seed(seed)
    return config, build_model(config, SOURCE, TARGET).double()


def gradients(model):
    return {name: part.grad.clone() for name, part in model.named_parameters() if part.grad is not None}


@pytest.mark.parametrize("without", LEFT_OUT, ids="+".join)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_fast_forward_has_the_loss_and_the_gradients_of_the_plain_model(without, smoothing):
    _, model = make_model(without)
    pairs, rows = make_pairs(), np.arange(17)
    batch, (source, target) = pairs.batch(rows), pairs.plain(rows)
    expected = label_smoothed_loss(model(source, target[:, :-1]), target[:, 1:], smoothing) * batch.tokens
    expected.backward()
    wanted = gradients(model)
    for wrapper in (FastLoss, PlainLoss):
        model.zero_grad()
        loss = wrapper(model, smoothing)(*batch.parts)
        loss.backward()
        assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
        assert gradients(model).keys() == wanted.keys()
        for name, gradient in gradients(model).items():
            # PlainLoss takes its loss in float32, as under autocast
            tolerance = 1e-10 if wrapper is FastLoss else 1e-4
            torch.testing.assert_close(gradient, wanted[name], rtol=tolerance, atol=tolerance)


def test_a_batch_without_padding_needs_no_mask_and_gives_the_same():
    _, model = make_model()
    ids = [[1, 5, 6, 7, 2]] * 3
    batch = Pairs(ids, ids).batch(np.arange(3))
    assert batch.keep is None
    masked = FastLoss(model, 0.1)(batch.source, torch.ones(3, 5, dtype=torch.bool), *batch.parts[2:])
    torch.testing.assert_close(FastLoss(model, 0.1)(*batch.parts), masked)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("upstream", [1.0, 0.25])
def test_the_loss_of_the_projection_is_cross_entropy(smoothing, upstream):
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(11, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(9, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(0, 9, (11,), generator=generator)
    ours = smoothed_loss_sum(rows, weight, labels, smoothing)
    theirs = F.cross_entropy(F.linear(rows, weight), labels, label_smoothing=smoothing, reduction="sum")
    torch.testing.assert_close(ours, theirs)
    got = torch.autograd.grad(ours * upstream, (rows, weight))
    for mine, other in zip(got, torch.autograd.grad(theirs * upstream, (rows, weight)), strict=True):
        torch.testing.assert_close(mine, other)
    with torch.no_grad():
        torch.testing.assert_close(smoothed_loss_sum(rows.float(), weight.float(), labels, smoothing), theirs.float())


@pytest.mark.parametrize("autocast", [False, True], ids=["joint", "library"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_rows_that_are_no_words_change_neither_the_loss_nor_the_gradients(autocast, smoothing):
    """9 words, padded to 12 or 64 rows: as if the rows were not there. All logits of words are below 0, so that a row
    of zeros would be the most probable one."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.rand(11, 6, generator=generator, requires_grad=True)
    weight = (-torch.rand(9, 6, generator=generator)).requires_grad_()
    labels = torch.randint(0, 9, (11,), generator=generator)
    results = []
    for multiple in (1, 9, 4, 64):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            loss = smoothed_loss_sum(rows, weight, labels, smoothing, multiple)
        results.append((loss.detach(), *torch.autograd.grad(loss, (rows, weight))))
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            torch.testing.assert_close(smoothed_loss_sum(rows, weight, labels, smoothing, multiple), loss.detach())
    for other in results[1:]:
        for wanted, got in zip(results[0], other, strict=True):
            torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize("multiple, rows", [(1, 40), (64, 64), (7, 42)])
def test_the_product_has_the_rows_that_the_config_asks_for_and_the_model_does_not(multiple, rows, monkeypatch):
    config, model = make_model(vocabulary_multiple=multiple)
    assert len(model.target_embedding.weight) == TARGET
    seen = []
    matmul = torch.Tensor.matmul
    monkeypatch.setattr(torch.Tensor, "__matmul__", lambda a, b: seen.append(tuple(b.shape)) or matmul(a, b))
    loss_module(model, config)(*make_pairs().batch(np.arange(17)).parts)
    assert seen == [(24, rows)]


def test_dropout_is_dropout():
    torch.manual_seed(0)
    x = torch.ones(400, 401, requires_grad=True)  # not a multiple of four
    module = torch.nn.Dropout(0.3)
    dropped = dropout(module, x)
    zero = (dropped == 0).float()
    assert zero.mean().item() == pytest.approx(0.3, abs=0.01)
    assert zero.mean(0).std().item() == pytest.approx((0.21 / 400) ** 0.5, rel=0.15), "each value for itself"
    torch.testing.assert_close(
        dropped[dropped != 0], torch.full_like(dropped[dropped != 0], 1 / 0.7), rtol=1e-4, atol=0
    )
    dropped.sum().backward()
    assert torch.equal(x.grad, dropped.detach())
    assert not torch.equal(dropout(module, x), dropped)
    assert dropout(module.eval(), x) is x


@pytest.mark.parametrize("p, kept", [(1e-300, 1), (1e-6, 1), (1 - 1e-12, 0)])
def test_a_dropout_next_to_none_or_all_is_that(p, kept):
    torch.manual_seed(0)
    assert (dropout(torch.nn.Dropout(p), torch.ones(1000)) != 0).float().mean() == pytest.approx(kept, abs=0.01)


def test_a_learners_own_class_is_computed_as_it_is_written():
    class Mine(Transformer):
        def forward(self, source, target_input):
            return super().forward(source, target_input) * 2

    config, _ = make_model()
    model = build_model(config, SOURCE, TARGET, Mine)
    assert type(loss_module(model, config)) is PlainLoss
    assert type(decoder_for(model)) is PrefixDecoder
    plain = build_model(config, SOURCE, TARGET)
    assert type(loss_module(plain, config)) is FastLoss
    assert type(loss_module(plain, config.change(fast=False))) is PlainLoss
    assert plain.state_dict().keys() == Transformer(SOURCE, TARGET, 24, 3, 2, 50).state_dict().keys()


def test_parts_left_out_are_gone():
    rows = np.arange(5)
    source, target = make_pairs().plain(rows)
    other = target.clone()
    other[:, -2] = torch.where(other[:, -2] > 3, 43 - other[:, -2], other[:, -2])  # another word near the end
    swapped = source[:, [0, 2, 1, *range(3, source.shape[1])]]

    def output(without, source=source, target=target):
        _, model = make_model(without)
        with torch.no_grad():
            return model.eval()(source, target[:, :-1])

    def same(first, second):
        return torch.allclose(first, second, atol=1e-9)

    assert not same(output(()), output((), swapped)), "the words' order counts"
    assert same(output(("positions",)), output(("positions",), swapped))
    assert not same(output(()), output((), source.flip(0)))
    assert same(output(("cross",)), output(("cross",), source.flip(0)))
    assert same(output(())[:, 0], output((), target=other)[:, 0]), "nothing later is seen"
    assert not same(output(("causal",))[:, 0], output(("causal",), target=other)[:, 0])
    _, model = make_model(("residuals",))
    x = torch.randn(2, 3, 24, dtype=torch.float64)
    block = model.encoder.layers[0].add_norm_1
    assert same(block(x, 2 * x), block(3 * x, 2 * x))


@pytest.mark.parametrize("without", LEFT_OUT[:-1], ids="+".join)
@pytest.mark.parametrize("seed", range(3))
def test_the_search_is_that_of_the_course(without, seed):
    _, model = make_model(without, seed)
    words = model.target_embedding.weight.data
    for parameter in model.parameters():
        parameter.data *= 1.5  # a clear best word
    model.decoder.layers[-1].add_norm_3.norm.beta.data += 3 * words[2] / words[2].norm()  # <eos> is often that
    model.train()
    source, _ = make_pairs(20, seed).plain(np.arange(20))
    greedy = greedy_decode(model, source, max_length=14)
    ids, _ = search(model, source, max_length=14)
    assert torch.equal(ids, greedy)
    lengths = {int((row != 0).sum()) for row in greedy}
    assert "cross" in without or len(lengths) > 1, "sentences of several lengths"
    for beam, penalty in ((2, 0.6), (4, 2.0)):  # with 2.0 it matters when the search ends: longer ones win
        ids, scores = search(model, source, beam, penalty, max_length=14)
        for row, one in enumerate(source):
            wanted, wanted_scores = beam_search(model, one[one != 0].unsqueeze(0), beam, penalty, max_length=14)
            assert ids[row][ids[row] != 0].tolist() == wanted[0][wanted[0] != 0].tolist()
            assert scores[row].item() == pytest.approx(wanted_scores[0].item(), abs=1e-5)
    assert model.training


def test_both_decoders_give_the_same_logits_for_beams_that_change_places():
    _, model = make_model()
    model.eval()
    source, _ = make_pairs(4).plain(np.arange(4))
    first, second = KeyValueDecoder(model), PrefixDecoder(model)
    with torch.no_grad():
        for decoder in (first, second):
            decoder.start(source)
        words = torch.full((4, 3), 1)
        for step in range(4):
            torch.testing.assert_close(first.step(words), second.step(words))
            kept = torch.tensor([0, 1, 3]) if step == 1 else torch.arange(len(words))
            parents = torch.tensor([[2, 0, 0]]).expand(len(kept), 3)
            for decoder in (first, second):
                decoder.keep(kept, parents)
            words = torch.randint(4, TARGET, (len(kept), 3), generator=torch.Generator().manual_seed(step))


def test_shared_embeddings_are_one_table():
    config = Config.preset("small", tokens="bpe", share_embeddings=True)
    apart = Config.preset("small", tokens="bpe")
    saved = count_parameters(build_model(apart, 50, 50)) - count_parameters(build_model(config, 50, 50))
    assert saved == 50 * config.d_model


def test_the_learning_rate_follows_its_schedule():
    noam = Config.preset("base")
    assert learning_rate_at(noam, 123, 0.5) == pytest.approx(noam_rate(123, 512, 4000))
    cycle = Config.preset("small", learning_rate=1.0, warmup=10, schedule="one-cycle")
    assert [learning_rate_at(cycle, 5, 0.0), learning_rate_at(cycle, 10, 0.0)] == [0.5, 1.0]
    assert learning_rate_at(cycle, 99, 0.5) == pytest.approx(0.5)
    assert learning_rate_at(cycle, 99, 1.0) == pytest.approx(0)
    assert learning_rate_at(cycle.change(schedule="linear"), 99, 0.75) == pytest.approx(0.25)
    assert learning_rate_at(cycle.change(schedule="constant"), 99, 0.75) == 1.0
    assert learning_rate_at(cycle.change(warmup=1000, schedule="constant"), 5, 0.3) == pytest.approx(0.9), (
        "a third at most"
    )


def test_weight_decay_leaves_vectors_alone():
    config, model = make_model(weight_decay=0.1)
    optimizer = make_optimizer(config, model, torch.device("cpu"))
    decay = {group["weight_decay"]: {part.dim() for part in group["params"]} for group in optimizer.param_groups}
    assert decay == {0.1: {2}, 0.0: {1}}
    assert optimizer.param_groups[0]["betas"] == (0.9, 0.98)


@pytest.mark.parametrize("batching", ["tokens", "fixed"])
def test_an_epoch_has_every_pair_once_and_full_batches_of_similar_lengths(batching):
    config = Config.preset("small", max_tokens=200, batch_size=16, batching=batching)
    pairs = make_pairs(500)
    plan = pairs.plan(config, 3)
    assert sorted(np.concatenate(plan).tolist()) == list(range(500))
    assert [rows.tolist() for rows in plan] == [rows.tolist() for rows in pairs.plan(config, 3)]
    assert [rows.tolist() for rows in plan] != [rows.tolist() for rows in pairs.plan(config, 4)]
    padded = real = 0
    for rows in plan:
        source, target = pairs.plain(rows)
        padded, real = padded + source.numel() + target.numel(), real + int((source != 0).sum() + (target != 0).sum())
        if batching == "tokens":
            assert max(source.shape[1], target.shape[1]) * len(rows) <= 200
    assert (padded / real < 1.2) == (batching == "tokens")


def test_a_sentence_that_fits_in_no_batch_says_so():
    with pytest.raises(TrainingError, match="raise max_tokens or lower max_length"):
        make_pairs().plan(Config.preset("small", max_tokens=5), 0)


def test_bleu_has_a_signature_and_counts_case():
    reference = ["A dog runs over the green grass .", "Two men sit ."]
    assert bleu(reference, reference)["bleu"] == 100
    lower = [text.lower() for text in reference]
    assert bleu(lower, reference)["bleu"] < 100
    assert bleu(lower, reference, lowercase=True)["bleu"] == 100
    assert "tok:13a" in bleu(reference, reference)["signature"]
    assert "tok:none" in bleu(lower, lower, tokenize="none")["signature"]


# --- compiled ---------------------------------------------------------------------------------------------------------


def fails_forward(graph, inputs):
    raise RuntimeError("Failed to find C compiler.\nPlease set CC.")


def fails_backward(graph, inputs):
    """Gradients of this graph cannot be computed: its outputs know nothing of the weights."""
    return lambda *values: [value.detach() for value in graph(*values)]


@pytest.fixture
def stepper(monkeypatch):
    """stepper(backend, **changes): one that compiles with this backend, on the CPU."""

    def make(backend, **changes):
        config = Config.preset("small", d_model=24, num_heads=3, d_ff=50, num_layers=1, dropout=0.0, **changes)
        torch.manual_seed(0)
        monkeypatch.setattr(torch, "compile", functools.partial(real, backend=backend))
        return Stepper(config, build_model(config, SOURCE, TARGET), replace(device_context(config), compile=True))

    real = torch.compile
    yield make
    torch.compiler.reset()


def one_update(config):
    return next(updates(config, make_pairs(), device_context(config)))


@pytest.mark.parametrize("backend", [fails_forward, fails_backward])
def test_where_nothing_compiles_the_run_goes_on_without(stepper, backend):
    broken, plain = stepper(backend, device="cpu"), stepper("eager", device="cpu")
    update = one_update(plain.config)
    with pytest.warns(UserWarning, match="torch.compile fails here .* goes on without it"):
        loss, norm = broken.step(update, 1e-3)
    expected, expected_norm = plain.step(update, 1e-3)
    assert plain.context.compile and not broken.context.compile, "the card says what it was"
    torch.testing.assert_close((loss, norm), (expected, expected_norm))
    for (name, one), other in zip(broken.model.named_parameters(), plain.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, msg=name)
    broken.step(update, 1e-3)  # without a second warning


def test_who_asks_for_compiling_is_told_that_it_fails(stepper):
    broken = stepper(fails_forward, device="cpu", compile="on")
    with pytest.raises(TrainingError, match=r"\(.*Failed to find C compiler\)\. Set compile to off"):
        broken.step(one_update(broken.config), 1e-3)


def test_an_error_of_the_model_is_not_blamed_on_compiling(stepper):
    broken = stepper("eager", device="cpu")
    broken.model.decoder.layers[0].add_norm_1 = None
    with pytest.raises(AttributeError):
        broken.step(one_update(broken.config), 1e-3)
