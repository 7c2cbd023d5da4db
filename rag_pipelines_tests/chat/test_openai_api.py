"""The official client, unchanged, against the real service."""

from collections.abc import Iterator

import httpx
import openai
import pytest

from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.errors import ModelError
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines_tests.chat.editions import QUESTION, Echo, publish, releases_in
from rag_pipelines_tests.chat.service import ready, serving, until
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder

SAYS = "The warranty of the kettle lasts 3 years in edition 2. It is green cheese."
BEFORE = "What of the warranty of the kettle ?"
ANSWER = "The warranty of the kettle lasts 3 years in edition 2 [1]."


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    releases = releases_in(tmp_path_factory.mktemp("openai"))
    publish(releases, 1)
    publish(releases, 2)
    return releases


@pytest.fixture(scope="module")
def model() -> Echo:
    return Echo()


@pytest.fixture(autouse=True)
def echo(model: Echo) -> Echo:
    """The service's model, as if nobody had told it anything yet."""
    vars(model).update(vars(Echo(says=SAYS)))
    return model


@pytest.fixture(scope="module")
def http(shelf: Releases, model: Echo) -> Iterator[httpx.Client]:
    with serving(LiveRelease(shelf, TopicEmbedder(), lambda name: model)) as client:
        until(lambda: ready(client, 2))
        yield client


@pytest.fixture
def client(http: httpx.Client) -> Iterator[openai.OpenAI]:
    base = str(http.base_url)
    with openai.OpenAI(
        base_url=f"{base}/v1",
        api_key="none",
        max_retries=0,
        http_client=httpx.Client(trust_env=False),
    ) as client:
        yield client


def messages(*said: str) -> list[dict[str, str]]:
    roles = ["user", "assistant"]
    return [{"role": roles[n % 2], "content": text} for n, text in enumerate(said)]


def test_an_answer_carries_its_citations(client: openai.OpenAI):
    said = client.chat.completions.create(model="rag", messages=messages(QUESTION))
    message = said.choices[0].message
    assert (message.content, said.choices[0].finish_reason) == (ANSWER, "stop")
    assert message.citations[0]["url"].endswith("/warranty.html")
    assert said.usage is not None
    assert said.usage.total_tokens == said.usage.prompt_tokens + said.usage.completion_tokens > 0


def test_a_stream_adds_up_to_the_answer_with_its_citations_on_the_last_chunk(
    client: openai.OpenAI,
):
    chunks = list(
        client.chat.completions.create(
            model="rag",
            messages=messages(QUESTION),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    *told, last, usage = chunks
    assert "".join(chunk.choices[0].delta.content or "" for chunk in told) == ANSWER
    assert last.choices[0].finish_reason == "stop"
    assert last.citations[0]["url"].endswith("/warranty.html")
    assert (usage.choices, usage.usage is not None) == ([], True)


def test_what_no_sentence_of_the_model_supports_is_answered_by_an_extract(
    client: openai.OpenAI, echo: Echo
):
    echo.says = "Purple elephants invented democracy."
    stream = client.chat.completions.create(model="rag", messages=messages(QUESTION), stream=True)
    said = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert "3 years" in said
    assert "elephants" not in said


def test_the_callers_conversation_makes_the_question_stand_alone(
    client: openai.OpenAI, echo: Echo, http: httpx.Client
):
    said = messages(
        "What of the warranty of the kettle ?", "Yes [1].", "How many years the kettle lasts in ?"
    )
    system = {"role": "system", "content": "You are a pirate."}
    answer = client.chat.completions.create(model="rag", messages=[system, *said])
    assert answer.choices[0].message.content == ANSWER
    assert [message.content for message in echo.prompts[-1].history] == [
        BEFORE,
        "Yes.",
    ]
    assert "pirate" not in str(echo.prompts[-1].messages)
    assert http.get("/api/sessions").json() == {"sessions": []}, "the conversation is the caller's"


def test_parts_of_text_are_one_question(client: openai.OpenAI):
    content = [
        {"type": "text", "text": "How many years the warranty"},
        *[{"type": "text", "text": "of the kettle lasts?"}],
    ]
    said = client.chat.completions.create(
        model="rag", messages=[{"role": "user", "content": content}]
    )
    assert said.choices[0].message.content == ANSWER


def test_models_are_the_served_release_and_the_pinned_ones(
    client: openai.OpenAI, shelf: Releases, echo: Echo
):
    names = [model.id for model in client.models.list()]
    assert names == ["rag", *(f"rag:{r.name}" for r in reversed(shelf.list()))]
    echo.says = None
    older = client.chat.completions.create(model=names[-1], messages=messages(QUESTION))
    assert "edition 1" in (older.choices[0].message.content or "")
    with pytest.raises(openai.NotFoundError, match="GET /v1/models"):
        client.chat.completions.create(model="gpt-4", messages=messages(QUESTION))


@pytest.mark.parametrize(
    "body",
    [
        {"messages": []},
        {"messages": [{"role": "assistant", "content": "a"}]},
        {"messages": [{"role": "user", "content": " "}]},
        {"messages": [{"role": "user", "content": "x" * 4001}]},
        {"messages": [{"role": "user", "content": "a"}] * 501},
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        {"messages": [{"role": "user", "content": "a\0"}]},
        {"messages": [{"role": "king", "content": "a"}]},
        {"messages": [{"role": "user", "content": "a"}], "n": 1000},
        {"messages": [{"role": "user", "content": "a"}], "max_tokens": 10**12},
        {"messages": [{"role": "user", "content": "a"}], "max_tokens": 0},
        {"messages": [{"role": "user", "content": "a"}], "session_id": "../etc"},
        {"model": {"a": 1}, "messages": [{"role": "user", "content": "a"}]},
    ],
)
def test_a_bad_conversation_is_refused(http: httpx.Client, body: dict[str, object]):
    told = http.post("/v1/chat/completions", json=body)
    assert (told.status_code, told.json()["error"]["type"]) == (422, "invalid_request")


def test_a_failure_in_the_middle_reaches_the_client(client: openai.OpenAI, echo: Echo):
    echo.fails, echo.fails_after = ModelError("cut off"), 9
    stream = client.chat.completions.create(model="rag", messages=messages(QUESTION), stream=True)
    with pytest.raises(openai.APIError, match="cut off"):
        list(stream)
    with pytest.raises(openai.InternalServerError, match="cut off"):
        client.chat.completions.create(model="rag", messages=messages(QUESTION))
