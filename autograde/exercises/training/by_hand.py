"""Lesson 8: numbers that learners compute on paper."""

from autograde.exercise import ByHand

BY_HAND = [
    ByHand(
        name="tokens with padding, sorted",
        value=36,
        hint="Four rows of 4, and two rows of 10.",
        places=0,
        slips={
            33: "These are the real tokens. Each row is as long as the longest sentence of its batch.",
            46: "That is the first way. Sorted, the four short sentences share a batch.",
        },
    ),
    ByHand(
        name="loss of a smoothed label",
        value=0.503,
        hint="The sum is 0.925 · ln 0.7 + 3 · 0.025 · ln 0.1; the loss is minus that.",
        slips={
            -0.503: "The sum is right; the loss is minus the sum.",
            0.357: "That is the loss without smoothing. The other three words count now.",
            0.388: "All three other words count, each with 0.025.",
            0.552: "The right word keeps 0.925: a quarter of that tenth comes back to it.",
        },
    ),
    ByHand(
        name="learning rate at step 36",
        value=1 / 24,
        hint="The smaller of 1/6 and 36/27, times 1/4.",
        places=4,
        slips={
            1 / 3: "That is the larger of the two, times 1/4. Take the smaller.",
            1 / 6: "Multiply by the factor in front, 1/4.",
        },
    ),
]
