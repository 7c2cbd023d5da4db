"""An evaluation set in BEIR's layout: documents, queries, judgements.

Knows the three files and names the file and line of every mistake. Does not index or measure.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast

from rag_pipelines.errors import ConfigError

CORPUS, QUERIES = "corpus.jsonl", "queries.jsonl"
QRELS = ("qrels.tsv", "qrels/test.tsv")


@dataclass(frozen=True, slots=True)
class Document:
    """One line of `corpus.jsonl`."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class AskedQuery:
    """One line of `queries.jsonl`. `earlier` are the questions of the conversation before it.

    `answerability` is the set's own word, empty where it tells none.
    """

    text: str
    earlier: list[str]
    answerability: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """Documents, the judged queries' texts by id, and the grades of each query's documents.

    `asked` holds every query, those without judgements too.
    """

    documents: list[Document]
    queries: dict[str, str]
    judgements: dict[str, dict[str, int]]
    asked: dict[str, AskedQuery]


def load_dataset(folder: Path) -> Dataset:
    """Read a set. Raises `ConfigError` with `file:line` where it is not in the layout.

    Queries without a relevant document are left out.
    """
    qrels = _existing(folder)
    documents = [
        Document(key, _text(line, row, "title", ""), _text(line, row, "text"))
        for key, line, row in _rows(folder / CORPUS)
    ]
    asked = {
        key: AskedQuery(_text(line, row, "text"), _earlier(line, row), _answerability(row))
        for key, line, row in _rows(folder / QUERIES)
    }
    texts = {key: query.text for key, query in asked.items()}
    judged = _judgements(qrels)
    kept = {key: grades for key, grades in judged.items() if key in texts and any(grades.values())}
    if not kept or not documents:
        raise ConfigError(
            f"{qrels} judges none of the {len(texts)} queries of {folder / QUERIES}: the ids in "
            "its first column must be those of the queries, and a score must be above 0."
        )
    return Dataset(documents, {key: texts[key] for key in kept}, kept, asked)


def _existing(folder: Path) -> Path:
    """The file with the judgements, once everything is seen to be there."""
    found = [folder / name for name in QRELS if (folder / name).is_file()]
    missing = [name for name in (CORPUS, QUERIES) if not (folder / name).is_file()]
    if not found:
        missing.append(" or ".join(QRELS))
    if missing:
        there = (
            ", ".join(sorted(p.name for p in folder.iterdir())) if folder.is_dir() else "nothing"
        )
        raise ConfigError(
            f"{folder} is not a set in BEIR's layout: {', '.join(missing)} missing; found {there}."
        )
    return found[0]


_Line = tuple[Path, int]


def _lines(path: Path) -> Iterator[tuple[_Line, str]]:
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                _refuse((path, number), f"not UTF-8 ({error.reason})")
            if line.strip():
                yield (path, number), line


def _rows(path: Path) -> Iterator[tuple[str, _Line, dict[str, Any]]]:
    """Id, place and fields of each line."""
    seen: set[str] = set()
    for place, line in _lines(path):
        try:
            row = json.loads(line)
        except ValueError as error:
            _refuse(place, f"not JSON ({error})")
        if not isinstance(row, dict):
            _refuse(place, "expected a JSON object")
        fields = cast("dict[str, Any]", row)
        key = fields.get("_id", fields.get("id"))
        if not isinstance(key, str | int) or str(key) in seen:
            _refuse(place, f"expected an _id that no other line has, found {key!r}")
        seen.add(str(key))
        yield str(key), place, fields


def _text(place: _Line, row: dict[str, Any], name: str, default: str | None = None) -> str:
    value = row.get(name, default)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        _refuse(place, f"expected text under {name!r}, found {type(value).__name__}")
    return value


def _earlier(line: _Line, row: dict[str, Any]) -> list[str]:
    """What the user asked before, oldest first."""
    history: Any = row.get("history") or []
    if not isinstance(history, list):
        _refuse(line, "expected a list of messages under 'history'")
    messages = cast("list[Any]", history)
    if not all(isinstance(message, dict) for message in messages):
        _refuse(line, "expected objects with role and content under 'history'")
    users = [message for message in messages if message.get("role") == "user"]
    return [_text(line, message, "content") for message in users]


def _answerability(row: dict[str, Any]) -> str:
    told: Any = row.get("answerability") or ""
    return str(cast("list[Any]", told)[0] if isinstance(told, list) else told)


def _judgements(path: Path) -> dict[str, dict[str, int]]:
    judged: dict[str, dict[str, int]] = {}
    for place, line in _lines(path):
        cells = line.split("\t") if "\t" in line else line.split()
        if len(cells) == 4:  # TREC's own layout has an unused second column
            del cells[1]
        grade = _grade(cells)
        if grade is not None:
            judged.setdefault(cells[0], {})[cells[1]] = grade
        elif place[1] > 1:  # the first line may be a header
            _refuse(place, f"expected query id, document id and a whole score, found {line[:80]!r}")
    return judged


def _grade(cells: list[str]) -> int | None:
    try:
        return int(float(cells[2])) if len(cells) == 3 else None
    except (ValueError, OverflowError):
        return None


def _refuse(place: _Line, why: str) -> NoReturn:
    raise ConfigError(f"{place[0]}:{place[1]}: {why}.")
