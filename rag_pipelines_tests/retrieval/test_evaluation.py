import json
from pathlib import Path

import pytest

from rag_pipelines.errors import ConfigError
from rag_pipelines.inference.protocols import Embedder
from rag_pipelines.retrieval.dataset import load_dataset
from rag_pipelines.retrieval.evaluation import evaluate

DOCUMENTS = {
    "d1": ("Herons", "Herons stand in shallow water and eat fish."),
    "d2": ("Volcanoes", "A volcano erupts when magma reaches the surface."),
    "d3": ("Bread", "Sourdough bread rises because of wild yeast."),
    "7": ("", "The number seven is prime."),
}
QUERIES = {
    "q1": "What do herons eat?",
    "q2": "Why does sourdough rise?",
    "q3": "When does a volcano erupt?",
    "q4": "Nobody judged this one.",
}
QRELS = [("q1", "d1", "1"), ("q2", "d3", "2"), ("q3", "d2", "1")]


def dataset(folder: Path, qrels: str = "qrels.tsv", header: bool = True) -> Path:
    documents = [{"_id": k, "title": t, "text": x} for k, (t, x) in DOCUMENTS.items()]
    queries = [{"_id": k, "text": x, "history": []} for k, x in QUERIES.items()]
    write(folder / "corpus.jsonl", documents)
    write(folder / "queries.jsonl", queries)
    lines = ["query-id\tcorpus-id\tscore"] * header + ["\t".join(row) for row in QRELS]
    (folder / qrels).parent.mkdir(exist_ok=True)
    (folder / qrels).write_text("\n".join(lines) + "\n")
    return folder


def write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_an_easy_set_is_answered_whole(tmp_path: Path, embedder: Embedder):
    report = evaluate(dataset(tmp_path), embedder)
    assert report.queries == 3
    assert report.metrics["ndcg@10"] == report.metrics["mrr@10"] == 1.0
    assert {"recall@5", "recall@10"} <= report.metrics.keys()
    assert report.settings["embedder"] == embedder.name
    assert report.settings["documents"] == 4


def test_a_document_scores_as_its_best_chunk(tmp_path: Path, embedder: Embedder):
    filler = "Nothing of this matters to birds at all, and it goes on. " * 60
    documents = [
        {"_id": "long", "text": f"{filler}\n\nHerons eat fish.\n\n{filler}"},
        {"_id": "other", "text": "Bread is baked in an oven."},
    ]
    folder = dataset(tmp_path)
    write(folder / "corpus.jsonl", documents)
    (folder / "qrels.tsv").write_text("q1\tlong\t1\n")
    report = evaluate(folder, embedder)
    assert report.settings["chunks"] > 3
    assert report.metrics["mrr@10"] == 1.0


@pytest.mark.parametrize("qrels", ["qrels.tsv", "qrels/test.tsv"])
@pytest.mark.parametrize("header", [True, False])
def test_both_places_of_judgements_with_and_without_header(
    tmp_path: Path, qrels: str, header: bool
):
    data = load_dataset(dataset(tmp_path, qrels, header))
    assert data.judgements == {"q1": {"d1": 1}, "q2": {"d3": 2}, "q3": {"d2": 1}}


def test_a_query_with_grades_of_0_alone_is_left_out(tmp_path: Path):
    folder = dataset(tmp_path)
    with (folder / "qrels.tsv").open("a") as file:
        file.write("q4\td1\t0\n")
    assert "q4" not in load_dataset(folder).queries


def test_a_folder_that_is_no_set_says_what_is_missing(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"corpus\.jsonl.*qrels\.tsv or qrels/test\.tsv"):
        load_dataset(tmp_path)


def test_a_folder_that_is_not_there_says_so(tmp_path: Path):
    with pytest.raises(ConfigError, match="found nothing"):
        load_dataset(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("corpus.jsonl", b"not json"),
        ("corpus.jsonl", b"[1]"),
        ("corpus.jsonl", b'{"_id": "d9"}'),
        ("corpus.jsonl", b'{"_id": "d9", "text": 3}'),
        ("corpus.jsonl", b'{"_id": "d1", "text": "twice"}'),
        ("corpus.jsonl", b'{"text": "no id"}'),
        ("queries.jsonl", b'{"_id": "q9", "text": null}'),
        ("queries.jsonl", b"\xff\xfe"),
        ("qrels.tsv", b"q1\td1"),
        ("qrels.tsv", b"q1\td1\tgood"),
    ],
)
def test_a_mistake_is_named_by_file_and_line(tmp_path: Path, name: str, line: bytes):
    path = dataset(tmp_path) / name
    number = path.read_bytes().count(b"\n") + 1
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(ConfigError, match=rf"{name}:{number}: "):
        load_dataset(tmp_path)


def test_judgements_of_other_queries_are_no_set(tmp_path: Path):
    folder = dataset(tmp_path)
    (folder / "qrels.tsv").write_text("x1\td1\t1\n")
    with pytest.raises(ConfigError, match="none of the 4 queries"):
        load_dataset(folder)


def conversation(folder: Path) -> Path:
    """A follow-up that says nothing by itself, and questions with and without an answer."""
    dataset(folder)
    before = [
        {"role": "user", "content": "Tell me about sourdough bread"},
        {"role": "agent", "content": "It is a volcano of herons."},
    ]
    told = [
        {"_id": "q1", "text": QUERIES["q1"], "answerability": ["ANSWERABLE"]},
        {
            "_id": "q2",
            "text": "Does it live in water?",
            "history": before,
            "answerability": ["ANSWERABLE"],
        },
        {"_id": "q5", "text": "Who won the election?", "answerability": ["UNANSWERABLE"]},
    ]
    write(folder / "queries.jsonl", told)
    return folder


def test_follow_ups_are_measured_with_their_conversation_and_without(
    tmp_path: Path, embedder: Embedder
):
    report = evaluate(conversation(tmp_path), embedder)
    turns = report.conversations
    assert turns is not None
    assert turns.queries == 1
    assert turns.with_history == 1.0 > turns.last_turn_only
    assert turns.difference == turns.low == turns.high == 1.0 - turns.last_turn_only
    assert turns.abstained == {"answerable": 0.0, "unanswerable": 1.0}
    assert report.metrics["ndcg@10"] == 1.0, "the set's figure is that of what is served"


def test_a_set_without_conversations_tells_of_none(tmp_path: Path, embedder: Embedder):
    assert evaluate(dataset(tmp_path), embedder).conversations is None


@pytest.mark.parametrize("history", ["text", ["text"], [{"role": "user", "content": 7}]])
def test_a_conversation_that_is_none_is_named(tmp_path: Path, history: object):
    path = dataset(tmp_path) / "queries.jsonl"
    with path.open("a") as file:
        file.write(json.dumps({"_id": "q9", "text": "a", "history": history}) + "\n")
    with pytest.raises(ConfigError, match=r"queries\.jsonl:5: "):
        load_dataset(tmp_path)
