"""What the pipelines write, in a knowledge base: taken whole, and a second run changes no count."""

from __future__ import annotations

from pathlib import Path

from generation.heads import CoBuyHead
from generation.miko import Miko, MikoOptions
from generation.mind import Mind, MindOptions
from kg.directory import Directory
from kg.truth import Summary, Transaction
from schema.identity import cobuy_id
from tests.graph_samples import cobuy, new_directory, product, rows
from tests.graph_samples import commit as ingest
from tests.pipeline_world import PAIRS, POSTS, Outcome, manners, run
from tests.servers import serving

HEADS = [
    CoBuyHead(cobuy_id(pair.a.id, pair.b.id), *sorted((pair.a, pair.b), key=lambda end: end.id))
    for pair in PAIRS
]


def fill(directory: Directory) -> None:
    """Put the heads in."""
    texts = {post.id.partition(":")[2]: post.text for post in POSTS}
    ends = {end.id: end for head in HEADS for end in (head.a, head.b)}
    ingest(
        directory,
        posts=[
            {"id": f"t:{key}", "source": "t", "external_id": key, "text": text}
            for key, text in texts.items()
        ],
        products=[product(key, end.title) for key, end in ends.items()],
        cobuys=[cobuy(head.a.id, head.b.id) for head in HEADS],
    )


def commit(directory: Directory, *outcomes: Outcome) -> Summary:
    with Transaction(directory, "generate") as transaction:
        for outcome in outcomes:
            transaction.add(rows("assertions", outcome.rows))
        return transaction.commit()


def test_rows_are_taken_whole_and_a_later_verdict_is_added(tmp_path: Path) -> None:
    directory = new_directory(tmp_path)
    fill(directory)
    few = {"relations": ["UsedFor", "Open"]}
    mind = Mind(MindOptions(model="m", **few))
    unfiltered = Mind(MindOptions(model="m", filter="none", **few))
    miko = Miko(MikoOptions(model="m", samples=2, together=False))
    with serving("writer") as server:
        manners(server, phrase=True)
        posts = run(miko, POSTS, server, tmp_path / "r.sqlite")
        pairs = run(unfiltered, HEADS, server, tmp_path / "r.sqlite")
        first = commit(directory, posts, pairs)
        assert first.rejected == 0, first.rejections
        assert first.tables["assertions"].added == len(posts.rows) + len(pairs.rows)

        again = run(miko, POSTS, server, tmp_path / "r.sqlite", run="two")
        second = commit(directory, again)
        assert second.rejected == 0 and not second.changed

        judged = run(mind, HEADS, server, tmp_path / "r.sqlite", run="three")
        third = commit(directory, judged)
    assert third.rejected == 0, third.rejections
    assert third.tables["assertions"].added == 0
    assert third.tables["assertions"].changed == len(judged.rows) == 6
