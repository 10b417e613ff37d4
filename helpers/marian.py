"""Extra of lesson 11: lesson 7's Transformer runs the weights of a published Marian translator.

Ids are int64 (batch, length). The weights are those of the library transformers, which is not needed here.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from helpers.decoder import Transformer, causal_mask, padding_mask
from helpers.feed_forward import FeedForward
from helpers.multi_head import MultiHeadAttention


class SwishFeedForward(FeedForward):
    """The network of lesson 6 with swish, another name of SiLU, in place of ReLU."""

    def forward(self, x):
        return self.outer(F.silu(self.inner(x)))


class MarianTranslator(Transformer):
    """The Transformer of lesson 7 in Marian's dialect, for the weights of a published translator.

    MarianTranslator(words, d_model, num_heads, num_layers, d_ff, pad): one table for both
    languages, biases in attention, swish, all sines before all cosines, a bias on the logits.
    Its target begins with `pad` in place of <bos>.
    """

    def __init__(self, words, d_model, num_heads, num_layers, d_ff, pad):
        super().__init__(words, words, d_model, num_heads, num_layers, d_ff, dropout=0.0, pad=pad)
        self.target_embedding = self.source_embedding
        waves = self.position.encoding
        self.position.encoding = torch.cat([waves[:, 0::2], waves[:, 1::2]], dim=1)
        for layer in [*self.encoder.layers, *self.decoder.layers]:
            layer.feed_forward = SwishFeedForward(d_model, d_ff, dropout=0.0)
            for name, part in layer.named_children():
                if isinstance(part, MultiHeadAttention):
                    layer.register_module(name, MultiHeadAttention(d_model, num_heads, bias=True))
        self.register_buffer("final_logits_bias", torch.zeros(1, words))

    def decode(self, target_input, memory, source):
        written = self.position(self.target_embedding(target_input))
        # not decoder_mask: it would hide the first id, which is `pad`
        causal = causal_mask(target_input.shape[1])
        output = self.decoder(written, memory, causal, padding_mask(source, self.pad))
        return F.linear(output, self.target_embedding.weight) + self.final_logits_bias


def load_marian(model, weights):
    """Copy the weights of a published translator into a `MarianTranslator` of the same sizes.

    weights: the `state_dict` of transformers' MarianMTModel. RuntimeError if a weight is missing or left over.
    """
    of_both = {
        "model.": "",
        "shared.": "source_embedding.",
        "lm_head.": "target_embedding.",
        "layer_norm.weight": "layer_norm.gamma",
        "layer_norm.bias": "layer_norm.beta",
        "self_attn_layer_norm": "add_norm_1.norm",
        "fc1": "feed_forward.inner",
        "fc2": "feed_forward.outer",
        "q_proj": "query",
        "k_proj": "key",
        "v_proj": "value",
        "out_proj": "out",
    }
    of_encoder = {"final_layer_norm": "add_norm_2.norm", "self_attn": "attention"}
    of_decoder = {
        "encoder_attn_layer_norm": "add_norm_2.norm",
        "final_layer_norm": "add_norm_3.norm",
        "self_attn": "self_attention",
        "encoder_attn": "cross_attention",
    }
    renamed = {}
    for name, tensor in weights.items():
        if "embed_" in name:
            continue  # the table again, once for each language, and the positions, which are computed
        parts = of_both | (of_encoder if name.startswith("model.encoder") else of_decoder)
        for theirs, mine in parts.items():
            name = name.replace(theirs, mine)
        renamed[name] = tensor
    model.load_state_dict(renamed)
