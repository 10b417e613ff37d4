"""Steps until a run is over; logs, validates and saves on the way."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from helpers.trainer import advice
from helpers.trainer.checkpoint import checkpoints, load_checkpoint, save_checkpoint
from helpers.trainer.devices import Place
from helpers.trainer.errors import Stopped, TrainingError
from helpers.trainer.interrupt import stops_between_steps
from helpers.trainer.log import Log
from helpers.trainer.optimizer import rate
from helpers.trainer.plan import updates
from helpers.trainer.step import Stepper
from helpers.training import evaluate


@dataclass
class State:
    """What a checkpoint keeps beside weights and optimizer. Tokens are counted over all processes."""

    step: int = 0
    epoch: int = 0
    update: int = 0  # updates of this epoch that are done
    epochs: float = 0.0  # epochs that are done, with the fraction of this one
    tokens: int = 0  # real labels so far
    source_tokens: int = 0
    seconds: float = 0.0  # of training so far
    # since the last row of the log
    window_loss: float = 0.0
    window_tokens: int = 0
    window_seconds: float = 0.0


class Loop:
    """One run. `state` says how far it is, `rows` is its log."""

    def __init__(self, config, stepper: Stepper, pairs, validation, place: Place, folder, metadata: dict):
        self.config, self.stepper, self.place = config, stepper, place
        self.pairs = pairs
        self.validation = [validation.plain(rows) for rows in validation.plan(config, 0)] if validation else []
        self.folder, self.metadata = Path(folder), metadata
        self.state = State()
        self.loss = torch.zeros((), device=place.device)  # the sum since the last row, of this process
        self.interrupted = False
        self.rows: list[dict] = []

    def resume(self) -> bool:
        """Go on from the last checkpoint; False if there is none."""
        found = checkpoints(self.folder)
        if found:
            self.state = State(**load_checkpoint(found[-1], self.stepper.model, self.stepper.optimizer))
            if self.place.first:
                self.loss += self.state.window_loss
            else:  # the first process goes on with its own random numbers, the others need theirs
                torch.manual_seed(self.config.seed + 1009 * self.place.rank + 1000003 * self.state.step)
        return bool(found)

    def run(self, show: bool = True):
        """Train to the end. Stopped if the person interrupts, TrainingError if the run cannot go on."""
        config, state = self.config, self.state
        log = Log(config, self.folder if self.place.first else None, state.step, show and self.place.first)
        self.rows = log.rows
        clock = _Clock(self, state.seconds)
        stream = updates(config, self.pairs, self.place, state.epoch, state.update)
        update = None
        try:
            with stops_between_steps(self):
                while (progress := self._progress(clock.agreed(state.step))) < 1:
                    update = next(stream)
                    validates = bool(config.validate_every) and (state.step + 1) % config.validate_every == 0
                    logs = validates or (state.step + 1) % config.log_every == 0
                    learning_rate = rate(config, state.step + 1, progress)
                    loss, norm = self.stepper.step(update, learning_rate, measure=logs)
                    self.loss += loss
                    self._count(update, clock)
                    if logs:
                        self._log(log, learning_rate, norm, validates)
                    if config.save_every and state.step % config.save_every == 0:
                        self.save()
                    log.advance(self._progress(state.seconds))
            if state.window_tokens:
                self._log(log, learning_rate if update else 0.0, None, True)
            self.save()
        except Stopped:
            self.save()
            raise Stopped(advice.stopped(state.step, self.folder)) from None
        except RuntimeError as error:  # OutOfMemoryError is one
            if not advice.about_memory(error):
                raise
            raise TrainingError(advice.out_of_memory(update, self.config, self.place, self.folder)) from None
        finally:
            stream.close()
            log.close()

    def save(self):
        """Write a checkpoint, if the numbers are sound."""
        loss = self._checked_loss()
        self.state.window_loss = loss
        if self.place.first:
            if not all(parameter.isfinite().all() for parameter in self.stepper.model.parameters()):
                raise TrainingError(advice.not_finite("A weight", self.config, self.state.step, self.folder))
            model, optimizer = self.stepper.model, self.stepper.optimizer
            save_checkpoint(self.folder, model, optimizer, asdict(self.state), self.metadata, self.config.keep)
        self.place.wait()

    def _progress(self, seconds: float) -> float:
        """The share of the run that is over, 0 to 1 and a little more."""
        config, state = self.config, self.state
        shares = ((state.step, config.steps), (state.epochs, config.epochs), (seconds / 60, config.minutes))
        return max(done / most if most else 1.0 for done, most in shares if most is not None)

    def _count(self, update, clock):
        state = self.state
        state.step += 1
        state.epoch, state.update = update.epoch, update.number
        state.epochs = update.epoch + update.number / update.of
        state.tokens += update.tokens
        state.source_tokens += update.source_tokens
        state.window_tokens += update.tokens
        now = clock.seconds()
        state.window_seconds += now - state.seconds
        state.seconds = now

    def _log(self, log, learning_rate, norm, validates):
        state = self.state
        row = {
            "step": state.step,
            "epoch": round(state.epochs, 4),
            "loss": self._checked_loss() / state.window_tokens,
            "rate": learning_rate,
            "gradient_norm": None if norm is None else float(norm),
            "tokens_per_second": state.window_tokens / max(state.window_seconds, 1e-9),
            "seconds": round(state.seconds, 3),
        }
        if validates and self.validation and self.place.first:
            row |= {f"validation_{name}": value for name, value in self._validate().items()}
        self.place.wait()
        self.loss.zero_()
        state.window_loss, state.window_tokens, state.window_seconds = 0.0, 0, 0.0
        log.write(row)

    def _validate(self) -> dict:
        device = self.place.device
        batches = ((source.to(device), target.to(device)) for source, target in self.validation)
        with self.place.autocast():
            return evaluate(self.stepper.model, batches)

    def _checked_loss(self) -> float:
        """The sum of the losses since the last row, over all processes; the only place that waits for the device."""
        loss = float(self.place.sum(self.loss.clone()))
        if not math.isfinite(loss):
            raise TrainingError(advice.not_finite("The loss", self.config, self.state.step, self.folder))
        return loss


class _Clock:
    """The seconds of training, on which all processes agree; it also brings the word that a person wants to stop."""

    def __init__(self, loop: Loop, already: float):
        self.loop, self.begun, self.last = loop, time.perf_counter() - already, already

    def seconds(self) -> float:
        return time.perf_counter() - self.begun

    def agreed(self, step: int) -> float:
        """Several processes ask each other every `log_every` steps only: asking waits for the device."""
        place = self.loop.place
        if place.world == 1 or step % self.loop.config.log_every == 0:
            self.last, stop = place.largest([self.seconds(), float(self.loop.interrupted)])
            if stop:
                raise Stopped
        return self.last
