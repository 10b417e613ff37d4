"""The command line of the trainer: every option of Config, the same for `course train` and `torchrun`."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import types
import typing

from helpers.trainer.config import CHOICES, PARTS, PRESETS, Config
from helpers.trainer.errors import Stopped, TrainingError

EXAMPLES = """\
examples:
  course train                                   the preset small: the embedded grammar, on a laptop
  course train small --minutes 2 --d-model 96    a preset with changes
  course train --resume                          go on with the newest run
  course train multi30k                          real data, ten minutes on two cores
  torchrun --nproc_per_node=4 -m helpers.trainer base --steps 1000
"""


def add_arguments(parser: argparse.ArgumentParser):
    """Give `parser` the trainer's arguments."""
    parser.epilog, parser.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
    parser.add_argument("preset", metavar="PRESET", nargs="?", help=f"one of {', '.join(PRESETS)}; default: small")
    parser.add_argument("--out", metavar="FOLDER", help="where everything is written; default: a new folder in runs/")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out, or with the newest one")
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no card on the screen")
    kinds = typing.get_type_hints(Config)
    for field in dataclasses.fields(Config):
        option = "--" + field.name.replace("_", "-")
        kind = kinds[field.name]
        if isinstance(kind, types.UnionType):
            kind = next(one for one in typing.get_args(kind) if one is not type(None))
        more: dict = {"dest": field.name, "default": None}
        if kind is bool:
            more |= {"action": argparse.BooleanOptionalAction}
        elif field.name == "without":
            more |= {"nargs": "+", "choices": PARTS}
        else:
            more |= {"type": kind, "choices": CHOICES.get(field.name), "metavar": kind.__name__.upper()}
            if field.name in CHOICES:
                del more["metavar"]
        parser.add_argument(option, **more)


def run(args: argparse.Namespace) -> int:
    """Train as the arguments say. TrainingError if that cannot be done."""
    from helpers.trainer.run import read_config, train

    names = {field.name for field in dataclasses.fields(Config)}
    changes = {name: value for name, value in vars(args).items() if name in names and value is not None}
    if args.resume and not args.preset:
        config = read_config(args.out).change(**changes)
    else:
        config = Config.preset(args.preset or "small", **changes)
    train(config, folder=args.out, resume=args.resume, show=not args.quiet)
    return 0


def main(argv=None, program: str = "python -m helpers.trainer") -> int:
    """The exit status: 0 fine, 2 a mistake in the command or its surroundings, 130 stopped by the person."""
    parser = argparse.ArgumentParser(prog=program, description="Train a Transformer.")
    add_arguments(parser)
    try:
        return run(parser.parse_args(argv))
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        return 130
    except TrainingError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2
