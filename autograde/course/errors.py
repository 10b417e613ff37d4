"""Errors that the user caused and can mend: one clear sentence with the remedy, no traceback."""


class CourseError(Exception):
    """Projected as it is by the `course` command, which then ends with status 2."""
