"""What the service counts, as Prometheus reads it (https://prometheus.io).

Labels are routes, statuses and words of this code alone, so that their number is bounded and no
question, answer or user stands in one. Knows the parts of a service, and changes none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from rag_pipelines.chat.admission import Admission
from rag_pipelines.chat.history.protocol import ChatHistory
from rag_pipelines.chat.live import LiveRelease, NoRelease
from rag_pipelines.chat.stages import STEPS
from rag_pipelines.chat.traces import Traces
from rag_pipelines.chat.watching import Outcome, Watch
from rag_pipelines.inference.guarded import GuardedGenerator

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
"""Upper bounds in seconds: from a search to the longest answer that is waited for."""
_KINDS = ("prompt", "completion")


@dataclass(frozen=True, slots=True)
class State(Collector):
    """What is known elsewhere, and read whenever somebody reads the metrics."""

    live: LiveRelease
    admission: Admission
    history: ChatHistory
    traces: Traces

    def collect(self) -> Iterator[Metric]:
        health = self.live.health()
        yield _gauge("rag_ready", "1 while questions are answered.", health.status != "unready")
        yield _gauge(
            "rag_degraded", "1 while not the last publication is served.", bool(health.reason)
        )
        yield _gauge("rag_generation", "Generation being served.", health.generation)
        yield from self._served()
        yield _counter("rag_swaps", "Moves from one release or model to the next.", self.live.swaps)
        yield _counter("rag_load_failures", "Releases and models not loaded.", self.live.failures)
        yield _gauge("rag_queue_waiting", "Questions waiting for a slot.", self.admission.waiting)
        yield _gauge("rag_slots_busy", "Slots of the model in use.", self.admission.busy)
        yield _counter("rag_history_errors", "Failed calls of the history.", self.history.failures)
        yield _counter("rag_traces_exported", "Traces that MLflow took.", self.traces.exported)
        yield _counter("rag_traces_dropped", "Traces that were lost.", self.traces.dropped)

    def _served(self) -> Iterator[Metric]:
        """Of the release that is served; nothing while there is none."""
        try:
            with self.live.taken() as served:
                created, generator = served.release.manifest.created_at, served.version.generator
        except NoRelease:
            return
        age = (datetime.now(UTC) - datetime.fromisoformat(created)).total_seconds()
        yield _gauge("rag_release_age_seconds", "Since the served release was built.", age)
        if isinstance(generator, GuardedGenerator):
            left_alone = generator.circuit.state == "open"
            yield _gauge("rag_circuit_open", "1 while a failing model is left alone.", left_alone)


class Metrics:
    """Numbers of one service. Safe to share between threads."""

    def __init__(self, state: State) -> None:
        """In a registry of its own, so that no service counts for another."""
        made = self._registry = CollectorRegistry()
        made.register(state)
        labels = ["method", "route", "status"]
        self._requests = Counter("rag_requests", "Requests answered.", labels, registry=made)
        self._request_seconds = _seconds(made, "rag_request_seconds", "Whole requests.", "route")
        self._refusals = Counter(
            "rag_refusals", "Requests answered with an error.", ["reason"], registry=made
        )
        self._questions = Counter(
            "rag_questions", "Questions by what came of them.", ["outcome"], registry=made
        )
        self._first_words = _seconds(
            made, "rag_first_token_seconds", "From a question to the first words of its answer."
        )
        self._steps = _seconds(made, "rag_step_seconds", "Steps of an answer.", "step")
        self._tokens = Counter("rag_tokens", "Tokens of the model.", ["kind"], registry=made)
        for metric, values in (
            (self._questions, get_args(Outcome)),
            (self._steps, STEPS),
            (self._tokens, _KINDS),
        ):
            for value in values:
                metric.labels(value)  # what never happened is told as 0

    def request(self, method: str, route: str, status: int, seconds: float, reason: str) -> None:
        """Count a request that has ended; `reason` is its error's type, empty without one."""
        self._requests.labels(method, route, status).inc()
        self._request_seconds.labels(route).observe(seconds)
        if reason:
            self._refusals.labels(reason).inc()

    def question(self, watch: Watch) -> None:
        """Count a question that has ended."""
        self._questions.labels(watch.outcome).inc()
        if watch.first_words is not None:
            self._first_words.observe(watch.first_words - watch.stages.began)
        for stage in watch.stages.taken:
            self._steps.labels(stage.step).observe(stage.ended - stage.began)
        if watch.answer:
            usage = watch.answer.usage
            self._tokens.labels("prompt").inc(usage.prompt_tokens or 0)
            self._tokens.labels("completion").inc(usage.completion_tokens or 0)

    def told(self, accept: str) -> tuple[bytes, str]:
        """Every number, and the media type that it is told in, of those that are accepted."""
        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value)


def _counter(name: str, help_text: str, value: float) -> Metric:
    return CounterMetricFamily(name, help_text, value)


def _seconds(registry: CollectorRegistry, name: str, help_text: str, *labels: str) -> Histogram:
    return Histogram(name, help_text, labels, registry=registry, buckets=_BUCKETS)
