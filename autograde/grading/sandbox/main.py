"""The warm process: imports what notebooks need, then forks a child for each submission.

Started by `warm.Runner` with a clean environment. Knows no secret, no reference and no catalogue; one thread. It reads
one byte (with a socket beside it) and one frame for each command:

    {"do": "child", "stage", "limits", "home"}  + the child's socket -> {}
    {"do": "end"}                                                    -> {}
    {"do": "twin"}                    + the twin's control socket    -> {}

A twin is a copy of this process, for another worker: it imports nothing again. While a child is there it looks how much
memory the processes of the child use together, and ends them above the limit.
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

from autograde.grading.sandbox import frames, resources


def main(number: int) -> None:
    control = socket.socket(fileno=number)
    config, _ = frames.receive(control)
    try:
        shell, isolated = prepare(config, number)
        frames.send(
            control, {"ready": True, "threads": len(os.listdir("/proc/self/task"))} if isolated else {"ready": True}
        )
    except BaseException as error:
        import traceback

        frames.send(control, {"failed": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()[-4000:]})
        return
    memory = resources.Memory(bool(isolated))
    pid, limit = 0, 0
    while True:
        while pid and not select.select([control], [], [], resources.PERIOD)[0]:
            if memory.used(pid) > limit:
                kill(pid)
        byte, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not byte:
            return
        try:
            message, _ = frames.receive(control)
        except frames.Ended:
            return
        if message["do"] == "child":
            pid, limit = fork(isolated), message["limits"]["memory"]
            if not pid:
                control.close()
                child(socket.socket(fileno=descriptors[0]), shell, message, isolated)
                os._exit(0)
            os.close(descriptors[0])
            frames.send(control, {})
        elif message["do"] == "twin":
            with contextlib.suppress(ChildProcessError):  # twins that have ended
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if not os.fork():
                control = become_twin(control, descriptors[0], isolated)
                memory = resources.Memory(bool(isolated))
                frames.send(control, {})
                continue
            os.close(descriptors[0])
            frames.send(control, {})
        else:
            end(pid)
            pid = 0
            frames.send(control, {})


def become_twin(control: socket.socket, descriptor: int, isolated: str) -> socket.socket:
    """In the copy of this process: leave the control of the first one, take up its own."""
    control.close()
    if isolated:
        from autograde.grading.sandbox import isolation

        isolation.die_with_parent()
    return socket.socket(fileno=descriptor)


def fork(isolated: str) -> int:
    if isolated != "namespaces":
        return os.fork()
    from autograde.grading.sandbox import isolation

    return isolation.fork()


def prepare(config: dict, number: int) -> tuple:
    """Enter the tree, import everything, pay what the first use of each costs."""
    isolated = config["isolated"]  # "namespaces", "bubblewrap" or ""
    os.umask(0o022)
    if isolated == "namespaces":
        from autograde.grading.sandbox import isolation

        isolation.close_all_but({number, 2})
        isolation.enter_tree(config["root"], config["shown"], config["hidden"], config["places"])
    os.environ.clear()
    os.environ.update(config["environment"])
    os.makedirs(os.environ["TMPDIR"], exist_ok=True)
    os.makedirs(os.environ["HOME"], exist_ok=True)
    os.chdir(os.environ["HOME"])
    sys.path[:] = config["path"]
    for name in ("autograde", "autograde.grading", "autograde.grading.sandbox"):  # they lie elsewhere in the tree
        sys.modules[name].__path__ = ["/".join([config["path"][0], *name.split(".")])]
    importlib.invalidate_caches()
    sys.argv[:] = ["notebook"]
    shell = warm_up()
    gc.collect()
    gc.freeze()
    if isolated:
        resources.gather()
    return shell, isolated


def warm_up():
    import numpy as np
    import torch

    torch.set_num_threads(1)
    import matplotlib.pyplot as plt
    import torch.nn.functional as F

    import helpers.example
    import helpers.figures

    importlib.import_module("autograde.answering")
    from autograde.grading.sandbox.shell import Shell

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
    optimizer = torch.optim.Adam(model.parameters())
    loss = F.cross_entropy(model(torch.randn(2, 3, 8)).flatten(0, 1), torch.zeros(6, dtype=torch.long))
    loss.backward()
    optimizer.step()
    torch.testing.assert_close(torch.ones(2), torch.ones(2))
    np.testing.assert_allclose(np.ones(2), np.ones(2))
    F.scaled_dot_product_attention(torch.ones(1, 2, 4), torch.ones(1, 2, 4), torch.ones(1, 2, 4))
    shell.reset(new_session=True)
    shell.execution_count = 1
    return shell


def child(connection: socket.socket, shell, message: dict, isolated: str) -> None:
    """In the fork: enter the isolation, say whether it held, serve."""
    from autograde.grading.sandbox import session

    try:
        from autograde.grading.sandbox import isolation

        if isolated:
            isolation.close_all_but({connection.fileno()})
        os.setsid()
        if isolated == "namespaces":
            isolation.enter_home(message["stage"], message["home"])
        resources.limit(message["limits"], bool(isolated))
        held = isolation.confine() if isolated else {}
        work = message["work"]
        os.makedirs(work, exist_ok=True)
        os.chdir(work)
        sys.path.insert(0, "")
        import helpers

        helpers.__path__.append(message["lesson"] + "/helpers")
        frames.send(connection, {"held": held})
    except BaseException as error:
        import traceback

        frames.send(connection, {"failed": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()[-4000:]})
        os._exit(1)
    session.serve(connection, shell, work)


def kill(pid: int) -> None:
    """With process 1 of its namespace everything in it ends; elsewhere its session at least."""
    for send in (os.kill, os.killpg):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            send(pid, signal.SIGKILL)


def end(pid: int) -> None:
    """End a child and everything in it; returns when it is gone."""
    kill(pid)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
