"""From the grammar to real sentences: English to Korean with the 3,000 short sentences of Tatoeba.

    python benchmarks/tatoeba.py        about 5 minutes on 2 cores

Three small models with one byte-pair encoding are compared on the same 300 held-out sentences: trained on the grammar
only, on Tatoeba only, and on the grammar first, then on Tatoeba. The scores are kept in
benchmarks/results/tatoeba.json. Ten translations are printed, each sentence with its attribution (CC BY 2.0 FR); they
are not kept, since nothing of the corpus is part of the course.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from itertools import islice
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.common import RESULTS, command_of, keep, surroundings
from helpers.corpus import CorpusError, grammar_corpus, load, train_joint_bpe
from helpers.trainer import Config, bleu, translate
from helpers.trainer.data import encode_pairs, updates
from helpers.trainer.devices import device_context
from helpers.trainer.model import build_model, count_parameters
from helpers.trainer.step import Stepper, learning_rate_at
from helpers.training import evaluate, exact_match

EXAMPLES = 10


def fit(config, model, pairs, context):
    """Train `model` on the pairs for config.epochs. Returns the seconds."""
    begun = time.perf_counter()
    steps = max(1, round(config.epochs * len(pairs.plan(config, 0))))
    torch.manual_seed(config.seed)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = config.dropout
    stepper = Stepper(config, model, context)
    for number, update in enumerate(islice(updates(config, pairs, context), steps)):
        stepper.step(update, learning_rate_at(config, number + 1, number / steps))
    return time.perf_counter() - begun


def score(model, pairs, encoded, vocabulary, config) -> tuple[dict, list[str]]:
    """(scores on the held-out pairs, the translations)."""
    from sacrebleu.metrics import CHRF

    references = [vocabulary.normalize(pair.target_text) for pair in pairs]
    texts = [pair.source_text for pair in pairs]
    given = translate(model, texts, (vocabulary, vocabulary), config)
    chrf = CHRF()
    row = {
        **bleu(given, references),
        "chrf": round(chrf.corpus_score(given, [references]).score, 2),
        "chrf_signature": str(chrf.get_signature()),
        "exact_match": round(exact_match(given, references), 4),
        "loss_per_subword": round(evaluate(model, [encoded.plain(range(len(encoded)))])["loss"], 3),
    }
    return row, given


def compare(first, second, limit: int | None = None) -> dict:
    """first, second: the configs of the training on the grammar and on Tatoeba; their sizes are the same."""
    config, context = second, device_context(second)
    real, made = load("tatoeba-ko"), grammar_corpus()
    real_train, made_train = real.train[:limit], made.train[:limit]
    vocabulary = train_joint_bpe([*real_train, *made_train], config.vocabulary_size, lowercase=True)
    on_real = encode_pairs(real_train, vocabulary, vocabulary, config.max_length)
    on_made = encode_pairs(made_train, vocabulary, vocabulary, config.max_length)
    test = real.tests["test"][: limit and 20]
    encoded = encode_pairs(test, vocabulary, vocabulary, config.max_length)

    torch.manual_seed(config.seed)
    new = build_model(config, len(vocabulary), len(vocabulary))
    grammar, alone = copy.deepcopy(new), new
    seconds = {"grammar": fit(first, grammar, on_made, context)}
    tuned = copy.deepcopy(grammar)
    seconds["Tatoeba"] = fit(second, alone, on_real, context)
    seconds["grammar, then Tatoeba"] = seconds["grammar"] + fit(second, tuned, on_real, context)

    rows, translations = {}, {}
    for name, model in (("grammar", grammar), ("Tatoeba", alone), ("grammar, then Tatoeba", tuned)):
        rows[name], translations[name] = score(model, test, encoded, vocabulary, config)
        rows[name]["seconds"] = round(seconds[name], 1)
    of_grammar = made.tests["random"][: 20 if limit else 200]
    after = translate(tuned, [pair.source_text for pair in of_grammar], (vocabulary, vocabulary), config)
    before = translate(grammar, [pair.source_text for pair in of_grammar], (vocabulary, vocabulary), config)
    references = [pair.target_text for pair in of_grammar]
    words = {word for pair in real_train for word in bare(pair.source_text)}
    unseen = sum(not set(bare(pair.source_text)) <= words for pair in test)
    return {
        "models": rows,
        "grammar_exact_match": {
            "before": round(exact_match(before, references), 4),
            "after_tatoeba": round(exact_match(after, references), 4),
        },
        "sentences": {"grammar": len(on_made), "tatoeba": len(on_real), "test": len(test)},
        "test_sentences_with_a_word_never_trained_on": unseen,
        "vocabulary": len(vocabulary),
        "parameters": count_parameters(new),
        "examples": [
            {
                "source": test[index].source_text,
                "reference": test[index].target_text,
                **{name: given[index] for name, given in translations.items()},
                "attribution": test[index].attribution,
            }
            for index in range(0, len(test), max(1, len(test) // EXAMPLES))
        ][:EXAMPLES],
    }


def bare(text: str) -> list[str]:
    """The words in lower case, without punctuation."""
    return [word.strip('.,!?"').lower() for word in text.split()]


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description="From the grammar to real English-Korean sentences.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--grammar-epochs", type=float, default=3.0)
    parser.add_argument("--tatoeba-epochs", type=float, default=25.0)
    parser.add_argument("--smoke", action="store_true", help="the smallest form, to see that everything runs")
    parser.add_argument("--out", type=Path, default=RESULTS / "tatoeba.json", help="the JSON file")
    args = parser.parse_args(argv)
    config = Config(
        tokens="bpe", vocabulary_size=3000, lowercase=True, share_embeddings=True, d_model=128, num_layers=2, d_ff=512,
        dropout=0.1, max_tokens=1024, learning_rate=2e-3, warmup=300, epochs=args.grammar_epochs, max_length=60, beam=5,
        device="cpu", threads=args.threads,
    )  # fmt: skip
    second = config.change(dropout=0.3, max_tokens=512, learning_rate=1e-3, epochs=args.tatoeba_epochs)
    limit = None
    if args.smoke:
        limit, small = 100, {"vocabulary_size": 300, "d_model": 32, "d_ff": 64, "num_layers": 1, "epochs": 1.0}
        config, second = config.change(**small), second.change(**small)
    around = surroundings(command_of("tatoeba", sys.argv[1:] if argv is None else argv))
    try:
        row = compare(config, second, limit)
    except CorpusError as error:
        print(error, file=sys.stderr)
        return 2
    examples = row.pop("examples")
    keep(args.out, "tatoeba", row, around)
    print(json.dumps(examples, indent=2, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
