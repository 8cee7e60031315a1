"""Tell how a delimited text is delimited: by comma, tab, semicolon or bar, quoted or not."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import length_hint
from pathlib import Path

_NAMES = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
_SAMPLE_ROWS = 200
_LONG_CELL = 20  # lines


@dataclass(frozen=True, slots=True)
class Dialect:
    """How cells are parted, and whether a cell may stand in double quotes.

    Examples
    --------
    >>> list(Dialect(";").reader(['a;"b; c"']))
    [['a', 'b; c']]
    """

    delimiter: str = ","
    quoted: bool = True

    @property
    def name(self) -> str:
        """The delimiter in words."""
        return _NAMES.get(self.delimiter, repr(self.delimiter))

    def reader(self, lines: Iterable[str], limit: int = 1 << 24) -> Iterator[list[str]]:
        """Parse lines into rows of cells; raises ``csv.Error`` for a malformed row."""
        # The limit is the csv module's only guard against a quote that never closes. It is one
        # for the whole process, so it is only ever raised.
        if csv.field_size_limit() < limit:
            csv.field_size_limit(limit)
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quoting=csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE,
            strict=True,
        )


def sniff_dialect(sample: str, path: str | Path = "") -> Dialect:
    """Choose the dialect under which the sample's rows best agree in width.

    Parameters
    ----------
    sample
        The beginning of the file, header first.
    path
        Its name: ``.tsv`` decides where the content does not.

    Examples
    --------
    >>> sniff_dialect('id;text\\n1;"one; two"\\n')
    Dialect(delimiter=';', quoted=True)
    >>> sniff_dialect('id\\ttext\\n1\\t"never closed\\n2\\tfine\\n')
    Dialect(delimiter='\\t', quoted=False)
    """
    lines = sample.splitlines(keepends=True)
    cut = len(lines) > 1 and not sample.endswith("\n")
    if cut:
        lines.pop()
    tab_first = ".tsv" in Path(path).name.lower()
    order = "\t,;|" if tab_first else ",\t;|"
    best = max(
        (Dialect(delimiter, quoted) for delimiter in order for quoted in (True, False)),
        key=lambda dialect: _fit(lines, dialect, cut),
    )
    if _width(lines, best) < 2:
        return Dialect("\t" if tab_first else ",")
    return best


def _width(lines: list[str], dialect: Dialect) -> int:
    try:
        return len(next(iter(dialect.reader(lines)), []))
    except csv.Error:
        return 0


def _fit(lines: list[str], dialect: Dialect, cut: bool) -> tuple[bool, float, bool, int]:
    """Rate a dialect: more than one column, the share of agreeing rows, quoting, the width."""
    left = iter(lines)
    rows = dialect.reader(left)
    width = good = bad = 0
    for _ in range(_SAMPLE_ROWS):
        before = length_hint(left)
        try:
            cells = next(rows)
        except StopIteration:
            break
        except csv.Error as error:
            # A sample that is cut may end inside a quoted cell; but hardly in one of many lines.
            swallowed = before - length_hint(left)
            if not (cut and swallowed < _LONG_CELL and "unexpected end" in str(error)):
                bad += 1
            continue
        if not cells:
            continue
        width = width or len(cells)
        if len(cells) == width:
            good += 1
        else:
            bad += 1
    share = good / (good + bad) if good else 0.0
    return width > 1, round(share, 2), dialect.quoted, width
