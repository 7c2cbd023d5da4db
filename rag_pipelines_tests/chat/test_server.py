import gc

import pytest

from rag_pipelines.chat.server import address, listen, spare_collector
from rag_pipelines.errors import UserError


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


def test_what_is_remembered_while_serving_is_seldom_walked_as_a_whole():
    before = gc.get_threshold()
    try:
        spare_collector()
        full = gc.get_stats()[2]["collections"]
        kept = [[number] for number in range(200_000)]
        assert len(kept) == 200_000
        assert gc.get_stats()[2]["collections"] == full
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
