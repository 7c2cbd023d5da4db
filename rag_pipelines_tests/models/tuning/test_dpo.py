from pathlib import Path

import pytest

from rag_pipelines.errors import ArtifactError
from rag_pipelines.inference.auto.generation import CausalLM
from rag_pipelines.inference.auto.models import load
from rag_pipelines.models.tuning.config import PreferenceTuning
from rag_pipelines.models.tuning.dpo import train_dpo
from rag_pipelines.models.tuning.training import Trained, Training
from rag_pipelines.storage.artifacts import Artifacts
from rag_pipelines_tests.models.tuning import preferences


def tuning(**more: object) -> PreferenceTuning:
    settings: dict[str, object] = {
        "method": "dpo", "rank": 8, "alpha": 16, "learning_rate": 5e-3, "batch": 16,
        "accumulate": 1, "steps": 16, "epochs": 100, "evaluate_every": 8, "max_tokens": 64,
    }  # fmt: skip
    return PreferenceTuning.model_validate(settings | more)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_preferred_becomes_likelier_on_held_out_pairs(
    parent: Path, artifacts: Artifacts, tmp_path: Path, seed: int
):
    room, data = tmp_path / "room", preferences.pairs(artifacts)
    room.mkdir()
    train_dpo(parent, data, tuning(seed=seed), room, Training(tmp_path / "kept"), None)
    told = Trained.read(room).figures
    assert told["margin_before"] == pytest.approx(0.0, abs=1e-5)
    assert told["margin"] > 0
    assert told["accuracy"] > 0.8
    preferred = told["chosen_nats"] - told["rejected_nats"]
    assert preferred > told["chosen_nats_before"] - told["rejected_nats_before"] + 1
    assert load(CausalLM, room, "cpu").run(["<|user|>gate<|assistant|>"], 2)


def test_layers_that_do_not_exist_are_told_with_those_that_do(
    parent: Path, artifacts: Artifacts, tmp_path: Path
):
    how = tuning(target_modules=["q_proj", "query"])
    data, training = preferences.pairs(artifacts), Training(tmp_path / "kept")
    with pytest.raises(ArtifactError, match=r"no layers query; .* may name down_proj, gate_proj"):
        train_dpo(parent, data, how, tmp_path, training, None)


def test_a_tokenizer_without_a_chat_template_is_told(artifacts: Artifacts, tmp_path: Path):
    folder = preferences.word_model(tmp_path / "plain")
    (folder / "chat_template.jinja").unlink()
    data, training = preferences.pairs(artifacts), Training(tmp_path / "kept")
    with pytest.raises(ArtifactError, match=r"no chat template.*start from an instruct model"):
        train_dpo(folder, data, tuning(), tmp_path, training, None)
