"""Lesson 5: layer normalization as a module."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.add_norm.inputs import as_float32, learned, random_rows
from autograde.exercises.add_norm.parts import EPS, GRADIENTS, WITHOUT_EPS
from autograde.exercises.add_norm.sentences import DEVIATION_PLUS_EPS, IN_PLACE, KEEPDIMS, UNBIASED
from autograde.exercises.libraries import NORMALIZATION
from autograde.exercises.mistakes.add_norm import layer_normalization as code
from autograde.harness.call import MAIN, Call
from helpers import add_norm as right

LESSON = "05_add_norm"


def _layer_calls(rng):
    by_hand = {"gamma": np.full(3, 2, np.float32), "beta": np.ones(3, np.float32)}
    everything = ("output", "parameters", "gradients", "input_gradients")
    return [
        Call(
            (as_float32([[[1, 2, 3]]]),),
            new=(3,),
            weights=by_hand,
            tolerance=WITHOUT_EPS,
            note="by hand: normalized -1.22, 0, 1.22; gamma is 2, beta is 1",
        ),
        Call((as_float32(random_rows(rng, 3, 5, 6)),), new=(6,), weights=learned(rng, 6), tolerance=WITHOUT_EPS),
        Call((as_float32(random_rows(rng, 2, 7, 4)),), new=(4,), weights=learned(rng, 4), tolerance=WITHOUT_EPS),
        Call(
            (as_float32(random_rows(rng, 2, 4, 5)),),
            new=(5,),
            weights=learned(rng, 5),
            report=everything,
            tolerance=1e-3,  # gradients are sums of such numbers
            part=GRADIENTS,
            note="backward, too",
        ),
        Call(
            (as_float32(random_rows(rng, 2, 3, 5) * 0.2),),
            new=(5, 0.5),
            weights=learned(rng, 5),
            part=EPS,
            note="eps is 0.5",
        ),
        Call(
            (as_float32(random_rows(rng, 2, 5, 4) * 0.003),),
            new=(4,),
            weights=learned(rng, 4),
            part=EPS,
            note="eps is 1e-5 where nothing else is said; the variance is as small",
        ),
        Call(
            new=(7,),
            method="",
            report=("parameters", "initial"),
            part="start",
            note="what is registered, and its start",
        ),
    ]


LAYER = Exercise(
    name="LayerNormalization",
    lesson=LESSON,
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
    reference=right.LayerNormalization,
    forbidden=NORMALIZATION,
    make_calls=_layer_calls,
    parts={MAIN: 0.5, GRADIENTS: 0.2, EPS: 0.2, "start": 0.1},
    misconceptions=(
        Misconception(
            "gamma and beta not registered",
            code.NormUnregistered,
            "The module has no parameters, so nothing is learned. `gamma` and `beta` have to be `nn.Parameter`s, attributes "
            "of `self`.",
        ),
        Misconception(
            "other names",
            code.NormOtherNames,
            "The parameters are called `weight` and `bias`, as in PyTorch's own layer. Here they are `gamma` and `beta`.",
        ),
        Misconception(
            "gamma starts at zero",
            code.NormGammaZero,
            "With gamma = 0 the layer forgets its input at the start. Gamma starts with ones, beta with zeros.",
        ),
        Misconception(
            "beta starts at one",
            code.NormBetaOne,
            "Beta shifts every row by 1 at the start. Gamma starts with ones, beta with zeros.",
        ),
        Misconception(
            "random start",
            code.NormRandomStart,
            "Gamma and beta start with random numbers. They start as ones and zeros, so that the layer begins as a plain "
            "normalization.",
        ),
        Misconception(
            "one gamma for all columns",
            code.NormSingleNumbers,
            "Gamma and beta are single numbers. Every column has its own: `torch.ones(embed_dim)`.",
        ),
        Misconception("eps added to the standard deviation", code.NormDeviationPlusEps, DEVIATION_PLUS_EPS),
        Misconception(
            "unbiased deviation plus eps",
            code.NormUnbiasedDeviationPlusEps,
            "`x.std(...)` divides by the width minus 1, and `eps` is added after the root. Take the biased variance, add "
            "`eps`, then take the root.",
        ),
        Misconception("unbiased variance", code.NormUnbiased, UNBIASED),
        Misconception(
            "another eps",
            code.NormOtherEps,
            "With `eps` given the result is right; without, another number than 1e-5 is used. Look at the default value in "
            "`__init__`.",
        ),
        Misconception(
            "always the same eps",
            code.NormFixedEps,
            "The code uses 1e-5 whatever `eps` says. Keep the argument as `self.eps` and use it in `forward`.",
        ),
        Misconception(
            "eps not used",
            code.NormNoEps,
            "`eps` does not take part. Add it to the variance, under the root.",
        ),
        Misconception(
            "over the tokens",
            code.NormOverTokens,
            "The statistics run over the tokens of a sentence (`dim=1`). Every token has its own, along the width: `dim=-1`.",
        ),
        Misconception(
            "over the batch",
            code.NormOverBatch,
            "The statistics run over the sentences of the batch (`dim=0`). Every token has its own, along the width: "
            "`dim=-1`.",
        ),
        Misconception(
            "batch normalization",
            code.NormBatchNorm,
            "Every column is normalized over all tokens of the batch: that is batch normalization. Layer normalization looks "
            "along the width: `dim=-1`.",
        ),
        Misconception(
            "over the whole sentence",
            code.NormOverSentence,
            "All numbers of a sentence share one mean and one variance. Every token has its own: `dim=-1` alone.",
        ),
        Misconception("keepdim missing", code.NormNoKeepdim, KEEPDIMS),
        Misconception(
            "gamma and beta exchanged",
            code.NormExchanged,
            "`beta` multiplies and `gamma` is added. It is the other way round: gamma scales, beta shifts.",
        ),
        Misconception(
            "beta added first",
            code.NormBetaFirst,
            "`beta` is added before the multiplication, so `gamma` scales it, too. First times `gamma`, then plus `beta`.",
        ),
        Misconception(
            "gamma and beta not used",
            code.NormGammaUnused,
            "The parameters are there, but `forward` does not use them. Scale by `gamma` and shift by `beta`.",
        ),
        Misconception(
            "statistics without a gradient",
            code.NormStatisticsDetached,
            "The output is right, the gradient of the input is not: mean and variance depend on `x`, too. Compute them "
            "without `torch.no_grad()`, `.detach()` or `.data`.",
        ),
        Misconception(
            "cut off from the gradient",
            code.NormDetached,
            "The numbers are right, but no gradient reaches gamma and beta. Leave out `torch.no_grad()`, `.detach()`, "
            "`.data` and the way through NumPy.",
        ),
        Misconception("changes its input", code.NormInPlace, IN_PLACE),
    ),
    variants=(code.NormFunctional, code.NormVariance, code.NormSquares, code.NormLoop),
)

EXERCISES = (LAYER,)
