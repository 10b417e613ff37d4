"""A right answer that uses an earlier, wrong one has its points; the earlier one does not."""

from __future__ import annotations

import nbformat
import pytest

from autograde.course import notebooks
from autograde.course.lessons import find_lesson
from autograde.exercises import all_exercises
from autograde.grading.grade import grade
from autograde.grading.job import Job, Options
from autograde.grading.kernel.run import run_in_kernel
from autograde.grading.notebook.mending import reference_source
from autograde.grading.records import course as records
from autograde.learner.check import LOCAL_SEED
from conftest import filled, released

THIRD, FIFTH = find_lesson("03_single_head"), find_lesson("05_add_norm")
NO_ROOT = "def attention_scores(query, key):\n    return query @ np.swapaxes(key, -1, -2)"
ADVICE = "Right; it uses your `attention_scores`, which is not right yet."


def graded(runner, lesson, answers, **options):
    data = nbformat.writes(filled(lesson, answers)).encode()
    job = Job(
        lesson=lesson.name,
        student="kim",
        notebook=data,
        release=nbformat.writes(released(lesson)),
        key=b"k" * 32,
        options=Options(**options),
    )
    return grade(job, runner)


def verdicts_of(result) -> dict:
    return {score.verdict.name: score.verdict for score in result.scores.values() if score.verdict}


def test_a_mistake_costs_once(runner):
    verdicts = verdicts_of(graded(runner, THIRD, {"attention_scores": NO_ROOT}))
    assert [name for name, verdict in verdicts.items() if not verdict.passed] == ["attention_scores"]
    assert verdicts["attention_scores"].diagnosis == "no scaling"
    verdict = verdicts["scaled_dot_product_attention"]
    assert verdict.passed and verdict.score == 1 and verdict.state == "passed" and verdict.diagnosis is None
    assert verdict.carried == ("attention_scores",) and ADVICE in verdict.message
    assert verdicts["attention_weights"].carried == ()


def test_the_learner_reads_it_in_the_feedback(runner):
    result = graded(runner, THIRD, {"attention_scores": NO_ROOT})
    score = next(s for s in result.scores.values() if s.verdict and s.verdict.carried)
    assert score.points == score.max_score and ADVICE in score.comment
    assert ADVICE in result.notebook


def test_a_second_mistake_is_named_beside_the_first(runner):
    exchanged = (
        "def scaled_dot_product_attention(query, key, value, mask=None):\n"
        "    weights = attention_weights(attention_scores(query, key), mask)\n"
        "    return weights, weights @ value"
    )
    answers = {"attention_scores": NO_ROOT, "scaled_dot_product_attention": exchanged}
    verdicts = verdicts_of(graded(runner, THIRD, answers))
    assert verdicts["attention_scores"].misconception == "no scaling"
    told = verdicts["scaled_dot_product_attention"]
    assert (told.misconception, told.score, told.carried) == ("weights before the output", 0, ())
    assert told.facts == (), "what was answered beside the reference is shown to nobody"


def test_a_part_that_is_not_written(runner):
    stub = {notebooks.grade_id(cell): cell.source for cell in released(THIRD).cells}["attention_scores"]
    verdicts = verdicts_of(graded(runner, THIRD, {"attention_scores": stub}))
    assert [name for name, verdict in verdicts.items() if not verdict.passed] == ["attention_scores"]
    assert verdicts["attention_scores"].state == "not started"
    assert verdicts["scaled_dot_product_attention"].carried == ("attention_scores",)


def test_classes_are_mended_too(runner):
    wrong = (
        "class LayerNormalization(nn.Module):\n"
        "    def __init__(self, embed_dim, eps=1e-5):\n"
        "        super().__init__()\n"
        "        self.eps = eps\n"
        "        self.gamma = nn.Parameter(torch.ones(embed_dim))\n"
        "        self.beta = nn.Parameter(torch.zeros(embed_dim))\n"
        "    def forward(self, x):\n"
        "        return self.gamma * (x - x.mean()) / torch.sqrt(x.var() + self.eps) + self.beta\n"
    )
    verdicts = verdicts_of(graded(runner, FIFTH, {"LayerNormalization": wrong}))
    assert [name for name, verdict in verdicts.items() if not verdict.passed] == ["LayerNormalization"]
    carried = {name: verdict.carried for name, verdict in verdicts.items() if verdict.carried}
    assert carried == dict.fromkeys(("AddNorm", "AttentionBlock", "PreNormBlock"), ("LayerNormalization",))


def test_a_mistake_of_its_own_is_not_forgiven(runner):
    own = (
        "def scaled_dot_product_attention(query, key, value, mask=None):\n"
        "    return attention_scores(query, key) @ value"
    )
    answers = {"attention_scores": NO_ROOT, "scaled_dot_product_attention": own}
    verdicts = verdicts_of(graded(runner, THIRD, answers))
    assert (
        not verdicts["scaled_dot_product_attention"].passed and verdicts["scaled_dot_product_attention"].carried == ()
    )


def test_what_does_not_use_it_is_judged_once(runner):
    """An own softmax inside: nothing of `softmax` is used, so nothing is mended."""
    own = (
        "def attention_weights(scores, mask=None):\n"
        "    powers = np.exp(scores)\n"
        "    return powers / powers.sum(axis=-1, keepdims=True)"
    )
    answers = {"softmax": "def softmax(x, axis=-1):\n    return x", "attention_weights": own}
    verdicts = verdicts_of(graded(runner, THIRD, answers))
    assert not verdicts["attention_weights"].passed


def test_an_instructor_can_switch_it_off(runner, course):
    verdicts = verdicts_of(graded(runner, THIRD, {"attention_scores": NO_ROOT}, carry_forward=False))
    assert not verdicts["scaled_dot_product_attention"].passed
    assert records.load(course).options.carry_forward
    with (course / "nbgrader_config.py").open("a") as file:
        file.write("\nc.CourseGrader.carry_forward = False\n")
    assert not records.load(course).options.carry_forward


def test_the_state_before_goes_on(runner):
    """The copy in which something was mended has ended: later cells find the submission's own functions."""
    answers = {
        "attention_scores": NO_ROOT,
        "scaled_dot_product_attention": "SEEN = []\n"
        "def scaled_dot_product_attention(query, key, value, mask=None):\n"
        "    SEEN.append(attention_scores.__module__)\n"
        "    weights = attention_weights(attention_scores(query, key), mask)\n"
        "    return weights @ value, weights",
        "self_attention_cost": "if set(SEEN) != {'__main__'}:\n    raise RuntimeError(SEEN)\n"
        "def self_attention_cost(n, d):\n    return n * n * d, 1, 1",
    }
    verdicts = verdicts_of(graded(runner, THIRD, answers))
    assert verdicts["scaled_dot_product_attention"].carried and verdicts["self_attention_cost"].passed


def test_a_copy_that_dies_changes_nothing(runner):
    answers = {
        "attention_scores": NO_ROOT,
        "scaled_dot_product_attention": "import os\n"
        "def scaled_dot_product_attention(query, key, value, mask=None):\n"
        "    if attention_scores.__module__ != '__main__':\n"
        "        os.kill(os.getpid(), 9)\n"
        "    weights = attention_weights(attention_scores(query, key), mask)\n"
        "    return weights @ value, weights",
    }
    verdicts = verdicts_of(graded(runner, THIRD, answers))
    failed = [name for name, verdict in verdicts.items() if not verdict.passed]
    assert failed == ["attention_scores", "scaled_dot_product_attention"]
    assert verdicts["scaled_dot_product_attention"].state == "failed"


def test_in_a_kernel():
    notebook = filled(THIRD, {"attention_scores": NO_ROOT})
    for cell in notebook.cells:  # figures and experiments take time and decide nothing
        if cell.cell_type == "code" and not notebooks.grade_id(cell) and "import" not in cell.source:
            cell.source = ""
    verdicts = run_in_kernel(notebook, {}, lambda exercise: LOCAL_SEED, 60)
    assert [name for name, verdict in verdicts.items() if not verdict.passed] == ["check_attention_scores"]
    assert verdicts["check_scaled_dot_product_attention"].carried == ("attention_scores",)


@pytest.mark.parametrize("exercise", all_exercises(), ids=lambda exercise: exercise.name)
def test_a_mended_piece_brings_nothing_of_later_exercises(exercise):
    source = reference_source(exercise.name)
    names = [exercise.name for exercise in all_exercises()]
    later = names[names.index(exercise.name) + 1 :]
    assert not [name for name in later if f"def {name}(" in source or f"class {name}(" in source]
    namespace: dict = {"__name__": "mended"}
    exec(source, namespace)
    assert exercise.reference.__name__ in namespace
