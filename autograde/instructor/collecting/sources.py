"""The folders and files that the instructor names, and whose each file in them is.

Who somebody is comes from the top of a source: there a platform or the instructor wrote the names. A name inside
somebody's folder or archive decides nothing.
"""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, replace
from pathlib import Path, PurePosixPath

from autograde.course import times
from autograde.course.attachments import shown
from autograde.course.errors import CourseError
from autograde.course.files import File, Refused, archive_files, folder_files, open_archive, single_file
from autograde.course.lessons import Lesson
from autograde.course.people import HIDDEN
from autograde.instructor.collecting import layouts
from autograde.instructor.collecting.layouts import Names

# what a browser, JupyterLab or a desktop puts behind a copy's name, and Google Drive before it
_COPY = re.compile(r"(?:\s*\(\d+\)|-Copy\d+| - Copy| copy(?: \d+)?|-checkpoint)+$")
_COPY_OF = re.compile(r"^(?:(?:Copy of|Kopie von|Copie de|Copia de|Kopia)\s+)+", re.IGNORECASE)
# the names of a class's downloads consist of these words
_CLASS = {
    *("all", "class", "classroom", "course", "group", "names", "section", "student", "students"),
    *("download", "downloads", "files", "gradebook", "late", "new", "resubmissions", "resubmitted"),
    *("submission", "submissions", "submitted", "unit", "week", "work"),
    *("assignment", "assignments", "homework", "hw", "lab", "lesson", "lessons"),
    *("blackboard", "brightspace", "canvas", "github", "google", "moodle"),
}
_COURSES = frozenset({"notebooks", "solutions", "my_work"})  # the course's own folders of lessons
_NOBODYS = (
    "its name does not say whose it is; download the submissions in folders (a choice in Moodle), describe names that "
    "say it with `--names`, or collect it with `--student NAME`"
)
_WHOSE = "If the archive is the whole class's, add `--class`"
_UNLIKE = "does not name submissions like this"
_SYSTEM = frozenset({"__macosx", "thumbs.db", "desktop.ini", "__pycache__"})


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the instructor says about the sources.

    platform     the name of a layout
    names        a layout of the instructor's own, as a regular expression
    student      everything is this student's
    whole_class  a source is the class's, though it could be one student's
    received     when all of it was handed in, or "dates": each file at its own date; "": what names and files say
    exchange     it comes from nbgrader's exchange, with nbgrader's own files
    """

    platform: str = ""
    names: str = ""
    student: str = ""
    whole_class: bool = False
    received: str = ""
    exchange: bool = False


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a source says about a person; what it does not say is ""."""

    student_id: str = ""
    name: str = ""
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    lms_id: str = ""
    participant: str = ""
    anonymous: bool = False

    @property
    def label(self) -> str:
        """For people."""
        full = self.name or " ".join(filter(None, (self.first_name, self.last_name)))
        return full or self.student_id or self.email or self.lms_id

    @property
    def default(self) -> str:
        """The student's id where no class list knows this person."""
        full = self.label if not self.anonymous else f"{self.label} {self.participant}"
        return self.student_id or self.email or self.lms_id or full


@dataclass(frozen=True)
class Handed(File):
    """A file of somebody's, with what its name says: when it was handed in (UTC), and which upload it is.

    uploaded  it comes from a platform's download: whatever is in it, the student may have written
    """

    time: datetime.datetime | None = None
    order: int = 0
    uploaded: bool = False


@dataclass(kw_only=True)
class Person:
    """One student's files in the sources.

    unsure    the source that may be this student's or another's, or ""
    late      the platform marks this as late
    problem   why nothing of it can be taken, or ""
    hint      what may help where the files contradict each other, or ""
    """

    identity: Identity
    files: list[Handed] = field(default_factory=list)
    unsure: str = ""
    late: bool = False
    problem: str = ""
    hint: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass
class Source:
    """A folder, an archive or a file, and the files in it.

    unnamed  the instructor named files, or works in this folder: it may be the instructor's own
    """

    path: Path
    files: list[File]
    unnamed: bool = False

    @property
    def top(self) -> list[str]:
        """The names at the top, without what systems add."""
        return list(dict.fromkeys(file.place.parts[0] for file in self.files if not _nobodys(file.place)))

    @property
    def container(self) -> list[str]:
        return [self.path.resolve().name, self.path.stem]

    def unwrapped(self) -> Source:
        """The same without the one folder around everything: archives are often packed so."""
        tops = self.top
        if len(tops) != 1 or not any(len(file.place.parts) > 1 for file in self.files):
            return self
        inner = [
            replace(file, place=PurePosixPath(*file.place.parts[1:]), inside=PurePosixPath(*file.inside.parts[1:]))
            for file in self.files
            if file.place.parts[0] == tops[0] and len(file.place.parts) > 1
        ]
        return Source(self.path.parent / tops[0], inner)


def together(given: list[Path]) -> Iterator[tuple[Path, list[Path]]]:
    """Each source with its files where it is a folder of which some were given, else with none."""
    folders: dict[Path, list[Path]] = {}
    for path in given:
        if path.is_file() and not is_archive(path.name):
            folders.setdefault(path.parent, []).append(path)
    for path in given:
        files = folders.get(path.parent, []) if path.is_file() and not is_archive(path.name) else []
        if len(files) < 2:
            yield path, []
        elif path is files[0]:
            yield path.parent, files


def read(path: Path, stack: ExitStack, some: list[Path]) -> Source:
    """`some`: only these files of a folder. Raises Refused for an archive that does not open or has too many files."""
    if some:
        return Source(path, [single_file(file) for file in some], unnamed=True)
    if path.is_dir():
        return Source(path, list(folder_files(path)), unnamed=path.resolve() in (Path.cwd(), *Path.cwd().parents))
    if path.suffix.casefold() == ".zip":
        return Source(path, list(archive_files(stack.enter_context(open_archive(path)))))
    return Source(path, [single_file(path)], unnamed=True)


def placed(path: Path, file: Handed) -> Handed:
    """The same file with its source in its place: in several sources two files may have one place."""
    is_single = path.is_file() and not is_archive(path.name)
    return replace(file, place=PurePosixPath(path.as_posix()) / ("" if is_single else file.place))


def hidden(place: PurePosixPath) -> bool:
    """What a file manager or JupyterLab puts beside somebody's work."""
    return any(
        part.casefold() in _SYSTEM or (part.startswith(".") and not part.startswith("..")) for part in place.parts
    )


def _nobodys(place: PurePosixPath, name: str = "") -> bool:
    """Whether `name`, the first part of a place, is nobody's: what a system adds, or hidden and without a notebook."""
    name = name or place.parts[0]
    if not hidden(PurePosixPath(name)):
        return False
    deeper = PurePosixPath(*place.parts[place.parts.index(name) + 1 :])
    somebodys = name.startswith(".") and name.casefold() != ".ipynb_checkpoints" and not hidden(deeper)
    return not (somebodys and is_notebook(deeper.name))


# --- kinds of files, by their names ---------------------------------------------------------------------------------


def stem(name: str) -> str:
    """A file's name without its ending; what a browser or an operating system put behind `.ipynb` is part of it."""
    before, found, _ = name.casefold().partition(".ipynb")
    return name[: len(before)] if found else PurePosixPath(name).stem


def is_notebook(name: str) -> bool:
    return name.casefold().endswith(".ipynb")


def may_be_notebook(name: str) -> bool:
    """A notebook whose ending was lost or covered: `.ipynb.txt`, `.json`, none. Its content has to say so."""
    suffix = PurePosixPath(name).suffix.casefold()
    return ".ipynb" in name.casefold() or suffix in ("", ".txt", ".json")


def is_archive(name: str) -> bool:
    return name.casefold().endswith(".zip")


def squashed(text: str) -> str:
    """Only letters and digits: platforms replace other signs."""
    return "".join(char for char in text.casefold() if char.isalnum())


def is_of(lesson: Lesson, name: str) -> bool:
    """The file's name has the lesson in it."""
    return squashed(lesson.name) in squashed(stem(name))


# --- whose is it? ---------------------------------------------------------------------------------------------------


def people(
    lesson: Lesson, source: Source, choice: Choice, alone: bool, known: Callable[[str], bool], listed: bool
) -> Iterator[Person]:
    """The people in a source, each with their files.

    alone   it is the only source; of several archives each is one student's
    known   whether a name is that of a student of this class
    listed  all students of this class are known by name
    """
    explicit = bool(choice.platform or choice.names or choice.whole_class or choice.exchange)
    archive = is_archive(source.path.name) and not source.path.is_dir()
    name = _own_name(lesson, source, known)
    if choice.student:
        yield _person(choice.student, source.files)
    elif not explicit and (known(name) or (archive and not alone and not _is_class(lesson, source.path))):
        person = _person(name, source.files)
        if not known(name) and _is_download(lesson, source):
            person.problem = f"the names in it are those of a class's download. {_WHOSE}"
        elif not known(name) and _names_several(lesson, source):
            person.problem = f"several names in it may be students'. {_WHOSE}; if it is one student's, `--student NAME`"
        elif archive:
            person.hint = _WHOSE
        yield person
    else:
        unsure = archive and not explicit and not listed and not _is_class(lesson, source.path)
        for person in _class(lesson, source, choice, known):
            if unsure and person.identity.student_id != name:
                person.unsure = source.path.name
            yield person


def _is_class(lesson: Lesson, path: Path) -> bool:
    """A source's name is that of a class's download, not a person's."""
    words = set(re.findall(r"[^\W\d_]+", path.stem.casefold()))
    return bool(words) and words <= _CLASS | set(re.findall(r"[^\W\d_]+", lesson.name))


def _is_download(lesson: Lesson, source: Source) -> bool:
    """The names at the top of an archive are those of a platform, beyond doubt."""
    inner = source.unwrapped()
    found = (layouts.of("", here.top, here.container, lesson.name) for here in (source, inner))
    return any(names is not None and not names.layout.sure for names in found)


def _own_name(lesson: Lesson, source: Source, known: Callable[[str], bool]) -> str:
    """Whose a source is by its own name; "" where that is the lesson's. A folder of the instructor's own counts only as
    the name of a student who is known."""
    path = source.path.resolve()
    if not path.is_dir():
        name = _without_lesson(stem(path.name), lesson)
        if name or is_archive(path.name):
            return name
        path = path.parent
    name = _without_lesson(path.name, lesson)
    return name if known(name) or not (source.unnamed or name.casefold() in _COURSES) else ""


def _person(student: str, files: list[File]) -> Person:
    problem = "" if student else _NOBODYS
    return Person(identity=Identity(student_id=student), files=[_handed(file) for file in files], problem=problem)


def _handed(file: File) -> Handed:
    return Handed(**{field.name: getattr(file, field.name) for field in fields(File)})


def _time(text: str) -> datetime.datetime | None:
    try:
        return times.read(text)
    except ValueError:
        return None


def _class(lesson: Lesson, source: Source, choice: Choice, known: Callable[[str], bool]) -> Iterator[Person]:
    if choice.exchange:
        yield from _by_place(lesson, source, lambda name: True)
        return
    if choice.names:
        yield from _by_layout(source, layouts.own(choice.names))
        return
    inner = source.unwrapped()
    for here in (source, inner):
        names = layouts.of(choice.platform, here.top, here.container, lesson.name)
        if names is not None:
            yield from _by_layout(here, names)
            return
    if inner is not source and _is_class(lesson, inner.path) and not known(inner.path.name):
        source = replace(source, files=inner.files)
    if choice.platform:  # nothing is named as there: everybody is named as a stranger
        layout = layouts.BY_NAME[choice.platform]
        looks = (layouts.of("", here.top, here.container, lesson.name) for here in (source, inner))
        other = next((f"; {names.layout.title} does: `--from {names.layout.name}`" for names in looks if names), "")
        try:
            yield from _by_layout(source, layouts.Names(layout, source.container), other)
        except CourseError as error:
            raise CourseError(f"{layout.title} {_UNLIKE}{other}.") if other else error from None
        return
    top = [file.place.name for file in source.files if not file.is_folder and not _folders(lesson, file)]
    own = [name for name in top if is_notebook(name) or may_be_notebook(name)]
    is_file = not source.path.is_dir() and not is_archive(source.path.name)
    named = not choice.whole_class and (is_file or not _is_class(lesson, source.path))
    named_files = list(filter(None, (_without_lesson(stem(name), lesson) for name in own)))
    nobodys = {name for name in own if not _without_lesson(stem(name), lesson)}
    # of several, as a browser renames downloads of one name, each may be another student's
    if named and len(nobodys) == 1 and not any(map(known, named_files)):
        yield _person(_own_name(lesson, source, known), source.files)
        return
    yield from _by_place(lesson, source, known)


def _by_layout(source: Source, names: Names, other: str = "") -> Iterator[Person]:
    """`other`: whose names they seem to be instead, and what to do."""
    found: dict[Identity, Person] = {}
    strangers: dict[str, Person] = {}
    for file in source.files:
        first, *rest = file.place.parts
        if _nobodys(file.place) or (not rest and first in names.layout.nobodys):
            continue
        said = names.match(f"{file.place}{'/' * file.is_folder}" if names.own else first)
        if said is None and names.own and file.is_folder:
            continue
        if said is None:
            problem = f"{names.layout.title} {_UNLIKE}{other}"
            person = strangers.setdefault(first, Person(identity=Identity(student_id=first), problem=problem))
            person.files.append(_handed(file))
            continue
        identity = Identity(
            student_id=said["student_id"],
            name=said["name"],
            first_name=said["first_name"],
            last_name=said["last_name"],
            email=said["email"],
            lms_id=said["lms_id"],
            participant=said["participant"],
        )
        person = found.setdefault(identity, Person(identity=identity))
        person.late = person.late or bool(said["late"])
        inside = PurePosixPath(*rest) if rest and not names.own else PurePosixPath(said["file_id"])
        if not inside.name or file.is_folder:
            continue  # the folder itself, or the platform's own text about this person
        if not rest and names.layout.copies:
            inside = inside.with_name(re.sub(names.layout.copies, "", inside.stem) + inside.suffix)
        order, time = int(said["order"] or 0), _time(said["timestamp"])
        if said["timestamp"] and time is None:
            written = shown(said["timestamp"])
            person.notes.append(f"{written} is not read as a time; when it was handed in is not known.")
        person.files.append(replace(_handed(file), inside=inside, time=time, order=order, uploaded=not names.own))
    anonymous = len(found) > 1 and len({identity.name for identity in found}) == 1
    for identity, person in found.items():
        if identity.participant and (anonymous or identity.name.casefold() in HIDDEN):
            person.identity = replace(identity, anonymous=True)
        yield person
    yield from strangers.values()


def _by_place(lesson: Lesson, source: Source, known: Callable[[str], bool]) -> Iterator[Person]:
    """`STUDENT/…`, `STUDENT.zip`, `STUDENT_LESSON.ipynb`."""
    level, problem = _level(lesson, source, known)
    found: dict[str, Person] = {}
    for file in source.files:
        folders = _folders(lesson, file)
        if _nobodys(file.place) or (file.is_folder and len(folders) <= level):
            continue
        if file.problem and ".." in file.place.parts:
            person = found.setdefault("", Person(identity=Identity(), problem=file.problem))
        elif folders:
            student = folders[min(level, len(folders) - 1)]
            if _nobodys(file.place, student):
                continue
            person = found.setdefault(student, Person(identity=Identity(student_id=student), problem=problem))
        else:
            student = _without_lesson(stem(file.place.name), lesson)
            person = found.setdefault(student or str(file.place), _person(student, []))
        person.files.append(_handed(file))
    for student, person in found.items():
        if not person.problem and not known(student):
            person.problem = _class_in(lesson, person)
        yield person


def _class_in(lesson: Lesson, person: Person) -> str:
    """Why an archive whose own name says whose it is seems to be the class's; "" where it does not."""
    for file in person.files:
        if file.is_folder or _folders(lesson, file) or not is_archive(file.inside.name):
            continue
        try:
            opened = open_archive(io.BytesIO(file.read()), limited=True)
            archive = Source(Path(file.inside.name), list(archive_files(opened)))
        except Refused:  # `submission` says why
            continue
        inner = archive.unwrapped().files
        holders = {each.place.parts[0] for each in inner if is_notebook(each.place.name) or is_archive(each.place.name)}
        is_class = _is_download(lesson, archive) or (_is_class(lesson, archive.path) and len(holders) > 1)
        if is_class or _names_several(lesson, archive):
            return (
                f"{file.inside.name} seems to be the whole class's or a group's; take it out, and collect it by "
                "itself, or with `--student NAME` if it is one student's"
            )
    return ""


def _names_several(lesson: Lesson, archive: Source) -> bool:
    """Its notebooks of the lesson lie in folders, or have names, of several people."""
    notebooks = [
        file
        for file in archive.unwrapped().files
        if is_notebook(file.place.name) and is_of(lesson, file.place.name) and not hidden(file.place)
    ]
    names = {next(iter(_folders(lesson, file)), _without_lesson(stem(file.place.name), lesson)) for file in notebooks}
    return len(names) > 1 and "" not in names


def _level(lesson: Lesson, source: Source, known: Callable[[str], bool]) -> tuple[int, str]:
    """How deep the students' folders are, and a problem where that cannot be told.

    The first folder is the student's, unless all notebooks are deeper and every folder above them holds several.
    """
    holders = {
        tuple(_folders(lesson, file))
        for file in source.files
        if not hidden(file.place) and (is_notebook(file.place.name) or is_archive(file.place.name))
    }
    depth = min(map(len, holders), default=0)
    if depth < 2 or any(known(holder[0]) for holder in holders):
        return 0, ""
    above: dict[tuple[str, ...], set[str]] = {}
    for holder in holders:
        above.setdefault(holder[: depth - 1], set()).add(holder[depth - 1])
    if all(len(names) > 1 for names in above.values()):
        return depth - 1, ""
    if len({holder[0] for holder in holders}) == len({holder[:depth] for holder in holders}):
        return 0, ""
    return 0, (
        "some folders hold several folders with notebooks, others one, so it is not clear which are the students'; "
        "collect each folder that holds students' folders by itself"
    )


def _folders(lesson: Lesson, file: File) -> list[str]:
    """The folders that a file is in (a folder: and itself), without the lesson's own, and the course's around that."""
    parts = file.place.parts if file.is_folder else file.place.parent.parts
    names = [part.casefold() for part in (*parts, "")]
    return [
        part
        for number, part in enumerate(parts)
        if names[number] not in (lesson.name, ".", "/")
        and not (names[number] in _COURSES and names[number + 1] == lesson.name)
    ]


def _without_lesson(name: str, lesson: Lesson) -> str:
    """The name without the lesson in it, however its words are joined, and without what programs call a copy."""
    lessons = "[_ .-]*".join(map(re.escape, lesson.name.split("_")))
    rest = re.sub(lessons, "", _COPY_OF.sub("", _COPY.sub("", name)), flags=re.IGNORECASE)
    return "" if re.fullmatch(r"-\d\d?", rest) else rest.strip("_- ").rstrip("_-. ")  # Safari's copies
