"""Call a learner's object as an exercise asks, and bring back plain data.

This is the only module that runs a learner's code. It knows no reference, no misconception and no score: in grading
it runs beside the learner's code, while another process judges what it sends (`judge.judge`).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from autograde.harness import limits, reports
from autograde.harness.call import (
    Answer,
    Call,
    ConstructorCall,
    Fixture,
    FunctionCall,
    MethodCall,
    ModuleCall,
    Problem,
    Skipped,
    Unsuitable,
    WeightsCall,
)
from autograde.harness.fixtures import build_argument, build_arguments
from autograde.harness.plain import TensorData, to_plain, type_name
from autograde.harness.problems import problem_in_time
from autograde.harness.weights import trained_weights

NAMES_SHOWN = 6  # of the parameters of a module that lacks one


def answer(
    obj: Any, calls: list[Call], seconds: float = limits.SECONDS, busy: float = limits.BUSY
) -> list[Answer | Skipped]:
    """Make all calls of `obj`. Never raises on behalf of `obj`; a call that takes longer than `seconds` (and has not
    waited for a processor meanwhile, up to `busy` times as long) is ended, and the calls after it are skipped."""
    answers: list[Answer | Skipped] = []
    for call in calls:
        if answers and ran_out_of_time(answers[-1]):
            answers.append(Skipped())
        else:
            answers.append(_one(obj, call, seconds, busy))
    return answers


def ran_out_of_time(last: Answer | Skipped) -> bool:
    """Whether a call was ended at its limit, or was skipped after one that was."""
    return isinstance(last, Skipped) or (last.problem is not None and last.problem.kind == "TimeIsUp")


def _one(obj: Any, call: Call, seconds: float, busy: float) -> Answer:
    args = build_arguments(call.args)
    kwargs = build_argument(call.kwargs, args)
    value: Any = None
    changed: tuple[str, ...] = ()
    problem: Problem | None = None
    with limits.fixed_state(), limits.no_exit(), limits.no_leftovers(), limits.quiet() as out:
        try:
            with limits.time_limit(seconds, busy):
                value = to_plain(_put(obj, call, args, kwargs))
                changed = tuple(_changed(call, args, kwargs))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            value, problem = None, problem_in_time(error, seconds)
        printed = out.getvalue()
    return Answer(value, problem, changed, printed[:1000])


def _changed(call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[str]:
    pairs = [*enumerate(zip(call.args, args, strict=True)), *((k, (v, kwargs[k])) for k, v in call.kwargs.items())]
    for name, (before, after) in pairs:
        try:
            untouched = _untouched(before, after)
        except Exception:  # it can no longer be compared
            untouched = False
        if not untouched:
            yield str(name)


def _untouched(before: Any, after: Any) -> bool:
    if isinstance(before, Fixture):
        return True
    if isinstance(before, TensorData):
        after = after.detach().cpu().numpy()
        return before.array.shape == after.shape and bool(np.array_equal(before.array, after))
    if isinstance(before, np.ndarray):
        return bool(before.shape == after.shape and before.dtype == after.dtype and before.tobytes() == after.tobytes())
    if isinstance(before, list | tuple):
        return len(before) == len(after) and all(map(_untouched, before, after))
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(_untouched(before[k], after[k]) for k in before)
    return before is after or bool(before == after)


def _put(obj: Any, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    match call:
        case WeightsCall():
            return trained_weights(obj)
        case FunctionCall():
            return _call_function(obj, call, args, kwargs)
        case ConstructorCall():
            made = _construct(obj, args, kwargs)
            if not _is_module(made):
                return None
            if "initial" in call.report and _equally_random(made, _construct(obj, args, kwargs)):
                raise Unsuitable("two objects of this class start with equal numbers; random ones differ each time")
            return _prepare(made, call) or None
        case MethodCall():
            made = _construct(obj, build_argument(call.new), build_argument(call.new_kwargs))
            if call.another is not None:
                obj(*build_argument(call.another))
            return _call_methods(made, call, args, kwargs)
        case ModuleCall():
            made = _construct(obj, build_argument(call.new), build_argument(call.new_kwargs))
            # an ordinary object has no weights and nothing to report, but its output may be right
            return (_call_module if _is_module(made) else _call_methods)(made, call, args, kwargs)


def _is_module(made: Any) -> bool:
    import torch

    return isinstance(made, torch.nn.Module)


def _call_function(function: Any, call: FunctionCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not callable(function):
        raise Unsuitable(f"this is {_a(function)} and cannot be called; expected a function")
    if call.report == ("output",):
        return function(*args, **kwargs)
    inputs = reports.learning_inputs(call, args, kwargs)
    output = function(*args, **kwargs)
    reported = {"output": to_plain(output)}
    if "args" in call.report:
        reported["args"] = reports.objects(args)
    if "random" in call.report:
        reported["random"] = reports.random_state()
    if "input_gradients" in call.report:
        reports.backward(output)
        reported["input_gradients"] = reports.taken_gradients(inputs)
    return reported


def _a(obj: Any) -> str:
    kind = type_name(obj)
    return f"{'an' if kind[0].lower() in 'aeio' else 'a'} {kind}"


def _construct(obj: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not inspect.isclass(obj):
        raise Unsuitable(f"this is {_a(obj)}; expected a class")
    return obj(*args, **kwargs)


def _equally_random(made: Any, another: Any) -> bool:
    """Whether all parameters that look random, with more than two values, are equal in two modules."""
    others = dict(another.named_parameters())
    random = {name: parameter for name, parameter in made.named_parameters() if len(parameter.unique()) > 2}
    return bool(random) and all(name in others and random[name].equal(others[name]) for name in random)


def _call_methods(made: Any, call: MethodCall | ModuleCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    first = _call_method(made, call.method, args, kwargs)
    if not call.then:
        return first
    return [to_plain(first), *(to_plain(getattr(made, method)(*build_argument(more))) for method, more in call.then)]


def _call_method(made: Any, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    match method:
        case "__call__":
            if not callable(made):
                raise Unsuitable(f"an object of the class {type_name(made)} cannot be called")
            return made(*args, **kwargs)
        case "__len__":  # `x.__len__()` is the same question, but the builtin checks the result
            return len(made)
        case _:
            return getattr(made, method)(*args, **kwargs)


def _call_module(module: Any, call: ModuleCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    import torch

    reported = _prepare(module, call)
    parameters = _parameters(module, call.weights)
    module.train(call.training)
    inputs = reports.learning_inputs(call, args, kwargs)
    output = _call_methods(module, call, args, kwargs)
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
    return reported["output"] if call.report == ("output",) else reported


def _prepare(module: Any, call: ConstructorCall | ModuleCall) -> dict[str, Any]:
    """Load the weights of the call into a module, and report what it was constructed with."""
    reported: dict[str, Any] = {}
    parameters = _parameters(module, call.weights)
    if "parameters" in call.report:
        reported["parameters"] = {name: list(p.shape) for name, p in sorted(parameters.items())}
    if "initial" in call.report:
        reported["initial"] = {name: to_plain(p) for name, p in sorted(parameters.items())}
    if "buffers" in call.report:
        reported["buffers"] = {name: list(b.shape) for name, b in sorted(module.named_buffers())}
    if "modules" in call.report:
        reported["modules"] = sorted(name for name, _ in module.named_children())
    _load(module, parameters, call.weights)
    return reported


def _parameters(module: Any, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters by name. One that has several names counts once, by the name that is wanted: two modules may share
    a matrix, and which of them was made first does not matter."""
    names: dict[int, list[str]] = {}
    parameters = dict(module.named_parameters(remove_duplicate=False))
    for name, parameter in parameters.items():
        names.setdefault(id(parameter), []).append(name)
    chosen = (next((name for name in group if name in wanted), group[0]) for group in names.values())
    return {name: parameters[name] for name in chosen}


def _load(module: Any, parameters: dict[str, Any], weights: dict[str, np.ndarray]) -> None:
    import torch

    every = dict(module.named_parameters(remove_duplicate=False))
    for name, values in weights.items():
        if name not in parameters:
            same = [other for other, parameter in parameters.items() if parameter is every.get(name)]
            if same:
                raise Unsuitable(f"`{name}` and `{same[0]}` are one and the same; make a part for each")
            have = ", ".join(f"`{p}`" for p in sorted(parameters)[:NAMES_SHOWN]) or "none"
            if len(parameters) > NAMES_SHOWN:
                have += f" and {len(parameters) - NAMES_SHOWN} more"
            raise Unsuitable(f"the module has no parameter `{name}`; its parameters are: {have}")
        if tuple(parameters[name].shape) != values.shape:
            shape = tuple(parameters[name].shape)
            raise Unsuitable(f"the parameter `{name}` has the shape {shape}; expected {values.shape}")
        with torch.no_grad():
            parameters[name].copy_(torch.as_tensor(values))
