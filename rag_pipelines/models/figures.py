"""The figures that a variant is measured by: their names, their order and how people read them.

A name ends with its unit where it has one. Knows nothing of how a figure is measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

PERPLEXITY: Final = "perplexity"
ANSWERS: Final = "answer_f1"
SPEED: Final = "tokens_per_cpu_second"
SIZE: Final = "bytes_on_disk"
COSINE: Final = "agreement_cosine"
SAME_SPANS: Final = "agreement_spans"
SPREAD: Final = "_spread"
"""How the name of a figure's spread ends, where spreads are kept as figures of their own."""

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value, in the unit that its name ends with, and its spread (`Metric.spread`)."""

    value: float
    spread: float = 0.0


Figures = Mapping[str, Figure]
"""Figures of one variant by name; what was not measured is not there."""


@dataclass(frozen=True, slots=True)
class Heading:
    """How a figure is shown: its heading with the unit, and what it is divided by for that."""

    title: str
    better: Literal["less", "more"]
    digits: int = 1
    divisor: float = 1.0

    def shown(self, value: float) -> str:
        """The value in the heading's unit."""
        return f"{value / self.divisor:,.{self.digits}f}"


HEADINGS: Final[Mapping[str, Heading]] = {
    PERPLEXITY: Heading("perplexity", "less", 2),
    "answer_exact_match": Heading("exact match", "more", 2),
    ANSWERS: Heading("answer F1", "more", 2),
    "answer_grounded": Heading("grounded", "more", 2),
    "agreement_top1": Heading("top-1 as parent", "more", 3),
    "agreement_greedy": Heading("greedy as parent", "more", 2),
    "agreement_kl_nats": Heading("KL to parent, nats", "less", 3),
    COSINE: Heading("cosine to parent", "more", 4),
    "agreement_neighbours": Heading("neighbours as parent", "more", 2),
    SAME_SPANS: Heading("spans as parent", "more", 2),
    SPEED: Heading("tokens / CPU s", "more"),
    "prompt_tokens_per_cpu_second": Heading("prompt tokens / CPU s", "more"),
    "tokens_per_second": Heading("tokens / s", "more"),
    "ttft_ms_p50": Heading("first token p50, ms", "less", 0),
    "ttft_ms_p95": Heading("first token p95, ms", "less", 0),
    "inter_token_ms_p50": Heading("next token p50, ms", "less"),
    "inter_token_ms_p95": Heading("next token p95, ms", "less"),
    "inter_token_ms_p99": Heading("next token p99, ms", "less"),
    "load_seconds": Heading("load, s", "less", 2),
    SIZE: Heading("on disk, MiB", "less", 0, _MIB),
    "peak_rss_bytes": Heading("peak RSS, MiB", "less", 0, _MIB),
    "device_memory_bytes": Heading("device memory, MiB", "less", 0, _MIB),
}
"""Every figure that has a heading, in the order of tables; any other follows by name."""


def heading(name: str) -> Heading:
    """How a figure is shown; one without a heading of its own goes by its name."""
    return HEADINGS.get(name) or Heading(name, "more", 3)


def in_order(names: set[str]) -> list[str]:
    """Names in the order of tables."""
    known = [name for name in HEADINGS if name in names]
    return known + sorted(names - HEADINGS.keys())
