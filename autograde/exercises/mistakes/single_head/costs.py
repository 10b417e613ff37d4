"""Lesson 3, costs: right ones that are written differently. The wrong ones are one line each, in the catalogue."""

from __future__ import annotations

import itertools
import math


def self_attention_counted(n, d):
    return sum(d for _query in range(n) for _key in range(n)), 1, 1


def recurrent_counted(n, d):
    steps = operations = 0
    for _token in range(n):
        steps += 1
        operations += d * d
    return operations, steps, steps


def convolution_ceiling(n, d, k):
    layers, left = 0, n
    while left > 1:
        left = -(-left // k)
        layers += 1
    return n * k * d**2, 1, layers


def convolution_search(n, d, k):
    return k * n * d * d, 1, next(m for m in itertools.count() if k**m >= n)


def convolution_reach(n, d, k):
    reach, layers = 1, 0
    while reach < n:
        reach, layers = reach * k, layers + 1
    return d * d * n * k, 1, layers


def convolution_corrected_logarithm(n, d, k):
    guess = round(math.log(n, k))
    return k * n * d * d, 1, guess if k**guess >= n else guess + 1


def convolution_rounded_at_each_step(n, d, k):
    layers, left = 0, n
    while left > 1:
        left //= k
        layers += 1
    return k * n * d * d, 1, layers
