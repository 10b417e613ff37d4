"""Does this Python have what the course needs? What is wrong, in sentences that say what to do."""

from __future__ import annotations

import platform
import tomllib
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from autograde.course import paths

INSTALL = "pip install -e . -c constraints.txt"


def problems() -> list[str]:
    """What does not fit `pyproject.toml`; an empty list if everything does."""
    project = tomllib.loads((paths.root() / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = []
    needed = project["requires-python"]
    if not SpecifierSet(needed).contains(platform.python_version()):
        found.append(f"Install Python {needed}: this is {platform.python_version()}.")
    for requirement in map(Requirement, project["dependencies"]):
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            found.append(f"Run `{INSTALL}`: {requirement.name} is missing.")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            found.append(f"Run `{INSTALL}`: {requirement.name} is {version}, and {requirement} is needed.")
    return found
