# %% [markdown]
# # 0 · Before you begin: why a Transformer?
#
# In these lessons you build a machine that translates. It consists of matrix products and some other arithmetic, all of
# which you could do on paper. Here you see the finished machine, break it, and find out why it was invented. Nothing on
# this page is graded, and you don't have to remember any of it: every part returns in a lesson of its own.
#
# **After this page you**
# - know that your installation works;
# - have seen the whole model at work, and three ways to break it;
# - have a map of the course;
# - can say what came before the Transformer, what it gained, and what it costs.
#
# **What you need**: some Python. About 30 minutes, and 10 more for the questions at the end. To run a cell, click into
# it and press Shift + Enter. Up to the section *Before you start* you don't have to read the code: what counts is what
# it prints and draws.

# %%
from textwrap import fill

import torch
from torch import nn
from torch.nn import functional as F

from autograde import predict
from autograde.learner import doctor
from helpers.corpus import grammar_corpus
from helpers.corpus.gloss import gloss
from helpers.example import SENTENCES, TRANSLATIONS
from helpers.figures import line_style, new, show
from helpers.recurrent import copied, train_copier
from helpers.trainer import translate
from helpers.trainer.model import without
from helpers.trainer.shipped import load_shipped

torch.set_num_threads(1)  # for small matrices one thread is the steadiest

problems = [found for found in doctor.examine(grading=False) if found.state == doctor.MEND]
print("\n".join(map(str, problems)) or "OK: everything that the course needs is here.")

# %% [markdown]
# If the cell says `No module named 'autograde'`, this notebook is running in a different Python from the course's.
# Close it, and open it again with `course lab`. Any other message tells you what to do; `course doctor` in a terminal
# tells you more.

# %% [markdown]
# ## It translates
#
# This Transformer was trained for one minute on a laptop's processor, with 20,000 pairs of sentences. You'll train it
# yourself in lesson 8. The three sentences below stay with us through the whole course.

# %%
model, (english, korean), config = load_shipped()


def show_translations(translator, sentences):
    for sentence, translation in zip(
        sentences, translate(translator, sentences, (english, korean), config), strict=True
    ):
        print(f"   {sentence:<40} {translation}\n   {'':<40} {gloss(translation)}")


count = sum(parameter.numel() for parameter in model.parameters())
print(f"{count:,} parameters: learned values\n")
show_translations(model, SENTENCES)
print(
    "\nall three right:",
    translate(model, SENTENCES, (english, korean), config) == list(TRANSLATIONS),
)

# %% [markdown]
# You don't read Korean? Under each translation you'll find its words in English, in the Korean order; SUBJ and OBJ are
# endings. Two facts are enough for now. The verb comes last, so *the dog bites the man* becomes "dog man bites": 개가
# (the dog) 남자를 (the man) 물어요 (bites). And a short ending marks who does something (개**가**) and who it is done to
# (남자**를**). These endings tell the two apart: when the man bites the dog, 개가 becomes 개**를** and 남자를 becomes 남자**가**.
# (Empty boxes in place of the Korean letters? Everything works all the same; to see them, install a font such as Noto
# Sans KR.)
#
# Now **your own sentence**. The model knows 254 English words, and the cell tells you which of yours it doesn't know.

# %%
words = sorted(word for word in english.words.word_to_index if word.isalpha())
print(fill(", ".join(words), 90))

# %%
# change this sentence, and run the cell again
yours = "the small cat reads three red books"

unknown = [word for word in yours.split() if word not in words]
print("unknown words:", ", ".join(unknown) or "none")
show_translations(model, [yours])

# %% [markdown]
# ## Break it
#
# Now turn off one part of the trained model at a time. Three parts are worth a look:
#
# - the **positions**, which tell the model where each word is;
# - **cross-attention**, which lets the words being written look at the sentence being read;
# - the **causal mask**, which lets a word look at itself and at earlier words, never at later ones.
#
# **Predict first.** Which of the three will the model miss most? Is there one it won't miss at all? Type your guess
# between the quotes; you'll see it again next to the result.

# %%
predict("", about="what does a translator need most?")

# %%
test_pairs = grammar_corpus().tests["random"][:200]
for part in ((), ("positions",), ("cross",), ("causal",)):
    broken = without(model, *part)
    translations = translate(
        broken, [pair.source_text for pair in test_pairs], (english, korean), config
    )
    right = sum(
        text == pair.target_text for text, pair in zip(translations, test_pairs, strict=True)
    )
    print(
        f"without {part[0]}" if part else "the whole model",
        f"({right / len(test_pairs):.0%} of new sentences right)",
    )
    show_translations(broken, SENTENCES)
predict()

# %% [markdown]
# - Without **positions** both sentences about dog and man become the same one. The model still knows *which* words
#   there are, but no longer who bites whom: the order of the words is gone. (Lesson 2)
# - Without **cross-attention** it writes good Korean about nothing: "the woman drinks the box in the library", whatever
#   you ask, because it no longer sees your sentence. (Lesson 7)
# - Without the **causal mask** hardly anything changes, and that is the surprise. The newest word has no later words to
#   look at. (The words before it now see further than they did in training; that is what costs the few per cent.) The
#   mask is needed in *training*, where the whole right answer is in view: a model that is trained without it learns to
#   copy the next word instead of working it out, and then, on its own, gets every sentence wrong. You'll train that
#   model, too. (Lessons 7 and 8)
#
# Try a combination of your own, from `"positions"`, `"cross"`, `"causal"` and `"residuals"` (the additions around every
# part, lesson 5).

# %% tags=["interactive"]
show_translations(without(model, "positions", "causal"), [*SENTENCES, yours])

# %% [markdown]
# ## The map
#
# This is the whole model. The numbers are those of the lessons, and each lesson opens with this map, with its own parts
# in colour.
#
# <!-- map: 00_start -->
# ![Map of the Transformer, each part with the number of its lesson. On the left the encoder: words become ids, then embeddings with positions, then N layers of multi-head attention, add & norm, feed-forward, add & norm. On the right the decoder: the same for the words so far, with masked attention and with cross-attention to the encoder's result; at the top the probability of each next word, which training compares with the right one.](figures/map.png)
# <!-- end -->
#
# Read it from the bottom up. Words become numbers (1), and the numbers become **vectors**, rows of numbers that also
# hold the word's position (2). In **attention** each word collects what it needs from the others (3, 4). After every
# part, what went in is added to what came out, and the sum is rescaled (5). A small network then works on each word
# separately (6). The encoder on the left reads; the decoder on the right writes, one word at a time, and looks across
# to the encoder as it does (7). Training changes all the numbers inside until the right word is the most probable one
# (8). The last lessons are about other ways to choose the next word (9), how to find out what is wrong with a model
# (10), and what has changed since 2017 (11).

# %% [markdown]
# ## What came before
#
# From 2014 on, translation was the job of **recurrent networks**. A reader goes through the sentence word by word and
# keeps a **hidden state**, a vector that it updates with each word. The state after the last word has to hold the whole
# sentence, because the writer starts from this one vector. Whether there were ten words or fifty, it has the same size.
# That is the **bottleneck**.
#
# ![Above, a reader of five boxes passes one vector to a writer of three boxes. Below, arrows go from all five boxes of the reader to one box of the writer, the thickest one from bites.](figures/recurrent.png)
#
# In 2015 **attention** was added: for each word it writes, the writer consults *all* the states of the reader and mixes
# them, giving most weight to those that fit best. With this addition recurrent networks were the best translators of
# their time, until 2017. (In the terms of lesson 3, the states of the reader are the keys and values, and the state of
# the writer is the query. The reader still has to go word by word.)
#
# Let's see how much it helps. Both kinds of network have to *copy* sequences of random symbols, a task that needs
# nothing but memory. Both are trained on the same data, with lengths from 2 to 16; this takes 10 to 40 seconds.
#
# **Predict first.** What share of the symbols will each of them get right at length 4? At length 16?

# %%
predict("", about="what is copied right at length 4 and 16?")

# %% tags=["measured"]
copiers = {
    "one vector": train_copier(attention=False),
    "with attention": train_copier(attention=True),
}
lengths = [2, 4, 6, 8, 12, 16, 20, 24]
shares = {name: [copied(copier, length) for length in lengths] for name, copier in copiers.items()}
print("length          ", "".join(f"{length:6}" for length in lengths))
for name, row in shares.items():
    print(f"{name:<16}", "".join(f"{share:6.2f}" for share in row))
predict()

# %% tags=["measured", "drawing"]
# Drawing: the shares of the last cell, over the length
figure, axes = new(size=(6.4, 3.4))
for index, (name, row) in enumerate(shares.items()):
    axes.plot(lengths, row, label=name, **line_style(index))
axes.axvspan(16, 24.5, color="#EEEEEE")
axes.text(20.2, 0.06, "longer than\nin training", ha="center", fontsize=9)
axes.set(
    title="copying random symbols",
    xlabel="length of the sequence",
    ylabel="share copied right",
    ylim=(0, 1.05),
)
axes.set_xlim(1.5, 24.5)
axes.legend(frameon=False, loc="lower left")
show(
    figure,
    alt="The share of symbols that are copied right, over the length of the sequence. Through one "
    "vector it falls from 1.0 at length 2 to below one half at length 16. With attention it stays "
    "above 0.9 up to length 16.",
)

# %% [markdown]
# Through one vector, two symbols are easy, but of sixteen more than half are wrong: the 48 numbers of the vector have
# to hold all of them. With attention nothing has to be squeezed through one vector, and even at length 16 nineteen out
# of twenty are right.
#
# ## What fades
#
# Attention had removed the bottleneck. One problem remained, *inside* the reader. What a state knows about an early
# word has been through every step since, and the **gradient**, which tells the numbers inside the network how to
# change, has to travel back the same way. How much of it arrives at a word that is *d* steps away?
#
# We compare three layers, all of them untrained: a recurrent one (a GRU, a common kind); a stack of four
# **convolutions**, the other kind of network popular at the time, which slides small filters over the sequence, so that
# each layer sees only a word and its two neighbours; and attention.

# %%
width, places, batch = 48, 41, 32
torch.manual_seed(0)
reader = nn.GRU(width, width, batch_first=True)
filters = nn.Sequential(*[nn.Conv1d(width, width, kernel_size=3, padding=1) for _ in range(4)])
query, key, value = (nn.Linear(width, width, bias=False) for _ in range(3))
layers = {
    "recurrent (GRU)": lambda x: reader(x)[0],
    "four convolutions": lambda x: filters(x.transpose(1, 2)).transpose(1, 2),
    "attention": lambda x: F.scaled_dot_product_attention(query(x), key(x), value(x)),
}
arrives = {}
for name, layer in layers.items():
    x = torch.randn(batch, places, width, requires_grad=True)
    layer(x)[:, -1].square().sum().backward()  # a loss at the last place only
    # (places,): from the last place back to the first
    size = x.grad.norm(dim=-1).mean(dim=0).flip(0)
    arrives[name] = size / size[1]  # one step away counts as 1

print("steps away         ", "".join(f"{d:11}" for d in (1, 4, 5, 10, 20, 40)))
for name, sizes in arrives.items():
    print(f"{name:<19}", "".join(f"{sizes[d].item():11.1g}" for d in (1, 4, 5, 10, 20, 40)))

# %% tags=["drawing"]
# Drawing: the same for all distances
figure, axes = new(size=(6.4, 3.4))
for index, (name, sizes) in enumerate(arrives.items()):
    seen = [d for d in range(1, places) if sizes[d] > 1e-12]
    axes.plot(
        seen, [sizes[d].item() for d in seen], label=name, **(line_style(index) | {"markersize": 3})
    )
axes.set_yscale("log")
axes.set(title="how much gradient arrives", xlabel="steps away", ylabel="relative to 1 step")
axes.legend(frameon=False, loc="lower left")
show(
    figure,
    alt="The size of the gradient over the distance in steps, on a logarithmic axis, 1 at one "
    "step. The line of the GRU falls steadily to a few billionths at 40 steps, the line of the "
    "four convolutions ends after 4 steps, the line of attention stays level.",
)

# %% [markdown]
# In the recurrent layer the gradient **fades**: each step takes away a part of it, and from a word 40 steps away hardly
# anything can be learned. The four convolutions see no further than 4 words; to see further, you need more layers.
# Attention doesn't care how far away a word is: every word is **one step** from every other.
#
# ## What the Transformer gained, and what it costs
#
# "Attention Is All You Need" (2017) asked: if attention does the work, what is the recurrent network still for? Its
# authors left it out. The encoder reads with attention, the decoder writes with attention, and while reading, no word
# has to wait for the one before it.
#
# | | recurrent | attention only |
# | --- | --- | --- |
# | from one word to another | as many steps as they are apart | one step |
# | a layer reads a sentence of $n$ words in | $n$ steps, one after the other | one step, all words at once |
# | training a translator of the time | $2.3 \cdot 10^{19}$ operations for 24.6 BLEU | $3.3 \cdot 10^{18}$ operations for 27.3 BLEU |
#
# The last row is from the paper's table 2 (English to German, the base model against GNMT + RL; GNMT is a recurrent
# network with attention, and BLEU is a score for translations, the higher the better). The Transformer translates
# better, with a seventh of the work. The base model took 12 hours on eight graphics processors (GPUs).
#
# There is a price:
#
# - Every word looks at every word, which makes $n^2$ weights for $n$ words. Twice the text takes four times the work
#   and memory. (Lesson 3)
# - Attention doesn't see the order of the words, so their positions have to be added to them. (Lesson 2)
# - *Writing* is still done word by word. (Lesson 7)
#
# Nearly every language model of today grew out of this design, and most of its parts are unchanged.

# %% [markdown]
# ## Before you start
#
# The lessons use four tools all the time. If nothing in the four cells below surprises you, you're ready.
#
# **A matrix product** combines rows with columns: entry $(i, j)$ is row $i$ of the left matrix times column $j$ of the
# right one, number by number, added up. Shapes: $(n, k)$ times $(k, m)$ gives $(n, m)$.

# %%
left = torch.tensor([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]])  # (2, 3)
right = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]])  # (3, 2)
print(left @ right)
print("row 0 times column 1:", 1 * 0 + 2 * 1 + 3 * 2)

# %% [markdown]
# **Broadcasting** repeats what is too small. Shapes are compared from the right, and an axis that has size 1 or is
# missing fits any size.

# %%
column, row = torch.tensor([[0.0], [10.0]]), torch.tensor([1.0, 2.0, 3.0])  # (2, 1) and (3,)
print(column + row)  # (2, 3)

# %% [markdown]
# **A derivative** says how much a result changes when an input changes a little. PyTorch computes it for you:
# `backward` fills in the `grad` of every input made with `requires_grad=True`. If there are several inputs, their
# derivatives together are called the **gradient**.

# %%
x = torch.tensor(3.0, requires_grad=True)
(x**2).backward()
print(
    "the derivative of x² at 3:",
    x.grad.item(),
    "   and by a small step:",
    round((3.001**2 - 3**2) / 0.001, 3),
)

# %% [markdown]
# **Training** goes like this: compute a **loss**, a number that says how wrong the model is; find the derivative of the
# loss with respect to each **parameter**, each number inside the model that is learned; move every parameter a little
# against its derivative; repeat. In the next cell a model with two parameters, $y = a x + b$, learns from points of the
# line $y = 2x - 1$.

# %%
a, b = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
points = torch.linspace(-1, 1, 9)
for step in range(101):
    loss = ((a * points + b - (2 * points - 1)) ** 2).mean()
    if step % 25 == 0:
        print(f"step {step:3}: loss {loss.item():.4f}   a = {a.item():.3f}, b = {b.item():.3f}")
    loss.backward()
    with torch.no_grad():
        for parameter in (a, b):
            parameter -= 0.1 * parameter.grad  # 0.1 is the learning rate
            parameter.grad = None

# %% [markdown]
# One more term. A list of numbers between 0 and 1 that add up to 1 is a **probability distribution**: the model's
# answer to "which word comes next?" is one, and so is the attention that one word pays to the others.
#
# ### Ten questions
#
# Answer each one before you unfold it. With seven right you're well prepared. If something is new to you, look it up
# now; that takes less time here than in the middle of lesson 3.
#
# <details><summary>1. <code>A</code> is (5, 6) and <code>B</code> is (6, 3). What is the shape of <code>A @ B</code>?</summary>
#
# (5, 3). The inner sizes have to agree, and they disappear.
#
# </details>
# <details><summary>2. What is the dot product of (1, 2, 3) and (4, 0, 1)?</summary>
#
# 1 · 4 + 2 · 0 + 3 · 1 = 7.
#
# </details>
# <details><summary>3. What does <code>A.T</code> do to a matrix of shape (5, 3)?</summary>
#
# It swaps rows and columns, so the shape becomes (3, 5).
#
# </details>
# <details><summary>4. You add an array of shape (4, 5, 6) and one of shape (6,). Does it work, and what is the shape?</summary>
#
# Yes: the six numbers are added to each of the 20 rows. The shape is (4, 5, 6).
#
# </details>
# <details><summary>5. In an array of shape (2, 5, 3), which axis is <code>axis=-1</code>?</summary>
#
# The last one, of size 3.
#
# </details>
# <details><summary>6. <code>b = a; b += 1</code>, with a NumPy array <code>a</code>. What has happened to <code>a</code>?</summary>
#
# It has changed, too: both names refer to the same array. <code>b = a + 1</code> would have made a new one.
#
# </details>
# <details><summary>7. The derivative of the loss with respect to a parameter is positive. In which direction does training move the parameter?</summary>
#
# Down: a larger parameter would mean a larger loss.
#
# </details>
# <details><summary>8. A derivative is 0. What does training do to this parameter?</summary>
#
# Plain gradient descent leaves it where it is. (There are optimizers that still move it; you'll meet one in lesson 2.)
#
# </details>
# <details><summary>9. Which of these are probability distributions: (0.5, 0.5), (0.2, 0.2, 0.2), (1, 0, 0), (1.5, -0.5)?</summary>
#
# The first and the third. The second adds up to 0.6, the last has entries below 0 and above 1.
#
# </details>
# <details><summary>10. Why is a model measured on sentences that it was not trained on?</summary>
#
# It may have memorised the ones it was trained on. New sentences show whether it has learned the rules.
#
# </details>
#
# **Next**: lesson 1. A sentence is text, and a model needs numbers.
