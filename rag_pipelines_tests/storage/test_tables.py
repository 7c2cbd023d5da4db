from dataclasses import replace

import numpy as np
import pytest

from rag_pipelines.records import Chunk, EmbeddedChunks, LedgerEntry, Outcome
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines.storage.tables import (
    Tables,
    digest,
    embedded_from_table,
    embedded_to_table,
    from_table,
    to_table,
)

CHUNK = Chunk(
    id="a", source="site", url="http://s/", title="T", heading="H", text="naïve \0 text", tokens=3
)
LEDGER = [
    LedgerEntry(source="site", url="http://s/", outcome=Outcome.FETCHED, status=200),
    LedgerEntry(source="site", url="http://s/x", outcome=Outcome.REFUSED, reason="robots"),
]


def test_records_come_back_as_they_went_in(tmp_path):
    tables = Tables(str(tmp_path))
    tables.write("ledger", "site", "v1", to_table(LEDGER, LedgerEntry))
    assert from_table(tables.read("ledger", "site", "v1"), LedgerEntry) == LEDGER
    assert tables.versions("ledger", "site") == ["v1"]


def test_no_records_keep_their_columns(tmp_path):
    tables = Tables(str(tmp_path))
    tables.write("chunks", "site", "v1", to_table([], Chunk))
    assert from_table(tables.read("chunks", "site", "v1"), Chunk) == []


def test_vectors_come_back_exactly(tmp_path):
    vectors = np.random.default_rng(0).random((2, 4), dtype=np.float32)
    embedded = EmbeddedChunks([CHUNK, replace(CHUNK, id="b", page=2)], vectors, "print")
    tables = Tables(str(tmp_path))
    tables.write("embeddings", "site", "v1", embedded_to_table(embedded))
    back = embedded_from_table(tables.read("embeddings", "site", "v1"))
    assert back.chunks == embedded.chunks
    assert back.embedder == "print"
    np.testing.assert_array_equal(back.vectors, vectors)


def test_a_version_that_exists_is_not_written_again(tmp_path):
    tables = Tables(str(tmp_path))
    tables.write("ledger", "site", "v1", to_table(LEDGER, LedgerEntry))
    tables.write("ledger", "site", "v1", to_table([], LedgerEntry))
    assert len(from_table(tables.read("ledger", "site", "v1"), LedgerEntry)) == 2


def test_the_digest_knows_content_and_not_order():
    other = replace(CHUNK, id="b")
    assert digest([CHUNK, other]) == digest([other, CHUNK])
    assert digest([CHUNK]) != digest([replace(CHUNK, title="U")])
    assert digest([CHUNK]) != digest([CHUNK], also="embedder")


def test_a_record_written_before_a_field_came_takes_the_default():
    table = to_table(LEDGER, LedgerEntry).drop_columns(["misses"])
    assert from_table(table, LedgerEntry)[0].misses == 0


def test_a_blob_is_kept_once_under_its_digest(tmp_path):
    blobs = Blobs(str(tmp_path))
    sha = blobs.put(b"body")
    assert blobs.put(b"body") == sha
    assert blobs.get(sha) == b"body"
    assert len([p for p in tmp_path.rglob("*") if p.is_file()]) == 1


def test_a_blob_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        Blobs(str(tmp_path)).get("0" * 64)


def test_an_object_store_serves_as_well():
    blobs, tables = Blobs("memory://b"), Tables("memory://t")
    assert blobs.get(blobs.put(b"x")) == b"x"
    tables.write("ledger", "site", "v1", to_table(LEDGER, LedgerEntry))
    assert tables.has("ledger", "site", "v1")
    assert from_table(tables.read("ledger", "site", "v1"), LedgerEntry) == LEDGER
