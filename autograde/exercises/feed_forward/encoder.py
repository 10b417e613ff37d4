"""Encoder: a stack of layers."""

import copy

from torch import nn

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.add_norm.common import NOTHING_DROPPED, ONE_WORD, ZERO_DROPOUT
from autograde.exercises.feed_forward.common import (
    CHANGED,
    dropout_view,
    dropping_layer,
    dropping_network,
    layer_by_hand,
    layer_weights,
    random_array,
    same_rows,
)
from autograde.exercises.feed_forward.encoder_layer import OwnAddNorm as LayerOwnAddNorm
from autograde.exercises.inputs import random_mask, tensor
from autograde.harness.call import MAIN, ConstructorCall, ModuleCall
from autograde.harness.plain import TensorData
from helpers.add_norm import LayerNormalization
from helpers.feed_forward import Encoder, EncoderLayer


def stack_weights(rng, num_layers, d_model, d_ff):
    weights = {}
    for index in range(num_layers):
        weights |= layer_weights(rng, d_model, d_ff, f"layers.{index}.")
    return weights


def calls(rng):
    return [
        ModuleCall(
            (tensor([[[3, 1], [1, 4]]]),),
            new=(2, 2, 1, 3),
            weights=layer_by_hand("layers.0.") | layer_by_hand("layers.1."),
            note="by hand: the layer of the exercise before, twice",
        ),
        ConstructorCall((3, 6, 2, 9), report=("parameters",), note="the parameters and their shapes"),
        ModuleCall((TensorData(random_array(rng, 3, 5, 6)),), new=(3, 6, 2, 7), weights=stack_weights(rng, 3, 6, 7)),
        ModuleCall((TensorData(random_array(rng, 2, 3, 8)),), new=(1, 8, 4, 5), weights=stack_weights(rng, 1, 8, 5)),
        ModuleCall(
            (TensorData(random_array(rng, 2, 5, 4)),),
            new=(2, 4, 2, 7),
            weights=stack_weights(rng, 2, 4, 7),
            report=("gradients",),
            part=CHANGED,
            note="the gradient of every weight",
        ),
        ModuleCall(
            (TensorData(random_array(rng, 3, 5, 6)),),
            {"mask": TensorData(random_mask(rng, 3, 1, 5))},
            new=(2, 6, 2, 4),
            weights=stack_weights(rng, 2, 6, 4),
            part="mask",
            note="one mask row per sentence, as for padding",
        ),
        ModuleCall(
            (TensorData(random_array(rng, 2, 4, 6)), TensorData(random_mask(rng, 2, 4, 4))),
            new=(3, 6, 3, 5),
            weights=stack_weights(rng, 3, 6, 5),
            part="mask",
            note="a mask of its own for every sentence",
        ),
        ModuleCall(
            (TensorData(random_array(rng, 3, 5, 6)), TensorData(random_mask(rng, 3, 1, 5))),
            new=(2, 6, 2, 4),
            weights=stack_weights(rng, 2, 6, 4),
            then=(("forward", (TensorData(random_array(rng, 2, 4, 6)),)),),
            part="mask",
            note="first with a mask, then without one",
        ),
        ConstructorCall((1,), report=("parameters",), part="defaults", note="one layer of the paper's size"),
        ModuleCall(
            (TensorData(random_array(rng, 2, 3, 16)),),
            new=(),
            new_kwargs={"d_model": 16, "d_ff": 5},
            weights=stack_weights(rng, 6, 16, 5),
            part="defaults",
            note="6 layers and 8 heads, unless told otherwise",
        ),
        ModuleCall(
            (same_rows([1] * 6),),
            new=(1, 6, 2, 5, 0.3),
            weights=dropping_layer(6, 5, 0.0, "layers.0."),
            training=True,
            part="dropout",
            note="training mode: attention adds nothing, the network adds 0.7 + 0.8 * a hidden unit to column 0",
        ),
        ModuleCall(
            (same_rows([1] * 6),),
            new=(2, 6, 2, 5, 1.0),
            weights=dropping_layer(6, 5, 1.5, "layers.0.") | dropping_layer(6, 5, 1.5, "layers.1."),
            training=True,
            part="dropout",
            note="two layers, with dropout 1: what the sublayers give is lost",
        ),
        ModuleCall(
            (same_rows([1] * 4),),
            new=(1, 4, 2, 3),
            weights=dropping_layer(4, 3, 0.0, "layers.0."),
            training=True,
            part="dropout",
            note="training mode, with the dropout of the signature",
        ),
        ModuleCall(
            (TensorData(random_array(rng, 1, 1, 6)),),
            new=(1, 6, 1, 1),
            weights=stack_weights(rng, 1, 6, 1),
            note=f"{ONE_WORD}, with one head and d_ff = 1",
        ),
        ModuleCall(
            (same_rows([1] * 6),),
            new=(1, 6, 2, 5, 0.0),
            weights=dropping_layer(6, 5, 1.5, "layers.0.") | dropping_network(6, 5, "layers.0.feed_forward."),
            training=True,
            part="dropout",
            note=NOTHING_DROPPED,
        ),
    ]


EXERCISE = Exercise(
    name="Encoder",
    title="a stack of layers",
    points=4,
    minutes=10,
    hints=(
        "The layers belong in an `nn.ModuleList`, so that PyTorch finds their weights. Make a new one each time: a "
        "list made with `[layer] * n` holds the same layer n times. In `forward` the output of a layer is the input "
        "of the next.",
        "`nn.ModuleList` takes a list or a generator with a `for _ in range(...)`. In `forward`, a loop over "
        "`self.layers` replaces x by what the layer makes of x and the mask.",
    ),
    reference=Encoder,
    make_calls=calls,
    parts={MAIN: 0.5, CHANGED: 0.05, "mask": 0.2, "defaults": 0.1, "dropout": 0.15},
    projection=dropout_view,
    forbidden=libraries.TRANSFORMER,
)


@EXERCISE.wrong(
    "shared layers",
    "All layers are one and the same object: `[layer] * n` repeats a reference, not a layer. Make a new "
    "`EncoderLayer` for each place.",
)
class Shared(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        nn.Module.__init__(self)
        self.layers = nn.ModuleList([EncoderLayer(d_model, num_heads, d_ff, dropout)] * num_layers)


@EXERCISE.wrong(
    "layers not registered",
    "The module has no parameters: the optimizer only finds layers that `__init__` keeps in an `nn.ModuleList`, and none in a "
    "Python list, or made in `forward`.",
)
class PythonList(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        nn.Module.__init__(self)
        self.layers = [EncoderLayer(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]


@EXERCISE.wrong(
    "only the last layer counts",
    "Only the last layer counts. Go through all of them: each reads what the layer before it gave.",
)
class EachReadsInput(Encoder):
    def forward(self, x, mask=None):
        for layer in self.layers:
            out = layer(x, mask)
        return out


@EXERCISE.wrong(
    "the first layer only",
    "Only the first layer acts. Go through all of them in a loop, and return after it, not inside it.",
)
class FirstLayerAlone(Encoder):
    def forward(self, x, mask=None):
        for layer in self.layers:
            x = layer(x, mask)
            return x


@EXERCISE.wrong("mask not passed on", "The mask changes nothing. Hand it to every layer.")
class MaskIgnored(Encoder):
    def forward(self, x, mask=None):
        return super().forward(x)


@EXERCISE.wrong(
    "mask only for the first layer",
    "The first layer gets the mask, the later ones don't, so they attend to what is masked. Hand it to every layer.",
)
class MaskFirstLayer(Encoder):
    def forward(self, x, mask=None):
        for index, layer in enumerate(self.layers):
            x = layer(x, mask if index == 0 else None)
        return x


@EXERCISE.wrong(
    "mask upside down",
    "The mask was inverted before it went to the layers. In this course True means *may attend* everywhere.",
)
class MaskUpsideDown(Encoder):
    def forward(self, x, mask=None):
        return super().forward(x, None if mask is None else ~mask)


@EXERCISE.wrong("always six layers", "There are 6 layers, whatever `num_layers` says. 6 is only its default value.")
class Six(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(6, d_model, num_heads, d_ff, dropout)


@EXERCISE.wrong("one layer too few", "One layer is missing. `range(n)` already has n items, from 0 to n - 1.")
class OneTooFew(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers - 1, d_model, num_heads, d_ff, dropout)


@EXERCISE.wrong(
    "norm at the end of the stack",
    "There is one more norm after the last layer. Stacks of pre-norm layers need it; here every layer ends "
    "with a norm.",
)
class FinalNorm(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout)
        self.norm = LayerNormalization(d_model)

    def forward(self, x, mask=None):
        return self.norm(super().forward(x, mask))


@EXERCISE.wrong(
    "outputs of all layers",
    "A list with the output of every layer comes back. Return only the output of the last one.",
)
class AllOutputs(Encoder):
    def forward(self, x, mask=None):
        outputs = []
        for layer in self.layers:
            x = layer(x, mask)
            outputs.append(x)
        return outputs


@EXERCISE.wrong(
    "residual around the layers",
    "The input of each layer is added to its output. A layer has its residual connections inside.",
)
class Residual(Encoder):
    def forward(self, x, mask=None):
        for layer in self.layers:
            x = x + layer(x, mask)
        return x


@EXERCISE.wrong("layers in reverse", "The last layer acts first. Go through `self.layers` from the front.")
class Reversed(Encoder):
    def forward(self, x, mask=None):
        for layer in reversed(self.layers):
            x = layer(x, mask)
        return x


@EXERCISE.wrong(
    "mask given to nn.Sequential",
    "`nn.Sequential` passes a single argument from layer to layer, so it can't take the mask. Use "
    "`nn.ModuleList` and a loop.",
)
class SequentialWithMask(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout)
        self.layers = nn.Sequential(*self.layers)

    def forward(self, x, mask=None):
        return self.layers(x, mask)


@EXERCISE.wrong(
    "always four times d_model", "The networks have the width `4 * d_model`. Give the layers the argument `d_ff`."
)
class FourTimes(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, 4 * d_model, dropout)


@EXERCISE.wrong(
    "num_heads and d_ff exchanged",
    "The layers got `d_ff` heads and a network as wide as `num_heads`. Look at the order of the arguments.",
)
class HeadsAndWidthExchanged(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, d_ff, num_heads, dropout)


@EXERCISE.wrong(
    "dropout not passed on", "The layers drop 0.1, whatever the encoder is told. Give them `dropout` as well."
)
class DropoutNotGivenOn(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, d_ff)


@EXERCISE.wrong("dropout 0 taken for the default", ZERO_DROPOUT)
class ZeroForDefault(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout or 0.1)


@EXERCISE.wrong(
    "no default sizes",
    "`Encoder()` without sizes has to work: the signature gives the paper's sizes as default values.",
)
class NoDefaults(Encoder):
    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout)


@EXERCISE.wrong(
    "last layer left out",
    "The last layer is not used. Go through all of `self.layers`. (`range(n)` ends with n - 1 already.)",
)
class LastLayerLeftOut(Encoder):
    def forward(self, x, mask=None):
        for layer in self.layers[:-1]:
            x = layer(x, mask)
        return x


@EXERCISE.wrong(
    "first layer twice",
    "The first layer is used before the loop, and once more in it. Begin the loop with `x` itself.",
)
class FirstLayerTwice(Encoder):
    def forward(self, x, mask=None):
        x = self.layers[0](x, mask)
        for layer in self.layers:
            x = layer(x, mask)
        return x


@EXERCISE.variant
class DeepCopies(nn.Module):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        layer = EncoderLayer(d_model, num_heads, d_ff, dropout)
        self.layers = nn.ModuleList([copy.deepcopy(layer) for _ in range(num_layers)])

    def forward(self, x, mask=None):
        for layer in self.layers:
            x = layer(x, mask=mask)
        return x


@EXERCISE.variant
class Appended(nn.Module):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        self.layers = nn.ModuleList()
        for _ in range(num_layers):
            self.layers.append(EncoderLayer(d_model=d_model, num_heads=num_heads, d_ff=d_ff, dropout=dropout))

    def forward(self, x, mask=None):
        for index in range(len(self.layers)):
            x = self.layers[index](x, mask)
        return x


@EXERCISE.variant
class Sequential(nn.Module):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        self.layers = nn.Sequential(*(EncoderLayer(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)))

    def forward(self, x, mask=None):
        state = x
        for layer in self.layers:
            state = layer(state, mask)
        return state


@EXERCISE.variant
class Recursive(nn.Module):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        made = [LayerOwnAddNorm(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]
        self.layers = nn.ModuleList(made)

    def forward(self, x, mask=None, start=0):
        if start == len(self.layers):
            return x
        return self.forward(self.layers[start](x, mask), mask, start + 1)
