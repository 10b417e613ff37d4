"""The environment of the kernels that this course starts."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def environment() -> dict[str, str]:
    """This process's variables, with the programs of this Python first in PATH, and the same hashes in each run."""
    here = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", "")
    return {
        **os.environ,
        "PATH": path if path.split(os.pathsep)[0] == here else here + os.pathsep + path,
        "PYTHONHASHSEED": "0",
    }
