import json
from pathlib import Path

from rag_pipelines.cli.models_tuned import in_order, needed
from rag_pipelines.models.config import Models
from rag_pipelines.storage.artifacts import Artifacts
from rag_pipelines_tests.end_to_end.serving import rag

MODELS = Models.model_validate(
    {
        "tuned": {
            "pleasing": {"method": "ppo", "of": "lora", "reward": "score"},
            "score": {"method": "reward"},
            "lora": {"method": "lora"},
        }
    }
)


def test_a_model_is_trained_after_what_it_needs():
    assert in_order(MODELS, ["pleasing", "score", "lora"]) == ["lora", "score", "pleasing"]


def test_what_was_not_asked_for_is_not_trained():
    assert in_order(MODELS, ["pleasing", "lora"]) == ["lora", "pleasing"]
    assert needed(MODELS, "pleasing") == ["lora", "score"]


def test_adapters_are_listed_with_their_folders_once_they_are_made(tmp_path: Path):
    (tmp_path / "models.yaml").write_text("tuned: {lora: {method: lora}}\nvariants: {}\n")
    named = {"RAG_MODELS": str(tmp_path / "models.yaml")}
    rows = json.loads(rag(tmp_path, "models", "list", "--json", **named).stdout)["variants"]
    assert [row["name"] for row in rows] == ["base", "lora"]
    store = Artifacts(tmp_path / "artifacts")
    made = store.make({"method": "lora"}, lambda room: (room / "adapter_config.json").touch())
    store.name("lora.adapter", made.digest)
    rows = json.loads(rag(tmp_path, "models", "list", "--json", **named).stdout)["variants"]
    assert [row["name"] for row in rows] == ["base", "lora", "lora.adapter"]
    assert rows[-1]["folder"] == str(made.folder)
    assert rows[1]["state"] == "not made"
