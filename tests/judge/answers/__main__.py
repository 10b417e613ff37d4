"""`python -m tests.judge.answers [EXERCISE ...]`: what the checks say about the answers, as a table.

With `--show` in full, with `--write` as the page `docs/answers.md`.
"""

from __future__ import annotations

import argparse
import sys

import torch

from autograde.course import paths
from autograde.exercises import exercise
from tests.judge import answers

PAGE = """\
# Answers that the catalogue did not know

The checks on answers of learners of many kinds: beginners, people who come from blogs, from PyTorch, from Java or from
an AI assistant. They were written from the texts of the lessons only, before the catalogue of mistakes was read. They
are in `tests/judge/answers/`, each with a line that says what is really wrong with it.
`python -m tests.judge.answers --write` writes this page.

At the first run 539 of 540 wrong answers were rejected, all 130 right ones passed, 79 % of the wrong ones had a name,
and 6 were told something false. Since then the kinds of mistakes that they showed have gone into the catalogue and the
relations, so the shares below are no longer those of unknown answers.

- *catalogue*: the answer behaves like a known mistake, which is named.
- *relation*: what came back is told as a fact about it: transposed, another dtype, one row too many, ...
- *source*: the learner's own source shows it: an argument that is never used, a misspelt method, ...
- *plain*: expected and got are shown, or Python's own sentence about an error with the learner's line.
- *named*: the first three together.

A test holds that every wrong answer is rejected, that every right one passes, and that no answer gets a name of the
catalogue that was not found to be true of it, by hand.

"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.judge.answers", description="Measure the checks on answers.")
    parser.add_argument("exercise", nargs="*", help="some exercises; all of them by default")
    parser.add_argument("--show", action="store_true", help="print each answer's verdict")
    parser.add_argument("--write", action="store_true", help="write docs/answers.md")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [one for one in answers.read() if not arguments.exercise or one.name in arguments.exercise]
    if arguments.show:
        for one in chosen:
            print(f"{'right' if one.right else 'wrong'}: {one.truth}\n{answers.verdict(one).message}\n")
        return 0
    groups: dict[str, list[answers.LearnersAnswer]] = {}
    for one in chosen:
        name = f"`{one.name}`" if arguments.exercise else exercise(one.name).lesson
        groups.setdefault(name, []).append(one)
    table = answers.table(dict(sorted(groups.items())) | {"together": chosen})
    print(table)
    if arguments.write:
        file = paths.root() / "docs" / "answers.md"
        file.write_text(f"{PAGE}{table}\n", encoding="utf-8", newline="\n")
    return 0


sys.exit(main())
