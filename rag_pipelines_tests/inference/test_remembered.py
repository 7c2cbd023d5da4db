"""Vectors that are kept: the same as the model's, which is asked for each text once."""

import numpy as np

from rag_pipelines.inference.minilm.embedder import MiniLM
from rag_pipelines.inference.remembered import RememberingEmbedder
from rag_pipelines_tests.retrieval.corpus import Counting


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
