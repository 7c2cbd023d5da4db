"""What a model learns from, as the artifact store keeps it: one file of JSON lines for each split.

Knows the files' layout and how they are read. Does not know where examples and pairs come from.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from rag_pipelines.errors import ArtifactError
from rag_pipelines.inference.protocols import Message
from rag_pipelines.models.evaluation import is_held_out
from rag_pipelines.records import Example, Pair
from rag_pipelines.storage.artifacts import Artifact, Artifacts

Split = Literal["train", "validation", "test"]
SPLITS: Final[tuple[Split, ...]] = ("train", "validation", "test")
DATASHEET: Final = "datasheet.json"
_VALIDATION = 8
Row = TypeVar("Row", Example, Pair)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset in the artifact store: `folder` has `train.jsonl` and its kin."""

    digest: str
    folder: Path

    def examples(self, split: Split) -> list[Example]:
        """The examples of a split. Raises `ArtifactError` where the dataset holds pairs."""
        return list(self._rows(split, Example))

    def pairs(self, split: Split) -> list[Pair]:
        """The pairs of a split. Raises `ArtifactError` where the dataset holds examples."""
        return list(self._rows(split, Pair))

    def datasheet(self) -> dict[str, Any]:
        """How many rows of which split and origin there are, and whose answers they come from."""
        return dict(json.loads((self.folder / DATASHEET).read_text()))

    def _rows(self, split: Split, record: type[Row]) -> Iterator[Row]:
        for line in (self.folder / f"{split}.jsonl").read_text().splitlines():
            try:
                yield record(**json.loads(line))
            except TypeError as error:
                raise ArtifactError(
                    f"the dataset {self.digest[:12]} holds no {record.__name__.lower()}s: {error}"
                ) from error


def kept(rows: Sequence[Example] | Sequence[Pair], artifacts: Artifacts) -> Dataset:
    """The rows in the artifact store: the same rows, in whatever order, are the same dataset."""
    ordered = sorted(rows, key=lambda row: row.id)
    lines = {split: _lines(ordered, split) for split in SPLITS}
    digest = sha256("\0".join(lines.values()).encode()).hexdigest()

    def write(room: Path) -> None:
        for split, text in lines.items():
            (room / f"{split}.jsonl").write_text(text)
        sheet = json.dumps(_datasheet(ordered), ensure_ascii=False, indent=1)
        (room / DATASHEET).write_text(sheet)

    return _dataset(artifacts.make({"dataset": digest}, write))


def opened(digest: str, artifacts: Artifacts) -> Dataset:
    """The dataset of that digest. Raises `ArtifactError` where there is none."""
    return _dataset(artifacts.open(digest))


def split_of(page: str, seed: int) -> Split:
    """Which split a page's rows are in: `test` is what models are measured on as well.

    What is about no page is split by its own text, given as `page`.
    """
    if is_held_out(page, seed):
        return "test"
    drawn = int(sha256(f"validation\0{seed}\0{page}".encode()).hexdigest(), 16)
    return "validation" if drawn % _VALIDATION == 0 else "train"


def messages_of(row: Example | Pair) -> list[dict[str, str]]:
    """The conversation as chat templates and TRL take it."""
    pairs = zip(row.roles, row.contents, strict=True)
    return [{"role": role, "content": content} for role, content in pairs]


def conversation_of(row: Example | Pair) -> list[Message]:
    """The same as the service's generators take it."""
    told = zip(row.roles, row.contents, strict=True)
    return [Message(role, content) for role, content in told]  # pyright: ignore[reportArgumentType]


def _dataset(artifact: Artifact) -> Dataset:
    return Dataset(artifact.digest, artifact.folder)


def _lines(rows: Sequence[Example | Pair], split: Split) -> str:
    wanted = (row for row in rows if row.split == split)
    return "".join(
        f"{json.dumps(asdict(row), ensure_ascii=False, sort_keys=True)}\n" for row in wanted
    )


def _datasheet(rows: Sequence[Example | Pair]) -> dict[str, Any]:
    return {
        "rows": len(rows),
        "splits": {split: sum(row.split == split for row in rows) for split in SPLITS},
        "origins": dict(sorted(Counter(row.origin for row in rows).items())),
        "pages": len({row.page for row in rows if row.page}),
        "answers": sorted({answer for row in rows for answer in row.answers}),
    }
