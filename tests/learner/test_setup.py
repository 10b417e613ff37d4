"""The set-up: what a learner installs, how PyTorch's build is chosen, and what `course doctor` says."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from autograde.course.lessons import LESSONS
from autograde.course.outline import outline
from autograde.exercises import of_lesson
from autograde.grading.sandbox import apparmor, warm
from autograde.learner import doctor
from conftest import ROOT, released

# what only some people need; each is an extra
EXTRAS = {"dask", "distributed", "jupytext", "mypy", "nbval", "playwright", "psycopg2-binary", "pytest", "ruff"}
EXTRAS |= {"tensorboard", "transformers"}


@pytest.fixture
def install(tmp_path, monkeypatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", ROOT / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ENVIRONMENT", tmp_path)
    monkeypatch.setattr(module, "PYTHON", tmp_path / "python")
    (tmp_path / "python").touch()
    return module


def closure() -> set[str]:
    """The packages of the default install, with what they need themselves."""
    found: set[str] = set()
    own = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    left = [Requirement(text).name for text in own]
    while left:
        name = canonicalize_name(left.pop())
        if name in found:
            continue
        found.add(name)
        try:
            texts = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # for another system
        wanted = map(Requirement, texts)
        left += [
            requirement.name
            for requirement in wanted
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        ]
    return found


def test_a_learner_installs_what_learning_needs():
    assert not closure() & EXTRAS


def imported(source: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def test_what_learning_and_grading_import_is_installed_by_default():
    files = [file for file in (ROOT / "autograde").rglob("*.py") if "author" not in file.parts]
    sources = [file.read_text(encoding="utf-8") for file in [*files, *(ROOT / "helpers").rglob("*.py")]]
    cells = [cell for lesson in LESSONS for cell in released(lesson).cells if cell.cell_type == "code"]
    sources += [cell.source for cell in cells if not cell.source.startswith("%")]
    names = set().union(*map(imported, sources)) - sys.stdlib_module_names - {"autograde", "helpers"}
    homes, there = importlib.metadata.packages_distributions(), closure()
    foreign = {name for name in names if not {canonicalize_name(package) for package in homes.get(name, ())} & there}
    # imported where they are used, with a sentence for those who lack them
    assert foreign <= {"dask", "distributed", "pytest", "psycopg2", "transformers"}


@pytest.mark.parametrize(
    "system, gpu, configured, uv, reached, programs",
    [
        ("linux", False, False, True, True, ["uv"]),
        ("linux", False, False, True, False, ["uv", "pip"]),
        ("linux", False, False, False, True, ["pip"]),
        ("linux", True, False, True, True, ["pip"]),
        ("linux", False, True, True, True, ["pip"]),
        ("darwin", False, False, True, True, ["pip"]),
        ("win32", False, False, True, True, ["pip"]),
    ],
)
def test_the_build_of_pytorch(install, monkeypatch, capsys, system, gpu, configured, uv, reached, programs):
    ran: list[list[str]] = []

    def run(command):
        ran.append(command)
        return reached or command[0] != "/bin/uv"

    monkeypatch.setattr(install.sys, "platform", system)
    for name, value in {"has_nvidia_gpu": gpu, "is_configured": configured, "find_uv": uv and "/bin/uv"}.items():
        monkeypatch.setattr(install, name, lambda value=value: value)
    monkeypatch.setattr(install, "run", run)
    install.main([])
    assert [("uv" if command[0] == "/bin/uv" else "pip") for command in ran] == programs
    for command in ran:
        assert command[-1] == str(ROOT) and command[command.index("-c") + 1] == str(ROOT / "constraints.txt")
        assert ("--torch-backend=cpu" in command) == (command[0] == "/bin/uv")
    said = capsys.readouterr().out
    assert "to download" in said.splitlines()[0], "said before anything is downloaded"
    assert (install.ENVIRONMENT / "learner").exists() and not (install.ENVIRONMENT / "ready").exists()


def test_the_developers_part_comes_on_request_and_a_failure_is_told(install, monkeypatch):
    ran: list[list[str]] = []
    monkeypatch.setattr(install, "is_configured", lambda: True)
    monkeypatch.setattr(install, "run", lambda command: not ran.append(command))
    install.main(["--dev"])
    assert ran[0][-1] == f"{ROOT}[dev]" and (install.ENVIRONMENT / "ready").exists()
    monkeypatch.setattr(install, "run", lambda command: False)
    (install.ENVIRONMENT / "learner").unlink()
    with pytest.raises(SystemExit, match="Run the same command again"):
        install.main([])
    assert not (install.ENVIRONMENT / "learner").exists()


@pytest.mark.parametrize(
    "told, expected",
    [("", False), ("global.timeout='9'\n", False), ("global.index-url='x'\n", True), (":env:.find-links='x'\n", True)],
)
def test_what_pip_was_told_is_respected(install, monkeypatch, told, expected):
    answer = subprocess.CompletedProcess([], 0, stdout=told)
    monkeypatch.setattr(install.subprocess, "run", lambda *args, **options: answer)
    assert install.is_configured() is expected


# --- the outline ----------------------------------------------------------------------------------------------------


def test_the_outline_is_the_catalogue(graded_lesson):
    catalogue = [
        (exercise.name, exercise.title, exercise.points, exercise.minutes, exercise.extra)
        for exercise in of_lesson(graded_lesson.name)
    ]
    assert [
        (exercise.name, exercise.title, exercise.points, exercise.minutes, exercise.extra)
        for exercise in outline(graded_lesson)
    ] == catalogue
    numbers = [f"{int(graded_lesson.name[:2])}.{place}" for place in range(1, 1 + len(catalogue))]
    assert [exercise.number for exercise in outline(graded_lesson)] == numbers


@pytest.mark.parametrize("command", ["progress", "start", "--version", "help"])
def test_a_small_command_imports_neither_torch_nor_numpy(course, command):
    source = (
        "import sys\nfrom autograde import cli\n"
        f"try:\n    cli.main([{command!r}])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'torch', 'numpy'} & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", source], cwd=course, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


# --- course doctor --------------------------------------------------------------------------------------------------


def states(look) -> list[str]:
    return [found.state for found in look()]


def test_the_doctor_finds_nothing_here(course, monkeypatch):
    monkeypatch.setattr(doctor, "_isolation", lambda: iter(()))  # seconds; tests/grading has it
    found = list(doctor.examine())
    assert len(found) == 8 and not [finding for finding in found if finding.state == doctor.MEND]
    assert str(doctor.Path.home()) not in "\n".join(map(str, found)), "these lines are for a public report"


def test_the_doctor_names_the_profile_where_namespaces_are_restricted(monkeypatch, tmp_path):
    def refuse(runner):
        raise warm.Unsafe("no means")

    monkeypatch.setattr(warm.Runner, "__enter__", refuse)
    monkeypatch.setattr(apparmor, "_SWITCH", tmp_path / "switch")
    (finding,) = doctor._isolation()
    assert "apparmor" not in finding.remedy
    (tmp_path / "switch").write_text("1\n")
    (finding,) = doctor._isolation()
    assert f"{sys.executable} -m {apparmor.__name__} | sudo tee /etc/apparmor.d/{apparmor.NAME}\n" in finding.remedy


def test_the_profile_is_for_the_program_that_runs_and_for_no_pattern(monkeypatch, tmp_path):
    lines = apparmor.profile().splitlines()
    assert f'profile transformer-grader "{Path(sys.executable).resolve()}" flags=(unconfined) {{' in lines
    assert "  userns," in lines and lines[-1] == "}"
    monkeypatch.setattr(sys, "executable", str(tmp_path / "py*thon"))
    with pytest.raises(ValueError, match="as a pattern"):
        apparmor.profile()


def test_the_doctor_names_a_package_out_of_range(monkeypatch):
    monkeypatch.setattr(doctor.importlib.metadata, "requires", lambda name: ["numpy<1", "absent-package", "torch>=2"])
    (found,) = doctor._versions()
    assert found.state == doctor.MEND and "numpy" in found.what and "<1 does" in found.what
    assert "absent-package is missing" in found.what and "torch" not in found.what


def test_the_doctor_names_a_file_that_shadows_a_module(course):
    folder = course / "my_work" / "03_single_head"
    folder.mkdir(parents=True)
    assert states(doctor._names) == [doctor.FINE]
    for name in ("helpers.py", "random.py", "mine.py"):
        (folder / name).touch()
    (found,) = doctor._names()
    assert found.state == doctor.MEND and "helpers.py" in found.what and "random.py" in found.what
    assert "mine.py" not in found.what


def test_the_doctor_sees_a_full_disk_and_goes_on_after_a_look_that_fails(course, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "_isolation", lambda: iter(()))
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1e6}))
    monkeypatch.setattr(doctor, "_fonts", broken)
    assert doctor.run() == 1
    out = capsys.readouterr().out
    assert "0.0 GB free" in out and "Make room" in out and "no such font" in out and "2 things to do." in out


def broken():
    raise LookupError("no such font")


def test_the_issue_forms_want_what_the_doctor_prints():
    for name in ("bug", "right-answer-refused"):
        form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / f"{name}.yml").read_text(encoding="utf-8"))
        (field,) = [field for field in form["body"] if field.get("id") == "system"]
        assert "course doctor" in field["attributes"]["description"]
