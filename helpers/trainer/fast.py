"""The forward pass of lesson 7's Transformer, in fewer operations and with the same numbers.

What is saved, against calling the model: the three projections of self-attention are one matrix product, and so are
the keys and values of the cross-attention; PyTorch's own layer normalization; no mask where nothing has to be hidden
(a sentence of a batch is padded at its end, so the causal mask hides the padding from real target tokens); logits and
loss at real labels only. The outputs at padding are meaningless, and nothing reads them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


def can_go_fast(model: nn.Module) -> bool:
    """True for lesson 7's Transformer as `helpers` has it, with the experiments' changes; a learner's own class is
    computed as it is written."""
    return getattr(model, "fast_forward", type(model).__module__ == "helpers.decoder")


class FastLoss(nn.Module):
    """Wraps a Transformer: forward gives the sum of the label-smoothed losses of a batch (0-dimensional, float32).

    forward(source, keep, decoder_input, positions, labels): ids (batch, n_source); their mask (batch, n_source), or
    None without padding; ids (batch, n_target); the positions of the real labels in the flattened (batch * n_target);
    the labels there, (tokens,). multiple: see `smoothed_loss_sum`.
    """

    def __init__(self, model: nn.Module, smoothing: float, multiple: int = 1):
        super().__init__()
        self.model = model
        self.smoothing = smoothing
        self.multiple = multiple

    def forward(self, source, keep, decoder_input, positions, labels):
        rows = hidden(self.model, source, keep, decoder_input).flatten(0, 1)
        if len(positions) < len(rows):
            rows = rows.index_select(0, positions)
        weight = self.model.target_embedding.weight
        return smoothed_loss_sum(rows, weight, labels, self.smoothing, self.multiple)


class PlainLoss(nn.Module):
    """The same for any model that is called as model(source, decoder_input) -> logits."""

    def __init__(self, model: nn.Module, smoothing: float):
        super().__init__()
        self.model = model
        self.smoothing = smoothing

    def forward(self, source, keep, decoder_input, positions, labels):
        logits = self.model(source, decoder_input).flatten(0, 1).index_select(0, positions)
        return F.cross_entropy(logits.float(), labels, label_smoothing=self.smoothing, reduction="sum")


def hidden(model, source, keep, decoder_input):
    """The decoder's output (batch, n_target, d_model), right at real target positions."""
    memory = encode(model, source, keep)
    mask = None if keep is None else keep[:, None, None, :]  # (batch, 1, 1, n_source)
    x = embed(model, model.target_embedding, decoder_input)
    causal = "causal" not in getattr(model, "without", ())
    self_mask = None if causal else (decoder_input != model.pad)[:, None, None, :]
    for layer in model.decoder.layers:
        x = add_norm(layer.add_norm_1, x, self_attention(layer.self_attention, x, self_mask, causal))
        if "cross" not in getattr(model, "without", ()):
            attended = cross_attention(layer.cross_attention, x, memory, mask)
        else:
            attended = torch.zeros_like(x)
        x = add_norm(layer.add_norm_2, x, attended)
        x = add_norm(layer.add_norm_3, x, feed_forward(layer.feed_forward, x))
    return x


def encode(model, source, keep):
    """The memory (batch, n_source, d_model), right at real source positions."""
    mask = None if keep is None else keep[:, None, None, :]
    x = embed(model, model.source_embedding, source)
    for layer in model.encoder.layers:
        x = add_norm(layer.add_norm_1, x, self_attention(layer.attention, x, mask))
        x = add_norm(layer.add_norm_2, x, feed_forward(layer.feed_forward, x))
    return x


def self_attention(attention, x, mask, causal=False):
    """x (batch, n, d_model); mask broadcastable to (batch, heads, n, n), or None. Returns x's shape."""
    query, key, value = project(x, attention.num_heads, attention.query, attention.key, attention.value)
    return attend(attention, query, key, value, mask, causal)


def cross_attention(attention, x, memory, mask):
    """x (batch, n_target, d_model); memory (batch, n_source, d_model). Returns x's shape."""
    (query,) = project(x, attention.num_heads, attention.query)
    key, value = project(memory, attention.num_heads, attention.key, attention.value)
    return attend(attention, query, key, value, mask)


def project(x, num_heads, *linears):
    """The linear maps of x as one matrix product, each cut into heads: a list of (batch, heads, n, d_head)."""
    batch, length, width = x.shape
    if len(linears) == 1:
        joint = linears[0](x)
    else:
        weight = torch.cat([linear.weight for linear in linears])
        bias = None if linears[0].bias is None else torch.cat([linear.bias for linear in linears])
        joint = F.linear(x, weight, bias)
    heads = joint.view(batch, length, len(linears), num_heads, width // num_heads)
    return heads.permute(2, 0, 3, 1, 4).unbind(0)


def attend(attention, query, key, value, mask=None, causal=False):
    output = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal)
    return attention.out(output.transpose(1, 2).flatten(2))


def add_norm(module, x, sublayer_output):
    norm = module.norm
    dropped = dropout(module.dropout, sublayer_output)
    x = x + dropped if getattr(module, "residual", True) else dropped
    return F.layer_norm(x, norm.gamma.shape, norm.gamma, norm.beta, norm.eps)


def embed(model, table, ids):
    """Word vectors with their positions: ids (batch, n) to (batch, n, d_model)."""
    return dropout(model.position.dropout, table(ids) + model.position.encoding[: ids.shape[1]])


def feed_forward(network, x):
    return network.outer(dropout(network.dropout, torch.relu(network.inner(x))))


def dropout(module, x):
    """What the `nn.Dropout` does. On the CPU drawing the random numbers took a tenth of a step: here one number of 64
    bits decides about four values, each with 16 bits, so that `p` is met to 1 / 65536."""
    if not module.training or module.p == 0:
        return x
    if x.device.type != "cpu":
        return module(x)
    kept = min(max(1, round((1 - module.p) * 2**16)), 2**16 - 1)  # a 16-bit number can be compared with these
    bits = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    noise = (bits.view(torch.int16)[: x.numel()] < kept - 2**15).to(x.dtype).mul_(2**16 / kept)
    return x * noise.view(x.shape)


def smoothed_loss_sum(
    rows: torch.Tensor, weight: torch.Tensor, labels: torch.Tensor, smoothing: float, multiple: int = 1
) -> torch.Tensor:
    """The sum over all rows of the loss that `torch.nn.functional.cross_entropy(..., label_smoothing)` gives.

    rows (tokens, d_model); weight (vocabulary, d_model), the output projection; labels (tokens,). On the CPU the
    gradient is computed together with the loss, in one pass over the logits.

    multiple: the matrix product gets rows of zeros at the end, up to a multiple of this, since some devices multiply
    such sizes faster. They are no words: their logits are cut off before the loss, and they are not part of the model.
    """
    words = len(weight)
    if words % multiple:
        weight = F.pad(weight, (0, 0, 0, -words % multiple))
    if rows.device.type == "cpu" and torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu"):
        return _LinearCrossEntropy.apply(rows, weight, labels, smoothing, words)
    logits = F.linear(rows, weight)[:, :words].float()
    return F.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="sum")


class _LinearCrossEntropy(torch.autograd.Function):
    """Projection and loss in one. The gradient of the logits is softmax(logits) - softened labels.

    The first `words` rows of `weight` are words, the others are zeros: what is in their columns changes nothing.
    """

    @staticmethod
    def forward(context, rows, weight, labels, smoothing, words):
        whole = rows @ weight.T  # (tokens, vocabulary and what was added)
        logits = whole[:, :words]
        of_label = logits.gather(1, labels.unsqueeze(1))
        of_all = logits.sum() / logits.shape[1] if smoothing else 0.0
        normalizer = logits.logsumexp(dim=1, keepdim=True)
        loss = normalizer.sum() - (1 - smoothing) * of_label.sum() - smoothing * of_all
        if context.needs_input_grad[0] or context.needs_input_grad[1]:
            gradient = logits.sub_(normalizer).exp_()
            if smoothing:
                gradient.sub_(smoothing / logits.shape[1])
            gradient.scatter_add_(1, labels.unsqueeze(1), gradient.new_full((len(labels), 1), smoothing - 1))
            context.save_for_backward(whole, rows, weight)  # the gradient was computed in its place
        return loss

    @staticmethod
    def backward(context, upstream):
        gradient, rows, weight = context.saved_tensors
        of_rows = (gradient @ weight).mul_(upstream)
        of_weight = (gradient.T @ rows).mul_(upstream)
        return of_rows, of_weight, None, None, None
