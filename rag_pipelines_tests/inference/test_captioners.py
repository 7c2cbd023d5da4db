"""Models that see pictures, by the official clients, against a server that also fails."""

import base64
import socket
import time

import pytest

from rag_pipelines.errors import ConfigError, ModelError, ModelUnavailable
from rag_pipelines.inference.captioners import captioner_for
from rag_pipelines.inference.protocols import Captioner
from rag_pipelines.inference.servers import ModelServers
from rag_pipelines_tests.inference.model_server import ModelServer

PNG = b"\x89PNG\r\n\x1a\n and a few pixels"
KINDS = ["ollama", "openai"]
PATHS = {"ollama": "/api/chat", "openai": "/v1/chat/completions"}


def _load(kind: str, server: ModelServer, servers: ModelServers) -> Captioner:
    name = "ollama:llava" if kind == "ollama" else f"openai:vision@{server.address}/v1"
    return captioner_for(name, servers)


@pytest.mark.parametrize("kind", KINDS)
def test_a_description_comes_with_its_white_space_folded(
    kind: str, server: ModelServer, servers: ModelServers
):
    said = _load(kind, server, servers).caption(PNG, "Figure 1: Sales")
    assert said == "A bar chart of sales by year."


def test_ollama_is_sent_the_picture_and_what_is_printed_beside_it(
    server: ModelServer, servers: ModelServers
):
    captioner = _load("ollama", server, servers)
    captioner.caption(PNG, "Figure 1: Sales")
    (request,) = server.asked("/api/chat")
    *_, question = request["messages"]
    assert base64.b64decode(question["images"][0]) == PNG
    assert "Figure 1: Sales" in question["content"]
    assert (request["model"], request["stream"]) == ("llava", False)
    assert captioner.name == "ollama:llava"


def test_openai_is_sent_the_picture_as_a_data_uri(server: ModelServer, servers: ModelServers):
    _load("openai", server, servers).caption(PNG, "Figure 1: Sales")
    (request,) = server.asked("/v1/chat/completions")
    text, picture = request["messages"][-1]["content"]
    kind, _, data = picture["image_url"]["url"].partition(",")
    assert (kind, base64.b64decode(data)) == ("data:image/png;base64", PNG)
    assert "Figure 1: Sales" in text["text"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", ["error", "hang", "invalid"])
def test_a_fault_is_a_typed_error_in_time(
    kind: str, fault: str, server: ModelServer, servers: ModelServers
):
    server.fault = fault
    begun = time.monotonic()
    with pytest.raises(ModelError, match=r"llava|vision"):
        _load(kind, server, servers).caption(PNG, "")
    assert time.monotonic() - begun < 2.5


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_answer_is_no_description(kind: str, server: ModelServer, servers: ModelServers):
    server.caption = " \n"
    with pytest.raises(ModelError, match="no text"):
        _load(kind, server, servers).caption(PNG, "")


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_not_there_is_unavailable_with_a_remedy(kind: str):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ModelUnavailable, match=r"ollama serve|check the address"):
            captioner_for(f"{kind}:tiny@{address}").caption(PNG, "")


@pytest.mark.parametrize("name", ["extractive:", "llava", "ollama:", "openai:x@ftp://y"])
def test_a_name_that_means_no_captioner_is_refused(name: str):
    with pytest.raises(ConfigError, match="captioner"):
        captioner_for(name)
