"""A language model of a known pace, in a process of its own, behind OpenAI's protocol.

It quotes the passages that it is sent, so that answers are supported and cited, and tells in the
end how long it took over each question. Run as a module, it is that process: `PAUSE WORDS`.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks import measured
from benchmarks.context import REPOSITORY
from rag_pipelines.records import ModelRef
from rag_pipelines_tests.inference.model_server import ModelServer, serving

_CONTEXT = 4096
_PASSAGE = re.compile(r"^From: .*\n([\s\S]*?)(?=^From: |^end of passages )", re.MULTILINE)


@dataclass
class Model:
    """`times` holds, by question, seconds to the first word and to the last; empty before the end.

    They are the model's own: from the request's arrival to what it sent.
    """

    ref: ModelRef
    times: dict[str, tuple[float, float]] = field(default_factory=dict)


@contextmanager
def writing(pause: float, words: int) -> Iterator[Model]:
    """A model that writes so many words, a pause of seconds before each, while the block runs."""
    command = [sys.executable, "-m", "benchmarks.model", str(pause), str(words)]
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=measured.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    model = Model(ModelRef(f"openai:pace@{process.stdout.readline().strip()}/v1"))
    try:
        yield model
    finally:
        said, _ = process.communicate()
    model.times = {question: (first, last) for question, first, last in json.loads(said)}


def main(pause: str, words: str) -> None:
    """Write answers until standard input ends."""
    times: list[tuple[str, float, float]] = []

    def says(body: Any) -> Iterator[str]:
        began = first = time.monotonic()
        asked = body["messages"][-1]["content"]
        for number, word in enumerate(_quoted(asked)[: int(words)], 1):
            time.sleep(max(0.0, began + number * float(pause) - time.monotonic()))
            first = time.monotonic() if number == 1 else first
            yield f" {word}"
        question = asked.rpartition("Question: ")[2].strip()
        times.append((question, first - began, time.monotonic() - began))

    with serving(ModelServer(says=says, context=_CONTEXT, models=["pace"])) as server:
        print(server.address, flush=True)
        sys.stdin.read()
    print(json.dumps(times))


def _quoted(asked: str) -> list[str]:
    """The words of the passages, the best first."""
    return [word for passage in _PASSAGE.findall(asked) for word in passage.split()]


if __name__ == "__main__":
    main(*sys.argv[1:])
