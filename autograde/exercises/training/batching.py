"""Lesson 8: batches by tokens."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.libraries import TRAINER
from autograde.exercises.mistakes.training import batching as m
from autograde.harness.brief import Projected, brief
from autograde.harness.call import MAIN, Call, Fixture
from helpers import training as right

LESSON = "08_training"
PADDED = 1.2  # padded tokens, as a multiple of the real ones
FILLED = 0.8  # mean share of `max_tokens` that a batch uses


def _lengths(rng, count, longest):
    """Many short sentences, few long ones, as in a text."""
    return [int(length) for length in np.clip(rng.gamma(4.0, longest / 10, count).round(), 2, longest)]


def _calls(rng):
    seed = int(rng.integers(2**31))
    many, more = _lengths(rng, 600, 30), _lengths(rng, 500, 40)
    exact = [*_lengths(rng, 40, 12), 90, 90]
    too_long = _lengths(rng, 60, 20)
    place = int(rng.integers(23, 60))
    too_long[place] = 121

    def call(lengths, max_tokens, generator=True, **more):
        made = (Fixture("generator", (seed,)),) if generator else ()
        return Call((lengths, max_tokens, *made), report=("output", "args"), **more)

    return [
        call([5, 2, 5, 2, 2, 2, 2], 10, note="by hand: the five sentences of 2 tokens, and the two of 5"),
        call(many, 420, note="many sentences"),
        call([*rng.permutation(exact).tolist()], 90, note="two sentences are exactly as long as a batch may be"),
        call(more, 500, part="order", note="the order of the batches"),
        call(many[::-1], 380, generator=False, part="order", note="without a generator"),
        call(too_long, 120, part="too long", mentions=(str(place),), note=f"sentence {place} has 121 tokens"),
    ]


# --- what is compared: properties, not the batches themselves ---------------------------------------------------------


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


def _view(call, value):
    lengths, max_tokens = call.args[:2]
    batches = _as_batches(value["output"])
    if batches is None:
        remark = "A list of lists of whole numbers is asked for."
        return Projected("another form", brief(value["output"]), remark)
    found = {"indices": _indices(batches, lengths)}
    if found["indices"][0] in ("once", "missing"):
        batches = [batch for batch in batches if batch]
        found["limit"] = _limit(batches, lengths, max_tokens)
        found["padding"] = _padding(batches, lengths)
        found["fill"] = _fill(batches, lengths, max_tokens)
        if call.part == "order":
            found["order"] = _order(batches, lengths)
            if len(call.args) == 3:
                found["generator"] = _generator(value["args"]["2"]["state"].array, call.args[2].args[0])
    remark = next((text for _, text in found.values() if text), "")
    return Projected({name: kind for name, (kind, _) in found.items()}, _sizes(batches, lengths), remark)


def _sizes(batches, lengths):
    """How many batches there are, and what is in the first three."""
    known = [[lengths[index] for index in batch if 0 <= index < len(lengths)] for batch in batches]
    first = [f"{len(batch)} of {_span(batch)} tokens" for batch in known[:3] if batch]
    return f"{len(batches)} batches of sentences: {'; '.join(first)}{'; ...' if len(batches) > 3 else ''}"


def _span(batch):
    return f"{min(batch)} to {max(batch)}" if min(batch) < max(batch) else f"{min(batch)}"


def _indices(batches, lengths):
    flat = [index for batch in batches for index in batch]
    wanted = range(len(lengths))
    if sorted(flat) == list(wanted):
        return "once", ""
    if sorted(flat) == sorted(lengths):
        return "lengths", "The batches hold the lengths of sentences. Their indices are asked for."
    strange = [index for index in flat if index not in wanted]
    if strange:
        return "strange", f"{strange[0]} is no index: they go from 0 to {len(lengths) - 1}."
    if len(set(flat)) < len(flat):
        return "twice", "Some indices come more than once."
    return "missing", f"{len(lengths) - len(set(flat))} of {len(lengths)} indices are in no batch."


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
    text = f"A batch uses {filled:.0%} of `max_tokens` on average; at least {FILLED:.0%} are possible and asked for."
    if all(len({lengths[index] for index in batch}) == 1 for batch in batches):
        return "one length each", text
    return "same count" if len({len(batch) for batch in batches[:-1]}) == 1 else "not full", text


def _order(batches, lengths):
    steps = np.diff([_longest(batch, lengths) for batch in batches])
    if (steps >= 0).all() or (steps <= 0).all():
        return "by length", "The batches come in the order of their lengths: shuffle them."
    return "shuffled", ""


def _generator(state, seed):
    import torch

    if np.array_equal(state, torch.Generator().manual_seed(seed).get_state().numpy()):
        return "not used", "The order does not come from `generator`: hand it to `torch.randperm`."
    return "used", ""


BATCHES = Exercise(
    name="batches_by_tokens",
    lesson=LESSON,
    title="batches of similar lengths",
    points=4,
    minutes=12,
    hints=(
        "Three steps: bring the indices into the order of their lengths, cut that row into batches, shuffle the "
        "batches. While you go from short to long, the newest sentence is the longest of its batch. How many tokens "
        "would the batch have, with padding, if it joined?",
        "Sort `range(len(lengths))` with `key=` the length. A new batch begins where `lengths[index] * (len(batch) + 1)` "
        "would be more than `max_tokens`. `torch.randperm(len(batches), generator=generator)` gives the order of the "
        "batches. Look for sentences that are too long before anything else.",
    ),
    reference=right.batches_by_tokens,
    make_calls=_calls,
    projection=_view,
    parts={MAIN: 0.6, "order": 0.25, "too long": 0.15},
    misconceptions=(
        Misconception(
            "padding not counted",
            m.batches_real_tokens,
            "The sum of the lengths stays within `max_tokens`, but a batch is a rectangle: it has longest × count "
            "tokens, padding among them.",
        ),
        Misconception(
            "first length in place of the longest",
            m.batches_shortest,
            "The size is counted with the shortest sentence of a batch. All rows are as long as the longest.",
        ),
        Misconception(
            "one sentence too many",
            m.batches_one_too_many,
            "A batch is closed only once it is too large. Ask before a sentence joins whether it still fits.",
        ),
        Misconception(
            "sentences counted in place of tokens",
            m.batches_sentences,
            "Each batch has `max_tokens` sentences. It is the tokens that are limited: longest × count.",
        ),
        Misconception(
            "less than in place of at most",
            m.batches_less_than,
            "A batch with exactly `max_tokens` tokens is allowed: compare with `<=`.",
        ),
        Misconception(
            "the same number of sentences in each batch",
            m.batches_fixed_count,
            "Every batch has as many sentences as fit with the longest of all. Short sentences leave most of it empty: "
            "let the number grow while sentences are short.",
        ),
        Misconception(
            "one length per batch",
            m.batches_one_length,
            "A new batch begins with every new length, so batches stay small. Similar lengths are enough.",
        ),
        Misconception(
            "not sorted by length",
            m.batches_unsorted,
            "Short and long sentences share a batch, so much of it is padding. Sort by length before cutting.",
        ),
        Misconception(
            "sorted but not shuffled",
            m.batches_not_shuffled,
            "Training would begin with all short sentences and end with all long ones. Shuffle the finished batches.",
        ),
        Misconception(
            "shuffled again after sorting",
            m.batches_shuffled_sentences,
            "The sentences are shuffled inside their limit, so the sorting is lost. Shuffle whole batches.",
        ),
        Misconception(
            "generator not used",
            m.batches_generator_ignored,
            "The order comes from the global random numbers. Hand `generator` to `torch.randperm`, so that a run can "
            "be repeated.",
        ),
        Misconception(
            "last batch lost",
            m.batches_last_lost,
            "The batch that is open when the sentences end is never added. Look behind the loop.",
        ),
        Misconception(
            "lengths in place of indices",
            m.batches_of_lengths,
            "The batches hold lengths. Sort the indices, with the length as the key.",
        ),
        Misconception(
            "places in the sorted order",
            m.batches_sorted_places,
            "The numbers are places in the sorted row, not indices of `lengths`. Keep the result of `argsort` and look "
            "the indices up in it.",
        ),
        Misconception(
            "too long a sentence dropped",
            m.batches_dropped,
            "A sentence longer than `max_tokens` disappears without a word. Raise a ValueError that names its index.",
        ),
        Misconception(
            "too long a sentence in a batch of its own",
            m.batches_own_batch,
            "A sentence longer than `max_tokens` becomes a batch that is too large. Raise a ValueError with its index.",
        ),
        Misconception(
            "index missing in the message",
            m.batches_no_index,
            "The ValueError does not say which sentence it is. Put its index into the message.",
        ),
    ),
    forbidden=TRAINER,
    variants=(m.batches_descending, m.batches_numpy, m.batches_tensor, m.batches_with_keys),
)

EXERCISES = (BATCHES,)
