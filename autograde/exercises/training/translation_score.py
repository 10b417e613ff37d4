"""What trained weights are worth: a Transformer is built from them and translates sentences that no training has seen.

Runs only on the judging side, on plain data. Whatever the weights are, the answer is a `Findings` with a sentence.
"""

import hashlib
import json
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autograde.harness.plain import TensorData
from autograde.harness.weights import trained_weights
from helpers.corpus import grammar_corpus, grammar_pairs, grammar_vocabularies
from helpers.decoder import Transformer, teacher_forcing_pair
from helpers.trainer.data import vocabularies_from_json
from helpers.trainer.errors import TrainingError
from helpers.trainer.search import search
from helpers.training import exact_match, label_smoothed_loss

SENTENCES = 200
LONGEST = 30  # words of a translation
LETTERS = 60  # of one word of a vocabulary
LONGEST_NAME = 200  # characters of a tensor's name
PARAMETERS = 2_000_000
LAYERS = 8
SURE = 0.3  # mean probability of the most probable word from which a model is sure of what it says
HEADS = 4  # where nothing says how many
NEAR = 0.02  # relative distance up to which weights are the same, saved with fewer digits
_LAYER = re.compile(r"(encoder|decoder)\.layers\.(\d{1,3})\.")


@dataclass(frozen=True)
class Findings:
    """share of sentences that are right; symptom: a name for what is wrong, or ""; text and remark: for people."""

    share: float
    symptom: str
    text: str
    remark: str = ""


class _Unfit(Exception):
    """(symptom, sentence): weights of which no model can be made."""


def examine(weights: Any, seed: int) -> Findings:
    """How well a model with these weights, {"tensors": ..., "metadata": ...}, translates. Never raises."""
    try:
        tensors, metadata = _read(weights)
        return _examine(_Key(tensors, metadata), seed)
    except _Unfit as unfit:
        symptom, reason = unfit.args
        return Findings(0.0, symptom, "weights of which no model can be made", reason)


def resemble(weights: Any, file: Path) -> bool:
    """Whether weights are those of the file, whatever else their own file says. Never raises."""
    try:
        tensors, _ = _read(weights)
    except _Unfit:
        return False
    others = _stored(file)
    if {name: tensor.shape for name, tensor in tensors.items()} != {
        name: tensor.shape for name, tensor in others.items()
    }:
        return False
    return all(
        np.linalg.norm(tensors[name] - tensor) <= NEAR * np.linalg.norm(tensor) for name, tensor in others.items()
    )


@lru_cache(maxsize=1)
def _stored(file: Path) -> dict[str, np.ndarray]:
    return _read(trained_weights(file))[0]


class _Key:
    """Tensors and metadata, equal where their content is: the same weights are judged once for each seed."""

    def __init__(self, tensors: dict[str, np.ndarray], metadata: dict[str, str]):
        self.tensors, self.metadata = tensors, metadata
        parts = [
            name.encode() + repr(tensor.shape).encode() + tensor.tobytes() for name, tensor in sorted(tensors.items())
        ]
        self.digest = hashlib.sha256(b"".join(parts) + json.dumps(metadata, sort_keys=True).encode()).hexdigest()

    def __hash__(self):
        return hash(self.digest)

    def __eq__(self, other):
        return self.digest == other.digest


def _read(weights: Any) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    if not isinstance(weights, dict) or not isinstance(weights.get("tensors"), dict):
        raise _Unfit("no weights", "No weights came back.")
    tensors = {}
    for name, value in weights["tensors"].items():
        array = value.array if isinstance(value, TensorData) else None
        if len(str(name)) > LONGEST_NAME:
            raise _Unfit("extra", f"A name in the file has more than {LONGEST_NAME} characters.")
        if not isinstance(name, str) or array is None or array.dtype.kind != "f":
            raise _Unfit("no numbers", f"{name} holds no floating-point numbers.")
        if name.split(".")[0] != "position":  # the encoding is no weight
            tensors[name] = array.astype(np.float32)
    size = sum(array.size for array in tensors.values())
    if size > PARAMETERS:
        raise _Unfit("too large", f"The model has {size:,} values; at most {PARAMETERS:,} are looked at.")
    metadata = weights.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    return tensors, {str(name): value for name, value in metadata.items() if isinstance(value, str)}


@lru_cache(maxsize=128)
def _examine(key: _Key, seed: int) -> Findings:
    torch_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            return _translate_and_look(key, seed)
    finally:
        torch.set_num_threads(torch_threads)


def _translate_and_look(key: _Key, seed: int) -> Findings:
    heads, vocabularies = _heads(key), _vocabularies(key.metadata.get("vocabularies"))
    model = _build(key.tensors, heads, [len(vocabulary) for vocabulary in vocabularies])
    pairs = _pairs(seed)
    source, target = _ids(pairs, vocabularies)
    ids, _ = search(model, source, max_length=LONGEST)
    texts = [vocabularies[1].text(row) for row in ids.tolist()]
    references = [pair.target_text for pair in pairs]
    share = exact_match(texts, references)
    text = _words(share, pairs, texts)
    symptom = _symptom(key, heads, model, source, target, ids, share)
    return Findings(share, symptom, text, f"{share:.1%} of {len(pairs)} new sentences are translated word for word.")


# --- the model ------------------------------------------------------------------------------------------------------


def _heads(key: _Key) -> int:
    """From the metadata: `num_heads`, or the one in the trainer's `config`."""
    try:
        stored = json.loads(key.metadata.get("config", "{}"))
        return int(key.metadata.get("num_heads") or stored.get("num_heads") or HEADS)
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        raise _Unfit("no heads", "The file does not say how many heads the model has: save its `num_heads`.") from None


def _build(tensors: dict[str, np.ndarray], heads: int, sizes: list[int]) -> Transformer:
    """The Transformer of lesson 7 with these weights; `_Unfit` if they are not those of one."""
    tables = [tensors.get(f"{side}_embedding.weight") for side in ("source", "target")]
    if tensors and all(table is None for table in tables):
        first = f"the first has the name {min(tensors)}"
        raise _Unfit("another model", f"These are not the weights of a Transformer of lesson 7: {first}.")
    if any(table is None or table.ndim != 2 for table in tables):
        raise _Unfit("incomplete", "The tables `source_embedding.weight` and `target_embedding.weight` are missing.")
    found = [len(table) for table in tables]
    if found == sizes[::-1] != sizes:
        raise _Unfit("exchanged", "The tables of source and target are exchanged.")
    if found != sizes:
        wanted = f"{sizes[0]} source and {sizes[1]} target words"
        raise _Unfit("vocabulary", f"The tables have {found[0]} and {found[1]} rows; the lesson has {wanted}.")
    d_model = tables[0].shape[1]
    numbers = [int(match.group(2)) for match in map(_LAYER.match, tensors) if match]
    layers = max(numbers, default=-1) + 1
    if layers > LAYERS:
        raise _Unfit("too deep", f"There are {layers} layers; a model has at most {LAYERS} here.")
    inner = tensors.get("encoder.layers.0.feed_forward.inner.weight")
    if layers < 1 or inner is None or inner.ndim != 2:
        raise _Unfit("incomplete", f"There are {layers} layers; a model has at least one, with all its parts.")
    if not 1 <= heads <= d_model or d_model % heads:
        raise _Unfit("heads", f"{heads} heads do not divide the width {d_model}.")
    with torch.device("meta"):
        expected = {
            name: tuple(p.shape) for name, p in _transformer(sizes, d_model, heads, layers, inner).named_parameters()
        }
    missing = sorted(expected.keys() - tensors.keys())
    if missing:
        raise _Unfit("incomplete", f"{len(missing)} weights are missing, the first: {missing[0]}.")
    extra = sorted(tensors.keys() - expected.keys())
    if extra:
        raise _Unfit("extra", f"{len(extra)} weights belong to no Transformer of lesson 7, the first: {extra[0]}.")
    for name, shape in expected.items():
        if tensors[name].shape != shape:
            raise _Unfit("shape", f"{name} has the shape {tensors[name].shape}; with these sizes it is {shape}.")
        if not np.isfinite(tensors[name]).all():
            raise _Unfit("not finite", f"{name} holds numbers that are not finite.")
    model = _transformer(sizes, d_model, heads, layers, inner)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(tensors[name]))
    return model.eval()


def _transformer(sizes, d_model, heads, layers, inner):
    return Transformer(*sizes, d_model=d_model, num_heads=heads, num_layers=layers, d_ff=len(inner), dropout=0.0)


# --- the sentences --------------------------------------------------------------------------------------------------


def _vocabularies(stored: str | None):
    """(source, target): those in the file, else those of the lesson."""
    if stored is None:
        return _of_the_lesson()
    try:
        if len(stored) > 200_000 or json.loads(stored)[0] != "words":
            raise _Unfit(
                "subwords", "The model does not read whole words: train it with the lesson's word vocabularies."
            )
        vocabularies = vocabularies_from_json(stored)
        words = [vocabulary.words for vocabulary in vocabularies]
        if any(
            len(vocabulary.index_to_word) != len(vocabulary) or max(map(len, vocabulary.word_to_index)) > LETTERS
            for vocabulary in words
        ):
            raise ValueError
        return vocabularies
    except (TrainingError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise _Unfit("vocabularies", "The vocabularies in the file cannot be read: save the weights again.") from None


@lru_cache(maxsize=1)
def _of_the_lesson():
    return grammar_vocabularies(grammar_corpus())


@lru_cache(maxsize=64)
def _pairs(seed: int):
    return grammar_pairs(f"trained model {seed}", SENTENCES)


def _ids(pairs, vocabularies):
    """Source and target, (SENTENCES, longest) each, with <bos> and <eos>."""
    source, target = vocabularies
    sides = [source.encode(pair.source_text) for pair in pairs], [target.encode(pair.target_text) for pair in pairs]
    return [torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in side], batch_first=True) for side in sides]


def _words(share, pairs, texts):
    wrong = [(pair, text) for pair, text in zip(pairs, texts, strict=True) if text != pair.target_text]
    lines = [f"{share:.1%} of {len(pairs)} new sentences"]
    for pair, text in wrong[:3]:
        lines.append(f"{pair.source_text}\n    got    {text[:100] or '(nothing)'}\n    right  {pair.target_text}")
    return "\n".join(lines)


# --- what is wrong --------------------------------------------------------------------------------------------------


def _symptom(key, heads, model, source, target, ids, share):
    """A name for what is wrong with a model that can be built; the first that fits."""
    if share >= 0.97:
        return ""
    decoder_input, labels = teacher_forcing_pair(target)
    with torch.no_grad():
        logits = model(source, decoder_input)
        loss = label_smoothed_loss(logits, labels, smoothing=0.0).item()
        sureness = logits.softmax(dim=-1).max(dim=-1).values[labels != 0].mean().item()
    if share < 0.5 and _better_with_other_heads(key, heads, source, labels):
        return "other heads"
    strange = loss > 0.8 * math.log(logits.shape[-1])
    if strange and sureness <= SURE:
        return "untrained"
    ended = (ids == 2).any(dim=1).float().mean() >= 0.5
    if ended and len({tuple(row) for row in ids.tolist()}) < len(ids) / 4:
        return "deaf"
    if strange:
        return "other words"
    if not ended:
        return "endless"
    return "too short"


def _better_with_other_heads(key, heads, source, labels):
    width = key.tensors["source_embedding.weight"].shape[1]
    for other in (1, 2, 4, 8, 16):
        if other == heads or width % other:
            continue
        sizes = [len(key.tensors[f"{side}_embedding.weight"]) for side in ("source", "target")]
        ids, _ = search(_build(key.tensors, other, sizes), source[:40], max_length=LONGEST)
        length = min(ids.shape[1], labels.shape[1])
        right = (ids[:, :length] == labels[:40, :length]).all(dim=1) & (labels[:40, length:] == 0).all(dim=1)
        if right.float().mean() > 0.5:
            return True
    return False
