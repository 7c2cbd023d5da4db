"""The registered model: a version for each variant that was compared, and aliases.

Knows versions, their tags and aliases. Nothing is loaded through MLflow, and no
version holds weights.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from rag_pipelines.errors import UserError
from rag_pipelines.models import run_tags as tags
from rag_pipelines.models.cards import written
from rag_pipelines.models.comparison import Comparison
from rag_pipelines.models.figures import ANSWERS, PERPLEXITY, SIZE, SPEED, heading
from rag_pipelines.models.scoring import CRITERIA, Row

if TYPE_CHECKING:
    from mlflow import MlflowClient

CARD_FOLDER = "model"
"""Where a variant's run keeps its card and its manifest, and what its version points to."""


class Version(NamedTuple):
    """A registered variant."""

    number: str
    variant: str
    digest: str
    run_id: str


def register(
    client: "MlflowClient",
    comparison: Comparison,
    run: str,
    digest: str,
    learned: Mapping[str, Mapping[str, str]],
) -> None:
    """Give each variant of a finished comparison its version, and the winner the alias.

    `learned` are tags of what a variant learned from, by its name.

    The alias moves last; what an earlier attempt registered is not registered again.
    """
    from mlflow.entities import ViewType

    _make_model(client)
    query = f"name = '{tags.MODEL}' and tag.`{tags.COMPARISON}` = '{digest}'"
    there = {found.run_id for found in client.search_model_versions(query)}
    runs = client.search_runs(
        [client.get_run(run).info.experiment_id],
        f"tags.`{tags.PARENT_RUN}` = '{run}'",
        ViewType.ACTIVE_ONLY,
    )
    of = {found.data.tags[tags.VARIANT]: found.info.run_id for found in runs}
    for row in reversed(comparison.rows):  # MLflow's page shows the newest first
        if row.variant in of and of[row.variant] not in there:
            told = {**_tags(row, comparison, digest), **learned.get(row.variant, {})}
            _make_version(client, of[row.variant], row, told)
    if comparison.verdict.winner in of:
        _point(client, of[comparison.verdict.winner])


def aliases(client: "MlflowClient") -> dict[str, Version]:
    """The registered variants by alias."""
    from mlflow.exceptions import MlflowException

    try:
        found: Any = client.get_registered_model(tags.MODEL)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return {}
    named: dict[str, str] = found.aliases
    return {alias: _version(client, str(number)) for alias, number in named.items()}


def promote(
    client: "MlflowClient", role: str, digest: str, variant: str, by: str, reason: str
) -> None:
    """Let the alias of a role point to the newest version of that digest, with who said so and why.

    Raises `UserError` where no version has it.
    """
    query = f"name = '{tags.MODEL}' and tag.`{tags.DIGEST}` = '{digest}'"
    found = [one for one in client.search_model_versions(query)
             if one.tags.get(tags.VARIANT) == variant]  # fmt: skip
    if not found:
        raise UserError(f"{variant} was not compared as it is now; run: rag models make")
    number = str(max(found, key=lambda version: int(version.version)).version)
    for name, value in ((tags.PROMOTED_BY, by), (tags.PROMOTED_BECAUSE, reason)):
        client.set_model_version_tag(tags.MODEL, number, f"{role}_{name}", tags.fitting(value))
    client.set_registered_model_alias(tags.MODEL, role, number)


def _version(client: "MlflowClient", number: str) -> Version:
    found = client.get_model_version(tags.MODEL, number)
    told = found.tags
    return Version(
        number, told.get(tags.VARIANT, ""), told.get(tags.DIGEST, ""), found.run_id or ""
    )


def _make_model(client: "MlflowClient") -> None:
    from mlflow.exceptions import MlflowException

    about = "Variants of local models that rag models make compared. The weights are in RAG_HOME."
    try:
        client.create_registered_model(tags.MODEL, description=about)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _make_version(client: "MlflowClient", run: str, row: Row, told: Mapping[str, str]) -> None:
    # register_model("runs:/…") fails for plain files and leaves an empty model behind.
    source = f"runs:/{run}/{CARD_FOLDER}"
    measured = [name for name in CRITERIA.values() if name in row.figures]
    figures = [f"{heading(name).title} {written(row.figures, name)}" for name in measured]
    client.create_model_version(
        tags.MODEL,
        source,
        run_id=run,
        tags=dict(told),
        description=f"{row.variant}: {'; '.join(figures)}",
        await_creation_for=0,
    )


def _point(client: "MlflowClient", run: str) -> None:
    found = client.search_model_versions(f"name = '{tags.MODEL}' and run_id = '{run}'")
    newest = max(found, key=lambda version: int(version.version))
    client.set_registered_model_alias(tags.MODEL, tags.CHALLENGER, str(newest.version))


def _tags(row: Row, comparison: Comparison, digest: str) -> dict[str, str]:
    short = [name for name in (PERPLEXITY, ANSWERS, SPEED) if name in row.figures]
    figures = {name: f"{row.figures[name].value:g}" for name in short}
    size = {SIZE: f"{row.figures[SIZE].value:.0f}"} if SIZE in row.figures else {}
    ranked = (
        {tags.SCORE: f"{row.score:.4f}", tags.RANK: str(row.rank)}
        if row.score is not None
        else {tags.DISQUALIFIED: tags.fitting(row.disqualified)}
    )
    return {
        tags.VARIANT: row.variant,
        tags.DIGEST: row.digest,
        tags.METHOD: row.method,
        tags.BASE: comparison.base,
        tags.COMPARISON: digest,
        **figures,
        **size,
        **ranked,
    }
