"""The result card: what a run was, and what came out, in one place, as JSON and as Markdown."""

from __future__ import annotations

import platform
import sys
from datetime import UTC, datetime
from importlib import metadata

import torch
from torch import nn

from helpers.trainer.config import Config
from helpers.trainer.devices import DeviceContext
from helpers.trainer.loop import State
from helpers.trainer.model import count_parameters
from helpers.training import training_flops


def make_card(
    config: Config,
    model: nn.Module,
    context: DeviceContext,
    state: State,
    scores: dict,
    data: str,
    pairs: int,
    too_long: int = 0,
) -> dict:
    """Plain data. scores: {split: what `score_split` gives}; data: the corpus' name; pairs: so many were trained on;
    too_long: so many more are longer than `max_length`."""
    parameters = count_parameters(model)
    tokens = state.tokens + state.source_tokens
    return {
        "data": data,
        "training_pairs": pairs,
        "training_pairs_too_long": too_long,
        "scores": scores,
        "parameters": parameters,
        "steps": state.step,
        "epochs": round(state.epochs, 2),
        "target_tokens": state.tokens,
        "source_tokens": state.source_tokens,
        "training_flops": training_flops(parameters, tokens),
        "minutes": round(state.seconds / 60, 2),
        "tokens_per_second": round(tokens / state.seconds) if state.seconds else None,
        "device": context.name,
        "precision": context.precision,
        "compiled": context.compile,
        "seed": config.seed,
        "beam": config.beam,
        "averaged_checkpoints": config.average,
        "left_out": list(config.without),
        "versions": {"course": _version(), "torch": torch.__version__, "python": platform.python_version()},
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "command": command_line(),
    }


def to_markdown(card: dict) -> str:
    """The card as a heading and a table."""
    lines = ["# Result card", "", "| what | value |", "| --- | --- |"]
    for split, score in card["scores"].items():
        lines.append(f"| {split}, {score['sentences']:,} sentences: exact match | {score['exact_match']:.1%} |")
        if "bleu" in score:
            lines.append(f"| {split}: BLEU | {score['bleu']:.2f} ({score['signature']}) |")
        if score["references"]:
            lines.append(f"| {split}: references | {score['references']}, as the vocabulary writes |")
        if score["unwritable"]:
            why = "unknown words or signs, or longer than max_length"
            lines.append(f"| {split}: out of reach | {score['unwritable']:,} references ({why}) |")
    too_long = card["training_pairs_too_long"]
    left_out = f" ({too_long:,} longer than max_length are left out)" if too_long else ""
    rows = {
        "data": f"{card['data']}, {card['training_pairs']:,} training pairs{left_out}",
        "search": "greedy" if card["beam"] == 1 else f"beam {card['beam']}",
        "checkpoints averaged": card["averaged_checkpoints"],
        "parameters": f"{card['parameters']:,}",
        "training": f"{card['steps']:,} steps, {card['epochs']:g} epochs, {card['minutes']:g} minutes",
        "tokens seen": f"{card['source_tokens']:,} source, {card['target_tokens']:,} target",
        "tokens per second": f"{card['tokens_per_second'] or 0:,} (source + target)",
        "operations": f"{card['training_flops']:.2e} (6 × parameters × tokens)",
        "device": f"{card['device']}, {card['precision']}{', compiled' if card['compiled'] else ''}",
        "seed": card["seed"],
        "versions": ", ".join(f"{name} {version}" for name, version in card["versions"].items()),
        "date": card["date"],
        "command": f"`{card['command']}`",
    }
    if card["left_out"]:
        rows["left out"] = ", ".join(card["left_out"])
    return "\n".join(lines + [f"| {name} | {value} |" for name, value in rows.items()]) + "\n"


def to_text(card: dict) -> str:
    """The card for a terminal."""
    rows = [line.strip("|").split(" | ") for line in to_markdown(card).splitlines()[4:]]
    width = max(len(row[0].strip()) for row in rows)
    return "\n".join(f"{row[0].strip():<{width}}  {' | '.join(row[1:]).strip().strip('`')}" for row in rows)


def command_line() -> str:
    """How this process was started, without the folders in front of the program. A notebook's kernel says nothing."""
    program = sys.argv[0].replace("\\", "/").rsplit("/", 1)[-1]
    if program.startswith("ipykernel"):
        return "train(...) in a notebook"
    if program == "__main__.py":
        program = "python -m helpers.trainer"
    return " ".join([program, *sys.argv[1:]]) if program else "train(...)"


def _version() -> str:
    try:
        return metadata.version("transformer-by-hand")
    except metadata.PackageNotFoundError:
        return "not installed"
