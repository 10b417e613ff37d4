"""The time of one submission: one limit for all that is done with it, in the sandbox and outside."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from autograde.course.errors import CourseError
from autograde.harness.limits import TimeIsUp, time_limit
from autograde.harness.sandboxed.frames import Busy

GRACE = 10.0  # seconds beyond the limit in which a result is put together


class Unusable(Exception):
    """What came from the submission cannot be used; the message says why, in words for the learner."""


class Deadline:
    """When a submission has had its time.

    seconds  its limit; a notebook that is run a second time gets no more
    """

    def __init__(self, seconds: float):
        self.seconds = seconds
        self.end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return self.end - time.monotonic()

    @contextlib.contextmanager
    def handling(self, what: str, grace: float = 0.0, own: tuple[type[Exception], ...] = ()) -> Iterator[None]:
        """Around code of the grader that handles what a submission has sent.

        An exception in it, too little memory for it, and the end of the submission's time are the submission's own:
        Unusable, with the reason; `what` begins the sentence. A fault of the machine (OSError, Busy) passes through,
        and so do exceptions that the code raises on purpose (`own`).
        """
        passing: tuple[type[Exception], ...] = (Unusable, Busy, CourseError, *own)
        try:
            with time_limit(max(0.05, self.left + grace), again=1.0):
                yield
        except TimeIsUp:
            raise Unusable(f"{what}: the {self.seconds:g} seconds of this submission were used up") from None
        except passing:
            raise
        except MemoryError:
            raise Unusable(f"{what}: it needs more memory than the grader gives") from None
        except Exception as error:
            if isinstance(error, OSError) and error.errno is not None:  # libraries raise it for malformed data, too
                raise
            raise Unusable(f"{what}: {type(error).__name__}") from error
