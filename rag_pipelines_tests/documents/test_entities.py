"""Named entities, by the pipeline that is installed."""

import pytest

from rag_pipelines.documents.entities import entities_of
from rag_pipelines.errors import ModelUnavailable

TEXT = "Tim Cook met the\n  European Commission in Brussels in March 2024 over 1.8 billion euros."


def test_entities_are_labelled_folded_sorted_and_told_once():
    (found,) = entities_of([f"{TEXT} Tim Cook left Brussels's airport."])
    assert found == sorted(set(found))
    assert {"PERSON:Tim Cook", "ORG:European Commission", "GPE:Brussels"} <= set(found)
    assert "DATE:March 2024" in found


def test_bare_numbers_are_no_entities():
    (found,) = entities_of(["The fine was 1.8 billion euros, 12 percent of three sums."])
    assert found == []


def test_texts_keep_their_places_and_an_empty_one_has_none():
    assert entities_of(["", TEXT, "..."]) == [[], *entities_of([TEXT]), []]


def test_batches_do_not_matter():
    texts = [f"{name} lives in Paris." for name in ("Marie Curie", "Louis Pasteur")] * 80
    assert entities_of(texts)[100:103] == entities_of(texts[100:103])


def test_a_huge_text_is_cut_rather_than_refused():
    (found,) = entities_of([f"{TEXT} " + "word " * 400_000])
    assert "PERSON:Tim Cook" in found


def test_no_texts_load_no_pipeline():
    assert entities_of([], "no_such_pipeline") == []


def test_a_pipeline_that_is_missing_is_named_with_the_remedy():
    with pytest.raises(ModelUnavailable, match="spacy download no_such_pipeline"):
        entities_of(["Paris"], "no_such_pipeline")
