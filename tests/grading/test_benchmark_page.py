"""What the pages say about the speed of grading is what was measured."""

from __future__ import annotations

import json

import pytest

from benchmarks import grading_page


def measured() -> dict:
    return json.loads(grading_page.FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", [grading_page.PAGE, grading_page.INSTRUCTORS], ids=lambda page: page.name)
def test_the_pages_have_the_numbers_of_the_results(page):
    text = page.read_text(encoding="utf-8")
    assert grading_page.told(text, measured()) == text, "run `python -m benchmarks.grading`, or correct the results"


def test_another_measurement_changes_both_pages():
    found = measured()
    name, row = next(iter(found["lessons"].items()))
    found["lessons"][name] = {**row, "times_faster": 4321.0, "course_grade_seconds": 987.4, "date": "2031-01-02"}
    page = grading_page.told(grading_page.PAGE.read_text(encoding="utf-8"), found)
    assert f"| {name} | " in page and "**4321**" in page and "| 2031-01-02 |" in page
    text = grading_page.told(grading_page.INSTRUCTORS.read_text(encoding="utf-8"), found)
    assert "to 4321 times as fast as stock nbgrader" in text and "to 987 seconds" in text
