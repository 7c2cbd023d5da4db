"""From an answer back to what was fetched, over HTTP and a release made for it."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.chat.prompt import prompt_digest
from rag_pipelines.records import Chunk, DocumentFile, EmbeddedChunks, LedgerEntry, Outcome, Page
from rag_pipelines.retrieval.lineage import DOCUMENTS, LEDGER, PAGES
from rag_pipelines.retrieval.manifest import Origin
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.storage.tables import Tables, to_table
from rag_pipelines_tests.chat.editions import FAKE, Echo, releases_in
from rag_pipelines_tests.chat.service import ready, serving, until
from rag_pipelines_tests.retrieval.corpus import SPEC, TopicEmbedder, judge

SITE, PAPERS, OLD = "site", "papers", "old"
PAGE = Page(
    source=SITE,
    url="http://127.0.0.1/kettle.html",
    title="Kettle",
    text="The warranty of the kettle lasts two years.",
    snapshot="a" * 64,
)
FETCH = LedgerEntry(
    source=SITE,
    url=PAGE.url,
    outcome=Outcome.FETCHED,
    status=200,
    content_type="text/html",
    size=1234,
    snapshot=PAGE.snapshot,
    fetched_at="2026-11-01T12:00:00+00:00",
)
FILE = DocumentFile(
    source=PAPERS,
    url="file:papers/pump.pdf",
    document="b" * 64,
    name="pump.pdf",
    media_type="application/pdf",
    size=99,
    pages=3,
)
ORIGINS = {
    SITE: Origin(pages="p1", ledger="l1", pages_run="run-of-site"),
    PAPERS: Origin(pages="p0", ledger="l0", documents="d1", documents_run="run-of-papers"),
}
ASKED = {
    SITE: "How long does the warranty of the kettle last?",
    PAPERS: "How deep is the pump of the well?",
    OLD: "How tall is the mast of the ship?",
}


def chunk(source: str, url: str, text: str, **more: Any) -> Chunk:
    return Chunk(
        id=sha256(text.encode()).hexdigest()[:32],
        source=source,
        url=url,
        title="",
        heading="",
        text=text,
        tokens=9,
        **more,
    )


CHUNKS = {
    SITE: chunk(SITE, PAGE.url, PAGE.text),
    PAPERS: chunk(
        PAPERS,
        FILE.url,
        "The pump of the well is nine metres deep.",
        kind="document",
        document=FILE.document,
        page=2,
    ),
    OLD: chunk(OLD, "http://127.0.0.1/mast.html", "The mast of the ship is ninety feet tall."),
}


def publish(releases: Releases, chunks: Mapping[str, Chunk], origins: Mapping[str, Origin]) -> str:
    embedder = TopicEmbedder()

    def embedded(one: Chunk) -> EmbeddedChunks:
        return EmbeddedChunks([one], embedder.encode([one.embedded_text]), embedder.fingerprint)

    parts = {name: lambda one=one: embedded(one) for name, one in chunks.items()}
    versions = {name: one.id[:16] for name, one in chunks.items()}
    built = judge(releases, releases.build(parts, versions, SPEC, "run-built", origins=origins))
    return releases.publish(built.name, FAKE, "test").release


def store(folder: Path) -> Tables:
    tables = Tables(str(folder))
    other = replace(PAGE, url="http://127.0.0.1/other.html", text="Something else.")
    tables.write(PAGES, SITE, "p1", to_table([other, PAGE], Page))
    tables.write(PAGES, SITE, "p2", to_table([replace(PAGE, snapshot="f" * 64)], Page))
    tables.write(LEDGER, SITE, "l1", to_table([FETCH], LedgerEntry))
    for key, record in ((PAGES, Page), (LEDGER, LedgerEntry)):
        tables.write(key, PAPERS, f"{key[0].replace('s', 'p')}0", to_table([], record))
    tables.write(DOCUMENTS, PAPERS, "d1", to_table([FILE], DocumentFile))
    return tables


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    made = releases_in(tmp_path_factory.mktemp("lineage"))
    publish(made, CHUNKS, ORIGINS)
    return made


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, releases: Releases) -> Iterator[httpx.Client]:
    live = LiveRelease(releases, TopicEmbedder(), lambda name: Echo(), poll_seconds=0.1)
    with serving(live, tables=store(tmp_path_factory.mktemp("tables"))) as client:
        until(lambda: ready(client, 1))
        yield client


def ask(client: httpx.Client, source: str, user: str = "ann") -> dict[str, Any]:
    body = {"question": ASKED[source], "user_id": user, "filters": {"source": [source]}}
    said = client.post("/api/question", json=body).json()
    assert said["citations"], said
    return said


def lineage(client: httpx.Client, answer: str, user: str = "ann") -> httpx.Response:
    return client.get(f"/api/answers/{answer}/lineage", params={"user_id": user})


def test_an_answer_leads_to_chunk_page_fetch_and_runs(client: httpx.Client, releases: Releases):
    said = ask(client, SITE)
    told = lineage(client, said["answer_id"]).json()
    manifest = releases.get(said["release"]).manifest
    for name in ("answer_id", "session_id", "generation", "model"):
        assert told[name] == said[name]
    assert (told["prompt"], told["missing"]) == (prompt_digest(), "")
    assert told["release"] == {
        **{"release": said["release"], "digest": manifest.digest, "embedder": SPEC.embedder},
        **{"created_at": manifest.created_at, "run_id": "run-built"},
    }
    (cited,), (citation,) = told["citations"], said["citations"]
    assert cited["quote"] == citation["quote"]
    assert cited["chunk"] == asdict(CHUNKS[SITE])
    assert cited["page"] == {
        **{"title": "Kettle", "characters": len(PAGE.text), "snapshot": "a" * 64},
        "text_sha256": sha256(PAGE.text.encode()).hexdigest(),
    }
    assert cited["fetch"] == asdict(FETCH)
    assert (cited["document"], cited["run_id"]) == (None, "run-of-site")


def test_a_file_of_this_machine_leads_to_its_document_and_run(client: httpx.Client):
    (cited,) = lineage(client, ask(client, PAPERS)["answer_id"]).json()["citations"]
    assert cited["document"] == asdict(FILE)
    assert cited["chunk"]["page"] == 2
    assert (cited["page"], cited["fetch"], cited["run_id"]) == (None, None, "run-of-papers")


def test_a_source_whose_origin_is_unknown_leads_to_the_chunk_alone(client: httpx.Client):
    (cited,) = lineage(client, ask(client, OLD)["answer_id"]).json()["citations"]
    assert cited["chunk"]["id"] == CHUNKS[OLD].id
    assert {cited[name] for name in ("page", "document", "fetch", "run_id")} == {None}


def test_anothers_answer_and_none_are_the_same(client: httpx.Client):
    answer = ask(client, SITE)["answer_id"]
    foreign, none = lineage(client, answer, "bob"), lineage(client, "nowhere", "bob")
    assert (foreign.status_code, none.status_code) == (404, 404)
    message = foreign.json()["error"]["message"]
    assert message.replace(answer, "nowhere") == none.json()["error"]["message"]


def test_it_is_what_the_release_was_made_from_and_without_the_release_not_known(
    client: httpx.Client, releases: Releases
):
    """The last of this file, for it takes the release away."""
    before = ask(client, SITE)
    newer = {SITE: Origin(pages="p2", ledger="l1", pages_run="later")}
    publish(releases, {SITE: replace(CHUNKS[SITE], position=1)}, newer)
    until(lambda: ready(client, 2))
    after = ask(client, SITE)
    (old,) = lineage(client, before["answer_id"]).json()["citations"]
    (new,) = lineage(client, after["answer_id"]).json()["citations"]
    assert (old["page"]["snapshot"], old["run_id"]) == ("a" * 64, "run-of-site")
    assert (new["page"]["snapshot"], new["run_id"]) == ("f" * 64, "later")
    shutil.rmtree(releases.root / before["release"])
    told = lineage(client, before["answer_id"]).json()
    assert told["release"] is None
    assert before["release"] in told["missing"]
    assert str(releases.root) not in told["missing"]
    (cited,) = told["citations"]
    assert cited["quote"] == before["citations"][0]["quote"]
    assert (cited["chunk"], cited["fetch"]) == (None, None)
