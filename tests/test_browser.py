"""A learner and an instructor in a real browser: JupyterLab as `course lab` starts it, driven by Playwright."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pages
import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell
from nbgrader.api import Gradebook
from playwright.sync_api import Page, expect, sync_playwright

from autograde.course import notebooks
from autograde.course.kernels import environment
from autograde.course.lessons import find_lesson
from autograde.exercises import of_lesson
from autograde.grading.records import course as courses
from autograde.grading.records import results
from autograde.instructor import classroom, collect
from autograde.instructor.report.page import report
from autograde.judge.verdict import SHOWN_ABOVE
from conftest import ROOT, filled, released

pytestmark = pytest.mark.browser

LESSON = find_lesson("3")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = [
    *("--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-quic"),
]
SCREENSHOTS = ROOT / "test-results" / "screenshots"
IN_FRONT = ".jp-NotebookPanel:not(.lm-mod-hidden)"  # JupyterLab may reopen an earlier notebook in a tab behind
SLOW = 120_000  # milliseconds; a loaded machine starts a kernel slowly
expect.set_options(timeout=SLOW)

UNSCALED = "def attention_scores(query, key):\n    return query @ np.swapaxes(key, -1, -2)"


@pytest.fixture(scope="module", autouse=True)
def a_browser_is_there():
    if BROWSER is None:
        if os.environ.get("CI"):
            pytest.fail(f"CI needs a browser: one of {', '.join(NAMES)}")
        pytest.skip("no Chromium or Chrome on this machine")


@pytest.fixture
def page():
    with sync_playwright() as playwright:
        sandbox = [] if os.name == "nt" or os.geteuid() else ["--no-sandbox"]
        browser = playwright.chromium.launch(executable_path=BROWSER, args=[*FLAGS, *sandbox])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(SLOW)
        yield page
        browser.close()


@contextlib.contextmanager
def lab(course: Path, *options: str):
    """`course lab` in a course of one's own; gives the server's address and token."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(8)
    settings = course / "jupyter"
    env = {
        **environment(),
        "COURSE_ROOT": str(course),
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_DIR": str(settings),
        "JUPYTERLAB_SETTINGS_DIR": str(settings / "lab" / "user-settings"),
    }
    log = (course / "lab.log").open("w")
    command = [sys.executable, "-m", "autograde.cli", "lab", "--no-browser", f"--port={port}", *options]
    server = subprocess.Popen(
        command, cwd=course, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/api?token={token}", timeout=5).read()
                break
            assert server.poll() is None, (course / "lab.log").read_text()
            time.sleep(0.5)
        yield address, token
    finally:
        processes = psutil.Process(server.pid).children(recursive=True) if server.poll() is None else []
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(60)
        _, left = psutil.wait_procs(processes, timeout=10)
        for process in left:
            process.kill()
        server.kill()
        log.close()
        assert not left, f"these go on after `course lab` has ended: {left}"


def shoot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(SCREENSHOTS / f"{name}.png"))


def barriers(page: Page, *within: str) -> list[str]:
    """What axe calls serious or critical, in light and in dark colours; `within`: only in these parts of the page."""
    context = {"include": [[selector] for selector in within]} if within else None
    found = []
    for colours in ("light", "dark"):
        page.emulate_media(color_scheme=colours)
        for violation in Axe().run(page, context).response["violations"]:
            if violation["impact"] in ("serious", "critical"):
                found += [f"{colours}: {violation['id']}: {node['html'][:200]}" for node in violation["nodes"]]
    page.emulate_media(color_scheme="light")
    return found


def cell_with(page: Page, text: str):
    """The code cell of the notebook in front whose source has `text`, scrolled to."""
    cell = page.locator(f"{IN_FRONT} .jp-CodeCell", has=page.locator(".cm-content", has_text=text)).first
    cell.scroll_into_view_if_needed()
    return cell


def write_into(page: Page, cell, source: str) -> None:
    cell.locator(".cm-content").click()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.insert_text(source)


def run(page: Page, cell) -> None:
    cell.locator(".cm-content").click()
    page.keyboard.press("ControlOrMeta+Enter")


def test_a_learner_gets_a_diagnosis_and_then_passes(course, page):
    with lab(course) as (address, token):
        file = course / "my_work" / LESSON.name / f"{LESSON.name}.ipynb"
        assert file.is_file(), "`course lab` has copied the lessons"
        page.goto(f"{address}/?token={token}")
        page.wait_for_selector(".jp-Notebook .jp-Cell")  # a notebook opens, not the launcher
        assert not page.locator("text=/Create Assignment|Nbgrader|Jupyter news/").count()
        page.goto(f"{address}/lab/tree/{LESSON.name}/{LESSON.name}.ipynb?token={token}")
        expect(page.locator(f"{IN_FRONT} .jp-RenderedMarkdown h1")).to_contain_text(LESSON.title)
        expect(page.locator(f"{IN_FRONT} .jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_visible()
        expect(page.locator(".jp-Spinner")).to_have_count(0)
        shoot(page, "lesson")
        run(page, cell_with(page, "from autograde import by_hand, check"))
        answer, check = cell_with(page, "def attention_score"), cell_with(page, 'check("attention_scores")')

        run(page, check)
        box = check.locator(".course-check")
        expect(box).to_contain_text("not started", timeout=SLOW)

        write_into(page, answer, UNSCALED)
        run(page, answer)
        run(page, check)
        expect(box).to_contain_text("no scaling", timeout=SLOW)
        expect(box).to_contain_text("not right yet")
        box.scroll_into_view_if_needed()
        shoot(page, "failed-check")
        assert not barriers(page, ".course-check")

        right = {notebooks.grade_id(cell): cell.source for cell in filled(LESSON).cells}["attention_scores"]
        write_into(page, answer, "import math\n\n\n" + right)
        run(page, answer)
        run(page, check)
        expect(box).to_contain_text("passed", timeout=SLOW)
        expect(box).to_contain_text("Next: ")
        shoot(page, "passed-check")

        # the cell defines something else now, then nothing: what is in memory is older
        write_into(page, answer, right.replace("attention_scores", "attention_score", 1))
        run(page, answer)
        run(page, check)
        expect(box).to_contain_text("what was run last defines attention_score in its place", timeout=SLOW)
        expect(check.locator(".jp-OutputArea-output").last).to_have_text(SHOWN_ABOVE)
        write_into(page, answer, right.replace("):", ")", 1))
        run(page, answer)
        run(page, check)
        expect(box).to_contain_text("SyntaxError in line 1", timeout=SLOW)
        write_into(page, answer, "import math\n\n\n" + right)
        run(page, answer)
        run(page, check)
        expect(box).to_contain_text("passed", timeout=SLOW)

        count = len(of_lesson(LESSON.name))
        write_into(page, answer, right + "\n\nfrom autograde import progress\nprogress()")
        run(page, answer)
        expect(answer.locator(".jp-OutputArea")).to_contain_text(f"1 of {count:>2} exercises")
        assert not barriers(page, ".course-check", ".jp-OutputArea pre")
        write_into(page, answer, "import math\n\n\n" + right)

        # pictures in the text have loaded, and none is without alt text
        for picture in page.locator(f"{IN_FRONT} .jp-RenderedMarkdown img").all():
            assert picture.get_attribute("alt")
            assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        progress = json.loads((course / "my_work" / ".progress.json").read_text())
        assert progress["attention_scores"]["state"] == "passed"

        # nbgrader's own button saves the notebook; what it shows is `course check` as one summary
        page.get_by_role("button", name="Validate").click()
        dialog = page.locator(".jp-Dialog")
        expect(dialog).to_be_visible()
        if "File Changed" in dialog.inner_text():  # JupyterLab saved by itself at the same moment
            dialog.get_by_role("button", name="Overwrite").click()
        expect(dialog).to_contain_text(f"1 of {count} exercises passed", timeout=SLOW)
        expect(dialog).to_contain_text("Not started: 3.1 softmax, 3.2 project")
        assert dialog.inner_text().count("The following cell failed") == 1
        shoot(page, "validate")


def watch(page: Page) -> tuple[list[str], list[str]]:
    """Lists that fill: requests that would leave this machine (none goes out), and what a submission's script did."""
    left, ran = [], []

    def check(route) -> None:
        if re.match(r"(https?|wss?)://(127\.0\.0\.1|localhost)[:/]|(data|blob|file|about):", route.request.url):
            route.continue_()
        else:
            left.append(route.request.url)
            route.abort()

    page.route("**/*", check)
    page.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
    return left, ran


def hand_in(course: Path, student: str, notebook) -> None:
    target = course / "in" / student / f"{LESSON.name}.ipynb"
    target.parent.mkdir(parents=True)
    target.write_text(notebooks.to_text(notebook), encoding="utf-8")


def hostile_submission():
    """A wrong answer, in a notebook whose texts and outputs try to run something in the pages that show them."""
    notebook = filled(LESSON, {"attention_scores": UNSCALED})
    first = next(i for i, cell in enumerate(notebook.cells) if notebooks.grade_id(cell) == "attention_scores")
    extra = [new_markdown_cell(pages.MARKDOWN), new_code_cell(pages.SHOW), new_raw_cell(pages.MARKUP)]
    notebook.cells[first + 1 : first + 1] = extra
    return notebook


def test_an_instructor_grades_a_mixed_class_with_the_formgrader(course, page):
    students = {
        "ada": filled(LESSON),
        "bob": filled(LESSON, {"attention_scores": UNSCALED}),
        "eve": hostile_submission(),
        "zoe": released(LESSON),
    }
    for student, notebook in students.items():
        hand_in(course, student, notebook)
    classroom.release(LESSON)
    collect.collect(LESSON, [course / "in"])
    with lab(course, "--instructor") as (address, token):
        left, ran = watch(page)
        page.goto(f"{address}/lab?token={token}")
        page.locator(".lm-MenuBar-item", has_text="Nbgrader").click()
        page.locator(".lm-Menu-item", has_text="Formgrader").first.click()
        frame = page.frame_locator("iframe").first
        row = frame.locator("tr", has_text=LESSON.name).first
        expect(row).to_be_visible(timeout=SLOW)
        expect(frame.locator("#warning-exchange")).to_have_count(0)
        shoot(page, "formgrader-assignments")
        row.locator("td.num-submissions a").click()
        for student in students:
            line = frame.locator("tr", has_text=student).first
            expect(line).to_be_visible(timeout=SLOW)
            line.locator(".autograde a").click()
            expect(frame.locator("#success-modal")).to_contain_text("Successfully autograded", timeout=SLOW)
            frame.locator("#success-modal button.close, #success-modal .btn").first.click()
            expect(frame.locator("#success-modal")).to_be_hidden()
            expect(frame.locator(".modal-backdrop")).to_have_count(0)
            expect(line.locator(".status")).to_contain_text("graded", timeout=SLOW)
        shoot(page, "formgrader-submissions")
        page.screenshot(path=str(SCREENSHOTS / "formgrader.png"), full_page=True)
        scores = {one: frame.locator("tr", has_text=one).first.locator(".score").inner_text() for one in students}
        points = {one: float(text.split("/")[0]) for one, text in scores.items()}
        full = float(sum(one.points for one in of_lesson(LESSON.name)))
        assert points["ada"] == full and points["zoe"] == 0 and 0 < points["bob"] == points["eve"] < full
        recorded = {one: results.last(course / "classroom" / "results", LESSON.name, one) for one in students}
        assert all(recorded.values()), "the button has used this grader"

        with Gradebook(f"sqlite:///{course / 'classroom' / 'gradebook.db'}", "transformer") as gradebook:
            where = gradebook.find_submission_notebook(LESSON.name, LESSON.name, "eve").id
        page.goto(f"{address}/formgrader/submissions/{where}/?token={token}")
        comment = page.locator("#attention_scores-comment")
        expect(comment).to_have_attribute("placeholder", re.compile("no scaling"))  # an automatic comment
        expect(page.locator("#check_attention_scores")).to_have_count(1)
        expect(page.locator("math mfrac").first).to_be_visible()
        comment.scroll_into_view_if_needed()
        shoot(page, "formgrader-hostile")
        page.wait_for_timeout(1000)  # a script would have run by now
        assert not ran and not left

    assert len(classroom.feedback(LESSON)) == 4
    for student in ("eve", "ada"):
        left, ran = watch(page)
        page.goto((course / "classroom" / "feedback" / student / LESSON.name / f"{LESSON.name}.html").as_uri())
        expect(page.locator("h1").first).to_contain_text(f"{points[student]:g} of {full:g} points")
        shoot(page, f"feedback-{student}")
        # what is seen first; of the hostile page only what is ours
        assert not barriers(page, *([".mend"] if student == "eve" else []))
        page.locator("details").evaluate_all("all => all.forEach(fold => fold.open = true)")
        expect(page.locator("math").first).to_be_visible()
        if student == "eve":
            expect(page.locator(".mend")).to_contain_text("no scaling")
            page.locator(".answer", has_text="attention_scores").first.scroll_into_view_if_needed()
            shoot(page, "feedback-hostile")
        for picture in page.locator("img[src]").all():
            assert picture.get_attribute("alt")
        page.wait_for_timeout(500)
        assert not ran and not left and page.locator("script, iframe, form").count() == 0

    written = report(courses.load(), [LESSON.name])[0]
    page.goto(written.as_uri())
    students = page.locator("table.sortable").last
    expect(students.locator("th[aria-sort]")).to_have_count(0)
    for order, first in (("ascending", "zoe"), ("descending", "ada")):
        students.get_by_role("button", name="Points").press("Enter")
        expect(students.get_by_role("columnheader", name="Points")).to_have_attribute("aria-sort", order)
        expect(students.locator("tbody tr").first).to_contain_text(first)
    shoot(page, "report")
    assert not barriers(page)
    page.locator("tr", has_text="no scaling").first.locator("summary").click()
    expect(page.locator("details[open] code").first).to_contain_text("return query @ np.swapaxes(key, -1, -2)")
    page.get_by_role("link", name="eve").first.click()
    expect(page.locator(".mend")).to_contain_text("no scaling")
