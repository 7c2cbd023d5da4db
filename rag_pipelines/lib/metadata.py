"""What a person looks at in Dagster's UI: samples, plots, column schemas.

Knows how to show a figure or a row; does not know where they come from.
"""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from rag_pipelines.storage.tables import schema_of

_SAMPLE = 8
_CELL = 160


def columns(record: type[Any], **descriptions: str) -> dg.TableSchema:
    """Column schema of a record class."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(field.name, str(field.type), description=descriptions.get(field.name))
            for field in schema_of(record)
        ]
    )


def sample(rows: Sequence[Mapping[str, object]], most: int = _SAMPLE) -> dg.MetadataValue[Any]:
    """Rows, evenly spaced, as a Markdown table with long cells cut."""
    step = max(1, len(rows) // most)
    shown = list(rows[::step])[:most]
    if not shown:
        return dg.MetadataValue.md("*none*")
    names = list(shown[0])
    lines = [_line(names), _line(["---"] * len(names))]
    lines += [_line([_cell(row[name]) for name in names]) for row in shown]
    return dg.MetadataValue.md("\n".join(lines))


def counts(by_reason: Mapping[str, int]) -> dg.MetadataValue[Any]:
    """Figures by name as a Markdown table, largest first."""
    rows = sorted(by_reason.items(), key=lambda item: (-item[1], item[0]))
    return sample([{"what": name, "count": count} for name, count in rows], most=max(1, len(rows)))


def histogram(values: Sequence[float], label: str, limit: float | None = None) -> Any:
    """A histogram as a picture in Markdown; `limit` is drawn as a line."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 2.4), layout="constrained")
    axes = figure.subplots()
    axes.hist(values, bins=40, color="#4f43dd")
    axes.set(xlabel=label, ylabel="count")
    if limit is not None:
        axes.axvline(limit, color="#c0392b", linestyle="--", label=f"limit {limit:g}")
        axes.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    return pictures([(label, buffer.getvalue())])


def pictures(shown: Iterable[tuple[str, bytes]]) -> dg.MetadataValue[Any]:
    """PNGs as pictures in Markdown, each below its label."""
    lines = [
        f"{_cell(label)}\n\n![](data:image/png;base64,{base64.b64encode(png).decode()})"
        for label, png in shown
    ]
    return dg.MetadataValue.md("\n\n".join(lines) or "*none*")


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _cell(value: object) -> str:
    text = " ".join(str(value).split()).replace("|", "\\|")
    return text if len(text) <= _CELL else f"{text[: _CELL - 1]}…"
