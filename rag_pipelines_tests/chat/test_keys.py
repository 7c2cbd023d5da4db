"""Keys in their file: what is kept, who is recognised, and what a damaged file means."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rag_pipelines.chat.keys import Keys, KeysUnreadable, session_of
from rag_pipelines.errors import UserError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "keys.json"


@pytest.fixture
def keys(path: Path) -> Keys:
    return Keys(path)


def owner(keys: Keys, key: str) -> str | None:
    return keys.owner(session_of(key))


def test_a_key_is_recognised_by_any_process_and_by_its_name(keys: Keys, path: Path):
    ann, bob = keys.add("ann"), keys.add("bob")
    assert (owner(Keys(path), ann), owner(Keys(path), bob)) == ("ann", "bob")
    assert [key.name for key in keys.all()] == ["ann", "bob"]


def test_what_is_kept_makes_neither_the_key_nor_its_session(keys: Keys, path: Path):
    key = keys.add("ann")
    written = path.read_text()
    assert key not in written
    assert session_of(key) not in written
    for kept in json.loads(written)["keys"][0].values():
        assert owner(keys, kept) is None
        assert keys.owner(kept) is None


def test_keys_are_long_random_and_tell_what_they_are(keys: Keys):
    made = {keys.add(f"user{n}") for n in range(20)}
    assert len(made) == 20
    assert all(key.startswith("rag_") and len(key) >= 4 + 43 for key in made)


def test_nobody_else_may_read_the_file(keys: Keys, path: Path):
    keys.add("ann")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_revoked_key_is_refused_from_the_next_call_on(keys: Keys, path: Path):
    ann, bob = keys.add("ann"), keys.add("bob")
    running = Keys(path)
    assert owner(running, ann) == "ann"
    keys.revoke("ann")
    assert (owner(running, ann), owner(running, bob)) == (None, "bob")
    again = keys.add("ann")
    assert (owner(running, ann), owner(running, again)) == (None, "ann")


@pytest.mark.parametrize(
    "name",
    ["", " ", "a b", "-a", ".", "../x", "a/b", "ä", "a\n", "a\0", "x" * 65, "{$ne: 1}", "@a"],
)
def test_a_name_that_is_none_is_refused_and_nothing_is_written(keys: Keys, path: Path, name: str):
    with pytest.raises(UserError, match="letters, digits"):
        keys.add(name)
    assert not path.exists()


@pytest.mark.parametrize("name", ["a", "ann@example.org", "open-webui", "9_to_5.bot", "x" * 64])
def test_a_name_may_be_an_address_or_a_program(keys: Keys, name: str):
    assert owner(keys, keys.add(name)) == name


def test_a_name_has_one_key_and_an_unknown_one_cannot_be_revoked(keys: Keys):
    key = keys.add("ann")
    with pytest.raises(UserError, match="rag keys revoke ann"):
        keys.add("ann")
    with pytest.raises(UserError, match="there are: ann"):
        keys.revoke("bob")
    assert owner(keys, key) == "ann"


def test_keys_made_at_once_are_all_kept(path: Path):
    names = [f"user{n}" for n in range(16)]
    with ThreadPoolExecutor(8) as pool:  # each with a file of its own, as processes have
        made = list(pool.map(lambda name: Keys(path).add(name), names))
    assert [owner(Keys(path), key) for key in made] == names


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"keys": {}}',
        '{"keys": [{"name": "ann"}]}',
        '{"keys": [{"name": "ann", "sha256": "", "created_at": ""}]}',
        '{"keys": [{"name": "../x", "sha256": "' + "0" * 64 + '", "created_at": ""}]}',
        '{"keys": [], "more": 1}',
        "\ud800",
    ],
)
def test_a_damaged_file_lets_nobody_in_and_is_not_overwritten(keys: Keys, path: Path, damage: str):
    key = keys.add("ann")
    written = path.read_bytes()
    path.write_bytes(damage.encode(errors="surrogatepass"))
    for attempt in (lambda: owner(keys, key), keys.all, lambda: keys.add("bob")):
        with pytest.raises(KeysUnreadable, match=r"keys\.json"):
            attempt()
    path.write_bytes(written)
    assert owner(keys, key) == "ann"


def test_a_file_that_cannot_be_opened_lets_nobody_in(keys: Keys, path: Path):
    path.mkdir(parents=True)
    with pytest.raises(KeysUnreadable, match=r"keys\.json"):
        keys.all()


def test_a_damaged_file_is_told_without_what_it_holds(keys: Keys, path: Path):
    keys.add("ann")
    kept = json.loads(path.read_text())["keys"][0]["sha256"]
    path.write_text(path.read_text().replace('"name"', '"game"'))
    with pytest.raises(KeysUnreadable) as caught:
        keys.all()
    assert kept not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("whose", ["ann", "zoe", "nobody"])
def test_every_key_is_compared_whichever_is_right(keys: Keys, whose: str):
    """Row B11: neither the first difference nor the place in the file shows in the time."""
    made = {name: keys.add(name) for name in ("ann", "bob", "zoe")}
    session = session_of(made.get(whose, "rag_nothing"))
    compared: list[str] = []

    def watch(frame: Any, event: str, called: Any) -> None:
        if event == "c_call" and called.__name__ == "compare_digest":
            compared.append(event)

    sys.setprofile(watch)
    try:
        keys.owner(session)
    finally:
        sys.setprofile(None)
    assert len(compared) == 3
