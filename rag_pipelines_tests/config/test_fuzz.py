"""Row B19: whatever stands in a configuration file, loading it gives a value or a ConfigError."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rag_pipelines.errors import ConfigError
from rag_pipelines.sources import load_golden, load_sources

EXAMPLES = Path(__file__).parents[2] / "examples"
LOADERS: list[tuple[str, Callable[[Path], object]]] = [
    ("sources.yaml", load_sources),
    ("golden.yaml", load_golden),
]
WORDS = st.sampled_from(
    [
        *("sources", "website", "loader", "class", "args", "start_urls", "schedule", "chunking"),
        *("documents", "paths", "parser", "ocr", "enrichment", "entities", "page", "file:a.pdf"),
        *("question", "expect", "url", "quote", "answerable", "max_pages", "include", "delay"),
        *("https://example.org/", "0 3 * * *", "/docs/**", "10.0.0.0/8", "[::1]:80", "<<", "é"),
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | WORDS
    | st.text(max_size=20)
    | st.dates()
    | st.binary(max_size=5)
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=25,
)
MARKS = ["&a ", "*a", "<<: ", "!!int ", "? ", "|\n", "\t", "\0", "- ", ": ", "{", "]", "'", "---\n"]
FUZZ = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def outcome(load: Callable[[Path], object], file: Path, content: bytes) -> str:
    """`value`, or the message; anything else than a ConfigError goes up and fails the test."""
    file.write_bytes(content)
    try:
        load(file)
    except ConfigError as error:
        lines = str(error).splitlines()
        assert all(line.startswith(f"{file}:") for line in lines), lines
        assert all("allowed: " in line for line in lines), lines
        return str(error)
    return "value"


@pytest.mark.parametrize(("name", "load"), LOADERS)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@FUZZ
def test_arbitrary_bytes(tmp_path: Path, name: str, load: Callable[[Path], object], content: bytes):
    outcome(load, tmp_path / name, content)


@pytest.mark.parametrize(("name", "load"), LOADERS)
@given(tree=TREES)
@FUZZ
def test_arbitrary_values(tmp_path: Path, name: str, load: Callable[[Path], object], tree: Any):
    outcome(load, tmp_path / name, yaml.dump(tree, allow_unicode=True).encode())


@pytest.mark.parametrize(("name", "load"), LOADERS)
@given(data=st.data())
@FUZZ
def test_a_good_file_with_pieces_cut_out_and_put_in(
    tmp_path: Path, name: str, load: Callable[[Path], object], data: st.DataObject
):
    text = (EXAMPLES / name).read_text()
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 12)))
        text = text[:start] + data.draw(st.sampled_from(["", *MARKS])) + text[end:]
    outcome(load, tmp_path / name, text.encode())


@pytest.mark.parametrize(
    ("name", "load", "root"),
    [(*LOADERS[0], {"sources": {"a": {"website": {"start_urls": ["https://x.org/"]}}}})],
)
@given(field=WORDS | st.text(min_size=1, max_size=12), value=TREES)
@example(field="max_pages", value=-1)
@example(field="max_seconds", value=float("nan"))
@FUZZ
def test_one_strange_field_in_a_good_source(
    tmp_path: Path,
    name: str,
    load: Callable[[Path], object],
    root: dict[str, Any],
    field: str,
    value: Any,
):
    site = root["sources"]["a"]["website"]
    tree = {"sources": {"a": {"website": {**site, field: value}}}}
    outcome(load, tmp_path / name, yaml.dump(tree, allow_unicode=True).encode())


def test_a_good_file_is_a_value(tmp_path: Path):
    """The fuzzers above would be content with a loader that refuses everything."""
    for name, load in LOADERS:
        assert outcome(load, tmp_path / name, (EXAMPLES / name).read_bytes()) == "value"
