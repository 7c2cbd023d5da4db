"""`rag eval`: how well the configured embedder and splitter find what a dataset expects."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag_pipelines.cli.output import Json, console, print_json, progress_bars
from rag_pipelines.lib.project import Project
from rag_pipelines.settings import settings

if TYPE_CHECKING:
    from rag_pipelines.retrieval.evaluation_turns import TurnsReport


def evaluate_dataset(
    dataset: Annotated[Path, typer.Option(help="Folder in the BEIR layout.")],
    as_json: Json = False,
) -> None:
    """Recall, MRR and nDCG on a dataset of your own, in an index made for it."""
    from rag_pipelines.retrieval.evaluation import evaluate

    project = Project(settings())
    with progress_bars() as tell:
        report = evaluate(dataset, project.embedder, progress=tell)
    if as_json:
        print_json(report)
        return
    console.print(f"{report.dataset}: {report.queries} queries")
    for name, value in report.metrics.items():
        console.print(f"  {name:<12} {value:.3f}")
    if report.conversations:
        _show_turns(report.conversations)


def _show_turns(turns: "TurnsReport") -> None:
    console.print(f"{turns.queries} of them follow other questions; nDCG@10:")
    console.print(f"  last question alone   {turns.last_turn_only:.3f}")
    console.print(f"  with the conversation {turns.with_history:.3f}")
    between = f"[{turns.low:+.3f}, {turns.high:+.3f}]"
    console.print(f"  difference {turns.difference:+.3f}, 95 % {between}", markup=False)
    for kind, share in turns.abstained.items():
        console.print(f"  nothing relevant found, {kind}: {share:.0%}")
