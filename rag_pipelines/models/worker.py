"""The process in which models are made and measured: `python -m rag_pipelines.models.worker`.

Runs below Dagster Pipes, to which it tells its progress and what went wrong, or by hand, and then
prints what it did. What it made lies in the artifact store, whole or not at all. Does not know
assets.
"""

import argparse
import json
import os
import re
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from types import FrameType
from typing import Any, NoReturn

from dagster_pipes import PipesContext, open_dagster_pipes

from rag_pipelines.errors import RagError
from rag_pipelines.models.config import load_models
from rag_pipelines.models.making import Factory
from rag_pipelines.models.measuring import Measuring
from rag_pipelines.records import Progress
from rag_pipelines.settings import settings
from rag_pipelines.storage.artifacts import Artifacts

_TOO_LITTLE = "it needs more memory than memory_bytes in models.yaml allows"
_NO_MEMORY = re.compile(r"allocate|memory|bad_alloc", re.IGNORECASE)
"""How torch and ONNX Runtime say that an allocation failed."""
MISTAKE = 2
"""Exit status for what a person can mend."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one piece of work; the exit status."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    with _telling() as tell:
        try:
            tell.result(_done(options, tell.progress))
        except MemoryError:
            return tell.failed(_TOO_LITTLE)
        except RuntimeError as error:
            if not _NO_MEMORY.search(str(error)):
                raise
            return tell.failed(_TOO_LITTLE)
        except (RagError, OSError) as error:
            return tell.failed(str(error))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m rag_pipelines.models.worker", description=__doc__)
    work = parser.add_subparsers(dest="work", required=True)
    make = work.add_parser("make", help="make a base or a variant of models.yaml")
    quality = work.add_parser("quality", help="measure how good a made model is")
    timing = work.add_parser("timing", help="measure how fast and how large it is")
    for one in (make, quality, timing):
        one.add_argument("name", help="as models.yaml has it")
    for one in (quality, timing):
        one.add_argument("--evaluation", required=True, help="digest of an evaluation set")
    timing.add_argument("--among", nargs="+", required=True, help="all models of the comparison")
    return parser


def _done(options: argparse.Namespace, progress: Progress) -> list[dict[str, Any]]:
    found = settings()
    models, artifacts = load_models(found.models), Artifacts(found.artifacts)
    _limit_memory(models.memory_bytes)
    factory = Factory(models, artifacts, found.hf_hub_offline, _device(), progress)
    model = factory.make(options.name)
    if options.work == "make":
        return [asdict(model)]
    measuring = Measuring(artifacts, options.evaluation, models.measure, _device(), progress)
    if options.work == "quality":
        return [asdict(metric) for metric in measuring.quality(model)]
    among = [factory.make(name) for name in options.among]
    return [asdict(metric) for metric in measuring.timing(model, among)]


def _device() -> str:
    """The accelerator, where torch finds one."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _limit_memory(size: int | None) -> None:
    """Cap what this process may allocate: beyond it an allocation fails, and is told."""
    if size is not None:
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        cap = size if hard == resource.RLIM_INFINITY else min(size, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (cap, hard))


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """End as on Ctrl-C, so that what is half-made is removed."""
    sys.exit(128 + number)


class _Telling:
    """Tells Dagster, or whoever reads standard output and error."""

    def __init__(self, pipes: PipesContext | None) -> None:
        self._pipes = pipes

    def progress(self, stage: str, done: int, total: int | None) -> None:
        said = f"{stage}: {done}{f' of {total}' if total else ''}"
        if self._pipes:
            self._pipes.log.info(said)
        else:
            print(said, file=sys.stderr)

    def result(self, rows: list[dict[str, Any]]) -> None:
        """Dagster's step finds it in the store."""
        if not self._pipes:
            print(json.dumps(rows))

    def failed(self, why: str) -> int:
        if self._pipes:
            self._pipes.report_custom_message({"failed": why})
            return 0  # told: Dagster would put a status before the reason
        print(why, file=sys.stderr)
        return MISTAKE


@contextmanager
def _telling() -> Iterator[_Telling]:
    if "DAGSTER_PIPES_CONTEXT" not in os.environ:
        yield _Telling(None)
        return
    with open_dagster_pipes() as pipes:
        yield _Telling(pipes)


if __name__ == "__main__":
    sys.exit(main())
