"""The rooms keep their boundaries, and the tests of that can fail."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_pipelines.settings import variables

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "rag_pipelines"
HEAVY = ("torch", "transformers", "sentence_transformers", "chromadb", "mlflow", "onnxruntime")
SUPERSEDED = re.compile(
    r"dagster[\"', ]+(dev\b|asset[\"', ]+materialize|definitions[\"', ]+validate)"
    r"|AutoMaterializePolicy|LegacyFreshnessPolicy|build_asset_reconciliation_sensor"
    r"|external_asset_from_spec|ExperimentalWarning|load_assets_from_modules"
    r"|RunnableWithMessageHistory|langchain\.memory"
)


def copy_of_the_package(folder: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, folder / "rag_pipelines", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder / "rag_pipelines"


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    environment = os.environ | {"PYTHONPATH": str(folder), "NO_COLOR": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def in_a_new_process(code: str, folder: Path) -> str:
    """What the code prints with no variable of ours set and nothing in the working directory."""
    ours = ("RAG_", "DAGSTER_", "MLFLOW_", "OLLAMA_")
    environment = {name: v for name, v in os.environ.items() if not name.startswith(ours)}
    command = [sys.executable, "-c", code]
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        yield file.relative_to(ROOT), ast.parse(file.read_text())


def imported(tree: ast.AST) -> Iterator[str]:
    """Every name that a module imports, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_private(name: str, package: str) -> bool:
    head, *inner = name.split(".")
    return head == package and any(part.startswith("_") for part in inner)


@pytest.mark.slow
def test_rooms_import_only_from_those_before_them(tmp_path: Path):
    copy_of_the_package(tmp_path)
    done = lint_imports(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("room", "forbidden", "contract"),
    [
        ("storage", "import rag_pipelines.corpus", "Rooms are layers"),
        ("retrieval", "import rag_pipelines.chat", "Rooms are layers"),
        ("corpus", "import dagster", "Pure rooms know no Dagster"),
    ],
)
def test_a_forbidden_import_breaks_the_contract(
    tmp_path: Path, room: str, forbidden: str, contract: str
):
    package = copy_of_the_package(tmp_path)
    (package / room / "intruder.py").write_text(f"{forbidden}\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{contract} BROKEN" in done.stdout
    assert f"rag_pipelines.{room}.intruder" in done.stdout


def test_loading_the_definitions_imports_nothing_heavy(tmp_path: Path):
    code = "import sys, rag_pipelines.definitions; print(*sys.modules)"
    loaded = {name.partition(".")[0] for name in in_a_new_process(code, tmp_path).split()}
    assert "dagster" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_loading_the_definitions_writes_nothing(tmp_path: Path):
    in_a_new_process("import rag_pipelines.definitions", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_loading_the_definitions_uses_nothing_superseded(tmp_path: Path):
    code = (
        "import warnings, dagster\n"
        "warnings.simplefilter('error', dagster.SupersessionWarning)\n"
        "warnings.filterwarnings('error', category=DeprecationWarning, module='rag_pipelines')\n"
        "import rag_pipelines.definitions"
    )
    in_a_new_process(code, tmp_path)


def test_pure_rooms_load_without_dagster(tmp_path: Path):
    code = (
        "import sys, rag_pipelines.settings, rag_pipelines.sources, rag_pipelines.records\n"
        "print(*sys.modules)"
    )
    loaded = {name.partition(".")[0] for name in in_a_new_process(code, tmp_path).split()}
    assert loaded.isdisjoint((*HEAVY, "dagster", "numpy", "scrapy"))


def test_nothing_private_of_dagster_is_imported():
    private = [
        (str(file), name)
        for file, tree in modules()
        for name in imported(tree)
        if is_private(name, "dagster")
    ]
    assert private == []


def test_no_superseded_interface_is_used():
    used = [
        (str(file.relative_to(ROOT)), match.group())
        for file in [*PACKAGE.rglob("*.py"), ROOT / "Makefile", *PACKAGE.rglob("*.yaml")]
        for match in SUPERSEDED.finditer(file.read_text())
    ]
    assert used == []


@pytest.mark.parametrize(
    "call",
    ['["dagster", "dev"]', "dagster dev", "dagster asset materialize", "AutoMaterializePolicy.x"],
)
def test_the_search_for_superseded_interfaces_finds_them(call: str):
    assert SUPERSEDED.search(call)


def test_only_settings_reads_our_variables():
    """Passing the environment on to a subprocess is no reading."""
    readers = [
        (str(file), name)
        for file, tree in modules()
        if file.name != "settings.py"
        for name in looked_up(tree)
        if name in variables() or name.startswith("RAG_")
    ]
    assert readers == []


@pytest.mark.parametrize(
    "read", ['os.getenv("RAG_HOME")', 'os.environ.get("RAG_HOME", "")', 'environ["RAG_HOME"]']
)
def test_the_search_for_readers_finds_them(read: str):
    assert list(looked_up(ast.parse(f"home = {read}"))) == ["RAG_HOME"]


def looked_up(tree: ast.AST) -> Iterator[str]:
    """The variables that a module asks the environment for by name."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="getenv"), args=[ast.Constant(str(name)), *_]):
                yield name
            case ast.Call(
                func=ast.Attribute(attr="get", value=source), args=[ast.Constant(str(name)), *_]
            ) if is_environment(source):
                yield name
            case ast.Subscript(value=source, slice=ast.Constant(str(name)), ctx=ast.Load()) if (
                is_environment(source)
            ):
                yield name


def is_environment(node: ast.AST) -> bool:
    return "environ" in (getattr(node, "attr", ""), getattr(node, "id", ""))
