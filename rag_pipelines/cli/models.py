"""`rag models`: the variants of local models, and how they compare."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag_pipelines.cli.models_promoted import promote, promotions, rollback
from rag_pipelines.cli.models_prune import prune
from rag_pipelines.cli.models_served import ab, push_app
from rag_pipelines.cli.output import Json, console, print_json, progress_bars
from rag_pipelines.errors import ArtifactError, UserError
from rag_pipelines.lib.project import Project
from rag_pipelines.models.config import BASE, Models, load_models
from rag_pipelines.models.tuning.config import adapter_name, is_adapter
from rag_pipelines.settings import settings
from rag_pipelines.storage.artifacts import Artifacts

if TYPE_CHECKING:
    from rag_pipelines.models.tracked import Recorded

app = typer.Typer(no_args_is_help=True, help="Local models: their variants, and which is best.")
app.command()(prune)
app.command()(promote)
app.command()(rollback)
app.command()(promotions)
app.command()(ab)
app.add_typer(push_app, name="push")
_MIB = 1 << 20


@app.command("list")
def list_models(as_json: Json = False) -> None:
    """Base models and variants of models.yaml, and which of them are made."""
    read = settings()
    rows = _listed(load_models(read.models), Artifacts(read.artifacts))
    if as_json:
        print_json({"variants": rows})
        return
    _print_rows(rows)


@app.command()
def make(
    names: Annotated[
        list[str] | None, typer.Argument(help="Variants of models.yaml; default all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make variants, measure each in a process of its own, and say which to serve."""
    project = Project(settings())
    there = project.models.variants
    for name in names or []:
        if name not in there:
            raise UserError(f"models.yaml has no variant {name!r}; it has: {', '.join(there)}.")
    from rag_pipelines.cli.models_made import make_and_compare  # dagster takes a second to import

    with progress_bars() as tell:
        problems = make_and_compare(project, names or list(there), tell)
    if problems:
        raise typer.Exit(1)
    compare(None, as_json)


@app.command()
def tune(
    names: Annotated[
        list[str] | None, typer.Argument(help="Models below tuned: in models.yaml; default all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train models on your corpus and feedback, each in a process of its own.

    One that was killed goes on where it was. What is trained is compared by: rag models make
    """
    project = Project(settings())
    there = project.models.tuned
    if not there:
        raise UserError("models.yaml tunes no model; name one below tuned:, as the README shows.")
    for name in names or []:
        if name not in there:
            raise UserError(f"models.yaml tunes no model {name!r}; it has: {', '.join(there)}.")
    from rag_pipelines.cli.models_tuned import tune_models  # dagster takes a second to import

    with progress_bars() as tell:
        problems = tune_models(project, names or list(there), tell)
    if problems:
        raise typer.Exit(1)
    rows = _listed(project.models, Artifacts(project.settings.artifacts))
    tuned = [row for row in rows if row["name"] in (names or there)]
    print_json({"models": tuned}) if as_json else _print_rows(tuned)


@app.command()
def compare(
    run: Annotated[
        str | None, typer.Option(help="MLflow's run of a comparison; default the newest.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What was measured of each variant and which won, from MLflow alone."""
    from rag_pipelines.models.tracked import compared

    found = compared(settings().mlflow_tracking_uri.get_secret_value(), run)
    print_json(_told(found)) if as_json else _show(found)


def _print_rows(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table("variant", "method", "of", "state", "MiB", "digest", box=None, pad_edge=False)
    for row in rows:
        size = "" if row["size"] is None else f"{row['size'] / _MIB:,.0f}"
        cells = (row["name"], row["method"], row["of"] or "", row["state"], size)
        table.add_row(*cells, (row["digest"] or "")[:12])
    console.print(table, soft_wrap=False, highlight=False)


def _listed(models: Models, store: Artifacts) -> list[dict[str, Any]]:
    bases = [{"name": name, "method": BASE, "of": None} for name in models.bases]
    made = [
        {"name": name, "method": one.method, "of": one.of}
        for name, one in (*models.tuned.items(), *models.variants.items())
    ]
    adapters = [
        {"name": adapter_name(name), "method": "adapter", "of": one.of}
        for name, one in models.tuned.items()
        if is_adapter(one) and store.named(adapter_name(name))
    ]
    return [row | _made(str(row["name"]), store) for row in (*bases, *made, *adapters)]


def _made(name: str, store: Artifacts) -> dict[str, Any]:
    digest = store.named(name)
    if digest is None:
        return {"digest": None, "size": None, "folder": None, "state": "not made"}
    folder = str(store.root / digest)
    try:
        size, state = store.open(digest).size, "made"
    except ArtifactError:
        size, state = None, "damaged"
    return {"digest": digest, "size": size, "folder": folder, "state": state}


def _told(found: "Recorded") -> dict[str, Any]:
    from rag_pipelines.models.figures import in_order

    comparison = found.comparison
    return {
        "variants": [
            {
                "name": row.variant,
                "metrics": {n: row.figures[n].value for n in in_order(set(row.figures))},
                "digest": row.digest,
                "run_id": found.run_ids[row.variant],
            }
            for row in comparison.rows
        ],
        "champion": _alias(found, "champion"),
        "challenger": _alias(found, "challenger"),
        "verdict": {
            "winner": comparison.verdict.winner,
            "score": comparison.verdict.score,
            "reason": comparison.verdict.reason,
            "disqualified": comparison.disqualified,
            "missing": comparison.missing,
        },
    }


def _alias(found: "Recorded", name: str) -> str | None:
    version = found.aliases.get(name)
    return version.variant if version else None


def _show(found: "Recorded") -> None:
    """The verdict, a column for each variant, and what is not in it."""
    comparison = found.comparison
    console.print(comparison.verdict.reason, highlight=False, markup=False)
    console.print(_table(found), soft_wrap=False, highlight=False)
    if comparison.note:
        console.print(f"{comparison.base}: {comparison.note}", highlight=False, markup=False)
    left_out = [f"not ranked: {why}" for why in comparison.disqualified.values()]
    left_out += [f"missing: {name}: {why}" for name, why in comparison.missing.items()]
    for line in left_out:
        console.print(line, highlight=False, markup=False)
    for alias in ("champion", "challenger"):
        console.print(f"{alias}: {_alias(found, alias) or 'none'}", highlight=False, markup=False)
    where = f"MLflow, experiment models, run {found.run_id} of {found.recorded_at[:19]}"
    console.print(where, highlight=False, markup=False)


def _table(found: "Recorded") -> Any:
    from rich.table import Table
    from rich.text import Text

    from rag_pipelines.models.cards import measured, written
    from rag_pipelines.models.figures import heading
    from rag_pipelines.models.scoring import CRITERIA

    rows = found.comparison.rows
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for row in rows:
        table.add_column(row.variant, justify="right")
    table.add_row("score", *("" if row.score is None else f"{row.score:.3f}" for row in rows))
    for criterion in CRITERIA:
        ratios = [row.ratios.get(criterion) for row in rows]
        cells = ("" if ratio is None else f"{ratio:.2f}" for ratio in ratios)
        table.add_row(f"{criterion}, times base", *cells)
    for name in measured(rows):
        cells = (Text(written(row.figures, name)) for row in rows)
        table.add_row(heading(name).title, *cells)
    return table
