"""What ``verify`` asks of the vectors."""

from __future__ import annotations

from collections.abc import Iterator

from kg import sql
from kg.directory import Directory
from kg.findings import Finding
from kg.manifest import Manifest
from kg.vectors import embedded_texts, intention_ids, open_state
from schema.errors import CorruptError, IntentKGError

_SAMPLE = 32  # intentions embedded anew
_AGREEMENT = 0.99  # cosine; the rounding of bf16 and of bytes is far below
_SHOWN = 3


def check_vectors(
    directory: Directory, manifest: Manifest, *, embed: bool = True
) -> Iterator[Finding]:
    """Compare the vector index with its own manifest, and its content with the truth.

    Parameters
    ----------
    directory, manifest
        The knowledge base, and the state of it to look at.
    embed
        Also embed a few intentions anew and compare, if the model is on this machine.

    Yields
    ------
    Finding
        ``vectors-files``: missing, altered, or not what ``kb.json`` says. ``vectors-ids``:
        an intention without a vector, or a vector without an intention. ``vectors-values``: a
        vector is not that of its text. ``vectors-model``, ``vectors-stale``,
        ``vectors-missing``: information only.
    """
    build = f"intentkg build {directory.root}"
    parts = {part.file for part in manifest.parts("assertions")}
    state = manifest.vectors
    if state is None:
        if parts:
            yield Finding("vectors-missing", "info", "the vectors have not been built yet", build)
        return
    try:
        index = open_state(directory, state)
    except CorruptError as error:
        if directory.manifest().vectors == state:  # else a writer has replaced them meanwhile
            yield Finding("vectors-files", "error", error.message, f"{build} --fresh")
        return
    fresh = parts - set(state.parts)
    if fresh:
        rows = sum(part.rows for part in manifest.parts("assertions") if part.file in fresh)
        message = f"the vectors are behind the truth by up to {rows:,} assertions"
        yield Finding("vectors-stale", "info", message, build)
    built = [part for part in manifest.parts("assertions") if part.file in set(state.parts)]
    with sql.connect(directory, manifest, tables=()) as connection:
        sql.part_view(connection, directory, "assertions", built, name="assertions")
        wanted = intention_ids(connection)
        lost = index.missing(wanted)
        extra = sorted(set(index.ids()).difference(wanted)) if len(index) > len(wanted) else []
        for ids, what in (
            (lost, "intentions have no vector"),
            (extra, "vectors have no intention"),
        ):
            if ids:
                message = f"{len(ids):,} {what}: {', '.join(ids[:_SHOWN])}"
                yield Finding("vectors-ids", "error", message, f"{build} --fresh")
        if not embed or lost or not wanted:
            return
        chosen = wanted[:: max(1, len(wanted) // _SAMPLE)]
        held, texts = next(embedded_texts(connection, chosen))
    try:
        from kg.embed import load_embedder

        embedder = load_embedder(state.model)
        expected = embedder.encode(texts)
    except IntentKGError as error:
        message = f"cannot embed anew with {state.model}: {error.message}"
        yield Finding("vectors-model", "info", message)
        return
    cosines = (expected * index.vectors(held)).sum(axis=1)
    wrong = [identifier for identifier, c in zip(held, cosines, strict=True) if not c > _AGREEMENT]
    if wrong:
        message = (
            f"{len(wrong)} of {len(held)} vectors are not those of their texts: "
            f"{', '.join(wrong[:_SHOWN])}"
        )
        yield Finding("vectors-values", "error", message, f"{build} --fresh")
