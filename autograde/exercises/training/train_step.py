"""train_step: one step of training."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.training.common import numbers, random_batch, small_model, zeros
from autograde.harness.call import MAIN, Fixture, FunctionCall
from autograde.harness.plain import TensorData
from helpers.decoder import teacher_forcing_pair
from helpers.training import label_smoothed_loss, train_step


def _sgd(rate):
    return Fixture("sgd", (Fixture("argument", (0,)), rate))


def _schedule(*factors):
    return Fixture("schedule", (Fixture("argument", (2,)), factors))


def calls(rng):
    def batch():
        return random_batch(rng, (6, 4, 3), (7, 3, 5))

    def call(model, batch, rate, *more, **options):
        return FunctionCall((model, batch, _sgd(rate), *more), report=("output", "args"), **options)

    by_hand = TensorData(np.array([[1, 4, 2]])), TensorData(np.array([[1, 5, 6, 2, 0]]))
    return [
        call(
            zeros(),
            by_hand,
            0.5,
            note="by hand: all 8 words are equally probable, so the loss is log 8 = 2.079; 3 labels are real",
        ),
        call(small_model(rng, 0.5), batch(), 0.5, kwargs={"clip": 100.0}),
        call(small_model(rng, 0.7), random_batch(rng, (3, 8), (4, 6)), 0.3, kwargs={"clip": 100.0}),
        call(small_model(rng, 2.0), batch(), 0.5, part="clip", note="gradients with a norm above `clip`, which is 1"),
        call(
            small_model(rng, 2.0),
            batch(),
            0.5,
            kwargs={"clip": 0.3},
            part="clip",
            note="gradients with a norm above `clip`",
        ),
        call(
            small_model(rng, 0.5, "train", "train", 0.7),
            batch(),
            0.5,
            kwargs={"clip": 100.0},
            part="cleared",
            note="gradients of an earlier step are still there",
        ),
        call(
            small_model(rng, 0.5),
            batch(),
            0.4,
            _schedule(1.0, 0.25, 0.0625),
            kwargs={"clip": 100.0},
            part="scheduler",
            note="a scheduler that divides the learning rate by 4 after each step",
        ),
        call(
            small_model(rng, 0.5, "eval"),
            batch(),
            0.5,
            kwargs={"clip": 100.0},
            part="mode",
            note="the model is in evaluation mode before",
        ),
        call(
            small_model(rng, 0.5),
            batch(),
            0.5,
            kwargs={"clip": 100.0, "precision": "bf16"},
            part="precision",
            tolerance=0.03,
            note="autocast to bfloat16",
        ),
    ]


def _in_16_bits(loss):
    """Whether a number is one that bfloat16 has: the lower half of its 32 bits is empty."""
    return isinstance(loss, np.ndarray) and not int(loss.view(np.uint32)) & 0xFFFF


def projection(call, value):
    found = numbers(value["output"], ("loss", "tokens", "gradient_norm"))
    after = value["args"]["0"]["parameters"]
    _, autocast, single = value["args"]["0"]["buffers"]["seen"].array.tolist()
    found["autocast"] = ("off", "to another dtype", "to bfloat16")[int(autocast)]
    found["weights in float32"] = bool(single)
    found["weights after"] = after
    if call.part == "precision":
        found["loss in 16 bits"] = _in_16_bits(found.get("loss"))
    if call.part == "scheduler":
        found["learning rate after"] = value["args"]["2"]["rate"]
    return found


EXERCISE = Exercise(
    name="train_step",
    title="one step of training",
    points=5,
    minutes=12,
    hints=(
        "The order is: training mode, gradients cleared, forward, loss, backward, clip, optimizer, scheduler. What does "
        "the decoder read, what does it have to predict? `teacher_forcing_pair` gives both.",
        "`torch.nn.utils.clip_grad_norm_(model.parameters(), clip)` clips and returns the norm before clipping. "
        "`with torch.autocast(source.device.type, dtype=torch.bfloat16, enabled=...):` goes around the forward pass; "
        'it is enabled only for `"bf16"`. `(labels != 0).sum()` is the number of tokens. Detach the loss that you '
        "return.",
    ),
    reference=train_step,
    make_calls=calls,
    parts={MAIN: 0.4, "clip": 0.15, "cleared": 0.15, "scheduler": 0.1, "mode": 0.1, "precision": 0.1},
    projection=projection,
    forbidden=libraries.TRAINER,
)


def _forward(model, batch, precision="fp32", smoothing=0.1, pad=0, dtype=torch.bfloat16):
    source, target = batch
    decoder_input, labels = teacher_forcing_pair(target)
    with torch.autocast("cpu", dtype=dtype, enabled=precision == "bf16"):
        logits = model(source, decoder_input)
    return label_smoothed_loss(logits.float(), labels, smoothing, pad), (labels != 0).sum()


def _clip(model, clip):
    return nn.utils.clip_grad_norm_(model.parameters(), clip)


def _finish(loss, tokens, norm, optimizer, scheduler):
    optimizer.step()
    if scheduler is not None:
        scheduler.step()
    return {"loss": loss.detach(), "tokens": tokens, "gradient_norm": norm}


@EXERCISE.wrong(
    "gradients not cleared",
    "The gradients of the step before are still there, and `backward` adds to them. Call `optimizer.zero_grad()` "
    "before `backward`, not only at the end.",
)
def not_cleared(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    model.train()
    loss, tokens = _forward(model, batch, precision)
    loss.backward()
    return _finish(loss, tokens, _clip(model, clip), optimizer, scheduler)


@EXERCISE.wrong(
    "no gradients at the step",
    "No gradients are there at the step. The order is `zero_grad`, `backward`, clipping, `step`.",
)
def cleared_too_late(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    model.train()
    loss, tokens = _forward(model, batch, precision)
    loss.backward()
    optimizer.zero_grad()
    return _finish(loss, tokens, _clip(model, clip), optimizer, scheduler)


@EXERCISE.wrong(
    "cleared right before the step",
    "`zero_grad` comes between clipping and `step`, so the optimizer finds no gradients and nothing changes. Call it before "
    "`backward`.",
)
def cleared_after_clipping(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    model.train()
    loss, tokens = _forward(model, batch, precision)
    loss.backward()
    norm = _clip(model, clip)
    optimizer.zero_grad()
    return _finish(loss, tokens, norm, optimizer, scheduler)


@EXERCISE.wrong(
    "not clipped before the step",
    "The optimizer uses the gradients as they are. Clip their norm to `clip` between `backward` and "
    "`optimizer.step()`, not after it.",
)
def no_clip(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    return train_step(model, batch, optimizer, scheduler, math.inf, precision)


@EXERCISE.wrong(
    "clipped before backward",
    "The norm is clipped when the new gradients are not there yet. `clip_grad_norm_` belongs after `backward`.",
)
def clip_before(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    model.train()
    optimizer.zero_grad()
    loss, tokens = _forward(model, batch, precision)
    norm = _clip(model, clip)
    loss.backward()
    return _finish(loss, tokens, norm, optimizer, scheduler)


def _norm(model):
    return torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None]).norm()


@EXERCISE.wrong(
    "each number clipped by itself",
    "Each gradient is cut to `clip`. It is the norm of all together that is limited: `clip_grad_norm_`.",
)
def clip_values(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    model.train()
    optimizer.zero_grad()
    loss, tokens = _forward(model, batch, precision)
    loss.backward()
    norm = _norm(model)
    nn.utils.clip_grad_value_(model.parameters(), clip)
    return _finish(loss, tokens, norm, optimizer, scheduler)


@EXERCISE.wrong(
    "each parameter clipped by itself",
    "The norm of each parameter is limited on its own. Clip all parameters together, so that the direction stays.",
)
def clip_each(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    model.train()
    optimizer.zero_grad()
    loss, tokens = _forward(model, batch, precision)
    loss.backward()
    norm = _norm(model)
    for parameter in model.parameters():
        nn.utils.clip_grad_norm_([parameter], clip)
    return _finish(loss, tokens, norm, optimizer, scheduler)


@EXERCISE.wrong("clip always 1", "The argument `clip` is not used.")
def clip_fixed(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    return train_step(model, batch, optimizer, scheduler, 1.0, precision)


@EXERCISE.wrong(
    "norm after clipping",
    "`gradient_norm` is what is left after clipping. Report the norm before: `clip_grad_norm_` returns it.",
)
def norm_after(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    result = train_step(model, batch, optimizer, scheduler, clip, precision)
    return result | {"gradient_norm": _norm(model)}


@EXERCISE.wrong(
    "scheduler before the optimizer",
    "The scheduler moves on before the update, so the first learning rate is never used. It comes last.",
)
def scheduler_first(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    if scheduler is not None:
        scheduler.step()
    return train_step(model, batch, optimizer, None, clip, precision)


@EXERCISE.wrong(
    "scheduler not called",
    "The learning rate stays where it is. Call `scheduler.step()` after the optimizer, if there is one.",
)
def no_scheduler(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    return train_step(model, batch, optimizer, None, clip, precision)


@EXERCISE.wrong(
    "trained in evaluation mode", "The model stays in evaluation mode, without dropout. Call `model.train()` first."
)
def eval_mode(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    optimizer.zero_grad()
    loss, tokens = _forward(model, batch, precision)
    loss.backward()
    return _finish(loss, tokens, _clip(model, clip), optimizer, scheduler)


@EXERCISE.wrong(
    "no update", "The loss is right, but the weights are as before. Call `optimizer.step()` after `backward`."
)
def no_update(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    model.train()
    optimizer.zero_grad()
    loss, tokens = _forward(model, batch, precision)
    loss.backward()
    norm = _clip(model, clip)
    if scheduler is not None:
        scheduler.step()
    return {"loss": loss.detach(), "tokens": tokens, "gradient_norm": norm}


@EXERCISE.wrong(
    "target not shifted",
    "The decoder reads the very words that it has to predict. Let it read `target[:, :-1]`; the labels are "
    "`target[:, 1:]`.",
)
def not_shifted(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    source, target = batch
    model.train()
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
        logits = model(source, target)
    loss = label_smoothed_loss(logits.float(), target)
    loss.backward()
    return _finish(loss, (target != 0).sum(), _clip(model, clip), optimizer, scheduler)


@EXERCISE.wrong(
    "source and target exchanged",
    "The decoder has to predict the source. The labels come from the second part of the batch.",
)
def exchanged(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    return train_step(model, batch[::-1], optimizer, scheduler, clip, precision)


@EXERCISE.wrong(
    "no label smoothing", "The loss is the plain cross-entropy. Use `label_smoothed_loss` with its defaults."
)
def plain_loss(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    model.train()
    optimizer.zero_grad()
    loss, tokens = _forward(model, batch, precision, smoothing=0.0)
    loss.backward()
    return _finish(loss, tokens, _clip(model, clip), optimizer, scheduler)


@EXERCISE.wrong(
    "padding in the loss",
    "Padded labels count in the loss. `label_smoothed_loss` leaves them out if it is told their id: `pad=0`.",
)
def padding(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    model.train()
    optimizer.zero_grad()
    loss, tokens = _forward(model, batch, precision, pad=-1)
    loss.backward()
    return _finish(loss, tokens, _clip(model, clip), optimizer, scheduler)


@EXERCISE.wrong("padding counted as tokens", "`tokens` counts padding, too. Real labels are those that are not 0.")
def all_tokens(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    result = train_step(model, batch, optimizer, scheduler, clip, precision)
    return result | {"tokens": batch[1][:, 1:].numel()}


@EXERCISE.wrong(
    "tokens of the whole target", "`tokens` counts `<bos>`, which nobody has to predict. Count the real *labels*."
)
def target_tokens(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    result = train_step(model, batch, optimizer, scheduler, clip, precision)
    return result | {"tokens": (batch[1] != 0).sum()}


@EXERCISE.wrong(
    "loss after the update",
    "The loss is computed a second time with the new weights. Return the one that `backward` was called on.",
)
def loss_after(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    result = train_step(model, batch, optimizer, scheduler, clip, precision)
    return result | {"loss": _forward(model, batch, precision)[0].detach()}


@EXERCISE.wrong(
    "weights in bfloat16",
    "The model itself is converted to bfloat16, so small updates are lost. `torch.autocast` leaves the weights in "
    "float32.",
)
def half_weights(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    if precision == "bf16":
        model.to(torch.bfloat16)
    return train_step(model, batch, optimizer, scheduler, clip)


@EXERCISE.wrong(
    "loss in bfloat16",
    "The loss is computed from bfloat16 logits, so it has about three digits. Give `logits.float()` to the loss.",
)
def half_loss(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    source, target = batch
    model.train()
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
        logits = model(source, target[:, :-1])
    loss = label_smoothed_loss(logits, target[:, 1:])
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    if scheduler is not None:
        scheduler.step()
    return {"loss": loss.detach(), "tokens": (target[:, 1:] != 0).sum(), "gradient_norm": norm}


@EXERCISE.wrong(
    "precision not used",
    'Everything stays in float32. With `precision="bf16"` the forward pass runs inside `torch.autocast`.',
)
def no_autocast(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    return train_step(model, batch, optimizer, scheduler, clip)


@EXERCISE.wrong(
    "float16 in place of bfloat16",
    "Autocast goes to another dtype than bfloat16: `dtype=torch.bfloat16`. Float16 would need scaled gradients.",
)
def float16(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    model.train()
    optimizer.zero_grad()
    loss, tokens = _forward(model, batch, precision, dtype=torch.float16)
    loss.backward()
    return _finish(loss, tokens, _clip(model, clip), optimizer, scheduler)


@EXERCISE.wrong(
    "labels as they are read",
    "The labels are the words that the decoder reads, so it learns to copy them. The labels are `target[:, 1:]`.",
)
def reads_its_labels(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    source, target = batch
    reads = target[:, :-1]
    model.train()
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
        logits = model(source, reads)
    loss = label_smoothed_loss(logits.float(), reads)
    loss.backward()
    return _finish(loss, (reads != 0).sum(), _clip(model, clip), optimizer, scheduler)


@EXERCISE.wrong(
    "backward from the sum",
    "The reported loss is right, but `backward` is called on the loss times the number of labels, so the gradients grow "
    "with the batch. Call it on the mean.",
)
def from_the_sum(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    model.train()
    optimizer.zero_grad()
    loss, tokens = _forward(model, batch, precision)
    (loss * tokens).backward()
    return _finish(loss, tokens, _clip(model, clip), optimizer, scheduler)


@EXERCISE.wrong(
    "the decoder reads the labels",
    "The decoder reads the very words that it has to predict, so it learns to copy. It reads the words before them: "
    "`teacher_forcing_pair` gives what is read and what is predicted.",
)
def labels_read(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    model.train()
    optimizer.zero_grad()
    source, target = batch
    labels = target[:, 1:]
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
        logits = model(source, labels)
    loss = label_smoothed_loss(logits.float(), labels)
    loss.backward()
    return _finish(loss, (labels != 0).sum(), _clip(model, clip), optimizer, scheduler)


@EXERCISE.variant
def by_hand(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    source, target = batch
    labels = target[:, 1:]
    for parameter in model.parameters():
        parameter.grad = None
    model.train()
    with torch.autocast(device_type="cpu", dtype=torch.bfloat16, enabled=(precision == "bf16")):
        logits = model.decode(target[:, :-1], model.encode(source), source)
        loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=0, label_smoothing=0.1)
    loss.backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    norm = sum((gradient**2).sum() for gradient in gradients) ** 0.5
    if norm > clip:
        for gradient in gradients:
            gradient.mul_(clip / norm)
    optimizer.step()
    if scheduler:
        scheduler.step()
    return {"loss": loss.item(), "tokens": int(labels.ne(0).sum()), "gradient_norm": norm.item()}


@EXERCISE.variant
def in_parts(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    was = model.training
    model.train(True)
    optimizer.zero_grad(set_to_none=True)
    decoder_input, labels = teacher_forcing_pair(batch[1])
    if precision == "bf16":
        with torch.autocast("cpu", torch.bfloat16):
            loss = label_smoothed_loss(model(batch[0], decoder_input).float(), labels)
    else:
        loss = label_smoothed_loss(model(batch[0], decoder_input), labels)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=clip)
    optimizer.step()
    if scheduler is not None:
        scheduler.step()
    model.train(was)
    return {"gradient_norm": norm, "loss": loss, "tokens": torch.count_nonzero(labels)}


@EXERCISE.variant
def set_to_zero(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    optimizer.zero_grad(set_to_none=False)
    model.train()
    source, target = batch
    enabled = {"fp32": False, "bf16": True}[precision]
    with torch.amp.autocast(source.device.type, dtype=torch.bfloat16, enabled=enabled):
        logits = model(source, target[:, :-1])
    loss = label_smoothed_loss(logits.to(torch.float32), target[:, 1:])
    loss.backward()
    norm = torch.nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
    torch.nn.utils.clip_grads_with_norm_(model.parameters(), clip, norm)
    optimizer.step()
    scheduler.step() if scheduler is not None else None
    return {"loss": loss.detach().reshape(1), "tokens": (target[:, 1:] > 0).sum(), "gradient_norm": norm}


@EXERCISE.variant
def as_numbers(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    result = train_step(model, batch, optimizer, scheduler, clip, precision)
    return {name: float(value) for name, value in result.items()} | {"rate": optimizer.param_groups[0]["lr"]}
