"""Lesson 7, the debugging clinic: the loss does not move."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.clinic.inputs import floats, ids, normal_values
from autograde.exercises.mistakes.clinic import fit as code
from autograde.harness.call import Call, Fixture
from autograde.harness.plain import TensorData
from helpers.clinic import repair_fit

LESSON = "07_decoder"


def _labels(rng, n, words):
    """Every word is somebody's label, in a random order."""
    return ids(rng.permutation(np.arange(n) % words))


def _fit_calls(rng):
    def model(words, width, bias=True):
        weight = (rng.normal(size=(words, width)) * 0.5).astype(np.float32)
        return Fixture("linear", (weight, (rng.normal(size=words) * 0.5).astype(np.float32)) if bias else (weight,))

    report = ("output", "args")
    return [
        Call(
            (
                Fixture("linear", (np.zeros((2, 3), np.float32),)),
                floats([[1, 0, 2], [0, 1, 0], [1, 1, 0], [0, 0, 0]]),
                ids([0, 1, 0, 1]),
                2,
                0.5,
            ),
            report=report,
            note="by hand: all weights are 0, so both words get 1/2 and the first loss is log 2 = 0.693",
        ),
        Call((model(5, 4), normal_values(rng, 7, 4), _labels(rng, 7, 5), 6, 0.3), report=report),
        Call((model(3, 6, bias=False), normal_values(rng, 8, 6), _labels(rng, 8, 3), 4, 0.1), report=report),
    ]


def _fit_view(call, value):
    """The losses as float32: they are a list of numbers, or of tensors with one number each."""
    losses = value["output"].array if isinstance(value["output"], TensorData) else value["output"]
    losses = np.array([getattr(loss, "array", loss) for loss in losses], dtype=np.float32)
    return {"losses": losses, "weights after": value["args"]["0"]["parameters"]}


FIT = Exercise(
    name="repair_fit",
    lesson=LESSON,
    title="the loss does not move",
    points=2,
    minutes=5,
    extra=True,
    hints=(
        "Follow the way from the loss back to the weights. Is there a place where a tensor that knows how it was "
        "computed becomes a plain number? What does `model.weight.grad` hold after `backward()`?",
        "Pick the numbers out of `log_probabilities` by indexing with two tensors, the row numbers "
        "(`torch.arange`) and the labels. No `.item()` and no `torch.tensor` before `backward`.",
    ),
    reference=repair_fit,
    make_calls=_fit_calls,
    projection=_fit_view,
    misconceptions=(
        Misconception(
            "gradient cut off",
            code.fit_broken,
            "The weights never change, so all losses are the same. `.item()`, `.detach()` and `torch.tensor(...)` give "
            "numbers without a history, and `requires_grad=True` does not bring it back: index the tensor instead. The "
            "order is `zero_grad`, `backward`, `step`.",
        ),
        Misconception(
            "gradients add up",
            code.fit_gradients_add_up,
            "The first step is right, the later ones are too large: `backward` adds to the gradients that are there. "
            "Keep `optimizer.zero_grad()` before `backward()`.",
        ),
        Misconception(
            "minus sign lost",
            code.fit_minus_lost,
            "The loss is negative, and training lowers the probability of the right words. The loss is *minus* the "
            "mean logarithm.",
        ),
        Misconception(
            "sum in place of the mean",
            code.fit_sum,
            "The losses are added up over the rows. Take the mean, so that loss and step do not grow with the batch.",
        ),
        Misconception(
            "loss taken after the update",
            code.fit_loss_after_the_step,
            "The weights are right, the list begins one step late. Record the loss that `backward` was called on.",
        ),
        Misconception(
            "step before backward",
            code.fit_step_too_early,
            "Every update comes one step late, so the first two losses are the same. `optimizer.step()` stands after "
            "`loss.backward()`.",
        ),
        Misconception(
            "a copy is trained",
            code.fit_a_copy,
            "The losses are right, but the model that was handed in is as before: a copy was trained. Train `model` "
            "itself.",
        ),
        Misconception(
            "another optimizer",
            code.fit_adam,
            "The steps are those of Adam. Plain gradient descent is asked for: `torch.optim.SGD`, as in the broken code.",
        ),
        Misconception(
            "softmax twice",
            code.fit_softmax_twice,
            "`F.cross_entropy` contains the softmax. Give it the logits, not probabilities.",
        ),
        Misconception(
            "probability without its logarithm",
            code.fit_probability,
            "The mean probability of the labels is trained here. The cross-entropy takes its logarithm first.",
        ),
        Misconception(
            "largest word in place of the label",
            code.fit_largest_word,
            "The model is rewarded for its own favourite word: `labels` is not used. Pick the column that the label "
            "names.",
        ),
    ),
    variants=(code.fit_cross_entropy, code.fit_stacked_rows, code.fit_by_hand, code.fit_one_hot),
)

EXERCISES = (FIT,)
