"""Lesson 6: wrong implementations (the misconceptions) and right ones that are written differently (the variants)."""
