"""What a fresh clone relies on: make's targets, the lock, the licence of what is bundled."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from rag_pipelines_tests.lock import LOCK, pins

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]


def requirements() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(line) for group in [PROJECT["dependencies"], *extras] for line in group]


def closure(asked: Iterable[Requirement]) -> set[str]:
    """Names of the packages that these bring, as far as what is installed tells."""
    waiting, seen = list(asked), set[tuple[str, str]]()
    while waiting:
        one = waiting.pop()
        for extra in ("", *one.extras):
            step = (canonicalize_name(one.name), extra)
            if step not in seen:
                seen.add(step)
                waiting += [r for r in brought(one.name) if wanted(r, extra)]
    return {name for name, _ in seen}


def brought(name: str) -> list[Requirement]:
    try:
        return [Requirement(line) for line in requires(name) or ()]
    except PackageNotFoundError:
        return []


def wanted(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def make(*arguments: str) -> str:
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_help_lists_every_target():
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert targets is not None
    listed = {line.split()[1] for line in make("help").splitlines()}
    assert listed == set(targets.group(1).split())
    assert listed >= {"install", "demo", "up", "test", "bench", "lint", "help"}


def test_make_alone_is_help():
    assert make() == make("help")


def test_what_make_runs_keeps_its_bytecode(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    asked = "import sys; print(sys.dont_write_bytecode)"
    assert make("--eval", f"ask: ; @{sys.executable} -c '{asked}'", "ask") == "False\n"


def test_the_lock_pins_every_requirement_within_its_range():
    pinned = pins()
    outside = [
        str(requirement)
        for requirement in requirements()
        if pinned.get(canonicalize_name(requirement.name)) not in requirement.specifier
    ]
    assert outside == []


@pytest.mark.parametrize("forbidden", ["--", "://", "file:", "sha256:", "+cpu", " @ "])
def test_the_lock_names_no_machine(forbidden: str):
    pinned = [line for line in LOCK.splitlines() if not line.startswith("#")]
    assert [line for line in pinned if forbidden in line] == []


def test_the_lock_leaves_the_source_build_out():
    assert "llama-cpp-python" not in pins()


def test_reading_documents_and_answering_installs_no_torch():
    extras = PROJECT["optional-dependencies"]
    asked = [*PROJECT["dependencies"], *extras["documents"], *extras["llama-parse"]]
    needed = closure(map(Requirement, asked))
    assert {"unstructured", "rapidocr", "onnxruntime", "numpy"} <= needed
    assert needed & {"torch", "torchvision", "transformers", "sentence-transformers"} == set()
    assert "torch" in closure(map(Requirement, extras["models"]))


@pytest.mark.parametrize("name", ["dagster", "chromadb", "pydantic", "onnxruntime", "mlflow"])
def test_what_is_installed_is_what_is_locked(name: str):
    assert version(name) == pins()[name]


def test_the_notice_names_every_bundled_file():
    notice = (ROOT / "NOTICE").read_text()
    for licence in (ROOT / "rag_pipelines").rglob("LICENSE"):
        assert str(licence.parent.relative_to(ROOT)) in notice


def test_commits_are_checked_by_what_make_lint_runs():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = {hook["entry"].split()[0] for repo in config["repos"] for hook in repo["hooks"]}
    recipe = make("--dry-run", "--always-make", "lint").splitlines()
    run = {line.split()[0] for line in recipe if line}
    assert hooks == {f".venv/bin/{tool}" for tool in ("ruff", "pyright", "lint-imports", "deptry")}
    assert hooks <= run


def test_dagster_names_the_code_location_alike_in_a_folder_of_any_name():
    (location,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    named = PYPROJECT["tool"]["dg"]["project"]["code_location_name"]
    assert location["python_module"]["location_name"] == named
