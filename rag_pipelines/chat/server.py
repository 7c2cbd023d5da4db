"""Runs the chat service: one socket on loopback, and an orderly end.

Knows uvicorn, ports and signals. What is answered stands in `app`.
"""

import ipaddress
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event, Timer
from types import FrameType

import uvicorn

from rag_pipelines.chat.app import LOOPBACK_NAMES, create_app
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.chat.served import LoadGenerator
from rag_pipelines.errors import UserError
from rag_pipelines.inference.protocols import Embedder, Generator
from rag_pipelines.inference.servers import NO_SERVERS, ModelServers
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.storage.blobs import Blobs

FINISH_SECONDS = 25
"""How long questions under way may take after SIGTERM."""
DRAIN_SECONDS = 0.5
"""How long `/readyz` says `draining` before the port closes, so that nobody is sent here."""


def serve(
    host: str,
    port: int,
    home: Path,
    blobs: str,
    embedder: str,
    generator: str | None,
    servers: ModelServers = NO_SERVERS,
    keep: int = 3,
    ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve what `home` has published until SIGTERM or SIGINT. `ready` is told the address.

    `blobs` is the root of the store of bytes, a folder or fsspec URL, that citations point into.
    Models are named as in the settings; the pointer's own model goes before `generator`. Raises
    `UserError` where the address is not loopback or the port is taken.
    """
    from rag_pipelines.inference.embedders import load_embedder
    from rag_pipelines.inference.generators import load_generator

    listening = listen(host, port)
    releases = Releases(home / "releases", keep)

    def load(name: str | None) -> Generator:
        return load_generator(name or generator, home, servers)

    run(listening, releases, Blobs(blobs), load_embedder(embedder, home, servers), load, ready)


def run(
    listening: socket.socket,
    releases: Releases,
    blobs: Blobs,
    embedder: Embedder,
    load_generator: LoadGenerator,
    ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve on an open socket until SIGTERM or SIGINT, and close it."""
    draining = Event()
    live = LiveRelease(releases, embedder, load_generator)
    own = address(listening).removeprefix("http://").rpartition(":")[0]
    app = create_app(live, blobs, draining, {*LOOPBACK_NAMES, own})
    config = uvicorn.Config(
        app, log_config=None, access_log=False, timeout_graceful_shutdown=FINISH_SECONDS
    )
    ready(address(listening))
    Server(config, draining).run(sockets=[listening])


class Server(uvicorn.Server):
    """Says that it is draining before it closes its port; a second signal ends it at once."""

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


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on loopback; port 0 takes a free one. Raises `UserError`."""
    family, place = _loopback(host)
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


def address(listening: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _loopback(host: str) -> tuple[socket.AddressFamily, str]:
    try:
        place = ipaddress.ip_address("127.0.0.1" if host.lower() == "localhost" else host)
    except ValueError:
        place = None
    if place is None or not place.is_loopback:
        raise UserError(
            f"RAG_HOST is {host!r}. Without keys the chat service listens on loopback only: set "
            "RAG_HOST to 127.0.0.1, and put a proxy that asks who is there in front of it."
        )
    return (socket.AF_INET6 if place.version == 6 else socket.AF_INET), str(place)
