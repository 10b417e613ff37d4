"""PositionalEncoding: the encoding as a module."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from autograde.exercise import Exercise
from autograde.exercises.embeddings.common import table_of
from autograde.exercises.embeddings.positional_encoding import by_turning as table_by_turning
from autograde.exercises.embeddings.positional_encoding import odd_width_slices
from autograde.exercises.embeddings.positional_encoding_at import from_one, name_and_sentence, swapped
from autograde.exercises.embeddings.positional_encoding_at import vectorised as at_vectorised
from autograde.exercises.inputs import tensor
from autograde.harness.call import ANY_TEXT, MAIN, ModuleCall
from helpers.embeddings import PositionalEncoding, positional_encoding


def calls(rng):
    away_from_zero = rng.choice([-1.0, 1.0], (3, 40, 50)) * rng.uniform(3, 5, (3, 40, 50))
    return [
        ModuleCall(
            (tensor(np.zeros((1, 3, 2))),), new=(2, 7), note="by hand: x is zero, so the encoding itself comes back"
        ),
        ModuleCall((tensor(rng.normal(size=(3, 5, 6))),), new=(6, 11)),
        ModuleCall(
            (tensor(rng.normal(size=(2, 3, 4))),),
            new=(4, 9),
            then=(("forward", (tensor(rng.normal(size=(2, 8, 4))),)),),
            note="a short sentence, then a longer one",
        ),
        ModuleCall((tensor(rng.normal(size=(2, 9, 4))),), new=(4, 9), note="an input of exactly max_length"),
        ModuleCall(
            (tensor(rng.normal(size=(1, 5000, 8))),),
            new=(8,),
            # computed in float32, an angle near 5000 is off by up to 4e-4, and so is its sine
            tolerance=4e-4,
            note="max_length is 5000 where nothing else is said",
        ),
        ModuleCall((tensor(rng.normal(size=(2, 5, 7))),), new=(7,), part="odd width", note="an odd width"),
        ModuleCall(
            (tensor(rng.normal(size=(2, 5, 8))),),
            new=(8, 30),
            report=("parameters", "buffers"),
            part="buffer",
            note="what the module registers",
        ),
        ModuleCall(
            (tensor(rng.normal(size=(2, 12, 4))),),
            new=(4, 9),
            part="longer input",
            note="12 rows, max_length 9",
            mentions=(ANY_TEXT,),
        ),
        ModuleCall((tensor(np.zeros((1, 5001, 2))),), new=(2,), part="longer input", note="5001 rows, max_length 5000"),
        ModuleCall(
            (tensor(away_from_zero),),
            new=(50, 60, 0.3),
            training=True,
            part="dropout",
            note="in training mode, with dropout 0.3",
        ),
        ModuleCall(
            (tensor(away_from_zero),),
            new=(50, 60),
            training=True,
            part="dropout",
            note="in training mode, with the dropout of the signature",
        ),
        ModuleCall(
            (tensor(away_from_zero),),
            new=(50, 60, 0.0),
            training=True,
            part="dropout",
            note="in training mode, with dropout 0: nothing is dropped",
        ),
        ModuleCall(
            (tensor(rng.normal(size=(1, 1, 1))),),
            new=(1, 1),
            part="odd width",
            note="a batch of one sentence of one word; width and max_length are 1",
        ),
    ]


def projection(call, value):
    """Whether a buffer is registered, of any name; of a random output, what dropout does to it."""
    if "buffers" in call.report:
        return {"parameters": sorted(value["parameters"]), "buffers": "at least one" if value["buffers"] else "none"}
    if not call.training:
        return value
    x, output = call.args[0].array, value.array
    if output.shape != x.shape:
        return {"shape": list(output.shape)}
    encoding = positional_encoding(*x.shape[1:])
    total = x + encoding
    kept = output != 0
    factors = (output / total)[kept]
    middle = float(np.median(factors)) if factors.size else 0.0
    alike = bool(np.allclose(factors, middle, rtol=1e-3))
    alone = [f"{np.isclose(output, part, atol=1e-5).mean():.1f}" for part in (x, encoding)]
    return {
        # 6,000 numbers: the share varies by 0.006
        "share of zeros": f"{np.mean(~kept):.1f}",
        "share of rows of zeros": f"{np.mean(~kept.any(axis=-1)):.1f}",
        "the others": f"(x + encoding) * {middle:.2f}" if alike else "no multiple of x + encoding",
        "share of x by itself": alone[0],
        "share of the encoding by itself": alone[1],
    }


EXERCISE = Exercise(
    name="PositionalEncoding",
    title="the encoding as a module",
    points=4,
    minutes=10,
    hints=(
        "Compute the whole table once, in `__init__`, with your `positional_encoding`, and make a float32 tensor of it. "
        "`register_buffer(name, tensor)` keeps it with the module without training it. `forward` cuts it to the length "
        "of the input, `x.shape[1]`, adds, and applies an `nn.Dropout`.",
        "`torch.from_numpy(...).float()` makes the tensor. In `forward`, compare `x.shape[1]` with the number of rows "
        "first, and `raise ValueError(...)` with both numbers in its text. Dropout comes last, on the sum.",
    ),
    reference=PositionalEncoding,
    make_calls=calls,
    parts={MAIN: 0.4, "odd width": 0.1, "buffer": 0.15, "longer input": 0.15, "dropout": 0.2},
    projection=projection,
)


@EXERCISE.wrong(
    "a parameter in place of a buffer",
    "The encoding is listed among the parameters, so training would change it. Use `register_buffer`.",
)
class TrainedEncoding(PositionalEncoding):
    def __init__(self, d_model, max_length=5000, dropout=0.1):
        super().__init__(d_model, max_length, dropout)
        values = self.encoding
        del self.encoding
        self.encoding = nn.Parameter(values)


@EXERCISE.wrong(
    "a plain attribute",
    "No buffer is registered: `model.to(device)` would leave an encoding that is a plain attribute behind. Use `register_buffer`.",
)
class PlainAttribute(PositionalEncoding):
    def __init__(self, d_model, max_length=5000, dropout=0.1):
        super().__init__(d_model, max_length, dropout)
        values = self.encoding
        del self.encoding
        self.encoding = values


@EXERCISE.wrong(
    "length not checked",
    "An input longer than `max_length` runs into an error about shapes. Compare the lengths first and raise a `ValueError` that says what is wrong.",
)
class NoLengthCheck(PositionalEncoding):
    def forward(self, x):
        return self.dropout(x + self.encoding[: x.shape[1]])


@EXERCISE.wrong(
    "longer input cut", "An input longer than `max_length` silently loses its end. Raise a `ValueError` instead."
)
class CutToLength(PositionalEncoding):
    def forward(self, x):
        return super().forward(x[:, : len(self.encoding)])


@EXERCISE.wrong("concatenated", "The encoding is put beside the input, which doubles the width. The two are added.")
class ConcatenatedModule(PositionalEncoding):
    def forward(self, x):
        if x.shape[1] > len(self.encoding):
            raise ValueError("too long")
        rows = self.encoding[: x.shape[1]].expand(x.shape)
        return self.dropout(torch.cat([x, rows], dim=-1))


@EXERCISE.wrong(
    "cut by the batch axis",
    "The rows of the encoding go to the sentences of the batch, not to the tokens. With (batch, length, d_model) the length is `x.shape[1]`.",
)
class SlicedByBatch(PositionalEncoding):
    def forward(self, x):
        if x.shape[1] > len(self.encoding):
            raise ValueError("too long")
        return self.dropout(x + self.encoding[: x.shape[0]].unsqueeze(1))


@EXERCISE.wrong("no dropout", "In training mode nothing is dropped. Apply an `nn.Dropout(dropout)` to the sum.")
class NoDropout(PositionalEncoding):
    def __init__(self, d_model, max_length=5000, dropout=0.1):
        super().__init__(d_model, max_length, 0.0)


@EXERCISE.wrong(
    "dropout in evaluation too",
    "Values are dropped although the module is in evaluation mode. `F.dropout` drops by default; an `nn.Dropout` made in `__init__` knows the mode of the module.",
)
class DropoutAlways(PositionalEncoding):
    def forward(self, x):
        if x.shape[1] > len(self.encoding):
            raise ValueError("too long")
        return F.dropout(x + self.encoding[: x.shape[1]], self.dropout.p)


@EXERCISE.wrong(
    "dropout before the sum",
    "Dropout acts only on the input, and the encoding is added afterwards. Add first, then drop.",
)
class DropoutBeforeSum(PositionalEncoding):
    def forward(self, x):
        if x.shape[1] > len(self.encoding):
            raise ValueError("too long")
        return self.dropout(x) + self.encoding[: x.shape[1]]


@EXERCISE.wrong(
    "dropout only on the encoding", "Dropout acts on the encoding before it is added. Add first, then drop."
)
class DropoutOnEncoding(PositionalEncoding):
    def forward(self, x):
        if x.shape[1] > len(self.encoding):
            raise ValueError("too long")
        return x + self.dropout(self.encoding[: x.shape[1]])


@EXERCISE.wrong(
    "dropout as the share that is kept",
    "Most values are dropped. `nn.Dropout(p)` wants the share that is set to zero; pass `dropout` on as it is.",
)
class DropoutIsShareKept(PositionalEncoding):
    def __init__(self, d_model, max_length=5000, dropout=0.1):
        super().__init__(d_model, max_length, 1 - dropout)


@EXERCISE.wrong(
    "scaled again",
    "The input is multiplied by the square root of its width. `TokenEmbedding` has done that already; this module adds and drops.",
)
class ScaledAgain(PositionalEncoding):
    def forward(self, x):
        return super().forward(x * math.sqrt(x.shape[-1]))


def module_of(table):
    """The module that uses another table than the right one."""

    class Module(PositionalEncoding):
        def __init__(self, d_model, max_length=5000, dropout=0.1):
            super().__init__(d_model, max_length, dropout)
            self.encoding = torch.from_numpy(table(max_length, d_model)).float()

    return Module


EXERCISE.wrong(*name_and_sentence(swapped))(module_of(table_of(swapped)))

EXERCISE.wrong(*name_and_sentence(from_one))(module_of(table_of(from_one)))

EXERCISE.wrong(
    "no odd width",
    "An even width works; an odd one has one cosine column fewer than sine columns. Your `positional_encoding` can do it: use it here.",
)(module_of(odd_width_slices))


@EXERCISE.wrong(
    "cut to the number of sentences",
    "`x.shape[0]` is the number of sentences. Cut the encoding to the length of the input, `x.shape[1]`.",
)
class CutToTheBatch(PositionalEncoding):
    def forward(self, x):
        if x.shape[1] > len(self.encoding):
            raise ValueError(f"{x.shape[1]} tokens, and {len(self.encoding)} rows")
        return self.dropout(x + self.encoding[: x.shape[0]])


@EXERCISE.variant
class InFloat32(nn.Module):
    def __init__(self, d_model, max_length=5000, dropout=0.1):
        super().__init__()
        rates = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        angles = torch.arange(max_length).unsqueeze(1) * rates
        pe = torch.zeros(1, max_length, d_model)
        pe[0, :, 0::2] = torch.sin(angles)
        pe[0, :, 1::2] = torch.cos(angles)[:, : pe[0, :, 1::2].shape[1]]
        self.register_buffer("pe", pe)
        self.drop = nn.Dropout(p=dropout)

    def forward(self, x):
        if self.pe.size(1) < x.size(1):
            raise ValueError("The sentence is longer than the encoding.")
        return self.drop(x + self.pe[:, : x.size(1)].requires_grad_(False))


@EXERCISE.variant
class Functional(nn.Module):
    def __init__(self, d_model, max_length=5000, dropout=0.1):
        super().__init__()
        self.share, self.longest = dropout, max_length
        self.register_buffer("table", torch.tensor(positional_encoding(max_length, d_model), dtype=torch.float32))

    def forward(self, x):
        _, length, _ = x.shape
        if length > self.longest:
            raise ValueError(length)
        return F.dropout(x + self.table.narrow(0, 0, length), p=self.share, training=self.training)


@EXERCISE.variant
class ByHand(nn.Module):
    def __init__(self, d_model, max_length=5000, dropout=0.1):
        super().__init__()
        self.register_buffer("table", torch.tensor(table_by_turning(max_length, d_model)))
        self.keep = 1 - dropout

    def forward(self, x):
        if x.shape[1] not in range(len(self.table) + 1):
            raise ValueError("no encoding for so many positions")
        total = (x.double() + self.table[: x.shape[1]]).float()
        if not self.training:
            return total
        return total * (torch.rand_like(total) < self.keep) / self.keep


@EXERCISE.variant
class OneByOne(nn.Module):
    def __init__(self, d_model, max_length=5000, dropout=0.1):
        super().__init__()
        rows = at_vectorised(np.arange(max_length), d_model)
        self.register_buffer("rows", torch.as_tensor(rows.astype(np.float32)), persistent=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        if x.shape[1] > self.rows.shape[0]:
            raise ValueError("longer than the table")
        positions = torch.arange(x.shape[1], device=x.device)
        return self.dropout(torch.stack([sentence + F.embedding(positions, self.rows) for sentence in x]))
