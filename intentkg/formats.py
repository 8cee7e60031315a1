"""What an input file must look like, told from the registry of readers.

``intentkg formats`` prints it, and ``docs/formats.md`` is made of it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingest.reading import Format

VERBS = {"records": "ingest", "intentions": "import"}

OPTIONS = {
    "basket": "--basket",
    "columns": "--column",
    "dangling": "--dangling",
    "directed": "--directed",
    "images": "--image-base",
    "language": "--language",
    "max_basket": "--max-basket",
    "min_support": "--min-support",
}
"""Options of readers as the command line calls them, but for those that all formats heed."""

EXAMPLES = {
    "posts": """\
{"id": "1", "text": "First tomatoes of the year!", "created_at": "2024-07-01T08:30:00Z"}
{"id": "2", "text": "Rain again.", "language": "en", "likes": 12}
""",
    "products": """\
id,title,categories,brand,price,images
B01,Pour-Over Dripper,Kitchen|Coffee,Acme,19.90,
B02,Gooseneck Kettle,Kitchen|Coffee,,"1,250.00",https://example.org/kettle.jpg
""",
    "cobuys": """\
a,b,support,title_a,title_b
B01,B02,14,Pour-Over Dripper,Gooseneck Kettle
B01,B03,2,Pour-Over Dripper,Coffee Grinder
""",
    "baskets": """\
user,item,time,title
u1,B01,2024-05-01T09:00:00Z,Pour-Over Dripper
u1,B02,2024-05-01T09:00:00Z,Gooseneck Kettle
u2,B02,2024-05-03,Gooseneck Kettle
""",
    "intentions": """\
{"a": "B01", "b": "B02", "support": 14, "relation": "UsedFor", "text": "making coffee"}
{"post": "1", "post_text": "Rain again.", "relation": "xWant", "text": "to stay in"}
""",
}
"""For each layout of our own a small file, by the format's name."""


def rows() -> list[dict[str, Any]]:
    """Every format as plain values, for a table or JSON."""
    from ingest import reading

    return [describe(f) for kind in VERBS for f in reading.formats() if f.kind == kind]


def describe(format: Format) -> dict[str, Any]:
    """One format as plain values: name, command, summary, options, fields and the layout."""
    return {
        "name": format.name,
        "command": VERBS[format.kind],
        "summary": format.summary,
        "directory": format.takes_directory,
        "options": sorted(OPTIONS[name] for name in format.options),
        "fields": [
            {"name": f.name, "required": f.required, "aliases": list(f.aliases)}
            for f in format.fields
        ],
        "layout": layout(format),
    }


def layout(format: Format) -> str:
    """What the reader's own documentation says of the files, as Markdown."""
    text = (sys.modules[format.read.__module__].__doc__ or "").strip()
    text = re.sub(r":\w+:`([^`]+)`", r"`\1`", text).replace("``", "`")
    text = re.sub(r"^(References)\n-+\n", r"\1:\n", text, flags=re.MULTILINE)
    text = re.sub(r"^::\n\n|(?<=:):$", "", text, flags=re.MULTILINE)
    return "\n".join(_fence(text.splitlines()))


def _fence(lines: Iterable[str]) -> Iterator[str]:
    """Put a table of reStructuredText, which has three rules, into a fence."""
    rules = 0
    for line in lines:
        if not re.fullmatch(r"=+(?: +=+)+", line):
            yield line
            continue
        rules = (rules + 1) % 3
        if rules != 2:
            yield "```text" if rules else "```"


def section(format: Format) -> str:
    """One format's section of the page, without its heading."""
    parts = [f"`intentkg {VERBS[format.kind]} my.kg --format {format.name} FILE`\n\n"]
    parts.append(f"{layout(format)}\n")
    if format.name in EXAMPLES:
        parts.append(f"\n```text\n{EXAMPLES[format.name]}```\n")
    if format.fields:
        parts.append("\n| field | needed | columns taken for it |\n|---|---|---|\n")
        for field in format.fields:
            names = ", ".join(f"`{name}`" for name in (field.name, *field.aliases))
            parts.append(f"| `{field.name}` | {'yes' if field.required else ''} | {names} |\n")
    if options := sorted(OPTIONS[name] for name in format.options):
        parts.append(f"\nOptions: {', '.join(f'`{option}`' for option in options)}.\n")
    return "".join(parts)


def page(generated: str) -> str:
    """Render the whole page; `generated` is the note on how it was made."""
    from ingest import reading

    parts = ["# Input formats\n\n", generated, _GENERAL]
    for kind, verb in VERBS.items():
        parts.append(f"\n## {_TITLES[kind]}: `intentkg {verb}`\n\n| format | what it reads |\n")
        parts.append("|---|---|\n")
        found = reading.formats(kind)  # type: ignore[arg-type]
        parts += [f"| [`{f.name}`](#{f.name}) | {f.summary} |\n" for f in found]
        parts += [f"\n### {f.name}\n\n{section(f)}" for f in found]
    return "".join(parts)


_TITLES = {"records": "Posts, products and co-buys", "intentions": "Ready intentions"}

_GENERAL = """\
What a file must look like to be read. `intentkg formats` prints the list, `intentkg formats NAME`
one format. A small file of each kind lies in the
[bundled sample](../intentkg/sample/README.md).

## In every format

- **Files.** JSON lines (one object a line, not one array), CSV with a header (cells parted by
  comma, tab, semicolon or bar; quotes doubled within quotes) or Parquet, unless a format says
  otherwise below. Text is UTF-8. What a file is, is told from its content, never from its name.
- **Compression.** Plain, gzip or zstd, told from the first bytes. Other archives are refused with
  the command that unpacks them. A Parquet file is not compressed once more.
- **Columns.** A field is read from the column of its name or of one of the names beside it; case,
  spaces, `_` and `-` make no difference. `--column FIELD=COLUMN` names any other column, and may
  be repeated: `--column id=nr --column text=words`. Columns that no field claims are kept as
  attributes of posts and products.
- **Ids.** Text or whole numbers, white space around them cut off. A number that a spreadsheet has
  rounded (`1.2E+17`) is refused.
- **Times.** ISO 8601 (`2024-05-01`, `2024-05-01T12:30:00+02:00`; without a zone: UTC), Twitter's
  form (`Wed May 01 12:30:00 +0000 2024`), or seconds, milli-, micro- or nanoseconds since 1970,
  told by their size.
- **Lists** (categories, features, images). A list in JSON or Parquet; in a cell of CSV parted by
  `|`, or as a JSON list. A list in a list is taken apart.
- **Prices.** `19.90`, `$1,250.00`, `1.250,00`; of a range the lower end. The currency is not kept.
- **Images.** Paths relative to the file's own folder (and not out of it), `http(s)` and `data:`
  addresses, or the bytes themselves in Parquet; JPEG, PNG, GIF or WebP. Paths are read at once.
  Addresses are only noted; `--images fetch` fetches them, `--images skip` reads none. A row whose
  image cannot be had is stored without it, and the image is listed among the refusals.
  `--image-base` is for formats that have images named after their rows' ids.
- **Relations.** By [their names](relations.md) or by those that they have elsewhere, in any case.
- **Source.** Each format gives its rows its own name as the source; `--source NAME` gives another.
- **What is refused.** A row that breaks a rule is refused alone, and listed with its reason and
  its fix in `rejected.parquet`; a file that is damaged goes in not at all.

## What `--format auto` does

Without `--format` every format looks at the beginning of the file: what kind of file it is, its
columns or keys, its first rows. It is read as the format that is sure of it, if no other comes
near. Else nothing is guessed and nothing stored: the message says what was seen, which formats
come close, and which columns these lack. Each file of a command is recognised by itself. A file of
ready intentions that is given to `ingest`, or records that are given to `import`, are refused with
the command that reads them.
"""
