"""Plain data as short text for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autograde.harness.plain import Other, TensorData


@dataclass(frozen=True)
class Projected:
    """What an exercise's projection makes of an answer: `value` is compared, `text` is what people read in its place,
    and `remark` a sentence that helps where it differs."""

    value: Any
    text: str
    remark: str = ""


def brief(value: Any, limit: int = 200, most: int = 24) -> str:
    """One value in a line or two; the numbers of an array if there are not more than `most`."""
    if isinstance(value, Projected):
        return value.text
    if isinstance(value, TensorData):
        return "tensor " + describe(value.array, most)
    if isinstance(value, np.ndarray):
        return describe(value, most)
    if isinstance(value, Other):
        return f"{value.kind} ({value.text})" if value.text else value.kind
    if isinstance(value, list | tuple):
        inner = ", ".join(brief(item, 80) for item in value[:40])
        text = (f"({inner},)" if len(value) == 1 else f"({inner})") if isinstance(value, tuple) else f"[{inner}]"
    elif isinstance(value, dict):
        text = "{" + ", ".join(f"{brief(k)}: {brief(v, 80)}" for k, v in list(value.items())[:30]) + "}"
    elif isinstance(value, float):
        text = f"{value:.6g}"
    else:
        text = repr(value)
    return text if len(text) <= limit else text[: limit - 4] + " ..."


def describe(array: npt.NDArray[Any], most: int = 24) -> str:
    """Dtype and shape, and up to `most` numbers; with more than two axes, which take more lines, half as many."""
    head = f"{array.dtype} {array.shape}"
    if array.size > (most if array.ndim <= 2 else most // 2):
        return head
    body = values(array)
    return f"{head} {body}" if "\n" not in body else f"{head}\n{body}"


def values(array: npt.NDArray[Any]) -> str:
    if array.size > 60:
        flat = array.reshape(-1)
        return np.array2string(flat[:6], precision=4, suppress_small=True, separator=", ")[:-1] + ", ...]"
    return np.array2string(array, precision=4, suppress_small=True, separator=", ", max_line_width=88, threshold=80)
