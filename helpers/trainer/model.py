"""The model of a run: lesson 7's Transformer, whole or with one part left out.

The parts are left out around the teaching code, not in it. The names in the `state_dict` stay those of lesson 7.
"""

from __future__ import annotations

import copy
import types
from collections.abc import Callable

import torch
from torch import nn

from helpers.decoder import Transformer, padding_mask
from helpers.trainer.config import PARTS, Config
from helpers.trainer.errors import TrainingError
from helpers.trainer.fast import FastLoss, PlainLoss, can_go_fast


class NoCausalMask(Transformer):
    """Every target token sees the whole target sentence, the words that it has to predict among them."""

    fast_forward = True

    def decode(self, target_input, memory, source):
        x = self.position(self.target_embedding(target_input))
        x = self.decoder(x, memory, padding_mask(target_input, self.pad), padding_mask(source, self.pad))
        return nn.functional.linear(x, self.target_embedding.weight)


class Silent(nn.Module):
    """In place of an attention module: zeros, whatever it is given."""

    def forward(self, query_input, *others, **options):
        return torch.zeros_like(query_input), None


class NormAlone(nn.Module):
    """In place of an AddNorm: the sublayer's output is normalized without the input that would be added to it."""

    residual = False

    def __init__(self, add_norm):
        super().__init__()
        self.norm, self.dropout = add_norm.norm, add_norm.dropout

    def forward(self, x, sublayer_output):
        return self.norm(self.dropout(sublayer_output))


def build_model(
    config: Config, source_size: int, target_size: int, model_class: Callable[..., nn.Module] | None = None
) -> nn.Module:
    """A new model. model_class: called as lesson 7's Transformer is; None: the one of `helpers`.

    With `share_embeddings` source and target use one table; source_size and target_size are equal then.
    """
    if model_class is not None and config.without:
        raise TrainingError("Leaving parts out works with the course's own model; remove model_class or without.")
    make = model_class or (NoCausalMask if "causal" in config.without else Transformer)
    model = make(
        source_size,
        target_size,
        d_model=config.d_model,
        num_heads=config.num_heads,
        num_layers=config.num_layers,
        d_ff=config.d_ff,
        dropout=config.dropout,
    )
    if config.share_embeddings:
        model.source_embedding = model.target_embedding
    if config.without:
        _leave_out(model, config.without)
    return model


def without(model: Transformer, *parts: str) -> Transformer:
    """A copy of a trained model that goes on without some of its `config.PARTS`."""
    for part in parts:
        if part not in PARTS:
            raise TrainingError(f"A model has no part {part!r} to leave out. Choose from {', '.join(PARTS)}.")
    changed = copy.deepcopy(model)
    if "causal" in parts:
        changed.decode = types.MethodType(NoCausalMask.decode, changed)
    _leave_out(changed, parts)
    return changed


def _leave_out(model, parts):
    model.without = tuple(parts)
    if "positions" in parts:
        model.position.encoding.zero_()
    if "cross" in parts:
        for layer in model.decoder.layers:
            layer.cross_attention = Silent()
    if "residuals" in parts:
        for layer in [*model.encoder.layers, *model.decoder.layers]:
            for name, child in list(layer.named_children()):
                if name.startswith("add_norm"):
                    setattr(layer, name, NormAlone(child))


def loss_module(model: nn.Module, config: Config) -> nn.Module:
    """The module that a training step calls: (batch parts) -> the sum of the losses of its real labels."""
    if config.fast and can_go_fast(model):
        return FastLoss(model, config.label_smoothing, config.vocabulary_multiple)
    return PlainLoss(model, config.label_smoothing)


def count_parameters(model: nn.Module) -> int:
    """Learned values; a shared table counts once."""
    return sum(parameter.numel() for parameter in model.parameters())
