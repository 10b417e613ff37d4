"""Lesson 8, measuring: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from helpers.decoder import teacher_forcing_pair
from helpers.training import evaluate, label_smoothed_loss

# --- wrong -----------------------------------------------------------------------------------------------------------


def _measured(model, batches):
    """For each batch: (sum of the losses, right labels, real labels), in evaluation mode, without gradients."""
    training = model.training
    model.eval()
    with torch.no_grad():
        rows = [_one(model, batch) for batch in batches]
    model.train(training)
    return torch.tensor(rows, dtype=torch.float64)


def _one(model, batch):
    decoder_input, labels = teacher_forcing_pair(batch[1])
    logits = model(batch[0], decoder_input)
    real = labels != 0
    losses = F.cross_entropy(logits[real], labels[real], reduction="sum")
    return losses.item(), (logits.argmax(-1)[real] == labels[real]).sum().item(), real.sum().item()


def _results(loss, accuracy, perplexity=None):
    return {"loss": loss, "perplexity": torch.exp(loss) if perplexity is None else perplexity, "accuracy": accuracy}


def evaluate_mean_of_means(model, batches):
    loss, right, count = _measured(model, batches).T
    return _results((loss / count).mean(), (right / count).mean())


def evaluate_mean_accuracy(model, batches):
    loss, right, count = _measured(model, batches).T
    return _results(loss.sum() / count.sum(), (right / count).mean())


def evaluate_mean_perplexity(model, batches):
    loss, right, count = _measured(model, batches).T
    return _results(loss.sum() / count.sum(), right.sum() / count.sum(), (loss / count).exp().mean())


def _all_places(model, batches):
    """The losses of all places, padded ones too, their labels and the most probable words."""
    training = model.training
    model.eval()
    with torch.no_grad():
        pairs = [(model(source, target[:, :-1]), target[:, 1:]) for source, target in batches]
    model.train(training)
    losses = torch.cat([F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none") for logits, y in pairs])
    return losses, torch.cat([y.flatten() for _, y in pairs]), torch.cat([x.argmax(-1).flatten() for x, _ in pairs])


def evaluate_padding_loss(model, batches):
    losses, labels, guesses = _all_places(model, batches)
    return _results(losses.mean(), (labels == guesses)[labels != 0].float().mean())


def evaluate_padding_accuracy(model, batches):
    losses, labels, guesses = _all_places(model, batches)
    right = (labels == guesses) & (labels != 0)
    return _results(losses[labels != 0].mean(), right.float().mean())


def evaluate_smoothed(model, batches):
    training = model.training
    model.eval()
    with torch.no_grad():
        pairs = [(model(source, target[:, :-1]), target[:, 1:]) for source, target in batches]
    model.train(training)
    count = sum((labels != 0).sum() for _, labels in pairs)
    loss = sum(label_smoothed_loss(*pair) * (pair[1] != 0).sum() for pair in pairs) / count
    return _results(loss, evaluate(model, batches)["accuracy"])


def evaluate_base_two(model, batches):
    result = evaluate(model, batches)
    return result | {"perplexity": 2 ** result["loss"]}


def evaluate_percent(model, batches):
    result = evaluate(model, batches)
    return result | {"accuracy": 100 * result["accuracy"]}


def evaluate_sentences(model, batches):
    result = evaluate(model, batches)
    training = model.training
    model.eval()
    with torch.no_grad():
        rows = [((model(s, t[:, :-1]).argmax(-1) == t[:, 1:]) | (t[:, 1:] == 0)).all(dim=1) for s, t in batches]
    model.train(training)
    return result | {"accuracy": torch.cat(rows).float().mean()}


def evaluate_sum(model, batches):
    loss, right, count = _measured(model, batches).T
    return _results(loss.sum(), right.sum() / count.sum())


def evaluate_last_batch(model, batches):
    return evaluate(model, batches[-1:])


def evaluate_not_shifted(model, batches):
    training = model.training
    model.eval()
    with torch.no_grad():
        pairs = [(model(source, target), target) for source, target in batches]
    model.train(training)
    logits = torch.cat([x[y != 0] for x, y in pairs])
    labels = torch.cat([y[y != 0] for _, y in pairs])
    return _results(F.cross_entropy(logits, labels), (logits.argmax(-1) == labels).float().mean())


def evaluate_training_mode(model, batches):
    with torch.no_grad():
        loss, right, count = torch.tensor([_one(model, batch) for batch in batches]).T
    return _results(loss.sum() / count.sum(), right.sum() / count.sum())


def evaluate_not_restored(model, batches):
    result = evaluate(model, batches)
    model.eval()
    return result


def evaluate_always_training(model, batches):
    result = evaluate(model, batches)
    model.train()
    return result


def evaluate_gradients(model, batches):
    training = model.training
    model.eval()
    loss, right, count = torch.tensor([_one(model, batch) for batch in batches]).T
    model.train(training)
    return _results(loss.sum() / count.sum(), right.sum() / count.sum())


# --- right ----------------------------------------------------------------------------------------------------------


def evaluate_per_sentence(model, batches):
    was_training, total, right, count = model.training, 0.0, 0, 0
    model.eval()
    with torch.no_grad():
        for source, target in batches:
            for row in range(len(source)):
                words = [number for number in target[row].tolist() if number != 0]
                logits = model(source[row : row + 1], torch.tensor([words[:-1]]))[0]
                for place, label in enumerate(words[1:]):
                    total -= logits[place].log_softmax(0)[label].item()
                    right += int(logits[place].argmax().item() == label)
                    count += 1
    if was_training:
        model.train()
    return {"loss": total / count, "perplexity": math.exp(total / count), "accuracy": right / count}


def evaluate_selected(model, batches):
    loss, right, count = _measured(model, batches).sum(dim=0).tolist()
    return {"accuracy": right / count, "loss": loss / count, "perplexity": math.e ** (loss / count)}


@torch.inference_mode()
def evaluate_decorated(model, batches):
    mode = model.training
    model.train(False)
    losses, hits = [], []
    for source, target in batches:
        inputs, labels = teacher_forcing_pair(target)
        logits = model(source, inputs)
        losses.append(F.cross_entropy(logits.transpose(1, 2), labels, ignore_index=0, reduction="none")[labels > 0])
        hits.append((logits.max(dim=-1).indices == labels)[labels > 0])
    model.train(mode)
    loss = torch.cat(losses).mean()
    return {"loss": loss, "perplexity": loss.exp(), "accuracy": torch.cat(hits).double().mean()}


def evaluate_collected(model, batches):
    losses, labels, guesses = _all_places(model, batches)
    real = labels.ne(0)
    loss = losses.masked_select(real).mean().reshape(1)
    accuracy = torch.eq(labels, guesses).masked_select(real).float().mean().item()
    return {"loss": loss, "perplexity": torch.exp(loss), "accuracy": accuracy, "labels": int(real.sum())}
