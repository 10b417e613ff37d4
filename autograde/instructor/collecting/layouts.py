"""How platforms name what they let an instructor download: one record for each, and no code that knows a platform.

A pattern describes the name of a folder or a file at the top of the download. Only the platform writes there, so a
name there is to be believed; what is inside a folder or archive was named by a student. Its named groups:

student_id, name, email, lms_id                who it is; `name` is a full name
participant                                    the platform's number for this person, in no class list
timestamp                                      when it was handed in
order                                          grows with each upload: of two files of one name the higher one counts
file_id                                        the name that the student gave the file
late, prefix                                   a mark of the platform's; what all names of one download begin with

Sources: Canvas `lib/content_zipper.rb`; Moodle `mod/assign/classes/downloader.php`; GitHub `gh classroom clone
student-repos`; nbgrader's documentation of `zip_collect` (Blackboard); files published by instructors (Brightspace,
Google Classroom).
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import takewhile
from pathlib import PurePosixPath

from autograde.course.errors import CourseError

LONGEST = 1_000  # characters of a path
GROUPS = ("student_id", "first_name", "last_name", "name", "email", "lms_id", "timestamp", "order", "file_id")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A platform's way to name downloads.

    name, title    what `--from` takes, and what people call it
    pattern        of a whole name at the top of the download
    container      of the folder or archive that holds these names, where `pattern` uses its groups in braces
    nobodys        files that the platform adds
    copies         what the platform appends to a file's name when it has another one of that name
    sure           this has to match a file's name before the platform is recognised without `--from`
    own            so the instructor may call a file: where it matches, nor is it recognised
    """

    name: str
    title: str
    pattern: str
    container: str = ""
    nobodys: frozenset[str] = frozenset()
    copies: str = ""
    sure: str = ""
    own: str = ""


MOODLE = Layout(
    name="moodle",
    title="Moodle",
    pattern=r"(?P<name>.+)_(?P<participant>\d+)_assignsubmission_[a-z]+(?:_(?P<file_id>.*))?",
)
CANVAS = Layout(
    name="canvas",
    title="Canvas",
    pattern=r"(?:(?P<name>.+?)_)??(?:(?P<late>LATE)_)?(?:(?P<lms_id>\d+)|(?P<student_id>anon_\w+?))"
    r"_(?:(?P<order>\d+)_(?P<file_id>.+)|(?:text|link)\.html)",
    copies=r"-\d+$",
    own=r"(?:\D*_)?\d+_{lesson}",  # 20261234_03_single_head.ipynb
)
BLACKBOARD = Layout(
    name="blackboard",
    title="Blackboard",
    pattern=r"(?P<prefix>.+_)?(?P<student_id>[^_]+)_[^\W\d_]+_(?P<timestamp>\d{4}(?:-\d\d){5})(?:_(?P<file_id>.+)|\.txt)",
)
BRIGHTSPACE = Layout(
    name="brightspace",
    title="Brightspace",
    pattern=r"(?P<participant>\d+)-\d+ - (?P<name>.+?) - "  # then a date of any language, with "-" between digits only
    r"(?P<timestamp>(?:[^-]|(?<=\d)-(?=\d))*\d{4}(?:[^-]|(?<=\d)-(?=\d))*?"
    r"\d{1,2}[.:h ]{0,3}\d\d(?: ?[AaPp]\.?[Mm]\.?)?)(?: - (?P<file_id>.+))?",
    nobodys=frozenset({"index.html"}),
)
GITHUB = Layout(
    name="github",
    title="GitHub Classroom",
    pattern=r"{slug}-(?P<student_id>.+)",
    container=r"(?P<slug>.+)-submissions",
)
GOOGLE = Layout(
    name="google",
    title="Google Classroom",
    pattern=r"(?!\d+-\d+ - )(?P<name>.+?) - (?P<file_id>.+)",  # not Brightspace's
    copies=r" ?\(\d+\)$",
    sure=r" - .*{lesson}",
)
LAYOUTS = (MOODLE, CANVAS, BLACKBOARD, BRIGHTSPACE, GITHUB, GOOGLE)
BY_NAME = {layout.name: layout for layout in LAYOUTS}


class Names:
    """A layout, ready for one source.

    container  names of the source and of the folder around everything in it
    own        a pattern of the instructor's, for whole paths, searched from their beginning as nbgrader does
    """

    def __init__(self, layout: Layout, container: list[str], own: bool = False) -> None:
        self.layout, self.own = layout, own
        values: dict[str, str] = {}
        if layout.container:
            found = [re.fullmatch(layout.container, name) for name in container]
            values = next((match.groupdict() for match in found if match), {})
            if not values:
                raise CourseError(
                    f"{layout.title} names everything after the assignment. Call the folder ASSIGNMENT-submissions, as "
                    "`gh classroom clone student-repos` does, or use `--names`."
                )
        pattern = layout.pattern
        for group, value in values.items():
            pattern = pattern.replace(f"{{{group}}}", re.escape(value))
        self._pattern = re.compile(pattern)
        self.prefix = ""

    def match(self, name: str) -> defaultdict[str, str] | None:
        """What a name at the top (own patterns: a path) says, {group: text}, "" for what it does not say; None where it
        does not fit."""
        if len(name) > LONGEST:  # some patterns take the square of its length
            return None
        found = self._pattern.match(name) if self.own else self._pattern.fullmatch(name)
        if found is None:
            return None
        groups = defaultdict(str, {group: value or "" for group, value in found.groupdict().items()})
        if self.prefix and name.startswith(self.prefix):
            groups["student_id"] = groups["prefix"].removeprefix(self.prefix) + groups["student_id"]
        if self.own:
            file = PurePosixPath(groups["file_id"] or name[found.end() :].lstrip("/") or name)
            # nbgrader's `file_id` is without the ending
            groups["file_id"] = str(file if file.suffix else file.with_suffix(PurePosixPath(name).suffix))
        return groups

    def learn(self, names: list[str]) -> None:
        """Find out what all names begin with: where an id may hold the sign between the parts, only this tells them
        apart."""
        found = [match for match in map(self.match, names) if match is not None]
        if len(found) > 1 and all("prefix" in match for match in found):
            heads = [match["prefix"] + match["student_id"] for match in found]
            same = list(takewhile(lambda signs: len(set(signs)) == 1, zip(*heads)))
            common = "".join(signs[0] for signs in same)
            self.prefix = common[: common.rfind("_") + 1]


def of(platform: str, names: list[str], container: list[str], lesson: str) -> Names | None:
    """The layout of most of these names, or None.

    platform   this one, also for a few of the names; "": any
    container  names of what they are in
    """
    for layout in LAYOUTS:
        if platform not in ("", layout.name):
            continue
        try:
            ready = Names(layout, container)
        except CourseError:
            continue
        sure, own = (
            re.compile(pattern.replace("{lesson}", re.escape(lesson)), re.IGNORECASE)
            for pattern in (layout.sure, layout.own or r"(?!)")
        )
        somebodys = [name for name in names if name not in layout.nobodys]
        matching = [name for name in somebodys if ready.match(name) is not None]
        if not platform:
            matching = [name for name in matching if sure.search(name) and not own.match(name)]
        if matching and (platform or 2 * len(matching) > len(somebodys)):
            ready.learn(matching)
            return ready
    return None


def own(pattern: str) -> Names:
    """The layout of `--names`; CourseError where it is no pattern, or says nothing about who somebody is."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise CourseError(f"`--names` is not a regular expression: {error}.") from None
    if not {"student_id", "name", "last_name", "email", "lms_id"} & set(compiled.groupindex):
        raise CourseError(
            "`--names` needs a group that says who a student is, for example '(?P<student_id>[^/_]+)_'. "
            f"Groups: {', '.join(GROUPS)}."
        )
    return Names(Layout(name="names", title="`--names`", pattern=pattern), [], own=True)
