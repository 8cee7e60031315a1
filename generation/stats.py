"""The figures of one run."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from generation.requests import Failure, Outcome, Reply


@dataclass(slots=True)
class Stats:
    """What a run has done so far.

    Attributes
    ----------
    asked
        Requests that the pipeline has asked for.
    known
        Those of them that the store answered.
    replies
        Replies that came and were paid, usable or not.
    failures
        Outcomes without a usable reply, by reason; those known from the store included.
    retries
        Tries after the first.
    rate_limited
        Times that the server said "too many".
    lost
        Tries that may have been paid, although no reply came back.
    price
        None if no reply had a price.
    warnings
        What a person should know, each once.
    """

    asked: int = 0
    known: int = 0
    replies: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    rate_limited: int = 0
    lost: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    price: float | None = None
    in_flight: int = 0
    warnings: dict[str, None] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.started

    def add_known(self, outcome: Outcome) -> None:
        """Count an outcome that the store had."""
        self.known += 1
        if isinstance(outcome, Failure):
            self.failures[outcome.reason] += 1

    def add(self, outcome: Outcome) -> None:
        """Count an outcome that was asked for."""
        reply: Reply | None
        if isinstance(outcome, Failure):
            self.failures[outcome.reason] += 1
            reply = outcome.reply
        else:
            reply = outcome
        if reply is None:
            return
        self.replies += 1
        self.prompt_tokens += reply.prompt_tokens
        self.cached_tokens += reply.cached_tokens
        self.completion_tokens += reply.completion_tokens
        if reply.price is not None:
            self.price = (self.price or 0.0) + reply.price
