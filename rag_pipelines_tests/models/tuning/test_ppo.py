"""Reinforcement on a language of a few words: what it learns, where it stops, how it resumes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from rag_pipelines.errors import ArtifactError
from rag_pipelines.inference.auto.generation import CausalLM
from rag_pipelines.inference.auto.models import load
from rag_pipelines.models.tuning.config import PpoTuning
from rag_pipelines.models.tuning.data import Dataset
from rag_pipelines.models.tuning.fitting import most_tokens
from rag_pipelines.models.tuning.ppo import policy_of, train_ppo
from rag_pipelines.models.tuning.ppo_loop import Reinforcement
from rag_pipelines.models.tuning.prompting import Prompts, prompts_of
from rag_pipelines.models.tuning.scores import Messages, Scorer
from rag_pipelines.models.tuning.training import Trained, Training
from rag_pipelines.storage.artifacts import Artifacts
from rag_pipelines_tests.models.tuning import preferences

SEEDS = (0, 1, 2)


def tuning(**more: Any) -> PpoTuning:
    settings = {
        "method": "ppo", "reward": "reward", "rank": 8, "alpha": 16, "learning_rate": 5e-3,
        "rollout": 32, "batch": 32, "accumulate": 1, "rounds": 2, "steps": 20, "epochs": 100,
        "answer_tokens": 4, "temperature": 1.0, "evaluate_every": 10, "max_tokens": 64,
    }  # fmt: skip
    return PpoTuning(**(settings | more))


def calm(conversations: Sequence[Messages], answers: Sequence[str]) -> list[float]:
    """The share of `calm` among an answer's words: 1 at best."""
    words = [answer.split() for answer in answers]
    return [one.count("calm") / max(len(one), 1) for one in words]


def begun(
    parent: Path, data: Dataset, score: Scorer, training: Training, how: PpoTuning
) -> tuple[Reinforcement, Prompts]:
    policy = policy_of(parent, how)
    prompts = prompts_of(data, policy.tokenizer, how, most_tokens(parent, how))
    return Reinforcement(policy, score, prompts, how, training), prompts


@pytest.mark.parametrize("seed", SEEDS)
def test_the_known_optimum_of_a_toy_reward_is_reached(
    parent: Path, artifacts: Artifacts, tmp_path: Path, seed: int
):
    three = preferences.prompts(artifacts, count=3)
    free = tuning(
        seed=seed, steps=40, epochs=1000, kl_weight=1e-6, most_kl=1000.0, learning_rate=1e-2
    )
    learner, prompts = begun(parent, three, calm, Training(tmp_path), free)
    before = learner.held_out(prompts.train * 16)["reward"]
    learner.run()
    assert before < 0.3
    assert learner.held_out(prompts.train * 16)["reward"] > 0.9


@pytest.mark.parametrize("seed", SEEDS)
def test_a_trained_reward_rises_on_held_out_prompts_near_the_parent(
    parent: Path, reward_models: Sequence[Path], artifacts: Artifacts, tmp_path: Path, seed: int
):
    data, room = preferences.prompts(artifacts), tmp_path / "room"
    room.mkdir()
    steered = tuning(seed=seed, target_kl=2.0, kl_horizon=200)
    train_ppo(parent, data, steered, room, Training(tmp_path / "kept"), reward_models[seed])
    told = Trained.read(room)
    assert told.figures["reward"] > told.figures["reward_before"] + 1.0
    assert told.figures["kl"] < 6.0
    assert told.curves[0]["kl"] == pytest.approx(0.0, abs=1e-5)
    assert [point["step"] for point in told.curves] == list(range(1, 21))


def test_what_was_reinforced_is_a_whole_model(
    parent: Path, reward_models: Sequence[Path], artifacts: Artifacts, tmp_path: Path
):
    curve, data = _Curve(), preferences.prompts(artifacts)
    training = Training(tmp_path / "kept", curve=curve)
    made = artifacts.make(
        {"made": "whole"},
        lambda room: train_ppo(parent, data, tuning(steps=2), room, training, reward_models[0]),
    )
    [written] = load(CausalLM, made.folder, "cpu").run(["<|user|>probe gate<|assistant|>"], 4)
    assert set(written.text.split()) <= set(preferences.WORDS)
    names = {path.name for path in made.folder.iterdir()}
    assert {"model.safetensors", "tokenizer.json", "training.json", "README.md"} <= names
    assert not any("adapter" in name for name in names)
    wanted = {"reward", "kl", "entropy", "value_loss", "kl_weight", "answer_tokens"}
    assert all(wanted <= set(point) for point in curve.points.values())


def test_a_killed_training_goes_on_to_the_same_figures(
    parent: Path, artifacts: Artifacts, tmp_path: Path
):
    data, how = preferences.prompts(artifacts), tuning(steps=6, evaluate_every=2)
    whole, _ = begun(parent, data, calm, Training(tmp_path / "whole"), how)
    through = whole.run()
    killed = Training(tmp_path / "kept", curve=_Curve(ends_at=5))
    with pytest.raises(KeyboardInterrupt):
        begun(parent, data, calm, killed, how)[0].run()
    curve = _Curve()
    resumed, _ = begun(parent, data, calm, Training(tmp_path / "kept", curve=curve), how)
    again = resumed.run()
    assert sorted(curve.points) == [5, 6]
    assert_agree(through.curves, again.curves)


def test_two_trainings_of_one_seed_agree(parent: Path, artifacts: Artifacts, tmp_path: Path):
    data, how = preferences.prompts(artifacts), tuning(steps=4)
    curves = [
        begun(parent, data, calm, Training(tmp_path / name), how)[0].run().curves
        for name in ("one", "other")
    ]
    assert_agree(*curves)
    other, _ = begun(parent, data, calm, Training(tmp_path / "seed"), tuning(steps=4, seed=9))
    assert other.run().curves[-1]["reward"] != curves[0][-1]["reward"]


def test_it_stops_where_validation_says_that_nothing_is_learned(
    parent: Path, artifacts: Artifacts, tmp_path: Path
):
    data, curve = preferences.prompts(artifacts), _Curve()
    how = tuning(evaluate_every=1, patience=2, learning_rate=1e-9)
    learner, _ = begun(parent, data, calm, Training(tmp_path, curve=curve), how)
    with pytest.raises(
        ArtifactError, match="no policy scored higher on validation than the parent"
    ):
        learner.run()
    assert sorted(curve.points) == [1, 2]


def test_the_policy_that_validation_liked_best_is_the_one_that_is_kept(
    parent: Path, artifacts: Artifacts, tmp_path: Path
):
    data, how = preferences.prompts(artifacts), tuning(steps=6, evaluate_every=1, patience=0)
    learner, prompts = begun(parent, data, calm, Training(tmp_path), how)
    told = learner.run()
    validated = [point["eval_reward"] for point in told.curves]
    assert told.best == max(validated)
    assert learner.held_out(prompts.validation)["reward"] == pytest.approx(told.best, abs=1e-6)


def test_nothing_is_kept_of_a_policy_that_left_its_parent_behind(
    parent: Path, reward_models: Sequence[Path], artifacts: Artifacts, tmp_path: Path
):
    data, training = preferences.prompts(artifacts), Training(tmp_path / "kept")
    before = sorted(artifacts.root.iterdir())
    how = tuning(evaluate_every=1, most_kl=0.01)
    with pytest.raises(ArtifactError, match=r"more than most_kl: 0.01, .* nothing was kept; lower"):
        artifacts.make(
            {"made": "wrong"},
            lambda room: train_ppo(parent, data, how, room, training, reward_models[0]),
        )
    assert sorted(artifacts.root.iterdir()) == before
    assert not training.checkpoints.exists()


def test_a_score_that_is_no_number_is_told(parent: Path, artifacts: Artifacts, tmp_path: Path):
    def score(conversations: Sequence[Messages], answers: Sequence[str]) -> list[float]:
        return [float("nan")] * len(answers)

    data = preferences.prompts(artifacts)
    with pytest.raises(ArtifactError, match="the reward is nan"):
        begun(parent, data, score, Training(tmp_path), tuning())[0].run()


def test_a_reward_that_falls_below_where_it_began_is_stopped(
    parent: Path, artifacts: Artifacts, tmp_path: Path
):
    asked = 0

    def falls(conversations: Sequence[Messages], answers: Sequence[str]) -> list[float]:
        nonlocal asked
        asked += 1
        return [score - asked / 5 for score in calm(conversations, answers)]

    data = preferences.prompts(artifacts)
    with pytest.raises(ArtifactError, match=r"the last 3 rollouts scored .* nothing was kept"):
        begun(parent, data, falls, Training(tmp_path), tuning())[0].run()


def test_a_policy_that_is_led_to_silence_is_stopped(
    parent: Path, artifacts: Artifacts, tmp_path: Path
):
    def short(conversations: Sequence[Messages], answers: Sequence[str]) -> list[float]:
        return [-float(len(answer.split())) for answer in answers]

    free = tuning(steps=60, kl_weight=1e-6, most_kl=1000.0, learning_rate=2e-2)
    learner, _ = begun(parent, preferences.prompts(artifacts), short, Training(tmp_path), free)
    with pytest.raises(ArtifactError, match="every answer is empty"):
        learner.run()


@pytest.mark.parametrize(
    ("settings", "remedy"),
    [
        ({"max_tokens": 16, "answer_tokens": 14}, "are longer than 16, which is max_tokens or"),
        ({"max_tokens": 4096, "answer_tokens": 124}, "are longer than 128, which is max_tokens or"),
    ],
)
def test_a_prompt_that_leaves_no_room_for_an_answer_is_refused(
    parent: Path, artifacts: Artifacts, tmp_path: Path, settings: dict[str, int], remedy: str
):
    data = preferences.prompts(artifacts)
    with pytest.raises(ArtifactError, match=remedy):
        begun(parent, data, calm, Training(tmp_path), tuning(**settings))


@pytest.mark.gpu
def test_a_gpu_reinforces(parent: Path, artifacts: Artifacts, tmp_path: Path):
    torch.cuda.reset_peak_memory_stats()
    data, how = preferences.prompts(artifacts), tuning(steps=5)
    learner, _ = begun(parent, data, calm, Training(tmp_path), how)
    told = learner.run()
    assert told.step == 5
    print(
        f"PPO on {torch.cuda.get_device_name()}: {told.tokens / told.seconds:.0f} tokens/s, "
        f"{torch.cuda.max_memory_allocated() / 1e6:.0f} MB at most"
    )


def assert_agree(one: list[dict[str, float]], other: list[dict[str, float]]) -> None:
    assert len(one) == len(other)
    for ours, theirs in zip(one, other, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-3)


class _Curve:
    """Keeps what it is told; ends the process, as Ctrl-C would, at a step."""

    def __init__(self, ends_at: int | None = None) -> None:
        self.points: dict[int, Mapping[str, float]] = {}
        self._ends_at = ends_at

    def __call__(self, step: int, figures: Mapping[str, float]) -> None:
        if step == self._ends_at:
            raise KeyboardInterrupt
        self.points[step] = figures
