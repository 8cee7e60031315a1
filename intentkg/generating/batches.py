"""The batch loop: requests out as files, answers back in, until nothing is left to ask."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intentkg.generating.heads import as_heads, choose, image_loader
from intentkg.generating.running import STORE, nothing_to_do
from intentkg.generating.settings import Settings, make_pipeline
from kg.directory import Directory

if TYPE_CHECKING:
    from generation.batch import Exported, Imported
    from generation.pipeline import Pipeline
    from generation.requests import Outcome, Reason, Request
    from generation.store import RequestStore


@dataclass(slots=True)
class Collecting:
    """Answers what the store knows; what it does not is collected once, and missing for now."""

    store: RequestStore
    retry_failed: bool
    found: list[Request] = field(default_factory=list)
    known: int = 0
    _met: set[bytes] = field(default_factory=set)

    async def ask(self, request: Request, *, again: bool = False) -> Outcome:
        """Answer from the store, or not yet."""
        from generation.asker import fit
        from generation.requests import TRANSIENT, Failure

        key = bytes.fromhex(request.key[3:])
        is_new = key not in self._met
        self._met.add(key)
        known = self.store.get(request.key)
        if known is not None:
            known = fit(request, known)
            is_due = isinstance(known, Failure) and (self.retry_failed or known.reason in TRANSIENT)
            if not is_due:
                self.known += is_new
                return known
        if is_new:
            self.found.append(request)
        return Failure("missing", "its answer has not come yet")

    async def mark(
        self, request: Request, reason: Reason | None = "unparseable", message: str = ""
    ) -> None:
        """Leave the store as it is: a run marks what it cannot read."""


def export(
    directory: Directory,
    settings: Settings,
    out: Path,
    *,
    again: bool = False,
    most: int = 50_000,
    most_bytes: int = 190_000_000,
) -> tuple[Exported, int]:
    """Write the requests that a run would ask now.

    What depends on answers that have not come is written by a later export, once they are
    imported.

    Returns
    -------
    What was written, and the number of requests that the store answers already.
    """
    from generation.batch import export_batch
    from generation.store import RequestStore

    directory.manifest()
    pipeline = make_pipeline(settings)
    with (
        RequestStore(directory.root / STORE) as store,
        choose(directory, settings) as heads,
    ):
        if not heads.count():
            raise nothing_to_do(directory, settings, heads)
        collecting = Collecting(store, settings.retry_failed)
        rows = as_heads(heads.rows(limit=settings.limit), settings)
        done = export_batch(
            _asked_now(pipeline, rows, collecting),
            out,
            store,
            images=image_loader(directory),
            structured=settings.structured,  # type: ignore[arg-type]
            again=again,
            retry_failed=True,  # what comes here is due
            most=most,
            most_bytes=most_bytes,
        )
    return done, collecting.known


def take_back(
    directory: Directory, file: Path, *, prices: Path | str | None = None, discount: float = 0.5
) -> Imported:
    """Store the answers in a file that a batch left; see `generation.batch.import_batch`."""
    from generation.batch import import_batch
    from generation.pricing import Prices
    from generation.store import RequestStore

    directory.manifest()
    with RequestStore(directory.root / STORE) as store:
        done = import_batch(file, store, prices=Prices.load(prices), discount=discount)
    done.refused.sort(key=lambda refused: refused.row)
    return done


def _asked_now(
    pipeline: Pipeline[Any], heads: Iterator[Any], collecting: Collecting
) -> Iterator[Request]:
    """Yield the requests that the heads would ask now, a head at a time."""
    loop = asyncio.new_event_loop()
    try:
        for head in heads:
            loop.run_until_complete(pipeline.work(collecting, head))
            found, collecting.found = collecting.found, []
            yield from found
    finally:
        loop.close()
