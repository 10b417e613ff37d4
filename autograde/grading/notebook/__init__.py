"""Notebooks as text: read, normalise, slice, truncate, sanitize, score. Runs nothing."""
