"""Why a document could not be read."""

from rag_pipelines.errors import RagError

REASONS = (
    "encrypted", "damaged", "too large", "timeout", "memory", "crashed", "empty", "type", "error"
)  # fmt: skip

_LASTING = frozenset({"encrypted", "damaged", "too large", "empty", "type"})


class DocumentFailure(RagError):
    """A document that a parser cannot read. `str()` of it is what `DocumentFile.problem` says.

    `reason` is one of `REASONS`; `detail` says what was found, and depends on the file alone.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def is_lasting(problem: str) -> bool:
    """Whether a `DocumentFile.problem` lies in the bytes, so that a further attempt meets it too.

    Time, memory and a crash may be the machine's: those are tried again.
    """
    return problem.partition(":")[0] in _LASTING
