"""A reward model and what it leads, asked for by their names in `models.yaml`."""

from pathlib import Path

import pytest

from rag_pipelines.errors import ArtifactError
from rag_pipelines.models.config import BaseSource, Models
from rag_pipelines.models.making import Factory
from rag_pipelines.models.tuning.training import Trained
from rag_pipelines.storage.artifacts import Artifacts
from rag_pipelines_tests.models.tuning import preferences
from rag_pipelines_tests.models.tuning.conftest import reward_tuning
from rag_pipelines_tests.models.tuning.test_ppo import tuning


@pytest.fixture
def factory(parent: Path, artifacts: Artifacts) -> Factory:
    models = Models(
        bases={"base": BaseSource(folder=parent)},
        tuned={"reward": reward_tuning(steps=12), "friendly": tuning(steps=3)},
    )
    return Factory(models, artifacts, offline=True)


def test_a_policy_is_led_by_the_reward_model_that_it_names(factory: Factory, artifacts: Artifacts):
    pairs, prompts = preferences.pairs(artifacts), preferences.prompts(artifacts)
    reward = factory.train("reward", pairs.digest)
    assert (reward.method, reward.task) == ("reward", "score")
    policy = factory.train("friendly", prompts.digest)
    made = artifacts.open(policy.digest)
    assert (policy.method, policy.task, policy.dataset) == ("ppo", "causal", prompts.digest)
    assert made.recipe["reward"] == reward.digest
    assert Trained.read(made.folder).figures["steps"] == 3
    assert factory.train("friendly", prompts.digest) == policy, "the same recipe finds it again"
    assert not list((artifacts.root.parent / "training").iterdir())


def test_a_policy_without_its_reward_model_tells_what_to_run(
    factory: Factory, artifacts: Artifacts
):
    with pytest.raises(ArtifactError, match="reward was not trained yet; run: rag models tune"):
        factory.train("friendly", preferences.prompts(artifacts).digest)
