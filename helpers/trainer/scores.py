"""How good the translations of a test split are: exact match, or BLEU with its signature."""

from __future__ import annotations

import torch

from helpers.trainer.data import Side, encode_all
from helpers.trainer.search import search
from helpers.training import exact_match

SENTENCES = 6400  # largest number of source ids times beams in one batch of the search


def translate_ids(model, source_ids, config, place=None) -> list[list[int]]:
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
        with place.autocast() if place else torch.autocast(device.type, enabled=False):
            ids, _ = search(model, source, config.beam, config.length_penalty, max_length=_longest(config, source))
        for index, row in zip(rows, ids.tolist(), strict=True):
            translations[index] = row
        start += count
    return translations


def _longest(config, source) -> int:
    """The paper's bound: the source's length + 50 (section 6.1)."""
    return min(config.max_length, source.shape[1] + 50)


def translate(model, texts, vocabularies, config, place=None) -> list[str]:
    """Texts in the source language to texts in the target language."""
    source, target = vocabularies
    return [target.text(ids) for ids in translate_ids(model, encode_all(source, list(texts)), config, place)]


def score_split(model, pairs, vocabularies, config, place=None, with_bleu: bool = True) -> dict:
    """{"sentences": n, "exact_match": share}, and with_bleu {"bleu": 0..100, "signature": text}.

    Exact match compares the texts. BLEU is sacreBLEU's, on the raw text, cased; with `lowercase` it ignores case.
    """
    translations = translate(model, [pair.source_text for pair in pairs], vocabularies, config, place)
    references = [pair.target_text for pair in pairs]
    scores = {"sentences": len(pairs), "exact_match": exact_match(translations, references)}
    if with_bleu:
        scores |= bleu(translations, references, lowercase=config.lowercase)
    return scores


def bleu(translations, references, tokenize: str = "13a", lowercase: bool = False) -> dict:
    """sacreBLEU's corpus BLEU with its signature.

    For the "tokenised, lower-cased BLEU" of older papers give the tokenised, lower-cased texts of both sides, with
    tokenize="none".
    """
    from sacrebleu.metrics import BLEU

    metric = BLEU(tokenize=tokenize, lowercase=lowercase, force=tokenize == "none")
    score = metric.corpus_score(list(translations), [list(references)])
    return {"bleu": round(score.score, 2), "signature": str(metric.get_signature())}
