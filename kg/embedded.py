"""The embedded graph store: one file of the grafeo engine.

Reading: our own queries run inside this process; a query with a time limit runs in a worker
process that is started when first needed, kept for the next query, and killed when its time is
over. Writing: see :mod:`kg.embedded_writer`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kg import cypher_guard
from kg.directory import Directory
from kg.manifest import GraphState
from kg.store import GraphCounts, Result
from schema.errors import CorruptError, NotBuiltError, QueryError, QueryTimeoutError

if TYPE_CHECKING:
    import grafeo

    from kg.worker_client import Worker

ENGINE = "grafeo"

# Bytes that a query with a time limit may take beyond the graph itself.
DEFAULT_MEMORY = 4 << 30


def open_graph(directory: Directory, *, memory: int = DEFAULT_MEMORY) -> EmbeddedGraph:
    """Open the current graph of a knowledge base for reading.

    Parameters
    ----------
    directory
        The knowledge base.
    memory
        Bytes that a query with a time limit may take beyond the graph itself; 0 for no limit.

    Raises
    ------
    NotBuiltError
        If no graph has been built yet.
    CorruptError
        If its file is missing or has another size than the one that was written. An alteration
        that only the engine can see is reported by the first query.
    """
    return EmbeddedGraph(directory, memory=memory)


class EmbeddedGraph:
    """A graph opened for reading (a :class:`kg.store.GraphReader`); also a context manager.

    The file is read when the first query needs it. From then on the answers come from that
    generation, also while and after a newer one is built; :attr:`generation` tells which.
    """

    def __init__(self, directory: Directory, *, memory: int = DEFAULT_MEMORY) -> None:
        self._directory = directory
        self._memory = memory
        self._lock = threading.Lock()
        self._worker_lock = threading.Lock()
        self._database: grafeo.GrafeoDB | None = None
        self._worker: Worker | None = None
        self._closed = False
        self._state = self._current()

    @property
    def generation(self) -> str:
        """The graph's file as ``kb.json`` named it; another one after a build."""
        return self._state.file

    @property
    def path(self) -> Path:
        """Where the file lies (or lay, if a newer generation has replaced it)."""
        return self._directory.path(self._state.file)

    def read(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        limit: int | None = None,
    ) -> Result:
        """Answer one query (see :meth:`kg.store.GraphReader.read`).

        Queries with a time limit are answered one at a time; waiting for one's turn counts.
        """
        text = cypher_guard.check(query)
        if timeout is not None:
            return self._read_in_worker(text, parameters, limit, timeout)
        import grafeo

        from kg.worker import execute

        database = self._open()
        try:
            return Result(*execute(database, text, parameters, limit))
        except grafeo.GrafeoError as error:
            raise cypher_guard.translate(error) from None

    def counts(self) -> GraphCounts:
        """Count nodes and edges from the engine's own statistics, without a scan."""
        found = self._open().schema()
        return GraphCounts(
            {entry["name"]: entry["count"] for entry in found["labels"]},
            {entry["name"]: entry["count"] for entry in found["edge_types"]},
        )

    def close(self) -> None:
        """Close the file and end the worker process; twice does no harm."""
        with self._lock:
            self._closed = True
            worker, self._worker = self._worker, None
            database, self._database = self._database, None
        if worker is not None:
            worker.close()
        if database is not None:
            database.close()

    def __enter__(self) -> EmbeddedGraph:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> grafeo.GrafeoDB:
        """The engine's handle, opened once."""
        with self._lock:
            self._check_open()
            if self._database is None:
                self._database = self._opened(open_file)
            return self._database

    def _read_in_worker(
        self, query: str, parameters: Mapping[str, Any] | None, limit: int | None, timeout: float
    ) -> Result:
        deadline = time.monotonic() + timeout
        if not self._worker_lock.acquire(timeout=timeout):
            raise QueryTimeoutError(
                f"the query was not begun within {timeout:g} seconds: others were running",
                fix="try again, or allow more time",
            )
        try:
            waited = time.monotonic()
            worker = self._running()
            # To start the process is not the query's fault.
            started = time.monotonic() - waited
            left = deadline + started - time.monotonic()
            return worker.ask(query, parameters, limit, left, allowed=timeout)
        finally:
            self._worker_lock.release()

    def _running(self) -> Worker:
        from kg.worker_client import Worker

        with self._lock:
            self._check_open()
            if self._worker is None or not self._worker.alive:
                self._worker = self._opened(lambda path: Worker(path, self._memory))
            return self._worker

    def _opened[T](self, how: Callable[[Path], T]) -> T:
        """Open our file; a newer generation's if ours was removed before we came to it."""
        while True:
            path = self.path
            try:
                return how(path)
            except CorruptError as error:
                if path.exists():
                    raise CorruptError(error.message, fix=self._mend()) from None
                self._state = self._current()  # which raises if the file is missing there, too

    def _current(self) -> GraphState:
        """The state that ``kb.json`` names, with its file checked."""
        state = self._directory.manifest().graph
        if state is None:
            raise NotBuiltError(
                f"{self._directory.root} has no graph yet",
                fix=f"intentkg build {self._directory.root}",
            )
        path = self._directory.path(state.file)
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            # A writer may have swapped it away between the two looks.
            newer = self._directory.manifest().graph
            if newer is not None and newer.file != state.file:
                return self._current()
            raise CorruptError(f"{path} is missing; kb.json names it", fix=self._mend()) from None
        if size != state.bytes:
            raise CorruptError(
                f"{path} was altered: it has {size:,} bytes, {state.bytes:,} were written",
                fix=self._mend(),
            )
        return state

    def _mend(self) -> str:
        return f"intentkg build {self._directory.root} --fresh"

    def _check_open(self) -> None:
        if self._closed:
            raise QueryError("the graph was closed", fix="open the knowledge base again")


def open_file(path: Path) -> grafeo.GrafeoDB:
    """Open a graph file for reading; a CorruptError if the engine cannot."""
    import grafeo

    try:
        return grafeo.GrafeoDB.open_read_only(str(path))
    except Exception as error:  # the engine raises GrafeoError, OSError and others
        raise CorruptError(f"the graph {path} cannot be opened: {error}") from None
