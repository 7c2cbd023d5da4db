"""What the service counts, in Prometheus' text format.

https://prometheus.io/docs/instrumenting/exposition_formats/. Written here, for five numbers are
no reason for a dependency.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Literal

from rag_pipelines.chat.live import LiveRelease

Outcome = Literal["answered", "abstained", "failed"]
_OUTCOMES: tuple[Outcome, ...] = ("answered", "abstained", "failed")


class Metrics:
    """Numbers of one service. Safe to share between threads."""

    def __init__(self, live: LiveRelease) -> None:
        """Reads `live` whenever it is asked."""
        self._live, self._lock = live, Lock()
        self._questions: Counter[Outcome] = Counter()

    def count(self, outcome: Outcome) -> None:
        """Count a question by what came of it."""
        with self._lock:
            self._questions[outcome] += 1

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a question as failed where the block raises."""
        try:
            yield
        except Exception:
            self.count("failed")
            raise

    def text(self) -> str:
        """Every number, by name."""
        health = self._live.health()
        lines = [
            *_gauge("rag_ready", "1 while questions are answered", health.status != "unready"),
            *_gauge(
                "rag_degraded", "1 while not the last publication is served", bool(health.reason)
            ),
            *_gauge("rag_generation", "Generation being served", health.generation),
            *_one("rag_load_failures_total", "counter", "Failed loads", self._live.failures),
            "# HELP rag_questions_total Questions by what came of them.",
            "# TYPE rag_questions_total counter",
        ]
        with self._lock:
            counts = dict(self._questions)
        lines += [f'rag_questions_total{{outcome="{o}"}} {counts.get(o, 0)}' for o in _OUTCOMES]
        return "\n".join(lines) + "\n"


def _gauge(name: str, help_text: str, value: int) -> list[str]:
    return _one(name, "gauge", help_text, value)


def _one(name: str, kind: str, help_text: str, value: int) -> list[str]:
    return [f"# HELP {name} {help_text}.", f"# TYPE {name} {kind}", f"{name} {int(value)}"]
