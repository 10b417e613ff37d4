"""The debugging clinic: sealed models, inputs and a formula that several exercises use."""

import math

import numpy as np

from autograde.harness.brief import Projected, brief
from autograde.harness.call import MAIN, Fixture, FunctionCall
from autograde.harness.plain import TensorData

SOURCE, TARGET, WIDTH = 7, 9, 6  # words of the source, of the target, width of a sealed model
FROZEN = {"frozen": ["gate"], "frozen spare": ["spare.bias", "spare.weight"]}  # by the model's fault


def ids(array):
    return TensorData(np.asarray(array, dtype=np.int64))


def attention_scores_of(query, key):
    return query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])


def sentences(rng, largest, batch, length, *padded):
    """Ids up to `largest`, which is among them; `padded` are (row, first place that is padding)."""
    array = rng.integers(3, largest, (batch, length))
    array[:, 0], array[0, 2] = 1, largest
    for row, place in padded:
        array[row, place:] = 0
    return array


def sealed(rng, fault="", strength=0.3, part=MAIN, note="", training=False, stale=None, ids=None, kwargs=(), pad=0):
    """A question about a model that is healthy or has a fault."""
    rows = {"source": SOURCE, "target": TARGET, "out": TARGET}
    tables = tuple(rng.normal(size=(size, WIDTH)).astype(np.float32) for size in rows.values())
    source, target = ids or (sentences(rng, SOURCE - 1, 3, 5, (1, 4)), sentences(rng, TARGET - 1, 3, 5, (2, 3)))
    model = Fixture("sealed_model", (*tables, fault, strength, training, stale, pad))
    return FunctionCall(
        (model, TensorData(source), TensorData(target)),
        dict(kwargs),
        part=part,
        note=note,
        report=("output", "args"),
    )


def found(call, value, wanted=bool):
    """The result, which is of the type `wanted`, and whether the model is as it was."""
    output, model = value["output"], value["args"]["0"]
    tables = dict(zip(("source", "target", "out"), call.args[0].args[:3], strict=True))
    training, stale = call.args[0].args[5:7]
    gradients = [getattr(gradient, "array", None) for gradient in model["gradients"].values()]
    same = {
        "mode": model["training"] == training,
        "weights": all(np.array_equal(model["parameters"][name].array, table) for name, table in tables.items()),
        "requires_grad": model["frozen"] == FROZEN.get(call.args[0].args[3], []),
        "gradients": all(
            gradient is None if stale is None else gradient is not None and (gradient == stale).all()
            for gradient in gradients
        ),
    }
    changed = [name for name, is_same in same.items() if not is_same]
    text = brief(output) + (f"; of the model changed: {', '.join(changed)}" if changed else "; the model is as it was")
    fits = type(output) is wanted and (wanted is bool or all(isinstance(name, str) for name in output))
    remark = "" if fits else {bool: "Return True or False.", list: "Return a list of names."}[wanted]
    return Projected({"result": output, "changed": changed}, text, remark)
