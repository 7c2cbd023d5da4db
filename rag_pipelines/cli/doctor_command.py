"""`rag doctor`: the checks of `doctor`, printed."""

from typing import Annotated

import typer

from rag_pipelines.cli.doctor import pull_missing, run_checks, worst
from rag_pipelines.cli.output import Json, console, print_json, progress_bars
from rag_pipelines.settings import settings

_MARK = {"ok": "[green]ok  [/green]", "warn": "[yellow]warn[/yellow]", "fail": "[red]fail[/red]"}


def doctor(
    pull: Annotated[
        bool, typer.Option("--pull", help="Have Ollama fetch the models that it lacks, first.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check Python, models, ports, disk and index, and say what to do."""
    if pull:
        with progress_bars() as tell:
            pull_missing(settings(), tell)
    checks = run_checks(settings())
    if as_json:
        print_json({"status": worst(checks), "checks": [_row(check) for check in checks]})
    else:
        for check in checks:
            console.print(f"{_MARK[check.status]} {check.name}: {check.found}", highlight=False)
            if check.remedy:
                console.print(f"     → {check.remedy}", highlight=False)
    if worst(checks) == "fail":
        raise typer.Exit(1)


def _row(check: object) -> dict[str, str]:
    return {name: getattr(check, name) for name in ("name", "status", "found", "remedy")}
