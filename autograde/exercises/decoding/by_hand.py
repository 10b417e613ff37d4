"""The numbers of lesson 9 that learners compute on paper."""

import math

from autograde.exercise import ByHand

BY_HAND = [
    ByHand(
        name="first word at temperature 0.5",
        value=64 / 88,
        hint="Divide the first of the powers 64, 16, 4, 4 by their sum.",
        slips={
            0.5: "That is the probability at temperature 1. The powers are 64, 16, 4 and 4 now.",
            math.sqrt(8)
            / (math.sqrt(8) + 2 + 2 * math.sqrt(2)): "That is temperature 2: roots. Dividing by 0.5 doubles "
            "the logits, and the powers are squared.",
        },
    ),
    ByHand(
        name="first word with top-p 0.6",
        value=2 / 3,
        hint="Two words stay, with 0.5 and 0.25. Divide by their sum.",
        slips={
            0.5: "That is the old probability; the two words that stay have to add up to 1.",
            1: "One word has only 0.5, which is below 0.6: the word that crosses 0.6 stays, too.",
        },
    ),
    ByHand(
        name="score of the man",
        value=math.log(0.2) / (8 / 6) ** 0.6,
        hint="Divide the log-probability, -1.609, by the length penalty, 1.188.",
        slips={
            math.log(0.2) * (8 / 6) ** 0.6: "That is the product. The log-probability is *divided* by the penalty.",
            math.log(0.2): "That is the log-probability. Divide it by the length penalty.",
        },
    ),
]
