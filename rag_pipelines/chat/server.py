"""Runs the chat service: one socket, on loopback where no key exists, and an orderly end.

Knows uvicorn, ports and signals. What is answered stands in `app`.
"""

import asyncio
import gc
import ipaddress
import socket
from collections.abc import Callable, Collection
from functools import partial
from threading import Event, Timer
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from rag_pipelines.chat.admission import Admission
from rag_pipelines.chat.app import Parts, create_app
from rag_pipelines.chat.gate import LOOPBACK_NAMES, Rules
from rag_pipelines.chat.history.stores import open_history
from rag_pipelines.chat.keys import Keys
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.chat.mlflow_traces import MlflowTraces
from rag_pipelines.chat.traces import Traces
from rag_pipelines.errors import UserError
from rag_pipelines.inference.protocols import Generator
from rag_pipelines.inference.remembered import RememberingEmbedder
from rag_pipelines.inference.servers import NO_SERVERS, ModelServers
from rag_pipelines.records import ModelRef
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.settings import Settings
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines.storage.tables import Tables

FINISH_SECONDS = 25
"""How long questions under way may take after SIGTERM."""
STORE_SECONDS = 3
"""How long those that took longer have to store what was said."""
DRAIN_SECONDS = 0.5
"""How long `/readyz` says `draining` before the port closes, so that nobody is sent here."""

_FULL_COLLECTION = 1_000
"""Collections of the younger objects before a full one; Python's own setting is 10."""


def serve(
    settings: Settings,
    servers: ModelServers = NO_SERVERS,
    ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve what is published until SIGTERM or SIGINT. `ready` is told the address.

    The pointer's own model goes before the one that is set. Raises `UserError` where the port is
    taken, or where the address is not loopback and there is no key.
    """
    from rag_pipelines.inference.embedders import load_embedder
    from rag_pipelines.inference.generators import load_generator

    keys = Keys(settings.keys)
    listening = listen(settings.host, settings.port, keyed=bool(keys.all()))

    def load(model: ModelRef) -> Generator:
        named = model.name or settings.generator
        return load_generator(named, settings.home, servers, model.digest)

    embedder = RememberingEmbedder(load_embedder(settings.embedder, settings.home, servers))
    releases = Releases(settings.releases, settings.keep_releases)
    url = settings.history_url.get_secret_value()
    tracking = settings.mlflow_tracking_uri.get_secret_value()
    parts = Parts(
        live=LiveRelease(releases, embedder, load, loaded=spare_collector),
        blobs=Blobs(settings.blobs),
        tables=Tables(settings.assets),
        history=open_history(url, settings.history_ttl_days),
        rules=Rules(keys=keys, hosts=names(listening), rate=settings.rate_limit),
        admission=Admission(settings.queue, settings.queue_seconds),
        on_history_failure=settings.history_failure,
        slots=settings.slots,
        traces=Traces(MlflowTraces(tracking), settings.trace_sampling),
    )
    run(listening, parts, ready)


def spare_collector() -> None:
    """Let garbage collection pass over all that is loaded by now, which stays to the end.

    A full collection would walk it, and halt every answer for 120 milliseconds and more. One that
    walks only what was remembered since takes 60: at 50 questions a second every five seconds by
    Python's own thresholds, every few minutes by these. An answer leaves nothing for it to find.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], _FULL_COLLECTION)


def run(
    listening: socket.socket, parts: Parts, ready: Callable[[str], None] = lambda url: None
) -> None:
    """Serve on an open socket until SIGTERM or SIGINT, and close it."""
    app = create_app(parts)
    ready(address(listening))
    Server(configured(app), parts.draining).run(sockets=[listening])


def configured(app: ASGIApp) -> uvicorn.Config:
    """How uvicorn serves the app: nothing that a proxy's headers say is believed."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=FINISH_SECONDS + STORE_SECONDS,
    )


class Server(uvicorn.Server):
    """Says that it is draining before it closes its port; a second signal ends it at once.

    Answers that do not end in time are interrupted while their history is still open: what uvicorn
    cancels by itself it does not wait for.
    """

    def __init__(self, config: uvicorn.Config, draining: Event) -> None:
        """`draining` is set by the first signal."""
        super().__init__(config)
        self._draining = draining

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._draining.is_set():
            self.should_exit = self.force_exit = True
        self._draining.set()
        timer = Timer(DRAIN_SECONDS, partial(setattr, self, "should_exit", True))
        timer.daemon = True
        timer.start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See `uvicorn.Server`."""
        asyncio.get_running_loop().call_later(FINISH_SECONDS, self._interrupt)
        await super().shutdown(sockets)

    def _interrupt(self) -> None:
        for task in self.server_state.tasks:
            task.cancel()


def listen(host: str, port: int, keyed: bool = False) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises `UserError`, for one where the address is not loopback and no key exists (`keyed`).
    """
    family, place = _place(host, keyed)
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((place, port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise UserError(
            f"Port {port} on {host} cannot be had ({error.strerror}). Stop the program that "
            "listens there, or set RAG_PORT to another port (0 takes a free one)."
        ) from error
    return listening


def loopback(host: str) -> bool:
    """Whether nobody but this machine reaches a host, as the setting names it."""
    place = _ip(host)
    return place is not None and place.is_loopback


def address(listening: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _place(host: str, keyed: bool) -> tuple[socket.AddressFamily, str]:
    place = _ip(host)
    if place is None:
        raise UserError(
            f"RAG_HOST is {host!r}. The chat service listens on an address: set RAG_HOST to "
            "127.0.0.1, or, where keys exist, to 0.0.0.0 or another address of this machine."
        )
    if not (place.is_loopback or keyed):
        raise UserError(
            f"RAG_HOST is {host!r}. Without keys the chat service listens on loopback only: make "
            "a key with `rag keys add NAME`, or set RAG_HOST to 127.0.0.1."
        )
    return (socket.AF_INET6 if place.version == 6 else socket.AF_INET), str(place)


def names(listening: socket.socket) -> Collection[str]:
    """Names by which this machine alone reaches the socket; none where others do as well."""
    host = listening.getsockname()[0]
    own = f"[{host}]" if ":" in host else host
    return {*LOOPBACK_NAMES, own} if loopback(host) else ()


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address("127.0.0.1" if host.lower() == "localhost" else host)
    except ValueError:
        return None
