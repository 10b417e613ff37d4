"""Pages that show a submission: nothing in them runs or loads, formulas need no network, hidden tests stay hidden."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from nbconvert.exporters import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.api import Gradebook
from nbgrader.apps import NbGrader
from pages import DRAWING, FAR, MARKDOWN, MARKUP, hostile

from autograde.cli import main
from autograde.course import notebooks
from autograde.course.imports import NBGRADER
from autograde.course.lessons import LESSONS
from autograde.grading.notebook.cells import outputs
from autograde.grading.notebook.sanitize import MOST_TAGS, clean_html, clean_notebook
from autograde.instructor import classroom
from autograde.instructor.feedback.exporter import FAILED, NO_ALT, FeedbackExporter
from autograde.instructor.feedback.rendering import formula, markdown
from autograde.instructor.feedback.summary import first_page
from autograde.judge.verdict import Verdict
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

    html = Verdict(
        name="softmax",
        passed=False,
        state=STATE,
        score=0.5,
        diagnosis="no scaling",
        advice="Look at `x`.",
        facts=(("Got", "<b>"),),
    ).html
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
    assert all(not dangers(bundle["text/html"]) for bundle in data if "text/html" in bundle)
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
    head, own = html.split("<body>")[0], html[html.index('id="notebook-container"') :]
    assert "https:" not in head and "<mfrac>" in html
    assert "summary { display: list-item" in head, "a hint without its triangle looks like a line of text"
    found = [danger for danger in dangers(own) if "_extra_credit" not in danger]
    assert not [danger for danger in found if not re.match(r"div id=(cell-id=|notebook|statusmessage)", danger)], found
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
    assert (
        "1.5 of 2 points" in text
        and "This is after 0.5 points off for late submission." in text
        and "1 of 2 points" in text
        and "2.5 of 3" in text
    )
    assert (
        "Try" in text
        and "<msqrt>" in html
        and not [danger for danger in dangers(body(html)) if not danger.startswith("span id=")]
    )


def checked(name: str, state: str, advice: str, score: float, points: float, **more):
    """A check's cell as the grader leaves it."""
    verdict = Verdict(name=name, passed=state == "passed", state=state, score=score / points, advice=advice, **more)
    cell = graded_cell(f'check("{name}")', outputs(verdict), grade_id=f"check_{name}", score=score, points=points)
    return cell, verdict


def answered(name: str, source: str, comment: str = ""):
    cell = new_code_cell(source)
    cell.metadata["nbgrader"] = {"grade": False, "solution": True, "grade_id": name, "comment": comment}
    return cell


def test_the_first_page_says_what_to_mend_first_and_nothing_twice():
    scores, verdict = checked("attention_scores", "failed", "Divide by `sqrt(d)`.", 1, 3, facts=(("Got", "7"),))
    cells = [
        new_markdown_cell("# The head"),
        answered("softmax", "right = 1"),
        checked("softmax", "passed", "", 3, 3)[0],
        new_markdown_cell("## Scores\n\nText."),
        answered("attention_scores", "wrong = 1", comment=verdict.summary),
        scores,
        answered("project", "stub = 1", comment="By hand: look again."),
        checked("project", "not started", "Write the code in the cell above.", 0, 2)[0],
    ]
    html = feedback(new_notebook(cells=cells), learner="Ada <b>")
    front, rest = html[html.index("<main>") :].split("<h2>Your notebook</h2>")
    text = re.sub(r"<[^>]+>|\s+", " ", front)
    assert "3 · Single-head attention: 1.5 of 2 points" in re.sub(r"\s+", " ", text) and "Ada &lt;b&gt;" in front
    mend = front[front.index('class="mend"') : front.index("<h2>Each exercise")]
    assert "Divide by <code>sqrt(d)</code>." in mend and "wrong" in mend and 'href="#attention_scores"' in mend
    signs = re.findall(r'class="sign \w+" aria-hidden="true">(.)<', front)
    assert signs == ["✓", "◐", "○"]
    assert front.count("Divide by") == 1 and "Write the code" not in front
    assert rest.count("Divide by") == 1, "the card only: neither a traceback nor the comment repeats it"
    assert "By hand: look again." in rest
    assert html.count("<details") == html.count("</details>") == 2
    assert "<summary>Scores</summary>" in rest


def test_an_error_that_stopped_everything_is_said_once():
    names = ("softmax", "project", "attention_scores")
    cells = []
    for name in names:
        cells += [answered(name, "stub = 1"), checked(name, "error", "The file is not a notebook.", 0, 2)[0]]
    html = feedback(new_notebook(cells=cells))
    front = html[html.index("<main>") : html.index("<h2>Your notebook</h2>")]
    assert front.count("The file is not a notebook.") == 1 and "stub" not in front
    assert front.count("stopped by an error") == len(names)
    cells[-1] = checked(names[-1], "error", "Another error.", 0, 2)[0]
    html = feedback(new_notebook(cells=cells))
    front = html[html.index("<main>") : html.index("<h2>Your notebook</h2>")]
    assert front.count("The file is not a notebook.") == 2 and "stub" in front and "Another error." in front


def test_of_a_file_that_could_not_be_read_nothing_is_shown_as_the_learners():
    names, why = ("softmax", "project"), "The file is not a notebook."
    cells = [new_markdown_cell(f"**Notes of the grader**\n\n- {why}", id="notes-of-the-grader")]
    for name in names:
        cells += [answered(name, "stub = 1", "No response."), checked(name, "error", why, 0, 2)[0]]
    cells[3].metadata.nbgrader["comment"] = "By hand: come and see me."
    page = feedback(new_notebook(cells=cells, metadata={"course": {"unreadable": why}}))
    text = re.sub(r"<[^>]+>|\s+", " ", body(page))
    assert text.count(why) == 1 and text.count("not graded") == len(names) and "come and see me" in text
    assert not re.search(r"stub|check\(|stopped by|No response|Your (answer|notebook)|mend first", text)
    cells[0].source += "\n- A file was left out."
    page = feedback(new_notebook(cells=cells, metadata={"course": {"unreadable": why}}))
    assert "A file was left out." in page


def test_what_a_check_prints_in_rows_keeps_its_rows_on_a_phone():
    cell, _ = checked("softmax", "failed", "Look.", 0, 3, facts=(("Got", "[[1, 2],\n [3, 4]]"), ("Here", "a sentence")))
    page = feedback(new_notebook(cells=[cell]))
    assert re.search(r'<pre tabindex="0" style="[^"]*white-space:pre[;"][^>]*>\[\[1, 2\],\n', page)
    assert re.search(r'<pre style="[^"]*white-space:pre-wrap[^>]*>a sentence<', page)


def test_a_right_notebook_has_nothing_to_mend_and_a_mark_by_hand_says_so():
    cell, _ = checked("softmax", "passed", "", 3, 3)
    cell.metadata.nbgrader["by_person"] = True
    notebook = new_notebook(cells=[answered("softmax", "right = 1"), cell])
    assert first_page(notebook, "03_single_head").parts[0].by_person
    html = feedback(notebook)
    assert "mend first" not in html and "by a person" not in html, "what a submission says of itself does not count"


def test_marks_by_hand_and_names_come_from_the_gradebook(classroom_3):
    db_url = f"sqlite:///{classroom_3 / 'classroom' / 'gradebook.db'}"
    with Gradebook(db_url) as gradebook:
        gradebook.add_student("ada", first_name="Ada", last_name="Lovelace")
        gradebook.add_submission("03_single_head", "ada")
        gradebook.find_grade("check_softmax", "03_single_head", "03_single_head", "ada").manual_score = 1
        gradebook.db.commit()
    cells = [checked("softmax", "passed", "", 1, 3)[0], checked("project", "passed", "", 2, 2)[0]]
    who = {"db_url": db_url, "assignment": "03_single_head", "student": "ada"}
    html = feedback(new_notebook(cells=cells), **who)
    assert "Feedback for Ada Lovelace" in html
    assert html.count("(marked by a person)") == 1 and html.count("points, by a person") == 1


def test_hints_are_closed_also_where_pictures_are_put_into_the_page(tmp_path):
    source = "<details>\n<summary>Hint 1</summary>\n\nSubtract.\n\n</details>\n\n<img src='a.png' alt='a'>"
    assert re.search(
        r"<details>\s*<summary>Hint 1</summary>\s*<p>Subtract.</p>\s*</details>", markdown(source, str(tmp_path))
    )


def test_code_has_a_contrast_of_4_5_on_both_backgrounds():
    css = feedback(new_notebook(cells=[]))
    light, dark = css[css.index("<style>") :].split("@media (prefers-color-scheme: dark)", 1)
    for rules, soft in ((light, "#f5f5f5"), (dark[: dark.index("</style>")], "#1e1e1e")):
        assert f"--soft: {soft}" in css
        colours = re.findall(r"\.highlight \.(?!w\b|err\b)\w+ \{[^}]*?(?<!-)color: (#\w{6})", rules)
        assert len(colours) > 20 and min(contrast(colour, soft) for colour in colours) >= 4.5


def contrast(first: str, second: str) -> float:
    """WCAG's contrast ratio."""

    def light(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((light(first), light(second)))
    return (high + 0.05) / (low + 0.05)


def test_long_texts_are_cut():
    stream = new_output("stream", name="stdout", text="x" * 100_000)
    html = feedback(new_notebook(cells=[new_code_cell("y" * 200_000, outputs=[stream]), new_markdown_cell(MARKDOWN)]))
    text = re.sub(r"<[^>]+>", "", html)
    assert "[… 80000 characters more]" in text and "[… 140000 characters more]" in text


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_processes_share_the_class_and_nobody_is_left_out(jobs):
    students = ["ada", "ben", "cleo"]
    taken = []
    for (argument,) in classroom._shares(students, jobs):
        others = argument.removeprefix("--CourseDirectory.student_id_exclude=").split(",")
        taken += [name for name in students if name not in others]
    assert sorted(taken) == students


def test_one_student_or_a_comma_in_a_name_takes_one_process():
    assert classroom._shares(["ada"], 4) == [["--student", "ada"]]
    assert classroom._shares(["ada", "ben, jr"], 4) == [[]]
    assert classroom._shares([], 4) == []


def test_a_graded_folder_without_a_notebook_has_no_page(course, capsys):
    (course / "classroom" / "autograded" / "ada" / "03_single_head" / "figures").mkdir(parents=True)
    assert main(["feedback", "3"]) == 2 and "has been graded yet" in capsys.readouterr().err


def test_a_picture_without_alt_text_says_so():
    html = feedback(
        new_notebook(cells=[new_markdown_cell('<img src="data:image/png;base64,AA"> <img alt="mine" src="x">')])
    )
    assert f'<img alt="{NO_ALT}" src="data:image/png;base64,AA">' in html and 'alt="mine"' in html


def test_a_page_is_validated_once(monkeypatch):
    """nbconvert would do it after each of its steps, which takes a quarter of a page's time."""
    count = []
    monkeypatch.setattr(FeedbackExporter, "_validate_preprocessor", lambda *_: count.append(1))
    feedback(new_notebook(cells=[]))
    assert len(count) == 1


# --- how soon it begins ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    ["import autograde.instructor.report.grades", "import autograde.grading.records.course", NBGRADER[1]],
    ids=["instructor", "grading", "nbgrader"],
)
def test_no_command_prepares_the_grammar_of_web_addresses(code):
    """jsonschema would: it takes longer than all other imports, and each of the processes side by side pays for it."""
    script = f"import sys\ntry:\n    exec({code!r})\nfinally:\n    print('lark' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script, "--version"], capture_output=True, text=True, check=True)
    assert run.stdout.split()[-1] == "False"


def test_the_command_leaves_nbgrader_to_the_processes_that_write_the_pages():
    script = """
import sys
from autograde import cli
sys.modules["nbgrader"] = None  # an import of it fails
print(cli.main(["feedback", "3", "--student", "nobody"]))
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.stdout.split() == ["2"], run.stderr
    assert "has been graded yet" in run.stderr
