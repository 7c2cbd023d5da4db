"""What the checks said of a release, remembered by digest.

Knows when a digest need not be built or verified again. Does not know how the checks work.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from rag_pipelines.storage.durable import read_json, replace_json

CHECKS = ("count_matches_manifest", "one_embedder", "ann_recall", "golden_recall", "no_regression")
CONTENT_CHECKS = frozenset({"golden_recall", "no_regression"})
"""Checks that a second build of the same content would fail just the same."""
ERROR = "error"
"""In a result's metadata: the check did not come to its end."""
ATTEMPTS = 2
"""How often the same content is built when its files came out damaged."""

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check's outcome and what a person would look at."""

    passed: bool
    metadata: dict[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """All checks of one release. `golden` digests the questions it was held to."""

    release: str
    digest: str
    golden: str
    checks: dict[str, CheckResult]
    attempts: int = 1
    written_at: str = ""

    @property
    def passed(self) -> bool:
        return all(self.checks[name].passed for name in CHECKS)

    @property
    def damaged(self) -> bool:
        """Whether the files are at fault and not the content: worth another build."""
        return any(
            not result.passed and (name not in CONTENT_CHECKS or ERROR in result.metadata)
            for name, result in self.checks.items()
        )

    @property
    def metrics(self) -> dict[str, float]:
        """Every figure of the checks, by its own name."""
        return {
            name: float(value)
            for check in self.checks.values()
            for name, value in check.metadata.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }


def golden_digest(path: Path | None) -> str:
    """Digest of the golden questions' file; empty where there is none."""
    if path is None or not path.is_file():
        return ""
    return sha256(path.read_bytes()).hexdigest()


def write_verdict(folder: Path, verdict: Verdict) -> None:
    """Remember a verdict in place of the digest's last."""
    last = read_verdict(folder, verdict.digest)
    again = last is not None and last.damaged and last.release != verdict.release
    value = asdict(verdict) | {
        "attempts": last.attempts + 1 if last and again else 1,
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    replace_json(folder / f"{verdict.digest}.json", value)


def read_verdict(folder: Path, digest: str) -> Verdict | None:
    """The last verdict on a digest; None where there is none or its file is damaged."""
    try:
        found = read_json(folder / f"{digest}.json")
        return _verdict(found) if found else None
    except (ValueError, TypeError, KeyError):
        return None


def _verdict(found: Mapping[str, Any]) -> Verdict:
    checks = {name: CheckResult(**result) for name, result in found["checks"].items()}
    rest: dict[str, Any] = {key: value for key, value in found.items() if key != "checks"}
    verdict = Verdict(checks=checks, **rest)
    if not set(CHECKS) <= set(checks):
        raise KeyError("a check is missing")
    return verdict
