# %% [markdown]
# # 1 · Vocabulary and encoding
#
# A Transformer computes with numbers, but a sentence is text. This lesson builds the bridge, from text to whole
# numbers and back.
#
# <!-- map: 01_vocabulary -->
# ![The map of the Transformer, with this lesson's parts in colour: words → ids, words so far → ids.](figures/map.png)
# <!-- end -->
#
# **After this lesson you can**
# - cut English and Korean text into tokens, and give every token a number;
# - say what the special tokens `<pad>`, `<bos>`, `<eos>` and `<unk>` are for;
# - put sentences of different lengths into one batch, with a mask that says where the padding is;
# - write byte-pair encoding (BPE), the method of the paper, and say which problem it solves.
#
# **What you need**: Python lists, dictionaries, loops and functions, and an idea of what a class is. Only lesson 0,
# which isn't graded, comes before this one. About 115 minutes.
#
# <!-- table: 01_vocabulary -->
# | exercise | what you build | points | minutes |
# | --- | --- | ---: | ---: |
# | 1.1 `tokenize` | a text becomes tokens | 3 | 9 |
# | 1.2 `build_vocabulary` | the unique tokens | 1 | 3 |
# | 1.3 `build_index` | word to index, index to word | 1 | 3 |
# | 1.4 `encode` | tokens become indices | 2 | 6 |
# | 1.5 `decode` | indices become tokens | 1 | 2 |
# | 1.6 `Vocabulary` | special tokens and words by count | 5 | 13 |
# | 1.7 `pad_batch` | one tensor for many sentences | 3 | 7 |
# | 1.8 `count_pairs` | neighbouring symbols | 2 | 5 |
# | 1.9 `merge_pair` | two symbols become one | 3 | 8 |
# | 1.10 `train_bpe` | learn the merges | 4 | 10 |
# | 1.11 `bpe_encode` | words become pieces | 2 | 4 |
# <!-- end -->
#
# **How a lesson works.** Work from top to bottom, and run each cell with Shift + Enter. In an exercise, write your code
# in place of `# YOUR CODE HERE` and `raise NotImplementedError()`. Then run that cell and the check below it. When an
# answer isn't right yet, the check shows the call, what was expected and what came back, and if the mistake is a common
# one, it names it. The text of each exercise has two hints, folded away; a click opens them. Later cells use your code,
# so finish one exercise before you go on to the next.
#
# Two kinds of cell want something other than code. `by_hand("...", ...)` wants a number that you have worked out on
# paper: type it in place of the dots, run the cell, and you learn at once whether it is right. `predict("", "...")`
# wants a guess before an experiment: type it between the first pair of quotes, and you'll see it again next to the
# result. Neither earns points.

# %%
import re
from collections import Counter
from itertools import pairwise

import torch

from autograde import by_hand, check, predict
from helpers.example import GLOSSES, SENTENCES, TRANSLATIONS
from helpers.figures import line_style, new, show
from helpers.sentence_pairs import SENTENCE_PAIRS

# %% [markdown]
# ## The idea
#
# A **token** is a piece of text that gets one number: a word, a punctuation mark or, later on, part of a word. The
# **vocabulary** is the list of all tokens that a model knows. The place of a token in that list is its **index**, also
# called its **id**. In lesson 2 each id picks one row of a table, and that row of numbers is the **vector** of the
# token. So a sentence of five tokens becomes five ids, and later five vectors.
#
# ![The sentence "the dog bites the man" in four rows: the text; five tokens; the tokens between bos and eos; the ids 1, 4,
# 5, 6, 4, 7, 2. The word "the" occurs twice and has the id 4 both times.](figures/idea.png)
#
# Notice two things in the picture:
# - **A word that occurs twice gives its id twice.** The vocabulary holds "the" once; the sentence keeps it twice.
# - **Some tokens are not words.** `<bos>` (beginning of sequence) and `<eos>` (end of sequence) mark the two ends.

# %% [markdown]
# ## The numbers by hand
#
# The whole course uses three small sentences as its running example, with their Korean translations. (If you see empty
# boxes in place of the Korean letters, your computer has no font for them. The code works all the same; to see the
# letters, install a font such as Noto Sans KR.) Next to each translation are its words in English, in the Korean order;
# SUBJ and OBJ are the particles, endings that say who does something and to whom.

# %%
for sentence, translation, gloss in zip(SENTENCES, TRANSLATIONS, GLOSSES):
    print(f"{sentence:<22} {translation:<16} {gloss}")

# %% [markdown]
# Take a pencil and paper. Count how often each word of the three English sentences occurs, and number the words by
# falling count. Words with equal counts keep the order in which they first appear. The first four numbers are reserved
# for special tokens: the two ends, and two more that are explained below.
#
# | token | `<pad>` | `<bos>` | `<eos>` | `<unk>` | the | dog | bites | man | cat | sleeps |
# | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
# | count | – | – | – | – | 5 | 2 | 2 | 2 | 1 | 1 |
# | id | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 |
#
# Six unique words and four special tokens give a **vocabulary size** of 10. "the dog bites the man" becomes
# `4 5 6 4 7`. With the two ends it is `1 4 5 6 4 7 2`. By the end of exercise 1.6 your code will compute this table.
#
# And "the man bites the dog"? Type its five ids as a list, `[4, ...]` and so on, in place of the dots.

# %%
by_hand("ids of 'the man bites the dog', without the two ends", ...)

# %% [markdown]
# ## From text to numbers

# %% [markdown]
# ### Exercise 1.1 · `tokenize`
# <!-- facts: tokenize -->
# *a text becomes tokens* · core · 3 points · about 9 minutes
# <!-- end -->
#
# Write `tokenize(text)`, which returns the list of tokens of a text. First `text.lower()`, so that "The" and "the" are
# one word. Then a token is one of these two:
# - a **word**: as many letters and digits in a row as possible. A letter or digit is what `str.isalnum` accepts, so
#   Korean letters count, and the underscore does not. An apostrophe `'` with a letter or digit on both sides belongs to
#   the word: `don't` is one token;
# - a **mark**: any other single character that is not a space. Spaces, tabs and line breaks are not tokens.
#
# | text | tokens |
# | --- | --- |
# | `The dog bites the man.` | `the` `dog` `bites` `the` `man` `.` |
# | `개가 남자를 물어요!` | `개가` `남자를` `물어요` `!` |
# | `The dogs' bone isn't old...` | `the` `dogs` `'` `bone` `isn't` `old` `.` `.` `.` |
#
# A loop over the characters works. So does `re.findall(pattern, text)`, which lists all matches of a regular
# expression. Useful pieces of a pattern:
#
# | piece | matches |
# | --- | --- |
# | `\w` | a letter, a digit or the underscore, in any language |
# | `[^\W_]` | a letter or a digit, in any language |
# | `\S` | any character that is not a space |
# | `x+` | `x`, one or more times |
# | `(?:xy)*` | `xy`, any number of times, even none |
# | `x\|y` | `x`; if that doesn't match, `y` |
#
# <!-- hints: tokenize -->
# <details>
# <summary>Hint 1</summary>
#
# `re.findall(pattern, text)` lists everything that fits a pattern, from left to right. Join two alternatives with `|`: first what a word looks like, then any other single character that is not a space.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# A run of letters and digits is `[^\W_]+`: what is neither a non-word character nor an underscore. After it, an apostrophe and another such run may follow, any number of times: `(?: ... )*`. The second alternative is `\S`.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "tokenize", "locked": false, "schema_version": 3, "solution": true, "task": false}
def tokenize(text):
    """The tokens of a text, lower-case: words, and single characters that are not spaces."""
    ### BEGIN SOLUTION
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*|\S", text.lower())
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_tokenize", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("tokenize")

# %% [markdown]
# What's wrong with `text.split()`? Compare the two lines.

# %%
example = "The dog bites the man. The man isn't happy!"
print("split:   ", example.split())
print("tokenize:", tokenize(example))

# %% [markdown]
# `split` gives `man.` and `man`, `The` and `the`. These are four words to it, and a model would have to learn each of
# them from scratch, as if they had nothing in common.

# %% [markdown]
# ### Exercise 1.2 · `build_vocabulary`
# <!-- facts: build_vocabulary -->
# *the unique tokens* · core · 1 point · about 3 minutes
# <!-- end -->
#
# Write `build_vocabulary(tokens)`. It returns the list of the unique tokens, each once, **in order of first
# appearance**. The length of this list is the vocabulary size, as long as there are no special tokens.
#
# Example: `["the", "cat", "sees", "the", "dog"]` gives `["the", "cat", "sees", "dog"]`.
#
# <!-- hints: build_vocabulary -->
# <details>
# <summary>Hint 1</summary>
#
# Go through the tokens and take each one that you haven't taken yet. A `set` would lose the order.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# A dictionary keeps its keys in the order in which they came in, each once. `dict.fromkeys` makes one from a list; turn its keys into a list again.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "build_vocabulary", "locked": false, "schema_version": 3, "solution": true, "task": false}
def build_vocabulary(tokens):
    """The unique tokens in order of first appearance."""
    ### BEGIN SOLUTION
    return list(dict.fromkeys(tokens))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_build_vocabulary", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("build_vocabulary")

# %% [markdown]
# Now we can count the vocabulary of the running example. According to a common rule, the vocabulary size is the number
# of unique words. That is true once you have settled two questions: what counts as the same word, and what else needs a
# number?

# %%
text = "The dog bites the man. The man bites the dog. The cat sleeps."
print("unique pieces of split:   ", len(build_vocabulary(text.split())))
print(
    "unique tokens of tokenize:",
    len(build_vocabulary(tokenize(text))),
    build_vocabulary(tokenize(text)),
)

# %% [markdown]
# Seven tokens: six words and the full stop. Cut at spaces, the same text has nine different pieces. A model also needs
# ids for tokens that never occur in a text, such as those that fill up short sentences. They come in exercise 1.6.

# %% [markdown]
# ### Exercise 1.3 · `build_index`
# <!-- facts: build_index -->
# *word to index, index to word* · core · 1 point · about 3 minutes
# <!-- end -->
#
# Write `build_index(vocabulary)`. It numbers the words of a list from 0, in the order of the list, and returns two
# dictionaries: `word_to_index` and `index_to_word`.
#
# Example: `["the", "cat"]` gives `{"the": 0, "cat": 1}` and `{0: "the", 1: "cat"}`.
#
# <!-- hints: build_index -->
# <details>
# <summary>Hint 1</summary>
#
# `enumerate(vocabulary)` gives pairs of a number and a word, starting at 0.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# Two dictionary comprehensions over the same `enumerate`; in the second, key and value change places. Return both, separated by a comma.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "build_index", "locked": false, "schema_version": 3, "solution": true, "task": false}
def build_index(vocabulary):
    """Two dictionaries: {word: index} and {index: word}, indices from 0."""
    ### BEGIN SOLUTION
    word_to_index = {word: index for index, word in enumerate(vocabulary)}
    index_to_word = dict(enumerate(vocabulary))
    return word_to_index, index_to_word
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_build_index", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("build_index")

# %% [markdown]
# ### Exercise 1.4 · `encode`
# <!-- facts: encode -->
# *tokens become indices* · core · 2 points · about 6 minutes
# <!-- end -->
#
# Write `encode(tokens, word_to_index)`. It returns a list with one index for each token, in the order of the tokens.
# - A token that is not in `word_to_index` becomes the index of `<unk>` ("unknown").
# - Where `word_to_index` has no `<unk>` either, an unknown token raises `KeyError`, and the message names the token. As
#   long as all tokens are known, a missing `<unk>` does no harm.
#
# Example: with `{"<unk>": 0, "the": 1, "cat": 2}`, the tokens `["the", "bird", "the"]` become `[1, 0, 1]`.
#
# <!-- hints: encode -->
# <details>
# <summary>Hint 1</summary>
#
# There are three cases for a token: it is in the index; it is not, but `<unk>` is; neither is.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# A loop with `if`, `elif`, `else`: append the token's index, append the index of `<unk>`, or `raise KeyError(...)` with the token.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "encode", "locked": false, "schema_version": 3, "solution": true, "task": false}
def encode(tokens, word_to_index):
    """The index of every token, <unk> for an unknown token; KeyError(token) without <unk>."""
    ### BEGIN SOLUTION
    indices = []
    for token in tokens:
        if token in word_to_index:
            indices.append(word_to_index[token])
        elif "<unk>" in word_to_index:
            indices.append(word_to_index["<unk>"])
        else:
            raise KeyError(token)
    return indices
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_encode", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("encode")

# %% [markdown]
# ### Exercise 1.5 · `decode`
# <!-- facts: decode -->
# *indices become tokens* · core · 1 point · about 2 minutes
# <!-- end -->
#
# Write `decode(indices, index_to_word)`, the inverse of `encode`: a list with one token for each index. You can rely on
# every index being in `index_to_word`. Nothing is left out, not even special tokens.
#
# <!-- hints: decode -->
# <details>
# <summary>Hint 1</summary>
#
# `encode` the other way round, and every index is known: one look-up for each.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# A list comprehension over `indices`, with the look-up in `index_to_word` in front.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "decode", "locked": false, "schema_version": 3, "solution": true, "task": false}
def decode(indices, index_to_word):
    """The token of every index."""
    ### BEGIN SOLUTION
    return [index_to_word[index] for index in indices]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_decode", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("decode")

# %% [markdown]
# There and back again. Compare the lengths: five tokens, five indices. Had we kept one index per unique word, there
# would be four, and one "the" would be gone. Each index becomes one row of a matrix in lesson 2, so the matrix of this
# sentence has five rows.

# %%
tokens = tokenize(SENTENCES[0])
word_to_index, index_to_word = build_index(build_vocabulary(tokenize(" ".join(SENTENCES))))
indices = encode(tokens, word_to_index)
print("tokens: ", len(tokens), tokens)
print("indices:", len(indices), indices)
print("back:   ", len(indices), decode(indices, index_to_word))
print("unique: ", len(build_vocabulary(tokens)), build_vocabulary(tokens))

# %% [markdown]
# ### The order must stay the same
#
# Why does this lesson insist on an order at all? A vocabulary made with `enumerate(set(tokens))` numbers the words as
# well. But a `set` may hand out its strings in a different order each time Python starts.
#
# **Predict first.** A model was trained yesterday with one numbering. Today the program starts again, and the same
# words are numbered in a different order. What does today's program read when yesterday's ids come in?

# %%
predict("", "what does today's program read?")


# %%
yesterday, _ = build_index(["the", "dog", "bites", "man", "cat", "sleeps"])
_, today = build_index(["sleeps", "the", "cat", "dog", "man", "bites"])
ids = encode(tokenize("the dog bites the man"), yesterday)
print("ids of yesterday:", ids)
print("read today:      ", " ".join(decode(ids, today)))
predict()

# %% [markdown]
# **What it shows.** Nothing crashes, and every id is valid, but the sentence is a different one. A model whose ids are
# permuted produces nonsense, without any error message. So the order of a vocabulary is fixed by a rule, and the
# vocabulary is saved together with the model.

# %% [markdown]
# ## Special tokens
#
# Four tokens aren't words from the text. They come first, so that their ids are the same for every text.
#
# | id | token | what it is for |
# | --- | --- | --- |
# | 0 | `<pad>` | fills short sentences, so that a batch is a rectangle |
# | 1 | `<bos>` | beginning of sequence: a decoder starts with it, before there is any word (lesson 7) |
# | 2 | `<eos>` | end of sequence: with it, the model says that the sentence is complete |
# | 3 | `<unk>` | unknown: takes the place of every word that has no id |
#
# What happens without `<unk>`? `word_to_index` from above has no special tokens, and "bird" is a new word:

# %%
try:
    encode(tokenize("the bird sleeps"), word_to_index)
except KeyError as error:
    print("KeyError:", error)

# %% [markdown]
# ### Exercise 1.6 · `Vocabulary`
# <!-- facts: Vocabulary -->
# *special tokens and words by count* · core · 5 points · about 13 minutes
# <!-- end -->
#
# Write the class `Vocabulary(sentences, min_count=1, max_size=None)`. `sentences` is a sequence of strings; `tokenize`
# cuts them into tokens.
# - **Order.** `<pad>`, `<bos>`, `<eos>`, `<unk>` have the ids 0 to 3. Then come the words: the most frequent first,
#   equal counts in order of first appearance.
# - **Limits.** A word that occurs fewer than `min_count` times gets no id. `max_size` is the largest number of ids, the
#   four special tokens included; it is at least 4, and `None` means no limit. There are no gaps between ids.
# - **`len(vocabulary)`** is the number of ids.
# - **`encode(text)`** takes a string and returns a list of ids: `<bos>`, the tokens of the text, `<eos>`. Unknown
#   tokens become `<unk>`.
# - **`decode(ids)`** takes a list of ids and returns a list of tokens. It stops at the first `<eos>` if there is one,
#   leaves out `<pad>` and `<bos>`, and keeps `<unk>`.
#
# Build it from the functions you have written. `Counter(tokens)` does the counting: it is a dictionary from each token
# to its count. Inside the class, `encode(...)` is still your function from above, and `self.encode(...)` is the method.
#
# Example: in `Vocabulary(["a b b"])` the word `b` has the id 4 and `a` the id 5. `encode("a c")` gives `[1, 5, 3, 2]`,
# and `decode([1, 5, 3, 2, 0])` gives `["a", "<unk>"]`.
#
# <!-- hints: Vocabulary -->
# <details>
# <summary>Hint 1</summary>
#
# Count the tokens of all sentences with a `Counter`; its `most_common()` sorts by falling count and leaves ties as they came. Then keep, in this order: drop rare words, put the special tokens in front, cut to `max_size`, number. For `encode` and `decode` use the functions that you have written.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# A list of the four special tokens and, after them, every word whose count is at least `min_count`; then a slice up to `max_size` (`None` cuts nothing); then `build_index`. In `decode`: decode all ids, cut before the first `"<eos>"` if there is one (`tokens.index`), and leave out `"<pad>"` and `"<bos>"`.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "Vocabulary", "locked": false, "schema_version": 3, "solution": true, "task": false}
class Vocabulary:
    """The special tokens and the words of some sentences, each with an id."""

    def __init__(self, sentences, min_count=1, max_size=None):
        ### BEGIN SOLUTION
        counts = Counter(token for sentence in sentences for token in tokenize(sentence))
        # most_common sorts by falling count; equal counts stay in order of first appearance
        words = [word for word, count in counts.most_common() if count >= min_count]
        kept = ["<pad>", "<bos>", "<eos>", "<unk>", *words][:max_size]
        self.word_to_index, self.index_to_word = build_index(kept)
        ### END SOLUTION

    def __len__(self):
        """The number of ids."""
        ### BEGIN SOLUTION
        return len(self.word_to_index)
        ### END SOLUTION

    def encode(self, text):
        """The ids of a text, from <bos> to <eos>."""
        ### BEGIN SOLUTION
        return encode(["<bos>", *tokenize(text), "<eos>"], self.word_to_index)
        ### END SOLUTION

    def decode(self, ids):
        """The tokens up to the first <eos>, without <pad> and <bos>."""
        ### BEGIN SOLUTION
        tokens = decode(ids, self.index_to_word)
        if "<eos>" in tokens:
            tokens = tokens[: tokens.index("<eos>")]
        return [token for token in tokens if token not in ("<pad>", "<bos>")]
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_Vocabulary", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check("Vocabulary")

# %% [markdown]
# Compare this with your table on paper.

# %%
vocabulary = Vocabulary(SENTENCES)
print("vocabulary size:", len(vocabulary))
for sentence in (*SENTENCES, "The bird sleeps."):
    ids = vocabulary.encode(sentence)
    print(f"{sentence:<22} {ids!s:<24} {' '.join(vocabulary.decode(ids))}")

# %% [markdown]
# ### Padding
#
# A **tensor** is PyTorch's table of numbers, and a table is a rectangle: all its rows have the same length. Sentences
# have different lengths. So a **batch**, several sentences processed together, is padded with `<pad>` to the length of
# its longest sentence. A **mask** records which places hold tokens and which hold padding, because padding must not
# count anywhere: neither in the attention of lesson 3 nor in the error that a model is trained to reduce. In this
# course a mask is boolean, and **True means: this place counts**.
#
# ![Two tables of 3 rows and 7 columns. Left the ids of three sentences, the third padded with two zeros at the end. Right
# the mask: True at every token, False at the two zeros.](figures/batch.png)

# %% [markdown]
# ### Exercise 1.7 · `pad_batch`
# <!-- facts: pad_batch -->
# *one tensor for many sentences* · core · 3 points · about 7 minutes
# <!-- end -->
#
# Write `pad_batch(sequences, pad=0)`. `sequences` is a list of lists of ids. It returns two tensors of the shape
# `(batch, longest)`, where `batch` is the number of sequences and `longest` the length of the longest:
# - `ids`, of dtype `torch.int64`: the sequences, one per row, padded with `pad` **at the end**;
# - `keep`, of dtype `torch.bool`: True at the original tokens, False at the padding.
#
# No sequence contains `pad` itself. `torch.tensor(rows, dtype=torch.int64)` makes a tensor from a list of lists of
# equal length. A comparison such as `ids > 5` compares every number of a tensor at once.
#
# Example: `pad_batch([[7, 8, 9], [5]])` gives `[[7, 8, 9], [5, 0, 0]]` and
# `[[True, True, True], [True, False, False]]`.
#
# <!-- hints: pad_batch -->
# <details>
# <summary>Hint 1</summary>
#
# How long is the longest sequence? Each row is a sequence, followed by one `pad` for each place that is missing. The mask is True where there is a token, and no token equals `pad`.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `[pad] * n` is a list of n times `pad`. Build the list of padded rows, give it to `torch.tensor` with `dtype=torch.int64`, and compare the tensor with `pad` for the mask.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "pad_batch", "locked": false, "schema_version": 3, "solution": true, "task": false}
def pad_batch(sequences, pad=0):
    """Two tensors (batch, longest): the ids, padded with `pad`, and True where a token is."""
    ### BEGIN SOLUTION
    longest = max(len(sequence) for sequence in sequences)
    rows = [list(sequence) + [pad] * (longest - len(sequence)) for sequence in sequences]
    ids = torch.tensor(rows, dtype=torch.int64)
    return ids, ids != pad
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_pad_batch", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("pad_batch")

# %% [markdown]
# PyTorch can pad, too; its function is called `pad_sequence`. Yours and PyTorch's have to agree.

# %%
sequences = [vocabulary.encode(sentence) for sentence in SENTENCES]
ids, keep = pad_batch(sequences)
theirs = torch.nn.utils.rnn.pad_sequence(
    [torch.tensor(sequence) for sequence in sequences], batch_first=True, padding_value=0
)
print(ids)
print("equal to pad_sequence:", torch.equal(ids, theirs))
print("tokens:", int(keep.sum()), "of", keep.numel(), "places")

# %% [markdown]
# ## Words in pieces: byte-pair encoding
#
# A vocabulary of whole words has a limit: what it has not seen becomes `<unk>`. English has "sleep", "sleeps" and
# "sleeping". Korean makes it worse, because particles are attached to the word: 개가 (the dog, subject), 개를 (the dog,
# object), 개는 (as for the dog), 개에게 (to the dog), 개도 (the dog, too). If you know 고양이 (cat) and the particle 를, you can
# read 고양이를 at once. A word vocabulary can't.
#
# **Byte-pair encoding** learns pieces from the text. It starts with single characters and repeats one step:
#
# > Find the pair of neighbouring symbols that occurs most often. Make it one symbol, everywhere.
#
# Such a step is called a **merge**. The list of merges, in order, is all that is learned.
#
# Frequent words grow together into one piece. Rare words stay in several pieces. In the worst case a word falls back
# to its single characters. To mark where a word ends, we append a special symbol, `</w>`.
#
# ### Three merges by hand
#
# Three words with their counts: dog 5, dogs 2, log 3. How often does each pair occur?
#
# | pair | in dog (5) | in dogs (2) | in log (3) | sum |
# | --- | --- | --- | --- | --- |
# | o g | 5 | 2 | 3 | **10** |
# | g `</w>` | 5 | | 3 | 8 |
# | d o | 5 | 2 | | 7 |
# | l o | | | 3 | 3 |
# | g s | | 2 | | 2 |
# | s `</w>` | | 2 | | 2 |
#
# The pair (o, g) wins, and og becomes a symbol. Then everything is counted again, with the new symbol. How often do the
# pairs (og, `</w>`) and (d, og) occur now? Type the two counts as a list.

# %%
by_hand("counts of (og, </w>) and (d, og) after the first merge", ...)

# %% [markdown]
# The larger count wins again, so the second merge makes og`</w>`. How often does the pair (d, og) still
# occur after that?

# %%
by_hand("count of (d, og) after the second merge", ...)

# %% [markdown]
# The third merge makes dog`</w>`, and the most frequent of the three words has become one piece:
#
# ![Byte-pair encoding on dog (5 times), dogs (2) and log (3). From single letters, the first merge makes og in all three
# words, the second og and end-of-word in dog and log, the third dog with end-of-word. The word dogs is then d, og, s
# and end-of-word.](figures/merges.png)

# %% [markdown]
# ### Exercise 1.8 · `count_pairs`
# <!-- facts: count_pairs -->
# *neighbouring symbols* · core · 2 points · about 5 minutes
# <!-- end -->
#
# Write `count_pairs(words)`. `words` is a dictionary that maps a word, given as a tuple of symbols, to its count. The
# result is a `Counter` that maps each pair `(left, right)` of neighbouring symbols to the number of times it occurs in
# the whole text. In a word with count 5, each occurrence counts 5 times. Equal symbols in a row count at each place: in
# `("a", "a", "a")` the pair `("a", "a")` occurs twice.
#
# Example: `{("a", "b", "a", "b"): 3}` gives `{("a", "b"): 6, ("b", "a"): 3}`.
#
# <!-- hints: count_pairs -->
# <details>
# <summary>Hint 1</summary>
#
# `zip(symbols, symbols[1:])` pairs every symbol with the next one. A word that occurs 5 times counts 5 times.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# Two loops: over `words.items()`, and inside over the pairs of one word. A `Counter` starts every count at 0, so you can add the word's count to `pairs[pair]` at once.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "count_pairs", "locked": false, "schema_version": 3, "solution": true, "task": false}
def count_pairs(words):
    """How often each pair of neighbouring symbols occurs; words: {tuple of symbols: count}."""
    ### BEGIN SOLUTION
    pairs = Counter()
    for symbols, count in words.items():
        for pair in pairwise(symbols):
            pairs[pair] += count
    return pairs
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_count_pairs", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("count_pairs")

# %% [markdown]
# ### Exercise 1.9 · `merge_pair`
# <!-- facts: merge_pair -->
# *two symbols become one* · core · 3 points · about 8 minutes
# <!-- end -->
#
# Write `merge_pair(symbols, pair)`. `symbols` is a tuple of strings and `pair` a tuple of two strings. The result is a
# new tuple in which every occurrence of the pair is replaced by one symbol, the two strings joined. Go **from left to
# right**; what has been merged is not used again. Only whole symbols count: `"ab", "c"` is not the pair `("b", "c")`.
#
# | symbols | pair | result |
# | --- | --- | --- |
# | `("s", "e", "e", "s")` | `("s", "e")` | `("se", "e", "s")` |
# | `("a", "a", "a")` | `("a", "a")` | `("aa", "a")` |
#
# <!-- hints: merge_pair -->
# <details>
# <summary>Hint 1</summary>
#
# Walk through the symbols with a position that you move yourself. Where the pair starts, take both symbols at once and move on by two places; elsewhere take one and move on by one.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# A `while` loop up to `len(symbols)`. `symbols[position : position + 2]` is a tuple of two symbols (of one at the end): compare it with `pair`. Append to a list, return `tuple(...)`.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "merge_pair", "locked": false, "schema_version": 3, "solution": true, "task": false}
def merge_pair(symbols, pair):
    """Every occurrence of the pair, from left to right, replaced by its concatenation; a tuple."""
    ### BEGIN SOLUTION
    merged = []
    position = 0
    while position < len(symbols):
        if symbols[position : position + 2] == pair:
            merged.append(pair[0] + pair[1])
            position += 2
        else:
            merged.append(symbols[position])
            position += 1
    return tuple(merged)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_merge_pair", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("merge_pair")

# %% [markdown]
# ### Exercise 1.10 · `train_bpe`
# <!-- facts: train_bpe -->
# *learn the merges* · core · 4 points · about 10 minutes
# <!-- end -->
#
# Write `train_bpe(word_counts, num_merges)`. `word_counts` is a dictionary that maps a word, given as a string, to its
# count. Every word starts as the tuple of its characters followed by the one symbol `"</w>"`. Then, `num_merges` times:
# - count the pairs,
# - take the most frequent pair; where several are equally frequent, the **smallest** one, as Python compares tuples of
#   strings,
# - merge it in all words.
#
# The result is the list of the merged pairs in the order in which they were learned. It is shorter than `num_merges`
# when no pair is left.
#
# Example: `{"dog": 5, "dogs": 2, "log": 3}` with 2 merges gives `[("o", "g"), ("og", "</w>")]`.
#
# <!-- hints: train_bpe -->
# <details>
# <summary>Hint 1</summary>
#
# Start with each word as the tuple of its characters and `</w>`. Then repeat: count the pairs, choose one, merge it in all words, note it. You have already written two of these steps.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# `min(pairs, key=...)` with a key that is the tuple of minus the count and the pair itself: the highest count wins, and among equals the smallest pair. Leave the loop with `break` when `pairs` is empty. A dictionary comprehension merges all words and keeps their counts.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "train_bpe", "locked": false, "schema_version": 3, "solution": true, "task": false}
def train_bpe(word_counts, num_merges):
    """The merges that byte-pair encoding learns: a list of pairs, in the order learned."""
    ### BEGIN SOLUTION
    words = {(*word, "</w>"): count for word, count in word_counts.items()}
    merges = []
    for _ in range(num_merges):
        pairs = count_pairs(words)
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        words = {merge_pair(symbols, best): count for symbols, count in words.items()}
        merges.append(best)
    return merges
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_train_bpe", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("train_bpe")

# %% [markdown]
# ### Exercise 1.11 · `bpe_encode`
# <!-- facts: bpe_encode -->
# *words become pieces* · core · 2 points · about 4 minutes
# <!-- end -->
#
# Write `bpe_encode(word, merges)`. It cuts a word into pieces: start as in training, with the characters and `"</w>"`,
# then apply the learned merges **in the order in which they were learned**, each everywhere in the word. The result is
# the list of the pieces you end up with; `</w>` stays in it.
#
# Example: with the merges `[("o", "g"), ("og", "</w>")]`, the word `fog` becomes `["f", "og</w>"]`.
#
# <!-- hints: bpe_encode -->
# <details>
# <summary>Hint 1</summary>
#
# Start as in training, with the characters and `</w>`. Then do what training did: merge, one learned pair after the other.
#
# </details>
# <details>
# <summary>Hint 2</summary>
#
# A loop over `merges`, with `merge_pair` inside and its result kept for the next round. Return a list.
#
# </details>
# <!-- end -->


# %% nbgrader={"grade": false, "grade_id": "bpe_encode", "locked": false, "schema_version": 3, "solution": true, "task": false}
def bpe_encode(word, merges):
    """The pieces of a word: the merges applied to its characters and "</w>", in their order."""
    ### BEGIN SOLUTION
    symbols = (*word, "</w>")
    for pair in merges:
        symbols = merge_pair(symbols, pair)
    return list(symbols)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_bpe_encode", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("bpe_encode")

# %% [markdown]
# Here is the example from above, step by step, along with a word that was not in the training text:

# %%
merges = train_bpe({"dog": 5, "dogs": 2, "log": 3}, 3)
for count in range(len(merges) + 1):
    learned = " + ".join(merges[count - 1]) if count else "start"
    print(
        f"{learned:<12}",
        *(
            " ".join(bpe_encode(word, merges[:count])).ljust(16)
            for word in ("dog", "dogs", "log", "frog")
        ),
    )

# %% [markdown]
# Now the same in Korean. The first merges find the particles at the end of the words, 가 (SUBJ) and 를 (OBJ), and the
# noun 고양이 (cat). The other words are 개 (dog), 새 (bird) and 아이 (child).

# %%
korean_counts = {"개가": 4, "개를": 4, "고양이가": 3, "고양이를": 2, "새가": 2}
korean_merges = train_bpe(korean_counts, 4)
print("merges:", korean_merges)
for word in ("고양이가", "고양이를", "새를", "아이를"):
    print(word, bpe_encode(word, korean_merges))

# %% [markdown]
# 새를 (the bird, object) and 아이를 (the child, object) are not among the five words. The particle 를 is recognised in both.

# %% [markdown]
# ## A small text collection
#
# To see what a vocabulary is worth, you need more text. `SENTENCE_PAIRS` holds 76 short sentences with their
# translations, written for this course (all of them: `helpers/sentence_pairs.py`). The first 60 are the text that
# vocabularies are built from. The last 16 are **new text**: they show what happens to sentences that come later. Nearly
# all their nouns and verbs are known; the combinations are new.

# %%
languages = ("English", "Korean")
seen_text = {
    name: [pair[column] for pair in SENTENCE_PAIRS[:60]] for column, name in enumerate(languages)
}
new_text = {
    name: [pair[column] for pair in SENTENCE_PAIRS[60:]] for column, name in enumerate(languages)
}


def words_of(sentences):
    """All tokens of some sentences, each as often as it occurs: the running words."""
    return [token for sentence in sentences for token in tokenize(sentence)]


for name in languages:
    running = words_of(seen_text[name])
    print(f"{name}: {len(running)} running words, {len(build_vocabulary(running))} unique words")

print(f"\nfour of the {len(SENTENCE_PAIRS)} pairs")
for number in (3, 18, 60, 73):
    english, korean = SENTENCE_PAIRS[number]
    print(f"{number:4}  {english:<38}{korean}")

# %% [markdown]
# The same 60 sentences have fewer words in Korean, because Korean has no articles and writes the particles onto the
# nouns. For the same reason they have more *unique* words.
#
# **Coverage** is the share of running words (every token, counted each time it occurs) that have an id of their own.
# How does it grow with the vocabulary size? First a small case on paper: the vocabulary of the running example, with
# its 10 ids, reads the sentence "the bird sleeps". What is its coverage, in percent,
# with two decimals?

# %%
by_hand("coverage of 'the bird sleeps', in percent", ...)


# %%
def coverage(vocabulary, sentences):
    """The share of running words that the vocabulary knows, in percent."""
    ids = [index for sentence in sentences for index in vocabulary.encode(sentence)[1:-1]]
    return 100 * sum(index != 3 for index in ids) / len(ids)


# %% tags=["drawing"]
# Drawing: coverage against vocabulary size
figure, axes = new(1, 2, size=(9, 3.6), sharey=True)
reached = []
for column, name in enumerate(languages):
    largest = len(Vocabulary(seen_text[name]))
    sizes = [*range(4, largest, 10), largest]
    vocabularies = [Vocabulary(seen_text[name], max_size=size) for size in sizes]
    for style, (label, sentences) in enumerate(
        [("text it was built from", seen_text), ("new text", new_text)]
    ):
        shares = [
            coverage(vocabulary_of_size, sentences[name]) for vocabulary_of_size in vocabularies
        ]
        axes[column].plot(sizes, shares, label=label, **line_style(style))
        reached.append(f"{name}, {label}, {shares[-1]:.0f} % with {sizes[-1]} ids")
        axes[column].annotate(
            f"{shares[-1]:.0f} %",
            (sizes[-1], shares[-1]),
            (7, 0 - 8 * style),
            textcoords="offset points",
        )
    axes[column].set(
        title=name,
        xlabel="vocabulary size (number of ids)",
        xlim=(0, 1.15 * sizes[-1]),  # room for the percentage at the end of a line
        ylim=(0, 104),
    )
    axes[column].grid(alpha=0.3)
axes[0].set_ylabel("coverage (% of running words)")
axes[0].legend(loc="lower right")
show(
    figure,
    alt="Coverage against vocabulary size, English on the left and Korean on the right; a line "
    "for the text that the vocabulary "
    "was built from and a line for new text. With all ids they reach: " + "; ".join(reached) + ".",
)

# %% [markdown]
# Three things stand out.
# - A few frequent words cover half of the text: the curve is steep at first.
# - There are many rare words, and each adds little. Leaving out the ten rarest (with `max_size`) lowers the coverage by
#   3 percentage points in English and by 4 in Korean.
# - New text doesn't reach 100 %: few words are missing in English, more than one in four in Korean.

# %% [markdown]
# ## The same with a library
#
# Many production models use the library `tokenizers`. It can apply merges that were learned elsewhere, so let's give it
# **your** merges and compare: are the pieces the same? As in the paper, we learn one list of merges for both languages
# together.

# %%
counts = Counter(words_of(seen_text["English"]) + words_of(seen_text["Korean"]))
merges = train_bpe(counts, 120)
every_word = build_vocabulary(
    [word for name in languages for word in words_of(seen_text[name] + new_text[name])]
)
print("first merges:", merges[:4])
print("words to compare:", len(every_word))

# %% [markdown]
# One difference gets in the way. The library starts from single characters, while your `</w>` is one symbol made of
# four characters. We let a character that occurs nowhere else stand for it: `∎`.

# %%
from tokenizers import models

END = "∎"
library_merges = [tuple(symbol.replace("</w>", END) for symbol in pair) for pair in merges]
symbols = build_vocabulary([*"".join(every_word), END, *("".join(pair) for pair in library_merges)])
library = models.BPE(vocab=build_index(symbols)[0], merges=library_merges)


def library_pieces(word):
    return [token.value.replace(END, "</w>") for token in library.tokenize(word + END)]


agree = sum(library_pieces(word) == bpe_encode(word, merges) for word in every_word)
print(f"the same pieces for {agree} of {len(every_word)} words")
for word in ("bites", "물어요", "고양이에게"):
    print(word, library_pieces(word))

# %% [markdown]
# If all the words agree, your code does what the library does. The library also has an option of its own for the ends
# of words, `end_of_word_suffix`. Does it do the same thing?

# %%
characters = build_vocabulary(list("".join(every_word)))
symbols = build_vocabulary(
    [*characters, *(c + "</w>" for c in characters), "</w>", *("".join(pair) for pair in merges)]
)
suffix_library = models.BPE(vocab=build_index(symbols)[0], merges=merges, end_of_word_suffix="</w>")
suffix_pieces = {
    word: [token.value for token in suffix_library.tokenize(word)] for word in every_word
}
agree = sum(suffix_pieces[word] == bpe_encode(word, merges) for word in every_word)
print(f"the same pieces for {agree} of {len(every_word)} words")
print("yours:   ", bpe_encode("river", merges))
print("library: ", suffix_pieces["river"])

# %% [markdown]
# Not quite. With this option the last letter and `</w>` are one symbol from the very start. So "river" ends in `r</w>`,
# and your merge of `e` and `r` doesn't apply there. Both are called byte-pair encoding. **Merges belong to the program
# that learned them**: a model comes with its own tokenizer, and any other, however similar, gives it the wrong ids.

# %% [markdown]
# ## Experiment: what breaks without pieces?
#
# **Predict first.** The words 고양이가 and 고양이는 are in the first 60 sentences, and so is the particle 에게 (to). One of the
# new sentences contains 고양이에게 (to the cat). What does a vocabulary of words make of it? What share of the words in the
# new Korean text is unknown: 2 %, 10 %, more than 25 %? Does byte-pair encoding bring it down to zero? Write down your
# guesses, then run the cell.

# %%
predict("", "what becomes of the new word, how many are unknown, and with pieces?")


# %%
for name in languages:
    word_vocabulary = Vocabulary(seen_text[name])
    own_counts = Counter(words_of(seen_text[name]))
    own_merges = train_bpe(own_counts, 60)
    pieces_known = {"</w>", *"".join(own_counts), *("".join(pair) for pair in own_merges)}
    running = words_of(new_text[name])
    # 3 is <unk>
    no_id = [word for word in running if 3 in word_vocabulary.encode(word)]
    no_pieces = [
        word for word in running if not pieces_known.issuperset(bpe_encode(word, own_merges))
    ]
    print(f"{name}: {len(running)} running words of new text")
    for label, size, missing in (
        ("word ids", len(word_vocabulary), no_id),
        ("pieces", len(pieces_known), no_pieces),
    ):
        share = round(100 * len(missing) / len(running))
        print(
            f"  {size:>3} {label:<9} unknown {len(missing):>2} = {share:>2} % ",
            *missing[:6],
        )
predict()

# %%
# "the woman sings a song to the cat" (woman-SUBJ cat-to song-OBJ sings), "the apple is small"
for sentence in ("여자가 고양이에게 노래를 불러요.", "사과가 작아요."):
    ids = Vocabulary(seen_text["Korean"]).encode(sentence)
    print("words: ", " ".join(Vocabulary(seen_text["Korean"]).decode(ids)))
    print(
        "pieces:",
        " ".join(piece for word in tokenize(sentence) for piece in bpe_encode(word, own_merges)),
    )

# %% [markdown]
# **What it shows.** With whole words, more than a quarter of the new Korean words become `<unk>`, and the model cannot
# know that one of them is a cat. With pieces, 고양이에게 (to the cat) keeps its noun. Three words are still unknown: 위에 (on
# top of) and 있어요 (is there, twice) contain syllables, 위 and 있, that never occur in the first 60 sentences. Pieces help
# only where the characters are known. Many models go one step further and start from the 256 possible **bytes** instead
# of characters: then nothing at all is unknown. (A model that works with pieces never sees letters. That is why
# language models are bad at counting the letters in a word.)
#
# Pieces have a price: a sentence has more of them than it has words. How many more depends on the number of merges:

# %% tags=["drawing"]
# Drawing: pieces per word of new text against the number of merges
figure, axes = new(size=(6.4, 3.6))
ends = []
for style, name in enumerate(languages):
    own_counts = Counter(words_of(seen_text[name]))
    own_merges = train_bpe(own_counts, 140)
    running = words_of(new_text[name])
    steps = range(0, 141, 20)
    lengths = [
        sum(len(bpe_encode(word, own_merges[:step])) for word in running) / len(running)
        for step in steps
    ]
    axes.plot(steps, lengths, label=name, **line_style(style))
    ends.append(f"{name} from {lengths[0]:.1f} to {lengths[-1]:.1f} pieces")
    axes.annotate(f"{lengths[0]:.1f}", (0, lengths[0]), (8, -1), textcoords="offset points")
    axes.annotate(
        f"{lengths[-1]:.1f}", (140, lengths[-1]), (7, 6 * style - 7), textcoords="offset points"
    )
axes.set(
    title="Pieces per word of new text",
    xlabel="number of merges",
    ylabel="pieces per word",
    ylim=(1, 4.6),
    xlim=(-4, 150),
)
axes.grid(alpha=0.3)
axes.legend()
show(
    figure,
    alt="Pieces per word of new text against the number of merges, a line for each language. From "
    "no merges to 140: " + ", ".join(ends) + ".",
)

# %% [markdown]
# Few merges mean a small vocabulary and long sentences. Many merges mean a large vocabulary and short sentences, until
# nearly every word is one piece. This matters, because the work of attention grows with the square of the sentence's
# length (lesson 3). The paper chose about 37,000 pieces for English and German together.
#
# The next cell lets you change the number of merges yourself. (It needs a running notebook.)

# %% tags=["interactive"]
from html import escape

from ipywidgets import HTML, IntSlider, VBox

both_merges = train_bpe(counts, 200)
slider = IntSlider(value=20, min=0, max=200, step=10, description="merges")
pieces = HTML()


def refresh(change=None):
    shown = ("the", "sleeps", "teacher", "고양이가", "고양이를", "선생님에게")
    lines = [
        f"{word}: {'  '.join(bpe_encode(word, both_merges[: slider.value]))}" for word in shown
    ]
    pieces.value = f"<pre>{escape(chr(10).join(lines))}</pre>"


slider.observe(refresh, names="value")
refresh()
VBox([slider, pieces])

# %% [markdown]
# ## Recap
#
# - A token gets one number. `tokenize` finds the tokens; case and punctuation decide what counts as the same word.
# - The vocabulary size is the number of all ids: the unique words that are kept, and the special tokens.
# - The order of a vocabulary is fixed by a rule. A model and its vocabulary belong together.
# - `<pad>` makes batches rectangular, `<bos>` and `<eos>` mark the ends, `<unk>` takes the place of unknown words.
#   The mask remembers where the padding is.
# - A sentence keeps its repeated words. It has as many ids as tokens, and as many rows as ids.
# - Byte-pair encoding merges the most frequent neighbours again and again. Unseen words break up into known pieces.
#
# Lesson 2 starts with the ids of "the dog bites the man". It uses only the five words; `<bos>` and `<eos>` return in
# lesson 7.

# %%
ids = vocabulary.encode("the dog bites the man")
print("with <bos> and <eos>:   ", ids)
print("without <bos> and <eos>:", ids[1:-1])

# %% [markdown]
# ## The paper, the blog, this code
#
# "The paper" is Vaswani et al., "Attention Is All You Need" (2017). "The blog" means the step-by-step texts that many
# people learn from. Where they are imprecise, this table says so.
#
# | question | the paper | the blog | this code |
# | --- | --- | --- | --- |
# | what is a token? | a piece from byte-pair encoding (English–German) or a word piece (English–French), section 5.1 | a word | a word or a mark; pieces in the second half of the lesson |
# | vocabulary size | about 37,000 for two languages together; 32,000 word pieces for English–French | "the number of unique words" | the number of ids: unique words after lower-casing and limits, **plus four special tokens** (6 + 4 = 10) |
# | one vocabulary or two? | one, shared by source and target (English–German) | one language only | one for each language; shared merges in the comparison with the library |
# | order of the ids | not said | not said | special tokens, then by falling count, ties by first appearance |
# | rows for a sentence | one for each token | a "the" of the sentence is lost: the matrix has one row fewer than the sentence has words | one for each token, repeated words too |
# | unknown words | rare, thanks to the pieces | not mentioned | `<unk>`; pieces from known characters |
# | padding, start and end | sentences of similar length share a batch; details not said | not mentioned | `<pad>` 0, `<bos>` 1, `<eos>` 2; mask True at tokens |
# | byte-pair encoding | refers to its source: Sennrich et al. (2016) | not mentioned | their algorithm with `</w>` as a separate symbol; ties go to the smallest pair, which they leave open |
