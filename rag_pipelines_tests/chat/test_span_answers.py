"""Answers by `span:` out of a real release: the span, cited where it stands."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_pipelines.chat.answer import Question, Version, answer_events
from rag_pipelines.chat.events import Event, Sentence, Token
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.inference.generators import load_generator
from rag_pipelines.inference.protocols import Generator
from rag_pipelines.records import ModelRef
from rag_pipelines.retrieval.grounding import ABSTENTION
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.retrieval.retriever import Retriever
from rag_pipelines.retrieval.rows import Filters
from rag_pipelines_tests.chat.editions import QUESTION, answer, publish
from rag_pipelines_tests.chat.service import ready, serving, until
from rag_pipelines_tests.inference import tiny_models
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder

FACT = "The warranty of the kettle lasts 2 years in edition 1."


@pytest.fixture(scope="module")
def name(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"span:{tiny_models.trained_reader(tmp_path_factory.mktemp('reader'))}"


@pytest.fixture(scope="module")
def span(name: str) -> Generator:
    return load_generator(name, Path())


@pytest.fixture
def version(releases: Releases, span: Generator) -> Iterator[Version]:
    retriever = Retriever.open(releases.list()[0].path, TopicEmbedder())
    yield Version(7, retriever, TopicEmbedder(), span)
    retriever.close()


@pytest.mark.parametrize(
    ("question", "said", "quote", "page"),
    [
        (QUESTION, "2 years [1]", FACT, "warranty"),
        (
            tiny_models.FERRY,
            "eleven days [1]",
            "Parcels to islands travel by ferry and take eleven days, says edition 1.",
            "shipping",
        ),
    ],
)
def test_the_answer_is_the_span_and_the_quote_the_sentence_that_holds_it(
    version: Version, name: str, question: str, said: str, quote: str, page: str
):
    told = answer(Question(text=question, filters=Filters(sources=("handbook",))), version)
    assert (told.answer, told.model, told.abstained, told.grounded) == (said, name, False, 1.0)
    [citation] = told.citations
    assert (citation.quote, citation.url.rpartition("/")[2]) == (quote, f"{page}.html")
    hits = version.retriever.search(question, 50)
    assert quote in next(h.chunk.text for h in hits if h.chunk.id == citation.chunk_id)


def test_where_the_model_finds_no_span_the_answer_says_that_there_is_none(version: Version):
    unsaid = "How many years the warranty of the spent batteries that go back to the shop lasts?"
    elsewhere = Filters(path_prefix="/handbook/batteries")
    told = answer(Question(text=unsaid, filters=elsewhere), version)
    assert (told.answer, told.citations, told.abstained) == (ABSTENTION, [], True)
    assert told.usage.completion_tokens, "the model was asked, and declined"


def test_the_span_is_streamed_with_its_citation(version: Version):
    async def gathered() -> list[Event]:
        return [event async for event in answer_events(Question(text=QUESTION), version)]

    events = asyncio.run(gathered())
    tokens = [event.text for event in events if isinstance(event, Token)]
    [sentence] = [event for event in events if isinstance(event, Sentence)]
    assert "".join(tokens) == "2 years"
    assert sentence.text == "2 years [1]"
    assert sentence.citation is not None
    assert sentence.citation.quote == FACT


def test_a_limit_that_the_span_fits_in_does_not_cut_it(version: Version):
    told = answer(Question(text=QUESTION, max_tokens=2), version)
    assert told.answer == "2 years [1]"


def test_the_service_serves_it_by_name(releases: Releases, name: str, span: Generator):
    publish(releases, 1, ModelRef(name))
    live = LiveRelease(releases, TopicEmbedder(), lambda model: {name: span}[model.name])
    with serving(live) as client:
        until(lambda: ready(client, 1))
        told = client.post("/api/question", json={"question": QUESTION}).json()
        assert (told["answer"], told["model"]) == ("2 years [1]", name)
        assert told["citations"][0]["quote"] == FACT
        asked = {"model": "rag", "messages": [{"role": "user", "content": QUESTION}]}
        chat = client.post("/v1/chat/completions", json=asked).json()
        assert chat["choices"][0]["message"]["content"] == "2 years [1]"
        assert client.get("/v1/models").json()["data"][0]["id"] == "rag"
        assert client.get("/api/release").json()["model"]["name"] == name
