# %% [markdown]
# # 4 · Multi-head attention
#
# The head of lesson 3 gives each token one set of attention weights, one way to divide its attention. But "dog" may
# have several questions at once. What does it do? Which article belongs to it? One softmax can't answer both
# separately, since its weights mix everything they find into one vector. In this lesson several heads look at the
# sentence side by side. You build this twice: first as a list of single heads, then all heads at once, as real models
# do.
#
# <!-- map: 04_multi_head -->
# ![The map of the Transformer, with this lesson's parts in colour: multi-head attention.](figures/map.png)
# <!-- end -->
#
# **After this lesson you can**
# - compute multi-head attention by hand: single heads, side by side, times one more matrix;
# - cut the rows of a tensor into heads and join them again, and say why `reshape` by itself mixes up the tokens;
# - write multi-head attention as a PyTorch module, for self- and cross-attention, with masks of every usual shape;
# - copy the weights of PyTorch's own module and get the same numbers;
# - say what more heads cost (no parameters at all), and show on a small task what one head can't do.
#
# **What you need**: lesson 3 (a single head, masks). About 105 minutes.
#
# <!-- table: 04_multi_head -->
# | exercise | what you build | points | minutes |
# | --- | --- | ---: | ---: |
# | 4.1 `split_heads` | cut each row into slices | 3 | 10 |
# | 4.2 `merge_heads` | put the slices side by side | 2 | 6 |
# | 4.3 `multi_head_by_hand` | a list of single heads | 3 | 10 |
# | 4.4 `MultiHeadAttention` | all heads at once, as a module | 5 | 25 |
# | 4.5 `copy_torch_attention` | copy PyTorch's weights | 2 | 8 |
# | 4.6 `attention_parameters` | count what is learned | 1 | 4 |
# <!-- end -->

# %%
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from autograde import by_hand, check, predict
from helpers.embeddings import add_positions, embed, positional_encoding, shift_matrix
from helpers.example import (
    D_HEAD,
    D_MODEL,
    EMBEDDINGS,
    HEADS,
    SENTENCES,
    W_KEY_2,
    W_OUTPUT,
    W_QUERY_2,
    W_VALUE_2,
)
from helpers.figures import COLOURS, heat_map, new, show, signed
from helpers.single_head import project, scaled_dot_product_attention
from helpers.vocabulary import Vocabulary

# %% [markdown]
# ## The idea
#
# Several heads read the same sentence. Each has three matrices of its own, and so its own questions, its own weights
# and its own output. The outputs are laid side by side, and one more matrix, $W^O$, mixes them. Like the others, it
# starts with random numbers and is learned; in the example below, we choose it by hand.
#
# ![x goes into two heads; their outputs, 5 by 3 each, lie side by side, 5 by 6, and are multiplied by one more matrix, which gives the output, 5 by 6.](figures/heads.png)
#
# In the paper (section 3.2.2) this reads:
#
# $$\text{MultiHead}(Q, K, V) = \text{Concat}(\text{head}_1, \ldots, \text{head}_h)\, W^O$$
# $$\text{head}_i = \text{Attention}(Q W_i^Q,\; K W_i^K,\; V W_i^V)$$
#
# $h$ is the number of heads; Concat lays matrices side by side. In self-attention $Q$, $K$ and $V$ are all the same
# $x$.
#
# Heads are like the filters of a convolution (lesson 0): one layer has many, each looks for something different, and
# their results are laid side by side. But a filter uses the same weights everywhere, while a head computes its weights
# anew for each sentence.
#
# More heads don't make the whole any wider: with $h$ heads, each is $d_k = d_{model} / h$ wide. The paper's base model
# has 8 heads of width 64 in a model of width 512. The smallest version of LLaMA, a later language model, has 32 heads
# of width 128 in a model of width 4096. Ours has 2 heads of width 3 in a model of width 6.

# %% [markdown]
# ## The numbers by hand
#
# Here is `x` again, the five tokens with their positions, as at the beginning of lesson 3.

# %%
vocabulary = Vocabulary(SENTENCES)
tokens = ["the", "dog", "bites", "the", "man"]
ids = np.array(vocabulary.encode("the dog bites the man")[1:-1])  # without <bos> and <eos>
x = add_positions(
    math.sqrt(D_MODEL) * embed(ids, EMBEDDINGS), positional_encoding(len(ids), D_MODEL)
)

print(f"x has the shape {x.shape}: {len(tokens)} tokens, d_model = {D_MODEL}\n")
for token, row in zip(tokens, x, strict=True):
    print(f"{token:>6}", "".join(f"{number:8.3f}" for number in row))

# %% [markdown]
# Head 1 is the head of lesson 3. It asks *what*: verbs look for nouns, nouns look for verbs. Head 2 is new, and it asks
# *where*: **every token looks for the one before it**. It reads only columns 0 and 1. All words are 0 there, so these
# columns hold nothing but the position $p$: $\sin p$ and $\cos p$, a point on a circle. The key is this point as it is.
# The query is the point turned back by one step, with the rotation of lesson 2 (`shift_matrix`), and made 4 times as
# long. So the query of token 2 points where the key of token 1 is, and their dot product is the largest in its row.

# %%
heads = HEADS  # a list of two: (W_QUERY, W_KEY, W_VALUE), then (W_QUERY_2, W_KEY_2, W_VALUE_2)
back = shift_matrix(-1, D_MODEL)[:2, :2]  # the block of the columns 0 and 1
print("4 times one step back:")
print((4 * back).round(3))
print("the query's weights are that, transposed:", np.allclose(W_QUERY_2[:2, :2], 4 * back.T))

# %% tags=["drawing"]
# Drawing: the weight matrices of head 2
figure, axes = new(1, 3, size=(8.4, 3.4))
names = ("query", "key", "value")
for place, name, matrix in zip(axes, names, heads[1], strict=True):
    label = "column of x" if name == "query" else ""
    title = f"head 2: weights of {name}"
    limits = signed(*heads[1])
    heat_map(
        place,
        matrix,
        range(D_MODEL),
        range(D_HEAD),
        title,
        f"column of {name}",
        label,
        1,
        limits,
        hide_zeros=True,
    )
show(
    figure,
    alt="Three heat maps with six rows and three columns each, the weights of query, key and "
    "value of head 2. The query has a rotation times 4 in the rows and columns 0 and 1, the key "
    "has ones there on the diagonal; their column 2 is 0. The value takes the columns 5, 2 and 4 "
    "of x. All other weights are 0.",
)

# %% [markdown]
# What does a token pass on? Entry 0 of its value is column 5, large for articles, entry 1 is column 2, large for nouns,
# and entry 2 is column 4, large for verbs. So head 2 tells each token *what kind of word comes before it*. (Queries and
# keys need only two columns; the third is 0.)
#
# Follow "dog" with pencil and paper. It is at position 1; one step back is position 0, with sine 0 and cosine 1. So its
# query is (0, 4, 0). The rest goes as in lesson 3: dot product with every key, divided by $\sqrt{3} \approx 1.732$,
# then the softmax.


# %%
def weighted_sum(numbers, weights):
    return sum(number * weight for number, weight in zip(numbers, weights, strict=True))


dog = 1
query_dog = [weighted_sum(x[dog], W_QUERY_2[:, column]) for column in range(D_HEAD)]
keys = [[weighted_sum(row, W_KEY_2[:, column]) for column in range(D_HEAD)] for row in x]
products = [weighted_sum(query_dog, key) for key in keys]
powers = [math.exp(product / math.sqrt(D_HEAD)) for product in products]
weights_dog = [power / sum(powers) for power in powers]

print("head 2: 'dog' asks with the query", "".join(f"{number:8.3f}" for number in query_dog), "\n")
print("                 key                        product   / 1.732   e to the ...   weight")
scaled = [product / math.sqrt(3) for product in products]
for token, key, product, score, power, share in zip(
    tokens, keys, products, scaled, powers, weights_dog, strict=True
):
    numbers = "".join(f"{number:8.3f}" for number in key)
    print(f"{token:>9} {numbers} {product:12.3f} {score:9.3f} {power:14.3f} {share:8.3f}")

# %% [markdown]
# In head 1, "dog" gave 0.844 of its attention to "bites". In head 2 it gives 0.706 to "the", the word before it, and
# nearly all the rest to itself. Both answers are kept, because each head has its own output.
#
# Now "bites", at position 2. What is its query in head 2? And what score does it give to "dog"? (Two decimals
# are enough, here and below.)

# %%
by_hand("query of 'bites' in head 2", ...)

# %%
by_hand("score of 'dog' for 'bites' in head 2", ...)

# %% [markdown]
# Laid side by side, the outputs of the two heads again make one row of six numbers. The last step multiplies this row
# by $W^O$:

# %%
print("W_OUTPUT, the matrix after the two heads:")
print(W_OUTPUT, "\n")
output_1, weights_1 = scaled_dot_product_attention(*project(x, *heads[0]))
values_2 = [[weighted_sum(row, W_VALUE_2[:, column]) for column in range(D_HEAD)] for row in x]
output_2_dog = [weighted_sum(column, weights_dog) for column in zip(*values_2, strict=True)]
row_dog = [*output_1[dog], *output_2_dog]

print("'dog', head 1 (lesson 3):", "".join(f"{number:8.3f}" for number in output_1[dog]))
print("'dog', head 2:           ", "".join(f"{number:8.3f}" for number in output_2_dog))
print("side by side:            ", "".join(f"{number:8.3f}" for number in row_dog), "\n")
output_dog = [weighted_sum(row_dog, W_OUTPUT[:, column]) for column in range(D_MODEL)]
for column in range(D_MODEL):
    used = [
        (number, weight)
        for number, weight in zip(row_dog, W_OUTPUT[:, column], strict=True)
        if weight
    ]
    terms = " + ".join(f"{weight:g} · ({number:.3f})" for number, weight in used)
    print(f"output of 'dog', entry {column}:  {terms} = {output_dog[column]:.3f}")

# %% [markdown]
# For "man", the two outputs side by side are (1.050, 0.425, 2.147, 1.829, 0.525, 0.297). What is entry 0 of its output?

# %%
by_hand("output of 'man', entry 0", ...)

# %% [markdown]
# Every number in the output holds something from both heads. Without $W^O$ the heads would stay in their own columns,
# and nothing would bring together what they found. $W^O$ has as many columns as `x`, 6, because the result is added to
# `x` next; that is lesson 5.

# %% [markdown]
# ## Slices
#
# Real models don't loop over heads. They keep the matrices of all heads side by side in one large matrix, multiply
# once, and *cut the result into slices*. So the first two exercises are about cutting and joining. They work on PyTorch
# tensors.

# %% [markdown]
# ### Exercise 4.1 · `split_heads`
# <!-- facts: split_heads -->
# *cut each row into slices* · core · 3 points · about 10 minutes
# <!-- end -->
#
# Cut each token's row into `num_heads` slices of equal width, and give each head its own matrix.
#
# - `x` is a tensor `(batch, length, d_model)`. The result is `(batch, num_heads, length, d_head)` with
#   `d_head = d_model // num_heads`.
# - Head 1 gets the first `d_head` columns of every token, head 2 the next ones, and so on. (An index counts from 0: on
#   the axis of the heads, head 1 is `[:, 0]`.)
# - If `num_heads` does not divide `d_model`, raise a `ValueError`.
#
# Why this order of the axes? Attention works on the last two axes, `length` and `d_head`, and doesn't touch the axes
# before them. With the heads in front, the code of lesson 3 computes all heads at once.
#
# The right shape proves nothing. Below, both results have the right shape, and one of them is wrong:
#
# ![Four tokens with six columns, cut into three heads. Above: each head has two columns of all four tokens. Below, with only reshape: head 1 has all of token 0 and a part of token 1, and nothing of the tokens 2 and 3.](figures/slices.png)
#
# `reshape` keeps the numbers in their order: it reads them row by row and puts them down row by row
# in the new shape. In the wrong result head 1 never sees the tokens 2 and 3, and each of its rows
# is a third of a token.
#
# Example: one token `[[[1, 2, 3, 4, 5, 6]]]` and 3 heads give `[[[[1, 2]], [[3, 4]], [[5, 6]]]]`.
#
# <!-- hints: split_heads -->
# <details>
# <summary>Hint 1</summary>
#
# Two steps. First cut the last axis in two, and leave all other axes where they are: which four sizes does the tensor have then? After that, exchange two axes.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `reshape` to (batch, length, heads, d_head), then `transpose` the axes 1 and 2. Before both, raise a `ValueError` if `d_model % num_heads` is not 0.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "split_heads", "locked": false, "schema_version": 3, "solution": true, "task": false}
def split_heads(x, num_heads):
    """(batch, length, d_model) -> (batch, num_heads, length, d_head); or a ValueError."""
    ### BEGIN SOLUTION
    batch, length, d_model = x.shape
    if d_model % num_heads != 0:
        raise ValueError(f"{num_heads} heads do not divide a width of {d_model}")
    slices = x.reshape(batch, length, num_heads, d_model // num_heads)
    # (batch, length, heads, d_head) -> (batch, heads, length, d_head)
    return slices.transpose(1, 2)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_split_heads", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("split_heads")

# %% [markdown]
# ### Exercise 4.2 · `merge_heads`
# <!-- facts: merge_heads -->
# *put the slices side by side* · core · 2 points · about 6 minutes
# <!-- end -->
#
# The way back: lay the heads of each token side by side again. This is Concat in the paper's equation.
#
# - `x` is a tensor `(batch, heads, length, d_head)`. The result is `(batch, length, heads * d_head)`.
# - `merge_heads(split_heads(x, h))` gives `x` again, for every `h` that divides the width.
#
# Example: `[[[[1, 2]], [[3, 4]], [[5, 6]]]]` (3 heads, one token) becomes `[[[1, 2, 3, 4, 5, 6]]]`.
#
# <!-- hints: merge_heads -->
# <details>
# <summary>Hint 1</summary>
#
# Undo the two steps of `split_heads` in the opposite order. What did it do last?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# Exchange the axes 1 and 2 back, then `reshape` to three axes. (`view` in place of `reshape` fails for several tokens and heads, because the numbers are no longer one after the other in memory.)
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "merge_heads", "locked": false, "schema_version": 3, "solution": true, "task": false}
def merge_heads(x):
    """(batch, heads, length, d_head) -> (batch, length, heads * d_head)."""
    ### BEGIN SOLUTION
    batch, heads, length, d_head = x.shape
    return x.transpose(1, 2).reshape(batch, length, heads * d_head)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_merge_heads", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("merge_heads")

# %% [markdown]
# ## Heads as a list
#
# Now the equation itself, in the plainest way: a list of heads and a loop.

# %% [markdown]
# ### Exercise 4.3 · `multi_head_by_hand`
# <!-- facts: multi_head_by_hand -->
# *a list of single heads* · core · 3 points · about 10 minutes
# <!-- end -->
#
# Multi-head attention for **one sentence**, in NumPy.
#
# - `x`: `(length, d_model)`.
# - `heads`: a list; each head is a tuple `(w_query, w_key, w_value)` of three matrices `(d_model, d_head)`.
# - `w_output`: `(number of heads * d_head, d_model)`. Here the number of rows need not be `d_model`.
# - `mask`: `None`, or boolean `(length, length)`, True = may attend. The same mask applies to every head.
# - Return only the output, `(length, d_model)`.
#
# Use two functions of lesson 3, imported above: `project(x, w_query, w_key, w_value)` returns `(query, key, value)`, and
# `scaled_dot_product_attention(query, key, value, mask)` returns `(output, weights)`.
#
# Example: with one head and the identity matrix as `w_output` the result is the output of that head.
#
# <!-- hints: multi_head_by_hand -->
# <details>
# <summary>Hint 1</summary>
#
# A loop over `heads`, with the two functions of lesson 3 inside. It collects one output per head, each (length, d_head). What is left are two steps of the equation: Concat and $W^O$.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# Collect the outputs in a list. `np.concatenate(..., axis=-1)` lays them side by side; one `@` with `w_output` is the last step. `scaled_dot_product_attention` returns two things, and the output is the first.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "multi_head_by_hand", "locked": false, "schema_version": 3, "solution": true, "task": false}
def multi_head_by_hand(x, heads, w_output, mask=None):
    """Single heads, side by side, times w_output: (length, d_model)."""
    ### BEGIN SOLUTION
    outputs = []
    for w_query, w_key, w_value in heads:
        query, key, value = project(x, w_query, w_key, w_value)
        output, _ = scaled_dot_product_attention(query, key, value, mask)
        outputs.append(output)
    return np.concatenate(outputs, axis=-1) @ w_output
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_multi_head_by_hand", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("multi_head_by_hand")

# %%
output = multi_head_by_hand(x, heads, W_OUTPUT)
print("output of 'dog' as by hand:", np.allclose(output[dog], output_dog))

_, weights_2 = scaled_dot_product_attention(*project(x, *heads[1]))

# %% tags=["drawing"]
# Drawing: the weights of both heads and the output
figure, axes = new(1, 3, size=(12.6, 3.5), width_ratios=[5, 5, 6])
heat_map(
    axes[0],
    weights_1,
    tokens,
    tokens,
    "head 1: weights",
    "key of ...",
    "query of ...",
    limits=(0, 1),
)
heat_map(axes[1], weights_2, tokens, tokens, "head 2: weights", "key of ...", limits=(0, 1))
heat_map(
    axes[2],
    output,
    tokens,
    range(D_MODEL),
    "output of both heads, times $W^O$",
    "column of the output",
    limits=signed(output),
)
show(
    figure,
    alt="Three heat maps. In head 1 articles and bites attend to dog and man, dog and man to "
    "bites. In head 2 dog, bites, the second article and man attend most to the token before "
    "them, the first article to itself and to man. The output has five tokens in the rows and six "
    f"columns; the row of dog is {output[dog].round(2).tolist()}.",
)

# %% [markdown]
# Compare the two heads: the same five tokens, two quite different ways to divide attention. In head 1 an article can't
# tell the nouns apart; in head 2 "man" finds its own article. Head 2 doesn't look at the words at all, so every
# sentence of five words gets the same weights from it.
#
# One row looks odd. The first "the" has nothing before it. It looks at itself (0.57), and at "man" (0.31), four places
# *later*. The circle comes round after 6.28 steps, so position 4 is not far from position -1 on it. That is what the
# slower pairs of lesson 2 are for: a head that read them as well wouldn't be fooled.
#
# ### The same numbers, as slices of one matrix
#
# Lay the query matrices of both heads side by side, and you have one matrix with 6 rows and $2 \cdot 3 = 6$ columns.
# One product with it gives the queries of *both* heads, and your `split_heads` takes them apart. The same goes for key
# and value.

# %%
all_query, all_key, all_value = (
    torch.from_numpy(np.concatenate(matrices, axis=1)) for matrices in zip(*heads, strict=True)
)
batch = torch.from_numpy(x).unsqueeze(0)  # a batch of one sentence


def all_heads(x, split, merge, mask=None):
    """Multi-head attention without a loop: one product for all queries, keys, values each."""
    parts = [split(x @ weights, len(heads)) for weights in (all_query, all_key, all_value)]
    side_by_side = merge(F.scaled_dot_product_attention(*parts, attn_mask=mask))
    return side_by_side @ torch.from_numpy(W_OUTPUT)


print("the matrix of all queries:", tuple(all_query.shape))
print(
    "after split_heads:        ",
    tuple(split_heads(batch @ all_query, 2).shape),
    "= (batch, heads, length, d_head)\n",
)
for number, (w_query, _, _) in enumerate(heads):
    same = np.allclose(split_heads(batch @ all_query, 2)[0, number], x @ w_query)
    print(f"slice {number} is the query of head {number + 1}:", same)
same = np.allclose(all_heads(batch, split_heads, merge_heads)[0], output)
print("output as with the list of heads:", same)

# %% [markdown]
# So "a list of heads" and "slices of one matrix" are the same thing. But notice *what* is cut: the columns of query,
# key and value, **not** the columns of `x`. Each head reads the whole row of a token through its own columns of
# weights. If `x` itself were cut, head 1 would get the columns 0 to 2 and never see a verb. Here is what the heads
# really read:

# %%
for number, matrices in enumerate(heads, 1):
    read = [column for column in range(D_MODEL) if any(matrix[column].any() for matrix in matrices)]
    print(f"head {number} reads the columns {read} of x")

# %% [markdown]
# ## All heads at once, as a module
#
# The loop has done its job and shown what is computed. From here on all heads run at once.

# %% [markdown]
# ### Exercise 4.4 · `MultiHeadAttention`
# <!-- facts: MultiHeadAttention -->
# *all heads at once, as a module* · core · 5 points · about 25 minutes
# <!-- end -->
#
# The module that the rest of the course is built on.
#
# - `MultiHeadAttention(embed_dim, num_heads, bias=False)` has four linear layers, `self.query`, `self.key`,
#   `self.value` and `self.out`, each from `embed_dim` to `embed_dim`. (`embed_dim` is the name that PyTorch has for
#   $d_{model}$.) The argument `bias` applies to all four. If `num_heads` does not divide `embed_dim`, raise a
#   `ValueError`.
# - `forward(query_input, key_input=None, value_input=None, mask=None, need_weights=True)` returns `(output, weights)`.
#   The inputs are `(batch, n, embed_dim)`. For self-attention one input is enough: **the key input defaults to the
#   query input, the value input to the key input**. In cross-attention queries and keys come from sentences of
#   different lengths.
# - Each head is lesson 3's attention: its scores are divided by the root of the head's own width.
# - The output is `(batch, n_queries, embed_dim)`. The weights are those of each head,
#   `(batch, heads, n_queries, n_keys)`; with `need_weights=False` return `None` in their place.
# - `mask` is boolean, True = may attend, in one of three forms: `(n_queries, n_keys)`, the same for all;
#   `(batch, 1 or n_queries, n_keys)`, one per sentence; `(batch, 1 or heads, n_queries, n_keys)`.
# - A row with nothing to attend to gives the weights 0, and all gradients stay finite, as in lesson 3.
#
# Be careful with the second form of the mask. The scores are `(batch, heads, n_queries, n_keys)`, and broadcasting
# lines up axes *from the right*: the batch of a mask with three axes would be taken for the heads.
#
# Example: `MultiHeadAttention(6, 2)` has four parameters, each `(6, 6)`; for an input `(4, 5, 6)` the output is
# `(4, 5, 6)` and the weights are `(4, 2, 5, 5)`.
#
# <!-- hints: MultiHeadAttention -->
# <details>
# <summary>Hint 1</summary>
#
# It is the module of lesson 3 with three more steps: `split_heads` after the three projections, `merge_heads` and `self.out` at the end. The lines between need no change: they work on the last two axes. A mask with three axes lacks the axis of the heads. Where does it belong, in (batch, n_queries, n_keys)?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `mask.unsqueeze(1)` makes (batch, 1, n_queries, n_keys) of a mask with three axes (`mask.dim() == 3`); one with two or four axes fits as it is. Fill the scores with `-math.inf` before the softmax and the weights with 0 after it, both where the mask is False. The root is that of the *head's* width: read it from the key's last axis after the split.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "MultiHeadAttention", "locked": false, "schema_version": 3, "solution": true, "task": false}
class MultiHeadAttention(nn.Module):
    """forward(query_input, key_input, value_input, mask, need_weights) -> (output, weights)."""

    def __init__(self, embed_dim, num_heads, bias=False):
        super().__init__()
        ### BEGIN SOLUTION
        if embed_dim % num_heads != 0:
            raise ValueError(f"{num_heads} heads do not divide a width of {embed_dim}")
        self.num_heads = num_heads
        self.query = nn.Linear(embed_dim, embed_dim, bias=bias)
        self.key = nn.Linear(embed_dim, embed_dim, bias=bias)
        self.value = nn.Linear(embed_dim, embed_dim, bias=bias)
        self.out = nn.Linear(embed_dim, embed_dim, bias=bias)
        ### END SOLUTION

    def forward(self, query_input, key_input=None, value_input=None, mask=None, need_weights=True):
        ### BEGIN SOLUTION
        key_input = query_input if key_input is None else key_input
        value_input = key_input if value_input is None else value_input
        query = split_heads(self.query(query_input), self.num_heads)
        key = split_heads(self.key(key_input), self.num_heads)
        value = split_heads(self.value(value_input), self.num_heads)
        if mask is not None and mask.dim() == 3:
            mask = mask.unsqueeze(1)  # (batch, 1, n_queries, n_keys): the same for all heads
        if not need_weights:
            output = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
            return self.out(merge_heads(output)), None
        # (batch, heads, n_queries, n_keys)
        scores = query @ key.transpose(-2, -1) / math.sqrt(key.shape[-1])
        if mask is None:
            weights = torch.softmax(scores, dim=-1)
        else:
            empty = ~mask.any(dim=-1, keepdim=True)
            masked = scores.masked_fill(~(mask | empty), -math.inf)
            weights = torch.softmax(masked, dim=-1).masked_fill(~mask, 0.0)
        return self.out(merge_heads(weights @ value)), weights
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_MultiHeadAttention", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check("MultiHeadAttention")

# %% [markdown]
# Given the weights of the running example, the module has to reproduce your NumPy result. `nn.Linear` keeps its matrix
# as `(out, in)`, so the matrices go in transposed.

# %%
module = MultiHeadAttention(D_MODEL, 2)
matrices = (all_query, all_key, all_value, torch.from_numpy(W_OUTPUT))
with torch.no_grad():
    for layer, matrix in zip(
        (module.query, module.key, module.value, module.out), matrices, strict=True
    ):
        layer.weight.copy_(matrix.T)

sentence = batch.float()
module_output, module_weights = module(sentence)
print(
    "output ",
    tuple(module_output.shape),
    "   agrees with NumPy:",
    np.allclose(module_output[0].detach(), output, atol=1e-5),
)
agree = np.allclose(module_weights[0].detach(), np.stack([weights_1, weights_2]), atol=1e-5)
print("weights", tuple(module_weights.shape), "agree with NumPy: ", agree)

earlier = torch.ones(5, 5, dtype=torch.bool).tril()  # True on and below the diagonal
masked_output, masked_weights = module(sentence, mask=earlier)
print("\nwith the mask `earlier`, 'dog' attends to")
for number in range(2):
    shares = ", ".join(
        f"{name} {share:.2f}"
        for name, share in zip(tokens, masked_weights[0, number, dog], strict=True)
    )
    print(f"  head {number + 1}:  {shares}")

# %% [markdown]
# ## The same with PyTorch's own
#
# PyTorch has this module as `torch.nn.MultiheadAttention`. Before we can compare the two modules, they need the same
# weights.

# %% [markdown]
# ### Exercise 4.5 · `copy_torch_attention`
# <!-- facts: copy_torch_attention -->
# *copy PyTorch's weights* · core · 2 points · about 8 minutes
# <!-- end -->
#
# Copy the weights of `theirs` into `mine`, so that both give the same output.
#
# - `mine` is your `MultiHeadAttention`; `theirs` is
#   `torch.nn.MultiheadAttention(embed_dim, num_heads, batch_first=True, bias=False)`. Both have the same sizes.
# - `theirs` keeps the matrices of query, key and value in **one** parameter, `theirs.in_proj_weight`, of the shape
#   `(3 * embed_dim, embed_dim)`: first the rows of the query, then those of the key, then those of the value. The last
#   matrix is `theirs.out_proj.weight`.
# - Afterwards nothing is shared: training one module must not change the other. The weights of `mine` are still
#   parameters that can be trained, and `theirs` stays as it is.
#
# Example: with `embed_dim` 2, the rows 0 and 1 of `in_proj_weight` are `mine.query.weight`.
#
# <!-- hints: copy_torch_attention -->
# <details>
# <summary>Hint 1</summary>
#
# The four matrices are `theirs.in_proj_weight`, which holds three of them one below another, and `theirs.out_proj.weight`. Both modules keep a weight as (out, in), so nothing is transposed.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `chunk(3)` cuts a tensor into three along its rows: query, key, value. Inside `with torch.no_grad():` a parameter may be overwritten in place: `parameter.copy_(other)`.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "copy_torch_attention", "locked": false, "schema_version": 3, "solution": true, "task": false}
def copy_torch_attention(mine, theirs):
    """Copy the weights of a torch.nn.MultiheadAttention into `mine`; they share nothing."""
    ### BEGIN SOLUTION
    query, key, value = theirs.in_proj_weight.chunk(3)
    with torch.no_grad():
        mine.query.weight.copy_(query)
        mine.key.weight.copy_(key)
        mine.value.weight.copy_(value)
        mine.out.weight.copy_(theirs.out_proj.weight)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_copy_torch_attention", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("copy_torch_attention")

# %% [markdown]
# Now the comparison, with random weights and random sentences: 3 sentences, 5 queries, 7 keys, width 12, 4 heads.

# %%
torch.manual_seed(4)
theirs = nn.MultiheadAttention(12, 4, batch_first=True, bias=False)
mine = MultiHeadAttention(12, 4)
copy_torch_attention(mine, theirs)
queries, keys = torch.randn(3, 5, 12), torch.randn(3, 7, 12)


def agrees(left, right):
    return torch.allclose(left, right, atol=1e-5)


with torch.no_grad():
    my_output, my_weights = mine(queries, keys)
    their_output, their_weights = theirs(queries, keys, keys)
    _, their_weights_per_head = theirs(queries, keys, keys, average_attn_weights=False)
    without_weights, nothing = mine(queries, keys, need_weights=False)

print("outputs agree:                       ", agrees(my_output, their_output))
print("my weights ", tuple(my_weights.shape), "   their weights", tuple(their_weights.shape))
print("theirs are the mean over my heads:   ", agrees(my_weights.mean(dim=1), their_weights))
print("average_attn_weights=False: the same:", agrees(my_weights, their_weights_per_head))
print(
    "need_weights=False: the same output: ",
    agrees(without_weights, my_output),
    "and weights:",
    nothing,
)

# %% [markdown]
# There is one thing to know: by default, PyTorch's module returns the **mean** of the weights over the heads. That is
# handy for a picture, but it hides what the individual heads do.
#
# ### True = may attend, or True = may not?
#
# There are two conventions for boolean masks, and PyTorch uses both:
#
# | | True means |
# | --- | --- |
# | this course, and `torch.nn.functional.scaled_dot_product_attention` | **may** attend |
# | `torch.nn.MultiheadAttention` (`attn_mask`, `key_padding_mask`) | may **not** attend |
#
# Nothing warns you if you mix them up: both masks are boolean and have the same shape. Let's try it, with our mask
# `earlier`: every token may attend to itself and to what comes before it.

# %%
with torch.no_grad():
    right, _ = mine(queries, mask=earlier)
    inverted, _ = theirs(queries, queries, queries, attn_mask=~earlier)
    as_it_is, wrong_weights = theirs(queries, queries, queries, attn_mask=earlier)

print("attn_mask=~earlier gives our output:", agrees(right, inverted))
print("attn_mask=earlier gives our output: ", agrees(right, as_it_is))
print("\nattn_mask=earlier, weights of the first sentence, mean over the heads:")
for number, row in enumerate(wrong_weights[0]):
    print(f"  query {number}", "".join(f"{share:8.2f}" for share in row.tolist()))

# %% [markdown]
# With the mask the wrong way round, every token sees *only what comes later*. A model trained like this reads the
# answers, and its loss looks wonderful. The last query has nothing left to see, and there PyTorch's module gives NaN.
# Your module gives zeros in such a row.

# %% [markdown]
# ## What do more heads cost?
#
# Eight heads have eight times as many matrices as one. Does that make eight times as many parameters?

# %% [markdown]
# ### Exercise 4.6 · `attention_parameters`
# <!-- facts: attention_parameters -->
# *count what is learned* · core · 1 point · about 4 minutes
# <!-- end -->
#
# How many parameters does `MultiHeadAttention(embed_dim, num_heads, bias)` have? Return a whole number. `num_heads` is
# not an argument of this function. Why isn't it needed?
#
# - A linear layer has one weight for each pair of an input and an output; with `bias=True` also one number per output.
#
# Example: one linear layer from 3 to 3 with a bias has $3 \cdot 3 + 3 = 12$ parameters.
#
# <!-- hints: attention_parameters -->
# <details>
# <summary>Hint 1</summary>
#
# How many linear layers does the module have, and how large is the matrix of each? Does anything in it depend on `num_heads`?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# Four layers, each with `embed_dim` times `embed_dim` weights. A bias is one number per *output* of a layer.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "attention_parameters", "locked": false, "schema_version": 3, "solution": true, "task": false}
def attention_parameters(embed_dim, bias=False):
    """How many values MultiHeadAttention(embed_dim, ..., bias) learns."""
    ### BEGIN SOLUTION
    return 4 * (embed_dim * embed_dim + (embed_dim if bias else 0))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_attention_parameters", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("attention_parameters")

# %%
print("embed_dim   heads   d_head   counted in the module   by your function")
for embed_dim, num_heads in ((6, 1), (6, 2), (6, 6), (512, 1), (512, 8), (512, 64)):
    counted = sum(
        parameter.numel() for parameter in MultiHeadAttention(embed_dim, num_heads).parameters()
    )
    computed = attention_parameters(embed_dim)
    print(
        f"{embed_dim:9d} {num_heads:7d} {embed_dim // num_heads:8d} {counted:23,d} {computed:18,d}"
    )

# %% [markdown]
# The number of heads makes no difference: $h$ heads of width $d_{model} / h$ fill the same matrix. The number of
# multiplications stays the same, too ($h$ times as many dot products, each $1/h$ as long). So the choice between one
# head and eight is not about size. It is about how the same numbers are used. What do several heads gain us?

# %% [markdown]
# ## Experiment: what breaks without it
#
# ### One head, and several
#
# Here is a small task in which each output needs several earlier tokens **at once**. A sentence has 12 tokens. Each
# token carries four random numbers, its *content*, next to its positional encoding. The output at each token has to
# repeat the contents of four earlier tokens: those 1, 2, 4 and 6 steps back, in that order. That makes 16 numbers, in
# the first 16 columns of the output.
#
# Where to look is a question of positions, which attention can learn (lesson 2: a fixed step is a fixed matrix). We
# train five modules that differ only in the number of heads: 1, 2, 4, 8 or 32, all with width 32. All have
# `attention_parameters(32)` = 4096 parameters, the same data and the same training.
#
# The error is the mean squared error. The contents have variance 1, so an answer that is always 0 has the error 1.
#
# **Predict first.** What error will one head end with? What about two, four and eight? Will 32 heads be the best of
# all? Think about what a single head gives back when it attends to four tokens.

# %%
predict("", "the error of 1, 2, 4, 8 and 32 heads")


# %%
LENGTH, CONTENT, WIDTH, STEPS_BACK = 12, 4, 32, (1, 2, 4, 6)
positions = torch.from_numpy(positional_encoding(LENGTH, WIDTH - CONTENT)).float()


def task(count, generator):
    """(inputs, targets): contents beside positions; the contents of the four tokens to repeat."""
    content = torch.randn(count, LENGTH, CONTENT, generator=generator)
    inputs = torch.cat([content, positions.expand(count, -1, -1)], dim=-1)
    return inputs, torch.cat([content.roll(steps, dims=1) for steps in STEPS_BACK], dim=-1)


def error(model, inputs, targets):
    predicted = model(inputs)[0][..., : targets.shape[-1]]
    # six steps back from the first six tokens there is nothing
    return (predicted - targets)[:, max(STEPS_BACK) :].square().mean()


def train(num_heads, updates=200):
    torch.manual_seed(0)
    model = MultiHeadAttention(WIDTH, num_heads)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    generator = torch.Generator().manual_seed(1)
    for _ in range(updates):
        loss = error(model, *task(32, generator))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


threads = torch.get_num_threads()
torch.set_num_threads(1)  # for matrices as small as these, one processor core is the fastest
test_data = task(2000, torch.Generator().manual_seed(2))  # new sentences
models = {num_heads: train(num_heads) for num_heads in (1, 2, 4, 8, 32)}
with torch.no_grad():
    errors = {num_heads: error(model, *test_data).item() for num_heads, model in models.items()}
torch.set_num_threads(threads)

print("heads   width of a head   error on new sentences")
for num_heads, number in errors.items():
    shown = f"{number:.2f}" if num_heads < 32 else f"more than {math.floor(10 * number) / 10}"
    print(f"{num_heads:5d} {WIDTH // num_heads:17d} {shown:>24}")

# %% tags=["drawing"]
# Drawing: the error with 1 to 32 heads
figure, axes = new(size=(6.6, 3.4))
places = range(len(errors))
bars = axes.bar(places, list(errors.values()), color=COLOURS[0])
for place, number in zip(places, errors.values(), strict=True):
    axes.text(place, number + 0.02, f"{number:.2f}", ha="center")
axes.axhline(1, color="black", linestyle="--", linewidth=1)
axes.text(4.45, 1.02, "always answering 0", ha="right", fontsize=9)
axes.set_xticks(places, [f"{number}\n({WIDTH // number})" for number in errors])
axes.set(
    title="equal parameters, different heads",
    xlabel="number of heads (width of a head)",
    ylabel="mean squared error",
)
axes.set_ylim(0, 1.15)
predict()
show(
    figure,
    alt="A bar chart of the error on new sentences, by the number of heads: "
    + ", ".join(f"{number:.2f} with {heads_used}" for heads_used, number in errors.items())
    + ". A dashed line at 1: always answering 0.",
)

# %% [markdown]
# One head ends at 0.75, two heads at 0.50, four and eight near 0. The first two numbers are no
# accident, and longer training would not help:
#
# - A head mixes the values of all tokens with the weights of **one** softmax. From four contents it makes one mixture,
#   and nothing that comes after can take the mixture apart. It can copy one of the four tokens well and lose three, or
#   blur all four; either way three quarters of the variance is lost.
# - Two heads keep two of four, so half is lost. With four heads, each of the four tokens gets its own head.
# - 32 heads are worse again. A head of width 1 has one number as query and one as key: too little to point at one
#   position among twelve. The width is divided among the heads, so more heads mean narrower ones. The paper saw the
#   same on real translations (table 3, rows A): 24.9 BLEU with one head, 25.8 with eight, and 25.4 with 32; "quality
#   also drops off with too many heads". Narrow keys cost quality, too (rows B): 25.1 with $d_k = 16$ in place of 64.
#
# Here is where the last token of a sentence has learned to look:

# %%
with torch.no_grad():
    learned = {number: models[number](test_data[0][:1])[1][0, :, -1] for number in (1, 4)}

# %% tags=["drawing"]
# Drawing: where the last token looks
figure, axes = new(2, 1, size=(7, 3.9), height_ratios=[1, 4], sharex=True)
names = [str(number) for number in range(LENGTH)]
for place, (number, rows) in zip(axes, learned.items(), strict=True):
    labels = [f"head {index + 1}" for index in range(number)]
    title = f"{'one head' if number == 1 else 'four heads'}: weights of the last token"
    heat_map(
        place,
        rows,
        labels,
        names,
        title,
        "position of the key" if number == 4 else "",
        limits=(0, 1),
    )
rows = learned[4]
found = sorted(LENGTH - 1 - int(position) for position in rows.argmax(dim=-1))
show(
    figure,
    alt="Two heat maps of the weights of the last token, at position 11. Above the single head, "
    f"below the four heads, which look mostly {found} steps back.",
)

# %%
print("the four heads look mostly this many steps back:", found)

# %% [markdown]
# The single head has settled for a mixture and loses the rest. The four heads have divided the work among themselves;
# nobody told them who looks where. They need not do it cleanly: a head may mix two neighbours, as long as another head
# mixes the same two in different proportions. From two different mixtures $W^O$ can compute both. From one it can't.

# %% [markdown]
# ### Without the transpose
#
# In `all_heads` above, `split` and `merge` are arguments. Let's put in two wrong pairs. All shapes fit, no error is
# raised, and a model with such a pair even learns something.
#
# - *reshape twice*: only `reshape`, in both directions;
# - *wrong way back*: your `split_heads`, and then only `reshape` to join the heads.
#
# First, without a mask, we replace the **first** word, "the", with "cat". Then, with the mask `earlier`, where no token
# may see a later one, we replace the **last** word, "man", with "cat". Each time we see how much every row of the
# output changes.
#
# **Predict first.** Which of the five rows change with your two functions? And with the wrong pairs? (The second
# picture of this lesson helps.)

# %%
predict("", "which rows change, with your functions and with the wrong pairs?")


# %%
def wrong_split(x, num_heads):
    return x.reshape(x.shape[0], num_heads, x.shape[1], -1)


def wrong_merge(x):
    return x.reshape(x.shape[0], x.shape[2], -1)


pairs = {
    "split and merge": (split_heads, merge_heads),
    "reshape twice": (wrong_split, wrong_merge),
    "wrong way back": (split_heads, wrong_merge),
}
cat = vocabulary.encode("cat")[1]
for position, mask in ((0, None), (4, earlier)):
    other = x.copy()
    other[position] += math.sqrt(D_MODEL) * (EMBEDDINGS[cat] - EMBEDDINGS[ids[position]])
    other_batch = torch.from_numpy(other).unsqueeze(0)
    which = "no mask" if mask is None else "mask `earlier`"
    print(f"'{tokens[position]}' at position {position} becomes 'cat', {which}")
    print("query of ...", "".join(f"{name:>18}" for name in pairs))
    changes = [
        all_heads(batch, *pair, mask) - all_heads(other_batch, *pair, mask)
        for pair in pairs.values()
    ]
    for row, token in enumerate(tokens):
        print(
            f"{token:>12}",
            "".join(f"{change[0, row].abs().max().item():18.3f}" for change in changes),
        )
    print()
predict()

# %% [markdown]
# - Your functions: without a mask every row changes, since every token sees the first one. With the mask only the
#   last row changes.
# - *Reshape twice*: head 1 works on the first half of the numbers, head 2 on the second half. So the last two tokens
#   can't see the first one at all, with no mask in sight. A long sentence falls apart into pieces that know nothing
#   about each other.
# - *Wrong way back*: with the mask, an earlier row changes. What a later token found has been put into the row of an
#   earlier one, so the answers leak past the mask.
#
# Neither a shape nor an error message would have told you. That is why the checks compare numbers, and why they use
# sizes that differ from each other.

# %% [markdown]
# ## Recap
#
# - Each head has its own query, key and value matrices, its own softmax, its own output. The outputs are laid side by
#   side and multiplied by one more matrix, $W^O$, which mixes them and has as many columns as the model is wide.
# - All heads at once: one large matrix each for query, key and value; the *results* are cut into slices of `d_head`
#   columns. First cut the last axis, then exchange two axes; on the way back, exchange them first.
# - In each head separately, the scores are divided by $\sqrt{d_{head}}$ and the softmax runs along the keys.
# - A mask with three axes needs an axis for the heads. Here True means "may attend"; in `nn.MultiheadAttention` it
#   means the opposite.
# - The number of heads changes neither the parameters nor the multiplications. One head can't keep several tokens
#   apart; heads that are too narrow can't find them.
#
# The result, 5 rows of 6 numbers, goes on to lesson 5. It has the shape of `x`, and there it will be added to `x`.

# %%
print("multi-head output, the input of lesson 5\n")
for token, row in zip(tokens, output, strict=True):
    print(f"{token:>6}", "".join(f"{number:8.3f}" for number in row))

# %% [markdown]
# ## The paper, the blog, this code
#
# The column "blogs and notes" sums up what many of them say.
#
# | question | the paper | blogs and notes | this code |
# | --- | --- | --- | --- |
# | What is cut into heads? | nothing: each head has its own projections $W_i^Q$, $W_i^K$, $W_i^V$ of the whole vector | "the vectors are divided evenly" (a book), easily read as slices of the embeddings | the *projected* query, key and value are cut, which is the same as the paper's; every head reads all columns of `x` |
# | How wide is a head? | $d_k = d_v = d_{model} / h$; 512 / 8 = 64 | "LLaMA uses 32 single heads" says nothing of the width: it is 4096 / 32 = 128 | `embed_dim // num_heads`; a `ValueError` where this has a remainder |
# | What are the scores divided by? | $\sqrt{d_k}$, with the width of a head | the root of the embeddings' width | the root of the head's width, read from the key after the split |
# | Why one more matrix at the end? | $W^O$ is $h d_v \times d_{model}$ | "its columns match the embedding width, because it is added to it next": right, and half of the reason | also because it mixes the heads; without it each head would keep to its own columns |
# | How are query, key and value made? | one matrix each | "by an MLP" (a book) | one linear layer each, no activation |
# | Do the linear layers have a bias? | none in the equations | `nn.Linear`, which adds one unless told otherwise | none, unless `bias=True` |
# | What are several heads good for? | different positions, different subspaces; "with a single attention head, averaging inhibits this" | "like several filters", "several features at once" | measured above: 0.75, 0.50 and 0.00 with 1, 2 and 4 heads at equal parameters |
# | Do more heads cost more? | "similar to that of single-head attention with full dimensionality" | (not mentioned) | the same number of parameters, counted; heads that are too narrow fail |
# | Dropout on the weights? | not in the base description of attention | sometimes | none inside the module; lesson 5 has dropout after it, as in the paper's section 5.4 |
# | What does True mean in a mask? | (no code) | (no masks in the encoder) | may attend; `nn.MultiheadAttention` has it the other way round |
