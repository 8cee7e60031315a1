"""The parser that ships: its size, its figures again, and its training on a tiny treebank."""

from __future__ import annotations

import gzip
import itertools
from pathlib import Path

import orjson
import pytest
import spacy
from spacy.tokens import DocBin

from benchmarks.learning.parser.__main__ import FIGURES, make
from benchmarks.learning.parser.data import fragments, prepare
from queries.language import PIPELINE, load
from schema.errors import UnsuitableFileError

SCORES = orjson.loads((PIPELINE / "scores.json").read_bytes())
DOCS = Path(__file__).parents[1] / "docs"


def test_it_is_small_and_says_where_it_comes_from() -> None:
    assert sum(file.stat().st_size for file in PIPELINE.rglob("*") if file.is_file()) < 12e6
    meta = load(whole=True).meta
    assert meta["license"] == "CC BY-SA 4.0" and "UD_English-EWT" in meta["sources"][0]["name"]
    assert "CC BY-SA 4.0" in (PIPELINE / "LICENSE.md").read_text(encoding="utf-8")
    assert load(whole=True).pipe_names == [
        "tok2vec", "tagger", "attribute_ruler", "parser", "trainable_lemmatizer",
    ]  # fmt: skip


def test_it_reads_a_sentence() -> None:
    doc = load(whole=True)("She bought two warm coats for her children.")
    assert [t.lemma_ for t in doc][1:5] == ["buy", "two", "warm", "coat"]
    assert [t.pos_ for t in doc][:5] == ["PRON", "VERB", "NUM", "ADJ", "NOUN"]
    coats, children = doc[4], doc[7]
    assert (coats.dep_, coats.head.text, children.dep_) == ("obj", "bought", "obl")


def test_the_figures_hold_on_the_beginning_of_the_test_split(
    shared_data: Path, tmp_path: Path
) -> None:
    from spacy.cli.evaluate import evaluate

    data = shared_data / "ud_english_ewt"
    prepare(data, tmp_path, limit=250)
    for split in ("test", "test-lower"):
        found = evaluate(str(PIPELINE), tmp_path / f"{split}.spacy", silent=True)
        for name in FIGURES:
            assert found[name] == pytest.approx(SCORES[split][name], abs=0.04), (split, name)


def test_the_card_has_the_figures() -> None:
    card = (DOCS / "parser.md").read_text(encoding="utf-8")
    for split, name in itertools.product(("test", "test-lower"), ("dep_las", "dep_uas", "tag_acc")):
        assert f"{100 * SCORES[split][name]:.1f}" in card, (split, name)


def treebank(folder: Path) -> Path:
    """Sentences such as "the dog sees a red lamp ." in the three files of a treebank."""
    animals, things = ("dog", "cat", "bird", "horse"), ("lamp", "tent", "boat", "chair")
    colours = ("red", "green", "small")
    for split in ("train", "dev", "test"):
        sentences = []
        for animal, colour, thing in itertools.product(animals, colours, things):
            words = [
                ("The", "the", "DET", "DT", 2, "det"), (animal, animal, "NOUN", "NN", 3, "nsubj"),
                ("sees", "see", "VERB", "VBZ", 0, "root"), ("a", "a", "DET", "DT", 6, "det"),
                (colour, colour, "ADJ", "JJ", 6, "amod"), (thing, thing, "NOUN", "NN", 3, "obj"),
                (".", ".", "PUNCT", ".", 3, "punct"),
            ]  # fmt: skip
            rows = [
                f"{n}\t{w}\t{lemma}\t{pos}\t{tag}\t_\t{head}\t{dep}\t_\t_"
                for n, (w, lemma, pos, tag, head, dep) in enumerate(words, start=1)
            ]
            sentences.append("\n".join(rows) + "\n\n")
        text = "".join(sentences[:: 1 if split == "train" else 3])
        (folder / f"en_ewt-ud-{split}.conllu.gz").write_bytes(gzip.compress(text.encode()))
    return folder


def test_its_training_learns(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    out = tmp_path / "pipeline"
    scores = make(treebank(tmp_path), out, tmp_path / "work", steps=120)
    assert scores["test"]["dep_las"] > 0.9 and scores["test"]["tag_acc"] > 0.9
    assert scores["documents"]["train"] > 48
    nlp = spacy.load(out)
    assert nlp.meta["name"] == "intentkg_ewt"
    assert [t.pos_ for t in nlp("The cat sees a small boat.")][1:3] == ["NOUN", "VERB"]


def test_what_the_treebank_is_added_to(tmp_path: Path) -> None:
    prepare(treebank(tmp_path), tmp_path)
    vocab = spacy.blank("en").vocab
    docs = list(DocBin().from_disk(tmp_path / "train.spacy").get_docs(vocab))
    whole = next(doc for doc in docs if doc.text.startswith("The dog sees a red lamp"))
    assert [part.text for part in fragments(whole)] == ["a red lamp"]
    lowered = next(doc for doc in docs if doc.text.startswith("the "))
    assert not lowered[-1].is_punct and [t.dep_ for t in lowered].count("ROOT") == 1
    lower = DocBin().from_disk(tmp_path / "test-lower.spacy").get_docs(vocab)
    assert all(doc.text == doc.text.lower() and doc.text[-1] != "." for doc in lower)


def test_a_folder_without_the_treebank(tmp_path: Path) -> None:
    with pytest.raises(UnsuitableFileError, match=r"has no en_ewt-ud-train\.conllu"):
        prepare(tmp_path, tmp_path)
