"""How good the translations of a test split are: exact match, or BLEU with its signature."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

import torch
from torch import nn

from helpers.corpus.pairs import Pair
from helpers.trainer.config import Config
from helpers.trainer.data import Side, Vocabularies, Vocabulary, encode_all
from helpers.trainer.devices import DeviceContext
from helpers.trainer.errors import TrainingError, WrongArgument
from helpers.trainer.search import positions_of, search
from helpers.training import exact_match

SENTENCES = 6400  # largest number of source ids times beams in one batch of the search


def translate_ids(
    model: nn.Module, source_ids: list[list[int]], config: Config, context: DeviceContext | None = None
) -> list[list[int]]:
    """Ids of the translations of many sentences (lists of ids, from <bos> to <eos>), in their order."""
    if not source_ids:
        return []
    device = next(model.parameters()).device
    side = Side(source_ids)
    order = sorted(range(len(source_ids)), key=lambda index: -len(source_ids[index]))
    translations: list[list[int]] = [[]] * len(source_ids)
    start = 0
    while start < len(order):
        count = max(1, SENTENCES // (len(source_ids[order[start]]) * config.beam))
        rows = order[start : start + count]
        source = torch.from_numpy(side.rows(rows)).to(device)
        with context.autocast() if context else torch.autocast(device.type, enabled=False):
            ids, _ = search(model, source, config.beam, config.length_penalty, max_length=_longest(config, source))
        for index, row in zip(rows, ids.tolist(), strict=True):
            translations[index] = row
        start += count
    return translations


def _longest(config: Config, source: torch.Tensor) -> int:
    """The paper's bound: the source's length + 50 (section 6.1)."""
    return min(config.max_length, source.shape[1] + 50)


def translate(
    model: nn.Module,
    texts: Iterable[str],
    vocabularies: Vocabularies,
    config: Config,
    context: DeviceContext | None = None,
) -> list[str]:
    """Texts in the source language to texts in the target language. TrainingError names a text that is too long."""
    _refuse_other_types(model, vocabularies, config)
    source, target = vocabularies
    ids = encode_sources(model, list_of_texts(texts), source)
    return [target.text(row) for row in translate_ids(model, ids, config, context)]


def list_of_texts(texts: Iterable[str]) -> list[str]:
    """The texts as a list. WrongArgument if they are one text, or anything else."""
    if isinstance(texts, str):
        raise WrongArgument(f"Give a list of texts: [{texts!r}]. One text would be taken letter by letter.")
    given = list(texts) if isinstance(texts, Iterable) else [texts]
    for text in given:
        if not isinstance(text, str):
            pairs = ": [pair.source_text for pair in pairs]" if isinstance(text, Pair) else ""
            raise WrongArgument(f"Give a list of texts{pairs}. A {type(text).__name__} is not a text.")
    return given


def _refuse_other_types(model: object, vocabularies: object, config: object) -> None:
    both = isinstance(vocabularies, tuple | list) and len(vocabularies) == 2
    if not (isinstance(model, nn.Module) and both and isinstance(config, Config)):
        raise WrongArgument(
            "Give model, texts, vocabularies, config in this order: model, (source, target), config are what "
            "`load_model` returns."
        )


def encode_sources(
    model: nn.Module, texts: Sequence[str], vocabulary: Vocabulary, name: str = "text"
) -> list[list[int]]:
    """The ids of texts to translate. TrainingError names a text that has more tokens than the model has positions."""
    ids, limit = encode_all(vocabulary, texts), positions_of(model)
    for number, (text, row) in enumerate(zip(texts, ids, strict=True), 1):
        if len(row) > limit:
            begin = textwrap.shorten(text[:80], 40, placeholder=" …")
            raise TrainingError(
                f"{name} {number:,} ({begin}) has {len(row):,} tokens with <bos> and <eos>, the model {limit:,} "
                "positions. Shorten, split or remove it."
            )
    return ids


def score_split(
    model: nn.Module,
    pairs: Sequence[Pair],
    vocabularies: Vocabularies,
    config: Config,
    context: DeviceContext | None = None,
    with_bleu: bool = True,
) -> dict:
    """{"sentences": n, "exact_match": share, ...}, and with_bleu {"bleu": 0..100, "signature": text}.

    Translations are compared with the references as the vocabulary would write them. "references": in which way they
    are written then, "" if as they are. "unwritable": how many the model cannot write, since a word or sign has no id,
    or since they are longer than `max_length`; they count as wrong.
    """
    target = vocabularies[1]
    translations = translate(model, [pair.source_text for pair in pairs], vocabularies, config, context)
    texts = [pair.target_text for pair in pairs]
    references = [target.normalize(text) for text in texts]
    ids = encode_all(target, texts)
    scores = {
        "sentences": len(pairs),
        "exact_match": exact_match(translations, references),
        "references": "" if references == texts else target.writes,
        "unwritable": sum(
            target.text(row) != reference or len(row) - 1 > config.max_length
            for row, reference in zip(ids, references, strict=True)
        ),
    }
    if with_bleu:
        scores |= bleu(translations, references, lowercase=target.normalize("A") == "a")
    return scores


def bleu(
    translations: Iterable[str], references: Iterable[str], tokenize: str = "13a", lowercase: bool = False
) -> dict:
    """sacreBLEU's corpus BLEU with its signature.

    For the "tokenised, lower-cased BLEU" of older papers give the tokenised, lower-cased texts of both sides, with
    tokenize="none".
    """
    from sacrebleu.metrics import BLEU

    translations, references = list_of_texts(translations), list_of_texts(references)
    if not translations or len(translations) != len(references):
        raise TrainingError(
            f"There are {len(translations):,} translations and {len(references):,} references. Give one reference for "
            "each translation."
        )
    metric = BLEU(tokenize=tokenize, lowercase=lowercase, force=tokenize == "none")
    score = metric.corpus_score(translations, [references])
    return {"bleu": round(score.score, 2), "signature": str(metric.get_signature())}
