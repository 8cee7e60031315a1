"""The embedded graph store: one file of the grafeo engine, opened for reading.

Our own queries run inside this process; a query with a time limit runs in a worker process that
is started when first needed, kept for the next query, and killed when the time is over.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kg import cypher_guard
from kg.directory import Directory
from kg.manifest import GraphState
from kg.store import GraphCounts, Result
from kg.worker import DEFAULT_MEMORY
from schema.errors import CorruptError, NotBuiltError, StoreError, UsageError

if TYPE_CHECKING:
    import grafeo

    from kg.worker_client import Worker

ENGINE = "grafeo"


def open_graph(directory: Directory, *, memory: int = DEFAULT_MEMORY) -> EmbeddedGraph:
    """Open the current graph of a knowledge base for reading.

    Parameters
    ----------
    directory
        The knowledge base.
    memory
        Bytes that a query with a time limit may take, beyond the graph itself.

    Raises
    ------
    NotBuiltError
        If no graph has been built yet.
    CorruptError
        If its file is missing or has another size than the one that was written.
    """
    return EmbeddedGraph(directory, memory=memory)


class EmbeddedGraph:
    """A graph opened for reading (a :class:`kg.store.GraphReader`); also a context manager.

    It stays on the generation that was current when it was opened, also while and after a newer
    one is built: :attr:`generation` tells which.
    """

    def __init__(self, directory: Directory, *, memory: int = DEFAULT_MEMORY) -> None:
        self._directory = directory
        self._memory = memory
        self._lock = threading.Lock()
        self._database: grafeo.GrafeoDB | None = None
        self._worker: Worker | None = None
        self._closed = False
        self._state = self._current()

    @property
    def generation(self) -> str:
        """The graph's file as ``kb.json`` names it; another one after a build."""
        return self._state.file

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self._directory.path(self._state.file)

    def read(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        limit: int | None = None,
    ) -> Result:
        """Answer one query (see :meth:`kg.store.GraphReader.read`)."""
        raise NotImplementedError

    def counts(self) -> GraphCounts:
        """Count nodes and edges from the engine's own statistics: no scan."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the file and end the worker process."""

    def __enter__(self) -> EmbeddedGraph:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _current(self) -> GraphState:
        state = self._directory.manifest().graph
        if state is None:
            raise NotBuiltError(
                f"{self._directory.root} has no graph yet",
                fix=f"intentkg build {self._directory.root}",
            )
        return state
