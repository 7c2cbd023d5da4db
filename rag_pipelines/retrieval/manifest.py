"""What a release says of itself: its specification, its digest, its manifest.

Knows the manifest's keys and how a release is named. Does not know how a release is built,
verified or served.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from rag_pipelines.errors import EmbedderMismatch, ReleaseError
from rag_pipelines.storage.durable import read_json, replace_json

FORMAT = "2"
"""Moves when the files of a release, or the settings of its indexes, change."""
MANIFEST = "manifest.json"
_NAME = re.compile(r"v(\d{6,})-([0-9a-f]{12})")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSpec:
    """What an index is made with, apart from its rows.

    `embedder` is the configured name, `fingerprint` that of the vectors; pages whose URL is in
    `denied` stay out of the index.
    """

    embedder: str
    fingerprint: str
    dimension: int
    max_tokens: int | None = None
    chunker: str = ""
    denied: tuple[str, ...] = ()


def expected_digest(versions: Mapping[str, str], spec: IndexSpec) -> str:
    """Digest of the release that these data versions, by source, add up to.

    A data version digests every stored field of a source's rows, so the same content gives the
    same digest, whenever and from however many crawls it came.
    """
    settings = asdict(spec) | {"denied": sorted(spec.denied), "format": FORMAT}
    content = json.dumps([settings, dict(versions)], sort_keys=True, ensure_ascii=False)
    return sha256(content.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Versions of a source's tables that its chunks were made from, and the runs that made them.

    What is not known is empty. `ledger` goes with `pages`: both are of one scrape.
    """

    pages: str = ""
    ledger: str = ""
    documents: str = ""
    pages_run: str = ""
    documents_run: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The manifest of a release.

    `origins` tells by source what its rows were made from. `churn` counts the rows that were
    added, changed or removed since the vector graph was last made from nothing, for it does not
    heal deletions.
    """

    release: str
    sequence: int
    digest: str
    rows: int
    dimension: int
    embedder: str
    fingerprint: str
    chunker: str
    sources: dict[str, str]
    ids_sha256: str
    rows_sha256: str
    indexes_sha256: str
    run_id: str
    created_at: str
    origins: dict[str, Origin] = field(default_factory=dict[str, Origin])
    churn: int = 0
    format: str = FORMAT
    metrics: dict[str, float] = field(default_factory=dict[str, float])

    def require_embedder(self, fingerprint: str) -> None:
        """Raise `EmbedderMismatch` unless the index was built with this embedder."""
        if fingerprint != self.fingerprint:
            raise EmbedderMismatch(
                f"{self.release} was built with the embedder {self.embedder} "
                f"({self.fingerprint[:12]}), and the configured one is {fingerprint[:12]}: their "
                "vectors do not compare. Set RAG_EMBEDDER back, or run `rag ingest --all`."
            )


@dataclass(frozen=True, slots=True)
class Release:
    """A built release on disk."""

    path: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        return self.manifest.release

    @property
    def digest(self) -> str:
        return self.manifest.digest

    @property
    def sequence(self) -> int:
        return self.manifest.sequence


def release_name(sequence: int, digest: str) -> str:
    return f"v{sequence:06d}-{digest[:12]}"


def sequence_of(name: str) -> int | None:
    """The sequence number in a release's name; None for any other name."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    replace_json(folder / MANIFEST, asdict(manifest))


def load_release(path: Path) -> Release:
    """Read a release's manifest. Raises `ReleaseError` where it is missing or damaged."""
    try:
        found = read_json(path / MANIFEST)
        if found is None:
            raise ValueError("there is no manifest")
        manifest = _manifest(found)
    except (OSError, ValueError, TypeError) as error:
        raise ReleaseError(f"{path} is not a whole release ({error}); build it again.") from error
    if manifest.release != path.name:
        raise ReleaseError(f"{path} says it is {manifest.release}; do not rename releases.")
    return Release(path, manifest)


def _manifest(found: dict[str, Any]) -> Manifest:
    known = {key: found[key] for key in Manifest.__dataclass_fields__ if key in found}
    known["origins"] = {name: Origin(**said) for name, said in found.get("origins", {}).items()}
    manifest = Manifest(**known)
    if not isinstance(manifest.rows, int) or not isinstance(manifest.sequence, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError("rows and sequence must be numbers")
    return manifest
