"""Assets of the model factory: what models learn from."""

from collections import Counter
from typing import Any

import dagster as dg

from rag_pipelines.chat.arms import Arms, arms_of
from rag_pipelines.chat.rated import rated_answers, texts_of
from rag_pipelines.chat.scrubbing import PLACEHOLDER, scrubber
from rag_pipelines.defs.corpus.assets import versioned
from rag_pipelines.lib.feedback import SCRUBBER, scrubbed_before
from rag_pipelines.lib.metadata import columns, counts, sample
from rag_pipelines.lib.progress import both, logged
from rag_pipelines.lib.project import Project
from rag_pipelines.records import RatedAnswer


@dg.asset(
    group_name="models",
    owners=["team:models"],
    kinds={"python", "spacy"},
    code_version="1",
    retry_policy=dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL),
    metadata={"dagster/column_schema": columns(RatedAnswer)},
)
def chat_feedback(
    context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]
) -> dg.MaterializeResult[list[RatedAnswer]]:
    """What people said of answers: each answer once, its last rating, without personal data."""
    feedback, scrub = project.feedback(), scrubber()
    known = scrubbed_before(context.instance, project.tables, scrub.name)
    progress = both(project.progress, logged(context.log.info))
    rows = rated_answers(feedback, scrub.scrubbed, known, progress)
    reused = sum((row.answer_id, row.created_at) in known for row in rows)
    described = _of_feedback(rows, len(feedback)) | {"reused": reused, SCRUBBER: scrub.name}
    described |= _of_trial(arms_of(feedback, project.releases.current()))
    return versioned(rows, described)


def _of_trial(arms: Arms | None) -> dict[str, Any]:
    """Thumbs by arm, while a challenger is tried."""
    if arms is None:
        return {}
    shown = [
        {"role": role, "model": arm.model.name, "up": arm.up, "down": arm.down}
        | {"share_up_at_least": round(arm.low, 3), "share_up_at_most": round(arm.high, 3)}
        for role, arm in (("champion", arms.champion), ("challenger", arms.challenger))
    ]
    return {"arms": sample(shown), "arms_conclusion": arms.conclusion}


def _of_feedback(rows: list[RatedAnswer], opinions: int) -> dict[str, Any]:
    said = [text for row in rows for text in texts_of(row)]
    scrubbed = [row for row in rows if any(map(PLACEHOLDER.search, texts_of(row)))]
    ratings = Counter(row.rating for row in rows)
    return {
        "dagster/row_count": len(rows),
        "up": ratings["up"],
        "down": ratings["down"],
        "corrected": sum(bool(row.correction) for row in rows),
        "opinions": opinions,
        "repeated": opinions - len(rows),
        "scrubbed": len(scrubbed),
        "scrubbed_by_type": counts(Counter(what for t in said for what in PLACEHOLDER.findall(t))),
        "sample": sample(
            [
                {"rating": r.rating, "question": r.question, "answer": r.answer}
                | {"correction": r.correction, "comment": r.comment}
                for r in scrubbed
            ]
        ),
    }
