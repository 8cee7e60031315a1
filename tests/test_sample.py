"""The bundled sample is whole, consistent, varied, and its pictures are what the script draws."""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from ingest import reading
from ingest.images import with_images
from intentkg.sample import FILES, FOLDER, MODEL, RECORD, REPLIES, SOURCE
from intentkg.sample.drawing.__main__ import draw_all
from intentkg.sample.drawing.album import ALBUM
from schema import relations
from schema.identity import cobuy_id, intention_id, normalise_text, post_id
from schema.records import ImageBlob, Rejection, Rows

FIRST, SECOND = MODEL, "second hand-written sample"


def _lines(name: str) -> list[dict[str, Any]]:
    raw = (FOLDER / name).read_text(encoding="utf-8")
    assert raw.endswith("\n")
    return [json.loads(line) for line in raw.splitlines()]


PRODUCTS = _lines("products.jsonl")
POSTS = _lines("posts.jsonl")
INTENTIONS = _lines("intentions.jsonl")
WRITTEN = _lines("replies.jsonl")
with (FOLDER / "cobuys.csv").open(encoding="utf-8", newline="") as stream:
    COBUYS = list(csv.DictReader(stream))
SOCIAL = [row for row in INTENTIONS if row["head_type"] == "Post"]
BOUGHT = [row for row in INTENTIONS if row["head_type"] == "CoBuy"]


def _head(row: dict[str, Any]) -> str:
    return row["head_id"] if row["head_type"] == "Post" else cobuy_id(row["a"], row["b"])


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    members = value.values() if isinstance(value, dict) else value
    return [s for m in members for s in _strings(m)] if isinstance(value, dict | list) else []


def test_it_has_the_size_that_its_readme_states() -> None:
    sizes = (len(PRODUCTS), len(COBUYS), len(POSTS), len(SOCIAL), len(BOUGHT))
    assert sizes == (60, 44, 40, 400, 380)
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for phrase in (
        "| 60 |", "| 44 |", "| 40 |", "| 780 |", "(400)", "(330)", "| 82 |", "| 430 |", "| 1,372 |",
        "36 English, 2 Spanish, 1 German, 1 Chinese", "for 22 of them",
    ):  # fmt: skip
        assert phrase in readme
    languages = Counter(post["language"] for post in POSTS)
    assert languages == {"en": 36, "es": 2, "de": 1, "zh": 1}
    assert sum("image" in post for post in POSTS) == 22


def test_files_are_listed_in_the_order_in_which_they_can_be_read() -> None:
    assert [kind for kind, _ in FILES] == ["products", "cobuys", "posts", "intentions"]
    assert all(path.is_file() for _, path in FILES)
    listed = {path.name for _, path in FILES} | {REPLIES.name, RECORD.name}
    assert {path.name for path in FOLDER.iterdir() if path.suffix in (".jsonl", ".csv")} == listed


def test_the_readers_recognise_and_read_it_whole_with_its_pictures() -> None:
    rows: Counter[str] = Counter()
    blobs: list[ImageBlob] = []
    for name, path in FILES:
        assert reading.detect(path).name == name
        for item in with_images(reading.read(path, name, reading.Options(source=SOURCE))):
            assert not isinstance(item, Rejection), item
            if isinstance(item, ImageBlob):
                blobs.append(item)
            elif isinstance(item, Rows):
                if name != "cobuys" or item.table == "cobuys":
                    rows[item.table] += item.batch.num_rows
                for row in item.batch.to_pylist():
                    assert all(ref["id"] and not ref["error"] for ref in row.get("images") or ())
    assert rows == {"products": 60, "cobuys": 44, "posts": 40, "assertions": 780}
    # What is stored is the very file: there is no metadata to take out.
    assert {blob.data for blob in blobs} == {p.read_bytes() for p in (FOLDER / "images").iterdir()}


def test_every_id_is_unique_and_resolves() -> None:
    products = {row["id"] for row in PRODUCTS}
    posts = {post_id(SOURCE, row["id"]) for row in POSTS}
    pairs = {(row["a"], row["b"]) for row in COBUYS}
    assert (len(products), len(posts), len(pairs)) == (len(PRODUCTS), len(POSTS), len(COBUYS))
    assert all(a < b and {a, b} <= products for a, b in pairs)
    assert {x for pair in pairs for x in pair} == products, "a product that nobody buys"
    assert {row["head_id"] for row in SOCIAL} == posts
    assert {(row["a"], row["b"]) for row in BOUGHT} == pairs
    assert len(SOCIAL) + len(BOUGHT) == len(INTENTIONS)


def test_no_title_or_post_stands_twice() -> None:
    for texts in ([row["title"] for row in PRODUCTS], [row["text"] for row in POSTS]):
        assert len({normalise_text(text) for text in texts}) == len(texts)
    assert len({row["description"] for row in PRODUCTS}) == len(PRODUCTS)


def test_products_are_complete() -> None:
    for row in PRODUCTS:
        assert set(row) == {
            "id", "title", "description", "features", "categories", "brand", "price", "image",
        }  # fmt: skip
        assert len(row["features"]) == 3
        assert len(row["categories"]) >= 2
        assert row["price"] > 0
    assert len({row["categories"][0] for row in PRODUCTS}) == 9


def test_supports_add_up() -> None:
    for row in COBUYS:
        support, ab, ba = (int(row[k]) for k in ("support", "support_ab", "support_ba"))
        assert ab >= 0
        assert ba >= 0
        assert 1 <= ab + ba <= support


def test_posts_have_a_time_in_utc() -> None:
    for row in POSTS:
        assert datetime.fromisoformat(row["created_at"]).tzinfo == UTC


@pytest.mark.parametrize("family", list(relations.Family))
def test_every_generated_relation_occurs(family: relations.Family) -> None:
    rows = SOCIAL if family is relations.Family.SOCIAL else BOUGHT
    made = {r.name for r in relations.RELATIONS if r.family is family and not r.import_only}
    counts = Counter(row["relation"] for row in rows)
    assert set(counts) == made
    assert min(counts.values()) >= 2


def test_every_post_has_one_intention_for_each_social_relation() -> None:
    by_post = defaultdict(list)
    for row in SOCIAL:
        by_post[row["head_id"]].append(row["relation"])
    names = sorted(r.name for r in relations.SOCIAL if not r.import_only)
    assert len(names) == 10
    assert all(sorted(found) == names for found in by_post.values())


def test_scores_are_in_range_and_varied() -> None:
    for score in ("plausibility", "typicality"):
        values = [row[score] for row in INTENTIONS]
        assert all(isinstance(value, float) and 0 <= value <= 1 for value in values)
        assert len(set(values)) > 25
    # What people name first must at least be possible.
    assert all(row["typicality"] <= row["plausibility"] for row in INTENTIONS)


def _pair(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["a"], row["b"], row["relation"]


FIRST_VERDICTS = {_pair(row): row for row in WRITTEN if "answer" in row}


def test_every_cobuy_intention_has_one_verdict_with_a_reason() -> None:
    """The first writer's stand with the replies; a second opinion brings its own."""
    assert {row["model"] for row in SOCIAL} == {FIRST}
    first = [row for row in BOUGHT if row["model"] == FIRST]
    assert {row["model"] for row in BOUGHT} == {FIRST, SECOND}
    assert sorted(map(_pair, first)) == sorted(FIRST_VERDICTS)
    assert len(first) == len(FIRST_VERDICTS) == 330
    assert not any("accepted" in row or "rationale" in row for row in (*SOCIAL, *first))
    assert all(
        row["answer"] in ("yes", "no") and row["rationale"] for row in FIRST_VERDICTS.values()
    )
    refused = [row for row in first if FIRST_VERDICTS[_pair(row)]["answer"] == "no"]
    assert len(refused) == 19
    assert 0.05 <= len(refused) / len(first) <= 0.10
    accepted = [row["typicality"] for row in first if row not in refused]
    assert max(row["typicality"] for row in refused) < sum(accepted) / len(accepted)


def test_a_second_model_agrees_mostly() -> None:
    first = {_pair(row): row for row in BOUGHT if row["model"] == FIRST}
    second = [row for row in BOUGHT if row["model"] == SECOND]
    assert len(second) == 50
    assert all(isinstance(row["accepted"], bool) and row["rationale"] for row in second)
    assert all(row["text"] == first[_pair(row)]["text"] for row in second)
    said = [FIRST_VERDICTS[_pair(row)]["answer"] == "yes" for row in second]
    assert sum(row["accepted"] != yes for row, yes in zip(second, said, strict=True)) == 4


def test_replies_cover_every_post_picture_and_product() -> None:
    posts = {row["post"]: row for row in WRITTEN if "post" in row}
    products = {row["product"]: row["features"] for row in WRITTEN if "product" in row}
    assert len(posts) + len(products) + len(FIRST_VERDICTS) == len(WRITTEN)
    assert set(posts) == {row["id"] for row in POSTS}
    assert set(products) == {row["id"] for row in PRODUCTS}
    pictured = {row["id"] for row in POSTS if "image" in row}
    assert {key for key, row in posts.items() if "description" in row} == pictured


def test_replies_keep_to_what_the_prompts_ask_for() -> None:
    prose = [
        row.get("description") or row.get("features") for row in WRITTEN if "answer" not in row
    ]
    for text in filter(None, prose):
        assert 4 <= len(re.findall(r"[.:!?。：](?=\s|$)|。", text)) <= 8, text
        assert not re.match(r"(the|this) (image|picture|photo)|das bild|la imagen", text.casefold())
    assert len(set(filter(None, prose))) == 82
    brands = {row["brand"] for row in PRODUCTS}
    for row in WRITTEN:
        if "product" in row:
            assert not any(brand in row["features"] for brand in brands)
        elif "post" in row:
            key = row["key_information"]
            assert set(key) == {"concept", "action", "object", "emotion", "keywords"}
            assert 3 <= len(key["keywords"]) <= 5
            assert all(0 < len(word) <= 40 for word in key["keywords"])
            assert all(0 < len(key[name]) <= 80 for name in key if name != "keywords")


def test_replies_are_in_the_language_of_the_post() -> None:
    posts = {row["post"]: row for row in WRITTEN if "post" in row}
    for post in POSTS:
        said = json.dumps(posts[post["id"]], ensure_ascii=False)
        assert (re.search(r"[\u4e00-\u9fff]", said) is not None) == (post["language"] == "zh")
        words = set(re.findall(r"\w+", said.casefold()))
        assert (len(words & {"und", "ein", "im", "der"}) > 1) == (post["language"] == "de")
        assert (len(words & {"el", "un", "los", "para", "de", "en"}) > 1) == (
            post["language"] == "es"
        )


def test_intentions_are_unique_by_head_relation_text_and_model() -> None:
    keys = [(_head(r), r["relation"], intention_id(r["text"]), r["model"]) for r in INTENTIONS]
    assert len(set(keys)) == len(keys)


def test_an_intention_is_always_spelt_the_same_way() -> None:
    spellings = defaultdict(set)
    for row in INTENTIONS:
        spellings[intention_id(row["text"])].add(row["text"])
    assert [found for found in spellings.values() if len(found) > 1] == []


def test_intentions_read_on_from_their_relation() -> None:
    for row in INTENTIONS:
        text = row["text"]
        assert text == text.strip()
        assert "  " not in text
        assert not text.endswith(".")
        assert not text.startswith(("to ", "To ")), text
        assert text[0].islower() or not text[0].isascii(), text


def test_intentions_are_shared_within_and_across_the_families() -> None:
    heads = defaultdict(set)
    for row in INTENTIONS:
        heads[row["text"]].add((row["head_type"], _head(row)))
    shared = [found for found in heads.values() if len(found) > 1]
    assert len(shared) >= 40
    assert sum(len({kind for kind, _ in found}) == 2 for found in shared) >= 5
    assert len(heads["spend more time outdoors"]) >= 5


def test_every_product_reaches_every_other_through_cobuys_and_intentions() -> None:
    near = defaultdict(set)
    links = [(row["a"], row["b"]) for row in COBUYS]
    links += [(row["a"], "intention " + row["text"]) for row in BOUGHT]
    for x, y in links:
        near[x].add(y)
        near[y].add(x)
    seen, open_ends = set(), [PRODUCTS[0]["id"]]
    while open_ends:
        here = open_ends.pop()
        if here not in seen:
            seen.add(here)
            open_ends += near[here]
    assert {row["id"] for row in PRODUCTS} <= seen


def test_texts_are_in_normal_form_c() -> None:
    for row in (*PRODUCTS, *POSTS, *INTENTIONS, *WRITTEN, *COBUYS):
        for text in _strings(row):
            assert unicodedata.is_normalized("NFC", text), text


def test_pictures_are_those_that_the_rows_name() -> None:
    named = [row["image"] for row in (*PRODUCTS, *POSTS) if "image" in row]
    assert len(set(named)) == len(named) == 82
    assert {f"images/{path.name}" for path in (FOLDER / "images").iterdir()} == set(named)


def test_the_script_draws_the_pictures_again(tmp_path: Path) -> None:
    draw_all(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(f"{name}.png" for name in ALBUM)
    total = 0
    for drawn in tmp_path.iterdir():
        kept = FOLDER / "images" / drawn.name
        size = kept.stat().st_size
        total += size
        assert size < 4096
        with Image.open(kept) as old, Image.open(drawn) as new:
            assert old.format == "PNG"
            assert old.size == (128, 128)
            assert not old.info, "metadata in a picture"
            # Another Pillow may round an edge or choose a palette a shade differently.
            difference = ImageChops.difference(old.convert("RGB"), new.convert("RGB"))
            assert max(ImageStat.Stat(difference).mean) < 0.5, drawn.name
            assert len(old.convert("RGB").getcolors(16384) or ()) > 5, "an empty picture"
    assert total < 250_000


def test_no_two_pictures_look_alike() -> None:
    digests = {path.read_bytes() for path in (FOLDER / "images").iterdir()}
    assert len(digests) == len(ALBUM)
