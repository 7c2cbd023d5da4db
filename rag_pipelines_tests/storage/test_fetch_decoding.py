import gzip

import pytest

from rag_pipelines.errors import FetchError, TooLarge
from rag_pipelines.storage.fetch_decoding import CompressedBody, gunzip

SITEMAP = b"<urlset>" + b"<url/>" * 10_000 + b"</urlset>"


def test_a_gzip_file_is_unpacked_up_to_the_cap():
    packed = gzip.compress(SITEMAP)
    assert gunzip(packed, len(SITEMAP)) == SITEMAP
    with pytest.raises(TooLarge):
        gunzip(packed, len(SITEMAP) - 1)


@pytest.mark.parametrize("data", [SITEMAP, gzip.compress(SITEMAP)[:-9], b"\x1f"])
def test_what_is_no_whole_gzip_file_is_an_error(data: bytes):
    with pytest.raises(FetchError):
        gunzip(data, 1_000_000)


def test_a_file_of_many_empty_members_is_read_in_small_pieces():
    members = gzip.compress(b"") * 100_000 + gzip.compress(SITEMAP)
    assert gunzip(members, 1_000_000) == SITEMAP


def test_the_cap_counts_what_arrives_too():
    body = CompressedBody("gzip", 1_000)
    empty = gzip.compress(b"")
    for _ in range(1_000 // len(empty)):
        body.feed(empty)
    with pytest.raises(TooLarge):
        body.feed(empty)
