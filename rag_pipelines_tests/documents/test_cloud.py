"""LlamaParse by its own client, against a server that speaks its protocol and also fails."""

import socket
import time
from collections.abc import Iterator

import pytest

from rag_pipelines.documents.cloud import BIG_RUN, LlamaCloud, cost_of, parse_in_cloud, tell_cost
from rag_pipelines.errors import ModelError, ModelUnavailable
from rag_pipelines_tests.documents.cloud_server import (
    BOX,
    CloudServer,
    cloud,
    page,
    serving,
    text,
)

PDF = b"%PDF-1.7 and the rest"


@pytest.fixture
def server() -> Iterator[CloudServer]:
    with serving(CloudServer(pages=[page(1, text("Profit rose."))])) as running:
        yield running


def test_items_become_the_elements_of_the_local_parser(server: CloudServer):
    bullet = {"type": "text", "value": "first", "md": "first"}
    nested = {"type": "list", "items": [bullet], "md": "", "ordered": False}
    table = {
        "type": "table",
        "rows": [["Year", "Profit"], [2024.0, 1.5], [None, "n/a"]],
        "html": "<table></table>",
        "csv": "",
        "md": "",
        "bbox": [BOX, {"x": 40, "y": 90, "w": 300, "h": 10}],
    }
    header = {"type": "header", "items": [text("Annual"), text("Report")], "md": ""}
    heading = {"type": "heading", "level": 2, "value": "Results ", "md": "", "bbox": [BOX]}
    server.pages = [
        page(2, text("$$x^2$$"), {"type": "image", "caption": "Chart 1", "md": "", "url": "u"}),
        page(1, header, heading, {"type": "list", "items": [nested], "md": "", "ordered": True}),
        page(3, table, {**table, "rows": [], "merged_into_page": 3}),
    ]
    found = parse_in_cloud(PDF, "report.pdf", cloud(server))
    assert [(one["page"], one["kind"], one["text"]) for one in found] == [
        (1, "Header", "Annual Report"),
        (1, "Title", "Results"),
        (1, "ListItem", "first"),
        (1, "PageBreak", ""),
        (2, "Formula", "$$x^2$$"),
        (2, "Image", "Chart 1"),
        (2, "PageBreak", ""),
        (3, "Table", "Year Profit\n2024 1.5\nn/a"),
        (3, "PageBreak", ""),
    ]
    title, joined = found[1], found[7]
    assert (title["depth"], title["box"], title["page_width"]) == (1, [50, 60, 250, 90], 595.0)
    assert (joined["box"], joined["html"]) == ([40, 60, 340, 100], "<table></table>")
    assert {one["extractor"] for one in found} == {"llama_parse"}


def test_the_document_and_the_key_are_sent_and_the_items_asked_for(server: CloudServer):
    server.polls = ["PENDING", "RUNNING"]
    parse_in_cloud(PDF, "report.pdf", cloud(server))
    (upload,) = server.uploads
    assert PDF in upload
    assert b'"tier": "cost_effective"' in upload or b'"tier":"cost_effective"' in upload
    assert server.keys == {"Bearer llx-secret"}
    assert server.asked[0] == "POST /api/v2/parse/upload"
    assert server.asked[1:4] == ["GET /api/v2/parse/job-1"] * 3
    assert server.asked[4].startswith("GET /api/v2/parse/job-1?expand")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_service_is_asked_again(server: CloudServer, status: int):
    server.statuses = [status]
    assert parse_in_cloud(PDF, "report.pdf", cloud(server))[0]["text"] == "Profit rose."
    assert len(server.uploads) == 2


@pytest.mark.parametrize("status", [429, 500, 401, 402])
def test_a_service_that_does_not_recover_is_unavailable(server: CloudServer, status: int):
    server.statuses = [status] * 9
    with pytest.raises(ModelUnavailable, match=f"llama_parse: the service answered {status}"):
        parse_in_cloud(PDF, "report.pdf", cloud(server))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("hang", "in time"),
        ("job_failed", "upside down"),
        ("invalid", "cannot be read"),
        ("no_items", "no pages"),
    ],
)
def test_a_fault_is_a_typed_error(server: CloudServer, fault: str, said: str):
    server.fault = fault
    with pytest.raises(ModelError, match=f"llama_parse: .*{said}"):
        parse_in_cloud(PDF, "report.pdf", cloud(server, retries=0))


def test_a_document_that_is_refused_is_not_sent_again(server: CloudServer):
    server.statuses = [422, 422]
    with pytest.raises(ModelError, match="422"):
        parse_in_cloud(PDF, "report.pdf", cloud(server))
    assert len(server.uploads) == 1


def test_a_page_that_was_not_read_fails_the_document(server: CloudServer):
    server.pages.append({"page_number": 2, "success": False, "error": "too dark"})
    with pytest.raises(ModelError, match="page 2 could not be read: too dark"):
        parse_in_cloud(PDF, "report.pdf", cloud(server))


def test_a_job_that_never_ends_is_given_up(server: CloudServer):
    server.polls = ["RUNNING"] * 1_000
    begun = time.monotonic()
    with pytest.raises(ModelError, match=r"not done after 0\.2 s"):
        parse_in_cloud(PDF, "report.pdf", cloud(server, job_timeout=0.2))
    assert time.monotonic() - begun < 5


def test_without_a_key_nothing_is_sent(server: CloudServer):
    with pytest.raises(ModelUnavailable, match="set LLAMA_CLOUD_API_KEY"):
        parse_in_cloud(PDF, "report.pdf", LlamaCloud(base_url=server.address))
    assert server.asked == []


def test_a_service_that_is_not_there_is_unavailable():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ModelUnavailable, match="nobody answers"):
            parse_in_cloud(PDF, "a.pdf", LlamaCloud("key", address, retries=0))


def test_the_cost_of_a_big_run_is_told_before_it(server: CloudServer):
    told: list[tuple[str, int, int | None]] = []
    tell_cost(BIG_RUN - 1, LlamaCloud(), lambda *one: told.append(one))
    assert told == []
    tell_cost(1_000, LlamaCloud(), lambda *one: told.append(one))
    assert told == [(cost_of(1_000), 0, 1_000)]
    assert "3,000 credits (about $3.75)" in cost_of(1_000)


def test_the_key_is_in_no_representation():
    assert "llx-secret" not in repr(LlamaCloud(api_key="llx-secret"))
