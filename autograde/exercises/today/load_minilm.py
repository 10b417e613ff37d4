"""load_minilm: published weights in your own modules."""

import numpy as np
import torch
from torch import nn

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.harness.call import MAIN, Fixture, FunctionCall
from autograde.harness.plain import TensorData
from helpers.today import load_minilm

MEMORY = "memory of its own"


def shapes(words, d_model, num_layers, d_ff, max_length):
    """{our name: (name in the file, shape)}"""
    found = {
        "words.weight": ("embeddings.word_embeddings.weight", (words, d_model)),
        "positions.weight": ("embeddings.position_embeddings.weight", (max_length, d_model)),
        "kinds.weight": ("embeddings.token_type_embeddings.weight", (2, d_model)),
        "norm.gamma": ("embeddings.LayerNorm.weight", (d_model,)),
        "norm.beta": ("embeddings.LayerNorm.bias", (d_model,)),
    }
    linears = {
        "attention.query": ("attention.self.query", d_model, d_model),
        "attention.key": ("attention.self.key", d_model, d_model),
        "attention.value": ("attention.self.value", d_model, d_model),
        "attention.out": ("attention.output.dense", d_model, d_model),
        "feed_forward.inner": ("intermediate.dense", d_ff, d_model),
        "feed_forward.outer": ("output.dense", d_model, d_ff),
    }
    norms = {"norm_1": "attention.output.LayerNorm", "norm_2": "output.LayerNorm"}
    for layer in range(num_layers):
        mine, theirs = f"layers.{layer}", f"encoder.layer.{layer}"
        for name, (other, wide, narrow) in linears.items():
            found[f"{mine}.{name}.weight"] = f"{theirs}.{other}.weight", (wide, narrow)
            found[f"{mine}.{name}.bias"] = f"{theirs}.{other}.bias", (wide,)
        for name, other in norms.items():
            found[f"{mine}.{name}.gamma"] = f"{theirs}.{other}.weight", (d_model,)
            found[f"{mine}.{name}.beta"] = f"{theirs}.{other}.bias", (d_model,)
    return found


def calls(rng):
    def call(*sizes, **options):
        names = shapes(*sizes)
        mine = {name: np.zeros(shape, np.float32) for name, (_, shape) in names.items()}
        theirs = {name: TensorData(rng.normal(size=shape).astype(np.float32)) for name, shape in names.values()}
        order = rng.permutation(len(theirs))
        theirs = {name: theirs[name] for name in np.array(list(theirs))[order].tolist()}
        return FunctionCall((Fixture("module_tree", (mine,)), theirs), report=("args",), **options)

    return [
        call(4, 2, 1, 3, 5, note="one layer, 2 wide"),
        call(7, 6, 2, 8, 5, note="two layers"),
        call(5, 4, 4, 4, 4, note="four layers in which all matrices are square: a transpose would go unnoticed"),
        call(5, 4, 11, 3, 6, note="eleven layers: the layer 10 is not the layer 1"),
        call(6, 4, 2, 3, 5, part=MEMORY, note="what is copied must not share memory with the original"),
    ]


def projection(call, value):
    """The parameters that the encoder has afterwards, and in one call how many it shares with `weights`; what the
    function returns is left open."""
    encoder = value["args"]["0"]
    if call.part == MEMORY:
        return {"shared": encoder["shared"], "parameters": encoder["parameters"]}
    return encoder["parameters"]


EXERCISE = Exercise(
    name="load_minilm",
    title="published weights in your own modules",
    points=3,
    minutes=20,
    extra=True,
    hints=(
        "It is a matter of names. For each name in the file, find the name that the same parameter has in "
        "`encoder.state_dict()`. A loop over the layers with an f-string, or `str.replace` with pairs of names, "
        "spares you a hundred lines.",
        'Rename and load: `renamed[name.replace("encoder.layer.", "layers.")...] = tensor`, then load `renamed` into the encoder with `load_state_dict`, which raises if a name is missing or left over. Replace `attention.output.dense` before `output.dense`, and turn `LayerNorm.weight` into gamma first.',
    ),
    reference=load_minilm,
    make_calls=calls,
    parts={MAIN: 0.8, MEMORY: 0.2},
    projection=projection,
    forbidden=libraries.TRANSFORMER,
)


def _renamed(weights):
    """{our name: tensor of `weights`}"""
    holder = nn.Module()
    state = {}
    holder.load_state_dict = state.update
    load_minilm(holder, weights)
    return state


def _load(encoder, weights, change):
    """The right values, changed by `change(name of ours, {our name: tensor})`."""
    renamed = _renamed(weights)
    state = {name: change(name, renamed) for name in renamed}
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if state.get(name) is not None:
                parameter.copy_(state[name])


def _swapped(names):
    """Each parameter gets the value of the one whose name has these parts exchanged."""
    return lambda name, state: state[".".join(names.get(part, part) for part in name.split("."))]


@EXERCISE.wrong(
    "shared memory",
    "The encoder uses the very tensors of `weights`: training the one changes the other. Copy their numbers: "
    "`load_state_dict` does, without `assign=True`; so does `copy_`.",
)
def shared(encoder, weights):
    renamed = _renamed(weights)
    for name, parameter in encoder.named_parameters():
        parameter.data = renamed[name]


@EXERCISE.wrong(
    "nothing copied",
    "The encoder has its old values. Overwrite its parameters: `load_state_dict`, or `copy_` under `torch.no_grad()`.",
)
def nothing(encoder, weights):
    _load(encoder, weights, lambda name, state: None)


@EXERCISE.wrong(
    "square matrices transposed",
    "Square matrices are transposed. Both sides keep a weight as (out, in), so it fits as it is.",
)
def transposed(encoder, weights):
    def change(name, state):
        tensor = state[name]
        return tensor.T if tensor.dim() == 2 and tensor.shape[0] == tensor.shape[1] and "layers" in name else tensor

    _load(encoder, weights, change)


@EXERCISE.wrong(
    "the two norms exchanged",
    "The two norms of a layer are exchanged. `attention.output.LayerNorm` comes first, `output.LayerNorm` second.",
)
def norms_exchanged(encoder, weights):
    _load(encoder, weights, _swapped({"norm_1": "norm_2", "norm_2": "norm_1"}))


@EXERCISE.wrong(
    "gamma and beta exchanged",
    "Gamma and beta are exchanged. In the file gamma is called `LayerNorm.weight`, beta `LayerNorm.bias`.",
)
def gamma_and_beta(encoder, weights):
    _load(encoder, weights, _swapped({"gamma": "beta", "beta": "gamma"}))


@EXERCISE.wrong(
    "query and key exchanged", "Query and key are exchanged: `attention.self.query` belongs to `attention.query`."
)
def query_and_key(encoder, weights):
    _load(encoder, weights, _swapped({"query": "key", "key": "query"}))


@EXERCISE.wrong(
    "biases left out", "The matrices are right, the biases have their old values. Every linear layer here has one."
)
def no_biases(encoder, weights):
    _load(encoder, weights, lambda name, state: None if name.endswith(".bias") else state[name])


@EXERCISE.wrong(
    "norms left out", "The norms have their old values. In the file gamma is `LayerNorm.weight`, beta `LayerNorm.bias`."
)
def no_norms(encoder, weights):
    _load(encoder, weights, lambda name, state: None if "norm" in name else state[name])


@EXERCISE.wrong(
    "positions and kinds left out",
    "The table of positions and the one of kinds have their old values. Three tables are added in BERT.",
)
def no_positions(encoder, weights):
    _load(encoder, weights, lambda name, state: None if name.startswith(("positions", "kinds")) else state[name])


@EXERCISE.wrong(
    "first layer for all", "Every layer got the weights of the first. Put the layer's number into the name."
)
def first_layer(encoder, weights):
    def change(name, state):
        parts = name.split(".")
        return state[".".join([*parts[:1], "0", *parts[2:]])] if parts[0] == "layers" else state[name]

    _load(encoder, weights, change)


@EXERCISE.wrong(
    "only the first layer", "The layers after the first have their old values. Go through `range(len(encoder.layers))`."
)
def only_first(encoder, weights):
    _load(
        encoder,
        weights,
        lambda name, state: None if name.startswith("layers.") and not name.startswith("layers.0.") else state[name],
    )


@EXERCISE.wrong("last layer left out", "The last layer has its old values: a loop ends one too early.")
def last_left_out(encoder, weights):
    last = f"layers.{len(encoder.layers) - 1}."
    _load(encoder, weights, lambda name, state: None if name.startswith(last) else state[name])


@EXERCISE.wrong(
    "in place without no_grad",
    "PyTorch refuses to overwrite a parameter while it records gradients. Put the copying inside `with torch.no_grad():`.",
)
def with_gradient(encoder, weights):
    encoder.words.weight.copy_(weights["embeddings.word_embeddings.weight"])


@EXERCISE.wrong(
    "every square matrix transposed",
    "Square matrices are transposed, tables included. Both sides keep a weight as (out, in), so it fits as it is.",
)
def all_transposed(encoder, weights):
    def change(name, state):
        tensor = state[name]
        return tensor.T if tensor.dim() == 2 and tensor.shape[0] == tensor.shape[1] else tensor

    _load(encoder, weights, change)


@EXERCISE.wrong(
    "first norm copied into both",
    "The second norm of a layer has the numbers of the first. `norm_2` is the file's `output.LayerNorm`, and `norm_1` its "
    "`attention.output.LayerNorm`.",
)
def one_norm_for_both(encoder, weights):
    load_minilm(encoder, weights)
    for layer in encoder.layers:
        layer.norm_2.load_state_dict(layer.norm_1.state_dict())


@EXERCISE.wrong(
    "biases of query, key and value left out",
    "The biases of query, key and value have their old values. Every linear layer here has one, these three too.",
)
def no_projection_biases(encoder, weights):
    projections = ("query.bias", "key.bias", "value.bias")
    _load(encoder, weights, lambda name, state: None if name.endswith(projections) else state[name])


@EXERCISE.variant
@torch.no_grad()
def copied_one_by_one(encoder, weights):
    encoder.words.weight.copy_(weights["embeddings.word_embeddings.weight"])
    encoder.positions.weight.copy_(weights["embeddings.position_embeddings.weight"])
    encoder.kinds.weight.copy_(weights["embeddings.token_type_embeddings.weight"])

    def linear(layer, name):
        layer.weight.copy_(weights[f"{name}.weight"])
        layer.bias.copy_(weights[f"{name}.bias"])

    def norm(layer, name):
        layer.gamma.copy_(weights[f"{name}.weight"])
        layer.beta.copy_(weights[f"{name}.bias"])

    norm(encoder.norm, "embeddings.LayerNorm")
    for number, layer in enumerate(encoder.layers):
        name = f"encoder.layer.{number}"
        linear(layer.attention.query, f"{name}.attention.self.query")
        linear(layer.attention.key, f"{name}.attention.self.key")
        linear(layer.attention.value, f"{name}.attention.self.value")
        linear(layer.attention.out, f"{name}.attention.output.dense")
        norm(layer.norm_1, f"{name}.attention.output.LayerNorm")
        linear(layer.feed_forward.inner, f"{name}.intermediate.dense")
        linear(layer.feed_forward.outer, f"{name}.output.dense")
        norm(layer.norm_2, f"{name}.output.LayerNorm")


@EXERCISE.variant
def from_our_names(encoder, weights):
    tables = {"words": "word_embeddings", "positions": "position_embeddings", "kinds": "token_type_embeddings"}
    parts = {
        "attention.query": "attention.self.query",
        "attention.key": "attention.self.key",
        "attention.value": "attention.self.value",
        "attention.out": "attention.output.dense",
        "feed_forward.inner": "intermediate.dense",
        "feed_forward.outer": "output.dense",
        "norm_1": "attention.output.LayerNorm",
        "norm_2": "output.LayerNorm",
    }
    kinds = {"gamma": "weight", "beta": "bias"}
    state = {}
    for name in encoder.state_dict():
        place, _, kind = name.rpartition(".")
        if place in tables:
            theirs = f"embeddings.{tables[place]}"
        elif place == "norm":
            theirs = "embeddings.LayerNorm"
        else:
            _, number, part = place.split(".", 2)
            theirs = f"encoder.layer.{number}.{parts[part]}"
        state[name] = weights[f"{theirs}.{kinds.get(kind, kind)}"]
    encoder.load_state_dict(state)


@EXERCISE.variant
def through_data(encoder, weights):
    renamed = _renamed(weights)
    for name, parameter in encoder.named_parameters():
        parameter.data = renamed[name].clone()
