"""How MLflow is spoken to, whatever keeps its runs: a database on this machine, or a server.

Knows how it is imported quietly, how long it is waited for, and what is told when it fails. Does
not know what is kept in it.
"""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from rag_pipelines.errors import RagError, TrackingError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # it would tell MLflow's makers of each trace and run
    "MLFLOW_CONFIGURE_LOGGING": "false",  # whoever speaks to it has a log of their own
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # standard output may be one JSON object
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}
"""What MLflow reads when it is imported and asked; an operator's own values go before."""
_TOLD = 300
"""Letters of MLflow's own words that are told."""


def mlflow_client(uri: str) -> "MlflowClient":
    """A client for runs and models, whose waiting is bounded. A database is opened, and made."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    return MlflowClient(uri, uri)


def is_served(uri: str) -> bool:
    """Whether a server keeps the runs, and so decides where their files go."""
    return urlsplit(uri).scheme in ("http", "https")


def database_file(uri: str) -> Path | None:
    """The file of an SQLite database; None for any other store."""
    scheme, _, place = uri.partition(":///")
    return Path(place.partition("?")[0]) if scheme.partition("+")[0] == "sqlite" else None


def experiment_of(
    client: "MlflowClient",
    name: str,
    files: Path | None = None,
    tags: Mapping[str, str] | None = None,
) -> str:
    """The id of an experiment, which is made with these tags and its `files` where it is not there.

    `files` is ignored by an experiment that is there.
    """
    from mlflow.exceptions import MlflowException

    if found := client.get_experiment_by_name(name):
        return found.experiment_id
    place = files.absolute().as_uri() if files else None
    try:
        return client.create_experiment(name, place, dict(tags or {}))
    except MlflowException:  # somebody else was first
        if not (found := client.get_experiment_by_name(name)):
            raise
        return found.experiment_id


@contextmanager
def speaking_to(uri: str, doing: str) -> Generator[None]:
    """What goes wrong with MLflow inside becomes `TrackingError`; our own errors stay as they are.

    MLflow lets the errors of its database, its HTTP client and the file system through.
    """
    try:
        yield
    except RagError:
        raise
    except Exception as error:
        raise TrackingError(
            f"{doing} failed: MLflow at {without_secrets(uri)} said {_told(error, uri)!r}. "
            "See that it runs and has room, or name another in MLFLOW_TRACKING_URI; "
            "then do it again."
        ) from None  # its words may hold the password


def without_secrets(uri: str) -> str:
    """The address without its password and its query, which may hold one."""
    try:
        parts = urlsplit(uri)
        user = f"{parts.username}:***@" if parts.password else ""
    except ValueError:
        return f"{uri.partition(':')[0]}:…"
    if not parts.netloc:
        return uri.partition("?")[0]
    host = parts.netloc.rpartition("@")[2] if user else parts.netloc
    return SplitResult(parts.scheme, f"{user}{host}", parts.path, "", "").geturl()


def _told(error: Exception, uri: str) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    secret = urlsplit(uri).password if "://" in uri else None
    for form in {secret, unquote(secret or "")} - {None, ""}:
        words = words.replace(str(form), "***")
    return words if len(words) <= _TOLD else f"{words[:_TOLD]}…"
