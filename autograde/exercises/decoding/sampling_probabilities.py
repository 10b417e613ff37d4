"""sampling_probabilities: from logits to the probabilities that a word is drawn from."""

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.exercises.inputs import random_tensor, tensor
from autograde.harness.call import ANY_TEXT, MAIN, FunctionCall
from helpers.decoding import sampling_probabilities

BY_HAND = np.log([8.0, 4.0, 2.0, 2.0])  # the probabilities 1/2, 1/4, 1/8, 1/8
CLEAR = 0.02  # no sum of probabilities is as near to a border


def _mixed(rng, rows, probabilities):
    """Logits of these probabilities, in another order in each row."""
    return tensor([rng.permutation(np.log(probabilities)) + rng.normal() for _ in range(rows)])


def _clear(rng, shape, temperature, top_p):
    """Random logits with no sum of the most probable words near `top_p`."""
    while True:
        logits = rng.normal(size=shape)
        heights = np.exp(logits / temperature)
        falling = -np.sort(-heights / heights.sum(axis=-1, keepdims=True), axis=-1)
        if (np.abs(falling.cumsum(axis=-1) - top_p) > CLEAR).all():
            return tensor(logits)


def calls(rng):
    def call(logits, part=MAIN, note="", mentions=(), **options):
        return FunctionCall((logits,), options, part=part, note=note, mentions=mentions)

    both = np.array([0.4, 0.3, 0.2, 0.06, 0.04])
    return [
        call(tensor(BY_HAND), note="by hand: the logits are ln 8, ln 4, ln 2 and ln 2, so 8, 4, 2 and 2 of 16"),
        call(random_tensor(rng, 2, 5)),
        call(random_tensor(rng, 3, 2, 6)),
        call(tensor(BY_HAND), "temperature", "by hand: divided by 0.5, the logits are ln 64, ln 16, ln 4, ln 4", temperature=0.5),
        call(random_tensor(rng, 2, 3, 7), "temperature", temperature=2.5),
        call(random_tensor(rng, 4, 5), "low temperature", "a very low temperature", temperature=0.004),
        call(random_tensor(rng, 3, 4), "errors", "a temperature of 0", (ANY_TEXT,), temperature=0.0),
        call(random_tensor(rng, 2, 4), "errors", "a temperature below 0", (ANY_TEXT,), temperature=-0.5),
        call(tensor(BY_HAND), "top_k", "by hand: 1/2 and 1/4 stay, and become 2/3 and 1/3", top_k=2),
        call(tensor([[0.3, 0.2, 0.1, 0.0], [9.0, 3.0, 1.0, 0.0]]), "top_k", "two rows, one with a clear favourite", top_k=2),
        call(random_tensor(rng, 2, 3, 7), "top_k", top_k=3),
        call(random_tensor(rng, 4, 6), "top_k", "only the most probable word stays", top_k=1, temperature=1.5),
        call(tensor(BY_HAND), "top_p", "by hand: 1/2 is less than 0.6, 1/2 + 1/4 is not: two words stay", top_p=0.6),
        call(_clear(rng, (2, 3, 6), 1.0, 0.8), "top_p", top_p=0.8),
        call(_clear(rng, (4, 7), 1.4, 0.65), "top_p", top_p=0.65, temperature=1.4),
        call(_mixed(rng, 3, both), "top_p", "the most probable word reaches `top_p`", top_p=0.3),
        call(_mixed(rng, 4, both), "both", "`top_k` keeps 0.4 and 0.3; 0.4 is more than half of both together", top_k=2, top_p=0.5),
        call(_mixed(rng, 3, both), "both", "of the four of `top_k`, 0.4 and 0.3 have more than 0.715 together, but not before the division", top_k=4, top_p=0.715),
        call(_mixed(rng, 2, both), "both", "0.4, 0.3 and 0.2 stay of `top_k`; the first two have 7/9 together", top_k=3, top_p=0.75),
        call(random_tensor(rng, 1, 1, 4), "both", "the logits of one word in a batch of one sentence", temperature=0.7, top_k=3),
    ]  # fmt: skip


EXERCISE = Exercise(
    name="sampling_probabilities",
    title="which words may be drawn",
    points=4,
    minutes=12,
    hints=(
        "Four steps, one after the other: refuse a temperature that is not positive; divide and take the softmax; "
        "`top_k` sets all words but k to 0, and divides by the sum; `top_p` does the same with a different choice of "
        "words. For `top_p`, sort the probabilities of each row and ask of every word: how much do the *more "
        "probable* words have together?",
        "`probabilities.topk(top_k).values[..., -1:]` is the smallest probability that stays. For `top_p`, "
        "`sort(dim=-1, descending=True)` gives falling probabilities and the words that they belong to. "
        "`falling.cumsum(dim=-1) - falling` is what the more probable words have together; where that is at least "
        "`top_p`, a 0 takes the place of the probability. `scatter(-1, words, falling)`, into zeros, puts every word back "
        "into its place.",
    ),
    reference=sampling_probabilities,
    make_calls=calls,
    parts={MAIN: 0.2, "temperature": 0.15, "low temperature": 0.1, "errors": 0.1, "top_k": 0.2, "top_p": 0.2, "both": 0.05},
    forbidden=("transformers",),
)  # fmt: skip


def _probabilities(
    logits,
    temperature=1.0,
    top_k=None,
    top_p=None,
    *,
    softmax=lambda logits, temperature: (logits / temperature).softmax(dim=-1),
    check=lambda temperature: None,
    keep_k=lambda p, k: p >= p.topk(k, dim=-1).values[..., -1:],
    keep_p=lambda falling, top_p: falling.cumsum(dim=-1) - falling < top_p,
    put_back=lambda p, order, falling: torch.zeros_like(p).scatter(-1, order, falling),
    after_k=lambda p: p / p.sum(dim=-1, keepdim=True),
    after_p=lambda p: p / p.sum(dim=-1, keepdim=True),
    first="k",
):
    if temperature <= 0:
        check(temperature)
    p = softmax(logits, temperature)
    for step in ("k", "p") if first == "k" else ("p", "k"):
        if step == "k" and top_k is not None:
            p = after_k(p * keep_k(p, top_k))
        if step == "p" and top_p is not None:
            falling, order = p.sort(dim=-1, descending=True)
            p = after_p(put_back(p, order, falling * keep_p(falling, top_p)))
    return p


def _refuse(temperature):
    raise ValueError(f"the temperature is {temperature}, it has to be positive")


def _wrong(logits, temperature, top_k, top_p, **changes):
    return _probabilities(logits, temperature, top_k, top_p, **{"check": _refuse} | changes)


@EXERCISE.wrong(
    "logits times temperature",
    "The logits are multiplied by the temperature. Divide: a *low* temperature makes large differences of the logits, "
    "so that the best word wins nearly always.",
)
def multiplied(logits, temperature=1.0, top_k=None, top_p=None):
    return _wrong(logits, temperature, top_k, top_p, softmax=lambda x, t: (x * t).softmax(dim=-1))


@EXERCISE.wrong(
    "temperature not used",
    "The temperature changes nothing. Divide the logits by it before the softmax.",
    unless=r"logits\s*/=?\s*temperature",
)
def no_temperature(logits, temperature=1.0, top_k=None, top_p=None):
    return _wrong(logits, temperature, top_k, top_p, softmax=lambda x, t: x.softmax(dim=-1))


@EXERCISE.wrong(
    "probabilities divided by temperature",
    "The temperature comes after the softmax, so the probabilities don't add up to 1. Divide the logits.",
)
def after_the_softmax(logits, temperature=1.0, top_k=None, top_p=None):
    return _wrong(logits, temperature, top_k, top_p, softmax=lambda x, t: x.softmax(dim=-1) / t)


@EXERCISE.wrong(
    "exp overflows",
    "At a low temperature `exp` gives infinity, and infinity divided by infinity is NaN. `softmax` subtracts the largest "
    "number of each row first; that changes no probability.",
)
def overflow(logits, temperature=1.0, top_k=None, top_p=None):
    def softmax(x, t):
        heights = (x / t + 60).exp()
        return heights / heights.sum(dim=-1, keepdim=True)

    return _wrong(logits, temperature, top_k, top_p, softmax=softmax)


@EXERCISE.wrong("softmax over the wrong axis", "The softmax runs over the rows. The words are the last axis: `dim=-1`.")
def first_axis(logits, temperature=1.0, top_k=None, top_p=None):
    return _wrong(logits, temperature, top_k, top_p, softmax=lambda x, t: (x / t).softmax(dim=0))


@EXERCISE.wrong("logarithms in place of probabilities", "These are log-probabilities. Take `softmax`.")
def logarithms(logits, temperature=1.0, top_k=None, top_p=None):
    return _wrong(logits, temperature, top_k, top_p).log()


@EXERCISE.wrong(
    "no error at temperature 0",
    "A temperature of 0 or below has no meaning here: the division gives infinity, or reverses the order. Raise a "
    "`ValueError` that says so.",
)
def no_error(logits, temperature=1.0, top_k=None, top_p=None):
    return _probabilities(logits, temperature, top_k, top_p)


@EXERCISE.wrong("an error below 0, and none at 0", "At 0 the best word gets everything. Refuse `temperature <= 0`.")
def zero_allowed(logits, temperature=1.0, top_k=None, top_p=None):
    if temperature == 0:
        return (logits == logits.amax(dim=-1, keepdim=True)).float()
    return _wrong(logits, temperature, top_k, top_p)


@EXERCISE.wrong("top_k not used", "With `top_k`, only the k most probable words of each row keep a probability.")
def no_top_k(logits, temperature=1.0, top_k=None, top_p=None):
    return _wrong(logits, temperature, None, top_p)


@EXERCISE.wrong("top_p not used", "With `top_p`, only the most probable words that reach it together stay.")
def no_top_p(logits, temperature=1.0, top_k=None, top_p=None):
    return _wrong(logits, temperature, top_k, None)


@EXERCISE.wrong(
    "not renormalized after top_k",
    "The words that stay keep their old probabilities, so these don't add up to 1. Divide by their sum.",
)
def k_not_normalized(logits, temperature=1.0, top_k=None, top_p=None):
    return _wrong(logits, temperature, top_k, top_p, after_k=lambda p: p)


@EXERCISE.wrong(
    "not renormalized after top_p",
    "The words that `top_p` leaves keep their old probabilities, so these don't add up to 1. Divide by their sum.",
)
def p_not_normalized(logits, temperature=1.0, top_k=None, top_p=None):
    return _wrong(logits, temperature, top_k, top_p, after_p=lambda p: p)


@EXERCISE.wrong(
    "top_p counted on the probabilities before top_k",
    "`top_p` looks at the probabilities that the words had before `top_k`. First `top_k`, then divide by the sum, "
    "then `top_p`.",
)
def other_order(logits, temperature=1.0, top_k=None, top_p=None):
    return _wrong(logits, temperature, top_k, top_p, first="p")


@EXERCISE.wrong(
    "the least probable words kept",
    "The k *least* probable words stay. `topk` gives the largest, `sort` begins with the smallest.",
)
def least(logits, temperature=1.0, top_k=None, top_p=None):
    return _wrong(
        logits, temperature, top_k, top_p, keep_k=lambda p, k: p <= p.topk(k, dim=-1, largest=False).values[..., -1:]
    )


@EXERCISE.wrong("one word too many with top_k", "k + 1 words stay. A word stays if fewer than k are more probable.")
def one_more(logits, temperature=1.0, top_k=None, top_p=None):
    return _wrong(
        logits,
        temperature,
        top_k,
        top_p,
        keep_k=lambda p, k: p >= p.topk(min(k + 1, p.shape[-1]), dim=-1).values[..., -1:],
    )


@EXERCISE.wrong(
    "top_k over all rows", "The k most probable words of the whole tensor stay. Each row keeps its own: `dim=-1`."
)
def over_all(logits, temperature=1.0, top_k=None, top_p=None):
    return _wrong(logits, temperature, top_k, top_p, keep_k=lambda p, k: p >= p.flatten().topk(k).values[-1])


@EXERCISE.wrong(
    "the crossing word left out",
    "The word with which the sum reaches `top_p` belongs to the set. Ask whether the sum *before* a word is below "
    "`top_p`, without the word itself.",
)
def crossing_left_out(logits, temperature=1.0, top_k=None, top_p=None):
    return _wrong(logits, temperature, top_k, top_p, keep_p=lambda falling, p: falling.cumsum(dim=-1) < p)


@EXERCISE.wrong(
    "a share of the largest probability as the bound",
    "Each word is compared with a share of the largest one. Compare the *sum* of the more probable words.",
)
def as_a_threshold(logits, temperature=1.0, top_k=None, top_p=None):
    return _wrong(logits, temperature, top_k, top_p, keep_p=lambda falling, p: falling >= (1 - p) * falling[..., :1])


@EXERCISE.wrong(
    "words left in sorted order",
    "The probabilities come back sorted, so they belong to other words. `scatter` with the order that `sort` gave puts "
    "each one back into its place.",
)
def sorted_order(logits, temperature=1.0, top_k=None, top_p=None):
    return _wrong(logits, temperature, top_k, top_p, put_back=lambda p, order, falling: falling)


@EXERCISE.wrong(
    "not divided by the sum",
    "What is left after `top_k` and `top_p` does not add up to 1. Divide by its sum after each of them.",
)
def not_normalized(logits, temperature=1.0, top_k=None, top_p=None):
    return _wrong(logits, temperature, top_k, top_p, after_k=lambda p: p, after_p=lambda p: p)


@EXERCISE.wrong(
    "sorted probabilities not put back",
    "The probabilities come back in falling order. Each belongs to a word: put them back into their places, by `scatter` or "
    "by sorting the order.",
)
def left_sorted(logits, temperature=1.0, top_k=None, top_p=None):
    p = _wrong(logits, temperature, top_k, top_p)
    return p if top_k is None and top_p is None else p.sort(dim=-1, descending=True).values


@EXERCISE.wrong(
    "top_p in the order of the vocabulary",
    "The sum for `top_p` runs through the words in the order of their ids. It begins with the most probable word: sort first.",
)
def not_sorted(logits, temperature=1.0, top_k=None, top_p=None):
    p = _wrong(logits, temperature, top_k, None)
    if top_p is None:
        return p
    kept = p * (p.cumsum(dim=-1) - p < top_p)
    return kept / kept.sum(dim=-1, keepdim=True)


@EXERCISE.wrong(
    "top_p compared with single words",
    "Each word's own probability is compared with a bound. `top_p` is about the sum of the most probable words.",
)
def single_words(logits, temperature=1.0, top_k=None, top_p=None):
    p = _wrong(logits, temperature, top_k, None)
    if top_p is None:
        return p
    kept = p * (p >= 1 - top_p)
    return kept / kept.sum(dim=-1, keepdim=True)


@EXERCISE.wrong(
    "the crossing word left out, but not the first",
    "The word with which the sum reaches `top_p` belongs to the set, not only where it is the first. Ask whether the sum "
    "*before* a word is below `top_p`, without the word itself.",
)
def crossing_left_out_but_first(logits, temperature=1.0, top_k=None, top_p=None):
    def keep(falling, p):
        return (falling.cumsum(dim=-1) <= p) | (torch.arange(falling.shape[-1]) == 0)

    return _wrong(logits, temperature, top_k, top_p, keep_p=keep)


@EXERCISE.wrong(
    "one bound of top_k for all rows",
    "The smallest probability that stays is looked for in all rows together, so most rows keep more than k words. Each row "
    "has its own: `values[..., -1:]`.",
)
def bound_of_all_rows(logits, temperature=1.0, top_k=None, top_p=None):
    return _wrong(logits, temperature, top_k, top_p, keep_k=lambda p, k: p >= p.topk(k, dim=-1).values.min())


@EXERCISE.wrong(
    "choice of top_p left in sorted order",
    "The choice of `top_p` is made in falling order, and used for the words in their own order. `scatter` with "
    "the order that `sort` gave puts it back in place.",
)
def choice_left_sorted(logits, temperature=1.0, top_k=None, top_p=None):
    p = _wrong(logits, temperature, top_k, None)
    if top_p is None:
        return p
    falling = p.sort(dim=-1, descending=True).values
    kept = p * (falling.cumsum(dim=-1) - falling < top_p)
    return kept / kept.sum(dim=-1, keepdim=True)


@EXERCISE.wrong(
    "read in the order of the sorting",
    "The order of the sorting is used to read, as by `gather`, so they come to other words. `scatter` puts each "
    "one back into its place.",
)
def gathered(logits, temperature=1.0, top_k=None, top_p=None):
    return _wrong(logits, temperature, top_k, top_p, put_back=lambda p, order, falling: falling.gather(-1, order))


@EXERCISE.wrong(
    "sum over the whole tensor",
    "After `top_k` everything is divided by the sum of all rows together. Each row has its own: "
    "`sum(dim=-1, keepdim=True)`.",
)
def divided_by_everything(logits, temperature=1.0, top_k=None, top_p=None):
    return _wrong(logits, temperature, top_k, top_p, after_k=lambda p: p / p.sum())


@EXERCISE.variant
def masked_logits(logits, temperature=1.0, top_k=None, top_p=None):
    """What may not be drawn gets the logit -inf; the softmax does the rest."""
    if not temperature > 0:
        raise ValueError("temperature must be positive")
    logits = logits / temperature
    if top_k:
        logits = logits.masked_fill(logits < logits.topk(top_k).values.min(dim=-1, keepdim=True).values, -torch.inf)
    if top_p:
        falling, order = logits.sort(descending=True)
        chances = torch.softmax(falling, -1)
        hidden = (chances.cumsum(-1) - chances >= top_p).scatter(-1, order, chances.cumsum(-1) - chances >= top_p)
        logits = logits.masked_fill(hidden, -torch.inf)
    return torch.softmax(logits, dim=-1)


@EXERCISE.variant
def row_by_row(logits, temperature=1.0, top_k=None, top_p=None):
    """Plain Python, word by word."""
    if temperature <= 0:
        raise ValueError(f"a temperature of {temperature}")
    rows = []
    for row in logits.reshape(-1, logits.shape[-1]).double():
        heights = torch.exp((row - row.max()) / temperature).tolist()
        best = sorted(range(len(heights)), key=heights.__getitem__, reverse=True)[:top_k]
        total, kept, reached = sum(heights[word] for word in best), [], 0.0
        for word in best:
            if top_p is None or reached < top_p:
                kept.append(word)
            reached += heights[word] / total
        total = sum(heights[word] for word in kept)
        rows.append([heights[word] / total if word in kept else 0.0 for word in range(len(heights))])
    return torch.tensor(rows).reshape(logits.shape)


@EXERCISE.variant
def by_rank(logits, temperature=1.0, top_k=None, top_p=None):
    """The rank of each word, from sorting twice."""
    if temperature <= 0:
        raise ValueError("too cold")
    p = torch.nn.functional.softmax(logits / temperature, dim=-1)
    order = p.argsort(dim=-1, descending=True)
    rank = order.argsort(dim=-1)
    if top_k is not None:
        p = torch.where(rank < top_k, p, 0)
        p = p / p.sum(-1, keepdim=True)
    if top_p is not None:
        before = (p.unsqueeze(-2) * (p.unsqueeze(-2) > p.unsqueeze(-1))).sum(-1)  # of the more probable words
        p = torch.where(before < top_p, p, 0)
        p = p / p.sum(-1, keepdim=True)
    return p
