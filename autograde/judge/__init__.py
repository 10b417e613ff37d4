"""Data in, verdict out.

Reading order: judge, answer_key, projection, tolerance, compare, findings, case, diagnosis, misconceptions, relations,
other_questions, exceptions, plain_errors, source, slips, explain, carry, verdict.
"""
