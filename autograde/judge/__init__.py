"""Data in, verdict out.

Reading order: judge, answer_key, projection, tolerance, compare, findings, diagnosis, relations, exceptions, source,
explain, carry, verdict.
"""
