"""Why a document could not be read."""

from rag_pipelines.errors import RagError

REASONS = (
    "encrypted", "damaged", "too large", "timeout", "memory", "crashed", "empty", "type", "error"
)  # fmt: skip


class DocumentFailure(RagError):
    """A document that a parser cannot read. `str()` of it is what `DocumentFile.problem` says.

    `reason` is one of `REASONS`; `detail` says what was found, and depends on the file alone.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def is_lasting(problem: str) -> bool:
    """Whether a further attempt at the same bytes, within the same limits, would meet it again.

    An `error` is what nobody foresaw, or a parser that was ended from outside: it is tried again.
    """
    return problem.partition(":")[0] != "error"
