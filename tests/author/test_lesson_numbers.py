"""Lesson 8 says what `benchmarks/results/embedded.json` measured: every number that its source copies from there, with
as many digits as it shows, and the sentences that were written about them."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = {"positions": "positions", "causal mask": "causal", "cross-attention": "cross", "residuals": "residuals"}
NUMBERS = {"twice": 2, "two": 2, "three": 3, "four": 4}


@pytest.fixture(scope="module")
def measured() -> dict:
    text = (ROOT / "benchmarks/results/embedded.json").read_text(encoding="utf-8")
    return {name: part["measured"] for name, part in json.loads(text).items()}


@pytest.fixture(scope="module")
def source() -> str:
    return (ROOT / "solutions/08_training/08_training.py").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def prose(source) -> str:
    """The comments as running text."""
    return " ".join(line.removeprefix("#").strip() for line in source.splitlines() if line.startswith("#"))


def literal(source: str, name: str) -> dict:
    """{key: values} of the dictionary that is assigned to `name`; numbers are given as they are written."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]:
            return {
                ast.literal_eval(key): [
                    one.value if isinstance(one.value, str) else ast.get_source_segment(source, one) for one in row.elts
                ]
                for key, row in zip(node.value.keys, node.value.values, strict=True)
            }
    raise AssertionError(f"Lesson 8 has no {name} any more; this test has to follow.")


def agrees(written: str, value: float) -> bool:
    """Is `value`, rounded to the digits of the text, what the text says?"""
    written = written.replace("_", "").replace(",", "")
    digits = len(written.partition(".")[2])
    return f"{value:.{digits}f}" == written


def said(prose: str, pattern: str) -> tuple[str, ...]:
    """What the groups of `pattern` say in the lesson. Fails if the sentence is not there: the test follows the text."""
    found = re.search(pattern, prose)
    assert found, f"Lesson 8 does not say {pattern!r} any more; write this test anew for what it says now."
    return found.groups()


def test_numbers_agree_to_the_digits_that_are_shown():
    assert agrees("0.184", 0.18386) and agrees("0.0008", 0.00077) and agrees("21_280", 21280) and agrees("1.000", 1.0)
    assert not agrees("0.184", 0.1846) and not agrees("0.18", 0.186) and not agrees("0.385", 0.3849 - 0.001)


def test_the_runs_without_a_part(source, measured):
    rows = literal(source, "WITHOUT")
    assert rows.keys() == {"nothing", *PARTS}
    (of_source,) = [one["source"] for one in measured["ablations"]["positions"]["examples"] if one["source"] in source]
    for name, (loss, share, given) in rows.items():
        run = measured["preset"] if name == "nothing" else measured["ablations"][PARTS[name]]
        assert agrees(loss, run["training_loss"]), f"{name}: training loss"
        assert agrees(share, run["exact_match"]["random"]), f"{name}: exact match"
        (example,) = [
            one for one in measured["ablations"][PARTS.get(name, "positions")]["examples"] if one["source"] == of_source
        ]
        whole = example["right"] if name == "nothing" else example["given"]
        assert whole.startswith(given.removesuffix("...")) if given.endswith("...") else whole == given, name


def test_what_is_said_about_the_runs_without_a_part(prose, measured):
    runs = measured["ablations"]
    assert (
        said(prose, r"\*\*causal mask\*\*: the loss is as good as that of the whole model, and \*nothing\* is right")
        == ()
    )
    assert runs["causal"]["training_loss"] <= 1.1 * measured["preset"]["training_loss"]
    assert runs["causal"]["exact_match"]["random"] == 0
    said(prose, r"\*\*cross-attention\*\*: good Korean, and the same sentence for every source")
    assert len({example["given"] for example in runs["cross"]["examples"]}) == 1
    said(prose, r"\*\*residuals\*\*: the same word again and again")
    assert all(len(set(example["given"].split())) == 1 for example in runs["residuals"]["examples"])


def test_loss_and_size(source, prose, measured):
    rows = literal(source, "SIZES")
    assert [str(width) for width in rows] == list(measured["sizes"])
    for width, (parameters, loss, share) in rows.items():
        run = measured["sizes"][str(width)]
        assert agrees(parameters, run["parameters"]), f"{width}: parameters"
        assert agrees(loss, run["validation_loss"]), f"{width}: validation loss"
        assert agrees(share, run["exact_match"]["random"]), f"{width}: exact match"
    first, second, third, _ = measured["sizes"].values()
    words = said(
        prose, r"(\w+) times the parameters make the loss (\d+) times smaller, (\w+) as many again (\d+) times\."
    )
    for run, other, (more, smaller) in ((first, second, words[:2]), (second, third, words[2:])):
        assert agrees(str(NUMBERS[more.lower()]), other["parameters"] / run["parameters"])
        assert agrees(smaller, run["validation_loss"] / other["validation_loss"])
    said(prose, r"Then the curve is flat: .* at width 48 nothing is left to learn")
    assert measured["sizes"]["48"]["validation_loss"] < 2 * measured["sizes"]["64"]["validation_loss"]
    assert agrees("1.000", measured["sizes"]["48"]["exact_match"]["random"])


def test_what_is_said_about_links_and_beam(prose, measured):
    said(prose, r"In the second layer every head finds nearly all nouns, in the first fewer than half\.")
    first, second = measured["preset"]["noun_alignments"]["heads"]
    assert max(first) < 0.5 and min(second) > 0.9
    text = " ".join(
        (ROOT / "solutions/09_decoding/09_decoding.py").read_text(encoding="utf-8").replace("\n# ", " ").split()
    )
    said(text, r"greedy and with a beam of 4, is right equally often on all three test sets")
    greedy, beam = measured["preset"]["exact_match"], measured["preset"]["beam_4"]
    assert {name: f"{greedy[name]:.1%}" for name in beam} == {name: f"{share:.1%}" for name, share in beam.items()}


def printed(lesson: str) -> str:
    """All that the cells of the saved solution print."""
    notebook = json.loads((ROOT / f"solutions/{lesson}/{lesson}.ipynb").read_text(encoding="utf-8"))
    outputs = (output for cell in notebook["cells"] for output in cell.get("outputs", ()))
    return "".join("".join(output.get("text", "")) for output in outputs)


def shares(text: str, pattern: str) -> list[float]:
    """The percentages of the line that begins with `pattern`."""
    (line,) = re.findall(rf"^{pattern}.*$", text, re.MULTILINE)
    return [float(share) for share in re.findall(r"([\d.]+)\s?%", line)]


def test_lesson_7_says_what_its_cells_print():
    text = printed("07_decoder")
    assert shares(text, "held-out numbers written without a mistake") >= [99.0], "hardly a mistake"
    real, leaky = shares(text, "right words, the words before them given")
    assert real > 99 and leaky > 99, "the leaky model makes hardly a mistake while the right words are given"
    real, leaky = shares(text, "whole numbers, written on its own")
    assert real > 99 and leaky < 10, "on its own it writes garbage, or nothing"


def test_lesson_9_says_what_its_cells_print():
    text = printed("09_decoding")
    (one, nineteen) = (float(re.search(rf"([\d.]+)  {word}$", text, re.MULTILINE)[1]) for word in ("one", "nineteen"))
    assert agrees("0.6", one) and agrees("0.4", nineteen)
    proper = {temperature: shares(text, rf"temperature {temperature} ")[-1] for temperature in ("0.2", "1  ", "1.6  ")}
    assert proper["0.2"] > proper["1  "] > proper["1.6  "], "a high temperature spoils sentences"
    assert shares(text, "temperature 1.6, top-p 0.9")[-1] > proper["1.6  "] + 20, "top-p cuts off the tail"
    assert shares(text, "greedy  the short reading") == [0] and shares(text, "beam 4  the short reading") >= [90]


def test_the_minute(prose, measured):
    """Two free cores need half of the CPU's seconds; a measurement on a busy machine took longer by the clock."""
    said(prose, r"It takes about a minute on two free cores")
    assert agrees("1", measured["preset"]["cpu_seconds"] / 2 / 60)
    said(prose, r"They take a minute each")
    assert all(run["cpu_seconds"] / 2 < 90 for run in measured["ablations"].values())


def outputs(lesson: str) -> str:
    """What the executed lesson printed."""
    notebook = json.loads((ROOT / f"solutions/{lesson}/{lesson}.ipynb").read_text(encoding="utf-8"))
    printed = [output.get("text", "") for cell in notebook["cells"] for output in cell.get("outputs", ())]
    return "\n".join("".join(text) for text in printed)


def comments(lesson: str) -> str:
    text = (ROOT / f"solutions/{lesson}/{lesson}.py").read_text(encoding="utf-8")
    return " ".join(line.removeprefix("#").strip() for line in text.splitlines() if line.startswith("#"))


def numbers(printed: str, row: str) -> list[float]:
    """The numbers in the row that begins so."""
    (line,) = re.findall(rf"^{re.escape(row)} +(.*)$", printed, re.MULTILINE)
    return [float(number) for number in re.findall(r"-?\d+\.\d+", line)]


def test_what_lesson_5_says_about_residual_and_norm():
    printed, text = outputs("05_add_norm"), comments("05_add_norm")
    said(text, r"Without the residual connection nothing is learned: .neither. and .norm alone.")
    table = printed[printed.index("loss of the last ten steps  ") :]
    assert all(loss > 0.95 for row in ("neither", "norm alone") for loss in numbers(table, row))
    said(text, r"without that, it is far worse than an answer of zeros\. Then it learns as well as .both.")
    plain, normed = numbers(table, "residual alone")
    both = numbers(table, "both (post-norm)")
    assert plain > 2 and abs(normed - both[1]) < 0.05 and max(both) < 0.9
    said(text, r"about 14 % per layer, and about a fortieth is left")
    last, first = numbers(printed, "post-norm ")
    assert 35 < last / first < 45 and abs((first / last) ** (1 / 24) - 0.86) < 0.005
    last, first = numbers(printed, "pre-norm  ")
    assert last == first


def test_what_lesson_8_says_about_counting_operations():
    printed, text = outputs("08_training"), comments("08_training")
    said(text, r"so the rule counts about twice too much")
    (parts,) = re.findall(r"counted where a token passes: +(\S+) operations, (\d+)% of the peak", printed)
    assert parts == ("9.4e+17", "29")
    (ratio,) = re.findall(r"the rule, divided by the count: (\S+)", printed)
    assert 1.8 < float(ratio) < 2.5
