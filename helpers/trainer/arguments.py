"""The command line of the trainer: every option of Config, the same for `course train` and `torchrun`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, NoReturn

from helpers import interrupts
from helpers.corpus.files import path_argument
from helpers.corpus.pairs import warnings_as_sentences, write_any_text
from helpers.trainer.config import CHOICES, KINDS, PARTS, PRESETS, Config, kinds
from helpers.trainer.errors import Stopped, TrainingError

EXAMPLES = """\
examples:
  course train                                   the preset small: the embedded grammar, on a laptop
  course train small --minutes 2 --d-model 96    a preset with changes
  course train --resume                          go on with the newest run
  course train multi30k                          real data, ten minutes on two cores
  torchrun --nproc_per_node=4 -m helpers.trainer base --steps 1000
"""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line: the usage has more than 20."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. `{self.prog} --help` lists the options.\n")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the trainer's arguments."""
    parser.add_argument("preset", metavar="PRESET", nargs="?", help=f"one of {', '.join(PRESETS)}; default: small")
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        type=path_argument,
        help="where everything is written; default: a new folder in runs/",
    )
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out, or with the newest one")
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no card on the screen")
    options = parser.add_argument_group("options of the run", "In parentheses: the default; a preset may change it.")
    for option in fields(Config):
        kind, default = kinds()[option.name], "" if option.default in (None, ()) else f" ({option.default})"
        more: dict[str, Any] = {"dest": option.name, "default": None, "help": option.metadata["help"] + default}
        if kind is bool:
            more |= {"action": argparse.BooleanOptionalAction}
            more["help"] = option.metadata["help"] + (" (on)" if option.default else " (off)")
        elif kind is tuple:
            more |= {"nargs": "+", "choices": PARTS}
        elif option.name in CHOICES:
            more |= {"choices": CHOICES[option.name]}
        else:
            more |= {"type": _reader(kind), "metavar": {int: "N", float: "X", str: "TEXT"}[kind]}
        options.add_argument("--" + option.name.replace("_", "-"), **more)


def _reader(kind: type) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {KINDS[kind]}") from None

    return read


def run(args: argparse.Namespace) -> int:
    """Train as the arguments say. TrainingError if that cannot be done."""
    from helpers.trainer.run import read_config, train

    names = {field.name for field in fields(Config)}
    changes = {name: value for name, value in vars(args).items() if name in names and value is not None}
    if args.resume and args.preset is None:
        config = read_config(args.out).change(**changes)
    else:
        config = Config.preset("small" if args.preset is None else args.preset, **changes)
    train(config, folder=args.out, resume=args.resume, show=not args.quiet)
    return 0


def _with_hyphens(argv: Sequence[str]) -> list[str]:
    """The arguments with options as the command has them, where they are written as in messages: max_length."""
    names = {field.name for field in fields(Config)}
    names |= {f"no_{name}" for name in names}
    shown = []
    for argument in argv:
        name, *value = argument.split("=", 1)
        known = name.startswith("--") and name[2:] in names
        shown.append("=".join([name.replace("_", "-"), *value]) if known else argument)
    return shown


def main(argv: Sequence[str] | None = None, program: str = "python -m helpers.trainer") -> int:
    """The exit status: 0 fine, 2 a mistake in the command or its surroundings, 130 stopped by the user."""
    parser = Parser(
        prog=program,
        usage=f"{program} [PRESET] [options]",
        description="Train a Transformer.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    write_any_text()
    try:
        with warnings_as_sentences(program):
            return run(parser.parse_args(_with_hyphens(sys.argv[1:] if argv is None else argv)))
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        return 130
    except TrainingError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{program}: stopped.", file=sys.stderr)
        return 130
    finally:
        interrupts.as_usual()
