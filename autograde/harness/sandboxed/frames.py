"""Messages between the grader and the process that runs a submission: JSON and raw bytes, of limited length.

One frame: length of the JSON (4 bytes), length of the rest (8 bytes), the JSON, the rest.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

Message = dict[str, Any]
HEAD = struct.Struct(">IQ")
LARGEST_TEXT = 64 * 2**20  # bytes of JSON in one frame
_SMALL = 2**20  # bytes that are sent in one piece with the head
LARGEST_DATA = 256 * 2**20  # bytes beside it


class Ended(Exception):
    """The other side closed the connection, or sent something that is no frame."""


class Gone(Exception):
    """The process that ran the notebook has ended, or was ended.

    late    because it was late
    memory  because it used more than this number of bytes; 0: not because of that
    """

    def __init__(self, late: bool = False, memory: int = 0):
        super().__init__("late" if late else "used too much memory" if memory else "ended")
        self.late, self.memory = late, memory


def too_much(memory: int) -> str:
    """Words for a limit of so many bytes that was passed."""
    return f"more than {memory / 2**20:g} MiB of memory"


class Busy(Exception):
    """The machine is temporarily out of time or memory; retrying may succeed. The message says what was missing."""


class Late(Exception):
    """No whole frame came in time."""


def send(to: socket.socket, message: Message, data: bytes = b"", seconds: float | None = None) -> None:
    """Send one frame; Ended if the other side has closed the connection, Late if it does not take the whole of it
    within `seconds`. A connection is of no use after that."""
    text = json.dumps(message).encode()
    if len(text) > LARGEST_TEXT or len(data) > LARGEST_DATA:
        raise ValueError("the frame is too large")
    head = HEAD.pack(len(text), len(data)) + text
    end = None if seconds is None else time.monotonic() + seconds
    try:
        for piece in [head + data] if len(data) <= _SMALL else [head, data]:
            to.settimeout(_left(end))
            to.sendall(piece)
    except TimeoutError:
        raise Late from None
    except OSError as error:
        raise Ended(str(error)) from None
    finally:
        with contextlib.suppress(OSError):  # it may be closed
            to.settimeout(None)


def _left(end: float | None) -> float | None:
    """Seconds until `end`; Late if there are none."""
    if end is None:
        return None
    if (left := end - time.monotonic()) <= 0:
        raise Late
    return left


def receive(
    source: socket.socket, seconds: float | None = None, refuses: Callable[[bytearray], bool] = lambda text: False
) -> tuple[Message, bytes]:
    """One frame; Ended or Late if none comes. `seconds` is for the whole of it; `refuses` looks at the JSON before it
    is parsed."""
    end = None if seconds is None else time.monotonic() + seconds
    text_size, data_size = HEAD.unpack(_exactly(source, HEAD.size, end))
    if text_size > LARGEST_TEXT or data_size > LARGEST_DATA:
        raise Ended("a frame that is too large")
    text = _exactly(source, text_size, end)
    data = _exactly(source, data_size, end)
    if refuses(text):
        raise Ended("a frame with too many parts")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise Ended("a frame without valid JSON") from None
    if type(message) is not dict:
        raise Ended("a frame without an object")
    return message, bytes(data)


def _exactly(source: socket.socket, size: int, end: float | None) -> bytearray:
    data = bytearray()
    while len(data) < size:
        source.settimeout(_left(end))
        try:
            piece = source.recv(min(size - len(data), 2**20))
        except TimeoutError:
            raise Late from None
        except OSError as error:
            raise Ended(str(error)) from None
        finally:
            source.settimeout(None)
        if not piece:
            raise Ended("the connection was closed")
        data += piece
    return data
