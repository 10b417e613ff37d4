"""Lesson 8: one training step, and how good a model is."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.libraries import TRAINER
from autograde.exercises.mistakes.training import evaluating as e
from autograde.exercises.mistakes.training import step as m
from autograde.harness.call import MAIN, Call, Fixture
from autograde.harness.plain import TensorData
from helpers import training as right

LESSON = "08_training"
SOURCE, TARGET, WIDTH = 11, 9, 5  # words of the source, of the target, width of the small model


def _ids(rng, words, lengths, longest):
    """One sentence per length, each with <bos> and <eos>, filled up with padding."""
    ids = np.zeros((len(lengths), longest), dtype=np.int64)
    for row, length in enumerate(lengths):
        ids[row, :length] = rng.integers(3, words, length)
        ids[row, 0], ids[row, length - 1] = 1, 2
    return ids


def _batch(rng, source_lengths, target_lengths):
    source = _ids(rng, SOURCE, source_lengths, max(source_lengths))
    return TensorData(source), TensorData(_ids(rng, TARGET, target_lengths, max(target_lengths)))


def _model(rng, scale, *more):
    """A small model; `scale` makes its gradients large or small."""
    shapes = (SOURCE, WIDTH), (TARGET, WIDTH), (TARGET, WIDTH)
    tables = ((rng.normal(size=shape) * scale).astype(np.float32) for shape in shapes)
    return Fixture("table_translator", (*tables, *more))


def _zeros(*more):
    """A small model that finds all words equally probable."""
    shapes = (6, 2), (8, 2), (8, 2)
    return Fixture("table_translator", (*(np.zeros(shape, np.float32) for shape in shapes), *more))


def _number(value):
    """A number, or a tensor or array of one element, as float32; anything else as it is."""
    value = getattr(value, "array", value)
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    with np.errstate(over="ignore"):
        return np.asarray(value, np.float32) if type(value) in (int, float) else value


def _numbers(output, names):
    """Those of `names` that are in the result."""
    return {name: _number(output[name]) for name in names if name in output}


# --- train_step -----------------------------------------------------------------------------------------------------


def _sgd(rate):
    return Fixture("sgd", (Fixture("argument", (0,)), rate))


def _schedule(*factors):
    return Fixture("schedule", (Fixture("argument", (2,)), factors))


def _step_calls(rng):
    def batch():
        return _batch(rng, (6, 4, 3), (7, 3, 5))

    def call(model, batch, rate, *more, **options):
        return Call((model, batch, _sgd(rate), *more), report=("output", "args"), **options)

    by_hand = TensorData(np.array([[1, 4, 2]])), TensorData(np.array([[1, 5, 6, 2, 0]]))
    return [
        call(_zeros(), by_hand, 0.5,
             note="by hand: all 8 words are equally probable, so the loss is log 8 = 2.079; 3 labels are real"),
        call(_model(rng, 0.5), batch(), 0.5, kwargs={"clip": 100.0}),
        call(_model(rng, 0.7), _batch(rng, (3, 8), (4, 6)), 0.3, kwargs={"clip": 100.0}),
        call(_model(rng, 2.0), batch(), 0.5, part="clip", note="gradients with a norm above `clip`, which is 1"),
        call(_model(rng, 2.0), batch(), 0.5, kwargs={"clip": 0.3}, part="clip", note="gradients with a norm above `clip`"),
        call(_model(rng, 0.5, "train", "train", 0.7), batch(), 0.5, kwargs={"clip": 100.0}, part="cleared",
             note="gradients of an earlier step are still there"),
        call(_model(rng, 0.5), batch(), 0.4, _schedule(1.0, 0.25, 0.0625), kwargs={"clip": 100.0}, part="scheduler",
             note="a scheduler that divides the learning rate by 4 after each step"),
        call(_model(rng, 0.5, "eval"), batch(), 0.5, kwargs={"clip": 100.0}, part="mode",
             note="the model is in evaluation mode before"),
        call(_model(rng, 0.5), batch(), 0.5, kwargs={"clip": 100.0, "precision": "bf16"}, part="precision", tolerance=0.03,
             note="autocast to bfloat16"),
    ]  # fmt: skip


def _step_view(call, value):
    found = _numbers(value["output"], ("loss", "tokens", "gradient_norm"))
    after = dict(value["args"]["0"]["parameters"])
    _, autocast, single = after.pop("seen").array.tolist()
    found["autocast"] = ("off", "to another dtype", "to bfloat16")[int(autocast)]
    found["weights in float32"] = bool(single)
    found["weights after"] = after
    if call.part == "scheduler":
        found["learning rate after"] = value["args"]["2"]["rate"]
    return found


STEP = Exercise(
    name="train_step",
    lesson=LESSON,
    title="one step of training",
    points=5,
    minutes=12,
    hints=(
        "The order is: training mode, gradients cleared, forward, loss, backward, clip, optimizer, scheduler. What does "
        "the decoder read, what does it have to predict? `teacher_forcing_pair` gives both.",
        "`torch.nn.utils.clip_grad_norm_(model.parameters(), clip)` clips and returns the norm before. `with "
        "torch.autocast(source.device.type, dtype=torch.bfloat16, enabled=...):` goes around the forward pass; it is "
        'enabled for `"bf16"` alone. `(labels != 0).sum()` is the number of tokens. Detach the loss that you return.',
    ),
    reference=right.train_step,
    make_calls=_step_calls,
    projection=_step_view,
    parts={MAIN: 0.4, "clip": 0.15, "cleared": 0.15, "scheduler": 0.1, "mode": 0.1, "precision": 0.1},
    misconceptions=(
        Misconception(
            "gradients not cleared",
            m.step_not_cleared,
            "The gradients of the step before are still there, and `backward` adds to them. Call `optimizer.zero_grad()` "
            "before `backward`, not only at the end.",
        ),
        Misconception(
            "cleared between backward and step",
            m.step_cleared_too_late,
            "`zero_grad` stands after `backward`, so the optimizer finds no gradients and nothing changes.",
        ),
        Misconception(
            "not clipped before the step",
            m.step_no_clip,
            "The optimizer uses the gradients as they are. Clip their norm to `clip` between `backward` and "
            "`optimizer.step()`, not after it.",
        ),
        Misconception(
            "clipped before backward",
            m.step_clip_before,
            "The norm is clipped when the new gradients are not there yet. `clip_grad_norm_` stands after `backward`.",
        ),
        Misconception(
            "each number clipped by itself",
            m.step_clip_values,
            "Each gradient is cut to `clip`. It is the norm of all together that is limited: `clip_grad_norm_`.",
        ),
        Misconception(
            "each parameter clipped by itself",
            m.step_clip_each,
            "The norm of each parameter is limited on its own. Clip all parameters together, so that the direction stays.",
        ),
        Misconception(
            "clip always 1",
            m.step_clip_fixed,
            "The argument `clip` is not used.",
        ),
        Misconception(
            "norm after clipping",
            m.step_norm_after,
            "`gradient_norm` is what is left after clipping. Report the norm before: `clip_grad_norm_` returns it.",
        ),
        Misconception(
            "scheduler before the optimizer",
            m.step_scheduler_first,
            "The scheduler moves on before the update, so the first learning rate is never used. It comes last.",
        ),
        Misconception(
            "scheduler not called",
            m.step_no_scheduler,
            "The learning rate stays where it is. Call `scheduler.step()` after the optimizer, if there is one.",
        ),
        Misconception(
            "trained in evaluation mode",
            m.step_eval_mode,
            "The model stays in evaluation mode, without dropout. Call `model.train()` first.",
        ),
        Misconception(
            "no update",
            m.step_no_update,
            "The loss is right, but the weights are as before. Call `optimizer.step()` after `backward`.",
        ),
        Misconception(
            "target not shifted",
            m.step_not_shifted,
            "The decoder reads the very words that it has to predict. It reads `target[:, :-1]`, the labels are "
            "`target[:, 1:]`.",
        ),
        Misconception(
            "source and target exchanged",
            m.step_exchanged,
            "The decoder has to predict the source. The labels come from the second part of the batch.",
        ),
        Misconception(
            "no label smoothing",
            m.step_plain_loss,
            "The loss is the plain cross-entropy. Use `label_smoothed_loss` with its defaults.",
        ),
        Misconception(
            "padding in the loss",
            m.step_padding,
            "Padded labels count in the loss. `label_smoothed_loss` leaves them out when it knows them: `pad=0`.",
        ),
        Misconception(
            "padding counted as tokens",
            m.step_all_tokens,
            "`tokens` counts padding, too. Real labels are those that are not 0.",
        ),
        Misconception(
            "tokens of the whole target",
            m.step_target_tokens,
            "`tokens` counts `<bos>`, which nobody has to predict. Count the real *labels*.",
        ),
        Misconception(
            "loss after the update",
            m.step_loss_after,
            "The loss is computed a second time with the new weights. Return the one that `backward` was called on.",
        ),
        Misconception(
            "weights in bfloat16",
            m.step_half_weights,
            "The model itself is made bfloat16, so small updates are lost. `torch.autocast` leaves the weights in float32.",
        ),
        Misconception(
            "precision not used",
            m.step_no_autocast,
            'Everything stays in float32. With `precision="bf16"` the forward pass runs inside `torch.autocast`.',
        ),
        Misconception(
            "float16 in place of bfloat16",
            m.step_float16,
            "Autocast goes to another dtype than bfloat16: `dtype=torch.bfloat16`. Float16 would need scaled gradients.",
        ),
    ),
    forbidden=TRAINER,
    variants=(m.step_by_hand, m.step_in_parts, m.step_set_to_zero, m.step_numbers),
)

# --- evaluate -------------------------------------------------------------------------------------------------------


def _evaluate_calls(rng):
    def batches():
        return [_batch(rng, (6, 4, 3), (7, 3, 5)), _batch(rng, (5,), (8,)), _batch(rng, (4, 2), (3, 4))]

    by_hand = [(TensorData(np.array([[1, 4, 2]])), TensorData(np.array([[1, 5, 6, 2, 0], [1, 7, 2, 0, 0]])[row:end]))
               for row, end in ((0, 1), (1, 2))]  # fmt: skip
    report = ("output", "args")

    def model(mode="train", right_mode="eval"):
        return _model(rng, 1.0, mode, right_mode)

    return [
        Call((_zeros("eval", "eval"), by_hand), report=report,
             note="by hand: all 8 words are equally probable: loss log 8 = 2.079, perplexity 8"),
        Call((model("eval"), batches()), report=report),
        Call((model("eval"), batches()[::-1]), report=report, note="batches of another size each"),
        Call((model("eval"), [_batch(rng, (3, 9, 4, 5), (4, 6, 9, 3))]), report=report, note="one batch alone"),
        Call((model("train"), batches()), report=report, part="mode", note="the model is in training mode before"),
        Call((model("eval"), batches()), report=report, part="mode", note="the model is in evaluation mode before"),
        Call((model("eval"), batches()), report=report, part="no gradients", note="are gradients recorded meanwhile?"),
    ]  # fmt: skip


def _evaluate_view(call, value):
    found = _numbers(value["output"], ("loss", "perplexity", "accuracy"))
    model = value["args"]["0"]
    if call.part == "mode":
        found["training mode afterwards"] = model["training"]
    if call.part == "no gradients":
        found["gradients recorded"] = bool(model["parameters"]["seen"].array[0])
    return found


EVALUATE = Exercise(
    name="evaluate",
    lesson=LESSON,
    title="how good is it on unseen sentences?",
    points=4,
    minutes=10,
    hints=(
        "Batches have different numbers of labels, so a mean of their means is wrong. Add up the loss of all real labels, "
        "the number of right ones, and the number of real labels; divide at the end, once.",
        "`label_smoothed_loss(logits, labels, smoothing=0.0) * real.sum()` is a batch's sum. Right are those with "
        "`(logits.argmax(dim=-1) == labels) & real`. `model.eval()` before, `model.train(training)` afterwards with the "
        "mode from before, `torch.no_grad()` around it. The perplexity is exp of the final loss.",
    ),
    reference=right.evaluate,
    make_calls=_evaluate_calls,
    projection=_evaluate_view,
    parts={MAIN: 0.7, "mode": 0.2, "no gradients": 0.1},
    misconceptions=(
        Misconception(
            "mean of the batches' means",
            e.evaluate_mean_of_means,
            "Each batch has the same weight, however many labels it has. Add up over all labels, divide once.",
        ),
        Misconception(
            "accuracy as a mean of batches",
            e.evaluate_mean_accuracy,
            "The loss is right; the accuracy is a mean of the batches' shares. Divide all right labels by all labels.",
        ),
        Misconception(
            "mean of the batches' perplexities",
            e.evaluate_mean_perplexity,
            "The perplexity is a mean over batches. It is exp of the loss over all labels.",
        ),
        Misconception(
            "padding in the loss",
            e.evaluate_padding_loss,
            "Padded labels count in the loss.",
        ),
        Misconception(
            "padding in the accuracy",
            e.evaluate_padding_accuracy,
            "The accuracy is divided by all places, padded ones too. Only real labels count.",
        ),
        Misconception(
            "loss with smoothing",
            e.evaluate_smoothed,
            "The labels are smoothed. For measuring, take the plain cross-entropy: `smoothing=0.0`.",
        ),
        Misconception(
            "perplexity of base 2",
            e.evaluate_base_two,
            "The perplexity is 2 to the loss. The loss is in nats, so it is exp of it.",
        ),
        Misconception(
            "accuracy in percent",
            e.evaluate_percent,
            "The accuracy is in percent. Shares lie between 0 and 1 here.",
        ),
        Misconception(
            "whole sentences counted",
            e.evaluate_sentences,
            "The accuracy is the share of sentences without a mistake. Asked for is that of labels.",
        ),
        Misconception(
            "sum in place of the mean",
            e.evaluate_sum,
            "The loss is added up over all labels. Divide by their number.",
        ),
        Misconception(
            "last batch alone",
            e.evaluate_last_batch,
            "Only the last batch counts: the sums begin anew in the loop. Set them to 0 before it.",
        ),
        Misconception(
            "target not shifted",
            e.evaluate_not_shifted,
            "The decoder reads the very words that it has to predict. `teacher_forcing_pair` gives what it reads and "
            "what it predicts.",
        ),
        Misconception(
            "measured in training mode",
            e.evaluate_training_mode,
            "The model stays in training mode, so dropout disturbs the measure. Call `model.eval()` first.",
        ),
        Misconception(
            "mode not restored",
            e.evaluate_not_restored,
            "The model stays in evaluation mode afterwards. Put it back into the mode it was in.",
        ),
        Misconception(
            "always in training mode afterwards",
            e.evaluate_always_training,
            "The model is in training mode afterwards, whatever it was before. Remember `model.training` at the start.",
        ),
        Misconception(
            "gradients recorded",
            e.evaluate_gradients,
            "PyTorch keeps everything for a backward pass that never comes. Measure inside `with torch.no_grad():`.",
        ),
    ),
    forbidden=TRAINER,
    variants=(e.evaluate_per_sentence, e.evaluate_selected, e.evaluate_decorated, e.evaluate_collected),
)

EXERCISES = (STEP, EVALUATE)
