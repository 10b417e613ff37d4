"""Vocabularies of a corpus behind one small interface: lesson 1's words, and joint byte-pair encoding.

Both have `size`, `encode(text) -> ids`, `decode(ids) -> tokens`, `text(ids) -> str`, `normalize(text) -> str` (as
`text` would write it), `writes` (how that is), `to_json()`, `from_json(text)`, `save(path)`, `load(path)`. Ids: <pad>
0, <bos> 1, <eos> 2, <unk> 3; `encode` puts <bos> and <eos> around the ids. In a text such a word is text like any
other.
"""

from __future__ import annotations

import json
import os
import unicodedata

from helpers.corpus.files import user_path, write_atomic
from helpers.corpus.korean import join_particles, split_particles
from helpers.corpus.pairs import CorpusError
from helpers.vocabulary import Vocabulary, build_index, tokenize

SPECIAL = ["<pad>", "<bos>", "<eos>", "<unk>"]
PAD, BOS, EOS = 0, 1, 2


class _Stored:
    """A vocabulary that is kept as a JSON file."""

    def __len__(self) -> int:
        return self.size

    def save(self, path: str | os.PathLike) -> None:
        """Write the vocabulary. An older file is replaced as a whole, or stays as it was."""
        write_atomic(user_path(path), self.to_json())

    @classmethod
    def load(cls, path: str | os.PathLike):
        try:
            text = user_path(path).read_text(encoding="utf-8", errors="replace")  # what is damaged is no JSON
        except FileNotFoundError:
            raise CorpusError(f"There is no vocabulary at {path}. Train it, then save it there.") from None
        except OSError as error:
            raise CorpusError(f"{path} cannot be read: {error.strerror}.") from None
        return cls.from_json(text)


class WordVocabulary(_Stored):
    """One id per word, with lesson 1's `Vocabulary` inside.

    WordVocabulary(sentences): texts, or sequences of tokens. With `particles`, for the Korean side of the grammar,
    a text is taken apart into words and particles before, and put together again by `text`.
    """

    writes = "in lower case, signs apart"

    def __init__(self, sentences, particles: bool = False, min_count: int = 1, max_size: int | None = None):
        self.particles = particles
        self.words = Vocabulary([self._spaced(sentence) for sentence in sentences], min_count, max_size)

    def _spaced(self, sentence) -> str:
        if not isinstance(sentence, str):
            return unicodedata.normalize("NFC", " ".join(sentence))
        sentence = unicodedata.normalize("NFC", sentence)
        return " ".join(split_particles(sentence)) if self.particles else sentence

    @property
    def size(self) -> int:
        return len(self.words)

    def encode(self, sentence) -> list[int]:
        """The ids of a text or of a sequence of tokens, from <bos> to <eos>."""
        return self.words.encode(self._spaced(sentence))

    def decode(self, ids) -> list[str]:
        """The tokens up to the first <eos>, without <pad> and <bos>."""
        return self.words.decode([int(index) for index in ids])

    def text(self, ids) -> str:
        return self._joined(self.decode(ids))

    def normalize(self, text: str) -> str:
        """The text as `text` would write it if all its words were in the vocabulary: in lower case, signs apart."""
        return self._joined(tokenize(self._spaced(text)))

    def _joined(self, tokens: list[str]) -> str:
        return join_particles(tokens) if self.particles else " ".join(tokens)

    def to_json(self) -> str:
        return json.dumps({"particles": self.particles, "words": list(self.words.word_to_index)}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> WordVocabulary:
        try:
            stored = json.loads(text)
            particles, words = stored["particles"], stored["words"]
            if words[:4] != SPECIAL or not all(isinstance(word, str) for word in words):
                raise ValueError("it does not start with the special tokens")
        except (ValueError, KeyError, TypeError) as error:
            raise CorpusError(f"This is not a word vocabulary ({error}). Train it and save it again.") from None
        vocabulary = cls([], bool(particles))
        vocabulary.words.word_to_index, vocabulary.words.index_to_word = build_index(words)
        return vocabulary


class JointBPE(_Stored):
    """Byte-pair encoding shared by both languages, by the `tokenizers` library. Made by `train_joint_bpe`."""

    def __init__(self, tokenizer):
        self._tokenizer = tokenizer
        tokenizer.encode_special_tokens = True  # "<eos>" in a text is text

    @property
    def size(self) -> int:
        return self._tokenizer.get_vocab_size()

    @property
    def writes(self) -> str:
        return "in lower case" if self.normalize("A") == "a" else "in Unicode NFC"

    def encode(self, text) -> list[int]:
        """The ids of a text, from <bos> to <eos>. A sequence of tokens is joined with spaces first."""
        text = text if isinstance(text, str) else " ".join(text)
        return [BOS, *self._tokenizer.encode(text).ids, EOS]

    def encode_all(self, texts) -> list[list[int]]:
        """`encode` for many texts, on all cores."""
        return [[BOS, *encoded.ids, EOS] for encoded in self._tokenizer.encode_batch(list(texts))]

    def decode(self, ids) -> list[str]:
        """The subwords up to the first <eos>, without <pad> and <bos>. "▁" marks where a word begins."""
        return [self._tokenizer.id_to_token(index) for index in _until_end(ids)]

    def text(self, ids) -> str:
        return self._tokenizer.decode(_until_end(ids), skip_special_tokens=False).strip()

    def normalize(self, text: str) -> str:
        """The text as `text` would write it if it knew all its signs: in NFC, and in lower case if learned so."""
        normalizer = self._tokenizer.normalizer
        return (normalizer.normalize_str(text) if normalizer else text).strip()

    def to_json(self) -> str:
        return self._tokenizer.to_str()

    @classmethod
    def from_json(cls, text: str) -> JointBPE:
        try:
            tokenizer = _library().Tokenizer.from_str(text)
        except CorpusError:
            raise
        except Exception as error:  # the library raises nothing more exact
            raise CorpusError(f"This is not a byte-pair encoding ({error}). Train it and save it again.") from None
        if [tokenizer.token_to_id(token) for token in SPECIAL] != [0, 1, 2, 3]:
            raise CorpusError("The special tokens of this byte-pair encoding have other ids. Train it again.")
        return cls(tokenizer)


def train_joint_bpe(pairs, size: int = 8_000, lowercase: bool = False, min_count: int = 2) -> JointBPE:
    """Learn subwords from both sides of the pairs together, up to `size` ids. The same pairs give the same subwords.

    Source: Sennrich et al. 2016; "Attention Is All You Need", section 5.1 (37,000 shared tokens).
    """
    library = _library()
    if size < 50:
        raise CorpusError(f"{size} subwords are too few: not even the letters fit. Ask for 50 or more.")
    tokenizer = library.Tokenizer(library.models.BPE(unk_token="<unk>"))
    normal = [library.normalizers.NFC(), *([library.normalizers.Lowercase()] if lowercase else [])]
    tokenizer.normalizer = library.normalizers.Sequence(normal)
    marks = library.pre_tokenizers.Metaspace()
    tokenizer.pre_tokenizer = library.pre_tokenizers.Sequence([marks, library.pre_tokenizers.Punctuation()])
    tokenizer.decoder = library.decoders.Metaspace()
    trainer = library.trainers.BpeTrainer(
        vocab_size=size, min_frequency=min_count, special_tokens=SPECIAL, show_progress=False
    )
    texts = (text for pair in pairs for text in (pair.source_text, pair.target_text))
    tokenizer.train_from_iterator(texts, trainer)
    return JointBPE(tokenizer)


def grammar_vocabularies(corpus) -> tuple[WordVocabulary, WordVocabulary]:
    """The word vocabularies of a grammar corpus, made from its training pairs: (English, Korean)."""
    source = WordVocabulary([pair.source for pair in corpus.train])
    return source, WordVocabulary([pair.target for pair in corpus.train], particles=True)


def _until_end(ids) -> list[int]:
    ids = [int(index) for index in ids]
    ids = ids[: ids.index(EOS)] if EOS in ids else ids
    return [index for index in ids if index not in (PAD, BOS)]


def _library():
    try:
        import tokenizers
    except ImportError:
        raise CorpusError("Subwords need the library `tokenizers`. Install it: pip install tokenizers") from None
    return tokenizers
