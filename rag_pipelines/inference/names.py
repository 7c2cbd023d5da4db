"""Model names: `provider:model`, with `@base_url` where a server is meant.

Knows how a name is written. Does not know what any provider does with it.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from rag_pipelines.errors import ConfigError

EMBEDDER_PROVIDERS = ("onnx", "huggingface", "ollama", "openai")
LOCAL_PROVIDERS = ("transformers", "onnx")
"""Generators that are folders on this machine, or variants of the factory."""
GENERATOR_PROVIDERS = ("extractive", "llamacpp", *LOCAL_PROVIDERS, "span", "ollama", "openai")
REGISTRY = "registry"
"""Provider of what is no model itself but means one: what was promoted last to a role."""
CAPTIONER_PROVIDERS = ("ollama", "openai")
SUMMARISER_PROVIDERS = ("seq2seq",)

_WITHOUT_MODEL = frozenset({"extractive"})
_WITH_SERVER = frozenset({"ollama", "openai"})
_BASE_URL = re.compile(r"@(?=[A-Za-z][A-Za-z0-9+.-]*://)")


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model as configured. `base_url` is empty where the provider's usual server is meant."""

    provider: str
    model: str
    base_url: str = ""

    def __str__(self) -> str:
        server = f"@{self.base_url}" if self.base_url else ""
        return f"{self.provider}:{self.model}{server}"


def parse_embedder_name(text: str) -> ModelName:
    """Read an embedder's name; `ConfigError` where it is none."""
    return parse_model_name(text, EMBEDDER_PROVIDERS, "embedder")


def parse_generator_name(text: str) -> ModelName:
    """Read a generator's name; `ConfigError` where it is none."""
    return parse_model_name(text, GENERATOR_PROVIDERS, "generator")


def parse_captioner_name(text: str) -> ModelName:
    """Read a captioner's name; `ConfigError` where it is none."""
    return parse_model_name(text, CAPTIONER_PROVIDERS, "captioner")


def parse_summariser_name(text: str) -> ModelName:
    """Read a summariser's name; `ConfigError` where it is none."""
    return parse_model_name(text, SUMMARISER_PROVIDERS, "summariser")


def parse_model_name(text: str, providers: Collection[str], role: str) -> ModelName:
    """Read `provider:model[@base_url]`. The model may hold colons, slashes and `@`."""
    provider, colon, rest = text.strip().partition(":")
    if not colon or provider not in providers:
        allowed = ", ".join(f"{name}:" for name in providers)
        raise ConfigError(f"{role} {text!r}: write provider:model with one of {allowed}")
    model, *servers = _BASE_URL.split(rest, maxsplit=1)
    name = ModelName(provider, model.strip(), servers[0].rstrip("/") if servers else "")
    _check(name, f"{role} {text!r}")
    return name


def _check(name: ModelName, where: str) -> None:
    if name.provider in _WITHOUT_MODEL and (name.model or name.base_url):
        raise ConfigError(f"{where}: {name.provider}: takes no model, write '{name.provider}:'")
    if name.provider not in _WITHOUT_MODEL and not name.model:
        raise ConfigError(f"{where}: the model is missing, write '{name.provider}:MODEL'")
    if name.base_url:
        _check_server(name, where)


def _check_server(name: ModelName, where: str) -> None:
    url = urlsplit(name.base_url)
    if name.provider not in _WITH_SERVER:
        raise ConfigError(f"{where}: {name.provider}: runs in this process, leave '@…' out")
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ConfigError(f"{where}: the server must be an http:// or https:// address")
    if url.username or url.password:
        # The name is shown with every answer, so it may hold no secret.
        raise ConfigError(f"{where}: no user or password in the address; use OPENAI_API_KEY")
