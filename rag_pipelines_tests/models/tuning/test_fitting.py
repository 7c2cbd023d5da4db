import pytest
import torch

from rag_pipelines.errors import ArtifactError
from rag_pipelines.models.tuning.fitting import memory_told


def test_memory_that_runs_out_is_told_with_the_remedy():
    with (
        pytest.raises(ArtifactError, match="not enough memory to train; lower batch"),
        memory_told(),
    ):
        torch.empty(1 << 58, dtype=torch.uint8)


def test_other_failures_stay_what_they_are():
    with pytest.raises(RuntimeError, match="shape"), memory_told():
        raise RuntimeError("a shape that does not fit")
