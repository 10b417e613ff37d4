"""`grade(bundle) -> Result`: honest and broken submissions of every lesson, and what a crash costs."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from attacks.weights import beside
from autograde.course import notebooks
from autograde.course.lessons import GRADED, find_lesson
from autograde.exercises import of_lesson
from autograde.grading import grade as grading
from autograde.grading.classes import workers
from autograde.grading.grade import NOT_RUN, SLOW, UNTRAINED, grade
from autograde.grading.job import ALL, NEEDED, Job, Limits, Options
from autograde.grading.notebook.cells import checked_exercise
from autograde.grading.notebook.slicing import code_in, needed
from autograde.grading.notebook.slow import SlowFunctions
from autograde.grading.records.seeds import SETS, seed, set_key
from autograde.grading.sandbox import warm
from autograde.grading.sandbox.child import Child
from autograde.grading.sandbox.warm import Unsafe
from autograde.harness.sandboxed.frames import Gone
from conftest import filled, released

# nbval runs their experiments already
TRAIN_FOR_LONG = ("05_add_norm", "07_decoder", "08_training", "09_decoding", "11_today")
FIRST, LESSON_3 = find_lesson("01_vocabulary"), find_lesson("03_single_head")


def bundle_of(lesson, notebook, **options) -> Job:
    data = notebook if isinstance(notebook, bytes | None) else nbformat.writes(notebook).encode()
    files = options.pop("files", beside(lesson.name))
    return Job(
        lesson=lesson.name,
        student="kim",
        notebook=data,
        release=nbformat.writes(released(lesson)),
        key=b"k" * 32,
        files=files,
        options=Options(**options),
    )


def points(result) -> float:
    return sum(mark.points for mark in result.scores.values())


def max_score(result) -> float:
    return sum(mark.max_score for mark in result.scores.values())


def outputs_of(result, grade_id: str) -> str:
    notebook = nbformat.reads(result.notebook, as_version=4)
    return json.dumps([cell.outputs for cell in notebook.cells if notebooks.grade_id(cell) == grade_id])


def mixed(lesson):
    """Right, wrong and unwritten answers, one after the other."""
    notebook = filled(lesson)
    untouched = {notebooks.grade_id(cell): cell.source for cell in released(lesson).cells}
    for number, exercise in enumerate(of_lesson(lesson.name)):
        (cell,) = [cell for cell in notebook.cells if notebooks.grade_id(cell) == exercise.name]
        if number % 3 == 1:
            cell.source += f"\n\n\n{exercise.name}_before = {exercise.name}\n{exercise.name} = lambda *a, **k: None"
        elif number % 3 == 2 and number > 3:
            cell.source = untouched[exercise.name]
    return notebook


# --- every lesson ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lesson", GRADED, ids=lambda lesson: lesson.name)
def test_right_untouched_wrong(lesson, runner):
    right = grade(bundle_of(lesson, filled(lesson)), runner)
    total = sum(exercise.points for exercise in of_lesson(lesson.name))
    assert points(right) == max_score(right) == total, [m for m in right.scores.values() if m.points != m.max_score]
    assert right.notes == () and right.reviews == () and right.assurance == runner.assurance
    assert NOT_RUN in right.notebook
    untouched = grade(bundle_of(lesson, released(lesson)), runner)
    assert {mark.points for mark in untouched.scores.values()} == {
        0.0
    } and untouched.scores.keys() == right.scores.keys()
    wrong = grade(bundle_of(lesson, mixed(lesson)), runner)
    assert 0 < points(wrong) < total
    for number, exercise in enumerate(of_lesson(lesson.name)):
        if number % 3 == 1:
            assert wrong.scores[f"check_{exercise.name}"].points == 0, exercise.name


@pytest.mark.nbgrader
@pytest.mark.parametrize(
    "lesson",
    [pytest.param(lesson, marks=pytest.mark.full if lesson.name in TRAIN_FOR_LONG else ()) for lesson in GRADED],
    ids=lambda lesson: lesson.name,
)
def test_cells_that_are_left_out_decide_nothing(lesson, runner):
    shown = same_marks(lesson, filled(lesson), runner)
    assert not errors_in(shown), "of a right notebook"
    assert (UNTRAINED in shown.notebook) == (lesson.name == "08_training")


@pytest.mark.nbgrader
@pytest.mark.full
@pytest.mark.parametrize("lesson", GRADED, ids=lambda lesson: lesson.name)
def test_cells_that_are_left_out_decide_nothing_of_wrong_notebooks(lesson, runner):
    for notebook in (mixed(lesson), released(lesson)):
        same_marks(lesson, notebook, runner)


def test_cells_that_are_left_out_decide_nothing_in_lesson_1(runner):
    """The same for the lesson with the cheapest experiments, in every run of the tests."""
    same_marks(FIRST, mixed(FIRST), runner)


def same_marks(lesson, notebook, runner):
    patient = Limits(cell=600, total=3600)  # the machine may be busy with other tests
    some, all_ = (grade(bundle_of(lesson, notebook, cells=cells, limits=patient), runner) for cells in (NEEDED, ALL))
    assert NOT_RUN in some.notebook and NOT_RUN not in all_.notebook
    assert [(m.points, m.verdict) for m in some.scores.values()] == [
        (m.points, m.verdict) for m in all_.scores.values()
    ]
    return all_


def errors_in(result) -> list[str]:
    cells = [cell for cell in nbformat.reads(result.notebook, as_version=4).cells if cell.cell_type == "code"]
    return [output.evalue for cell in cells for output in cell.outputs if output.output_type == "error"]


# --- whatever comes in ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data, reason",
    [
        (None, "There is no notebook"),
        (b"", "empty"),
        (b"\xff\xfe\x00", "not"),
        (b"[]", "JSON of another kind"),
        (b"{", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
    ],
)
def test_unreadable_files_get_nothing_and_a_reason(data, reason, runner):
    result = grade(bundle_of(FIRST, data), runner)
    assert points(result) == 0 and max_score(result) == 27
    assert (
        reason in result.unreadable
        and reason in json.loads(result.notebook)["metadata"]["course"]["unreadable"]
        and all(reason in mark.comment for mark in result.scores.values())
    )


CRASHES = {
    "the process exits": "import os\nos._exit(1)",
    "a signal": "import os\nos.kill(os.getpid(), 9)",
    "all processes are killed": "import os\nos.kill(-1, 9)\nos.kill(os.getppid(), 9)\nos._exit(0)",
    "a segmentation fault": "import ctypes\nctypes.string_at(0)",
    "SystemExit": "import sys\nsys.exit(1)",
    "a loop": "while True: pass",
    "a loop that swallows the time-out": "while True:\n  try:\n    while True: pass\n  except BaseException: 0",
    "output without end": "while True: print('x' * 1000)",
    "much memory": "x = bytearray(10**11)",
    "processes without end": "import os\nfor _ in range(10**4): os.fork()",
    "garbage on every descriptor": "import os\nfor n in range(50):\n try: os.write(n, b'x' * 100)\n except OSError: 0",
    "every descriptor closed": "import os\nos.closerange(0, 200)",
}


@pytest.mark.parametrize("name", CRASHES)
def test_a_crash_costs_its_own_cell(name, runner):
    """Without `decode` there are no points for `decode`; `Vocabulary`, which uses it, is right with it mended."""
    notebook = filled(FIRST, {"decode": CRASHES[name]})
    result = grade(bundle_of(FIRST, notebook, limits=Limits(cell=1.0, processes=8)), runner)
    lost = {mark.grade_id for mark in result.scores.values() if mark.points < mark.max_score}
    carried = result.scores["check_Vocabulary"].verdict.carried
    assert carried or name == "processes without end", "only there no copy of the process can be made"
    assert lost == {"check_decode"} if carried else lost == {"check_decode", "check_Vocabulary"}
    assert result.scores["check_Vocabulary"].points > 0
    assert "`decode` is not defined" in result.scores["check_decode"].comment


@pytest.mark.parametrize("body", ["os.kill(os.getpid(), 9)", "os._exit(0)", "ctypes.string_at(0)", "sys.exit()"])
def test_a_crash_in_a_call_costs_its_own_check(body, runner):
    source = f"import ctypes, os, sys\n\n\ndef bpe_encode(word, merges):\n    {body}"
    result = grade(bundle_of(FIRST, filled(FIRST, {"bpe_encode": source})), runner)
    assert [mark.grade_id for mark in result.scores.values() if mark.points < mark.max_score] == ["check_bpe_encode"]


TOGETHER = """
import os, time
for _ in range(3):
    if not os.fork():
        held = b"x" * (150 * 2**20)
        time.sleep(60)
        os._exit(0)
time.sleep(60)
"""
SMALL = Limits(memory=256 * 2**20)


def test_memory_of_all_processes_is_named_where_it_ended_a_cell(runner):
    """In the cell, in the verdict of the check that misses the cell's function, in the comment of its mark."""
    result = grade(bundle_of(FIRST, filled(FIRST, {"decode": TOGETHER}), limits=SMALL), runner)
    reason = "The process used more than 256 MiB of memory and was ended while this cell ran."
    assert reason in outputs_of(result, "decode")
    mark = result.scores["check_decode"]
    assert (
        mark.points == 0
        and f"`decode` is not defined when this check runs. The cell that should define it failed: {reason}"
        in mark.comment
    )
    assert reason in outputs_of(result, "check_decode")


def test_memory_is_named_where_it_ended_a_check(runner):
    source = f"def bpe_encode(word, merges):\n    code = {TOGETHER!r}\n    exec(code)"
    result = grade(bundle_of(FIRST, filled(FIRST, {"bpe_encode": source}), limits=SMALL), runner)
    reason = "While this check ran, the process used more than 256 MiB of memory and was ended."
    assert reason in result.scores["check_bpe_encode"].comment and reason in outputs_of(result, "check_bpe_encode")
    assert [mark.grade_id for mark in result.scores.values() if mark.points < mark.max_score] == ["check_bpe_encode"]


@pytest.mark.parametrize(
    "code, kind",
    [
        ("bytearray(2**30)", "MemoryError"),
        ("__import__('numpy').ones(2**30)", "MemoryError"),
        ("__import__('torch').ones(2**30)", "RuntimeError"),
    ],
)
def test_memory_of_one_process_is_named(code, kind, runner):
    """Its own limit ends nothing: the code gets an error, whose text names the limit."""
    source = f"def bpe_encode(word, merges):\n    return {code}"
    result = grade(bundle_of(FIRST, filled(FIRST, {"bpe_encode": source, "decode": code}), limits=SMALL), runner)
    reason = "The notebook asked for more than 256 MiB of memory."
    for mark in (result.scores["check_bpe_encode"], result.scores["check_decode"]):
        assert mark.points == 0 and kind in mark.comment and reason in mark.comment
    assert outputs_of(result, "decode").count(reason) == 2, "in the text of the error, and at the end of its traceback"


SWALLOWS = """
def decode(ids, index_to_word):
    while True:
        try:
            word = index_to_word[-1]
        except:
            continue
"""


def test_a_bare_except_does_not_outlive_the_limit_of_a_call(runner):
    wrong = {"decode": SWALLOWS, "encode": "def encode(tokens, word_to_index):\n    return tokens @ word_to_index"}
    result = grade(bundle_of(FIRST, filled(FIRST, wrong), limits=Limits(call=0.4)), runner)
    late, raised = (result.scores[f"check_{name}"].verdict for name in ("decode", "encode"))
    assert "No result after 0.4 seconds" in late.advice and late.score == 0
    assert ("With", "tokens: list of 5 items\nword_to_index: dict of 10 items") in raised.facts, raised.facts


def test_an_answer_that_is_not_python_is_an_error_with_its_line(runner):
    third = find_lesson("03_single_head")
    broken = {"softmax": "def softmax(x, axis=-1):\n    return (x\n", "project": "def project(x)\n    return x"}
    result = grade(bundle_of(third, filled(third, broken)), runner)
    for name, line, text in (("softmax", 2, "return (x"), ("project", 1, "def project(x)")):
        verdict = result.scores[f"check_{name}"].verdict
        assert (verdict.state, verdict.score) == ("error", 0)
        assert f"SyntaxError in line {line}" in verdict.advice, verdict.advice
        assert verdict.facts == (("In your code", f"line {line}: {text}"),)


def test_the_lines_of_an_error_are_the_learners_own(runner):
    """Not those of the helpers that an earlier lesson's reference runs in, which a sandbox has in another folder."""
    seventh = find_lesson("07_decoder")
    right = {notebooks.grade_id(cell): cell.source for cell in filled(seventh).cells}["Transformer"]
    made = re.search(r"self\.position = PositionalEncoding\(.*\)", right)[0]
    wrong = right.replace(made, "self.position = PositionalEncoding(d_model, dropout)")
    result = grade(bundle_of(seventh, filled(seventh, {"Transformer": wrong})), runner)
    facts = dict(result.scores["check_Transformer"].verdict.facts)
    assert facts["In your code"].endswith("in __init__: self.position = PositionalEncoding(d_model, dropout)")
    assert "\n" not in facts["In your code"] and "d_model: 4" in facts["With"]


def test_the_state_before_a_crash_comes_back(runner):
    """Also where much was computed before, and a copy of the state was made."""
    notebook = filled(FIRST, {"decode": "import os\ncount = count + 1\nos._exit(1)"})
    at = [notebooks.grade_id(cell) for cell in notebook.cells].index("decode")
    notebook.cells.insert(at, new_code_cell("import time\ncount = 1\ntime.sleep(0.4)"))
    notebook.cells.insert(at + 1, new_code_cell("count += 1"))
    notebook.cells.insert(at + 3, new_code_cell("print('count', count)"))
    result = grade(bundle_of(FIRST, notebook), runner)
    assert "count 2" in result.notebook and "The process ended while this cell ran" in outputs_of(result, "decode")


def test_the_whole_time_is_limited(runner):
    notebook = filled(FIRST, {"decode": "while True: pass"})
    result = grade(bundle_of(FIRST, notebook, limits=Limits(total=3.0)), runner)
    assert result.scores["check_tokenize"].points == result.scores["check_tokenize"].max_score
    assert "had used its 3 seconds" in result.scores["check_bpe_encode"].comment


LOOP = "def attention_weights(*args):\n    while True:\n        pass\n"


def test_cells_that_call_what_ran_out_of_its_time_are_not_run(runner):
    """The check has met the endless loop already; each of these cells would take its whole limit once more."""
    own = "mine = attention_weights(1)"
    notebook = filled(LESSON_3, {"attention_weights": LOOP})
    notebook.cells.append(new_code_cell(own))
    result = grade(bundle_of(LESSON_3, notebook, cells=ALL, limits=Limits(cell=20.0, call=0.5)), runner)
    assert "did not end within 20 seconds" not in result.notebook
    assert result.notebook.count(SLOW.format(name="attention_weights")) > 2
    assert "did not end within 0.5 seconds" in result.notebook, "a learner's own cell may define what others need"
    lost = {name for name, mark in result.scores.items() if mark.points < mark.max_score}
    assert lost == {"check_attention_weights"}


def test_a_name_that_only_such_a_cell_makes_is_made_after_all(runner):
    """Then the cells are run again, with little time for each."""
    demo = next(cell for cell in released(LESSON_3).cells if cell.source.startswith("weights = attention_weights("))
    notebook = filled(LESSON_3, {"attention_weights": LOOP})
    at = next(i for i, cell in enumerate(notebook.cells) if cell.source == demo.source)
    notebook.cells[at].source = f"kernel_size = 1\n{demo.source}"
    release = released(LESSON_3)
    at = next(i for i, cell in enumerate(release.cells) if cell.source == demo.source)
    release.cells[at].source = f"kernel_size = 1\n{demo.source}"
    for cell in notebook.cells:
        if notebooks.grade_id(cell) == "convolution_cost":
            cell.source += "\n\n\nneeds = kernel_size + 1"
            cell.source = cell.source.replace("    return", "    needs\n    return")
    job = bundle_of(LESSON_3, notebook, limits=Limits(cell=20.0, call=0.5))
    result = grade(replace(job, release=nbformat.writes(release)), runner)
    assert result.scores["check_convolution_cost"].points == result.scores["check_convolution_cost"].max_score


def test_slow_functions():
    slow = SlowFunctions(cell=10.0, call=4.0)
    slow.ran("def f(x):\n    return x\n\n\ndef g(x):\n    return f(x)", 0.1, late=False)
    assert slow.called_by("f(1)") == "", "nothing is slow yet"
    slow.asked("f", late=True)
    used = ["f(1)", "y = [g(i) for i in z]", "%%time\nf(1)", "class A:\n    x = f(1)", "(lambda: f(1))()", "!ls {f}"]
    assert [slow.called_by(source) for source in used] == ["f"] * len(used)
    unused = ["h(1)", "def k():\n    return f(1)", "def f(x):\n    return 0", "f = 1", "x.f(1)", "print('f(1)')"]
    assert [slow.called_by(source) for source in unused] == [""] * len(unused)
    assert slow.seconds == 4.0
    for left in (4.0, 2.0, 0.0):
        slow.ran("f(1)", 4.0, late=True)
        assert slow.seconds == left, "all of them together have the time of one cell"

    suspects = SlowFunctions(cell=10.0, call=4.0)
    suspects.ran("def f(x):\n    return x", 0.0, late=False)
    suspects.ran("print(f(1), other(2))", 10.0, late=True)
    assert suspects.called_by("f(2)") == "f" and suspects.called_by("other(2)") == "", "print and other are not its own"
    suspects.asked("f", late=False)
    assert suspects.called_by("f(2)") == "", "its check says that it was not the reason"


def test_a_notebook_that_is_run_again_gets_no_more_time(runner, monkeypatch):
    """Its process ended: once more in what is left of its seconds, and not where that is less than was used."""
    totals = []

    class Seen(grading.Driver):
        def __init__(self, runner, stage, limits, files, deadline):
            totals.append(deadline.left)
            super().__init__(runner, stage, limits, files, deadline)

    monkeypatch.setattr(grading, "Driver", Seen)
    ends = "import os, time\ntime.sleep(1.0)\nos._exit(1)"
    for total, runs in ((50_000.0, 2), (1.5, 1)):
        totals.clear()
        grade(bundle_of(FIRST, filled(FIRST, {"decode": ends}), limits=Limits(total=total)), runner)
        assert len(totals) == runs and totals[0] <= total and totals[-1] <= total - (runs - 1)


def test_a_copy_that_somebody_else_ends_costs_no_points(runner, monkeypatch):
    """What is asked with an earlier exercise mended is asked again when its process was killed."""
    killed = []
    ask = Child.ask

    def killed_once(child, name, calls, seconds, total, mended=None):
        if mended and not killed:
            killed.append(name)
            raise Gone
        return ask(child, name, calls, seconds, total, mended)

    monkeypatch.setattr(Child, "ask", killed_once)
    wrong = {"softmax": "def softmax(x, axis=-1):\n    return x"}
    result = grade(bundle_of(LESSON_3, filled(LESSON_3, wrong)), runner)
    assert killed and max_score(result) - points(result) == result.scores["check_softmax"].max_score


def test_threads_and_data_loaders_break_nothing(runner):
    source = (
        "import threading, time, torch\n"
        "def work():\n    while True: time.sleep(0.01)\n"
        "threading.Thread(target=work, daemon=True).start()\n"
        "loader = torch.utils.data.DataLoader(list(range(8)), batch_size=2, num_workers=2)\n"
        "print('sum', sum(int(batch.sum()) for batch in loader))\ntime.sleep(0.3)"
    )
    notebook = filled(FIRST)
    notebook.cells.insert(3, new_code_cell(source))
    result = grade(bundle_of(FIRST, notebook), runner)
    assert "sum 28" in result.notebook and points(result) == max_score(result)


def test_files_of_the_submission_and_of_the_release_are_there(runner):
    notebook = filled(FIRST)
    source = "import os\nprint(open('notes/data.txt').read(), sorted(os.listdir('figures')))"
    notebook.cells.insert(3, new_code_cell(source))
    result = grade(bundle_of(FIRST, notebook, files={"notes/data.txt": b"hello", "../../up": b"x"}), runner)
    assert "hello ['batch.png'" in result.notebook
    assert any("../../up" in note for note in result.notes)


# --- which cells ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before, uses, kept",
    [
        ("x = 1", "def f(): return x", True),
        ("x = 1", "def f(x): return x", False),
        ("x = 1\nprint(x)", "y = 2", False),
        ("import math", "def f(): return math.pi", True),
        ("def g(): return 1", "def f(): return g()", True),
        ("def g():\n    global x\n    x = 1\ng()", "print(x)", True),
        ("x.append(1)", "x = []\nprint(x)", True),
        ("train(x)", "x = []\nprint(x)", True),
        ("x[0] = 1", "x = [0]\nprint(x)", True),
        ("x.flag = True", "import numpy as x\nprint(x)", True),
        ("print(x)", "x = []\nprint(x)", False),
        ("np.mean(1)", "import numpy as np\nnp.ones(1)", False),
        ("x = 1", "print(eval('x'))", True),
        ("x = 1", "import pandas\npandas.eval('x + 1')", True),
        ("x = 1", "!echo {x}", True),
        ("%time x = 1", "y = 2", True),
        ("x = 1", "%%time\ndef f(x): return x", False),
        ("x = 1", "%%capture out\ndef f(x): return x", True),
        ("open('a', 'w').write('b')", "y = 2", True),
        ("for x in range(3): pass", "print(x)", True),
        ("with open('a') as x: pass", "print(x)", True),
        ("if (x := 1): pass", "print(x)", True),
        ("def g(): log.append(1)", "log = []\nprint(log)", True),
        ("def g(): log.append(1)\ng()", "log = []\nprint(log)", True),
        ("del x", "x = 1", False),
        ("del x", "print(x)", True),
    ],
)
def test_what_a_cell_gives(before, uses, kept):
    assert needed([before, uses], [True, False])[0] == [kept, True]


def test_a_copy_of_a_demonstration_is_left_out_too(runner):
    """All cells came twice: what decides nothing is run neither time."""
    once, twice = filled(FIRST), filled(FIRST)
    copies = [{**cell, "id": f"{cell.id[:40]}-copy"} for cell in twice.cells]
    twice.cells = [cell for pair in zip(twice.cells, map(nbformat.from_dict, copies), strict=True) for cell in pair]
    first, second = (grade(bundle_of(FIRST, notebook), runner) for notebook in (once, twice))
    assert (
        points(second) == max_score(second) and second.notebook.count(NOT_RUN) == 2 * first.notebook.count(NOT_RUN) > 0
    )


def test_a_comment_in_a_demonstration_changes_nothing(runner):
    """Learners write notes between the lines; a later version of the course may word a comment anew."""
    once, noted = filled(FIRST), filled(FIRST)
    for cell in noted.cells:
        if cell.cell_type == "code" and not notebooks.nbgrader_data(cell):
            cell.source = f"# my note\n\n{cell.source}  # and another"
    first, second = (grade(bundle_of(FIRST, notebook), runner) for notebook in (once, noted))
    assert points(second) == max_score(second) and second.notebook.count("# my note") > 10
    assert second.notebook.count(NOT_RUN) == first.notebook.count(NOT_RUN) > 0


@pytest.mark.parametrize(
    ("source", "same"),
    [("x  =  1 # one", True), ("\nx = 1\n", True), ("x = 2", False), ("%time\nx = 1", False), ("x = 1\n!ls", False)],
)
def test_only_comments_and_spaces_leave_a_cell_as_it_was(source, same):
    assert (code_in(source) == code_in("x = 1")) == same


def test_the_same_file_gives_the_same_notebook(runner):
    notebook = filled(FIRST)
    notebook.cells[3:3] = [new_code_cell("a = 1"), new_code_cell("b = 2")]
    notebook.cells = [cell for cell in notebook.cells if notebooks.grade_id(cell) != "check_decode"]  # gives a note
    job = bundle_of(FIRST, notebook)
    first, second = grade(job, runner), grade(job, runner)
    assert first.notebook == second.notebook and "Notes of the grader" in first.notebook


def test_a_name_that_is_reached_in_a_hidden_way_runs_every_cell(runner):
    """`getattr` on the module of the notebook: no source shows it, so the missing name decides."""
    notebook = filled(FIRST)
    notebook.cells.append(
        new_code_cell("import sys\nprint('found', len(getattr(sys.modules['__' + 'main__'], 'lines')))")
    )
    hidden = grade(bundle_of(FIRST, notebook), runner)
    assert points(hidden) == max_score(hidden)


# --- systems without fork -------------------------------------------------------------------------------------------


def test_without_fork_a_kernel_grades_if_told_so(monkeypatch):
    monkeypatch.setattr(warm, "possible", lambda: False)
    monkeypatch.setattr(grading, "_runner", None)  # another test may have started one
    notebook = filled(FIRST, {"decode": "def decode(indices, index_to_word):\n    return []"})
    with pytest.raises(Unsafe, match=r"needs Linux.*--unsafe"):
        grade(bundle_of(FIRST, notebook))
    result = grade(bundle_of(FIRST, notebook, unsafe=True))
    lost = {mark.grade_id for mark in result.scores.values() if mark.points < mark.max_score}
    assert "check_decode" in lost and lost <= {"check_decode", "check_Vocabulary"}
    assert result.assurance.startswith("unsafe")


def test_a_late_process_does_not_stop_the_class(monkeypatch):
    monkeypatch.setattr(warm, "_START", 0.0)
    monkeypatch.setattr(grading, "_runner", None)
    monkeypatch.setattr(workers, "PAUSE", 0.0)
    result, problem, fatal = workers.attempt(grade, bundle_of(FIRST, filled(FIRST)))
    assert result is None and not fatal and "not ready after 0 seconds" in problem
    monkeypatch.setattr(warm, "possible", lambda: False)
    assert workers.attempt(grade, bundle_of(FIRST, filled(FIRST)))[::2] == (None, True), "no isolation is fatal"


# --- inputs ---------------------------------------------------------------------------------------------------------


def test_seeds_follow_from_the_secret():
    keys = {set_key(b"secret", f"student {n}", "03_single_head", "attempt") for n in range(200)}
    assert len(keys) == SETS
    assert not keys & {set_key(b"other", f"student {n}", "03_single_head", "attempt") for n in range(200)}
    key = min(keys)
    assert seed(key, "softmax") == seed(key, "softmax") != seed(key, "project")


def test_other_inputs_than_a_learner_meets(runner):
    """An answer that knows a learner's inputs by heart is wrong in grading."""
    name = "merge_pair"
    (asked,) = [exercise for exercise in of_lesson(FIRST.name) if exercise.name == name]
    table = {repr(call.args): asked.reference(*call.args) for call in asked.calls(0)}
    source = f"table = {table!r}\n\n\ndef {name}(symbols, pair):\n    return table[repr((symbols, pair))]"
    notebook = filled(FIRST, {name: source})
    result = grade(bundle_of(FIRST, notebook), runner)
    assert result.scores[f"check_{name}"].points == 0
    assert [cell for cell in notebook.cells if checked_exercise(cell)]
