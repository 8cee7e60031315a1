"""The registry: names, options, and recognising a file."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from harvest import Harvest, jsonl, write

from ingest.reading import Options, detect, formats, get, read
from ingest.sampling import take
from schema.errors import InputError, UnknownFormatError, UsageError

RECORDS = {
    "posts",
    "products",
    "cobuys",
    "baskets",
    "amazon-2018",
    "amazon-2023",
    "amazon-snap",
    "twitter-sarcasm",
    "twitter-mner",
}


def test_every_format_of_records_is_there_and_described() -> None:
    found = {f.name: f for f in formats("records")}
    assert set(found) == RECORDS
    assert all(f.summary and f.kind == "records" for f in found.values())
    names = [f.name for f in formats()]
    assert len(names) == len(set(names))


def test_a_name_is_found_in_any_case_and_an_unknown_one_gets_a_suggestion() -> None:
    assert get("Amazon_2018").name == "amazon-2018"
    with pytest.raises(UnknownFormatError, match="unknown format 'amazon-2019'") as caught:
        get("amazon-2019", "records")
    fix = caught.value.fix or ""
    assert "did you mean 'amazon-20" in fix and all(name in fix for name in RECORDS)


def test_a_format_of_the_other_kind_names_the_command() -> None:
    with pytest.raises(UnknownFormatError, match="posts, products or co-buys") as caught:
        get("posts", "intentions")
    assert "intentkg ingest" in (caught.value.fix or "")


@pytest.mark.parametrize(
    ("format", "options", "word"),
    [
        ("posts", {"min_support": 3}, "no option min-support"),
        ("posts", {"dangling": "keep"}, "no option dangling"),
        ("posts", {"dangling": "drop"}, "no option dangling"),
        ("amazon-2018", {"columns": {"id": "x"}}, "no option columns"),
        ("posts", {"columns": {"txt": "body"}}, "no field 'txt'"),
        ("posts", {"source": "No Good"}, "not a source name"),
        ("baskets", {"min_support": 0}, "at least 1"),
    ],
)
def test_an_option_that_means_nothing_is_refused(
    tmp_path: Path, format: str, options: dict[str, Any], word: str
) -> None:
    path = jsonl(tmp_path / "f", {"id": 1, "text": "a"})
    with pytest.raises(UsageError, match=word) as caught:
        read(path, format, Options(**options))
    assert caught.value.fix


def test_bad_memory_and_temporary_folder(tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", "user,item,time\nu,a,2024-01-01\n")
    with pytest.raises(UsageError, match="amount of memory"):
        Harvest(path, memory="plenty")
    with pytest.raises(UsageError, match="temporary files"):
        Harvest(path, temp_dir=tmp_path / "no" / "such")


def test_empty_missing_and_directory(tmp_path: Path) -> None:
    for name in ("auto", "posts", "amazon-2018", "twitter-mner"):
        for data in (b"", b"\n\n", gzip.compress(b"")):
            with pytest.raises(InputError, match="empty"):
                read(write(tmp_path / "empty", data), name)
        with pytest.raises(InputError, match="no such file"):
            read(tmp_path / "none", name)
    with pytest.raises(InputError, match="directory"):
        read(tmp_path, "posts")


SAMPLES: dict[str, str] = {
    "posts": '{"id": 1, "text": "hello there", "lang": "en"}\n',
    "products": "asin,title,price\nB1,Lamp,5\n",
    "cobuys": "item_a_id\titem_b_id\tsupport\nB1\tB2\t3\n",
    "baskets": '{"reviewerID": "u", "asin": "B1", "unixReviewTime": 1400000000}\n',
    "amazon-2018": "{'asin': 'B1', 'title': 'Lamp', 'related': {'also_bought': ['B2']}}\n",
    "amazon-2023": '{"parent_asin": "B1", "title": "Lamp", "bought_together": null}\n',
    "amazon-snap": "# Full information\nTotal items: 1\n\nId:   0\nASIN: 0771044445\n",
    "twitter-sarcasm": "['840006160660983809', 'thanks a lot . ', 1]\n",
    "twitter-mner": "IMGID:1\nhi\tO\n\n",
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("packed", [False, True])
def test_each_format_is_recognised(tmp_path: Path, name: str, packed: bool) -> None:
    data = SAMPLES[name].encode()
    path = write(tmp_path / "unnamed", gzip.compress(data) if packed else data)
    assert detect(path).name == name
    assert detect(path, "records").name == name
    assert Harvest(path).rejections == []


def test_a_sample_for_every_format() -> None:
    assert set(SAMPLES) == RECORDS


@pytest.mark.parametrize(
    ("text", "seen", "close"),
    [
        ("colour,weight\nred,5\n", "'colour', 'weight'", ""),
        ('{"id": 1, "body_text": "a"}\n', "'id', 'body_text'", "posts (no column for text)"),
        ("Dear diary, today\nit rained.\n", "first line 'Dear diary, today'", ""),
        ('{"id": 1, "title": "a", "text": "b"}\n', "'id', 'title', 'text'", "products (columns"),
        ("[1, 2]\n", "a JSON array", ""),
    ],
)
def test_what_is_not_recognised_says_what_was_seen_and_what_comes_close(
    tmp_path: Path, text: str, seen: str, close: str
) -> None:
    path = write(tmp_path / "file", text)
    with pytest.raises(UnknownFormatError) as caught:
        detect(path, "records")
    assert seen in str(caught.value) and close in str(caught.value)
    fix = caught.value.fix or ""
    assert "--format NAME" in fix and "posts" in fix
    assert ("--column" in fix) == (not text.startswith("["))
    if "no column for text" in close:
        assert "--format posts --column text=COLUMN" in fix


def test_a_dictionary_whose_words_look_like_columns(tmp_path: Path) -> None:
    words = {f"word{n}": n for n in range(1000)} | {"user": 1, "item": 2, "time": 3}
    with pytest.raises(UnknownFormatError, match="JSON lines with the keys 'word0'"):
        detect(jsonl(tmp_path / "f.json", words))


def test_binary_rubbish_is_an_error_not_a_crash(tmp_path: Path) -> None:
    path = write(tmp_path / "image.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40)
    with pytest.raises(UnknownFormatError):
        detect(path)
    for name in RECORDS - {"amazon-2018", "twitter-sarcasm", "twitter-mner", "amazon-snap"}:
        with pytest.raises(InputError):
            Harvest(path, name)


def test_a_first_line_longer_than_the_first_look(tmp_path: Path) -> None:
    rows = [{"id": n, "text": "word " * 30_000} for n in range(2)]
    path = jsonl(tmp_path / "f", *rows)
    assert take(path).columns == ("id", "text")
    assert detect(path).name == "posts"


def test_recognising_the_published_files(shared_data: Path) -> None:
    expected = {
        "amazon_cobuy/meta_Gift_Cards.json.gz": "amazon-2018",
        "amazon_cobuy/also_buy_pairs.tsv.gz": "cobuys",
        "amazon_cobuy/snap_amazon_meta_slice.jsonl.gz": "amazon-snap",
        "twitter_sarcasm/mmsd_24635.tsv.gz": "twitter-sarcasm",
        "twitter_sarcasm/raw_train.txt.gz": "twitter-sarcasm",
        "twitter_mner/posts.jsonl.gz": "twitter-mner",
        "twitter_mner/twitter2017_valid.conll.gz": "twitter-mner",
        "bundle_intent/clothing/session_item.csv.gz": "baskets",
    }
    assert {name: detect(shared_data / name, "records").name for name in expected} == expected


def test_files_of_other_kinds_are_not_mistaken_for_records(shared_data: Path) -> None:
    for name in (
        "intentionqa/cobuy_intentions.tsv.gz",
        "intentionqa/QA_fullInfo_task1.jsonl.gz",
        "atomic2020/atomic2020_eval5000.tsv.gz",
        "bundle_intent/clothing/bundle_intent.csv.gz",
        "hearst_isa/hearst_counts.tsv.gz",
        "oewn/senses.tsv.gz",
        "event2mind/dev.csv.gz",
    ):
        with pytest.raises(UnknownFormatError):
            detect(shared_data / name, "records")


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, ingest; ingest.__all__; "
        "print([m for m in ('pyarrow', 'duckdb', 'torch', 'numpy') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_header_whose_quote_is_never_closed_is_not_clear(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    rows = "".join(f'f{n},"fair, ""mostly"" {n}"\n' for n in range(30))
    path.write_text(f'"d,text\n{rows}', encoding="utf-8")
    with pytest.raises(UnknownFormatError, match="not clear"):
        detect(path)
