"""What must hold of feedback before a model learns from it."""

from collections import Counter

import dagster as dg

from rag_pipelines.chat.rated import scrubbed
from rag_pipelines.chat.scrubbing import scrubber
from rag_pipelines.records import RatedAnswer


@dg.asset_check(asset="chat_feedback", blocking=True)
def answers_unique(chat_feedback: list[RatedAnswer]) -> dg.AssetCheckResult:
    """An answer that is rated twice would count twice, and might be good and bad at once."""
    repeated = [i for i, n in Counter(row.answer_id for row in chat_feedback).items() if n > 1]
    return dg.AssetCheckResult(passed=not repeated, metadata={"repeated": len(repeated)})


@dg.asset_check(asset="chat_feedback", blocking=True)
def nothing_personal_left(chat_feedback: list[RatedAnswer]) -> dg.AssetCheckResult:
    """What a model learned it may tell anybody."""
    scrub = scrubber().scrubbed
    left = [row.answer_id for row in chat_feedback if scrubbed(row, scrub) != row]
    return dg.AssetCheckResult(
        passed=not left, metadata={"rows": len(left), "answers": ", ".join(left[:10]) or "none"}
    )
