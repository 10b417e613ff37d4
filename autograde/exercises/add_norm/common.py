"""Lesson 5: inputs, sentences, and what dropout has done to an output, in words."""

import numpy as np

LEADING = "leading axes"
EPS = "eps"
GRADIENTS = "gradients"
DROPOUT = "dropout"

# These calls do not test where eps = 1e-5 is: calls of their own do, with a large eps.
WITHOUT_EPS = 1e-4

# mistakes that happen in more than one place
UNBIASED = (
    "The variance is a little too large: its sum is divided by the width minus 1, as `torch.var` and `ddof=1` do. Layer "
    "normalization divides by the width itself."
)

DEVIATION_PLUS_EPS = (
    "`eps` is added to the standard deviation, after the root. It belongs to the variance, under the root: the two differ "
    "where the variance is small."
)

IN_PLACE = (
    "What the caller handed over is changed (`-=` and `+=` write into it). Assign a new one, as in `x = x + ...`."
)

KEEPDIMS = (
    "The statistics lose the last axis, so they no longer fit the rows of `x`. `keepdims=True` (in PyTorch "
    "`keepdim=True`) keeps it with size 1."
)

# mistakes about dropout: in AddNorm, in the attention block, in the pre-norm block
AFTER_ADD = "Dropout acts on the sum, so parts of `x` are lost, too. It acts on the sublayer's output, before the add."

NO_DROPOUT = "In training mode nothing is dropped. Apply an `nn.Dropout(dropout)` to the sublayer's output."

ALWAYS = (
    "Numbers are dropped although the module is in evaluation mode. `F.dropout` drops by default; an `nn.Dropout` made in `__init__` knows the "
    "mode of the module."
)

KEPT = "Most numbers are dropped. `nn.Dropout(p)` wants the share that is set to zero; pass `dropout` on as it is."

OTHER_SHARE = (
    "Half of the numbers are dropped whatever `dropout` says: `nn.Dropout()` has a default. Pass the share on."
)


ZERO_DROPOUT = (
    "Dropout 0 drops nothing; here a tenth is dropped then, as without the argument. `dropout or 0.1` and `if not dropout` "
    "take 0 for nothing given: pass `dropout` on as it is."
)

# notes of calls
ONE_WORD = "a batch of one sentence of one word"

ONE_ROW = "a single row, without other axes"

NOTHING_DROPPED = "in training mode, with dropout 0: nothing is dropped"


def random_rows(rng, *shape):
    """Rows whose means lie away from 0 and whose variances differ."""
    return rng.normal(size=shape) * rng.uniform(1, 3, (*shape[:-1], 1)) + rng.uniform(-3, 3, (*shape[:-1], 1))


def gain(rng, *shape):
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 2, shape)


def learned(rng, width, prefix=""):
    return {f"{prefix}{name}": gain(rng, width).astype(np.float32) for name in ("gamma", "beta")}


IN_WORDS = 0.0  # what dropout does is compared in words: no float error has to be measured


def drop(note) -> dict:
    """What the calls about dropout have in common."""
    return {"part": DROPOUT, "tolerance": IN_WORDS, "note": note}


def plain_norm(x, gamma, beta):
    x, gamma, beta = (np.asarray(values, np.float64) for values in (x, gamma, beta))
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta


def what_dropout_did(factors, used) -> dict[str, str]:
    """In words, what became of the numbers of the sublayer's output. `factors`: what each was multiplied by; `used`:
    which of them are known. Thousands of numbers: the share varies by less than 0.01."""
    dropped = (np.abs(factors) < 0.01) & used
    rest = factors[used & ~dropped]
    factor = float(np.median(rest)) if rest.size else 0.0
    if not np.allclose(rest, factor, rtol=0.02):
        return {"the sublayer's output": "no multiple of it"}
    rows = dropped.sum(-1)
    mixed = (rows > 0) & (rows < used.sum(-1))
    words = f"a share of {dropped.sum() / used.sum():.1f} dropped, the rest times {factor:.2f}"
    whole = bool(dropped.any()) and mixed.mean() < 0.5
    return {"the sublayer's output": words + (", whole rows at once" if whole else "")}


def what_add_norm_did(output, x, sublayer_output, gamma, beta) -> dict[str, str]:
    """Statistics of an output in which numbers of the sublayer's output may have been dropped.

    Where columns 0 and 1 of the sublayer's output are 0, the sum there is x itself whatever was dropped. These two points
    show what the normalization has done with the row, so all its other sums can be computed back.
    """
    if output.shape != x.shape:
        return {"shape": str(output.shape)}
    same = np.isclose(output, plain_norm(x + sublayer_output, gamma, beta), atol=1e-3).all(-1)
    words = {"zeros": f"{np.mean(output == 0):.1f}", "rows as without dropout": f"{same.mean():.1f}"}
    rows = (output - beta.astype(np.float64)) / gamma
    if not np.ptp(x) and np.ptp(sublayer_output) == 0:  # all equal: how many different numbers does a row hold?
        words["different numbers in a row"] = str(int((np.diff(np.sort(rows, -1), axis=-1) > 0.02).sum(-1).max()) + 1)
    elif not sublayer_output[..., :2].any() and sublayer_output.any():
        used = np.abs(sublayer_output) > 0.1
        slope = (x[..., 1:2] - x[..., :1]) / (rows[..., 1:2] - rows[..., :1])
        added = x[..., :1] + slope * (rows - rows[..., :1]) - x
        words |= what_dropout_did(np.divide(added, sublayer_output, where=used, out=np.zeros_like(added)), used)
    return words
