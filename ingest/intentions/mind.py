"""MIND's co-buy intentions, as its generation script and, later, its role-aware filter write them.

::

    id_a, id_b, Product_a, Product_b, Relation, product_a_desc, product_b_desc, Intention, tail
    ... and Agreement, after the filter

- `Intention` is what MIND's model wrote: "The potential co-buy intention for these two products
  could be that they both are a type of ...". The opening and the relation's phrase are cut off.
- `tail` in MIND's own files is the FolkScope sentence that its prompt began from. It is not MIND's
  and is not imported (FolkScope's own file is, as ``folkscope``); such rows are counted. A `tail`
  that is no such sentence is the intention without its phrase, and is preferred.
- `Agreement` begins with Yes or No, the filter's verdict; the rest is its rationale.
- The descriptions are the model's as well. They go to the product's `attributes`.

The annotation files that FolkScope's repository carries have two such rows side by side
(``id_a_1`` ... ``id_a_2`` ...), with addresses of images and a category of each product. They are
read too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ingest.batching import Collector
from ingest.cleaning import BadValue, image_refs, text, truth
from ingest.intentions.pairs import PairWriter, product, row_key
from ingest.intentions.sentences import has_preface, read_sentence
from ingest.reading import Guess, Options, reader
from ingest.rows import Field, TableRow, read_rows
from ingest.sampling import Sample, guess_fields, take
from schema.records import Item

MODEL = "mind"
"""Model of the evidence: MIND's generator, LLaVA-1.5-13b."""

FIELDS = (
    Field("id_a", ("item_a_id",), required=True),
    Field("id_b", ("item_b_id",), required=True),
    Field("Relation", required=True),
    Field("Intention", required=True),
    Field("Product_a", ("item_a_name",)),
    Field("Product_b", ("item_b_name",)),
    Field("product_a_desc"),
    Field("product_b_desc"),
    Field("tail"),
    Field("Agreement"),
    *(Field(f"item_{end}_{name}") for end in "ab" for name in ("cate", *(
        f"img{number}_url" for number in (1, 2, 3)
    ))),
)  # fmt: skip

_SIDE_BY_SIDE = 2
_OPENING = re.compile(
    r"""\s*(?:the\s+)?potential\s+co-?buy(?:ing)?\s+intention\b.{0,600}?
        \b(?:(?:could|would|might|may|can)\s+(?:\w+\s+)?be|is)\b(?:\s+that\b)?[\s,:]*""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_VERDICT = re.compile(r"\W*(yes|no)\b[\s.,:;!-]*", re.IGNORECASE)


def sniff(sample: Sample) -> Guess:
    """Rate a sample: MIND's own columns, once or side by side."""
    if sample.has("id_a_1", "id_b_1", "Relation_1", "Intention_1"):
        return 0.97, "MIND's columns, numbered"
    sure, why = guess_fields(sample, FIELDS, strength=0.8)
    if sure >= 0.8 and sample.has_any(("product_a_desc", "Agreement", "Product_a")):
        return 1.0, why
    return sure, why


@reader(
    "mind",
    kind="intentions",
    summary="MIND's co-buy intentions, before or after its role-aware filter",
    sniff=sniff,
    fields=FIELDS,
)
def read(path: Path, options: Options) -> Iterator[Item]:
    """Read MIND's rows; yields products, co-buys and assertions."""
    out = Collector(path, source=options.source or "mind")
    writer = PairWriter(out)
    numbered = not options.columns and take(path).has("id_a_1", "id_b_1")
    fields = _numbered() if numbered else FIELDS
    for row in read_rows(path, fields, columns=options.columns, limit=options.max_line):
        if row.problem:
            out.problem(row.line, row.problem, row.text)
        else:
            for values in _parts(row, numbered=numbered):
                with out.row(row.line, row.text):
                    _add(out, writer, row, values)
        yield from out.drain()
    yield from out.finish()


def _numbered() -> list[Field]:
    return [
        Field(f"{field.name}_{n}", required=field.required and n == 1)
        for n in range(1, _SIDE_BY_SIDE + 1)
        for field in FIELDS
    ]


def _parts(row: TableRow, *, numbered: bool) -> Iterator[Mapping[str, Any]]:
    """Yield the one row, or the two that stand side by side."""
    if not numbered:
        yield row.values
        return
    for n in range(1, _SIDE_BY_SIDE + 1):
        part = {field.name: row.values.get(f"{field.name}_{n}") for field in FIELDS}
        if any(value is not None for value in part.values()):
            yield part


def _add(out: Collector, writer: PairWriter, row: TableRow, values: Mapping[str, Any]) -> None:
    named = text(values.get("Relation"), "Relation")
    written, foreign = _sentence(values)
    reading = read_sentence(written, named, "mind")
    verdict = text(values.get("Agreement"), "Agreement")
    accepted, rationale, clear = _verdict(verdict)
    if not writer.add(
        row.line,
        row.text,
        _product(values, "a"),
        _product(values, "b"),
        relation=reading.relation.name,
        text=reading.tail,
        model=MODEL,
        request=row_key(named or "", written),
        accepted=accepted,
        rationale=rationale,
    ):
        return
    if named is None:
        reading.count(out)
    if foreign:
        out.note("FolkScope's sentences in the column tail, not imported")
    if not clear:
        out.note("verdicts that are neither yes nor no, kept as a rationale alone")


def _sentence(values: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the intention, and whether there is a FolkScope sentence beside it."""
    intention = text(values.get("Intention"), "Intention")
    tail = text(values.get("tail"), "tail")
    foreign = tail is not None and has_preface(tail)
    if tail is not None and tail.strip() and not foreign:
        return tail, False
    if intention is None:
        raise BadValue("Intention is missing", "give every row its intention, or leave it out")
    opening = _OPENING.match(intention)
    return (intention[opening.end() :] if opening else intention), foreign


def _verdict(cell: str | None) -> tuple[bool | None, str | None, bool]:
    """Return verdict, rationale, and whether the cell was clear."""
    if cell is None:
        return None, None, True
    if found := _VERDICT.match(cell):
        return found[1].casefold() == "yes", cell[found.end() :].strip() or None, True
    try:
        return truth(cell, "Agreement"), None, True
    except BadValue:
        return None, cell, False


def _product(values: Mapping[str, Any], end: str) -> dict[str, Any]:
    category = text(values.get(f"item_{end}_cate"), "category")
    addresses = [values.get(f"item_{end}_img{number}_url") for number in (1, 2, 3)]
    description = text(values.get(f"product_{end}_desc"), "description")
    return product(
        values.get(f"id_{end}"),
        values.get(f"Product_{end}"),
        f"id_{end}",
        categories=[category] if category else None,
        images=image_refs(addresses),
        attributes={"mind_description": description} if description else None,
    )
