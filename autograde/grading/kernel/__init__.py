"""Run a submission in a Jupyter kernel, where the system cannot fork."""
