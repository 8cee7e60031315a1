"""Which addresses may be spoken to."""

from __future__ import annotations

import asyncio
import ipaddress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.images.guard import GuardedTransport, choose, is_public
from schema.errors import InputError


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "127.0.0.1",
        "127.8.8.8",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",  # metadata of most clouds
        "100.100.100.200",  # metadata of another
        "192.0.0.192",  # and of another
        "168.63.129.16",  # a metadata service in global space
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "198.18.0.1",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:a9fe:a9fe",
        "::127.0.0.1",
        "2002:7f00:1::",  # 6to4 of 127.0.0.1
        "64:ff9b::7f00:1",  # NAT64 of 127.0.0.1
        "64:ff9b:1::a00:1",
        "2001:0:7f00:1::",  # Teredo whose server is 127.0.0.1
        "not-an-address",
        "",
    ],
)
def test_an_address_outside_the_public_internet_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_a_public_address_is_public(address):
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_in_every_dress(address: ipaddress.IPv4Address):
    plain = is_public(str(address))
    assert is_public(f"::ffff:{address}") == plain
    assert is_public(str(ipaddress.IPv6Address((0x64FF9B << 96) | int(address)))) == plain
    assert is_public(str(ipaddress.IPv6Address((0x2002 << 112) | (int(address) << 80)))) == plain


def test_a_name_is_resolved_once_so_a_second_answer_cannot_lead_inside():
    """A check before the connection would have asked a second time, and been told otherwise."""
    asked = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["8.8.8.8"]

    async def go() -> None:
        transport = GuardedTransport(allow_private=False, connections=1, resolver=rebinding)
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            await client.get("http://rebind.example/")

    with pytest.raises(InputError, match=r"refused: rebind.example is the private address"):
        asyncio.run(go())
    assert asked == ["rebind.example"]


def test_where_a_name_has_a_public_and_a_private_answer_only_the_public_one_is_tried():
    answers = ["127.0.0.1", "8.8.8.8", "::1"]
    assert choose("mixed.example", answers, allow_private=False) == ["8.8.8.8"]
    assert choose("mixed.example", answers, allow_private=True) == answers
    with pytest.raises(InputError, match="refused"):
        choose("inner.example", ["127.0.0.1", "::1"], allow_private=False)
