"""Lesson 8: the trained model, graded from its saved weights."""

from __future__ import annotations

from autograde.exercise import Exercise, Misconception
from autograde.exercises.mistakes.training import trained as m
from autograde.exercises.training.translating import examine, resemble
from autograde.harness.brief import Projected
from autograde.harness.call import MAIN, Call

LESSON = "08_training"
# What is right at least, and the share of the points. The highest band lies well below what the lesson's training reaches
# (99.5 %), so that chance in the choice of the sentences decides nothing.
BANDS = {MAIN: (0.5, 0.4), "80 %": (0.8, 0.2), "90 %": (0.9, 0.2), "97 %": (0.97, 0.2)}


def _calls(rng):
    seed = int(rng.integers(2**31))
    return [
        Call((seed, share), part=part, report=("weights",), tolerance=0.0, note=_wanted(share))
        for part, (share, _) in BANDS.items()
    ]


def _wanted(share):
    return f"at least {share:.0%} of new sentences translated word for word"


def _expected(call):
    """Known without any weights: a checkpoint that is missing must not decide what is right."""
    return Projected({"enough": True, "symptom": ""}, _wanted(call.args[1]))


def _view(call, value):
    seed, share = call.args
    findings = examine(value, seed)
    if findings.share >= share:
        return Projected({"enough": True, "symptom": ""}, _wanted(share))
    return Projected({"enough": False, "symptom": findings.symptom}, findings.text, findings.remark)


def _flag(value):
    """Weights that ship with the course show nothing about who trained them."""
    if not resemble(value, m.CHECKPOINT):
        return ""
    return (
        "these are the weights that ship with the course: copied, or trained with the preset `small` and its own seed on a "
        "machine of the same kind, which gives the same numbers"
    )


TRAINED = Exercise(
    name="trained_model",
    lesson=LESSON,
    title="the trained model",
    points=5,
    minutes=10,
    hints=(
        "The training writes a file with the weights when it ends. Return its path. The check reads the file, builds the "
        "Transformer of lesson 7 from it, and has it translate sentences that no training has seen.",
        "`return` the path as a string. With too few sentences right, train longer: the loss of the last epochs shows "
        "whether it still falls. The vocabulary has to be the one of the lesson.",
    ),
    reference=m.trained_shipped,
    make_calls=_calls,
    projection=_view,
    expected=_expected,
    parts={part: points for part, (_, points) in BANDS.items()},
    flag=_flag,
    misconceptions=(
        Misconception(
            "untrained weights",
            m.trained_untrained,
            "The words have nearly the same probability everywhere, as before any training. Save the weights after the "
            "training, from the model that was trained.",
        ),
        Misconception(
            "numbers that are not finite",
            m.trained_not_finite,
            "There are NaN or infinite numbers among the weights: the training broke. Lower the learning rate, keep the "
            "clipping, and train again.",
        ),
        Misconception(
            "words numbered in another order",
            m.trained_other_order,
            "The model is sure of wrong words all the time. The ids of its words are not those of the lesson's "
            "vocabulary: train with the vocabularies of the lesson.",
        ),
        Misconception(
            "source and target exchanged",
            m.trained_exchanged,
            "The model reads Korean and writes English. The source is English here: give the batches as (source, target).",
        ),
        Misconception(
            "the same for every sentence",
            m.trained_deaf,
            "The translations hardly depend on the source. Does cross-attention get the encoder's output, and is the "
            "encoder trained, too?",
        ),
        Misconception(
            "never ends",
            m.trained_endless,
            "Most translations never come to `<eos>`. It is the last label of every sentence; it must not be cut off.",
        ),
        Misconception(
            "another number of heads",
            m.trained_other_heads,
            "With another number of heads the same weights would translate well. Save the number with which the model was "
            "trained.",
        ),
        Misconception(
            "a part of the model is missing",
            m.trained_incomplete,
            "The file lacks weights that belong to a Transformer. Save the whole `state_dict` of the model.",
        ),
        Misconception(
            "trained too short",
            m.trained_too_short,
            "The translations are on the way: most words are right, many sentences are not. Train longer, until the loss "
            "no longer falls.",
        ),
    ),
    variants=(m.trained_path, m.trained_module, m.trained_half, m.trained_heads_exchanged),
)

EXERCISES = (TRAINED,)
