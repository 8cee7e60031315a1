"""IntentionQA (Ding et al. 2024): FolkScope sentences that people found typical, as questions.

Read are the three JSON-lines files (task 1, task 1 by relation, task 2) and a table of the same
pairs and sentences. A row gives two products, their co-buy and one assertion: the sentence. The
options of a question are other rows' sentences or products, and no assertion is made of them.

All four files say the same of a row. Two of them name no relation (``all``), one names it for all
but 110 rows, and ``other`` there is what its makers could not part: the phrase decides for these,
so a row becomes the same assertion whichever file it is read from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ingest.batching import Collector
from ingest.cleaning import BadValue, identifier, number, text
from ingest.intentions.folkscope import MODEL, RESIDUAL
from ingest.intentions.pairs import PairWriter, product
from ingest.intentions.sentences import read_sentence
from ingest.reading import Guess, Options, reader
from ingest.rows import Field, TableRow, read_rows
from ingest.sampling import Sample, guess_fields
from schema.records import Item

FIELDS = (
    Field("id", ("question_id",), required=True),
    Field("item_a_id", required=True),
    Field("item_b_id", required=True),
    Field("assertion", required=True),
    Field("item_a_name"),
    Field("item_b_name"),
    Field("relation"),
    Field("typicality"),
)

_ID = re.compile(r"FS_\d+\Z")


def sniff(sample: Sample) -> Guess:
    """Rate a sample: FolkScope's columns with this benchmark's row ids, or its questions."""
    sure, why = guess_fields(sample, FIELDS, strength=0.6)
    if sure < 0.6:
        return sure, why
    if sample.has("gold_ind", "options"):
        return 1.0, "two items, an assertion, options and the right one"
    if any(_ID.match(str(row.get("id", ""))) for row in sample.rows):
        return 1.0, "two items, an assertion, and ids such as FS_1"
    return sure, why


@reader(
    "intentionqa",
    kind="intentions",
    summary="IntentionQA's questions, or the table of their pairs and sentences",
    sniff=sniff,
    fields=FIELDS,
)
def read(path: Path, options: Options) -> Iterator[Item]:
    """Read IntentionQA; yields products, co-buys and assertions."""
    out = Collector(path, source=options.source or "intentionqa")
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
    key = identifier(cell("id"))
    sentence = text(cell("assertion"), "assertion")
    if key is None or sentence is None:
        missing = "id" if key is None else "assertion"
        raise BadValue(f"{missing} is missing", f"give every row its {missing}")
    reading = read_sentence(
        sentence, text(cell("relation"), "relation"), "folkscope", residual=RESIDUAL
    )
    if writer.add(
        row.line,
        row.text,
        product(cell("item_a_id"), cell("item_a_name"), "item_a_id"),
        product(cell("item_b_id"), cell("item_b_name"), "item_b_id"),
        relation=reading.relation.name,
        text=reading.tail,
        model=MODEL,
        request=key,
        typicality=number(cell("typicality"), "typicality"),
    ):
        reading.count(out)
