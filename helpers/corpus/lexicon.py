"""The words of the English-Korean grammar: what each is called on both sides, and what goes with what.

Every inflected form is written out, so that a reader can check it; nothing is derived by a rule that could be wrong.
"""

from __future__ import annotations

from typing import NamedTuple


class Noun(NamedTuple):
    english: str
    plural: str | None  # None: not counted ("milk")
    korean: str
    kind: str
    counter: str | None  # the word that counts it in Korean: "고양이 두 마리"
    measure: tuple[str, str] | None = None  # English measure, singular and plural: "two cups of coffee"


class Adjective(NamedTuple):
    english: str
    korean: str  # as it stands before a noun
    nouns: tuple[str, ...]  # the English nouns that it describes


NOUNS = tuple(
    Noun(*row)
    for row in (
        ("man", "men", "남자", "person", "명"),
        ("woman", "women", "여자", "person", "명"),
        ("child", "children", "아이", "person", "명"),
        ("friend", "friends", "친구", "person", "명"),
        ("student", "students", "학생", "person", "명"),
        ("doctor", "doctors", "의사", "person", "명"),
        ("singer", "singers", "가수", "person", "명"),
        ("farmer", "farmers", "농부", "person", "명"),
        ("soldier", "soldiers", "군인", "person", "명"),
        ("dog", "dogs", "개", "animal", "마리"),
        ("cat", "cats", "고양이", "animal", "마리"),
        ("rabbit", "rabbits", "토끼", "animal", "마리"),
        ("horse", "horses", "말", "animal", "마리"),
        ("bear", "bears", "곰", "animal", "마리"),
        ("monkey", "monkeys", "원숭이", "animal", "마리"),
        ("fox", "foxes", "여우", "animal", "마리"),
        ("tiger", "tigers", "호랑이", "animal", "마리"),
        ("book", "books", "책", "text", "권"),
        ("magazine", "magazines", "잡지", "text", "권"),
        ("letter", "letters", "편지", "text", "통"),
        ("apple", "apples", "사과", "food", "개"),
        ("orange", "oranges", "오렌지", "food", "개"),
        ("egg", "eggs", "달걀", "food", "개"),
        ("potato", "potatoes", "감자", "food", "개"),
        ("cookie", "cookies", "과자", "food", "개"),
        ("bread", None, "빵", "food", None),
        ("milk", None, "우유", "drink", "잔", ("glass", "glasses")),
        ("juice", None, "주스", "drink", "잔", ("glass", "glasses")),
        ("coffee", None, "커피", "drink", "잔", ("cup", "cups")),
        ("bag", "bags", "가방", "thing", "개"),
        ("box", "boxes", "상자", "thing", "개"),
        ("chair", "chairs", "의자", "thing", "개"),
        ("umbrella", "umbrellas", "우산", "thing", "개"),
        ("flower", "flowers", "꽃", "thing", "송이"),
        ("photo", "photos", "사진", "thing", "장"),
        ("pencil", "pencils", "연필", "thing", "자루"),
        ("bicycle", "bicycles", "자전거", "thing", "대"),
        ("car", "cars", "자동차", "thing", "대"),
        ("door", "doors", "문", "opening", "개"),
        ("window", "windows", "창문", "opening", "개"),
    )
)

_PEOPLE = "man woman child friend student doctor singer farmer soldier"
_ANIMALS = "dog cat rabbit horse bear monkey fox tiger"
_THINGS = "bag box chair umbrella bicycle car door window"

ADJECTIVES = tuple(
    Adjective(english, korean, tuple(nouns.split()))
    for english, korean, nouns in (
        ("happy", "행복한", f"{_PEOPLE} {_ANIMALS}"),
        ("sad", "슬픈", f"{_PEOPLE} {_ANIMALS}"),
        ("tired", "피곤한", f"{_PEOPLE} {_ANIMALS}"),
        ("hungry", "배고픈", f"{_PEOPLE} {_ANIMALS}"),
        ("brave", "용감한", f"{_PEOPLE} {_ANIMALS}"),
        ("smart", "똑똑한", f"{_PEOPLE} {_ANIMALS}"),
        ("kind", "친절한", _PEOPLE),
        ("cute", "귀여운", f"child {_ANIMALS}"),
        ("big", "큰", f"{_ANIMALS} {_THINGS} apple orange egg potato flower photo"),
        ("small", "작은", f"{_ANIMALS} {_THINGS} apple orange egg potato flower photo"),
        ("white", "하얀", f"dog cat rabbit horse {_THINGS} flower"),
        ("black", "검은", f"dog cat rabbit horse {_THINGS}"),
        ("red", "빨간", f"{_THINGS} flower pencil"),
        ("blue", "파란", f"{_THINGS} flower pencil"),
        ("pretty", "예쁜", "bag box chair umbrella bicycle flower photo pencil letter"),
        ("expensive", "비싼", "book magazine apple orange bread juice coffee bag chair umbrella bicycle car flower"),
        ("cheap", "싼", "book magazine apple orange bread juice coffee bag chair umbrella bicycle car pencil"),
        ("long", "긴", "letter pencil umbrella"),
        ("interesting", "재미있는", "book magazine letter photo"),
        ("sweet", "달콤한", "apple orange cookie juice coffee bread"),
        ("fresh", "신선한", "apple orange egg potato milk juice bread"),
        ("cold", "차가운", "milk juice coffee"),
        ("hot", "뜨거운", "milk coffee potato"),
    )
)

# English preposition, English noun, Korean noun. All take 에서 for where something happens and 에 for where one goes.
PLACES = (
    ("in", "park", "공원"),
    ("in", "garden", "정원"),
    ("in", "kitchen", "부엌"),
    ("in", "library", "도서관"),
    ("at", "market", "시장"),
    ("at", "school", "학교"),
    ("at", "station", "역"),
    ("on", "street", "거리"),
)
# Where a verb happens. "beside" stands for behind, in front of and next to one of the buildings.
PLACES_OF = {
    "place": ("park", "garden", "kitchen", "library", "market", "school", "station", "street", "beside"),
    "outdoors": ("park", "garden", "street", "beside"),
    "cooking": ("kitchen", "garden", "school"),
    "shop": ("market", "station", "street", "beside"),
    "lending": ("library", "school", "station"),
    "going": ("park", "garden", "kitchen", "library", "market", "school", "station"),
}
BUILDINGS = ("library", "market", "school", "station")
RIDES = ("park", "library", "market", "school", "station")  # one goes there by bus
SIDES = ((("behind",), "뒤"), (("in", "front", "of"), "앞"), (("next", "to"), "옆"))
VEHICLES = (("bus", "버스"), ("train", "기차"), ("subway", "지하철"))
TOOLS = (("pen", "펜"), ("pencil", "연필"))
NUMERALS = (("one", "한"), ("two", "두"), ("three", "세"), ("four", "네"), ("five", "다섯"))
MANNERS = (("slowly", "천천히"), ("quickly", "빨리"), ("quietly", "조용히"), ("happily", "즐겁게"))
FREQUENCIES = (("always", "항상"), ("often", "자주"), ("sometimes", "가끔"))
# English words (the last one is linked with the Korean word), Korean word, name of its particle, tenses it goes with.
TIMES = (
    (("yesterday",), "어제", None, ("past",)),
    (("today",), "오늘", None, ("past", "future")),
    (("tomorrow",), "내일", None, ("future",)),
    (("every", "day"), "매일", None, ("present",)),
    (("in", "the", "morning"), "아침", "to", ("present", "past", "future")),
    (("in", "the", "evening"), "저녁", "to", ("present", "past", "future")),
    (("at", "night"), "밤", "to", ("present", "past", "future")),
)
# Subject and object in English, the Korean word. As a subject they are the topic: 저는, 우리는.
PRONOUNS = (("i", "me", "저"), ("we", "us", "우리"))
# Of people and animals, one says "my" of these.
OWNED = frozenset(("child", "friend", "student", "dog", "cat", "rabbit", "horse"))
