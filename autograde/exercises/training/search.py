"""Lesson 8: beam search, and the share of sentences that are right."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.libraries import TRAINER
from autograde.exercises.mistakes.training import search as m
from autograde.exercises.training.clear import bad_ends_first, clear_model
from autograde.harness.brief import Projected, brief
from autograde.harness.call import MAIN, Call, Fixture
from autograde.harness.fixtures import build_argument
from autograde.harness.plain import TensorData
from helpers import training as right

LESSON = "08_training"

# --- exact_match ----------------------------------------------------------------------------------------------------

WORDS = ("고양이", "가", "물", "을", "마신다", "개", "두", "마리")


def _match_calls(rng):
    def sentences(count):
        return [[str(word) for word in rng.choice(WORDS, rng.integers(2, 6))] for _ in range(count)]

    def changed(sentences, *more):
        """Some as they are, some with another word, in another order, shorter or longer."""
        other = [list(words) for words in sentences]
        other[0][0] = "새"
        other[1] = other[1][:-1]
        other[2] = [*other[2], "."]
        other[3] = ["첫째", *other[3]]
        other[4] = ["둘", "셋", *other[4][2:]]
        sentences[5], other[5] = ["가", "나", "다"], ["나", "가", "다"]
        sentences[6], other[6] = ["Tom", "sieht", "Anna"], ["tom", "sieht", "Anna"]
        sentences[7], other[7] = ["가", "가", "나"], ["가", "나", "나"]
        sentences[8], sentences[9] = ["Tom", "und"], ["Anna", "und"]
        other[8] = other[10] = other[11] = ["Anna", "und"]
        return other

    lists, texts = sentences(12), sentences(13)
    other, others = changed(lists), changed(texts)
    return [
        Call(([["두", "마리"], ["물"], ["개"]], [["두", "마리"], ["물"], ["고양이"]]), note="by hand: 2 of 3"),
        Call((other, lists)),
        Call(([" ".join(words) for words in others], [" ".join(words) for words in texts]), note="strings"),
        Call((sentences(3), [*sentences(3)[:2], ["나무"]]), note="three sentences"),
        Call((lists, [list(words) for words in lists]), note="all are right"),
        Call(([[4, 5, 2], [6, 2], [4, 5, 7, 2]], [[4, 5, 2], [2, 6], [4, 5, 2]]), note="ids in place of words"),
    ]


MATCH = Exercise(
    name="exact_match",
    lesson=LESSON,
    title="word for word",
    points=1,
    minutes=3,
    hints=(
        "Walk through both lists at once and compare each pair as a whole. What do you divide the number of equal pairs by?",
        "`zip(predictions, references)` gives the pairs; `==` compares lists and strings as a whole; `sum` counts the "
        "True ones.",
    ),
    reference=right.exact_match,
    make_calls=_match_calls,
    misconceptions=(
        Misconception(
            "in percent", m.match_percent, "The result is in percent. Shares lie between 0 and 1 here."
        ),
        Misconception(
            "number in place of share", m.match_count, "This is the number of equal sentences. Divide by how many there are."
        ),
        Misconception(
            "words in place of sentences",
            m.match_words,
            "The share of equal *words* is returned. A sentence counts only if all its words are right.",
        ),
        Misconception(
            "order not looked at",
            m.match_sets,
            "Sentences with the same words in another order count as equal. Compare the sequences themselves.",
        ),
        Misconception(
            "compared up to the shorter one",
            m.match_prefix,
            "A sentence that is too short or too long counts when its beginning is right: `zip` stops at the shorter "
            "one. Compare the whole sequences.",
        ),
        Misconception(
            "upper and lower case alike",
            m.match_lower,
            "Upper and lower case make no difference. Compare the sequences as they are.",
        ),
        Misconception(
            "found anywhere",
            m.match_anywhere,
            "A sentence counts when it stands somewhere among the references. Each is compared with its own reference.",
        ),
        Misconception(
            "share of wrong ones", m.match_wrong, "This is the share of sentences that differ. Count the equal ones."
        ),
    ),
    forbidden=TRAINER,
    variants=(m.match_loop, m.match_numpy, m.match_map),
)  # fmt: skip

# --- beam_search ----------------------------------------------------------------------------------------------------


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


def _beam_calls(rng):
    def call(mode="eval", part=MAIN, note="", report=("output", "args"), ended=True, **options):
        options = {"beam": 4, "length_penalty": 0.6, "bos": 1, "eos": 2, "max_length": 5} | options
        tables, source = clear_model(rng, ended=ended, **options)
        defaults = {"beam": 4, "length_penalty": 0.6, "bos": 1, "eos": 2}
        kwargs = {name: value for name, value in options.items() if defaults.get(name) != value}
        model = Fixture("table_translator", (*tables, mode, "eval"))
        return Call((model, TensorData(source)), kwargs, part=part, note=note, report=report, tolerance=1e-3)

    def early(beam):
        tables, source, max_length = bad_ends_first(rng, beam)
        args = Fixture("table_translator", (*tables, "eval", "eval")), TensorData(source)
        options = {"beam": beam, "max_length": max_length}
        note = f"after two words {beam} bad sentences have ended, and a better beginning is open"
        return Call(args, options, part="stopping", note=note, report=("output", "args"), tolerance=1e-3)

    return [
        Call((_by_hand(), TensorData(np.array([[1, 4, 2]]))), {"max_length": 4, "beam": 2}, report=("output", "args"), tolerance=1e-3,
             note="by hand: 3 comes before 4 at first, but the end follows 4 almost surely: 4 2 is the best sentence"),
        Call((_two_of_one(), TensorData(np.array([[1, 4, 2]]))), {"max_length": 4, "beam": 2}, report=("output", "args"),
             tolerance=1e-3, note="by hand: 4 and 5 both go on from 3, and 3 5 2 is the best sentence"),
        call(),
        call(max_length=6),
        call(beam=3),
        call(beam=1, part="beam", note="one beginning alone: the greedy search"),
        call(beam=6, part="beam"),
        call(length_penalty=0.0, part="arguments", note="no length penalty: the log-probability itself"),
        call(length_penalty=1.5, part="arguments"),
        call(ended=False, max_length=4, part="arguments", note="no sentence has ended after 4 words"),
        call(bos=5, eos=4, part="arguments", note="other ids for <bos> and <eos>"),
        early(2),
        early(4),
        call(mode="train", part="mode", note="the model is in training mode before"),
        call(part="mode", note="the model is in evaluation mode before"),
        call(part="no gradients", note="are gradients recorded meanwhile?"),
    ]  # fmt: skip


def _beam_view(call, value):
    """The best sentence and its score; of all the sentences that came back, whether they are as they should be."""
    options = {"beam": 4, "length_penalty": 0.6, "bos": 1, "eos": 2, "max_length": 50} | call.kwargs
    output, model = value["output"], value["args"]["0"]
    form = _form(output)
    if form:
        return Projected({"form": form}, brief(output), form)
    ids, scores = output[0].array, output[1].array.astype(np.float64)
    rows = [_until_end(row, options["eos"]) for row in ids]
    fault = _fault(call, ids, scores, rows, options)
    found = {"best": rows[0], "score": scores[:1].astype(np.float32), "sentences": fault}
    text = f"{len(rows)} sentences; the best: {rows[0]}, score {scores[0]:.4f}"
    if call.part == "mode":
        found["training mode afterwards"] = model["training"]
        text += f"; training mode afterwards: {model['training']}"
    if call.part == "no gradients":
        found["gradients recorded"] = bool(model["parameters"]["seen"].array[0])
        text += f"; gradients recorded: {found['gradients recorded']}"
    return Projected(found, text, fault)


def _form(output):
    """What is wrong with the form of the result, or ""."""
    if not isinstance(output, list | tuple) or len(output) != 2:
        return "Two values are asked for, ids and scores."
    if not all(isinstance(one, TensorData) for one in output):
        return "Ids and scores are tensors."
    ids, scores = (one.array for one in output)
    if ids.ndim != 2 or ids.dtype.kind not in "iu" or not ids.size:
        return f"The ids are {brief(output[0])}; whole numbers (sentences, words) are asked for."
    if scores.shape != (len(ids),):
        return f"The scores have the shape {scores.shape}; one for each of the {len(ids)} sentences is asked for."
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
        return "Words follow after the end of a sentence; only 0 follows."
    if len({tuple(row) for row in rows}) < len(rows):
        return "The same sentence comes back more than once."
    if (np.diff(scores) > 1e-6).any():
        return "The scores do not fall: the best sentence comes first."
    expected = [_score(call, row, options) for row in rows]
    if not np.allclose(scores, expected, rtol=1e-3, atol=1e-3):
        return "The scores are not those of the ids beside them."
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


BEAM = Exercise(
    name="beam_search",
    lesson=LESSON,
    title="several beginnings at once",
    points=5,
    minutes=15,
    extra=True,
    hints=(
        "Keep a tensor of open beginnings and the log-probability of each. In each turn: the log-probabilities of all "
        "next words, added to those of the beginnings, give a table (open, words). The best entries of the *whole* table "
        "go on. Which beginning does an entry belong to, and which word is it? What ends with `eos` goes into a list of "
        "its own, with its score.",
        "`(sums + log_probabilities).flatten().topk(2 * beam)`; `places // words` is the beginning, `places % words` the "
        "word. Among the first `beam`, those with `eos` are whole sentences; of the others the first `beam` stay open. "
        "Stop with `beam` whole sentences of which the best scores at least as well as the best open beginning; at "
        "`max_length` all that is open counts as whole. Sort by score at the end.",
    ),
    reference=right.beam_search,
    make_calls=_beam_calls,
    projection=_beam_view,
    parts={MAIN: 0.4, "beam": 0.15, "arguments": 0.15, "stopping": 0.1, "mode": 0.1, "no gradients": 0.1},
    misconceptions=(
        Misconception(
            "greedy, whatever beam is",
            m.beam_greedy,
            "Only the most probable beginning goes on. Keep the `beam` best ones.",
        ),
        Misconception(
            "the worst first",
            m.beam_worst_first,
            "The sentences come in rising order, the worst first. The best has the largest score.",
        ),
        Misconception(
            "best by log-probability",
            m.beam_by_probability,
            "The sentences are sorted by their log-probability, so short ones win. Sort by the score with its length penalty.",
        ),
        Misconception(
            "no length penalty",
            m.beam_no_penalty,
            "The score is the log-probability itself. Divide it by `((5 + n) / 6) ** length_penalty`.",
        ),
        Misconception(
            "length penalty always 0.6",
            m.beam_fixed_penalty,
            "The argument `length_penalty` is not used.",
        ),
        Misconception(
            "multiplied by the penalty",
            m.beam_penalty_times,
            "The log-probability is multiplied by the penalty, which punishes long sentences twice. Divide by it.",
        ),
        Misconception(
            "end not counted in the length",
            m.beam_length_without_end,
            "n is one too small: `eos` is a generated word, too.",
        ),
        Misconception(
            "start counted in the length",
            m.beam_length_with_start,
            "n is one too large: `bos` was given, not generated.",
        ),
        Misconception(
            "divided by the length",
            m.beam_mean,
            "The log-probability is divided by n. The penalty is `((5 + n) / 6) ** length_penalty`.",
        ),
        Misconception(
            "logits added",
            m.beam_logits,
            "The logits are added up as they are. Take `log_softmax` first: only log-probabilities of different "
            "beginnings can be compared.",
        ),
        Misconception(
            "probabilities added",
            m.beam_probabilities,
            "The probabilities of the words are added. Probabilities multiply, so their *logarithms* are added.",
        ),
        Misconception(
            "all beginnings alike",
            m.beam_copies,
            "The search starts with `beam` copies of `bos`, which all take the same way. Start with one.",
        ),
        Misconception(
            "each beginning keeps its own best word",
            m.beam_separate,
            "Every beginning goes on with its own most probable word. The best entries of the whole table go on.",
        ),
        Misconception(
            "beginnings not exchanged",
            m.beam_parents,
            "The new words are appended to the beginnings in their old order. Take each word's own beginning: "
            "`ids[places // words]`.",
        ),
        Misconception(
            "stops at the first end",
            m.beam_first_end,
            "The search stops with the first sentence that ends. Others that are still open may be better.",
        ),
        Misconception(
            "stops at enough ends, good or bad",
            m.beam_enough_ends,
            "The search stops as soon as `beam` sentences have ended. Bad ones may end early: go on while the best open "
            "beginning scores better than the best of them.",
        ),
        Misconception(
            "end not noticed",
            m.beam_no_end,
            "Words go on after `eos`. A sentence that has ended leaves the search and keeps its score.",
        ),
        Misconception(
            "the newest word alone",
            m.beam_newest,
            "The decoder gets only the newest word. Give it all words so far.",
        ),
        Misconception(
            "best sentence alone",
            m.beam_best_alone,
            "One sentence came back without the axis of the sentences. Return ids (sentences, words) and their scores.",
        ),
        Misconception(
            "start in the result",
            m.beam_with_start,
            "The ids begin with `bos`. Leave out that column.",
        ),
        Misconception(
            "end missing in the result",
            m.beam_without_end,
            "The ids have no `eos`. It is the last word of a sentence that has ended, and stays in.",
        ),
        Misconception(
            "one word too few",
            m.beam_one_less,
            "The search ends after `max_length - 1` words. `max_length` counts the words after `bos`.",
        ),
        Misconception(
            "bos and eos fixed",
            m.beam_fixed_specials,
            "The ids 1 and 2 are used whatever `bos` and `eos` say.",
        ),
        Misconception(
            "decoded in training mode",
            m.beam_training_mode,
            "The model stays in training mode, so dropout disturbs the words. Call `model.eval()` first.",
        ),
        Misconception(
            "mode not restored",
            m.beam_not_restored,
            "The model stays in evaluation mode afterwards. Put it back into the mode it was in.",
        ),
        Misconception(
            "gradients recorded",
            m.beam_gradients,
            "PyTorch keeps everything for a backward pass that never comes. Search inside `with torch.no_grad():`.",
        ),
    ),
    forbidden=(*TRAINER, "transformers"),
    variants=(m.beam_frozen, m.beam_shrinking, m.beam_lists, m.beam_late),
)

EXERCISES = (MATCH,)
EXTRA = (BEAM,)
