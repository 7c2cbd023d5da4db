from pathlib import Path

import pytest

from rag_pipelines.errors import ConfigError
from rag_pipelines.models.config import METHODS, Models, load_models


def read(tmp_path: Path, text: str) -> Models:
    path = tmp_path / "models.yaml"
    path.write_text(text)
    return load_models(path)


def test_without_a_file_the_shipped_model_has_every_method(tmp_path):
    models = load_models(tmp_path / "models.yaml")
    assert models.bases["base"].gguf == "smollm2"
    assert tuple(models.variants) == METHODS
    assert models.variants["onnx-int8"].asset == "onnx_model"
    assert models.variants["nf4"].asset == "quantized_model"
    assert models.base_of("nf4") == models.base_of("base") == "base"


def test_paths_are_relative_to_the_file(tmp_path):
    models = read(tmp_path, "bases: {base: {folder: weights/tiny}, other: {gguf: a.gguf}}\n")
    assert models.bases["base"].folder == tmp_path / "weights" / "tiny"
    assert models.bases["other"].gguf == str(tmp_path / "a.gguf")


def test_a_variant_states_what_it_may_lose_or_takes_what_is_usual_for_its_method(tmp_path):
    models = read(tmp_path, "variants: {a: {method: int8}, b: {method: nf4, perplexity_loss: 0}}\n")
    assert models.variants["a"].perplexity_loss == 0.1
    assert models.variants["b"].perplexity_loss == 0
    assert models.variants["a"].least_cosine == 0.98
    assert models.variants["b"].least_same_spans == 0.7


def test_the_weights_add_up_to_one_and_the_example_writes_them_out():
    weights = Models().weights
    assert sum(weights.model_dump().values()) == pytest.approx(1)
    assert load_models(Path("examples/models.yaml")).weights == weights


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bases: {base: {}}", "models.yaml:1: bases.base: .*one of hub, folder and gguf"),
        ("bases:\n  base: {hub: org/m}", "models.yaml:2: bases.base: .*revision together with hub"),
        ("bases: {base: {hub: org/m, revision: main}}", "bases.base.revision: found 'main'"),
        ("bases: {base: {gguf: smollm2, trust_remote_code: true}}", "unknown name"),
        ("variants: {nf4: {method: nf5}}", "variants.nf4.method: found 'nf5'; allowed: 'nf4'"),
        ("variants: {nf4: {method: nf4, of: lora}}", "made of one of base, not of lora"),
        ("variants: {base: {method: nf4}}", "another name for base: another model has it"),
        ("tuned: {base: {method: lora}}", "another name for base: another model has it"),
        ("tuned: {a: {method: lora}}\nvariants: {a: {method: nf4}}", "another name for a"),
        ("tuned: {a: {method: sgd}}", "tuned.a: .*'lora'"),
        ("tuned: {a: {method: lora, of: b}, b: {method: full, of: a}}", "not made of itself"),
        ("tuned: {a: {method: ppo, reward: b}}", r"a reward model \(none is there\), not b"),
        (
            "tuned: {a: {method: prompt}}\nvariants: {b: {method: nf4, of: a}}",
            "write text, not of a",
        ),
        ("tuned: {a: {method: lora, rank: 0}}", "rank: found 0"),
        ("datasets: {examples: [{}]}", "one of files and dataset"),
        ("variants: {'../x': {method: nf4}}", "lower-case letters, digits"),
        ("weights: {quality: 0, answers: 0, speed: 0, size: 0}", "one weight at least"),
        ("measure: {repeats: 1}", "measure.repeats: found 1"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said):
        read(tmp_path, text)


def test_a_tuned_model_goes_back_to_its_base_and_is_of_the_asset_of_its_method(tmp_path):
    models = read(
        tmp_path,
        "tuned:\n"
        "  lora: {method: lora}\n"
        "  score: {method: reward}\n"
        "  pleasing: {method: ppo, of: lora, reward: score}\n"
        "variants: {small: {method: onnx-int8, of: pleasing}}\n",
    )
    assert [models.base_of(name) for name in ("small", "pleasing", "lora")] == ["base"] * 3
    assert models.assets == {
        "lora": "lora_adapter",
        "score": "reward_model",
        "pleasing": "ppo_model",
        "small": "onnx_model",
    }
    assert models.serving_asset("lora") == "merged_model"
    assert "score" not in models.compared, "it writes no text"


def test_files_to_learn_from_lie_beside_the_table(tmp_path):
    models = read(tmp_path, "datasets: {pairs: [{files: [pairs/*.jsonl]}]}\n")
    assert models.datasets.pairs[0].files == [str(tmp_path / "pairs" / "*.jsonl")]
