"""How fast a class is graded: `course grade` beside stock `nbgrader autograde`, on the same submissions in one run.

    python -m benchmarks.grading --lessons 3            a class of 40 of one lesson; without a number, of each
    python -m benchmarks.grading --lessons 3 --full     stock grades all of them, not a sample
    python -m benchmarks.grading --scaling 3 240        two workers against one
    python -m benchmarks.grading --large 2000           time and memory of a long class of lesson 3
    python -m benchmarks.grading --feedback 150         the feedback pages of a class of lesson 3, one process and two

Each adds to `results/grading.json`, with its day and the load before it, and writes GRADING.md anew.

Submissions are made from the solutions and the catalogue's misconceptions: half right, a third wrong, the rest as they
were handed out. Stock nbgrader works in a copy of the course with a configuration that only names folders. Every
command is timed from its start to its end, as an instructor would.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import copy
import inspect
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from nbgrader.api import Gradebook

from attacks.weights import beside
from autograde.course import notebooks
from autograde.course.kernels import environment
from autograde.course.lessons import GRADED, Lesson, find_lesson
from autograde.exercise import Exercise
from autograde.exercises import of_lesson
from autograde.grading.grade import grade
from autograde.grading.job import ALL, NEEDED, Job, Options
from autograde.grading.notebook.rules import free_names
from autograde.grading.sandbox.warm import Runner
from benchmarks import grading_page

ROOT = Path(__file__).resolve().parent.parent
MAIN_LESSON, SIZE = "03_single_head", 40
RIGHT, WRONG, UNTOUCHED = "right", "wrong", "untouched"
PATTERN = (RIGHT, WRONG, RIGHT, UNTOUCHED, RIGHT, WRONG)  # of every six submissions
KEY = b"a key of the benchmark".ljust(32)
STOCK = """c = get_config()
c.CourseDirectory.course_id = "transformer"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "notebooks"
c.CourseDirectory.submitted_directory = "classroom/submitted"
c.CourseDirectory.autograded_directory = "classroom/autograded"
c.CourseDirectory.db_url = "sqlite:///classroom/gradebook.db"
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc*", "__pycache__", "feedback", "*.py", ".progress.json"]
"""


# --- a class --------------------------------------------------------------------------------------------------------


def submissions(lesson: Lesson, size: int) -> dict[str, tuple[str, str]]:
    """{student: (kind, notebook)}; a wrong one has a misconception of the catalogue in up to three exercises."""
    rng = random.Random(f"{lesson.name} {size}")
    release = notebooks.read(ROOT / "notebooks" / lesson.name / f"{lesson.name}.ipynb")
    solved = notebooks.read(ROOT / "solutions" / lesson.name / f"{lesson.name}.ipynb")
    right = {notebooks.grade_id(cell): cell.source for cell in solved.cells}
    wrong = {exercise.name: sources for exercise in of_lesson(lesson.name) if (sources := mistakes(exercise))}
    made = {}
    for number in range(size):
        kind = PATTERN[number % len(PATTERN)]
        answers = dict(right) if kind != UNTOUCHED else {}
        if kind == WRONG:
            for name in rng.sample(sorted(wrong), min(3, len(wrong))):
                answers[name] = rng.choice(wrong[name])
        notebook = copy.deepcopy(release)
        for cell in notebook.cells:
            if notebooks.nbgrader_data(cell).get("solution"):
                cell.source = answers.get(notebooks.grade_id(cell), cell.source)
        made[f"student{number:04}"] = kind, notebooks.to_text(notebook)
    return made


def mistakes(exercise: Exercise) -> list[str]:
    """The misconceptions that can stand in a notebook as they are: those that use nothing but its imports."""
    known = {"np", "torch", "nn", "F", "math", exercise.name, *dir(builtins)}
    found = []
    for misconception in exercise.misconceptions:
        try:
            (node,) = ast.parse(textwrap.dedent(inspect.getsource(misconception.wrong))).body
        except (OSError, TypeError, SyntaxError, ValueError):
            continue
        if not isinstance(node, ast.FunctionDef):
            continue
        del node.decorator_list[:1]  # `EXERCISE.wrong`
        if free_names(node) <= known and not node.decorator_list:
            node.name = exercise.name
            found.append(f"import numpy as np\nimport torch\n\n\n{ast.unparse(node)}")
    return found


def course(folder: Path, lesson: Lesson, students: dict[str, tuple[str, str]], config: str | None = None) -> Path:
    """A copy of the course in which these students have handed in."""
    folder.mkdir(parents=True)
    for name in ("solutions", "notebooks"):
        source = ROOT / name / lesson.name
        shutil.copytree(source, folder / name / lesson.name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_*"))
    if config is None:
        shutil.copy(ROOT / "nbgrader_config.py", folder)
    else:
        (folder / "nbgrader_config.py").write_text(config)
    for student, (_, text) in students.items():
        place = folder / "classroom" / "submitted" / student / lesson.name
        notebooks.write(place / f"{lesson.name}.ipynb", text)
        for name, data in beside(lesson.name).items():
            (place / name).write_bytes(data)
    return folder


def environment_of(root: Path) -> dict[str, str]:
    return {**environment(), "COURSE_ROOT": str(root), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


# --- runs -----------------------------------------------------------------------------------------------------------


def run(root: Path, *words: str) -> float:
    """Seconds that a command takes in a course's folder; its last lines where it fails."""
    print("  ", " ".join(words), end=" ", flush=True)
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", *words], cwd=root, env=environment_of(root), capture_output=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}\n{done.stdout.decode()[-2000:]}\n{done.stderr.decode()[-2000:]}")
    taken = time.perf_counter() - start
    print(f"{taken:.1f} s", flush=True)
    return taken


def course_grade(root: Path, lesson: Lesson, jobs: int) -> float:
    return run(root, "autograde.cli", "grade", lesson.name, "--jobs", str(jobs), "--force")


def scores(root: Path, lesson: Lesson) -> dict[str, dict[str, tuple[float, float]]]:
    """{student: {cell: (points, most)}} in the gradebook."""
    with Gradebook(f"sqlite:///{root / 'classroom' / 'gradebook.db'}") as gradebook:
        return {
            submission.student.id: {
                grade.name: (grade.auto_score, grade.max_score) for grade in submission.notebooks[0].grades
            }
            for submission in gradebook.find_assignment(lesson.name).submissions
        }


def differences(ours: dict, stock: dict) -> list[str]:
    """Where the marks differ. Stock gives all or nothing; a part of the points from us is a fail there."""
    found = []
    for student, cells in stock.items():
        for name, (points, max_score) in cells.items():
            mine = ours[student][name][0]
            expected = mine if mine == max_score else 0.0
            if points != expected:
                found.append(f"{student} {name}: stock {points}, course grade {mine}, of {max_score}")
    return found


def compare(lesson: Lesson, size: int, sample: int, folder: Path) -> dict:
    """Both graders on one class."""
    students = submissions(lesson, size)
    ours = course(folder / "ours", lesson, students)
    run(ours, "autograde.cli", "release", lesson.name)
    chosen = dict(list(students.items())[:sample])
    stock = course(folder / "stock", lesson, chosen, STOCK)
    shutil.copy(ours / "classroom" / "gradebook.db", stock / "classroom" / "gradebook.db")
    seconds = course_grade(ours, lesson, 2)
    stock_seconds = run(stock, "nbgrader", "autograde", lesson.name)
    mine = scores(ours, lesson)
    for student, (kind, _) in students.items():
        expected = {RIGHT: (1.0, 1.0), WRONG: (0.0, 0.999), UNTOUCHED: (0.0, 0.0)}[kind]
        share = sum(points for points, _ in mine[student].values()) / sum(
            max_score for _, max_score in mine[student].values()
        )
        if not expected[0] <= share <= expected[1]:
            raise SystemExit(f"{lesson.name}, {student}: {kind}, but {share:.0%} of the points")
    rate = 60 * size / seconds
    stock_rate = 60 * len(chosen) / stock_seconds
    return {
        "submissions": size,
        "course_grade_seconds": round(seconds, 2),
        "course_grade_per_minute": round(rate, 1),
        "stock_submissions": len(chosen),
        "stock_seconds": round(stock_seconds, 2),
        "stock_per_minute": round(stock_rate, 2),
        "times_faster": round(rate / stock_rate, 1),
        "different_marks": differences(mine, scores(stock, lesson)),
    }


def overhead(lesson: Lesson, runner: Runner, repeats: int = 5) -> dict:
    """Grading one right submission in a process that is warm, and what of it the submission's own cells and calls
    take, by the clock of its own process."""
    ((_, text),) = submissions(lesson, 1).values()
    release = (ROOT / "notebooks" / lesson.name / f"{lesson.name}.ipynb").read_text(encoding="utf-8")
    row = {}
    for name, cells, times in (("needed", NEEDED, repeats), ("all", ALL, 1)):
        options = Options(cells=cells)
        job = Job(
            lesson=lesson.name,
            student="one",
            notebook=text.encode(),
            release=release,
            key=KEY,
            files=beside(lesson.name),
            options=options,
        )
        seconds = [grade(job, runner).seconds for _ in range(times + 1)][1:]
        total, own = (statistics.median(parts[part] for parts in seconds) for part in ("total", "user"))
        row[f"{name}_cells"] = {
            "seconds": round(total, 4),
            "own_seconds": round(own, 4),
            "around_it_seconds": round(total - own, 4),
            "times_own": round(total / own, 2),
        }
    return {"one_submission": row}


# --- memory ---------------------------------------------------------------------------------------------------------


class Watch(threading.Thread):
    """Looks every half second how much memory a command uses (PSS: shared pages count once): `rows` has the MiB of its
    first process, which writes, and those of all that it started."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.pid, self.rows, self.end = pid, [], threading.Event()

    def run(self) -> None:
        while not self.end.wait(0.5):
            below = sum(_pss(process) for process in _below(self.pid))
            self.rows.append((_pss(self.pid) / 2**10, below / 2**10))


def _below(pid: int) -> list[int]:
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parents[int(name)] = int(Path("/proc", name, "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
    found, queue = [], [pid]
    while queue:
        queue += (children := [child for child, parent in parents.items() if parent == queue[0]])
        found += children
        queue.pop(0)
    return found


def _pss(pid: int) -> int:
    try:
        lines = Path("/proc", str(pid), "smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    except (OSError, StopIteration, ValueError):
        return 0


def long_class(lesson: Lesson, size: int, folder: Path) -> Path:
    """A course with a class of this size, which repeats a smaller one."""
    few = list(submissions(lesson, 48).values())
    root = course(folder, lesson, {f"student{n:05}": few[n % len(few)] for n in range(size)})
    run(root, "autograde.cli", "release", lesson.name)
    return root


def scaling(lesson: Lesson, size: int, folder: Path) -> dict:
    """Two workers against one. `graded` leaves the start out: from the first result to the last."""
    root = long_class(lesson, size, folder / "scaling" / lesson.name)
    rows = {}
    for jobs in (1, 2, 1, 2):
        taken = course_grade(root, lesson, jobs)
        written = sorted(path.stat().st_mtime for path in (root / "classroom" / "results").rglob("*.jsonl"))
        graded = (written[-1] - written[0]) * size / (size - 1)
        best = rows.get(jobs)
        if best is None or graded < best["graded"]:
            rows[jobs] = {"seconds": round(taken, 2), "graded": round(graded, 2)}
    return {
        "submissions": size,
        **{f"{jobs} workers": row for jobs, row in rows.items()},
        "times_faster": round(rows[1]["graded"] / rows[2]["graded"], 2),
        "times_faster_with_start": round(rows[1]["seconds"] / rows[2]["seconds"], 2),
    }


def large(lesson: Lesson, size: int, folder: Path, jobs: int = 2) -> dict:
    """Memory of `course grade` over a long class. What is shared counts once, so that a worker's own is what all
    processes besides the writing one use together, above the warm process, divided by the number of workers."""
    root = long_class(lesson, size, folder / "large")
    with Runner() as runner:
        warm = sum(_pss(process) for process in _below(runner.pid)) / 2**10
    words = ["autograde.cli", "grade", lesson.name, "--jobs", str(jobs)]
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", *words], cwd=root, env=environment_of(root), stdout=-3, stderr=-3
    ) as done:
        watch = Watch(done.pid)
        watch.start()
        done.wait()
    taken = time.perf_counter() - start
    watch.end.set()
    busy = watch.rows[len(watch.rows) // 4 :]
    half = len(busy) // 2
    return {
        "submissions": size,
        "seconds": round(taken, 1),
        "per_minute": round(60 * size / taken, 1),
        "warm_process_mib": round(warm),
        "writing_process_mib": round(max(first for first, _ in busy)),
        "all_others_mib": round(max(others for _, others in busy)),
        "per_worker_above_warm_mib": round((max(others for _, others in busy) - warm) / jobs),
        "growth_mib": round(statistics.median(map(sum, busy[half:])) - statistics.median(map(sum, busy[:half]))),
    }


def feedback(lesson: Lesson, size: int, folder: Path) -> dict:
    """`course feedback` with one process and with two, each three times in turn; the median of each."""
    root = long_class(lesson, size, folder / "feedback")
    course_grade(root, lesson, 2)
    taken: dict[int, list[float]] = {1: [], 2: []}
    for jobs in (1, 2) * 3:
        taken[jobs].append(run(root, "autograde.cli", "feedback", lesson.name, "--jobs", str(jobs)))
    one, two = (statistics.median(taken[jobs]) for jobs in (1, 2))
    return {"submissions": size, "one": round(one, 1), "two": round(two, 1), "times_faster": round(one / two, 2)}


def surroundings() -> dict[str, str | float]:
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "device": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "load_before": round(os.getloadavg()[0], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lessons", nargs="*", help="numbers or names; none: each")
    parser.add_argument("--size", type=int, default=SIZE, help="submissions of each lesson")
    parser.add_argument("--sample", type=int, default=3, help="how many of them stock nbgrader grades")
    parser.add_argument("--full", action="store_true", help="stock nbgrader grades all of them")
    parser.add_argument("--scaling", nargs=2, metavar=("LESSON", "SIZE"), help="two workers against one")
    parser.add_argument("--large", type=int, default=0, help="a class of this size of lesson 03")
    parser.add_argument("--feedback", type=int, default=0, help="the feedback of a class of this size of lesson 03")
    args = parser.parse_args()
    found = json.loads(grading_page.FILE.read_text()) if grading_page.FILE.exists() else {"lessons": {}}

    def keep(part: str, name: str, row: dict) -> None:
        """`name` "": the part is one row."""
        (found.setdefault(part, {}) if name else found)[name or part] = row
        print(part, name, json.dumps(row), flush=True)
        grading_page.FILE.write_text(json.dumps(found, indent=1) + "\n")
        grading_page.write(found)

    with tempfile.TemporaryDirectory(prefix="grading-") as place:
        folder = Path(place)
        if args.scaling:
            lesson = find_lesson(args.scaling[0])
            keep("scaling", lesson.name, {**surroundings(), **scaling(lesson, int(args.scaling[1]), folder)})
        if args.large:
            keep("large", "", {**surroundings(), **large(find_lesson(MAIN_LESSON), args.large, folder)})
        if args.feedback:
            keep("feedback", "", {**surroundings(), **feedback(find_lesson(MAIN_LESSON), args.feedback, folder)})
        if args.lessons is None and (args.scaling or args.large or args.feedback):
            return
        for lesson in [find_lesson(name) for name in args.lessons or ()] or GRADED:
            sample = args.size if args.full else min(args.sample * (1 + (lesson.name == MAIN_LESSON)), args.size)
            before = surroundings()
            with Runner() as runner:
                row = overhead(lesson, runner)
            keep("lessons", lesson.name, {**before, **row, **compare(lesson, args.size, sample, folder / lesson.name)})


if __name__ == "__main__":
    main()
