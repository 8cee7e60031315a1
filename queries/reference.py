"""Writes ``docs/queries.md``, the reference of the named queries, from their headers."""

from __future__ import annotations

import json
from pathlib import Path

from queries.named import NamedQuery, Parameter, list_queries
from queries.parameters import TYPES

_INTRO = """# Named queries

Questions that analysts and recommendation teams ask often, each a Cypher file in
`queries/named/`. From a shell:

```sh
intentkg query my.kg top-cobuys -p product=B00000J1U8 -p limit=5
```

or from Python:

```python
kb = intentkg.open("my.kg")
kb.query("top-cobuys", product="B00000J1U8", limit=5).to_pandas()
```

Each text runs unchanged on the embedded engine and on Neo4j 5, so it can also be copied into
another tool. Rows come in a fixed order. Unscored edges count as the least typical; edges that
the filter rejected are left out unless `rejected=true`.

This page is made from the files' headers: `python -m queries.reference docs/queries.md`.
"""


def document() -> str:
    """Return the reference as Markdown."""
    queries = list_queries()
    contents = "\n".join(f"- [{query.title}](#{query.name}) `{query.name}`" for query in queries)
    sections = "\n".join(_section(query) for query in queries)
    return f"{_INTRO}\n{contents}\n\n{sections}"


def write(path: Path) -> None:
    """Write the reference to a file."""
    path.write_text(document(), encoding="utf-8")


def _section(query: NamedQuery) -> str:
    lines = [f"## {query.name}", "", f"**{query.title}** {query.description}", ""]
    lines += ["| parameter | type | default | |", "|---|---|---|---|"]
    lines += [_row(parameter) for parameter in query.parameters]
    lines += ["", "| column | |", "|---|---|"]
    lines += [f"| `{name}` | {_cell(text)} |" for name, text in query.columns]
    lines += ["", "```cypher", query.cypher, "```", ""]
    return "\n".join(lines)


def _row(parameter: Parameter) -> str:
    default = "required" if parameter.required else f"`{_literal(parameter.default)}`"
    kind = TYPES[parameter.type].description
    return f"| `{parameter.name}` | {kind} | {default} | {_cell(parameter.description)} |"


def _literal(value: object) -> str:
    return json.dumps(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    import sys

    write(Path(sys.argv[1]))
