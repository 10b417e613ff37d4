# %% [markdown]
# # 7 · Masks, decoder, the whole Transformer
#
# The encoder of lesson 6 reads a sentence. What is missing is the half that *writes* one: the decoder. It produces a
# translation word by word, and as it writes it looks at two things: the words that it has written so far, and what the
# encoder has made of the sentence to be translated. That sentence is called the **source**, and the translation is the
# **target**. By the end of this lesson you'll have built the whole model of the paper and trained a small one.
#
# <!-- map: 07_decoder -->
# ![The map of the Transformer, with this lesson's parts in colour: decoder layer × N, masked attention, cross-attention, probability of each word, the next word.](figures/map.png)
# <!-- end -->
#
# **After this lesson you can**
# - make a causal mask and a padding mask, and say which attention needs which;
# - build a decoder layer, and explain where query, key and value of cross-attention come from;
# - explain why the decoder reads `ids[:, :-1]` and predicts `ids[:, 1:]`;
# - assemble the Transformer, show that it equals PyTorch's, and train it on a small task;
# - decode greedily, and recognise the loss that looks too good.
#
# **What you need**: lessons 1 to 6, above all `MultiHeadAttention` (4), `AddNorm` (5), `FeedForward` and `Encoder`
# (6). About 125 minutes.
#
# <!-- table: 07_decoder -->
# | exercise | what you build | points | minutes |
# | --- | --- | ---: | ---: |
# | 7.1 `causal_mask` | no look into the future | 2 | 4 |
# | 7.2 `padding_mask` | nobody looks at padding | 2 | 4 |
# | 7.3 `decoder_mask` | both masks together | 2 | 4 |
# | 7.4 `mask_scores` | forbidden scores become -inf | 2 | 3 |
# | 7.5 `DecoderLayer` | one layer of the decoder | 5 | 12 |
# | 7.6 `Decoder` | layer after layer | 2 | 4 |
# | 7.7 `teacher_forcing_pair` | what it reads, what it predicts | 2 | 3 |
# | 7.8 `Transformer` | the whole model | 5 | 14 |
# | 7.9 `greedy_decode` | word by word | 4 | 12 |
# <!-- end -->

# %%
import inspect
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from autograde import by_hand, check, predict
from helpers.add_norm import AddNorm, add_and_norm
from helpers.embeddings import (
    PositionalEncoding,
    TokenEmbedding,
    add_positions,
    embed,
    positional_encoding,
)
from helpers.example import (
    B_INNER,
    B_OUTER,
    D_MODEL,
    EMBEDDINGS,
    HEADS,
    SENTENCES,
    TRANSLATIONS,
    W_INNER,
    W_KEY,
    W_OUTER,
    W_OUTPUT,
    W_QUERY,
    W_VALUE,
)
from helpers.feed_forward import Encoder, FeedForward, feed_forward
from helpers.figures import heat_map, line_style, new, show
from helpers.multi_head import (
    MultiHeadAttention,
    copy_torch_attention,
    multi_head_by_hand,
)
from helpers.single_head import attention_scores, scaled_dot_product_attention, softmax
from helpers.vocabulary import Vocabulary, pad_batch, tokenize

torch.set_num_threads(1)  # for matrices as small as ours one thread is the fastest

# %% [markdown]
# ## The idea
#
# A decoder layer is an encoder layer with one more sublayer in the middle:
# 1. **masked self-attention**: each target word looks at the target words up to and including itself, never at later
#    ones;
# 2. **cross-attention**: each target word asks a question (*query*), and the source words answer (*key* and *value*);
# 3. **feed-forward**, as in the encoder.
#
# The encoder's output is called the **memory**. It is computed once, and every decoder layer looks at it. In the
# picture, $N$ is the number of layers (6 in the paper), and the add & norm after each sublayer is left out. At the top
# the model returns **logits**, one number for each word of the target vocabulary. Softmax turns them into a
# **probability distribution** over the next word: no number is below 0, and they add up to 1. A model like this, which
# reads its own words back as its next input, is called **autoregressive**.
#
# ![The whole model. On the left the source goes through embedding, position and the encoder layers and becomes the memory. On the right the target so far goes through embedding, position and the decoder layers, each with masked self-attention, cross-attention and feed-forward. Cross-attention takes key and value from the memory and the query from the decoder. At the top, the target embedding turns rows into logits of the next words.](figures/whole_model.png)
#
# Follow the two arrows that meet in cross-attention. **Query from the decoder, key and value from the encoder.** Many
# blog posts say that the encoder's output serves the decoder "as query and key". Count rows, and you see that this
# can't be right: attention returns a row for each *query*, and the decoder needs a row for each *target* word, so the
# queries must be its own. A key and its value, in turn, must belong to the same word: whoever matches the key of "dog"
# has to get the value of "dog". So key and value both come from the memory.

# %% [markdown]
# ## The numbers by hand
#
# ### Masked self-attention
#
# Lesson 3 computed the scores of one attention head for "the dog bites the man". Here they are again, this time with
# the future hidden: the score of query $i$ with key $j$ is replaced by $-\infty$ wherever $j > i$.

# %%
tokens = SENTENCES[0].split()
vocabulary = Vocabulary(SENTENCES)
ids = np.array(vocabulary.encode(SENTENCES[0])[1:-1])
x = add_positions(
    math.sqrt(D_MODEL) * embed(ids, EMBEDDINGS), positional_encoding(len(ids), D_MODEL)
)

scores = attention_scores(x @ W_QUERY, x @ W_KEY)
hidden = np.where(np.tril(np.ones((5, 5), dtype=bool)), scores, -np.inf)


def table(names, numbers):
    for name, row in zip(names, numbers, strict=True):
        print(f"{name:<7}", " ".join(f"{number:7.3f}" for number in row))


print("scores, the future hidden:")
table(tokens, hidden)

# %% [markdown]
# What are the attention weights?
# - The first row has a single score left. Whatever it is, its weight is 1: the first word looks only at itself.
# - The third row has three scores left, $a$, $b$ and $c$. The weight of "the" is $e^a / (e^a + e^b + e^c)$, and so on.
#   The two hidden words enter with $e^{-\infty} = 0$: they receive no weight, and they add nothing to the sum. Compute
#   all five weights. (Two decimals are enough, here and below.)

# %%
by_hand("weights of bites, the future hidden", ...)

# %%
print("attention weights:")
table(tokens, softmax(hidden))

# %% [markdown]
# The last row sees everything, so it is the row of lesson 3, unchanged. Every row adds up to 1, because the scores were
# masked *before* the softmax.
#
# ### Cross-attention
#
# The next cell prints the memory: the output of the encoder layer at the end of lesson 6, five rows, one for each
# source word. Two target words query it. Their rows are made by hand and as plain as can be: the first has a 1 in
# column 2, which is large for nouns, and the second has a 1 in column 4, which is large for verbs. The matrices for
# query, key and value are those of head 1 again.


# %%
ones, zeros = np.ones(D_MODEL), np.zeros(D_MODEL)
after_attention = add_and_norm(x, multi_head_by_hand(x, HEADS, W_OUTPUT), ones, zeros)
network = feed_forward(after_attention, W_INNER, B_INNER, W_OUTER, B_OUTER)
memory = add_and_norm(after_attention, network, ones, zeros)

target = np.eye(D_MODEL)[[2, 4]]  # (2, 6): two target words
query, key, value = target @ W_QUERY, memory @ W_KEY, memory @ W_VALUE
found, weights = scaled_dot_product_attention(query, key, value)

print("memory:")
table(tokens, memory)
print("\nqueries of the two target words:")
table(("noun", "verb"), query)

# %% [markdown]
# The noun's query is $(0, 1, 0)$, so its score with a source word is entry 1 of that word's key, divided by $\sqrt{3}$
# (we count entries and columns from 0, as Python does). Entry 1 of a key is column 4 of the memory. What is the score
# of the noun with "bites"?

# %%
by_hand("score of noun and bites", ...)

# %%
print("attention weights, one column for each source word:")
print(" " * 8 + " ".join(f"{token:>7}" for token in tokens))
table(("noun", "verb"), weights)
print("\noutput of the head:")
table(("noun", "verb"), found)

# %% [markdown]
# Your score is the largest of the noun's five, and "bites" receives the largest weight: the noun finds the verb, and
# finds it in another sentence. The verb finds the two nouns.
#
# Two rows ask, five rows answer, and **two** rows come out. No score is masked, because the whole source is known from
# the start. (The weights are less clear-cut than in lesson 3, because the encoder has mixed something of the other
# words into every row.)

# %% [markdown]
# ## Masks
#
# A mask is boolean, **True = may attend**. Its last two axes are queries and keys.

# %% [markdown]
# ### Exercise 7.1 · `causal_mask`
# <!-- facts: causal_mask -->
# *no look into the future* · core · 2 points · about 4 minutes
# <!-- end -->
#
# Write `causal_mask(length)`: a boolean tensor `(length, length)`, True on and below the diagonal. Row $i$ is a query
# and column $j$ a key: token $i$ may look at itself and at whatever comes before it.
#
# ```
# causal_mask(3)   gives   [[ True, False, False],
#                           [ True,  True, False],
#                           [ True,  True,  True]]
# ```
#
# <!-- hints: causal_mask -->
# <details>
# <summary>Hint 1</summary>
#
# Rows are queries, columns are keys. Row 0 may see column 0, row 1 may see columns 0 and 1, and so on: everything on and below the diagonal. PyTorch has a method that keeps this part of a matrix.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# Start from a square matrix of True, `torch.ones(..., dtype=torch.bool)`; `tril` sets what is above the diagonal to False. Comparing two `torch.arange(length)`, one as a column, works as well.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "causal_mask", "locked": false, "schema_version": 3, "solution": true, "task": false}
def causal_mask(length):
    """A boolean tensor (length, length), True on and below the diagonal."""
    ### BEGIN SOLUTION
    return torch.ones(length, length, dtype=torch.bool).tril()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_causal_mask", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("causal_mask")

# %% [markdown]
# The sentences in a batch have different lengths; short ones are padded with `<pad>`, id 0. Padding isn't a word, and
# nobody should look at it, so it needs a mask, too. That mask depends on the ids, so it has a batch axis.

# %% [markdown]
# ### Exercise 7.2 · `padding_mask`
# <!-- facts: padding_mask -->
# *nobody looks at padding* · core · 2 points · about 4 minutes
# <!-- end -->
#
# Write `padding_mask(ids, pad=0)`. `ids` is an int64 tensor `(batch, length)`. The result is boolean,
# `(batch, 1, length)`: True at real tokens, wherever the padding is. The 1 in the middle is the axis of the queries,
# and it serves them all: a key is either padding or not, whoever asks.
#
# ```
# padding_mask(torch.tensor([[1, 4, 2, 0]]))   gives   [[[True, True, True, False]]]
# ```
#
# <!-- hints: padding_mask -->
# <details>
# <summary>Hint 1</summary>
#
# Compare all ids with `pad` at once: the result is a boolean tensor `(batch, length)`. It says something about *keys*, the last axis of the scores. Which axis is still missing for the queries?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `!=` compares entry by entry. `unsqueeze(1)` puts an axis of size 1 between batch and length; broadcasting repeats it for all queries.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "padding_mask", "locked": false, "schema_version": 3, "solution": true, "task": false}
def padding_mask(ids, pad=0):
    """ids (batch, length) to a boolean tensor (batch, 1, length), True at real tokens."""
    ### BEGIN SOLUTION
    return (ids != pad).unsqueeze(1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_padding_mask", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("padding_mask")

# %% [markdown]
# ### Exercise 7.3 · `decoder_mask`
# <!-- facts: decoder_mask -->
# *both masks together* · core · 2 points · about 4 minutes
# <!-- end -->
#
# Write `decoder_mask(ids, pad=0)`: both masks together, `(batch, length, length)`. A token may look at a key if the key
# is a real token **and** doesn't come later. Only *keys* are masked for padding. Leave the row of a padded query as
# these two rules make it: what such a query finds is never used.
#
# ```
# decoder_mask(torch.tensor([[1, 4, 0]]))   gives   [[[ True, False, False],
#                                                     [ True,  True, False],
#                                                     [ True,  True, False]]]
# ```
#
# <!-- hints: decoder_mask -->
# <details>
# <summary>Hint 1</summary>
#
# You have two masks: one of shape (batch, 1, length), one of shape (length, length). A key may be seen if the first *and* the second allow it. Broadcasting brings the shapes together.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `&` combines boolean tensors entry by entry. The length is `ids.shape[1]`. Pass `pad` on.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "decoder_mask", "locked": false, "schema_version": 3, "solution": true, "task": false}
def decoder_mask(ids, pad=0):
    """ids (batch, length) to a boolean tensor (batch, length, length): the keys that count."""
    ### BEGIN SOLUTION
    return padding_mask(ids, pad) & causal_mask(ids.shape[1]).to(ids.device)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_decoder_mask", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("decoder_mask")

# %% [markdown]
# The next cell takes two Korean translations from the running example. The first is 개가 남자를 물어요, word for word *dog-SUBJ
# man-OBJ bites*: `SUBJ` and `OBJ` stand for the endings that say who bites whom. The second is 고양이가 자요, *cat-SUBJ
# sleeps*; it is shorter, so it is padded with one `<pad>`.

# %%
korean = Vocabulary(TRANSLATIONS)
batch, _ = pad_batch([korean.encode(TRANSLATIONS[0]), korean.encode(TRANSLATIONS[2])])
print(batch)

# %% tags=["drawing"]
# Drawing: three masks of the second sentence
names = ["<bos>", "고양이가\ncat-SUBJ", "자요\nsleeps", "<eos>", "<pad>"]
figure, axes = new(1, 3, size=(13, 3.9))
panels = (
    (padding_mask(batch)[1].expand(5, 5), "padding_mask: which key is real?"),
    (causal_mask(5), "causal_mask: not after the query"),
    (decoder_mask(batch)[1], "decoder_mask: both"),
)
for panel, (mask, title) in zip(axes, panels, strict=True):
    heat_map(panel, mask, names, names, title, "key", "query", decimals=0, limits=(0, 1))
show(
    figure,
    alt="Three heat maps of the sentence <bos> 고양이가 (cat) 자요 (sleeps) <eos> <pad>, queries in the "
    "rows, keys in the columns, 1 = may attend. "
    + "; ".join(
        f"{title.partition(':')[0]} "
        + ", ".join("".join(str(int(allowed)) for allowed in row) for row in mask)
        for mask, title in panels
    )
    + ".",
)

# %% [markdown]
# Which attention gets which mask?
#
# | attention | queries | keys | mask |
# | --- | --- | --- | --- |
# | encoder, self-attention | source | source | `padding_mask(source)` |
# | decoder, self-attention | target | target | `decoder_mask(target)` |
# | decoder, cross-attention | target | **source** | `padding_mask(source)` |
#
# A mask always says something about the keys. In cross-attention the keys are source words, and the whole source is
# known, so there is no causal mask.

# %% [markdown]
# ### Exercise 7.4 · `mask_scores`
# <!-- facts: mask_scores -->
# *forbidden scores become -inf* · core · 2 points · about 3 minutes
# <!-- end -->
#
# The first thing that a mask does inside attention is to rule out scores. Write `mask_scores(scores, mask)`: it returns
# the scores, with `-inf` wherever the mask is False. `scores` is a tensor `(..., n_queries, n_keys)`; `mask` is
# boolean and can be broadcast to it. The scores that are passed in stay as they are.
#
# ```
# scores = [[1.0, 2.0, 3.0]]     mask = [[True, False, True]]
# mask_scores(scores, mask)   gives   [[1.0, -inf, 3.0]]
# ```
#
# <!-- hints: mask_scores -->
# <details>
# <summary>Hint 1</summary>
#
# `masked_fill(condition, number)` gives a new tensor with the number wherever the condition is True. When does a score have to be replaced: where the mask is True, or where it is False?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `~mask` is the opposite of a boolean mask. The number is `-math.inf`. Without the underscore at the end of its name, `masked_fill` leaves its tensor as it is.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "mask_scores", "locked": false, "schema_version": 3, "solution": true, "task": false}
def mask_scores(scores, mask):
    """-inf where a query may not attend; scores (..., n_queries, n_keys)."""
    ### BEGIN SOLUTION
    return scores.masked_fill(~mask, -math.inf)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_mask_scores", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("mask_scores")

# %% [markdown]
# Many blog posts fill in "a large negative number" instead. With ordinary scores that works as well. It fails when a
# row has nothing at all to attend to: all the scores of that row are then equal, and equal scores, however negative,
# give equal attention weights.

# %%
row = torch.tensor([[2.0, 1.0, 0.5]])
nothing = torch.tensor([[False, False, False]])
print("-1e9:", torch.softmax(row.masked_fill(~nothing, -1e9), dim=-1))
print("-inf:", torch.softmax(mask_scores(row, nothing), dim=-1))

# %% [markdown]
# Neither is good: the first silently attends to forbidden words, and the second gives NaN, which you'll at least
# notice. For such a row your `MultiHeadAttention` returns zeros, as `attention_weights` does in lesson 3.

# %% [markdown]
# ## The decoder
#
# The decoder layer brings together everything you've built since lesson 4.

# %% [markdown]
# ### Exercise 7.5 · `DecoderLayer`
# <!-- facts: DecoderLayer -->
# *one layer of the decoder* · core · 5 points · about 12 minutes
# <!-- end -->
#
# Complete `DecoderLayer(d_model, num_heads, d_ff, dropout=0.1)`. It has these parts:
#
# - `self_attention`, a `MultiHeadAttention`, then `add_norm_1`, an `AddNorm`;
# - `cross_attention`, a `MultiHeadAttention`, then `add_norm_2`;
# - `feed_forward`, a `FeedForward`, then `add_norm_3`.
#
# This is how the parts are made (leave out the third argument of the attentions, the bias):
#
# ```
# MultiHeadAttention(embed_dim, num_heads, bias=False)      AddNorm(embed_dim, dropout=0.1)
# FeedForward(d_model, d_ff, dropout=0.1)
# ```
#
# Pass the layer's `dropout` to each part that takes one.
#
# `forward(x, memory, self_mask=None, cross_mask=None)`: `x` is `(batch, n_target, d_model)`, `memory` is
# `(batch, n_source, d_model)`. The result has the shape of `x`. In cross-attention the queries come from the output of
# the first add & norm, and the keys and values from the memory. `self_mask` is for self-attention, `cross_mask` for
# cross-attention; `None` masks nothing. The layer returns only its output. This is how the parts are called:
#
# ```
# attention(query_input, key_input=None, value_input=None, mask=None, need_weights=True)   gives   (output, weights)
# add_norm(x, sublayer_output)   gives   x + sublayer_output, normalized
# feed_forward(x)                gives   the shape of x
# ```
#
# <!-- hints: DecoderLayer -->
# <details>
# <summary>Hint 1</summary>
#
# Three sublayers, each followed by its own add & norm, as in `EncoderLayer`. You know the first and the third from there. The second takes its queries from the result of the first, and its keys and values from `memory`.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `attention(query_input, key_input, value_input, mask=...)` returns two things; the output is the first. An `add_norm` takes the sublayer's *input* first, then the sublayer's output. `self_mask` belongs to the first sublayer, `cross_mask` to the second. `AddNorm` and `FeedForward` take the dropout.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "DecoderLayer", "locked": false, "schema_version": 3, "solution": true, "task": false}
class DecoderLayer(nn.Module):
    """Masked self-attention, cross-attention, feed-forward, each followed by add & norm."""

    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        ### BEGIN SOLUTION
        self.self_attention = MultiHeadAttention(d_model, num_heads)
        self.add_norm_1 = AddNorm(d_model, dropout)
        self.cross_attention = MultiHeadAttention(d_model, num_heads)
        self.add_norm_2 = AddNorm(d_model, dropout)
        self.feed_forward = FeedForward(d_model, d_ff, dropout)
        self.add_norm_3 = AddNorm(d_model, dropout)
        ### END SOLUTION

    def forward(self, x, memory, self_mask=None, cross_mask=None):
        """x (batch, n_target, d_model), memory (batch, n_source, d_model); returns the shape of
        x."""
        ### BEGIN SOLUTION
        attended, _ = self.self_attention(x, mask=self_mask, need_weights=False)
        x = self.add_norm_1(x, attended)
        attended, _ = self.cross_attention(x, memory, memory, mask=cross_mask, need_weights=False)
        x = self.add_norm_2(x, attended)
        return self.add_norm_3(x, self.feed_forward(x))
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_DecoderLayer", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check("DecoderLayer")

# %% [markdown]
# The shapes tell the story: 4 target words, 5 source words, and attention weights between them. Each row (a target
# word) spreads its attention over the five source words.

# %%
torch.manual_seed(0)
layer = DecoderLayer(d_model=6, num_heads=2, d_ff=12).eval()
target_rows, source_rows = torch.randn(1, 4, 6), torch.randn(1, 5, 6)
with torch.no_grad():
    output = layer(target_rows, source_rows, causal_mask(4))
    _, weights = layer.cross_attention(target_rows, source_rows, source_rows)
print("output:                  ", tuple(output.shape), "(batch, n_target, d_model)")
print("weights, cross-attention:", tuple(weights.shape), "(batch, heads, n_target, n_source)")
print(
    "sums of its rows, head 1: ", [round(total, 4) for total in weights[0, 0].sum(dim=-1).tolist()]
)

# %% [markdown]
# ### Exercise 7.6 · `Decoder`
# <!-- facts: Decoder -->
# *layer after layer* · core · 2 points · about 4 minutes
# <!-- end -->
#
# Complete `Decoder(num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1)`. `layers` holds `num_layers`
# decoder layers with this `dropout`, each with its own parameters, which are parameters of the decoder, too.
# `forward(x, memory, self_mask=None, cross_mask=None)` sends `x` through all of them, one after the other. Every layer
# receives the same memory and the same masks.
#
# <!-- hints: Decoder -->
# <details>
# <summary>Hint 1</summary>
#
# This is `Encoder` from lesson 6 once more, with decoder layers. Every layer reads the output of the layer before it; the memory and the masks are the same for all.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `nn.ModuleList(... for _ in range(num_layers))` makes a new layer each time and registers it. In `forward`, a loop over the layers replaces `x` by the layer's output.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "Decoder", "locked": false, "schema_version": 3, "solution": true, "task": false}
class Decoder(nn.Module):
    """`num_layers` decoder layers, one after the other."""

    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        ### BEGIN SOLUTION
        self.layers = nn.ModuleList(
            DecoderLayer(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)
        )
        ### END SOLUTION

    def forward(self, x, memory, self_mask=None, cross_mask=None):
        """As in DecoderLayer."""
        ### BEGIN SOLUTION
        for layer in self.layers:
            x = layer(x, memory, self_mask, cross_mask)
        return x
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_Decoder", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("Decoder")

# %% [markdown]
# ## Teacher forcing
#
# How does a decoder learn? When it translates, it will have to read its *own* words. In training it reads the *right*
# words: at every position, the correct translation up to that point. Its task is always to predict the next word. This
# is called **teacher forcing**. Thanks to the causal mask, all positions of a sentence are trained **at the same
# time**, in a single pass. (It is often said that the decoder works one word at a time. That is true when it
# translates, but not in training.)
#
# ![Two time lines for the Korean translation of the dog bites the man. Above, training: the decoder reads begin, dog, man, bites all at once, and in the same pass predicts dog, man, bites, end; every prediction is compared with the right word. Below, translating: four passes, one after the other; in each the decoder reads all words so far, and the word that it writes, dog, man, bites, end, is read in the next pass.](figures/teacher_forcing.png)
#
# Here it is with the ids of 개가 남자를 물어요 (*dog-SUBJ man-OBJ bites*):
#
# | position | 0 | 1 | 2 | 3 | 4 | |
# | --- | --- | --- | --- | --- | --- | --- |
# | whole sentence | `<bos>` 1 | 개가 5 | 남자를 6 | 물어요 4 | `<eos>` 2 | |
# | the decoder reads | `<bos>` 1 | 개가 5 | 남자를 6 | 물어요 4 | | `ids[:, :-1]` |
# | it must predict | 개가 5 | 남자를 6 | 물어요 4 | `<eos>` 2 | | `ids[:, 1:]` |
#
# Read it column by column. At position 0 the decoder reads `<bos>` and has to say 개가 (dog). At position 3 it has read
# everything and has to say `<eos>`; that is how it learns to stop. The *last* word is never read, since nothing comes
# after it. The *first*, `<bos>`, is never predicted, since nothing comes before it. That is all there is to `[:, :-1]`
# and `[:, 1:]`.
#
# What about a shorter sentence, with padding? 고양이가 자요 (*cat-SUBJ sleeps*) is `1 9 10 2 0`. The decoder reads `1 9 10 2`
# and predicts `9 10 2 0`. Here `<eos>` is read after all, at the position whose label is padding. That does no harm:
# labels that are padding are left out of the loss (`ignore_index=0`). There is no need to remove `<eos>` from the
# input, though many texts do.

# %% [markdown]
# ### Exercise 7.7 · `teacher_forcing_pair`
# <!-- facts: teacher_forcing_pair -->
# *what it reads, what it predicts* · core · 2 points · about 3 minutes
# <!-- end -->
#
# Write `teacher_forcing_pair(ids)`. `ids` is `(batch, length)`, each row with `<bos>` and `<eos>`. Return two tensors
# of shape `(batch, length - 1)`: what the decoder reads, and the labels.
#
# ```
# teacher_forcing_pair(torch.tensor([[1, 5, 6, 4, 2]]))   gives   [[1, 5, 6, 4]]   and   [[5, 6, 4, 2]]
# ```
#
# <!-- hints: teacher_forcing_pair -->
# <details>
# <summary>Hint 1</summary>
#
# Write the ids of one sentence twice, one below the other, the second time shifted by one position to the left. Which columns have a partner?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `ids[:, a:b]` selects columns and keeps all rows. The decoder reads everything except the last column; the labels are everything except the first.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "teacher_forcing_pair", "locked": false, "schema_version": 3, "solution": true, "task": false}
def teacher_forcing_pair(ids):
    """ids (batch, length) to (decoder_input, labels), both (batch, length - 1)."""
    ### BEGIN SOLUTION
    return ids[:, :-1], ids[:, 1:]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_teacher_forcing_pair", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("teacher_forcing_pair")

# %%
decoder_input, labels = teacher_forcing_pair(batch)
for name, rows in (("reads", decoder_input), ("predicts", labels)):
    for row in rows.tolist():
        print(f"{name:<9}", row)

# %% [markdown]
# ## The whole Transformer
#
# Two things are still missing.
#
# **The output.** The decoder returns a row of width `d_model` for each position. What we want is a logit for each word
# of the target vocabulary. The paper uses the embedding table a second time: a word's logit is the dot product of the
# decoder's row and that word's row of the table. Input and output share one matrix (their weights are *tied*), and
# there is no bias.
#
# **The initial values.** The paper doesn't give them. We make the usual choice: every matrix of the encoder and the
# decoder starts *Xavier-uniform*. Its entries are drawn evenly between $-b$ and $b$, with
# $b = \sqrt{6 / (\text{rows} + \text{columns})}$, which keeps the numbers that pass through about the same size from
# layer to layer. The embeddings keep the values that `TokenEmbedding` gives them.

# %% [markdown]
# ### Exercise 7.8 · `Transformer`
# <!-- facts: Transformer -->
# *the whole model* · core · 5 points · about 14 minutes
# <!-- end -->
#
# Complete `Transformer(source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1,
# pad=0)`. Its parts:
#
# - `source_embedding` and `target_embedding`, each a `TokenEmbedding` with that vocabulary size and `pad`;
# - `position`, one `PositionalEncoding` for both, with the model's `dropout`;
# - `encoder` and `decoder`, each with `num_layers` layers and the model's `dropout`;
# - `pad`, the id of the padding, kept for the masks.
#
# There are no other parameters: the output uses the table of `target_embedding`. When the model is made, every
# parameter of `encoder` and `decoder` with more than one axis is initialised with `nn.init.xavier_uniform_`. There are
# three methods:
#
# - `encode(source)`: ids `(batch, n_source)` to the memory `(batch, n_source, d_model)`;
# - `decode(target_input, memory, source)`: ids `(batch, n_target)` to logits `(batch, n_target, target_size)`. `source`
#   is needed for the mask of cross-attention. The mask of self-attention is the `decoder_mask` of `target_input`;
# - `forward(source, target_input)`: both, one after the other.
#
# The logits are the product with the target embedding's `weight` itself, without a factor $\sqrt{d_{model}}$. (The row
# of `<pad>` is 0 at the start, so its logit is 0, too.) Logits at padded target positions don't count.
#
# `TokenEmbedding` already multiplies by $\sqrt{d_{model}}$. The parts are made and called like this:
#
# ```
# TokenEmbedding(vocab_size, d_model, pad=0)           embedding(ids)
# PositionalEncoding(d_model, max_length=5000, dropout=0.1)          position(x)
# Encoder(num_layers, d_model, num_heads, d_ff, dropout)             encoder(x, mask=None)
# Decoder(num_layers, d_model, num_heads, d_ff, dropout)             decoder(x, memory, self_mask=None, cross_mask=None)
# ```
#
# <!-- hints: Transformer -->
# <details>
# <summary>Hint 1</summary>
#
# `encode` is three parts in a row: `source_embedding`, `position`, `encoder` with the padding mask of the source. `decode` is the same with the target's parts; the decoder also gets the memory and two masks. Which mask belongs to which ids? The logits are a matrix product with the table of the target embedding.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `F.linear(x, weight)` is x times the transposed weight; `self.target_embedding.weight` has a row for each word. `self.decoder(x, memory, ...)` takes the `decoder_mask` of the target input and the `padding_mask` of the source, both with `self.pad`. For the initial values, go through the `parameters()` of encoder and decoder and pass each one with `dim() > 1` to `nn.init.xavier_uniform_`.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "Transformer", "locked": false, "schema_version": 3, "solution": true, "task": false}
class Transformer(nn.Module):
    """The whole model: ids of a source sentence and of the target so far, to logits of the next
    target words."""

    def __init__(
        self,
        source_size,
        target_size,
        d_model=512,
        num_heads=8,
        num_layers=6,
        d_ff=2048,
        dropout=0.1,
        pad=0,
    ):
        super().__init__()
        ### BEGIN SOLUTION
        self.pad = pad
        self.source_embedding = TokenEmbedding(source_size, d_model, pad)
        self.target_embedding = TokenEmbedding(target_size, d_model, pad)
        self.position = PositionalEncoding(d_model, dropout=dropout)
        self.encoder = Encoder(num_layers, d_model, num_heads, d_ff, dropout)
        self.decoder = Decoder(num_layers, d_model, num_heads, d_ff, dropout)
        for part in (self.encoder, self.decoder):
            for parameter in part.parameters():
                if parameter.dim() > 1:
                    nn.init.xavier_uniform_(parameter)
        ### END SOLUTION

    def encode(self, source):
        """(batch, n_source) to the memory (batch, n_source, d_model)."""
        ### BEGIN SOLUTION
        x = self.position(self.source_embedding(source))
        return self.encoder(x, padding_mask(source, self.pad))
        ### END SOLUTION

    def decode(self, target_input, memory, source):
        """(batch, n_target) and the memory to logits (batch, n_target, target_size)."""
        ### BEGIN SOLUTION
        x = self.position(self.target_embedding(target_input))
        x = self.decoder(
            x, memory, decoder_mask(target_input, self.pad), padding_mask(source, self.pad)
        )
        return F.linear(x, self.target_embedding.weight)  # (batch, n_target, target_size)
        ### END SOLUTION

    def forward(self, source, target_input):
        """Both ids to logits."""
        ### BEGIN SOLUTION
        return self.decode(target_input, self.encode(source), source)
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_Transformer", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check("Transformer")

# %% [markdown]
# This is the model of the paper. For its base size the paper counts 65 million parameters, with one table of 37,000
# words for source and target together. This code counts 63 million with one table, and 82 million with two.

# %% [markdown]
# ### The same with PyTorch's own
#
# PyTorch has all the layers in a single module, `nn.Transformer`, without the embeddings and the output. Three
# differences would keep the numbers from being equal:
# - its attentions have biases: we set them to zero;
# - it adds one more layer normalization at the end of the encoder and of the decoder: we remove both;
# - its masks mean the opposite, **True = hidden**: we pass `~mask`.

# %% tags=["measured"]
torch.manual_seed(1)
mine = Transformer(
    source_size=11, target_size=13, d_model=12, num_heads=2, num_layers=2, d_ff=20, dropout=0.0
)
theirs = nn.Transformer(12, 2, 2, 2, dim_feedforward=20, dropout=0.0, batch_first=True)
theirs.encoder.norm = theirs.decoder.norm = None


def copy_layer(my_layer, my_attentions, their_layer, their_attentions):
    """Copy the weights of one of PyTorch's layers into one of ours."""
    for my_part, their_part in zip(my_attentions, their_attentions, strict=True):
        nn.init.zeros_(their_part.in_proj_bias)
        nn.init.zeros_(their_part.out_proj.bias)
        copy_torch_attention(my_part, their_part)
    my_layer.feed_forward.inner.load_state_dict(their_layer.linear1.state_dict())
    my_layer.feed_forward.outer.load_state_dict(their_layer.linear2.state_dict())
    for number in range(1, len(my_attentions) + 2):
        norm = getattr(their_layer, f"norm{number}")
        getattr(my_layer, f"add_norm_{number}").norm.load_state_dict(
            {"gamma": norm.weight, "beta": norm.bias}
        )


for layer, other in zip(mine.encoder.layers, theirs.encoder.layers, strict=True):
    copy_layer(layer, [layer.attention], other, [other.self_attn])
for layer, other in zip(mine.decoder.layers, theirs.decoder.layers, strict=True):
    copy_layer(
        layer,
        [layer.self_attention, layer.cross_attention],
        other,
        [other.self_attn, other.multihead_attn],
    )

source = torch.tensor([[1, 4, 5, 6, 4, 7, 2], [1, 4, 8, 9, 2, 0, 0]])
with torch.no_grad():
    rows = theirs(
        mine.position(mine.source_embedding(source)),
        mine.position(mine.target_embedding(decoder_input)),
        tgt_mask=~causal_mask(decoder_input.shape[1]),
        src_key_padding_mask=source == 0,
        tgt_key_padding_mask=decoder_input == 0,
        memory_key_padding_mask=source == 0,
    )
    logits_of_theirs = rows @ mine.target_embedding.weight.T
    logits = mine(source, decoder_input)

print("logits:", tuple(logits.shape))
print(
    f"largest of the logits {logits.abs().max():.2f}, "
    f"largest difference {(logits - logits_of_theirs).abs().max():.0e}"
)

# %% [markdown]
# ## A model that learns
#
# Here is a task that needs a real decoder: read a number, digit by digit, and write it in English words.
#
# ```
# 4 0 7 2   ->   four thousand seventy two
# 1 1 6     ->   one hundred sixteen
# ```
#
# Source and target differ in length and vocabulary, and no word of the output belongs to a fixed position of the input.
# There are 10,000 numbers. We train on 9,500 of them; the other 500 are **held out**, which means that they are never
# seen in training. The vocabularies are made from the training sentences only.

# %%
ONES = tokenize(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
TENS = tokenize("twenty thirty forty fifty sixty seventy eighty ninety")


def digits(number):
    return " ".join(str(number))


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


order = torch.randperm(10000, generator=torch.Generator().manual_seed(0))
held_out, for_training = order[:500], order[500:]
digit_words = Vocabulary(digits(number) for number in for_training.tolist())
number_words = Vocabulary(in_words(number) for number in for_training.tolist())
sources, _ = pad_batch([digit_words.encode(digits(number)) for number in range(10000)])
targets, _ = pad_batch([number_words.encode(in_words(number)) for number in range(10000)])

for number in (4072, 116):
    print(f"{digits(number)}  ->  {in_words(number)}")
    print("   source", sources[number].tolist())
    print("   target", targets[number].tolist())
print("words:", len(digit_words), "and", len(number_words))

# %% [markdown]
# The training loop is short. In each step 128 numbers are drawn at random; the decoder reads the right words and
# predicts the next ones. The **loss**, `cross_entropy`, says how bad that was: it is minus the logarithm of the
# probability that the model gives to the right word, averaged over all labels that aren't padding. An **optimizer**,
# here Adam, moves each parameter a little in the direction in which the loss falls. How far it moves is set by the
# learning rate, which rises during the first 100 steps (*warm-up*) and falls towards the end. (Lesson 8 looks into all
# of this.) The cell takes 10 to 70 seconds.


# %% tags=["measured"]
def train(model, steps, seed=0):
    """Train on the numbers for training; returns the loss of every step."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, betas=(0.9, 0.98), eps=1e-9)
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, (step + 1) / 100, 2 * (steps - step) / steps)
    )
    losses = []
    model.train()
    for _ in range(steps):
        chosen = for_training[torch.randint(len(for_training), (128,), generator=generator)]
        reads, predicts = teacher_forcing_pair(targets[chosen])
        logits = model(sources[chosen], reads)
        loss = F.cross_entropy(logits.transpose(1, 2), predicts, ignore_index=0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
        losses.append(loss.item())
    model.eval()
    return losses


def small_model():
    torch.manual_seed(0)
    sizes = len(digit_words), len(number_words)
    return Transformer(*sizes, d_model=64, num_heads=4, num_layers=2, d_ff=128, dropout=0.0)


model = small_model()
losses = train(model, steps=350)
print(f"loss of the first step:        {losses[0]:.2f}")
print(f"mean loss of the last 20:      {np.mean(losses[-20:]):.4f}")

# %% [markdown]
# A small loss means: given the right words so far, the model knows the next word. Can it also write a whole answer on
# its own? For that it has to read its own words.

# %% [markdown]
# ### Exercise 7.9 · `greedy_decode`
# <!-- facts: greedy_decode -->
# *word by word* · core · 4 points · about 12 minutes
# <!-- end -->
#
# Write `greedy_decode(model, source, bos=1, eos=2, max_length=50)`: translate word by word, and take the most probable
# word each time. Because it never looks more than one word ahead, this is called **greedy** decoding.
#
# - `model` has `encode(source)` and `decode(target_input, memory, source)`, like your `Transformer`; `source` is
#   `(batch, n_source)`.
# - Encode the source once, and start with `bos` in every row. The logits of the *last* position give the next word;
#   append it, and go on with all the words so far.
# - A row ends with its first `eos`; after it come zeros. Stop when all rows have ended, or after `max_length` words.
# - Return the ids after `bos`, with `eos`: int64, `(batch, length)` with `length <= max_length`.
# - The model decodes in evaluation mode; afterwards it is back in the mode that it was in before. No gradients are
#   recorded (`torch.no_grad()`).
#
# ```
# one row that ends after 2 words, one after 3:   [[7, 2, 0],
#                                                  [5, 9, 2]]
# ```
#
# <!-- hints: greedy_decode -->
# <details>
# <summary>Hint 1</summary>
#
# Encode once. Start with a column of `bos`. In each turn, compute the logits for all the words so far; only those of the *last* position matter. Their argmax is the newest word: append it as a new column. Keep a boolean tensor that says which sentences have ended.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `logits[:, -1].argmax(dim=-1)` gives `(batch,)`. Before `torch.cat`, set the words of sentences that have ended to 0, and afterwards mark those whose newest word is `eos`. Remember `model.training` at the start and give it to `model.train(...)` at the end. The result leaves out the column of `bos`.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "greedy_decode", "locked": false, "schema_version": 3, "solution": true, "task": false}
def greedy_decode(model, source, bos=1, eos=2, max_length=50):
    """Ids (batch, <= max_length) after `bos`, with `eos`, then 0."""
    ### BEGIN SOLUTION
    training = model.training
    model.eval()
    with torch.no_grad():
        memory = model.encode(source)
        ids = torch.full((len(source), 1), bos, device=source.device)
        ended = torch.zeros(len(source), dtype=torch.bool, device=source.device)
        while ids.shape[1] <= max_length and not ended.all():
            # of the newest word, (batch, target_size)
            logits = model.decode(ids, memory, source)[:, -1]
            newest = logits.argmax(dim=-1).masked_fill(ended, 0)
            ids = torch.cat([ids, newest.unsqueeze(1)], dim=1)
            ended = ended | (newest == eos)
    model.train(training)
    return ids[:, 1:]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_greedy_decode", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("greedy_decode")


# %% tags=["measured"]
def exact_matches(model, numbers):
    """Share of the numbers that the model writes without any mistake, on its own."""
    written = greedy_decode(model, sources[numbers], max_length=12)
    right = [
        number_words.decode(row) == in_words(n).split()
        for row, n in zip(written.tolist(), numbers.tolist())
    ]
    return sum(right) / len(right)


share = exact_matches(model, held_out)
print(f"held-out numbers written without a mistake: {share:.1%} of {len(held_out)}\n")
for number, row in zip(
    held_out[:4].tolist(), greedy_decode(model, sources[held_out[:4]]).tolist(), strict=True
):
    print(f"{digits(number):<8} ->  {' '.join(number_words.decode(row))}")

# %% [markdown]
# It has never seen these numbers, and it makes hardly any mistakes. Now watch it write. Each row shows the words so far
# and the probabilities of the next word. Next to it is the same model after only 60 steps of training, halfway to
# understanding, with the same words so far. (This takes 5 to 10 seconds.)

# %% tags=["measured"]
number = 4072
answer = [*in_words(number).split(), "<eos>"]
reads, _ = teacher_forcing_pair(torch.tensor([number_words.encode(in_words(number))]))
early_model = small_model()
train(early_model, steps=60)
early, late = [], []  # for each position, the probability of each word
for tested, chances in ((early_model, early), (model, late)):
    with torch.no_grad():
        chances += tested(sources[number : number + 1], reads)[0].softmax(dim=-1)

starts = ["<bos>", *(f"... {word}" for word in answer[:-1])]
print("the three most probable next words after 60 steps")
for start, chances in zip(starts, early, strict=True):
    best = chances.topk(3)
    words = [
        f"{number_words.index_to_word[i]} {p:.2f}"
        for p, i in zip(best.values.tolist(), best.indices.tolist())
    ]
    print(f"   {start:<13}", ", ".join(words))

# %% tags=["measured", "drawing"]
# Drawing: the probabilities of the next word, after 60 steps and after 350
candidates = [*answer, "seven", "hundred", "twelve", "seventeen"]
columns = [number_words.encode(word)[1] if word != "<eos>" else 2 for word in candidates]
figure, axes = new(1, 2, size=(12, 3.6), sharey=True)
for panel, rows, title in ((axes[0], early, "after 60 steps"), (axes[1], late, "after 350 steps")):
    chances = torch.stack(rows)[:, columns]
    heat_map(
        panel,
        chances,
        starts,
        candidates,
        f"4 0 7 2: next word, {title}",
        "next word",
        limits=(0, 1),
    )
axes[0].set(ylabel="words so far")
show(
    figure,
    alt="Probabilities of the next word for 4072, two heat maps: the words so far in the rows, "
    "nine next words in the columns. The largest of each row, after 60 steps: "
    + ", ".join(f"{row.max():.2f}" for row in early)
    + "; after 350 steps: "
    + ", ".join(f"{row.max():.2f}" for row in late)
    + ".",
)

# %% [markdown]
# Each row is a probability distribution over all words, of which nine are shown. After 60 steps the model knows that a
# four-digit number has a *thousand* in it, and which digits there are, but not which one belongs where: for the first
# word *four*, *two* and *seven* compete. After 350 steps it is almost certain each time. After "two" it says `<eos>`,
# and decoding stops.

# %% [markdown]
# ## Experiments: what breaks without it
#
# ### Experiment 1: the leak test
#
# How can you find out whether a model sees the future? Change one target word and watch the outputs **before** it. If
# any of them changes, information flows backwards. This test needs no training, works for every model of this kind, and
# is worth keeping.
#
# To have something to compare with, the next cell also makes a model without a causal mask: every target word may look
# at every real target word. (`register_forward_pre_hook` calls a function before each call of the decoder, and here
# that function swaps the mask for another.)
#
# **Predict first.** There are 6 target words. We change the word at position 3. Which positions of the output change
# with the causal mask, and which without it?

# %%
predict("", about="which positions change with the causal mask, and without it")


# %%
def forget_causality(decoder, args, kwargs):
    """Before each call of the decoder: whatever one target word may look at, all may look at."""
    given = inspect.signature(decoder.forward).bind(*args, **kwargs).arguments
    given["self_mask"] = given["self_mask"].any(dim=-2, keepdim=True)
    return (), given


def leaky_model():
    leaky = small_model()
    leaky.decoder.register_forward_pre_hook(forget_causality, with_kwargs=True)
    return leaky


def places_that_change(model, source, target):
    """Row i: which positions of the output change when target word i is exchanged."""
    model.eval()
    with torch.no_grad():
        before = model(source, target)
        rows = []
        for place in range(target.shape[1]):
            changed = target.clone()
            changed[:, place] = changed[:, place] % 30 + 1
            rows.append((model(source, changed) - before).abs().amax(dim=(0, 2)) > 1e-6)
    return torch.stack(rows)


one_source, one_target = sources[4372:4373], targets[4372:4373, :6]
print("positions that change with the word at position 3")
for tested, title in ((small_model(), "with the causal mask"), (leaky_model(), "without it")):
    print(
        f"   {title:<21}",
        places_that_change(tested, one_source, one_target)[3].nonzero().flatten().tolist(),
    )
predict()

# %% tags=["drawing"]
# Drawing: the same for a change at each position
figure, axes = new(1, 2, size=(10, 3.6))
tested = {
    "with the causal mask": places_that_change(small_model(), one_source, one_target),
    "without it": places_that_change(leaky_model(), one_source, one_target),
}
labels = "position of the output", "word that is changed"
for panel, (title, moves) in zip(axes, tested.items(), strict=True):
    heat_map(panel, moves, range(6), range(6), title, *labels, 0, (0, 1))
show(
    figure,
    alt="Two heat maps: which of 6 outputs change (1) when one target word is changed. Changed "
    "outputs for the words 0 to 5: "
    + "; ".join(
        f"{title} {', '.join(str(int(row.sum())) for row in moves)}"
        for title, moves in tested.items()
    )
    + ".",
)

# %% [markdown]
# With the causal mask, a change at position 3 moves positions 3, 4 and 5, and nothing before them. Without it,
# everything moves: position 2 knows the word at position 3. And the word at position 3 *is* the label of position 2.

# %% [markdown]
# ### Experiment 2: the loss that looks perfect
#
# Now train the model without a causal mask, in the same way as before. (This takes 10 to 70 seconds.)
#
# **Predict first.**
# 1. Will its training loss fall faster or more slowly than the real model's?
# 2. Given the right words (teacher forcing), how many words of the held-out numbers will it predict correctly?
# 3. When it decodes on its own, how many held-out numbers will it write correctly?

# %%
predict("", about="without the causal mask: loss, words predicted, numbers written")

# %% tags=["measured"]
leaky = leaky_model()
leaky_losses = train(leaky, steps=350)


def right_words(model, numbers):
    """Share of the labels that are predicted when the right words are given."""
    reads, predicts = teacher_forcing_pair(targets[numbers])
    with torch.no_grad():
        guesses = model(sources[numbers], reads).argmax(dim=-1)
    real = predicts != 0
    return (guesses == predicts)[real].float().mean().item()


print("on the held-out numbers                     with the mask   without it")
print(
    f"right words, the words before them given:   {right_words(model, held_out):13.1%}   "
    f"{right_words(leaky, held_out):10.1%}"
)
print(
    f"whole numbers, written on its own:          {share:13.1%}   "
    f"{exact_matches(leaky, held_out):10.1%}"
)
predict()

# %% tags=["measured", "drawing"]
# Drawing: the training losses of both models
figure, axes = new(size=(8, 3.4))
for index, (values, name) in enumerate(
    ((losses, "with the causal mask"), (leaky_losses, "without it"))
):
    means = np.convolve(values[:130], np.ones(10) / 10, mode="valid")  # of ten steps each
    axes.plot(range(10, 131), means, label=name, **line_style(index) | {"markevery": 15})
axes.set(
    title="training loss, mean of ten steps",
    xlabel="step",
    ylabel="loss (mean cross-entropy)",
    yscale="log",
)
axes.legend()
show(
    figure,
    alt="Training loss of both models up to step 130, each point the mean of ten steps, on a log "
    "axis, at the start and at the end: "
    + f"with the causal mask {np.mean(losses[:10]):.2f} and {np.mean(losses[120:130]):.2f}; "
    + f"without it {np.mean(leaky_losses[:10]):.2f} and {np.mean(leaky_losses[120:130]):.3f}.",
)

# %% tags=["measured"]
for number, row in zip(
    held_out[:5].tolist(), greedy_decode(leaky, sources[held_out[:5]], max_length=12).tolist()
):
    print(f"{digits(number):<8} ->  {' '.join(number_words.decode(row)) or '(nothing)'}")

# %% [markdown]
# Going by the training log, this is the better model: after a slow start its loss falls much faster, and given the
# right words it makes hardly any mistakes, even on numbers that it has never seen. On its own it writes garbage, or
# nothing at all.
#
# It has learned to copy. The label of position $i$ is its input at position $i + 1$, and without the mask it can look
# there. When it translates, there is no position $i + 1$ yet, and it hasn't learned anything else. Masking "prevents
# cheating", as the phrase goes; here is what the cheating looks like. It isn't overfitting: the held-out data looks
# perfect, too.
#
# **Remember**: a loss that is too good is an alarm. Decode, and run the leak test.

# %% [markdown]
# ## Recap
#
# - A mask says which keys a query may look at; True = may attend. It is applied to the scores, before the softmax.
# - The decoder's self-attention hides the future and the padding; cross-attention hides the padding of the source.
# - Cross-attention: query from the decoder, key **and value** from the encoder.
# - In training all positions learn at the same time: the decoder reads `ids[:, :-1]` and predicts `ids[:, 1:]`. When it
#   decodes, it is autoregressive: it goes word by word and reads its own words.
# - The output layer uses the target embedding's table once more; softmax turns the logits into a probability
#   distribution.
# - A loss that is too good is an alarm: without a causal mask the model copies its labels and can't write a word on its
#   own.
#
# **Next**: lesson 8 trains this model in earnest: batches by length, label smoothing, the paper's learning rate. Lesson
# 9 is about other ways to decode: drawing words at random, following several beginnings at once, and doing much less
# work for each word. Lesson 10 is the debugging clinic, where the leak test becomes one of four instruments.

# %% [markdown]
# ## The paper, the blog, this code
#
# The column "blogs and notes" sums up what many of them say.
#
# | question | the paper | blogs and notes | this code |
# | --- | --- | --- | --- |
# | What does the encoder give to the decoder? | keys and values (section 3.2.3) | "query and key" | keys and values; the query is the decoder's |
# | What replaces a masked score? | $-\infty$ (section 3.2.3) | masking is "optional", in the decoder; "a large negative number" (a book) | $-\infty$; not optional in the decoder; a row with nothing to attend to gives zeros |
# | What is the mask for? | a prediction depends on earlier words only | no "cheating" | the same, shown in experiments 1 and 2 |
# | What about padding? | not mentioned | not mentioned | masked as keys, everywhere; left out of the loss |
# | How much is trained at once? | all positions at once | one token (a blog post) | all positions at once, with teacher forcing |
# | What is in a decoder layer? | three sublayers; 6 layers | three sublayers (a blog post); attention computed twice (a book) | three sublayers; `num_layers` layers |
# | How are query, key and value made? | linear maps | "by an MLP" (a book) | linear maps, without an activation |
# | What follows the last layer? | linear layer and softmax; the weight is shared with both embeddings (section 3.4) | missing | the weight is shared with the target embedding; logits are returned, the loss takes the softmax |
# | Which initial values do the parameters have? | not given | not mentioned | Xavier-uniform; embeddings as in lesson 2 |
# | Is there a norm after the last layer? | no | not mentioned | no (`nn.Transformer` adds one) |
# | How is the next word chosen? | beam search | not mentioned | greedily; beam search in lesson 9 |
