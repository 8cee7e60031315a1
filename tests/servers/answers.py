"""What the test servers answer: a pure function of the request, so that runs can be compared."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson


def completion(body: dict[str, Any], raw: bytes, *, model: str | None = None) -> dict[str, Any]:
    """A chat completion whose text is the hash of the request."""
    text = f"to do {hashlib.blake2b(raw, digest_size=8).hexdigest()} with it"
    return {
        "id": "cmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": model or body["model"],
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 1 + len(raw) // 4,
            "completion_tokens": 8,
            "total_tokens": 9 + len(raw) // 4,
            "prompt_tokens_details": {"cached_tokens": len(raw) // 8},
        },
    }


@dataclass
class Book:
    """What a server has been asked: how often each request was worked on to the end."""

    paid: Counter[bytes] = field(default_factory=Counter)
    tries: Counter[bytes] = field(default_factory=Counter)
    broken: int = 0  # worked on, but the reply was spoilt on its way
    in_flight: int = 0
    most_in_flight: int = 0
    first: float = 0.0  # when the first request came
    last: float = 0.0  # when the last one was done with

    def open(self, raw: bytes) -> bytes:
        self.first = self.first or time.perf_counter()
        digest = hashlib.blake2b(raw, digest_size=16).digest()
        self.tries[digest] += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        return digest

    def close(self) -> None:
        self.in_flight -= 1
        self.last = time.perf_counter()

    def report(self) -> bytes:
        return orjson.dumps(
            {
                "tries": self.tries.total(),
                "paid": self.paid.total(),
                "distinct": len(self.paid),
                "repeated": self.paid.total() - len(self.paid),
                "broken": self.broken,
                "in_flight": self.in_flight,
                "most_in_flight": self.most_in_flight,
                "seconds": self.last - self.first,
            }
        )
