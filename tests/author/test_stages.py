"""What `course test` runs, in short and in full."""

import re
import shutil
import subprocess
import sys

import pytest

from autograde.author import stages
from autograde.course.errors import CourseError
from conftest import ROOT


def test_everything_runs_with_and_without_full():
    short, full = stages.stages(), stages.stages(full=True)
    assert list(short) == ["lint", "format", "imports", "types", "tests"]
    assert list(full) == ["lint", "format", "imports", "types", "unit", "nbval", "nbgrader", "browser"]
    for name in ("unit", "nbval", "nbgrader", "browser"):
        assert "--full" in full[name][1]
        assert "--full" not in stages.stages([name])[name][1]
    assert short["tests"][1][-2:] == ("solutions", "tests") and "-m" not in short["tests"][1][2:]
    for options in (short["tests"][1], stages.stages(["nbval"])["nbval"][1]):
        assert {"--nbval", "--rebuilt", "loadscope"} <= set(options)


def test_a_stage_that_is_unknown_is_named():
    with pytest.raises(CourseError, match=r"no stage 'units'.*unit, nbval"):
        stages.stages(["lint", "units"])


def test_the_tests_leave_bytecode_for_one_another(monkeypatch):
    variables = []
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(
        stages.subprocess,
        "run",
        lambda command, **options: variables.append(options.get("env")) or subprocess.CompletedProcess(command, 0),
    )
    assert stages.run(["lint"]) == 0
    assert "PYTHONDONTWRITEBYTECODE" not in variables[-1]


TESTS = """
import pytest
def test_short(): pass
@pytest.mark.full
def test_all_seeds(): pass
@pytest.mark.long
def test_long(): pass
"""


@pytest.mark.parametrize(("options", "names"), [([], ["long", "short"]), (["--full"], ["long", "short", "all_seeds"])])
def test_full_adds_tests_and_what_takes_long_begins_first(tmp_path, options, names):
    shutil.copy(ROOT / "conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  full\n  long\n")
    (tmp_path / "test_some.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *options]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert re.findall(r"::test_(\w+) PASSED", run.stdout) == names, run.stdout + run.stderr
