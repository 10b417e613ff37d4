# %% [markdown]
# # 8 · Full training, on one device or many
#
# Lesson 7 ended with the whole model. Now we train it in earnest: it will translate English into Korean. You write
# everything around the model: the batches, the loss, the learning rate, the training step, the measures. Then you train
# it, in about a minute, look inside it, and take parts out to see what they are for. At the end you put the translator
# together from the cells that you wrote in lessons 2 to 7.
#
# <!-- map: 08_training -->
# ![The map of the Transformer, with this lesson's parts in colour: loss against the right word.](figures/map.png)
# <!-- end -->
#
# **After this lesson you can**
# - say what happens in one training step, and in which order;
# - make batches of similar lengths, smooth labels, and compute the paper's learning rate by hand;
# - measure a model honestly: by its loss per word, exact match, and BLEU with its signature;
# - estimate what a training run costs, measure how fast it is, and say which changes made it faster;
# - explain how several devices train one model, and why gradients are weighted by tokens;
# - tell from a model's translations which part it lacks;
# - run an ablation (leave out one part, train again, compare), and write down the result.
#
# **What you need**: lesson 7 (masks, teacher forcing, greedy decoding). A laptop is enough, and no network is needed.
# About 130 minutes, including the wait for the training run; 15 of them are for the sections marked *extra*. You can
# skip those: nothing after them needs them.
#
# <!-- table: 08_training -->
# | exercise | what you build | points | minutes |
# | --- | --- | ---: | ---: |
# | 8.1 `batches_by_tokens` | batches of similar lengths | 4 | 12 |
# | 8.2 `label_smoothed_loss` | a loss that leaves room for doubt | 4 | 10 |
# | 8.3 `noam_rate` | up for a while, then slowly down | 2 | 5 |
# | 8.4 `train_step` | one step of training | 5 | 12 |
# | 8.5 `evaluate` | how good is it on unseen sentences? | 4 | 10 |
# | 8.6 `exact_match` | word for word | 1 | 3 |
# | 8.7 `training_flops` | what a training run costs | 1 | 2 |
# | 8.8 `model_flops_utilization` | how much of the device is used | 1 | 2 |
# | 8.9 `trained_model` | the trained model | 5 | 10 |
# <!-- end -->

# %%
import copy
import json
import math
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from IPython.display import Markdown
from matplotlib.patches import Rectangle
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from autograde import by_hand, check, own_model, predict
from helpers.corpus import (
    gloss,
    gloss_tokens,
    grammar_corpus,
    grammar_vocabularies,
)
from helpers.decoder import Transformer, greedy_decode, teacher_forcing_pair
from helpers.example import SENTENCES
from helpers.figures import heat_map, line_style, new, show
from helpers.trainer import Config, bleu, load_model, train, translate
from helpers.trainer.checkpoint import checkpoints
from helpers.trainer.devices import ALL_THREADS
from helpers.trainer.alignments import cross_attention_weights, found_alignments
from helpers.trainer.log import curve, read_rows
from helpers.trainer.shipped import load_shipped
from helpers.vocabulary import pad_batch

all_threads = ALL_THREADS  # as many as PyTorch uses by default
torch.set_num_threads(1)  # for small matrices one thread is the steadiest

# %% [markdown]
# ## The idea
#
# Training is one short loop. A batch of sentence pairs goes through the model. The **loss** says how improbable the
# model found the right words. `backward` computes for every **parameter** (every learned number, weight or bias) in
# which direction the loss grows, and the **optimizer** moves it a little the other way. The **learning rate** says how
# far, and a schedule changes it from step to step. From time to time the model is tested on sentences that it isn't
# trained on.
#
# ![The training loop as a circle of six boxes: batch of similar lengths, forward pass, label-smoothed loss, backward pass, clipped gradient, optimizer with its learning rate, and back to the next batch. Beside it: every few hundred steps the validation loss is measured and a checkpoint is saved; at the end come translations, exact match and the result card. The boxes name their exercises.](figures/training_loop.png)
#
# You write each box. The long run is left to the course's own trainer, in `helpers/trainer/`: it is the same loop, with
# checkpoints (the parameters, saved now and then so that nothing is lost), support for several devices, and everything
# that makes it fast.

# %% [markdown]
# ## The data
#
# Real corpora have to be downloaded, and training on them takes hours on a laptop. So this lesson brings its own
# language: a **grammar** that generates English sentences and their Korean translations. There are 20,000 pairs to
# train on, the same on every machine. The language is small, with about 250 words on each side, but there is real
# translating to do:
#
# - **order**: English says *who does what*, Korean says *who what does*. The verb comes last;
# - **counters**: "two cats" is 고양이 두 마리, cat two *animals*; people are counted with 명, books with 권;
# - **particles**: 이 or 가 marks the subject, 을 or 를 the object, depending on the last sound of the word before it;
# - **what the other language lacks**: English has articles, Korean has particles.
#
# You don't have to read Korean. Under each Korean sentence there is a **gloss**: its words in English, in Korean order.
# `SUBJ` and `OBJ` stand for the particles of subject and object, and a hyphen joins what Korean writes as one word.
# Korean has one form for *drink* and *drinks*; the gloss always writes *drinks*.
# Each pair also comes with its **gold links**, which say which Korean word translates which English word. (If you see
# empty boxes in place of Korean letters, your system has no Korean font; install one, for example Noto Sans KR. The
# figures bring their own.)

# %%
corpus = grammar_corpus()
splits = {"train": corpus.train, "validation": corpus.validation, **corpus.tests}
for name, pairs in splits.items():
    print(f"{name}: {len(pairs):,} pairs\n   {pairs[0].source_text}")
    print(f"   {pairs[0].target_text}\n   {gloss(pairs[0].target_text)}\n")

# %% tags=["drawing"]
# Drawing: a pair with its gold links
example = next(
    pair
    for pair in corpus.tests["random"]
    if {"two", "not"} <= set(pair.source) and len(pair.source) < 10
)


def draw_links(axes, pair):
    """Both sentences as rows of words, a line per gold link, a gloss under each Korean word."""
    rows = {"English": (1.0, pair.source), "Korean": (0.0, pair.target)}
    width = max(len(words) for _, words in rows.values()) - 1
    at = {name: np.linspace(0, width, len(words)) for name, (_, words) in rows.items()}
    for i, j in pair.alignments:
        of_nouns = (i, j) in pair.noun_alignments
        style = line_style(1 if of_nouns else 0) | {
            "marker": "",
            "linewidth": 2.2 if of_nouns else 1.2,
        }
        axes.plot([at["English"][i], at["Korean"][j]], [0.93, 0.07], **style)
    for name, (height, words) in rows.items():
        axes.text(-0.9, height, name, ha="right", va="center", color="#555555")
        for place, word in zip(at[name], words, strict=True):
            axes.text(
                place,
                height,
                word,
                ha="center",
                va="center",
                family=["DejaVu Sans", "Course Hangul"],
            )
    for place, word in zip(at["Korean"], gloss_tokens(pair.target), strict=True):
        axes.text(place, -0.2, word, ha="center", va="center", fontsize=8.5, color="#555555")
    axes.set(xlim=(-1.6, width + 0.6), ylim=(-0.32, 1.15))
    axes.axis("off")


figure, axes = new(size=(9.5, 2.8))
draw_links(axes, example)
show(
    figure,
    alt=f"The pair '{example.source_text}' and '{example.target_text}' as two rows of words with "
    "their gold links: dashed, thick lines join nouns with nouns, thin lines the other words. The "
    "lines cross, since the Korean verb comes last. Under the Korean words their meanings: "
    f"{', '.join(gloss_tokens(example.target))}.",
)

# %% [markdown]
# Dashed, thick lines join nouns, thin lines all other words. For the model a particle is a separate token (고양이 가, "cat
# SUBJ"); for people it is written onto its word (고양이가). The particles of subject and object have no link: English has
# no word for them.
#
# The **splits** ask different questions. `random` has new sentences of the same kind. In `compositional` each sentence
# has a pair of words that were never combined in training, for example an adjective and its noun, although each of the
# two did occur. The sentences of `long` have 13 to 20 English words; those in training have at most 12. A model that
# has learned the *rules* passes all three; one that has memorised what it saw passes the first at best. `validation` is
# there for the choices you make along the way. The tests are for the end.
#
# Words become ids as in lesson 1: one vocabulary for each language, made from the training pairs only.

# %%
english, korean = vocabularies = grammar_vocabularies(corpus)
sources = [english.encode(pair.source_text) for pair in corpus.train]
targets = [korean.encode(pair.target_text) for pair in corpus.train]
print(
    f"{len(english)} English and {len(korean)} Korean words, <pad> <bos> <eos> <unk> among them\n"
)
print(example.source_text, "\n  ", english.encode(example.source_text))
print(example.target_text, "\n  ", korean.encode(example.target_text))
print("  ", *korean.decode(korean.encode(example.target_text)))
print("  ", *gloss_tokens(example.target))

# %% [markdown]
# ## The numbers by hand
#
# Take a pencil. Each of the following is small enough for paper, and you'll program it next. Type your number in place
# of the dots, and run the cell.
#
# ### Six sentences, two ways to batch
#
# Six sentences have 3, 9, 4, 10, 3 and 4 tokens, 33 in all. A batch is a rectangle of tokens: every row is as long as
# the batch's longest sentence, and the gaps are filled with padding.
#
# | batches | rectangles | tokens with padding | padding |
# | --- | --- | --- | --- |
# | two by two, as they come: (3, 9) (4, 10) (3, 4) | 2 × 9, 2 × 10, 2 × 4 | 46 | 13 |
# | sorted, at most 20 tokens each: (3, 3, 4, 4) (9, 10) | ... | ? | ? |

# %%
by_hand("tokens with padding, sorted", ...)

# %% [markdown]
# Sorting leaves hardly any padding, and a limit in **tokens** makes batches that all cost about the same: many short
# sentences or a few long ones.
#
# ### A smoothed label
#
# What the model predicts is a **probability distribution**: a number for each word of the vocabulary, where no number
# is below 0 and all of them add up to 1. What it should predict is a distribution, too: 1 for the right word, 0 for the
# others. The **cross-entropy** compares the two: for each word multiply the target probability by the logarithm of the
# predicted probability, add these products up, and change the sign.
#
# Suppose that the vocabulary has 4 words, that the model gives them the probabilities 0.7, 0.1, 0.1 and 0.1, and that
# the first is right. The cross-entropy is $-\ln 0.7 = 0.357$; the other three words don't count. **Label smoothing**
# with 0.1 takes a tenth of the target away from the right word and spreads it evenly over all four, so the target
# becomes 0.925, 0.025, 0.025, 0.025. What is the cross-entropy now, with two decimals? ($\ln 0.7 = -0.357$
# and $\ln 0.1 = -2.303$.)

# %%
by_hand("loss of a smoothed label", ...)

# %% [markdown]
# What does the model gain by being more certain?

# %%
print("probability of the right word   plain   smoothed")
for p in (0.7, 0.925, 0.97, 0.997):
    plain = -math.log(p)
    smoothed = -(0.925 * math.log(p) + 3 * 0.025 * math.log((1 - p) / 3))
    print(f"{p:22.3f} {plain:14.3f} {smoothed:10.3f}")

# %% [markdown]
# The plain loss rewards every further nine. The smoothed loss is smallest at 0.925, exactly its target, and *grows*
# when the model becomes more certain than that. The paper says: "This hurts perplexity, as the model learns to be more
# unsure, but improves accuracy and BLEU score." (section 5.4) You can put this to the test at the end of the lesson.
#
# ### The learning rate at three steps
#
# $$rate = d_{model}^{-0.5} \cdot \min(step^{-0.5},\; step \cdot warmup^{-1.5})$$
#
# With $d_{model} = 16$ the factor in front is 1/4. With $warmup = 9$, $warmup^{-1.5} = 1/27$:
#
# | step | $step^{-0.5}$ | $step / 27$ | the smaller × 1/4 |
# | --- | --- | --- | --- |
# | 1 | 1 | **1/27** | 1/108 = 0.0093 |
# | 9 | **1/3** | **9/27** | 1/12 = 0.0833 |
# | 36 | 1/6 | 36/27 | ? |

# %%
by_hand("learning rate at step 36", ...)

# %% [markdown]
# The rate goes up in a straight line for `warmup` steps, up to where both terms are equal, and then down: four times as
# many steps, half the rate.

# %% [markdown]
# ## Batches

# %% [markdown]
# ### Exercise 8.1 · `batches_by_tokens`
# <!-- facts: batches_by_tokens -->
# *batches of similar lengths* · core · 4 points · about 12 minutes
# <!-- end -->
#
# Write `batches_by_tokens(lengths, max_tokens, generator=None)`. `lengths` says how many tokens each sentence has.
# Return the batches: a list of lists of **indices** into `lengths`.
#
# - Every index occurs exactly once.
# - A batch is a rectangle: its longest length × its number of sentences is at most `max_tokens`.
# - Sentences of similar lengths share a batch: go through them from short to long, and let each batch take as many as
#   the limit allows.
# - The batches come in random order, drawn with `generator`, a `torch.Generator` (None: PyTorch's global generator).
#   Otherwise each epoch (one pass through all pairs) would begin with short sentences and end with long ones.
# - A sentence longer than `max_tokens` fits nowhere: raise a `ValueError` whose text names its index.
#
# ```
# batches_by_tokens([3, 9, 4, 10, 3, 4], 20)   gives, in some order   [[0, 4, 2, 5], [1, 3]]
# ```
#
# <!-- hints: batches_by_tokens -->
# <details>
# <summary>Hint 1</summary>
#
# Three steps: bring the indices into the order of their lengths, cut that list into batches, shuffle the batches. While you go from short to long, the newest sentence is the longest of its batch. How many tokens would the batch have, with padding, if it joined?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# Sort `range(len(lengths))` with `key=` the length. A new batch begins where `lengths[index] * (len(batch) + 1)` would be more than `max_tokens`. `torch.randperm(len(batches), generator=generator)` gives the order of the batches. Look for sentences that are too long before anything else.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "batches_by_tokens", "locked": false, "schema_version": 3, "solution": true, "task": false}
def batches_by_tokens(lengths, max_tokens, generator=None):
    """Lists of indices: batches of similar lengths, longest * count <= max_tokens, random order."""
    ### BEGIN SOLUTION
    lengths = [int(length) for length in lengths]
    for index, length in enumerate(lengths):
        if length > max_tokens:
            raise ValueError(
                f"sentence {index} has {length} tokens, a batch at most {max_tokens}: "
                "raise max_tokens"
            )
    mixed = torch.randperm(len(lengths), generator=generator).tolist()
    batches = [[]]
    for index in sorted(
        mixed, key=lengths.__getitem__
    ):  # the newest is the longest; equal lengths stay mixed
        if lengths[index] * (len(batches[-1]) + 1) > max_tokens:
            batches.append([])
        batches[-1].append(index)
    order = torch.randperm(len(batches), generator=generator).tolist()
    return [batches[place] for place in order if batches[place]]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_batches_by_tokens", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("batches_by_tokens")

# %% [markdown]
# A pair has two lengths, and the larger one decides. Here are your batches of the grammar's pairs, next to batches of
# 96 pairs in random order.

# %%
longest = [max(len(source), len(target)) for source, target in zip(sources, targets, strict=True)]
generator = torch.Generator().manual_seed(0)
by_tokens = batches_by_tokens(longest, 1536, generator)
mixed_order = torch.randperm(len(sources), generator=generator).tolist()
fixed = [mixed_order[start : start + 96] for start in range(0, len(mixed_order), 96)]


def share_of_padding(batches):
    filled = sum(max(len(targets[i]) for i in batch) * len(batch) for batch in batches)
    return 1 - sum(len(targets[i]) for batch in batches for i in batch) / filled


for name, batches in (("96 random pairs", fixed), ("batches by tokens", by_tokens)):
    padding = f"{share_of_padding(batches):.0%} of the target tokens are padding"
    print(f"{name:<18} {len(batches)} batches, {padding}")

# %% tags=["drawing"]
# Drawing: one batch of each kind
figure, axes = new(1, 2, size=(10, 3.4), sharey=True, sharex=True)
for panel, batches, title in (
    (axes[0], fixed, "96 random pairs"),
    (axes[1], by_tokens, "similar lengths"),
):
    batch = sorted(batches[0], key=lambda i: len(targets[i]))
    widths = np.array([len(targets[i]) for i in batch])
    panel.barh(range(len(batch)), widths, height=1.0, color="#0072B2", label="real tokens")
    hatched = {"color": "#E69F00", "hatch": "///", "edgecolor": "white", "linewidth": 0}
    rest = widths.max() - widths
    panel.barh(range(len(batch)), rest, height=1.0, left=widths, label="padding", **hatched)
    panel.set(
        title=f"{title}: {share_of_padding(batches):.0%} padding in all",
        xlabel="position in the sentence",
    )
    panel.locator_params(axis="x", integer=True)
axes[0].set(ylabel="sentence of one batch")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
show(
    figure,
    alt="Two batches as rectangles, a bar for each sentence, sorted by length; padding is "
    f"hatched. In all batches the share of padding is {share_of_padding(fixed):.0%} with 96 "
    f"random pairs and {share_of_padding(by_tokens):.0%} with similar lengths.",
)

# %% [markdown]
# The paper does the same: "Sentence pairs were batched together by approximate sequence length" (section 5.1), about
# 25,000 source and 25,000 target tokens a batch. In natural text the lengths vary more than here, so the gain is
# larger.

# %% [markdown]
# ## The loss

# %% [markdown]
# ### Exercise 8.2 · `label_smoothed_loss`
# <!-- facts: label_smoothed_loss -->
# *a loss that leaves room for doubt* · core · 4 points · about 10 minutes
# <!-- end -->
#
# Write `label_smoothed_loss(logits, labels, smoothing=0.1, pad=0)`.
#
# - `logits` is `(batch, length, vocabulary)`, `labels` holds ids, `(batch, length)`.
# - Every word of the vocabulary gets the target probability `smoothing / vocabulary`; the label gets `1 - smoothing` on
#   top. The loss of one position is minus the sum of target probability × log-probability over all words.
# - Positions whose label is `pad` don't count at all. The result is the **mean over the real labels** of the whole
#   batch: a tensor with one number, through which gradients flow.
#
# By hand: the logits $\ln 7, 0, 0, 0$ give the probabilities 0.7, 0.1, 0.1, 0.1, and the label is word 0. The loss is
# 0.503, the number that you computed above.
#
# <!-- hints: label_smoothed_loss -->
# <details>
# <summary>Hint 1</summary>
#
# Take the logarithm of the probabilities once: `log_softmax` over the vocabulary. For each position you need two numbers: that of the label, and the mean over all words. Weight them with `1 - smoothing` and `smoothing`. Then: which positions count?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `log_probabilities.gather(-1, labels.unsqueeze(-1)).squeeze(-1)` picks the label's number, `mean(dim=-1)` is the other. The loss of a position is minus their weighted sum. With `real = labels != pad`, add up the real positions (`masked_fill(~real, 0).sum()`) and divide by `real.sum()`.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "label_smoothed_loss", "locked": false, "schema_version": 3, "solution": true, "task": false}
def label_smoothed_loss(logits, labels, smoothing=0.1, pad=0):
    """Cross-entropy against softened labels, the mean over real labels."""
    ### BEGIN SOLUTION
    log_probabilities = logits.log_softmax(dim=-1)
    of_label = log_probabilities.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    of_all = log_probabilities.mean(dim=-1)
    losses = -(1 - smoothing) * of_label - smoothing * of_all  # (batch, length)
    real = labels != pad
    return losses.masked_fill(~real, 0).sum() / real.sum()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_label_smoothed_loss", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("label_smoothed_loss")

# %% [markdown]
# **The same with PyTorch's own.** `cross_entropy` can handle label smoothing and padding. It expects the vocabulary on
# the second axis.

# %%
torch.manual_seed(0)
random_logits, random_labels = 3 * torch.randn(4, 6, 50), torch.randint(0, 50, (4, 6))
random_labels[1:, 4:] = 0
own = label_smoothed_loss(random_logits, random_labels)
theirs = F.cross_entropy(
    random_logits.transpose(1, 2), random_labels, ignore_index=0, label_smoothing=0.1
)
on_paper = label_smoothed_loss(
    torch.tensor([[[math.log(7), 0.0, 0.0, 0.0]]]), torch.tensor([[0]]), pad=-1
)
print(f"yours {own.item():.4f}, PyTorch's {theirs.item():.4f}; by hand {on_paper.item():.3f}")

# %% [markdown]
# ## The learning rate

# %% [markdown]
# ### Exercise 8.3 · `noam_rate`
# <!-- facts: noam_rate -->
# *up for a while, then slowly down* · core · 2 points · about 5 minutes
# <!-- end -->
#
# Write `noam_rate(step, d_model, warmup)`, equation 3 of the paper, as in the numbers by hand. `step` counts from 1;
# the result is a number. (It is named after Noam Shazeer, one of the paper's authors.)
#
# ```
# noam_rate(1, 16, 9)    gives   0.0092...
# noam_rate(9, 16, 9)    gives   0.0833...
# noam_rate(36, 16, 9)   gives   0.0416...
# ```
#
# <!-- hints: noam_rate -->
# <details>
# <summary>Hint 1</summary>
#
# Equation 3 of the paper has two lines: one rises with the step, one falls. The smaller of the two counts. `x ** -0.5` is one over the square root of x.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `d_model**-0.5 * min(step**-0.5, step * warmup**-1.5)`: the two are equal at `step = warmup`.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "noam_rate", "locked": false, "schema_version": 3, "solution": true, "task": false}
def noam_rate(step, d_model, warmup):
    """The learning rate at `step`, counted from 1."""
    ### BEGIN SOLUTION
    return d_model**-0.5 * min(step**-0.5, step * warmup**-1.5)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_noam_rate", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("noam_rate")

# %% tags=["drawing"]
# Drawing: the learning rate of three settings
steps = np.arange(1, 20001)
figure, axes = new(size=(7.5, 3.3))
peaks = []
for index, (width, warmup) in enumerate(((512, 4000), (512, 8000), (256, 4000))):
    rates = [noam_rate(int(step), width, warmup) for step in steps]
    peaks.append(f"d_model {width}, warmup {warmup}: peak {max(rates):.2g}")
    axes.plot(
        steps,
        rates,
        label=f"d_model {width}, warmup {warmup}",
        **line_style(index) | {"markevery": 2500},
    )
axes.set(title="the paper's learning rate", xlabel="step", ylabel="learning rate")
axes.legend()
show(
    figure,
    alt="Three curves of the learning rate over 20,000 steps. By the paper's equation each rises "
    "in a straight line to its peak at the end of warm-up and "
    "then falls as one over the square root: " + "; ".join(peaks) + ".",
)

# %% [markdown]
# **The same with PyTorch's own.** `LambdaLR` multiplies the optimizer's rate by what a function returns. It counts
# steps from 0 and the paper counts from 1, hence `done + 1`: `noam_rate(0, ...)` would divide by zero.

# %%
weight = nn.Parameter(torch.zeros(1))
optimizer = torch.optim.Adam([weight], lr=1.0)
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: noam_rate(done + 1, 16, 9))
seen = []
for _ in range(36):
    seen.append(schedule.get_last_lr()[0])
    optimizer.step()
    schedule.step()
print("rates at the steps 1, 9 and 36:", " ".join(f"{seen[step - 1]:.4f}" for step in (1, 9, 36)))

# %% [markdown]
# <details><summary>Why warm up at all?</summary>
#
# The optimizer Adam divides each gradient by its usual size, and in the first steps it knows hardly anything about that
# size: the very first step moves every parameter by the whole learning rate, up or down depending on the sign of the
# gradient of a single batch (Liu and others, "On the Variance of the Adaptive Learning Rate and Beyond", 2020).
# Post-norm layers, as in the paper, have large gradients near the output at first. Small steps let both settle. (Lesson
# 5 compared post-norm and pre-norm. You'll see for yourself whether this model needs a warm-up.)
#
# </details>

# %% [markdown]
# ## One step, and how good the model is

# %% [markdown]
# ### Exercise 8.4 · `train_step`
# <!-- facts: train_step -->
# *one step of training* · core · 5 points · about 12 minutes
# <!-- end -->
#
# Write `train_step(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32")`: one update of the parameters.
# `batch` is `(source, target)`, both ids with `<bos>` and `<eos>`; `model(source, decoder_input)` gives the logits. In
# this order:
#
# 1. the model is put into training mode, and old gradients are cleared;
# 2. forward pass with teacher forcing (`teacher_forcing_pair(target)` returns what the decoder reads and the labels),
#    then `label_smoothed_loss` with its defaults. With `precision="bf16"` the forward pass runs inside `torch.autocast`
#    with `dtype=torch.bfloat16`: matrix products use 16-bit numbers, with the range of float32 but only about three
#    decimal digits, while parameters and loss stay in float32 (`logits.float()`). `"fp32"` changes nothing;
# 3. backward pass;
# 4. **clipping**: if the norm of *all* gradients together is above `clip`, they are scaled down so that it equals
#    `clip`. Then one bad batch can't throw the parameters far off;
# 5. the optimizer moves the parameters, then the scheduler, if there is one, sets the learning rate.
#
# Return a dictionary with `loss`, `tokens` (the number of real labels, ids other than 0) and `gradient_norm` (before
# clipping): numbers, or tensors with one element. On a GPU, tensors are better: reading a number makes the program wait
# until the device has computed it.
#
# <!-- hints: train_step -->
# <details>
# <summary>Hint 1</summary>
#
# The order is: training mode, gradients cleared, forward, loss, backward, clip, optimizer, scheduler. What does the decoder read, what does it have to predict? `teacher_forcing_pair` gives both.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `torch.nn.utils.clip_grad_norm_(model.parameters(), clip)` clips and returns the norm before clipping. `with torch.autocast(source.device.type, dtype=torch.bfloat16, enabled=...):` goes around the forward pass; it is enabled only for `"bf16"`. `(labels != 0).sum()` is the number of tokens. Detach the loss that you return.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "train_step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def train_step(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    """One update of the weights; returns loss, tokens and gradient_norm."""
    ### BEGIN SOLUTION
    if precision not in ("fp32", "bf16"):
        raise ValueError(f'precision is "fp32" or "bf16", not {precision!r}')
    source, target = batch
    decoder_input, labels = teacher_forcing_pair(target)
    model.train()
    optimizer.zero_grad()
    with torch.autocast(source.device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
        logits = model(source, decoder_input)
    loss = label_smoothed_loss(logits.float(), labels)
    loss.backward()
    gradient_norm = nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    if scheduler is not None:
        scheduler.step()
    return {"loss": loss.detach(), "tokens": (labels != 0).sum(), "gradient_norm": gradient_norm}
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_train_step", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check("train_step")

# %% [markdown]
# ### Exercise 8.5 · `evaluate`
# <!-- facts: evaluate -->
# *how good is it on unseen sentences?* · core · 4 points · about 10 minutes
# <!-- end -->
#
# Write `evaluate(model, batches)`: how well does the model predict the next word in sentences that it wasn't trained
# on, given the right words before it? `batches` holds pairs `(source, target)`. Return a dictionary with three
# entries, numbers or tensors with one element:
#
# - `loss`: the cross-entropy per real label (an id other than 0), **without** smoothing, over all such labels of all
#   batches;
# - `perplexity`: $e^{loss}$, since the loss is in *nats*, which means that it uses the natural logarithm. A model that
#   hesitates between 8 equally probable words has a perplexity of 8;
# - `accuracy`: the share of real labels that are the model's most probable word.
#
# A batch with 3 labels must not count as much as a batch with 300: divide once, at the end. During all this the model
# is in evaluation mode (no dropout), and afterwards it is back in the mode that it was in before; no gradients are
# recorded.
#
# <!-- hints: evaluate -->
# <details>
# <summary>Hint 1</summary>
#
# Batches have different numbers of labels, so a mean of their means is wrong. Add up the loss of all real labels, the number of right ones, and the number of real labels; divide at the end, once.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `label_smoothed_loss(logits, labels, smoothing=0.0) * real.sum()` is a batch's sum. The right ones are `(logits.argmax(dim=-1) == labels) & real`. Call `model.eval()` before and `model.train(training)`, with the mode from before, afterwards; put `torch.no_grad()` around it all. The perplexity is exp of the final loss.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "evaluate", "locked": false, "schema_version": 3, "solution": true, "task": false}
def evaluate(model, batches):
    """Loss per real label, perplexity and accuracy over all batches."""
    ### BEGIN SOLUTION
    training = model.training
    model.eval()
    loss, right, tokens = 0.0, 0, 0
    with torch.no_grad():
        for source, target in batches:
            decoder_input, labels = teacher_forcing_pair(target)
            logits = model(source, decoder_input)
            real = labels != 0
            loss += label_smoothed_loss(logits, labels, smoothing=0.0) * real.sum()
            right += ((logits.argmax(dim=-1) == labels) & real).sum()
            tokens += real.sum()
    model.train(training)
    loss = loss / tokens
    return {
        "loss": loss.item(),
        "perplexity": loss.exp().item(),
        "accuracy": (right / tokens).item(),
    }
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_evaluate", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("evaluate")

# %% [markdown]
# ### Exercise 8.6 · `exact_match`
# <!-- facts: exact_match -->
# *word for word* · core · 1 point · about 3 minutes
# <!-- end -->
#
# Write `exact_match(predictions, references)`: the share of predictions that equal their reference, word for word. Both
# arguments are lists of the same length; each item is a list of tokens, or a string. In the grammar a sentence has
# exactly one right translation, so this strict measure is fair there.
#
# ```
# exact_match(["개가 자요", "물이 좋아요"], ["개가 자요", "물을 마셔요"])   gives   0.5
# ```
#
# (The predictions are *dog-SUBJ sleeps* and *water-SUBJ is good*, the references *dog-SUBJ sleeps* and *water-OBJ
# drinks*: the second pair differs.)
#
# <!-- hints: exact_match -->
# <details>
# <summary>Hint 1</summary>
#
# Walk through both lists at once and compare each pair as a whole. What do you divide the number of equal pairs by?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `zip(predictions, references)` gives the pairs; `==` compares lists and strings as a whole; `sum` counts the True ones.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "exact_match", "locked": false, "schema_version": 3, "solution": true, "task": false}
def exact_match(predictions, references):
    """The share of predictions that are their reference, word for word."""
    ### BEGIN SOLUTION
    same = [
        prediction == reference
        for prediction, reference in zip(predictions, references, strict=True)
    ]
    return sum(same) / len(same)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_exact_match", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("exact_match")

# %% [markdown]
# ### Putting it all together
#
# That's all a training run needs. Let's take a hundred steps, which see a bit more than half of all pairs, with your
# own functions and the Transformer of lesson 7. (This takes 10 to 30 seconds.)
#
# **Predict first.** When the model gets 70 % of the next words right, how many of 100 new sentences will it translate
# word for word?

# %%
predict("", about="whole sentences right when 70 % of the next words are")


# %% tags=["measured"]
def batch_of(pairs_at, sources, targets):
    """The pairs with these indices as (source, target), padded."""
    return pad_batch([sources[i] for i in pairs_at])[0], pad_batch([targets[i] for i in pairs_at])[
        0
    ]


def new_model():
    torch.manual_seed(0)
    return Transformer(
        len(english), len(korean), d_model=64, num_heads=4, num_layers=2, d_ff=192, dropout=0.0
    )


unseen = corpus.validation[:100]
unseen_source, unseen_target = batch_of(
    range(100),
    [english.encode(p.source_text) for p in unseen],
    [korean.encode(p.target_text) for p in unseen],
)

model = new_model()
optimizer = torch.optim.Adam(model.parameters(), lr=1.0, betas=(0.9, 0.98), eps=1e-9)
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: noam_rate(done + 1, 64, 100))
before = evaluate(model, [(unseen_source, unseen_target)])
for batch in by_tokens[:100]:
    train_step(model, batch_of(batch, sources, targets), optimizer, schedule)
after = evaluate(model, [(unseen_source, unseen_target)])

written = greedy_decode(model, unseen_source, max_length=25).tolist()
share = exact_match([korean.text(row) for row in written], [pair.target_text for pair in unseen])
print(f"perplexity on unseen sentences: {before['perplexity']:.0f} before, ", end="")
print(f"{after['perplexity']:.1f} after 100 steps")
print(f"next words that are right:      {after['accuracy']:.0%}")
print(f"whole sentences that are right: {share:.0%}")
predict()

# %% [markdown]
# With seven words in ten right, hardly any twelve-word sentence comes out whole: $0.7^{12} \approx 0.01$. (Shorter
# sentences more often do, so the share of all sentences is larger.) With 97 % it would be $0.97^{12} \approx 0.7$. The
# last few percent per word are what makes whole sentences come out right, and they are what the long run is for.

# %% [markdown]
# ## What a training run costs
#
# How long will it take? A rule of thumb answers that before you run anything. In the forward pass each parameter takes
# part in one multiplication and one addition for each token: 2 operations. The backward pass needs two such products,
# one for the gradient of the parameters and one for the gradient of the inputs: 4 operations. That makes 6 for each
# parameter and each token.

# %% [markdown]
# ### Exercise 8.7 · `training_flops`
# <!-- facts: training_flops -->
# *what a training run costs* · core · 1 point · about 2 minutes
# <!-- end -->
#
# Write `training_flops(parameters, tokens)`: the floating-point operations of a whole run with that many parameters and
# tokens, by the rule above. (FLOPs are operations. FLOP/s, operations *per second*, is the speed of a device.)
#
# ```
# training_flops(10, 7)   gives   420
# ```
#
# <!-- hints: training_flops -->
# <details>
# <summary>Hint 1</summary>
#
# A multiplication and an addition for each parameter and token: that is the forward pass. The backward pass needs two such products per layer, one for the inputs' gradient, one for the parameters'.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# 2 operations forward, 4 backward: `6 * parameters * tokens`.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "training_flops", "locked": false, "schema_version": 3, "solution": true, "task": false}
def training_flops(parameters, tokens):
    """Floating-point operations of a training run."""
    ### BEGIN SOLUTION
    return 6 * parameters * tokens
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_training_flops", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("training_flops")

# %% [markdown]
# ### Exercise 8.8 · `model_flops_utilization`
# <!-- facts: model_flops_utilization -->
# *how much of the device is used* · core · 1 point · about 2 minutes
# <!-- end -->
#
# Write `model_flops_utilization(tokens_per_second, parameters, peak_flops)`: of the operations per second that a device
# can do (`peak_flops`), what share does a run use? Return a number between 0 and 1.
#
# ```
# model_flops_utilization(10, 5, 1000)   gives   0.3
# ```
#
# <!-- hints: model_flops_utilization -->
# <details>
# <summary>Hint 1</summary>
#
# How many operations per second does the run need, by the same rule? And how many could the device do?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `training_flops(parameters, tokens_per_second) / peak_flops`: tokens per second in, operations per second out.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "model_flops_utilization", "locked": false, "schema_version": 3, "solution": true, "task": false}
def model_flops_utilization(tokens_per_second, parameters, peak_flops):
    """The share of the device's peak that the model's own operations use."""
    ### BEGIN SOLUTION
    return training_flops(parameters, tokens_per_second) / peak_flops
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_model_flops_utilization", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("model_flops_utilization")

# %% [markdown]
# The paper's base model: 65 million parameters, 100,000 steps of about 25,000 source and 25,000 target tokens.

# %%
paper = training_flops(65e6, 100_000 * 50_000)
peak_of_8 = 8 * 9.5e12 * 12 * 3600  # eight P100 for twelve hours
print(f"by the rule, all parameters:   {paper:.1e} operations, {paper / peak_of_8:.0%} of the peak")

square, network, output = 512 * 512, 2 * 512 * 2048, 37_000 * 512
# the encoder, and keys and values of cross-attention
source_meets = 6 * (4 * square + network) + 6 * 2 * square
target_meets = 6 * (6 * square + network) + output  # the rest of the decoder, and the output
tokens = 100_000 * 25_000  # on each side
parts = training_flops(source_meets, tokens) + training_flops(target_meets, tokens)
print(f"counted where a token passes:  {parts:.1e} operations, {parts / peak_of_8:.0%} of the peak")
print(f"the paper's own estimate, 3.3e+18, is {3.3e18 / parts:.1f} times that")

# %% [markdown]
# The rule is made for models in which every token meets every parameter. Here a source token passes through the encoder
# and a target token through the decoder, so the rule counts about twice as many operations as there are. The paper's
# own number is larger still: its authors multiplied the hours by their estimate of a GPU's sustained speed, whether it
# was multiplying or waiting.

# %% [markdown]
# ## The speed ladder (extra)
#
# The ladder takes the same model on the same machine and makes it faster, rung by rung; each rung keeps what the ones
# before it switched on. What counts is **real target tokens per second**: padding is no use to anybody.
#
# 1. *plain loop*: your `train_step`, 96 random pairs in a batch;
# 2. *batches by tokens*: your `batches_by_tokens`;
# 3. *real positions only, fused optimizer*: the trainer computes logits and loss only at real labels, and one fused
#    operation of the optimizer updates all parameters;
# 4. *fast forward*: query, key and value in one matrix product, and PyTorch's own attention and normalization: fewer
#    and larger operations, the same numbers;
# 5. *all cores*;
# 6. *bf16*: 16-bit matrix products.
#
# The measurement takes about a minute. The saved figure was made on 20 November 2026, on two otherwise idle cores of an
# AMD EPYC.
#
# **Predict first.** Which rung gains most on a CPU, with a model as small as ours? Does any rung make it slower?

# %%
predict("", about="which rung of the speed ladder gains most")


# %% tags=["measured"]
# Real labels per second, always the best of five times ten steps: other programs only slow it down.
def speed_of_steps(batches):
    model = new_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, foreach=False, fused=False)
    speeds = []
    for begin in range(0, 50, 10):
        start, tokens = time.perf_counter(), 0
        for batch in batches[begin : begin + 10]:
            tokens += int(train_step(model, batch_of(batch, sources, targets), optimizer)["tokens"])
        speeds.append(tokens / (time.perf_counter() - start))
    return max(speeds)


def speed_of_trainer(**changes):
    config = Config.preset(
        "small",
        steps=50,
        log_every=10,
        save_every=0,
        validate_every=0,
        evaluate="none",
        dropout=0.0,
        **changes,
    )
    with tempfile.TemporaryDirectory() as folder:
        result = train(config, folder=folder, show=False)
    return max(row["tokens_per_second"] for row in result.rows)


ladder = {
    "plain loop": speed_of_steps(fixed),
    "batches by tokens": speed_of_steps(by_tokens),
    "real positions, fused optimizer": speed_of_trainer(threads=1, fast=False),
    "fast forward": speed_of_trainer(threads=1),
    f"all cores ({all_threads} threads)": speed_of_trainer(threads=all_threads),
    "bf16": speed_of_trainer(threads=all_threads, precision="bf16"),
}
torch.set_num_threads(1)

# %% tags=["measured", "drawing"]
# Drawing: the speed ladder
figure, axes = new(size=(8.8, 3.2))
names, speeds = list(ladder), np.array(list(ladder.values()))
gains = [1.0, *(speeds[1:] / speeds[:-1])]
bars = axes.barh(names, speeds, color="#0072B2")
labels = [f" {speed:,.0f}   × {gain:.2f}" for speed, gain in zip(speeds, gains, strict=True)]
axes.bar_label(bars, labels)
axes.invert_yaxis()
axes.set(title="the speed ladder: × what each rung gains over the one above")
axes.set(xlabel="real target tokens per second", xlim=(0, 1.35 * speeds.max()))
show(
    figure,
    alt="A bar for each rung of the ladder with real target tokens per second, and what it gains "
    "over the rung before: "
    + ", ".join(f"{name} times {gain:.2f}" for name, gain in zip(names, gains, strict=True))
    + f". All in all {max(speeds) / speeds[0]:.1f} times the plain loop.",
)

# %% [markdown]
# On a busy machine the numbers vary, most of all where several cores are used: what looks like a loss of speed may be
# the work of other programs. Here is what we saw on the idle one:
#
# - A second core that is free gains most. (With one thread only, the rung *all cores* has nothing to gain.)
# - On one thread the gain comes from *not computing what nobody needs*, above all padding, and from doing a few large
#   operations in place of many small ones. Once the padding is gone, computing only at real positions has hardly
#   anything left to save: with batches of similar lengths that rung gains next to nothing.
# - bf16 pays off where the device has units for it: on a GPU, and on some CPUs once the model is wide. At this width of
#   64 it took longer than float32. So did `torch.compile`, which joins small operations. The trainer switches both on
#   by itself on CUDA, and leaves them off here. Measure, don't assume.

# %% [markdown]
# ## The training
#
# Now comes the real run, with the trainer and its preset `small`: the Transformer of lesson 7, with two layers of width
# 64, on all 20,000 pairs. It takes about a minute on two free cores, longer on a busy machine. A progress bar shows how
# far along it is; the plot is redrawn every few seconds. Stop it whenever you like (■): it saves its state, and running
# the cell again picks up where it left off.
#
# At the end, the **result card** says what was run and what the results were; keep it with every result that you show
# to anybody. The parameters go into `trained_model.safetensors` beside this notebook, a file format that holds numbers
# and text and can't run code. If the file is there already, the cell trains nothing; to train again, delete it and the
# folder `runs/lesson`.

# %% tags=["interactive"]
RUN, TRAINED = Path("runs/lesson"), Path("trained_model.safetensors")

if TRAINED.exists():
    print(f"{TRAINED} is there already. To train again, delete it and the folder {RUN}.")
else:
    torch.set_num_threads(all_threads)
    train(Config.preset("small"), folder=RUN, resume=bool(checkpoints(RUN)))
    shutil.copy(RUN / "model.safetensors", TRAINED)
    torch.set_num_threads(1)

# %% [markdown]
# Here are the curve and the card once more, from the files of the run. The validation loss is below the training loss,
# because dropout disturbs the model in training, and because each point of the training loss is a mean over the steps
# before it.

# %% tags=["measured"]
finished = (RUN / "card.md").is_file()
unfinished = (
    f"There is no finished run in {RUN}. Run the training cell: it picks up where it left off."
)
# the scale is logarithmic: each line down is a tenth
curve(read_rows(RUN / "log.jsonl")) if finished else print(unfinished)

# %% tags=["measured"]
Markdown((RUN / "card.md").read_text(encoding="utf-8")) if finished else print(unfinished)

# %% [markdown]
# Read the card from the top.
#
# - `random` and `compositional` are nearly perfect, so the model hasn't memorised its sentences: it combines words that
#   were never combined in training.
# - `long` is far below them. Sentences with 13 words or more reach positions that the model never saw in training. The
#   rules are the same, yet they don't carry over by themselves. An average over all splits would have hidden that.
# - `small` trains without label smoothing and with little dropout: each sentence has exactly one right translation, so
#   it is right to be certain. For natural text both are 0.1 or more.

# %% [markdown]
# ### Exercise 8.9 · `trained_model`
# <!-- facts: trained_model -->
# *the trained model* · core · 5 points · about 10 minutes
# <!-- end -->
#
# Write `trained_model()`: it returns the path of the file with your trained parameters, which is next to this notebook,
# or a module that holds them. The check reads the parameters and has the model translate 200 new sentences, which
# aren't in any split. Points come in bands: 50 %, 80 %, 90 % and 97 % of the sentences right. **Grading trains
# nothing**: hand in the file together with the notebook.
#
# You may hand in any other model that you trained: wider, trained for longer, with your own changes. It has to be a
# Transformer of lesson 7 with this lesson's vocabularies, and the file must be at most 8 MB.
#
# <!-- hints: trained_model -->
# <details>
# <summary>Hint 1</summary>
#
# At the end, the training writes a file with the parameters. Return its path. The check reads the file, builds the Transformer of lesson 7 from it, and has it translate sentences that no run has seen.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `return` the path as a string. If too few sentences are right, train longer: the last epochs show whether the loss was still falling. The vocabulary has to be that of the lesson.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "trained_model", "locked": false, "schema_version": 3, "solution": true, "task": false}
def trained_model():
    """The name of the file with the trained parameters, or a module that holds them."""
    ### BEGIN SOLUTION
    return "trained_model.safetensors"
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_trained_model", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check("trained_model")

# %% [markdown]
# Ask it something. Use words of the grammar; the cell says which words it doesn't know.

# %% tags=["measured"]
trained, trained_vocabularies, trained_config = load_model(TRAINED)
questions = [
    "the kind doctor meets two sad students",
    "two sad students meet the kind doctor",
    "i did not read the long book yesterday",
    "five small cats do not sleep at night",
]
for text in questions:
    unknown = [
        word for word in text.split() if word not in trained_vocabularies[0].words.word_to_index
    ]
    (korean_text,) = translate(trained, [text], trained_vocabularies, trained_config)
    print(f"{text:<42} {korean_text}\n{'':<42} {gloss(korean_text)}")
    if unknown:
        print(f"{'':<42} (unknown words: {', '.join(unknown)})")

# %% [markdown]
# The first two sentences have the same words. English shows by their order who meets whom, Korean by its particles.
#
# ### How much of the machine did it use? (extra)
#
# The peak of this machine is measured with a large matrix product.

# %% tags=["measured"]
torch.set_num_threads(all_threads)
matrix = torch.randn(1024, 1024)
matrix @ matrix
start = time.perf_counter()
for _ in range(10):
    matrix @ matrix
peak = 10 * 2 * 1024**3 / (time.perf_counter() - start)
torch.set_num_threads(1)

if finished:
    card = json.loads((RUN / "card.json").read_text(encoding="utf-8"))
    used = model_flops_utilization(card["tokens_per_second"], card["parameters"], peak)
    tokens = card["source_tokens"] + card["target_tokens"]
    print(f"operations of the run:  {training_flops(card['parameters'], tokens):.1e}")
    print(f"peak of this machine:   {peak / 1e9:.0f} billion per second")
    print(f"share, by the rule:     {used:.0%}")
else:
    print(unfinished)

# %% [markdown]
# This share is too high, for a reason that you already know: the rule counts 6 operations for every parameter, even for
# those that a token never meets. PyTorch can count what a training step really multiplies:

# %%
with FlopCounterMode(display=False) as counter:
    batch = batch_of(by_tokens[0], sources, targets)
    train_step(model, batch, optimizer)
by_the_rule = training_flops(
    sum(p.numel() for p in model.parameters()), sum(ids.ne(0).sum().item() for ids in batch)
)
print(f"the rule, divided by the count: {by_the_rule / counter.get_total_flops():.2f}")

# %% [markdown]
# So divide the share above by that number. What is left is small, because small matrices keep a processor busy with
# everything but multiplications: matrices of width 64 can't reach the peak that was measured with 1024. (If other
# programs run during the measurement, the measured peak is too low and the share too high.)

# %% [markdown]
# ### The shipped checkpoint
#
# **Most of the rest** uses the checkpoint that comes with the course, which was trained with the same preset. That way
# you see the same numbers on every machine, even before your own run has finished.

# %% tags=["measured"]
translator, (english, korean), config = load_shipped()
print(f"{sum(weight.numel() for weight in translator.parameters()):,} parameters")


def share_right(model, pairs, **changes):
    """Exact match of a model's translations."""
    translations = translate(
        model, [pair.source_text for pair in pairs], (english, korean), config.change(**changes)
    )
    return exact_match(translations, [pair.target_text for pair in pairs])


print(f"split random: {share_right(translator, corpus.tests['random']):.1%} right")

# %% [markdown]
# ## One device or many
#
# The same training on several GPUs takes one line in a terminal:
#
# ```
# torchrun --nproc_per_node=2 -m helpers.trainer small --steps 200
# ```
#
# `torchrun` starts two processes. Each has a complete copy of the model, takes every second batch and computes its own
# gradients; then the processes **sum their gradients**, so that all make the same update and their copies stay equal.
# This is *data-parallel* training; PyTorch calls it DistributedDataParallel, DDP. Without GPUs the processes share the
# CPU.
#
# ![Two processes side by side. Each has a copy of the weights and its own batch, with 1,500 and 900 real tokens. Both compute the sum of their losses and its gradient. The gradients are added, divided by all 2,400 tokens, and both processes make the same update.](figures/data_parallel.png)
#
# One thing goes wrong easily. DDP takes the **mean** of the processes' gradients. If each process takes the mean loss
# of its own batch, a token in a small batch counts for more than a token in a large one. What we want is the gradient
# of
#
# $$\frac{\text{sum of the losses of all processes}}{\text{number of real tokens of all processes}}$$
#
# So each process computes the *sum* of its losses, divides it by the number of real tokens of **all** processes, and
# multiplies by the number of processes, because DDP is going to divide by it. With this weighting, two processes follow
# the same loss curve as one process with two batches per update (`--accumulate 2`), to within rounding. Only dropout
# differs, since every process draws its own random numbers. If a run was killed, `course train --resume` carries on
# with it, and it ends with the same parameters as if nothing had happened.
#
# ### The weighting, checked (extra)
#
# You can check the weighting without a second process, on two parts of one batch: one with short sentences, one with
# long ones.


# %%
def gradient(model, loss):
    model.zero_grad()
    loss.backward()
    return torch.cat([weight.grad.flatten() for weight in model.parameters()])


def mean_loss(model, source, target):
    reads, predicts = teacher_forcing_pair(target)
    return label_smoothed_loss(model(source, reads), predicts), (predicts != 0).sum()


ddp_model = new_model()
short_first = sorted(range(200), key=longest.__getitem__)
whole = batch_of(short_first, sources, targets)
parts = [
    batch_of(short_first[:100], sources, targets),
    batch_of(short_first[100:], sources, targets),
]

of_whole = gradient(ddp_model, mean_loss(ddp_model, *whole)[0])
means, counts = zip(*(mean_loss(ddp_model, *part) for part in parts))
of_means = gradient(ddp_model, sum(means) / 2)
means, counts = zip(*(mean_loss(ddp_model, *part) for part in parts))
weighted = gradient(
    ddp_model, sum(mean * count for mean, count in zip(means, counts, strict=True)) / sum(counts)
)

print("real tokens of the two parts:", *(int(count) for count in counts))
away = [
    100 * ((found - of_whole).norm() / of_whole.norm()).item() for found in (of_means, weighted)
]
print(f"mean of the means:  {away[0]:.0f} % away from the gradient of the whole batch")
print(f"weighted by tokens: {away[1]:.3f} % away")

# %% [markdown]
# ## BLEU, and why it needs a signature
#
# The translator above decodes greedily. Lesson 9 shows other ways; here they would gain nothing, since each sentence of
# the grammar has only one right translation.
#
# Natural sentences have many. So papers count how many of a translation's word sequences of length 1, 2, 3 and 4 are
# also in its reference (each at most as often as it occurs there), add these counts up over all sentences, take the
# geometric mean of the four shares, and penalise translations that are too short. The result is called **BLEU** and
# runs from 0 to 100. That sounds exact. The next cell has the library sacreBLEU score the same four translations in
# four ways.

# %%
references = [
    "Ein Mann mit Hut liest eine Zeitung.",
    "Zwei Hunde laufen durch den Schnee.",
    "Die Frau verkauft Äpfel auf dem Markt.",
    "Ein Kind springt ins Wasser.",
]
translations = [
    "Ein Mann mit Hut liest Zeitung.",
    "Zwei Hunde rennen durch den Schnee.",
    "Die Frau verkauft Äpfel auf dem Markt.",
    "ein Kind springt ins Wasser .",
]
for options in ({}, {"lowercase": True}, {"tokenize": "none"}, {"tokenize": "char"}):
    scored = bleu(translations, references, **options)
    print(f"{scored['bleu']:6.2f}   {scored['signature']}")

# %% [markdown]
# The same four sentences score 64, 74, 78 or 89. The difference is bookkeeping: whether "Ein" and "ein" are the same
# word, and whether "Wasser." is one token or two. The **signature** after each number says how it was computed: report
# it, or nobody can compare your number with theirs. Two BLEU numbers with different signatures have nothing to say to
# each other.
#
# Older papers report *tokenised BLEU*: the text was cut into tokens before it was scored, by each paper with its own
# tools. "Attention Is All You Need" is among them (28.4 on English–German). When you compare with such a number, do the
# same, and say so.

# %% [markdown]
# ## Experiments: what breaks without it
#
# ### Where does it look?
#
# The gold links were never used in training. Does the model's cross-attention find them? For each Korean word that is
# about to be written, the attention weights say how much the model looked at each English word.
#
# **Predict first.** The Korean words come in a different order. What will the heat map look like: a diagonal, or
# something else?

# %%
predict("", about="the heat map of cross-attention")

# %%
shown = next(
    pair
    for pair in corpus.tests["random"]
    if {"four", "to"} <= set(pair.source)
    and 8 <= len(pair.source) <= 11
    and len(pair.noun_alignments) >= 3
)
source = torch.tensor([english.encode(shown.source_text)])
target = torch.tensor([korean.encode(shown.target_text)])
# (layers, 1, heads, n_target, n_source)
weights = cross_attention_weights(translator, source, target[:, :-1])
found = found_alignments(translator, corpus.validation, (english, korean))
layer = found.best_layer
averaged = weights[layer, 0].mean(dim=0).numpy()  # of the heads

# %% tags=["drawing"]
# Drawing: where each Korean word looks
figure, axes = new(size=(9.2, 5.6))
columns = ["<bos>", *shown.source, "<eos>"]
rows = [
    f"{word} ({meaning})"
    for word, meaning in zip(shown.target, gloss_tokens(shown.target), strict=True)
]
rows.append("<eos>")
title = f"cross-attention of layer {layer + 1}, mean of the heads; □ gold link"
labels = ("English: looked at", "Korean: about to be written")
heat_map(axes, averaged, rows, columns, title, *labels, limits=(0, 1))
for i, j in shown.alignments:
    axes.add_patch(
        Rectangle((i + 0.5, j - 0.5), 1, 1, fill=False, edgecolor="#D55E00", linewidth=2.5)
    )
show(
    figure,
    alt=f"Cross-attention for '{shown.source_text}': Korean words with their meanings in the "
    "rows, English words in the columns, gold links framed. The bright cells are not on the "
    "diagonal: the Korean verb at the end looks at the English verb in the middle, and every "
    "frame holds the largest weight of its row.",
)

# %% [markdown]
# There is no diagonal: the bright cells jump around as the word order does. Every frame holds the brightest cell of its
# row. 가 and 를, the particles of subject and object, have no frame: their rows look at articles and at `<bos>`. (에게 has
# one: it means "to".)
#
# Now count: for each gold link from noun to noun, does the English noun have the largest weight? The layer was chosen
# on the validation split; the counting is done on the test split `random`.

# %% tags=["measured"]
found = found_alignments(translator, corpus.tests["random"], (english, korean))
table = np.array(
    [[*heads, of_layer] for heads, of_layer in zip(found.heads, found.layers, strict=True)]
)
for number, share in enumerate(found.layers, 1):
    by_mean = f"{share:.1%} of {found.count:,} noun links found by the mean of the heads"
    print(f"decoder layer {number}: {by_mean}")

# %% tags=["measured", "drawing"]
# Drawing: the same for each head
names = [*map(str, range(1, table.shape[1])), "mean"]
figure, axes = new(size=(7.5, 2.2))
rows = range(1, len(table) + 1)
heat_map(axes, table, rows, names, f"share of {found.count:,} noun links found", limits=(0, 1))
axes.set(xlabel="head of cross-attention", ylabel="decoder layer")
show(
    figure,
    alt="The share of gold noun links that each head of each decoder layer finds, and the mean of "
    "the heads: "
    + "; ".join(
        f"layer {number}: {share:.0%} by the mean" for number, share in enumerate(found.layers, 1)
    )
    + ".",
)

# %% [markdown]
# In the second layer every head finds nearly all nouns, in the first fewer than half. Before the decoder can look up
# the next noun, it has to know which noun comes next, and that depends on the Korean words so far: this seems to be
# what the first layer is for. Attention shows *where the model read*, not why; here it is good evidence, because there
# is a gold standard to compare it with.

# %% [markdown]
# ### Break a trained model (extra)
#
# Take the trained translator and change only its positional encoding.
#
# **Predict first.** How many sentences are still right (a) with all positions set to zero, (b) with sine and cosine
# exchanged? Some blog posts say that exchanging them "makes little difference".

# %%
predict("", about="still right without positions, and with sine and cosine exchanged")


# %% tags=["measured"]
def with_encoding(change):
    """A copy of the translator whose positional encoding (positions, d_model) is changed."""
    changed = copy.deepcopy(translator)
    changed.position.encoding.copy_(change(changed.position.encoding.clone()))
    return changed


exchanged = with_encoding(lambda encoding: encoding.unflatten(-1, (-1, 2)).flip(-1).flatten(-2))
zeroed = with_encoding(torch.zeros_like)
some = corpus.tests["random"][:200]
models = {
    "as trained": translator,
    "positions zero": zeroed,
    "sine and cosine exchanged": exchanged,
}
still_right = {name: share_right(changed, some) for name, changed in models.items()}
for name, share in still_right.items():
    print(f"{name:<26} {share:6.1%}")
predict()

# %%
for text in ("the kind doctor meets two sad students", "two sad students meet the kind doctor"):
    print(text)
    for name, changed in models.items():
        (korean_text,) = translate(changed, [text], (english, korean), config)
        print(f"   {name:<26} {korean_text}\n   {'':<26} {gloss(korean_text)}")

# %% [markdown]
# For *learning*, both orders are equally good: a model that is trained with cosine first does as well. To parameters
# that *were* trained with sine first, the other order is noise. You are free to choose a convention until the first
# checkpoint is saved.
#
# ### Longer than anything in training (extra)
#
# The sentences in training had at most 12 English words; those of the test split `long` have up to 20.
#
# **Predict first.** As sentences grow longer, word by word, what happens to the share that is right: does it drop right
# after 12, slowly, or not at all?

# %%
predict("", about="right sentences beyond 12 words")

# %% tags=["measured"]
by_length = {}
for pair in [*corpus.tests["random"], *corpus.tests["long"]]:
    by_length.setdefault(len(pair.source), []).append(pair)
lengths = [length for length in sorted(by_length) if len(by_length[length]) >= 20]
right = [100 * share_right(translator, by_length[length]) for length in lengths]
print("words in English", " ".join(f"{length:4}" for length in lengths))
print("percent right   ", " ".join(f"{share:4.0f}" for share in right))
predict()

# %% tags=["measured", "drawing"]
# Drawing: the same as a curve
figure, axes = new(size=(7.5, 3.3))
axes.axvspan(min(lengths) - 0.5, 12.5, color="#56B4E9", alpha=0.25, label="lengths in training")
axes.plot(lengths, right, label="exact match", **line_style(0))
axes.set(
    title="longer sentences than in training",
    xlabel="English words",
    ylabel="percent right",
    ylim=(0, 105),
)
axes.legend(loc="lower left")
show(
    figure,
    alt="Percent of sentences that are right, over their number of English words. Up to 12, the "
    "longest in training, nearly all are right; then the share falls with nearly every word: "
    + ", ".join(
        f"{share:.0f} percent at {length}"
        for length, share in zip(lengths, right, strict=True)
        if length > 12
    )
    + ".",
)

# %%
for pair in [pair for pair in corpus.tests["long"] if len(pair.source) == 18][:1]:
    print(pair.source_text)
    (given,) = translate(translator, [pair.source_text], (english, korean), config)
    for name, korean_text in (("right", pair.target_text), ("given", given)):
        print(f"   {name}  {korean_text}\n          {gloss(korean_text)}")

# %% [markdown]
# One extra word is still fine; after that, the share drops to nothing. (Few of the sentences are as long as 19 words,
# so a small step up there is chance.) What the model writes is still good Korean, but words go missing or appear twice:
# it has never seen these positions filled, and it is bad at looking them up. Sines and cosines are defined for every
# position, and the paper hoped for more: they "may allow the model to extrapolate to sequence lengths longer than the
# ones encountered during training" (section 3.5). In this model they don't.
#
# ### Leave out one part, then train
#
# It is fairer to train without the part from the start: then the model can make do with what is left. Each of the
# following runs has the same data, budget and seed as the shipped checkpoint, but lacks one part. They take a minute
# each:
#
# ```
# course train small --without positions          # or causal, cross, residuals
# ```
#
# **Predict first.** Which of the four has the *lowest* training loss? Which translates best? Which writes good Korean
# that has nothing to do with the source?

# %%
predict(
    "",
    about="positions, causal mask, cross-attention or residuals left out: lowest loss, best, "
    "good Korean about nothing",
)

# %%
# measured with: python benchmarks/embedded.py --only preset ablations
# part left out: (training loss at the end, exact match on the random split, an example)
WITHOUT = {
    "nothing": (0.0008, 1.000, "피곤한 군인이 부엌에서 비싼 커피를 빨리 마셔요"),
    "positions": (0.184, 0.385, "피곤한 군인이 부엌에서 비싼 커피를 빨리 마셔요"),
    "causal mask": (0.0007, 0.000, ""),
    "cross-attention": (1.902, 0.000, "그 배고픈 농부가 밤에 그 똑똑한 군인을 조용히 껴안아요"),
    "residuals": (2.918, 0.000, "친절한 친절한 친절한 친절한 친절한 친절한 친절한 친절한 ..."),
}
print("the tired soldier drinks expensive coffee quickly in the kitchen\n")
for name, (loss, right, given) in WITHOUT.items():
    print(f"{name + ' left out':<25} loss {loss:<6.4g}   {right:6.1%} right")
    words = f"{given}\n   {gloss(given.removesuffix(' ...'))}"
    print("  ", words if given else "(an empty sentence)")
predict()

# %% [markdown]
# Each missing part leaves its own mark:
#
# - **positions**: the source is a bag of words. Where only one noun can be the subject, the translation is right:
#   soldiers drink coffee. Where two people or two animals could change places, it is a guess. (The decoder still knows
#   a little of its own order: the causal mask tells each word how many came before it.)
# - **causal mask**: the loss is as good as that of the whole model, and *nothing* is right. The model copies its
#   labels, as in lesson 7, and on its own it has nothing to copy.
# - **cross-attention**: good Korean, and the same sentence for every source ("that hungry farmer quietly hugs that
#   smart soldier at night"): the most probable sentence that it knows.
# - **residuals**: the same word again and again. There is no **residual stream** any more, the sum that runs past all
#   layers and to which each layer only adds, so every layer has to rebuild everything that the next layer needs. The
#   network hardly learns. (Lesson 5 shows the same on a smaller scale.)

# %% [markdown]
# ### An ablation of your own
#
# Label smoothing, warm-up, dropout, clipping: you have implemented some of them because the paper has them. Do they do
# anything *here*? Find out. `short_run` trains the preset `small` for 400 steps, a quarter of the full run, and
# measures the result with your `evaluate` and `exact_match`. One run takes 15 to 30 seconds.
#
# The rules of an ablation: change **one thing** and keep the rest, including the seed; say **beforehand** what you
# expect; **write down** the result, even when nothing changed. Change one of these, or any other option of `Config`:
#
# | change | what it does |
# | --- | --- |
# | `{"label_smoothing": 0.1}` | smoothed labels, as in the paper; `small` has 0 |
# | `{"warmup": 0}` | the highest learning rate from the first step; `small` has 100 steps of warm-up |
# | `{"dropout": 0.0}` | nothing is dropped; `small` has 0.05 |
# | `{"limit": 1000}` | only the first 1,000 pairs, again and again |
# | `{"clip": 0.0}`, `{"num_heads": 1}`, `{"num_layers": 1}` | no clipping (in `Config`, 0 switches it off), one head, one layer |
# | `{"seed": 1}` | the same run with other random numbers: this shows how much is chance |

# %%
predict("", about="my ablation: what I change, and what it does to loss and sentences")

# %% tags=["measured"]
validation = batch_of(
    range(500),
    [english.encode(pair.source_text) for pair in corpus.validation],
    [korean.encode(pair.target_text) for pair in corpus.validation],
)


def short_run(**change):
    """400 steps of `small` with a change: validation loss, next words right, sentences right."""
    options = {"steps": 400, "validate_every": 0, "save_every": 0, "evaluate": "none", "threads": 1}
    with tempfile.TemporaryDirectory() as folder:
        changed = train(
            Config.preset("small", **(options | change)), folder=folder, show=False
        ).model
    found = evaluate(changed, [validation])
    return found["loss"], found["accuracy"], share_right(changed, corpus.tests["random"][:300])


change = {"label_smoothing": 0.1}  # your change: one thing
loss, words, sentences = short_run(**change)
print(f"| {change} | {loss:.3f} | {words:.1%} | {sentences:.1%} |")
predict()

# %% [markdown]
# Double-click this table, and copy the line above into it. (The first two rows were measured when the lesson was
# written; the last digits vary from machine to machine.)
#
# | run | validation loss | next words right | whole sentences right |
# | --- | ---: | ---: | ---: |
# | as it is | 0.108 | 97.7 % | 79.0 % |
# | as it is, seed 1 | 0.114 | 98.1 % | 81.0 % |
# | | | | |
# | | | | |
#
# If a change moves the numbers less than a different seed does, it has shown nothing. Here are our own results, each
# run with two seeds:

# %%
# measured with: python benchmarks/embedded.py --only short
# change: for each of two seeds (validation loss, next words right, whole sentences right)
SHORT = {
    "as it is": ((0.108, 0.977, 0.790), (0.114, 0.981, 0.810)),
    "label smoothing 0.1": ((0.203, 0.970, 0.760), (0.203, 0.973, 0.783)),
    "no warm-up": ((0.190, 0.960, 0.733), (0.109, 0.979, 0.813)),
    "no dropout": ((0.070, 0.987, 0.877), (0.061, 0.990, 0.890)),
    "1,000 pairs": ((0.290, 0.938, 0.613), (0.301, 0.940, 0.603)),
    "1,000 pairs, no dropout": ((0.606, 0.870, 0.287), (0.472, 0.898, 0.440)),
}
print("change                    validation loss   next words right   whole sentences right")
for name, runs in SHORT.items():
    loss, words, sentences = zip(*runs, strict=True)
    print(f"{name:<25} {loss[0]:7.3f} {loss[1]:7.3f}   {words[0]:7.1%} {words[1]:7.1%}   ", end="")
    print(f"{sentences[0]:10.1%} {sentences[1]:7.1%}")

# %% [markdown]
# - **Label smoothing** does half of what the paper says. "This hurts perplexity": the validation loss is nearly twice
#   as large. It doesn't improve the translations; here each sentence has one right translation, and doubt is of no use.
# - **Warm-up** has no effect that we could tell from chance: one seed ended worse without it, the other as before. The
#   model is two layers deep, and its gradient is clipped. (In lesson 5, a deep post-norm stack learned nothing at a
#   high rate.)
# - **Dropout** depends on the data. With all 20,000 pairs, which a short run sees two or three times, there is hardly
#   time to memorise anything, and dropout only gets in the way. With 1,000 pairs, seen nearly fifty times, a model
#   without dropout memorises: 29 % and 44 % of new sentences are right. With the little dropout of `small` it is 61 %
#   and 60 %.
#
# After the full nine epochs the differences are gone: without dropout 99.9 % of the random split are right, with label
# smoothing 99.9 %, and as it is 100 %. So an ablation holds for its data, its model and its budget, and for nothing
# else. That is why papers have whole tables of them.

# %% [markdown]
# ### How the loss falls with size (extra)
#
# Four models of different widths, from 16 to 64, are trained for the same number of steps.
#
# **Predict first.** Does twice the size halve the loss, or change it by less, or by more? Will the curve become flat?

# %%
predict("", about="what twice the parameters do to the loss")

# %%
# measured with: python benchmarks/embedded.py --only sizes
SIZES = {  # d_model: (parameters, validation loss, exact match on the random split)
    16: (21_280, 0.27668, 0.593),
    32: (67_136, 0.00804, 0.981),
    48: (137_568, 0.00038, 1.000),
    64: (232_576, 0.00031, 1.000),
}
print("d_model   parameters   validation loss   right")
for width, (count, loss, share) in SIZES.items():
    print(f"{width:7} {count:12,} {loss:17.5f} {share:7.1%}")
predict()

# %% tags=["drawing"]
# Drawing: loss and size, both axes logarithmic
figure, axes = new(size=(7, 3.6))
parameters, losses_of_size, right_of_size = zip(*SIZES.values())
axes.plot(parameters, losses_of_size, **line_style(0))
for width, (count, loss, right) in SIZES.items():
    axes.annotate(
        f"d_model {width}: {right:.0%} right",
        (count, loss),
        textcoords="offset points",
        xytext=(8, 8 if width < 64 else -12),
    )
axes.set(
    xscale="log",
    yscale="log",
    xlim=(17_000, 420_000),
    ylim=(1e-4, 1),
    xlabel="parameters",
    ylabel="validation loss (nats per label)",
    title="loss and size",
)
axes.set_xticks(parameters, [f"{count / 1000:.0f} k" for count in parameters])
axes.minorticks_off()
show(
    figure,
    alt="Validation loss over the number of parameters, both axes logarithmic: "
    + ", ".join(f"width {width}: {loss:.2g}" for width, (_, loss, _) in SIZES.items())
    + ". The loss falls steeply up to width 48 and hardly any more after it.",
)

# %% [markdown]
# Three times the parameters make the loss 34 times smaller, twice as many again 21 times. Then the curve is flat: the
# grammar has rules that can be learned completely, and at width 48 nothing is left to learn. (All four train for the
# same number of steps, so the small models might still gain from more.) Natural language never runs out like that.
# There the loss falls slowly and steadily, close to a straight line on two logarithmic axes, over seven orders of
# magnitude of computation (Kaplan et al. 2020). These are the **scaling laws**, by which a large run can be predicted
# from small ones.

# %% [markdown]
# ## From your own cells
#
# The course began with a finished translator and "the dog bites the man". Since then you have written every part of one
# yourself. Now we put the parts together. `own_model` goes through your saved notebooks of lessons 2 to 7, takes the
# definitions out of them (nothing else in them is run), runs each part's check once more, and builds the Transformer. A
# part that is missing or isn't right yet is replaced by the reference, and the list says which. Then the trained
# parameters are copied in **by name**: `decoder.layers.1.cross_attention.query.weight` is the same matrix in your code
# and in everybody else's. The parameters are those of your own run if its file is there, otherwise those of the course.
#
# **Save** the other notebooks first (Ctrl + S). Lesson 3 isn't on the list: its head computes with NumPy, and in lesson
# 4 you wrote the same formulas again, for all heads at once.

# %% tags=["measured"]
own = own_model(TRAINED)
own

# %% [markdown]
# Here are the sentence that has been with you all the way, its two companions, and one of your own:

# %% tags=["measured"]
yours = "the happy child reads an interesting book"  # change this sentence, and run the cell again

unknown = [word for word in yours.split() if word not in english.words.word_to_index]
print("unknown words:", ", ".join(unknown) or "none\n")
for text, korean_text in zip([*SENTENCES, yours], own.translate([*SENTENCES, yours]), strict=True):
    print(f"{text:<42} {korean_text}\n{'':<42} {gloss(korean_text)}")

# %% [markdown]
# Wherever the list says *yours*, the matrix products that produced these words are in cells that you wrote. This is the
# model of the paper, a few hundred times smaller.
#
# And here is a **page to keep**. It counts how many of 100 new sentences your code translates word for word, and runs
# the leak test of lesson 7 on it: changing a target word must not change anything before it.
# `own.page("my_transformer.html")` also saves it, as a file for any browser.

# %% tags=["measured"]
own.page()

# %% [markdown]
# ## Recap
#
# - A training step is: mode, clear, forward, loss, backward, clip, optimizer, scheduler, in this order.
# - Batches of similar lengths, with a limit in tokens, waste little, and they all cost about the same.
# - Label smoothing spreads a little probability over all words; the loss is a mean over *real* labels: in training, in
#   evaluation, and across several devices.
# - The rate rises for `warmup` steps, then falls as $1/\sqrt{step}$.
# - 6 operations for each parameter and token estimate a run before it starts; utilization says how well the device was
#   used.
# - With many devices, each has a copy of the model and a share of the batch; gradients are summed, weighted by tokens.
# - Report BLEU with its signature, and a result card with every result.
# - Change one thing at a time, keep the seed, and write down the result.
# - Every part of the model is there for a reason, and you've seen what happens without it.
#
# ## Where to go next
#
# - **Real sentences**: `python -m helpers.corpus download multi30k`, then `course train multi30k`, gives you English to
#   German in ten minutes on two cores. Your own text files work, too: `docs/data.md` in the repository says how.
# - **A GPU, or several**: `torchrun --nproc_per_node=4 -m helpers.trainer base --steps 1000`.
# - **Harder questions**: what would improve the score on `long`? Shifting the positions at random in training is one
#   idea; relative positions (Shaw et al. 2018; rotary embeddings, lesson 11) are the usual answer.
# - **Other ways to decode**: drawing words at random, keeping keys and values, beam search: lesson 9.
# - **The other families**: an encoder on its own is BERT, a decoder on its own is GPT. You have built both halves, and
#   lesson 11 makes a GPT of them.

# %% [markdown]
# ## The paper, the blog, this code
#
# The column "blogs and notes" sums up what many of them say, and well-known code that follows the paper.
#
# | question | the paper | blogs and notes | this code |
# | --- | --- | --- | --- |
# | What is in a batch? | similar lengths, about 25,000 tokens on each side (section 5.1) | a fixed number of sentences | similar lengths, a limit in tokens |
# | Where does the smoothing mass go? | not given ($\epsilon_{ls} = 0.1$, section 5.4) | to the other words, without the label and padding | to all words, the label too, as PyTorch's `cross_entropy` |
# | What is averaged in the loss? | not given | all positions of a batch, or each batch alike | the real labels, each alike, over all devices |
# | How much is smoothed and dropped? | 0.1 and 0.1 (sections 5.4, table 3) | as in the paper | 0 and 0.05 in `small`, where nothing is ambiguous; 0.1 and 0.1 in `base` |
# | Which optimizer? | Adam, $\beta_2 = 0.98$, $\epsilon = 10^{-9}$ (section 5.3) | Adam with PyTorch's defaults | AdamW with the paper's numbers; preset `base`: Adam |
# | How does the rate go? | warm-up, then $1/\sqrt{step}$ (equation 3) | constant | the paper's in `base`; in `small` a rise and half a cosine down to 0 |
# | Is the gradient clipped? | not mentioned | rarely | to the norm 1; preset `base`: no |
# | Is decoding "one token at a time"? | when translating | "the decoder works one token at a time", also for training | one at a time when translating; all positions at once in training |
# | How is the sentence chosen? | beam 4, $\alpha = 0.6$ (section 6.1) | greedy | greedy; the paper's beam in lesson 9 |
# | Which checkpoint is tested? | the mean of the last 5 (20 for big) | the last | the last; with `average` a mean |
# | Which BLEU? | tokenised, tools not named | a library's default, without a signature | sacreBLEU with its signature |
# | How long does it take? | 12 hours on 8 P100 (base) | "too expensive to train" | a minute on two cores for the grammar |
