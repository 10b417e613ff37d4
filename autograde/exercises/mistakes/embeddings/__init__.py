"""Lesson 2: wrong implementations that people really write, and right ones written differently."""
