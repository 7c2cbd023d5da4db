"""Which version of an asset's data is the one to use.

Dagster's event log is the record: a version is good when every blocking check of its run passed.
Knows how to read that record; does not know the data.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

DATASET_CHECKS = frozenset({"rows_whole", "no_leakage", "enough_rows", "nothing_personal_left"})
BLOCKING: dict[str, frozenset[str]] = {
    "scraped_pages": frozenset({"not_empty", "error_rate", "size_against_last"}),
    "pdf_elements": frozenset(
        {"not_empty", "size_against_last", "every_page_parsed", "order_and_boxes_valid"}
    ),
    "table_html": frozenset({"well_formed_and_sanitised"}),
    "image_captions": frozenset(),
    "chunks": frozenset({"ids_unique", "within_token_limit", "every_page_covered"}),
    "embeddings": frozenset({"dimension_finite_unit", "count_matches_chunks"}),
    "base_model": frozenset({"files_are_whole"}),
    "quantized_model": frozenset({"perplexity_within_limit", "agreement_within_limit"}),
    "onnx_model": frozenset({"perplexity_within_limit", "agreement_within_limit"}),
    "sft_dataset": DATASET_CHECKS,
    "preference_dataset": DATASET_CHECKS,
    "lora_adapter": frozenset({"validation_improved"}),
    "merged_model": frozenset({"perplexity_within_limit"}),
    "prompt_tuned_model": frozenset({"validation_improved", "perplexity_within_limit"}),
    "fine_tuned_model": frozenset({"validation_improved", "perplexity_within_limit"}),
    "reward_model": frozenset({"ranks_held_out_pairs"}),
    "ppo_model": frozenset({"perplexity_within_limit"}),
    "model_comparison": frozenset(),
    "promoted_model": frozenset(),
    "chat_feedback": frozenset({"answers_unique", "nothing_personal_left"}),
}
"""Blocking checks of the versioned assets; a test holds the definitions to it."""
VERSION = "version"
"""Metadata key under which an asset tells its data version."""
_LOOK_BACK = 200


@dataclass(frozen=True, slots=True)
class Version:
    """One materialization: the data version, the run that made it, and what it said of it."""

    version: str
    run_id: str
    timestamp: float
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])


def materialized(
    instance: dg.DagsterInstance, asset: str, partition: str | None, limit: int = _LOOK_BACK
) -> Iterator[Version]:
    """Versions of an asset's partition, newest first; None where the asset has no partitions."""
    partitions = None if partition is None else [partition]
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=partitions)
    for record in instance.fetch_materializations(wanted, limit=limit).records:
        event = record.asset_materialization
        if event is not None and VERSION in event.metadata:
            said = {name: value.value for name, value in event.metadata.items()}
            yield Version(str(said[VERSION]), record.run_id, record.timestamp, said)


def last_good(
    instance: dg.DagsterInstance, asset: str, partition: str | None, before_run: str = ""
) -> Version | None:
    """The newest version whose blocking checks passed; `before_run`'s own are passed over."""
    for version in materialized(instance, asset, partition):
        if version.run_id != before_run and _checks_passed(instance, version, asset, partition):
            return version
    return None


def to_read(
    instance: dg.DagsterInstance, asset: str, partition: str | None, run_id: str
) -> Version | None:
    """What a step of this run reads: what the run made itself, otherwise the last good."""
    newest = next(materialized(instance, asset, partition, limit=1), None)
    if newest and newest.run_id == run_id:
        return newest
    return last_good(instance, asset, partition)


def read_for(
    instance: dg.DagsterInstance, asset: str, partition: str, made: Version
) -> Version | None:
    """The version of an asset that a version made from it was made from, as `to_read` chose it."""
    for version in materialized(instance, asset, partition):
        if version.run_id == made.run_id:
            return version
        earlier = version.timestamp <= made.timestamp
        if earlier and _checks_passed(instance, version, asset, partition):
            return version
    return None


def told(instance: dg.DagsterInstance, asset: str, partition: str, run_id: str) -> dict[str, Any]:
    """What the asset said of the version that a step of this run reads; nothing without one."""
    version = to_read(instance, asset, partition, run_id)
    return version.metadata if version else {}


def good_versions(
    instance: dg.DagsterInstance, asset: str, partitions: list[str]
) -> dict[str, Version]:
    """The last good version of each partition that has one."""
    found = {name: last_good(instance, asset, name) for name in partitions}
    return {name: version for name, version in found.items() if version}


def _checks_passed(
    instance: dg.DagsterInstance, version: Version, asset: str, partition: str | None
) -> bool:
    entries = instance.all_logs(version.run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    passed: set[str] = set()
    for entry in entries:
        evaluation = entry.asset_check_evaluation
        if evaluation is None or evaluation.asset_key != dg.AssetKey(asset):
            continue
        if evaluation.passed and evaluation.partition in (None, partition):
            passed.add(evaluation.check_name)
    return passed >= BLOCKING[asset]
