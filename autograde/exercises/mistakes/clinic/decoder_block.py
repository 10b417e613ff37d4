"""Lesson 7, the clinic, `RepairedDecoderBlock`: wrong repairs, and right ones that are written differently."""

from __future__ import annotations

import torch
from torch import nn

from helpers.add_norm import AddNorm
from helpers.clinic import RepairedDecoderBlock
from helpers.multi_head import MultiHeadAttention

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
