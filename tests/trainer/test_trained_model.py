"""Lesson 8, the trained model: reading weights, and judging what they are worth."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from autograde.exercises.training import trained_model, translation_score
from autograde.harness import weights
from autograde.harness.call import Unsuitable
from autograde.harness.invoke import answer
from autograde.harness.plain import TensorData
from autograde.judge.judge import judge
from helpers.corpus import grammar_corpus
from helpers.decoder import Transformer


def lesson_model(seed=0):
    source, target = translation_score._of_the_lesson()
    torch.manual_seed(seed)
    return Transformer(len(source), len(target), 32, 4, 1, 64)


def test_weights_come_from_a_file_a_module_or_a_function(tmp_path):
    model = lesson_model()
    file = tmp_path / "model.safetensors"
    save_file(dict(model.named_parameters()), file, metadata={"config": json.dumps({"num_heads": 4})})
    of_file, of_module = weights.trained_weights(str(file)), weights.trained_weights(model)
    assert of_module["metadata"] == {"num_heads": "4"}
    assert of_file["tensors"].keys() == of_module["tensors"].keys()
    for name, values in of_file["tensors"].items():
        assert np.array_equal(values.array, of_module["tensors"][name].array)
    assert weights.trained_weights(lambda: file)["metadata"] == of_file["metadata"]
    assert translation_score.examine(of_file, 0) == translation_score.examine(of_module, 0)


def test_what_cannot_be_read_is_a_sentence(tmp_path):
    broken, large = tmp_path / "broken.safetensors", tmp_path / "large.safetensors"
    broken.write_bytes(b"\x80\x04pickle?")
    large.write_bytes(bytes(weights.LARGEST + 1))
    for odd, words in (
        (tmp_path / "none.safetensors", "is not there"),
        (tmp_path, "is a folder"),
        (broken, "cannot be read as safetensors"),
        (large, "at most 8 MB"),
        (torch.nn.Linear(2000, 2000), "at most 8 MB"),
        (None, "return the path"),
        (3, "the path of the saved weights"),
    ):
        with pytest.raises(Unsuitable, match=words):
            weights.trained_weights(odd)


def test_the_path_of_another_computer_is_told_beside_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("model.safetensors").touch()
    with pytest.raises(Unsuitable, match=r"/home/ada/model.safetensors is not there, but .* next to the notebook"):
        weights.trained_weights("/home/ada/model.safetensors")


def test_a_missing_file_scores_nothing_with_the_reason(tmp_path):
    calls = trained_model.EXERCISE.calls(3)
    verdict = judge(trained_model.EXERCISE, calls, answer(lambda: str(tmp_path / "gone.safetensors"), calls))
    assert (verdict.score, verdict.passed) == (0, False) and "gone.safetensors is not there" in verdict.message


def damaged():
    shapes = {name: tuple(p.shape) for name, p in lesson_model().named_parameters()}

    def tensors(**changes):
        whole = {name: TensorData(np.zeros(shape, np.float32)) for name, shape in shapes.items()}
        return whole | changes

    def numbers(*shape):
        return TensorData(np.zeros(shape, np.float32))

    def words(*more):
        special = ["<pad>", "<bos>", "<eos>", "<unk>"]
        return json.dumps(["words", json.dumps({"particles": False, "words": [*special, *more]}), ""])

    table, layer = "target_embedding.weight", "encoder.layers.0.feed_forward.inner.weight"
    without = tensors()
    del without["decoder.layers.0.add_norm_2.norm.gamma"]
    yield None, "No weights"
    yield {"tensors": 3}, "No weights"
    yield {"tensors": {}}, "are missing"
    yield {"tensors": without}, "1 weights are missing"
    yield {"tensors": tensors(**{table: TensorData(np.zeros((3, 32), np.int64))})}, "no floating-point numbers"
    yield {"tensors": tensors(**{table: numbers(7, 32)})}, "The tables have"
    yield {"tensors": tensors(**{table: numbers(0)})}, "are missing"
    yield {"tensors": tensors(**{layer: numbers(64)})}, "layers"
    yield {"tensors": tensors(**{layer: numbers(65, 32)})}, "has the shape"
    yield {"tensors": tensors(**{"encoder.layers.99999999999.x": numbers(1)})}, "layers"
    yield {"tensors": tensors(strange=numbers(1))}, "belong to no Transformer"
    yield {"tensors": tensors(strange=numbers(2000, 2000))}, "at most 2,000,000"
    yield {"tensors": tensors(), "metadata": {"num_heads": "5"}}, "do not divide"
    yield {"tensors": tensors(), "metadata": {"num_heads": "many"}}, "how many heads"
    yield {"tensors": tensors(), "metadata": {"config": "[" * 5000}}, "how many heads"
    yield {"tensors": tensors(), "metadata": {"vocabularies": "{"}}, "cannot be read"
    yield {"tensors": tensors(), "metadata": {"vocabularies": '["bpe", "", ""]'}}, "whole words"
    yield {"tensors": tensors(), "metadata": {"vocabularies": words("x" * 10_000)}}, "cannot be read"
    yield {"tensors": tensors(), "metadata": {"vocabularies": words("cat", "cat")}}, "cannot be read"
    yield {"tensors": tensors(), "metadata": {"config": '{"num_heads": Infinity}'}}, "how many heads"
    yield {"tensors": tensors(**{f"encoder.layers.{'9' * 5000}.x": numbers(1)})}, "more than 200 characters"
    yield {"tensors": tensors(), "metadata": {"vocabularies": 3}}, "0.0% of 200"
    yield {"tensors": tensors(**{layer: TensorData(np.full(shapes[layer], np.nan, np.float32))})}, "not finite"


@pytest.mark.parametrize("given, words", list(damaged()), ids=lambda value: value if isinstance(value, str) else "")
def test_damaged_weights_are_a_sentence_never_an_exception(given, words):
    findings = translation_score.examine(given, 0)
    assert findings.share == 0 and words in findings.text + findings.remark


def test_the_same_weights_are_judged_once():
    given = weights.trained_weights(lesson_model(5))
    before = translation_score._examine.cache_info()
    assert translation_score.examine(given, 1) == translation_score.examine(given, 1)
    after = translation_score._examine.cache_info()
    assert (after.misses - before.misses, after.hits - before.hits) == (1, 1)


def test_the_shipped_weights_are_for_a_person_to_look_at():
    """Also saved again, with fewer digits; weights of another training, or of none, are not."""
    good = weights.trained_weights(trained_model.CHECKPOINT)
    assert "ship with the course" in trained_model.EXERCISE.flag(good)
    assert trained_model.EXERCISE.flag(good | {"metadata": {"num_heads": "4"}})
    assert trained_model.EXERCISE.flag(weights.trained_weights(trained_model.half()))
    assert not trained_model.EXERCISE.flag(weights.trained_weights(trained_model.heads_exchanged()))
    assert not trained_model.EXERCISE.flag(weights.trained_weights(lesson_model()))
    assert not trained_model.EXERCISE.flag({"tensors": 3})


def test_the_sentences_are_new():
    known = {pair.source for pair in grammar_corpus().train}
    assert not known & {pair.source for pair in translation_score._pairs(0)}
    assert translation_score._pairs(0) != translation_score._pairs(1)


def test_the_shipped_checkpoint_is_good():
    calls = trained_model.EXERCISE.calls(11)
    (got,) = answer(trained_model.EXERCISE.reference, calls[:1])
    assert got.problem is None and translation_score.examine(got.value, 11).share >= 0.99
