"""Any server that speaks OpenAI's chat completions: vLLM, Ollama, LM Studio, hosted ones.

The client is aiohttp with one session, kept-alive connections and headers made once, because at
thousands of requests a second the client is what costs time.

A reply schema is asked for in the first of these ways that the server takes, unless the person
names one: ``json_schema`` (OpenAI's ``response_format``), ``guided_json`` (older vLLM),
``json_object`` (any JSON; the prompt has to name the form). ``none`` asks for it in none of them.

The key comes from the environment and goes nowhere but into the header: ``--api-key-env NAME``
names the variable; else it is ``INTENTKG_API_KEY``, or ``OPENAI_API_KEY`` if the address is
OpenAI's own or comes from ``OPENAI_BASE_URL``.
"""

from __future__ import annotations

import os
import time
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import orjson
from yarl import URL

from generation.backends import Capabilities
from generation.backends.chat_form import (
    Structured,
    completion_body,
    not_whole,
    parse_completion,
)
from generation.backends.openai_errors import SchemaRefusedError, explain, read_json
from generation.requests import Image, Reply, Request
from schema.errors import (
    AuthenticationError,
    GenerationError,
    RequestFailedError,
    ServerUnreachableError,
    UnsupportedError,
    UsageError,
)

_LADDER: tuple[Structured, ...] = ("json_schema", "guided_json", "json_object")
_OPENAI = "https://api.openai.com/v1"
_FIX = (
    "give --base-url, such as http://127.0.0.1:8000/v1 for a server on this machine, or set "
    "OPENAI_BASE_URL; --base-url openai is OpenAI's own"
)


def find_address(base_url: str | None) -> str | None:
    """Give the address to use; None where neither the person nor the environment names one."""
    given = base_url or os.environ.get("OPENAI_BASE_URL") or None
    return _OPENAI if given == "openai" else given


def no_address() -> UsageError:
    """Say that nobody is named who could be asked."""
    return UsageError("there are requests to send, but no server is named", fix=_FIX)


class OpenAIBackend:
    """Chat completions over HTTP.

    Parameters
    ----------
    base_url
        Where ``/chat/completions`` lies, with its ``/v1``; else ``OPENAI_BASE_URL``. ``openai``
        is OpenAI's own: nothing goes there unasked.
    api_key_env
        Environment variable that holds the key; see above.
    timeout
        Seconds that one reply may take.
    structured
        How to ask for replies in a schema; see above.
    headers, extra_body
        Added to every request as they are (say, ``{"priority": 1}`` for vLLM).
    concurrency
        Requests in flight that suit the server if the person names no number.

    Raises
    ------
    UsageError
        If no address is given.
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        api_key_env: str | None = None,
        timeout: float = 600.0,
        structured: Structured = "auto",
        headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        concurrency: int = 64,
    ) -> None:
        if structured not in ("auto", "none", *_LADDER):
            raise UsageError(
                f"there is no way {structured!r} to ask for a reply schema",
                fix=f"use auto, {', '.join(_LADDER)} or none",
            )
        given = find_address(base_url)
        if given is None:
            raise no_address()
        self._base = _address(given)
        self._key = _key(api_key_env, str(self._base), from_openai=base_url is None)
        self._url = self._base / "chat" / "completions"
        self._timeout = timeout
        self._structured = structured
        self._mode: Structured = "json_schema" if structured == "auto" else structured
        self._room = "max_tokens"  # what the server calls the bound on a reply's tokens
        self._headers = {"Content-Type": "application/json", **(headers or {})}
        if self._key:
            self._headers["Authorization"] = f"Bearer {self._key}"
        self._extra = dict(extra_body or {})
        self._proxy = _proxy(self._base)
        self._concurrency = concurrency
        self._session: aiohttp.ClientSession | None = None
        self._tokenizes: bool | None = None

    @property
    def name(self) -> str:
        """The server's address, without any key."""
        return f"openai ({self._base})"

    def capabilities(self) -> Capabilities:
        """What is known without asking: how many requests suit it."""
        schema = False if self._mode == "none" else None
        return Capabilities(
            reply_schema=schema, tokenizer=self._tokenizes, concurrency=self._concurrency
        )

    async def complete(self, request: Request, images: Sequence[Image]) -> Reply:
        """Send one request; see `generation.backends.Backend`."""
        while True:
            mode, room = self._mode, self._room
            began = time.perf_counter()
            status, headers, body = await self._send(self._body(request, images))
            if status == 200:
                return self._reply(request, body, time.perf_counter() - began)
            error = explain(status, headers, body, request=request, base_url=str(self._base))
            if isinstance(error, SchemaRefusedError):
                if error.renames_room and room == "max_tokens":
                    self._room = "max_completion_tokens"
                elif self._mode == mode:  # no other request has stepped down meanwhile
                    self._step_down(error)
                continue
            raise self._without_key(error)

    async def count_tokens(self, request: Request) -> int | None:
        """Ask the server (vLLM's ``/tokenize``); None if it has no such thing."""
        if self._tokenizes is False or request.images:
            return None
        body = {"model": request.model, "messages": list(request.messages)}
        root = self._base.parent if self._base.name == "v1" else self._base
        try:
            status, _, data = await self._send(orjson.dumps(body), root / "tokenize")
        except RequestFailedError:
            return None
        count = read_json(data).get("count") if status == 200 else None
        self._tokenizes = isinstance(count, int)
        return count if isinstance(count, int) else None

    async def models(self) -> list[str]:
        """Names of the models that the server offers; empty if it does not say."""
        status, _, data = await self._send(None, self._base / "models")
        if status in (401, 403):
            error = explain(status, {}, data, request=None, base_url=str(self._base))
            raise self._without_key(error)
        found = read_json(data).get("data") if status == 200 else None
        rows = found if isinstance(found, list) else []
        return [str(row["id"]) for row in rows if isinstance(row, dict) and "id" in row]

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()
            self._session = None

    async def _send(
        self, body: bytes | None, url: URL | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Post `body` (or get, without one); returns status, headers and body."""
        if self._session is None:
            self._session = self._connect()
        method = "GET" if body is None else "POST"
        try:
            async with self._session.request(
                method, url or self._url, data=body, proxy=self._proxy, allow_redirects=False
            ) as response:
                return response.status, response.headers, await response.read()
        except aiohttp.InvalidURL as error:
            raise UsageError(f"{self._base} is not an address: {error}") from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise ServerUnreachableError(
                f"no server answers at {self._base}: {_cause(error)}",
                fix="start the server, or give its address with --base-url (it ends in /v1)",
            ) from None
        except TimeoutError:
            raise RequestFailedError(
                f"no reply within {self._timeout:g} s",
                reason="transport",
                maybe_paid=True,
                fix="allow more time, or shorter replies, or fewer requests at once",
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise RequestFailedError(
                f"the connection broke: {_cause(error)}", reason="transport", maybe_paid=True
            ) from None

    def _connect(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(total=self._timeout, sock_connect=10),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
        )

    def _body(self, request: Request, images: Sequence[Image]) -> bytes:
        body = completion_body(request, images, self._mode, self._extra)
        if self._room != "max_tokens" and "max_tokens" in body:
            body[self._room] = body.pop("max_tokens")
        return orjson.dumps(body, default=dict)

    def _reply(self, request: Request, body: bytes, latency: float) -> Reply:
        try:
            return parse_completion(request, orjson.loads(body), latency)
        except orjson.JSONDecodeError:
            raise not_whole(self._hide(body[:120].decode("utf-8", "replace"))) from None

    def _step_down(self, error: SchemaRefusedError) -> None:
        """Go on to the next way of asking for a schema."""
        position = _LADDER.index(self._mode) if self._mode in _LADDER else len(_LADDER)
        if self._structured == "auto" and position + 1 < len(_LADDER):
            self._mode = _LADDER[position + 1]
            return
        raise UnsupportedError(
            f"the server at {self._base} does not hold replies to a schema: "
            + self._hide(error.message),
            fix="use --structured none: replies are then parsed as they come; or a server that "
            "does (vLLM, Ollama, LM Studio, llama.cpp)",
        )

    def _without_key(self, error: GenerationError) -> GenerationError:
        """Make sure that what a server says does not give the key away."""
        error.message = self._hide(error.message)
        error.args = (error.message,)
        if isinstance(error, AuthenticationError) and not self._key:
            error.fix = "set INTENTKG_API_KEY, or name the variable with --api-key-env"
        return error

    def _hide(self, text: str) -> str:
        """Take the key out of what a server says."""
        return text.replace(self._key, "[key]") if self._key else text


def _address(text: str) -> URL:
    try:
        url = URL(text.rstrip("/"))
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(
            f"{text!r} is not a server's address",
            fix="give it as http://HOST:PORT/v1",
        )
    return url.with_user(None).with_query(None).with_fragment(None)


def _key(variable: str | None, base: str, *, from_openai: bool) -> str | None:
    if variable:
        key = os.environ.get(variable, "").strip()
        if not key:
            raise AuthenticationError(
                f"the environment has no variable {variable}", fix=f"export {variable}=..."
            )
        return key
    names = ["INTENTKG_API_KEY"]
    host = URL(base).host or ""
    if from_openai or host == "openai.com" or host.endswith(".openai.com"):
        names.append("OPENAI_API_KEY")
    found = [os.environ[name].strip() for name in names if os.environ.get(name, "").strip()]
    return found[0] if found else None


def _proxy(base: URL) -> str | None:
    """Proxy for that address by the usual environment variables; looked up once."""
    host = base.host or ""
    if urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(base.scheme)


def _cause(error: BaseException) -> str:
    inner = getattr(error, "os_error", None)
    return str(inner or error) or type(error).__name__
