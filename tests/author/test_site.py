"""The documentation site: every page and lesson is in it, solutions are folded, and links are followed."""

from __future__ import annotations

import importlib.util
import re

import pytest

import autograde
from autograde.author import site
from autograde.course import notebooks
from autograde.course.lessons import GRADED
from conftest import ROOT, solution

SITE = ROOT / "docs" / "site"


def test_the_table_of_contents_names_every_page():
    text = (ROOT / site.CONTENTS).read_text(encoding="utf-8")
    entries = re.findall(r"^(?:.* <)?([\w/*-]+)>?$", text, re.MULTILINE)
    assert "notebooks/*/*" in entries
    named = {entry for entry in entries if "/" in entry or (ROOT / f"{entry}.md").exists()} - {"notebooks/*/*"}
    pages = [*(ROOT / "docs").glob("*.md"), *SITE.glob("*.md"), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    wanted = {page.relative_to(ROOT).with_suffix("").as_posix() for page in pages} - {"docs/site/contents"}
    assert not wanted - named and all((ROOT / f"{name}.md").is_file() for name in named)


def test_the_reference_has_every_lesson_and_all_that_a_notebook_uses():
    helpers = (SITE / "helpers.md").read_text(encoding="utf-8")
    for lesson in GRADED:
        assert f".. automodule:: helpers.{lesson.topic}\n" in helpers
    page = (SITE / "autograde.md").read_text(encoding="utf-8")
    documented = [path.rpartition(".") for path in re.findall(r"^\.\. auto\w+:: ([\w.]+)$", page, re.MULTILINE)]
    public = [name for module, _, name in documented if not module or name in autograde.__all__]
    assert sorted(public) == sorted(autograde.__all__)


def test_solutions_are_folded(lesson):
    folded = site.fold(solution(lesson))
    for cell in folded.cells:
        if cell.cell_type == "code":
            hidden = "hide-input" in cell.metadata.get("tags", [])
            assert hidden or not notebooks.nbgrader_data(cell).get("solution")
            assert "### BEGIN SOLUTION" not in cell.source and "### END SOLUTION" not in cell.source
    assert folded.cells[0].source.startswith("# ") and f"\n\n{site.NOTE}\n" in folded.cells[0].source


def test_links_are_followed(tmp_path):
    (tmp_path / "one.html").write_text(
        '<h1 id="top"></h1><a href="two.html#place"></a><a href="#top"></a><a href="https://elsewhere.example/x"></a>'
    )
    (tmp_path / "two.html").write_text('<p id="place"></p><img src="picture.png">')
    (tmp_path / "picture.png").touch()
    assert site.broken_links(tmp_path) == []
    (tmp_path / "picture.png").unlink()
    (tmp_path / "two.html").write_text('<a href="one.html#nowhere"></a><img src="picture.png">')
    assert site.broken_links(tmp_path) == [
        "one.html -> two.html#place",
        "two.html -> one.html#nowhere",
        "two.html -> picture.png",
    ]


@pytest.mark.full  # a minute; the workflow `site` builds it for each change
def test_the_site_is_built_without_a_warning():
    if importlib.util.find_spec("sphinx") is None:
        pytest.skip("Sphinx is not installed")
    page = (site.build() / "notebooks" / "03_single_head" / "03_single_head.html").read_text(encoding="utf-8")
    assert "Show the solution" in page and "<math" in page
