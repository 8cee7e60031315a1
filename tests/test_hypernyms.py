"""Hypernym diversity and concepts: figures worked out by hand, comparison, and the graph."""

from __future__ import annotations

import math
from array import array
from pathlib import Path

import pytest
from door import answer, call
from hypothesis import given
from hypothesis import strategies as st

import intentkg
from kg.build import build
from kg.directory import Directory
from queries.corpus import Chosen, Corpus
from queries.hypernyms import mentions
from queries.hypernyms.abstraction import Abstractions
from queries.hypernyms.diversity import Diversity, distance, entropy_of, measure
from queries.hypernyms.layer import hypernyms, write_concepts
from queries.hypernyms.mentions import Mentions
from queries.hypernyms.taxonomy import Taxonomy
from queries.plots import hypernyms as plots
from queries.plots.style import save, svg
from schema.errors import UsageError
from tests.graph_samples import commit, evidence, new_directory, post

TEXTS = {
    "xWant": ("buy a tent", "buy the lamp", "buy a kayak", "feel rested"),
    "xNeed": ("pack the tent", "pack some coffee"),
}
ISA = (
    ("shelter", "tent", 30), ("thing", "tent", 10), ("thing", "lamp", 4), ("light", "lamp", 12),
    ("boat", "kayak", 5), ("thing", "shelter", 50), ("shelter", "thing", 1),
)  # fmt: skip


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    made = new_directory(tmp_path)
    rows = [
        evidence("Post", f"test:{n}", relation, text, model=f"model-{relation}")
        for relation, texts in TEXTS.items()
        for n, text in enumerate(texts)
    ]
    commit(made, posts=[post(n) for n in range(4)], assertions=rows)
    return made


@pytest.fixture(scope="module")
def isa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("isa") / "isa.tsv"
    file.write_text("".join(f"{c}\t{i}\t{n}\n" for c, i, n in ISA), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def taxonomy(isa: Path) -> Taxonomy:
    return Taxonomy.open(isa, "probase", cache=isa.parent / "cache")


def test_the_distribution_by_hand(directory: Directory, taxonomy: Taxonomy) -> None:
    read = mentions.read(Corpus(directory), taxonomy)
    found = measure(read, taxonomy, label="mine")
    # tent twice: shelter 1.5, thing 0.5; lamp: light 0.75, thing 0.25; kayak: boat 1.
    weights = {h.concept: h.weight for h in found.distribution}
    assert weights == {"shelter": 1.5, "boat": 1.0, "light": 0.75, "thing": 0.75}
    assert [h.concept for h in found.distribution] == ["shelter", "boat", "light", "thing"]
    assert found.distribution[3].examples == ("tent", "lamp")
    assert (found.phrases, found.different, found.matched) == (5, 4, 4)
    assert (found.intentions, found.matched_intentions, found.concepts) == (6, 4, 4)
    assert found.coverage == 0.8 and found.type_token_ratio == 0.8
    shares = [1.5 / 4, 1 / 4, 0.75 / 4, 0.75 / 4]
    assert found.entropy == pytest.approx(-sum(s * math.log2(s) for s in shares))
    assert found.evenness == pytest.approx(found.entropy / 2)
    assert found.to_dict(most=1)["distribution"][0]["concept"] == "shelter"


def test_a_sample_is_drawn_anew_by_its_seed_alone(directory: Directory) -> None:
    def ids(**options: int) -> list[str]:
        return [i for b in Corpus(directory, **options).batches() for i in b[0].to_pylist()]

    assert ids(sample=3, seed=1) == ids(sample=3, seed=1)
    assert len({tuple(ids(sample=3, seed=seed)) for seed in range(8)}) > 1
    assert len(ids(sample=3)) == 3 and len(ids()) == 6
    assert ids(sample=100) == ids()
    with pytest.raises(UsageError, match="a sample of 0"):
        Corpus(directory, sample=0)


def test_a_sample_larger_than_the_graph_says_so(directory: Directory, taxonomy: Taxonomy) -> None:
    read = mentions.read(Corpus(directory, sample=30_000), taxonomy)
    (note,) = measure(read, taxonomy, label="mine").notes
    assert "mine has 6 intentions, fewer than the 30,000 asked for" in note


def test_who_wrote_it_can_be_chosen(directory: Directory, taxonomy: Taxonomy) -> None:
    need = Corpus(directory, Chosen.make(model="model-xNeed"))
    assert need.count() == 2
    found = measure(mentions.read(need, taxonomy), taxonomy, label="need")
    assert [h.concept for h in found.distribution] == ["shelter", "thing"]
    want = measure(
        mentions.read(Corpus(directory, Chosen.make(relations="xWant")), taxonomy),
        taxonomy,
        label="want",
    )
    assert 0 < distance(found, want) < 1
    assert distance(found, found) == 0


def test_two_distributions_without_anything_in_common(taxonomy: Taxonomy) -> None:
    def of(*words: str) -> Diversity:
        nouns = [((word,), 0, False) for word in words]
        read = Mentions(
            CORPUS, nouns, [1] * len(nouns), taxonomy.match(nouns), array("q", [len(nouns)]),
            array("l", range(len(nouns))), array("H", [0, 1] * len(nouns)),
        )  # fmt: skip
        return measure(read, taxonomy, label="x")

    assert distance(of("kayak"), of("lamp")) == pytest.approx(1)
    assert distance(of("kayak"), of("nothing")) == 1
    assert of("nothing").notes[-1].endswith("knows none of the 1 noun phrases")


class _Corpus(Corpus):
    """One intention, of no knowledge base."""

    def __init__(self) -> None:
        self.sample, self.seed = None, 0

    def count(self) -> int:
        return 1


CORPUS = _Corpus()


@given(st.dictionaries(st.text(max_size=3), st.floats(0.01, 1e6), min_size=1, max_size=30))
def test_entropy_lies_between_none_and_that_of_equal_weights(weights: dict[str, float]) -> None:
    found = entropy_of(weights)
    assert -1e-9 <= found <= math.log2(len(weights)) + 1e-9
    assert entropy_of(dict.fromkeys(weights, 1.0)) == pytest.approx(math.log2(len(weights)))


def test_hypernyms_lead_to_what_is_broader_and_never_back(taxonomy: Taxonomy) -> None:
    found = hypernyms(["tent", "shelter", "thing"], taxonomy, least=0.0)
    assert ("tent", "shelter", 0.75) in found and ("shelter", "thing", 1.0) in found
    assert all((a, b) != ("thing", "shelter") for a, b, _ in found)
    assert hypernyms(["tent"], taxonomy, least=0.5) == [("tent", "shelter", 0.75)]


def test_concepts_become_part_of_the_graph(directory: Directory, taxonomy: Taxonomy) -> None:
    rows = write_concepts(directory, mentions.read(Corpus(directory), taxonomy), taxonomy)
    assert rows == {"concepts": 7, "mentions": 4, "hypernyms": 5}
    build(directory, vectors=False)
    with intentkg.open(directory.root) as base:
        assert base.counts()["concepts"] == 7
        found = base.query("intentions-of-concept", concept="shelter")
        assert [row["intention"] for row in found] == ["buy a tent", "pack the tent"]
        table = base.cypher(
            "MATCH (c:Concept)-[h:HYPERNYM]->(d:Concept) RETURN c.name, d.name, h.weight "
            "ORDER BY c.name, d.name"
        )
    assert table.rows[0] == ["kayak", "boat", 1.0]


def test_concepts_take_the_place_of_nouns(directory: Directory, taxonomy: Taxonomy) -> None:
    read = mentions.read(Corpus(directory), taxonomy)
    with Abstractions(read, taxonomy, least_members=2) as found:
        (abstract,) = found.top()
        assert (abstract.text, abstract.members, abstract.instances) == ("buy [thing]", 2, 2)
        assert abstract.score == 0.25
        assert abstract.examples == ("buy a tent", "buy the lamp")
        assert len(found) == 1 and found.covered == 2
        assert found.write(directory) == {"abstractions": 1, "instances": 2}
    with Abstractions(read, taxonomy, least_members=2, least_score=0.3) as found:
        assert found.top() == [] and found.covered == 0
    build(directory, vectors=False)
    with intentkg.open(directory.root) as base:
        table = base.cypher(
            "MATCH (i:Intention)-[r:INSTANCE_OF]->(a:AbstractIntention) "
            "RETURN i.text, a.text, r.score ORDER BY i.text"
        )
    assert table.rows == [
        ["buy a tent", "buy [thing]", 0.25],
        ["buy the lamp", "buy [thing]", 0.25],
    ]


def test_the_commands(directory: Directory, isa: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("INTENTKG_CACHE_DIR", str(tmp_path / "cache"))
    kb = directory.root
    asked = ("--taxonomy", isa, "--format", "probase")
    picture, tree = tmp_path / "bars.png", tmp_path / "tree.svg"
    found = answer(
        "analyse", kb, "hypernyms", *asked, "--against-model", "model-xNeed", "--plot", picture,
        "--treemap", tree, "--write", "--json",
    )  # fmt: skip
    assert [each["intentions"] for each in found["graphs"]] == [6, 2]
    assert 0 < found["jensen_shannon_distance"] < 1
    assert found["written"] == {"concepts": 7, "mentions": 4, "hypernyms": 5}
    assert picture.stat().st_size > 10_000 and "<svg" in tree.read_text(encoding="utf-8")
    shown = call("analyse", kb, "hypernyms", *asked)
    assert "shelter" in shown.stdout and "37.50%" in shown.stdout
    assert "fewer than the 30,000 asked for" in shown.stderr
    table = call("analyse", kb, "hypernyms", *asked, "--csv").stdout.splitlines()
    assert table[0] == "concept,test,such as" and table[1].startswith("shelter,0.375,")
    found = answer("analyse", kb, "concepts", *asked, "--min-members", "2", "--json")
    assert found["top"][0]["text"] == "buy [thing]"
    missing = call("analyse", kb, "hypernyms", "--taxonomy", "nothing.tsv")
    assert missing.returncode == 1 and "no such file" in missing.stderr
    empty = call("analyse", kb, "hypernyms", *asked, "--model", "nobody")
    assert empty.returncode == 1 and "no intentions that were asked for" in empty.stderr
    wrong = call("analyse", kb, "hypernyms", *asked, "--plot", "x.gif")
    assert wrong.returncode == 2 and ".svg, .png, .pdf" in wrong.stderr


def test_pictures_hold_many_and_none(directory: Directory, taxonomy: Taxonomy) -> None:
    found = measure(mentions.read(Corpus(directory), taxonomy), taxonomy, label="mine")
    nothing = Corpus(directory, Chosen.make(model="nobody"))
    empty = measure(mentions.read(nothing, taxonomy), taxonomy, label="nobody")
    for each in ([found], [found, empty], [empty]):
        assert "<path" in svg(plots.bars(each))
    assert "<path" in svg(plots.treemap(found)) and svg(plots.treemap(empty))
    assert svg(plots.bars([found])) == svg(plots.bars([found]))
    with pytest.raises(UsageError, match="a picture's name ends in"):
        save(plots.treemap(found), Path("x.jpeg"))
