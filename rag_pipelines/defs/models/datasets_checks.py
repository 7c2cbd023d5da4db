"""What must hold of a dataset before a model learns from it."""

from collections import defaultdict
from collections.abc import Sequence

import dagster as dg

from rag_pipelines.chat.prompt_parts import parts_of
from rag_pipelines.chat.scrubbing import scrubber
from rag_pipelines.lib.project import Project
from rag_pipelines.models.tuning.data import SPLITS
from rag_pipelines.models.tuning.rows import words_of
from rag_pipelines.records import Example, Pair

_ROLES = {"system", "user", "assistant"}
_OF_PEOPLE = {"feedback", "correction", "thumbs", "file"}
"""Origins whose answers people wrote: those of the corpus are what its pages say to everybody."""
Rows = Sequence[Example] | Sequence[Pair]


@dg.asset_check(asset="sft_dataset", name="rows_whole", blocking=True)
def examples_whole(sft_dataset: list[Example]) -> dg.AssetCheckResult:
    """A row without an answer, or with a turn of nobody, teaches nonsense."""
    return _whole(sft_dataset)


@dg.asset_check(asset="preference_dataset", name="rows_whole", blocking=True)
def pairs_whole(preference_dataset: list[Pair]) -> dg.AssetCheckResult:
    """As of examples; and a pair has two answers."""
    return _whole(preference_dataset)


@dg.asset_check(asset="sft_dataset", name="no_leakage", blocking=True)
def examples_apart(sft_dataset: list[Example]) -> dg.AssetCheckResult:
    """What is learned of a page, or of a question, may not be what the model is then tested on."""
    return _apart(sft_dataset)


@dg.asset_check(asset="preference_dataset", name="no_leakage", blocking=True)
def pairs_apart(preference_dataset: list[Pair]) -> dg.AssetCheckResult:
    """As of examples."""
    return _apart(preference_dataset)


@dg.asset_check(asset="sft_dataset", name="enough_rows", blocking=True)
def examples_enough(
    sft_dataset: list[Example], project: dg.ResourceParam[Project]
) -> dg.AssetCheckResult:
    """Of a handful of examples a model learns them by heart."""
    return _enough(sft_dataset, project.models.datasets.least_examples, "least_examples")


@dg.asset_check(asset="preference_dataset", name="enough_rows", blocking=True)
def pairs_enough(
    preference_dataset: list[Pair], project: dg.ResourceParam[Project]
) -> dg.AssetCheckResult:
    """Of a handful of pairs a score learns nothing."""
    return _enough(preference_dataset, project.models.datasets.least_pairs, "least_pairs")


@dg.asset_check(asset="sft_dataset", name="nothing_personal_left", blocking=True)
def examples_scrubbed(sft_dataset: list[Example]) -> dg.AssetCheckResult:
    """What a model learned it may tell anybody."""
    return _scrubbed(sft_dataset)


@dg.asset_check(asset="preference_dataset", name="nothing_personal_left", blocking=True)
def pairs_scrubbed(preference_dataset: list[Pair]) -> dg.AssetCheckResult:
    """As of examples."""
    return _scrubbed(preference_dataset)


def _whole(rows: Rows) -> dg.AssetCheckResult:
    bad = [row.id for row in rows if not _is_whole(row)]
    repeated = len(rows) - len({row.id for row in rows})
    return dg.AssetCheckResult(
        passed=not bad and not repeated,
        metadata={"bad": len(bad), "repeated": repeated, "ids": ", ".join(bad[:10]) or "none"},
    )


def _is_whole(row: Example | Pair) -> bool:
    texts = [*row.contents, *_answers(row)]
    return (
        len(row.roles) == len(row.contents)
        and set(row.roles) <= _ROLES
        and row.roles[-1:] == ["user"]
        and row.split in SPLITS
        and all(text.strip() for text in texts)
    )


def _question(row: Example | Pair) -> str:
    """What is asked, without the passages that it is asked of."""
    asked = row.contents[-1] if row.contents else ""
    parts = parts_of(asked)
    return parts.question if parts else asked


def _passages(row: Example | Pair) -> list[str]:
    parts = parts_of(row.contents[-1]) if row.contents else None
    return [parts.passages] if parts else []


def _answers(row: Example | Pair) -> list[str]:
    return [row.completion] if isinstance(row, Example) else [row.chosen, row.rejected]


def _apart(rows: Rows) -> dg.AssetCheckResult:
    splits = defaultdict[str, set[str]](set)
    for row in rows:
        for about in (row.page, words_of(_question(row))):
            if about:
                splits[about].add(row.split)
    leaks = [about for about, found in splits.items() if len(found) > 1]
    return dg.AssetCheckResult(
        passed=not leaks,
        metadata={"leaks": len(leaks), "of": ", ".join(leak[:80] for leak in leaks[:5]) or "none"},
    )


def _enough(rows: Rows, least: int, setting: str) -> dg.AssetCheckResult:
    found = sum(row.split == "train" for row in rows)
    return dg.AssetCheckResult(
        passed=found >= least,
        description=f"{found} rows to train on, {least} needed: collect more feedback, name files "
        f"below datasets in models.yaml, or lower datasets.{setting}",
        metadata={"found": found, "needed": least},
    )


def _scrubbed(rows: Rows) -> dg.AssetCheckResult:
    scrub = scrubber().scrubbed
    left = [
        row.id
        for row in rows
        if row.origin in _OF_PEOPLE
        and any(scrub(text, _passages(row)) != text for text in (_question(row), *_answers(row)))
    ]
    return dg.AssetCheckResult(
        passed=not left, metadata={"rows": len(left), "ids": ", ".join(left[:10]) or "none"}
    )
