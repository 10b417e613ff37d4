"""Where the cross-attention looks, and how often it finds the word that is being translated."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from helpers.trainer.data import Pairs
from helpers.trainer.errors import TrainingError

SENTENCES = 250  # in one batch


@dataclass(frozen=True)
class FoundLinks:
    """Shares of gold links that attention found, 0 to 1.

    links   how many gold links there are
    heads   heads[layer][head]: of each head
    layers  layers[layer]: of the mean of a layer's heads
    """

    links: int
    heads: list[list[float]]
    layers: list[float]

    @property
    def best_layer(self) -> int:
        return max(range(len(self.layers)), key=self.layers.__getitem__)


@torch.no_grad()
def cross_attention_weights(model, source, decoder_input):
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
    if any(one is None for one in weights):
        raise TrainingError("This model has no cross-attention to look at: it was trained without it.")
    return torch.stack(weights)


def found_links(model, pairs, vocabularies, every_link: bool = False) -> FoundLinks:
    """How often the source word with the largest weight is the one of the gold link.

    pairs: of the grammar, with gold links. Looked at is the step that predicts the target word, with the right words
    before it. Scored are the links from noun to noun; with `every_link` all of them, where a target word that has
    several counts as found with any.
    """
    source, target = vocabularies
    ids = Pairs([source.encode(pair.source) for pair in pairs], [target.encode(pair.target) for pair in pairs])
    words = [len(pair.source) + len(pair.target) + 4 for pair in pairs]  # with <bos> and <eos>
    if (ids.source.lengths + ids.target.lengths != words).any():
        raise TrainingError("Gold links join words: they need a model whose tokens are words.")
    device = next(model.parameters()).device
    found, count = 0, 0
    for start in range(0, len(pairs), SENTENCES):
        part = pairs[start : start + SENTENCES]
        source_ids, target_ids = ids.plain(range(start, start + len(part)))
        weights = cross_attention_weights(model, source_ids.to(device), target_ids[:, :-1].to(device))
        weights = torch.cat([weights, weights.mean(dim=2, keepdim=True)], dim=2)  # the last "head": the mean
        places = weights.argmax(dim=-1).cpu()  # (layers, batch, heads + 1, n_target)
        for row, pair in enumerate(part):
            gold: dict[int, set[int]] = {}
            for i, j in pair.links if every_link else pair.noun_links:
                gold.setdefault(j, set()).add(i + 1)  # <bos> stands before the first word of the source
            for j, words in gold.items():
                found = found + sum(places[:, row, :, j] == word for word in words)
            count += len(gold)
    if not count:
        raise TrainingError("These pairs have no gold links. Take pairs of the grammar.")
    shares = (found / count).tolist()
    return FoundLinks(count, [layer[:-1] for layer in shares], [layer[-1] for layer in shares])
