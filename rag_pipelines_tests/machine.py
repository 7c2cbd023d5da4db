"""What a test may need of the machine, whether it is there, and how that is told.

A test says what it needs by a marker; where the machine lacks it, the test is skipped with the
reason, and the last line of the run names it.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

MANUAL = Path("/usr/share/doc/postgresql-doc-15/html")
"""A real site of 1,169 pages, with the truth about it on disk."""

MONGO = Path(sys.executable).with_name("secantusd-py")
"""A MongoDB-compatible server, as its package installs it."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Need:
    """Something that not every machine has. `name` is how a person would call it."""

    marker: str
    name: str
    remedy: str
    present: Callable[[], bool]
    told_always: bool = True
    """Whether the last line names it even where no test of the run needed it."""


def browser() -> str | None:
    """The path of an installed Chromium."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def _has_gpu() -> bool:
    command = shutil.which("nvidia-smi")
    return bool(command) and not subprocess.run([command, "-L"], capture_output=True).returncode


def _has_onnx_cuda() -> bool:
    """Whether the installed build of ONNX Runtime has the provider, without loading it."""
    found = find_spec("onnxruntime")
    places = found.submodule_search_locations if found else None
    return any(list(Path(place, "capi").glob("*providers_cuda*")) for place in places or ())


NEEDS = (
    Need("browser", "a browser", "apt install chromium", lambda: browser() is not None),
    Need("gpu", "a GPU", "an NVIDIA GPU with its driver", _has_gpu),
    Need(
        "manual",
        "a manual to crawl",
        "apt install postgresql-doc-15",
        lambda: (MANUAL / "index.html").is_file(),
    ),
    Need(
        "mongo",
        "a MongoDB-compatible server",
        "pip install secantusdb",
        MONGO.is_file,
        told_always=False,
    ),
    Need(
        "onnx_cuda",
        "ONNX Runtime for CUDA",
        "pip install onnxruntime-gpu in place of onnxruntime",
        _has_onnx_cuda,
        told_always=False,
    ),
)


def skip_what_is_lacking(items: Sequence[pytest.Item], needs: Sequence[Need]) -> dict[str, int]:
    """Skip each test that needs what is absent; the tests each absent marker cost.

    A test counts for the first that it lacks: a build for a GPU is no lack where there is no GPU.
    """
    absent = [need for need in needs if not need.present()]
    lacking = {need.marker: 0 for need in absent}
    for item in items:
        need = next((one for one in absent if item.get_closest_marker(one.marker)), None)
        if need is not None:
            lacking[need.marker] += 1
            item.add_marker(pytest.mark.skip(reason=f"needs {need.name}: {need.remedy}"))
    return lacking


def closing_line(lacking: dict[str, int]) -> str:
    """The last line of a run, from the markers that were lacking and the tests each cost."""
    parts = [
        f"{need.name} (tests skipped: {lacking[need.marker]}; remedy: {need.remedy})"
        for need in NEEDS
        if need.marker in lacking and (need.told_always or lacking[need.marker])
    ]
    return f"This machine lacked: {', '.join(parts)}." if parts else "This machine lacked nothing."
