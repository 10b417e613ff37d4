"""The HTML feedback of a graded submission."""
