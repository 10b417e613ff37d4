"""Times as platforms and people write them, in UTC without a zone: so nbgrader's gradebook has them."""

from __future__ import annotations

import datetime
import re

from dateutil import tz
from dateutil.parser import parse

_DASHED = re.compile(r"^(\d{4}-\d\d-\d\d)[-_T ](\d\d)([-.:])(\d\d)(?:\3(\d\d))?")  # Blackboard: 2026-03-01-10-20-30
_JOINED = re.compile(r"\b(\d{1,2})(?:\.(?=\d\d\s*[AaPp]))?(\d\d)(?=\s*[AaPp]\.?[Mm]\b|$)")  # Brightspace: 926 PM
_DATE = re.compile(r"\d{4}")
_DEFAULTS = (datetime.datetime(1601, 1, 1), datetime.datetime(1602, 2, 2))  # for what a text leaves out
_PARTS = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2\d{4}")
_OFFSET = re.compile(r"\b(?:GMT|UTC)\s*(?=[+-]\d)", re.IGNORECASE)  # POSIX, and dateutil, turn its sign round
_PLACE = re.compile(r"\s+([A-Z]\w+(?:/\w+)+)$")  # Europe/Berlin
# abbreviations of a single zone that the system's list lacks; hours east of Greenwich
_ZONES = {"CEST": 2, "EEST": 3, "WEST": 1, "EDT": -4, "CDT": -5, "MDT": -6, "PDT": -7, "PST": -8, "KST": 9, "JST": 9}


def read(text: str, local: bool = True) -> datetime.datetime:
    """The time that a text says; ValueError where it says none.

    local  a time without a zone is this computer's local time; otherwise UTC
    """
    text = text.strip()
    if not _DATE.search(text):
        raise ValueError(f"{text[:80]!r} has no year")
    dashed = _DASHED.match(text)
    if dashed:
        day, hour, _, minute, second = dashed.groups("00")
        text = f"{day} {hour}:{minute}:{second}{text[dashed.end() :]}"
    else:
        text = _JOINED.sub(r"\1:\2", text) if ":" not in text and not _DATE.fullmatch(text[-4:]) else text
    parts = _PARTS.search(text)
    if parts and parts[2] != "." and parts[1] != parts[3] and max(int(parts[1]), int(parts[3])) <= 12:
        raise ValueError(f"{text[:80]!r} may be one of two days; write it as 2026-11-10")
    text = _OFFSET.sub("", text)
    place = _PLACE.search(text)
    try:
        written = text[: place.start()] if place else text
        time, other = (parse(written, tzinfos=_zone, dayfirst=bool(parts), default=default) for default in _DEFAULTS)
        if time != other or str(time.year) not in text:  # of 10.11.26, too, nobody knows which number is the year
            raise ValueError(f"{text[:80]!r} has no year, month and day; write it as 2026-11-10")
        return in_utc(time.replace(tzinfo=_zone(place[1], None)) if place else time, local)
    except (OverflowError, TypeError, AttributeError) as error:
        raise ValueError(str(error)) from None


def _zone(name: str | None, offset: int | None) -> datetime.tzinfo | None:
    if offset is not None:
        return tz.tzoffset(name, offset)
    if name is None:  # asked for, too, where the text says none
        return None
    hours = _ZONES.get(name)
    zone = tz.gettz(name) if hours is None else tz.tzoffset(name, 3600 * hours)
    if zone is None:
        raise ValueError(f"the time zone {name} is not known; write it as +0100")
    return zone


def in_utc(time: datetime.datetime, local: bool = True) -> datetime.datetime:
    if time.tzinfo is None:
        time = time.replace(tzinfo=tz.tzlocal() if local else datetime.UTC)
    return time.astimezone(datetime.UTC).replace(tzinfo=None)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


def stamp(time: datetime.datetime) -> str:
    """The content of nbgrader's timestamp.txt."""
    return f"{time:%Y-%m-%d %H:%M:%S.%f} UTC\n"


def shown(time: datetime.datetime) -> str:
    """A time for people: this computer's local time, with its zone."""
    return time.replace(tzinfo=datetime.UTC).astimezone().strftime("%Y-%m-%d %H:%M %Z").strip()
