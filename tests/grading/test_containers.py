"""One submission in one container. What needs an engine is skipped, with the engine's own words, where there is none
that starts containers; what the engine is asked for, and what is said where it cannot, needs none."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from attacks.weights import beside
from autograde import cli
from autograde.course.errors import CourseError
from autograde.course.lessons import GRADED, find_lesson
from autograde.grading.grade import grade
from autograde.grading.job import Job, Limits, Options
from autograde.grading.records import course as courses
from autograde.grading.records import results
from autograde.grading.sandbox import containers, isolation, rootfs, view, warm
from autograde.grading.sandbox.warm import Runner, Unsafe
from autograde.harness.sandboxed.backends import ALONE, BWRAP, CONTAINERS, DOCKER, MEANS, PODMAN
from autograde.harness.sandboxed.frames import Busy, Gone
from conftest import filled, released, submit

ROOT = Path(__file__).resolve().parents[2]
# without rights and without the second version of cgroups an engine limits neither memory nor processes
UNLIMITED = bool(os.geteuid()) and not Path("/sys/fs/cgroup/cgroup.controllers").exists()
LIMITS = Limits(cell=20.0, memory=256 * 2**20, processes=12, file_size=2**20)


@pytest.fixture(autouse=True)
def asked_anew():
    containers.ready.cache_clear()
    yield
    containers.ready.cache_clear()


def runner_by(means: str):
    """A Runner that this means of isolation alone is open to."""
    made = Runner()
    made.means = [means]
    try:
        with made:
            yield made
    except Unsafe as error:
        pytest.skip(f"no {means} here: {error}")


@pytest.fixture(scope="module", params=CONTAINERS)
def engine(request):
    yield from runner_by(request.param)


@pytest.fixture(scope="module", params=ALONE)
def alone(request):
    if request.param == BWRAP and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    yield from runner_by(request.param)


def text_of(reply: dict) -> str:
    return "".join(row.get("text", "") for row in reply["outputs"])


def there(engine: str, name: str) -> bool:
    """Whether the engine knows a container of this name, in whatever state."""
    return bool(containers._ask(containers.ready(engine), "ps", "-a", "-q", "--filter", f"name={name}").stdout.strip())


def gone(engine: str, name: str) -> bool:
    for _ in range(100):
        if not there(engine, name):
            return True
        time.sleep(0.2)
    containers._ask(containers.ready(engine), "rm", "--force", name)
    return False


# --- barriers -------------------------------------------------------------------------------------------------------


def test_nothing_gets_through(engine):
    assert set(engine.breaches) <= ({"start many processes"} if UNLIMITED else set())
    assert engine.assurance.startswith("full") or engine.breaches
    assert engine.isolated in CONTAINERS


def test_each_submission_has_the_view_of_its_lesson(engine):
    code = "import helpers.embeddings\ntry:\n    import helpers.single_head\n    print('there')\n"
    code += "except ImportError:\n    print('absent')\nfor name in ('judging', 'exercises'):\n    try:\n"
    code += "        __import__('autograde.' + name)\n        print('there')\n    except ImportError:\n        pass"
    for lesson in GRADED[2:4]:
        with engine.child(lesson.name, LIMITS) as child:
            expected = "there\n" if lesson.name == "04_multi_head" else "absent\n"
            assert text_of(child.run(code, 20)) == expected


def test_nothing_of_the_host_comes_in(engine, monkeypatch):
    """Podman passes a proxy's address on, which may hold a password."""
    monkeypatch.setenv("http_proxy", "http://kim:secret@proxy")
    code = """
import os, socket
print("secret" in open("/proc/self/environ").read() or "container" in os.environ, os.getuid() == os.getgid() == 65533)
print(os.listdir("/course/door"), os.stat("/proc/1/status").st_uid != os.getuid())
for path in ("/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock"):
    with socket.socket(socket.AF_UNIX) as one:
        print(one.connect_ex(path) != 0)
for path in ("/run/new", "/var/tmp/new", "/course/door/new", "/new"):
    try:
        open(path, "w")
        print(path)
    except OSError:
        pass
print(sorted(os.listdir("/sys/class/net")))
"""
    with engine.child(rootfs.OWN, LIMITS) as child:
        assert text_of(child.run(code, 20)).split("\n")[:-1] == [
            "False True",
            "[] True",
            *["True"] * 3,
            "['lo']",
        ]


def test_one_container_for_each_submission(engine):
    names = []
    for _ in range(2):
        with engine.child(rootfs.OWN, LIMITS) as child:
            names.append(engine._link.container.name)
            seen = text_of(child.run("import os\nprint(os.path.exists('/tmp/note'))\nopen('/tmp/note', 'w')", 20))
            assert seen == "False\n"
            assert there(engine.isolated, names[-1]) and child.checkpoint() and child.back()
        assert not there(engine.isolated, names[-1])
    assert names[0] != names[1]


# --- limits ---------------------------------------------------------------------------------------------------------

# each process has less than it may have, and none has the first one as its parent
APART = """
import os, time
for _ in range(3):
    if not os.fork():
        os.setsid()
        if os.fork():
            os._exit(0)
        held = b"x" * (150 * 2**20)
        time.sleep(600)
        os._exit(0)
time.sleep(600)
"""
# what stays behind holds everything that the process has open
BEHIND = """
import os, time
if not os.fork():
    os.setsid()
    if os.fork():
        os._exit(0)
    time.sleep(600)
    os._exit(0)
os.wait()
os._exit(0)
"""


def test_memory_of_processes_that_left_counts(alone):
    with alone.child(rootfs.OWN, LIMITS) as child:
        with pytest.raises(Gone) as over:
            child.run(APART, 20)
        assert over.value.memory == LIMITS.memory and not over.value.late


def test_with_a_submission_ends_what_it_left(alone):
    with alone.child(rootfs.OWN, LIMITS) as child:
        with pytest.raises(Gone) as over:
            child.run(BEHIND, 10)
        assert not over.value.late and not over.value.memory


@pytest.mark.skipif(UNLIMITED, reason="no engine limits memory here")
def test_a_container_that_is_full_is_named(engine, monkeypatch):
    """Memory that grows faster than the warm process looks is limited by the engine, and the verdict says so."""
    monkeypatch.setattr(containers, "ROOM", -600 * 2**20)
    limits = Limits(cell=20.0, memory=2**30)  # 424 MiB, of which the warm process takes a part
    with engine.child(rootfs.OWN, limits) as child:
        with pytest.raises(Gone) as over:
            child.run("held = b'x' * (900 * 2**20)", 20)
        assert over.value.memory == 2**30


# --- what is left ---------------------------------------------------------------------------------------------------

KILLED = """
import sys, time
from autograde.grading.job import Limits
from autograde.grading.sandbox import rootfs
from autograde.grading.sandbox.warm import Runner
runner = Runner()
runner.means = [sys.argv[1]]
with runner, runner.child(rootfs.OWN, Limits()) as child:
    print(runner._link.container.name, flush=True)
    child.run("import os, signal, time\\nos.fork() or os.setsid()\\ntime.sleep(600)", 600)
"""


def test_a_killed_grader_leaves_no_container(engine):
    words = [sys.executable, "-c", KILLED, engine.isolated]
    with subprocess.Popen(words, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}) as grader:
        name = grader.stdout.readline().decode().strip()
        assert there(engine.isolated, name)
        time.sleep(1)  # the cell runs
        grader.kill()
    assert gone(engine.isolated, name)


def test_a_killed_engine_program_leaves_no_container(engine):
    with engine.child(rootfs.OWN, LIMITS) as child:
        name = engine._link.container.name
        child.run("import os\nos.fork() or __import__('time').sleep(600)", 10)
        os.kill(engine._process.pid, signal.SIGKILL)
    assert gone(engine.isolated, name)


def test_a_process_that_hangs_leaves_no_container(engine, monkeypatch):
    """The connection closes and the process inside does not see it: then the engine ends it."""
    monkeypatch.setattr(isolation.Door, "patience", 0.1)
    with engine.child(rootfs.OWN, LIMITS):
        name = engine._link.container.name
        held = engine._control.dup()  # open until after the end
    assert gone(engine.isolated, name)
    held.close()


# --- marks ----------------------------------------------------------------------------------------------------------


def test_the_same_marks_as_elsewhere(engine):
    lesson = find_lesson("3")
    answers = {"right": filled(lesson), "untouched": released(lesson), "broken": filled(lesson, {"softmax": "1 / 0"})}
    got = {}
    for name, notebook in answers.items():
        data, release = nbformat.writes(notebook).encode(), nbformat.writes(released(lesson))
        result = grade(
            Job(
                lesson=lesson.name,
                student="kim",
                notebook=data,
                release=release,
                key=b"k" * 32,
                files=beside(lesson.name),
            ),
            engine,
        )
        got[name] = sum(mark.points for mark in result.scores.values())
        most = sum(mark.max_score for mark in result.scores.values())
        assert result.assurance == engine.assurance
    assert got["right"] == most and got["untouched"] == 0 < got["broken"] < most


# --- without an engine ----------------------------------------------------------------------------------------------


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A program `podman` that is first on the path, writes down how it was called, and does what the text says."""

    def make(text: str, engine: str = PODMAN) -> Path:
        program = tmp_path / "bin" / engine
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" -- >> {tmp_path / "asked"}\n{text}\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        return tmp_path / "asked"

    return make


def refusal(engine: str = PODMAN, runtime: str = "", unsafe: bool = False) -> str:
    runner = Runner(unsafe, runtime=runtime)
    runner.means = [engine]
    with pytest.raises(Unsafe) as refused:
        runner.start()
    assert runner._process is None and runner._link is None
    return str(refused.value)


def test_an_engine_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    runner = Runner()
    runner.means = [means for means in MEANS if means != "namespaces"]
    with pytest.raises(Unsafe) as refused:
        runner.start()
    text = str(refused.value)
    assert "(bubblewrap: bubblewrap is not installed; podman: podman is not installed; docker: docker is not" in text
    assert "Podman or Docker" in text and "--unsafe" in text


def test_an_engine_that_may_not_be_used(fake):
    fake("cat > /dev/null; echo; echo 'permission denied while trying to connect' >&2; exit 1")
    assert "podman: permission denied while trying to connect)" in refusal()


def test_an_engine_that_does_not_answer(fake, monkeypatch):
    monkeypatch.setattr(containers, "_ANSWER", 0.2)
    fake("exec sleep 60")
    assert "podman: podman did not answer within 0.2 seconds" in refusal()


def test_a_container_that_does_not_start(fake):
    said = "echo 'docker: Error response: no cgroups' >&2; echo >&2; echo \"Run 'docker run --help' for more\" >&2"
    asked = fake(f'if [ "$1" = run ]; then {said}; exit 125; fi')
    assert "the warm process did not start: docker: Error response: no cgroups)" in refusal()
    assert asked.read_text().startswith("image\ninspect\n")


def test_bubblewrap_that_may_not_is_one_reason_of_several(tmp_path, monkeypatch):
    """As on Ubuntu 24.04: it ends at once, also before it was told anything."""
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/nowhere")
    monkeypatch.setattr(warm, "MEANS", (BWRAP, *CONTAINERS))
    runner, send = Runner(), warm.frames.send

    def late(to, message):
        runner._process.wait()
        send(to, message)

    monkeypatch.setattr(warm.frames, "send", late)
    with pytest.raises(Unsafe) as refused:
        runner.start()
    assert "bubblewrap: the warm process did not start: bwrap: setting up uid map: Permission denied; podman: " in str(
        refused.value
    )


def test_an_image_is_made_once_and_is_empty(fake, tmp_path):
    fake(f'case "$1" in import) cat > {tmp_path}/image ;; *) exit 1 ;; esac')
    for _ in range(2):
        assert containers.ready(PODMAN) == str(tmp_path / "bin" / "podman")
    asked = (tmp_path / "asked").read_text().split("--\n")
    assert asked[:-1] == [f"image\ninspect\n{containers.IMAGE}\n", f"import\n-\n{containers.IMAGE}\n"]
    listed = subprocess.run(["tar", "tf", tmp_path / "image"], capture_output=True, text=True, check=True).stdout
    assert listed.split() == ["etc/passwd", "etc/group"]


def test_what_an_engine_is_asked_for(fake, tmp_path, monkeypatch):
    """Each of these is a part of the isolation; a self-test of each is not always possible (another kernel, a user
    without rights)."""
    monkeypatch.setenv("GRADER_SECRET", "of the host")
    asked = fake('if [ "$1" = run ]; then echo "Error: no" >&2; exit 125; fi')
    assert refusal()
    words = asked.read_text().split("--\n")[-2].split("\n")
    assert words[0] == "run" and "--rm" in words and "--read-only" in words
    pairs = list(itertools.pairwise(words))
    memory = warm.selftest.LIMITS.memory + containers.ROOM
    for pair in (
        ("--network", "none"),
        ("--ipc", "private"),
        ("--cap-drop", "ALL"),
        ("--security-opt", "no-new-privileges"),
        ("--user", "65533:65533"),
        ("--pull", "never"),
        ("--pids-limit", str(warm.selftest.LIMITS.processes + 1)),
        ("--memory", str(memory)),
        (containers.IMAGE, "/usr/bin/env"),
        ("/usr/bin/env", "-i"),
    ):
        assert pair in pairs, pair
    mounts = [value for name, value in pairs if name == "--mount"]
    assert len(mounts) > 8 and all(mount.endswith(",readonly") for mount in mounts)
    sizes = [value for name, value in pairs if name == "--tmpfs"]
    assert len(sizes) == 4 and all("size=" in value for value in sizes)
    assert not [word for word in words if "privileged" in word and word != "no-new-privileges"]
    assert not [
        word for word in words if word.startswith(("--device", "--volume", "-v", "--env", "--pid=", "--cap-add"))
    ]
    assert not any("GRADER_SECRET" in word or "of the host" in word for word in words)


def test_what_an_installed_course_holds_is_hidden(fake, tmp_path):
    """A folder among the installed packages appears empty, and none is shown that is not there."""
    fake("exit 0")
    package, link, absent = tmp_path / "site-packages", tmp_path / "lib", tmp_path / "absent"
    (package / "autograde").mkdir(parents=True)
    link.symlink_to(package)
    config = {
        "shown": [str(package), str(link), str(absent)],
        "hidden": [f"{package}/autograde", f"{package}/helpers"],
        "root": "/empty",
        "places": {"/course/common": "/common"},
    }
    container = containers.Container(PODMAN, tmp_path)
    words = container.command(config, Path("/stage"), LIMITS, {"NAME": "value"})
    container.shut()
    mounts = [words[at + 1] for at, word in enumerate(words) if word == "--mount"]
    expected = {package: package, link: package, f"{package}/autograde": "/empty", "/course/common": "/common"}
    expected |= {view.LESSON: "/stage", containers.DOOR: tmp_path / "door" / "inner"}
    assert mounts == [f'type=bind,"source={source}","destination={path}",readonly' for path, source in expected.items()]
    assert words[-4:] == [containers.IMAGE, "/usr/bin/env", "-i", "NAME=value"]


def test_nobody_else_gets_through_the_door(fake, tmp_path):
    """Other users of the machine must not be taken for the process inside."""
    fake("exit 0")
    container = containers.Container(PODMAN, tmp_path)
    assert (tmp_path / "door").stat().st_mode & 0o077 == 0
    assert (tmp_path / "door" / "inner" / containers.SOCKET).is_socket()
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        with pytest.raises(containers.Late):
            container.accept(sleeper, 0.1)
        code = "import time; from autograde.harness.sandboxed.main import connect\n"
        code += f"connect('{tmp_path}/door/inner/socket')\ntime.sleep(60)"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen([sys.executable, "-c", code], env=environment) as inside:
            container.accept(sleeper, 60).close()
            inside.kill()
        assert os.listdir(tmp_path / "door" / "inner") == [], "one comes in, and then nobody"
        sleeper.kill()


def test_a_program_that_ends_at_once_is_not_waited_for(fake, tmp_path):
    fake("exit 0")
    container = containers.Container(PODMAN, tmp_path)
    with subprocess.Popen(["true"]) as program, pytest.raises(containers.Ended):
        container.accept(program, 20)
    container.shut()


# --- another runtime ------------------------------------------------------------------------------------------------

KNOWN = (
    """case "$*" in *"run --rm"*) echo "Error: no" >&2; exit 125 ;; *info*) echo '{"runc": {}, "runsc": {}}' ;; esac"""
)


def test_podman_is_asked_for_the_runtime_before_its_command(fake):
    asked = fake(KNOWN)
    assert "by runsc on this machine (podman: the warm process did not start: Error: no)" in refusal(runtime="runsc")
    image, info, run = (call.split("\n") for call in asked.read_text().split("--\n")[:3])
    chosen = ["--runtime", "runsc", "--runtime-flag", "host-uds=open"]  # else nothing inside reaches the door
    assert image[:2] == ["image", "inspect"] and info[:-1] == [*chosen, "info"]
    assert run[:5] == [*chosen, "run"] and "--runtime" not in run[5:]
    number = int(run[run.index("--pids-limit") + 1])
    assert number == containers._HELPERS * (warm.selftest.LIMITS.processes + 1), "threads of a kernel's own count too"


def test_docker_is_asked_for_the_runtime_behind_its_command(fake):
    asked = fake(KNOWN, DOCKER)
    assert "(docker: the warm process did not start: Error: no)" in refusal(DOCKER, "runsc")
    _, info, run = (call.split("\n") for call in asked.read_text().split("--\n")[:3])
    assert info[:-1] == ["info", "--format", "{{json .Runtimes}}"]
    pairs = list(itertools.pairwise(run))
    assert run[0] == "run" and ("--runtime", "runsc") in pairs and "--runtime-flag" not in run


def test_a_runtime_of_another_name_gets_no_flag_of_gvisor(fake):
    asked = fake(KNOWN)
    assert refusal(runtime="/usr/bin/crun")
    assert asked.read_text().split("--\n")[1].split() == ["--runtime", "/usr/bin/crun", "info"]


@pytest.mark.parametrize("unsafe", [False, True])
def test_a_runtime_that_is_not_there_is_named_and_nothing_else_is_taken(fake, unsafe):
    fake("echo 'Error: default OCI runtime \"runsc\" not found: invalid argument' >&2; exit 125", PODMAN)
    fake(KNOWN.replace("runsc", "kata"), DOCKER)
    text = refusal(runtime="runsc", unsafe=unsafe)
    assert 'podman: Error: default OCI runtime "runsc" not found: invalid argument)' in text
    text = refusal(DOCKER, "runsc", unsafe)
    assert "docker: it does not know the runtime 'runsc', only kata, runc)" in text
    assert "Install the runtime" in text and "--unsafe" not in text


def test_with_a_runtime_only_containers_will_do():
    assert Runner(runtime="runsc").means == list(CONTAINERS)
    for name in ("run sc", "--privileged", "runsc;id", "käfig"):
        with pytest.raises(CourseError, match=re.escape(f"{name!r} is not a runtime")):
            Runner(runtime=name)


def test_the_command_and_nbgraders_configuration_choose_the_runtime(fake, classroom_3, capsys, monkeypatch):
    """What was graded elsewhere is not graded again for it."""
    fake(KNOWN.replace("runsc", "kata"))
    fake(KNOWN.replace("runsc", "kata"), DOCKER)
    submit(classroom_3, find_lesson("3"), "ada")
    monkeypatch.chdir(classroom_3)
    assert cli.main(["grade", "3", "--jobs", "1", "--runtime", "runsc"]) == 2
    said = capsys.readouterr().err
    assert "cannot be isolated by runsc" in said and "docker: it does not know the runtime 'runsc'" in said
    with Path("nbgrader_config.py").open("a") as config:
        config.write('\nc.CourseGrader.runtime = "runsc"\n')
    assert courses.load().options.runtime == "runsc"
    assert results._covers(Options(), Options(runtime="runsc"))


def test_an_engine_that_fails_later_is_a_fault_of_the_moment(fake):
    """What has isolated once is tried again, and costs nobody a point."""
    fake('if [ "$1" = run ]; then echo "Error: no space left" >&2; exit 125; fi')
    runner = Runner()
    runner.means, runner.isolated, runner.assurance, runner._proved = [PODMAN], PODMAN, "full", True
    with pytest.raises(Busy, match="no space left"), runner.child(rootfs.OWN, LIMITS):
        pass
