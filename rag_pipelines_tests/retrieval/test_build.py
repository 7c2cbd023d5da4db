import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rag_pipelines.errors import ReleaseError
from rag_pipelines.records import EmbeddedChunks
from rag_pipelines.retrieval.index import open_index
from rag_pipelines.retrieval.manifest import expected_digest
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.retrieval.rows import Filters
from rag_pipelines.retrieval.writer import indexes_sha256
from rag_pipelines_tests.retrieval.corpus import (
    SPEC,
    TopicEmbedder,
    build,
    chunk,
    embedded,
    files_below,
    first,
    good,
    parts,
    versions,
)


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    return Releases(tmp_path / "releases")


def test_a_release_holds_its_rows_and_both_indexes_and_says_what_it_is(releases: Releases):
    chunks = [*first(20), *(chunk(n, source="blog") for n in range(5))]
    release = build(releases, chunks, "run-7")
    assert release.name == f"v000001-{expected_digest(versions(chunks), SPEC)[:12]}"
    manifest = json.loads((release.path / "manifest.json").read_text())
    assert manifest["release"] == release.name
    assert (manifest["sequence"], manifest["rows"], manifest["dimension"]) == (1, 25, 32)
    assert manifest["sources"] == versions(chunks)
    assert (manifest["embedder"], manifest["run_id"]) == (SPEC.embedder, "run-7")
    assert {"digest", "chunker", "ids_sha256", "metrics", "created_at"} <= manifest.keys()
    files = files_below(release.path)
    assert {"rows.arrow", "vectors.f32", "chroma/chroma.sqlite3"} <= files
    assert any(name.startswith("lexical/") for name in files)
    assert any(name.endswith("link_lists.bin") for name in files), "the graph is in Chroma's log"


def test_rows_come_back_as_they_went_in_and_in_an_order_of_their_own(releases: Releases):
    chunks = [*first(20), *(chunk(n, source="blog") for n in range(5))]
    index = open_index(build(releases, chunks).path)
    assert list(index.rows) == sorted(chunks, key=lambda c: (c.source, c.id))
    assert [index.chunk(row) for row in range(25)] == list(index.rows)
    index.close()


def test_equal_content_is_one_release_however_often_it_is_built(releases: Releases):
    once = build(releases, first())
    again = build(releases, list(reversed(first())))
    assert again.name == once.name
    assert [release.name for release in releases.list()] == [once.name]


def test_any_stored_field_makes_another_release(releases: Releases):
    chunks = first()
    build(releases, chunks)
    retitled = build(releases, [replace(chunks[0], title="Another"), *chunks[1:]])
    assert retitled.name.startswith("v000002-")


def test_a_small_difference_is_written_into_a_copy_of_the_last_good_graph(releases: Releases):
    chunks = first(60)
    good(releases, chunks)
    changed = [replace(chunks[1], title="Changed"), *chunks[3:], chunk(3, edition="second")]
    second = build(releases, changed)
    metrics = second.manifest.metrics
    assert (metrics["copied"], metrics["added"]) == (1, 1)
    assert (metrics["changed"], metrics["removed"], second.manifest.churn) == (1, 2, 4)
    index = open_index(second.path)
    assert {key for key, _, _ in index.stored()} == {c.id for c in changed}
    for row, vector in enumerate(index.rows.vectors):
        assert index.search(vector, 1) == [(row, pytest.approx(1, abs=1e-4))]
    index.close()
    assert indexes_sha256(second.path) == second.manifest.indexes_sha256, "reading wrote"


def test_a_graph_is_made_anew_before_a_tenth_of_it_was_patched(releases: Releases):
    chunks = first(60)
    copied: list[float] = []
    for step in range(5):
        release = good(releases, [*chunks[2 * step :], *(chunk(n) for n in range(60, 60 + step))])
        copied.append(release.manifest.metrics["copied"])
    assert copied == [0, 1, 0, 1, 0]


def test_an_unverified_release_is_not_copied(releases: Releases):
    build(releases, first(60))
    assert build(releases, first(59)).manifest.metrics["copied"] == 0


def test_denied_pages_stay_out(releases: Releases):
    chunks = first()
    spec = replace(SPEC, denied=(chunks[0].url,))
    index = open_index(releases.build(parts(chunks), versions(chunks), spec, "run").path)
    assert {c.url for c in index.rows} == {c.url for c in chunks[1:]}
    index.close()


def test_vectors_of_another_embedder_are_refused_and_nothing_is_left(releases: Releases):
    part = embedded(first())
    other = EmbeddedChunks(part.chunks, part.vectors, "another")
    with pytest.raises(ReleaseError, match="embed the source again"):
        releases.build({"site": lambda: other}, {"site": "1"}, SPEC, "run")
    narrow = EmbeddedChunks(
        part.chunks, np.ascontiguousarray(part.vectors[:, :8]), SPEC.fingerprint
    )
    with pytest.raises(ReleaseError, match="embed the source again"):
        releases.build({"site": lambda: narrow}, {"site": "1"}, SPEC, "run")
    assert not list(releases.root.glob(".tmp-*"))
    assert not releases.list()


def test_ids_that_would_overwrite_each_other_are_refused(releases: Releases):
    with pytest.raises(ReleaseError, match="repeat an id"):
        build(releases, [*first(), chunk(1)])
    assert not list(releases.root.glob(".tmp-*"))
    assert not releases.list()


def test_an_empty_corpus_is_refused(releases: Releases):
    with pytest.raises(ReleaseError, match="not one chunk"):
        releases.build({}, {}, SPEC, "run")


def test_progress_counts_rows_and_vectors(releases: Releases):
    told: list[tuple[str, int, int | None]] = []
    chunks = first()
    releases.build(parts(chunks), versions(chunks), SPEC, "run", lambda *step: told.append(step))
    assert ("rows", 40, None) in told
    assert ("vectors", 40, 40) in told
    assert [stage for stage, _, _ in told][-3:] == ["sync", "rename", "built"]


def test_a_search_among_some_rows_is_exact_and_finds_only_those(releases: Releases):
    chunks = [*first(40), *(chunk(n, source="blog") for n in range(40))]
    index = open_index(build(releases, chunks).path)
    query = TopicEmbedder().encode(["warranty passage"])[0]
    blog = index.search(query, 5, index.rows.among(Filters(sources=["blog"])))
    assert [index.chunk(row).source for row, _ in blog] == ["blog"] * 5
    jobs = index.search(query, 50, index.rows.among(Filters(path_prefix="/jobs/")))
    assert {index.chunk(row).title for row, _ in jobs} == {"Jobs"}
    assert len(jobs) == 10
    everything = index.search(query, 10, index.rows.among(Filters()))
    assert [s for _, s in everything] == pytest.approx(
        [s for _, s in index.search(query, 10)], abs=1e-5
    )
    index.close()
