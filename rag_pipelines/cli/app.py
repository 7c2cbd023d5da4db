"""The commands, gathered."""

import typer

from rag_pipelines.cli import (
    ask,
    doctor_command,
    elements,
    evaluate,
    feedback,
    ingest,
    keys,
    lineage,
    models,
    releases,
    services,
    tables,
)

app = typer.Typer(
    name="rag",
    help="A private chatbot over your own websites and files: ingest, ask, see where it stands.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(ingest.ingest)
app.command()(ask.ask)
app.command()(ask.search)
app.command()(services.up)
app.command()(services.serve)
app.command("eval")(evaluate.evaluate_dataset)
app.command("releases")(releases.list_releases)
app.command()(releases.rollback)
app.command()(lineage.why)
app.command()(lineage.forget)
app.command()(doctor_command.doctor)
app.command()(elements.elements)
app.command()(tables.tables)
app.add_typer(keys.app, name="keys")
app.add_typer(feedback.app, name="feedback")
app.add_typer(models.app, name="models")
