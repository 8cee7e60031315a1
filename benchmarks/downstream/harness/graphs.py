"""Knowledge bases that benchmarks retrieve from: made of published files, or of what a model says.

Each is made once per run folder; one that was interrupted is gone on with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from kg.build import build
from kg.directory import Directory
from kg.truth import Transaction
from schema.identity import post_id
from schema.records import SCHEMAS, Rows

if TYPE_CHECKING:
    from benchmarks.downstream.harness.running import Run
    from generation.backends import Backend
    from generation.pipeline import Pipeline
    from queries.features import Retrieved

_MARK = "finished"
_GOING = "benchmark"


def graph_of_files(
    folder: Path, files: Mapping[Path, str], *, progress: Callable[[str], None] | None = None
) -> Directory:
    """Import published intentions and build the knowledge base.

    Parameters
    ----------
    folder
        Where it lies; one that is finished is taken as it is.
    files
        Files (or folders) with the format of each, as ``intentkg formats`` lists them.
    """
    from ingest import reading

    directory = _opened(folder)
    if (folder / _MARK).exists():
        return directory
    for file, form in files.items():
        if progress is not None:
            progress(f"importing {file.name}")
        with Transaction(directory, "import") as transaction:
            for item in reading.read(str(file), form, kind="intentions"):
                transaction.add(item)
            transaction.commit()
    return _built(directory, progress)


def graph_of_posts(
    folder: Path,
    texts: Mapping[str, str],
    *,
    relations: Sequence[str] | None = None,
    samples: int = 1,
    backend: Backend | None = None,
    pipeline: Pipeline[object] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Directory:
    """Have intentions written about texts, and build the knowledge base.

    Parameters
    ----------
    folder
        Where it lies; one that is finished is taken as it is. Every reply is kept in its request
        store, so that none is asked for twice.
    texts
        By a name of its own, each text. It becomes the post :func:`text_id` of that name.
    relations, samples
        Which relations, and how many intentions in each.
    backend, pipeline
        Who writes, and what it is asked; by default the student that is shipped.
    """
    directory = _opened(folder)
    if (folder / _MARK).exists():
        return directory
    import pyarrow as pa

    rows = [
        {"id": text_id(name), "source": _GOING, "external_id": name, "text": text}
        for name, text in texts.items()
        if text.strip()
    ]
    with Transaction(directory, "ingest") as transaction:
        batch = pa.RecordBatch.from_pylist(rows, schema=SCHEMAS["posts"])
        lines = pa.array(list(range(1, len(rows) + 1)), pa.int64())
        transaction.add(Rows("posts", batch, lines, "posts"))
        transaction.commit()
    if backend is None:
        from generation.backends.student import StudentBackend

        backend = StudentBackend()
    asked = pipeline if pipeline is not None else _student(relations, samples)
    asyncio.run(_write(directory, texts, backend, asked, progress))
    return _built(directory, progress)


def retrieve(
    graph: str,
    run: Run,
    keys: Sequence[str],
    texts: Sequence[str],
    *,
    k: int,
    relations: Sequence[str],
) -> Retrieved:
    """Intentions of texts, from a graph that is made for a run.

    Parameters
    ----------
    graph
        ``student``: the student writes about each text, whose own intentions these are.
        ``atomic``: ATOMIC 2020's evaluation sample, of which the nearest in meaning are taken.
    keys, texts
        Shape (n,): names that tell the texts apart, and the texts.
    k
        Intentions at most for each.
    relations
        What the student writes.
    """
    from queries.features import Features

    place = run.place(f"{graph}.kg")
    if graph == "student":
        named = dict(zip(keys, texts, strict=True))
        directory = graph_of_posts(place, named, relations=relations, progress=run.progress)
    else:
        file = run.data("atomic2020", "atomic2020_eval5000.tsv.gz")
        directory = graph_of_files(place, {file: "atomic"}, progress=run.progress)
    with Features(directory) as features:
        run.progress("retrieving intentions")
        if graph == "student":
            return features.of("Post", list(map(text_id, keys)), k=k, texts=texts)
        return features.of_texts(texts, k=k)


def coverage(retrieved: Retrieved, what: str) -> str:
    """Say how many have intentions, and how many each: what the `what` are is for people."""
    share = 100.0 * float((~retrieved.missing).mean())
    mean = float(retrieved.mask.sum(1).mean())
    return f"{share:.0f} % of the {what} have intentions, {mean:.1f} each."


def text_id(name: str) -> str:
    """The post that :func:`graph_of_posts` makes of the text of that name."""
    return post_id(_GOING, name)


def _student(relations: Sequence[str] | None, samples: int) -> Pipeline[object]:
    from typing import cast

    from generation.student.pipeline import PostApprentice, StudentOptions
    from generation.student.student import describe

    label, known = describe()
    options = StudentOptions(model=label, relations=relations, samples=samples, images=False)
    return cast("Pipeline[object]", PostApprentice(options, known))


async def _write(
    directory: Directory,
    texts: Mapping[str, str],
    backend: Backend,
    pipeline: Pipeline[object],
    progress: Callable[[str], None] | None,
) -> None:
    from generation.heads import PostHead
    from generation.pipeline import generate
    from generation.runner import Session
    from generation.store import RequestStore

    heads = [PostHead(text_id(name), text) for name, text in texts.items() if text.strip()]
    done = 0
    with RequestStore(directory.root / "requests.sqlite") as store:
        async with Session(backend, store) as session:
            rows = generate(session, pipeline, heads, run=_GOING)
            with Transaction(directory, "generate") as transaction:
                async with aclosing(rows):
                    async for each in rows:
                        transaction.add(each)
                        done += each.batch.num_rows
                        if progress is not None:
                            progress(f"{done:,} intentions written")
                transaction.commit()


def _opened(folder: Path) -> Directory:
    if (folder / "kb.json").exists():
        return Directory(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return Directory.create(folder)


def _built(directory: Directory, progress: Callable[[str], None] | None) -> Directory:
    if progress is not None:
        progress(f"building {directory.root.name}")
    build(directory)
    (directory.root / _MARK).touch()
    return directory
