"""How far critic, judges, models and people agree about the intentions of a knowledge base.

    python -m benchmarks.intrinsic.agreement KB [--typical 0.5] [--plausible 0.5] [--out FILE]

Every source of evidence that gave scores is one judge: the critic (``critic``), models that were
asked (``judge-…``), and whoever scored what was imported, people's labels among them. Two judges
are compared on the intentions that both scored: Spearman's rank correlation, and Cohen's kappa of
yes and no at the thresholds. A judge that scored an intention several times counts with the mean.
"""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.intrinsic.agreeing import kappa, spearman
from kg.directory import Directory
from kg.sql import connect, store_errors

SCORES = ("plausibility", "typicality")


@click.command()
@click.argument("kb", type=click.Path(path_type=Path))
@click.option(
    "--plausible", default=0.5, show_default=True, help="From which plausibility it is a yes."
)
@click.option("--typical", default=0.5, show_default=True, help="The same of typicality.")
@click.option("--out", type=click.Path(path_type=Path), help="Where the figures go, as JSON.")
def main(kb: Path, plausible: float, typical: float, out: Path | None) -> None:
    """Compare all who scored intentions of KB."""
    found = agreement(Directory(kb), {"plausibility": plausible, "typicality": typical})
    click.echo(f"{'score':13} {'one':28} {'other':28} {'n':>7} {'spearman':>9} {'kappa':>6}")
    for row in found:
        click.echo(
            f"{row['score']:13} {row['one']:28.28} {row['other']:28.28} {row['n']:7,} "
            f"{_number(row['spearman']):>9} {_number(row['kappa']):>6}"
        )
    if not found:
        click.echo("no intention was scored by two")
    if out:
        out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def agreement(directory: Directory, thresholds: dict[str, float]) -> list[dict[str, Any]]:
    """Compare every two judges on every score that both gave.

    Parameters
    ----------
    thresholds
        By score, from which number it is a yes.

    Returns
    -------
    One row per score and pair: ``score``, ``one``, ``other``, ``n`` (intentions that both scored),
    ``spearman``, ``kappa``, ``threshold``, ``yes_one``, ``yes_other``; None where a figure cannot
    be had, for a judge always says the same.
    """
    rows = []
    for score in SCORES:
        given = _given(directory, score)
        for one, other in combinations(sorted(given), 2):
            both = sorted(given[one].keys() & given[other].keys())
            if not both:
                continue
            a = np.array([given[one][key] for key in both])
            b = np.array([given[other][key] for key in both])
            at = thresholds[score]
            rows.append(
                {
                    "score": score,
                    "one": one,
                    "other": other,
                    "n": len(both),
                    "spearman": _known(spearman(a, b)),
                    "kappa": _known(kappa(a >= at, b >= at)),
                    "threshold": at,
                    "yes_one": float((a >= at).mean()),
                    "yes_other": float((b >= at).mean()),
                }
            )
    return rows


def _given(directory: Directory, score: str) -> dict[str, dict[str, float]]:
    """Gather what each source said of each intention."""
    with store_errors(f"reading {directory.root}"):
        sql = connect(directory, tables=("assertions",), memory="512MB")
        try:
            rows = sql.execute(
                f"SELECT source, assertion_id, avg({score}) FROM assertions "
                f"WHERE {score} IS NOT NULL GROUP BY ALL"
            ).fetchall()
        finally:
            sql.close()
    found: dict[str, dict[str, float]] = {}
    for source, identifier, value in rows:
        found.setdefault(str(source), {})[str(identifier)] = float(value)
    return found


def _known(number: float) -> float | None:
    return None if np.isnan(number) else round(number, 4)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
