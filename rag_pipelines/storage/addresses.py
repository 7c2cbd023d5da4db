"""Which network addresses content may be fetched from.

Knows how a host is spelled, resolved and judged. Opens no connection and knows no URL. The
special-purpose ranges are IANA's (RFC 6890), as far as `ipaddress` knows them, and a few more.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from rag_pipelines.errors import BlockedAddress, ConfigError, FetchError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port in, addresses out; raises `OSError` where the name does not resolve."""

_NEVER = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # "this host": Linux connects to itself
        "169.254.0.0/16",  # link-local, and nearly every cloud's metadata service
        "100.100.100.200/32",  # Alibaba Cloud's metadata
        "168.63.129.16/32",  # Azure's wire server, in public space
        "192.0.0.192/32",  # Oracle Cloud's metadata
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
        "fd00:ec2::/32",  # AWS's metadata over IPv6
        "fd20:ce::254/128",  # Google Cloud's
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = IPv6Network("2000::/3")
# Special-purpose, but public to some Python versions that this package supports.
_NOT_PUBLIC = tuple(ip_network(t) for t in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20"))
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*")


def normal_host(host: str) -> str:
    """Spell a host in one way: lower-case ASCII, or the canonical form of an IP address.

    Raises:
        BlockedAddress: no host name, or an address in a spelling that parsers read differently
            (`127.1`, `0x7f.1`, `2130706433`, a zone id, percent-encoding).
    """
    if len(host) > 253:
        raise _odd_host(host)
    try:
        if ":" in host:
            return IPv6Address(host if "%" not in host else "").compressed
        name = _ascii(host).lower().removesuffix(".")
        if _NUMBER.fullmatch(name.rpartition(".")[2]):
            return str(IPv4Address(name))
    except ValueError:
        raise _odd_host(host) from None
    if not _NAME.fullmatch(name):
        raise _odd_host(host)
    return name


def _ascii(host: str) -> str:
    return host if host.isascii() else host.encode("idna").decode("ascii")


def _odd_host(host: str) -> BlockedAddress:
    return BlockedAddress(
        f"{host[:80]!r} is not a host to fetch from: expected a plain name, four decimal numbers "
        "or an IPv6 address without a zone."
    )


def never_allowed(address: Address) -> bool:
    """Link-local, metadata, multicast, reserved and unspecified: no allow-list opens these."""
    if any(address in network for network in _NEVER):
        return True
    if isinstance(address, IPv4Address) or address.is_loopback or address in _NAT64:
        return False
    return address.is_reserved


def is_public(address: Address) -> bool:
    """Whether an address is one that everybody on the internet may reach."""
    if not address.is_global or any(address in network for network in _NOT_PUBLIC):
        return False
    return isinstance(address, IPv4Address) or address in _GLOBAL_UNICAST or address in _NAT64


def embedded(address: Address) -> tuple[Address, ...]:
    """IPv4 addresses that a packet to this IPv6 address could end at: 6to4, Teredo, NAT64."""
    if isinstance(address, IPv4Address):
        return ()
    if address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    return address.teredo or ()


def _parsed(text: str) -> Address:
    """The address itself; an IPv4 address that is written as IPv6 is the IPv4 address."""
    address = ip_address(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@dataclass(frozen=True, slots=True)
class AllowList:
    """Private hosts that a source's configuration names, and so may be fetched from."""

    hosts: frozenset[tuple[str, int | None]]
    networks: tuple[Network, ...]

    @classmethod
    def parse(cls, entries: Sequence[str]) -> "AllowList":
        """Read entries `host`, `host:port`, `[v6]:port` (as a URL has it) and CIDR networks.

        Raises:
            ConfigError: an entry that is none of these.
        """
        networks = tuple(_network(entry) for entry in entries if "/" in entry)
        hosts = frozenset(_host_and_port(entry) for entry in entries if "/" not in entry)
        return cls(hosts, networks)

    def covers(self, host: str, port: int, address: Address) -> bool:
        """A host entry covers what the URL names; a network covers whatever lies in it."""
        if (host, None) in self.hosts or (host, port) in self.hosts:
            return True
        return any(address in network for network in self.networks)


def _network(entry: str) -> Network:
    try:
        return ip_network(entry.strip(), strict=False)
    except ValueError:
        raise _bad_entry(entry) from None


def _host_and_port(entry: str) -> tuple[str, int | None]:
    text = entry.strip()
    match = re.fullmatch(r"\[([^\[\]]+)\](?::(\d{1,5}))?", text) or re.fullmatch(
        r"([^:\[\]]+)(?::(\d{1,5}))?|(?P<six>[0-9A-Fa-f:.]+)", text
    )
    if match is None:
        raise _bad_entry(entry)
    host = match.groupdict().get("six") or match[1]
    try:
        return normal_host(host), int(match[2]) if match[2] else None
    except BlockedAddress:
        raise _bad_entry(entry) from None


def _bad_entry(entry: str) -> ConfigError:
    return ConfigError(
        f"allow_private_hosts: {entry!r} is none of `host`, `host:port`, `[v6]:port` and a network "
        "such as `10.0.0.0/8`."
    )


async def system_resolve(host: str, port: int) -> list[str]:
    """Ask the operating system."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class AddressGuard:
    """Says which addresses a host may be reached at, and refuses the rest.

    Public addresses are open; private ones only through `allow_private_hosts`; link-local,
    metadata, multicast and reserved ones never. One refused address refuses the host.
    """

    def __init__(
        self, allow_private_hosts: Sequence[str] = (), resolve: Resolve = system_resolve
    ) -> None:
        self._allowed = AllowList.parse(allow_private_hosts)
        self._resolve = resolve

    async def vet(self, host: str, port: int) -> list[str]:
        """Resolve a host now and judge every address.

        Returns:
            The addresses to connect to, in the resolver's order; never empty.

        Raises:
            BlockedAddress: the host, or one of its addresses, may not be reached.
            FetchError: the name does not resolve.
        """
        name = normal_host(host)
        addresses = [_parsed(text) for text in await self._addresses(name, port)]
        for address in addresses:
            self._judge(name, port, address)
        return list(dict.fromkeys(str(address) for address in addresses))

    async def _addresses(self, name: str, port: int) -> Sequence[str]:
        if ":" in name or _NUMBER.fullmatch(name.rpartition(".")[2]):
            return [name]
        try:
            found = await self._resolve(name, port)
        except (OSError, UnicodeError) as error:
            raise FetchError(f"{name} does not resolve: {error}") from error
        if not found:
            raise FetchError(f"{name} does not resolve: no address")
        return found

    def _judge(self, name: str, port: int, address: Address) -> None:
        for part in (address, *embedded(address)):
            if never_allowed(part):
                raise BlockedAddress(
                    f"{name} is at {address}, a link-local, metadata, multicast or reserved "
                    "address; content is never fetched from there."
                )
            if not is_public(part) and not self._allowed.covers(name, port, part):
                raise BlockedAddress(
                    f"{name} is at {address}, a private address; add "
                    f"'{_as_entry(name, port)}' to allow_private_hosts if the source is meant to "
                    "read from there."
                )


def _as_entry(name: str, port: int) -> str:
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
