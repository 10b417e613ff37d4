"""The course as an installed package: `pip install` of a wheel, without a clone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from autograde import cli
from autograde.course import paths
from autograde.course.lessons import LESSONS
from autograde.learner import workspace
from conftest import ROOT

# what a build needs of a clone; setuptools writes its own folders beside it, so this is a copy
SOURCES = ("autograde", "helpers", "notebooks", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md")
SOURCES += ("LICENSE", "LICENSE-TEXT")
BUILD = "from setuptools import build_meta; build_meta.build_wheel('dist')"


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    """The Python of a fresh environment with the wheel; all other packages are those of this environment."""
    place = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(ROOT / name, place / name)
    subprocess.run([sys.executable, "-W", "ignore", "-c", BUILD], cwd=place, check=True, capture_output=True)
    (wheel,) = (place / "dist").glob("*.whl")
    venv.create(place / "fresh", with_pip=False)
    folder = place / "fresh" / ("Scripts" if os.name == "nt" else "bin")
    install = [sys.executable, "-m", "pip", "--python", str(folder / "python"), "install", "--no-deps", "--no-index"]
    subprocess.run([*install, "--no-compile", str(wheel)], check=True, capture_output=True)
    (packages,) = (place / "fresh").glob("[Ll]ib/**/site-packages")
    others = [entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    (packages / "others.pth").write_text("\n".join(others))  # a .pth there, of an editable install too, is not read
    return folder / "python"


@pytest.fixture
def run(python, tmp_path) -> Callable[..., tuple[int, str]]:
    environment = {name: text for name, text in os.environ.items() if name not in ("PYTHONPATH", "COURSE_ROOT")}

    def run(*words: str) -> tuple[int, str]:
        """Of a program of that environment, in an empty folder: its exit status and what it says."""
        command = [str(python.parent / words[0]), *words[1:]]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_wheel_brings_all_that_a_clone_has(python):
    (packages,) = python.parent.parent.glob("[Ll]ib/**/site-packages")
    brought = {file.relative_to(packages).as_posix() for file in packages.rglob("*") if file.is_file()}
    folders = {"autograde": "autograde", "helpers": "helpers", "notebooks": "autograde/notebooks"}
    for folder, place in folders.items():
        there = [file.relative_to(ROOT / folder) for file in (ROOT / folder).rglob("*") if file.is_file()]
        wanted = {f"{place}/{file.as_posix()}" for file in there if not re.search(r"__pycache__|/\.|^\.", str(file))}
        assert wanted and not wanted - brought


def test_lessons_are_unpacked_where_a_learner_is(run, tmp_path):
    mine = tmp_path / "my_work" / "03_single_head" / "03_single_head.ipynb"
    mine.parent.mkdir(parents=True)
    mine.write_text("my own work")
    (tmp_path / "helpers.py").write_text("own = True\n")
    status, said = run("course", "start")
    assert (status, mine.read_text()) == (0, "my own work") and f"Copied into {tmp_path / 'my_work'}" in said
    for lesson in LESSONS:
        released = (ROOT / "notebooks" / lesson.name).rglob("*")
        for file in released:
            copy = tmp_path / "my_work" / file.relative_to(ROOT / "notebooks")
            assert file.is_dir() or copy == mine or copy.read_bytes() == file.read_bytes()
    status, said = run("course", "progress")
    assert status == 0 and "Next: 1.1 tokenize" in said
    status, said = run("course", "grade", "3")
    assert status == 2 and f"git clone {paths.REPOSITORY}" in said


@pytest.mark.full  # 20 s; the same path as in a clone, which tests/learner/test_workspace.py has
def test_a_solution_passes_its_checks(run, tmp_path):
    mine = tmp_path / "my_work" / "03_single_head" / "03_single_head.ipynb"
    mine.parent.mkdir(parents=True)
    mine.write_bytes((ROOT / "solutions" / "03_single_head" / "03_single_head.ipynb").read_bytes())
    status, said = run("course", "check", "3")
    assert status == 0 and "9 of 9 exercises passed" in said, said


def test_a_file_called_helpers_is_named_as_the_cause(run, tmp_path):
    file = tmp_path / "helpers.py"
    file.write_text("own = True\n")
    for words in (["-c", "from autograde import check"], ["-m", "autograde.cli", "progress"]):
        status, said = run("python", *words)
        assert status and f"{file} takes the place" in said and "Rename it" in said
    file.rename(tmp_path / "my_helpers.py")
    status, said = run("python", "-c", "from autograde import check; import helpers; print(helpers.__file__)")
    assert status == 0 and "site-packages" in said


# --- the same, without building one ---------------------------------------------------------------------------------


@pytest.fixture
def packed(tmp_path, monkeypatch) -> Path:
    """The course as if it were installed, in an empty folder."""
    monkeypatch.delenv("COURSE_ROOT", raising=False)
    monkeypatch.delenv("COURSE_WORK", raising=False)
    monkeypatch.setattr(paths, "_PACKED", ROOT / "notebooks")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", sorted({*cli.parser().commands} - {*cli.FOR_LEARNERS}))
def test_what_needs_a_clone_says_so(packed, capsys, command):
    words = {"roster": [command, "class.csv"]}.get(command, [command])
    assert cli.main(words) == 2
    assert capsys.readouterr().err.startswith("course: This needs a clone of the course")


def test_the_formgrader_needs_a_clone(packed, capsys):
    assert cli.main(["lab", "--instructor"]) == 2
    assert "needs a clone" in capsys.readouterr().err


def test_a_copy_is_found_from_the_folders_in_it(packed, monkeypatch):
    assert paths.workspace() == packed / "my_work"
    workspace.start(lambda text: None)
    monkeypatch.chdir(packed / "my_work" / "03_single_head")
    assert paths.workspace() == packed / "my_work"


def test_a_new_release_is_told_of_once_and_changes_no_file(course):
    said: list[str] = []
    workspace.start(said.append)
    notebook = course / "my_work" / "03_single_head" / "03_single_head.ipynb"
    before, release = notebook.read_bytes(), course / "notebooks" / "03_single_head" / "03_single_head.ipynb"
    release.write_bytes(release.read_bytes().replace(b"Single-head attention", b"One head of attention"))
    said.clear()
    workspace.start(said.append, always=False)
    (line,) = said
    assert "new release of 03_single_head." in line and "`course reset 03_single_head`" in line
    assert notebook.read_bytes() == before
    workspace.start(said.append, always=False)
    assert said == [line]
    release.write_bytes(before)
    workspace.reset(LESSONS[3], echo=lambda text: None)
    workspace.start(said.append, always=False)
    assert said == [line], "whoever has taken the new release is not told of it"
