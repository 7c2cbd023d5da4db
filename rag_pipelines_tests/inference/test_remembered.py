"""Vectors that are kept: the same as the model's, which is asked for each text once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag_pipelines.inference.minilm.embedder import MiniLM
from rag_pipelines.inference.remembered import RememberingEmbedder
from rag_pipelines.inference.unit_embedder import UnitEmbedder
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder


class Counting(UnitEmbedder):
    """The topics' embedder, with what it was asked for."""

    def __init__(self) -> None:
        self._topics = TopicEmbedder()
        self.name, self.fingerprint = self._topics.name, self._topics.fingerprint
        self.dimension, self.max_tokens = self._topics.dimension, self._topics.max_tokens
        self.tokenizer = self._topics.tokenizer
        self.asked: list[list[str]] = []

    def _compute(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked.append(list(texts))
        return self._topics.encode(texts)

    def _compute_query(self, text: str) -> NDArray[np.float32]:
        return self._topics.encode([f"query {text}"])


def test_vectors_are_the_models_own_in_the_order_that_they_were_asked_for(
    minilm: MiniLM, paragraphs: list[str]
):
    remembering = RememberingEmbedder(minilm)
    remembering.encode(paragraphs[1:3])
    asked = [paragraphs[2], paragraphs[0], paragraphs[2]]
    assert np.allclose(remembering.encode(asked), minilm.encode(asked), atol=1e-6)
    assert remembering.encode([]).shape == (0, minilm.dimension)
    assert remembering.fingerprint == minilm.fingerprint


def test_a_text_is_computed_once_while_it_is_kept():
    counting = Counting()
    remembering = RememberingEmbedder(counting, kept=2)
    remembering.encode(["kettle", "parcel", "kettle"])
    remembering.encode(["kettle", "battery"])
    remembering.encode(["kettle"])
    remembering.encode(["parcel"])
    assert counting.asked == [["kettle", "parcel"], ["battery"], ["parcel"]]


def test_a_question_is_read_in_the_models_own_way():
    counting = Counting()
    read = RememberingEmbedder(counting).embed_query("kettle")
    assert read == counting.embed_query("kettle")
    assert read != counting.encode(["kettle"])[0].tolist()
