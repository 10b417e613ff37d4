"""Decoder: layer after layer."""

from torch import nn

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.add_norm.common import NOTHING_DROPPED, ZERO_DROPOUT
from autograde.exercises.decoder.common import causal, layer_by_hand, layers_of
from autograde.exercises.decoder.decoder_layer import InAList as LayerInAList
from autograde.exercises.inputs import random_mask, random_tensor
from autograde.harness.call import MAIN, ConstructorCall, ModuleCall
from autograde.harness.plain import TensorData
from helpers.add_norm import LayerNormalization
from helpers.decoder import Decoder, DecoderLayer


def calls(rng):
    masks = {"self_mask": causal(4), "cross_mask": TensorData(random_mask(rng, 2, 1, 5))}
    layer = layer_by_hand(rng)
    return [
        ModuleCall(
            layer.args,
            new=(1, 4, 2, 3),
            weights={f"layers.0.{name}": w for name, w in layer.weights.items()},
            note="by hand: one layer, in which only cross-attention adds something",
        ),
        ConstructorCall((3, 6, 2, 5), report=("parameters",), note="what the decoder has registered"),
        ModuleCall(
            (random_tensor(rng, 2, 3, 6), random_tensor(rng, 2, 5, 6)),
            new=(2, 6, 3, 7),
            weights=layers_of(rng, 2, 6, 7),
        ),
        ModuleCall(
            (random_tensor(rng, 3, 2, 4), random_tensor(rng, 3, 4, 4)),
            new=(3, 4, 2, 5),
            weights=layers_of(rng, 3, 4, 5),
        ),
        ModuleCall(
            (random_tensor(rng, 2, 4, 6), random_tensor(rng, 2, 5, 6)),
            masks,
            new=(2, 6, 2, 7),
            weights=layers_of(rng, 2, 6, 7),
            part="masks",
            note="a causal mask, and a padding mask of the source",
        ),
        ModuleCall(
            (random_tensor(rng, 2, 4, 6), random_tensor(rng, 2, 5, 6)),
            {"cross_mask": masks["cross_mask"]},
            new=(2, 6, 2, 7),
            weights=layers_of(rng, 2, 6, 7),
            part="masks",
            note="only a padding mask of the source",
        ),
        ModuleCall(
            (random_tensor(rng, 2, 4, 6), random_tensor(rng, 2, 5, 6)),
            masks,
            new=(2, 6, 2, 7),
            weights=layers_of(rng, 2, 6, 7),
            then=(("forward", (random_tensor(rng, 3, 2, 6), random_tensor(rng, 3, 4, 6))),),
            part="masks",
            note="first with both masks, then without",
        ),
        ModuleCall(
            (random_tensor(rng, 2, 3, 6), random_tensor(rng, 2, 5, 6)),
            new=(2, 6, 3, 7, 1.0),
            weights=layers_of(rng, 2, 6, 7),
            training=True,
            part="dropout",
            note="in training mode, with dropout 1: what the sublayers give is lost, their inputs stay",
        ),
        ConstructorCall((1,), report=("parameters",), part="defaults", note="one layer of the paper's size"),
        ModuleCall(
            (random_tensor(rng, 2, 3, 16), random_tensor(rng, 2, 5, 16)),
            new=(),
            new_kwargs={"d_model": 16, "d_ff": 5},
            weights=layers_of(rng, 6, 16, 5),
            part="defaults",
            note="6 layers and 8 heads, unless told otherwise",
        ),
        ModuleCall(
            (random_tensor(rng, 4, 5, 6), random_tensor(rng, 4, 3, 6)),
            new=(2, 6, 1, 1, 0.0),
            weights=layers_of(rng, 2, 6, 1),
            training=True,
            part="dropout",
            note=NOTHING_DROPPED,
        ),
    ]


EXERCISE = Exercise(
    name="Decoder",
    title="layer after layer",
    points=2,
    minutes=4,
    hints=(
        "This is `Encoder` from lesson 6 once more, with decoder layers. Every layer reads the output of the layer before it; the memory and the masks are the same for all.",
        "`nn.ModuleList(... for _ in range(num_layers))` makes a new layer each time and registers it. In `forward`, a loop over the layers replaces `x` by the layer's output.",
    ),
    reference=Decoder,
    make_calls=calls,
    parts={MAIN: 0.5, "masks": 0.2, "dropout": 0.2, "defaults": 0.1},
    forbidden=libraries.TRANSFORMER,
)


@EXERCISE.wrong(
    "one layer used again and again",
    "All entries of the list are the same layer, since putting it into a list doesn't copy it. Make a new layer for "
    "each of them.",
)
class SharedWeights(Decoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(0)
        self.layers = nn.ModuleList([DecoderLayer(d_model, num_heads, d_ff, dropout)] * num_layers)


@EXERCISE.wrong(
    "layers not registered",
    "The decoder has no parameters, as with layers in a Python list. Use `self.layers = nn.ModuleList(...)`.",
)
class PlainList(Decoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        nn.Module.__init__(self)
        self.layers = [DecoderLayer(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]


@EXERCISE.wrong(
    "a norm at the end",
    "There is one more layer normalization after the last layer. Each layer here ends with its own; one more belongs to the pre-norm variant.",
)
class FinalNorm(Decoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout)
        self.norm = LayerNormalization(d_model)

    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return self.norm(super().forward(x, memory, self_mask, cross_mask))


@EXERCISE.wrong(
    "one layer too few",
    "There are `num_layers - 1` layers. `range(num_layers)` counts from 0 and has `num_layers` numbers.",
)
class OneLess(Decoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers - 1, d_model, num_heads, d_ff, dropout)


@EXERCISE.wrong("always six layers", "The argument `num_layers` is not used. The number 6 is only its default.")
class AlwaysSix(Decoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(6, d_model, num_heads, d_ff, dropout)


@EXERCISE.wrong(
    "only the first layer",
    "Only the first layer acts. Go through all of them in a loop, and return after it, not inside it.",
)
class ReturnsEarly(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for layer in self.layers:
            x = layer(x, memory, self_mask, cross_mask)
            return x


@EXERCISE.wrong(
    "only the last layer counts",
    "Only the last layer counts: what it reads is the decoder's input. Each layer reads the output of the one "
    "before it.",
)
class SameInput(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for layer in self.layers:
            output = layer(x, memory, self_mask, cross_mask)
        return output


@EXERCISE.wrong(
    "memory only for the first layer",
    "From the second layer on, cross-attention looks at the decoder itself. Every layer gets the same `memory`.",
)
class MemoryOnce(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = self.layers[0](x, memory, self_mask, cross_mask)
        for layer in self.layers[1:]:
            x = layer(x, x, self_mask, self_mask)
        return x


@EXERCISE.wrong("masks not passed on", "The masks stop here. Pass both to every layer.")
class NoMasks(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for layer in self.layers:
            x = layer(x, memory)
        return x


@EXERCISE.wrong(
    "masks exchanged", "The layers get the masks in the wrong order: `self_mask` comes first, then `cross_mask`."
)
class MasksSwapped(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return super().forward(x, memory, cross_mask, self_mask)


@EXERCISE.wrong("cross_mask not passed on", "`cross_mask` stops here. Pass both masks to every layer.")
class NoCrossMask(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return super().forward(x, memory, self_mask)


@EXERCISE.wrong("last layer first", "The layers are used from the last to the first. Start with `self.layers[0]`.")
class Backwards(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for layer in reversed(self.layers):
            x = layer(x, memory, self_mask, cross_mask)
        return x


@EXERCISE.wrong(
    "a residual around each layer",
    "The input of each layer is added to its output. The residual connections are already inside the layer.",
)
class Residual(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for layer in self.layers:
            x = x + layer(x, memory, self_mask, cross_mask)
        return x


@EXERCISE.wrong("dropout not passed on", "The layers drop a tenth whatever `dropout` says. Pass it to each.")
class DefaultDropout(Decoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, d_ff)


@EXERCISE.wrong("dropout 0 taken for the default", ZERO_DROPOUT)
class ZeroForDefault(Decoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout or 0.1)


@EXERCISE.wrong(
    "memory replaced by a layer's output",
    "The output of a layer goes on as the memory of the next one, and every layer reads the same `x`. It goes on as `x`; "
    "the memory stays.",
)
class MemoryReplaced(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for layer in self.layers:
            memory = layer(x, memory, self_mask, None if memory.shape[1] == x.shape[1] else cross_mask)
        return memory


@EXERCISE.variant
class DeepCopies(nn.Module):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        import copy

        super().__init__()
        first = DecoderLayer(d_model, num_heads, d_ff, dropout)
        self.layers = nn.ModuleList([copy.deepcopy(first) for _ in range(num_layers)])

    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for index in range(len(self.layers)):
            x = self.layers[index](x, memory, self_mask=self_mask, cross_mask=cross_mask)
        return x


@EXERCISE.variant
class Appended(nn.Module):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        self.layers = nn.ModuleList()
        while len(self.layers) < num_layers:
            self.layers.append(DecoderLayer(d_model, num_heads, d_ff, dropout))

    def forward(self, x, memory, self_mask=None, cross_mask=None):
        output = x
        for layer in self.layers:
            output = layer(output, memory, self_mask, cross_mask)
        return output


@EXERCISE.variant
class Sequential(nn.Module):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        self.layers = nn.Sequential(*(LayerInAList(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)))

    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for _, layer in self.layers.named_children():
            x = layer(x, memory, self_mask, cross_mask)
        return x


@EXERCISE.variant
class Reduced(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        from functools import reduce

        return reduce(lambda x, layer: layer(x, memory, self_mask, cross_mask), self.layers, x)
