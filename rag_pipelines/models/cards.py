"""A comparison and its variants as people and programs read them: Markdown and JSON.

Knows headings and words. Does not know where the text goes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rag_pipelines.models.comparison import Comparison
from rag_pipelines.models.figures import Figures, heading, in_order
from rag_pipelines.models.scoring import CRITERIA, Row
from rag_pipelines.records import ModelArtifact


def as_json(comparison: Comparison) -> dict[str, Any]:
    """The whole comparison in JSON's types."""
    return asdict(comparison) | {"weights": comparison.weights.model_dump()}


def as_markdown(comparison: Comparison) -> str:
    """The verdict, a row for each variant with all figures, and what is not there and why."""
    return "\n\n".join(
        [
            f"**{comparison.verdict.winner or 'No winner'}**: {comparison.verdict.reason}",
            _table(comparison),
            *([f"{comparison.base}: {comparison.note}"] if comparison.note else []),
            *_listed("Not ranked", comparison.disqualified.values()),
            *_listed("Missing", [f"{name}: {why}" for name, why in comparison.missing.items()]),
        ]
    )


def model_card(artifact: ModelArtifact, row: Row, context: Mapping[str, object]) -> str:
    """What a variant is, where it came from, what was measured of it and under what conditions."""
    facts = {
        "Digest": artifact.digest,
        "Method": artifact.method,
        "Made of": artifact.parent or "nothing: it is a base",
        "Task": artifact.task,
        "Bytes on disk": f"{artifact.size:,}",
        "Origin": artifact.origin or "that of its base",
        "Licence": artifact.licence or "not told",
        "Score": f"{row.score:.3f}, rank {row.rank}" if row.rank else row.disqualified,
    }
    return "\n\n".join(
        [
            f"# {artifact.variant}",
            *([f"> {_cell(artifact.note)}"] if artifact.note else []),
            _markdown([["fact", ""], *([name, value] for name, value in facts.items())]),
            "## Figures",
            _figures(row.figures),
            "## Conditions",
            _markdown([["condition", ""], *([k, str(context[k])] for k in sorted(context))]),
            "The weights are not here: they are in the artifact store, under the digest.\n",
        ]
    )


def written(figures: Figures, name: str) -> str:
    """A figure with its spread in its heading's unit; empty where it was not measured."""
    figure = figures.get(name)
    if figure is None:
        return ""
    shown = heading(name).shown
    return shown(figure.value) + (f" ± {shown(figure.spread)}" if figure.spread else "")


def measured(rows: Iterable[Row]) -> list[str]:
    """Names of the figures that any row has, in the order of tables."""
    return in_order({name for row in rows for name in row.figures})


def _table(comparison: Comparison) -> str:
    names = measured(comparison.rows)
    ratios = [f"{criterion} ratio" for criterion in CRITERIA]
    head = ["rank", "variant", "score", *ratios, *(heading(name).title for name in names)]
    return _markdown([head, *(_line(row, names) for row in comparison.rows)])


def _line(row: Row, names: Iterable[str]) -> list[str]:
    score = "" if row.score is None else f"{row.score:.3f}"
    ratios = [f"{row.ratios[c]:.2f}" if c in row.ratios else "" for c in CRITERIA]
    figures = [written(row.figures, name) for name in names]
    return [str(row.rank or "-"), row.variant, score, *ratios, *figures]


def _figures(figures: Figures) -> str:
    rows = [[heading(n).title, written(figures, n), n] for n in in_order(set(figures))]
    return _markdown([["figure", "value ± spread", "name in MLflow"], *rows])


def _listed(title: str, reasons: Iterable[str]) -> list[str]:
    lines = [f"- {_cell(why)}" for why in reasons]
    return [f"{title}:", "\n".join(lines)] if lines else []


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
