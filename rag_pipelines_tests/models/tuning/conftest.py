from collections.abc import Sequence
from pathlib import Path

import pytest

from rag_pipelines.models.tuning.config import RewardTuning
from rag_pipelines.storage.artifacts import Artifacts
from rag_pipelines_tests.models.tuning import preferences

SEEDS = 3


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "artifacts")


@pytest.fixture(scope="session")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that has learned nothing."""
    return preferences.word_model(tmp_path_factory.mktemp("words"))


def reward_tuning(**more: object) -> RewardTuning:
    settings: dict[str, object] = {
        "method": "reward", "rank": 8, "alpha": 16, "learning_rate": 1e-2, "batch": 16,
        "accumulate": 1, "steps": 24, "epochs": 100, "evaluate_every": 12, "max_tokens": 64,
    }  # fmt: skip
    return RewardTuning.model_validate(settings | more)


@pytest.fixture(scope="session")
def reward_models(parent: Path, tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    """A reward model of each seed, trained on pairs of which the friendlier is preferred."""
    from rag_pipelines.models.tuning.reward import train_reward
    from rag_pipelines.models.tuning.training import Training

    root = tmp_path_factory.mktemp("rewards")
    data = preferences.pairs(Artifacts(root / "artifacts"))
    rooms = [root / str(seed) for seed in range(SEEDS)]
    for seed, room in enumerate(rooms):
        room.mkdir()
        how, training = reward_tuning(seed=seed), Training(root / f"kept-{seed}")
        train_reward(parent, data, how, room, training, None)
    return rooms
