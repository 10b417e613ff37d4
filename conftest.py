"""For all of pytest here, nbval of the solutions too: what `--full` means, and which tests begin first."""

import pytest

pytest_plugins = ["autograde.author.nbval_guard"]

LONG = ("browser", "nbgrader", "long")  # marks: these tests begin first, so that no core waits for them at the end


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="the tests marked `full` too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not any(item.get_closest_marker(name) for name in LONG))
    if not config.option.full:
        left_out = [item for item in items if item.get_closest_marker("full")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
