from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import ValidationError

from rag_pipelines.inference.auto.generation import CausalLM
from rag_pipelines.inference.auto.models import load
from rag_pipelines.models.tuning.config import RlooTuning
from rag_pipelines.models.tuning.rloo import train_rloo
from rag_pipelines.models.tuning.training import Trained, Training
from rag_pipelines.storage.artifacts import Artifacts
from rag_pipelines_tests.models.tuning import preferences


def tuning(**more: object) -> RlooTuning:
    settings: dict[str, object] = {
        "method": "rloo", "reward": "reward", "rank": 8, "alpha": 16, "learning_rate": 5e-3,
        "batch": 32, "accumulate": 1, "answers": 4, "steps": 16, "epochs": 100,
        "answer_tokens": 4, "temperature": 1.0, "evaluate_every": 8, "max_tokens": 64,
    }  # fmt: skip
    return RlooTuning.model_validate(settings | more)


@pytest.mark.parametrize("seed", range(3))
def test_the_reward_rises_on_held_out_prompts(
    parent: Path, reward_models: Sequence[Path], artifacts: Artifacts, tmp_path: Path, seed: int
):
    room, data = tmp_path / "room", preferences.prompts(artifacts)
    room.mkdir()
    how = tuning(seed=seed)
    train_rloo(parent, data, how, room, Training(tmp_path / "kept"), reward_models[seed])
    told = Trained.read(room)
    assert told.figures["reward"] > told.figures["reward_before"] + 1.0
    assert told.figures["kl_before"] == pytest.approx(0.0, abs=1e-5)
    assert told.figures["steps"] == 16
    assert any("eval_reward" in point for point in told.curves)
    assert load(CausalLM, room, "cpu").run(["<|user|>gate<|assistant|>"], 2)


def test_answers_are_compared_in_whole_groups():
    with pytest.raises(ValidationError, match="batch times accumulate to be a multiple of answers"):
        tuning(batch=6)
