"""trained_model: graded from its saved weights."""

import json
from functools import lru_cache
from pathlib import Path

import torch
from torch import nn

import helpers
from autograde.exercise import Exercise
from autograde.exercises.training.translation_score import examine, resemble
from autograde.harness.brief import Projected
from autograde.harness.call import MAIN, WeightsCall
from helpers.decoder import Transformer

# What is right at least, and the share of the points. The highest band lies well below what the lesson's training reaches
# (99.5 %), so that chance in the choice of the sentences decides nothing.
BANDS = {MAIN: (0.5, 0.4), "80 %": (0.8, 0.2), "90 %": (0.9, 0.2), "97 %": (0.97, 0.2)}


def calls(rng):
    seed = int(rng.integers(2**31))
    return [
        WeightsCall((seed, share), part=part, tolerance=0.0, note=_wanted(share)) for part, (share, _) in BANDS.items()
    ]


def _wanted(share):
    return f"at least {share:.0%} of new sentences translated word for word"


def expected(call):
    """Known without any weights: a checkpoint that is missing must not decide what is right."""
    return Projected({"enough": True, "symptom": ""}, _wanted(call.args[1]))


def projection(call, value):
    seed, share = call.args
    findings = examine(value, seed)
    if findings.share >= share:
        return Projected({"enough": True, "symptom": ""}, _wanted(share))
    return Projected({"enough": False, "symptom": findings.symptom}, findings.text, findings.remark)


def flag(value):
    """Weights that ship with the course show nothing about who trained them."""
    if not resemble(value, CHECKPOINT):
        return ""
    return (
        "these are the weights that ship with the course: copied, or trained with the preset `small` and its own seed on a "
        "machine of the same kind, which gives the same numbers"
    )


CHECKPOINT = Path(helpers.__file__).parent / "checkpoints" / "grammar.safetensors"


def trained_shipped():
    return str(CHECKPOINT)


EXERCISE = Exercise(
    name="trained_model",
    title="the trained model",
    points=5,
    minutes=10,
    hints=(
        "At the end, the training writes a file with the parameters. Return its path. The check reads the file, "
        "builds the Transformer of lesson 7 from it, and has it translate sentences that no run has seen.",
        "`return` the path as a string. If too few sentences are right, train longer: the last epochs show whether "
        "the loss was still falling. The vocabulary has to be that of the lesson.",
    ),
    reference=trained_shipped,
    make_calls=calls,
    parts={part: points for part, (_, points) in BANDS.items()},
    projection=projection,
    expected=expected,
    flag=flag,
)


@lru_cache(maxsize=1)
def _shipped():
    """(weights by name, number of heads) of the shipped checkpoint."""
    from safetensors import safe_open

    with safe_open(CHECKPOINT, framework="pt") as file:
        names = [name for name in list(file.keys()) if not name.startswith("position.")]
        tensors = {name: file.get_tensor(name) for name in names}
        return tensors, json.loads(file.metadata()["config"])["num_heads"]


@EXERCISE.wrong(
    "untrained weights",
    "The model is sure of no word, as before any training. Save the weights after the training, from the model "
    "that was trained.",
)
def untrained():
    torch.manual_seed(0)
    tables = [len(_shipped()[0][f"{side}_embedding.weight"]) for side in ("source", "target")]
    width = _shipped()[0]["source_embedding.weight"].shape[1]
    return Transformer(*tables, width, _shipped()[1], 2, 2 * width)


def _model(change=None, heads=None):
    """A module with the shipped weights, after `change` has been at a copy of them."""
    shipped, num_heads = _shipped()
    weights = {name: tensor.clone() for name, tensor in shipped.items()}
    if change is not None:
        weights = change(weights) or weights
    inner = weights["encoder.layers.0.feed_forward.inner.weight"]
    layers = len({name.split(".")[2] for name in weights if name.startswith("encoder.layers.")})
    tables = weights["source_embedding.weight"], weights["target_embedding.weight"]
    model = Transformer(*map(len, tables), tables[0].shape[1], heads or num_heads, layers, len(inner))
    model.load_state_dict(weights, strict=False)
    return model


@EXERCISE.wrong(
    "numbers that are not finite",
    "There are NaN or infinite numbers among the weights: the training broke down. Lower the learning rate, keep the "
    "clipping, and train again.",
)
def not_finite():
    def change(weights):
        weights["decoder.layers.0.feed_forward.inner.bias"][0] = torch.nan

    return _model(change)


@EXERCISE.wrong(
    "sure of wrong words",
    "The model is sure of wrong words all the time: probably its ids are not those of the lesson's vocabulary, or "
    "its labels are not the *next* words.",
)
def other_order():
    def change(weights):
        table = weights["target_embedding.weight"]
        table[4:] = table[4:].roll(7, dims=0)

    return _model(change)


@EXERCISE.wrong(
    "source and target exchanged",
    "The model reads Korean and writes English. The source is English here: give the batches as (source, target).",
)
def exchanged():
    def change(weights):
        names = "source_embedding.weight", "target_embedding.weight"
        return weights | dict(zip(names, (weights[names[1]], weights[names[0]]), strict=True))

    return _model(change)


@EXERCISE.wrong(
    "the same for every sentence",
    "The translations hardly depend on the source. Does cross-attention get the encoder's output, and is the "
    "encoder trained, too?",
)
def deaf():
    def change(weights):
        for name in weights:
            if "cross_attention.out" in name:
                weights[name].zero_()

    return _model(change)


@EXERCISE.wrong(
    "never ends",
    "Most translations never come to `<eos>`. It is the last label of every sentence; it must not be cut off.",
)
def endless():
    def change(weights):
        weights["target_embedding.weight"][2] *= -1

    return _model(change)


@EXERCISE.wrong(
    "another number of heads",
    "With another number of heads the same weights would translate well. Save the number with which the model was "
    "trained.",
)
def other_heads():
    return _model(heads=1)


@EXERCISE.wrong(
    "a part of the model is missing",
    "Weights of a Transformer are missing. Save the whole `state_dict` of the model, and return the file's name.",
)
def incomplete():
    model = _model()
    del model.decoder.layers[0].add_norm_3
    return model


@EXERCISE.wrong(
    "not trained long enough",
    "The model has learned something, but too few sentences are right. Train longer, until the loss no longer falls.",
)
def too_short():
    def change(weights):
        generator = torch.Generator().manual_seed(0)
        for name, tensor in weights.items():
            if tensor.dim() > 1 and "embedding" not in name:
                tensor += 0.55 * tensor.std() * torch.randn(tensor.shape, generator=generator)

    return _model(change)


@EXERCISE.variant
def path():
    return CHECKPOINT


@EXERCISE.variant
def module():
    return _model().train()


@EXERCISE.variant
def half():
    """float16 on the way."""
    return _model(lambda weights: {name: tensor.half().float() for name, tensor in weights.items()})


@EXERCISE.variant
def heads_exchanged():
    """The first two heads of each attention in the other order."""

    def change(weights):
        heads = _shipped()[1]
        order = [1, 0, *range(2, heads)]
        for name, tensor in weights.items():
            if "attention" in name:
                if ".out." in name:
                    weights[name] = tensor.unflatten(1, (heads, -1))[:, order].flatten(1, 2)
                else:
                    weights[name] = tensor.unflatten(0, (heads, -1))[order].flatten(0, 1)

    model = _model(change)
    return nn.Sequential(model)[0]
