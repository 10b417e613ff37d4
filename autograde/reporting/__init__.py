"""What people see of a grading: the instructor's report, exports for gradebooks, the learner's feedback."""

from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"
PAGES = str(TEMPLATES / "offline")  # what the formgrader's pages take from here instead of from nbconvert
