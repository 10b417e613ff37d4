"""Lesson 7, the debugging clinic: wrong repairs (the misconceptions, the broken code among them) and right ones that
are written differently (the variants)."""
