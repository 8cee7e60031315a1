"""Which network addresses may be spoken to, enforced where the connection is made.

A check of the name in an address is worth nothing: a name may resolve to ``127.0.0.1``, a
redirect may lead there, and a second look-up may answer otherwise than the first. So a name is
resolved once, each answer is checked, and the socket is opened to a checked *number*, while Host
header and TLS keep the name. Every hop of a redirect passes through here.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import httpcore
import httpx

from schema.errors import InputError

Resolver = Callable[[str, int], Awaitable[Iterable[str]]]

_IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_V4_COMPATIBLE = ipaddress.IPv6Network("::/96")
# Not marked private by `ipaddress`, yet not the public internet: Azure's platform address, and
# the block for protocol assignments (RFC 6890), where Oracle's cloud keeps its metadata.
_REFUSED = (ipaddress.IPv4Network("168.63.129.16/32"), ipaddress.IPv4Network("192.0.0.0/24"))


def is_public(address: str) -> bool:
    """Whether a numeric address lies in the public internet.

    Private, loopback, link-local, shared, multicast, reserved and metadata addresses do not, nor
    does an IPv6 address that carries such an IPv4 address inside (mapped, compatible, 6to4,
    Teredo, NAT64).

    Examples
    --------
    >>> is_public("93.184.216.34"), is_public("169.254.169.254"), is_public("::ffff:10.0.0.1")
    (True, False, False)
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return all(
        part.is_global
        and not (part.is_multicast or part.is_reserved or part.is_unspecified)
        and not any(part in network for network in _REFUSED)
        for part in _inner(parsed)
    )


def _inner(address: _IPAddress) -> list[_IPAddress]:
    """Return the IPv4 addresses that an IPv6 address carries, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return list(address.teredo)
    if address in _V4_COMPATIBLE or any(address in network for network in _NAT64):
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    return [address]


def choose(host: str, answers: list[str], *, allow_private: bool) -> list[str]:
    """Return the addresses of a name that may be connected to.

    Raises
    ------
    InputError
        If it has addresses, and none of them is allowed.
    """
    allowed = [address for address in answers if allow_private or is_public(address)]
    if answers and not allowed:
        raise InputError(f"refused: {host} is the private address {answers[0]}")
    return allowed


async def system_resolver(host: str, port: int) -> list[str]:
    """Resolve a name with the operating system; numeric answers, each once."""
    loop = asyncio.get_running_loop()
    answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connect only to addresses that were checked, by their number."""

    def __init__(self, resolver: Resolver, *, allow_private: bool) -> None:
        self._resolve = resolver
        self._allow_private = allow_private
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            answers = list(await self._resolve(host, port))
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"the name {host!r} cannot be resolved") from error
        allowed = choose(host, answers, allow_private=self._allow_private)
        failure: Exception = httpcore.ConnectError(f"the name {host!r} has no address")
        for address in allowed:
            try:
                return await self._backend.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


class GuardedTransport(httpx.AsyncBaseTransport):
    """An httpx transport that reaches only what the guard allows.

    Proxies of the environment are not used: a proxy would make the connection in our place, and
    the check with it.

    Parameters
    ----------
    allow_private
        Whether addresses outside the public internet are allowed.
    connections
        How many connections may be open at once.
    resolver
        Turns a name into numeric addresses; default: the operating system.
    """

    def __init__(
        self,
        *,
        allow_private: bool,
        connections: int,
        resolver: Resolver = system_resolver,
    ) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=5.0,
            network_backend=_GuardedBackend(resolver, allow_private=allow_private),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; no redirect is followed here."""
        response = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __aiter__(self) -> AsyncIterator[bytes]:
        stream: Any = self._response.stream
        return aiter(stream)

    async def aclose(self) -> None:
        await self._response.aclose()
