import asyncio
import socket
from ipaddress import ip_address

import pytest

from rag_pipelines.errors import BlockedAddress, ConfigError, FetchError
from rag_pipelines.storage.addresses import (
    AddressGuard,
    embedded,
    is_public,
    never_allowed,
    normal_host,
)


def answering(*addresses: str):
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


def vetted(guard: AddressGuard, host: str, port: int = 80) -> list[str]:
    return asyncio.run(guard.vet(host, port))


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "64:ff9b::808:808"],
)
def test_public_addresses_are_open(address: str):
    assert vetted(AddressGuard(resolve=answering(address)), "site.test") == [address]


def test_a_v4_address_written_as_v6_is_judged_and_used_as_v4():
    assert vetted(AddressGuard(), "::ffff:8.8.8.8") == ["8.8.8.8"]


def test_every_address_of_a_host_is_kept_in_the_resolvers_order():
    guard = AddressGuard(resolve=answering("9.9.9.9", "8.8.8.8", "9.9.9.9"))
    assert vetted(guard, "site.test") == ["9.9.9.9", "8.8.8.8"]


def test_one_private_address_refuses_the_host():
    with pytest.raises(BlockedAddress, match=r"10\.0\.0\.1"):
        vetted(AddressGuard(resolve=answering("8.8.8.8", "10.0.0.1")), "site.test")


@pytest.mark.parametrize(
    ("entry", "host", "port"),
    [
        ("127.0.0.1", "127.0.0.1", 8000),
        ("127.0.0.1:8000", "127.0.0.1", 8000),
        ("intranet.test", "intranet.test", 443),
        ("Intranet.Test.", "intranet.test", 443),
        ("intranet.test:8000", "INTRANET.test.", 8000),
        ("127.0.0.0/8", "intranet.test", 9),
        ("127.0.0.1/32", "intranet.test", 9),
        ("::1", "::1", 80),
        ("[::1]", "::1", 80),
        ("[::1]:8000", "0:0::1", 8000),
        ("::1/128", "::1", 80),
    ],
)
def test_an_entry_opens_what_it_names(entry: str, host: str, port: int):
    assert vetted(AddressGuard([entry], answering("127.0.0.1")), host, port)


@pytest.mark.parametrize(
    ("entry", "host", "port"),
    [
        ("127.0.0.1:8000", "127.0.0.1", 8001),
        ("127.0.0.1", "127.0.0.2", 80),
        ("127.0.0.1", "intranet.test", 80),
        ("intranet.test:8000", "intranet.test", 8001),
        ("intranet.test", "sub.intranet.test", 80),
        ("intranet.test", "xintranet.test", 80),
        ("10.0.0.0/8", "intranet.test", 80),
        ("[::1]:8000", "::1", 80),
    ],
)
def test_an_entry_opens_nothing_else(entry: str, host: str, port: int):
    with pytest.raises(BlockedAddress):
        vetted(AddressGuard([entry], answering("127.0.0.1")), host, port)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1",
        "2002:a9fe:a9fe::1",
        "2001:0:a9fe:a9fe::",
        "::ffff:169.254.169.254",
        "4000::1",
    ],
)
def test_no_allow_list_opens_link_local_metadata_multicast_or_reserved(address: str):
    everything = ["0.0.0.0/0", "::/0", "site.test", "site.test:80"]
    with pytest.raises(BlockedAddress, match="never"):
        vetted(AddressGuard(everything, answering(address)), "site.test")


def test_an_allowed_network_has_to_cover_the_address_inside_too():
    tunnelled = "2002:0a00:0001::"
    with pytest.raises(BlockedAddress):
        vetted(AddressGuard(["2002::/16"], answering(tunnelled)), "site.test")
    assert vetted(AddressGuard(["10.0.0.0/8"], answering(tunnelled)), "site.test")


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ("64:ff9b::127.0.0.1", {"127.0.0.1"}),
        ("2002:7f00:1::", {"127.0.0.1"}),
        ("2001:0:4136:e378:8000:63bf:80ff:fffe", {"65.54.227.120", "127.0.0.1"}),
        ("2606:4700::1", set()),
        ("8.8.8.8", set()),
    ],
)
def test_the_v4_address_inside_a_v6_address_is_found(outer: str, inner: set[str]):
    assert {str(part) for part in embedded(ip_address(outer))} == inner


@pytest.mark.parametrize(
    "address",
    ["192.0.0.8", "192.88.99.1", "198.18.0.1", "100.64.0.1", "2001:db8::1", "3fff::1", "100::1"],
)
def test_special_purpose_addresses_are_not_public(address: str):
    assert not is_public(ip_address(address))


def test_loopback_is_private_but_may_be_allowed():
    assert not never_allowed(ip_address("127.0.0.1"))
    assert not never_allowed(ip_address("::1"))


@pytest.mark.parametrize(
    ("host", "spelled"),
    [
        ("Example.COM.", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("_dmarc.example.com", "_dmarc.example.com"),
        ("\uff11.1.1.1", "1.1.1.1"),
        ("0:0:0::1", "::1"),
        ("3com.example", "3com.example"),
    ],
)
def test_hosts_are_spelled_in_one_way(host: str, spelled: str):
    assert normal_host(host) == spelled


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "a..b",
        "-a.test",
        "a b.test",
        "127.1",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "1.2.3.4.5",
        "fe80::1%eth0",
        "%31.test",
        "a" * 300,
        "256.1.1.1",
        "example.0x",
        "x.1",
        "a\x00.test",
        "[::1]",
    ],
)
def test_odd_hosts_are_refused(host: str):
    with pytest.raises(BlockedAddress):
        normal_host(host)


@pytest.mark.parametrize(
    "entry", ["", "10.0.0.0/33", "http://intranet", "a:b", "127.1", "[::1", "host:999999", "*"]
)
def test_a_bad_entry_is_a_configuration_error(entry: str):
    with pytest.raises(ConfigError, match="allow_private_hosts"):
        AddressGuard([entry])


def test_a_name_that_does_not_resolve_is_a_fetch_error():
    async def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    for resolve in (unknown, answering()):
        with pytest.raises(FetchError, match=r"site\.test does not resolve"):
            vetted(AddressGuard(resolve=resolve), "site.test")


def test_the_operating_system_resolves_by_default():
    assert "127.0.0.1" in vetted(AddressGuard(["localhost"]), "localhost")
