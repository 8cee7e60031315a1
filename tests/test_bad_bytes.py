"""Files with bytes changed at random: read, or refused with a reason; never anything else."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from door import call, check_tidy, quick, rejected, small_kb
from hypothesis import given, settings
from hypothesis import strategies as st

LINES = {
    ("ingest", "posts", "x.jsonl"): [
        json.dumps({"id": f"f{n}", "text": f"fair {n} \u2602", "lang": "en"}) for n in range(30)
    ],
    ("ingest", "posts", "x.csv"): ["id,text", *(f'f{n},"fair, ""mostly"" {n}"' for n in range(30))],
    ("ingest", "products", "x.tsv"): [
        "id\ttitle\tprice",
        *(f"P{n}\that {n}\t9" for n in range(30)),
    ],
    ("ingest", "cobuys", "x.csv"): ["a,b,support", *(f"B{n},B{n + 1},2" for n in range(30))],
    ("import", "intentions", "x.jsonl"): [
        json.dumps({"a": "B0", "b": "B1", "relation": "UsedFor", "text": f"t {n}", "typicality": 1})
        for n in range(30)
    ],
    ("ingest", "amazon-2018", "x.json"): [
        json.dumps({"asin": f"P{n}", "title": f"hat {n}", "also_buy": [f"P{n + 1}"]})
        for n in range(30)
    ],
    ("import", "atomic", "x.tsv"): [f"PersonX sings {n}\txWant\tto be heard" for n in range(30)],
    ("import", "conceptnet", "x.csv"): [
        "/a/x\t/r/UsedFor\t/c/en/umbrella\t/c/en/rain\t" + json.dumps({"weight": n})
        for n in range(30)
    ],
}

edits = st.lists(
    st.tuples(
        st.sampled_from(["set", "insert", "delete", "cut", "double"]),
        st.floats(0, 1, exclude_max=True),
        st.one_of(st.binary(min_size=1, max_size=6), st.sampled_from([b'"', b"\n", b"\0", b"\t,"])),
    ),
    min_size=1,
    max_size=6,
)


def changed(data: bytes, changes: list[tuple[str, float, bytes]]) -> bytes:
    for kind, where, piece in changes:
        at = int(where * len(data))
        match kind:
            case "set":
                data = data[:at] + piece + data[at + len(piece) :]
            case "insert":
                data = data[:at] + piece + data[at:]
            case "delete":
                data = data[:at] + data[at + 40 :]
            case "cut":
                data = data[:at]
            case "double":
                data = data[:at] + data[max(0, at - 60) :]
    return data


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_kb(tmp_path_factory.mktemp("bytes"))


@settings(max_examples=60, deadline=None)
@given(
    what=st.sampled_from(sorted(LINES)),
    changes=edits,
    packed=st.booleans(),
    before=st.booleans(),
    auto=st.booleans(),
)
def test_no_bytes_get_past_a_reason(
    kb: Path,
    what: tuple[str, str, str],
    changes: list[tuple[str, float, bytes]],
    packed: bool,
    before: bool,
    auto: bool,
) -> None:
    verb, name, file = what
    data = "\n".join(LINES[what]).encode()
    if before:
        data = changed(data, changes)
    if packed:
        data = gzip.compress(data, mtime=0)
    if not before:
        data = changed(data, changes)
    path = kb.parent / file
    path.write_bytes(data)
    counts = quick("status", kb)["counts"]

    result = call(verb, kb, "--format", "auto" if auto else name, "--json", path)

    assert result.returncode in (0, 1), result.stdout
    assert "Traceback" not in result.stderr
    assert "this is a bug" not in result.stdout
    report = json.loads(result.stdout)["files"][0]
    after = quick("status", kb)["counts"]
    if result.returncode:
        error = report["error"] if "error" in report else json.loads(result.stdout)["error"]
        assert error["type"] in ("InputError", "UnknownFormatError", "UnsuitableFileError")
        assert error["fix"]
        assert {**after, "rejected": 0} == {**counts, "rejected": 0}
    else:
        assert all(rejection["fix"] for rejection in report["rejections"])
    kept = counts.keys() - {"rejected"}  # refusals of a file go once it goes in whole
    assert all(after[key] >= counts[key] for key in kept)
    check_tidy(kb)


def test_after_all_that_the_knowledge_base_is_whole(kb: Path) -> None:
    assert quick("verify", kb)["ok"]
    assert all(row["reason"] and row["fix"] and row["file"] for row in rejected(kb))
