"""Functions of a notebook that have run out of their time: a cell that calls one waits no second time for long."""

from __future__ import annotations

from autograde.grading.notebook.slicing import Facts, facts_of


class SlowFunctions:
    """What a notebook's functions have cost, cell by cell.

    cell  seconds for one cell: all cells that call what has run out of its time have as much together
    call  seconds for one of these cells
    """

    def __init__(self, cell: float, call: float):
        self.left, self.call = cell, call
        self._functions: dict[str, list[Facts]] = {}  # of the cells that have run
        self._slow: set[str] = set()

    def called_by(self, source: str) -> str:
        """A function that has run out of its time, and that the code of a cell calls, itself or through others; else
        ""."""
        if not self._slow:
            return ""
        return min(self._reached(source) & self._slow, default="")

    @property
    def seconds(self) -> float:
        """What a cell has that calls one of them; 0 where they have used it up."""
        return max(0.0, min(self.call, self.left))

    def ran(self, source: str, seconds: float, late: bool) -> None:
        """A cell has run."""
        if self.called_by(source):
            self.left -= seconds
        for name, facts in facts_of(source).functions.items():
            self._functions.setdefault(name, []).append(facts)
        if late:  # any of these may be the reason; the check of one says whether it is
            self._slow |= self._reached(source) & self._functions.keys()

    def asked(self, name: str, late: bool) -> None:
        """A check has called a function."""
        if late:
            self._slow.add(name)
        else:
            self._slow.discard(name)

    def _reached(self, source: str) -> set[str]:
        """The names that the code of a cell uses where it runs, and those that the functions among them use."""
        facts = facts_of(source)
        reached: set[str] = set()
        queue = list(facts.runs)
        while queue:
            name = queue.pop()
            if name not in reached:
                reached.add(name)
                for inner in (*self._functions.get(name, ()), *filter(None, [facts.functions.get(name)])):
                    queue += inner.uses
        return reached
