"""`course lab`: what the terminal shows, and that nothing goes on after it has ended. The server is a small program in
JupyterLab's place; tests/test_browser.py has the real one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from autograde.learner import lab
from conftest import ROOT

SERVER = """\
import json, os, pathlib, sys, time

print("a log line")
if os.environ.get("FAILS"):
    sys.exit("no such option")
said = {"url": "http://127.0.0.1:8889/", "port": 8889, "token": "t0ken", "root_dir": os.getcwd(), "pid": os.getpid()}
pathlib.Path(os.environ["JUPYTER_RUNTIME_DIR"], f"jpserver-{os.getpid()}.json").write_text(json.dumps(said))
time.sleep(600)
"""


@pytest.fixture
def place(course, tmp_path) -> Path:
    (tmp_path / "fake" / "jupyterlab").mkdir(parents=True)
    (tmp_path / "fake" / "jupyterlab" / "__init__.py").touch()
    (tmp_path / "fake" / "jupyterlab" / "__main__.py").write_text(SERVER)
    (tmp_path / "runtime").mkdir()
    return tmp_path


@contextlib.contextmanager
def started(place: Path, *options: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """`course lab` in the place; ended with the test, also where that fails."""
    env = {
        **os.environ,
        "COURSE_ROOT": str(place / "course"),
        "PYTHONPATH": os.pathsep.join([str(place / "fake"), str(ROOT)]),
        "JUPYTER_RUNTIME_DIR": str(place / "runtime"),
        **environment,
    }
    command = [sys.executable, "-m", "autograde.cli", "lab", "--no-browser", *options]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, env=env, cwd=place, start_new_session=True, **streams) as run:
        try:
            yield run
        finally:
            run.terminate()


def until(lines: Iterator[str], words: str) -> list[str]:
    """The lines up to the one with these words."""
    seen: list[str] = []
    for line in lines:
        seen.append(line)
        if words in line:
            return seen
    pytest.fail(f"{words!r} is not in {seen}")


def server_of(place: Path) -> psutil.Process:
    (file,) = (place / "runtime").glob("jpserver-*.json")
    return psutil.Process(json.loads(file.read_text())["pid"])


def test_the_terminal_shows_the_address_and_a_taken_port_and_the_log_has_the_rest(place):
    with started(place, "--port", "8888") as run:
        seen = until(run.stdout, "Ctrl+C twice")
        server = server_of(place)
        assert "Copied into" in seen[0] and "a log line" not in "".join(seen)
        assert "Port 8888 is taken, so this is on port 8889.\n" in seen
        assert (place / "course" / "my_work" / lab.START).is_file()
        assert f"Open http://127.0.0.1:8889/lab/tree/{lab.START}?token=t0ken\n" in seen
        assert "a log line" in (place / "course" / "my_work" / lab.LOG).read_text()
        run.send_signal(signal.SIGTERM)
        assert run.wait() == 0 and not server.is_running()


def test_ctrl_c_twice_ends_it(place):
    with started(place, "--port", "8889") as run:
        seen = until(run.stdout, "Ctrl+C twice")
        server = server_of(place)
        assert "taken" not in "".join(seen)
        run.send_signal(signal.SIGINT)
        until(run.stdout, "Ctrl+C again")
        assert server.is_running()
        run.send_signal(signal.SIGINT)
        assert run.wait() == 0 and not server.is_running()


def test_a_server_that_does_not_start_gives_its_reason(place):
    with started(place, FAILS="1") as run:
        out, _ = run.communicate()
        assert run.returncode == 2 and "course: JupyterLab has ended: no such option" in out and lab.LOG in out


def test_the_labs_settings_are_ones_that_jupyterlab_has():
    """It passes over what it does not know."""
    folder = ROOT / "autograde" / "learner" / "jupyter" / "labconfig"
    for plugin, settings in json.loads((folder / "default_setting_overrides.json").read_text()).items():
        package, name = plugin.split(":")
        schema = Path(sys.prefix, "share", "jupyter", "lab", "schemas", package, f"{name}.json")
        assert settings.keys() <= json.loads(schema.read_text())["properties"].keys()
