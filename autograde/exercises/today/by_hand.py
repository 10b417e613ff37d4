"""Lesson 11: numbers that learners compute on paper."""

from autograde.exercise import ByHand

BY_HAND = [
    ByHand(
        name="RMS norm of (1, 7)",
        value=[0.2, 1.4],
        hint="The squares are 1 and 49, their mean is 25, and its root is what both numbers are divided by.",
    ),
    ByHand(
        name="angle between query and key, in degrees",
        value=60,
        hint="The query is turned by 5 · 30°, the key by 3 · 30°.",
        places=0,
        slips={
            150: "That is how far the query is turned. The key is turned, too.",
            240: "Take the difference of the two.",
        },
    ),
    ByHand(
        name="dot product of query and key",
        value=0.5,
        hint="Both have length 1, so it is the cosine of the angle between them.",
        slips={0.87: "That is the sine of 60°. Take the cosine."},
    ),
    ByHand(
        name="cache of one token of Llama 2 7B, in KiB",
        value=512,
        hint="2 · 32 · 32 · 128 numbers of 2 bytes; divide by 1,024.",
        places=0,
        slips={
            256: "Keys and values are both kept, and each number takes 2 bytes: one factor 2 is missing.",
            524288: "That is in bytes. Divide by 1,024.",
        },
    ),
]
