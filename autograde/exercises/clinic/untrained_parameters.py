"""untrained_parameters: which weights would never learn?"""

import copy

import torch
import torch.nn.functional as F

from autograde.exercise import Exercise
from autograde.exercises.clinic.common import found, sealed
from helpers.clinic import untrained_parameters


def calls(rng):
    return [
        sealed(rng, note="a healthy model"),
        sealed(rng, "detached", note="the memory is cut off from the encoder"),
        sealed(rng, "spare", note="two parameters are never used"),
        sealed(rng, "gate", part="zeros", note="a parameter is multiplied by 0: its gradient is there, and 0"),
        sealed(rng, "ignores the source", part="zeros", note="the source is multiplied by 0"),
        sealed(rng, "padding only", part="zeros", note="a parameter is used only where the target is padding"),
        sealed(rng, "frozen", part="frozen", note="a parameter that requires no gradient"),
        sealed(rng, "detached", stale=0.5, part="left as found", note="the model has gradients from before"),
        sealed(rng, "spare", stale=0.0, part="left as found", note="the model has gradients, all 0"),
        sealed(rng, training=True, part="left as found", note="in training mode"),
    ]


EXERCISE = Exercise(
    name="untrained_parameters",
    title="which weights never learn?",
    points=3,
    minutes=10,
    hints=(
        "Make one backward pass of the loss, as in training, and look at the gradient of every parameter. So that the model "
        "keeps its own gradients, work on a copy of it: `copy.deepcopy` gives one without gradients.",
        "The pass: `teacher_forcing_pair(target)` gives what is read and the labels; "
        "`F.cross_entropy(..., ignore_index=0)` wants the logits as `(batch, vocabulary, length)`. Then collect the names from "
        "`named_parameters()` where the parameter requires a gradient, and its `grad` is None or has no number other than 0.",
    ),
    reference=untrained_parameters,
    make_calls=calls,
    parts={"result": 0.4, "zeros": 0.2, "frozen": 0.1, "left as found": 0.3},
    projection=found,
)  # fmt: skip


def _ask(
    model,
    source,
    target,
    *,
    copied=True,
    cleared=True,
    dead=lambda p: p.requires_grad and (p.grad is None or not p.grad.any()),
    after=lambda patient: None,
    order=sorted,
):
    patient = copy.deepcopy(model) if copied else model
    if cleared:
        patient.zero_grad()
    logits = patient(source, target[:, :-1])
    F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=0).backward()
    names = order([name for name, p in patient.named_parameters() if dead(p)])
    after(patient)
    return names


@EXERCISE.wrong(
    "gradients of zeros not noticed",
    "A gradient can be there and be 0 everywhere: such a parameter does not learn either. Ask `p.grad.any()`, too.",
)
def only_none(model, source, target):
    return _ask(model, source, target, dead=lambda p: p.requires_grad and p.grad is None)


@EXERCISE.wrong(
    "a single 0 counts",
    "A parameter is named as soon as one of its numbers has the gradient 0, as the rows of words that don't occur have. "
    "It is untrained where *all* are 0.",
)
def any_zero(model, source, target):
    return _ask(model, source, target, dead=lambda p: p.requires_grad and (p.grad is None or bool((p.grad == 0).any())))


@EXERCISE.wrong(
    "frozen parameters named",
    "A parameter that requires no gradient is left alone on purpose. Leave it out: `p.requires_grad`.",
)
def frozen_too(model, source, target):
    return _ask(model, source, target, dead=lambda p: p.grad is None or not p.grad.any())


@EXERCISE.wrong(
    "trained and untrained exchanged", "These are the parameters that *do* get a gradient. Name the others."
)
def trained(model, source, target):
    return _ask(model, source, target, dead=lambda p: p.grad is not None and bool(p.grad.any()))


@EXERCISE.wrong(
    "old gradients counted",
    "Gradients from before are still there, so a parameter that gets none seems to have one. Clear them first.",
)
def not_cleared(model, source, target):
    before = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    names = _ask(model, source, target, copied=False, cleared=False)
    for parameter, gradient in zip(model.parameters(), before, strict=True):
        parameter.grad = gradient
    return names


@EXERCISE.wrong(
    "the model's gradients changed",
    "The backward pass has written into the gradients of the model. Work on `copy.deepcopy(model)`.",
)
def on_the_model(model, source, target):
    return _ask(model, source, target, copied=False)


@EXERCISE.wrong(
    "gradients cleared at the end",
    "The model had gradients, and has none afterwards. Work on `copy.deepcopy(model)`.",
)
def cleared_at_the_end(model, source, target):
    return _ask(model, source, target, copied=False, after=lambda model: model.zero_grad())


@EXERCISE.wrong("names not sorted", "The names come in the order of the model. Sort them: `sorted(...)`.")
def not_sorted(model, source, target):
    return _ask(model, source, target, order=lambda names: sorted(names, reverse=True))


@EXERCISE.variant
def with_autograd(model, source, target):
    """`torch.autograd.grad` writes into no gradient, so no copy is needed."""
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    logits = model(source, target[:, :-1])
    loss = F.cross_entropy(logits.transpose(1, 2), target[:, 1:], ignore_index=0, reduction="sum")
    gradients = torch.autograd.grad(loss, [p for _, p in named], allow_unused=True)
    return sorted(name for (name, _), g in zip(named, gradients, strict=True) if g is None or not g.any())


@EXERCISE.variant
def remembered(model, source, target):
    """The model's own gradients are put aside and put back."""
    before = {name: p.grad for name, p in model.named_parameters()}
    for p in model.parameters():
        p.grad = None
    logits, labels = model(source, target[:, :-1]), target[:, 1:]
    real = labels != 0
    (-logits.log_softmax(-1).gather(-1, labels.unsqueeze(-1)).squeeze(-1)[real].mean()).backward()
    names = []
    for name, p in model.named_parameters():
        if p.requires_grad and (p.grad is None or p.grad.abs().max() == 0):
            names.append(name)
        p.grad = before[name]
    names.sort()
    return names


@EXERCISE.variant
def in_evaluation_mode(model, source, target):
    patient = copy.deepcopy(model).eval()
    for parameter in patient.parameters():
        parameter.grad = None
    logits = patient(source, target[:, :-1])
    loss = torch.nn.CrossEntropyLoss(ignore_index=0)(logits.permute(0, 2, 1), target[:, 1:])
    loss.backward()
    alive = {name for name, p in patient.named_parameters() if p.grad is not None and torch.count_nonzero(p.grad)}
    return sorted({name for name, p in patient.named_parameters() if p.requires_grad} - alive)
