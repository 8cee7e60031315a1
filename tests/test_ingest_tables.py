from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from harvest import jsonl, write
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dialect import Dialect, sniff_dialect
from ingest.rows import Field, TableRow, container, read_rows
from schema.errors import InputError

FIELDS = (Field("id", ("post_id",), required=True), Field("text", ("body",), required=True))


def rows(path: Path, **options: Any) -> list[TableRow]:
    return list(read_rows(path, FIELDS, **options))


def values(path: Path, **options: Any) -> list[tuple[Any, Any]]:
    return [
        (r.values.get("id"), r.values.get("text")) for r in rows(path, **options) if not r.problem
    ]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("packed", [False, True])
def test_delimited_rows_with_quotes_and_line_breaks(
    tmp_path: Path, delimiter: str, packed: bool
) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter)
    writer.writerows([["ID", "Body", "mood"], ["1", 'say "hi"\nand go', "odd"], ["2", "a,b;c", ""]])
    data = b"\xef\xbb\xbf" + buffer.getvalue().encode()
    found = rows(write(tmp_path / "file", gzip.compress(data) if packed else data))
    assert [r.values["text"] for r in found] == ['say "hi"\nand go', "a,b;c"]
    assert [r.line for r in found] == [2, 4]
    assert found[0].extra == {"mood": "odd"} and found[1].extra == {}


@given(
    cells=st.lists(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters="\0\r")), min_size=2, max_size=2
        ),
        min_size=3,
    ),
    delimiter=st.sampled_from(",\t;|"),
)
@settings(max_examples=60)
def test_what_the_csv_module_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]], delimiter: str
) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([["id", "text"], *cells])
    path = write(tmp_path_factory.getbasetemp() / "written.csv", buffer.getvalue())
    found = rows(path)
    assert not any(row.problem for row in found)
    assert [[r.values["id"] or "", r.values["text"] or ""] for r in found] == cells


def test_a_row_with_too_few_or_too_many_cells_is_refused(tmp_path: Path) -> None:
    found = rows(write(tmp_path / "f.csv", "id,text\n1,a\n2\n3,b,c\n\n4,d\n"))
    assert [(r.line, r.problem.reason if r.problem else None) for r in found] == [
        (2, None),
        (3, "1 cells where the header has 2"),
        (4, "3 cells where the header has 2"),
        (6, None),
    ]
    assert all(r.problem is None or r.problem.fix for r in found)
    assert found[2].text == "3,b,c"


def test_one_unclosed_quote_costs_one_row(tmp_path: Path) -> None:
    good = "".join(f'{n},"fine, {n}"\n' for n in range(300))
    found = rows(write(tmp_path / "f.csv", f'id,text\n{good}x,"never closed\n{good}'))
    bad = [r for r in found if r.problem]
    assert [r.line for r in bad] == [302]
    assert sum(r.problem is None for r in found) == 600
    # The same at the very end, where only the end of the file tells.
    found = rows(write(tmp_path / "g.csv", f'id,text\n{good}x,"never closed\n7,b\n8,c\n'))
    assert [(r.line, bool(r.problem)) for r in found[-3:]] == [
        (302, True),
        (303, False),
        (304, False),
    ]
    assert "never closed" in found[-3].problem.reason  # type: ignore[union-attr]


def test_a_quote_in_the_middle_of_a_quoted_cell_is_refused(tmp_path: Path) -> None:
    good = '0,"a, b"\n' * 50
    found = rows(write(tmp_path / "f.csv", f'id,text\n{good}1,"5" nails"\n2,x\n'))
    assert [(r.line, bool(r.problem)) for r in found[50:]] == [(52, True), (53, False)]
    assert '""' in found[50].problem.fix  # type: ignore[union-attr]


def test_tabs_without_quoting_are_told(tmp_path: Path) -> None:
    text = "id\ttext\n" + "".join(f'{n}\t"so it begins {n}\n' for n in range(50))
    assert sniff_dialect(text) == Dialect("\t", quoted=False)
    assert values(write(tmp_path / "f.tsv", text))[3] == ("3", '"so it begins 3')


def test_a_bad_byte_in_a_quoted_cell_refuses_the_whole_row(tmp_path: Path) -> None:
    data = b'id,text\n1,"a\n\xe9 b\nc"\n2,fine\n\xff,x\n4,"nul \0"\n'
    found = rows(write(tmp_path / "f.csv", data))
    assert [(r.line, bool(r.problem)) for r in found] == [
        (2, True),
        (5, False),
        (6, True),
        (7, True),
    ]
    assert "0xe9" in found[0].problem.reason  # type: ignore[union-attr]


def test_a_line_beyond_the_limit_inside_a_quoted_cell(tmp_path: Path) -> None:
    text = 'id,text\n1,a\n2,"' + "x" * 3000 + '\nstill 2"\n3,c\n'
    found = rows(write(tmp_path / "f.csv", text), limit=1000)
    assert [(r.line, bool(r.problem)) for r in found] == [(2, False), (3, True), (5, False)]


def test_a_missing_column_names_those_seen_and_the_option(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / "a.csv", "id,txet\n1,a\n"),
        jsonl(tmp_path / "b.jsonl", {"id": 1, "txet": "a"}, {"id": 2}),
    ]
    table = pa.table({"id": ["1"], "txet": ["a"]})
    pq.write_table(table, tmp_path / "c.parquet")
    for path in (*paths, tmp_path / "c.parquet"):
        with pytest.raises(InputError, match=r"no column for 'text'; .* seen: id, txet") as caught:
            rows(path)
        assert "--column text=COLUMN" in (caught.value.fix or "")
        assert values(path, columns={"text": "txet"})[0][1] == "a"
        with pytest.raises(InputError, match="no column 'txte'") as caught:
            rows(path, columns={"text": "txte"})
        assert "did you mean 'txet'?" in (caught.value.fix or "")


def test_an_explicit_column_beats_the_aliases(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "f", {"id": 1, "text": "no", "Raw Text": "yes"})
    (row,) = rows(path, columns={"text": "Raw Text"})
    assert row.values == {"id": 1, "text": "yes"} and row.extra == {"text": "no"}


def test_names_are_compared_without_case_and_separators(tmp_path: Path) -> None:
    assert values(write(tmp_path / "f.csv", "Post ID;BODY\n1;a\n")) == [("1", "a")]


def test_twice_the_same_column(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two columns are called 'id'"):
        rows(write(tmp_path / "f.csv", "id,id,text\n1,2,a\n"))


def test_a_header_that_cannot_be_read(tmp_path: Path) -> None:
    for data, word in (
        (b"id,\xff\n1,2\n", "not UTF-8"),
        (b"id,text\r1,a\r2,b\r", "carriage return"),
        (b"\n\n\n", "empty"),
    ):
        with pytest.raises(InputError, match=word) as caught:
            rows(write(tmp_path / "f.csv", data))
        assert caught.value.fix


def test_json_lines_that_are_none_are_refused_one_by_one(tmp_path: Path) -> None:
    text = '{"id": 1, "text": "a"}\n\n{"id": 2, "text"\n[1]\n7\n{"id": 3, "text": "\\ud800"}\n'
    nest = '{"id": 4, "text": ' + "[" * 3000 + "]" * 3000 + "}\n"
    found = rows(write(tmp_path / "f", text + nest + '{"id": 5, "text": "b"}'))
    assert [(r.line, bool(r.problem)) for r in found] == [
        (1, False),
        (3, True),
        (4, True),
        (5, True),
        (6, True),
        (7, True),
        (8, False),
    ]


def test_one_array_instead_of_lines(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one JSON array") as caught:
        rows(write(tmp_path / "f.json", '[{"id": 1}]'))
    assert "jq -c" in (caught.value.fix or "")


def test_parquet_of_all_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": pa.array([1, 2, 3]),
            "text": pa.array(["a", None, "c"], pa.large_string()),
            "tags": pa.array([["x"], [], None]),
            "kind": pa.array(["k", "k", "l"]).dictionary_encode(),
        }
    )
    path = tmp_path / "file.without.suffix"
    pq.write_table(table, path, row_group_size=2)
    found = rows(path)
    assert [(r.line, r.values, r.extra) for r in found] == [
        (1, {"id": 1, "text": "a"}, {"tags": ["x"], "kind": "k"}),
        (2, {"id": 2, "text": None}, {"tags": [], "kind": "k"}),
        (3, {"id": 3, "text": "c"}, {"kind": "l"}),
    ]


def test_parquet_that_is_cut_or_holds_bad_strings(tmp_path: Path) -> None:
    bad = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.array([0, 1, 2], pa.int32()).buffers()[1], pa.py_buffer(b"a\xff")]
    )
    path = tmp_path / "f.parquet"
    pq.write_table(pa.table({"id": ["1", "2"], "text": bad}), path)
    found = rows(path)
    assert [(r.line, bool(r.problem)) for r in found] == [(1, False), (2, True)]
    data = path.read_bytes()
    for cut in (data[: len(data) // 2], data[:6]):
        with pytest.raises(InputError, match="not a readable Parquet file"):
            rows(write(tmp_path / "cut.parquet", cut))


def test_containers(tmp_path: Path) -> None:
    for text, kind in (
        ('  {"a": 1}', "jsonl"),
        ("[1]", "json"),
        ("a,b", "csv"),
        ("", "empty"),
        (" \n", "empty"),
    ):
        assert container(write(tmp_path / "f", text)) == kind
