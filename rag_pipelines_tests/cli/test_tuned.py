from rag_pipelines.cli.models_tuned import in_order, needed
from rag_pipelines.models.config import Models

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
