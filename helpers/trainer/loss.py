"""Label-smoothed cross-entropy of the real labels, from the decoder's output rows."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def smoothed_loss_sum(rows, weight, labels, smoothing: float, multiple: int = 1):
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

    The first `words` rows of `weight` are words, the others are zeros: what stands in their columns changes nothing.
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
