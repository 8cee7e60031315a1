"""What a run would ask and cost, and how its prompts read; nobody is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intentkg.generating.heads import as_heads, choose
from intentkg.generating.parameters import check_parameters
from intentkg.generating.running import STORE, nothing_to_do, read_budget, run_async
from intentkg.generating.settings import Settings, make_pipeline, stage_name
from kg.directory import Directory
from kg.heads import Heads
from schema.errors import UsageError

if TYPE_CHECKING:
    from generation.store import RequestStore


def dry_run(
    directory: Directory,
    settings: Settings,
    *,
    rate: float | None = None,
    tokenizer: Path | str | None = None,
    sample: int | None = 2000,
) -> dict[str, Any]:
    """Count what a run would ask, and price it.

    Parameters
    ----------
    rate
        Requests a second, for the time.
    tokenizer
        The model's; None: that of the model's folder, if it is one, else tokens are estimated.
    sample
        Of more heads only so many are counted, and the figures scaled up; None: all are.

    Returns
    -------
    See `generation.estimate.estimate`; ``model``, ``pipeline``, ``heads_left_out`` and
    ``warnings`` beside it.
    """
    from generation.estimate import estimate
    from generation.pricing import Prices

    pipeline = make_pipeline(settings)
    prices = Prices.load(settings.prices)
    read_budget(settings, prices, pipeline)  # only to say now what is wrong with it
    with choose(directory, settings) as heads:
        total = heads.count()
        total = min(total, settings.limit) if settings.limit else total
        if not total:
            raise nothing_to_do(directory, settings, heads)
        sampled = sample is not None and total > sample
        rows = heads.rows(
            limit=sample if sampled else settings.limit, sampled=sampled and not settings.limit
        )
        store = _known(directory)
        try:
            found = run_async(
                estimate(
                    pipeline,
                    as_heads(rows, settings),
                    store=store,
                    prices=prices,
                    tokenizer=tokenizer or _tokenizer(settings),
                    retry_failed=settings.retry_failed,
                    total=total,
                    rate=rate,
                )
            )
        finally:
            if store:
                store.close()
        left_out = heads.unknown()
    return {
        **found,
        "pipeline": settings.pipeline,
        "model": settings.model,
        "heads_left_out": left_out,
        "warnings": check_parameters(settings.parameters),
    }


def show_prompt(directory: Directory, settings: Settings, stage: str | None = None) -> str:
    """Write out the requests of the first head, for a person to read.

    Parameters
    ----------
    stage
        Only that stage.
    """
    from generation.estimate import render

    pipeline = make_pipeline(settings)
    wanted = stage_name(settings, stage) if stage else None
    with choose(directory, settings) as heads:
        head = next(_best_first(heads, settings), None)
        if head is None:
            raise nothing_to_do(directory, settings, heads)
    shown = run_async(render(pipeline, head, stage=wanted))
    if not shown:
        raise UsageError(
            f"nothing is asked about {head.id}" + (f" in stage {wanted!r}" if wanted else ""),
            fix="choose another head with --head ID, or see the other stages",
        )
    return shown


def _best_first(heads: Heads, settings: Settings) -> Iterator[Any]:
    """Give a head with an image, which goes through all stages, if there is one."""
    if settings.images:
        yield from as_heads(heads.rows(limit=1, pictured=True), settings)
    yield from as_heads(heads.rows(limit=1), settings)


def _known(directory: Directory) -> RequestStore | None:
    """Open what has been asked already, for reading."""
    from generation.store import RequestStore

    path = directory.root / STORE
    return RequestStore(path, mode="read") if path.exists() else None


def _tokenizer(settings: Settings) -> Path | None:
    """Find the tokenizer of a model that is a folder."""
    path = Path(settings.model or "") / "tokenizer.json"
    return path if path.is_file() else None
