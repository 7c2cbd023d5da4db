"""The official clients against servers that are not ours: llama.cpp's, and Ollama's protocol.

Ollama's is spoken by `ollama-proxy-plus` in front of llama.cpp's; it lists, shows, chats and
embeds, but its pulls and token counts are made up, so neither is looked at here.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xllamacpp
from ollama import Client

from rag_pipelines.errors import ModelError, ModelUnavailable
from rag_pipelines.inference.embedders import load_embedder
from rag_pipelines.inference.generators import load_generator
from rag_pipelines.inference.llamacpp import LlamaCppGenerator, shipped_model
from rag_pipelines.inference.protocols import Prompt
from rag_pipelines.inference.servers import ModelServers
from rag_pipelines_tests.inference.asking import counted, pieces

KEY = "a-key"
CONTEXT = 512


def _llama_cpp(embedding: bool = False) -> Any:
    runtime: Any = xllamacpp
    params = runtime.CommonParams()
    params.model.path = str(shipped_model())
    params.n_ctx = CONTEXT
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.api_keys = [KEY]
    params.ui = params.warmup = params.fit_params = False
    params.cache_ram_mib = params.verbosity = 0
    params.embedding = embedding
    if embedding:
        params.pooling_type = runtime.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    return runtime.Server(params)


@dataclass
class Served:
    """`openai` is the root of llama.cpp's server, `ollama` that of the proxy."""

    openai: str
    ollama: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    chat, embed = _llama_cpp(), _llama_cpp(embedding=True)
    environment = {
        **os.environ,
        "PROVIDERS_CHAT_BASE_URL": f"{chat.listening_address}/v1",
        "PROVIDERS_CHAT_API_KEY": KEY,
        "PROVIDERS_EMBED_BASE_URL": f"{embed.listening_address}/v1",
        "PROVIDERS_EMBED_API_KEY": KEY,
        "EXTRA_MODELS": "chat/smollm2,embed/smollm2",
        "NO_PROXY": "*",
    }
    proxy = subprocess.Popen(
        [sys.executable, "-m", "ollama_proxy", "serve", "--host", "127.0.0.1", "--port", "0"],
        env=environment,
        cwd=tmp_path_factory.mktemp("proxy"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with proxy:
        try:
            assert proxy.stdout
            told = (re.search(r"running on (http://\S+)", line) for line in proxy.stdout)
            yield Served(chat.listening_address, next(match[1] for match in told if match))
        finally:
            proxy.terminate()


@pytest.fixture
def at(served: Served) -> ModelServers:
    return ModelServers(ollama_host=served.ollama, openai_api_key=KEY, retries=0)


def test_the_official_ollama_client_lists_shows_and_chats(served: Served):
    with Client(served.ollama, trust_env=False) as client:
        assert {"chat/smollm2", "embed/smollm2"} <= {str(it.model) for it in client.list().models}
        assert "completion" in (client.show("chat/smollm2").capabilities or [])
        said = client.chat(
            "chat/smollm2", [{"role": "user", "content": "Say hello."}], options={"num_predict": 3}
        )
    assert said.done
    assert said.message.content


def test_an_ollama_generator_streams_its_answer(at: ModelServers, prompt: Prompt):
    generator = load_generator("ollama:chat/smollm2", Path(), at)
    assert 1 <= len(pieces(generator, prompt, 4)) <= 4
    assert generator.digest.startswith("sha256:")


def test_an_ollama_embedder_embeds(at: ModelServers):
    embedder = load_embedder("ollama:embed/smollm2", Path(), at)
    kettle, again, ship = embedder.encode(["a kettle", "a kettle", "ships leave on Monday"])
    assert embedder.dimension == 576
    assert kettle @ again > 0.999 > kettle @ ship
    assert np.isclose(np.linalg.norm(ship), 1)


def test_a_model_that_the_ollama_server_lacks_is_unavailable(at: ModelServers):
    with pytest.raises(ModelUnavailable, match="ollama pull chat/absent"):
        load_generator("ollama:chat/absent", Path(), at)


def test_an_openai_generator_streams_and_counts_as_the_model_does(
    served: Served, at: ModelServers, prompt: Prompt
):
    generator = load_generator(f"openai:smollm2@{served.openai}/v1", Path(), at)
    answer = pieces(generator, prompt, 4)
    assert 1 <= len(answer) <= 4
    assert (generator.context_tokens, generator.slots) == (CONTEXT, 1)
    texts = ["How long is the warranty?", "漢字とカナ", ""]
    counts = counted(generator, texts)
    assert counts == counted(LlamaCppGenerator("smollm2", threads=1), texts)
    assert counts[2] == 0 < counts[0] < len(texts[0]) / 3


def test_a_key_that_the_server_does_not_know_is_an_error_at_once(served: Served, at: ModelServers):
    with pytest.raises(ModelError, match="401"):
        load_generator(f"openai:smollm2@{served.openai}/v1", Path(), ModelServers(retries=0))
