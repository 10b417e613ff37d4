"""Who of the class is it? Names, logins and numbers of a source meet the class list and the students that are known."""

from __future__ import annotations

from dataclasses import dataclass

from autograde.course import class_data
from autograde.course.people import folded, normalised, refusal
from autograde.instructor.collecting.sources import Identity
from autograde.instructor.report.grades import Person
from autograde.instructor.roster import Entry, Index, Roster


@dataclass(frozen=True)
class Found:
    """A student's id, or the problem in words that follow a colon; `listed`: a class list says who it is, given now or
    entered into the gradebook."""

    student: str
    problem: str = ""
    listed: bool = False


class Students:
    """The students of a class.

    roster     the class list that the instructor gave; who is not in it is not collected
    gradebook  the people of nbgrader's gradebook; who is not among them is collected under the source's name
    """

    def __init__(self, roster: Roster | None, gradebook: dict[str, Person]) -> None:
        self._roster = Index(roster) if roster is not None else None
        self._gradebook = Index(Roster(tuple(person.entry for person in gradebook.values())))
        self._folders = {folded(name): name for name in _collected()}
        self._handed_in = self._of_folders()
        self.listed = roster is not None or any(_is_entered(person.entry) for person in gradebook.values())

    def _of_folders(self) -> dict[Entry, str]:
        """What those of the roster are called who have handed in something already, as `course roster` finds them."""
        found: dict[Entry, str] = {}
        if self._roster is not None:
            for student in self._folders.values():
                entries = self._roster.find([student], [student], local=False)
                if len(entries) == 1:
                    found.setdefault(entries[0], student)
        return found

    def known(self, name: str) -> bool:
        """Whether this is a student's id, login, number or name."""
        if folded(normalised(name)) in self._folders or self._gradebook.find([name], [name], local=False):
            return True
        return self._roster is not None and bool(self._roster.find([name], [name]))

    def find(self, identity: Identity) -> Found:
        """The id of a person: the class list's where it has this person, else what the source says."""
        identifiers = [identity.student_id, identity.email]
        full = (f"{identity.first_name} {identity.last_name}", f"{identity.last_name} {identity.first_name}")
        names = [identity.name or identity.student_id, *full] if not identity.anonymous else []
        for index in (self._roster, self._gradebook):
            if index is None:
                continue
            # nobody vouches that the gradebook is complete, so half an address is not enough there
            in_class_list = index is self._roster
            entries = index.find(identifiers, names, identity.participant, identity.lms_id, local=in_class_list)
            if len(entries) == 1 and in_class_list:
                entries = index.find([entries[0].id], [entries[0].id]) or entries  # and whoever has the same id
            if len(entries) > 1:
                who = " or ".join(f"{entry.full_name} ({entry.id})" for entry in entries)
                problem = f"the class list does not say whether this is {who}; `--student NAME` does"
                return Found(identity.default, problem)
            if entries:  # of whom the gradebook has only an id, it has from an earlier collecting
                return self._checked(self._id(entries[0]), in_class_list or _is_entered(entries[0]))
            if index is self._roster:
                near = index.near(identity.label)
                hint = f"; near: {', '.join(near)}" if near else ""
                return Found(identity.default, f"not in the roster{hint}")
        return self._checked(normalised(identity.default), False)

    def _id(self, entry: Entry) -> str:
        """What the gradebook calls a person of the roster, else what the folder of an earlier submission is called."""
        known = self._gradebook.find(entry.identifiers)
        return known[0].id if len(known) == 1 else self._handed_in.get(entry, entry.id)

    def _checked(self, student: str, listed: bool) -> Found:
        problem = refusal(student)
        other = self._folders.get(folded(student), student)
        if not problem and other != student:
            problem = f"{other} has handed in already, and the two names differ in capitals or accents only"
        return Found(student, problem, listed)


def _is_entered(entry: Entry) -> bool:
    """A class list was entered with this person."""
    return bool(entry.first or entry.last or entry.email)


def _collected() -> list[str]:
    folder = class_data.folder("submitted")
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
