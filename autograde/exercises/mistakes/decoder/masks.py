"""Lesson 7, masks: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import math

import torch

from helpers.decoder import causal_mask, decoder_mask, padding_mask

# --- causal_mask: wrong ---------------------------------------------------------------------------------------------


def causal_future(length):
    return torch.ones(length, length, dtype=torch.bool).triu()


def causal_upside_down(length):
    return torch.ones(length, length, dtype=torch.bool).triu(diagonal=1)


def causal_hides_itself(length):
    return torch.ones(length, length, dtype=torch.bool).tril(diagonal=-1)


def causal_one_ahead(length):
    return torch.ones(length, length, dtype=torch.bool).tril(diagonal=1)


def causal_itself_alone(length):
    return torch.eye(length, dtype=torch.bool)


def causal_numbers(length):
    return torch.ones(length, length).tril()


def causal_added(length):
    return torch.full((length, length), -math.inf).triu(diagonal=1)


def causal_batch_axis(length):
    return causal_mask(length).unsqueeze(0)


def causal_numpy(length):
    return causal_mask(length).numpy()


def causal_everything(length):
    return torch.ones(length, length, dtype=torch.bool)


# --- causal_mask: right ---------------------------------------------------------------------------------------------


def causal_compared(length):
    places = torch.arange(length)
    return places[:, None] >= places


def causal_loop(length):
    mask = torch.zeros(length, length, dtype=torch.bool)
    for query in range(length):
        mask[query, : query + 1] = True
    return mask


def causal_not_the_future(length):
    return ~torch.triu(torch.ones((length, length)), 1).bool()


def causal_lists(length):
    return torch.tensor([[key <= query for key in range(length)] for query in range(length)])


# --- padding_mask: wrong --------------------------------------------------------------------------------------------


def padding_upside_down(ids, pad=0):
    return (ids == pad).unsqueeze(1)


def padding_two_axes(ids, pad=0):
    return ids != pad


def padding_for_queries(ids, pad=0):
    return (ids != pad).unsqueeze(-1)


def padding_for_heads(ids, pad=0):
    return (ids != pad)[:, None, None]


def padding_always_0(ids, pad=0):
    return (ids != 0).unsqueeze(1)


def padding_greater(ids, pad=0):
    return (ids > pad).unsqueeze(1)


def padding_at_the_end(ids, pad=0):
    count = (ids != pad).sum(dim=1, keepdim=True)
    return (torch.arange(ids.shape[1]) < count).unsqueeze(1)


def padding_from_the_first(ids, pad=0):
    return (ids != pad).int().cumprod(dim=1).bool().unsqueeze(1)


def padding_numbers(ids, pad=0):
    return (ids != pad).float().unsqueeze(1)


def padding_queries_too(ids, pad=0):
    keep = ids != pad
    return keep.unsqueeze(1) & keep.unsqueeze(2)


def padding_square(ids, pad=0):
    return (ids != pad).unsqueeze(1).expand(-1, ids.shape[1], -1)


def padding_specials(ids, pad=0):
    return ((ids != pad) & (ids != 1) & (ids != 2)).unsqueeze(1)


# --- padding_mask: right --------------------------------------------------------------------------------------------


def padding_indexed(ids, pad=0):
    return ids[:, None, :] != pad


def padding_not_equal(ids, pad=0):
    return ~torch.eq(ids, pad).projection(ids.size(0), 1, ids.size(1))


def padding_lists(ids, pad=0):
    return torch.tensor([[[number != pad for number in row]] for row in ids.tolist()])


def padding_subtracted(ids, pad=0):
    return (ids - pad).bool().reshape(len(ids), 1, -1)


# --- decoder_mask: wrong --------------------------------------------------------------------------------------------


def both_or(ids, pad=0):
    return padding_mask(ids, pad) | causal_mask(ids.shape[1])


def both_padding_alone(ids, pad=0):
    return padding_mask(ids, pad).expand(-1, ids.shape[1], -1)


def both_causal_alone(ids, pad=0):
    return causal_mask(ids.shape[1]).expand(len(ids), -1, -1)


def both_one_for_all(ids, pad=0):
    return causal_mask(ids.shape[1])


def both_queries_too(ids, pad=0):
    keep = ids != pad
    return decoder_mask(ids, pad) & keep.unsqueeze(2)


def both_queries_in_place_of_keys(ids, pad=0):
    return (ids != pad).unsqueeze(2) & causal_mask(ids.shape[1])


def both_pad_not_passed(ids, pad=0):
    return padding_mask(ids) & causal_mask(ids.shape[1])


def both_upside_down(ids, pad=0):
    return ~decoder_mask(ids, pad)


def both_for_heads(ids, pad=0):
    return decoder_mask(ids, pad).unsqueeze(1)


def both_multiplied(ids, pad=0):
    return padding_mask(ids, pad).float() * causal_mask(ids.shape[1]).float()


def both_future(ids, pad=0):
    return padding_mask(ids, pad) & causal_mask(ids.shape[1]).T


def both_by_batch(ids, pad=0):
    return padding_mask(ids, pad) & causal_mask(len(ids))


def both_hides_itself(ids, pad=0):
    return padding_mask(ids, pad) & causal_mask(ids.shape[1]).tril(-1)


# --- decoder_mask: right --------------------------------------------------------------------------------------------


def both_cut(ids, pad=0):
    return (ids != pad)[:, None, :].repeat(1, ids.shape[1], 1).tril()


def both_loop(ids, pad=0):
    batch, length = ids.shape
    mask = torch.zeros(batch, length, length, dtype=torch.bool)
    for row in range(batch):
        for query in range(length):
            for key in range(query + 1):
                mask[row, query, key] = ids[row, key] != pad
    return mask


def both_filled(ids, pad=0):
    mask = causal_mask(ids.size(1)).unsqueeze(0).repeat(ids.size(0), 1, 1)
    return mask.masked_fill((ids == pad).unsqueeze(1), False)


def both_logical(ids, pad=0):
    places = torch.arange(ids.shape[-1])
    return torch.logical_and((places[None] <= places[:, None])[None], torch.ne(ids, pad)[:, None])


# --- mask_scores: wrong ---------------------------------------------------------------------------------------------


def scores_upside_down(scores, mask):
    return scores.masked_fill(mask, -math.inf)


def scores_large_negative(scores, mask):
    return scores.masked_fill(~mask, -1e9)


def scores_small_negative(scores, mask):
    return scores.masked_fill(~mask, -10.0)


def scores_zero(scores, mask):
    return scores.masked_fill(~mask, 0.0)


def scores_plus_infinity(scores, mask):
    return scores.masked_fill(~mask, math.inf)


def scores_in_place(scores, mask):
    return scores.masked_fill_(~mask, -math.inf)


def scores_not_assigned(scores, mask):
    scores.masked_fill(~mask, -math.inf)
    return scores


def scores_zero_times_infinity(scores, mask):
    return scores + (~mask).float() * -math.inf


def scores_mask_added(scores, mask):
    return scores + mask


def scores_softmax(scores, mask):
    return torch.softmax(scores.masked_fill(~mask, -math.inf), dim=-1)


def scores_boolean_index(scores, mask):
    scores = scores.clone()
    scores[~mask] = -math.inf
    return scores


def scores_numpy(scores, mask):
    return scores.masked_fill(~mask, -math.inf).numpy()


# --- mask_scores: right ---------------------------------------------------------------------------------------------


def scores_where(scores, mask):
    return torch.where(mask, scores, -math.inf)


def scores_logarithm(scores, mask):
    return scores + mask.to(scores.dtype).log()


def scores_expanded_index(scores, mask):
    result = scores.clone()
    result[~mask.expand_as(scores)] = float("-inf")
    return result


def scores_bias(scores, mask):
    bias = torch.zeros(mask.shape)
    bias[torch.logical_not(mask)] = -torch.inf
    return scores + bias
