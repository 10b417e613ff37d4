"""The verbs of the English-Korean grammar, every form written out, so that a reader can check it."""

from __future__ import annotations

from typing import NamedTuple


class Verb(NamedTuple):
    english: str
    third: str  # "sees"
    past: str
    present_ko: str  # 봐요
    past_ko: str  # 봤어요
    future_ko: str  # 볼 (거예요)
    negative_ko: str  # 보지 (않아요)
    relative_ko: str | None  # 보는 (남자); None: not used in relative clauses
    subjects: tuple[str, ...]  # kinds
    objects: tuple[str, ...]  # kinds or English nouns; empty: none
    extras: frozenset[str]  # the adverbials it takes: a group of places, "tool", "company", "timeless", manners
    after: str | None = None  # "for" in "wait for"


_P, _A, _PA = ("person",), ("animal",), ("person", "animal")
_DRAWN = (*_PA, "chair", "flower", "bicycle", "car", "bag")
_BOUGHT = ("text", "food", "drink", "thing")

VERBS = tuple(
    Verb(*row[:10], frozenset(row[10].split()), *row[11:])
    for row in (
        ("see", "sees", "saw", "봐요", "봤어요", "볼", "보지", "보는", _PA, (*_PA, "thing"), "place"),
        ("like", "likes", "liked", "좋아해요", "좋아했어요", "좋아할", "좋아하지", "좋아하는", _PA, _PA, "timeless"),
        ("bite", "bites", "bit", "물어요", "물었어요", "물", "물지", None, _A, _PA, "place"),
        ("chase", "chases", "chased", "쫓아요", "쫓았어요", "쫓을", "쫓지", "쫓는", _PA, _PA, "outdoors quickly"),
        ("follow", "follows", "followed", "따라가요", "따라갔어요", "따라갈", "따라가지", "따라가는", _PA, _PA,
         "slowly quickly quietly"),
        ("hug", "hugs", "hugged", "껴안아요", "껴안았어요", "껴안을", "껴안지", None, _P, _PA, "place quietly"),
        ("wait", "waits", "waited", "기다려요", "기다렸어요", "기다릴", "기다리지", "기다리는", _PA, _PA,
         "place quietly", "for"),
        ("meet", "meets", "met", "만나요", "만났어요", "만날", "만나지", None, _PA, _PA, "place"),
        ("help", "helps", "helped", "도와줘요", "도와줬어요", "도와줄", "도와주지", "도와주는", _P, _PA,
         "place quietly happily"),
        ("draw", "draws", "drew", "그려요", "그렸어요", "그릴", "그리지", "그리는", _P, _DRAWN,
         "place tool slowly quickly quietly happily"),
        ("read", "reads", "read", "읽어요", "읽었어요", "읽을", "읽지", "읽는", _P, ("text",),
         "place slowly quickly quietly happily"),
        ("write", "writes", "wrote", "써요", "썼어요", "쓸", "쓰지", None, _P, ("book", "letter"),
         "place tool slowly quickly quietly"),
        ("buy", "buys", "bought", "사요", "샀어요", "살", "사지", None, _P, _BOUGHT, "shop"),
        ("eat", "eats", "ate", "먹어요", "먹었어요", "먹을", "먹지", "먹는", _PA, ("food",),
         "place slowly quickly quietly happily"),
        ("drink", "drinks", "drank", "마셔요", "마셨어요", "마실", "마시지", "마시는", _P, ("drink",),
         "place slowly quickly quietly"),
        ("make", "makes", "made", "만들어요", "만들었어요", "만들", "만들지", None, _P,
         ("bread", "cookie", "juice", "bag", "box", "chair"), "cooking quickly happily"),
        ("wash", "washes", "washed", "씻어요", "씻었어요", "씻을", "씻지", None, _P,
         ("apple", "orange", "egg", "potato"), "cooking quickly quietly"),
        ("open", "opens", "opened", "열어요", "열었어요", "열", "열지", None, _P,
         ("door", "window", "box", "bag", "letter"), "slowly quickly quietly"),
        ("ride", "rides", "rode", "타요", "탔어요", "탈", "타지", None, _P, ("horse", "bicycle"), "outdoors happily"),
        ("borrow", "borrows", "borrowed", "빌려요", "빌렸어요", "빌릴", "빌리지", None, _P,
         ("book", "magazine", "umbrella", "pencil", "bicycle", "car", "chair"), "lending"),
        ("sleep", "sleeps", "slept", "자요", "잤어요", "잘", "자지", None, _PA, (), "place quietly"),
        ("run", "runs", "ran", "달려요", "달렸어요", "달릴", "달리지", None, _PA, (),
         "outdoors company slowly quickly"),
        ("laugh", "laughs", "laughed", "웃어요", "웃었어요", "웃을", "웃지", "웃는", _P, (),
         "place company quietly happily"),
        ("work", "works", "worked", "일해요", "일했어요", "일할", "일하지", "일하는", _P, (),
         "place company slowly quickly quietly happily"),
        ("swim", "swims", "swam", "수영해요", "수영했어요", "수영할", "수영하지", None, _P, (),
         "company slowly quickly happily"),
        ("dance", "dances", "danced", "춤춰요", "춤췄어요", "춤출", "춤추지", "춤추는", _P, (),
         "place company slowly happily"),
        ("walk", "walks", "walked", "걸어요", "걸었어요", "걸을", "걷지", None, _PA, (),
         "outdoors company slowly quickly quietly"),
    )
)  # fmt: skip

GO = Verb(
    "go",
    "goes",
    "went",
    "가요",
    "갔어요",
    "갈",
    "가지",
    None,
    _P,
    (),
    frozenset(("going", "company", "quickly", "quietly")),
)
GIVING = (  # somebody something to somebody: 에게
    Verb("give", "gives", "gave", "줘요", "줬어요", "줄", "주지", None, _P,
         ("text", "food", "drink", "flower", "photo", "umbrella", "pencil", "bag"), frozenset(("place", "quietly"))),
    Verb("show", "shows", "showed", "보여줘요", "보여줬어요", "보여줄", "보여주지", None, _P,
         ("text", "bag", "flower", "photo", "bicycle", "car"), frozenset(("place", "quietly"))),
    Verb("send", "sends", "sent", "보내요", "보냈어요", "보낼", "보내지", None, _P,
         ("text", "flower", "photo", "cookie"), frozenset(("quickly",))),
)  # fmt: skip
