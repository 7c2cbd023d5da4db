"""Assets of the model factory: what models learn from, made of the corpus and of its users.

The work is done in rag_pipelines.lib.examples and rag_pipelines.lib.preferences.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import dagster as dg

from rag_pipelines.defs.corpus.assets import versioned
from rag_pipelines.inference.prompt_parts import parts_of
from rag_pipelines.lib.examples import examples_of
from rag_pipelines.lib.feedback import good_feedback
from rag_pipelines.lib.learning import opened_corpus
from rag_pipelines.lib.metadata import columns, counts, sample
from rag_pipelines.lib.preferences import pairs_of
from rag_pipelines.lib.progress import both, logged
from rag_pipelines.lib.project import Project
from rag_pipelines.models.tuning.data import SPLITS, kept
from rag_pipelines.records import Example, Pair
from rag_pipelines.storage.artifacts import Artifacts

_LEARNED_FROM: dict[str, Any] = {
    "group_name": "models",
    "owners": ["team:models"],
    "kinds": {"python"},
    "code_version": "1",
}


@dg.asset(
    **_LEARNED_FROM,
    deps=["chat_feedback", "chroma_collection"],
    metadata={"dagster/column_schema": columns(Example)},
)
def sft_dataset(
    context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]
) -> dg.MaterializeResult[list[Example]]:
    """Questions, passages and answers to learn: accepted, golden, of files, of the corpus."""
    tell = both(project.progress, logged(context.log.info))
    with opened_corpus(project, tell) as corpus:
        rows = examples_of(corpus, good_feedback(context.instance, project.tables))
    shown = [{"question": _asked(row), "answer": row.completion, "origin": row.origin}
             for row in rows]  # fmt: skip
    return versioned(rows, _datasheet(project, rows, corpus.dropped) | {"sample": sample(shown)})


@dg.asset(
    **_LEARNED_FROM,
    deps=["chat_feedback", "chroma_collection"],
    metadata={"dagster/column_schema": columns(Pair)},
)
def preference_dataset(
    context: dg.AssetExecutionContext,
    project: dg.ResourceParam[Project],
    sft_dataset: list[Example],
) -> dg.MaterializeResult[list[Pair]]:
    """Two answers to a question, the better one first: by people, files and passages."""
    tell = both(project.progress, logged(context.log.info))
    with opened_corpus(project, tell) as corpus:
        rows = pairs_of(corpus, good_feedback(context.instance, project.tables), sft_dataset)
    shown = [{"question": _asked(row), "chosen": row.chosen, "rejected": row.rejected}
             | {"origin": row.origin} for row in rows]  # fmt: skip
    return versioned(rows, _datasheet(project, rows, corpus.dropped) | {"sample": sample(shown)})


def _asked(row: Example | Pair) -> str:
    parts = parts_of(row.contents[-1])
    return parts.question if parts else row.contents[-1]


def _datasheet(
    project: Project, rows: Sequence[Example] | Sequence[Pair], dropped: Counter[str]
) -> dict[str, Any]:
    found = kept(rows, Artifacts(project.settings.artifacts))
    sheet = found.datasheet()
    empty = [split for split in SPLITS if not sheet["splits"][split]]
    return {
        "dagster/row_count": len(rows),
        "digest": found.digest,
        "splits": counts(sheet["splits"]),
        "origins": counts(sheet["origins"]),
        "pages": sheet["pages"],
        "feedback": len(sheet["answers"]),
        "dropped": sum(dropped.values()),
        "dropped_by_reason": counts(+dropped),
        "empty_splits": ", ".join(empty) or "none",
    }
