"""``intentkg analyse KB rejections``: why the filter rejected what it rejected."""

from __future__ import annotations

from pathlib import Path

import click

from intentkg import output


@click.command("rejections", epilog="Example: intentkg analyse my.kg rejections")
@click.option("--model", help="Only what this model judged.")
@click.option("--source", help="Only what this source gave.")
@output.form_options
@click.pass_obj
def command(kb: Path, model: str | None, source: str | None, as_json: bool, as_csv: bool) -> None:
    """Sort the rationales of rejections into MIND's three classes of errors (appendix C).

    By rules that look for words; docs/statistics.md says which, and how often a person agrees.
    """
    from kg.directory import Directory
    from queries.corpus import Chosen
    from queries.statistics import rejections

    found = rejections(Directory(kb), Chosen.make(model=model, source=source))
    table = found.table()
    if as_json:
        output.emit_json(found.to_dict())
    elif as_csv:
        output.emit_csv(table.columns, table.rows)
    elif not found.rejected:
        output.say("nothing was rejected: no evidence has the verdict of a filter against it")
    elif not found.explained:
        output.say(f"none of {found.rejected:,} rejections has a rationale")
    else:
        output.table(table.columns, table.rows, right=table.columns[2:])
        examples = found.examples()
        output.table(examples.columns, examples.rows, title="examples")
        output.say(
            f"{found.explained:,} of {found.rejected:,} rejections have a rationale; of "
            f"{found.scored:,} that are scored {found.high_scores:,} have plausibility and "
            "typicality of 0.75 or more (where the filter may be wrong)"
        )
