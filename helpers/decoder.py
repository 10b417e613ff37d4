"""Lesson 7: masks, the decoder, the whole Transformer.

Ids are int64 (batch, length); 0 is padding, 1 <bos>, 2 <eos>. A mask is boolean, True = may attend.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from helpers.add_norm import AddNorm
from helpers.embeddings import PositionalEncoding, TokenEmbedding
from helpers.feed_forward import Encoder, FeedForward
from helpers.multi_head import MultiHeadAttention


def causal_mask(length):
    """(length, length), True on and below the diagonal: a token sees itself and what stands before it.

    Source: "Attention Is All You Need", section 3.2.3.
    """
    return torch.ones(length, length, dtype=torch.bool).tril()


def padding_mask(ids, pad=0):
    """(batch, 1, length), True at real tokens, wherever the padding stands. The 1 stands for all queries."""
    return (ids != pad).unsqueeze(1)


def decoder_mask(ids, pad=0):
    """(batch, length, length): a token sees real tokens, none after itself."""
    return padding_mask(ids, pad) & causal_mask(ids.shape[1]).to(ids.device)


def mask_scores(scores, mask):
    """-inf where a query may not attend. scores: (..., n_queries, n_keys); mask: broadcastable to it."""
    return scores.masked_fill(~mask, -math.inf)


class DecoderLayer(nn.Module):
    """One layer of the decoder: masked self-attention, cross-attention, feed-forward, each with add & norm.

    DecoderLayer(d_model, num_heads, d_ff, dropout=0.1) has `self_attention`, `add_norm_1`, `cross_attention`,
    `add_norm_2`, `feed_forward`, `add_norm_3`.
    forward(x, memory, self_mask=None, cross_mask=None): x is (batch, n_target, d_model). memory, (batch, n_source,
    d_model), is the encoder's output: it gives keys and values; the queries come from the decoder. Returns x's shape.
    Source: section 3.1 and figure 1, right.
    """

    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        self.self_attention = MultiHeadAttention(d_model, num_heads)
        self.add_norm_1 = AddNorm(d_model, dropout)
        self.cross_attention = MultiHeadAttention(d_model, num_heads)
        self.add_norm_2 = AddNorm(d_model, dropout)
        self.feed_forward = FeedForward(d_model, d_ff, dropout)
        self.add_norm_3 = AddNorm(d_model, dropout)

    def forward(self, x, memory, self_mask=None, cross_mask=None):
        attended, _ = self.self_attention(x, mask=self_mask, need_weights=False)
        x = self.add_norm_1(x, attended)
        attended, _ = self.cross_attention(x, memory, memory, mask=cross_mask, need_weights=False)
        x = self.add_norm_2(x, attended)
        return self.add_norm_3(x, self.feed_forward(x))


class Decoder(nn.Module):
    """`num_layers` decoder layers, one after the other, each with weights of its own.

    Decoder(num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1) has `layers`.
    forward(x, memory, self_mask=None, cross_mask=None): as in DecoderLayer. Source: section 3.1.
    """

    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(d_model, num_heads, d_ff, dropout) for _ in range(num_layers))

    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for layer in self.layers:
            x = layer(x, memory, self_mask, cross_mask)
        return x


def teacher_forcing_pair(ids):
    """What the decoder reads and what it has to predict: (ids without the last column, ids without the first)."""
    return ids[:, :-1], ids[:, 1:]


class Transformer(nn.Module):
    """The whole model: ids of a source sentence and of the target so far, to logits for the next target words.

    It has `source_embedding`, `target_embedding`, `position`, `encoder`, `decoder`. The output projection is the target
    embedding's weight, without bias. The matrices of encoder and decoder start Xavier-uniform.
    encode(source): (batch, n_source) to memory (batch, n_source, d_model); decode(target_input, memory, source) and
    forward(source, target_input): logits (batch, n_target, target_size).
    Source: "Attention Is All You Need", figure 1 and section 3.4.
    """

    def __init__(self, source_size, target_size, d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.1, pad=0):
        super().__init__()
        self.pad = pad
        self.source_embedding = TokenEmbedding(source_size, d_model, pad)
        self.target_embedding = TokenEmbedding(target_size, d_model, pad)
        self.position = PositionalEncoding(d_model, dropout=dropout)
        self.encoder = Encoder(num_layers, d_model, num_heads, d_ff, dropout)
        self.decoder = Decoder(num_layers, d_model, num_heads, d_ff, dropout)
        for part in (self.encoder, self.decoder):
            for parameter in part.parameters():
                if parameter.dim() > 1:
                    nn.init.xavier_uniform_(parameter)

    def encode(self, source):
        x = self.position(self.source_embedding(source))
        return self.encoder(x, padding_mask(source, self.pad))

    def decode(self, target_input, memory, source):
        x = self.position(self.target_embedding(target_input))
        x = self.decoder(x, memory, decoder_mask(target_input, self.pad), padding_mask(source, self.pad))
        return F.linear(x, self.target_embedding.weight)  # (batch, n_target, target_size)

    def forward(self, source, target_input):
        return self.decode(target_input, self.encode(source), source)


def greedy_decode(model, source, bos=1, eos=2, max_length=50):
    """Translate word by word, each time the most probable one.

    source: ids (batch, n_source). Returns ids (batch, <= max_length): what comes after `bos`, with `eos`, then 0. Stops
    when every row has ended. The model is in evaluation mode meanwhile, and in its own mode again afterwards.
    """
    training = model.training
    model.eval()
    with torch.no_grad():
        memory = model.encode(source)
        ids = torch.full((len(source), 1), bos, device=source.device)
        ended = torch.zeros(len(source), dtype=torch.bool, device=source.device)
        while ids.shape[1] <= max_length and not ended.all():
            logits = model.decode(ids, memory, source)[:, -1]  # (batch, target_size): of the newest word
            newest = logits.argmax(dim=-1).masked_fill(ended, 0)
            ids = torch.cat([ids, newest.unsqueeze(1)], dim=1)
            ended = ended | (newest == eos)
    model.train(training)
    return ids[:, 1:]
