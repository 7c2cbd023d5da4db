"""Where a page's pictures are: drawn shapes clustered into regions, furniture left out.

Pure geometry on boxes of [left, top, right, bottom] in points from the page's top left corner.
Knows no PDF library; `figures_pdf` tells it what is drawn.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rag_pipelines.documents.figures_lines import Line, is_caption

GAP = 6.0
"""Shapes closer than so many points belong to one picture."""
_LABEL_GAP = 11.0
_TITLE_GAP = 9.0
_RULE = 3.0
_SMALLEST_SIDE = 40.0
_SMALLEST_AREA = 5_500.0
_LONGEST_SHAPE = 7.0
_BACKGROUND = 0.8
_LARGEST = 0.92
_IN_TABLE = 0.5
_FEWEST_PATHS = 4
_GRID_LINES = 3
_GRID_GAP = 60.0
_SHORTEST_AXIS = 60.0
_MOST_AXES = 200
_FEWEST_MARKS = 5
_MOST_TEXT = 0.3
_LONGEST_LABEL = 40
_LONGEST_TITLE = 30


@dataclass(frozen=True, slots=True)
class Shape:
    """Something drawn. `kind` is `image`, `path` or `shading`; `plain` a straight upright path."""

    kind: str
    box: list[float]
    plain: bool = False


@dataclass(slots=True)
class Region:
    """Shapes that make one picture."""

    box: list[float]
    shapes: list[Shape] = field(default_factory=list[Shape])

    @property
    def image_share(self) -> float:
        """How much of the region embedded images cover, 0 to 1."""
        covered = sum(area(shape.box) for shape in self.shapes if shape.kind == "image")
        return min(1.0, covered / max(area(self.box), 1.0))


def picture_regions(
    shapes: Sequence[Shape],
    width: float,
    height: float,
    lines: Sequence[Line],
    tables: Sequence[list[float]] = (),
) -> list[Region]:
    """The pictures of a page that measures `width` by `height`, top to bottom.

    Left out are backgrounds and full-page scans, rules, boxes around text, what lies in a table,
    and whatever is too small to say anything.
    """
    page = [0.0, 0.0, width, height]
    clipped = [
        Shape(shape.kind, box, shape.plain)
        for shape in shapes
        if (box := _clip(shape.box, page)) is not None
    ]
    drawn = [shape for shape in _before_background(clipped, page) if not _amid(shape.box, tables)]
    rules = [shape for shape in drawn if _is_rule(shape, width)]
    solid = [shape for shape in drawn if not _is_rule(shape, width)]
    regions = clusters([*solid, *_grids(rules), *_axes(drawn, area(page))])
    kept = [region for region in regions if not _in_table(region.box, tables)]
    for region in kept:
        _take_in(region, rules)
    kept = [region for region in kept if _is_picture(region, page, lines)]
    for region in kept:
        _take_labels(region, lines, page)
    return sorted(_outermost(kept), key=lambda region: (region.box[1], region.box[0]))


def _before_background(shapes: Sequence[Shape], page: Sequence[float]) -> list[Shape]:
    """All but what covers the page: a shape of its size, or images that do so as tiles."""
    large = _BACKGROUND * area(page)
    images = clusters(shape for shape in shapes if shape.kind == "image")
    tiles = {id(s) for region in images if area(region.box) >= large for s in region.shapes}
    return [shape for shape in shapes if area(shape.box) < large and id(shape) not in tiles]


def clusters(shapes: Iterable[Shape], gap: float = GAP) -> list[Region]:
    """Shapes whose boxes come within `gap` points of each other, directly or by others."""
    regions: list[Region] = []
    for shape in shapes:
        joined = Region(list(shape.box), [shape])
        apart: list[Region] = []
        for region in regions:
            if touches(region.box, joined.box, gap):
                joined = Region(union(region.box, joined.box), region.shapes + joined.shapes)
            else:
                apart.append(region)
        regions = [*apart, joined]
    return _settled(regions, gap)


def touches(one: Sequence[float], other: Sequence[float], gap: float = 0.0) -> bool:
    """Whether two boxes come within `gap` points of each other."""
    return (
        one[0] - gap <= other[2]
        and other[0] - gap <= one[2]
        and one[1] - gap <= other[3]
        and other[1] - gap <= one[3]
    )


def union(one: Sequence[float], other: Sequence[float]) -> list[float]:
    """The smallest box around both."""
    return [
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    ]


def area(box: Sequence[float]) -> float:
    """Square points."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """The area that two boxes share, in square points."""
    return area(
        [
            max(one[0], other[0]),
            max(one[1], other[1]),
            min(one[2], other[2]),
            min(one[3], other[3]),
        ]
    )


def _settled(regions: list[Region], gap: float) -> list[Region]:
    """Regions that grew into each other, joined."""
    for index, region in enumerate(regions):
        for other in regions[index + 1 :]:
            if touches(region.box, other.box, gap):
                rest = [one for one in regions if one is not region and one is not other]
                joined = Region(union(region.box, other.box), region.shapes + other.shapes)
                return _settled([*rest, joined], gap)
    return regions


def _clip(box: Sequence[float], page: Sequence[float]) -> list[float] | None:
    clipped = [
        max(box[0], page[0]),
        max(box[1], page[1]),
        min(box[2], page[2]),
        min(box[3], page[3]),
    ]
    return clipped if clipped[2] >= clipped[0] and clipped[3] >= clipped[1] else None


def _is_rule(shape: Shape, width: float) -> bool:
    return _thickness(shape) < _RULE and _length(shape) > 0.3 * width


def _grids(rules: Sequence[Shape]) -> list[Shape]:
    """What lies between the grid lines of a chart: rules of one length at small distances."""
    grids: list[list[float]] = []
    counts: list[int] = []
    for rule in sorted(rules, key=lambda rule: rule.box[1]):
        for index, grid in enumerate(grids):
            level = abs(rule.box[0] - grid[0]) < GAP and abs(rule.box[2] - grid[2]) < GAP
            if level and rule.box[1] - grid[3] < _GRID_GAP:
                grids[index] = union(grid, rule.box)
                counts[index] += rule.box[1] > grid[3] + _RULE
                break
        else:
            grids.append(list(rule.box))
            counts.append(1)
    return [
        Shape("path", grid, plain=True)
        for grid, count in zip(grids, counts, strict=True)
        if count >= _GRID_LINES
    ]


def _axes(drawn: Sequence[Shape], page: float) -> list[Shape]:
    """What lies between two axes that meet, where bars or many marks stand between them."""
    long = [shape for shape in drawn if _length(shape) >= _SHORTEST_AXIS]
    thin = [shape for shape in long if _thickness(shape) < _RULE][:_MOST_AXES]
    lying = [shape for shape in thin if shape.box[2] - shape.box[0] >= _SHORTEST_AXIS]
    between: set[tuple[float, ...]] = set()
    for upright in thin:
        if upright.box[3] - upright.box[1] >= _SHORTEST_AXIS:
            met = (other for other in lying if touches(upright.box, other.box, _RULE))
            between |= {tuple(union(upright.box, other.box)) for other in met}
    frames = [Shape("path", list(box), plain=True) for box in between]
    return [
        frame for frame in frames if area(frame.box) < page / 2 and _is_plotted(frame.box, drawn)
    ]


def _is_plotted(frame: Sequence[float], drawn: Sequence[Shape]) -> bool:
    inside = [shape for shape in drawn if overlap(shape.box, frame) > 0.9 * area(shape.box) > 0]
    lively = sum(not shape.plain for shape in inside)
    pictured = any(shape.kind == "image" for shape in inside)
    return not pictured and (lively >= _FEWEST_MARKS or _has_bars(inside))


def _length(shape: Shape) -> float:
    return max(shape.box[2] - shape.box[0], shape.box[3] - shape.box[1])


def _thickness(shape: Shape) -> float:
    return min(shape.box[2] - shape.box[0], shape.box[3] - shape.box[1])


def _take_in(region: Region, rules: Iterable[Shape]) -> None:
    """Axes belong to the chart that they border."""
    left, top, right, bottom = region.box
    for rule in rules:
        within = left - 30 <= rule.box[0] and rule.box[2] <= right + 30
        within = within and top - 30 <= rule.box[1] and rule.box[3] <= bottom + 30
        if within and touches(rule.box, region.box, GAP):
            region.box = union(region.box, rule.box)


def _amid(box: Sequence[float], tables: Sequence[list[float]]) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in tables)


def _in_table(box: Sequence[float], tables: Sequence[list[float]]) -> bool:
    return any(overlap(box, table) > _IN_TABLE * area(box) for table in tables)


def _is_picture(region: Region, page: Sequence[float], lines: Sequence[Line]) -> bool:
    box = region.box
    if min(box[2] - box[0], box[3] - box[1]) < _SMALLEST_SIDE or area(box) < _SMALLEST_AREA:
        return False
    if area(box) > _LARGEST * area(page) or _is_banner(box, page):
        return False
    if any(shape.kind == "image" for shape in region.shapes) and region.image_share > 0.3:
        return True
    return _is_drawing(region, lines)


def _is_drawing(region: Region, lines: Sequence[Line]) -> bool:
    """A vector drawing rather than frames, rules or a shaded box around text."""
    paths = [shape for shape in region.shapes if shape.kind != "image"]
    if len(region.shapes) < _FEWEST_PATHS:
        return False
    text = sum(overlap(line.box, region.box) for line in lines) / area(region.box)
    lively = [shape for shape in paths if not shape.plain]
    if len(lively) >= max(3, 0.05 * len(paths)) or any(_spans(one, region) for one in lively):
        return text < 2 * _MOST_TEXT
    return text < _MOST_TEXT and _has_bars(paths)


def _spans(curve: Shape, region: Region) -> bool:
    """Whether a path runs through the drawing, as a graph does, and is not its frame."""
    across = (curve.box[2] - curve.box[0]) / max(region.box[2] - region.box[0], 1.0)
    down = (curve.box[3] - curve.box[1]) / max(region.box[3] - region.box[1], 1.0)
    return 0.4 < across < 0.97 and 0.15 < down < 0.97


def _has_bars(paths: Sequence[Shape]) -> bool:
    """Three lengths of upright boxes that start from one line: a bar chart's, not a table's."""
    boxes = [[2 * round(edge / 2) for edge in shape.box] for shape in paths]
    upright: defaultdict[int, set[int]] = defaultdict(set)
    lying: defaultdict[int, set[int]] = defaultdict(set)
    for left, top, right, bottom in boxes:
        if min(right - left, bottom - top) >= _RULE:
            upright[bottom].add(bottom - top)
            lying[left].add(right - left)
    return any(len(lengths) >= 3 for lengths in (*upright.values(), *lying.values()))


def _is_banner(box: Sequence[float], page: Sequence[float]) -> bool:
    """A strip along an edge of the page, as letterheads have."""
    across, down = box[2] - box[0], box[3] - box[1]
    at_edge = min(box[0], box[1], page[2] - box[2], page[3] - box[3]) < GAP
    return at_edge and max(across / down, down / across) > _LONGEST_SHAPE


def _take_labels(region: Region, lines: Sequence[Line], page: Sequence[float]) -> None:
    """Short texts around a drawing belong to it: labels of axes, then what the axes are called."""
    if region.image_share > 0.6:
        return
    for gap, longest in ((_LABEL_GAP, _LONGEST_LABEL), (_TITLE_GAP, _LONGEST_TITLE)):
        drawn = list(region.box)
        for line in lines:
            if _is_label(line, longest) and _stands_by(line, drawn, gap):
                region.box = union(region.box, line.box)
    region.box = _clip(region.box, page) or region.box


def _is_label(line: Line, longest: int) -> bool:
    short = len(line.text) <= longest or line.sparse or line.upright
    return short and not is_caption(line.text)


def _stands_by(line: Line, drawn: Sequence[float], gap: float) -> bool:
    box = line.box
    near = touches(box, drawn, 2 * gap if line.upright else gap)
    return near and box[0] >= drawn[0] - 60 and box[2] <= drawn[2] + 60


def _outermost(regions: Sequence[Region]) -> list[Region]:
    """Regions that their labels made overlap, joined."""
    return _settled(list(regions), -1.0)
