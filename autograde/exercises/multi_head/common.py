"""Lesson 4: names that several exercises use."""

MASK = "mask"
WIDTH = "width that does not fit"
LAYERS = ("query", "key", "value", "out")
