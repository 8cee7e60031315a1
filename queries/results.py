"""What a query returns: tables and typed rows that turn into dicts, Arrow or pandas."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, cast, overload

from queries import notebook
from schema.errors import MissingExtraError, QueryError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a Cypher or a named query.

    Iterating yields one dict per row; ``len`` counts rows.

    Attributes
    ----------
    columns
        Names, in the order of the query's RETURN.
    rows
        One list per row, values as JSON knows them.
    truncated
        True if there were more rows than the limit let through.
    notes
        What a person should know about the answer, such as a name that the graph does not have.
    """

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool = False
    notes: tuple[str, ...] = field(default=(), compare=False)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return notebook.table(self.columns, self.rows, len(self.rows))

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dict per row."""
        return list(self)

    def to_arrow(self) -> pa.Table:
        """Columns with types that Arrow infers from the values.

        Raises
        ------
        QueryError
            If a column mixes types that no Arrow type holds together.
        """
        import pyarrow as pa

        columns = list(zip(*self.rows, strict=True)) or [()] * len(self.columns)
        arrays = []
        for name, values in zip(self.columns, columns, strict=True):
            try:
                arrays.append(pa.array(values))
            except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
                raise QueryError(
                    f"column {name!r} mixes types, so it fits no Arrow column",
                    fix=f"return toString({name}) in the query, or use to_dicts()",
                ) from None
        return pa.Table.from_arrays(arrays, names=self.columns)

    def to_pandas(self) -> pd.DataFrame:
        """Data frame of the same columns; lists and maps stay Python objects."""
        return _pandas().DataFrame(self.rows, columns=self.columns)


@dataclass(frozen=True, slots=True)
class Head:
    """What an intention is about, with the edge that says so.

    Attributes
    ----------
    type
        ``Post``, ``CoBuy`` or ``Product``.
    id
        Id of the node.
    label
        A post's text, a product's title, or both titles of a co-buy.
    relation
        Name of the relation; see ``schema.relations``.
    assertion_id
        Id of the edge: what ``kb.evidence`` takes.
    plausibility, typicality
        In [0, 1]; None if nobody scored the edge.
    accepted
        The filter's verdict; None if nobody judged.
    products
        Product ids: two of a co-buy, one of a product, none of a post.
    """

    type: str
    id: str
    label: str
    relation: str
    assertion_id: str
    plausibility: float | None
    typicality: float | None
    accepted: bool | None
    products: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SearchHit:
    """An intention found by meaning.

    Attributes
    ----------
    intention_id, text
        The intention.
    score
        Cosine similarity to the query, in [-1, 1].
    heads
        Its best edges that pass the filters, best first.
    """

    intention_id: str
    text: str
    score: float
    heads: list[Head]


@dataclass(frozen=True, slots=True)
class CobuyEdge:
    """One intention of a co-bought pair.

    Attributes
    ----------
    cobuy_id, a, b
        The pair; a < b.
    relation
        Name of the relation; see ``schema.relations``.
    intention_id, text
        The intention.
    plausibility, typicality
        In [0, 1]; None if nobody scored the edge.
    accepted
        The filter's verdict; None if nobody judged.
    models
        Who wrote it, sorted.
    assertion_id
        Id of the edge: what ``kb.evidence`` takes.
    """

    cobuy_id: str
    a: str
    b: str
    relation: str
    intention_id: str
    text: str
    plausibility: float | None
    typicality: float | None
    accepted: bool | None
    models: list[str]
    assertion_id: str


class Results[Row](Sequence[Row]):
    """An immutable sequence of typed rows, such as :class:`SearchHit` or :class:`CobuyEdge`."""

    __slots__ = ("_kind", "_rows")

    def __init__(self, kind: type[Row], rows: Sequence[Row]) -> None:
        self._kind = kind
        self._rows = tuple(rows)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Results[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | Results[Row]:
        if isinstance(index, slice):
            return Results(self._kind, self._rows[index])
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Results):
            return self._rows == other._rows
        if isinstance(other, list | tuple):
            return self._rows == tuple(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Results({self._kind.__name__}, {list(self._rows)!r})"

    def _repr_html_(self) -> str:
        """What a notebook shows; of a hit's heads, their labels."""
        names = [f.name for f in fields(cast("Any", self._kind))]
        rows = ([_brief(getattr(row, name)) for name in names] for row in self._rows)
        return notebook.table(names, rows, len(self._rows))

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dict per row, nested rows too: what ``--json`` prints."""
        return [cast("dict[str, Any]", plain(row)) for row in self._rows]

    def to_arrow(self) -> pa.Table:
        """Table with a fixed schema, the same when there are no rows."""
        import pyarrow as pa

        return pa.Table.from_pylist(self.to_dicts(), schema=_schemas()[self._kind]())

    def to_pandas(self) -> pd.DataFrame:
        """Data frame; a hit's heads stay a list of dicts in one cell."""
        return _pandas().DataFrame(
            self.to_dicts(), columns=[f.name for f in fields(cast("Any", self._kind))]
        )


def plain(value: Any) -> Any:
    """Turn typed rows, however nested, into dicts and lists."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, list | tuple | Results):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return value


def _brief(value: Any) -> Any:
    """Lists as a reader wants them: heads by their labels."""
    if isinstance(value, list):
        return "; ".join(v.label if isinstance(v, Head) else str(v) for v in value)
    return value


def _schemas() -> dict[type, Callable[[], pa.Schema]]:
    return {SearchHit: _search_schema, CobuyEdge: _cobuy_schema, Head: _head_schema}


def _head_schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            ("type", pa.string()),
            ("id", pa.string()),
            ("label", pa.string()),
            ("relation", pa.string()),
            ("assertion_id", pa.string()),
            ("plausibility", pa.float64()),
            ("typicality", pa.float64()),
            ("accepted", pa.bool_()),
            ("products", pa.list_(pa.string())),
        ]
    )


def _search_schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            ("intention_id", pa.string()),
            ("text", pa.string()),
            ("score", pa.float64()),
            ("heads", pa.list_(pa.struct(list(_head_schema())))),
        ]
    )


def _cobuy_schema() -> pa.Schema:
    import pyarrow as pa

    texts = ("cobuy_id", "a", "b", "relation", "intention_id", "text")
    return pa.schema(
        [
            *((name, pa.string()) for name in texts),
            ("plausibility", pa.float64()),
            ("typicality", pa.float64()),
            ("accepted", pa.bool_()),
            ("models", pa.list_(pa.string())),
            ("assertion_id", pa.string()),
        ]
    )


def _pandas() -> Any:
    try:
        import pandas as pd
    except ImportError:
        raise MissingExtraError(
            "pandas is not installed",
            fix="pip install pandas (in a checkout: uv pip install --python .venv pandas), "
            "or use to_arrow() or to_dicts()",
        ) from None
    return pd
