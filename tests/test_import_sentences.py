"""Sentences such as "PersonX bought ... because ..." are taken apart and put together again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.cleaning import BadValue
from ingest.intentions.sentences import UNMATCHED, cut_preface, has_preface, read_sentence
from schema.relations import COBUY, IMPORT_ONLY, Relation, cut_phrase, get

RELATIONS = [r for r in (*COBUY, *IMPORT_ONLY) if r.phrase]
ITEMS = "PersonX bought a product of Item A and a product of Item B"
WORDS = st.lists(
    st.sampled_from(["lamp", "wool", "Ärmel", "the", "of", '15"x', "because", "傘", "a-b"]),
    min_size=1,
    max_size=5,
).map(" ".join)


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda r: r.name)
@pytest.mark.parametrize("lead", ["", "because ", "Because ", "and "])
def test_the_phrase_gives_the_relation_and_the_rest_is_the_tail(relation: Relation, lead: str):
    reading = read_sentence(f"{ITEMS} {lead}{relation.sentence('warm wool.')}", None, "folkscope")
    assert (reading.relation, reading.tail) == (relation, "warm wool.")


@given(st.sampled_from(RELATIONS), WORDS, WORDS, WORDS)
def test_titles_may_hold_anything(relation: Relation, a: str, b: str, tail: str):
    sentence = f'He bought a product of "{a}" and a product of "{b}" because '
    reading = read_sentence(sentence + relation.sentence(f"x {tail}"), None, "folkscope")
    assert (reading.relation.name, reading.tail) == (relation.name, f"x {tail}")


@pytest.mark.parametrize("named", ["usedFor", "USEDFOR", "/r/UsedFor"])
def test_a_named_relation_stands_whatever_the_phrase_says(named: str):
    reading = read_sentence(f"{ITEMS} because they both are made of wool", named, "folkscope")
    assert reading.relation.name == "UsedFor"
    assert reading.tail == "they both are made of wool"
    assert reading.notes == ("relation UsedFor named, phrase of MadeOf",)


def test_a_named_relation_whose_phrase_is_missing_keeps_the_clause():
    reading = read_sentence(f"{ITEMS} because wool is warm", "isA", "folkscope")
    assert (reading.relation.name, reading.tail) == ("IsA", "wool is warm")
    assert reading.notes == ("relation IsA named, no known phrase",)


def test_open_keeps_its_whole_clause_even_if_that_opens_with_a_phrase():
    reading = read_sentence(f"{ITEMS} because they both are made of wool", "open", "folkscope")
    assert (reading.relation.name, reading.tail) == ("Open", "they both are made of wool")
    assert reading.relation.family == "cobuy"


def test_without_relation_and_phrase_it_is_open_and_counted():
    reading = read_sentence(f"{ITEMS} because he was cold", "", "folkscope")
    assert (reading.relation.name, reading.tail) == ("Open", "he was cold")
    assert reading.notes == (UNMATCHED,)


def test_a_residual_name_states_no_relation():
    other = frozenset({"other"})
    reading = read_sentence("because the person wants his cat warm", "Other", "folkscope",
                            residual=other)  # fmt: skip
    assert (reading.relation.name, reading.tail) == ("CauseDesire", "cat warm")
    assert reading.notes == ("relation 'Other' read by its phrase as CauseDesire",)


@pytest.mark.parametrize(
    ("named", "relation"),
    [("propertOf", "PropertyOf"), ("causeEffect", "CauseDesire"), ("hasA", "HasA"),
     ("motivatedBy", "MotivatedBy")],
)  # fmt: skip
def test_spellings_of_the_published_files_are_known(named: str, relation: str):
    assert read_sentence("because of wool", named, "folkscope").relation.name == relation


def test_an_unknown_relation_is_refused_with_the_names_that_come_close():
    with pytest.raises(BadValue) as caught:
        read_sentence("because of wool", "usedfro", "folkscope")
    assert "did you mean 'usedFor'?" in caught.value.fix


@pytest.mark.parametrize("clause", ["", "because", "because they both are used for", "because ."])
def test_a_sentence_that_ends_where_the_intention_should_begin_is_refused(clause: str):
    for named in (None, "usedFor"):
        with pytest.raises(BadValue, match="ends where the intention should begin"):
            read_sentence(f"{ITEMS} {clause}", named, "folkscope")


def test_a_text_without_preface_is_left_alone():
    assert cut_preface("because of wool ") == "because of wool"
    assert not has_preface("He bought a product because of wool")


def test_cut_phrase_cuts_only_the_phrase_asked_for():
    assert cut_phrase("because they both have a property of warmth", get("PropertyOf")) == "warmth"
    assert cut_phrase("they both have a property of warmth", get("HasA")) == "a property of warmth"
    assert cut_phrase("they both have a property of warmth", get("IsA")) is None
