"""The small words around what is compared."""

from __future__ import annotations

import pytest

from autograde.judge.compare import with_article
from autograde.judge.verdict import marked_up


@pytest.mark.parametrize(
    ("kind", "phrase"),
    [
        ("int64 array", "an int64 array"),
        ("NumPy array", "a NumPy array"),
        ("uint8 array", "a uint8 array"),
        ("IndexError", "an IndexError"),
        ("UnboundLocalError", "an UnboundLocalError"),
        ("UnicodeDecodeError", "a UnicodeDecodeError"),
        ("None", "None"),
    ],
)
def test_the_article_is_the_spoken_one(kind, phrase):
    assert with_article(kind) == phrase


def test_marks_become_html_and_everything_else_is_escaped():
    assert marked_up("`a < b` is *not* <b>") == "<code>a &lt; b</code> is <em>not</em> &lt;b&gt;"
    assert marked_up("one ` alone, *here*") == "one ` alone, *here*"
