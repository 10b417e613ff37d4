"""Text: of unknown encoding, as spreadsheets and archives of other systems write it; and lists and numbers in words."""

from __future__ import annotations

import re
from collections.abc import Sequence

_BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32"}
_BOMS |= {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_HIGH = re.compile(rb"[\x80-\xff]+")
# signs and, from B0 on, Hangul of KS X 1001: two high bytes each. A Western accented letter is usually a single one
_HANGUL = re.compile(rb"(?:[\xa1-\xc8][\xa1-\xfe])+")
# what no name has: a capital behind a small letter, signs beside letters, Hangul within a word
_SIGNS = "“”„…†‡‰‹›•™ˆ˜¤¦§¨©¬®¯°±¶¸¹²³¼½¾×÷£¥¢"
_DOUBT = re.compile(rf"[a-zß-öø-ÿ][À-ÖØ-ÞŠŽŒŸ]|[\x80-\x9f]|[{_SIGNS}]\w|\w[{_SIGNS}]|[A-Za-z][가-힣]+[A-Za-z]")


def decode(data: bytes, western: str = "cp1252", names: bool = False) -> str:
    """The text in `data`: UTF-8, UTF-16 or UTF-32, Korean (cp949), else the code page `western`.

    names  it is a list of names, and signs beside letters mean that the code page is another one

    Raises ValueError where two encodings are possible, or none: a wrong guess would change names in silence.
    """
    for bom, encoding in _BOMS.items():
        if data.startswith(bom):
            return data.decode(encoding)
    if b"\0" in data:  # UTF-16 without a mark: the zeros are at the odd places, or at the even ones
        little = data[1::2].count(0) > data[::2].count(0)
        return data.decode("utf-16-le" if little else "utf-16-be")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        runs = _HIGH.findall(data)
    encoding = western if all(len(run) == 1 for run in runs) else ""
    if all(_HANGUL.fullmatch(run) for run in runs) and any(max(run[::2]) >= 0xB0 for run in runs):
        encoding = "cp949"
    if encoding:
        text = data.decode(encoding)
        if not (names and _DOUBT.search(text)):
            return text
    raise ValueError("neither UTF-8 nor of one encoding that can be told from others")


def counted(number: int, noun: str) -> str:
    """ "1 page", "2 pages"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def first_few(names: Sequence[str], most: int) -> str:
    """ "a, b and 3 more": at most so many names, and how many others there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def enumerated(names: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def whole(text: str) -> str:
    """Text in which "?" is in place of halves of characters, which no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
