"""Steps until a run is over; logs, validates and saves on the way."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from helpers.trainer.checkpoint import checkpoints, last_checkpoint, load_checkpoint, save_checkpoint
from helpers.trainer.config import Config
from helpers.trainer.data import Pairs, Update, updates
from helpers.trainer.devices import DeviceContext
from helpers.trainer.errors import Stopped, TrainingError
from helpers.trainer.log import Log
from helpers.trainer.step import Stepper, about_memory, learning_rate_at
from helpers.training import evaluate


@dataclass
class State:
    """What a checkpoint keeps in addition to weights and optimizer. Tokens are counted over all processes."""

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

    def __init__(
        self,
        config: Config,
        stepper: Stepper,
        pairs: Pairs,
        validation: Pairs | None,
        context: DeviceContext,
        folder: Path,
        metadata: dict[str, str],
    ):
        self.config, self.stepper, self.context = config, stepper, context
        self.pairs = pairs
        pairs.plan(config, 0)  # what does not fit into a batch is refused before anything is written
        self.validation = [validation.plain(rows) for rows in validation.plan(config, 0)] if validation else []
        self.folder, self.metadata = folder, metadata
        self.state = State()
        self.loss = torch.zeros((), device=context.device)  # the sum since the last row, of this process
        self.interrupted = False
        self.rows: list[dict] = []

    def resume(self) -> bool:
        """Go on from the last checkpoint; False if there is none."""
        found = checkpoints(self.folder)
        if found:
            self.state = State(**load_checkpoint(found[-1], self.stepper.model, self.stepper.optimizer))
            if self.context.first:
                self.loss += self.state.window_loss
            else:  # the first process goes on with its own random numbers, the others need theirs
                torch.manual_seed(self.config.seed + 1009 * self.context.rank + 1000003 * self.state.step)
        return bool(found)

    def run(self, show: bool = True) -> None:
        """Train to the end. Stopped, in `stops_between_steps`, if the user interrupts, TrainingError if the run cannot
        go on."""
        config, state = self.config, self.state
        folder, show = (self.folder, show) if self.context.first else (None, False)
        log = Log(config, folder, state.step, show, self._progress(state.seconds))
        self.rows = log.rows
        clock = _Clock(self, state.seconds)
        stream = updates(config, self.pairs, self.context, state.epoch, state.update)
        update = norm = None
        try:
            while (progress := self._progress(clock.agreed(state.step))) < 1:
                update = next(stream)
                validates = bool(config.validate_every) and (state.step + 1) % config.validate_every == 0
                logs = validates or (state.step + 1) % config.log_every == 0
                learning_rate = learning_rate_at(config, state.step + 1, progress)
                loss, norm = self.stepper.step(update, learning_rate, measure=logs)
                self.loss += loss
                self._count(update, clock)
                log.advance(self._progress(state.seconds))
                if self._progress(clock.last) >= 1:
                    break  # the last row, with a validation, and the last checkpoint are written below
                if logs:
                    self._log(log, learning_rate, norm, validates)
                if config.save_every and state.step % config.save_every == 0:
                    self.save()
            if state.window_tokens:
                self._log(log, learning_rate if update else 0.0, norm, True)
            self.save()
            clock.agree()
        except Stopped:
            self.save()
            raise Stopped(f"Stopped at step {state.step}, and saved. {to_go_on(self.folder)}") from None
        except RuntimeError as error:  # OutOfMemoryError is one
            if not about_memory(error):
                raise
            raise TrainingError(self._out_of_memory(update)) from None
        finally:
            stream.close()
            log.close()

    def save(self) -> None:
        """Write a checkpoint, if the numbers are sound."""
        loss = self._checked_loss()
        self.state.window_loss = loss
        if self.context.first:
            if not all(parameter.isfinite().all() for parameter in self.stepper.model.parameters()):
                raise TrainingError(self._not_finite("A weight"))
            model, optimizer = self.stepper.model, self.stepper.optimizer
            save_checkpoint(self.folder, model, optimizer, asdict(self.state), self.metadata, self.config.keep)
        self.context.wait()

    def _progress(self, seconds: float) -> float:
        """The share of the run that is over, 0 to 1 and a little more."""
        config, state = self.config, self.state
        shares = ((state.step, config.steps), (state.epochs, config.epochs), (seconds / 60, config.minutes))
        return max(done / end if end else 1.0 for done, end in shares if end is not None)

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
            "learning_rate": learning_rate,
            "gradient_norm": None if norm is None else float(norm),
            "tokens_per_second": state.window_tokens / max(state.window_seconds, 1e-9),
            "seconds": round(state.seconds, 3),
        }
        if validates and self.validation and self.context.first:
            row |= {f"validation_{name}": value for name, value in self._validate().items()}
        self.context.wait()
        self.loss.zero_()
        state.window_loss, state.window_tokens, state.window_seconds = 0.0, 0, 0.0
        log.write(row)

    def _validate(self) -> dict:
        device = self.context.device
        batches = ((source.to(device), target.to(device)) for source, target in self.validation)
        with self.context.autocast():
            return evaluate(self.stepper.model, batches)

    def _checked_loss(self) -> float:
        """The sum of the losses since the last row, over all processes; the only place that waits for the device."""
        loss = float(self.context.sum(self.loss.clone()))
        if not math.isfinite(loss):
            raise TrainingError(self._not_finite("The loss"))
        return loss

    def _not_finite(self, what: str) -> str:
        config = self.config
        clip = "" if config.clip else ", or set clip to 1"
        return (
            f"{what} is no longer a finite number (step {self.state.step}). Lower learning_rate (now "
            f"{config.learning_rate:g}), raise warmup (now {config.warmup}){clip}. {last_checkpoint(self.folder)}"
        )

    def _out_of_memory(self, update: Update | None) -> str:
        config, device = self.config, self.context.device.type.upper()
        size = max(batch.source.numel() for batch in update.batches) if update else 0
        option = "max_tokens" if config.batching == "tokens" else "batch_size"
        return (
            f"The {device} ran out of memory with a batch of {size:,} source ids. Halve {option} (now "
            f"{getattr(config, option)}) and double accumulate (now {config.accumulate}): updates keep their size. "
            f"{last_checkpoint(self.folder)}"
        )


def to_go_on(folder: Path) -> str:
    """A sentence that says how a run that was stopped goes on."""
    quoted = f'"{folder}"' if " " in str(folder) else folder
    return f"To go on: course train --resume --out {quoted}, or train(folder={str(folder)!r}, resume=True)."


class _Clock:
    """The seconds of training, on which all processes agree; it also tells that the user wants to stop."""

    def __init__(self, loop: Loop, already: float):
        self.loop, self.begun, self.last = loop, time.perf_counter() - already, already

    def seconds(self) -> float:
        return time.perf_counter() - self.begun

    def agreed(self, step: int) -> float:
        """Several processes exchange this every `log_every` steps only: it waits for the device."""
        if self.loop.context.world == 1 or step % self.loop.config.log_every == 0:
            self.agree()
        return self.last

    def agree(self) -> None:
        self.last, stop = self.loop.context.largest([self.seconds(), float(self.loop.interrupted)])
        if stop:
            raise Stopped


@contextlib.contextmanager
def stops_between_steps(loop: Loop) -> Iterator[None]:
    """The first Ctrl-C, or the end that a scheduler announces, sets `loop.interrupted`: the step ends as it should. A
    second Ctrl-C does not wait."""

    def note(number, frame):
        if loop.interrupted:
            raise KeyboardInterrupt
        loop.interrupted = True

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
