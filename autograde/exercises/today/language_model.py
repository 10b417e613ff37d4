"""LanguageModel: a decoder and nothing else."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.decoder.common import layers_of_encoder, random_ids, with_padding, without
from autograde.harness.call import MAIN, ConstructorCall, ModuleCall
from autograde.harness.plain import TensorData
from helpers.decoder import causal_mask, decoder_mask, padding_mask
from helpers.embeddings import PositionalEncoding, TokenEmbedding
from helpers.feed_forward import Encoder
from helpers.today import LanguageModel

GRADIENTS = "gradients"


def weights(rng, size, d_model, num_layers, d_ff, pad):
    table = rng.normal(size=(size, d_model)) * 0.6
    table[pad] = 0
    return {"embedding.weight": table.astype(np.float32)} | layers_of_encoder(
        rng, num_layers, d_model, d_ff, "layers.layers"
    )


def by_hand(rng):
    silent = {
        name: np.ones_like(w) if name.endswith("gamma") else np.zeros_like(w)
        for name, w in weights(rng, 4, 4, 1, 3, 0).items()
    }
    table = [[0, 0, 0, 0], [0.5, 0, -0.5, -1], [1, 0, 0, 0], [0, 2, 0, -1]]
    silent["embedding.weight"] = np.array(table, np.float32)
    return ModuleCall(
        (TensorData(np.array([[1]])),),
        new=(4, 4, 2, 1, 3),
        weights=silent,
        note="by hand: the layers add nothing; 2 times the row of the id 1, plus [0, 1, 0, 1], is [1, 1, -1, -1]",
    )


def calls(rng):
    small, other = (9, 6, 3, 1, 7, 0.1, 0), (10, 8, 2, 1, 5, 0.1, 3)
    padded = with_padding(rng, random_ids(rng, 1, 9, 3, 5), 0, (0, 4), (0, 3), (1, 0), (2, 2))
    by_three = with_padding(rng, random_ids(rng, 4, 10, 2, 6), 3, (0, 5), (1, 2))
    by_three[0, 1] = 0  # with pad=3, the id 0 is a word like any other
    ids = TensorData(random_ids(rng, 1, 9, 2, 5))
    return [
        by_hand(rng),
        ConstructorCall(
            (9, 6, 3, 2, 7),
            weights=weights(rng, 9, 6, 2, 7, 0),
            report=("parameters",),
            note="what the model has registered",
        ),
        ModuleCall((ids,), new=(9, 6, 3, 2, 7), weights=weights(rng, 9, 6, 2, 7, 0)),
        ModuleCall(
            (TensorData(random_ids(rng, 1, 9, 3, 6)),), new=(9, 8, 2, 1, 5), weights=weights(rng, 9, 8, 1, 5, 0)
        ),
        ModuleCall(
            (TensorData(padded),),
            new=small[:5],
            weights=weights(rng, 9, 6, 1, 7, 0),
            part="padding",
            note="padding, not only at the end",
        ),
        ModuleCall(
            (TensorData(by_three),),
            new=other,
            weights=weights(rng, 10, 8, 1, 5, 3),
            part="padding",
            note="here the padding has the id 3",
        ),
        ModuleCall(
            (TensorData(random_ids(rng, 1, 9, 3, 5)),),
            new=small[:5],
            weights=weights(rng, 9, 6, 1, 7, 0),
            then=(("forward", (TensorData(padded),)),),
            part="padding",
            note="two batches of the same shape, the second one with padding",
        ),
        ModuleCall(
            (ids,),
            new=small,
            weights=weights(rng, 9, 6, 1, 7, 0),
            report=("output", "gradients"),
            part=GRADIENTS,
            note="backward, too",
        ),
        ConstructorCall(
            (90, 48, 4, 1, 72, 0.1, 3),
            weights=weights(rng, 90, 48, 1, 72, 3),
            report=("initial", "modules"),
            part="start",
            note="the parts, and the embedding at the start",
        ),
        ModuleCall(
            (ids,),
            new=(*small[:5], 1.0, 0),
            weights=weights(rng, 9, 6, 1, 7, 0),
            training=True,
            part="dropout",
            note="in training mode, with dropout 1: what the sublayers and the embeddings give is lost",
        ),
        ModuleCall(
            (ids,),
            new=(*small[:5], 0.0, 0),
            weights=weights(rng, 9, 6, 1, 7, 0),
            training=True,
            part="dropout",
            note="in training mode, with dropout 0: nothing is lost",
        ),
    ]


def projection(call, value):
    """Without what does not count: rows of padding, and the gradient of the padding's row of the table."""
    if "initial" in call.report:
        table, pad = value["initial"]["embedding.weight"].array.astype(float), call.args[6]
        ratio = np.delete(table, pad, axis=0).std() * call.args[1] ** 0.5  # of about 4,300 numbers: varies by 1.1 %
        spread = "as `TokenEmbedding` makes it" if abs(ratio - 1) < 0.09 else "changed"
        position = "there" if "position" in value["modules"] else "missing"
        row = f"the row of the padding {'not ' if table[pad].any() else ''}zero"
        return {"part `position`": position, "embedding": f"{spread}, {row}"}
    if isinstance(call, ConstructorCall):
        return value
    pad = call.new[6] if len(call.new) > 6 else 0
    if call.then:
        batches = [call.args, *(args for _, args in call.then)]
        return [without(output, ids.array == pad) for output, (ids,) in zip(value, batches, strict=True)]
    if "gradients" in call.report:
        gradients = dict(value["gradients"])
        table = gradients["embedding.weight"].array.copy()
        table[pad] = 0
        return {**value, "gradients": {**gradients, "embedding.weight": TensorData(table)}}
    return without(value, call.args[0].array == pad)


EXERCISE = Exercise(
    name="LanguageModel",
    title="a decoder and nothing else",
    points=4,
    minutes=12,
    hints=(
        "It is the right half of your `Transformer` without cross-attention: what is left of a decoder layer then is an encoder layer under a mask. Three parts: `embedding`, `position`, `layers`. Which mask lets a token see real tokens, and none after itself?",
        "`forward` is `self.position(self.embedding(ids))`, then `self.layers(x, decoder_mask(ids, self.pad))`, then `F.linear(x, self.embedding.weight)`. Pass `dropout` by name to `PositionalEncoding`: its second argument is `max_length`.",
    ),
    reference=LanguageModel,
    make_calls=calls,
    parts={MAIN: 0.5, "padding": 0.2, GRADIENTS: 0.1, "start": 0.1, "dropout": 0.1},
    projection=projection,
    forbidden=libraries.TRANSFORMER,
)


class _Parts(LanguageModel):
    """The reference in small pieces, for mistakes that concern one of them."""

    def mask(self, ids):
        return decoder_mask(ids, self.pad)

    def embedded(self, ids):
        return self.position(self.embedding(ids))

    def project(self, x):
        return F.linear(x, self.embedding.weight)

    def forward(self, ids):
        return self.project(self.layers(self.embedded(ids), self.mask(ids)))


@EXERCISE.wrong(
    "no causal mask",
    "Each position sees the word that it has to predict. Use `decoder_mask`: the causal mask and the padding mask.",
)
class NoCausalMask(_Parts):
    def mask(self, ids):
        return padding_mask(ids, self.pad)


@EXERCISE.wrong(
    "padding visible", "The layers look at padding that comes before a word. `decoder_mask` has both masks in it."
)
class CausalOnly(_Parts):
    def mask(self, ids):
        return causal_mask(ids.shape[1])


@EXERCISE.wrong("no mask", "The layers get no mask. They need the `decoder_mask` of the ids.")
class NoMask(_Parts):
    def mask(self, ids):
        return None


@EXERCISE.wrong(
    "padding always 0", "The mask is made without the argument `pad`. Keep it in `__init__`, and pass it on."
)
class PadAlways0(_Parts):
    def mask(self, ids):
        return decoder_mask(ids)


@EXERCISE.wrong("no positions", "The embeddings go into the layers as they are. `self.position` comes between.")
class NoPositions(_Parts):
    def embedded(self, ids):
        return self.embedding(ids)


@EXERCISE.wrong(
    "embeddings scaled twice", "`TokenEmbedding` multiplies by the root of `d_model` already. Take its result as it is."
)
class ScaledTwice(_Parts):
    def embedded(self, ids):
        rows = self.embedding(ids)
        return self.position(rows * math.sqrt(rows.shape[-1]))


@EXERCISE.wrong(
    "scaled rows in the output",
    "The logits are too large by the root of `d_model`. That factor belongs to the input; the output uses the table as it is.",
)
class ScaledOutput(_Parts):
    def project(self, x):
        return super().project(x) * math.sqrt(x.shape[-1])


@EXERCISE.wrong(
    "softmax in the model", "Probabilities come back. Return the logits; the loss takes the softmax itself."
)
class Softmax(_Parts):
    def project(self, x):
        return super().project(x).softmax(dim=-1)


@EXERCISE.wrong("output missing", "The layers' rows come back, `d_model` wide. Multiply them by the embedding's table.")
class NoOutput(_Parts):
    def project(self, x):
        return x


@EXERCISE.wrong(
    "only the last position",
    "Logits come back for the last position only. In training every position predicts its next word: keep all of them.",
)
class LastWord(_Parts):
    def project(self, x):
        return super().project(x[:, -1])


@EXERCISE.wrong(
    "an output matrix of its own",
    "There is one more matrix. The output uses the embedding's weight: no other parameter.",
)
class OwnOutput(_Parts):
    def __init__(self, vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout=0.1, pad=0):
        super().__init__(vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        self.output = nn.Linear(d_model, vocabulary_size, bias=False)

    def project(self, x):
        return self.output(x)


@EXERCISE.wrong("bias at the output", "The output adds a bias. Here it has none: a plain product with the table.")
class OutputBias(_Parts):
    def __init__(self, vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout=0.1, pad=0):
        super().__init__(vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        self.bias = nn.Parameter(torch.ones(vocabulary_size))

    def project(self, x):
        return super().project(x) + self.bias


@EXERCISE.wrong(
    "output cut off from the gradient",
    "The numbers are right, but the output sends no gradient to the table. Use the parameter itself, without `.detach()`.",
)
class Detached(_Parts):
    def project(self, x):
        return F.linear(x, self.embedding.weight.detach())


@EXERCISE.wrong(
    "embedding drawn again", "The embedding starts with other values. Leave it as `TokenEmbedding` makes it."
)
class OtherStart(_Parts):
    def __init__(self, vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout=0.1, pad=0):
        super().__init__(vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)


@EXERCISE.wrong(
    "dropout not passed on",
    "The parts are made with their own default dropout. Pass `dropout` to `position` and `layers`.",
)
class DefaultDropout(_Parts):
    def __init__(self, vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout=0.1, pad=0):
        super().__init__(vocabulary_size, d_model, num_heads, num_layers, d_ff, 0.1, pad)


@EXERCISE.wrong(
    "no part called position",
    "The model has no part with the name `position`. Keep the `PositionalEncoding` as `self.position`: other code finds "
    "the parts by their names.",
)
class Positional(LanguageModel):
    def __init__(self, vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout=0.1, pad=0):
        super().__init__(vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        self.positional = self.position
        del self.position

    def forward(self, ids):
        x = self.positional(self.embedding(ids))
        return F.linear(self.layers(x, decoder_mask(ids, self.pad)), self.embedding.weight)


@EXERCISE.wrong(
    "padding not known to the embedding",
    "The row of the padding is not 0 at the start: `TokenEmbedding` needs `pad`, too.",
)
class EmbeddingWithoutPad(_Parts):
    def __init__(self, vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout=0.1, pad=0):
        super().__init__(vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        self.embedding = TokenEmbedding(vocabulary_size, d_model)


@EXERCISE.wrong(
    "mask upside down",
    "Each token sees what comes after it, or what is masked. True means *may attend*: take the `decoder_mask` as it is.",
)
class UpsideDown(_Parts):
    def mask(self, ids):
        return ~decoder_mask(ids, self.pad)


@EXERCISE.wrong(
    "only what comes after",
    "Each token sees only the tokens after it, as if True meant *hidden*. Here True means *may attend*: take the "
    "`decoder_mask`.",
)
class After(_Parts):
    def mask(self, ids):
        return ~causal_mask(ids.shape[1])


@EXERCISE.wrong(
    "a token does not see itself",
    "Each token sees only the tokens before it. It also sees itself: take the `decoder_mask` as it is.",
)
class NotItself(_Parts):
    def mask(self, ids):
        return decoder_mask(ids, self.pad) & ~torch.eye(ids.shape[1], dtype=torch.bool)


@EXERCISE.wrong(
    "the table without a transpose",
    "The product runs over the wrong axis of the table, which works only where both are equally long. Logits are "
    "`x @ weight.T`, or `F.linear(x, weight)`.",
)
class NotTransposed(_Parts):
    def project(self, x):
        return x @ self.embedding.weight


@EXERCISE.wrong(
    "positions without the model's dropout",
    "`PositionalEncoding` is made with its own default dropout. Its argument is `dropout=dropout`: the second one is `max_length`.",
)
class PositionDropout(_Parts):
    def __init__(self, vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout=0.1, pad=0):
        super().__init__(vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        self.position = PositionalEncoding(d_model)


@EXERCISE.wrong(
    "sizes of the encoder exchanged",
    "The layers get their sizes in another order than `Encoder(num_layers, d_model, num_heads, d_ff, dropout)`.",
)
class SizesExchanged(_Parts):
    def __init__(self, vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout=0.1, pad=0):
        super().__init__(vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        self.layers = Encoder(num_heads, d_model, num_layers if d_model % num_layers == 0 else 1, d_ff, dropout)


@EXERCISE.wrong(
    "embedding without its factor",
    "The rows of the table go into the layers as they are. Call `self.embedding`, which multiplies them by the root of "
    "d_model.",
)
class WithoutFactor(_Parts):
    def embedded(self, ids):
        return self.position(F.embedding(ids, self.embedding.weight))


@EXERCISE.variant
class TiedLinear(_Parts):
    def __init__(self, vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout=0.1, pad=0):
        super().__init__(vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        self.output = nn.Linear(d_model, vocabulary_size, bias=False)
        self.output.weight = self.embedding.weight

    def project(self, x):
        return self.output(x)


@EXERCISE.variant
class Xavier(LanguageModel):
    """The layers start as those of lesson 7."""

    def __init__(self, vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout=0.1, pad=0):
        super().__init__(vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        for parameter in self.layers.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, ids):
        states = self.layers(self.position(self.embedding(ids)), mask=decoder_mask(ids, pad=self.pad))
        return states @ self.embedding.weight.T


@EXERCISE.variant
class Written(nn.Module):
    def __init__(self, vocabulary_size, d_model, num_heads, num_layers, d_ff, dropout=0.1, pad=0):
        super().__init__()
        self.layers = Encoder(num_layers, d_model, num_heads, d_ff, dropout)
        self.position = PositionalEncoding(d_model, 200, dropout)
        self.embedding = TokenEmbedding(vocabulary_size, d_model, pad=pad)
        self.empty = pad

    def forward(self, ids):
        length = ids.shape[1]
        seen = torch.arange(length)[None, :] <= torch.arange(length)[:, None]
        mask = seen & (ids != self.empty)[:, None, :]
        return torch.einsum(
            "bld,vd->blv", self.layers(self.position(self.embedding(ids)), mask[:, None]), self.embedding.weight
        )
