"""Every environment variable that the project reads, and nothing else reads one.

Knows names, defaults, what is allowed, and where state lies below `RAG_HOME`. Does not create
folders, open files or reach a server.
"""

import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from rag_pipelines.config.problems import found_and_allowed
from rag_pipelines.config.rates import Rate, rate
from rag_pipelines.errors import ConfigError

PREFIX: Final = "RAG_"
_MODEL_NAME = re.compile(r"[a-z][a-z0-9_-]*:\S*")


def _model_name(value: str) -> str:
    if not _MODEL_NAME.fullmatch(value):
        raise ValueError("provider:model, such as onnx:minilm, or provider:model@http://host/v1")
    return value


def _absolute(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("a path without NUL characters")
    return path.expanduser().absolute()


def _absolute_given(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("an absolute path, as Dagster demands")
    return path


def _existing(path: Path) -> Path:
    if not _absolute(path).is_file():
        raise ValueError("a file that exists (nothing is there)")
    return _absolute(path)


def _with_scheme(*schemes: str) -> AfterValidator:
    def check(value: Any) -> Any:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if text.partition(":")[0] not in schemes:
            raise ValueError(f"a URL that starts with {' or '.join(f'{s}:' for s in schemes)}")
        return value

    return AfterValidator(check)


def _ollama(value: str) -> str:
    parts = urlsplit(value if "://" in value else f"http://{value}")
    try:
        port = parts.port or 11434
    except ValueError:
        port = 0
    if parts.scheme not in ("http", "https") or not parts.hostname or not port:
        raise ValueError("host, host:port or http://host:port")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104


def _storage(value: str) -> str:
    from fsspec import available_protocols  # pyright: ignore[reportMissingTypeStubs]

    scheme, separator, _ = value.partition("://")
    if not separator:
        return str(_absolute(Path(value)))
    if scheme not in available_protocols():
        raise ValueError("a folder or an fsspec URL such as s3://bucket/folder")
    return value.rstrip("/")


_SECRET = {"RAG_HISTORY_URL", "RAG_KEY", "OPENAI_API_KEY", "LLAMA_CLOUD_API_KEY"}
ModelName = Annotated[str, AfterValidator(_model_name)]
Port = Annotated[int, Field(ge=0, le=65_535)]
ConfigFile = Annotated[Path, AfterValidator(_existing)]
Url = Annotated[str, _with_scheme("http", "https")]


class Settings(BaseSettings):
    """The environment, validated. Read it with `settings()`; pass its fields on as arguments."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        validate_default=False,
    )

    home: Annotated[Path, AfterValidator(_absolute)] = Field(
        default=Path(".rag"), validate_default=True, description="Folder of all state."
    )
    storage: Annotated[str, AfterValidator(_storage)] = Field(
        default_factory=lambda data: str(data["home"]),
        description="Folder or fsspec URL of assets and blobs; default RAG_HOME.",
    )
    sources: ConfigFile = Field(
        default=Path("sources.yaml"), description="What is ingested; need not exist by default."
    )
    golden: ConfigFile = Field(
        default_factory=lambda data: data["sources"].parent / "golden.yaml",
        description="Questions that every release is held to; default golden.yaml beside sources.",
    )
    models: ConfigFile = Field(
        default=Path("models.yaml"),
        description="Base models and variants that the model factory makes.",
    )
    embedder: ModelName = Field(default="onnx:minilm", description="Embedder by name.")
    generator: ModelName | None = Field(
        default=None,
        description="Generator by name; unset, the best that the machine has (see README).",
    )
    challenger: ModelName | None = Field(
        default=None,
        description="Generator that answers a share of the users beside it; unset, none does.",
    )
    challenger_share: Annotated[float, Field(gt=0, le=0.5, allow_inf_nan=False)] = Field(
        default=0.1, description="Share of the users that the challenger answers."
    )
    captioner: ModelName | None = Field(
        default=None, description="Captioner of pictures by name; unset, none describes them."
    )
    summariser: ModelName | None = Field(
        default=None,
        description="Summariser of tables, seq2seq:FOLDER or a hub's name; unset, no model.",
    )
    caption_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=120.0,
        description="Seconds that captions may delay a source; half of it for one picture.",
    )
    reranker: ModelName | None = Field(default=None, description="Reranker by name (not used yet).")
    history_url: Annotated[SecretStr, _with_scheme("sqlite", "mongodb", "mongodb+srv")] = Field(
        default_factory=lambda data: SecretStr(f"sqlite:///{data['home'] / 'history.db'}"),
        description="Where conversations are kept: sqlite:///FILE or mongodb://….",
    )
    history_ttl_days: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        default=None,
        description="Days that an unused conversation is kept; unset, for ever.",
    )
    history_failure: Literal["refuse", "degrade"] = Field(
        default="refuse",
        description="Where the history fails: refuse questions (503), or answer without it.",
    )
    slots: Annotated[int, Field(ge=1, le=1_000)] | None = Field(
        default=None,
        description="Answers written at once; unset, as many as the model declares.",
    )
    queue: Annotated[int, Field(ge=0, le=10_000)] = Field(
        default=16, description="Questions that may wait for a slot; further ones get 503."
    )
    queue_seconds: Annotated[float, Field(gt=0, le=3_600)] = Field(
        default=60.0, description="How long a question waits for a slot at most."
    )
    chroma_url: Url | None = Field(
        default=None, description="Chroma server; unset, the embedded store (not used yet)."
    )
    keep_releases: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=3, description="Releases kept before the one that is served."
    )
    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_-]+$", max_length=253)] = Field(
        default="127.0.0.1",
        description="Address that the chat service listens on; without keys, loopback only.",
    )
    port: Port = Field(default=8000, description="Port of the chat service; 0 takes a free one.")
    key: SecretStr | None = Field(
        default=None,
        description="Key that the pipelines call the chat service with, where it asks for keys.",
    )
    rate_limit: Annotated[Rate | None, NoDecode, BeforeValidator(rate)] = Field(
        default=None,
        description="Questions and searches of one key, such as 60/minute; unset, no limit.",
    )
    trace_sampling: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0, description="Share of the questions that MLflow gets a trace of, 0 to 1."
    )
    dagster_port: Port = Field(default=3000, description="Port of Dagster's web page.")
    mlflow_port: Port = Field(default=5000, description="Port of MLflow's web page.")
    dagster_home: Annotated[Path, AfterValidator(_absolute_given)] = Field(
        default_factory=lambda data: data["home"] / "dagster",
        validation_alias="DAGSTER_HOME",
        description="Dagster's instance; default RAG_HOME/dagster.",
    )
    mlflow_tracking_uri: SecretStr = Field(  # it may hold a password
        default_factory=lambda data: SecretStr(f"sqlite:///{data['home'] / 'mlflow.db'}"),
        validation_alias="MLFLOW_TRACKING_URI",
        description="Where MLflow keeps its runs; default RAG_HOME/mlflow.db.",
    )
    ollama_host: Annotated[str, AfterValidator(_ollama)] = Field(
        default="http://127.0.0.1:11434",
        validation_alias="OLLAMA_HOST",
        description="Ollama server.",
    )
    openai_api_key: SecretStr | None = Field(
        default=None,
        validation_alias="OPENAI_API_KEY",
        description="Key for openai: models.",
    )
    llama_cloud_api_key: SecretStr | None = Field(
        default=None,
        validation_alias="LLAMA_CLOUD_API_KEY",
        description="Key for LlamaParse.",
    )
    llama_cloud_base_url: Url | None = Field(
        default=None,
        validation_alias="LLAMA_CLOUD_BASE_URL",
        description="LlamaParse server; unset, the one that llama-cloud knows.",
    )
    hf_hub_offline: bool = Field(
        default=False,
        validation_alias="HF_HUB_OFFLINE",
        description="1 keeps huggingface: models from asking the hub.",
    )

    @property
    def assets(self) -> str:
        """Root of the versioned tables, for `storage.tables.Tables`."""
        return f"{self.storage}/assets"

    @property
    def blobs(self) -> str:
        """Root of the content-addressed store, for `storage.blobs.Blobs`."""
        return f"{self.storage}/blobs"

    @property
    def releases(self) -> Path:
        """Folder of releases and of the pointer to the one being served."""
        return self.home / "releases"

    @property
    def artifacts(self) -> Path:
        """Root of the models, for `storage.artifacts.Artifacts`."""
        return self.home / "artifacts"

    @property
    def promotions(self) -> Path:
        """The file of `models.promotions.Promotions`."""
        return self.home / "promotions.json"

    @property
    def keys(self) -> Path:
        """File with the hashes of API keys."""
        return self.home / "keys.json"


def variable(name: str) -> str:
    """The environment variable that a field of `Settings` is read from."""
    alias = Settings.model_fields[name].validation_alias
    return alias if isinstance(alias, str) else f"{PREFIX}{name.upper()}"


def variables() -> dict[str, FieldInfo]:
    """Every variable and its field, in the order of the settings table."""
    return {variable(name): field for name, field in Settings.model_fields.items()}


def unknown_variables() -> list[str]:
    """Variables that start with RAG_ and that nobody reads, one problem each."""
    strange = sorted(name for name in os.environ if name.startswith(PREFIX))
    return [name for name in strange if name not in variables()]


def settings() -> Settings:
    """The settings of this process's environment, read anew.

    Raises `ConfigError` that names each bad variable, what was found and what is allowed. A
    variable whose name nearly is one of ours is a typing error, and is refused as well.
    """
    problems = list(_misspelt())
    try:
        read = Settings()
    except ValidationError as error:
        problems += _explain(error)
        raise ConfigError("\n".join(problems)) from None
    if problems:
        raise ConfigError("\n".join(problems))
    return read


def _misspelt() -> list[str]:
    near = {name: get_close_matches(name, variables(), 1, 0.85) for name in unknown_variables()}
    return [
        f"{name}: found a variable that nobody reads; allowed: {match[0]} (did you mean that?)"
        for name, match in near.items()
        if match
    ]


def _explain(error: ValidationError) -> list[str]:
    problems: list[str] = []
    for detail in error.errors():
        if detail["type"] == "default_factory_not_called":
            continue  # a default that follows from a variable which is reported itself
        where = str(detail["loc"][0])
        name = where if where in variables() else variable(where)
        if name in _SECRET:
            detail["input"] = SecretStr("")
        problems.append(f"{name}: {found_and_allowed(detail)}")
    return problems
