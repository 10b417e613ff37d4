"""uses_source: does the source make a difference?"""

import copy

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.exercises.clinic.common import SOURCE, TARGET, found, sealed, sentences
from helpers.clinic import uses_source


def calls(rng):
    return [
        sealed(rng, note="a healthy model"),
        sealed(rng, "ignores the source", note="this model ignores the source"),
        sealed(rng, "little of the source", 0.02, note="the source has little influence, but it has some"),
        sealed(rng, "order ignored", part="one word", note="the words are used, and their order is not"),
        sealed(rng, "second word of the source", part="one word", note="one word of the source is used"),
        sealed(rng, "places of the source", part="one word", note="this model sees where padding is, and no word"),
        sealed(rng, "next word", part="one word", note="this model sees the future, and the source"),
        sealed(rng, "last sentence of the source", part="one word", note="only the last sentence's source is used"),
        sealed(rng, "first sentence of the source", part="one word", note="only the first sentence's source is used"),
        sealed(rng, part="one word", ids=single(rng), note="a healthy model, and a batch of one sentence"),
        sealed(rng, part="one word", ids=equal_words(rng), note="a healthy model, and a source of equal words"),
        sealed(rng, "source at one place", 0.5, part="one word", note="the source counts at one place of one sentence"),
        sealed(rng, "source at one place", 0.0025, part="one word", ids=(sentences(rng, SOURCE - 1, 3, 5), sentences(rng, TARGET - 1, 3, 30)), note="the source has little influence, and at one place of 30"),
        sealed(rng, "little of the source", 6e-7, part="one word", note="the logits move by no more than rounding"),
        sealed(rng, "ignores the source", training=True, part="left as found", note="the same in training mode, with dropout"),
        sealed(rng, stale=0.5, part="left as found", note="healthy; the model has gradients"),
        sealed(rng, training=True, part="left as found", note="healthy, in training mode"),
    ]  # fmt: skip


def single(rng):
    """Source and target of one sentence."""
    return sentences(rng, SOURCE - 1, 1, 5), sentences(rng, TARGET - 1, 1, 5)


def equal_words(rng):
    """A source that is one word again and again."""
    return np.full((1, 5), 4), sentences(rng, TARGET - 1, 1, 5)


EXERCISE = Exercise(
    name="uses_source",
    title="does the source make a difference?",
    points=2,
    minutes=6,
    hints=(
        "Put other words into the places of the source, and compare the logits. What does it mean if none of them moves?",
        "`source % source.max() + 1` gives another word for each id from 1 on; `torch.where(source == 0, 0, ...)` leaves "
        "padding where it is. The source is used if any logit moves by more than the threshold.",
    ),
    reference=uses_source,
    make_calls=calls,
    parts={"result": 0.6, "one word": 0.2, "left as found": 0.2},
    projection=found,
)


def _ask(
    model,
    source,
    target_input,
    *,
    other=lambda source: torch.where(source == 0, 0, source % source.max() + 1),
    moves=lambda moved: (moved.abs() > 1e-4).any(),
    restore=True,
    evaluate=True,
):
    training = model.training
    if evaluate:
        model.eval()
    with torch.no_grad():
        answer = bool(moves(model(other(source), target_input) - model(source, target_input)))
    if restore:
        model.train(training)
    return answer


@EXERCISE.wrong(
    "all logits have to move",
    "Every logit has to move here, and some don't in a model that uses its source. Ask whether *any* of them does.",
    only=r"\ball\(|\bmin\(",
)
def every_logit(model, source, target_input):
    return _ask(model, source, target_input, moves=lambda moved: (moved.abs() > 1e-4).all())


@EXERCISE.wrong(
    "words in another order",
    "The words are the same in another order, and a model may not care about the order. Put other words there.",
)
def another_order(model, source, target_input):
    return _ask(model, source, target_input, other=lambda source: source.flip(1))


@EXERCISE.wrong(
    "sentences in another order",
    "The sentences of the batch are exchanged: in a batch of one nothing changes. Put other words into each of them.",
)
def other_rows(model, source, target_input):
    return _ask(model, source, target_input, other=lambda source: source.flip(0))


@EXERCISE.wrong(
    "only the last word changed",
    "Only one word of the source is changed, and a model may use another. Change all words.",
)
def only_the_last(model, source, target_input):
    def other(source):
        source = source.clone()
        source[:, -1] = source[:, -1] % source.max() + 1
        return source

    return _ask(model, source, target_input, other=other)


@EXERCISE.wrong(
    "the mean of the differences compared",
    "A mean makes the difference at a single place small. Ask whether *any* absolute difference is above the threshold.",
    only="mean",
)
def the_mean(model, source, target_input):
    return _ask(model, source, target_input, moves=lambda moved: moved.abs().mean() > 1e-4)


@EXERCISE.wrong(
    "one place only",
    "The influence of the source may show at other places of the target only. Compare the logits of all places.",
)
def first_place(model, source, target_input):
    return _ask(model, source, target_input, moves=lambda moved: (moved[:, 0].abs() > 1e-4).any())


@EXERCISE.wrong(
    "no threshold",
    "Rounding counts as an influence of the source: logits move by less than 1e-5 then. Compare with the threshold, 1e-4.",
)
def no_threshold(model, source, target_input):
    return _ask(model, source, target_input, moves=lambda moved: (moved != 0).any())


@EXERCISE.wrong(
    "threshold too high", "A small influence is missed. Where the source is used, a logit moves by more than 1e-3."
)
def high_threshold(model, source, target_input):
    return _ask(model, source, target_input, moves=lambda moved: (moved.abs() > 0.3).any())


@EXERCISE.wrong(
    "no difference is seen",
    "Every model seems to ignore its source. Give the second pass other words, and answer True where any of the logits "
    "moves: not only where all of them do.",
)
def same_source(model, source, target_input):
    return _ask(model, source, target_input, other=lambda source: source)


@EXERCISE.wrong(
    "asked in training mode",
    "In training mode dropout changes the logits at random, so every model seems to use its source. Use `logits_of`, or `model.eval()`.",
)
def in_training_mode(model, source, target_input):
    return _ask(model, source, target_input, evaluate=False)


@EXERCISE.wrong(
    "mode not restored", "The model stays in evaluation mode afterwards. Put it back into the mode it was in."
)
def not_restored(model, source, target_input):
    return _ask(model, source, target_input, restore=False)


@EXERCISE.wrong(
    "padding moved",
    "The places of padding change, too: a word becomes 0, or a 0 a word. Then a model that only sees where padding is "
    "seems to use its words. Leave each 0 where it is, and put none elsewhere.",
)
def padding_moved(model, source, target_input):
    return _ask(model, source, target_input, other=lambda source: (source + 1) % (source.max() + 1))


@EXERCISE.wrong("yes and no exchanged", "The answer is the wrong way round: True means that the source is used.")
def turned_round(model, source, target_input):
    return not uses_source(model, source, target_input)


@EXERCISE.wrong(
    "one sentence compared",
    "A model that uses the source of another sentence is missed. Compare the logits of all rows of the batch.",
)
def first_row(model, source, target_input):
    return _ask(model, source, target_input, moves=lambda moved: (moved[0].abs() > 1e-4).any())


@EXERCISE.wrong(
    "equal words left as they are",
    "A source of equal words stays as it is, and its model seems not to use it. Give each word another id: "
    "`source % source.max() + 1`.",
)
def all_the_largest(model, source, target_input):
    return _ask(model, source, target_input, other=lambda source: (source != 0) * source.max())


@EXERCISE.wrong(
    "the largest id made padding",
    "All ids but the largest stay as they are, and the largest becomes 0, which is padding. Add 1: `source % source.max() + 1` "
    "gives every word another id, and none the id 0.",
)
def without_the_one(model, source, target_input):
    return _ask(model, source, target_input, other=lambda source: source % source.max())


@EXERCISE.wrong(
    "sentences moved to other rows",
    "Each row gets the source of another sentence. In a batch of one nothing changes, and the padding moves along: put another "
    "word into each place, and leave the padding where it is.",
    only="roll",
)
def rows_rolled(model, source, target_input):
    return _ask(model, source, target_input, other=lambda source: source.roll(1, 0))


@EXERCISE.variant
def one_by_one(model, source, target_input):
    """Place by place."""
    training = model.training
    model.eval()
    with torch.inference_mode():
        logits, largest, used = model(source, target_input), source.max(), False
        for place in range(source.shape[1]):
            other = source.clone()
            other[:, place] = torch.where(other[:, place] == 0, 0, other[:, place] % largest + 1)
            used = used or not torch.allclose(model(other, target_input), logits, rtol=0, atol=1e-4)
    model.train(training)
    return used


@EXERCISE.variant
def on_a_copy(model, source, target_input):
    patient = copy.deepcopy(model).eval()
    other = torch.where(source == 0, 0, source.max() + 1 - source)
    return (patient(other, target_input) - patient(source, target_input)).abs().max().item() > 1e-4


@EXERCISE.variant
def by_parts(model, source, target_input):
    """With `encode` and `decode`, and random words."""
    mode = model.training
    model.train(False)
    generator = torch.Generator().manual_seed(1)
    differences = []
    with torch.no_grad():
        for _ in range(3):
            words = torch.randint(1, int(source.max()) + 1, source.shape, generator=generator)
            other = torch.where(source == 0, source, words)
            logits = model.decode(target_input, model.encode(source), source)
            differences.append((model.decode(target_input, model.encode(other), other) - logits).abs().max())
    model.train(mode)
    return bool(max(differences) > 1e-4)
