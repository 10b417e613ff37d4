# %% [markdown]
# # 10 · The debugging clinic
#
# Most mistakes in a Transformer don't raise an error. The shapes fit, the code runs, and the model is bad. This lesson
# is about finding such mistakes, with small questions whose right answers you know before you ask them.
#
# <!-- map: 10_clinic -->
# ![The map of the Transformer, with this lesson's parts in colour: the whole model under test.](figures/map.png)
# <!-- end -->
#
# **After this lesson you can**
# - write instruments that question a model whose code you can't see: does it look into the future, at padding, at the
#   source? does every weight learn?
# - make a diagnosis from their answers;
# - tell a loss that is good from a loss that is too good;
# - find the line behind a symptom, and say in one sentence what was wrong.
#
# **What you need**: lesson 7 (masks, decoder, the leak test); cases 5 and 6 come back to lessons 1 to 5. About 80
# minutes for the core, and 30 more for the parts marked as extra.
#
# <!-- table: 10_clinic -->
# | exercise | what you build | points | minutes |
# | --- | --- | ---: | ---: |
# | 10.1 `sees_future` | does it look ahead? | 3 | 10 |
# | 10.2 `sees_padding` | does padding change anything? | 3 | 8 |
# | 10.3 `uses_source` | does the source make a difference? | 2 | 6 |
# | 10.4 `untrained_parameters` | which weights never learn? | 3 | 10 |
# | 10.5 `repair_fit` (extra) | the loss does not move | 2 | 7 |
# | 10.6 `repair_attend` (extra) | the loss is too good to be true | 2 | 8 |
# | 10.7 `repair_generate` | the same word, again and again | 2 | 5 |
# | 10.8 `repair_loss` | NaN after some steps | 2 | 5 |
# | 10.9 `RepairedDecoderBlock` (extra) | the source makes no difference | 2 | 7 |
# | 10.10 `repair_sentence_vectors` (extra) | worse in a batch than alone | 2 | 8 |
# <!-- end -->

# %%
import copy
import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from autograde import by_hand, check, predict
from helpers.add_norm import AddNorm
from helpers.decoder import Transformer, teacher_forcing_pair
from helpers.embeddings import PositionalEncoding, TokenEmbedding, positional_encoding
from helpers.example import D_MODEL, EMBEDDINGS
from helpers.figures import line_style, new, show
from helpers.multi_head import MultiHeadAttention
from helpers.vocabulary import Vocabulary

torch.set_num_threads(1)  # for matrices as small as ours one thread is the fastest

# %% [markdown]
# ## The idea
#
# A model is a function, and you can question a function. Change one thing in its input, something whose possible
# effects you know, and compare the two outputs:
#
# ![A source and a target go into a model, which gives logits. The same source and a target with one word changed go into the same model, which gives other logits. The two are compared place by place: before the changed word nothing may move.](figures/instrument.png)
#
# A question like this needs no training, no data, and not a single line of the model's code. Ask it on day one.

# %% [markdown]
# ## The numbers by hand
#
# How large can a difference be and still mean nothing? In float32 a number has about 7 digits. If logits near 1 are
# computed in a different order, they differ by about $10^{-7}$, and after several layers by up to $10^{-5}$. A word
# that really has an influence moves a logit by $10^{-3}$ or more. Any threshold in between, such as $10^{-4}$, tells
# the two apart. Here are both cases, in a small Transformer:

# %%
torch.manual_seed(0)
model = Transformer(
    source_size=9, target_size=9, d_model=16, num_heads=2, num_layers=2, d_ff=32
).eval()
source, target = torch.tensor([[1, 4, 7, 5, 2]]), torch.tensor([[1, 3, 8, 6, 4]])
changed = target.clone()
changed[0, 3] = 5  # in place of 6
with torch.no_grad():
    moved = (model(source, changed) - model(source, target)).abs().amax(dim=-1)[0]
print("position      ", "".join(f"{place:10d}" for place in range(5)))
print("logits moved  ", "".join(f"{number:10.5f}" for number in moved.tolist()))

# %% [markdown]
# Before position 3, nothing moves. From there on, everything does.

# %% [markdown]
# ## Four instruments: the exercises
#
# Each instrument takes a model with the methods of `Transformer`, along with ids, and returns an answer: `True` or
# `False`, or a list of names. It must not change the model: afterwards its mode, weights and gradients are as before.
# The checks try your instruments on healthy and broken models that you haven't seen. Your instruments have to find the
# broken ones and pass the healthy ones.
#
# Where nothing may move, the logits of a healthy model move by less than $10^{-5}$ and those of a broken one by more
# than $10^{-3}$, so the threshold is in between. You are given one helper:

# %%
MOVED = 1e-4  # rounding moves a logit by less, a word that has an influence by more


def logits_of(model, source, target_input):
    """The logits in evaluation mode, without gradients; the model's own mode is restored."""
    mode = model.training
    model.eval()
    with torch.no_grad():
        logits = model(source, target_input)
    model.train(mode)
    return logits


# %% [markdown]
# ### Exercise 10.1 · `sees_future`
# <!-- facts: sees_future -->
# *does it look ahead?* · core · 3 points · about 10 minutes
# <!-- end -->
#
# Write `sees_future(model, source, target_input)`: True if a different word at a later place in the target changes an
# earlier logit, otherwise False. `source` is `(batch, n_source)`, `target_input` is `(batch, n_target)`,
# `model(source, target_input)` gives logits `(batch, n_target, words)`. Every id from 1 to `words - 1` is a word of the
# target, and 0 is padding.
#
# A leak at a single place counts, and so does one in a single row of the batch.
#
# <!-- hints: sees_future -->
# <details>
# <summary>Hint 1</summary>
#
# Take the logits of the sentence as it is. Then change the word at one place, and take them again. Which logits may move, and which may not? Go through the places from 1 on.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# In a clone of the target, write another id below `logits.shape[-1]` into the column of the place, such as `ids % (logits.shape[-1] - 1) + 1`. Compare `[:, :place]` of both logits with the threshold, over all rows of the batch. Return True at the first leak, False after the last place.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "sees_future", "locked": false, "schema_version": 3, "solution": true, "task": false}
def sees_future(model, source, target_input):
    """Does another word at a later place of the target change an earlier logit?"""
    ### BEGIN SOLUTION
    logits = logits_of(model, source, target_input)
    for place in range(1, target_input.shape[1]):
        changed = target_input.clone()
        # another word, never padding
        changed[:, place] = changed[:, place] % (logits.shape[-1] - 1) + 1
        moved = logits_of(model, source, changed) - logits
        if (moved[:, :place].abs() > MOVED).any():
            return True
    return False
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_sees_future", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("sees_future")

# %% [markdown]
# ### Exercise 10.2 · `sees_padding`
# <!-- facts: sees_padding -->
# *does padding change anything?* · core · 3 points · about 8 minutes
# <!-- end -->
#
# Write `sees_padding(model, source, target_input, pad=0)`: True if more padding at the end of the source, or at the end
# of the target, changes the logits of real words, otherwise False. Both may have padding already; logits at padded
# places of the target don't count.
#
# <!-- hints: sees_padding -->
# <details>
# <summary>Hint 1</summary>
#
# Add some padding at the end of every source, and compare the logits. Then do the same with the target. Which of its logits count?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `F.pad(ids, (0, 3), value=pad)` adds three columns at the end. After a longer target, cut the logits to the old length, `[:, : target_input.shape[1]]`. Only real words count: index with `target_input != pad`.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "sees_padding", "locked": false, "schema_version": 3, "solution": true, "task": false}
def sees_padding(model, source, target_input, pad=0):
    """Does more padding, in source or target, change the logits of real words?"""
    ### BEGIN SOLUTION
    logits, real = logits_of(model, source, target_input), target_input != pad
    for more_source, more_target in ((3, 0), (0, 3)):
        longer = (
            F.pad(source, (0, more_source), value=pad),
            F.pad(target_input, (0, more_target), value=pad),
        )
        moved = logits_of(model, *longer)[:, : target_input.shape[1]] - logits
        if (moved[real].abs() > MOVED).any():
            return True
    return False
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_sees_padding", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("sees_padding")

# %% [markdown]
# ### Exercise 10.3 · `uses_source`
# <!-- facts: uses_source -->
# *does the source make a difference?* · core · 2 points · about 6 minutes
# <!-- end -->
#
# Write `uses_source(model, source, target_input)`: True if putting other words in the same places of the source moves
# any logit by more than the threshold, otherwise False. Every id from 0 to the largest in `source` is in the model's
# vocabulary. Padding stays where it is; unlike in 10.2 there is no argument for it, its id is 0.
#
# <!-- hints: uses_source -->
# <details>
# <summary>Hint 1</summary>
#
# Put other words into the places of the source, and compare the logits. What does it mean if none of them moves?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `source % source.max() + 1` gives another word for each id from 1 on; `torch.where(source == 0, 0, ...)` leaves padding where it is. The source is used if any logit moves by more than the threshold.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "uses_source", "locked": false, "schema_version": 3, "solution": true, "task": false}
def uses_source(model, source, target_input):
    """Do other words at the same places of the source move any logit by more than MOVED?"""
    ### BEGIN SOLUTION
    changed = torch.where(source == 0, 0, source % source.max() + 1)
    moved = logits_of(model, changed, target_input) - logits_of(model, source, target_input)
    return bool((moved.abs() > MOVED).any())
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_uses_source", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("uses_source")

# %% [markdown]
# ### Exercise 10.4 · `untrained_parameters`
# <!-- facts: untrained_parameters -->
# *which weights never learn?* · core · 3 points · about 10 minutes
# <!-- end -->
#
# Write `untrained_parameters(model, source, target)`: the names of the parameters that would never learn. Make one
# backward pass of the loss, as in training: `target` is `(batch, n_target)` with `<bos>` and `<eos>`, and labels that
# are padding (0) are left out of the cross-entropy. Return the names, as `model.named_parameters()` gives them, of
# those that require a gradient but receive none, or only zeros. Sort them with `sorted`.
#
# The pass runs in the mode that the model is in. If the model has gradients of its own, they are the same afterwards as
# before.
#
# <!-- hints: untrained_parameters -->
# <details>
# <summary>Hint 1</summary>
#
# Make one backward pass of the loss, as in training, and look at the gradient of every parameter. The pass writes into these gradients. On what could you make it, so that the model keeps its own?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `copy.deepcopy(model)` is a copy without gradients: make the pass on it. `teacher_forcing_pair(target)` gives what is read and the labels; `F.cross_entropy(..., ignore_index=0)` wants the logits as `(batch, vocabulary, length)`. Then collect the names from `named_parameters()` where the parameter requires a gradient, and its `grad` is None or has no number other than 0.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "untrained_parameters", "locked": false, "schema_version": 3, "solution": true, "task": false}
def untrained_parameters(model, source, target):
    """The sorted names of the parameters that require a gradient and get none, or only zeros."""
    ### BEGIN SOLUTION
    patient = copy.deepcopy(model)  # without gradients
    decoder_input, labels = teacher_forcing_pair(target)
    logits = patient(source, decoder_input)
    F.cross_entropy(logits.transpose(1, 2), labels, ignore_index=0).backward()
    parameters = patient.named_parameters()
    return sorted(
        name for name, p in parameters if p.requires_grad and (p.grad is None or not p.grad.any())
    )
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_untrained_parameters", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("untrained_parameters")

# %% [markdown]
# ### Six sealed models
#
# Here are six Transformers, A to F, with random weights. One is healthy; each of the others has one of the faults on
# the list. The cell below shows what the faults do (with *hooks*, functions that PyTorch calls before or after a part
# of a model), but not which model has which. Your instruments will tell you.


# %%
def seal(fault):
    """A small Transformer with this fault."""
    torch.manual_seed(3)
    model = Transformer(
        source_size=9, target_size=9, d_model=16, num_heads=2, num_layers=2, d_ff=32, dropout=0.0
    )
    if fault == "no causal mask":
        model.decoder.register_forward_pre_hook(
            lambda part, args: (*args[:2], args[2].any(dim=1, keepdim=True), args[3])
        )
    if fault == "padding of the source visible":
        model.decoder.register_forward_pre_hook(
            lambda part, args: (*args[:3], torch.ones_like(args[3]))
        )
    if fault == "cross-attention thrown away":
        for layer in model.decoder.layers:
            layer.cross_attention.register_forward_hook(
                lambda part, args, result: (result[0] * 0, None)
            )
    if fault == "memory detached":
        model.encoder.register_forward_hook(lambda part, args, memory: memory.detach())
    if fault == "one network switched off":
        model.decoder.layers[1].feed_forward.register_forward_hook(
            lambda part, args, rows: rows * 0
        )
    return model.eval()


faults = [
    "healthy",
    "no causal mask",
    "padding of the source visible",
    "cross-attention thrown away",
    "memory detached",
    "one network switched off",
]
hidden_order = torch.randperm(6, generator=torch.Generator().manual_seed(11)).tolist()
sealed_models = {
    letter: seal(faults[number]) for letter, number in zip("ABCDEF", hidden_order, strict=True)
}

sources = torch.tensor([[1, 4, 7, 5, 8, 2], [1, 6, 3, 2, 0, 0]])
targets = torch.tensor([[1, 3, 8, 6, 4, 2], [1, 5, 7, 2, 0, 0]])
print("model   sees future   sees padding   uses source   untrained parameters")
for letter, sealed_model in sealed_models.items():
    reads, _ = teacher_forcing_pair(targets)
    answers = [
        instrument(sealed_model, sources, reads)
        for instrument in (sees_future, sees_padding, uses_source)
    ]
    untrained = untrained_parameters(sealed_model, sources, targets)
    where = sorted({name.split(".")[0] for name in untrained})
    print(
        f"{letter:<7}",
        *(f"{answer!s:<13}" for answer in answers),
        f"{len(untrained):2d}",
        ", ".join(where),
    )

# %% [markdown]
# **Diagnose first**: which fault does each model have? Each row has exactly one explanation. Three models pass the
# first three questions. One of them is healthy; the other two have parameters that never learn: where are these
# parameters?

# %%
predict("", "which fault does each model have, A to F?")

# %%
for letter, number in zip("ABCDEF", hidden_order, strict=True):
    print(letter, faults[number])
predict()

# %% [markdown]
# None of the six raised an error, and none was trained: the questions are about how information and gradients flow, and
# that doesn't depend on what has been learned. Look at the model whose cross-attention is thrown away: the whole
# encoder is among the parameters that never learn. One fault can show up in several answers; the answer nearest to the
# cause explains the others.

# %% [markdown]
# ## Six patients
#
# An instrument tells you that something is wrong, and where. To find the line, you have to read the code. What you see
# first is a *symptom*: a loss that doesn't move, the same word again and again, a NaN. Each case goes like this:
#
# 1. Read the symptom, then the broken code. Run its cell and look at the symptom yourself.
# 2. Find the fault. **Each case has one**, in one or two lines; the rest of the code is sound.
# 3. Write the repaired version under the new name, with the same signature. Say in a comment what the fault was:
#    putting the diagnosis into words is half the repair. The check reads your code, not your words.
# 4. Run the last cell of the case. It examines your version the way the broken one was examined.
#
# Cases 3 and 4 are core: no instrument above finds them. The others are extra: each is close to a fault that you have
# already found, this time as a line of code.
#
# First, some preparation. The patients in cases 2 and 3 are parts of a very small language model, a model that predicts
# the next word of a sentence, here with a single attention layer. It learns sentences like "the dog sleeps". The cell
# below makes 21 of them.

# %%
animals = ["dog", "dog", "cat", "bird", "fish", "horse", "mouse"]  # the dog is seen more often
animal_sentences = [
    f"the {animal} {verb}" for animal in animals for verb in ("sleeps", "sleeps", "eats")
]
animal_words = Vocabulary(animal_sentences)
animal_ids = torch.tensor([animal_words.encode(sentence) for sentence in animal_sentences])


class NextWord(nn.Module):
    """A language model with one attention layer: ids (batch, length) to logits for each position.

    attend(query, key, value) is the attention to be used, each (batch, length, width).
    """

    def __init__(self, words, width, attend):
        super().__init__()
        self.embedding = TokenEmbedding(words, width)
        self.position = PositionalEncoding(width, dropout=0.0)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.output = nn.Linear(width, words)
        self.attend = attend

    def forward(self, ids):
        x = self.position(self.embedding(ids))
        return self.output(x + self.attend(self.query(x), self.key(x), self.value(x)))


def practise(attend, steps=80):
    """Train a NextWord on the 21 sentences; returns the model and its losses."""
    torch.manual_seed(5)
    model = NextWord(len(animal_words), 16, attend)
    adam = torch.optim.Adam(model.parameters(), lr=0.03)
    curve = []
    for _ in range(steps):
        given, wanted = animal_ids[:, :-1], animal_ids[:, 1:]
        cost = F.cross_entropy(model(given).flatten(0, 1), wanted.flatten())
        adam.zero_grad()
        cost.backward()
        adam.step()
        curve.append(cost.item())
    return model, curve


def spoken(row):
    return " ".join(animal_words.index_to_word[int(i)] for i in row)


print(
    f"{len(animal_sentences)} sentences, {len(animal_words)} words;",
    "the first:",
    spoken(animal_ids[0]),
)

# %% [markdown]
# ### Case 1 · The loss doesn't move
#
# A linear model has to learn which of three words comes next. It takes 51 steps. **Symptom:** the loss is the same
# after every step, to the last digit. No error, no warning.
#
# The author recalls: "At first `backward()` complained that the tensor *does not require grad*. With
# `requires_grad=True` the message went away."
#
# **Predict first:** what will the gradient of the weights be?

# %%
predict("", "the gradient of the weights")


# %%
def broken_fit(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        log_probabilities = torch.log_softmax(model(inputs), dim=-1)
        picked = [row[label].item() for row, label in zip(log_probabilities, labels)]
        loss = -torch.tensor(picked, requires_grad=True).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def examine_fit(fit):
    torch.manual_seed(0)
    labels = torch.arange(12) % 3
    inputs = F.one_hot(labels, 4) + 0.1 * torch.randn(12, 4)
    model = nn.Linear(4, 3)
    before = model.weight.detach().clone()
    losses = fit(model, inputs, labels, steps=51, rate=0.5)
    print("step:   ", "".join(f"{step:9d}" for step in range(0, 51, 10)))
    print("loss:   ", "".join(f"{loss:9.3f}" for loss in losses[::10]))
    print("gradient of the weights:", "None" if model.weight.grad is None else "there")
    print(f"largest change of a weight: {(model.weight - before).abs().max().item():.2f}")


examine_fit(broken_fit)
predict()

# %% [markdown]
# ### Exercise 10.5 · `repair_fit`
# <!-- facts: repair_fit -->
# *the loss does not move* · extra · 2 points · about 7 minutes
# <!-- end -->
#
# Write `repair_fit(model, inputs, labels, steps, rate)`: `steps` steps of plain gradient descent (`torch.optim.SGD`) on
# the mean cross-entropy. `inputs` is `(n, width)`, `labels` is `(n,)`; the model maps `inputs` to logits `(n, words)`
# and is trained in place. Return the losses, a list of numbers, each of them taken before its step.
#
# <!-- hints: repair_fit -->
# <details>
# <summary>Hint 1</summary>
#
# Follow the path from the loss back to the weights. Is there a place where a tensor that knows how it was computed becomes a plain number? What does `model.weight.grad` hold after `backward()`?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# Pick the numbers out of `log_probabilities` by indexing with two tensors, the row numbers (`torch.arange`) and the labels. Use neither `.item()` nor `torch.tensor` before `backward`.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "repair_fit", "locked": false, "schema_version": 3, "solution": true, "task": false}
def repair_fit(model, inputs, labels, steps, rate):
    """Train `model` in place; returns the loss of each step. Name the fault in a comment."""
    ### BEGIN SOLUTION
    # fault: `.item()` and `torch.tensor` cut the loss off from the model: no gradient arrives
    optimizer = torch.optim.SGD(model.parameters(), rate)
    losses = []
    for _ in range(steps):
        log_rows = model(inputs).log_softmax(dim=-1)
        loss = -log_rows[torch.arange(len(labels)), labels].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses += [loss.item()]
    return losses
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_repair_fit", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("repair_fit")

# %%
examine_fit(repair_fit)

# %% [markdown]
# ### Case 2 · The loss is too good to be true
#
# `NextWord` is trained with the attention below. **Symptom:** the loss falls to nearly 0 in a few steps. Everybody is
# happy until the model has to write a sentence of its own.
#
# Is a loss of 0 possible here? "the" always comes first and `<eos>` always comes last, but *which* animal comes, and
# what it does, is chance. Even a perfect model can't know more than the shares: "dog" comes in two of seven cases, so
# the model gives "dog" the probability 2/7. The cross-entropy of such a model is the **lowest honest loss**, the dotted
# line in the figure. A loss below it isn't a success but an alarm.
#
# First a smaller language, on paper. Each sentence is "the", then one of two animals, equally often, then `<eos>`. Three
# words are predicted, and two of them are certain. With $\ln 2 = 0.693$: what is the lowest honest loss, the mean over
# the three words? (Two decimals are enough.)

# %%
by_hand("lowest honest loss with two animals", ...)


# %%
def broken_attend(query, key, value):
    scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])
    return torch.softmax(scores, dim=-1) @ value


def lowest_honest_loss():
    def chance(shares):
        return -sum(share * math.log(share) for share in shares)

    # four words are predicted in each sentence
    return (chance([2 / 7] + 5 * [1 / 7]) + chance([2 / 3, 1 / 3])) / 4


# %% tags=["drawing"]
# Drawing: a function that draws the losses so far and the lowest honest one
def loss_figure(curves):
    lowest = lowest_honest_loss()
    figure, axes = new(size=(6, 3.2))
    for number, (name, curve) in enumerate(curves.items()):
        axes.plot(curve, label=name, **{**line_style(number), "marker": ""})
    axes.axhline(lowest, label="lowest honest loss", color="black", linestyle=":")
    axes.set(title="what the model seems to know", xlabel="step", ylabel="loss", ylim=(-0.1, 4))
    axes.legend(frameon=False)
    told = [f"with {name} from {curve[0]:.2f} to {curve[-1]:.2f}" for name, curve in curves.items()]
    return show(
        figure,
        alt=f"The loss in training, {' and '.join(told)}, and a dotted line at the lowest honest "
        f"loss, {lowest:.2f}.",
    )


# %%
curves = {}  # the losses of each attention that was examined


def examine_attend(attend):
    model, curve = practise(attend)
    curves[attend.__name__] = curve
    words = torch.ones(1, 5, dtype=torch.int64)  # <bos>, and four places to be filled
    for place in range(1, 5):
        words[:, place] = model(words[:, :place])[:, place - 1].argmax(dim=-1)
    print(f"last loss {curve[-1]:.2f}, lowest honest loss {lowest_honest_loss():.2f}")
    print("the model writes:", spoken(words[0]))
    return loss_figure(curves)


examine_attend(broken_attend)

# %% [markdown]
# ### Exercise 10.6 · `repair_attend`
# <!-- facts: repair_attend -->
# *the loss is too good to be true* · extra · 2 points · about 8 minutes
# <!-- end -->
#
# Write `repair_attend(query, key, value)`: scaled dot-product self-attention, the way a language model needs it.
# `query` and `key` are `(batch, length, d_head)`, `value` is `(batch, length, d_value)`, and so is the result.
#
# <!-- hints: repair_attend -->
# <details>
# <summary>Hint 1</summary>
#
# At position 2 the model has to predict word 3. Which words does position 2 attend to, in the broken code?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# Make a boolean matrix that is True on and below the diagonal (`torch.ones_like`, then `tril`), and fill the scores with minus infinity where it is False. The softmax comes after that.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "repair_attend", "locked": false, "schema_version": 3, "solution": true, "task": false}
def repair_attend(query, key, value):
    """Queries, keys and values (batch, length, width). Name the fault in a comment."""
    ### BEGIN SOLUTION
    # fault: no causal mask; every position could read the next word, and copied it
    scores = query @ key.mT / math.sqrt(key.shape[-1])
    may_attend = torch.ones_like(scores, dtype=torch.bool).tril()
    weights = torch.softmax(scores.masked_fill(~may_attend, -math.inf), dim=-1)
    return weights @ value
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_repair_attend", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("repair_attend")

# %%
examine_attend(repair_attend)

# %% [markdown]
# The loss is *worse* now, and the model is better. The solid line falls below the dotted one; yours doesn't, and what
# the model writes is a sentence.

# %% [markdown]
# ### Case 3 · The same word, again and again
#
# The model is healthy this time (PyTorch's own causal attention, and a loss as low as it honestly can get); the patient
# is the code that writes with it, starting from `<bos>`. **Symptom:** it writes one word, and goes on writing it
# forever.
#
# It helps to remember what the model returns: logits of shape `(batch, length, words)`, a prediction at *every*
# position.


# %%
def broken_generate(model, start, steps):
    words = start
    for _ in range(steps):
        logits = model(words)  # (batch, length, words)
        newest = logits.argmax(dim=-1)[:, :1]
        words = torch.hstack([words, newest])
    return words[:, start.shape[1] :]


healthy_model, _ = practise(partial(F.scaled_dot_product_attention, is_causal=True))


def examine_generate(generate):
    begin = animal_words.encode("the cat")
    for start in (begin[:1], begin[:2], begin[:3]):
        new_words = generate(healthy_model, torch.tensor([start]), steps=5 - len(start))
        print(f"{spoken(start):>15} ... {spoken(new_words[0])}")


examine_generate(broken_generate)

# %% [markdown]
# ### Exercise 10.7 · `repair_generate`
# <!-- facts: repair_generate -->
# *the same word, again and again* · core · 2 points · about 5 minutes
# <!-- end -->
#
# Write `repair_generate(model, start, steps)`: `start` is `(batch, n)`, ids. The model maps ids `(batch, length)` to
# logits `(batch, length, words)`. Append the most probable word, `steps` times, each time after reading all the words
# so far. Return only the new ids, `(batch, steps)`; `steps` is at least 1. There is no `<eos>` to watch for.
#
# <!-- hints: repair_generate -->
# <details>
# <summary>Hint 1</summary>
#
# The model gives logits at *every* position: each position predicts the word after it. Which position predicts the word that is still missing?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# The axes of `logits` are batch, position, word. Index the position axis so that you get the newest one; Python counts from the end with negative numbers.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "repair_generate", "locked": false, "schema_version": 3, "solution": true, "task": false}
def repair_generate(model, start, steps):
    """Ids (batch, n), to the new ids (batch, steps). Name the fault in a comment."""
    ### BEGIN SOLUTION
    # fault: the logits of the first position were read; in a causal model they never change
    ids = start
    for _ in range(steps):
        logits = model(ids)[:, -1]
        newest = logits.argmax(dim=-1, keepdim=True)
        ids = torch.cat([ids, newest], dim=1)
    return ids[:, start.shape[1] :]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_repair_generate", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("repair_generate")

# %%
examine_generate(repair_generate)

# %% [markdown]
# ### Case 4 · NaN after some steps
#
# This is a cross-entropy written by hand, straight from its definition. It agrees with PyTorch's on every example that
# the author has tried. **Symptom:** training goes well for a while. Then, from one step to the next, the loss becomes
# NaN ("not a number"), and from there on all weights are NaN as well. One of the inputs in this data is 60 times as
# large as the others.
#
# **Predict first:** will it help to make the learning rate smaller?

# %%
predict("", "does a smaller learning rate help?")


# %%
def broken_loss(logits, labels):
    probabilities = torch.softmax(logits, dim=-1)
    wanted = F.one_hot(labels, logits.shape[-1])
    return -(wanted * torch.log(probabilities)).sum(dim=-1).mean()


def examine_loss(loss_function):
    torch.manual_seed(0)
    labels = torch.arange(24).reshape(4, 6) % 5
    inputs = F.one_hot(labels, 8) + 0.1 * torch.randn(4, 6, 8)
    inputs[0, 0] *= 60
    model = nn.Linear(8, 5)
    descent = torch.optim.SGD(model.parameters(), lr=0.2)
    print("step     loss   largest difference of two logits")
    for step in range(121):
        logits = model(inputs)
        cost = loss_function(logits, labels)
        if step % 30 == 0:
            gap = (logits.amax(dim=-1) - logits.amin(dim=-1)).max().item()
            print(f"{step:4d} {cost.item():8.2f}   {gap:.0f}")
        descent.zero_grad()
        cost.backward()
        descent.step()


examine_loss(broken_loss)
predict()

# %% [markdown]
# ### Exercise 10.8 · `repair_loss`
# <!-- facts: repair_loss -->
# *NaN after some steps* · core · 2 points · about 5 minutes
# <!-- end -->
#
# Write `repair_loss(logits, labels)`: the mean cross-entropy. `logits` is `(batch, length, words)`, `labels` is
# `(batch, length)`; there is no padding. Return a tensor with one number. It has to be right for logits of any size:
# where the label's logit is 200 below the best one, the loss is 200. You may use what PyTorch provides.
#
# <!-- hints: repair_loss -->
# <details>
# <summary>Hint 1</summary>
#
# Compute by hand: a word's logit is 200 below the best one. What is its probability in float32, what is the logarithm of that, and what is 0 times that?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# Never take the logarithm of a probability. The logarithm of the softmax is the logit, minus the largest logit of its row, minus the logarithm of the sum of `exp` of such differences. (PyTorch has it ready-made, too.)
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "repair_loss", "locked": false, "schema_version": 3, "solution": true, "task": false}
def repair_loss(logits, labels):
    """(batch, length, words) and (batch, length), to one number. Name the fault in a comment."""
    ### BEGIN SOLUTION
    # fault: softmax rounds an improbable word to 0, its logarithm is -inf, and 0 * -inf is NaN
    largest = logits.max(dim=-1, keepdim=True).values
    shifted = logits - largest
    log_probabilities = shifted - torch.log(torch.exp(shifted).sum(dim=-1, keepdim=True))
    picked = log_probabilities.gather(2, labels.unsqueeze(2))
    return -picked.mean()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_repair_loss", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("repair_loss")

# %%
examine_loss(repair_loss)

# %% [markdown]
# Both versions begin with the same numbers, so no test with small logits could have told them apart. A smaller learning
# rate would have moved the NaN to a later step. It comes when the model is *sure*, and making it sure is what training
# is for.

# %% [markdown]
# ### Case 5 · The source makes no difference
#
# The patient is a part of a decoder layer: attention among the target words, then attention to the source. The masks
# are left out here, and `MultiHeadAttention` and `AddNorm` come from lessons 4 and 5. **Symptom:** whatever the source
# sentence says, the output is the same. As a translator, this model would learn to write good sentences that have
# nothing to do with the original.


# %%
class BrokenDecoderBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.self_attention = MultiHeadAttention(width, heads)
        self.add_norm_1 = AddNorm(width, dropout=0.0)
        self.cross_attention = MultiHeadAttention(width, heads)
        self.add_norm_2 = AddNorm(width, dropout=0.0)

    def forward(self, x, memory):
        read, _ = self.self_attention(x, x, x)
        x = self.add_norm_1(x, read)
        found, _ = self.cross_attention(x, memory, memory)
        found = self.add_norm_2(x, read)
        return found


def examine_block(block_class):
    torch.manual_seed(0)
    block = block_class(8, 2)
    target = torch.randn(1, 3, 8)
    source, another = torch.randn(1, 5, 8, requires_grad=True), torch.randn(1, 4, 8)
    gap = (block(target, source) - block(target, another)).abs().max().item()
    print(f"two sources, largest difference of the outputs: {gap:.2f}")
    out = block(target, source)
    out[..., 0].sum().backward()
    arrived = source.grad is not None and source.grad.any()
    print("a gradient for the source:", "yes" if arrived else "no")


examine_block(BrokenDecoderBlock)

# %% [markdown]
# ### Exercise 10.9 · `RepairedDecoderBlock`
# <!-- facts: RepairedDecoderBlock -->
# *the source makes no difference* · extra · 2 points · about 7 minutes
# <!-- end -->
#
# Write the `forward` of `RepairedDecoderBlock(width, heads)`; the parts are there already, and they are sound. `x` is
# `(batch, n_target, width)`, `memory` is `(batch, n_source, width)`, and the result has the shape of `x`. Leave the
# masks out, as the broken code does.
#
# <!-- hints: RepairedDecoderBlock -->
# <details>
# <summary>Hint 1</summary>
#
# Take a pencil and follow `memory` from line to line. Which result does it flow into, and where does that result go?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `forward` has four lines: attend within the target, add and normalize, attend to the source, add and normalize. Each add & norm gets what the attention in the line above it has returned.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "RepairedDecoderBlock", "locked": false, "schema_version": 3, "solution": true, "task": false}
class RepairedDecoderBlock(nn.Module):
    """The first two thirds of a decoder layer, without masks."""

    def __init__(self, width, heads):
        super().__init__()
        self.self_attention = MultiHeadAttention(width, heads)
        self.add_norm_1 = AddNorm(width, dropout=0.0)
        self.cross_attention = MultiHeadAttention(width, heads)
        self.add_norm_2 = AddNorm(width, dropout=0.0)

    def forward(self, x, memory):
        """Returns the shape of x. Name the fault in a comment."""
        ### BEGIN SOLUTION
        # fault: the result of cross-attention was not used; that of self-attention was added twice
        from_target, _ = self.self_attention(x)
        x = self.add_norm_1(x, from_target)
        from_source, _ = self.cross_attention(x, memory)
        return self.add_norm_2(x, from_source)
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_RepairedDecoderBlock", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("RepairedDecoderBlock")

# %%
examine_block(RepairedDecoderBlock)

# %% [markdown]
# ### Case 6 · Worse in a batch than alone
#
# The words of a sentence attend to each other (here with `x` itself as query, key and value); then the mean of the real
# words is taken as the vector of the sentence. The author has thought of padding: there is a mask, and the mean counts
# only real words. **Symptom:** a sentence has one vector when it comes on its own, and a different one in a batch with
# longer sentences. Test it with one sentence at a time, and nothing is wrong.
#
# The patient below is "the cat sleeps", with 0 to 8 rows of padding behind it. The vector shouldn't depend on them.


# %%
def broken_sentence_vectors(x, keep):
    scores = x @ x.transpose(1, 2) / math.sqrt(x.shape[-1])  # (batch, queries, keys)
    scores = scores.masked_fill(~keep.unsqueeze(2), -1e9)
    attended = torch.softmax(scores, dim=-1) @ x
    real = keep.unsqueeze(2)
    return (attended * real).sum(dim=1) / real.sum(dim=1)


def examine_vectors(sentence_vectors):
    print("rows of padding   largest difference from the sentence on its own")
    for padding in (0, 1, 2, 4, 8):
        row_ids = [4, 8, 9] + padding * [0]  # the cat sleeps <pad> ...
        rows = math.sqrt(D_MODEL) * EMBEDDINGS[row_ids] + positional_encoding(len(row_ids), D_MODEL)
        x = torch.from_numpy(rows).float().unsqueeze(0)
        keep = torch.tensor([row_ids]) != 0
        alone, padded = sentence_vectors(x[:, :3], keep[:, :3]), sentence_vectors(x, keep)
        print(f"{padding:15d}   {(alone - padded).abs().max().item():.3f}")


examine_vectors(broken_sentence_vectors)

# %% [markdown]
# ### Exercise 10.10 · `repair_sentence_vectors`
# <!-- facts: repair_sentence_vectors -->
# *worse in a batch than alone* · extra · 2 points · about 8 minutes
# <!-- end -->
#
# Write `repair_sentence_vectors(x, keep)`: `x` is `(batch, length, width)`; `keep` is `(batch, length)`, True at real
# words, wherever the padding is; every sentence has at least one. Apply scaled self-attention with `x` as query, key
# and value, then take the mean over the real words. The result is `(batch, width)`; the numbers in the padded rows make
# no difference to it, not even large ones such as 10^10.
#
# <!-- hints: repair_sentence_vectors -->
# <details>
# <summary>Hint 1</summary>
#
# On its own, a sentence has no padding; in the batch it does. Look at one real word (a row of the scores): which columns does the mask take away from it?
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `scores` is (batch, queries, keys). `keep` has to line up with the keys, the last axis, and be the same for all queries. So the new axis of size 1 goes where the queries are.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "repair_sentence_vectors", "locked": false, "schema_version": 3, "solution": true, "task": false}
def repair_sentence_vectors(x, keep):
    """Returns (batch, width). Name the fault in a comment."""
    ### BEGIN SOLUTION
    # fault: the mask was on the padded queries; the padded keys stayed visible to real words
    scores = x @ x.mT / math.sqrt(x.shape[-1])
    weights = scores.masked_fill(~keep[:, None, :], -1e9).softmax(dim=-1)
    shares = keep / keep.sum(dim=1, keepdim=True)  # of each real word in the mean
    return (shares[:, :, None] * (weights @ x)).sum(dim=1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_repair_sentence_vectors", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("repair_sentence_vectors")

# %%
examine_vectors(repair_sentence_vectors)

# %% [markdown]
# ## Experiment: a fault that nobody sees
#
# Would the loss have told us? The next cell prints it for all six sealed models, before any training.
#
# **Predict first.** Can you tell the six models apart by their loss?

# %%
predict("", "can the loss tell them apart?")

# %%
reads, labels = teacher_forcing_pair(targets)
for letter, sealed_model in sealed_models.items():
    cost = F.cross_entropy(
        logits_of(sealed_model, sources, reads).transpose(1, 2), labels, ignore_index=0
    )
    print(f"{letter}   loss {cost.item():.2f}")
predict()

# %% [markdown]
# No: they are six numbers of about the same size. The loss says how far there is to go; it doesn't say whether the road
# is open.

# %% [markdown]
# ## Recap
#
# Not one of these faults raised an error. Each was found with a small question that has a known answer:
#
# | question | answer for a healthy model | instrument |
# | --- | --- | --- |
# | Change a word: which outputs change? | its own and later ones, no earlier one | `sees_future` |
# | Add padding: does anything change? | no | `sees_padding` |
# | Change the source: does the output change? | yes | `uses_source` |
# | Do all parameters have a gradient after `backward()`? | yes, every one | `untrained_parameters` |
# | How low can the loss honestly get? | it doesn't go below that | case 2 |
# | Do logits in the hundreds give a finite loss, and the right one? | yes | case 4 |
#
# Keep the four instruments: they work for every model of this kind, even before it is trained.
#
# **Next**: lesson 11 goes from 2017 to today's language models.
#
# ## The paper, the blog, this code
#
# The column "blogs and notes" sums up what many of them say.
#
# | question | the paper | blogs and notes | this code |
# | --- | --- | --- | --- |
# | How do you know that a prediction depends only on earlier words? | the mask, "combined with the fact that the output embeddings are offset by one position" (section 3.1) | masking "prevents cheating" | the leak test |
# | What about padding? | not mentioned | not mentioned | a sentence has the same result in every batch |
# | Which mistakes do people make? | not mentioned | not mentioned | five sealed models and six patients, each with a fault of one or two lines |
