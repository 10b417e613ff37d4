"""Slips in the source: facts about the text, which no right answer shows."""

from __future__ import annotations

import inspect
import textwrap

import pytest

from autograde.exercises import all_exercises, exercise
from autograde.judge.slips import SELDOM_MEANT, SURELY_NOT_MEANT, seldom_meant, surely_not_meant

MODULE = "class {name}(nn.Module):\n    def __init__(self, d_model, dropout=0.1):\n        {line}\n"
POSITION = "self.position = PositionalEncoding(d_model, {})"
LAYER = """class AddNorm(nn.Module):
    def __init__(self, embed_dim, dropout={default}):
        super().__init__()
        self.norm = LayerNormalization(embed_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, sublayer_output):
        return {result}
"""
VOCABULARY = """class Vocabulary:
    words = []

    def __init__(self, sentences, min_count=1, max_size=None):
        {made}
"""
SURE = {
    "an argument in another's place": (
        "LanguageModel",
        MODULE.format(name="LanguageModel", line=POSITION.format("dropout")),
    ),
    "names passed over": (
        "load_minilm",
        "def load_minilm(encoder, weights):\n    encoder.load_state_dict(weights, strict=False)\n",
    ),
    "dropout that does not belong here": (
        "SwiGLU",
        MODULE.format(name="SwiGLU", line="self.drop = nn.Dropout(dropout)"),
    ),
    "an exponent without brackets": (
        "noam_rate",
        "def noam_rate(step, d_model, warmup):\n    return d_model ** -1 / 2 * min(step ** -0.5, step)\n",
    ),
    "reshape in place of transpose": (
        "repair_loss",
        "def repair_loss(logits, labels):\n    b, n, v = logits.shape\n"
        "    return F.cross_entropy(logits.view(b, v, n), labels)\n",
    ),
    "results in exchanged places": (
        "train_step",
        "def train_step(model, batch, optimizer):\n    labels, reads = teacher_forcing_pair(batch[1])\n",
    ),
    "^ in place of **": ("self_attention_cost", "def self_attention_cost(n, d):\n    return n ^ 2 * d, 1, 1\n"),
    "return inside the loop": (
        "sees_future",
        "def sees_future(model, source, target):\n    for place in range(3):\n"
        "        if place:\n            return True\n        else:\n            return False\n",
    ),
}
SELDOM = {
    "arguments in another order": (
        "layer_norm",
        "def layer_norm(x, beta, gamma, eps=1e-5):\n    return x * gamma + beta\n",
    ),
    "another default": ("AddNorm", LAYER.format(default=0.5, result="self.norm(x + self.dropout(sublayer_output))")),
    "a part is never used": ("AddNorm", LAYER.format(default=0.1, result="self.norm(x + sublayer_output)")),
    "a module made in forward": (
        "AddNorm",
        LAYER.format(default=0.1, result="nn.LayerNorm(3)(self.norm(x) + self.dropout(sublayer_output))"),
    ),
    "drawn at random": (
        "repair_generate",
        "def repair_generate(model, start, steps):\n    return torch.multinomial(model(start)[:, -1].softmax(-1), 1)\n",
    ),
    "logarithm of a softmax": (
        "repair_loss",
        "def repair_loss(logits, labels):\n    chances = logits.softmax(dim=-1)\n"
        "    picked = chances.gather(-1, labels)\n    return -torch.log(picked + 1e-8).mean()\n",
    ),
    "dropout in every mode": (
        "AddNorm",
        LAYER.format(default=0.1, result="self.norm(x + F.dropout(sublayer_output, self.dropout))"),
    ),
    "a seed is set": ("SwiGLU", MODULE.format(name="SwiGLU", line="torch.manual_seed(0)")),
    "a result is not kept": (
        "bpe_encode",
        "def bpe_encode(word, merges):\n    for pair in merges:\n        merge_pair(word, pair)\n    return word\n",
    ),
    "the loop's variable is assigned": (
        "train_bpe",
        "def train_bpe(word_counts, merges):\n    for w in word_counts:\n        w = (*w,)\n    return merges\n",
    ),
    "a capturing group": ("tokenize", 'def tokenize(text):\n    return re.findall(r"\\w+(\'\\w+)*", text)\n'),
    "`is` for equality": (
        "exact_match",
        "def exact_match(predictions, references):\n    return sum(a is b for a, b in zip(predictions, references))\n",
    ),
    "shared by all objects": ("Vocabulary", VOCABULARY.format(made="self.words += sentences")),
}


@pytest.mark.parametrize(
    ("look", "name", "case"),
    [
        *((surely_not_meant, name, case) for name, case in SURE.items()),
        *((seldom_meant, name, case) for name, case in SELDOM.items()),
    ],
)
def test_a_slip_has_a_name(look, name, case):
    asked, source = case
    slip = look(exercise(asked), source)
    assert slip is not None and slip.name == name and slip.sentence.endswith("."), slip
    assert (len(SURE), len(SELDOM)) == (len(SURELY_NOT_MEANT), len(SELDOM_MEANT))


def test_it_says_where():
    slip = surely_not_meant(exercise("sees_future"), SURE["return inside the loop"][1])
    assert slip.sentence.startswith("The loop in line 2 of `sees_future` ends")
    slip = seldom_meant(exercise("Vocabulary"), VOCABULARY.format(made="Vocabulary.index = sentences"))
    assert slip.sentence.startswith("Write `self.index`: `Vocabulary.index` belongs to the class")
    source = "def sample(model, top_k=None, top_p=None):\n    return sampling_probabilities(model, 1.0, top_p, top_k)\n"
    slip = surely_not_meant(exercise("sample"), source)
    assert "takes `top_k` as its third argument, and gets `top_p` there" in slip.sentence


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ("train_step", "reads, labels = teacher_forcing_pair(target)"),
        ("LayerNormalization", "variance, mean = torch.var_mean(x, dim=-1)"),
        ("normalize", "mean, variance = row_statistics(x)"),
        ("repair_loss", "loss = F.cross_entropy(logits.reshape(-1, words), labels)"),
        ("repair_loss", "loss = F.cross_entropy(logits.transpose(1, 2).reshape(batch, words, length), labels)"),
        ("positional_encoding_at", "angle = position / 10000 ** (2 * i / d_model)"),
        ("noam_rate", "rate = x ** 2 / 2"),
        ("sample", "newest = torch.multinomial(chances, 1)"),
        ("repair_loss", "logs = torch.softmax(logits, -1).logsumexp(-1)"),
        ("softmax", "thread.join()"),
    ],
)
def test_what_looks_alike_is_no_slip(asked, line):
    source = f"def {asked}(x, logits, labels, target):\n    {line}\n    return x\n"
    assert surely_not_meant(exercise(asked), source) is seldom_meant(exercise(asked), source) is None


def test_a_call_in_the_right_order_is_no_slip():
    named = MODULE.format(name="LanguageModel", line=POSITION.format("dropout=dropout"))
    assert surely_not_meant(exercise("LanguageModel"), named) is None
    spread = "def multi_head_by_hand(x, mask):\n    return linear(*project(x), mask)\n"
    assert surely_not_meant(exercise("multi_head_by_hand"), spread) is None


def test_right_answers_have_none_of_it():
    for asked in all_exercises():
        assert seldom_meant(asked, inspect.getsource(asked.reference)) is None, asked.name
        for right in (asked.reference, *asked.variants):
            source = textwrap.dedent(inspect.getsource(right))
            assert surely_not_meant(asked, source) is None, f"{asked.name}: {right}"


@pytest.mark.parametrize("source", ["", "def softmax(:", "x = 1"])
def test_what_is_no_python_shows_nothing(source):
    assert surely_not_meant(exercise("softmax"), source) is seldom_meant(exercise("softmax"), source) is None


def test_arguments_that_are_exchanged_are_not_passed_by_name():
    """`add_norm_2(c, x=x)` would give `x` twice."""
    source = (
        "class DecoderLayer(nn.Module):\n    def __init__(self):\n        self.add_norm_2 = AddNorm(4)\n"
        "    def forward(self, x, memory):\n        return self.add_norm_2(c, x)\n"
    )
    slip = surely_not_meant(exercise("DecoderLayer"), source)
    assert slip.sentence.endswith("Its order is `x` and `sublayer_output`.")
