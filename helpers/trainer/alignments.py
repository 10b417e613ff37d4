"""Where the cross-attention looks, and how often it finds the word that is being translated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from helpers.corpus.pairs import Pair
from helpers.trainer.data import Pairs, Vocabularies
from helpers.trainer.errors import TrainingError, WrongArgument

SENTENCES = 250  # in one batch


@dataclass(frozen=True)
class FoundAlignments:
    """The share of gold alignments that attention found, 0 to 1.

    count   the gold alignments looked at
    heads   heads[layer][head]: the share of each head
    layers  layers[layer]: the share of the mean of a layer's heads
    """

    count: int
    heads: list[list[float]]
    layers: list[float]

    @property
    def best_layer(self) -> int:
        return max(range(len(self.layers)), key=self.layers.__getitem__)


@torch.no_grad()
def cross_attention_weights(model: nn.Module, source: torch.Tensor, decoder_input: torch.Tensor) -> torch.Tensor:
    """The weights of every head: (layers, batch, heads, n_target, n_source); each row sums to 1.

    model: a Transformer as lesson 7 builds it; source (batch, n_source) and decoder_input (batch, n_target): ids. Row t
    belongs to the word that is predicted after `decoder_input[:, t]`. The model keeps its mode.
    """
    weights, hooks = [], []

    def look(module, arguments, options):
        weights.append(type(module).forward(module, *arguments, **{**options, "need_weights": True})[1])

    training = model.training
    model.eval()
    try:
        hooks += [
            layer.cross_attention.register_forward_pre_hook(look, with_kwargs=True) for layer in model.decoder.layers
        ]
        model(source, decoder_input)
    finally:
        for hook in hooks:
            hook.remove()
        model.train(training)
    if any(layer is None for layer in weights):
        raise TrainingError("This model has no cross-attention to look at: it was trained without it.")
    return torch.stack(weights)


def found_alignments(
    model: nn.Module, pairs: Sequence[Pair], vocabularies: Vocabularies, nouns_only: bool = True
) -> FoundAlignments:
    """How often the source word with the largest weight is the one of the gold alignment.

    pairs: of the grammar, with gold alignments. The weights are those of the step that predicts the target word, with
    the right words before it. nouns_only: only alignments of a noun with a noun are scored; otherwise all are, and a
    target word that has several counts as found with any of them.
    """
    if not isinstance(pairs, Sequence) or not all(isinstance(pair, Pair) for pair in pairs):
        raise WrongArgument("Give a list of pairs, as corpus.tests['random'] of the grammar.")
    source, target = vocabularies
    ids = Pairs([source.encode(pair.source) for pair in pairs], [target.encode(pair.target) for pair in pairs])
    lengths = [len(pair.source) + len(pair.target) + 4 for pair in pairs]  # with <bos> and <eos>
    if (ids.source.lengths + ids.target.lengths != lengths).any():
        raise TrainingError("Gold alignments join words: they need a model whose tokens are words.")
    device = next(model.parameters()).device
    found, count = torch.zeros(()), 0
    for start in range(0, len(pairs), SENTENCES):
        part = pairs[start : start + SENTENCES]
        source_ids, target_ids = ids.plain(range(start, start + len(part)))
        weights = cross_attention_weights(model, source_ids.to(device), target_ids[:, :-1].to(device))
        weights = torch.cat([weights, weights.mean(dim=2, keepdim=True)], dim=2)  # the last "head": the mean
        looked_at = weights.argmax(dim=-1).cpu()  # (layers, batch, heads + 1, n_target)
        for row, pair in enumerate(part):
            gold: dict[int, set[int]] = {}
            for i, j in pair.noun_alignments if nouns_only else pair.alignments:
                gold.setdefault(j, set()).add(i + 1)  # <bos> stands before the first word of the source
            for j, words in gold.items():
                found = found + sum(looked_at[:, row, :, j] == word for word in words)
            count += len(gold)
    if not count:
        raise TrainingError("These pairs have no gold alignments. Take pairs of the grammar.")
    shares = (found / count).tolist()
    return FoundAlignments(count, [layer[:-1] for layer in shares], [layer[-1] for layer in shares])
