"""What people would use instead: `torch.nn.Transformer`, and MarianMTModel of the `transformers` library.

Both share one table for source, target and output, as the course's model does with `share_embeddings`. Both are called
as model(source, decoder_input) -> logits, with ids (batch, n), 0 is padding; `plain_step` makes one update.
"""

from __future__ import annotations

import importlib.util
import math

import torch
import torch.nn.functional as F
from torch import nn


class PlainTransformer(nn.Module):
    """`torch.nn.Transformer` with embeddings, sinusoidal positions, masks and tied output, as tutorials write it.

    The keys of the padding are hidden with `key_padding_mask`, later words with PyTorch's own causal mask.
    """

    def __init__(self, config, size: int):
        super().__init__()
        width = config.d_model
        self.embedding = nn.Embedding(size, width, padding_idx=0)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        self.dropout = nn.Dropout(config.dropout)
        self.transformer = nn.Transformer(
            width,
            config.num_heads,
            config.num_layers,
            config.num_layers,
            config.d_ff,
            config.dropout,
            batch_first=True,
        )
        places = torch.arange(config.max_length + 1).unsqueeze(1)
        rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
        encoding = torch.zeros(len(places), width)
        encoding[:, 0::2], encoding[:, 1::2] = torch.sin(places * rates), torch.cos(places * rates)
        self.register_buffer("encoding", encoding)

    def embed(self, ids):
        x = self.embedding(ids) * math.sqrt(self.embedding.embedding_dim)
        return self.dropout(x + self.encoding[: ids.shape[1]])

    def forward(self, source, decoder_input):
        later = nn.Transformer.generate_square_subsequent_mask(decoder_input.shape[1], device=source.device)
        output = self.transformer(
            self.embed(source),
            self.embed(decoder_input),
            tgt_mask=later.isinf(),
            src_key_padding_mask=source == 0,
            tgt_key_padding_mask=decoder_input == 0,
            memory_key_padding_mask=source == 0,
            tgt_is_causal=True,
        )
        return F.linear(output, self.embedding.weight)


class Marian(nn.Module):
    """MarianMTModel of the same size, made from a configuration: nothing is downloaded."""

    def __init__(self, config, size: int):
        super().__init__()
        from transformers import MarianConfig, MarianMTModel

        self.model = MarianMTModel(
            MarianConfig(
                vocab_size=size,
                decoder_vocab_size=size,
                d_model=config.d_model,
                encoder_layers=config.num_layers,
                decoder_layers=config.num_layers,
                encoder_attention_heads=config.num_heads,
                decoder_attention_heads=config.num_heads,
                encoder_ffn_dim=config.d_ff,
                decoder_ffn_dim=config.d_ff,
                activation_function="relu",
                dropout=config.dropout,
                attention_dropout=0.0,
                activation_dropout=config.dropout,
                max_position_embeddings=config.max_length + 1,
                scale_embedding=True,
                pad_token_id=0,
                bos_token_id=1,
                eos_token_id=2,
                decoder_start_token_id=1,
                forced_eos_token_id=None,
                use_cache=False,
            )
        )

    def forward(self, source, decoder_input):
        return self.model(
            input_ids=source,
            attention_mask=source != 0,
            decoder_input_ids=decoder_input,
            decoder_attention_mask=decoder_input != 0,
            use_cache=False,
        ).logits


def learned(model) -> int:
    """The number of learned values; Marian keeps its sinusoids as parameters that are not learned."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def has_transformers() -> bool:
    return importlib.util.find_spec("transformers") is not None


def plain_step(model, optimizer, source, target, config, autocast):
    """One update as people write it: logits everywhere, and PyTorch's loss that passes over padding.

    Returns the loss, a tensor that nothing has waited for.
    """
    with autocast():
        logits = model(source, target[:, :-1])
    loss = F.cross_entropy(
        logits.flatten(0, 1).float(), target[:, 1:].flatten(), ignore_index=0, label_smoothing=config.label_smoothing
    )
    optimizer.zero_grad()
    loss.backward()
    if config.clip:
        nn.utils.clip_grad_norm_(model.parameters(), config.clip)
    optimizer.step()
    return loss.detach()
