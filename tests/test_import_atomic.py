"""Import of ATOMIC's rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from import_world import take

from ingest import reading
from schema.errors import InputError, UnknownFormatError

ROWS = [
    ("PersonX waters the plants", "xNeed", "to fill the can"),
    ("PersonX waters the plants", "xIntent", "none"),
    ("PersonX waters the plants", "isAfter", "PersonX comes home"),
    ("PersonX  waters ___", "oReact", 'glad, "very"'),
    ("PersonX waters the plants", "oEffect", "None"),
]


def tsv(path: Path, *rows: tuple[str, ...]) -> Path:
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_social_relations_become_assertions_of_posts(tmp_path):
    path = tsv(tmp_path / "a.tsv", ("head", "relation", "tail"), *ROWS)
    assert reading.detect(path).name == "atomic"
    out = take(path)
    assert [(p["id"], p["text"], p["language"]) for p in out.posts] == [
        ("atomic2020:PersonX waters the plants", "PersonX waters the plants", "en"),
        ("atomic2020:PersonX waters ___", "PersonX waters ___", "en"),
    ]
    assert [(r["head_type"], r["head_id"], r["relation"], r["text"], r["model"])
            for r in out.assertions] == [
        ("Post", "atomic2020:PersonX waters the plants", "xNeed", "to fill the can", "human"),
        ("Post", "atomic2020:PersonX waters ___", "oReact", 'glad, "very"', "human"),
    ]  # fmt: skip
    assert out.notes == {
        "annotations of no effect (none), which are no intentions": 2,
        "relation isAfter is not social, left out": 1,
    }
    assert not out.rejections


def test_header_or_not_and_columns_in_another_order(tmp_path):
    bare = tsv(tmp_path / "bare.tsv", *ROWS)
    headed = tsv(tmp_path / "headed.tsv", ("head", "relation", "tail"), *ROWS)
    turned = tsv(
        tmp_path / "turned.tsv",
        ("split", "tail", "event", "relation"),
        *(("dev", tail, head, relation) for head, relation, tail in ROWS),
    )
    assert [reading.detect(p).name for p in (bare, headed, turned)] == ["atomic"] * 3
    assert len({frozenset(take(p).ids("assertions")) for p in (bare, headed, turned)}) == 1


def test_a_table_without_social_relations_is_not_taken_for_atomic(tmp_path):
    path = tsv(tmp_path / "a.tsv", ("head", "relation", "tail"), ROWS[2])
    with pytest.raises(UnknownFormatError):
        reading.detect(path)


def test_source_and_language_are_options(tmp_path):
    out = take(tsv(tmp_path / "a.tsv", ROWS[0]), "atomic", source="atomic", language="de")
    assert out.ids("posts") == {"atomic:PersonX waters the plants"}
    assert out.posts[0]["language"] == "de"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("PersonX naps", "xNede", "a bed"), "unknown relation 'xNede'"),
        (("PersonX naps", "Open", "a bed"), "unknown relation 'Open'"),
        (("PersonX naps", "xNeed"), "2 cells"),
        (("", "xNeed", "a bed"), "the event is empty"),
        (("PersonX naps", "xNeed", ""), "the intention is missing"),
        (("PersonX naps", "xNeed", "..."), "symbols"),
        (("___", "xNeed", "a bed"), "symbols"),
        (("P" * 2000, "xNeed", "a bed"), "characters long"),
        (("PersonX naps\0", "xNeed", "a bed"), "NUL"),
    ],
)
def test_a_row_that_cannot_stand_is_refused(tmp_path, row, reason):
    out = take(tsv(tmp_path / "a.tsv", ROWS[0], row, ROWS[3]), "atomic")
    assert [r.row for r in out.rejections] == [2]
    assert reason in out.rejections[0].reason
    assert len(out.assertions) == 2


def test_a_relation_that_is_nearly_right_is_told(tmp_path):
    out = take(tsv(tmp_path / "a.tsv", ROWS[0], ("PersonX naps", "xwnat", "x")), "atomic")
    assert "did you mean xWant" in out.rejections[0].fix


@pytest.mark.parametrize("text", ["", "\n\n", "head,relation,tail\nPersonX naps,xNeed,a bed\n"])
def test_a_file_in_another_layout_is_refused_as_a_whole(tmp_path, text):
    path = tmp_path / "a.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        take(path, "atomic")
    assert "tabs" in caught.value.fix or "check" in caught.value.fix


def test_the_published_sample(shared_data: Path):
    path = shared_data / "atomic2020" / "atomic2020_eval5000.tsv.gz"
    assert reading.detect(path).name == "atomic"
    out = take(path)
    social = {"xAttr": 1941, "xWant": 1937, "xNeed": 1887, "xEffect": 1578, "xReact": 1188,
              "oWant": 992, "xIntent": 902, "oEffect": 802, "oReact": 764}  # fmt: skip
    none = out.notes["annotations of no effect (none), which are no intentions"]
    others = sum(n for label, n in out.notes.items() if label.startswith("relation "))
    assert not out.rejections
    assert sum(social.values()) + others == 20_699
    assert none == 1264
    assert len(out.assertions) == sum(social.values()) - none == 10_727
    # 42 tails differ from another of the same event and relation only in case or a full stop.
    assert len(out.ids("assertions")) == 10_685
    # Of 1,888 events with social rows, 193 have nothing but `none`.
    assert len(out.ids("posts")) == 1695
