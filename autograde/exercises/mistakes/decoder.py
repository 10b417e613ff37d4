"""Lesson 7: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from helpers.add_norm import AddNorm, LayerNormalization
from helpers.decoder import (
    CachedDecoder,
    Decoder,
    DecoderLayer,
    Transformer,
    causal_mask,
    decoder_mask,
    greedy_decode,
    mask_scores,
    padding_mask,
)
from helpers.embeddings import PositionalEncoding, TokenEmbedding
from helpers.feed_forward import Encoder, FeedForward
from helpers.multi_head import MultiHeadAttention

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
    return ~torch.eq(ids, pad).view(ids.size(0), 1, ids.size(1))


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


# --- DecoderLayer: wrong --------------------------------------------------------------------------------------------


def _finish(layer, x, attended, add_norm=None):
    x = (add_norm or layer.add_norm_2)(x, attended)
    return layer.add_norm_3(x, layer.feed_forward(x))


def _first(layer, x, mask):
    return layer.add_norm_1(x, layer.self_attention(x, mask=mask)[0])


class LayerQueryAndKeyFromEncoder(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        return _finish(self, x, self.cross_attention(memory, memory, x, mask=cross_mask)[0])


class LayerQueryFromEncoder(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        return _finish(self, x, self.cross_attention(memory, x, x, mask=cross_mask)[0])


class LayerValuesFromDecoder(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        return _finish(self, x, self.cross_attention(x, memory, x, mask=cross_mask)[0])


class LayerCrossItself(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        return _finish(self, x, self.cross_attention(x, mask=self_mask)[0])


class LayerCrossFirst(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = self.add_norm_2(x, self.cross_attention(x, memory, mask=cross_mask)[0])
        return _finish(self, x, self.self_attention(x, mask=self_mask)[0], self.add_norm_1)


class LayerFeedForwardSecond(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        x = self.add_norm_3(x, self.feed_forward(x))
        return self.add_norm_2(x, self.cross_attention(x, memory, mask=cross_mask)[0])


class LayerNoCross(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        return self.add_norm_3(x, self.feed_forward(x))


class LayerMasksSwapped(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return super().forward(x, memory, cross_mask, self_mask)


class LayerNoSelfMask(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return super().forward(x, memory, None, cross_mask)


class LayerNoCrossMask(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return super().forward(x, memory, self_mask, None)


class LayerSelfMaskTwice(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return super().forward(x, memory, self_mask, self_mask)


class LayerInputAddedAgain(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        first = _first(self, x, self_mask)
        return _finish(self, x, self.cross_attention(first, memory, mask=cross_mask)[0])


class LayerQueryBeforeSelfAttention(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        first = _first(self, x, self_mask)
        return _finish(self, first, self.cross_attention(x, memory, mask=cross_mask)[0])


class LayerNoResidual(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = self.add_norm_1.norm(self.self_attention(x, mask=self_mask)[0])
        x = self.add_norm_2.norm(self.cross_attention(x, memory, mask=cross_mask)[0])
        return self.add_norm_3.norm(self.feed_forward(x))


class LayerOneNorm(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        x = self.add_norm_1(x, self.cross_attention(x, memory, mask=cross_mask)[0])
        return self.add_norm_1(x, self.feed_forward(x))


class LayerOneAttention(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        return _finish(self, x, self.self_attention(x, memory, mask=cross_mask)[0])


class LayerNoLastNorm(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        x = self.add_norm_2(x, self.cross_attention(x, memory, mask=cross_mask)[0])
        return x + self.feed_forward(x)


class LayerTuple(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        attended, weights = self.cross_attention(x, memory, mask=cross_mask)
        return _finish(self, x, attended), weights


class LayerBias(DecoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff, dropout)
        self.self_attention = MultiHeadAttention(d_model, num_heads, bias=True)
        self.cross_attention = MultiHeadAttention(d_model, num_heads, bias=True)


class LayerDefaultDropout(DecoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff)


class LayerFeedForwardDropout(DecoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff, dropout)
        self.feed_forward = FeedForward(d_model, d_ff)


class LayerArgumentsExchanged(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = self.add_norm_1(self.self_attention(x, mask=self_mask)[0], x)
        x = self.add_norm_2(self.cross_attention(x, memory, mask=cross_mask)[0], x)
        return self.add_norm_3(self.feed_forward(x), x)


class LayerDetachedMemory(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return super().forward(x, memory.detach(), self_mask, cross_mask)


# --- DecoderLayer: right --------------------------------------------------------------------------------------------


class LayerKeywords(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        first = self.add_norm_1(x, self.self_attention(query_input=x, mask=self_mask)[0])
        output, _ = self.cross_attention(query_input=first, key_input=memory, mask=cross_mask)
        second = self.add_norm_2(first, output)
        return self.add_norm_3(second, self.feed_forward(second))


class LayerByHand(DecoderLayer):
    """Heads one by one, and add & norm written out."""

    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = self._add(self.add_norm_1, x, self._attend(self.self_attention, x, x, self_mask))
        x = self._add(self.add_norm_2, x, self._attend(self.cross_attention, x, memory, cross_mask))
        return self._add(self.add_norm_3, x, self.feed_forward(x))

    @staticmethod
    def _add(add_norm, x, output):
        return add_norm.norm(x + add_norm.dropout(output))

    @staticmethod
    def _attend(attention, x, source, mask):
        query, key, value = attention.query(x), attention.key(source), attention.value(source)
        width = x.shape[-1] // attention.num_heads
        outputs = []
        for start in range(0, x.shape[-1], width):
            part = slice(start, start + width)
            scores = query[..., part] @ key[..., part].mT / width**0.5
            if mask is None:
                weights = scores.softmax(-1)
            else:
                empty = ~mask.any(-1, keepdim=True)
                weights = scores.masked_fill(~mask & ~empty, -math.inf).softmax(-1) * mask
            outputs.append(weights @ value[..., part])
        return attention.out(torch.cat(outputs, dim=-1))


class LayerInAList(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        self.feed_forward = FeedForward(d_model, d_ff, dropout)
        for name in ("self_attention", "cross_attention"):
            self.add_module(name, MultiHeadAttention(d_model, num_heads))
        for number in (3, 2, 1):
            self.add_module(f"add_norm_{number}", AddNorm(d_model, dropout))

    def forward(self, x, memory, self_mask=None, cross_mask=None):
        steps = [
            (self.add_norm_1, lambda x: self.self_attention(x, x, x, self_mask)[0]),
            (self.add_norm_2, lambda x: self.cross_attention(x, memory, memory, cross_mask)[0]),
            (self.add_norm_3, self.feed_forward),
        ]
        for add_norm, sublayer in steps:
            x = add_norm(x, sublayer(x))
        return x


class LayerFused(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for attention, source, mask, add_norm in (
            (self.self_attention, None, self_mask, self.add_norm_1),
            (self.cross_attention, memory, cross_mask, self.add_norm_2),
        ):
            x = add_norm(x, attention(x, source, source, mask, need_weights=False)[0])
        return self.add_norm_3(x, self.feed_forward(x))


# --- Decoder: wrong -------------------------------------------------------------------------------------------------


class StackSharedWeights(Decoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(0)
        self.layers = nn.ModuleList([DecoderLayer(d_model, num_heads, d_ff, dropout)] * num_layers)


class StackPlainList(Decoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        nn.Module.__init__(self)
        self.layers = [DecoderLayer(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)]


class StackFinalNorm(Decoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, d_ff, dropout)
        self.norm = LayerNormalization(d_model)

    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return self.norm(super().forward(x, memory, self_mask, cross_mask))


class StackOneLess(Decoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers - 1, d_model, num_heads, d_ff, dropout)


class StackAlwaysSix(Decoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(6, d_model, num_heads, d_ff, dropout)


class StackReturnsEarly(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for layer in self.layers:
            x = layer(x, memory, self_mask, cross_mask)
            return x


class StackSameInput(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for layer in self.layers:
            output = layer(x, memory, self_mask, cross_mask)
        return output


class StackMemoryOnce(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = self.layers[0](x, memory, self_mask, cross_mask)
        for layer in self.layers[1:]:
            x = layer(x, x, self_mask, self_mask)
        return x


class StackNoMasks(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for layer in self.layers:
            x = layer(x, memory)
        return x


class StackMasksSwapped(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return super().forward(x, memory, cross_mask, self_mask)


class StackNoCrossMask(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return super().forward(x, memory, self_mask)


class StackBackwards(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for layer in reversed(self.layers):
            x = layer(x, memory, self_mask, cross_mask)
        return x


class StackResidual(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for layer in self.layers:
            x = x + layer(x, memory, self_mask, cross_mask)
        return x


class StackDefaultDropout(Decoder):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__(num_layers, d_model, num_heads, d_ff)


# --- Decoder: right -------------------------------------------------------------------------------------------------


class StackDeepCopies(nn.Module):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        import copy

        super().__init__()
        first = DecoderLayer(d_model, num_heads, d_ff, dropout)
        self.layers = nn.ModuleList([copy.deepcopy(first) for _ in range(num_layers)])

    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for index in range(len(self.layers)):
            x = self.layers[index](x, memory, self_mask=self_mask, cross_mask=cross_mask)
        return x


class StackAppended(nn.Module):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        self.layers = nn.ModuleList()
        while len(self.layers) < num_layers:
            self.layers.append(DecoderLayer(d_model, num_heads, d_ff, dropout))

    def forward(self, x, memory, self_mask=None, cross_mask=None):
        output = x
        for layer in self.layers:
            output = layer(output, memory, self_mask, cross_mask)
        return output


class StackSequential(nn.Module):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        self.layers = nn.Sequential(*(LayerInAList(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)))

    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for _, layer in self.layers.named_children():
            x = layer(x, memory, self_mask, cross_mask)
        return x


class StackReduced(Decoder):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        from functools import reduce

        return reduce(lambda x, layer: layer(x, memory, self_mask, cross_mask), self.layers, x)


# --- teacher_forcing_pair: wrong ------------------------------------------------------------------------------------


def pair_not_shifted(ids):
    return ids, ids


def pair_same_end(ids):
    return ids[:, :-1], ids[:, :-1]


def pair_same_start(ids):
    return ids[:, 1:], ids[:, 1:]


def pair_swapped(ids):
    return ids[:, 1:], ids[:, :-1]


def pair_whole_input(ids):
    return ids, ids[:, 1:]


def pair_whole_labels(ids):
    return ids[:, :-1], ids


def pair_rows(ids):
    return ids[:-1], ids[1:]


def pair_end_replaced(ids):
    return ids[:, :-1].masked_fill(ids[:, :-1] == 2, 0), ids[:, 1:]


def pair_labels_without_end(ids):
    return ids[:, :-1], ids[:, 1:].masked_fill(ids[:, 1:] == 2, 0)


def pair_rolled(ids):
    return ids, ids.roll(-1, dims=1)


def pair_by_two(ids):
    return ids[:, :-2], ids[:, 2:]


def pair_specials_removed(ids):
    return ids[:, 1:-1], ids[:, 1:-1]


# --- teacher_forcing_pair: right ------------------------------------------------------------------------------------


def pair_narrow(ids):
    length = ids.shape[1] - 1
    return ids.narrow(1, 0, length), ids.narrow(1, 1, length)


def pair_selected(ids):
    places = torch.arange(ids.shape[1] - 1)
    return ids.index_select(1, places), ids.index_select(1, places + 1)


def pair_lists(ids):
    rows = ids.tolist()
    return torch.tensor([row[:-1] for row in rows]), torch.tensor([row[1:] for row in rows])


def pair_stacked(ids):
    columns = list(ids.unbind(dim=1))
    return [torch.stack(columns[:-1], dim=1), torch.stack(columns[1:], dim=1)]


# --- Transformer: wrong ---------------------------------------------------------------------------------------------


def _keep(model, ids):
    return padding_mask(ids, model.pad)


class _Parts(Transformer):
    """The reference in small pieces, for mistakes that concern one of them."""

    def masks(self, target_input, source):
        return decoder_mask(target_input, self.pad), _keep(self, source)

    def embedded(self, ids):
        return self.position(self.target_embedding(ids))

    def project(self, x):
        return F.linear(x, self.target_embedding.weight)

    def decode(self, target_input, memory, source):
        return self.project(self.decoder(self.embedded(target_input), memory, *self.masks(target_input, source)))


class ModelNoCausalMask(_Parts):
    def masks(self, target_input, source):
        return _keep(self, target_input), _keep(self, source)


class ModelCausalAlone(_Parts):
    def masks(self, target_input, source):
        return causal_mask(target_input.shape[1]), _keep(self, source)


class ModelNoMasks(_Parts):
    def encode(self, source):
        return self.encoder(self.position(self.source_embedding(source)))

    def masks(self, target_input, source):
        return None, None


class ModelNoCrossMask(_Parts):
    def masks(self, target_input, source):
        return decoder_mask(target_input, self.pad), None


class ModelTargetMaskInCross(_Parts):
    def masks(self, target_input, source):
        return decoder_mask(target_input, self.pad), _keep(self, target_input)


class ModelNoEncoderMask(Transformer):
    def encode(self, source):
        return self.encoder(self.position(self.source_embedding(source)))


class ModelCausalEncoder(Transformer):
    def encode(self, source):
        return self.encoder(self.position(self.source_embedding(source)), decoder_mask(source, self.pad))


class ModelPadAlways0(_Parts):
    def encode(self, source):
        return self.encoder(self.position(self.source_embedding(source)), padding_mask(source))

    def masks(self, target_input, source):
        return decoder_mask(target_input), padding_mask(source)


class ModelNoPositions(Transformer):
    def encode(self, source):
        return self.encoder(self.source_embedding(source), _keep(self, source))

    def decode(self, target_input, memory, source):
        x = self.target_embedding(target_input)
        x = self.decoder(x, memory, decoder_mask(target_input, self.pad), _keep(self, source))
        return F.linear(x, self.target_embedding.weight)


class ModelNoTargetPositions(_Parts):
    def embedded(self, ids):
        return self.target_embedding(ids)


class ModelScaledTwice(_Parts):
    def encode(self, source):
        rows = self.source_embedding(source)
        return self.encoder(self.position(rows * math.sqrt(rows.shape[-1])), _keep(self, source))

    def embedded(self, ids):
        rows = self.target_embedding(ids)
        return self.position(rows * math.sqrt(rows.shape[-1]))


class ModelScaledOutput(_Parts):
    def project(self, x):
        return F.linear(x, self.target_embedding.weight) * math.sqrt(x.shape[-1])


class ModelSoftmax(_Parts):
    def project(self, x):
        return super().project(x).softmax(dim=-1)


class ModelLogSoftmax(_Parts):
    def project(self, x):
        return super().project(x).log_softmax(dim=-1)


class ModelNoProjection(_Parts):
    def project(self, x):
        return x


class ModelLastWord(_Parts):
    def project(self, x):
        return super().project(x[:, -1])


class ModelSourceProjection(_Parts):
    def project(self, x):
        return F.linear(x, self.source_embedding.weight)


class ModelDetachedProjection(_Parts):
    def project(self, x):
        return F.linear(x, self.target_embedding.weight.detach())


class ModelOwnProjection(_Parts):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(source_size, target_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        self.output = nn.Linear(d_model, target_size, bias=False)

    def project(self, x):
        return self.output(x)


class ModelProjectionBias(_Parts):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(source_size, target_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        self.output = nn.Linear(d_model, target_size)
        self.output.weight = self.target_embedding.weight

    def project(self, x):
        return self.output(x)


class ModelSizesSwapped(Transformer):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(target_size, source_size, d_model, num_heads, num_layers, d_ff, dropout, pad)


def _begin(model, matrices):
    for parameter in matrices:
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=math.sqrt(2 / sum(parameter.shape)))


class ModelXavierNormal(Transformer):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(source_size, target_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        _begin(self, [*self.encoder.parameters(), *self.decoder.parameters()])


class ModelDefaultStart(Transformer):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(source_size, target_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        for part in (self.encoder, self.decoder):
            for module in part.modules():
                if isinstance(module, nn.Linear):
                    module.reset_parameters()


class ModelXavierEverywhere(Transformer):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(source_size, target_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)


class ModelEncoderXavierAlone(Transformer):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(source_size, target_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        for module in self.decoder.modules():
            if isinstance(module, nn.Linear):
                module.reset_parameters()


class ModelDefaultDropout(Transformer):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(source_size, target_size, d_model, num_heads, num_layers, d_ff, 0.1, pad)


class ModelPositionDropout(Transformer):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(source_size, target_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        self.position = PositionalEncoding(d_model)


class ModelLabelsFirst(Transformer):
    def forward(self, source, target_input):
        return super().forward(target_input, source)


# --- Transformer: right ---------------------------------------------------------------------------------------------


class ModelTiedLinear(_Parts):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__(source_size, target_size, d_model, num_heads, num_layers, d_ff, dropout, pad)
        self.output = nn.Linear(d_model, target_size, bias=False)
        self.output.weight = self.target_embedding.weight

    def project(self, x):
        return self.output(x)


class ModelProduct(_Parts):
    def project(self, x):
        return x @ self.target_embedding.weight.T


class ModelWithoutPadRow(_Parts):
    """The pad row takes no part in the projection's gradient."""

    def project(self, x):
        real = (torch.arange(len(self.target_embedding.weight)) != self.pad).unsqueeze(1)
        return torch.einsum("btd,wd->btw", x, self.target_embedding.weight * real)


class ModelWritten(nn.Module):
    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__()
        self.decoder = StackAppended(num_layers, d_model, num_heads, d_ff, dropout)
        self.encoder = Encoder(num_layers, d_model, num_heads, d_ff, dropout)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2 and name.endswith("weight"):
                bound = math.sqrt(6 / (parameter.shape[0] + parameter.shape[1]))
                nn.init.uniform_(parameter, -bound, bound)
        self.position = PositionalEncoding(d_model, 300, dropout)
        self.target_embedding = TokenEmbedding(target_size, d_model, pad=pad)
        self.source_embedding = TokenEmbedding(source_size, d_model, pad=pad)
        self.empty = pad

    def encode(self, source):
        return self.encoder(self.position(self.source_embedding(source)), mask=source[:, None] != self.empty)

    def decode(self, target_input, memory, source):
        keep = (target_input[:, None] != self.empty).repeat(1, target_input.shape[1], 1).tril()
        x = self.decoder(
            self.position(self.target_embedding(target_input)), memory, keep, source[:, None, None] != self.empty
        )
        return x.matmul(self.target_embedding.weight.transpose(0, 1))

    def forward(self, source, target_input):
        memory = self.encode(source)
        return self.decode(target_input, memory, source)


# --- greedy_decode: wrong -------------------------------------------------------------------------------------------


def _decode(
    model,
    source,
    bos=1,
    eos=2,
    max_length=50,
    *,
    given=lambda ids: ids,
    choose=lambda logits: logits[:, -1].argmax(dim=-1),
    filler=0,
    stop=True,
    done=torch.all,
    evaluate=True,
    after=lambda model, training: model.train(training),
    gradients=False,
):
    training = model.training
    if evaluate:
        model.eval()
    with torch.set_grad_enabled(gradients):
        memory = model.encode(source)
        ids = torch.full((len(source), 1), bos)
        ended = torch.zeros(len(source), dtype=torch.bool)
        for _ in range(max_length):
            newest = choose(model.decode(given(ids), memory, source))
            if filler is not None:
                newest = newest.masked_fill(ended, filler)
            ids = torch.cat([ids, newest[:, None]], dim=1)
            ended = ended | (newest == eos)
            if stop and done(ended):
                break
    after(model, training)
    return ids[:, 1:]


def greedy_newest_alone(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, given=lambda ids: ids[:, -1:])


def greedy_first_place(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, choose=lambda logits: logits[:, 0].argmax(dim=-1))


def greedy_least(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, choose=lambda logits: logits[:, -1].argmin(dim=-1))


def greedy_drawn(model, source, bos=1, eos=2, max_length=50):
    def choose(logits):
        return torch.multinomial(logits[:, -1].softmax(dim=-1), 1).squeeze(1)

    return _decode(model, source, bos, eos, max_length, choose=choose)


def greedy_over_the_batch(model, source, bos=1, eos=2, max_length=50):
    return _decode(
        model, source, bos, eos, max_length, choose=lambda logits: logits[:, -1].argmax().expand(len(logits))
    )


def greedy_no_stop(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, stop=False)


def greedy_no_end(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, stop=False, filler=None)


def greedy_first_row_ends_all(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, done=torch.any)


def greedy_goes_on(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, filler=None)


def greedy_end_repeated(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, filler=eos)


def greedy_with_start(model, source, bos=1, eos=2, max_length=50):
    ids = greedy_decode(model, source, bos, eos, max_length)
    return torch.cat([torch.full((len(source), 1), bos), ids], dim=1)


def greedy_without_end(model, source, bos=1, eos=2, max_length=50):
    ids = greedy_decode(model, source, bos, eos, max_length)
    return ids.masked_fill(ids == eos, 0)


def greedy_one_less(model, source, bos=1, eos=2, max_length=50):
    return greedy_decode(model, source, bos, eos, max_length - 1)


def greedy_one_more(model, source, bos=1, eos=2, max_length=50):
    return greedy_decode(model, source, bos, eos, max_length + 1)


def greedy_fixed_length(model, source, bos=1, eos=2, max_length=50):
    return greedy_decode(model, source, bos, eos, 50)


def greedy_fixed_specials(model, source, bos=1, eos=2, max_length=50):
    return greedy_decode(model, source, 1, 2, max_length)


def greedy_in_training_mode(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, evaluate=False)


def greedy_mode_not_restored(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, after=lambda model, training: None)


def greedy_always_training(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, after=lambda model, training: model.train())


def greedy_with_gradients(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, gradients=True)


# --- greedy_decode: right -------------------------------------------------------------------------------------------


def greedy_from_the_whole(model, source, bos=1, eos=2, max_length=50):
    """The whole forward pass each time; what follows the first end is removed afterwards."""
    was = model.training
    model.train(False)
    ids = torch.full((source.shape[0], 1), bos, dtype=torch.long)
    with torch.inference_mode():
        for _ in range(max_length):
            ids = torch.cat([ids, model(source, ids)[:, -1:].argmax(-1)], 1)
            if (ids[:, 1:] == eos).any(1).all():
                break
    model.train(was)
    ids = ids[:, 1:]
    before = (ids == eos).cumsum(1) - (ids == eos).long()
    return torch.where(before > 0, 0, ids)


@torch.no_grad()
def greedy_row_by_row(model, source, bos=1, eos=2, max_length=50):
    mode = model.training
    model.eval()
    rows = []
    for sentence in source.split(1):
        memory, words = model.encode(sentence), [bos]
        while len(words) <= max_length and (len(words) == 1 or words[-1] != eos):
            words.append(int(model.decode(torch.tensor([words]), memory, sentence)[0, -1].argmax()))
        rows.append(words[1:])
    if mode:
        model.train()
    longest = max(map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows])


def greedy_active_rows(model, source, bos=1, eos=2, max_length=50):
    """Rows that have ended leave the batch."""
    training = model.training
    model.eval()
    out = torch.zeros(len(source), max_length, dtype=torch.int64)
    active, steps = torch.arange(len(source)), 0
    try:
        with torch.no_grad():
            memory = model.encode(source)
            while steps < max_length and len(active):
                so_far = torch.cat([torch.full((len(active), 1), bos), out[active, :steps]], dim=1)
                newest = model.decode(so_far, memory[active], source[active])[:, -1].max(dim=-1).indices
                out[active, steps] = newest
                active, steps = active[newest != eos], steps + 1
    finally:
        model.train(training)
    return out[:, :steps]


def greedy_probabilities(model, source, bos=1, eos=2, max_length=50):
    return _decode(
        model,
        source,
        bos,
        eos,
        max_length,
        choose=lambda logits: torch.softmax(logits, -1)[:, -1].topk(1).indices[:, 0],
    )


# --- CachedDecoder: wrong -------------------------------------------------------------------------------------------


class _Cache(CachedDecoder):
    """The reference in small pieces, for mistakes that concern one of them."""

    def embedded(self):
        return self.model.position(self.model.target_embedding(self.seen))[:, -1:]

    def remember(self, index, key, value):
        if self.past[index] is not None:
            key = torch.cat([self.past[index][0], key], dim=2)
            value = torch.cat([self.past[index][1], value], dim=2)
        self.past[index] = key, value
        return key, value

    def project(self, x):
        return F.linear(x[:, 0], self.model.target_embedding.weight)

    @torch.no_grad()
    def step(self, ids):
        self.seen = torch.cat([self.seen, ids.unsqueeze(1)], dim=1)
        x = self.embedded()
        for index, layer in enumerate(self.model.decoder.layers):
            key, value = self.remember(index, *self._keys_values(layer.self_attention, x))
            x = layer.add_norm_1(x, self._attend(layer.self_attention, x, key, value, None))
            x = layer.add_norm_2(x, self._attend(layer.cross_attention, x, *self.cross[index], self.cross_mask))
            x = layer.add_norm_3(x, layer.feed_forward(x))
        return self.project(x)


class CacheNothing(_Cache):
    def remember(self, index, key, value):
        return key, value


class CacheLastTwo(_Cache):
    def remember(self, index, key, value):
        before, self.past[index] = self.past[index], (key, value)
        if before is None:
            return key, value
        return torch.cat([before[0], key], dim=2), torch.cat([before[1], value], dim=2)


class CacheWithoutNewest(_Cache):
    def remember(self, index, key, value):
        before = self.past[index]
        super().remember(index, key, value)
        return before if before is not None else (key, value)


class CacheSharedByLayers(_Cache):
    def remember(self, index, key, value):
        return super().remember(0, key, value)


class CachePositionZero(_Cache):
    def embedded(self):
        return self.model.position(self.model.target_embedding(self.seen[:, -1:]))


class CachePositionLate(_Cache):
    def embedded(self):
        rows = self.model.target_embedding(torch.cat([self.seen[:, :1], self.seen], dim=1))
        return self.model.position(rows)[:, -1:]


class CacheNoPosition(_Cache):
    def embedded(self):
        return self.model.target_embedding(self.seen[:, -1:])


class CacheNotEmptied(_Cache):
    def start(self, source):
        before = getattr(self, "past", None), getattr(self, "seen", None)
        super().start(source)
        if before[0] is not None:
            self.past, self.seen = before


class CacheNoSourceMask(_Cache):
    def start(self, source):
        super().start(source)
        self.cross_mask = None


class CacheFirstSource(_Cache):
    def start(self, source):
        if not hasattr(self, "cross"):
            super().start(source)
        self.past, self.seen = [None] * len(self.cross), source[:, :0]


class CacheOneMemory(_Cache):
    """All layers read the first layer's keys and values of the source."""

    def start(self, source):
        super().start(source)
        self.cross = [self.cross[0]] * len(self.cross)


class CacheLengthAxis(_Cache):
    def project(self, x):
        return F.linear(x, self.model.target_embedding.weight)


class CacheProbabilities(_Cache):
    def project(self, x):
        return super().project(x).softmax(dim=-1)


class CacheWholePass(CachedDecoder):
    @torch.no_grad()
    def start(self, source):
        self.source, self.memory, self.seen = source, self.model.encode(source), source[:, :0]

    @torch.no_grad()
    def step(self, ids):
        self.seen = torch.cat([self.seen, ids[:, None]], dim=1)
        return self.model.decode(self.seen, self.memory, self.source)[:, -1]


class CacheCrossAgain(_Cache):
    @torch.no_grad()
    def start(self, source):
        super().start(source)
        self.memory = self.model.encode(source)

    @torch.no_grad()
    def step(self, ids):
        self.cross = [self._keys_values(layer.cross_attention, self.memory) for layer in self.model.decoder.layers]
        return super().step(ids)


class CacheOfInputs(_Cache):
    """Keeps the rows that go into each layer, and makes their keys and values again."""

    def start(self, source):
        super().start(source)
        self.rows = [None] * len(self.cross)

    @torch.no_grad()
    def step(self, ids):
        self.seen = torch.cat([self.seen, ids.unsqueeze(1)], dim=1)
        x = self.embedded()
        for index, layer in enumerate(self.model.decoder.layers):
            self.rows[index] = x if self.rows[index] is None else torch.cat([self.rows[index], x], dim=1)
            x = layer.add_norm_1(x, layer.self_attention(x, self.rows[index])[0])
            x = layer.add_norm_2(x, self._attend(layer.cross_attention, x, *self.cross[index], self.cross_mask))
            x = layer.add_norm_3(x, layer.feed_forward(x))
        return self.project(x)


# --- CachedDecoder: right -------------------------------------------------------------------------------------------


class CacheWithoutMask(_Cache):
    """Without the mask of padded words; their own logits don't count."""


class CacheModule(nn.Module):
    """A module; room for the keys and values is made in advance."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def heads(self, rows, attention):
        return rows.unflatten(-1, (attention.num_heads, -1)).movedim(-2, 1)

    def start(self, source):
        with torch.no_grad():
            memory = self.model.encode(source)
            self.keep = (source != self.model.pad)[:, None, None]
            self.sources, self.room, self.count = [], [], 0
            for layer in self.model.decoder.layers:
                cross = layer.cross_attention
                self.sources.append((self.heads(cross.key(memory), cross), self.heads(cross.value(memory), cross)))
                self.room.append(torch.zeros(2, len(source), 100, memory.shape[-1]))
        return self

    def step(self, ids):
        with torch.no_grad():
            empty = torch.zeros(len(ids), self.count + 1, self.model.target_embedding.weight.shape[1])
            empty[:, -1] = self.model.target_embedding(ids)
            x = self.model.position(empty)[:, -1]
            self.count += 1
            for layer, (key, value), room in zip(self.model.decoder.layers, self.sources, self.room, strict=True):
                own, cross = layer.self_attention, layer.cross_attention
                room[0, :, self.count - 1], room[1, :, self.count - 1] = own.key(x), own.value(x)
                keys, values = (self.heads(rows[:, : self.count], own) for rows in room)
                x = layer.add_norm_1(x, self.look(own, x, keys, values))
                x = layer.add_norm_2(x, self.look(cross, x, key, value, self.keep))
                x = layer.add_norm_3(x, layer.feed_forward(x))
            return x @ self.model.target_embedding.weight.T

    def look(self, attention, x, key, value, keep=None):
        query = self.heads(attention.query(x)[:, None], attention)
        scores = query @ key.mT / key.shape[-1] ** 0.5
        if keep is not None:
            scores = mask_scores(scores, keep)
        return attention.out((scores.softmax(-1) @ value).transpose(1, 2).flatten(1))


class CacheNewestFirst(_Cache):
    """Attention doesn't mind the order of the keys, as long as the values keep the same order."""

    def remember(self, index, key, value):
        if self.past[index] is not None:
            key = torch.cat([key, self.past[index][0]], dim=2)
            value = torch.cat([value, self.past[index][1]], dim=2)
        self.past[index] = key, value
        return key, value


class CacheLazy:
    """Everything of the source is made in the first step; dictionaries in place of lists."""

    def __init__(self, model):
        self.model = model

    def start(self, source):
        self.source, self.store, self.words = source, {}, []

    def step(self, ids):
        with torch.inference_mode():
            if not self.words:
                memory = self.model.encode(self.source)
                for layer in self.model.decoder.layers:
                    self.store[layer.cross_attention] = (
                        layer.cross_attention.key(memory),
                        layer.cross_attention.value(memory),
                    )
            self.words.append(ids)
            x = self.model.position(self.model.target_embedding(torch.stack(self.words, dim=1)))[:, -1:]
            for layer in self.model.decoder.layers:
                own = layer.self_attention
                new = own.key(x), own.value(x)
                old = self.store.get(own)
                self.store[own] = new if old is None else tuple(torch.cat(both, dim=1) for both in zip(old, new))
                x = layer.add_norm_1(x, self.attend(own, x, None))
                x = layer.add_norm_2(x, self.attend(layer.cross_attention, x, self.source != self.model.pad))
                x = layer.add_norm_3(x, layer.feed_forward(x))
            return F.linear(x, self.model.target_embedding.weight).squeeze(1)

    def attend(self, attention, x, keep):
        key, value = self.store[attention]
        outputs = []
        for query, k, v in zip(*(t.chunk(attention.num_heads, dim=-1) for t in (attention.query(x), key, value))):
            scores = query @ k.mT / math.sqrt(k.shape[-1])
            if keep is not None:
                scores = scores.masked_fill(~keep[:, None], -math.inf)
            outputs.append(scores.softmax(-1) @ v)
        return attention.out(torch.cat(outputs, dim=-1))
