"""Noun phrases: by hand-made parses in both label schemes, and with the parser that ships."""

from __future__ import annotations

from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc

from queries.language import components, load
from queries.language.nouns import Phrase, of, parse, phrases
from schema.errors import MissingExtraError, UsageError

VOCAB = spacy.blank("en").vocab


def doc(*rows: tuple[str, str, int, str]) -> Doc:
    """A parsed text: word, tag, position of the head, label."""
    words, tags, heads, deps = map(list, zip(*rows, strict=True))
    return Doc(VOCAB, words=words, tags=tags, heads=heads, deps=deps)


def words(parsed: Doc) -> list[str]:
    return [" ".join(phrase.words) for phrase in of(parsed)]


def test_universal_dependencies() -> None:
    found = doc(
        ("using", "VBG", 0, "ROOT"),
        ("my", "PRP$", 5, "nmod:poss"),
        ("new", "JJ", 5, "amod"),
        ("Camping", "NN", 4, "compound"),
        ("Gas", "NN", 5, "compound"),
        ("stoves", "NNS", 0, "obj"),
        ("and", "CC", 7, "cc"),
        ("lamp", "NN", 5, "conj"),
        ("in", "IN", 9, "case"),
        ("New", "NNP", 0, "obl"),
        ("York", "NNP", 9, "flat"),
    )
    assert words(found) == ["new camping gas stoves", "lamp", "new york"]
    stove, lamp, york = of(found)
    assert stove.noun == (("new", "camping", "gas", "stoves"), 3, True)
    assert found.text[stove.start : stove.end] == "new Camping Gas stoves"
    assert (lamp.plural, lamp.proper, york.proper, york.head) == (False, False, True, 0)


def test_the_labels_of_spacys_own_models() -> None:
    found = doc(
        ("keep", "VB", 0, "ROOT"),
        ("the", "DT", 3, "det"),
        ("phone", "NN", 3, "compound"),
        ("screen", "NN", 0, "dobj"),
        ("of", "IN", 3, "prep"),
        ("two", "CD", 6, "nummod"),
        ("friends", "NNS", 4, "pobj"),
        ("from", "IN", 0, "prep"),
        ("it", "PRP", 7, "pobj"),
    )
    assert words(found) == ["phone screen", "friends"]


def test_a_genitive_is_a_phrase_of_its_own() -> None:
    found = doc(("user", "NN", 2, "nmod:poss"), ("'s", "POS", 0, "case"), ("mood", "NN", 2, "ROOT"))
    assert words(found) == ["user", "mood"]


def test_nothing_is_left_out_within_a_phrase() -> None:
    photos = doc(("black", "JJ", 3, "amod"), ("and", "CC", 2, "cc"), ("white", "JJ", 0, "conj"),
                 ("photos", "NNS", 3, "ROOT"))  # fmt: skip
    spacys = doc(("cat", "NN", 3, "nmod"), ("and", "CC", 0, "cc"), ("dog", "NN", 0, "conj"),
                 ("food", "NN", 3, "ROOT"))  # fmt: skip
    coat = doc(("new", "JJ", 3, "amod"), ("very", "RB", 2, "advmod"), ("warm", "JJ", 3, "amod"),
               ("coat", "NN", 3, "ROOT"))  # fmt: skip
    trip = doc(("New", "NNP", 2, "compound"), ("York", "NNP", 0, "flat"), ("trip", "NN", 2, "ROOT"))
    reader = doc(("e", "NN", 2, "compound"), ("-", "HYPH", 0, "punct"),
                 ("book", "NN", 3, "compound"), ("reader", "NN", 3, "ROOT"))  # fmt: skip
    assert words(photos) == ["photos"]
    assert words(spacys) == ["cat", "dog", "food"]
    assert words(coat) == ["warm coat"]
    assert words(trip) == ["new york trip"]
    assert words(reader) == ["e book reader"]


def test_participles_that_stand_for_nouns() -> None:
    sports = doc(("hiking", "NN", 0, "ROOT"), ("and", "CC", 2, "cc"), ("camping", "VBG", 0, "conj"))
    charging = doc(("wireless", "JJ", 1, "amod"), ("charging", "VBG", 1, "ROOT"))
    verb = doc(("food", "NN", 0, "ROOT"), ("and", "CC", 2, "cc"), ("making", "VBG", 0, "conj"),
               ("it", "PRP", 2, "obj"))  # fmt: skip
    assert words(sports) == ["hiking", "camping"]
    assert words(charging) == ["wireless charging"]
    assert words(verb) == ["food"]


def test_placeholders_and_numbers_are_no_nouns() -> None:
    found = doc(("X", "NNP", 1, "nsubj"), ("gives", "VBZ", 1, "ROOT"), ("5", "NN", 1, "obj"))
    assert words(found) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("used for making coffee at home", ["coffee", "home"]),
        ("to buy a birthday present for her friend", ["birthday present", "friend"]),
        ("they want a warm winter coat and waterproof boots",
         ["warm winter coat", "waterproof boots"]),
        ("feel happy", []),
    ],
)  # fmt: skip
def test_the_parser_that_ships(text: str, expected: list[str]) -> None:
    (found,) = phrases([text])
    assert [" ".join(phrase.words) for phrase in found] == expected
    assert all(text[p.start : p.end].lower().split() == list(p.words) for p in found)


def test_the_order_is_kept_and_doubles_are_parsed_once() -> None:
    texts = ["a red car", "dogs", "", "a red car", "an old wooden table"]
    found = list(phrases(texts))
    assert [[p.words[-1] for p in each] for each in found] == [
        ["car"], ["dogs"], [], ["car"], ["table"],
    ]  # fmt: skip
    assert found[0] is found[3]


def test_two_processes_find_what_one_does() -> None:
    texts = [f"a {colour} {thing} number {n}" for n in range(120)
             for colour in ("red", "green") for thing in ("tent", "lamp", "boats")]  # fmt: skip
    assert list(phrases(texts, processes=2)) == parse(texts)


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=60))
def test_no_text_is_too_strange(text: str) -> None:
    (found,) = phrases([text])
    assert all(isinstance(phrase, Phrase) for phrase in found)


def test_what_is_very_long_is_cut() -> None:
    (found,) = phrases(["a kitchen lamp " * 700])
    assert 0 < len(found) < 200
    (found,) = phrases(["x" * 10_000])
    assert len(found) <= 1


@pytest.mark.parametrize(
    "text", ["\ud800 lamp", "\x00 lamp", "\u202elamp", "🏕️ lamp", "(" * 500, ". " * 1_500, "\n\n\t"]
)
def test_odd_signs(text: str) -> None:
    (found,) = phrases([text])
    assert all(p.words[p.head].endswith("lamp") and p.end <= len(text) for p in found)


def test_a_model_of_ones_own(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(tmp_path / "blunt")
    with pytest.raises(UsageError, match="has no parser"):
        load(str(tmp_path / "blunt"))
    whole = load(whole=True)
    whole.to_disk(tmp_path / "mine")
    assert "trainable_lemmatizer" in components(str(tmp_path / "mine"))
    assert "trainable_lemmatizer" not in load(str(tmp_path / "mine")).pipe_names
    (found,) = phrases(["making coffee"], model=str(tmp_path / "mine"))
    assert [phrase.words for phrase in found] == [("coffee",)]


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingExtraError) as missing:
        next(phrases(["x"], model="en_core_web_nothing"))
    assert "spacy download en_core_web_nothing" in str(missing.value.fix)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no spaCy pipeline"):
        load(str(tmp_path / "empty"))
