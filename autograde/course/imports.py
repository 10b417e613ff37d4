"""Imports that take longer than what is done with them."""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
from collections.abc import Iterator
from typing import Any

# arguments of Python: nbgrader's own command line, which begins two thirds sooner so
NBGRADER = (
    "-c",
    "from autograde.course import imports; imports.notebooks(); from nbgrader.apps.nbgraderapp import main; main()",
)


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """Import large packages in this: what they make stays, and to look for garbage in it again and again takes a sixth
    of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def notebooks() -> None:
    """Import nbformat without the grammar of web addresses that jsonschema prepares (1.3 seconds): it serves a format
    that no notebook's schema has. Whoever imports that grammar later gets it."""
    grammar = "rfc3987_syntax"
    if "jsonschema" in sys.modules or grammar in sys.modules:
        return
    loaded: dict[str, Any] = sys.modules
    loaded[grammar] = None  # an import of it fails, as where it is not installed
    try:
        importlib.import_module("nbformat")
    finally:
        del sys.modules[grammar]
