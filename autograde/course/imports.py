"""Imports that take longer than what is done with them."""

from __future__ import annotations

import importlib
import sys


def notebooks() -> None:
    """Import nbformat without the grammar of web addresses that jsonschema prepares (1.3 seconds): it serves a format
    that no notebook's schema has. Whoever imports that grammar later gets it."""
    grammar = "rfc3987_syntax"
    if "jsonschema" in sys.modules or grammar in sys.modules:
        return
    sys.modules[grammar] = None  # type: ignore[assignment]  # an import of it fails, as where it is not installed
    try:
        importlib.import_module("nbformat")
    finally:
        del sys.modules[grammar]
