"""A corpus from two text files with a sentence per line, and from the files beside them that belong to it."""

from __future__ import annotations

import os
import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from helpers.corpus.pairs import Corpus, CorpusError, CorpusWarning, Pair, counted, is_or_are
from helpers.vocabulary import tokenize

VALIDATION = frozenset(("val", "valid", "validation", "dev", "devel", "development", "devset", "newsdev"))
TEST = frozenset(("test", "tests", "testset", "newstest", "devtest", "tst", "eval"))
TRAINING = frozenset(("train", "training"))


def read_pairs(source: Path, target: Path) -> list[Pair]:
    """The pairs of two text files, line by line, in Unicode NFC. Pairs with an empty side are left out, with a warning.

    CorpusError if the files cannot be read, or have different numbers of lines.
    """
    left, right = lines(source), lines(target)
    if len(left) != len(right):
        raise CorpusError(
            f"{source} has {counted(len(left), 'line')} and {target} has {len(right):,}. Line for line they must be "
            "translations."
        )
    split = (Pair(tuple(one.split()), tuple(two.split())) for one, two in zip(left, right, strict=True))
    pairs = [pair for pair in split if pair.source and pair.target]
    if left_out := len(left) - len(pairs):
        _warn(
            f"{left_out:,} of {counted(len(left), 'line')} {is_or_are(left_out)} left out: {source} or {target} is "
            "empty there."
        )
    return pairs


def lines(path: Path) -> list[str]:
    """The lines of a text file, in Unicode NFC. Only line feeds end a line: other separators occur inside sentences."""
    try:
        text = path.read_bytes().decode().replace("\ufeff", "")  # at its beginning, and where files were joined
    except FileNotFoundError:
        raise CorpusError(f"There is no file {path}. Check the name, and the folder you started in.") from None
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CorpusError(f"{path} is not UTF-8 text. Unpack it if it is packed, and save it as UTF-8 text.") from None
    if 4 * text.count("\0") > len(text):
        raise CorpusError(f"{path} has a zero at every other place, as UTF-16 has. Save it as UTF-8 text.")
    if "\n" not in text:  # an old Mac's line ends
        text = text.replace("\r", "\n")
    found = [line.removesuffix("\r") for line in unicodedata.normalize("NFC", text).split("\n")]
    return found[:-1] if found and not found[-1] else found


def corpus_from_files(source: Path, target: Path) -> Corpus:
    """The corpus whose training pairs are in these two files.

    Other pairs of files belong to it if their names differ as the two given ones do and say what they are (VALIDATION,
    TEST). They are in the same folders, or for files in a folder `train`, also in the folders beside it. What is found
    and cannot be used is named in a CorpusWarning. Without a validation, a twentieth of the training pairs is held out.
    """
    if _same_file(source, target):
        raise CorpusError(
            f"{source} and {target} are the same file. Give the file of the source and that of the target."
        )
    train = read_pairs(source, target)
    if not train:
        raise CorpusError(f"{source} and {target} have no pair of sentences. Give files with a sentence per line.")
    validation, tests = None, {}
    trained = {_key(pair.source) for pair in train}
    # the validation with the shortest name counts, `val` before `val_old`
    order = sorted(_splits(source, target), key=lambda split: (0 if split.is_test else len(split.name), split.name))
    for split in order:
        if not split.is_test and validation is not None:
            _warn(f"Remove the validation that is not meant: {split.source} is not used, another was found first.")
            continue
        pairs = read_pairs(split.source, split.target)
        if not pairs:
            _warn(f"{split.source} and {split.target} are not used: they have no pair of sentences.")
            continue
        repeated = sum(_key(pair.source) in trained for pair in pairs)
        if repeated:
            _warn(
                f"{repeated:,} of {counted(len(pairs), 'sentence')} of {split.source} {is_or_are(repeated)} also "
                f"trained on, which raises the scores. Remove {'it' if repeated == 1 else 'them'} from one of the two "
                "files."
            )
        if split.is_test:
            tests[split.name if split.name not in tests else str(split.source)] = pairs
        else:
            validation = pairs
    if validation is None:
        train, validation = hold_out(train)
        if not validation:
            _warn(f"There is no validation: {source} and {target} have too few different sentences to hold some out.")
    return Corpus(f"{source.name},{target.name}", train, validation, tests)


# --- which files belong together --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Split:
    name: str
    is_test: bool
    source: Path
    target: Path


@dataclass(frozen=True)
class _Naming:
    """What tells two names of a pair apart: `before`, then `source` or `target`, then `after`; `train.`, en, `.txt`."""

    before: str
    source: str
    target: str
    after: str

    @classmethod
    def of(cls, source: str, target: str) -> _Naming:
        """The part in which two names differ, extended to whole words: `en` and `es` rather than `n` and `s`."""
        start = _common_start(source, target)
        while not (_is_boundary(source, start) and _is_boundary(target, start)):
            start -= 1
        end = _common_start(source[start:][::-1], target[start:][::-1])
        while not (_is_boundary(source, len(source) - end) and _is_boundary(target, len(target) - end)):
            end -= 1
        middle, other = source[start : len(source) - end], target[start : len(target) - end]
        return cls(source[:start], middle, other, source[len(source) - end :])

    @property
    def suffix(self) -> str:
        return Path(self.before + self.after).suffix

    def around(self, name: str, middle: str) -> tuple[str, str] | None:
        """What is before and after `middle` in the name of another file, None if the name is not of this kind."""
        if not middle and Path(name).suffix != self.suffix:
            return None
        start, end = len(name) - len(middle + self.after), len(self.before + middle)
        if name.endswith(middle + self.after) and _is_boundary(name, start):
            return name[:start], self.after
        if name.startswith(self.before + middle) and _is_boundary(name, end):
            return self.before, name[end:]
        return None

    def common(self, around: tuple[str, str]) -> str:
        """What both names of a pair say, `test_a` for `test_a.en.txt`."""
        return "".join(around).removesuffix(self.suffix).strip("._- ")


def _common_start(first: str, second: str) -> int:
    return next(
        (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )


def _is_boundary(name: str, index: int) -> bool:
    """Does a word end or begin before `name[index]`?"""
    if index in (0, len(name)):
        return True
    left, right = name[index - 1], name[index]
    joined = left.isalnum() and right.isalnum() and left.isdigit() == right.isdigit()
    return not joined or (left.islower() and right.isupper())


def _splits(source: Path, target: Path) -> Iterator[_Split]:
    """The pairs of files that belong to the given one. A file that lacks its partner is named in a warning."""
    naming = _Naming.of(source.name, target.name)
    training = _words(naming.common((naming.before, naming.after)))
    for kind_of_folder, left, right in _folders(source.parent, target.parent):
        sources, targets = _files(left, naming, naming.source), _files(right, naming, naming.target)
        if not naming.source:  # a file with the target's part is a target
            sources = {around: file for around, file in sources.items() if file not in targets.values()}
        if not naming.target:
            targets = {around: file for around, file in targets.items() if file not in sources.values()}
        for around in sorted(sources.keys() | targets.keys()):
            kind = kind_of_folder or _kind(naming.common(around), training)
            before, after = around
            file = sources.get(around, left / f"{before}{naming.source}{after}")
            other = targets.get(around, right / f"{before}{naming.target}{after}")
            if not kind or (file, other) == (source, target):
                continue
            if around not in sources or around not in targets:
                there, missing = (file, other) if around in sources else (other, file)
                _warn(f"Add {missing}, or correct its name: without this partner {there} is not used.")
            elif _same_file(file, other):
                _warn(f"{file} is not used: it is the same file as its partner {other}.")
            else:
                yield _Split(left.name if kind_of_folder else naming.common(around), kind == "test", file, other)


def _files(folder: Path, naming: _Naming, middle: str) -> dict[tuple[str, str], Path]:
    """The files of a folder whose names are of the same kind: {what is around `middle`: file}."""
    files = [file for file in _entries(folder) if file.is_file() and not file.name.startswith(".")]
    return {around: file for file in files if (around := naming.around(file.name, middle))}


def _folders(left: Path, right: Path) -> Iterator[tuple[str, Path, Path]]:
    """Where other files may be: (what a folder says its files are, or "", source files, target files)."""
    yield "", left, right
    left, right = Path(os.path.abspath(left)), Path(os.path.abspath(right))
    if TRAINING.intersection(_words(left.name)):
        naming = _Naming.of(left.name, right.name)
        for folder in _entries(left.parent):
            kind, around = _kind(folder.name, _words(left.name)), naming.around(folder.name, naming.source)
            if kind and around and folder.is_dir():
                yield kind, folder, right.parent / naming.target.join(around)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        _warn(f"{folder} cannot be listed ({error.strerror}): no validation and no tests are read from it.")
        return []


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", name.lower())


def _kind(name: str, training: list[str]) -> str:
    """`validation`, `test` or nothing, by the words of a name that the name of the training file does not have."""
    words = [word for word in _words(name) if word not in training]
    for word in words:
        if word in VALIDATION or word in TEST:
            return "validation" if word in VALIDATION else "test"
    return "test" if words and words[0].startswith("test") else ""


def _same_file(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:  # one of them does not exist
        return False


# --- which pairs are held out -----------------------------------------------------------------------------------------


def hold_out(pairs: list[Pair]) -> tuple[list[Pair], list[Pair]]:
    """(training, validation): about the last twentieth of the pairs is held out, at most 1,000.

    Pairs that share a sentence in either language stay together, so that no held-out sentence is trained on. If all
    pairs hang together, none is held out.
    """
    groups = _groups(pairs)
    sizes = Counter(groups)
    from_the_end = list(dict.fromkeys(reversed(groups)))
    wanted, held = min(1_000, max(1, len(pairs) // 20)), set()
    for group in from_the_end if len(sizes) > 1 else ():
        if sizes[group] <= wanted:
            held.add(group)
            wanted -= sizes[group]
    if not held and len(sizes) > 1:
        held.add(min(from_the_end, key=sizes.__getitem__))
    train = [pair for pair, group in zip(pairs, groups, strict=True) if group not in held]
    return train, [pair for pair, group in zip(pairs, groups, strict=True) if group in held]


def _groups(pairs: list[Pair]) -> list[int]:
    """A number for each pair, the same for pairs that a chain of equal sentences connects."""
    parent = list(range(len(pairs)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = index = parent[parent[index]]
        return index

    seen: dict[tuple, int] = {}
    for index, pair in enumerate(pairs):
        for key in (("source", *_key(pair.source)), ("target", *_key(pair.target))):
            parent[root(index)] = root(seen.setdefault(key, index))
    return [root(index) for index in range(len(pairs))]


def _key(words: tuple[str, ...]) -> tuple[str, ...]:
    """What makes two sentences the same: their words, without case."""
    return tuple(tokenize(unicodedata.normalize("NFC", " ".join(words))))


def _warn(text: str) -> None:
    warnings.warn(text, CorpusWarning, stacklevel=3)
