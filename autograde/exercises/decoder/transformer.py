"""Lesson 7: teacher forcing and the whole Transformer."""

from __future__ import annotations

import math

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.decoder.by_hand import model_by_hand
from autograde.exercises.decoder.inputs import floats, random_ids, with_padding
from autograde.exercises.decoder.weights import whole
from autograde.exercises.libraries import TRANSFORMER
from autograde.exercises.mistakes.decoder import transformer as m
from autograde.harness.call import MAIN, Call
from autograde.harness.plain import TensorData
from helpers import decoder as right

LESSON = "07_decoder"

# --- teacher_forcing_pair -------------------------------------------------------------------------------------------


def _pair_calls(rng):
    ids = random_ids(rng, 4, 20, 3, 6)
    ids[:, 0] = 1
    for row, end in enumerate((5, 3, 4)):
        ids[row, end], ids[row, end + 1 :] = 2, 0
    return [
        Call((TensorData(np.array([[1, 4, 5, 6, 2]])),), note="by hand: <bos>, three words, <eos>"),
        Call((TensorData(ids),), note="three sentences, two of them padded"),
        Call((TensorData(random_ids(rng, 1, 30, 4, 7)),)),
        Call((TensorData(random_ids(rng, 1, 30, 5, 3)),)),
    ]


PAIR = Exercise(
    name="teacher_forcing_pair",
    lesson=LESSON,
    title="what it reads, what it predicts",
    points=2,
    minutes=3,
    hints=(
        "Write the ids of one sentence twice, one below the other, the second time shifted by one position to the left. Which columns have a partner?",
        "`ids[:, a:b]` cuts columns and keeps all rows. The decoder reads everything except the last column; the labels are everything except the first.",
    ),
    reference=right.teacher_forcing_pair,
    make_calls=_pair_calls,
    multiple_outputs=True,
    misconceptions=(
        Misconception(
            "not shifted",
            m.pair_not_shifted,
            "Input and labels are the same, so the model would learn to copy. The label of each position is the *next* word.",
        ),
        Misconception(
            "the same end cut twice",
            m.pair_same_end,
            "Both lack the last column, so the label of each position is the word that was read. The labels lack the *first* column.",
        ),
        Misconception(
            "the same start cut twice",
            m.pair_same_start,
            "Both lack the first column. The input keeps `<bos>` and lacks the *last* column.",
        ),
        Misconception(
            "input and labels exchanged",
            m.pair_swapped,
            "The shift goes the wrong way: the decoder would read the next word and predict the one before. The input starts with `<bos>`.",
        ),
        Misconception(
            "input one longer than the labels",
            m.pair_whole_input,
            "The input has one column more than the labels. After the last word there is nothing left to predict: leave the last column out.",
        ),
        Misconception(
            "labels one longer than the input",
            m.pair_whole_labels,
            "The labels have one column more than the input. `<bos>` is never predicted: leave the first column out.",
        ),
        Misconception(
            "sentences cut in place of words",
            m.pair_rows,
            "`ids[:-1]` leaves out a whole sentence. The words are the second axis: `ids[:, :-1]`.",
        ),
        Misconception(
            "end replaced in the input",
            m.pair_end_replaced,
            "`<eos>` has become padding in the input. That is not needed: the label of that position is padding, which the loss leaves out anyway.",
        ),
        Misconception(
            "no end in the labels",
            m.pair_labels_without_end,
            "`<eos>` is missing among the labels. A model that never has to predict it never stops.",
        ),
        Misconception(
            "rolled round",
            m.pair_rolled,
            "`roll` brings `<bos>` back at the end of the labels. Cut: both results have one column less than `ids`.",
        ),
        Misconception(
            "shifted by two",
            m.pair_by_two,
            "Two columns are cut. The label of each position is the next word, one position further.",
        ),
        Misconception(
            "first and last column removed from both",
            m.pair_specials_removed,
            "Input and labels lack both ends and are the same. The input keeps its start, the labels keep their end.",
        ),
    ),
    variants=(m.pair_narrow, m.pair_selected, m.pair_lists, m.pair_stacked),
)

# --- Transformer ----------------------------------------------------------------------------------------------------


PARTS_OF_MODEL = ("output", "gradients")


def _model_calls(rng):
    two, new, other = (11, 9, 6, 3, 2, 7, 0.1, 0), (11, 9, 6, 3, 1, 7, 0.1, 0), (7, 10, 8, 2, 1, 5, 0.1, 3)
    weights, more = whole(rng, 11, 9, 6, 1, 7, 0), whole(rng, 7, 10, 8, 1, 5, 3)
    source, target = random_ids(rng, 1, 11, 2, 5), random_ids(rng, 1, 9, 2, 4)
    padded = with_padding(rng, random_ids(rng, 1, 11, 3, 6), 0, (0, 5), (0, 4), (1, 0), (1, 3))
    padded_target = with_padding(rng, random_ids(rng, 1, 9, 3, 5), 0, (0, 4), (1, 2), (2, 1), (2, 4))
    by_three = with_padding(rng, random_ids(rng, 4, 7, 2, 5), 3, (0, 4), (1, 1))
    by_three[0, 1] = 0  # with pad=3, the id 0 is a word like any other
    target_by_three = with_padding(rng, random_ids(rng, 4, 10, 2, 6), 3, (0, 5), (1, 2))
    target_by_three[0, 1] = 0
    empty = with_padding(rng, random_ids(rng, 1, 11, 2, 3), 0, *((1, column) for column in range(3)))
    all_lost = (*new[:6], 1.0, 0)
    return [
        model_by_hand(rng),
        Call(new=two, method="", report=("parameters",), note="what the model has registered"),
        Call((TensorData(source), TensorData(target)), new=two, weights=whole(rng, 11, 9, 6, 2, 7, 0)),
        Call((TensorData(source),), new=new, weights=weights, method="encode"),
        Call((TensorData(target), floats(rng, 2, 5, 6), TensorData(source)), new=new, weights=weights, method="decode"),
        Call((TensorData(padded), TensorData(padded_target)), new=new, weights=weights, part="padding",
             note="padding in both, not only at the end"),
        Call((TensorData(by_three), TensorData(target_by_three)), new=other, weights=more, part="padding",
             note="here the padding has the id 3"),
        Call((TensorData(empty), TensorData(target)), new=new, weights=weights, part="padding",
             note="one source sentence of nothing but padding"),
        Call((TensorData(source), TensorData(target)), new=new, weights=weights, report=PARTS_OF_MODEL,
             part="gradients", note="backward, too"),
        Call(new=(80, 90, 48, 4, 1, 72, 0.1, 0), method="", report=("initial",), part="start",
             note="the values at the start"),
        Call((TensorData(source),), new=all_lost, weights=weights, method="encode", training=True, part="dropout",
             note="in training mode, with dropout 1: what the sublayers and the embeddings give is lost"),
        Call((TensorData(source), TensorData(target)), new=all_lost, weights=weights, training=True, part="dropout",
             note="in training mode, with dropout 1: what the sublayers and the embeddings give is lost"),
    ]  # fmt: skip


def _view_model(call, value):
    """Without what does not count: rows of padding, and the gradient of the padding's row of the table."""
    if "initial" in call.report:
        return _start(value["initial"], call.new[2])
    if call.method == "" or isinstance(value, list):
        return value
    pad = call.new[7]
    if "gradients" in call.report:
        gradients = dict(value["gradients"])
        table = gradients["target_embedding.weight"].array.copy()
        table[pad] = 0
        gradients["target_embedding.weight"] = TensorData(table)
        return {**value, "gradients": gradients}
    ids = call.args[1 if call.method is None else 0].array
    output = value.array.copy()
    output[ids == pad] = 0
    return TensorData(output)


def _start(values, d_model):
    """The start values in words: a right answer may draw other random numbers."""
    found = {"attention": set(), "feed_forward": set(), "embedding": set()}
    for name, tensor in values.items():
        array = tensor.array.astype(float)
        if array.ndim != 2:
            continue
        kind = next(kind for kind in found if kind in name)
        if kind == "embedding":
            # about 3,800 numbers: their standard deviation varies by 1.1 %
            ratio = array[1:].std() * d_model**0.5
            found[kind].add("as `TokenEmbedding` makes them" if abs(ratio - 1) < 0.09 else "changed")
            continue
        bound = math.sqrt(6 / sum(array.shape))
        largest, deviation = np.abs(array).max() / bound, array.std() / bound * math.sqrt(3)
        # at least 2,304 numbers, evenly spread: their standard deviation varies by 0.9 %, the largest comes near 1
        if largest < 1.0001 and largest > 0.97 and abs(deviation - 1) < 0.08:
            found[kind].add("Xavier-uniform")
        elif abs(deviation - 1) < 0.08:
            found[kind].add("that standard deviation, not evenly spread")
        else:
            found[kind].add(f"{'smaller' if deviation < 1 else 'larger'} than Xavier-uniform")
    return {kind: ", ".join(sorted(words)) for kind, words in found.items()}


MODEL = Exercise(
    name="Transformer",
    lesson=LESSON,
    title="the whole model",
    points=5,
    minutes=14,
    hints=(
        "`encode` is three parts in a row: `source_embedding`, `position`, `encoder` with the padding mask of the source. `decode` is the same with the target's parts; the decoder also gets the memory and two masks. Which mask speaks about which ids? The logits are a matrix product with the table of the target embedding.",
        "`F.linear(x, weight)` is x times the transposed weight; `self.target_embedding.weight` has one row per word. `self.decoder(x, memory, ...)` takes the `decoder_mask` of the target input and the `padding_mask` of the source, both with `self.pad`. For the start values go through `parameters()` of encoder and decoder and give each with `dim() > 1` to `nn.init.xavier_uniform_`.",
    ),
    reference=right.Transformer,
    forbidden=TRANSFORMER,
    make_calls=_model_calls,
    parts={MAIN: 0.4, "padding": 0.2, "gradients": 0.15, "start": 0.15, "dropout": 0.1},
    projection=_view_model,
    misconceptions=(
        Misconception(
            "no causal mask",
            m.ModelNoCausalMask,
            "The decoder sees the words that it has to predict: the loss will look perfect, and decoding will fail. Give it the `decoder_mask` of the target input.",
        ),
        Misconception(
            "padding of the target visible",
            m.ModelCausalAlone,
            "The decoder gets the causal mask alone, so it looks at padding that stands before a word. Use `decoder_mask`.",
        ),
        Misconception(
            "no masks at all",
            m.ModelNoMasks,
            "Neither encoder nor decoder gets a mask. The encoder needs the padding mask of the source, the decoder needs two.",
        ),
        Misconception(
            "padding of the source visible to the decoder",
            m.ModelNoCrossMask,
            "Cross-attention looks at padding of the source. The decoder's second mask is the padding mask of `source`.",
        ),
        Misconception(
            "target mask in cross-attention",
            m.ModelTargetMaskInCross,
            "Cross-attention gets the target's padding mask. Its keys are source tokens: the mask of `source`.",
        ),
        Misconception(
            "padding of the source visible to the encoder",
            m.ModelNoEncoderMask,
            "The encoder looks at padding. Pass it the padding mask of the source.",
        ),
        Misconception(
            "causal mask in the encoder",
            m.ModelCausalEncoder,
            "The encoder may not look ahead here. The source is known as a whole: only padding is masked there.",
        ),
        Misconception(
            "padding always 0",
            m.ModelPadAlways0,
            "The masks are made without the argument `pad`. Keep it in `__init__` and hand it on.",
        ),
        Misconception(
            "no positions",
            m.ModelNoPositions,
            "The embeddings go into encoder and decoder as they are. `self.position` comes between.",
        ),
        Misconception(
            "no positions in the decoder",
            m.ModelNoTargetPositions,
            "The encoder's input has positions, the decoder's has not. `self.position` serves both.",
        ),
        Misconception(
            "embeddings scaled twice",
            m.ModelScaledTwice,
            "`TokenEmbedding` multiplies by the root of `d_model` already. Take its result as it is.",
        ),
        Misconception(
            "scaled rows in the output",
            m.ModelScaledOutput,
            "The logits are too large by the root of `d_model`. That factor belongs to the input; the projection uses the table as it is.",
        ),
        Misconception(
            "softmax in the model",
            m.ModelSoftmax,
            "Probabilities come back. Return the logits; the loss takes the softmax itself.",
        ),
        Misconception(
            "logarithm of the softmax",
            m.ModelLogSoftmax,
            "Logarithms of probabilities come back. Return the logits; the loss does this step itself.",
        ),
        Misconception(
            "output projection missing",
            m.ModelNoProjection,
            "The decoder's rows come back, `d_model` wide. Project them onto the words with the target embedding's weight.",
        ),
        Misconception(
            "the last position alone",
            m.ModelLastWord,
            "Logits come back for the last position alone. In training every position predicts its next word: keep all of them.",
        ),
        Misconception(
            "tied to the source embedding",
            m.ModelSourceProjection,
            "The logits count source words. What is predicted are target words: use the target embedding's weight.",
        ),
        Misconception(
            "projection cut off from the gradient",
            m.ModelDetachedProjection,
            "The numbers are right, but the projection sends no gradient to the table. Use the parameter itself, without `.detach()` or `.data`.",
        ),
        Misconception(
            "an output matrix of its own",
            m.ModelOwnProjection,
            "There is one more matrix. The output projection is the target embedding's weight: no parameter of its own.",
        ),
        Misconception(
            "bias in the output projection",
            m.ModelProjectionBias,
            "The output layer adds a bias, which the contract has not: `bias=False`, or a plain product.",
        ),
        Misconception(
            "sizes exchanged",
            m.ModelSizesSwapped,
            "The source embedding has as many rows as the target vocabulary, and the other way round. `source_size` comes first.",
        ),
        Misconception(
            "arguments of forward exchanged",
            m.ModelLabelsFirst,
            "The target goes into the encoder and the source into the decoder. `forward` gets `source` first.",
        ),
        Misconception(
            "Xavier-normal",
            m.ModelXavierNormal,
            "The start values have the right size but are normally distributed. Use `nn.init.xavier_uniform_`.",
        ),
        Misconception(
            "PyTorch's own start values",
            m.ModelDefaultStart,
            "The matrices start as `nn.Linear` makes them. Go through the parameters of encoder and decoder with `nn.init.xavier_uniform_`.",
        ),
        Misconception(
            "Xavier for the embeddings, too",
            m.ModelXavierEverywhere,
            "The embeddings have been drawn anew, with another spread. Only the matrices of encoder and decoder get Xavier values.",
        ),
        Misconception(
            "Xavier for the encoder alone",
            m.ModelEncoderXavierAlone,
            "The decoder's matrices start as `nn.Linear` makes them. They get Xavier values, too.",
        ),
        Misconception(
            "dropout not handed on",
            m.ModelDefaultDropout,
            "The parts are made with their own default dropout. Pass `dropout` to `position`, `encoder` and `decoder`.",
        ),
        Misconception(
            "positions without the model's dropout",
            m.ModelPositionDropout,
            "`PositionalEncoding` is made with its own default dropout. Its argument is `dropout=dropout`: the second one is `max_length`.",
        ),
    ),
    variants=(m.ModelTiedLinear, m.ModelProduct, m.ModelWithoutPadRow, m.ModelWritten),
)

EXERCISES = (PAIR, MODEL)
