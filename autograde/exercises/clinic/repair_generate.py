"""repair_generate: the same word, again and again."""

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.exercises.clinic.common import ids
from autograde.harness.call import Fixture, FunctionCall
from helpers.clinic import repair_generate


def _clear_words(table, start, steps):
    """Is the most probable word clear at every step, in every row, so that no rounding decides?"""
    for row in start:
        total = table[row].sum(axis=0)
        for _ in range(steps):
            second, first = np.sort(total)[-2:]
            if first - second < 0.05:
                return False
            total = total + table[int(total.argmax())]
    return True


def _generate_call(rng, words, batch, n, steps):
    while True:
        # a word makes itself less probable, so that the right answer is no monotone text
        table = (rng.normal(size=(words, words)) * 2 - 3 * np.eye(words)).astype(np.float32)
        start = rng.integers(words, size=(batch, n))
        if _clear_words(table, start, steps):
            return FunctionCall((Fixture("word_sums", (table,)), ids(start), steps))


def calls(rng):
    table = np.array([[-4, 2, 0, 1], [1, -3, 3, 0], [1, 0, -3, 5], [3, 1, 0, -4]], np.float32)
    return [
        FunctionCall(
            (Fixture("word_sums", (table,)), ids([[3, 0]]), 3),
            note="by hand: the model adds the rows of a table; rows 3 and 0 give -1 3 0 -3, so the first new word is 1",
        ),
        _generate_call(rng, 7, 3, 2, 6),
        _generate_call(rng, 9, 4, 3, 5),
        _generate_call(rng, 6, 2, 5, 7),
        _generate_call(rng, 5, 1, 1, 1),
    ]


EXERCISE = Exercise(
    name="repair_generate",
    title="the same word, again and again",
    points=2,
    minutes=5,
    hints=(
        "The model gives logits at *every* position: each position predicts the word after it. Which position "
        "predicts the word that is still missing?",
        "The axes of `logits` are batch, position, word. Index the position axis so that you get the newest one; "
        "Python counts from the end with negative numbers.",
    ),
    reference=repair_generate,
    make_calls=calls,
    ignore=("dtype",),
)


@EXERCISE.wrong(
    "reads the first position",
    "The logits at position 0 predict the word after the first one, and a causal model never changes them. "
    "Read those of the last position.",
)
def broken(model, start, steps):
    words = start
    for _ in range(steps):
        logits = model(words)
        newest = logits.argmax(dim=-1)[:, :1]
        words = torch.hstack([words, newest])
    return words[:, start.shape[1] :]


def _append(ids, newest):
    return torch.cat([ids, newest.unsqueeze(1)], dim=1)


@EXERCISE.wrong(
    "does not move on",
    "The same prediction is made at every step, the one at the end of `start`. The model has to read the words "
    "that were appended, and the position to look at moves with them.",
)
def stuck(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = _append(ids, model(start)[:, -1].argmax(dim=-1))
    return ids[:, start.shape[1] :]


@EXERCISE.wrong(
    "only the newest word is read",
    "From the second step on the model sees only one word. Give it all the words so far, including `start`.",
)
def newest_only(model, start, steps):
    ids, read = start, start
    for _ in range(steps):
        read = model(read)[:, -1].argmax(dim=-1).unsqueeze(1)
        ids = torch.cat([ids, read], dim=1)
    return ids[:, start.shape[1] :]


@EXERCISE.wrong(
    "one word at a time",
    "At every step the model is given a single word, at the first step the last of `start`. Give it all words so far.",
)
def single_words(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = _append(ids, model(ids[:, -1:])[:, -1].argmax(dim=-1))
    return ids[:, start.shape[1] :]


@EXERCISE.wrong(
    "last position but one",
    "The position before the last is read; it predicts the newest word, which is there already. The last "
    "position predicts the missing one.",
)
def last_but_one(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = _append(ids, model(ids)[:, -2].argmax(dim=-1))
    return ids[:, start.shape[1] :]


@EXERCISE.wrong(
    "mean over the positions",
    "The logits of all positions are averaged. They predict different words; only the last position predicts "
    "the missing one.",
)
def mean(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = _append(ids, model(ids).mean(dim=1).argmax(dim=-1))
    return ids[:, start.shape[1] :]


@EXERCISE.wrong(
    "least probable word", "The word with the smallest logit is taken. A large logit means a probable word."
)
def least_probable(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = _append(ids, model(ids)[:, -1].argmin(dim=-1))
    return ids[:, start.shape[1] :]


@EXERCISE.wrong(
    "second best word",
    "The second most probable word is taken. Greedy decoding takes the most probable one, also when it repeats itself.",
)
def runner_up(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = _append(ids, model(ids)[:, -1].topk(2, dim=-1).indices[:, 1])
    return ids[:, start.shape[1] :]


@EXERCISE.wrong("start returned, too", "The result begins with `start`. Return only the new words.")
def with_start(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = _append(ids, model(ids)[:, -1].argmax(dim=-1))
    return ids


@EXERCISE.wrong("first row decides for all", "All rows get the word of row 0. Take the largest logit of each row.")
def first_row_for_all(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = _append(ids, model(ids)[0, -1].argmax().expand(len(ids)))
    return ids[:, start.shape[1] :]


@EXERCISE.wrong(
    "everything in one pass",
    "All new words are read from one pass over padding. A word depends on the words chosen before it: call the "
    "model once for each.",
)
def all_at_once(model, start, steps):
    ids = torch.cat([start, torch.zeros(len(start), steps, dtype=start.dtype)], dim=1)
    return model(ids)[:, start.shape[1] - 1 : -1].argmax(dim=-1)


@EXERCISE.wrong(
    "start not cut off whole",
    "One word of `start` is cut off, and it may have more. The new words begin after it: `words[:, start.shape[1] :]`.",
)
def cut_at_one(model, start, steps):
    return with_start(model, start, steps)[:, 1:]


@EXERCISE.wrong(
    "the model is asked once",
    "The model runs only once, on `start`, and its predictions inside `start` come back. Ask it again after each new word.",
)
def asked_once(model, start, steps):
    return model(start).argmax(dim=-1)[:, -steps:]


@EXERCISE.wrong(
    "largest logit over the positions",
    "`argmax` runs over the positions. It has to run over the words, the last axis, at the last position.",
)
def over_positions(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = torch.cat([ids, model(ids).argmax(dim=1)[:, -1:]], dim=1)
    return ids[:, start.shape[1] :]


@EXERCISE.wrong(
    "a sentence in place of a position",
    "One sentence of the batch is taken. The newest word is in the last column: `[:, -1:]`.",
)
def last_sentence(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = torch.hstack([ids, model(ids).argmax(dim=-1)[-1:]])
    return ids[:, start.shape[1] :]


@EXERCISE.wrong(
    "the axis of the new word is lost",
    "`[:, -1]` takes the axis of the positions away, and two axes cannot be joined with one. `[:, -1:]` keeps it.",
)
def axis_lost(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = torch.hstack([ids, model(ids).argmax(dim=-1)[:, -1]])
    return ids[:, start.shape[1] :]


@EXERCISE.wrong(
    "a word from every position",
    "The predictions of all positions are appended each time. Only the last position predicts the missing word: "
    "`[:, -1:]`.",
)
def of_every_position(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = torch.hstack([ids, model(ids).argmax(dim=-1)])
    return ids[:, start.shape[1] :]


@EXERCISE.wrong(
    "ended at id 2",
    "After the id 2 only zeros are written. Here the id 2 is a word like any other: there is no `<eos>`, and every row gets "
    "`steps` new words.",
)
def ended_at_two(model, start, steps):
    new = repair_generate(model, start, steps)
    ended = (new == 2).cumsum(dim=1) - (new == 2).long() > 0
    return new.masked_fill(ended, 0)


@EXERCISE.variant
def as_a_list(model, start, steps):
    new = []
    for _ in range(steps):
        ids = torch.cat([start, *new], dim=1)
        new.append(model(ids).argmax(dim=-1)[:, -1:])
    return torch.cat(new, dim=1)


@EXERCISE.variant
def row_by_row(model, start, steps):
    rows = []
    for row in start.tolist():
        new = []
        while len(new) < steps:
            scores = model(torch.tensor([row + new]))[0][-1]
            new.append(max(range(len(scores)), key=lambda word: scores[word].item()))
        rows.append(new)
    return torch.tensor(rows)


@EXERCISE.variant
@torch.no_grad()
def in_place(model, start, steps):
    n = start.shape[1]
    ids = torch.zeros(start.shape[0], n + steps, dtype=torch.long)
    ids[:, :n] = start
    for end in range(n, n + steps):
        ids[:, end] = model(ids[:, :end])[:, end - 1].softmax(dim=-1).max(dim=-1).indices
    return ids[:, n:]


@EXERCISE.variant
def recursive(model, start, steps):
    if steps == 0:
        return start[:, :0]
    newest = model(start)[:, start.shape[1] - 1].topk(1, dim=-1).indices
    return torch.hstack([newest, recursive(model, torch.hstack([start, newest]), steps - 1)])
