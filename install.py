"""Set the course up in `.venv`, on every system.

python3 install.py          what learning and grading need
python3 install.py --dev    also what the tests and the build of the lessons need
"""

import argparse
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENVIRONMENT = HERE / ".venv"
PROGRAMS = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
PYTHON = PROGRAMS / "python"
# measured for Linux and Python 3.11: what is downloaded, and what it takes on the disk
SIZES = {
    "cpu": "about 320 MB to download, 1.2 GB on the disk",
    "gpu": "about 3 GB to download, 7 GB on the disk, because PyTorch comes with what it needs for an NVIDIA GPU",
}
CONFIGURED = ("index-url", "extra-index-url", "find-links", "no-index")


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Set the course up in .venv.")
    parser.add_argument("--dev", action="store_true", help="also what the tests and the build of the lessons need")
    args = parser.parse_args(arguments)
    if sys.version_info < (3, 11):
        sys.exit(
            f"The course needs Python 3.11 or newer, and this is {sys.version.split()[0]}. Install a newer one, and "
            "run this with it: `python3.12 install.py`, or `make lab PYTHON=python3.12`."
        )
    if not PYTHON.exists() and not PYTHON.with_suffix(".exe").exists():
        print(f"=== Making {ENVIRONMENT}", flush=True)
        venv.create(str(ENVIRONMENT), with_pip=True)
    cpu = not has_nvidia_gpu()
    print(f"=== Installing, once: {SIZES['cpu' if cpu or sys.platform != 'linux' else 'gpu']}.", flush=True)
    if not install(".[dev]" if args.dev else ".", cpu):
        sys.exit("The set-up did not finish; the reason is above. Run the same command again to go on.")
    (ENVIRONMENT / "learner").touch()
    if args.dev:
        (ENVIRONMENT / "ready").touch()
    print("=== The set-up is complete.")


def install(what, cpu):
    """Install the course; True if all of it is there."""
    wanted = ["-c", str(HERE / "constraints.txt"), "-e", str(HERE) + what[1:]]
    if sys.platform == "linux" and cpu and not is_configured():
        # what pip finds by itself is PyTorch for GPUs; uv knows where the build for CPUs is
        uv = find_uv()
        if uv and run([uv, "pip", "install", "--python", str(PYTHON), "--torch-backend=cpu", *wanted]):
            return True
        print(
            "PyTorch's build for CPUs cannot be reached: trying the default one. {}.".format(SIZES["gpu"]), flush=True
        )
    return run([*pip(), *wanted])


def find_uv():
    """uv's program: the one on this machine, or one that pip puts into .venv; None where there is none."""
    own = PROGRAMS / ("uv.exe" if os.name == "nt" else "uv")
    if shutil.which("uv") is None and not own.exists():
        run([*pip(), "--quiet", "uv"])
    return shutil.which("uv") or (str(own) if own.exists() else None)


def pip():
    quiet = [] if sys.stdout.isatty() else ["--quiet"]  # a terminal sees the progress of each download
    return [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-compile", *quiet]


def is_configured():
    """Whether somebody has told pip where packages come from. uv does not read that, so pip is used then."""
    told = subprocess.run([str(PYTHON), "-m", "pip", "config", "list"], stdout=subprocess.PIPE, text=True).stdout
    return any(line.partition("=")[0].rpartition(".")[2] in CONFIGURED for line in told.splitlines())


def has_nvidia_gpu():
    """Whether the driver of an NVIDIA GPU is there."""
    return shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia/version").exists()


def run(command):
    return subprocess.run(command, cwd=str(HERE)).returncode == 0


if __name__ == "__main__":
    main()
