"""Lesson 7, the debugging clinic: six broken pieces to repair. Every check looks at the repair alone."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Call, Exercise, Made, Misconception
from autograde.exercises.mistakes import clinic as code
from autograde.plain import TensorData
from helpers.clinic import (
    RepairedDecoderBlock,
    repair_attend,
    repair_fit,
    repair_generate,
    repair_loss,
    repair_sentence_vectors,
)

LESSON = "07_decoder"


def _floats(array):
    return TensorData(np.asarray(array, dtype=np.float32))


def _normal(rng, *shape, scale=1.0):
    return _floats(rng.normal(size=shape) * scale)


def _ids(array):
    return TensorData(np.asarray(array, dtype=np.int64))


# --- repair_fit -----------------------------------------------------------------------------------------------------


def _labels(rng, n, words):
    """Every word is somebody's label, in a random order."""
    return _ids(rng.permutation(np.arange(n) % words))


def _fit_calls(rng):
    def model(words, width, bias=True):
        weight = (rng.normal(size=(words, width)) * 0.5).astype(np.float32)
        return Made("linear", (weight, (rng.normal(size=words) * 0.5).astype(np.float32)) if bias else (weight,))

    report = ("output", "args")
    return [
        Call(
            (
                Made("linear", (np.zeros((2, 3), np.float32),)),
                _floats([[1, 0, 2], [0, 1, 0], [1, 1, 0], [0, 0, 0]]),
                _ids([0, 1, 0, 1]),
                2,
                0.5,
            ),
            report=report,
            note="by hand: all weights are 0, so both words get 1/2 and the first loss is log 2 = 0.693",
        ),
        Call((model(5, 4), _normal(rng, 7, 4), _labels(rng, 7, 5), 6, 0.3), report=report),
        Call((model(3, 6, bias=False), _normal(rng, 8, 6), _labels(rng, 8, 3), 4, 0.1), report=report),
    ]


def _fit_view(call, value):
    """The losses as float32: they are a list of numbers, or of tensors with one number each."""
    losses = value["output"].array if isinstance(value["output"], TensorData) else value["output"]
    losses = np.array([getattr(loss, "array", loss) for loss in losses], dtype=np.float32)
    return {"losses": losses, "weights after": value["args"]["0"]["parameters"]}


FIT = Exercise(
    name="repair_fit",
    lesson=LESSON,
    title="the loss does not move",
    points=2,
    minutes=5,
    extra=True,
    hints=(
        "Follow the way from the loss back to the weights. Is there a place where a tensor that knows how it was "
        "computed becomes a plain number? What does `model.weight.grad` hold after `backward()`?",
        "Pick the numbers out of `log_probabilities` by indexing with two tensors, the row numbers "
        "(`torch.arange`) and the labels. No `.item()` and no `torch.tensor` before `backward`.",
    ),
    reference=repair_fit,
    make_calls=_fit_calls,
    view=_fit_view,
    misconceptions=(
        Misconception(
            "gradient cut off",
            code.fit_broken,
            "The weights never change, so all losses are the same. `.item()`, `.detach()` and `torch.tensor(...)` give "
            "numbers without a history, and `requires_grad=True` does not bring it back: index the tensor instead. The "
            "order is `zero_grad`, `backward`, `step`.",
        ),
        Misconception(
            "gradients add up",
            code.fit_gradients_add_up,
            "The first step is right, the later ones are too large: `backward` adds to the gradients that are there. "
            "Keep `optimizer.zero_grad()` before `backward()`.",
        ),
        Misconception(
            "minus sign lost",
            code.fit_minus_lost,
            "The loss is negative, and training lowers the probability of the right words. The loss is *minus* the "
            "mean logarithm.",
        ),
        Misconception(
            "sum in place of the mean",
            code.fit_sum,
            "The losses are added up over the rows. Take the mean, so that loss and step do not grow with the batch.",
        ),
        Misconception(
            "loss taken after the update",
            code.fit_loss_after_the_step,
            "The weights are right, the list begins one step late. Record the loss that `backward` was called on.",
        ),
        Misconception(
            "step before backward",
            code.fit_step_too_early,
            "Every update comes one step late, so the first two losses are the same. `optimizer.step()` stands after "
            "`loss.backward()`.",
        ),
        Misconception(
            "a copy is trained",
            code.fit_a_copy,
            "The losses are right, but the model that was handed in is as before: a copy was trained. Train `model` "
            "itself.",
        ),
        Misconception(
            "another optimizer",
            code.fit_adam,
            "The steps are those of Adam. Plain gradient descent is asked for: `torch.optim.SGD`, as in the broken code.",
        ),
        Misconception(
            "softmax twice",
            code.fit_softmax_twice,
            "`F.cross_entropy` contains the softmax. Give it the logits, not probabilities.",
        ),
        Misconception(
            "probability without its logarithm",
            code.fit_probability,
            "The mean probability of the labels is trained here. The cross-entropy takes its logarithm first.",
        ),
        Misconception(
            "largest word in place of the label",
            code.fit_largest_word,
            "The model is rewarded for its own favourite word: `labels` is not used. Pick the column that the label "
            "names.",
        ),
    ),
    variants=(code.fit_cross_entropy, code.fit_stacked_rows, code.fit_by_hand, code.fit_one_hot),
)

# --- repair_attend --------------------------------------------------------------------------------------------------


def _attend_calls(rng):
    return [
        Call(
            (
                _floats(np.zeros((1, 3, 4))),
                _floats(np.zeros((1, 3, 4))),
                _floats([[[6, 0], [0, 2], [3, 4]]]),
            ),
            note="by hand: all scores are 0, so each row is the mean of the values up to there: 6 0, 3 1, 3 2",
        ),
        Call((_normal(rng, 3, 5, 4), _normal(rng, 3, 5, 4), _normal(rng, 3, 5, 2))),
        Call((_normal(rng, 2, 6, 3, scale=2.0), _normal(rng, 2, 6, 3, scale=2.0), _normal(rng, 2, 6, 5))),
        Call((_normal(rng, 4, 1, 5), _normal(rng, 4, 1, 5), _normal(rng, 4, 1, 3)), note="one word alone"),
    ]


ATTEND = Exercise(
    name="repair_attend",
    lesson=LESSON,
    title="the loss is too good to be true",
    points=2,
    minutes=5,
    hints=(
        "At position 2 the model has to predict word 3. Which words does position 2 attend to, in the broken code?",
        "Make a boolean matrix that is True on and below the diagonal (`torch.ones_like`, then `tril`), and fill the "
        "scores with minus infinity where it is False. The softmax comes after that.",
    ),
    reference=repair_attend,
    make_calls=_attend_calls,
    misconceptions=(
        Misconception(
            "still looks ahead",
            code.attend_broken,
            "Every position attends to all words, also to those after it. Training then shows it the answer. Hide the "
            "keys after each query before the softmax.",
        ),
        Misconception(
            "mask upside down",
            code.attend_upside_down,
            "Each word sees itself and what comes *after* it. `tril` keeps the lower triangle: rows are queries, columns "
            "are keys.",
        ),
        Misconception(
            "does not see itself",
            code.attend_not_itself,
            "The diagonal is hidden, too, so the first word has nothing to attend to. A word may attend to itself: it "
            "is known when the next one is predicted.",
        ),
        Misconception(
            "sees one word ahead",
            code.attend_one_too_far,
            "One diagonal too many is visible, and that is the word to be predicted. The main diagonal is the last one.",
        ),
        Misconception(
            "only itself",
            code.attend_only_itself,
            "Each word attends to itself alone. What stands before it is known and may be read, too.",
        ),
        Misconception(
            "only one word back",
            code.attend_one_back,
            "Each word sees itself and one word before it. All earlier words may be attended to.",
        ),
        Misconception(
            "mask after the softmax",
            code.attend_mask_after_softmax,
            "The weights are cut after the softmax, so they no longer sum to 1. Mask the scores, then take the softmax.",
        ),
        Misconception(
            "hidden scores set to 0",
            code.attend_zeros,
            "A score of 0 is no ban: $e^0 = 1$ still gets a share. Hidden scores become minus infinity.",
        ),
        Misconception(
            "scaling lost",
            code.attend_no_scaling,
            "The mask is right. The division by the square root of the width was lost in the repair.",
        ),
        Misconception(
            "softmax over the queries",
            code.attend_over_queries,
            "The columns sum to 1 here. Each query shares out its attention over the keys: softmax along the last axis.",
        ),
        Misconception(
            "mean of the earlier words",
            code.attend_running_mean,
            "All visible words get the same share. The scores decide about the shares: keep them, and mask them.",
        ),
    ),
    variants=(
        code.attend_torch,
        code.attend_word_by_word,
        code.attend_added_mask,
        code.attend_renormalized,
        code.attend_large_negative,
    ),
)

# --- repair_generate ------------------------------------------------------------------------------------------------


def _clear_words(table, start, steps):
    """Is the most probable word clear at every step, in every row, so that no rounding decides?"""
    for row in start:
        total = table[row].sum(axis=0)
        for _ in range(steps):
            second, first = np.sort(total)[-2:]
            if first - second < 0.05:
                return False
            total = total + table[int(total.argmax())]
    return True


def _generate_call(rng, words, batch, n, steps):
    while True:
        # a word makes itself less probable, so that the right answer is no monotone text
        table = (rng.normal(size=(words, words)) * 2 - 3 * np.eye(words)).astype(np.float32)
        start = rng.integers(words, size=(batch, n))
        if _clear_words(table, start, steps):
            return Call((Made("word_sums", (table,)), _ids(start), steps))


def _generate_calls(rng):
    table = np.array([[-4, 2, 0, 1], [1, -3, 3, 0], [1, 0, -3, 5], [3, 1, 0, -4]], np.float32)
    return [
        Call(
            (Made("word_sums", (table,)), _ids([[3, 0]]), 3),
            note="by hand: the model adds the rows of a table; rows 3 and 0 give -1 3 0 -3, so the first new word is 1",
        ),
        _generate_call(rng, 7, 3, 2, 6),
        _generate_call(rng, 9, 4, 3, 5),
        _generate_call(rng, 6, 2, 5, 7),
    ]


GENERATE = Exercise(
    name="repair_generate",
    lesson=LESSON,
    title="the same word, again and again",
    points=2,
    minutes=5,
    extra=True,
    hints=(
        "The model gives logits at *every* position: each position predicts the word after it. Which position "
        "predicts the word that is still missing?",
        "The axes of `logits` are batch, position, word. Index the position axis so that you get the newest one; "
        "Python counts from the end with negative numbers.",
    ),
    reference=repair_generate,
    make_calls=_generate_calls,
    lenient=("dtype",),
    misconceptions=(
        Misconception(
            "reads the first position",
            code.generate_broken,
            "The logits at position 0 predict the word after the first one, and a causal model never changes them. "
            "Read those of the last position.",
        ),
        Misconception(
            "does not move on",
            code.generate_stuck,
            "The same prediction is made at every step, the one at the end of `start`. The model has to read the words "
            "that were appended, and the position to look at moves with them.",
        ),
        Misconception(
            "only the newest word is read",
            code.generate_newest_only,
            "From the second step on the model sees one word alone. Give it all words so far, `start` among them.",
        ),
        Misconception(
            "last position but one",
            code.generate_last_but_one,
            "The position before the last is read; it predicts the newest word, which is there already. The last "
            "position predicts the missing one.",
        ),
        Misconception(
            "mean over the positions",
            code.generate_mean,
            "The logits of all positions are averaged. They predict different words; the last position alone predicts "
            "the missing one.",
        ),
        Misconception(
            "least probable word",
            code.generate_least_probable,
            "The word with the smallest logit is taken. A large logit stands for a probable word.",
        ),
        Misconception(
            "second best word",
            code.generate_runner_up,
            "The second most probable word is taken. Greedy decoding takes the most probable one, also when it repeats "
            "itself.",
        ),
        Misconception(
            "start returned, too",
            code.generate_with_start,
            "The result begins with `start`. Return the new words alone.",
        ),
        Misconception(
            "first row decides for all",
            code.generate_first_row_for_all,
            "All rows get the word of row 0. Take the largest logit of each row.",
        ),
        Misconception(
            "everything in one pass",
            code.generate_all_at_once,
            "All new words are read from one pass over padding. A word depends on the words chosen before it: call the "
            "model once for each.",
        ),
    ),
    variants=(code.generate_list, code.generate_row_by_row, code.generate_in_place, code.generate_recursive),
)

# --- repair_loss ----------------------------------------------------------------------------------------------------


def _loss_calls(rng):
    labels = rng.integers(6, size=(3, 4))
    # some words are near to each other, two are far below: as probabilities they are rounded to 0
    far = rng.permuted(np.tile([-300.0, -120.0, -0.7, 0.0, 1.0, 1.5], (3, 4, 1)), axis=2)
    far[0, 0, labels[0, 0]], far[1, 2, labels[1, 2]] = 500.0, -500.0
    level = rng.normal(size=(2, 5, 4)) * 3 + np.array([1000.0, -1000.0])[:, np.newaxis, np.newaxis]
    return [
        Call(
            (_floats(np.log([[[1.0, 2.0, 5.0], [4.0, 2.0, 2.0]]])), _ids([[2, 1]])),
            note="by hand: the labels have the probabilities 5/8 and 1/4",
        ),
        Call((_floats([[[0.0, 200.0, 0.0]]]), _ids([[0]])), note="by hand: the label's logit is 200 below the best"),
        Call((_normal(rng, 2, 3, 5, scale=2.0), _ids(rng.integers(5, size=(2, 3))))),
        Call((_floats(far), _ids(labels)), note="logits between -500 and 500"),
        Call((_floats(level), _ids(rng.integers(4, size=(2, 5)))), note="logits near 1000 and near -1000"),
    ]


LOSS = Exercise(
    name="repair_loss",
    lesson=LESSON,
    title="NaN after some steps",
    points=2,
    minutes=5,
    extra=True,
    hints=(
        "Compute by hand: a word's logit is 200 below the best one. What is its probability in float32, what is the "
        "logarithm of that, and what is 0 times that?",
        "Never take the logarithm of a probability. The logarithm of the softmax is the logit, minus the largest logit "
        "of its row, minus the logarithm of the sum of `exp` of such differences. (PyTorch has it ready, too.)",
    ),
    reference=repair_loss,
    make_calls=_loss_calls,
    misconceptions=(
        Misconception(
            "0 times minus infinity",
            code.loss_broken,
            "Far from the best word the softmax is rounded to 0. Its logarithm is minus infinity, and 0 times that is "
            "NaN. Compute the logarithm of the softmax directly, from the logits.",
        ),
        Misconception(
            "logarithm of a rounded 0",
            code.loss_picked_from_probabilities,
            "Picking the label avoids 0 times infinity, but its own probability can be rounded to 0, too: the loss "
            "becomes infinite. Compute the logarithm of the softmax directly, from the logits.",
        ),
        Misconception(
            "NaN replaced by 0",
            code.loss_nan_to_zero,
            "The loss is 0 now where it was NaN: the model looks perfect and learns nothing. Remove the cause, not the "
            "NaN.",
        ),
        Misconception(
            "infinite terms dropped",
            code.loss_terms_to_zero,
            "A word that the model holds for impossible costs nothing here, though it should cost most. Compute the "
            "logarithm of the softmax directly, from the logits.",
        ),
        Misconception(
            "floor under the probabilities",
            code.loss_small_number_added,
            "No NaN, but the loss of a word ends at about 20 and has no gradient there, exactly where the model is most "
            "wrong. Compute the logarithm of the softmax directly, from the logits.",
        ),
        Misconception(
            "logits clipped",
            code.loss_logits_clipped,
            "Clipped logits give another loss, and no gradient outside the borders. The differences to the largest "
            "logit are safe as they are.",
        ),
        Misconception(
            "largest logit not subtracted",
            code.loss_maximum_not_subtracted,
            "The logarithm is rearranged, but `exp` of a large logit is infinity. Subtract the largest logit of each "
            "row first.",
        ),
        Misconception(
            "one maximum for all rows",
            code.loss_one_maximum,
            "The largest logit of the whole batch is subtracted, so a row far below it becomes the logarithm of 0. "
            "Give `max` the last axis, with `keepdim=True`.",
        ),
        Misconception(
            "softmax twice",
            code.loss_softmax_twice,
            "`F.cross_entropy` and `log_softmax` contain the softmax. Give them the logits, not probabilities.",
        ),
        Misconception(
            "sum in place of the mean",
            code.loss_sum,
            "The losses of all positions are added up. Take the mean.",
        ),
        Misconception(
            "divided by the words, too",
            code.loss_divided_by_words_too,
            "The mean runs over all words of the vocabulary as well. Sum over the words first, then take the mean over "
            "the positions.",
        ),
        Misconception(
            "minus sign lost",
            code.loss_minus_lost,
            "The logarithm of a probability is negative, a loss is not. It is *minus* the mean logarithm.",
        ),
        Misconception(
            "softmax over the positions",
            code.loss_over_positions,
            "The shares are taken over the positions. A position chooses among the words: the last axis.",
        ),
    ),
    variants=(code.loss_torch, code.loss_flat, code.loss_logsumexp, code.loss_one_hot, code.loss_loop),
)

# --- RepairedDecoderBlock -------------------------------------------------------------------------------------------


def _block_weights(rng, d_model):
    weights = {
        f"{attention}.{name}.weight": rng.normal(size=(d_model, d_model)) * 0.6
        for attention in ("self_attention", "cross_attention")
        for name in ("query", "key", "value", "out")
    }
    for add_norm in ("add_norm_1", "add_norm_2"):
        weights[f"{add_norm}.norm.gamma"] = 1 + rng.normal(size=d_model) * 0.3
        weights[f"{add_norm}.norm.beta"] = rng.normal(size=d_model) * 0.3
    return {name: array.astype(np.float32) for name, array in weights.items()}


def _block_calls(rng):
    still = {name: np.zeros_like(array) for name, array in _block_weights(rng, 2).items()}
    for name in ("add_norm_1.norm.gamma", "add_norm_2.norm.gamma"):
        still[name] = np.ones(2, np.float32)
    for name in ("value", "out"):
        still[f"cross_attention.{name}.weight"] = np.eye(2, dtype=np.float32)
    return [
        Call(
            (_floats([[[5, 1]]]), _floats([[[0, 6], [0, 10]]])),
            new=(2, 1),
            weights=still,
            note="by hand: self-attention adds 0, and 5 1 is normalized to 1 -1; cross-attention adds the mean of the "
            "source, 0 8; the sum 1 7 is normalized to -1 1",
        ),
        Call(
            (_normal(rng, 2, 3, 6), _normal(rng, 2, 5, 6)),
            new=(6, 3),
            weights=_block_weights(rng, 6),
            report=("output", "parameters", "input_gradients"),
            note="three target words, five source words",
        ),
        Call(
            (_normal(rng, 3, 5, 4), _normal(rng, 3, 5, 4)),
            new=(4, 2),
            weights=_block_weights(rng, 4),
            report=("output", "parameters", "input_gradients"),
            note="as many source words as target words",
        ),
    ]


BLOCK = Exercise(
    name="RepairedDecoderBlock",
    lesson=LESSON,
    title="the source makes no difference",
    points=2,
    minutes=5,
    extra=True,
    hints=(
        "Take a pencil and follow `memory` from line to line. Which result does it flow into, and where does that result "
        "go?",
        "`forward` has four lines: attend within the target, add and normalize, attend to the source, add and "
        "normalize. Each add & norm gets what the attention in the line above it has returned.",
    ),
    reference=RepairedDecoderBlock,
    make_calls=_block_calls,
    misconceptions=(
        Misconception(
            "what was read from the source is thrown away",
            code.BlockBroken,
            "Cross-attention runs, but its result is not used: the second add & norm adds the result of self-attention "
            "once more. Give it what cross-attention has returned.",
        ),
        Misconception(
            "cross-attention attends to the target",
            code.BlockAttendsToItself,
            "Without key and value inputs `MultiHeadAttention` attends to its query input. Give it `memory`, too.",
        ),
        Misconception(
            "roles exchanged",
            code.BlockRolesExchanged,
            "The source asks and the target answers. It is the other way round: queries from `x`, keys and values from "
            "`memory`.",
        ),
        Misconception(
            "keys from the target",
            code.BlockKeysFromTarget,
            "Keys and values come from different sentences here. Both are `memory`.",
        ),
        Misconception(
            "values from the target",
            code.BlockValuesFromTarget,
            "The keys come from the source, but what is handed over is `x` again. Keys *and values* are `memory`.",
        ),
        Misconception(
            "queries from the source",
            code.BlockAllFromMemory,
            "Cross-attention gets `memory` alone, so the source attends to itself. The queries are `x`.",
        ),
        Misconception(
            "residual connection lost",
            code.BlockResidualLost,
            "The result of cross-attention is normalized alone. `add_norm_2` adds it to `x` first.",
        ),
        Misconception(
            "no gradient to the encoder",
            code.BlockMemoryDetached,
            "The output is right, but `memory` gets no gradient, so the encoder would never learn. Leave out `detach` "
            "and `no_grad`.",
        ),
        Misconception(
            "mean of the source added",
            code.BlockMemoryAveraged,
            "Every target word gets the same mean of the source. Each chooses for itself: use `cross_attention`.",
        ),
        Misconception(
            "both results added",
            code.BlockBothAdded,
            "The second add & norm adds the result of self-attention as well; it is in `x` already. Add what "
            "cross-attention has returned, and nothing else.",
        ),
        Misconception(
            "self-attention reads the source",
            code.BlockFirstAttentionReadsSource,
            "Both attentions read the source now, so the target words no longer see each other. The first attention "
            "stays within `x`.",
        ),
        Misconception(
            "one norm for both",
            code.BlockOneNorm,
            "The first norm is used twice. The second add & norm has its own `gamma` and `beta`: `add_norm_2`.",
        ),
    ),
    variants=(code.BlockByName, code.BlockSameNameAgain, code.BlockLoop, code.BlockNormWrittenOut),
)

# --- repair_sentence_vectors ----------------------------------------------------------------------------------------


def _vectors_calls(rng):
    x = _floats([[[2, 0], [4, 0], [0, 9]], [[0, 0], [0, 6], [7, 7]]])
    keep = np.array([[True, False, False], [True, False, True]])
    return [
        Call(
            (_floats([[[2, 1, 0], [9, 9, 9]]]), TensorData(np.array([[True, False]]))),
            note="by hand: one real word; it attends to itself alone, so its row is the answer",
        ),
        Call((x, TensorData(keep)), note="padding at the end, and in the middle"),
        Call(
            (_normal(rng, 3, 5, 4), TensorData(np.arange(5) < np.array([[3], [5], [1]]))),
            note="sentences of 3, 5 and 1 words",
        ),
        Call(
            (_normal(rng, 4, 6, 3), TensorData(np.arange(6) >= np.array([[2], [0], [5], [1]]))),
            note="padding at the front",
        ),
    ]


VECTORS = Exercise(
    name="repair_sentence_vectors",
    lesson=LESSON,
    title="worse in a batch than alone",
    points=2,
    minutes=5,
    hints=(
        "Alone, a sentence has no padding. In the batch it has. Look at one real word (a row of the scores): which "
        "columns does the mask take away from it?",
        "`scores` is (batch, queries, keys). `keep` has to line up with the keys, the last axis, and be the same for "
        "all queries. So the new axis of size 1 goes where the queries are.",
    ),
    reference=repair_sentence_vectors,
    make_calls=_vectors_calls,
    misconceptions=(
        Misconception(
            "padding still attended to",
            code.vectors_broken,
            "Real words still attend to padding: no key is masked for them. A mask in the place of the queries, "
            "`keep.unsqueeze(2)`, takes away whole rows; padded *keys* are columns.",
        ),
        Misconception(
            "mask upside down",
            code.vectors_mask_upside_down,
            "The real words are hidden and the padding is attended to. `masked_fill` fills where its condition is True.",
        ),
        Misconception(
            "padding set to zeros",
            code.vectors_padding_as_zeros,
            "A row of zeros still gets the score 0, and $e^0 = 1$ is a share. Take padded keys out of the scores.",
        ),
        Misconception(
            "scores of padding set to 0",
            code.vectors_scores_zero,
            "A score of 0 is no ban: $e^0 = 1$ still gets a share. Fill with a large negative number or `-math.inf`.",
        ),
        Misconception(
            "mask after the softmax",
            code.vectors_mask_after_softmax,
            "The weights of padding are removed after the softmax, so the others no longer sum to 1. Mask the scores, "
            "then take the softmax.",
        ),
        Misconception(
            "mean over padding",
            code.vectors_mean_over_padding,
            "The attention is right now. The mean at the end runs over padded rows as well: keep the broken code's "
            "mean, which counts real words alone.",
        ),
        Misconception(
            "divided by the padded length",
            code.vectors_divided_by_length,
            "The attention is right now. The sum is divided by the padded length; divide by the number of real words.",
        ),
        Misconception(
            "sum in place of the mean",
            code.vectors_sum,
            "The attention is right now. The rows are added up, so a long sentence gets a large vector; divide by the "
            "number of real words.",
        ),
        Misconception(
            "first sentence's mask for all",
            code.vectors_first_mask_for_all,
            "All sentences are masked like the first one. Each row of `keep` belongs to one sentence of the batch.",
        ),
        Misconception(
            "attention left out",
            code.vectors_no_attention,
            "This is the mean of the words as they came in. They attend to each other first.",
        ),
        Misconception(
            "softmax over the queries",
            code.vectors_over_queries,
            "The mask was left in the place of the queries and the softmax was turned to fit. Turn the mask: queries "
            "are rows, and each row sums to 1 over the keys.",
        ),
        Misconception(
            "first word in place of the mean",
            code.vectors_first_row,
            "The attention is right now. The vector of the first position is returned; the mean over the real words is "
            "asked for.",
        ),
    ),
    variants=(
        code.vectors_sentence_by_sentence,
        code.vectors_torch,
        code.vectors_mean_of_weights,
        code.vectors_both_masked,
        code.vectors_renormalized,
    ),
)

CLINIC = (FIT, ATTEND, GENERATE, LOSS, BLOCK, VECTORS)
