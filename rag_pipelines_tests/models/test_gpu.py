"""The shipped model and its variants on a GPU: right, where they should be, and how fast.

Speeds are told against PyTorch eager in fp32 on the same GPU, and none is asserted.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from rag_pipelines.inference.causal import CausalModel, Logits, open_causal, prefilled
from rag_pipelines.inference.chat_tokenizer import ChatTokenizer
from rag_pipelines.models.config import Models
from rag_pipelines.models.making import Factory
from rag_pipelines.storage.artifacts import Artifacts

DEVICE = "cuda"
TEXT = (
    "Water boils at a lower temperature on a mountain, because the pressure of the air is lower. "
    "The Earth turns around the Sun once in a year, and the Moon turns around the Earth once in "
    "about a month. Bread rises because yeast turns sugar into carbon dioxide."
)
WRITTEN = 64
pytestmark = [pytest.mark.gpu, pytest.mark.slow]


class Eager:
    """PyTorch as it comes, in fp32: what the others are held against."""

    context_tokens = 2048

    def __init__(self, folder: Path) -> None:
        loaded: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        self._model = loaded.to(DEVICE).eval()

    def step(self, tokens: Sequence[int], cache: Any) -> tuple[Logits, Any]:
        row = torch.tensor([list(tokens)], device=DEVICE)
        with torch.inference_mode():
            out = self._model(input_ids=row, past_key_values=cache, use_cache=True)
        return out.logits[0].float().cpu().numpy(), out.past_key_values


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Factory:
    return Factory(Models(), Artifacts(tmp_path_factory.mktemp("gpu")), offline=True)


@pytest.fixture(scope="module")
def base(made: Factory) -> Path:
    return folder(made, "base")


@pytest.fixture(scope="module")
def eager(base: Path) -> Eager:
    return Eager(base)


@pytest.fixture(scope="module")
def tokens(base: Path) -> list[int]:
    return ChatTokenizer(base).ids(TEXT)


def folder(made: Factory, name: str) -> Path:
    return made.artifacts.open(made.make(name).digest).folder


def loss(model: CausalModel, tokens: Sequence[int]) -> float:
    """Mean of the negative logarithms of each next token's chance, nats."""
    logits, _ = model.step(tokens, None)
    chances = torch.log_softmax(torch.from_numpy(logits).double(), -1)
    return -float(np.mean([chances[n, after] for n, (_, after) in enumerate(pairwise(tokens))]))


def speed(model: CausalModel, prompt: Sequence[int]) -> float:
    """Tokens a second of a decode, after one to warm up."""
    _decode_seconds(model, prompt)
    return WRITTEN / _decode_seconds(model, prompt)


def _decode_seconds(model: CausalModel, prompt: Sequence[int]) -> float:
    """Nothing is queued on the GPU when the clock is read."""
    logits, cache = prefilled(model, prompt)
    torch.cuda.synchronize()
    began = perf_counter()
    for _ in range(WRITTEN):
        logits, cache = model.step([int(logits[-1].argmax())], cache)
    torch.cuda.synchronize()
    return perf_counter() - began


def tell(name: str, model: CausalModel, eager: Eager, tokens: Sequence[int], capsys: Any) -> None:
    """Print a speed beside that of PyTorch eager, measured around it."""
    before, found, after = (speed(each, tokens) for each in (eager, model, eager))
    usual = (before + after) / 2
    with capsys.disabled():
        print(
            f"\n{torch.cuda.get_device_name()}: {name} {found:.1f} tokens a second, "
            f"PyTorch eager fp32 {usual:.1f}, {found / usual:.2f} times"
        )


def test_bf16_computes_on_a_gpu_what_fp32_does(
    base: Path, eager: Eager, tokens: list[int], capsys: pytest.CaptureFixture[str]
):
    model: Any = open_causal(base, threads=1)
    assert {p.device.type for p in model._model.parameters()} == {DEVICE}
    assert {p.dtype for p in model._model.parameters()} == {torch.bfloat16}
    assert abs(loss(model, tokens) - loss(eager, tokens)) < 0.1
    tell("bf16", model, eager, tokens, capsys)


def test_nf4_computes_in_bf16_on_a_gpu_and_keeps_what_it_knows(
    made: Factory, eager: Eager, tokens: list[int], capsys: pytest.CaptureFixture[str]
):
    from bitsandbytes.nn.modules import Linear4bit

    model: Any = open_causal(folder(made, "nf4"), threads=1)
    products = [module for module in model._model.modules() if isinstance(module, Linear4bit)]
    assert {product.weight.device.type for product in products} == {DEVICE}
    assert {product.compute_dtype for product in products} == {torch.bfloat16}
    assert loss(model, tokens) < loss(eager, tokens) + 0.5
    tell("nf4", model, eager, tokens, capsys)


@pytest.mark.onnx_cuda
def test_a_graph_and_its_cache_stay_on_a_gpu(
    made: Factory, eager: Eager, tokens: list[int], capsys: pytest.CaptureFixture[str]
):
    model: Any = open_causal(folder(made, "onnx-fp32"), threads=1)
    assert model._session.get_providers()[0] == "CUDAExecutionProvider"
    _, cache = model.step(tokens, None)
    assert {value.device_name() for value in cache} == {DEVICE}
    assert abs(loss(model, tokens) - loss(eager, tokens)) < 0.05  # products in TF32
    tell("onnx-fp32", model, eager, tokens, capsys)
