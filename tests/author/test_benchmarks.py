"""The benchmarks run in their smallest form, and measure what they say."""

from __future__ import annotations

import json
import math

import pytest
import torch
import torch.nn.functional as F

from benchmarks import gpu, multi30k, step, switches, tatoeba
from benchmarks.baselines import Marian, PlainTransformer, has_transformers, learned, plain_step
from benchmarks.common import RESULTS, command_of, keep, surroundings, synthetic_pairs
from benchmarks.runners import Course, Plain, pairs_per_batch, race, random_batches, same_batches
from helpers.corpus import CorpusError, load
from helpers.trainer import Config
from helpers.trainer.devices import device_context
from helpers.trainer.model import build_model
from helpers.trainer.step import make_optimizer

SIZE = 40
MODELS = [
    PlainTransformer,
    pytest.param(Marian, marks=pytest.mark.skipif(not has_transformers(), reason="`transformers` is not installed")),
]


def config(**changes) -> Config:
    values = {"d_model": 16, "num_heads": 2, "num_layers": 1, "d_ff": 24, "dropout": 0.0, "max_tokens": 128}
    values |= {"tokens": "bpe", "share_embeddings": True, "device": "cpu", "threads": 1, "steps": 1}
    return Config(**(values | changes))


def needs(name: str):
    try:
        load(name)
    except CorpusError as error:
        pytest.skip(str(error))


def measured(path, name: str) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))[name]["measured"]


@pytest.mark.parametrize("kind", MODELS)
def test_a_baseline_hides_padding_and_later_words(kind):
    torch.manual_seed(0)
    model = kind(config(), SIZE).train()
    source, target = torch.tensor([[1, 5, 6, 7, 2]]), torch.tensor([[1, 8, 9, 10]])
    logits = model(source, target)
    assert logits.shape == (1, 4, SIZE)
    longer = model(F.pad(source, (0, 3)), F.pad(target, (0, 2)))[:, :4]
    torch.testing.assert_close(longer, logits, rtol=1e-4, atol=1e-5)
    other = target.clone()
    other[0, 3] = 11
    torch.testing.assert_close(model(source, other)[:, :3], logits[:, :3], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(model(source, other)[:, 3], logits[:, 3], atol=1e-3)
    assert not torch.allclose(model(source + 20 * (source > 2), target), logits, atol=1e-6)


@pytest.mark.parametrize("kind", MODELS)
def test_a_baseline_has_the_size_of_the_course_model_and_one_table(kind):
    of_course = learned(build_model(config(), SIZE, SIZE))
    model = kind(config(), SIZE)
    # theirs also have biases in the attention (three modules of four), and two final normalizations
    assert 0 <= learned(model) - of_course <= 3 * 4 * 16 + 2 * 2 * 16
    assert sum(part.shape == (SIZE, 16) for part in model.parameters()) == 1


def test_the_plain_step_learns_and_passes_over_padding():
    torch.manual_seed(0)
    settings = config(label_smoothing=0.0, learning_rate=1e-2, clip=0.0)
    model = PlainTransformer(settings, SIZE).train()
    optimizer = make_optimizer(settings, model, torch.device("cpu"))
    source, target = torch.tensor([[1, 5, 6, 2, 0]]), torch.tensor([[1, 8, 9, 2, 0, 0]])
    context = device_context(settings)
    losses = [float(plain_step(model, optimizer, source, target, settings, context.autocast)) for _ in range(30)]
    assert losses[0] > 1
    assert losses[-1] < 0.2


def test_every_runner_counts_the_real_tokens_of_what_it_trained_on():
    settings, pairs = config(), synthetic_pairs(60, SIZE)
    context = device_context(settings)
    plan = pairs.plan(settings, 0)
    source = int(pairs.source.lengths.sum())
    target = int((pairs.target.lengths - 1).sum())
    course = Course(settings, pairs, SIZE, context)
    assert course.run(len(plan)) == (source, target)
    same = Plain(settings, PlainTransformer(settings, SIZE), same_batches(settings, pairs), context)
    assert same.run(len(plan)) == (source, target)
    shuffled = Plain(settings, PlainTransformer(settings, SIZE), random_batches(pairs, 6), context)
    assert shuffled.run(10) == (source, target)  # ten batches of six are an epoch


def test_random_batches_have_as_many_real_tokens_as_those_of_the_course():
    settings, pairs = config(max_tokens=400), synthetic_pairs(600, SIZE)
    plan = pairs.plan(settings, 0)
    count = pairs_per_batch(settings, pairs)
    assert abs(count * len(plan) - 600) <= len(plan) / 2
    batches = random_batches(pairs, count)
    for _ in range(5):
        source, target = next(batches)
        assert len(source) == len(target) == count
        assert (source[:, 0] == 1).all()
        assert ((source != 0).sum(dim=1) >= 4).all()


class Fixed:
    """A runner that takes a time of its own: so many looks at the clock for a step."""

    parameters = 7

    def __init__(self, clock, seconds, tokens):
        self.clock, self.seconds, self.tokens = clock, seconds, tokens

    def run(self, steps):
        self.clock[0] += steps * self.seconds
        return steps * self.tokens, steps * self.tokens


def test_a_race_gives_tokens_per_second_and_ratios(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("benchmarks.runners.time.perf_counter", lambda: clock[0])
    runners = {"first": Fixed(clock, 1.0, 30), "second": Fixed(clock, 2.0, 20)}
    rows = race(runners, device_context(config()), rounds=3, steps=4, warm=1)
    assert rows["first"]["tokens_per_second"] == 60
    assert rows["second"] == {
        "tokens_per_second": 20,
        "source_tokens": 240,
        "target_tokens": 240,
        "seconds": 24.0,
        "parameters": 7,
        "times_faster": 3.0,
    }


def test_the_parameters_that_a_token_meets_are_those_of_the_model():
    settings = config()
    model = build_model(settings, SIZE, SIZE)
    matrices = [part.numel() for name, part in model.named_parameters() if part.dim() == 2 and "embedding" not in name]
    of_both = gpu.matrix_parameters(settings, SIZE, 1, 1) * 2
    assert of_both == sum(matrices) + SIZE * 16
    cross = 2 * 16 * 16  # its keys and values are computed for source tokens
    assert gpu.matrix_parameters(settings, SIZE, 1, 0) == 16 * 16 * 4 + 2 * 16 * 24 + cross


def test_the_base_model_has_65_million_parameters_and_its_utilization_is_that_of_the_plan():
    base = Config.preset("base")
    per_token = gpu.matrix_parameters(base, 37_056, 1, 1)
    assert math.isclose(6 * per_token * 1.3e6 / gpu.PEAKS["H200"], 0.25, abs_tol=0.01)
    layers = 6 * (2 * (4 * 512**2 + 2 * 512 * 2048) + 4 * 512**2)
    assert 60e6 < layers + 37_056 * 512 < 66e6


def test_synthetic_pairs_come_from_a_seed():
    first, again, other = (synthetic_pairs(50, SIZE, seed) for seed in (0, 0, 1))
    assert (first.source.ids.tolist(), first.target.ids.tolist()) == (
        again.source.ids.tolist(),
        again.target.ids.tolist(),
    )
    assert first.source.ids.tolist() != other.source.ids.tolist()
    assert first.source.ids.max() < SIZE


def test_results_are_kept_beside_each_other(tmp_path, capsys):
    path = tmp_path / "results.json"
    keep(path, "a", {"x": 1}, surroundings("first"))
    keep(path, "b", {"y": 2}, surroundings("second"))
    keep(path, "a", {"x": 3}, surroundings("third"))
    kept = json.loads(path.read_text())
    assert kept["a"]["measured"] == {"x": 3}
    assert kept["a"]["command"] == "third"
    assert kept["b"]["measured"] == {"y": 2}
    assert '"x": 3' in capsys.readouterr().out


def test_the_command_is_kept_without_the_place_of_the_results():
    assert command_of("gpu", ["bleu", "--out", "a/b.json", "--show"]) == "python benchmarks/gpu.py bleu --show"


def test_step_in_its_smallest_form(tmp_path):
    out = tmp_path / "step.json"
    assert step.main(["--smoke", "--threads", "1", "--heads", "4", "--out", str(out)]) == 0
    row = measured(out, "4 heads")
    assert set(row["times_faster_than"]) == {"nn.Transformer"} | ({"MarianMTModel"} if has_transformers() else set())
    assert all(seconds > 0 for seconds in row["seconds_per_step"].values())


def test_the_switches_in_their_smallest_form(tmp_path):
    out = tmp_path / "switches.json"
    arguments = ["--sizes", "small", "--switches", "bf16", "rows to a multiple of 64", "--label", "here"]
    assert switches.main([*arguments, "--smoke", "--threads", "1", "--out", str(out)]) == 0
    row = measured(out, "small, here")
    assert list(row["times_faster"]) == ["none", "bf16", "rows to a multiple of 64"]
    assert row["times_faster"]["none"] == 1.0 and all(seconds > 0 for seconds in row["seconds_per_step"].values())


def test_each_switch_is_on_in_its_own_step_alone(monkeypatch):
    made = {}
    monkeypatch.setattr(step, "course_step", lambda config, *sizes: (made.setdefault(config, config), 0))
    monkeypatch.setattr(
        step, "take_turns", lambda steps, *_: {name: [2.0 if name == "none" else 1.0] for name in steps}
    )
    pairs = synthetic_pairs(20, SIZE)
    row = switches.compare(config(precision="auto"), switches.SWITCHES, pairs, [SIZE, SIZE], 1)
    assert set(row["times_faster"].values()) == {1.0, 2.0}
    none, *others = made
    assert (none.precision, none.vocabulary_multiple, none.compile) == ("fp32", 1, "off")
    changes = [{name for name in switches.OFF if getattr(one, name) != getattr(none, name)} for one in others]
    assert changes == [{"precision"}, {"vocabulary_multiple"}, {"vocabulary_multiple"}, {"compile"}]


def test_the_trainers_own_choice_is_what_the_switches_measured(monkeypatch):
    """helpers.trainer.devices against benchmarks/results/switches.json, for a CPU with instructions for bf16."""
    results = json.loads((RESULTS / "switches.json").read_text(encoding="utf-8"))
    for name, size in switches.SIZES.items():
        for label, has in (("", True), (", without bf16 instructions", False)):
            if name + label not in results:
                continue
            faster = results[name + label]["measured"]["times_faster"]
            monkeypatch.setattr("helpers.trainer.devices.cpu_has_bf16", lambda has=has: has)
            context = device_context(size.change(device="cpu", precision="auto"))
            assert (context.precision == "bf16") == (faster["bf16"] > 1), name + label
            if "compiled" in faster:
                assert context.compile == (faster["compiled"] > 1), name
    assert {"small", "d_model 256", "d_model 256, without bf16 instructions"} <= results.keys()


def test_throughput_in_its_smallest_form(tmp_path):
    out = tmp_path / "multi30k.json"
    assert multi30k.main(["throughput", "--smoke", "--threads", "1", "--out", str(out)]) == 0
    row = measured(out, "throughput")
    assert row["course"]["times_faster"] == 1.0
    assert row["nn.Transformer, shuffled batches"]["target_tokens"] > 0


def test_the_gpu_throughput_in_its_smallest_form(tmp_path):
    out = tmp_path / "gpu.json"
    assert gpu.main(["throughput", "--smoke", "--out", str(out)]) == 0
    row = measured(out, "throughput")
    assert len([name for name, values in row.items() if isinstance(values, dict)]) == 2 + has_transformers()
    assert row["model_flops_utilization"] is None  # nobody knows a CPU's peak here


def test_the_gpu_benchmark_says_that_there_is_no_gpu(capsys, monkeypatch):
    monkeypatch.setattr("benchmarks.gpu.available", lambda: ["cpu"])
    assert gpu.main(["throughput"]) == 2
    assert "no CUDA device" in capsys.readouterr().err
    assert gpu.main(["throughput", "--smoke"]) == 2
    assert "--out" in capsys.readouterr().err


def test_the_gpu_bleu_in_its_smallest_form(tmp_path):
    needs("multi30k-de-tok")
    out = tmp_path / "gpu.json"
    assert gpu.main(["bleu", "--smoke", "--seeds", "0", "1", "--out", str(out)]) == 0
    row = measured(out, "bleu")
    assert "tok:none" in row["tokenised"]["signature"]
    assert "tok:13a" in row["cased"]["signature"]
    assert set(row["cased"]["seeds"]) == {"0", "1"}


def test_bleu_in_its_smallest_form(tmp_path):
    needs("multi30k-de")
    out = tmp_path / "multi30k.json"
    assert multi30k.main(["bleu", "--smoke", "--threads", "1", "--out", str(out)]) == 0
    row = measured(out, "bleu")
    assert "case:mixed" in row["cased"]["signature"]
    assert "case:lc" in row["lower_cased"]["signature"]
    assert row["steps"] == 2


def test_bleu_without_the_corpus_says_how_to_get_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert multi30k.main(["bleu", "--smoke", "--out", str(tmp_path / "multi30k.json")]) == 2
    assert "COURSE_DATA" in capsys.readouterr().err


def test_step_without_the_corpus_says_that_its_data_are_synthetic(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    out = tmp_path / "step.json"
    assert step.main(["--smoke", "--threads", "1", "--heads", "2", "--out", str(out)]) == 0
    assert measured(out, "2 heads")["data"].startswith("synthetic")


def test_tatoeba_in_its_smallest_form(tmp_path, capsys):
    needs("tatoeba-ko")
    out = tmp_path / "tatoeba.json"
    assert tatoeba.main(["--smoke", "--threads", "1", "--out", str(out)]) == 0
    row = measured(out, "tatoeba")
    assert list(row["models"]) == ["grammar", "Tatoeba", "grammar, then Tatoeba"]
    assert "examples" not in row, "sentences of the corpus are shown, not kept"
    printed = capsys.readouterr().out
    assert printed.count('"attribution": "CC-BY') == 10
