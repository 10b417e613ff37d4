"""Changes of whole notebooks that a file of the collection can name. Those that happen by accident: `accidents`."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable

CELLS: dict[str, Callable[[dict, str], None]] = {}  # change a notebook in place; the name is that of an exercise
FILES: dict[str, Callable[[str, dict[str, bytes]], bytes]] = {}  # the content of the file, and files beside it
_SCRIPT = "<script>window.owned = 1</script><img src=x onerror='window.owned = 1'>"


def of_cells(function):
    CELLS[function.__name__] = function
    return function


def of_file(function):
    FILES[function.__name__] = function
    return function


def _data(cell: dict) -> dict:
    return cell["metadata"].get("nbgrader", {})


def check_cells(tree: dict) -> list[dict]:
    return [cell for cell in tree["cells"] if _data(cell).get("grade") and not _data(cell).get("solution")]


def answer_cells(tree: dict) -> list[dict]:
    return [cell for cell in tree["cells"] if _data(cell).get("solution")]


def index_of(tree: dict, name: str) -> int:
    return next(i for i, cell in enumerate(tree["cells"]) if _data(cell).get("grade_id") == name)


def new_code(source: str, **more) -> dict:
    cell = {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
    return cell | {"id": f"new-{random.Random(source).getrandbits(48):x}"} | more


@of_cells
def tag_skip(tree, name):
    for cell in tree["cells"]:
        cell["metadata"]["tags"] = ["skip-execution"]


@of_cells
def tag_remove(tree, name):
    for cell in check_cells(tree):
        cell["metadata"]["tags"] = ["remove-cell", "hide-input", "raises-exception", "nbval-skip"]


@of_cells
def script_markdown(tree, name):
    data = {"text/html": "PHNjcmlwdD4="}
    tree["cells"].append({"cell_type": "markdown", "source": _SCRIPT, "metadata": {}, "attachments": {"x.html": data}})
    tree["cells"].append({"cell_type": "raw", "source": _SCRIPT, "metadata": {"raw_mimetype": "text/html"}})
    tree["metadata"]["title"] = tree["metadata"]["authors"] = _SCRIPT


@of_cells
def points(tree, name):
    for cell in [*check_cells(tree), *answer_cells(tree)]:
        cell["metadata"]["nbgrader"] |= {"points": 1000, "grade": True}


@of_cells
def checks_pass(tree, name):
    for cell in check_cells(tree):
        cell["source"] = "100"
        cell["metadata"]["nbgrader"]["locked"] = False


@of_cells
def ids_exchanged(tree, name):
    for cell in [*check_cells(tree), *answer_cells(tree)]:
        data = cell["metadata"]["nbgrader"]
        old = data["grade_id"]
        data["grade_id"] = old.removeprefix("check_") if old.startswith("check_") else f"check_{old}"


@of_cells
def check_copied(tree, name):
    copies = [{**copy.deepcopy(cell), "source": "100", "id": f"copy-{i}"} for i, cell in enumerate(check_cells(tree))]
    tree["cells"][:0] = copies


@of_cells
def checks_raw(tree, name):
    for number, cell in enumerate(check_cells(tree)):
        cell["cell_type"] = "raw" if number % 2 else "markdown"
        cell.pop("outputs"), cell.pop("execution_count")


@of_cells
def outputs_forged(tree, name):
    for cell in check_cells(tree):
        text = f"✓ {_data(cell)['grade_id'].removeprefix('check_')}: passed"
        cell["outputs"] = [
            {"output_type": "execute_result", "data": {"text/plain": "100"}, "metadata": {}, "execution_count": 1},
            {"output_type": "display_data", "data": {"text/plain": text}, "metadata": {"course": {"state": "passed"}}},
        ]


@of_cells
def kernelspec(tree, name):
    tree["metadata"]["kernelspec"] = {"name": "../../../../bin/sh", "display_name": "sh", "language": "bash"}
    tree["metadata"]["language_info"] = {"name": "bash", "file_extension": "/../../x"}


@of_cells
def checks_deleted(tree, name):
    checks = check_cells(tree)
    tree["cells"] = [cell for cell in tree["cells"] if cell not in checks]


@of_cells
def course_metadata(tree, name):
    passed = {_data(cell)["grade_id"]: {"passed": True, "score": 1.0} for cell in check_cells(tree)}
    tree["metadata"]["course"] = {"unreadable": "", "verdicts": passed}
    tree["metadata"]["nbgrader"] = tree["metadata"]["celltoolbar"] = passed


@of_cells
def metadata_types(tree, name):
    odd = [None, [], 3, "x", {"grade_id": ["check"]}, {"grade_id": {"a": 1}}, {"grade_id": "a", "points": "many"}]
    for number, cell in enumerate(tree["cells"]):
        cell["metadata"] = [{"nbgrader": odd[number % len(odd)], "tags": 7}, None, [1], "x"][number % 4]
        cell["id"] = [None, 3, ["a"], {}][number % 4]
    tree["metadata"] = []


@of_cells
def ids_of_checks(tree, name):
    for number, cell in enumerate(check_cells(tree)):
        tree["cells"].insert(number, new_code("100", id=cell.get("id", "")))


@of_cells
def deep_metadata(tree, name):
    for cell in tree["cells"]:
        inner: dict = {}
        for _ in range(150):
            inner = {"a": inner}
        cell["metadata"]["deep"] = inner


@of_cells
def many_cells(tree, name):
    tree["cells"] += [{"cell_type": "code", "source": "1", "metadata": {}}] * 100_000


@of_cells
def huge_source(tree, name):
    tree["cells"].append(new_code("x = 1\n" * 1_700_000))


@of_cells
def long_last_cell(tree, name):
    tree["cells"].append(new_code("#" * 2**20))


@of_cells
def null_bytes(tree, name):
    for cell in answer_cells(tree):
        cell["source"] += "\n\x00\ud800\n"
    tree["cells"].append(new_code("\x00"))


@of_file
def deep_json(text, files):
    return (
        b'{"cells": ' + b"[" * 100_000 + b"]" * 100_000 + b', "metadata": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001
    )


@of_file
def huge_integers(text, files):
    return text.replace('"nbformat": 4', '"nbformat": 4, "count": ' + "7" * 1_000_000).encode()


@of_file
def nan_json(text, files):
    text = re.sub(r'"points": \d+', '"points": NaN', text)
    return text.replace('"execution_count": null', '"execution_count": 1e999').replace("null", "-Infinity").encode()


@of_file
def duplicate_keys(text, files):
    return (
        '{"cells": [], "metadata": {}, ' + text.lstrip()[1:].replace('"source": [', '"source": "100", "source": [')
    ).encode()


@of_file
def random_bytes(text, files):
    return random.Random(1).randbytes(10_000)


@of_file
def truncated(text, files):
    return text.encode()[: len(text) // 2]


@of_file
def json_list(text, files):
    return b"[" + text.encode() + b"]"


@of_file
def too_large(text, files):
    return text.encode() + b" " * (70 * 2**20)


@of_file
def data_file(text, files):
    files["model.safetensors"] = b"\xff" * 7 + b"\x7f" + b'{"__metadata__":' * 1000
    return text.encode()
