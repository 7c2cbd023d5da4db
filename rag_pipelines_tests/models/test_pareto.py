"""The front is the one that brute force finds; names cover neither each other nor the points."""

from itertools import combinations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from rag_pipelines.models.comparison import compare
from rag_pipelines.models.config import Models
from rag_pipelines.models.figures import PERPLEXITY, SIZE, SPEED, heading
from rag_pipelines.models.labels import label_points
from rag_pipelines.models.pareto import front, pareto_png
from rag_pipelines.models.scoring import Row
from rag_pipelines_tests.models.factory import (
    WANTED,
    artifact,
    artifacts,
    changed,
    comparison,
    metric,
    metrics,
)

CLOUD = {
    f"v{x}-{y}": (x, y)
    for x in range(1, 14, 2)
    for y in range(1, 14, 3)
    if x + y > 10 and y > x - 8
}
"""Perplexity, and speed or size: all above a line that runs from one axis to the other."""


def beaten(row: Row, rows: list[Row], against: str) -> bool:
    sign = 1 if heading(against).better == "less" else -1

    def costs(of: Row) -> tuple[float, float]:
        return sign * of.figures[against].value, of.figures[PERPLEXITY].value

    return any(
        all(a <= b for a, b in zip(costs(other), costs(row), strict=True))
        and (costs(other) != costs(row))
        for other in rows
    )


@pytest.mark.parametrize("against", [SPEED, SIZE])
def test_the_front_is_what_no_other_beats(against: str):
    models = Models.model_validate({"variants": {n: {"method": "nf4"} for n in CLOUD}})
    made = [artifact("base", 10), *(artifact(name, y) for name, (_, y) in CLOUD.items())]
    figures = [metric("base", PERPLEXITY, 30), metric("base", SPEED, 10)]
    for name, (x, y) in CLOUD.items():
        figures += [metric(name, PERPLEXITY, x), metric(name, SPEED, 1 / y)]
    rows = list(compare(made, figures, models).rows)
    points = {(r.figures[against].value, r.figures[PERPLEXITY].value) for r in front(rows, against)}
    assert points == {
        (r.figures[against].value, r.figures[PERPLEXITY].value)
        for r in rows
        if not beaten(r, rows, against)
    }
    assert len(points) > 1


def test_what_is_disqualified_is_not_on_the_front():
    rows = comparison().rows
    assert [row.variant for row in front(rows, SPEED)] == ["onnx-int8", "onnx-fp32"]
    assert "onnx-int4" in {row.variant for row in rows}


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_names_of_crowded_points_cover_nothing(scale: str):
    picture = Figure(figsize=(7, 5), layout="constrained")
    FigureCanvasAgg(picture)
    axes = picture.subplots()
    points = {f"variant-{n}": (10 + n / 3, 20 - n / 4) for n in range(9)}
    points |= {"twin": points["variant-0"], "edge": (30.0, 12.0)}
    axes.plot(*zip(*points.values(), strict=True), "o")
    axes.set_xscale(scale)
    axes.margins(0.16)
    bar = ((10.0, 20.0), (30.0, 12.0))
    texts = label_points(axes, points, [bar])
    renderer = picture.canvas.get_renderer()  # type: ignore[attr-defined]
    boxes = [Text.get_window_extent(text, renderer) for text in texts]
    assert [text.get_text() for text in texts] == list(points)
    assert not [1 for one, other in combinations(boxes, 2) if one.overlaps(other)]
    for box in boxes:
        assert axes.bbox.containsx(box.x0)
        assert axes.bbox.containsx(box.x1)
        assert not [p for p in points.values() if box.contains(*axes.transData.transform(p))]
    (x0, y0), (x1, y1) = axes.transData.transform(bar)
    along = [(x0 + s / 500 * (x1 - x0), y0 + s / 500 * (y1 - y0)) for s in range(501)]
    assert not [spot for spot in along for box in boxes if box.contains(*spot)]


def test_the_picture_is_a_png_and_always_the_same():
    drawn = pareto_png(comparison())
    assert drawn.startswith(b"\x89PNG")
    assert drawn == pareto_png(comparison())
    assert drawn != pareto_png(compare(artifacts()[:-1], metrics(), Models(variants=WANTED)))


@pytest.mark.parametrize(
    ("made", "figures"),
    [
        ([], []),
        (artifacts()[:1], metrics()),
        (artifacts(), changed("nf4", PERPLEXITY, 4e5)),
        (artifacts(), changed("nf4", SPEED, 0.0)),
        (artifacts(), [m for m in metrics() if m.name != PERPLEXITY]),
    ],
)
def test_a_comparison_with_little_or_odd_figures_is_drawn_too(made: list, figures: list):
    assert pareto_png(compare(made, figures, Models(variants=WANTED))).startswith(b"\x89PNG")
