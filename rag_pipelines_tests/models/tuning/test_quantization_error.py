"""What a base in 4 bits says with terms that make up for its error, and what they leave alone."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from rag_pipelines.inference.four_bits import unpacked
from rag_pipelines.models.quantize import configuration
from rag_pipelines.models.tuning.quantization_error import made_up_for
from rag_pipelines_tests.models.tuning import examples

READ = [[2, 12, 13, 14, 3, 4, 5], [2, 5, 4, 3, 12]]
OTHERS = torch.tensor([[2, 13, 12, 5, 3, 14]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return examples.friendly_model(tmp_path_factory.mktemp("friendly"))


def full(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def in_4_bits(folder: Path) -> Any:
    how = configuration("nf4", "cpu")
    model = AutoModelForCausalLM.from_pretrained(folder, quantization_config=how)
    return unpacked(model.eval(), learns=True)


def said(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=OTHERS).logits[0]


def test_it_says_nearly_what_it_said_in_full_precision(folder: Path):
    expected = said(full(folder))
    lost = (said(in_4_bits(folder)) - expected).norm()
    left = (said(made_up_for(in_4_bits(folder), full(folder), READ)) - expected).norm()
    assert left < lost / 2


def test_its_terms_are_the_same_each_time_and_draw_no_random_number(folder: Path):
    before = torch.get_rng_state()
    one, other = (said(made_up_for(in_4_bits(folder), full(folder), READ)) for _ in range(2))
    assert one.equal(other)
    assert torch.get_rng_state().equal(before)


def test_its_terms_do_not_learn_but_pass_gradients_on(folder: Path):
    model = made_up_for(in_4_bits(folder), full(folder), READ)
    assert {name for name, _ in model.named_parameters()} == {
        name for name, _ in in_4_bits(folder).named_parameters()
    }
    vectors = model.get_input_embeddings()(OTHERS).detach().requires_grad_()
    model(inputs_embeds=vectors).logits.sum().backward()
    assert vectors.grad.norm() > 0
