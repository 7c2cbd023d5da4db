"""Tables of the two engines made into one list: which of them are the same, and which to keep.

The rule was measured on the ICDAR 2013 competition's documents; see the README's figures.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rag_pipelines.documents.tables_grid import Grid
from rag_pipelines.documents.tables_page import Engine

_SHARED = 0.5
_COARSE = 2.0


@dataclass(frozen=True, slots=True)
class Found:
    """A table on one page, and the engine that found it."""

    engine: Engine
    page: int
    box: tuple[float, float, float, float]
    grid: Grid


def joined(ruled: Sequence[Found], aligned: Sequence[Found]) -> list[Found]:
    """Each table of a page once, from the top.

    Tables of the two engines that share half of the smaller one's words are linked. In a linked
    group the ruled ones are kept, unless their cells hold more than twice as many words: their
    lines divide only some of the rows, and text that is aligned tells more.
    """
    groups = [([table], list[Found]()) for table in ruled]
    alone: list[Found] = []
    for table in aligned:
        linked = [group for group in groups if any(_same(table, other) for other in group[0])]
        if not linked:
            alone.append(table)
            continue
        whole = linked[0]
        for group in linked[1:]:
            whole[0].extend(group[0])
            whole[1].extend(group[1])
            groups.remove(group)
        whole[1].append(table)
    kept = [table for group in groups for table in _better(*group)]
    return sorted([*kept, *alone], key=lambda table: (table.box[1], table.box[0]))


def _same(one: Found, other: Found) -> bool:
    first, second = Counter(one.grid.words), Counter(other.grid.words)
    smaller = min(first.total(), second.total())
    return smaller > 0 and (first & second).total() >= _SHARED * smaller


def _better(ruled: list[Found], aligned: list[Found]) -> list[Found]:
    if not aligned or _words_a_cell(ruled) <= _COARSE * _words_a_cell(aligned):
        return ruled
    return aligned


def _words_a_cell(tables: Sequence[Found]) -> float:
    words = sum(len(table.grid.words) for table in tables)
    return words / max(1, sum(len(table.grid.filled) for table in tables))
