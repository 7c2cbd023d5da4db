"""The comparison as a table: each row's figures, their ratio and what is asked for.

Only arranges what the stages found. Where a figure is missing the row says so.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Results = dict[str, dict[str, Any]]
MISSING = "not measured"


@dataclass(frozen=True, slots=True)
class Row:
    """One line: texts, and whether the target is met (None where there is none, or no figure)."""

    name: str
    newcomer: str
    ours: str
    ratio: str
    target: str
    met: bool | None

    def cells(self) -> list[str]:
        verdict = {None: "", True: "met", False: "MISSED"}[self.met]
        return [self.name, self.newcomer, self.ours, self.ratio, self.target, verdict]


def figure(results: Results, *path: str) -> float | None:
    """The number at a path of keys, if that was measured."""
    found: Any = results
    for key in path:
        if not isinstance(found, dict) or key not in found:
            return None
        found = found[key]
    return found


def _shown(value: float | None, unit: float = 1.0, form: str = ",.1f") -> str:
    return MISSING if value is None else format(value / unit, form)


def _ratio(name: str, theirs: float | None, ours: float | None, target: float | None) -> Row:
    """More is better."""
    ratio = ours / theirs if theirs and ours is not None else None
    asked = f">= {target:g}x" if target else ""
    met = ratio >= target if target and ratio is not None else None
    shown = "" if ratio is None else f"{ratio:.2f}x"
    return Row(name, _shown(theirs), _shown(ours), shown, asked, met)


def _less(name: str, theirs: float | None, ours: float | None, target: float | None) -> Row:
    """Less is better; the ratio says how many times less."""
    row = _ratio(name, ours, theirs, target)
    asked = f">= {target:g}x less" if target else ""
    return Row(name, row.ours, row.newcomer, row.ratio, asked, row.met)


def _count(name: str, theirs: float | None, ours: float | None, most: float | None) -> Row:
    asked = "" if most is None else f"{most:g}"
    met = ours <= most if ours is not None and most is not None else None
    return Row(name, _shown(theirs, form=",.0f"), _shown(ours, form=",.0f"), "", asked, met)


def _gain(name: str, results: Results, dataset: str, target: float) -> Row:
    theirs = figure(results, "quality", dataset, "newcomer", "ndcg@10")
    ours = figure(results, "quality", dataset, "ours", "ndcg@10")
    gain = None if theirs is None or ours is None else ours - theirs
    shown = "" if gain is None else f"{gain:+.3f}"
    met = None if gain is None else gain >= target
    cells = (_shown(theirs, form=".3f"), _shown(ours, form=".3f"))
    return Row(name, *cells, shown, f">= {target:+.2f}", met)


def comparison(results: Results) -> list[Row]:
    """This project beside the newcomer's script."""

    def of(stage: str, key: str) -> float | None:
        return figure(results, stage, key)

    def both(key: str) -> tuple[float | None, float | None]:
        return of("newcomer", key), of("ingest", key)

    return [
        _ratio(
            "pages a second, crawl and extraction",
            of("newcomer", "pages_per_second"),
            of("crawl", "pages_per_second"),
            2.0,
        ),
        _ratio(
            "chunks a CPU second, embedding",
            of("newcomer", "chunks_per_cpu_second"),
            of("embed", "chunks_per_cpu_second"),
            None,
        ),
        _count("chunks", *both("chunks"), None),
        _less("CPU seconds in all", *both("cpu_seconds"), 2.5),
        _less("seconds in all", *both("seconds"), None),
        _less("peak memory, MB", *both("peak_megabytes"), None),
        _count("pages lost", *both("lost"), 0),
        _gain("nDCG@10, anthropic_docs", results, "anthropic_docs", 0.03),
        _gain("nDCG@10, xquad_en", results, "xquad_en", 0.0),
    ]


def documents(results: Results) -> list[list[str]]:
    """Readers of PDFs beside each other: pages a CPU second, peak memory, what they found."""
    found = results.get("documents", {})
    return [
        [
            name.replace("_", " "),
            _shown(figure(found, name, "pages_per_cpu_second"), form=",.2f"),
            _shown(figure(found, name, "peak_bytes"), 1e6, ",.0f"),
            _shown(figure(found, name, "tables"), form=",.0f"),
            _shown(figure(found, name, "failed"), form=",.0f"),
        ]
        for name in found
        if name != "error"
    ]


@dataclass(frozen=True, slots=True)
class Limit:
    """A figure of a stage, held against a bound."""

    name: str
    path: tuple[str, ...]
    bound: float
    at_least: bool = False
    unit: float = 1.0
    form: str = ",.1f"

    def row(self, results: Results) -> Row:
        found = figure(results, *self.path)
        shown = _shown(found, self.unit, self.form)
        sign = ">=" if self.at_least else "<="
        met = None if found is None else self._meets(found / self.unit)
        return Row(self.name, "", shown, "", f"{sign} {self.bound:g}", met)

    def _meets(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound


def _of_scale(rows: str) -> list[Limit]:
    many = int(rows) > 50_000
    limits = [
        Limit(f"{rows} rows: vectors a second", ("scale", rows, "vectors_per_second"), 300, True),
        Limit(f"{rows} rows: recall@10", ("scale", rows, "recall@10"), 0.95, True, form=".4f"),
        Limit(
            f"{rows} rows: one search p95, ms",
            ("scale", rows, "search", "p95_ms"),
            60 if many else 30,
        ),
        Limit(
            f"{rows} rows: 1 % filter p95, ms",
            ("scale", rows, "filtered", "p95_ms"),
            300 if many else 60,
        ),
        Limit(f"{rows} rows: build, MB", ("scale", rows, "build_bytes"), 2000, unit=1e6),
        Limit(f"{rows} rows: serving, MB", ("scale", rows, "serve_bytes"), 1500, unit=1e6),
    ]
    return limits


def _of_history(store: str) -> list[Limit]:
    at = ("history", store)
    return [
        Limit(f"{store}: history read p95, ms", (*at, "read", "p95_ms"), 20),
        Limit(f"{store}: conversations out of order", (*at, "disordered"), 0, form=",.0f"),
        Limit(f"{store}: disk, last quarter to second", (*at, "disk_growth"), 1.1),
    ]


_CHATS = ("chats", "first_token_above_model")
_UNDER_LOAD = (
    Limit("chats: errors", ("chats", "errors"), 0, form=",.0f"),
    Limit("chats: truncated", ("chats", "truncated"), 0, form=",.0f"),
    Limit("chats: first token, p95 ms above model", (*_CHATS, "p95_ms"), 300),
    Limit("chats: memory growth, %", ("chats", "rss_growth_percent"), 10),
    Limit("rate: errors", ("rate", "errors"), 0, form=",.0f"),
    Limit("rate: p95, ms", ("rate", "latency", "p95_ms"), 150),
    Limit("rate: p99, ms", ("rate", "latency", "p99_ms"), 400),
    Limit("rate: outside search and model p95, ms", ("rate", "outside", "p95_ms"), 20),
    Limit("burst: answered", ("burst", "answered"), 17, form=",.0f"),
    Limit("burst: neither answered nor refused", ("burst", "lost"), 0, form=",.0f"),
    Limit("burst: refused without Retry-After", ("burst", "without_retry_after"), 0, form=",.0f"),
    Limit("burst: slowest refusal, ms", ("burst", "refusal", "worst_ms"), 100),
    *(limit for store in ("sqlite", "mongo") for limit in _of_history(store)),
)


def limits(results: Results) -> list[Row]:
    """What the other stages found, held against the rows of the reliability table."""
    found: list[Limit] = []
    for rows in results.get("scale", {}):
        found += _of_scale(rows)
    if "search" in results:
        found.append(Limit("whole search p95, ms", ("search", "whole", "p95_ms"), 30))
    if results.get("documents"):
        ours = ("documents", "ours")
        found += [
            Limit("documents: pages a CPU second", (*ours, "pages_per_cpu_second"), 1, True),
            Limit("documents: peak memory, MB", (*ours, "peak_bytes"), 1500, unit=1e6),
            Limit("documents: parsed again", (*ours, "again", "parsed"), 0, form=",.0f"),
            Limit("tables: adjacency F1", (*ours, "adjacency_f1"), 0.94, True, form=".4f"),
            Limit("tables: TEDS", (*ours, "teds"), 0.92, True, form=".4f"),
            Limit("tables: printed for 76", (*ours, "printed"), 110, form=",.0f"),
        ]
    if "faults" in results:
        found.append(Limit("kills that did harm", ("faults", "harmed"), 0, form=",.0f"))
        found.append(Limit("chat errors during kills", ("faults", "chat_errors"), 0, form=",.0f"))
    if "swaps" in results:
        found += [
            Limit("swaps: errors", ("swaps", "errors"), 0, form=",.0f"),
            Limit("swaps: answers of two versions", ("swaps", "mixed"), 0, form=",.0f"),
            Limit("swaps: stall p95, ms", ("swaps", "stall", "p95_ms"), 250),
            Limit("swaps: old releases left", ("swaps", "old_releases"), 2, form=",.0f"),
        ]
    found += [limit for limit in _UNDER_LOAD if limit.path[0] in results]
    return [limit.row(results) for limit in found]


def render(title: str, rows: Sequence[Sequence[str]], columns: Sequence[str]) -> str:
    """Rows of cells as aligned text; columns without any content are left out."""
    table = [list(columns), *rows]
    kept = [i for i in range(len(columns)) if i == 0 or any(line[i] for line in table[1:])]
    widths = {i: max(len(line[i]) for line in table) for i in kept}

    def line(cells: Sequence[str]) -> str:
        aligned: Callable[[int], str] = lambda i: (  # noqa: E731
            cells[i].ljust(widths[i]) if i == 0 else cells[i].rjust(widths[i])
        )
        return "  ".join(map(aligned, kept)).rstrip()

    rule = "  ".join("-" * widths[i] for i in kept)
    body: Iterable[str] = (line(cells) for cells in table[1:])
    return "\n".join([title, line(table[0]), rule, *body])


COLUMNS = ("", "newcomer", "ours", "ratio", "target", "")
READER_COLUMNS = ("", "pages a CPU second", "peak MB", "tables", "without text")
