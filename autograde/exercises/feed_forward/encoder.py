"""Lesson 6: the whole encoder, and its parameters counted."""

from __future__ import annotations

from autograde.exercise import Exercise, Misconception
from autograde.exercises.feed_forward.dropout import dropout_view, same_rows
from autograde.exercises.feed_forward.inputs import mask, random_array, tensor
from autograde.exercises.feed_forward.parts import CHANGED
from autograde.exercises.feed_forward.weights import dropping_layer, layer_by_hand, stack_weights
from autograde.exercises.libraries import TRANSFORMER
from autograde.exercises.mistakes.feed_forward import encoder as code
from autograde.harness.call import MAIN, Call
from autograde.harness.plain import TensorData
from helpers.feed_forward import Encoder, encoder_parameters

LESSON = "06_feed_forward"

# --- Encoder --------------------------------------------------------------------------------------------------------


def _encoder_calls(rng):
    return [
        Call(
            (tensor([[[3, 1], [1, 4]]]),),
            new=(2, 2, 1, 3),
            weights=layer_by_hand("layers.0.") | layer_by_hand("layers.1."),
            note="by hand: the layer of the exercise before, twice",
        ),
        Call(new=(3, 6, 2, 9), method="", report=("parameters",), note="the parameters and their shapes"),
        Call((TensorData(random_array(rng, 3, 5, 6)),), new=(3, 6, 2, 7), weights=stack_weights(rng, 3, 6, 7)),
        Call((TensorData(random_array(rng, 2, 3, 8)),), new=(1, 8, 4, 5), weights=stack_weights(rng, 1, 8, 5)),
        Call(
            (TensorData(random_array(rng, 2, 5, 4)),),
            new=(2, 4, 2, 7),
            weights=stack_weights(rng, 2, 4, 7),
            report=("gradients",),
            part=CHANGED,
            note="the gradient of every weight",
        ),
        Call(
            (TensorData(random_array(rng, 3, 5, 6)),),
            {"mask": mask(rng, 3, 1, 5)},
            new=(2, 6, 2, 4),
            weights=stack_weights(rng, 2, 6, 4),
            part="mask",
            note="one mask row per sentence, as for padding",
        ),
        Call(
            (TensorData(random_array(rng, 2, 4, 6)), mask(rng, 2, 4, 4)),
            new=(3, 6, 3, 5),
            weights=stack_weights(rng, 3, 6, 5),
            part="mask",
            note="a mask of its own for every sentence",
        ),
        Call(new=(1,), method="", report=("parameters",), part="defaults", note="one layer of the paper's size"),
        Call(
            (TensorData(random_array(rng, 2, 3, 16)),),
            new=(),
            new_kwargs={"d_model": 16, "d_ff": 5},
            weights=stack_weights(rng, 6, 16, 5),
            part="defaults",
            note="6 layers and 8 heads, unless told otherwise",
        ),
        Call(
            (same_rows([1] * 6),),
            new=(1, 6, 2, 5, 0.3),
            weights=dropping_layer(6, 5, 0.0, "layers.0."),
            training=True,
            part="dropout",
            note="training mode: attention adds nothing, the network adds 0.7 + 0.8 * a hidden unit to column 0",
        ),
        Call(
            (same_rows([1] * 4),),
            new=(1, 4, 2, 3),
            weights=dropping_layer(4, 3, 0.0, "layers.0."),
            training=True,
            part="dropout",
            note="training mode, with the dropout that stands in the signature",
        ),
    ]


ENCODER = Exercise(
    name="Encoder",
    lesson=LESSON,
    title="a stack of layers",
    points=4,
    minutes=10,
    hints=(
        "The layers stand in an `nn.ModuleList`, so that PyTorch finds their weights. Make each of them anew: a list "
        "made with `[layer] * n` holds one layer n times. In `forward` the output of a layer is the input of the next.",
        "`nn.ModuleList` takes a list or a generator with a `for _ in range(...)`. In `forward`, a loop over "
        "`self.layers` replaces x by what the layer makes of x and the mask.",
    ),
    reference=Encoder,
    forbidden=TRANSFORMER,
    make_calls=_encoder_calls,
    parts={MAIN: 0.5, CHANGED: 0.05, "mask": 0.2, "defaults": 0.1, "dropout": 0.15},
    projection=dropout_view,
    misconceptions=(
        Misconception(
            "shared layers",
            code.EncoderShared,
            "All layers are one and the same object: `[layer] * n` repeats a reference, not a layer. Make a new "
            "`EncoderLayer` for each place.",
        ),
        Misconception(
            "layers in a Python list",
            code.EncoderPythonList,
            "The module has no parameters: PyTorch does not look into Python lists. Use `nn.ModuleList`.",
        ),
        Misconception(
            "each layer reads the encoder's input",
            code.EncoderEachReadsInput,
            "Every layer reads the same input, so only the last one counts. A layer reads what the layer before it "
            "gave.",
        ),
        Misconception(
            "return inside the loop",
            code.EncoderFirstLayerAlone,
            "Only the first layer acts: the `return` stands inside the loop. Return after it.",
        ),
        Misconception(
            "mask not passed on",
            code.EncoderMaskIgnored,
            "The mask changes nothing. Hand it to every layer.",
        ),
        Misconception(
            "mask for the first layer alone",
            code.EncoderMaskFirstLayer,
            "The first layer gets the mask, the later ones don't, so they attend to what is masked. Hand it to every "
            "layer.",
        ),
        Misconception(
            "mask upside down",
            code.EncoderMaskUpsideDown,
            "The mask was turned round before it went to the layers. In this course True means *may attend* "
            "everywhere.",
        ),
        Misconception(
            "always six layers",
            code.EncoderSix,
            "There are 6 layers, whatever `num_layers` says. 6 is its default value only.",
        ),
        Misconception(
            "one layer too few",
            code.EncoderOneTooFew,
            "One layer is missing. `range(n)` already has n items, from 0 to n - 1.",
        ),
        Misconception(
            "norm at the end of the stack",
            code.EncoderFinalNorm,
            "There is one more norm after the last layer. Stacks of pre-norm layers need it; here every layer ends "
            "with a norm.",
        ),
        Misconception(
            "outputs of all layers",
            code.EncoderAllOutputs,
            "A list with the output of every layer comes back. Return the output of the last one alone.",
        ),
        Misconception(
            "residual around the layers",
            code.EncoderResidual,
            "The input of each layer is added to its output. A layer has its residual connections inside.",
        ),
        Misconception(
            "layers in reverse",
            code.EncoderReversed,
            "The last layer acts first. Go through `self.layers` from the front.",
        ),
        Misconception(
            "mask given to nn.Sequential",
            code.EncoderSequentialWithMask,
            "`nn.Sequential` passes a single argument from layer to layer, so it can't take the mask. Use "
            "`nn.ModuleList` and a loop.",
        ),
        Misconception(
            "always four times d_model",
            code.EncoderFourTimes,
            "The networks have the width `4 * d_model`. Give the layers the argument `d_ff`.",
        ),
        Misconception(
            "num_heads and d_ff exchanged",
            code.EncoderHeadsAndWidthExchanged,
            "The layers got `d_ff` heads and a network as wide as `num_heads`. Look at the order of the arguments.",
        ),
        Misconception(
            "dropout not passed on",
            code.EncoderDropoutNotGivenOn,
            "The layers drop 0.1, whatever the encoder is told. Give them `dropout` as well.",
        ),
        Misconception(
            "no default sizes",
            code.EncoderNoDefaults,
            "`Encoder()` without sizes has to work: the signature gives the paper's sizes as default values.",
        ),
    ),
    variants=(
        code.EncoderDeepCopies,
        code.EncoderAppended,
        code.EncoderSequential,
        code.EncoderRecursive,
    ),
)

# --- encoder_parameters ---------------------------------------------------------------------------------------------


# the answers are whole numbers and are compared exactly


def _parameters_calls(rng):
    return [
        Call((1, 2, 3), note="by hand: attention has 16, the network 17, the norms 8"),
        Call((2, 6, 8), note="two layers of the running example's size"),
        Call((6, 512, 2048), note="the paper's encoder"),
        *(Call((int(n), int(rng.integers(10, 99)), int(rng.integers(100, 999)))) for n in rng.integers(3, 12, 3)),
    ]


def _wrong_count(attention=lambda m, f: 4 * m * m, network=lambda m, f: 2 * m * f + m + f, norms=lambda m, f: 4 * m):
    return lambda num_layers, d_model, d_ff: (
        num_layers * sum(part(d_model, d_ff) for part in (attention, network, norms))
    )


PARAMETERS = Exercise(
    name="encoder_parameters",
    lesson=LESSON,
    title="count what is learned",
    points=2,
    minutes=8,
    hints=(
        "Count one layer, part by part, then multiply. Attention has four square matrices without a bias. The network "
        "has two matrices and two biases, which are not equally long. Each of the two norms has gamma and beta.",
        "The network: `d_model * d_ff` appears twice, its biases have `d_ff` and `d_model` numbers. The norms together "
        "have 4 rows of `d_model` numbers.",
    ),
    reference=encoder_parameters,
    make_calls=_parameters_calls,
    misconceptions=(
        Misconception(
            "one layer alone",
            lambda num_layers, d_model, d_ff: encoder_parameters(1, d_model, d_ff),
            "This is the count of one layer. Every layer has weights of its own.",
        ),
        Misconception(
            "matrices alone",
            _wrong_count(network=lambda m, f: 2 * m * f, norms=lambda m, f: 0),
            "The matrices are all there. The network also has two biases, and each norm a gamma and a beta.",
        ),
        Misconception(
            "biases of the network left out",
            _wrong_count(network=lambda m, f: 2 * m * f),
            "The two linear layers of the network have a bias each: `d_ff` and `d_model` numbers.",
        ),
        Misconception(
            "biases of equal length",
            _wrong_count(network=lambda m, f: 2 * m * f + 2 * m),
            "Both biases were counted with `d_model` numbers. A bias is as long as its layer's *output* is wide.",
        ),
        Misconception(
            "norms left out",
            _wrong_count(norms=lambda m, f: 0),
            "The norms learn, too: gamma and beta, in both of them.",
        ),
        Misconception(
            "half of the norms",
            _wrong_count(norms=lambda m, f: 2 * m),
            "`2 * d_model` values were counted for the norms of a layer. There are two norms, one after each sublayer, "
            "and each has a gamma *and* a beta.",
        ),
        Misconception(
            "biases in attention",
            _wrong_count(attention=lambda m, f: 4 * (m * m + m)),
            "Four biases of attention were counted. Our attention has none. (PyTorch's has, unless `bias=False`.)",
        ),
        Misconception(
            "output matrix left out",
            _wrong_count(attention=lambda m, f: 3 * m * m),
            "Attention has four matrices: query, key, value and the one that mixes the heads.",
        ),
        Misconception(
            "one linear layer in the network",
            _wrong_count(network=lambda m, f: m * f + f),
            "One linear layer of the network was counted. It has two: to the width `d_ff`, and back.",
        ),
        Misconception(
            "d_ff taken for four times d_model",
            lambda num_layers, d_model, d_ff: encoder_parameters(num_layers, d_model, 4 * d_model),
            "The count does not depend on `d_ff`. `4 * d_model` is the paper's choice; use the argument.",
        ),
        Misconception(
            "norm at the end of the stack",
            lambda num_layers, d_model, d_ff: encoder_parameters(num_layers, d_model, d_ff) + 2 * d_model,
            "One more norm, after the last layer, was counted. The paper's encoder ends with its last layer.",
        ),
    ),
    variants=(
        code.parameters_counted,
        code.parameters_of_shapes,
        code.parameters_gathered,
        code.parameters_added_up,
    ),
)

EXERCISES = (ENCODER, PARAMETERS)
