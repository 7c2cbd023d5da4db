"""What is shown of an answer before it was checked."""

import pytest

from rag_pipelines.chat.draft import Draft
from rag_pipelines.retrieval.grounding import Grounding
from rag_pipelines_tests.retrieval.passage import hit

PASSAGE = "Set the memory so:\n\n```sql\nSET work_mem = 64;\n```\n\nThen go on."


def shown(written: str) -> list[str]:
    """What the draft grows by, where the text comes character by character."""
    hits = [hit(PASSAGE)]
    grounding, draft, pieces = Grounding(hits), Draft("", hits), list[str]()
    for end in range(1, len(written) + 1):
        checked = grounding.check() if grounding.write(written[:end]) else []
        pieces.append(draft.more(grounding.written, checked))
    return [*pieces, draft.more(grounding.written, grounding.check(whole=True))]


def test_words_of_the_passages_are_shown_as_they_come_and_others_never():
    pieces = shown("Set the memory so: Elves did. Then go on.")
    assert "Set" in pieces
    assert "".join(pieces) == "Set the memory so: Then go on."


@pytest.mark.parametrize(
    ("code", "left"),
    [
        ("SET work_mem = 64;", PASSAGE),
        ("SET work_mem = 65;", "Set the memory so:\n\nThen go on."),
    ],
)
def test_code_is_shown_when_it_was_checked_and_else_leaves_no_fence(code: str, left: str):
    pieces = shown(PASSAGE.replace("SET work_mem = 64;", code))
    assert "".join(pieces) == left
    assert all("SET" in piece for piece in pieces if "`" in piece)
