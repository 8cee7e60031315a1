"""Who answers requests: servers and engines behind one small protocol, one file each.

=================  ==============================================================================
``openai``         any server with OpenAI's chat completions (vLLM, Ollama, LM Studio, hosted)
``vllm``           vLLM inside this process, for a machine that does nothing else
``transformers``   a local model through transformers, for small machines
``student``        the small model that comes with IntentKG; answers its own pipeline only
``replay``         answers from a request store that exists already; asks nobody
=================  ==============================================================================

A backend turns one `Request` into one `Reply` or raises: `RequestFailedError` for this request,
a `BackendError` where every such request would fail. Storing, retrying, limits and budgets are
not its business (`generation.runner`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

from generation.requests import Image, Reply, Request
from schema.errors import RequestFailedError, UsageError


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do; None where only a try will tell.

    Attributes
    ----------
    images
        Takes images.
    reply_schema
        Holds the reply to a JSON schema.
    tokenizer
        `Backend.count_tokens` counts with the model's own tokenizer.
    concurrency
        Requests in flight that suit it if the person names no number.
    """

    images: bool | None = None
    reply_schema: bool | None = None
    tokenizer: bool | None = None
    concurrency: int = 64


@runtime_checkable
class Backend(Protocol):
    """One server or engine. All coroutines run on one event loop."""

    @property
    def name(self) -> str:
        """Name for people: the backend and where it is, never a key."""

    def capabilities(self) -> Capabilities:
        """Say what it can do, as far as known now."""

    async def complete(self, request: Request, images: Sequence[Image]) -> Reply:
        """Answer one request; `images` are the bytes of ``request.images``, in order.

        A reply that reached the token limit is returned with ``finish_reason="length"``.

        Raises
        ------
        RequestFailedError
            This request failed.
        BackendError
            Every request like it would.
        """

    async def count_tokens(self, request: Request) -> int | None:
        """Count the prompt's tokens with the model's tokenizer; None without one."""

    async def aclose(self) -> None:
        """Free what it holds."""


@runtime_checkable
class BatchBackend(Backend, Protocol):
    """An engine that works best on many requests at once.

    The runner gathers those that wait and hands them over together.
    """

    @property
    def batch_size(self) -> int:
        """Most requests to hand over at once."""

    async def complete_many(
        self, batch: Sequence[tuple[Request, Sequence[Image]]]
    ) -> Sequence[Reply | RequestFailedError]:
        """Answer all of them, in order; one that fails does not fail the others."""


BACKENDS: dict[str, str] = {
    "openai": "generation.backends.openai:OpenAIBackend",
    "replay": "generation.backends.replay:ReplayBackend",
    "student": "generation.backends.student:StudentBackend",
    "transformers": "generation.backends.transformers:TransformersBackend",
    "vllm": "generation.backends.vllm:VllmBackend",
}


def open_backend(name: str, **options: Any) -> Backend:
    """Make the backend of that name with its own options.

    Raises
    ------
    UsageError
        If there is none of that name, or it does not know an option.
    MissingExtraError
        If it needs a package that is not installed.
    """
    if name not in BACKENDS:
        raise UsageError(
            f"there is no backend {name!r}", fix=f"use one of: {', '.join(sorted(BACKENDS))}"
        )
    module, _, attribute = BACKENDS[name].partition(":")
    kind = getattr(import_module(module), attribute)
    try:
        backend: Backend = kind(**options)
    except TypeError as error:
        raise UsageError(f"backend {name!r}: {error}", fix="leave that option out") from None
    return backend
