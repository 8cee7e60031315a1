"""The vectors of a knowledge base: one for each intention, built from the truth, and opened.

An intention is embedded in its normalised text (:func:`schema.identity.normalise_text`), the form
that its id is made of: so its vector does not depend on which way of writing came first, and a
build that adds gives the same vectors as one from nothing. Searches should normalise likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kg import sql
from kg.directory import Directory
from kg.manifest import Manifest, VectorState
from kg.vector_forms import SAMPLE
from kg.vector_index import FLAT_LIMIT, VectorIndex
from kg.vector_spool import Spool
from schema.errors import CorruptError, NotBuiltError
from schema.identity import normalise_text

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import numpy.typing as npt

    from kg.embed import Embedder, EncodeProgress

    type Vectors = npt.NDArray[np.float32]
    type Chunk = tuple[list[str], Vectors]

Progress = Callable[[str, int, int | None], None]

STAGE = "vectors"
CHUNK = 16_384  # texts embedded, and kept in case of a crash, together
SPOOL = "vectors/spool"

_LONG = 2 * CHUNK  # texts from which on a build keeps what it has made so far


def open_index(directory: Directory, *, model: str | None = None) -> VectorIndex:
    """Open the current vectors of a knowledge base, after checking every byte of them.

    Parameters
    ----------
    directory
        The knowledge base.
    model
        The embedder's name, if it is to be the one that made the vectors.

    Raises
    ------
    NotBuiltError
        If there are none yet.
    CorruptError
        If they are missing, altered, or of another model.
    """
    while True:
        manifest = directory.manifest()
        state = manifest.vectors
        if state is None and not any(part.rows for part in manifest.parts("assertions")):
            raise NotBuiltError(
                f"{directory.root} holds no intentions yet",
                fix=f"intentkg import or intentkg generate, then: intentkg build {directory.root}",
            )
        if state is None:
            raise NotBuiltError(
                f"{directory.root} has no vectors yet", fix=f"intentkg build {directory.root}"
            )
        try:
            return open_state(directory, state, model=model)
        except CorruptError as error:
            if directory.manifest().vectors != state:
                continue  # a writer has replaced them meanwhile
            fix = (error.fix or "").replace("build KB", f"build {directory.root}")
            raise CorruptError(error.message, fix=fix) from None


def open_state(
    directory: Directory, state: VectorState, *, model: str | None = None
) -> VectorIndex:
    """Open the vectors that a manifest names; errors as :func:`open_index`."""
    index = VectorIndex.open(
        directory.path(state.directory), expected=state.sha256, model=model or state.model
    )
    if (len(index), index.dimension) != (state.count, state.dimension):
        raise CorruptError(
            f"{directory.path(state.directory)} does not agree with kb.json",
            fix="intentkg build KB --fresh",
        )
    return index


def build_vectors(
    directory: Directory,
    manifest: Manifest,
    staging: Path,
    *,
    embedder: Embedder,
    fresh: bool = False,
    progress: Progress | None = None,
    connection: duckdb.DuckDBPyConnection | None = None,
) -> VectorState | None:
    """Bring the vectors up to date with the truth, as a new generation beside the current one.

    Only intentions that have no vector yet are embedded; vectors of intentions that are gone are
    removed. Everything is made anew if `fresh`, if the model is another one, or if the current
    vectors are missing or damaged. A build that is killed goes on where it was.

    Parameters
    ----------
    directory, manifest
        The knowledge base, held for writing, and the state of it to build from.
    staging
        The writer's staging directory.
    embedder
        What turns text into vectors.
    fresh
        From nothing.
    progress
        Called with the stage, how many texts are embedded, and how many there are to embed.
    connection
        A connection of :func:`kg.sql.connect` to that state, if there is one already.

    Returns
    -------
    VectorState or None
        For the manifest, on stable storage; the current one if there is nothing to do; None if
        the truth holds no intention.
    """
    parts = tuple(part.file for part in manifest.parts("assertions"))
    if connection is None:
        with sql.connect(directory, manifest, tables=("assertions",), scratch=staging) as opened:
            return build_vectors(
                directory,
                manifest,
                staging,
                embedder=embedder,
                fresh=fresh,
                progress=progress,
                connection=opened,
            )
    state = manifest.vectors
    wanted = intention_ids(connection)
    index = None if fresh else _current(directory, state, embedder)
    if not wanted:
        return None
    missing = wanted if index is None else index.missing(wanted)
    gone = sorted(set(index.ids()).difference(wanted)) if index is not None else []
    if index is not None and state is not None and not missing and not gone:
        return replace(state, parts=parts)
    spool = Spool(directory.path(SPOOL), embedder.name, embedder.dimension)
    made = _embedded(connection, missing, len(wanted), embedder, spool, progress or _silent)
    index = _merged(index, gone, made, len(wanted), embedder)
    place = f"vectors/{manifest.revision + 1:06d}"
    checksum = index.save(directory.path(place))
    # Into the staging directory, which goes when the new generation has been committed.
    if directory.path(SPOOL).exists():
        directory.path(SPOOL).rename(staging / "spool")
    return VectorState(place, index.model, index.dimension, len(index), checksum, parts)


def intention_ids(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Ids of all intentions, ascending, by the view ``assertions`` of :mod:`kg.sql`."""
    query = "SELECT DISTINCT intention_id FROM assertions ORDER BY 1"
    ids: list[str] = connection.sql(query).to_arrow_table()["intention_id"].to_pylist()
    return ids


def embedded_texts(
    connection: duckdb.DuckDBPyConnection, ids: list[str] | None = None
) -> Iterator[tuple[list[str], list[str]]]:
    """Yield ids, ascending, with the texts to embed for them, a chunk at a time.

    Parameters
    ----------
    connection
        A connection of :mod:`kg.sql` with the view ``assertions``.
    ids
        Which intentions; default all.
    """
    import pyarrow as pa

    chosen = ""
    if ids is not None:
        connection.register("chosen", pa.table({"intention_id": pa.array(ids, pa.string())}))
        chosen = "SEMI JOIN chosen USING (intention_id)"
    query = (
        "SELECT intention_id, min(text) AS text FROM assertions "
        f"{chosen} GROUP BY intention_id ORDER BY intention_id"
    )
    for batch in connection.sql(query).to_arrow_reader(CHUNK):
        if batch.num_rows:
            texts = [normalise_text(text) for text in batch["text"].to_pylist()]
            yield batch["intention_id"].to_pylist(), texts


def _current(
    directory: Directory, state: VectorState | None, embedder: Embedder
) -> VectorIndex | None:
    """The index to add to; None if there is none that would do."""
    if state is None or (state.model, state.dimension) != (embedder.name, embedder.dimension):
        return None
    try:
        return open_state(directory, state)
    except CorruptError:
        return None


def _embedded(
    connection: duckdb.DuckDBPyConnection,
    missing: list[str],
    total: int,
    embedder: Embedder,
    spool: Spool,
    report: Progress,
) -> Callable[[], Iterator[Chunk]]:
    """Embed what is missing; what takes long is kept on the way, and taken from there.

    Returns
    -------
    callable
        Gives the chunks, ascending by id as far as they were made in one go, each time anew.
    """
    kept = spool.ids()
    left = [i for i in missing if i not in kept] if kept else missing
    long = bool(kept) or len(left) > _LONG
    chunks: list[Chunk] = []
    done = len(missing) - len(left)
    report(STAGE, done, len(missing))
    for ids, texts in embedded_texts(connection, None if len(left) == total else left):
        vectors = embedder.encode(texts, progress=_part(report, done, len(missing)))
        done += len(ids)
        if long:
            spool.append(ids, vectors)
        else:
            chunks.append((ids, vectors))
    return partial(_chosen, spool, frozenset(missing)) if long else chunks.__iter__


def _chosen(spool: Spool, wanted: Set[str]) -> Iterator[Chunk]:
    """What the spool holds of `wanted`; it may hold more, of an earlier truth."""
    for ids, vectors in spool:
        mine = [row for row, identifier in enumerate(ids) if identifier in wanted]
        yield (
            ([ids[row] for row in mine], vectors[mine]) if len(mine) < len(ids) else (ids, vectors)
        )


def _merged(
    index: VectorIndex | None,
    gone: list[str],
    made: Callable[[], Iterator[Chunk]],
    total: int,
    embedder: Embedder,
) -> VectorIndex:
    """The current index without `gone`, or a new one, with what was made."""
    import numpy as np

    if index is None:
        sample: list[Vectors] = []
        for _, vectors in made() if total > FLAT_LIMIT else ():
            sample.append(vectors)
            if sum(map(len, sample)) >= SAMPLE:
                break
        index = VectorIndex.create(
            embedder.dimension,
            embedder.name,
            # Ids are hashes, so the first ones are as good a sample as any.
            sample=np.concatenate(sample) if sample else None,
            count=total,
        )
    else:
        index.remove(gone)
        index = index.grown(total)
    for ids, vectors in made():
        index.add(ids, vectors)
    return index


def _part(report: Progress, done: int, total: int) -> EncodeProgress:
    """Progress within a chunk, told as progress of the whole."""
    return lambda part, _: report(STAGE, done + part, total)


def _silent(stage: str, done: int, total: int | None) -> None:
    """Report to nobody."""
