"""What must hold of serving: the service follows, and what it answers can be held to a page."""

import dagster as dg

from rag_pipelines.lib.project import Project
from rag_pipelines.lib.service import Untold, call, served


@dg.asset_check(asset="chat_release")
def service_serves_release(project: dg.ResourceParam[Project]) -> dg.AssetCheckResult:
    """A service that does not follow the pointer answers from yesterday's corpus."""
    pointer = project.releases.current()
    try:
        found = served(project.settings)
    except Untold as why:
        return dg.AssetCheckResult(passed=True, metadata={"service": str(why)})
    if pointer is None:
        return dg.AssetCheckResult(passed=True, metadata={"pointer": "nothing is published"})
    return dg.AssetCheckResult(
        passed=found.get("generation") == pointer.generation,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"pointer": pointer.generation, "service": found.get("generation", 0)},
    )


@dg.asset_check(asset="chat_release")
def probe_answer_cites_source(project: dg.ResourceParam[Project]) -> dg.AssetCheckResult:
    """A question that the corpus can answer is answered with a citation."""
    questions = [q for q in project.golden() if q.answerable]
    if not questions:
        return dg.AssetCheckResult(passed=True, metadata={"probe": "no question"})
    try:
        served(project.settings)
    except Untold as why:
        return dg.AssetCheckResult(passed=True, metadata={"probe": str(why)})
    body = {"question": questions[0].question}
    try:
        said = call(project.settings, "POST", "/api/question", body, timeout=120.0).json()
    except (Untold, ValueError) as error:
        said = {"answer": f"the service failed: {error}"}
    return dg.AssetCheckResult(
        passed=bool(said.get("citations")),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"question": body["question"], "answer": str(said.get("answer", said))},
    )
