"""How likely a tiny model finds answers: alike on torch and as a graph, of the answer alone."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from rag_pipelines.inference.causal import open_causal
from rag_pipelines.inference.chat_tokenizer import ChatTokenizer
from rag_pipelines.models.config import BaseSource, Measure, Models, Variant
from rag_pipelines.models.likelihood import likelihoods
from rag_pipelines.models.making import Factory
from rag_pipelines.models.measuring import Measuring
from rag_pipelines.models.tuning.data import kept
from rag_pipelines.records import Example, no_progress
from rag_pipelines.storage.artifacts import Artifacts, NotMade
from rag_pipelines_tests.models.tiny import speaking_model, tiny_chat_model

EXAMPLES = [
    Example(id=f"e{n}", split="test" if n % 2 else "train", origin="file", roles=["user"],
            contents=[f"Which alarm is sent in hour {n}?"], completion=f"The oxygen alarm {n}.")
    for n in range(12)
]  # fmt: skip


@pytest.fixture(scope="module")
def factory(tmp_path_factory: pytest.TempPathFactory) -> Factory:
    folder = tmp_path_factory.mktemp("likelihood")
    models = Models(
        bases={"base": BaseSource(folder=tiny_chat_model(folder / "tiny"))},
        variants={"graph": Variant(method="onnx-fp32")},
    )
    return Factory(models, Artifacts(folder / "artifacts"), offline=True)


def of(folder: Path, rows: list[Example] = EXAMPLES) -> dict[str, float]:
    return likelihoods(open_causal(folder, 1), ChatTokenizer(folder), rows, no_progress)


def test_torch_and_the_graph_agree_and_say_the_same_again(factory: Factory):
    folders = [factory.artifacts.open(factory.make(n).digest).folder for n in ("base", "graph")]
    torch, graph = map(of, folders)
    assert torch.keys() == graph.keys() == {row.id for row in EXAMPLES}
    assert torch == of(folders[0])
    for one, value in torch.items():
        assert graph[one] == pytest.approx(value, abs=1e-3)
        assert value == pytest.approx(-math.log(400), abs=1.5), "random weights know nothing"


def test_what_a_model_always_says_is_likelier_than_what_it_never_says(tmp_path: Path):
    folder = speaking_model(tmp_path / "says", "Three years of warranty")
    says = [replace(EXAMPLES[0], id="says", completion="years of warranty"),
            replace(EXAMPLES[0], id="never", completion="warranty of years")]  # fmt: skip
    found = of(folder, says)
    assert found["says"] > found["never"] + 0.5


def test_one_beyond_the_context_is_left_out(factory: Factory):
    folder = factory.artifacts.open(factory.make("base").digest).folder
    long = replace(EXAMPLES[0], id="long", contents=["water " * 3_000])
    assert of(folder, [long, EXAMPLES[1]]).keys() == {"e1"}


def test_it_is_measured_once_on_the_test_split_and_no_more_than_asked(factory: Factory):
    data = kept(EXAMPLES, factory.artifacts)
    model = factory.make("graph")
    found = Measuring(factory.artifacts, "", Measure()).likelihoods(model, data.digest, 4)
    assert list(found) == ["e1", "e11", "e3", "e5"]
    frozen = Measuring(Artifacts(factory.artifacts.root, frozen=True), "", Measure())
    assert frozen.likelihoods(model, data.digest, 4) == found
    with pytest.raises(NotMade):
        frozen.likelihoods(model, data.digest, 5)
