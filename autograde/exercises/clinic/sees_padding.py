"""sees_padding: does a sentence change in a batch?"""

import copy

import torch
import torch.nn.functional as F

from autograde.exercise import Exercise
from autograde.exercises.clinic.common import SOURCE, TARGET, found, sealed, sentences
from helpers.clinic import logits_of, sees_padding


def calls(rng):
    other = {"pad": 3}
    return [
        sealed(rng, note="a healthy model"),
        sealed(rng, "padding of the source", 1.0, note="this model looks at padding of the source"),
        sealed(rng, "padding of the source", 0.003, note="it looks a little at padding of the source"),
        sealed(rng, "length of the target", part="target", note="the logits depend on how long the target is"),
        sealed(
            rng,
            "length of the target, one row",
            part="target",
            note="the logits of the first sentence do not, those of the others do",
        ),
        sealed(
            rng,
            "length of the target, last place",
            part="target",
            note="only logits of the last place do, which is padding in one of the sentences",
        ),
        sealed(
            rng,
            "length of the target",
            part="target",
            ids=(sentences(rng, SOURCE - 1, 3, 5, (1, 4)), sentences(rng, TARGET - 1, 3, 5)),
            note="the logits depend on how long the target is, which has no padding itself",
        ),
        sealed(rng, "rounding", 1e-7, part="healthy", note="healthy, but for rounding"),
        sealed(rng, "next word", part="healthy", note="this model sees the future, but no padding"),
        sealed(rng, part="another id", note="healthy; here the padding has the id 3", kwargs=other, pad=3),
        sealed(rng, "padding of the source", 1.0, part="another id", note="the id 3 is looked at", kwargs=other, pad=3),
        sealed(rng, "next word", part="another id", note="the future, but no padding", kwargs=other, pad=3),
        sealed(rng, training=True, part="left as found", note="healthy, in training mode, with dropout"),
        sealed(rng, "length of the target", stale=0.5, part="left as found", note="the model has gradients"),
    ]


EXERCISE = Exercise(
    name="sees_padding",
    title="does padding change anything?",
    points=3,
    minutes=8,
    hints=(
        "Add some padding at the end of every source, and compare the logits. Then do the same with the target. "
        "Which of its logits count?",
        "`F.pad(ids, (0, 3), value=pad)` adds three columns at the end. After a longer target, cut the logits to the "
        "old length, `[:, : target_input.shape[1]]`. Only real words count: index with `target_input != pad`.",
    ),
    reference=sees_padding,
    make_calls=calls,
    parts={"result": 0.35, "target": 0.2, "healthy": 0.15, "another id": 0.15, "left as found": 0.15},
    projection=found,
)


def _ask(
    model,
    source,
    target_input,
    pad=0,
    *,
    sides=("source", "target"),
    moves=lambda moved: (moved.abs() > 1e-4).any(),
    restore=True,
    evaluate=True,
    real_only=True,
    together=any,
):
    def longer(ids):
        return F.pad(ids, (0, 3), value=pad)

    training = model.training
    if evaluate:
        model.eval()
    real = target_input != pad if real_only else torch.ones_like(target_input, dtype=torch.bool)
    answers = []
    with torch.no_grad():
        logits = model(source, target_input)
        if "source" in sides:
            answers.append(bool(moves((model(longer(source), target_input) - logits)[real])))
        if "target" in sides:
            other = model(source, longer(target_input))[:, : logits.shape[1]]
            answers.append(bool(moves((other - logits)[real])))
    answer = together(answers)
    if restore:
        model.train(training)
    return answer


@EXERCISE.wrong(
    "no fault is found",
    "Every model passes for healthy: it is a fault if more padding of the source, *or* of the target, moves a logit.",
)
def both_needed(model, source, target_input, pad=0):
    return _ask(model, source, target_input, pad, together=all)


@EXERCISE.wrong(
    "only the source padded",
    "A model that depends on the length of the target is missed. Pad the target, too.",
    unless=r"pad\((target|target_input|decoder_input)\b|cat\(\W*target",
)
def only_source(model, source, target_input, pad=0):
    return _ask(model, source, target_input, pad, sides=("source",))


@EXERCISE.wrong(
    "only the target padded",
    "A model that looks at padding of the source is missed. Pad the source, too.",
    unless=r"pad\(source\b|cat\(\W*source",
)
def only_target(model, source, target_input, pad=0):
    return _ask(model, source, target_input, pad, sides=("target",))


@EXERCISE.wrong(
    "healthy models flagged",
    "A healthy model is flagged. Only the logits of real words are compared, each with its own: padding is added at the "
    "end of a sentence, and places of the target that are padding don't count. Without a threshold (1e-4) rounding counts, too.",
)
def every_place(model, source, target_input, pad=0):
    return _ask(model, source, target_input, pad, real_only=False)


@EXERCISE.wrong("only the first sentence compared", "A fault in another row of the batch is missed. Compare all rows.")
def first_row(model, source, target_input, pad=0):
    return _ask(model, source[:1], target_input[:1], pad)


@EXERCISE.wrong("threshold too high", "A weak fault is missed. Broken models move by more than 1e-3: take 1e-4.")
def high_threshold(model, source, target_input, pad=0):
    return _ask(model, source, target_input, pad, moves=lambda moved: (moved.abs() > 0.15).any())


@EXERCISE.wrong(
    "pad not used",
    "Somewhere 0 is in the place of `pad`: in the padding that is added, or where real words are told from it.",
)
def pad_fixed(model, source, target_input, pad=0):
    return _ask(model, source, target_input, 0)


@EXERCISE.wrong(
    "asked in training mode",
    "In training mode dropout changes the logits at random, so a healthy model is flagged. Use `logits_of`, or `model.eval()`.",
)
def in_training_mode(model, source, target_input, pad=0):
    return _ask(model, source, target_input, pad, evaluate=False)


@EXERCISE.wrong(
    "mode not restored", "The model stays in evaluation mode afterwards. Put it back into the mode it was in."
)
def not_restored(model, source, target_input, pad=0):
    return _ask(model, source, target_input, pad, restore=False)


@EXERCISE.wrong("healthy and broken exchanged", "The answer is the wrong way round: True means that padding is seen.")
def turned_round(model, source, target_input, pad=0):
    return not sees_padding(model, source, target_input, pad)


@EXERCISE.wrong(
    "threshold below rounding",
    "A healthy model is flagged because of rounding: its logits move by up to 1e-5. Take a threshold of 1e-4; that of "
    "`allclose` and `isclose` is smaller (`rtol=0, atol=1e-4`).",
)
def below_rounding(model, source, target_input, pad=0):
    return _ask(model, source, target_input, pad, moves=lambda moved: (moved.abs() > 1e-6).any())


@EXERCISE.wrong(
    "only the most probable words compared",
    "Padding that moves the logits and leaves the most probable words as they are is missed. Compare the logits "
    "themselves.",
    only=r"argmax",
)
def most_probable(model, source, target_input, pad=0):
    real = target_input != pad
    words = logits_of(model, source, target_input).argmax(dim=-1)
    for more_source, more_target in ((3, 0), (0, 3)):
        longer = F.pad(source, (0, more_source), value=pad), F.pad(target_input, (0, more_target), value=pad)
        if (logits_of(model, *longer).argmax(dim=-1)[:, : words.shape[1]] != words)[real].any():
            return True
    return False


@EXERCISE.variant
def with_cat(model, source, target_input, pad=0):
    training = model.training
    model.eval()
    more = torch.full((len(source), 4), pad)
    with torch.inference_mode():
        logits = model(source, target_input)
        first = model(torch.cat([source, more], 1), target_input) - logits
        second = model(source, torch.cat([target_input, more], 1))[:, :-4] - logits
    model.train(training)
    real = (target_input != pad).unsqueeze(-1)
    return max((first * real).abs().max().item(), (second * real).abs().max().item()) > 1e-4


@EXERCISE.variant
def on_a_copy(model, source, target_input, pad=0):
    patient = copy.deepcopy(model).eval()
    with torch.no_grad():
        before = patient(source, target_input)[target_input != pad]
        for width in (1, 5):
            longer = torch.hstack([target_input, torch.full((len(source), width), pad)])
            wider = torch.hstack([source, torch.full((len(source), width), pad)])
            for after in (patient(wider, target_input), patient(source, longer)[:, : target_input.shape[1]]):
                if not torch.allclose(after[target_input != pad], before, atol=2e-4, rtol=0):
                    return True
    return False


@EXERCISE.variant
def both_at_once(model, source, target_input, pad=0):
    """Each side alone, and both together."""
    mode, length = model.training, target_input.shape[1]
    model.train(False)
    answers = []
    with torch.no_grad():
        logits = model(source, target_input)
        for left, right in ((2, 0), (0, 2), (2, 2)):
            other = model(F.pad(source, (0, left), value=pad), F.pad(target_input, (0, right), value=pad))[:, :length]
            answers.append((other - logits).abs().amax(dim=-1)[target_input != pad].max() > 1e-4)
    model.train(mode)
    return bool(torch.stack(answers).any())
