"""The ruling lines of a page: segments cleaned, joined, and gathered into frames that touch.

Knows geometry in points from the page's top left corner. Does not know text or tables.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

THIN = 3.0
"""Points below which a filled shape is a drawn line."""
TOUCH = 3.0
"""Points within which two lines meet."""
_SHORTEST = 3.0


@dataclass(frozen=True, slots=True, order=True)
class Rule:
    """A straight line along one axis: at `at` across, from `start` to `end` along."""

    at: float
    start: float
    end: float

    @property
    def length(self) -> float:
        return self.end - self.start


@dataclass(slots=True)
class Rules:
    """Horizontal rules (`at` is y) and vertical ones (`at` is x)."""

    across: list[Rule] = field(default_factory=list[Rule])
    down: list[Rule] = field(default_factory=list[Rule])

    @property
    def box(self) -> list[float]:
        """Left, top, right, bottom of all of them."""
        xs = [r.at for r in self.down] + [x for r in self.across for x in (r.start, r.end)]
        ys = [r.at for r in self.across] + [y for r in self.down for y in (r.start, r.end)]
        return [min(xs), min(ys), max(xs), max(ys)]


def rule_of(x1: float, y1: float, x2: float, y2: float) -> tuple[str, Rule] | None:
    """The rule that a drawn line is, `("across" | "down", rule)`; none where it is slanted."""
    left, right, top, bottom = min(x1, x2), max(x1, x2), min(y1, y2), max(y1, y2)
    width, height = right - left, bottom - top
    if height <= THIN and width >= _SHORTEST and width > height:
        return "across", Rule((top + bottom) / 2, left, right)
    if width <= THIN and height >= _SHORTEST and height > width:
        return "down", Rule((left + right) / 2, top, bottom)
    return None


def cleaned(rules: Rules) -> Rules:
    """The same lines, pieces of one line joined."""
    return Rules(merged(rules.across), merged(rules.down))


def merged(rules: Iterable[Rule], tolerance: float = 1.5, gap: float = 3.0) -> list[Rule]:
    """Rules on one line that overlap or nearly meet, made into one."""
    lines: list[list[Rule]] = []
    for rule in sorted(rules):
        if lines and rule.at - lines[-1][-1].at <= tolerance:
            lines[-1].append(rule)
        else:
            lines.append([rule])
    return [found for line in lines for found in _joined(line, gap)]


def _joined(line: Sequence[Rule], gap: float) -> list[Rule]:
    at = sum(rule.at for rule in line) / len(line)
    found: list[Rule] = []
    for rule in sorted(line, key=lambda r: r.start):
        if found and rule.start <= found[-1].end + gap:
            found[-1] = Rule(at, found[-1].start, max(found[-1].end, rule.end))
        else:
            found.append(Rule(at, rule.start, rule.end))
    return found


def frames(rules: Rules) -> list[Rules]:
    """Sets of rules that hang together by crossing or touching, each with both directions."""
    across, down = rules.across, rules.down
    parents = list(range(len(across) + len(down)))

    def root(i: int) -> int:
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    for i, h in enumerate(across):
        for j, v in enumerate(down):
            if (
                h.start - TOUCH <= v.at <= h.end + TOUCH
                and v.start - TOUCH <= h.at <= v.end + TOUCH
            ):
                parents[root(i)] = root(len(across) + j)
    groups: dict[int, Rules] = {}
    for i, h in enumerate(across):
        groups.setdefault(root(i), Rules()).across.append(h)
    for j, v in enumerate(down):
        groups.setdefault(root(len(across) + j), Rules()).down.append(v)
    return [group for group in groups.values() if group.across and group.down]


def clusters(values: Iterable[float], tolerance: float = TOUCH) -> list[float]:
    """Values that lie within `tolerance` of their neighbour, as their means."""
    found: list[list[float]] = []
    for value in sorted(values):
        if found and value - found[-1][-1] <= tolerance:
            found[-1].append(value)
        else:
            found.append([value])
    return [sum(group) / len(group) for group in found]
