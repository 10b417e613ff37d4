"""IPython without a kernel: runs a cell and collects the outputs that JupyterLab would show.

Runs beside the learner's code.
"""

from __future__ import annotations

import builtins
import io
import sys
from typing import Any

from IPython.core.completer import Completer
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.error import StdinNotImplementedError
from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type

HistoryManager.enabled = False  # type: ignore[assignment]  # no database, and no thread that writes it
Completer.use_jedi = False  # type: ignore[assignment]  # traitlets: this sets the default of a Bool


class Outputs:
    """The outputs of the running cell, as nbformat has them; at most `limit` bytes."""

    def __init__(self, limit: int):
        self.items: list[dict[str, Any]] = []
        self.limit, self.size, self.cut = limit, 0, False
        self._clear_next = False

    def add(self, output: dict[str, Any]) -> None:
        if self._clear_next:
            self.clear()
        size = _size(output)
        if self.size + size > self.limit:
            self.cut = True
            return
        self.size += size
        self.items.append(output)

    def stream(self, name: str, text: str) -> None:
        if self._clear_next:
            self.clear()
        room = self.limit - self.size
        if len(text) > room:
            self.cut, text = True, text[: max(0, room)]
        if not text:
            return
        self.size += len(text)
        last = self.items[-1] if self.items else {}
        if last.get("output_type") == "stream" and last["name"] == name:
            last["pieces"].append(text)
        else:
            self.items.append({"output_type": "stream", "name": name, "pieces": [text]})

    def clear(self, wait: bool = False) -> None:
        if wait:
            self._clear_next = True
            return
        self.items, self.size, self._clear_next = [], 0, False

    def update(self, display_id: str, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        for item in self.items:
            if item.get("display_id") == display_id:
                item["data"], item["metadata"] = data, metadata

    def finished(self) -> list[dict[str, Any]]:
        done = []
        for item in self.items:
            item = dict(item)
            item.pop("display_id", None)
            if item["output_type"] == "stream":
                item["text"] = _returned("".join(item.pop("pieces")))
            done.append(item)
        if self.cut:
            text = f"[The output was cut: a cell shows at most {self.limit / 2**20:g} MiB.]\n"
            done.append({"output_type": "stream", "name": "stderr", "text": text})
        return done


def _size(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_size, value))
    return len(value) if isinstance(value, str | bytes) else 8


def _returned(text: str) -> str:
    """A carriage return begins the line again, as in a terminal (progress bars)."""
    if "\r" not in text:
        return text
    lines = []
    for line in text.replace("\r\n", "\n").split("\n"):
        lines.append(line.rstrip("\r").rsplit("\r", 1)[-1])
    return "\n".join(lines)


class Stream(io.TextIOBase):
    """sys.stdout or sys.stderr."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, name: str, shell: Shell, number: int):
        self.name, self._shell, self._number = f"<{name}>", shell, number
        self._stream = name

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._shell.outputs.stream(self._stream, text)
        return len(text)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return False


class Publisher(DisplayPublisher):
    def publish(self, data: Any, metadata: Any = None, source: Any = None, **options: Any) -> None:
        transient = options.get("transient") or {}
        data, metadata = _bundle(data), _plain(metadata or {})
        display_id = transient.get("display_id")
        if options.get("update"):
            self.shell.outputs.update(display_id, data, metadata)
            return
        output = {"output_type": "display_data", "data": data, "metadata": metadata}
        if display_id:
            output["display_id"] = display_id
        self.shell.outputs.add(output)

    def clear_output(self, wait: bool = False) -> None:
        self.shell.outputs.clear(wait)


class Hook(DisplayHook):
    """Shows the value of a cell's last line."""

    def start_displayhook(self) -> None:
        self._bundle: dict[str, Any] | None = None

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        self._bundle = {
            "output_type": "execute_result",
            "data": _bundle(format_dict),
            "metadata": _plain(md_dict or {}),
            "execution_count": self.prompt_count,
        }

    def finish_displayhook(self) -> None:
        if self._bundle is not None and self._bundle["data"]:
            self.shell.outputs.add(self._bundle)
        self._bundle = None


def _bundle(data: dict[str, Any]) -> dict[str, Any]:
    return {str(key): value if _json(key) else str(value) for key, value in _plain(data).items()}


def _json(mime: str) -> bool:
    return mime == "application/json" or mime.endswith("+json")


def _plain(value: Any, depth: int = 0) -> Any:
    """JSON data; bytes (a PNG) become base64 text."""
    if isinstance(value, bytes):
        import base64

        return base64.b64encode(value).decode()
    if isinstance(value, str):
        return str.__str__(value).encode("utf-8", "replace").decode()
    if isinstance(value, dict) and depth < 20:
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple) and depth < 20:
        return [_plain(item, depth + 1) for item in value]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    return str(value)


class Shell(InteractiveShell):
    outputs: Outputs
    displayhook_class = Type(Hook)
    display_pub_class = Type(Publisher)

    def __init__(self, **kwargs: Any) -> None:
        self.outputs = Outputs(4 * 2**20)
        super().__init__(**kwargs)
        self.system = self.system_piped
        self.events.register("post_execute", _flush_figures)

    def enable_gui(self, gui: Any = None) -> None:
        pass

    def init_io(self) -> None:
        pass

    def ask_exit(self) -> None:
        pass

    def raw_input(self, prompt: object = "") -> str:
        raise StdinNotImplementedError(
            "`input` waits for somebody to type, and nobody is there while a notebook is graded."
        )

    def system_piped(self, cmd: str) -> None:
        import subprocess

        done = subprocess.run(self.var_expand(cmd, depth=1), shell=True, stdin=subprocess.DEVNULL, capture_output=True)
        sys.stdout.write(done.stdout.decode("utf-8", "replace"))
        sys.stderr.write(done.stderr.decode("utf-8", "replace"))
        self.user_ns["_exit_code"] = done.returncode

    def _format_exception_for_storage(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """IPython formats each traceback once more, for a history that ends with this process."""
        return {}

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
        name = etype.__name__ if isinstance(etype, type) else str(etype)
        lines = stb if isinstance(stb, list) else str(stb).split("\n")
        try:
            text = str(evalue)
        except BaseException:
            text = ""
        self.outputs.add(
            {
                "output_type": "error",
                "ename": name,
                "evalue": _plain(text),
                "traceback": [_plain(str(x)) for x in lines],
            }
        )

    def cell(self, source: str, limit: int) -> list[dict[str, Any]]:
        """Run a cell as JupyterLab does; its outputs."""
        self.outputs = Outputs(limit)
        before = sys.stdout, sys.stderr, sys.displayhook
        builtins.input = self.raw_input
        sys.stdout, sys.stderr = Stream("stdout", self, 1), Stream("stderr", self, 2)
        try:
            self.run_cell(source, store_history=True)
        finally:
            sys.stdout, sys.stderr, sys.displayhook = before
        return self.outputs.finished()


def _flush_figures() -> None:
    if "matplotlib.pyplot" in sys.modules:
        from matplotlib_inline.backend_inline import flush_figures

        flush_figures()
