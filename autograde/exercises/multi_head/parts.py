"""Lesson 4: parts of the points that several exercises have."""

MASK, CROSS, NOTHING, WIDTH = "mask", "cross-attention", "nothing to attend to", "width that does not fit"
