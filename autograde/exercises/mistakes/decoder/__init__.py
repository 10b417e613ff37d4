"""Lesson 7: wrong implementations, and right ones that are written differently."""
