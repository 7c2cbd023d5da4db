"""Cuts a text where it moves on to something else, as an embedder hears it.

Sentences, items and rows are embedded once; a text is cut where what stands before is least like
what follows. Deterministic: equal text and embedder give equal passages. Costs about as much as
embedding the passages does, once more.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from rag_pipelines.corpus.by_title import PageCutter, Span, join
from rag_pipelines.corpus.passages import Part, finer

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts in, unit vectors out: `Embedder.encode`."""

_BESIDE = 2
"""Sentences on either side that are compared: one alone says too little."""
_FAR = 1.0
"""Standard deviations above a text's mean distance at which it is cut though it would fit."""
_SMALL = 8
"""A passage below this fraction of the limit joins a neighbour."""
_DECIMALS = 3
"""Distances are rounded so far, so that the last bit of a float decides nothing."""


def cut_by_similarity(cutter: PageCutter, encode: Encode) -> list[Span]:
    """Passages in order, each of which keeps to its subject and fits."""
    if not cutter.parts:
        return []
    units = cutter.glued([unit for part in cutter.parts for unit in _sentences(cutter, part)])
    if len(units) < 2:
        return cutter.bare(units)
    far = distances(encode([cutter.text[unit.start : unit.end] for unit in units]))
    spans = [_joined(units[first:last]) for first, last in _divided(cutter, units, far)]
    return cutter.bare(_without_small(cutter, spans))


def distances(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """How unlike the texts before and from each text on are: 1 - cosine; the first has none."""
    far = np.zeros(len(vectors))
    for at in range(1, len(vectors)):
        before = vectors[max(0, at - _BESIDE) : at].sum(axis=0)
        after = vectors[at : at + _BESIDE].sum(axis=0)
        length = float(np.linalg.norm(before) * np.linalg.norm(after))
        far[at] = round(1 - float(before @ after) / max(length, 1e-9), _DECIMALS)
    return far


def _sentences(cutter: PageCutter, part: Part) -> Iterator[Part]:
    """A paragraph's sentences, other parts whole, and either cut further where it does not fit."""
    if part.kind != "paragraph":
        yield from cutter.fitting(part, 0)
        return
    for line in finer(cutter.text, part, 0) or [part]:
        for sentence in finer(cutter.text, line, 1) or [line]:
            yield from cutter.fitting(sentence, 2)


def _divided(
    cutter: PageCutter, units: Sequence[Span], far: NDArray[np.float64]
) -> list[tuple[int, int]]:
    """Bounds of the passages: cut at the largest distance until all fit and none stands out."""
    threshold = float(far[1:].mean() + _FAR * far[1:].std())
    pending, found = [(0, len(units))], list[tuple[int, int]]()
    while pending:
        first, last = pending.pop()
        at = first + 1 + int(np.argmax(far[first + 1 : last])) if last - first > 1 else first
        whole = _joined(units[first:last])
        if at == first or (far[at] <= threshold and cutter.cost(whole) <= cutter.limit):
            found.append((first, last))
        else:
            pending += [(at, last), (first, at)]
    return found


def _joined(spans: Sequence[Span]) -> Span:
    return reduce(join, spans)


def _without_small(cutter: PageCutter, spans: Sequence[Span]) -> list[Span]:
    kept: list[Span] = list(spans[:1])
    for span in spans[1:]:
        both = join(kept[-1], span)
        smaller = min(cutter.cost(kept[-1]), cutter.cost(span))
        if smaller * _SMALL < cutter.limit and cutter.cost(both) <= cutter.limit:
            kept[-1] = both
        else:
            kept.append(span)
    return kept
