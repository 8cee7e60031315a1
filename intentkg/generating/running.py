"""The run itself: heads through a pipeline, replies into the store, rows into the truth."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from intentkg.generating.committing import Committer
from intentkg.generating.heads import as_heads, choose, image_loader
from intentkg.generating.looking import look_at_place, models_to_look_at
from intentkg.generating.parameters import check_parameters
from intentkg.generating.report import Report
from intentkg.generating.servers import Servers, open_servers
from intentkg.generating.settings import Settings, make_pipeline
from kg.directory import Directory
from kg.heads import Heads
from schema.errors import BudgetReachedError, IntentKGError, InterruptedRunError, UsageError

if TYPE_CHECKING:
    from generation.budget import Budget
    from generation.pipeline import Pipeline
    from generation.pricing import Prices
    from generation.requests import Outcome, Request
    from generation.runner import Session
    from generation.stats import Stats
    from generation.store import RequestStore

    type OnProgress = Callable[[Stats, int, int], None]
    type Say = Callable[[str], None]

STORE = "requests.sqlite"
_BATCH_ROWS = 256  # few, so that rows of a slow model do not wait for company too long
_EXAMPLES = 200  # characters of a failure's words


def generate(
    directory: Directory,
    settings: Settings,
    *,
    progress: OnProgress | None = None,
    say: Say | None = None,
) -> Report:
    """Run a pipeline over the heads of a knowledge base.

    What ends a run once it has begun stands in the report, after what could still be stored and
    committed.

    Parameters
    ----------
    progress
        Called with the figures so far, the heads done and the heads in all.
    say
        Called with a line that names who is asked, before anything is sent.

    Raises
    ------
    IntentKGError
        What keeps it from beginning.
    """
    return run_async(_generate(directory, settings, progress, say))


def is_planned(error: IntentKGError | None) -> bool:
    """See whether a run was stopped as the person wished."""
    return isinstance(error, BudgetReachedError | InterruptedRunError)


def run_async[T](work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, in a thread of its own where a loop runs already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    found: list[T] = []
    failed: list[BaseException] = []
    started: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    async def told() -> T:
        task = asyncio.current_task()
        assert task
        started.append((asyncio.get_running_loop(), task))
        return await work

    def inside() -> None:
        try:
            found.append(asyncio.run(told()))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=inside, name="intentkg generate")
    thread.start()
    try:
        thread.join()
    except BaseException:  # Ctrl-C: nothing may go on being paid for
        for loop, task in started:
            loop.call_soon_threadsafe(task.cancel)
        thread.join()
        raise
    if failed:
        raise failed[0]
    return found[0]


async def _generate(
    directory: Directory, settings: Settings, progress: OnProgress | None, say: Say | None
) -> Report:
    from generation.pricing import Prices
    from generation.store import RequestStore

    began = time.monotonic()
    directory.manifest()
    pipeline = make_pipeline(settings)
    prices = Prices.load(settings.prices)
    budget = read_budget(settings, prices, pipeline)
    with (
        RequestStore(directory.root / STORE) as store,
        choose(directory, settings) as heads,
    ):
        total = heads.count()
        if settings.limit is not None:
            total = min(total, settings.limit)
        if not total:
            raise nothing_to_do(directory, settings, heads)
        look_at_place(directory, settings, store, heads)
        servers = open_servers(settings, pipeline)
        try:
            run = _Run(directory, settings, pipeline, prices, budget, store, heads, total, servers)
            report = await run.go(progress, say)
        finally:
            await servers.aclose()
    report.seconds = time.monotonic() - began
    return report


class _Run:
    """One run, once everything it needs is open."""

    def __init__(
        self,
        directory: Directory,
        settings: Settings,
        pipeline: Pipeline[Any],
        prices: Prices,
        budget: Budget | None,
        store: RequestStore,
        heads: Heads,
        total: int,
        servers: Servers,
    ) -> None:
        from generation.harvest import Tally
        from generation.stats import Stats

        self._directory = directory
        self._settings = settings
        self._pipeline = pipeline
        self._prices = prices
        self._budget = budget
        self._store = store
        self._heads = heads
        self._servers = servers
        self._tally = Tally()
        self._session_now: Session | None = None
        self._committer = Committer(
            directory, every_rows=settings.commit_rows, is_stopped=self._is_stopped
        )
        name = settings.run or f"{pipeline.name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        self.report = Report(
            pipeline.name,
            name,
            settings.evidence_source or pipeline.source,
            {stage: pipeline.model(stage) for stage in pipeline.stages},
            servers.names,
            total,
            heads.unknown(),
            self._tally,
            Stats(),
            self._committer.written,
            prices.currency,
        )

    async def go(self, progress: OnProgress | None, say: Say | None) -> Report:
        """Work through the heads."""
        from generation.preflight import look
        from generation.runner import stop_on_signals

        report, tally = self.report, self._tally
        report.warnings += check_parameters(self._settings.parameters)
        wanted = await models_to_look_at(self._settings, self._pipeline, self._heads, self._servers)
        kept_from_beginning: list[IntentKGError] = []

        def told(stats: Stats) -> None:
            if progress:
                progress(stats, tally.heads, report.heads)

        async def before() -> None:
            if say:
                for warning in report.warnings:
                    say(f"note: {warning}")
                say(f"asking {', '.join(self._servers.names)}")
            try:
                report.warnings += await look(session, wanted)
            except IntentKGError as error:
                kept_from_beginning.append(error)
                raise

        async with self._session(told, before) as session:
            self._session_now = session
            report.stats = session.stats
            signals: Any = contextlib.nullcontext()
            if threading.current_thread() is threading.main_thread():
                signals = stop_on_signals(session)
            with signals:
                try:
                    await self._work(session)
                except IntentKGError as error:
                    report.stopped = error
                try:
                    await self._committer.finish()
                except IntentKGError as error:
                    report.stopped = report.stopped or error
        if kept_from_beginning and not tally.heads:
            raise kept_from_beginning[0]
        report.warnings += session.stats.warnings
        return report

    def _is_stopped(self) -> bool:
        return bool(self._session_now and self._session_now.stopped)

    def _session(
        self, told: Callable[[Stats], None], before: Callable[[], Awaitable[None]]
    ) -> Session:
        from generation.lane import Lane
        from generation.limits import Limits
        from generation.runner import Session

        settings, servers = self._settings, self._servers
        lanes: dict[int, Lane] = {}
        for backend in servers.routes.values():
            lanes.setdefault(id(backend), Lane(backend))
        routes = {stage: lanes[id(backend)] for stage, backend in servers.routes.items()}
        for stage, lane in list(routes.items()):
            routes[f"preflight.{stage.rpartition('.')[2]}"] = lane
        return Session(
            servers.backend,
            self._store,
            routes=routes,
            concurrency=settings.concurrency,
            budget=self._budget,
            limits=Limits(settings.requests_per_minute, settings.tokens_per_minute),
            prices=self._prices,
            retry_failed=settings.retry_failed,
            images=image_loader(self._directory),
            progress=told,
            on_reply=self._note,
            before=before,
        )

    async def _work(self, session: Session) -> None:
        from generation.pipeline import generate as through

        # A run that goes on asks what is new first; what it knows comes after that.
        rows = self._heads.rows(limit=self._settings.limit, known_to=self.report.source)
        stream = through(
            session,
            self._pipeline,
            as_heads(rows, self._settings),
            run=self.report.run,
            source=self.report.source,
            tally=self._tally,
            batch_rows=min(_BATCH_ROWS, self._settings.commit_rows),
        )
        async with aclosing(stream) as batches:
            async for batch in batches:
                await self._committer.add(batch)

    def _note(self, request: Request, outcome: Outcome) -> None:
        """Count an outcome, and keep the words of the first failure of each kind."""
        from generation.requests import Failure

        self.report.requests += 1
        if isinstance(outcome, Failure):
            told = self.report.examples.setdefault(request.stage, {})
            told.setdefault(outcome.reason, outcome.message[:_EXAMPLES])


def read_budget(settings: Settings, prices: Prices, pipeline: Pipeline[Any]) -> Budget | None:
    """Read the budget, in the price file's currency.

    Raises
    ------
    UsageError
        If it is none, or is in money and the price of a model is not known.
    """
    from generation.budget import Budget

    given = settings.budget
    budget = Budget.parse(given, prices.currency) if isinstance(given, str) else given
    if budget and budget.money is not None and settings.backend != "replay":
        for model in (pipeline.model(stage) for stage in pipeline.stages):
            if prices.rate(model) is None:
                raise UsageError(
                    f"a budget in money needs the price of {model!r}, which is not known",
                    fix="add it to the price file (--prices), or give the budget in tokens or "
                    "requests",
                )
    return budget


def nothing_to_do(directory: Directory, settings: Settings, heads: Heads) -> UsageError:
    """Say why there is nothing to ask about."""
    if settings.head_kind == "Post":
        return UsageError(
            f"{directory.root} has no posts to ask about",
            fix=f"intentkg ingest {directory.root} --format posts FILE",
        )
    left_out = heads.unknown()
    if left_out:
        return UsageError(
            f"of none of the {left_out:,} co-buys both products are known",
            fix=f"intentkg ingest {directory.root} --format products FILE",
        )
    return UsageError(
        f"{directory.root} has no co-buys to ask about",
        fix=f"intentkg ingest {directory.root} --format cobuys FILE",
    )
