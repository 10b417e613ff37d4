"""exact_match: word for word."""

import string

import numpy as np

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.harness.call import FunctionCall
from helpers.training import exact_match

WORDS = ("고양이", "가", "물", "을", "마신다", "개", "두", "마리")


def calls(rng):
    def sentences(count):
        return [[str(word) for word in rng.choice(WORDS, rng.integers(2, 6))] for _ in range(count)]

    def changed(sentences, *more):
        """Some as they are, some with another word, in another order, shorter or longer."""
        other = [list(words) for words in sentences]
        other[0][0] = "새"
        other[1] = other[1][:-1]
        other[2] = [*other[2], "."]
        other[3] = ["첫째", *other[3]]
        other[4] = ["둘", "셋", *other[4][2:]]
        sentences[5], other[5] = ["가", "나", "다"], ["나", "가", "다"]
        sentences[6], other[6] = ["Tom", "sieht", "Anna"], ["tom", "sieht", "Anna"]
        sentences[7], other[7] = ["가", "가", "나"], ["가", "나", "나"]
        sentences[8], sentences[9] = ["Tom", "und"], ["Anna", "und"]
        other[8] = other[10] = other[11] = ["Anna", "und"]
        return other

    lists, texts = sentences(12), sentences(13)
    other, others = changed(lists), changed(texts)
    return [
        FunctionCall(([["두", "마리"], ["물"], ["개"]], [["두", "마리"], ["물"], ["고양이"]]), note="by hand: 2 of 3"),
        FunctionCall((other, lists)),
        FunctionCall(([" ".join(words) for words in others], [" ".join(words) for words in texts]), note="strings"),
        FunctionCall((sentences(3), [*sentences(3)[:2], ["나무"]]), note="three sentences"),
        FunctionCall((lists, [list(words) for words in lists]), note="all are right"),
        FunctionCall((["가", "가", "나", "다"], ["가", "가", "나", "물"]), note="the same sentence twice: 3 of 4"),
        FunctionCall(([[4, 5, 2], [6, 2], [4, 5, 7, 2]], [[4, 5, 2], [2, 6], [4, 5, 2]]), note="ids in place of words"),
        FunctionCall(([["개"]], [["개"]]), note="one sentence of one word"),
        FunctionCall(([["Tom", "schläft"], ["Anna"]], [["tom", "schläft"], ["Anna"]]), note="upper and lower case"),
        FunctionCall(([["a", "dog", "."], ["물"]], [["a", "dog"], ["물"]]), note="a full stop too many"),
        FunctionCall(([["the", "dog"], ["물"]], [["a", "dog"], ["물"]]), note="another article"),
    ]


EXERCISE = Exercise(
    name="exact_match",
    title="word for word",
    points=1,
    minutes=3,
    hints=(
        "Walk through both lists at once and compare each pair as a whole. What do you divide the number of equal pairs by?",
        "`zip(predictions, references)` gives the pairs; `==` compares lists and strings as a whole; `sum` counts the "
        "True ones.",
    ),
    reference=exact_match,
    make_calls=calls,
    forbidden=libraries.TRAINER,
)


@EXERCISE.wrong("in percent", "The result is in percent. Shares are between 0 and 1 here.")
def percent(predictions, references):
    return 100 * exact_match(predictions, references)


@EXERCISE.wrong("number in place of share", "This is the number of equal sentences. Divide by how many there are.")
def count(predictions, references):
    return sum(prediction == other for prediction, other in zip(predictions, references, strict=True))


@EXERCISE.wrong(
    "words in place of sentences",
    "The share of equal *words* is returned. A sentence counts only if all its words are right.",
)
def words(predictions, references):
    pairs = list(zip(predictions, references, strict=True))
    same = sum(word == other for pair in pairs for word, other in zip(*pair, strict=False))
    return same / sum(len(reference) for _, reference in pairs)


@EXERCISE.wrong(
    "order not looked at",
    "Sentences with the same words in another order count as equal. Compare the sequences themselves.",
)
def as_sets(predictions, references):
    return exact_match([set(sentence) for sentence in predictions], [set(sentence) for sentence in references])


@EXERCISE.wrong(
    "compared up to the shorter one",
    "A sentence that is too short or too long counts when its beginning is right: `zip` stops at the shorter "
    "one. Compare the whole sequences.",
)
def prefix(predictions, references):
    pairs = list(zip(predictions, references, strict=True))
    return sum(all(a == b for a, b in zip(*pair, strict=False)) for pair in pairs) / len(pairs)


@EXERCISE.wrong(
    "upper and lower case alike", "Upper and lower case make no difference. Compare the sequences as they are."
)
def lower(predictions, references):
    return exact_match(*([str(sentence).lower() for sentence in side] for side in (predictions, references)))


@EXERCISE.wrong(
    "case and punctuation left out",
    "Sentences that differ only in case or punctuation count as equal, as in some scores for questions and answers. Here "
    "every token counts: compare the sequences as they are.",
)
def bare(predictions, references):
    return exact_match(*([_plain_words(sentence) for sentence in side] for side in (predictions, references)))


def _plain_words(sentence):
    text = sentence if isinstance(sentence, str) else " ".join(sentence)
    return "".join(sign for sign in text.lower() if sign not in string.punctuation).split()


@EXERCISE.wrong(
    "found anywhere",
    "A sentence counts when it is anywhere among the references. Each is compared with its own reference.",
)
def anywhere(predictions, references):
    return sum(prediction in references for prediction in predictions) / len(predictions)


@EXERCISE.wrong("share of wrong ones", "This is the share of sentences that differ. Count the equal ones.")
def wrong(predictions, references):
    return 1 - exact_match(predictions, references)


@EXERCISE.wrong(
    "sorted before comparing",
    "Sentences with the same words in another order count as equal. Compare the sequences themselves.",
)
def as_sorted(predictions, references):
    return exact_match([sorted(sentence) for sentence in predictions], [sorted(sentence) for sentence in references])


@EXERCISE.wrong(
    "words of strings in place of sentences",
    "The share of equal *words* is returned. A sentence counts only if all its words are right.",
)
def of_split_words(predictions, references):
    split = [
        [sentence.split() if isinstance(sentence, str) else sentence for sentence in side]
        for side in (predictions, references)
    ]
    return words(*split)


@EXERCISE.wrong(
    "all or nothing",
    "The result is 1 where every sentence is right, and 0 everywhere else. Compare sentence by sentence, and divide the "
    "number of equal ones by their number, with `/`.",
)
def as_wholes(predictions, references):
    return float(predictions == references)


@EXERCISE.wrong(
    "articles left out, too",
    "Sentences that differ only in case, punctuation or articles count as equal, as in a known score for questions and "
    "answers. Here every token counts: compare the sequences as they are.",
)
def without_articles(predictions, references):
    def words_of(sentence):
        return [word for word in _plain_words(sentence) if word not in ("a", "an", "the")]

    return exact_match(*([words_of(sentence) for sentence in side] for side in (predictions, references)))


@EXERCISE.variant
def with_a_loop(predictions, references):
    right = 0
    for index in range(len(references)):
        if predictions[index] == references[index]:
            right += 1
    return right / len(references)


@EXERCISE.variant
def with_numpy(predictions, references):
    return np.mean(
        [tuple(prediction) == tuple(other) for prediction, other in zip(predictions, references, strict=False)]
    )


@EXERCISE.variant
def with_map(predictions, references):
    return list(map(lambda prediction, other: prediction == other, predictions, references)).count(True) / len(
        predictions
    )
