"""The one door through which models take intentions: own edges first, else nearest by meaning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kg.directory import Directory
from kg.opened import Opened
from queries.corpus import Chosen
from queries.features import edges
from queries.features.building import Builder
from queries.features.pairs import PairFeatures, pair_features
from queries.features.retrieved import NEAREST, Retrieved
from queries.filters import check_count, check_head_type
from schema.errors import NotBuiltError, UsageError
from schema.identity import normalise_text

if TYPE_CHECKING:
    from kg.embed import Embedder
    from kg.vector_index import VectorIndex

Progress = Callable[[str, int, int | None], None]

MAX_K = 1_000
_QUERIES = 4_096  # texts looked up together


class Features(Opened):
    """Intentions as features, from a knowledge base as it is on entry; a context manager.

    Parameters
    ----------
    directory
        The knowledge base, built.
    embedder
        What turns texts into vectors; by default the model that made the knowledge base's own.
    chosen
        Which assertions count; by default all.
    before
        Only evidence from before this moment (UTC unless it says otherwise), so that features do
        not know what came after. Evidence that states no time does not count then.
    progress
        Called with the stage, how much is done, and of how much.

    Raises
    ------
    NotBuiltError
        On entry, if there are intentions without vectors.
    """

    def __init__(
        self,
        directory: Directory,
        *,
        embedder: Embedder | None = None,
        chosen: Chosen | None = None,
        before: datetime | None = None,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(directory, ("posts", "products", "cobuys", "assertions"), memory="1GB")
        self._embedder = embedder
        self._chosen = chosen or Chosen()
        self._before = before
        self._progress = progress
        self._index: VectorIndex | None = None
        self._allowed: list[str] | None = None

    def _narrow(self) -> None:
        from kg.vectors import open_index

        edges.prepare(self._sql, self._chosen, self._before)
        known = edges.all_ids(self._sql)
        if known:
            self._index = open_index(self._directory)
            if lacking := self._index.missing(known):
                raise NotBuiltError(
                    f"{len(lacking):,} intentions of {self._directory.root} have no vectors yet",
                    fix=f"intentkg build {self._directory.root}",
                )
            self._allowed = None if len(known) == len(self._index) else known

    @property
    def embedder(self) -> Embedder:
        """What turns texts into vectors."""
        if self._embedder is None:
            from kg.embed import load_embedder

            self._embedder = load_embedder(self._index.model if self._index else None)
        return self._embedder

    def of(
        self,
        kind: str,
        ids: Sequence[str],
        *,
        k: int = 8,
        texts: Sequence[str | None] | None = None,
        nearest: bool = True,
    ) -> Retrieved:
        """The intentions of posts, products or co-buys.

        An entity with edges gets its own intentions: the most typical first, then the most
        plausible, then those with the most evidence. A product's are also those of the co-buys
        that it is part of. An entity without edges gets the intentions nearest in meaning to its
        text, if it has one.

        Parameters
        ----------
        kind
            ``Post``, ``Product`` or ``CoBuy``.
        ids
            Shape (n,): ids in the knowledge base; others count as entities without edges.
        k
            Intentions at most for each.
        texts
            Shape (n,): what to search with where there is no edge; by default what the knowledge
            base has: a post's text, a product's title, both titles of a co-buy.
        nearest
            False: own edges only.

        Raises
        ------
        UsageError
            If an argument is wrong.
        """
        node = check_head_type(kind)
        check_count("k", k, most=MAX_K)
        _check_length("texts", texts, len(ids))
        asked = edges.asked_table(list(ids))
        builder = Builder(list(ids), k)
        if self._index is not None:
            self._say("own edges", 0, len(ids))
            builder.put_own(edges.own(self._sql, node, asked, k))
            self._say("own edges", len(ids), len(ids))
            if nearest and not builder.complete:
                known = edges.texts_of(self._sql, node, asked) if texts is None else {}
                words = [known.get(place) for place in range(len(ids))] if texts is None else texts
                self._fill(builder, words)
        return self._finished(builder)

    def of_texts(self, texts: Sequence[str], *, k: int = 8) -> Retrieved:
        """The intentions nearest in meaning to each of some texts; none for a blank one."""
        check_count("k", k, most=MAX_K)
        if isinstance(texts, str):
            raise UsageError("one text was given where several are expected", fix="give a list")
        builder = Builder(list(texts), k)
        if self._index is not None:
            self._fill(builder, texts)
        return self._finished(builder)

    def of_pairs(self, pairs: Sequence[tuple[str, str]], *, k: int = 32) -> PairFeatures:
        """What two products have to do with each other, by their intentions.

        Parameters
        ----------
        pairs
            Shape (n, 2): product ids.
        k
            Intentions at most of a product that are compared with the other's.

        Returns
        -------
        PairFeatures
            What the columns hold is in :data:`queries.features.PAIR_FEATURES`.
        """
        check_count("k", k, most=MAX_K)
        dated = self._before is not None
        return pair_features(self._sql, self._index, pairs, k=k, dated=dated)

    def _fill(self, builder: Builder, texts: Sequence[str | None]) -> None:
        """Look up by meaning those that have no edges."""
        open_places = [
            place
            for place in builder.empty()
            if (text := texts[place]) is not None and text.strip()
        ]
        if not open_places or self._index is None:
            return
        # Distinct texts are embedded and looked up once.
        by_text: dict[str, list[int]] = {}
        for place in open_places:
            text = str(texts[place])
            by_text.setdefault(normalise_text(text) or text, []).append(place)
        words = list(by_text)
        for start in range(0, len(words), _QUERIES):
            self._say("nearest by meaning", start, len(words))
            part = words[start : start + _QUERIES]
            scores, ids = self._index.search(
                self.embedder.encode(part), builder.k, allowed=self._allowed
            )
            for text, row, names in zip(part, scores, ids, strict=True):
                for place in by_text[text]:
                    builder.put_nearest(place, names, row)
        self._say("nearest by meaning", len(words), len(words))

    def _finished(self, builder: Builder) -> Retrieved:
        import numpy as np

        names = builder.names
        said = edges.intentions(self._sql, names) if names else {}
        if self._index is not None and names:
            table = self._index.vectors(names)
        else:
            table = np.zeros((0, self.embedder.dimension), np.float32)
        times = builder.times
        first = np.array([_moment(said[name][1]) for name in names], dtype="datetime64[us]")
        for place in np.flatnonzero(builder.origins == NEAREST):
            used = first[builder.places[place][builder.places[place] >= 0]]
            known = used[~np.isnat(used)]
            times[place] = known.max() if len(known) else np.datetime64("NaT")
        return Retrieved(
            builder.keys,
            names,
            [said[name][0] for name in names],
            table,
            builder.places,
            builder.scores,
            builder.relations,
            builder.origins,
            times,
        )

    def _say(self, stage: str, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(stage, done, total)


def _check_length(name: str, values: Sequence[object] | None, wanted: int) -> None:
    if values is not None and (isinstance(values, str) or len(values) != wanted):
        raise UsageError(
            f"{wanted} ids came with {name} of another number", fix=f"give {name} one for each id"
        )


def _moment(time: datetime | None) -> Any:
    import numpy as np

    return np.datetime64("NaT") if time is None else np.datetime64(time.replace(tzinfo=None), "us")
