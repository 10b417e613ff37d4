"""On Google Colab and Kaggle a notebook runs without the course's own JupyterLab: what that means for a learner."""

from __future__ import annotations

import os

VARIABLES = ("COLAB_RELEASE_TAG", "KAGGLE_KERNEL_RUN_TYPE")  # one of them is set there

WELCOME = """\
The course is installed. What is different here from `course lab` on your own computer:
- The pictures of the text are missing; the figures that the cells draw are there.
- Checks work. Progress is not kept, and there is no Validate button, no `course check` and no `course reset`.
- What you train or save is gone when the session ends. Download it, and the notebook too if you hand it in."""


def is_hosted() -> bool:
    return any(name in os.environ for name in VARIABLES)


def welcome() -> None:
    """Printed by the first cell of a lesson, after it has installed the course."""
    print(WELCOME)
