"""What a command says: one JSON object on standard output, or text a person reads.

Progress and remarks go to standard error, so that output can be piped.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from rag_pipelines.records import Progress as Tell

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
console = Console(soft_wrap=True)
remarks = Console(stderr=True, soft_wrap=True)


def print_json(value: Any) -> None:
    """One JSON object on a line of standard output."""
    found = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    typer.echo(json.dumps(found, ensure_ascii=False, default=str))


_BESIDE_A_BAR = 60
"""Letters of a stage's name that fit; a longer one, such as a cost, is a line of its own."""


@contextmanager
def progress_bars() -> Iterator[Tell]:
    """A bar for each stage on standard error, where that is no terminal a line at the end."""
    columns = (TextColumn("{task.description:<34}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=remarks) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                _end(bars)
                fits = len(stage) <= _BESIDE_A_BAR
                tasks[stage] = bars.add_task(stage, total=total, visible=fits)
                if not fits:
                    bars.console.print(stage, highlight=False, markup=False)
            bars.update(tasks[stage], completed=done, total=total)

        yield tell
        _end(bars)


def _end(bars: Progress) -> None:
    """Stop the clocks of stages that did not know how much there was: stages follow each other."""
    for task in bars.tasks:
        if task.stop_time is None and not task.finished:
            bars.update(task.id, total=task.completed if task.total is None else task.total)
            bars.stop_task(task.id)
