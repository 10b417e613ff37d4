"""Lesson 3: parts of the points that several exercises have."""

LEADING, NOTHING = "leading axes", "nothing to attend to"
