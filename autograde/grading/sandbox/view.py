"""What the warm process sees of the machine: Python's installation, the staging folder, and nothing else."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from autograde.course import paths

SCRATCH = 256 * 2**20  # bytes of a file system in memory, with bubblewrap and in a container
COMMON, LESSON = "/course/common", "/course/lesson"  # in the tree, with bubblewrap and in a container


class Missing(Exception):
    """A means of isolation is not there; the message says which."""


def places(folder: Path, isolated: bool) -> dict[str, str]:
    """Where a submission finds what it needs: {"common", "lesson" (of a `{stage}`), "work", "home", "temporary"}.

    folder  the warm process's own
    """
    if isolated:
        return {
            "common": COMMON,
            "lesson": LESSON,
            "work": "/private/work",
            "home": "/private/home",
            "temporary": "/private/tmp",
        }
    stage = folder / "stage"
    return {
        "common": str(stage / "common"),
        "lesson": str(stage / "stages" / "{stage}"),
        "work": str(folder / "work"),
        "home": str(folder / "home"),
        "temporary": str(folder / "tmp"),
    }


def config(folder: Path, isolated: bool) -> dict:
    """What the warm process is told of the machine: what it sees, its paths and its variables."""
    at = places(folder, isolated)
    packages = _packages()
    python = sysconfig.get_paths()
    library = [python["stdlib"], str(Path(python["stdlib"]) / "lib-dynload")]
    prefixes = {sys.base_prefix, sys.base_exec_prefix} - {"/usr", "/"}
    system = ["/usr/lib", "/usr/lib64", "/usr/bin", "/lib", "/lib64", "/bin", "/usr/local/lib"]
    system += ["/usr/share/zoneinfo", "/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives"]
    return {
        "root": str(folder / "root"),
        "shown": [*system, *sorted(prefixes), *sorted({*library, *packages} - {""}), *_programs()],
        "hidden": [f"{package}/{name}" for package in packages for name in ("autograde", "helpers")],
        "places": {COMMON: str(folder / "stage" / "common"), "/stages": str(folder / "stage" / "stages")},
        "path": [at["common"], *library, *packages],
        "environment": {
            "HOME": at["home"],
            "TMPDIR": at["temporary"],
            "IPYTHONDIR": f"{at['home']}/.ipython",
            "MPLCONFIGDIR": f"{at['home']}/.matplotlib",
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "USER": "learner",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    }


def _packages() -> list[str]:
    """The folders of installed packages that this Python imports from; never the course itself."""
    root = paths.clone()
    found = []
    for entry in sys.path:
        folder = Path(entry)
        named = folder.name in ("site-packages", "dist-packages")
        if named and folder.is_dir() and (root is None or folder.resolve() != root.resolve()):
            found.append(str(folder))
    return list(dict.fromkeys(found))


def _programs() -> list[str]:
    """The folder of this Python's programs and what marks a virtual environment."""
    folder = Path(sys.prefix)
    return [str(path) for path in (folder / "bin", folder / "pyvenv.cfg") if path.exists()]


def bubblewrap(config: dict, lesson: Path) -> list[str]:
    """The command that starts a program in bubblewrap, with the same view of the machine as `isolation` gives."""
    program = shutil.which("bwrap")
    if program is None:
        raise Missing("bubblewrap is not installed")
    words = [program, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--dev", "/dev"]
    words += ["--proc", "/proc", "--size", str(SCRATCH), "--tmpfs", "/private", "--size", str(SCRATCH)]
    words += ["--tmpfs", "/tmp", "--uid", "1000", "--gid", "1000", "--chdir", "/"]
    for path in config["shown"]:
        if os.path.islink(path):
            words += ["--symlink", os.readlink(path), path]
        elif os.path.exists(path):
            words += ["--ro-bind", path, path]
    for path in config["hidden"]:
        if os.path.isdir(path):
            words += ["--tmpfs", path]
    return [*words, "--ro-bind", config["places"][COMMON], COMMON, "--ro-bind", str(lesson), LESSON]
