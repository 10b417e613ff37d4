"""RMSNorm: the gain learns."""

import numpy as np
import torch
from torch import nn

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.inputs import tensor
from autograde.exercises.today.common import EPS, GRADIENTS, gain, off_centre
from autograde.harness.call import MAIN, ConstructorCall, ModuleCall
from helpers.today import RMSNorm, rms_norm

WITHOUT_EPS = 1e-4


def calls(rng):
    def learned(width):
        return {"gain": gain(rng, width).astype(np.float32)}

    return [
        ModuleCall(
            (tensor([[[1, 7]]]),),
            new=(2,),
            weights={"gain": np.array([2, 1], np.float32)},
            tolerance=WITHOUT_EPS,
            note="by hand: the root of the mean square is 5; 0.2 and 1.4, times the gain",
        ),
        ModuleCall((tensor(off_centre(rng, 3, 5, 6)),), new=(6,), weights=learned(6), tolerance=WITHOUT_EPS),
        ModuleCall((tensor(off_centre(rng, 2, 7, 4)),), new=(4,), weights=learned(4), tolerance=WITHOUT_EPS),
        ModuleCall(
            (tensor(off_centre(rng, 5, 4)),),
            new=(4,),
            weights=learned(4),
            tolerance=WITHOUT_EPS,
            note="one sentence: (length, d_model)",
        ),
        ModuleCall(
            (tensor(off_centre(rng, 2, 4, 5)),),
            new=(5,),
            weights=learned(5),
            report=("output", "parameters", "gradients", "input_gradients"),
            training=True,
            tolerance=1e-3,
            part=GRADIENTS,
            note="in training mode; backward, too",
        ),
        ModuleCall(
            (tensor(off_centre(rng, 2, 3, 5) * 0.3),), new=(5, 0.5), weights=learned(5), part=EPS, note="eps is 0.5"
        ),
        ModuleCall(
            (tensor(off_centre(rng, 2, 5, 4) * 0.001),),
            new=(4,),
            weights=learned(4),
            part=EPS,
            note="eps is 1e-6 where nothing else is said; the mean square is as small",
        ),
        ModuleCall(
            (tensor(off_centre(rng, 2, 3, 5)),),
            new=(5,),
            weights=learned(5),
            then=(("forward", (tensor(off_centre(rng, 3, 2, 5)),)),),
            tolerance=WITHOUT_EPS,
            note="two batches, one after the other",
        ),
        ConstructorCall((7,), report=("parameters", "initial"), part="start", note="what is registered, and its start"),
    ]


EXERCISE = Exercise(
    name="RMSNorm",
    title="the gain learns",
    points=2,
    minutes=6,
    hints=(
        "`nn.Parameter(torch.ones(d_model))` registers the gain. `forward` is `rms_norm` in PyTorch's words: the axis is called `dim`, `keepdims` is `keepdim`.",
        "`x.square().mean(dim=-1, keepdim=True)` is the mean square, `torch.sqrt` the root. Keep `eps` as an attribute.",
    ),
    reference=RMSNorm,
    make_calls=calls,
    parts={MAIN: 0.5, GRADIENTS: 0.2, EPS: 0.2, "start": 0.1},
    forbidden=(*libraries.NORMALIZATION, "torch.nn.RMSNorm", "torch.nn.functional.rms_norm", "torch.rms_norm"),
)


@EXERCISE.wrong(
    "gain not registered",
    "The module has no parameter, so nothing is learned. `gain` has to be an `nn.Parameter`, an attribute of `self`.",
)
class Unregistered(nn.Module):
    def __init__(self, d_model, eps=1e-6):
        super().__init__()
        self.eps, self.gain = eps, torch.ones(d_model)

    def forward(self, x):
        return x / torch.sqrt(x.square().mean(dim=-1, keepdim=True) + self.eps) * self.gain


@EXERCISE.wrong("gain called weight", "The parameter is called `weight`, as in PyTorch's own layer. Here it is `gain`.")
class OtherName(nn.RMSNorm):
    def __init__(self, d_model, eps=1e-6):
        super().__init__(d_model, eps)


class _Steps(RMSNorm):
    """The module cut into steps, so that a mistake replaces one of them."""

    def mean_square(self, x):
        return x.square().mean(dim=-1, keepdim=True)

    def root(self, mean_square):
        return torch.sqrt(mean_square + self.eps)

    def scaled(self, x):
        return x * self.gain

    def forward(self, x):
        return self.scaled(x / self.root(self.mean_square(x)))


@EXERCISE.wrong("gain starts at zero", "With a gain of 0 the layer forgets its input. It starts with ones.")
class StartsAtZero(_Steps):
    def __init__(self, d_model, eps=1e-6):
        super().__init__(d_model, eps)
        nn.init.zeros_(self.gain)


@EXERCISE.wrong(
    "one number as the gain", "The gain is a single number here. Every column has its own: `torch.ones(d_model)`."
)
class OneNumber(_Steps):
    def __init__(self, d_model, eps=1e-6):
        super().__init__(d_model, eps)
        self.gain = nn.Parameter(torch.ones(1))


@EXERCISE.wrong(
    "mean subtracted",
    "The mean is subtracted, as in layer normalization. RMS norm leaves it in: only the scale changes.",
)
class Centred(_Steps):
    def forward(self, x):
        return super().forward(x - x.mean(dim=-1, keepdim=True))


@EXERCISE.wrong(
    "divided by the standard deviation",
    "The rows are divided by their standard deviation, which measures the distance from the mean. Take the root of the mean of the squares.",
)
class Deviation(_Steps):
    def mean_square(self, x):
        return x.var(dim=-1, keepdim=True, correction=0)


@EXERCISE.wrong("sum in place of the mean", "The squares are added up. Take their mean: divide by the width.")
class Summed(_Steps):
    def mean_square(self, x):
        return x.square().sum(dim=-1, keepdim=True)


@EXERCISE.wrong("no root", "The rows are divided by the mean square itself. Take its square root.")
class NoRoot(_Steps):
    def root(self, mean_square):
        return mean_square + self.eps


@EXERCISE.wrong("gain not used", "The rows are normalized, but `gain` is not used, so it never learns. Multiply by it.")
class NoGain(_Steps):
    def scaled(self, x):
        return x


@EXERCISE.wrong("eps outside the root", "`eps` is added after the root. It belongs to the mean square, under the root.")
class EpsOutside(_Steps):
    def root(self, mean_square):
        return torch.sqrt(mean_square) + self.eps


@EXERCISE.wrong("eps ignored", "The argument `eps` is ignored: keep it in `__init__`, and use it in `forward`.")
class FixedEps(_Steps):
    def __init__(self, d_model, eps=1e-6):
        super().__init__(d_model)


@EXERCISE.wrong("eps of layer norm", "The default of `eps` is not 1e-6. Layer normalization had 1e-5.")
class OtherEps(_Steps):
    def __init__(self, d_model, eps=1e-5):
        super().__init__(d_model, eps)


@EXERCISE.wrong(
    "cut off from the gradient", "The root is cut off from the gradient. Leave out `.detach()` and `torch.no_grad()`."
)
class Detached(_Steps):
    def root(self, mean_square):
        return super().root(mean_square).detach()


@EXERCISE.wrong(
    "axis 2",
    "Axis 2 is the last one of a batch of sentences, and a single sentence has none. Count from the end: `dim=-1`.",
)
class AxisTwo(_Steps):
    def mean_square(self, x):
        return x.square().mean(dim=2, keepdim=True)


@EXERCISE.wrong(
    "mean over the whole sentence",
    "One mean square is taken over all tokens of a sentence. Each token has its own: `dim=-1`.",
)
class WholeSentence(RMSNorm):
    def forward(self, x):
        return x / torch.sqrt(x.square().mean(dim=(-2, -1), keepdim=True) + self.eps) * self.gain


@EXERCISE.wrong(
    "rms_norm of the exercise before",
    "`rms_norm` works with NumPy arrays, and here it gets tensors. Write the formula with PyTorch: `x.square().mean(dim=-1, "
    "keepdim=True)`, `torch.sqrt`.",
    only=r"rms_norm\(",
)
class NumPys(RMSNorm):
    def forward(self, x):
        return rms_norm(x, self.gain, self.eps)


@EXERCISE.wrong(
    "keepdim forgotten",
    "The mean has lost the last axis, so it does not fit the rows any more. `keepdim=True` keeps it, with size 1.",
)
class KeepdimForgotten(RMSNorm):
    def forward(self, x):
        return x / torch.sqrt(x.square().mean(dim=-1) + self.eps) * self.gain


@EXERCISE.wrong(
    "1 plus the gain",
    "The gain starts at 0 and 1 is added to it, as in some published models. Here the gain itself is the factor, and "
    "starts at 1.",
)
class OnePlusGain(StartsAtZero):
    def scaled(self, x):
        return x * (1 + self.gain)


@EXERCISE.variant
class Rsqrt(nn.Module):
    def __init__(self, d_model, eps=1e-6):
        super().__init__()
        self.register_parameter("gain", nn.Parameter(torch.full((d_model,), 1.0)))
        self.tiny = eps

    def forward(self, x):
        return self.gain * (x * torch.rsqrt((x * x).mean(-1, keepdim=True) + self.tiny))


@EXERCISE.variant
class Length(nn.Module):
    def __init__(self, d_model, eps=1e-6):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(d_model))
        self.width, self.eps = d_model, eps

    def forward(self, x):
        return x * self.gain / (x.pow(2).sum(-1, True) / self.width + self.eps).sqrt()


@EXERCISE.variant
class Einsum(nn.Module):
    def __init__(self, d_model, eps=1e-6):
        super().__init__()
        self.eps = eps
        self.gain = nn.Parameter(torch.zeros(d_model) + 1)

    def forward(self, x):
        squares = torch.einsum("...d,...d->...", x, x) / x.shape[-1]
        return (x / (squares.unsqueeze(-1) + self.eps) ** 0.5).mul(self.gain)
