"""The service's log: a line of JSON for each record, or one that a person reads on a terminal.

Knows how records are written and which request they belong to. What is logged, and that no
question, answer or secret is, is up to who logs.
"""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

REQUEST_ID: ContextVar[str] = ContextVar("rag_request_id", default="")
"""The request that is being answered here; empty outside of one."""

Told = dict[str, str | int | float]
"""Fields that a record brings beside its message, as `extra={"told": …}`."""


def log_to(stream: TextIO = sys.stderr) -> None:
    """Write this process's log there, unless it is being written: libraries' from WARNING on."""
    writer = logging.StreamHandler(stream)
    writer.setFormatter(Readable() if stream.isatty() else JsonLines())
    logging.basicConfig(handlers=[writer], level=logging.WARNING)
    logging.getLogger("rag_pipelines").setLevel(logging.INFO)
    logging.captureWarnings(True)


class JsonLines(logging.Formatter):
    """One JSON object a record, in ASCII, so that nothing it holds can end its line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _moment(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := REQUEST_ID.get():
            line["request_id"] = request_id
        line |= _told(record)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class Readable(logging.Formatter):
    """A line for people; control characters of a message are escaped, an exception follows."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {"request_id": REQUEST_ID.get(), **_told(record)}
        more = "".join(f" {name}={value}" for name, value in fields.items() if value != "")
        time = _moment(record).astimezone().strftime("%H:%M:%S")
        line = f"{time} {record.levelname:<7} {record.getMessage()}{more}"
        shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
        return f"{shown}\n{self.formatException(record.exc_info)}" if record.exc_info else shown


def _moment(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _told(record: logging.LogRecord) -> Told:
    return getattr(record, "told", {})
