import asyncio
import os
import pickle
from pathlib import Path

import pytest

from rag_pipelines.errors import ModelError, ModelUnavailable
from rag_pipelines.inference.generators import load_generator
from rag_pipelines.inference.protocols import Prompt
from rag_pipelines.models.config import BaseSource, Models, Variant
from rag_pipelines.models.making import Factory
from rag_pipelines.storage.artifacts import Artifacts
from rag_pipelines_tests.models.tiny import tiny_chat_model

ASKED = Prompt("Answer shortly.", "How long is the warranty?", "How long?", (), "0")


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A home with a tiny base and two variants of it."""
    home = tmp_path_factory.mktemp("home")
    base = BaseSource(folder=tiny_chat_model(home / "tiny"))
    variants = {"small": Variant(method="nf4"), "graph": Variant(method="onnx-fp32")}
    models = Models(bases={"base": base}, variants=variants)
    factory = Factory(models, Artifacts(home / "artifacts"), offline=True)
    for name in ("base", "small", "graph"):
        factory.make(name)
    return home


async def told(name: str, home: Path, most: int = 12, digest: str = "") -> str:
    generator = load_generator(name, home, digest=digest)
    return "".join([piece async for piece in generator.stream(ASKED, most)])


def test_a_variant_answers_by_name_and_says_which_it_is(home):
    generator = load_generator("onnx:graph", home)
    assert (generator.name, generator.slots) == ("onnx:graph", 1)
    assert generator.digest == Artifacts(home / "artifacts").named("graph")
    assert asyncio.run(told("onnx:graph", home))


def test_the_graph_and_the_model_write_the_same(home):
    of_model = asyncio.run(told("transformers:base", home))
    assert of_model
    assert asyncio.run(told("onnx:graph", home)) == of_model


def test_a_folder_answers_as_well(home):
    assert asyncio.run(told(f"transformers:{home}/tiny", home)) == asyncio.run(
        told("transformers:base", home)
    )


def test_a_digest_means_what_was_made_then(home):
    artifacts = Artifacts(home / "artifacts")
    then = artifacts.named("graph")
    artifacts.name("graph", str(artifacts.named("small")))
    try:
        assert load_generator("onnx:graph", home, digest=str(then)).digest == then
        with pytest.raises(ModelUnavailable, match="write transformers:graph"):
            load_generator("onnx:graph", home)
    finally:
        artifacts.name("graph", str(then))


def test_tokens_are_the_model_s_own(home):
    generator = load_generator("transformers:small", home)
    one, two = asyncio.run(generator.count_tokens(["warranty", "warranty on the probe"]))
    assert 0 < one < two


def test_a_prompt_that_is_too_long_is_told(home):
    long = Prompt("", "warranty " * 3000, "", (), "0")
    generator = load_generator("onnx:graph", home)

    async def ask() -> None:
        async for _ in generator.stream(long, 8):
            pass

    with pytest.raises(ModelError, match="more than its 2048"):
        asyncio.run(ask())


def test_an_answer_that_nobody_reads_any_more_is_not_written_on(home):
    async def seconds(most: int, leave: bool) -> float:
        generator = load_generator("onnx:graph", home)
        began = asyncio.get_running_loop().time()
        pieces = generator.stream(ASKED, most)
        while not leave and await anext(pieces, ""):
            pass
        await anext(pieces, "")
        await pieces.aclose()
        assert await anext(generator.stream(ASKED, 12))  # the one slot is free again
        return asyncio.get_running_loop().time() - began

    assert asyncio.run(seconds(1500, leave=True)) < asyncio.run(seconds(1500, leave=False)) / 2


def test_an_altered_file_is_refused(home, tmp_path):
    artifacts = Artifacts(tmp_path / "artifacts")

    def copied(room: Path) -> None:
        for path in (home / "tiny").iterdir():
            (room / path.name).write_bytes(path.read_bytes())

    made = artifacts.make({"copy": True}, copied)
    artifacts.name("base", made.digest)
    weights = made.folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ModelUnavailable, match="SHA-256"):
        load_generator("transformers:base", tmp_path)


class Marking:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_a_folder_with_a_pickle_is_refused_before_anything_is_opened(home, tmp_path):
    folder = tiny_chat_model(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Marking(tmp_path / "marker")))
    with pytest.raises(ModelUnavailable, match="is a pickle"):
        load_generator(f"transformers:{folder}", tmp_path)
    assert not (tmp_path / "marker").exists()


def test_a_variant_that_was_never_made_is_told_with_the_remedy(home):
    with pytest.raises(ModelUnavailable, match="rag models make nf4"):
        load_generator("transformers:nf4", home)
