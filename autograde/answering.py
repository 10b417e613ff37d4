"""Put the calls of an exercise to an object and bring back plain data.

This is the only module that runs a learner's code. It knows no reference, no misconception and no score: in grading
it runs beside the learner's code, while another process judges what it sends (`judging.judge`).
"""

from __future__ import annotations

import inspect
import linecache
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from autograde import limits, reports
from autograde.errors import Unsuitable
from autograde.exercise import Call, Made
from autograde.makers import MAKERS
from autograde.plain import Other, TensorData, dump, load, to_plain, type_name
from autograde.weights import trained_weights

# files whose lines are not the learner's: this package, the references, the standard library
OURS = (
    str(Path(__file__).parent),
    str(Path(__file__).parent.parent / "helpers"),
    str(Path(inspect.__file__).parent),
    "<frozen",
)
_READING = 1.0  # seconds for the text of an exception


@dataclass(frozen=True)
class Problem:
    """An exception, as plain data: its class, all its base classes too, its text, and the learner's lines."""

    kind: str
    text: str
    kinds: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What came back from one call: a value or a problem; which arguments changed; what was printed."""

    value: Any = None
    problem: Problem | None = None
    changed: tuple[str, ...] = ()
    printed: str = ""


@dataclass(frozen=True)
class Unasked:
    """The calls after one that did not return are not put."""

    problem: None = None
    value: Other = field(default_factory=lambda: Other("nothing", "not asked"))
    changed: tuple = ()
    printed: str = ""


def answer(obj: Any, calls: list[Call], seconds: float = limits.SECONDS) -> list[Answer | Unasked]:
    """Put all calls to `obj`. Never raises on behalf of `obj`; a call that takes longer than `seconds` is ended, and
    the calls after it are not put."""
    answers: list[Answer | Unasked] = []
    for call in calls:
        if answers and _ends(answers[-1]):
            answers.append(Unasked())
        else:
            answers.append(_one(obj, call, seconds))
    return answers


def _ends(last: Answer | Unasked) -> bool:
    return isinstance(last, Unasked) or (last.problem is not None and last.problem.kind == "TimeIsUp")


def _one(obj: Any, call: Call, seconds: float) -> Answer:
    args = realise_args(call.args)
    kwargs = realise(call.kwargs, args)
    value, changed, problem = None, (), None
    with limits.fixed_state(), limits.no_exit(), limits.quiet() as out:
        try:
            with limits.time_limit(seconds):
                value = to_plain(_put(obj, call, args, kwargs))
                changed = tuple(_changed(call, args, kwargs))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            value, problem = None, _problem_in_time(error, seconds)
        printed = out.getvalue()
    return Answer(value, problem, changed, printed[:1000])


def realise_args(args: tuple) -> tuple:
    """Fresh copies of the arguments of a call; a later one may be made from an earlier one."""
    made: tuple = ()
    for value in args:
        made += (realise(value, made),)
    return made


def realise(value: Any, args: tuple = ()) -> Any:
    """A fresh copy of an argument; `TensorData` becomes a tensor and `Made` the object that it names."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, TensorData):
        import torch

        return torch.from_numpy(value.array.copy())
    if isinstance(value, Made):
        inner = realise(value.args, args)
        return args[inner[0]] if value.maker == "argument" else MAKERS[value.maker](*inner)
    if isinstance(value, list | tuple):
        return type(value)(realise(item, args) for item in value)
    if isinstance(value, dict):
        return {key: realise(item, args) for key, item in value.items()}
    return value


def _changed(call: Call, args: tuple, kwargs: dict):
    pairs = [*enumerate(zip(call.args, args, strict=True)), *((k, (v, kwargs[k])) for k, v in call.kwargs.items())]
    for name, (before, after) in pairs:
        try:
            untouched = _untouched(before, after)
        except Exception:  # it can no longer be compared
            untouched = False
        if not untouched:
            yield str(name)


def _untouched(before: Any, after: Any) -> bool:
    if isinstance(before, Made):
        return True
    if isinstance(before, TensorData):
        after = after.detach().cpu().numpy()
        return before.array.shape == after.shape and bool(np.array_equal(before.array, after))
    if isinstance(before, np.ndarray):
        return before.shape == after.shape and before.dtype == after.dtype and before.tobytes() == after.tobytes()
    if isinstance(before, list | tuple):
        return len(before) == len(after) and all(map(_untouched, before, after))
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(_untouched(before[k], after[k]) for k in before)
    return before is after or before == after


def _put(obj: Any, call: Call, args: tuple, kwargs: dict) -> Any:
    if "weights" in call.report:
        return trained_weights(obj)
    if call.new is None:
        if not callable(obj):
            raise Unsuitable(f"this is {type_name(obj)} and cannot be called; a function is asked for")
        if tuple(call.report) == ("output",):
            return obj(*args, **kwargs)
        return _use_function(obj, call, args, kwargs)
    if not inspect.isclass(obj):
        raise Unsuitable(f"this is {type_name(obj)}; a class is asked for")
    made = obj(*realise(call.new), **realise(call.new_kwargs))
    import torch

    if not isinstance(made, torch.nn.Module):
        return _use(made, call, args, kwargs)
    return _use_module(made, call, args, kwargs)


def _use_function(function: Any, call: Call, args: tuple, kwargs: dict) -> dict[str, Any]:
    inputs = reports.learning_inputs(call, args, kwargs)
    output = function(*args, **kwargs)
    reported = {"output": to_plain(output)}
    if "args" in call.report:
        reported["args"] = reports.objects(args)
    if "input_gradients" in call.report:
        reports.backward(output)
        reported["input_gradients"] = reports.taken_gradients(inputs)
    return reported


def _use(made: Any, call: Call, args: tuple, kwargs: dict) -> Any:
    first = _use_once(made, call, args, kwargs)
    if not call.then:
        return first
    return [to_plain(first), *(to_plain(getattr(made, method)(*realise(more))) for method, more in call.then)]


def _use_once(made: Any, call: Call, args: tuple, kwargs: dict) -> Any:
    if call.method == "":
        return None
    if call.method is None:
        if not callable(made):
            raise Unsuitable(f"an object of the class {type_name(made)} cannot be called")
        return made(*args, **kwargs)
    # `len(x)` and `x.__len__()` are the same question, but the builtin checks the result
    if call.method == "__len__":
        return len(made)
    return getattr(made, call.method)(*args, **kwargs)


def _use_module(module: Any, call: Call, args: tuple, kwargs: dict) -> Any:
    import torch

    reported: dict[str, Any] = {}
    parameters = dict(module.named_parameters())
    if "parameters" in call.report:
        reported["parameters"] = {name: list(p.shape) for name, p in sorted(parameters.items())}
    if "initial" in call.report:
        reported["initial"] = {name: to_plain(p) for name, p in sorted(parameters.items())}
    if "buffers" in call.report:
        reported["buffers"] = {name: list(b.shape) for name, b in sorted(module.named_buffers())}
    _load(parameters, call.weights or {})
    module.train(call.training)
    inputs = reports.learning_inputs(call, args, kwargs)
    output = _use(module, call, args, kwargs)
    if "output" in call.report:
        reported["output"] = to_plain(output)
    if {"gradients", "input_gradients"} & set(call.report):
        reports.backward(output)
    if "gradients" in call.report:
        reported["gradients"] = {
            name: to_plain(torch.zeros_like(p) if p.grad is None else p.grad) for name, p in sorted(parameters.items())
        }
    if "input_gradients" in call.report:
        reported["input_gradients"] = reports.taken_gradients(inputs)
    return reported["output"] if tuple(call.report) == ("output",) else reported


def _load(parameters: dict[str, Any], weights: dict[str, np.ndarray]) -> None:
    import torch

    for name, values in weights.items():
        if name not in parameters:
            have = ", ".join(f"`{p}`" for p in sorted(parameters)) or "none"
            raise Unsuitable(f"the module has no parameter `{name}`; its parameters are: {have}")
        if tuple(parameters[name].shape) != values.shape:
            shape = tuple(parameters[name].shape)
            raise Unsuitable(f"the parameter `{name}` has the shape {shape}; {values.shape} is asked for")
        with torch.no_grad():
            parameters[name].copy_(torch.as_tensor(values))


# --- exceptions as plain data ---------------------------------------------------------------------------------------


def _problem_in_time(error: BaseException, seconds: float) -> Problem:
    """An exception's class and text may be the learner's own, so reading them has a time limit too."""
    try:
        with limits.time_limit(min(seconds, _READING)):
            return _problem(error, seconds)
    except KeyboardInterrupt:
        raise
    except limits.TimeIsUp:
        text = f"an exception was raised whose text took longer than {min(seconds, _READING):g} seconds"
        return Problem("TimeIsUp", text, ("TimeIsUp",))
    except BaseException:
        return Problem("Exception", "its text could not be read", ("Exception",))


def _problem(error: BaseException, seconds: float) -> Problem:
    kinds = tuple(cls.__name__ for cls in type(error).__mro__ if cls is not object)
    if isinstance(error, limits.TimeIsUp):
        text = f"no result after {seconds:g} seconds: is there a loop that never ends?"
        return Problem("TimeIsUp", text, kinds, learner_lines(error))
    if isinstance(error, limits.Exited | SystemExit):
        return Problem("Exited", "the code asked Python to exit", kinds, learner_lines(error))
    return Problem(type(error).__name__, _text(error), kinds, learner_lines(error))


def _text(error: BaseException) -> str:
    try:
        text = str(error)
    except (KeyboardInterrupt, limits.TimeIsUp):
        raise
    except BaseException:
        return ""
    return text if len(text) <= 500 else text[:500] + " ..."


def learner_lines(error: BaseException, most: int = 4) -> tuple[str, ...]:
    """The lines of a traceback that the learner wrote, innermost last: neither ours nor a library's."""
    lines = []
    try:
        for frame, number in traceback.walk_tb(error.__traceback__):
            code = frame.f_code
            file = code.co_filename
            if file.startswith(OURS) or "site-packages" in file:
                continue
            source = linecache.getline(file, number).strip()
            where = f"line {number}, in {code.co_name}" if code.co_name != "<module>" else f"line {number}"
            lines.append(f"{where}: {source}" if source else where)
    except (KeyboardInterrupt, limits.TimeIsUp):
        raise
    except BaseException:
        return ()
    return tuple(lines[-most:])


# --- between processes ----------------------------------------------------------------------------------------------

_FIELDS = tuple(Call.__dataclass_fields__)


def pack_calls(calls: list[Call]) -> bytes:
    return dump([{name: _pack(getattr(call, name)) for name in _FIELDS} for call in calls])


def unpack_calls(frame: bytes) -> list[Call]:
    return [Call(**{name: _unpack(value) for name, value in fields.items()}) for fields in load(frame)]


def _pack(value: Any) -> Any:
    if isinstance(value, Made):
        return {"made": value.maker, "args": _pack(value.args)}
    if isinstance(value, list | tuple):
        return type(value)(_pack(item) for item in value)
    if isinstance(value, dict):
        return {"items": [(key, _pack(item)) for key, item in value.items()]}
    return value


def _unpack(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_unpack(item) for item in value)
    if isinstance(value, dict):
        if "made" in value:
            return Made(value["made"], _unpack(value["args"]))
        return {key: _unpack(item) for key, item in value["items"]}
    return value


def pack_answers(answers: list[Answer | Unasked]) -> bytes:
    rows = []
    for one in answers:
        problem = one.problem and (one.problem.kind, one.problem.text, one.problem.kinds, one.problem.lines)
        rows.append((isinstance(one, Unasked), one.value, problem, one.changed, one.printed))
    return dump(rows)


def unpack_answers(frame: bytes, expected: int) -> list[Answer | Unasked]:
    """Read what an untrusted process sent; ValueError if it is not `expected` answers of the right form."""
    rows = load(frame)
    if type(rows) is not list or len(rows) != expected:
        raise ValueError(f"{expected} answers were asked for")
    return [_unpack_answer(row) for row in rows]


def _unpack_answer(row: Any) -> Answer | Unasked:
    if type(row) is not tuple or len(row) != 5:
        raise ValueError("a malformed answer")
    unasked, value, problem, changed, printed = row
    if unasked is True:
        return Unasked()
    if problem is not None:
        if type(problem) is not tuple or len(problem) != 4 or not _texts(problem[2]) or not _texts(problem[3]):
            raise ValueError("a malformed problem")
        problem = Problem(str(problem[0])[:100], str(problem[1])[:600], problem[2], problem[3])
    if type(printed) is not str or not _texts(changed):
        raise ValueError("a malformed answer")
    return Answer(value, problem, changed, printed[:1000])


def _texts(value: Any) -> bool:
    return type(value) is tuple and all(type(item) is str and len(item) < 2000 for item in value)
