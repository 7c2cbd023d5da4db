"""Made-up artifacts and figures of six variants and their base, as a factory would hand them on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from rag_pipelines.models.comparison import Comparison, compare
from rag_pipelines.models.config import METHODS, Models, Variant
from rag_pipelines.models.figures import PERPLEXITY, SIZE, SPEED
from rag_pipelines.models.tracking import record
from rag_pipelines.records import Metric, ModelArtifact
from rag_pipelines.storage.artifacts import Artifacts

MIB = 1 << 20
# variant: perplexity and its spread, tokens a CPU second and its spread, MiB
MEASURED = {
    "base": (14.20, 0.60, 13.1, 0.4, 513),
    "nf4": (14.90, 0.62, 8.2, 0.3, 158),
    "int8": (14.30, 0.60, 9.6, 0.5, 166),
    "onnx-fp32": (14.20, 0.60, 24.2, 0.9, 514),
    "onnx-int8": (14.61, 0.61, 57.3, 2.1, 237),
    "onnx-int4": (18.60, 0.90, 75.4, 3.0, 189),
}

WANTED = {method: Variant(method=method, perplexity_loss=0.25) for method in METHODS}
"""Every method, of which none may lose more than a quarter."""


def digest_of(variant: str) -> str:
    return sha256(variant.encode()).hexdigest()


def artifact(variant: str, mib: float = 100) -> ModelArtifact:
    base = variant == "base"
    return ModelArtifact(
        variant=variant,
        digest=digest_of(variant),
        parent="" if base else digest_of("base"),
        method=variant,
        task="causal",
        size=int(mib * MIB),
        origin="smollm2" if base else "",
        licence="apache-2.0",
        note="The shipped weights were 4-bit once." if base else "",
    )


def metric(variant: str, name: str, value: float, spread: float = 0.0) -> Metric:
    return Metric(variant=variant, digest=digest_of(variant), name=name, value=value, spread=spread)


def artifacts() -> list[ModelArtifact]:
    return [artifact(name, figures[-1]) for name, figures in MEASURED.items()]


def metrics() -> list[Metric]:
    found: list[Metric] = []
    for name, (perplexity, loss, speed, pace, mib) in MEASURED.items():
        found += [
            metric(name, PERPLEXITY, perplexity, loss),
            metric(name, SPEED, speed, pace),
            metric(name, SIZE, mib * MIB),
            metric(name, "ttft_ms_p50", 9000 / speed, 20.0),
            metric(name, "peak_rss_bytes", (mib + 180) * MIB),
            metric(name, "answer_f1", 0.4 - perplexity / 100, 0.05),
        ]
    return found


def changed(variant: str, name: str, value: float) -> list[Metric]:
    """All figures, one of them another."""
    return [
        replace(m, value=value) if (m.variant, m.name) == (variant, name) else m for m in metrics()
    ]


def comparison(**more: float) -> Comparison:
    """Five variants and the base; `onnx-int4` loses too much."""
    return compare(artifacts(), metrics(), Models(variants=WANTED, **more))


CONTEXT: Mapping[str, str | int | float] = {
    "release": "v000012-0123456789ab",
    "evaluation_digest": "e" * 64,
    "machine": "2 cores, 8 GB",
    "seed": 0,
    "threads": 1,
    "window": 256,
    "text_tokens": 4096,
}


@dataclass
class Factory:
    """The six variants in a real store, as tiny files, and their comparison."""

    root: Path
    uri: str

    def __post_init__(self) -> None:
        self.store = Artifacts(self.root / "artifacts")
        self.artifacts = [self._made(one) for one in artifacts()]
        digests = {one.variant: one.digest for one in self.artifacts}
        self.metrics = [replace(one, digest=digests[one.variant]) for one in metrics()]

    def _made(self, one: ModelArtifact) -> ModelArtifact:
        made = self.store.make(
            {"method": one.method},
            lambda room: (room / "model.safetensors").write_text(f"weights of {one.variant}"),
        )
        return replace(one, digest=made.digest)

    def compared(self, models: Models | None = None) -> Comparison:
        return compare(self.artifacts, self.metrics, models or Models(variants=WANTED))

    def record(
        self,
        comparison: Comparison | None = None,
        context: Mapping[str, str | int | float] = CONTEXT,
        **more: float,
    ) -> str:
        found = comparison or self.compared()
        return record(
            found, self.artifacts, context, self.store, self.uri, self.root / "mlflow", **more
        )
