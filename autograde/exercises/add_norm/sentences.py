"""Lesson 5: what is said about mistakes that happen in several exercises."""

# mistakes that happen in more than one place
UNBIASED = (
    "The variance is a little too large: its sum is divided by the width minus 1, as `torch.var` and `ddof=1` do. Layer "
    "normalization divides by the width itself."
)
DEVIATION_PLUS_EPS = (
    "`eps` is added to the standard deviation, after the root. It belongs to the variance, under the root: the two differ "
    "where the variance is small."
)
IN_PLACE = "The caller's array is changed (`-=` and `+=` write into it). Use `x = x - ...`, which makes a new one."
KEEPDIMS = (
    "The statistics lose the last axis, so they no longer fit to the rows of `x`. `keepdims=True` (in PyTorch "
    "`keepdim=True`) keeps it with size 1."
)

# mistakes about dropout: in AddNorm, in the attention block, in the pre-norm block
AFTER_ADD = "Dropout acts on the sum, so parts of `x` are lost, too. It acts on the sublayer's output, before the add."
NO_DROPOUT = "In training mode nothing is dropped. Apply an `nn.Dropout(dropout)` to the sublayer's output."
ALWAYS = (
    "Numbers are dropped although the module is in evaluation mode. `F.dropout` drops by default; `nn.Dropout` knows the "
    "mode of the module."
)
KEPT = "Most numbers are dropped. `nn.Dropout(p)` wants the share that is set to zero; hand `dropout` on as it is."
OTHER_SHARE = (
    "Half of the numbers are dropped whatever `dropout` says: `nn.Dropout()` has a default. Hand the share on."
)
