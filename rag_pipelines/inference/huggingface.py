"""Embedders by sentence-transformers: `huggingface:NAME`, a hub's name or a local folder.

Weights are safetensors or refused, and no code of a model's repository is ever run. Does not
know what is embedded.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from rag_pipelines.errors import ModelError, ModelUnavailable
from rag_pipelines.inference.names import ModelName
from rag_pipelines.inference.protocols import Tokenizer
from rag_pipelines.inference.servers import ModelServers
from rag_pipelines.inference.tokenizer import JsonTokenizer
from rag_pipelines.inference.unit_embedder import UnitEmbedder, fingerprint_of

if TYPE_CHECKING:
    from langchain_huggingface import HuggingFaceEmbeddings

_BATCH = 8
_USUAL_TOKENS = 512


class HuggingFaceEmbedder(UnitEmbedder):
    """A sentence-transformers model, its own pooling, unit length.

    Raises `ModelUnavailable` where the extra `models` or the model itself is missing.
    """

    def __init__(self, name: ModelName, servers: ModelServers) -> None:
        self.name = str(name)
        self._embeddings = _load(name, servers)
        model: Any = self._embeddings._client  # LangChain keeps the model to itself
        raw = model.tokenizer
        self.tokenizer: Tokenizer = JsonTokenizer(_tokenizer_json(raw, self.name), self.name)
        window = model.max_seq_length or _USUAL_TOKENS
        self.max_tokens = int(window) - int(raw.num_special_tokens_to_add())
        self.dimension = int(model.get_embedding_dimension())
        self.fingerprint = fingerprint_of(self.name, _digest(model), repr(model), "unit")

    def _compute(self, texts: Sequence[str]) -> ArrayLike:
        with _errors(self.name):
            return self._embeddings.embed_documents(list(texts))

    def _compute_query(self, text: str) -> ArrayLike:
        with _errors(self.name):
            return [self._embeddings.embed_query(text)]


def _load(name: ModelName, servers: ModelServers) -> "HuggingFaceEmbeddings":
    try:
        from langchain_huggingface import HuggingFaceEmbeddings
    except ImportError as error:
        raise ModelUnavailable(f"{name}: run: pip install 'rag_pipelines[models]'") from error
    try:
        return HuggingFaceEmbeddings(
            model_name=name.model,
            model_kwargs={
                "trust_remote_code": False,
                "local_files_only": servers.hf_offline or Path(name.model).is_dir(),
                "model_kwargs": {"use_safetensors": True},
            },
            encode_kwargs={"normalize_embeddings": True, "batch_size": _BATCH},
        )
    except ImportError as error:
        raise ModelUnavailable(f"{name}: run: pip install 'rag_pipelines[models]'") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelUnavailable(
            f"{name}: {str(error)[:500]}; name a folder or a hub's model with safetensors"
        ) from error


def _tokenizer_json(raw: Any, name: str) -> bytes:
    backend = getattr(raw, "backend_tokenizer", None)
    if backend is None:
        raise ModelUnavailable(f"{name}: its tokenizer is of a kind that cannot locate tokens")
    return backend.to_str().encode()


def _digest(model: Any) -> str:
    """SHA-256 of all weights by name: the same whatever files they came from."""
    import torch

    digest = sha256()
    for key, tensor in sorted(model.state_dict().items()):
        digest.update(key.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


@contextmanager
def _errors(name: str) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError) as error:  # what torch and transformers raise
        raise ModelError(f"{name}: {error}") from error
