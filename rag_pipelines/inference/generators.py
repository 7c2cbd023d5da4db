"""Generators by name: `llamacpp:`, `transformers:`, `onnx:`, `span:`, `ollama:` and the others.

Knows which module answers for which provider, and what is taken where none is named. Does not
know how any of them writes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rag_pipelines.errors import ModelError
from rag_pipelines.inference.extractive import NAME as EXTRACTIVE
from rag_pipelines.inference.extractive import ExtractiveGenerator
from rag_pipelines.inference.guarded import GuardedGenerator
from rag_pipelines.inference.llamacpp import (
    SHIPPED,
    LlamaCppGenerator,
    runtime_installed,
    shipped_model,
)
from rag_pipelines.inference.names import LOCAL_PROVIDERS, ModelName, parse_generator_name
from rag_pipelines.inference.protocols import Generator
from rag_pipelines.inference.servers import NO_SERVERS, ModelServers

_SHIPPED_NAME = f"llamacpp:{SHIPPED}"


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a kind of generator could be used now, and what it is or what to do for it."""

    name: str
    available: bool
    detail: str


def load_generator(
    name: str | None, home: Path, servers: ModelServers = NO_SERVERS, digest: str = ""
) -> GuardedGenerator:
    """The generator of that name, or `default_generator` where it is None or empty.

    Raises `ConfigError` for a name that means nothing and `ModelUnavailable` where the model, its
    package or its server is missing. `home` is where models of the factory are found, and `digest`
    says which one where the variant was made more than once.
    """
    parsed = parse_generator_name(name or default_generator(servers))
    if parsed.provider in LOCAL_PROVIDERS:
        from rag_pipelines.inference.local_generator import LocalGenerator

        return GuardedGenerator(LocalGenerator(parsed, home, digest), servers)
    return GuardedGenerator(_loaded(parsed, servers), servers)


def _loaded(parsed: ModelName, servers: ModelServers) -> Generator:
    match parsed.provider:
        case "extractive":
            return ExtractiveGenerator()
        case "llamacpp":
            return LlamaCppGenerator(parsed.model)
        case "ollama":
            from rag_pipelines.inference.ollama_models import OllamaGenerator

            return OllamaGenerator(parsed, servers)
        case "span":
            from rag_pipelines.inference.span import SpanGenerator

            return SpanGenerator(parsed, servers)
        case _:
            from rag_pipelines.inference.openai_models import OpenAIGenerator

            return OpenAIGenerator(parsed, servers)


def default_generator(servers: ModelServers = NO_SERVERS) -> str:
    """What is used where none is named.

    The first chat model of an Ollama server that answers, else the shipped model where its
    package and runtime are installed, else `extractive:`.
    """
    return next(one.name for one in available_generators(servers) if one.available)


def available_generators(servers: ModelServers = NO_SERVERS) -> list[Availability]:
    """What could write answers on this machine, best first; the last is always available."""
    return [
        _tried("ollama:", lambda: _ollama(servers)),
        _tried(_SHIPPED_NAME, _shipped),
        Availability(EXTRACTIVE, True, "best supporting sentences, no model"),
    ]


def _tried(name: str, probe: Callable[[], Availability]) -> Availability:
    try:
        return probe()
    except ModelError as error:
        return Availability(name, False, str(error))


def _ollama(servers: ModelServers) -> Availability:
    from rag_pipelines.inference.ollama_models import first_chat_model

    model = first_chat_model(servers)
    return Availability(f"ollama:{model}", True, f"served at {servers.ollama_host}")


def _shipped() -> Availability:
    path = shipped_model()
    if not runtime_installed():
        return Availability(_SHIPPED_NAME, False, "run: pip install xllamacpp")
    return Availability(_SHIPPED_NAME, True, str(path))
