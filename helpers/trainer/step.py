"""One update of the weights."""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import replace

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from helpers.trainer import advice
from helpers.trainer.devices import Place
from helpers.trainer.errors import TrainingError
from helpers.trainer.model import loss_module
from helpers.trainer.optimizer import make_optimizer, set_rate
from helpers.trainer.plan import Update


class Stepper:
    """The model with its optimizer; `step` makes one update.

    The loss of an update is the mean over all real labels of all its batches, in all processes: N processes make the
    update that one process makes with N times `accumulate`.
    """

    def __init__(self, config, model, place: Place):
        self.config, self.place = config, place
        self.model = model.to(place.device)
        self.optimizer = make_optimizer(config, self.model, place.device)
        self.loss = loss_module(self.model, config)
        if place.world > 1:
            devices = [place.device.index] if place.device.type == "cuda" else None
            unused = bool(config.without)
            self.loss = DistributedDataParallel(self.loss, device_ids=devices, find_unused_parameters=unused)
        self.forward = torch.compile(self.loss, dynamic=True) if place.compile else self.loss
        self.model.train()

    def step(self, update: Update, learning_rate: float, measure: bool = False):
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
        set_rate(self.optimizer, learning_rate)
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
            if not self.place.compile or self.place.world > 1 or advice.about_memory(error):
                raise
            reason = error
        self.place, self.forward = replace(self.place, compile=False), self.loss
        self.optimizer.zero_grad(set_to_none=True)
        total = self._forward_and_backward(update)  # an error of the model itself comes again, and ends the run
        if self.config.compile == "on":
            raise TrainingError(advice.not_compiled(reason)) from reason
        warnings.warn(advice.goes_on_uncompiled(reason), stacklevel=2)
        return total

    def _forward_and_backward(self, update: Update) -> torch.Tensor:
        """Adds to the gradients; returns the sum of this process's losses."""
        total = torch.zeros((), device=self.place.device)
        for index, batch in enumerate(update.batches):
            last = index == len(update.batches) - 1
            # the processes sum their gradients once, with the last batch
            apart = self.loss.no_sync() if self.place.world > 1 and not last else contextlib.nullcontext()
            with apart:
                with self.place.autocast():
                    loss = self.forward(*batch.parts)
                # DistributedDataParallel takes the mean over the processes: times their number, it is the sum
                share = self.place.world / update.tokens if batch.tokens else 0.0
                (loss * share).backward()
            if batch.tokens:
                total += loss.detach()
        return total
