"""`AutoModelForQuestionAnswering`: the part of a text that answers a question, or none.

A text that is longer than the model reads at once is read in windows that overlap. What is found
stands in the text as it is. Does not know pages or citations.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rag_pipelines.inference.auto.task import Parts, Task

_WINDOW, _OVERLAP = 384, 128
"""Tokens, as the models were trained on SQuAD."""
_QUESTION_SHARE = 3
"""A question takes at most a third of a window."""
LONGEST = 30
"""Tokens of an answer, at most."""
_CONTEXT = 1
# A number is one word with its points and commas; scripts without spaces have no words to keep.
_WORD = re.compile(
    r"\d+(?:[.,:/]\d+)*|[^\W\d\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]+"
)


@dataclass(frozen=True, slots=True)
class Span:
    """`text` is `context[start:end]`.

    `score` tells, in logits, by how much the model takes it over saying nothing: above zero it is
    an answer.
    """

    start: int
    end: int
    text: str
    score: float


class QuestionAnswering(Task):
    """Answers out of texts, word for word."""

    auto = "AutoModelForQuestionAnswering"
    mappings = ("MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES",)

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._window = min(_WINDOW, self.context_tokens)
        self._windows, self._cutter = self._tokenizers()

    def run(self, asked: Sequence[tuple[str, str]]) -> list[Span | None]:
        """The answer to each question in its context, None where the model finds none."""
        return [best(self.spans(question, context)) for question, context in asked]

    def spans(self, question: str, context: str, longest: int = LONGEST) -> Iterator[Span]:
        """The best span of each window, window by window: a caller may stop between two.

        Scores below zero are no answers. `longest` counts tokens.
        """
        with self._computing():
            readable = context.encode("utf-8", "replace").decode()
            first = self._windows.encode(self._cut(question), readable)
        for window in (first, *first.overflowing):
            with self._computing():
                found = self._best(window, longest)
            if found and _says(span := _whole_words(context, *found)):
                yield span

    def _best(self, window: Any, longest: int) -> tuple[int, int, float] | None:
        """Where the best span of a window begins and ends in the context, and its score."""
        import torch

        places = [
            at
            for at, (part, (start, end)) in enumerate(
                zip(window.sequence_ids, window.offsets, strict=True)
            )
            if part == _CONTEXT and start < end
        ]
        if not places:
            return None
        starts, ends = self._logits(window)
        none = self._none_at(window.ids)
        pairs = starts[places][:, None] + ends[places][None, :]
        allowed = torch.ones_like(pairs).triu().tril(longest - 1).bool()
        at = int(pairs.masked_fill(~allowed, float("-inf")).argmax())
        first, last = divmod(at, len(places))
        score = float(pairs[first, last] - starts[none] - ends[none])
        return window.offsets[places[first]][0], window.offsets[places[last]][1], score

    def _logits(self, window: Any) -> tuple[Any, Any]:
        import torch

        held = {
            "input_ids": window.ids,
            "attention_mask": window.attention_mask,
            "token_type_ids": window.type_ids,
        }
        inputs = {key: torch.tensor([held[key]], device=self.device) for key in self._parts.inputs}
        told = self._parts.model(**inputs)
        return told.start_logits[0].float().cpu(), told.end_logits[0].float().cpu()

    def _none_at(self, ids: list[int]) -> int:
        """The token that stands for no answer: the one that classifies, else the first."""
        sign = self._parts.tokenizer.cls_token_id
        return ids.index(sign) if sign in ids else 0

    def _cut(self, question: str) -> str:
        readable = question.encode("utf-8", "replace").decode()
        offsets = self._cutter.encode(readable, add_special_tokens=False).offsets
        return readable[: offsets[-1][1]] if offsets else ""

    def _tokenizers(self) -> tuple[Any, Any]:
        """One that makes windows and one that cuts questions.

        Copies of the model's own: a tokenizer that changes its limits between two calls may not
        be used by two threads.
        """
        from tokenizers import Tokenizer

        told = self.tokenizer_json.decode()
        windows, cutter = Tokenizer.from_str(told), Tokenizer.from_str(told)
        question = self._window // _QUESTION_SHARE
        cutter.no_padding()
        cutter.enable_truncation(question)
        windows.no_padding()
        room = self._window - question - windows.num_special_tokens_to_add(is_pair=True)
        windows.enable_truncation(
            self._window, stride=min(_OVERLAP, room // 2), strategy="only_second"
        )
        return windows, cutter


def best(spans: Iterator[Span]) -> Span | None:
    """The span with the highest score, the first of equals; None where no score is above zero."""
    found = max(spans, key=lambda span: span.score, default=None)
    return found if found and found.score > 0 else None


def _says(span: Span) -> bool:
    return any(letter.isalnum() for letter in span.text)


def _whole_words(context: str, start: int, end: int, score: float) -> Span:
    """The span without space around it, and with the whole of the words that it cuts."""
    for word in _WORD.finditer(context):
        if word.start() < start < word.end():
            start = word.start()
        if word.start() < end < word.end():
            end = word.end()
    text = context[start:end]
    start += len(text) - len(text.lstrip())
    end -= len(text) - len(text.rstrip())
    return Span(start, end, context[start:end], score)
