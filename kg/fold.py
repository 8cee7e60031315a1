"""Fold one table's staged rows with the stored ones, by the rules of :mod:`kg.merge`.

Most rows are new, or are again what is stored; both show from narrow columns, the key and a
fingerprint of the content, so the wide rows are only copied. What is left, keys that come with
several contents, is folded by SQL where the contents agree but for gaps, and by
:func:`kg.merge.merge`, row by row in the order in which they came, where they do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from kg import rules
from kg.merge import FIRST_STANDS, GREATEST, Row, describe, merge
from kg.rejections import CONFLICT_FIX
from kg.sql import KEYS, ORDER, parquet, quote, stream
from kg.staging import Staged
from schema.records import SCHEMAS, Table

if TYPE_CHECKING:
    import duckdb

_GROUP_ROWS = 16_384  # rows per row group of a part: what a look-up by id reads
_SLICE = 24 << 20  # bytes of contested rows folded at once: an aggregate of text does not spill
_ROW = 400  # what a row costs beside its text
_STORED = -1  # the sequence number of the row that is stored already


class Folded(NamedTuple):
    """What became of a table's staged rows.

    `part` is the finished file in the staging directory, or None if nothing changed.
    """

    part: Path | None
    added: int
    changed: int
    unchanged: int


class Fold:
    """The fold of one table.

    Parameters
    ----------
    connection
        Has a view of the stored rows under the table's name (see :func:`kg.sql.connect`).
    table
        Which table.
    staged
        Its staged rows (see :mod:`kg.staging`).
    folder
        Where to write; the connection must be allowed to.
    update
        Whether a later value replaces an earlier one.

    Notes
    -----
    Leaves a table ``refused`` (``id``, ``_file``, ``_line``, ``reason``, ``fix``) and a view
    ``known_<table>`` of the ids that exist now.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: Table,
        staged: Path,
        folder: Path,
        *,
        update: bool,
    ) -> None:
        self.sql = connection
        self.table = table
        # An empty list says as much as none.
        columns = ", ".join(
            f"CASE WHEN len({f.name}) > 0 THEN {f.name} END AS {f.name}"
            if pa.types.is_list(f.type)
            else f.name
            for f in SCHEMAS[table]
        )
        places = "_seq, _file, _line"
        self.staged = f"(SELECT {columns}, {places} FROM {parquet(staged)})"
        self.folder = folder.absolute()
        self.update = update
        self.columns = SCHEMAS[table].names
        self.names = ", ".join(self.columns)
        self.keys = ", ".join(KEYS[table])
        self._folded: list[Path] = []
        self._conflicts: Path | None = None

    def run(self) -> Folded:
        """Fold, write the part, and say what happened."""
        self._fingerprint()
        self._classify()
        if self._value("SELECT count(*) FROM contested"):
            for part in range(self._gather()):
                self._agreeing(part)
            self._disagreeing()
        self._refuse()
        return self._write()

    def _fingerprint(self) -> None:
        """Key, place and fingerprint of every staged row, and the rule that it breaks."""
        self.sql.execute(
            f"CREATE OR REPLACE TABLE keys_{self.table} AS SELECT {self.keys}, _seq, "
            f"{self._print()} AS _print, {rules.number(self.table)} AS _rule FROM {self.staged}"
        )
        know(self.sql, self.table, f"SELECT id FROM keys_{self.table} WHERE _rule IS NULL")

    def _print(self) -> str:
        # Where the first value stands anyway, only its presence counts.
        loose = frozenset() if self.update else FIRST_STANDS[self.table]
        parts = [f"{c} IS NULL" if c in loose else c for c in self.columns]
        named = ", ".join(f"c{index} := {part}" for index, part in enumerate(parts))
        return f"md5_number(to_json(struct_pack({named}))::VARCHAR)"

    def _classify(self) -> None:
        """Sort keys into fresh (one new content), contested (several) and unchanged."""
        occurrence = "max" if self.update else "min"
        run = self.sql.execute
        run(
            f"CREATE OR REPLACE TABLE contents AS SELECT {self.keys}, _print, "
            f"{occurrence}(_seq) AS _seq FROM keys_{self.table} WHERE _rule IS NULL GROUP BY ALL"
        )
        run(
            f"CREATE OR REPLACE TABLE stored AS SELECT {self.keys}, {self._print()} AS _print "
            f"FROM {self.table} SEMI JOIN contents USING ({self.keys})"
        )
        run(
            f"CREATE OR REPLACE TABLE verdicts AS SELECT {self.keys}, count(*) AS contents, "
            "count(s._print) > 0 AS was_stored, count(*) FILTER (c._print = s._print) AS same, "
            f"min(_seq) AS _seq FROM contents c LEFT JOIN stored s USING ({self.keys}) "
            "GROUP BY ALL"
        )
        run(
            f"CREATE OR REPLACE TABLE contested AS SELECT {self.keys} FROM verdicts "
            "WHERE contents > 1 OR (was_stored AND same = 0)"
        )

    def _gather(self) -> int:
        """Collect every content of the contested keys, the stored one too, in slices.

        Returns how many slices there are.
        """
        # Seen again, what is stored changes nothing; in an update it may be the last word.
        again = "" if self.update else f"ANTI JOIN stored USING ({self.keys}, _print)"
        self.sql.execute(
            f"CREATE OR REPLACE TABLE gathered AS "
            f"SELECT _seq, {self.names} FROM {self.staged} SEMI JOIN "
            f"(SELECT _seq FROM contents SEMI JOIN contested USING ({self.keys}) {again}) "
            f"USING (_seq) UNION ALL SELECT {_STORED}, {self.names} FROM {self.table} "
            f"SEMI JOIN contested USING ({self.keys})"
        )
        widths = " + ".join(f"coalesce(strlen({c}::VARCHAR), 0)" for c in self.columns)
        size = self._value(f"SELECT sum({_ROW} + {widths})::BIGINT FROM gathered")
        slices = -(-size // _SLICE)
        # In the order of the slices, so that each reads little more than its own rows.
        self.sql.execute(
            f"CREATE OR REPLACE TABLE rows AS SELECT *, hash({self.keys}) % {slices} AS _slice "
            "FROM gathered ORDER BY _slice"
        )
        self.sql.execute("DROP TABLE gathered")
        self.sql.execute("CREATE OR REPLACE TABLE settled AS FROM contested LIMIT 0")
        return slices

    def _agreeing(self, part: int) -> None:
        """Fold the keys whose contents differ in nothing but gaps (or are maxima anyway)."""
        free = GREATEST.get(self.table, frozenset())
        loose = free if self.update else free | FIRST_STANDS[self.table]
        strict = [c for c in self.columns if c not in loose and c not in KEYS[self.table]]
        agree = " AND ".join(f"min({c}) IS NOT DISTINCT FROM max({c})" for c in strict) or "true"
        here = f"(FROM rows WHERE _slice = {part})"
        self.sql.execute(
            f"CREATE OR REPLACE TABLE agreed AS SELECT {self.keys} FROM {here} "
            f"GROUP BY ALL HAVING {agree}"
        )
        self.sql.execute("INSERT INTO settled FROM agreed")
        folded, gains = [], ["NOT bool_or(_seq = -1)"]
        for column in self.columns:
            if column in KEYS[self.table]:
                folded.append(column)
            elif column in free:
                folded.append(f"max({column}) AS {column}")
                before = f"max({column}) FILTER (_seq = {_STORED})"
                gains.append(f"max({column}) IS DISTINCT FROM {before}")
            else:
                folded.append(f"arg_min({column}, _seq) AS {column}")
                before = f"count({column}) FILTER (_seq = {_STORED}) = 0"
                gains.append(f"(count({column}) > 0 AND {before})")
        path = self.folder / f"{self.table}-folded-{part:04}.parquet"
        self._copy(
            f"SELECT {', '.join(folded)} FROM {here} SEMI JOIN agreed USING ({self.keys}) "
            f"GROUP BY {self.keys} HAVING {' OR '.join(gains)}",
            path,
        )

    def _disagreeing(self) -> None:
        """Merge, in their order, the contents of keys that conflict or need more than SQL."""
        left = f"rows ANTI JOIN settled USING ({self.keys})"
        path = self.folder / f"{self.table}-merged.parquet"
        schema = pa.schema([pa.field(f.name, f.type) for f in SCHEMAS[self.table]])
        merged = Staged(path, schema)
        refused = Staged(
            self.folder / f"{self.table}-conflicts.parquet",
            pa.schema([("_seq", pa.int64()), ("reason", pa.string())]),
        )
        rows: list[Row] = []
        refusals: list[dict[str, Any]] = []
        query = f"SELECT _seq, {self.names} FROM {left} ORDER BY {self.keys}, _seq"
        for first, current, conflicts in self._merge(stream(self.sql, query)):
            refusals += conflicts
            if current is not first:
                rows.append(current)
            if len(rows) >= 4096 or len(refusals) >= 4096:
                _drain(rows, merged)
                _drain(refusals, refused)
        _drain(rows, merged)
        _drain(refusals, refused)
        merged.close()
        refused.close()
        if merged.rows:
            self._folded.append(path)
        if refused.rows:
            self._conflicts = refused.path

    def _merge(
        self, batches: Iterator[pa.RecordBatch]
    ) -> Iterator[tuple[Row | None, Row, list[dict[str, Any]]]]:
        """Yield (stored row or None, row as merged, refusals) per key."""
        keys = KEYS[self.table]
        flat = (row for batch in batches for row in batch.to_pylist())
        for key, group in groupby(flat, lambda row: tuple(row[k] for k in keys)):
            stored: Row | None = None
            current: Row = {}
            refusals: list[dict[str, Any]] = []
            for row in group:
                sequence = row.pop("_seq")
                if not current:
                    current = row
                    stored = row if sequence == _STORED else None
                    continue
                outcome = merge(self.table, current, row, update=self.update)
                if isinstance(outcome, dict):
                    current = outcome
                else:
                    reason = describe(self.table, " from ".join(key), outcome)
                    refusals.append({"_seq": sequence, "reason": reason})
            if stored is not None and current == stored:
                current = stored
            yield stored, current, refusals

    def _refuse(self) -> None:
        """List the refused rows with their reasons; a conflicting row each time it comes."""
        broken = f"(SELECT _seq, _rule FROM keys_{self.table} WHERE _rule IS NOT NULL)"
        query = (
            f"SELECT id, _file, _line, {rules.explanation(self.table, '_rule')} AS reason, "
            f"{rules.remedy(self.table, '_rule')} AS fix "
            f"FROM {self.staged} JOIN {broken} USING (_seq)"
        )
        if self._conflicts:
            query += (
                f" UNION ALL SELECT id, _file, _line, reason, {quote(CONFLICT_FIX)} AS fix "
                f"FROM {parquet(self._conflicts)} c "
                f"JOIN keys_{self.table} k ON k._seq = c._seq "
                f"JOIN keys_{self.table} again USING ({self.keys}, _print) "
                f"JOIN (SELECT _seq, _file, _line FROM {self.staged}) s ON s._seq = again._seq"
            )
        self.sql.execute(f"CREATE OR REPLACE TABLE refused AS {query}")

    def _write(self) -> Folded:
        """Write the new and changed rows as one part, sorted."""
        fresh = "SELECT _seq FROM verdicts WHERE NOT was_stored AND contents = 1"
        total = self._value("SELECT count(*) FROM verdicts")
        added = self._value(f"SELECT count(*) FROM ({fresh})")
        changed = 0
        query = f"SELECT {self.names} FROM {self.staged} SEMI JOIN ({fresh}) USING (_seq)"
        if self._folded:
            folded = f"SELECT {self.names} FROM {parquet(*self._folded)}"
            changed = self._value(
                f"SELECT count(*) FROM ({folded}) SEMI JOIN stored USING ({self.keys})"
            )
            added += self._value(f"SELECT count(*) FROM ({folded})") - changed
            query += f" UNION ALL {folded}"
        total -= self._only_refused()
        if not added + changed:
            return Folded(None, 0, 0, total)
        part = Staged(
            self.folder / f"{self.table}.parquet", SCHEMAS[self.table], group_rows=_GROUP_ROWS
        )
        order = ", ".join(ORDER[self.table])
        for batch in stream(self.sql, f"{query} ORDER BY {order}"):
            part.write(batch.cast(SCHEMAS[self.table]))
        part.close()
        return Folded(part.path, added, changed, total - added - changed)

    def _only_refused(self) -> int:
        """Count the stored keys of which every content that came was refused."""
        if not self._conflicts:
            return 0
        return self._value(
            f"SELECT count(*) FROM (SELECT {self.keys} FROM contents c "
            f"LEFT JOIN {parquet(self._conflicts)} x ON x._seq = c._seq GROUP BY ALL "
            "HAVING count(*) = count(x._seq))"
        )

    def _copy(self, query: str, path: Path) -> None:
        self.sql.execute(f"COPY ({query}) TO {quote(path)} (FORMAT parquet, COMPRESSION zstd)")
        self._folded.append(path)

    def _value(self, query: str) -> int:
        row = self.sql.execute(query).fetchone()
        return int(row[0]) if row else 0


def know(connection: duckdb.DuckDBPyConnection, table: Table, staged: str | None = None) -> None:
    """Make the view ``known_<table>``: the ids that are stored, and those that are about to be."""
    more = f" UNION ALL {staged}" if staged else ""
    connection.execute(f"CREATE OR REPLACE VIEW known_{table} AS SELECT id FROM {table}{more}")


def _drain(rows: list[dict[str, Any]], target: Staged) -> None:
    if rows:
        target.write(pa.RecordBatch.from_pylist(rows, schema=target.schema))
        rows.clear()
