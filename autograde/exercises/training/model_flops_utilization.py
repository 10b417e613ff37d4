"""model_flops_utilization: how much of the device is used."""

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.harness.call import FunctionCall
from helpers.training import model_flops_utilization, training_flops


def calls(rng):
    def some(low, high):
        return int(rng.integers(low, high))

    return [
        FunctionCall((10, 5, 1000), note="by hand: 6 · 5 · 10 = 300 of 1,000 operations per second"),
        FunctionCall((some(1, 900) * 1000, some(2, 60) * 10**6, some(300, 1000) * 10**12)),
        FunctionCall((some(100, 5000) / 7, some(200, 400) * 1000, some(30, 90) * 10**9), note="a laptop"),
    ]


EXERCISE = Exercise(
    name="model_flops_utilization",
    title="how much of the device is used",
    points=1,
    minutes=2,
    hints=(
        "How many operations per second does the run need, by the same rule? And how many could the device do?",
        "`training_flops(parameters, tokens_per_second) / peak_flops`: tokens per second in, operations per second out.",
    ),
    reference=model_flops_utilization,
    make_calls=calls,
    forbidden=libraries.TRAINER,
)


@EXERCISE.wrong(
    "only the forward pass",
    "Only the forward pass is counted, 2 operations. A training step has 6 per parameter and token.",
)
def forward(tokens_per_second, parameters, peak_flops):
    return 2 * parameters * tokens_per_second / peak_flops


@EXERCISE.wrong("in percent", "The result is in percent. Shares are between 0 and 1 here.")
def percent(tokens_per_second, parameters, peak_flops):
    return 600 * parameters * tokens_per_second / peak_flops


@EXERCISE.wrong("turned round", "The peak is divided by what is used. The share is used / peak.")
def inverse(tokens_per_second, parameters, peak_flops):
    return peak_flops / (6 * parameters * tokens_per_second)


@EXERCISE.wrong("peak not used", "These are operations per second. Divide by `peak_flops`.")
def no_peak(tokens_per_second, parameters, peak_flops):
    return 6 * parameters * tokens_per_second


@EXERCISE.wrong(
    "parameters not counted", "Each token costs 6 operations for *every* parameter: multiply by `parameters`."
)
def no_parameters(tokens_per_second, parameters, peak_flops):
    return 6 * tokens_per_second / peak_flops


@EXERCISE.wrong("one operation per parameter", "The factor 6 is missing: 2 operations forward, 4 backward.")
def no_six(tokens_per_second, parameters, peak_flops):
    return parameters * tokens_per_second / peak_flops


@EXERCISE.wrong("share that is not used", "This is the share that the run leaves unused: 1 minus what is wanted.")
def unused(tokens_per_second, parameters, peak_flops):
    return 1 - 6 * parameters * tokens_per_second / peak_flops


@EXERCISE.wrong("always 1", "The result is 1 for every run. Return the share itself: used / peak.")
def at_least_one(tokens_per_second, parameters, peak_flops):
    return max(1.0, 6 * parameters * tokens_per_second / peak_flops)


@EXERCISE.wrong(
    "peak multiplied",
    "`a / b * c` divides by b and multiplies by c. Multiply tokens and parameters first, then divide by `peak_flops`.",
    only=r"/",
)
def times_peak(tokens_per_second, parameters, peak_flops):
    return 6 * tokens_per_second / parameters * peak_flops


@EXERCISE.wrong(
    "whole-number division",
    "`//` rounds down to a whole number, and a share below 1 becomes 0. Divide with `/`.",
    only="//",
)
def in_whole_numbers(tokens_per_second, parameters, peak_flops):
    return 6 * parameters * tokens_per_second // peak_flops


@EXERCISE.wrong(
    "forward pass counted twice",
    "8 operations are counted, as where the forward pass is computed once more to spare memory. The model itself needs 6: "
    "2 forward, 4 backward.",
)
def forward_twice(tokens_per_second, parameters, peak_flops):
    return 8 * parameters * tokens_per_second / peak_flops


@EXERCISE.variant
def in_one_line(tokens_per_second, parameters, peak_flops):
    return 6 * parameters * tokens_per_second / peak_flops


@EXERCISE.variant
def by_time(tokens_per_second, parameters, peak_flops):
    seconds_needed = training_flops(parameters, 1) / peak_flops
    return seconds_needed * tokens_per_second


@EXERCISE.variant
def tokens(tokens_per_second, parameters, peak_flops):
    most = peak_flops / (6 * parameters)
    return tokens_per_second / most
