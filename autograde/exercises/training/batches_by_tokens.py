"""batches_by_tokens: batches of similar lengths."""

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.harness.brief import Projected, brief
from autograde.harness.call import MAIN, Fixture, FunctionCall
from helpers.training import batches_by_tokens

PADDED = 1.2  # padded tokens, as a multiple of the real ones
FILLED = 0.8  # mean share of `max_tokens` that a batch uses


def _lengths(rng, count, longest):
    """Many short sentences, few long ones, as in a text."""
    return [int(length) for length in np.clip(rng.gamma(4.0, longest / 10, count).round(), 2, longest)]


def calls(rng):
    seed = int(rng.integers(2**31))
    many, more = _lengths(rng, 600, 30), _lengths(rng, 500, 40)
    exact = [*_lengths(rng, 40, 12), 90, 90]
    too_long = _lengths(rng, 60, 20)
    place = int(rng.integers(23, 60))
    too_long[place] = 121

    def call(lengths, max_tokens, generator=True, **more):
        made = (Fixture("generator", (seed,)),) if generator else ()
        return FunctionCall((lengths, max_tokens, *made), report=("output", "args", "random"), **more)

    return [
        call([5, 2, 5, 2, 2, 2, 2], 10, note="by hand: the five sentences of 2 tokens, and the two of 5"),
        call(many, 420, note="many sentences"),
        call([*rng.permutation(exact).tolist()], 90, note="two sentences are exactly as long as a batch may be"),
        call(more, 500, part="order", note="the order of the batches"),
        call(many[::-1], 380, generator=False, part="order", note="without a generator"),
        call([7], 10, note="a single sentence"),
        call(too_long, 120, part="too long", mentions=(str(place),), note=f"sentence {place} has 121 tokens"),
    ]


def _as_batches(output):
    """The batches as lists of whole numbers, or None if they have another form."""
    if not isinstance(output, list | tuple):
        return None
    batches = []
    for batch in output:
        batch = getattr(batch, "array", batch)
        batch = batch.tolist() if isinstance(batch, np.ndarray) else batch
        if not isinstance(batch, list | tuple):
            return None
        batch = [getattr(index, "array", index) for index in batch]
        batch = [index.item() if isinstance(index, np.ndarray) and index.size == 1 else index for index in batch]
        if any(type(index) is not int for index in batch):
            return None
        batches.append(batch)
    return batches


def projection(call, value):
    lengths, max_tokens = call.args[:2]
    batches = _as_batches(value["output"])
    if batches is None:
        remark = "Return a list of lists of whole numbers."
        return Projected("another form", brief(value["output"]), remark)
    found = {"indices": _indices(batches, lengths)}
    if found["indices"][0] in ("once", "missing"):
        batches = [batch for batch in batches if batch]
        found["limit"] = _limit(batches, lengths, max_tokens)
        found["padding"] = _padding(batches, lengths)
        found["fill"] = _fill(batches, lengths, max_tokens)
        if call.part == "order":
            found["order"] = _order(batches, lengths)
            states = value["args"].get("2", {}).get("state"), value["random"]
            found["generator"] = _generator(*states, *(call.args[2].args if len(call.args) == 3 else ()))
    remark = next((text for _, text in found.values() if text), "")
    return Projected({name: kind for name, (kind, _) in found.items()}, _sizes(batches, lengths), remark)


def _sizes(batches, lengths):
    """How many batches there are, and what is in the first three."""
    known = [[lengths[index] for index in batch if 0 <= index < len(lengths)] for batch in batches]
    first = [f"{len(batch)} of {_span(batch)} tokens" for batch in known[:3] if batch]
    many = "1 batch" if len(batches) == 1 else f"{len(batches)} batches"
    return f"{many} of sentences: {'; '.join(first)}{'; ...' if len(batches) > 3 else ''}"


def _span(batch):
    return f"{min(batch)} to {max(batch)}" if min(batch) < max(batch) else f"{min(batch)}"


def _indices(batches, lengths):
    flat = [index for batch in batches for index in batch]
    wanted = range(len(lengths))
    if sorted(flat) == list(wanted):
        return "once", ""
    if sorted(flat) == sorted(lengths):
        return "lengths", "The batches hold the lengths of sentences. Return their indices."
    strange = [index for index in flat if index not in wanted]
    if strange:
        return "strange", f"{strange[0]} is no index: they go from 0 to {len(lengths) - 1}."
    if len(set(flat)) < len(flat):
        return "twice", "Some indices come more than once."
    return "missing", f"Indices that are in no batch: {len(lengths) - len(set(flat))} of {len(lengths)}."


def _limit(batches, lengths, max_tokens):
    over = [batch for batch in batches if _longest(batch, lengths) * len(batch) > max_tokens]
    if not over:
        return "kept", ""
    worst = max(over, key=lambda batch: _longest(batch, lengths) * len(batch))
    text = (
        f"{len(worst)} sentences with up to {_longest(worst, lengths)} tokens are more than {max_tokens} with padding."
    )
    return _reason(batches, over, lengths, max_tokens), text


def _reason(batches, over, lengths, max_tokens):
    """Which other limit the batches keep."""
    ranked = sorted(lengths)
    if all(sum(lengths[index] for index in batch) <= max_tokens for batch in batches):
        return "real tokens"
    if all(_longest(batch, ranked) * len(batch) <= max_tokens for batch in batches):
        return "places in the sorted order"
    if all(min(lengths[index] for index in batch) * len(batch) <= max_tokens for batch in batches):
        return "shortest"
    if all((len(batch) - 1) * _longest(batch, lengths) <= max_tokens for batch in over):
        return "one too many"
    return "sentences" if all(len(batch) <= max_tokens for batch in batches) else "none"


def _longest(batch, lengths):
    return max(lengths[index] for index in batch)


def _padding(batches, lengths):
    real = sum(lengths[index] for batch in batches for index in batch)
    padded = sum(_longest(batch, lengths) * len(batch) for batch in batches)
    if padded <= PADDED * real:
        return "little", ""
    return (
        "much",
        f"With padding there are {padded / real:.2f} times as many tokens as without; at most {PADDED} times.",
    )


def _fill(batches, lengths, max_tokens):
    if len(batches) < 12 and len(lengths) > 10:
        return "full", ""  # too few to judge: the last one is as full as what is left
    filled = np.mean([_longest(batch, lengths) * len(batch) / max_tokens for batch in batches])
    if filled >= FILLED:
        return "full", ""
    text = f"A batch uses {filled:.0%} of `max_tokens` on average; at least {FILLED:.0%} are possible, and expected."
    if all(len({lengths[index] for index in batch}) == 1 for batch in batches):
        return "one length each", text
    return "same count" if len({len(batch) for batch in batches[:-1]}) == 1 else "not full", text


def _order(batches, lengths):
    steps = np.diff([_longest(batch, lengths) for batch in batches])
    if (steps >= 0).all() or (steps <= 0).all():
        return "by length", "The batches come in the order of their lengths: shuffle them."
    return "shuffled", ""


def _generator(own, shared, seed=None):
    """Where the random numbers come from, by the states of `generator`, None without one, and of the global one."""
    if own is None:
        if _is_new(shared, 0):
            return "not used", "Without `generator` the order does not come from PyTorch's global generator."
        return "used", ""
    if _is_new(own, seed):
        return "not used", "The order does not come from `generator`: hand it to `torch.randperm`."
    if not _is_new(shared, 0):
        return "used in part", "Some random numbers do not come from `generator`: hand it to each `torch.randperm`."
    return "used", ""


def _is_new(state, seed):
    """Whether no number has been drawn since the seed was set; a call begins with the global seed 0."""
    return np.array_equal(state.array, torch.Generator().manual_seed(seed).get_state().numpy())


EXERCISE = Exercise(
    name="batches_by_tokens",
    title="batches of similar lengths",
    points=4,
    minutes=12,
    hints=(
        "Three steps: bring the indices into the order of their lengths, cut that list into batches, shuffle the "
        "batches. While you go from short to long, the newest sentence is the longest of its batch. How many tokens "
        "would the batch have, with padding, if it joined?",
        "Sort `range(len(lengths))` with `key=` the length. A new batch begins where `lengths[index] * (len(batch) + 1)` "
        "would be more than `max_tokens`. `torch.randperm(len(batches), generator=generator)` gives the order of the "
        "batches. Look for sentences that are too long before anything else.",
    ),
    reference=batches_by_tokens,
    make_calls=calls,
    parts={MAIN: 0.6, "order": 0.25, "too long": 0.15},
    projection=projection,
    forbidden=libraries.TRAINER,
)


def _check(lengths, max_tokens):
    for index, length in enumerate(lengths):
        if length > max_tokens:
            raise ValueError(f"sentence {index} is too long")


def _by_length(lengths):
    return sorted(range(len(lengths)), key=lambda index: lengths[index])


def _cut(order, fits):
    """Batches from left to right; `fits(batch)` says whether a batch may be as it is."""
    batches = [[]]
    for index in order:
        if batches[-1] and not fits([*batches[-1], index]):
            batches.append([])
        batches[-1].append(index)
    return batches


def _shuffled(batches, generator):
    return [batches[place] for place in torch.randperm(len(batches), generator=generator).tolist()]


@EXERCISE.wrong(
    "padding not counted",
    "The sum of the lengths stays within `max_tokens`, but a batch is a rectangle: it has longest × count "
    "tokens, padding among them.",
)
def real_tokens(lengths, max_tokens, generator=None):
    _check(lengths, max_tokens)
    batches = _cut(_by_length(lengths), lambda batch: sum(lengths[index] for index in batch) <= max_tokens)
    return _shuffled(batches, generator)


@EXERCISE.wrong(
    "first length in place of the longest",
    "The size is counted with the shortest sentence of a batch. All rows are as long as the longest.",
)
def shortest(lengths, max_tokens, generator=None):
    _check(lengths, max_tokens)
    batches = _cut(_by_length(lengths), lambda batch: lengths[batch[0]] * len(batch) <= max_tokens)
    return _shuffled(batches, generator)


def _size(batch, lengths):
    return max(lengths[index] for index in batch) * len(batch)


@EXERCISE.wrong(
    "one sentence too many",
    "A batch is closed only once it is too large. Check whether a sentence still fits before it joins.",
)
def one_too_many(lengths, max_tokens, generator=None):
    _check(lengths, max_tokens)
    batches, batch = [], []
    for index in _by_length(lengths):
        batch.append(index)
        if _size(batch, lengths) > max_tokens:
            batches.append(batch)
            batch = []
    return _shuffled([*batches, batch] if batch else batches, generator)


@EXERCISE.wrong(
    "sentences counted in place of tokens",
    "Each batch has `max_tokens` sentences. It is the tokens that are limited: longest × count.",
)
def sentences(lengths, max_tokens, generator=None):
    _check(lengths, max_tokens)
    return _shuffled(_cut(_by_length(lengths), lambda batch: len(batch) <= max_tokens), generator)


@EXERCISE.wrong(
    "less than in place of at most", "A batch with exactly `max_tokens` tokens is allowed: compare with `<=`."
)
def less_than(lengths, max_tokens, generator=None):
    _check(lengths, max_tokens)
    return _shuffled(_cut(_by_length(lengths), lambda batch: _size(batch, lengths) < max_tokens), generator)


@EXERCISE.wrong(
    "the same number of sentences in each batch",
    "Every batch has as many sentences as fit with the longest of all. Short sentences leave most of it empty: "
    "let the number grow while sentences are short.",
)
def fixed_count(lengths, max_tokens, generator=None):
    _check(lengths, max_tokens)
    count = max_tokens // max(lengths)
    return _shuffled(_cut(_by_length(lengths), lambda batch: len(batch) <= count), generator)


@EXERCISE.wrong(
    "one length per batch",
    "A new batch begins with every new length, so batches stay small. Similar lengths are enough.",
)
def one_length(lengths, max_tokens, generator=None):
    _check(lengths, max_tokens)

    def fits(batch):
        return _size(batch, lengths) <= max_tokens and lengths[batch[0]] == lengths[batch[-1]]

    return _shuffled(_cut(_by_length(lengths), fits), generator)


@EXERCISE.wrong(
    "not sorted by length",
    "Short and long sentences share a batch, so much of it is padding. Sort by length before cutting.",
)
def unsorted(lengths, max_tokens, generator=None):
    _check(lengths, max_tokens)
    order = torch.randperm(len(lengths), generator=generator).tolist()
    return _cut(order, lambda batch: _size(batch, lengths) <= max_tokens)


@EXERCISE.wrong(
    "sorted but not shuffled",
    "The batches come in the order of their lengths, and so would training. Shuffle the finished batches.",
)
def not_shuffled(lengths, max_tokens, generator=None):
    _check(lengths, max_tokens)
    torch.randperm(len(lengths), generator=generator)
    return _cut(_by_length(lengths), lambda batch: _size(batch, lengths) <= max_tokens)


@EXERCISE.wrong(
    "shuffled again after sorting",
    "The sentences are shuffled inside their limit, so the sorting is lost. Shuffle whole batches.",
)
def shuffled_sentences(lengths, max_tokens, generator=None):
    batches = batches_by_tokens(lengths, max_tokens, generator)
    order = torch.randperm(len(lengths), generator=generator).tolist()
    ends = np.cumsum([len(batch) for batch in batches])
    return [order[end - len(batch) : end] for batch, end in zip(batches, ends, strict=True)]


@EXERCISE.wrong(
    "generator not used",
    "The order does not come from `generator`. Hand it to `torch.randperm`, so that a run can be repeated.",
)
def generator_ignored(lengths, max_tokens, generator=None):
    return batches_by_tokens(lengths, max_tokens)


@EXERCISE.wrong(
    "another source of randomness",
    "The order comes neither from `generator` nor, without it, from PyTorch's global one. Hand `generator` to "
    "`torch.randperm`: where it is None, the global one is taken.",
)
def another_source(lengths, max_tokens, generator=None):
    return batches_by_tokens(lengths, max_tokens, torch.Generator())


@EXERCISE.wrong(
    "the same order each time without a generator",
    "Without `generator` the order does not come from PyTorch's global one: a generator that is made anew has the same "
    "order in each epoch. `torch.randperm(n, generator=None)` takes the global one.",
    only="Generator",
)
def own_generator(lengths, max_tokens, generator=None):
    return batches_by_tokens(lengths, max_tokens, generator or torch.Generator())


@EXERCISE.wrong("a batch lost", "Sentences are lost, probably those of the batch that is open after the loop.")
def last_lost(lengths, max_tokens, generator=None):
    _check(lengths, max_tokens)
    batches, batch = [], []
    for index in _by_length(lengths):
        if batch and _size([*batch, index], lengths) > max_tokens:
            batches.append(batch)
            batch = []
        batch.append(index)
    return _shuffled(batches, generator)


@EXERCISE.wrong(
    "lengths in place of indices", "The batches hold lengths. Sort the indices, with the length as the key."
)
def of_lengths(lengths, max_tokens, generator=None):
    batches = batches_by_tokens(lengths, max_tokens, generator)
    return [[lengths[index] for index in batch] for batch in batches]


@EXERCISE.wrong(
    "places in the sorted order",
    "The numbers are places in the sorted list, not indices of `lengths`. Keep the result of `argsort` and look the "
    "indices up in it.",
)
def sorted_places(lengths, max_tokens, generator=None):
    _check(lengths, max_tokens)
    ranked = sorted(lengths)
    batches = _cut(range(len(ranked)), lambda batch: _size(batch, ranked) <= max_tokens)
    return _shuffled(batches, generator)


@EXERCISE.wrong(
    "too long a sentence dropped",
    "A sentence longer than `max_tokens` disappears without a word. Raise a ValueError that names its index.",
)
def dropped(lengths, max_tokens, generator=None):
    order = [index for index in _by_length(lengths) if lengths[index] <= max_tokens]
    return _shuffled(_cut(order, lambda batch: _size(batch, lengths) <= max_tokens), generator)


@EXERCISE.wrong(
    "too long a sentence in a batch of its own",
    "A sentence longer than `max_tokens` becomes a batch that is too large. Raise a ValueError with its index.",
)
def own_batch(lengths, max_tokens, generator=None):
    batches = _cut(_by_length(lengths), lambda batch: _size(batch, lengths) <= max_tokens)
    return _shuffled(batches, generator)


@EXERCISE.wrong(
    "index missing in the message", "The ValueError does not say which sentence it is. Put its index into the message."
)
def no_index(lengths, max_tokens, generator=None):
    if max(lengths) > max_tokens:
        raise ValueError("a sentence is too long")
    return batches_by_tokens(lengths, max_tokens, generator)


@EXERCISE.variant
def descending(lengths, max_tokens, generator=None):
    for index in range(len(lengths)):
        if lengths[index] > max_tokens:
            raise ValueError(f"Sentence number {index} does not fit into {max_tokens} tokens.")
    batches, batch = [], []
    for index in reversed(_by_length(lengths)):
        if batch and lengths[batch[0]] * (len(batch) + 1) > max_tokens:
            batches.append(batch)
            batch = []
        batch.append(index)
    if batch:
        batches.append(batch)
    return [batches[place] for place in torch.randperm(len(batches), generator=generator)]


@EXERCISE.variant
def with_numpy(lengths, max_tokens, generator=None):
    array = np.asarray(lengths)
    if (array > max_tokens).any():
        raise ValueError(f"index {int(np.argmax(array > max_tokens))} is longer than max_tokens")
    order, start, batches = np.argsort(array, kind="stable"), 0, []
    while start < len(order):
        sizes = array[order[start:]] * np.arange(1, len(order) - start + 1)
        count = int((sizes <= max_tokens).cumprod().sum())
        batches.append(order[start : start + count].tolist())
        start += count
    return [batches[int(place)] for place in torch.randperm(len(batches), generator=generator)]


@EXERCISE.variant
def as_a_tensor(lengths, max_tokens, generator=None):
    tensor = torch.tensor(lengths)
    long = (tensor > max_tokens).nonzero().flatten().tolist()
    if long:
        raise ValueError(f"too long: {long}")
    batches, longest = [], 0
    for index in tensor.argsort(descending=True).tolist():
        if not batches or longest * (len(batches[-1]) + 1) > max_tokens:
            longest = lengths[index]
            batches.append([])
        batches[-1].append(index)
    mixed = torch.rand(len(batches), generator=generator).argsort()
    return tuple(tuple(batches[place]) for place in mixed.tolist())


@EXERCISE.variant
def with_keys(lengths, max_tokens, generator=None):
    keys = torch.rand(len(lengths), generator=generator).tolist()
    batches, open_batch = [], []
    for index, length in sorted(enumerate(lengths), key=lambda pair: (pair[1], keys[pair[0]])):
        if length > max_tokens:
            raise ValueError(f"sentence {index}: {length} tokens")
        if open_batch and length * len(open_batch) + length > max_tokens:
            batches.append(open_batch)
            open_batch = []
        open_batch = [*open_batch, index]
    batches.append(open_batch)
    return _shuffled(batches, generator)
