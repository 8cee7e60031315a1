"""``intentkg report``: what it says, that it says it always alike, and that a browser shows it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from kg.build import build
from kg.directory import Directory
from queries import report
from queries.report import Options, Section, words
from queries.report.rendering import escaped
from schema.errors import UsageError
from tests.browser import browse, look, tempting
from tests.door import call, quick
from tests.helpers import HashingEmbedder
from tests.statistics_world import C1, about_one, small
from tests.truth_world import batch, commit, evidence, post

QUICK = ("--without", "hypernyms", "--without", "duplicates")
_QUICK = Options(without=frozenset(["hypernyms", "duplicates"]))


@pytest.fixture(scope="module")
def hand(tmp_path_factory: pytest.TempPathFactory) -> Directory:
    return small(tmp_path_factory.mktemp("report") / "hand.kg")


def section(made: report.Report, name: str) -> Section:
    return next(each for each in made.sections if each.name == name)


def rows_of(made: report.Report, name: str, block: int = 0) -> list[list[Any]]:
    return section(made, name).blocks[block].table.rows


def test_it_says_what_was_worked_out_by_hand(hand: Directory) -> None:
    made = report.make(hand, options=_QUICK)
    assert made.title == "hand: a graph of intentions"
    assert made.summary[0] == "The graph holds 2 posts, 4 products and 3 co-buys."
    assert "says 4 times" in made.summary[1]
    assert "(1 about posts and 3 about co-buys and products)" in made.summary[1]
    assert "The filter accepted 1 of 2 (50%)." in made.summary
    assert ("4", "assertions") in made.figures
    covered = {row[0]: row[1:] for row in rows_of(made, "coverage")}
    assert covered == {
        "posts": [2, 1, "50%"],
        "co-buys": [3, 2, "67%"],
        "products": [4, 3, "75%"],  # a, b and c through their co-buys
    }
    assert [row[:4] for row in rows_of(made, "contents", 2)] == [
        ["m", "s", 4, 4],
        ["m2", "s", 1, 1],
    ]
    assert [row[0] for row in rows_of(made, "frequent", 0)] == ["share joy"]
    assert [(row[0], row[2]) for row in rows_of(made, "rejections")][:2] == [
        ("weak", 1),
        ("misjudged", 0),
    ]


def test_what_is_missing_is_said_with_its_command(hand: Directory) -> None:
    made = report.make(hand, options=Options(without=frozenset(["hypernyms"])), kb="my graph.kg")
    assert "not built yet" in section(made, "duplicates").sentences[0]
    commands = [command for command, _ in section(made, "caveats").advice]
    assert "intentkg build 'my graph.kg'" in commands
    assert any("annotate" in command for command in commands)
    assert "UsedFor" in section(made, "caveats").sentences[0]  # fewer than thirty


def test_a_built_graph_has_all_sections(tmp_path: Path) -> None:
    warm = "both the feet and the hands warm in the winter months"
    texts = [f"keep {warm}", f"keeping {warm}", "bake bread", "a gift for my son"]
    rows = [evidence(C1, text, typicality=0.9) for text in texts]
    directory = about_one(tmp_path / "built.kg", rows)
    build(directory, embedder=HashingEmbedder())
    made = report.make(directory)
    page = report.html(made)
    assert "Nouns of 4 intentions" in section(made, "hypernyms").sentences[0]
    concepts = [row[0] for row in rows_of(made, "hypernyms")]
    assert len(concepts) == len(set(concepts)) > 5
    same = section(made, "duplicates")
    assert "Of 4 intentions, 1 mean" in same.sentences[0]
    [group] = same.blocks[0].table.rows
    assert {group[0], *group[2]} == set(texts[:2])
    assert page.count("<svg ") == len([p for each in made.sections for p in each.pictures]) == 3


def test_people_are_compared_with_models(tmp_path: Path) -> None:
    texts = ("one", "two", "three", "four")
    models = [(0.9, True), (0.8, True), (0.2, False), (0.4, True)]
    people = [(1.0, True), (0.5, True), (0.0, False), (0.0, False)]
    scored = [
        evidence(C1, text, model=model, typicality=score, accepted=verdict)
        for model, said in (("judge", models), ("human:a", people))
        for text, (score, verdict) in zip(texts, said, strict=True)
    ]
    directory = about_one(tmp_path / "judged.kg", scored)
    found = section(report.make(directory, options=_QUICK), "annotation")
    assert found.sentences[0] == "People judged 4 assertions."
    assert found.sentences[1] == "They accepted 2 of 4 (50%)."
    # Three of four alike; by chance 2/4 x 3/4 + 2/4 x 1/4 = 1/2, so kappa is (0.75 - 0.5) / 0.5.
    assert "3 of 4 (75%)" in found.sentences[2]
    assert found.sentences[2].endswith("kappa is 0.50.")
    [row] = found.blocks[0].table.rows
    assert row[:4] == ["typicality", 0.375, 4, pytest.approx(0.25)]


def test_the_command_writes_page_markdown_and_pictures(hand: Directory, tmp_path: Path) -> None:
    said = quick("report", hand.root, "--out", tmp_path / "r", "--against", hand.root, *QUICK)
    files = [Path(path) for path in said["files"]]
    assert [file.name for file in files[:2]] == ["report.html", "report.md"]
    assert all(file.is_file() for file in files)
    text = files[1].read_text(encoding="utf-8")
    shown = re.findall(r"!\[.*\]\((.*)\)", text)
    assert set(shown) == {file.name for file in files[2:]}
    assert "comparison" in [each["name"] for each in said["sections"]]
    tables = [line for line in text.splitlines() if line.startswith("|")]
    cells = [len(re.findall(r"(?<!\\)\|", line)) for line in tables]
    dividers = [place for place, line in enumerate(tables) if line.startswith("| ---")]
    assert all(cells[place] == cells[place - 1] == cells[place + 1] for place in dividers)


def test_the_same_input_gives_the_same_bytes(hand: Directory, tmp_path: Path) -> None:
    first, second = (report.make(hand, [hand], _QUICK) for _ in range(2))
    assert report.html(first) == report.html(second)
    assert report.markdown(first) == report.markdown(second)
    page = tmp_path / "a.html"
    call("report", hand.root, "--out", page, *QUICK, "--date", "1 May")
    text = page.read_text(encoding="utf-8")
    assert "1 May" in text
    assert f"intentkg report {hand.root} --out {page} --without" in text


def test_wrong_use_is_explained(hand: Directory, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "folder.html").mkdir()
    for given, code in (
        (["--out", tmp_path / "notes.txt"], 2),
        (["--out", tmp_path / "folder.html"], 2),
        (["--without", "everything"], 2),
        (["--against", tmp_path / "none.kg"], 1),
    ):
        said = call("report", hand.root, *given, *QUICK)
        assert said.returncode == code, said.stderr
        assert "Traceback" not in said.stderr
    with pytest.raises(UsageError):
        Options(without=frozenset(["everything"]))


@pytest.mark.parametrize("kind", ["empty", "posts", "cobuys"])
def test_half_a_graph_has_a_sensible_page(tmp_path: Path, kind: str) -> None:
    place = tmp_path / f"{kind}.kg"
    if kind == "cobuys":
        directory = about_one(place, [evidence(C1, "keep warm")])
    else:
        directory = Directory.create(place)
    if kind == "posts":
        first = post("1", "it snows")
        joy = evidence(first["id"], "share joy", relation="xIntent", head_type="Post")
        commit(directory, batch("posts", [first]), batch("assertions", [joy]))
    made = report.make(directory, options=_QUICK)
    names = [each.name for each in made.sections]
    assert ("relations" in names) == (kind != "empty")
    assert names[-2:] == ["caveats", "made"]
    page, text = report.html(made), report.markdown(made)
    assert "None" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    assert "nan" not in text
    if kind == "empty":
        assert "no intentions yet" in page
    else:
        assert "Nobody has scored these intentions." in page
        assert "--pipeline critic" in text


def test_nearly_all_is_not_all() -> None:
    found = [words.percent(count, 10_000) for count in (0, 1, 50, 5_000, 9_999, 10_000)]
    assert found == ["0%", "0.1%", "0.5%", "50%", "99.9%", "100%"]
    assert words.share(0, 7) == "none"
    assert words.share(7, 7) == "all"


def test_the_command_knows_the_sections_that_can_be_left_out() -> None:
    from intentkg.commands.report import command

    [option] = [each for each in command.params if each.name == "without"]
    assert tuple(option.type.choices) == report.OPTIONAL  # type: ignore[attr-defined]


def test_markdown_shows_texts_literally() -> None:
    assert escaped("a|b *c* <script> [x](y) `z`\n# d") == (
        r"a\|b \*c\* &lt;script&gt; \[x\](y) \`z\` \# d"
    )
    assert escaped("- no list") == r"\- no list"
    assert escaped("1. no list") == r"\1. no list"
    assert escaped(None) == ""


# In a browser -----------------------------------------------------------------------------------


def hostile(root: Path, address: str) -> Directory:
    """Texts that try to leave their cell, to run, to fetch and to be wider than the page."""
    texts = [
        f"<script>fetch('{address}/script')</script>",
        f"<img src={address}/image onerror=\"document.body.innerHTML=''\">",
        f'"><svg onload="location=\'{address}/svg\'">',
        f"</td></table></section><link rel=stylesheet href={address}/style>",
        "{{ 7 * 7 }} {% raw %} $\\frac{1}{0}$ __proto__",
        "\u202eright to left\u202e שלום עולם مرحبا",
        "👩‍👩‍👧‍👦" * 40 + "\x00\x1b[31m\x07",
        "w" * 10_000,
        "x\u0301" * 300,
    ]
    rows = [
        evidence(
            C1,
            text,
            model=text[:200],
            source=text[:60],
            accepted=False,
            rationale=text,
            typicality=0.5,
        )
        for text in texts
    ]
    directory = about_one(root, rows)
    commit(directory, batch("posts", [post(str(n), text) for n, text in enumerate(texts)]))
    return directory


def test_a_browser_shows_the_page_and_asks_nobody(tmp_path: Path) -> None:
    with tempting() as (address, asked):
        directory = hostile(tmp_path / "<b onclick=1>$x_y.kg", address)
        made = report.make(directory, [directory], _QUICK)
        page = report.write(made, tmp_path / "out")[0]
        seen = look(page, tmp_path)
        assert asked == []
        control = tmp_path / "control.html"
        control.write_text(f"<img src='{address}/control'>")
        browse(control.as_uri(), tmp_path)
        assert asked == ["/control"]  # it would have been seen
    measures = seen.measures
    assert seen.console == []
    assert measures["wide"] <= 400  # type: ignore[operator]
    assert measures["sections"] == len(made.sections)
    assert (measures["scripts"], measures["images"]) == (0, 0)
    assert measures["svgs"]
    assert all(measures["svgs"])  # type: ignore[arg-type]
    assert (measures["bare"], measures["unnamed"], measures["missing"]) == (0, 0, 0)
    assert measures["twice"] == []
    assert measures["text"] > 3_000  # type: ignore[operator]
