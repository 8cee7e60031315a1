"""What a run did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from intentkg.generating.committing import Written
from intentkg.output import error_dict
from schema.errors import IntentKGError

if TYPE_CHECKING:
    from generation.harvest import Tally
    from generation.stats import Stats


@dataclass(slots=True)
class Report:
    """What a run did.

    Attributes
    ----------
    pipeline, run, source
        The pipeline, the run's name and the source of its evidence.
    models
        Model by stage.
    backends
        Who answered.
    heads
        How many there were to work on; `tally` says how many were done.
    left_out
        Co-buys of products about which nothing is known.
    tally, stats, written
        Figures of heads and intentions, of requests, and of rows.
    requests
        Those that were put to models and came to an outcome, each counted once.
    examples
        By stage and reason, what the first failure said.
    warnings
        What a person should know.
    stopped
        What ended the run before its end; None if it came to its end.
    """

    pipeline: str
    run: str
    source: str
    models: Mapping[str, str]
    backends: list[str]
    heads: int
    left_out: int
    tally: Tally
    stats: Stats
    written: Written
    currency: str
    requests: int = 0
    seconds: float = 0.0
    examples: dict[str, dict[str, str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    stopped: IntentKGError | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        stats, tally = self.stats, self.tally.as_dict()
        done = tally.pop("heads")
        return {
            "pipeline": self.pipeline,
            "run": self.run,
            "source": self.source,
            "models": dict(self.models),
            "backends": self.backends,
            "heads": self.heads,
            "heads_done": done,
            "heads_begun": tally.pop("begun"),
            "heads_left_out": self.left_out,
            "requests": self.requests,
            "known": stats.known,
            "replies": stats.replies,
            "retries": stats.retries,
            "rate_limited": stats.rate_limited,
            "lost": stats.lost,
            "prompt_tokens": stats.prompt_tokens,
            "cached_tokens": stats.cached_tokens,
            "completion_tokens": stats.completion_tokens,
            "price": stats.price,
            "currency": self.currency,
            **tally,
            "examples": self.examples,
            "rows": asdict(self.written),
            "seconds": round(self.seconds, 3),
            "warnings": self.warnings,
            "stopped": error_dict(self.stopped) if self.stopped else None,
        }
