"""The warm process: imports what notebooks need, then forks a child for each submission.

Started by `warm.Runner` with a clean environment. Knows no secret, no reference and no catalogue; one thread. It reads
one byte (with a socket beside it) and one frame for each command:

    {"do": "child", "stage", "lesson", "work", "limits", "home"} + the child's socket -> {}
    {"do": "why"}                   -> {"memory": whether the child was ended because it used too much}
    {"do": "end"}                                                                     -> {}
    {"do": "clone"}                                     + the clone's control socket  -> {}

When it is ready it says {"counts": whether it can count a submission's memory}, and a child {}; or {"failed": why}.
A clone is a copy of this process, for another worker: it imports nothing again. While a child is there this looks how
much memory the processes of the child use together, and ends them above the limit. With bubblewrap and in a container
it is for a single child (`backends.ALONE`): it takes in whatever the child leaves behind, and ends it with the child.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from autograde.harness.sandboxed import backends, frames, resources

if TYPE_CHECKING:
    from autograde.harness.sandboxed.shell import Shell

_ENDING = 5.0  # seconds until everything below a process has ended; then the grader ends the whole of it


def connect(path: str) -> int:
    """The control socket of a container: through the door, which the grader shuts behind it."""
    control = socket.socket(socket.AF_UNIX)
    control.connect(path)
    return control.detach()


def main(number: int) -> None:
    control = socket.socket(fileno=number)
    config, _ = frames.receive(control)
    if "forks" in config:
        fork_off(socket.socket(fileno=config["forks"]), control, config)
    try:
        shell, isolated = prepare(config, number)
        alone = isolated in backends.ALONE
        memory = resources.Memory(bool(isolated), alone)
        frames.send(control, {"counts": memory.there})
    except BaseException as error:
        frames.send(control, {"failed": f"{type(error).__name__}: {error}"})
        return
    if alone:
        keep_to_itself()
    pid, limit, over = 0, 0, False
    while True:
        while pid and not select.select([control], [], [], resources.PERIOD)[0]:
            if alone and pid in ended():
                end_all(memory)
            if memory.exceeds(pid, limit):
                over = True
                end_all(memory) if alone else kill(pid)
        byte, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        try:
            if not byte:
                raise frames.Ended
            message, _ = frames.receive(control)
        except frames.Ended:
            os._exit(0)  # Python would take all modules apart first, for half a second
        if message["do"] == "child":
            pid, limit, over = fork(isolated), message["limits"]["memory"], False
            if not pid:
                control.close()
                child(socket.socket(fileno=descriptors[0]), shell, message, isolated)
                os._exit(0)
            os.close(descriptors[0])
            frames.send(control, {})
        elif message["do"] == "why":
            frames.send(control, {"memory": over or resources.ended_by_kernel()})
        elif message["do"] == "clone":
            ended()  # clones
            if not os.fork():
                control = become_clone(control, descriptors[0], isolated)
                memory = resources.Memory(bool(isolated))
                frames.send(control, {})
                continue
            os.close(descriptors[0])
            frames.send(control, {})
        else:
            end(pid)
            pid = 0
            frames.send(control, {})


def fork_off(door: socket.socket, control: socket.socket, config: frames.Message) -> None:
    """Import what this process and the grader's workers have in common, and fork the process from which the workers
    come. That is the grader's own: it stays outside of the tree, forgets what lies in the staging folder, and learns
    the grader's paths and variables, which this one never has."""
    sys.path += config["path"][1:]
    gc.disable()
    importlib.import_module("torch")
    if config["optimizers"]:
        importlib.import_module("torch._dynamo")  # the first optimizer does, which takes as long as PyTorch itself
    gc.freeze()
    resources.gather()
    if os.fork():
        door.close()
        return
    control.close()
    gc.enable()
    order, _ = frames.receive(door)
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.dont_write_bytecode = not order["writes_bytecode"]
    for name in list(sys.modules):
        if name.split(".")[0] in ("autograde", "helpers"):
            del sys.modules[name]
    importlib.import_module("site").main()  # packages that are installed by more than their folder
    sys.path[:] = order["path"]
    module, function = order["serve"].split(":")
    try:
        getattr(importlib.import_module(module), function)(door)
    except BaseException:
        import traceback

        traceback.print_exc()
    os._exit(0)


def become_clone(control: socket.socket, descriptor: int, isolated: str) -> socket.socket:
    """In the copy of this process: leave the control of the first one, take up its own."""
    control.close()
    if isolated:
        from autograde.harness.sandboxed import isolation

        isolation.die_with_parent()
    return socket.socket(fileno=descriptor)


def fork(isolated: str) -> int:
    if isolated != backends.NAMESPACES:
        return os.fork()
    from autograde.harness.sandboxed import isolation

    return isolation.fork()


def prepare(config: frames.Message, number: int) -> tuple[Shell, str]:
    """Enter the tree, import everything, pay what the first use of each costs."""
    isolated = config["isolated"]  # one of the means, or ""
    os.umask(0o022)
    if isolated == backends.NAMESPACES:
        from autograde.harness.sandboxed import isolation

        isolation.close_all_but({number, 2})
        isolation.enter_tree(config["root"], config["shown"], config["hidden"], config["places"])
    os.environ.clear()
    os.environ.update(config["environment"])
    os.makedirs(os.environ["TMPDIR"], exist_ok=True)
    os.makedirs(os.environ["HOME"], exist_ok=True)
    os.chdir(os.environ["HOME"])
    sys.path[:] = config["path"]
    for name in ("autograde", "autograde.harness", "autograde.harness.sandboxed"):  # they lie elsewhere in the tree
        sys.modules[name].__path__ = ["/".join([config["path"][0], *name.split(".")])]
    importlib.invalidate_caches()
    sys.argv[:] = ["notebook"]
    gc.disable()  # what is imported stays
    shell = warm_up(config["optimizers"])
    gc.enable()
    gc.collect()
    gc.freeze()
    if isolated and "forks" not in config:  # what is shared with the grader's workers has been gathered
        resources.gather()
    return shell, isolated


def warm_up(optimizers: bool) -> Shell:
    """`optimizers`: also what the first of them costs, which is as much as the import of PyTorch."""
    import numpy as np
    import torch

    torch.set_num_threads(1)
    import matplotlib.pyplot as plt
    import torch.nn.functional as F

    import helpers.example
    import helpers.figures

    importlib.import_module("autograde.harness.invoke")
    from autograde.harness.sandboxed.shell import Shell

    shell = Shell.instance()
    shell.cell(
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2], label='a'); plt.legend(); plt.show()",
        2**22,
    )
    shell.cell("1 / 0", 2**22)
    figure, axes = helpers.figures.new(1, 2)
    helpers.figures.heat_map(axes[0], np.eye(2), ["a", "bb"], ["개", "c"], "t", "x", "y")
    axes[1].plot([1, 2], label="a")
    axes[1].legend()
    helpers.figures.show(figure, alt="Two panels that are never shown to anybody.")
    plt.close("all")
    model = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    loss = F.cross_entropy(model(torch.randn(2, 3, 8)).flatten(0, 1), torch.zeros(6, dtype=torch.long))
    loss.backward()
    if optimizers:
        torch.optim.Adam(model.parameters()).step()
    np.testing.assert_allclose(np.ones(2), np.ones(2))
    F.scaled_dot_product_attention(torch.ones(1, 2, 4), torch.ones(1, 2, 4), torch.ones(1, 2, 4))
    shell.reset(new_session=True)
    shell.execution_count = 1
    return shell


def child(connection: socket.socket, shell: Shell, message: frames.Message, isolated: str) -> None:
    """In the fork: enter the isolation, say whether it held, serve."""
    from autograde.harness.sandboxed import session

    try:
        from autograde.harness.sandboxed import isolation, linux

        if isolated:
            isolation.close_all_but({connection.fileno()})
        os.setsid()
        if isolated == backends.NAMESPACES:
            isolation.enter_home(message["stage"], message["home"])
        if isolated in backends.ALONE:
            linux.prctl(linux.PR_SET_DUMPABLE, 1)
            with contextlib.suppress(OSError):  # where memory ends, a submission goes first
                Path("/proc/self/oom_score_adj").write_text("1000")
        resources.limit(message["limits"], bool(isolated), isolated in backends.CONTAINERS)
        if isolated:
            isolation.confine()
        work = message["work"]
        os.makedirs(work, exist_ok=True)
        os.chdir(work)
        sys.path.insert(0, "")
        import helpers

        helpers.__path__.append(message["lesson"] + "/helpers")
        frames.send(connection, {})
    except BaseException as error:
        frames.send(connection, {"failed": f"{type(error).__name__}: {error}"})
        os._exit(1)
    session.Session(connection, shell, work).serve()


def kill(pid: int) -> None:
    """With process 1 of its namespace everything in it ends; elsewhere its session at least."""
    for send in (os.kill, os.killpg):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            send(pid, signal.SIGKILL)


def keep_to_itself() -> None:
    """What the child leaves behind becomes this process's own. The child, though of the same user, can neither look
    into this process nor write to the grader through it."""
    from autograde.harness.sandboxed import linux

    linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
    linux.prctl(linux.PR_SET_DUMPABLE, 0)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 2)
    os.close(null)


def ended() -> list[int]:
    """The children of this process that have ended since the last look."""
    found = []
    with contextlib.suppress(ChildProcessError):
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            found.append(pid)
    return found


def end_all(memory: resources.Memory) -> None:
    """End everything below this process."""
    end = time.monotonic() + _ENDING
    while (group := memory.group(0)) and time.monotonic() < end:
        for name in group:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(name), signal.SIGKILL)
        ended()
        time.sleep(0.001)


def end(pid: int) -> None:
    """End a child and everything in it; returns when it is gone."""
    kill(pid)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
