"""The vocabularies of a run: made from the training pairs, kept beside the weights."""

from __future__ import annotations

import json

from helpers.corpus.pairs import CorpusError
from helpers.corpus.subwords import JointBPE, WordVocabulary, grammar_vocabularies, train_joint_bpe
from helpers.trainer.errors import TrainingError


def make_vocabularies(config, corpus):
    """(source, target): lesson 1's words for each side, or one joint byte-pair encoding twice."""
    if config.tokens == "bpe":
        joint = train_joint_bpe(corpus.train, config.vocabulary_size, lowercase=config.lowercase)
        return joint, joint
    if corpus.name == "grammar":
        return grammar_vocabularies(corpus)
    sides = ([pair.source_text for pair in corpus.train], [pair.target_text for pair in corpus.train])
    source, target = (WordVocabulary(side, max_size=config.vocabulary_size) for side in sides)
    return source, target


def vocabularies_to_json(source, target) -> str:
    """Both as one text, the same text for the same vocabularies."""
    kind = "bpe" if isinstance(source, JointBPE) else "words"
    return json.dumps([kind, source.to_json(), "" if target is source else target.to_json()], ensure_ascii=False)


def vocabularies_from_json(text: str):
    """What `vocabularies_to_json` wrote, as (source, target)."""
    try:
        kind, source, target = json.loads(text)
        made = {"bpe": JointBPE, "words": WordVocabulary}[kind]
        source = made.from_json(source)
        return source, made.from_json(target) if target else source
    except (ValueError, KeyError, TypeError, CorpusError) as error:
        raise TrainingError(f"The vocabularies beside the weights are damaged ({error}). Save them again.") from None
