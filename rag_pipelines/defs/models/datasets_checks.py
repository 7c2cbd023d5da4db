"""What must hold of a dataset before a model learns from it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import dagster as dg

from rag_pipelines.chat.scrubbing import scrubber
from rag_pipelines.inference.prompt_parts import parts_of
from rag_pipelines.lib.project import Project
from rag_pipelines.models.tuning.data import SPLITS
from rag_pipelines.models.tuning.rows import words_of
from rag_pipelines.records import Example, Pair

_ROLES = {"system", "user", "assistant"}
_OF_PEOPLE = {"feedback", "correction", "thumbs", "file"}
"""Origins whose answers people wrote: those of the corpus are what its pages say to everybody."""
Rows = Sequence[Example] | Sequence[Pair]


_CHECKS = {
    "rows_whole": "A row without an answer, or with a turn of nobody, teaches nonsense.",
    "no_leakage": "What is learned of a page or a question may not be what is then tested.",
    "enough_rows": "A handful of rows is learned by heart.",
    "nothing_personal_left": "What a model learned it may tell anybody.",
}
"""What is held of both datasets, and why."""


def _specs(asset: str) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(name, asset=asset, blocking=True, description=why)
        for name, why in _CHECKS.items()
    ]


@dg.multi_asset_check(specs=_specs("sft_dataset"))
def examples_sound(
    sft_dataset: list[Example], project: dg.ResourceParam[Project]
) -> Iterator[dg.AssetCheckResult]:
    """Whether a model may learn from the examples."""
    yield from _sound(sft_dataset, project.models.datasets.least_examples, "least_examples")


@dg.multi_asset_check(specs=_specs("preference_dataset"))
def pairs_sound(
    preference_dataset: list[Pair], project: dg.ResourceParam[Project]
) -> Iterator[dg.AssetCheckResult]:
    """Whether a model may learn from the pairs."""
    yield from _sound(preference_dataset, project.models.datasets.least_pairs, "least_pairs")


def _sound(rows: Rows, least: int, setting: str) -> Iterator[dg.AssetCheckResult]:
    yield _whole(rows)
    yield _apart(rows)
    yield _enough(rows, least, setting)
    yield _scrubbed(rows)


def _whole(rows: Rows) -> dg.AssetCheckResult:
    bad = [row.id for row in rows if not _is_whole(row)]
    repeated = len(rows) - len({row.id for row in rows})
    return dg.AssetCheckResult(
        check_name="rows_whole",
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
        check_name="no_leakage",
        passed=not leaks,
        metadata={"leaks": len(leaks), "of": ", ".join(leak[:80] for leak in leaks[:5]) or "none"},
    )


def _enough(rows: Rows, least: int, setting: str) -> dg.AssetCheckResult:
    found = sum(row.split == "train" for row in rows)
    return dg.AssetCheckResult(
        check_name="enough_rows",
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
        check_name="nothing_personal_left",
        passed=not left,
        metadata={"rows": len(left), "ids": ", ".join(left[:10]) or "none"},
    )
