"""Embedders by name: `onnx:minilm`, `onnx:VARIANT`, `huggingface:`, `ollama:`, `openai:`.

Knows which module answers for which provider. Does not know how any of them computes.
"""

from pathlib import Path

from rag_pipelines.inference.names import ModelName, parse_embedder_name
from rag_pipelines.inference.protocols import Embedder
from rag_pipelines.inference.servers import NO_SERVERS, ModelServers


def load_embedder(name: str, home: Path, servers: ModelServers = NO_SERVERS) -> Embedder:
    """The embedder of that name. `home` is where shipped models are prepared and kept.

    Raises `ConfigError` for a name that means nothing, `ModelUnavailable` where the model or its
    package is missing, and `ModelError` where a server's first answer is unusable.
    """
    parsed = parse_embedder_name(name)
    match parsed.provider:
        case "onnx":
            return _onnx(parsed, home)
        case "huggingface":
            from rag_pipelines.inference.huggingface import HuggingFaceEmbedder

            return HuggingFaceEmbedder(parsed, servers)
        case "ollama":
            from rag_pipelines.inference.ollama_models import OllamaEmbedder

            return OllamaEmbedder(parsed, servers)
        case _:
            from rag_pipelines.inference.openai_models import OpenAIEmbedder

            return OpenAIEmbedder(parsed, servers)


def _onnx(name: ModelName, home: Path) -> Embedder:
    if name.model == "minilm":
        from rag_pipelines.inference.minilm.embedder import MiniLM

        return MiniLM(home)
    from rag_pipelines.inference.onnx_embedder import OnnxEmbedder

    return OnnxEmbedder(name, home)
