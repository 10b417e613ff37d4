"""A control group for each submission, made in a stand-in for /sys/fs/cgroup. A real one with a memory controller was
not there to try."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from autograde.grading.job import Limits
from autograde.grading.sandbox import cgroups, rootfs
from autograde.grading.sandbox.warm import Runner, Unsafe
from autograde.harness.sandboxed.frames import Busy, Gone
from conftest import no_isolation

LIMITS = Limits(cell=20.0, memory=256 * 2**20, processes=12, file_size=2**20)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The grader's group: a folder whose files keep what is written, and that goes with the files in it."""
    group = tmp_path / "cgroup" / "user.slice" / "run-1.scope"
    group.mkdir(parents=True)
    (group / "cgroup.controllers").write_text("cpu memory pids\n")
    (group / "cgroup.procs").write_text(f"{os.getpid()}\n")
    (tmp_path / "membership").write_text("1:name=systemd:/other\n0::/user.slice/run-1.scope\n")
    monkeypatch.setattr(cgroups, "ROOT", tmp_path / "cgroup")
    monkeypatch.setattr(cgroups, "_MEMBERSHIP", tmp_path / "membership")
    monkeypatch.setattr(Path, "rmdir", shutil.rmtree)
    return group


def groups(own: Path) -> list[Path]:
    return list(own.glob("submission-*"))


def test_the_grader_moves_into_a_leaf_and_passes_the_controller_on(own, tmp_path):
    (own / "submission-of-a-killed-grader").mkdir()
    assert cgroups.delegated() == own
    assert (own / "grader" / "cgroup.procs").read_text() == str(os.getpid())
    assert (own / "cgroup.subtree_control").read_text() == "+memory" and groups(own) == []
    (tmp_path / "membership").write_text("0::/user.slice/run-1.scope/grader\n")
    assert cgroups.delegated() == own, "a worker, which is in the leaf already"
    assert not (own / "grader" / "grader").exists()


def test_what_the_grader_has_started_moves_with_it(own):
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        (own / "cgroup.procs").write_text(f"{os.getpid()}\n{sleeper.pid}\n")
        assert cgroups.delegated() == own and (own / "grader" / "cgroup.procs").read_text() == str(sleeper.pid)
        sleeper.kill()


@pytest.mark.parametrize("lack", ["controller", "file", "version", "alone", "rights"])
def test_where_one_thing_is_missing_there_are_no_groups(own, tmp_path, monkeypatch, lack):
    if lack == "controller":
        (own / "cgroup.controllers").write_text("cpu pids\n")
    elif lack == "file":
        (own / "cgroup.controllers").unlink()
    elif lack == "version":
        (tmp_path / "membership").write_text("4:memory:/somewhere\n")
    elif lack == "alone":
        (own / "cgroup.procs").write_text(f"{os.getpid()}\n{os.getppid()}\n")
    else:
        (own / "cgroup.subtree_control").mkdir()  # nobody can write it
    assert cgroups.delegated() is None
    assert lack == "rights" or not (own / "grader").exists(), "nothing is moved then"


@pytest.fixture
def runner(own):
    try:
        with Runner() as made:
            yield made
    except Unsafe as error:
        no_isolation(error)


def test_each_submission_is_in_a_group_of_its_own_that_goes_with_it(runner, own):
    assert runner.assurance == "full, memory by cgroup v2"
    for _ in range(2):
        with runner.child(rootfs.OWN, LIMITS) as child:
            (group,) = groups(own)
            written = {file.name: file.read_text() for file in group.iterdir()}
            pid = int(written.pop("cgroup.procs"))
            assert written == {"memory.max": str(LIMITS.memory + 4 * LIMITS.file_size), "memory.oom.group": "1"}
            shown = child.run("import os\nprint(os.getpid())", 20)["outputs"][0]["text"]
            numbers = Path(f"/proc/{pid}/status").read_text().split("NSpid:")[1].split("\n")[0].split()
            assert (numbers[0], numbers[-1]) == (str(pid), shown.strip()), "here, and in its own namespace"
        assert groups(own) == []


def test_a_process_that_the_kernel_has_ended_in_its_group_used_too_much(runner, own):
    with runner.child(rootfs.OWN, LIMITS) as child:
        (groups(own)[0] / "memory.events").write_text("low 0\nmax 7\noom 1\noom_kill 3\n")
        with pytest.raises(Gone) as gone:
            child.run("import os\nos._exit(9)", 20)
        assert gone.value.memory == LIMITS.memory


def test_a_copy_of_the_warm_process_makes_groups_as_well(runner, own):
    with Runner(clone=runner.clone()) as copy, copy.child(rootfs.OWN, LIMITS):
        assert len(groups(own)) == 1 and copy.assurance == runner.assurance


def test_a_group_that_cannot_be_made_later_costs_nobody_a_point(runner, own, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(cgroups.Group, "_write", refuses)
        with pytest.raises(Busy, match="for the submission: no right"), runner.child(rootfs.OWN, LIMITS):
            pass
    with runner.child(rootfs.OWN, LIMITS) as child:
        assert child.run("print(1)", 20)["outputs"][0]["text"] == "1\n"


def test_groups_that_do_not_work_are_not_promised(own, monkeypatch):
    monkeypatch.setattr(cgroups.Group, "_write", refuses)
    try:
        with Runner() as runner, runner.child(rootfs.OWN, LIMITS):
            assert runner.assurance == "full, memory by accounting" and groups(own) == []
    except Unsafe as error:
        no_isolation(error)


def refuses(*given):
    raise PermissionError("no right")
