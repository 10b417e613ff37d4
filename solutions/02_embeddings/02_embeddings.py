# %% [markdown]
# # 2 · Embeddings and positional encoding
#
# A network computes with numbers, not with words. In lesson 1 every word was given a whole number, its id. In this
# lesson each id becomes a vector, a row of numbers that can be learned, and each vector is also told its position in
# the sentence.
#
# <!-- map: 02_embeddings -->
# ![The map of the Transformer, with this lesson's parts in colour: embedding + position.](figures/map.png)
# <!-- end -->
#
# **After this lesson you can**
# - turn ids into one-hot rows and into embeddings, and say why one-hot times table is a lookup;
# - compute the positional encoding of the paper, first for one token, then for a whole sentence;
# - show in numbers what a model without positions can't see;
# - write both as PyTorch modules that later lessons use.
#
# **What you need**: lesson 1 (ids), NumPy indexing and broadcasting, sine and cosine. About 115 minutes, 10 of them
# extra.
#
# <!-- table: 02_embeddings -->
# | exercise | what you build | points | minutes |
# | --- | --- | ---: | ---: |
# | 2.1 `one_hot` | an id becomes a row with a single 1 | 2 | 6 |
# | 2.2 `embed` | look up a row for each id | 2 | 4 |
# | 2.3 `positional_encoding_at` | the formula, for one position | 3 | 10 |
# | 2.4 `positional_encoding` | all positions at once | 3 | 8 |
# | 2.5 `add_positions` | word plus position | 2 | 5 |
# | 2.6 `shift_matrix` (extra) | a shift is a rotation | 3 | 10 |
# | 2.7 `TokenEmbedding` | the table learns | 4 | 10 |
# | 2.8 `PositionalEncoding` | the encoding as a module | 4 | 10 |
# <!-- end -->

# %%
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from autograde import by_hand, check, predict
from helpers.example import D_MODEL, EMBEDDINGS, SENTENCES
from helpers.figures import heat_map, line_style, new, show
from helpers.vocabulary import Vocabulary

# %% [markdown]
# ## The idea
#
# There are two questions about each word: *what does it mean*, and *where is it*? The Transformer answers each with a
# vector of the same width, called `d_model`, and **adds** the two.
#
# - **Embedding.** A table has one row of `d_model` numbers for each word of the vocabulary. The id of a word is the
#   number of its row. The entries are random at first; training changes them, like all other parameters.
# - **Positional encoding.** A second table has one row for each position 0, 1, 2, ... Its numbers come from a formula
#   of sines and cosines and are never trained.
#
# Why the second table? Attention, the heart of the Transformer, treats its input rows as a *set*: nothing in it says
# which row came first. Order has to be written into the rows themselves.
#
# ![Three tables of 5 rows and 6 columns: the vectors of the words the, dog, bites, the, man; the encoding of the positions 0 to 4; and their sum. Both rows of "the" are equal in the first table and differ in the last.](figures/word_plus_position.png)
#
# Look at the two rows of "the". In the first table they are equal; in the last one they aren't.

# %% [markdown]
# ## The numbers by hand
#
# Lesson 1 ended with the ids of "the dog bites the man". Here we leave `<bos>` and `<eos>` out, so that five rows
# remain.

# %%
vocabulary = Vocabulary(SENTENCES)
tokens = ["the", "dog", "bites", "the", "man"]
ids = np.array(vocabulary.encode("the dog bites the man")[1:-1])  # without <bos> and <eos>

for token, number in zip(tokens, ids, strict=True):
    print(f"{token:<6} id {number}  row {number} of the table: {EMBEDDINGS[number]}")

# %% [markdown]
# The table `EMBEDDINGS` has 10 rows (one per id) and `d_model = 6` columns. Its entries are made up and fixed, so that
# you can redo every result on paper. Column 2 is large for nouns, column 4 for verbs, column 5 for articles, and column
# 3 tells the nouns apart. Columns 0 and 1 are 0 in every word: they are left free for the position. In a real model all
# entries are learned, none of them has such a plain meaning, and `d_model` is 512 in the paper.
#
# Now the position. The paper gives, for position $pos$ and pair $i$ of columns,
#
# $$PE_{(pos,\,2i)} = \sin\!\left(\frac{pos}{10000^{2i/d_{model}}}\right) \qquad
# PE_{(pos,\,2i+1)} = \cos\!\left(\frac{pos}{10000^{2i/d_{model}}}\right)$$
#
# $i$ counts *pairs* of columns, from 0. Columns 0 and 1 are pair 0, columns 2 and 3 are pair 1, columns 4 and 5 are
# pair 2. Both columns of a pair share **one angle**: the even column is its sine, the odd column its cosine.
#
# With `d_model = 6` the three pairs divide the position by
#
# | pair $i$ | columns | exponent $2i/6$ | divide by $10000^{2i/6}$ |
# | --- | --- | --- | --- |
# | 0 | 0, 1 | 0 | 1 |
# | 1 | 2, 3 | 0.3333 | 21.54 |
# | 2 | 4, 5 | 0.6667 | 464.16 |
#
# **The first token** has position 0, so all three angles are 0. The sine of 0 is 0, the cosine of 0 is 1:
# `[0, 1, 0, 1, 0, 1]`.
#
# **The second token** has position 1. Its angles are 1/1 = 1, 1/21.54 = 0.0464 and 1/464.16 = 0.0022:
# `[sin 1, cos 1, sin 0.0464, cos 0.0464, sin 0.0022, cos 0.0022]` =
# `[0.8415, 0.5403, 0.0464, 0.9989, 0.0022, 1.0000]`.
#
# Angles are in radians, as in NumPy. Keep these two rows: your code will have to reproduce them.
#
# **The third token** is yours, with a pocket calculator (or `math.sin` in a new cell). Its position is 2. What are the
# numbers in its columns 0 and 1? Type them as a list; two decimals are enough. And what is the number in column 2?

# %%
by_hand("position 2, columns 0 and 1", ...)

# %%
by_hand("position 2, column 2", ...)

# %% [markdown]
# ## From ids to vectors
#
# How does an id get into a network that multiplies matrices? The id 7 is not "more" than the id 5: "man" is not more
# than "dog". So an id must not be used as a quantity. The honest form is a row of zeros with a single 1, in the column
# of the id: the **one-hot** row.

# %% [markdown]
# ### Exercise 2.1 · `one_hot`
# <!-- facts: one_hot -->
# *an id becomes a row with a single 1* · core · 2 points · about 6 minutes
# <!-- end -->
#
# Write `one_hot(ids, vocab_size)`. `ids` is an array of whole numbers from 0 to `vocab_size - 1`, of any shape
# `(...)`: one sentence `(length,)`, a batch `(batch, length)`, or more axes. The result has one more axis at the end,
# `(..., vocab_size)`, with a 1 in the column of the id and 0 elsewhere.
#
# ```
# one_hot(np.array([2, 0]), 3)   gives   [[0, 0, 1],
#                                         [1, 0, 0]]
# ```
#
# The dtype (floats or whole numbers) is up to you.
#
# <!-- hints: one_hot -->
# <details>
# <summary>Hint 1</summary>
#
# Compare each id with the column numbers `0, 1, ..., vocab_size - 1`: the result is true in one column.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# Give `ids` a new last axis of size 1 (`ids[..., None]`). Compared by `==` with `np.arange(...)`, NumPy then makes all pairs. `.astype(float)` turns true and false into 1 and 0.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "one_hot", "locked": false, "schema_version": 3, "solution": true, "task": false}
def one_hot(ids, vocab_size):
    """Turn ids of shape (...) into rows with a single 1, shape (..., vocab_size)."""
    ### BEGIN SOLUTION
    columns = np.arange(vocab_size)
    return (np.asarray(ids)[..., np.newaxis] == columns).astype(float)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_one_hot", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("one_hot")

# %% [markdown]
# What happens when a one-hot row is multiplied by the table? Every row of the table is multiplied by 0, except one,
# which is multiplied by 1. The product *is* that row. Here it is for the id 5, "dog":

# %%
dog = one_hot(np.array([5]), len(vocabulary))
print("one-hot row:   ", dog[0].astype(int))
print("times table:   ", (dog @ EMBEDDINGS)[0])
print("row 5 of table:", EMBEDDINGS[5])

# %% [markdown]
# So the product needs no multiplication at all: it is a **lookup**. With 37,000 words and `d_model = 512`, a one-hot
# product for five words takes 5 · 37,000 · 512 multiplications, about 95 million; the lookup copies five rows.
#
# The one-hot view is still worth keeping in mind. It shows that an embedding is a linear layer like any other: a matrix
# product with a matrix that is learned. It also shows why only the rows of words that occur in the batch learn anything
# from it: all other rows are multiplied by 0.

# %% [markdown]
# ### Exercise 2.2 · `embed`
# <!-- facts: embed -->
# *look up a row for each id* · core · 2 points · about 4 minutes
# <!-- end -->
#
# Write `embed(ids, table)`. `ids` has any shape `(...)`, `table` is `(vocab_size, d_model)`. The result is
# `(..., d_model)`: for each id the row of the table with that number. It equals `one_hot(ids, len(table)) @ table`,
# but looks the rows up.
#
# ```
# table = [[0, 0], [1, 2], [3, 5]]
# embed(np.array([2, 2, 1]), table)   gives   [[3, 5], [3, 5], [1, 2]]
# ```
#
# <!-- hints: embed -->
# <details>
# <summary>Hint 1</summary>
#
# NumPy can index with a whole array of row numbers at once; the result has one row for each of them.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `table[3]` is row 3. Put the array of ids between the brackets in place of the 3.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "embed", "locked": false, "schema_version": 3, "solution": true, "task": false}
def embed(ids, table):
    """The rows of `table` (vocab_size, d_model) with the numbers `ids` (...): (..., d_model)."""
    ### BEGIN SOLUTION
    return table[ids]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_embed", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("embed")

# %%
words = embed(ids, EMBEDDINGS)
product = one_hot(ids, len(EMBEDDINGS)) @ EMBEDDINGS
print("shape of the sentence:", words.shape)
print("lookup equals one-hot times table:", np.array_equal(words, product))

# %% [markdown]
# ## Where a word is
#
# Now for the formula from above in code, first for a single position, number by number. There's no trick to it, but
# keep an eye on what $i$ counts.

# %% [markdown]
# ### Exercise 2.3 · `positional_encoding_at`
# <!-- facts: positional_encoding_at -->
# *the formula, for one position* · core · 3 points · about 10 minutes
# <!-- end -->
#
# Write `positional_encoding_at(position, d_model)`. It returns a NumPy array of shape `(d_model,)`, by the paper's
# formula: even columns hold the sine, odd columns the cosine, and pair $i$ divides the position by
# $10000^{2i/d_{model}}$.
#
# `d_model` may be odd. Then the last pair has only its first column, the sine.
#
# ```
# positional_encoding_at(0, 6)   gives   [0, 1, 0, 1, 0, 1]
# positional_encoding_at(1, 6)   gives   [0.8415, 0.5403, 0.0464, 0.9989, 0.0022, 1.0000]   (rounded)
# positional_encoding_at(1, 3)   gives   [0.8415, 0.5403, 0.0022]                           (rounded)
# ```
#
# <!-- hints: positional_encoding_at -->
# <details>
# <summary>Hint 1</summary>
#
# Go through the columns one by one. Columns 0 and 1 form pair 0, columns 2 and 3 pair 1: whole-number division by 2 gives the pair. An even column takes the sine of the pair's angle, an odd one the cosine.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# The angle is `position` divided by a power: `10000 ** exponent`, where the exponent is twice the number of the pair, divided by `d_model`. `column % 2` tells even from odd. Filling `np.zeros(d_model)` column by column works for an odd width too.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "positional_encoding_at", "locked": false, "schema_version": 3, "solution": true, "task": false}
def positional_encoding_at(position, d_model):
    """The encoding of one position, a NumPy array of shape (d_model,)."""
    ### BEGIN SOLUTION
    row = np.zeros(d_model)
    for column in range(d_model):
        pair = column // 2  # the i of the paper: columns 2i and 2i + 1 share one angle
        angle = position / 10000 ** (2 * pair / d_model)
        row[column] = np.sin(angle) if column % 2 == 0 else np.cos(angle)
    return row
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_positional_encoding_at", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("positional_encoding_at")

# %%
for position in range(2):
    print(f"position {position}:", positional_encoding_at(position, D_MODEL).round(4))

# %% [markdown]
# Next come all the positions of a sentence. A loop over positions would do, but NumPy can fill the whole table at once:
# a *column* of positions, divided by a *row* of powers, is a table of angles.

# %% [markdown]
# ### Exercise 2.4 · `positional_encoding`
# <!-- facts: positional_encoding -->
# *all positions at once* · core · 3 points · about 8 minutes
# <!-- end -->
#
# Write `positional_encoding(length, d_model)`. It returns a NumPy array of shape `(length, d_model)`, the rows of the
# positions 0 to `length - 1`. Try it without a Python loop over the positions. Odd widths work here too.
#
# ```
# positional_encoding(2, 2)   gives   [[0.0000, 1.0000],
#                                      [0.8415, 0.5403]]   (rounded)
# ```
#
# <!-- hints: positional_encoding -->
# <details>
# <summary>Hint 1</summary>
#
# A column of positions, shape `(length, 1)`, divided by a row of powers, one for each pair, gives a whole table of angles by broadcasting. Sines go to columns 0, 2, 4, ..., cosines to columns 1, 3, 5, ...
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `np.arange(0, d_model, 2)` holds all numbers 2i. `table[:, 0::2]` is every second column from 0 on, `table[:, 1::2]` from 1 on. With an odd width the second has one column fewer: take only the first `d_model // 2` columns of the angles there.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "positional_encoding", "locked": false, "schema_version": 3, "solution": true, "task": false}
def positional_encoding(length, d_model):
    """The encoding of the positions 0 to length - 1, an array of shape (length, d_model)."""
    ### BEGIN SOLUTION
    positions = np.arange(length)[:, np.newaxis]
    even_columns = np.arange(0, d_model, 2)
    angles = positions / 10000 ** (even_columns / d_model)
    encoding = np.zeros((length, d_model))
    encoding[:, 0::2] = np.sin(angles)
    encoding[:, 1::2] = np.cos(angles[:, : d_model // 2])  # an odd width has one cosine fewer
    return encoding
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_positional_encoding", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("positional_encoding")

# %% [markdown]
# ### What it looks like
#
# Here is the same table twice, with 50 positions and `d_model = 32`: once as a heat map, and once as waves, with four
# of its columns.

# %%
encoding = positional_encoding(50, 32)

# %% tags=["drawing"]
# Drawing: the positional encoding of 50 positions and 32 columns
figure, axes = new(1, 2, size=(12, 4))
image = heat_map(
    axes[0], encoding, title="all 32 columns", x_label="column", y_label="position", decimals=None
)
figure.colorbar(image, ax=axes[0], label="value")
repeats = []
for index, column in enumerate((0, 4, 8, 16)):
    period = 2 * np.pi * 10000 ** (column / 32)
    repeats.append(f"column {column}: every {period:.0f} positions")
    axes[1].plot(
        encoding[:, column],
        label=repeats[-1],
        **line_style(index) | {"marker": ""},
    )
axes[1].set(
    title="four columns as waves: how often they repeat",
    xlabel="position",
    ylabel="value",
    ylim=(-1.1, 1.8),
)
axes[1].legend(loc="upper center", ncols=2, fontsize=8)
show(
    figure,
    alt="The positional encoding of 50 positions and 32 columns. A heat map of all columns, where "
    "the paper's formula makes fast stripes on the left that "
    "become slower to the right. Beside it four columns as waves; by the formula they repeat: "
    + ", ".join(repeats)
    + ".",
)

# %% [markdown]
# Read the columns like the hands of a clock. Pair 0 is the second hand: it turns fast and tells neighbours apart. The
# last pairs are slow hands: they tell the start of a long text from its end. (Within 50 positions their angles stay
# near 0, so each sine is near 0 and each cosine near 1. That makes the stripes on the right of the heat map.) No single
# hand is enough; together they give each position a row of its own. And every value is between −1 and 1, however long
# the text is.
#
# The next cell lets you move two sliders. It shows one row of the table, and marks that position on the waves of
# columns 0 and 4. (It needs a running notebook; without one, the figure above is enough.)

# %% tags=["interactive"]
from ipywidgets import HTML, IntSlider, VBox

position_slider = IntSlider(value=3, min=0, max=99, description="position")
width_slider = IntSlider(value=16, min=1, max=64, description="d_model")
picture = HTML()


def draw(change=None):
    chosen, width = position_slider.value, width_slider.value
    table = positional_encoding(100, width)
    figure, axes = new(1, 2, size=(11, 3.2))
    axes[0].bar(range(width), table[chosen], color="#0072B2")
    axes[0].set(
        title=f"the row of position {chosen}", xlabel="column", ylabel="value", ylim=(-1.1, 1.1)
    )
    for index, column in enumerate(range(0, min(width, 8), 4)):
        axes[1].plot(
            table[:, column], label=f"column {column}", **line_style(index) | {"marker": ""}
        )
        axes[1].plot(chosen, table[chosen, column], "o", color="black")
    axes[1].set(title="its place on the waves", xlabel="position", ylabel="value", ylim=(-1.1, 1.5))
    axes[1].legend(loc="upper right", ncols=2)
    shown = show(
        figure,
        alt=f"The encoding of position {chosen} with {width} columns, as bars and on its waves.",
    )
    picture.value = shown.html


position_slider.observe(draw, names="value")
width_slider.observe(draw, names="value")
draw()
VBox([position_slider, width_slider, picture])

# %% [markdown]
# ### Exercise 2.5 · `add_positions`
# <!-- facts: add_positions -->
# *word plus position* · core · 2 points · about 5 minutes
# <!-- end -->
#
# Write `add_positions(x, encoding)`. `x` is `(..., length, d_model)`: one sentence, a batch of them, or more axes in
# front. `encoding` is a table `(rows, d_model)` with at least `length` rows. **Add** the first `length` rows of the table
# to every sentence. The result has the shape of `x`, and `x` itself stays as it is.
#
# ```
# x = [[1.0, 2.0], [3.0, 4.0]]      encoding = [[0.5, 0.0], [0.0, 0.5], [9.0, 9.0]]
# add_positions(x, encoding)   gives   [[1.5, 2.0], [3.0, 4.5]]
# ```
#
# <!-- hints: add_positions -->
# <details>
# <summary>Hint 1</summary>
#
# The encoding may have more rows than the sentence has words. How many does `x` need? Look at its shape, from the end.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `x.shape[-2]` is the number of tokens, however many axes come before. Cut `encoding` to that many rows; broadcasting then adds them to every sentence of a batch.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "add_positions", "locked": false, "schema_version": 3, "solution": true, "task": false}
def add_positions(x, encoding):
    """Add the first `length` rows of `encoding` to x (..., length, d_model)."""
    ### BEGIN SOLUTION
    length = x.shape[-2]
    return x + encoding[:length]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_add_positions", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("add_positions")

# %% [markdown]
# Why can we add two such different things without making a mess? A vector of 512 numbers has room for both: a linear
# layer that follows can learn to look at the directions that carry the word, or at those that carry the position.
# Concatenation, putting the two side by side, would also keep them apart, but at a price: the width doubles, and with
# it every matrix that follows.
#
# ### The running example
#
# That's all we need, except for one step from the paper (section 3.4): the embeddings are multiplied by
# $\sqrt{d_{model}}$ before the positions are added. The last experiment in this lesson shows what that is good for.
#
# Here is one number on paper: column 2 of "dog" is $\sqrt 6 \cdot 0.9 + \sin(1 / 21.54) = 2.205 + 0.046 = 2.251$. Your
# turn: what is column 3 of "man", at position 4? Its embedding is in the table at the beginning of this lesson.

# %%
by_hand("column 3 of 'man', with its position", ...)

# %%
x = add_positions(
    math.sqrt(D_MODEL) * embed(ids, EMBEDDINGS), positional_encoding(len(ids), D_MODEL)
)

for token, row in zip(tokens, x, strict=True):
    print(f"{token:<6}", " ".join(f"{number:7.3f}" for number in row))

# %% [markdown]
# Find your number in the last row. This `x`, 5 rows and 6 columns, is what lesson 3 starts with.

# %% [markdown]
# ## A shift is a rotation
#
# Why sines and cosines, and not the positions themselves, 0, 1, 2, ...? The paper gives a reason: for every fixed
# distance $k$, $PE_{pos+k}$ is a *linear* function of $PE_{pos}$. One matrix moves every position by $k$, wherever it
# is. So "three words back" means the same at the start and at the end of a text. The authors hoped that this would make
# distances between words something a linear layer can learn.
#
# Each pair is a point on a circle, at the angle $a$. Moving it by $k$ positions means turning it by a further angle
# $b$, where $b$ is $k$ divided by the same power. Two formulas from school do this:
#
# $$\sin(a+b) = \sin a\,\cos b + \cos a\,\sin b \qquad \cos(a+b) = \cos a\,\cos b - \sin a\,\sin b$$

# %% [markdown]
# ### Exercise 2.6 · `shift_matrix`
# <!-- facts: shift_matrix -->
# *a shift is a rotation* · extra · 3 points · about 10 minutes
# <!-- end -->
#
# Write `shift_matrix(offset, d_model)`. It returns the matrix $M$ of shape `(d_model, d_model)` with
# $PE(p + \text{offset}) = M \, PE(p)$ for every position $p$, where $PE(p)$ is the vector
# `positional_encoding_at(p, d_model)`. In NumPy: `M @ positional_encoding_at(p, d_model)`. `offset` is a whole number
# and may be negative; `d_model` is even.
#
# ```
# shift_matrix(1, 2)   gives   [[ 0.5403, 0.8415],
#                               [-0.8415, 0.5403]]   (rounded)
# ```
#
# This exercise is extra: no later lesson needs your code. The idea comes back, though: in lesson 4 this matrix helps
# attention find the word before, and in lesson 11 rotations like it replace the addition of positions.
#
# <!-- hints: shift_matrix -->
# <details>
# <summary>Hint 1</summary>
#
# Take one pair with the angle a, and turn it further, by b. You know two formulas from school: sin(a + b) = sin a cos b + cos a sin b and cos(a + b) = cos a cos b − sin a sin b. The coefficients of sin a and cos a are the entries of the matrix.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# For each pair, b is `offset` divided by the same power as in the encoding. The block of that pair has the rows (cos b, sin b) and (−sin b, cos b), in the pair's two rows and columns. All other numbers are 0.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "shift_matrix", "locked": false, "schema_version": 3, "solution": true, "task": false}
def shift_matrix(offset, d_model):
    """The matrix (d_model, d_model) from the encoding of p to the encoding of p + offset."""
    ### BEGIN SOLUTION
    matrix = np.zeros((d_model, d_model))
    for column in range(0, d_model, 2):
        angle = offset / 10000 ** (column / d_model)
        matrix[column, column : column + 2] = np.cos(angle), np.sin(angle)
        matrix[column + 1, column : column + 2] = -np.sin(angle), np.cos(angle)
    return matrix
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_shift_matrix", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("shift_matrix")

# %% [markdown]
# Try it in a new cell: `shift_matrix(3, 6) @ positional_encoding_at(2, 6)` is `positional_encoding_at(5, 6)`.
#
# Shift two positions by the same number of steps. Both encodings are turned by the same rotation, and a rotation
# changes neither lengths nor angles, so their dot product stays the same. It can depend on only one thing: the
# **distance** between the two positions. (The direction makes no difference: "before" and "after" look the same. To
# tell them apart, one of the two encodings has to be turned first, and this is what happens in lesson 4.)
#
# Try it with one pair, columns 0 and 1: what is the dot product of the encodings of positions 3 and 5? There is a
# shorter way than computing four sines and cosines.

# %%
by_hand("dot product of positions 3 and 5, columns 0 and 1", ...)

# %% [markdown]
# The next figure (it needs no shift matrix) shows the dot product of encodings with 64 columns, from two different
# starting points.

# %%
table = positional_encoding(100, 64)
distances = np.arange(0, 41)

# %% tags=["drawing"]
# Drawing: the dot product of two positional encodings against their distance
figure, axes = new(size=(8, 3.6))
for index, start in enumerate((0, 55)):
    products = table[start + distances] @ table[start]
    style = line_style(index) | {"markevery": (2 * index, 4)}
    axes.plot(distances, products, label=f"from position {start}", **style)
apart = max(abs(np.diff([table[start + distances] @ table[start] for start in (0, 55)], axis=0)[0]))
axes.set(
    title="dot product of two encodings, 64 columns",
    xlabel="distance of the two positions",
    ylabel="dot product",
    ylim=(0, 35),
)
axes.legend()
show(
    figure,
    alt="The dot product of two positional encodings against their distance, a line from position "
    f"0 and a line from position 55. They differ by at most {apart:.2g}; the dot product is "
    f"{products[0]:.0f} at the distance 0 and {products[-1]:.0f} at the distance 40.",
)

# %% [markdown]
# ## The same as PyTorch modules
#
# The parts of the model, here and in every later lesson, are classes: PyTorch **modules**. A module has two methods
# that you write. `__init__` makes what the module keeps; `forward(x)` computes the result. To run it, call `module(x)`,
# and PyTorch calls `forward` for you. (The line `super().__init__()` comes first in every module; it is already there.)
# A module can keep tensors in three ways:
#
# | made with | trained? | moves with `model.to(device)`? | for |
# | --- | --- | --- | --- |
# | `self.weight = nn.Parameter(tensor)` | yes | yes | what is learned |
# | `self.register_buffer("name", tensor)` | no | yes | fixed tables |
# | `self.name = tensor` | no | **no** | nothing: a common source of errors on a GPU |
#
# In training, PyTorch computes for each parameter its **gradient**: how much the error changes when that number moves a
# little. Then the parameter moves one step in the direction that makes the error smaller. A number whose gradient is 0
# stays as it is. (With Adam, the optimizer of lesson 8, it may move on for some steps: Adam remembers earlier
# gradients.)
#
# One practical point: the sentences of a batch differ in length, and short ones are padded with the id 0, `<pad>`
# (lesson 1). Padding is not a word. Its row should be zero, and looking it up should teach it nothing.

# %% [markdown]
# ### Exercise 2.7 · `TokenEmbedding`
# <!-- facts: TokenEmbedding -->
# *the table learns* · core · 4 points · about 10 minutes
# <!-- end -->
#
# Write the module `TokenEmbedding(vocab_size, d_model, pad=0)`.
# - It has one parameter, called `weight`: shape `(vocab_size, d_model)`, random numbers with mean 0 and standard
#   deviation $1/\sqrt{d_{model}}$. Row `pad` is zero at the start.
# - `forward(ids)` takes a batch of ids `(batch, length)` and returns `(batch, length, d_model)`: the rows of the ids,
#   **times $\sqrt{d_{model}}$**.
# - The lookup sends no gradient to the row `pad`, so the lookup never moves it. (In lesson 7 the table of
#   the target words is used a second time, for the output; there its padding row does move.)
#
# Useful: `torch.randn(rows, columns)` draws numbers with mean 0 and standard deviation 1. `F.embedding(ids, table)` is
# your `embed` for tensors. It has an argument for the last point: see `help(F.embedding)`.
#
# With `d_model = 4` every row is doubled: if row 1 of `weight` is `[1, 2, 3, 4]`, then the id 1 gives `[2, 4, 6, 8]`.
#
# <!-- hints: TokenEmbedding -->
# <details>
# <summary>Hint 1</summary>
#
# Divide the numbers of `torch.randn` to get the required standard deviation, set the pad row to zero, and only then wrap the tensor in an `nn.Parameter`. In `forward`, look the rows up with `F.embedding`; its argument `padding_idx` keeps one row free of gradients.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `F.embedding(ids, table, padding_idx=...)` gives the rows and sends no gradient to the row `padding_idx`. Multiply what it returns by `math.sqrt` of the width. The attribute must be called `weight`.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "TokenEmbedding", "locked": false, "schema_version": 3, "solution": true, "task": false}
class TokenEmbedding(nn.Module):
    """Looks up rows of a learned table and multiplies them by sqrt(d_model)."""

    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__()
        ### BEGIN SOLUTION
        self.d_model = d_model
        self.pad = pad
        weight = torch.randn(vocab_size, d_model) / math.sqrt(d_model)
        weight[pad] = 0
        self.weight = nn.Parameter(weight)
        ### END SOLUTION

    def forward(self, ids):
        ### BEGIN SOLUTION
        rows = F.embedding(ids, self.weight, padding_idx=self.pad)
        return rows * math.sqrt(self.d_model)
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_TokenEmbedding", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("TokenEmbedding")

# %% [markdown]
# Why is the mean 0? Some blog posts draw the initial embeddings from between 0 and 1. Then all vectors point into the
# same corner of space, and the words look alike before training has begun. We measure this with the cosine, which is 1
# for the same direction and 0 for directions that have nothing in common:

# %%
rng = np.random.default_rng(0)


def mean_cosine(table):
    """The mean cosine of all pairs of different rows."""
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    return ((unit @ unit.T).sum() - len(table)) / (len(table) * (len(table) - 1))


print(f"between 0 and 1:  {mean_cosine(rng.uniform(0, 1, (200, 64))):.2f}")
print(f"centred on zero:  {abs(mean_cosine(rng.normal(0, 1 / 8, (200, 64)))):.2f}")

# %% [markdown]
# ### Exercise 2.8 · `PositionalEncoding`
# <!-- facts: PositionalEncoding -->
# *the encoding as a module* · core · 4 points · about 10 minutes
# <!-- end -->
#
# Write the module `PositionalEncoding(d_model, max_length=5000, dropout=0.1)`.
# - `__init__` computes the encoding of `max_length` positions once and keeps it as a **buffer** (under any name), not
#   as a parameter.
# - `forward(x)` takes `(batch, length, d_model)`, adds the first `length` rows to every sentence, and then applies
#   dropout to the sum. Dropout sets a random fraction of the entries to zero and enlarges the others to make up for it,
#   in training mode only, so that the network does not rely on single entries. `nn.Dropout(p)`, with that fraction, is
#   a module that does this.
# - If `length` is larger than `max_length`, it raises a `ValueError` that says so.
# - Odd widths work, as in your function.
#
# `torch.from_numpy(array).float()` makes a float32 tensor, the usual type in a network, from a NumPy array. The paper
# applies this dropout in section 5.4, with the fraction 0.1.
#
# <!-- hints: PositionalEncoding -->
# <details>
# <summary>Hint 1</summary>
#
# Compute the whole table once, in `__init__`, with your `positional_encoding`, and make a float32 tensor of it. `register_buffer(name, tensor)` keeps it with the module without training it. `forward` cuts it to the length of the input, `x.shape[1]`, adds, and applies an `nn.Dropout`.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `torch.from_numpy(...).float()` makes the tensor. In `forward`, compare `x.shape[1]` with the number of rows first, and `raise ValueError(...)` with both numbers in its text. Dropout comes last, on the sum.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "PositionalEncoding", "locked": false, "schema_version": 3, "solution": true, "task": false}
class PositionalEncoding(nn.Module):
    """Adds the positional encoding to a batch (batch, length, d_model), then applies dropout."""

    def __init__(self, d_model, max_length=5000, dropout=0.1):
        super().__init__()
        ### BEGIN SOLUTION
        encoding = torch.from_numpy(positional_encoding(max_length, d_model)).float()
        self.register_buffer("encoding", encoding, persistent=False)  # computed again, never saved
        self.dropout = nn.Dropout(dropout)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        length, max_length = x.shape[1], len(self.encoding)
        if length > max_length:
            raise ValueError(f"the input has {length} rows, the encoding has {max_length}")
        return self.dropout(x + self.encoding[:length])
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_PositionalEncoding", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("PositionalEncoding")

# %% [markdown]
# Now both modules together, with the table of the running example in place of random numbers. `.eval()` leaves training
# mode, so nothing is dropped. The result has to be the `x` from above.

# %%
token_embedding, position = (
    TokenEmbedding(len(vocabulary), D_MODEL),
    PositionalEncoding(D_MODEL).eval(),
)
with torch.no_grad():
    token_embedding.weight.copy_(torch.from_numpy(EMBEDDINGS))
    by_modules = position(token_embedding(torch.from_numpy(ids)[None]))[0]

print("the same x, up to float32 rounding:", np.allclose(by_modules.numpy(), x, atol=1e-5))

# %% [markdown]
# ## The same with PyTorch's own
#
# PyTorch has `F.one_hot`, `F.embedding` and the module `nn.Embedding`. Here they are next to yours.

# %%
ids_tensor, table_tensor = torch.from_numpy(ids), torch.from_numpy(EMBEDDINGS)
print("one_hot:", np.array_equal(one_hot(ids, 10), F.one_hot(ids_tensor, 10).numpy()))
print(
    "embed:  ",
    np.array_equal(embed(ids, EMBEDDINGS), F.embedding(ids_tensor, table_tensor).numpy()),
)

torch.manual_seed(0)
mine, theirs = TokenEmbedding(1000, 64), nn.Embedding(1000, 64, padding_idx=0)
print(f"standard deviation at the start: mine {mine.weight[1:].std():.3f}, ", end="")
print(f"nn.Embedding {theirs.weight[1:].std():.3f}")

theirs.load_state_dict(mine.state_dict())  # both call their table `weight`
padded = torch.tensor([[4, 5, 6, 0, 0]])  # the last two are padding
print("mine = sqrt(64) * theirs:", torch.allclose(mine(padded), 8 * theirs(padded)))

mine(padded).sum().backward()
reached = mine.weight.grad.any(dim=1).nonzero().flatten().tolist()
print("rows with a gradient:", reached)

# %% [markdown]
# There are three things to take from this.
# - `nn.Embedding` starts with the standard deviation 1 and does not scale. Your layer starts smaller and scales, so
#   that both give numbers of the same size.
# - In `nn.Embedding`, `padding_idx` does both things: it sets the padding row to zero and keeps gradients away from it.
# - Only the rows of the words in the batch get a gradient from the lookup. (In lesson 7 the output shares the table of
#   the target words. There a softmax over all words, explained in lesson 3, sends every row a gradient in every step.)
#
# PyTorch has no module for the positional encoding. Most code on the internet computes it differently, with the
# exponential of a logarithm, in float32. It is the same formula, $10000^{-2i/d} = e^{-\ln(10000)\,2i/d}$, with one trap
# at the end of a long text:

# %%
positions = torch.arange(5000.0).unsqueeze(1)
rates = torch.exp(torch.arange(0, 512, 2) * (-math.log(10000.0) / 512))
usual = torch.sin(positions * rates).double().numpy()
difference = np.abs(usual - positional_encoding(5000, 512)[:, 0::2])
print("first 50 positions, difference below 0.00001:", bool(difference[:50].max() < 0.00001))
print("all 5,000 positions, difference below 0.0005:", bool(difference.max() < 0.0005))
print("all 5,000 positions, difference below 0.0001:", bool(difference.max() < 0.0001))

# %% [markdown]
# Near position 5,000 the angle itself is in the thousands, and a float32 keeps only about seven digits of it. That is
# harmless for a network, but it is why your module is checked with a wider tolerance there. Computing the table in
# float64 first, as your function does, avoids it.

# %% [markdown]
# ## What breaks without it
#
# ### Experiment 1: who bites whom?
#
# "the dog bites the man" and "the man bites the dog" contain the same words. Take each sentence as five vectors and
# look at the **mean** of the five.
#
# **Predict first.** Write down yes or no before you run the next cell.
# 1. Without positions: do the two sentences have different means?
# 2. With positions added: do the two sentences have different means?

# %%
predict("", "the means: different without positions? with?")


# %%
reverse = np.array(vocabulary.encode("the man bites the dog")[1:-1])


def vectors(sentence, with_positions):
    rows = math.sqrt(D_MODEL) * embed(sentence, EMBEDDINGS)
    return (
        add_positions(rows, positional_encoding(len(sentence), D_MODEL)) if with_positions else rows
    )


def largest_difference(summary, with_positions):
    gap = summary(vectors(ids, with_positions)) - summary(vectors(reverse, with_positions))
    return np.abs(gap).max()


def mean(rows):
    return rows.mean(axis=0)


print(f"means, without positions: largest difference {largest_difference(mean, False):.3f}")
print(f"means, with positions:    largest difference {largest_difference(mean, True):.3f}")
predict()

# %% [markdown]
# Zero both times! Most people expect the second to differ. Look at the sum:
#
# $$(x_0 + p_0) + (x_1 + p_1) + \dots = (x_0 + x_1 + \dots) + (p_0 + p_1 + \dots)$$
#
# The sum splits into one over words and one over positions. Who was where is lost again. So **adding positions doesn't
# help a model that only adds**. What the positions change is each *row*: "dog at 1" is now a different vector from "dog
# at 4". Something has to look at the rows before they are summed, in a way that is not linear. Here are two such ways:
# - a ReLU on each row (negative numbers become 0), then the mean;
# - an attention-like mix: dot products of all pairs of rows, turned into weights that add up to 1; each row becomes
#   the mix of all rows with these weights. (Lesson 3 builds this properly. Here it is enough that it looks at *pairs*
#   of rows.)
#
# **Predict first.** Which of these four numbers will be zero: ReLU without positions, ReLU with, mix without, mix
# with?

# %%
predict("", "which of the four numbers are zero?")


# %%
def mixing_weights(rows):
    """Dot products of all pairs of rows, turned into positive weights; each row adds up to 1."""
    powers = np.exp(rows @ rows.T / math.sqrt(D_MODEL))
    return powers / powers.sum(axis=1, keepdims=True)


def mean_after_relu(rows):
    return np.maximum(rows, 0).mean(axis=0)


def mean_after_mix(rows):
    return (mixing_weights(rows) @ rows).mean(axis=0)


print(f"{'':<18}without positions   with positions")
for name, summary in (
    ("mean", mean),
    ("mean after ReLU", mean_after_relu),
    ("mean after mix", mean_after_mix),
):
    without, with_positions = largest_difference(summary, False), largest_difference(summary, True)
    print(f"{name:<18}{without:17.3f}   {with_positions:14.3f}")
predict()

# %% [markdown]
# Without positions all three are zero. Neither the ReLU nor the mix can help: both sentences have the same five rows in
# a different order, and none of the three results depends on the order of the rows. With positions, the two ways that
# are not linear see a difference: a tiny one with ReLU, which looks at one row at a time, and one that is about fifty
# times as large with the mix, which looks at pairs.
#
# Where does the difference come from? Look at one row of weights: how much does "bites" take from each word?

# %%
by_word = {"dog": (1, 4), "man": (4, 1), "bites": (2, 2), "first the": (0, 0), "second the": (3, 3)}

# %% tags=["drawing"]
# Drawing: the weights that 'bites' gives to each word
figure, axes = new(1, 2, size=(12, 2.5))
given = []
for panel, (with_positions, title) in enumerate(
    ((False, "without positions"), (True, "with positions"))
):
    rows = []
    for number, sentence in enumerate((ids, reverse)):
        of_bites = mixing_weights(vectors(sentence, with_positions))[2]
        rows.append([of_bites[places[number]] for places in by_word.values()])
        given.append(f"{rows[-1][0]:.2f} and {rows[-1][1]:.2f} {title}, sentence {number + 1}")
    names = ["the dog bites the man", "the man bites the dog"]
    heat_map(
        axes[panel],
        rows,
        names,
        list(by_word),
        f"weights of 'bites', {title}",
        "word",
        limits=(0, 1),
    )
show(
    figure,
    alt="The weights that 'bites' gives to each word, for both sentences, first without and then "
    "with positions. To dog and man it gives " + "; ".join(given) + ".",
)

# %% [markdown]
# Without positions, "bites" takes the same amount from "dog" whether the dog comes before it or after it, and the first
# "the" cannot be told from the second. With positions, each dot product has four parts. For "bites" at 2 and "dog" at
# $p$ they are: bites · dog, bites · PE($p$), PE(2) · dog, and PE(2) · PE($p$). The two parts with $p$ in them change
# when the dog moves from 1 to 4. This is how attention comes to see order.

# %% [markdown]
# ### Experiment 2: sine and cosine exchanged
#
# Many blog posts say that exchanging sine and cosine "makes little difference". Is that so? We train a small probe: one
# linear layer that gets a row, word + position, and says at which of 8 positions the word is. Order A is the paper's
# (sine in the even columns), order B has cosine there. The words in the test never occur in training. (Training comes
# in lessons 7 and 8. Here you can skip the code and look at the result; it takes 5 to 10 seconds.)
#
# **Predict first.** Guessing is right in 1 of 8 cases, 12.5 %. What will the test give for
# 1. a probe trained with A, tested with A? And trained with B, tested with B?
# 2. a probe trained with A, tested with B?

# %%
predict("", "percent right: A with A, B with B, A with B")


# %%
torch.set_num_threads(1)  # for such small matrices one thread is the fastest
torch.manual_seed(3)
width, places = 512, 8
# 1,300 words, without <pad>
word_rows = TokenEmbedding(1301, width)(torch.arange(1, 1301)[None])[0].detach().double()
order_a = torch.from_numpy(positional_encoding(places, width))
exchanged = torch.arange(width).reshape(-1, 2).flip(1).flatten()  # 1, 0, 3, 2, 5, 4, ...
order_b = order_a[:, exchanged]


def rows_and_places(words, order):
    """Every word at every place: rows (words * places, width) and the place of each."""
    rows = (words[:, None] + order).reshape(-1, width)
    return rows, torch.arange(places).repeat(len(words))


def train_probe(order):
    torch.manual_seed(1)
    probe = nn.Linear(width, places).double()
    optimizer = torch.optim.Adam(probe.parameters(), lr=0.02)
    rows, labels = rows_and_places(word_rows[:1000], order)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(probe(rows), labels).backward()
        optimizer.step()
    return probe


def percent_right(probe, order):
    rows, labels = rows_and_places(word_rows[1000:], order)
    return 100 * (probe(rows).argmax(dim=1) == labels).double().mean().item()


trained_a, trained_b = train_probe(order_a), train_probe(order_b)
turned = nn.Linear(width, places).double()  # trained with A, then its weights get the new order too
with torch.no_grad():
    turned.weight.copy_(trained_a.weight[:, exchanged])
    turned.bias.copy_(trained_a.bias)

results = [
    [percent_right(probe, order) for order in (order_a, order_b)]
    for probe in (trained_a, trained_b, turned)
]

# %% tags=["drawing"]
# Drawing: how often the probe reads the position correctly
figure, axes = new(size=(7.5, 3.2))
trained = ["trained with A", "trained with B", "trained with A,\nthen weights exchanged"]
heat_map(
    axes,
    results,
    rows=trained,
    columns=["A", "B"],
    title="positions read correctly, in percent (guessing: 12.5)",
    x_label="order of sine and cosine in the test",
    decimals=0,
    limits=(0, 100),
)
predict()
show(
    figure,
    alt="How often the probe reads the position correctly, tested with the orders A and B: "
    + "; ".join(f"{name} {a:.0f} and {b:.0f} percent" for name, (a, b) in zip(trained, results))
    + ". Guessing is right in 12.5 percent.",
)

# %% [markdown]
# With the order it was trained on, the probe is right in about 91 % of the cases; with the other order it does hardly
# better than guessing. So these posts are right about one thing and wrong about another.
# - **For learning from scratch** the order makes no difference that matters. A new network doesn't know which column
#   is which; it learns from A as well as from B. The third row says the same: exchange the columns of the trained
#   weights along with the encoding, and nothing is lost.
# - **For weights that are already trained** it makes all the difference. They expect the sine where it was. This is a
#   common trap when you load weights into somebody else's code: no error is raised, the shapes fit, and the results are
#   bad.
#
# The same holds for an encoding with all sines in the first half and all cosines in the second, which several
# libraries use.

# %% [markdown]
# ### Experiment 3: what $\sqrt{d_{model}}$ is for
#
# The initial values have the standard deviation $1/\sqrt{d_{model}}$: they shrink as the model gets wider. The entries
# of the encoding don't. The squares of a sine and a cosine of the same angle add up to 1, so the mean square is 1/2 and
# a typical entry has the size $\sqrt{1/2} = 0.71$, at any width.
#
# **Predict first.** With `d_model = 512` and *without* the factor: which of the two is larger in the sum, the word or
# the position? By what factor?

# %%
predict("", "word or position, and how many times larger?")


# %%
print(" d_model   embedding   times sqrt(d_model)   encoding    (typical size of an entry)")
for width in (6, 64, 512):
    torch.manual_seed(0)
    start = TokenEmbedding(3000, width).weight.detach()[1:].double()
    size = start.square().mean().sqrt().item()
    of_encoding = math.sqrt((positional_encoding(100, width) ** 2).mean())
    print(f"{width:8d}{size:12.3f}{size * math.sqrt(width):20.3f}{of_encoding:11.3f}")


def cosine(left, right):
    return float(left @ right / np.linalg.norm(left) / np.linalg.norm(right))


two_words, of_positions = start[:2].numpy(), positional_encoding(100, 512)
print("\ncosine of two rows, d_model = 512                without   with the factor")
for name, (word_1, place_1), (word_2, place_2) in (
    ("the same word, at positions 3 and 40", (0, 3), (0, 40)),
    ("two different words, both at position 3", (0, 3), (1, 3)),
):
    found = [
        cosine(
            f * two_words[word_1] + of_positions[place_1],
            f * two_words[word_2] + of_positions[place_2],
        )
        for f in (1, math.sqrt(512))
    ]
    print(f"{name:<45}{found[0]:11.3f}{found[1]:18.3f}")
predict()

# %% [markdown]
# Without the factor the position is 16 times as large as the word. Two *different* words at the same position are then
# almost the same vector (cosine 0.996), more alike than the same word at two positions (0.547). With the factor the
# word is a little larger than the position, and both can be read.
#
# The paper gives no reason for the factor. There is a good reason, though, for initial values this small: the same
# table is used once more at the end of the model, to score every word of the vocabulary (lesson 7), and there rows of
# length about 1 are the right size. One table, two uses: small for the output, scaled up for the input.

# %% [markdown]
# ## Recap
#
# - An id is a name, not a quantity. One-hot times table is a lookup, and a lookup is a linear layer.
# - The encoding gives every position a row of sines and cosines: fast pairs tell neighbours apart, slow pairs tell
#   distant positions apart. Both columns of a pair share one angle.
# - A shift by $k$ positions is one rotation, the same everywhere; dot products of encodings depend only on the
#   distance.
# - Word and position are **added**. A sum over rows is still blind to order; what looks at rows or pairs in a way
#   that is not linear can see it.
# - A table that is learned is a parameter; a table that is computed is a buffer. The row of the padding starts at zero,
#   and the lookup leaves it there.
# - $\sqrt{d_{model}}$ brings the embedding to the size of the encoding.
#
# **Next**: lesson 3 takes this `x` (5 rows, 6 columns) and lets every word look at every other word.

# %% [markdown]
# ## The paper, the blog, this code
#
# | topic | the paper | the blog | this code |
# | --- | --- | --- | --- |
# | word and position | summed (section 3.5) | a heading says "concatenating"; its numbers are added | added; the width stays `d_model` |
# | start values | not given | "between 0 and 1" | centred on zero, standard deviation $1/\sqrt{d_{model}}$ |
# | scaling | times $\sqrt{d_{model}}$ (section 3.4) | not mentioned | times $\sqrt{d_{model}}$, in `TokenEmbedding` |
# | sine and cosine | even columns sine, odd columns cosine | exchanging them "makes little difference" | the paper's order; true for learning from scratch, false for trained weights (experiment 2) |
# | the $i$ of the formula | the formula counts pairs of columns; the sentence below it says "$i$ is the dimension" (section 3.5), and that is where many readers double the exponent | not explained | counts pairs; other code often counts columns by mistake |
# | learned positions | tried, "nearly identical" results (table 3, row E) | not mentioned | the formula only |
# | what the trained table holds | not said | "the model understands context between words" | one vector for each word, the same in every sentence; context comes from attention (lesson 3) |
# | dropout on the sum | 0.1 (section 5.4) | not mentioned | 0.1, in `PositionalEncoding` |
# | padding | not mentioned | not mentioned | the row is zero, and the lookup gives it no gradient |
# | shared table | one matrix for both embeddings and the output (section 3.4) | not mentioned | lesson 7: the target embedding and the output |
