"""`rag keys` and `rag serve` as they are, in processes of their own."""

import json
from pathlib import Path

import httpx

from rag_pipelines.chat.keys import Keys, session_of
from rag_pipelines_tests.end_to_end.serving import rag, service


def test_keys_are_made_listed_and_revoked(tmp_path: Path):
    made = json.loads(rag(tmp_path, "keys", "add", "ann", "--json").stdout)
    assert made.keys() == {"name", "key"}
    printed = rag(tmp_path, "keys", "add", "bob")
    assert "first key" not in printed.stderr
    assert Keys(tmp_path / "keys.json").owner(session_of(printed.stdout.strip())) == "bob"
    listed = json.loads(rag(tmp_path, "keys", "list", "--json").stdout)["keys"]
    assert [key["name"] for key in listed] == ["ann", "bob"]
    assert made["key"] not in str(listed)
    gone = json.loads(rag(tmp_path, "keys", "revoke", "ann", "--json").stdout)
    assert gone == {"name": "ann", "left": 1}


def test_a_mistake_is_one_message_and_exit_status_2(tmp_path: Path):
    Keys(tmp_path / "keys.json").add("ann")
    done = rag(tmp_path, "keys", "add", "ann")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("rag: ann has a key already.")


def test_without_a_key_nothing_but_loopback_is_listened_on(tmp_path: Path):
    """Row B18."""
    done = rag(tmp_path, "serve", RAG_HOST="0.0.0.0")
    assert done.returncode == 2
    assert "rag keys add NAME" in done.stderr


def test_damaged_keys_keep_the_service_from_starting(tmp_path: Path):
    (tmp_path / "keys.json").write_text("{")
    done = rag(tmp_path, "serve")
    assert done.returncode == 2
    assert "keys.json: it is damaged" in done.stderr


def test_with_a_key_any_address_is_listened_on_and_every_call_needs_it(tmp_path: Path):
    """Rows B11 and B18, on `rag serve` itself, to the end of its last key."""
    key, log = Keys(tmp_path / "keys.json").add("ann"), tmp_path / "log"
    right = {"Authorization": f"Bearer {key}"}
    with (
        service(tmp_path, log, RAG_HOST="0.0.0.0", RAG_RATE_LIMIT="2/hour") as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):

        def status(path: str, headers: dict[str, str] = right, method: str = "GET") -> int:
            return client.request(method, path, headers=headers).status_code

        assert (status("/livez", {}), status("/", {})) == (200, 200)
        for path in ("/metrics", "/docs", "/openapi.json", "/api/release"):
            assert (status(path, {}), status(f"{path}?key={key}", {})) == (401, 401)
            assert status(path) in (200, 503)
        assert status("/admin/reload", {}, "POST") == 401
        assert status("/admin/reload", right, "POST") == 202
        assert [status("/api/search?q=a") for _ in range(3)] == [503, 503, 429]
        assert client.post("/api/login", json={"key": key}).status_code == 204
        client.cookies.clear()
        rag(tmp_path, "keys", "revoke", "ann")
        for headers in (right, {}, {"Host": "localhost"}):
            assert status("/api/release", headers) == 401
    told = log.read_text()
    assert "INFO:uvicorn.error:Finished" in told, "every log is seen here"
    assert (key in told, session_of(key) in told) == (False, False)
