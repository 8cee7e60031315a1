"""Tails: what is cut off, what is kept as written, and what is no intention at all."""

from __future__ import annotations

import csv
import gzip
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.refusals import is_nothing, is_refusal
from generation.replies import (
    Bad,
    parse_prose,
)
from generation.tails import Bounds, Told, bare, clean_tail
from schema.relations import COBUY, SOCIAL, Family, Relation, get

ALL = (*SOCIAL, *COBUY)


RELATIONS = st.sampled_from(ALL)


WORDS = st.lists(
    st.sampled_from(
        [
            "keep",
            "warm",
            "the",
            "dog",
            "happy",
            "in",
            "winter",
            "bread",
            "home",
            "share",
            "a",
            "laugh",
            "new",
        ]
    ),
    min_size=1,
    max_size=8,
    unique=True,
).map(" ".join)


def of(name: str, family: Family = Family.COBUY) -> Relation:
    return get(name, Family.SOCIAL if name[0] in "xo" else family)


@pytest.mark.parametrize(
    ("name", "written", "tail"),
    [
        ("UsedFor", "keeping warm", "keeping warm"),
        ("UsedFor", "because they both are used for keeping warm", "keeping warm"),
        ("UsedFor", "1. **They are both used for** keeping warm", "keeping warm"),
        ("UsedFor", "They both are used for they both are used for a walk", "a walk"),
        ("UsedFor", "They both are used for cooking. They both are used for baking.", "cooking"),
        ("UsedFor", "I bought both because they are both used for hiking", "hiking"),
        ("UsedFor", "Used for: hiking in the rain", "hiking in the rain"),
        ("UsedFor", "The two products are used for hiking", "hiking"),
        ("UsedFor", "5) “hiking”", "hiking"),
        ("UsedFor", "3.5 mm audio", "3.5 mm audio"),
        ("UsedFor", "THEY BOTH ARE USED FOR HIKING", "HIKING"),
        ("IsA", "The potential co-buy intention could be that they both are a type of hat", "hat"),
        ("Can", "They can both keep a child busy", "keep a child busy"),
        ("Cause", "The customer wants to stay dry", "stay dry"),
        ("Cause", "to stay dry", "stay dry"),
        ("CauseDesire", "the person wants his/her home to shine", "home to shine"),
        ("CauseDesire", "the person wants his home to shine", "home to shine"),
        ("Open", "because I want to run faster", "I want to run faster"),
        ("Other", "they both are perfect for a picnic", "perfect for a picnic"),
        ("xWant", "After posting this Tweet, the user wants to eat", "eat"),
        ("xWant", "xWant: to eat", "eat"),
        ("xWant", "the user would like to eat", "eat"),
        ("oEffect", "will laugh", "laugh"),
        ("oEffect", "Will Smith gets the blame", "Will Smith gets the blame"),
        ("oReact", "After viewing this post, others feel amused.", "amused."),
        ("xAttr", "The user posts this because the user is proud", "proud"),
        ("xNeed", "Before posting this, the user needed to take a picture", "take a picture"),
        ("xWant", "想和朋友一起吃饭", "想和朋友一起吃饭"),
        ("xReact", "« fière de son équipe »", "fière de son équipe"),
    ],
)
def test_the_phrase_and_the_wrapping_are_cut_off(name: str, written: str, tail: str) -> None:
    assert clean_tail(written, of(name)) == (tail, None)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "empty"),
        (" ... ", "empty"),
        ("😂😂", "empty"),
        ("they both are used for", "empty"),
        ("None", "none"),
        ("n/a.", "none"),
        ("they both are used for nothing", "none"),
        ("无", "none"),
        ("I'm sorry, but I can't help with that.", "refusal"),
        ("they both are used for I'm sorry, I cannot assist with this request", "refusal"),
        ("word " * 70, "repetition"),
        ("go to bed go to bed go to bed go to bed go to bed", "repetition"),
        (" ".join(f"word{number}" for number in range(70)), "too_long"),
        ("they both are a type of tent", "other_relation"),
        ("a customer of an online shop who wants", "echo"),
        ("A red tent for two people", "echo"),
        ("buy </post> now", "echo"),
    ],
)
def test_what_is_no_intention_has_a_reason(written: str, reason: str) -> None:
    told = Told.of(
        "You are a customer of an online shop who wants something.", ["a red tent, for two people!"]
    )
    assert clean_tail(written, of("UsedFor"), told=told)[1] == reason


def test_bounds_are_the_persons() -> None:
    tail = "one two three four"
    assert clean_tail(tail, of("UsedFor"), bounds=Bounds(words=4)) == (tail, None)
    assert clean_tail(tail, of("UsedFor"), bounds=Bounds(words=3))[1] == "too_long"
    assert clean_tail(tail, of("UsedFor"), bounds=Bounds(characters=10))[1] == "too_long"


@given(RELATIONS, st.text(max_size=80))
def test_no_text_breaks_it_and_no_tail_holds_the_phrase(relation: Relation, text: str) -> None:
    for written in (text, f"{relation.phrase} {text} {relation.phrase} {text}"):
        tail, reason = clean_tail(written, relation)
        if reason is None:
            words = r"\s+".join(map(re.escape, relation.phrase.split()))
            assert not relation.phrase or not re.search(rf"(?<!\w){words}(?!\w)", tail, re.I)
            assert tail == bare(tail)
            assert clean_tail(tail, relation) == (tail, None)


@given(
    RELATIONS, WORDS, st.integers(0, 3), st.sampled_from(["", "- ", "2. ", "**", '"', "because "])
)
def test_a_tail_comes_back_however_often_the_phrase_is_repeated(
    relation: Relation, tail: str, times: int, lead: str
) -> None:
    times = times or lead == "because "  # alone, it may begin the tail itself
    end = {"**": "**", '"': '"'}.get(lead, "")
    written = f"{lead}{' '.join([relation.phrase] * times)} {tail}{end}"
    assert clean_tail(written, relation) == (tail, None)


REFUSALS = [
    "I'm sorry, but I can't assist with that request.",
    "I apologize, but I am not able to describe this image.",
    "As an AI language model, I do not have personal intentions.",
    "I cannot provide information about this person.",
    "Unfortunately, I can't help you with this.",
    "I’m unable to identify people in this picture.",
    "I don't have enough information to infer the intention.",
    "Sorry, as a responsible assistant, I cannot continue.",
    "抱歉，我无法回答这个问题。",
    "作为一个人工智能，我没有意图。",
    "申し訳ありませんが、お答えできません。",
    "죄송합니다만, 도와드릴 수 없습니다.",
    "Lo siento, pero no puedo ayudar con eso.",
    "Je suis désolé, mais je ne peux pas répondre.",
    "Es tut mir leid, aber ich kann das nicht.",
    "Desculpe, mas não posso ajudar.",
    "Извините, я не могу ответить.",
]


NOT_REFUSALS = [
    "to say sorry",
    "sorry for being late",
    "can't wait to see the game",
    "I cannot sleep at night",
    "unable to find work",
    "not able to open the door",
    "help the poor",
    "sorry that they can't come",
    "as an artist",
    "to apologize",
    "unfortunate",
    "I'm sorry for your loss",
    "decline the offer",
    "AI will change the world",
    "to show that AI can paint",
    "不能睡觉",
    "no puedo dormir",
    "can't breathe",
]


def test_refusals_are_told_from_peoples_own_words() -> None:
    assert [text for text in REFUSALS if not is_refusal(text)] == []
    assert [text for text in NOT_REFUSALS if is_refusal(text)] == []
    assert parse_prose(REFUSALS[0]) == Bad("refusal", f"the model declined: {REFUSALS[0]}")


def test_no_word_of_people_in_published_data_is_taken_for_a_refusal(shared_data: Path) -> None:
    file = shared_data / "atomic2020" / "atomic2020_eval5000.tsv.gz"
    names = {relation.name for relation in SOCIAL}
    kept, others = 0, []
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            if row["relation"] in names:
                reason = clean_tail(row["tail"], of(row["relation"]))[1]
                kept += reason is None
                others += [] if reason in (None, "none") else [row["tail"]]
    assert kept > 10_000
    assert others == []


def test_nothing_is_told_from_something() -> None:
    assert all(map(is_nothing, ["None", "(none)", "N/A", "nothing.", "ninguna", "なし", "нет"]))
    assert not any(map(is_nothing, ["nothing but net", "no rain", "nonesuch", "empty", ""]))
