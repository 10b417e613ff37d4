"""SwiGLU: a gate in the feed-forward network."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from autograde.exercise import Exercise
from autograde.exercises.inputs import random_tensor, tensor
from autograde.exercises.today.common import GRADIENTS, weights
from autograde.harness.call import MAIN, ConstructorCall, ModuleCall
from helpers.today import SwiGLU


def calls(rng):
    def layers(d_model, d_ff):
        return weights(
            rng, {"gate.weight": (d_ff, d_model), "up.weight": (d_ff, d_model), "down.weight": (d_model, d_ff)}
        )

    by_hand = {
        "gate.weight": np.array([[1, 0]], np.float32),
        "up.weight": np.array([[0, 1]], np.float32),
        "down.weight": np.array([[1], [10]], np.float32),
    }
    return [
        ModuleCall(
            (tensor([[[1, 3], [0, 3], [-1, 3]]]),),
            new=(2, 1),
            weights=by_hand,
            note="by hand: silu(1) = 0.731, silu(0) = 0, silu(-1) = -0.269; each times 3, then times 1 and 10",
        ),
        ConstructorCall((5, 7), report=("parameters",), note="the parameters and their shapes"),
        ModuleCall((random_tensor(rng, 2, 3, 4),), new=(4, 6), weights=layers(4, 6)),
        ModuleCall((random_tensor(rng, 3, 4, 6),), new=(6, 5), weights=layers(6, 5)),
        ModuleCall(
            (random_tensor(rng, 2, 4, 5),), new=(5, 8), weights=layers(5, 8), training=True, note="in training mode"
        ),
        ModuleCall(
            (random_tensor(rng, 2, 5, 3),),
            new=(3, 8),
            weights=layers(3, 8),
            report=("output", "gradients", "input_gradients"),
            part=GRADIENTS,
            note="backward, too",
        ),
        ModuleCall(
            (random_tensor(rng, 2, 3, 4),),
            new=(4, 5),
            weights=layers(4, 5),
            then=(("forward", (random_tensor(rng, 3, 2, 4),)),),
            note="two batches, one after the other",
        ),
        ModuleCall(
            (random_tensor(rng, 1, 1, 4),),
            new=(4, 3),
            weights=layers(4, 3),
            note="a batch of one sentence of one token",
        ),
    ]


EXERCISE = Exercise(
    name="SwiGLU",
    title="a gate in the feed-forward network",
    points=2,
    minutes=7,
    hints=(
        "Three linear layers without a bias: `gate` and `up` both read x and are `d_ff` wide, `down` leads back. The gate goes through SiLU, then the two are multiplied number by number.",
        "`F.silu(z)` is `z * torch.sigmoid(z)`. The last line is the formula of the text: `self.down(F.silu(self.gate(x)) * self.up(x))`, with `*` and not `@`.",
    ),
    reference=SwiGLU,
    make_calls=calls,
    parts={MAIN: 0.8, GRADIENTS: 0.2},
)


class _Steps(SwiGLU):
    def activation(self, x):
        return F.silu(x)

    def hidden(self, x):
        return self.activation(self.gate(x)) * self.up(x)

    def forward(self, x):
        return self.down(self.hidden(x))


@EXERCISE.wrong("no gate", "`gate` is not used: `up` goes through SiLU. The two are multiplied.")
class NoGate(_Steps):
    def hidden(self, x):
        return F.silu(self.up(x))


@EXERCISE.wrong("no up", "`up` is not used: the gate is multiplied by nothing. Multiply it by `self.up(x)`.")
class NoUp(_Steps):
    def hidden(self, x):
        return F.silu(self.gate(x))


@EXERCISE.wrong("SiLU on up", "SiLU acts on `up`. It belongs to `gate`; `up` stays as it is.")
class Swapped(_Steps):
    def hidden(self, x):
        return self.gate(x) * F.silu(self.up(x))


@EXERCISE.wrong("SiLU on both", "SiLU acts on both. Only `gate` goes through it.")
class Both(_Steps):
    def hidden(self, x):
        return F.silu(self.gate(x)) * F.silu(self.up(x))


@EXERCISE.wrong("SiLU on the product", "SiLU acts on the product. It belongs to `gate`, before the product.")
class AfterProduct(_Steps):
    def hidden(self, x):
        return F.silu(self.gate(x) * self.up(x))


@EXERCISE.wrong("no activation", "There is no activation: `gate` and `up` are multiplied as they are. Use `F.silu`.")
class NoActivation(_Steps):
    def activation(self, x):
        return x


@EXERCISE.wrong("sigmoid for SiLU", "The gate goes only through a sigmoid (GLU). SiLU is z times the sigmoid of z.")
class Sigmoid(_Steps):
    def activation(self, x):
        return torch.sigmoid(x)


@EXERCISE.wrong("ReLU for SiLU", "The gate goes through a ReLU. SiLU is smooth: z times the sigmoid of z.")
class ReLU(_Steps):
    def activation(self, x):
        return torch.relu(x)


@EXERCISE.wrong("GELU for SiLU", "The gate goes through a GELU (that is GEGLU). Use SiLU: `F.silu`.")
class GELU(_Steps):
    def activation(self, x):
        return F.gelu(x)


@EXERCISE.wrong("sum for the product", "Gate and `up` are added. They are multiplied, number by number.")
class Added(_Steps):
    def hidden(self, x):
        return F.silu(self.gate(x)) + self.up(x)


@EXERCISE.wrong("no down", "The hidden numbers come back, `d_ff` wide. `self.down` leads back to `d_model`.")
class NoDown(_Steps):
    def forward(self, x):
        return self.hidden(x)


@EXERCISE.wrong("input added", "`x` was added to the result. The residual connection is not part of the network.")
class Residual(_Steps):
    def forward(self, x):
        return x + super().forward(x)


@EXERCISE.wrong("bias in the layers", "The linear layers have a bias. Here they have none: `bias=False`.")
class Bias(_Steps):
    def __init__(self, d_model, d_ff):
        super().__init__(d_model, d_ff)
        self.gate, self.up = nn.Linear(d_model, d_ff), nn.Linear(d_model, d_ff)
        self.down = nn.Linear(d_ff, d_model)


@EXERCISE.wrong(
    "two thirds of d_ff",
    "The hidden width is not `d_ff`: the rule of two thirds belongs to the caller, who chooses `d_ff`.",
)
class TwoThirds(_Steps):
    def __init__(self, d_model, d_ff):
        super().__init__(d_model, max(1, 2 * d_ff // 3))


@EXERCISE.wrong("cut off from the gradient", "The gate is cut off from the gradient. Leave out `.detach()`.")
class Detached(_Steps):
    def activation(self, x):
        return F.silu(x).detach()


@EXERCISE.wrong(
    "matrix product of the two branches",
    "The two branches meet in a matrix product. They are multiplied number by number: `*`.",
    only="@|matmul|bmm|mm",
)
class MatrixProduct(SwiGLU):
    def forward(self, x):
        return self.down(F.silu(self.gate(x)) @ self.up(x))


@EXERCISE.wrong(
    "up applied to the gate's result",
    "`up` reads the gate's result. Both `gate` and `up` get `x`; then their results are multiplied.",
)
class Chained(SwiGLU):
    def forward(self, x):
        return self.down(self.up(F.silu(self.gate(x))))


@EXERCISE.wrong(
    "sign in the exponent",
    "This is z divided by 1 + e to the power of z. SiLU has the exponent -z: `z / (1 + exp(-z))`.",
)
class SignInTheExponent(_Steps):
    def activation(self, x):
        return x * torch.sigmoid(-x)


@EXERCISE.variant
class ByHand(nn.Module):
    def __init__(self, d_model, d_ff):
        super().__init__()
        for name in ("gate", "up"):
            setattr(self, name, nn.Linear(d_model, d_ff, bias=False))
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def forward(self, x):
        gate = self.gate(x)
        return self.down(gate / (1 + torch.exp(-gate)) * self.up(x))


@EXERCISE.variant
class OneProduct(SwiGLU):
    def forward(self, x):
        both = x @ torch.cat([self.gate.weight, self.up.weight]).T
        gate, up = both.chunk(2, dim=-1)
        return (gate * gate.sigmoid() * up) @ self.down.weight.T


@EXERCISE.variant
class AsModule(SwiGLU):
    def __init__(self, d_model, d_ff):
        super().__init__(d_model, d_ff)
        self.activation = nn.SiLU()

    def forward(self, x):
        hidden = torch.mul(self.up(x), self.activation(self.gate(x)))
        return self.down(hidden)
