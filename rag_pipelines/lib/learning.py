"""The corpus as models learn from it: the release that is served, and rows drafted of it.

A conversation is what the chat service would send, so that a model sees in training what it sees
when it serves. What is drafted stands in `examples` and `preferences`. Knows no Dagster.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rag_pipelines.chat.prompt import prompt_of
from rag_pipelines.chat.scrubbing import scrubber
from rag_pipelines.inference.protocols import Message
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.served import served_retriever
from rag_pipelines.models.tuning.config import Datasets
from rag_pipelines.models.tuning.rows import Draft
from rag_pipelines.models.tuning.sources import Said
from rag_pipelines.records import Hit, Progress, RatedAnswer
from rag_pipelines.retrieval.retriever import Retriever


@dataclass(frozen=True, slots=True)
class Corpus:
    """The release that is served, opened to be asked.

    `dropped` counts what was not drafted, by reason.
    """

    project: Project
    retriever: Retriever
    progress: Progress
    dropped: Counter[str] = field(default_factory=Counter[str])

    @property
    def settings(self) -> Datasets:
        return self.project.models.datasets

    @property
    def seed(self) -> int:
        """What holds pages out of training: the seed that holds them out for measuring."""
        return self.project.models.measure.seed

    def cited(self, one: RatedAnswer) -> list[Hit]:
        """The passages that an answer cites, as far as the release still has them."""
        rows, there = self.retriever.rows, self.retriever.rows.positions
        chunks = [rows[there[i]] for i in dict.fromkeys(one.chunk_ids) if i in there]
        if not chunks:
            self.dropped["what it cites is not in the release"] += 1
        return [Hit(chunk, 1.0, rank) for rank, chunk in enumerate(chunks, 1)]

    def draft(
        self, origin: str, question: str, hits: Sequence[Hit], answer: str, ids: Sequence[str] = ()
    ) -> Draft:
        """A question about these passages, with the answer to it."""
        return Draft(
            origin=origin,
            question=question,
            messages=prompt_of(question, hits).messages,
            answer=answer,
            pages=list(dict.fromkeys(hit.chunk.url for hit in hits)),
            answers=ids,
        )

    def told(self, said: Said) -> Draft:
        """A row of a file, without personal data."""
        scrub = scrubber().scrubbed
        messages = [Message(one.role, scrub(one.content)) for one in said.messages]
        return Draft(
            origin="file",
            question=messages[-1].content,
            messages=messages,
            answer=scrub(said.answer),
            rejected=scrub(said.rejected) if said.rejected else "",
        )


@contextmanager
def opened_corpus(project: Project, progress: Progress) -> Iterator[Corpus]:
    """The served release to learn from. Raises `UserError` where nothing is published yet."""
    with served_retriever(project, "Models learn from your own corpus") as (_, retriever):
        yield Corpus(project, retriever, progress)
