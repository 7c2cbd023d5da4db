"""Chunks count, cover and quote their page; ids depend on content alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rag_pipelines.corpus.chunking import Splitter, chunk_pages, splitter_for
from rag_pipelines.corpus.fingerprint import fold
from rag_pipelines.corpus.passages import parts_of
from rag_pipelines.inference.protocols import Tokenizer
from rag_pipelines.inference.tokenizer import ApproximateTokenizer, tokenizer_for
from rag_pipelines.records import Chunk, Page
from rag_pipelines.sources import Chunking

MINILM: Tokenizer = tokenizer_for("all-minilm")
SENTENCE = "The warranty of every lamp lasts three years from the day of its delivery."


class Joining:
    """A tokenizer whose tokens run over white space, so that counts do not add up."""

    fingerprint = "pairs"

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(self.offsets(text)) for text in texts]

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [(start, min(start + 2, len(text))) for start in range(0, len(text), 2)]


@dataclass
class WordEmbedder:
    """A tokenizer with vectors beside it: texts with the same words lie near each other."""

    tokenizer: Tokenizer
    max_tokens: int = 254
    name: str = "fake:words"
    fingerprint: str = "words"
    dimension: int = 64

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.full((len(texts), self.dimension), 1e-3, np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                vectors[row, crc32(word.strip(".").encode()) % self.dimension] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self.encode(texts).tolist()

    def embed_query(self, text: str) -> list[float]:
        return self.encode([text])[0].tolist()


def by_title(limit: int = 254, tokenizer: Tokenizer = MINILM) -> Splitter:
    return splitter_for(Chunking(max_tokens=limit), WordEmbedder(tokenizer))


def page(text: str, title: str = "Lamps", url: str = "http://h/a") -> Page:
    return Page(source="site", url=url, title=title, text=text, language="en")


def cut(text: str, limit: int = 254, title: str = "Lamps") -> list[Chunk]:
    return chunk_pages([page(text, title)], by_title(limit))


def holds(chunks: Iterable[Chunk], whole: Page, limit: int, tokenizer: Tokenizer = MINILM) -> None:
    """What every cut must keep to."""
    chunks = list(chunks)
    folded = fold(whole.text)
    for number, chunk in enumerate(chunks):
        assert chunk.tokens == tokenizer.count([chunk.embedded_text])[0] <= limit
        assert chunk.text.strip()
        assert fold(chunk.text) in folded
        assert chunk.position == number
        chunk.embedded_text.encode("utf-8")
    said = bare(" ".join(chunk.text for chunk in chunks))
    headers = {bare(name) for chunk in chunks for name in chunk.heading.split(" > ")}
    headers |= {bare(chunk.title) for chunk in chunks}
    parts = parts_of(whole.text)
    for part in parts:
        stands = bare(whole.text[part.start : part.end]) in said
        assert stands or (part.kind == "heading" and bare(part.path[-1]) in headers)
    between = [whole.text[one.end : other.start] for one, other in pairwise(parts)]
    assert not "".join(between).strip()
    assert len({chunk.id for chunk in chunks}) == len(chunks)


PLAIN = ("lamp", "bulb", "wal_level", "3.5", "don't", "e.g.", "supercalifragilistic")


def bare(text: str) -> str:
    return "".join(text.split())


WORDS = st.sampled_from((*PLAIN, "größe", "灯具。", "x=y(z)", "…", "🦔", "a|b", "\\#"))
LINES = st.lists(WORDS, min_size=1, max_size=60).map(" ".join)
BLOCKS = st.one_of(
    LINES,
    st.builds(lambda level, name: f"{'#' * level} {name}", st.integers(1, 4), LINES),
    st.lists(LINES, min_size=1, max_size=8).map(
        lambda ls: "```sql\n" + "\n\n  ".join(ls) + "\n```"
    ),
    st.lists(LINES, min_size=1, max_size=8).map(lambda ls: "\n".join(f"- {line}" for line in ls)),
    st.lists(LINES, min_size=1, max_size=8).map(
        lambda ls: (
            "| a | b |\n|---|---|\n" + "\n".join(f"| {line.replace('|', '')} | 1 |" for line in ls)
        )
    ),
    st.text(max_size=80).map(
        lambda text: text.encode("utf-8", "ignore").decode().replace("\x00", "")
    ),
)


@given(st.lists(BLOCKS, max_size=10).map("\n\n".join), LINES, st.sampled_from([24, 60, 254]))
@settings(deadline=None, max_examples=120)
def test_every_piece_of_a_page_stands_in_some_chunk(text: str, title: str, limit: int) -> None:
    whole = page(text, title)
    holds(chunk_pages([whole], by_title(limit)), whole, limit)


@given(st.lists(BLOCKS, max_size=6).map("\n\n".join), st.sampled_from([40, 254]))
@settings(deadline=None, max_examples=40)
def test_tokens_that_do_not_add_up_are_counted_anew(text: str, limit: int) -> None:
    for tokenizer in (Joining(), ApproximateTokenizer()):
        whole = page(text)
        chunks = chunk_pages([whole], by_title(limit, tokenizer))
        holds(chunks, whole, limit, tokenizer)


def test_a_small_page_is_one_chunk_under_its_title() -> None:
    (chunk,) = cut(f"# Lamps\n\n{SENTENCE}\n\n## Care\n\nWipe it.")
    assert chunk.text == f"{SENTENCE}\n\n## Care\n\nWipe it."
    assert (chunk.title, chunk.heading, chunk.language) == ("Lamps", "", "en")


def test_sections_carry_their_path_of_headings() -> None:
    long = " ".join([SENTENCE] * 12)
    chunks = cut(f"# Lamps\n\n## Care\n\n### Cleaning\n\n{long}\n\n### Storing\n\n{long}")
    assert [chunk.heading for chunk in chunks] == ["Care > Cleaning", "Care > Storing"]
    assert [chunk.text for chunk in chunks] == [long, long]


def test_small_sibling_sections_share_a_chunk() -> None:
    sections = "\n\n".join(f"## Part {n}\n\n{SENTENCE}" for n in range(8))
    chunks = cut(sections)
    assert len(chunks) == 1
    assert "## Part 3" in chunks[0].text


def test_pages_never_share_a_chunk() -> None:
    chunks = chunk_pages([page("one", url="http://h/a"), page("two", url="http://h/b")], by_title())
    assert [(chunk.url, chunk.text) for chunk in chunks] == [
        ("http://h/a", "one"),
        ("http://h/b", "two"),
    ]


def test_a_long_section_is_cut_evenly_between_paragraphs() -> None:
    paragraph = " ".join([SENTENCE] * 4)
    chunks = cut("\n\n".join([paragraph] * 9))
    assert all(chunk.text.endswith("delivery.") for chunk in chunks)
    tokens = [chunk.tokens for chunk in chunks]
    assert max(tokens) <= 2 * min(tokens)


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    chunks = cut(" ".join([SENTENCE] * 60))
    assert len(chunks) > 2
    assert all(chunk.text.endswith("delivery.") for chunk in chunks)


def test_code_that_fits_is_kept_whole() -> None:
    code = "```\n" + "\n\n".join(f"line {n} = {n}" for n in range(20)) + "\n```"
    paragraph = " ".join([SENTENCE] * 8)
    chunks = cut(f"{paragraph}\n\n{paragraph}\n\n{code}\n\n{paragraph}")
    assert sum(code in chunk.text for chunk in chunks) == 1


def test_what_announces_code_stays_with_it() -> None:
    paragraph = " ".join([SENTENCE] * 10)
    chunks = cut(f"{paragraph}\n\n{paragraph}\n\nFor example:\n\n```\nSELECT 1;\n```")
    assert any("For example:\n\n```\nSELECT 1;" in chunk.text for chunk in chunks)


def test_a_cut_table_repeats_its_header_and_keeps_its_rows() -> None:
    rows = [f"| lamp {n} | lasts {n} years in a dry room | {n} euro |" for n in range(60)]
    chunks = cut("\n".join(["| Lamp | Life | Price |", "|---|---|---|", *rows]))
    assert len(chunks) > 2
    assert chunks[0].heading == ""
    assert all(chunk.heading == "Lamp | Life | Price" for chunk in chunks[1:])
    assert [row for chunk in chunks for row in chunk.text.split("\n") if "lasts" in row] == rows


def test_a_long_title_and_heading_leave_half_of_the_room_to_the_text() -> None:
    chunks = cut(f"# {'heading ' * 400}\n\n{' '.join([SENTENCE] * 20)}", title="title " * 400)
    assert any(MINILM.count([chunk.text])[0] > 100 for chunk in chunks)
    assert all(chunk.tokens <= 254 for chunk in chunks)


def test_an_endless_word_is_cut_by_its_characters() -> None:
    chunks = cut("x" * 100_000)
    assert "".join(chunk.text for chunk in chunks) == "x" * 100_000
    assert max(len(chunk.text) for chunk in chunks) < 5_000


def test_a_page_without_text_has_no_chunks() -> None:
    assert cut("") == []
    assert cut(" \n \n") == []


def test_a_repeated_passage_keeps_both_occurrences() -> None:
    paragraph = " ".join([SENTENCE] * 14)
    chunks = cut(f"{paragraph}\n\n{paragraph}")
    assert [chunk.text for chunk in chunks] == [paragraph, paragraph]
    assert len({chunk.id for chunk in chunks}) == 2


def test_ids_depend_on_content_alone() -> None:
    text = f"# A\n\n{' '.join([SENTENCE] * 30)}"
    once = [chunk.id for chunk in cut(text)]
    assert [chunk.id for chunk in chunk_pages([page("other"), page(text)], by_title())[1:]] == once
    assert set(once).isdisjoint(
        chunk.id for chunk in chunk_pages([page(text, url="http://h/b")], by_title())
    )
    assert set(once).isdisjoint(chunk.id for chunk in cut(text, limit=200))


def test_the_fingerprint_moves_with_settings_and_tokenizer() -> None:
    prints = {
        by_title().fingerprint,
        by_title(200).fingerprint,
        by_title(254, ApproximateTokenizer()).fingerprint,
    }
    assert len(prints) == 3
    assert by_title().fingerprint == by_title().fingerprint


def test_the_embedders_limit_caps_the_setting() -> None:
    capped = splitter_for(Chunking(max_tokens=1_000), WordEmbedder(MINILM, 100))
    chunks = chunk_pages([page(" ".join([SENTENCE] * 60))], capped)
    assert max(chunk.tokens for chunk in chunks) <= 100


@pytest.mark.parametrize(
    "text", ["```\nnever closed\n\nline", "| a | b |", "- \n- ", "#\n##\n", "> q"]
)
def test_broken_markdown_is_cut_like_any_text(text: str) -> None:
    holds(cut(text), page(text), 254)


def strategy(name: str, limit: int = 254) -> Splitter:
    settings = Chunking.model_validate({"strategy": name, "max_tokens": limit})
    return splitter_for(settings, WordEmbedder(MINILM))


@pytest.mark.parametrize("name", ["by_page", "by_similarity"])
@given(st.lists(BLOCKS, max_size=10).map("\n\n".join), st.sampled_from([24, 254]))
@settings(deadline=None, max_examples=40)
def test_every_strategy_keeps_to_the_same_rules(name: str, text: str, limit: int) -> None:
    whole = page(text)
    chunks = chunk_pages([whole], strategy(name, limit))
    holds(chunks, whole, limit)
    assert chunks == chunk_pages([whole], strategy(name, limit))


def test_by_page_no_passage_reaches_over_a_page_break() -> None:
    pages = ["# Lamps\n\nOne.", "Two.\n\n" + "\n\n".join([SENTENCE] * 30), "## Care\n\nThree."]
    text = "\n\n".join(pages)
    breaks = [text.index("Two."), text.index("## Care")]
    passages = list(strategy("by_page").split(page(text), breaks))
    assert [p.text for p in passages if "Two." not in p.text and SENTENCE not in p.text] == [
        "One.",
        "Three.",
    ]
    for at in breaks:
        assert not any(p.start < at < p.start + len(p.text) for p in passages)
    assert (passages[0].heading, passages[-1].heading) == ("", "Care")


def test_by_page_a_web_page_that_fits_is_one_chunk() -> None:
    text = "# A\n\none\n\n# B\n\ntwo"
    (chunk,) = chunk_pages([page(text)], strategy("by_page"))
    assert chunk.text == text


def test_by_similarity_cuts_where_the_subject_changes() -> None:
    lamps = "The lamp has a bulb. A bulb of the lamp glows. Turn the lamp and bulb off."
    soup = "Boil soup with carrots. Stir carrots into soup. Serve soup with carrots warm."
    text = f"{lamps} {soup}"
    cut = chunk_pages([page(text)], strategy("by_similarity", 100))
    assert [chunk.text for chunk in cut] == [lamps, soup]
    assert len(chunk_pages([page(text)], by_title(100))) == 1


def test_strategies_have_fingerprints_of_their_own() -> None:
    prints = {strategy(name).fingerprint for name in ("by_title", "by_page", "by_similarity")}
    assert len(prints) == 3
    other = splitter_for(
        Chunking(strategy="by_similarity"), WordEmbedder(MINILM, fingerprint="other")
    )
    assert other.fingerprint not in prints
