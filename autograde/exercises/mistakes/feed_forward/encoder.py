"""Lesson 6, the encoder: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import copy
import math

import torch
from torch import nn

from autograde.exercises.mistakes.feed_forward.encoder_layer import LayerOwnAddNorm
from helpers.add_norm import LayerNormalization
from helpers.feed_forward import Encoder, EncoderLayer

# --- Encoder: wrong -------------------------------------------------------------------------------------------------


class EncoderShared(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        nn.Module.__init__(self)
        self.layers = nn.ModuleList([EncoderLayer(d_model, num_heads, d_ff, dropout)] * num_layers)


class EncoderPythonList(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        nn.Module.__init__(self)
        self.layers = [EncoderLayer(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]


class EncoderEachReadsInput(Encoder):
    def forward(self, x, mask=None):
        for layer in self.layers:
            out = layer(x, mask)
        return out


class EncoderFirstLayerAlone(Encoder):
    def forward(self, x, mask=None):
        for layer in self.layers:
            x = layer(x, mask)
            return x


class EncoderMaskIgnored(Encoder):
    def forward(self, x, mask=None):
        return super().forward(x)


class EncoderMaskFirstLayer(Encoder):
    def forward(self, x, mask=None):
        for index, layer in enumerate(self.layers):
            x = layer(x, mask if index == 0 else None)
        return x


class EncoderMaskUpsideDown(Encoder):
    def forward(self, x, mask=None):
        return super().forward(x, None if mask is None else ~mask)


class EncoderSix(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(6, d_model, num_heads, d_ff, dropout)


class EncoderOneTooFew(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers - 1, d_model, num_heads, d_ff, dropout)


class EncoderFinalNorm(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout)
        self.norm = LayerNormalization(d_model)

    def forward(self, x, mask=None):
        return self.norm(super().forward(x, mask))


class EncoderAllOutputs(Encoder):
    def forward(self, x, mask=None):
        outputs = []
        for layer in self.layers:
            x = layer(x, mask)
            outputs.append(x)
        return outputs


class EncoderResidual(Encoder):
    def forward(self, x, mask=None):
        for layer in self.layers:
            x = x + layer(x, mask)
        return x


class EncoderReversed(Encoder):
    def forward(self, x, mask=None):
        for layer in reversed(self.layers):
            x = layer(x, mask)
        return x


class EncoderSequentialWithMask(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout)
        self.layers = nn.Sequential(*self.layers)

    def forward(self, x, mask=None):
        return self.layers(x, mask)


class EncoderFourTimes(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, 4 * d_model, dropout)


class EncoderHeadsAndWidthExchanged(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, d_ff, num_heads, dropout)


class EncoderDropoutNotGivenOn(Encoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, d_ff)


class EncoderNoDefaults(Encoder):
    def __init__(self, num_layers, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout)


# --- Encoder: right -------------------------------------------------------------------------------------------------


class EncoderDeepCopies(nn.Module):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        layer = EncoderLayer(d_model, num_heads, d_ff, dropout)
        self.layers = nn.ModuleList([copy.deepcopy(layer) for _ in range(num_layers)])

    def forward(self, x, mask=None):
        for layer in self.layers:
            x = layer(x, mask=mask)
        return x


class EncoderAppended(nn.Module):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        self.layers = nn.ModuleList()
        for _ in range(num_layers):
            self.layers.append(EncoderLayer(d_model=d_model, num_heads=num_heads, d_ff=d_ff, dropout=dropout))

    def forward(self, x, mask=None):
        for index in range(len(self.layers)):
            x = self.layers[index](x, mask)
        return x


class EncoderSequential(nn.Module):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        self.layers = nn.Sequential(*(EncoderLayer(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)))

    def forward(self, x, mask=None):
        state = x
        for layer in self.layers:
            state = layer(state, mask)
        return state


class EncoderRecursive(nn.Module):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        made = [LayerOwnAddNorm(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]
        self.layers = nn.ModuleList(made)

    def forward(self, x, mask=None, start=0):
        if start == len(self.layers):
            return x
        return self.forward(self.layers[start](x, mask), mask, start + 1)


# --- encoder_parameters: right --------------------------------------------------------------------------------------


def parameters_counted(num_layers, d_model, d_ff):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in Encoder(num_layers, d_model, 1, d_ff).parameters())


def parameters_of_shapes(num_layers, d_model, d_ff):
    shapes = [(d_model, d_model)] * 4 + [(d_model, d_ff), (d_ff,), (d_ff, d_model), (d_model,)] + [(d_model,)] * 4
    return num_layers * sum(math.prod(shape) for shape in shapes)


def parameters_gathered(num_layers, d_model, d_ff):
    return num_layers * (4 * d_model**2 + 2 * d_model * d_ff + d_ff + 5 * d_model)


def parameters_added_up(num_layers, d_model, d_ff):
    total = 0
    for _ in range(num_layers):
        total += sum(d_model * d_model for _ in ("query", "key", "value", "out"))
        total += (d_model + 1) * d_ff + (d_ff + 1) * d_model
        total += sum(d_model for _ in range(2) for _ in ("gamma", "beta"))
    return total
