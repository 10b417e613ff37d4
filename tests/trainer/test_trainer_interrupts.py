"""Ctrl+C at any moment of a training and of its commands: one line, and nothing that is half written."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT
from helpers import interrupts
from helpers.corpus import Corpus, Pair
from helpers.corpus.files import write_atomic
from helpers.trainer import Config, Stopped, train
from helpers.trainer import checkpoint as checkpoint_module
from helpers.trainer import run as run_module
from helpers.trainer.checkpoint import checkpoints
from helpers.trainer.loop import Loop

TINY = {"d_model": 16, "num_heads": 2, "num_layers": 1, "d_ff": 32, "max_tokens": 128, "warmup": 4, "threads": 1}
PRESSED = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(1)\n"
# what an import of PyTorch can make of KeyboardInterrupt
PASSED_OVER = "try:\n    import pressed\nexcept KeyboardInterrupt:\n    pass\n"
ANOTHER_ERROR = f"{PASSED_OVER[:-9]}    raise RuntimeError('Error calling __set_name__')\n"
COURSE = ("-c", "import sys\nfrom autograde.command import main\nsys.exit(main())")
NO_OPTIMIZER = f"""
import sys
from autograde import cli
from helpers.trainer import run
def stepper(*arguments):
    {ANOTHER_ERROR.replace(chr(10), chr(10) + "    ")}
run.Stepper = stepper
sys.exit(cli.main())
"""


def config(**changes) -> Config:
    return Config.preset("small", **{**TINY, "steps": 6, "log_every": 2, "evaluate": "none", **changes})


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    rng = random.Random(0)
    pairs = [Pair(words, words) for words in (tuple(rng.choices("abcdef", k=rng.randrange(1, 7))) for _ in range(90))]
    return Corpus("letters", pairs[:60], pairs[60:75], {"test": pairs[75:]})


def ended(folder: Path, *words: str, **modules: str) -> tuple[int, str, str]:
    """The end of a Python for which these modules are others: status, stdout, stderr."""
    for name, text in {"pressed": PRESSED, **modules}.items():
        (folder / f"{name}.py").write_text(text)
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *words], env=environment, cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("made_of_it", [PASSED_OVER, ANOTHER_ERROR], ids=["passed over", "another error"])
@pytest.mark.parametrize(
    "words, program",
    [
        ((*COURSE, "train"), "course"),
        ((*COURSE, "prove", "softmax"), "course"),
        ((*COURSE, "doctor"), "course"),
        (("-m", "helpers.trainer"), "python -m helpers.trainer"),
        (("-u", "-m", "helpers.corpus", "show", "grammar"), "python -m helpers.corpus"),
    ],
)
def test_ctrl_c_while_pytorch_is_imported_is_one_line(tmp_path, words, program, made_of_it):
    status, _, said = ended(tmp_path, *words, torch=made_of_it)
    assert (status, said) == (130, f"{program}: stopped.\n")


def test_ctrl_c_while_the_command_itself_is_imported_is_one_line(tmp_path):
    assert ended(tmp_path, *COURSE, "progress", difflib="import pressed\n") == (130, "", "course: stopped.\n")


def test_ctrl_c_before_the_first_file_leaves_none(tmp_path):
    words = ("-c", NO_OPTIMIZER, "train", "--limit", "9", "--evaluate", "none")
    assert ended(tmp_path, *words) == (130, "", "course: stopped.\n")
    assert not (tmp_path / "runs").exists()


def test_a_training_in_a_notebook_leaves_ctrl_c_as_it_is(tmp_path, corpus):
    before = signal.getsignal(signal.SIGINT)
    train(config(), tmp_path / "run", corpus, show=False)
    interrupts.as_usual()
    assert signal.getsignal(signal.SIGINT) is before


def pressed(*arguments, **options):
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_while_a_run_writes_its_first_files_is_waited_for(tmp_path, corpus, monkeypatch):
    def write(*arguments):
        pressed()
        monkeypatch.setattr(run_module, "write_atomic", write_atomic)
        write_atomic(*arguments)

    monkeypatch.setattr(run_module, "write_atomic", write)
    with pytest.raises(Stopped, match=r"^Stopped at step 0, and saved\. To go on: course train --resume --out "):
        train(config(), tmp_path / "run", corpus, show=False)
    assert train(folder=tmp_path / "run", corpus=corpus, resume=True, show=False).card["steps"] == 6


@pytest.mark.parametrize("moment", ["_validate", "save"])
def test_ctrl_c_at_the_end_of_a_run_loses_nothing(tmp_path, corpus, monkeypatch, moment):
    usual = getattr(Loop, moment)

    def interrupted(self):
        monkeypatch.setattr(Loop, moment, usual)
        pressed()
        return usual(self)

    monkeypatch.setattr(Loop, moment, interrupted)
    with pytest.raises(Stopped, match=r"^Stopped at step 5, and saved"):
        train(config(steps=5, validate_every=0, save_every=0), tmp_path / "run", corpus, show=False)
    again = train(folder=tmp_path / "run", corpus=corpus, resume=True, show=False)
    assert again.card["steps"] == 5 and "validation_loss" in again.rows[-1]


def test_ctrl_c_before_the_scores_says_how_to_have_them(tmp_path, corpus, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "score", interrupted)
    folder = tmp_path / "my run"
    with pytest.raises(Stopped, match=rf'^Stopped before the scores; .* course train --resume --out "{folder}", or'):
        train(config(evaluate="test"), folder, corpus, show=False)
    monkeypatch.undo()
    assert train(folder=folder, corpus=corpus, resume=True, show=False).card["scores"]["test"]


def test_a_second_ctrl_c_leaves_no_half_checkpoint(tmp_path, corpus, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint_module, "write_atomic", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(config(), tmp_path / "run", corpus, show=False)
    assert not checkpoints(tmp_path / "run") and not list((tmp_path / "run").rglob(".*"))
