"""Formats of examples and pairs as people have them, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from rag_pipelines.errors import ConfigError, UserError
from rag_pipelines.inference.protocols import Message
from rag_pipelines.models.tuning.config import DataSource
from rag_pipelines.models.tuning.sources import Said, examples_in, pairs_in

TURNS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "How long?"},
    {"role": "assistant", "content": "Two years."},
]
BRIEF = Said([Message("system", "Be brief."), Message("user", "How long?")], "Two years.")
PLAIN = Said([Message("user", "How long?")], "Two years.")


def files(tmp_path: Path, *rows: Any) -> DataSource:
    (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return DataSource(files=[str(tmp_path / "rows.jsonl")])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"messages": TURNS}, BRIEF),
        ({"conversations": [{"from": "human", "value": "How long?"},
                            {"from": "gpt", "value": "Two years."}]}, PLAIN),
        ({"instruction": "How", "input": "long?", "output": "Two years."},
         Said([Message("user", "How\n\nlong?")], "Two years.")),
        ({"prompt": "How long?", "completion": "Two years."}, PLAIN),
        ({"prompt": TURNS[:2], "completion": TURNS[2:]}, BRIEF),
        ({"question": "How long?", "answer": "Two years."}, PLAIN),
    ],
)  # fmt: skip
def test_examples_in_the_usual_formats(tmp_path: Path, row: Any, said: Said):
    (found,) = examples_in(files(tmp_path, row))
    assert found == said


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "How long?", "chosen": "Two years.", "rejected": "For ever."}, PLAIN),
        ({"prompt": TURNS[:2], "chosen": TURNS[2:], "rejected": [{"role": "assistant",
          "content": "For ever."}]}, BRIEF),
        ({"chosen": TURNS, "rejected": [*TURNS[:2], {"role": "assistant",
          "content": "For ever."}]}, BRIEF),
    ],
)  # fmt: skip
def test_pairs_in_the_usual_formats(tmp_path: Path, row: Any, said: Said):
    (found,) = pairs_in(files(tmp_path, row))
    assert found == Said(said.messages, said.answer, "For ever.")


def test_csv_and_parquet_and_folders_and_no_more_than_the_limit(tmp_path: Path):
    from datasets import Dataset

    rows = Dataset.from_list([{"question": f"Q{n}?", "answer": "A."} for n in range(5)])
    rows.to_csv(tmp_path / "rows.csv")
    rows.to_parquet(tmp_path / "rows.parquet")
    rows.save_to_disk(tmp_path / "stored")
    for source in (
        DataSource(files=[str(tmp_path / "*.csv"), str(tmp_path / "*.parquet")]),
        DataSource(dataset=str(tmp_path / "stored")),
    ):
        found = list(examples_in(source))
        assert found[0] == Said([Message("user", "Q0?")], "A.")
        assert len(found) in (5, 10)
    assert len(list(examples_in(DataSource(dataset=str(tmp_path / "stored"), limit=2)))) == 2


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"text": "no columns of ours"}, "has the columns text; an example has messages"),
        ({"question": "Q?", "answer": "  "}, "empty text"),
        ({"messages": TURNS[:2]}, "ends with a user's turn and its answer"),
        ({"messages": [{"role": "robot", "content": "x"}, *TURNS[1:]]}, "has the role 'robot'"),
    ],
)
def test_a_row_that_cannot_be_an_example_is_named(tmp_path: Path, row: Any, why: str):
    with pytest.raises(UserError, match=f"rows.jsonl, row 1.*{why}"):
        list(examples_in(files(tmp_path, row)))


def test_what_cannot_be_read_says_what_to_do(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"no file is at .*none\.jsonl"):
        list(examples_in(DataSource(files=[str(tmp_path / "none.jsonl")])))
    (tmp_path / "rows.txt").write_text("x")
    with pytest.raises(ConfigError, match=r"read of \.json, \.jsonl"):
        list(examples_in(DataSource(files=[str(tmp_path / "rows.txt")])))
    (tmp_path / "bad.jsonl").write_text("{broken")
    with pytest.raises(ConfigError, match=r"bad\.jsonl cannot be read"):
        list(examples_in(DataSource(files=[str(tmp_path / "bad.jsonl")])))
    with pytest.raises(ConfigError, match="needs its revision"):
        list(examples_in(DataSource(dataset="org/name")))
    with pytest.raises(ConfigError, match="reaches no hub"):
        list(examples_in(DataSource(dataset="org/name", revision="a" * 40)))
    with pytest.raises(UserError, match="a pair has prompt with chosen"):
        list(pairs_in(files(tmp_path, {"question": "Q?", "answer": "A."})))
