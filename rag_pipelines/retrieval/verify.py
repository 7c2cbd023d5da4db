"""A release's trial, in a process of its own: a crash of native code is only a failed check.

`verify` starts that process and reads its verdict; run as a module, this is that process. What
the checks are stands in `checks`, what is remembered of them in `verdicts`.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from rag_pipelines.errors import RagError, ReleaseError
from rag_pipelines.inference.protocols import Embedder
from rag_pipelines.inference.servers import NO_SERVERS, ModelServers
from rag_pipelines.retrieval.manifest import Release
from rag_pipelines.retrieval.shelf import Shelf
from rag_pipelines.retrieval.subprocesses import (
    Message,
    end_with_parent,
    run_module,
    tell,
    told_secretly,
)
from rag_pipelines.retrieval.verdicts import CHECKS, ERROR, CheckResult, Verdict, golden_digest

VERIFIER = "rag_pipelines.retrieval.verify"
_TIMEOUT_SECONDS = 1800.0

_Load = Callable[[str, Path, ModelServers], Embedder]


def verify(
    root: Path,
    release: str,
    golden: Path | None,
    embedder: str,
    home: Path,
    servers: ModelServers = NO_SERVERS,
    timeout_seconds: float = _TIMEOUT_SECONDS,
    verifier: str = VERIFIER,
) -> Verdict:
    """Try a release in a subprocess, held to the golden questions and to what is served.

    `servers` is where an embedder behind a server is found. A release that crashes or hangs the
    process has failed. Raises `ReleaseError` where no verdict is possible: the embedder cannot be
    had or fails, the questions cannot be read.
    """
    arguments = [str(root), release, "--embedder", embedder, "--home", str(home)]
    if golden is not None:
        arguments += ["--golden", str(golden)]
    digest = golden_digest(golden)
    checks = _run(verifier, arguments, servers, timeout_seconds)
    return Verdict(release=release, digest=_digest(root, release), golden=digest, checks=checks)


def _run(
    verifier: str, arguments: Sequence[str], servers: ModelServers, timeout_seconds: float
) -> dict[str, CheckResult]:
    checks: dict[str, CheckResult] = {}
    impossible: list[str] = []

    def on_message(message: Message) -> None:
        if "check" in message:
            checks[message["check"]] = CheckResult(**message["result"])
        impossible.extend(message.get("impossible", ()))

    failure = run_module(verifier, arguments, on_message, timeout_seconds, secretly=asdict(servers))
    if impossible:
        raise ReleaseError(f"No verdict was possible: {impossible[0]}")
    missing = CheckResult(False, {ERROR: f"the verifying process: {failure or 'it said nothing'}"})
    return {name: checks.get(name, missing) for name in CHECKS}


def _digest(root: Path, name: str) -> str:
    """The digest that a release was built for, even where its manifest is damaged."""
    shelf = Shelf(root)
    try:
        return shelf.get(name).digest
    except ReleaseError:
        head = shelf.head_entry()
        return head["digest"] if head.get("release") == name else ""


def main(arguments: Sequence[str], load: _Load) -> None:
    """Be the verifying process. `load` is `load_embedder`, or a test's own."""
    servers = ModelServers(**told_secretly())
    end_with_parent()
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("release")
    parser.add_argument("--golden", type=Path)
    parser.add_argument("--embedder", required=True)
    parser.add_argument("--home", type=Path, required=True)
    given = parser.parse_args(arguments)
    for name, result in _checked(given, servers, load):
        tell({"check": name, "result": asdict(result)})


def _checked(
    given: argparse.Namespace, servers: ModelServers, load: _Load
) -> Iterator[tuple[str, CheckResult]]:
    from rag_pipelines.retrieval.checks import Candidate, failed, run_checks
    from rag_pipelines.sources import load_golden

    shelf = Shelf(given.root)
    try:
        release = shelf.get(given.release)
    except ReleaseError as error:
        yield from ((name, failed(str(error))) for name in CHECKS)
        return
    try:
        questions = load_golden(given.golden) if given.golden else []
        embedder = load(given.embedder, given.home, servers)
        yield from run_checks(Candidate(release, embedder, questions, _served(shelf)))
    except RagError as error:
        tell({"impossible": [str(error)]})


def _served(shelf: Shelf) -> Release | None:
    with suppress(ReleaseError):
        pointer = shelf.current()
        return shelf.get(pointer.release) if pointer else None
    return None


if __name__ == "__main__":
    from rag_pipelines.inference.embedders import load_embedder

    main(sys.argv[1:], load_embedder)
