"""What a run tells while it trains: a progress bar, rows of JSON, a live plot in a notebook, TensorBoard."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.corpus.files import write_atomic
from helpers.trainer.checkpoint import writing_to
from helpers.trainer.config import Config
from helpers.trainer.errors import TrainingError, WrongArgument

if TYPE_CHECKING:
    from helpers.figures import Picture


class Log:
    """One row for each logging step, in `folder/log.jsonl` and in `rows`.

    A row has step, epoch, loss (label-smoothed, nats per real label, mean since the row before), learning_rate,
    gradient_norm (before clipping, of that step), tokens_per_second (real labels), seconds (of training), and after a
    validation also validation_loss, validation_accuracy.
    """

    def __init__(self, config: Config, folder: Path | None, step: int = 0, show: bool = True, progress: float = 0.0):
        """folder: None for a process that writes nothing. step: what comes after it in an old log is trained again.
        progress: the share of the run that is over already."""
        self.path = folder and folder / "log.jsonl"
        self.rows: list[dict] = []
        if folder:
            self.rows = [row for row in read_rows(self.path) if row["step"] <= step]
            with writing_to(folder):
                write_atomic(self.path, "".join(json.dumps(row) + "\n" for row in self.rows))
        self.live = LivePlot() if show and in_notebook() else None  # before the bar, which would be cut in two by it
        self.bar = _bar(min(100.0, 100 * progress)) if show else None
        self.board = _board(folder) if folder and config.tensorboard else None

    def write(self, row: dict) -> None:
        self.rows.append(row)
        if self.path is None:
            return
        with writing_to(self.path.parent), open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        if self.board:
            for name, value in row.items():
                if name != "step" and value is not None:
                    self.board.add_scalar(name, value, row["step"])
        if self.bar is not None:
            shown = {"step": row["step"], "loss": short(row["loss"]), "tokens/s": f"{row['tokens_per_second']:,.0f}"}
            if "validation_loss" in row:
                shown["validation"] = short(row["validation_loss"])
            self.bar.set_postfix(shown, refresh=False)
        if self.live:
            self.live.update(self.rows)

    def advance(self, progress: float) -> None:
        """progress: the share of the run that is over."""
        if self.bar is not None:
            self.bar.update(min(100.0, 100 * progress) - self.bar.n)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
        if self.live:
            self.live.update(self.rows, at_once=True)
        if self.board:
            self.board.close()


def read_rows(path: str | Path) -> list[dict]:
    """The rows of a log up to the first that is damaged, as the last one is after a kill. path: the log, or the folder
    of its run."""
    rows, path = [], Path(path)
    if path.is_dir():
        path /= "log.jsonl"
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                break
            if not isinstance(row, dict) or "step" not in row:
                break
            if "rate" in row:  # the older name
                row["learning_rate"] = row.pop("rate")
            rows.append(row)
    return rows


def short(loss: float) -> str:
    """Three decimals, or for less than 0.1 two digits that are not zero."""
    return f"{loss:.3f}" if loss >= 0.1 else f"{loss:.2g}"


def curve(rows: list[dict]) -> Picture:
    """A figure of the losses over the steps, with alt text. TrainingError without rows.

    The scale is logarithmic: on a linear one a run that learns nearly everything soon looks as if it stood still.
    """
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    from helpers import figures

    if not isinstance(rows, list):
        raise WrongArgument("Give the rows of a log: curve(result.rows), or curve(read_rows(file)).")
    if not rows:
        raise TrainingError("There are no losses yet. Train first.")
    trained = rows[:-1] if _is_short(rows) else rows
    steps, losses = [row["step"] for row in trained], [row["loss"] for row in trained]
    figure, axes = figures.new(size=(6, 3.4))
    style = {"markersize": 3, "markevery": max(1, len(trained) // 12)}
    axes.plot(steps, losses, label="training", **{**figures.line_style(0), **style})
    validated = [row for row in rows if "validation_loss" in row]
    if validated:
        at = [row["step"] for row in validated], [row["validation_loss"] for row in validated]
        axes.plot(*at, label="validation", **figures.line_style(1))
    axes.set(xlabel="step", ylabel="loss (nats per token)", title="Loss", yscale="log")
    plain, (low, high) = StrMethodFormatter("{x:g}"), axes.get_ylim()
    axes.yaxis.set_major_formatter(plain)
    axes.yaxis.set_minor_formatter(plain if high < 5 * low else NullFormatter())
    axes.grid(axis="y", color="#DDDDDD")
    axes.legend()
    way = "falls" if losses[-1] < losses[0] else "goes"
    begin, end = (f"{short(losses[row])} at step {steps[row]}" for row in (0, -1))
    alt = f"The training loss {way} from {begin} to {end}."
    if validated:
        alt += f" The validation loss, without label smoothing, ends at {short(validated[-1]['validation_loss'])}."
    return figures.show(figure, alt)


def _is_short(rows: list[dict]) -> bool:
    """True if the last row is a mean over far fewer steps than the others: the noise of a few batches."""
    steps = [row["step"] for row in rows]
    return len(rows) > 2 and 2 * (steps[-1] - steps[-2]) < steps[1] - steps[0]


class LivePlot:
    """The curve in a notebook's output, drawn anew in the same place, at most every two seconds."""

    def __init__(self):
        from IPython.display import Markdown, display

        self.handle, self.drawn = display(Markdown("*The losses will be drawn here.*"), display_id=True), 0.0

    def update(self, rows: list[dict], at_once: bool = False) -> None:
        """at_once: also if it has been drawn a moment ago."""
        if len(rows) < 2 or (time.monotonic() - self.drawn < 2 and not at_once):
            return
        self.handle.update(curve(rows))
        self.drawn = time.monotonic()


def in_notebook() -> bool:
    """True inside a Jupyter kernel."""
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    return bool(shell) and hasattr(shell, "kernel")


def _bar(done: float):
    from tqdm import tqdm

    layout = "{desc} {percentage:3.0f}% |{bar}| {elapsed}, {remaining} left{postfix}"
    stream = sys.stdout if in_notebook() else sys.stderr  # JupyterLab shows stderr as it shows errors
    return tqdm(desc="training", initial=done, total=100.0, bar_format=layout, mininterval=0.5, leave=True, file=stream)


def _board(folder: Path):
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise TrainingError("TensorBoard is not installed. Install it, or leave tensorboard off.") from None
    return SummaryWriter(str(Path(folder) / "tensorboard"))
