"""What the stages under load share: the real service over an index, and the fake model behind it.

Service, language model and load generator are processes of their own. The index is the smallest
of `--rows`. Questions are openings of its passages, so that there is something to answer; each
begins a conversation that is kept in SQLite.
"""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks import asking, measured, model, service
from benchmarks.asking import Reply
from benchmarks.context import Context
from benchmarks.corpus import ingested, openings
from benchmarks.model import Model

TOKENS_PER_SECOND = 20
_QUESTIONS = 200


@dataclass(frozen=True, slots=True)
class Served:
    """A running service, its process, the model behind it and what to ask."""

    base: str
    process: psutil.Process
    model: Model
    questions: list[str]
    _searches: Path
    _spent: float
    """CPU seconds of this process before the first question."""

    def figures(self, replies: Sequence[Reply]) -> dict[str, Any]:
        """What became of the questions, in numbers; `errors` are all that got no answer.

        `asking_cpu_percent` is what the load generator took of one core, beside the service.
        """
        seconds = max(reply.over for reply in replies) - min(reply.began for reply in replies)
        statuses = sorted({reply.status for reply in replies})
        return {
            "asked": len(replies),
            "seconds": round(seconds, 1),
            "asking_cpu_percent": round(100 * (time.process_time() - self._spent) / seconds, 1),
            "errors": sum(reply.status != 200 for reply in replies),
            "truncated": sum(reply.status == 200 and not reply.whole for reply in replies),
            "statuses": {str(s): sum(reply.status == s for reply in replies) for s in statuses},
        }

    def searches(self) -> dict[str, float]:
        """Seconds that the search for each question took, once the service has ended."""
        return dict(json.loads(self._searches.read_text()))

    def written(self, replies: Sequence[Reply]) -> list[Reply]:
        """Those whole answers that the model wrote, once it has ended: the others abstained."""
        return [r for r in replies if r.whole and r.question in self.model.times]


@contextmanager
def serving(
    context: Context, pause: float, words: int, slots: int, queue: int, wait: int = 60
) -> Iterator[Served]:
    """The service with these limits, and a model that writes at this pace, while the block runs."""
    _, rows = ingested(context)
    questions = openings(rows, _QUESTIONS)
    work = Path(context.work)
    limits = {"RAG_SLOTS": slots, "RAG_QUEUE": queue, "RAG_QUEUE_SECONDS": wait}
    with model.writing(pause, words) as pace:
        home = service.published(context, pace.ref)
        env = measured.environment(RAG_HOME=str(home), **{k: str(v) for k, v in limits.items()})
        searches = work / "searches.json"
        with service.serving(env, work / "serve.log", searches) as (base, process):
            asyncio.run(asking.at_once(base, 1, ["Is it warm"]))
            yield Served(base, process, pace, questions, searches, time.process_time())
