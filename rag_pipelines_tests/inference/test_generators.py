import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from rag_pipelines.errors import ConfigError, ModelUnavailable
from rag_pipelines.inference.generators import (
    available_generators,
    default_generator,
    load_generator,
)
from rag_pipelines.inference.llamacpp import SHIPPED_SHA256, LlamaCppGenerator
from rag_pipelines.inference.protocols import Message, Prompt
from rag_pipelines.inference.servers import ModelServers
from rag_pipelines.inference.transport import Refused
from rag_pipelines_tests.inference.asking import collected, counted, pieces
from rag_pipelines_tests.inference.model_server import CHAT_MODEL, EMBEDDING_MODEL, ModelServer


@pytest.fixture(scope="module")
def smollm2() -> LlamaCppGenerator:
    return LlamaCppGenerator("smollm2", threads=1)


def test_the_shipped_model_answers_in_pieces(smollm2: LlamaCppGenerator, prompt: Prompt):
    answer = pieces(smollm2, prompt, 8)
    assert 1 <= len(answer) <= 8
    assert "".join(answer).strip()
    assert smollm2.digest == SHIPPED_SHA256


def test_the_shipped_model_answers_the_same_twice(smollm2: LlamaCppGenerator, prompt: Prompt):
    assert pieces(smollm2, prompt, 6) == pieces(smollm2, prompt, 6)


def test_closing_a_stream_frees_the_models_slot(smollm2: LlamaCppGenerator, prompt: Prompt):
    async def closed_then_asked() -> list[str]:
        stream = smollm2.stream(prompt, 3000)
        await anext(stream)
        await stream.aclose()
        return await collected(smollm2, prompt, 2)

    assert asyncio.run(closed_then_asked())


def test_a_prompt_past_the_context_is_a_typed_error(smollm2: LlamaCppGenerator, prompt: Prompt):
    long = replace(prompt, user="word " * (smollm2.context_tokens + 1))
    with pytest.raises(Refused, match="context size"):
        pieces(smollm2, long, 5)


def test_earlier_messages_reach_the_model(smollm2: LlamaCppGenerator, prompt: Prompt):
    earlier = (Message("user", "word " * (smollm2.context_tokens + 1)), Message("assistant", "No."))
    with pytest.raises(Refused, match="context size"):
        pieces(smollm2, replace(prompt, history=earlier), 5)


def test_tokens_are_counted_by_the_models_own_tokenizer(smollm2: LlamaCppGenerator):
    assert counted(smollm2, ["hello there", "", "<|im_start|>"]) == [2, 0, 1]


def test_a_file_that_is_no_gguf_is_refused_before_it_is_opened(tmp_path: Path):
    pickled = tmp_path / "model.gguf"
    pickled.write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(ModelUnavailable, match="no GGUF"):
        load_generator(f"llamacpp:{pickled}", tmp_path)
    with pytest.raises(ModelUnavailable, match="absent"):
        load_generator(f"llamacpp:{tmp_path / 'absent.gguf'}", tmp_path)


def test_a_truncated_gguf_is_refused(tmp_path: Path):
    broken = tmp_path / "model.gguf"
    broken.write_bytes(b"GGUF\x03\x00\x00\x00")
    with pytest.raises(ModelUnavailable, match="cannot be loaded"):
        load_generator(f"llamacpp:{broken}", tmp_path)


def test_an_unknown_provider_is_a_configuration_error(tmp_path: Path):
    with pytest.raises(ConfigError, match="extractive:, llamacpp:, transformers:, onnx:"):
        load_generator("magic:8-ball", tmp_path)


def test_unnamed_the_first_chat_model_of_an_ollama_that_answers_is_taken(
    server: ModelServer, servers: ModelServers, tmp_path: Path
):
    assert server.models == [EMBEDDING_MODEL, CHAT_MODEL]
    assert load_generator(None, tmp_path, servers).name == f"ollama:{CHAT_MODEL}"


@pytest.mark.parametrize("state", ["no chat model", "no server", "silent server"])
def test_unnamed_without_ollama_the_shipped_model_is_taken(
    state: str, server: ModelServer, servers: ModelServers
):
    server.models = [EMBEDDING_MODEL]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hosts = {
            "no chat model": server.address,
            "no server": "http://127.0.0.1:9",
            "silent server": f"http://127.0.0.1:{silent.getsockname()[1]}",
        }
        hurried = replace(servers, ollama_host=hosts[state], probe_timeout=0.2)
        assert default_generator(hurried) == "llamacpp:smollm2"


def test_what_is_available_comes_best_first_with_a_remedy_for_the_rest(servers: ModelServers):
    absent = replace(servers, ollama_host="http://127.0.0.1:9")
    ollama, shipped, extractive = available_generators(absent)
    assert (ollama.available, shipped.available, extractive.available) == (False, True, True)
    assert "ollama serve" in ollama.detail
    assert extractive.name == "extractive:"
