"""Cuts a text at its page breaks: a page is a passage, or as few and as even ones as fit.

Knows only where pages begin. A text without page breaks, such as a web page, is one page.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from rag_pipelines.corpus.by_title import PageCutter, Span


def cut_by_page(cutter: PageCutter, breaks: Sequence[int]) -> list[Span]:
    """Passages in order, none of which reaches over one of `breaks`, where a page begins."""
    starts = [part.start for part in cutter.parts]
    bounds = [0, *(bisect_left(starts, at) for at in breaks), len(starts)]
    pages = [cutter.parts[first:last] for first, last in pairwise(bounds) if first < last]
    return cutter.bare([span for page in pages for span in cutter.packed(page)])
