"""What an exception means: learners' code with the errors that Python, NumPy and PyTorch raise now."""

from __future__ import annotations

import pytest

from autograde import assess
from autograde.exercises import exercise
from autograde.harness.call import Problem
from autograde.harness.invoke import answer
from autograde.judge.exceptions import explained

HEAD = """
import numpy as np, torch
from torch import nn
from helpers.feed_forward import EncoderLayer, relu
from helpers.multi_head import MultiHeadAttention
from helpers.single_head import project, scaled_dot_product_attention
from helpers.add_norm import AddNorm, LayerNormalization
"""

ADD_NORM = """
class AddNorm(nn.Module):
    def __init__(self, embed_dim, dropout=0.1):
        super().__init__()
        self.norm = LayerNormalization(embed_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, sublayer_output):
        return self.norm(x + self.dropout(sublayer_output))
"""
BLOCK = """
class AttentionBlock(nn.Module):
    def __init__(self, embed_dim, num_heads, dropout=0.1):
        super().__init__()
        self.attention = MultiHeadAttention(embed_dim, num_heads)
        self.add_norm = AddNorm(embed_dim, dropout)

    def forward(self, x, mask=None):
        attended, _ = self.attention(x, mask=mask)
        return self.add_norm(x, attended)
"""
FEED = """
class FeedForward(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.inner, self.outer = nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.outer(self.dropout(torch.relu(self.inner(x))))
"""
ENCODER = """
class Encoder(nn.Module):
    def __init__(self, num_layers=6, d_model=512, num_heads=8, d_ff=2048, dropout=0.1):
        super().__init__()
        self.layers = nn.ModuleList([EncoderLayer(d_model, num_heads, d_ff, dropout) for _ in range(num_layers)])

    def forward(self, x, mask=None):
        return self.layers(x, mask)
"""
SOFTMAX = """
def softmax(x, axis=-1):
    return {}
"""
EMBED = """
class TokenEmbedding(nn.Module):
    def __init__(self, vocab_size, d_model, pad=0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(vocab_size, d_model) / d_model**0.5)
        self.weight[pad] = 0

    def forward(self, ids):
        return self.weight[ids]
"""

INNER = "torch.relu(self.inner(x))"
HEADS = """
def multi_head_by_hand(x, heads, w_output, mask=None):
    outputs = [scaled_dot_product_attention(*project(x, *head), mask) for head in heads]
    return np.concatenate(outputs, axis=-1) @ w_output
"""
CASES = {
    "module list": (ENCODER, "", "", "Go through the `nn.ModuleList` with a loop"),
    "super": (FEED, "super().__init__()", "pass", "Begin `__init__` with `super().__init__()`"),
    "in place": (EMBED, "", "", "wrap it in `nn.Parameter` last"),
    "a pair": (BLOCK, "attended, _ =", "attended =", "and `attended` has all of them."),
    "a pair at once": (BLOCK, "(x, attended)", "(x, self.attention(x))", "as in `output, _ = self.attention(...)`"),
    "a module": (FEED, INNER, "nn.ReLU(self.inner(x))", "`ReLU` itself is in the place of a tensor"),
    "a module of the course": (BLOCK, "(x, attended)", "(x, self.attention)", "`MultiHeadAttention(...)` only makes"),
    "numpy": (FEED, "torch.relu", "relu", "`relu` works with NumPy arrays and gets a tensor"),
    "np": (FEED, "torch.relu", "np.asarray", "`np.asarray` works with NumPy arrays and gets a tensor"),
    "astype": (FEED, "(self.inner(x))", "(self.inner(x).astype(float))", "`.astype` is a method of NumPy arrays"),
    "torch": (SOFTMAX, "{}", "torch.exp(x)", "Use NumPy here: `exp` is PyTorch's and gets a NumPy array."),
    "a tensor's method": (SOFTMAX, "{}", "x.unsqueeze(0)", "`.unsqueeze` is a method of tensors"),
    "truth": (SOFTMAX, "{}", "x if x > 0 else 0", "whether an array is true"),
    "max": (FEED, INNER, "self.inner(x) - self.inner(x).max(dim=-1)", "Take `.values` or `.indices` of `max(dim=...)`"),
    "number": (ADD_NORM, "nn.Dropout(dropout)", "dropout", "`self.dropout` is the number 0"),
    "self": (ADD_NORM, "x + self.dropout", "x + dropout", "Write `self.dropout`: `forward` knows no `dropout`"),
    "set without self": (ADD_NORM, "self.dropout =", "dropout =", "Write `self.dropout = ...` in `__init__`"),
    "not kept": (ADD_NORM, "x + self", "embed_dim + x + self", "Keep `embed_dim` in `__init__`"),
    "not imported": (SOFTMAX, "{}", "F.relu(x)", "Import it first (`from torch.nn import functional as F`)."),
    "pairs in a list": (HEADS, "", "", "apart first, as in `output, _ = scaled_dot_product_attention(...)`"),
    "np.mean": (FEED, INNER, "np.mean(self.inner(x), keepdims=True)", "`np.mean` works with NumPy arrays"),
    "dim": (SOFTMAX, "{}", "np.max(x, dim=axis)", "Write `axis=`: NumPy does not know `dim`"),
    "einsum": (SOFTMAX, "{}", 'np.einsum("abcd,d->abc", x, x)', "Begin the subscripts with `...`"),
    "keepdim": (SOFTMAX, "{}", "x.max(axis, keepdim=True)", "Write `keepdims=`"),
    "scalar": (FEED, INNER, "self.inner(x).item()", "take a tensor with one number, and here it has"),
    "recursion": (SOFTMAX, "{}", "softmax(x, axis)", "`softmax` calls itself again and again"),
    "None": (
        SOFTMAX,
        "x, axis=-1):",
        "x, axis=-1, mask=None):\n    x = x * mask",
        "`mask` is None, which may be left out: in",
    ),
    "no gradient": (FEED, "(self.inner(x))))", "(self.inner(x)))).detach()", "`.detach()` cuts a tensor off"),
}


def problem_of(tmp_path, source: str) -> tuple[str, Problem]:
    """The name that a cell defines, and the first error of its answers."""
    file = tmp_path / "cell.py"
    file.write_text(HEAD + source)
    namespace: dict = {"__name__": "cell"}
    exec(compile(file.read_text(), str(file), "exec"), namespace)
    name = source.split("(")[0].split()[-1]
    answers = answer(namespace[name], exercise(name).calls(0))
    return name, next(answer.problem for answer in answers if answer.problem)


@pytest.mark.parametrize("case", CASES)
def test_an_exception_is_explained(case, tmp_path):
    source, before, after, words = CASES[case]
    assert before in source
    source = source.replace(before, after) if before else source
    name, problem = problem_of(tmp_path, source)
    found = explained(exercise(name), problem, HEAD + source)
    assert found is not None and words in found.sentence and found.sentence.endswith("."), (found, problem)


def test_a_check_says_it():
    def softmax(x, axis=-1):
        return x if x > 0 else 0

    verdict = assess("softmax", softmax)
    assert verdict.state == "error" and verdict.evidence == "source" and "whether an array is true" in verdict.advice


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("'tuple' object has no attribute 'shape'", ("line 9, in forward: return self.add_norm(x, attended)",)),
        ("must be Tensor, not tuple", ("line 8, in forward: attended, _ = self.attention(x, mask=mask)",)),
        ("'tuple' object is not callable", ("line 3, in other: return pair()",)),
        ("name 'dropout' is not defined", ("line 3, in forward: return dropout(x)",)),  # in another class
    ],
)
def test_nothing_is_explained_without_certainty(text, lines):
    problem = Problem(kind="NameError" if text.startswith("name") else "TypeError", text=text, kinds=(), lines=lines)
    assert explained(exercise("AttentionBlock"), problem, HEAD + BLOCK) is None
    assert explained(exercise("AttentionBlock"), problem, None) is None
