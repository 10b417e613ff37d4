"""The first code cell of every release: it installs the course on Google Colab and Kaggle, and only there.

It is no cell of nbgrader's: a submission without it, of a former release, is graded as before.
"""

from __future__ import annotations

from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from nbgrader.preprocessors import NbGraderPreprocessor

from autograde.course.hosted import VARIABLES
from autograde.course.paths import REPOSITORY

ID = "install"
# What Colab and Kaggle may lack of what the lessons import. The course comes without its dependencies: JupyterLab would
# replace parts of the server that the notebook runs in, and another PyTorch takes minutes.
PACKAGES = ("ipywidgets", "sacrebleu", "safetensors", "tokenizers", "tqdm")
SOURCE = f"""\
# On Google Colab and Kaggle this installs the course; elsewhere it does nothing
import os

if "{VARIABLES[0]}" in os.environ or "{VARIABLES[1]}" in os.environ:
    get_ipython().run_line_magic("pip", "install --quiet --no-deps git+{REPOSITORY}")
    get_ipython().run_line_magic("pip", "install --quiet {" ".join(PACKAGES)}")
    from autograde.course import hosted

    hosted.welcome()"""


def cell() -> NotebookNode:
    """Folded like a drawing, and not to be changed by accident."""
    folded = {"source_hidden": True}
    return new_code_cell(SOURCE, id=ID, metadata={"jupyter": folded, "editable": False, "deletable": False})


class InstallCell(NbGraderPreprocessor):
    """nbgrader's `generate_assignment` puts the cell before the first code cell."""

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        cells = [one for one in nb.cells if one.id != ID]
        at = next((index for index, one in enumerate(cells) if one.cell_type == "code"), len(cells))
        nb.cells = [*cells[:at], cell(), *cells[at:]]
        return nb, resources
