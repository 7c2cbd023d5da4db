import signal
import socket
import subprocess
import sys
from pathlib import Path
from threading import Thread

import httpx
import pytest

from rag_pipelines.chat.server import address, listen
from rag_pipelines.errors import UserError
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines_tests.chat.editions import QUESTION, publish
from rag_pipelines_tests.chat.service import ready, until


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "127.0.0.1.example.org", "2130706433"]
)
def test_without_a_key_nothing_but_loopback_is_listened_on(host: str):
    with pytest.raises(UserError, match="RAG_HOST"):
        listen(host, 0)


def test_with_a_key_another_address_is_listened_on_and_a_name_is_none():
    for host in ("0.0.0.0", "::", "127.0.0.1"):
        listen(host, 0, keyed=True).close()
    with pytest.raises(UserError, match="RAG_HOST"):
        listen("example.org", 0, keyed=True)


def test_a_free_port_is_taken_where_none_is_named():
    for host in ("127.0.0.1", "localhost"):
        with listen(host, 0) as listening:
            assert address(listening).startswith("http://127.0.0.1:")


def test_a_taken_port_is_told_with_what_to_do():
    with listen("127.0.0.1", 0) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=f"Port {port} .*RAG_PORT"):
            listen("127.0.0.1", port)


def test_sigterm_drains_the_question_under_way_and_ends_in_order(
    releases: Releases, tmp_path: Path
):
    publish(releases, 1)
    goes_on = tmp_path / "goes-on"
    process = subprocess.Popen(
        [sys.executable, "-m", "rag_pipelines_tests.chat.service", str(tmp_path), str(goes_on)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        base = process.stdout.readline().strip()
        with httpx.Client(base_url=base, timeout=60, trust_env=False) as client:
            until(lambda: ready(client, 1))
            told: list[int] = []

            def ask() -> None:
                response = httpx.post(
                    f"{base}/api/question", json={"question": QUESTION}, timeout=60, trust_env=False
                )
                told.append(response.status_code)

            asking = Thread(target=ask)
            asking.start()
            until(Path(f"{goes_on}.asked").exists)
            process.send_signal(signal.SIGTERM)
            until(lambda: _gone(base))
            assert process.poll() is None, "it waits for the question"
            goes_on.touch()
            asking.join()
        assert told == [200]
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()
    assert not list((releases.root / "leases").iterdir())


def _gone(base: str) -> bool:
    host, port = base.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return True
    return False
