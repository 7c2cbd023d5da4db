import asyncio
from collections.abc import Iterator

import pytest

from rag_pipelines.chat.answer import EXTRACTIVE, Question, Version, answer_events
from rag_pipelines.chat.events import Done, Event, Retrieved, Sentence, Token
from rag_pipelines.chat.prompt import NO_ANSWER, prompt_digest
from rag_pipelines.errors import ModelUnavailable
from rag_pipelines.inference.protocols import Message
from rag_pipelines.retrieval.grounding import ABSTENTION
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.retrieval.retriever import Retriever
from rag_pipelines.retrieval.rows import Filters
from rag_pipelines_tests.chat.editions import QUESTION, Echo, answer
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder

BEFORE = "How long is the warranty of the kettle?"


def events(question: Question, version: Version) -> list[Event]:
    async def gathered() -> list[Event]:
        return [event async for event in answer_events(question, version)]

    return asyncio.run(gathered())


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
    echo.context_tokens = 300
    usage = answer(Question(text=QUESTION), version).usage
    assert usage.dropped_chunks > 0
    assert usage.context_tokens <= 225


def test_a_session_is_kept_or_begun(version: Version):
    assert answer(Question(text=QUESTION, session_id="mine"), version).session_id == "mine"
    begun = [answer(Question(text=QUESTION), version) for _ in range(2)]
    assert begun[0].session_id != begun[1].session_id
    assert begun[0].answer_id != begun[1].answer_id


def test_events_come_in_order_and_end_with_the_answer(version: Version, echo: Echo):
    echo.says = "The warranty of the kettle lasts 2 years in edition 1. It is a good one."
    told = events(Question(text=QUESTION), version)
    kinds = [type(event) for event in told]
    assert (kinds[0], kinds[-1]) == (Retrieved, Done)
    assert kinds.index(Token) < kinds.index(Sentence), "the draft comes before it is checked"
    kept = "".join(event.text for event in told if isinstance(event, Sentence))
    assert [done.answer.answer for done in told if isinstance(done, Done)] == [kept]


def test_a_draft_stops_at_a_word_that_no_passage_holds(version: Version, echo: Echo):
    echo.says = "The warranty of the kettle lasts zebra CANARY years. The kettle lasts 2 years."
    told = events(Question(text=QUESTION), version)
    draft = "".join(event.text for event in told if isinstance(event, Token))
    assert draft.startswith("The warranty of the kettle lasts")
    assert "zebra" not in draft
    assert "CANARY" not in draft
    assert "2 years" in draft, "the next sentence is shown again"


def test_whatever_pieces_it_comes_in_the_answer_is_the_same(version: Version, echo: Echo):
    echo.says = (
        "Parcels to islands travel by ferry [2] and take eleven days, says edition 1.[1]\n\n"
        "- The warranty of the kettle lasts 2 years in edition 1. <b>Buy</b> approx. 3.5 more!"
    )
    question = Question(text=QUESTION)
    whole = answer(question, version)
    for size in (1, 3, 50, 1000):
        echo.piece = size
        assert answer(question, version) == whole


def test_a_follow_up_is_searched_for_with_the_question_before_it(version: Version, echo: Echo):
    earlier = [
        Message("user", "How long is the warranty of the kettle?"),
        Message("assistant", "Yes."),
    ]
    told = events(Question(text="How many years does it last?", earlier=earlier), version)
    assert isinstance(told[0], Retrieved)
    asked = "How many years does it last?"
    assert told[0].question == "\n".join([asked, asked, BEFORE])
    assert echo.prompts[-1].history == earlier
    done = told[-1]
    assert isinstance(done, Done)
    assert "lasts 2 years" in done.answer.answer


@pytest.mark.parametrize(
    ("rewritten", "searched"),
    [
        ("How many years does the kettle's warranty last?", None),
        ("", "joined"),
        ("Who was the king of Spain in 1702, how many years?", "joined"),
        ("How many years\ndoes the warranty last?", "joined"),
    ],
)
def test_a_model_that_can_rewrites_follow_ups_in_the_words_of_the_conversation(
    version: Version, echo: Echo, rewritten: str, searched: str | None
):
    echo.rewrites = rewritten
    earlier = [
        Message("user", "How long is the warranty of the kettle?"),
        Message("assistant", "Yes."),
    ]
    question = "How many years does it last?"
    told = events(Question(text=question, earlier=earlier), version)
    assert isinstance(told[0], Retrieved)
    expected = rewritten if searched is None else "\n".join([question, question, BEFORE])
    assert told[0].question == expected


def test_turns_without_room_are_counted_with_those_that_were_not_read(version: Version, echo: Echo):
    echo.context_tokens = 500
    earlier = [Message("user", "kettle " * 60), Message("assistant", "warranty " * 60)] * 3
    usage = answer(Question(text=QUESTION, earlier=earlier, unread=10), version).usage
    kept = len(echo.prompts[-1].history)
    assert 0 < kept < len(earlier)
    assert usage.dropped_turns == 10 + len(earlier) - kept
    assert usage.context_tokens <= 375
    assert echo.prompts[-1].history == earlier[len(earlier) - kept :]
    assert echo.prompts[-1].system.startswith("You answer questions from passages")


def test_the_draft_shows_nothing_of_a_model_that_finds_no_answer(version: Version, echo: Echo):
    echo.says = "NO ANSWER\nThe warranty of the kettle lasts 2 years in edition 1. Really."
    told = events(Question(text=QUESTION), version)
    assert [type(event) for event in told] == [Retrieved, Done]
    assert echo.running == 0, "it was not read to its end"
