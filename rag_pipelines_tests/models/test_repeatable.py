"""A model measured twice, in processes and stores of their own, as on two machines."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from rag_pipelines.models.evaluation import Asked, EvaluationSet
from rag_pipelines.storage.artifacts import Artifacts
from rag_pipelines_tests.models.tiny import TEXT, tiny_chat_model

MODELS = """\
bases: {{base: {{folder: {folder}}}}}
variants: {{int8: {{method: int8}}}}
measure: {{questions: 2, answer_tokens: 8, text_tokens: 512, window: 64, repeats: 3, seed: 7}}
"""


@dataclass
class Measured:
    evaluation: str
    recipes: set[str]
    artifacts: set[str]
    perplexity: dict[str, float]


def measured(room: Path, model: Path) -> Measured:
    """What a worker of its own measures of a variant in a new store."""
    room.mkdir()
    (room / "models.yaml").write_text(MODELS.format(folder=model))
    store = Artifacts(room / "home" / "artifacts")
    asked = [Asked(question, "Answer.", question, TEXT, [TEXT[0]]) for question in TEXT[:2]]
    evaluation = EvaluationSet("v1", asked, [" ".join(TEXT) * 8]).kept(store).digest
    environment = os.environ | {
        "RAG_HOME": str(room / "home"),
        "RAG_MODELS": str(room / "models.yaml"),
    }
    found: dict[str, float] = {}
    for name in ("base", "int8"):
        command = [sys.executable, "-m", "rag_pipelines.models.worker", "quality", name]
        done = subprocess.run(
            [*command, "--evaluation", evaluation],
            env=environment, capture_output=True, text=True, check=True, timeout=240,
        )  # fmt: skip
        metrics = {metric["name"]: metric["value"] for metric in json.loads(done.stdout)}
        found[name] = metrics["perplexity"]
    recipes = {path.name for path in (store.root / "recipes").iterdir()}
    models = {str(store.named(name)) for name in ("base", "int8")}
    return Measured(evaluation, recipes, models, found)


@pytest.mark.slow
def test_the_same_seed_twice_gives_the_same_digests_and_the_same_perplexity(tmp_path: Path):
    model = tiny_chat_model(tmp_path / "tiny")
    first, second = (measured(tmp_path / name, model) for name in ("first", "second"))
    assert first.evaluation == second.evaluation
    assert first.recipes == second.recipes
    assert first.artifacts == second.artifacts
    assert first.perplexity["base"] > 1
    assert first.perplexity == pytest.approx(second.perplexity, rel=0, abs=1e-3)
