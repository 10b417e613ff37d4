"""Lesson 7, the debugging clinic: wrong repairs (the misconceptions, the broken code among them) and right ones that
are written differently (the variants)."""

from __future__ import annotations

import copy
import math

import torch
from torch import nn
from torch.nn import functional as F

from helpers.add_norm import AddNorm
from helpers.clinic import RepairedDecoderBlock, repair_attend, repair_loss
from helpers.multi_head import MultiHeadAttention


def _log_probability(model, inputs, labels):
    return torch.log_softmax(model(inputs), dim=-1)[torch.arange(len(labels)), labels]


# --- repair_fit: wrong ----------------------------------------------------------------------------------------------


def fit_broken(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        log_probabilities = torch.log_softmax(model(inputs), dim=-1)
        picked = [row[label].item() for row, label in zip(log_probabilities, labels)]
        loss = -torch.tensor(picked, requires_grad=True).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def fit_gradients_add_up(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = -_log_probability(model, inputs, labels).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def fit_minus_lost(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = _log_probability(model, inputs, labels).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def fit_sum(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = -_log_probability(model, inputs, labels).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def fit_loss_after_the_step(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
        losses.append(F.cross_entropy(model(inputs), labels).item())
    return losses


def fit_step_too_early(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(model(inputs), labels)
        optimizer.step()
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
    return losses


def fit_a_copy(model, inputs, labels, steps, rate):
    return fit_cross_entropy(copy.deepcopy(model), inputs, labels, steps, rate)


def fit_adam(model, inputs, labels, steps, rate):
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(model(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def fit_softmax_twice(model, inputs, labels, steps, rate):
    return fit_cross_entropy(model, inputs, labels, steps, rate, output=lambda logits: logits.softmax(dim=-1))


def fit_largest_word(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = -torch.log_softmax(model(inputs), dim=-1).max(dim=-1).values.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def fit_probability(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = -_log_probability(model, inputs, labels).exp().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# --- repair_fit: right ----------------------------------------------------------------------------------------------


def fit_cross_entropy(model, inputs, labels, steps, rate, output=lambda logits: logits):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(output(model(inputs)), labels)
        losses.append(float(loss))
        loss.backward()
        optimizer.step()
    return losses


def fit_stacked_rows(model, inputs, labels, steps, rate):
    losses = []
    for _ in range(steps):
        optimizer = torch.optim.SGD(model.parameters(), lr=rate)
        log_probabilities = torch.log_softmax(model(inputs), dim=-1)
        picked = torch.stack([row[label] for row, label in zip(log_probabilities, labels, strict=True)])
        loss = -picked.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss)
    return losses


def fit_by_hand(model, inputs, labels, steps, rate):
    losses = []
    for _ in range(steps):
        loss = F.nll_loss(model(inputs).log_softmax(dim=1), labels)
        parameters = list(model.parameters())
        with torch.no_grad():
            for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                parameter -= rate * gradient
        losses += [loss.detach()]
    return losses


def fit_one_hot(model, inputs, labels, steps, rate):
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=rate), torch.zeros(steps)
    for step in range(steps):
        logits = model(inputs)
        wanted = F.one_hot(labels, logits.shape[1])
        loss = (logits.logsumexp(dim=1) - (wanted * logits).sum(dim=1)).sum() / len(labels)
        model.zero_grad(set_to_none=False)
        loss.backward()
        optimizer.step()
        losses[step] = loss.detach()
    return losses.tolist()


# --- repair_attend: wrong -------------------------------------------------------------------------------------------


def _scores(query, key):
    return query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])


def _attend(query, key, value, seen):
    return torch.softmax(_scores(query, key).masked_fill(~seen, -math.inf), dim=-1) @ value


def _ones(query):
    return torch.ones(query.shape[1], query.shape[1], dtype=torch.bool)


def attend_broken(query, key, value):
    scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])
    return torch.softmax(scores, dim=-1) @ value


def attend_upside_down(query, key, value):
    return _attend(query, key, value, _ones(query).triu())


def attend_not_itself(query, key, value):
    return _attend(query, key, value, _ones(query).tril(-1))


def attend_one_too_far(query, key, value):
    return _attend(query, key, value, _ones(query).tril(1))


def attend_only_itself(query, key, value):
    return value.clone()


def attend_one_back(query, key, value):
    return _attend(query, key, value, _ones(query).tril().triu(-1))


def attend_mask_after_softmax(query, key, value):
    return torch.softmax(_scores(query, key), dim=-1).tril() @ value


def attend_zeros(query, key, value):
    return torch.softmax(_scores(query, key).tril(), dim=-1) @ value


def attend_no_scaling(query, key, value):
    return repair_attend(query * math.sqrt(query.shape[-1]), key, value)


def attend_over_queries(query, key, value):
    return torch.softmax(_scores(query, key).masked_fill(~_ones(query).tril(), -math.inf), dim=1) @ value


def attend_running_mean(query, key, value):
    return value.cumsum(dim=1) / torch.arange(1, value.shape[1] + 1).unsqueeze(1)


# --- repair_attend: right -------------------------------------------------------------------------------------------


def attend_torch(query, key, value):
    return F.scaled_dot_product_attention(query, key, value, is_causal=True)


def attend_word_by_word(query, key, value):
    rows = []
    for i in range(query.shape[1]):
        scores = (key[:, : i + 1] @ query[:, i].unsqueeze(-1)).squeeze(-1) / query.shape[-1] ** 0.5
        rows.append((scores.softmax(dim=-1).unsqueeze(-1) * value[:, : i + 1]).sum(dim=1))
    return torch.stack(rows, dim=1)


def attend_added_mask(query, key, value):
    length = query.size(1)
    hidden = torch.full((length, length), float("-inf")).triu(diagonal=1)
    return F.softmax(torch.einsum("bqd,bkd->bqk", query, key) * query.size(-1) ** -0.5 + hidden, dim=2).bmm(value)


def attend_renormalized(query, key, value):
    scores = _scores(query, key)
    powers = torch.exp(scores - scores.amax(dim=-1, keepdim=True)).tril()
    return (powers / powers.sum(dim=-1, keepdim=True)) @ value


def attend_large_negative(query, key, value):
    position = torch.arange(query.shape[1])
    later = position.unsqueeze(0) > position.unsqueeze(1)
    return torch.softmax(torch.where(later, torch.tensor(-1e9), _scores(query, key)), dim=-1) @ value


# --- repair_generate: wrong -----------------------------------------------------------------------------------------


def _append(ids, newest):
    return torch.cat([ids, newest.unsqueeze(1)], dim=1)


def generate_broken(model, start, steps):
    words = start
    for _ in range(steps):
        logits = model(words)
        newest = logits.argmax(dim=-1)[:, :1]
        words = torch.hstack([words, newest])
    return words[:, start.shape[1] :]


def generate_stuck(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = _append(ids, model(start)[:, -1].argmax(dim=-1))
    return ids[:, start.shape[1] :]


def generate_newest_only(model, start, steps):
    ids, read = start, start
    for _ in range(steps):
        read = model(read)[:, -1].argmax(dim=-1).unsqueeze(1)
        ids = torch.cat([ids, read], dim=1)
    return ids[:, start.shape[1] :]


def generate_last_but_one(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = _append(ids, model(ids)[:, -2].argmax(dim=-1))
    return ids[:, start.shape[1] :]


def generate_mean(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = _append(ids, model(ids).mean(dim=1).argmax(dim=-1))
    return ids[:, start.shape[1] :]


def generate_least_probable(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = _append(ids, model(ids)[:, -1].argmin(dim=-1))
    return ids[:, start.shape[1] :]


def generate_with_start(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = _append(ids, model(ids)[:, -1].argmax(dim=-1))
    return ids


def generate_first_row_for_all(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = _append(ids, model(ids)[0, -1].argmax().expand(len(ids)))
    return ids[:, start.shape[1] :]


def generate_all_at_once(model, start, steps):
    ids = torch.cat([start, torch.zeros(len(start), steps, dtype=start.dtype)], dim=1)
    return model(ids)[:, start.shape[1] - 1 : -1].argmax(dim=-1)


def generate_runner_up(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = _append(ids, model(ids)[:, -1].topk(2, dim=-1).indices[:, 1])
    return ids[:, start.shape[1] :]


# --- repair_generate: right -----------------------------------------------------------------------------------------


def generate_list(model, start, steps):
    new = []
    for _ in range(steps):
        ids = torch.cat([start, *new], dim=1)
        new.append(model(ids).argmax(dim=-1)[:, -1:])
    return torch.cat(new, dim=1)


def generate_row_by_row(model, start, steps):
    rows = []
    for row in start.tolist():
        new = []
        while len(new) < steps:
            scores = model(torch.tensor([row + new]))[0][-1]
            new.append(max(range(len(scores)), key=lambda word: scores[word].item()))
        rows.append(new)
    return torch.tensor(rows)


@torch.no_grad()
def generate_in_place(model, start, steps):
    n = start.shape[1]
    ids = torch.zeros(start.shape[0], n + steps, dtype=torch.long)
    ids[:, :n] = start
    for end in range(n, n + steps):
        ids[:, end] = model(ids[:, :end])[:, end - 1].softmax(dim=-1).max(dim=-1).indices
    return ids[:, n:]


def generate_recursive(model, start, steps):
    if steps == 0:
        return start[:, :0]
    newest = model(start)[:, start.shape[1] - 1].topk(1, dim=-1).indices
    return torch.hstack([newest, generate_recursive(model, torch.hstack([start, newest]), steps - 1)])


# --- repair_loss: wrong ---------------------------------------------------------------------------------------------


def loss_broken(logits, labels):
    probabilities = torch.softmax(logits, dim=-1)
    wanted = F.one_hot(labels, logits.shape[-1])
    return -(wanted * torch.log(probabilities)).sum(dim=-1).mean()


def loss_picked_from_probabilities(logits, labels):
    return -torch.log(torch.softmax(logits, dim=-1).gather(2, labels.unsqueeze(2))).mean()


def loss_nan_to_zero(logits, labels):
    return torch.nan_to_num(loss_broken(logits, labels))


def loss_terms_to_zero(logits, labels):
    wanted = F.one_hot(labels, logits.shape[-1])
    terms = wanted * torch.log(torch.softmax(logits, dim=-1))
    return -torch.nan_to_num(terms, nan=0.0, neginf=0.0).sum(dim=-1).mean()


def loss_small_number_added(logits, labels):
    wanted = F.one_hot(labels, logits.shape[-1])
    return -(wanted * torch.log(torch.softmax(logits, dim=-1) + 1e-9)).sum(dim=-1).mean()


def loss_logits_clipped(logits, labels):
    return repair_loss(logits.clamp(-50, 50), labels)


def loss_softmax_twice(logits, labels):
    return repair_loss(torch.softmax(logits, dim=-1), labels)


def loss_one_maximum(logits, labels):
    shifted = logits - logits.max()
    log_probabilities = shifted - torch.log(torch.exp(shifted).sum(dim=-1, keepdim=True))
    return -log_probabilities.gather(2, labels.unsqueeze(2)).mean()


def loss_maximum_not_subtracted(logits, labels):
    log_probabilities = logits - torch.log(torch.exp(logits).sum(dim=-1, keepdim=True))
    return -log_probabilities.gather(2, labels.unsqueeze(2)).mean()


def loss_sum(logits, labels):
    return repair_loss(logits, labels) * labels.numel()


def loss_divided_by_words_too(logits, labels):
    return -(F.one_hot(labels, logits.shape[-1]) * torch.log_softmax(logits, dim=-1)).mean()


def loss_minus_lost(logits, labels):
    return -repair_loss(logits, labels)


def loss_over_positions(logits, labels):
    return -torch.log_softmax(logits, dim=1).gather(2, labels.unsqueeze(2)).mean()


# --- repair_loss: right ---------------------------------------------------------------------------------------------


def loss_torch(logits, labels):
    return F.cross_entropy(logits.transpose(1, 2), labels)


def loss_flat(logits, labels):
    return nn.CrossEntropyLoss()(logits.reshape(-1, logits.shape[-1]), labels.flatten())


def loss_logsumexp(logits, labels):
    picked = torch.take_along_dim(logits, labels[..., None], dim=-1)[..., 0]
    return (torch.logsumexp(logits, dim=-1) - picked).mean()


def loss_one_hot(logits, labels):
    wanted = F.one_hot(labels, logits.shape[-1])
    return -(wanted * torch.log_softmax(logits, dim=-1)).sum(dim=-1).mean()


def loss_loop(logits, labels):
    terms = []
    for rows, wanted in zip(logits, labels, strict=True):
        for row, label in zip(rows, wanted, strict=True):
            top = row.max()
            terms.append(top + (row - top).exp().sum().log() - row[label])
    return torch.stack(terms).mean()


# --- RepairedDecoderBlock: wrong ------------------------------------------------------------------------------------


class BlockBroken(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.self_attention = MultiHeadAttention(width, heads)
        self.add_norm_1 = AddNorm(width, dropout=0.0)
        self.cross_attention = MultiHeadAttention(width, heads)
        self.add_norm_2 = AddNorm(width, dropout=0.0)

    def forward(self, x, memory):
        read, _ = self.self_attention(x, x, x)
        x = self.add_norm_1(x, read)
        found, _ = self.cross_attention(x, memory, memory)
        found = self.add_norm_2(x, read)
        return found


class _Block(BlockBroken):
    """A decoder block of which only the second half is still to be written."""

    def forward(self, x, memory):
        return self.second(self.add_norm_1(x, self.self_attention(x)[0]), memory)


class BlockAttendsToItself(_Block):
    def second(self, x, memory):
        return self.add_norm_2(x, self.cross_attention(x)[0])


class BlockRolesExchanged(_Block):
    def second(self, x, memory):
        return self.add_norm_2(x, self.cross_attention(memory, x, x)[0])


class BlockKeysFromTarget(_Block):
    def second(self, x, memory):
        return self.add_norm_2(x, self.cross_attention(x, x, memory)[0])


class BlockValuesFromTarget(_Block):
    def second(self, x, memory):
        return self.add_norm_2(x, self.cross_attention(x, memory, x)[0])


class BlockAllFromMemory(_Block):
    def second(self, x, memory):
        return self.add_norm_2(x, self.cross_attention(memory)[0])


class BlockResidualLost(_Block):
    def second(self, x, memory):
        return self.add_norm_2.norm(self.cross_attention(x, memory)[0])


class BlockMemoryDetached(_Block):
    def second(self, x, memory):
        return self.add_norm_2(x, self.cross_attention(x, memory.detach())[0])


class BlockMemoryAveraged(_Block):
    def second(self, x, memory):
        return self.add_norm_2(x, memory.mean(dim=1, keepdim=True))


class BlockBothAdded(BlockBroken):
    def forward(self, x, memory):
        attended, _ = self.self_attention(x)
        x = self.add_norm_1(x, attended)
        from_source, _ = self.cross_attention(x, memory)
        return self.add_norm_2(x, attended + from_source)


class BlockFirstAttentionReadsSource(BlockBroken):
    def forward(self, x, memory):
        attended, _ = self.self_attention(x, memory, memory)
        x = self.add_norm_1(x, attended)
        from_source, _ = self.cross_attention(x, memory, memory)
        return self.add_norm_2(x, from_source)


class BlockOneNorm(BlockBroken):
    def forward(self, x, memory):
        x = self.add_norm_1(x, self.self_attention(x)[0])
        return self.add_norm_1(x, self.cross_attention(x, memory)[0])


# --- RepairedDecoderBlock: right ------------------------------------------------------------------------------------


class BlockByName(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        for name in ("self_attention", "cross_attention"):
            setattr(self, name, MultiHeadAttention(d_model, num_heads))
        for name in ("add_norm_1", "add_norm_2"):
            setattr(self, name, AddNorm(d_model, 0.0))

    def forward(self, x, memory):
        y = self.add_norm_1(x, self.self_attention(x, need_weights=False)[0])
        return self.add_norm_2(y, self.cross_attention(query_input=y, key_input=memory, need_weights=False)[0])


class BlockSameNameAgain(BlockBroken):
    def forward(self, x, memory):
        read, _ = self.self_attention(x, x, x)
        x = self.add_norm_1(x, read)
        read, _ = self.cross_attention(x, memory, memory)
        return self.add_norm_2(x, read)


class BlockLoop(RepairedDecoderBlock):
    def forward(self, x, memory):
        pairs = ((self.self_attention, self.add_norm_1), (self.cross_attention, self.add_norm_2))
        for number, (attention, add_norm) in enumerate(pairs):
            x = add_norm(x, attention(x, memory if number else x)[0])
        return x


class BlockNormWrittenOut(BlockBroken):
    def forward(self, x, memory):
        x = self.add_norm_1.norm(x + self.self_attention(x)[0])
        everybody = torch.ones(len(x), x.shape[1], memory.shape[1], dtype=torch.bool)
        return self.add_norm_2.norm(self.cross_attention(x, memory, memory, mask=everybody)[0] + x)


# --- repair_sentence_vectors: wrong ---------------------------------------------------------------------------------


def _mean_of_real(attended, keep):
    real = keep.unsqueeze(2)
    return (attended * real).sum(dim=1) / real.sum(dim=1)


def _read(x, scores):
    return torch.softmax(scores, dim=-1) @ x


def vectors_broken(x, keep):
    scores = x @ x.transpose(1, 2) / math.sqrt(x.shape[-1])
    scores = scores.masked_fill(~keep.unsqueeze(2), -1e9)
    attended = torch.softmax(scores, dim=-1) @ x
    real = keep.unsqueeze(2)
    return (attended * real).sum(dim=1) / real.sum(dim=1)


def vectors_mask_upside_down(x, keep):
    return _mean_of_real(_read(x, _scores(x, x).masked_fill(keep.unsqueeze(1), -1e9)), keep)


def vectors_padding_as_zeros(x, keep):
    x = x * keep.unsqueeze(2)
    return _mean_of_real(_read(x, _scores(x, x)), keep)


def vectors_mask_after_softmax(x, keep):
    return _mean_of_real((torch.softmax(_scores(x, x), dim=-1) * keep.unsqueeze(1)) @ x, keep)


def vectors_scores_zero(x, keep):
    return _mean_of_real(_read(x, _scores(x, x).masked_fill(~keep.unsqueeze(1), 0.0)), keep)


def vectors_mean_over_padding(x, keep):
    return _read(x, _scores(x, x).masked_fill(~keep.unsqueeze(1), -1e9)).mean(dim=1)


def vectors_divided_by_length(x, keep):
    attended = _read(x, _scores(x, x).masked_fill(~keep.unsqueeze(1), -1e9))
    return (attended * keep.unsqueeze(2)).sum(dim=1) / keep.shape[1]


def vectors_sum(x, keep):
    attended = _read(x, _scores(x, x).masked_fill(~keep.unsqueeze(1), -1e9))
    return (attended * keep.unsqueeze(2)).sum(dim=1)


def vectors_first_mask_for_all(x, keep):
    return _mean_of_real(_read(x, _scores(x, x).masked_fill(~keep[0], -1e9)), keep)


def vectors_no_attention(x, keep):
    return _mean_of_real(x, keep)


def vectors_over_queries(x, keep):
    weights = torch.softmax(_scores(x, x).masked_fill(~keep.unsqueeze(2), -1e9), dim=1)
    return _mean_of_real(weights @ x, keep)


def vectors_first_row(x, keep):
    return _read(x, _scores(x, x).masked_fill(~keep.unsqueeze(1), -1e9))[:, 0]


# --- repair_sentence_vectors: right ---------------------------------------------------------------------------------


def vectors_sentence_by_sentence(x, keep):
    vectors = []
    for rows, real in zip(x, keep, strict=True):
        words = rows[real]
        vectors.append((torch.softmax(words @ words.T / words.shape[1] ** 0.5, dim=1) @ words).mean(dim=0))
    return torch.stack(vectors)


def vectors_torch(x, keep):
    attended = F.scaled_dot_product_attention(x, x, x, attn_mask=keep[:, None, :].expand(-1, x.shape[1], -1))
    return attended.masked_fill(~keep[..., None], 0.0).sum(1) / keep.sum(1, keepdim=True)


def vectors_mean_of_weights(x, keep):
    hidden = torch.zeros(keep.shape).masked_fill(~keep, float("-inf"))
    weights = torch.softmax(x @ x.mT / x.shape[-1] ** 0.5 + hidden[:, None], dim=-1)
    shares = keep / keep.sum(dim=1, keepdim=True)
    return torch.einsum("bq,bqk,bkd->bd", shares, weights, x)


def vectors_both_masked(x, keep):
    both = keep.unsqueeze(1) & keep.unsqueeze(2)
    scores = torch.where(both, _scores(x, x), torch.tensor(-1e9))
    return _mean_of_real(torch.softmax(scores, dim=-1) @ x, keep)


def vectors_renormalized(x, keep):
    scores = _scores(x, x)
    powers = torch.exp(scores - scores.amax(dim=2, keepdim=True)) * keep.unsqueeze(1)
    attended = powers / powers.sum(dim=2, keepdim=True) @ x
    return torch.stack([rows[real].mean(dim=0) for rows, real in zip(attended, keep, strict=True)])
