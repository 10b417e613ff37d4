"""sees_future: does a model look ahead?"""

import copy

import torch

from autograde.exercise import Exercise
from autograde.exercises.clinic.common import SOURCE, TARGET, found, sealed, sentences
from helpers.clinic import logits_of, sees_future


def calls(rng):
    def leak_at(word):
        target = sentences(rng, TARGET - 1, 3, 5)
        target[:, 2] = word
        ids = sentences(rng, SOURCE - 1, 3, 5), target
        note = f"only place 1 sees the next word, which is {word} in every sentence"
        return sealed(rng, "next word, one place", part="one place", note=note, ids=ids)

    return [
        sealed(rng, note="a healthy model"),
        sealed(rng, "next word", note="each place of this model sees the next word"),
        sealed(rng, "next word", 0.02, note="a weak leak"),
        sealed(rng, "next word, one place", part="one place", note="only place 1 sees the next word"),
        sealed(rng, "second word at place 0", part="one place", note="only place 0 sees the next word"),
        sealed(rng, "last word", part="one place", note="only place 0 sees the last word"),
        sealed(rng, "last word at the place before", part="one place", note="only the last place but one looks ahead"),
        sealed(
            rng,
            "last word",
            4e-4,
            part="one place",
            ids=(sentences(rng, SOURCE - 1, 3, 5), sentences(rng, TARGET - 1, 3, 30)),
            note="only place 0 of 30 sees the last word, and little of it",
        ),
        sealed(rng, "lowered by the next word", part="one place", note="the next word only lowers the logits"),
        sealed(rng, "turned by the next word", part="one place", note="the next word raises logits and lowers others"),
        *map(leak_at, (2, 3, 4, 5)),
        sealed(
            rng,
            "next word, one row",
            part="one row",
            note="the first sentence of the batch does not leak, the others do",
        ),
        sealed(rng, "rounding", 4e-7, part="healthy", note="healthy, but for rounding"),
        sealed(rng, "ignores the source", part="healthy", note="no leak: this model ignores the source"),
        sealed(rng, training=True, part="left as found", note="healthy, in training mode, with dropout"),
        sealed(rng, "next word", stale=0.5, part="left as found", note="a leak; the model has gradients"),
        sealed(rng, "rounding", 4e-7, part="healthy", note="healthy, but for rounding"),
    ]


EXERCISE = Exercise(
    name="sees_future",
    title="does it look ahead?",
    points=3,
    minutes=10,
    hints=(
        "Take the logits of the sentence as it is. Then change the word at one place, and take them again. Which logits may "
        "move, and which may not? Go through the places from 1 on.",
        "In a clone of the target, write another id below `logits.shape[-1]` into the column of the place, such as "
        "`ids % (logits.shape[-1] - 1) + 1`. Compare `[:, :place]` of both logits with the threshold, over all rows of the "
        "batch. Return True at the first leak, False after the last place.",
    ),
    reference=sees_future,
    make_calls=calls,
    parts={"result": 0.4, "one place": 0.2, "one row": 0.1, "healthy": 0.15, "left as found": 0.15},
    projection=found,
)


def _ask(
    model,
    source,
    target_input,
    *,
    places=lambda length: range(1, length),
    compared=lambda moved, place: moved[:, :place],
    moves=lambda moved: (moved.abs() > 1e-4).any(),
    restore=True,
    evaluate=True,
    in_place=False,
    written=lambda ids, words: ids % (words - 1) + 1,
):
    training = model.training
    if evaluate:
        model.eval()
    answer = False
    with torch.no_grad():
        logits = model(source, target_input)
        for place in places(target_input.shape[1]):
            changed = target_input if in_place else target_input.clone()
            changed[:, place] = written(changed[:, place], logits.shape[-1])
            answer = answer or bool(moves(compared(model(source, changed) - logits, place)))
    if restore:
        model.train(training)
    return answer


@EXERCISE.wrong(
    "last place never changed",
    "The word at the last place is never changed, so a place that sees it is missed. `range` ends before its second "
    "number: go up to `target_input.shape[1]`.",
    only=r"range\(1, .*- ?1\)",
)
def without_the_last(model, source, target_input):
    return _ask(model, source, target_input, places=lambda length: range(1, length - 1))


@EXERCISE.wrong(
    "only the most probable words compared",
    "A leak that leaves the most probable words as they are is missed. Compare the logits themselves.",
    only=r"argmax",
)
def most_probable(model, source, target_input):
    logits = logits_of(model, source, target_input)
    for place in range(1, target_input.shape[1]):
        other = target_input.clone()
        other[:, place] = other[:, place] % (logits.shape[-1] - 1) + 1
        moved = logits_of(model, source, other)[:, :place].argmax(-1) != logits[:, :place].argmax(-1)
        if moved.any():
            return True
    return False


@EXERCISE.wrong(
    "a healthy model flagged",
    "For a healthy model the answer is False: after a change of one word of the target only the logits at that place and "
    "after it may move. Compare those before it, and only those.",
)
def all_places(model, source, target_input):
    return _ask(model, source, target_input, compared=lambda moved, place: moved)


@EXERCISE.wrong(
    "leaks at early places missed",
    "A leak between two early places is missed. Change each place in turn, and compare all places before it.",
)
def only_the_last(model, source, target_input):
    return _ask(model, source, target_input, places=lambda length: [length - 1])


@EXERCISE.wrong(
    "only the place before compared",
    "Only the place right before the changed word is compared. A leak may reach further: compare all earlier places.",
    unless=r":\s*, :\s*\w+\]",
)
def right_before(model, source, target_input):
    return _ask(model, source, target_input, compared=lambda moved, place: moved[:, place - 1 : place])


@EXERCISE.wrong(
    "the mean of the differences compared",
    "Differences of both signs cancel in a mean, and it makes a single leak small. Ask whether *any* absolute difference is "
    "above the threshold.",
    only="mean",
)
def the_mean(model, source, target_input):
    return _ask(model, source, target_input, moves=lambda moved: moved.mean().abs() > 1e-4)


@EXERCISE.wrong(
    "a fixed word written",
    "The same id is written everywhere. A word that already has this id stays as it is, and its leak is missed: "
    "write a different id from the one that is there.",
)
def fixed_word(model, source, target_input):
    return _ask(model, source, target_input, written=lambda ids, words: 3)


@EXERCISE.wrong(
    "no leak is found",
    "Every model seems healthy. Change the words one by one, and return True at the first leak.",
    unless=r"\bMOVED\b|\b1e-|0\.000",
)
def always_healthy(model, source, target_input):
    return False


@EXERCISE.wrong("only the first sentence compared", "A leak in another row of the batch is missed. Compare all rows.")
def first_row(model, source, target_input):
    return _ask(model, source, target_input, compared=lambda moved, place: moved[0, :place])


@EXERCISE.wrong(
    "every difference counts",
    "A healthy model is flagged because of rounding: its logits move by less than 1e-5. Compare with a threshold, 1e-4.",
)
def exact(model, source, target_input):
    return _ask(model, source, target_input, moves=lambda moved: (moved != 0).any())


@EXERCISE.wrong(
    "threshold too high", "A weak leak is missed. Broken models move by more than 1e-3: take a threshold of 1e-4."
)
def high_threshold(model, source, target_input):
    return _ask(model, source, target_input, moves=lambda moved: (moved.abs() > 0.3).any())


@EXERCISE.wrong(
    "sign of the difference kept",
    "A leak that only lowers logits is missed. Take the absolute value of the difference.",
)
def without_abs(model, source, target_input):
    return _ask(model, source, target_input, moves=lambda moved: (moved > 1e-4).any())


@EXERCISE.wrong(
    "asked in training mode",
    "In training mode dropout changes the logits at random, so a healthy model is flagged. Use `logits_of`, or `model.eval()`.",
)
def in_training_mode(model, source, target_input):
    return _ask(model, source, target_input, evaluate=False)


@EXERCISE.wrong(
    "mode not restored", "The model stays in evaluation mode afterwards. Put it back into the mode it was in."
)
def not_restored(model, source, target_input):
    return _ask(model, source, target_input, restore=False)


@EXERCISE.wrong("target changed in place", "The caller's target is changed. Change a copy: `target_input.clone()`.")
def in_place(model, source, target_input):
    return _ask(model, source, target_input, in_place=True)


@EXERCISE.wrong(
    "healthy and broken exchanged", "The answer is the wrong way round: True means that it sees the future."
)
def turned_round(model, source, target_input):
    return not sees_future(model, source, target_input)


@EXERCISE.wrong(
    "nothing left to compare",
    "An empty tensor has no largest value. Go through the places from 1 on, and compare `[:, :place]`.",
)
def from_place_0(model, source, target_input):
    return _ask(model, source, target_input, places=range, moves=lambda moved: moved.abs().max() > 1e-4)


@EXERCISE.wrong(
    "the mean of the absolute differences compared",
    "A mean makes a single leak small: one logit that moves is lost among all that do not. Ask whether *any* absolute "
    "difference is above the threshold.",
    only="mean",
)
def the_mean_of_the_sizes(model, source, target_input):
    return _ask(model, source, target_input, moves=lambda moved: moved.abs().mean() > 1e-4)


@EXERCISE.variant
def by_prefixes(model, source, target_input):
    """The logits of the whole sentence against those with everything later exchanged."""
    training = model.training
    model.eval()
    leaks = []
    with torch.inference_mode():
        whole = model(source, target_input)
        words = whole.shape[-1]
        for place in range(1, target_input.shape[1]):
            later = target_input[:, place:] % (words - 1) + 1
            other = model(source, torch.cat([target_input[:, :place], later], dim=1))
            leaks.append(not torch.allclose(other[:, :place], whole[:, :place], rtol=0, atol=1e-4))
            for single in range(place, target_input.shape[1]):
                other = target_input.clone()
                other[:, single] = (other[:, single] + 1) % words
                leaks.append(bool((model(source, other)[:, :place] - whole[:, :place]).abs().max() > 1e-4))
    model.train(training)
    return any(leaks)


@EXERCISE.variant
def on_a_copy(model, source, target_input):
    """A copy of the model, sentence by sentence."""
    patient = copy.deepcopy(model).eval()
    for sentence, target in zip(source.split(1), target_input.split(1), strict=True):
        logits = patient(sentence, target).detach()
        for place in reversed(range(1, target.shape[1])):
            other = target.clone()
            other[0, place] = (other[0, place] + 2) % logits.shape[-1]
            if (patient(sentence, other).detach() - logits)[0, :place].abs().max().item() >= 2e-4:
                return True
    return False


@EXERCISE.variant
def as_a_batch(model, source, target_input):
    """All changed sentences of one place as one generator expression."""
    mode = model.training
    model.train(False)
    with torch.no_grad():
        words = model(source, target_input)
        length = target_input.shape[1]
        moved = [
            (model(source, torch.where(torch.arange(length) == place, target_input % (words.shape[-1] - 1) + 1, target_input)) - words)[:, :place].abs().amax()
            for place in range(1, length)
        ]  # fmt: skip
    model.train(mode)
    return max(moved).item() > 1e-4
