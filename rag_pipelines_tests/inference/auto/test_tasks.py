"""Each auto class runs on a tiny model of its kind, on the CPU and on a GPU where there is one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rag_pipelines.errors import ModelError
from rag_pipelines.inference.auto.classification import SequenceClassification
from rag_pipelines.inference.auto.embedding import TextEmbedding
from rag_pipelines.inference.auto.generation import CausalLM, Seq2SeqLM
from rag_pipelines.inference.auto.models import load
from rag_pipelines.inference.auto.question_answering import QuestionAnswering
from rag_pipelines.inference.auto.task import Task
from rag_pipelines_tests.inference import tiny_models

KETTLE = "The warranty of the kettle lasts seven years."
LONG = "Spent batteries go back to the shop. " * 100
MODELS: dict[type[Task], Callable[[Path], Path]] = {
    TextEmbedding: tiny_models.embedding_model,
    CausalLM: tiny_models.causal_model,
    Seq2SeqLM: tiny_models.seq2seq_model,
    QuestionAnswering: tiny_models.reader,
    SequenceClassification: tiny_models.classifier,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[type[Task], Path]:
    return {task: make(tmp_path_factory.mktemp(task.auto)) for task, make in MODELS.items()}


def inputs(task: type[Task]) -> list[Any]:
    if task is QuestionAnswering:
        return [(tiny_models.WARRANTY, KETTLE), (tiny_models.FERRY, LONG)]
    return [KETTLE, "A ferry."]


def ran(task: type[Task], folder: Path, device: str) -> Any:
    model: Any = load(task, folder, device, threads=1)
    assert model.device == device
    return model.run(inputs(task))


@pytest.mark.parametrize("task", MODELS)
def test_a_task_gives_one_result_for_each_input_and_the_same_twice(
    task: type[Task], folders: dict[type[Task], Path]
):
    first, second = (ran(task, folders[task], "cpu") for _ in range(2))
    assert len(first) == 2
    np.testing.assert_equal(first, second)


@pytest.mark.gpu
@pytest.mark.parametrize("task", MODELS)
def test_a_task_runs_on_a_gpu_as_on_the_cpu(task: type[Task], folders: dict[type[Task], Path]):
    slow, fast = (ran(task, folders[task], device) for device in ("cpu", "cuda"))
    if task is TextEmbedding:
        np.testing.assert_allclose(slow, fast, atol=1e-3)
    else:
        assert len(slow) == len(fast)
    assert load(task, folders[task]).device == "cuda", "a GPU is taken unasked"


def test_vectors_have_unit_length_and_do_not_depend_on_their_batch(folders: dict[type[Task], Path]):
    model = load(TextEmbedding, folders[TextEmbedding], "cpu")
    texts = [KETTLE, "", LONG, *(f"Edition {n} asks." for n in range(9))]
    together = model.run(texts)
    assert together.shape == (12, model.dimension)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(
        together, np.vstack([model.run([text]) for text in texts]), atol=1e-5
    )
    assert model.run([]).shape == (0, model.dimension)


def test_the_weights_decide_the_vectors_and_the_digest(tmp_path: Path):
    one, other = tiny_models.embedding_model(tmp_path / "1"), tmp_path / "2"
    again = tiny_models.embedding_model(tmp_path / "3")
    torch.manual_seed(7)
    kind = load(TextEmbedding, tiny_models.embedding_model(other), "cpu")._parts.model
    kind.init_weights()
    torch.nn.init.normal_(kind.embeddings.word_embeddings.weight)
    kind.save_pretrained(other)
    first, second, same = (load(TextEmbedding, at, "cpu") for at in (one, other, again))
    assert first.digest == same.digest != second.digest
    assert not np.allclose(first.run([KETTLE]), second.run([KETTLE]), atol=1e-2)


def test_a_text_goes_on_as_far_as_it_may_and_not_beyond_the_context(
    folders: dict[type[Task], Path],
):
    model = load(CausalLM, folders[CausalLM], "cpu")
    [short], [longer] = model.run([KETTLE], 3), model.run([KETTLE], 6)
    assert short.tokens == 3
    assert not short.complete
    assert longer.text.startswith(short.text)
    with pytest.raises(ModelError, match="shorten the text"):
        model.run([LONG], 3)


def test_a_summary_ends_by_itself_and_reads_the_beginning_of_a_long_text(tmp_path: Path):
    model = load(Seq2SeqLM, tiny_models.trained_summariser(tmp_path), "cpu", threads=1)
    [said] = model.run([tiny_models.TOLD[0][0]])
    assert (said.text, said.complete) == (tiny_models.TOLD[0][1], True)
    [cut] = model.run([tiny_models.TOLD[0][0]], 4)
    assert not cut.complete
    assert cut.text
    assert said.text.startswith(cut.text)
    assert model.run([tiny_models.TOLD[0][0] + LONG])[0].tokens > 0
    assert model.prefix == ""


def test_a_model_of_several_tasks_tells_how_it_is_asked_to_summarise(tmp_path: Path):
    folder = tiny_models.seq2seq_model(tmp_path)
    told = json.loads((folder / "config.json").read_text())
    told["task_specific_params"] = {"summarization": {"prefix": "summarize: "}}
    (folder / "config.json").write_text(json.dumps(told))
    assert load(Seq2SeqLM, folder, "cpu").prefix == "summarize: "


def test_scores_are_probabilities_best_first_and_of_one_label_its_logit(
    folders: dict[type[Task], Path], tmp_path: Path
):
    [scores] = load(SequenceClassification, folders[SequenceClassification], "cpu").run([KETTLE])
    assert [one.score for one in scores] == sorted((one.score for one in scores), reverse=True)
    assert {one.label for one in scores} == {"LABEL_0", "LABEL_1", "LABEL_2"}
    assert sum(one.score for one in scores) == pytest.approx(1)
    reward = load(SequenceClassification, tiny_models.classifier(tmp_path, labels=1), "cpu")
    [logit], [other] = reward.run([KETTLE, LONG])
    assert logit.score != 1
    assert logit.score != other.score
