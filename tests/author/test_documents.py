"""What README, CONTRIBUTING and docs/ tell to type can be typed, and what they link to is there."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import pkgutil
import re
import shlex

import pytest

from autograde import cli
from autograde.author.stages import stages
from autograde.course.lessons import LESSONS
from conftest import ROOT, solution
from helpers.trainer import arguments

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
by_document = pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.stem)
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def typed(text: str) -> list[str]:
    """The commands of the shell blocks, and those in the running text that begin with a program of the course."""
    blocks = [block for language, block in _FENCE.findall(text) if language in ("bash", "sh", "shell")]
    lines = [line.split(" #")[0].strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    inline = re.findall(
        r"`((?:\.venv/bin/)?course [^`]+|make [\w.-]+|python3? install\.py[^`]*)`", _FENCE.sub("", text)
    )
    parts = [
        part.strip().rstrip('"') if part.count('"') % 2 else part.strip()
        for line in [*lines, *inline]
        for part in re.split(r"&&|;", line)
    ]
    return [part for part in parts if re.match(r"(\.venv/bin/)?course |make |python3? ", part)]


@by_document
def test_every_command_can_be_typed(file):
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for command in typed(file.read_text(encoding="utf-8")):
        program, *words = shlex.split(re.sub(r"\bN\b|LESSON", "3", command))
        match program.removeprefix(".venv/bin/"):
            case "course" if words[:1] == ["train"]:
                trainer = argparse.ArgumentParser(exit_on_error=False)
                arguments.add_arguments(trainer)
                trainer.parse_args(words[1:])
            case "course" if len(words) == 1:
                assert words[0] in cli.parser().commands, command
            case "course":
                parsed(command, words)
            case "make":
                assert {word for word in words if "=" not in word} <= targets, command
            case "python" | "python3" if words[:1] == ["-m"] and words[1].split(".")[0] in ("attacks", "benchmarks"):
                assert importlib.util.find_spec(words[1]), command
            case "python" | "python3" if words[:1] == ["install.py"]:
                assert set(words[1:]) <= {"--dev"}, command


def parsed(command: str, words: list[str]) -> None:
    """CourseError where there is no such command or option; a stage or a lesson that is named has to be there."""
    args = cli._arguments(words)
    if getattr(args, "lesson", None) and isinstance(args.lesson, str):
        cli.find_lesson(args.lesson)
    if args.command == "test":
        stages(args.stage, args.full)


@by_document
def test_every_link_leads_somewhere(file):
    text = file.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", _FENCE.sub("", text)):
        if not re.match(r"[a-z]+:", target):
            assert (file.parent / target).exists(), f"{file.name} links to {target}"


@by_document
def test_every_place_in_a_document_is_there(file):
    text = file.read_text(encoding="utf-8")
    for target, place in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", _FENCE.sub("", text)):
        if not re.match(r"[a-z]+:", target):
            other = (file.parent / target if target else file).read_text(encoding="utf-8")
            headings = re.findall(r"^#+\s+(.+)$", _FENCE.sub("", other), re.MULTILINE)
            known = {re.sub(r"[^\w\s-]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
            assert place in known, f"{file.name} links to {target}#{place}"


def test_the_translation_in_the_readme_is_the_models_own():
    shown = re.search(r"^```text\n(.*)\n(.*)\n```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    printed = [
        output.text for cell in solution(LESSONS[0]).cells for output in cell.get("outputs", ()) if "text" in output
    ]
    assert shown and any(shown[1] in text and shown[2] in text for text in printed)


@pytest.mark.parametrize(
    "package",
    ["attacks", "autograde.author", "autograde.grading.sandbox", "autograde.harness.sandboxed", "autograde.judge"],
)
def test_a_package_that_lists_its_modules_lists_all(package):
    module = importlib.import_module(package)
    names = {found.name for found in pkgutil.iter_modules(module.__path__)} - {"__main__"}
    assert not {name for name in names if not re.search(rf"\b{name}\b", module.__doc__)}
