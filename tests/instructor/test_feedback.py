"""Pages that show a submission: nothing in them runs or loads, formulas need no network, hidden tests stay hidden."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from nbconvert.exporters import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.apps import NbGrader
from pages import DRAWING, FAR, MARKDOWN, MARKUP, hostile

from autograde.course import notebooks
from autograde.course.lessons import LESSONS
from autograde.grading.notebook.sanitize import MOST_TAGS, clean_html, clean_notebook
from autograde.instructor.feedback.exporter import FAILED, FeedbackExporter
from autograde.instructor.feedback.rendering import formula, markdown
from conftest import released

HIDDEN = """assert double(2) == 4
### BEGIN HIDDEN TESTS
secret = 21
assert double(secret) == 42, "for 21 it should be 42"
### END HIDDEN TESTS
"""


class Tags(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, html: str):
        super().__init__()
        self.seen: list[tuple[str, dict]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    handle_startendtag = handle_starttag


def dangers(html: str) -> list[str]:
    """What could run, load, move or cover something."""
    found = []
    for tag, attributes in Tags(html).seen:
        if tag in ("script", "iframe", "object", "embed", "form", "input", "svg", "video", "audio", "base", "style"):
            found.append(tag)
        for name, value in attributes.items():
            value = (value or "").strip().lower()
            loads = name in ("src", "data", "action", "srcset", "poster", "background") and not value.startswith(
                "data:"
            )
            runs = name.startswith("on") or value.startswith(("javascript:", "vbscript:", "data:text"))
            moves = name == "style" and re.search(r"position|url|\(|margin:-|z-index|display", value)
            if loads or runs or moves or name in ("id", "name", "formaction", "http-equiv"):
                found.append(f"{tag} {name}={value[:60]}")
    return found


def feedback(notebook, **numbers) -> str:
    own = {"notebook": "03_single_head", "score": 1.5, "max_score": 2.0, "late_penalty": 0.0, **numbers}
    return FeedbackExporter().from_notebook_node(notebook, {"nbgrader": own, "metadata": {"path": ""}})[0]


def body(html: str) -> str:
    return html[html.index("<main>") :]


def test_html_keeps_what_is_said_and_loses_what_runs():
    assert dangers(MARKUP), "the test sees what it should see"
    clean = clean_html(MARKUP)
    assert not dangers(clean) and "<b>kept</b>" in clean and "cover" in clean
    assert FAR not in clean and "spoof" in clean
    assert clean_html(clean) == clean


def test_a_checks_own_box_is_shown_as_it_is():
    from autograde.judge.verdict import FAILED as STATE
    from autograde.judge.verdict import Verdict

    html = Verdict("softmax", False, STATE, 0.5, "no scaling", "Look at `x`.", (("Got", "<b>"),)).html
    clean = clean_html(html)
    assert "border-left:6px solid #d55e00" in clean and "white-space:pre-wrap" in clean
    assert "course-check" in clean and "&lt;b&gt;" in clean and "<code>x</code>" in clean


@pytest.mark.parametrize(
    "style",
    ["position:fixed", "background:url(x)", "margin:-5em", "width:expression(1)", "color:red;top:0", "width:9999px"],
)
def test_styles_only_colour_and_space(style):
    clean = clean_html(f'<p style="{style}">x</p>')
    assert clean in ("<p>x</p>", '<p style="color:red">x</p>')


def test_outputs_of_known_kinds_stay_and_others_become_a_sentence():
    notebook = hostile()
    clean_notebook(notebook)
    text = notebooks.to_text(notebook)
    data = [output.get("data", {}) for output in notebook.cells[1].outputs]
    assert data[2] == {"text/plain": "[An output of the kind application/javascript is not shown.]"}
    assert data[3] == {"image/svg+xml": DRAWING}, "shown by an <img>, in which nothing runs"
    assert "image/png" not in data[6] and data[7] == {"image/png": "iVBORw0KGgo="}
    assert "isolated" not in text and "widget-view" not in str(data[8].keys())
    assert all(not dangers(one["text/html"]) for one in data if "text/html" in one)
    before = notebooks.to_text(notebook)
    clean_notebook(notebook)
    assert notebooks.to_text(notebook) == before


def test_a_page_of_many_tags_is_refused_before_it_costs_anything():
    assert clean_html("<div>" * (MOST_TAGS + 1)) == f"<p>[An HTML output of {MOST_TAGS + 1} tags is not shown.]</p>"
    outputs = [new_output("display_data", {"text/html": "<b>" * 4_500}) for _ in range(5)]
    notebook = new_notebook(cells=[new_code_cell("", outputs=outputs)])
    clean_notebook(notebook)
    shown = [output.data["text/html"] for output in outputs]
    assert shown[0].startswith("<b>") and shown[-1].startswith("<p>[This page has too much HTML")


def test_feedback_of_a_hostile_notebook_has_nothing_that_runs_or_loads():
    html = feedback(hostile())
    assert not dangers(body(html)) and "<script" not in html.lower()
    policy = re.search(r'Content-Security-Policy"?[^>]*content="([^"]*)"|content="([^"]*)"[^>]*Content-Security', html)
    assert policy and "default-src 'none'" in policy.group(0)
    assert "kept" in html and "<mfrac>" in html


def test_the_formgraders_page_is_clean_too(course):
    """The formgrader's own template, with what nbgrader_config.py sets."""
    app = NbGrader()
    app.load_config_file()
    app.config.HTMLExporter.template_name = "formgrade"
    names = {"student": MARKUP, "last_name": MARKUP, "first_name": MARKUP, "notebook_id": "n", "assignment_id": "a"}
    numbers = {"submission_id": "s", "index": 0, "total": 1, "base_url": "", "notebook_path": "p"}
    html = HTMLExporter(config=app.config).from_notebook_node(hostile(), {**names, **numbers})[0]
    assert "https:" not in html.split("<body>")[0] and "<mfrac>" in html
    own = html[html.index('id="notebook-container"') :]
    found = [one for one in dangers(own) if "_extra_credit" not in one]
    assert not [one for one in found if not re.match(r"div id=(cell-id=|notebook|statusmessage)", one)], found
    assert "alert(1)</script>" not in html.replace("&lt;", "<").split("<body>")[0]
    assert "<script>alert" not in html and "<img src=x" not in html


@pytest.mark.parametrize("source", ["![x](attachment:gone)", "$\\frac{$", "$$", "[" * 5000, "a" + " " * 30_000 + "b"])
def test_odd_markdown_is_shown_and_stops_nothing(source):
    assert not dangers(markdown(source))


def test_every_formula_of_the_lessons_is_mathml():
    for lesson in LESSONS:
        for cell in released(lesson).cells:
            if cell.cell_type == "markdown":
                html = markdown(cell.source)
                assert "<code>$" not in html, cell.source
                assert not re.search(r"<m[io][^>]*>\\", html), cell.source


def test_a_formula_that_is_none_is_shown_as_written():
    assert formula("x^<^2") == "<code>$x^&lt;^2$</code>"
    assert "javascript" not in formula("\\href{javascript:alert(1)}{x}")


def graded_cell(source: str, outputs=(), **data):
    cell = new_code_cell(source, outputs=list(outputs))
    cell.metadata["nbgrader"] = {"grade": True, "solution": False, "grade_id": "g", "points": 2, "score": 1, **data}
    return cell


def test_hidden_tests_are_left_out_also_of_tracebacks():
    lines = [
        "AssertionError  Traceback",
        "      3 secret = 21",
        "\x1b[0;32m----> 4\x1b[0m assert double(secret) == 42, 'x'",
    ]
    failed = new_output("error", ename="AssertionError", evalue="for 21 it should be 42", traceback=lines)
    printed = new_output("stream", name="stdout", text="21")
    other = new_output("error", ename="E", evalue="", traceback=["\x1b[32m----> 3\x1b[0m secret = 21", "of my own"])
    cells = [graded_cell(HIDDEN, [printed, failed]), new_code_cell("x", outputs=[other])]
    html = feedback(new_notebook(cells=cells))
    text = re.sub(r"<[^>]+>", "", html)
    assert "secret" not in text and "for 21" not in text and "double(secret)" not in text
    assert FAILED in text and "(hidden tests)" in text and "double(2)" in text and "of my own" in text


def test_points_comments_and_penalty_stand_in_the_feedback():
    answer = new_code_cell("def softmax(x): ...")
    answer.metadata["nbgrader"] = {
        "grade": False,
        "solution": True,
        "grade_id": "softmax",
        "comment": f"Try $x$ {MARKUP}",
    }
    written = new_markdown_cell("My words with $\\sqrt{2}$")
    written.metadata["nbgrader"] = {"grade": True, "solution": True, "grade_id": "w", "points": 3, "score": 2.5}
    html = feedback(new_notebook(cells=[answer, graded_cell("check('softmax')"), written]), late_penalty=0.5)
    text = re.sub(r"<[^>]+>", " ", html)
    assert "1.5 of 2 points" in text and "0.5 points off" in text and "1 of 2 points" in text and "2.5 of 3" in text
    assert (
        "Try" in text
        and "<msqrt>" in html
        and not [one for one in dangers(body(html)) if not one.startswith("span id=")]
    )


def test_long_texts_are_cut():
    stream = new_output("stream", name="stdout", text="x" * 100_000)
    html = feedback(new_notebook(cells=[new_code_cell("y" * 200_000, outputs=[stream]), new_markdown_cell(MARKDOWN)]))
    text = re.sub(r"<[^>]+>", "", html)
    assert "[… 80000 characters more]" in text and "[… 140000 characters more]" in text
