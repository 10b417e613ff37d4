"""Fingerprints: has a submission, a release, an exercise or the environment changed since it was graded?

A fingerprint of code is made from the syntax trees of its files, without docstrings and comments. Parsing all of them
takes half a second, so what was found in a file is kept for the next process, under the digest of the file's content:
neither times nor names of files count, and another content never finds what was kept.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import json
import platform
import sys
from importlib import metadata
from pathlib import Path

from autograde.course import atomic
from autograde.exercises import modules

PACKAGE = Path(__file__).resolve().parents[2]
OURS = ("autograde.exercises", "helpers")  # what an exercise's file may import that decides its verdict
FIXTURE, FIXTURES = "autograde.harness.call.Fixture", "autograde.exercises.fixtures"  # named there, made here
KEPT = Path(__file__).parent / "__pycache__" / "fingerprints.json"
MOST = 2_000  # contents that are kept

Found = tuple[str, tuple[str, ...]]  # of one file: the fingerprint of its code, and the names that it imports of ours


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
    found = of_text(*versions, *(_found(_content(file))[0] for file in sorted(files)))
    _keep()
    return found


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
    _keep()
    return of_text(*(part for name in sorted(found) for part in (name, found[name])))


@functools.cache
def _module(name: str) -> Found:
    """The code of a module, and the modules of this course that it imports."""
    file = _file(name)
    if file is None:
        return "", ()
    code, names = _found(_content(file))
    return code, tuple(name for name in names if _file(name))


def _file(name: str) -> Path | None:
    """The file of a module of this course; None where a dotted name is something inside one."""
    path = PACKAGE.parent.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _content(file: Path) -> bytes:
    return file.read_bytes()


# --- one file -------------------------------------------------------------------------------------------------------


def _found(source: bytes) -> Found:
    """What is in a file with this content."""
    key = of_bytes(source)
    found = _kept().get(key) or _new.get(key)
    if found is None:
        found = _new[key] = _parsed(source)
    return found


def _parsed(source: bytes) -> Found:
    tree = ast.parse(source)
    imported = set()
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=names):
                imported |= {module, *(f"{module}.{alias.name}" for alias in names)}
            case ast.Import(names=names):
                imported |= {alias.name for alias in names}
            case ast.Module(body=[ast.Expr(ast.Constant(str())), *_] as body):
                del body[0]
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                if ast.get_docstring(node, clean=False) is not None:
                    del node.body[0]
    if FIXTURE in imported:
        imported.add(FIXTURES)
    ours = tuple(name for name in sorted(imported) if name.startswith(tuple(f"{start}." for start in OURS)))
    return of_text(ast.dump(tree)), ours


@functools.cache
def _kept() -> dict[str, Found]:
    """{digest of a file's content: what is in it}, from earlier processes; empty where none could keep it."""
    try:
        data = json.loads(KEPT.read_bytes())
        if data["maker"] == _maker():
            return {key: (str(code), tuple(map(str, names))) for key, (code, names) in data["found"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        pass
    return {}


_new: dict[str, Found] = {}  # not kept yet


def _keep() -> None:
    """Keep what is new for later processes; where the folder cannot be written, it costs them time and no more."""
    if _new:
        _kept().update(_new)
        _new.clear()
        found = dict(list(_kept().items())[-MOST:])
        with contextlib.suppress(OSError):
            atomic.replace(KEPT, json.dumps({"maker": _maker(), "found": found}).encode())


def _maker() -> str:
    """What makes these fingerprints: another version of it, or of Python, takes nothing from this one."""
    return of_bytes(Path(__file__).read_bytes(), sys.version.encode())
