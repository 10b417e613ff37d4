"""The grader's side of one submission's process: cells to run, calls to answer, states to come back to."""

from __future__ import annotations

import inspect
import re
import socket
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from autograde.grading.job import Limits
from autograde.harness import fixtures
from autograde.harness.call import Call, Fixture
from autograde.harness.json_size import too_many_parts
from autograde.harness.sandboxed import frames
from autograde.harness.sandboxed.frames import Busy, Gone
from autograde.harness.wire import pack_calls

WAIT = 20.0  # seconds until a child is ready
GRACE = 3.0  # seconds beyond a cell's own time-out, until its process is ended
_MOST_DATA = 128 * 2**20  # bytes of the files of a submission


class Child:
    """The process of one submission, as a stack of states: the newest runs, older ones wait to be taken up again."""

    def __init__(self, connection: socket.socket, over: Callable[[], bool]):
        """`over` says, when the process has ended, whether it was ended because it used too much memory."""
        self._stack = [connection]
        self._over, self._memory = over, 0
        self.threads = 1
        self.seconds = 0.0  # that cells and calls have taken, as the child says

    def begin(self, released: Path, lesson: str, limits: Limits, files: dict[str, bytes]) -> None:
        """Files into the working folder: those of the submission, and links to those handed out (`released`), which
        the process sees in the folder `lesson`."""
        sizes, data, total = {}, [], 0
        for name, content in files.items():
            total += len(content)
            if total <= _MOST_DATA:
                sizes[name] = len(content)
                data.append(content)
        links = {path.name: f"{lesson}/release/{path.name}" for path in released.glob("*")}
        self._memory = limits.memory
        message = {"do": "begin", "files": sizes, "links": links, "output": limits.output, "memory": limits.memory}
        try:
            self._exchange(message, b"".join(data), WAIT)
        except Gone as gone:  # nothing of the submission has run
            what = f"was not ready after {WAIT:g} seconds" if gone.late else "ended before it began"
            raise Busy(f"the process of the submission {what}") from None

    def run(self, source: str, seconds: float) -> dict:
        """Run a cell: {"outputs": [...], "late", "count", "seconds"}, not to be trusted; Gone if its process is."""
        reply, _ = self._exchange({"do": "run", "source": source, "seconds": seconds}, b"", seconds + GRACE)
        if type(reply.get("outputs")) is not list:
            raise Gone
        return reply

    def ask(
        self, name: str, calls: list[Call], seconds: float, total: float, mended: dict[str, str] | None = None
    ) -> bytes | None:
        """Put the calls to the object of that name; None if there is none, else its answers as they came, for
        `wire.unpack_answers`.

        `mended`: {name: source} of what takes the place of the submission's own, for good in this process.
        ValueError if there are no answers; Gone if the process is.
        """
        factories = factory_sources(calls)
        message = {"do": "ask", "name": name, "seconds": seconds, "factories": factories, "mended": mended or {}}
        reply, data = self._exchange(message, pack_calls(calls), total)
        if reply.get("there") is not True:
            return None
        if "broken" in reply:
            raise ValueError(str(reply["broken"])[:300])
        return data

    def checkpoint(self, seconds: float = WAIT) -> bool:
        """Keep the state of now, to come back to it with `back`; False if that is not possible (threads), or not within
        `seconds`."""
        if self.threads != 1:
            return False
        ours, theirs = socket.socketpair()
        try:
            frames.send(self._stack[-1], {"do": "checkpoint"}, seconds=seconds)
            self._stack[-1].settimeout(seconds)
            socket.send_fds(self._stack[-1], [b"!"], [theirs.fileno()])
            self._stack[-1].settimeout(None)
            theirs.close()
            frames.receive(ours, seconds)
        except (OSError, frames.Ended, frames.Late):
            theirs.close()
            ours.close()
            return False
        self._stack.append(ours)
        return True

    def back(self, seconds: float = WAIT) -> bool:
        """Give up the newest state and take up the one before it; False if there is none that lives and answers within
        `seconds`."""
        self._stack.pop().close()
        if not self._stack:
            return False
        try:
            frames.send(self._stack[-1], {"do": "resume"}, seconds=seconds)
            frames.receive(self._stack[-1], seconds)
        except (frames.Ended, frames.Late):
            return False
        return True

    def _exchange(self, message: dict, data: bytes, seconds: float) -> tuple[dict, bytes]:
        end = time.monotonic() + seconds
        try:
            frames.send(self._stack[-1], message, data, seconds)
            left = max(0.001, end - time.monotonic())
            reply, more = frames.receive(self._stack[-1], left, too_many_parts)
        except frames.Late:
            raise Gone(late=True) from None
        except frames.Ended:
            raise Gone(memory=self._memory if self._over() else 0) from None
        threads = reply.get("threads")
        self.threads = threads if type(threads) is int else 0
        self.seconds += seconds_of(reply)
        return reply, more

    def close(self) -> None:
        for connection in self._stack:
            connection.close()


def seconds_of(reply: dict) -> float:
    """How long it took, as the child says."""
    seconds = reply.get("seconds")
    return seconds if type(seconds) is float and 0 <= seconds < 1e6 else 0.0


def factory_sources(calls: list[Call]) -> list[str]:
    """The source of the makers that the calls name, and of those that these use: no other exercise's."""
    wanted: set[str] = set()

    def look(value) -> None:
        if isinstance(value, Fixture):
            wanted.add(value.factory)
            look(value.args)
        elif isinstance(value, list | tuple):
            for item in value:
                look(item)
        elif isinstance(value, dict):
            look(tuple(value.values()))

    for call in calls:
        look(vars(call))
    sources, queue = {}, sorted(wanted)
    while queue:
        name = queue.pop()
        if name in sources or name not in fixtures.FACTORIES:
            continue
        sources[name], others = _factory(name)
        queue += others
    return [sources[name] for name in sorted(sources)]


@cache
def _factory(name: str) -> tuple[str, list[str]]:
    """The source of a maker, and the other makers that it calls."""
    source = inspect.getsource(fixtures.FACTORIES[name])
    return source, [other for other in fixtures.FACTORIES if re.search(rf"\b{other}\(", source)]
