"""What an instructor uses: collecting, the class list, grading, report, feedback, export."""

from autograde.course import imports

imports.notebooks()  # before nbgrader
