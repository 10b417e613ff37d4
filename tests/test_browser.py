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

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from autograde import build, classroom, collecting, notebooks
from autograde.lessons import find_lesson
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
    overrides = (
        settings / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    )
    overrides.parent.mkdir(parents=True)
    overrides.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    env = {
        **build.environment(),
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
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, 9)
        log.close()


def shoot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(SCREENSHOTS / f"{name}.png"))


def cell_with(page: Page, text: str):
    """The code cell whose source has `text`, scrolled to."""
    cell = page.locator(".jp-Notebook .jp-CodeCell", has=page.locator(".cm-content", has_text=text)).first
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
        page.goto(f"{address}/lab/tree/{LESSON.name}/{LESSON.name}.ipynb?token={token}")
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]")
        expect(page.locator(".jp-Spinner")).to_have_count(0)
        expect(page.locator(".jp-RenderedMarkdown h1").first).to_be_visible()
        shoot(page, "lesson")
        run(page, cell_with(page, "from autograde import check"))
        answer, check = cell_with(page, "def attention_scores"), cell_with(page, 'check("attention_scores")')

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

        right = {notebooks.grade_id(cell): cell.source for cell in filled(LESSON).cells}["attention_scores"]
        write_into(page, answer, "import math\n\n\n" + right)
        run(page, answer)
        run(page, check)
        expect(box).to_contain_text("passed", timeout=SLOW)
        shoot(page, "passed-check")

        # pictures in the text have loaded, and none is without alt text
        for picture in page.locator(".jp-RenderedMarkdown img").all():
            assert picture.get_attribute("alt")
            assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        progress = json.loads((course / "my_work" / ".progress.json").read_text())
        assert progress["attention_scores"]["state"] == "passed"

        # nbgrader's own button: it saves and runs the notebook, and lists what fails
        page.get_by_role("button", name="Validate").click()
        dialog = page.locator(".jp-Dialog")
        expect(dialog).to_be_visible()
        if "File Changed" in dialog.inner_text():  # JupyterLab saved by itself at the same moment
            dialog.get_by_role("button", name="Overwrite").click()
        expect(dialog).to_contain_text("softmax", timeout=SLOW)
        shoot(page, "validate")


def test_an_instructor_sees_scores_in_the_formgrader(course, page):
    wrong = filled(LESSON, {"attention_scores": UNSCALED})
    for student, notebook in (("ada", wrong), ("bob", released(LESSON))):
        target = course / "in" / student / f"{LESSON.name}.ipynb"
        target.parent.mkdir(parents=True)
        target.write_text(notebooks.to_text(notebook), encoding="utf-8")
    classroom.release(LESSON)
    collecting.collect(LESSON, [course / "in"])
    with lab(course, "--instructor") as (address, token):
        page.goto(f"{address}/lab?token={token}")
        page.locator(".lm-MenuBar-item", has_text="Nbgrader").click()
        page.locator(".lm-Menu-item", has_text="Formgrader").first.click()
        frame = page.frame_locator("iframe").first
        row = frame.locator("tr", has_text=LESSON.name).first
        expect(row).to_be_visible(timeout=SLOW)
        shoot(page, "formgrader-assignments")
        row.locator("td.num-submissions a").click()
        ada = frame.locator("tr", has_text="ada").first
        expect(ada).to_be_visible(timeout=SLOW)
        ada.locator(".autograde a").click()
        expect(frame.locator("#success-modal")).to_contain_text("Successfully autograded", timeout=SLOW)
        frame.locator("#success-modal button.close, #success-modal .btn").first.click()
        expect(frame.locator("#success-modal")).to_be_hidden()
        expect(frame.locator(".modal-backdrop")).to_have_count(0)
        expect(ada.locator(".status")).to_contain_text("graded", timeout=SLOW)
        expect(ada.locator(".score")).to_contain_text(re.compile(r"[1-9]"), timeout=SLOW)
        shoot(page, "formgrader-submissions")
        page.screenshot(path=str(SCREENSHOTS / "formgrader.png"), full_page=True)
