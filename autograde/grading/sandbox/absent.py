"""A trainer that can be imported and not used: what a submission finds in place of `helpers.trainer`.

The trainer is made of the references of lesson 8, and a training costs minutes: neither belongs into grading. Honest
notebooks import it and use it in cells that decide no grade. These cells end with one sentence, the others are run.
"""

from __future__ import annotations

import ast
from functools import cache

REASON = "Training does not run in grading"  # how the sentence begins
CLASS = "Absent"  # of the stand-ins, which Python and PyTorch name in their errors about types

# the module `helpers.trainer.absent` of the sandbox
MODULE = '''"""In grading, nothing is trained: the names of the trainer are here, and each says so when it is used."""

from helpers.trainer.errors import TrainingError


class Absent:
    def __init__(self, name):
        self._name = name

    def _say(self, *args, **kwargs):
        reason = f"Training does not run in grading: `{self._name}` is not there. Hand in the saved weights."
        raise TrainingError(reason)

    __call__ = __getitem__ = __iter__ = __len__ = __contains__ = _say
    __instancecheck__ = __fspath__ = __truediv__ = __enter__ = __index__ = __float__ = __mro_entries__ = _say

    def __getattr__(self, name):
        if name.startswith("_"):  # what looks at an object asks for many such names
            raise AttributeError(name)
        self._say()

    def __repr__(self):
        return f"<{self._name}: not there in grading>"
'''


@cache
def stand_in(source: str) -> str:
    """The source of a module with the public names of the module `source`, each an `Absent`."""
    names = {}
    for node in ast.parse(source).body:
        for name in _names(node):
            if not name.startswith("_"):
                names[name] = f"{name} = Absent({name!r})"
    errors = [name for name in names if name in ERRORS]
    lines = ["from helpers.trainer.absent import Absent"]
    lines += [f"from helpers.trainer.errors import {', '.join(errors)}"] if errors else []
    return "\n".join([*lines, *(line for name, line in names.items() if name not in ERRORS), ""])


ERRORS = ("Stopped", "TrainingError")  # real classes, for `except TrainingError` in a learner's cell


def _names(node: ast.stmt) -> list[str]:
    """The names that a statement of a module gives to those who import it."""
    match node:
        case ast.FunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.ImportFrom(module=module) if module and module.startswith("helpers.trainer"):
            return [alias.asname or alias.name for alias in node.names]
    return []
