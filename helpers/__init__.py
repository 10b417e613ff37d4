"""The reference implementations, a module for each lesson, and what they share: the running example, figures, the map
of the model, corpora (`corpus`), training (`trainer`)."""

import sys

if sys.argv[:1] == ["-m"]:  # `python -m helpers.NAME`: this is imported before NAME is run
    from helpers import interrupts

    names = [word for word in sys.orig_argv if word.startswith("helpers.")]
    interrupts.end_at_once(" ".join(["python -m", *names[:1]]))
