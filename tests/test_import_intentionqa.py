"""Import of IntentionQA, from constructed rows and from the published files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from import_world import Row, take, write_csv, write_jsonl

from ingest import reading
from ingest.intentions.sentences import UNMATCHED

BEFORE = "PersonX bought a product of Item A and a product of Item B "
QUESTION: Row = {
    "id": "FS_1",
    "item_a_id": "P2",
    "item_b_id": "P1",
    "item_a_name": "Wool hat",
    "item_b_name": "Lamp",
    "relation": "all",
    "assertion": BEFORE + "because they both are a type of winter gear.",
    "distractors_id": ["FS_9"],
    "distractors_asserstion": ["because they both are a type of jewelry."],
    "typicality": 0.6,
    "gold_ind": "A",
    "options": {
        "A": "because they both are a type of winter gear.",
        "B": "because they both are a type of jewelry.",
    },
    "hadFalseNegative": 0,
}
TABLE = {name: QUESTION[name] for name in list(QUESTION)[:7]} | {"typicality": "0.6"}

FILES = {
    "QA_fullInfo_task1.jsonl.gz": 2315,
    "QA_fullInfo_task1_byRelation.jsonl.gz": 2205,
    "QA_fullInfo_task2.jsonl.gz": 2315,
    "cobuy_intentions.tsv.gz": 2315,
}


def test_a_question_is_one_assertion_and_its_options_are_none(tmp_path):
    path = write_jsonl(tmp_path / "q.jsonl", [QUESTION])
    assert reading.detect(path).name == "intentionqa"
    out = take(path)
    assert out.triples() == [("IsA", "winter gear.")]
    (found,) = out.assertions
    assert (found["request"], found["typicality"], found["model"]) == ("FS_1", 0.6, "folkscope")
    assert found["plausibility"] is None
    (pair,) = out.cobuys
    assert (pair["support"], pair["support_ab"], pair["support_ba"]) == (1, None, None)
    assert {p["title"] for p in out.products} == {"Wool hat", "Lamp"}


def test_question_and_table_give_the_same_evidence_whatever_names_the_relation(tmp_path):
    outs = [
        take(write_jsonl(tmp_path / "q.jsonl", [QUESTION])),
        take(write_jsonl(tmp_path / "r.jsonl", [QUESTION | {"relation": "isA"}])),
        take(write_jsonl(tmp_path / "o.jsonl", [QUESTION | {"relation": "other"}])),
        take(write_csv(tmp_path / "t.tsv.gz", [TABLE | {"relation": ""}], delimiter="\t")),
        take(write_csv(tmp_path / "t.csv", [TABLE | {"relation": "isA"}])),
    ]
    assert len({frozenset(out.ids("assertions")) for out in outs}) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"typicality": 7}, "outside [0, 1]"),
        ({"relation": "isB"}, "unknown relation 'isB'"),
        ({"id": None}, "id is missing"),
        ({"assertion": BEFORE + "because"}, "ends where the intention should begin"),
        ({"item_a_id": 1.5}, "not exact"),
        ({"item_a_name": {"x": 1}}, "not text"),
    ],
)
def test_a_row_that_cannot_stand_is_refused(tmp_path, change, reason):
    out = take(write_jsonl(tmp_path / "q.jsonl", [QUESTION | change, QUESTION]), "intentionqa")
    assert [r.row for r in out.rejections] == [1]
    assert reason in out.rejections[0].reason
    assert len(out.assertions) == 1


@pytest.mark.parametrize("name", FILES)
def test_the_published_files(shared_data: Path, name: str):
    path = shared_data / "intentionqa" / name
    assert reading.detect(path).name == "intentionqa"
    out = take(path)
    assert not out.rejections
    assert len(out.ids("assertions")) == len(out.assertions) == FILES[name]
    if name != "QA_fullInfo_task1_byRelation.jsonl.gz":  # it lacks 110 rows
        # 1,397 ordered pairs; of four both orders are there.
        assert len(out.ids("cobuys")) == 1393
        assert len(out.ids("products")) == 2507
    assert {row["support"] for row in out.cobuys} == {1}


def test_the_published_files_agree_with_each_other(shared_data: Path):
    outs = {name: take(shared_data / "intentionqa" / name) for name in FILES}
    whole = outs["cobuy_intentions.tsv.gz"].ids("assertions")
    for name, out in outs.items():
        assert out.ids("assertions") <= whole, name
    assert {len(out.ids("assertions")) for out in outs.values()} == {2315, 2205}


def test_the_phrase_agrees_with_every_relation_that_the_file_names(shared_data: Path):
    out = take(shared_data / "intentionqa" / "QA_fullInfo_task1_byRelation.jsonl.gz")
    # 2,205 rows, of which 257 are named `other`: what the makers could not part.
    assert out.notes == {
        "relations named that the phrase agrees with": 1948,
        "relation 'other' read by its phrase as CauseDesire": 138,
        "relation 'other' read by its phrase as Open": 118,
        "relation 'other' read by its phrase as Other": 1,
        UNMATCHED: 118,
    }
    named = {"CapableOf": 426, "UsedFor": 308, "IsA": 245, "Can": 231, "RelatedTo": 197,
             "MannerOf": 165, "Cause": 155, "PropertyOf": 127, "DefinedAs": 84,
             "Effect": 10}  # fmt: skip
    assert out.relations() == Counter(named) + Counter(CauseDesire=138, Open=118, Other=1)
