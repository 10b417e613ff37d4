"""The lessons, in order. A lesson has one name, in every folder."""

from __future__ import annotations

from dataclasses import dataclass

from autograde.course.errors import CourseError


@dataclass(frozen=True)
class Lesson:
    """`name` is the folder ("03_single_head"), `topic` the name of its modules ("single_head").

    A lesson that is not `graded` has no exercises: it is built and handed out, and nothing of it is handed in.
    """

    name: str
    title: str
    graded: bool = True

    @property
    def topic(self) -> str:
        return self.name.split("_", 1)[1]

    @property
    def number(self) -> int:
        return int(self.name[:2])


LESSONS = (
    Lesson("00_start", "Before lesson 1: why a Transformer", graded=False),
    Lesson("01_vocabulary", "Vocabulary and encoding"),
    Lesson("02_embeddings", "Embeddings and positional encoding"),
    Lesson("03_single_head", "Single-head attention"),
    Lesson("04_multi_head", "Multi-head attention"),
    Lesson("05_add_norm", "Residual connection and layer normalization"),
    Lesson("06_feed_forward", "Feed-forward network and the whole encoder"),
    Lesson("07_decoder", "Masks, decoder, the whole Transformer"),
    Lesson("08_training", "Full training, on one device or many"),
    Lesson("09_decoding", "Sampling, the key/value cache, beam search"),
    Lesson("10_clinic", "The debugging clinic"),
    Lesson("11_today", "From 2017 to today's language models"),
)
GRADED = tuple(lesson for lesson in LESSONS if lesson.graded)


class UnknownLesson(CourseError, ValueError):
    """There is no lesson of that name."""


def find_lesson(text: str) -> Lesson:
    """A lesson by its name, number or topic: "03_single_head", "3", "03", "single_head"."""
    wanted = text.strip().replace("\\", "/").rstrip("/").removesuffix(".ipynb").split("/")[-1]
    for lesson in LESSONS:
        if wanted in (lesson.name, lesson.topic, lesson.name[:2], str(lesson.number)):
            return lesson
    known = ", ".join(lesson.name for lesson in LESSONS)
    raise UnknownLesson(f"There is no lesson {text!r}. The lessons are: {known}.")
