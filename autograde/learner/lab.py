"""JupyterLab as `course lab` starts it: at the start page, with what a learner needs; ended by Ctrl+C or a signal."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from autograde.course import class_data, kernels, paths
from autograde.course.errors import CourseError
from autograde.learner import workspace

LOG = ".jupyterlab.log"
CONFIGURATION = Path(__file__).parent / "jupyter"  # for learners: no tools of instructors, no pop-up of news
START = "00_start/00_start.ipynb"
_PATIENCE = 20.0  # seconds for the notebooks' kernels to end
_PORT = 8888  # Jupyter's own


class _Ended(Exception):
    """A signal has asked this process to end."""


def run(instructor: bool = False, browser: bool = True, port: int | None = None) -> int:
    """Serve the lessons (`instructor`: the whole course) until somebody stops it; the exit status."""
    folder = paths.root() if instructor else workspace.start(print, always=False)
    log = class_data.folder(LOG) if instructor else folder / LOG
    if instructor:  # on one machine the exchange is this folder; without it the formgrader warns, and cannot release
        class_data.folder("exchange").mkdir(exist_ok=True)
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}"]
    command += [] if browser else ["--no-browser"]
    command += [f"--ServerApp.port={port}"] if port else []
    command += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    page = "" if instructor else f"/tree/{START}"
    command += [f"--LabApp.default_url=/lab{page}"]
    print("JupyterLab is starting ...", flush=True)
    begin = time.time()
    with log.open("wb") as output, _until_signal():
        server = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(instructor),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # so that Ctrl+C reaches only this process, which decides what it means
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        try:
            return _serve(server, log, lambda: _announce(server, folder, page, port or _PORT, begin, log))
        except (KeyboardInterrupt, _Ended):
            return 0
        finally:
            _stop(server)


def _environment(instructor: bool) -> dict[str, str]:
    environment = kernels.environment()
    environment.pop("PYTHONHASHSEED")
    if not instructor:
        known = environment.get("JUPYTER_CONFIG_PATH")
        environment["JUPYTER_CONFIG_PATH"] = os.pathsep.join([str(CONFIGURATION), *([known] if known else [])])
    return environment


def _announce(server: subprocess.Popen[bytes], folder: Path, page: str, port: int, begin: float, log: Path) -> None:
    """Wait until the server listens, and print its address."""
    while server.poll() is None:
        running = _running(folder, begin)
        if running is not None:
            if running["port"] != port:
                print(f"Port {port} is taken, so this is on port {running['port']}.")
            token = f"?token={running['token']}" if running.get("token") else ""
            print(f"Open {running['url']}lab{page}{token}\nCtrl+C twice stops it. Its log: {log}", flush=True)
            return
        time.sleep(0.1)


def _running(folder: Path, begin: float) -> dict | None:
    """What the server that was started for this folder says of itself, once it listens."""
    from jupyter_core.paths import jupyter_runtime_dir

    for file in Path(jupyter_runtime_dir()).glob("jpserver-*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError):
            said = json.loads(file.read_text(encoding="utf-8"))
            if file.stat().st_mtime >= begin - 1 and Path(said["root_dir"]) == folder:
                return said
    return None


def _serve(server: subprocess.Popen[bytes], log: Path, announce: Callable[[], None]) -> int:
    """Announce the server, and wait for its end, or for Ctrl+C twice."""
    try:
        announce()
        status = server.wait()
    except KeyboardInterrupt:
        print("\nCtrl+C again stops JupyterLab and all that runs in its notebooks.", flush=True)
        status = server.wait()
    if status:
        last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        raise CourseError(f"JupyterLab has ended: {''.join(last)} All of it is in {log}.")
    return 0


@contextlib.contextmanager
def _until_signal() -> Iterator[None]:
    """A signal that would end this process at once raises _Ended, so that nothing goes on without it."""

    def end(number: int, frame: FrameType | None) -> None:
        raise _Ended

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), end) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End the server with its kernels."""
    if server.poll() is None:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt, _Ended):
            server.wait(_PATIENCE)
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
    else:
        server.kill()
    server.wait()
