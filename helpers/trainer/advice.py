"""The sentences with which a run ends early: what happened, and what to change."""

from __future__ import annotations

from helpers.trainer.checkpoint import checkpoints


def not_finite(what: str, config, step: int, folder) -> str:
    clip = "" if config.clip else ", or set clip to 1"
    return (
        f"{what} is no longer a finite number (step {step}). Lower learning_rate (now {config.learning_rate:g}), raise "
        f"warmup (now {config.warmup}){clip}. {_last_checkpoint(folder)}"
    )


def about_memory(error: Exception) -> bool:
    """True if the error says that memory ran out, on a GPU or in the machine."""
    return any(sign in str(error) for sign in ("out of memory", "can't allocate memory", "not enough memory"))


def out_of_memory(update, config, place, folder) -> str:
    size = max(batch.source.numel() for batch in update.batches) if update else 0
    option = "max_tokens" if config.batching == "tokens" else "batch_size"
    return (
        f"The {place.device.type.upper()} ran out of memory with a batch of {size:,} source ids. Halve {option} (now "
        f"{getattr(config, option)}) and double accumulate (now {config.accumulate}): updates keep their size. "
        f"{_last_checkpoint(folder)}"
    )


def not_compiled(error: Exception) -> str:
    return f"torch.compile fails here ({_first_line(error)}). Set compile to off: the run is slower then."


def goes_on_uncompiled(error: Exception) -> str:
    return f"torch.compile fails here ({_first_line(error)}). The run goes on without it, and is slower."


def _first_line(error: Exception) -> str:
    """The first line that says something: a heading ends with a colon."""
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line.rstrip(".")[:200] for line in lines if line and line[-1] != ":"), type(error).__name__)


def stopped(step: int, folder) -> str:
    return (
        f"Stopped at step {step}, and saved. To go on: course train --resume --out {folder}, "
        f"or train(folder={str(folder)!r}, resume=True)."
    )


def _last_checkpoint(folder) -> str:
    found = checkpoints(folder)
    return f"The last checkpoint is {found[-1]}." if found else "There is no checkpoint yet."
