"""PreNormBlock: the variant that normalizes first."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.add_norm.common import (
    AFTER_ADD,
    ALWAYS,
    DROPOUT,
    GRADIENTS,
    IN_PLACE,
    KEPT,
    NO_DROPOUT,
    NOTHING_DROPPED,
    OTHER_SHARE,
    ZERO_DROPOUT,
    drop,
    gain,
    learned,
    plain_norm,
    random_rows,
    what_dropout_did,
)
from autograde.exercises.add_norm.layer_normalization import Functional as NormFunctional
from autograde.exercises.inputs import tensor
from autograde.harness.call import MAIN, ConstructorCall, Fixture, ModuleCall
from helpers.add_norm import PreNormBlock


def _linear(rng, width, kind="linear") -> Fixture:
    weight = rng.normal(size=(width, width)) * 1.2 / np.sqrt(width)
    return Fixture(kind, (weight.astype(np.float32), gain(rng, width).astype(np.float32)))


def projection(call, value):
    if call.part != DROPOUT:
        return value
    x, output = call.args[0].array.astype(np.float64), value.array
    if output.shape != x.shape:
        return {"shape": str(output.shape)}
    weight, bias = call.new[1].args
    changed = plain_norm(x, call.weights["norm.gamma"], call.weights["norm.beta"]) @ weight.T + bias
    used = np.abs(changed) > 0.1
    factors = np.divide(output - x, changed, where=used, out=np.zeros_like(x))
    return {"zeros": f"{np.mean(output == 0):.1f}", **what_dropout_did(factors, used)}


def calls(rng):
    def call(*shape, dropout=(0.0,), kind="linear", **more):
        width = shape[-1]
        new = (width, _linear(rng, width, kind), *dropout)
        return ModuleCall((tensor(random_rows(rng, *shape)),), new=new, weights=learned(rng, width, "norm."), **more)

    turned = Fixture(
        "linear", (np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], np.float32), np.array([0, 0, 10], np.float32))
    )
    by_hand = {"norm.gamma": np.full(3, 2, np.float32), "norm.beta": np.ones(3, np.float32)}
    everything = ("output", "parameters", "gradients", "input_gradients")
    return [
        ModuleCall(
            (tensor([[[1, 2, 3]]]),),
            new=(3, turned, 0.0),
            weights=by_hand,
            note="by hand: layer norm gives -1.45, 1, 3.45; the sublayer gives 1, 3.45, -1.45 + 10",
        ),
        ConstructorCall((4, _linear(rng, 4)), report=("parameters",), note="what the module has registered"),
        call(3, 5, 6),
        call(2, 7, 4),
        call(2, 4, 5, report=everything, part=GRADIENTS, note="backward, too"),
        call(4, 40, 50, dropout=(0.3,), training=True, **drop("in training mode, with dropout 0.3")),
        call(4, 40, 50, dropout=(), training=True, **drop("in training mode, with the default dropout")),
        call(2, 5, 40, dropout=(0.6,), **drop("in evaluation mode, with dropout 0.6")),
        call(
            2, 3, 5, then=(("forward", (tensor(random_rows(rng, 3, 2, 5)),)),), note="two batches, one after the other"
        ),
        call(4, 40, 50, dropout=(0.0,), training=True, **drop(NOTHING_DROPPED)),
        call(
            2,
            4,
            5,
            kind="linear_and_relu",
            report=("output", "gradients", "input_gradients"),
            part=GRADIENTS,
            note="a sublayer that ends with a ReLU; backward, too",
        ),
    ]


EXERCISE = Exercise(
    name="PreNormBlock",
    title="the variant: normalize first",
    points=3,
    minutes=8,
    extra=True,
    hints=(
        "The same four parts as in post-norm, in a different order. The residual connection goes around everything: "
        "what is added at the end is the `x` that came in.",
        "From the inside: `self.norm` of `x`, then `self.sublayer`, then dropout. The sum with `x` comes last, and nothing "
        "comes after it.",
    ),
    reference=PreNormBlock,
    make_calls=calls,
    parts={MAIN: 0.6, GRADIENTS: 0.2, DROPOUT: 0.2},
    projection=projection,
    forbidden=libraries.TRANSFORMER,
)


@EXERCISE.wrong(
    "post-norm",
    "The sum is normalized: that is the paper's order. Here the norm comes first, in front of the sublayer.",
)
class PostNorm(PreNormBlock):
    def forward(self, x):
        return self.norm(x + self.dropout(self.sublayer(x)))


@EXERCISE.wrong(
    "no residual connection", "`x` is not added at the end. Without it there is no path around the sublayer."
)
class NoResidual(PreNormBlock):
    def forward(self, x):
        return self.dropout(self.sublayer(self.norm(x)))


@EXERCISE.wrong(
    "residual from the normalized x",
    "The normalized rows are added at the end, probably because `x` was overwritten. Add the `x` that came in.",
)
class NormalizedResidual(PreNormBlock):
    def forward(self, x):
        x = self.norm(x)
        return x + self.dropout(self.sublayer(x))


@EXERCISE.wrong(
    "norm after the sublayer",
    "The sublayer gets `x` as it is, and its output is normalized. Normalize what goes into the sublayer.",
)
class NormAfterSublayer(PreNormBlock):
    def forward(self, x):
        return x + self.dropout(self.norm(self.sublayer(x)))


@EXERCISE.wrong("not normalized", "The sublayer gets `x` as it is. Apply `self.norm` to it first.")
class NotNormalized(PreNormBlock):
    def forward(self, x):
        return x + self.dropout(self.sublayer(x))


@EXERCISE.wrong(
    "normalized before and after", "The sum is normalized once more. In a pre-norm block nothing comes after the sum."
)
class NormTwice(PreNormBlock):
    def forward(self, x):
        return self.norm(super().forward(x))


@EXERCISE.wrong(
    "sublayer not called",
    "The normalized rows are added to `x`; the sublayer does not run. Call `self.sublayer` on them.",
)
class WithoutSublayer(PreNormBlock):
    def forward(self, x):
        return x + self.dropout(self.norm(x))


@EXERCISE.wrong(
    "sublayer not registered",
    "The sublayer's parameters are not found: a module in a Python list is not registered. Keep it as `self.sublayer`.",
)
class Unregistered(PreNormBlock):
    def __init__(self, embed_dim, sublayer, dropout=0.1):
        super().__init__(embed_dim, nn.Identity(), dropout)
        self.others = [sublayer]

    def forward(self, x):
        return x + self.dropout(self.others[0](self.norm(x)))


@EXERCISE.wrong(
    "no gradient to x through the sublayer",
    "The output is right, but the gradient of `x` passes only along the residual connection. Leave out `.detach()` "
    "and `.data`.",
)
class Detached(PreNormBlock):
    def forward(self, x):
        return x + self.dropout(self.sublayer(self.norm(x.detach())))


@EXERCISE.wrong("changes its input", IN_PLACE)
class InPlace(PreNormBlock):
    def forward(self, x):
        x += self.dropout(self.sublayer(self.norm(x)))
        return x


@EXERCISE.wrong("dropout after the add", AFTER_ADD)
class DropAfterAdd(PreNormBlock):
    def forward(self, x):
        return self.dropout(x + self.sublayer(self.norm(x)))


@EXERCISE.wrong(
    "dropout in another place",
    "Dropout acts on something else, such as `x` or what goes into the sublayer. It acts on what the sublayer "
    "gives, before the add.",
)
class DropBeforeSublayer(PreNormBlock):
    def forward(self, x):
        return x + self.sublayer(self.dropout(self.norm(x)))


@EXERCISE.wrong("no dropout", NO_DROPOUT)
class NoDropout(PreNormBlock):
    def forward(self, x):
        return x + self.sublayer(self.norm(x))


@EXERCISE.wrong("dropout in evaluation too", ALWAYS)
class DropAlways(PreNormBlock):
    def forward(self, x):
        return x + F.dropout(self.sublayer(self.norm(x)), self.dropout.p)


@EXERCISE.wrong("dropout share not passed on", OTHER_SHARE)
class DropDefault(PreNormBlock):
    def __init__(self, embed_dim, sublayer, dropout=0.1):
        super().__init__(embed_dim, sublayer, 0.5)


@EXERCISE.wrong("dropout 0 taken for the default", ZERO_DROPOUT)
class ZeroForDefault(PreNormBlock):
    def __init__(self, embed_dim, sublayer, dropout=0.1):
        super().__init__(embed_dim, sublayer, dropout or 0.1)


@EXERCISE.wrong("dropout as the share that is kept", KEPT)
class ShareKept(PreNormBlock):
    def __init__(self, embed_dim, sublayer, dropout=0.1):
        super().__init__(embed_dim, sublayer, 1 - dropout)


@EXERCISE.variant
class Functional(nn.Module):
    def __init__(self, embed_dim, sublayer, dropout=0.1):
        super().__init__()
        self.share = dropout
        self.sublayer = sublayer
        self.norm = NormFunctional(embed_dim)

    def forward(self, x):
        normalized = self.norm(x)
        changed = self.sublayer(normalized)
        return F.dropout(changed, p=self.share, training=self.training) + x


@EXERCISE.variant
class ByHand(PreNormBlock):
    def forward(self, x):
        changed = self.sublayer(self.norm(x))
        if self.training:
            kept = torch.rand(changed.shape, dtype=torch.float64) >= self.dropout.p
            changed = changed * kept.float() / (1 - self.dropout.p)
        return torch.add(x, changed)


@EXERCISE.variant
class Sequential(PreNormBlock):
    def forward(self, x):
        return nn.Sequential(self.norm, self.sublayer, self.dropout)(x) + x


@EXERCISE.variant
class Rows(PreNormBlock):
    def forward(self, x):
        return torch.stack([sentence + self.dropout(self.sublayer(self.norm(sentence))) for sentence in x.unbind(0)])
