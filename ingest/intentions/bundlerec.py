"""BundleRec (Sun et al., SIGIR 2022): bundles of Amazon products with intents that people wrote.

A path is a domain's directory (``electronic/``, ``clothing/``), a directory of such, or the file
``bundle_intent.csv`` of one; plain or compressed. Its neighbours are read with it:

==================  ===========================  ======================================
file                columns                      needed
==================  ===========================  ======================================
bundle_intent.csv   bundle ID, intent            yes
bundle_item.csv     bundle ID, item ID           yes
item_asin.csv       item ID, source ID           no: ids become bundlerec-<domain>-<id>
item_titles.csv     item ID, titles              no
item_categories.csv item ID, categories          no
==================  ===========================  ======================================

A bundle's intent becomes an assertion ``Open`` of every co-buy in the bundle (each unordered pair
of its items) and of every product in it. A co-buy's support is the number of bundles with the
pair, so the supports of a domain add up to its pairs in bundles (11,335 electronic, 10,500
clothing) while its distinct co-buys are fewer (9,387 and 8,554).

The tables are joined in memory, which grows with their size: some ten megabytes for each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from typing import Any

from ingest.batching import Collector
from ingest.cleaning import BadValue, identifier, text
from ingest.markup import plain
from ingest.reading import Guess, Options, reader
from ingest.rows import Field, TableRow, read_rows
from ingest.sampling import Sample
from schema.errors import InputError, UnsuitableFileError
from schema.identity import cobuy_id, product_id
from schema.records import Item, Rejection

MODEL = "human"

_ENDINGS = (".csv", ".csv.gz", ".csv.zst")
_NAME = re.compile(r"bundle_intent\.csv(\.gz|\.zst)?\Z")
_BUNDLE = Field("bundle ID", ("bundle",), required=True)
_ITEM = Field("item ID", ("item",), required=True)


def sniff(sample: Sample) -> Guess:
    """Rate a sample: a directory with the tables, or the table of intents."""
    if sample.container == "directory":
        if any(map(_NAME.match, sample.names)):
            return 1.0, "a directory with bundle_intent.csv"
        if _domains(sample.path):
            return 1.0, "a directory of directories with bundle_intent.csv"
        return 0.0, "no bundle_intent.csv"
    if sample.container == "csv" and sample.has("bundle ID", "intent"):
        return 0.95, "bundle IDs with intents"
    return 0.0, "no bundle IDs with intents"


@reader(
    "bundlerec",
    kind="intentions",
    summary="BundleRec's bundles with human-written intents: a domain's directory",
    sniff=sniff,
    options=("max_basket",),
    takes_directory=True,
    parts=("bundle_item", "item_asin", "item_titles", "item_categories"),
)
def read(path: Path, options: Options) -> Iterator[Item]:
    """Read bundles; yields products, co-buys and assertions of both."""
    if path.is_dir():
        found = _table(path, "bundle_intent")
        tables = [found] if found else _domains(path)
        if not tables:
            raise UnsuitableFileError(
                "there is no bundle_intent.csv in this directory",
                file=str(path),
                fix="name a domain's directory, such as electronic/",
            )
    else:
        tables = [path]
    for table in tables:
        yield from _Domain(table, options).items()


def _table(folder: Path, stem: str) -> Path | None:
    return next((p for end in _ENDINGS if (p := folder / (stem + end)).is_file()), None)


def _domains(folder: Path) -> list[Path]:
    try:
        inner = sorted(entry for entry in folder.iterdir() if entry.is_dir())
    except OSError:
        return []
    return [found for entry in inner if (found := _table(entry, "bundle_intent"))]


class _Domain:
    """One domain's tables, joined."""

    def __init__(self, intents: Path, options: Options) -> None:
        self._intents = intents
        self._options = options
        self._name = intents.resolve().parent.name
        self._out = Collector(intents, source=options.source or "bundlerec")
        self._bundles: dict[str, dict[str, None]] = {}  # bundle: its items, in order
        self._supports: dict[tuple[str, str], int] = {}
        self._asins: dict[str, str] = {}
        self._titles: dict[str, str] = {}
        self._categories: dict[str, list[str]] = {}
        self._refused: list[Rejection] = []

    def items(self) -> Iterator[Item]:
        self._read_tables()
        intents = self._read_intents()
        yield from self._refused
        self._count_pairs()
        out = self._out
        added: set[str] = set()  # products and co-buys
        for bundle in self._bundles:
            row = intents.get(bundle)
            self._add_bundle(bundle, row.line if row else 1, row.text if row else "", added)
            if row is None:
                out.note("bundles without an intent")
            else:
                with out.row(row.line, row.text):
                    self._add_intent(bundle, row)
            yield from out.drain()
        yield from out.finish()

    def _add_bundle(self, bundle: str, line: int, excerpt: str, added: set[str]) -> None:
        items = self._bundles[bundle]
        for item in items:
            if item not in added:
                added.add(item)
                self._out.add("products", self._product(item), line=line, excerpt=excerpt)
        for pair in self._pairs(bundle):
            key = cobuy_id(*pair)
            if key not in added:
                added.add(key)
                row = {"a": pair[0], "b": pair[1], "support": self._supports[pair]}
                self._out.add("cobuys", row, line=line, excerpt=excerpt)

    def _add_intent(self, bundle: str, row: TableRow) -> None:
        intent = text(row.values.get("intent"), "intent")
        if intent is None:
            raise BadValue("the intent is empty", "write one, or leave the bundle out")
        heads = [("CoBuy", cobuy_id(a, b)) for a, b in self._pairs(bundle)]
        heads += [("Product", product_id(self._id(item))) for item in self._bundles[bundle]]
        evidence: dict[str, Any] = {
            "relation": "Open",
            "text": intent,
            "model": MODEL,
            "request": f"{self._name}/{bundle}",
        }
        self._out.add_all(
            [
                ("assertions", {"head_type": kind, "head_id": head, **evidence})
                for kind, head in heads
            ],
            line=row.line,
            excerpt=row.text,
        )

    def _pairs(self, bundle: str) -> list[tuple[str, str]]:
        ids = {product_id(self._id(item)) for item in self._bundles[bundle]}
        return list(combinations(sorted(ids), 2))

    def _count_pairs(self) -> None:
        for bundle in self._bundles:
            for pair in self._pairs(bundle):
                self._supports[pair] = self._supports.get(pair, 0) + 1

    def _id(self, item: str) -> str:
        return self._asins.get(item) or f"bundlerec-{self._name}-{item}"

    def _product(self, item: str) -> dict[str, Any]:
        return {
            "id": self._id(item),
            "title": self._titles.get(item),
            "categories": self._categories.get(item),
        }

    def _read_tables(self) -> None:
        folder = self._intents.parent
        members = _table(folder, "bundle_item")
        if members is None:
            raise InputError(
                "bundle_item.csv is not beside it, so no bundle has items",
                file=str(self._intents),
                fix=f"put bundle_item.csv of the same domain into {folder}",
            )
        for row in self._rows(members, _BUNDLE, _ITEM):
            with self._guard(members, row):
                self._bundles.setdefault(_key(row, "bundle ID"), {})[_key(row, "item ID")] = None
        most = self._options.max_basket
        for bundle in [b for b, items in self._bundles.items() if len(items) > most]:
            self._bundles[bundle] = {}
            self._out.note(f"bundles with more than {most:,} items, left out")
        if table := _table(folder, "item_asin"):
            for row in self._rows(table, _ITEM, Field("source ID", ("asin",), required=True)):
                with self._guard(table, row):
                    self._asins[_key(row, "item ID")] = _key(row, "source ID")
        if table := _table(folder, "item_titles"):
            for row in self._rows(table, _ITEM, Field("titles", ("title",), required=True)):
                with self._guard(table, row):
                    if title := text(row.values.get("titles"), "title"):
                        self._titles[_key(row, "item ID")] = plain(title) or title
        if table := _table(folder, "item_categories"):
            for row in self._rows(table, _ITEM, Field("categories", ("category",), required=True)):
                with self._guard(table, row):
                    cell = text(row.values.get("categories"), "categories")
                    self._categories[_key(row, "item ID")] = categories(cell or "")

    def _read_intents(self) -> dict[str, TableRow]:
        intents: dict[str, TableRow] = {}
        for row in self._rows(self._intents, _BUNDLE, Field("intent", required=True)):
            with self._guard(self._intents, row):
                bundle = _key(row, "bundle ID")
                if bundle not in self._bundles:
                    raise BadValue(
                        f"bundle {bundle} has no items",
                        "give its items in bundle_item.csv, or leave it out",
                    )
                if bundle in intents:
                    raise BadValue(
                        f"bundle {bundle} stands in line {intents[bundle].line} already",
                        "leave one of the two out",
                    )
                intents[bundle] = row
        return intents

    def _rows(self, table: Path, *fields: Field) -> Iterator[TableRow]:
        """Yield the usable rows of a table; the others are refused."""
        for row in read_rows(table, fields, limit=self._options.max_line):
            if row.problem:
                self._refuse(table, row, row.problem.reason, row.problem.fix)
            else:
                yield row

    def _refuse(self, table: Path, row: TableRow, reason: str, fix: str) -> None:
        refused = Collector(table, source=self._out.source)
        refused.reject(row.line, reason, fix, row.text)
        self._refused.extend(item for item in refused.drain() if isinstance(item, Rejection))

    @contextmanager
    def _guard(self, table: Path, row: TableRow) -> Iterator[None]:
        """Refuse a row of a table for a BadValue in the block."""
        try:
            yield
        except BadValue as bad:
            self._refuse(table, row, bad.reason, bad.fix)


def _key(row: TableRow, name: str) -> str:
    key = identifier(row.values.get(name), name)
    if key is None:
        raise BadValue(f"{name} is missing", f"give every row its {name}")
    return key


def categories(cell: str) -> list[str]:
    """Read a nested list without quotes: paths of categories, each name once.

    A comma inside a name is followed by a space, one between names is not.

    Examples
    --------
    >>> categories("[[Clothing, Shoes & Jewelry,Men],[Clothing, Shoes & Jewelry,Watches]]")
    ['Clothing, Shoes & Jewelry', 'Men', 'Watches']
    """
    inner = cell.strip().removeprefix("[[").removesuffix("]]")
    names = (plain(n) for path in inner.split("],[") for n in re.split(r",(?! )", path))
    return list(dict.fromkeys(name for name in names if name))
