"""The SQLite file of conversations: opened, brought to its schema, written in transactions.

Knows nothing of what the rows mean.
"""

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path
from time import monotonic, sleep
from typing import Any

_VERSION = 1


def opened(path: Path, until: float) -> sqlite3.Connection:
    """A connection to the file, which is made where it is not there.

    It belongs to this thread, and waits for locks until that moment of `time.monotonic`. Raises
    `sqlite3.Error` and `OSError`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)  # conversations are nobody else's; SQLite's other files follow this one
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        wait_until(connection, until)
        connection.execute("PRAGMA foreign_keys = ON")
        _use_wal(connection, until)
        connection.execute("PRAGMA secure_delete = ON")
        _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def wait_until(db: sqlite3.Connection, until: float) -> None:
    """Let other people's locks keep this connection waiting no longer than until then."""
    db.execute(f"PRAGMA busy_timeout = {max(0, int((until - monotonic()) * 1000))}")


def _use_wal(db: sqlite3.Connection, until: float) -> None:
    """Two that open a new file at once get in each other's way here, and SQLite does not wait."""
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > until:
                raise
            sleep(0.01)


def _migrate(db: sqlite3.Connection) -> None:
    if _version(db) == _VERSION:
        return
    with transaction(db):
        found = _version(db)  # another process may have been here meanwhile
        if found > _VERSION:
            raise sqlite3.DatabaseError(f"a later version of this program made it ({found})")
        if found == 0:
            schema = files("rag_pipelines.chat.history").joinpath("schema.sql").read_text("utf-8")
            for statement in schema.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {_VERSION}")


def _version(db: sqlite3.Connection) -> int:
    with closing(db.execute("PRAGMA user_version")) as found:
        return found.fetchone()[0]


@contextmanager
def transaction(db: sqlite3.Connection, kind: str = "IMMEDIATE") -> Generator[None]:
    """All of what is done inside, or nothing. `IMMEDIATE` keeps other writers out at once."""
    db.execute(f"BEGIN {kind}")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def insert(db: sqlite3.Connection, verb: str, table: str, row: dict[str, Any]) -> None:
    """Write a row, its columns named by `row`; `verb` is INSERT or INSERT OR REPLACE."""
    names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
    db.execute(f"{verb} INTO {table} ({names}) VALUES ({marks})", row)
