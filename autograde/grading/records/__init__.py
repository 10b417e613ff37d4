"""All that lasts: the class's folder, submissions, seeds, fingerprints, results, the gradebook."""

from autograde.course import imports

imports.notebooks()  # before nbgrader
