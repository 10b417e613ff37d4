"""The trainer's own switches on the CPU: what bf16, compilation and a padded output product change in a step.

    python benchmarks/switches.py            three sizes; about 8 minutes on 2 cores
    python benchmarks/switches.py --sizes small --switches bf16
    ONEDNN_MAX_CPU_ISA=AVX512_CORE python benchmarks/switches.py --switches bf16 --label "without bf16 instructions"

The same model takes the step with each switch and without any, in turns, on the same batches. The result is the median
of the ratios of their seconds: above 1 the switch pays. `helpers.trainer.devices` follows these numbers. Kept in
benchmarks/results/switches.json.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import step
from benchmarks.common import RESULTS, command_of, keep, surroundings, training_pairs
from helpers.corpus import grammar_corpus
from helpers.trainer import Config
from helpers.trainer.data import encode_pairs, make_vocabularies

SIZES = {"small": Config.preset("small"), "multi30k": Config.preset("multi30k"), "d_model 256": step.SIZES}
SWITCHES = {
    "bf16": {"precision": "bf16"},
    "rows to a multiple of 8": {"vocabulary_multiple": 8},
    "rows to a multiple of 64": {"vocabulary_multiple": 64},
    "compiled": {"compile": "on"},
}
OFF = {"device": "cpu", "precision": "fp32", "vocabulary_multiple": 1, "compile": "off"}


def data_of(config):
    """(pairs, sizes of the two vocabularies, where they are from)."""
    if config.data != "grammar":
        pairs, size, source = training_pairs(config)
        return pairs, [size, size], source
    corpus = grammar_corpus()
    vocabularies = make_vocabularies(config, corpus)
    pairs = encode_pairs(corpus.train[: config.limit], *vocabularies, config.max_length)
    return pairs, [len(vocabulary) for vocabulary in vocabularies], corpus.name


def compare(config, switches, pairs, sizes, repetitions: int) -> dict:
    """Median seconds of a step with each switch, and how many times faster it is than the step without any."""
    plain = config.change(**OFF)
    made = {"none": plain} | {name: plain.change(**SWITCHES[name]) for name in switches}
    torch.compiler.reset()  # what an earlier size compiled counts towards the limit
    steps = {name: step.course_step(changed, *sizes)[0] for name, changed in made.items()}
    seconds = step.take_turns(steps, pairs, pairs.plan(config, 0), repetitions)
    return {
        "seconds_per_step": {name: round(statistics.median(values), 4) for name, values in seconds.items()},
        "times_faster": {
            name: round(statistics.median([off / on for off, on in zip(seconds["none"], values, strict=True)]), 3)
            for name, values in seconds.items()
        },
        "repetitions": repetitions,
    }


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description="What the trainer's switches change in a step, on the CPU.")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--switches", nargs="+", choices=SWITCHES, default=list(SWITCHES))
    parser.add_argument("--repetitions", type=int, default=40)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--label", help="is put behind the names of the results, so that the others stay")
    parser.add_argument("--smoke", action="store_true", help="small models, to see that everything runs")
    parser.add_argument("--out", type=Path, default=RESULTS / "switches.json", help="the JSON file")
    args = parser.parse_args(argv)
    around = surroundings(command_of("switches", sys.argv[1:] if argv is None else argv))
    for name in args.sizes:
        config, repetitions = SIZES[name].change(threads=args.threads), args.repetitions
        if args.smoke:
            config, repetitions = config.change(**step.SMALL), 2
        pairs, sizes, source = data_of(config)
        row = compare(config, args.switches, pairs, sizes, repetitions)
        name += f", {args.label}" if args.label else ""
        keep(args.out, name, row | {"data": source, "vocabularies": sizes, "d_model": config.d_model}, around)
    return 0


if __name__ == "__main__":
    sys.exit(main())
