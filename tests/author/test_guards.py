"""The guards of the course: what every change keeps true, for every lesson and every exercise, also future ones."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib
import inspect
import itertools
import json
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
from importlib import metadata

import nbformat
import pytest
from packaging.specifiers import SpecifierSet

from autograde import all_exercises, assess
from autograde.author import build, install_cell, nbval_guard
from autograde.author.prove import record
from autograde.course import notebooks, paths
from autograde.course.lessons import GRADED, LESSONS
from autograde.exercises import of_lesson
from autograde.harness.call import MAIN
from autograde.judge.source import is_stub, leftover
from autograde.judge.verdict import NOT_STARTED
from conftest import ROOT, released, solution, solution_cells
from helpers import model_map

SEEDS = range(record.SEEDS)  # misconceptions take them in turn; `course prove --full` takes twenty for each
ALL = all_exercises()
CATALOGUE = ROOT / "autograde" / "exercises"
by_name = pytest.mark.parametrize("exercise", ALL, ids=lambda one: one.name)


# --- exercises ------------------------------------------------------------------------------------------------------


def test_the_lessons_have_all_the_exercises_of_the_contract():
    contract = {
        "01_vocabulary": "tokenize build_vocabulary build_index encode decode Vocabulary pad_batch count_pairs "
        "merge_pair train_bpe bpe_encode",
        "02_embeddings": "one_hot embed positional_encoding_at positional_encoding add_positions shift_matrix "
        "TokenEmbedding PositionalEncoding",
        "03_single_head": "softmax project attention_scores attention_weights scaled_dot_product_attention "
        "SelfAttentionHead self_attention_cost recurrent_cost convolution_cost",
        "04_multi_head": "split_heads merge_heads multi_head_by_hand MultiHeadAttention copy_torch_attention "
        "attention_parameters",
        "05_add_norm": "row_statistics normalize layer_norm LayerNormalization add_and_norm AddNorm AttentionBlock "
        "PreNormBlock",
        "06_feed_forward": "relu linear feed_forward FeedForward EncoderLayer Encoder encoder_parameters",
        "07_decoder": "causal_mask padding_mask decoder_mask mask_scores DecoderLayer Decoder teacher_forcing_pair "
        "Transformer greedy_decode",
        "08_training": "batches_by_tokens label_smoothed_loss noam_rate train_step evaluate exact_match "
        "training_flops model_flops_utilization trained_model",
        "09_decoding": "beam_search CachedDecoder sampling_probabilities sample",
        "10_clinic": "sees_future sees_padding uses_source untrained_parameters",
        "11_today": "rms_norm RMSNorm rotate repeat_kv GroupedQueryAttention SwiGLU LanguageModel load_minilm "
        "sentence_vectors",
    }
    for lesson in GRADED:
        names = [one.name for one in of_lesson(lesson.name)]
        assert set(contract[lesson.name].split()) <= set(names)
    assert len({one.name for one in ALL}) == len(ALL)


@by_name
def test_facts_are_complete(exercise):
    assert exercise.lesson in [lesson.name for lesson in LESSONS]
    assert exercise.points >= 1 and exercise.minutes >= 1 and exercise.title
    assert len(exercise.hints) == 2 and all(len(hint) > 20 for hint in exercise.hints)
    assert MAIN in exercise.parts and abs(sum(exercise.parts.values()) - 1) < 1e-9
    for seed in SEEDS:
        parts = {call.part for call in exercise.calls(seed)}
        assert parts == set(exercise.parts), "every part is decided by a call, every call belongs to a part"


@by_name
def test_at_least_five_misconceptions_have_names_of_their_own(exercise):
    assert len(exercise.misconceptions) >= 5
    assert len({one.name for one in exercise.misconceptions}) == len(exercise.misconceptions)


@by_name
def test_misconceptions_fail_and_are_named(exercise, unless_proven):
    unless_proven(exercise)
    for misconception, seed in zip(exercise.misconceptions, itertools.cycle(SEEDS), strict=False):
        verdict = assess(exercise.name, misconception.wrong, seed)
        assert not verdict.passed and verdict.score < 1
        assert verdict.diagnosis == misconception.name, f"seed {seed}"
        assert misconception.sentence in verdict.message
        lines = verdict.message.splitlines()
        assert len(lines) <= 30 and max(map(len, lines)) <= 320, "a message is short"


@by_name
def test_at_least_three_right_answers_written_differently_pass(exercise, unless_proven):
    assert len(exercise.variants) >= 3
    unless_proven(exercise)
    for answer in (exercise.reference, *exercise.variants):
        for seed in SEEDS:
            verdict = assess(exercise.name, answer, seed)
            assert verdict.passed and verdict.score == 1, f"seed {seed}: {verdict.message}"


@by_name
def test_variants_are_different_code(exercise):
    sources = [_body(one) for one in (exercise.reference, *exercise.variants)]
    assert len(set(sources)) == len(sources)


def _body(answer) -> str:
    """The code of an answer, whatever its name is."""
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(answer))).body
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        node.name, node.decorator_list = "same", []
    return ast.dump(node)


@by_name
def test_words_for_a_learner(exercise):
    sentences = [one.sentence for one in exercise.misconceptions]
    for text in [exercise.title, *exercise.hints, *sentences]:
        _plain_words(text)
    sentences += [one.name for one in exercise.misconceptions]
    for text in [*exercise.hints, *sentences]:
        dialect = re.search(
            r"\basked (for|to)\b|\b(stands?(?! for)|lies?|(?<!left )(?<!leaves its tensor )alone)\b", text
        )
        assert not dialect, f"{dialect.group(0)!r} in: {text}"


def _plain_words(text: str) -> None:
    unkind = re.search(r"\b(just|simply|obviously|of course you|you did wrong|trivial(ly)?)\b", text, re.IGNORECASE)
    assert not unkind, f"{unkind.group(0)!r} in: {text[max(0, unkind.start() - 60) : unkind.end() + 40]!r}"


@by_name
def test_a_stub_is_not_started_and_scores_nothing(exercise):
    def stub(*args, **kwargs):
        raise NotImplementedError()

    class Stub:
        def __init__(self, *args, **kwargs):
            raise NotImplementedError()

    verdict = assess(exercise.name, Stub if exercise.is_class else stub)
    assert (verdict.state, verdict.score, verdict.passed) == (NOT_STARTED, 0, False)


def test_nobody_is_told_that_a_released_cell_is_written(graded_lesson):
    """As handed out it is a stub, or a class some of whose methods are given and others not."""
    cells = {notebooks.grade_id(cell): cell.source for cell in released(graded_lesson).cells}
    for exercise in of_lesson(graded_lesson.name):
        seen = None if is_stub(exercise, cells[exercise.name]) else leftover(exercise, cells[exercise.name])
        assert seen is None or seen.name == "a method is not written yet", f"{exercise.name}: {seen}"


def test_each_exercise_is_one_file_of_its_name():
    """`MultiHeadAttention` is `multi_head_attention.py`; `FeedForward` is `feed_forward_module.py`, beside a function
    `feed_forward`."""
    names = {exercise.name for exercise in ALL}
    files = {}
    for exercise in ALL:
        module = sys.modules[exercise.make_calls.__module__]
        stem = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", exercise.name).lower()
        if stem in names - {exercise.name}:
            stem += "_module"
        assert module.__name__.split(".")[-1] == stem
        assert module.EXERCISE is exercise
        files[module.__file__] = exercise
    assert len(files) == len(ALL)
    for file in CATALOGUE.rglob("*.py"):
        made = re.findall(r"\bExercise\(", file.read_text(encoding="utf-8"))
        assert len(made) == (str(file) in files), f"{file.name} makes {len(made)} exercises"


def test_an_exercise_is_used_by_the_wrong_and_right_answers_of_others_alone():
    """By these and by the lesson's manifest; what comes before `EXERCISE` in a file depends on no other exercise."""
    modules = {exercise.make_calls.__module__ for exercise in ALL}
    for file in CATALOGUE.parent.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        imported = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if node.module in modules or f"{node.module}.{alias.name}" in modules
        }
        if not imported or (file.name == "__init__.py" and file.parent.parent == CATALOGUE):
            continue
        places = [place for place, node in enumerate(tree.body) if ast.unparse(node).startswith("EXERCISE = ")]
        assert places, f"{file} imports {imported}"
        before = ast.Module(tree.body[: places[0] + 1], [])
        used = {node.id for node in ast.walk(before) if isinstance(node, ast.Name)}
        assert not used & imported, f"{file} uses {used & imported} before its answers"


# --- lessons --------------------------------------------------------------------------------------------------------


def test_the_text_is_built(lesson):
    """The saved solution comes from this text: same cells, same ids, same sources."""
    text = paths.text_of(lesson).read_text(encoding="utf-8")
    assert build.refreshed(text) == text, "facts or hints differ from the catalogue: run `make notebooks`"
    fresh, saved = build.read_text(lesson), solution(lesson)
    assert [(c.id, c.cell_type, c.source, c.metadata) for c in fresh.cells] == [
        (c.id, c.cell_type, c.source, c.metadata) for c in saved.cells
    ], "the text was changed after the last build: run `make notebooks`"
    nbformat.validate(saved)
    assert saved.metadata == notebooks.METADATA == released(lesson).metadata


def test_cells_that_only_draw_are_folded_under_a_comment_that_says_what(lesson):
    for cell in released(lesson).cells:
        drawing = build.DRAWING in cell.metadata.get("tags", [])
        folded = drawing or cell.id == install_cell.ID
        assert (cell.metadata.get("jupyter") == {"source_hidden": True}) == folded
        if drawing:
            assert re.match(r"# \w.{15,}\n", cell.source), cell.source[:60]
            assert not re.search(r"\bdef |\bclass ", cell.source) or "show(" in cell.source


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_code_fits_a_cell_and_drawing_has_cells_of_its_own(lesson):
    for cell in solution(lesson).cells:
        if cell.cell_type != "code":
            continue
        wide = [line for line in cell.source.splitlines() if len(line) > 100]
        assert not wide, "JupyterLab shows about 100 columns of a cell"
        draws = re.search(r"\bnew\(|\bheat_map\(", cell.source)
        tags = cell.metadata.get("tags", [])
        assert not draws or build.DRAWING in tags or build.INTERACTIVE in tags, cell.source[:60]
        assert not re.search(r"\bone(, \w+)* (in|=) ", cell.source), cell.source[:60]


def test_every_lesson_begins_with_its_map(lesson):
    assert model_map.parts_of(lesson.number), "helpers/model_map.py has no part of this lesson"
    first = next(cell.source for cell in solution(lesson).cells if "<!-- map" in cell.source)
    assert f"<!-- map: {lesson.name} -->" in first
    picture = ROOT / "notebooks" / lesson.name / "figures" / build.MAP
    assert picture.read_bytes() == model_map.draw(lesson.number, [one.number for one in LESSONS]).png


def test_saved_outputs(lesson):
    assert nbval_guard.faults(solution(lesson)) == []


def test_each_exercise_has_text_an_answer_cell_and_at_once_its_check(lesson):
    cells = solution(lesson).cells
    names = [notebooks.grade_id(cell) for cell in cells]
    asked = of_lesson(lesson.name)
    assert [name for name in names if name and not name.startswith("check_")] == [one.name for one in asked]
    for one in asked:
        at = names.index(one.name)
        text, answer, check = cells[at - 1], cells[at], cells[at + 1]
        assert text.cell_type == "markdown" and f"`{one.name}`" in text.source.splitlines()[0]
        assert f"<!-- facts: {one.name} -->" in text.source and f"<!-- hints: {one.name} -->" in text.source
        assert len(re.sub(r"<!-- (facts|hints).*?<!-- end -->", "", text.source, flags=re.DOTALL)) > 120
        data = notebooks.nbgrader_data(answer)
        assert (data["grade"], data["solution"], data["locked"]) == (False, True, False)
        data = notebooks.nbgrader_data(check)
        assert notebooks.grade_id(check) == f"check_{one.name}" and check.source == f'check("{one.name}")'
        assert (data["grade"], data["solution"], data["locked"], data["points"]) == (True, False, True, one.points)
        assert re.search(rf"^(def|class) {one.name}\b", answer.source, re.MULTILINE)
        assert "### BEGIN SOLUTION" in answer.source


def test_solutions_are_the_references(graded_lesson):
    importlib.import_module(f"helpers.{graded_lesson.topic}")
    reference = _definitions(ast.parse((ROOT / "helpers" / f"{graded_lesson.topic}.py").read_text(encoding="utf-8")))
    for cell in solution_cells(solution(graded_lesson)):
        for name, code in _definitions(ast.parse(cell.source)).items():
            assert code == reference[name], f"{name}: the lesson and its reference in helpers/ differ"


def _definitions(tree: ast.Module) -> dict[str, str]:
    """{name: code} of the functions and classes, without docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return {node.name: ast.dump(node) for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def test_headings_step_by_one(lesson):
    level = 0
    for cell in solution(lesson).cells:
        if cell.cell_type != "markdown":
            continue
        prose = re.sub(r"```.*?```", "", cell.source, flags=re.DOTALL)
        for match in re.finditer(r"^(#+) ", prose, re.MULTILINE):
            new = len(match.group(1))
            assert new <= level + 1, f"heading level {new} after {level}: {cell.source[:60]}"
            assert new > 1 or level == 0, "one title only"
            level = new


def test_pictures_in_the_text_exist_and_have_alt_text(lesson):
    folder = ROOT / "notebooks" / lesson.name
    source = "\n".join(cell.source for cell in released(lesson).cells if cell.cell_type == "markdown")
    pictures = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", source)
    assert pictures, "the idea needs a picture"
    for alt, file in pictures:
        assert len(alt) >= 20, f"{file}: the alt text says what the picture shows"
        assert (folder / file).is_file(), f"{file} is not in the release"
        assert not nbval_guard.is_empty_picture(_encoded(folder / file)), f"{file} is empty"
    assert "<img" not in source


def _encoded(file) -> str:
    import base64

    return base64.b64encode(file.read_bytes()).decode()


def test_the_words_of_a_lesson(lesson):
    _plain_words("\n".join(cell.source for cell in solution(lesson).cells if cell.cell_type == "markdown"))


def test_the_form_of_a_lesson(graded_lesson):
    headings = [
        line.lstrip("# ").lower()
        for cell in solution(graded_lesson).cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("#")
    ]
    for word in ("idea", "by hand", "experiment", "recap", "the paper, the blog, this code"):
        assert any(word in heading for heading in headings), f"no section about {word!r}"
    text = "\n".join(cell.source for cell in solution(graded_lesson).cells if cell.cell_type == "markdown")
    assert "predict" in text.lower()
    minutes = sum(one.minutes for one in of_lesson(graded_lesson.name) if not one.extra)
    assert 20 <= minutes <= 90


# --- release --------------------------------------------------------------------------------------------------------


def test_the_release_has_no_answers(lesson):
    notebook = released(lesson)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
    for cell in solution_cells(notebook):
        assert "# YOUR CODE HERE" in cell.source and "raise NotImplementedError()" in cell.source


def test_no_solution_text_anywhere_in_the_release(graded_lesson):
    """Neither a statement of a solution nor a marker, in any file: sources, metadata, outputs, copied files."""
    secrets = set()
    for cell in solution_cells(solution(graded_lesson)):
        for region in re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", cell.source, re.DOTALL):
            secrets |= {code for code in _statements(textwrap.dedent(region)) if len(code) >= 24}
    assert secrets
    for file in sorted((ROOT / "notebooks").rglob("*")):
        if not file.is_file():
            continue
        assert file.suffix in (".ipynb", ".png", ".svg"), f"{file.name} does not belong in the release"
        data = file.read_bytes()
        assert b"BEGIN SOLUTION" not in data and b"BEGIN HIDDEN TESTS" not in data
        if file.suffix == ".ipynb":
            text = _unspaced("\n".join(_strings(json.loads(data))))
            for code in secrets:
                assert _unspaced(code) not in text, f"{file.name} has a statement of a solution: {code}"


def _statements(source):
    """The statements, however their lines are wrapped; of a loop or a condition only its head."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt):
            code = ast.get_source_segment(source, node)
            body = getattr(node, "body", None)
            yield code[: code.index(ast.get_source_segment(source, body[0]))].strip() if body else code


def _unspaced(text):
    return re.sub(r"\s+", "", text)


def _strings(tree):
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from _strings(key)
            if key == "source" and isinstance(value, list):
                yield "".join(value)
            yield from _strings(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _strings(value)


@pytest.mark.long
def test_a_rebuild_changes_no_byte(course, monkeypatch):
    """Text, pictures, solutions, release. What the cells show is not executed here once more: nbval executes it, and
    compares the notebook that a rebuild makes of it (`--rebuilt`)."""
    monkeypatch.setattr(build, "execute", _as_saved)
    _rebuild(course)


def _as_saved(notebook, folder, name):
    (lesson,) = (lesson for lesson in LESSONS if lesson.name == name)
    for cell, saved in zip(notebook.cells, solution(lesson).cells, strict=True):
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = saved.outputs, saved.execution_count


@pytest.mark.full
def test_a_rebuild_that_executes_every_lesson_changes_no_byte(course, trained_already):
    _rebuild(course)


def _rebuild(course):
    before = _digests(course)
    assert build.build(LESSONS, echo=lambda text: None) == []
    assert _digests(course) == before


@pytest.fixture
def trained_already(tmp_path, monkeypatch):
    """Lesson 8 trains where no trained model lies beside it. The stage nbval lets it train, which is enough for one run
    of all tests. Here it finds what a training leaves: weights that translate well (those that ship), a log, a card."""
    from helpers.trainer import Config, train
    from helpers.trainer.shipped import CHECKPOINT

    left = tmp_path / "left"
    settings = Config.preset("small", steps=20, log_every=5, limit=2000, evaluate="none", threads=1)
    train(settings, folder=left / "runs" / "lesson", show=False)
    shutil.copy(CHECKPOINT, left / "trained_model.safetensors")
    execute, beside = build.execute, []

    def execute_beside_it(notebook, folder, name):
        if name == "08_training":
            shutil.copytree(left, folder, dirs_exist_ok=True)
            beside.append(name)
        execute(notebook, folder, name)

    monkeypatch.setattr(build, "execute", execute_beside_it)
    yield
    assert beside == ["08_training"]


def _digests(root) -> dict[str, str]:
    return {
        str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest()
        for name in ("solutions", "notebooks")
        for file in sorted((root / name).rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
    }


# --- the project ----------------------------------------------------------------------------------------------------


def test_helpers_import_with_numpy_torch_and_matplotlib_alone():
    names = [f"helpers.{lesson.topic}" for lesson in GRADED]
    names += [f"helpers.{name}" for name in ("recurrent", "model_map", "figures", "example", "sentence_pairs")]
    code = f"""
import sys, importlib, importlib.abc
class Nothing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {{"IPython", "ipykernel", "jupyter", "nbformat", "nbgrader", "ipywidgets", "jupytext",
                                  "autograde", "traitlets", "tokenizers"}}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Nothing())
for name in {names!r}:
    importlib.import_module(name)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_helpers_import_earlier_lessons_only(graded_lesson):
    tree = ast.parse((ROOT / "helpers" / f"{graded_lesson.topic}.py").read_text(encoding="utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module)
    earlier = {f"helpers.{one.topic}" for one in LESSONS if one.name < graded_lesson.name}
    for name in imported:
        top = name.split(".")[0]
        allowed = top in sys.stdlib_module_names or top in ("numpy", "torch") or name in earlier
        assert allowed, f"helpers/{graded_lesson.topic}.py imports {name}"


def test_the_lesson_does_not_import_its_own_reference(lesson):
    code = "\n".join(cell.source for cell in released(lesson).cells if cell.cell_type == "code")
    later = [one.topic for one in LESSONS if one.name >= lesson.name]
    assert not re.search(rf"helpers\.({'|'.join(later)})\b|from helpers import", code)


def test_conda_users_get_the_project_and_nothing_beside_it():
    lines = (ROOT / "environment.yml").read_text().splitlines()
    items = [line.strip()[2:] for line in lines if line.strip().startswith("- ")]
    assert set(items) == {
        "conda-forge",
        "python=3.11",
        "pip",
        "pip:",
        "--constraint constraints.txt",
        "--editable .",
    }


def test_every_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(one for some in project["optional-dependencies"].values() for one in some)]
    wanted = [one for one in wanted if not one.startswith(project["name"])]  # an extra that takes other extras
    pinned = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if not line.startswith("#"):
            name, _, version = line.partition("==")
            assert version, f"not a pin: {line}"
            pinned[name.lower().replace("_", "-")] = version
    for requirement in wanted:
        assert re.match(r"[\w-]+", requirement).group(0).lower() in pinned
    assert pinned["torch"] == "2.13.0" and "torch>=2.11" in project["dependencies"]


def test_every_pin_is_there_for_the_oldest_python():
    """`>=3.11` says 3.11.0 too, and systems come with 3.11.2; a pin for a newer one cannot be installed there."""
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    pins = [line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line]
    checked = set()
    for name, version in pins:
        with contextlib.suppress(metadata.PackageNotFoundError):  # one that this system does not need
            about = metadata.metadata(name)
            if about["Version"].partition("+")[0] == version:
                checked.add(name)
                wanted = about.get("Requires-Python") or ""
                assert SpecifierSet(wanted).contains(f"{oldest}.0"), f"{name} {version} needs Python {wanted}"
    assert len(checked) > len(pins) / 2


def test_tracked_files_name_no_machine():
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    strange = re.compile(r"/(work|farm)/(main|shared)|/root/|site-packages/|\bpypi\.org|files\.pythonhosted")
    for name in filter(None, files.split("\0")):
        file = ROOT / name
        if file.suffix in (".py", ".md", ".toml", ".yml", ".ipynb", ".txt", ".cfg", "") and file.is_file():
            if file.resolve() == (ROOT / "tests" / "author" / "test_guards.py"):
                continue
            found = strange.search(file.read_text(encoding="utf-8", errors="replace"))
            assert not found, f"{name}: {found.group(0)}"
