"""Skips what the machine cannot run, and says so in the last line."""

import pytest

from rag_pipelines_tests.machine import NEEDS, closing_line

LACKING = pytest.StashKey[dict[str, int]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    absent = [need for need in NEEDS if not need.present()]
    lacking = {need.marker: 0 for need in absent}
    for item in items:
        for need in absent:
            if item.get_closest_marker(need.marker):
                lacking[need.marker] += 1
                item.add_marker(pytest.mark.skip(reason=f"needs {need.name}: {need.remedy}"))
    config.stash[LACKING] = lacking


def pytest_unconfigure(config: pytest.Config) -> None:
    """After pytest's own closing line, so that nothing follows it."""
    if LACKING in config.stash:
        print(closing_line(config.stash[LACKING]))
