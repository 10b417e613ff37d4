"""Lesson 1: the mistakes that are named, and right answers written differently.

`TOKENIZE` holds the misconceptions of the exercise `tokenize`, `TOKENIZE_RIGHT` its other right answers, and so on.
Nothing here may depend on the order of a set of strings, which changes from run to run.
"""
