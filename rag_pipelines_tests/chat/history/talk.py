"""Conversations to keep, and what is said of them."""

from dataclasses import replace

from rag_pipelines.chat.history.protocol import ChatHistory, Feedback, Turn
from rag_pipelines.records import Citation

CITATION = Citation(
    n=1,
    kind="table",
    url="https://site.example/ä",
    title="Größe",
    heading="",
    page=2,
    quote="3 < 4",
    chunk_id="c1",
    box=[0.0, 0.5, 1.0, 1.0],
    html="<table></table>",
)


def question(text: str, session: str = "s1", user: str = "ann", answer: str = "") -> Turn:
    return Turn(
        user_id=user,
        session_id=session,
        role="user",
        content=text,
        answer_id=answer or f"{session}-{text}",
    )


def answer_to(asked: Turn, text: str = "Four volts [1].") -> Turn:
    return replace(
        asked,
        role="assistant",
        content=text,
        citations=[CITATION],
        release="v000001-abc",
        generation=7,
        model="fake",
        prompt="digest",
        grounded=0.75,
        abstained=True,
        state="interrupted",
    )


async def exchange(
    history: ChatHistory, text: str, session: str = "s1", user: str = "ann"
) -> tuple[Turn, Turn]:
    asked = question(text, session, user)
    return await history.append(asked), await history.append(answer_to(asked))


def opinion(asked: Turn, rating: str, comment: str = "", user: str = "ann") -> Feedback:
    return Feedback(
        user_id=user,
        answer_id=asked.answer_id,
        session_id=asked.session_id,
        rating=rating,  # pyright: ignore[reportArgumentType]
        question=asked.content,
        answer="Four volts [1].",
        correction="Five.",
        comment=comment,
        citations=[CITATION],
        release="v000001-abc",
        model="fake",
        prompt="digest",
    )
