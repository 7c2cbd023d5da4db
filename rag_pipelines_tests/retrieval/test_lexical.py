import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rag_pipelines.errors import ReleaseError
from rag_pipelines.retrieval.lexical import LexicalIndex, build_lexical, top_rows
from rag_pipelines_tests.retrieval.passage import passage

TEXTS = [
    "Set max_connections in postgresql.conf before the server starts.",
    "The number of connections grows with the pool.",
    "東京タワーは東京にある電波塔です。",
    "The max value of a series; connections between cities.",
    "Repeated passage about herons.",
    "Repeated passage about herons.",
]


def built(path: Path, texts: list[str]) -> LexicalIndex:
    build_lexical(
        [passage(text, url=f"http://127.0.0.1/{i}") for i, text in enumerate(texts)], path
    )
    return LexicalIndex.open(path)


def rows(index: LexicalIndex, query: str) -> list[int]:
    return [row for row, _ in index.search(query, 10)]


def test_an_identifier_finds_its_exact_name_first(tmp_path: Path):
    assert rows(built(tmp_path, TEXTS), "What does max_connections do?")[0] == 0


def test_an_identifier_is_found_by_its_parts(tmp_path: Path):
    assert 0 in rows(built(tmp_path, TEXTS), "conf")


def test_text_without_spaces_is_found(tmp_path: Path):
    assert rows(built(tmp_path, TEXTS), "東京") == [2]


def test_equal_scores_come_in_row_order(tmp_path: Path):
    assert rows(built(tmp_path, TEXTS), "herons") == [4, 5]


def test_rows_without_a_word_of_the_query_are_left_out(tmp_path: Path):
    index = built(tmp_path, TEXTS)
    assert rows(index, "zeppelin") == []
    assert rows(index, "what is the") == []


def test_masked_rows_do_not_come(tmp_path: Path):
    allowed = np.array([False, True, True, True, True, True])
    found = built(tmp_path, TEXTS).search("connections", 10, allowed)
    assert {row for row, _ in found} == {1, 3}


def test_titles_are_searched_too(tmp_path: Path):
    build_lexical([passage("text", title="Warranty"), passage("other")], tmp_path)
    assert rows(LexicalIndex.open(tmp_path), "warranties") == [0]


def test_the_same_chunks_give_the_same_bytes(tmp_path: Path):
    built(tmp_path / "one", TEXTS)
    built(tmp_path / "two", TEXTS)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_index_is_mapped_and_holds_no_pickles(tmp_path: Path):
    build_lexical([passage(text) for text in TEXTS], tmp_path)
    for path in tmp_path.glob("*.npy"):
        assert isinstance(np.load(path, mmap_mode="r", allow_pickle=False), np.memmap)
    assert {path.suffix for path in tmp_path.iterdir()} == {".npy", ".json"}


@pytest.mark.parametrize("texts", [["the of and", "---"], ["…"]])
def test_a_corpus_without_a_word_can_be_asked(tmp_path: Path, texts: list[str]):
    assert built(tmp_path, texts).search("anything", 5) == []


@pytest.mark.parametrize("name", ["params.index.json", "data.csc.index.npy", "vocab.index.json"])
def test_a_damaged_index_says_so(tmp_path: Path, name: str):
    built(tmp_path, TEXTS)
    (tmp_path / name).write_bytes(b"{")
    with pytest.raises(ReleaseError, match="rebuild"):
        LexicalIndex.open(tmp_path)


def test_a_missing_index_says_so(tmp_path: Path):
    with pytest.raises(ReleaseError, match="rebuild"):
        LexicalIndex.open(tmp_path / "nowhere")


def test_coverage_weighs_rare_words_more(tmp_path: Path):
    index = built(tmp_path, TEXTS)
    rare, common = index.coverage("herons connections", ["herons", "connections"])
    assert rare > common
    assert index.coverage("herons", ["the heron"]) == [1.0]


def test_a_word_that_the_corpus_lacks_counts_as_the_rarest(tmp_path: Path):
    index = built(tmp_path, TEXTS)
    assert index.rarity("zeppelin") > index.rarity("heron") > index.rarity("connect")


def test_top_rows_are_those_of_a_full_sort():
    scores = np.random.default_rng(1).integers(0, 20, 500).astype(np.float32)
    whole = np.argsort(-scores, kind="stable")
    for k in (0, 1, 7, 100, 500, 900):
        assert top_rows(scores, k).tolist() == whole[:k].tolist()


def test_an_index_is_opened_without_compilers_and_they_stay_importable(tmp_path: Path):
    build_lexical([passage(text) for text in TEXTS[:2]], tmp_path)
    code = (
        "import sys; from pathlib import Path\n"
        "from rag_pipelines.retrieval.lexical import LexicalIndex\n"
        f"LexicalIndex.open(Path({str(tmp_path)!r})).search('max_connections', 1)\n"
        "print({'numba', 'scipy.sparse'} & set(sys.modules))\n"
        "import numba, scipy.sparse; print(scipy.sparse.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["set()", "scipy.sparse"]
