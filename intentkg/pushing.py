"""Into Neo4j, as a verb of the Python API."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kg.directory import Directory

if TYPE_CHECKING:
    from kg.neo4j.report import PushReport

Progress = Callable[[str, int, int | None], None]


class Pushing:
    """The verb that fills a database server; part of `intentkg.api.KnowledgeBase`."""

    directory: Directory

    def push(
        self,
        uri: str | None = None,
        *,
        user: str | None = None,
        password: str | None = None,
        database: str | None = None,
        prefix: str | None = None,
        prune: bool = False,
        dry_run: bool = False,
        vectors: bool = True,
        progress: Progress | None = None,
    ) -> PushReport:
        """Bring a Neo4j database up to date with the knowledge base.

        Only what was added since the last push goes there. A push that was stopped goes on where
        it was. Other people's nodes are not touched.

        Parameters
        ----------
        uri
            Such as ``bolt://localhost:7687``; default ``INTENTKG_NEO4J_URI``.
        user, password, database
            Default ``INTENTKG_NEO4J_USER`` (neo4j), ``INTENTKG_NEO4J_PASSWORD`` and
            ``INTENTKG_NEO4J_DATABASE`` (the user's home database).
        prefix
            What stands in front of each label, for a database that others use too.
        prune
            Remove what is there of ours and the knowledge base no longer holds.
        dry_run
            Count only.
        vectors
            False leaves the vectors of intentions as they are.
        progress
            Called with a stage, how much of it is done, and its total where that is known.

        Raises
        ------
        UsageError
            If the address or the prefix is not one.
        ServerError
            If the server is not there, refuses, or holds what is in the way.
        LockedError
            If another push is at work there.
        """
        from kg.neo4j.address import Address
        from kg.neo4j.push import push

        return push(
            self.directory,
            Address.read(uri, user=user, password=password, database=database),
            prefix=prefix,
            prune=prune,
            dry_run=dry_run,
            vectors=vectors,
            progress=progress,
        )
