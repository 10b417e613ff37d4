"""The first page of a learner's feedback: what each graded part came to, in a sentence, and what to mend first."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry

from autograde.course.notebooks import grade_id, nbgrader_data
from autograde.course.outline import described
from autograde.judge.verdict import ERROR, FAILED, HEADS, NOT_STARTED, PASSED, SIGNS

PARTLY = "◐"
WORDS = {**{SIGNS[state]: words for state, words in HEADS.items()}, PARTLY: "partly right"}
LONGEST_SENTENCE = 400  # characters
LONGEST_CODE = 60  # lines of an answer on the first page


@dataclass(frozen=True, kw_only=True)
class Part:
    """One graded cell.

    title, number  from the lesson's table; the cell's id and "" for a cell of the instructor's own
    sign           one of WORDS
    sentence       what the check says, without its headline
    anchor         the id of the cell that holds the answer, which the page links to
    code           the answer, where something in it is to be mended
    by_person      the points were given by a person
    """

    name: str
    title: str
    number: str
    sign: str
    sentence: str
    points: float
    max_points: float
    anchor: str
    code: str
    by_person: bool

    @property
    def word(self) -> str:
        return WORDS[self.sign]


@dataclass(frozen=True, kw_only=True)
class FirstPage:
    """What all of it came to.

    said        the sentences of the checks, in one form: whoever repeats one of them can be left out
    unreadable  why nothing could be graded, or ""; then the notebook's cells are the release's, none is the learner's
    """

    title: str
    parts: list[Part]
    said: frozenset[str]
    unreadable: str

    @property
    def first_to_mend(self) -> Part | None:
        """The first part that was begun and is not right; else the first that was not begun."""
        lost = [part for part in self.parts if part.points < part.max_points]
        begun = [part for part in lost if part.sign != SIGNS[NOT_STARTED]]
        return next(iter(begun or lost), None)

    @property
    def everywhere(self) -> str:
        """The sentence that all parts have, where the same error stopped each of them."""
        sentences = {part.sentence for part in self.parts}
        stopped = all(part.sign == SIGNS[ERROR] for part in self.parts)
        return sentences.pop() if stopped and len(self.parts) > len(sentences) == 1 else ""


def first_page(notebook: NotebookNode, lesson: str) -> FirstPage:
    """What the first page shows of a graded notebook whose cells have their scores (nbgrader's `GetGrades`)."""
    title, table = described(lesson)
    answers = {grade_id(cell): cell for cell in notebook.cells if nbgrader_data(cell).get("solution")}
    parts, said = [], set()
    for cell in notebook.cells:
        data = nbgrader_data(cell)
        if not (data.get("grade") or data.get("task")):
            continue
        name = grade_id(cell).removeprefix("check_")
        message = _message(cell)
        headline, *lines = message.split("\n") if message else ("",)
        sentence = " ".join(line for line in lines if line and not line.startswith("  "))
        said.add(plain(f"{headline}. {sentence}"))
        asked, answer = table.get(name), answers.get(name)
        points, most = _number(data.get("score")), _number(data.get("points"))
        sign = _sign(headline, points, most)
        own = answer if answer is not None else cell
        parts.append(
            Part(
                name=name,
                title=asked.title if asked else name,
                number=asked.number if asked else "",
                sign=sign,
                sentence="" if sign == SIGNS[NOT_STARTED] else sentence[:LONGEST_SENTENCE],
                points=points,
                max_points=most,
                anchor=grade_id(own),
                code="\n".join(own.source.split("\n")[:LONGEST_CODE]) if own.cell_type == "code" else "",
                by_person=bool(data.get("by_person")),
            )
        )
    unreadable = notebook.metadata.get("course", {}).get("unreadable", "")
    if unreadable:
        said |= {plain(unreadable), plain("No response.")}  # nbgrader's comment about what is as it was handed out
    return FirstPage(title=title, parts=parts, said=frozenset(said), unreadable=unreadable)


def _message(cell: NotebookNode) -> str:
    """What the check in a cell says as text, or ""."""
    for output in cell.get("outputs", ()):
        text = output.get("data", {}).get("text/plain", "")
        if text[:1] in WORDS and "course-check" in output.get("data", {}).get("text/html", ""):
            return text
    return ""


def _sign(headline: str, points: float, most: float) -> str:
    if points >= most:
        return SIGNS[PASSED]
    if points > 0:
        return PARTLY
    return headline[:1] if headline[:1] in WORDS else SIGNS[FAILED]


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def plain(text: str) -> str:
    """A sentence in one form, for comparing."""
    return re.sub(r"\W+", " ", text).strip().casefold()


class ByPerson(Preprocessor):
    """Notes which points a person gave, and the learner's name; nbgrader's own preprocessors read neither."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        own = resources.get("nbgrader", {})
        for cell in nb.cells:
            nbgrader_data(cell).pop("by_person", None)
        if "db_url" in own:
            self._read(nb, own)
        return nb, resources

    def _read(self, nb: NotebookNode, own: dict) -> None:
        with Gradebook(own["db_url"]) as gradebook:
            try:
                submitted = gradebook.find_submission_notebook(own["notebook"], own["assignment"], own["student"])
            except MissingEntry:
                return
            by_person = {grade.name for grade in submitted.grades if grade.manual_score is not None}
            student = submitted.student
            own["learner"] = " ".join(filter(None, (student.first_name, student.last_name))) or own["student"]
        for cell in nb.cells:
            if grade_id(cell) in by_person:
                cell.metadata.nbgrader["by_person"] = True


class Fold(Preprocessor):
    """Marks the lesson's own cells between two answers: the page folds them."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        inside = False
        last = None
        for cell in nb.cells:
            cell.metadata.pop("fold", None)
            cell.metadata.pop("fold_ends", None)
            data = nbgrader_data(cell)
            own = not (data.get("grade") or data.get("solution") or data.get("task"))
            if own and not inside:
                cell.metadata["fold"] = heading(cell.source) if cell.cell_type == "markdown" else "The lesson"
            if inside and not own and last is not None:
                last.metadata["fold_ends"] = True
            inside, last = own, cell
        if inside and last is not None:
            last.metadata["fold_ends"] = True
        return nb, resources


def heading(source: str) -> str:
    """The first heading of a text, without its marks."""
    found = re.search(r"^#+\s*(.+)$", source, re.MULTILINE)
    return found[1].replace("`", "") if found else "The lesson"
