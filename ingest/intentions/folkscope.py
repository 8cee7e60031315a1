"""FolkScope's co-buy intentions (Yu et al., ACL 2023): one sentence a row, with two scores.

The layout is the one that FolkScope's and MIND's public code reads::

    item_a_id, item_b_id, item_a_name, item_b_name, relation, assertion, plausibility, typicality

Only the two ids and the sentence are needed. Without a relation, or with ``other`` (FolkScope's
name for what its scripts could not part), the sentence's phrase decides; see
:mod:`ingest.intentions.sentences`. Scores are taken as they are and have to lie in [0, 1].

FolkScope has three samples for each prompt, so a pair and a relation have several rows. A row
without an id of its own gets one from what it says.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ingest.batching import Collector
from ingest.cleaning import BadValue, identifier, number, text
from ingest.intentions.pairs import PairWriter, product, row_key
from ingest.intentions.sentences import read_sentence
from ingest.reading import Guess, Options, reader
from ingest.rows import Field, TableRow, read_rows
from ingest.sampling import Sample, guess_fields
from schema.records import Item

MODEL = "folkscope"
"""Model of the evidence: FolkScope's generator, OPT-30B."""

RESIDUAL = frozenset({"other", "all"})

FIELDS = (
    Field("item_a_id", ("id_a", "asin_a", "product_a_id", "item_a"), required=True),
    Field("item_b_id", ("id_b", "asin_b", "product_b_id", "item_b"), required=True),
    Field("assertion", ("generation", "sentence", "intention_sentence", "output"), required=True),
    Field("relation", ("rel", "relation_type")),
    Field("item_a_name", ("item_a_title", "title_a", "name_a", "product_a")),
    Field("item_b_name", ("item_b_title", "title_b", "name_b", "product_b")),
    Field("plausibility", ("plausibility_score", "plausible", "plausible_score", "validity")),
    Field("typicality", ("typicality_score", "typical", "typical_score", "quality")),
    Field("id", ("row_id", "sid", "assertion_id")),
)


def sniff(sample: Sample) -> Guess:
    """Rate a sample: two items and a sentence about them."""
    return guess_fields(sample, FIELDS, strength=0.75)


@reader(
    "folkscope",
    kind="intentions",
    summary="FolkScope's co-buy intentions: a sentence, a relation and two scores a row",
    sniff=sniff,
    fields=FIELDS,
)
def read(path: Path, options: Options) -> Iterator[Item]:
    """Read FolkScope's rows; yields products, co-buys and assertions."""
    out = Collector(path, source=options.source or "folkscope")
    writer = PairWriter(out)
    for row in read_rows(path, FIELDS, columns=options.columns, limit=options.max_line):
        if row.problem:
            out.problem(row.line, row.problem, row.text)
        else:
            with out.row(row.line, row.text):
                _add(out, writer, row)
        yield from out.drain()
    yield from out.finish()


def _add(out: Collector, writer: PairWriter, row: TableRow) -> None:
    cell = row.values.get
    sentence = text(cell("assertion"), "assertion")
    if sentence is None:
        raise BadValue("assertion is missing", "give every row its sentence, or leave it out")
    named = text(cell("relation"), "relation")
    reading = read_sentence(sentence, named, "folkscope", residual=RESIDUAL)
    key = identifier(cell("id")) or row_key(named or "", sentence)
    if writer.add(
        row.line,
        row.text,
        product(cell("item_a_id"), cell("item_a_name"), "item_a_id"),
        product(cell("item_b_id"), cell("item_b_name"), "item_b_id"),
        relation=reading.relation.name,
        text=reading.tail,
        model=MODEL,
        request=key,
        plausibility=number(cell("plausibility"), "plausibility"),
        typicality=number(cell("typicality"), "typicality"),
    ):
        reading.count(out)
