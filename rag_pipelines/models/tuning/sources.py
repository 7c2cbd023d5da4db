"""Examples and pairs from files and from `datasets` sources, in the formats that are usual.

Knows columns and what they mean. Does not know the corpus, nor how rows are split.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import glob
from itertools import islice
from pathlib import Path
from typing import Any, Final

from rag_pipelines.errors import ConfigError, UserError
from rag_pipelines.inference.protocols import Message
from rag_pipelines.models.tuning.config import DataSource

Row = Mapping[str, Any]
_READERS: Final = {".json": "json", ".jsonl": "json", ".csv": "csv", ".parquet": "parquet"}
_SHAREGPT: Final = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant"}
_ROLES: Final = ("system", "user", "assistant")
_EXAMPLES: Final = (
    "messages, conversations, instruction with output, prompt with completion, question with answer"
)
_PAIRS: Final = "prompt with chosen and rejected"


@dataclass(frozen=True, slots=True)
class Said:
    """A conversation, the answer to learn, and of a pair the one that is not preferred."""

    messages: Sequence[Message]
    answer: str
    rejected: str = ""


def examples_in(source: DataSource) -> Iterator[Said]:
    """Examples, each a conversation with its last answer; several turns give one example.

    Raises `ConfigError` where nothing can be read, or the columns are none that are known.
    """
    return (_example(row, where) for row, where in _rows(source))


def pairs_in(source: DataSource) -> Iterator[Said]:
    """Pairs: `prompt`, `chosen` and `rejected` as texts or as messages. Raises as above."""
    return (_pair(row, where) for row, where in _rows(source))


def _rows(source: DataSource) -> Iterator[tuple[Row, str]]:
    read = _of_dataset(source) if source.dataset else _of_files(source.files)
    empty = True
    for number, (row, name) in enumerate(islice(read, source.limit), 1):
        empty = False
        yield row, f"{name}, row {number}"
    if empty:
        raise ConfigError(f"{source.dataset or ', '.join(source.files)} holds no row to learn from")


def _of_files(patterns: Iterable[str]) -> Iterator[tuple[Row, str]]:
    from datasets import load_dataset

    for pattern in patterns:
        paths = [Path(found) for found in sorted(glob(pattern, recursive=True))]  # noqa: PTH207 - absolute
        if not paths:
            raise ConfigError(f"no file is at {pattern}; name files beside models.yaml")
        for path in paths:
            reader = _READERS.get(path.suffix.lower())
            if reader is None:
                known = ", ".join(_READERS)
                raise ConfigError(f"{path}: examples are read of {known}, not of {path.suffix!r}")
            try:
                found = load_dataset(reader, data_files=str(path), split="train", streaming=True)
                yield from ((row, path.name) for row in found)
            except (OSError, ValueError, TypeError) as error:
                raise ConfigError(f"{path} cannot be read: {_first_line(error)}") from error


def _of_dataset(source: DataSource) -> Iterator[tuple[Row, str]]:
    from datasets import load_dataset, load_from_disk

    name = str(source.dataset)
    folder = Path(name).expanduser()
    if not folder.is_dir() and source.revision is None:
        raise ConfigError(
            f"the dataset {name} is no folder here, and a hub's needs its revision: 40 hex digits, "
            "since what a branch names can change"
        )
    try:
        if (folder / "dataset_dict.json").exists() or (folder / "state.json").exists():
            loaded: Any = load_from_disk(str(folder))
            found = loaded[source.split] if isinstance(loaded, dict) else loaded
        else:
            found = load_dataset(name, split=source.split, revision=source.revision, streaming=True)
        yield from ((row, name) for row in found)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"the dataset {name} cannot be read ({_first_line(error)}); where this machine reaches "
            "no hub, store it in a folder and name that"
        ) from error


def _example(row: Row, where: str) -> Said:
    if row.get("messages"):
        return _conversation([_message(one["role"], one["content"], where)
                              for one in row["messages"]], where)  # fmt: skip
    if row.get("conversations"):
        told = row["conversations"]
        return _conversation([_message(one["from"], one["value"], where) for one in told], where)
    if row.get("instruction") and row.get("output"):
        asked = "\n\n".join(filter(None, (row["instruction"], row.get("input"))))
        return _said(asked, row["output"], where)
    for asked, answered in (("prompt", "completion"), ("question", "answer")):
        if row.get(asked) and row.get(answered):
            return _said(row[asked], row[answered], where)
    raise UserError(f"{where} has the columns {', '.join(row)}; an example has {_EXAMPLES}")


def _pair(row: Row, where: str) -> Said:
    if not (row.get("chosen") and row.get("rejected")):
        raise UserError(f"{where} has the columns {', '.join(row)}; a pair has {_PAIRS}")
    if row.get("prompt"):
        said = _said(row["prompt"], row["chosen"], where)
    elif isinstance(row["chosen"], list):  # the conversation stands in both
        told = [_message(one["role"], one["content"], where) for one in row["chosen"]]
        said = _conversation(told, where)
    else:
        raise UserError(f"{where} has no prompt; a pair has {_PAIRS}")
    return Said(said.messages, said.answer, _text(row["rejected"], where))


def _said(asked: Any, answered: Any, where: str) -> Said:
    if isinstance(asked, list):
        messages = [_message(one["role"], one["content"], where) for one in asked]
        return _conversation([*messages, Message("assistant", _text(answered, where))], where)
    return Said([Message("user", _text(asked, where))], _text(answered, where))


def _conversation(messages: Sequence[Message], where: str) -> Said:
    if len(messages) < 2 or messages[-1].role != "assistant" or messages[-2].role != "user":
        raise UserError(f"{where}: a conversation ends with a user's turn and its answer")
    return Said(messages[:-1], messages[-1].content)


def _message(role: Any, content: Any, where: str) -> Message:
    known = _SHAREGPT.get(str(role), str(role))
    if known not in _ROLES:
        raise UserError(f"{where} has the role {role!r}; known are {', '.join(_ROLES)}")
    return Message(known, _text(content, where))


def _text(value: Any, where: str) -> str:
    """A text, or the last message of several."""
    text = value[-1]["content"] if isinstance(value, list) and value else value
    if not isinstance(text, str) or not text.strip():
        raise UserError(f"{where} has an empty text, or one that is none: {value!r:.80}")
    return text.strip()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
