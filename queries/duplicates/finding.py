"""Find intentions that mean the same: candidates, verification, clusters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from queries.corpus import Corpus
from queries.duplicates import clusters, nearby, shingles
from queries.duplicates.meanings import Meanings, Progress
from queries.duplicates.pairs import ORIGINS, Checker, Origin, joined, keys_of, origins, pairs_of
from queries.results import plain
from schema.errors import UsageError
from schema.identity import normalise_text

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    type Pairs = npt.NDArray[np.int32]
    type Keys = npt.NDArray[np.int64]

THRESHOLD = 0.86
"""Cosine from which on two intentions mean the same, if no guard speaks against it.

The least one with a precision of 0.95 on the development pairs: ``python -m
benchmarks.intrinsic.duplicates`` prints the curve.
"""

Candidates = Literal["both", "spelling", "meaning"]


@dataclass(frozen=True, slots=True)
class Member:
    """An intention that means the same as its cluster's canonical one.

    Attributes
    ----------
    intention_id, text
        The intention.
    similarity
        Cosine to the canonical one.
    origin
        Which candidates had the pair: those by spelling, by meaning, or both; ``cluster``: none,
        the two are joined by others.
    """

    intention_id: str
    text: str
    similarity: float
    origin: Origin


@dataclass(frozen=True, slots=True)
class Cluster:
    """Intentions that mean the same; the canonical one has the most assertions."""

    canonical_id: str
    text: str
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What was found.

    Attributes
    ----------
    intentions
        How many were looked at.
    threshold, model
        The least cosine, and the embedder that it is of.
    candidates
        Which candidates were made: ``both``, ``spelling`` or ``meaning``.
    sampled
        Whether only a sample was looked at.
    embedded
        How many had no vector in the knowledge base, so that one was made.
    pairs
        Candidate pairs by origin (``spelling``, ``meaning``), before verification. Those by
        meaning reach the threshold as such.
    refused
        Pairs that reach the threshold, by the guard that refused them.
    clusters, merged
        How many clusters there are, and intentions that would get a canonical one.
    by_origin
        The merged ones, by the candidates that had them.
    sizes
        Clusters by their number of intentions.
    largest
        The clusters with most intentions.
    rows
        One row for each merged intention: ``intention_id``, ``canonical_id``, ``similarity``,
        ``origin``, ``text``, ``canonical``.
    """

    intentions: int
    threshold: float
    model: str | None
    candidates: Candidates
    sampled: bool
    embedded: int
    pairs: dict[str, int]
    refused: dict[str, int]
    clusters: int
    merged: int
    by_origin: dict[str, int]
    sizes: dict[int, int]
    largest: tuple[Cluster, ...]
    rows: pa.Table = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the rows, for JSON."""
        names = [name for name in self.__slots__ if name != "rows"]
        found = {name: plain(getattr(self, name)) for name in names}
        return {**found, "sizes": {str(size): count for size, count in self.sizes.items()}}


def find(
    corpus: Corpus,
    *,
    threshold: float = THRESHOLD,
    candidates: Candidates = "both",
    examples: int = 20,
    progress: Progress | None = None,
) -> Duplicates:
    """Find the intentions of a corpus that mean the same as another one.

    Candidates by spelling share character trigrams (MinHash), those by meaning have vectors near
    each other; duplicates by meaning rarely share spelling. A pair is verified by the cosine of
    its vectors and by :mod:`queries.duplicates.guards`; verified pairs are joined by union–find,
    and each component is gathered around canonical members (most assertions, then shortest, then
    first) to which all their duplicates are similar themselves.

    Parameters
    ----------
    corpus
        The intentions; all, or those chosen.
    threshold
        Least cosine of two duplicates, in (0, 1].
    candidates
        Without ``meaning`` only the candidates' own vectors are needed, which matters where the
        knowledge base has none.
    examples
        How many of the largest clusters to tell.
    progress
        Called with the stage, how much is done, and how much there is.

    Raises
    ------
    UsageError
        If the threshold is outside (0, 1].
    """
    import numpy as np

    if not 0 < threshold <= 1:
        raise UsageError(f"a threshold of {threshold} is no cosine", fix="use one in (0, 1]")
    report = progress or (lambda stage, done, total: None)
    ids, texts, counts = _read(corpus, report)
    meanings = Meanings(corpus.directory, ids, texts, report)
    checker = Checker(texts, meanings, threshold)
    near: dict[str, Keys] = {}
    proposed: dict[str, int] = {}
    everywhere = candidates != "spelling" and bool(ids)
    vectors = meanings.all() if everywhere else None
    if candidates != "meaning":
        alike = shingles.candidates(shingles.signatures(texts))
        # Where all vectors are here, what is not near goes at once: it may be tens of millions.
        keep = checker.near if everywhere else None
        proposed["spelling"], found = joined(alike, keep, report, "spelling")
        if not everywhere:
            meanings.need(found.ravel())
            found = checker.near(found)
        near["spelling"] = keys_of(found)
    if vectors is not None:
        by_meaning = nearby.candidates(vectors, threshold)
        proposed["meaning"], found = joined(by_meaning, None, report, "meaning")
        near["meaning"] = keys_of(found)
    either = np.unique(np.concatenate([np.empty(0, np.int64), *near.values()]))
    verified = checker.passing(pairs_of(either))

    def rank(row: int) -> tuple[float, int, str]:
        return -counts[row], len(texts[row]), texts[row]

    gathered = [
        cluster
        for members in clusters.components(len(ids), verified)
        for cluster in clusters.gather(members.tolist(), rank, checker.similar, threshold)
    ]
    rows = _rows(gathered, ids, texts, origins(near))
    gathered.sort(key=lambda cluster: (-len(cluster[1]), rank(cluster[0])))
    return Duplicates(
        intentions=len(ids),
        threshold=threshold,
        model=meanings.model if ids else None,
        candidates=candidates,
        sampled=corpus.sample is not None and len(ids) < corpus.count(),
        embedded=meanings.embedded,
        pairs=proposed,
        refused=checker.refused(),
        clusters=len(gathered),
        merged=rows.num_rows,
        by_origin={o: n for o in ORIGINS if (n := _count(rows, o))},
        sizes=dict(sorted(Counter(1 + len(members) for _, members in gathered).items())),
        largest=_told(gathered[:examples], rows, ids, texts),
        rows=rows,
    )


def _read(corpus: Corpus, report: Progress) -> tuple[list[str], list[str], list[int]]:
    """Ids, normalised texts and numbers of assertions."""
    ids: list[str] = []
    texts: list[str] = []
    counts: list[int] = []
    size = corpus.size()
    for batch in corpus.batches():
        ids += batch["intention_id"].to_pylist()
        texts += map(normalise_text, batch["text"].to_pylist())
        counts += batch["assertions"].to_pylist()
        report("intentions", len(ids), size)
    return ids, texts, counts


def _rows(
    gathered: Sequence[tuple[int, list[tuple[int, float]]]],
    ids: Sequence[str],
    texts: Sequence[str],
    origin: Callable[[int, int], Origin],
) -> pa.Table:
    import pyarrow as pa

    pairs = [(row, top, score) for top, members in gathered for row, score in members]
    pairs.sort()
    return pa.table(
        {
            "intention_id": pa.array([ids[row] for row, _, _ in pairs], pa.string()),
            "canonical_id": pa.array([ids[top] for _, top, _ in pairs], pa.string()),
            "similarity": pa.array([min(1.0, s) for _, _, s in pairs], pa.float64()),
            "origin": pa.array([origin(row, top) for row, top, _ in pairs], pa.string()),
            "text": pa.array([_clean(texts[row]) for row, _, _ in pairs], pa.string()),
            "canonical": pa.array([_clean(texts[top]) for _, top, _ in pairs], pa.string()),
        }
    )


def _told(
    gathered: Sequence[tuple[int, list[tuple[int, float]]]],
    rows: pa.Table,
    ids: Sequence[str],
    texts: Sequence[str],
) -> tuple[Cluster, ...]:
    """Clusters in words."""
    wanted = {ids[row] for _, members in gathered for row, _ in members}
    origins = {
        identifier: origin
        for identifier, origin in zip(
            rows["intention_id"].to_pylist(), rows["origin"].to_pylist(), strict=True
        )
        if identifier in wanted
    }
    return tuple(
        Cluster(
            ids[top],
            _clean(texts[top]),
            tuple(
                Member(ids[row], _clean(texts[row]), min(1.0, score), origins[ids[row]])
                for row, score in sorted(members, key=lambda each: (-each[1], each[0]))
            ),
        )
        for top, members in gathered
    )


def _count(rows: pa.Table, origin: Origin) -> int:
    import pyarrow.compute as pc

    return int(pc.sum(pc.equal(rows["origin"], origin)).as_py() or 0)


def _clean(text: str) -> str:
    """Half a surrogate pair is no text that Arrow or JSON takes."""
    return text.encode("utf-8", "replace").decode("utf-8")
