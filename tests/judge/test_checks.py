"""The engine: whatever the object is, there is a verdict, and nothing leaks from one call to the next."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest
import torch

import autograde
from autograde import CheckFailed, Verdict, assess
from autograde.exercise import Exercise
from autograde.exercises import all_exercises, exercise, modules
from autograde.harness import invoke, limits, wire
from autograde.harness.call import Answer, Fixture, FunctionCall
from autograde.harness.plain import Other, TensorData, to_plain
from autograde.harness.wire import dump, load
from autograde.judge.answer_key import AnswerKey
from autograde.judge.compare import Comparison
from autograde.judge.judge import judge
from autograde.judge.projection import projected
from autograde.learner import check
from helpers.embeddings import positional_encoding
from helpers.single_head import softmax


def test_the_public_names():
    names = [asked.name for asked in autograde.all_exercises()]
    assert "softmax" in names and len(names) >= 28
    verdict = assess("softmax", softmax, seed=7)
    assert isinstance(verdict, Verdict)
    assert (verdict.passed, verdict.state, verdict.score, verdict.diagnosis) == (True, "passed", 1.0, None)
    assert "softmax" in verdict.message
    with pytest.raises(KeyError, match="Did you mean 'softmax'"):
        assess("softmaxx", softmax)


def test_odd_values_print_no_warning_of_the_exercise_above_a_verdict():
    odd = dataclasses.replace(exercise("softmax"), projection=lambda call, value: [*value / np.zeros(2), np.mean([])])
    (seen,) = projected(odd, [FunctionCall(())], [Answer(np.array([1.0, 0.0]))])
    assert np.isinf(seen.value[0]) and np.isnan(seen.value[1:]).all()


@pytest.mark.parametrize(
    "asked", [asked for asked in autograde.all_exercises() if asked.projection], ids=lambda asked: asked.name
)
def test_what_is_reported_beside_a_result_is_not_held_against_it(asked):
    """`output` and `args` are our names, not the learner's."""
    for wrong in (lambda *args, **kwargs: None, lambda *args, **kwargs: 1.5):
        verdict = assess(asked.name, wrong)
        assert verdict.score < 1 and "not asked for: 'output'" not in verdict.message
    if asked.name in ("train_step", "evaluate"):
        assert "is a `return` missing?" in assess(asked.name, lambda *args: None).advice
        assert "Expected a dictionary, got a tuple" in assess(asked.name, lambda *args, **kwargs: (1.0, 2)).message


def test_a_model_of_another_kind_is_not_a_transformer_with_a_missing_part():
    verdict = assess("trained_model", lambda: torch.nn.Linear(3, 3))
    assert verdict.advice.startswith(
        "These are not the weights of a Transformer of lesson 7: the first has the name bias."
    )


def test_the_list_of_exercises_and_the_catalogue_share_a_name():
    """`autograde.all_exercises()` is a function, `autograde.exercises.single_head` a module; importing keeps both."""
    import autograde.exercises.single_head
    from autograde.exercises import single_head

    assert single_head.EXERCISES[0] is autograde.all_exercises()[19] is exercise("softmax")


def test_the_names_of_exercises_are_read_from_their_files():
    assert modules() == {asked.name: asked.make_calls.__module__ for asked in all_exercises()}


class Equal:
    """Claims to be equal to everything."""

    def __eq__(self, other):
        return True

    def __array__(self, *args, **kwargs):
        raise RuntimeError

    __hash__ = None


class Subclass(np.ndarray):
    def __eq__(self, other):
        return np.ones(self.shape, bool)

    def __sub__(self, other):
        return np.zeros(self.shape)

    def astype(self, *args, **kwargs):
        return np.zeros(self.shape)


def loops(x, axis=-1):
    while True:
        pass


def swallows(x, axis=-1):
    while True:
        with contextlib.suppress(Exception):
            time.sleep(0.001)


def swallows_all(x, axis=-1):
    while True:
        try:
            time.sleep(0.001)
        except:  # noqa: E722  # what learners write
            time.sleep(0)


def swallows_all_and_is_never_idle(x, axis=-1):
    count = 0
    while True:
        try:
            count += len("a")
        except:  # noqa: E722  # what learners write
            continue


def swallows_all_in(loops: int):
    """So many loops, one inside the other, each with a bare `except` around what it does."""
    source = ["def nested(x, axis=-1):"]
    for depth in range(loops):
        source += ["  " * depth + " while True:", "  " * depth + "  try:"]
    source += ["  " * loops + " x = x + 1"]
    for depth in reversed(range(loops)):
        source += ["  " * depth + "  except:", "  " * depth + "   pass"]
    namespace: dict = {}
    exec("\n".join(source), namespace)
    return namespace["nested"]


def recursive(x, axis=-1):
    return recursive(x, axis)


def huge(x, axis=-1):
    return np.broadcast_to(np.zeros(1), (10**6, 10**6))


def exits(x, axis=-1):
    sys.exit(3)


def kills(x, axis=-1):
    os._exit(3)


def nested(x, axis=-1):
    value = []
    for _ in range(10_000):
        value = [value]
    return value


def endless_list(x, axis=-1):
    value = []
    value.append(value)
    return value


class EvilError(Exception):
    def __str__(self):
        raise RuntimeError


def raises_evil(x, axis=-1):
    raise EvilError


ODD = {
    "not callable": 3,
    "None": None,
    "a class": dict,
    "a module": np,
    "wrong arity": lambda: 0,
    "returns None": lambda x, axis=-1: None,
    "a list": lambda x, axis=-1: softmax(x, axis).tolist(),
    "NaN": lambda x, axis=-1: np.full(x.shape, np.nan),
    "another dtype": lambda x, axis=-1: softmax(x, axis).astype(np.float16),
    "a tensor": lambda x, axis=-1: torch.from_numpy(softmax(x, axis)),
    "an object array": lambda x, axis=-1: softmax(x, axis).astype(object),
    "text": lambda x, axis=-1: "0.5",
    "a generator": lambda x, axis=-1: (value for value in x),
    "a giant array": huge,
    "equal to everything": lambda x, axis=-1: Equal(),
    "a lying subclass": lambda x, axis=-1: np.zeros(x.shape).view(Subclass),
    "the verdict itself": lambda x, axis=-1: Verdict(name="softmax", passed=True, state="passed", score=1.0),
    "recursive": recursive,
    "exits": exits,
    "kills": kills,
    "nested": nested,
    "endless list": endless_list,
    "an evil exception": raises_evil,
    "a shape that broadcasts": lambda x, axis=-1: softmax(x, axis)[..., :1],
    "one axis more": lambda x, axis=-1: softmax(x, axis)[None],
}


@pytest.mark.parametrize("name", ODD)
def test_odd_objects_get_a_verdict(name):
    verdict = assess("softmax", ODD[name])
    assert not verdict.passed and verdict.score == 0 and verdict.misconception is None
    assert verdict.state in ("failed", "error")
    assert verdict.message and verdict.html


@pytest.mark.parametrize("asked", autograde.all_exercises(), ids=lambda asked: asked.name)
def test_odd_objects_in_every_exercise(asked, request):
    class Empty:
        def __init__(self, *args, **kwargs):
            pass

    odd = [3, lambda *args, **kwargs: None, Empty, None, lambda *args, **kwargs: Equal(), torch.nn.Module, lambda: 0]
    if not request.config.option.full:  # three of them for each exercise, each of them for many exercises
        odd = odd[len(asked.name) % 3 :: 3]
    for obj in odd:
        verdict = assess(asked.name, obj)
        assert not verdict.passed and verdict.score == 0, verdict.message


class EndlessError(Exception):
    def __str__(self):
        return loops(self)


def raises_endless(x, axis=-1):
    raise EndlessError


def leaves_something_endless(x):
    """Asking whether the input has changed runs code too."""
    x.detach = lambda: loops(x)
    return x


@pytest.mark.parametrize(
    "function, words",
    [
        (loops, "never ends"),
        (swallows, "never ends"),
        (swallows_all, "never ends"),
        (swallows_all_and_is_never_idle, "never ends"),
        (swallows_all_in(2), "never ends"),
        (swallows_all_in(7), "never ends"),
        (raises_endless, "text"),
    ],
)
def test_a_time_limit_with_a_message(function, words):
    start = time.thread_time()  # of this thread alone, whatever else this machine does
    calls = exercise("softmax").calls(0)
    verdict = judge(exercise("softmax"), calls, invoke.answer(function, calls, seconds=0.3))
    assert time.thread_time() - start < 3
    assert verdict.state == "error" and words in verdict.message and verdict.score == 0


def test_a_cleanup_has_its_time_and_nothing_stays_traced():
    """The first `TimeIsUp` is an ordinary exception: `finally` and `with` do their work."""
    cleaned = []

    def cleans_up(x, axis=-1):
        try:
            loops(x)
        finally:
            cleaned.append(True)
            cleaned.append(True)

    before = sys.gettrace()
    for function in (cleans_up, swallows_all, swallows_all_in(3)):
        (late,) = invoke.answer(function, [FunctionCall((1,))], seconds=0.2)
        assert late.problem.kind == "TimeIsUp"
    assert cleaned == [True, True] and sys.gettrace() is before


def test_comparing_the_inputs_has_the_same_time_limit():
    call = FunctionCall((TensorData(np.ones((2, 3), np.float32)),))
    (late,) = invoke.answer(leaves_something_endless, [call], seconds=0.3)
    assert late.problem.kind == "TimeIsUp" and late.value is None
    (changed,) = invoke.answer(lambda x: setattr(x, "detach", None), [call])
    assert changed.problem is None and changed.changed == ("0",)


@pytest.mark.parametrize("limit", [limits._by_signal, limits._by_thread])
def test_waiting_for_a_processor_does_not_count_up_to_a_limit(limit, monkeypatch):
    waited = []

    def always_waits(self) -> float:
        waited.append(100.0)
        return sum(waited)

    monkeypatch.setattr(limits._More, "_waited", always_waits)
    with contextlib.contextmanager(limit)(0.2):
        while len(waited) < 2:  # asked at the beginning, and when the limit is reached
            pass
    with pytest.raises(limits.TimeIsUp), contextlib.contextmanager(limit)(0.02):
        while True:
            pass


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts how long a thread waits for a processor")
def test_the_kernel_tells_how_long_a_thread_waited():
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        endless = [sys.executable, "-c", "print(flush=True)\nwhile True: pass"]
        with subprocess.Popen(endless, stdout=subprocess.PIPE) as other:  # on the same processor
            other.stdout.readline()
            more = limits._More(1.0)
            start = time.thread_time()
            while time.thread_time() - start < 0.3:
                pass
            given = more.seconds()
            other.kill()
    finally:
        os.sched_setaffinity(0, before)
    assert given > 0.05


def test_a_time_limit_in_another_thread():
    results = []

    def work():
        results.append(invoke.answer(loops, exercise("softmax").calls(0), seconds=0.3))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert results and results[0][0].problem.kind == "TimeIsUp"


def test_printing_and_warning_do_not_matter(capsys):
    def noisy(x, axis=-1):
        print("shape", x.shape)
        print("problem", file=sys.stderr)
        warnings.warn("careful", stacklevel=1)
        np.log(np.zeros(1))
        return softmax(x, axis)

    assert assess("softmax", noisy).passed
    assert capsys.readouterr() == ("", "")
    wrong = assess("softmax", lambda x, axis=-1: print("my x", x.shape))
    assert "my x (1, 3)" in wrong.message


def test_the_learners_settings_do_not_matter_and_come_back():
    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)
    expected = random.random(), np.random.rand(), torch.rand(1).item()
    before = np.geterr()
    np.seterr(all="raise")
    torch.set_default_dtype(torch.float64)
    try:
        random.seed(5)
        np.random.seed(5)
        torch.manual_seed(5)
        torch.set_default_dtype(torch.float64)
        for name in ("softmax", "SelfAttentionHead", "TokenEmbedding"):
            with torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("error")
                assert assess(name, exercise(name).reference).passed
        assert torch.get_default_dtype() == torch.float64
        torch.set_default_dtype(torch.float32)
        assert (random.random(), np.random.rand(), torch.rand(1).item()) == expected
    finally:
        torch.set_default_dtype(torch.float32)
        np.seterr(**before)


def test_what_an_earlier_call_left_in_memory_is_no_answer():
    def half_written(length, d_model):
        encoding = np.empty((length, d_model))  # the memory in which the right table of the call before may lie
        encoding[:, 1::2] = positional_encoding(length, d_model)[:, 1::2]
        return encoding

    for _ in range(5):
        assert not assess("positional_encoding", half_written).passed

    def whole(ids, table):
        rows = np.empty((*ids.shape, table.shape[1]))
        rows[...] = table[ids]
        return rows

    assert assess("embed", whole).passed
    before = np.empty
    with limits.no_leftovers():
        assert np.isnan(np.empty((2, 2))).all() and torch.empty(2, requires_grad=True).isnan().all()
        assert (np.empty_like(np.arange(3)) == -1).all() and np.empty(2, bool).all()
        assert (torch.empty(2, dtype=torch.int64) == -1).all() and torch.empty(2, dtype=torch.bool).all()
        assert torch.empty_like(torch.zeros(2, dtype=torch.complex64)).isnan().all()
    assert np.empty is before


def test_state_of_the_object_does_not_pass_between_calls():
    class Once:
        def __init__(self):
            self.used = False

        def __call__(self, x, axis=-1):
            x[...] = 0  # a fresh copy each time: the next call is not harmed
            return softmax(x, axis)

    assert assess("softmax", Once()).score == 0
    assert assess("softmax", softmax).passed


def test_the_learners_own_lines_and_no_others(tmp_path):
    file = tmp_path / "cell.py"
    file.write_text("import numpy as np\n\ndef softmax(x, axis=-1):\n    return np.exp(x) / np.sum(x, axes=axis)\n")
    namespace: dict = {}
    exec(compile(file.read_text(), str(file), "exec"), namespace)
    verdict = assess("softmax", namespace["softmax"])
    assert verdict.state == "error"
    assert "line 4, in softmax: return np.exp(x) / np.sum(x, axes=axis)" in verdict.message
    assert "site-packages" not in verdict.message and "answering.py" not in verdict.message
    assert "TypeError" in verdict.message and "axes" in verdict.message


VALUES = """
import torch
from torch import nn

factor = 0.5

def mixed(query, value, mask=None):
    weights = query * factor
    return (weights @
            value), mask

class AddNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.dropout = 0.1
        self.norm = nn.LayerNorm(2)

    def forward(self, x):
        return self.norm(x) + self.dropout(x)

def unpacked(pair):
    pair = pair, {"a": 1}, "text"
    first, second = pair
"""


def test_at_an_exception_the_values_of_the_expression_that_failed(tmp_path):
    file = tmp_path / "cell.py"
    file.write_text(VALUES)
    namespace: dict = {"__name__": "cell"}
    exec(compile(VALUES, str(file), "exec"), namespace)
    (answer,) = invoke.answer(namespace["mixed"], [FunctionCall((np.ones((2, 3)), np.ones((2, 4))))])
    assert answer.problem.values == ("weights: float64 (2, 3)", "value: float64 (2, 4)")
    assert "cell" not in str(answer.problem.values)
    x = TensorData(np.ones((1, 2), np.float32))
    (answer,) = invoke.answer(lambda x: namespace["AddNorm"]()(x), [FunctionCall((x,))])
    assert answer.problem.text == "'float' object is not callable"
    assert answer.problem.values == ("self.dropout: 0.1", "x: tensor float32 (1, 2)")
    (answer,) = invoke.answer(namespace["unpacked"], [FunctionCall((1,))])
    assert answer.problem.values == ("pair: tuple of 3 items",)
    back = wire.unpack_answers(wire.pack_answers([answer]), 1)
    assert back == [answer]


def test_values_run_nothing_of_the_learners():
    class Loud:
        def __getattr__(self, name):
            raise SystemExit

        def __repr__(self):
            raise SystemExit

        __len__ = __class_getitem__ = __repr__

    def broken(x):
        loud = Loud()
        return loud @ x

    (answer,) = invoke.answer(broken, [FunctionCall((1,))])
    assert answer.problem.kind == "TypeError" and answer.problem.values == ("loud: Loud", "x: 1")


def test_a_changed_input_is_found_and_costs_a_part():
    asked = exercise("softmax")

    def changes(x, axis=-1):
        result = softmax(x, axis)
        x[...] = 0
        return result

    verdict = assess("softmax", changes)
    assert not verdict.passed and verdict.score == 0.5
    assert asked.mutates is False
    # where no misconception fits, the judge says it in its own words
    calls = asked.calls(0)
    bare = dataclasses.replace(asked, misconceptions=())
    message = judge(bare, calls, invoke.answer(changes, calls)).message
    assert "The result is right, but the call changes its input `x`." in message


def test_a_short_list_of_pairs_is_shown_whole():
    right, wrong = [("b", "c"), ("a", "b"), ("ab", "c")], [("b", "c"), ("a", "x"), ("ab", "c")]
    found = Comparison().difference(right, wrong)
    assert (found.path, found.remark) == ("", "The first difference is at index 1.")
    assert found.expected == str(right) and found.got == str(wrong)
    turned = Comparison().difference(right, right[::-1])
    assert turned.remark == "The items are right, their order is not. The first difference is at index 0."


def test_an_error_alone_is_no_diagnosis():
    """An answer that raises on every call gets a name only where one of its messages fits it, not the kind alone."""
    swapped = "query and key swapped"  # raises ValueError on every call
    wrong = next(m.wrong for m in exercise("scaled_dot_product_attention").misconceptions if m.name == swapped)
    assert assess("scaled_dot_product_attention", wrong).diagnosis == swapped

    def broken_softmax(query, key, value, mask=None):
        powers = np.exp(query @ np.swapaxes(key, -1, -2))
        return powers / powers.sum(axis=-1), powers

    verdict = assess("scaled_dot_product_attention", broken_softmax)
    assert verdict.state == "error" and verdict.diagnosis == "an axis is lost" and "keepdims" in verdict.message


def test_partial_credit_needs_the_main_part():
    overflow = next(m for m in exercise("softmax").misconceptions if m.name == "overflow")
    verdict = assess("softmax", overflow.wrong)
    assert 0 < verdict.score < 1 and f"{verdict.score:.0%} of the points" in verdict.message


def test_html_is_escaped():
    verdict = assess("softmax", lambda x, axis=-1: "<script>alert(1)</script>")
    assert "<script>" not in verdict.html and "&lt;script&gt;" in verdict.html


def test_marks_of_a_sentence_become_html():
    advice = "Multiply `2 * d * n` by 3 * n * m. It is *not* a sum: *never* `*args*` <b>."
    html = Verdict(name="softmax", passed=False, state="failed", score=0.0, advice=advice).html
    assert "<code>2 * d * n</code> by 3 * n * m. It is <em>not</em> a sum: <em>never</em> <code>*args*</code>" in html
    assert "&lt;b&gt;" in html


@pytest.mark.parametrize("asked", autograde.all_exercises(), ids=lambda asked: asked.name)
def test_a_check_takes_no_minutes(asked):
    """Not a benchmark: the limit is many times what a check takes, also on a machine that is very busy."""
    assess(asked.name, asked.reference)
    start = time.process_time()
    assess(asked.name, asked.reference)
    assess(asked.name, asked.misconceptions[-1].wrong)
    assert time.process_time() - start < 20


# --- check() --------------------------------------------------------------------------------------------------------


@pytest.fixture
def module_globals():
    before = dict(globals())
    check._failures.clear()
    yield globals()
    globals().update(before)


def test_check_shows_and_raises(module_globals, capsys):
    with pytest.raises(CheckFailed, match="Run the cell above"):
        autograde.check("project")
    right = softmax
    module_globals["softmax"] = lambda x, axis=-1: x
    with pytest.raises(CheckFailed) as caught:
        autograde.check("softmax")
    assert "Hint" not in str(caught.value)
    with pytest.raises(CheckFailed, match="Open Hint 1"):
        autograde.check("softmax")
    module_globals["softmax"] = right
    capsys.readouterr()
    autograde.check("softmax")
    assert "✓ softmax: passed" in capsys.readouterr().out


# --- plain data -----------------------------------------------------------------------------------------------------


def test_frames_bring_everything_back():
    value = {
        "array": np.arange(6, dtype=np.float32).reshape(2, 3),
        (1, "a"): [1, -(2**70), 0.1, float("nan"), float("-inf"), True, None, "안녕"],
        "tensor": TensorData(np.array([True, False])),
        "other": Other("generator"),
        "empty": np.zeros((0, 3)),
        "scalar": np.array(2.5),
    }
    back = load(dump(value))
    assert list(back) == list(value)
    assert back["array"].dtype == np.float32 and (back["array"] == value["array"]).all()
    assert str(back[(1, "a")]) == str(value[(1, "a")])
    assert (back["tensor"].array == value["tensor"].array).all() and back["other"] == value["other"]
    assert back["empty"].shape == (0, 3) and back["scalar"].shape == ()


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"1234567",
        b"\xff" * 30,
        dump([1, 2])[:-1],
        dump([1]) + b"x",
        dump(np.zeros(3))[:-4],
        (20).to_bytes(8, "big") + b'{"array":["O",[1]]} ',
        (24).to_bytes(8, "big") + b'{"array":["int8",[-1]]} ',
        (15).to_bytes(8, "big") + b'{"pickle":[1]} ',
        (14).to_bytes(8, "big") + b'{"float":"x"} ',
    ],
)
def test_a_malformed_frame_is_refused(frame):
    with pytest.raises(ValueError):
        load(frame)


def test_calls_and_answers_travel():
    for asked in autograde.all_exercises():
        calls = asked.calls(3)
        again = wire.unpack_calls(wire.pack_calls(calls))
        answers = invoke.answer(asked.reference, again)
        verdict = judge(asked, calls, wire.unpack_answers(wire.pack_answers(answers), len(calls)))
        assert verdict.passed, verdict.message
    made = FunctionCall((Fixture("linear", (np.eye(3, dtype=np.float32),)),))
    assert wire.unpack_calls(wire.pack_calls([made]))[0].args[0].factory == "linear"


def test_a_missing_answer_never_passes():
    asked = exercise("softmax")
    calls = asked.calls(0)
    answers = invoke.answer(softmax, calls)
    with pytest.raises(ValueError):
        judge(asked, calls, answers[:-1])
    with pytest.raises(ValueError):
        judge(asked, [], [])
    assert not judge(asked, calls, [*answers[:-1], invoke.Skipped()]).passed
    with pytest.raises(ValueError):
        wire.unpack_answers(dump([(True, 1)]), 1)


def test_subclasses_become_their_base():
    assert type(to_plain(np.zeros(2).view(Subclass))) is np.ndarray
    assert type(to_plain(type("Str", (str,), {})("a"))) is str
    assert type(to_plain(np.float64(2))) is float
    parameter = torch.nn.Parameter(torch.ones(2))
    assert isinstance(to_plain(parameter), TensorData)


def test_tolerance_follows_the_references_own_error():
    def calls(rng):
        return [FunctionCall((rng.normal(size=50) * 1e8,))]

    mean = Exercise(
        name="mean_gap",
        title="",
        points=1,
        minutes=1,
        hints=("", ""),
        reference=lambda x: np.sum(x - x.mean()),
        make_calls=calls,
    )
    mean.wrong("sum", "x")(lambda x: np.sum(x))
    # a sum of large numbers that cancel: the last digits are noise, and another order of adding has other noise
    asked = mean.calls(0)
    assert judge(mean, asked, invoke.answer(lambda x: sum(sorted(x - sum(x) / len(x))), asked)).passed
    assert not judge(mean, asked, invoke.answer(lambda x: np.sum(x - x.mean()) + 1, asked)).passed


def test_the_state_is_isolated_even_when_a_call_raises():
    with pytest.raises(RuntimeError), limits.fixed_state(), limits.quiet(), limits.no_exit():
        np.random.seed(1)
        raise RuntimeError
    assert os._exit.__name__ == "_exit"


def test_a_half_written_class_is_not_untouched():
    from helpers.vocabulary import Vocabulary

    class Half(Vocabulary):
        def decode(self, ids):
            raise NotImplementedError()

    verdict = assess("Vocabulary", Half)
    assert verdict.state == "failed" and 0 < verdict.score < 1 and "not written yet" in verdict.message


def test_what_a_known_mistake_keeps_between_calls_is_its_own_each_time():
    """A class that shares a store among its objects: each answer key begins with an empty one, and asks in order."""
    asked = exercise("Vocabulary")
    (number,) = (at for at, known in enumerate(asked.misconceptions) if known.name == "one store for all vocabularies")
    keys = [AnswerKey(asked, asked.calls(seed)) for seed in (0, 1, 0)]
    first, _, again = ([key.wrong(number, at) for at in reversed(range(len(key.calls)))] for key in keys)
    assert first == again and not asked.misconceptions[number].wrong.shared_words
