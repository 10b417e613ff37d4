"""Lesson 2: the formula of the encoding, and how exactly its values are compared."""

import numpy as np

# The encoding takes whole numbers, so no float error can be measured by moving its inputs. Its own error: an angle of a
# few thousand, rounded to float64, is off by 1e-12, and so are its sine and cosine. The nearest mistake is off by 1e-4.
EXACT = 1e-9


def waves(position, rates):
    """Sines in the even columns, cosines in the odd ones, of one position or an array of positions."""
    angles = np.multiply.outer(position, rates)
    return np.where(np.arange(len(rates)) % 2 == 0, np.sin(angles), np.cos(angles))


def even(d_model):
    return np.arange(d_model) // 2 * 2


def rates_of(d_model):
    return 10000.0 ** -(even(d_model) / d_model)


def table_of(formula):
    """The table of positions 0, 1, 2, ... that a formula of one position gives."""

    def table(length, d_model):
        return formula(np.arange(length), d_model)

    return table
