"""Lesson 8: the reference against independent paths."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from autograde.harness.call import Fixture, FunctionCall
from autograde.harness.invoke import answer
from autograde.harness.plain import TensorData
from autograde.harness.wire import pack_answers, pack_calls, unpack_answers, unpack_calls
from helpers.decoder import Transformer
from helpers.training import (
    batches_by_tokens,
    evaluate,
    exact_match,
    label_smoothed_loss,
    model_flops_utilization,
    noam_rate,
    train_step,
    training_flops,
)


def small(seed=0, **options):
    torch.manual_seed(seed)
    return Transformer(
        11, 7, **({"d_model": 12, "num_heads": 3, "num_layers": 1, "d_ff": 20, "dropout": 0.0} | options)
    )


def batch(seed, rows=3, source_length=6, target_length=5):
    generator = torch.Generator().manual_seed(seed)
    source = torch.randint(3, 11, (rows, source_length), generator=generator)
    target = torch.randint(3, 7, (rows, target_length), generator=generator)
    source[:, 0], target[:, 0] = 1, 1
    target[0, -2:] = 0
    return source, target


# --- batches --------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(lengths=st.lists(st.integers(1, 30), max_size=120), room=st.integers(0, 200), seed=st.integers(0, 999))
def test_batches_hold_every_index_once_within_the_limit(lengths, room, seed):
    most = max(lengths, default=1) + room
    batches = batches_by_tokens(lengths, most, torch.Generator().manual_seed(seed))
    assert sorted(itertools.chain(*batches)) == list(range(len(lengths)))
    sizes = [[lengths[index] for index in one] for one in batches]
    assert all(one and max(one) * len(one) <= most for one in sizes)
    # as full as that allows: no batch could take the first sentence of the next one, too
    rising = sorted(sizes, key=lambda one: (max(one), min(one), -len(one)))
    assert all(min(after) * (len(one) + 1) > most for one, after in itertools.pairwise(rising))
    assert batches == batches_by_tokens(torch.tensor(lengths), most, torch.Generator().manual_seed(seed))


def test_little_padding_and_another_order_in_each_epoch():
    lengths = np.random.default_rng(0).gamma(4, 4, 3000).round().clip(2, 60).astype(int)
    generator = torch.Generator().manual_seed(1)
    first, second = (batches_by_tokens(lengths, 1000, generator) for _ in range(2))
    assert first != second
    padded = sum(max(lengths[index] for index in one) * len(one) for one in first)
    assert padded <= 1.2 * lengths.sum()
    assert padded >= 0.9 * 1000 * len(first)
    longest = np.array([max(lengths[index] for index in one) for one in first])
    assert abs(np.corrcoef(longest, np.arange(len(longest)))[0, 1]) < 0.5
    # without a generator the global random numbers decide
    torch.manual_seed(5)
    once = batches_by_tokens(lengths, 1000)
    torch.manual_seed(5)
    assert once == batches_by_tokens(lengths, 1000) != batches_by_tokens(lengths, 1000)


def test_a_sentence_that_is_too_long_is_named():
    with pytest.raises(ValueError, match="sentence 2 has 9 tokens"):
        batches_by_tokens([3, 8, 9, 2], 8)


# --- loss and learning rate -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.37])
@pytest.mark.parametrize("pad", [0, 3])
def test_loss_and_gradient_are_those_of_torch(smoothing, pad):
    torch.manual_seed(2)
    labels = torch.randint(1, 9, (4, 6))
    labels[0, 3:], labels[2, 1:] = pad, pad
    mine = torch.randn(4, 6, 9, dtype=torch.float64, requires_grad=True)
    theirs = mine.detach().clone().requires_grad_()
    loss = label_smoothed_loss(mine, labels, smoothing, pad)
    other = F.cross_entropy(theirs.flatten(0, 1), labels.flatten(), ignore_index=pad, label_smoothing=smoothing)
    assert torch.allclose(loss, other)
    loss.backward()
    other.backward()
    assert torch.allclose(mine.grad, theirs.grad)


def test_loss_skips_minus_infinity_at_padding():
    logits = torch.zeros(1, 2, 4)
    logits[0, 1] = -math.inf
    logits[0, 1, 0] = 0
    assert label_smoothed_loss(logits, torch.tensor([[2, 0]])).item() == pytest.approx(math.log(4))


def test_rate_is_that_of_a_scheduler():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    warmup, width = 7, 16
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, [lambda step: min(1 / math.sqrt(step + 1), (step + 1) / (warmup * math.sqrt(warmup))) / 4]
    )
    for step in range(1, 30):
        assert noam_rate(step, width, warmup) == pytest.approx(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    rates = [noam_rate(step, width, warmup) for step in range(1, 30)]
    assert max(range(1, 30), key=lambda step: rates[step - 1]) == warmup
    with pytest.raises(ZeroDivisionError):
        noam_rate(0, width, warmup)


# --- training and measuring -----------------------------------------------------------------------------------------


def test_a_step_is_the_gradient_s():
    """Against a plain loop: torch's own loss, its gradients by autograd, the update written out."""
    model, clone = small(3), small(3)
    source, target = batch(4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.1)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    got = train_step(model.eval(), (source, target), optimizer, scheduler, clip=0.05)
    loss = F.cross_entropy(
        clone(source, target[:, :-1]).flatten(0, 1), target[:, 1:].flatten(), ignore_index=0, label_smoothing=0.1
    )
    gradients = torch.autograd.grad(loss, list(clone.parameters()))
    norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    assert norm > 0.05
    for after, before, gradient in zip(model.parameters(), clone.parameters(), gradients, strict=True):
        assert torch.allclose(after, before - 0.5 * gradient * 0.05 / (norm + 1e-6), atol=1e-6)
    assert got["loss"].item() == pytest.approx(loss.item(), rel=1e-5)
    assert got["gradient_norm"].item() == pytest.approx(norm.item(), rel=1e-5)
    assert got["tokens"].item() == 10 and not got["loss"].requires_grad
    assert scheduler.get_last_lr() == [0.05] and model.training


def test_bfloat16_stays_near_and_leaves_the_weights_in_float32():
    results = {}
    for precision in ("fp32", "bf16"):
        model = small(5)
        results[precision] = train_step(
            model, batch(6), torch.optim.SGD(model.parameters(), lr=0.1), precision=precision
        )
        assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    one, other = (results[precision]["loss"] for precision in ("fp32", "bf16"))
    assert other.dtype == torch.float32 and one != other
    assert one.item() == pytest.approx(other.item(), rel=0.02)
    with pytest.raises(ValueError, match="fp16"):
        train_step(model, batch(6), torch.optim.SGD(model.parameters(), lr=0.1), precision="fp16")


def test_training_learns():
    model, data = small(7), [batch(seed) for seed in range(3)]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    before = evaluate(model, data)
    for _ in range(60):
        for one in data:
            train_step(model, one, optimizer)
    after = evaluate(model, data)
    assert after["loss"] < 0.3 * before["loss"] and after["accuracy"] > 0.8


@pytest.mark.parametrize("training", [True, False])
def test_evaluate_label_by_label(training):
    model = small(8, dropout=0.5).train(training)
    data = [batch(1), batch(2, 1, 4, 7), batch(3, 5, 3, 4)]
    got = evaluate(model, data)
    assert model.training == training
    losses, right = [], []
    for source, target in data:
        for row in range(len(source)):
            words = target[row][target[row] != 0]
            probabilities = model.eval()(source[row : row + 1], words[None, :-1])[0].softmax(dim=-1)
            losses += [-math.log(probabilities[place, word].item()) for place, word in enumerate(words[1:])]
            right += [probabilities[place].argmax() == word for place, word in enumerate(words[1:])]
    assert got["loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert got["perplexity"] == pytest.approx(math.exp(np.mean(losses)), rel=1e-5)
    assert got["accuracy"] == pytest.approx(np.mean(right))


def test_evaluate_without_smoothing_and_gradients():
    model, seen = small(9), []
    model.register_forward_hook(lambda module, inputs, output: seen.append(output.requires_grad))
    one = batch(1)
    expected = F.cross_entropy(
        model.eval()(one[0], one[1][:, :-1]).flatten(0, 1), one[1][:, 1:].flatten(), ignore_index=0
    )
    seen.clear()
    assert evaluate(model, [one])["loss"] == pytest.approx(expected.item(), rel=1e-5)
    assert seen == [False]


@given(
    st.lists(st.tuples(st.lists(st.integers(0, 2), max_size=3), st.lists(st.integers(0, 2), max_size=3)), min_size=1)
)
def test_exact_match_counts_equal_sequences(pairs):
    predictions, references = map(list, zip(*pairs, strict=True))
    assert exact_match(predictions, references) == np.mean([str(one) == str(other) for one, other in pairs])


def test_exact_match_wants_lists_of_equal_length():
    with pytest.raises(ValueError, match=r"shorter|longer"):
        exact_match(["a", "b"], ["a"])


# --- costs ------------------------------------------------------------------------------------------------------------


def test_costs():
    assert training_flops(65_000_000, 100_000) == 2 * 65_000_000 * 100_000 * 3
    assert model_flops_utilization(1_000_000, 65_000_000, 989e12) == pytest.approx(0.394, abs=1e-3)


# --- the engine's new questions -------------------------------------------------------------------------------------


def test_an_optimizer_gets_the_model_of_its_own_call_also_after_a_journey():
    tables = (np.ones((5, 3), np.float32), np.ones((6, 3), np.float32), np.ones((6, 3), np.float32))
    model = Fixture("table_translator", tables)
    call = FunctionCall((model, Fixture("sgd", (Fixture("argument", (0,)), 0.5))), report=("output", "args"))
    (call,) = unpack_calls(pack_calls([call]))

    def halve(model, optimizer):
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
        optimizer.step()

    (got,) = unpack_answers(pack_answers(answer(halve, [call])), 1)
    assert got.problem is None
    assert (got.value["args"]["0"]["parameters"]["mix"].array == 0.5).all() and got.value["args"]["1"] == {"rate": 0.5}


def test_gradients_of_a_function_s_inputs():
    call = FunctionCall((TensorData(np.array([3.0], np.float32)),), report=("output", "input_gradients"))
    (got,) = answer(lambda x: (x**2).sum(), [call])
    assert got.value["input_gradients"][0].array.tolist() == pytest.approx([6 * math.cos(1)])
    (got,) = answer(lambda x: (x**2).sum().item(), [call])
    assert got.problem.kind == "Unsuitable"
