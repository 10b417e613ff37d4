"""Data in, verdict out.

Reading order: judge, answer_key, views, tolerance, compare, findings, diagnosis, explain, verdict.
"""
