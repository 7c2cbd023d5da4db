"""The configured parts of one installation, made once and passed on.

The only place where settings become stores, models and releases. Knows no Dagster; assets,
sensors and the command line share it.
"""

import asyncio
import json
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path

from rag_pipelines.chat.history.protocol import Feedback
from rag_pipelines.chat.history.stores import all_feedback, open_history
from rag_pipelines.documents.cloud import LlamaCloud
from rag_pipelines.errors import ConfigError, ReleaseError, UserError
from rag_pipelines.inference.embedders import load_embedder
from rag_pipelines.inference.local_models import variant_digest
from rag_pipelines.inference.names import REGISTRY
from rag_pipelines.inference.protocols import Captioner, Embedder, Summariser
from rag_pipelines.inference.servers import ModelServers
from rag_pipelines.models.config import Models, load_models
from rag_pipelines.models.promotions import ROLES, Promotions, Role
from rag_pipelines.records import ModelRef, Progress, Trial, no_progress
from rag_pipelines.retrieval.manifest import IndexSpec
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.retrieval.verdicts import Verdict
from rag_pipelines.retrieval.verify import verify
from rag_pipelines.settings import Settings
from rag_pipelines.sources import GoldenQuestion, Source, load_golden, load_sources
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines.storage.durable import replace_json
from rag_pipelines.storage.tables import Tables


@dataclass
class Project:
    """One installation. `progress` is told of long work as it goes on."""

    settings: Settings
    progress: Progress = field(default=no_progress)

    @cached_property
    def sources(self) -> dict[str, Source]:
        """Entries of `sources.yaml`. Raises `ConfigError`."""
        return load_sources(self.settings.sources)

    def source(self, name: str) -> Source:
        """One entry. Raises `UserError` that names those there are."""
        if name not in self.sources:
            there = ", ".join(self.sources) or "none"
            raise UserError(f"{self.settings.sources} has no source {name!r}; it has: {there}.")
        return self.sources[name]

    def golden(self) -> list[GoldenQuestion]:
        """Questions that every release is held to. Raises `ConfigError`."""
        return load_golden(self.settings.golden)

    @cached_property
    def models(self) -> Models:
        """What `models.yaml` says. Raises `ConfigError`."""
        return load_models(self.settings.models)

    @cached_property
    def tables(self) -> Tables:
        return Tables(self.settings.assets)

    @cached_property
    def blobs(self) -> Blobs:
        return Blobs(self.settings.blobs)

    @cached_property
    def releases(self) -> Releases:
        return Releases(self.settings.releases, self.settings.keep_releases)

    def feedback(self) -> list[Feedback]:
        """What people said of answers, oldest first. Raises `HistoryUnavailable`, `ConfigError`."""
        url = self.settings.history_url.get_secret_value()
        return asyncio.run(all_feedback(open_history(url, self.settings.history_ttl_days)))

    @cached_property
    def servers(self) -> ModelServers:
        """Where model servers are, and the keys they ask for."""
        key = self.settings.openai_api_key
        return ModelServers(
            ollama_host=self.settings.ollama_host,
            openai_api_key=key.get_secret_value() if key else "",
            hf_offline=self.settings.hf_hub_offline,
        )

    @cached_property
    def embedder(self) -> Embedder:
        """The configured embedder. Raises `ModelUnavailable`."""
        return _embedder(self.settings.embedder, self.settings.home, self.servers)

    @cached_property
    def captioner(self) -> Captioner | None:
        """The configured captioner; None where none is. Raises `ConfigError`.

        Two pictures without an answer use up the time that captions may take in a run.
        """
        if self.settings.captioner is None:
            return None
        from rag_pipelines.inference.captioners import captioner_for

        patience = self.settings.caption_seconds / 2
        servers = replace(self.servers, read_timeout=patience, answer_timeout=patience)
        return captioner_for(self.settings.captioner, servers)

    @cached_property
    def summariser(self) -> Summariser | None:
        """The configured summariser; None where none is. Raises `ConfigError`."""
        if self.settings.summariser is None:
            return None
        from rag_pipelines.inference.summarisers import summariser_for

        return summariser_for(self.settings.summariser, self.servers)

    @property
    def cloud(self) -> LlamaCloud | None:
        """Where LlamaParse is and the key for it; None without a key."""
        key = self.settings.llama_cloud_api_key
        if key is None:
            return None
        address = self.settings.llama_cloud_base_url or ""
        return LlamaCloud(api_key=key.get_secret_value(), base_url=address)

    def index_spec(self) -> IndexSpec:
        """What the index is made with, apart from its rows."""
        embedder = self.embedder
        return IndexSpec(
            embedder=embedder.name,
            fingerprint=embedder.fingerprint,
            dimension=embedder.dimension,
            max_tokens=embedder.max_tokens,
            denied=self.denied,
        )

    def model(self) -> ModelRef:
        """The generator that answers are to be written by; without a name, the machine's best.

        Raises `UserError` where it is the champion and none was promoted yet.
        """
        return self._meant(self.settings.generator or "")

    def trial(self) -> Trial | None:
        """What is tried beside it, on which share of the users; None where nothing is.

        What was promoted since to be the champion is no longer tried. Raises as `model`.
        """
        if self.settings.challenger is None:
            return None
        challenger = self._meant(self.settings.challenger)
        if challenger == self.model():
            return None
        return Trial(challenger, self.settings.challenger_share)

    @cached_property
    def promotions(self) -> Promotions:
        return Promotions(self.settings.promotions)

    def _meant(self, name: str) -> ModelRef:
        """What a generator's name means now: of a role, what was promoted to it last."""
        for role in ROLES:
            if name == f"{REGISTRY}:{role}":
                return self._promoted(role)
        return ModelRef(name, variant_digest(name, self.settings.home))

    def _promoted(self, role: Role) -> ModelRef:
        promoted = self.promotions.newest(role)
        if promoted is None:
            raise UserError(f"No model is the {role} yet; run: rag models promote")
        return promoted.model

    def verify_head(self) -> Verdict:
        """Try the newest built release, in a process of its own, and remember the verdict.

        Raises `ReleaseError` where nothing is built or no verdict is possible.
        """
        head = self.releases.head()
        if head is None:
            raise ReleaseError("Nothing is built yet; run rag ingest --all.")
        settings = self.settings
        golden = settings.golden if settings.golden.is_file() else None
        verdict = verify(
            self.releases.root, head.name, golden, settings.embedder, settings.home, self.servers
        )
        self.releases.record_verdict(verdict)
        return verdict

    @property
    def denied(self) -> tuple[str, ...]:
        """URLs that were to be forgotten: not fetched again, and in no further release."""
        if not self._deny_list.exists():
            return ()
        try:
            return tuple(json.loads(self._deny_list.read_text())["urls"])
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{self._deny_list} is damaged: {error!r}") from None

    def deny(self, url: str) -> None:
        """Put a URL on the deny list; there it stays."""
        replace_json(self._deny_list, {"urls": sorted({*self.denied, url})})

    @property
    def _deny_list(self) -> Path:
        return self.settings.home / "denied.json"


@lru_cache(maxsize=1)
def _embedder(name: str, home: Path, servers: ModelServers) -> Embedder:
    """Loaded once in a process: sensors ask for its fingerprint at every tick."""
    return load_embedder(name, home, servers)
