"""From what people said to the model that answers them: the whole loop, as a person runs it."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rag_pipelines.chat.history.sqlite import SqliteHistory
from rag_pipelines.models import run_tags as tags
from rag_pipelines.models.promotions import Promotions
from rag_pipelines.records import Citation
from rag_pipelines.storage.mlflow_store import mlflow_client
from rag_pipelines_tests.chat.history.talk import exchange, opinion
from rag_pipelines_tests.chat.service import until
from rag_pipelines_tests.end_to_end.installation import Installation
from rag_pipelines_tests.end_to_end.serving import service
from rag_pipelines_tests.lib.handbook import opinions, page, published
from rag_pipelines_tests.models.tiny import tiny_chat_model

pytestmark = pytest.mark.slow

OPINIONS = 200
MODELS = """\
bases: {base: {folder: tiny}}
datasets: {candidates: 60}
tuned:
  better:
    {method: lora, rank: 8, alpha: 16, steps: 16, batch: 4, accumulate: 1, learning_rate: 1.0e-2,
     evaluate_every: 16}
  barely:
    {method: lora, rank: 8, alpha: 16, steps: 2, batch: 4, accumulate: 1, learning_rate: 1.0e-3,
     evaluate_every: 2}
variants: {}
measure: {questions: 0, answer_tokens: 8, text_tokens: 512, window: 64, repeats: 3}
weights: {answers: 0}
gate: {latency: 20, memory: 3}
"""
REWARD = """\
  reward:
    {method: reward, rank: 8, alpha: 16, steps: 16, batch: 8, accumulate: 1, learning_rate: 1.0e-2,
     evaluate_every: 8}
"""
"""Added to the table `tuned`."""
CHAMPION = {"RAG_GENERATOR": "registry:champion"}


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Installation:
    """The handbook published, 200 opinions in the history, and two adapters trained on them."""
    folder = tmp_path_factory.mktemp("tuning")
    published(folder, MODELS)
    made = Installation(folder, {"RAG_MODELS": str(folder / "models.yaml")})
    tiny_chat_model(folder / "tiny")
    asyncio.run(rated(made.home))
    done = made.run("models", "tune")
    assert done.returncode == 0, done.stderr
    done = made.run("models", "make")
    assert done.returncode == 0, done.stderr
    return made


async def rated(home: Path) -> None:
    history = SqliteHistory(home / "history.db")
    for number, said in enumerate(opinions(OPINIONS)):
        user = f"user-{number}"
        asked, _ = await exchange(history, said.question, f"s-{number}", user)
        about = next(page(n) for n in range(36) if page(n).id == said.chunk_ids[0])
        cited = Citation(n=1, kind="page", url=about.url, title=about.title, heading="", page=None,
                         quote=about.text, chunk_id=about.id)  # fmt: skip
        given = opinion(asked, said.rating, user=user)
        await history.rate(
            given.__class__(**{
                **{name: getattr(given, name) for name in given.__dataclass_fields__},
                "question": said.question, "answer": said.answer, "correction": said.correction,
                "citations": [cited],
            })
        )  # fmt: skip
    await history.close()


@pytest.fixture(scope="module")
def served(tuned: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The port of a service that was started before anybody was promoted."""
    log = tmp_path_factory.mktemp("service") / "log"
    with service(tuned.home, log, **CHAMPION) as port:
        ready = f"http://127.0.0.1:{port}/readyz"
        until(lambda: httpx.get(ready).status_code == 200)
        yield port


def answers_with(port: str) -> str:
    """The model that is asked to write an answer now."""
    body = {"question": "How long does the warranty of the kettle last?", "stream": True}
    base = f"http://127.0.0.1:{port}"
    with httpx.stream("POST", f"{base}/api/question", json=body, timeout=60) as answer:
        lines = [line for line in answer.iter_lines() if line.startswith("data:")]
    return json.loads(lines[0].removeprefix("data:"))["model"]


def told(tuned: Installation, port: str, *arguments: str) -> Any:
    done = tuned.run("models", *arguments, "--json", **CHAMPION, RAG_PORT=port)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_better_adapter_is_promoted_and_the_running_service_answers_with_it(
    tuned: Installation, served: str
):
    assert answers_with(served) == "extractive:"
    champion = told(tuned, served, "promote")["champion"]
    assert champion["name"] == "better"
    assert champion["by"] == "gate"
    assert "finds held-out answers likelier" in champion["reason"]
    assert answers_with(served) == "transformers:better"
    release = httpx.get(f"http://127.0.0.1:{served}/api/release").json()
    assert release["model"]["digest"] == champion["digest"]


def test_the_adapter_that_barely_learned_is_not_promoted_and_why_is_told(
    tuned: Installation, served: str
):
    before = Promotions(tuned.home / "promotions.json").all()
    said = told(tuned, served, "promote")
    assert (said["champion"]["name"], said["challenger"]["name"]) == ("better", "barely")
    again = Promotions(tuned.home / "promotions.json")
    assert [one for one in again.all() if one.role == "champion"] == [
        one for one in before if one.role == "champion"
    ]
    challenger = again.newest("challenger")
    assert challenger
    assert challenger.variant == "barely"
    assert "not shown to be better than better" in challenger.reason


def test_every_registered_version_links_to_its_dataset_and_to_the_answers_it_learned_from(
    tuned: Installation,
):
    client = mlflow_client(f"sqlite:///{tuned.home}/mlflow.db")
    found = {one.tags[tags.VARIANT]: one.tags for one in
             client.search_model_versions(f"name = '{tags.MODEL}'")}  # fmt: skip
    for name in ("better", "barely"):
        dataset = tuned.home / "artifacts" / found[name][tags.DATASET]
        answers = json.loads((dataset / "datasheet.json").read_text())["answers"]
        assert len(answers) > 30
        assert found[name][tags.FEEDBACK].startswith(f"{len(answers)}: {answers[0]}")
    assert tags.DATASET not in found["base"]
    assert "likelier" in found["better"]["champion_because"]


def test_a_person_goes_back_and_forth_and_both_are_recorded(tuned: Installation, served: str):
    back = told(tuned, served, "rollback", "--by", "ann", "--reason", "it was rude")["champion"]
    assert (back["name"], back["by"], back["reason"]) == ("base", "ann", "it was rude")
    assert answers_with(served) == "transformers:base"
    assert told(tuned, served, "promote")["champion"]["name"] == "barely", "but not what was rude"
    challenger = Promotions(tuned.home / "promotions.json").newest("challenger")
    assert challenger
    assert challenger.variant != "better", "nor is what was rude tried on users"
    told(tuned, served, "rollback")
    there = told(tuned, served, "promote", "better", "--by", "ann")["champion"]
    assert there["name"] == "better"
    champions = [one for one in told(tuned, served, "promotions")["promotions"]
                 if one["role"] == "champion"]  # fmt: skip
    assert [one["name"] for one in champions] == [
        *("base", "better", "base", "barely", "base", "better")
    ]
    done = tuned.run("models", "promote", "nobody", **CHAMPION)
    assert done.returncode == 2
    assert "No model 'nobody' was made here" in done.stderr


def test_a_reward_model_is_trained_on_what_was_preferred(tuned: Installation):
    models = tuned.home.parent / "models.yaml"
    models.write_text(models.read_text().replace("variants: {}", f"{REWARD}variants: {{}}"))
    done = tuned.run("models", "tune", "reward", "--json")
    assert done.returncode == 0, done.stderr
    [row] = json.loads(done.stdout)["models"]
    assert (row["name"], row["state"]) == ("reward", "made")
    client = mlflow_client(f"sqlite:///{tuned.home}/mlflow.db")
    [experiment] = client.search_experiments(filter_string="name = 'models'")
    runs = client.search_runs([experiment.experiment_id])
    reached = {run.info.run_name: run.data.metrics for run in runs}
    assert reached["training: reward"]["test_accuracy"] >= 0.6
