"""Lesson 7: greedy decoding."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.decoder.inputs import random_ids, with_padding
from autograde.exercises.mistakes.decoder import greedy as m
from autograde.harness.call import MAIN, Call, Fixture
from autograde.harness.plain import TensorData
from helpers import decoder as right

LESSON = "07_decoder"


def _table(rng, rows, words):
    """Logits in which padding and <bos> are never the best."""
    table = rng.normal(size=(rows, words))
    table[:, :2] -= 10
    return table.astype(np.float32)


def _greedy_calls(rng):
    by_hand = np.zeros((5, 6), np.float32)
    by_hand[np.arange(5), [3, 4, 5, 3, 5]] = 1
    equal = random_ids(rng, 3, 12, 3, 6)
    multiple_outputs = with_padding(
        rng, random_ids(rng, 3, 12, 4, 7), 0, (0, 6), (0, 5), (1, 6), *((3, c) for c in range(3, 7))
    )
    long = random_ids(rng, 3, 12, 2, 9)
    mixed = with_padding(rng, long, 0, *((1, c) for c in range(3, 9)))

    def model(rows, words, *more):
        return Fixture("scripted_translator", (_table(rng, rows, words), *more))

    def ids(array):
        return TensorData(array)

    report = ("output", "args")
    return [
        Call((Fixture("scripted_translator", (by_hand,)), ids(np.array([[4, 3, 5]]))),
             note="by hand: the model gives 3, then 5, then 2, which is <eos>"),
        Call((model(11, 8), ids(equal)), note="three sentences that end together"),
        Call((model(13, 10), ids(random_ids(rng, 3, 12, 1, 5)))),
        Call((model(13, 10), ids(multiple_outputs)), part="several", note="sentences that end at different times"),
        Call((model(17, 12), ids(multiple_outputs[::-1].copy())), part="several", note="sentences that end at different times"),
        Call((model(11, 8), ids(long)), {"max_length": 4}, part="arguments", note="no sentence has ended after 4 words"),
        Call((model(11, 8), ids(mixed)), {"max_length": 6}, part="arguments", note="one sentence has ended after 6 words"),
        Call((model(11, 8, 4), ids(equal)), {"bos": 5, "eos": 4}, part="arguments", note="other ids for <bos> and <eos>"),
        Call((model(11, 8), ids(equal)), report=report, part="mode", note="the model is in training mode before"),
        Call((model(11, 8, 2, False), ids(equal)), report=report, part="mode", note="the model is in evaluation mode before"),
        Call((model(11, 8), ids(equal)), report=report, part="no gradients", note="are gradients recorded meanwhile?"),
    ]  # fmt: skip


def _view_greedy(call, value):
    if "args" not in call.report:
        return value
    model = value["args"]["0"]
    if call.part == "mode":
        return {"ids": value["output"], "training mode afterwards": model["training"]}
    recorded = bool(model["parameters"]["with_gradient"].array.any())
    return {"ids": value["output"], "gradients recorded": recorded}


GREEDY = Exercise(
    name="greedy_decode",
    lesson=LESSON,
    title="word by word",
    points=4,
    minutes=12,
    hints=(
        "Encode once. Start with a column of `bos`. In each turn: logits for all words so far, of which only those of the *last* position matter; their argmax is the newest word; append it as a new column. Keep a boolean tensor that says which sentences have ended.",
        "`logits[:, -1].argmax(dim=-1)` gives `(batch,)`. Before `torch.cat`, set the words of sentences that have ended to 0, and afterwards mark those whose newest word is `eos`. Remember `model.training` at the start and give it to `model.train(...)` at the end. The result leaves out the column of `bos`.",
    ),
    reference=right.greedy_decode,
    make_calls=_greedy_calls,
    parts={MAIN: 0.4, "several": 0.2, "arguments": 0.15, "mode": 0.15, "no gradients": 0.1},
    projection=_view_greedy,
    misconceptions=(
        Misconception(
            "the newest word alone",
            m.greedy_newest_alone,
            "The decoder gets only the newest word, at position 0 and without the words before. Give it all words so far.",
        ),
        Misconception(
            "logits of the first position",
            m.greedy_first_place,
            "The next word is read at position 0, which never changes. The newest prediction stands at the last position: `[:, -1]`.",
        ),
        Misconception(
            "the least probable word",
            m.greedy_least,
            "The smallest logit is taken. The best word has the largest: `argmax`.",
        ),
        Misconception(
            "words drawn at random",
            m.greedy_drawn,
            "The next word is drawn from the probabilities. Greedy decoding takes the most probable one, every time.",
        ),
        Misconception(
            "one word for the whole batch",
            m.greedy_over_the_batch,
            "The argmax runs over all sentences at once. Each sentence has its own next word: `dim=-1`.",
        ),
        Misconception(
            "no stop when all have ended",
            m.greedy_no_stop,
            "Decoding goes on to `max_length` although all sentences have ended. Leave the loop once each has its `eos`.",
        ),
        Misconception(
            "end not noticed",
            m.greedy_no_end,
            "Words go on after `eos`, up to `max_length`. Keep track of which sentences have ended.",
        ),
        Misconception(
            "stops at the first end",
            m.greedy_first_row_ends_all,
            "As soon as one sentence has ended, all stop. Wait until `all` have ended.",
        ),
        Misconception(
            "words after the end",
            m.greedy_goes_on,
            "A sentence that has ended still gets words while the others go on. After its `eos` only 0 follows.",
        ),
        Misconception(
            "end repeated",
            m.greedy_end_repeated,
            "After the end, `eos` is repeated. Only the first one counts; 0 follows.",
        ),
        Misconception(
            "start in the result",
            m.greedy_with_start,
            "The result begins with `bos`. Leave out that column.",
        ),
        Misconception(
            "end missing in the result",
            m.greedy_without_end,
            "The result has no `eos`. It is the last word of a sentence that has ended, and stays in.",
        ),
        Misconception(
            "one word too few",
            m.greedy_one_less,
            "Only `max_length - 1` words come back. `max_length` counts the words after `bos`, without it.",
        ),
        Misconception(
            "one word too many",
            m.greedy_one_more,
            "`max_length + 1` words come back. Look at where the loop ends.",
        ),
        Misconception(
            "max_length not used",
            m.greedy_fixed_length,
            "Decoding goes on beyond `max_length`. It is the largest number of words that come back.",
        ),
        Misconception(
            "bos and eos fixed",
            m.greedy_fixed_specials,
            "The ids 1 and 2 are used whatever `bos` and `eos` say. Use the arguments.",
        ),
        Misconception(
            "decoded in training mode",
            m.greedy_in_training_mode,
            "The model stays in training mode, so dropout disturbs the words. Call `model.eval()` first.",
        ),
        Misconception(
            "mode not restored",
            m.greedy_mode_not_restored,
            "The model stays in evaluation mode afterwards. Put it back into the mode it was in.",
        ),
        Misconception(
            "always in training mode afterwards",
            m.greedy_always_training,
            "The model is in training mode afterwards, whatever it was before. Remember `model.training` at the start.",
        ),
        Misconception(
            "gradients recorded",
            m.greedy_with_gradients,
            "PyTorch keeps everything for a backward pass that never comes. Decode inside `with torch.no_grad():`.",
        ),
    ),
    variants=(m.greedy_from_the_whole, m.greedy_row_by_row, m.greedy_active_rows, m.greedy_probabilities),
)

EXERCISES = (GREEDY,)
