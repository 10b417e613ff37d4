"""What the first cell of the course says about an installation."""

from __future__ import annotations

import platform
from importlib import metadata

from autograde.course import installation


def test_this_installation_has_everything():
    assert installation.problems() == []


def test_what_is_missing_too_old_or_another_python_is_named_with_what_to_do(monkeypatch):
    versions = metadata.version

    def version(name):
        if name == "torch":
            raise metadata.PackageNotFoundError(name)
        return "0.1" if name == "numpy" else versions(name)

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(platform, "python_version", lambda: "3.9.1")
    python, *others = installation.problems()
    assert python.startswith("Install Python >=3.11") and "3.9.1" in python
    assert len(others) == 2 and all(installation.INSTALL in line for line in others)
    assert any("torch is missing" in line for line in others) and any("numpy is 0.1" in line for line in others)
