"""``intentkg ingest``: posts, products, co-buys and images into records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from intentkg.intake_options import intake_options, parse_columns, take_in_and_report


@click.command(
    "ingest",
    epilog="Example: intentkg ingest my.kg --format products --column title=name shop.csv.gz",
)
@intake_options
@click.option(
    "--images",
    type=click.Choice(["local", "fetch", "skip"]),
    default="local",
    show_default=True,
    help="Read image files only, fetch web addresses too, or read none.",
)
@click.option("--image-base", help="Folder or address of images named after the rows' ids.")
@click.option("--image-workers", type=click.IntRange(1, 256), default=16, show_default=True)
@click.option("--image-timeout", type=click.FloatRange(min=0.1), default=30.0, show_default=True)
@click.option(
    "--allow-private", is_flag=True, help="Fetch images from private network addresses too."
)
@click.option("--directed", is_flag=True, help="cobuys: a pair's order says what came first.")
@click.option("--min-support", type=click.IntRange(min=1), default=1, show_default=True)
@click.option(
    "--basket",
    type=click.Choice(["session", "day", "week", "user"]),
    help="baskets: what one basket is.",
)
@click.option(
    "--memory", default="512MB", show_default=True, help="Bound for sorting baskets and links."
)
@click.option(
    "--temp-dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where they are sorted when they do not fit in memory.",
)
def command(
    kb: Path,
    files: tuple[str, ...],
    columns: tuple[str, ...],
    images: str,
    image_base: str | None,
    image_workers: int,
    image_timeout: float,
    allow_private: bool,
    **options: Any,
) -> int:
    """Read posts, products, co-buys or baskets from FILEs into the knowledge base KB."""
    from ingest.images import ImageOptions

    resolve = ImageOptions(
        mode=images,  # type: ignore[arg-type]
        workers=image_workers,
        timeout=image_timeout,
        allow_private=allow_private,
    )
    return take_in_and_report(
        kb,
        files,
        kind="records",
        columns=parse_columns(columns),
        image_options=resolve,
        images=image_base,
        **options,
    )
