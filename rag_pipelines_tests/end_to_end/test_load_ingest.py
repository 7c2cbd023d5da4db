"""150 pages and five documents, cold and then again: the second time nothing is computed."""

from hashlib import sha256

import pytest

from rag_pipelines.lib.scrapes import LEDGER
from rag_pipelines.records import LedgerEntry, Outcome
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines.storage.tables import Tables, from_table
from rag_pipelines_tests.end_to_end.installation import TOPICS, Installation, Site, website

pytestmark = pytest.mark.slow

PAGES, DOCUMENTS = 150, 5


def portable_document(text: str) -> bytes:
    """A valid PDF of one page that shows a line."""
    drawn = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return body + head + table + trailer % (len(objects) + 1, len(body))


def text_of(number: int) -> str:
    topic, other = TOPICS[number % len(TOPICS)], TOPICS[number * 7 % len(TOPICS)]
    return "".join(
        f"<h2>Part {part}</h2><p>In log {number} the {topic} was mended for the {part}. time"
        f" with the {other} at hand, and entry {number * 31 + part} says what it cost.</p>"
        for part in range(3)
    )


def page(title: str, body: str) -> str:
    return f"<html lang=en><head><title>{title}</title></head><body>{body}</body></html>"


def fill(site: Site) -> dict[str, bytes]:
    """Ten sections of fifteen pages; five of them link a document each. Returns the documents."""
    documents = {f"report-{n}.pdf": portable_document(f"Report {n}") for n in range(DOCUMENTS)}
    for name, content in documents.items():
        (site.folder / name).write_bytes(content)
    leaves = PAGES - 1 - 10
    for number in range(leaves):
        body = f"<h1>Log {number}</h1>{text_of(number)}"
        if number < DOCUMENTS:
            body += f'<p>The <a href="report-{number}.pdf">report</a> is bound.</p>'
        (site.folder / f"log-{number}.html").write_text(page(f"Log {number}", body))
    for section in range(10):
        links = (f"<li><a href=log-{n}.html>Log {n}</a></li>" for n in range(section, leaves, 10))
        body = f"<h1>Year {section}</h1><p>Logs of year {section}.</p><ul>{''.join(links)}</ul>"
        (site.folder / f"year-{section}.html").write_text(page(f"Year {section}", body))
    links = "".join(f"<li><a href=year-{n}.html>Year {n}</a></li>" for n in range(10))
    (site.folder / "index.html").write_text(page("Logs", f"<h1>Logs</h1><ul>{links}</ul>"))
    return documents


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path / "site")
    yield made
    made.close()


def ledger(installation: Installation) -> list[LedgerEntry]:
    """What the only crawl so far saw of every URL."""
    tables = Tables(str(installation.home / "assets"))
    (version,) = tables.versions(LEDGER, "log")
    return from_table(tables.read(LEDGER, "log", version), LedgerEntry)


def kept(installation: Installation, documents: dict[str, bytes]) -> dict[str, bytes]:
    """The documents' bytes, out of the blob store."""
    blobs = Blobs(str(installation.home / "blobs"))
    return {name: blobs.get(sha256(content).hexdigest()) for name, content in documents.items()}


def test_a_second_run_computes_nothing_and_documents_are_kept(installation, site):
    documents = fill(site)
    installation.sources("sources:\n" + website("log", site.url))
    cold = installation.rag("ingest", "--all")
    log = cold["sources"]["log"]
    assert cold["published"]
    both = PAGES + DOCUMENTS
    assert (log["pages"], log["parsed"], log["failed"]) == (both, both, 0)
    assert log["discovered"] == both
    assert log["embedded"] == log["chunks"] >= PAGES

    rows = {row.url: row for row in ledger(installation)}
    for name, content in documents.items():
        row, digest = rows[f"{site.url}{name}"], sha256(content).hexdigest()
        assert (row.outcome, row.content_type) == (Outcome.FETCHED, "application/pdf")
        assert (row.snapshot, row.size) == (digest, len(content))
    assert kept(installation, documents) == documents

    again = installation.rag("ingest", "--all")
    assert not again["published"]
    assert again["release"] == cold["release"]
    unchanged = {"parsed": 0, "embedded": 0, "removed": 0, "failed": 0}
    assert again["sources"]["log"] == log | unchanged
    assert len(installation.rag("releases")["releases"]) == 1
    assert kept(installation, documents) == documents
