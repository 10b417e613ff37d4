"""Corpora from files and from the network (a server of this process), and their vocabularies."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from conftest import ROOT
from helpers.corpus import CorpusError, JointBPE, Pair, WordVocabulary, grammar_corpus, grammar_vocabularies, load
from helpers.corpus import train_joint_bpe as train
from helpers.corpus.__main__ import main
from helpers.corpus.download import MULTI30K, download
from helpers.corpus.sources import cache_folder, read_pairs
from helpers.corpus.textfiles import lines

HERE = os.environ.get("COURSE_DATA")
needs_data = pytest.mark.skipif(not HERE, reason="COURSE_DATA names no folder with the real corpora")
SPLITS = ("train", "val", "test_2016_flickr", "test_2017_flickr", "test_2017_mscoco")


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """No corpus but those that a test makes."""
    monkeypatch.delenv("COURSE_DATA", raising=False)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))


def write(folder: Path, language: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        (folder / f"{split}.{language}").write_text(f"{split} one  {language}.\n{split}\u2028two\n", encoding="utf-8")


def test_multi30k_from_folder_variable_and_cache(tmp_path, monkeypatch):
    with pytest.raises(CorpusError, match=r"helpers.corpus download multi30k.*COURSE_DATA"):
        load("multi30k-de")
    for place in (tmp_path / "given" / "multi30k", tmp_path / "bare", cache_folder() / "multi30k"):
        for language in ("en", "de"):
            write(place, language)
    for corpus in (
        load("multi30k-de", tmp_path / "given"),
        load("multi30k-de", tmp_path / "bare"),
        load("multi30k-de"),
    ):
        assert corpus.train[0] == Pair(("train", "one", "en."), ("train", "one", "de."))
        assert len(corpus.train) == 2 and len(corpus.validation) == 2 and list(corpus.tests) == list(SPLITS[2:])
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "empty"))
    with pytest.raises(CorpusError, match="empty, which COURSE_DATA names"):
        load("multi30k-de")


def test_files_of_ones_own(tmp_path):
    for name, count in (("train", 40), ("dev", 3), ("test_a", 2), ("other", 5)):
        (tmp_path / f"{name}.en").write_text("".join(f"{name} {i}\r\n" for i in range(count)), encoding="utf-8")
        (tmp_path / f"{name}.ko").write_text("".join(f"{name} {i} 요\n" for i in range(count)), encoding="utf-8-sig")
    corpus = load(f"{tmp_path / 'train.en'},{tmp_path / 'train.ko'}")
    assert (len(corpus.train), len(corpus.validation), list(corpus.tests)) == (40, 3, ["test_a"])
    joined = tmp_path / "joined"
    joined.write_bytes((tmp_path / "dev.ko").read_bytes() * 2)  # its mark is in the middle, too
    assert lines(joined)[3] == "dev 0 요"
    assert corpus.train[1].source_text == "train 1" and corpus.train[0].target_text == "train 0 요"
    for language in ("en", "ko"):
        (tmp_path / f"dev.{language}").unlink()
    corpus = load((tmp_path / "train.en", tmp_path / "train.ko"))
    assert (len(corpus.train), len(corpus.validation)) == (38, 2)


@pytest.mark.filterwarnings("ignore::helpers.corpus.CorpusWarning")
def test_unusable_files_are_named(tmp_path):
    (tmp_path / "a").write_text("one\ntwo\n")
    (tmp_path / "b").write_text("eins\n")
    (tmp_path / "c").write_bytes(b"\xff\xfe\xff\n")
    (tmp_path / "d").write_text("\n\n")
    (tmp_path / "f").write_bytes("one\ntwo\n".encode("utf-16-le"))
    for name, message in (
        (("a", "b"), "2 lines.*1"), (("a", "c"), "UTF-8"), (("a", "no"), "no file"), (("d", "a"), "no pair"),
        (("f", "a"), "UTF-16"),
    ):  # fmt: skip
        with pytest.raises(CorpusError, match=message):
            load([tmp_path / part for part in name])
    for name, words in (("c", "c is not UTF-8 text"), ("", "cannot be read: Is a directory")):
        with pytest.raises(CorpusError) as told:
            load([tmp_path / name, tmp_path / "a"])
        assert words in str(told.value) and "codec" not in str(told.value) and "Errno" not in str(told.value)
    for name in ("wmt14", f"{tmp_path / 'a'},", ","):
        with pytest.raises(CorpusError, match="multi30k-fr"):
            load(name)
    (tmp_path / "e").write_text("uno\n\n")
    assert len(read_pairs(tmp_path / "a", tmp_path / "e")) == 1


def test_tatoeba(tmp_path):
    with pytest.raises(CorpusError, match=r"kor-eng\.zip"):
        load("tatoeba-ko", tmp_path)
    lines = [f"Sentence {i}.\t문장 {i // 2}.\tCC-BY #{i}" for i in range(100)]
    (tmp_path / "kor.txt").write_text("\n".join([*lines, "Sentence 3.\t삼번.\tCC-BY #x"]), encoding="utf-8")
    corpus = load("tatoeba-ko", tmp_path)
    held = [*corpus.validation, *corpus.tests["test"]]
    assert len({pair.source for pair in held}) == 20 and corpus.train[0].attribution.startswith("CC-BY #")
    assert not {pair.source for pair in corpus.train} & {pair.source for pair in held}
    assert not {pair.target for pair in corpus.train} & {pair.target for pair in held}
    assert corpus == load("tatoeba-ko", tmp_path)
    (tmp_path / "kor.txt").write_text("no tab\n")
    with pytest.raises(CorpusError, match="line 1"):
        load("tatoeba-ko", tmp_path)


@pytest.fixture
def server(tmp_path):
    """(address, folder served, paths asked for)."""
    asked = []

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            asked.append(self.path)

    folder = tmp_path / "served"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", folder, asked
        running.shutdown()


def test_download_checks_resumes_and_replaces(server, tmp_path):
    address, folder, asked = server
    contents = {"train.en": b"one\n", "tok/val.lc.norm.tok.en": b"two\n"}
    files = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    (folder / "raw").mkdir()
    (folder / "tok").mkdir()
    (folder / "raw" / "train.en.gz").write_bytes(gzip.compress(contents["train.en"]))
    (folder / "tok" / "val.lc.norm.tok.en").write_bytes(b"changed\n")
    said = []

    def fetch():
        return download("multi30k", tmp_path / "here", (f"{address}/old", address), files, said.append)

    with pytest.raises(CorpusError, match=r"SHA-256 differs.*COURSE_DATA"):
        fetch()
    place = tmp_path / "here" / "multi30k"
    assert [file.name for file in place.rglob("*") if file.is_file()] == ["train.en"], "only what was right is kept"
    (folder / "tok" / "val.lc.norm.tok.en").write_bytes(contents["tok/val.lc.norm.tok.en"])
    asked.clear()
    assert fetch() == place
    assert "/raw/train.en.gz" not in asked and said[1] == "train.en: already here"
    assert {name: (place / name).read_bytes() for name in files} == contents
    (place / "train.en").write_bytes(b"damaged")
    fetch()
    assert (place / "train.en").read_bytes() == contents["train.en"]
    (folder / "raw" / "train.en.gz").write_bytes(b"no gzip")
    (place / "train.en").unlink()
    with pytest.raises(CorpusError, match=r"train\.en could not be downloaded"):
        fetch()


def test_a_download_that_is_cut_off_or_cannot_be_written_is_a_sentence(server, tmp_path):
    address, folder, _ = server
    (folder / "tok").mkdir()
    (folder / "tok" / "one").write_bytes(b"one\n")
    files = {"tok/one": hashlib.sha256(b"one\n").hexdigest()}
    (tmp_path / "file").write_text("")
    with pytest.raises(CorpusError, match=r"multi30k/tok/one cannot be written \(Not a directory\)\. Make room"):
        download("multi30k", tmp_path / "file", (address,), files, str)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=cut_off, args=(listening,), daemon=True).start()
        with pytest.raises(CorpusError, match=r"tok/one could not be downloaded \(.*IncompleteRead"):
            download("multi30k", tmp_path / "here", (f"http://127.0.0.1:{listening.getsockname()[1]}",), files, str)


def cut_off(listening: socket.socket) -> None:
    """Answer one request with fewer bytes than it promises."""
    connection, _ = listening.accept()
    with connection:
        connection.recv(10_000)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\ntwo")


def test_a_folder_or_another_file_is_no_vocabulary(tmp_path):
    with pytest.raises(CorpusError, match="cannot be read: Is a directory"):
        WordVocabulary.load(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\x80\x00\xff")
    with pytest.raises(CorpusError, match="not a word vocabulary"):
        WordVocabulary.load(tmp_path / "model.safetensors")


def test_the_command(capsys, tmp_path):
    (tmp_path / "train.en").write_text("a dog\na cat\na hen\n")
    (tmp_path / "train.de").write_text("ein Hund\neine Katze\nein Huhn\n")
    assert main(["show", f"{tmp_path / 'train.en'},{tmp_path / 'train.de'}"]) == 0
    assert "train: 2 pairs" in capsys.readouterr().out
    assert main(["show", "multi30k-fr"]) == 2
    assert "download multi30k" in capsys.readouterr().err


@needs_data
def test_the_real_corpora():
    for name in ("multi30k-de", "multi30k-fr", "multi30k-de-tok"):
        corpus = load(name, HERE)
        assert [len(pairs) for pairs in corpus.tests.values()] == [1_000, 1_000, 461]
        assert (len(corpus.train), len(corpus.validation)) == (29_000, 1_014)
    for relative, checksum in MULTI30K.items():
        assert hashlib.sha256((Path(HERE) / "multi30k" / relative).read_bytes()).hexdigest() == checksum
    assert len(load("tatoeba-ko", HERE).train) > 3_000


# --- vocabularies ---------------------------------------------------------------------------------------------------


def test_words_of_the_grammar(tmp_path):
    corpus = grammar_corpus()
    for vocabulary, side in zip(grammar_vocabularies(corpus), ("source", "target"), strict=True):
        vocabulary.save(tmp_path / "words.json")
        loaded = WordVocabulary.load(tmp_path / "words.json")
        assert loaded.size == vocabulary.size == len(vocabulary) <= 300 and not list(tmp_path.glob("*.part"))
        for pair in corpus.tests["long"]:
            text, tokens = getattr(pair, f"{side}_text"), list(getattr(pair, side))
            ids = vocabulary.encode(text)
            assert ids == loaded.encode(tokens) and (ids[0], ids[-1]) == (1, 2) and 3 not in ids
            assert vocabulary.decode([*ids, 0, 0]) == tokens and loaded.text(ids).lower() == text.lower()
    with pytest.raises(CorpusError, match="no vocabulary"):
        WordVocabulary.load(tmp_path / "none.json")
    for text in ("{", "{}", '{"particles": false, "words": ["a"]}'):
        with pytest.raises(CorpusError, match="not a word vocabulary"):
            WordVocabulary.from_json(text)


def test_joint_subwords_round_trip(tmp_path):
    pairs = [*grammar_corpus().train[:2_000], Pair(("Zwei", "Männer,", "(weiß)."), ("고양이가", '"안녕"', "해요!"))]
    joint = train(pairs, size=400, min_count=1)
    assert joint.size == len(joint) == 400
    assert joint.to_json() == train(pairs, size=400, min_count=1).to_json()
    joint.save(tmp_path / "bpe.json")
    loaded = JointBPE.load(tmp_path / "bpe.json")
    for pair in pairs:
        for text in (pair.source_text, pair.target_text):
            ids = joint.encode(text)
            assert (ids[0], ids[-1]) == (1, 2) and joint.text([*ids, 0, 0, 5]) == text
            assert loaded.encode(text) == ids and loaded.encode(text.split()) == ids
    assert joint.encode_all(["the dog"]) == [joint.encode("the dog")]
    assert "".join(joint.decode(joint.encode("the dog"))) == "▁the▁dog"
    assert 3 in joint.encode("\N{SNOWMAN}")
    lower = train(pairs, 400, lowercase=True)
    assert lower.encode("THE") == lower.encode("the")
    for text in ("{", '{"words": []}'):
        with pytest.raises(CorpusError, match="not a byte-pair encoding"):
            JointBPE.from_json(text)
    with pytest.raises(CorpusError, match="too few"):
        train(pairs, 10)


def test_the_package_needs_no_tokenizers():
    code = """
import sys
sys.modules["tokenizers"] = None
import helpers.corpus as corpus
try:
    corpus.train_joint_bpe([], 100)
except corpus.CorpusError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "pip install tokenizers" in done.stdout
