"""The trainer's configurations, weights files, log and command line."""

from __future__ import annotations

import dataclasses
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from autograde import cli
from helpers.corpus.files import write_atomic
from helpers.decoder import Transformer
from helpers.trainer import (
    PRESETS,
    Config,
    Stopped,
    TrainingError,
    average_weights,
    load_into,
    load_model,
    load_weights,
    model_from,
    save_weights,
)
from helpers.trainer import log as log_module
from helpers.trainer.arguments import main
from helpers.trainer.config import CHOICES
from helpers.trainer.data import Update, ahead
from helpers.trainer.devices import DeviceContext, available, device_context
from helpers.trainer.log import Log, curve, read_rows
from helpers.trainer.model import build_model, count_parameters

ROOT = Path(__file__).resolve().parents[2]


def small_model(seed: int = 0) -> Transformer:
    torch.manual_seed(seed)
    return Transformer(20, 22, d_model=8, num_heads=2, num_layers=1, d_ff=16)


# --- configurations -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS)
def test_a_config_survives_its_json(name):
    config = Config.preset(name, seed=3, without=["cross"])
    assert Config.from_json(config.to_json()) == config
    assert config.seed == 3 and config.without == ("cross",)


def test_the_presets_have_the_sizes_that_they_promise():
    base = Config.preset("base")
    assert (base.d_model, base.num_layers, base.num_heads, base.d_ff) == (512, 6, 8, 2048)
    assert (base.beta1, base.beta2, base.eps, base.warmup, base.label_smoothing) == (0.9, 0.98, 1e-9, 4000, 0.1)
    with torch.device("meta"):
        parameters = count_parameters(Transformer(37000, 37000)) - 37000 * 512  # one table for both sides
    assert parameters == pytest.approx(65e6, rel=0.05)
    assert count_parameters(build_model(Config.preset("small"), 300, 300)) <= 300_000


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"d_model": 30}, "4 heads do not divide a width of 30"),
        ({"dropout": 1.0}, "dropout is 1.0; it has to be at least 0 and below 1"),
        ({"num_layers": 0}, "num_layers is 0; it has to be at least 1"),
        ({"num_layers": 1.5}, "num_layers is 1.5; it has to be a whole number"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'; it has to be a number"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"learning_rate": float("inf")}, "learning_rate is inf; it has to be at least 0 and finite"),
        ({"seed": 2**32}, "seed is 4294967296; it has to be at least 0 and below 2147483648"),
        ({"threads": 10**5}, "threads is 100000; it has to be at least 1 and below 1025"),
        ({"schedule": "cosine"}, "schedule is 'cosine'; choose one of noam"),
        ({"without": ("heads",)}, "without names 'heads'; choose from positions"),
        ({"average": 9}, "raise keep"),
        ({"share_embeddings": True}, "share_embeddings needs tokens = bpe"),
        ({"max_length": 6000}, "5000 positions"),
        ({"steps": None, "minutes": None}, "Say how long to train"),
        ({"without": 3}, "without is 3; it has to be a list"),
        ({"data": 5}, "data is 5; it has to be a text"),
        ({"fast": "no"}, "fast is 'no'; it has to be true or false"),
        ({"widht": 3}, "There is no option 'widht'. The options are: accumulate"),
        ({"data": "small"}, "data is 'small', a preset and not a corpus: write `course train small`"),
        ({"d_model": 2**63}, "it has to be at least 1 and below 9223372036854775808"),
        ({"eps": 0.0}, "eps is 0.0; it has to be at least 1e-30"),
        ({"vocabulary_size": 2**62}, "it has to be at least 50 and below 1000001"),
        ({"beam": 1025}, "beam is 1025; it has to be at least 1 and below 1025"),
        ({"length_penalty": 1e308}, "length_penalty is 1e+308; it has to be at least 0 and below"),
        ({"vocabulary_multiple": 10**9}, "it has to be at least 1 and below 4097"),
    ],
)
def test_a_config_that_cannot_work_says_why(changes, sentence):
    with pytest.raises(TrainingError) as error:
        Config.preset("small", **changes)
    assert sentence in str(error.value)


def test_what_takes_the_place_of_a_name_or_an_option_is_named():
    for name in (5, None, ["small"], Config.preset("small")):
        with pytest.raises(TrainingError, match=r"There is no preset .*The presets are: small"):
            Config.preset(name)
    with pytest.raises(TrainingError, match="data is 'small', a preset and not a corpus"):
        Config("small")
    with pytest.raises(TrainingError, match=r"There is no option 'widht'\. The options are: accumulate"):
        Config.preset("small").change(widht=3)


def test_a_length_replaces_the_length_of_the_preset():
    assert Config.preset("small", steps=5).minutes is None
    assert Config.preset("small").epochs


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"depth": 3}', "null"])
def test_a_damaged_config_is_a_sentence(text):
    with pytest.raises(TrainingError, match="configuration"):
        Config.from_json(text)


# --- weights --------------------------------------------------------------------------------------------------------


def test_weights_come_back_with_their_metadata(tmp_path):
    model = small_model()
    path = save_weights(model, tmp_path / "a/model.safetensors", {"config": "{}", "sizes": [20, 22]})
    weights = load_weights(path)
    assert weights.metadata == {"config": "{}", "sizes": "[20, 22]"}
    other = load_into(small_model(seed=1), weights)
    assert all(torch.equal(one, two) for one, two in zip(model.parameters(), other.parameters(), strict=True))
    assert list(tmp_path.joinpath("a").iterdir()) == [path], "nothing is left beside it"


def test_shared_tables_are_saved_under_both_names(tmp_path):
    model = small_model()
    model.source_embedding = model.target_embedding
    tensors = load_weights(save_weights(model, tmp_path / "model.safetensors")).tensors
    assert torch.equal(tensors["source_embedding.weight"], tensors["target_embedding.weight"])


@pytest.mark.parametrize(
    "content, sentence",
    [
        (None, "There is no weights file"),
        (b"", "not a whole safetensors file"),
        (b"\x80\x04N.", "not a whole safetensors file"),
        (b"\xff" * 100, "not a whole safetensors file"),
        ("cut", "not a whole safetensors file"),
        (b"0" * (8 * 2**20 + 1), "at most 8 are read"),
    ],
)
def test_a_file_that_is_no_weights_file_is_a_sentence(tmp_path, content, sentence):
    path = tmp_path / "model.safetensors"
    if content == "cut":
        save_weights(small_model(), path)
        content = path.read_bytes()[:-10]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TrainingError, match=sentence):
        load_weights(path)


def test_a_folder_or_a_model_in_place_of_a_weights_file_is_named(tmp_path):
    with pytest.raises(TrainingError, match=f"{tmp_path} is a folder. Name the file .* {tmp_path}/model.safetensors"):
        load_model(tmp_path)
    with pytest.raises(TypeError, match=r"path is a Transformer\. Give the name of a file, as 'runs/001/model"):
        load_weights(small_model())
    for read in (load_weights, lambda path: save_weights(small_model(), path)):
        with pytest.raises(ValueError, match="The path is empty"):
            read("")


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    path = save_weights({"x": torch.tensor([1.0, float("nan")])}, tmp_path / "model.safetensors")
    with pytest.raises(TrainingError, match="x holds numbers that are not finite"):
        load_weights(path)


def test_weights_of_another_model_are_refused():
    state = small_model().state_dict()
    name = "encoder.layers.0.attention.query.weight"
    for broken, sentence in (
        ({key: value for key, value in state.items() if key != name}, f"lack {name}"),
        ({**state, "more": torch.ones(2)}, "have more"),
        ({**state, name: torch.ones(3, 3)}, r"\(3, 3\) in the file and \(8, 8\) in the model"),
    ):
        with pytest.raises(TrainingError, match=sentence):
            load_into(small_model(), broken)


def test_the_mean_of_checkpoints(tmp_path):
    paths = [save_weights({"x": torch.full((2,), value)}, tmp_path / f"{value}.st") for value in (1.0, 2.0, 6.0)]
    assert torch.equal(average_weights(paths)["x"], torch.full((2,), 3.0))


def test_weights_without_vocabularies_make_no_model(tmp_path):
    path = save_weights(small_model(), tmp_path / "m.safetensors", {"config": Config.preset("small").to_json()})
    with pytest.raises(TrainingError, match="lacks its vocabularies"):
        load_model(path)
    with pytest.raises(TrainingError, match="says nothing about its model"):
        load_model(save_weights(small_model(), tmp_path / "n.safetensors"))


def test_a_description_that_is_not_of_these_weights_makes_no_model(tmp_path):
    config = Config.preset("small", d_model=8, num_heads=2, num_layers=1, d_ff=16)
    weights = load_weights(save_weights(small_model(), tmp_path / "m.safetensors"))
    assert not model_from(weights, config).training
    for changes in ({"d_model": 10**12, "num_heads": 1}, {"num_layers": 10**9}, {"d_ff": 10**12}):
        with pytest.raises(TrainingError, match="other sizes than their description"):
            model_from(weights, config.change(**changes))
    with pytest.raises(TrainingError, match="no weights of lesson 7"):
        model_from(load_weights(save_weights({"x": torch.ones(2)}, tmp_path / "x.safetensors")), config)


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    write_atomic(tmp_path / "file", "old")

    def full(handle):
        raise OSError("No space left on device")

    monkeypatch.setattr("helpers.corpus.files.os.fsync", full)
    with pytest.raises(OSError):
        write_atomic(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"], "half a file would fill the disk"


# --- log ------------------------------------------------------------------------------------------------------------


def test_a_log_goes_on_where_the_checkpoint_is(tmp_path):
    row = {"loss": 1.0, "tokens_per_second": 10.0}
    (tmp_path / "log.jsonl").write_text('{"step": 1, "loss": 3.0}\n{"step": 2, "loss": 2.0}\n{"step": 3, "lo')
    assert [row["step"] for row in read_rows(tmp_path / "log.jsonl")] == [1, 2], "a kill cut the last row off"
    log = Log(Config.preset("small"), tmp_path, step=1, show=False)
    log.write({"step": 2, **row})
    log.close()
    assert [(row["step"], row["loss"]) for row in read_rows(tmp_path / "log.jsonl")] == [(1, 3.0), (2, 1.0)]


def test_the_folder_of_a_run_leads_to_its_log(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"step": 1, "loss": 3.0}\n')
    assert read_rows(tmp_path) == read_rows(tmp_path / "log.jsonl") == [{"step": 1, "loss": 3.0}]


@pytest.mark.parametrize("row", [b"5", b"{}", b"null", b"\xff\xfe"])
def test_a_log_ends_before_a_row_that_is_none(tmp_path, row):
    (tmp_path / "log.jsonl").write_bytes(b'{"step": 1, "loss": 3.0}\n' + row + b'\n{"step": 3, "loss": 2.0}\n')
    assert read_rows(tmp_path / "log.jsonl") == [{"step": 1, "loss": 3.0}]


def test_a_log_with_an_older_name_is_read(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"step": 1, "loss": 3.0, "rate": 0.5}\n')
    assert read_rows(tmp_path / "log.jsonl") == [{"step": 1, "loss": 3.0, "learning_rate": 0.5}]


def test_the_bar_shows_how_far_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    log = Log(Config.preset("small"), tmp_path)
    log.advance(0.4)
    log.write({"step": 7, "loss": 1.25, "tokens_per_second": 1234.0, "validation_loss": 2.5})
    log.advance(1.3)
    log.close()
    assert "100%" in sys.stderr.getvalue() and "loss=1.250" in sys.stderr.getvalue()
    assert "validation=2.500" in sys.stderr.getvalue() and "1,234" in sys.stderr.getvalue()
    assert "training" in sys.stderr.getvalue() and "left" in sys.stderr.getvalue()


def test_the_time_left_of_a_resumed_run_counts_from_here(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    now = [0.0]
    (tmp_path / "log.jsonl").write_text('{"step": 1, "loss": 3.0}\n')
    log = Log(Config.preset("small"), tmp_path, step=1, progress=0.5)
    monkeypatch.setattr(log.bar, "_time", lambda: now[0])
    log.bar.start_t = log.bar.last_print_t = 0.0
    now[0] = 60.0
    log.advance(0.6)
    shown = str(log.bar)
    log.close()
    assert "60% |" in shown and "01:00, 04:00 left" in shown, "a tenth took a minute, four tenths are left"


@pytest.fixture
def shown(monkeypatch) -> list:
    """What a notebook would show, in order: ("display", x), ("update", x)."""
    shown = []

    class Handle:
        def update(self, picture):
            shown.append(("update", picture))

    def display(picture, display_id):
        shown.append(("display", picture))
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr(log_module, "in_notebook", lambda: True)
    return shown


def test_the_live_plot_updates_one_display(shown, monkeypatch):
    times = iter((10.0, 10.0, 11.0, 12.5, 12.5, 20.0))
    monkeypatch.setattr(log_module.time, "monotonic", lambda: next(times, 99.0))
    plot = log_module.LivePlot()
    rows = [{"step": step, "loss": 5.0 - step} for step in range(1, 4)]
    for _ in range(3):
        plot.update(rows)
    assert [kind for kind, _ in shown] == ["display", "update", "update"], "not more often than every two seconds"
    assert "falls from 4.000 at step 1 to 2.000 at step 3" in shown[-1][1].alt


def test_in_a_notebook_the_plot_keeps_its_place_above_the_bar(shown, tmp_path, monkeypatch):
    class Bar(io.StringIO):
        def write(self, text):
            if text.strip():
                shown.append(("bar", text))
            return super().write(text)

    monkeypatch.setattr(sys, "stdout", Bar())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    log = Log(Config.preset("small"), tmp_path)
    for step in (1, 2, 3):
        log.write({"step": step, "loss": 5.0 - step, "tokens_per_second": 1234.0})
    log.advance(1.0)
    log.close()
    kinds = [kind for kind, _ in shown]
    assert kinds[:2] == ["display", "bar"] and kinds.count("display") == 1, "a later display would cut the bar in two"
    assert shown[-1][0] == "update" and "at step 3" in shown[-1][1].alt, "the last rows are drawn"
    assert not sys.stderr.getvalue(), "JupyterLab shows stderr as it shows errors"


def test_a_notebook_shows_one_sentence_and_no_traceback():
    for error in (TrainingError("Lower learning_rate."), Stopped("Stopped at step 9, and saved.")):
        assert error._render_traceback_() == [str(error)], "what IPython prints in place of a traceback"


def test_the_curve_says_in_words_what_it_shows():
    rows = [{"step": 10, "loss": 1.0}, {"step": 20, "loss": 2.0, "validation_loss": 0.00031}]
    alt = curve(rows).alt
    assert "goes from 1.000 at step 10 to 2.000 at step 20" in alt and "ends at 0.00031" in alt
    with pytest.raises(TrainingError, match="no losses yet"):
        curve([])
    with pytest.raises(TypeError, match=r"Give the rows of a log: curve\(result.rows\)"):
        curve("runs/001/log.jsonl")


def test_a_last_row_of_few_steps_is_noise_and_not_drawn():
    rows = [{"step": step, "loss": 1 / step} for step in (50, 100, 150)]
    assert "at step 151" not in curve([*rows, {"step": 151, "loss": 3.0}]).alt
    assert "3.000 at step 180" in curve([*rows, {"step": 180, "loss": 3.0}]).alt


# --- devices, data ahead, command ------------------------------------------------------------------------------------


def test_the_number_of_threads_is_noted_before_a_program_changes_it():
    code = """
import torch
torch.set_num_threads(3)
from helpers.trainer.devices import ALL_THREADS
torch.set_num_threads(1)
from helpers.trainer.devices import ALL_THREADS as again
print(ALL_THREADS, again)
"""
    run = subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.split() == ["3", "3"], "the first cell of lesson 8 may run twice"


def test_the_device_is_chosen_or_refused():
    missing = [kind for kind in ("cuda", "mps") if kind not in available()]
    assert device_context(Config.preset("small")).device.type == available()[0]
    for kind in missing:
        with pytest.raises(TrainingError, match=f"This machine has no {kind} device; it has"):
            device_context(Config.preset("small", device=kind))
    context = device_context(Config.preset("small", device="cpu"))
    assert (context.precision, context.compile, context.world, context.first) == ("fp32", False, 1, True)
    assert device_context(Config.preset("small", device="cpu", precision="bf16", compile="on")).compile


@pytest.mark.parametrize(
    "instructions, width, precision",
    [
        ({"avx512_bf16": True, "amx_bf16": False}, 256, "bf16"),
        ({"amx_bf16": True}, 512, "bf16"),
        ({"avx512_bf16": True, "amx_bf16": True}, 128, "fp32"),
        ({"avx512_bf16": False, "avx512_f": True}, 512, "fp32"),
        (None, 512, "fp32"),
    ],
)
def test_on_the_cpu_bf16_is_for_wide_models_and_cpus_that_have_it(instructions, width, precision, monkeypatch):
    if instructions is None:  # a PyTorch that cannot say
        monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    else:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: instructions, raising=False)
    config = Config.preset("small", device="cpu", d_model=width)
    assert device_context(config).precision == precision
    assert device_context(config.change(precision="fp32")).precision == "fp32"
    assert device_context(config.change(precision="bf16")).precision == "bf16"


def test_the_cpus_instructions_are_asked_by_names_that_pytorch_knows():
    asked = getattr(torch.cpu, "get_capabilities", None)
    if asked is None or asked().get("architecture") != "x86_64":
        pytest.skip("this PyTorch, or this kind of CPU, has no such list")
    assert {"avx512_bf16", "amx_bf16"} <= asked().keys()


def test_updates_made_ahead_are_the_same_and_their_errors_arrive():
    def broken():
        yield Update(0, 1, 2, [], 5, 6)
        raise ValueError("no second one")

    stream = ahead(broken(), torch.device("meta"))  # any device that is not the CPU is fed by a thread
    assert next(stream) == Update(0, 1, 2, [], 5, 6)
    with pytest.raises(ValueError, match="no second one"):
        next(stream)
    context = DeviceContext(torch.device("cpu"), "fp32", False)
    assert context.largest([1.0, 2.0]) == [1.0, 2.0]


def test_every_option_of_the_config_is_an_argument(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for field in dataclasses.fields(Config):
        _, found, rest = text.partition(f"--{field.name.replace('_', '-')}")
        assert found and " ".join(field.metadata["help"].split()[:3]) in " ".join(rest.split()), "each has a word"
        assert len(field.metadata["help"]) > 10
    assert set(CHOICES) <= {field.name for field in dataclasses.fields(Config)}


@pytest.mark.parametrize(
    "options, sentence",
    [
        ("--steps x", "argument --steps: 'x' is not a whole number"),
        ("--steps 1.5", "argument --steps: '1.5' is not a whole number"),
        ("--dropout little", "argument --dropout: 'little' is not a number"),
        ("--tokens chars", "argument --tokens: invalid choice: 'chars'"),
        ("--seed", "argument --seed: expected one argument"),
        ("--stepz=3", "unrecognized arguments: --stepz=3"),
        ("--out=", "argument --out: a path is expected, and there is none"),
    ],
)
def test_a_wrong_option_is_one_line(options, sentence, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["train", "small", *options.split()])
    shown = capsys.readouterr()
    assert (end.value.code, shown.out) == (2, "")
    assert shown.err.startswith(f"course train: {sentence}") and shown.err.count("\n") == 1
    assert shown.err.endswith("`course train --help` lists the options.\n")


def test_an_option_may_be_written_as_messages_write_it(monkeypatch):
    seen = []
    monkeypatch.setattr("helpers.trainer.run.train", lambda config, **others: seen.append((config, others["folder"])))
    assert main(["small", "--max_length", "7", "--d_ff=9", "--no-fast", "--out", "my_run"]) == 0
    assert [(config.max_length, config.d_ff, config.fast, folder) for config, folder in seen] == [
        (7, 9, False, "my_run")
    ]


def test_a_card_is_shown_in_any_encoding(tmp_path):
    options = "--steps 1 --limit 50 --d-model 8 --num-heads 2 --num-layers 1 --d-ff 8 --evaluate none"
    command = [sys.executable, "-m", "helpers.trainer", *options.split(), "--out", str(tmp_path / "run")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "(6 ? parameters ? tokens)" in done.stdout, done.stderr


def test_the_course_command_trains_and_explains(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = "--steps 2 --limit 50 --d-model 8 --num-heads 2 --num-layers 1 --d-ff 8 --evaluate none --threads 1"
    assert cli.main(["train", "small", *options.split(), "--without", "cross", "--no-fast"]) == 0
    assert "left out" in (tmp_path / "runs/001/card.md").read_text()
    stored = Config.from_json((tmp_path / "runs/001/config.json").read_text())
    assert (stored.fast, stored.without, stored.limit) == (False, ("cross",), 50)
    assert "2 steps" in capsys.readouterr().out
    for name in ("medium", ""):
        assert cli.main(["train", name]) == 2
        assert f"There is no preset {name!r}. The presets are: small" in capsys.readouterr().err
    assert cli.main(["train", "--data", "no.en,no.de", "--steps", "1"]) == 2
    assert "There is no file" in capsys.readouterr().err


def test_the_trainer_needs_no_notebook_and_loads_its_libraries_late():
    code = """
import sys, importlib.abc
class Nothing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"IPython", "ipykernel", "jupyter", "nbformat", "nbgrader", "autograde", "tokenizers",
                                  "sacrebleu", "safetensors", "tqdm", "tensorboard"}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Nothing())
import helpers.trainer, helpers.trainer.arguments
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
