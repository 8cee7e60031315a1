"""The Python API: the same verbs as the command line.

A :class:`KnowledgeBase` is a directory. Its reading side is a snapshot: what was built when the
first query ran. Another process may ingest and build meanwhile; :meth:`KnowledgeBase.refresh`
goes over to the newer build.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from intentkg.distilling.verbs import Distilling
from intentkg.exporting import Exporting
from intentkg.generating.scoring_verbs import Scoring
from intentkg.generating.verbs import Generating
from intentkg.pushing import Pushing
from kg.directory import Directory
from schema.errors import IntentKGError

if TYPE_CHECKING:
    from kg.build import BuildReport
    from kg.embed import Embedder
    from kg.findings import Finding
    from kg.store import GraphReader
    from kg.vector_index import VectorIndex
    from queries.results import CobuyEdge, Results, SearchHit, Table

Progress = Callable[[str, int, int | None], None]

__all__ = ["IntentKGError", "KnowledgeBase", "build", "open"]


class KnowledgeBase(Generating, Scoring, Distilling, Exporting, Pushing):
    """One knowledge base on disk.

    Use :func:`open`; a context manager closes what it opened.

    Parameters
    ----------
    directory
        Where it lies.
    embedder
        What turns text into vectors; by default the sentence model that is installed with
        IntentKG, loaded at the first search or build.
    """

    def __init__(self, directory: Directory, *, embedder: Embedder | None = None) -> None:
        self.directory = directory
        self._embedder = embedder

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"intentkg.open({str(self.directory.root)!r})"

    # Reading -------------------------------------------------------------------------------

    def search(
        self,
        text: str,
        *,
        k: int = 10,
        relations: str | Sequence[str] | None = None,
        min_plausibility: float | None = None,
        min_typicality: float | None = None,
        accepted: bool | None = None,
        head_type: str | None = None,
        source: str | None = None,
        heads: int = 5,
    ) -> Results[SearchHit]:
        """Find intentions by meaning, with the posts, co-buys and products that have them.

        Parameters
        ----------
        text
            What to look for, in plain words.
        k
            How many intentions.
        relations, min_plausibility, min_typicality, accepted
            Only edges with these relations, at least these scores, this verdict of the filter.
        head_type
            Only edges from a ``Post``, a ``CoBuy`` or a ``Product``.
        source
            Only edges that this source gave.
        heads
            Heads at most per intention, the most typical first.

        Returns
        -------
        Results of SearchHit
            Best first; `score` is the cosine similarity in [-1, 1].

        Raises
        ------
        UsageError
            If an argument is wrong, or no intention came from `source`.
        """
        from queries.search import search

        found = search(
            self._graph,
            self._index,
            self.embedder,
            text,
            k=k,
            relations=relations,
            min_plausibility=min_plausibility,
            min_typicality=min_typicality,
            accepted=accepted,
            head_type=head_type,
            source=source,
            heads=heads,
        )
        self._check_source(source, found)
        return found

    def cobuy(
        self,
        product: str | Sequence[str],
        other: str | None = None,
        *,
        relations: str | Sequence[str] | None = None,
        top_k: int | None = None,
        min_plausibility: float | None = None,
        min_typicality: float | None = None,
        accepted: bool | None = None,
        source: str | None = None,
        limit: int | None = None,
    ) -> Results[CobuyEdge]:
        """Pull the intentions of a product's co-buys, of one pair, or of several products.

        Parameters
        ----------
        product, other
            Product ids, the pair in either order; or a list of ids for all their co-buys.
        relations, min_plausibility, min_typicality, accepted, source
            As for :meth:`search`.
        top_k
            Edges at most per relation.
        limit
            Edges at most altogether.

        Returns
        -------
        Results of CobuyEdge
            The most typical first; :meth:`cobuy_note` says why there are none.

        Raises
        ------
        QueryError
            If a product is not in the knowledge base.
        UsageError
            If an argument is wrong, or no intention came from `source`.
        """
        from queries.cobuy import pull

        found = pull(
            self._graph,
            product,
            other,
            relations=relations,
            top_k=top_k,
            min_plausibility=min_plausibility,
            min_typicality=min_typicality,
            accepted=accepted,
            source=source,
            limit=limit,
        )
        self._check_source(source, found)
        return found

    def cobuy_note(self, product: str, other: str | None = None) -> str:
        """Say why :meth:`cobuy` found nothing for a product or a pair, and what to do."""
        from queries.nothing import cobuy_note

        return cobuy_note(self._graph, str(self.directory.root), product, other)

    def cypher(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        timeout: float = 30.0,
        limit: int = 10_000,
    ) -> Table:
        """Run a read-only Cypher query.

        Parameters
        ----------
        query
            Cypher; values belong into `parameters`, as ``$name``.
        timeout
            Seconds after which the query is stopped.
        limit
            Most rows to return; the table says whether it was cut.
        """
        from queries.cypher import run

        return run(self._graph, query, parameters, timeout=timeout, limit=limit)

    def query(
        self,
        name: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        timeout: float = 30.0,
        **more: Any,
    ) -> Table:
        """Run a named query (docs/queries.md lists them).

        Parameters
        ----------
        name
            The query's name.
        parameters, **more
            Its parameters, `limit` among them, in a mapping or by name.
        timeout
            Seconds after which the query is stopped.
        """
        from queries.named import run_named

        return run_named(self._graph, name, {**(parameters or {}), **more}, timeout=timeout)

    def evidence(self, assertion_id: str) -> Table:
        """All evidence for one assertion: models, scores, verdicts, rationales."""
        from queries.evidence import lookup

        return lookup(self.directory, assertion_id)

    def titles(self, products: Iterable[str]) -> dict[str, str]:
        """Look up the titles of products; one without a title is left out."""
        found = self._graph.read(
            "MATCH (p:Product) WHERE p.id IN $ids RETURN p.id AS id, p.title AS title",
            {"ids": sorted(set(products))},
        )
        return {identifier: title for identifier, title in found.rows if title}

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

    def _check_source(self, source: str | None, found: Sequence[object]) -> None:
        """See that a source is known, where nothing was found of it."""
        if source is not None and not found:
            from queries.nothing import require_source

            require_source(self.directory, source)

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

    # The snapshot --------------------------------------------------------------------------

    @property
    def embedder(self) -> Embedder:
        """What turns text into vectors."""
        if self._embedder is None:
            from kg.embed import load_embedder

            self._embedder = load_embedder()
        return self._embedder

    def refresh(self) -> None:
        """Let the next query see the newest build."""
        self.close()

    def close(self) -> None:
        """Release the graph and the index; a later query opens them again."""
        graph: GraphReader | None = self.__dict__.pop("_graph", None)
        if graph is not None:
            graph.close()
        self.__dict__.pop("_index", None)

    @cached_property
    def _graph(self) -> GraphReader:
        from kg.embedded import open_graph

        return open_graph(self.directory)

    @cached_property
    def _index(self) -> VectorIndex:
        from kg.vectors import open_index

        return open_index(self.directory)


def open(path: str | Path, *, embedder: Embedder | None = None) -> KnowledgeBase:
    """Open a knowledge base that exists.

    Raises
    ------
    NotAKnowledgeBaseError
        If there is none at `path`.
    """
    directory = Directory(path)
    directory.manifest()
    return KnowledgeBase(directory, embedder=embedder)


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
