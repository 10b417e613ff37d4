"""Static rules: what they see, however it is written, and that right answers raise no alarm."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import textwrap
import time

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from autograde import all_exercises
from autograde.course import notebooks
from autograde.course.lessons import GRADED
from autograde.exercises import exercise as find_exercise
from autograde.grading.notebook.rules import SECONDS, Code, exceeds, reviews
from conftest import filled, released

# right answers of the catalogue that call the library's own: a check cannot know, a rule does
WITH_LIBRARY = {
    "softmax": {"with_torch"},
    "scaled_dot_product_attention": {"with_torch"},
    "one_hot": {"with_torch"},
    "embed": {"with_torch"},
    "multi_head_by_hand": {"with_torch"},
    "normalize": {"with_torch"},
    "layer_norm": {"with_torch"},
    "add_and_norm": {"with_torch"},
    "LayerNormalization": {"Functional"},
    "relu": {"with_torch"},
    "linear": {"with_torch"},
}


def of(name: str, *sources: str) -> list[str]:
    """The lines that the rules report for an answer to the exercise `name`."""
    return [line for _, line in Code(list(sources)).uses(find_exercise(name))]


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ndef softmax(x, axis=-1):\n    return torch.softmax(x, axis)",
        "from torch import softmax as s\ndef softmax(x, axis=-1):\n    return s(x, axis)",
        "from torch.nn import functional as F\ndef softmax(x, axis=-1):\n    return F.softmax(x, axis)",
        "import torch.nn.functional\ndef softmax(x, axis=-1):\n    return torch.nn.functional.softmax(x, axis)",
        "def softmax(x, axis=-1):\n    from scipy.special import softmax\n    return softmax(x, axis)",
        "from scipy import special\ndef softmax(x, axis=-1):\n    return special.softmax(x, axis)",
        "import torch\ndef softmax(x, axis=-1):\n    return torch.as_tensor(x).softmax(axis).numpy()",
        "import torch\nsoftmax = torch.softmax",
        "import torch\nsoftmax = lambda x, axis=-1: torch.nn.Softmax(axis)(x)",
        "import torch\nt = torch\ndef softmax(x, axis=-1):\n    return t.softmax(x, axis)",
        "import torch.nn as nn\ndef softmax(x, axis=-1, m=nn):\n    f = m.functional\n    return f.softmax(x, axis)",
        "import torch\ndef softmax(x, axis=-1):\n    return getattr(torch, 'soft' + 'max')(x, axis)",
        "import torch\ndef softmax(x, axis=-1):\n    return getattr(torch.tensor(x), 'softmax')(axis)",
        "import torch\ndef softmax(x, axis=-1):\n    return vars(torch)['softmax'](x, axis)",
        "import torch\ndef softmax(x, axis=-1):\n    return torch.__dict__['softmax'](x, axis)",
        "import torch\ndef softmax(x, axis=-1):\n    return getattr(torch, input_name)(x, axis)",
        "def softmax(x, axis=-1):\n    return __import__('torch').softmax(x, axis)",
        "import importlib\ndef softmax(x, axis=-1):\n    return importlib.import_module('torch').softmax(x, axis)",
        "import sys\ndef softmax(x, axis=-1):\n    return sys.modules['torch'].softmax(x, axis)",
        "def softmax(x, axis=-1):\n    return eval('torch.softmax(x, axis)')",
        "def softmax(x, axis=-1):\n    return eval(''.join(chr(n) for n in CODE))",
        "exec('import torch')\ndef softmax(x, axis=-1):\n    exec('import torch; y = torch.softmax(x, axis)')",
        "from operator import methodcaller\ndef softmax(x, axis=-1):\n    return methodcaller('softmax', axis)(x)",
        "from torch import *\ndef helper(x):\n    return softmax(x)\ndef softmax(x, axis=-1):\n    return helper(x)",
        "import torch\ndef mine(x):\n    return torch.softmax(x, -1)\ndef softmax(x, axis=-1):\n    return mine(x)",
        "import torch\ntable = {'s': torch.softmax}\ndef softmax(x, axis=-1):\n    return table['s'](x, axis)",
        "%%time\nimport torch\ndef softmax(x, axis=-1):\n    return torch.softmax(x, axis)",
        "if True:\n    import torch as q\n    def softmax(x, axis=-1):\n        return q.softmax(x, axis)",
        "from helpers.single_head import softmax",
        "import helpers.decoder as d\ndef softmax(x, axis=-1):\n    return d.softmax(x, axis)",
    ],
)
def test_uses_are_found_however_they_are_written(source):
    lines = of("softmax", source)
    assert lines and all(isinstance(line, str) for line in lines)


@pytest.mark.parametrize(
    "name, source",
    [
        ("normalize", "import torch.nn.functional as F\ndef normalize(x, eps):\n    return F.layer_norm(x, x.shape)"),
        ("LayerNormalization", "from torch import nn\nclass LayerNormalization(nn.LayerNorm):\n    pass"),
        ("MultiHeadAttention", "from torch import nn\nclass MultiHeadAttention(nn.MultiheadAttention):\n    pass"),
        ("Encoder", "import torch\nEncoder = torch.nn.modules.transformer.TransformerEncoder"),
        ("relu", "import torch\ndef relu(x):\n    return torch.from_numpy(x).relu().numpy()"),
        ("train_bpe", "import tokenizers\ndef train_bpe(words, n):\n    return tokenizers.models.BPE()"),
    ],
)
def test_each_exercise_has_rules_of_its_own(name, source):
    assert of(name, source)


@pytest.mark.parametrize(
    "source",
    [
        # another function of the notebook, which the answer does not use
        "import torch\ndef compare(x):\n    return torch.softmax(x, -1)\ndef softmax(x, axis=-1):\n    return x",
        # a name of the function's own, like one of a figure's cell
        "import torch\nshares = torch.softmax\ndef softmax(x, axis=-1):\n    shares = x + 1\n    return shares",
        "import torch\ndef softmax(x, axis=-1):\n    'as torch.softmax does'\n    return x  # torch.softmax(x)",
        "class S:\n    def softmax(self, x):\n        return x\n    def go(self, x):\n        return self.softmax(x)\n"
        "def softmax(x, axis=-1):\n    return S().go(x)",
    ],
)
def test_no_alarm_where_nothing_is_used(source):
    assert of("softmax", source) == []


def test_every_forbidden_name_exists():
    """A rule with a typing error would find nothing; libraries that are not installed here cannot be asked."""
    for path in sorted(
        {name for exercise in all_exercises() for name in exercise.forbidden if name.startswith("torch.")}
    ):
        assert pkgutil.resolve_name(path) is not None


def test_a_review_names_the_check_and_the_line():
    def notebook(source):
        data = {"grade": True, "solution": False, "locked": True, "grade_id": "check_softmax", "points": 3}
        check = new_code_cell('check("softmax")', metadata={"nbgrader": data})
        return new_notebook(cells=[new_code_cell(source), check])

    bad = notebook("import torch\nsoftmax = lambda x, axis=-1: torch.softmax(x, axis)")
    (found,) = reviews(bad)
    assert found.grade_id == "check_softmax" and "torch.softmax" in found.reason
    assert found.line == "softmax = lambda x, axis=-1: torch.softmax(x, axis)"
    assert reviews(bad, graded=set()) == [] and len(reviews(bad, graded={"check_softmax"})) == 1
    assert reviews(notebook("(" * 10_000 + "softmax")) and reviews(notebook("x = 1")) == []


def test_what_no_parser_should_get_is_not_parsed():
    assert exceeds("[" * 100) and exceeds("x" * 600_000) and not exceeds("f(" * 20 + ")" * 20)


@pytest.mark.parametrize(
    "source",
    [
        "\n".join(["import torch as softmax", *(f"softmax = softmax.a{i}" for i in range(3_000))]),
        "\n".join(["import torch as a0", *(f"a{i + 1} = a{i}\na{i} = a{i + 1}" for i in range(2_000)), "softmax = a0"]),
        "softmax = " + "+".join(["x"] * 9_000),
        "softmax = " + "lambda: " * 500 + "x",
        "softmax = x" + ".a" * 5_000,
        "def softmax(x):\n" + "    exec('exec(\\'y\\')')\n" * 2_000,
    ],
)
def test_code_that_means_to_stop_the_rules_does_not(source):
    assert len(of("softmax", *[source] * 4)) <= 5


@pytest.mark.parametrize("lesson", GRADED, ids=lambda lesson: lesson.name)
def test_the_solutions_raise_no_alarm(lesson):
    for notebook in (filled(lesson), released(lesson)):
        assert reviews(nbformat.from_dict(notebook)) == []
    assert all(notebooks.grade_id(cell) == "" or cell.source for cell in filled(lesson).cells)


def cells(module) -> list[str]:
    """What a variant may use, as an answer may use other cells: its file, and what that takes from others like it."""
    tree, found = ast.parse(inspect.getsource(module)), []
    kept = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module.startswith("autograde.exercises."):
            found += cells(importlib.import_module(node.module))
            kept += [ast.parse(f"{alias.asname} = {alias.name}") for alias in node.names if alias.asname]
        elif not (isinstance(node, ast.ImportFrom) and node.module.startswith("helpers.")):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                node.decorator_list = [
                    decorator for decorator in node.decorator_list if "EXERCISE" not in ast.unparse(decorator)
                ]
            kept.append(node)
    return [*found, "\n".join(map(ast.unparse, kept))]


@pytest.mark.parametrize("exercise", all_exercises(), ids=lambda exercise: exercise.name)
def test_right_answers_of_the_catalogue_raise_no_alarm(exercise):
    """Apart from those that call the library on purpose, which have to raise one."""
    flagged = set()
    for variant in exercise.variants:
        modules = cells(inspect.getmodule(variant))
        source = textwrap.dedent(inspect.getsource(variant))
        name = getattr(variant, "__name__", "")
        answer = f"\n{exercise.name} = {name}\n" if name.isidentifier() else ""
        if answer and Code([*modules, answer]).uses(exercise):
            flagged.add(name)
            assert "torch" in source or "F." in source
    assert flagged == WITH_LIBRARY.get(exercise.name, set())


@pytest.mark.parametrize("lines", [40, 400, 600, 6000])
def test_many_lines_for_the_shell_cost_no_time_and_hide_nothing(lines):
    """IPython reads the whole cell once for each of them, and gives up after 500."""
    cell = new_code_cell(
        "!true\n%time\n" * (lines // 2) + "import torch\n\ndef softmax(x):\n    return torch.softmax(x, -1)"
    )
    begun = time.process_time()
    found = Code([cell.source]).uses(find_exercise("softmax"))
    assert [reason for reason, _ in found] == ["the exercise asks to build this; it uses `torch.softmax`"]
    assert time.process_time() - begun < SECONDS, "of processor time, which is what the rules may take"
