"""Row B17: what may run code or is not what it is taken for is refused, and nothing is opened."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import BartModel

from rag_pipelines.errors import ModelUnavailable
from rag_pipelines.inference.auto.classification import SequenceClassification
from rag_pipelines.inference.auto.embedding import TextEmbedding
from rag_pipelines.inference.auto.generation import CausalLM, Seq2SeqLM
from rag_pipelines.inference.auto.models import load
from rag_pipelines.inference.auto.question_answering import QuestionAnswering
from rag_pipelines.inference.auto.task import Task
from rag_pipelines_tests.inference import tiny_models


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_models.reader(tmp_path / "model")


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "opened"


def refusal(folder: Path | str, task: type[Task] = QuestionAnswering) -> str:
    with pytest.raises(ModelUnavailable) as refused:
        load(task, folder, "cpu", offline=True)
    assert str(refused.value).startswith(f"{folder}: ")
    return str(refused.value)


def changed(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.PKL", "model.ckpt"])
def test_pickles_instead_of_safetensors_are_refused_and_not_opened(
    folder: Path, marker: Path, name: str
):
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(pickle.dumps(Touch(marker)))
    assert name in (said := refusal(folder))
    assert "save_pretrained" in said
    assert not marker.exists()


def test_pickles_beside_safetensors_are_left_alone(folder: Path, marker: Path):
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Touch(marker)))
    assert load(QuestionAnswering, folder, "cpu").run([("Who?", "Nobody.")])
    assert not marker.exists()


def test_a_pickle_under_the_name_of_safetensors_is_refused_and_not_unpickled(
    folder: Path, marker: Path
):
    (folder / "model.safetensors").write_bytes(pickle.dumps(Touch(marker)))
    assert "cannot be loaded" in refusal(folder)
    assert not marker.exists()


def _index(folder: Path, name: str) -> None:
    (folder / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": {"qa_outputs.weight": name}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def _weights_of_config(folder: Path, name: str) -> None:
    changed(folder / "config.json", transformers_weights=name)


@pytest.mark.parametrize("names", [_index, _weights_of_config])
@pytest.mark.parametrize("name", ["shard.bin", "../model/shard.bin", "../stray.safetensors"])
def test_weights_that_another_file_names_are_safetensors_of_the_folder(
    folder: Path, marker: Path, names: Callable[[Path, str], None], name: str
):
    (folder / name).write_bytes(pickle.dumps(Touch(marker)))
    names(folder, name)
    assert "expected safetensors in the folder" in refusal(folder)
    assert not marker.exists()


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_code_of_a_repository_is_refused_and_not_run(folder: Path, marker: Path, file: str):
    (folder / "own.py").write_text(f"import pathlib; pathlib.Path({str(marker)!r}).touch()")
    mapped = {"AutoConfig": "own.C", "AutoModelForQuestionAnswering": "own.M"}
    changed(folder / file, auto_map=mapped)
    assert "auto_map" in refusal(folder)
    assert not marker.exists()


def test_an_adapter_is_refused_for_it_would_load_another_model(folder: Path):
    told = {"base_model_name_or_path": "somebody/else", "peft_type": "LORA"}
    (folder / "adapter_config.json").write_text(json.dumps(told))
    assert "merge it" in refusal(folder)


@pytest.mark.parametrize(
    ("task", "make", "found"),
    [
        (QuestionAnswering, tiny_models.classifier, "BertForSequenceClassification"),
        (QuestionAnswering, tiny_models.embedding_model, "BertModel"),
        (SequenceClassification, tiny_models.reader, "BertForQuestionAnswering"),
        (TextEmbedding, tiny_models.reader, "BertForQuestionAnswering"),
        (CausalLM, tiny_models.seq2seq_model, "BartForConditionalGeneration"),
        (Seq2SeqLM, tiny_models.causal_model, "LlamaForCausalLM"),
    ],
)
def test_a_model_of_another_kind_is_refused_before_its_weights_are_opened(
    task: type[Task], make: Callable[[Path], Path], found: str, tmp_path: Path
):
    folder = make(tmp_path)
    (folder / "model.safetensors").write_bytes(b"not opened")
    said = refusal(folder, task)
    assert found in said
    assert "expected" in said


def test_an_encoder_with_a_decoder_gives_no_vectors(tmp_path: Path):
    folder = tiny_models.seq2seq_model(tmp_path)
    model = BartModel.from_pretrained(folder)
    model.save_pretrained(folder)
    assert "name an encoder" in refusal(folder, TextEmbedding)


def test_a_model_of_a_type_that_nobody_knows_is_refused(folder: Path):
    changed(folder / "config.json", model_type="unheard-of")
    assert "'unheard-of'" in refusal(folder)


@pytest.mark.parametrize("told", [None, 5, [], "BertForQuestionAnswering", [None], {}])
def test_a_config_that_names_no_architecture_is_refused(folder: Path, told: object):
    changed(folder / "config.json", architectures=told)
    assert "expected BertForQuestionAnswering" in refusal(folder)


def test_weights_that_lack_a_part_are_refused_rather_than_filled_with_random_numbers(
    tmp_path: Path,
):
    folder = tiny_models.embedding_model(tmp_path)
    changed(folder / "config.json", architectures=["BertForQuestionAnswering"])
    assert "qa_outputs" in refusal(folder)


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_folder_that_lacks_a_file_is_refused_by_its_name(folder: Path, file: str):
    (folder / file).unlink()
    assert f"{file} is missing" in refusal(folder)


@pytest.mark.parametrize("told", ["", "[]", "{", "[" * 100_000, '"\ud800'])
def test_a_config_that_is_none_is_refused(folder: Path, told: str):
    (folder / "config.json").write_bytes(told.encode("utf-8", "surrogatepass"))
    assert "config.json" in refusal(folder)


@pytest.mark.parametrize("source", ["nobody/nothing", "nothing"])
def test_a_hub_name_that_is_not_in_the_cache_is_refused_with_the_remedy(source: str):
    assert "HF_HUB_OFFLINE" in refusal(source)


@pytest.mark.parametrize("source", ["/no/such/folder", "a/b/c", "../up", "bad name"])
def test_what_is_neither_folder_nor_hub_name_is_refused(source: str):
    assert "no folder" in refusal(source)
