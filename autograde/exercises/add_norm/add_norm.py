"""AddNorm: add and normalize as a module."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from autograde.exercise import Exercise
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
    random_rows,
    what_add_norm_did,
)
from autograde.exercises.add_norm.layer_normalization import Functional as NormFunctional
from autograde.exercises.add_norm.layer_normalization import Variance as NormVariance
from autograde.exercises.inputs import tensor
from autograde.harness.call import MAIN, ConstructorCall, ModuleCall
from helpers.add_norm import AddNorm


def projection(call, value):
    if call.part != DROPOUT:
        return value
    x, sublayer_output = (argument.array for argument in call.args)
    return what_add_norm_did(value.array, x, sublayer_output, call.weights["norm.gamma"], call.weights["norm.beta"])


def _marked(rng, *shape):
    """x and a sublayer's output whose columns 0 and 1 are 0, for `what_add_norm_did`."""
    x, sublayer_output = rng.normal(size=shape), gain(rng, *shape)
    x[..., 0], x[..., 1], sublayer_output[..., :2] = 2, -2, 0
    return tensor(x), tensor(sublayer_output)


def calls(rng):
    def weights(width):
        return learned(rng, width, "norm.")

    def inputs(*shape):
        return tensor(random_rows(rng, *shape)), tensor(random_rows(rng, *shape))

    def dropped(pair, note, training=True, dropout=(0.3,)):
        width = pair[0].array.shape[-1]
        return ModuleCall(pair, new=(width, *dropout), weights=weights(width), training=training, **drop(note))

    by_hand = {"norm.gamma": np.full(3, 2, np.float32), "norm.beta": np.ones(3, np.float32)}
    some = tensor(rng.normal(size=(2, 5, 40)))
    nothing, ones = tensor(np.zeros((2, 5, 40))), tensor(np.ones((2, 5, 40)))
    everything = ("output", "parameters", "gradients", "input_gradients")
    return [
        ModuleCall(
            (tensor([[[1, 0, 2]]]), tensor([[[0, 2, 1]]])),
            new=(3, 0.0),
            weights=by_hand,
            note="by hand: the sum is 1, 2, 3; gamma is 2, beta is 1",
        ),
        ConstructorCall((7,), report=("parameters",), note="what the module has registered"),
        ModuleCall(inputs(3, 5, 6), new=(6, 0.0), weights=weights(6)),
        ModuleCall(inputs(2, 7, 4), new=(4, 0.0), weights=weights(4)),
        ModuleCall(
            inputs(2, 4, 5), new=(5, 0.0), weights=weights(5), report=everything, part=GRADIENTS, note="backward, too"
        ),
        dropped(_marked(rng, 4, 40, 50), "in training mode, with dropout 0.3"),
        dropped(_marked(rng, 4, 40, 50), "in training mode, with the default dropout", dropout=()),
        dropped(inputs(2, 5, 40), "in evaluation mode, with dropout 0.6", training=False, dropout=(0.6,)),
        dropped((some, nothing), "in training mode; the sublayer's output is 0, so that there is nothing to drop"),
        dropped((nothing, some), "in training mode; x is 0"),
        dropped((ones, ones), "in training mode; x and the sublayer's output are 1"),
        ModuleCall(
            inputs(2, 3, 5),
            new=(5, 0.0),
            weights=weights(5),
            then=(("forward", inputs(3, 2, 5)),),
            note="two batches, one after the other",
        ),
        dropped(_marked(rng, 4, 40, 50), NOTHING_DROPPED, dropout=(0.0,)),
    ]


EXERCISE = Exercise(
    name="AddNorm",
    title="add and normalize as a module",
    points=4,
    minutes=10,
    hints=(
        "Two parts in `__init__`: your `LayerNormalization` under the name `norm`, and an `nn.Dropout`. `nn.Dropout` looks "
        "after training and evaluation mode by itself.",
        "Read `forward` from the inside: dropout of `sublayer_output`, plus `x`, and `self.norm` of all that. The "
        "module does not run the sublayer; it gets its finished output.",
    ),
    reference=AddNorm,
    make_calls=calls,
    parts={MAIN: 0.5, GRADIENTS: 0.2, DROPOUT: 0.3},
    projection=projection,
)


@EXERCISE.wrong(
    "only the sublayer normalized",
    "The sublayer's output is normalized, then `x` is added. In the paper the sum is normalized: add first.",
)
class OfSublayer(AddNorm):
    def forward(self, x, sublayer_output):
        return x + self.norm(self.dropout(sublayer_output))


@EXERCISE.wrong(
    "only x normalized",
    "`x` is normalized, then the sublayer's output is added. In the paper the sum is normalized: add first.",
)
class OfX(AddNorm):
    def forward(self, x, sublayer_output):
        return self.norm(x) + self.dropout(sublayer_output)


@EXERCISE.wrong(
    "no residual connection", "`x` does not take part: only the sublayer's output is normalized. Add `x` to it first."
)
class NoResidual(AddNorm):
    def forward(self, x, sublayer_output):
        return self.norm(self.dropout(sublayer_output))


@EXERCISE.wrong("not normalized", "This is the sum. Apply `self.norm` to it.")
class NotNormalized(AddNorm):
    def forward(self, x, sublayer_output):
        return x + self.dropout(sublayer_output)


@EXERCISE.wrong(
    "normalized twice",
    "The sublayer's output is normalized before the sum and the sum once more. One normalization, of the sum.",
)
class Twice(AddNorm):
    def forward(self, x, sublayer_output):
        return self.norm(x + self.norm(self.dropout(sublayer_output)))


@EXERCISE.wrong(
    "sublayer called", "The second argument is called like a function. It is the sublayer's finished output, a tensor."
)
class CallsSublayer(AddNorm):
    def forward(self, x, sublayer_output):
        return self.norm(x + self.dropout(sublayer_output(x)))


@EXERCISE.wrong(
    "residual cut off from the gradient",
    "The output is right, but no gradient reaches `x`. The residual connection lets gradients pass: leave out "
    "`.detach()` and `.data`.",
)
class ResidualDetached(AddNorm):
    def forward(self, x, sublayer_output):
        return self.norm(x.detach() + self.dropout(sublayer_output))


@EXERCISE.wrong(
    "weight and bias in norm",
    "`norm` has `weight` and `bias`, as `nn.LayerNorm` has. A `LayerNormalization` has `gamma` and `beta`.",
)
class TorchNorm(AddNorm):
    def __init__(self, embed_dim, dropout=0.1):
        super().__init__(embed_dim, dropout)
        self.norm = nn.LayerNorm(embed_dim)


@EXERCISE.wrong(
    "another name for norm",
    "The normalization is called `layer_norm`. Call the attribute `norm`.",
)
class OtherName(AddNorm):
    def __init__(self, embed_dim, dropout=0.1):
        super().__init__(embed_dim, dropout)
        self.layer_norm = self.norm
        del self.norm

    def forward(self, x, sublayer_output):
        return self.layer_norm(x + self.dropout(sublayer_output))


@EXERCISE.wrong("changes its input", IN_PLACE)
class InPlace(AddNorm):
    def forward(self, x, sublayer_output):
        x += self.dropout(sublayer_output)
        return self.norm(x)


@EXERCISE.wrong("dropout after the add", AFTER_ADD)
class DropAfterAdd(AddNorm):
    def forward(self, x, sublayer_output):
        return self.norm(self.dropout(x + sublayer_output))


@EXERCISE.wrong(
    "dropout after the normalization",
    "Dropout acts on the finished result. It acts on the sublayer's output, before the add.",
)
class DropLast(AddNorm):
    def forward(self, x, sublayer_output):
        return self.dropout(self.norm(x + sublayer_output))


@EXERCISE.wrong(
    "dropout on x",
    "Dropout acts on `x`, the residual connection, which has to stay whole. It acts on the sublayer's output.",
)
class DropX(AddNorm):
    def forward(self, x, sublayer_output):
        return self.norm(self.dropout(x) + sublayer_output)


@EXERCISE.wrong(
    "dropout on both",
    "Dropout acts on `x`, too. The residual connection stays whole: drop only in the sublayer's output.",
)
class DropBoth(AddNorm):
    def forward(self, x, sublayer_output):
        return self.norm(self.dropout(x) + self.dropout(sublayer_output))


@EXERCISE.wrong("no dropout", NO_DROPOUT)
class NoDropout(AddNorm):
    def forward(self, x, sublayer_output):
        return self.norm(x + sublayer_output)


@EXERCISE.wrong("dropout in evaluation too", ALWAYS)
class DropAlways(AddNorm):
    def forward(self, x, sublayer_output):
        return self.norm(x + F.dropout(sublayer_output, self.dropout.p))


@EXERCISE.wrong("dropout as the share that is kept", KEPT)
class ShareKept(AddNorm):
    def __init__(self, embed_dim, dropout=0.1):
        super().__init__(embed_dim, 1 - dropout)


@EXERCISE.wrong("dropout share not passed on", OTHER_SHARE)
class DropDefault(AddNorm):
    def __init__(self, embed_dim, dropout=0.1):
        super().__init__(embed_dim, 0.5)


@EXERCISE.wrong("dropout 0 taken for the default", ZERO_DROPOUT)
class ZeroForDefault(AddNorm):
    def __init__(self, embed_dim, dropout=0.1):
        super().__init__(embed_dim, dropout or 0.1)


@EXERCISE.wrong(
    "dropout without rescaling",
    "Numbers are dropped, but the others keep their size. They are divided by 1 - dropout, so that the mean stays "
    "the same; `nn.Dropout` does it.",
)
class NotRescaled(AddNorm):
    def forward(self, x, sublayer_output):
        if self.training:
            sublayer_output = sublayer_output * (torch.rand(sublayer_output.shape) >= self.dropout.p)
        return self.norm(x + sublayer_output)


@EXERCISE.variant
class Functional(nn.Module):
    def __init__(self, embed_dim, dropout=0.1):
        super().__init__()
        self.share = dropout
        self.norm = NormFunctional(embed_dim)

    def forward(self, x, sublayer_output):
        return self.norm(torch.add(F.dropout(sublayer_output, self.share, self.training), x))


@EXERCISE.variant
class ByHand(AddNorm):
    def forward(self, x, sublayer_output):
        if self.training:
            kept = torch.rand(sublayer_output.shape) < 1 - self.dropout.p
            sublayer_output = torch.where(kept, sublayer_output / (1 - self.dropout.p), 0.0)
        return self.norm(x + sublayer_output)


@EXERCISE.variant
class Sequential(nn.Module):
    def __init__(self, embed_dim, dropout=0.1):
        super().__init__()
        self.drop = nn.Sequential(nn.Identity(), nn.Dropout(p=dropout))
        self.norm = NormVariance(embed_dim)

    def forward(self, x, sublayer_output):
        return self.norm(torch.stack([self.drop(sublayer_output), x]).sum(0))


@EXERCISE.variant
class Rows(AddNorm):
    def forward(self, x, sublayer_output):
        return torch.stack([self.norm(x[i : i + 1] + self.dropout(sublayer_output[i]))[0] for i in range(len(x))])
