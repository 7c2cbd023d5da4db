from rag_pipelines.corpus.fingerprint import content_hash, digest_of, fold


def test_white_space_is_folded() -> None:
    assert fold(" a \n\tb\u00a0 c ") == "a b c"


def test_a_digest_depends_on_where_its_parts_end() -> None:
    assert digest_of("ab", "c") != digest_of("a", "bc")
    assert len(digest_of("a")) == 32


def test_a_page_that_says_the_same_has_the_same_hash() -> None:
    assert content_hash("Caf\u00e9", "One  two\n") == content_hash("CAFE\u0301", "one two")


def test_a_page_that_says_something_else_has_another_hash() -> None:
    assert content_hash("a", "three years") != content_hash("a", "four years")
