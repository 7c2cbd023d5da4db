"""Models pushed into an Ollama server and fetched by it, over its real protocol."""

import json
from pathlib import Path

import pytest

from rag_pipelines.errors import ModelError, ModelUnavailable, UserError
from rag_pipelines.inference.causal import ONNX_FILE
from rag_pipelines.inference.ollama_store import missing_models, pull, push
from rag_pipelines.inference.servers import ModelServers
from rag_pipelines.records import no_progress
from rag_pipelines_tests.inference.model_server import ModelServer, serving

SERVERS = ModelServers()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "artifact.json").write_text('{"recipe": "ours"}')
    return tmp_path


def test_a_model_is_created_from_its_files_and_ours_stay_here(folder: Path):
    told: list[tuple[str, int, int | None]] = []
    with serving(ModelServer()) as server:
        push(folder, "rag-lora", server.address, SERVERS, lambda *one: told.append(one))
        (asked,) = server.asked("/api/create")
    assert asked["model"] == "rag-lora"
    assert set(asked["files"]) == {"config.json", "model.safetensors", "tokenizer.json"}
    assert server.blobs[asked["files"]["model.safetensors"]] == b"weights"
    assert "rag-lora:latest" in server.models
    assert ("send files", 3, 3) in told
    assert ("copying", 5, 10) in told


def test_what_ollama_cannot_read_is_not_sent(folder: Path):
    (folder / "config.json").write_text(json.dumps({"quantization_config": {}}))
    with serving(ModelServer()) as server, pytest.raises(UserError, match="full precision"):
        push(folder, "rag-nf4", server.address, SERVERS, no_progress)
    (folder / ONNX_FILE).parent.mkdir(exist_ok=True)
    (folder / ONNX_FILE).write_bytes(b"graph")
    with serving(ModelServer()) as server, pytest.raises(UserError, match="ONNX graph"):
        push(folder, "rag-onnx", server.address, SERVERS, no_progress)
    assert not server.requests


def test_a_server_that_is_not_there_or_refuses_is_told(folder: Path):
    with pytest.raises(ModelUnavailable, match="ollama serve"):
        push(folder, "rag-lora", "http://127.0.0.1:1", SERVERS, no_progress)
    with serving(ModelServer(nowhere=["huge"])) as server, pytest.raises(ModelError):
        pull("huge", server.address, SERVERS, no_progress)


def test_a_model_is_fetched():
    with serving(ModelServer()) as server:
        pull("llama3.2", server.address, SERVERS, no_progress)
        assert server.asked("/api/pull")[0]["model"] == "llama3.2"
    assert missing_models(["llama3.2", "other:1b"], server.models) == ["other:1b"]
