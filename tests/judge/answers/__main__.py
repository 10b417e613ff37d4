"""`python -m tests.judge.answers [EXERCISE ...]`: what the checks say about the answers, as a table.

With `--show` in full, with `--write` as the page `docs/answers.md`.
"""

from __future__ import annotations

import argparse
import sys

import torch
from tqdm import tqdm

from autograde.course import paths
from autograde.exercises import exercise
from autograde.judge.verdict import Verdict
from tests.judge import answers

PAGE = """\
# Answers that the catalogue did not know

The checks on answers of learners of many kinds: beginners, people who come from blogs, from PyTorch, from Java or from
an AI assistant. They were written from the texts of the lessons only, before the catalogue of mistakes was read. They
are in `tests/judge/answers/`, each with a line that says what is really wrong with it.
`python -m tests.judge.answers --write` writes this page.

At the first run, when no answer of a round was known:

| round | wrong | rejected | named | told something false | right | accepted |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
| first | 540 | 539 | 79 % | 6 | 130 | 130 |
| second, two readers | 1131 | 1110 | 76 % | 19 | 234 | 233 |
| third, lessons 1 to 5, 7, 8, 11 | 225 | 225 | 96 % | 0 | 69 | 69 |
| fourth, lessons 6, 9, 10, few of the others | 611 | 604 | 89 % | 6 | 100 | 100 |
| fifth, what no check may have thought of | 556 | 506 | 70 % | 6 | 158 | 156 |
| sixth, two readers | 270 | 268 | 90 % | 0 | 89 | 89 |
| seventh, three readers | 290 | 281 | 86 % | 0 | 178 | 178 |
| eighth, three readers, every type and default | 2388 | 2313 | 71 % | 97 | 367 | 365 |
| ninth, two readers | 390 | 385 | 91 % | 2 | 180 | 179 |
| tenth, three readers, two mistakes in every fourth answer | 360 | 357 | 88 % | 2 | 177 | 177 |
| eleventh, three readers, every fourth answer wrong in one case only | 360 | 336 | 86 % | 0 | 178 | 178 |
| twelfth, three readers, as a class would hand in | 360 | 359 | 98 % | 1 | 179 | 179 |
| thirteenth, three readers, each fourth right but for one case that the text names | 360 | 355 | 93 % | 1 | 178 | 178 |
| fourteenth, three readers, after an honest attempt | 360 | 359 | 98 % | 1 | 180 | 180 |

After each round but the third the kinds of mistakes that they showed went into the catalogue, the relations, and what
the source and the exceptions tell; the third and all later ones were written blind and run after that. The shares below
are no longer those of unknown answers. Of the 21 wrong answers that passed in the second round, seven do what the text
leaves open; they count as right below. The seven that passed in the fourth are rejected now, and its six false
sentences are mended: two spoke of a Python list to somebody who had none, two of a beam search that another one
resembles, one of a temperature that is used elsewhere, one of labels in a loss without labels. The readers of the fifth
were asked to avoid famous mistakes and to find what a check has not thought of. Of their 50 wrong answers that passed,
29 are rejected now. The other 21 are not here: most do what the text leaves open (another type that is equal, whole
numbers as input), one is right, and some need what no check asks (two decoders at work in turns, a probability that
reaches `top_p` exactly). Two right answers followed a sentence of the text that contradicted its example; the sentence
is another one now. The readers of the sixth wrote three wrong answers to each exercise, and one right. The two that
passed, a logarithm that is off for large numbers and a float for a whole number, are rejected now. Of the nine that
passed in the seventh five are rejected now; the other four are not here: a list for a tuple, whole numbers as input of
a NumPy function, zero steps, and a block that works on a copy of the sublayer which it is given. The readers of the
eighth gave each exercise about thirty wrong answers, among them the right values in every other type and every other
default, and the checks said false things: mostly two known mistakes for values that were right but for a dtype, or
"another result each time" for a generator. All of this is mended, and of the 75 wrong answers that passed 30 are
rejected now; most others do what the text leaves open. Of this round only the 161 answers that were misjudged are here.
Of the five that passed in the ninth one is rejected now, a tokenizer that knows no typographic marks; one does what the
text asks, and three do what it leaves open: a copy of the sublayer, whole numbers as input, weights that learn no more.
The right one that was refused had scores so large that float32's rounding showed. Of this round, too, only those that
were misjudged are here, and so of the tenth, whose three wrong answers that passed are rejected now. Of the 24 that
passed in the eleventh 15 are rejected now: no call had had a batch of one, a width of one, dropout 0 in training, equal
words, or a generator that has drawn before. Three do what the text asks, and five what it leaves open: a formula that
loses digits, a product of floats, memory that is not contiguous, a table of 1,024 positions, zero steps. One still
passes that should not: it takes the gradient of the padding's row from a second use of the table, too.
The one that passed in the twelfth writes padding where another word belongs, which finds every leak of a real model;
the text no longer excludes it. Its one false sentence spoke of `zip` to somebody who had left out case and punctuation.
The five that passed in the thirteenth are rejected now: no call had had a single row, a word with a capital, a model
whose rounding is as large as the text says, or a rate so small that the loss hardly moves. Its one false sentence
spoke of *n* and *d* exchanged to somebody who took the larger of two costs. The one that passed in the fourteenth left
out commas and full stops; its one false sentence spoke of the longest piece to somebody who merged the leftmost pair.
The answers of readers of an early version (lessons 1 to 8) are here as well.

- *catalogue*: the answer behaves like a known mistake, which is named.
- *relation*: what came back is told as a fact about it: transposed, another dtype, one row too many, ...
- *source*: the learner's own source or an exception's text shows it: an argument that is never used, a misspelt method,
  sizes that do not fit, ...
- *plain*: expected and got are shown, or Python's own sentence about an error with the learner's line.
- *named*: the first three together.

A test holds that every wrong answer is rejected, that every right one passes, and that no answer gets a name of the
catalogue that it did not have when the names were reviewed: one by one in the first round; in the second by its two
readers at the first run; from the fourth on at the first run, together with each sentence. Names that
answers of the second round got since then, and those of the third, were only read through as a list.

"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.judge.answers", description="Measure the checks on answers.")
    parser.add_argument("exercise", nargs="*", help="some exercises; all of them by default")
    parser.add_argument("--show", action="store_true", help="print each answer's verdict")
    parser.add_argument("--write", action="store_true", help="write docs/answers.md, and what is judged")
    arguments = parser.parse_args()
    if arguments.write and arguments.exercise:
        parser.error("--write is for the answers to all exercises: leave out their names")
    torch.set_num_threads(1)
    chosen = [attempt for attempt in answers.read() if not arguments.exercise or attempt.name in arguments.exercise]
    chosen.sort(key=lambda attempt: attempt.name)  # what an exercise's answers have in common is worked out once
    if arguments.show:
        for attempt in chosen:
            print(f"{'right' if attempt.right else 'wrong'}: {attempt.truth}\n{answers.verdict(attempt).message}\n")
        return 0
    groups: dict[str, list[tuple[answers.LearnersAnswer, Verdict]]] = {}
    for attempt in tqdm(chosen, disable=None):
        name = f"`{attempt.name}`" if arguments.exercise else exercise(attempt.name).lesson
        groups.setdefault(name, []).append((attempt, answers.verdict(attempt)))
    table = answers.table(dict(sorted(groups.items())))
    print(table)
    if arguments.write:
        answers.keep_judged([pair for group in groups.values() for pair in group])
        file = paths.root() / "docs" / "answers.md"
        file.write_text(f"{PAGE}{table}\n", encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
