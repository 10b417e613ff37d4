# %% [markdown]
# # 9 · Sampling, the key/value cache, beam search
#
# A trained model doesn't give you a sentence. It gives you probabilities for the *next word*. How to get a sentence out
# of them is a separate decision, called **decoding**. Greedy decoding, from lesson 7, takes the best word each time and
# looks no further. This lesson adds what every chatbot does (it draws words at random, and keeps what has been
# computed) and what the paper does (it follows several beginnings at once).
#
# <!-- map: 09_decoding -->
# ![The map of the Transformer, with this lesson's parts in colour: the next word.](figures/map.png)
# <!-- end -->
#
# **After this lesson you can**
# - turn logits into probabilities with a temperature, top-k and top-p, and say what each of them does;
# - draw sentences from a model, and check that each comes up as often as it should;
# - say which keys and values can be kept, write a decoder that keeps them, and say what that costs and saves;
# - explain why the best next word may not begin the best sentence, and search with a beam.
#
# **What you need**: lesson 7 (decoder, `greedy_decode`). About 100 minutes for the core, and 55 more for beam search,
# which is marked as extra: it is the longest program of the course.
#
# <!-- table: 09_decoding -->
# | exercise | what you build | points | minutes |
# | --- | --- | ---: | ---: |
# | 9.1 `sampling_probabilities` | which words may be drawn | 4 | 12 |
# | 9.2 `sample` | each word drawn at random | 2 | 8 |
# | 9.3 `CachedDecoder` | keys and values kept | 4 | 35 |
# | 9.4 `beam_search` (extra) | several beginnings at once | 5 | 55 |
# <!-- end -->

# %%
import math
import time
from collections import Counter

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence

from autograde import by_hand, check, predict
from helpers.decoder import Transformer, greedy_decode, padding_mask, teacher_forcing_pair
from helpers.figures import COLOURS, line_style, new, show
from helpers.multi_head import merge_heads, split_heads
from helpers.vocabulary import Vocabulary, pad_batch

torch.set_num_threads(1)  # for matrices as small as ours one thread is the fastest

# %% [markdown]
# ## The idea
#
# Probabilities multiply: the probability of a sentence is the product of the probabilities of its words, each given the
# words before it. All sentences together form a tree, and a decoding method is a way of walking through it:
#
# ![A tree of words with probabilities. After bos come the with 0.5, a with 0.4 and this with 0.1. After the come man 0.4, dog 0.35 and cat 0.25. After a comes dog with 0.9 and cat 0.1. Greedy takes the, then man, with 0.20 in all. The beam of 2 keeps the and a, and finds a dog with 0.36.](figures/beam.png)
#
# - **Greedy** takes the best branch at each fork. It begins with "the", since 0.5 > 0.4, and ends at 0.5 · 0.4 = 0.20.
# - **Beam search** keeps the best few beginnings, here two, and finds "a dog": 0.4 · 0.9 = 0.36.
# - **Sampling** takes each branch as often as its probability says: "the dog" in 0.5 · 0.35 = 17.5 % of all runs.
#
# Which one is right depends on the task. For a translation, you search for the best sentence. For a story, you sample,
# so that it isn't the same every time.

# %% [markdown]
# ## The numbers by hand
#
# ### Temperature, top-k, top-p
#
# Four words have the logits $\ln 8, \ln 4, \ln 2, \ln 2$. The softmax raises $e$ to the power of each, which gives 8,
# 4, 2 and 2. Divided by their sum, 16, these become the probabilities 0.5, 0.25, 0.125 and 0.125.
#
# The **temperature** divides the logits before the softmax. At temperature 0.5 each logit doubles, so the powers 8, 4,
# 2, 2 are squared: 64, 16, 4, 4. What is the probability of the first word now? (Two
# decimals are enough, here and below.)

# %%
by_hand("first word at temperature 0.5", ...)

# %% [markdown]
# A low temperature makes the most probable word even more probable; as it approaches 0, sampling becomes greedy
# decoding. A high temperature flattens the distribution.
#
# **Top-k** keeps the k most probable words, and divides their probabilities by their sum, so that they add up to 1
# again. **Top-p** does the same with as many of the most probable words as it takes to reach the probability p
# *together*, including the word that crosses p. With p = 0.6, at temperature 1: the first word has 0.5, which is not
# enough; the first two have 0.75. What is the probability of the first word now?

# %%
by_hand("first word with top-p 0.6", ...)

# %% [markdown]
# ### Length penalty
#
# Beam search compares sentences of different lengths. Each further word can only lower the probability of a sentence,
# so long sentences would be at a disadvantage. The paper divides the log-probability by the **length penalty**
# $((5 + n) / 6)^\alpha$, where $n$ is the number of generated words, including `<eos>`, and $\alpha = 0.6$. Suppose
# that in the tree above `<eos>` is certain to follow. Then $n = 3$ and $(8/6)^{0.6} = 1.188$:
#
# | sentence | log-probability | score |
# | --- | --- | --- |
# | a dog `<eos>` | $\ln 0.36 = -1.022$ | −0.860 |
# | the man `<eos>` | $\ln 0.20 = -1.609$ | ? |

# %%
by_hand("score of the man", ...)

# %% [markdown]
# ## A model that isn't sure
#
# To see how ways of decoding differ, we need a model that has something to decide. How do people read the year 1984
# aloud?
#
# | | share in the training data |
# | --- | --- |
# | nineteen eighty four | 40 % |
# | one thousand nine hundred eighty four | 20 % |
# | one thousand nine hundred and eighty four | 20 % |
# | one nine eight four | 20 % |
#
# The next cell trains a small Transformer on the years from 1110 to 1999, each read in one of these ways. (Years like
# 1204 are left out, because people read them in yet other ways.) It takes 5 to 20 seconds.

# %% tags=["measured"]
ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen"
).split()
ONES += "seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def two_digits(number):
    if number < 20:
        return ONES[number]
    return TENS[number // 10 - 2] + (" " + ONES[number % 10]) * (number % 10 > 0)


def readings(year):
    """Five sentences for a year: the short reading twice, three others once."""
    century, rest = two_digits(year // 100), two_digits(year % 100)
    whole = f"one thousand {ONES[year // 100 % 10]} hundred"
    short = f"{century} {rest}"
    return [
        short,
        short,
        f"{whole} {rest}",
        f"{whole} and {rest}",
        " ".join(ONES[int(digit)] for digit in str(year)),
    ]


years = [year for year in range(1110, 2000) if year % 100 >= 10]
digit_words = Vocabulary([" ".join("0123456789")])
reading_words = Vocabulary(reading for year in years for reading in readings(year))
sources, _ = pad_batch([digit_words.encode(" ".join(str(year))) for year in years])
targets, _ = pad_batch(
    [reading_words.encode(reading) for year in years for reading in readings(year)]
)


def train(steps=260):
    torch.manual_seed(0)
    model = Transformer(
        len(digit_words),
        len(reading_words),
        d_model=48,
        num_heads=4,
        num_layers=2,
        d_ff=96,
        dropout=0.0,
    )
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3, betas=(0.9, 0.98), eps=1e-9)
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, (step + 1) / 40, 2 * (steps - step) / steps)
    )
    for _ in range(steps):
        chosen = torch.randint(len(targets), (128,), generator=generator)
        reads, predicts = teacher_forcing_pair(targets[chosen])
        logits = model(sources[chosen // 5], reads)  # five readings of each year
        loss = F.cross_entropy(logits.transpose(1, 2), predicts, ignore_index=0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
    return model.eval()


model = train()
source = sources[years.index(1984)].unsqueeze(0)


def text(ids):
    return " ".join(reading_words.decode(ids.tolist()))


with torch.no_grad():
    first = model(source, torch.tensor([[1]]))[0, -1].softmax(dim=-1)
print("probability of the first word of 1984")
for chance, word in zip(*first.topk(3), strict=True):
    print(f"{chance:7.2f}  {reading_words.index_to_word[int(word)]}")
print("\ngreedy: ", text(greedy_decode(model, source)[0]))

# %% [markdown]
# The model has learned the distribution: "one", which begins three of the readings, has about 0.6, and "nineteen" has
# about 0.4. Greedy decoding walks into the same trap as in the tree. "one" is the best first word, but three sentences
# with about 0.2 each share its 0.6, and the most probable *sentence* begins with the other word.

# %% [markdown]
# ## Sampling

# %% [markdown]
# ### Exercise 9.1 · `sampling_probabilities`
# <!-- facts: sampling_probabilities -->
# *which words may be drawn* · core · 4 points · about 12 minutes
# <!-- end -->
#
# Write `sampling_probabilities(logits, temperature=1.0, top_k=None, top_p=None)`: it turns logits, `(..., vocabulary)`,
# into the probabilities from which the next word is drawn, a tensor of the same shape.
#
# 1. A temperature of 0 or below raises a `ValueError` whose text says what is wrong.
# 2. The logits are divided by the temperature; then comes the softmax. The result has to be right for low temperatures,
#    too: no overflow, no NaN.
# 3. `top_k` keeps the k most probable words; k is never larger than the vocabulary. The others are set to 0, and what
#    is kept adds up to 1 again.
# 4. Then `top_p` keeps the smallest set of most probable words whose sum reaches `top_p`, including the word that
#    crosses it. It works with the probabilities as step 3 left them. The others are set to 0, and what is kept adds up
#    to 1 again.
#
# `None` skips a step. If words tie at the cut-off, one of them or all of them may stay.
#
# ```
# logits = [ln 8, ln 4, ln 2, ln 2]        temperature=0.5   gives   [0.727, 0.182, 0.045, 0.045]
#                                          top_k=2           gives   [0.667, 0.333, 0, 0]
#                                          top_p=0.6         gives   [0.667, 0.333, 0, 0]
#                                          top_p=0.4         gives   [1, 0, 0, 0]
# ```
#
# <!-- hints: sampling_probabilities -->
# <details>
# <summary>Hint 1</summary>
#
# Four steps, one after the other: refuse a temperature that is not positive; divide and take the softmax; `top_k` sets all words but k to 0, and divides by the sum; `top_p` does the same with a different choice of words. For `top_p`, sort the probabilities of each row and ask of every word: how much do the *more probable* words have together?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `probabilities.topk(top_k).values[..., -1:]` is the smallest probability that stays. For `top_p`, `sort(dim=-1, descending=True)` gives falling probabilities and the words that they belong to. `falling.cumsum(dim=-1) - falling` is what the more probable words have together; where that is at least `top_p`, a 0 takes the place of the probability. `scatter(-1, words, falling)`, into zeros, puts every word back into its place.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "sampling_probabilities", "locked": false, "schema_version": 3, "solution": true, "task": false}
def sampling_probabilities(logits, temperature=1.0, top_k=None, top_p=None):
    """Logits (..., vocabulary) to the probabilities from which the next word is drawn."""
    ### BEGIN SOLUTION
    if temperature <= 0:
        raise ValueError("the temperature has to be above 0; greedy decoding needs none")
    probabilities = (logits / temperature).softmax(dim=-1)
    if top_k is not None:
        lowest = probabilities.topk(top_k).values[..., -1:]
        probabilities = probabilities.masked_fill(probabilities < lowest, 0)
        probabilities = probabilities / probabilities.sum(dim=-1, keepdim=True)
    if top_p is not None:
        falling, words = probabilities.sort(descending=True)
        reached = falling.cumsum(dim=-1) - falling  # by the more probable words together
        falling = falling.masked_fill(reached >= top_p, 0)
        probabilities = probabilities.scatter(-1, words, falling)
    return probabilities / probabilities.sum(dim=-1, keepdim=True)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_sampling_probabilities", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("sampling_probabilities")

# %% [markdown]
# The same with PyTorch's own: a `Categorical` distribution accepts logits, too.

# %%
logits = torch.tensor([[2.0, 1.0, 0.0, -1.0], [0.5, 0.5, 3.0, 0.0]])
theirs = torch.distributions.Categorical(logits=logits / 0.7).probs
print(
    "largest difference:",
    round((sampling_probabilities(logits, 0.7) - theirs).abs().max().item(), 6),
)

# %% [markdown]
# ### Exercise 9.2 · `sample`
# <!-- facts: sample -->
# *each word drawn at random* · core · 2 points · about 8 minutes
# <!-- end -->
#
# Write `sample(model, source, generator, temperature=1.0, top_k=None, top_p=None, bos=1, eos=2, max_length=50)`: decode
# word by word, as `greedy_decode` does, but draw each word from its `sampling_probabilities`, with
# `torch.multinomial(probabilities, 1, generator=generator)`.
#
# `generator` is a `torch.Generator`, the source of the random numbers: generators in the same state give the same
# sentences, and drawing a sentence advances the state. The rest is as in `greedy_decode`: return the ids after `bos`,
# with `eos`, then 0; the model is in evaluation mode while it decodes and back in its own mode afterwards; no gradients
# are recorded. `source` is `(batch, n_source)`: the cells below draw 1,000 sentences at once.
#
# Your `greedy_decode` from lesson 7 is a good place to start (or the reference, in `helpers/decoder.py`).
#
# <!-- hints: sample -->
# <details>
# <summary>Hint 1</summary>
#
# This is `greedy_decode` with one line changed: where it takes the argmax of the newest logits, draw a word from their `sampling_probabilities`.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `torch.multinomial(probabilities, 1, generator=generator)` draws one word for each row of `(batch, words)` and gives `(batch, 1)`; `squeeze(1)` takes the last axis away. Pass `temperature`, `top_k` and `top_p` on.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "sample", "locked": false, "schema_version": 3, "solution": true, "task": false}
def sample(
    model, source, generator, temperature=1.0, top_k=None, top_p=None, bos=1, eos=2, max_length=50
):
    """Ids (batch, <= max_length) after `bos`, with `eos`, then 0; each word drawn at random."""
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
            probabilities = sampling_probabilities(logits, temperature, top_k, top_p)
            drawn = torch.multinomial(probabilities, 1, generator=generator).squeeze(1)
            newest = drawn.masked_fill(ended, 0)
            ids = torch.cat([ids, newest.unsqueeze(1)], dim=1)
            ended = ended | (newest == eos)
    model.train(training)
    return ids[:, 1:]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_sample", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("sample")

# %% [markdown]
# ### Do the sentences come up as often as they should?
#
# We draw a reading of 1984 a thousand times. **Predict first**: how often, out of 1,000, will each one come up?

# %%
predict("", "how often does each reading of 1984 come?")


# %% tags=["measured"]
def counts(temperature=1.0, top_k=None, top_p=None, total=1000, seed=0):
    generator = torch.Generator().manual_seed(seed)
    rows = sample(
        model, source.expand(total, -1), generator, temperature, top_k, top_p, max_length=12
    )
    return Counter(text(row) for row in rows)


proper = list(dict.fromkeys(readings(1984)))
drawn = counts()
for reading in proper:
    print(f"{drawn[reading]:5d}  {reading}")
print(f"{1000 - sum(drawn[reading] for reading in proper):5d}  anything else, for example:")
print("      ", next((other for other in drawn if other not in proper), "(nothing else came)"))
predict()

# %% [markdown]
# The sample shows the distribution that the model was trained on. It also shows that a model which is never quite sure
# will now and then say something that nobody says: over many words, even small probabilities add up. Temperature, top-k
# and top-p are there to deal with that.

# %% [markdown]
# ## The cache
#
# For each new word, `greedy_decode` and `sample` compute all the earlier words again. But with a causal mask, earlier
# words never see later ones: their keys and values **don't change** when a word is added, so they can be kept. Then
# each step sends a single row through the layers, not all of them. This is the **key/value cache** that every large
# language model uses.
#
# ![Keys and values in four steps of decoding. Without a cache, step 1 makes one row, step 2 two, step 3 three and step 4 four, ten in all. With a cache, each step makes only the row of the newest word; the rows of earlier words are kept, so four are made in all.](figures/cache.png)

# %% [markdown]
# ### Exercise 9.3 · `CachedDecoder`
# <!-- facts: CachedDecoder -->
# *keys and values kept* · core · 4 points · about 35 minutes
# <!-- end -->
#
# Complete `CachedDecoder(model)`; `model` is a `Transformer` in evaluation mode.
#
# - `start(source)`: `source` holds ids, `(batch, n_source)`, and its rows may end with padding, whose id is
#   `model.pad`. `start` encodes the source, makes the keys and values of every cross-attention, once, and forgets what
#   was there before.
# - `step(ids)`: `ids` holds the newest words, `(batch,)`: real words, never padding, and in the first step `<bos>`. It
#   returns the logits `(batch, target_size)` of the next words, the same as the last position of the whole pass. Keys
#   and values of earlier words are kept, not made again; the same holds for those of the source.
#
# Two helpers are given. `_keys_values(attention, x)` makes the keys and values of the rows `x`, cut into heads:
# `(batch, heads, n, d_head)`. `_attend(attention, x, key, value, mask)` lets the rows `x` attend to given keys and
# values; `mask` is `(batch, 1, 1, n)` or None (`padding_mask` gives one axis fewer). You don't have to use them.
#
# The parts of the model have the names of lesson 7: `model.encode`, `model.target_embedding`, `model.position` and
# `model.decoder.layers`; in each layer `self_attention`, `add_norm_1`, `cross_attention`, `add_norm_2`, `feed_forward`
# and `add_norm_3`. `model.position(x)` adds the position 0 to the first word of each sentence in `x`, 1 to the second,
# and so on, whichever words these are.
#
# <!-- hints: CachedDecoder -->
# <details>
# <summary>Hint 1</summary>
#
# Follow one word through `DecoderLayer`: in self-attention it asks with its own query, but looks at the keys and values of all words so far. These don't change any more, so keep them, layer by layer, and append the newest. Those of the source are made once, in `start`.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# Keys and values of heads are `(batch, heads, words, d_head)`: append along `dim=2`. No causal mask is needed, since there is nothing later to hide. The newest word needs its own position: keep the ids of all words so far, and take the last row of `position(...)` of their embeddings; or count the words before it, and add `model.position.encoding[count]` yourself. The last line is the same projection as in `Transformer`.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "CachedDecoder", "locked": false, "schema_version": 3, "solution": true, "task": false}
class CachedDecoder:
    """Decode word by word without computing the keys and values of earlier words again."""

    def __init__(self, model):
        self.model = model

    @torch.no_grad()
    def start(self, source):
        """source: ids (batch, n_source)."""
        ### BEGIN SOLUTION
        memory = self.model.encode(source)
        # (batch, 1, 1, n_source)
        self.cross_mask = padding_mask(source, self.model.pad).unsqueeze(1)
        self.seen = source[:, :0]  # the words so far, (batch, steps)
        self.cross = [
            self._keys_values(layer.cross_attention, memory) for layer in self.model.decoder.layers
        ]
        self.past = [None] * len(self.cross)
        ### END SOLUTION

    @torch.no_grad()
    def step(self, ids):
        """The newest words (batch,) to the logits of the next ones (batch, target_size)."""
        ### BEGIN SOLUTION
        self.seen = torch.cat([self.seen, ids.unsqueeze(1)], dim=1)
        self_mask = padding_mask(self.seen, self.model.pad).unsqueeze(1)  # (batch, 1, 1, steps)
        embedded = self.model.target_embedding(self.seen)
        x = self.model.position(embedded)[:, -1:]  # (batch, 1, d_model), with its own position
        for index, layer in enumerate(self.model.decoder.layers):
            key, value = self._keys_values(layer.self_attention, x)
            if self.past[index] is not None:
                key = torch.cat([self.past[index][0], key], dim=2)
                value = torch.cat([self.past[index][1], value], dim=2)
            self.past[index] = key, value
            x = layer.add_norm_1(x, self._attend(layer.self_attention, x, key, value, self_mask))
            x = layer.add_norm_2(
                x, self._attend(layer.cross_attention, x, *self.cross[index], self.cross_mask)
            )
            x = layer.add_norm_3(x, layer.feed_forward(x))
        return F.linear(x[:, 0], self.model.target_embedding.weight)
        ### END SOLUTION

    def _keys_values(self, attention, x):
        return split_heads(attention.key(x), attention.num_heads), split_heads(
            attention.value(x), attention.num_heads
        )

    def _attend(self, attention, x, key, value, mask):
        query = split_heads(attention.query(x), attention.num_heads)
        return attention.out(
            merge_heads(F.scaled_dot_product_attention(query, key, value, attn_mask=mask))
        )


# %% nbgrader={"grade": true, "grade_id": "check_CachedDecoder", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("CachedDecoder")

# %% [markdown]
# ## Beam search
#
# Sampling and greedy decoding both follow one beginning. Beam search follows several, and compares whole sentences.

# %% [markdown]
# ### Exercise 9.4 · `beam_search`
# <!-- facts: beam_search -->
# *several beginnings at once* · extra · 5 points · about 55 minutes
# <!-- end -->
#
# This exercise is extra: only Experiment 3 needs it.
#
# Write `beam_search(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50)` for one sentence; `source`
# is `(1, n_source)`.
#
# - Encode once. Start with a single beginning, `bos`.
# - In each turn, every open beginning is continued with every word. The log-probability of a continuation is that of
#   its beginning plus that of the new word. All continuations of all beginnings compete with one another.
# - A continuation with `eos` among the `beam` best is a finished sentence: it leaves the search with its score. Of
#   those without `eos`, the `beam` best stay open. At `max_length` words, everything that is still open counts as
#   finished.
# - The search ends when there are `beam` finished sentences and the best of them scores at least as well as the best
#   open beginning (its log-probability is divided by the penalty of the words that it has now), or when nothing is
#   open. Where a model is sure of the good sentence, bad ones finish early: without the second condition they would end
#   the search before the good one is complete.
# - Return `(ids, scores)`, best first: ids `(at most beam, at most max_length)` after `bos`, with `eos`, then 0, as in
#   `greedy_decode`; `scores` is a tensor `(sentences,)`, each log-probability divided by the length penalty. The
#   model's mode and gradients are handled as in `greedy_decode`.
#
# With `beam=1` this is greedy search.
#
# <!-- hints: beam_search -->
# <details>
# <summary>Hint 1</summary>
#
# Keep a tensor of open beginnings and the log-probability of each. In each turn: the log-probabilities of all next words, added to those of the beginnings, give a table (open, words). The best entries of the *whole* table go on. Which beginning does an entry belong to, and which word is it? What ends with `eos` goes into a list of its own, with its score.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `(sums + log_probabilities).flatten().topk(2 * beam)`; `places // words` is the beginning, `places % words` the word. Among the first `beam`, those with `eos` are finished; of those without `eos` the first `beam` stay open. Stop with `beam` finished sentences of which the best scores at least as well as the best open beginning; at `max_length` all that is open counts as finished. Sort by score at the end.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "beam_search", "locked": false, "schema_version": 3, "solution": true, "task": false}
def beam_search(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    """(ids (<= beam, <= max_length), scores), best first, for one source sentence (1, n_source)."""
    ### BEGIN SOLUTION
    training = model.training
    model.eval()
    with torch.no_grad():
        memory = model.encode(source)
        ids = torch.full((1, 1), bos, device=source.device)  # the open beginnings, (open, 1 + n)
        log_probabilities = torch.zeros(1, device=source.device)
        ended = []  # (score, ids)
        for n in range(1, max_length + 1):
            logits = model.decode(
                ids, memory.expand(len(ids), -1, -1), source.expand(len(ids), -1)
            )[:, -1]
            sums = log_probabilities.unsqueeze(1) + logits.log_softmax(dim=-1)  # (open, words)
            best, places = sums.flatten().topk(min(2 * beam, sums.numel()))
            words = places % sums.shape[1]
            ids = torch.cat([ids[places // sums.shape[1]], words.unsqueeze(1)], dim=1)
            scores = best / ((5 + n) / 6) ** length_penalty
            last = words == eos if n < max_length else torch.ones_like(words, dtype=torch.bool)
            ended += [
                (scores[rank], ids[rank, 1:]) for rank in range(min(beam, len(best))) if last[rank]
            ]
            still_open = (~last).nonzero().squeeze(1)[:beam]
            ids, log_probabilities = ids[still_open], best[still_open]
            if len(ids) == 0 or (
                len(ended) >= beam and max(score for score, _ in ended) >= scores[still_open[0]]
            ):
                break
    model.train(training)
    ended = sorted(ended, key=lambda sentence: sentence[0], reverse=True)[:beam]
    return pad_sequence([ids for _, ids in ended], batch_first=True), torch.stack(
        [score for score, _ in ended]
    )
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_beam_search", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check("beam_search")

# %% [markdown]
# ## Experiments: what breaks without it
#
# ### Experiment 1: too hot, too cold
#
# **Predict first.** We draw 1984 a thousand times at each of the temperatures 0.2, 1 and 1.6. At which of them are
# proper readings rarest? And what will top-p 0.9 do?

# %%
predict("", "which temperature, and what does top-p do?")

# %% tags=["measured"]
settings = {
    "0.2": (0.2, None),
    "1": (1.0, None),
    "1, top-p 0.9": (1.0, 0.9),
    "1.6": (1.6, None),
    "1.6, top-p 0.9": (1.6, 0.9),
}
rows = {name: counts(temperature, top_p=top_p) for name, (temperature, top_p) in settings.items()}
shares = [[found[reading] / 1000 for reading in proper] for found in rows.values()]

for name, share in zip(rows, shares, strict=True):
    print(f"temperature {name:<14} proper readings: {sum(share):6.1%}")
predict()

# %% tags=["measured", "drawing"]
# Drawing: what is drawn for 1984
figure, axes = new(size=(8.5, 3.4))
bottom = np.zeros(len(rows))
for index, reading in enumerate(proper):
    heights = np.array([share[index] for share in shares])
    axes.bar(
        list(rows),
        heights,
        0.6,
        bottom=bottom,
        label=reading,
        color=COLOURS[index],
        hatch=("", "//", "..", "xx")[index],
        edgecolor="white",
    )
    bottom += heights
axes.bar(
    list(rows),
    1 - bottom,
    0.6,
    bottom=bottom,
    label="not a proper reading",
    color="white",
    edgecolor="black",
)
axes.set(title="what is drawn for 1984", xlabel="temperature", ylabel="share of 1,000", ylim=(0, 1))
axes.legend(bbox_to_anchor=(1.02, 1), loc="upper left", fontsize=8.5)
show(
    figure,
    alt="Bars for the temperatures 0.2, 1 and 1.6, the last two also with top-p 0.9: the shares "
    "of the four proper readings of 1984, and of everything else. Proper readings: "
    + "; ".join(f"{name} {sum(share):.0%}" for name, share in zip(rows, shares, strict=True))
    + ".",
)

# %% [markdown]
# A low temperature sharpens what the model believes word by word, and it sharpens the trap as well: "one" wins about
# nine times out of ten, though the most probable sentence begins with "nineteen". A high temperature raises every
# improbable word a little. There are many of them, and one wrong word is enough to spoil a sentence. Top-p cuts off
# this **tail**, and leaves a choice among plausible words.
#
# ### Experiment 2: what the cache saves
#
# Without a cache, the work of a step grows with the number of words so far; with a cache it hardly does. **Predict
# first**: is the cache worth it for 10 words? For 160? (The cell takes 5 to 20 seconds.)

# %%
predict("", "how many times faster, at 10 and at 160 words?")

# %% tags=["measured"]
lengths = (10, 40, 80, 160)
sixteen = sources[:16]
words = torch.randint(
    4, len(reading_words), (16, max(lengths)), generator=torch.Generator().manual_seed(0)
)


# process_time counts the seconds that this program computes, however busy the machine is
def seconds_without(length):
    begin = time.process_time()
    with torch.no_grad():
        seen = model.encode(sixteen)
        for count in range(1, length + 1):
            model.decode(words[:, :count], seen, sixteen)[:, -1]
    return time.process_time() - begin


def seconds_with(length):
    begin = time.process_time()
    cached = CachedDecoder(model)
    cached.start(sixteen)
    for place in range(length):
        cached.step(words[:, place])
    return time.process_time() - begin


seconds_with(5), seconds_without(5)  # the first calls are slower
without = [min(seconds_without(length) for _ in range(2)) for length in lengths]
with_cache = [min(seconds_with(length) for _ in range(2)) for length in lengths]

for length, slow, fast in zip(lengths, without, with_cache, strict=True):
    print(f"{length:4d} words: {slow / fast:4.1f} times as long without the cache")
predict()

# %% tags=["measured", "drawing"]
# Drawing: the seconds with and without a cache
figure, axes = new(size=(8, 3.6))
axes.plot(lengths, without, label="without a cache", **line_style(0))
axes.plot(lengths, with_cache, label="with a cache", **line_style(1))
for length, slow, fast in list(zip(lengths, without, with_cache, strict=True))[1:]:
    axes.annotate(
        f"{slow / fast:.1f} times as long",
        (length, slow),
        xytext=(0, 7),
        textcoords="offset points",
        ha="right",
    )
axes.set(
    title="time to decode 16 sentences",
    xlabel="words",
    ylabel="seconds",
    xlim=(0, 175),
    ylim=(0, 1.15 * max(without)),
)
axes.legend(loc="center left")
show(
    figure,
    alt="Seconds to decode 16 sentences of 10, 40, 80 and 160 words, two lines. Without a cache "
    + ", ".join(f"{seconds:.2f}" for seconds in without)
    + "; with a cache "
    + ", ".join(f"{seconds:.2f}" for seconds in with_cache)
    + ".",
)

# %% [markdown]
# On another machine the seconds will differ, but the shape will be the same. For short answers the cache saves little.
# For long ones it is the difference between growing with the square of the length and growing with the length.
#
# The price is memory: the keys and values of all words, in all layers. For each word that is 2 · layers · `d_model`
# numbers. The model of the paper (6 layers, width 512) keeps 6,144 numbers for each word that it writes, and as many
# for each word of the source. A language model with 80 layers and width 8,192 would keep 1.3 million per word. At 16
# bits that is 2.6 MB, or 21 GB for a text of 8,000 words. That is why today's models let several queries share one key
# and value (lesson 11).
#
# ### Experiment 3: the best sentence
#
# **Predict first.** We decode 41 of the years greedily and with a beam of 4, without a length penalty. Which reading
# does each method choose, and how probable is it?

# %%
predict("", "which reading do greedy and beam choose?")


# %% tags=["measured"]
def log_probability(sentence, ids):
    """Of a whole sentence, ids with `<eos>`."""
    ids = ids[: ids.tolist().index(2) + 1]
    with torch.no_grad():
        logs = model(sentence, torch.cat([torch.tensor([1]), ids[:-1]]).unsqueeze(0))[
            0
        ].log_softmax(dim=-1)
    return logs.gather(1, ids.unsqueeze(1)).sum().item()


several = range(0, len(years), len(years) // 40)
chosen = {"greedy": [], "beam 4": []}
for number in several:
    sentence = sources[number : number + 1]
    chosen["greedy"].append((number, greedy_decode(model, sentence)[0]))
    chosen["beam 4"].append(
        (number, beam_search(model, sentence, beam=4, length_penalty=0.0)[0][0])
    )
for name, found in chosen.items():
    short = np.mean([text(ids) == readings(years[number])[0] for number, ids in found])
    chance = np.exp(
        np.mean([log_probability(sources[number : number + 1], ids) for number, ids in found])
    )
    print(
        f"{name:<7} the short reading in {short:5.0%}, "
        f"probability of the sentence (geometric mean) {chance:.2f}"
    )
print("\n1984, all four of the beam:")
for ids, score in zip(*beam_search(model, source, beam=4, length_penalty=0.0), strict=True):
    print(f"{math.exp(score):6.2f}  {text(ids)}")
predict()

# %% [markdown]
# The beam finds the sentence that greedy decoding misses. Its result isn't a list of the four best, though: the search
# stops as soon as it has four complete sentences and no open one is ahead, so some of those below the best happened to
# end early.
#
# Does a beam always help? The translator of lesson 8, greedy and with a beam of 4, is right equally often on all three
# test sets: each sentence of its grammar has one right translation, and the model is sure of its words, right or wrong.
# In natural language, where many translations are good, a beam usually helps a little (the paper used a beam of 4).
# Wider isn't better, though: very wide beams find sentences that are probable because they are too short (Stahlberg and
# Byrne 2019, "On NMT Search Errors and Model Errors: Cat Got Your Tongue?").

# %% [markdown]
# ## Recap
#
# - A model gives the probabilities of the next word; decoding turns them into a sentence.
# - Greedy: the best word each time. It can miss the best sentence.
# - Sampling: each word is drawn from the probabilities. Temperature sharpens or flattens them; top-k and top-p cut off
#   the tail.
# - With a causal mask, the keys and values of earlier words never change, so they are kept: only one row goes through
#   the layers in each step. The price is memory.
# - Beam search: the best few beginnings are followed; finished sentences are compared by their log-probability divided
#   by a length penalty.
#
# **Next**: lesson 10 turns to models that are broken, and only their behaviour gives them away.
#
# ## The paper, the blog, this code
#
# The column "blogs and notes" sums up what many of them say.
#
# | question | the paper | blogs and notes | this code |
# | --- | --- | --- | --- |
# | How is the sentence chosen? | beam search, beam 4 (section 6.1) | not mentioned | greedy, drawn, or with a beam |
# | Which length penalty? | $\alpha = 0.6$ (section 6.1), formula of Wu et al. 2016 | not mentioned | the same; `length_penalty=0` switches it off |
# | When does the search end? | at input length + 50, "but terminate early when possible" (section 6.1) | not mentioned | when `beam` sentences are finished and no open one scores better; at `max_length` |
# | Are words drawn at random? | no | "the model generates text" | `sample`, with temperature, top-k (Fan et al. 2018) and top-p (Holtzman et al. 2020) |
# | Are keys and values kept? | not mentioned | not mentioned | in `CachedDecoder`; every library does it |
