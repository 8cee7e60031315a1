"""The vectors of intentions, from the knowledge base's index into Neo4j's own.

They go by a statement of their own, outside the graph's transactions: the graph is complete
without them. Only intentions that have none yet get one; a vector does not change as long as the
embedder is the same (:mod:`kg.vectors`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from kg import sql
from kg.directory import Directory
from kg.manifest import Manifest, VectorState
from kg.neo4j import statements
from kg.neo4j.crew import Crew, Task
from kg.neo4j.names import Names
from kg.neo4j.patience import Patient, Progress
from kg.neo4j.schema import Schema
from kg.neo4j.state import State, part_key, vector_model
from kg.vectors import open_state

if TYPE_CHECKING:
    import neo4j

    from kg.vector_index import VectorIndex

STAGE = "neo4j: vectors"

_ROWS = 500  # of 384 numbers each, about two megabytes
_REMOVED = 5_000


def covered(manifest: Manifest) -> tuple[str, ...]:
    """Parts of the truth whose intentions have a vector in the knowledge base."""
    state = manifest.vectors
    parts = set(state.parts) if state else set()
    return tuple(part_key(p) for p in manifest.parts("assertions") if p.file in parts)


def is_current(manifest: Manifest, state: State) -> bool:
    """Whether the database has every vector that the knowledge base has."""
    vectors = manifest.vectors
    if vectors is None:
        return True
    return state.vector_model == model_of(vectors) and set(covered(manifest)) <= set(
        state.vector_parts
    )


def push_vectors(
    directory: Directory,
    manifest: Manifest,
    vectors: VectorState,
    *,
    patient: Patient,
    names: Names,
    schema: Schema,
    crew: Crew,
    state: State,
    save: Callable[[State], None],
    progress: Progress,
) -> tuple[State, int]:
    """Give the intentions in the database the vectors that they lack.

    Parameters
    ----------
    directory, manifest, vectors
        The knowledge base, and what it says of its vectors.
    patient, names, schema, crew
        The database, and what writes into it.
    state, save
        The state of the database, and what keeps a newer one there.
    progress
        Told how many vectors are written, and of how many.

    Returns
    -------
    State
        As it was saved last.
    int
        How many vectors were written.
    """
    label = names.label("Intention")
    index = open_state(directory, vectors)
    if state.vector_model != model_of(vectors):
        _forget(patient, names, schema, label)
        state = replace(state, vector_model=model_of(vectors), vector_parts=())
        save(state)
    new = set(covered(manifest)) - set(state.vector_parts)
    among = _mentioned(directory, manifest, new) if state.vector_parts else None
    query = statements.without_vectors(label, among=among is not None)
    ids: list[str] = patient.read(lambda tx: tx.run(query, ids=among, mark=names.mark).value("id"))
    absent = set(index.missing(ids))
    ids = [i for i in ids if i not in absent]
    for start in range(0, len(ids), _ROWS):
        some = ids[start : start + _ROWS]
        write = partial(_write, patient, names, label, index, some)
        crew.add(Task(write))
        progress(STAGE, start, len(ids))
    crew.drain()
    if ids:
        progress(STAGE, len(ids), len(ids))
    schema.index_vectors(vectors.dimension)
    state = replace(state, vector_parts=(*state.vector_parts, *sorted(new)))
    save(state)
    return state, len(ids)


def model_of(vectors: VectorState) -> str:
    """The embedder, and how long its vectors are."""
    return vector_model(vectors.model, vectors.dimension)


def _write(
    patient: Patient, names: Names, label: str, index: VectorIndex, ids: Sequence[str]
) -> None:
    query = statements.set_vectors(label)
    rows = {"rows": len(ids), "id": list(ids), "mark": names.mark}

    def work(tx: neo4j.ManagedTransaction, _: int) -> None:
        tx.run(query, {**rows, "vectors": index.vectors(ids).tolist()}).consume()

    patient.write(work)


def _forget(patient: Patient, names: Names, schema: Schema, label: str) -> None:
    """Remove the vectors of another embedder, and their index."""
    schema.drop_vectors()
    query = statements.remove_vectors(label)

    def work(tx: neo4j.ManagedTransaction, _: int) -> int:
        record = tx.run(query, rows=_REMOVED, mark=names.mark).single(strict=True)
        return int(record["removed"])

    while patient.write(work):
        pass


def _mentioned(directory: Directory, manifest: Manifest, new: set[str]) -> list[str]:
    """Intentions that some parts of the truth speak of."""
    parts = [part for part in manifest.parts("assertions") if part_key(part) in new]
    with sql.connect(directory, manifest, tables=()) as connection:
        sql.part_view(connection, directory, "assertions", parts, name="fresh")
        found = connection.sql("SELECT DISTINCT intention_id FROM fresh ORDER BY 1").fetchall()
    return [identifier for (identifier,) in found]
