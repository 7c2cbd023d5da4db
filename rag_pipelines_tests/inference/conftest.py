from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_pipelines.inference.minilm import embedder
from rag_pipelines.inference.minilm.embedder import MiniLM
from rag_pipelines.inference.protocols import Prompt
from rag_pipelines.inference.servers import ModelServers
from rag_pipelines_tests.inference.model_server import ModelServer, serving


@pytest.fixture(scope="session")
def models_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def minilm(models_home: Path) -> MiniLM:
    return MiniLM(models_home)


@pytest.fixture(scope="session")
def paragraphs() -> list[str]:
    """Real prose, short and long: the licence beside the vendored tokenizer."""
    text = Path(embedder.__file__).with_name("LICENSE").read_text()
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving(ModelServer()) as running:
        yield running


@pytest.fixture
def servers(server: ModelServer) -> ModelServers:
    """Patience short enough for the faults that need it to run out."""
    return ModelServers(
        ollama_host=server.address,
        openai_api_key="secret-key",
        read_timeout=0.5,
        answer_timeout=1.0,
        retries=2,
        retry_delay=0.01,
    )


@pytest.fixture
def prompt() -> Prompt:
    return Prompt("Answer briefly.", "How long is the warranty?", "How long?", (), "digest")
