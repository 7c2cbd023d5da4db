"""What of an answer may be shown while it is being written, before its sentences are checked.

A word is shown where the passages or the question hold it. A sentence stops at its first word of
another origin and waits until it was checked, so that nothing is read for a moment that no
passage says. Does not check sentences: `retrieval.grounding` does.
"""

import re
from collections.abc import Iterable, Sequence

from rag_pipelines.records import Hit
from rag_pipelines.retrieval.grounding import Checked
from rag_pipelines.retrieval.sentences import FENCE
from rag_pipelines.retrieval.words import term_set, terms

_WORD = re.compile(r"\s*\S+(?=\s)")
_OPENING = re.compile(rf"[\[【<]|{FENCE}")
"""What begins a mark, a tag or a block of code."""


class Draft:
    """Tells what may be shown more, each time that more was written."""

    def __init__(self, question: str, hits: Sequence[Hit]) -> None:
        """The words of the question and of all that the hits say may be shown."""
        said = (term_set(hit.chunk.embedded_text) for hit in hits)
        self._known = frozenset(terms(question)).union(*said)
        self._shown = 0

    def more(self, written: str, checked: Iterable[Checked]) -> str:
        """What the draft grows by; `checked` are the sentences that ended since the last call."""
        pieces: list[str] = []
        for sentence in checked:
            if sentence.text:
                pieces.append(written[self._shown : sentence.end])
            self._shown = max(self._shown, sentence.end)
        pieces.append(self._begun(written))
        return "".join(pieces)

    def _begun(self, written: str) -> str:
        """The whole words of the sentence that is being written, up to one of another origin."""
        start = self._shown
        while word := _WORD.match(written, self._shown):
            if _OPENING.search(word.group()) or not self._known.issuperset(terms(word.group())):
                break
            self._shown = word.end()
        return written[start : self._shown]
