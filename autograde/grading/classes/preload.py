"""What every worker needs, imported once: workers are forked from a process that imports this module and no other.

It knows no secret, and starts no thread, which a fork would lose.
"""

from __future__ import annotations

import gc
import importlib

from autograde.course import imports
from autograde.exercises import all_exercises

with imports.without_collections():
    imports.notebooks()
    importlib.import_module("autograde.grading.grade")
    all_exercises()
gc.collect()
gc.freeze()  # what is here stays: a worker that collects garbage does not write on it, and the pages stay shared
