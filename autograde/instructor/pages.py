"""Where the templates are: of the report, of the feedback, and of the formgrader's pages."""

from pathlib import Path

import nbgrader

TEMPLATES = Path(__file__).parent / "templates"
_THEIRS = Path(nbgrader.__file__).parent / "server_extensions" / "formgrader" / "templates"
# where the formgrader finds the templates of its pages: `formgrade/` here comes before the one of nbgrader
PAGES = [str(TEMPLATES), str(_THEIRS)]
