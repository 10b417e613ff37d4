"""Transformer: the whole model."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.add_norm.common import NOTHING_DROPPED, ONE_WORD, ZERO_DROPOUT
from autograde.exercises.decoder.common import model_by_hand, random_ids, whole, with_padding, without
from autograde.exercises.decoder.decoder import Appended as StackAppended
from autograde.exercises.inputs import random_tensor
from autograde.harness.call import MAIN, ConstructorCall, ModuleCall
from autograde.harness.plain import TensorData
from helpers.decoder import Decoder, Transformer, causal_mask, decoder_mask, padding_mask
from helpers.embeddings import PositionalEncoding, TokenEmbedding
from helpers.feed_forward import Encoder

PARTS_OF_MODEL = ("output", "gradients")


def calls(rng):
    two, new, other = (11, 9, 6, 3, 2, 7, 0.1, 0), (11, 9, 6, 3, 1, 7, 0.1, 0), (7, 10, 8, 2, 1, 5, 0.1, 3)
    weights, more = whole(rng, 11, 9, 6, 1, 7, 0), whole(rng, 7, 10, 8, 1, 5, 3)
    source, target = random_ids(rng, 1, 11, 2, 5), random_ids(rng, 1, 9, 2, 4)
    padded = with_padding(rng, random_ids(rng, 1, 11, 3, 6), 0, (0, 5), (0, 4), (1, 0), (1, 3))
    padded_target = with_padding(rng, random_ids(rng, 1, 9, 3, 5), 0, (0, 4), (1, 2), (2, 1), (2, 4))
    unpadded, unpadded_target = random_ids(rng, 1, 11, 3, 6), random_ids(rng, 1, 9, 3, 5)
    by_three = with_padding(rng, random_ids(rng, 4, 7, 2, 5), 3, (0, 4), (1, 1))
    by_three[0, 1] = 0  # with pad=3, the id 0 is a word like any other
    target_by_three = with_padding(rng, random_ids(rng, 4, 10, 2, 6), 3, (0, 5), (1, 2))
    target_by_three[0, 1] = 0
    empty = with_padding(rng, random_ids(rng, 1, 11, 2, 3), 0, *((1, column) for column in range(3)))
    short = with_padding(rng, random_ids(rng, 1, 7, 2, 4), 0, (1, 3))
    short[0, 1] = 1
    all_lost = (*new[:6], 1.0, 0)
    return [
        model_by_hand(rng),
        ConstructorCall(
            two,
            weights=whole(rng, 11, 9, 6, 2, 7, 0),
            report=("parameters",),
            note="what the model has registered",
        ),
        ModuleCall((TensorData(source), TensorData(target)), new=two, weights=whole(rng, 11, 9, 6, 2, 7, 0)),
        ModuleCall((TensorData(source),), new=new, weights=weights, method="encode"),
        ModuleCall(
            (TensorData(target), random_tensor(rng, 2, 5, 6), TensorData(source)),
            new=new,
            weights=weights,
            method="decode",
        ),
        ModuleCall(
            (TensorData(unpadded),),
            new=new,
            weights=weights,
            method="encode",
            then=(("decode", (TensorData(padded_target), random_tensor(rng, 3, 6, 6), TensorData(padded))),),
            part="padding",
            note="one source is encoded, then a target decoded beside another one",
        ),
        ModuleCall(
            (TensorData(padded), TensorData(padded_target)),
            new=new,
            weights=weights,
            part="padding",
            note="padding in both, not only at the end",
        ),
        ModuleCall(
            (TensorData(by_three), TensorData(target_by_three)),
            new=other,
            weights=more,
            part="padding",
            note="here the padding has the id 3",
        ),
        ModuleCall(
            (TensorData(empty), TensorData(target)),
            new=new,
            weights=weights,
            part="padding",
            note="one source sentence of nothing but padding",
        ),
        ModuleCall(
            (TensorData(unpadded), TensorData(unpadded_target)),
            new=new,
            weights=weights,
            then=(("forward", (TensorData(padded), TensorData(padded_target))),),
            part="padding",
            note="two batches of the same shape, the second one with padding",
        ),
        ModuleCall(
            (TensorData(source), TensorData(target)),
            new=new,
            weights=weights,
            report=PARTS_OF_MODEL,
            part="gradients",
            note="backward, too",
        ),
        ModuleCall(
            (TensorData(short), TensorData(random_ids(rng, 1, 6, 2, 3))),
            new=(7, 6),
            new_kwargs={"d_model": 16, "d_ff": 5},
            weights=whole(rng, 7, 6, 16, 6, 5, 0),
            part="start",
            note="6 layers, 8 heads and the padding 0, unless told otherwise",
        ),
        ConstructorCall(
            (80, 90, 48, 4, 1, 72, 0.1, 3),
            weights=whole(rng, 80, 90, 48, 1, 72, 3),
            report=("initial", "modules"),
            part="start",
            note="the parts, and their values at the start",
        ),
        ModuleCall(
            (TensorData(source),),
            new=all_lost,
            weights=weights,
            method="encode",
            training=True,
            part="dropout",
            note="in training mode, with dropout 1: what the sublayers and the embeddings give is lost",
        ),
        ModuleCall(
            (TensorData(source), TensorData(target)),
            new=all_lost,
            weights=weights,
            training=True,
            part="dropout",
            note="in training mode, with dropout 1: what the sublayers and the embeddings give is lost",
        ),
        ModuleCall(
            (TensorData(source), TensorData(target)),
            new=(*new[:6], 0.0, 0),
            weights=weights,
            training=True,
            part="dropout",
            note=NOTHING_DROPPED,
        ),
        ModuleCall(
            (TensorData(random_ids(rng, 1, 7, 1, 1)), TensorData(random_ids(rng, 1, 10, 1, 1))),
            new=(7, 10, 8, 1, 1, 1, 0.1, 0),
            weights=whole(rng, 7, 10, 8, 1, 1, 0),
            note=f"{ONE_WORD}, with one head and d_ff = 1",
        ),
    ]


def projection(call, value):
    """Without what does not count: rows of padding, and the gradient of the padding's row of the table."""
    if "initial" in call.report:
        position = "there" if "position" in value["modules"] else "missing"
        return {"part `position`": position} | _start(value["initial"], call.args[2], call.args[7])
    if isinstance(call, ConstructorCall):
        return value
    pad = call.new[7] if len(call.new) > 7 else 0
    if call.then:
        passes = [(call.method, call.args), *call.then]
        return [without(output, _read(*each) == pad) for output, each in zip(value, passes, strict=True)]
    if "gradients" in call.report:
        gradients = dict(value["gradients"])
        table = gradients["target_embedding.weight"].array.copy()
        table[pad] = 0
        gradients["target_embedding.weight"] = TensorData(table)
        return {**value, "gradients": gradients}
    return without(value, _read(call.method, call.args) == pad)


def _read(method, args):
    """The ids whose rows a method gives back."""
    return args[0 if method in ("encode", "decode") else 1].array


def _start(values, d_model, pad):
    """The start values in words: a right answer may draw other random numbers."""
    sides, kinds = ("encoder", "decoder"), ("attention", "feed_forward")
    found = {"embedding": set()} | {f"{side} {kind}": set() for side in sides for kind in kinds}
    for name, tensor in values.items():
        array = tensor.array.astype(float)
        if array.ndim != 2:
            continue
        kind = next(kind for kind in found if all(part in name for part in kind.split()))
        if kind == "embedding":
            # about 3,800 numbers: their standard deviation varies by 1.1 %
            ratio = np.delete(array, pad, axis=0).std() * d_model**0.5
            found[kind].add("as `TokenEmbedding` makes them" if abs(ratio - 1) < 0.09 else "changed")
            found[kind].add(f"the row of the padding {'not ' if array[pad].any() else ''}zero")
            continue
        bound = math.sqrt(6 / sum(array.shape))
        largest, deviation = np.abs(array).max() / bound, array.std() / bound * math.sqrt(3)
        # at least 2,304 numbers, evenly spread: their standard deviation varies by 0.9 %, the largest comes near 1
        if largest < 1.0001 and largest > 0.97 and abs(deviation - 1) < 0.08:
            found[kind].add("Xavier-uniform")
        elif abs(deviation - 1) < 0.08:
            found[kind].add("that standard deviation, not evenly spread")
        else:
            found[kind].add(f"{'smaller' if deviation < 1 else 'larger'} than Xavier-uniform")
    return {kind: ", ".join(sorted(words)) for kind, words in found.items()}


EXERCISE = Exercise(
    name="Transformer",
    title="the whole model",
    points=5,
    minutes=14,
    hints=(
        "`encode` is three parts in a row: `source_embedding`, `position`, `encoder` with the padding mask of the "
        "source. `decode` is the same with the target's parts; the decoder also gets the memory and two masks. Which "
        "mask belongs to which ids? The logits are a matrix product with the table of the target embedding.",
        "`F.linear(x, weight)` is x times the transposed weight; `self.target_embedding.weight` has a row for each "
        "word. `self.decoder(x, memory, ...)` takes the `decoder_mask` of the target input and the `padding_mask` of "
        "the source, both with `self.pad`. For the initial values, go through the `parameters()` of encoder and "
        "decoder and pass each one with `dim() > 1` to `nn.init.xavier_uniform_`.",
    ),
    reference=Transformer,
    make_calls=calls,
    parts={MAIN: 0.4, "padding": 0.2, "gradients": 0.15, "start": 0.15, "dropout": 0.1},
    projection=projection,
    forbidden=libraries.TRANSFORMER,
)


def _keep(model, ids):
    return padding_mask(ids, model.pad)


class _Parts(Transformer):
    """The reference in small pieces, for mistakes that concern one of them."""

    def masks(self, target_input, source):
        return decoder_mask(target_input, self.pad), _keep(self, source)

    def embedded(self, ids):
        return self.position(self.target_embedding(ids))

    def project(self, x):
        return F.linear(x, self.target_embedding.weight)

    def decode(self, target_input, memory, source):
        return self.project(self.decoder(self.embedded(target_input), memory, *self.masks(target_input, source)))


@EXERCISE.wrong(
    "no causal mask",
    "The decoder sees the words that it has to predict: the loss will look perfect, and decoding will fail. Give it the `decoder_mask` of the target input.",
)
class NoCausalMask(_Parts):
    def masks(self, target_input, source):
        return _keep(self, target_input), _keep(self, source)


@EXERCISE.wrong(
    "padding of the target visible",
    "The decoder gets only the causal mask, so it looks at padding before a word. Use `decoder_mask`.",
)
class CausalAlone(_Parts):
    def masks(self, target_input, source):
        return causal_mask(target_input.shape[1]), _keep(self, source)


@EXERCISE.wrong(
    "no masks at all",
    "Neither encoder nor decoder gets a mask. The encoder needs the padding mask of the source, the decoder needs two.",
)
class NoMasks(_Parts):
    def encode(self, source):
        return self.encoder(self.position(self.source_embedding(source)))

    def masks(self, target_input, source):
        return None, None


@EXERCISE.wrong(
    "padding of the source visible to the decoder",
    "Cross-attention looks at padding of the source. The decoder's second mask is the padding mask of `source`.",
)
class NoCrossMask(_Parts):
    def masks(self, target_input, source):
        return decoder_mask(target_input, self.pad), None


@EXERCISE.wrong(
    "target mask in cross-attention",
    "Cross-attention gets the target's padding mask. Its keys are source tokens: the mask of `source`.",
)
class TargetMaskInCross(_Parts):
    def masks(self, target_input, source):
        return decoder_mask(target_input, self.pad), _keep(self, target_input)


@EXERCISE.wrong(
    "padding of the source visible to the encoder",
    "The encoder looks at padding. Pass it the padding mask of the source.",
)
class NoEncoderMask(Transformer):
    def encode(self, source):
        return self.encoder(self.position(self.source_embedding(source)))


@EXERCISE.wrong(
    "causal mask in the encoder",
    "The encoder may not look ahead here. The whole source is known: only padding is masked there.",
)
class CausalEncoder(Transformer):
    def encode(self, source):
        return self.encoder(self.position(self.source_embedding(source)), decoder_mask(source, self.pad))


@EXERCISE.wrong(
    "padding always 0", "The masks are made without the argument `pad`. Keep it in `__init__` and pass it on."
)
class PadAlways0(_Parts):
    def encode(self, source):
        return self.encoder(self.position(self.source_embedding(source)), padding_mask(source))

    def masks(self, target_input, source):
        return decoder_mask(target_input), padding_mask(source)


@EXERCISE.wrong(
    "no positions", "The embeddings go into encoder and decoder as they are. `self.position` comes between."
)
class NoPositions(Transformer):
    def encode(self, source):
        return self.encoder(self.source_embedding(source), _keep(self, source))

    def decode(self, target_input, memory, source):
        x = self.target_embedding(target_input)
        x = self.decoder(x, memory, decoder_mask(target_input, self.pad), _keep(self, source))
        return F.linear(x, self.target_embedding.weight)


@EXERCISE.wrong(
    "no positions in the decoder",
    "The encoder's input has positions, but the decoder's doesn't. `self.position` serves both.",
)
class NoTargetPositions(_Parts):
    def embedded(self, ids):
        return self.target_embedding(ids)


@EXERCISE.wrong(
    "embeddings scaled twice", "`TokenEmbedding` multiplies by the root of `d_model` already. Take its result as it is."
)
class ScaledTwice(_Parts):
    def encode(self, source):
        rows = self.source_embedding(source)
        return self.encoder(self.position(rows * math.sqrt(rows.shape[-1])), _keep(self, source))

    def embedded(self, ids):
        rows = self.target_embedding(ids)
        return self.position(rows * math.sqrt(rows.shape[-1]))


@EXERCISE.wrong(
    "scaled rows in the output",
    "The logits are too large by the root of `d_model`. That factor belongs to the input; the projection uses the table as it is.",
)
class ScaledOutput(_Parts):
    def project(self, x):
        return F.linear(x, self.target_embedding.weight) * math.sqrt(x.shape[-1])


@EXERCISE.wrong(
    "softmax in the model", "Probabilities come back. Return the logits; the loss takes the softmax itself."
)
class Softmax(_Parts):
    def project(self, x):
        return super().project(x).softmax(dim=-1)


@EXERCISE.wrong(
    "logarithm of the softmax",
    "Logarithms of probabilities come back. Return the logits; the loss does this step itself.",
)
class LogSoftmax(_Parts):
    def project(self, x):
        return super().project(x).log_softmax(dim=-1)


@EXERCISE.wrong(
    "output projection missing",
    "The decoder's rows come back, `d_model` wide. Project them onto the words with the target embedding's weight.",
)
class NoProjection(_Parts):
    def project(self, x):
        return x


@EXERCISE.wrong(
    "only the last position",
    "Logits come back only for the last position. In training every position predicts its next word: keep all of them.",
)
class LastWord(_Parts):
    def project(self, x):
        return super().project(x[:, -1])


@EXERCISE.wrong(
    "tied to the source embedding",
    "The logits are those of source words. What is predicted are target words: use the target embedding's weight.",
)
class SourceProjection(_Parts):
    def project(self, x):
        return F.linear(x, self.source_embedding.weight)


@EXERCISE.wrong(
    "projection cut off from the gradient",
    "The numbers are right, but the projection sends no gradient to the table. Use the parameter itself, without `.detach()` or `.data`.",
)
class DetachedProjection(_Parts):
    def project(self, x):
        return F.linear(x, self.target_embedding.weight.detach())


@EXERCISE.wrong(
    "an output matrix of its own",
    "There is one more matrix. The output projection is the target embedding's weight: no parameter of its own.",
)
class OwnProjection(_Parts):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(source_size, target_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        self.output = nn.Linear(d_model, target_size, bias=False)

    def project(self, x):
        return self.output(x)


@EXERCISE.wrong(
    "bias in the output projection",
    "The output layer adds a bias. Here it has none: `bias=False`, or a plain product.",
)
class ProjectionBias(_Parts):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(source_size, target_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        self.output = nn.Linear(d_model, target_size)
        self.output.weight = self.target_embedding.weight

    def project(self, x):
        return self.output(x)


@EXERCISE.wrong(
    "sizes exchanged",
    "The source embedding has as many rows as the target vocabulary, and vice versa. `source_size` comes first.",
)
class SizesSwapped(Transformer):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(target_size, source_size, d_model, num_heads, num_layers, d_ff, dropout, pad)


@EXERCISE.wrong(
    "arguments of forward exchanged",
    "The target goes into the encoder and the source into the decoder. `forward` gets `source` first.",
)
class LabelsFirst(Transformer):
    def forward(self, source, target_input):
        return super().forward(target_input, source)


def _begin(model, matrices):
    for parameter in matrices:
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=math.sqrt(2 / sum(parameter.shape)))


@EXERCISE.wrong(
    "Xavier-normal",
    "The initial values have the right size but are normally distributed. Use `nn.init.xavier_uniform_`.",
)
class XavierNormal(Transformer):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(source_size, target_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        _begin(self, [*self.encoder.parameters(), *self.decoder.parameters()])


@EXERCISE.wrong(
    "start values too small",
    "The matrices start too small, as from `nn.Linear`. Go through the parameters of encoder and decoder with "
    "`nn.init.xavier_uniform_`.",
)
class DefaultStart(Transformer):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(source_size, target_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        for part in (self.encoder, self.decoder):
            for module in part.modules():
                if isinstance(module, nn.Linear):
                    module.reset_parameters()


@EXERCISE.wrong(
    "Xavier for the embeddings, too",
    "The embeddings have been drawn again, with a different spread. Only the matrices of encoder and decoder get "
    "Xavier values.",
)
class XavierEverywhere(Transformer):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(source_size, target_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)


@EXERCISE.wrong(
    "Xavier only for the encoder",
    "The decoder's matrices start too small, as from `nn.Linear`. They get Xavier values, too.",
)
class EncoderXavierAlone(Transformer):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(source_size, target_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        for module in self.decoder.modules():
            if isinstance(module, nn.Linear):
                module.reset_parameters()


@EXERCISE.wrong(
    "dropout not passed on",
    "The parts drop a tenth whatever `dropout` says. Pass it to `position`, `encoder` and `decoder`.",
)
class DefaultDropout(Transformer):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(source_size, target_size, d_model, num_heads, num_layers, d_ff, 0.1, pad)


@EXERCISE.wrong("dropout 0 taken for the default", ZERO_DROPOUT)
class ZeroForDefault(Transformer):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(source_size, target_size, d_model, num_heads, num_layers, d_ff, dropout or 0.1, pad)


@EXERCISE.wrong(
    "positions without the model's dropout",
    "`position` drops a tenth whatever `dropout` says. The argument is `dropout=dropout`: the second one is "
    "`max_length`.",
)
class PositionDropout(Transformer):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(source_size, target_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        self.position = PositionalEncoding(d_model)


@EXERCISE.wrong(
    "decoder without the model's dropout",
    "The decoder drops a tenth whatever `dropout` says. Pass it on, as to the encoder.",
)
class DecoderDropout(Transformer):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(source_size, target_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        self.decoder = Decoder(num_layers, d_model, num_heads, d_ff)


@EXERCISE.wrong(
    "encoder without the model's dropout",
    "The encoder drops a tenth whatever `dropout` says. Pass it on, as to the decoder.",
)
class EncoderDropout(Transformer):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(source_size, target_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        self.encoder = Encoder(num_layers, d_model, num_heads, d_ff)


@EXERCISE.wrong(
    "no positions in the encoder",
    "The source gets no positions, so the encoder does not know its order. `self.position` serves both sides.",
)
class NoSourcePositions(Transformer):
    def encode(self, source):
        return self.encoder(self.source_embedding(source), _keep(self, source))


@EXERCISE.wrong(
    "words in place of logits",
    "The most probable words come back. Return the logits: training and sampling need all of them.",
)
class MostProbable(_Parts):
    def project(self, x):
        return super().project(x).argmax(dim=-1)


@EXERCISE.wrong(
    "memory made again",
    "`decode` encodes the source again and does not use the `memory` that it is given. Use the argument.",
)
class MemoryAgain(_Parts):
    def decode(self, target_input, memory, source):
        return super().decode(target_input, self.encode(source), source)


@EXERCISE.wrong(
    "padding always 0 in decode",
    "`decode` makes its masks for padding with the id 0. Pass `self.pad` to both.",
)
class PadZeroInDecode(_Parts):
    def masks(self, target_input, source):
        return decoder_mask(target_input), padding_mask(source)


@EXERCISE.variant
class TiedLinear(_Parts):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(source_size, target_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        self.output = nn.Linear(d_model, target_size, bias=False)
        self.output.weight = self.target_embedding.weight

    def project(self, x):
        return self.output(x)


@EXERCISE.variant
class Product(_Parts):
    def project(self, x):
        return x @ self.target_embedding.weight.T


@EXERCISE.variant
class WithoutPadRow(_Parts):
    """The pad row takes no part in the projection's gradient."""

    def project(self, x):
        real = (torch.arange(len(self.target_embedding.weight)) != self.pad).unsqueeze(1)
        return torch.einsum("btd,wd->btw", x, self.target_embedding.weight * real)


@EXERCISE.variant
class Written(nn.Module):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__()
        self.decoder = StackAppended(num_layers, d_model, num_heads, d_ff, dropout)
        self.encoder = Encoder(num_layers, d_model, num_heads, d_ff, dropout)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2 and name.endswith("weight"):
                bound = math.sqrt(6 / (parameter.shape[0] + parameter.shape[1]))
                nn.init.uniform_(parameter, -bound, bound)
        self.position = PositionalEncoding(d_model, 300, dropout)
        self.target_embedding = TokenEmbedding(target_size, d_model, pad=pad)
        self.source_embedding = TokenEmbedding(source_size, d_model, pad=pad)
        self.empty = pad

    def encode(self, source):
        return self.encoder(self.position(self.source_embedding(source)), mask=source[:, None] != self.empty)

    def decode(self, target_input, memory, source):
        keep = (target_input[:, None] != self.empty).repeat(1, target_input.shape[1], 1).tril()
        x = self.decoder(
            self.position(self.target_embedding(target_input)), memory, keep, source[:, None, None] != self.empty
        )
        return x.matmul(self.target_embedding.weight.transpose(0, 1))

    def forward(self, source, target_input):
        memory = self.encode(source)
        return self.decode(target_input, memory, source)
