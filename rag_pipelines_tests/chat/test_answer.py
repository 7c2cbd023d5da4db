from collections.abc import Iterator

import pytest

from rag_pipelines.chat.answer import EXTRACTIVE, Question, Version, answer
from rag_pipelines.chat.prompt import NO_ANSWER, prompt_digest
from rag_pipelines.errors import ModelUnavailable
from rag_pipelines.retrieval.grounding import ABSTENTION
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.retrieval.retriever import Retriever
from rag_pipelines.retrieval.rows import Filters
from rag_pipelines_tests.chat.editions import QUESTION, Echo
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder


@pytest.fixture
def retriever(releases: Releases) -> Iterator[Retriever]:
    retriever = Retriever.open(releases.list()[0].path, TopicEmbedder())
    yield retriever
    retriever.close()


@pytest.fixture
def version(retriever: Retriever, echo: Echo) -> Version:
    return Version(7, retriever, TopicEmbedder(), echo)


def test_an_answer_is_cited_and_says_what_it_was_made_from(version: Version):
    told = answer(Question(text=QUESTION), version)
    assert "lasts 2 years in edition 1" in told.answer
    assert told.citations
    assert told.citations[0].url.endswith("/warranty.html")
    assert (told.release, told.generation) == (version.retriever.manifest.release, 7)
    assert (told.model, told.prompt) == ("fake:echo", prompt_digest())
    assert (told.grounded, told.abstained) == (1.0, False)
    assert told.usage.context_limit == 4096
    assert 0 < told.usage.context_tokens < 4096


def test_every_quote_stands_in_the_chunk_that_it_names(version: Version, retriever: Retriever):
    told = answer(Question(text=QUESTION), version)
    texts = {hit.chunk.id: hit.chunk.text for hit in retriever.search(QUESTION, 50)}
    assert all(citation.quote in texts[citation.chunk_id] for citation in told.citations)


def test_nothing_relevant_is_said_and_cites_nothing(version: Version, echo: Echo):
    told = answer(Question(text="Quid est veritas Pilatus"), version)
    assert (told.answer, told.citations, told.abstained) == (ABSTENTION, [], True)
    assert told.grounded == 0
    assert not echo.started.is_set(), "the generator was asked for nothing"


@pytest.mark.parametrize("said", [NO_ANSWER, f"  {NO_ANSWER.title()}.\nBut who knows?"])
def test_a_generator_that_finds_no_answer_is_believed(version: Version, echo: Echo, said: str):
    echo.says = said
    told = answer(Question(text=QUESTION), version)
    assert (told.answer, told.citations, told.abstained) == (ABSTENTION, [], True)


@pytest.mark.parametrize("said", ["Purple elephants invented democracy on Mars.", ""])
def test_unsupported_words_give_way_to_an_extract_and_the_answer_names_it(
    version: Version, echo: Echo, said: str
):
    echo.says = said
    told = answer(Question(text=QUESTION), version)
    assert (told.model, told.abstained) == (EXTRACTIVE, False)
    assert "edition 1" in told.answer
    assert told.citations
    assert "elephants" not in told.answer


def test_without_a_model_the_passages_own_sentences_answer(version: Version, echo: Echo):
    echo.name = EXTRACTIVE
    told = answer(Question(text=QUESTION), version)
    assert (told.model, told.abstained) == (EXTRACTIVE, False)
    assert "edition 1" in told.answer
    assert not echo.started.is_set()


def test_filters_keep_to_sources_and_paths(version: Version):
    told = answer(Question(text=QUESTION, filters=Filters(sources=["appendix"])), version)
    assert {citation.url for citation in told.citations} == {
        "http://127.0.0.1/appendix/warranty.html"
    }
    told = answer(Question(text=QUESTION, filters=Filters(path_prefix="/handbook/")), version)
    assert all("/handbook/" in citation.url for citation in told.citations)
    nowhere = Question(text=QUESTION, filters=Filters(sources=["no such"]))
    assert answer(nowhere, version).abstained


def test_a_model_that_fails_is_no_answer(version: Version, echo: Echo):
    echo.fails = ModelUnavailable("the server is down")
    with pytest.raises(ModelUnavailable, match="down"):
        answer(Question(text=QUESTION), version)


def test_passages_without_room_are_counted(version: Version, echo: Echo):
    echo.context_tokens = 520
    usage = answer(Question(text=QUESTION), version).usage
    assert usage.dropped_chunks > 0
    assert usage.context_tokens <= 390


def test_a_session_is_kept_or_begun(version: Version):
    assert answer(Question(text=QUESTION, session_id="mine"), version).session_id == "mine"
    begun = [answer(Question(text=QUESTION), version) for _ in range(2)]
    assert begun[0].session_id != begun[1].session_id
    assert begun[0].answer_id != begun[1].answer_id
