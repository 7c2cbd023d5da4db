"""Quality against speed and against size, as a picture.

Knows what is drawn of a comparison, and which variants no other beats. Does not compare.
"""

import io
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from rag_pipelines.models.comparison import Comparison
from rag_pipelines.models.figures import PERPLEXITY, SIZE, SPEED, heading
from rag_pipelines.models.labels import Line, Point, label_points
from rag_pipelines.models.scoring import Row

_INK, _QUIET = "#4f43dd", "#767b85"
_WIDE = 10.0
"""From this ratio of its largest to its smallest figure on, perplexity is on a log axis."""


def front(rows: Iterable[Row], against: str) -> list[Row]:
    """The ranked rows that no other ranked one beats in perplexity without being worse `against`.

    From the best to the worst in the figure `against`; of rows that are equal in both, the first.
    """
    sign = 1 if heading(against).better == "less" else -1
    costs = {
        row.variant: (sign * row.figures[against].value, row.figures[PERPLEXITY].value)
        for row in rows
        if row.score is not None and against in row.figures
    }
    best: list[Row] = []
    for row in sorted((r for r in rows if r.variant in costs), key=lambda r: costs[r.variant]):
        if not best or costs[row.variant][1] < costs[best[-1].variant][1]:
            best.append(row)
    return best


def pareto_png(comparison: Comparison) -> bytes:
    """Both plots side by side; in each, up and to the right is better."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(11, 4.8), layout="constrained", dpi=110)
    FigureCanvasAgg(picture)
    picture.suptitle(_title(comparison), fontsize=11)
    panels = list(zip(picture.subplots(1, 2), (SPEED, SIZE), strict=True))
    for axes, against in panels:
        _draw(axes, comparison, against)
    picture.legend(handles=_legend(), loc="outside lower center", ncols=5, frameon=False)
    for axes, against in panels:
        rows = _drawable(comparison, against)
        points = {row.variant: _point(row, against) for row in rows}
        label_points(axes, points, _lines(rows, against), comparison.verdict.winner or "")
    buffer = io.BytesIO()
    picture.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _title(comparison: Comparison) -> str:
    winner = comparison.verdict.winner
    left_out = sorted(
        {row.variant for row in comparison.rows}
        - {row.variant for row in _drawable(comparison, SPEED) + _drawable(comparison, SIZE)}
    )
    said = [f"Variants of {comparison.base}: {f'{winner} wins' if winner else 'no winner'}"]
    said += [f"not drawn, for lack of figures: {', '.join(left_out)}"] if left_out else []
    return "; ".join(said)


def _drawable(comparison: Comparison, against: str) -> list[Row]:
    """The rows with both figures. A log axis has no place for 0."""
    return [
        row
        for row in comparison.rows
        if all(n in row.figures and row.figures[n].value > 0 for n in (against, PERPLEXITY))
    ]


def _point(row: Row, against: str) -> Point:
    """Where a row stands, in the units of the axes."""
    return (
        row.figures[against].value / heading(against).divisor,
        row.figures[PERPLEXITY].value,
    )


def _draw(axes: Any, comparison: Comparison, against: str) -> None:
    rows = _drawable(comparison, against)
    for row in rows:
        _mark(axes, row, against, row.variant == comparison.base)
    for begin, end in _front_lines(rows, against):
        axes.plot(
            *zip(begin, end, strict=True), color=_QUIET, linestyle="--", linewidth=1, zorder=1
        )
    _scale(axes, rows)
    shown = heading(against)
    turned = shown.better == "less"
    axes.set_xlabel(f"{shown.title} (log; {'less' if turned else 'more'} is better)")
    axes.set_ylabel("perplexity (less is better)")
    axes.invert_yaxis()
    if turned:
        axes.invert_xaxis()
    axes.set_title(f"Quality against {'size' if turned else 'speed'}", fontsize=10)
    axes.grid(True, color="#e6e7ea", linewidth=0.6)
    axes.set_axisbelow(True)


def _front_lines(rows: Sequence[Row], against: str) -> list[Line]:
    return list(pairwise(_point(row, against) for row in front(rows, against)))


def _lines(rows: Sequence[Row], against: str) -> list[Line]:
    """What a name must not stand on: the front and the spreads."""
    bars: list[Line] = []
    for row in rows:
        x, y = _point(row, against)
        left, right, high = _spread(row, against)
        bars += [((x - left, y), (x + right, y)), ((x, y - high), (x, y + high))]
    return _front_lines(rows, against) + bars


def _spread(row: Row, against: str) -> tuple[float, float, float]:
    """Lengths of the bars to the left, to the right and up or down; a log axis ends before 0."""
    x, y = _point(row, against)
    wide = row.figures[against].spread / heading(against).divisor
    return min(wide, 0.99 * x), wide, min(row.figures[PERPLEXITY].spread, 0.99 * y)


def _mark(axes: Any, row: Row, against: str, base: bool) -> None:
    left, right, high = _spread(row, against)
    colour = _QUIET if row.score is None else _INK
    axes.errorbar(
        *_point(row, against),
        xerr=[[left], [right]],
        yerr=high,
        color=colour,
        markerfacecolor="white" if row.score is None else colour,
        markeredgecolor=colour if row.score is None else "white",
        marker="s" if base else "o",
        markersize=11 if base else 8,
        elinewidth=1,
        capsize=2,
        zorder=2 if base else 3,
    )


def _scale(axes: Any, rows: Sequence[Row]) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    perplexities = [row.figures[PERPLEXITY].value for row in rows]
    if not rows:
        return
    axes.set_xscale("log")
    if max(perplexities) > _WIDE * min(perplexities):
        axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == "log":
            axis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0, 7.0)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(NullFormatter())
    axes.margins(0.16)


def _legend() -> list[Any]:
    from matplotlib.lines import Line2D

    def sample(label: str, marker: str, fill: str = _INK, edge: str = _INK) -> Line2D:
        return Line2D(
            [],
            [],
            linestyle="none",
            marker=marker,
            markersize=8,
            markerfacecolor=fill,
            markeredgecolor=edge,
            label=label,
        )

    return [
        sample("variant", "o"),
        sample("base", "s"),
        sample("disqualified", "o", "white", _QUIET),
        Line2D([], [], color=_QUIET, linestyle="--", label="no other beats these"),
        sample("spread", "|"),
    ]
