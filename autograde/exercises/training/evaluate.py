"""evaluate: how good is it on unseen sentences?"""

import math

import numpy as np
import torch
import torch.nn.functional as F

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.training.common import numbers, random_batch, small_model, zeros
from autograde.harness.call import MAIN, FunctionCall
from autograde.harness.plain import TensorData
from helpers.decoder import teacher_forcing_pair
from helpers.training import evaluate, label_smoothed_loss


def calls(rng):
    def batches():
        return [
            random_batch(rng, (6, 4, 3), (7, 3, 5)),
            random_batch(rng, (5,), (8,)),
            random_batch(rng, (4, 2), (3, 4)),
        ]

    by_hand = [
        (TensorData(np.array([[1, 4, 2]])), TensorData(np.array([[1, 5, 6, 2, 0], [1, 7, 2, 0, 0]])[row:end]))
        for row, end in ((0, 1), (1, 2))
    ]
    report = ("output", "args")

    def model(mode="train", right_mode="eval"):
        return small_model(rng, 1.0, mode, right_mode)

    return [
        FunctionCall(
            (zeros("eval", "eval"), by_hand),
            report=report,
            note="by hand: all 8 words are equally probable: loss log 8 = 2.079, perplexity 8",
        ),
        FunctionCall((model("eval"), batches()), report=report),
        FunctionCall((model("eval"), batches()[::-1]), report=report, note="batches of another size each"),
        FunctionCall(
            (model("eval"), [random_batch(rng, (3, 9, 4, 5), (4, 6, 9, 3))]), report=report, note="a single batch"
        ),
        FunctionCall(
            (model("train"), batches()), report=report, part="mode", note="the model is in training mode before"
        ),
        FunctionCall(
            (model("eval"), batches()), report=report, part="mode", note="the model is in evaluation mode before"
        ),
        FunctionCall(
            (model("eval"), batches()), report=report, part="no gradients", note="are gradients recorded meanwhile?"
        ),
    ]


def projection(call, value):
    found = numbers(value["output"], ("loss", "perplexity", "accuracy"))
    model = value["args"]["0"]
    if call.part == "mode":
        found["training mode afterwards"] = model["training"]
    if call.part == "no gradients":
        found["gradients recorded"] = bool(model["buffers"]["seen"].array[0])
    return found


EXERCISE = Exercise(
    name="evaluate",
    title="how good is it on unseen sentences?",
    points=4,
    minutes=10,
    hints=(
        "Batches have different numbers of labels, so a mean of their means is wrong. Add up the loss of all real labels, "
        "the number of right ones, and the number of real labels; divide at the end, once.",
        "`label_smoothed_loss(logits, labels, smoothing=0.0) * real.sum()` is a batch's sum. The right ones are "
        "`(logits.argmax(dim=-1) == labels) & real`. Call `model.eval()` before and `model.train(training)`, with "
        "the mode from before, afterwards; put `torch.no_grad()` around it all. The perplexity is exp of the final "
        "loss.",
    ),
    reference=evaluate,
    make_calls=calls,
    parts={MAIN: 0.7, "mode": 0.2, "no gradients": 0.1},
    projection=projection,
    forbidden=libraries.TRAINER,
)


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


@EXERCISE.wrong(
    "mean of the batches' means",
    "Each batch has the same weight, however many labels it has. Add up over all labels, divide once.",
)
def mean_of_means(model, batches):
    loss, right, count = _measured(model, batches).T
    return _results((loss / count).mean(), (right / count).mean())


@EXERCISE.wrong(
    "accuracy as a mean of batches",
    "The loss is right; the accuracy is a mean of the batches' shares. Divide all right labels by all labels.",
)
def mean_accuracy(model, batches):
    loss, right, count = _measured(model, batches).T
    return _results(loss.sum() / count.sum(), (right / count).mean())


@EXERCISE.wrong(
    "mean of the batches' perplexities", "The perplexity is a mean over batches. It is exp of the loss over all labels."
)
def mean_perplexity(model, batches):
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


@EXERCISE.wrong("padding in the loss", "Padded labels count in the loss.")
def padding_loss(model, batches):
    losses, labels, guesses = _all_places(model, batches)
    return _results(losses.mean(), (labels == guesses)[labels != 0].float().mean())


@EXERCISE.wrong(
    "padding in the accuracy", "The accuracy is divided by all places, padded ones too. Only real labels count."
)
def padding_accuracy(model, batches):
    losses, labels, guesses = _all_places(model, batches)
    right = (labels == guesses) & (labels != 0)
    return _results(losses[labels != 0].mean(), right.float().mean())


@EXERCISE.wrong(
    "loss with smoothing", "The labels are smoothed. For measuring, take the plain cross-entropy: `smoothing=0.0`."
)
def smoothed(model, batches):
    training = model.training
    model.eval()
    with torch.no_grad():
        pairs = [(model(source, target[:, :-1]), target[:, 1:]) for source, target in batches]
    model.train(training)
    count = sum((labels != 0).sum() for _, labels in pairs)
    loss = sum(label_smoothed_loss(*pair) * (pair[1] != 0).sum() for pair in pairs) / count
    return _results(loss, evaluate(model, batches)["accuracy"])


@EXERCISE.wrong("perplexity of base 2", "The perplexity is 2 to the loss. The loss is in nats, so it is exp of it.")
def base_two(model, batches):
    result = evaluate(model, batches)
    return result | {"perplexity": 2 ** result["loss"]}


@EXERCISE.wrong("accuracy in percent", "The accuracy is in percent. Shares are between 0 and 1 here.")
def percent(model, batches):
    result = evaluate(model, batches)
    return result | {"accuracy": 100 * result["accuracy"]}


@EXERCISE.wrong(
    "whole sentences counted",
    "The accuracy is the share of sentences without a mistake. Here it is the share of labels.",
)
def sentences(model, batches):
    result = evaluate(model, batches)
    training = model.training
    model.eval()
    with torch.no_grad():
        rows = [((model(s, t[:, :-1]).argmax(-1) == t[:, 1:]) | (t[:, 1:] == 0)).all(dim=1) for s, t in batches]
    model.train(training)
    return result | {"accuracy": torch.cat(rows).float().mean()}


@EXERCISE.wrong("sum in place of the mean", "The loss is added up over all labels. Divide by their number.")
def summed(model, batches):
    loss, right, count = _measured(model, batches).T
    return _results(loss.sum(), right.sum() / count.sum())


@EXERCISE.wrong(
    "only the last batch", "Only the last batch counts. Set the sums to 0 before the loop, and add to them in it."
)
def last_batch(model, batches):
    return evaluate(model, batches[-1:])


@EXERCISE.wrong(
    "target not shifted",
    "The decoder reads the very words that it has to predict. `teacher_forcing_pair` gives what it reads and "
    "what it predicts.",
)
def not_shifted(model, batches):
    training = model.training
    model.eval()
    with torch.no_grad():
        pairs = [(model(source, target), target) for source, target in batches]
    model.train(training)
    logits = torch.cat([x[y != 0] for x, y in pairs])
    labels = torch.cat([y[y != 0] for _, y in pairs])
    return _results(F.cross_entropy(logits, labels), (logits.argmax(-1) == labels).float().mean())


@EXERCISE.wrong(
    "measured in training mode",
    "The model stays in training mode, so dropout disturbs the measurement. Call `model.eval()` first.",
)
def training_mode(model, batches):
    with torch.no_grad():
        loss, right, count = torch.tensor([_one(model, batch) for batch in batches]).T
    return _results(loss.sum() / count.sum(), right.sum() / count.sum())


@EXERCISE.wrong(
    "mode not restored", "The model stays in evaluation mode afterwards. Put it back into the mode it was in."
)
def not_restored(model, batches):
    result = evaluate(model, batches)
    model.eval()
    return result


@EXERCISE.wrong(
    "always in training mode afterwards",
    "The model is in training mode afterwards, whatever it was before. Remember `model.training` at the start.",
)
def always_training(model, batches):
    result = evaluate(model, batches)
    model.train()
    return result


@EXERCISE.wrong(
    "gradients recorded",
    "PyTorch keeps everything for a backward pass that never comes. Measure inside `with torch.no_grad():`.",
)
def gradients(model, batches):
    training = model.training
    model.eval()
    loss, right, count = torch.tensor([_one(model, batch) for batch in batches]).T
    model.train(training)
    return _results(loss.sum() / count.sum(), right.sum() / count.sum())


@EXERCISE.wrong(
    "padding among the right labels",
    "Padded places count in the accuracy, even as right where the model says 0. Only real labels count.",
)
def padding_right(model, batches):
    losses, labels, guesses = _all_places(model, batches)
    return _results(losses[labels != 0].mean(), (labels == guesses).float().mean())


@EXERCISE.wrong(
    "loss as a mean of batches",
    "The accuracy is right; the loss is a mean of the batches' means. Multiply each by its number of real labels, add them "
    "up, and divide by all labels.",
)
def mean_loss(model, batches):
    loss, right, count = _measured(model, batches).T
    return _results((loss / count).mean(), right.sum() / count.sum())


@EXERCISE.wrong(
    "batches weighted by their sentences",
    "The accuracy is right; in the loss a batch counts by its number of sentences. Multiply its mean by its number of real "
    "labels, and divide by all labels.",
)
def weighted_by_sentences(model, batches):
    loss, right, count = _measured(model, batches).T
    sentences = torch.tensor([float(len(source)) for source, _ in batches], dtype=torch.float64)
    return _results((loss / count * sentences).sum() / sentences.sum(), right.sum() / count.sum())


@EXERCISE.wrong("only the first batch", "Only the first batch counts. Add up over all batches, then divide and return.")
def first_batch(model, batches):
    return evaluate(model, batches[:1])


@EXERCISE.wrong(
    "loss divided by all places",
    "The loss is divided by all places, padded ones too. Divide by the number of real labels.",
)
def loss_by_places(model, batches):
    losses, labels, guesses = _all_places(model, batches)
    return _results(losses[labels != 0].sum() / labels.numel(), (labels == guesses)[labels != 0].float().mean())


@EXERCISE.variant
def per_sentence(model, batches):
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


@EXERCISE.variant
def selected(model, batches):
    loss, right, count = _measured(model, batches).sum(dim=0).tolist()
    return {"accuracy": right / count, "loss": loss / count, "perplexity": math.e ** (loss / count)}


@EXERCISE.variant
@torch.inference_mode()
def decorated(model, batches):
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


@EXERCISE.variant
def collected(model, batches):
    losses, labels, guesses = _all_places(model, batches)
    real = labels.ne(0)
    loss = losses.masked_select(real).mean().reshape(1)
    accuracy = torch.eq(labels, guesses).masked_select(real).float().mean().item()
    return {"loss": loss, "perplexity": torch.exp(loss), "accuracy": accuracy, "labels": int(real.sum())}
