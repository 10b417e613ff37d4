"""What an exception means, where its text and the learner's source leave no doubt: facts, never guesses."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from autograde.exercise import Exercise
from autograde.exercises import all_exercises
from autograde.harness.call import Problem
from autograde.harness.problems import undefined_name
from autograde.judge.source import (
    Definition,
    Function,
    Observation,
    attributes_of_self,
    defaults,
    defined,
    methods,
    reference_source,
)

IMPORTS = {
    "np": "import numpy as np",
    "torch": "import torch",
    "nn": "from torch import nn",
    "F": "from torch.nn import functional as F",
    "math": "import math",
    "re": "import re",
}


@dataclass(frozen=True)
class RaisedError:
    """An exception of an exercise's code, and the definition that the source has of it."""

    exercise: Exercise
    problem: Problem
    source: str
    definition: Definition | None

    @property
    def line(self) -> str:
        """The learner's line that raised it."""
        return _code(self.problem.lines[-1]) if self.problem.lines else ""

    @property
    def lines(self) -> list[str]:
        """The lines of this source that led to it, the innermost first."""
        lines = map(_code, reversed(self.problem.lines))
        return [line for line in lines if line and line in self.source]

    @property
    def function(self) -> str:
        """The name of the function with the line that raised it."""
        found = re.match(r"line \d+, in (\w+)", self.problem.lines[-1]) if self.problem.lines else None
        return found[1] if found else ""

    def called(self, line: str) -> Iterator[ast.Call]:
        return (node for node in ast.walk(parsed(line)) if isinstance(node, ast.Call))


Explanation = Callable[[RaisedError], Observation | None]


def explained(exercise: Exercise, problem: Problem, source: str | None) -> Observation | None:
    """The first explanation that is certain, or None."""
    case = raised_error(exercise, problem, source)
    return next(filter(None, (explain(case) for explain in EXPLANATIONS)), None)


def raised_error(exercise: Exercise, problem: Problem, source: str | None) -> RaisedError:
    return RaisedError(exercise, problem, source or "", defined(exercise.name, source) if source else None)


def _code(line: str) -> str:
    return line.split(": ", 1)[1] if ": " in line else ""


def parsed(line: str) -> ast.AST:
    """A line of code; an empty module where it is no whole statement."""
    for text in (line, f"{line} pass", f"{line.removeprefix('el')} pass"):
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return ast.Module([], [])


def _matches(case: RaisedError, pattern: str) -> re.Match[str] | None:
    return re.search(pattern, case.problem.text)


# --- modules --------------------------------------------------------------------------------------------------------


def module_list_called(case: RaisedError) -> Observation | None:
    if not _matches(case, r"Module \[(ModuleList|ModuleDict)\] is missing the required"):
        return None
    sentence = "Go through the `nn.ModuleList` with a loop, layer by layer: it only holds modules and cannot be called."
    return Observation("nn.ModuleList called", sentence)


def no_super_init(case: RaisedError) -> Observation | None:
    if not _matches(case, r"before Module\.__init__\(\) call"):
        return None
    return Observation(
        "no super().__init__()", "Begin `__init__` with `super().__init__()`: no module works without it."
    )


def names_of_parameters(case: RaisedError) -> Observation | None:
    """`load_state_dict` with names, or shapes, that do not fit."""
    if not _matches(case, r"loading state_dict for"):
        return None
    if found := _matches(case, r"size mismatch for ([\w.]+): .*?Size\(\[([\d, ]+)\]\).*?Size\(\[([\d, ]+)\]\)"):
        name, given, own = found[1], found[2].split(", "), found[3].split(", ")
        turned = " It is transposed, or belongs to another layer." if given == own[::-1] else ""
        sentence = f"`{name}` has the shape ({', '.join(own)}) and is given ({', '.join(given)}).{turned}"
        return Observation("a weight of another shape", sentence)
    parts = []
    for kind, words in (("Missing", "Without a value"), ("Unexpected", "without a place")):
        if found := _matches(case, rf"{kind} key\(s\) in state_dict: (.+)"):
            first, *more = re.findall(r'"([^"]+)"', found[1])
            parts.append(f"{words}: `{first}`" + (f" and {len(more)} more" if more else ""))
    if not parts:
        return None
    sentence = "; ".join(parts)
    return Observation("names that do not fit", f"The names do not fit. {sentence[:1].upper()}{sentence[1:]}.")


def sequential_called(case: RaisedError) -> Observation | None:
    if not _matches(case, r"^Sequential\.forward\(\) (takes 2 positional|got an unexpected keyword)"):
        return None
    sentence = "Go through the layers with a loop: `nn.Sequential` hands on one value only, and these take several."
    return Observation("several inputs for nn.Sequential", sentence)


def parameter_changed_in_place(case: RaisedError) -> Observation | None:
    if not _matches(case, "leaf Variable that requires grad is being used in an in-place operation"):
        return None
    sentence = (
        "Change the tensor first and wrap it in `nn.Parameter` last, or change it inside `with torch.no_grad():`."
    )
    return Observation("a parameter changed in place", f"{sentence} A parameter cannot be changed in place otherwise.")


def module_in_place_of_a_tensor(case: RaisedError) -> Observation | None:
    from torch import nn

    found = _matches(case, r"must be Tensor, not (\w+)")
    if found is None:
        return None
    own = next((exercise.reference for exercise in all_exercises() if exercise.name == found[1]), None)
    kind = own or getattr(nn, found[1], None)
    if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
        return None
    sentence = f"Call the module with the tensor: here `{found[1]}` itself is in the place of a tensor."
    made = found[1] if own else f"nn.{found[1]}"
    return Observation("a module in place of its result", f"{sentence} `{made}(...)` only makes a module.")


def without_self(case: RaisedError) -> Observation | None:
    """A name that a method does not know, and that the class has as an attribute, or `__init__` as an argument."""
    name = undefined_name(case.problem.kind, case.problem.text)
    if name is None or not isinstance(case.definition, ast.ClassDef):
        return None
    own = methods(case.definition)
    if case.function not in own or case.function == "__init__" or case.line not in case.lines:
        return None
    if name in _attributes_set(case.definition):
        return Observation("self is missing", f"Write `self.{name}`: `{case.function}` knows no `{name}` of its own.")
    if "__init__" in own and name in _arguments(own["__init__"]):
        sentence = (
            f"Keep `{name}` in `__init__` (`self.{name} = {name}`): `{case.function}` does not know its arguments."
        )
        return Observation("an argument is not kept", sentence)
    return None


def set_without_self(case: RaisedError) -> Observation | None:
    found = _matches(case, r"^'(\w+)' object has no attribute '(\w+)'")
    if case.problem.kind != "AttributeError" or not found or not isinstance(case.definition, ast.ClassDef):
        return None
    name, own = found[2], methods(case.definition)
    if found[1] != case.definition.name or name in _attributes_set(case.definition) or "__init__" not in own:
        return None
    local = {node.id for node in ast.walk(own["__init__"]) if isinstance(node, ast.Name) and _stores(node)}
    if name not in local:
        return None
    return Observation(
        "self is missing", f"Write `self.{name} = ...` in `__init__`: without `self.` it ends with the call."
    )


def _attributes_set(definition: ast.ClassDef) -> set[str]:
    return {node.attr for node in attributes_of_self(definition) if _stores(node)}


def _stores(node: ast.Name | ast.Attribute) -> bool:
    return isinstance(node.ctx, ast.Store)


def _arguments(function: Function) -> set[str]:
    return {each.arg for each in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)}


# --- pairs ----------------------------------------------------------------------------------------------------------


def pair_not_taken_apart(case: RaisedError) -> Observation | None:
    """The result of a function that returns several values, passed on as a whole, where an error speaks of a tuple."""
    if not _matches(case, r"\btuple\b|inhomogeneous shape") or case.definition is None:
        return None
    returned = _several_values(case.definition)
    named = {name: call for name, value in _kept(case.definition) if (call := _callee(value)) in returned}
    for line in case.lines:
        tree = parsed(line)
        parts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Subscript)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in named and not _stores(node) and id(node) not in parts:
                return _pair(node.id, named[node.id])
        for argument in (argument for call in case.called(line) for argument in call.args):
            if _callee(argument) in returned:
                return _pair("", _callee(argument))
    return None


def _kept(definition: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """(name, value) of `name = value`, `name = [value for ...]` and `name.append(value)`."""
    for node in ast.walk(definition):
        match node:
            case ast.Assign([ast.Name(name)], ast.ListComp(elt=value)) | ast.Assign([ast.Name(name)], value):
                yield name, value
            case ast.Call(ast.Attribute(ast.Name(name), "append"), [value]):
                yield name, value


def _pair(name: str, call: str) -> Observation:
    sentence = (
        f"Take the result of `{call}` apart first, as in `output, _ = {call}(...)`: it returns more than one value."
    )
    if name:
        sentence = f"{sentence[:-1]}, and `{name}` has all of them."
    return Observation("a pair not taken apart", sentence)


def _callee(node: ast.expr) -> str:
    """The name that is called, with `self.` where it is an attribute; "" for everything else."""
    return (
        ast.unparse(node.func) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute) else ""
    )


def _several_values(definition: Definition) -> frozenset[str]:
    """What returns several values: functions of exercises, and attributes that are modules of such exercises."""
    functions, classes = _exercises_with_several_values()
    made = {
        ast.unparse(node.targets[0])
        for node in ast.walk(definition)
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Attribute)
        if _callee(node.value) in classes
    }
    return functions | made


@cache
def _exercises_with_several_values() -> tuple[frozenset[str], frozenset[str]]:
    functions: set[str] = set()
    classes: set[str] = set()
    for exercise in all_exercises():
        tree = reference_source(exercise)
        function = methods(tree).get("forward") if isinstance(tree, ast.ClassDef) else tree
        returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)] if function else []
        if returned and all(isinstance(value, ast.Tuple) and len(value.elts) > 1 for value in returned):
            (classes if exercise.is_class else functions).add(exercise.name)
    return frozenset(functions), frozenset(classes)


def result_of_max(case: RaisedError) -> Observation | None:
    found = _matches(case, r"torch\.return_types\.(\w+)")
    if not found:
        return None
    sentence = f"Take `.values` or `.indices` of `{found[1]}(dim=...)`: for tensors it returns both."
    return Observation("values and places together", sentence)


# --- NumPy and PyTorch ----------------------------------------------------------------------------------------------


def numpy_on_a_tensor(case: RaisedError) -> Observation | None:
    called = {_callee(call) for call in case.called(case.line)}
    through = "np." in case.line or any(name in _numpy_functions() for name in called)
    of_numpy = _matches(case, "received an invalid combination of arguments") and through
    if not of_numpy and not _matches(case, r"Can't call numpy\(\) on Tensor that requires grad"):
        return None
    by = [name for name in called if name.startswith("np.") or name in _numpy_functions()]
    what = f"`{by[0]}` works with NumPy arrays and gets a tensor" if len(by) == 1 else "NumPy gets a tensor"
    return Observation("NumPy on a tensor", f"Use PyTorch's functions for tensors: here {what}.")


@cache
def _numpy_functions() -> frozenset[str]:
    """Exercises that are functions of NumPy arrays."""
    return frozenset(exercise.name for exercise in all_exercises() if not exercise.is_class and _takes_arrays(exercise))


def _takes_arrays(exercise: Exercise) -> bool:
    arguments = (value for call in exercise.calls() for value in (*call.args, *call.kwargs.values()))
    return any(isinstance(value, np.ndarray) for value in arguments)


def torch_on_an_array(case: RaisedError) -> Observation | None:
    found = _matches(case, r"^(\w+)\(\): argument '\w+' \(position \d+\) must be Tensor, not (?:numpy\.)?ndarray")
    if not found:
        return None
    use = "Use NumPy here" if case.exercise.name in _numpy_functions() else "Make a tensor of it first"
    return Observation("PyTorch on an array", f"{use}: `{found[1]}` is PyTorch's and gets a NumPy array.")


def method_of_the_other_library(case: RaisedError) -> Observation | None:
    import torch

    found = _matches(case, r"^'(numpy\.ndarray|Tensor)' object has no attribute '(\w+)'")
    if not found:
        return None
    kind, name = found[1], found[2]
    if kind == "Tensor" and hasattr(np.ndarray, name):
        return Observation(
            "NumPy on a tensor", f"`.{name}` is a method of NumPy arrays; here it is called on a tensor."
        )
    if kind != "Tensor" and hasattr(torch.Tensor, name):
        return Observation(
            "PyTorch on an array", f"`.{name}` is a method of tensors; here it is called on a NumPy array."
        )
    return None


def truth_of_an_array(case: RaisedError) -> Observation | None:
    words = "truth value of an array with more than one element|Boolean value of Tensor with more than one value"
    if not _matches(case, words):
        return None
    kind, choose = ("a tensor", "torch.where") if "Tensor" in case.problem.text else ("an array", "np.where")
    sentence = (
        f"Use `is None` to ask whether {kind} is there, and `&`, `|`, `~` or `{choose}` for its values: Python asks "
        f"here whether {kind} is true (`if`, `and`, `or`, `not`, `in`, `max`), and it has many values."
    )
    return Observation("truth of an array", sentence)


def no_gradient_at_all(case: RaisedError) -> Observation | None:
    if not _matches(case, "element 0 of tensors does not require grad and does not have a grad_fn"):
        return None
    cut = _cutting(case.definition) if case.definition is not None else []
    names = (
        ", ".join(f"`{name}`" for name in cut)
        or "`.detach()`, `.data`, `.item()`, `.numpy()`, `torch.tensor(...)`, `torch.no_grad()` or `argmax`"
    )
    does = "cuts" if len(cut) == 1 else "cut"
    sentence = f"No gradient flows through the result. {names} {does} a tensor off from what it was computed from."
    return Observation("no gradient", sentence)


def _cutting(definition: ast.AST) -> list[str]:
    """What cuts a tensor off from its history, in the order of the source."""
    found: dict[str, None] = {}
    for node in ast.walk(definition):
        if isinstance(node, ast.Attribute) and node.attr in ("detach", "item", "numpy", "tolist"):
            found[f".{node.attr}()"] = None
        elif isinstance(node, ast.Attribute) and node.attr == "data":
            found[".data"] = None
        elif isinstance(node, ast.Call) and _callee(node) in ("torch.tensor", "torch.as_tensor", "torch.no_grad"):
            found[f"{_callee(node)}(...)"] = None
        elif isinstance(node, ast.keyword) and node.arg == "requires_grad" and ast.unparse(node.value) == "False":
            found["requires_grad=False"] = None
    return list(found)


def axis_and_dim(case: RaisedError) -> Observation | None:
    found = _matches(case, r"got an unexpected keyword argument '(dim|keepdim)'")
    if not found or case.exercise.name not in _numpy_functions():
        return None
    name = {"dim": "axis", "keepdim": "keepdims"}[found[1]]
    return Observation(
        "dim in place of axis", f"Write `{name}=`: NumPy does not know `{found[1]}`, which is PyTorch's."
    )


def letters_of_einsum(case: RaisedError) -> Observation | None:
    words = "einstein sum|einsum"
    if not _matches(case, words) or not _matches(
        case, "too many subscripts|more dimensions|does not match the number of"
    ):
        return None
    sentence = (
        'Begin the subscripts with `...`, as in `"...i,io->...o"`: with a letter for each axis, `einsum` takes '
        "arrays with that many axes only, and here is one with another number of them."
    )
    return Observation("a letter for each axis", sentence)


def several_numbers_as_one(case: RaisedError) -> Observation | None:
    found = _matches(case, r"a Tensor with (\d+) elements cannot be converted to Scalar")
    if not found:
        return None
    sentence = f"`.item()`, `int` and `float` take a tensor with one number, and here it has {found[1]}."
    return Observation("several numbers as one", f"Keep the whole tensor: {sentence}")


# --- plain Python ---------------------------------------------------------------------------------------------------


def number_called(case: RaisedError) -> Observation | None:
    if not _matches(case, r"^'(float|int)' object is not callable"):
        return None
    values = dict(text.split(": ", 1) for text in case.problem.values if ": " in text)
    called = [
        name
        for name in map(_callee, case.called(case.line))
        if re.fullmatch(r"-?[\d.]+(e-?\d+)?", values.get(name, ""))
    ]
    if len(called) != 1:
        return None
    sentence = f"`{called[0]}` is the number {values[called[0]]}, and it is called like a function."
    return Observation("a number is called", sentence)


def not_imported(case: RaisedError) -> Observation | None:
    name = undefined_name(case.problem.kind, case.problem.text)
    if name not in IMPORTS:
        return None
    sentence = f"Import it first (`{IMPORTS[name]}`). After a restart, run the notebook from its first cell on."
    return Observation("an import is missing", sentence)


def calls_itself(case: RaisedError) -> Observation | None:
    if case.problem.kind != "RecursionError" or len(case.problem.lines) < 2:
        return None
    where = f"`{case.function}`" if case.problem.lines[-1] == case.problem.lines[-2] else "The code"
    return Observation("endless recursion", f"{where} calls itself again and again: no call comes to an end.")


def none_here(case: RaisedError) -> Observation | None:
    """None where a value is needed, and there is one thing only that can be it."""
    if not _matches(case, "NoneType"):
        return None
    none = [value.removesuffix(": None") for value in case.problem.values if value.endswith(": None")]
    if len(none) != 1:
        return None
    optional = defaults(case.definition) if isinstance(case.definition, Function) else ()
    left_out = any(name == none[0] and isinstance(value, ast.Constant) for name, value in optional)
    why = ", which may be left out" * left_out
    return Observation("None in place of a value", f"Ask first whether `{none[0]}` is None{why}: in this call it is.")


EXPLANATIONS: tuple[Explanation, ...] = (
    module_list_called,
    sequential_called,
    no_super_init,
    names_of_parameters,
    parameter_changed_in_place,
    result_of_max,
    pair_not_taken_apart,
    module_in_place_of_a_tensor,
    numpy_on_a_tensor,
    torch_on_an_array,
    method_of_the_other_library,
    truth_of_an_array,
    no_gradient_at_all,
    axis_and_dim,
    letters_of_einsum,
    several_numbers_as_one,
    calls_itself,
    none_here,
    number_called,
    without_self,
    set_without_self,
    not_imported,
)
