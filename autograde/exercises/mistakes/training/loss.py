"""Lesson 8, loss, learning rate and cost: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F

from helpers.training import label_smoothed_loss, noam_rate, training_flops

# --- label_smoothed_loss: wrong -------------------------------------------------------------------------------------


def _parts(logits, labels):
    """Log-probabilities of the label and their mean over all words, both (batch, length)."""
    logs = logits.log_softmax(dim=-1)
    return logs.gather(-1, labels.unsqueeze(-1)).squeeze(-1), logs.mean(dim=-1)


def _mean(losses, labels, pad):
    real = labels != pad
    return (losses * real).sum() / real.sum()


def loss_plain(logits, labels, smoothing=0.1, pad=0):
    return _mean(-_parts(logits, labels)[0], labels, pad)


def loss_others(logits, labels, smoothing=0.1, pad=0):
    logs = logits.log_softmax(dim=-1)
    target = torch.full_like(logs, smoothing / (logs.shape[-1] - 1))
    target = target.scatter(-1, labels.unsqueeze(-1), 1 - smoothing)
    return _mean(-(target * logs).sum(dim=-1), labels, pad)


def loss_without_two(logits, labels, smoothing=0.1, pad=0):
    logs = logits.log_softmax(dim=-1)
    target = torch.full_like(logs, smoothing / (logs.shape[-1] - 2))
    target = target.scatter(-1, labels.unsqueeze(-1), 1 - smoothing)
    target[..., pad] = 0
    return _mean(-(target * logs).sum(dim=-1), labels, pad)


def loss_exchanged(logits, labels, smoothing=0.1, pad=0):
    return label_smoothed_loss(logits, labels, 1 - smoothing, pad)


def loss_on_top(logits, labels, smoothing=0.1, pad=0):
    of_label, of_all = _parts(logits, labels)
    return _mean(-of_label - smoothing * of_all, labels, pad)


def loss_sum_of_words(logits, labels, smoothing=0.1, pad=0):
    of_label, of_all = _parts(logits, labels)
    return _mean(-(1 - smoothing) * of_label - smoothing * of_all * logits.shape[-1], labels, pad)


def loss_with_padding(logits, labels, smoothing=0.1, pad=0):
    of_label, of_all = _parts(logits, labels)
    return (-(1 - smoothing) * of_label - smoothing * of_all).mean()


def loss_all_places(logits, labels, smoothing=0.1, pad=0):
    of_label, of_all = _parts(logits, labels)
    return ((-(1 - smoothing) * of_label - smoothing * of_all) * (labels != pad)).mean()


def loss_uniform_padding(logits, labels, smoothing=0.1, pad=0):
    of_label, of_all = _parts(logits, labels)
    return (1 - smoothing) * _mean(-of_label, labels, pad) - smoothing * of_all.mean()


def loss_sum(logits, labels, smoothing=0.1, pad=0):
    return label_smoothed_loss(logits, labels, smoothing, pad) * (labels != pad).sum()


def loss_mean_of_rows(logits, labels, smoothing=0.1, pad=0):
    rows = [label_smoothed_loss(*row, smoothing, pad) for row in zip(logits.split(1), labels.split(1), strict=True)]
    return torch.stack(rows).mean()


def loss_divergence(logits, labels, smoothing=0.1, pad=0):
    words = logits.shape[-1]
    shares = torch.full((words,), smoothing / words)
    shares[0] += 1 - smoothing
    return label_smoothed_loss(logits, labels, smoothing, pad) + torch.xlogy(shares, shares).sum()


def loss_softmax_twice(logits, labels, smoothing=0.1, pad=0):
    return label_smoothed_loss(logits.softmax(dim=-1), labels, smoothing, pad)


def loss_no_softmax(logits, labels, smoothing=0.1, pad=0):
    of_label = logits.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    return _mean(-(1 - smoothing) * of_label - smoothing * logits.mean(dim=-1), labels, pad)


def loss_wrong_axis(logits, labels, smoothing=0.1, pad=0):
    logs = logits.log_softmax(dim=1)
    of_label = logs.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    return _mean(-(1 - smoothing) * of_label - smoothing * logs.mean(dim=-1), labels, pad)


def loss_negative(logits, labels, smoothing=0.1, pad=0):
    return -label_smoothed_loss(logits, labels, smoothing, pad)


def loss_fixed_smoothing(logits, labels, smoothing=0.1, pad=0):
    return label_smoothed_loss(logits, labels, 0.1, pad)


def loss_fixed_pad(logits, labels, smoothing=0.1, pad=0):
    return label_smoothed_loss(logits, labels, smoothing)


def loss_detached(logits, labels, smoothing=0.1, pad=0):
    return label_smoothed_loss(logits, labels, smoothing, pad).detach()


# --- label_smoothed_loss: right -------------------------------------------------------------------------------------


def loss_torch(logits, labels, smoothing=0.1, pad=0):
    return F.cross_entropy(logits.transpose(1, 2), labels, ignore_index=pad, label_smoothing=smoothing)


def loss_loops(logits, labels, smoothing=0.1, pad=0):
    total, count, words = 0, 0, logits.shape[-1]
    for row, sentence in enumerate(labels.tolist()):
        for place, label in enumerate(sentence):
            if label == pad:
                continue
            logs = logits[row, place] - torch.logsumexp(logits[row, place], dim=0)
            total = total - (1 - smoothing) * logs[label]
            for word in range(words):
                total = total - smoothing / words * logs[word]
            count += 1
    return total / count


def loss_target_distribution(logits, labels, smoothing=0.1, pad=0):
    words = logits.size(-1)
    target = F.one_hot(labels, words) * (1 - smoothing) + smoothing / words
    losses = torch.einsum("blv,blv->bl", target, -F.log_softmax(logits, -1))
    return torch.where(labels == pad, 0.0, losses).sum() / labels.ne(pad).sum()


def loss_selected(logits, labels, smoothing=0.1, pad=0):
    real = labels != pad
    logs = torch.log_softmax(logits[real], dim=-1)
    of_label = logs[torch.arange(len(logs)), labels[real]]
    return -((1 - smoothing) * of_label + smoothing * logs.mean(1)).mean()


# --- noam_rate: wrong -----------------------------------------------------------------------------------------------


def rate_max(step, d_model, warmup):
    return d_model**-0.5 * max(step**-0.5, step * warmup**-1.5)


def rate_no_width(step, d_model, warmup):
    return min(step**-0.5, step * warmup**-1.5)


def rate_times_root(step, d_model, warmup):
    return d_model**0.5 * min(step**-0.5, step * warmup**-1.5)


def rate_one_over_width(step, d_model, warmup):
    return min(step**-0.5, step * warmup**-1.5) / d_model


def rate_no_warmup(step, d_model, warmup):
    return d_model**-0.5 * step**-0.5


def rate_no_decay(step, d_model, warmup):
    return d_model**-0.5 * step * warmup**-1.5


def rate_constant(step, d_model, warmup):
    return noam_rate(min(step, warmup), d_model, warmup)


def rate_wrong_power(step, d_model, warmup):
    return d_model**-0.5 * min(step**-0.5, step * warmup**-0.5)


def rate_from_zero(step, d_model, warmup):
    return noam_rate(step - 1, d_model, warmup)


def rate_one_ahead(step, d_model, warmup):
    return noam_rate(step + 1, d_model, warmup)


def rate_peak_one(step, d_model, warmup):
    return min(step / warmup, (warmup / step) ** 0.5)


def rate_linear(step, d_model, warmup):
    return (d_model * warmup) ** -0.5 * min(step / warmup, warmup / step)


# --- noam_rate: right -----------------------------------------------------------------------------------------------


def rate_two_branches(step, d_model, warmup):
    if step < warmup:
        return step / (warmup * math.sqrt(warmup * d_model))
    return 1 / math.sqrt(step * d_model)


def rate_numpy(step, d_model, warmup):
    lines = np.array([np.power(float(step), -0.5), step * np.power(float(warmup), -1.5)])
    return np.power(float(d_model), -0.5) * lines.min()


def rate_from_the_peak(step, d_model, warmup):
    peak = 1 / math.sqrt(d_model * warmup)
    return peak * min(step / warmup, math.sqrt(warmup / step))


def rate_logarithms(step, d_model, warmup):
    line = min(-0.5 * math.log(step), math.log(step) - 1.5 * math.log(warmup))
    return math.exp(line - 0.5 * math.log(d_model))


# --- training_flops -------------------------------------------------------------------------------------------------


def flops_forward(parameters, tokens):
    return 2 * parameters * tokens


def flops_backward(parameters, tokens):
    return 4 * parameters * tokens


def flops_multiply_add(parameters, tokens):
    return 3 * parameters * tokens


def flops_recomputed(parameters, tokens):
    return 8 * parameters * tokens


def flops_per_token(parameters, tokens):
    return 6 * parameters


def flops_sum(parameters, tokens):
    return 6 * (parameters + tokens)


def flops_two_passes(parameters, tokens):
    forward = 2 * parameters * tokens
    backward = 2 * forward
    return forward + backward


def flops_per_pass(parameters, tokens):
    return sum(2 * parameters * tokens for _ in ("forward", "inputs", "weights"))


def flops_product(parameters, tokens):
    return math.prod((6.0, parameters, tokens))


# --- model_flops_utilization ----------------------------------------------------------------------------------------


def utilization_forward(tokens_per_second, parameters, peak_flops):
    return 2 * parameters * tokens_per_second / peak_flops


def utilization_percent(tokens_per_second, parameters, peak_flops):
    return 600 * parameters * tokens_per_second / peak_flops


def utilization_inverse(tokens_per_second, parameters, peak_flops):
    return peak_flops / (6 * parameters * tokens_per_second)


def utilization_no_peak(tokens_per_second, parameters, peak_flops):
    return 6 * parameters * tokens_per_second


def utilization_no_parameters(tokens_per_second, parameters, peak_flops):
    return 6 * tokens_per_second / peak_flops


def utilization_no_six(tokens_per_second, parameters, peak_flops):
    return parameters * tokens_per_second / peak_flops


def utilization_in_one_line(tokens_per_second, parameters, peak_flops):
    return 6 * parameters * tokens_per_second / peak_flops


def utilization_by_time(tokens_per_second, parameters, peak_flops):
    seconds_needed = training_flops(parameters, 1) / peak_flops
    return seconds_needed * tokens_per_second


def utilization_tokens(tokens_per_second, parameters, peak_flops):
    most = peak_flops / (6 * parameters)
    return tokens_per_second / most
