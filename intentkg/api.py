"""The Python API: the same verbs as the command line.

A :class:`KnowledgeBase` is a directory. Its reading side (:mod:`intentkg.reading`) is a snapshot:
what was built when the first query ran. Another process may ingest and build meanwhile;
``refresh()`` goes over to the newer build. Or it is the graph on a Neo4j server, as it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from intentkg.analyses import Analysing
from intentkg.distilling.verbs import Distilling
from intentkg.exporting import Exporting
from intentkg.generating.scoring_verbs import Scoring
from intentkg.generating.verbs import Generating
from intentkg.pushing import Pushing
from intentkg.reading import Reading, Served, ServedBase
from kg.directory import Directory
from schema.errors import IntentKGError, UsageError

if TYPE_CHECKING:
    from kg.build import BuildReport
    from kg.embed import Embedder
    from kg.findings import Finding
    from kg.store import GraphReader
    from queries.results import Table
    from queries.search import Index

Progress = Callable[[str, int, int | None], None]

__all__ = ["IntentKGError", "KnowledgeBase", "build", "open"]


class KnowledgeBase(Reading, Generating, Scoring, Distilling, Analysing, Exporting, Pushing):
    """One knowledge base on disk.

    Use :func:`open`; a context manager closes what it opened.

    Parameters
    ----------
    directory
        Where it lies.
    embedder
        What turns text into vectors; by default the sentence model that is installed with
        IntentKG, loaded at the first search or build.
    served
        The Neo4j server whose graph is read in place of the one on disk.
    """

    def __init__(
        self,
        directory: Directory,
        *,
        embedder: Embedder | None = None,
        served: Served | None = None,
    ) -> None:
        super().__init__(embedder=embedder, served=served)
        self.directory = directory

    def __repr__(self) -> str:
        return f"intentkg.open({str(self.directory.root)!r})"

    # Reading -------------------------------------------------------------------------------

    def evidence(self, assertion_id: str) -> Table:
        """All evidence for one assertion: models, scores, verdicts, rationales."""
        from queries.evidence import lookup

        return lookup(self.directory, assertion_id)

    def counts(self) -> dict[str, int]:
        """Count posts, products, co-buys, images, intentions, assertions, evidence, concepts."""
        from kg.status import counts

        return counts(self.directory)

    def status(self) -> dict[str, Any]:
        """Counts, whether graph and vectors are current, and what was spent on models."""
        from intentkg.checking import usage
        from kg.status import status

        requests, notes = usage(self.directory)
        found = status(self.directory)
        return {**found, "requests": requests, "notes": [*found["notes"], *notes]}

    def verify(self) -> list[Finding]:
        """Check every file, id and projection; an empty list is a clean bill of health."""
        from intentkg.checking import verify

        return verify(self.directory)

    # Writing -------------------------------------------------------------------------------

    def ingest(self, files: Iterable[str | Path], *, format: str = "auto", **options: Any) -> Any:
        """Read posts, products, co-buys or baskets (see :func:`intentkg.intake.take_in`)."""
        from intentkg.intake import take_in

        return take_in(self.directory, files, kind="records", format=format, **options)

    def import_intentions(
        self, files: Iterable[str | Path], *, format: str = "auto", **options: Any
    ) -> Any:
        """Read intentions that exist already (see :func:`intentkg.intake.take_in`)."""
        from intentkg.intake import take_in

        return take_in(self.directory, files, kind="intentions", format=format, **options)

    def build(self, *, fresh: bool = False, progress: Progress | None = None) -> BuildReport:
        """Bring the graph and the vectors up to date with the truth.

        Parameters
        ----------
        fresh
            From nothing, instead of adding what is new.
        """
        from kg.build import build as build_projections

        report = build_projections(
            self.directory, fresh=fresh, embedder=self.embedder, progress=progress
        )
        self.refresh()
        return report

    # What is read --------------------------------------------------------------------------

    def _open_graph(self) -> GraphReader:
        from kg.embedded import open_graph

        return open_graph(self.directory)

    def _open_index(self) -> Index:
        from kg.vectors import open_index

        return open_index(self.directory)

    @property
    def _called(self) -> str:
        return str(self.directory.root)


@overload
def open(
    path: str | Path,
    *,
    embedder: Embedder | None = None,
    neo4j: str | None = None,
    user: str | None = None,
    password: str | None = None,
    database: str | None = None,
    prefix: str | None = None,
) -> KnowledgeBase: ...
@overload
def open(
    path: None = None,
    *,
    neo4j: str,
    embedder: Embedder | None = None,
    user: str | None = None,
    password: str | None = None,
    database: str | None = None,
    prefix: str | None = None,
) -> ServedBase: ...
def open(
    path: str | Path | None = None,
    *,
    embedder: Embedder | None = None,
    neo4j: str | None = None,
    user: str | None = None,
    password: str | None = None,
    database: str | None = None,
    prefix: str | None = None,
) -> KnowledgeBase | ServedBase:
    """Open a knowledge base that exists.

    Parameters
    ----------
    path
        Its directory; None: there is only a server.
    embedder
        What turns text into vectors; by default the sentence model that is installed.
    neo4j
        A server that it was pushed into, such as ``bolt://localhost:7687``: searches, pulls and
        queries read the graph there.
    user, password, database, prefix
        As for :meth:`KnowledgeBase.push`.

    Raises
    ------
    NotAKnowledgeBaseError
        If there is none at `path`.
    UsageError
        If neither is named, or `neo4j` is no address.
    """
    served = None
    if neo4j is not None:
        from kg.neo4j.address import Address

        address = Address.read(neo4j, user=user, password=password, database=database)
        served = Served(address, prefix)
    if path is not None:
        directory = Directory(path)
        directory.manifest()
        return KnowledgeBase(directory, embedder=embedder, served=served)
    if served is None:
        raise UsageError("no knowledge base is named", fix="give its path, or neo4j='bolt://…'")
    return ServedBase(served, embedder=embedder)


def build(
    path: str | Path,
    *,
    fresh: bool = False,
    embedder: Embedder | None = None,
    progress: Progress | None = None,
) -> KnowledgeBase:
    """Build the graph and the vectors of the knowledge base at `path`, and open it."""
    base = open(path, embedder=embedder)
    base.build(fresh=fresh, progress=progress)
    return base
