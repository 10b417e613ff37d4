"""LayerNormalization: gamma and beta learn."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.add_norm.common import (
    DEVIATION_PLUS_EPS,
    EPS,
    GRADIENTS,
    IN_PLACE,
    KEEPDIMS,
    UNBIASED,
    WITHOUT_EPS,
    learned,
    random_rows,
)
from autograde.exercises.inputs import tensor
from autograde.harness.call import MAIN, ConstructorCall, ModuleCall
from helpers.add_norm import LayerNormalization


def calls(rng):
    by_hand = {"gamma": np.full(3, 2, np.float32), "beta": np.ones(3, np.float32)}
    everything = ("output", "parameters", "gradients", "input_gradients")
    return [
        ModuleCall(
            (tensor([[[1, 2, 3]]]),),
            new=(3,),
            weights=by_hand,
            tolerance=WITHOUT_EPS,
            note="by hand: normalized -1.22, 0, 1.22; gamma is 2, beta is 1",
        ),
        ModuleCall((tensor(random_rows(rng, 3, 5, 6)),), new=(6,), weights=learned(rng, 6), tolerance=WITHOUT_EPS),
        ModuleCall((tensor(random_rows(rng, 2, 7, 4)),), new=(4,), weights=learned(rng, 4), tolerance=WITHOUT_EPS),
        ModuleCall(
            (tensor(random_rows(rng, 2, 4, 5)),),
            new=(5,),
            weights=learned(rng, 5),
            training=True,
            report=everything,
            tolerance=1e-3,  # gradients are sums of such numbers
            part=GRADIENTS,
            note="in training mode; backward, too",
        ),
        ModuleCall(
            (tensor(random_rows(rng, 2, 3, 5) * 0.2),),
            new=(5, 0.5),
            weights=learned(rng, 5),
            part=EPS,
            note="eps is 0.5",
        ),
        ModuleCall(
            (tensor(random_rows(rng, 2, 5, 4) * 0.003),),
            new=(4,),
            weights=learned(rng, 4),
            part=EPS,
            note="eps is 1e-5 where nothing else is said; the variance is as small",
        ),
        ModuleCall(
            (tensor(random_rows(rng, 2, 3, 5)),),
            new=(5,),
            weights=learned(rng, 5),
            then=(("forward", (tensor(random_rows(rng, 3, 2, 5)),)),),
            tolerance=WITHOUT_EPS,
            note="two batches, one after the other",
        ),
        ConstructorCall(
            (7,),
            report=("parameters", "initial"),
            part="start",
            note="what is registered, and its start",
        ),
    ]


EXERCISE = Exercise(
    name="LayerNormalization",
    title="gamma and beta learn",
    points=4,
    minutes=12,
    hints=(
        "`nn.Parameter(tensor)` registers something that is learned. In PyTorch the axis is called `dim`, and `keepdims` "
        "is `keepdim`.",
        "`torch.ones(embed_dim)` and `torch.zeros(embed_dim)` are the two start values; keep `eps` as an attribute. In "
        "`forward`, `x.mean(dim=-1, keepdim=True)` is the mean. `x.var` is unbiased unless told otherwise "
        "(`correction=0`), so take the mean of the squared deviations yourself.",
    ),
    reference=LayerNormalization,
    make_calls=calls,
    parts={MAIN: 0.5, GRADIENTS: 0.2, EPS: 0.2, "start": 0.1},
    forbidden=libraries.NORMALIZATION,
)


@EXERCISE.wrong(
    "gamma and beta not registered",
    "The module has no parameters, so nothing is learned. `gamma` and `beta` have to be `nn.Parameter`s, attributes "
    "of `self`.",
)
class Unregistered(nn.Module):
    def __init__(self, embed_dim, eps=1e-5):
        super().__init__()
        self.eps, self.gamma, self.beta = eps, torch.ones(embed_dim), torch.zeros(embed_dim)

    def forward(self, x):
        return F.layer_norm(x, self.gamma.shape, self.gamma, self.beta, self.eps)


@EXERCISE.wrong(
    "other names",
    "The parameters are called `weight` and `bias`, as in PyTorch's own layer. Here they are `gamma` and `beta`.",
)
class OtherNames(nn.LayerNorm):
    pass


@EXERCISE.wrong(
    "gamma starts at zero",
    "With gamma = 0 the layer forgets its input at the start. Gamma starts with ones, beta with zeros.",
)
class GammaZero(LayerNormalization):
    def __init__(self, embed_dim, eps=1e-5):
        super().__init__(embed_dim, eps)
        nn.init.zeros_(self.gamma)


@EXERCISE.wrong(
    "beta starts at one", "Beta shifts every row by 1 at the start. Gamma starts with ones, beta with zeros."
)
class BetaOne(LayerNormalization):
    def __init__(self, embed_dim, eps=1e-5):
        super().__init__(embed_dim, eps)
        nn.init.ones_(self.beta)


@EXERCISE.wrong(
    "random start",
    "Gamma and beta start with random numbers. They start as ones and zeros, so that the layer begins as a plain "
    "normalization.",
)
class RandomStart(LayerNormalization):
    def __init__(self, embed_dim, eps=1e-5):
        super().__init__(embed_dim, eps)
        nn.init.normal_(self.gamma)
        nn.init.normal_(self.beta)


@EXERCISE.wrong(
    "one gamma for all columns", "Gamma and beta are single numbers. Every column has its own: `torch.ones(embed_dim)`."
)
class SingleNumbers(LayerNormalization):
    def __init__(self, embed_dim, eps=1e-5):
        super().__init__(1, eps)


@EXERCISE.wrong("eps added to the standard deviation", DEVIATION_PLUS_EPS)
class DeviationPlusEps(LayerNormalization):
    def forward(self, x):
        deviation = x.std(-1, keepdim=True, correction=0)
        return self.gamma * (x - x.mean(-1, keepdim=True)) / (deviation + self.eps) + self.beta


@EXERCISE.wrong(
    "unbiased deviation plus eps",
    "Take the mean of the squared deviations, add `eps` to it, then take the root: `x.std(...)` and `x.var(...)` divide "
    "by the width minus 1.",
)
class UnbiasedDeviationPlusEps(LayerNormalization):
    def forward(self, x):
        return self.gamma * (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + self.eps) + self.beta


@EXERCISE.wrong("unbiased variance", UNBIASED)
class Unbiased(LayerNormalization):
    def forward(self, x):
        variance = x.var(-1, keepdim=True)
        return self.gamma * (x - x.mean(-1, keepdim=True)) / torch.sqrt(variance + self.eps) + self.beta


@EXERCISE.wrong(
    "another eps",
    "With `eps` given, the result is right; without it, a number other than 1e-5 is used. Look at the default value "
    "in `__init__`.",
)
class OtherEps(LayerNormalization):
    def __init__(self, embed_dim, eps=1e-6):
        super().__init__(embed_dim, eps)


@EXERCISE.wrong(
    "always the same eps",
    "The code uses 1e-5 whatever `eps` says. Keep the argument as `self.eps` and use it in `forward`.",
)
class FixedEps(LayerNormalization):
    def __init__(self, embed_dim, eps=1e-5):
        super().__init__(embed_dim)


@EXERCISE.wrong("eps not used", "`eps` does not take part. Add it to the variance, under the root.")
class NoEps(LayerNormalization):
    def __init__(self, embed_dim, eps=1e-5):
        super().__init__(embed_dim, 0.0)


@EXERCISE.wrong(
    "over the tokens",
    "The statistics run over the tokens of a sentence (`dim=1`). Every token has its own, along the width: `dim=-1`.",
)
class OverTokens(LayerNormalization):
    dims = (1,)

    def forward(self, x):
        variance, mean = torch.var_mean(x, dim=self.dims, keepdim=True, correction=0)
        return self.gamma * (x - mean) / torch.sqrt(variance + self.eps) + self.beta


@EXERCISE.wrong(
    "over the batch",
    "The statistics run over the sentences of the batch (`dim=0`). Every token has its own, along the width: `dim=-1`.",
)
class OverBatch(OverTokens):
    dims = (0,)


@EXERCISE.wrong(
    "batch normalization",
    "Every column is normalized over all tokens of the batch: that is batch normalization. Layer normalization looks "
    "along the width: `dim=-1`.",
)
class BatchNorm(OverTokens):
    dims = (0, 1)


@EXERCISE.wrong(
    "over the whole sentence",
    "All numbers of a sentence share one mean and one variance. Every token has its own: only `dim=-1`.",
)
class OverSentence(OverTokens):
    dims = (1, 2)


@EXERCISE.wrong("keepdim missing", KEEPDIMS)
class NoKeepdim(LayerNormalization):
    def forward(self, x):
        variance, mean = torch.var_mean(x, dim=-1, correction=0)
        return self.gamma * (x - mean) / torch.sqrt(variance + self.eps) + self.beta


@EXERCISE.wrong(
    "gamma and beta exchanged",
    "`beta` multiplies and `gamma` is added. It is the other way round: gamma scales, beta shifts.",
)
class Exchanged(LayerNormalization):
    def forward(self, x):
        return F.layer_norm(x, self.gamma.shape, self.beta, self.gamma, self.eps)


@EXERCISE.wrong(
    "beta added first",
    "`beta` is added before the multiplication, so `gamma` scales it, too. First times `gamma`, then plus `beta`.",
)
class BetaFirst(LayerNormalization):
    def forward(self, x):
        return self.gamma * (F.layer_norm(x, self.gamma.shape, eps=self.eps) + self.beta)


@EXERCISE.wrong(
    "gamma and beta not used",
    "The parameters are there, but `forward` does not use them. Scale by `gamma` and shift by `beta`.",
)
class GammaUnused(LayerNormalization):
    def forward(self, x):
        return F.layer_norm(x, self.gamma.shape, eps=self.eps)


@EXERCISE.wrong(
    "statistics without a gradient",
    "The output is right, the gradient of the input is not: mean and variance depend on `x`, too. Compute them "
    "without `torch.no_grad()`, `.detach()` or `.data`.",
)
class StatisticsDetached(LayerNormalization):
    def forward(self, x):
        with torch.no_grad():
            variance, mean = torch.var_mean(x, dim=-1, keepdim=True, correction=0)
        return self.gamma * (x - mean) / torch.sqrt(variance + self.eps) + self.beta


@EXERCISE.wrong(
    "cut off from the gradient",
    "The numbers are right, but no gradient reaches gamma and beta. Leave out `torch.no_grad()`, `.detach()`, "
    "`.data` and the way through NumPy.",
)
class Detached(LayerNormalization):
    def forward(self, x):
        return super().forward(x).detach()


@EXERCISE.wrong("changes its input", IN_PLACE)
class InPlace(LayerNormalization):
    def forward(self, x):
        variance = x.var(-1, keepdim=True, correction=0)
        x -= x.mean(-1, keepdim=True)
        return self.gamma * x / torch.sqrt(variance + self.eps) + self.beta


@EXERCISE.wrong(
    "variance over the tokens",
    "The mean is taken along each row, the variance along the tokens. Both belong to the row: `dim=-1`.",
)
class VarianceOverTokens(LayerNormalization):
    def forward(self, x):
        centred = x - x.mean(dim=-1, keepdim=True)
        return self.gamma * centred / torch.sqrt((centred**2).mean(dim=-2, keepdim=True) + self.eps) + self.beta


@EXERCISE.variant
class Functional(nn.Module):
    def __init__(self, embed_dim, eps=1e-5):
        super().__init__()
        self.beta = nn.Parameter(torch.full((embed_dim,), 0.0))
        self.gamma = nn.Parameter(torch.full((embed_dim,), 1.0))
        self.small = eps

    def forward(self, x):
        return F.layer_norm(x, self.gamma.shape, self.gamma, self.beta, self.small)


@EXERCISE.variant
class Variance(LayerNormalization):
    def forward(self, x):
        variance = x.var(dim=-1, keepdim=True, unbiased=False)
        return torch.rsqrt(variance + self.eps) * (x - x.mean(-1, True)) * self.gamma + self.beta


@EXERCISE.variant
class Squares(LayerNormalization):
    def forward(self, x):
        centred = x - x.sum(-1, keepdim=True) / x.shape[-1]
        variance = torch.einsum("bld,bld->bl", centred, centred).unsqueeze(-1) / x.size(-1)
        return torch.addcmul(self.beta, self.gamma.expand_as(x), centred / (variance + self.eps).pow(0.5))


@EXERCISE.variant
class Loop(LayerNormalization):
    def forward(self, x):
        rows = [(row - row.mean()) / torch.sqrt(row.var(correction=0) + self.eps) for row in x.reshape(-1, x.shape[-1])]
        return self.gamma * torch.stack(rows).reshape(x.shape) + self.beta
