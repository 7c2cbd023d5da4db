"""The machine's side of `rag doctor`: Python, ports, disk and write access."""

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rag_pipelines.cli.check import Check, fail, ok, warn
from rag_pipelines.settings import Settings, variable

SUPPORTED = ((3, 11), (3, 12))
LITTLE_SPACE = 5_000_000_000
TOO_LITTLE_SPACE = 500_000_000


def machine_checks(settings: Settings) -> Iterator[Check]:
    """Every check of the machine; none of them leaves anything behind."""
    yield python_check(sys.version_info[:2])
    yield disk_check(settings.home, shutil.disk_usage(nearest(settings.home)).free)
    for name, folder in _folders(settings):
        yield write_check(name, folder)
    for field in ("port", "dagster_port", "mlflow_port"):
        host = settings.host if field == "port" else "127.0.0.1"
        yield port_check(variable(field), host, getattr(settings, field))


def python_check(version: tuple[int, ...]) -> Check:
    """Whether the locked packages exist for this Python."""
    found = ".".join(map(str, version))
    if version in SUPPORTED:
        return ok("python", found)
    return fail("python", found, "make install PYTHON=python3.11")


def disk_check(home: Path, free: int) -> Check:
    """Whether another few releases find room."""
    found = f"{free / 1e9:.1f} GB free for {home}"
    remedy = "make room, set RAG_HOME to a larger disk, or lower RAG_KEEP_RELEASES"
    if free < TOO_LITTLE_SPACE:
        return fail("disk", found, remedy)
    return warn("disk", found, remedy) if free < LITTLE_SPACE else ok("disk", found)


def write_check(name: str, folder: Path) -> Check:
    """Whether a folder can be written, or made where it is not there."""
    where = f"write access ({name})"
    remedy = f"make it yours (chown), or set {name} to another folder"
    above = nearest(folder)
    if not above.is_dir():
        return fail(where, f"{above} is no folder", remedy)
    try:
        with tempfile.TemporaryFile(dir=above) as file:
            file.write(b"rag doctor")
    except OSError as error:
        return fail(where, f"{folder}: {error.strerror}", remedy)
    return ok(where, str(folder))


def port_check(name: str, host: str, port: int) -> Check:
    """Whether a service could listen there now."""
    where = f"port ({name})"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
    except OSError as error:
        remedy = f"all is well if `rag up` is running; otherwise set {name} to a free port"
        return warn(where, f"{host}:{port} cannot be had: {error.strerror or error}", remedy)
    return ok(where, f"{host}:{port} is free")


def nearest(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    return next(folder for folder in (path, *path.parents) if os.path.lexists(folder))


def _folders(settings: Settings) -> Iterator[tuple[str, Path]]:
    yield "RAG_HOME", settings.home
    yield "DAGSTER_HOME", settings.dagster_home
    if "://" not in settings.storage:
        yield "RAG_STORAGE", Path(settings.storage)
