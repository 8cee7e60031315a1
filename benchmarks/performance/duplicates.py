"""How fast near-duplicates are found, and how many of those that were planted.

    python -m benchmarks.performance.duplicates [--quick] [--sizes 100000,300000,1000000]

Intentions are recombined (:mod:`benchmarks.performance.recombine`); every tenth has a twin that
differs in a way that keeps its meaning: an article, a plural, the order of a list, a spelling.
Three ways, each in a process of its own:

- ``spelling``: candidates by MinHash alone, from a knowledge base without vectors: the members of
  candidate pairs are embedded within the time. At 100,000 at most: sixteen thousand sentences
  recombined are alike so often that nearly all are members, and what is timed is the embedder.
- ``both``: candidates by spelling and by meaning, vectors stored by a build before. The vectors of
  this benchmark are not embedded, which would take a quarter of an hour at a million: a twin's is
  its original's with a little noise (cosine 0.95), others are mixed from a real sample, so that
  they crowd as real ones do. So the time is that of real vectors, the clusters are not.
- ``sentence-transformers``: ``util.paraphrase_mining`` (its defaults, which embed), the usual way,
  at the sizes where it ends.

Goal: a million intentions, vectors stored, in under 10 minutes on 2 cores.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.performance.recombine import intentions
from kg.directory import Directory
from kg.truth import Transaction
from queries.corpus import Corpus
from queries.duplicates import find
from schema import identity
from schema.records import SCHEMAS, Rows, Table

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SIZES: tuple[int, ...] = (100_000, 300_000, 1_000_000)
PEER_SIZES = (3_000,)
MOST_EMBEDDED = 100_000
GOAL_SECONDS = 600

_EVERY = 10
_PER_POST = 10
_NOISE = 0.33  # length of what is added to a twin's vector: cosine 0.95
_ROWS = 50_000


def twin(text: str, chance: random.Random) -> str:
    """The same intention in other words: an article, a plural, a phrase that says nothing."""
    last = re.search(r"(\w{4,})\W*$", text)
    ways = [
        re.sub(r"\b(?:the|a|an) ", "", text, count=1),
        re.sub(r"\bto ", "in order to ", text, count=1),
        re.sub(r"\b(\w{4,})ize", r"\1ise", text),
        text[: last.end(1)].removesuffix("s") + text[last.end(1) :] if last else text,
        text + "s" if last else text,
    ]
    chance.shuffle(ways)
    before = identity.normalise_text(text)
    return next((w for w in ways if identity.normalise_text(w) != before), text + " !")


def texts_of(count: int) -> tuple[list[str], list[int]]:
    """Texts, distinct by identity, and of each the number of its original; its own if it is one."""
    chance = random.Random(11)
    originals = intentions(count * _EVERY // (_EVERY + 1))
    texts, origins = list(originals), list(range(len(originals)))
    seen = {identity.intention_id(text) for text in texts}
    for number in range(0, len(originals), _EVERY):
        made = twin(originals[number], chance)
        key = identity.intention_id(made)
        if key not in seen:
            seen.add(key)
            texts.append(made)
            origins.append(number)
    return texts, origins


def make(path: Path, count: int) -> None:
    """A knowledge base of so many intentions, without vectors, and what was planted beside it."""
    if (path / "planted.json").exists():
        return
    texts, origins = texts_of(count)
    directory = Directory.create(path)
    ids = [identity.intention_id(text) for text in texts]
    numbers = range(len(texts) // _PER_POST + 1)
    with Transaction(directory, "benchmark") as transaction:
        _add(transaction, "posts", [_post(number) for number in numbers])
        _add(transaction, "assertions", [_row(n, text) for n, text in enumerate(texts)])
        transaction.commit()
    planted = [(ids[n], ids[origin]) for n, origin in enumerate(origins) if n != origin]
    (path / "planted.json").write_text(json.dumps(planted), encoding="utf-8")


def _add(transaction: Transaction, table: Table, rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa

    for start in range(0, len(rows), _ROWS):
        some = rows[start : start + _ROWS]
        batch = pa.RecordBatch.from_pylist(some, schema=SCHEMAS[table])
        lines = pa.array(range(start + 1, start + len(some) + 1), pa.int64())
        transaction.add(Rows(table, batch, lines, "planted"))


def _post(number: int) -> dict[str, Any]:
    key = identity.post_id("planted", str(number))
    return {"id": key, "source": "planted", "external_id": str(number), "text": "planted"}


def _row(number: int, text: str) -> dict[str, Any]:
    head = identity.post_id("planted", str(number // _PER_POST))
    tail = identity.intention_id(text)
    assertion = identity.assertion_id("Post", head, "xIntent", tail)
    evidence = identity.evidence_id(assertion, source="planted", request=str(number))
    return {
        "id": evidence, "assertion_id": assertion, "head_type": "Post", "head_id": head,
        "relation": "xIntent", "intention_id": tail, "text": text, "source": "planted",
        "request": str(number),
    }  # fmt: skip


def give_vectors(path: Path, count: int) -> None:
    """Store vectors that crowd as real ones do, in place of what a build would embed."""
    import numpy as np

    from kg.embed import load_embedder
    from kg.manifest import VectorState
    from kg.vector_index import VectorIndex

    directory = Directory(path)
    if directory.manifest().vectors is not None:
        return
    texts, origins = texts_of(count)
    ids = [identity.intention_id(text) for text in texts]
    embedder = load_embedder()
    real = embedder.encode(texts[:: max(1, len(texts) // 20_000)][:20_000])
    chance = np.random.default_rng(5)
    originals = next((n for n, origin in enumerate(origins) if n != origin), len(texts))
    rows = np.empty((len(texts), embedder.dimension), np.float16)
    for start in range(0, originals, _ROWS):
        end = min(originals, start + _ROWS)
        first, second = (real[chance.integers(0, len(real), end - start)] for _ in range(2))
        noise = chance.standard_normal(first.shape, np.float32) / first.shape[1] ** 0.5
        rows[start:end] = _unit(0.8 * first + 0.4 * second + 0.5 * noise)
    for n in range(originals, len(texts)):
        noise = chance.standard_normal(rows.shape[1]).astype(np.float32)
        rows[n] = _unit(rows[origins[n]] + _NOISE * noise / np.linalg.norm(noise))
    index = VectorIndex.create(
        embedder.dimension, embedder.name, sample=_unit(rows[:100_000]), count=len(ids)
    )
    for start in range(0, len(ids), _ROWS):
        index.add(ids[start : start + _ROWS], _unit(rows[start : start + _ROWS]))
    with directory.write("benchmark"):
        manifest = directory.manifest()
        place = "vectors/000002"
        checksum = index.save(directory.path(place))
        parts = tuple(part.file for part in manifest.parts("assertions"))
        state = VectorState(place, index.model, index.dimension, len(index), checksum, parts)
        directory.commit(replace(manifest, vectors=state))


def _unit(rows: Any) -> npt.NDArray[np.float32]:
    import numpy as np

    rows = np.asarray(rows, np.float32)
    found: npt.NDArray[np.float32] = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return found


def measure(path: Path, way: str, count: int) -> dict[str, Any]:
    """Run one way in this process."""
    planted = json.loads((path / "planted.json").read_text(encoding="utf-8"))
    start = time.perf_counter()
    if way == "sentence-transformers":
        found = _mined(path)
    else:
        result = find(Corpus(Directory(path)), candidates=way)  # type: ignore[arg-type]
        columns = ("intention_id", "canonical_id")
        both = zip(*(result.rows[c].to_pylist() for c in columns), strict=True)
        head = dict(both)
        found = {frozenset((a, b)) for a, b in planted if head.get(a, a) == head.get(b, b)}
    seconds = time.perf_counter() - start
    more = {}
    if way != "sentence-transformers":
        more = {"pairs": result.pairs, "merged": result.merged, "embedded": result.embedded}
    return {
        "way": way,
        "intentions": count,
        "seconds": seconds,
        "planted": len(planted),
        "found": sum(frozenset(pair) in found for pair in planted) / len(planted),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "load": os.getloadavg()[0],
        **more,
    }


def _mined(path: Path) -> set[frozenset[str]]:
    from sentence_transformers.util import paraphrase_mining

    from kg.embed import ReferenceEmbedder, load_embedder
    from queries.duplicates import THRESHOLD

    batches = [batch.to_pydict() for batch in Corpus(Directory(path)).batches()]
    ids = [i for batch in batches for i in batch["intention_id"]]
    texts = [identity.normalise_text(t) for batch in batches for t in batch["text"]]
    embedder = load_embedder(engine="sentence-transformers")
    assert isinstance(embedder, ReferenceEmbedder)
    mined = paraphrase_mining(embedder.load(), texts)
    return {frozenset((ids[a], ids[b])) for score, a, b in mined if score >= THRESHOLD}


@click.command()
@click.option("--quick", is_flag=True, help="Only small sizes; records nothing.")
@click.option("--sizes", help="Numbers of intentions, separated by commas.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path(".bench/duplicates"))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("benchmarks/results/duplicates.json"),
    help="Where the figures are written as JSON.",
)
@click.option("--one", nargs=2, type=(str, int), help="One way and size, in this process.")
def main(
    quick: bool, sizes: str | None, folder: Path, output: Path, one: tuple[str, int] | None
) -> None:
    """Measure near-duplicates beside paraphrase mining."""
    if one:
        way, count = one
        place = folder / f"{count}{'-vectors' if way == 'both' else ''}"
        click.echo(json.dumps(measure(place, way, count)))
        return
    chosen = [int(s) for s in sizes.split(",")] if sizes else [2_000] if quick else list(SIZES)
    peers = [min(chosen)] if quick else [*PEER_SIZES]
    runs = [("both", n) for n in chosen if n not in peers]
    runs += [("spelling", n) for n in chosen if n not in peers and n <= MOST_EMBEDDED]
    runs += [(way, n) for n in peers for way in ("spelling", "both", "sentence-transformers")]
    results = []
    for way, count in runs:
        place = folder / f"{count}{'-vectors' if way == 'both' else ''}"
        make(place, count)
        if way == "both":
            give_vectors(place, count)
        words = [sys.executable, "-m", "benchmarks.performance.duplicates", "--folder", str(folder)]
        done = subprocess.run(
            [*words, "--one", way, str(count)], check=True, capture_output=True, text=True
        )
        results.append(json.loads(done.stdout.splitlines()[-1]))
        r = results[-1]
        click.echo(
            f"{count:>9,} {way:<22} {r['seconds']:7.1f} s  {r['peak_mb']:6,.0f} MB  "
            f"planted found {r['found']:.3f}  load {r['load']:.1f}"
        )
        if not quick:
            output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    slow = [r for r in results if r["way"] != "sentence-transformers"]
    if any(r["seconds"] > GOAL_SECONDS for r in slow):
        raise click.ClickException(f"slower than {GOAL_SECONDS} s")


if __name__ == "__main__":
    main()
