"""The fixtures of the catalogue: arguments of a call that are not plain data, built beside the learner's code."""

from __future__ import annotations

from autograde.harness.fixtures import factory


@factory
def linear(weight, bias=None):
    """A `torch.nn.Linear` with these weights; weight (out, in), bias (out,)."""
    import torch

    layer = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(weight))
        if bias is not None:
            layer.bias.copy_(torch.as_tensor(bias))
    return layer


@factory
def linear_and_relu(weight, bias):
    """A `linear`, and a ReLU after it."""
    import torch

    return torch.nn.Sequential(linear(weight, bias), torch.nn.ReLU())


@factory
def word_sums(table):
    """A model of the next word: ids (batch, length) to logits (batch, length, words). The logits at a position are the
    sum of the rows of `table`, (words, words), of all words up to there."""
    import torch

    return lambda ids: torch.as_tensor(table)[ids].cumsum(dim=1)


@factory
def linears(weights):
    """A plain module that holds linear layers without bias; weights: {name: (out, in)}."""
    import torch

    return torch.nn.ModuleDict({name: linear(weight) for name, weight in weights.items()})


@factory
def module_tree(weights):
    """A module of modules with these parameters, by their dotted names; modules that are numbered are a `ModuleList`."""
    import torch

    inner = {}
    for name, values in weights.items():
        first, _, rest = name.partition(".")
        inner.setdefault(first, {})[rest] = values
    module = torch.nn.ModuleList() if all(name.isdigit() for name in inner) else torch.nn.Module()
    for name, part in inner.items():
        if "" in part:
            module.register_parameter(name, torch.nn.Parameter(torch.as_tensor(part[""])))
        else:
            module.add_module(name, module_tree(part))
    return module


@factory
def torch_attention(in_proj, out_proj, num_heads):
    """A `torch.nn.MultiheadAttention(batch_first=True, bias=False)` with these weights."""
    import torch

    module = torch.nn.MultiheadAttention(out_proj.shape[0], num_heads, bias=False, batch_first=True)
    with torch.no_grad():
        module.in_proj_weight.copy_(torch.as_tensor(in_proj))
        module.out_proj.weight.copy_(torch.as_tensor(out_proj))
    return module


@factory
def scripted_translator(table, eos=2, training=True):
    """A model for decoding, with `encode`, `decode` and `forward`, whose next words can be followed by hand.

    The newest word's logits are a row of `table`, (rows, words): its number is the sum of the source ids, plus 1 times
    the first word so far, 2 times the second, ..., modulo the rows. When there are as many words as the source has
    real ones, the best word is `eos`. In training mode the logits come in the reversed order, and of each source id 1
    more is encoded. The parameter `with_gradient` becomes 1 as soon as a call would record gradients.
    """
    import torch

    class Translator(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.pad = 0
            self.with_gradient = torch.nn.Parameter(torch.zeros(1))
            self.part = torch.nn.Dropout()

        def watch(self):
            if torch.is_grad_enabled():
                self.with_gradient.data.fill_(1.0)

        def encode(self, source):
            self.watch()
            return (source.unsqueeze(-1) + self.training).float()

        def decode(self, target_input, memory, source):
            self.watch()
            places = torch.arange(1, target_input.shape[1] + 1)
            rows = (target_input * places).cumsum(dim=1) + memory.sum(dim=(1, 2)).round().long().unsqueeze(1)
            logits = torch.as_tensor(table)[rows % len(table)]
            end = places == (source != 0).sum(dim=1, keepdim=True)
            logits[..., eos] = torch.where(end, logits.max() + 1, logits.min() - 1)
            return logits.flip(-1) if self.training else logits

        def forward(self, source, target_input):
            return self.decode(target_input, self.encode(source), source)

    return Translator().train(training)


@factory
def whole_transformer(sizes, weights, watched=""):
    """A Transformer in evaluation mode with the names of the course, and no `DecoderLayer` of the learner's in it.

    sizes: (source_size, target_size, d_model, num_heads, num_layers, d_ff, pad); weights: {name: array}.
    watched "self": an error if self-attention makes keys or values of more than one word per sentence at a time;
    watched "cross": an error if cross-attention makes keys or values more than once.
    """
    import torch
    from torch import nn

    from helpers.add_norm import AddNorm
    from helpers.embeddings import PositionalEncoding, TokenEmbedding
    from helpers.feed_forward import Encoder, FeedForward
    from helpers.multi_head import MultiHeadAttention

    source_size, target_size, d_model, num_heads, num_layers, d_ff, pad = sizes

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.self_attention = MultiHeadAttention(d_model, num_heads)
            self.add_norm_1 = AddNorm(d_model)
            self.cross_attention = MultiHeadAttention(d_model, num_heads)
            self.add_norm_2 = AddNorm(d_model)
            self.feed_forward = FeedForward(d_model, d_ff)
            self.add_norm_3 = AddNorm(d_model)

        def forward(self, x, memory, self_mask=None, cross_mask=None):
            x = self.add_norm_1(x, self.self_attention(x, mask=self_mask)[0])
            x = self.add_norm_2(x, self.cross_attention(x, memory, mask=cross_mask)[0])
            return self.add_norm_3(x, self.feed_forward(x))

    class Stack(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(Layer() for _ in range(num_layers))

        def forward(self, x, memory, self_mask=None, cross_mask=None):
            for layer in self.layers:
                x = layer(x, memory, self_mask, cross_mask)
            return x

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.pad = pad
            self.source_embedding = TokenEmbedding(source_size, d_model, pad)
            self.target_embedding = TokenEmbedding(target_size, d_model, pad)
            self.position = PositionalEncoding(d_model)
            self.encoder = Encoder(num_layers, d_model, num_heads, d_ff)
            self.decoder = Stack()

        def encode(self, source):
            self.batch = len(source)
            return self.encoder(self.position(self.source_embedding(source)), (source != pad).unsqueeze(1))

        def decode(self, target_input, memory, source):
            length = target_input.shape[1]
            causal = torch.ones(length, length, dtype=torch.bool).tril()
            x = self.position(self.target_embedding(target_input))
            keep = (target_input != pad).unsqueeze(1) & causal
            x = self.decoder(x, memory, keep, (source != pad).unsqueeze(1))
            return x @ self.target_embedding.weight.T

        def forward(self, source, target_input):
            return self.decode(target_input, self.encode(source), source)

    def one_word(linear, inputs):
        if inputs[0].numel() > model.batch * d_model:
            raise RuntimeError("keys and values of earlier words are made again; keep those that were made before")

    def once(linear, inputs):
        linear.calls = getattr(linear, "calls", 0) + 1
        if linear.calls > 1:
            raise RuntimeError("keys and values of the source are made again; make them once")

    model = Whole().eval()
    names = dict(model.named_parameters())
    with torch.no_grad():
        for name, values in weights.items():
            names[name].copy_(torch.as_tensor(values))
    for layer in model.decoder.layers:
        for linear in (layer.self_attention.key, layer.self_attention.value) if watched == "self" else ():
            linear.register_forward_pre_hook(one_word)
        for linear in (layer.cross_attention.key, layer.cross_attention.value) if watched == "cross" else ():
            linear.register_forward_pre_hook(once)
    return model


# --- training -------------------------------------------------------------------------------------------------------


@factory
def generator(seed, drawn=0):
    """A `torch.Generator` with this seed, of which so many numbers have been drawn."""
    import torch

    made = torch.Generator().manual_seed(seed)
    torch.rand(drawn, generator=made)
    return made


@factory
def sgd(model, rate):
    """Plain gradient descent on the parameters of `model`."""
    import torch

    return torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=rate)


@factory
def schedule(optimizer, factors):
    """A scheduler whose learning rate at step i is the optimizer's times `factors[i]`; the last one stays."""
    import torch

    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: factors[min(step, len(factors) - 1)])


@factory
def table_translator(source, target, mix, mode="train", right_mode="train", stale=0.0):
    """A small model with `encode`, `decode` and `forward`, whose logits can be followed by hand.

    The row of a place is the mean of the rows of `source`, (source_size, width), of all real source words, plus the sum
    of the rows of `target`, (target_size, width), of all words so far. Its logits are the products with the rows of
    `mix`, (target_size, width); in another mode than `right_mode` they come in the reversed order, and the source is
    encoded with the other sign. Every gradient is `stale` at the start. `seen` holds what a call noticed: gradients recorded; autocast, 2 to bfloat16, 1 to another
    dtype; weights in float32.
    """
    import torch
    import torch.nn.functional as F

    class Translator(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.pad = 0
            for name, values in (("source", source), ("target", target), ("mix", mix)):
                parameter = torch.nn.Parameter(torch.as_tensor(values))
                parameter.grad = torch.full_like(parameter, stale) if stale else None
                setattr(self, name, parameter)
            self.register_buffer("seen", torch.zeros(3))
            self.part = torch.nn.Dropout()

        def in_right_mode(self):
            return self.training == (right_mode == "train")

        def watch(self):
            to_bfloat16 = torch.get_autocast_dtype("cpu") == torch.bfloat16
            autocast = (2 if to_bfloat16 else 1) if torch.is_autocast_enabled("cpu") else 0
            notes = torch.is_grad_enabled(), autocast, self.mix.dtype == torch.float32
            self.seen = torch.maximum(self.seen.float(), torch.tensor(notes, dtype=torch.float32))

        def encode(self, source):
            self.watch()
            real = (source != 0).unsqueeze(-1)
            mean = (self.source[source] * real).sum(dim=1, keepdim=True) / real.sum(dim=1, keepdim=True)
            return mean if self.in_right_mode() else -mean

        def decode(self, target_input, memory, source):
            self.watch()
            memory = memory.masked_fill((source == 0).all(dim=1)[:, None, None], 0.0)  # nothing but padding
            rows = memory + self.target[target_input].cumsum(dim=1)
            logits = F.linear(rows, self.mix)
            return logits if self.in_right_mode() else logits.flip(-1)

        def forward(self, source, target_input):
            return self.decode(target_input, self.encode(source), source)

    return Translator().train(mode == "train")


# --- clinic ---------------------------------------------------------------------------------------------------------


@factory
def sealed_model(source, target, out, fault="", strength=0.3, training=False, stale=None, pad=0):
    """A small model with `encode`, `decode` and `forward`, healthy or with one fault.

    A place of the target sees the mean of the rows of `target`, (target_size, width), of the real words up to there, and
    the mean of the rows of `source`, (source_size, width), of all real source words, later ones weighted more; `out`,
    (target_size, width), makes logits of them. `strength` says how much of a fault is mixed in. Every gradient is `stale`
    at the start. Logits at padded places mean nothing; an id that is no word raises IndexError.
    """
    import torch

    class Sealed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.source, self.target, self.out = (
                torch.nn.Parameter(torch.as_tensor(values)) for values in (source, target, out)
            )
            self.gate = torch.nn.Parameter(torch.ones(1), requires_grad=fault != "frozen")
            self.start = torch.nn.Parameter(torch.ones(out.shape[1]))  # for <bos>
            if fault in ("padding only", "last place only", "training only"):
                self.filler = torch.nn.Parameter(torch.ones(1))
            if fault in ("spare", "frozen spare"):
                self.spare = torch.nn.Linear(2, 2).requires_grad_(fault == "spare")
            if fault == "difference":  # its two gradients have the sum 0
                self.pair = torch.nn.Parameter(torch.ones(2))
            if fault == "spares":
                self.first, self.other, self.spare = (torch.nn.Parameter(torch.ones(size)) for size in (3, 1, 2))
            self.dropout = torch.nn.Dropout(0.5)

        def encode(self, ids):
            if ids.min() < 0:
                raise IndexError(f"an id of the source is {ids.min().item()}")
            weights = 1 + 0.2 * torch.arange(ids.shape[1]) * (fault != "order ignored")
            memory = self.source[ids] * weights.unsqueeze(1)
            return memory.detach() if fault == "detached" else memory

        def context(self, memory, ids):
            real = (ids != pad).unsqueeze(-1)
            if fault == "ignores the source":
                return memory.sum(dim=1, keepdim=True) * 0
            if fault == "places of the source":
                return real.sum(dim=1, keepdim=True) * self.start
            if fault in ("last sentence of the source", "first sentence of the source"):
                at = 0 if fault == "first sentence of the source" else len(ids) - 1
                used = torch.arange(len(ids)).view(-1, 1, 1) == at
                return (memory * real * used).sum(dim=1, keepdim=True)
            if fault == "second word of the source":
                return memory[:, 1:2]
            mean = (memory * real).sum(dim=1, keepdim=True) / real.sum(dim=1, keepdim=True).clamp(min=1)
            if fault == "padding of the source":
                mean = mean + strength * memory.mean(dim=1, keepdim=True)
            return strength * mean if fault == "little of the source" else mean

        def decode(self, ids, memory, source):
            real = (ids != pad).unsqueeze(-1)
            if ids.min() < 0:
                raise IndexError(f"an id of the target is {ids.min().item()}")
            rows = (self.target[ids] + (ids == 1).unsqueeze(-1) * self.start) * real
            context = self.context(memory, source)
            if fault == "source at one place":
                place = torch.zeros(*ids.shape, 1)
                place[-1, -2] = strength
                context = context * place
            seen = rows.cumsum(dim=1) / real.cumsum(dim=1).clamp(min=1) + context
            leak = torch.zeros_like(seen)
            # the sentences without the largest word at place 2, which the first one of the exercises has
            others = (source[:, 2] != len(self.source) - 1).view(-1, 1, 1)
            if fault == "next word":
                leak[:, :-1] = rows[:, 1:]
            if fault == "next word, one place":
                leak[:, 1] = rows[:, 2]
            if fault == "second word at place 0":
                leak[:, 0] = rows[:, 1]
            if fault in ("last word", "last word at the place before"):
                leak[:, 0 if fault == "last word" else -2] = rows[:, -1]
            if fault == "next word, one row":
                leak[:, :-1] = rows[:, 1:] * others
            if fault == "rounding":
                leak = leak + rows.sum(dim=1, keepdim=True) + memory.sum(dim=1, keepdim=True) + ids.shape[1]
            logits = self.dropout(torch.tanh(seen) + strength * leak) @ self.out.T
            if fault in ("lowered by the next word", "turned by the next word"):
                by = torch.ones(len(self.out))
                if fault == "turned by the next word":  # some logits are raised, and others lowered as much
                    by = torch.arange(len(self.out)) - (len(self.out) - 1) / 2
                # by later words more, by words that no sentence has most
                logits[:, :-1] -= strength * torch.where(ids < 2, ids + 10, ids)[:, 1:].unsqueeze(-1) * by
            if fault == "length of the target":
                logits = logits * (1 + strength * ids.shape[1])
            if fault == "length of the target, one row":
                logits = logits * (1 + strength * ids.shape[1] * others)
            if fault == "length of the target, last place":
                last = (torch.arange(ids.shape[1]) == 4).unsqueeze(1)
                logits = logits * (1 + strength * ids.shape[1] * last)
            slope = {"gate": 0.0, "quiet gate": 1e-5, "faint gate": 1e-10}.get(fault, 1.0)
            gate = self.gate * slope + (1 - slope)
            filler = self.filler if fault == "padding only" else 1
            if fault == "last place only":  # of a target as long as those of the exercises
                last = (torch.arange(ids.shape[1]) == 4).unsqueeze(1)
                logits = logits + self.filler * last * torch.arange(len(self.out))
            if fault == "difference":
                logits = logits + (self.pair[0] - self.pair[1]) * torch.arange(len(self.out))
            if fault == "training only" and self.training:
                logits = logits + self.filler * torch.arange(len(self.out))
            return logits * gate + ~real * filler * ids.shape[1] * torch.arange(len(self.out))

        def forward(self, source, target_input):
            return self.decode(target_input, self.encode(source), source)

    model = Sealed().train(training)
    for parameter in model.parameters():
        parameter.grad = None if stale is None else torch.full_like(parameter, stale)
    return model
