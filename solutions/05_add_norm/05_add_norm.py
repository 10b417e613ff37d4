# %% [markdown]
# # 5 · Residual connection and layer normalization
#
# In lesson 4 several heads looked at a sentence, and each word got a new vector. In the Transformer this vector does
# not replace the old one: it is **added** to it, and the sum is **normalized**. These two small steps follow every
# part of the model. Without them a deep stack of layers can hardly be trained. You build both, and then you
# take them away, to see what breaks.
#
# <!-- map: 05_add_norm -->
# ![The map of the Transformer, with this lesson's parts in colour: add & norm.](figures/map.png)
# <!-- end -->
#
# **After this lesson you can**
# - normalize a row of numbers on paper, with $\gamma$, $\beta$ and $\varepsilon$ in the right places;
# - write layer normalization as a module that gives the same numbers and gradients as PyTorch's own;
# - say why mean and variance are taken along a token, and not along the batch;
# - put attention, dropout, residual connection and layer normalization together into one block;
# - show what 24 layers do without a residual connection, and what changes when the norm comes first.
#
# **What you need**: lesson 4 (multi-head attention), the mean and the variance of a list of numbers. About 115 minutes,
# 15 of them extra.
#
# <!-- table: 05_add_norm -->
# | exercise | what you build | points | minutes |
# | --- | --- | ---: | ---: |
# | 5.1 `row_statistics` | mean and variance of every row | 2 | 6 |
# | 5.2 `normalize` | mean 0, variance 1 | 3 | 8 |
# | 5.3 `layer_norm` | then scale and shift | 3 | 5 |
# | 5.4 `LayerNormalization` | gamma and beta learn | 4 | 12 |
# | 5.5 `add_and_norm` | add the input back, then normalize | 2 | 5 |
# | 5.6 `AddNorm` | add and normalize as a module | 4 | 10 |
# | 5.7 `AttentionBlock` | attention, add, normalize | 4 | 8 |
# | 5.8 `PreNormBlock` (extra) | the variant: normalize first | 3 | 8 |
# <!-- end -->

# %%
import math

import numpy as np
import torch
from torch import nn

from autograde import by_hand, check, predict
from helpers.embeddings import add_positions, embed, positional_encoding
from helpers.example import D_MODEL, EMBEDDINGS, HEADS, SENTENCES, W_OUTPUT
from helpers.figures import heat_map, line_style, new, show, signed
from helpers.multi_head import MultiHeadAttention, copy_torch_attention, multi_head_by_hand
from helpers.vocabulary import Vocabulary

# %% [markdown]
# ## The idea
#
# ![An attention block: x goes into multi-head attention and through dropout; a residual connection leads x around both to a plus sign; layer norm follows and gives the output.](figures/block.png)
#
# Attention, and later the feed-forward network, is called a **sublayer**. Around each sublayer there are the same three
# things:
#
# - The **residual connection** leads the input `x` around the sublayer and adds it to the sublayer's output. So the
#   sublayer need not repeat what is already known; it adds a correction. And in training the gradient has a short way
#   back: the derivative of $x + f(x)$ is $1 + f'(x)$, and the 1 is there whatever the sublayer does.
# - **Layer normalization**, layer norm for short, brings each token's row to mean 0 and variance 1, and then lets the
#   model choose a different mean and a different size for each column. So the values neither grow nor shrink from layer
#   to layer.
# - **Dropout** sets some entries of the sublayer's output to zero while the model is in training.
#
# The paper "Attention Is All You Need" writes this in one line (section 3.1):
#
# $$\text{LayerNorm}(x + \text{Sublayer}(x))$$
#
# The sum needs two matrices of the same shape. That is why the last matrix of multi-head attention, $W^O$, leads back
# to the width `d_model`.

# %% [markdown]
# ## The numbers by hand
#
# Take a token with three numbers, 1, 2 and 3. Layer norm takes four steps. Do them on paper before you read on.
#
# | step | formula | numbers |
# | --- | --- | --- |
# | mean | $\mu = \frac{1}{d} \sum_i x_i$ | $(1 + 2 + 3) / 3 = 2$ |
# | variance | $\sigma^2 = \frac{1}{d} \sum_i (x_i - \mu)^2$ | $(1 + 0 + 1) / 3 = 0.667$ |
# | normalize | $\hat{x}_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \varepsilon}}$ | $[-1, 0, 1] / 0.816 = [-1.22, 0, 1.22]$ |
# | scale and shift | $\gamma_i \hat{x}_i + \beta_i$ | with $\gamma = 2$: $[-2.44, 0, 2.44]$; with $\beta = 1$: $[-1.44, 1, 3.44]$ |
#
# $d$ is the width of a row, the number of columns; here it is 3. $\varepsilon$ (epsilon, `eps` in the code) is a small
# number, usually 0.00001, that keeps us from dividing by zero. $\gamma$ (gamma) and $\beta$ (beta) are learned, one of
# each for every column. They start as $\gamma = 1$ and $\beta = 0$. The next cell repeats the steps without rounding in
# between.

# %%
row = [1.0, 2.0, 3.0]
mean = sum(row) / 3
variance = sum((number - mean) ** 2 for number in row) / 3
normalized = [(number - mean) / math.sqrt(variance + 1e-5) for number in row]
print("mean          ", mean)
print("variance      ", round(variance, 4))
print("normalized    ", [round(number, 3) for number in normalized])
print("times gamma 2 ", [round(2 * number, 3) for number in normalized])
print("plus beta 1   ", [round(2 * number + 1, 3) for number in normalized])

# %% [markdown]
# (Twice 1.2247 is 2.449. The table above rounds to 1.22 first, so it ends with 3.44 where the exact number is 3.449.)
#
# The next token is yours: 2, 4, 6 and 8. Normalize it, then scale and shift it with $\gamma = 2$ and $\beta = 1$. Both
# answers are lists of four numbers; two decimals are enough.

# %%
by_hand("(2, 4, 6, 8), normalized", ...)

# %%
by_hand("(2, 4, 6, 8), normalized, with gamma 2 and beta 1", ...)

# %% [markdown]
# Now the running example, "the dog bites the man". `x` holds the five vectors that lesson 3 began with. `attended` is
# what multi-head attention makes of them: the output of lesson 4, with the same two heads.


# %%
def vectors(sentence):
    # Lessons 1 and 2: the words of a sentence and their vectors, with positions.
    ids = np.array(Vocabulary(SENTENCES).encode(sentence)[1:-1])  # without <bos> and <eos>
    encoding = positional_encoding(len(ids), D_MODEL)
    return sentence.split(), add_positions(math.sqrt(D_MODEL) * embed(ids, EMBEDDINGS), encoding)


tokens, x = vectors("the dog bites the man")
attended = multi_head_by_hand(x, HEADS, W_OUTPUT)

for name, matrix in (("x", x), ("attended", attended)):
    print(f"{name}: {matrix.shape[0]} tokens, d_model = {matrix.shape[1]}")
    for token, numbers in zip(tokens, matrix, strict=True):
        print(f"{token:>8}", "".join(f"{number:8.3f}" for number in numbers))
    print()

# %% [markdown]
# Follow the row of "dog" through add and norm. Each line below follows from the one before; all it takes is pencil and
# paper, and a pocket calculator for the root.

# %%
dog = 1
total = [old + added for old, added in zip(x[dog], attended[dog], strict=True)]
mean = sum(total) / D_MODEL
distances = [number - mean for number in total]
squares = [distance**2 for distance in distances]
variance = sum(squares) / D_MODEL
deviation = math.sqrt(variance + 1e-5)


def line(name, numbers):
    print(f"{name:<22}", "".join(f"{number:8.3f}" for number in numbers))


line("x", x[dog])
line("+ attended", attended[dog])
line("= sum", total)
print(f"{'mean':<22} {mean:8.3f}")
line("distance from mean", distances)
line("its square", squares)
print(f"{'variance':<22} {variance:8.3f}   root of variance + eps: {deviation:.3f}")
line("normalized", [distance / deviation for distance in distances])

# %% [markdown]
# Now do the same for "man". Its rows of `x` and of `attended` are in the two tables above. What does its column 2
# become?

# %%
by_hand("column 2 of 'man' after add and norm", ...)

# %% [markdown]
# ## Layer normalization, step by step
#
# As in lessons 3 and 4, there is one token per row and any number of axes in front, so count axes from the end. And
# never change what you were given.

# %% [markdown]
# ### Exercise 5.1 · `row_statistics`
# <!-- facts: row_statistics -->
# *mean and variance of every row* · core · 2 points · about 6 minutes
# <!-- end -->
#
# Compute the mean and the variance of every row:
#
# $$\mu = \frac{1}{d} \sum_{i=1}^{d} x_i \qquad \sigma^2 = \frac{1}{d} \sum_{i=1}^{d} (x_i - \mu)^2$$
#
# - `x`: `(..., width)`. Return two arrays, mean and variance, each `(..., 1)`: the last axis stays, with size 1, so
#   that `x - mean` works for every shape.
# - The variance is the **biased** one: its sum is divided by the width $d$ itself, not by $d - 1$.
#
# Example: the row `[0, 2, 4, 10]` has the mean 4 and the distances -4, -2, 0, 6. Their squares add up to 56, so the
# variance is $56 / 4 = 14$.
#
# <!-- hints: row_statistics -->
# <details>
# <summary>Hint 1</summary>
#
# `axis=-1` is the axis of the columns: a mean along it gives one number for each row. `keepdims=True` keeps that axis with size 1, so that the result still fits `x`.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# The variance is a mean, too: the mean of the squared distances from the row's mean. `np.mean(..., axis=-1, keepdims=True)` twice, the second time of `(x - mean)` squared.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "row_statistics", "locked": false, "schema_version": 3, "solution": true, "task": false}
def row_statistics(x):
    """Mean and biased variance of every row, both (..., 1)."""
    ### BEGIN SOLUTION
    mean = np.mean(x, axis=-1, keepdims=True)
    variance = np.mean((x - mean) ** 2, axis=-1, keepdims=True)
    return mean, variance
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_row_statistics", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("row_statistics")

# %% [markdown]
# ### Exercise 5.2 · `normalize`
# <!-- facts: normalize -->
# *mean 0, variance 1* · core · 3 points · about 8 minutes
# <!-- end -->
#
# Bring every row to mean 0 and variance 1:
#
# $$\hat{x} = \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}}$$
#
# - `x`: `(..., width)`; `eps` is the $\varepsilon$ of the formula. The result has the shape of `x`.
# - Look closely at where $\varepsilon$ is: it is added to the **variance**, **under** the root.
# - A row of equal numbers has the variance 0. With `eps` it becomes a row of zeros.
#
# Example: `[0, 2, 4, 10]` with `eps = 2`. The root of $14 + 2$ is 4, so the result is `[-1, -0.5, 0, 1.5]`.
#
# <!-- hints: normalize -->
# <details>
# <summary>Hint 1</summary>
#
# You have the mean and the variance of each row from `row_statistics`. Subtract the one; divide by a root of the other. What is under the root?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# Numerator: `x` minus the mean. Denominator: `np.sqrt` of a sum of two terms, the variance and `eps`. Don't forget the brackets around the numerator.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "normalize", "locked": false, "schema_version": 3, "solution": true, "task": false}
def normalize(x, eps=1e-5):
    """Shift and scale every row to mean 0 and variance 1. Same shape as x."""
    ### BEGIN SOLUTION
    mean, variance = row_statistics(x)
    return (x - mean) / np.sqrt(variance + eps)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_normalize", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("normalize")

# %% [markdown]
# ### Along the token, not along the batch
#
# Why along the row? There is an older method, **batch normalization**, which is common in networks for images. It
# normalizes each *column* over all tokens of all sentences in the batch.
#
# ![Two grids of tokens and columns. For layer norm one token's row is marked, for batch norm one column through both sentences and the padding.](figures/axes.png)
#
# Sentences have different lengths, so the shorter ones are padded at the end. And which sentences share a batch is pure
# chance.
#
# **Predict first.** The word "dog" in "the dog bites the man" is normalized in four batches: alone; together with "the
# cat sleeps", which is padded; together with another sentence of five words; alone again, but padded to eight tokens.
# Compared with the first, in which of the other three does its row change, with batch norm and with layer norm?

# %%
predict("", "in which of the other three does the row change?")


# %%
def batch_norm(batch, eps=1e-5):
    # Every column over all tokens of the batch. batch: (sentences, length, width)
    mean = batch.mean(axis=(0, 1))
    variance = batch.var(axis=(0, 1))
    return (batch - mean) / np.sqrt(variance + eps)


def padded(sentences, length):
    return np.stack([np.pad(rows, ((0, length - len(rows)), (0, 0))) for rows in sentences])


cat, other = vectors("the cat sleeps")[1], vectors("the man bites the dog")[1]
batches = {
    "alone": padded([x], 5),
    "with 'the cat sleeps'": padded([x, cat], 5),
    "with 'the man bites the dog'": padded([x, other], 5),
    "alone, padded to 8 tokens": padded([x], 8),
}
for name, method in (("batch norm", batch_norm), ("layer norm (your normalize)", normalize)):
    print(f"the row of 'dog', {name}")
    for what, batch in batches.items():
        print(f"   {what:<30}", "".join(f"{number:8.3f}" for number in method(batch)[0, dog]))
    print()
print("a batch of a single token, batch norm:", batch_norm(x[np.newaxis, dog : dog + 1])[0, 0])
predict()

# %% [markdown]
# With batch norm the same word in the same sentence gets four different rows. Padding and strangers take part in its
# mean and its variance. And when a translation is written word by word, a batch may hold a single token. Then every
# column equals its own mean, and nothing but zeros is left. (That is why, once a model is trained, batch norm has to
# use different statistics, collected during training.)
#
# Layer norm gives the same row four times. It looks at one token at a time, so it does the same thing in training and
# in use, for any length and any batch.

# %% [markdown]
# ### Exercise 5.3 · `layer_norm`
# <!-- facts: layer_norm -->
# *then scale and shift* · core · 3 points · about 5 minutes
# <!-- end -->
#
# Normalize, then scale and shift:
#
# $$\text{LayerNorm}(x) = \gamma \odot \hat{x} + \beta$$
#
# $\odot$ multiplies number by number: every **column** has its own $\gamma$ and its own $\beta$, the same for all
# tokens.
#
# - `x`: `(..., width)`; `gamma` and `beta`: `(width,)`. The result has the shape of `x`.
# - Use your `normalize`, and pass `eps` on to it.
#
# Example: the row `[1, 2, 3]` with `gamma = [2, 2, 2]` and `beta = [1, 1, 1]` gives `[-1.449, 1, 3.449]`, as above.
#
# Why scale and shift again, right after all the work of normalizing? Because mean 0 and variance 1 are a good *start*,
# but not always the best for what comes next. With $\gamma$ and $\beta$ the model can make a column more or less
# important. If it were best not to touch the numbers at all, the model could even learn to undo the normalization, at
# least for a typical row.
#
# <!-- hints: layer_norm -->
# <details>
# <summary>Hint 1</summary>
#
# `normalize` does the first half. `gamma` and `beta` have one number for each column; NumPy lays them along the last axis by itself.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# First times `gamma`, then plus `beta`. Pass `eps` on to `normalize` as its second argument.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "layer_norm", "locked": false, "schema_version": 3, "solution": true, "task": false}
def layer_norm(x, gamma, beta, eps=1e-5):
    """Normalize every row, then scale and shift every column. Same shape as x."""
    ### BEGIN SOLUTION
    return gamma * normalize(x, eps) + beta
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_layer_norm", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("layer_norm")

# %%
gamma, beta = np.array([1.0, 1.0, 1.0, 3.0, 1.0, 0.0]), np.array([0.0, 0.0, 0.0, 0.0, 2.0, 0.0])
results = (x + attended, normalize(x + attended), layer_norm(x + attended, gamma, beta))
titles = ("sum", "normalized: every row", "then gamma and beta: every column")

# %% tags=["drawing"]
# Drawing: the sum, normalized, and with gamma and beta
figure, axes = new(1, 3, size=(12, 3.4))
for place, matrix, title in zip(axes, results, titles, strict=True):
    label = "token" if title == "sum" else ""
    heat_map(place, matrix, tokens, range(D_MODEL), title, "column", label, limits=signed(*results))
show(
    figure,
    alt="Three heat maps of five tokens and six columns: the sum of x and attention; the same "
    "normalized row by row; then scaled and shifted column by column, with gamma 3 for column 3, "
    "beta 2 for column 4 and gamma 0 for column 5.",
)

# %% [markdown]
# In the picture on the right, $\gamma_3 = 3$ makes column 3 three times as large, $\beta_4 = 2$ shifts column 4, and
# $\gamma_5 = 0$ switches column 5 off. In the one in the middle, find the row of "dog" that you computed by hand.

# %% [markdown]
# ### Exercise 5.4 · `LayerNormalization`
# <!-- facts: LayerNormalization -->
# *gamma and beta learn* · core · 4 points · about 12 minutes
# <!-- end -->
#
# The same as a PyTorch module, so that $\gamma$ and $\beta$ can learn.
#
# - `LayerNormalization(embed_dim, eps=1e-5)` has two parameters, `gamma` and `beta`, each `(embed_dim,)`. `gamma`
#   starts as ones, `beta` as zeros.
# - `forward(x)`: `x` is `(batch, length, embed_dim)`, the result has the same shape.
# - Write the formula yourself, with tensors. A trap: `torch.var` and `torch.std` are unbiased unless told otherwise.
#   (PyTorch's own name for `axis` is `dim`.)
# - The gradient has to pass through the mean and the variance, too, because both depend on `x`. It does so by itself
#   unless you stop it.
#
# Example: for the row `[1, 2, 3]` a new `LayerNormalization(3)` gives `[-1.225, 0, 1.225]`, since `gamma` is still 1
# and `beta` still 0.
#
# <!-- hints: LayerNormalization -->
# <details>
# <summary>Hint 1</summary>
#
# `nn.Parameter(tensor)` registers something that is learned. In PyTorch the axis is called `dim`, and `keepdims` is `keepdim`.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `torch.ones(embed_dim)` and `torch.zeros(embed_dim)` are the two start values; keep `eps` as an attribute. In `forward`, `x.mean(dim=-1, keepdim=True)` is the mean. `x.var` is unbiased unless told otherwise (`correction=0`), so take the mean of the squared deviations yourself.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "LayerNormalization", "locked": false, "schema_version": 3, "solution": true, "task": false}
class LayerNormalization(nn.Module):
    """`layer_norm` with learned `gamma` and `beta`, each (embed_dim,)."""

    def __init__(self, embed_dim, eps=1e-5):
        super().__init__()
        ### BEGIN SOLUTION
        self.eps = eps
        self.gamma = nn.Parameter(torch.ones(embed_dim))
        self.beta = nn.Parameter(torch.zeros(embed_dim))
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        mean = x.mean(dim=-1, keepdim=True)
        variance = ((x - mean) ** 2).mean(dim=-1, keepdim=True)
        return self.gamma * (x - mean) / torch.sqrt(variance + self.eps) + self.beta
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_LayerNormalization", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("LayerNormalization")

# %% [markdown]
# ## Add and normalize

# %% [markdown]
# ### Exercise 5.5 · `add_and_norm`
# <!-- facts: add_and_norm -->
# *add the input back, then normalize* · core · 2 points · about 5 minutes
# <!-- end -->
#
# The paper's line: add the input of the sublayer to its output, then normalize the sum. This order is called
# **post-norm**, because the norm comes after the add.
#
# $$\text{LayerNorm}(x + \text{Sublayer}(x))$$
#
# - `x` and `sublayer_output`: `(..., width)`, of the same shape; `gamma`, `beta` and `eps` as in `layer_norm`.
# - `sublayer_output` comes ready-made: the function doesn't know which sublayer it is from.
#
# Example: `x = [1, 0, 2]` and `sublayer_output = [0, 2, 1]` have the sum `[1, 2, 3]`; with `gamma` 1 and `beta` 0
# the result is `[-1.225, 0, 1.225]`.
#
# <!-- hints: add_and_norm -->
# <details>
# <summary>Hint 1</summary>
#
# The formula of the paper is LayerNorm(x + Sublayer(x)). Read it from the inside: what happens first?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# The first argument of `layer_norm` is a sum. The other three are passed on as they are, `eps` too.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "add_and_norm", "locked": false, "schema_version": 3, "solution": true, "task": false}
def add_and_norm(x, sublayer_output, gamma, beta, eps=1e-5):
    """Add the sublayer's input to its output, then normalize the sum."""
    ### BEGIN SOLUTION
    return layer_norm(x + sublayer_output, gamma, beta, eps)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_add_and_norm", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("add_and_norm")

# %%
gamma, beta = np.ones(D_MODEL), np.zeros(D_MODEL)  # as they start
output = add_and_norm(x, attended, gamma, beta)
for token, numbers in zip(tokens, output, strict=True):
    print(f"{token:>6}", "".join(f"{number:8.3f}" for number in numbers))
print(
    "\nrow of 'dog' as by hand:",
    np.allclose(output[dog], [distance / deviation for distance in distances]),
)

# %% [markdown]
# ### Exercise 5.6 · `AddNorm`
# <!-- facts: AddNorm -->
# *add and normalize as a module* · core · 4 points · about 10 minutes
# <!-- end -->
#
# The same as a module, now with dropout.
#
# **Dropout** keeps a model from memorising: in training mode it sets each entry to zero with the probability
# `dropout`, and divides the others by `1 - dropout`, so that the mean stays the same. In evaluation mode it does
# nothing. `nn.Dropout(dropout)` does all that. The paper (section 5.4) applies it "to the output of each sub-layer,
# **before** it is added to the sub-layer input and normalized". So `x` itself stays whole.
#
# - `AddNorm(embed_dim, dropout=0.1)` has `norm`, your `LayerNormalization`.
# - `forward(x, sublayer_output)`: both `(batch, length, embed_dim)`. Dropout on the sublayer's output, then add, then
#   normalize.
#
# Example: in evaluation mode a new `AddNorm(3)` turns the rows `[1, 0, 2]` and `[0, 2, 1]` into the row
# `[-1.225, 0, 1.225]`.
#
# <!-- hints: AddNorm -->
# <details>
# <summary>Hint 1</summary>
#
# Two parts in `__init__`: your `LayerNormalization` under the name `norm`, and an `nn.Dropout`. `nn.Dropout` looks after training and evaluation mode by itself.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# Read `forward` from the inside: dropout of `sublayer_output`, plus `x`, and `self.norm` of all that. The module does not run the sublayer; it gets its finished output.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "AddNorm", "locked": false, "schema_version": 3, "solution": true, "task": false}
class AddNorm(nn.Module):
    """Dropout on the sublayer's output, add, normalize."""

    def __init__(self, embed_dim, dropout=0.1):
        super().__init__()
        ### BEGIN SOLUTION
        self.norm = LayerNormalization(embed_dim)
        self.dropout = nn.Dropout(dropout)
        ### END SOLUTION

    def forward(self, x, sublayer_output):
        ### BEGIN SOLUTION
        return self.norm(x + self.dropout(sublayer_output))
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_AddNorm", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("AddNorm")

# %% [markdown]
# ### Exercise 5.7 · `AttentionBlock`
# <!-- facts: AttentionBlock -->
# *attention, add, normalize* · core · 4 points · about 8 minutes
# <!-- end -->
#
# Now the first half of an encoder layer, the picture at the top of this lesson:
#
# - `AttentionBlock(embed_dim, num_heads, dropout=0.1)` has `attention`, a `MultiHeadAttention`, and `add_norm`, an
#   `AddNorm` with this `dropout`.
# - `forward(x, mask=None)`: `x` is `(batch, length, embed_dim)`; the mask goes to the attention as it is (True = may
#   attend).
# - It returns one tensor of the shape of `x`, without the attention weights.
#
# `MultiHeadAttention` is the one of lesson 4, already imported here. Remember: `forward(query_input, key_input=None,
# value_input=None, mask=None, need_weights=True)` returns the pair (output, weights).
#
# <!-- hints: AttentionBlock -->
# <details>
# <summary>Hint 1</summary>
#
# Two parts in `__init__`: `MultiHeadAttention` of lesson 4 and your `AddNorm`. The attention returns two things; which one goes on?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `attended, _ = ...` takes the pair apart. In the call of `self.attention` name the mask, `mask=mask`: the second place belongs to the key input. Then `self.add_norm` of `x` and what came back, in this order.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "AttentionBlock", "locked": false, "schema_version": 3, "solution": true, "task": false}
class AttentionBlock(nn.Module):
    """Self-attention with its residual connection and layer normalization."""

    def __init__(self, embed_dim, num_heads, dropout=0.1):
        super().__init__()
        ### BEGIN SOLUTION
        self.attention = MultiHeadAttention(embed_dim, num_heads)
        self.add_norm = AddNorm(embed_dim, dropout)
        ### END SOLUTION

    def forward(self, x, mask=None):
        ### BEGIN SOLUTION
        attended, _ = self.attention(x, mask=mask, need_weights=False)
        return self.add_norm(x, attended)
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_AttentionBlock", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("AttentionBlock")

# %% [markdown]
# Given the weights of the running example, your module has to produce the same five rows as your NumPy functions.
# (PyTorch's linear layers store their matrix transposed, hence the `.T`.)

# %%
block = AttentionBlock(D_MODEL, 2).double().eval()
# the heads side by side
matrices = [np.concatenate(parts, axis=1) for parts in zip(*HEADS, strict=True)]
with torch.no_grad():
    for name, matrix in zip(("query", "key", "value", "out"), (*matrices, W_OUTPUT), strict=True):
        getattr(block.attention, name).weight.copy_(torch.from_numpy(matrix.T))
    from_block = block(torch.from_numpy(x)[None])[0].numpy()
print("module and NumPy agree:", np.allclose(from_block, output, rtol=0, atol=1e-12))

# %% [markdown]
# ## The same with PyTorch's own
#
# PyTorch has `nn.LayerNorm`; its $\gamma$ and $\beta$ are called `weight` and `bias`. The next cell compares outputs
# and all gradients, in float64, for the usual `eps` and for a large one. Then it compares the whole block with
# PyTorch's attention and norm.

# %%
generator = torch.Generator().manual_seed(5)


def random(*shape):
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def output_and_gradients(layer, inputs, probe):
    inputs = inputs.clone().requires_grad_()
    result = layer(inputs)
    (result * probe).sum().backward()
    return [result, inputs.grad, *(parameter.grad for parameter in layer.parameters())]


for eps in (1e-5, 0.5):
    mine, theirs = LayerNormalization(6, eps).double(), nn.LayerNorm(6, eps).double()
    with torch.no_grad():
        mine.gamma.copy_(random(6))
        mine.beta.copy_(random(6))
        theirs.weight.copy_(mine.gamma)
        theirs.bias.copy_(mine.beta)
    inputs, probe = random(2, 5, 6), random(2, 5, 6)
    pairs = zip(
        output_and_gradients(mine, inputs, probe),
        output_and_gradients(theirs, inputs, probe),
        strict=True,
    )
    names = "output", "gradient of x", "gradient of gamma", "gradient of beta"
    for name, (ours, pytorchs) in zip(names, pairs, strict=True):
        equal = torch.allclose(ours, pytorchs, rtol=0, atol=1e-12)
        print(f"eps = {eps:<7g} {name:<18} equal: {equal}")

theirs = nn.MultiheadAttention(12, 3, batch_first=True, bias=False).double()
with torch.no_grad():
    for parameter in theirs.parameters():
        parameter.copy_(random(*parameter.shape) / 4)
mine, inputs = AttentionBlock(12, 3).double().eval(), random(2, 5, 12)
copy_torch_attention(mine.attention, theirs)
whole = nn.functional.layer_norm(inputs + theirs(inputs, inputs, inputs)[0], (12,))
print(f"{'the whole block':<32} equal: {torch.allclose(mine(inputs), whole, rtol=0, atol=1e-12)}")

# %% [markdown]
# ## Experiments: what breaks without it
#
# ### eps after the root, and the unbiased deviation
#
# Many texts divide by "standard deviation + eps". And `x.std()` in PyTorch divides by $d - 1$. Does either of these
# matter?
#
# **Predict first.** A row `[1, 2, 3, 4, 5, 6]` is made smaller and smaller: times 0.1, 0.01, and so on. All three
# formulas use `eps = 1e-5`. How large is the standard deviation of the result?
#
# 1. $(x - \mu) / \sqrt{\sigma^2 + \varepsilon}$, as in this lesson
# 2. $(x - \mu) / (\sigma + \varepsilon)$
# 3. $(x - \mu) / (s + \varepsilon)$, where $s$ is the unbiased deviation, with $d - 1$

# %%
predict("", "standard deviation of the result, for the three formulas")


# %%
scales = 10.0 ** np.arange(0, -7.5, -0.5)
rows = scales[:, np.newaxis] * np.arange(1.0, 7.0)
centred, deviations = rows - rows.mean(-1, keepdims=True), rows.std(-1)
formulas = {
    "root of (variance + eps)": normalize(rows),
    "deviation + eps": centred / (rows.std(-1, keepdims=True) + 1e-5),
    "unbiased deviation + eps": centred / (rows.std(-1, keepdims=True, ddof=1) + 1e-5),
}

# %% tags=["drawing"]
# Drawing: the standard deviation of the result over that of the row
figure, axes = new(size=(7, 3.8))
for index, (name, result) in enumerate(formulas.items()):
    axes.plot(deviations, result.std(-1), label=name, **line_style(index))
axes.axvline(math.sqrt(1e-5), color="black", linewidth=1)
axes.text(math.sqrt(1e-5) * 1.15, 0.05, "√eps", fontsize=9)
axes.set_xscale("log")
axes.set(
    title="what is left of a small row",
    xlabel="standard deviation of the row",
    ylabel="standard deviation of the result",
)
axes.legend(frameon=False, loc="center right")
predict()
show(
    figure,
    alt="The standard deviation of the result over that of the row, on a log axis, one line "
    "for each formula; a vertical line marks the root of eps, 0.003. For the largest and the "
    "smallest row: "
    + "; ".join(
        f"{name} {result.std(-1)[0]:.2f} and {result.std(-1)[-1]:.2f}"
        for name, result in formulas.items()
    )
    + ".",
)

# %%
print("   d    unbiased / biased deviation")
for d in (2, 3, 6, 64, 512):
    print(f"{d:4d} {math.sqrt(d / (d - 1)):12.4f}")

print("\nthe gradient of a row of equal numbers")
for name, denominator in (
    ("root of (variance + eps)", lambda variance: torch.sqrt(variance + 1e-5)),
    ("root of variance, + eps", lambda variance: torch.sqrt(variance) + 1e-5),
):
    equal = torch.full((4,), 2.0, requires_grad=True)
    distance = equal - equal.mean()
    (distance / denominator((distance**2).mean()))[0].backward()
    print(f"{name:<26}", [round(number, 1) + 0.0 for number in equal.grad.tolist()])

# %% [markdown]
# - For rows of ordinary size, formulas 1 and 2 give nearly the same result. They part company where the **deviation**
#   comes near $\sqrt{\varepsilon} \approx 0.003$. With formula 2, a row whose deviation is 0.0001, which may be nothing
#   but noise, is still blown up to 0.9; formula 1 leaves it at 0.03.
# - The gradient shows the real danger. The root has an infinite slope at 0, so with $\varepsilon$ outside the root, a
#   row of equal numbers (a row of padding, for example) has the gradient NaN, "not a number", and one NaN spoils all
#   the weights. Under the root, $\varepsilon$ prevents this.
# - The unbiased deviation is larger by the factor $\sqrt{d / (d - 1)}$: by 10 % at our width of 6, where the third
#   curve therefore ends at 0.91; by 0.1 % at the paper's 512. Small, but weights that were trained with one formula
#   don't fit the other exactly.

# %% [markdown]
# ### 24 layers, with and without
#
# The paper's Transformer has 6 layers each in encoder and decoder, with two or three sublayers per layer; today's
# largest models have a hundred layers and more. Let's stack 24 sublayers and look at the start, before any training.
# The sublayer here is a small network of two linear layers with a ReLU between them (negative numbers become 0); lesson
# 6 builds it properly. There are four ways to put them together:
#
# - **neither**: each layer is $f(x)$;
# - **norm only**: $\text{LayerNorm}(f(x))$;
# - **residual only**: $x + f(x)$;
# - **both**: $\text{LayerNorm}(x + f(x))$, your `AddNorm`.
#
# **Predict first.** The gradient tells each weight in which direction to move. Learning goes from the last layer back
# to the first. For which of the four is the gradient in layer 1 much smaller than in layer 24? For which do the numbers
# grow from layer to layer? And if two different tokens go in, for which of the four are they still different when they
# come out?

# %%
predict("", "small gradient in layer 1; growing numbers; tokens still different")


# %%
torch.set_num_threads(1)  # matrices as small as these are faster on one thread
WIDTH, DEPTH = 32, 24


class Stackable(nn.Module):
    # One layer: a sublayer, with or without what is around it.

    def __init__(self, residual, norm):
        super().__init__()
        self.sublayer = network()
        self.residual = residual
        self.norm = LayerNormalization(WIDTH) if norm else nn.Identity()
        self.add_norm = AddNorm(WIDTH, dropout=0.0) if residual and norm else None

    def forward(self, x):
        changed = self.sublayer(x)
        if self.add_norm is not None:
            return self.add_norm(x, changed)
        return self.norm(x + changed if self.residual else changed)


def network():
    inner, outer = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)
    for linear in (inner, outer):
        nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(linear.bias)
    return nn.Sequential(inner, nn.ReLU(), outer)


def gradient_size(module):
    return sum(p.grad.square().sum().item() for p in module.parameters()) ** 0.5


def measure(make_layer, seeds=5, last=nn.Identity):
    # Gradient of each layer's sublayer; size of the numbers and cosine of two tokens at the end.
    gradients, sizes, cosines = [], [], []
    for seed in range(seeds):
        torch.manual_seed(seed)
        layers = nn.Sequential(*(make_layer() for _ in range(DEPTH)), last()).double()
        inputs = torch.randn(8, 10, WIDTH, dtype=torch.float64)
        outputs = layers(inputs)
        (outputs * torch.randn_like(outputs)).mean().backward()
        gradients.append([gradient_size(layer.sublayer) for layer in layers[:DEPTH]])
        sizes.append(outputs.square().mean().sqrt().item())
        cosines.append(torch.cosine_similarity(outputs[:, 0], outputs[:, 1], dim=-1).mean().item())
    return np.exp(np.mean(np.log(gradients), axis=0)), np.mean(sizes), np.mean(cosines)


ways = {
    "neither": lambda: Stackable(residual=False, norm=False),
    "norm only": lambda: Stackable(residual=False, norm=True),
    "residual only": lambda: Stackable(residual=True, norm=False),
    "both (post-norm)": lambda: Stackable(residual=True, norm=True),
}
measured = {name: measure(make_layer) for name, make_layer in ways.items()}

# %% tags=["drawing"]
# Drawing: the gradient of each of 24 layers, four ways
figure, axes = new(size=(8, 4))
for index, (name, (gradients, _, _)) in enumerate(measured.items()):
    axes.plot(range(1, DEPTH + 1), gradients, label=name, **line_style(index))
axes.set_yscale("log")
axes.set_xticks([1, 4, 8, 12, 16, 20, 24])
axes.set(
    title="gradient at the start, before training",
    xlabel="layer",
    ylabel="norm of the sublayer's gradient",
)
axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
show(
    figure,
    alt="The gradient of each of 24 layers on a log axis, four lines. From layer 1 to layer "
    "24: "
    + "; ".join(
        f"{name} {gradients[0]:.2g} to {gradients[-1]:.2g}"
        for name, (gradients, _, _) in measured.items()
    )
    + ".",
)

# %%
print(
    f"{'':<18}{'gradient in layer 1 / layer 24':>32}{'size at the end':>18}"
    f"{'cosine of two tokens':>24}"
)
for name, (gradients, size, cosine) in measured.items():
    print(f"{name:<18}{gradients[0] / gradients[-1]:32.2g}{size:18.2g}{cosine:24.2f}")
predict()

# %% [markdown]
# "Size" is the typical size of a number in the last layer (1 went in). "Cosine" is that of the angle between two
# tokens, as in lesson 2: 0 when they have nothing to do with each other, 1 when they point in the same direction.
#
# - **Neither**: the first layer gets about one three-thousandth of the gradient that the last one has, and the values
#   themselves fade away. The tokens become alike, too.
# - **Norm only**: the gradient looks healthy, and yet something is lost. After 24 layers all tokens point in nearly
#   the same direction (cosine 0.96). What was different about them is almost gone, so there is little left to learn
#   from.
# - **Residual only**: the gradient is as large in layer 1 as in layer 24, and the tokens stay more different. But the
#   values grow from layer to layer, 65-fold in the end, and all gradients are about 60 times as large as with both.
# - **Both**: size 1, an even gradient, and tokens that can still be told apart.
#
# Does this matter for learning? The task could hardly be smaller: turn each row by a fixed rotation. A single linear
# layer could do it. Here 24 layers try, and a linear layer after them gives the answer. Each of the four ways gets two
# chances: as it is, and with one more layer norm at the end of the stack, before that linear layer.
#
# **Predict first.** The **loss** measures how wrong the answers are; here it is the mean of the squared differences. A
# model that knows nothing can answer with zeros, and has a loss of about 1. Which of the four learn something in 100
# steps? Which of those need the layer norm at the end?

# %%
predict("", "which of the four learn, and which need the norm at the end?")


# %%
def train(make_layer, rate, final_norm, steps=100):
    # The losses of a stack that learns to rotate its input.
    torch.manual_seed(3)
    layers = [make_layer() for _ in range(DEPTH)]
    last = LayerNormalization(WIDTH) if final_norm else nn.Identity()
    model = nn.Sequential(*layers, last, nn.Linear(WIDTH, WIDTH)).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    rotation = torch.linalg.qr(torch.randn(WIDTH, WIDTH, dtype=torch.float64))[0]
    losses = []
    for _ in range(steps):
        inputs = torch.randn(8, 8, WIDTH, dtype=torch.float64)
        loss = (model(inputs) - inputs @ rotation).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def smooth(losses):
    # The mean of ten steps at a time.
    return np.reshape(losses, (-1, 10)).mean(axis=1)


print(f"{'loss of the last ten steps':<30}{'as it is':>10}{'norm at the end':>18}")
for name, make_layer in ways.items():
    plain, normed = (
        smooth(train(make_layer, 0.001, final_norm))[-1] for final_norm in (False, True)
    )
    print(f"{name:<30}{plain:10.2f}{normed:18.2f}")
predict()

# %% [markdown]
# - Without the residual connection nothing is learned: "neither" and "norm only" are no better after 100 steps than
#   an answer of zeros, whatever is at the end.
# - With it, the same 24 layers have begun to learn. "Residual only" has done so only where one layer norm at the end
#   brings its values back to size 1; then it learns as well as "both". Without that norm, it is far worse than an
#   answer of zeros.
# - "Both" learns without help. So here the residual connection makes learning possible, and the norm keeps the values
#   within bounds. For this small task one norm at the end is enough; with a norm after each sublayer, none is needed at
#   the end.

# %% [markdown]
# ## The variant: pre-norm (extra)
#
# Look at a whole stack from a distance. One road leads from the embeddings to the output; today it is called the
# **residual stream**. Each sublayer reads from it and adds something to it.
#
# ![The residual stream as a thick line from the embeddings to the output. Attention and feed-forward network of two layers branch off below it; each reads from the stream and adds its result to it at a plus sign.](figures/stream.png)
#
# In the paper's block, layer norm sits on this road, right after each plus sign: every token passes it after every
# sublayer, and so does the gradient on its way back. Most later models move it onto the side road, in front of the
# sublayer. Then the road is clear from the first layer to the last:
#
# $$x + \text{Dropout}(\text{Sublayer}(\text{LayerNorm}(x)))$$
#
# ![Two blocks. Post-norm: sublayer, dropout, plus, layer norm. Pre-norm: layer norm, sublayer, dropout, plus; the residual connection leads from x to the output without passing a layer norm.](figures/pre_norm.png)
#
# The values on this clear road are never normalized, so they may grow. For this reason a pre-norm model has one more
# layer norm at its very end.

# %% [markdown]
# ### Exercise 5.8 · `PreNormBlock`
# <!-- facts: PreNormBlock -->
# *the variant: normalize first* · extra · 3 points · about 8 minutes
# <!-- end -->
#
# Build the lower block of the picture, for any sublayer.
#
# - `PreNormBlock(embed_dim, sublayer, dropout=0.1)` has `norm`, your `LayerNormalization`, and `sublayer`, the module
#   that it is given. `sublayer` maps a tensor `(batch, length, embed_dim)` to a tensor of the same shape.
# - `forward(x)`: normalize, sublayer, dropout, and add the `x` that came in. Nothing comes after the sum,
#   and the tensor that came in stays as it is.
#
# Example: with `nn.Identity()` as the sublayer, which returns its input, and without dropout, the row `[1, 2, 3]`
# becomes `[1, 2, 3]` + `[-1.225, 0, 1.225]` = `[-0.225, 2, 4.225]`.
#
# <!-- hints: PreNormBlock -->
# <details>
# <summary>Hint 1</summary>
#
# The same four parts as in post-norm, in a different order. The residual connection goes around everything: what is added at the end is the `x` that came in.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# From the inside: `self.norm` of `x`, then `self.sublayer`, then dropout. The sum with `x` comes last, and nothing comes after it.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "PreNormBlock", "locked": false, "schema_version": 3, "solution": true, "task": false}
class PreNormBlock(nn.Module):
    """The variant that normalizes before the sublayer."""

    def __init__(self, embed_dim, sublayer, dropout=0.1):
        super().__init__()
        ### BEGIN SOLUTION
        self.norm = LayerNormalization(embed_dim)
        self.sublayer = sublayer
        self.dropout = nn.Dropout(dropout)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        return x + self.dropout(self.sublayer(self.norm(x)))
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_PreNormBlock", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("PreNormBlock")

# %% [markdown]
# ### Post-norm against pre-norm
#
# "The 1 is there", it said at the beginning of this lesson. In post-norm something comes after the sum, though. A layer
# norm divides by the deviation of the sum, and the gradient on its way back is divided, too. How much arrives in layer
# 1 when only the residual path lets a gradient through? The next cell cuts the sublayers off (`detach` keeps their
# numbers and stops their gradient) and follows the gradient back through 24 layers.
#
# **Predict first.** In which of the two variants does the gradient arrive undiminished?

# %%
predict("", "in which variant does the gradient arrive undiminished?")


# %%
class OnlyResidual(nn.Module):
    # A layer whose sublayer adds its numbers but lets no gradient through.

    def __init__(self, pre_norm):
        super().__init__()
        self.pre_norm = pre_norm
        self.sublayer = network()
        self.norm = LayerNormalization(WIDTH)

    def forward(self, x):
        if self.pre_norm:
            return x + self.sublayer(self.norm(x)).detach()
        return self.norm(x + self.sublayer(x).detach())


def gradients_on_the_way(pre_norm):
    # The typical norm of a token's gradient before layer 1, between the layers, and after layer 24.
    torch.manual_seed(0)
    states = [torch.randn(8, 10, WIDTH, dtype=torch.float64, requires_grad=True)]
    for _ in range(DEPTH):
        states.append(OnlyResidual(pre_norm).double()(states[-1]))
        states[-1].retain_grad()
    (states[-1] * torch.randn_like(states[-1])).sum().backward()
    return [state.grad.norm(dim=-1).mean().item() for state in states]


paths = {"post-norm": gradients_on_the_way(False), "pre-norm": gradients_on_the_way(True)}
for name, on_the_way in paths.items():
    print(f"{name:<10} after layer 24: {on_the_way[-1]:.2f}, before layer 1: {on_the_way[0]:.2f}")
predict()

# %% tags=["drawing"]
# Drawing: the gradient on the residual path
figure, axes = new(size=(8, 3.8))
for index, (name, on_the_way) in enumerate(paths.items()):
    axes.plot(range(DEPTH + 1), on_the_way, label=name, **line_style(index))
axes.set_yscale("log")
axes.minorticks_off()
axes.set_yticks([0.2, 0.5, 1, 2, 5], labels=["0.2", "0.5", "1", "2", "5"])
axes.set_xticks([0, 4, 8, 12, 16, 20, 24])
axes.set(
    title="gradient on the residual path", xlabel="after layer", ylabel="norm of a token's gradient"
)
axes.legend(frameon=False)
show(
    figure,
    alt="The gradient on the residual path on a log axis, at the input and after each of 24 "
    "layers, two lines. From layer 24 back to the input: "
    + "; ".join(f"{name} {way[-1]:.2f} to {way[0]:.2f}" for name, way in paths.items())
    + ".",
)

# %% [markdown]
# With pre-norm the gradient arrives as it left: here the 1 really is always there. With post-norm each layer norm takes
# its share, about 14 % per layer, and about a fortieth is left. That is still much more than in the stack without
# residual connections, where it was 1/3,000.
#
# **Predict first.** Take the same 24 layers and the same task, with a layer norm at the end, and try two learning rates
# (how far a step moves the weights): 0.001 as before, and 0.005. Which of the two variants learns faster, and which one
# suffers from the higher rate?

# %%
predict("", "which learns faster, and which suffers from the higher rate?")


# %%
ways["pre-norm"] = lambda: PreNormBlock(WIDTH, network(), dropout=0.0)
at_start = {
    "post-norm": measured["both (post-norm)"][0],
    "pre-norm": measure(ways["pre-norm"], last=lambda: LayerNormalization(WIDTH))[0],
}
runs = {
    "post-norm, rate 0.001": smooth(train(ways["both (post-norm)"], 0.001, final_norm=True)),
    "post-norm, rate 0.005": smooth(train(ways["both (post-norm)"], 0.005, final_norm=True)),
    "pre-norm, rate 0.001": smooth(train(ways["pre-norm"], 0.001, final_norm=True)),
    "pre-norm, rate 0.005": smooth(train(ways["pre-norm"], 0.005, final_norm=True)),
}

# %% tags=["drawing"]
# Drawing: the gradient at the start, and the loss
figure, axes = new(1, 2, size=(11, 3.9))
for index, (name, gradients) in enumerate(at_start.items()):
    axes[0].plot(range(1, DEPTH + 1), gradients, label=name, **line_style(index))
axes[0].set_xticks([1, 4, 8, 12, 16, 20, 24])
axes[0].set(
    title="gradient at the start",
    xlabel="layer",
    ylabel="norm of the sublayer's gradient",
    ylim=(0, 0.18),
)
for index, (name, losses) in enumerate(runs.items()):
    axes[1].plot(range(10, 101, 10), losses, label=name, **line_style(index))
axes[1].set(title="training", xlabel="step", ylabel="loss, mean of ten steps", ylim=(0, 1.3))
for place in axes:
    place.legend(frameon=False, fontsize=9, loc="lower left")
predict()
show(
    figure,
    alt="Left: the gradient at the start, layer 1 and layer 24: "
    + "; ".join(f"{name} {size[0]:.2f} and {size[-1]:.2f}" for name, size in at_start.items())
    + ". Right: the loss over 100 steps as four lines, at their end: "
    + "; ".join(f"{name} {losses[-1]:.2f}" for name, losses in runs.items())
    + ".",
)

# %%
for name, losses in runs.items():
    print(f"{name}: loss of the last ten steps {losses[-1]:.2f}")
print("\ngradient in layer 1 and in layer 24")
for name, gradients in at_start.items():
    print(f"{name:>9}: {gradients[0]:.3f} and {gradients[-1]:.3f}")

# %% [markdown]
# Pre-norm learns faster here, and it tolerates a learning rate at which post-norm learns nothing. In post-norm the
# gradients of the last layers are large at the start, however deep the stack is; in pre-norm they shrink with the
# square root of the depth (Xiong and others, "On Layer Normalization in the Transformer Architecture", 2020). The
# authors of the paper dealt with the problem differently: they began with a tiny rate and let it grow for 4,000 steps,
# the **warm-up**. Lesson 8 builds it.
#
# A word of caution: this is a small task, a small stack and one seed. In the end a well-trained post-norm model is
# often as good as a pre-norm one, or a little better; it is only harder to get going. This course keeps to the paper's
# post-norm.

# %% [markdown]
# ## Recap
#
# - A sublayer's output is added to its input. The sum keeps what was known, and the gradient has a way back past the
#   sublayer; in pre-norm it arrives undiminished, in post-norm each layer norm takes a share.
# - Layer norm: mean and **biased** variance of each **row**; $(x - \mu) / \sqrt{\sigma^2 + \varepsilon}$; then $\gamma$
#   and $\beta$, one per **column**, learned.
# - It looks at one token at a time. Other sentences, padding and the size of the batch change nothing.
# - The paper's order is post-norm: dropout on the sublayer's output, add, normalize.
# - Without the residual connection the 24 layers of the experiment don't learn; without any norm their values grow
#   too large to learn with. Pre-norm leaves the residual stream free and is easier to train.
#
# The result of this block, 5 rows of 6 numbers, goes on to lesson 6, where each row passes a feed-forward network.

# %%
print("output of the attention block, the input of lesson 6\n")
for token, numbers in zip(tokens, output, strict=True):
    print(f"{token:>6}", "".join(f"{number:8.3f}" for number in numbers))

# %% [markdown]
# ## The paper, the blog, this code
#
# The column "blogs and notes" sums up what many of them say.
#
# | question | the paper | blogs and notes | this code |
# | --- | --- | --- | --- |
# | What is each row divided by? | refers to "Layer Normalization" (Ba, Kiros and Hinton), where it is the deviation, without any $\varepsilon$ | standard deviation + $\varepsilon$ | $\sqrt{\text{variance} + \varepsilon}$, as in PyTorch; the two part for small variances, and in the gradient |
# | Biased or unbiased? | biased: divided by $d$ | not said; `x.std()` in PyTorch would be unbiased | biased |
# | Are there $\gamma$ and $\beta$? | yes, as gain and bias of "Layer Normalization" | missing in some posts; others explain them, with a single number for all columns in their example | one $\gamma$ and one $\beta$ for each column |
# | How large is $\varepsilon$? | not said | "very small, for example 1e-6" | 1e-5, the default of PyTorch |
# | What is $\varepsilon$ for? | not said | to prevent division by zero | that, too; and it keeps gradients finite, and under the root it does not blow up noise |
# | $\gamma = 2$, $\beta = 1$ on `[1, 2, 3]` | (no example) | `[-1.44, 1, 3.44]` | `[-1.449, 1, 3.449]`: the blog rounded first |
# | What is added to the attention's output? | the input of the sublayer | "the embedding matrix" | the input of the sublayer: in the first layer the embeddings **with positions**, later the layer before |
# | Where is the norm? | after the add (post-norm) | after the add | after the add; pre-norm as a variant |
# | Where does dropout act? | on the sublayer's output, before the add | not mentioned | as in the paper |
