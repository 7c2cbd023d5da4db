"""A reward model: what it learns, how well it knows that, and what is refused."""

from collections.abc import Sequence
from dataclasses import replace
from math import log
from pathlib import Path

import pytest

from rag_pipelines.errors import ArtifactError
from rag_pipelines.inference.auto.classification import SequenceClassification
from rag_pipelines.inference.auto.models import load
from rag_pipelines.models.tuning.data import Dataset, kept
from rag_pipelines.models.tuning.reward import train_reward
from rag_pipelines.models.tuning.reward_figures import (
    Bin,
    calibration_error,
    reliability,
    reward_figures,
)
from rag_pipelines.models.tuning.reward_plots import reward_plots
from rag_pipelines.models.tuning.scores import RewardModel
from rag_pipelines.models.tuning.training import Trained, Training
from rag_pipelines.records import Pair
from rag_pipelines.storage.artifacts import Artifacts
from rag_pipelines_tests.models.tuning import preferences
from rag_pipelines_tests.models.tuning.conftest import SEEDS, reward_tuning

ASKED = [{"role": "user", "content": "probe gate alarm"}]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_four_of_five_held_out_pairs_are_ranked_rightly(reward_models: Sequence[Path], seed: int):
    told = Trained.read(reward_models[seed])
    assert told.figures["test_pairs"] == told.figures["validation_pairs"] == 32
    assert told.figures["test_accuracy"] >= 0.8
    assert told.figures["validation_accuracy"] >= 0.8
    assert told.figures["test_margin"] > 0
    assert 0 <= told.figures["test_calibration_error"] < 0.5
    losses = [point["loss"] for point in told.curves if "loss" in point]
    assert losses[-1] < losses[0]
    assert any("eval_loss" in point for point in told.curves)


def test_it_is_a_whole_model_that_the_auto_classes_load(reward_models: Sequence[Path]):
    task = load(SequenceClassification, reward_models[0], "cpu")
    [[kind], [rude]] = task.run(
        [
            f"<|user|>probe gate<|assistant|>{answer}"
            for answer in ("calm warm pump", "cold rude pump")
        ]
    )
    assert kind.score > rude.score
    assert not [path for path in reward_models[0].iterdir() if "adapter" in path.name]


def test_a_score_does_not_depend_on_what_is_scored_beside_it(reward_models: Sequence[Path]):
    model = RewardModel(reward_models[0], batch=3)
    answers = ["calm kind", "cold", "warm warm clear kind pump", "rude rude"]
    together = model.score([ASKED] * 4, answers)
    alone = [one for answer in answers for one in model.score([ASKED], [answer])]
    assert together == pytest.approx(alone, abs=1e-4)


def test_a_training_that_was_killed_and_one_that_was_not_agree(
    parent: Path, artifacts: Artifacts, tmp_path: Path
):
    data, how = preferences.pairs(artifacts), reward_tuning(steps=6, evaluate_every=2)
    whole, again = tmp_path / "whole", tmp_path / "again"
    whole.mkdir()
    again.mkdir()
    train_reward(parent, data, how, whole, Training(tmp_path / "kept"), None)
    stops = Training(tmp_path / "killed", curve=_killed_at_5)
    with pytest.raises(KeyboardInterrupt):
        train_reward(parent, data, how, again, stops, None)
    train_reward(parent, data, how, again, Training(tmp_path / "killed"), None)
    one, other = Trained.read(whole), Trained.read(again)
    assert one.figures["steps"] == other.figures["steps"] == 6
    assert len(one.curves) == len(other.curves)
    for ours, theirs in zip(one.curves, other.curves, strict=True):
        assert ours.get("loss") == pytest.approx(theirs.get("loss"), abs=1e-3)
        assert ours.get("eval_loss") == pytest.approx(theirs.get("eval_loss"), abs=1e-3)


def test_what_ranks_no_better_than_asked_for_is_not_kept(
    parent: Path, artifacts: Artifacts, tmp_path: Path
):
    data = preferences.pairs(artifacts)
    contradicting = kept([*data.pairs("train"), *map(_turned, data.pairs("test"))], artifacts)
    before = sorted(artifacts.root.iterdir())
    with pytest.raises(ArtifactError, match=r"ranks \d+% of 32 held-out pairs rightly, less than"):
        artifacts.make(
            {"made": "reward"},
            lambda room: train_reward(
                parent, contradicting, reward_tuning(), room, Training(tmp_path / "kept"), None
            ),
        )
    assert sorted(artifacts.root.iterdir()) == before


def test_a_loss_that_is_no_number_is_told_and_nothing_is_kept(artifacts: Artifacts, tmp_path: Path):
    folder, training = _broken(tmp_path / "broken"), Training(tmp_path / "kept")
    room, data = tmp_path / "room", preferences.pairs(artifacts)
    room.mkdir()
    with pytest.raises(ArtifactError, match="the loss is nan, not a number; nothing was kept"):
        train_reward(folder, data, reward_tuning(), room, training, None)
    assert not list(room.iterdir())
    assert not training.checkpoints.exists()


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([("calm", "calm ")] * 20, "there is one class only"),
        ([("calm", "cold")] * 5, "has 5 pairs to train on.*at least 8 are needed"),
        ([], "has 0 pairs to train on"),
        (
            [("calm", "cold " * 70)] * 20,
            "is longer than 64, which is max_tokens or the model's context",
        ),
    ],
)
def test_pairs_that_teach_nothing_are_refused(
    parent: Path,
    artifacts: Artifacts,
    tmp_path: Path,
    answers: list[tuple[str, str]],
    told: str,
):
    data = _pairs(artifacts, answers)
    with pytest.raises(ArtifactError, match=told):
        train_reward(parent, data, reward_tuning(), tmp_path, Training(tmp_path / "kept"), None)


def test_a_model_that_tells_labels_apart_is_no_reward_model(parent: Path):
    with pytest.raises(ArtifactError, match="tells 2 labels apart, and a reward model has one"):
        RewardModel(parent, 4)


def test_calibration_against_numbers_worked_by_hand():
    # Confidences sigmoid(log 3) = .75 twice, once right, and sigmoid(log 19) = .95, right: bins of
    # a twentieth, so .75 and .95 are apart. |.5 - .75| x 2 / 3 + |1 - .95| x 1 / 3.
    margins = [log(3), -log(3), log(19)]
    assert reliability(margins) == [
        Bin(2, pytest.approx(0.75), 0.5),
        Bin(1, pytest.approx(0.95), 1.0),
    ]
    assert calibration_error(margins) == pytest.approx((0.25 * 2 + 0.05) / 3)
    figures = reward_figures({"validation": [], "test": margins})
    assert figures["test_accuracy"] == pytest.approx(2 / 3)
    assert figures["test_margin"] == pytest.approx(log(19) / 3)
    assert not [name for name in figures if name.startswith("validation")]


def test_margins_and_reliability_are_drawn(reward_models: Sequence[Path]):
    png = reward_plots(Trained.read(reward_models[0]))
    assert png.startswith(b"\x89PNG")
    assert png != reward_plots(Trained([], {}, {"test": [0.1, -0.2]}))


def _broken(folder: Path) -> Path:
    """A model with a weight that is no number."""
    import torch
    from safetensors.torch import load_file, save_file

    weights = preferences.word_model(folder) / "model.safetensors"
    tensors = load_file(weights)
    tensors["model.norm.weight"] = torch.full_like(tensors["model.norm.weight"], float("nan"))
    save_file(tensors, weights, {"format": "pt"})
    return folder


def _killed_at_5(step: int, figures: object) -> None:
    if step == 5:
        raise KeyboardInterrupt


def _turned(pair: Pair) -> Pair:
    return replace(pair, chosen=pair.rejected, rejected=pair.chosen)


def _pairs(artifacts: Artifacts, answers: list[tuple[str, str]]) -> Dataset:
    rows = [
        Pair(
            id=f"{number:03}", split="train", origin="file", roles=["user"],
            contents=["probe gate"], chosen=chosen, rejected=rejected,
        )
        for number, (chosen, rejected) in enumerate(answers)
    ]  # fmt: skip
    held_out = Pair(
        id="999", split="test", origin="file", roles=["user"], contents=["gate"],
        chosen="calm", rejected="cold",
    )  # fmt: skip
    return kept([*rows, held_out], artifacts)
