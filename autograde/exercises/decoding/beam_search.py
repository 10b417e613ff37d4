"""beam_search: several beginnings at once."""

import itertools
import math
from functools import partial

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from autograde.course.text import counted
from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.decoding.beam_inputs import bad_ends_first, clear_model
from autograde.harness.brief import Projected, brief
from autograde.harness.call import MAIN, Fixture, FunctionCall
from autograde.harness.fixtures import build_argument
from autograde.harness.plain import TensorData
from helpers.decoder import greedy_decode
from helpers.decoding import beam_search


def _by_hand():
    """Words 3 and 4 have the probabilities 0.54 and 0.44 at the start; after 3 all is open, after 4 the end is sure."""
    target = np.zeros((6, 6), np.float32)
    target[1] = [-9, -9, -3.9, 0.2, 0, -3.9]
    target[3], target[4] = [0, 0, 3.9, 0.3, 0.2, 4.1], [0, 0, 9, 0, -4, 0]
    return Fixture(
        "table_translator", (np.zeros((6, 6), np.float32), target, np.eye(6, dtype=np.float32), "eval", "eval")
    )


def _two_of_one():
    """After word 3, words 4 and 5 are nearly equal; the end is improbable after 3 4, nearly sure after 3 5."""
    target = np.zeros((6, 6), np.float32)
    target[1] = [-9, -9, -4, 3, 0, -1]
    target[3] = [0, 0, 0, -7, 1.1, 2]
    target[4], target[5] = [0, 0, 4, 5.2, -0.1, -0.2], [0, 0, 9, 4, -1.1, -1]
    return Fixture(
        "table_translator", (np.zeros((6, 6), np.float32), target, np.eye(6, dtype=np.float32), "eval", "eval")
    )


def _end_before_the_best(rng, others_end=True):
    """A sentence ends at once as the second best continuation; the best sentence begins with the third, which is open.

    With two beginnings, both words that do not end stay open, and the length penalty makes the longer sentence better.
    After the first of them, too, sentences end soon, or (`others_end` False) never.
    """
    many, best, second, third, *others = (int(word) for word in rng.permutation(np.arange(3, 12)))
    target = np.zeros((12, 12))
    target[1] = -20
    target[1, [many, 2, best]] = np.log([0.46, 0.3, 0.22]) + rng.uniform(-0.02, 0.02, 3)
    follow = partial(_follow, target)
    follow(
        [1], many, {word: float(logit) for word, logit in zip(others, rng.uniform(-0.2, 0.2, len(others)), strict=True)}
    )
    for word in others:
        follow([1, many], word, {2: 0.0} if others_end else dict.fromkeys(others, 0.0))
    follow([1], best, {second: 0.0})
    follow([1, best], second, {third: 0.0})
    follow([1, best, second], third, {2: 0.0})
    return _translator(target)


def _end_below_the_beam(rng):
    """An end is the third best at the start. With two beginnings it does not count, although it would score best: both
    beginnings go on to words of which each is hardly probable.
    """
    first, second, third, fourth, likely, *others = (int(word) for word in rng.permutation(np.arange(3, 16)))
    target = np.zeros((16, 16))
    target[1] = -20
    target[1, [first, second, 2]] = np.log([0.45, 0.33, 0.2]) + rng.uniform(-0.02, 0.02, 3)
    going_on = {likely: 0.5} | dict.fromkeys(others, 0.0)
    _follow(target, [1], first, {third: 0.0})
    _follow(target, [1], second, {fourth: 0.0})
    _follow(target, [1, first], third, going_on)
    _follow(target, [1, second], fourth, going_on)
    target[[likely, *others], 2] = 60
    return _translator(target)


def _follow(target, before, word, logits):
    """After the words `before` and `word` come the words of `logits`, and no others."""
    target[word] = -20 - target[before].sum(axis=0)
    for following, logit in logits.items():
        target[word, following] += 20 + logit


def _translator(target):
    words = len(target)
    tables = np.zeros((6, words), np.float32), target.astype(np.float32), np.eye(words, dtype=np.float32)
    return Fixture("table_translator", (*tables, "eval", "eval"))


def _end_as_second(rng):
    """The end has the probability 0.4 at once, and each word of the greedy sentence, of three and the end, 0.6."""
    words = 7
    target, before = np.zeros((words, words)), np.zeros(words)
    way = [1, *(int(word) for word in rng.permutation(np.arange(3, words))[:3]), 2]
    for number, (word, following) in enumerate(itertools.pairwise(way)):
        logits = np.log(np.full(words, 0.4 / (words - 1)))
        logits[following] = np.log(0.6)
        if number == 0:
            logits[:] = np.log(0.001)
            logits[[following, 2]] = np.log([0.6, 0.395])
        target[word] = logits - before
        before += target[word]
    return _translator(target)


def _second_is_better(rng):
    """The second best word at the start leads to the best sentence; a single beginning does not keep it."""
    first, second, *others = (int(word) for word in rng.permutation(np.arange(3, 8)))
    target = _beginning(8, {first: 0.51, second: 0.49})
    _follow(target, [1], first, {word: 0.2 * number for number, word in enumerate(others)})
    _follow(target, [1], second, {2: 0.0})
    target[others, 2] = 60
    return _translator(target)


def _ends_at_once(rng):
    """The end comes first; what is open scores less, and would score more if the search went on to `max_length`."""
    open_word, *others = (int(word) for word in rng.permutation(np.arange(3, 8)))
    rest = dict.fromkeys(others, 0.079 / len(others))
    target = _beginning(8, {2: 0.472, open_word: 0.449} | rest)
    _follow(target, [1], open_word, {open_word: 0.0})
    return _translator(target)


def _a_good_and_a_bad_end(rng):
    """Of two sentences that have ended, one scores more and one less than the best open beginning, which goes on."""
    first, second, third, fourth = (int(word) for word in rng.permutation(np.arange(3, 7)))
    target = _beginning(7, {2: 0.5, first: 0.3, second: 0.2})
    _follow(target, [1], first, {2: 0.3, third: 0.0})
    _follow(target, [1], second, {fourth: 0.0})
    _follow(target, [1, second], fourth, {fourth: 0.0})
    return _translator(target)


def _beginning(words, probabilities):
    """A table with the probabilities of the first word, and nothing else yet."""
    target = np.zeros((words, words))
    target[1] = -20
    target[1, list(probabilities)] = np.log(list(probabilities.values()))
    return target


def calls(rng):
    def call(mode="eval", part=MAIN, note="", report=("output", "args"), ended=True, **options):
        options = {"beam": 4, "length_penalty": 0.6, "bos": 1, "eos": 2, "max_length": 5} | options
        tables, source = clear_model(rng, ended=ended, **options)
        defaults = {"beam": 4, "length_penalty": 0.6, "bos": 1, "eos": 2}
        kwargs = {name: value for name, value in options.items() if defaults.get(name) != value}
        model = Fixture("table_translator", (*tables, mode, "eval"))
        return FunctionCall((model, TensorData(source)), kwargs, part=part, note=note, report=report, tolerance=1e-3)

    def early(beam):
        tables, source, max_length = bad_ends_first(rng, beam)
        args = Fixture("table_translator", (*tables, "eval", "eval")), TensorData(source)
        options = {"beam": beam, "max_length": max_length}
        note = f"after two words {beam} bad sentences have ended, and a better beginning is open"
        return FunctionCall(args, options, part="stopping", note=note, report=("output", "args"), tolerance=1e-3)

    def one_source(model, *, part=MAIN, note, **options):
        source = TensorData(np.array([[1, 4, 2]]))
        report = ("output", "args")
        return FunctionCall((model, source), options, part=part, note=note, report=report, tolerance=1e-3)

    return [
        one_source(
            _by_hand(),
            note="by hand: 3 comes before 4 at first, but the end follows 4 almost surely: 4 2 is the best sentence",
            max_length=4,
            beam=2,
        ),
        one_source(
            _two_of_one(),
            note="by hand: 4 and 5 both go on from 3, and 3 5 2 is the best sentence",
            max_length=4,
            beam=2,
        ),
        call(),
        call(max_length=6),
        call(beam=3),
        call(beam=1, part="beam", note="only one beginning: the greedy search"),
        one_source(
            _end_as_second(rng),
            part="beam",
            note="only one beginning; at first the end is the second best word",
            max_length=5,
            beam=1,
        ),
        call(beam=6, part="beam"),
        one_source(
            _second_is_better(rng),
            part="beam",
            note="only one beginning; the second best word at the start would lead to a better sentence",
            beam=1,
            max_length=5,
        ),
        one_source(
            _ends_at_once(rng),
            part="stopping",
            note="the only sentence that counts ends at once; going on would make what is open longer, and better",
            beam=1,
            max_length=6,
        ),
        one_source(
            _a_good_and_a_bad_end(rng),
            part="stopping",
            note="two sentences have ended; the better one is above the best open beginning, the other below it",
            beam=2,
            max_length=6,
            length_penalty=1.5,
        ),
        call(length_penalty=0.0, part="arguments", note="no length penalty: the log-probability itself"),
        call(length_penalty=1.5, part="arguments"),
        call(ended=False, max_length=4, part="arguments", note="no sentence has ended after 4 words"),
        call(bos=5, eos=4, part="arguments", note="other ids for <bos> and <eos>"),
        early(2),
        early(4),
        one_source(
            _end_before_the_best(rng),
            part="stopping",
            note="a sentence ends at once; two beginnings stay open, and the best sentence begins with the second of them",
            max_length=5,
            beam=2,
            length_penalty=1.5,
        ),
        one_source(
            _end_before_the_best(rng),
            part="stopping",
            note="three sentences have ended when the best beginning still has a word to go",
            max_length=5,
            beam=3,
            length_penalty=1.5,
        ),
        one_source(
            _end_below_the_beam(rng),
            part="stopping",
            note="an end is the third best at the start, behind two beginnings that go on",
            max_length=6,
            beam=2,
        ),
        call(mode="train", part="mode", note="the model is in training mode before"),
        call(part="mode", note="the model is in evaluation mode before"),
        call(part="no gradients", note="are gradients recorded meanwhile?"),
        one_source(
            _end_before_the_best(rng, others_end=False),
            part="stopping",
            note="a sentence ends at once; two beginnings stay open, and the best sentence begins with the second of them",
            max_length=5,
            beam=2,
            length_penalty=1.5,
        ),
    ]


def projection(call, value):
    """The best sentence and its score; of all the sentences that came back, whether they are as they should be."""
    options = {"beam": 4, "length_penalty": 0.6, "bos": 1, "eos": 2, "max_length": 50} | call.kwargs
    output, model = value["output"], value["args"]["0"]
    form = _form(output)
    if form:
        return Projected({"form": form}, brief(output), form)
    ids, scores = output[0].array, output[1].array.astype(np.float64)
    rows = [_until_end(row, options["eos"]) for row in ids]
    fault = _fault(call, ids, scores, rows, options)
    found = {"best": rows[0], "score": scores[:1].astype(np.float32), "sentences": fault, "number": len(rows)}
    text = f"{counted(len(rows), 'sentence')}; the best: {rows[0]}, score {scores[0]:.4f}"
    if call.part == "mode":
        found["training mode afterwards"] = model["training"]
        text += f"; training mode afterwards: {model['training']}"
    if call.part == "no gradients":
        found["gradients recorded"] = bool(model["buffers"]["seen"].array[0])
        text += f"; gradients recorded: {found['gradients recorded']}"
    return Projected(found, text, fault)


def _form(output):
    """What is wrong with the form of the result, or ""."""
    if not isinstance(output, list | tuple) or len(output) != 2:
        return "Return two values, ids and scores."
    if not all(isinstance(part, TensorData) for part in output):
        return "Ids and scores are tensors."
    ids, scores = (part.array for part in output)
    if ids.ndim != 2 or ids.dtype.kind not in "iu" or not ids.size:
        return f"The ids are {brief(output[0])}; expected whole numbers (sentences, words)."
    if scores.shape != (len(ids),):
        return f"The scores have the shape {scores.shape}; expected one for each of the {len(ids)} sentences."
    return ""


def _until_end(row, eos):
    row = row.tolist()
    return row[: row.index(eos) + 1] if eos in row else row


def _fault(call, ids, scores, rows, options):
    """The first thing that is wrong with the sentences as a whole, or ""."""
    if len(ids) > options["beam"]:
        return f"More sentences came back than `beam`: {len(ids)}."
    if ids.shape[1] > options["max_length"]:
        return f"The sentences have up to {ids.shape[1]} words, `max_length` is {options['max_length']}."
    if any(number for row, whole in zip(rows, ids.tolist(), strict=True) for number in whole[len(row) :]):
        return "Words follow after the end of a sentence; only 0 may follow."
    if all(row[0] == options["bos"] for row in rows):
        return "The ids begin with `bos`, which is read and not written: leave it out."
    if len({tuple(row) for row in rows}) < len(rows):
        return "The same sentence comes back more than once."
    if (np.diff(scores) > 1e-6).any():
        return "The scores do not fall: the best sentence comes first."
    expected = [_score(call, row, options) for row in rows]
    if not np.allclose(scores, expected, rtol=1e-3, atol=1e-3):
        return "The scores do not belong to the ids beside them."
    return ""


def _score(call, row, options):
    """The score of a sentence, from the model itself; the smallest number if an id is no word."""
    import torch

    model = build_argument(call.args[0]).eval()
    source = build_argument(call.args[1])
    target_input = torch.tensor([[options["bos"], *row[:-1]]])
    if not 0 <= min(row) <= max(row) < len(model.target):
        return -np.inf
    with torch.no_grad():
        logs = model(source, target_input)[0].log_softmax(dim=-1)
    total = logs[torch.arange(len(row)), torch.tensor(row)].sum().item()
    return total / ((5 + len(row)) / 6) ** options["length_penalty"]


EXERCISE = Exercise(
    name="beam_search",
    title="several beginnings at once",
    points=5,
    minutes=55,
    extra=True,
    hints=(
        "Keep a tensor of open beginnings and the log-probability of each. In each turn: the log-probabilities of all "
        "next words, added to those of the beginnings, give a table (open, words). The best entries of the *whole* table "
        "go on. Which beginning does an entry belong to, and which word is it? What ends with `eos` goes into a list of "
        "its own, with its score.",
        "`(sums + log_probabilities).flatten().topk(2 * beam)`; `places // words` is the beginning, `places % words` the "
        "word. Among the first `beam`, those with `eos` are finished; of those without `eos` the first `beam` "
        "stay open. Stop with `beam` finished sentences of which the best scores at least as well as the best open beginning; at "
        "`max_length` all that is open counts as finished. Sort by score at the end.",
    ),
    reference=beam_search,
    make_calls=calls,
    parts={MAIN: 0.4, "beam": 0.15, "arguments": 0.15, "stopping": 0.1, "mode": 0.1, "no gradients": 0.1},
    projection=projection,
    forbidden=(*libraries.TRAINER, "transformers"),
)


def _search(model, source, beam, length_penalty, bos, eos, max_length, wrong="", penalty=None):
    penalty = penalty or (lambda n: ((5 + n) / 6) ** length_penalty)
    memory, ended = model.encode(source), []
    ids = torch.full((beam if wrong == "copies" else 1, 1), bos)
    sums = torch.zeros(len(ids))
    most = 2 * beam if wrong == "all ends" else beam
    most_open = 2 * beam if wrong == "all open" else beam
    for n in range(1, max_length + 1):
        logits = model.decode(ids[:, -1:] if wrong == "newest" else ids, memory.expand(len(ids), -1, -1), source)[:, -1]
        logs = {"logits": logits, "probabilities": logits.softmax(-1)}.get(wrong, logits.log_softmax(-1))
        table = sums.unsqueeze(1) + logs
        words = table.shape[1]
        if wrong == "separate" and n > 1:
            best, word = table.max(dim=1)
            best, order = best.sort(descending=True)
            places = order * words + word[order]
        elif wrong == "copies":
            best, word = table.max(dim=1)
            places = torch.arange(len(table)) * words + word
        else:
            best, places = table.flatten().topk(min(2 * beam, table.numel()))
        parents = places // words if wrong != "parents" else torch.arange(len(places)).clamp(max=len(ids) - 1)
        ids = torch.cat([ids[parents], (places % words).unsqueeze(1)], dim=1)
        last = (places % words == eos) & (wrong != "no end") | (n == max_length) & (wrong != "open lost")
        ended += [(best[i] / penalty(n), best[i], ids[i, 1:]) for i in range(min(most, len(best))) if last[i]]
        keep = (~last).nonzero().flatten()[:most_open]
        ids, sums = ids[keep], best[keep]
        if len(keep) == 0 or (wrong == "first end" and ended):
            break
        best_open = sums[0] if wrong == "stops by probability" else sums[0] / penalty(n)
        enough = {"one end": 1, "no stop": math.inf}.get(wrong, beam)
        if len(ended) >= enough and (wrong == "enough ends" or max(score for score, _, _ in ended) >= best_open):
            break
    by = 1 if wrong == "by probability" else 0
    return _sorted([(sentence[by], sentence[0], sentence[2]) for sentence in ended], beam)


def _sorted(ended, beam):
    ended = sorted(ended, key=lambda sentence: float(sentence[0]), reverse=True)[:beam]
    return pad_sequence([ids for _, _, ids in ended], batch_first=True), torch.stack([score for _, score, _ in ended])


def _safely(model, *args, **options):
    """In evaluation mode, without gradients, and back."""
    training = model.training
    model.eval()
    with torch.no_grad():
        result = _search(model, *args, **options)
    model.train(training)
    return result


@EXERCISE.wrong("greedy, whatever beam is", "Only the most probable beginning goes on. Keep the `beam` best ones.")
def greedy(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, 1, length_penalty, bos, eos, max_length)


@EXERCISE.wrong(
    "the worst first", "The sentences come in rising order, the worst first. The best has the largest score."
)
def worst_first(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    ids, scores = beam_search(model, source, beam, length_penalty, bos, eos, max_length)
    return ids.flip(0), scores.flip(0)


@EXERCISE.wrong(
    "best by log-probability",
    "The sentences are sorted by their log-probability, so short ones win. Sort by the score with its length penalty.",
)
def by_probability(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "by probability")


@EXERCISE.wrong(
    "no length penalty", "The score is the log-probability itself. Divide it by `((5 + n) / 6) ** length_penalty`."
)
def no_penalty(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, 0.0, bos, eos, max_length)


@EXERCISE.wrong("length penalty always 0.6", "The argument `length_penalty` is not used.")
def fixed_penalty(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, 0.6, bos, eos, max_length)


@EXERCISE.wrong(
    "multiplied by the penalty",
    "The log-probability is multiplied by the penalty, which punishes long sentences twice. Divide by it.",
)
def penalty_times(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, -length_penalty, bos, eos, max_length)


@EXERCISE.wrong("end not counted in the length", "n is one too small: `eos` is a generated word, too.")
def length_without_end(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    def penalty(n):
        return ((4 + n) / 6) ** length_penalty

    return _safely(model, source, beam, length_penalty, bos, eos, max_length, penalty=penalty)


@EXERCISE.wrong("start counted in the length", "n is one too large: `bos` was given, not generated.")
def length_with_start(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    def penalty(n):
        return ((6 + n) / 6) ** length_penalty

    return _safely(model, source, beam, length_penalty, bos, eos, max_length, penalty=penalty)


@EXERCISE.wrong(
    "divided by the length", "The log-probability is divided by n. The penalty is `((5 + n) / 6) ** length_penalty`."
)
def mean(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, penalty=float)


@EXERCISE.wrong(
    "logits added",
    "The logits are added up as they are. Take `log_softmax` first: only log-probabilities of different "
    "beginnings can be compared.",
)
def logits(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "logits")


@EXERCISE.wrong(
    "probabilities added",
    "The probabilities of the words are added. Probabilities multiply, so their *logarithms* are added.",
)
def probabilities(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "probabilities")


@EXERCISE.wrong(
    "all beginnings alike",
    "The sentences are all the same one: copies of one beginning go the same way. Start with a single `bos`, and let "
    "its continuations compete.",
)
def copies(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "copies")


@EXERCISE.wrong(
    "each beginning keeps its own best word",
    "Every beginning goes on with its own most probable word. The best entries of the whole table go on.",
)
def separate(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "separate")


@EXERCISE.wrong(
    "beginnings not exchanged",
    "The new words are appended to the beginnings in their old order. Take each word's own beginning: "
    "`ids[places // words]`.",
)
def parents(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "parents")


@EXERCISE.wrong(
    "stops at the first end",
    "The search stops with the first sentence that ends. Others that are still open may be better.",
)
def first_end(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "first end")


@EXERCISE.wrong(
    "stops at enough ends, good or bad",
    "The search stops as soon as `beam` sentences have ended. Bad ones may end early: go on while the best open "
    "beginning scores better than the best of them.",
)
def enough_ends(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "enough ends")


@EXERCISE.wrong(
    "end not noticed", "Words go on after `eos`. A sentence that has ended leaves the search and keeps its score."
)
def no_end(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "no end")


@EXERCISE.wrong("only the newest word", "The decoder gets only the newest word. Give it all words so far.")
def newest(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "newest")


@EXERCISE.wrong(
    "only the best sentence",
    "One sentence came back without the axis of the sentences. Return ids (sentences, words) and their scores.",
)
def best_alone(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    ids, scores = beam_search(model, source, beam, length_penalty, bos, eos, max_length)
    return ids[0], scores[0]


@EXERCISE.wrong("start in the result", "The ids begin with `bos`. Leave out that column.")
def with_start(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    ids, scores = beam_search(model, source, beam, length_penalty, bos, eos, max_length)
    return torch.cat([torch.full((len(ids), 1), bos), ids], dim=1), scores


@EXERCISE.wrong(
    "end missing in the result",
    "The ids have no `eos`. It is the last word of a sentence that has ended, and stays in.",
)
def without_end(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    ids, scores = beam_search(model, source, beam, length_penalty, bos, eos, max_length)
    return ids.masked_fill(ids == eos, 0), scores


@EXERCISE.wrong(
    "one word too few", "The search ends after `max_length - 1` words. `max_length` counts the words after `bos`."
)
def one_less(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return beam_search(model, source, beam, length_penalty, bos, eos, max_length - 1)


@EXERCISE.wrong("bos and eos fixed", "The ids 1 and 2 are used whatever `bos` and `eos` say.")
def fixed_specials(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return beam_search(model, source, beam, length_penalty, max_length=max_length)


@EXERCISE.wrong(
    "decoded in training mode",
    "The model stays in training mode, so dropout disturbs the words. Call `model.eval()` first.",
)
def training_mode(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    with torch.no_grad():
        return _search(model, source, beam, length_penalty, bos, eos, max_length)


@EXERCISE.wrong(
    "mode not restored", "The model stays in evaluation mode afterwards. Put it back into the mode it was in."
)
def not_restored(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    model.eval()
    return beam_search(model, source, beam, length_penalty, bos, eos, max_length)


@EXERCISE.wrong(
    "gradients recorded",
    "PyTorch keeps everything for a backward pass that never comes. Search inside `with torch.no_grad():`.",
)
def gradients(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    training = model.training
    model.eval()
    ids, scores = _search(model, source, beam, length_penalty, bos, eos, max_length)
    model.train(training)
    return ids, scores.detach()


@EXERCISE.wrong(
    "ends beyond the beam counted",
    "Every continuation with `eos` that is looked at counts as finished. Only those among the `beam` best are: a bad "
    "one that ends early may score better than the good one that isn't complete yet.",
)
def all_ends(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "all ends")


@EXERCISE.wrong(
    "stops by the log-probability",
    "The best open beginning is compared by its log-probability with a score. Divide it by the penalty of its own length first.",
)
def stops_by_probability(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "stops by probability")


@EXERCISE.wrong(
    "an open beginning lost",
    "Whole sentences take up places in the beam, so an open beginning is lost when one ends. Of the continuations that do "
    "not end, the `beam` best stay open each time.",
)
def frozen(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    """Sentences that have ended stay in the beam, with 0 appended; scores at the end."""
    training = model.training
    model.eval()
    with torch.no_grad():
        memory = model.encode(source)
        ids, sums = torch.tensor([[bos]]), torch.zeros(1)
        for _ in range(max_length):
            logs = model.decode(ids, memory.expand(len(ids), -1, -1), source)[:, -1].log_softmax(-1)
            over = (ids[:, 1:] == eos).any(dim=1)
            logs[over] = -math.inf
            logs[over, 0] = 0.0
            table = sums[:, None] + logs
            sums, places = table.flatten().topk(beam)
            ids = torch.cat([ids[places // table.shape[1]], (places % table.shape[1])[:, None]], dim=1)
            if (ids[:, 1:] == eos).any(dim=1).all():
                break
        ids = ids[:, 1:]
        lengths = torch.where((ids == eos).any(dim=1), (ids == eos).int().argmax(dim=1) + 1, ids.shape[1])
        scores = sums / ((5 + lengths) / 6) ** length_penalty
        order = scores.argsort(descending=True)
    model.train(training)
    return ids[order], scores[order]


@EXERCISE.wrong(
    "goes on too long",
    "The search goes on when it should end, and the length penalty favours what has become long meanwhile. Stop as soon as "
    "`beam` sentences have ended and the best of them scores at least as well as the best open beginning.",
)
def late(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    training = model.training
    model.eval()
    with torch.no_grad():
        if beam == 1:
            row = greedy_decode(model, source, bos, eos, max_length)
            logs = model(source, torch.cat([torch.tensor([[bos]]), row[:, :-1]], dim=1)).log_softmax(dim=-1)
            total = logs.gather(-1, row.unsqueeze(-1)).sum().reshape(1)
            result = row, total / ((5 + row.shape[1]) / 6) ** length_penalty
        else:
            memory, ids, sums, ended = model.encode(source), torch.tensor([[bos]]), torch.zeros(1), []
            for n in range(1, max_length + 1):
                logs = model.decode(ids, memory.expand(len(ids), -1, -1), source)[:, -1].log_softmax(-1)
                table = (sums.unsqueeze(1) + logs).clone()
                divisor = ((5 + n) / 6) ** length_penalty
                for place in table.flatten().topk(min(beam, table.numel())).indices.tolist():
                    row, word = divmod(place, table.shape[1])
                    if word == eos:
                        whole = torch.cat([ids[row, 1:], torch.tensor([eos])])
                        ended.append((table[row, eos] / divisor, table[row, eos] / divisor, whole))
                table[:, eos] = -math.inf
                sums, places = table.flatten().topk(beam)
                ids = torch.cat([ids[places // table.shape[1]], (places % table.shape[1]).unsqueeze(1)], dim=1)
            ended += [(sums[row] / divisor, sums[row] / divisor, ids[row, 1:]) for row in range(beam)]
            result = _sorted(ended, beam)
    model.train(training)
    return result


@EXERCISE.wrong(
    "open beginnings thrown away",
    "What is still open at `max_length` is thrown away where other sentences have ended. It counts as finished then, and "
    "competes with them.",
)
def open_lost(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "open lost")


@EXERCISE.wrong(
    "stops with one sentence",
    "The search stops when one finished sentence scores as well as the best open beginning. It needs `beam` finished ones.",
)
def one_end(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "one end")


@EXERCISE.wrong(
    "never stops before max_length",
    "The search goes on to `max_length` where beginnings stay open. Stop as soon as `beam` sentences have ended and the "
    "best of them scores at least as well as the best open beginning.",
)
def no_stop(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "no stop")


@EXERCISE.wrong(
    "another number of open beginnings",
    "Another number of continuations than `beam` stays open. Of those without `eos` the `beam` best do.",
)
def all_open(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    return _safely(model, source, beam, length_penalty, bos, eos, max_length, "all open")


@EXERCISE.variant
def with_lists(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    """Each beginning by itself, as a list of words."""
    training = model.training
    model.eval()
    ended, going = [], [(0.0, [])]
    with torch.no_grad():
        memory = model.encode(source)
        for n in range(1, max_length + 1):
            divisor, table = ((5 + n) / 6) ** length_penalty, []
            for total, words in going:
                logs = model.decode(torch.tensor([[bos, *words]]), memory, source)[0, -1].log_softmax(-1).tolist()
                table += [(total + log, [*words, word]) for word, log in enumerate(logs)]
            table.sort(reverse=True)
            ended += [(total / divisor, words) for total, words in table[:beam] if words[-1] == eos]
            going = [(total, words) for total, words in table if words[-1] != eos][:beam]
            if len(ended) >= beam and max(ended)[0] >= going[0][0] / divisor:
                break
        else:
            ended += [(total / divisor, words) for total, words in going]
    ended = sorted(ended, reverse=True)[:beam]
    model.train(training)
    return (
        pad_sequence([torch.tensor(words) for _, words in ended], batch_first=True),
        torch.tensor([score for score, _ in ended]),
    )


@EXERCISE.variant
@torch.inference_mode()
def one_at_a_time(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    """Plain lists, one beginning at a time."""
    was = model.training
    model.eval()
    memory = model.encode(source)
    beginnings, whole = [(0.0, [])], []
    for n in range(1, max_length + 1):
        divisor = ((5 + n) / 6) ** length_penalty
        following = []
        for total, words in beginnings:
            logs = model.decode(torch.tensor([[bos, *words]]), memory, source)[0, -1].log_softmax(dim=0).tolist()
            following += [(total + log, [*words, word]) for word, log in enumerate(logs)]
        following.sort(reverse=True)
        whole += [
            (beginning[0] / divisor, beginning[1])
            for beginning in following[:beam]
            if beginning[1][-1] == eos or n == max_length
        ]
        beginnings = [beginning for beginning in following if beginning[1][-1] != eos][:beam]
        if len(whole) >= beam and max(whole)[0] >= beginnings[0][0] / divisor:
            break
    model.train(was)
    kept = sorted(whole, reverse=True)[:beam]
    longest = max(len(words) for _, words in kept)
    rows = [words + [0] * (longest - len(words)) for _, words in kept]
    return torch.tensor(rows), torch.tensor([score for score, _ in kept])


@EXERCISE.variant
def ends_set_apart(model, source, beam=4, length_penalty=0.6, bos=1, eos=2, max_length=50):
    """The ends are read from the `beam` best first, then their column is closed and the open ones are chosen."""
    training = model.training
    model.eval()
    with torch.no_grad():
        memory, ids, sums, ended = model.encode(source), torch.tensor([[bos]]), torch.zeros(1), []
        for n in range(1, max_length + 1):
            divisor = ((5 + n) / 6) ** length_penalty
            logs = model.decode(ids, memory.expand(len(ids), -1, -1), source)[:, -1].log_softmax(-1)
            table = sums.unsqueeze(1) + logs
            words = table.shape[1]
            best, places = table.flatten().topk(min(beam, table.numel()))
            for total, place in zip(best, places, strict=True):
                if place % words == eos or n == max_length:
                    row = torch.cat([ids[place // words, 1:], (place % words).reshape(1)])
                    ended.append((total / divisor, total / divisor, row))
            table[:, eos] = -math.inf
            sums, places = table.flatten().topk(min(beam, table.numel()))
            ids = torch.cat([ids[places // words], (places % words).unsqueeze(1)], dim=1)
            if len(ended) >= beam and max(float(sentence[0]) for sentence in ended) >= float(sums[0]) / divisor:
                break
    model.train(training)
    return _sorted(ended, beam)
