"""What single values in a configuration file may be. Each message says what is allowed."""

import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Annotated, Any, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, Strict

ENTITY_MODEL: Final = "en_core_web_sm"
_SOURCE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_CLASS_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_-]+)*\.?")
_WILDCARD = re.compile(r"\*+|\?|\[")
_MODEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_FILE = "file:"
_MAX_WILDCARDS: Final = 10
_POLITE_DELAY: Final = 0.25


def _source_name(value: str) -> str:
    if not _SOURCE_NAME.fullmatch(value):
        raise ValueError(
            "a source name of 1 to 63 characters: lower-case letters, digits, _ and -, "
            "beginning with a letter or a digit"
        )
    return value


def _split(value: str) -> SplitResult | None:
    try:
        parts = urlsplit(value)
        _ = parts.port, (parts.hostname or "").encode("idna")
    except ValueError:
        return None
    return parts


def _web_url(value: str) -> str:
    parts = _split(value)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("a whole http or https URL such as https://example.org/docs/")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL without a user name or password in it")
    if not value.isprintable() or " " in value:
        raise ValueError("a URL without white space or control characters (percent-encode them)")
    return value


def _glob(value: str) -> str:
    if "://" in value or not value.startswith(("/", "*")):
        raise ValueError("a pattern for the URL's path that begins with / or *, such as /docs/**")
    if not value.isprintable() or "***" in value:
        raise ValueError("a pattern made of printable characters, * , ** and ?")
    if value.count("[") != value.count("]"):
        raise ValueError("a pattern whose [ and ] come in pairs")
    if len(_WILDCARD.findall(value)) > _MAX_WILDCARDS:
        raise ValueError(f"at most {_MAX_WILDCARDS} wildcards in one pattern")
    return value


def _file_glob(value: str) -> str:
    if not value.strip() or not value.isprintable() or "://" in value or "***" in value:
        raise ValueError("a file or a pattern of files, such as data/reports/**/*.pdf")
    if len(_WILDCARD.findall(value)) > _MAX_WILDCARDS:
        raise ValueError(f"at most {_MAX_WILDCARDS} wildcards in one pattern")
    return value


def _document_url(value: str) -> str:
    """A page's address, or `file:` and the path of a file relative to `sources.yaml`."""
    path = value.removeprefix(_FILE)
    if path == value:
        return _web_url(value)
    if not path.strip() or not path.isprintable() or path.startswith("//"):
        raise ValueError("file: and a path relative to sources.yaml, such as file:reports/q1.pdf")
    return value


def _entity_model(value: object) -> object:
    """`true` is the small English pipeline, `false` none at all."""
    if isinstance(value, bool):
        return ENTITY_MODEL if value else ""
    if not isinstance(value, str) or not _MODEL.fullmatch(value):
        raise ValueError(f"true, false, or a spaCy pipeline by name such as {ENTITY_MODEL}")
    return value


def _private_host(value: str) -> str:
    """A host name, an address or a network, with a port or not; lower-case."""
    text = value.lower()
    if not (_is_network(text) or _is_host(text)):
        raise ValueError("host, host:port, [IPv6]:port or a network such as 10.0.0.0/8")
    if _never_allowed(text):
        raise ValueError("an address that is not link-local (metadata services live there)")
    return text


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _is_host(text: str) -> bool:
    parts = _split(f"//{text}")
    if parts is None or parts.netloc != text or "@" in text or text.endswith(":"):
        return False
    host = parts.hostname or ""
    return _is_network(host) if ":" in host else bool(_HOST.fullmatch(host))


def _never_allowed(text: str) -> bool:
    try:
        return ip_network(text, strict=False).is_link_local
    except ValueError:
        host = (_split(f"//{text}") or SplitResult("", "", "", "", "")).hostname or ""
        return _is_network(host) and ip_address(host).is_link_local


def _cron(value: str) -> str:
    from croniter import CroniterError, croniter

    if len(value.split()) != 5 or not croniter.is_valid(value):
        raise ValueError('five cron fields (minute hour day month weekday) such as "0 3 * * *"')
    try:
        croniter(value).get_next()
    except CroniterError:
        raise ValueError("a cron line for a day that exists") from None
    return " ".join(value.split())


def _class_path(value: str) -> str:
    if not _CLASS_PATH.fullmatch(value):
        raise ValueError("module.Class, such as langchain_community.document_loaders.TextLoader")
    return value


def _said(value: str) -> str:
    if not value.strip():
        raise ValueError("text that is not blank")
    return value


def is_local(url: str) -> bool:
    """Whether a URL names this machine or a private address outright."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return _is_network(host) and not ip_address(host).is_global


def default_delay(data: Mapping[str, Any]) -> float:
    """Politeness towards other people's servers; one's own machine needs none."""
    return 0.0 if all(map(is_local, data["start_urls"])) else _POLITE_DELAY


SourceName = Annotated[str, AfterValidator(_source_name)]
WebUrl = Annotated[str, Field(max_length=2000), AfterValidator(_web_url)]
Glob = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_glob)]
FileGlob = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_file_glob)]
DocumentUrl = Annotated[str, Field(max_length=2000), AfterValidator(_document_url)]
EntityModel = Annotated[str, Field(max_length=100), BeforeValidator(_entity_model)]
PrivateHost = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_private_host)]
Cron = Annotated[str, Field(max_length=200), AfterValidator(_cron)]
ClassPath = Annotated[str, Field(max_length=300), AfterValidator(_class_path)]
Said = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_said)]
Count = Annotated[int, Strict(), Field(gt=0, le=10**12)]
Seconds = Annotated[float, Strict(), Field(ge=0, le=10**7, allow_inf_nan=False)]
Share = Annotated[float, Strict(), Field(ge=0, le=1, allow_inf_nan=False)]
