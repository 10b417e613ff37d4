"""Fingerprints: has a submission, a release, an exercise or the environment changed since it was graded?

A fingerprint of code is made from the syntax trees of its files, without docstrings and comments.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import platform
from importlib import metadata
from pathlib import Path

from autograde.exercises import modules

PACKAGE = Path(__file__).resolve().parents[2]
OURS = ("autograde.exercises", "helpers")  # what an exercise's file may import that decides its verdict


def of_bytes(*pieces: bytes) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(len(piece).to_bytes(8, "big"))
        digest.update(piece)
    return digest.hexdigest()


def of_text(*pieces: str) -> str:
    return of_bytes(*(piece.encode("utf-8", "surrogatepass") for piece in pieces))


def of_files(files: dict[str, bytes]) -> str:
    return of_bytes(*(part for name in sorted(files) for part in (name.encode(), files[name])))


@functools.cache
def environment() -> str:
    """What every verdict depends on: the versions of Python, NumPy and PyTorch, the harness and the judge."""
    versions = (platform.python_version(), metadata.version("numpy"), metadata.version("torch"))
    files = [
        PACKAGE / "exercise.py",
        *(file for name in ("harness", "judge") for file in (PACKAGE / name).rglob("*.py")),
    ]
    return of_text(*versions, *(_code(file) for file in sorted(files)))


def of_exercise(name: str) -> str:
    """What the verdict of the exercise `name` depends on: its file, and what it imports of the catalogue and of
    `helpers`. Nothing is imported."""
    found: dict[str, str] = {}
    queue = [modules()[name]]
    while queue:
        name = queue.pop()
        if name not in found:
            found[name], imported = _module(name)
            queue += imported
    return of_text(*(part for name in sorted(found) for part in (name, found[name])))


@functools.cache
def _module(name: str) -> tuple[str, tuple[str, ...]]:
    """The code of a module, and the modules of this course that it imports."""
    file = _file(name)
    if file is None:
        return "", ()
    imported = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module:
            imported |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
    ours = (other for other in sorted(imported) if other.startswith(tuple(f"{start}." for start in OURS)))
    return _code(file), tuple(other for other in ours if _file(other))


def _file(name: str) -> Path | None:
    """The file of a module of this course; None where a dotted name is something inside one."""
    path = PACKAGE.parent.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


@functools.cache
def _code(file: Path) -> str:
    tree = ast.parse(file.read_bytes())
    for node in ast.walk(tree):
        match node:
            case ast.Module(body=[ast.Expr(ast.Constant(str())), *_] as body):
                del body[0]
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                if ast.get_docstring(node, clean=False) is not None:
                    del node.body[0]
    return of_text(ast.dump(tree))
