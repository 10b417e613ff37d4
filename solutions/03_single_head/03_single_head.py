# %% [markdown]
# # 3 · Single-head attention
#
# In lesson 2 every word became a vector. So far the vector of "bites" knows nothing about the dog or the man. In this
# lesson the words of a sentence exchange what they know. The part that makes them do so is called an **attention
# head**. You build one, step by step, and look at every matrix in it.
#
# <!-- map: 03_single_head -->
# ![The map of the Transformer, with this lesson's parts in colour: multi-head attention.](figures/map.png)
# <!-- end -->
#
# **After this lesson you can**
# - compute query, key, value, scores, weights and output of one head, on paper and in NumPy;
# - say why the scores are divided by $\sqrt{d_k}$, and show what happens without it;
# - mask keys, even where nothing is left to attend to;
# - write the head as a PyTorch module, and compare it with PyTorch's own;
# - say what self-attention costs, compared with a recurrent layer, on paper and by the clock.
#
# **What you need**: lesson 2 (vectors with positions), matrix products and broadcasting in NumPy. About 135 minutes, 6
# of them extra.
#
# <!-- table: 03_single_head -->
# | exercise | what you build | points | minutes |
# | --- | --- | ---: | ---: |
# | 3.1 `softmax` | scores become probabilities | 3 | 8 |
# | 3.2 `project` | query, key and value | 2 | 5 |
# | 3.3 `attention_scores` | how well each key fits | 3 | 8 |
# | 3.4 `attention_weights` | a mask, then softmax | 4 | 12 |
# | 3.5 `scaled_dot_product_attention` | the whole equation | 3 | 6 |
# | 3.6 `SelfAttentionHead` | one head as a module | 5 | 15 |
# | 3.7 `self_attention_cost` | table 1, first row | 1 | 3 |
# | 3.8 `recurrent_cost` | table 1, second row | 1 | 3 |
# | 3.9 `convolution_cost` (extra) | table 1, third row | 2 | 6 |
# <!-- end -->

# %%
import math
import time
from contextlib import suppress

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from autograde import by_hand, check, predict
from helpers.embeddings import add_positions, embed, positional_encoding
from helpers.example import D_HEAD, D_MODEL, EMBEDDINGS, SENTENCES, W_KEY, W_QUERY, W_VALUE
from helpers.figures import heat_map, line_style, new, show, signed
from helpers.vocabulary import Vocabulary

# %% [markdown]
# ## The idea
#
# A Python dictionary has keys and values. You ask with a key, and if exactly that key is there, you get its value.
# Attention is a *soft* dictionary: a question is compared with **all** keys, and the answer is a mixture of **all**
# values, with more of those whose keys fit better.
#
# Each token of the sentence plays three parts, with a vector for each:
#
# - the **query**: what this token is looking for;
# - the **key**: what this token can be found by;
# - the **value**: what this token passes on when it is found.
#
# All three are made from the token's own vector, by three matrices that are learned: $W^Q$, $W^K$ and $W^V$.
# "Self-attention" means that queries, keys and values come from the same sentence.
#
# ![One attention head as a flow of matrices: x, 5 by 6, becomes query, key and value, 5 by 3 each; query and key become scores and weights, 5 by 5; weights and value become the output, 5 by 3.](figures/head.png)
#
# The whole lesson is one equation from the paper "Attention Is All You Need" (section 3.2.1):
#
# $$\text{Attention}(Q, K, V) = \text{softmax}\!\left(\frac{QK^\top}{\sqrt{d_k}}\right) V$$
#
# $Q$, $K$ and $V$ hold the queries, keys and values, one token per row. $K^\top$ is $K$ with rows and columns swapped.
# $d_k$ is the width of a query and of a key; in the code it is called `d_head`, the width of the head. The softmax and
# the division are explained below, with numbers.

# %% [markdown]
# ## The numbers by hand
#
# Lesson 2 ended with five rows, one for each token of "the dog bites the man": embedding times $\sqrt{6}$, plus
# position. Here they are again.

# %%
vocabulary = Vocabulary(SENTENCES)


def vectors(sentence):
    """Lesson 2 in three lines: the words of a sentence and their vectors, with positions."""
    ids = np.array(vocabulary.encode(sentence)[1:-1])  # without <bos> and <eos>
    encoding = positional_encoding(len(ids), D_MODEL)
    return sentence.split(), add_positions(math.sqrt(D_MODEL) * embed(ids, EMBEDDINGS), encoding)


tokens, x = vectors("the dog bites the man")
print(f"x has the shape {x.shape}: {len(tokens)} tokens, d_model = {D_MODEL}\n")
for token, row in zip(tokens, x, strict=True):
    print(f"{token:>6}", "".join(f"{number:8.3f}" for number in row))

# %% [markdown]
# A head has three matrices of **weights** (numbers to multiply by), each with `d_model = 6` rows and `d_head = 3`
# columns. In the code they are called `W_QUERY`, `W_KEY` and `W_VALUE`. In a real model they are learned. Ours are made
# by hand, and most of their entries are 0, so that you can see what they do.

# %% tags=["drawing"]
# Drawing: x and the three weight matrices
figure, axes = new(1, 4, size=(11, 3.6), width_ratios=[2, 1, 1, 1])
columns = range(D_MODEL)
limits = signed(x)
heat_map(
    axes[0], x, tokens, columns, title="x", x_label="column of x", y_label="token", limits=limits
)
for place, (name, matrix) in zip(
    axes[1:], [("query", W_QUERY), ("key", W_KEY), ("value", W_VALUE)], strict=True
):
    label = "column of x" if name == "query" else ""
    title = f"weights of {name}"
    heat_map(
        place,
        matrix,
        columns,
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
    alt="Four heat maps with their numbers: x with five tokens and six columns, then the weights "
    "of query, key and value with six rows and three columns each. Most weights are 0, the others "
    "1 or 0.5.",
)

# %% [markdown]
# Read a column of weights from top to bottom, counting from 0. Column 1 of the query's weights has a 1 in row 2 and
# nothing else. So entry 1 of a query, the second of its three numbers, is entry 2 of the token's row, $x_2$ for short,
# which is large for nouns. Column 1 of the key's weights takes $x_4$, which is large for verbs. A noun's query and a
# verb's key meet in column 1: *nouns look for verbs*. In the same way verbs look for nouns in column 0, and articles
# look for nouns in column 2. What a token passes on need not be what it is found by: entry 0 of a value is $x_3$, which
# tells the nouns apart, and entry 2 is $x_4 + 0.5 \cdot x_3$.
#
# In general, a column of weights says which features of a token to use, how strongly, and which to ignore. Learning
# these weights means learning which patterns to look for.
#
# Take a pencil and paper, and follow one token, "dog", all the way. Start with its query and the key of "bites". All
# you need are weighted sums.


# %%
def weighted_sum(numbers, weights):
    return sum(number * weight for number, weight in zip(numbers, weights, strict=True))


def written_out(numbers, weights):
    terms = [
        f"{weight:g} · ({number:.3f})"
        for number, weight in zip(numbers, weights, strict=True)
        if weight
    ]
    return f"{' + '.join(terms)} = {weighted_sum(numbers, weights):.3f}"


dog, bites = 1, 2
for column in range(D_HEAD):
    print(f"query of 'dog', entry {column}:  ", written_out(x[dog], W_QUERY[:, column]))
print()
for column in range(D_HEAD):
    print(f"key of 'bites', entry {column}:  ", written_out(x[bites], W_KEY[:, column]))

# %% [markdown]
# Take the dot product of that query and that key: multiply number by number, then add. Divided by
# $\sqrt{d_k} = \sqrt{3} \approx 1.732$, it is the **score** of "bites" for "dog"; the experiments will show why we
# divide. A large score means that the key fits well. Then the **softmax** turns the five scores into a **probability
# distribution**, numbers between 0 and 1 that add up to 1: $e$ to the power of each score, divided by the sum of these
# powers.

# %%
query_dog = [weighted_sum(x[dog], W_QUERY[:, column]) for column in range(D_HEAD)]
keys = [[weighted_sum(row, W_KEY[:, column]) for column in range(D_HEAD)] for row in x]
values = [[weighted_sum(row, W_VALUE[:, column]) for column in range(D_HEAD)] for row in x]

products = [weighted_sum(query_dog, key) for key in keys]
scaled = [product / math.sqrt(3) for product in products]
powers = [math.exp(score) for score in scaled]
weights_dog = [power / sum(powers) for power in powers]

print("'dog' asks    key                        product   / 1.732   e to the ...   weight")
for token, key, product, score, power, share in zip(
    tokens, keys, products, scaled, powers, weights_dog, strict=True
):
    numbers = "".join(f"{number:8.3f}" for number in key)
    print(f"{token:>9} {numbers} {product:12.3f} {score:9.3f} {power:14.3f} {share:8.3f}")
print(f"{'sum':>9} {sum(powers):63.3f} {sum(weights_dog):8.3f}")

# %% [markdown]
# "dog" gives 0.844 of its attention to "bites" and hardly anything to the others. These numbers are the **attention
# weights** of "dog" (weights for short, not to be confused with the weight matrices that are learned). Its **output**
# mixes the values of all tokens in these proportions:

# %%
print("'dog' gets   weight   value")
for token, share, value in zip(tokens, weights_dog, values, strict=True):
    print(f"{token:>9} {share:9.3f}", "".join(f"{number:8.3f}" for number in value))
columns_of_value = zip(*values, strict=True)
output_dog = [weighted_sum(column, weights_dog) for column in columns_of_value]
print(f"{'output':>9} {'':9}", "".join(f"{number:8.3f}" for number in output_dog))

# %% [markdown]
# That was one token. "man" is yours, with a pocket calculator. Its row of `x` is in the first table of this lesson.
# What is its query, as a list of three numbers? (Two decimals are enough, here and below.)

# %%
by_hand("query of 'man'", ...)

# %% [markdown]
# The key of "bites" is in the table above. What is the score of "bites" for "man"?

# %%
by_hand("score of 'bites' for 'man'", ...)

# %% [markdown]
# The other four scores of "man" are -0.303 (the), 0.374 (dog), -0.254 (the) and 0.653 (man). What weight does "man"
# give to "bites"?

# %%
by_hand("weight of 'bites' for 'man'", ...)

# %% [markdown]
# The exercises do the same for all tokens at once, with matrices. At the end your numbers have to agree with the ones
# above.

# %% [markdown]
# ### From an average to attention
#
# The output of "dog" was a weighted average of the values. There is a short route to attention that starts from the
# plainest average of all: every token collects what it and the tokens before it know. As a loop, row $i$ of the result
# is the mean of rows 0 to $i$.
#
# One product with a matrix of 5 rows and 5 columns can do the same. Which five numbers are in row 2 of this matrix, for
# the token "bites"? Type them as a list.

# %%
by_hand("row 2 of the averaging matrix", ...)

# %%
averages = np.zeros_like(x)
for i in range(len(x)):
    averages[i] = x[: i + 1].mean(axis=0)

# the same as one matrix product: row i has i + 1 equal weights, and 0 for all later tokens
triangle = np.tril(np.ones((len(x), len(x))))
equal = triangle / np.arange(1, len(x) + 1)[:, np.newaxis]
print(equal.round(2), "\n")
print("one product gives the same averages:", np.allclose(equal @ x, averages))

# %% [markdown]
# So a loop over averages is one matrix product. Each row of the matrix is a probability distribution, and the zeros
# above the diagonal keep a token from seeing later ones. Only one thing is missing: in this matrix all earlier tokens
# count the same, whatever they say.
#
# **Attention lets the data choose the weights.** The product stays. The equal weights give way to scores (3.3), a
# softmax turns each row of scores into a distribution (3.1), the zeros become a mask (3.4), and what gets averaged is
# the values (3.2).

# %% [markdown]
# ## From x to the output, step by step
#
# Remember two things while you code:
#
# - **One token per row.** A sentence is `(length, d_model)`. There may be more axes in front:
#   `(batch, length, d_model)`. Your functions must leave them alone, so count axes from the end: `-1` is the last one,
#   `-2` the one before it.
# - **Never change what you were given.** `a = a + b` makes a new array; `a += b` changes the caller's.

# %% [markdown]
# ### Exercise 3.1 · `softmax`
# <!-- facts: softmax -->
# *scores become probabilities* · core · 3 points · about 8 minutes
# <!-- end -->
#
# Turn scores into probabilities, numbers from 0 to 1 that add up to 1 along `axis`:
#
# $$\text{softmax}(x)_j = \frac{e^{x_j}}{\sum_k e^{x_k}}$$
#
# - `x` is an array of any shape. The result has the same shape.
# - Scores may be as large as 1000 or as small as -1000. $e^{1000}$ is too large for a float64, yet the probabilities
#   are not. A constant that is added to all scores of a row cancels out in the fraction: use that.
# - A score of `-np.inf` gets the probability 0. (Here, no row consists of nothing but `-np.inf`.)
#
# Example: the scores `[0, log 3]` have the powers 1 and 3, so the probabilities are `[0.25, 0.75]`.
#
# <!-- hints: softmax -->
# <details>
# <summary>Hint 1</summary>
#
# Subtract the largest score of each row first: the result stays the same, and `exp` no longer overflows. `keepdims=True` keeps the axis, so that the shapes still fit.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# Three lines: `x.max(axis=..., keepdims=True)` is what you subtract, then `np.exp`, then divide by its sum along the same axis.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "softmax", "locked": false, "schema_version": 3, "solution": true, "task": false}
def softmax(x, axis=-1):
    """Turn scores into probabilities that add up to 1 along `axis`. Same shape as x."""
    ### BEGIN SOLUTION
    # the largest exponent is 0: nothing overflows
    shifted = x - np.max(x, axis=axis, keepdims=True)
    exponentials = np.exp(shifted)
    return exponentials / np.sum(exponentials, axis=axis, keepdims=True)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_softmax", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("softmax")

# %% [markdown]
# ### Exercise 3.2 · `project`
# <!-- facts: project -->
# *query, key and value* · core · 2 points · about 5 minutes
# <!-- end -->
#
# Make query, key and value from `x`. Each is one matrix product: nothing is added (no *bias*), and no function such as
# ReLU follows (no *activation*).
#
# - `x`: `(..., length, d_model)`, one token per row
# - `w_query` and `w_key`: `(d_model, d_head)`; `w_value`: `(d_model, d_value)`. The width of the value may differ.
# - Return three arrays in this order: query, key, value. The tokens stay in the rows.
#
# Example: with `x = [[1, 2]]` and `w_query = [[3], [10]]` the query is `[[23]]`.
#
# <!-- hints: project -->
# <details>
# <summary>Hint 1</summary>
#
# Three matrix products, all of the same `x`. The tokens stay in the rows, so `x` is on the left.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `@` is the matrix product. Return three products, separated by commas: the one with `w_query` first.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "project", "locked": false, "schema_version": 3, "solution": true, "task": false}
def project(x, w_query, w_key, w_value):
    """Return (query, key, value), one token per row."""
    ### BEGIN SOLUTION
    return x @ w_query, x @ w_key, x @ w_value
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_project", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("project")

# %%
query, key, value = project(x, W_QUERY, W_KEY, W_VALUE)

# %% tags=["drawing"]
# Drawing: query, key and value
figure, axes = new(1, 3, size=(9, 3.2))
for place, (name, matrix) in zip(
    axes, [("query", query), ("key", key), ("value", value)], strict=True
):
    label = "token" if name == "query" else ""
    limits = signed(query, key, value)
    heat_map(place, matrix, tokens, range(D_HEAD), name, f"column of {name}", label, limits=limits)
show(
    figure,
    alt="Three heat maps of query, key and value, with five tokens in the rows and three columns "
    f"each. The query of dog is {query[dog].round(2).tolist()}, the key of bites "
    f"{key[bites].round(2).tolist()}, the value of bites {value[bites].round(2).tolist()}.",
)

# %% [markdown]
# Find the row of "dog" in the query and the row of "bites" in the key: they are the numbers you computed by hand. The
# two rows of "the" are made with the same weights, yet they differ a little, because their positions differ.

# %% [markdown]
# ### Exercise 3.3 · `attention_scores`
# <!-- facts: attention_scores -->
# *how well each key fits* · core · 3 points · about 8 minutes
# <!-- end -->
#
# How well does every key fit every query? Compute all dot products at once, and divide them by the square root of the
# head's width:
#
# $$\frac{QK^\top}{\sqrt{d_k}}$$
#
# - `query`: `(..., n_queries, d_head)`; `key`: `(..., n_keys, d_head)`. The numbers of queries and keys may differ.
# - The result is `(..., n_queries, n_keys)`: row *i*, column *j* says how well key *j* fits query *i*.
# - $d_k$ is not an argument: read it from a shape. Which axis is the width?
#
# Example: the query `[[1, 0, 2, 1]]` and the key `[[2, 1, 0, 0]]` have the dot product 2. Their width is 4, so the
# score is $2 / \sqrt{4} = 1$.
#
# <!-- hints: attention_scores -->
# <details>
# <summary>Hint 1</summary>
#
# Row i, column j is the dot product of query i and key j: a matrix product with the key transposed. Only the last two axes change places. Which size is the width of the head?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `np.swapaxes(key, -1, -2)` transposes each matrix of a batch. The width is the size of the *last* axis; divide the products by its square root.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "attention_scores", "locked": false, "schema_version": 3, "solution": true, "task": false}
def attention_scores(query, key):
    """Scaled dot products of all queries and keys: (..., n_queries, n_keys)."""
    ### BEGIN SOLUTION
    d_head = key.shape[-1]
    return query @ np.swapaxes(key, -1, -2) / np.sqrt(d_head)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_attention_scores", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("attention_scores")

# %%
scores = attention_scores(query, key)

# %% tags=["drawing"]
# Drawing: the scores before and after the division
figure, axes = new(1, 2, size=(9.4, 3.7))
limits = signed(scores * math.sqrt(D_HEAD))
heat_map(
    axes[0],
    scores * math.sqrt(D_HEAD),
    tokens,
    tokens,
    "dot products",
    "key of ...",
    "query of ...",
    limits=limits,
)
heat_map(axes[1], scores, tokens, tokens, "scaled: divided by √3", "key of ...", limits=limits)
show(
    figure,
    alt="Two heat maps with tokens on both axes: the dot products of all queries and keys, and "
    f"the scores, the same divided by the root of 3, between {scores.min():.2f} and "
    f"{scores.max():.2f}. Each token's best key: "
    + ", ".join(f"{token} {tokens[best]}" for token, best in zip(tokens, scores.argmax(axis=-1)))
    + ".",
)

# %% [markdown]
# Both axes are the sentence: rows ask, columns are asked. The row of "dog" is the one you computed by hand. The matrix
# is square because every token asks every token, and it is *not* symmetric: how well "bites" fits what "dog" is looking
# for is a different question from how well "dog" fits what "bites" is looking for.

# %% [markdown]
# ### Exercise 3.4 · `attention_weights`
# <!-- facts: attention_weights -->
# *a mask, then softmax* · core · 4 points · about 12 minutes
# <!-- end -->
#
# Turn scores into weights with your `softmax`, along the **keys**: each query shares out its attention, so each *row*
# adds up to 1. But first, apply the mask, if there is one.
#
# A **mask** says which keys a query may attend to. It is an array of truth values, and **True means: may attend**. Two
# kinds will come up later in the course. A sentence that was padded with `<pad>` must not attend to the padding. And a
# decoder, the part of the model that writes a sentence word by word, must not look at words that come later.
#
# - `scores`: `(..., n_queries, n_keys)`; the result has the same shape.
# - `mask`: `None`, or boolean, of the scores' shape or any shape that NumPy broadcasts to it. One row `(1, n_keys)` for
#   all queries is fine, for example.
# - A forbidden key gets exactly the weight 0, and the allowed keys share the whole 1 among themselves.
# - A row in which **nothing** is allowed becomes all zeros: nothing to attend to, nothing taken. (On its own, the
#   softmax gives NaN there, "not a number", because it subtracts $-\infty$ from $-\infty$. A single NaN spreads to
#   every later result.)
#
# Example: the scores `[[log 1, log 2, log 5]]` with the mask `[[True, False, True]]` give `[[1/6, 0, 5/6]]`.
#
# <!-- hints: attention_weights -->
# <details>
# <summary>Hint 1</summary>
#
# A score of -inf gets the weight 0. `np.where(condition, a, b)` chooses number by number and broadcasts. A row with nothing but -inf becomes NaN: which rows are these, and what should come out of them?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `np.any(mask, axis=-1, keepdims=True)` is False for a row with nothing to attend to. Leave such a row unmasked for the softmax, then set every weight that the mask forbids to 0.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "attention_weights", "locked": false, "schema_version": 3, "solution": true, "task": false}
def attention_weights(scores, mask=None):
    """Softmax over the keys that a query may attend to (True in the mask): the scores' shape."""
    ### BEGIN SOLUTION
    if mask is None:
        return softmax(scores)
    # nothing but -inf in a row would make its softmax NaN
    empty = ~np.any(mask, axis=-1, keepdims=True)
    weights = softmax(np.where(mask | empty, scores, -np.inf))
    return np.where(mask, weights, 0.0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_attention_weights", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("attention_weights")

# %%
weights = attention_weights(scores)
earlier = np.tril(np.ones((len(tokens), len(tokens)), dtype=bool))  # True on and below the diagonal
masked_weights = attention_weights(scores, earlier)

# %% tags=["drawing"]
# Drawing: the weights without and with a mask
figure, axes = new(1, 3, size=(12.6, 3.6))
heat_map(
    axes[0],
    weights,
    tokens,
    tokens,
    "weights, no mask",
    "key of ...",
    "query of ...",
    limits=(0, 1),
)
heat_map(
    axes[1],
    earlier,
    tokens,
    tokens,
    "mask: 1 = may attend",
    "key of ...",
    decimals=0,
    limits=(0, 1),
)
heat_map(
    axes[2], masked_weights, tokens, tokens, "weights with this mask", "key of ...", limits=(0, 1)
)
show(
    figure,
    alt="Three heat maps with tokens on both axes: the weights without a mask; the mask, which "
    "allows the diagonal and everything below it; the weights with this mask. dog gives bites "
    f"{weights[dog, bites]:.2f} without the mask and {masked_weights[dog, bites]:.2f} with it, "
    f"man gives bites {weights[4, bites]:.2f} and {masked_weights[4, bites]:.2f}.",
)

# %% [markdown]
# Look along the rows. Without a mask "bites" looks at "dog" (0.50) and "man" (0.42): a verb looks for nouns. "dog"
# (0.84) and "man" (0.75) look at "bites": a noun looks for verbs. Both articles look at both nouns. This head asks
# *what* a word is and not where it is, so it can't tell an article which noun is its own; lesson 4 adds a head that
# asks *where*.
#
# The mask in the middle allows a token to see itself and what comes before it, which is what a decoder needs. "dog" can
# no longer look at "bites". Its row must still add up to 1, so it shares its weight between "the" and itself, although
# neither fits.

# %% [markdown]
# ### Exercise 3.5 · `scaled_dot_product_attention`
# <!-- facts: scaled_dot_product_attention -->
# *the whole equation* · core · 3 points · about 6 minutes
# <!-- end -->
#
# Put it together: scores, weights, and the mixture of the values.
#
# $$\text{Attention}(Q, K, V) = \text{softmax}\!\left(\frac{QK^\top}{\sqrt{d_k}}\right) V$$
#
# - `query`: `(..., n_queries, d_head)`; `key`: `(..., n_keys, d_head)`; `value`: `(..., n_keys, d_value)`; `mask` as
#   before.
# - Return two things: the output `(..., n_queries, d_value)` and the weights `(..., n_queries, n_keys)`.
# - Use the functions that you have written.
#
# Example: a query of zeros fits every key equally well. Its output is the mean of all values.
#
# <!-- hints: scaled_dot_product_attention -->
# <details>
# <summary>Hint 1</summary>
#
# Your two functions do nearly everything. What is left is the weighted sum: each output row mixes the rows of the value.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# First the scores, then the weights with the mask, then weights times value with `@`. Return the output first, the weights second.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "scaled_dot_product_attention", "locked": false, "schema_version": 3, "solution": true, "task": false}
def scaled_dot_product_attention(query, key, value, mask=None):
    """Return (output, weights): (..., n_queries, d_value) and (..., n_queries, n_keys)."""
    ### BEGIN SOLUTION
    weights = attention_weights(attention_scores(query, key), mask)
    return weights @ value, weights
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_scaled_dot_product_attention", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("scaled_dot_product_attention")

# %%
output, weights = scaled_dot_product_attention(query, key, value)
print("weights of 'dog' as by hand:", np.allclose(weights[dog], weights_dog))
print("output of 'dog' as by hand: ", np.allclose(output[dog], output_dog))

# %% tags=["drawing"]
# Drawing: weights, value and output
figure, axes = new(1, 3, size=(11, 3.4), width_ratios=[5, 3, 3])
heat_map(axes[0], weights, tokens, tokens, "weights", "key of ...", "query of ...", limits=(0, 1))
limits = signed(value, output)
heat_map(axes[1], value, tokens, range(D_HEAD), "value", "column of value", limits=limits)
heat_map(
    axes[2],
    output,
    tokens,
    range(D_HEAD),
    "output = weights × value",
    "column of output",
    limits=limits,
)
show(
    figure,
    alt="Three heat maps: the weights with tokens on both axes, the value and the output with "
    f"tokens in the rows and three columns. The output of dog is {output[dog].round(2).tolist()}; "
    f"the value of bites is {value[bites].round(2).tolist()}.",
)

# %% [markdown]
# This is the head's result: again one row per token, but every row now carries something from the other tokens. The
# head takes 5 × 6 numbers and gives 5 × 3. Lesson 4 puts several such heads side by side.
#
# ### Look at one token
#
# The next cell needs a running notebook: choose a token, and switch the mask on and off. The heat map above shows all
# rows at once and says the same without a click.

# %% tags=["interactive"]
from ipywidgets import HTML, Checkbox, Dropdown, VBox

token_menu = Dropdown(
    options=[(f"{i} {name}", i) for i, name in enumerate(tokens)], value=dog, description="token"
)
earlier_box = Checkbox(value=False, description="attend to earlier tokens only")
row_view = HTML()


def show_row(_=None):
    _, chosen = scaled_dot_product_attention(
        query, key, value, earlier if earlier_box.value else None
    )
    lines = [f"<b>'{tokens[token_menu.value]}' (position {token_menu.value}) attends to ...</b>"]
    for name, share in zip(tokens, chosen[token_menu.value], strict=True):
        bar = "█" * round(40 * share) or "·"
        lines.append(f"{name:>6}  {share:.3f}  {bar}")
    row_view.value = "<pre>" + "\n".join(lines) + "</pre>"


token_menu.observe(show_row, "value")
earlier_box.observe(show_row, "value")
show_row()
VBox([token_menu, earlier_box, row_view])

# %% [markdown]
# Why is "dog" a little more popular than "man", which is a noun, too? Its key is longer, 2.25 against 2.14 in the
# columns 0 and 2, because column 2 of its embedding is larger (0.9 against 0.8). Attention weights are relative: a
# key is strong or weak only compared with the others in its row.

# %% [markdown]
# ### Self-attention and cross-attention: one function
#
# Nothing in your function asks where queries, keys and values come from.
#
# - **Self-attention**: all three come from the same sentence.
# - **Cross-attention**: the queries come from one sentence, keys *and values* from another. In a translation model the
#   queries come from the decoder, the sentence that is being written; the keys and values come from the encoder, the
#   sentence that is being read.
#
# In the next cell three tokens of another sentence ask the five tokens of ours.

# %%
other_tokens, other_x = vectors("the cat sleeps")
other_query, _, _ = project(other_x, W_QUERY, W_KEY, W_VALUE)
cross_output, cross_weights = scaled_dot_product_attention(other_query, key, value)
print("query", other_query.shape, " key", key.shape, " value", value.shape)
print("weights", cross_weights.shape, " output", cross_output.shape)

# %% tags=["drawing"]
# Drawing: the weights of cross-attention
figure, axes = new(size=(5.6, 2.9))
heat_map(
    axes,
    cross_weights,
    other_tokens,
    tokens,
    "cross-attention",
    "key of ...",
    "query of ...",
    limits=(0, 1),
)
show(
    figure,
    alt="A heat map with three rows, the tokens of 'the cat sleeps', and five columns, the tokens "
    "of 'the dog bites the man'. The largest weight of each row: "
    + ", ".join(
        f"{token} gives {tokens[row.argmax()]} {row.max():.2f}"
        for token, row in zip(other_tokens, cross_weights)
    )
    + ".",
)

# %% [markdown]
# Three rows ask and five columns are asked, so the matrix is no longer square. "cat", a noun, finds the verb of the
# other sentence; "the" and "sleeps" find its nouns. The number of output rows is the number of *queries*.

# %% [markdown]
# ## The head as a module
#
# A PyTorch module keeps the three matrices as parameters, so that an optimizer, the part of PyTorch that takes the
# steps of training, can find and change them.

# %% [markdown]
# ### Exercise 3.6 · `SelfAttentionHead`
# <!-- facts: SelfAttentionHead -->
# *one head as a module* · core · 5 points · about 15 minutes
# <!-- end -->
#
# - `SelfAttentionHead(d_model, d_head)` has three linear layers, **without bias**: `self.query`, `self.key`,
#   `self.value`, from `d_model` to `d_head`.
# - `forward(x, mask=None)` returns `(output, weights)`. `x` is `(batch, length, d_model)`; the output is
#   `(batch, length, d_head)`, the weights are `(batch, length, length)`.
# - Divide by $\sqrt{d_k}$: the width of the *head*, not the width of the embeddings. A dot product of query and key has
#   `d_head` terms.
# - `mask` is `None` or a boolean tensor, True = may attend, that broadcasts to `(batch, length, length)`.
# - A row with nothing to attend to gives weights 0 and output 0, and all gradients stay finite. One NaN in a gradient
#   ruins every weight in the next training step.
# - Write it with PyTorch's functions. Your NumPy functions can't pass on gradients.
#
# | NumPy | PyTorch |
# | --- | --- |
# | `x @ w`, with a matrix `w` | `layer(x)`, where `layer = nn.Linear(width_in, width_out, bias=False)` keeps the matrix |
# | `np.swapaxes(a, -1, -2)` | `a.transpose(-1, -2)` |
# | your `softmax(a)` | `torch.softmax(a, dim=-1)` |
# | `np.where(condition, number, a)` | `a.masked_fill(condition, number)` |
# | `np.any(a, axis=-1, keepdims=True)` | `a.any(dim=-1, keepdim=True)` |
#
# Example: `SelfAttentionHead(6, 3)` has 3 parameters of the shape `(3, 6)`: a linear layer keeps its matrix as
# `(out, in)`.
#
# <!-- hints: SelfAttentionHead -->
# <details>
# <summary>Hint 1</summary>
#
# `__init__` makes three `nn.Linear`, each with a weight matrix of its own. `forward` is the chain that you have built in NumPy, with the functions of the table: project, scores, mask, softmax, mix. `@`, `math.sqrt` and `key.shape[-1]` work as before.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `masked_fill` fills where its condition is *True*, so give it `~mask`. Fill twice: the scores with `-math.inf` before the softmax, the weights with 0 after it, for rows with nothing to attend to. (The reference also keeps such rows out of the softmax, with `mask.any(dim=-1, keepdim=True)`, so that no NaN arises at all.)
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "SelfAttentionHead", "locked": false, "schema_version": 3, "solution": true, "task": false}
class SelfAttentionHead(nn.Module):
    """One head of self-attention: forward(x, mask=None) -> (output, weights)."""

    def __init__(self, d_model, d_head):
        super().__init__()
        ### BEGIN SOLUTION
        self.query = nn.Linear(d_model, d_head, bias=False)
        self.key = nn.Linear(d_model, d_head, bias=False)
        self.value = nn.Linear(d_model, d_head, bias=False)
        ### END SOLUTION

    def forward(self, x, mask=None):
        ### BEGIN SOLUTION
        query, key, value = self.query(x), self.key(x), self.value(x)
        scores = query @ key.transpose(-2, -1) / math.sqrt(key.shape[-1])
        if mask is None:
            weights = torch.softmax(scores, dim=-1)
        else:
            empty = ~mask.any(dim=-1, keepdim=True)
            masked = scores.masked_fill(~(mask | empty), -math.inf)
            weights = torch.softmax(masked, dim=-1).masked_fill(~mask, 0.0)
        return weights @ value, weights
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_SelfAttentionHead", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check("SelfAttentionHead")

# %% [markdown]
# Given the weights of the running example, the module has to reproduce your NumPy result. `nn.Linear` keeps its matrix
# as `(out, in)` and computes $xW^\top$, so ours go in transposed.

# %%
head = SelfAttentionHead(D_MODEL, D_HEAD)
with torch.no_grad():
    for layer, matrix in ((head.query, W_QUERY), (head.key, W_KEY), (head.value, W_VALUE)):
        layer.weight.copy_(torch.from_numpy(matrix.T))

batch = torch.from_numpy(x).float().unsqueeze(0)  # a batch of one sentence
module_output, module_weights = head(batch)
print(
    "output ",
    tuple(module_output.shape),
    "agrees with NumPy:",
    np.allclose(module_output[0].detach(), output, atol=1e-5),
)
print(
    "weights",
    tuple(module_weights.shape),
    "agree with NumPy: ",
    np.allclose(module_weights[0].detach(), weights, atol=1e-5),
)

nothing = torch.from_numpy(earlier).clone()
nothing[3] = False  # token 3 may not attend to anything
module_output, _ = head(batch, nothing)
module_output.sum().backward()
print("output of token 3 with nothing to attend to:", module_output[0, 3].tolist())
print("all gradients finite:", all(bool(p.grad.isfinite().all()) for p in head.parameters()))

# %% [markdown]
# ## The same with PyTorch's own
#
# PyTorch has the whole equation as one function, `torch.nn.functional.scaled_dot_product_attention`. It uses the same
# convention for the mask: True = may attend. (`torch.nn.MultiheadAttention`, which you'll meet in lesson 4, uses the
# opposite.) It returns only the output, since its fast versions never build the matrix of weights.
#
# The next cell compares your function with PyTorch's, in float64, with several shapes and masks, including a row with
# nothing to attend to.

# %%
rng = np.random.default_rng(3)


def largest_difference(q, k, v, mask=None):
    mine, _ = scaled_dot_product_attention(q, k, v, mask)
    theirs = F.scaled_dot_product_attention(
        *map(torch.from_numpy, (q, k, v)), None if mask is None else torch.from_numpy(mask)
    )
    return np.abs(mine - theirs.numpy()).max()


batch_of_heads = [rng.normal(size=shape) for shape in ((2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 6))]
random_mask = rng.random((2, 1, 5, 7)) < 0.5
random_mask[0, 0, 2] = False  # nothing to attend to
cases = {
    "the running example": (query, key, value),
    "the same, earlier tokens only": (query, key, value, earlier),
    "cross-attention": (other_query, key, value),
    "batch 2, 3 heads, 5 queries, 7 keys": batch_of_heads,
    "the same, random mask, one empty row": (*batch_of_heads, random_mask),
}
for name, arguments in cases.items():
    print(f"{name:<38} agrees to 12 digits: {largest_difference(*arguments) < 1e-12}")

# %% [markdown]
# ## What does it cost?
#
# Before the Transformer, sentences were read by **recurrent** layers: a state vector walks along the sentence, one
# token after the other. Section 4 of the paper asks why self-attention should be preferred, and answers with three
# numbers for each kind of layer (table 1). $n$ is the number of tokens, $d$ the width of their vectors.
#
# | layer | operations per layer | sequential steps | longest path |
# | --- | --- | --- | --- |
# | self-attention | ? | ? | ? |
# | recurrent | ? | ? | ? |
# | convolution, kernel of $k$ tokens | ? | ? | ? |
#
# - **Operations per layer**: how many multiplications there are. They are counted by order of growth, so constant
#   factors and smaller terms are left out. (The paper writes $O(\ldots)$ around them.)
# - **Sequential steps**: how many computations of a layer have to wait for one another. What doesn't have to wait runs
#   at the same time, and all of it together is one step.
# - **Longest path**: how many steps a signal has to pass through to get from one token to any other. Short paths make
#   it easier to learn how distant words depend on each other. (Lesson 0 measured this: after 40 steps almost nothing is
#   left of a recurrent layer's gradient.)
#
# ![The path of a signal from the first to the last of nine tokens. Recurrent: eight steps from state to state. Convolution with a kernel of three tokens: two layers. Self-attention: one step.](figures/paths.png)
#
# In each of the three exercises, the function returns these three as a tuple of whole numbers.

# %% [markdown]
# ### Exercise 3.7 · `self_attention_cost`
# <!-- facts: self_attention_cost -->
# *table 1, first row* · core · 1 point · about 3 minutes
# <!-- end -->
#
# The three numbers of self-attention with `n` tokens of width `d`: (operations, sequential steps, longest path).
#
# Look at the scores: every one of the $n$ queries meets every one of the $n$ keys, and each meeting is a dot product of
# two vectors of width $d$. Does any of them need the result of another? (The projections and the second product are
# left out, as in the paper.)
#
# Example: for 5 tokens of width 3 the operations are 75.
#
# <!-- hints: self_attention_cost -->
# <details>
# <summary>Hint 1</summary>
#
# How many dot products of query and key are there, and how many multiplications does each take? Does any of them have to wait for another? How many layers are between two tokens?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# There are n times n pairs, d multiplications each. The other two numbers don't depend on n.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "self_attention_cost", "locked": false, "schema_version": 3, "solution": true, "task": false}
def self_attention_cost(n, d):
    """(operations per layer, sequential steps, longest path) of self-attention."""
    ### BEGIN SOLUTION
    return n * n * d, 1, 1
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_self_attention_cost", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("self_attention_cost")

# %% [markdown]
# ### Exercise 3.8 · `recurrent_cost`
# <!-- facts: recurrent_cost -->
# *table 1, second row* · core · 1 point · about 3 minutes
# <!-- end -->
#
# The three numbers of a recurrent layer. For each token the state, a vector of width $d$, is multiplied by a matrix
# with $d$ rows and $d$ columns. The next token needs the state that results. (Count order of growth: $n$ steps and
# a path of $n$, not $n - 1$; one matrix, although a usual recurrent layer, the GRU, has six.)
#
# Example: for 5 tokens of width 3 the operations are 45.
#
# <!-- hints: recurrent_cost -->
# <details>
# <summary>Hint 1</summary>
#
# One step multiplies a state of width d by a square matrix. How many steps are there, and can a step start before the one before it has ended?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# A vector of width d times a d by d matrix takes d times d multiplications, once per token. Steps and path grow with the number of tokens.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "recurrent_cost", "locked": false, "schema_version": 3, "solution": true, "task": false}
def recurrent_cost(n, d):
    """(operations per layer, sequential steps, longest path) of a recurrent layer."""
    ### BEGIN SOLUTION
    return n * d * d, n, n
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_recurrent_cost", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("recurrent_cost")

# %% [markdown]
# ### Exercise 3.9 · `convolution_cost`
# <!-- facts: convolution_cost -->
# *table 1, third row* · extra · 2 points · about 6 minutes
# <!-- end -->
#
# A *convolution* makes each row of its output from a window of neighbouring rows. The matrices that it multiplies them
# by are its *kernel*. Return the three numbers for a kernel that is `k` tokens wide (`k` is at least 2): at each of the
# $n$ places, each of the $k$ vectors in the window is multiplied by a matrix of its own, with $d$ rows and $d$ columns.
# No place waits for another.
#
# One layer sees `k` tokens at a time. When the layers above it leave gaps in their windows (a *dilated* convolution),
# two layers reach `k * k` tokens, three layers `k * k * k`, and so on. The longest path is `m`, the smallest whole
# number of layers with `k ** m >= n`. It has to be exact, for every whole `n` and `k`. A single token needs no layer:
# `m` is 0.
#
# Example: for 10 tokens of width 4 and a kernel of 3 the operations are 480, and the path is 3, because 9 is not
# enough.
#
# <!-- hints: convolution_cost -->
# <details>
# <summary>Hint 1</summary>
#
# One layer reaches k tokens, two layers k times k. Count layers until the reach is at least n. Whole numbers are exact; a logarithm is rounded.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# Start with m = 0 and add 1 while `k ** m` is smaller than `n`.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "convolution_cost", "locked": false, "schema_version": 3, "solution": true, "task": false}
def convolution_cost(n, d, k):
    """(operations per layer, sequential steps, longest path) of a convolution, k tokens wide."""
    ### BEGIN SOLUTION
    layers = 0
    while k**layers < n:
        layers += 1
    return k * n * d * d, 1, layers
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_convolution_cost", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("convolution_cost")

# %% [markdown]
# Now for the numbers in the table. The first block is a sentence in the paper's base model, the second a long document.

# %%
for n, d in ((50, 512), (5000, 512)):
    print(f"{f'n = {n}, d = {d}':<23} {'operations':>17} {'steps':>7} {'path':>7}")
    costs = {
        "self-attention": self_attention_cost(n, d),
        "recurrent": recurrent_cost(n, d),
    }
    with suppress(NotImplementedError):  # 3.9 is extra
        costs["convolution, k = 3"] = convolution_cost(n, d, 3)
    for name, (operations, steps, path) in costs.items():
        print(f"   {name:<20} {operations:>17,} {steps:>7,} {path:>7,}")
    print()

# %% [markdown]
# Self-attention needs fewer operations than a recurrent layer when $n^2 d < n d^2$, that is, when $\mathbf{n < d}$:
# when the sentence is shorter than the vectors are wide. Sentences usually are; whole documents are not.
#
# For documents the paper's table has a fourth row, self-attention that is *restricted* to the $r$ nearest tokens:
# $r\,n\,d$ operations, one step, and a path of $n / r$. That grows with $n$ and not with $n^2$, and the price is a longer
# path. Lesson 11 does it, with a mask of one line.
#
# ### Your own head, counted
#
# $n^2 d$ leaves out the constant factors and the smaller terms. What are they in your own code? With `d_head = d_model`,
# each of the three projections takes $n\,d^2$ multiplications, and each of the two products with an $n \times n$ matrix
# (query with key, weights with value) takes $n^2 d$. At $n = d$ all of these are equal. How many times $n^2 d$ is the
# whole head there?

# %%
by_hand("a whole head at n = d, in units of n²d", ...)

# %% [markdown]
# PyTorch can count multiplications while a module runs, however it is written:

# %%
from torch.utils.flop_counter import FlopCounterMode


def multiplications(module, x):
    """How many multiplications the matrix products of a module take, counted while it runs."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(x)
    return counter.get_total_flops() // 2  # it counts the additions as well


d = 64
print(f"{'n':>5} {'your head':>12} {'n²d':>12}   your head / n²d")
for n in (16, 64, 256, 1024, 2048):
    counted = multiplications(SelfAttentionHead(d, d), torch.randn(1, n, d))
    table = self_attention_cost(n, d)[0]
    print(f"{n:>5} {counted:>12,} {table:>12,} {counted / table:>10.2f}")

# %% [markdown]
# Short sentences pay mostly for the projections. The longer the sentence, the closer the quotient comes to 2, the two
# products that are left. So $n^2 d$ is how the cost grows, and that is all the table claims.
#
# ### Predicted and measured
#
# **Predict first.** In the next cells $d = 64$. On paper the two layers cost the same at $n = 64$ tokens. You time
# your own attention head and PyTorch's recurrent layer `nn.GRU`, for sentences of 8 to 4096 tokens. (This takes 5 to 15
# seconds.)
#
# 1. Which of the two is faster at $n = 64$?
# 2. Will the clock see the crossing earlier, later, or at the same place?
# 3. When $n$ doubles, the time of the GRU doubles. What will the time of self-attention do in the long run?

# %%
predict("", "1. faster at 64; 2. the crossing; 3. when n doubles")


# %%
width = 64
lengths = [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096]


# %% tags=["measured"]
def best_time(layer, n, seconds=0.25):
    """The shortest of at least 3 runs, in milliseconds: something disturbed the others."""
    sentence = torch.randn(1, n, width)
    layer(sentence)  # the first run also sets things up
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or (time.perf_counter() < end and len(times) < 50):
        start = time.perf_counter()
        layer(sentence)
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


torch.manual_seed(3)
threads = torch.get_num_threads()
torch.set_num_threads(1)  # one processor core: less disturbed by other programs
layers = {
    "self-attention (SelfAttentionHead)": SelfAttentionHead(width, width),
    "recurrent (nn.GRU)": nn.GRU(width, width, batch_first=True),
}
with torch.no_grad():
    measured = {name: [best_time(layer, n) for n in lengths] for name, layer in layers.items()}
torch.set_num_threads(threads)

attention_times, recurrent_times = measured.values()
faster = [
    n for n, attention, gru in zip(lengths, attention_times, recurrent_times) if attention < gru
]

# %% tags=["measured", "drawing"]
# Drawing: predicted operations beside measured time
figure, axes = new(1, 2, size=(11, 3.8))
at_width = attention_times[lengths.index(width)] / recurrent_times[lengths.index(width)]
counted = {
    name: [cost(n, width)[0] for n in lengths]
    for name, cost in (("self-attention", self_attention_cost), ("recurrent", recurrent_cost))
}
for place, lines in zip(axes, (counted, measured), strict=True):
    for index, (name, numbers) in enumerate(lines.items()):
        place.plot(lengths, numbers, label=name, **line_style(index))
    place.axvline(width, ymax=0.78, color="black", linewidth=1)  # below the legend
    place.text(width * 1.1, 0.03, "n = d = 64", transform=place.get_xaxis_transform(), fontsize=9)
    place.set_xscale("log", base=2)
    place.set_yscale("log")
    place.set_xticks(lengths, lengths, fontsize=9)
    place.set_xlabel("n, number of tokens")
    place.legend(frameon=False, loc="upper left")
axes[0].set(title="predicted: operations", ylabel="multiplications per layer")
axes[1].set(title="measured: time on one processor core", ylabel="milliseconds per layer")
predict()
show(
    figure,
    alt="Predicted operations and measured time over the number of tokens, all axes logarithmic. "
    "Predicted: the line of self-attention is twice as steep as that of the recurrent layer, and "
    "they cross at 64 tokens, the width of the vectors. Measured on this computer: two rising "
    f"lines. As for self-attention, it was the faster one up to {max(faster, default=0)} tokens; "
    f"at {width} tokens it took {at_width:.2f} of the time of the recurrent layer.",
)

# %% [markdown]
# Times differ from computer to computer, and other programs running at the same time put bumps in the curves. What we
# saw on ours, on one core of an ordinary processor:
#
# 1. At $n = 64$, where the count says "equal", self-attention was about eight times faster.
# 2. The crossing came beyond 1000 tokens, not at 64.
# 3. In the long run the time grows at least as fast as $n^2$, four times for twice the length, and faster where the
#    $n \times n$ matrix no longer fits into the processor's fast memory.
#
# Is the table wrong? No, it counts multiplications, and it counts them correctly. (With all constant factors, three
# projections and two products against six matrices of the GRU, the crossing moves from $n = d$ to $n = 1.5\,d$, no
# further.) But multiplications are not time. The GRU takes $n$ small steps, each of which waits for the one before it,
# and starting a step costs more than its few multiplications. Self-attention does all its work in a few large products,
# without a pause. That is the *second* column of the table, and it decides long before the first one does. We used one
# core; a graphics processor has thousands, and they can share a large product, but not a chain of steps that wait for
# each other.
#
# So "self-attention is cheaper when $n < d$" is right about the operations. The paper itself says "faster" (section 4),
# and there your clock corrects it: the count isn't why attention is fast on sentences. On very long texts the $n^2$
# does catch up. Then self-attention is slower, and the $n \times n$ matrix inside your `SelfAttentionHead` fills the
# memory. The fast versions of PyTorch's function never build that matrix (the method is called FlashAttention); this
# saves memory, but the number of multiplications stays the same.

# %% [markdown]
# ## Experiments: what breaks without it
#
# ### Without the scaling
#
# A dot product of two vectors of width $d_k$ has $d_k$ terms. If the numbers in them are random, with mean 0 and
# variance 1, then the product has the variance $d_k$: scores grow like $\sqrt{d_k}$. (This is footnote 4 in the paper.)
#
# **Predict first.** Random queries meet 32 random keys. We measure two things, with and without the division by
# $\sqrt{d_k}$, for heads from 1 to 1024 wide:
#
# - the **entropy** of the weights, in bits, which says how widely the attention is spread. It is 5 when all 32 keys get
#   the same weight, and 0 when one key gets everything;
# - the **gradient** of the softmax: how much the weights move when the scores move a little. Without a gradient nothing
#   is learned.
#
# What will the four lines look like?

# %%
predict("", "entropy and gradient, with and without scaling")


# %%
rng = np.random.default_rng(0)
widths = [1, 4, 16, 64, 256, 1024]
entropy, gradient = {"with scaling": [], "without": []}, {"with scaling": [], "without": []}
for d in widths:
    random_scores = attention_scores(rng.normal(size=(400, d)), rng.normal(size=(32, d)))
    for name, s in (("with scaling", random_scores), ("without", random_scores * math.sqrt(d))):
        p = softmax(s)
        entropy[name].append(-np.mean(np.sum(p * np.log2(np.maximum(p, 1e-300)), axis=-1)))
        # the derivatives of all weights by all scores, p_i * ([i = j] - p_j), and for each query
        # their overall size
        jacobian = p[:, :, np.newaxis] * (np.eye(32) - p[:, np.newaxis, :])
        gradient[name].append(np.median(np.sqrt(np.sum(jacobian**2, axis=(1, 2)))))

# %% tags=["drawing"]
# Drawing: entropy and gradient over the width of the head
figure, axes = new(1, 2, size=(10, 3.7))
for index, name in enumerate(entropy):
    axes[0].plot(widths, entropy[name], label=name, **line_style(index))
    axes[1].plot(widths, gradient[name], label=name, **line_style(index))
axes[0].set(title="entropy of the weights", ylabel="bits", ylim=(-0.2, 5.2))
axes[1].set(title="gradient of the softmax (median)", ylabel="size")
axes[1].set_yscale("log")
for place in axes:
    place.set_xscale("log", base=2)
    place.set_xticks(widths, widths)
    place.set(xlabel="d_head, width of the head")
    place.legend(frameon=False)
show(
    figure,
    alt="Two charts over the width of the head, from 1 to 1024. From the narrowest to the widest "
    "head: "
    + "; ".join(
        f"{name}, entropy {entropy[name][0]:.2f} to {entropy[name][-1]:.2f} bits, gradient "
        f"{gradient[name][0]:.2g} to {gradient[name][-1]:.2g}"
        for name in entropy
    )
    + ".",
)

# %%
print("d_head   entropy with / without    gradient with / without")
for row in zip(widths, *entropy.values(), *gradient.values(), strict=True):
    print("{:6d} {:12.2f} / {:.2f} {:19.5f} / {:.5f}".format(*row))
predict()

# %% [markdown]
# With the scaling both stay where they are, whatever the width. Without it, a wide head puts nearly everything on one
# key. It does so on random numbers, *before it has learned anything*, and then it can hardly learn: for half of the
# queries the gradient is practically gone at 1024. For narrow heads the missing division does less harm (at `d_head` 4
# and 16 the gradient is even larger without the scaling); at 64, the paper's width, it begins to hurt.
#
# The cure depends on the number of *terms* in the dot product. That is why it uses the width of the head and not the
# width of the embeddings. In the paper's base model these are 64 and 512; dividing by $\sqrt{512}$ would make the
# scores almost three times too small.

# %% [markdown]
# ### Without the mask, and with the mask in the wrong place
#
# The mask `earlier` allows a token to see itself and what comes before it. So a later word must have no influence at
# all. Let's test that: we replace the last word, "man", with "cat", and see how much each row of the output changes.
#
# **Predict first.** Which of the five rows change in each of these three cases?
#
# - no mask at all;
# - your `attention_weights`, which masks the scores *before* the softmax;
# - softmax first, then the forbidden weights are set to 0.

# %%
predict("", "which rows change: no mask, masked scores, zeroed weights")


# %%
def zeroed_after_softmax(x):
    q, k, v = project(x, W_QUERY, W_KEY, W_VALUE)
    return (softmax(attention_scores(q, k)) * earlier) @ v


methods = {
    "no mask": lambda x: scaled_dot_product_attention(*project(x, W_QUERY, W_KEY, W_VALUE))[0],
    "masked scores": lambda x: scaled_dot_product_attention(
        *project(x, W_QUERY, W_KEY, W_VALUE), earlier
    )[0],
    "zeroed weights": zeroed_after_softmax,
}
_, changed_x = vectors("the dog bites the cat")
print("largest change of each output row when 'man' becomes 'cat'\n")
print("query of ...", "".join(f"{name:>16}" for name in methods))
changes = [np.abs(method(x) - method(changed_x)).max(axis=-1) for method in methods.values()]
for token, *row in zip(tokens, *changes, strict=True):
    print(f"{token:>12}", "".join(f"{change:16.4f}" for change in row))

sums = (softmax(scores) * earlier).sum(axis=-1)
print("\nzeroed weights: the rows add up to", ", ".join(f"{total:.3f}" for total in sums))
predict()

# %% [markdown]
# - Without a mask every row changes: the first "the" already knows how the sentence ends. A model that is meant to
#   predict the next word would read it off instead.
# - With masked scores the change is exactly 0 everywhere but in the last row, where the word itself was replaced.
# - Setting weights to 0 *after* the softmax looks like the same thing, but it isn't. The rows no longer add up to 1,
#   and the forbidden word still leaks: its score took part in the sum that all weights were divided by.

# %% [markdown]
# ## Recap
#
# - Each token has a query, a key and a value: three linear maps of its vector, without bias and without activation.
# - Scores are dot products of queries and keys, divided by the root of the **head's** width. Without that division a
#   wide head puts nearly everything on one key, and the softmax loses its gradient.
# - The softmax runs along the keys: each row of weights adds up to 1. The output mixes the values in these proportions.
# - A mask is boolean, True = may attend. It works on the scores, before the softmax. A row with nothing to attend to
#   gives zeros.
# - Self-attention and cross-attention are the same function with different inputs.
# - Self-attention takes $n^2 d$ operations in 1 sequential step, with paths of length 1; a recurrent layer takes
#   $n d^2$ in $n$ steps, with paths of length $n$.
#
# Lesson 4 takes the same `x`. There a second head joins this one, and the result of this head, 5 rows of 3 numbers,
# becomes the left half of 6 columns.

# %%
print("output of this head: head 1 of lesson 4\n")
for token, row in zip(tokens, output, strict=True):
    print(f"{token:>6}", "".join(f"{number:8.3f}" for number in row))

# %% [markdown]
# ## The paper, the blog, this code
#
# Texts about the Transformer differ, and some are wrong in places. This table shows where many blog posts, notes and
# book chapters differ from the paper.
#
# | question | the paper | blogs and notes | this code |
# | --- | --- | --- | --- |
# | What are the scores divided by? | $\sqrt{d_k}$, the width of a head's queries and keys (64 in the base model) | "the root of the dimension", and then the embedding's width (512) is taken | $\sqrt{d_k}$, as in the paper; read from the key's last axis |
# | How are query, key and value made? | one matrix each, nothing else | "by an MLP" (a book), which means several layers with an activation between them | one linear layer each, no bias, no activation |
# | What shape do these matrices have? | $d_{model} \times d_k$ and $d_{model} \times d_v$ | $d_{input} \times d_{model}$, or all three results of the same shape | `(d_model, d_head)`; the value may have another width |
# | Is a token a row or a column? | rows: $QK^\top$ | "multiplied with the transposed embedding matrix": columns | rows, so `x @ w` without a transpose |
# | What does the encoder give to the decoder? | keys **and values**; the queries come from the decoder | "query and key" | keys and values; lesson 7 builds it |
# | What is written at a masked place? | $-\infty$ before the softmax | "a very large negative number", which is nearly the same, except in a row with nothing to attend to | `-inf`; a row with nothing to attend to gives zeros |
# | Who needs a mask? | the decoder, for later words | the decoder | also every batch of sentences with unequal lengths, for padding (lesson 7) |
# | Is the matrix of scores square? | in self-attention | "yes" | `(n_queries, n_keys)`: square in self-attention only |
# | When is self-attention cheaper than a recurrent layer? | "self-attention layers are faster than recurrent layers when the sequence length $n$ is smaller than the representation dimensionality $d$" (section 4) | "only when $n < d$ is it less complex" | $n < d$ is right for the number of operations; by the clock self-attention is faster far beyond that, because nothing waits. For very long texts it is slower |
# | How long is a convolution's path? | $\log_k n$ with dilated convolutions, $n / k$ without | (not mentioned) | the smallest whole `m` with `k ** m >= n` |
