"""The verifying process with the tests' embedder in it."""

import sys
from pathlib import Path

from rag_pipelines.errors import ModelUnavailable
from rag_pipelines.retrieval.verify import main
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder


def load(name: str, home: Path) -> TopicEmbedder:
    if name == "missing:":
        raise ModelUnavailable("There is no such embedder: missing.")
    return TopicEmbedder(name, fingerprint="0" * 64) if name == "another:" else TopicEmbedder(name)


if __name__ == "__main__":
    main(sys.argv[1:], load)
