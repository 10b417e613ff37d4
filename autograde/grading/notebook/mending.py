"""References as source text, for a copy of a submission's process in which an earlier exercise is mended."""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache

from autograde.exercises import exercise


@cache
def reference_source(name: str) -> str:
    """The reference of the exercise `name` with the imports and the definitions of its module that it needs: nothing of
    a later exercise."""
    reference = exercise(name).reference
    tree = ast.parse(inspect.getsource(sys.modules[reference.__module__]))
    definitions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    needed: set[str] = set()
    queue = [reference.__name__]
    while queue:
        wanted = queue.pop()
        if wanted in definitions and wanted not in needed:
            needed.add(wanted)
            queue += [node.id for node in ast.walk(definitions[wanted]) if isinstance(node, ast.Name)]
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    code: list[ast.stmt] = [*imports, *(node for name, node in definitions.items() if name in needed)]
    return ast.unparse(ast.Module(code, []))
