"""`python -m helpers.corpus download multi30k [--folder FOLDER]` and `python -m helpers.corpus show NAME`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from helpers import interrupts
from helpers.corpus.download import download
from helpers.corpus.files import path_argument
from helpers.corpus.pairs import Corpus, CorpusError, counted, warnings_as_sentences, write_any_text
from helpers.corpus.sources import NAMES, load

SHOWN = 500  # characters of a sentence


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m helpers.corpus", description="Parallel corpora of the course")
    commands = parser.add_subparsers(dest="command", required=True)
    fetch = commands.add_parser("download", help="fetch a real corpus and check it")
    fetch.add_argument("name", choices=["multi30k"])
    fetch.add_argument("--folder", type=path_argument, help="where to put it; else the user's cache folder")
    show = commands.add_parser("show", help="sizes and examples of a corpus")
    show.add_argument("name", help=f"{', '.join(NAMES)}, or two files: train.en,train.de")
    show.add_argument(
        "--folder", type=path_argument, help="where the real corpora are; else $COURSE_DATA, else the cache"
    )
    options = parser.parse_args(arguments)
    interrupts.as_usual()
    write_any_text()
    try:
        if options.command == "download":
            print(f"Multi30k is complete: {download(options.name, options.folder)}")
        else:
            with warnings_as_sentences(parser.prog):
                corpus = load(options.name, options.folder)
            _show(corpus)
    except CorpusError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{parser.prog}: stopped.", file=sys.stderr)
        return 130
    return 0


def _show(corpus: Corpus) -> None:
    splits = {"train": corpus.train, "validation": corpus.validation, **corpus.tests}
    for name, pairs in splits.items():
        print(f"{name}: {counted(len(pairs), 'pair')}")
        for pair in pairs[:3]:
            for text in (pair.source_text, pair.target_text):
                print(f"  {text if len(text) <= SHOWN else text[:SHOWN] + ' …'}")


if __name__ == "__main__":
    sys.exit(main())
