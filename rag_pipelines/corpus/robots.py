"""What a site's robots.txt allows us, by RFC 9309.

Knows the file and how to read an answer to the request for it; fetches nothing. protego matches
the patterns; groups are read here, because protego takes a group for `rag` to be meant for
`rag_pipelines`, lets a Crawl-delay line end a list of agents, does not know a byte order mark,
and reads `Allow: /index.html` as allowing `/`.
"""

import re
from dataclasses import dataclass, field

from protego import Protego

PRODUCT_TOKEN = "rag_pipelines"  # noqa: S105
MAX_BYTES = 512_000
"""Bytes that are read; RFC 9309 asks for at least 500 KiB."""
MAX_CRAWL_DELAY = 30.0

_LINE_END = re.compile(r"\r\n|\r|\n")
_TOKEN = re.compile(r"[A-Za-z_-]+")


@dataclass
class _Group:
    agents: list[str] = field(default_factory=list[str])
    rules: list[str] = field(default_factory=list[str])
    delay: str = ""


@dataclass(frozen=True)
class Robots:
    """The rules for us on one origin. `closed` says why all of it is out of bounds, if it is.

    `crawl_delay` is in seconds, capped; `sitemaps` as the file names them.
    """

    closed: str = ""
    crawl_delay: float = 0.0
    sitemaps: tuple[str, ...] = ()
    _rules: Protego | None = None

    def allows(self, url: str) -> bool:
        """Whether a URL of the origin may be fetched."""
        if self.closed:
            return False
        return self._rules is None or self._rules.can_fetch(url, "*")


def read_robots(status: int, body: bytes) -> Robots:
    """Rules from an answer: 4xx (there are none) allows all, anything else but 2xx nothing."""
    if 400 <= status < 500:
        return Robots()
    if not 200 <= status < 300:
        return Robots(closed=f"robots.txt answered {status}")
    return parse_robots(body)


def parse_robots(body: bytes, agent: str = PRODUCT_TOKEN) -> Robots:
    """Rules from the file itself, for the product token `agent`."""
    groups, sitemaps = _read_groups(_lines(body))
    ours = [group for group in groups if agent.lower() in group.agents]
    ours = ours or [group for group in groups if "*" in group.agents]
    rules = [rule for group in ours for rule in group.rules]
    delays = [delay for group in ours if (delay := _seconds(group.delay)) is not None]
    parsed = Protego.parse("\n".join(["User-agent: *", *rules])) if rules else None
    delay = min(max(delays, default=0.0), MAX_CRAWL_DELAY)
    return Robots(crawl_delay=delay, sitemaps=tuple(sitemaps), _rules=parsed)


def _lines(body: bytes) -> list[str]:
    if len(body) > MAX_BYTES:
        body = body[:MAX_BYTES].rpartition(b"\n")[0] or body[:MAX_BYTES]
    return _LINE_END.split(body.decode("utf-8-sig", "replace"))


def _read_groups(lines: list[str]) -> tuple[list[_Group], list[str]]:
    groups: list[_Group] = []
    sitemaps: list[str] = []
    naming = False  # between the User-agent lines and the first rule of a group
    for line in lines:
        name, _, value = line.partition("#")[0].partition(":")
        name, value = name.strip().lower(), value.strip()
        if name in ("user-agent", "useragent"):
            if not naming:
                groups.append(_Group())
            naming = True
            groups[-1].agents.append(_token(value))
        elif name in ("allow", "disallow"):
            naming = False
            if groups and value:
                groups[-1].rules.append(f"{name}: {_pattern(name, value)}")
        elif name == "crawl-delay" and groups:
            groups[-1].delay = value
        elif name == "sitemap" and value:
            sitemaps.append(value)
    return groups, sitemaps


def _token(value: str) -> str:
    """The product token of a User-agent line; what follows it (a version) does not count."""
    if value.startswith("*"):
        return "*"
    match = _TOKEN.match(value)
    return match[0].lower() if match else ""


def _pattern(name: str, value: str) -> str:
    # protego's own Allow of the directory is only added to patterns that end so
    return f"{value}*" if name == "allow" and value.endswith("/index.html") else value


def _seconds(text: str) -> float | None:
    try:
        delay = float(text)
    except ValueError:
        return None
    return delay if 0 <= delay < float("inf") else None
