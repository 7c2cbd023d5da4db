"""Bodies without end are given up at the cap, in bounded memory."""

import json
import subprocess
import sys

import pytest

MEGABYTE = 1_000_000
CAP = 10 * MEGABYTE
IN_FLIGHT = 12 * MEGABYTE  # what the kernel's and asyncio's buffers take at most, with room


@pytest.fixture(scope="module")
def costs() -> dict[str, dict[str, object]]:
    """What each flood of `fetch_bombs` cost a process of its own."""
    command = [sys.executable, "-m", "rag_pipelines_tests.storage.fetch_bombs"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "flood",
    [
        "gzip",
        "gzip_members",
        "gzip_padding",
        "chunked",
        "until_closed",
        "length_of_10_gb",
        "gzip_length_of_10_gb",
    ],
)
def test_a_body_without_end_is_too_large(costs: dict[str, dict[str, object]], flood: str):
    assert costs[flood]["outcome"] == "TooLarge"


@pytest.mark.parametrize(
    "flood",
    [
        "brotli",
        "gzip_inside_deflate_header",
        "one_byte_chunks",
        "headers",
        "chunk_extension",
        "trailers",
    ],
)
def test_a_flood_that_is_no_body_is_an_error(costs: dict[str, dict[str, object]], flood: str):
    assert costs[flood]["outcome"] == "FetchError"


def test_memory_stays_bounded_over_all_floods(costs: dict[str, dict[str, object]]):
    """100 MB are allowed; 50 MB also tell a decoder that unpacks a whole read before it counts."""
    assert max(int(str(cost["grown"])) for cost in costs.values()) < 50 * MEGABYTE


def test_the_server_is_cut_off_near_the_cap(costs: dict[str, dict[str, object]]):
    by_bytes = {name: int(str(cost["sent"])) for name, cost in costs.items()}
    del by_bytes["one_byte_chunks"]  # six bytes on the wire for one of the body's
    assert max(by_bytes.values()) < CAP + IN_FLIGHT


def test_a_declared_length_above_the_cap_is_not_read_at_all(costs: dict[str, dict[str, object]]):
    for flood in ("length_of_10_gb", "gzip_length_of_10_gb", "brotli"):
        assert int(str(costs[flood]["sent"])) < IN_FLIGHT
