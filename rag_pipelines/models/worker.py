"""The process in which models are made and measured: `python -m rag_pipelines.models.worker`.

Runs below Dagster Pipes, to which it tells its progress and what went wrong, or by hand, and then
prints what it did. What it made lies in the artifact store, whole or not at all. Does not know
assets.
"""

import argparse
import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from dagster_pipes import PipesContext, open_dagster_pipes

from rag_pipelines.errors import RagError
from rag_pipelines.models.config import load_models
from rag_pipelines.models.making import Factory
from rag_pipelines.models.measuring import Measuring
from rag_pipelines.models.tuning.tracking import TrainingRun
from rag_pipelines.models.tuning.training import Trained
from rag_pipelines.records import ModelArtifact, no_progress
from rag_pipelines.settings import settings
from rag_pipelines.storage.artifacts import Artifacts

_TOO_LITTLE = "it needs more memory than memory_bytes in models.yaml allows"
_LOOK_SECONDS = 0.1
MISTAKE = 2
"""Exit status for what a person can mend."""
PROGRESS, FAILED = "progress", "failed"
"""Keys of what is told to Dagster: a stage's name, done and total; or why the work failed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one piece of work; the exit status."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    with _telling() as tell:
        try:
            tell.result(_done(options, tell))
        except (RagError, OSError) as error:
            return tell.failed(str(error))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m rag_pipelines.models.worker", description=__doc__)
    work = parser.add_subparsers(dest="work", required=True)
    make = work.add_parser("make", help="make a base or a variant of models.yaml")
    train = work.add_parser("train", help="train a model of the table tuned")
    merge = work.add_parser("merge", help="make an adapter and its base into one model")
    quality = work.add_parser("quality", help="measure how good a made model is")
    timing = work.add_parser("timing", help="measure how fast and how large it is")
    likelihood = work.add_parser("likelihood", help="measure how likely it finds held-out answers")
    for one in (make, train, merge, quality, timing, likelihood):
        one.add_argument("name", help="as models.yaml has it")
    for one in (quality, timing, likelihood):
        one.add_argument("--evaluation", required=True, help="digest of an evaluation set")
    for one in (train, likelihood):
        one.add_argument("--dataset", required=True, help="digest of a dataset")
    timing.add_argument(
        "--among", nargs="+", required=True, help="digests of all that are compared"
    )
    return parser


def _done(options: argparse.Namespace, tell: "_Telling") -> list[dict[str, Any]]:
    found = settings()
    models, artifacts = load_models(found.models), Artifacts(found.artifacts)
    _limit_memory(models.memory_bytes, tell)
    factory = Factory(models, artifacts, found.hf_hub_offline, tell.progress)
    if not _is_first():
        return _along(factory, options)
    if options.work == "train":
        return [asdict(_trained(factory, options.name, options.dataset))]
    if options.work == "merge":
        return [asdict(factory.merge(options.name))]
    model = factory.make(options.name)
    if options.work == "make":
        return [asdict(model)]
    measuring = Measuring(artifacts, options.evaluation, models.measure, tell.progress)
    if options.work == "likelihood":
        most = models.gate.most_examples
        return [dict(measuring.likelihoods(model, options.dataset, most))]
    if options.work == "quality":
        return [asdict(metric) for metric in measuring.quality(model)]
    return [asdict(metric) for metric in measuring.timing(model, options.among)]


def _is_first() -> bool:
    """Whether this process tells and keeps what several do together, as torchrun numbers them."""
    return os.environ.get("RANK", "0") == "0"


def _along(factory: Factory, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Train with the first process, and keep and tell nothing; it does all other work alone."""
    if options.work == "train" and factory.tuning(options.name).method != "ppo":
        replace(factory, keeps=False, progress=no_progress).train(options.name, options.dataset)
    return []


def _trained(factory: Factory, name: str, dataset: str) -> ModelArtifact:
    """A model trained, its curves in MLflow as they come."""
    found = settings()
    uri = found.mlflow_tracking_uri.get_secret_value()
    run = TrainingRun(name, factory.tuning(name), dataset, uri, found.home / "mlflow")
    try:
        model = replace(factory, curve=run.curve).train(name, dataset)
        run.finish(model, Trained.read(factory.artifacts.open(model.digest).folder))
    except BaseException:
        run.fail()
        raise
    return model


def _limit_memory(size: int | None, tell: "_Telling") -> None:
    """End this process once it holds more than `size` bytes; what it wrote is swept later.

    The kernel's own limits are of no use: some allocators try for ever where they get nothing.
    """

    def watch(most: int) -> None:
        while _resident() <= most:
            time.sleep(_LOOK_SECONDS)
        os._exit(tell.failed(_TOO_LITTLE))

    if size is not None:
        threading.Thread(target=watch, args=[size], name="memory", daemon=True).start()


def _resident() -> int:
    """Bytes that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """End as on Ctrl-C, so that what is half-made is removed."""
    sys.exit(128 + number)


class _Telling:
    """Tells Dagster, or whoever reads standard output and error."""

    def __init__(self, pipes: PipesContext | None) -> None:
        self._pipes = pipes

    def progress(self, stage: str, done: int, total: int | None) -> None:
        if self._pipes:
            self._pipes.report_custom_message({PROGRESS: [stage, done, total]})
        else:
            print(f"{stage}: {done}{f' of {total}' if total else ''}", file=sys.stderr)

    def result(self, rows: list[dict[str, Any]]) -> None:
        """Dagster's step finds it in the store."""
        if rows and not self._pipes:
            print(json.dumps(rows))

    def failed(self, why: str) -> int:
        if self._pipes:
            self._pipes.report_custom_message({FAILED: why})
            return 0  # told: Dagster would put a status before the reason
        print(why, file=sys.stderr)
        return MISTAKE


def log_of(home: Path) -> Path:
    """Where the last worker below Dagster said what it had to say besides."""
    return home / "worker.log"


def print_into(path: Path) -> None:
    """Have this process print into a file: nobody reads its pipe, and a full one would hold it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)


@contextmanager
def _telling() -> Iterator[_Telling]:
    if "DAGSTER_PIPES_CONTEXT" not in os.environ or not _is_first():
        yield _Telling(None)
        return
    print_into(log_of(settings().home))
    with open_dagster_pipes() as pipes:
        yield _Telling(pipes)


if __name__ == "__main__":
    sys.exit(main())
