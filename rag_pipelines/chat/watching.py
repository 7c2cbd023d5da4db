"""One question as it is seen from outside: what came of it, and how long its steps took.

Knows the events of a question, and no word of it: metrics and traces are told numbers, names and
digests. Watching never changes what is watched.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from rag_pipelines.chat.events import Answer, Done, Event, Retrieved
from rag_pipelines.chat.logs import REQUEST_ID
from rag_pipelines.chat.stages import Stages

Outcome = Literal["answered", "abstained", "failed", "left"]
"""`left` is a question whose reader went away before its answer was there."""


@dataclass(slots=True)
class Watch:
    """What is known of a question so far. `error` names the class of what made it fail.

    `first_words` and `ended` are seconds of `time.monotonic`.
    """

    stages: Stages = field(default_factory=Stages)
    request_id: str = field(default_factory=REQUEST_ID.get)
    outcome: Outcome = "left"
    retrieved: Retrieved | None = None
    answer: Answer | None = None
    first_words: float | None = None
    ended: float = 0.0
    error: str = ""

    def saw(self, event: Event) -> None:
        """Note an event, in the moment that it is told."""
        if isinstance(event, Retrieved):
            self.retrieved = event
            return
        self.first_words = self.first_words or time.monotonic()
        if isinstance(event, Done):
            self.answer = event.answer
            self.outcome = "abstained" if event.answer.abstained else "answered"


class Watching:
    """Watches questions, and tells every listener of each when it has ended."""

    def __init__(self, listeners: Sequence[Callable[[Watch], None]]) -> None:
        """Listeners return at once and raise nothing."""
        self._listeners = listeners

    @contextmanager
    def question(self) -> Iterator[Watch]:
        """Around one question."""
        watch = Watch()
        try:
            yield watch
        except Exception as error:
            watch.outcome, watch.error = "failed", type(error).__name__
            raise
        finally:
            watch.ended = time.monotonic()
            for listener in self._listeners:
                listener(watch)
