"""``intentkg verify``: check everything that can be checked, and say how to mend it."""

from __future__ import annotations

from pathlib import Path

import click

from intentkg import output


@click.command("verify", epilog="Example: intentkg verify my.kg")
@click.argument("kb", type=click.Path(path_type=Path))
@output.json_option
def command(kb: Path, as_json: bool) -> int:
    """Check files, ids, records, graph and vectors; exits 1 if something is wrong."""
    from intentkg.checking import verify
    from kg.directory import Directory

    # Not by way of an open knowledge base: a damaged kb.json is a finding, too.
    findings = verify(Directory(kb))
    wrong = [finding for finding in findings if finding.severity == "error"]
    if as_json:
        output.emit_json({"ok": not wrong, "findings": [f.to_dict() for f in findings]})
        return 1 if wrong else 0
    for finding in findings:
        click.echo(f"{finding.severity}: {finding.check}: {finding.message}")
        if finding.fix:
            click.echo(f"  fix: {finding.fix}")
    click.echo(f"{len(wrong)} errors" if wrong else "all checks passed")
    return 1 if wrong else 0
