"""The numbers of lesson 1 that learners compute on paper."""

from autograde.exercise import ByHand

BY_HAND = [
    ByHand(
        name="ids of 'the man bites the dog', without the two ends",
        value=[4, 7, 6, 4, 5],
        hint='Look up each word in the table, from left to right; "the" is looked up twice.',
        slips={
            (0, 3, 2, 0, 1): 'The first four ids belong to the special tokens, so "the" has the id 4.',
            (4, 5, 6, 4, 7): 'These are the ids of "the dog bites the man". Ids keep the order of the sentence.',
        },
    ),
    ByHand(
        name="counts of (og, </w>) and (d, og) after the first merge",
        value=[8, 7],
        hint="og ends the words dog and log, and d comes before it in dog and dogs; add up the counts of these words.",
        slips={
            (2, 2): "A word that occurs 5 times counts 5 times.",
            (10, 7): "In dogs an s comes after og, so (og, </w>) does not occur there.",
        },
    ),
    ByHand(
        name="count of (d, og) after the second merge",
        value=2,
        hint="Write both words as symbols: dog is d, og</w> now, and dogs is d, og, s, </w>.",
        slips={7: "That was before the merge: in dog, the symbol after d is og</w> now."},
    ),
    ByHand(
        name="coverage of 'the bird sleeps', in percent",
        value=200 / 3,
        hint="Two of the three words have an id of their own.",
        slips={
            2 / 3: "That is the share as a fraction. In percent it is 100 times as much.",
            100 / 3: "That is the share of unknown words.",
        },
    ),
]
