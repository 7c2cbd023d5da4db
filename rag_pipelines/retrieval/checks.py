"""What is asked of a release before it may be served. Runs in the verifying process.

Each check proves one property and tells its figures. Does not decide what becomes of the
release, and does not survive a crash of native code: `verify` does.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rag_pipelines.errors import ModelError, ReleaseError
from rag_pipelines.inference.protocols import Embedder
from rag_pipelines.retrieval.golden import GoldenReport, golden_recall
from rag_pipelines.retrieval.index import Index, exact, open_index
from rag_pipelines.retrieval.lexical import LexicalIndex
from rag_pipelines.retrieval.manifest import Release
from rag_pipelines.retrieval.retriever import Retriever
from rag_pipelines.retrieval.rows import Vectors, ids_sha256, rows_sha256
from rag_pipelines.retrieval.verdicts import ERROR, CheckResult
from rag_pipelines.retrieval.writer import LEXICAL, indexes_sha256
from rag_pipelines.sources import GoldenQuestion

MIN_SELF_HITS = 0.99
MIN_ANN_RECALL = 0.95
MIN_GOLDEN_RECALL = 0.8
TOLERATED_LOSS = 0.02
"""How much golden recall may be below that of the release being served."""
_SELF_HITS, _QUERIES, _K = 200, 64, 10
_SAME = 1e-3


@dataclass(frozen=True)
class Candidate:
    """A release on trial, the embedder it is to be asked with, and what it is held to."""

    release: Release
    embedder: Embedder
    questions: Sequence[GoldenQuestion]
    served: Release | None

    @cached_property
    def index(self) -> Index:
        return open_index(self.release.path)

    @cached_property
    def golden(self) -> GoldenReport:
        return _golden(self.release, self.embedder, self.questions)


def _golden(
    release: Release, embedder: Embedder, questions: Sequence[GoldenQuestion]
) -> GoldenReport:
    retriever = Retriever.open(release.path, embedder)
    try:
        return golden_recall(retriever, questions)
    finally:
        retriever.close()


def count_matches_manifest(candidate: Candidate) -> CheckResult:
    """Whatever is not stored cannot be found, and what is stored twice is found twice."""
    release = candidate.release
    if rows_sha256(release.path) != release.manifest.rows_sha256:
        return failed("the rows are not those that the manifest digests")
    if indexes_sha256(release.path) != release.manifest.indexes_sha256:
        return failed("the indexes are not those that the manifest digests")
    return _whole(candidate.index, LexicalIndex.open(release.path / LEXICAL).rows)


def _whole(index: Index, worded: int) -> CheckResult:
    rows, manifest = index.rows, index.manifest
    stored = list(index.stored())
    expected = zip(rows.column("id"), rows.column("source"), rows.column("url"), strict=True)
    hits = _self_hits(index)
    passed = (
        len(stored) == index.count() == worded == manifest.rows
        and set(stored) == set(expected)
        and ids_sha256([key for key, _, _ in stored]) == manifest.ids_sha256
        and hits >= MIN_SELF_HITS
    )
    return CheckResult(
        passed,
        {"rows": manifest.rows, "vectors": len(stored), "worded": worded, "self_hits": hits},
    )


def _self_hits(index: Index) -> float:
    sample = _sample(index, _SELF_HITS)
    found = [index.search(np.asarray(index.rows.vectors[row]), 1) for row in sample]
    return float(np.mean([bool(hit) and hit[0][1] > 1 - _SAME for hit in found]))


def _sample(index: Index, size: int) -> list[int]:
    rng = np.random.default_rng(int(index.manifest.digest[:8], 16))
    count = len(index.rows)
    return rng.choice(count, min(size, count), replace=False).tolist()


def one_embedder(candidate: Candidate) -> CheckResult:
    """Vectors of another embedder, or of no length, answer every question with nonsense."""
    manifest, vectors = candidate.release.manifest, candidate.index.rows.vectors
    blocks = (vectors[start : start + 4096] for start in range(0, len(vectors), 4096))
    unit = all(_of_unit_length(block) for block in blocks)
    same = manifest.fingerprint == candidate.embedder.fingerprint
    return CheckResult(
        unit and same and manifest.dimension == candidate.embedder.dimension,
        {
            "embedder": manifest.embedder,
            "fingerprint": manifest.fingerprint[:12],
            "configured": candidate.embedder.fingerprint[:12],
            "unit_length": unit,
        },
    )


def _of_unit_length(vectors: Vectors) -> bool:
    off = np.abs(np.linalg.norm(vectors, axis=1) - 1)
    return bool(np.all(off < _SAME))  # not so for a length that is not finite


def ann_recall(candidate: Candidate) -> CheckResult:
    """The graph must find what brute force finds, for questions as people ask them."""
    index = candidate.index
    queries = [question.question for question in candidate.questions][:_QUERIES]
    for row in _sample(index, _QUERIES - len(queries)):
        chunk = index.chunk(row)
        queries.append(chunk.heading or chunk.title or chunk.text)
    shares = [_recall(index, vector) for vector in candidate.embedder.encode(queries)]
    recall = float(np.mean(shares))
    return CheckResult(
        recall >= MIN_ANN_RECALL,
        {"ann_recall@10": round(recall, 4), "queries": len(queries), "required": MIN_ANN_RECALL},
    )


def _recall(index: Index, vector: Vectors) -> float:
    best = exact(index.rows.vectors, vector, _K, np.arange(len(index.rows)))
    worst = best[-1][1] - 1e-5  # equal passages are equally right
    found = index.search(vector, _K)
    return sum(score >= worst for _, score in found) / len(best)


def golden_is_recalled(candidate: Candidate) -> CheckResult:
    """The questions that the operator wrote down must find the pages that answer them."""
    if not candidate.questions:
        return CheckResult(True, {"questions": 0})
    report = candidate.golden
    return CheckResult(
        report.recall >= MIN_GOLDEN_RECALL,
        {
            "golden_recall@10": round(report.recall, 4),
            "questions": len(candidate.questions),
            "required": MIN_GOLDEN_RECALL,
            "missed": "; ".join(f"{one.question}: {one.why}" for one in report.failures),
        },
    )


def no_regression(candidate: Candidate) -> CheckResult:
    """What is served today answers some questions, and its successor must not lose them."""
    served = candidate.served
    if not candidate.questions or served is None or served.name == candidate.release.name:
        return CheckResult(True, {"compared": False})
    before = _served_recall(served, candidate)
    if before is None:
        return CheckResult(True, {"compared": False, "served": served.name})
    after = candidate.golden.recall
    return CheckResult(
        after >= before - TOLERATED_LOSS,
        {"compared": True, "served": served.name, "recall": after, "recall_served": before},
    )


def _served_recall(served: Release, candidate: Candidate) -> float | None:
    """Recall of the served release; None where it is damaged or of another embedder."""
    try:
        return _golden(served, candidate.embedder, candidate.questions).recall
    except ReleaseError:
        return None


Check = Callable[[Candidate], CheckResult]

ALL: dict[str, Check] = {
    "count_matches_manifest": count_matches_manifest,
    "one_embedder": one_embedder,
    "ann_recall": ann_recall,
    "golden_recall": golden_is_recalled,
    "no_regression": no_regression,
}


def run_checks(candidate: Candidate) -> Iterator[tuple[str, CheckResult]]:
    """Every check's name and outcome; a check that raises has failed.

    Raises `ModelError` where the embedder fails: that says nothing of the release.
    """
    for name, check in ALL.items():
        yield name, guarded(lambda check=check: check(candidate))


def guarded(check: Callable[[], CheckResult]) -> CheckResult:
    """The check's outcome; failed where it raises anything but `ModelError`."""
    try:
        return check()
    except ModelError:
        raise
    except Exception as error:  # whatever a damaged file makes a library raise
        return failed(f"{type(error).__name__}: {error}")


def failed(error: str) -> CheckResult:
    """The outcome of a check that could not come to its end."""
    return CheckResult(False, {ERROR: error})
