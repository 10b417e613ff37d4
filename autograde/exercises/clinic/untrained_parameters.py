"""untrained_parameters: which weights would never learn?"""

import copy
from functools import partial

import torch
import torch.nn.functional as F

from autograde.exercise import Exercise
from autograde.exercises.clinic.common import found, sealed
from helpers.clinic import logits_of, untrained_parameters


def calls(rng):
    return [
        sealed(rng, note="a healthy model"),
        sealed(rng, "detached", note="the memory is cut off from the encoder"),
        sealed(rng, "spare", note="two parameters are never used"),
        sealed(rng, "spares", note="three parameters of different sizes are never used"),
        sealed(rng, "gate", part="zeros", note="a parameter is multiplied by 0: its gradient is there, and 0"),
        sealed(rng, "ignores the source", part="zeros", note="the source is multiplied by 0"),
        sealed(rng, "padding only", part="zeros", note="a parameter is used only where the target is padding"),
        sealed(
            rng, "last place only", part="zeros", note="a parameter is used only at place 4, which training never reads"
        ),
        sealed(
            rng, "quiet gate", part="zeros", note="a parameter is multiplied by 1e-5: it learns slowly, but it learns"
        ),
        sealed(rng, "faint gate", part="zeros", note="a parameter is multiplied by 1e-10: its gradient is not 0"),
        sealed(rng, "difference", part="zeros", note="two numbers of a parameter, with gradients of opposite signs"),
        sealed(rng, "frozen", part="frozen", note="a parameter that requires no gradient"),
        sealed(rng, "frozen spare", part="frozen", note="two parameters that require no gradient, and are never used"),
        sealed(rng, "detached", stale=0.5, part="left as found", note="the model has gradients from before"),
        sealed(rng, "spare", stale=0.0, part="left as found", note="the model has gradients, all 0"),
        sealed(rng, training=True, part="left as found", note="in training mode"),
        sealed(rng, "training only", part="mode", note="in evaluation mode; a parameter is used only in training mode"),
        sealed(rng, "training only", training=True, part="mode", note="the same model in training mode"),
    ]


EXERCISE = Exercise(
    name="untrained_parameters",
    title="which weights never learn?",
    points=3,
    minutes=10,
    hints=(
        "Make one backward pass of the loss, as in training, and look at the gradient of every parameter. The pass "
        "writes into these gradients. On what could you make it, so that the model keeps its own?",
        "`copy.deepcopy(model)` is a copy without gradients: make the pass on it. "
        "`teacher_forcing_pair(target)` gives what is read and the labels; "
        "`F.cross_entropy(..., ignore_index=0)` wants the logits as `(batch, vocabulary, length)`. Then collect the names from "
        "`named_parameters()` where the parameter requires a gradient, and its `grad` is None or has no number other than 0.",
    ),
    reference=untrained_parameters,
    make_calls=calls,
    parts={"result": 0.4, "zeros": 0.2, "frozen": 0.1, "mode": 0.1, "left as found": 0.2},
    projection=partial(found, wanted=list),
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
    shifted=True,
    ignored=0,
    passes=lambda patient, *inputs: patient(*inputs),
):
    patient = copy.deepcopy(model) if copied else model
    if cleared:
        patient.zero_grad()
    read, labels = (target[:, :-1], target[:, 1:]) if shifted else (target, target)
    logits = passes(patient, source, read)
    F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=ignored).backward()
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
    "A parameter is named as soon as one of its numbers has the gradient 0, as in the rows of words that don't "
    "occur. It is untrained where *all* are 0.",
)
def any_zero(model, source, target):
    return _ask(model, source, target, dead=lambda p: p.requires_grad and (p.grad is None or bool((p.grad == 0).any())))


@EXERCISE.wrong(
    "gradients added up",
    "The sum of a gradient can be 0 although its numbers are not. Ask whether any of them is another than 0: `p.grad.any()`.",
)
def the_sum(model, source, target):
    return _ask(
        model, source, target, dead=lambda p: p.requires_grad and (p.grad is None or not p.grad.sum().abs() > 1e-9)
    )


@EXERCISE.wrong(
    "frozen parameters named",
    "A parameter that requires no gradient is frozen on purpose. Leave it out: `p.requires_grad`.",
)
def frozen_too(model, source, target):
    return _ask(model, source, target, dead=lambda p: p.grad is None or not p.grad.any())


@EXERCISE.wrong(
    "frozen parameters made trainable",
    "Parameters that require no gradient are made to require one, and then named. They are frozen on purpose.",
)
def thawed(model, source, target):
    return _ask(copy.deepcopy(model).requires_grad_(), source, target)


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
    "The model had gradients, and they are lost. Work on `copy.deepcopy(model)`.",
)
def cleared_at_the_end(model, source, target):
    return _ask(model, source, target, copied=False, after=lambda model: model.zero_grad())


@EXERCISE.wrong(
    "target not shifted",
    "The whole target is read here. In training the model reads all but the last word, `target[:, :-1]`, and predicts "
    "all but the first.",
)
def not_shifted(model, source, target):
    return _ask(model, source, target, shifted=False)


@EXERCISE.wrong(
    "padding in the loss",
    "Places whose label is padding count in the loss, so parameters that only serve padding seem to learn. Leave them out of "
    "the cross-entropy, with `ignore_index`.",
    unless=r"ignore_index ?= ?0|\.sum\(\)",
)
def padding_counts(model, source, target):
    return _ask(model, source, target, ignored=-100)


@EXERCISE.wrong(
    "gradients that add up to 0",
    "A gradient whose numbers cancel in the sum is not a gradient of zeros. Ask whether any of them is not 0: "
    "`p.grad.any()`.",
)
def sums_to_0(model, source, target):
    def dead(p):
        return p.requires_grad and (p.grad is None or abs(float(p.grad.sum())) < 1e-6)

    return _ask(model, source, target, dead=dead)


@EXERCISE.wrong(
    "a pass that records no gradients",
    "`logits_of` runs without gradients, so there is nothing to go back through. Call the model itself.",
    only="logits_of",
)
def without_gradients(model, source, target):
    return _ask(model, source, target, passes=logits_of)


@EXERCISE.wrong(
    "always in training mode",
    "The pass runs in training mode, whatever the model's own mode is. Leave the mode as it is.",
)
def trained_always(model, source, target):
    return _ask(copy.deepcopy(model).train(), source, target)


@EXERCISE.wrong(
    "always in evaluation mode",
    "The pass runs in evaluation mode, whatever the model's own mode is. Leave the mode as it is.",
)
def evaluated_always(model, source, target):
    return _ask(copy.deepcopy(model).eval(), source, target)


@EXERCISE.wrong("names not sorted", "The names are not in alphabetical order: `sorted(...)`.")
def not_sorted(model, source, target):
    return _ask(model, source, target, order=lambda names: sorted(names, reverse=True))


@EXERCISE.wrong(
    "small gradients taken for 0",
    "A parameter is listed whose gradient is small, but not 0: it learns slowly. `allclose` and rounding take small numbers "
    "for 0; ask whether the gradient has any number other than 0.",
    only=r"close|round|<",
)
def small_is_zero(model, source, target):
    def dead(p):
        return p.requires_grad and (p.grad is None or torch.allclose(p.grad, torch.zeros_like(p.grad)))

    return _ask(model, source, target, dead=dead)


@EXERCISE.wrong(
    "gradients of the model itself read",
    "The backward pass is made on the copy, and the gradients that are read are the model's own from before. Read those of the "
    "copy.",
    only=r"deepcopy",
)
def read_from_the_model(model, source, target):
    _ask(model, source, target)
    dead = (p.requires_grad and (p.grad is None or not p.grad.any()) for p in model.parameters())
    return sorted(name for (name, _), is_dead in zip(model.named_parameters(), dead, strict=True) if is_dead)


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
def what_is_alive(model, source, target):
    patient = copy.deepcopy(model)
    for parameter in patient.parameters():
        parameter.grad = None
    logits = patient(source, target[:, :-1])
    loss = torch.nn.CrossEntropyLoss(ignore_index=0)(logits.permute(0, 2, 1), target[:, 1:])
    loss.backward()
    alive = {name for name, p in patient.named_parameters() if p.grad is not None and torch.count_nonzero(p.grad)}
    return sorted({name for name, p in patient.named_parameters() if p.requires_grad} - alive)
