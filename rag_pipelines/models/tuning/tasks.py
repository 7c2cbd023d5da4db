"""What an adapter learns at each task: the class that is loaded, the rows of examples, a batch.

Knows conversations, passages and tokens. Does not train. Only the worker's process imports this
module.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import transformers  # noqa: TID253
from datasets import Dataset as Rows  # noqa: TID253

from rag_pipelines.inference.prompt_parts import parts_of
from rag_pipelines.models.tuning.data import Dataset
from rag_pipelines.models.tuning.examples import require_enough, require_short
from rag_pipelines.records import Example
from rag_pipelines.retrieval.sentences import sentences

LABELS: Final = {0: "OTHER", 1: "ANSWER"}
"""What the tokens of a passage are labelled, where tokens are classified."""
_IGNORED: Final = -100
"""A label that no loss is computed of, as torch has it."""
_PASSAGES: Final = 1
"""The second of two texts that are read together."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AdapterTask:
    """A task that is learned: `rows` gives the tokens and labels of an example, or None."""

    auto: str
    peft: str | None
    """PEFT's name of the task: it then knows the heads."""
    collator: str
    labels: Sequence[str]
    rows: Callable[[Example, Any], Row | None]
    heads: Sequence[str] = ()
    """Layers that an encoder gets for the task, of random weights: trained whole, not in 4 bits."""
    settings: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def adapter(self) -> dict[str, Any]:
        """What an adapter for the task has besides its own settings: heads are trained whole."""
        heads = list(self.heads)
        whole = {} if self.peft else {"modules_to_save": heads}
        return {"exclude_modules": heads} | whole

    @property
    def model(self) -> Any:
        """The class of transformers that loads such a model."""
        return getattr(transformers, self.auto)

    def collated(self, tokenizer: Any) -> Any:
        """What makes rows of different lengths a batch."""
        return getattr(transformers, self.collator)(tokenizer)


@dataclass(frozen=True, slots=True)
class TaskRows:
    """What is learned of, what tells when to stop, and examples the task cannot learn of."""

    train: Rows
    validation: Rows
    left_out: int


def task_named(name: str) -> AdapterTask:
    """The task of that name in `models.yaml`; writing on, which TRL trains, is not among them."""
    return _TASKS[name]


def rows_for(task: AdapterTask, data: Dataset, tokenizer: Any, most: int) -> TaskRows:
    """What can be learned of a dataset at a task.

    A task that reads finds answers: it learns nothing of one that does not stand in its passages
    word for word. Raises `ArtifactError` where too few remain, and where one is too long.
    """
    examples = data.examples("train"), data.examples("validation")
    train, validation = (list(_rows(task, each, tokenizer, most)) for each in examples)
    require_enough(data, len(train), len(validation))
    left_out = sum(map(len, examples)) - len(train) - len(validation)
    return TaskRows(Rows.from_list(train), Rows.from_list(validation), left_out)


def _rows(
    task: AdapterTask, examples: Sequence[Example], tokenizer: Any, most: int
) -> Iterator[Row]:
    for example in examples:
        row = task.rows(example, tokenizer)
        if row is not None:
            require_short(example, max(len(row["input_ids"]), len(row.get("labels", ()))), most)
            yield row


def _rewritten(example: Example, tokenizer: Any) -> Row:
    """The conversation's texts, and the answer that is made of them."""
    asked = tokenizer("\n\n".join(example.contents))
    return {
        "input_ids": asked["input_ids"],
        "attention_mask": asked["attention_mask"],
        "labels": tokenizer(text_target=example.completion)["input_ids"],
    }


def _span(example: Example, tokenizer: Any) -> Row | None:
    """Where the answer begins and ends in the passages."""
    found = _read(example, tokenizer)
    if found is None:
        return None
    row, inside = found[0], [at for at, label in enumerate(found[1]) if label == 1]
    if inside != list(range(inside[0], inside[-1] + 1)):
        return None  # sentences of several places are no span
    return row | {"start_positions": inside[0], "end_positions": inside[-1]}


def _tags(example: Example, tokenizer: Any) -> Row | None:
    """Which tokens of the passages are the answer's."""
    found = _read(example, tokenizer)
    return None if found is None else found[0] | {"labels": found[1]}


def _read(example: Example, tokenizer: Any) -> tuple[Row, list[int]] | None:
    """Question and passages as tokens, and for each whether it is the answer's, or is no passage's.

    None where the example is no question about passages, or its answer does not stand in them.
    """
    parts = parts_of(example.contents[-1])
    if parts is None:
        return None
    places = list(_places(example.completion, parts.passages))
    if not places:
        return None
    found = tokenizer(parts.question, parts.passages, return_offsets_mapping=True)
    labels = [
        int(any(start < end_of and end > start_of for start_of, end_of in places))
        if text == _PASSAGES
        else _IGNORED
        for text, (start, end) in zip(found.sequence_ids(), found["offset_mapping"], strict=True)
    ]
    row = {name: found[name] for name in tokenizer.model_input_names if name in found}
    return (row, labels) if 1 in labels else None


def _places(answer: str, passages: str) -> Iterator[tuple[int, int]]:
    """Where the answer stands in the passages: as a whole, else each of its sentences.

    Nowhere, unless all of it does.
    """
    whole = answer.strip()
    parts = [whole[one.start : one.end] for one in sentences(whole)]
    texts = [whole] if whole in passages else parts
    if all(one in passages for one in texts):
        yield from ((at := passages.find(one), at + len(one)) for one in texts)


_TASKS: Final[dict[str, AdapterTask]] = {
    "seq2seq": AdapterTask(
        "AutoModelForSeq2SeqLM", "SEQ_2_SEQ_LM", "DataCollatorForSeq2Seq", ("labels",), _rewritten
    ),
    # By QUESTION_ANS, PEFT 0.21 would not tell the network which of two texts a token is of.
    "answer": AdapterTask(
        "AutoModelForQuestionAnswering", None, "DataCollatorWithPadding",
        ("start_positions", "end_positions"), _span, ("qa_outputs",),
    ),
    "tag": AdapterTask(
        "AutoModelForTokenClassification", "TOKEN_CLS", "DataCollatorForTokenClassification",
        ("labels",), _tags, ("classifier", "score"),
        {"id2label": LABELS, "label2id": {label: number for number, label in LABELS.items()}},
    ),
}  # fmt: skip
