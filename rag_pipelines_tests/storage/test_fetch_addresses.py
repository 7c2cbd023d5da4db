"""No socket is opened to an address that may not be reached, however it is spelled."""

import asyncio
import socket
from pathlib import Path

import pytest

from rag_pipelines.errors import BlockedAddress, FetchError
from rag_pipelines.storage.addresses import AddressGuard
from rag_pipelines.storage.fetch import Fetcher
from rag_pipelines_tests.storage.fetch_server import LoopbackServer, connects, ok, redirect

NAMES = {
    "public.test": ["93.184.215.14"],
    "localhost": ["::1", "127.0.0.1"],
    "inside.test": ["127.0.0.1"],
    "metadata.test": ["169.254.169.254"],
    "mixed.test": ["93.184.215.14", "127.0.0.1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "nat64.test": ["64:ff9b::7f00:1"],
    "scoped.test": ["fe80::1%lo"],
    "sixtofour.test": ["2002:7f00:1::"],
}

# PORT is a port on which a real server listens on loopback.
BLOCKED_HOSTS = Path(__file__).with_name("fetch_blocked_urls.txt").read_text("utf-8").split()


NOT_A_PLAIN_URL = [
    "http://user@127.0.0.1:PORT/",
    "http://user:secret@public.test/",
    "http://public.test@127.0.0.1:PORT/",
    "http://public.test:80@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT\\@public.test/",
    "http://public.test\\@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT%2f@public.test/",
    "http://@127.0.0.1:PORT/",
    "http://%31%32%37.0.0.1:PORT/",
    "http://127.0.0.1%00.public.test:PORT/",
    "http://127.0.0.1\t:PORT/",
    "http://127.0.0.1:PORT/\r\nHost: public.test",
    "http://127.0.0.1 :PORT/",
    "http://[127.0.0.1]:PORT/",
    "http://[::1]x:PORT/",
    "http://[v1.fe]:PORT/",
    "http://[::1:PORT/",
    "http://127.0.0.1:0/",
    "http://127.0.0.1:99999/",
    "http:127.0.0.1:PORT/",
    "http:///127.0.0.1:PORT/",
    "//127.0.0.1:PORT/",
    "127.0.0.1:PORT/",
    "",
    "file:///etc/passwd",
    "file://127.0.0.1/etc/passwd",
    "gopher://127.0.0.1:PORT/_INFO",
    "dict://127.0.0.1:PORT/stat",
    "data:text/html,hello",
    "ftp://127.0.0.1:PORT/",
    "ldap://127.0.0.1:PORT/",
    "javascript:alert(1)",
    "jar:http://127.0.0.1:PORT/a!/b",
    "ws://127.0.0.1:PORT/",
    "unix:///run/docker.sock",
    "http+unix://%2Frun%2Fdocker.sock/",
]
BLOCKED = [*BLOCKED_HOSTS, *NOT_A_PLAIN_URL]


async def table(host: str, port: int) -> list[str]:
    if host not in NAMES:
        raise socket.gaierror(-2, "Name or service not known")
    return NAMES[host]


def test_no_socket_is_opened_to_a_blocked_address():
    async def outcomes() -> tuple[dict[str, str], int]:
        async with (
            LoopbackServer({"/": ok()}) as server,
            Fetcher(AddressGuard(resolve=table)) as fetcher,
        ):
            found: dict[str, str] = {}
            for url in BLOCKED:
                try:
                    await fetcher.fetch(url.replace("PORT", str(server.port)))
                    found[url] = "fetched"
                except FetchError as error:
                    found[url] = type(error).__name__
            return found, server.connections

    assert len(BLOCKED) >= 60
    with connects() as opened:
        found, connections = asyncio.run(outcomes())
    assert {url: name for url, name in found.items() if name != "BlockedAddress"} == {}
    assert opened == []
    assert connections == 0


def test_the_witness_sees_a_connection_that_is_allowed():
    async def fetched() -> tuple[int, int]:
        async with (
            LoopbackServer({"/": ok()}) as server,
            Fetcher(AddressGuard([f"127.0.0.1:{server.port}"])) as fetcher,
        ):
            return (await fetcher.fetch(server.url())).status, server.connections

    with connects() as opened:
        assert asyncio.run(fetched()) == (200, 1)
    assert opened == ["127.0.0.1"]


def test_the_operating_systems_own_names_are_vetted_too():
    async def fetched(port: int) -> None:
        async with Fetcher(AddressGuard()) as fetcher:
            await fetcher.fetch(f"http://localhost:{port}/")

    with connects() as opened, pytest.raises(BlockedAddress, match="allow_private_hosts"):
        asyncio.run(fetched(80))
    assert opened == []


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:OTHER/",
        "http://127.1:OTHER/",
        "//127.0.0.1:OTHER/",
        "http://localhost:OTHER/",
        "http://[::1]:OTHER/",
        "http://[::ffff:127.0.0.1]:OTHER/",
        "http://169.254.169.254/",
        "http://user@127.0.0.1:SAME/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:OTHER/",
        "http://[::1",
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_a_blocked_address_is_not_followed(location: str, status: int):
    async def follow() -> tuple[int, int]:
        async with LoopbackServer() as outside, LoopbackServer({"/": ok(b"secret")}) as inside:
            target = location.replace("OTHER", str(inside.port)).replace("SAME", str(outside.port))
            outside.routes = {"/": redirect("/two"), "/two": redirect(target, status)}
            async with Fetcher(AddressGuard([f"127.0.0.1:{outside.port}"])) as fetcher:
                with pytest.raises(BlockedAddress):
                    await fetcher.fetch(outside.url())
            return len(outside.asked), inside.connections

    with connects() as opened:
        assert asyncio.run(follow()) == (2, 0)
    assert opened == ["127.0.0.1"]


class Flipping:
    """A resolver that answers the allowed address first, and another one ever after."""

    def __init__(self, first: str, then: str) -> None:
        self.asked = 0
        self._first, self._then = first, then

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return [self._first if self.asked == 1 else self._then]


def test_a_name_that_flips_after_the_check_is_connected_where_it_was_checked():
    async def fetched() -> tuple[bytes, int, str]:
        resolve = Flipping("127.0.0.1", "127.0.0.2")
        async with (
            LoopbackServer({"/": ok(b"allowed")}) as allowed,
            LoopbackServer({"/": ok(b"secret")}, "127.0.0.2", allowed.port) as secret,
            Fetcher(AddressGuard(["127.0.0.1/32"], resolve)) as fetcher,
        ):
            response = await fetcher.fetch(f"http://rebind.test:{allowed.port}/")
            again = await fetcher.fetch(f"http://rebind.test:{allowed.port}/")
            assert again.body == response.body
            assert (allowed.connections, secret.connections) == (1, 0)
            return response.body, resolve.asked, allowed.asked[0].headers["host"]

    with connects() as opened:
        body, asked, host = asyncio.run(fetched())
    assert opened == ["127.0.0.1"]
    assert (body, asked) == (b"allowed", 1)
    assert host.startswith("rebind.test:")


def test_each_new_connection_is_vetted_again():
    async def fetched() -> tuple[int, int]:
        closing = ok(b"allowed", "Connection: close")
        async with (
            LoopbackServer({"/": closing}) as allowed,
            LoopbackServer({"/": ok(b"secret")}, "127.0.0.2", allowed.port) as secret,
            Fetcher(AddressGuard(["127.0.0.1/32"], Flipping("127.0.0.1", "127.0.0.2"))) as fetcher,
        ):
            await fetcher.fetch(f"http://rebind.test:{allowed.port}/")
            with pytest.raises(BlockedAddress):
                await fetcher.fetch(f"http://rebind.test:{allowed.port}/")
            return allowed.connections, secret.connections

    with connects() as opened:
        assert asyncio.run(fetched()) == (1, 0)
    assert opened == ["127.0.0.1"]


def test_a_connection_that_one_name_opened_serves_no_other_name():
    async def fetched() -> int:
        async with (
            LoopbackServer({"/": ok()}) as server,
            Fetcher(AddressGuard([f"inside.test:{server.port}"], table)) as fetcher,
        ):
            await fetcher.fetch(f"http://inside.test:{server.port}/")
            for name in ("127.0.0.1", "mapped.test"):
                with pytest.raises(BlockedAddress):
                    await fetcher.fetch(f"http://{name}:{server.port}/")
            return server.connections

    assert asyncio.run(fetched()) == 1


def test_credentials_of_a_url_stay_out_of_the_error():
    async def fetched() -> None:
        async with Fetcher(AddressGuard()) as fetcher:
            await fetcher.fetch("http://user:hunter2@public.test/?key=hunter2")

    with pytest.raises(BlockedAddress) as caught:
        asyncio.run(fetched())
    assert "hunter2" not in str(caught.value)
