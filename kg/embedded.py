"""The embedded graph store: one file of the grafeo engine.

Reading: our own queries run inside this process; a query with a time limit runs in a worker
process that is started when first needed, kept for the next query, and killed when its time is
over. Writing: see :mod:`kg.embedded_writer`.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from kg import cypher_guard
from kg.cypher_elsewhere import elsewhere
from kg.directory import Directory
from kg.manifest import GraphState
from kg.store import GraphCounts, Result
from schema.errors import (
    CorruptError,
    CypherSyntaxError,
    NotBuiltError,
    QueryError,
    QueryTimeoutError,
)

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

    All answers come from the generation that was current when it was opened, also while and
    after a newer one is built; :attr:`generation` tells which. The file is held open from the
    start, which costs nothing, and read when the first query needs it.
    """

    def __init__(self, directory: Directory, *, memory: int = DEFAULT_MEMORY) -> None:
        self._directory = directory
        self._memory = memory
        self._lock = threading.Lock()
        self._worker_lock = threading.Lock()
        self._database: grafeo.GrafeoDB | None = None
        self._worker: Worker | None = None
        self._closed = False
        self._file, self._state = _pin(directory)

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
        try:
            if timeout is not None:
                return self._read_in_worker(text, parameters, limit, timeout)
            return self._read_here(text, parameters, limit)
        except CypherSyntaxError as error:
            error.fix = elsewhere(query) or error.fix
            raise

    def _read_here(
        self, text: str, parameters: Mapping[str, Any] | None, limit: int | None
    ) -> Result:
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
            if self._closed:
                return
            self._closed = True
            worker, self._worker = self._worker, None
            database, self._database = self._database, None
        if worker is not None:
            worker.close()
        if database is not None:
            database.close()
        self._file.close()

    def __enter__(self) -> EmbeddedGraph:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> grafeo.GrafeoDB:
        """The engine's handle, opened once."""
        if (database := self._database) is not None:
            return database  # not waiting for a worker that is just being started
        with self._lock:
            self._check_open()
            if self._database is None:
                self._database = open_file(self._pinned(), self._state, self.path, self._mend())
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
                worker = Worker(
                    self._pinned(), self.path, self._memory, self._file.fileno(), self._mend()
                )
                if worker.counts != (self._state.nodes, self._state.edges):
                    worker.close()
                    raise _emptied(self.path, self._mend())
                self._worker = worker
            return self._worker

    def _pinned(self) -> Path:
        """A path to the very file that was opened, whatever has become of its name."""
        path = Path(f"/proc/self/fd/{self._file.fileno()}")
        return path if path.exists() else self.path

    def _mend(self) -> str:
        return f"intentkg build {self._directory.root} --fresh"

    def _check_open(self) -> None:
        if self._closed:
            raise QueryError("the graph was closed", fix="open the knowledge base again")


def open_file(
    path: Path, state: GraphState, name: Path | None = None, fix: str | None = None
) -> grafeo.GrafeoDB:
    """Open a graph file for reading.

    Parameters
    ----------
    path
        The file, as it is to be opened.
    state
        What ``kb.json`` says about it.
    name, fix
        What to call it in an error, and the command that mends it.

    Raises
    ------
    CorruptError
        If the engine cannot open it, or finds other than what was written.
    """
    import grafeo

    try:
        database = grafeo.GrafeoDB.open_read_only(str(path))
    except Exception as error:  # the engine raises GrafeoError, OSError and others
        raise CorruptError(f"the graph {name or path} cannot be opened: {error}", fix=fix) from None
    if (database.node_count, database.edge_count) != (state.nodes, state.edges):
        database.close()
        raise _emptied(name or path, fix)
    return database


def _emptied(path: Path, fix: str | None) -> CorruptError:
    """A damaged head makes the engine see an empty graph."""
    return CorruptError(f"{path} was altered: nodes or edges are gone", fix=fix)


def _pin(directory: Directory) -> tuple[BinaryIO, GraphState]:
    """Open the file that ``kb.json`` names, and check its size."""
    while True:
        state = directory.manifest().graph
        if state is None:
            raise NotBuiltError(
                f"{directory.root} has no graph yet", fix=f"intentkg build {directory.root}"
            )
        path, fix = directory.path(state.file), f"intentkg build {directory.root} --fresh"
        try:
            file = path.open("rb")
        except FileNotFoundError:
            # Writers may have swapped it away between the two looks.
            newer = directory.manifest().graph
            if newer is not None and newer.file != state.file:
                continue
            raise CorruptError(f"{path} is missing; kb.json names it", fix=fix) from None
        size = os.fstat(file.fileno()).st_size
        if size != state.bytes:
            file.close()
            raise CorruptError(
                f"{path} was altered: it has {size:,} bytes, {state.bytes:,} were written", fix=fix
            )
        return file, state
