import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from rag_pipelines.errors import ArtifactError, UserError
from rag_pipelines.inference.causal import greedy, open_causal, prefilled
from rag_pipelines.inference.chat_tokenizer import ChatTokenizer
from rag_pipelines.models.config import METHODS, BaseSource, Models, Variant
from rag_pipelines.models.making import Factory
from rag_pipelines.models.onnx_export import Exportable, export_module
from rag_pipelines.records import ModelArtifact
from rag_pipelines.storage.artifacts import Artifact, Artifacts
from rag_pipelines_tests.models.tiny import TEXT, tiny_chat_model


@pytest.fixture(scope="module")
def factory(tmp_path_factory) -> Factory:
    """A factory over a tiny model, with a variant of every method."""
    room = tmp_path_factory.mktemp("factory")
    base = BaseSource(folder=tiny_chat_model(room / "tiny"))
    return Factory(Models(bases={"base": base}), Artifacts(room / "artifacts"), offline=True)


@pytest.fixture(scope="module")
def made(factory) -> dict[str, ModelArtifact]:
    return {name: factory.make(name) for name in ("base", *METHODS)}


@pytest.fixture(scope="module")
def folders(factory, made) -> dict[str, Artifact]:
    return {name: factory.artifacts.open(model.digest) for name, model in made.items()}


def logits(folder: Path, text: str = TEXT[0]) -> np.ndarray:
    tokens = ChatTokenizer(folder).ids(text)
    found, _ = open_causal(folder, threads=1).step(tokens, None)
    return found


def written(folder: Path) -> list[int]:
    tokens = ChatTokenizer(folder).ids(TEXT[1])
    return list(greedy(open_causal(folder, threads=1), tokens, 12, ends=()))


def test_a_second_time_nothing_is_made(factory, made):
    frozen = Artifacts(factory.artifacts.root, frozen=True)
    again = Factory(factory.models, frozen, offline=True)
    assert {name: again.make(name) for name in made} == made


def test_every_variant_says_what_it_is_made_of_and_how(made):
    base = made["base"]
    assert base.parent == ""
    assert {made[name].parent for name in METHODS} == {base.digest}
    assert [made[name].method for name in METHODS] == list(METHODS)
    assert {model.licence for model in made.values()} == {"apache-2.0"}


def test_the_graph_computes_what_the_model_does(folders):
    difference = np.abs(logits(folders["onnx-fp32"].folder) - logits(folders["base"].folder))
    assert difference.max() < 1e-4
    assert written(folders["onnx-fp32"].folder) == written(folders["base"].folder)
    told = json.loads((folders["onnx-fp32"].folder / "parity.json").read_text())
    assert told["opset"] == 23
    assert told["largest_difference"] < 1e-4


def test_attention_norms_and_rotations_are_a_node_each_of_the_standard_set(folders):
    graph = onnx.load(str(folders["onnx-fp32"].folder / "model.onnx"), load_external_data=False)
    operators = Counter(node.op_type for node in graph.graph.node)
    wanted = {"Attention": 2, "RMSNormalization": 5, "RotaryEmbedding": 4}  # of two layers
    assert {name: operators[name] for name in wanted} == wanted
    assert {node.domain for node in graph.graph.node} == {""}


def test_a_model_that_does_not_see_all_of_the_past_is_traced_as_it_is():
    from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

    from rag_pipelines.models.onnx_attention import attends_to_all

    small: dict[str, Any] = {
        "vocab_size": 96,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    assert attends_to_all(LlamaForCausalLM(LlamaConfig(**small)))
    assert attends_to_all(MistralForCausalLM(MistralConfig(**small, sliding_window=None)))
    assert not attends_to_all(MistralForCausalLM(MistralConfig(**small, sliding_window=8)))


@pytest.mark.parametrize("name", ["onnx-fp32", "onnx-int8", "onnx-int4"])
def test_a_graph_tells_nothing_of_the_machine_that_made_it(folders, name):
    content = (folders[name].folder / "model.onnx").read_bytes()
    assert b"site-packages" not in content
    assert b"transformers" not in content


@pytest.mark.parametrize("name", ["base", "onnx-fp32", "onnx-int8"])
def test_one_graph_serves_prefill_and_decode(folders, name):
    folder = folders[name].folder
    model, tokens = open_causal(folder, threads=1), ChatTokenizer(folder).ids(" ".join(TEXT) * 3)
    assert len(tokens) > 64  # more than one block
    at_once, _ = model.step(tokens, None)
    in_blocks, cache = prefilled(model, tokens[:-1])
    last, _ = model.step(tokens[-1:], cache)
    apart = 1e-4 if name != "onnx-int8" else 0.2  # activations are scaled by block
    assert np.abs(last[-1] - at_once[-1]).max() < apart
    assert in_blocks.shape[1] == at_once.shape[1]


@pytest.mark.parametrize(("name", "most"), [("nf4", 0.7), ("int8", 0.8)])
def test_weights_by_bitsandbytes_are_smaller_and_near(folders, name, most):
    weights = {n: (folders[n].folder / "model.safetensors").stat().st_size for n in (name, "base")}
    assert weights[name] < most * weights["base"]
    assert (
        np.corrcoef(logits(folders[name].folder).ravel(), logits(folders["base"].folder).ravel())[
            0, 1
        ]
        > 0.95
    )


@pytest.mark.parametrize(
    ("name", "operator"), [("onnx-int8", "DynamicQuantizeLinear"), ("onnx-int4", "MatMulNBits")]
)
def test_quantized_graphs_are_smaller_and_near(folders, name, operator):
    sizes = {
        n: sum(p.stat().st_size for p in folders[n].folder.glob("model.onnx.data"))
        for n in (name, "onnx-fp32")
    }
    assert sizes[name] < 0.6 * sizes["onnx-fp32"]
    graph = onnx.load(str(folders[name].folder / "model.onnx"), load_external_data=False).graph
    assert operator in {node.op_type for node in graph.node}
    assert (
        np.corrcoef(logits(folders[name].folder).ravel(), logits(folders["base"].folder).ravel())[
            0, 1
        ]
        > 0.9
    )


def test_products_that_narrow_are_kept_from_one_scale_for_all_activations(folders):
    graph = onnx.load(
        str(folders["onnx-int8"].folder / "model.onnx"), load_external_data=False
    ).graph
    operators = [node.op_type for node in graph.node]
    assert operators.count("MatMulNBits") == 6  # key, value and down of each of the two layers
    assert operators.count("MatMulInteger") > 2


def test_an_unknown_variant_is_told_with_those_there_are(factory):
    with pytest.raises(UserError, match="no model 'nf5'; it has: base, nf4"):
        factory.make("nf5")


def test_an_architecture_that_cannot_be_exported_is_told_and_leaves_nothing(tmp_path):
    import torch

    class Branching(torch.nn.Module):
        def forward(self, x):
            return x if float(x.sum()) > 0 else -x

    exportable = Exportable(
        Branching(), (torch.ones(2, 2),), ["x"], ["y"], ({0: torch.export.Dim.DYNAMIC},)
    )
    artifacts = Artifacts(tmp_path / "artifacts")
    with pytest.raises(ArtifactError, match="Branching cannot be exported"):
        artifacts.make({"method": "onnx-fp32"}, lambda room: export_module(exportable, room))
    assert [path for path in artifacts.root.rglob("*") if path.is_file()] == []


def test_one_bad_variant_stops_no_other(factory):
    models = factory.models.model_copy(
        update={"variants": {"bad": Variant(method="nf4"), "good": Variant(method="int8")}}
    )
    broken = tiny_chat_model(factory.artifacts.root.parent / "broken")
    (broken / "model.safetensors").write_bytes(b"no safetensors")
    both = models.model_copy(
        update={
            "bases": {"base": BaseSource(folder=broken), "fine": factory.models.bases["base"]},
            "variants": {"bad": Variant(method="nf4"), "good": Variant(method="int8", of="fine")},
        }
    )
    other = Factory(both, Artifacts(factory.artifacts.root.parent / "other"), offline=True)
    with pytest.raises(ArtifactError, match="nf4: the parent cannot be loaded"):
        other.make("bad")
    assert other.make("good").method == "int8"


def test_an_image_model_goes_through_the_same_export(tmp_path):
    import torch
    from transformers import ViTConfig, ViTForImageClassification

    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        image_size=16,
        patch_size=8,
        num_labels=3,
    )
    model = ViTForImageClassification(config)

    class Scores(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, pixel_values):
            return self.model(pixel_values=pixel_values).logits

    pictures = torch.randn(2, 3, 16, 16)
    exportable = Exportable(
        Scores(), (pictures,), ["pixel_values"], ["logits"], ({0: torch.export.Dim.DYNAMIC},)
    )
    export_module(exportable, tmp_path)
    from rag_pipelines.inference.causal_onnx import open_session

    more = torch.randn(5, 3, 16, 16)
    (found,) = open_session(tmp_path / "model.onnx", 1).run(None, {"pixel_values": more.numpy()})
    with torch.inference_mode():
        expected = Scores().eval()(more).numpy()
    assert np.abs(found - expected).max() < 1e-4


def test_the_same_base_gives_the_same_digests_wherever_it_is_made(factory, made, tmp_path):
    """What `onnx-int8` and `onnx-int4` are made of is in theirs, so three say it for all."""
    elsewhere = Factory(factory.models, Artifacts(tmp_path / "artifacts"), offline=True)
    for name in ("base", "nf4", "onnx-int8"):
        assert elsewhere.make(name).digest == made[name].digest, name
