"""``intentkg demo``: the whole way on the bundled sample, printed step by step."""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intentkg import output
from schema.errors import BackendError, UsageError

if TYPE_CHECKING:
    from intentkg.api import KnowledgeBase
    from intentkg.generating.report import Report
    from intentkg.intake import Kind
    from kg.directory import Directory

SEARCH = "stay dry when it rains"
PRODUCT = "SMP0001"
TITLE = "Glazed Ceramic Pour-Over Dripper"
WHAT = {"assertions": "judged intentions", "cobuys": "co-buys"}
STEPS = {
    "miko": "Generate intentions of the posts with MIKO, from replies that people wrote",
    "mind": "Generate intentions of the co-buys with MIND, and let the customer judge",
}
OWN = ("Witch Costume for Girls", "Black Witch Hat with Veil")
OWN_RELATIONS = ("UsedFor", "IsA", "Cause", "Can")
LEAST = 3  # relations whose preserve rate is shown
CYPHER = (
    "MATCH (i:Intention)<-[r]-(h)\n"
    "RETURN i.text AS intention, collect(DISTINCT type(r)) AS relations, count(h) AS heads\n"
    "ORDER BY heads DESC, intention LIMIT 5"
)


@click.command("demo", epilog="Example: intentkg demo demo.kg")
@click.argument("directory", default="demo.kg", type=click.Path(path_type=Path), metavar="[DIR]")
@output.json_option
def command(directory: Path, as_json: bool) -> int:
    """Build a knowledge base from the bundled sample in DIR (demo.kg) and query it."""
    start = time.perf_counter()
    show = _Steps(quiet=as_json)
    with output.progress(quiet=as_json) as progress:
        report = walk(directory, show, progress)
    report["seconds"] = round(time.perf_counter() - start, 2)
    if as_json:
        output.emit_json(report)
        return 0
    click.echo(f"\nDone in {report['seconds']:.1f} s. What to type next:\n")
    for line in next_commands(directory):
        click.echo(f"  {line}")
    return 0


def walk(directory: Path, show: _Steps, progress: output.Progress) -> dict[str, Any]:
    """Go all the way from files to answers; returns what there was to see."""
    import intentkg
    from intentkg import sample
    from kg.directory import Directory

    place = Directory.create(directory)
    check_own(place)
    show.step("Ingest the sample: products, co-buys, posts and their images")
    *records, judged = sample.FILES
    for name, path in records:
        _read(place, name, path, show)

    with intentkg.open(directory) as base:
        generated = {name: generate(base, name, show, progress) for name in sample.PIPELINES}

        show.step("Import what people judged: plausibility, typicality, some second opinions")
        _read(place, *judged, show)

        show.step("Build the graph and the vectors")
        report = base.build(progress=progress)
        show.say(str(report))

        show.step(f'Search by meaning: "{SEARCH}"')
        hits = base.search(SEARCH, k=3, heads=1)
        show.table(
            ["score", "intention", "relation", "of"],
            [(h.score, h.text, h.heads[0].relation, h.heads[0].label) for h in hits],
        )

        show.step(f"Pull why {PRODUCT} ({TITLE}) is bought, and with what")
        edges = base.cobuy(PRODUCT, top_k=1, accepted=True, limit=6)
        titles = base.titles(p for e in edges for p in (e.a, e.b))
        show.table(
            ["bought with", "relation", "intention", "typical"],
            [
                (titles[e.b if e.a == PRODUCT else e.a], e.relation, e.text, e.typicality)
                for e in edges
            ],
        )

        show.step("Ask in Cypher which intentions most heads share")
        show.say(CYPHER)
        table = base.cypher(CYPHER)
        show.table(table.columns, table.rows)

        show.step(
            "Let the student write of two products that are not in the sample: no model asked"
        )
        written = study(show)
        return {
            "knowledge_base": str(directory),
            "counts": base.counts(),
            "generated": {name: report.to_dict() for name, report in generated.items()},
            "search": {"text": SEARCH, "results": hits.to_dicts()},
            "cobuy": {"product": PRODUCT, "edges": edges.to_dicts()},
            "student": {"products": OWN, "written": written},
            "cypher": {"query": CYPHER, "columns": table.columns, "rows": table.rows},
            "next": next_commands(directory),
        }


def study(show: _Steps) -> list[dict[str, Any]]:
    """Let the student write of a pair; nothing of it is stored."""
    from generation.student import Student
    from schema.relations import Family, get

    student = Student.load()
    relations = [get(name, Family.COBUY) for name in OWN_RELATIONS]
    written = [
        {"relation": relation.name, "text": tail.text, "confidence": tail.confidence}
        for relation, tails in zip(
            relations, student.write([OWN] * len(relations), relations), strict=True
        )
        for tail in tails
    ]
    show.say(f"{OWN[0]} + {OWN[1]}")
    show.table(["relation", "intention", "confidence"], [tuple(one.values()) for one in written])
    show.say(f"{student.name} is a small model: docs/student.md says how well it writes")
    return written


def check_own(place: Directory) -> None:
    """Refuse a knowledge base that holds something else than the sample.

    Raises
    ------
    UsageError
        If posts, products or co-buys of another source are in it.
    """
    from intentkg import sample
    from kg.status import status

    sources = status(place)["sources"]
    others = sorted(
        {name for table in ("posts", "products", "cobuys") for name in sources[table]}
        - {sample.SOURCE}
    )
    if others:
        raise UsageError(
            f"{place.root} holds data of your own ({', '.join(others[:5])}"
            f"{', ...' if len(others) > 5 else ''}); the sample would be mixed into it",
            fix="give the demo a folder of its own: intentkg demo demo.kg"
            if place.root.name != "demo.kg"
            else "give the demo a folder of its own: intentkg demo another.kg",
        )


def generate(base: KnowledgeBase, pipeline: str, show: _Steps, progress: output.Progress) -> Report:
    """Run a pipeline on the sample; its replies are recorded, so no model is asked.

    Raises
    ------
    BackendError
        If the record does not answer every request, or not usably.
    """
    from intentkg import sample

    show.step(STEPS[pipeline])
    report = base.generate(
        pipeline,
        backend="replay",
        from_store=sample.RECORD,
        backend_options={"whole": True, "rekey": sample.REKEY},
        progress=lambda stats, done, total: progress(pipeline.upper(), done, total),
        **sample.GENERATE,
    )
    tally = report.tally
    if tally.failed or report.stopped:
        raise report.stopped or BackendError(
            f"replies in {sample.RECORD.name} cannot be used: {report.examples or tally.failed}",
            fix=sample.REKEY,
        )
    counts: Counter[str] = sum(tally.relations.values(), Counter())
    heads = "posts" if pipeline == "miko" else "co-buys"
    nothing = f'; {counts["none"]:,} times the reply was "none"' if counts["none"] else ""
    show.say(
        f"{tally.heads} {heads}: {report.requests:,} requests answered from {sample.RECORD.name}, "
        f"{report.stats.known:,} known already\n"
        f"{counts['kept']:,} intentions stored{nothing}"
    )
    if judged := counts["accepted"] + counts["rejected"]:
        show.say(
            f"The customer accepts {counts['accepted']:,} of {judged:,} "
            f"({counts['accepted'] / judged:.0%}), and fewest of these:"
        )
        rates = [(tally.preserved(name), name) for name in tally.relations]
        fewest = sorted((rate, name) for rate, name in rates if rate is not None)[:LEAST]
        found = [(rate, name, tally.relations[name]) for rate, name in fewest]
        show.table(
            ["relation", "written", "accepted", "preserved"],
            [(name, c["kept"], c["accepted"], f"{rate:.0%}") for rate, name, c in found],
        )
    return report


def _read(place: Directory, name: str, path: Path, show: _Steps) -> None:
    """Read one file of the sample."""
    from intentkg import sample
    from intentkg.intake import take_in

    kind: Kind = "intentions" if name == "intentions" else "records"
    [result] = take_in(place, [path], kind=kind, format=name, source=sample.SOURCE)
    if result.error is not None:
        raise result.error
    show.say(f"{path.name}: {_stored(result)}")


def next_commands(directory: Path) -> list[str]:
    """Commands worth trying on the sample, as this shell would find them."""
    program = "intentkg" if shutil.which("intentkg") else _beside_python()
    return [
        f'{program} search {directory} "a present for someone who likes coffee" --head-type CoBuy',
        f"{program} cobuy {directory} SMP0001 SMP0002",
        f"{program} query {directory}",
        f"{program} status {directory}",
        f"{program} generate {directory} --pipeline miko --model YOUR_MODEL "
        "--base-url http://127.0.0.1:8000/v1 --dry-run      "
        "# any OpenAI-compatible server",
        f"{program} ingest my.kg YOUR_FILE      # posts, products or co-buys of your own",
        f"{program} generate my.kg              # the student writes, offline",
        f"{program} build my.kg",
    ]


def _beside_python() -> str:
    """Where the program lies when its folder is not on PATH, seen from here if it is near."""
    program = Path(sys.executable).parent / "intentkg"
    here = Path.cwd()
    return str(program.relative_to(here) if program.is_relative_to(here) else program)


def _stored(result: Any) -> str:
    parts = []
    for table, t in result.summary.tables.items():
        known = "" if t.added else " (known already)"
        parts.append(f"{t.added or t.unchanged:,} {WHAT.get(table, table)}{known}")
    return ", ".join(parts)


class _Steps:
    """Numbered headings, and what happened under them."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._number = 0

    def step(self, title: str) -> None:
        self._number += 1
        if not self._quiet:
            click.echo(click.style(f"\n{self._number}. {title}", bold=True))

    def say(self, text: str) -> None:
        if not self._quiet:
            click.echo("".join(f"   {line}\n" for line in text.splitlines()), nl=False)

    def table(self, columns: list[str], rows: list[Any]) -> None:
        if not self._quiet:
            output.table(
                columns,
                rows,
                right=["score", "typical", "heads", "written", "accepted", "preserved"],
            )
