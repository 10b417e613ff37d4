"""A corpus from two text files of one's own: which files belong together, what is held out, what is said."""

from __future__ import annotations

import os
import unicodedata
import warnings
from pathlib import Path

import pytest

from helpers.corpus import CorpusError, CorpusWarning, Pair, load
from helpers.corpus.__main__ import main
from helpers.corpus.textfiles import hold_out

SPLITS = {"train": 40, "val": 3, "test": 2}


def write(file: Path, count: int, language: str, name: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{name} {index} in {language}\n" for index in range(count)), encoding="utf-8")


def languages(pairs) -> set[tuple[str, str]]:
    return {(pair.source[-1], pair.target[-1]) for pair in pairs}


LAYOUTS = [  # (source, target) with SPLIT for the split
    ("SPLIT.en", "SPLIT.de"),
    ("SPLIT.en", "SPLIT.eo"),
    ("SPLIT.en.txt", "SPLIT.de.txt"),
    ("SPLIT.en.txt", "SPLIT.es.txt"),
    ("SPLIT_en.txt", "SPLIT_de.txt"),
    ("SPLIT-en.txt", "SPLIT-de.txt"),
    ("SPLITEn.txt", "SPLITDe.txt"),
    ("en.SPLIT", "de.SPLIT"),
    ("en-SPLIT.txt", "de-SPLIT.txt"),
    ("src-SPLIT.txt", "tgt-SPLIT.txt"),
    ("SPLIT.source", "SPLIT.target"),
    ("english-SPLIT.txt", "spanish-SPLIT.txt"),
    ("SPLIT.english.tok", "SPLIT.spanish.tok"),
    ("SPLIT.fr-en.fr", "SPLIT.fr-en.en"),
    ("SPLIT.pt_BR.txt", "SPLIT.pt_PT.txt"),
    ("SPLIT.txt", "SPLIT.de.txt"),
    ("SPLIT.en.txt", "SPLIT.txt"),
    ("SPLIT", "SPLIT.de"),
    ("SPLIT.1", "SPLIT.2"),
    ("SPLIT.한국어", "SPLIT.日本語"),
    ("SPLIT.[en]", "SPLIT.[de]"),
    ("europarl.SPLIT.en", "europarl.SPLIT.de"),
    ("en/SPLIT.txt", "de/SPLIT.txt"),
    ("en/SPLIT.en", "de/SPLIT.de"),
    ("SPLIT/en.txt", "SPLIT/de.txt"),
    ("SPLIT/SPLIT.en", "SPLIT/SPLIT.de"),
    ("SPLIT_en/all.txt", "SPLIT_de/all.txt"),
    ("en/SPLIT/all.txt", "de/SPLIT/all.txt"),
]


@pytest.mark.parametrize("source, target", LAYOUTS)
def test_files_are_paired_by_what_differs_between_the_two_given_names(tmp_path, source, target):
    for split, count in SPLITS.items():
        write(tmp_path / source.replace("SPLIT", split), count, "left", split)
        write(tmp_path / target.replace("SPLIT", split), count, "right", split)
    corpus = load((tmp_path / source.replace("SPLIT", "train"), tmp_path / target.replace("SPLIT", "train")))
    assert (len(corpus.train), len(corpus.validation)) == (40, 3)
    ((name, tests),) = corpus.tests.items()
    assert "test" in name and len(tests) == 2
    for pairs in (corpus.train, corpus.validation, *corpus.tests.values()):
        assert languages(pairs) == {("left", "right")}
    assert corpus.validation[0].source[0] == "val"


@pytest.mark.parametrize(
    "name, kind",
    [
        ("dev", "validation"), ("valid", "validation"), ("validation", "validation"), ("newsdev2016", "validation"),
        ("my.dev", "validation"), ("test", "test"), ("test_2016_flickr", "test"), ("testA", "test"),
        ("newstest2014", "test"), ("devtest", "test"), ("tst2013", "test"), ("other", ""), ("values", ""),
        ("latest", ""), ("train2", ""),
    ],
)  # fmt: skip
def test_the_name_says_what_a_file_is(tmp_path, name, kind):
    for split in ("train", name):
        write(tmp_path / f"{split}.en", 40, "left", split)
        write(tmp_path / f"{split}.de", 40, "right", split)
    corpus = load((tmp_path / "train.en", tmp_path / "train.de"))
    assert list(corpus.tests) == [name] * (kind == "test")
    assert (corpus.validation[0].source[0] == name) == (kind == "validation")


def test_a_project_may_be_called_test(tmp_path):
    for split in ("test_train", "test_val", "test_test"):
        write(tmp_path / f"{split}.en", 20, "left", split)
        write(tmp_path / f"{split}.de", 20, "right", split)
    corpus = load((tmp_path / "test_train.en", tmp_path / "test_train.de"))
    assert corpus.validation[0].source[0] == "test_val" and not corpus.tests


@pytest.mark.parametrize("source, target", LAYOUTS)
@pytest.mark.parametrize("lost", ["source", "target"])
def test_a_partner_that_is_missing_is_named(tmp_path, source, target, lost):
    for split, count in SPLITS.items():
        write(tmp_path / source.replace("SPLIT", split), count, "left", split)
        write(tmp_path / target.replace("SPLIT", split), count, "right", split)
    missing, there = (source, target) if lost == "source" else (target, source)
    (tmp_path / missing.replace("SPLIT", "val")).unlink()
    with pytest.warns(CorpusWarning) as told:
        corpus = load((tmp_path / source.replace("SPLIT", "train"), tmp_path / target.replace("SPLIT", "train")))
    (text,) = [str(warning.message) for warning in told]
    assert text.startswith(f"Add {tmp_path / missing.replace('SPLIT', 'val')}, or correct its name")
    assert f"{tmp_path / there.replace('SPLIT', 'val')} is not used" in text
    assert corpus.validation[0].source[0] == "train" and len(corpus.tests) == 1


@pytest.mark.parametrize("suffix", [".en", ""])
def test_a_third_language_is_nothing_to_speak_of(tmp_path, suffix):
    for split, count in SPLITS.items():
        write(tmp_path / f"{split}{suffix}", count, "left", split)
        write(tmp_path / f"{split}.de", count, "right", split)
    write(tmp_path / "val.fr", 3, "fr", "val")
    write(tmp_path / f".val{suffix}", 3, "left", "val")
    (tmp_path / f"test_images{suffix}").mkdir()
    assert len(load((tmp_path / f"train{suffix}", tmp_path / "train.de")).validation) == 3


def test_no_file_is_its_own_partner(tmp_path):
    write(tmp_path / "train.en", 40, "en", "train")
    write(tmp_path / "train.de", 40, "de", "train")
    write(tmp_path / "val.en", 3, "en", "val")
    os.link(tmp_path / "val.en", tmp_path / "val.de")
    with pytest.warns(CorpusWarning, match=r"val\.en is not used: it is the same file as its partner"):
        corpus = load((tmp_path / "train.en", tmp_path / "train.de"))
    assert len(corpus.train) == 38
    (tmp_path / "link").symlink_to(tmp_path / "train.en")
    for second in (tmp_path / "train.en", tmp_path / "link", tmp_path / "." / "train.en"):
        with pytest.raises(CorpusError, match="are the same file"):
            load((tmp_path / "train.en", second))


def test_of_two_validations_the_one_not_used_is_named(tmp_path):
    for split, count in {**SPLITS, "dev": 5, "an old val": 3}.items():
        write(tmp_path / f"{split}.en", count, "left", split)
        write(tmp_path / f"{split}.de", count, "right", split)
    with pytest.warns(CorpusWarning, match="is not used, another was found first") as told:
        corpus = load((tmp_path / "train.en", tmp_path / "train.de"))
    assert len(corpus.validation) == 5, "dev"
    assert "/val.en is not used" in str(told[0].message) and "an old val.en is not used" in str(told[1].message)


def test_lines_that_are_left_out_are_counted(tmp_path):
    write(tmp_path / "train.en", 40, "en", "train")
    write(tmp_path / "train.de", 40, "de", "train")
    lines = (tmp_path / "train.de").read_text().splitlines()
    (tmp_path / "train.de").write_text("\n".join(["", " \t", *lines[2:]]) + "\n")
    for name in ("test.en", "test.de"):
        (tmp_path / name).write_text("\n")
    with pytest.warns(CorpusWarning) as told:
        corpus = load((tmp_path / "train.en", tmp_path / "train.de"))
    texts = [str(warning.message) for warning in told]
    assert texts[0].startswith("2 of 40 lines are left out") and "train.de is empty there" in texts[0]
    assert "they have no pair of sentences" in texts[-1] and not corpus.tests
    assert len(corpus.train) + len(corpus.validation) == 38


def test_one_line_is_singular(tmp_path):
    for language in ("en", "de"):
        write(tmp_path / f"train.{language}", 40, language, "train")
        text = (tmp_path / f"train.{language}").read_text()
        (tmp_path / f"train.{language}").write_text("\n" + text)
        (tmp_path / f"test.{language}").write_text(text.splitlines()[0] + "\n")
    with pytest.warns(CorpusWarning) as told:
        load((tmp_path / "train.en", tmp_path / "train.de"))
    texts = [str(warning.message) for warning in told]
    assert texts[0].startswith("1 of 41 lines is left out: ")
    assert texts[1].startswith("1 of 1 sentence of ") and "is also trained on" in texts[1] and "Remove it" in texts[1]
    (tmp_path / "train.de").write_text("ein Hund\n")
    with pytest.raises(CorpusError, match=r"has 41 lines and .*train\.de has 1\. Line for line"):
        load((tmp_path / "train.en", tmp_path / "train.de"))
    with pytest.raises(CorpusError, match=r"has 1 line and .*train\.en has 41\."):
        load((tmp_path / "train.de", tmp_path / "train.en"))


def test_texts_are_composed_when_they_are_read(tmp_path):
    for form in ("NFC", "NFD"):
        folder = tmp_path / form
        folder.mkdir()
        for name, line in (("train.fr", "le café été"), ("train.ko", "고양이가 각각")):
            text = "".join(f"{unicodedata.normalize(form, line)} {index}\n" for index in range(3))
            (folder / name).write_text(text, encoding="utf-8")
    composed, other = (load((tmp_path / form / "train.fr", tmp_path / form / "train.ko")) for form in ("NFC", "NFD"))
    assert composed == other and unicodedata.is_normalized("NFC", other.train[0].target_text)


# --- held out ---------------------------------------------------------------------------------------------------------


def no_overlap(train, validation) -> bool:
    return not any(
        {getattr(pair, side).casefold() for pair in train} & {getattr(pair, side).casefold() for pair in validation}
        for side in ("source_text", "target_text")
    )


def made(*lines: str) -> list[Pair]:
    """ "a=b": source a, target b."""
    return [Pair(*(tuple(side.split()) for side in line.split("="))) for line in lines]


def test_without_repetitions_the_last_twentieth_is_held_out():
    pairs = made(*(f"s {index}=t {index}" for index in range(60)))
    assert hold_out(pairs) == (pairs[:57], pairs[57:])
    assert hold_out(pairs[:2]) == (pairs[:1], pairs[1:2])
    assert hold_out(pairs[:1]) == (pairs[:1], [])


@pytest.mark.parametrize(
    "lines",
    [
        [f"s {index}=t {index}" for index in range(16)] * 3,
        [f"s {index}=t {index}" for index in range(16) for _ in range(3)],
        [f"S {index}=t {index}" for index in range(20)] + [f"s {index}=t {index + 100}" for index in range(20)],
        [f"s {index}=t {index}" for index in range(20)] + [f"s {index + 100}=t {index}" for index in range(20)],
        ["hello=hallo", "hello=servus", "hi=servus"] * 7 + ["yes=ja"] * 3,
    ],
    ids=["three times", "in a row", "other case and target", "other source", "chain"],
)
def test_no_held_out_sentence_is_trained_on(lines):
    pairs = made(*lines)
    train, validation = hold_out(pairs)
    assert train and validation and no_overlap(train, validation)
    assert sorted(map(str, train + validation)) == sorted(map(str, pairs)), "nothing is lost"


@pytest.mark.parametrize("english", ["a dog\n" * 5, "a dog", "a dog\na cat\n"])
def test_what_hangs_together_is_not_torn(tmp_path, english):
    (tmp_path / "train.en").write_text(english)
    (tmp_path / "train.de").write_text("ein Tier\n" * len(english.splitlines()))
    with pytest.warns(CorpusWarning, match="There is no validation.* have too few different sentences"):
        corpus = load((tmp_path / "train.en", tmp_path / "train.de"))
    assert (len(corpus.train), len(corpus.validation)) == (len(english.splitlines()), 0)


def test_the_line_ends_of_an_old_mac_end_lines(tmp_path):
    write(tmp_path / "train.en", 40, "en", "one")
    write(tmp_path / "train.de", 40, "de", "one")
    (tmp_path / "train.en").write_bytes((tmp_path / "train.en").read_bytes().replace(b"\n", b"\r"))
    corpus = load((tmp_path / "train.en", tmp_path / "train.de"))
    assert (len(corpus.train), len(corpus.validation)) == (38, 2)


def test_given_splits_that_repeat_training_sentences_are_named(tmp_path):
    for split in SPLITS:
        write(tmp_path / f"{split}.en", 4, "en", "same")
        write(tmp_path / f"{split}.de", 4, "de", "same")
    write(tmp_path / "test.en", 4, "en", "new")
    text = (tmp_path / "val.en").read_text()
    (tmp_path / "val.en").write_text(text.upper())
    with pytest.warns(CorpusWarning) as told:
        load((tmp_path / "train.en", tmp_path / "train.de"))
    (text,) = [str(warning.message) for warning in told]
    assert "4 of 4 sentences of" in text and "val.en are also trained on" in text


# --- paths and the command --------------------------------------------------------------------------------------------


def test_the_home_folder_in_both_paths(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for language in ("en", "de"):
        write(tmp_path / f"train.{language}", 40, language, "train")
    assert len(load("~/train.en,~/train.de").train) == 38
    assert len(load(("~/train.en", Path("~/train.de"))).train) == 38


def test_a_comma_in_both_paths(tmp_path):
    for language in ("en", "de"):
        write(tmp_path / "one, two" / f"train.{language}", 40, language, "train")
    assert len(load(f"{tmp_path}/one, two/train.en, {tmp_path}/one, two/train.de").train) == 38
    with pytest.raises(CorpusError, match="There is no corpus 'a,b,c'"):
        load("a,b,c")


@pytest.mark.parametrize("paths", [("a",), ("a", "b", "c"), ()])
def test_a_corpus_has_two_files(paths):
    with pytest.raises(CorpusError, match=f"two files, source and target; these are {len(paths)}"):
        load(paths)


@pytest.mark.parametrize("paths", [5, None, Path("train.en"), ("train.en", ""), ("train.en", None)])
def test_the_files_of_a_corpus_are_names(paths):
    with pytest.raises(CorpusError, match=r"A corpus has two files|The two files of a corpus are given by their names"):
        load(paths)


def test_a_pair_of_texts_is_no_pair_of_letters():
    with pytest.raises(CorpusError, match=r"The sides of a pair are words, not texts: Pair\(tuple"):
        Pair("the cat", "고양이")


def test_a_notebook_shows_the_sentence_and_no_traceback():
    assert CorpusError("Check the name.")._render_traceback_() == ["Check the name."]


def test_an_endless_line_is_cut_short_on_the_screen(tmp_path, capsys):
    for language in ("en", "de"):
        (tmp_path / f"train.{language}").write_text(f"{language} {'x' * 10**7}\n")
    assert main(["show", f"{tmp_path}/train.en,{tmp_path}/train.de"]) == 0
    shown = capsys.readouterr().out
    assert "train: 1 pair\n" in shown and "xx …\n" in shown and len(shown) < 2_000


@pytest.mark.parametrize("words", [("show", "grammar"), ("download", "multi30k")])
def test_an_empty_folder_is_refused(capsys, words):
    with pytest.raises(SystemExit) as end:
        main([*words, "--folder", ""])
    assert end.value.code == 2 and "--folder: a path is expected, and there is none" in capsys.readouterr().err


def test_the_command_says_what_is_not_used(tmp_path, capsys):
    for language in ("en", "de"):
        write(tmp_path / f"train.{language}", 40, language, "train")
    write(tmp_path / "test.en", 3, "en", "test")
    with warnings.catch_warnings(action="error", category=CorpusWarning):
        assert main(["show", f"{tmp_path / 'train.en'},{tmp_path / 'train.de'}"]) == 0
    shown = capsys.readouterr()
    assert "train: 38 pairs" in shown.out
    assert shown.err.startswith("python -m helpers.corpus: Add ") and "Warning" not in shown.err
