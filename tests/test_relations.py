from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema import relations
from schema.errors import UnknownRelationError
from schema.relations import COBUY, IMPORT_ONLY, RELATIONS, SOCIAL, Family, NodeType

SOCIAL_NAMES = "xWant oEffect xAttr xIntent xReact oReact oWant xEffect xNeed Open"
COBUY_NAMES = (
    "Effect MannerOf IsA Other MadeOf SimilarTo UsedFor Can CauseDesire RelatedTo PartOf Open "
    "CreatedBy DeriveFrom DefinedAs PropertyOf CapableOf Cause SymbolOf DistinctFrom"
)

# As MIND's paper words them.
PHRASES = {
    "RelatedTo": "they both are related to",
    "IsA": "they both are a type of",
    "PartOf": "they both are a part of",
    "MadeOf": "they both are made of",
    "SimilarTo": "they both are similar to",
    "CreatedBy": "they are created by",
    "PropertyOf": "they both have a property of",
    "DistinctFrom": "they are distinct from",
    "Can": "they both can",
    "CapableOf": "they both are capable of",
    "DefinedAs": "they both are defined as",
    "SymbolOf": "they both are symbols of",
    "MannerOf": "they both are a manner of",
    "DeriveFrom": "they are derived from",
    "Effect": "they both have an effect of",
    "Cause": "the person wants to",
    "CauseDesire": "the person wants his",
    "Other": "they both are",
    "Open": "",
    "HasA": "they both have",
    "MotivatedBy": "buying them was motivated by",
}

each = pytest.mark.parametrize("relation", RELATIONS, ids=lambda r: f"{r.family}-{r.name}")


def test_the_vocabulary_is_closed_and_in_order() -> None:
    assert " ".join(r.name for r in SOCIAL) == SOCIAL_NAMES
    assert " ".join(r.name for r in COBUY) == COBUY_NAMES
    assert [r.name for r in IMPORT_ONLY] == ["HasA", "MotivatedBy"]
    assert (*SOCIAL, *COBUY, *IMPORT_ONLY) == RELATIONS
    assert len(relations.names()) == 31
    assert len(relations.names(Family.SOCIAL)) == 10
    assert len(relations.names(Family.COBUY)) == 22


@each
def test_a_name_is_safe_as_a_relationship_type(relation: relations.Relation) -> None:
    assert re.fullmatch(r"[A-Za-z]+", relation.name)


@each
def test_head_and_tail(relation: relations.Relation) -> None:
    assert relation.tail_type is NodeType.INTENTION
    if relation.family is Family.SOCIAL:
        assert relation.head_types == (NodeType.POST,)
    else:
        assert relation.head_types == (NodeType.COBUY, NodeType.PRODUCT)


@each
def test_only_folkscopes_two_are_not_generated(relation: relations.Relation) -> None:
    assert relation.import_only == (relation.name in {"HasA", "MotivatedBy"})


@each
def test_iri(relation: relations.Relation) -> None:
    own = {"Open", "Effect", "Other", "Can", "PropertyOf", "Cause", "MotivatedBy"}
    if relation.name in own:
        assert relation.iri == f"urn:intentkg:relation:{relation.name}"
    elif relation.family is Family.SOCIAL:
        assert relation.iri == f"https://allenai.org/data/atomic-2020#{relation.name}"
    else:
        base, _, name = relation.iri.rpartition("/")
        assert base == "http://conceptnet.io/r"
        renamed = {"CauseDesire": "CausesDesire", "DeriveFrom": "DerivedFrom"}
        assert name == renamed.get(relation.name, relation.name)


def test_symmetric_as_conceptnet_states_it() -> None:
    assert {r.name for r in RELATIONS if r.symmetric} == {"SimilarTo", "RelatedTo", "DistinctFrom"}


@pytest.mark.parametrize("name", PHRASES)
def test_cobuy_phrases(name: str) -> None:
    assert relations.get(name, Family.COBUY).phrase == PHRASES[name]


def test_social_phrases_say_when_and_who() -> None:
    for relation in SOCIAL:
        assert relation.phrase
        before = relation.name == "xNeed"
        assert relation.phrase.startswith("Before") == before
        if relation.name.startswith("o"):
            assert "others" in relation.phrase
        else:
            assert "user" in relation.phrase


def test_phrases_are_distinct_within_a_family() -> None:
    for family in Family:
        phrases = [r.phrase for r in RELATIONS if r.family is family]
        assert len(set(phrases)) == len(phrases)


def test_the_two_opens_are_told_apart_by_family() -> None:
    assert relations.get("Open").family is Family.SOCIAL
    assert relations.get("Open", Family.COBUY).head_types[0] is NodeType.COBUY
    assert relations.get("Open", Family.SOCIAL).iri == relations.get("Open", Family.COBUY).iri


def test_relations_of_a_head() -> None:
    assert relations.for_head("Post") == SOCIAL
    assert relations.for_head("CoBuy") == relations.for_head("Product") == COBUY + IMPORT_ONLY
    assert relations.for_head("Intention") == ()


@pytest.mark.parametrize(
    ("name", "vocabulary", "expected"),
    [
        ("usedFor", "folkscope", "UsedFor"),
        ("causeEffect", "folkscope", "CauseDesire"),
        ("hasA", "folkscope", "HasA"),
        ("/r/UsedFor", "conceptnet", "UsedFor"),
        ("http://conceptnet.io/r/DerivedFrom", "conceptnet", "DeriveFrom"),
        ("HasProperty", "conceptnet", "PropertyOf"),
        ("Causes", "conceptnet", "Effect"),
        ("isA", "mind", "IsA"),
        ("XNEED", "atomic", "xNeed"),
    ],
)
def test_names_of_other_vocabularies(name: str, vocabulary: str, expected: str) -> None:
    assert relations.resolve(name, vocabulary).name == expected


@each
def test_every_crosswalk_leads_back(relation: relations.Relation) -> None:
    for vocabulary, aliases in relation.crosswalk.items():
        for alias in aliases:
            assert relations.resolve(alias, vocabulary) is relation


@pytest.mark.parametrize(
    ("name", "family", "expected"),
    [
        ("usedFor", None, "UsedFor"),
        ("used_for", None, "UsedFor"),
        (" USED-FOR ", None, "UsedFor"),
        ("isA", Family.COBUY, "IsA"),
        ("/r/CausesDesire", None, "CauseDesire"),
        ("causeEffect", Family.COBUY, "CauseDesire"),
        ("propertOf", None, "PropertyOf"),
        ("Causes", None, "Effect"),
        ("cause", None, "Cause"),
        ("MotivatedByGoal", None, "MotivatedBy"),
        ("xneed", None, "xNeed"),
        ("x_need", Family.SOCIAL, "xNeed"),
    ],
)
def test_a_name_is_found_however_it_is_spelled(
    name: str, family: Family | None, expected: str
) -> None:
    assert relations.get(name, family).name == expected


@each
def test_every_spelling_within_a_family_gives_the_registrys_relation(
    relation: relations.Relation,
) -> None:
    spellings = {relation.name, relation.name.lower(), relation.name.upper()}
    spellings |= {alias for aliases in relation.crosswalk.values() for alias in aliases}
    for spelling in spellings:
        assert relations.get(spelling, relation.family) is relation


def test_open_of_any_spelling_is_told_apart_by_family() -> None:
    for name in ("Open", "open", "OPEN"):
        assert relations.get(name).family is Family.SOCIAL
        assert relations.get(name, Family.COBUY).family is Family.COBUY


@pytest.mark.parametrize("name", ["usedFor", "xneed"])
def test_a_spelling_of_the_other_family_stays_unknown(name: str) -> None:
    other = {Family.SOCIAL: Family.COBUY, Family.COBUY: Family.SOCIAL}
    with pytest.raises(UnknownRelationError, match="unknown relation"):
        relations.get(name, other[relations.get(name).family])


@pytest.mark.parametrize("name", ["used for it", "UsedFr", "", "x`) DETACH DELETE n //"])
def test_an_unknown_relation_says_what_there_is(name: str) -> None:
    with pytest.raises(UnknownRelationError) as caught:
        relations.get(name)
    assert "UsedFor" in str(caught.value.fix)
    assert caught.value.exit_code == 2


def test_a_relation_that_is_close_is_proposed() -> None:
    with pytest.raises(UnknownRelationError) as caught:
        relations.resolve("UsedFr", "mind")
    assert "did you mean 'UsedFor'" in str(caught.value.fix)
    with pytest.raises(UnknownRelationError) as caught:
        relations.get("usedfr")
    assert "did you mean 'UsedFor'" in str(caught.value.fix)


@each
def test_a_sentence_leads_back_to_its_relation(relation: relations.Relation) -> None:
    sentence = relation.sentence("zebra stripes")
    found, tail = relations.match_phrase(sentence, relation.family)
    assert found is relation
    assert tail == "zebra stripes"


words = st.lists(
    st.sampled_from(["because", "and", "they", "both", "are", "user", "a"]) | st.text()
)


@given(words.map(" ".join))
def test_any_sentence_has_a_relation_and_loses_no_words(sentence: str) -> None:
    for family in Family:
        relation, tail = relations.match_phrase(sentence, family)
        assert relation.family is family
        assert tail in sentence


def test_the_longest_phrase_wins_and_only_whole_words_count() -> None:
    def match(sentence: str) -> tuple[str, str]:
        relation, tail = relations.match_phrase(sentence)
        return relation.name, tail

    assert match("they both are a part of a set") == ("PartOf", "a set")
    assert match("they both are apart") == ("Other", "apart")
    assert match("because they are both used for hiking") == ("UsedFor", "hiking")
    assert match("they both candles") == ("Open", "they both candles")
    assert match("nothing of the kind") == ("Open", "nothing of the kind")
    # Only a leading "because" or "and" goes.
    assert match("and it is dry because of the roof") == ("Open", "it is dry because of the roof")
    assert match("both warm and dry") == ("Open", "both warm and dry")
