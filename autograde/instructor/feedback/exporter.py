"""The learner's feedback: nbgrader's own command writes it, with this exporter, as one file without scripts that needs
no network. Regions between BEGIN HIDDEN TESTS and END HIDDEN TESTS are left out, also where they failed.

What it may show. A grading input is drawn from eight sets per lesson that come from the course's secret
(`grading.records.seeds`); which set another version of an answer meets cannot be foreseen. A learner's code sees its
inputs anyway while it is graded, and could print them. What would help somebody who has no right answer is the expected
value, and of it the verdict shows a single call (the first that is wrong), with larger arrays by their shape. So the
verdict is shown as it is: as much as is needed to find the mistake, too little for a table of answers.
"""

from __future__ import annotations

import re

from nbconvert.exporters import HTMLExporter, TemplateExporter
from nbconvert.filters import strip_ansi
from nbconvert.filters.widgetsdatatypefilter import WidgetsDataTypeFilter
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import ClearHiddenTests
from pygments.formatters import HtmlFormatter
from traitlets.config import Config

from autograde.instructor.feedback.rendering import SafeNotebook, boxed, highlighted, markdown2html
from autograde.instructor.feedback.summary import ByPerson, Fold, first_page, plain
from autograde.instructor.pages import TEMPLATES
from autograde.judge.verdict import marked_up

HIDDEN = "# (hidden tests)"
FAILED = "A hidden test did not pass."
NO_ALT = "A picture without a description"
_WITHOUT_ALT = re.compile(r"<img(?![^>]*\salt=)")


class FeedbackExporter(HTMLExporter):
    """For `c.GenerateFeedback.exporter_class`."""

    def __init__(self, config: Config | None = None, **kwargs) -> None:
        config = Config(config or {})
        # the section of HTMLExporter is nbgrader's, for its own template; that of the subclass wins
        config.FeedbackExporter = Config(
            template_name="course_feedback",
            extra_template_basedirs=[str(TEMPLATES)],
            extra_template_paths=[],
            preprocessors=[],
            filters={
                "markdown2html": markdown2html,
                "boxed": boxed,
                "highlight_code": highlighted,
                "strip_ansi": strip_ansi,
                "first_page": first_page,
                "plain": plain,
                "marked_up": marked_up,
            },
        )
        super().__init__(config=config, optimistic_validation=True, **kwargs)  # once a page, not after each step
        self.register_preprocessor(WithoutHiddenTests, enabled=True)
        self.register_preprocessor(ByPerson, enabled=True)
        self.register_preprocessor(SafeNotebook, enabled=True)
        self.register_preprocessor(Fold, enabled=True)

    def from_notebook_node(self, nb, resources=None, **kw):
        """As HTMLExporter's, which parses the whole page once more, for pictures without alt text and for cells of its
        own template: half of the time of a page."""
        resources = self._init_resources(resources)
        of_widgets = WidgetsDataTypeFilter(self._nb_metadata, parent=self, resources=resources)
        self.register_filter("filter_data_type", of_widgets)
        html, resources = TemplateExporter.from_notebook_node(self, nb, resources, **kw)
        return _WITHOUT_ALT.sub(f'<img alt="{NO_ALT}"', html), resources

    def _init_resources(self, resources):
        resources = super()._init_resources(resources)
        # of Pygments' styles, those whose colours all have a contrast of 4.5 on the page's own backgrounds
        light, dark = (HtmlFormatter(style=name).get_style_defs(".highlight") for name in ("xcode", "github-dark"))
        resources["pygments_css"] = f"{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}"
        return resources


class WithoutHiddenTests(Preprocessor):
    """Takes hidden tests, and what they show, out of a graded notebook."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        delimiters = ClearHiddenTests(parent=self.parent)
        begin, end = delimiters.begin_test_delimeter, delimiters.end_test_delimeter
        hidden: set[str] = set()
        for cell in nb.cells:
            if cell.cell_type == "code" and begin in cell.source:
                cell.source, lines = _without(cell.source, begin, end)
                hidden |= lines
                # what they print, return or raise would tell of them
                failed = any(output.output_type == "error" for output in cell.outputs)
                cell.outputs = [new_output("error", ename="Failed", evalue=FAILED, traceback=[FAILED])] * failed
        for cell in nb.cells:
            for output in cell.get("outputs", ()):
                if output.output_type == "error" and hidden:
                    output.traceback = _lines_without(output.traceback, hidden)
        return nb, resources


def _without(source: str, begin: str, end: str) -> tuple[str, set[str]]:
    """The source without the regions, and the lines that were in them. A region that does not end goes to the end."""
    kept, lines, inside = [], set(), False
    for line in source.split("\n"):
        if not inside and begin in line:
            inside = True
            kept.append(line[: len(line) - len(line.lstrip())] + HIDDEN)
        elif inside and end in line:
            inside = False
        elif inside:
            lines.add(line.strip())
        else:
            kept.append(line)
    return "\n".join(kept), lines - {""}


def _lines_without(traceback: list[str], hidden: set[str]) -> list[str]:
    kept = []
    for line in strip_ansi("\n".join(map(str, traceback))).split("\n"):
        code = re.sub(r"^[\s>-]*\d*[\s|:]*", "", line).strip()
        kept.append("   (hidden)" if code in hidden or line.strip() in hidden else line)
    return kept
