"""The evaluation set of an installation: its golden questions and its held-out pages.

Both come from the release being served, found and asked as the chat service does. Knows no Dagster.
"""

from collections.abc import Sequence

from rag_pipelines.chat.prompt import prompt_of
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.served import served_retriever
from rag_pipelines.models.config import Measure
from rag_pipelines.models.evaluation import Asked, EvaluationSet, held_out_texts
from rag_pipelines.records import Hit
from rag_pipelines.sources import GoldenQuestion

_CHARACTERS = 6
"""Characters of a token, more than English has, so that there are enough."""


def evaluation_set(project: Project, measure: Measure) -> EvaluationSet:
    """What every variant is held to now. Raises `UserError` where nothing is published yet."""
    wanted = "Models are measured on your own corpus"
    with served_retriever(project, wanted) as (pointer, retriever):
        known = [q for q in project.golden() if any(e.quote for e in q.expect)]
        golden = known[: measure.questions]
        asked = [_asked(q, retriever.search(q.question, measure.passages)) for q in golden]
        characters = measure.text_tokens * _CHARACTERS
        texts = held_out_texts(retriever.rows, measure.seed, characters)
    return EvaluationSet(pointer.release, asked, texts)


def _asked(golden: GoldenQuestion, hits: Sequence[Hit]) -> Asked:
    prompt = prompt_of(golden.question, hits)
    passages = [hit.chunk.text for hit in hits]
    expected = [one.quote for one in golden.expect if one.quote]
    return Asked(golden.question, prompt.system, prompt.user, passages, expected)
