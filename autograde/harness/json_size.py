"""How many parts a JSON text has: Python objects need up to 177 times the memory of their text."""

from __future__ import annotations

import re

CONTAINERS = 1_000_000  # lists and objects of one text; about 64 bytes each
ITEMS = 8_000_000  # items in them; about 32 bytes each
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def too_many_parts(text: bytes | bytearray, containers: int = CONTAINERS, items: int = ITEMS) -> bool:
    """Whether a JSON text, not yet parsed, has more lists and objects, or more items, than these."""
    if not _exceeds(text, containers, items):
        return False
    return _exceeds(_STRING.sub(b'""', text), containers, items)  # what is in strings does not count


def _exceeds(text: bytes | bytearray, containers: int, items: int) -> bool:
    return text.count(b"[") + text.count(b"{") > containers or text.count(b",") > items
