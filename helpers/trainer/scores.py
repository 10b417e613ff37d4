"""How good the translations of a test split are: exact match, or BLEU with its signature."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import nn

from helpers.corpus.pairs import Pair
from helpers.trainer.config import Config
from helpers.trainer.data import Side, Vocabularies, encode_all
from helpers.trainer.devices import DeviceContext
from helpers.trainer.search import search
from helpers.training import exact_match

SENTENCES = 6400  # largest number of source ids times beams in one batch of the search


def translate_ids(
    model: nn.Module, source_ids: list[list[int]], config: Config, context: DeviceContext | None = None
) -> list[list[int]]:
    """Ids of the translations of many sentences (lists of ids, from <bos> to <eos>), in their order."""
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
    """Texts in the source language to texts in the target language."""
    source, target = vocabularies
    return [target.text(ids) for ids in translate_ids(model, encode_all(source, list(texts)), config, context)]


def score_split(
    model: nn.Module,
    pairs: Sequence[Pair],
    vocabularies: Vocabularies,
    config: Config,
    context: DeviceContext | None = None,
    with_bleu: bool = True,
) -> dict:
    """{"sentences": n, "exact_match": share}, and with_bleu {"bleu": 0..100, "signature": text}.

    Exact match compares the texts. BLEU is sacreBLEU's, on the raw text, cased; with `lowercase` it ignores case.
    """
    translations = translate(model, [pair.source_text for pair in pairs], vocabularies, config, context)
    references = [pair.target_text for pair in pairs]
    scores = {"sentences": len(pairs), "exact_match": exact_match(translations, references)}
    if with_bleu:
        scores |= bleu(translations, references, lowercase=config.lowercase)
    return scores


def bleu(
    translations: Iterable[str], references: Iterable[str], tokenize: str = "13a", lowercase: bool = False
) -> dict:
    """sacreBLEU's corpus BLEU with its signature.

    For the "tokenised, lower-cased BLEU" of older papers give the tokenised, lower-cased texts of both sides, with
    tokenize="none".
    """
    from sacrebleu.metrics import BLEU

    metric = BLEU(tokenize=tokenize, lowercase=lowercase, force=tokenize == "none")
    score = metric.corpus_score(list(translations), [list(references)])
    return {"bleu": round(score.score, 2), "signature": str(metric.get_signature())}
