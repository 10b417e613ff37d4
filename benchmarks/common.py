"""What the benchmarks share: their results as JSON, the surroundings of a measurement, the batches."""

from __future__ import annotations

import json
import os
import platform
import random
from datetime import UTC, datetime
from pathlib import Path

import torch

from helpers.corpus import CorpusError, load
from helpers.corpus.files import write_atomic
from helpers.trainer.data import Pairs, encode_pairs, make_vocabularies

RESULTS = Path(__file__).resolve().parent / "results"
SYNTHETIC = "synthetic ids with random lengths (Multi30k is not here)"


def surroundings(command: str) -> dict:
    """What a number depends on beside the code."""
    device = f"CPU, {os.cpu_count()} cores, {torch.get_num_threads()} threads, {platform.machine()}"
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    return {
        "command": command,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "device": device,
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }


def command_of(program: str, arguments: list[str]) -> str:
    """The command for the results, without where they were written."""
    parts = list(arguments)
    if "--out" in parts:
        place = parts.index("--out")
        del parts[place : place + 2]
    return " ".join([f"python benchmarks/{program}.py", *parts])


def keep(path, name: str, measured: dict, around: dict):
    """Print a result, and put it into the JSON file under its name; the other names there stay."""
    path = Path(path)
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    kept[name] = {"measured": measured, **around}
    print(f"{name}\n{json.dumps(measured, indent=2, ensure_ascii=False)}", flush=True)
    write_atomic(path, json.dumps(kept, indent=2, ensure_ascii=False) + "\n")


def training_pairs(config) -> tuple[Pairs, int, str]:
    """(pairs, size of the joint vocabulary, where they are from): Multi30k's, or synthetic ones of similar lengths."""
    try:
        corpus = load(config.data)
    except CorpusError:
        return synthetic_pairs(config.limit or 29_000, config.vocabulary_size), config.vocabulary_size, SYNTHETIC
    joint, _ = make_vocabularies(config, corpus)
    return encode_pairs(corpus.train[: config.limit], joint, joint, config.max_length), len(joint), corpus.name


def synthetic_pairs(count: int, size: int, seed: int = 0) -> Pairs:
    """Random ids. Lengths as in Multi30k: around 15 with a long tail, both sides alike."""
    rng = random.Random(seed)
    sides: tuple[list, list] = ([], [])
    for _ in range(count):
        length = rng.gammavariate(9, 1.6)
        for side in sides:
            words = max(2, min(60, round(length + rng.gauss(0, 2))))
            side.append([1, *(rng.randrange(4, size) for _ in range(words)), 2])
    return Pairs(*sides)
