"""What the blocking checks of a variant let through, by what its asset told of it."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from rag_pipelines.defs.models.checks import (
    onnx_agrees,
    onnx_within_limit,
)
from rag_pipelines.lib.partitions import ONNX
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.versions import VERSION
from rag_pipelines.settings import Settings

YAML = """\
variants:
  graph: {method: onnx-int8, perplexity_loss: 0.2, least_cosine: 0.97, least_same_spans: 0.8}
"""


def checked(tmp_path: Path, **told: float) -> dict[str, dg.AssetCheckEvaluation]:
    """Both checks, run after an asset that told this of its model."""
    (tmp_path / "models.yaml").write_text(YAML)
    project = Project(Settings(home=tmp_path / "home", models=tmp_path / "models.yaml"))

    @dg.asset(partitions_def=ONNX)
    def onnx_model() -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(metadata={VERSION: "1", **told})

    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(str(ONNX.name), ["graph"])
        result = dg.materialize(
            [onnx_model, onnx_agrees, onnx_within_limit],
            partition_key="graph",
            instance=instance,
            resources={"project": project},
            raise_on_error=False,
        )
        return {one.check_name: one for one in result.get_asset_check_evaluations()}


@pytest.mark.parametrize(
    ("figure", "value", "passes", "words"),
    [
        ("agreement_cosine", 0.97, True, "graph: cosine to parent 0.9700, at least 0.97 asked"),
        ("agreement_cosine", 0.9699, False, "graph: cosine to parent 0.9699, at least 0.97 asked"),
        ("agreement_spans", 0.75, False, "graph: spans as parent 0.7500, at least 0.8 asked"),
    ],
)
def test_a_model_that_reads_is_held_to_its_agreement(tmp_path, figure, value, passes, words):
    found = checked(tmp_path, **{figure: value})
    assert found["agreement_within_limit"].passed is passes
    assert found["agreement_within_limit"].description == words
    assert found["agreement_within_limit"].blocking
    assert found["perplexity_within_limit"].passed


@pytest.mark.parametrize(("perplexity", "passes"), [(12.0, True), (12.1, False)])
def test_a_model_that_writes_is_held_to_its_perplexity(tmp_path, perplexity, passes):
    found = checked(tmp_path, perplexity=perplexity, base_perplexity=10.0, agreement_top1=0.1)
    assert found["perplexity_within_limit"].passed is passes
    assert found["agreement_within_limit"].passed
