"""``intentkg build``: truth to graph and vectors."""

from __future__ import annotations

from pathlib import Path

import click

from intentkg import output


@click.command("build", epilog="Example: intentkg build my.kg")
@click.argument("kb", type=click.Path(path_type=Path))
@click.option("--fresh", is_flag=True, help="Build from nothing instead of adding what is new.")
@output.json_option
def command(kb: Path, fresh: bool, as_json: bool) -> None:
    """Bring the graph and the vectors up to date; readers are not disturbed."""
    import intentkg

    with intentkg.open(kb) as base, output.progress(quiet=as_json) as progress:
        report = base.build(fresh=fresh, progress=progress)
    if as_json:
        output.emit_json(report.to_dict())
    else:
        click.echo(str(report))
