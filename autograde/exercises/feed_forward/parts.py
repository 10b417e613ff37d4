"""Lesson 6: parts of the points that several exercises have."""

LEADING, CHANGED = "leading axes", "gradients"
