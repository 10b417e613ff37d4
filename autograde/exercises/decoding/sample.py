"""sample: each word drawn at random."""

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.harness.brief import Projected, brief
from autograde.harness.call import MAIN, Fixture, FunctionCall
from autograde.harness.plain import TensorData
from helpers.decoder import greedy_decode
from helpers.decoding import sample, sampling_probabilities


def calls(rng):
    def call(length, words=8, part=MAIN, note="", report=("output",), model=(), batch=1, drawn=0, **options):
        table = rng.normal(size=(11, words))
        table[:, :2] -= 10  # padding and <bos> hardly ever come
        source = rng.integers(3, 12, (batch, length))
        for row in range(1, batch):
            source[row, length - row :] = 0  # this model writes as many words as the source has
        args = (
            Fixture("scripted_translator", (table.astype(np.float32), *model)),
            TensorData(source),
            Fixture("generator", (int(rng.integers(1000)), drawn)),
        )
        return FunctionCall(args, options, part=part, note=note, report=report)

    report = ("output", "args")
    return [
        call(3, note="a sentence of at most 6 words", max_length=6),
        call(6, 10, max_length=9),
        call(5, 12, max_length=12),
        # so many words that chance cannot hide a forgotten argument
        call(40, temperature=2.0, part="arguments", note="a temperature of 2", max_length=42),
        call(40, 12, temperature=0.3, part="arguments", note="a temperature of 0.3", max_length=42),
        call(40, 12, top_k=2, part="arguments", note="two words may be drawn", max_length=42),
        call(40, 12, top_p=0.5, part="arguments", note="the words that have half of the probability", max_length=42),
        call(5, 9, model=(4,), bos=5, eos=4, part="arguments", note="other ids for <bos> and <eos>", max_length=9),
        call(70, temperature=0.05, part="arguments", note="50 words at most, where nothing else is said"),
        call(6, 12, report=report, part="generator", note="does `generator` draw the words?", max_length=9),
        call(6, 12, drawn=3, part="generator", note="`generator` has drawn before", max_length=9),
        call(4, report=report, part="mode", note="the model is in training mode before", max_length=6),
        call(4, report=report, part="mode", note="the model is in evaluation mode before", model=(2, False), max_length=6),
        call(4, report=report, part="no gradients", note="are gradients recorded meanwhile?", max_length=6),
        call(5, 9, batch=3, top_k=1, part="several sentences", note="three sentences, which end at different words"),
    ]  # fmt: skip


def projection(call, value):
    if "args" not in call.report:
        return value
    model, generator = value["args"]["0"], value["args"]["2"]
    if call.part == "mode":
        return {"ids": value["output"], "training mode afterwards": model["training"]}
    if call.part == "generator":
        began = torch.Generator().manual_seed(call.args[2].args[0]).get_state().numpy()  # nothing was drawn before
        used = not np.array_equal(generator["state"].array, began)
        text = f"{brief(value['output'])}; `generator` was {'used' if used else 'not used'}"
        return Projected({"ids": value["output"], "generator used": used}, text)
    recorded = bool(model["parameters"]["with_gradient"].array.any())
    return {"ids": value["output"], "gradients recorded": recorded}


EXERCISE = Exercise(
    name="sample",
    title="each word drawn at random",
    points=2,
    minutes=8,
    hints=(
        "This is `greedy_decode` with one line changed: where it takes the argmax of the newest logits, draw a word from "
        "their `sampling_probabilities`.",
        "`torch.multinomial(probabilities, 1, generator=generator)` draws one word for each row of `(batch, words)` and "
        "gives `(batch, 1)`; `squeeze(1)` takes the last axis away. Pass `temperature`, `top_k` and `top_p` on.",
    ),
    reference=sample,
    make_calls=calls,
    parts={MAIN: 0.4, "arguments": 0.2, "generator": 0.1, "mode": 0.1, "no gradients": 0.1, "several sentences": 0.1},
    projection=projection,
    forbidden=("transformers",),
)


def _sample(
    model,
    source,
    generator,
    temperature=1.0,
    top_k=None,
    top_p=None,
    bos=1,
    eos=2,
    max_length=50,
    *,
    given=lambda ids: ids,
    newest=lambda logits: logits[:, -1],
    draw=lambda p, generator: torch.multinomial(p, 1, generator=generator),
    chances=sampling_probabilities,
    stop=True,
    ends=lambda ended: ended.all(),
    fill=0,
    evaluate=True,
    restore=True,
    gradients=False,
):
    training = model.training
    if evaluate:
        model.eval()
    with torch.set_grad_enabled(gradients):
        memory = model.encode(source)
        ids = torch.full((len(source), 1), bos)
        ended = torch.zeros(len(source), 1, dtype=torch.bool)
        for _ in range(max_length):
            logits = newest(model.decode(given(ids), memory, source))
            word = draw(chances(logits, temperature, top_k, top_p), generator)
            if fill is not None:
                word = word.masked_fill(ended, fill)
            ids = torch.cat([ids, word], dim=1)
            ended = ended | (stop & (word == eos))
            if ends(ended):
                break
    if restore:
        model.train(training)
    return ids[:, 1:]


@EXERCISE.wrong(
    "the most probable word",
    "This is greedy search: the best word, every time. Draw the word with `torch.multinomial`.",
)
def greedy(model, source, generator, temperature=1.0, top_k=None, top_p=None, bos=1, eos=2, max_length=50):
    return greedy_decode(model, source, bos, eos, max_length)


@EXERCISE.wrong(
    "generator not passed on",
    "The words are not those that `generator` draws. Give it to `torch.multinomial` as it comes: `generator=generator`.",
)
def global_generator(model, source, generator, *options, **more):
    return _sample(model, source, generator, *options, **more, draw=lambda p, g: torch.multinomial(p, 1))


@EXERCISE.wrong(
    "a copy of the generator",
    "The words are right, but `generator` itself hasn't moved on afterwards: a second sentence would have the same "
    "words. Draw from the generator that is given.",
)
def copied_generator(model, source, generator, *options, **more):
    copy = torch.Generator()
    copy.set_state(generator.get_state())
    return _sample(model, source, copy, *options, **more)


@EXERCISE.wrong(
    "a new generator for each word",
    "The generator begins anew with each word, so the same random number decides every time. Draw all words from the one "
    "that is given.",
)
def anew(model, source, generator, *options, **more):
    seed = generator.initial_seed()
    return _sample(
        model, source, generator, *options, **more,
        draw=lambda p, g: torch.multinomial(p, 1, generator=torch.Generator().manual_seed(seed)),
    )  # fmt: skip


@EXERCISE.wrong(
    "temperature, top_k and top_p not passed on",
    "All words are drawn from the plain softmax. Hand `temperature`, `top_k` and `top_p` on to `sampling_probabilities`.",
)
def plain(model, source, generator, temperature=1.0, top_k=None, top_p=None, bos=1, eos=2, max_length=50):
    return _sample(model, source, generator, bos=bos, eos=eos, max_length=max_length)


@EXERCISE.wrong("top_k not passed on", "`top_k` makes no difference. Pass it on to `sampling_probabilities`.")
def without_k(model, source, generator, temperature=1.0, top_k=None, top_p=None, bos=1, eos=2, max_length=50):
    return _sample(model, source, generator, temperature, None, top_p, bos, eos, max_length)


@EXERCISE.wrong("top_p not passed on", "`top_p` makes no difference. Pass it on to `sampling_probabilities`.")
def without_p(model, source, generator, temperature=1.0, top_k=None, top_p=None, bos=1, eos=2, max_length=50):
    return _sample(model, source, generator, temperature, top_k, None, bos, eos, max_length)


@EXERCISE.wrong(
    "only the newest word is read",
    "The decoder gets only the newest word, at position 0 and without the words before. Give it all words so far.",
)
def newest_only(model, source, generator, *options, **more):
    return _sample(model, source, generator, *options, **more, given=lambda ids: ids[:, -1:])


@EXERCISE.wrong(
    "logits of the first position",
    "The next word is read at position 0. The newest prediction is at the last position: `[:, -1]`.",
)
def first_place(model, source, generator, *options, **more):
    return _sample(model, source, generator, *options, **more, newest=lambda logits: logits[:, 0])


@EXERCISE.wrong(
    "a random number for each position",
    "A word is drawn for each position, and only the last one is used. Hand only the newest logits, `[:, -1]`, to "
    "`sampling_probabilities`.",
)
def for_each_position(model, source, generator, *options, **more):
    return _sample(
        model, source, generator, *options, **more,
        newest=lambda logits: logits,
        draw=lambda p, g: torch.multinomial(p.flatten(0, 1), 1, generator=g).reshape(p.shape[:2])[:, -1:],
    )  # fmt: skip


@EXERCISE.wrong(
    "the generator seeded in each step",
    "The generator begins anew in each step, so the same random number decides every time. Leave it as it is: it goes on "
    "by itself.",
    only="seed",
)
def seeded(model, source, generator, *options, **more):
    return _sample(
        model, source, generator, *options, **more,
        draw=lambda p, g: torch.multinomial(p, 1, generator=g.manual_seed(0)),
    )  # fmt: skip


@EXERCISE.wrong("words after the end", "Words go on after `eos`, up to `max_length`. Stop when the sentence has ended.")
def no_end(model, source, generator, *options, **more):
    return _sample(model, source, generator, *options, **more, stop=False)


@EXERCISE.wrong(
    "only the first sentence",
    "The first sentence of the batch comes back, the others don't. Decode all rows of `source`.",
)
def first_sentence(model, source, generator, *options, **more):
    return _sample(model, source[:1], generator, *options, **more)


@EXERCISE.wrong(
    "words after the end of a sentence",
    "A sentence that has ended goes on while others are still open. After `eos` its ids are 0.",
)
def goes_on(model, source, generator, *options, **more):
    return _sample(model, source, generator, *options, **more, fill=None)


@EXERCISE.wrong(
    "ends with the first sentence",
    "Decoding ends as soon as one sentence has ended. Go on until all have ended, or `max_length` is reached.",
)
def ends_with_the_first(model, source, generator, *options, **more):
    return _sample(model, source, generator, *options, **more, ends=lambda ended: ended.any())


@EXERCISE.wrong(
    "top_k and top_p exchanged",
    "`top_k` and `top_p` have changed places on the way to `sampling_probabilities`. Pass them by name.",
)
def exchanged(model, source, generator, temperature=1.0, top_k=None, top_p=None, bos=1, eos=2, max_length=50):
    def chances(logits, temperature, top_k, top_p):
        p = sampling_probabilities(logits, temperature)
        if top_k is not None:  # as `top_p`: a sum of more than 1 keeps every word
            return p
        return sampling_probabilities(logits, temperature, top_k=int(top_p)) if top_p is not None else p

    return _sample(model, source, generator, temperature, top_k, top_p, bos, eos, max_length, chances=chances)


@EXERCISE.wrong(
    "softmax before sampling_probabilities",
    "The logits go through a softmax first, and `sampling_probabilities` takes another softmax of the result. Hand "
    "it the logits.",
)
def softmax_twice(model, source, generator, *options, **more):
    return _sample(
        model, source, generator, *options, **more,
        chances=lambda logits, *settings: sampling_probabilities(logits.softmax(dim=-1), *settings),
    )  # fmt: skip


@EXERCISE.wrong("start in the result", "The result begins with `bos`. Leave out that column.")
def with_start(model, source, generator, temperature=1.0, top_k=None, top_p=None, bos=1, eos=2, max_length=50):
    ids = _sample(model, source, generator, temperature, top_k, top_p, bos, eos, max_length)
    return torch.cat([torch.full((len(source), 1), bos), ids], dim=1)


@EXERCISE.wrong(
    "one word too few", "Only `max_length - 1` words come back. `max_length` counts the words after `bos`, without it."
)
def one_less(model, source, generator, temperature=1.0, top_k=None, top_p=None, bos=1, eos=2, max_length=50):
    return _sample(model, source, generator, temperature, top_k, top_p, bos, eos, max_length - 1)


@EXERCISE.wrong("bos and eos fixed", "The ids 1 and 2 are used whatever `bos` and `eos` say. Use the arguments.")
def fixed_specials(model, source, generator, temperature=1.0, top_k=None, top_p=None, bos=1, eos=2, max_length=50):
    return _sample(model, source, generator, temperature, top_k, top_p, 1, 2, max_length)


@EXERCISE.wrong(
    "in training mode",
    "The model stays in training mode, so dropout disturbs the words. Call `model.eval()` first.",
)
def in_training_mode(model, source, generator, *options, **more):
    return _sample(model, source, generator, *options, **more, evaluate=False)


@EXERCISE.wrong(
    "mode not restored", "The model stays in evaluation mode afterwards. Put it back into the mode it was in."
)
def mode_not_restored(model, source, generator, *options, **more):
    return _sample(model, source, generator, *options, **more, restore=False)


@EXERCISE.wrong(
    "gradients recorded",
    "PyTorch keeps everything for a backward pass that never comes. Decode inside `with torch.no_grad():`.",
)
def with_gradients(model, source, generator, *options, **more):
    return _sample(model, source, generator, *options, **more, gradients=True)


@EXERCISE.wrong(
    "one word too many", "`max_length + 1` words come back. `max_length` counts the words after `bos`, without it."
)
def one_more(model, source, generator, temperature=1.0, top_k=None, top_p=None, bos=1, eos=2, max_length=50):
    return _sample(model, source, generator, temperature, top_k, top_p, bos, eos, max_length + 1)


@EXERCISE.wrong(
    "last column cut off",
    "The last word is cut off, and `bos` is still there. Leave out the first column: `[:, 1:]`.",
)
def last_column(model, source, generator, temperature=1.0, top_k=None, top_p=None, bos=1, eos=2, max_length=50):
    return with_start(model, source, generator, temperature, top_k, top_p, bos, eos, max_length)[:, :-1]


@EXERCISE.wrong(
    "generator set back",
    "The words are drawn as if `generator` had drawn nothing before. Take it as it comes: every draw moves it on, so that a "
    "second call gives other words.",
)
def generator_set_back(model, source, generator, *options, **more):
    return _sample(model, source, generator.manual_seed(generator.initial_seed()), *options, **more)


@EXERCISE.variant
@torch.no_grad()
def row_by_row(model, source, generator, temperature=1.0, top_k=None, top_p=None, bos=1, eos=2, max_length=50):
    mode = model.training
    model.eval()
    rows = []
    for sentence in source.split(1):
        memory, words = model.encode(sentence), [bos]
        while len(words) <= max_length and eos not in words[1:]:
            logits = model.decode(torch.tensor([words]), memory, sentence)[0, -1]
            chances = sampling_probabilities(logits, temperature, top_k, top_p)
            words.append(torch.multinomial(chances, 1, generator=generator).item())
        rows.append(words[1:])
    model.train(mode)
    longest = max(map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows])


@EXERCISE.variant
def from_the_whole(model, source, generator, temperature=1.0, top_k=None, top_p=None, bos=1, eos=2, max_length=50):
    """The whole forward pass each time."""
    was = model.training
    model.train(False)
    ids = torch.full((source.shape[0], 1), bos, dtype=torch.long)
    with torch.inference_mode():
        while ids.shape[1] <= max_length and not (ids[:, 1:] == eos).any(1).all():
            chances = sampling_probabilities(model(source, ids), temperature, top_k, top_p)[:, -1]
            word = torch.multinomial(chances, 1, generator=generator)
            ids = torch.hstack([ids, torch.where((ids[:, 1:] == eos).any(1, keepdim=True), 0, word)])
    model.train(was)
    return ids[:, 1:].clone()


@EXERCISE.variant
def in_advance(model, source, generator, temperature=1.0, top_k=None, top_p=None, bos=1, eos=2, max_length=50):
    """Room for all words is made in advance."""
    training, n = model.training, 0
    model.eval()
    ids = torch.zeros(len(source), max_length + 1, dtype=torch.int64)
    ids[:, 0] = bos
    try:
        with torch.no_grad():
            memory, open_rows = model.encode(source), torch.ones(len(source), dtype=torch.bool)
            while n < max_length and open_rows.any():
                logits = model.decode(ids[:, : n + 1], memory, source)[:, n]
                chances = sampling_probabilities(logits, temperature=temperature, top_k=top_k, top_p=top_p)
                n += 1
                ids[:, n] = chances.multinomial(1, generator=generator)[:, 0] * open_rows
                open_rows = open_rows & (ids[:, n] != eos)
    finally:
        model.train(training)
    return ids[:, 1 : n + 1]
