"""shift_matrix: a shift is a rotation."""

import numpy as np
import torch

from autograde.exercise import Exercise
from autograde.exercises.embeddings.common import EXACT, rates_of, waves
from autograde.harness.call import FunctionCall
from helpers.embeddings import positional_encoding_at, shift_matrix


def calls(rng):
    return [
        FunctionCall((1, 2), tolerance=EXACT, note="by hand: one pair, turned by the angle 1"),
        FunctionCall((int(rng.integers(2, 9)), 6), tolerance=EXACT),
        FunctionCall((-int(rng.integers(2, 9)), 4), tolerance=EXACT, note="a negative offset: back towards the start"),
        FunctionCall((int(rng.integers(10, 60)), 8), tolerance=EXACT),
        FunctionCall((0, 4), tolerance=EXACT, note="no shift at all: every row stays as it is"),
    ]


EXERCISE = Exercise(
    name="shift_matrix",
    title="a shift is a rotation",
    points=3,
    minutes=10,
    extra=True,
    hints=(
        "Take one pair with the angle a, and turn it further, by b. You know two formulas from school: "
        "sin(a + b) = sin a cos b + cos a sin b and cos(a + b) = cos a cos b − sin a sin b. "
        "The coefficients of sin a and cos a are the entries of the matrix.",
        "For each pair, b is `offset` divided by the same power as in the encoding. The block of that pair has the rows "
        "(cos b, sin b) and (−sin b, cos b), in the pair's two rows and columns. All other numbers are 0.",
    ),
    reference=shift_matrix,
    make_calls=calls,
)


@EXERCISE.wrong(
    "turned backwards",
    "This matrix leads from p + offset back to p: the minus is in front of the wrong sine. Columns 2i hold sines, so the first row of a block is (cos, sin).",
)
def shifted_back(offset, d_model):
    return shift_matrix(offset, d_model).T


def _blocks(offset, rates, minus_sine=-1.0):
    matrix = np.zeros((2 * len(rates), 2 * len(rates)))
    for pair, rate in enumerate(rates):
        cosine, sine = np.cos(offset * rate), np.sin(offset * rate)
        matrix[2 * pair : 2 * pair + 2, 2 * pair : 2 * pair + 2] = [[cosine, sine], [minus_sine * sine, cosine]]
    return matrix


@EXERCISE.wrong(
    "one angle for all pairs",
    "Every pair turns by `offset` itself. Later pairs turn more slowly: divide by the same power as in the encoding.",
)
def one_rate(offset, d_model):
    return _blocks(offset, np.ones(d_model // 2))


@EXERCISE.wrong(
    "only the first pair",
    "Only the first two columns turn; the rest is the identity. Every pair of columns has a rotation of its own.",
)
def one_block(offset, d_model):
    matrix = np.identity(d_model)
    matrix[:2, :2] = _blocks(offset, np.ones(1))
    return matrix


@EXERCISE.wrong(
    "minus sign missing",
    "Both sines in a block have the same sign. The formula of the cosine has a minus: cos(a + b) = cos a cos b − sin a sin b.",
)
def minus_missing(offset, d_model):
    return _blocks(offset, 10000.0 ** -(np.arange(0, d_model, 2) / d_model), minus_sine=1.0)


@EXERCISE.wrong(
    "pair counted in twos",
    "The angles shrink too fast from pair to pair. A loop over 0, 2, 4, ... already gives 2i; then the exponent is that number divided by `d_model`.",
)
def rates_counted_in_twos(offset, d_model):
    return _blocks(offset, 10000.0 ** -(2 * np.arange(0, d_model, 2) / d_model))


@EXERCISE.wrong(
    "sines first, then cosines",
    "This fits an encoding with all sines in the first half. Here sine and cosine take turns, so each block is on the diagonal.",
)
def in_halves(offset, d_model):
    angles = offset * 10000.0 ** -(np.arange(0, d_model, 2) / d_model)
    cosine, sine = np.diag(np.cos(angles)), np.diag(np.sin(angles))
    return np.block([[cosine, sine], [-sine, cosine]])


@EXERCISE.wrong(
    "columns moved",
    "The matrix moves columns to other places. A shift of the position keeps the columns where they are and turns each pair by an angle.",
)
def columns_moved(offset, d_model):
    return np.roll(np.identity(d_model), offset, axis=0)


@EXERCISE.wrong(
    "encoding on the diagonal",
    "Each number is only multiplied by one of PE(offset). The new sine needs the old sine and the old cosine: a block of four numbers for each pair.",
)
def encoding_on_the_diagonal(offset, d_model):
    return np.diag(positional_encoding_at(offset, d_model))


@EXERCISE.wrong(
    "cosine and sine exchanged",
    "Sine and cosine have changed places in the blocks. With offset 0 nothing may change, so the diagonal must be the cosine, which is 1 there.",
)
def cosine_and_sine_exchanged(offset, d_model):
    quarter = np.pi / 2
    angles = quarter - offset * 10000.0 ** -(np.arange(0, d_model, 2) / d_model)
    return _blocks(1.0, angles)


@EXERCISE.wrong(
    "sign of the offset lost",
    "A negative offset shifts forward, too. Use `offset` with its sign: the sine of a negative angle is negative.",
)
def sign_lost(offset, d_model):
    return shift_matrix(abs(offset), d_model)


@EXERCISE.wrong(
    "factor 2 missing in the exponent",
    "Later pairs turn too fast: the exponent is `i / d_model`, with the number i of the pair. It should be `2 * i "
    "/ d_model`.",
)
def exponent_halved(offset, d_model):
    return _blocks(offset, 10000.0 ** -(np.arange(d_model // 2) / d_model))


@EXERCISE.wrong(
    "negative offsets without effect",
    "A negative `offset` gives the identity. (`range(offset)` is empty then.) One rotation by `offset` times the "
    "rate leads back as well as forward.",
)
def forward_only(offset, d_model):
    return shift_matrix(max(offset, 0), d_model)


@EXERCISE.wrong(
    "blocks that overlap",
    "The block of pair i begins at row and column i, so the blocks overlap. A pair has two columns: its block begins at 2i.",
)
def blocks_overlap(offset, d_model):
    matrix = np.zeros((d_model, d_model))
    for pair in range(d_model // 2):
        matrix[pair : pair + 2, pair : pair + 2] = _blocks(offset, [10000.0 ** -(2 * pair / d_model)])
    return matrix


@EXERCISE.variant
def solved(offset, d_model):
    # the matrix that fits so many positions that no other one does
    positions = np.concatenate([np.arange(0, 40), np.arange(40, 60000, 97)])
    before, after = waves(positions, rates_of(d_model)), waves(positions + offset, rates_of(d_model))
    return np.linalg.lstsq(before, after, rcond=None)[0].T


@EXERCISE.variant
def kronecker(offset, d_model):
    angles = offset / 10000 ** (np.arange(0, d_model, 2) / d_model)
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    return np.kron(np.diag(np.cos(angles)), np.eye(2)) + np.kron(np.diag(np.sin(angles)), turn)


@EXERCISE.variant
def from_encoding(offset, d_model):
    row = positional_encoding_at(offset, d_model)  # holds every sine and cosine that is needed
    sine, cosine = np.repeat(row[0::2], 2), np.repeat(row[1::2], 2)
    matrix = np.diag(cosine)
    for i in range(d_model):
        matrix[i, i ^ 1] = sine[i] if i % 2 == 0 else -sine[i]
    return matrix


@EXERCISE.variant
def with_torch(offset, d_model):
    angles = offset * torch.pow(10000.0, -torch.arange(0, d_model, 2).double() / d_model)
    cosine, sine = angles.cos(), angles.sin()
    blocks = torch.stack([torch.stack([cosine, sine], -1), torch.stack([-sine, cosine], -1)], -2)
    return torch.block_diag(*blocks).numpy()
