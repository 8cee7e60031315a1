from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from harvest import Harvest, jsonl, write

CONLL = """IMGID:17_06_1
in\tO
New\tB-LOC
York\tI-LOC
\u00a0\tO
now\tO

IMGID:99
Ann\tI-PER
Lee\tB-PER
"""


def test_conll(tmp_path: Path) -> None:
    folder = tmp_path / "twitter2017"
    folder.mkdir()
    got = Harvest(write(folder / "dev.txt", CONLL), images="pictures/")
    first, second = got.posts
    assert first["id"] == "twitter-mner:twitter2017/17_06_1"
    assert first["text"] == "in New York \u00a0 now"
    assert first["images"][0]["ref"] == "pictures/17_06_1.jpg"
    attributes = json.loads(first["attributes"])
    assert attributes["split"] == "valid" and attributes["dataset"] == "twitter2017"
    assert attributes["entities"] == [{"type": "LOC", "text": "New York", "start": 1, "end": 3}]
    assert [e["text"] for e in json.loads(second["attributes"])["entities"]] == ["Ann", "Lee"]
    assert got.lines["posts"] == [1, 8]


def test_without_a_telling_name_the_image_id_tells_the_set(tmp_path: Path) -> None:
    got = Harvest(write(tmp_path / "f", CONLL))
    assert [post["external_id"] for post in got.posts] == ["twitter2017/17_06_1", "twitter2015/99"]


def test_conll_that_is_damaged(tmp_path: Path) -> None:
    data = (
        b"stray\tO\nIMGID:1\nno tag\n\nIMGID:2\nword\tX-Y\n\nIMGID:3\nbad \xff\tO\n\n"
        b"IMGID:\nword\tO\n\nIMGID:5\n!\tO\n\nIMGID:6\n\nIMGID:7\nfine\tO\n"
    )
    got = Harvest(write(tmp_path / "f", data), "twitter-mner")
    assert [post["external_id"] for post in got.posts] == ["twitter2015/7"]
    assert list(got.refused) == [1, 2, 5, 8, 11, 14, 17]
    assert "line 3 is not token<TAB>tag" in got.refused[2] and "not BIO" in got.refused[5]


def test_tokens_and_tags_that_do_not_match(tmp_path: Path) -> None:
    row = {"image_id": "1", "tokens": ["a", "b"], "ner": ["O"]}
    got = Harvest(jsonl(tmp_path / "f", row, row | {"ner": ["O", 1]}), "twitter-mner")
    assert list(got.refused) == [1, 2]


TABLE = (
    "split\timage_id\tlabel_hashtag\tlabel_human\tlabel_mmsd2\ttext_original\ttext_mmsd2\timage_attributes\n"
    "train\t84\t1\t\t1\t<user> thanks for showing up # lol\t<user> thanks\twater dark\n"
    "valid\t85\t7\t\t1\ta\ta\t\n"
    "valid\t86\t1\t0\t1\temoji_12\t\t\n"
    "valid\t87\t1\t0\t1\t...\t\t\n"
)


def test_the_table_of_sarcasm(tmp_path: Path) -> None:
    path = write(tmp_path / "f.tsv", TABLE)
    got = Harvest(path, images="img")
    post = got.posts[0]
    assert post["id"] == "twitter-sarcasm:84" and post["text"].endswith("showing up # lol")
    assert post["images"] == [{"ref": "img/84.jpg", "id": None, "error": None}]
    assert json.loads(post["attributes"]) == {
        "split": "train",
        "label_hashtag": 1,
        "label_mmsd2": 1,
        "text_mmsd2": "<user> thanks",
        "image_attributes": ["water", "dark"],
    }
    assert list(got.refused) == [3, 5] and "neither 0 nor 1" in got.refused[3]
    corrected = Harvest(path, columns={"text": "text_mmsd2"})
    assert corrected.posts[0]["text"] == "<user> thanks"


def test_the_raw_lists_of_sarcasm(tmp_path: Path) -> None:
    lines = [
        "['84', '<user> thanks for  showing up # lol ', 1]",
        "['86', \"it 's <url>\", 1, 0]",
        "['87', 'a']",
        "['88', 'a', __import__('os')]",
        "not a list",
    ]
    got = Harvest(write(tmp_path / "valid2.txt", "\n".join(lines)), "twitter-sarcasm")
    assert [p["external_id"] for p in got.posts] == ["84", "86"]
    assert got.posts[0]["text"] == "<user> thanks for showing up # lol"
    assert json.loads(got.posts[1]["attributes"]) == {
        "split": "valid",
        "label_hashtag": 1,
        "label_human": 0,
    }
    assert list(got.refused) == [3, 4, 5]
    assert sum(got.notes.values()) == 1


def test_the_published_table_of_sarcasm(shared_data: Path) -> None:
    got = Harvest(shared_data / "twitter_sarcasm/mmsd_24635.tsv.gz")
    assert len(set(got.ids("posts"))) == len(got.posts) == 24_635 and not got.rejections
    rows = [json.loads(p["attributes"]) for p in got.posts]
    assert Counter(r["split"] for r in rows) == {"train": 19_816, "valid": 2_410, "test": 2_409}
    positive = Counter(r["split"] for r in rows if r["label_hashtag"])
    assert positive == {"train": 8_642, "valid": 1_000, "test": 1_005}
    human = Counter(r["split"] for r in rows if r.get("label_human"))
    assert human == {"valid": 959, "test": 959}


def test_the_raw_files_give_the_same_posts_as_the_table(shared_data: Path) -> None:
    folder = shared_data / "twitter_sarcasm"
    table = {p["id"]: p["text"] for p in Harvest(folder / "mmsd_24635.tsv.gz").posts}
    raw: dict[str, str] = {}
    left_out = 0
    for name in ("raw_train", "raw_valid2", "raw_test2"):
        got = Harvest(folder / f"{name}.txt.gz")
        assert not got.rejections
        raw |= {p["id"]: p["text"] for p in got.posts}
        left_out += sum(got.notes.values())
    assert len(raw) == 29_040 + 2_410 + 2_409 and left_out == 9_224
    assert len(raw) - left_out == len(table) == 24_635
    assert all(raw[key] == text for key, text in table.items())


def test_the_named_entity_posts_are_the_same_from_both_layouts(shared_data: Path) -> None:
    folder = shared_data / "twitter_mner"
    whole = Harvest(folder / "posts.jsonl.gz")
    assert len(set(whole.ids("posts"))) == len(whole.posts) == 13_076 and not whole.rejections
    by_id = {post["id"]: post for post in whole.posts}
    counts: dict[str, int] = {}
    for path in sorted(folder.glob("*.conll.gz")):
        got = Harvest(path)
        assert not got.rejections
        counts[path.name.split(".")[0]] = len(got.posts)
        assert all(by_id[post["id"]] == post for post in got.posts)
    assert counts == {
        "twitter2015_train": 4000,
        "twitter2015_valid": 1000,
        "twitter2015_test": 3257,
        "twitter2017_train": 3373,
        "twitter2017_valid": 723,
        "twitter2017_test": 723,
    }


@pytest.mark.parametrize("name", ["posts.jsonl.gz", "twitter2017_valid.conll.gz"])
def test_another_source_name(shared_data: Path, name: str) -> None:
    got = Harvest(shared_data / "twitter_mner" / name, source="mine")
    assert all(post["id"].startswith("mine:twitter201") for post in got.posts)
