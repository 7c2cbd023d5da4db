"""The verifying process with the tests' embedder in it."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag_pipelines.errors import ModelError, ModelUnavailable
from rag_pipelines.inference.servers import ModelServers
from rag_pipelines.retrieval.verify import main
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder


class Failing(TopicEmbedder):
    """Its server goes away after the embedder was loaded."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise ModelError(f"{self.name} broke off at {len(texts)} questions")


def load(name: str, home: Path, servers: ModelServers) -> TopicEmbedder:
    if name == "missing:":
        raise ModelUnavailable("There is no such embedder: missing.")
    if name == "failing:":
        return Failing(name)
    return TopicEmbedder(name, fingerprint="0" * 64) if name == "another:" else TopicEmbedder(name)


if __name__ == "__main__":
    main(sys.argv[1:], load)
