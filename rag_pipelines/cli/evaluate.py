"""`rag eval`: how well the configured embedder and splitter find what a dataset expects."""

from pathlib import Path
from typing import Annotated

import typer

from rag_pipelines.cli.output import Json, console, print_json, progress_bars
from rag_pipelines.lib.project import Project
from rag_pipelines.settings import settings


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
