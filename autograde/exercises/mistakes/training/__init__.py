"""Lesson 8: wrong implementations, and right ones that are written differently."""
