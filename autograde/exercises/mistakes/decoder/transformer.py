"""Lesson 7, teacher forcing and the Transformer: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from autograde.exercises.mistakes.decoder.layers import StackAppended
from helpers.decoder import Transformer, causal_mask, decoder_mask, padding_mask
from helpers.embeddings import PositionalEncoding, TokenEmbedding
from helpers.feed_forward import Encoder

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
