"""nbgrader's Validate button in a learner's JupyterLab: `course check` of the notebook, told as one summary.

JupyterLab's server loads this module as an extension in place of nbgrader's own (`jupyter/jupyter_server_config.json`).
It runs the check in another process, `python -m autograde.learner.validate FILE`, so that notebooks go on meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import sys
from html import escape
from pathlib import Path
from typing import Any

from autograde.course import kernels
from autograde.course.errors import CourseError, sentence
from autograde.course.lessons import GRADED, Lesson
from autograde.course.outline import outline
from autograde.judge.verdict import NOT_STARTED, Verdict, tally


def lesson_of(file: Path) -> Lesson | None:
    """The lesson whose notebook this is, by its name; None for any other notebook."""
    return next((lesson for lesson in GRADED if file.name == f"{lesson.name}.ipynb"), None)


def answer(file: Path, lesson: Lesson) -> dict[str, Any]:
    """What the button's dialog shows: success, or one entry for the exercise to go on with, and a summary."""
    from autograde.learner import workspace

    remarks: list[str] = []
    try:
        verdicts = workspace.check(lesson, file, remarks.append)
    except (CourseError, OSError) as error:
        return {"success": False, "value": sentence(error) or str(error)}
    left = [verdict for verdict in verdicts if not verdict.passed]
    if not left:
        return {"success": True, "value": {}}
    following = next((verdict for verdict in left if verdict.state != NOT_STARTED), left[0])
    entry = {"source": f'check("{following.name}")', "error": summary(lesson, verdicts, following, remarks)}
    return {"success": True, "value": {"failed": [entry]}}


def summary(lesson: Lesson, verdicts: list[Verdict], following: Verdict, remarks: list[str]) -> str:
    """Points, the exercises by what became of them, and the result of the one to go on with; HTML."""
    numbers = {asked.name: asked.number for asked in outline(lesson)}
    parts = [f"<strong>{escape(tally(verdicts))}</strong>"]
    for text, chosen in (
        ("Not right yet", [verdict for verdict in verdicts if not verdict.passed and verdict.state != NOT_STARTED]),
        ("Not started", [verdict for verdict in verdicts if verdict.state == NOT_STARTED]),
    ):
        names = ", ".join(
            f"{numbers.get(verdict.name, '')} <code>{escape(verdict.name)}</code>".strip() for verdict in chosen
        )
        parts.append(f"{text}: {names}." if names else "")
    parts += ["Next:", following.html, *map(escape, remarks)]
    inner = "".join(f"<div>{part}</div>" for part in parts if part)
    return f'<div style="white-space:normal;font-family:var(--jp-ui-font-family)">{inner}</div>'


async def run(file: Path) -> dict[str, Any]:
    """`answer` in another process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "autograde.learner.validate", str(file)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=kernels.environment(),
    )
    try:
        said, complaint = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        raise
    if process.returncode:
        return {
            "success": False,
            "value": complaint.decode(errors="replace") or "The check has ended without a result.",
        }
    return json.loads(said)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    from jupyter_server.utils import url_path_join
    from nbgrader.server_extensions.validate_assignment import handlers
    from tornado import web

    class ValidateHandler(handlers.ValidateAssignmentHandler):
        @web.authenticated
        async def post(self) -> None:
            path = self.get_argument("path")
            root = Path(self.root_dir).resolve()
            file = (root / path).resolve()
            known = file.is_relative_to(root) and lesson_of(file)
            self.finish(json.dumps(await run(file) if known else self.validate_notebook(path)))

    base = app.web_app.settings["base_url"]
    app.web_app.settings["root_dir"] = app.root_dir
    app.web_app.add_handlers(
        ".*$",
        [
            (url_path_join(base, "/assignments/validate"), ValidateHandler),
            (url_path_join(base, "/nbgrader_version"), handlers.NbGraderVersionHandler),
        ],
    )


if __name__ == "__main__":
    chosen = Path(sys.argv[1])
    lesson = lesson_of(chosen)
    assert lesson is not None
    print(json.dumps(answer(chosen, lesson)))
