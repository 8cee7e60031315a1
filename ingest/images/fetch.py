"""Fetch an image from an http(s) address, within limits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Self

import httpcore
import httpx
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from ingest.images.guard import GuardedTransport, Resolver, system_resolver
from ingest.images.options import ImageOptions
from schema.errors import InputError

_HEADERS = {
    "User-Agent": "intentkg (image ingest)",
    "Accept": "image/webp,image/png,image/jpeg,image/gif;q=0.9,*/*;q=0.1",
    # A compressed reply could unpack to far more than the limit; images gain nothing by it.
    "Accept-Encoding": "identity",
}
_TRANSPORT = (
    httpx.TransportError,
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    OSError,
)
_BACKOFF = wait_random_exponential(multiplier=0.25, max=5)


class _PassingError(InputError):
    """May be gone at the next attempt."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class Fetcher:
    """Fetches bytes; one client, its connections kept for the next image of the same host.

    Use it as an async context manager, within one event loop.
    """

    def __init__(self, options: ImageOptions, resolver: Resolver = system_resolver) -> None:
        self._options = options
        self._client = httpx.AsyncClient(
            transport=GuardedTransport(
                allow_private=options.allow_private,
                connections=options.workers,
                resolver=resolver,
            ),
            headers=_HEADERS,
            timeout=options.timeout,
            follow_redirects=False,
            trust_env=False,
        )
        # No host is told what another, or an earlier request, left here.
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def get(self, address: str) -> bytes:
        """Fetch one address.

        Raises
        ------
        InputError
            If it is refused, cannot be had in time, or is larger than the limit.
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_PassingError),
            stop=stop_after_attempt(self._options.attempts),
            wait=_wait,
            reraise=True,
        )
        try:
            async with asyncio.timeout(self._options.timeout):
                return await retrying(self._once, address)
        except TimeoutError:
            raise InputError(f"not had within {self._options.timeout:g} s") from None

    async def _once(self, address: str) -> bytes:
        try:
            request = self._client.build_request("GET", address)
            for _ in range(self._options.max_redirects + 1):
                url = request.url
                if url.scheme not in ("http", "https") or not url.host or (url.port or 1) > 65535:
                    raise InputError(f"refused: not an http(s) address: {str(url)[:200]}")
                response = await self._client.send(request, stream=True)
                try:
                    if response.next_request is None:
                        return await self._body(response)
                    request = response.next_request
                finally:
                    await response.aclose()
        except _TRANSPORT as error:
            raise _PassingError(_words(error)) from error
        except (httpx.InvalidURL, httpx.HTTPError, UnicodeError) as error:
            raise InputError(f"not a usable address: {error}") from error
        raise InputError(f"more than {self._options.max_redirects} redirects")

    async def _body(self, response: httpx.Response) -> bytes:
        limit = self._options.max_bytes
        status = response.status_code
        if status == 429 or status >= 500:
            wait = _retry_after(response.headers.get("Retry-After"))
            if wait is not None and wait >= self._options.timeout:
                raise InputError(f"HTTP {status}, and asks to wait {wait:.0f} s")
            raise _PassingError(f"HTTP {status}", wait)
        if status != 200:
            raise InputError(f"HTTP {status}")
        if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise InputError("the reply is compressed, which was not asked for")
        too_large = InputError(f"larger than the limit of {limit} bytes")
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) > limit:
            raise too_large
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > limit:
                raise too_large
        return bytes(body)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait if isinstance(error, _PassingError) else None
    return _BACKOFF(state) if asked is None else asked


def _retry_after(value: str | None) -> float | None:
    """Seconds to wait, from a number or a date; null if the header says nothing usable."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _words(error: Exception) -> str:
    name = type(error).__name__
    return f"connection failed: {str(error)[:200] or name}"
