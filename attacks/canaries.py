"""What a submission must not read, change, reach or leave behind, and what finds out whether it has."""

from __future__ import annotations

import json
import re
import secrets
import socket
import sqlite3
import sysconfig
import tempfile
import threading
from pathlib import Path

from autograde.course import notebooks, paths
from autograde.course.lessons import find_lesson
from autograde.grading.job import Result

_SAID = re.compile(r"CANARY-[A-Z]+")  # what an attack prints when it has got somewhere
Snapshot = dict[str, tuple[int, int]]


class Canaries:
    """A course's folder of somebody else, a home, and listeners; `with` removes them at the end."""

    def __enter__(self) -> Canaries:
        self._folder = tempfile.TemporaryDirectory(prefix="canaries-")
        base = Path(self._folder.name)
        base.chmod(0o755)
        self.course, self.home = base / "course", base / "home"
        self.tokens = {name: f"CANARY-{secrets.token_hex(12)}" for name in ("secret", "gradebook", "other", "home")}
        self._course()
        self.reached: list[str] = []
        self._listen(base / "socket")
        self.mark = f"31337.{secrets.randbelow(10**9):09d}"
        root = Path(__file__).resolve().parents[1]
        self.words = {
            "ROOT": str(root),
            "COURSE": str(self.course),
            "HOME": str(self.home),
            "PORT": str(self._tcp.getsockname()[1]),
            "SOCKET": str(base / "socket"),
            "MARK": self.mark,
        }
        self._watched = [base, *(root / name for name in ("helpers", "notebooks", "solutions", "nbgrader_config.py"))]
        self._before = self.snapshot()
        return self

    def __exit__(self, *error) -> None:
        self._tcp.close()
        self._unix.close()
        self._folder.cleanup()

    def _course(self) -> None:
        place = self.course / "classroom"
        other = place / "submitted" / "bob" / "03_single_head" / "03_single_head.ipynb"
        for folder in (other.parent, self.home / ".ipython" / "profile_default" / "startup", self.home / ".jupyter"):
            folder.mkdir(parents=True)
        (place / ".secret").write_text(self.tokens["secret"])
        (self.home / ".bash_history").write_text(self.tokens["home"])
        (self.course / "nbgrader_config.py").write_text(f"# {self.tokens['secret']}\n")
        other.write_text(json.dumps({"cells": [], "metadata": {"text": self.tokens["other"]}}))
        with sqlite3.connect(place / "gradebook.db") as database:
            database.execute("create table grade (manual_score float, comment text)")
            database.execute("insert into grade values (0, ?)", [self.tokens["gradebook"]])
        database.close()
        for file in self.course.rglob("*"):
            file.chmod(0o777 if file.is_dir() else 0o666)  # not their permissions shall protect them

    def _listen(self, file: Path) -> None:
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._unix.bind(str(file))
        file.chmod(0o777)
        self._unix.listen()
        for kind, one in (("TCP", self._tcp), ("Unix", self._unix)):
            threading.Thread(target=self._accept, args=(kind, one), daemon=True).start()

    def _accept(self, kind: str, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.reached.append(kind)
            connection.close()

    # --- what has happened ------------------------------------------------------------------------------------------

    def leaks(self, lesson: str, result: Result) -> list[str]:
        """What a result shows that its student must not see: other people's, the secret, the solution."""
        shown, said = _shown(result)
        found = [f"shows {name}" for name, token in self.tokens.items() if token in shown]
        found += [f"says {word}" for word in _SAID.findall(said)]
        found += [f"shows the solution: {line}" for line in self._solution(lesson) if line in shown][:1]
        if self.reached:
            found.append(f"reached {', '.join(sorted(set(self.reached)))}")
            self.reached.clear()
        return found

    def _solution(self, lesson: str) -> set[str]:
        """Long lines of the lesson's reference that are nowhere in its release."""
        try:
            place = find_lesson(lesson)
        except ValueError:
            return set()
        file = Path(__file__).resolve().parents[1] / "helpers" / f"{place.topic}.py"
        release = "".join(cell.source for cell in notebooks.read(paths.release_of(place)).cells)
        lines = {line.strip() for line in file.read_text(encoding="utf-8").splitlines()}
        words = ("return", "=", "(")
        return {line for line in lines if len(line) > 35 and all(w in line for w in words[1:]) and line not in release}

    def snapshot(self) -> Snapshot:
        found: Snapshot = {}
        for place in self._watched:
            for file in [place, *place.rglob("*")] if place.is_dir() else [place]:
                if "__pycache__" not in file.parts and not file.is_socket():
                    state = file.lstat()
                    found[str(file)] = (state.st_size if file.is_file() else 0, state.st_mtime_ns)
        site = Path(sysconfig.get_paths()["purelib"])
        for file in [*site.glob("*.pth"), *site.glob("*customize.py")]:
            found[str(file)] = (file.stat().st_size, file.stat().st_mtime_ns)
        return found

    def changes(self) -> list[str]:
        """Files that have changed since the last question."""
        before, self._before = self._before, self.snapshot()
        now = self._before
        return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))

    def survivors(self) -> list[str]:
        """Processes that an attack has left behind."""
        found = []
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if self.mark.encode() in file.read_bytes():
                    found.append(file.parent.name)
            except OSError:
                continue
        return found


def _shown(result: Result) -> tuple[str, str]:
    """All that a result shows apart from the sources of cells, and what the submission's cells printed."""
    cells = json.loads(result.notebook)["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    scores = [(mark.comment, mark.verdict and mark.verdict.message) for mark in result.scores.values()]
    streams = ["".join(output["text"]) for output in outputs if output["output_type"] == "stream"]
    shown = json.dumps([outputs, result.notes, [review.reason for review in result.reviews]]) + str(scores)
    return shown.replace('\\"', '"'), "".join(streams)
