"""The rows of "the dog bites the man", lesson by lesson, for the numbers that learners compute on paper."""

from __future__ import annotations

import math

import numpy as np

from helpers.add_norm import add_and_norm
from helpers.embeddings import add_positions, embed, positional_encoding
from helpers.example import (
    B_INNER,
    B_OUTER,
    D_MODEL,
    EMBEDDINGS,
    HEADS,
    SENTENCES,
    W_INNER,
    W_OUTER,
    W_OUTPUT,
)
from helpers.feed_forward import feed_forward
from helpers.multi_head import multi_head_by_hand
from helpers.vocabulary import Vocabulary

DOG, BITES, MAN = 1, 2, 4

_ids = np.array(Vocabulary(SENTENCES).encode(SENTENCES[0])[1:-1])

X = add_positions(math.sqrt(D_MODEL) * embed(_ids, EMBEDDINGS), positional_encoding(len(_ids), D_MODEL))
ATTENDED = multi_head_by_hand(X, HEADS, W_OUTPUT)
AFTER_ATTENTION = add_and_norm(X, ATTENDED, np.ones(D_MODEL), np.zeros(D_MODEL))
FED_FORWARD = feed_forward(AFTER_ATTENTION, W_INNER, B_INNER, W_OUTER, B_OUTER)
MEMORY = add_and_norm(AFTER_ATTENTION, FED_FORWARD, np.ones(D_MODEL), np.zeros(D_MODEL))
