"""What people see of a grading: the instructor's report, exports for gradebooks, the learner's feedback."""

from pathlib import Path

import nbgrader

TEMPLATES = Path(__file__).parent / "templates"
_THEIRS = Path(nbgrader.__file__).parent / "server_extensions" / "formgrader" / "templates"
# where the formgrader finds the templates of its pages: `formgrade/` here comes before the one of nbgrader
PAGES = [str(TEMPLATES), str(_THEIRS)]
