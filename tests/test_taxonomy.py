"""Taxonomies: what is shipped, what is read from a file, and what of a file is refused."""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from queries.hypernyms.importing import bring_in
from queries.hypernyms.morphology import ENDINGS, base_forms
from queries.hypernyms.taxonomy import Taxonomy, candidates
from schema.errors import InputError, UnsuitableFileError, UsageError

ROWS = (("fruit", "apple", 60), ("company", "apple", 40), ("fruit", "pear", 20),
        ("food", "apple_pie", 10), ("food", "fruit", 30))  # fmt: skip


def probase(folder: Path, *more: str, rows: tuple[tuple[str, str, int], ...] = ROWS) -> Path:
    lines = [f"{concept}\t{instance}\t{count}" for concept, instance, count in rows]
    file = folder / "isa.txt"
    file.write_text("\n".join([*lines, *more]) + "\n", encoding="utf-8")
    return file


@pytest.fixture
def taxonomy(tmp_path: Path) -> Taxonomy:
    return Taxonomy.open(probase(tmp_path), "probase", cache=tmp_path / "cache")


def test_typicality_is_that_of_probase(taxonomy: Taxonomy) -> None:
    fruit, company = taxonomy.concepts("apple")
    assert (fruit.concept, fruit.count) == ("fruit", 60)
    assert (fruit.given_instance, fruit.given_concept) == (0.6, 0.75)
    assert (company.given_instance, company.given_concept) == (0.4, 1.0)
    assert taxonomy.concepts("banana") == []
    assert [c.concept for c in taxonomy.concepts("apple pie")] == ["food"]  # _ is a space
    assert taxonomy.breadth(["fruit", "apple"]) == {"fruit": 80}


def test_the_longest_known_run_of_words_counts(taxonomy: Taxonomy) -> None:
    pie = (("warm", "apple", "pies"), 2, True)
    apples = (("red", "apples"), 1, True)
    nothing = (("apple", "trees"), 1, True)
    assert taxonomy.match([pie, apples, nothing]) == {pie: "apple pie", apples: "apple"}


def test_every_candidate_holds_the_noun() -> None:
    noun = (("golden", "gate", "bridge"), 1, False)
    assert all("gate" in name for name in candidates(noun))
    assert next(candidates(noun)) == "golden gate bridge"


@pytest.mark.parametrize(
    ("word", "base"),
    [("children", "child"), ("knives", "knife"), ("boxes", "box"), ("parties", "party"),
     ("women", "woman"), ("shoes", "shoe"), ("geese", "goose")],
)  # fmt: skip
def test_base_forms(word: str, base: str) -> None:
    assert base in base_forms(word)


def test_endings_are_those_that_nltk_has() -> None:
    from nltk.corpus.reader.wordnet import NOUN, WordNetCorpusReader

    assert list(ENDINGS) == WordNetCorpusReader.MORPHOLOGICAL_SUBSTITUTIONS[NOUN]


def test_the_layout_shows_in_the_counts_of_names(tmp_path: Path) -> None:
    rows = [("thing", f"thing {n}", n + 1) for n in range(30)]
    file = probase(tmp_path, rows=tuple(rows))
    assert bring_in(file, cache=tmp_path / "c").layout == "probase"
    turned = tmp_path / "hearst.tsv.gz"
    lines = "".join(f"{instance}\t{concept}\t{count}\n" for concept, instance, count in rows)
    turned.write_bytes(gzip.compress(lines.encode()))
    assert bring_in(turned, cache=tmp_path / "c").layout == "hearst"
    same = probase(tmp_path, rows=(("a1", "b1", 1), ("a2", "b2", 1)))
    with pytest.raises(UnsuitableFileError, match="which column holds the concepts") as unclear:
        bring_in(same, cache=tmp_path / "c")
    assert "--format probase" in str(unclear.value.fix)


def test_bad_rows_are_counted_and_shown(tmp_path: Path) -> None:
    bad = ["only two\tcolumns", "a\tb\tc\td", "fruit\tplum\tmany", "\tplum\t3", "fruit\tfig\t0",
           "fruit\tkiwi\t-4", "Fruit\tfruit\t9", "a \"quoted\tname\t2"]  # fmt: skip
    made = bring_in(probase(tmp_path, *bad), "probase", cache=tmp_path / "c")
    assert made.refused.broken == 4
    assert (made.refused.no_count, made.refused.itself) == (2, 1)
    assert made.refused.total == 7 and len(made.refused.examples) == 3
    assert any("line 6" in example for example in made.refused.examples)
    assert made.rows == len(ROWS) + 1
    # Once read, the file is not read again, and the account of it stays.
    assert bring_in(tmp_path / "isa.txt", "probase", cache=tmp_path / "c") == made


def test_rows_of_the_same_names_are_added_up(tmp_path: Path) -> None:
    file = probase(tmp_path, "Fruit\tAPPLE\t5", "fruit\t apple  \t1")
    found = Taxonomy.open(file, "probase", cache=tmp_path / "c").concepts("apple")
    assert found[0].count == 66


def test_circles_are_counted(tmp_path: Path) -> None:
    file = probase(tmp_path, "apple\tfruit\t2", "fruit\tfood\t1")
    assert bring_in(file, "probase", cache=tmp_path / "c").both_ways == 2


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    first = bring_in(probase(tmp_path), "probase", cache=tmp_path / "c")
    again = bring_in(probase(tmp_path, "fruit\tplum\t7"), "probase", cache=tmp_path / "c")
    assert again.rows == first.rows + 1


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UnsuitableFileError, match="no such file"):
        Taxonomy.open(tmp_path / "nothing.tsv")
    with pytest.raises(InputError, match="none of its 2 rows"):
        bring_in(probase(tmp_path, "a\tb\t0", "a b", rows=()), "probase", cache=tmp_path / "c")
    with pytest.raises(UsageError, match="has no format"):
        Taxonomy.open("wordnet", "hearst")


def test_counts_are_whole_and_sums_do_not_overflow(tmp_path: Path) -> None:
    bad = ["fruit\tfig\t3.5", "fruit\tfig\t9223372036854775807", "fruit\tfig\t1e3"]
    made = bring_in(probase(tmp_path, *bad), "probase", cache=tmp_path / "c")
    assert (made.refused.broken, made.rows) == (3, len(ROWS))


def test_half_a_gzip_file(tmp_path: Path) -> None:
    whole = gzip.compress(probase(tmp_path).read_bytes())
    file = tmp_path / "half.tsv.gz"
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="no whole gzip file"):
        bring_in(file, "probase", cache=tmp_path / "c")


def test_the_shipped_table_is_what_its_script_makes(shared_data: Path) -> None:
    from benchmarks.learning.wordnet_taxonomy import OUT, derive

    derived: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for instance, concept, count in derive(shared_data / "oewn"):
        derived[instance][concept] = count
    shipped = Taxonomy.open()
    assert shipped.path == OUT
    for word in ("tent", "coffee", "shoe", "friend", "running shoe", "battery"):
        assert {c.concept: c.count for c in shipped.concepts(word)} == derived[word], word
    assert OUT.stat().st_size < 3e6
    totals = Counter({word: sum(found.values()) for word, found in derived.items()})
    assert all(990 <= total <= 1_010 for total in totals.values())


def test_the_shipped_table_says_what_things_are() -> None:
    shipped = Taxonomy.open()
    for word, concept in (("tent", "shelter"), ("shirt", "garment"), ("boot", "footwear"),
                          ("friend", "person"), ("coffee", "beverage")):  # fmt: skip
        assert shipped.concepts(word)[0].concept == concept
        assert sum(c.given_instance for c in shipped.concepts(word)) == pytest.approx(1)


def test_a_real_file_of_counts(shared_data: Path, tmp_path: Path) -> None:
    file = shared_data / "hearst_isa" / "hearst_counts.tsv.gz"
    found = Taxonomy.open(file, cache=tmp_path)
    assert found.imported is not None and found.imported.layout == "hearst"
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines]
    potato = {concept.replace("_", " "): int(n) for word, concept, n in rows if word == "potato"}
    assert {c.concept: c.count for c in found.concepts("potato")} == potato
    total = sum(potato.values())
    assert found.concepts("potato")[0].given_instance == max(potato.values()) / total
