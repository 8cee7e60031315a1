"""The student that comes with IntentKG, as a backend: on this machine's CPU, at no cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from generation.backends import Capabilities
from generation.requests import Image, Reply, Request
from schema.errors import ModelNotFoundError, RequestFailedError, UsageError

if TYPE_CHECKING:
    from generation.student import Student


class StudentBackend:
    """Answers what `generation.student.pipeline` asks.

    Parameters
    ----------
    model
        Its name, if it has to be that one.
    weights
        Folder with weights of one's own; None: those that are shipped.

    Raises
    ------
    CorruptError
        If the weights were altered.
    ModelNotFoundError
        If it has another name.
    """

    def __init__(self, *, model: str | None = None, weights: Path | str | None = None) -> None:
        from generation.student import Student

        self._student = Student.load(Path(weights)) if weights else _shipped()
        if model not in (None, self._student.name):
            raise ModelNotFoundError(
                f"the student is {self._student.name}, not {model}",
                fix="leave --model out, or name a --backend that has that model",
            )
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="student")

    batch_size = 64

    @property
    def name(self) -> str:
        """Where it runs."""
        return "this CPU (nothing leaves this machine)"

    def capabilities(self) -> Capabilities:
        """It reads words, and answers in its own form."""
        return Capabilities(
            images=False, reply_schema=False, tokenizer=False, concurrency=4 * self.batch_size
        )

    async def complete(self, request: Request, images: Sequence[Image]) -> Reply:
        """Answer one request; see `generation.backends.Backend`."""
        (reply,) = await self.complete_many([(request, images)])
        if isinstance(reply, RequestFailedError):
            raise reply
        return reply

    async def complete_many(
        self, batch: Sequence[tuple[Request, Sequence[Image]]]
    ) -> Sequence[Reply | RequestFailedError]:
        """Answer several at once."""
        from generation.student.pipeline import answer

        requests = [request for request, _ in batch]
        for request in requests:
            if "relations" not in request.parameters:
                raise UsageError(
                    "the student answers its own questions only",
                    fix="name another --backend for that stage",
                )
        began = time.monotonic()
        loop = asyncio.get_running_loop()
        texts = await loop.run_in_executor(self._worker, answer, self._student, requests)
        seconds = (time.monotonic() - began) / len(batch)
        return [Reply(text, latency=seconds, price=0.0) for text in texts]

    async def count_tokens(self, request: Request) -> int | None:
        """Count nothing: it costs nothing."""
        return None

    async def aclose(self) -> None:
        """Free the worker."""
        self._worker.shutdown(wait=True, cancel_futures=True)


@cache
def _shipped() -> Student:
    """Load the student that is shipped: once, though posts and co-buys are two runs."""
    from generation.student import Student

    return Student.load()
