"""nbgrader's configuration: `nbgrader` in this folder and the `course` command read this one file."""

import os
from pathlib import Path

from autograde.course import class_data
from autograde.course.kernels import environment
from autograde.instructor.pages import PAGES

HERE = Path(__file__).resolve().parent if "__file__" in globals() else Path.cwd()

# nbgrader starts `alembic` by name and leaves half a database behind where it finds none
os.environ["PATH"] = environment()["PATH"]
class_data.prepare(HERE)
c = get_config()

c.CourseDirectory.course_id = "transformer"
c.CourseDirectory.root = str(HERE)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "notebooks"
c.CourseDirectory.submitted_directory = "classroom/submitted"
c.CourseDirectory.autograded_directory = "classroom/autograded"
c.CourseDirectory.feedback_directory = "classroom/feedback"
c.CourseDirectory.solution_directory = "classroom/solution"
c.CourseDirectory.db_url = f"sqlite:///{HERE / 'classroom' / 'gradebook.db'}"
# one machine needs no shared folder: the exchange is a folder of the course; point it elsewhere for a class on a server
c.Exchange.root = os.environ.get("COURSE_EXCHANGE") or str(HERE / "classroom" / "exchange")
# feedback for what was handed in through the exchange; for the rest nbgrader's own step stops with a traceback
c.ExchangeFactory.release_feedback = "autograde.instructor.exchange.ReleaseFeedback"
# the lesson's text and the script of its pictures hold the solutions: they are never released
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc*", "__pycache__", "feedback", "*.py", ".progress.json", "runs"]

# the cell that installs the course on Google Colab and Kaggle
c.GenerateAssignment.preprocessors.append("autograde.author.install_cell.InstallCell")
c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE\nraise NotImplementedError()"}

# --- grading: the same function, records and writer as `course grade`; docs/large-classes.md has more -----------------
c.Autograde.exporter_class = "autograde.grading.hooks.SubmissionExporter"
c.Autograde.pre_convert_hook = "autograde.grading.hooks.before"
c.Autograde.post_convert_hook = "autograde.grading.hooks.after"
c.Autograde.sanitize_preprocessors = []
c.Autograde.autograde_preprocessors = ["autograde.grading.hooks.GradeSubmission"]
c.CourseGrader.cell_seconds = 60

# --- pages: nothing of a submission runs in them, and they load nothing from elsewhere -------------------------------
c.GenerateFeedback.exporter_class = "autograde.instructor.feedback.exporter.FeedbackExporter"
c.HTMLExporter.extra_template_basedirs = PAGES
c.HTMLExporter.sanitize_html = True
c.HTMLExporter.filters = {
    "markdown2html": "autograde.instructor.feedback.rendering.markdown2html",
    "clean_html": "autograde.grading.notebook.sanitize.clean_html",
}
c.HTMLExporter.preprocessors = ["autograde.instructor.feedback.rendering.SafeNotebook"]
