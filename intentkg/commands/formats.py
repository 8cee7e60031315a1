"""``intentkg formats``: what an input file must look like."""

from __future__ import annotations

import click

from intentkg import output


@click.command("formats", epilog="Example: intentkg formats posts")
@click.argument("name", required=False)
@output.json_option
def command(name: str | None, as_json: bool) -> int:
    """List the formats that are read; with NAME, one format's columns, layout and options."""
    from ingest import reading
    from intentkg import formats

    if name is not None:
        found = reading.get(name)
        if as_json:
            output.emit_json(formats.describe(found))
        else:
            click.echo(f"{found.name}: {found.summary}\n\n{formats.section(found)}", nl=False)
        return 0
    rows = formats.rows()
    if as_json:
        output.emit_json({"formats": rows})
        return 0
    output.table(
        ["format", "command", "what it reads"],
        [(row["name"], row["command"], row["summary"]) for row in rows],
    )
    output.say("intentkg formats NAME shows a format's columns and options")
    return 0
