"""Whatever a submission's process sends is read, or refused as what it is: no other exception, nothing that cannot be
written. `COURSE_FUZZ=2000` tries more."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct

import nbformat
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook

from autograde.course import notebooks
from autograde.grading.notebook.sanitize import clean_notebook
from autograde.grading.notebook.truncate import shorten
from autograde.grading.sandbox.driver import _outputs
from autograde.harness.call import Answer, Problem, Skipped
from autograde.harness.plain import TensorData
from autograde.harness.sandboxed import frames
from autograde.harness.wire import pack_answers, unpack_answers

CASES = int(os.environ.get("COURSE_FUZZ", "0"))
fuzzed = settings(
    max_examples=CASES or 100,
    derandomize=not CASES,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TEXT = st.text(st.characters(exclude_categories=()), max_size=20)  # halves of characters, too
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
NAMES = ["int", "float", "complex", "tuple", "dict", "array", "tensor", "other"]
JSON = st.recursive(
    LEAVES, lambda part: st.lists(part, max_size=4) | st.dictionaries(TEXT | st.sampled_from(NAMES), part, max_size=4)
)


@fuzzed
@given(st.binary(max_size=100) | st.builds(lambda a, b, text: frames.HEAD.pack(a, b) + text, st.integers(0, 99),
                                           st.integers(0, 99), st.binary(max_size=200)))  # fmt: skip
@example(frames.HEAD.pack(2, 0) + b"[]")
@example(frames.HEAD.pack(200_000, 0) + b"[" * 200_000)
@example(frames.HEAD.pack(2**32 - 1, 2**64 - 1))
def test_bytes_are_a_frame_or_none(data):
    ours, theirs = socket.socketpair()
    with ours, contextlib.suppress(frames.Ended):
        with theirs:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**20)
            theirs.settimeout(1.0)
            theirs.sendall(data)
        message, more = frames.receive(ours, 1.0)
        assert type(message) is dict and type(more) is bytes


@st.composite
def changed_answers(draw):
    """Answers as they are sent, with something of another form in their place."""
    value = draw(st.sampled_from([1.5, 2**70, 1j, (1, [2]), {"a": 1}, np.eye(2), TensorData(np.arange(3)), "text"]))
    problem = draw(
        st.none()
        | st.just(Problem(kind="KeyError", text="'a'", kinds=("KeyError",), lines=("line 1",), values=("x: 1",)))
    )
    frame = pack_answers([Answer(value, problem, ("x",), "printed"), Skipped()])
    (size,) = struct.unpack(">Q", frame[:8])
    tree, rest = json.loads(frame[8 : 8 + size]), frame[8 + size :]
    places = [(tree[0]["tuple"], 1), *_places(tree)]
    ill_formed = st.dictionaries(st.sampled_from(NAMES), JSON, min_size=1, max_size=1)
    for _ in range(draw(st.integers(0, 3))):
        holder, key = draw(st.sampled_from(places))
        with contextlib.suppress(LookupError):
            holder[key] = draw(ill_formed | JSON)
    text = json.dumps(tree).encode()
    cut = draw(st.integers(0, 3))
    return struct.pack(">Q", len(text)) + text + rest[: len(rest) - cut or None]


def _places(tree):
    for key, item in enumerate(tree) if isinstance(tree, list) else tree.items() if isinstance(tree, dict) else ():
        yield tree, key
        yield from _places(item)


@fuzzed
@given(changed_answers() | st.binary(max_size=60))
def test_a_reply_is_answers_or_a_value_error(frame):
    with contextlib.suppress(ValueError):
        answers = unpack_answers(frame, 2)
        assert len(answers) == 2
        for answer in answers:
            assert isinstance(answer, Answer | Skipped)
            assert isinstance(answer, Skipped) or (answer.problem is None or isinstance(answer.problem, Problem))


KINDS = st.sampled_from(["stream", "error", "display_data", "execute_result"]) | LEAVES
DATA = st.dictionaries(st.sampled_from(["text/plain", "text/html", "image/png", "a/x+json"]) | TEXT, JSON, max_size=3)
ROWS = st.fixed_dictionaries(
    {"output_type": KINDS},
    optional={
        "name": st.just("stdout") | JSON,
        "text": TEXT | JSON,
        "ename": TEXT | JSON,
        "evalue": TEXT | JSON,
        "traceback": st.lists(TEXT, max_size=3) | JSON,
        "data": DATA | JSON,
        "metadata": DATA | JSON,
        "execution_count": JSON,
    },
)


@fuzzed
@given(st.lists(ROWS | JSON, max_size=5))
@pytest.mark.filterwarnings("ignore")
def test_outputs_of_any_form_can_be_kept(rows):
    """Cleaned, shortened, valid and written, whatever was sent in their place."""
    notebook = new_notebook(cells=[new_code_cell("1", outputs=_outputs(json.loads(json.dumps(rows)), 2**20))])
    clean_notebook(notebook)
    shorten(notebook)
    nbformat.validate(notebook)
    notebooks.to_plain_text(notebook).encode()
