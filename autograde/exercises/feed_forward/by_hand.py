"""The numbers of lesson 6 that learners compute on paper."""

from autograde.exercise import ByHand
from autograde.exercises.running_example import AFTER_ATTENTION, BITES, FED_FORWARD, MAN
from helpers.example import B_INNER, B_OUTER, W_INNER, W_OUTER

_BEFORE_BIAS = float(AFTER_ATTENTION[MAN] @ W_INNER[:, 5])
_OUTPUT = FED_FORWARD[BITES]

BY_HAND = [
    ByHand(
        name="unit 5 for 'man', after ReLU",
        value=_BEFORE_BIAS + float(B_INNER[5]),
        hint="Unit 5 takes column 2 minus column 3, and its bias is -1.",
        slips={
            _BEFORE_BIAS: "The bias of unit 5, -1, is missing.",
            0: "Before ReLU the number is positive: the weight of column 3 is -1, and the bias is -1.",
            float(AFTER_ATTENTION[MAN, 2] + AFTER_ATTENTION[MAN, 3] - 1): "The weight of column 3 is -1, not 1.",
        },
    ),
    ByHand(
        name="output of the network for 'bites'",
        value=_OUTPUT.tolist(),
        hint="Multiply row 1 of w2 by 1.386, then add b2.",
        slips={
            tuple(_OUTPUT - B_OUTER): "The bias b2 is missing.",
            tuple(W_OUTER[1] + B_OUTER): "That is the row of w2 plus b2. First multiply the row by 1.386.",
            tuple(
                _OUTPUT + AFTER_ATTENTION[BITES]
            ): "That has the token itself added already. Leave that to add & norm.",
        },
    ),
    ByHand(
        name="parameters of FeedForward(4, 16)",
        value=148,
        hint="Two matrices of 4 times 16 weights, a bias of 16 numbers and a bias of 4 numbers.",
        slips={
            128: "These are the two matrices. Each linear layer also has a bias.",
            144: "The second bias is missing: one number for each of the 4 columns.",
            64: "That is one matrix. There are two, and two biases.",
        },
    ),
]
