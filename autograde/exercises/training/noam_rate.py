"""noam_rate: up for a while, then slowly down."""

import math

import numpy as np

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.harness.call import FunctionCall
from helpers.training import noam_rate


def calls(rng):
    def some(low, high):
        return int(rng.integers(low, high))

    return [
        FunctionCall((1, 4, 4), note="by hand: 1/2 · 1/8"),
        FunctionCall((4, 4, 4), note="by hand: at step 4 both lines meet, 1/2 · 1/2"),
        FunctionCall((16, 4, 4), note="by hand: 1/2 · 1/4"),
        FunctionCall((some(5, 40), 64, some(200, 400)), note="before the end of warm-up"),
        FunctionCall((some(5000, 90000), 512, 4000), note="after the end of warm-up"),
        FunctionCall((some(100, 900), some(100, 200), some(901, 4000))),
        FunctionCall((1, 512, 4000), note="the first step, as in the paper"),
    ]


EXERCISE = Exercise(
    name="noam_rate",
    title="up for a while, then slowly down",
    points=2,
    minutes=5,
    hints=(
        "Equation 3 of the paper has two lines: one rises with the step, one falls. The smaller of the two counts. "
        "`x ** -0.5` is one over the square root of x.",
        "`d_model**-0.5 * min(step**-0.5, step * warmup**-1.5)`: the two are equal at `step = warmup`.",
    ),
    reference=noam_rate,
    make_calls=calls,
    forbidden=libraries.TRAINER,
)


@EXERCISE.wrong(
    "larger in place of smaller",
    "The larger of the two lines is taken, so the rate falls during warm-up. The paper has `min`.",
)
def with_max(step, d_model, warmup):
    return d_model**-0.5 * max(step**-0.5, step * warmup**-1.5)


@EXERCISE.wrong(
    "no factor of the width", "The factor `d_model ** -0.5` is missing: wider models learn at a smaller rate."
)
def no_width(step, d_model, warmup):
    return min(step**-0.5, step * warmup**-1.5)


@EXERCISE.wrong("root of the width in place of one over it", "The rate grows with `d_model`. Divide by its root.")
def times_root(step, d_model, warmup):
    return d_model**0.5 * min(step**-0.5, step * warmup**-1.5)


@EXERCISE.wrong(
    "one over the width", "The rate is divided by `d_model` itself. It is the square root: `d_model ** -0.5`."
)
def one_over_width(step, d_model, warmup):
    return min(step**-0.5, step * warmup**-1.5) / d_model


@EXERCISE.wrong(
    "no warm-up",
    "The rate falls from the first step on. The rising line, `step * warmup ** -1.5`, has to keep the first steps small.",
)
def no_warmup(step, d_model, warmup):
    return d_model**-0.5 * step**-0.5


@EXERCISE.wrong(
    "rising for ever",
    "The rate goes on rising after warm-up. From there on it should fall as `step ** -0.5`: take the smaller of the "
    "two, and look at the sign of the exponent.",
)
def no_decay(step, d_model, warmup):
    return d_model**-0.5 * step * warmup**-1.5


@EXERCISE.wrong("constant after warm-up", "The rate stays where it is after warm-up. It falls as `step ** -0.5`.")
def constant(step, d_model, warmup):
    return noam_rate(min(step, warmup), d_model, warmup)


@EXERCISE.wrong(
    "another power of warm-up", "The rising line has `warmup ** -0.5`. With -1.5 both lines meet at `step = warmup`."
)
def wrong_power(step, d_model, warmup):
    return d_model**-0.5 * min(step**-0.5, step * warmup**-0.5)


@EXERCISE.wrong(
    "steps counted from 0",
    "The rate is that of the step before, and 0 or an error at the start. Here the first step is 1.",
)
def from_zero(step, d_model, warmup):
    return noam_rate(step - 1, d_model, warmup)


@EXERCISE.wrong("one step ahead", "1 is added to `step`. The caller counts from 1 already.")
def one_ahead(step, d_model, warmup):
    return noam_rate(step + 1, d_model, warmup)


@EXERCISE.wrong(
    "highest rate 1",
    "The curve has the right shape, but is scaled to a peak of 1. The paper's peak is `(d_model * warmup) ** -0.5`.",
)
def peak_one(step, d_model, warmup):
    return min(step / warmup, (warmup / step) ** 0.5)


@EXERCISE.wrong(
    "falling in a straight line", "After warm-up the rate falls as one over the step. It is one over its square root."
)
def linear(step, d_model, warmup):
    return (d_model * warmup) ** -0.5 * min(step / warmup, warmup / step)


@EXERCISE.wrong(
    "step and warm-up exchanged",
    "In the rising line `step` and `warmup` have changed places, so it falls. It is `step * warmup ** -1.5`.",
)
def step_and_warmup(step, d_model, warmup):
    return d_model**-0.5 * min(step**-0.5, warmup * step**-1.5)


@EXERCISE.wrong(
    "width in one line only",
    "The factor of the width is in the falling line only. It comes before the smaller of the two, so it belongs to both.",
)
def width_in_one_line(step, d_model, warmup):
    return min(d_model**-0.5 * step**-0.5, step * warmup**-1.5)


@EXERCISE.wrong(
    "root of the width cut to a whole number",
    "The root of `d_model` is cut to a whole number, which is right for square numbers only. Take `math.sqrt(d_model)`, or "
    "`d_model ** -0.5`.",
    only=r"isqrt|int\(|//|round",
)
def whole_root(step, d_model, warmup):
    return min(step**-0.5, step * warmup**-1.5) / math.isqrt(d_model)


@EXERCISE.wrong(
    "rising line too high",
    "The rising line is `step / warmup`, without the factor `warmup ** -0.5`: it ends far above the falling one. Both meet "
    "at `step = warmup` with `step * warmup ** -1.5`.",
)
def rising_too_high(step, d_model, warmup):
    return d_model**-0.5 * (step / warmup if step < warmup else step**-0.5)


@EXERCISE.wrong(
    "counted from the end of warm-up",
    "After warm-up the steps are counted from its end, and the rate jumps. The falling line goes on with `step` itself.",
)
def counted_anew(step, d_model, warmup):
    return d_model**-0.5 * (step * warmup**-1.5 if step <= warmup else (step - warmup) ** -0.5)


@EXERCISE.wrong(
    "rising line in whole numbers",
    "`//` rounds down to a whole number, so the rising line is long 0. Divide with `/`, or multiply by `warmup ** "
    "-1.5`.",
    only="//",
)
def in_whole_numbers(step, d_model, warmup):
    return d_model**-0.5 * min(step**-0.5, step // warmup**1.5)


@EXERCISE.wrong(
    "rounded to four decimals",
    "The rate is rounded to four decimals. At the start of a real run it is smaller than that, and becomes 0: return it as "
    "it is.",
)
def rounded(step, d_model, warmup):
    return round(noam_rate(step, d_model, warmup), 4)


@EXERCISE.variant
def two_branches(step, d_model, warmup):
    if step < warmup:
        return step / (warmup * math.sqrt(warmup * d_model))
    return 1 / math.sqrt(step * d_model)


@EXERCISE.variant
def with_numpy(step, d_model, warmup):
    lines = np.array([np.power(float(step), -0.5), step * np.power(float(warmup), -1.5)])
    return np.power(float(d_model), -0.5) * lines.min()


@EXERCISE.variant
def from_the_peak(step, d_model, warmup):
    peak = 1 / math.sqrt(d_model * warmup)
    return peak * min(step / warmup, math.sqrt(warmup / step))


@EXERCISE.variant
def logarithms(step, d_model, warmup):
    line = min(-0.5 * math.log(step), math.log(step) - 1.5 * math.log(warmup))
    return math.exp(line - 0.5 * math.log(d_model))
