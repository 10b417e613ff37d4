"""The number of lesson 10 that learners compute on paper."""

import math

from autograde.exercise import ByHand

BY_HAND = [
    ByHand(
        name="lowest honest loss with two animals",
        value=math.log(2) / 3,
        hint="A certain word costs nothing, the animal costs -ln(1/2) = ln 2. Take the mean over the three words.",
        slips={
            math.log(2): "That is what the animal costs. The loss is the mean over three words, and two cost nothing.",
            -math.log(2) / 3: "The logarithm of 1/2 is negative; the loss is *minus* the logarithm.",
            math.log(2) / 2: "Three words are predicted, `<eos>` is one of them.",
        },
    ),
]
