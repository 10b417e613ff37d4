"""Corpora by name: the grammar, Multi30k, Tatoeba, and two text files of your own.

Real corpora are looked for in the folder given, else in the one that the environment variable COURSE_DATA names, else
in the cache that `python -m helpers.corpus download multi30k` fills.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from random import Random

from helpers.corpus.files import user_path
from helpers.corpus.grammar import grammar_corpus
from helpers.corpus.pairs import Corpus, CorpusError, Pair
from helpers.corpus.textfiles import corpus_from_files, lines, read_pairs

MULTI30K_TESTS = ("test_2016_flickr", "test_2017_flickr", "test_2017_mscoco")
NAMES = ("grammar", "multi30k-de", "multi30k-fr", "multi30k-de-tok", "tatoeba-ko")
TATOEBA_FILES = ("kor.txt", "tatoeba_kor-eng_manythings.txt")


def load(name: str | Iterable[str | os.PathLike], folder: str | os.PathLike | None = None) -> Corpus:
    """A corpus by its name (one of NAMES), or from two files of your own.

    name     "grammar"; "multi30k-de" and "multi30k-fr" (English to German, French; "multi30k-de-tok" is lower-cased
             and tokenised, as in published "tokenised BLEU"); "tatoeba-ko" (English to Korean); or two paths,
             (source, target) or "source,target": the files of the training pairs, a sentence per line. Where the
             validation and the tests are, `corpus_from_files` says.
    folder   where the real corpora lie; None: $COURSE_DATA, else the cache
    Texts are in Unicode NFC. Raises CorpusError with a sentence that says what to do; a CorpusWarning names what is not
    used.
    """
    if not isinstance(name, str):
        return corpus_from_files(*_two_paths(name))
    if name == "grammar":
        return grammar_corpus()
    if name == "tatoeba-ko":
        return _tatoeba(folder)
    if name in NAMES:
        return _multi30k(name, folder)
    parts = name.split(",")  # with more than two, both paths have the same commas
    half = len(parts) // 2
    given = [",".join(side).strip() for side in (parts[:half], parts[half:])]
    if len(parts) % 2 == 0 and all(given):
        return corpus_from_files(*_two_paths(given))
    raise CorpusError(
        f"There is no corpus {name!r}. Choose one of {', '.join(NAMES)}, or give two text files: train.en,train.de"
    )


def _two_paths(paths: Iterable[str | os.PathLike]) -> list[Path]:
    given = list(paths) if isinstance(paths, Iterable) else [paths]
    found = [user_path(path) for path in given if isinstance(path, str | os.PathLike) and os.fspath(path)]
    if len(given) != 2:
        raise CorpusError(f"A corpus has two files, source and target; these are {len(given)}.")
    if len(found) != 2:
        raise CorpusError(f"The two files of a corpus are given by their names, not as {given!r}.")
    return found


def cache_folder() -> Path:
    """Where downloaded corpora are kept: the user's cache folder of this system."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "transformer-by-hand"


def _find(folder, relative: tuple[str, ...]) -> Path | None:
    """The first of the relative paths that exists, in the places where a corpus may lie."""
    named = folder or os.environ.get("COURSE_DATA")
    places = [user_path(named)] if named else [cache_folder()]
    return next((place / name for place in places for name in relative if (place / name).is_file()), None)


def _where(folder) -> str:
    if folder:
        return f"in {folder}"
    named = os.environ.get("COURSE_DATA")
    return f"in {named}, which COURSE_DATA names" if named else f"in {cache_folder()}"


def _multi30k(name: str, folder) -> Corpus:
    language, tokenised = name.split("-")[1], name.endswith("-tok")
    ending = ".lc.norm.tok" if tokenised else ""
    first = f"train{ending}.{language}"
    found = _find(folder, tuple(f"{inside}{'tok/' if tokenised else ''}{first}" for inside in ("multi30k/", "")))
    if found is None:
        raise CorpusError(
            f"Multi30k is not {_where(folder)}: there is no multi30k/{'tok/' if tokenised else ''}{first}. Download it "
            "with `python -m helpers.corpus download multi30k`, or set COURSE_DATA to a folder that has it. "
            'The corpus "grammar" needs neither.'
        )
    place = found.parent

    def read(split):
        return read_pairs(place / f"{split}{ending}.en", place / f"{split}{ending}.{language}")

    return Corpus(name, read("train"), read("val"), {split: read(split) for split in MULTI30K_TESTS})


def _tatoeba(folder) -> Corpus:
    """300 English sentences each for validation and test; no sentence of theirs, on either side, is trained on."""
    found = _find(folder, tuple(f"{inside}{file}" for inside in ("korean/", "") for file in TATOEBA_FILES))
    if found is None:
        raise CorpusError(
            f"The English-Korean sentences of Tatoeba are not {_where(folder)}. Get kor-eng.zip from "
            "https://www.manythings.org/anki/ and put its kor.txt there, or set COURSE_DATA to a folder that has it."
        )
    pairs = []
    for number, line in enumerate(lines(found), 1):
        columns = line.split("\t")
        if len(columns) < 2:
            raise CorpusError(f"{found}, line {number}: English, a tab and Korean are expected. Get the file again.")
        pairs.append(Pair(tuple(columns[0].split()), tuple(columns[1].split()), attribution="\t".join(columns[2:])))
    pairs = list({(pair.source, pair.target): pair for pair in pairs if pair.source and pair.target}.values())
    sources = sorted({pair.source for pair in pairs})
    keyed = [(rng_value, source) for rng_value, source in zip(_numbers(len(sources)), sources, strict=True)]
    order = [source for _, source in sorted(keyed)]
    held = min(300, len(order) // 10)
    test, validation = set(order[:held]), set(order[held : 2 * held])
    kept = [pair for pair in pairs if pair.source in test or pair.source in validation]
    targets = {pair.target for pair in kept}
    train = [pair for pair in pairs if pair.source not in test | validation and pair.target not in targets]
    if not train:
        raise CorpusError(f"{found} has no pairs to train on. Get the file again.")
    return Corpus(
        "tatoeba-ko",
        train,
        [pair for pair in kept if pair.source in validation],
        {"test": [pair for pair in kept if pair.source in test]},
    )


def _numbers(count: int) -> list[float]:
    rng = Random(0)
    return [rng.random() for _ in range(count)]
