"""The folder that a submission sees in place of the course: what its code may import, and nothing that is secret.

common/autograde   the package `harness`, and a `check` that tells a learner what happens in grading
common/helpers     the running example, the text collection, the figures, and what loads published weights
stages/LESSON      helpers/: the modules of earlier lessons; release/: the files handed out beside the notebook
                   from 08_training on also the corpus, and a trainer whose every name says that nothing is trained
"""

from __future__ import annotations

import importlib.util
import py_compile
import shutil
from pathlib import Path

from autograde.course import paths
from autograde.course.lessons import GRADED
from autograde.grading.sandbox import absent

PACKAGE = Path(__file__).resolve().parents[2]
HELPERS = PACKAGE.parent / "helpers"
HARNESS = "harness"  # all that a submission sees of this package
TRAINING = "08_training"
OWN = "own"  # the stage of a notebook that is no lesson of the course
_LARGEST = 16 * 2**20  # bytes of a file beside a released notebook

_CHECK = '''"""In grading, the grader answers the cells `check("...")`; this is for a cell that a learner added."""


class CheckFailed(AssertionError):
    """Never raised here; for `except CheckFailed` in a learner's cell."""


def check(name):
    print(f"check({name!r}): in grading, the check cells of the lesson decide; this added one is left out.")


def assess(name, obj=None, seed=None):
    check(name)


def all_exercises():
    return ()


def progress():
    pass


def by_hand(name, value=None):
    pass


def predict(text=None, about=""):
    pass


def solution(name):
    pass


class OwnModel:
    def translate(self, sentences):
        return ["" for _ in sentences]

    def page(self, file=None):
        return self

    def __repr__(self):
        return "In grading the other notebooks are not there: no model is made of them, and no points depend on it."


def own_model(weights=None):
    return OwnModel()
'''


def stage(folder: Path) -> list[str]:
    """Fill `folder` (new, empty); returns the names of the stages."""
    common = folder / "common" / "autograde"
    _write(common / "__init__.py", _CHECK)
    for file in sorted((PACKAGE / HARNESS).rglob("*.py")):
        _copy(file, common / file.relative_to(PACKAGE))
    for name in ("__init__.py", "example.py", "figures.py", "marian.py", "sentence_pairs.py"):
        _copy(HELPERS / name, folder / "common" / "helpers" / name)
    shutil.copytree(HELPERS / "fonts", folder / "common" / "helpers" / "fonts", copy_function=shutil.copyfile)
    stages = [lesson.name for lesson in GRADED] + [OWN]
    for number, name in enumerate(stages):
        target = folder / "stages" / name
        (target / "helpers").mkdir(parents=True)
        (target / "release").mkdir()
        for earlier in GRADED[:number]:
            _copy(HELPERS / f"{earlier.topic}.py", target / "helpers" / f"{earlier.topic}.py")
        if number >= stages.index(TRAINING):
            _of_training(target / "helpers")
        _release(paths.releases() / name, target / "release")
    _compile(folder)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return stages


def _compile(folder: Path) -> None:
    """Compile all modules. Most are in several stages, with one content: it is compiled once, and an import corrects
    the name of the file in it."""
    compiled: dict[bytes, Path] = {}
    for file in folder.rglob("*.py"):
        target = Path(importlib.util.cache_from_source(str(file)))
        content = file.read_bytes()
        if content in compiled:
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(compiled[content], target)
        else:
            py_compile.compile(str(file), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
            compiled[content] = target


def _of_training(target: Path) -> None:
    """What the notebooks from lesson 8 on import: the corpus, which gives nothing away, and the trainer's names."""
    for file in sorted((HELPERS / "corpus").glob("*.py")):
        _copy(file, target / "corpus" / file.name)
    for file in sorted((HELPERS / "trainer").glob("*.py")):
        if file.stem not in ("__main__", "errors"):
            _write(target / "trainer" / file.name, absent.stand_in(file.read_text(encoding="utf-8")))
    _copy(HELPERS / "trainer" / "errors.py", target / "trainer" / "errors.py")
    _write(target / "trainer" / "absent.py", absent.MODULE)


def _release(source: Path, target: Path) -> None:
    """The data files of a release; never a notebook or a program."""
    for file in sorted(source.rglob("*")) if source.is_dir() else ():
        hidden = any(part.startswith(".") for part in file.relative_to(source).parts)
        if hidden or file.is_symlink() or not file.is_file() or file.suffix in (".ipynb", ".py", ".pyc"):
            continue
        if file.stat().st_size <= _LARGEST:
            _copy(file, target / file.relative_to(source))


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
