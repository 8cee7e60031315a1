"""What can be read of a knowledge base, be it on disk or on a Neo4j server: verbs of the API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from schema.errors import UsageError

if TYPE_CHECKING:
    from kg.embed import Embedder
    from kg.neo4j.address import Address
    from kg.neo4j.reader import ServedGraph
    from kg.store import GraphReader
    from queries.results import CobuyEdge, Results, SearchHit, Table
    from queries.search import Index

IndexKind = Literal["faiss", "neo4j"]


@dataclass(frozen=True, slots=True)
class Served:
    """A graph on a server: where, and with which prefix before its labels."""

    address: Address
    prefix: str | None = None

    def open(self) -> ServedGraph:
        """Connect to it."""
        from kg.neo4j.reader import open_served

        return open_served(self.address, prefix=self.prefix)


class Reading:
    """The reading side of a knowledge base; a context manager closes what it opened.

    Parameters
    ----------
    embedder
        What turns text into vectors; by default the sentence model that is installed with
        IntentKG, loaded at the first search or build.
    served
        The server whose graph is read; None: the file on disk.
    """

    def __init__(self, *, embedder: Embedder | None = None, served: Served | None = None) -> None:
        self._embedder = embedder
        self._served = served
        self._indexes: dict[IndexKind, Index] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

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
        index: IndexKind | None = None,
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
        index
            Whose vectors are searched: ``faiss``, those of the build on disk (the usual ones), or
            ``neo4j``, the server's own index (the usual one where there is nothing on disk).

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
            self._index(index),
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

        return cobuy_note(self._graph, self._called, product, other)

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

    def titles(self, products: Iterable[str]) -> dict[str, str]:
        """Look up the titles of products; one without a title is left out."""
        found = self._graph.read(
            "MATCH (p:Product) WHERE p.id IN $ids RETURN p.id AS id, p.title AS title",
            {"ids": sorted(set(products))},
        )
        return {identifier: title for identifier, title in found.rows if title}

    def _check_source(self, source: str | None, found: Sequence[object]) -> None:
        """See that a source is known, where nothing was found of it."""
        if source is not None and not found:
            from queries.nothing import require_source

            require_source(self._graph, source)

    # What is read --------------------------------------------------------------------------

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
        self._indexes.clear()

    @cached_property
    def _graph(self) -> GraphReader:
        return self._open_graph() if self._served is None else self._served.open()

    @property
    def _called(self) -> str:
        """The knowledge base as commands name it."""
        return "KB"

    def _index(self, kind: IndexKind | None) -> Index:
        chosen = kind or self._usual_index
        if chosen not in ("faiss", "neo4j"):
            raise UsageError(f"there is no index {chosen!r}", fix="use faiss or neo4j")
        if chosen not in self._indexes:
            self._indexes[chosen] = (
                self._open_served_index() if chosen == "neo4j" else self._open_index()
            )
        return self._indexes[chosen]

    def _open_served_index(self) -> Index:
        from kg.neo4j.vector_search import ServedIndex

        if self._served is None:
            raise UsageError(
                "the graph is read from disk, not from Neo4j",
                fix="name the server: --on bolt://…, in Python open(…, neo4j='bolt://…')",
            )
        return ServedIndex(cast("ServedGraph", self._graph), self.embedder)

    _usual_index: IndexKind = "faiss"

    def _open_graph(self) -> GraphReader:
        raise NotImplementedError

    def _open_index(self) -> Index:
        raise NotImplementedError


class ServedBase(Reading):
    """A knowledge base of which there is nothing here but a server that it was pushed into.

    It is read only; what is not in the graph (evidence, requests) stays with the directory.
    Use :func:`intentkg.open` with ``neo4j=`` and no path.
    """

    _usual_index: IndexKind = "neo4j"

    def __init__(self, served: Served, *, embedder: Embedder | None = None) -> None:
        super().__init__(embedder=embedder, served=served)

    def __repr__(self) -> str:
        assert self._served is not None
        return f"intentkg.open(neo4j={str(self._served.address)!r})"

    def _open_index(self) -> Index:
        raise UsageError(
            "there is no FAISS index without a knowledge base on disk",
            fix="search with Neo4j's index (--index neo4j), or name the directory too",
        )
