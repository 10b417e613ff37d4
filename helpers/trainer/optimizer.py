"""The optimizer, and the learning rate at every step."""

from __future__ import annotations

import math

import torch

from helpers.training import noam_rate


def make_optimizer(config, model, device: torch.device):
    """Adam (L2 in the gradient) or AdamW (decay beside it), with the paper's betas by default, fused where that exists.

    Source: section 5.3; Loshchilov and Hutter, "Decoupled Weight Decay Regularization". Weight decay leaves vectors
    (biases, gains) alone.
    """
    matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.dim() <= 1]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(
        [group for group in groups if group["params"]],
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        eps=config.eps,
        fused=device.type in ("cpu", "cuda", "mps"),
    )


def rate(config, step: int, progress: float) -> float:
    """The learning rate of `step` (from 1); `progress` is the share of the run that is over, 0 to 1.

    noam       equation 3 of the paper, times `learning_rate`
    one-cycle  a linear rise over `warmup` steps, then a half cosine to 0 (Smith and Topin, "Super-Convergence")
    linear     the same rise, then a straight line to 0
    constant   the rise alone
    A rise takes a third of the run at most.
    """
    if config.schedule == "noam":
        return config.learning_rate * noam_rate(step, config.d_model, max(1, config.warmup))
    rise = min(1.0, max(step / max(1, config.warmup), 3 * progress))
    progress = min(progress, 1.0)
    falls = {"one-cycle": 0.5 * (1 + math.cos(math.pi * progress)), "linear": 1 - progress, "constant": 1.0}
    return config.learning_rate * rise * falls[config.schedule]


def set_rate(optimizer, value: float):
    for group in optimizer.param_groups:
        group["lr"] = value
