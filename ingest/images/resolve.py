"""The pass that turns the images that rows name into images that are had, or a reason why not."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from ingest.images.content import to_blob
from ingest.images.failures import failure
from ingest.images.local import read_data_address, read_path
from ingest.images.options import ImageOptions
from schema.errors import InputError
from schema.records import IMAGE_REF, ImageBlob, Item, Note, Rejection, Rows

_SCHEME = re.compile(r"(data|[a-z][a-z0-9+.-]*(?=://)):", re.IGNORECASE)
_REMEMBERED = 1 << 16  # references and ids that are not looked at, or yielded, a second time
_BATCHES = 4  # batches that wait for images at once
_WAITING = 4096  # images and other items that wait behind a slow one
_HELD_BYTES = 256 * 1024 * 1024  # of images that are done and wait behind a slow one

_Entry = dict[str, Any]
_Outcome = tuple[str | None, str | None]  # id, error

_READ = "images read"
_FAILED = "images that could not be had"
_LEFT = "image addresses left unfetched"


def with_images(items: Iterable[Item], options: ImageOptions | None = None) -> Iterator[Item]:
    """Resolve the images of posts and products on their way from a reader to the store.

    Each struct in a column `images` whose `id` and `error` are null gets one of the two. A row
    whose image fails stays, with the reason in `error`. The bytes behind a ``data:`` address
    become an image and leave `ref` null. Everything else passes unchanged.

    Images are worked on concurrently; what comes out keeps the order of what went in, each new
    image's `ImageBlob` before the rows that name it. A slow image holds up the output, not the
    others' work. Memory is bounded: ``2 * workers`` images in work, 256 MiB of images done, four
    batches. An image or a reference seen lately is not yielded, or fetched, again.

    Parameters
    ----------
    items
        What a reader yields.
    options
        What may be read; by default paths and ``data:`` addresses, and nothing over a network.

    Yields
    ------
    Item
        The input's items, `ImageBlob` for each new image, behind a batch a `Rejection` for each
        image that could not be had (its row stays), and at the end `Note` with the number of
        references that were read, failed, or were left as addresses.
    """
    options = options or ImageOptions()
    counts: Counter[str] = Counter()
    if options.mode == "skip":
        yield from _skip(items)
        return
    with _Engine(options) as engine:
        yield from engine.run(items, counts)
    for label in (_READ, _FAILED, _LEFT):
        if counts[label]:
            yield Note(label, counts[label])


def _skip(items: Iterable[Item]) -> Iterator[Item]:
    for item in items:
        if isinstance(item, Rows) and (batch := _batch(item)) is not None:
            for entry in batch.open_entries():
                if _scheme(entry["ref"]) == "data":  # too large to be kept as an address
                    entry |= {"ref": None, "error": "not read: images are skipped"}
            yield batch.rebuilt()
        else:
            yield item


@dataclass(slots=True)
class _Batch:
    """Rows whose images are being resolved."""

    rows: Rows
    images: list[list[_Entry] | None]
    tried: list[tuple[int, _Entry]] = field(default_factory=list)

    def open_entries(self) -> Iterator[_Entry]:
        for number, row in enumerate(self.images):
            for entry in row or ():
                if entry and entry["ref"] and entry["id"] is None and entry["error"] is None:
                    self.tried.append((number, entry))
                    yield entry

    def failures(self) -> Iterator[Rejection]:
        """Of each image that was tried and could not be had, why; its row stays."""
        for number, entry in self.tried:
            if entry["error"] is not None:
                yield failure(self.rows, number, entry["ref"], entry["error"])

    def rebuilt(self) -> Rows:
        batch = self.rows.batch
        at = batch.schema.get_field_index("images")
        column = pa.array(self.images, type=pa.list_(IMAGE_REF))
        changed = batch.set_column(at, batch.schema.field(at), column)
        return Rows(self.rows.table, changed, self.rows.lines, self.rows.file)


@dataclass(slots=True)
class _Task:
    """One image in work, and the struct that waits for it."""

    entry: _Entry
    key: str | None
    future: Future[ImageBlob]


def _batch(rows: Rows) -> _Batch | None:
    if rows.table not in ("posts", "products"):
        return None
    column = rows.batch.column("images")
    if column.null_count == len(column) or not len(column.flatten()):
        return None
    return _Batch(rows, column.to_pylist())


def _scheme(ref: str) -> str | None:
    found = _SCHEME.match(ref)
    return found[1].casefold() if found else None


class _Engine:
    def __init__(self, options: ImageOptions) -> None:
        self._options = options
        # Decoding is bound by the processor; reading files hardly waits.
        self._pool = ThreadPoolExecutor(
            min(options.workers, os.cpu_count() or 1), thread_name_prefix="images"
        )
        self._network = _Network(options, self._pool)
        self._window: deque[_Task | _Batch | Item] = deque()
        self._batches = 0  # of the window
        self._flying: dict[str, Future[ImageBlob]] = {}
        self._working: set[Future[ImageBlob]] = set()
        self._done: dict[Future[ImageBlob], int] = {}  # bytes of images that wait in the window
        self._outcomes: OrderedDict[str, _Outcome] = OrderedDict()
        self._yielded: OrderedDict[str, None] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._network.close()
        self._pool.shutdown(cancel_futures=True)

    def run(self, items: Iterable[Item], counts: Counter[str]) -> Iterator[Item]:
        """Push each step into the window; take from its head what is ready, or must make room."""
        for step in self._steps(items, counts):
            self._window.append(step)
            self._batches += isinstance(step, _Batch)
            yield from self._make_room(counts)
        while self._window:
            yield from self._take(counts)

    def _make_room(self, counts: Counter[str]) -> Iterator[Item]:
        while True:
            for future in [f for f in self._working if f.done()]:
                self._working.remove(future)
                failed = future.cancelled() or future.exception() is not None
                self._done[future] = 0 if failed else len(future.result().data)
            while self._window and self._head_is_ready():
                yield from self._take(counts)
            if self._is_full():
                yield from self._take(counts)
            elif len(self._working) >= 2 * self._options.workers:
                wait(self._working, return_when=FIRST_COMPLETED)
            else:
                return

    def _head_is_ready(self) -> bool:
        head = self._window[0]
        return not isinstance(head, _Task) or head.future.done()

    def _is_full(self) -> bool:
        return bool(self._window) and (
            self._batches > _BATCHES
            or len(self._window) > _WAITING
            or sum(self._done.values()) > _HELD_BYTES
        )

    def _steps(
        self, items: Iterable[Item], counts: Counter[str]
    ) -> Iterator[_Task | _Batch | Item]:
        for item in items:
            batch = _batch(item) if isinstance(item, Rows) else None
            if batch is None:
                yield item
                continue
            base = self._options.base_dir or Path(batch.rows.file).parent
            for entry in batch.open_entries():
                if (task := self._start(entry, base, counts)) is not None:
                    yield task
            yield batch

    def _start(self, entry: _Entry, base: Path, counts: Counter[str]) -> _Task | None:
        """Begin an image, or settle it at once."""
        ref: str = entry["ref"]
        scheme = _scheme(ref)
        key: str | None = ref
        if scheme == "data":
            entry["ref"] = key = None
        elif scheme in (None, "file"):
            key = f"{base}\0{ref}"
        elif scheme in ("http", "https"):
            if self._options.known and (stored := self._options.known(ref)):
                self._settle(entry, (stored, None), counts)
                return None
            if self._options.mode != "fetch":
                counts[_LEFT] += 1
                return None
        else:
            self._settle(entry, (None, f"refused: a {scheme}: address"), counts)
            return None
        if key is not None and (known := self._outcomes.get(key)) is not None:
            self._settle(entry, known, counts)
            return None
        future = self._flying.get(key) if key is not None else None
        if future is None:
            future = self._submit(ref, scheme, base)
            self._working.add(future)
            if key is not None:
                self._flying[key] = future
        return _Task(entry, key, future)

    def _submit(self, ref: str, scheme: str | None, base: Path) -> Future[ImageBlob]:
        options = self._options
        if scheme in ("http", "https"):
            return self._network.submit(ref)

        def read() -> ImageBlob:
            if scheme == "data":
                data = read_data_address(ref, options.max_bytes)
            else:
                data = read_path(
                    ref, base, max_bytes=options.max_bytes, allow_outside=options.allow_outside
                )
            return to_blob(data, max_pixels=options.max_pixels)

        return self._pool.submit(read)

    def _take(self, counts: Counter[str]) -> Iterator[Item]:
        step = self._window.popleft()
        if isinstance(step, _Batch):
            self._batches -= 1
            yield step.rebuilt()
            yield from step.failures()
        elif not isinstance(step, _Task):
            yield step
        else:
            outcome: _Outcome
            try:
                blob = step.future.result()
            except InputError as error:
                outcome = (None, error.reason)
            else:
                outcome = (blob.id, None)
                if blob.id not in self._yielded:
                    _remember(self._yielded, blob.id, None)
                    yield blob
            self._working.discard(step.future)
            self._done.pop(step.future, None)
            if step.key is not None:
                self._flying.pop(step.key, None)
                _remember(self._outcomes, step.key, outcome)
            self._settle(step.entry, outcome, counts)

    @staticmethod
    def _settle(entry: _Entry, outcome: _Outcome, counts: Counter[str]) -> None:
        entry["id"], entry["error"] = outcome
        counts[_READ if outcome[1] is None else _FAILED] += 1


def _remember[T](store: OrderedDict[str, T], key: str, value: T) -> None:
    store[key] = value
    if len(store) > _REMEMBERED:
        store.popitem(last=False)


class _Network:
    """An event loop in a thread of its own, begun with the first address that is fetched."""

    def __init__(self, options: ImageOptions, pool: ThreadPoolExecutor) -> None:
        self._options = options
        self._pool = pool
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def submit(self, address: str) -> Future[ImageBlob]:
        if self._loop is None:
            started: Future[asyncio.AbstractEventLoop] = Future()
            self._thread = threading.Thread(
                target=self._serve, args=(started,), name="image-fetch", daemon=True
            )
            self._thread.start()
            self._loop = started.result()
        return asyncio.run_coroutine_threadsafe(self._fetch(address), self._loop)

    def close(self) -> None:
        if self._loop is not None and self._stop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def _serve(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        try:
            asyncio.run(self._main(started))
        except Exception as error:
            if started.done():
                raise
            started.set_exception(error)

    async def _main(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        from ingest.images.fetch import Fetcher  # httpx is only needed where something is fetched

        self._stop = asyncio.Event()
        self._gate = asyncio.Semaphore(self._options.workers)
        async with Fetcher(self._options) as self._fetcher:
            started.set_result(asyncio.get_running_loop())
            await self._stop.wait()

    async def _fetch(self, address: str) -> ImageBlob:
        async with self._gate:
            data = await self._fetcher.get(address)
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, lambda: to_blob(data, max_pixels=self._options.max_pixels)
        )
