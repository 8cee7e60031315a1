"""``intentkg evidence``: who says so, when, with which scores and why?"""

from __future__ import annotations

from pathlib import Path

import click

from intentkg import output
from intentkg.filters import opened

# What is the same in every piece of evidence for one assertion.
_SHARED = ("assertion_id", "head_type", "head_id", "relation", "intention_id")


@click.command(
    "evidence",
    epilog="Example: intentkg evidence my.kg as_0f6d1c2b3a495867788695a4b3c2d1e0 "
    "(ids: intentkg cobuy my.kg SMP0001 --json)",
)
@click.argument("kb", type=click.Path(path_type=Path))
@click.argument("assertion_id")
@output.form_options
def command(kb: Path, assertion_id: str, as_json: bool, as_csv: bool) -> None:
    """Show all evidence for an assertion: an edge of search, cobuy or a query.

    Each piece has its source, model, scores, verdict and rationale, the prompt's hash, the run, the
    request (intentkg requests show KB KEY prints it) and the time.
    """
    with opened(kb) as base:
        found = base.evidence(assertion_id)
    if as_csv:
        output.emit_csv(found.columns, found.rows)
        return
    records = found.to_dicts()
    shared = {name: records[0][name] for name in _SHARED}
    pieces = [{k: v for k, v in each.items() if k not in _SHARED} for each in records]
    if as_json:
        output.emit_json({**shared, "evidence": pieces})
        return
    output.record({k: v for k, v in shared.items() if k != "assertion_id"}, title=assertion_id)
    for number, piece in enumerate(pieces, start=1):
        output.record(piece, title=f"evidence {number} of {len(pieces)}")
