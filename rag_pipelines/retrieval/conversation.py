"""What to search for when a question follows others."""

from collections.abc import Sequence


def joined(question: str, asked: Sequence[str]) -> str:
    """The question, counted double, with the one asked before it.

    On mtRAG's conversations nDCG@10 is .898, against .834 for the question alone, .871 for both
    once and .825 with the first question in place of the last (benchmarks, `rag eval`).
    """
    return "\n".join([question, question, asked[-1]]) if asked else question
