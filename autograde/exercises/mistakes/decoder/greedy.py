"""Lesson 7, greedy decoding: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import torch

from helpers.decoder import greedy_decode

# --- greedy_decode: wrong -------------------------------------------------------------------------------------------


def _decode(
    model,
    source,
    bos=1,
    eos=2,
    max_length=50,
    *,
    given=lambda ids: ids,
    choose=lambda logits: logits[:, -1].argmax(dim=-1),
    filler=0,
    stop=True,
    done=torch.all,
    evaluate=True,
    after=lambda model, training: model.train(training),
    gradients=False,
):
    training = model.training
    if evaluate:
        model.eval()
    with torch.set_grad_enabled(gradients):
        memory = model.encode(source)
        ids = torch.full((len(source), 1), bos)
        ended = torch.zeros(len(source), dtype=torch.bool)
        for _ in range(max_length):
            newest = choose(model.decode(given(ids), memory, source))
            if filler is not None:
                newest = newest.masked_fill(ended, filler)
            ids = torch.cat([ids, newest[:, None]], dim=1)
            ended = ended | (newest == eos)
            if stop and done(ended):
                break
    after(model, training)
    return ids[:, 1:]


def greedy_newest_alone(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, given=lambda ids: ids[:, -1:])


def greedy_first_place(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, choose=lambda logits: logits[:, 0].argmax(dim=-1))


def greedy_least(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, choose=lambda logits: logits[:, -1].argmin(dim=-1))


def greedy_drawn(model, source, bos=1, eos=2, max_length=50):
    def choose(logits):
        return torch.multinomial(logits[:, -1].softmax(dim=-1), 1).squeeze(1)

    return _decode(model, source, bos, eos, max_length, choose=choose)


def greedy_over_the_batch(model, source, bos=1, eos=2, max_length=50):
    return _decode(
        model, source, bos, eos, max_length, choose=lambda logits: logits[:, -1].argmax().expand(len(logits))
    )


def greedy_no_stop(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, stop=False)


def greedy_no_end(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, stop=False, filler=None)


def greedy_first_row_ends_all(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, done=torch.any)


def greedy_goes_on(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, filler=None)


def greedy_end_repeated(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, filler=eos)


def greedy_with_start(model, source, bos=1, eos=2, max_length=50):
    ids = greedy_decode(model, source, bos, eos, max_length)
    return torch.cat([torch.full((len(source), 1), bos), ids], dim=1)


def greedy_without_end(model, source, bos=1, eos=2, max_length=50):
    ids = greedy_decode(model, source, bos, eos, max_length)
    return ids.masked_fill(ids == eos, 0)


def greedy_one_less(model, source, bos=1, eos=2, max_length=50):
    return greedy_decode(model, source, bos, eos, max_length - 1)


def greedy_one_more(model, source, bos=1, eos=2, max_length=50):
    return greedy_decode(model, source, bos, eos, max_length + 1)


def greedy_fixed_length(model, source, bos=1, eos=2, max_length=50):
    return greedy_decode(model, source, bos, eos, 50)


def greedy_fixed_specials(model, source, bos=1, eos=2, max_length=50):
    return greedy_decode(model, source, 1, 2, max_length)


def greedy_in_training_mode(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, evaluate=False)


def greedy_mode_not_restored(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, after=lambda model, training: None)


def greedy_always_training(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, after=lambda model, training: model.train())


def greedy_with_gradients(model, source, bos=1, eos=2, max_length=50):
    return _decode(model, source, bos, eos, max_length, gradients=True)


# --- greedy_decode: right -------------------------------------------------------------------------------------------


def greedy_from_the_whole(model, source, bos=1, eos=2, max_length=50):
    """The whole forward pass each time; what follows the first end is removed afterwards."""
    was = model.training
    model.train(False)
    ids = torch.full((source.shape[0], 1), bos, dtype=torch.long)
    with torch.inference_mode():
        for _ in range(max_length):
            ids = torch.cat([ids, model(source, ids)[:, -1:].argmax(-1)], 1)
            if (ids[:, 1:] == eos).any(1).all():
                break
    model.train(was)
    ids = ids[:, 1:]
    before = (ids == eos).cumsum(1) - (ids == eos).long()
    return torch.where(before > 0, 0, ids)


@torch.no_grad()
def greedy_row_by_row(model, source, bos=1, eos=2, max_length=50):
    mode = model.training
    model.eval()
    rows = []
    for sentence in source.split(1):
        memory, words = model.encode(sentence), [bos]
        while len(words) <= max_length and (len(words) == 1 or words[-1] != eos):
            words.append(int(model.decode(torch.tensor([words]), memory, sentence)[0, -1].argmax()))
        rows.append(words[1:])
    if mode:
        model.train()
    longest = max(map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows])


def greedy_active_rows(model, source, bos=1, eos=2, max_length=50):
    """Rows that have ended leave the batch."""
    training = model.training
    model.eval()
    out = torch.zeros(len(source), max_length, dtype=torch.int64)
    active, steps = torch.arange(len(source)), 0
    try:
        with torch.no_grad():
            memory = model.encode(source)
            while steps < max_length and len(active):
                so_far = torch.cat([torch.full((len(active), 1), bos), out[active, :steps]], dim=1)
                newest = model.decode(so_far, memory[active], source[active])[:, -1].max(dim=-1).indices
                out[active, steps] = newest
                active, steps = active[newest != eos], steps + 1
    finally:
        model.train(training)
    return out[:, :steps]


def greedy_probabilities(model, source, bos=1, eos=2, max_length=50):
    return _decode(
        model,
        source,
        bos,
        eos,
        max_length,
        choose=lambda logits: torch.softmax(logits, -1)[:, -1].topk(1).indices[:, 0],
    )
