"""The documentation site: README, docs/, the lessons as they ran, and the references' docstrings, made by Sphinx.

In a temporary folder the pages are where they are in the repository, so that the links between them hold.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from nbformat import NotebookNode

from autograde.author.build import DRAWING
from autograde.course import notebooks, paths
from autograde.course.errors import CourseError
from autograde.course.lessons import LESSONS

PAGES = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "LICENSE", "LICENSE-TEXT", "helpers/fonts/OFL.txt")
FOLDERS = ("docs", "attacks/README.md", "benchmarks/README.md", "benchmarks/GRADING.md")
CONTENTS = "docs/site/contents.md"
NOTE = """\
```{note}
This is the lesson with its results, and the solutions are folded. [For learners](../../docs/learners.md) says how to
do it yourself, with checks of your own answers.
```"""


def build() -> Path:
    """Build the site into build/site; CourseError where Sphinx warns, or a link in it leads nowhere."""
    if any(importlib.util.find_spec(name) is None for name in ("sphinx", "myst_nb", "furo")):
        raise CourseError("The site needs Sphinx: pip install -e '.[docs]' -c constraints.txt")
    target = paths.root() / "build" / "site"
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        pages = Path(folder, "pages")
        assemble(pages)
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-j", "auto"]
        command += ["-c", str(pages / "docs" / "site"), "-d", str(Path(folder, "doctrees")), str(pages), str(target)]
        if subprocess.run(command, cwd=paths.root()).returncode:
            raise CourseError("Sphinx has warned; what it has said is above.")
    broken = broken_links(target)
    if broken:
        raise CourseError(f"{len(broken)} links of the site lead nowhere: {'; '.join(broken[:10])}")
    return target


def assemble(folder: Path) -> None:
    """Put the pages into a new folder."""
    root = paths.root()
    for name in (*PAGES, *FOLDERS):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (root / name).is_dir():
            shutil.copytree(root / name, folder / name)
        else:
            shutil.copy(root / name, folder / name)
    contents = (folder / CONTENTS).read_text(encoding="utf-8")
    (folder / CONTENTS).unlink()
    (folder / "index.md").write_text((root / "README.md").read_text(encoding="utf-8") + "\n" + contents)
    for lesson in LESSONS:
        source, target = paths.solution_of(lesson).parent, folder / "notebooks" / lesson.name
        target.mkdir(parents=True)
        shutil.copytree(source / "figures", target / "figures")
        notebook = fold(notebooks.read(paths.solution_of(lesson)))
        (target / f"{lesson.name}.ipynb").write_text(notebooks.to_text(notebook), encoding="utf-8")


def fold(notebook: NotebookNode) -> NotebookNode:
    """The notebook for a reader: its solutions and drawings are folded, and a note says how to do it oneself."""
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if notebooks.nbgrader_data(cell).get("solution") and cell.cell_type == "code":
            cell.source = re.sub(r"^ *### (BEGIN|END) SOLUTION\n?", "", cell.source, flags=re.MULTILINE)
            prompt = "solution"
        elif DRAWING in tags:
            prompt = "code of the figure"
        else:
            continue
        cell.metadata["tags"] = [*tags, "hide-input"]
        cell.metadata["mystnb"] = {"code_prompt_show": f"Show the {prompt}", "code_prompt_hide": f"Hide the {prompt}"}
    title, _, text = notebook.cells[0].source.partition("\n")
    notebook.cells[0].source = f"{title}\n\n{NOTE}\n{text}"
    return notebook


class _Page(HTMLParser):
    """The places in a page, and what it links to or shows."""

    def __init__(self, text: str):
        super().__init__()
        self.places: set[str] = set()
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, text in attrs:
            if name in ("id", "name") and text:
                self.places.add(text)
            elif name in ("href", "src") and text:
                self.links.add(text)


def broken_links(site: Path) -> list[str]:
    """Links and pictures of the pages in a folder that lead to no file and no place in it."""
    pages = {file: _Page(file.read_text(encoding="utf-8")) for file in sorted(site.rglob("*.html"))}
    broken = []
    for file, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            other = pages.get(target)
            if not target.exists() or (other and parts.fragment and unquote(parts.fragment) not in other.places):
                broken.append(f"{file.relative_to(site)} -> {link}")
    return broken
