"""Lesson 8, training step: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from helpers.decoder import teacher_forcing_pair
from helpers.training import label_smoothed_loss, train_step

# --- train_step: wrong ----------------------------------------------------------------------------------------------


def _forward(model, batch, precision="fp32", smoothing=0.1, pad=0, dtype=torch.bfloat16):
    source, target = batch
    decoder_input, labels = teacher_forcing_pair(target)
    with torch.autocast("cpu", dtype=dtype, enabled=precision == "bf16"):
        logits = model(source, decoder_input)
    return label_smoothed_loss(logits.float(), labels, smoothing, pad), (labels != 0).sum()


def _norm(model):
    return torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None]).norm()


def _clip(model, clip):
    return nn.utils.clip_grad_norm_(model.parameters(), clip)


def _finish(loss, tokens, norm, optimizer, scheduler):
    optimizer.step()
    if scheduler is not None:
        scheduler.step()
    return {"loss": loss.detach(), "tokens": tokens, "gradient_norm": norm}


def step_not_cleared(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    model.train()
    loss, tokens = _forward(model, batch, precision)
    loss.backward()
    return _finish(loss, tokens, _clip(model, clip), optimizer, scheduler)


def step_cleared_too_late(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    model.train()
    loss, tokens = _forward(model, batch, precision)
    loss.backward()
    optimizer.zero_grad()
    return _finish(loss, tokens, _clip(model, clip), optimizer, scheduler)


def step_no_clip(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    return train_step(model, batch, optimizer, scheduler, math.inf, precision)


def step_clip_before(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    model.train()
    optimizer.zero_grad()
    loss, tokens = _forward(model, batch, precision)
    norm = _clip(model, clip)
    loss.backward()
    return _finish(loss, tokens, norm, optimizer, scheduler)


def step_clip_values(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    model.train()
    optimizer.zero_grad()
    loss, tokens = _forward(model, batch, precision)
    loss.backward()
    norm = _norm(model)
    nn.utils.clip_grad_value_(model.parameters(), clip)
    return _finish(loss, tokens, norm, optimizer, scheduler)


def step_clip_each(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    model.train()
    optimizer.zero_grad()
    loss, tokens = _forward(model, batch, precision)
    loss.backward()
    norm = _norm(model)
    for parameter in model.parameters():
        nn.utils.clip_grad_norm_([parameter], clip)
    return _finish(loss, tokens, norm, optimizer, scheduler)


def step_clip_fixed(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    return train_step(model, batch, optimizer, scheduler, 1.0, precision)


def step_norm_after(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    result = train_step(model, batch, optimizer, scheduler, clip, precision)
    return result | {"gradient_norm": _norm(model)}


def step_scheduler_first(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    if scheduler is not None:
        scheduler.step()
    return train_step(model, batch, optimizer, None, clip, precision)


def step_no_scheduler(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    return train_step(model, batch, optimizer, None, clip, precision)


def step_eval_mode(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    optimizer.zero_grad()
    loss, tokens = _forward(model, batch, precision)
    loss.backward()
    return _finish(loss, tokens, _clip(model, clip), optimizer, scheduler)


def step_no_update(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    model.train()
    optimizer.zero_grad()
    loss, tokens = _forward(model, batch, precision)
    loss.backward()
    norm = _clip(model, clip)
    if scheduler is not None:
        scheduler.step()
    return {"loss": loss.detach(), "tokens": tokens, "gradient_norm": norm}


def step_not_shifted(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    source, target = batch
    model.train()
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
        logits = model(source, target)
    loss = label_smoothed_loss(logits.float(), target)
    loss.backward()
    return _finish(loss, (target != 0).sum(), _clip(model, clip), optimizer, scheduler)


def step_exchanged(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    return train_step(model, batch[::-1], optimizer, scheduler, clip, precision)


def step_plain_loss(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    model.train()
    optimizer.zero_grad()
    loss, tokens = _forward(model, batch, precision, smoothing=0.0)
    loss.backward()
    return _finish(loss, tokens, _clip(model, clip), optimizer, scheduler)


def step_padding(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    model.train()
    optimizer.zero_grad()
    loss, tokens = _forward(model, batch, precision, pad=-1)
    loss.backward()
    return _finish(loss, tokens, _clip(model, clip), optimizer, scheduler)


def step_all_tokens(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    result = train_step(model, batch, optimizer, scheduler, clip, precision)
    return result | {"tokens": batch[1][:, 1:].numel()}


def step_target_tokens(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    result = train_step(model, batch, optimizer, scheduler, clip, precision)
    return result | {"tokens": (batch[1] != 0).sum()}


def step_loss_after(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    result = train_step(model, batch, optimizer, scheduler, clip, precision)
    return result | {"loss": _forward(model, batch, precision)[0].detach()}


def step_half_weights(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    if precision == "bf16":
        model.to(torch.bfloat16)
    return train_step(model, batch, optimizer, scheduler, clip)


def step_no_autocast(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    return train_step(model, batch, optimizer, scheduler, clip)


def step_float16(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    model.train()
    optimizer.zero_grad()
    loss, tokens = _forward(model, batch, precision, dtype=torch.float16)
    loss.backward()
    return _finish(loss, tokens, _clip(model, clip), optimizer, scheduler)


# --- train_step: right ----------------------------------------------------------------------------------------------


def step_by_hand(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    source, target = batch
    labels = target[:, 1:]
    for parameter in model.parameters():
        parameter.grad = None
    model.train()
    with torch.autocast(device_type="cpu", dtype=torch.bfloat16, enabled=(precision == "bf16")):
        logits = model.decode(target[:, :-1], model.encode(source), source)
        loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=0, label_smoothing=0.1)
    loss.backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    norm = sum((gradient**2).sum() for gradient in gradients) ** 0.5
    if norm > clip:
        for gradient in gradients:
            gradient.mul_(clip / norm)
    optimizer.step()
    if scheduler:
        scheduler.step()
    return {"loss": loss.item(), "tokens": int(labels.ne(0).sum()), "gradient_norm": norm.item()}


def step_in_parts(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    was = model.training
    model.train(True)
    optimizer.zero_grad(set_to_none=True)
    decoder_input, labels = teacher_forcing_pair(batch[1])
    if precision == "bf16":
        with torch.autocast("cpu", torch.bfloat16):
            loss = label_smoothed_loss(model(batch[0], decoder_input), labels)
    else:
        loss = label_smoothed_loss(model(batch[0], decoder_input), labels)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=clip)
    optimizer.step()
    if scheduler is not None:
        scheduler.step()
    model.train(was)
    return {"gradient_norm": norm, "loss": loss, "tokens": torch.count_nonzero(labels)}


def step_set_to_zero(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    optimizer.zero_grad(set_to_none=False)
    model.train()
    source, target = batch
    enabled = {"fp32": False, "bf16": True}[precision]
    with torch.amp.autocast(source.device.type, dtype=torch.bfloat16, enabled=enabled):
        logits = model(source, target[:, :-1])
    loss = label_smoothed_loss(logits.to(torch.float32), target[:, 1:])
    loss.backward()
    norm = torch.nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
    torch.nn.utils.clip_grads_with_norm_(model.parameters(), clip, norm)
    optimizer.step()
    scheduler.step() if scheduler is not None else None
    return {"loss": loss.detach().reshape(1), "tokens": (target[:, 1:] > 0).sum(), "gradient_norm": norm}


def step_numbers(model, batch, optimizer, scheduler=None, clip=1.0, precision="fp32"):
    result = train_step(model, batch, optimizer, scheduler, clip, precision)
    return {name: float(value) for name, value in result.items()} | {"rate": optimizer.param_groups[0]["lr"]}
