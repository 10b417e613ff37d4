"""nbgrader's configuration: `nbgrader` in this folder and the `course` command read this one file."""

import os
import sys
from pathlib import Path

from autograde.reporting import PAGES

HERE = Path(__file__).resolve().parent if "__file__" in globals() else Path.cwd()

# nbgrader starts `alembic` by name and leaves half a database behind where it finds none
_programs = str(Path(sys.executable).parent)
if _programs not in os.environ.get("PATH", "").split(os.pathsep):
    os.environ["PATH"] = _programs + os.pathsep + os.environ.get("PATH", "")

(HERE / "autograde").mkdir(exist_ok=True)  # the gradebook's folder
c = get_config()

c.CourseDirectory.course_id = "transformer"
c.CourseDirectory.root = str(HERE)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "notebooks"
c.CourseDirectory.submitted_directory = "autograde/submitted"
c.CourseDirectory.autograded_directory = "autograde/autograded"
c.CourseDirectory.feedback_directory = "autograde/feedback"
c.CourseDirectory.solution_directory = "autograde/solution"
c.CourseDirectory.db_url = f"sqlite:///{HERE / 'autograde' / 'gradebook.db'}"
# one machine needs no shared folder: the exchange is a folder of the course; point it elsewhere for a class on a server
c.Exchange.root = os.environ.get("COURSE_EXCHANGE") or str(HERE / "autograde" / "exchange")
# the lesson's text and the script of its pictures hold the solutions: they are never released
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc*", "__pycache__", "feedback", "*.py", ".progress.json", "runs"]

c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE\nraise NotImplementedError()"}

# --- grading: the same function, records and writer as `course grade`; docs/large-classes.md has more -----------------
c.Autograde.exporter_class = "autograde.grading.hooks.SubmissionExporter"
c.Autograde.pre_convert_hook = "autograde.grading.hooks.before"
c.Autograde.post_convert_hook = "autograde.grading.hooks.after"
c.Autograde.sanitize_preprocessors = []
c.Autograde.autograde_preprocessors = ["autograde.grading.hooks.GradeSubmission"]
c.CourseGrader.cell_seconds = 60

# --- pages: nothing of a submission runs in them, and they load nothing from elsewhere -------------------------------
c.GenerateFeedback.exporter_class = "autograde.reporting.feedback.FeedbackExporter"
c.HTMLExporter.extra_template_basedirs = PAGES
c.HTMLExporter.sanitize_html = True
c.HTMLExporter.filters = {
    "markdown2html": "autograde.reporting.rendering.markdown2html",
    "clean_html": "autograde.reporting.cleaning.clean_html",
}
c.HTMLExporter.preprocessors = ["autograde.reporting.rendering.SafeNotebook"]
