"""What the last good version of `chat_feedback` holds."""

import dagster as dg

from rag_pipelines.chat.rated import Said
from rag_pipelines.lib.io_manager import read
from rag_pipelines.lib.versions import last_good
from rag_pipelines.records import RatedAnswer
from rag_pipelines.storage.tables import Tables

FEEDBACK = "chat_feedback"
SCRUBBER = "scrubber"
"""Metadata key under which `chat_feedback` tells what scrubbed it."""


def scrubbed_before(
    instance: dg.DagsterInstance, tables: Tables, scrubber: str
) -> dict[Said, RatedAnswer]:
    """Opinions of the last good version, where the same scrubber scrubbed them."""
    good = last_good(instance, FEEDBACK, None)
    if good is None or good.metadata.get(SCRUBBER) != scrubber:
        return {}
    rows = good_feedback(instance, tables)
    return {(row.answer_id, row.created_at): row for row in rows}


def good_feedback(instance: dg.DagsterInstance, tables: Tables) -> list[RatedAnswer]:
    """Rows of the last good version; none where nobody's feedback was gathered yet."""
    good = last_good(instance, FEEDBACK, None)
    if good is None:
        return []
    rows: list[RatedAnswer] = read(tables, FEEDBACK, None, good.version, list[RatedAnswer])
    return rows
