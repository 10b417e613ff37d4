"""Whole runs of the trainer: what they write, how they stop and go on, one process and two."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from helpers.corpus import Corpus, Pair
from helpers.decoder import Transformer
from helpers.trainer import Config, Stopped, TrainingError, load_model, load_weights, train, translate
from helpers.trainer.checkpoint import checkpoints
from helpers.trainer.run import read_config
from helpers.trainer.step import Stepper

ROOT = Path(__file__).resolve().parents[2]
TINY = {"d_model": 16, "num_heads": 2, "num_layers": 1, "d_ff": 32, "max_tokens": 128, "warmup": 4, "threads": 1}
HANGS = 600  # seconds after which a run hangs, also on a machine that is very busy
WAITS = """
import sys, time
from helpers.trainer.arguments import main
from helpers.trainer.step import Stepper
step, steps = Stepper.step, []
def waits(self, *arguments, **options):
    steps.append(1)
    if len(steps) == 150:
        time.sleep(1000)
    return step(self, *arguments, **options)
Stepper.step = waits
sys.exit(main())
"""
WORDS = {"one": "eins", "two": "zwei", "three": "drei", "four": "vier", "five": "fünf", "six": "sechs"}


def pairs(count: int, rng: random.Random):
    sides = [rng.choices(list(WORDS), k=rng.randrange(1, 7)) for _ in range(count)]
    return [Pair(tuple(side), tuple(WORDS[word] for word in reversed(side))) for side in sides]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    rng = random.Random(0)
    return Corpus("numbers", pairs(200, rng), pairs(20, rng), {"test": pairs(30, rng), "other": pairs(5, rng)})


@pytest.fixture
def files(corpus, tmp_path) -> str:
    """The training pairs as two text files, for a run in another process: the value of --data."""
    for name, side in (("train.en", "source_text"), ("train.de", "target_text")):
        text = "".join(getattr(pair, side) + "\n" for pair in corpus.train)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return f"{tmp_path}/train.en,{tmp_path}/train.de"


def config(**changes) -> Config:
    return Config.preset("small", **{**TINY, "steps": 6, "log_every": 2, "evaluate": "none", **changes})


def start(*arguments, launcher=("-m", "helpers.trainer"), **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    settings = ["small", "--evaluate", "none"]
    settings += [part for name, value in TINY.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    command = [sys.executable, *launcher, *([] if "--resume" in arguments else settings), *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def finished(process) -> str:
    out, err = process.communicate(timeout=HANGS)
    assert process.returncode == 0, err
    return out


def rows_of(folder) -> list[dict]:
    return [json.loads(line) for line in (Path(folder) / "log.jsonl").read_text().splitlines()]


def same_weights(first, second) -> bool:
    one, other = (load_weights(Path(folder) / "model.safetensors").tensors for folder in (first, second))
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_learns_and_leaves_everything_behind(corpus, tmp_path, capsys):
    settings = config(
        steps=250, d_model=32, log_every=50, validate_every=100, learning_rate=5e-3, dropout=0.0, max_tokens=512,
        evaluate="test", average=2, save_every=10, tensorboard=True,
    )  # fmt: skip
    result = train(settings, tmp_path / "run", corpus)
    folder = tmp_path / "run"
    assert result.rows[-1]["loss"] < 0.6 * result.rows[0]["loss"]
    assert [row["step"] for row in result.rows] == [50, 100, 150, 200, 250]
    assert {"validation_loss", "validation_accuracy", "validation_perplexity"} <= result.rows[1].keys()
    assert rows_of(folder) == result.rows
    assert [path.name for path in checkpoints(folder)] == ["step-0000230", "step-0000240", "step-0000250"]
    card = json.loads((folder / "card.json").read_text())
    assert card == result.card
    assert card["steps"] == 250 and card["training_pairs"] == 200 and card["seed"] == 0
    assert card["scores"]["test"]["sentences"] == 30
    assert 0.3 < card["scores"]["test"]["exact_match"] <= 1
    assert card["data"] == "numbers" and card["scores"]["test"]["signature"] in (folder / "card.md").read_text()
    assert f"{card['scores']['test']['exact_match']:.1%}" in (folder / "card.md").read_text()
    assert "exact match" in capsys.readouterr().out
    assert list((folder / "tensorboard").iterdir())
    model, vocabularies, stored = load_model(folder / "model.safetensors")
    assert stored == settings
    texts = [pair.source_text for pair in corpus.tests["test"]]
    assert translate(model, texts, vocabularies, stored) == result.translate(texts)
    curve = result.curve()
    assert f"at step {result.rows[-1]['step']}" in curve.alt and curve.png
    mean = (
        sum(
            load_weights(path / "model.safetensors").tensors["source_embedding.weight"]
            for path in checkpoints(folder)[-2:]
        )
        / 2
    )
    torch.testing.assert_close(model.source_embedding.weight.detach(), mean)


def test_weights_go_to_the_lessons_class_and_back(corpus, tmp_path):
    class Mine(Transformer):
        pass

    result = train(config(), tmp_path / "run", corpus, show=False, model_class=Mine)
    assert type(result.model) is Mine
    plain = Transformer(*map(len, result.vocabularies), d_model=16, num_heads=2, num_layers=1, d_ff=32)
    plain.load_state_dict(load_weights(tmp_path / "run/model.safetensors").tensors)
    fast = train(config(), tmp_path / "fast", corpus, show=False)
    assert fast.model.state_dict().keys() == plain.state_dict().keys()


def test_the_fast_and_the_plain_step_learn_the_same(corpus, tmp_path):
    curves = [
        [row["loss"] for row in train(config(fast=fast, dropout=0.0), tmp_path / str(fast), corpus, show=False).rows]
        for fast in (True, False)
    ]
    assert curves[0] == pytest.approx(curves[1], abs=1e-4)


def test_a_padded_output_product_leaves_no_trace_in_the_run(corpus, tmp_path):
    """Another multiple of rows: the same curve, weights of the same shapes, the same translations; and a run that
    began before the option existed goes on with it."""
    plain = train(config(steps=20, evaluate="test"), tmp_path / "plain", corpus, show=False)
    padded = train(config(steps=20, evaluate="test", vocabulary_multiple=64), tmp_path / "padded", corpus, show=False)
    assert len(plain.vocabularies[1]) % 64, "there is something to pad"
    assert [row["loss"] for row in padded.rows] == pytest.approx([row["loss"] for row in plain.rows], abs=1e-4)
    shapes = [{name: part.shape for name, part in run.model.state_dict().items()} for run in (plain, padded)]
    assert shapes[0] == shapes[1]
    assert padded.card["parameters"] == plain.card["parameters"]
    assert padded.card["scores"] == plain.card["scores"]
    metadata = [load_weights(run.folder / "model.safetensors").metadata for run in (plain, padded)]
    assert [fields["sizes"] for fields in metadata] == [json.dumps([len(part) for part in plain.vocabularies])] * 2
    model, vocabularies, stored = load_model(padded.folder / "model.safetensors")
    texts = [pair.source_text for pair in corpus.tests["test"]]
    assert translate(model, texts, vocabularies, stored) == padded.translate(texts)

    older = json.loads((plain.folder / "config.json").read_text())
    del older["vocabulary_multiple"]
    (plain.folder / "config.json").write_text(json.dumps({**older, "steps": 24}))
    on = train(folder=plain.folder, corpus=corpus, resume=True, show=False)
    assert on.config.vocabulary_multiple == 1 and on.card["steps"] == 24
    again = train(padded.config.change(steps=28), plain.folder, corpus, resume=True, show=False)
    assert again.card["steps"] == 28, "the option may change in the middle"


def test_accumulated_batches_are_one_large_batch(corpus, tmp_path):
    """All pairs are one batch, or many: the gradient is the same, because every label counts the same."""
    settings = config(steps=3, dropout=0.0, log_every=1, optimizer="adam")
    whole = train(settings.change(max_tokens=100000), tmp_path / "whole", corpus, show=False)
    parts = train(settings.change(max_tokens=150, accumulate=1000), tmp_path / "parts", corpus, show=False)
    assert [row["loss"] for row in whole.rows] == pytest.approx([row["loss"] for row in parts.rows], abs=1e-5)


def test_a_killed_run_goes_on_as_if_nothing_had_happened(files, tmp_path):
    arguments = ("--data", files, "--steps", 200, "--log-every", 1, "--save-every", 9, "--average", 2, "--quiet")
    finished(start(*arguments, "--out", tmp_path / "whole"))
    # it does not reach its end before it is killed, however late this process comes to it
    process = start(*arguments, "--out", tmp_path / "killed", launcher=("-c", WAITS))
    log, deadline = tmp_path / "killed/log.jsonl", time.monotonic() + HANGS
    while not (log.is_file() and log.read_text().count("\n") >= 60):
        assert process.poll() is None and time.monotonic() < deadline, "it has come far enough"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    last = json.loads((checkpoints(tmp_path / "killed")[-1] / "state.json").read_text())["step"]
    assert 50 < last < 200, "killed in the middle"
    assert not (tmp_path / "killed/model.safetensors").exists()
    finished(start("--resume", "--quiet", "--out", tmp_path / "killed"))
    assert same_weights(tmp_path / "whole", tmp_path / "killed")
    curves = [
        [(row["step"], row["loss"], row["learning_rate"]) for row in rows_of(tmp_path / name)]
        for name in ("whole", "killed")
    ]
    assert curves[0] == curves[1]


@pytest.mark.skipif(sys.platform == "win32", reason="gloo under torchrun is not at hand there")
def test_two_processes_make_the_curve_of_one(files, tmp_path):
    arguments = ("--data", files, "--epochs", 3, "--log-every", 1, "--dropout", 0, "--device", "cpu", "--quiet")
    alone = start(*arguments, "--accumulate", 2, "--out", tmp_path / "one")
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "helpers.trainer")
    finished(alone)
    finished(start(*arguments, "--out", tmp_path / "two", launcher=launcher))
    one, two = rows_of(tmp_path / "one"), rows_of(tmp_path / "two")
    assert [row["step"] for row in one] == [row["step"] for row in two]
    assert len(one) > 10 and one[-1]["loss"] < one[0]["loss"]
    for name in ("loss", "gradient_norm"):
        assert [row[name] for row in one] == pytest.approx([row[name] for row in two], abs=1e-5)
    weights = [load_weights(tmp_path / name / "model.safetensors").tensors for name in ("one", "two")]
    for name, tensor in weights[0].items():
        torch.testing.assert_close(tensor, weights[1][name], rtol=0, atol=1e-4)
    assert "2 ×" in json.loads((tmp_path / "two/card.json").read_text())["device"]


def test_ctrl_c_saves_and_says_how_to_go_on(corpus, tmp_path, monkeypatch):
    before = signal.getsignal(signal.SIGINT)  # ignored, where the tests run in a shell's background
    straight = train(config(steps=20, log_every=1), tmp_path / "whole", corpus, show=False)
    step = Stepper.step

    def interrupted(self, *arguments, **options):
        done = step(self, *arguments, **options)
        if self.interrupt_after == 0:
            os.kill(os.getpid(), signal.SIGINT)
        self.interrupt_after -= 1
        return done

    monkeypatch.setattr(Stepper, "interrupt_after", 8, raising=False)
    monkeypatch.setattr(Stepper, "step", interrupted)
    with pytest.raises(Stopped, match=r"Stopped at step 9, and saved. To go on: course train --resume"):
        train(config(steps=20, log_every=1), tmp_path / "run", corpus, show=False)
    monkeypatch.setattr(Stepper, "step", step)
    assert signal.getsignal(signal.SIGINT) is before
    again = train(folder=tmp_path / "run", corpus=corpus, resume=True, show=False)
    assert same_weights(tmp_path / "whole", tmp_path / "run")
    assert [row["loss"] for row in again.rows] == [row["loss"] for row in straight.rows]


def test_a_loss_that_is_not_finite_ends_with_advice(corpus, tmp_path):
    with pytest.raises(
        TrainingError, match=r"^The loss is no longer a finite number \(step \d+\). Lower learning_rate \(now 1e\+25\)"
    ):
        train(config(learning_rate=1e25, warmup=0, steps=50, clip=0.0), tmp_path / "run", corpus, show=False)
    for path in checkpoints(tmp_path / "run"):
        load_weights(path / "model.safetensors")


def test_memory_that_runs_out_ends_with_advice(corpus, tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(Stepper, "step", full)
    with pytest.raises(TrainingError, match=r"Halve max_tokens \(now 128\) and double accumulate \(now 1\)"):
        train(config(), tmp_path / "run", corpus, show=False)


def test_another_error_stays_as_it_is(corpus, tmp_path, monkeypatch):
    def broken(*arguments, **options):
        raise RuntimeError("something else")

    monkeypatch.setattr(Stepper, "step", broken)
    with pytest.raises(RuntimeError, match="something else"):
        train(config(), tmp_path / "run", corpus, show=False)


def test_a_run_ends_with_its_minutes(corpus, tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("helpers.trainer.loop.time.perf_counter", lambda: now[0])
    step = Stepper.step

    def slow(self, *arguments, **options):
        now[0] += 1.0
        return step(self, *arguments, **options)

    monkeypatch.setattr(Stepper, "step", slow)
    result = train(config(steps=None, minutes=0.5, log_every=5), tmp_path / "run", corpus, show=False)
    assert result.card["steps"] == 30 and result.card["minutes"] == 0.5
    rates = [row["learning_rate"] for row in result.rows]
    assert rates[-1] < 0.01 * max(rates), "the schedule ends with them"


@pytest.mark.parametrize("log_every", [2, 3, 4])
def test_a_run_ends_with_a_validation_and_goes_on_without_a_second_row(corpus, tmp_path, log_every):
    settings = config(log_every=log_every, validate_every=0, save_every=3)
    rows = train(settings, tmp_path / "run", corpus, show=False).rows
    assert [row["step"] for row in rows if "validation_loss" in row] == [6]
    again = train(folder=tmp_path / "run", corpus=corpus, resume=True, show=False)
    assert again.rows == rows == rows_of(tmp_path / "run")


def test_no_run_writes_over_another(corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = train(config(), corpus=corpus, show=False)
    second = train(config(seed=1), corpus=corpus, show=False)
    assert [str(first.folder), str(second.folder)] == [str(Path("runs/001")), str(Path("runs/002"))]
    with pytest.raises(TrainingError, match="holds a run already"):
        train(config(), first.folder, corpus, show=False)
    assert train(corpus=corpus, resume=True, show=False).folder == second.folder
    with pytest.raises(TrainingError, match="holds no run"):
        train(folder=tmp_path / "nothing", corpus=corpus, resume=True, show=False)


def test_a_checkpoint_that_a_kill_cut_off_is_not_seen(corpus, tmp_path, monkeypatch):
    def killed(*arguments):
        raise KeyboardInterrupt

    result = train(config(steps=4, save_every=2), tmp_path / "run", corpus, show=False)
    monkeypatch.setattr("helpers.trainer.checkpoint.os.rename", killed)
    with pytest.raises(KeyboardInterrupt):
        train(result.config.change(steps=8), result.folder, corpus, resume=True, show=False)
    assert [path.name for path in checkpoints(result.folder)] == ["step-0000002", "step-0000004"]
    monkeypatch.undo()
    train(result.config.change(steps=8), result.folder, corpus, resume=True, show=False)
    assert not [path for path in (result.folder / "checkpoints").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("text", ["", "null", "{}", '{"step": 4'])
def test_a_damaged_checkpoint_is_named_with_what_to_do(corpus, tmp_path, text):
    run = train(config(steps=4, save_every=2), tmp_path / "run", corpus, show=False).folder
    first, last = checkpoints(run)
    (last / "state.json").write_text(text)
    with pytest.raises(TrainingError, match=r"step-0000004 is damaged.*resume from the one before"):
        train(config(steps=6), run, corpus, resume=True, show=False)
    shutil.rmtree(last)
    (first / "optimizer.safetensors").unlink()
    with pytest.raises(TrainingError, match=r"step-0000002 is damaged.*begin the run again, without resume"):
        train(config(steps=6), run, corpus, resume=True, show=False)


def test_two_runs_never_write_into_one_folder(corpus, tmp_path):
    run = train(config(steps=4), tmp_path / "run", corpus, show=False).folder
    before = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    with FileLock(run / "run.lock"), pytest.raises(TrainingError, match="Another training is writing"):
        train(config(steps=8), run, corpus, resume=True, show=False)
    assert {file: file.read_bytes() for file in run.rglob("*") if file.is_file()} == before
    train(config(steps=8), run, corpus, resume=True, show=False)


def test_other_sizes_than_those_of_the_checkpoint_are_refused(corpus, tmp_path):
    train(config(), tmp_path / "run", corpus, show=False)
    with pytest.raises(TrainingError, match="made with the sizes that it was trained with"):
        train(config(d_model=32, steps=9), tmp_path / "run", corpus, resume=True, show=False)
    assert read_config(tmp_path / "run") == config(), "a run that was refused can still be resumed as it was"
    train(read_config(tmp_path / "run").change(steps=9), tmp_path / "run", corpus, resume=True, show=False)


@pytest.mark.parametrize("change", [{"tokens": "bpe"}, {"vocabulary_size": 60}, {"lowercase": True}])
def test_another_vocabulary_than_that_of_the_run_is_refused(corpus, tmp_path, change):
    train(config(), tmp_path / "run", corpus, show=False)
    [name] = change
    with pytest.raises(
        TrainingError, match=f"began with {name} = .*, and its vocabulary stays. Leave {name} as it was"
    ):
        train(config(steps=9, **change), tmp_path / "run", corpus, resume=True, show=False)


def test_a_model_that_does_not_fit_into_memory_is_a_sentence(corpus, tmp_path, monkeypatch):
    def too_large(*arguments):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8399999999916 bytes.")

    monkeypatch.setattr("helpers.trainer.run.build_model", too_large)
    with pytest.raises(TrainingError, match=r"does not fit into memory. Lower d_model \(now 16\)"):
        train(config(), tmp_path / "run", corpus, show=False)


def test_a_split_that_does_not_exist_is_named(corpus, tmp_path):
    with pytest.raises(TrainingError, match="numbers has no split 'tset'; it has test, other"):
        train(config(evaluate="tset"), tmp_path / "run", corpus, show=False)
    assert not checkpoints(tmp_path / "run"), "before the training, not after it"
