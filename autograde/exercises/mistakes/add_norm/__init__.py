"""Lesson 5: wrong implementations, and right ones that are written differently."""
