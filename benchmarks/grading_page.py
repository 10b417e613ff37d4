"""Writes what `results/grading.json` has into the pages that tell it: the tables of GRADING.md, and two ranges in
docs/instructors.md."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS

FILE = RESULTS / "grading.json"
PAGE = Path(__file__).resolve().parent / "GRADING.md"
INSTRUCTORS = Path(__file__).resolve().parent.parent / "docs" / "instructors.md"
_BLOCK = re.compile(r"(<!-- measured -->\n).*?(<!-- end -->)", re.DOTALL)
_SECONDS = re.compile(r"(it grades a class of 40\s+in )\d+ to \d+( seconds)")
_TIMES = re.compile(r"\d+ to \d+( times as fast as stock nbgrader)")


def write(found: dict[str, Any]) -> None:
    for page in (PAGE, INSTRUCTORS):
        page.write_text(told(page.read_text(encoding="utf-8"), found), encoding="utf-8")


def told(text: str, found: dict[str, Any]) -> str:
    """A page's text with what was measured."""
    text = _BLOCK.sub(lambda block: block[1] + tables(found) + block[2], text)
    seconds = _range(row["course_grade_seconds"] for row in found["lessons"].values())
    times = _range(row["times_faster"] for row in found["lessons"].values())
    return _TIMES.sub(rf"{times}\1", _SECONDS.sub(rf"\g<1>{seconds}\2", text))


def _range(values: Iterable[float]) -> str:
    known = sorted(values)
    return f"{known[0]:.0f} to {known[-1]:.0f}"


def tables(found: dict[str, Any]) -> str:
    lessons = dict(sorted(found["lessons"].items()))
    parts = [
        _table(
            "class of | submissions | `course grade` | a minute | stock nbgrader | a minute | times faster "
            "| other marks | measured | load before",
            [
                f"{name} | {row['submissions']} | {row['course_grade_seconds']:.1f} s | "
                f"{row['course_grade_per_minute']:.0f} | {row['stock_submissions']} in {row['stock_seconds']:.0f} s | "
                f"{row['stock_per_minute']:.1f} | **{row['times_faster']:.0f}** | {len(row['different_marks'])} | "
                f"{_when(row, found)}"
                for name, row in lessons.items()
            ],
        ),
        _table(
            "one right submission of | graded in | of that its own cells and calls | with all cells | of that its own "
            "| ratio",
            [
                f"{name} | {needed['seconds']:.2f} s | {needed['own_seconds']:.2f} s | {every['seconds']:.2f} s | "
                f"{every['own_seconds']:.2f} s | {every['times_own']:.2f}"
                for name, row in lessons.items()
                for needed, every in [(row["one_submission"]["needed_cells"], row["one_submission"]["all_cells"])]
            ],
        ),
        _table(
            "two workers against one | submissions | one | two | times faster | whole commands | measured "
            "| load before",
            [
                f"{name} | {row['submissions']} | {row['1 workers']['graded']:.1f} s | "
                f"{row['2 workers']['graded']:.1f} s | **{row['times_faster']:.2f}** | "
                f"{row['times_faster_with_start']:.2f} | {_when(row, found['scaling'])}"
                for name, row in sorted(found.get("scaling", {}).items())
                if isinstance(row, dict)
            ],
        ),
    ]
    if "large" in found:
        row = found["large"]
        parts.append(
            _table(
                "a long class of lesson 3 | seconds | a minute | warm process | each worker above it "
                "| the process that writes | growth | measured | load before",
                [
                    f"{row['submissions']:,} submissions | {row['seconds']:.0f} | {row['per_minute']:.0f} | "
                    f"{row['warm_process_mib']} MiB | {row['per_worker_above_warm_mib']} MiB | "
                    f"{row['writing_process_mib']} MiB | {row['growth_mib']} MiB | {_when(row, found)}"
                ],
            )
        )
    if "feedback" in found:
        row = found["feedback"]
        parts.append(
            _table(
                "feedback of lesson 3 | one process | two | times faster | measured | load before",
                [
                    f"{row['submissions']} pages | {row['one']:.1f} s | {row['two']:.1f} s | "
                    f"**{row['times_faster']:.2f}** | {_when(row, found)}"
                ],
            )
        )
    return "\n".join(parts)


def _when(row: dict[str, Any], others: dict[str, Any]) -> str:
    """The day of a measurement, and the load of the machine when it began; older ones have one for all."""
    load = row.get("load_before", others.get("load_before", "unknown"))
    return f"{row.get('date', others.get('date', 'unknown'))[:10]} | {load}"


def _table(head: str, rows: list[str]) -> str:
    line = "|".join([""] + [" --- "] * (head.count("|") + 1) + [""])
    return "\n".join([f"| {head} |", line, *(f"| {row} |" for row in rows)]) + "\n"
