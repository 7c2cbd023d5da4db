import asyncio
import gzip
import struct
import zlib
from collections.abc import Awaitable, Callable

import pytest

from rag_pipelines.errors import FetchError, TooLarge, TooManyRedirects
from rag_pipelines.storage.addresses import AddressGuard
from rag_pipelines.storage.fetch import Fetcher, FetchLimits, Response
from rag_pipelines_tests.storage.fetch_server import Answer, LoopbackServer, ok, redirect

LIMITS = FetchLimits(max_bytes=100_000)
IMPATIENT = FetchLimits(max_bytes=100_000, read_timeout=0.5, total_timeout=2)
"""Where a server that says nothing is the subject."""
Steps = Callable[[Fetcher, LoopbackServer], Awaitable[None]]


def against(
    routes: dict[str, Answer], steps: Steps, limits: FetchLimits = LIMITS
) -> LoopbackServer:
    """Run the steps against a server with these routes; the server tells what it saw."""

    async def run() -> LoopbackServer:
        guard = AddressGuard(["127.0.0.1"])
        async with LoopbackServer(routes) as server, Fetcher(guard, limits, "tests/1") as fetcher:
            await steps(fetcher, server)
        return server

    return asyncio.run(run())


def fetched(answer: Answer, limits: FetchLimits = LIMITS, **headers: str) -> Response:
    found: list[Response] = []

    async def steps(fetcher: Fetcher, server: LoopbackServer) -> None:
        found.append(await fetcher.fetch(server.url(), headers))

    against({"/": answer}, steps, limits)
    return found[0]


def sending(*parts: bytes, then: str = "wait") -> Answer:
    """Write parts and then keep the connection open, close it, or reset it."""

    async def write(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
        if then == "reset":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER: send RST
            writer.transport.abort()
        elif then == "close":
            writer.close()

    return write


def dripping(start: bytes, drop: bytes) -> Answer:
    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while not writer.is_closing():
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0.02)

    return write


def test_a_page_comes_with_its_status_headers_and_body():
    answer = ok(
        b"hello", "Content-Type: Text/HTML; charset=ISO-8859-1", 'ETag: "a"', "Vary: a", "Vary: b"
    )
    response = fetched(answer)
    assert (response.status, response.body, response.redirects) == (200, b"hello", ())
    assert (response.content_type, response.charset) == ("text/html", "iso-8859-1")
    assert (response.headers["etag"], response.headers["vary"]) == ('"a"', "a, b")


@pytest.mark.parametrize("status", ["404 Not Found", "429 Slow", "500 Oops", "503 Busy"])
def test_an_error_status_is_an_answer(status: str):
    response = fetched(ok(b"sorry", "Retry-After: 3", status=status))
    assert (response.status, response.headers["retry-after"]) == (int(status[:3]), "3")


def test_conditional_headers_pass_and_304_is_an_answer_that_keeps_its_connection():
    unchanged = b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 99999999\r\n\r\n'

    async def steps(fetcher: Fetcher, server: LoopbackServer) -> None:
        for _ in range(3):
            response = await fetcher.fetch(server.url(), {"If-None-Match": '"a"'})
            assert (response.status, response.body) == (304, b"")

    server = against({"/": unchanged}, steps)
    assert {asked.headers["if-none-match"] for asked in server.asked} == {'"a"'}
    assert server.connections == 1


def test_the_fetchers_own_headers_cannot_be_replaced():
    async def steps(fetcher: Fetcher, server: LoopbackServer) -> None:
        await fetcher.fetch(server.url(), {"Host": "x", "User-Agent": "x", "accept-encoding": "br"})

    server = against({"/": ok()}, steps)
    headers = server.asked[0].headers
    assert headers["host"] == f"127.0.0.1:{server.port}"
    assert (headers["user-agent"], headers["accept-encoding"]) == ("tests/1", "gzip, deflate")


def test_a_header_that_would_smuggle_another_is_refused():
    with pytest.raises(FetchError):
        fetched(ok(), Accept="text/html\r\nX-Evil: 1")


def test_urls_are_sent_in_ascii_and_without_their_fragment():
    async def steps(fetcher: Fetcher, server: LoopbackServer) -> None:
        for path in ("/a b", "/ü?q=ü", "/%41?x=%zz#top", "?only", ""):
            await fetcher.fetch(server.url(path))

    server = against({}, steps)
    paths = [asked.path for asked in server.asked]
    assert paths == ["/a%20b", "/%C3%BC?q=%C3%BC", "/%41?x=%zz", "/?only", "/"]


def test_connections_are_used_again():
    async def steps(fetcher: Fetcher, server: LoopbackServer) -> None:
        for _ in range(10):
            await fetcher.fetch(server.url())

    server = against({"/": ok()}, steps)
    assert (len(server.asked), server.connections) == (10, 1)


def test_requests_wait_for_a_free_connection():
    async def run() -> tuple[int, int]:
        async with (
            LoopbackServer({"/": ok()}) as server,
            Fetcher(AddressGuard(["127.0.0.1"]), LIMITS, max_connections=3) as fetcher,
        ):
            await asyncio.gather(*(fetcher.fetch(server.url()) for _ in range(30)))
            return len(server.asked), server.connections

    assert asyncio.run(run()) == (30, 3)


def test_an_idle_connection_that_the_server_closed_is_replaced():
    answers = [sending(ok()), sending(then="close"), sending(ok())]

    async def in_turn(writer: asyncio.StreamWriter) -> None:
        answer = answers.pop(0)
        assert not isinstance(answer, bytes)
        await answer(writer)

    async def steps(fetcher: Fetcher, server: LoopbackServer) -> None:
        for _ in range(2):
            assert (await fetcher.fetch(server.url())).body == b"ok"

    assert against({"/": in_turn}, steps).connections == 2


def test_no_cookie_is_kept():
    async def steps(fetcher: Fetcher, server: LoopbackServer) -> None:
        response = await fetcher.fetch(server.url())
        assert "set-cookie" not in response.headers
        await fetcher.fetch(server.url())

    server = against({"/": ok(b"", "Set-Cookie: session=1")}, steps)
    assert all("cookie" not in asked.headers for asked in server.asked)


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetched(ok(b"direct")).body == b"direct"


def test_redirects_are_followed_and_told():
    routes: dict[str, Answer] = {"/": redirect("/a%20b?x"), "/a%20b?x": redirect("//HOST/c#frag")}

    async def steps(fetcher: Fetcher, server: LoopbackServer) -> None:
        server.routes["/a%20b?x"] = redirect(f"//127.0.0.1:{server.port}/c#frag", 308)
        response = await fetcher.fetch(server.url())
        assert (response.url, response.body) == (server.url("/c"), b"here")
        assert response.redirects == (server.url("/"), server.url("/a%20b?x"))

    assert against(routes | {"/c": ok(b"here")}, steps).connections == 1


def test_a_redirect_is_the_answer_where_it_is_not_followed():
    async def steps(fetcher: Fetcher, server: LoopbackServer) -> None:
        response = await fetcher.fetch(server.url(), follow_redirects=False)
        assert (response.status, response.headers["location"]) == (302, "http://10.0.0.1/")

    against({"/": redirect("http://10.0.0.1/")}, steps)


def test_five_redirects_are_followed_and_six_are_not():
    routes: dict[str, Answer] = {f"/{n}": redirect(f"/{n - 1}") for n in range(1, 7)}

    async def steps(fetcher: Fetcher, server: LoopbackServer) -> None:
        assert len((await fetcher.fetch(server.url("/5"))).redirects) == 5
        with pytest.raises(TooManyRedirects):
            await fetcher.fetch(server.url("/6"))

    against(routes | {"/0": ok()}, steps)


def test_a_redirect_loop_ends():
    async def steps(fetcher: Fetcher, server: LoopbackServer) -> None:
        with pytest.raises(TooManyRedirects):
            await fetcher.fetch(server.url("/a"))

    server = against({"/a": redirect("/b"), "/b": redirect("/a")}, steps)
    assert len(server.asked) == 6


def test_a_redirects_endless_body_is_not_read():
    head = b"HTTP/1.1 302 Found\r\nLocation: /end\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def steps(fetcher: Fetcher, server: LoopbackServer) -> None:
        assert (await fetcher.fetch(server.url())).body == b"end"

    routes: dict[str, Answer] = {"/": sending(head, *[b"4000\r\n" + b"x" * 0x4000 + b"\r\n"] * 64)}
    against(routes | {"/end": ok(b"end")}, steps)


def test_credentials_do_not_follow_to_another_origin():
    async def run() -> list[dict[str, str]]:
        async with LoopbackServer({"/": ok()}) as other, LoopbackServer() as first:
            first.routes = {"/": redirect("/same"), "/same": redirect(other.url())}
            async with Fetcher(AddressGuard(["127.0.0.1"])) as fetcher:
                await fetcher.fetch(first.url(), {"Authorization": "Bearer x", "Accept": "*/*"})
            return [asked.headers for asked in (*first.asked, *other.asked)]

    headers = asyncio.run(run())
    assert ["authorization" in sent for sent in headers] == [True, True, False]
    assert all(sent["accept"] == "*/*" for sent in headers)


TEXT = b"Content lost in the middle is worse than an error. " * 100
RAW = zlib.compressobj(wbits=-15)
DEFLATED = RAW.compress(TEXT) + RAW.flush()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("x-gzip", gzip.compress(TEXT, mtime=0)),
        ("GZIP", gzip.compress(TEXT[:99]) + gzip.compress(TEXT[99:])),
        ("gzip", gzip.compress(TEXT, mtime=0) + b"\0" * 8),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", DEFLATED),
        ("identity", TEXT),
    ],
)
def test_compressed_bodies_are_read_in_pieces_of_any_size(encoding: str, body: bytes):
    whole = fetched(ok(body, f"Content-Encoding: {encoding}"))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nTransfer-Encoding: chunked\r\n\r\n"
    pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    assert whole.body == fetched(head.encode() + pieces).body == TEXT


def test_an_empty_body_may_claim_to_be_compressed():
    assert fetched(ok(b"", "Content-Encoding: gzip")).body == b""


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress", "nonsense"])
def test_an_encoding_that_was_not_asked_for_is_refused(encoding: str):
    with pytest.raises(FetchError, match="Content-Encoding"):
        fetched(ok(b"x", f"Content-Encoding: {encoding}"))


GZIPPED = gzip.compress(bytes(range(256)) * 20)
HEAD = b"HTTP/1.1 200 OK\r\n"
BROKEN: dict[str, Answer] = {
    "half of a declared length": sending(HEAD + b"Content-Length: 10\r\n\r\nhalf", then="close"),
    "half of a chunk": sending(HEAD + b"Transfer-Encoding: chunked\r\n\r\na\r\nhalf", then="close"),
    "no last chunk": sending(
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", then="close"
    ),
    "half of a gzip stream": ok(GZIPPED[:-20], "Content-Encoding: gzip"),
    "a wrong gzip checksum": ok(GZIPPED[:-8] + b"\0" * 8, "Content-Encoding: gzip"),
    "plain text said to be gzip": ok(b"plain text", "Content-Encoding: gzip"),
    "plain text said to be deflate": ok(b"plain text", "Content-Encoding: deflate"),
    "reset before the answer": sending(then="reset"),
    "reset within the headers": sending(HEAD + b"Content-Le", then="reset"),
    "reset within the body": sending(HEAD + b"Content-Length: 10\r\n\r\nhalf", then="reset"),
    "closed before the answer": sending(then="close"),
    "not HTTP": sending(b"SSH-2.0-OpenSSH_9.2\r\n", then="close"),
    "a length that is no number": sending(HEAD + b"Content-Length: ten\r\n\r\n", then="close"),
    "a length of five thousand digits": sending(
        HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", then="close"
    ),
    "two lengths": sending(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    "a megabyte of headers": sending(HEAD, *[b"X: " + b"x" * 10_000 + b"\r\n"] * 100),
    "never answers": sending(),
    "stops within the body": sending(HEAD + b"Content-Length: 10\r\n\r\nhalf"),
    "drips headers": dripping(HEAD + b"X: ", b"x"),
    "drips a body": dripping(HEAD + b"Content-Length: 99999\r\n\r\n", b"x"),
    "drips chunks": dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "drips informational answers": dripping(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "switches protocols": sending(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", then="close"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_answer_is_one_error_and_the_next_fetch_goes_on(fault: str):
    async def steps(fetcher: Fetcher, server: LoopbackServer) -> None:
        with pytest.raises(FetchError) as caught:
            await fetcher.fetch(server.url("/broken"))
        assert type(caught.value) is FetchError
        assert (await fetcher.fetch(server.url("/fine"))).body == b"fine"

    against({"/broken": BROKEN[fault], "/fine": ok(b"fine")}, steps, IMPATIENT)


def test_a_server_that_is_not_there_is_an_error():
    async def run() -> None:
        async with LoopbackServer() as gone:
            url = gone.url()
        async with Fetcher(AddressGuard(["127.0.0.1"]), LIMITS) as fetcher:
            await fetcher.fetch(url)

    with pytest.raises(FetchError):
        asyncio.run(run())


def test_a_name_server_that_hangs_is_an_error():
    async def hangs(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    async def run() -> None:
        limits = FetchLimits(connect_timeout=0.1)
        async with Fetcher(AddressGuard(resolve=hangs), limits) as fetcher:
            await fetcher.fetch("http://slow.test/")

    with pytest.raises(FetchError, match=r"slow\.test did not resolve in time"):
        asyncio.run(run())


def test_the_next_address_is_tried_where_the_first_does_not_answer():
    async def two(host: str, port: int) -> list[str]:
        return ["127.0.0.3", "127.0.0.1"]

    async def run() -> bytes:
        async with (
            LoopbackServer({"/": ok(b"second")}) as server,
            Fetcher(AddressGuard(["two.test"], two), LIMITS) as fetcher,
        ):
            return (await fetcher.fetch(f"http://two.test:{server.port}/")).body

    assert asyncio.run(run()) == b"second"


def test_a_body_that_just_fits_is_kept_and_one_byte_more_is_not():
    fits = b"x" * LIMITS.max_bytes
    for body, headers in ((fits, ()), (gzip.compress(fits), ("Content-Encoding: gzip",))):
        assert fetched(ok(body, *headers)).body == fits
    more = fits + b"x"
    for body, headers in ((more, ()), (gzip.compress(more), ("Content-Encoding: gzip",))):
        with pytest.raises(TooLarge):
            fetched(ok(body, *headers))


def test_what_a_server_sends_beyond_its_declared_length_is_not_read():
    assert fetched(HEAD + b"Content-Length: 4\r\n\r\nbodyHTTP/1.1 200 OK\r\n").body == b"body"


def test_a_cancelled_fetch_leaves_the_fetcher_usable():
    async def steps(fetcher: Fetcher, server: LoopbackServer) -> None:
        for _ in range(5):
            task = asyncio.create_task(fetcher.fetch(server.url("/hangs")))
            await asyncio.sleep(0.02)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert (await fetcher.fetch(server.url("/fine"))).body == b"fine"

    async def run() -> None:
        routes = {"/hangs": sending(), "/fine": ok(b"fine")}
        async with (
            LoopbackServer(routes) as server,
            Fetcher(AddressGuard(["127.0.0.1"]), LIMITS, max_connections=1) as fetcher,
        ):
            await steps(fetcher, server)

    asyncio.run(run())


def test_errors_name_the_url_without_its_query():
    with pytest.raises(FetchError, match=r"http://127\.0\.0\.1:\d+/page") as caught:
        asyncio.run(_missing("/page?token=hunter2"))
    assert "hunter2" not in str(caught.value)


async def _missing(path: str) -> None:
    async with LoopbackServer() as gone:
        url = gone.url(path)
    async with Fetcher(AddressGuard(["127.0.0.1"]), LIMITS) as fetcher:
        await fetcher.fetch(url)


def test_a_tls_handshake_that_hangs_is_an_error_and_its_connection_is_closed():
    async def steps(fetcher: Fetcher, server: LoopbackServer) -> None:
        with pytest.raises(FetchError, match="in all"):
            await fetcher.fetch(server.url().replace("http:", "https:"))
        assert server.asked == []
        assert await server.hung_up()

    against({"/": ok()}, steps, IMPATIENT)
