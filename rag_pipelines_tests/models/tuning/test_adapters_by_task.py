"""Adapters of models that are no chat models: what they learn, merged, and what is refused."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from transformers import AutoModelForTokenClassification, BertConfig, BertModel

from rag_pipelines.chat.prompt import prompt_of
from rag_pipelines.errors import ArtifactError
from rag_pipelines.inference.auto.generation import Seq2SeqLM
from rag_pipelines.inference.auto.models import load
from rag_pipelines.inference.auto.question_answering import QuestionAnswering
from rag_pipelines.inference.prompt_parts import parts_of
from rag_pipelines.models.config import BaseSource, Models
from rag_pipelines.models.making import Factory
from rag_pipelines.models.tuning.data import Dataset, kept
from rag_pipelines.models.tuning.fitting import plain_tokenizer
from rag_pipelines.models.tuning.tasks import LABELS, rows_for, task_named
from rag_pipelines.models.tuning.training import Trained
from rag_pipelines.records import Chunk, Example, Hit
from rag_pipelines.storage.artifacts import Artifacts
from rag_pipelines_tests.inference import tiny_models
from rag_pipelines_tests.inference.tiny_models import TOLD
from rag_pipelines_tests.models.tuning import examples


def encoder(folder: Path) -> Path:
    """Random weights, of widths that 4 bits can be computed in."""
    torch.manual_seed(0)
    words = tiny_models.tokenizer()
    config = BertConfig(
        vocab_size=len(words), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=tiny_models.CONTEXT,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


BASES = {
    "seq2seq": ("seq2seq", tiny_models.trained_summariser),
    "answer": ("embed", encoder),
    "tag": ("embed", encoder),
}
"""What a task is learned by: the task of its base, and what makes that."""


def asked_of_passages(completion: str | None = None, count: int = 200) -> list[Example]:
    """How long the warranty lasts: a sentence among others says it, each time another."""
    drawn, rows = random.Random(0), list[Example]()
    for number in range(count):
        facts = [
            fact.format(number=drawn.choice(tiny_models.NUMBERS), edition=drawn.randint(1, 30))
            for fact in tiny_models.FACTS[:3]
        ]
        text = " ".join(drawn.sample(facts, k=3))
        chunk = Chunk(id="1", source="s", url="u", title="", heading="", text=text, tokens=0)
        prompt = prompt_of(tiny_models.WARRANTY, [Hit(chunk, 1.0, 1)])
        rows.append(
            Example(
                id=f"{number:04}", split="validation" if number % 5 == 4 else "train",
                origin="corpus", roles=["system", "user"], contents=[prompt.system, prompt.user],
                completion=completion or facts[1],
            )
        )  # fmt: skip
    return rows


def rewritten() -> list[Example]:
    """Texts, and of each what the summariser says of the other."""
    return [
        Example(
            id=f"{number:04}", split="validation" if number % 5 == 4 else "train", origin="file",
            roles=["user"], contents=[text], completion=said,
        )
        for number in range(60)
        for text, said in [(TOLD[number % 2][0], TOLD[(number + 1) % 2][1])]
    ]  # fmt: skip


def factory_of(task: str, method: str, root: Path) -> tuple[Factory, Dataset]:
    kind, make = BASES[task]
    how = examples.lora(
        method=method, task=task, steps=100, evaluate_every=25, max_tokens=96, learning_rate=1e-2
    )
    models = Models(
        bases={"base": BaseSource.model_validate({"folder": make(root / "base"), "task": kind})},
        tuned={"learned": how},
        variants={},
    )
    artifacts = Artifacts(root / "artifacts")
    rows = rewritten() if task == "seq2seq" else asked_of_passages()
    return Factory(models, artifacts, offline=True), kept(rows, artifacts)


@pytest.mark.parametrize(
    ("task", "method"),
    [
        ("seq2seq", "qlora"),
        ("seq2seq", "lora"),
        ("answer", "lora"),
        ("answer", "qlora"),
        ("tag", "lora"),
    ],
)
def test_an_adapter_learns_its_task_and_is_merged(task: str, method: str, tmp_path: Path):
    factory, data = factory_of(task, method, tmp_path)
    adapter = factory.train("learned", data.digest)
    told = Trained.read(factory.artifacts.open(adapter.digest).folder).figures
    assert told["perplexity"] < told["perplexity_before"] / 1.5
    assert told["tokens_per_second"] > 0
    assert told["examples_left_out"] == 0
    merged = factory.merge("learned")
    assert (adapter.task, merged.task) == (task, task)
    does(task, factory.artifacts.open(merged.digest).folder)


def does(task: str, folder: Path) -> None:
    """The merged model does what it was taught, loaded as anything loads it."""
    if task == "seq2seq":
        [written] = load(Seq2SeqLM, folder, "cpu").run([TOLD[0][0]], 16)
        assert written.text == TOLD[1][1]
        return
    rows, facts = asked_of_passages(count=10), tiny_models.FACTS[1].partition(" {")[0]
    parts = [parts_of(row.contents[-1]) for row in rows]
    passages = [one.passages for one in parts if one]
    if task == "answer":
        found = load(QuestionAnswering, folder, "cpu").run(
            [(tiny_models.WARRANTY, text) for text in passages]
        )
        right = [bool(span) and span.text.startswith(facts) for span in found]
    else:
        said = [tagged(folder, text) for text in passages]
        right = ["kettle lasts" in one and "islands" not in one for one in said]
    assert sum(right) >= 8


def tagged(folder: Path, text: str) -> str:
    """The tokens that a model which labels them takes for the answer, as text."""
    model: Any = AutoModelForTokenClassification.from_pretrained(folder)
    assert model.config.id2label == LABELS
    tokenizer = plain_tokenizer(folder)
    row = tokenizer(tiny_models.WARRANTY, text, return_tensors="pt")
    with torch.inference_mode():
        labels = model.eval()(**row).logits[0].argmax(-1)
    second = row["token_type_ids"][0].bool() & (row["input_ids"][0] != tiny_models.SEP)
    return tokenizer.decode(row["input_ids"][0][labels.bool() & second])


def test_what_stands_in_no_passage_is_left_out_and_too_little_then_refused(tmp_path: Path):
    folder, artifacts = encoder(tmp_path / "base"), Artifacts(tmp_path / "kept")
    tokenizer, task = plain_tokenizer(folder), task_named("answer")
    beside = asked_of_passages("Nobody knows.")[:5]
    mixed = kept([*asked_of_passages()[5:], *beside], artifacts)
    assert rows_for(task, mixed, tokenizer, 96).left_out == len(beside)
    with pytest.raises(ArtifactError, match="has 0 examples to train on, and at least 8"):
        rows_for(task, kept(asked_of_passages("Nobody knows."), artifacts), tokenizer, 96)
    with pytest.raises(ArtifactError, match="has 0 examples to train on"):
        rows_for(task, kept(rewritten(), artifacts), tokenizer, 96)
    with pytest.raises(ArtifactError, match="is longer than 24, which is max_tokens"):
        rows_for(task, mixed, tokenizer, 24)


def test_sentences_of_two_places_are_tags_and_no_span(tmp_path: Path):
    folder, artifacts = encoder(tmp_path / "base"), Artifacts(tmp_path / "kept")
    tokenizer = plain_tokenizer(folder)
    rows = []
    for row in asked_of_passages():
        first, _, last = row.contents[-1].split("\n")[4].replace(". ", ".\n").split("\n")
        rows.append(
            Example(
                id=row.id, split=row.split, origin="corpus", roles=row.roles,
                contents=row.contents, completion=f"{first} {last}",
            )
        )  # fmt: skip
    data = kept(rows, artifacts)
    told = rows_for(task_named("tag"), data, tokenizer, 96).train[0]["labels"]
    runs = "".join(str(max(label, 0)) for label in told).strip("0").split("0")
    assert len([run for run in runs if run]) == 2, "two runs of labels with others between them"
    with pytest.raises(ArtifactError, match="has 0 examples to train on"):
        rows_for(task_named("answer"), data, tokenizer, 96)


@pytest.mark.parametrize(
    ("base", "tuned", "why"),
    [
        ("embed", {"method": "lora"}, "of the task causal, and base is of embed"),
        ("embed", {"method": "full"}, "of the task causal, and base is of embed"),
        ("causal", {"method": "lora", "task": "seq2seq"}, "of the task seq2seq, and base is of"),
        ("seq2seq", {"method": "lora", "task": "tag"}, "embed or answer or tag, and base is of"),
        ("embed", {"method": "lora", "task": "tag", "packing": True}, "packing with the task"),
    ],
)
def test_a_base_that_does_not_fit_the_task_is_refused(base: str, tuned: dict[str, Any], why: str):
    with pytest.raises(ValidationError, match=why):
        Models.model_validate(
            {
                "bases": {"base": {"folder": "here", "task": base}},
                "tuned": {"learned": tuned},
                "variants": {},
            }
        )


def test_there_are_no_variants_of_models_that_rewrite(tmp_path: Path):
    with pytest.raises(ValidationError, match="base is of the task seq2seq, of which there are no"):
        Models(bases={"base": BaseSource(folder=tmp_path, task="seq2seq")})
