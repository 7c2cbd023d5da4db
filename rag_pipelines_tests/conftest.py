"""Skips what the machine cannot run, and says so in the last line."""

import signal
from typing import Any

import pytest

from rag_pipelines_tests.machine import NEEDS, closing_line, skip_what_is_lacking
from rag_pipelines_tests.order import dearest_first

LACKING = pytest.StashKey[dict[str, int]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full", action="store_true", help="rows B9, B12 and B15 in full, which takes minutes"
    )


def pytest_configure() -> None:
    """Take SIGINT back where a shell started this in the background and ignores it.

    Dagster gives SIGTERM whatever SIGINT has, so that every process started here would ignore
    SIGTERM too, and a test that ends one would wait for ever.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    dearest_first(items)
    config.stash[LACKING] = skip_what_is_lacking(items, NEEDS)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells what it found lacking; each collects all tests, so that all find the same."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["lacking"] = session.config.stash[LACKING]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    output = getattr(node, "workeroutput", {})
    if "lacking" in output:
        node.config.stash[LACKING] = output["lacking"]


def pytest_unconfigure(config: pytest.Config) -> None:
    """After pytest's own closing line, so that nothing follows it."""
    if LACKING in config.stash and not hasattr(config, "workerinput"):
        print(closing_line(config.stash[LACKING]))
