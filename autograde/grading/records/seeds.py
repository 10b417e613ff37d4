"""Seeds of the random inputs in grading: nobody without the course's secret can foresee them."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

from autograde.course import atomic
from autograde.exercise import LOCAL_SEED

SETS = 8
"""Different sets of inputs in one lesson. Submissions share them, so that what the reference and the misconceptions
answer is computed once for a class and a set, and not for every submission: that costs more than running one
(lesson 7: 1.3 s and 1.3 s)."""


def set_key(secret: bytes, student: str, lesson: str, attempt: str) -> bytes:
    """The key of the inputs that this attempt meets, 32 bytes; it tells nothing about the secret or other lessons.

    `attempt` is the fingerprint of what was submitted: the same files meet the same inputs, each new version may meet
    others.
    """
    number = int.from_bytes(_digest(secret, "number", student, lesson, attempt)[:8], "big") % SETS
    return _digest(secret, "set", lesson, str(number))


LOCAL_KEY = b""  # of a learner's own grading, which asks what `check` asks


def seed(key: bytes, exercise: str) -> int:
    """The seed of one exercise's calls."""
    if key == LOCAL_KEY:
        return LOCAL_SEED
    return int.from_bytes(_digest(key, "seed", exercise)[:8], "big")


def _digest(key: bytes, *words: str) -> bytes:
    return hmac.new(key, "\0".join(words).encode("utf-8", "surrogatepass"), hashlib.sha256).digest()


def secret(folder: Path) -> bytes:
    """The key of the grader's random inputs, made once per course; never inside a submission's reach by design of
    `.gitignore` and file permissions."""
    file = folder / ".secret"
    if not file.is_file():
        atomic.create(file, secrets.token_hex(32).encode(), 0o600)  # the first of two graders wins
    return bytes.fromhex(file.read_text().strip())
