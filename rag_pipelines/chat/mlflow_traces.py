"""A question as a trace in MLflow (https://mlflow.org/docs/latest/genai/tracing/).

Knows MLflow's records. A trace holds names, numbers, times and digests, and the answer's id, by
which a person who may read the conversation finds it: no text, and no user. The records are written
straight into the store, for MLflow's own exporter swallows what goes wrong.
"""

import json
import time
from base64 import b64encode
from dataclasses import asdict
from secrets import token_bytes
from typing import Any

from rag_pipelines.chat.watching import Watch
from rag_pipelines.storage.mlflow_store import experiment_of, mlflow_client

EXPERIMENT = "chat"
_NAME = "question"
_TYPES = {
    _NAME: "CHAIN",
    "wait": "TASK",
    "rewrite": "LLM",
    "retrieve": "RETRIEVER",
    "generate": "LLM",
    "check": "EVALUATOR",
}


class MlflowTraces:
    """Writes traces to what a tracking URI names. Used from one thread."""

    def __init__(self, tracking_uri: str) -> None:
        """MLflow is imported, and the store opened, for the first trace."""
        self._uri = tracking_uri
        self._experiment = ""

    def __call__(self, watch: Watch) -> None:
        """Write one trace. Raises what MLflow raises."""
        self._experiment = self._experiment or experiment_of(mlflow_client(self._uri), EXPERIMENT)
        from mlflow.tracing.client import TracingClient

        client = TracingClient(self._uri)
        otel_id = token_bytes(16)
        info = _info(watch, f"tr-{otel_id.hex()}", self._experiment)
        client.start_trace(info)
        client.log_spans(self._experiment, _spans(watch, info.trace_id, otel_id))


def _info(watch: Watch, trace_id: str, experiment: str) -> Any:
    from mlflow.entities import TraceInfo, TraceLocation, TraceState

    return TraceInfo(
        trace_id=trace_id,
        trace_location=TraceLocation.from_experiment_id(experiment),
        request_time=_clock(watch.stages.began) // 1_000_000,
        state=TraceState.ERROR if watch.error else TraceState.OK,
        client_request_id=watch.request_id or None,
        execution_duration=round((watch.ended - watch.stages.began) * 1000),
        tags={"mlflow.traceName": _NAME, "outcome": watch.outcome},
    )


def _spans(watch: Watch, trace_id: str, otel_id: bytes) -> list[Any]:
    """The question's span, and below it one for each of its steps."""
    from mlflow.entities import Span

    root = token_bytes(8)

    def span(name: str, own: bytes, parent: bytes, begin: float, end: float, **said: Any) -> Any:
        kind = {"mlflow.traceRequestId": trace_id, "mlflow.spanType": _TYPES[name]}
        return Span.from_dict(
            {
                "name": name,
                "trace_id": _encoded(otel_id),
                "span_id": _encoded(own),
                "parent_span_id": _encoded(parent),
                "start_time_unix_nano": _clock(begin),
                "end_time_unix_nano": _clock(end),
                "attributes": {key: json.dumps(value) for key, value in (kind | said).items()},
                "status": {"code": "STATUS_CODE_ERROR" if watch.error else "STATUS_CODE_OK"},
            }
        )

    whole = span(_NAME, root, b"", watch.stages.began, watch.ended, **_said(watch))
    steps = [
        span(stage.step, token_bytes(8), root, stage.began, stage.ended)
        for stage in watch.stages.taken
    ]
    return [whole, *steps]


def _said(watch: Watch) -> dict[str, Any]:
    """What the question's span tells besides its times."""
    said: dict[str, Any] = {"outcome": watch.outcome}
    if watch.error:
        said["error"] = watch.error
    if found := watch.retrieved:
        said |= {
            "answer_id": found.answer_id,
            "release": found.release,
            "generation": found.generation,
            "model": found.model,
            "results": found.results,
        }
    if answer := watch.answer:
        said |= {
            "model": answer.model,
            "prompt": answer.prompt,
            "grounded": answer.grounded,
            "citations": len(answer.citations),
            **asdict(answer.usage),
        }
    return said


def _clock(moment: float) -> int:
    """Nanoseconds since 1970 of a moment of `time.monotonic`."""
    return time.time_ns() - round((time.monotonic() - moment) * 1e9)


def _encoded(key: bytes) -> str:
    return b64encode(key).decode()
