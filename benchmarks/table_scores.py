"""Tables held against a set's human annotation, as the ICDAR 2013 competition does.

Adjacency F1 (Göbel et al., 2013) counts pairs of neighbouring cells with text, pooled by page, so
that a table too many costs precision. TEDS (Zhong et al., 2020) is the mean over the annotated
tables, a missed one counting 0. Where the set holds a second annotation the better one counts.
"""

import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag_pipelines.documents.tables_grid import Cell, Grid, html_of, pruned
from rag_pipelines.documents.tables_html import clean_table

Tables = dict[int, list[Grid]]
"""The tables of a document by page."""
Teds = Callable[[Grid, Grid], float]
_ALIKE = 0.1
"""Share of common words below which a table is another one."""


@dataclass(slots=True)
class _Counts:
    hit: int = 0
    annotated: int = 0
    printed: int = 0
    teds: list[float] = field(default_factory=list[float])

    @property
    def f1(self) -> float:
        both = self.annotated + self.printed
        return 2 * self.hit / both if both else 0.0


def scores(gold: Path, printed: Iterable[str]) -> dict[str, float]:
    """`adjacency_f1`, `teds` and the number of tables of what `rag tables --json` printed."""
    annotated, found = json.loads(gold.read_text()), list(map(json.loads, printed))
    tables: defaultdict[str, Tables] = defaultdict(lambda: defaultdict(list))
    for table in found:
        tables[table["doc"]][table["page"]].append(clean_table(table["html"])[0])
    teds, total = _teds(), _Counts()
    for name, entry in annotated.items():
        told = [_annotated(entry[key]) for key in ("tables", "alt") if entry.get(key)]
        best = max((_counts(one, tables[name], teds) for one in told), key=lambda c: c.f1)
        total.hit += best.hit
        total.annotated += best.annotated
        total.printed += best.printed
        total.teds += best.teds
    mean = sum(total.teds) / len(total.teds)
    return {"adjacency_f1": round(total.f1, 4), "teds": round(mean, 4), "printed": len(found)}


def _annotated(tables: Sequence[dict[str, Any]]) -> Tables:
    pages: Tables = defaultdict(list)
    for table in tables:
        cells = [Cell(c["r"], c["c"], c["t"], c["rs"], c["cs"]) for c in table["cells"]]
        pages[table["page"]].append(pruned(Grid(cells)))
    return pages


def _counts(annotated: Tables, printed: Tables, teds: Teds) -> _Counts:
    counts = _Counts()
    for page in annotated.keys() | printed.keys():
        here, found = annotated.get(page, []), printed.get(page, [])
        wanted = Counter(pair for grid in here for pair in _neighbours(grid))
        seen = Counter(pair for grid in found for pair in _neighbours(grid))
        counts.hit += (wanted & seen).total()
        counts.annotated += wanted.total()
        counts.printed += seen.total()
        pairs = _matched(here, found)
        counts.teds += [
            teds(grid, found[pairs[i]]) if i in pairs else 0.0 for i, grid in enumerate(here)
        ]
    return counts


def _neighbours(grid: Grid) -> Iterator[tuple[str, str, str]]:
    """Texts of cells beside and below each other; what is blank between them counts as nothing."""
    places = {
        (row, column): cell
        for cell in grid.cells
        if _letters(cell.text)
        for row in range(cell.row, cell.row + cell.rowspan)
        for column in range(cell.column, cell.column + cell.colspan)
    }
    pairs: dict[tuple[int, int, str], tuple[str, str, str]] = {}
    for (row, column), cell in places.items():
        beside = ((row, at) for at in range(column + 1, grid.width))
        below = ((at, column) for at in range(row + 1, grid.height))
        for way, ahead in (("right", beside), ("down", below)):
            near = (places[at] for at in ahead if places.get(at) not in (None, cell))
            if (other := next(near, None)) is not None:
                pairs[id(cell), id(other), way] = (_letters(cell.text), _letters(other.text), way)
    yield from pairs.values()


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", text).lower())


def _matched(annotated: Sequence[Grid], printed: Sequence[Grid]) -> dict[int, int]:
    """Which printed table is which annotated one, by the words that they have in common."""
    from scipy.optimize import linear_sum_assignment

    shares = [[_common(one, other) for other in printed] for one in annotated]
    if not printed or not annotated:
        return {}
    pairs = zip(*linear_sum_assignment(shares, maximize=True), strict=True)
    return {int(i): int(j) for i, j in pairs if shares[i][j] > _ALIKE}


def _common(one: Grid, other: Grid) -> float:
    own, others = Counter(_words(one)), Counter(_words(other))
    return (own & others).total() / ((own | others).total() or 1)


def _words(grid: Grid) -> Iterator[str]:
    for cell in grid.cells:
        yield from re.findall(r"\w+", cell.text.lower())


def _teds() -> Teds:
    from docling_metrics_table import TableMetric, TableMetricHTMLInputSample
    from docling_metrics_table.docling_metrics_table import TableMetricKind

    metric = TableMetric(metrics=[TableMetricKind.TEDS])

    def teds(one: Grid, other: Grid) -> float:
        told = [re.sub("</?tbody>", "", html_of(Grid(grid.cells))) for grid in (one, other)]
        sample = TableMetricHTMLInputSample(
            id="", html_a=told[0], html_b=told[1], structure_only=False
        )
        return metric.evaluate_sample(sample).teds.teds

    return teds
