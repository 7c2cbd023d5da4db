"""What a tiny model learns of examples, and what is refused. It was trained on other answers."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from rag_pipelines.errors import ArtifactError
from rag_pipelines.inference.causal import open_causal
from rag_pipelines.models.tuning.adapters import merge, train_adapter
from rag_pipelines.models.tuning.config import LoraTuning, PromptTuning
from rag_pipelines.models.tuning.data import Dataset, kept
from rag_pipelines.models.tuning.full import train_full
from rag_pipelines.models.tuning.prompts import train_prompt
from rag_pipelines.models.tuning.training import Trained, Training
from rag_pipelines.storage.artifacts import Artifacts
from rag_pipelines_tests.models.tuning import examples

SEEDS = range(3)
TOKENS = [2, 12, 13, 14, 3, 4, 5]
"""A question of three things and the beginning of an answer."""


@pytest.fixture(scope="module")
def friendly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return examples.friendly_model(tmp_path_factory.mktemp("friendly"))


@pytest.fixture
def rude(artifacts: Artifacts) -> Dataset:
    return examples.rude(artifacts)


Train = Callable[..., Path]


@pytest.fixture
def train(friendly: Path, rude: Dataset, tmp_path: Path) -> Train:
    """Trains the friendly model to be rude, by default, and tells where it lies."""

    def run(tuning: Any, name: str = "one", data: Dataset = rude, parent: Path = friendly) -> Path:
        room = tmp_path / name
        room.mkdir()
        trainer = {LoraTuning: train_adapter, PromptTuning: train_prompt}.get(
            type(tuning), train_full
        )
        trainer(parent, data, tuning, room, Training(tmp_path / f"{name}-kept"), None)
        return room

    return run


def figures(room: Path) -> dict[str, float]:
    return Trained.read(room).figures


@pytest.mark.parametrize("seed", SEEDS)
def test_an_adapter_learns_most_one_on_nf4_nearly_that_and_a_soft_prompt_less(
    train: Train, seed: int
):
    lora = figures(train(examples.lora(seed=seed), "lora"))
    qlora = figures(train(examples.lora(method="qlora", seed=seed), "qlora"))
    prompt = figures(train(examples.prompt(seed=seed), "prompt"))
    assert lora["perplexity"] < lora["perplexity_before"] / 10
    assert qlora["perplexity"] < qlora["perplexity_before"] / 10
    assert qlora["perplexity"] == pytest.approx(lora["perplexity"], rel=0.25)
    assert lora["perplexity"] < prompt["perplexity"] < prompt["perplexity_before"]
    assert prompt["perplexity_before"] == pytest.approx(lora["perplexity_before"])


def test_every_weight_may_be_trained(train: Train):
    room = train(examples.full())
    told = figures(room)
    assert told["perplexity"] < told["perplexity_before"] / 10
    assert len(open_causal(room, threads=1).step(TOKENS, None)[0]) == len(TOKENS)


def test_short_examples_may_be_packed(train: Train):
    told = figures(train(examples.lora(packing=True, checkpointing=True)))
    assert told["perplexity"] < told["perplexity_before"]


def test_two_runs_with_one_seed_agree(train: Train):
    one, other = (Trained.read(train(examples.lora(seed=3), name)).curves for name in "ab")
    losses, others = ([p["loss"] for p in points if "loss" in p] for points in (one, other))
    assert len(losses) == 24
    assert losses == pytest.approx(others, abs=1e-3)


def test_an_adapter_tells_no_path_and_holds_no_pickle(train: Train, friendly: Path):
    room = train(examples.lora())
    assert {path.name for path in room.iterdir()} == {
        "adapter_config.json", "adapter_model.safetensors", "training.json",
    }  # fmt: skip
    assert str(friendly.parent) not in (room / "adapter_config.json").read_text()
    assert json.loads((room / "adapter_config.json").read_text())["base_model_name_or_path"] == ""


def test_a_merged_model_says_what_the_adapter_said_on_its_base(
    train: Train, friendly: Path, tmp_path: Path
):
    adapter, room = train(examples.lora()), tmp_path / "merged"
    room.mkdir()
    merge(friendly, adapter, room, "causal")
    base = AutoModelForCausalLM.from_pretrained(friendly, dtype=torch.float32)
    with torch.inference_mode():
        unadapted = base(input_ids=torch.tensor([TOKENS])).logits[0].clone()
        adapted: Any = PeftModel.from_pretrained(base, str(adapter)).eval()
        expected = adapted(input_ids=torch.tensor([TOKENS])).logits[0]
    found, _ = open_causal(room, threads=1).step(TOKENS, None)
    assert torch.from_numpy(found).allclose(expected, atol=1e-3)
    assert not expected.allclose(unadapted, atol=0.1)
    assert figures(room) == figures(adapter)


def test_a_soft_prompt_stands_before_the_first_token_alone(train: Train, friendly: Path):
    from peft import PromptTuningConfig, get_peft_model
    from safetensors.torch import load_file

    room = train(examples.prompt())
    model = open_causal(room, threads=1)
    [vectors] = load_file(room / "soft_prompt.safetensors").values()
    base = AutoModelForCausalLM.from_pretrained(friendly, dtype=torch.float32)
    peft: Any = get_peft_model(
        base, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4)
    )
    peft.prompt_encoder["default"].embedding.weight.data = vectors
    with torch.inference_mode():
        whole = peft.eval()(input_ids=torch.tensor([TOKENS])).logits[0, 4:]
    first, cache = model.step(TOKENS[:4], None)
    second, _ = model.step(TOKENS[4:], cache)
    assert (len(first), len(second)) == (4, 3)
    assert torch.from_numpy(first).allclose(whole[:4], atol=1e-4)
    assert torch.from_numpy(second).allclose(whole[4:], atol=1e-4)
    assert model.context_tokens == open_causal(friendly, threads=1).context_tokens - 4
    assert (room / "model.safetensors").samefile(friendly / "model.safetensors")


def few(artifacts: Artifacts) -> Dataset:
    return examples.rude(artifacts, count=5)


def unvalidated(artifacts: Artifacts) -> Dataset:
    rows = examples.rude(artifacts).examples("train")
    return kept(rows, artifacts)


def overlong(artifacts: Artifacts) -> Dataset:
    rows = examples.rude(artifacts).examples("train")
    validation = [replace(row, id=f"v{row.id}", split="validation") for row in rows]
    return kept(
        [*rows, *validation, replace(rows[0], id="long", completion="cold " * 80)], artifacts
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (few, "has 4 examples to train on, and at least 8 are needed; add golden questions"),
        (unvalidated, "has no example for validation.*add examples about more pages"),
        (overlong, "example long of 85 tokens is longer than 64.*raise max_tokens"),
    ],
)
def test_examples_that_teach_nothing_are_refused_with_the_remedy(
    train: Train, artifacts: Artifacts, data: Callable[[Artifacts], Dataset], said: str
):
    with pytest.raises(ArtifactError, match=said):
        train(examples.lora(), data=data(artifacts))


def test_layers_that_do_not_exist_are_told_with_those_that_do(train: Train):
    with pytest.raises(ArtifactError, match=r"no layers query; .* may name down_proj, gate_proj"):
        train(examples.lora(target_modules=["q_proj", "query"]))


def test_a_tokenizer_without_a_chat_template_is_told(train: Train, tmp_path: Path):
    folder = examples.word_model(tmp_path / "plain")
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(ArtifactError, match=r"no chat template.*start from an instruct model"):
        train(examples.lora(), parent=folder)


def test_of_a_loss_that_is_no_number_nothing_stays(train: Train, tmp_path: Path):
    from safetensors.torch import load_file, save_file

    folder = examples.word_model(tmp_path / "broken")
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"].fill_(float("nan"))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ArtifactError, match="loss"):
        train(examples.full(), parent=folder)
    assert not list((tmp_path / "one").iterdir())
    assert not (tmp_path / "one-kept").exists()


@pytest.mark.gpu
def test_a_gpu_trains_on_nf4(train: Train):
    torch.cuda.reset_peak_memory_stats()
    told = figures(train(examples.lora(method="qlora")))
    assert told["perplexity"] < told["perplexity_before"]
    print(
        f"QLoRA on {torch.cuda.get_device_name()}: {told['tokens_per_second']:.0f} tokens/s, "
        f"{told['peak_memory_bytes'] / 1e6:.0f} MB at most"
    )
