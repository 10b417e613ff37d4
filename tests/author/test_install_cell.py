"""The first code cell of a release: it installs the course on Google Colab and Kaggle, does nothing elsewhere, and
changes nothing about what is handed in."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from autograde.author import install_cell
from autograde.course import notebooks, paths
from autograde.course.hosted import VARIABLES, WELCOME
from autograde.course.lessons import LESSONS, find_lesson
from autograde.exercises import of_lesson
from autograde.grading.notebook.normalise import normalise
from autograde.grading.notebook.read import parse_submission
from autograde.learner import doctor
from conftest import ROOT, filled, released

PIP = """\
import os, sys
with open(os.environ["RECORD"], "a") as file:
    print(*sys.argv[1:], file=file)
"""
# runs the cells of a notebook (a list of JSON on stdin) where JupyterLab and nbgrader are not installed
HOST = """\
import importlib.abc, json, sys

class Absent(importlib.abc.MetaPathFinder):
    names = {"jupyterlab", "jupyter_server", "nbgrader", "nbconvert", "nbclient", "nbformat", "notebook", "jupytext"}
    names |= {"nh3", "latex2mathml", "sqlalchemy", "alembic"}
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for source in json.load(sys.stdin):
    shell.run_cell(source, store_history=True).raise_error()
"""


def code_cells(notebook) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture
def hosted(tmp_path):
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "__init__.py").touch()
    (tmp_path / "pip" / "__main__.py").write_text(PIP)

    def hosted(cells: list[str], **variables: str) -> tuple[str, list[str]]:
        """What the cells print, and what pip was called with."""
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
            "IPYTHONDIR": str(tmp_path),
            "MPLBACKEND": "agg",
            "RECORD": str(tmp_path / "record"),
            **variables,
        }
        command = [sys.executable, "-W", "ignore", "-c", HOST]
        streams = {"input": json.dumps(cells), "capture_output": True, "text": True}
        run = subprocess.run(command, env=environment, cwd=tmp_path, **streams)
        assert run.returncode == 0, run.stdout + run.stderr
        file = tmp_path / "record"
        return run.stdout, file.read_text().splitlines() if file.exists() else []

    return hosted


@pytest.mark.parametrize("host", VARIABLES)
def test_there_it_installs_the_course_and_says_what_is_missing(hosted, host):
    said, pip = hosted([install_cell.SOURCE], **{host: "1"})
    assert pip == [
        f"install --quiet --no-deps git+{paths.REPOSITORY}",
        f"install --quiet {' '.join(install_cell.PACKAGES)}",
    ]
    assert WELCOME in said


def test_elsewhere_it_does_nothing(hosted):
    assert hosted([install_cell.SOURCE]) == ("", [])


def test_lessons_run_without_jupyterlab_and_nbgrader(hosted):
    """What each imports, and lesson 1 to its end, with its checks."""
    imports = [source for one in LESSONS for source in code_cells(released(one))[1:2]]
    said, _ = hosted([*imports, *code_cells(filled(find_lesson("1")))], COLAB_RELEASE_TAG="1")
    assert said.startswith("OK: everything that the course needs is here.\n")
    assert said.count("passed") >= len(of_lesson("01_vocabulary"))


def test_what_such_a_machine_has_of_its_own_is_nothing_to_mend(monkeypatch):
    monkeypatch.setattr(doctor.importlib.metadata, "requires", lambda name: ["absent-package"])
    assert "absent-package" in str(list(doctor.examine(grading=False)))
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    assert doctor.MEND not in [found.state for found in doctor.examine(grading=False)]


def test_every_release_has_it_before_all_other_code(lesson):
    cells = released(lesson).cells
    assert [cell.id for cell in cells].count(install_cell.ID) == 1
    first = next(cell for cell in cells if cell.cell_type == "code")
    assert first == install_cell.cell(), "run `make notebooks`"


def test_what_was_handed_in_of_a_former_release_is_rebuilt_as_before(graded_lesson):
    new = filled(graded_lesson)
    former = notebooks.nbformat.from_dict({**new, "cells": [c for c in new.cells if c.id != install_cell.ID]})
    rebuilt = [
        normalise(released(graded_lesson), parse_submission(json.dumps(notebook).encode()))
        for notebook in (new, former)
    ]
    assert rebuilt[0] == rebuilt[1] and rebuilt[1][1] == []
