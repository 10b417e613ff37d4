"""Lesson 4: the parameters of multi-head attention, copied and counted."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.mistakes.multi_head import parameters as code
from autograde.exercises.multi_head.inputs import LAYERS
from autograde.harness.call import MAIN, Call, Fixture
from helpers.multi_head import attention_parameters, copy_torch_attention

LESSON = "04_multi_head"

# --- copy_torch_attention -------------------------------------------------------------------------------------------


MEMORY = "memory of its own"


def _copy_calls(rng):
    def call(mine, in_proj, out_proj, num_heads, **options):
        mine = Fixture("linears", (dict(zip(LAYERS, mine, strict=True)),))
        theirs = Fixture("torch_attention", (in_proj, out_proj, num_heads))
        return Call((mine, theirs), report=("args",), **options)

    def random_call(embed_dim, num_heads, **options):
        mine = [rng.normal(size=(embed_dim, embed_dim)).astype(np.float32) for _ in LAYERS]
        in_proj = rng.normal(size=(3 * embed_dim, embed_dim)).astype(np.float32)
        out_proj = rng.normal(size=(embed_dim, embed_dim)).astype(np.float32)
        return call(mine, in_proj, out_proj, num_heads, **options)

    small = np.arange(1, 13, dtype=np.float32).reshape(6, 2)
    return [
        call(
            [np.full((2, 2), -9, np.float32)] * 4,
            small,
            np.array([[20, 21], [22, 23]], np.float32),
            1,
            note="by hand: the rows of `in_proj_weight` are 1 2, 3 4, 5 6, ..., 11 12; the first two are the query's",
        ),
        random_call(6, 2),
        random_call(12, 3),
        random_call(8, 4, part=MEMORY, note="what is copied must not share memory with the original"),
    ]


def _copy_view(call, value):
    """The parameters of both modules, and in one call what they share; what the function returns is left open."""
    modules = value["args"]
    if call.part == MEMORY:
        return {name: [modules[name]["shared"], modules[name]["parameters"]] for name in modules}
    return {name: modules[name]["parameters"] for name in modules}


COPY = Exercise(
    name="copy_torch_attention",
    lesson=LESSON,
    title="take over PyTorch's weights",
    points=2,
    minutes=8,
    hints=(
        "The four matrices are `theirs.in_proj_weight`, which holds three of them one below another, and "
        "`theirs.out_proj.weight`. Both modules keep a weight as (out, in), so nothing is transposed.",
        "`chunk(3)` cuts a tensor into three along its rows: query, key, value. Inside `with torch.no_grad():` a "
        "parameter may be overwritten in place: `parameter.copy_(other)`.",
    ),
    reference=copy_torch_attention,
    make_calls=_copy_calls,
    parts={MAIN: 0.7, MEMORY: 0.3},
    projection=_copy_view,
    misconceptions=(
        Misconception(
            "nothing copied",
            code.copy_nothing,
            "Nothing has changed: `weight = ...` gives a name to another tensor and leaves the module as it is. "
            "Overwrite the parameter in place, with `copy_`.",
        ),
        Misconception(
            "shared memory",
            code.copy_shared,
            "The numbers are right, but both modules use the same memory: training one changes the other. Copy the "
            "numbers with `copy_`, or `clone()` them.",
        ),
        Misconception(
            "output matrix shared",
            code.copy_shared_out,
            "`out` holds the very parameter of the other module, so training one changes the other. Copy its numbers "
            "with `copy_`.",
        ),
        Misconception(
            "matrices transposed",
            code.copy_transposed,
            "The matrices are transposed. Both modules keep a weight as (out, in), so it fits as it is: leave out the "
            "`.T`.",
        ),
        Misconception(
            "output matrix transposed",
            code.copy_out_transposed,
            "Query, key and value are right, the output matrix is transposed. It is (out, in) in both modules: leave "
            "out the `.T`.",
        ),
        Misconception(
            "key before query",
            code.copy_key_first,
            "Query and key are exchanged. In `in_proj_weight` the query's rows come first, then the key's, then the "
            "value's.",
        ),
        Misconception(
            "value before key",
            code.copy_value_second,
            "Key and value are exchanged. In `in_proj_weight` the query's rows come first, then the key's, then the "
            "value's.",
        ),
        Misconception(
            "rows taken in turns",
            code.copy_turns,
            "Every third row is taken. The rows of `in_proj_weight` lie in three blocks: first all of the query, then "
            "all of the key, then all of the value.",
        ),
        Misconception(
            "query, key and value head by head",
            code.copy_head_by_head,
            "The rows are read as query, key and value of the first head, then of the second, and so on. PyTorch keeps "
            "three blocks, each with all heads.",
        ),
        Misconception(
            "the first block three times",
            code.copy_first_part,
            "Query, key and value all got the first block of `in_proj_weight`. Each has a block of its own.",
        ),
        Misconception(
            "output matrix left out",
            code.copy_out_left_out,
            "Query, key and value are right, `out` still has its old weight. It comes from `theirs.out_proj.weight`.",
        ),
        Misconception(
            "copied in the wrong direction",
            code.copy_backwards,
            "The weights of `mine` went into `theirs`. `copy_` overwrites what stands before the point.",
        ),
        Misconception(
            "in place without no_grad",
            code.copy_with_gradient,
            "PyTorch refuses to overwrite a parameter while it records gradients. Put the copying inside `with "
            "torch.no_grad():`.",
        ),
        Misconception(
            "q_proj_weight is None",
            code.copy_separate_weights,
            "`q_proj_weight` is None unless key and value have widths of their own. Here all three lie in "
            "`in_proj_weight`.",
        ),
    ),
    variants=(code.copy_state, code.copy_data, code.copy_new_parameters, code.copy_rows),
)

# --- attention_parameters -------------------------------------------------------------------------------------------


def _parameters_calls(rng):
    widths = [int(8 * n) for n in rng.choice(np.arange(3, 30), 3, replace=False)]
    return [
        Call((6,), note="by hand: four matrices of 6 by 6"),
        Call((512,), note="the paper's base model"),
        *(Call((width,)) for width in widths[:2]),
        Call((6, True), part="bias", note="by hand: four matrices of 6 by 6 and four biases"),
        Call((widths[2],), {"bias": True}, part="bias"),
    ]


PARAMETERS = Exercise(
    name="attention_parameters",
    lesson=LESSON,
    title="count what is learned",
    points=1,
    minutes=4,
    hints=(
        "How many linear layers has the module, and how large is the matrix of each? Does anything in it depend on "
        "`num_heads`?",
        "Four layers, each with `embed_dim` times `embed_dim` weights. A bias is one number per *output* of a layer.",
    ),
    reference=attention_parameters,
    make_calls=_parameters_calls,
    parts={MAIN: 0.7, "bias": 0.3},
    misconceptions=(
        Misconception(
            "output layer left out",
            lambda embed_dim, bias=False: 3 * (embed_dim**2 + (embed_dim if bias else 0)),
            "Query, key and value are counted. The layer `out` learns, too.",
        ),
        Misconception(
            "one layer alone",
            lambda embed_dim, bias=False: embed_dim**2 + (embed_dim if bias else 0),
            "This is the count of one layer. There are four: `query`, `key`, `value` and `out`.",
        ),
        Misconception(
            "times the number of heads",
            lambda embed_dim, bias=False: 8 * 4 * (embed_dim**2 + (embed_dim if bias else 0)),
            "Every head is counted as if it were embed_dim wide. The heads share the width: eight heads of an eighth "
            "make one matrix.",
        ),
        Misconception(
            "matrices of one head",
            lambda embed_dim, bias=False: 4 * (embed_dim * (embed_dim // 8) + (embed_dim // 8 if bias else 0)),
            "These are the matrices of one of eight heads. All heads together fill embed_dim columns.",
        ),
        Misconception(
            "bias not counted",
            lambda embed_dim, bias=False: 4 * embed_dim**2,
            "With `bias=True` each layer learns embed_dim numbers more.",
        ),
        Misconception(
            "bias always counted",
            lambda embed_dim, bias=False: 4 * (embed_dim**2 + embed_dim),
            "The biases are counted although there are none unless `bias=True`.",
        ),
        Misconception(
            "one bias for all layers",
            lambda embed_dim, bias=False: 4 * embed_dim**2 + (embed_dim if bias else 0),
            "One bias of embed_dim numbers is counted. Each of the four layers has one.",
        ),
        Misconception(
            "a bias of one number",
            lambda embed_dim, bias=False: 4 * (embed_dim**2 + (1 if bias else 0)),
            "A bias is counted as one number per layer. It is one number per output: embed_dim of them.",
        ),
        Misconception(
            "no bias in the output layer",
            lambda embed_dim, bias=False: 4 * embed_dim**2 + (3 * embed_dim if bias else 0),
            "Three biases are counted. With `bias=True` the layer `out` has one, too.",
        ),
        Misconception(
            "width in place of its square",
            lambda embed_dim, bias=False: 4 * (embed_dim + (embed_dim if bias else 0)),
            "A layer is counted as embed_dim numbers. Its matrix has embed_dim rows and embed_dim columns.",
        ),
    ),
    variants=(
        code.parameters_counted,
        code.parameters_torch,
        code.parameters_factored,
        code.parameters_added,
    ),
)

EXERCISES = (COPY, PARAMETERS)
