"""One update of the weights: the optimizer, the learning rate at every step, and the step itself."""

from __future__ import annotations

import contextlib
import math
import warnings
from dataclasses import replace

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from helpers.trainer.config import Config
from helpers.trainer.data import Update
from helpers.trainer.devices import DeviceContext
from helpers.trainer.errors import TrainingError
from helpers.trainer.model import loss_module
from helpers.training import noam_rate


def make_optimizer(config: Config, model: nn.Module, device: torch.device) -> torch.optim.Optimizer:
    """Adam (L2 in the gradient) or AdamW (decay apart from it), with the paper's betas by default, fused if possible.

    Source: section 5.3; Loshchilov and Hutter, "Decoupled Weight Decay Regularization". Weight decay leaves vectors
    (biases, gains) as they are.
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


def learning_rate_at(config: Config, step: int, progress: float) -> float:
    """The learning rate of `step` (from 1); `progress` is the share of the run that is over, 0 to 1.

    noam       equation 3 of the paper, times `learning_rate`
    one-cycle  a linear rise over `warmup` steps, then a half cosine to 0 (Smith and Topin, "Super-Convergence")
    linear     the same rise, then a straight line to 0
    constant   the rise only
    A rise takes a third of the run at most.
    """
    if config.schedule == "noam":
        return config.learning_rate * noam_rate(step, config.d_model, max(1, config.warmup))
    rise = min(1.0, max(step / max(1, config.warmup), 3 * progress))
    progress = min(progress, 1.0)
    falls = {"one-cycle": 0.5 * (1 + math.cos(math.pi * progress)), "linear": 1 - progress, "constant": 1.0}
    return config.learning_rate * rise * falls[config.schedule]


class Stepper:
    """The model with its optimizer; `step` makes one update.

    The loss of an update is the mean over all real labels of all its batches, in all processes: N processes make the
    update that one process makes with N times `accumulate`.
    """

    def __init__(self, config: Config, model: nn.Module, context: DeviceContext):
        self.config, self.context = config, context
        self.model = model.to(context.device)
        self.optimizer = make_optimizer(config, self.model, context.device)
        self.loss = loss_module(self.model, config)
        if context.world > 1:
            devices = [context.device.index] if context.device.type == "cuda" else None
            unused = bool(config.without)
            self.loss = DistributedDataParallel(self.loss, device_ids=devices, find_unused_parameters=unused)
        self.forward = torch.compile(self.loss, dynamic=True) if context.compile else self.loss
        self.model.train()

    def step(
        self, update: Update, learning_rate: float, measure: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """One update of the weights.

        Returns (loss, norm), tensors that nothing has waited for: the sum of this process's losses, and the norm of
        the gradient before clipping (None if nothing is clipped, unless `measure`).
        """
        total = self._gradients(update)
        norm = None
        if self.config.clip:
            norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        elif measure:
            norm = nn.utils.get_total_norm([p.grad for p in self.model.parameters() if p.grad is not None])
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return total, norm

    def _gradients(self, update: Update) -> torch.Tensor:
        """Compute the gradients of an update; where compiled code fails, without compiling from here on.

        PyTorch compiles when it meets new shapes, and needs a compiler of the system (and Triton, for CUDA) for that.
        """
        try:
            return self._forward_and_backward(update)
        except Exception as error:
            if not self.context.compile or self.context.world > 1 or about_memory(error):
                raise
            reason = error
        self.context, self.forward = replace(self.context, compile=False), self.loss
        self.optimizer.zero_grad(set_to_none=True)
        total = self._forward_and_backward(update)  # an error of the model itself comes again, and ends the run
        sentence = f"torch.compile fails here ({_first_line(reason)})."
        if self.config.compile == "on":
            raise TrainingError(f"{sentence} Set compile to off: the run is slower then.") from reason
        warnings.warn(f"{sentence} The run goes on without it, and is slower.", stacklevel=2)
        return total

    def _forward_and_backward(self, update: Update) -> torch.Tensor:
        """Adds to the gradients; returns the sum of this process's losses."""
        total = torch.zeros((), device=self.context.device)
        for index, batch in enumerate(update.batches):
            last = index == len(update.batches) - 1
            # the processes sum their gradients once, with the last batch
            apart = self.loss.no_sync() if self.context.world > 1 and not last else contextlib.nullcontext()
            with apart:
                with self.context.autocast():
                    loss = self.forward(*batch.parts)
                # DistributedDataParallel takes the mean over the processes: times their number, it is the sum
                share = self.context.world / update.tokens if batch.tokens else 0.0
                (loss * share).backward()
            if batch.tokens:
                total += loss.detach()
        return total


def about_memory(error: Exception) -> bool:
    """True if the error says that memory ran out, on a GPU or in the machine."""
    signs = ("out of memory", "can't allocate memory", "not enough memory", "size calculation overflowed")
    return any(sign in str(error) for sign in signs)


def _first_line(error: Exception) -> str:
    """The first line that says something: a heading ends with a colon."""
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line.rstrip(".")[:200] for line in lines if line and line[-1] != ":"), type(error).__name__)
