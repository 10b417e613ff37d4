# %% [markdown]
# # 6 · Feed-forward network and the whole encoder
#
# In attention the tokens exchange what they know. Then each of them needs time to think: to make something new of what
# it has heard. That is the job of the **feed-forward network**, a small network that reads one token at a time. It is
# the one part that the encoder still lacks. In this lesson you build it, combine it with attention and add & norm into
# a layer, and stack six of those layers. That is the whole encoder of the paper, with its 19 million parameters, and
# you compare it with PyTorch's.
#
# <!-- map: 06_feed_forward -->
# ![The map of the Transformer, with this lesson's parts in colour: encoder layer × N, feed-forward.](figures/map.png)
# <!-- end -->
#
# **After this lesson you can**
# - compute a feed-forward network on paper, and say what each hidden unit looks for and what it adds;
# - say what "position-wise" means, and test it;
# - show that without ReLU two linear maps are one;
# - build the encoder of the paper, with its masks and its dropout in the right places;
# - count its parameters by hand, and find the same number in two other ways.
#
# **What you need**: lesson 4 (multi-head attention) and lesson 5 (add & norm). About 105 minutes.
#
# <!-- table: 06_feed_forward -->
# | exercise | what you build | points | minutes |
# | --- | --- | ---: | ---: |
# | 6.1 `relu` | negative numbers become 0 | 1 | 3 |
# | 6.2 `linear` | a linear layer by hand | 2 | 4 |
# | 6.3 `feed_forward` | linear, ReLU, linear | 2 | 6 |
# | 6.4 `FeedForward` | the network as a module | 3 | 9 |
# | 6.5 `EncoderLayer` | one layer of the encoder | 4 | 14 |
# | 6.6 `Encoder` | a stack of layers | 4 | 10 |
# | 6.7 `encoder_parameters` | count what is learned | 2 | 8 |
# <!-- end -->

# %%
import math

import numpy as np
import torch
from torch import nn

from autograde import by_hand, check, predict
from helpers.add_norm import AddNorm, add_and_norm
from helpers.embeddings import add_positions, embed, positional_encoding
from helpers.example import (
    B_INNER,
    B_OUTER,
    D_FF,
    D_MODEL,
    EMBEDDINGS,
    HEADS,
    SENTENCES,
    W_INNER,
    W_OUTER,
    W_OUTPUT,
)
from helpers.figures import COLOURS, heat_map, new, show, signed
from helpers.multi_head import MultiHeadAttention, copy_torch_attention, multi_head_by_hand
from helpers.vocabulary import Vocabulary, pad_batch

# %% [markdown]
# ## The idea
#
# A layer of the encoder has two **sublayers**: multi-head attention and the feed-forward network. Each of them is
# followed by the add & norm of lesson 5. A layer's output has the same shape as its input, so layers can be stacked.
# The paper stacks six.
#
# ![One encoder layer: x goes through multi-head attention, add & norm, the feed-forward network and add & norm; residual connections lead around both sublayers; six such layers follow one another.](figures/layer.png)
#
# The feed-forward network is one line of the paper (section 3.3, equation 2):
#
# $$\text{FFN}(x) = \max(0,\ x W_1 + b_1)\, W_2 + b_2$$
#
# Here $x$ is the row of **one** token, with `d_model` numbers. $W_1$ maps it to a wider row of `d_ff` numbers, the
# **hidden units**. $\max(0, \cdot)$ is called **ReLU** (rectified linear unit): it turns negative numbers into 0. $W_2$
# maps the hidden units back to `d_model` numbers. $b_1$ and $b_2$ are the biases. In the paper `d_model` is 512 and
# `d_ff` is 2048.
#
# The same four arrays serve every position in the sentence, and each position is computed on its own. That is why the
# paper calls the network **position-wise**.

# %% [markdown]
# ## The numbers by hand
#
# Lesson 5 ended with five rows, one for each token of "the dog bites the man": the output of attention after its add &
# norm. Here they are again, computed from scratch with the functions of lessons 1 to 5.

# %%
vocabulary = Vocabulary(SENTENCES)
ones, zeros = np.ones(D_MODEL), np.zeros(D_MODEL)


def vectors(sentence):
    # Lessons 1 and 2: the words of a sentence and their vectors, with positions.
    ids = np.array(vocabulary.encode(sentence)[1:-1])  # without <bos> and <eos>
    encoding = positional_encoding(len(ids), D_MODEL)
    return sentence.split(), add_positions(math.sqrt(D_MODEL) * embed(ids, EMBEDDINGS), encoding)


def after_attention(sentence):
    # Lessons 3 to 5: attention with its add & norm, gamma = 1 and beta = 0.
    words, x = vectors(sentence)
    return words, add_and_norm(x, multi_head_by_hand(x, HEADS, W_OUTPUT), ones, zeros)


def table(names, rows):
    for name, row in zip(names, rows, strict=True):
        print(f"{name:>22}", "".join(f"{number + 0.0:8.3f}" for number in row))


tokens, y = after_attention("the dog bites the man")
print(f"y has the shape {y.shape}: {len(tokens)} tokens, d_model = {D_MODEL}\n")
table(tokens, y)

# %% [markdown]
# Our network has 8 hidden units: `d_ff = 8`. In a real model the weights are learned. Ours were chosen by hand, and
# most of them are 0, so that you can follow what they do. A column of `w1` says what one hidden unit looks for. The
# same unit's row of `w2` says what it adds to the token when it finds it.

# %%
w1, b1, w2, b2 = W_INNER, B_INNER, W_OUTER, B_OUTER

units, columns = range(D_FF), range(D_MODEL)

# %% tags=["drawing"]
# Drawing: w1, w2 and their biases
figure, axes = new(2, 2, size=(10, 6.4), width_ratios=[1.25, 1], height_ratios=[5.5, 1])
scale = {"decimals": 1, "limits": signed(w1, w2, b1, b2), "hide_zeros": True}
unit, column = "hidden unit", "column of the token"
heat_map(axes[0, 0], w1, columns, units, "w1, 6 × 8", unit, column, **scale)
heat_map(axes[0, 1], w2, units, columns, "w2, 8 × 6", column, unit, **scale)
heat_map(axes[1, 0], b1[np.newaxis], [""], units, "b1", "hidden unit", **scale)
heat_map(axes[1, 1], b2[np.newaxis], [""], columns, "b2", "column of the token", **scale)
show(
    figure,
    alt="Four heat maps with their numbers: w1 with 6 rows and 8 columns, w2 with 8 rows and 6 "
    "columns, both nearly all 0 apart from one or two numbers between -1 and 1 for each hidden "
    "unit; b1 with 8 numbers between -1.5 and -0.5; b2 with 6 numbers.",
)

# %% [markdown]
# Look back at the table of `y`: column 2 is still large for the nouns, column 4 for the verb, column 5 for the
# articles. Now take pencil and paper, and send the token "dog" through the network. Unit 2, for example, reads column 3
# of the token with weight 1 and has a bias of -0.5, so its number is above 0 only if column 3 is larger than 0.5. A
# unit whose number is above 0 is said to **fire**; one that ReLU has set to 0 is silent. Of our five tokens only "dog"
# makes unit 2 fire: it finds the dog.
#
# The hidden units come first. For each one: a sum over the weights that are not 0, plus the bias, then ReLU.

# %%
dog = 1
hidden_dog = []
print(f"unit   {'y · w1 + b1':<42} {'':8} after ReLU")
for unit in units:
    terms = [f"{w1[c, unit]:g} · ({y[dog, c]:.3f})" for c in columns if w1[c, unit]]
    before = sum(y[dog, c] * w1[c, unit] for c in columns) + b1[unit]
    hidden_dog.append(max(0.0, before))
    terms.append(f"({b1[unit]:g})")
    print(f"{unit:4}   {' + '.join(terms):<42} = {before:6.3f} {hidden_dog[-1]:11.3f}")

# %% [markdown]
# Five of the eight units are silent, because they haven't found what they are looking for. What about "man"? Compute
# unit 5 for it. (Two decimals are enough, here and below.)

# %%
by_hand("unit 5 for 'man', after ReLU", ...)

# %% [markdown]
# Each unit that fires adds its row of `w2`, multiplied by how strongly it fires. The sum of these rows, plus `b2`, is
# the output of the network. Then comes add & norm: the token itself is added, and the sum is normalized.

# %%
print("unit   strength   its row of w2")
for unit in units:
    if hidden_dog[unit] > 0:
        print(
            f"{unit:4} {hidden_dog[unit]:10.3f}  ", "".join(f"{number:8.3f}" for number in w2[unit])
        )
print()
network_dog = [sum(hidden_dog[unit] * w2[unit, c] for unit in units) + b2[c] for c in columns]
sum_dog = [old + added for old, added in zip(y[dog], network_dog, strict=True)]
mean = sum(sum_dog) / D_MODEL
variance = sum((number - mean) ** 2 for number in sum_dog) / D_MODEL
layer_dog = [(number - mean) / math.sqrt(variance + 1e-5) for number in sum_dog]
table(
    ["output of the network", "+ the token itself", "= sum", "normalized"],
    [network_dog, y[dog], sum_dog, layer_dog],
)

# %% [markdown]
# That was one token. Later in this lesson your `EncoderLayer` has to arrive at the same last row.
#
# For "bites" only unit 1 fires, with 1.386. What is the output of the network for "bites", before the token itself is
# added? Type six numbers.

# %%
by_hand("output of the network for 'bites'", ...)

# %% [markdown]
# ### A lookup in a table of patterns
#
# Seen this way, the network is a lookup table. Each hidden unit is an entry with a **key** (its column of `w1`: the
# pattern that it looks for) and a **value** (its row of `w2`: what it adds). This resembles attention: compare with all
# keys, then add up the values. Two things are different. Here the keys and values themselves are learned and are the
# same for every sentence, while attention computes its keys and values from the tokens. And ReLU takes the place of the
# softmax: entries don't compete, so any number of them may fire. `d_ff` is the number of entries. (Geva and others,
# "Transformer Feed-Forward Layers Are Key-Value Memories", found such patterns in trained models.)

# %% tags=["drawing"]
# Drawing: keys, hidden units and values
figure, axes = new(1, 3, size=(11, 3.9), width_ratios=[1, 0.8, 1])
heat_map(
    axes[0],
    w1.T,
    units,
    columns,
    "keys: what a unit looks for",
    "column of the token",
    "hidden unit",
    **scale,
)
axes[1].barh(units, hidden_dog, color=COLOURS[0], edgecolor="black")
for unit in units:
    axes[1].text(hidden_dog[unit] + 0.02, unit, f"{hidden_dog[unit]:.2f}", va="center", fontsize=9)
axes[1].set(
    ylim=(D_FF - 0.5, -0.5),
    xlim=(0, 1.15),
    yticks=units,
    title="how strongly it fires for 'dog'",
    xlabel="after ReLU",
)
heat_map(axes[2], w2, units, columns, "values: what it adds", "column of the token", **scale)
show(
    figure,
    alt="Three panels with one row per hidden unit: its key, how strongly it fires for the token "
    "dog, and its value. Unit 2, which looks for a large column 3, fires with 0.80, unit 0 with "
    "0.97 and unit 7 with 0.18; the others are silent.",
)

# %% [markdown]
# ## The feed-forward network, step by step
#
# The conventions are those of the earlier lessons: one token per row, any number of axes in front, and never change an
# array that you were given.

# %% [markdown]
# ### Exercise 6.1 · `relu`
# <!-- facts: relu -->
# *negative numbers become 0* · core · 1 point · about 3 minutes
# <!-- end -->
#
# Turn every negative number into 0 and leave the others as they are: $\max(0, x)$, number by number.
#
# - `x` is an array of any shape. The result has the same shape; `x` itself stays as it is.
#
# Example: `[[1.5, -2, 0]]` becomes `[[1.5, 0, 0]]`.
#
# <!-- hints: relu -->
# <details>
# <summary>Hint 1</summary>
#
# Compare every number with 0 and keep the larger of the two. NumPy has one function that compares two arrays number by number, and another one that looks for the largest number of one array.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `np.maximum` takes two arguments; 0 is stretched to the shape of `x`. (`np.max` is the other one.)
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "relu", "locked": false, "schema_version": 3, "solution": true, "task": false}
def relu(x):
    """max(0, x), number by number. Same shape as x."""
    ### BEGIN SOLUTION
    return np.maximum(x, 0.0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_relu", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("relu")

# %% [markdown]
# ### Exercise 6.2 · `linear`
# <!-- facts: linear -->
# *a linear layer by hand* · core · 2 points · about 4 minutes
# <!-- end -->
#
# A **linear layer** multiplies each row by a matrix and adds a bias: $xW + b$.
#
# - `x`: `(..., in)`, where `in` is the width of the input; `weight`: `(in, out)`; `bias`: `(out,)`. The result is
#   `(..., out)`.
# - Every row gets the same bias.
#
# Example: `x = [[1, 2]]`, `weight = [[3], [10]]` and `bias = [100]` give `[[123]]`.
#
# (PyTorch's `nn.Linear` does the same, but keeps its weight the other way round, `(out, in)`.)
#
# <!-- hints: linear -->
# <details>
# <summary>Hint 1</summary>
#
# A matrix product, then a sum. The tokens stay in the rows, so `x` comes first. One bias is added to every row: NumPy stretches it by itself.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `@` is the matrix product, and `weight` is `(in, out)` already, so nothing is transposed. Then `+`.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "linear", "locked": false, "schema_version": 3, "solution": true, "task": false}
def linear(x, weight, bias):
    """Each row of x times the weight, plus the bias: (..., in) to (..., out)."""
    ### BEGIN SOLUTION
    return x @ weight + bias
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_linear", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("linear")

# %% [markdown]
# ### Exercise 6.3 · `feed_forward`
# <!-- facts: feed_forward -->
# *linear, ReLU, linear* · core · 2 points · about 6 minutes
# <!-- end -->
#
# The whole network, built from your two functions:
#
# $$\text{FFN}(x) = \text{ReLU}(x W_1 + b_1)\, W_2 + b_2$$
#
# - `x`: `(..., d_model)`; `w1`: `(d_model, d_ff)`; `b1`: `(d_ff,)`; `w2`: `(d_ff, d_model)`; `b2`: `(d_model,)`.
# - The result has the shape of `x`. Each row is computed from its own row only.
# - The residual connection is not part of it: `x` is not added here.
#
# Example, with one hidden unit: `x = [[1, 2]]`, `w1 = [[1], [-1]]`, `b1 = [3]` give the hidden number $1 - 2 + 3 = 2$.
# With `w2 = [[5, 0]]` and `b2 = [0, 7]` the result is `[[10, 7]]`. With `b1 = [0]` the hidden number is $-1$, ReLU
# turns it into 0, and the result is `[[0, 7]]`.
#
# <!-- hints: feed_forward -->
# <details>
# <summary>Hint 1</summary>
#
# Three steps, and you have written a function for each of them. ReLU comes between the two linear maps. The output is as wide as the input.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# From the inside out: `linear` with `w1` and `b1`, then `relu`, then `linear` again with the other two. Nothing comes after it.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "feed_forward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def feed_forward(x, w1, b1, w2, b2):
    """Two linear maps with a ReLU between them, for each row separately. Same shape as x."""
    ### BEGIN SOLUTION
    return linear(relu(linear(x, w1, b1)), w2, b2)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_feed_forward", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("feed_forward")

# %%
hidden = relu(linear(y, w1, b1))
network_output = feed_forward(y, w1, b1, w2, b2)

# %% tags=["drawing"]
# Drawing: hidden units and output of each token
figure, axes = new(1, 2, size=(10, 3.2), width_ratios=[8, 6])
limits = signed(hidden, network_output)
heat_map(
    axes[0], hidden, tokens, units, "hidden units after ReLU", "hidden unit", "token", limits=limits
)
heat_map(
    axes[1],
    network_output,
    tokens,
    columns,
    "output of the network",
    "column of the token",
    limits=limits,
)
show(
    figure,
    alt="Two heat maps with the five tokens in the rows. Left the 8 hidden units after ReLU; not 0 "
    "are: "
    + "; ".join(
        f"{token} {', '.join(map(str, np.flatnonzero(row)))}"
        for token, row in zip(tokens, hidden, strict=True)
    )
    + ". Right the output of the network, 6 columns.",
)

# %% [markdown]
# Find your numbers for "dog", "man" and "bites" in the two heat maps. Each kind of word has its own units: 0 finds
# nouns, 1 the verb, 2 the dog, 5 the man, 4 the first word, 3 a later article. Unit 7 reads column 1, one of the two
# left for the position, and fires where it is below -0.5: at "dog" and at "man". 31 of the 40 hidden values are 0. In
# large models with ReLU the share of zeros is often higher still. Unit 6 stays silent throughout this sentence. That is
# fine: it is waiting for other sentences.

# %% [markdown]
# ### Position-wise means position-wise
#
# The network has no way to look at another row. Two questions put that to the test.
#
# **Predict first.**
#
# 1. The rows of `y` are put in a different order. What happens to the rows of the output?
# 2. The last row of `y`, that of "man", is replaced by the row that "cat" would have there. Which rows of the output
#    change?

# %%
predict("", "the order of the outputs; the rows that change")


# %%
order = [4, 2, 0, 1, 3]
permuted = feed_forward(y[order], w1, b1, w2, b2)
print(
    "rows in another order, the outputs are in the same other order:",
    np.allclose(permuted, network_output[order]),
)

replaced = y.copy()
replaced[-1] = after_attention("the dog bites the cat")[1][-1]
change = np.abs(feed_forward(replaced, w1, b1, w2, b2) - network_output).max(axis=-1)
print("\nlargest change of each row, when the last row is replaced")
for token, number in zip(tokens, change, strict=True):
    print(f"{token:>8} {number:8.3f}")
predict()

# %% [markdown]
# The outputs move along with their rows, and only the replaced row changes. This is the division of labour in a
# Transformer: **attention moves information between tokens, the feed-forward network works on each token.** It also
# means that the network needs no mask, and that all positions of all sentences can be computed at the same time.

# %% [markdown]
# ### Exercise 6.4 · `FeedForward`
# <!-- facts: FeedForward -->
# *the network as a module* · core · 3 points · about 9 minutes
# <!-- end -->
#
# Now write the network as a PyTorch module, one that can learn.
#
# - `FeedForward(d_model, d_ff, dropout=0.1)` has two linear layers with bias: `inner`, from `d_model` to `d_ff`, and
#   `outer`, back from `d_ff` to `d_model`.
# - `forward(x)`: `x` is `(batch, length, d_model)`, and so is the result: inner, ReLU, dropout, outer.
# - **Dropout** (lesson 5) sets each hidden unit to 0 with probability `dropout`, in training mode only, so that no unit
#   can rely on another one being there.
#
# Example: `FeedForward(6, 8)` has four parameter tensors, with the shapes `(8, 6)`, `(8,)`, `(6, 8)` and `(6,)`, in any
# order.
#
# <!-- hints: FeedForward -->
# <details>
# <summary>Hint 1</summary>
#
# `nn.Linear(in, out)` holds a weight and a bias. You need two of them, called `inner` and `outer`, and an `nn.Dropout`. `torch.relu` is ReLU.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `inner` maps from `d_model` to `d_ff`, and `outer` maps back. In `forward` the row goes through inner, ReLU, dropout, outer, in this order; dropout acts on the hidden units, not on the result.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "FeedForward", "locked": false, "schema_version": 3, "solution": true, "task": false}
class FeedForward(nn.Module):
    """`feed_forward` with its weights, and dropout after the ReLU."""

    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        ### BEGIN SOLUTION
        self.inner = nn.Linear(d_model, d_ff)
        self.outer = nn.Linear(d_ff, d_model)
        self.dropout = nn.Dropout(dropout)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        return self.outer(self.dropout(torch.relu(self.inner(x))))
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_FeedForward", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("FeedForward")

# %% [markdown]
# Count before you go on: how many parameters, each number counted, does `FeedForward(4, 16)` have?

# %%
by_hand("parameters of FeedForward(4, 16)", ...)

# %% [markdown]
# ## From the parts to the encoder

# %% [markdown]
# ### Exercise 6.5 · `EncoderLayer`
# <!-- facts: EncoderLayer -->
# *one layer of the encoder* · core · 4 points · about 14 minutes
# <!-- end -->
#
# One layer: attention, add & norm, feed-forward, add & norm. Keep the picture at the top of the lesson in view while
# you write it.
#
# - `EncoderLayer(d_model, num_heads, d_ff, dropout=0.1)` has four parts: `attention`, a `MultiHeadAttention(d_model,
#   num_heads)`; `add_norm_1`, an `AddNorm`; `feed_forward`, your `FeedForward`; `add_norm_2`, another `AddNorm` with
#   its own weights.
# - `forward(x, mask=None)`: `x` is `(batch, length, d_model)`. The mask goes to attention. Return only the output, in
#   the shape of `x`.
# - The network and both add & norms take the layer's `dropout`.
#
# What you have from lessons 4 and 5:
#
# - `MultiHeadAttention(embed_dim, num_heads)`, called as
#   `(query_input, key_input=None, value_input=None, mask=None, need_weights=True)`, returns `(output, weights)`. The
#   key input defaults to the query input, and the value input to the key input.
# - `AddNorm(embed_dim, dropout)`, called as `(x, sublayer_output)`, returns `LayerNorm(x + Dropout(sublayer_output))`.
#
# Example: `EncoderLayer(6, 2, 8)` turns `(4, 5, 6)` into `(4, 5, 6)`, and has 278 parameters: 144 in attention, 110 in
# the network, 24 in the two norms.
#
# <!-- hints: EncoderLayer -->
# <details>
# <summary>Hint 1</summary>
#
# Four parts that you have: `MultiHeadAttention`, `AddNorm`, your `FeedForward` and another `AddNorm`. `forward` has two halves of the same form: a sublayer reads x, and add & norm takes x and what the sublayer returned. The result of the first half is the x of the second.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# Attention returns a pair, and only the first of the two goes on. Its second argument is the key's input, so pass the mask by name, `mask=...`. Each `AddNorm(...)` and the `FeedForward(...)` get `dropout` as their last argument.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "EncoderLayer", "locked": false, "schema_version": 3, "solution": true, "task": false}
class EncoderLayer(nn.Module):
    """One layer of the encoder: self-attention, add & norm, feed-forward, add & norm."""

    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        ### BEGIN SOLUTION
        self.attention = MultiHeadAttention(d_model, num_heads)
        self.add_norm_1 = AddNorm(d_model, dropout)
        self.feed_forward = FeedForward(d_model, d_ff, dropout)
        self.add_norm_2 = AddNorm(d_model, dropout)
        ### END SOLUTION

    def forward(self, x, mask=None):
        ### BEGIN SOLUTION
        attended, _ = self.attention(x, mask=mask, need_weights=False)
        x = self.add_norm_1(x, attended)
        return self.add_norm_2(x, self.feed_forward(x))
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_EncoderLayer", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("EncoderLayer")

# %% [markdown]
# Load the weights of the running example into your layer, and send the sentence through it. (`nn.Linear` keeps its
# weight as `(out, in)`, hence the transposes.) The row for "dog" has to be the one that you computed by hand.


# %%
def load_example(layer):
    # The running example's weights: two heads side by side, the output matrix, the network;
    # gamma = 1, beta = 0.
    query, key, value = (np.concatenate(matrices, axis=1) for matrices in zip(*HEADS, strict=True))
    attention, network = layer.attention, layer.feed_forward
    pairs = [
        (attention.query.weight, query.T),
        (attention.key.weight, key.T),
        (attention.value.weight, value.T),
        (attention.out.weight, W_OUTPUT.T),
        (network.inner.weight, w1.T),
        (network.inner.bias, b1),
        (network.outer.weight, w2.T),
        (network.outer.bias, b2),
    ]
    with torch.no_grad():
        for parameter, numbers in pairs:
            parameter.copy_(torch.as_tensor(numbers))
    return layer.eval()


x = vectors("the dog bites the man")[1]
example_layer = load_example(EncoderLayer(D_MODEL, 2, D_FF))
with torch.no_grad():
    output = example_layer(torch.tensor(x, dtype=torch.float32).unsqueeze(0))[0].numpy()
print("output of the layer\n")
table(tokens, output)
print()
table(["dog, by hand"], [layer_dog])
print("\nequal:", np.allclose(output[dog], layer_dog, atol=1e-5))

# %% [markdown]
# ### Exercise 6.6 · `Encoder`
# <!-- facts: Encoder -->
# *a stack of layers* · core · 4 points · about 10 minutes
# <!-- end -->
#
# Stack the layers: the output of one is the input of the next.
#
# - `Encoder(num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1)`. The default values are those of the
#   paper's base model.
# - `layers` holds `num_layers` layers of the class `EncoderLayer`, so that their parameters have names such as
#   `layers.0.attention.query.weight`. Each layer has its own weights, and takes the encoder's `dropout`.
# - `forward(x, mask=None)`: `x` is `(batch, length, d_model)`. **Every** layer gets the mask. Return the output of the
#   last layer.
#
# Example: `Encoder(num_layers=3, d_model=6, num_heads=2, d_ff=8)` has 3 · 278 = 834 parameters.
#
# <!-- hints: Encoder -->
# <details>
# <summary>Hint 1</summary>
#
# The layers belong in an `nn.ModuleList`, so that PyTorch finds their weights. Make a new one each time: a list made with `[layer] * n` holds the same layer n times. In `forward` the output of a layer is the input of the next.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `nn.ModuleList` takes a list or a generator with a `for _ in range(...)`. In `forward`, a loop over `self.layers` replaces x by what the layer makes of x and the mask.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "Encoder", "locked": false, "schema_version": 3, "solution": true, "task": false}
class Encoder(nn.Module):
    """`num_layers` encoder layers, one after the other, each with its own weights."""

    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        ### BEGIN SOLUTION
        self.layers = nn.ModuleList(
            EncoderLayer(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)
        )
        ### END SOLUTION

    def forward(self, x, mask=None):
        ### BEGIN SOLUTION
        for layer in self.layers:
            x = layer(x, mask)
        return x
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_Encoder", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("Encoder")

# %% [markdown]
# ### A sentence on its own, and in a batch
#
# The sentences of a batch differ in length, so the shorter ones are padded with `<pad>` (lesson 1). A mask of shape
# `(batch, 1, length)` is True at the real tokens; the 1 stands for "the same for all queries". With this mask, a
# sentence must get the same rows whether it comes on its own or padded in a batch.
#
# **Predict first.** Here "the cat sleeps" is followed by two `<pad>`. With a mask, its three rows are the same as when
# it comes on its own. Without a mask, do only the rows next to the padding change, or all of them?

# %%
predict("", "without a mask: which rows change?")


# %%
torch.manual_seed(6)
small = Encoder(num_layers=6, d_model=D_MODEL, num_heads=2, d_ff=D_FF).eval()
ids, keep = pad_batch(
    [vocabulary.encode(sentence)[1:-1] for sentence in (SENTENCES[0], SENTENCES[2])]
)
filled = torch.tensor(
    add_positions(
        math.sqrt(D_MODEL) * embed(ids.numpy(), EMBEDDINGS), positional_encoding(5, D_MODEL)
    ),
    dtype=torch.float32,
)
mask = keep.unsqueeze(1)
print(
    f"ids {tuple(ids.shape)}\n{ids.numpy()}\n\n"
    f"mask {tuple(mask.shape)}, 1 = may attend\n{mask.numpy().astype(int)}"
)

with torch.no_grad():
    alone = small(filled[1:, :3])[0]
    with_mask, without = small(filled, mask)[1, :3], small(filled)[1, :3]
with_mask, without = ((rows - alone).abs().amax(dim=-1).tolist() for rows in (with_mask, without))
print("\nlargest difference from the sentence on its own")
print(f"{'':>10} {'with the mask':>18} {'without':>9}")
for token, good, bad in zip(SENTENCES[2].split(), with_mask, without, strict=True):
    print(f"{token:>10} {'below 0.00001' if good < 1e-5 else f'{good:.5f}':>18} {bad:9.2f}")
predict()

# %% [markdown]
# Without the mask all rows change: every token attends to the padding, in every layer. What the encoder makes of a
# sentence would depend on which other sentences happen to be in the batch. With the mask the rows agree, apart from
# rounding. The padded rows may contain anything, as long as nobody reads them.

# %% [markdown]
# ### Exercise 6.7 · `encoder_parameters`
# <!-- facts: encoder_parameters -->
# *count what is learned* · core · 2 points · about 8 minutes
# <!-- end -->
#
# How many parameters does an encoder have? Return a whole number, given `num_layers`, `d_model` and `d_ff`. Count by
# hand first, for one layer with `d_model = 2` and `d_ff = 3`:
#
# | part | what it learns | numbers |
# | --- | --- | --- |
# | attention | four matrices, 2 × 2 each, no bias | 16 |
# | network | `inner` 2 × 3 and its bias, `outer` 3 × 2 and its bias | 6 + 3 + 6 + 2 = 17 |
# | two norms | gamma and beta, 2 numbers each | 8 |
# | the layer | all of it | 16 + 17 + 8 = 41 |
#
# So `encoder_parameters(1, 2, 3)` is 41, and `encoder_parameters(6, 2, 3)` is 246. The number of heads is not an argument: it makes no difference (lesson 4).
#
# <!-- hints: encoder_parameters -->
# <details>
# <summary>Hint 1</summary>
#
# Count one layer, part by part, then multiply. Attention has four square matrices without a bias. The network has two matrices and two biases, which are not equally long. Each of the two norms has gamma and beta.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# The network: `d_model * d_ff` appears twice, its biases have `d_ff` and `d_model` numbers. The norms together have 4 rows of `d_model` numbers.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "encoder_parameters", "locked": false, "schema_version": 3, "solution": true, "task": false}
def encoder_parameters(num_layers, d_model, d_ff):
    """How many values `Encoder(num_layers, d_model, ..., d_ff)` learns."""
    ### BEGIN SOLUTION
    attention = 4 * d_model * d_model
    network = d_model * d_ff + d_ff + d_ff * d_model + d_model
    norms = 2 * (d_model + d_model)
    return num_layers * (attention + network + norms)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_encoder_parameters", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("encoder_parameters")

# %% [markdown]
# Now the paper's encoder at full size: 6 layers, 512 wide, 8 heads, `d_ff = 2048`. Three counts have to agree: by hand,
# by your formula, and by asking PyTorch for every parameter. By hand, part by part:
#
# - attention: $4 \cdot 512 \cdot 512 = 1{,}048{,}576$
# - network: $512 \cdot 2048 + 2048 + 2048 \cdot 512 + 512 = 2{,}099{,}712$
# - norms: $2 \cdot (512 + 512) = 2{,}048$
# - a layer: $3{,}150{,}336$; six layers: $18{,}902{,}016$

# %%
torch.manual_seed(0)
encoder = Encoder()


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


print("by hand    ", f"{6 * (1_048_576 + 2_099_712 + 2_048):>12,}")
print("by formula ", f"{encoder_parameters(6, 512, 2048):>12,}")
print("by PyTorch ", f"{count(encoder):>12,}")

layer = encoder.layers[0]
parts = {
    "attention": count(layer.attention),
    "feed-forward network": count(layer.feed_forward),
    "both norms": count(layer.add_norm_1) + count(layer.add_norm_2),
}
print("\none layer, part by part")
for name, number in parts.items():
    print(f"{name:>22} {number:12,} {number / count(layer):8.1%}")

# %% [markdown]
# Two thirds of a layer's parameters are in its feed-forward network. Most explanations mention it only in passing, yet
# that is where most of the weights are. The whole Transformer of the paper has 63 million parameters: 19 million in the
# encoder, 25 in the decoder (lesson 7) and 19 in the embeddings. (The paper says 65; lesson 7 comes back to that.)

# %% [markdown]
# ## The same with PyTorch's own encoder
#
# PyTorch has all of this as `nn.TransformerEncoder`. Copy its weights into yours, layer by layer, and both have to give
# the same output. Two differences have to be dealt with first. PyTorch's attention has biases in its four linear maps
# and ours has none, so the next cell sets them to 0. PyTorch also applies dropout to the attention weights in training
# mode, so the two are compared in evaluation mode. `norm_first=False` is the paper's order.


# %%
def copy_torch_layer(mine, theirs):
    copy_torch_attention(mine.attention, theirs.self_attn)
    mine.feed_forward.inner.load_state_dict(theirs.linear1.state_dict())
    mine.feed_forward.outer.load_state_dict(theirs.linear2.state_dict())
    for part, norm in ((mine.add_norm_1, theirs.norm1), (mine.add_norm_2, theirs.norm2)):
        with torch.no_grad():
            part.norm.gamma.copy_(norm.weight)
            part.norm.beta.copy_(norm.bias)


torch_layer = nn.TransformerEncoderLayer(
    512, 8, 2048, dropout=0.1, batch_first=True, norm_first=False
)
theirs = nn.TransformerEncoder(torch_layer, 6, enable_nested_tensor=False).eval()
with torch.no_grad():
    for name, parameter in theirs.named_parameters():
        # six different layers; gamma and beta not 1 and 0
        parameter += 0.03 * torch.randn(parameter.shape)
        if "in_proj_bias" in name or "out_proj.bias" in name:
            parameter.zero_()  # the biases of attention
for my_layer, their_layer in zip(encoder.layers, theirs.layers, strict=True):
    copy_torch_layer(my_layer, their_layer)

batch = torch.randn(3, 7, 512)
real = torch.arange(7) < torch.tensor([[7], [5], [2]])  # True at the first 7, 5 and 2 tokens
encoder.eval()
for dtype, bound in ((torch.float32, 1e-4), (torch.float64, 1e-12)):
    encoder.to(dtype)
    theirs.to(dtype)
    numbers = batch.to(dtype)
    with torch.no_grad():
        plain = encoder(numbers) - theirs(numbers)
        masked = encoder(numbers, real.unsqueeze(1)) - theirs(numbers, src_key_padding_mask=~real)
    print(f"{dtype}: is the largest difference below {bound:g}?")
    print("   without a mask:", plain.abs().max().item() < bound)
    print("   with a padding mask, at the real tokens:", masked[real].abs().max().item() < bound)
print(f"\nparameters: ours {count(encoder):,}, PyTorch's {count(theirs):,}")
print(f"the difference is 6 layers of 4 · 512 biases: {6 * 4 * 512:,}")

# %% [markdown]
# They are equal, with and without a mask: in float32 up to rounding, in float64 to twelve places. Note the `~` in front
# of PyTorch's mask: its `src_key_padding_mask` is True where a token must **not** be seen, the opposite of ours.
#
# PyTorch has one more peculiarity: `nn.TransformerEncoder` makes deep copies of the one layer that it is given. The
# copies are independent, but they all start with the same numbers. In your encoder each layer starts with its own
# numbers.

# %% [markdown]
# ### Where dropout sits
#
# | place | the paper (section 5.4) | PyTorch | this code |
# | --- | --- | --- | --- |
# | output of each sublayer, before the add | yes | yes | yes, in `AddNorm` |
# | hidden units, after the ReLU | not mentioned | yes | yes, in `FeedForward` |
# | attention weights | not mentioned | yes | no |
# | embeddings plus positions | yes | not part of it | yes, in `PositionalEncoding` |
#
# In evaluation mode none of them does anything. In training mode, two passes of the same sentence differ. Averaged over
# many passes, the network gives what it gives in evaluation mode, because whatever is kept is scaled up by
# $1 / (1 - p)$, where $p$ is the fraction that is dropped.

# %%
dropping = EncoderLayer(D_MODEL, 2, D_FF, dropout=0.3)
rates = [module.p for module in dropping.modules() if isinstance(module, nn.Dropout)]
print("dropout in a layer made with dropout=0.3:", len(rates), "places, rates", rates)

one_row = torch.tensor(y[dog], dtype=torch.float32).reshape(1, 1, -1)
network = example_layer.feed_forward
with torch.no_grad():
    print("evaluation: two passes are equal:", torch.equal(network(one_row), network(one_row)))
    evaluated = network(one_row)
    network.train()
    passes = network(one_row.expand(1, 20_000, -1))[0]
    network.eval()
print("training: the passes are equal:  ", bool((passes == passes[0]).all()))
print(
    "mean of 20,000 passes within 0.02 of evaluation:",
    torch.allclose(passes.mean(0), evaluated[0, 0], atol=0.02),
)

# %% [markdown]
# ## Experiments: what breaks without it
#
# ### Without the ReLU
#
# **Predict first.** Leave out the ReLU, so that the network is $(x W_1 + b_1) W_2 + b_2$. Our network has 110 numbers
# (count them). How many numbers would be enough to compute the same function?

# %%
predict("", "how many numbers are enough?")


# %%
one_matrix = w1 @ w2  # (d_model, d_model)
one_bias = b1 @ w2 + b2
without_relu = linear(linear(y, w1, b1), w2, b2)
print(
    "two maps without ReLU = one map:", np.allclose(without_relu, linear(y, one_matrix, one_bias))
)
sizes = w1.size + b1.size + w2.size + b2.size, one_matrix.size + one_bias.size
print(f"two maps: {sizes[0]} numbers; one map: {sizes[1]}")
predict()
print(
    "with ReLU = one map:            ",
    np.allclose(feed_forward(y, w1, b1, w2, b2), linear(y, one_matrix, one_bias)),
)

# %% tags=["drawing"]
# Drawing: the one matrix that both make without ReLU
figure, axes = new(size=(5.2, 3.8))
labels = "w1 @ w2, one matrix", "column of the output", "column of the token"
heat_map(axes, one_matrix + 0.0, columns, columns, *labels)
show(
    figure,
    alt="A heat map of the product of w1 and w2, 6 rows and 6 columns: without ReLU this one "
    "matrix does what both do together.",
)

# %% [markdown]
# 42 numbers are enough, whatever `d_ff` is: multiply out the brackets and you get $x (W_1 W_2) + (b_1 W_2 + b_2)$,
# which is one linear layer. The wide hidden layer is wasted. The same goes for a stack of a hundred linear layers.
#
# What is beyond a single linear layer? A classic example: a token has two features, $a$ and $b$, each 0 or 1, and the
# answer should be 1 if **exactly one** of them is there. The next cell finds the best linear layer, by least squares.
# It also sets up, by hand, a network with two hidden units: $\text{ReLU}(a + b) - 2\,\text{ReLU}(a + b - 1)$.
#
# **Predict first.** What does the best linear layer answer in the four cases?

# %%
predict("", "the four answers of the best linear layer")


# %%
cases = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
answers = np.array([0.0, 1.0, 1.0, 0.0])
solution = np.linalg.lstsq(np.column_stack([cases, np.ones(4)]), answers, rcond=None)[0]
best_weight, best_bias = solution[:2, np.newaxis], solution[2:]

v1, c1 = np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([0.0, -1.0])
v2, c2 = np.array([[1.0], [-2.0]]), np.array([0.0])

steps = np.linspace(0, 1, 5)
grid = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1)  # (5, 5, 2): all pairs
pictures = {
    "best linear layer": linear(grid, best_weight, best_bias)[..., 0],
    "linear, ReLU, linear": feed_forward(grid, v1, c1, v2, c2)[..., 0],
}
print("   a    b   wanted   best linear   with ReLU")
flat, bent = (part[::4, ::4].ravel() for part in pictures.values())
for (a, b), wanted, linear_answer, answer in zip(cases, answers, flat, bent, strict=True):
    print(f"{a:4.0f} {b:4.0f} {wanted:8.0f} {linear_answer:13.2f} {answer:11.2f}")
predict()

# %% tags=["drawing"]
# Drawing: the answer over two features a and b from 0 to 1
figure, axes = new(1, 2, size=(9, 3.7))
labels = [f"{step:.2f}" for step in steps]
for place, (name, numbers) in zip(axes, pictures.items(), strict=True):
    numbers = np.round(numbers, 6) + 0.0
    heat_map(place, numbers, labels, labels, name, "feature b", "feature a", limits=(0, 1))
show(
    figure,
    alt="The answer over two features a and b from 0 to 1, two heat maps. In the corners (0, 0), "
    "(0, 1), (1, 0) and (1, 1): "
    + "; ".join(
        f"{name} {', '.join(f'{answer:.1f}' for answer in part[::4, ::4].ravel())}"
        for name, part in pictures.items()
    )
    + ".",
)

# %% [markdown]
# The best linear layer answers 0.5 in all four cases: it can't tell them apart. A linear map is a flat plane, and no
# plane goes up from the first corner to the next two and down again to the last. One bend is enough, and each hidden
# unit can contribute a bend. The wider the layer, the more bends.

# %% [markdown]
# ### With shared layers
#
# In Python `[layer] * 6` makes a list with six places, and each of them holds **the same** layer. An encoder built
# this way runs without any error.
#
# **Predict first.** How many parameters does it have? And what changes in the last layer when the first one learns?

# %%
predict("", "its parameters; what changes in layer 5?")


# %%
torch.manual_seed(1)
own = Encoder(num_layers=6, d_model=D_MODEL, num_heads=2, d_ff=D_FF)
shared = Encoder(num_layers=1, d_model=D_MODEL, num_heads=2, d_ff=D_FF)
shared.layers = nn.ModuleList([shared.layers[0]] * 6)

print("                              own layers   [layer] * 6")
print(f"number of layers           {len(own.layers):12} {len(shared.layers):13}")
print(f"parameters                 {count(own):12,} {count(shared):13,}")
for name, model in (("own", own), ("shared", shared)):
    before = model.layers[5].feed_forward.inner.bias.clone()
    with torch.no_grad():
        model.layers[0].feed_forward.inner.bias += 1.0
    moved = not torch.equal(before, model.layers[5].feed_forward.inner.bias)
    print(f"{name:>8}: layer 5 moves when layer 0 is changed: {moved}")
predict()

# %% [markdown]
# One sixth of the parameters: there is one layer, applied six times. Nothing complains, and the loss even goes down,
# but the model is smaller than you think. (Some do this on purpose: ALBERT shares its layers in order to be small.)
# Counting the parameters finds this mistake in a second, so **count them whenever you have built a model.**

# %% [markdown]
# ### Without the feed-forward network, without attention
#
# **Predict first.** The last word of the sentence changes from "man" to "cat". Which rows of the output change, if a
# layer has only its feed-forward half, only its attention half, or both?

# %%
predict("", "which rows change: network, attention, both?")


# %%
halves = {
    "network only": lambda z: add_and_norm(z, feed_forward(z, w1, b1, w2, b2), ones, zeros),
    "attention only": lambda z: add_and_norm(
        z, multi_head_by_hand(z, HEADS, W_OUTPUT), ones, zeros
    ),
}
halves["both"] = lambda z: halves["network only"](halves["attention only"](z))
other_x = vectors("the dog bites the cat")[1]
print("largest change of each row when 'man' becomes 'cat'\n")
print(f"{'':>8}", "".join(f"{name:>18}" for name in halves))
changes = [np.abs(half(x) - half(other_x)).max(axis=-1) for half in halves.values()]
for token, *row in zip(tokens, *changes, strict=True):
    print(f"{token:>8}", "".join(f"{change:18.3f}" for change in row))
predict()

# %% [markdown]
# With only the network, a word never learns about its neighbours. With attention, every row hears about the change. But
# attention can only mix values; it can't apply an "if this, then that" to what it passes on. That is what the hidden
# units are for. So the Transformer takes turns: mix, think, mix, think, six times.

# %% [markdown]
# ## Recap
#
# - The feed-forward network is linear, ReLU, linear: from `d_model` to `d_ff` and back, the same weights for every
#   position.
# - It is **position-wise**: rows don't see each other. Attention mixes tokens; the network works on each one.
# - It can be read as a lookup: `d_ff` keys that are compared with the token, and `d_ff` values that are added.
# - Without the ReLU the two linear maps collapse into one, and `d_ff` is wasted.
# - A layer: attention, add & norm, network, add & norm. The second residual connection starts at the output of the
#   first add & norm.
# - The encoder: 6 layers, each with its own weights. Every layer gets the mask, so padding changes nothing.
# - The paper's encoder has 18,902,016 parameters, two thirds of them in the feed-forward networks.
#
# The encoder's output has one row per token of the source sentence. Lesson 7 calls it the **memory**: the decoder asks
# with its own queries, and the memory supplies the keys **and values**. The output of our one layer is taken up there.

# %%
print("output of the encoder layer, the memory of lesson 7\n")
table(tokens, output)

# %% [markdown]
# ## The paper, the blog, this code
#
# The column "blogs and notes" sums up what many of them say.
#
# | question | the paper | blogs and notes | this code |
# | --- | --- | --- | --- |
# | How many linear layers does the feed-forward network have? | two, with ReLU between them | "a linear layer and ReLU as activation": one, with the ReLU after it | two, with ReLU between them |
# | What follows the second linear layer? | dropout, add & norm; no activation | there is no second one | dropout, add & norm; no activation |
# | How wide is it inside? | $d_{ff} = 2048$, four times $d_{model}$ | not mentioned | any `d_ff`; 2048 by default |
# | Does it mix positions? | no: "to each position separately and identically" | not mentioned | no, and you have tested it |
# | What does the second add & norm add? | the input of the network | "the output of the add & norm block before" | the same: the output of the first add & norm |
# | How many layers, how wide? | $N = 6$ layers, $d_{model} = 512$ | one layer, worked by hand; "N = 6, all 512 wide" in another | `num_layers=6, d_model=512` by default |
# | What does the decoder get from the encoder? | keys **and values** | "query and key" | keys and values, from the **last** layer; lesson 7 builds it |
# | Where does dropout act? | output of each sublayer; embeddings plus positions | not mentioned | there, and on the hidden units, as in PyTorch |
# | Do linear layers have a bias? | those of the network; none is written for attention | not mentioned | as in the paper; PyTorch's attention has biases unless told otherwise |
# | Is there a norm after the last layer? | no: each layer ends with one | no: the layer ends with add & norm | no; stacks of pre-norm layers need it (lesson 5) |
