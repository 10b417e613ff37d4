"""copy_torch_attention: copy PyTorch's weights."""

import numpy as np
import torch
from torch import nn

from autograde.exercise import Exercise
from autograde.exercises.multi_head.common import LAYERS
from autograde.harness.call import MAIN, Fixture, FunctionCall
from helpers.multi_head import copy_torch_attention

MEMORY = "memory of its own"


def calls(rng):
    def call(mine, in_proj, out_proj, num_heads, **options):
        mine = Fixture("linears", (dict(zip(LAYERS, mine, strict=True)),))
        theirs = Fixture("torch_attention", (in_proj, out_proj, num_heads))
        return FunctionCall((mine, theirs), report=("args",), **options)

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
        random_call(
            8,
            4,
            part=MEMORY,
            note="what is copied must not share memory with the original, and can be trained as before",
        ),
        random_call(1, 1, note="a width of 1"),
    ]


def projection(call, value):
    """The parameters of both modules, and in one call what they share and which cannot be trained; what the function
    returns is left open."""
    modules = value["args"]
    if call.part == MEMORY:
        asked = ("shared", "frozen", "parameters")
        return {name: [modules[name][about] for about in asked] for name in modules}
    return {name: modules[name]["parameters"] for name in modules}


EXERCISE = Exercise(
    name="copy_torch_attention",
    title="copy PyTorch's weights",
    points=2,
    minutes=8,
    hints=(
        "The four matrices are `theirs.in_proj_weight`, which holds three of them one below another, and "
        "`theirs.out_proj.weight`. Both modules keep a weight as (out, in), so nothing is transposed.",
        "`chunk(3)` cuts a tensor into three along its rows: query, key, value. Inside `with torch.no_grad():` a "
        "parameter may be overwritten in place: `parameter.copy_(other)`.",
    ),
    reference=copy_torch_attention,
    make_calls=calls,
    parts={MAIN: 0.7, MEMORY: 0.3},
    projection=projection,
)


@EXERCISE.wrong(
    "nothing copied",
    "Nothing has changed in `mine`: an assignment to a variable, for instance, leaves the module as it is. "
    "Overwrite each parameter in place, with `copy_`.",
)
def nothing(mine, theirs):
    weights = [layer.weight for layer in (mine.query, mine.key, mine.value)]
    for _weight, part in zip(weights, theirs.in_proj_weight.chunk(3), strict=True):
        _weight = part.clone()


@EXERCISE.wrong(
    "shared memory",
    "The numbers are right, but both modules use the same memory: training one changes the other. Copy the "
    "numbers with `copy_`, or `clone()` them.",
)
def shared(mine, theirs):
    mine.query.weight.data, mine.key.weight.data, mine.value.weight.data = theirs.in_proj_weight.data.chunk(3)
    mine.out.weight.data = theirs.out_proj.weight.data


@EXERCISE.wrong(
    "output matrix shared",
    "`out` uses the memory of the other module's matrix, so training one changes the other. Copy its numbers with "
    "`copy_`.",
)
def shared_out(mine, theirs):
    copy_torch_attention(mine, theirs)
    mine.out.weight = theirs.out_proj.weight


def _copy(mine, query, key, value, out):
    with torch.no_grad():
        for layer, weight in ((mine.query, query), (mine.key, key), (mine.value, value), (mine.out, out)):
            layer.weight.copy_(weight)


@EXERCISE.wrong(
    "matrices transposed",
    "The matrices are transposed. Both modules keep a weight as (out, in): copy it as it is.",
)
def transposed(mine, theirs):
    _copy(mine, *(part.T for part in theirs.in_proj_weight.chunk(3)), theirs.out_proj.weight.T)


@EXERCISE.wrong(
    "output matrix transposed",
    "Query, key and value are right, the output matrix is transposed. It is (out, in) in both modules: copy it as "
    "it is.",
)
def out_transposed(mine, theirs):
    _copy(mine, *theirs.in_proj_weight.chunk(3), theirs.out_proj.weight.T)


@EXERCISE.wrong(
    "key before query",
    "Query and key are exchanged. In `in_proj_weight` the query's rows come first, then the key's, then the value's.",
)
def key_first(mine, theirs):
    key, query, value = theirs.in_proj_weight.chunk(3)
    _copy(mine, query, key, value, theirs.out_proj.weight)


@EXERCISE.wrong(
    "value before key",
    "Key and value are exchanged. In `in_proj_weight` the query's rows come first, then the key's, then the value's.",
)
def value_second(mine, theirs):
    query, value, key = theirs.in_proj_weight.chunk(3)
    _copy(mine, query, key, value, theirs.out_proj.weight)


@EXERCISE.wrong(
    "rows taken in turns",
    "Every third row is taken. The rows of `in_proj_weight` are three blocks: first all of the query, then "
    "all of the key, then all of the value.",
)
def turns(mine, theirs):
    weight = theirs.in_proj_weight
    _copy(mine, weight[0::3], weight[1::3], weight[2::3], theirs.out_proj.weight)


@EXERCISE.wrong(
    "query, key and value head by head",
    "The rows are read as query, key and value of the first head, then of the second, and so on. PyTorch keeps "
    "three blocks, each with all heads.",
)
def head_by_head(mine, theirs):
    parts = theirs.in_proj_weight.reshape(theirs.num_heads, 3, theirs.head_dim, -1)
    _copy(mine, *(parts[:, i].flatten(0, 1) for i in range(3)), theirs.out_proj.weight)


@EXERCISE.wrong(
    "the first block three times",
    "Query, key and value all got the first block of `in_proj_weight`. Each has a block of its own.",
)
def first_part(mine, theirs):
    query = theirs.in_proj_weight.chunk(3)[0]
    _copy(mine, query, query, query, theirs.out_proj.weight)


@EXERCISE.wrong(
    "output matrix left out",
    "Query, key and value are right, `out` still has its old weight. It comes from `theirs.out_proj.weight`.",
)
def out_left_out(mine, theirs):
    _copy(mine, *theirs.in_proj_weight.chunk(3), mine.out.weight.clone())


@EXERCISE.wrong(
    "copied in the wrong direction",
    "The weights of `mine` went into `theirs`. `copy_` overwrites the tensor in front of the dot.",
)
def backwards(mine, theirs):
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([mine.query.weight, mine.key.weight, mine.value.weight]))
        theirs.out_proj.weight.copy_(mine.out.weight)


@EXERCISE.wrong(
    "in place without no_grad",
    "PyTorch refuses to overwrite a parameter while it records gradients. Put the copying inside `with "
    "torch.no_grad():`.",
)
def with_gradient(mine, theirs):
    mine.query.weight.copy_(theirs.in_proj_weight.chunk(3)[0])


@EXERCISE.wrong(
    "q_proj_weight is None",
    "`q_proj_weight` is None unless key and value have widths of their own. Here all three are in `in_proj_weight`.",
)
def separate_weights(mine, theirs):
    with torch.no_grad():
        mine.query.weight.copy_(theirs.q_proj_weight)


@EXERCISE.wrong(
    "weights no longer trainable",
    "The numbers are right, but afterwards `requires_grad` is False for the weights of `mine`, so training cannot change "
    "them. Copy inside `with torch.no_grad():`, which leaves `requires_grad` as it is.",
)
def frozen(mine, theirs):
    copy_torch_attention(mine, theirs)
    mine.requires_grad_(False)


@EXERCISE.wrong(
    "the key's rows copied twice",
    "`mine.value` has the rows of the key. The value's are the last third of `in_proj_weight`.",
)
def key_for_value(mine, theirs):
    copy_torch_attention(mine, theirs)
    with torch.no_grad():
        mine.value.weight.copy_(mine.key.weight)


@EXERCISE.variant
def with_a_state_dict(mine, theirs):
    width = theirs.embed_dim
    state = theirs.state_dict()
    mine.load_state_dict(
        {
            "query.weight": state["in_proj_weight"][:width],
            "key.weight": state["in_proj_weight"][width : 2 * width],
            "value.weight": state["in_proj_weight"][2 * width :],
            "out.weight": state["out_proj.weight"],
        }
    )


@EXERCISE.variant
def data(mine, theirs):
    parts = torch.split(theirs.in_proj_weight.data, theirs.in_proj_weight.shape[1])
    for layer, part in zip((mine.query, mine.key, mine.value), parts, strict=True):
        layer.weight.data = part.clone()
    mine.out.weight.data = theirs.out_proj.weight.data.clone()


@EXERCISE.variant
def new_parameters(mine, theirs):
    stacked = theirs.in_proj_weight.detach().unflatten(0, (3, -1))
    for i, name in enumerate(["query", "key", "value"]):
        getattr(mine, name).weight = nn.Parameter(stacked[i].clone())
    mine.out.weight = nn.Parameter(theirs.out_proj.weight.detach().clone())
    return mine


@EXERCISE.variant
@torch.no_grad()
def rows(mine, theirs):
    width = mine.out.in_features
    for row in range(width):
        mine.query.weight[row] = theirs.in_proj_weight[row]
        mine.key.weight[row] = theirs.in_proj_weight[width + row]
        mine.value.weight[row] = theirs.in_proj_weight[2 * width + row]
        mine.out.weight[row] = theirs.out_proj.weight[row]
