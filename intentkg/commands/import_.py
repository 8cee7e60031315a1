"""``intentkg import``: intentions that somebody else already generated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from intentkg.intake_options import intake_options, parse_columns, take_in_and_report


@click.command(
    "import", epilog="Example: intentkg import my.kg --format folkscope intentions.csv.gz"
)
@intake_options
def command(kb: Path, files: tuple[str, ...], columns: tuple[str, ...], **options: Any) -> int:
    """Read ready intentions from FILEs, with the posts, products and co-buys they are about."""
    return take_in_and_report(
        kb, files, kind="intentions", columns=parse_columns(columns), **options
    )
