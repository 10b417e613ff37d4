"""Fingerprints: has a submission, a release, an exercise or the environment changed since it was graded?

A fingerprint of code is made from what it does (its compiled form and that of all that it uses in this course), not
from its text: a corrected comment grades nobody again.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import platform
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from autograde.answering import pack_calls
from autograde.exercise import Exercise

OURS = ("helpers", "autograde")
_ENGINE = ("answering", "comparing", "judging", "makers", "plain")  # what turns an answer into a verdict
_SHOWN = ("title", "minutes", "hints", "misconceptions", "variants")  # fields that decide no mark, or are taken apart


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
    """What every verdict depends on: the versions of Python, NumPy and PyTorch, and the judge."""
    import torch

    versions = (platform.python_version(), np.__version__, torch.__version__)
    engine = [importlib.import_module(f"autograde.{name}") for name in _ENGINE]
    walk = _Walk()
    for module in engine:
        walk.module(module)
    return of_text(*versions, walk.hexdigest())


def of_exercise(exercise: Exercise) -> str:
    """What the verdict of this exercise depends on: its calls, its reference, its misconceptions, its rules."""
    walk = _Walk()
    walk.add("calls", pack_calls(exercise.calls(0)))
    for field in fields(exercise):
        if field.name not in _SHOWN:
            walk.add(field.name, getattr(exercise, field.name))
    for one in exercise.misconceptions:
        walk.add(one.name, one.wrong)
        walk.add("sentence", one.sentence)
    return walk.hexdigest()


class _Walk:
    """Feeds values, functions and classes into one digest, each function and class once."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._seen: set[int] = set()

    def hexdigest(self) -> str:
        return self._digest.hexdigest()

    def add(self, label: str, value: Any) -> None:
        self._text(label)
        self._value(value)

    def module(self, module: ModuleType) -> None:
        for name, value in sorted(vars(module).items()):
            if inspect.isfunction(value) or inspect.isclass(value):
                if value.__module__ == module.__name__:
                    self.add(name, value)
            elif not name.startswith("__") and not isinstance(value, ModuleType):
                self.add(name, value)

    def _text(self, *pieces: str) -> None:
        for piece in pieces:
            self._digest.update(f"{len(piece)}:{piece}".encode("utf-8", "surrogatepass"))

    def _value(self, value: Any) -> None:
        if value is None or isinstance(value, bool | int | float | complex | str | bytes | range):
            self._text(type(value).__name__, repr(value))
        elif isinstance(value, list | tuple):
            self._text(type(value).__name__, str(len(value)))
            self._each(value)
        elif isinstance(value, dict):
            self._text("dict", str(len(value)))
            for key, item in value.items():
                self._value(key)
                self._value(item)
        elif isinstance(value, set | frozenset):
            self._text("set", *sorted(map(repr, value)))
        elif isinstance(value, np.ndarray) and value.dtype != object:
            self._text("array", str(value.dtype), str(value.shape), hashlib.sha256(value.tobytes()).hexdigest())
        elif isinstance(value, CodeType):
            self._code(value)
        elif isinstance(value, functools.partial):
            self._each((value.func, value.args, value.keywords))
        elif inspect.isfunction(value):
            self._function(value)
        elif inspect.isclass(value):
            self._class(value)
        elif is_dataclass(value):
            self._text(type(value).__name__)
            self._each(getattr(value, field.name) for field in fields(value))
        else:  # a module, a compiled pattern, a type of torch, ...: its name says what it is
            self._text(type(value).__name__, str(getattr(value, "__qualname__", getattr(value, "__name__", ""))))
            self._text(str(getattr(value, "pattern", "")))

    def _each(self, values: Iterable[Any]) -> None:
        for value in values:
            self._value(value)

    def _once(self, value: Any) -> bool:
        """True at the first sight of a function or class of this course; of others the name is enough."""
        self._text(value.__module__ or "", value.__qualname__)
        if (value.__module__ or "").split(".")[0] not in OURS or id(value) in self._seen:
            return False
        self._seen.add(id(value))
        return True

    def _function(self, function: FunctionType) -> None:
        function = inspect.unwrap(function)
        if not self._once(function):
            return
        self._code(function.__code__)
        self._each((function.__defaults__, function.__kwdefaults__))
        for cell in function.__closure__ or ():
            try:
                self._value(cell.cell_contents)
            except ValueError:  # a name that has no value yet
                self._text("empty")
        for name in sorted(_names(function.__code__)):
            if name in function.__globals__:
                self.add(name, function.__globals__[name])
            # a name like `masks.causal`, of a module of this course
            for module in (function.__globals__.get(other) for other in _names(function.__code__)):
                if isinstance(module, ModuleType) and module.__name__.split(".")[0] in OURS and hasattr(module, name):
                    self.add(name, getattr(module, name))

    def _code(self, code: CodeType) -> None:
        self._text(code.co_code.hex(), *code.co_names, *code.co_varnames)
        documentation = code.co_consts[0] if code.co_consts and isinstance(code.co_consts[0], str) else None
        self._each(one for one in code.co_consts if one is not documentation or one is None)

    def _class(self, cls: type) -> None:
        if not self._once(cls):
            return
        self._each(base for base in cls.__bases__ if base is not object)
        for name, value in sorted(vars(cls).items()):
            if isinstance(value, property):
                self._each((name, value.fget, value.fset))
            elif isinstance(value, staticmethod | classmethod):
                self.add(name, value.__func__)
            elif inspect.isfunction(value) or not name.startswith("_"):
                self.add(name, value)


def _names(code: CodeType) -> set[str]:
    """All names that a function or a function inside it looks up."""
    names = set(code.co_names)
    for const in code.co_consts:
        if isinstance(const, CodeType):
            names |= _names(const)
    return names
