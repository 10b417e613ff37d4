"""The trainer on the corpora that people have: what is compared, what is left out, what is said before the training."""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import random
import unicodedata
from pathlib import Path

import pytest
import torch

from autograde import cli
from helpers.corpus import Corpus, CorpusWarning, JointBPE, Pair, WordVocabulary, load, train_joint_bpe
from helpers.trainer import Config, TrainingError, bleu, load_model, search, train, translate
from helpers.trainer import scores as scores_module
from helpers.trainer.card import to_markdown
from helpers.trainer.checkpoint import checkpoints
from helpers.trainer.data import encode_pairs
from helpers.trainer.model import build_model, without
from helpers.trainer.scores import score_split

TINY = {"d_model": 16, "num_heads": 2, "num_layers": 1, "d_ff": 32, "max_tokens": 128, "threads": 1, "steps": 4}
WORDS = {"one": "eins", "two": "zwei", "three": "drei", "four": "vier", "five": "fünf"}


def config(**changes) -> Config:
    return Config.preset("small", **{**TINY, "evaluate": "none", **changes})


def made(count: int, seed: int = 0) -> list[Pair]:
    rng = random.Random(seed)
    sides = [tuple(rng.choices(list(WORDS), k=rng.randrange(2, 6))) for _ in range(count)]
    return [Pair(side, tuple(WORDS[word] for word in side)) for side in sides]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus("numbers", made(40), made(5, 1), {"test": made(6, 2), "other one": made(2, 3)})


def long_pair(words: int) -> Pair:
    return Pair(("one",) * words, ("eins",) * words)


# --- scores -----------------------------------------------------------------------------------------------------------

TEXTS = {
    "plain": ["the cat sees the dog", "a big house"],
    "cased": ["The cat sees Bob.", "What is that, Dr. No?", "Don't!"],
    "Korean": ["고양이가 개를 봐요.", "각각의 값"],
    "accents": ["Le café était fermé.", "Ça va, Noël ?"],
    "Turkish": ["İstanbul'da IŞIK ve ÇİÇEK var."],
    "special words": ["le <pad> chat <eos> fin", "<unk> <bos>"],
}


def vocabulary(kind: str, texts):
    pairs = [Pair(tuple(text.split()), tuple(text.split())) for text in texts]
    if kind == "words":
        return WordVocabulary(texts)
    return train_joint_bpe(pairs, 200, lowercase=kind == "lower-case subwords", min_count=1)


@pytest.fixture
def by_heart(monkeypatch):
    """by_heart(texts): a model whose translations are these texts, as far as the vocabulary can write them."""

    def make(texts, target):
        monkeypatch.setattr(scores_module, "translate_ids", lambda *ignored: [target.encode(text) for text in texts])
        return torch.nn.Linear(1, 1)

    return make


@pytest.mark.parametrize("kind", ["words", "subwords", "lower-case subwords"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)
def test_who_knows_the_references_by_heart_has_full_scores(by_heart, kind, form, texts):
    """Learned in one Unicode form, scored in the other: what the vocabulary cannot write is not asked of it."""
    target = vocabulary(kind, [unicodedata.normalize("NFC", text) for text in texts])
    texts = [unicodedata.normalize(form, text) for text in texts]
    pairs = [Pair(tuple(text.split()), tuple(text.split())) for text in texts]
    score = score_split(by_heart(texts, target), pairs, (target, target), config())
    assert (score["exact_match"], score["bleu"], score["unwritable"]) == (1.0, pytest.approx(100), 0)
    lower = kind != "subwords"
    assert f"case:{'lc' if lower else 'mixed'}" in score["signature"]
    changed = any(target.normalize(text) != text for text in texts)
    assert bool(score["references"]) == changed
    if changed:
        assert ("lower case" in score["references"]) == lower


@pytest.mark.parametrize("kind", ["words", "subwords", "lower-case subwords"])
def test_another_translation_is_wrong(by_heart, kind):
    texts = ["the cat sees the dog", "The dog sees the cat."]
    target = vocabulary(kind, texts)
    pairs = [Pair(tuple(text.split()), tuple(text.split())) for text in texts]
    score = score_split(by_heart(texts[::-1], target), pairs, (target, target), config())
    assert score["exact_match"] == 0 and score["bleu"] < 100


@pytest.mark.parametrize("kind", ["words", "subwords"])
def test_a_word_that_the_vocabulary_lacks_is_never_right_and_is_counted(by_heart, kind):
    target = vocabulary(kind, ["the cat sees the dog"])
    texts = ["the cat", "the ☃", "sees the dog sees the dog"]
    pairs = [Pair(tuple(text.split()), tuple(text.split())) for text in texts]
    longest = len(target.encode(texts[2])) - 2  # one token too few for the third
    score = score_split(by_heart(texts, target), pairs, (target, target), config(max_length=longest))
    assert score["exact_match"] == pytest.approx(2 / 3), "<unk> is no snowman"
    assert score["unwritable"] == 2


def test_the_card_says_what_the_vocabulary_cannot_write(tmp_path):
    pairs = [Pair(("one",), ("Eins.",)), Pair(("two",), ("Zwei.",))]
    corpus = Corpus("cased", pairs * 4, [], {"test": [*pairs, Pair(("six",), ("Sechs.",))], "plain": made(2)})
    result = train(config(evaluate="all"), tmp_path / "run", corpus, show=False)
    card = (tmp_path / "run/card.md").read_text(encoding="utf-8")
    assert "| test: references | in lower case, signs apart, as the vocabulary writes |" in card
    assert "| test: out of reach | 1 references (unknown words or signs, or longer than max_length) |" in card
    assert "| plain: references |" not in card and "case:lc" in card
    unchanged = Corpus("plain", made(20), [], {"test": made(2)})
    card = train(config(evaluate="all"), tmp_path / "other", unchanged, show=False).card
    assert "references" not in to_markdown(card) and "out of reach" not in to_markdown(card)
    assert result.card["scores"]["test"]["unwritable"] == 1


# --- special words ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["le <pad> chat <eos> fin", "<bos> a<unk>b", "<eos>", "<pad><pad>", "a < pad > b"])
def test_special_words_in_a_text_are_text(text):
    pairs = [Pair(tuple(text.split()), tuple(text.split()))] * 3
    joint = train_joint_bpe(pairs, 60)
    for known in (joint, JointBPE.from_json(joint.to_json())):
        ids = known.encode(text)
        assert (ids[0], ids[-1]) == (1, 2) and min(ids[1:-1]) > 3
        assert known.text(ids) == text and known.encode_all([text]) == [ids]
    words = WordVocabulary([text])
    ids = words.encode(text)
    assert min(ids[1:-1]) > 3 and words.text(ids) == words.normalize(text)


# --- too long ---------------------------------------------------------------------------------------------------------


def test_a_test_sentence_without_positions_is_named_before_the_training(tmp_path, corpus):
    long = Corpus("numbers", corpus.train, corpus.validation, {"test": [*made(3), long_pair(4_999)]})
    with pytest.raises(TrainingError, match=r"test, sentence 4 \(one one .*\) has 5,001 tokens .* 5,000 positions"):
        train(config(evaluate="test"), tmp_path / "run", long, show=False)
    assert not (tmp_path / "run").exists(), "nothing was trained"
    train(config(evaluate="none"), tmp_path / "run", long, show=False)


def test_a_text_without_positions_is_named_by_the_translation(tmp_path, corpus):
    result = train(config(), tmp_path / "run", corpus, show=False)
    model, vocabularies, stored = load_model(tmp_path / "run/model.safetensors")
    with pytest.raises(TrainingError, match=r"text 2 \(one one .*\) has 6,002 tokens"):
        translate(model, ["one", "one " * 6_000], vocabularies, stored)
    with pytest.raises(TrainingError, match="5,001 tokens, the model 5,000 positions"):
        search(model, torch.ones(1, 5_001, dtype=torch.int64))
    assert result.translate([]) == [] and len(result.translate(["", "one"])) == 2


def test_one_text_is_no_list_of_letters(tmp_path, corpus):
    result = train(config(steps=1, evaluate="none"), tmp_path / "run", corpus, show=False)
    with pytest.raises(TypeError, match=r"Give a list of texts: \['one two'\]"):
        result.translate("one two")


@pytest.mark.parametrize("fast", [True, False])
def test_as_long_as_the_table_of_positions_is_translated(tmp_path, corpus, fast):
    settings = config(evaluate="test", d_model=4, d_ff=4, max_length=3, fast=fast)
    long = Corpus("numbers", [*made(20), Pair(("one",), ("eins",))], [], {"test": [long_pair(4_998)]})
    with pytest.warns(CorpusWarning, match="training pairs are left out"):
        result = train(settings, tmp_path / "run", long, show=False)
    assert result.card["scores"]["test"]["sentences"] == 1


def test_pairs_that_max_length_leaves_out_are_counted(tmp_path, corpus):
    long = Corpus("numbers", [*corpus.train, *[long_pair(99)] * 7], [*corpus.validation, long_pair(99)])
    with pytest.warns(CorpusWarning) as told:
        result = train(config(), tmp_path / "run", long, show=False)
    texts = [str(warning.message) for warning in told]
    assert texts[0].startswith("7 of 47 training pairs are left out: a side has more than 100 tokens")
    assert texts[1].startswith("1 of 6 validation pairs is left out")
    assert (result.card["training_pairs"], result.card["training_pairs_too_long"]) == (40, 7)
    assert "| data | numbers, 40 training pairs (7 longer than max_length are left out) |" in to_markdown(result.card)
    kept = train(config(max_length=101, max_tokens=200), tmp_path / "all", long, show=False)
    assert "left out" not in to_markdown(kept.card)


@pytest.mark.parametrize("count, which", [(3, "All 3 training pairs have"), (1, "The only training pair has")])
def test_a_training_without_a_short_pair_is_refused(tmp_path, corpus, count, which):
    long = Corpus("numbers", [long_pair(200)] * count, corpus.validation)
    with pytest.raises(TrainingError, match=rf"{which} more than 100 tokens .* Raise max_length"):
        train(config(), tmp_path / "run", long, show=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("count, which", [(3, "All 3 validation pairs have"), (1, "The only validation pair has")])
def test_a_validation_without_a_short_pair_is_done_without(tmp_path, corpus, count, which):
    long = Corpus("numbers", corpus.train, [long_pair(200)] * count)
    with pytest.warns(CorpusWarning, match=rf"^There is no validation\. {which} more than 100 .* Raise max_length"):
        result = train(config(), tmp_path / "run", long, show=False)
    assert result.rows and not any("validation_loss" in row for row in result.rows)
    assert result.card["training_pairs"] == len(corpus.train)


def test_a_held_out_pair_that_is_too_long_does_not_stop_the_training(tmp_path, capsys):
    """The last pair is the only one that is held out: nobody chose it."""
    pairs = [Pair((f"s{index}",), (f"t{index}",)) for index in range(20)]
    for side in ("source", "target"):
        text = "".join(getattr(pair, f"{side}_text") + "\n" for pair in [*pairs, long_pair(200)])
        (tmp_path / f"train.{side}").write_text(text, encoding="utf-8")
    options = "--steps 1 --d-model 8 --num-heads 2 --num-layers 1 --d-ff 8 --threads 1 --quiet"
    files = f"{tmp_path}/train.source,{tmp_path}/train.target"
    assert cli.main(["train", *options.split(), "--data", files, "--out", str(tmp_path / "run")]) == 0
    assert "course train: There is no validation. The only validation pair has more" in capsys.readouterr().err


def test_encoding_leaves_out_the_longer_side(corpus):
    words = WordVocabulary(["one eins"])
    pairs = [Pair(("one",), ("eins",) * 9), Pair(("one",) * 9, ("eins",)), Pair(("one",) * 8, ("eins",) * 8)]
    assert len(encode_pairs(pairs, words, words, 10)) == 1


# --- splits and libraries ---------------------------------------------------------------------------------------------


def test_splits_may_have_any_name_and_have_to_hold_something(tmp_path, corpus):
    result = train(config(evaluate="test , other one"), tmp_path / "run", corpus, show=False)
    assert list(result.card["scores"]) == ["test", "other one"]
    empty = Corpus("numbers", corpus.train, [], {"test": []})
    with pytest.raises(TrainingError, match="The split 'test' of numbers is empty"):
        train(config(evaluate="all"), tmp_path / "empty", empty, show=False)
    assert not (tmp_path / "empty").exists()


def test_a_library_that_comes_late_is_missed_at_once(tmp_path, corpus, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "sacrebleu" else find(name))
    with pytest.raises(TrainingError, match=r"needs sacrebleu\. Install: pip install sacrebleu"):
        train(config(evaluate="test"), tmp_path / "run", corpus, show=False)
    train(config(evaluate="none"), tmp_path / "run", corpus, show=False)


@pytest.mark.parametrize("name, change", [("tokenizers", {"tokens": "bpe"}), ("tensorboard", {"tensorboard": True})])
def test_a_library_of_one_option_is_missed_before_anything_is_written(tmp_path, corpus, monkeypatch, name, change):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda asked: None if asked == name else find(asked))
    with pytest.raises(TrainingError, match=rf"The training needs {name}\. Install: pip install {name}"):
        train(config(**change), tmp_path / "run", corpus, show=False)
    assert not (tmp_path / "run").exists()


# --- other arguments than the ones that are meant ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ({"config": "tiny"}, r"config is a str. Give a Config: train\(Config.preset\('tiny'\)\)"),
        ({"config": "medium"}, r"Give a Config: train\(Config.preset\('small'\)\)"),
        ({"config": {"steps": 3}}, "config is a dict. Give a Config"),
        ({"corpus": "multi30k-de"}, "corpus is a str. Give a Corpus, as `helpers.corpus.load` makes it"),
        ({"corpus": made(3)}, "corpus is a list. Give a Corpus"),
        ({"model_class": torch.nn.Linear(1, 1)}, "model_class is a Linear. Give the class itself"),
        ({"model_class": "Transformer"}, "model_class is a str. Give the class itself"),
        ({"folder": ""}, "folder is ''. Give the name of a folder, or leave it out"),
        ({"folder": 3}, "folder is 3. Give the name of a folder"),
    ],
)
def test_another_argument_than_a_training_takes_is_named(tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TrainingError, match=sentence) as error:
        train(**{"config": config(), "show": False, **arguments})
    assert isinstance(error.value, TypeError) and not list(tmp_path.iterdir())


def test_other_arguments_than_a_translation_takes_are_named(tmp_path, corpus):
    result = train(config(), tmp_path / "run", corpus, show=False)
    model, vocabularies, settings = result.model, result.vocabularies, result.config
    order = "Give model, texts, vocabularies, config in this order"
    for arguments, sentence in (
        ((model, corpus.train[:2], vocabularies, settings), r"Give a list of texts: \[pair.source_text for pair in"),
        ((model, [[1, 2]], vocabularies, settings), r"Give a list of texts\. A list is not a text"),
        ((model, None, vocabularies, settings), r"Give a list of texts\. A NoneType is not a text"),
        ((result, ["one"], vocabularies, settings), order),
        ((tmp_path / "run", ["one"], vocabularies, settings), order),
        ((model, ["one"], settings, vocabularies), order),
        ((model, ["one"], vocabularies[0], settings), order),
    ):
        with pytest.raises(TypeError, match=sentence):
            translate(*arguments)


def test_bleu_compares_two_lists_of_texts_of_one_length():
    for arguments, sentence in (
        (("one two", ["one two"]), r"Give a list of texts: \['one two'\]"),
        ((["one two"], "one two"), r"Give a list of texts: \['one two'\]"),
        ((["one two"], [["one two"]]), "A list is not a text"),
        ((["one"], ["one", "two"]), "There are 1 translations and 2 references. Give one reference for each"),
        (([], []), "There are 0 translations and 0 references"),
    ):
        with pytest.raises(TrainingError, match=sentence):
            bleu(*arguments)


def test_a_part_that_no_model_has_is_not_left_out():
    with pytest.raises(
        TrainingError, match=r"A model has no part 'position' to leave out. Choose from positions, causal"
    ):
        without(build_model(config(), 9, 9), "cross", "position")


def test_a_file_of_something_else_is_not_replaced(tmp_path, corpus):
    for name in ("config.json", "model.safetensors", "card.md"):
        folder = tmp_path / name.split(".")[0]
        folder.mkdir()
        (folder / name).write_text("mine")
        with pytest.raises(TrainingError, match=f"{folder / name} is there already, and not of a run. Choose another"):
            train(config(), folder, corpus, show=False)
        assert [file.read_text() for file in folder.iterdir()] == ["mine"]
    (tmp_path / "notes.txt").write_text("mine")
    train(config(), tmp_path, corpus, show=False)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_sentence_that_fits_into_no_batch_is_refused_before_anything_is_written(tmp_path, corpus):
    with pytest.raises(TrainingError, match="A sentence has 7 tokens and a batch at most 3: raise max_tokens"):
        train(config(max_tokens=3), tmp_path / "run", corpus, show=False)
    assert not (tmp_path / "run").exists()


# --- folders of runs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["2-layers", "9", "best", "run 1", "가", "20261128", "²", "0007", "1e3", "exp/a", "-"])
def test_a_run_may_have_any_name_and_the_one_written_last_goes_on(tmp_path, corpus, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    first = train(config(), Path("runs") / name, corpus, show=False)
    second = train(config(), corpus=corpus, show=False)
    assert second.folder not in (first.folder, first.folder.parent)
    assert second.folder.name.isdecimal() and second.folder.parent == Path("runs")
    third = train(config(), corpus=corpus, show=False)
    assert int(third.folder.name) == int(second.folder.name) + 1
    for result in (third, first, second):  # by the time of their files, not by their names
        for file in result.folder.rglob("*"):
            os.utime(file, ns=(len(result.rows) * 10**9,) * 2)
        os.utime(result.folder / "log.jsonl", None)
        assert train(corpus=corpus, resume=True, show=False).folder == result.folder


def test_what_is_no_run_does_not_count(tmp_path, corpus, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("runs/007", "runs/notes/config.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    with pytest.raises(TrainingError, match="There is no run in runs to resume"):
        train(corpus=corpus, resume=True, show=False)
    assert train(config(), corpus=corpus, show=False).folder == Path("runs/008"), "007 is taken, by a file"


def test_numbers_are_compared_as_numbers(tmp_path, corpus, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("999", "1000", "20"):
        Path("runs", name).mkdir(parents=True)
    assert train(config(), corpus=corpus, show=False).folder == Path("runs/1001")
    Path("runs/999999").mkdir()
    for number in (1_000_000, 1_000_001):
        assert train(config(), corpus=corpus, show=False).folder == Path(f"runs/{number}")


def test_the_home_folder_in_every_path(tmp_path, corpus, monkeypatch):
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    for side in ("source", "target"):
        text = "".join(getattr(pair, f"{side}_text") + "\n" for pair in corpus.train)
        (tmp_path / f"train.{side}").write_text(text, encoding="utf-8")
    result = train(config(data="~/train.source,~/train.target"), "~/run", show=False)
    assert result.folder == tmp_path / "run" and len(result.rows)
    assert train(result.config.change(steps=6), "~/run", resume=True, show=False).card["steps"] == 6
    _, vocabularies, _ = load_model("~/run/model.safetensors")
    vocabularies[0].save("~/words.json")
    assert len(WordVocabulary.load("~/words.json")) == len(vocabularies[0])
    assert not Path("~").exists()


# --- a full disk ------------------------------------------------------------------------------------------------------


def full_after(monkeypatch, writes: int) -> None:
    """Nothing more can be written after so many files."""
    fsync, count = os.fsync, iter(range(writes))

    def write(handle):
        if next(count, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    monkeypatch.setattr("helpers.corpus.files.os.fsync", write)


@pytest.mark.parametrize("writes", range(0, 30, 3))
def test_a_full_disk_ends_with_a_sentence_and_the_run_goes_on_later(tmp_path, corpus, monkeypatch, writes):
    whole = train(config(steps=6), tmp_path / "whole", corpus, show=False)
    full_after(monkeypatch, writes)
    folder = tmp_path / "run"
    with pytest.raises(TrainingError, match=r"run cannot be written \(No space left on device\). Make room") as error:
        train(config(steps=6, save_every=2), folder, corpus, show=False)
    assert not list(folder.rglob(".*")), "what was half written is gone"
    monkeypatch.undo()
    if checkpoints(folder):
        assert f"The last checkpoint is {checkpoints(folder)[-1]}." in str(error.value)
        rest = train(folder=folder, corpus=corpus, resume=True, show=False)
        for mine, other in zip(whole.model.parameters(), rest.model.parameters(), strict=True):
            assert torch.equal(mine, other)
    else:
        assert "There is no checkpoint yet." in str(error.value)


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path, corpus, capsys, monkeypatch):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(TrainingError, match="cannot be written"):
            train(config(), folder, corpus, show=False)
    monkeypatch.chdir(tmp_path)
    options = "--steps 1 --limit 20 --d-model 8 --num-heads 2 --num-layers 1 --d-ff 8 --threads 1 --evaluate none"
    assert cli.main(["train", "small", *options.split(), "--out", "file"]) == 2
    error = capsys.readouterr().err
    assert "course train: file cannot be written" in error and "Traceback" not in error


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_says_what_is_left_out_before_the_bar(tmp_path, corpus, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for side in ("source", "target"):
        text = "".join(getattr(pair, f"{side}_text") + "\n" for pair in [long_pair(120), *corpus.train])
        Path(f"train.{side}").write_text(text, encoding="utf-8")
    Path("test.source").write_text("one\n")
    options = "--steps 1 --d-model 8 --num-heads 2 --num-layers 1 --d-ff 8 --threads 1"
    assert cli.main(["train", "small", *options.split(), "--data", "train.source,train.target"]) == 0
    shown = capsys.readouterr().err
    assert "course train: Add test.target" in shown and "Warning" not in shown
    assert shown.index("1 of 39 training pairs is left out") < shown.index("training   0%")
    monkeypatch.setenv("RANK", "1")  # a second process of torchrun says nothing twice
    with pytest.raises(CorpusWarning):
        load(("train.source", "train.target"))
    assert json.loads(Path("runs/001/card.json").read_text())["training_pairs_too_long"] == 1


def test_a_model_without_a_table_of_positions_is_not_judged_by_one():
    model = build_model(config(), 9, 9)
    del model.position
    assert scores_module.encode_sources(model, ["one " * 6_000], WordVocabulary(["one"]))
