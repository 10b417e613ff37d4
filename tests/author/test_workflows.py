"""What GitHub runs: pinned actions, the fewest rights, and commands that fit this repository."""

import re
import tomllib

import pytest
import yaml

from conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
by_file = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)


@by_file
def test_actions_are_pinned_by_commit(file):
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert lines
    for line in lines:
        assert re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


@by_file
def test_a_workflow_may_only_read(file):
    workflow = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 120
        if "permissions" in job:  # pages are published by a job that runs nothing else
            assert job["permissions"] == {"pages": "write", "id-token": "write"}
            assert [step["uses"].split("@")[0] for step in job["steps"]] == ["actions/deploy-pages"]


@by_file
def test_what_a_workflow_names_exists(file):
    text = file.read_text(encoding="utf-8")
    for path in re.findall(r"\b(?:tests|solutions)/[\w/.-]+", text):
        assert (ROOT / path).exists(), f"{file.name} names {path}"


def test_the_matrix_begins_with_the_oldest_python():
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8"))["jobs"]
    for job in jobs.values():
        assert job["strategy"]["matrix"]["python"][0] == oldest


def test_issue_forms_can_be_read_by_github():
    forms = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in _forms()]
    assert len(forms) >= 4
    for form in forms:
        assert form["name"] and form["description"]
        asked = [part for part in form["body"] if part["type"] != "markdown"]
        assert asked and len({part["id"] for part in asked}) == len(asked)
        assert all(part["attributes"]["label"] for part in asked)
        assert all(part["attributes"]["options"] for part in asked if part["type"] == "dropdown")


def _forms():
    return [file for file in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if file.name != "config.yml"]
