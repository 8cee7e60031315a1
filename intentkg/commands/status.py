"""``intentkg status``: what a knowledge base holds and whether its projections are current."""

from __future__ import annotations

from pathlib import Path

import click

from intentkg import output


@click.command("status", epilog="Example: intentkg status my.kg")
@click.argument("kb", type=click.Path(path_type=Path))
@output.json_option
def command(kb: Path, as_json: bool) -> None:
    """Count what a knowledge base holds."""
    import intentkg

    with intentkg.open(kb) as base:
        status = base.status()
    if as_json:
        output.emit_json(status)
        return
    counts = [(what, f"{count:,}") for what, count in status["counts"].items()]
    output.table(["what", "count"], counts, title=str(kb), right=["count"])
    tables = {
        "posts": "posts",
        "products": "products",
        "cobuys": "cobuys",
        "assertions": "evidence",
    }
    sources = sorted({source for name in tables for source in status["sources"][name]})
    if sources:
        output.table(
            ["source", *tables.values()],
            [(s, *(status["sources"][name].get(s) for name in tables)) for s in sources],
            right=list(tables.values()),
        )
    if status["requests"]:
        output.usage(status["requests"])
    for line in status["notes"]:
        click.echo(line)
