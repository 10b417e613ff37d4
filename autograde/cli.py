"""The `course` command: everything behind the Makefile, the same on every system."""

from __future__ import annotations

import argparse
import difflib
import importlib
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from autograde.course import class_data, namesake, paths
from autograde.course.errors import CourseError, sentence
from autograde.course.lessons import LESSONS, find_lesson
from autograde.course.text import counted
from autograde.grading.job import ALL, GradeRequest
from autograde.judge.verdict import NOT_STARTED, tally

PLATFORMS = ("moodle", "canvas", "blackboard", "brightspace", "github", "google")

# what an installed package can do; the rest builds, grades and tests in a clone of the repository
FOR_LEARNERS = ("lab", "start", "progress", "reset", "check", "doctor", "train")

EXAMPLES = """\
for learners:
  course lab                       open the lessons in JupyterLab
  course progress                  what is done, and what is next
  course check 3                   run your notebook of lesson 3 and see the state of each exercise
  course reset 3 softmax           put one exercise back as it was, with a backup
  course train small               train the whole Transformer (lesson 8)
  course doctor                    is everything here that the course needs?

for instructors:
  course release 3                 enter lesson 3 into the gradebook, and pack it for handing out
  course roster class.csv          enter a class list into the gradebook
  course collect 3 folder.zip      take submissions in from folders and zip files
  course grade 3                   autograde what has been collected
  course report 3                  what the class got wrong, and which submissions need a look
  course feedback 3                write the HTML feedback
  course export                    write all grades as CSV
  course lab --instructor          JupyterLab with the formgrader

for authors:
  course build                     text -> executed solutions -> release
  course prove softmax             does the check reject every change of the reference?
  course site                      build the documentation site
  course test                      everything that CI runs
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence. `commands` has a parser for each command."""

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.commands: dict[str, argparse.ArgumentParser] = {}

    def error(self, message: str) -> NoReturn:
        raise CourseError(f"{message[:1].upper()}{message[1:]}. `{self.prog} --help` shows what it takes.")


class _Command(_Parser):
    """A command's options may also be between its names and files: `course collect 3 --roster class.csv class.zip`."""

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.apart = False  # while argparse parses options and the rest one after the other

    def parse_known_args(self, args=None, namespace=None):
        if self.apart:
            return super().parse_known_args(args, namespace)
        self.apart = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self.apart = False


class _Version(argparse.Action):
    """Looked up only where it is wanted: the commit of a clone takes a process."""

    def __call__(self, parser, *_) -> None:
        from autograde.learner.doctor import version

        print(f"course {version()}")
        parser.exit()


def parser() -> _Parser:
    main = _Parser(
        prog="course",
        description="Build the Transformer by hand, in JupyterLab, with checks that name the mistake.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    main.add_argument("--version", action=_Version, nargs=0, help="the version, and the commit of a clone")
    commands = main.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Command)

    def add(name: str, text: str, example: str, lesson: str = "") -> argparse.ArgumentParser:
        command = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if lesson:
            command.add_argument(
                "lesson", metavar="LESSON", nargs=lesson, help="a lesson: 3, single_head or 03_single_head"
            )
        command.set_defaults(run=globals()[f"_{name}"])
        main.commands[name] = command
        return command

    command = add("lab", "copy new lessons and open JupyterLab", "course lab")
    command.add_argument("--instructor", action="store_true", help="open the whole course, with the formgrader")
    command.add_argument("--no-browser", action="store_true", help="start the server without opening a browser")
    command.add_argument(
        "--port", type=_port, help="the port of the server; default: 8888, or the next one that is free"
    )
    add("start", "copy the lessons to my_work; never overwrites a file", "course start")
    add("progress", "lessons, exercises, points, and what is next", "course progress")
    command = add("reset", "put a lesson or one exercise back as it was, with a backup", "course reset 3 softmax", "?")
    command.add_argument("exercise", metavar="EXERCISE", nargs="?", help="only the cell of this exercise")
    add("check", "run your notebook and print the state of each exercise", "course check 3", "?")
    add("doctor", "look whether everything is here that the course needs", "course doctor")
    add("train", "train a Transformer, on this machine's best device", "course train small --minutes 2")
    add("build", "text -> executed solutions -> release", "course build 3", "*")
    command = add("release", "enter a lesson into the gradebook and pack it for handing out", "course release 3", "?")
    command.add_argument("--exchange", action="store_true", help="also put it into nbgrader's exchange")
    command = add("collect", "take submissions in", "course collect 3 submissions.zip", "?")
    command.add_argument(
        "sources", metavar="SOURCE", nargs="*", type=_path, help="folders or zip files; none: the exchange"
    )
    whose = command.add_mutually_exclusive_group()
    whose.add_argument(
        "--from",
        dest="platform",
        metavar="PLATFORM",
        choices=PLATFORMS,
        help=f"whose download it is: {', '.join(PLATFORMS)}; default: recognised by the names in it",
    )
    whose.add_argument(
        "--names",
        metavar="PATTERN",
        default="",
        help="a regular expression for the paths in it, with groups as in nbgrader's zip_collect: (?P<student_id>...)",
    )
    whose.add_argument("--student", metavar="NAME", type=_name, help="everything in it is this student's")
    whose.add_argument("--class", dest="whole_class", action="store_true", help="it is the class's, not one student's")
    command.add_argument(
        "--roster", metavar="FILE", type=_path, help="the class list (CSV): says who a name or number is"
    )
    command.add_argument(
        "--received",
        metavar="TIME",
        default="",
        help="when these were handed in, like '2026-11-10 23:59'; `dates`: at each file's own date",
    )
    command = add("grade", "autograde collected submissions", "course grade 3 --student ada", "?")
    command.add_argument("--student", type=_name, help="only this student")
    command.add_argument("--force", action="store_true", help="grade also what has not changed")
    command.add_argument("--jobs", type=_count, metavar="N", help="how many at a time; default: one for each core")
    command.add_argument(
        "--scheduler", metavar="ADDRESS", type=_name, help="a Dask scheduler, tcp://...; `local` starts one here"
    )
    command.add_argument("--all-cells", action="store_true", help="run also the cells that decide no grade (figures)")
    command.add_argument("--unsafe", action="store_true", help="grade where this machine cannot isolate submissions")
    command.add_argument(
        "--runtime", metavar="NAME", type=_name, help="only in Podman or Docker, with this runtime, like `runsc`"
    )
    add("report", "what a class did: points, misconceptions, what to look at (HTML and CSV)", "course report 3", "?")
    add("similar", "list uncommon answers that students share (CSV)", "course similar 3", "?")
    command = add("feedback", "write the HTML feedback of graded submissions", "course feedback 3", "?")
    command.add_argument("--student", type=_name, help="only this student")
    command.add_argument("--jobs", type=_count, metavar="N", help="how many at a time; default: one for each core")
    command = add("roster", "enter the names and ids of a class list into the gradebook", "course roster class.csv")
    command.add_argument("file", metavar="FILE", type=_path, help="the class list (CSV)")
    command = add("export", "write grades as CSV", "course export --format canvas --roster class.csv", "?")
    command.add_argument(
        "--format", choices=("csv", "canvas", "moodle"), default="csv", help="default: csv, as nbgrader's"
    )
    command.add_argument(
        "--roster", metavar="FILE", type=_path, help="the class list (CSV): names are checked against it"
    )
    command.add_argument(
        "--out", "--to", dest="out", metavar="FILE", type=_path, help="a file or a folder; default: classroom/export/"
    )
    command.add_argument(
        "--allow-missing", action="store_true", help="skip submissions that match nobody in the roster"
    )
    command = add("prove", "prove the checks: changes of each reference fail", "course prove softmax --seeds 5")
    command.add_argument("exercises", metavar="EXERCISE", nargs="*", help="default: all exercises")
    command.add_argument("--seeds", type=_count, metavar="N", help="how many sets of random inputs; default: 3")
    command.add_argument("--full", action="store_true", help="20 sets, and write docs/proof.md")
    command.add_argument("--jobs", type=_count, metavar="N", help="how many at a time; default: one for each core")
    add("site", "build the documentation site, and follow its links", "course site")
    command = add("test", "run everything that CI runs", "course test")
    command.add_argument("--stage", action="append", metavar="NAME", help="only this stage (may be given again)")
    command.add_argument("--full", action="store_true", help="execute every lesson once more, and measure coverage")
    return main


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 is expected, not {text!r}")
    return int(text)


def _name(text: str) -> str:
    if not text.strip():  # a variable of the shell that is not set
        raise argparse.ArgumentTypeError("a name is expected, and there is none")
    return text


def _path(text: str) -> Path:
    if not text.strip():
        raise argparse.ArgumentTypeError("a path is expected, and there is none")
    return Path(text)


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, not {text!r}")
    return int(text)


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    """What was written, or the help where nothing was, or `help`. CourseError with the nearest command."""
    main = parser()
    if argv[:1] == ["help"]:
        argv = [*argv[1:2], "--help"]
    if argv and not argv[0].startswith("-") and argv[0] not in main.commands:
        near = difflib.get_close_matches(argv[0], main.commands, 1)
        advice = f"Did you mean `course {near[0]}`?" if near else "`course` by itself lists all."
        raise CourseError(f"There is no command `{argv[0]}`. {advice}")
    args, unknown = main.parse_known_args(argv or ["--help"])
    if unknown:
        main.commands[args.command].error(f"unknown: {' '.join(unknown)}")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: 0 fine, 1 something did not pass, 2 a mistake in the command or its surroundings."""
    argv = list(sys.argv[1:] if argv is None else argv)
    _stop_at_sigterm()
    _write_any_text()
    try:
        namesake.refuse()
        if argv[:1] == ["train"]:  # the trainer's own parser: `torchrun` takes the same arguments without this package
            return _train(argv[1:])
        args = _arguments(argv)
        if args.command not in FOR_LEARNERS or getattr(args, "instructor", False):
            paths.root()
        return args.run(args) or 0
    except CourseError as error:
        print(f"course: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("course: stopped.", file=sys.stderr)
        return 130
    except Exception as error:
        text = sentence(error)
        if text is None:
            raise
        print(f"course: {text}", file=sys.stderr)
        return 2


def _stop_at_sigterm() -> None:
    """SIGTERM ends what the command has started, as Ctrl+C does, and not the command only."""

    def stop(signum: int, frame: object) -> NoReturn:
        signal.signal(signum, signal.SIG_IGN)
        print("course: stopped.", file=sys.stderr)
        raise SystemExit(128 + signum)

    ours = threading.current_thread() is threading.main_thread()
    if ours and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, stop)


def _write_any_text() -> None:
    """A sign that the encoding of stdout lacks, as of a pipe on Windows, is written as `?` and ends no command."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")


def _one_lesson(args):
    if not args.lesson:
        known = ", ".join(lesson.name for lesson in LESSONS)
        raise CourseError(f"Say which lesson, for example `course {args.command} 1`. The lessons are: {known}.")
    return find_lesson(args.lesson)


def _graded_lesson(args):
    lesson = _one_lesson(args)
    if not lesson.graded:
        raise CourseError(f"{lesson.name} has no exercises, so nothing of it is checked, handed in or graded.")
    return lesson


def _refuse_another_file(args, lesson) -> None:
    """CourseError where a path was given that leads to another notebook than the learner's, which would be used."""
    given = Path(args.lesson)
    if given.name == args.lesson.rstrip("/\\") and not given.is_file():
        return  # a name
    own = paths.workspace() / lesson.name / f"{lesson.name}.ipynb"
    if given.resolve() not in (own.resolve(), own.parent.resolve()):
        raise CourseError(
            f"{given} is not your notebook of {lesson.name}. `course {args.command} {lesson.number}` takes {own}."
        )


def _lab(args) -> int:
    from autograde.learner import lab

    return lab.run(args.instructor, not args.no_browser, args.port)


def _start(args) -> int:
    from autograde.learner import workspace

    workspace.start()
    print("Next: `course lab` opens them in JupyterLab.")
    return 0


def _progress(args) -> int:
    from autograde.learner import overview

    print("\n".join(overview.lines()))
    return 0


def _doctor(args) -> int:
    from autograde.learner import doctor
    from helpers import interrupts

    interrupts.end_at_once("course")  # until it has imported PyTorch
    return doctor.run()


def _reset(args) -> int:
    from autograde.learner import workspace

    lesson = _one_lesson(args)
    _refuse_another_file(args, lesson)
    workspace.notebook_of(lesson)  # where there is none, that is said at once
    if args.exercise:
        _import_pytorch()
    workspace.reset(lesson, args.exercise)
    return 0


def _check(args) -> int:
    from autograde.learner import workspace

    lesson = _graded_lesson(args)
    _refuse_another_file(args, lesson)
    workspace.notebook_of(lesson)
    print(f"Running your notebook of {lesson.name} ...", file=sys.stderr, flush=True)
    verdicts = workspace.check(lesson)
    for verdict in verdicts:
        print(verdict.headline if verdict.passed or verdict.state == NOT_STARTED else verdict.message)
    print(tally(verdicts))
    return 0 if all(verdict.passed for verdict in verdicts) else 1


def _import_pytorch() -> None:
    """Before anything is begun, so that Ctrl+C may end it at once: the import itself can make another error of it."""
    from helpers import interrupts

    interrupts.end_at_once("course")
    importlib.import_module("torch")
    interrupts.as_usual()


def _train(arguments: Sequence[str]) -> int:
    from helpers import interrupts

    interrupts.end_at_once("course")
    from helpers.trainer import arguments as trainer

    return trainer.main(arguments, program="course train")


def _build(args) -> int:
    from autograde.author import build

    lessons = [find_lesson(text) for text in args.lesson] or list(LESSONS)
    changed = build.build(lessons)
    print(f"{len(changed)} files changed." if changed else "Nothing changed.")
    return 0


def _site(args) -> int:
    from autograde.author import site

    print(f"The site is in {site.build()}: open index.html there.")
    return 0


def _release(args) -> int:
    from autograde.instructor import classroom

    lesson = _one_lesson(args)
    packed = classroom.release(lesson, args.exchange)
    print(f"{lesson.name} {'is in the gradebook' if lesson.graded else 'is not graded'}. Hand out {packed}")
    return 0


def _collect(args) -> int:
    from autograde.instructor import exchange
    from autograde.instructor.collect import collect
    from autograde.instructor.collecting.sources import Choice

    lesson = _graded_lesson(args)
    remarks: list[str] = []
    if args.sources:
        choice = Choice(
            platform=args.platform or "",
            names=args.names,
            student=args.student or "",
            whole_class=args.whole_class,
            received=args.received,
        )
        results = collect(lesson, args.sources, choice, args.roster, remarks.append)
    else:
        given = args.platform, args.names, args.student, args.whole_class, args.roster, args.received
        if any(given):
            example = f"course collect {lesson.name} submissions.zip"
            raise CourseError(f"These options are for folders and zip files. Name one, as in `{example}`.")
        results = exchange.collect_from_exchange(lesson, remarks.append)
    for result in results:
        if result.problem:
            print(f"not collected: {result.place} ({result.student or 'nobody'}): {result.problem}")
        for note in result.notes:
            print(f"{result.student}: {note}")
        if result.kept:
            replaced = "a submission that was handed in later" if result.older else "an earlier submission"
            print(f"{result.student}: replaces {replaced}, which is kept in {result.kept}")
    for remark in remarks:
        print(remark)
    taken = [result.student for result in results if not result.problem]
    print(f"{len(taken)} of {len(results)} submissions of {lesson.name} collected: {', '.join(taken) or 'none'}.")
    if args.sources and not results:
        places = ", ".join(map(str, args.sources))
        raise CourseError(f"There is nothing in {places}. Expected: STUDENT/{lesson.name}.ipynb.")
    return 0 if len(taken) == len(results) else 1


def _grade(args) -> int:
    from autograde.course import imports
    from autograde.grading.classes import workers
    from autograde.grading.records import results

    lesson = _graded_lesson(args)
    folders = class_data.folder("results"), lesson.name, class_data.folder("submitted")
    complete = not args.force and results.seem_complete(*folders, filter(None, [args.student]))
    if args.scheduler is None and not complete and not args.runtime:
        workers.begin(paths.release_of(lesson))
    with imports.without_collections():
        from autograde.grading.classes import progress
        from autograde.grading.records import course
        from autograde.instructor import classroom

    settings = course.load()
    options = settings.options
    if args.all_cells:
        options = replace(options, cells=ALL)
    if args.unsafe:
        options = replace(options, unsafe=True)
    if args.runtime:
        options = replace(options, runtime=args.runtime)
    shown = progress.Progress(lesson.name)
    request = GradeRequest(
        lesson=lesson.name,
        students=[args.student] if args.student else None,
        force=args.force,
        jobs=args.jobs,
        scheduler=args.scheduler,
        options=options,
    )
    outcomes = classroom.grade(request, on_start=shown.begin, on_current=shown.current)
    with shown:
        for outcome in outcomes:
            shown.add(outcome)
    print("\n".join([*shown.summary(), *settings.misplaced(lesson.name)]))
    return shown.status


def _report(args) -> int:
    from autograde.grading.records import course, waiting
    from autograde.instructor.report.page import report

    lessons = [_graded_lesson(args).name] if args.lesson else None
    loaded = course.load()
    print("\n".join(map(str, report(loaded, lessons))))
    for lesson in lessons or [known.name for known in LESSONS]:
        for line in waiting.penalties(loaded, lesson):
            print(line)
    return 0


def _similar(args) -> int:
    from autograde.grading.records import course
    from autograde.instructor import similar
    from autograde.instructor.report.tables import write_csv

    lesson = _graded_lesson(args).name
    found = similar.of_course(course.load(), lesson)
    if not found:
        print("No two students share more than one uncommon answer.")
        return 0
    file = class_data.folder("report") / f"{lesson}-similar.csv"
    write_csv(file, ("first", "second", "exercises"), [(*pair.students, ", ".join(pair.exercises)) for pair in found])
    for pair in found[:20]:
        print(f"{' and '.join(pair.students)}: {', '.join(pair.exercises)}")
    print(f"All {len(found)} pairs: {file}")
    print("A reason to look, and no more: people learn together, and from the same pages. No score depends on it.")
    return 0


def _feedback(args) -> int:
    from autograde.instructor import classroom

    lesson = _graded_lesson(args)
    with classroom.pages_bar() as on_pages:
        files = classroom.feedback(lesson, args.student, args.jobs, on_pages)
    if not files:
        whose = f"submission of {args.student}" if args.student else "submission"
        raise CourseError(f"No {whose} in {lesson.name} has been graded yet. Run `course grade {lesson.name}` first.")
    print(f"{counted(len(files), 'page')} in {class_data.folder('feedback')}, the first is {files[0]}")
    return 0


def _roster(args) -> int:
    from autograde.grading.records import course
    from autograde.instructor.enrol import enrol

    print("\n".join(enrol(course.load(), args.file)))
    return 0


def _export(args) -> int:
    from autograde.grading.records import course
    from autograde.instructor.report.export import export

    lesson = _graded_lesson(args).name if args.lesson else None
    done = export(course.load(), args.format, args.out, args.roster, args.allow_missing, lesson)
    print("\n".join([*done.lines, str(done.file)]))
    return 0


def _prove(args) -> int:
    _import_pytorch()
    from autograde.author import prove
    from autograde.exercises import all_exercises, exercise

    try:
        asked = [exercise(name) for name in args.exercises] or list(all_exercises())
    except KeyError as error:
        raise CourseError(error.args[0]) from None
    seeds = args.seeds or (prove.FULL if args.full else prove.SEEDS)
    return prove.run(asked, seeds, args.jobs or os.cpu_count() or 1, args.full)


def _test(args) -> int:
    from autograde.author import stages

    return stages.run(args.stage, args.full)


if __name__ == "__main__":
    sys.exit(main())
