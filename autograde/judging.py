"""One pure function judges: `judge(exercise, calls, answers) -> Verdict`."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from autograde.answering import Answer, Problem, Unasked, answer
from autograde.comparing import Difference, Tolerance, brief, difference
from autograde.exercise import MAIN, Call, Exercise, Made
from autograde.plain import TensorData
from autograde.verdict import ERROR, FAILED, NOT_STARTED, PASSED, Verdict

# A result may differ by so many times the reference's own float error. Another order of the same operations stays
# within a few; 64 leaves room for long sums, and lies far below any mistake.
ROOM = 64
CHANGED = 0.5  # share of the points that is left when all results are right and inputs were changed
PATIENCE = 60.0  # seconds for a call of the reference


@dataclass(frozen=True)
class Finding:
    """What is wrong with the answer to one call."""

    call: Call
    difference: Difference | None = None
    problem: Problem | None = None
    missing_error: Problem | None = None
    changed: tuple[str, ...] = ()


class AnswerKey:
    """What the reference and the misconceptions answer to the calls of one exercise; computed when it is needed."""

    def __init__(self, exercise: Exercise, calls: Sequence[Call]):
        self.exercise, self.calls = exercise, list(calls)
        self._wrong: dict[tuple[int, int], Answer | Unasked] = {}

    @cached_property
    def expected(self) -> list[Answer | Unasked]:
        if self.exercise.expected is not None:
            return [Answer(self.exercise.expected(call)) for call in self.calls]
        return _viewed(self.exercise, self.calls, answer(self.exercise.reference, self.calls, PATIENCE))

    @cached_property
    def tolerances(self) -> list[Tolerance]:
        pairs = zip(self.calls, self.expected, strict=True)
        return [_tolerance(self.exercise, call, one) for call, one in pairs]

    def wrong(self, misconception: int, call: int) -> Answer | Unasked:
        """The answer of the misconception number `misconception` to the call number `call`."""
        at = misconception, call
        if at not in self._wrong:
            asked = [self.calls[call]]
            given = answer(self.exercise.misconceptions[misconception].wrong, asked)
            self._wrong[at] = _viewed(self.exercise, asked, given)[0]
        return self._wrong[at]


def judge(
    exercise: Exercise, calls: Sequence[Call], answers: Sequence[Answer | Unasked], key: AnswerKey | None = None
) -> Verdict:
    """Decide about the answers to `calls`, as `answering.answer` brings them back.

    Runs the reference and, for a wrong answer, the misconceptions on the same calls (or takes what `key` has of them);
    never the learner's code.
    """
    calls, answers = list(calls), list(answers)
    if not calls or len(answers) != len(calls):
        raise ValueError(f"{exercise.name}: {len(calls)} calls and {len(answers)} answers")
    if all(_unwritten(one.problem) for call, one in zip(calls, answers, strict=True) if call.part == MAIN):
        advice = "Write the code in the cell above, run that cell, then run this check again."
        return Verdict(exercise.name, False, NOT_STARTED, 0.0, advice=advice, points=exercise.points)
    key = AnswerKey(exercise, calls) if key is None else key
    got = _viewed(exercise, calls, answers)
    findings = [_finding(exercise, *each) for each in zip(calls, key.expected, got, key.tolerances, strict=True)]
    if not any(findings):
        return Verdict(exercise.name, True, PASSED, 1.0, points=exercise.points)
    first = next(filter(None, findings))
    named = _diagnose(key, got)
    return Verdict(
        exercise.name,
        passed=False,
        state=ERROR if first.problem and first.problem.kind not in _NO_ERRORS else FAILED,
        score=_score(exercise, calls, findings),
        diagnosis=named.name if named else None,
        advice=named.sentence if named else _advice(exercise, first),
        facts=tuple(_facts(exercise, first, answers[findings.index(first)], named is not None)),
        points=exercise.points,
    )


_NO_ERRORS = ("Unsuitable", "NotImplementedError")  # the code has not raised by mistake


def _unwritten(problem: Problem | None) -> bool:
    return problem is not None and problem.kind == "NotImplementedError"


def _viewed(exercise: Exercise, calls: list[Call], answers: list) -> list:
    if exercise.view is None:
        return answers
    return [
        one
        if one.problem is not None or isinstance(one, Unasked)
        else replace(one, value=_view(exercise, call, one.value))
        for call, one in zip(calls, answers, strict=True)
    ]


def _view(exercise: Exercise, call: Call, value: Any) -> Any:
    # a value of another form than the reference's is compared as it is, without what is reported beside it
    try:
        return exercise.view(call, value)
    except Exception:
        output = value.get("output", value) if isinstance(value, dict) else value
        return value if isinstance(output, dict) else output


def _finding(exercise: Exercise, call: Call, expected: Answer, got: Answer | Unasked, tolerance: Tolerance):
    if isinstance(got, Unasked):
        return Finding(call, Difference("", "a result", "not asked, because an earlier call did not return"))
    if expected.problem is not None:
        if got.problem is None:
            return Finding(call, missing_error=expected.problem, difference=Difference("", "", brief(got.value)))
        if expected.problem.kind not in got.problem.kinds:
            return Finding(call, problem=got.problem, missing_error=expected.problem)
        absent = [word for word in call.mentions if word not in got.problem.text]
        if absent:
            remark = f"The message of the {got.problem.kind} does not name {', '.join(map(repr, absent))}."
            return Finding(call, Difference("", expected.problem.text, got.problem.text, remark))
        return None
    if got.problem is not None:
        return Finding(call, problem=got.problem)
    found = difference(expected.value, got.value, tolerance, exercise.lenient, several=exercise.several)
    if found:
        return Finding(call, found)
    if got.changed and not exercise.mutates:
        return Finding(call, changed=got.changed)
    return None


def _score(exercise: Exercise, calls: list[Call], findings: list[Finding | None]) -> float:
    wrong = {call.part for call, finding in zip(calls, findings, strict=True) if finding and not finding.changed}
    if MAIN in wrong:
        return 0.0
    score = sum(share for part, share in exercise.parts.items() if part not in wrong)
    if any(finding and finding.changed for finding in findings):
        score *= CHANGED
    return round(min(1.0, max(0.0, score)), 4)


# --- tolerance ------------------------------------------------------------------------------------------------------


def _tolerance(exercise: Exercise, call: Call, expected: Answer) -> Tolerance:
    """From the reference's own float error: how far its result moves when every input moves by one rounding."""
    if call.tolerance is not None:
        return lambda path, values: call.tolerance
    if expected.problem is not None:
        return lambda path, values: 0.0
    rng = np.random.default_rng(0)
    moved: dict[str, float] = {}
    for _ in range(4):
        other = replace(
            call,
            args=_jitter(call.args, rng),
            kwargs=_jitter(call.kwargs, rng),
            weights=_jitter(call.weights, rng),
            new=_jitter(call.new, rng),
        )
        again = _viewed(exercise, [other], answer(exercise.reference, [other], PATIENCE))[0]
        if again.problem is None:
            _gaps(expected.value, again.value, "", moved)

    def tolerance(path: str, values: np.ndarray) -> float:
        finite = values[np.isfinite(values)] if values.size else values
        size = float(np.abs(finite).max()) if finite.size else 0.0
        eps = float(np.finfo(values.dtype).eps) if values.dtype.kind == "f" else 2.2e-16
        return ROOM * (moved.get(path, 0.0) + eps * size)

    return tolerance


def _jitter(value: Any, rng: np.random.Generator) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        eps = np.finfo(value.dtype).eps
        with np.errstate(invalid="ignore"):
            return (value * (1 + eps * rng.choice([-1.0, 1.0], value.shape))).astype(value.dtype)
    if isinstance(value, TensorData):
        return TensorData(_jitter(value.array, rng))
    if isinstance(value, Made):
        return Made(value.maker, _jitter(value.args, rng))
    if isinstance(value, list | tuple):
        return type(value)(_jitter(item, rng) for item in value)
    if isinstance(value, dict):
        return {key: _jitter(item, rng) for key, item in value.items()}
    return value


def _gaps(one: Any, other: Any, path: str, into: dict[str, float]) -> None:
    if isinstance(one, TensorData) and isinstance(other, TensorData):
        one, other = one.array, other.array
    if isinstance(one, float) and isinstance(other, float):
        one, other = np.asarray(one), np.asarray(other)
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        if one.shape == other.shape and one.size and one.dtype.kind == "f":
            with np.errstate(all="ignore"):
                gap = np.abs(one.astype(np.float64) - other.astype(np.float64))
            gap = gap[np.isfinite(gap)]
            into[path] = max(into.get(path, 0.0), float(gap.max()) if gap.size else 0.0)
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
        for index, pair in enumerate(zip(one, other, strict=False)):
            _gaps(*pair, f"{path}[{index}]", into)
    elif isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() & other.keys():
            _gaps(one[key], other[key], f"{path}[{key!r}]" if path else str(key), into)


# --- diagnosis ------------------------------------------------------------------------------------------------------


def _diagnose(key: AnswerKey, got: list[Answer | Unasked]):
    """The misconception that gives the learner's answers on every call, or None. Most differ at the first call."""
    for number, candidate in enumerate(key.exercise.misconceptions):
        same = all(_agree(key.exercise, key.wrong(number, at), one) for at, one in enumerate(got))
        if same and (any(one.problem is None for one in got) or _one_message(key, number, got)):
            return candidate
    return None


def _one_message(key: AnswerKey, number: int, got: list[Answer]) -> bool:
    """Whether an error reads the same. Where every call raises, the kind of error alone fits too many mistakes."""
    return any(key.wrong(number, at).problem.text == one.problem.text for at, one in enumerate(got))


def _agree(exercise: Exercise, one: Answer | Unasked, other: Answer | Unasked) -> bool:
    if isinstance(one, Unasked) or isinstance(other, Unasked):
        return False
    if (one.problem is None) != (other.problem is None):
        return False
    if one.problem is not None:
        return one.problem.kind == other.problem.kind
    if one.changed != other.changed:
        return False
    return difference(one.value, other.value, _naming_tolerance, exercise.lenient, several=exercise.several) is None


def _naming_tolerance(path: str, values: np.ndarray) -> float:
    finite = np.abs(values[np.isfinite(values)]) if values.size else values
    size = float(finite.max()) if finite.size else 0.0
    return (1e-4 if values.dtype == np.float32 else 1e-8) * max(size, 1e-3)


# --- words ----------------------------------------------------------------------------------------------------------


def _advice(exercise: Exercise, finding: Finding) -> str:
    if finding.problem is not None:
        if finding.problem.kind in ("Unsuitable", "TimeIsUp", "Exited"):
            return _sentence(finding.problem.text)
        if _unwritten(finding.problem):
            return "This part is not written yet."
        if finding.missing_error is not None:
            return f"{_article(finding.missing_error.kind)} is asked for here, {_article(finding.problem.kind)} came."
        return f"{finding.problem.kind}: {finding.problem.text}".rstrip(": ")
    if finding.missing_error is not None:
        return f"{_article(finding.missing_error.kind)} is asked for here, but the call returned a value."
    if finding.changed:
        names = ", ".join(f"`{name}`" for name in _argument_names(exercise, finding))
        return f"The result is right, but the call changes its input {names}. Work on a copy instead."
    return finding.difference.remark or "Expected and got differ."


def _article(kind: str) -> str:
    return f"{'An' if kind[:1] in 'AEIOU' else 'A'} {kind}"


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!")) else text + "."


def _argument_names(exercise: Exercise, finding: Finding) -> list[str]:
    names = _parameters(exercise, finding.call)
    return [names[int(i)] if i.isdigit() and int(i) < len(names) else i for i in finding.changed]


def _parameters(exercise: Exercise, call: Call) -> list[str]:
    target = exercise.reference
    if call.new is not None:
        method = call.method or ("forward" if hasattr(target, "forward") else "__call__")
        target = getattr(target, method, None)
    try:
        names = list(inspect.signature(target).parameters)
    except (TypeError, ValueError):
        return [f"argument {i + 1}" for i in range(len(call.args))]
    return names[1:] if call.new is not None and names[:1] == ["self"] else names


def _facts(exercise: Exercise, finding: Finding, given: Answer | Unasked, named: bool):
    # without a diagnosis the remark stands first, as the advice
    yield "Call", describe_call(exercise, finding.call)
    if finding.call.note:
        yield "Here", finding.call.note
    if finding.problem is not None:
        if finding.missing_error:
            yield "Expected", f"{finding.missing_error.kind}: {finding.missing_error.text}"
        if finding.problem.kind not in ("Unsuitable", "TimeIsUp", "Exited") and (named or finding.missing_error):
            yield "Got", f"{finding.problem.kind}: {finding.problem.text}".rstrip(": ")
        if finding.problem.lines:
            yield "In your code", "\n".join(finding.problem.lines)
    elif finding.missing_error is not None:
        yield "Expected", f"{finding.missing_error.kind}: {finding.missing_error.text}"
        yield "Got", finding.difference.got
    elif finding.difference is not None:
        where = f" ({finding.difference.path})" if finding.difference.path else ""
        yield "Expected" + where, finding.difference.expected
        yield "Got" + where, finding.difference.got
        if finding.difference.remark and named:
            yield "Difference", finding.difference.remark
    if given.printed.strip():
        lines = given.printed.strip().splitlines()
        yield "Printed", "\n".join([line[:100] for line in lines[:4]] + (["..."] if len(lines) > 4 else []))


def describe_call(exercise: Exercise, call: Call) -> str:
    """The call as a line of Python, large values replaced by name, dtype and shape."""
    notes: list[str] = []
    names = _parameters(exercise, call)
    arrays = sum(isinstance(value, np.ndarray | TensorData) for value in (*call.args, *call.kwargs.values()))
    most = 24 if arrays < 2 else 12  # a message stays short: of several arrays only small ones show their numbers
    inner = []
    for index, value in enumerate(call.args):
        name = names[index] if index < len(names) else f"argument {index + 1}"
        inner.append(_argument(name, value, notes, most))
    inner += [f"{name}={_argument(name, value, notes, most)}" for name, value in call.kwargs.items()]
    text = f"({', '.join(inner)})"
    if call.new is not None:
        fresh = [brief(v, 60) if not isinstance(v, Made) else v.maker for v in call.new]
        fresh += [f"{k}={brief(v, 60)}" for k, v in call.new_kwargs.items()]
        head = f"{exercise.name}({', '.join(fresh)})"
        if call.method == "":
            text = head
        elif call.method == "__len__":
            text = f"len({head})"
        elif call.method:
            text = f"{head}.{call.method}{text}"
        else:
            text = head + text
    else:
        text = exercise.name + text
    return "\n".join([text, *notes])


def _argument(name: str, value: Any, notes: list[str], most: int) -> str:
    if isinstance(value, Made):
        return value.maker
    if isinstance(value, np.ndarray | TensorData):
        notes.append(f"{name}: {brief(value, most=most)}")
        return name
    return brief(value, 120)
