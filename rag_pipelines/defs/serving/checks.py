"""What must hold of serving: the service follows, and what it answers can be held to a page."""

import dagster as dg
import httpx

from rag_pipelines.lib.project import Project
from rag_pipelines.lib.service import served, service_url


@dg.asset_check(asset="chat_release")
def service_serves_release(project: dg.ResourceParam[Project]) -> dg.AssetCheckResult:
    """A service that does not follow the pointer answers from yesterday's corpus."""
    pointer, found = project.releases.current(), served(project.settings)
    if pointer is None or found is None:
        return dg.AssetCheckResult(passed=True, metadata={"service": "not running"})
    return dg.AssetCheckResult(
        passed=found.get("generation") == pointer.generation,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"pointer": pointer.generation, "service": found.get("generation", 0)},
    )


@dg.asset_check(asset="chat_release")
def probe_answer_cites_source(project: dg.ResourceParam[Project]) -> dg.AssetCheckResult:
    """A question that the corpus can answer is answered with a citation."""
    questions = [q for q in project.golden() if q.answerable]
    if not questions or served(project.settings) is None:
        return dg.AssetCheckResult(passed=True, metadata={"probe": "no service or no question"})
    url, body = f"{service_url(project.settings)}/api/question", {"question": questions[0].question}
    try:
        said = httpx.post(url, json=body, timeout=120.0, trust_env=False).json()
    except (httpx.HTTPError, ValueError) as error:
        said = {"answer": f"the service failed: {error}"}
    return dg.AssetCheckResult(
        passed=bool(said.get("citations")),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"question": body["question"], "answer": str(said.get("answer", said))},
    )
