from pathlib import Path

import pytest

from rag_pipelines.inference.minilm import embedder
from rag_pipelines.inference.minilm.embedder import MiniLM


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
