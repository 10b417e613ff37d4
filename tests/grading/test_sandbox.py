"""The isolation of submissions: each barrier is tried, and each attempt succeeds where the barrier is missing."""

from __future__ import annotations

import ast
import contextlib
import errno
import os
import shutil
import signal
import socket
import struct
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from autograde import all_exercises
from autograde.course.lessons import GRADED, find_lesson
from autograde.grading.job import Limits
from autograde.grading.notebook.read import Unreadable, parse_submission
from autograde.grading.sandbox import child as child_module
from autograde.grading.sandbox import rootfs, selftest, view, warm
from autograde.grading.sandbox.child import factory_sources
from autograde.grading.sandbox.warm import Runner, Unsafe
from autograde.harness import fixtures, json_size, wire
from autograde.harness.sandboxed import frames, seccomp, syscalls
from autograde.harness.sandboxed.backends import BWRAP
from autograde.harness.sandboxed.frames import Busy, Gone
from conftest import released

ROOT = Path(__file__).resolve().parents[2]
LIMITS = Limits(cell=20.0, memory=256 * 2**20, processes=12, file_size=2**20)


@pytest.fixture(scope="module")
def open_runner():
    """The same without isolation."""
    made = Runner(unsafe=True)
    made.means = []
    with made:
        yield made


# each process has less than a process may have
TOGETHER = """
import os, time
for _ in range(3):
    if not os.fork():
        held = b"x" * (150 * 2**20)
        time.sleep(60)
        os._exit(0)
time.sleep(60)
"""


def text_of(reply: dict) -> str:
    return "".join(row.get("text", "") for row in reply["outputs"])


def errors(reply: dict) -> list[str]:
    return [row["ename"] for row in reply["outputs"] if row["output_type"] == "error"]


# --- barriers -------------------------------------------------------------------------------------------------------


def test_nothing_gets_through(runner):
    assert runner.breaches == {} and runner.assurance.startswith("full, memory by ")


def test_a_copy_of_a_warm_process_holds_as_the_first_does():
    with Runner() as first, Runner(clone=first.clone()) as second:
        assert second.assurance == first.assurance and second.isolated == first.isolated
        assert selftest.breaches(second) == {}
        with first.child("03_single_head", LIMITS) as own, second.child("03_single_head", LIMITS) as other:
            own.run("mine = 1", 20)
            assert text_of(other.run("print('mine' in globals())", 20)) == "False\n"
        control = second._control
        first.close()
        with second.child("03_single_head", LIMITS) as child:  # the copy ended with the first: another takes its place
            assert second._control is not control
            assert text_of(child.run("print(1 + 1)", 20)) == "2\n"


def test_every_attempt_of_the_self_test_succeeds_without_isolation(open_runner, monkeypatch):
    """Otherwise an attempt that fails would prove nothing."""
    make = open_runner.child
    monkeypatch.setattr(open_runner, "child", lambda stage, limits: make(stage, Limits(cell=limits.cell)))
    expected = attempts() - ({"gain rights", "write installation"} if os.geteuid() else set())
    assert set(selftest.breaches(open_runner)) >= expected - {"connect"}
    assert open_runner.assurance == "unsafe: no isolation"


LIMITED = {"see processes", "use much memory", "write large files", "start many processes"}  # may be in a level


def attempts() -> set[str]:
    functions = [node for node in ast.walk(ast.parse(selftest.ATTEMPTS)) if isinstance(node, ast.FunctionDef)]
    return {node.name.replace("_", " ") for node in functions if not node.name.startswith("_")}


@pytest.mark.parametrize("breach", sorted(attempts() - {"connect"} - LIMITED))
def test_a_machine_where_an_essential_border_does_not_hold_is_refused(breach, runner, monkeypatch):
    monkeypatch.setattr(selftest, "breaches", lambda runner: {breach: "this much"})
    refused = Runner()
    refused.means = [runner.isolated]
    with pytest.raises(Unsafe, match=f"one could {breach}"):
        refused.start()


def test_the_files_that_the_self_test_tries_to_read_are_there():
    with selftest.targets() as given:
        missing = [name for name in given["readable"] if not Path(name).exists()]
    assert {Path(name).name for name in missing} <= {".secret"}  # a class has one, a clone has none yet


def test_memory_and_files_are_limited_without_isolation_too(open_runner):
    assert not {"use much memory", "write large files"} & set(selftest.breaches(open_runner))


@pytest.mark.parametrize("without", [False, True], ids=["isolated", "unsafe"])
def test_the_memory_of_all_processes_together_is_limited(without, runner, open_runner):
    with (open_runner if without else runner).child(rootfs.OWN, LIMITS) as child:
        with pytest.raises(Gone) as gone:
            child.run(TOGETHER, 60)
        assert not gone.value.late and gone.value.memory == LIMITS.memory
        with pytest.raises(Gone) as gone:
            child.run("1", 60)
        assert gone.value.memory, "and still"


def test_memory_of_other_submissions_does_not_count():
    """Copies of one warm process see each other's submissions in /proc."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(Runner())
        second = stack.enter_context(Runner(clone=first.clone()))
        both = [stack.enter_context(runner.child(rootfs.OWN, LIMITS)) for runner in (first, second)]
        for child in both:
            assert not errors(child.run("held = b'x' * (150 * 2**20)", 20))
        for child in both:
            assert text_of(child.run("import time\ntime.sleep(0.5)\nprint('there')", 20)) == "there\n"


def test_memory_that_is_shared_counts_once(runner):
    code = "import os, time\nheld = b'x' * (120 * 2**20)\n"
    code += "copies = 0\nwhile copies < 3:\n    if not os.fork():\n        time.sleep(60)\n        os._exit(0)\n"
    code += "    copies += 1\ntime.sleep(1)\nprint('there')"
    with runner.child(rootfs.OWN, LIMITS) as child:
        assert text_of(child.run(code, 20)) == "there\n"


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_bubblewrap_holds_too():
    wrapped = Runner()
    wrapped.means = [BWRAP]
    with wrapped:
        # the kernel counts the processes of root in no limit, and bubblewrap keeps the user
        assert set(wrapped.breaches) <= ({"start many processes"} if os.geteuid() == 0 else set())
        assert wrapped.isolated == BWRAP
        for lesson in GRADED[2:4]:  # each submission in a process of its own, with the view of its lesson
            with wrapped.child(lesson.name, LIMITS) as child:
                code = "import helpers.embeddings\ntry:\n    import helpers.single_head\n    print('there')\n"
                code += "except ImportError:\n    print('absent')"
                expected = "there\n" if lesson.name == "04_multi_head" else "absent\n"
                assert text_of(child.run(code, 10)) == expected


def test_without_isolation_nothing_is_graded(monkeypatch):
    refused = Runner()
    refused.means = []
    with pytest.raises(Unsafe, match="--unsafe"):
        refused.start()


def test_a_barrier_that_fails_is_noticed(runner, monkeypatch):
    """The self-test decides, not the belief that the set-up has worked."""
    monkeypatch.setattr(selftest, "breaches", lambda asked: {"connect by TCP": "an address"})
    with pytest.raises(Unsafe, match="namespaces: one could connect by TCP"):
        Runner().start()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
def test_every_system_call_that_is_not_allowed_is_refused(runner):
    column = {"x86_64": 0, "aarch64": 1}[os.uname().machine]
    allowed = {
        numbers[column] for numbers in (*syscalls.ALLOWED.values(), seccomp._CLONE, seccomp._IOCTL, seccomp._SOCKET)
    }
    uprobes = {335, 336}  # of x86-64; the kernel itself lets them by a filter, and ends who calls them from elsewhere
    others = [*(set(range(700)) - allowed - uprobes), 0x40000000, 0x40000001]
    code = (
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        f"for number in {others}:\n"
        "    result = libc.syscall(number, -1, 0, 0, 0, 0), ctypes.get_errno()\n"
        f"    if result != (-1, {errno.ENOSYS}): print(number, result)"
    )
    assert len(others) > 400
    with runner.child(rootfs.OWN, LIMITS) as child:
        assert text_of(child.run(code, 10)) == ""


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_numbers_of_a_machine_are_different_ones(machine):
    column = {"x86_64": 0, "aarch64": 1}[machine]
    numbers = [numbers[column] for numbers in syscalls.ALLOWED.values() if numbers[column] is not None]
    assert len(numbers) == len(set(numbers)) > 180
    assert len(seccomp.program(machine)) // 8 < 4096, "more instructions than the kernel takes"


MEMORY = {  # in pages that no process need have mapped
    "memfd": "os.memfd_create('held')",
    "System V": """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.shmget(0, 2**20, 0o1600) < 0:
            raise OSError(ctypes.get_errno(), "shmget")
    """,
}


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
@pytest.mark.parametrize("kind", MEMORY)
def test_memory_that_no_process_maps_is_not_given(runner, kind):
    with runner.child(rootfs.OWN, LIMITS) as child:
        reply = child.run("import os\n" + textwrap.dedent(MEMORY[kind]), 20)
        assert errors(reply) == ["OSError"]


def test_programs_and_pages_that_forks_write_on_count(runner):
    programs = """
        import subprocess, sys
        code = "held = b'x' * (100 * 2**20)\\nimport time\\ntime.sleep(60)"
        for _ in range(4):
            subprocess.Popen([sys.executable, "-S", "-c", code])
        time.sleep(10)
    """
    forks = """
        held = bytearray(b"x" * (60 * 2**20))
        for _ in range(8):
            if not os.fork():
                for place in range(0, len(held), 4096):
                    held[place] = 1
                time.sleep(60)
        time.sleep(10)
    """
    for code in (programs, forks):
        with runner.child(rootfs.OWN, LIMITS) as child:
            with pytest.raises(Gone) as gone:
                child.run("import os, time\n" + textwrap.dedent(code), 30)
            assert gone.value.memory == LIMITS.memory


@pytest.mark.parametrize("lesson", GRADED, ids=lambda lesson: lesson.name)
def test_only_earlier_lessons_can_be_imported(runner, lesson):
    topics = [lesson.topic for lesson in GRADED]
    number = topics.index(lesson.topic)
    allowed = [*topics[:number], "example", "figures"]
    code = f"""
    import importlib
    for name in {[*topics, "example", "figures"]!r}:
        try:
            importlib.import_module("helpers." + name)
            print(name)
        except ImportError:
            pass
    for name in ("exercises", "judging", "checking", "grading.grade", "comparing"):
        try:
            importlib.import_module("autograde." + name)
            print("autograde", name)
        except ImportError:
            pass
    import autograde.harness.fixtures
    print(autograde.harness.fixtures.FACTORIES)
    """
    code = "\n".join(line[4:] for line in code.splitlines())
    with runner.child(lesson.name, LIMITS) as child:
        assert text_of(child.run(code, 20)).split("\n")[:-1] == [*allowed, "{}"]


def test_the_trainer_can_be_imported_and_not_used(runner):
    """The imports of lesson 8 work as they stand; what trains, and the references inside, are not there."""
    (cell,) = [cell.source for cell in released(find_lesson("8")).cells if "from helpers.trainer import" in cell.source]
    assert "check" in cell and cell.count("helpers.trainer") > 3
    code = """
import helpers.trainer, inspect, pkgutil, importlib
Absent, error = helpers.trainer.absent.Absent, helpers.trainer.TrainingError
names = [one.name for one in pkgutil.iter_modules(helpers.trainer.__path__)]
modules = [importlib.import_module("helpers.trainer." + name) for name in names]
uses = (lambda x: x(), lambda x: x.preset, lambda x: x["small"], lambda x: list(x), lambda x: isinstance(1, x))
found, reasons = 0, set()
for module in [helpers.trainer, *modules]:
    for name, value in vars(module).items():
        is_error = inspect.isclass(value) and issubclass(value, error)
        if name[0] == "_" or inspect.ismodule(value) or value is Absent or is_error:
            continue
        found += 1
        for use in uses:
            try:
                use(value)
                print("works:", module, name)
            except error as one:
                reasons.add(str(one).split(":")[0])
print(found > 100, reasons, helpers.trainer.Config, len(helpers.corpus.grammar_corpus().train))
"""
    with runner.child("08_training", LIMITS) as child:
        assert errors(child.run(cell, 20)) == []
        reply = child.run(code, 20)
    assert text_of(reply).strip() == "True {'Training does not run in grading'} <Config: not there in grading> 20000"


def test_nothing_of_the_course_is_in_the_memory_of_the_warm_process(runner):
    code = "import sys; print(sorted(m for m in sys.modules if m.startswith(('helpers', 'autograde'))))\nimport os; "
    code += "print(sorted(os.environ), os.listdir('.'), os.listdir(os.environ['HOME']))"
    with runner.child(rootfs.OWN, LIMITS) as child:
        text = text_of(child.run(code, 10))
    modules = ast.literal_eval(text.splitlines()[0])
    assert not [name for name in modules if any(word in name for word in ("exercises", "judg", "decoder", "bundle"))]
    assert "COURSE" not in text and text.rstrip().endswith("[] []")


def test_submissions_do_not_see_each_other(runner):
    leave = (
        "import os\nfor p in ('note', os.environ['HOME'] + '/note', '/tmp/note', '/dev/shm/note'):\n    open(p, 'w')"
    )
    look = "import os\nprint([p for p in ('note', os.environ['HOME'] + '/note', '/tmp/note', '/dev/shm/note') "
    look += "if os.path.exists(p)])"
    with runner.child(rootfs.OWN, LIMITS) as child:
        child.run(leave, 10)
        assert text_of(child.run(look, 10)).count("note") == 4
    with runner.child(rootfs.OWN, LIMITS) as child:
        assert text_of(child.run(look, 10)) == "[]\n"


def test_nothing_outlives_a_submission(runner, tmp_path):
    mark = f"sandbox-{os.getpid()}-{time.monotonic_ns()}"
    code = f"import subprocess\nsubprocess.Popen(['sleep', '1000'], env={{'MARK': '{mark}'}}, start_new_session=True)"
    with runner.child(rootfs.OWN, LIMITS) as child:
        assert not errors(child.run(code, 10))
        for _ in range(500):  # a program that has just been started shows its environment a moment later
            if running(mark):
                break
            time.sleep(0.01)
        else:
            pytest.fail("the program was not started")
    assert not running(mark)


def running(mark: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "environ").read_bytes():
                found.append(entry.name)
        except OSError:
            continue
    return found


def test_the_warm_process_ends_with_the_grader(runner):
    """Also when the grader is killed: nothing of it is left."""
    code = (
        "import sys, time; from autograde.grading.sandbox.warm import Runner; r = Runner(unsafe=True); r.start(); "
        "print(r._process.pid, flush=True); time.sleep(100)"
    )
    import subprocess

    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as grader:
        pid = int(grader.stdout.readline())
        grader.kill()
    for _ in range(200):
        try:
            if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                return
        except OSError:
            return
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the warm process is still there")


def test_folders_of_killed_graders_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old = time.time() - 1000
    for name in ("grader-dead", "grader-alive", "grader-new"):
        (tmp_path / name / "stage").mkdir(parents=True)
        (tmp_path / name / "lock").touch()
        if name != "grader-new":
            os.utime(tmp_path / name / "lock", (old, old))
    held = FileLock(tmp_path / "grader-alive" / "lock")
    with held:
        os.utime(tmp_path / "grader-alive" / "lock", (old, old))
        warm._clean_up()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grader-alive", "grader-new"]


def test_a_folder_that_somebody_else_has_planted_stays_and_leads_nowhere(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old = time.time() - 1000
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "lock").write_text("precious")
    (tmp_path / "grader-file").mkdir()
    (tmp_path / "grader-file" / "lock").symlink_to(precious / "lock")
    (tmp_path / "grader-folder").symlink_to(precious)
    os.utime(precious / "lock", (old, old))
    warm._clean_up()
    assert (precious / "lock").read_text() == "precious"
    (tmp_path / "grader-theirs").mkdir()
    (tmp_path / "grader-theirs" / "lock").touch()
    os.utime(tmp_path / "grader-theirs" / "lock", (old, old))
    monkeypatch.setattr(os, "geteuid", lambda: -1)
    warm._clean_up()
    assert (tmp_path / "grader-theirs" / "lock").exists()


def test_a_warm_process_that_died_is_started_again(runner):
    os.kill(runner._process.pid, signal.SIGKILL)
    runner._process.wait()
    with runner.child(rootfs.OWN, LIMITS) as child:
        assert text_of(child.run("print(1)", 10)) == "1\n"


def test_optimizers_are_there_also_where_they_were_not_expected():
    code = "import sys, torch\nprint('torch._dynamo' in sys.modules)\n"
    code += "torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)\nprint('there')"
    with Runner(optimizers=False) as runner, runner.child(rootfs.OWN, LIMITS) as child:
        assert text_of(child.run(code, 20)) == "False\nthere\n"


# --- a machine that is too busy -------------------------------------------------------------------------------------


def test_a_late_warm_process_is_no_lack_of_isolation(monkeypatch):
    late = Runner()
    with monkeypatch.context() as patch:
        patch.setattr(warm, "_START", 0.0)
        with pytest.raises(Busy, match="not ready after 0 seconds"):
            late.start()
    assert late._process is None and late.means == list(warm.MEANS), "all that it may try is still open to it"


@pytest.mark.parametrize("module", [warm, child_module], ids=["the process", "its beginning"])
def test_a_late_child_is_not_taken_for_the_next_one(runner, monkeypatch, module):
    with monkeypatch.context() as patch:
        patch.setattr(module, "WAIT", 0.0)
        with pytest.raises(Busy), runner.child(rootfs.OWN, LIMITS):
            pass
    with pytest.raises(Gone) as gone, runner.child(rootfs.OWN, LIMITS) as child:
        assert text_of(child.run("print(1 + 1)", 20)) == "2\n"
        child.run("import os\nos._exit(0)", 20)
    assert not gone.value.late and not gone.value.memory
    assert runner.assurance.startswith("full")


def test_what_isolates_once_is_not_refused_later(runner, monkeypatch):
    """A warm process that cannot be started again is a fault of the moment; a barrier that then fails is not."""
    runner.close()
    with monkeypatch.context() as patch:
        patch.setattr(warm.view, "config", fails)
        with pytest.raises(Busy, match="no room"):
            runner.start()
        with pytest.raises(Unsafe, match="no room"):
            Runner().start()
    with monkeypatch.context() as patch:
        patch.setattr(selftest, "breaches", lambda asked: {"connect by TCP": "an address"})
        with pytest.raises(Unsafe, match="connect by TCP"):
            runner.start()
    runner.start()
    assert runner.assurance.startswith("full")


def fails(*args):
    raise warm.view.Missing("no room")


def test_a_process_that_ends_when_the_machine_has_no_memory_is_not_blamed(runner, monkeypatch):
    kills = iter(range(100))
    with monkeypatch.context() as patch:
        patch.setattr(warm, "_kills", lambda: next(kills))
        with pytest.raises(Busy, match="no memory left"), runner.child(rootfs.OWN, LIMITS) as child:
            child.run("import os\nos._exit(0)", 20)
        with pytest.raises(Gone) as gone, runner.child(rootfs.OWN, LIMITS) as child:
            child.run(TOGETHER, 60)
        assert gone.value.memory, "it had more than its own share"
    assert warm._kills() == warm._kills() >= 0


# --- frames ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        frames.HEAD.pack(2**31, 0),
        frames.HEAD.pack(2, 2**50) + b"{}",
        frames.HEAD.pack(3, 0) + b"[1]",
        frames.HEAD.pack(4, 0) + b"\xff\xff\xff\xff",
        frames.HEAD.pack(200_000, 0) + b"[" * 200_000,
        b"short",
    ],
)
def test_what_is_no_frame_ends_the_connection(data):
    ours, theirs = socket.socketpair()
    with ours:
        theirs.sendall(data[:100_000])
        if len(data) > 100_000:
            import threading

            threading.Thread(target=lambda: (theirs.sendall(data[100_000:]), theirs.close())).start()
        else:
            theirs.close()
        with pytest.raises(frames.Ended):
            frames.receive(ours, 5)


def test_a_frame_that_never_ends_is_late():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(frames.HEAD.pack(10, 0) + b"{")
        with pytest.raises(frames.Late):
            frames.receive(ours, 0.05)


@pytest.mark.parametrize("part", [b"[],", b"{},"])
def test_a_json_text_with_too_many_parts_is_not_parsed(part):
    """Python's objects need up to 177 times the memory of their text; commas and brackets in strings need none."""
    many = b"[" + part * json_size.CONTAINERS + b"0]"
    assert json_size.too_many_parts(many) and json_size.too_many_parts(b"[" + b"1," * (json_size.ITEMS + 1) + b"0]")
    assert not json_size.too_many_parts(b'["' + part.replace(b'"', b"") * 3_000_000 + b'\\" ,"]')
    with pytest.raises(ValueError, match="too many parts"):
        wire.load(struct.pack(">Q", len(many)) + many)
    with pytest.raises(Unreadable, match="too many"):
        parse_submission(b'{"cells": [], "extra": ' + many + b"}")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = threading.Thread(target=frames.send, args=(theirs, {"outputs": []}))
        sender.start()
        with pytest.raises(frames.Ended, match="too many parts"):
            frames.receive(ours, 5.0, lambda text: json_size.too_many_parts(text, containers=1))
        sender.join()


def test_a_frame_that_nobody_takes_is_late():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with pytest.raises(frames.Late):
            frames.send(ours, {"source": "#" * 2**23}, seconds=0.05)
        with pytest.raises(frames.Late):
            frames.send(ours, {}, bytes(2**23), seconds=0.05)


# --- cells ----------------------------------------------------------------------------------------------------------


def test_cells_show_what_jupyter_shows(runner):
    with runner.child("03_single_head", LIMITS) as child:
        assert child.run("1 + 1", 10)["outputs"] == [
            {"output_type": "execute_result", "data": {"text/plain": "2"}, "metadata": {}, "execution_count": 1}
        ]
        both = child.run("import sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c')", 10)["outputs"]
        assert [(row["name"], row["text"]) for row in both] == [("stdout", "a\n"), ("stderr", "b\n"), ("stdout", "c\n")]
        figure = child.run("import matplotlib.pyplot as plt\nplt.plot([1, 2]);", 20)["outputs"]
        assert [row["output_type"] for row in figure] == ["display_data"] and "image/png" in figure[0]["data"]
        shown = child.run(
            "from helpers.figures import new, show\nfigure, axes = new()\naxes.plot([1, 2])\n"
            "show(figure, alt='A line that rises from one to two.')",
            20,
        )["outputs"]
        assert shown[0]["metadata"]["image/png"]["alt"].startswith("A line")
        assert text_of(child.run("import asyncio\nawait asyncio.sleep(0)\nprint('done')", 10)) == "done\n"
        assert text_of(child.run("!echo from the shell", 10)) == "from the shell\n"
        assert text_of(child.run("import os\nx = os.system('echo below Python')", 10)) == "below Python\n"
        assert child.run("from IPython.display import display, Markdown\ndisplay(Markdown('*a*'))", 10)["outputs"][0][
            "data"
        ] == {"text/plain": "<IPython.core.display.Markdown object>", "text/markdown": "*a*"}
        assert errors(child.run("input()", 10)) == ["StdinNotImplementedError"]
        assert errors(child.run("1 / 0", 10)) == ["ZeroDivisionError"]
        kept = child.run("print(any(get_ipython().history_manager.exceptions.values()))", 10)
        assert text_of(kept) == "False\n"  # a traceback is formatted once, to be shown
        assert errors(child.run("def (", 10)) == ["SyntaxError"]
        assert errors(child.run("import sys\nsys.exit(1)", 10)) == ["SystemExit"]
        added = child.run("from autograde import check\ncheck('softmax')", 10)
        assert "left out" in text_of(added) and not errors(added)
        assert os.path.basename("figures") in text_of(child.run("import os\nprint(os.listdir('.'))", 10))


def test_output_is_cut(runner):
    with runner.child(rootfs.OWN, Limits(output=1000)) as child:
        reply = child.run("for _ in range(10**4): print('x' * 100)", 20)
        assert len(text_of(reply)) < 1200 and "was cut" in text_of(reply)


def test_a_cell_that_does_not_end(runner):
    with runner.child(rootfs.OWN, LIMITS) as child:
        child.run("x = 1", 10)
        assert errors(child.run("while True: pass", 0.3)) == ["CellTimeoutError"]
        assert child.run("x", 10)["outputs"][0]["data"]["text/plain"] == "1"  # the state is still there
        stubborn = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])\nwhile True: pass"
        with pytest.raises(Gone) as gone:
            child.run(stubborn, 0.2)
        assert gone.value.late


def test_a_copy_that_a_cell_forks_does_not_answer(runner):
    with runner.child(rootfs.OWN, LIMITS) as child:
        child.run("import os\npid = os.fork()", 10)
        assert [child.run(f"{n}", 10)["outputs"][0]["data"]["text/plain"] for n in range(5)] == list("01234")


def test_states_are_kept_and_taken_up_again(runner):
    with runner.child(rootfs.OWN, LIMITS) as child:
        child.run("x = 1", 10)
        assert child.checkpoint()
        child.run("x = 2", 10)
        assert child.checkpoint()
        with pytest.raises(Gone) as gone:
            child.run("x = 3\nimport os\nos._exit(1)", 10)
        assert not gone.value.memory and not gone.value.late, "it ended by itself"
        assert child.back() and child.run("x", 10)["outputs"][0]["data"]["text/plain"] == "2"
        assert child.back() and child.run("x", 10)["outputs"][0]["data"]["text/plain"] == "1"
        assert not child.back()


def test_no_state_is_kept_beside_a_thread(runner):
    with runner.child(rootfs.OWN, LIMITS) as child:
        child.run("import threading\nend = threading.Event()\nthreading.Thread(target=end.wait).start()", 10)
        assert not child.checkpoint()
        gone = "end.set()\nimport os, time\nwhile len(os.listdir('/proc/self/task')) > 1: time.sleep(0.01)"
        assert not errors(child.run(gone, 10))
        assert child.checkpoint()


# --- what a call brings along ---------------------------------------------------------------------------------------


def test_only_the_makers_of_the_calls_travel():
    for exercise in all_exercises():
        sources = factory_sources(exercise.calls(1))
        named = {name for name in fixtures.FACTORIES if any(f"def {name}(" in source for source in sources)}
        assert len(named) == len(sources)
        if exercise.name in ("DecoderLayer", "Decoder", "Transformer"):
            assert "whole_transformer" not in named


def test_the_temporary_folder_lies_beside_the_home_wherever_that_is():
    for isolated in (True, False):
        environment = view.config(Path("/home/home/x"), isolated)["environment"]
        assert Path(environment["TMPDIR"]).parent == Path(environment["HOME"]).parent
        assert environment["TMPDIR"] != environment["HOME"]
