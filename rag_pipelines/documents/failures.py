"""Why a document could not be read."""

from rag_pipelines.errors import RagError

REASONS = (
    "encrypted", "damaged", "too large", "timeout", "memory", "crashed", "empty", "type", "error"
)  # fmt: skip
_FINAL = frozenset({"encrypted", "damaged", "too large", "empty", "type"})


def is_final(problem: str) -> bool:
    """Whether a further attempt at the same bytes, within the same limits, must end the same.

    A timeout, a crash, the end of memory and an error may be of the moment, a busy machine's or
    its out-of-memory killer's: such files are tried again at every refresh.
    """
    return problem.partition(":")[0] in _FINAL


class DocumentFailure(RagError):
    """A document that a parser cannot read. `str()` of it is what `DocumentFile.problem` says.

    `reason` is one of `REASONS`; `detail` says what was found, and depends on the file alone.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
