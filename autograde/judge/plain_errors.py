"""What an exception says, in plain words and with the names and sizes of the learner's line: facts, never causes.

Told where nothing says more about the cause (`exceptions.explained`, `source.observe`).
"""

from __future__ import annotations

import ast
import difflib
import inspect
import re
from collections.abc import Callable

from autograde.exercise import Exercise
from autograde.exercises import all_exercises
from autograde.harness.call import Problem
from autograde.judge.compare import with_article
from autograde.judge.exceptions import RaisedError, parsed, raised_error
from autograde.judge.source import Observation, functions_without_result

_REDUCTIONS = {
    *("sum", "mean", "max", "min", "amax", "amin", "any", "all", "std", "var", "prod", "argmax", "argmin", "norm"),
    *("logsumexp", "nansum", "nanmax", "nanmean"),
}


def described(exercise: Exercise, problem: Problem, source: str | None) -> Observation | None:
    """The first description that fits, or None."""
    case = raised_error(exercise, problem, source)
    found = next(filter(None, (describe(case) for describe in _DESCRIPTIONS)), None)
    return found or _from_table(case)


def _from_table(case: RaisedError) -> Observation | None:
    for pattern, name, sentence in _TABLE:
        if found := re.search(pattern, case.problem.text):
            return Observation(name, sentence.format(*(group or "" for group in found.groups())))
    return None


# --- shapes ---------------------------------------------------------------------------------------------------------

_BROADCAST = (
    r"could not be broadcast together with shapes|could not broadcast input array|must match the size of tensor b"
    r"|boolean index did not match|shape of the mask .* does not match"
)


def axis_lost(case: RaisedError) -> Observation | None:
    """A sum, maximum, ... without the axis that it ran along, in a line whose shapes do not go together."""
    if not re.search(_BROADCAST, case.problem.text) or case.line not in case.lines or case.definition is None:
        return None
    line = parsed(case.line)
    names = {node.id for node in ast.walk(line) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    shapes = [found[1] for value in case.problem.values if (found := re.search(r"\(([\d, ]+)\)", value))]
    if len(shapes) > 1 and len({len(re.findall(r"\d+", shape)) for shape in shapes}) == 1:
        names = set()  # all have equally many axes
    values = [
        node.value
        for node in ast.walk(case.definition)
        if isinstance(node, ast.Assign)
        and len(node.targets) == 1
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in names
    ]
    for value in (*_reductions(line), *values):
        if isinstance(value, ast.Call) and _drops_an_axis(value):
            keep = "keepdim=True" if any(each.arg == "dim" for each in value.keywords) else "keepdims=True"
            sentence = (
                f"The shapes do not go together, and `{ast.unparse(value)}` has lost the axis that it runs along. "
                f"`{keep}` keeps it, with size 1."
            )
            return Observation("an axis is lost", sentence)
    return None


def _reductions(tree: ast.AST) -> list[ast.AST]:
    """Operands of an operation in a line: what a result of such a call goes into at once."""
    sides = (side for node in ast.walk(tree) if isinstance(node, ast.BinOp) for side in (node.left, node.right))
    return [side for side in sides if isinstance(side, ast.Call)]


def _drops_an_axis(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in _REDUCTIONS:
        return False
    keywords = {each.arg for each in call.keywords}
    return bool(keywords & {"axis", "dim"}) and not keywords & {"keepdims", "keepdim", None}


def product(case: RaisedError) -> Observation | None:
    """Both sides of a matrix product do not fit together."""
    text = case.problem.text
    if found := re.search(r"mismatch in its core dimension 0.*\(size (\d+) is different from (\d+)\)", text):
        right, left = found.groups()
    elif found := re.search(
        r"not aligned: (\d+) \(dim \d+\) != (\d+) \(dim \d+\)|multiplied \(\d+x(\d+) and (\d+)x", text
    ):
        left, right = filter(None, found.groups())
    elif found := re.search(r"dimensions of batch2 tensor to be: \[(\d+, \d+)\] but got: \[(\d+, \d+)\]", text):
        wanted, got = (pair.split(", ") for pair in found.groups())
        if wanted[0] != got[0]:
            sentence = f"In {_the_product(case)} the left side has {wanted[0]} matrices and the right side {got[0]}."
            return Observation("sizes of a product", sentence)
        left, right = wanted[1], got[1]
    else:
        return None
    if left == right:
        return None
    if "mat1" in text and "@" not in case.line:
        sentence = f"What goes into the product, or into the linear layer, has the width {left}; it takes {right}."
    else:
        sentence = (
            f"In {_the_product(case)} the last axis of the left side has the size {left}, the second-last of the right "
            f"side {right}. They have to be equal."
        )
    return Observation("sizes of a product", sentence)


def _the_product(case: RaisedError) -> str:
    products = [
        node for node in ast.walk(parsed(case.line)) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)
    ]
    text = ast.unparse(products[0]) if len(products) == 1 else ""
    if text and len(text) <= 60:
        return f"`{text}`"
    here = products or re.search(r"\b(matmul|bmm|mm|dot|einsum|baddbmm)\(", case.line)
    return "the matrix product of this line" if here else "a matrix product inside this line's call"


def several_values(case: RaisedError) -> Observation | None:
    found = re.search(r"^(not enough|too many) values to unpack \(expected (?:at least )?(\d+)", case.problem.text)
    if not found or case.line not in case.lines:
        return None
    there = "fewer" if found[1] == "not enough" else "more"
    what = " The array has another number of axes in this call." if re.search(r"\.(shape|size\(\))$", case.line) else ""
    sentence = f"The line has names for {found[2]} values, and there are {there}.{what}"
    return Observation("not as many values as names", sentence)


# --- names, arguments, places ---------------------------------------------------------------------------------------


def unknown_name(case: RaisedError) -> Observation | None:
    found = re.search(r"^name '(\w+)' is not defined", case.problem.text)
    if case.problem.kind != "NameError" or not found:
        return None
    name = found[1]
    if name in {exercise.name for exercise in all_exercises()}:
        return Observation(
            "an unknown name", f"Run the cell that defines `{name}` first, or write it: it is not there."
        )
    near = difflib.get_close_matches(name, _names(case), 1, 0.7)
    meant = f" There is `{near[0]}`." if near else ""
    return Observation("an unknown name", f"Nothing has the name `{name}` here.{meant}")


def _names(case: RaisedError) -> list[str]:
    if case.definition is None:
        return []
    bound = {
        *(node.arg for node in ast.walk(case.definition) if isinstance(node, ast.arg)),
        *(
            node.id
            for node in ast.walk(case.definition)
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
        ),
    }
    return sorted(bound)


def no_value_yet(case: RaisedError) -> Observation | None:
    found = re.search(r"(?:local|free) variable '(\w+)'", case.problem.text)
    if case.problem.kind not in ("UnboundLocalError", "NameError") or not found:
        return None
    sentence = (
        f"Give `{found[1]}` a value in every case: in this call it is read before any line has given it one "
        "(in an `if`, in a loop that runs zero times, or further down)."
    )
    return Observation("read before it has a value", sentence)


def unknown_argument(case: RaisedError) -> Observation | None:
    found = re.search(r"^(?:(\w+)\.)?(\w+)\(\) got an unexpected keyword argument '(\w+)'", case.problem.text)
    if not found:
        return None
    owner, function, argument = found.groups()
    target = next((exercise.reference for exercise in all_exercises() if exercise.name == (owner or function)), None)
    target = getattr(target, function, target) if owner and target is not None else target
    what = f"`{owner or function}`"
    if (owner or function) == case.exercise.name:
        sentence = f"Give {what} the argument `{argument}` of the exercise: it is called with it."
        return Observation("an argument is missing in the definition", sentence)
    named = [name for name in inspect.signature(target).parameters if name != "self"] if target is not None else []
    listed = f" Its arguments are {', '.join(f'`{name}`' for name in named)}." if named else ""
    return Observation("an argument that is not there", f"{what} has no argument `{argument}`.{listed}")


def other_number_of_arguments(case: RaisedError) -> Observation | None:
    text = case.problem.text
    if found := re.search(r"^([\w.<>]+)\(\) missing \d+ required (?:positional|keyword-only) arguments?: (.+)$", text):
        missing = re.sub(r"'(\w+)'", r"`\1`", found[2])
        return Observation("an argument is left out", f"`{_plain(found[1])}` is called without {missing}.")
    found = re.search(r"^([\w.<>]+)\(\) takes (.+?) positional arguments? but (\d+) (?:was|were) given", text)
    if not found:
        return None
    if "." not in found[1] and f"{found[1]}(" not in case.line:
        return None  # it is called further inside
    if f"torch.{found[1]}(" in case.line:  # PyTorch counts, and means a type
        sentence = f"`torch.{found[1]}` does not take these arguments: look at their types, and at their number."
        return Observation("arguments that do not fit", sentence)
    with_self = " (`self` is one of them)" if "." in found[1] else ""
    sentence = f"`{_plain(found[1])}` takes {found[2]} arguments{with_self}, and is called with {found[3]}."
    return Observation("another number of arguments", sentence.replace("takes 1 arguments", "takes 1 argument"))


def _plain(qualified: str) -> str:
    return qualified.removesuffix(".__init__").removesuffix(".forward").split("<locals>.")[-1]


def attribute(case: RaisedError) -> Observation | None:
    found = re.search(
        r"^(?:'([\w.]+)' object|type object '(\w+)'|module '([\w.]+)') has no attribute '(\w+)'", case.problem.text
    )
    if case.problem.kind != "AttributeError" or not found:
        return None
    kind, name = found[1] or found[2] or found[3], found[4]
    if case.definition is not None and kind == case.exercise.name:
        own = {
            node.attr
            for node in ast.walk(case.definition)
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load)
        }
        own |= {node.name for node in ast.walk(case.definition) if isinstance(node, ast.FunctionDef)}
        near = difflib.get_close_matches(name, sorted(own), 1, 0.6)
        there = f"; there is `self.{near[0]}`" if near else ""
        return Observation("an attribute that is not there", f"Nothing has set `self.{name}`{there}.")
    what = "None" if kind == "NoneType" else f"`{kind}`" if found[3] else with_article(_spoken(kind))
    return Observation("an attribute that is not there", f"`.{name}` is read from {what}, which has none of this name.")


def beyond_the_end(case: RaisedError) -> Observation | None:
    found = re.search(r"^(list|string|tuple) (?:assignment )?index out of range", case.problem.text)
    if not found:
        return None
    further = [
        ast.unparse(node)
        for node in ast.walk(parsed(case.line))
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.BinOp) and isinstance(node.slice.op, ast.Add)
    ]
    sentence = f"An index is beyond the end of a {found[1]}: its last place is its length minus 1."
    if len(set(further)) == 1:
        sentence += f" Of `{further[0]}` that is easily forgotten."
    return Observation("an index beyond the end", sentence)


def its_own_error(case: RaisedError) -> Observation | None:
    """An error that the learner's line raises on purpose."""
    if case.line in case.lines and case.line.startswith("assert "):
        return Observation(
            "an assert fails", f"The code's own `{case.line}` does not hold in this call, and it should pass."
        )
    if case.line not in case.lines or not re.search(r"(^|: )raise\b", case.line):
        return None
    sentence = f"The code raises this {case.problem.kind} itself, in a call whose arguments are fine."
    return Observation("an error where none belongs", sentence)


def missing_key(case: RaisedError) -> Observation | None:
    if case.problem.kind != "KeyError" or not case.problem.text:
        return None
    return Observation(
        "a key that is not there", f"A dictionary has no key {case.problem.text}, which is looked up here."
    )


def types_together(case: RaisedError) -> Observation | None:
    found = re.search(r"unsupported operand type\(s\) for (\S+?)=?: '([\w.]+)' and '([\w.]+)'", case.problem.text)
    if not found:
        return None
    left, right = (with_article(_spoken(kind)) for kind in found.groups()[1:])
    sentence = f"`{found[1]}` has {left} on its left and {right} on its right, which do not go together."
    return Observation("types that do not go together", sentence)


def _spoken(kind: str) -> str:
    kind = kind.split(".")[-1]
    names = {"NoneType": "None", "int": "whole number", "float": "number", "str": "string", "dict": "dictionary"}
    return names.get(kind, "NumPy array" if kind == "ndarray" else kind)


def no_return(case: RaisedError) -> Observation | None:
    """A None that comes from the learner's own function, which returns nothing."""
    if not re.search(r"\bNone(Type)?\b", case.problem.text) or case.definition is None:
        return None
    for name in functions_without_result(case.exercise, case.definition):
        return Observation("a return is missing", f"`{name}` has no `return` with a value, so None comes back.")
    return None


def used_as(case: RaisedError) -> Observation | None:
    """A value that is called, looped over, indexed or measured, and is of a type that knows nothing of it."""
    text = case.problem.text
    patterns: dict[str, tuple[str, str]] = {
        r"^'([\w.]+)' object is not callable": ("is called like a function", "a value is called"),
        r"^'([\w.]+)' object is not (?:iterable|an iterator)|^cannot unpack non-iterable ([\w.]+) object": (
            "is looped over, or taken apart",
            "a single value taken apart",
        ),
        r"^'([\w.]+)' object is not subscriptable|^'([\w.]+)' object does not support indexing": (
            "gets an index in square brackets",
            "a single value with an index",
        ),
        r"^'([\w.]+)' object does not support item assignment": (
            "cannot be changed place by place, and is",
            "cannot be changed",
        ),
        r"^object of type '([\w.]+)' has no len\(\)|^len\(\) of (unsized object|a 0-d tensor)": (
            "has no length, but `len` is called on it",
            "no length",
        ),
        r"^'([\w.]+)' object cannot be interpreted as an integer": (
            "is where a whole number belongs (`range`, a size, a length)",
            "a whole number is needed",
        ),
        r"^(?:list|tuple|string) indices must be integers(?: or slices)?, not '?([\w.]+?)'?$": (
            "is used as the index of a list, tuple or string: an index is a whole number",
            "a whole number is needed",
        ),
        r"^unhashable type: '([\w.]+)'": (
            "is used as the key of a dictionary, or in a set: use something that cannot change, such as a tuple",
            "a key that can change",
        ),
    }  # fmt: skip
    for pattern, (what, name) in patterns.items():
        if found := re.search(pattern, text):
            kind = next(filter(None, found.groups()), "")
            spoken = _spoken(kind) if kind not in ("unsized object", "a 0-d tensor") else "single number"
            spoken = spoken if spoken == "None" else with_article(spoken)
            return Observation(name, f"{spoken[:1].upper()}{spoken[1:]} {what}.")
    return None


_DESCRIPTIONS: tuple[Callable[[RaisedError], Observation | None], ...] = (
    its_own_error,
    axis_lost,
    product,
    several_values,
    no_value_yet,
    unknown_name,
    unknown_argument,
    other_number_of_arguments,
    attribute,
    beyond_the_end,
    missing_key,
    no_return,
    types_together,
    used_as,
)

_TOGETHER = "Shapes are compared from the last axis on: two sizes have to be equal, or one of them 1."
# (pattern of the text, name, sentence with the pattern's groups)
_TABLE: tuple[tuple[str, str, str], ...] = (
    (
        r"boolean index did not match|shape of the mask .* does not match the shape of the indexed tensor",
        "a mask of another shape in square brackets",
        "A mask in square brackets needs the sizes of the array. `np.where` (`torch.where`, `masked_fill`) also takes "
        "a mask that has to be stretched.",
    ),
    (
        r"could not be broadcast together with shapes (\(.*?\)) (\(.*?\))",
        "shapes that do not go together",
        f"{{0}} and {{1}} do not go together. {_TOGETHER}",
    ),
    (
        r"could not broadcast input array from shape (\(.*?\)) into shape (\(.*?\))",
        "shapes that do not go together",
        "What is assigned has the shape {0}, the place for it {1}.",
    ),
    (
        r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\)",
        "shapes that do not go together",
        f"The sizes {{0}} and {{1}} meet, which do not go together. {_TOGETHER}",
    ),
    (
        r"expanded size of the tensor \((\d+)\) must match the existing size \((\d+)\)",
        "shapes that do not go together",
        "An axis of size {1} cannot be stretched to {0}: only an axis of size 1 can.",
    ),
    (
        r"output with shape (\[.*?\]) doesn't match the broadcast shape (\[.*?\])",
        "shapes that do not go together",
        "The result has the shape {1} and is put into a tensor of the shape {0}, where it does not fit.",
    ),
    (
        r"except in dimension (\d+)\. Expected size (\d+) but got size (\d+)",
        "shapes that cannot be joined",
        "What is joined along axis {0} has to be equal in all other axes; here the sizes {1} and {2} meet.",
    ),
    (
        r"except for the concatenation axis must match exactly, but along dimension (\d+)",
        "shapes that cannot be joined",
        "What is joined has to be equal in all axes but the one along which it is joined; axis {0} differs.",
    ),
    (
        r"all the input arrays must have same number of dimensions|Tensors must have same number of dimensions",
        "shapes that cannot be joined",
        "What is joined has to have equally many axes.",
    ),
    (
        r"all input arrays must have the same shape|stack expects each tensor to be equal size",
        "shapes that cannot be joined",
        "What is stacked has to be of one shape; here the shapes differ.",
    ),
    (
        r"cannot reshape array of size (\d+) into shape (\(.*?\))|shape '(\[.*?\])' is invalid for input of size (\d+)",
        "another number of values in the new shape",
        "A reshape keeps all numbers: {0}{3} of them do not fill the shape {1}{2}.",
    ),
    (
        r"view size is not compatible with input tensor's size and stride",
        "view of exchanged axes",
        "Use `reshape` (or `.contiguous()` before `view`): after axes have been exchanged, `view` cannot merge them.",
    ),
    (
        r"axes don't match array|number of dimensions in the tensor input does not match the length of the desired",
        "another number of axes",
        "The call that exchanges axes names another number of axes than the array has here.",
    ),
    (
        r"axis (-?\d+) is out of bounds for array of dimension (\d+)",
        "an axis that is not there",
        "There is no axis {0} in this call: the array has {1} of them, counted from 0.",
    ),
    (
        r"Dimension out of range \(expected to be in range of \[(-?\d+), (-?\d+)\], but got (-?\d+)\)",
        "an axis that is not there",
        "There is no axis {2} in this call: the tensor's are {0} to {1}.",
    ),
    (
        r"expects a tensor with <= 2 dimensions, but self is (\d)D",
        "an axis that is not there",
        "`t` is for at most two axes, and here there are {0}. `transpose(-2, -1)` exchanges the last two.",
    ),
    (
        r"too many indices for (?:array|tensor)",
        "an axis that is not there",
        "The square brackets have more indices than the array has axes in this call.",
    ),
    (
        r"index (-?\d+) is out of bounds for (?:axis|dimension) (\d+) with size (\d+)",
        "an index beyond the end",
        "The index {0} is beyond the end of axis {1}, which has the size {2}: its last place is its size minus 1.",
    ),
    (
        r"^index (-?\d+) is out of range$",
        "an index beyond the end",
        "There is no item {0}: the last place of a list of layers is its length minus 1.",
    ),
    (
        r"^(.{1,40}) is not in (list|tuple)$|^(tuple)\.index\(x\): x not in tuple|^(substring) not found",
        "not among them",
        "`index` looks for something that is not there in this call. Ask first whether it is there: `in`.",
    ),
    (
        r"array split does not result in an equal division",
        "no equal parts",
        "`np.split` with a number cuts into equal parts, and this width has none. Give it the places where to cut.",
    ),
    (
        r"selected index k out of range",
        "more than there are",
        "The `k` of `topk` is larger than the axis is long: take the smaller of the two, `min(k, size)`.",
    ),
    (
        r"index out of range in self",
        "an index beyond the end",
        "An id is looked up that the table has no row for.",
    ),
    (
        r"inhomogeneous shape|expected sequence of length \d+ at dim|setting an array element with a sequence",
        "rows of different lengths",
        "An array is made of pieces whose lengths differ. All rows of an array are equally long.",
    ),
    (
        r"Given normalized_shape=\[(\d+)\], expected input with shape \[\*, \d+\], but got input of size\[.*?(\d+)\]",
        "another width",
        "The normalization is made for the width {0}, and its input has the width {1}.",
    ),
    (
        r"Expected target size \[.*?\], got \[.*?\]",
        "classes on another axis",
        "`F.cross_entropy` wants the classes on axis 1: logits (batch, words, length) for labels (batch, length). "
        "Exchange the axes, or flatten both: (batch * length, words) and (batch * length,).",
    ),
    # dtypes
    (
        r"have the same dtype, but got:? (\w+) (?:and|!=) (\w+)|expected scalar type (\w+) but found (\w+)"
        r"|Found dtype (\w+) but expected (\w+)",
        "two dtypes that do not go together",
        "Numbers of two dtypes meet, {0}{2}{4} and {1}{3}{5} (Double is float64, Float is float32, Long is int64). "
        "Bring both to one dtype: NumPy's numbers are float64 unless told otherwise, PyTorch's float32.",
    ),
    (
        r"to have one of the following scalar types: Long, Int; but got torch\.(?:cuda\.)?(\w+)Tensor"
        r"|(?:tensors|arrays) used as indices must be|expected dtype int64 for index|only integers, slices",
        "an index that is no whole number",
        "What is used as an index has to have whole numbers (int64).",
    ),
    (
        r"only supports boolean masks|invert.* (?:is only implemented on integer|not supported for the input types)",
        "a mask of numbers",
        "The mask has to have truth values: compare (`mask == 0`, `ids != pad`), or use `.bool()`.",
    ),
    (
        r"mean\(\): could not infer output dtype",
        "a mean of whole numbers",
        "PyTorch takes the mean of floating-point numbers only: use `.float()` first.",
    ),
    (
        r"only integer scalar arrays can be converted to a scalar index",
        "an array in the place of a whole number",
        "An array is where a single whole number belongs, such as an axis or a size.",
    ),
    (
        r"only (?:length-1|0-dimensional) arrays can be converted|only one element tensors can be converted",
        "an array in the place of a number",
        "A function for a single number gets an array. `np.sqrt`, `np.exp`, ... (`torch.sqrt`, ...) work on arrays.",
    ),
    (
        r"(\w+)\(\): argument '(\w+)' (?:\(position \d+\) )?must be (?:a )?([\w ]+?), not (\w+)",
        "another type as an argument",
        "`{0}` takes {2} as its argument `{1}`, and gets {3}.",
    ),
    (
        r"expected Tensor as element \d+ in argument 0, but got (\w+)",
        "another type as an argument",
        "What is joined has to be a list of tensors; one of its items is {0}.",
    ),
    (
        r"must be real number, not (\w+)",
        "another type as an argument",
        "A function for a single number gets {0}.",
    ),
    (
        r"'(<|>|<=|>=)' not supported between instances of '(\w+)' and '(\w+)'",
        "types that do not go together",
        "`{0}` compares {1} with {2}, which have no order.",
    ),
    (
        r'can only concatenate (\w+) \(not "(\w+)"\) to (\w+)',
        "types that do not go together",
        "`+` joins {0} and {0}; here the other side is {1}.",
    ),
    (
        r"sequence item \d+: expected str instance, (\w+) found",
        "types that do not go together",
        "`join` takes strings, and one of the items is {0}.",
    ),
    (
        r"can't multiply sequence by non-int of type '(\w+)'",
        "types that do not go together",
        "A list, tuple or string is multiplied by {0}. Only an array is multiplied number by number.",
    ),
    # gradients
    (
        r"Trying to backward through the graph a second time",
        "backward twice",
        "`backward` runs twice through the same computation. Compute the loss anew for each step.",
    ),
    (
        r"needed for gradient computation has been modified by an inplace operation",
        "changed in place",
        "A tensor that the gradient needs is changed in place (`+=`, `x[...] = ...`, `masked_fill_`). Make a new one.",
    ),
    (
        r"grad can be implicitly created only for scalar outputs",
        "backward of many numbers",
        "`backward` starts at a single number, such as a mean; here it is called on a tensor of many.",
    ),
    # numbers
    (
        r"division by zero",
        "a division by zero",
        "The divisor is 0 in this call.",
    ),
    (
        r"math domain error|math range error|expected a (?:positive|nonnegative) (?:input|number)",
        "a number outside the domain",
        "A function of `math` gets a number for which it has no result, such as the logarithm or the root of what is "
        "not positive.",
    ),
    (
        r"(min|max)\(\) (?:arg is an empty sequence|iterable argument is empty)",
        "nothing to choose from",
        "`{0}` gets nothing to choose from in this call.",
    ),
    (
        r"pop from (?:an )?empty|zero-size array to reduction operation|popitem\(\): dictionary is empty",
        "nothing there",
        "Something is taken from what is empty in this call.",
    ),
    (
        r"dictionary changed size during iteration|Set changed size during iteration|deque mutated during iteration",
        "changed while it is looped over",
        "Loop over a copy, `list(...)`: what is looped over changes its size in the loop.",
    ),
)  # fmt: skip
