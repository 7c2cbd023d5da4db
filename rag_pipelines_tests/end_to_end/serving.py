"""`rag` and `rag serve` as they are, in processes of their own over one RAG_HOME."""

import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag_pipelines_tests.chat.service import until

LOUD = (
    f"import logging; logging.basicConfig(level={logging.DEBUG});"
    "from rag_pipelines.cli import main; main()"
)
"""The command with every log on standard error."""


def environment(home: Path, **ours: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("RAG_")}
    quick = {"RAG_GENERATOR": "extractive:", "RAG_PORT": "0", "HF_HUB_OFFLINE": "1"}
    return kept | quick | {"RAG_HOME": str(home)} | ours


def rag(home: Path, *arguments: str, **ours: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "rag_pipelines.cli", *arguments],
        env=environment(home, **ours),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
    )


@contextmanager
def service(home: Path, log: Path, **ours: str) -> Iterator[str]:
    """The port of `rag serve`, whose every log goes to a file."""
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", LOUD, "serve"],
            env=environment(home, **ours),
            cwd=home,
            stdout=file,
            stderr=file,
        )
        try:
            said = re.compile(r"chat service at http://[^:]+:(\d+)")
            until(lambda: said.search(log.read_text()) or process.poll() is not None)
            told = said.search(log.read_text())
            assert told, log.read_text()
            yield told[1]
        finally:
            process.terminate()
            assert process.wait(30) == 0
