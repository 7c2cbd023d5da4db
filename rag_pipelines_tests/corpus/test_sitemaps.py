"""Sitemaps of every kind, and broken ones."""

import gzip

from rag_pipelines.corpus.sitemaps import MAX_SITEMAPS, MAX_URLS, read_sitemap

NAMESPACE = b' xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def test_pages_and_further_sitemaps_are_told_apart():
    urls = read_sitemap(
        b"<?xml version='1.0'?><urlset" + NAMESPACE + b"><url><loc> http://a.example/?a=1&amp;b "
        b"</loc><image:image xmlns:image='x'><image:loc>http://a.example/i.png</image:loc>"
        b"</image:image></url></urlset>"
    )
    assert (urls.pages, urls.sitemaps) == (["http://a.example/?a=1&b"], [])
    index = b"<sitemapindex><sitemap><loc>/%d.xml</loc></sitemap></sitemapindex>"
    assert read_sitemap(index % 1).sitemaps == ["/1.xml"]


def test_plain_text_and_gzip_are_read():
    text = b"\xef\xbb\xbfhttp://a.example/1\r\n\r\nnot a url\nhttps://a.example/2"
    assert read_sitemap(gzip.compress(text)).pages == ["http://a.example/1", "https://a.example/2"]


def test_a_broken_sitemap_gives_what_stood_before_the_break():
    found = read_sitemap(b"<urlset><url><loc>http://a.example/</loc></url><url></urlset>")
    assert found.pages == ["http://a.example/"]
    assert found.problem


def test_entities_are_not_expanded_and_files_not_read():
    found = read_sitemap(
        b'<!DOCTYPE u [<!ENTITY f SYSTEM "file:///etc/passwd"><!ENTITY a "aaaaaaaaaa">]>'
        b"<urlset><url><loc>http://a.example/&f;&a;</loc></url></urlset>"
    )
    assert all("root:" not in page and "aaaa" not in page for page in found.pages)


def test_caps_hold():
    many = b"<urlset>" + b"<url><loc>http://a.example/</loc></url>" * (MAX_URLS + 5) + b"</urlset>"
    assert len(read_sitemap(many).pages) == MAX_URLS
    index = b"<sitemapindex>" + b"<sitemap><loc>/s</loc></sitemap>" * 500 + b"</sitemapindex>"
    assert len(read_sitemap(index).sitemaps) == MAX_SITEMAPS
    bomb = gzip.compress(b"<urlset>" + b" " * 60_000_000)
    assert "more than" in read_sitemap(bomb).problem
    assert read_sitemap(b"\x1f\x8bnonsense").problem
