from hashlib import sha256
from pathlib import Path

import pytest

from rag_pipelines.errors import ModelUnavailable
from rag_pipelines.inference.minilm.embedder import minilm_tokenizer
from rag_pipelines.inference.tokenizer import (
    MINILM_TOKENIZER,
    ApproximateTokenizer,
    JsonTokenizer,
    tokenizer_for,
)


def test_the_vendored_tokenizer_is_the_published_file_with_its_licence():
    published = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
    assert sha256(MINILM_TOKENIZER.read_bytes()).hexdigest() == published
    assert "Apache License" in MINILM_TOKENIZER.with_name("LICENSE").read_text()
    assert published in MINILM_TOKENIZER.with_name("NOTICE").read_text()


def test_counts_go_past_the_truncation_that_the_file_carries_and_leave_special_tokens_out():
    assert minilm_tokenizer().count(["hello world " * 300, "hello", ""]) == [600, 1, 0]


def test_offsets_locate_each_token_in_the_text():
    text = "Chunks fit."
    assert [text[a:b] for a, b in minilm_tokenizer().offsets(text)] == ["Chunks", "fit", "."]


def test_a_broken_tokenizer_file_is_reported_with_its_path(tmp_path: Path):
    broken = tmp_path / "tokenizer.json"
    broken.write_text("{")
    with pytest.raises(ModelUnavailable, match=r"tokenizer\.json"):
        JsonTokenizer.read(broken)


def test_a_missing_tokenizer_file_is_reported_with_its_path(tmp_path: Path):
    with pytest.raises(ModelUnavailable, match=r"absent\.json"):
        JsonTokenizer.read(tmp_path / "absent.json")


def test_the_approximation_never_counts_fewer_than_the_real_tokenizer_on_prose():
    prose = MINILM_TOKENIZER.with_name("LICENSE").read_text().split("\n\n")
    real = minilm_tokenizer().count(prose)
    approximate = ApproximateTokenizer().count(prose)
    assert all(upper >= exact for upper, exact in zip(approximate, real, strict=True))


def test_the_approximation_covers_the_text_without_gap_or_overlap():
    text = "Wörter und 日本語,\nüber zwei Zeilen"
    spans = ApproximateTokenizer().offsets(text)
    assert "".join(text[a:b] for a, b in spans) == text
    assert ApproximateTokenizer().count(["", text]) == [0, len(spans)]


def test_a_served_model_is_counted_with_its_own_tokenizer_where_that_is_known():
    assert tokenizer_for("all-minilm:l6-v2").fingerprint == minilm_tokenizer().fingerprint
    assert tokenizer_for("nomic-embed-text").fingerprint == ApproximateTokenizer.fingerprint
