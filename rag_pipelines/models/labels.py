"""Names beside the points of a plot, none over another, over a point or over the edge.

Knows places on the canvas, in pixels. Does not know what is plotted.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.transforms import Bbox

_NEAR = ((6, 6), (-6, 6), (6, -6), (-6, -6), (8, 0), (-8, 0), (0, 9), (0, -9))
"""Offsets from a point, in typographic points, in the order in which they are tried."""
_FURTHER = (1.0, 1.8, 2.8, 4.0, 5.5)
_AWAY = 16.0
"""From here on a name stands away from its point, in typographic points."""
_POINT = 6.0
"""Half the side of the square that a label must not cover around each point, in pixels."""
_LINE = 1.5
"""The same for each spot of a line."""
_SPOTS = 60
"""Spots that stand for a line."""

Point = tuple[float, float]
Line = tuple[Point, Point]


def label_points(
    axes: Any, points: Mapping[str, Point], lines: Iterable[Line] = (), bold: str = ""
) -> list[Any]:
    """Write each point's name beside it, off all points and `lines`; the texts, in order.

    The axes must have their limits. Where a name fits nowhere, it stands where it covers least;
    a thin line leads back to its point from far away.
    """
    canvas = axes.figure.canvas
    canvas.draw()  # a layout that moves the axes has moved them now
    axes.figure.set_layout_engine("none")
    renderer = canvas.get_renderer()
    taken = [_square(axes, point, _POINT) for point in points.values()]
    taken += [_square(axes, spot, _LINE) for line in lines for spot in _spots(axes, *line)]
    texts: list[Any] = []
    for name, point in points.items():
        text = _written(axes, name, point, "bold" if name == bold else "normal")
        _settle(text, taken, axes.bbox, renderer)
        taken.append(_box(text, renderer))
        texts.append(text)
    return texts


def _written(axes: Any, name: str, point: Point, weight: str) -> Any:
    from matplotlib.patheffects import withStroke

    text = axes.annotate(
        name,
        point,
        xytext=_NEAR[0],
        textcoords="offset points",
        fontsize=8.5,
        fontweight=weight,
        zorder=5,
        arrowprops={"arrowstyle": "-", "color": "#b4b7bd", "linewidth": 0.8, "shrinkB": 4},
    )
    text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    return text


def _square(axes: Any, point: Point, half: float) -> "Bbox":
    from matplotlib.transforms import Bbox

    x, y = axes.transData.transform(point)
    return Bbox([[x - half, y - half], [x + half, y + half]])


def _spots(axes: Any, begin: Point, end: Point) -> list[Point]:
    """Points along a line that is straight on the canvas."""
    (x0, y0), (x1, y1) = axes.transData.transform([begin, end])
    shares = [spot / _SPOTS for spot in range(_SPOTS + 1)]
    along = [(x0 + share * (x1 - x0), y0 + share * (y1 - y0)) for share in shares]
    return [tuple(spot) for spot in axes.transData.inverted().transform(along)]


def _settle(text: Any, taken: Sequence["Bbox"], edge: "Bbox", renderer: Any) -> None:
    """Move a text to the first place that covers nothing, or the one that covers least."""
    costs: dict[Point, float] = {}
    for place in [(x * far, y * far) for far in _FURTHER for x, y in _NEAR]:
        costs[place] = _covered(_box(_moved(text, *place), renderer), taken, edge)
        if not costs[place]:
            break
    best = min(costs, key=lambda place: costs[place])  # the first of equals
    _moved(text, *best)
    text.arrow_patch.set_visible(max(map(abs, best)) > _AWAY)


def _moved(text: Any, x: float, y: float) -> Any:
    text.set_position((x, y))
    text.set_horizontalalignment("left" if x > 0 else "right" if x < 0 else "center")
    text.set_verticalalignment("bottom" if y > 0 else "top" if y < 0 else "center")
    return text


def _box(text: Any, renderer: Any) -> "Bbox":
    """Where the letters are; an annotation's own answer takes its line in."""
    from matplotlib.text import Text

    text.update_positions(renderer)
    return Text.get_window_extent(text, renderer)


def _covered(box: "Bbox", taken: Sequence["Bbox"], edge: "Bbox") -> float:
    """Square pixels of other things below the box, and of the box beyond the edge."""
    inside = _overlap(box, edge)
    beyond = box.width * box.height - inside
    return round(sum(_overlap(box, other) for other in taken) + beyond, 3)


def _overlap(one: "Bbox", other: "Bbox") -> float:
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return max(0.0, width) * max(0.0, height)
