"""greedy_decode: word by word."""

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.exercises.add_norm.common import ONE_WORD
from autograde.exercises.decoder.common import random_ids, with_padding
from autograde.harness.call import MAIN, Fixture, FunctionCall
from autograde.harness.plain import TensorData
from helpers.decoder import greedy_decode


def _table(rng, rows, words):
    """Logits in which padding and <bos> are never the best."""
    table = rng.normal(size=(rows, words))
    table[:, :2] -= 10
    return table.astype(np.float32)


def calls(rng):
    by_hand = np.zeros((5, 6), np.float32)
    by_hand[np.arange(5), [3, 4, 5, 3, 5]] = 1
    equal = random_ids(rng, 3, 12, 3, 6)
    several = with_padding(rng, random_ids(rng, 3, 12, 4, 7), 0, (0, 6), (0, 5), (1, 6), *((3, c) for c in range(3, 7)))
    long = random_ids(rng, 3, 12, 2, 9)
    mixed = with_padding(rng, long, 0, *((1, c) for c in range(3, 9)))

    def model(rows, words, *more):
        return Fixture("scripted_translator", (_table(rng, rows, words), *more))

    def ids(array):
        return TensorData(array)

    report = ("output", "args")
    return [
        FunctionCall(
            (Fixture("scripted_translator", (by_hand,)), ids(np.array([[4, 3, 5]]))),
            note="by hand: the model gives 3, then 5, then 2, which is <eos>",
        ),
        FunctionCall((model(11, 8), ids(equal)), note="three sentences that end together"),
        FunctionCall((model(13, 10), ids(random_ids(rng, 3, 12, 1, 5)))),
        FunctionCall((model(13, 10), ids(several)), part="several", note="sentences that end at different times"),
        FunctionCall(
            (model(17, 12), ids(several[::-1].copy())), part="several", note="sentences that end at different times"
        ),
        FunctionCall(
            (model(11, 8), ids(long)), {"max_length": 4}, part="arguments", note="no sentence has ended after 4 words"
        ),
        FunctionCall(
            (model(11, 8), ids(mixed)), {"max_length": 6}, part="arguments", note="one sentence has ended after 6 words"
        ),
        FunctionCall(
            (model(11, 8), ids(random_ids(rng, 3, 12, 1, 55))),
            part="arguments",
            note="50 words at most, where nothing else is said",
        ),
        FunctionCall(
            (model(11, 8, 4), ids(equal)), {"bos": 5, "eos": 4}, part="arguments", note="other ids for <bos> and <eos>"
        ),
        FunctionCall(
            (model(11, 8), ids(equal)), report=report, part="mode", note="the model is in training mode before"
        ),
        FunctionCall(
            (model(11, 8, 2, False), ids(equal)),
            report=report,
            part="mode",
            note="the model is in evaluation mode before",
        ),
        FunctionCall(
            (model(11, 8), ids(equal)), report=report, part="no gradients", note="are gradients recorded meanwhile?"
        ),
        FunctionCall((model(11, 8), ids(np.array([[4]]))), note=f"{ONE_WORD}, which ends at once"),
    ]


def projection(call, value):
    if "args" not in call.report:
        return value
    model = value["args"]["0"]
    if call.part == "mode":
        return {"ids": value["output"], "training mode afterwards": model["training"]}
    recorded = bool(model["parameters"]["with_gradient"].array.any())
    return {"ids": value["output"], "gradients recorded": recorded}


EXERCISE = Exercise(
    name="greedy_decode",
    title="word by word",
    points=4,
    minutes=12,
    hints=(
        "Encode once. Start with a column of `bos`. In each turn, compute the logits for all the words so far; only "
        "those of the *last* position matter. Their argmax is the newest word: append it as a new column. Keep a "
        "boolean tensor that says which sentences have ended.",
        "`logits[:, -1].argmax(dim=-1)` gives `(batch,)`. Before `torch.cat`, set the words of sentences that have ended to 0, and afterwards mark those whose newest word is `eos`. Remember `model.training` at the start and give it to `model.train(...)` at the end. The result leaves out the column of `bos`.",
    ),
    reference=greedy_decode,
    make_calls=calls,
    parts={MAIN: 0.4, "several": 0.2, "arguments": 0.15, "mode": 0.15, "no gradients": 0.1},
    projection=projection,
)


def _decode(
    model,
    source,
    bos=1,
    eos=2,
    max_length=50,
    *,
    given=lambda ids: ids,
    choose=lambda logits: logits[:, -1].argmax(dim=-1),
    filler=0,
    stop=True,
    done=torch.all,
    evaluate="first",
    after=lambda model, training: model.train(training),
    gradients=False,
):
    training = model.training
    if evaluate == "first":
        model.eval()
    with torch.set_grad_enabled(gradients):
        memory = model.encode(source)
        if evaluate == "after encoding":
            model.eval()
        ids = torch.full((len(source), 1), bos)
        ended = torch.zeros(len(source), dtype=torch.bool)
        for _ in range(max_length):
            newest = choose(model.decode(given(ids), memory, source))
            if filler is not None:
                newest = newest.masked_fill(ended, filler)
            ids = torch.cat([ids, newest[:, None]], dim=1)
            ended = ended | (newest == eos)
            if stop and done(ended):
                break
    after(model, training)
    return ids[:, 1:]


@EXERCISE.wrong(
    "only the newest word",
    "The decoder gets only the newest word, at position 0 and without the words before. Give it all words so far.",
)
def newest_alone(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, given=lambda ids: ids[:, -1:])


@EXERCISE.wrong(
    "logits of the first position",
    "The next word is read at position 0, which never changes. The newest prediction is at the last position: `[:, -1]`.",
)
def first_place(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, choose=lambda logits: logits[:, 0].argmax(dim=-1))


@EXERCISE.wrong(
    "the least probable word",
    "The smallest logit is taken. The best word has the largest: `argmax`.",
    only=r"min|topk|sort|\(-\s*[a-z]",
)
def least(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, choose=lambda logits: logits[:, -1].argmin(dim=-1))


@EXERCISE.wrong(
    "words drawn at random",
    "The next word is drawn from the probabilities. Greedy decoding takes the most probable one, every time.",
)
def drawn(model, source, bos=1, eos=2, max_length=50):
    def choose(logits):
        return torch.multinomial(logits[:, -1].softmax(dim=-1), 1).squeeze(1)

    return _decode(model, source, bos, eos, max_length, choose=choose)


@EXERCISE.wrong(
    "one word for the whole batch",
    "The argmax runs over all sentences at once. Each sentence has its own next word: `dim=-1`.",
)
def over_the_batch(model, source, bos=1, eos=2, max_length=50):
    return _decode(
        model, source, bos, eos, max_length, choose=lambda logits: logits[:, -1].argmax().expand(len(logits))
    )


@EXERCISE.wrong(
    "no stop when all have ended",
    "The result goes on to `max_length` although all sentences have ended. It ends once each has its `eos`.",
)
def no_stop(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, stop=False)


@EXERCISE.wrong(
    "end not noticed", "Words go on after `eos`, up to `max_length`. Keep track of which sentences have ended."
)
def no_end(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, stop=False, filler=None)


@EXERCISE.wrong(
    "an end counts only while it is new",
    "The search stops when all sentences write `eos` in the same turn, and a sentence that has ended writes on until "
    "then. Remember which have ended: `ended = ended | (newest == eos)`; their words are 0.",
)
def ends_together(model, source, bos=1, eos=2, max_length=50):
    training = model.training
    model.eval()
    with torch.no_grad():
        memory, ids = model.encode(source), torch.full((len(source), 1), bos)
        for _ in range(max_length):
            newest = model.decode(ids, memory, source)[:, -1].argmax(dim=-1)
            ids = torch.cat([ids, newest[:, None]], dim=1)
            if (newest == eos).all():
                break
    model.train(training)
    return ids[:, 1:]


@EXERCISE.wrong("stops at the first end", "As soon as one sentence has ended, all stop. Wait until `all` have ended.")
def first_row_ends_all(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, done=torch.any)


@EXERCISE.wrong(
    "words after the end",
    "A sentence that has ended still gets words while the others go on. After its `eos` only 0 follows.",
)
def goes_on(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, filler=None)


@EXERCISE.wrong(
    "an end is forgotten",
    "A sentence counts as ended only right after its `eos`, and goes on later. Once ended, it stays ended: "
    "`ended = ended | (newest == eos)`.",
)
def forgets_ends(model, source, bos=1, eos=2, max_length=50):
    training = model.training
    model.eval()
    with torch.no_grad():
        memory = model.encode(source)
        ids, ended = torch.full((len(source), 1), bos), torch.zeros(len(source), dtype=torch.bool)
        for _ in range(max_length):
            newest = model.decode(ids, memory, source)[:, -1].argmax(dim=-1).masked_fill(ended, 0)
            ended = newest == eos
            ids = torch.cat([ids, newest[:, None]], dim=1)
            if ended.all():
                break
    model.train(training)
    return ids[:, 1:]


@EXERCISE.wrong(
    "only the first sentence",
    "Only one sentence comes back. `source` is a batch: decode all of its rows, and fill up what has ended with 0.",
)
def first_sentence(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source[:1], bos, eos, max_length)


@EXERCISE.wrong("end repeated", "After the end, `eos` is repeated. Only the first one counts; 0 follows.")
def end_repeated(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, filler=eos)


@EXERCISE.wrong("start in the result", "The result begins with `bos`. Leave out that column.")
def with_start(model, source, bos=1, eos=2, max_length=50):
    ids = greedy_decode(model, source, bos, eos, max_length)
    return torch.cat([torch.full((len(source), 1), bos), ids], dim=1)


@EXERCISE.wrong(
    "end missing in the result",
    "The result has no `eos`. It is the last word of a sentence that has ended, and stays in.",
)
def without_end(model, source, bos=1, eos=2, max_length=50):
    ids = greedy_decode(model, source, bos, eos, max_length)
    return ids.masked_fill(ids == eos, 0)


@EXERCISE.wrong(
    "one word too few", "Only `max_length - 1` words come back. `max_length` counts the words after `bos`, without it."
)
def one_less(model, source, bos=1, eos=2, max_length=50):
    return greedy_decode(model, source, bos, eos, max_length - 1)


@EXERCISE.wrong("one word too many", "`max_length + 1` words come back. Look at where the loop ends.")
def one_more(model, source, bos=1, eos=2, max_length=50):
    return greedy_decode(model, source, bos, eos, max_length + 1)


@EXERCISE.wrong(
    "max_length not used", "Decoding goes on beyond `max_length`. It is the largest number of words that come back."
)
def fixed_length(model, source, bos=1, eos=2, max_length=50):
    return greedy_decode(model, source, bos, eos, 50)


@EXERCISE.wrong("bos and eos fixed", "The ids 1 and 2 are used whatever `bos` and `eos` say. Use the arguments.")
def fixed_specials(model, source, bos=1, eos=2, max_length=50):
    return greedy_decode(model, source, 1, 2, max_length)


@EXERCISE.wrong(
    "decoded in training mode",
    "The model stays in training mode, so dropout disturbs the words. Call `model.eval()` first.",
)
def in_training_mode(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, evaluate="never")


@EXERCISE.wrong(
    "encoded in training mode",
    "The source is encoded before `model.eval()`, so dropout disturbs what all words look at. Call `model.eval()` first.",
)
def encoded_in_training_mode(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, evaluate="after encoding")


@EXERCISE.wrong(
    "mode not restored", "The model stays in evaluation mode afterwards. Put it back into the mode it was in."
)
def mode_not_restored(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, after=lambda model, training: None)


@EXERCISE.wrong(
    "always in training mode afterwards",
    "The model is in training mode afterwards, whatever it was before. Remember `model.training` at the start.",
)
def always_training(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, after=lambda model, training: model.train())


@EXERCISE.wrong(
    "gradients recorded",
    "PyTorch records for a backward pass that never comes. Encode and decode inside `with torch.no_grad():`.",
)
def with_gradients(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, gradients=True)


@EXERCISE.variant
def from_the_whole(model, source, bos=1, eos=2, max_length=50):
    """The whole forward pass each time; what follows the first end is removed afterwards."""
    was = model.training
    model.train(False)
    ids = torch.full((source.shape[0], 1), bos, dtype=torch.long)
    with torch.inference_mode():
        for _ in range(max_length):
            ids = torch.cat([ids, model(source, ids)[:, -1:].argmax(-1)], 1)
            if (ids[:, 1:] == eos).any(1).all():
                break
    model.train(was)
    ids = ids[:, 1:]
    before = (ids == eos).cumsum(1) - (ids == eos).long()
    return torch.where(before > 0, 0, ids)


@EXERCISE.variant
@torch.no_grad()
def row_by_row(model, source, bos=1, eos=2, max_length=50):
    mode = model.training
    model.eval()
    rows = []
    for sentence in source.split(1):
        memory, words = model.encode(sentence), [bos]
        while len(words) <= max_length and (len(words) == 1 or words[-1] != eos):
            words.append(int(model.decode(torch.tensor([words]), memory, sentence)[0, -1].argmax()))
        rows.append(words[1:])
    if mode:
        model.train()
    longest = max(map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows])


@EXERCISE.variant
def active_rows(model, source, bos=1, eos=2, max_length=50):
    """Rows that have ended leave the batch."""
    training = model.training
    model.eval()
    out = torch.zeros(len(source), max_length, dtype=torch.int64)
    active, steps = torch.arange(len(source)), 0
    try:
        with torch.no_grad():
            memory = model.encode(source)
            while steps < max_length and len(active):
                so_far = torch.cat([torch.full((len(active), 1), bos), out[active, :steps]], dim=1)
                newest = model.decode(so_far, memory[active], source[active])[:, -1].max(dim=-1).indices
                out[active, steps] = newest
                active, steps = active[newest != eos], steps + 1
    finally:
        model.train(training)
    return out[:, :steps]


@EXERCISE.variant
def probabilities(model, source, bos=1, eos=2, max_length=50):
    return _decode(
        model,
        source,
        bos,
        eos,
        max_length,
        choose=lambda logits: torch.softmax(logits, -1)[:, -1].topk(1).indices[:, 0],
    )
