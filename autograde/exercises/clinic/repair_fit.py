"""repair_fit: the loss does not move."""

import copy

import numpy as np
import torch
from torch.nn import functional as F

from autograde.exercise import Exercise
from autograde.exercises.clinic.common import ids
from autograde.exercises.inputs import random_tensor, tensor
from autograde.harness.call import Fixture, FunctionCall
from autograde.harness.plain import TensorData
from helpers.clinic import repair_fit


def _labels(rng, n, words):
    """Every word is somebody's label, in a random order."""
    return ids(rng.permutation(np.arange(n) % words))


def calls(rng):
    def model(words, width, bias=True):
        weight = (rng.normal(size=(words, width)) * 0.5).astype(np.float32)
        return Fixture("linear", (weight, (rng.normal(size=words) * 0.5).astype(np.float32)) if bias else (weight,))

    report = ("output", "args")
    return [
        FunctionCall(
            (
                Fixture("linear", (np.zeros((2, 3), np.float32),)),
                tensor([[1, 0, 2], [0, 1, 0], [1, 1, 0], [0, 0, 0]]),
                ids([0, 1, 0, 1]),
                2,
                0.5,
            ),
            report=report,
            note="by hand: all weights are 0, so both words get 1/2 and the first loss is log 2 = 0.693",
        ),
        FunctionCall((model(5, 4), random_tensor(rng, 7, 4), _labels(rng, 7, 5), 6, 0.3), report=report),
        FunctionCall((model(3, 6, bias=False), random_tensor(rng, 8, 6), _labels(rng, 8, 3), 4, 0.1), report=report),
        FunctionCall(
            (model(4, 3), random_tensor(rng, 1, 3), ids([1]), 2, 0.2), report=report, note="one example; its label is 1"
        ),
        FunctionCall(
            (model(3, 2), random_tensor(rng, 5, 2), _labels(rng, 5, 3), 4, 1e-7),
            report=report,
            note="the rate is so small that the loss hardly moves",
        ),
    ]


def projection(call, value):
    """The losses as float32: they are a list of numbers, or of tensors with one number each."""
    losses = value["output"].array if isinstance(value["output"], TensorData) else value["output"]
    losses = np.array([getattr(loss, "array", loss) for loss in losses], dtype=np.float32)
    return {"losses": losses, "weights after": value["args"]["0"]["parameters"]}


EXERCISE = Exercise(
    name="repair_fit",
    title="the loss does not move",
    points=2,
    minutes=7,
    extra=True,
    hints=(
        "Follow the path from the loss back to the weights. Is there a place where a tensor that knows how it was "
        "computed becomes a plain number? What does `model.weight.grad` hold after `backward()`?",
        "Pick the numbers out of `log_probabilities` by indexing with two tensors, the row numbers (`torch.arange`) "
        "and the labels. Use neither `.item()` nor `torch.tensor` before `backward`.",
    ),
    reference=repair_fit,
    make_calls=calls,
    projection=projection,
)


@EXERCISE.wrong(
    "no gradient at the step",
    "The weights never change, so all losses are the same: the optimizer finds no gradient, or makes no step. `.item()`, "
    "`.detach()` and `torch.tensor(...)` give numbers without a history, also with `requires_grad=True`: index the tensor "
    "instead. The order is `zero_grad`, `backward`, `step`.",
)
def broken(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        log_probabilities = torch.log_softmax(model(inputs), dim=-1)
        picked = [row[label].item() for row, label in zip(log_probabilities, labels)]
        loss = -torch.tensor(picked, requires_grad=True).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def _trained(steps, optimizer, loss_of):
    """The losses of these steps, each taken before its update."""
    losses = []
    for _ in range(steps):
        loss = loss_of()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def _log_probability(model, inputs, labels):
    return torch.log_softmax(model(inputs), dim=-1)[torch.arange(len(labels)), labels]


@EXERCISE.wrong(
    "gradients add up",
    "The first step is right, the later ones are too large: `backward` adds to the gradients that are there. "
    "Keep `optimizer.zero_grad()` before `backward()`.",
)
def gradients_add_up(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = -_log_probability(model, inputs, labels).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@EXERCISE.wrong(
    "minus sign lost",
    "The loss is negative, and training lowers the probability of the right words. The loss is *minus* the "
    "mean logarithm.",
)
def minus_lost(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    return _trained(steps, optimizer, lambda: _log_probability(model, inputs, labels).mean())


@EXERCISE.wrong(
    "sum in place of the mean",
    "The losses are added up over the rows. Take the mean, so that loss and step do not grow with the batch.",
)
def summed(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    return _trained(steps, optimizer, lambda: -_log_probability(model, inputs, labels).sum())


@EXERCISE.wrong(
    "loss taken after the update",
    "The weights are right, but the list begins one step late. Record the loss that `backward` was called on.",
)
def loss_after_the_step(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
        losses.append(F.cross_entropy(model(inputs), labels).item())
    return losses


@EXERCISE.wrong(
    "step before backward",
    "Every update comes one step late, so the first two losses are the same. `optimizer.step()` belongs after "
    "`loss.backward()`.",
)
def step_too_early(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(model(inputs), labels)
        optimizer.step()
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
    return losses


@EXERCISE.wrong(
    "a copy is trained",
    "The losses are right, but the model that was handed in is as before: a copy was trained. Train `model` itself.",
)
def a_copy(model, inputs, labels, steps, rate):
    return with_cross_entropy(copy.deepcopy(model), inputs, labels, steps, rate)


@EXERCISE.wrong(
    "another optimizer",
    "The steps are those of Adam. Use plain gradient descent: `torch.optim.SGD`, as in the broken code.",
)
def adam(model, inputs, labels, steps, rate):
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    return _trained(steps, optimizer, lambda: F.cross_entropy(model(inputs), labels))


@EXERCISE.wrong("softmax twice", "The softmax is taken twice. The loss needs the logits, not probabilities.")
def softmax_twice(model, inputs, labels, steps, rate):
    return with_cross_entropy(model, inputs, labels, steps, rate, output=lambda logits: logits.softmax(dim=-1))


@EXERCISE.wrong(
    "probability without its logarithm",
    "The mean probability of the labels is trained here. The cross-entropy takes its logarithm first.",
)
def probability(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    return _trained(steps, optimizer, lambda: -_log_probability(model, inputs, labels).exp().mean())


@EXERCISE.wrong(
    "largest word in place of the label",
    "The model is rewarded for its own favourite word: `labels` is not used. Pick the column that the label names.",
)
def largest_word(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    return _trained(steps, optimizer, lambda: -torch.log_softmax(model(inputs), dim=-1).max(dim=-1).values.mean())


@EXERCISE.wrong(
    "every label for every row",
    "`[:, labels]` picks the columns of all labels in every row. Each row has its own label: index with two tensors, the row "
    "numbers and the labels.",
)
def all_labels(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    return _trained(steps, optimizer, lambda: -torch.log_softmax(model(inputs), dim=-1)[:, labels].mean())


@EXERCISE.wrong(
    "momentum added",
    "The first step is right, and each later one carries on those before it: the optimizer has momentum. Use "
    "plain gradient descent, as in the broken code.",
)
def with_momentum(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    return _trained(steps, optimizer, lambda: F.cross_entropy(model(inputs), labels))


@EXERCISE.wrong(
    "softmax over the examples",
    "The shares are taken over the examples. An example chooses among the words: the last axis, `dim=-1`.",
)
def over_the_examples(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    return _trained(
        steps, optimizer, lambda: -torch.log_softmax(model(inputs), dim=0)[torch.arange(len(labels)), labels].mean()
    )


@EXERCISE.wrong(
    "a step for each example",
    "The weights change after each example, so the losses of one round belong to different weights. Make one step in each "
    "round, with the mean of all losses.",
)
def one_by_one(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        total = 0.0
        for row, label in zip(inputs, labels, strict=True):
            loss = F.cross_entropy(model(row), label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total / len(labels))
    return losses


@EXERCISE.variant
def with_cross_entropy(model, inputs, labels, steps, rate, output=lambda logits: logits):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(output(model(inputs)), labels)
        losses.append(float(loss))
        loss.backward()
        optimizer.step()
    return losses


@EXERCISE.variant
def stacked_rows(model, inputs, labels, steps, rate):
    losses = []
    for _ in range(steps):
        optimizer = torch.optim.SGD(model.parameters(), lr=rate)
        log_probabilities = torch.log_softmax(model(inputs), dim=-1)
        picked = torch.stack([row[label] for row, label in zip(log_probabilities, labels, strict=True)])
        loss = -picked.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss)
    return losses


@EXERCISE.variant
def by_hand(model, inputs, labels, steps, rate):
    losses = []
    for _ in range(steps):
        loss = F.nll_loss(model(inputs).log_softmax(dim=1), labels)
        parameters = list(model.parameters())
        with torch.no_grad():
            for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                parameter -= rate * gradient
        losses += [loss.detach()]
    return losses


@EXERCISE.variant
def one_hot(model, inputs, labels, steps, rate):
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=rate), torch.zeros(steps)
    for step in range(steps):
        logits = model(inputs)
        wanted = F.one_hot(labels, logits.shape[1])
        loss = (logits.logsumexp(dim=1) - (wanted * logits).sum(dim=1)).sum() / len(labels)
        model.zero_grad(set_to_none=False)
        loss.backward()
        optimizer.step()
        losses[step] = loss.detach()
    return losses.tolist()
