"""Lesson 8: full training, on one device or many.

Ids are int64 (batch, length); 0 is padding, 1 <bos>, 2 <eos>. A batch is (source, target), both with <bos> and <eos>.
A label is real where it is not padding: only real labels count, in the loss as in every measure.
"""

from __future__ import annotations

import torch
from torch import nn

from helpers.decoder import teacher_forcing_pair


def batches_by_tokens(lengths, max_tokens, generator=None):
    """Batches of similar lengths, each as full as `max_tokens` allows, in random order: lists of indices.

    lengths: numbers of tokens; in a batch, longest * count <= max_tokens. Every index comes once. A sentence longer
    than `max_tokens` raises ValueError. generator: a torch.Generator; None: the global one.
    Source: "Attention Is All You Need", section 5.1, batches of about 25,000 source and 25,000 target tokens.
    """
    lengths = [int(length) for length in lengths]
    for index, length in enumerate(lengths):
        if length > max_tokens:
            raise ValueError(f"sentence {index} has {length} tokens, a batch at most {max_tokens}: raise max_tokens")
    mixed = torch.randperm(len(lengths), generator=generator).tolist()
    batches = [[]]
    for index in sorted(mixed, key=lengths.__getitem__):  # the newest is the longest; equal lengths stay mixed
        if lengths[index] * (len(batches[-1]) + 1) > max_tokens:
            batches.append([])
        batches[-1].append(index)
    order = torch.randperm(len(batches), generator=generator).tolist()
    return [batches[place] for place in order if batches[place]]


def label_smoothed_loss(logits, labels, smoothing=0.1, pad=0):
    """Cross-entropy against softened labels, the mean over real labels.

    logits: (batch, length, vocabulary); labels: ids (batch, length). Every word of the vocabulary gets the probability
    smoothing / vocabulary, the label 1 - smoothing on top. In nats.
    Source: section 5.4; Szegedy et al. 2016, "Rethinking the Inception Architecture", section 7.
    """
    log_probabilities = logits.log_softmax(dim=-1)
    of_label = log_probabilities.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    of_all = log_probabilities.mean(dim=-1)
    losses = -(1 - smoothing) * of_label - smoothing * of_all  # (batch, length)
    real = labels != pad
    return losses.masked_fill(~real, 0).sum() / real.sum()


def noam_rate(step, d_model, warmup):
    """The learning rate at `step`, counted from 1: it rises for `warmup` steps, then falls as 1 / sqrt(step).

    Source: equation 3.
    """
    return d_model**-0.5 * min(step**-0.5, step * warmup**-1.5)


def train_step(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    """One update of the model's weights; the model is in training mode afterwards.

    batch: (source, target), ids. clip: largest norm of all gradients together. precision: "fp32", or "bf16" for
    autocast: matrix products in bfloat16, weights and loss in float32. Returns, as tensors of one element that
    nothing has waited for, `loss`, `tokens` (real labels) and `gradient_norm` (before clipping).
    Source: section 5; clipping from Pascanu et al. 2013, "On the difficulty of training recurrent neural networks".
    """
    if precision not in ("fp32", "bf16"):
        raise ValueError(f'precision is "fp32" or "bf16", not {precision!r}')
    source, target = batch
    decoder_input, labels = teacher_forcing_pair(target)
    model.train()
    optimizer.zero_grad()
    with torch.autocast(source.device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
        logits = model(source, decoder_input)
    loss = label_smoothed_loss(logits.float(), labels)
    loss.backward()
    gradient_norm = nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    if scheduler is not None:
        scheduler.step()
    return {"loss": loss.detach(), "tokens": (labels != 0).sum(), "gradient_norm": gradient_norm}


def evaluate(model, batches):
    """How well the model predicts the next word, given the right words before it.

    batches: of (source, target), ids. Returns floats: `loss`, the cross-entropy per real label over all batches, in
    nats, without smoothing; `perplexity` = exp(loss); `accuracy`, the share of labels that are the most probable word.
    The model is in evaluation mode meanwhile, and in its own mode again afterwards.
    """
    training = model.training
    model.eval()
    loss, right, tokens = 0.0, 0, 0
    with torch.no_grad():
        for source, target in batches:
            decoder_input, labels = teacher_forcing_pair(target)
            logits = model(source, decoder_input)
            real = labels != 0
            loss += label_smoothed_loss(logits, labels, smoothing=0.0) * real.sum()
            right += ((logits.argmax(dim=-1) == labels) & real).sum()
            tokens += real.sum()
    model.train(training)
    loss = loss / tokens
    return {"loss": loss.item(), "perplexity": loss.exp().item(), "accuracy": (right / tokens).item()}


def exact_match(predictions, references):
    """The share of predictions that are their reference, word for word: lists of equal length."""
    same = [prediction == reference for prediction, reference in zip(predictions, references, strict=True)]
    return sum(same) / len(same)


def training_flops(parameters, tokens):
    """Floating-point operations of a training run: 2 per parameter and token forward, 4 backward.

    Source: Kaplan et al. 2020, "Scaling Laws for Neural Language Models", section 2.1.
    """
    return 6 * parameters * tokens


def model_flops_utilization(tokens_per_second, parameters, peak_flops):
    """The share of the device's peak (operations per second) that the model's own operations use.

    Source: Chowdhery et al. 2022, "PaLM", appendix B.
    """
    return training_flops(parameters, tokens_per_second) / peak_flops


def trained_model():
    """The file with the trained weights, beside the notebook: safetensors, as the training saves them."""
    return "trained_model.safetensors"
