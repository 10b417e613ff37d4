"""What the figures of the lessons promise about colours."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.figures import heat_map, new, signed


def test_zero_is_white_in_a_signed_map_and_both_signs_have_one_scale():
    matrix = np.array([[-1.0, 0.0, 3.0]])
    _, axes = new()
    image = heat_map(axes, matrix)
    low, zero, high = image.cmap(image.norm(matrix))[0, :, :3]
    assert zero.min() > 0.95
    assert low[0] > low[2] and high[2] > high[0], "red below zero, blue above"
    assert image.get_clim() == (-3.0, 3.0) == signed(matrix)


def test_numbers_from_zero_up_keep_the_even_map():
    _, axes = new()
    assert heat_map(axes, [[0.0, 1.0]], limits=(0, 1)).get_cmap().name == "cividis"


def test_panels_share_the_scale_that_is_given():
    _, axes = new(1, 2)
    limits = signed([[1.0, -4.0]], [[2.0]])
    assert {heat_map(place, [[1.0]], limits=limits).get_clim() for place in axes} == {(-4.0, 4.0)}


@pytest.mark.parametrize("hidden, shown", [(True, ["1.00"]), (False, ["0.00", "1.00"])])
def test_zeros_can_be_left_out(hidden, shown):
    _, axes = new()
    heat_map(axes, [[0.0, 1.0]], hide_zeros=hidden)
    assert [text.get_text() for text in axes.texts] == shown


def test_minus_infinity_is_written_and_does_not_set_the_scale():
    _, axes = new()
    image = heat_map(axes, [[-np.inf, 2.0, -1.0]])
    assert image.get_clim() == (-2.0, 2.0) and axes.texts[0].get_text() == "−∞"
