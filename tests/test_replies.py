"""Replies: what models write, brought to tails; what cannot be used is told apart by reason."""

from __future__ import annotations

import csv
import gzip
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.loose_json import find_json, without_thoughts
from generation.refusals import is_nothing, is_refusal
from generation.replies import (
    Bad,
    KeyInformation,
    Verdict,
    parse_aspects,
    parse_intention,
    parse_key_information,
    parse_prose,
    parse_verdict,
)
from generation.reply_schemas import (
    aspects_schema,
    intention_schema,
    key_information_schema,
    verdict_schema,
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


@given(st.text(max_size=200))
def test_no_reply_makes_a_parser_raise(text: str) -> None:
    replies = (
        text,
        f"```json\n{text}\n```",
        f'{{"intention": "{text}"}}',
        f"<think>{text}",
        f"[{text}",
    )
    for reply in replies:
        parse_prose(reply)
        parse_key_information(reply)
        parse_intention(reply)
        parse_verdict(reply)
        parse_aspects(reply, SOCIAL)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["xWant", "relation", "answer", "concept", "intention", "z"]), inner
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_json_makes_a_parser_raise(value: object) -> None:
    reply = json.dumps(value)
    assert isinstance(parse_intention(reply), list | Bad)
    assert isinstance(parse_verdict(reply), Verdict | Bad)
    assert isinstance(parse_key_information(reply), KeyInformation | Bad)
    found = parse_aspects(reply, SOCIAL)
    assert isinstance(found, Bad) or all(found.values())


def test_hopeless_nesting_and_size_are_put_up_with() -> None:
    for reply in ("[" * 50_000, '{"a":' * 5_000, "{" * 99_999, "'" * 9_999, "<think>" * 9_999):
        assert isinstance(parse_aspects(reply, SOCIAL), Bad)
        assert isinstance(parse_verdict(reply), Bad)


@settings(max_examples=30)
@given(st.lists(WORDS, min_size=10, max_size=10))
def test_all_ten_come_back_from_every_form(tails: list[str]) -> None:
    pairs = list(zip(SOCIAL, tails, strict=True))
    expected = {relation.name: tail for relation, tail in pairs}
    as_json = json.dumps(expected)
    forms = [
        as_json,
        f"Sure! Here it is:\n```json\n{as_json}\n```\nHope it helps.",
        as_json.replace('"}', '",}'),
        json.dumps({"intentions": expected}),
        json.dumps([{"relation": r.name, "intention": t} for r, t in pairs]),
        json.dumps({f"{r.phrase}...": t for r, t in pairs}),
        json.dumps({r.name.upper(): [t] for r, t in pairs}),
        "\n".join(f"{r.name}: {r.phrase} {t}" for r, t in pairs),
        "\n".join(f"{n}. **{r.name}** - {t}" for n, (r, t) in enumerate(pairs, 1)),
        "\n".join(f"{r.name}:\n- {t}" for r, t in pairs),
        "\n".join(f"{n}) {r.sentence(t)}" for n, (r, t) in enumerate(pairs, 1)),
        "\n".join(r.sentence(t).replace("this", "this Tweet", 1) for r, t in pairs),
        "\n".join(f"{n}. {t}" for n, (_, t) in enumerate(pairs, 1)),
    ]
    for form in forms:
        found = parse_aspects(form, SOCIAL)
        assert not isinstance(found, Bad), form
        cleaned = {r.name: [clean_tail(text, r)[0] for text in found[r.name]] for r in SOCIAL}
        assert cleaned == {name: [tail] for name, tail in expected.items()}, form


@pytest.mark.parametrize(
    "reply", ["", "   ", "{}", "well...", '{"xWant": "cut o', "[1, 2]", "null"]
)
def test_a_reply_without_any_aspect_is_unparseable(reply: str) -> None:
    found = parse_aspects(reply, SOCIAL)
    assert isinstance(found, Bad)
    assert found.reason == "unparseable"


def test_one_intention_comes_from_json_or_from_the_first_line() -> None:
    assert parse_intention('{"intention": "stay dry"}') == ["stay dry"]
    assert parse_intention('```\n{"UsedFor": "stay dry"}\n```') == ["stay dry"]
    assert parse_intention("Stay dry.\n\nThis is because of rain.") == ["Stay dry."]
    assert parse_intention("Sure! Here is one:\nstay dry") == ["stay dry"]
    assert parse_intention("- stay dry\n- stay warm") == ["- stay dry", "- stay warm"]
    assert isinstance(parse_intention('{"intention": "stay'), Bad)
    assert isinstance(parse_intention("<think>so many ways"), Bad)


def test_key_information_comes_from_json_and_from_the_papers_lines() -> None:
    expected = KeyInformation(
        "home baking", "celebrates", "sourdough loaf", "pride", ("bread", "oven", "home")
    )
    lines = (
        "Concept: home baking\n**Action:** celebrates\nObject: sourdough loaf @anna\n"
        "Emotion: pride\nKeywords: bread, oven, bread, #home"
    )
    assert parse_key_information(lines) == expected
    folded = json.dumps(
        {
            "Concept": "home baking",
            "ACTION": "celebrates",
            "object": "sourdough loaf",
            "emotion": "pride",
            "Keywords": ["bread", "oven", "home"],
        }
    )
    assert parse_key_information(folded) == expected
    assert parse_key_information(f'{{"key information": {folded}}}') == expected
    chinese = parse_key_information(
        "概念：烘焙\n动作：烤\n对象：面包\n情绪：高兴\n关键词：面包、烤箱、家"
    )
    assert chinese == KeyInformation("烘焙", "烤", "面包", "高兴", ("面包", "烤箱", "家"))
    listed = parse_key_information(
        "Concept: a\nAction: none\nKeywords:\n- b\n- c\n- d\n- e\n- f\n- g"
    )
    assert listed == KeyInformation("a", keywords=("b", "c", "d", "e", "f"))
    assert isinstance(parse_key_information("Concept: baking"), Bad)


@pytest.mark.parametrize(
    ("reply", "accepted", "rationale"),
    [
        ('{"answer":"yes","rationale":"warm hands"}', True, "warm hands"),
        ('{"Answer": "No", "reason": "only a colour"}', False, "only a colour"),
        ('{"answer": false, "rationale": "x"}', False, "x"),
        ('{"verdict": "Yes, for the trip"}', True, "for the trip"),
        ("Yes, both keep me warm.", True, "both keep me warm."),
        ("**No.** They are only red.", False, "They are only red."),
        ("Answer: Yes\nRationale: it helps", True, "it helps"),
        ("My answer is no - too vague", False, "too vague"),
        ("<think>yes or no</think>No, it is vague", False, "it is vague"),
        ("是的，因为暖和", True, "因为暖和"),
        ("不会，太笼统", False, "太笼统"),
        ("Nein, zu ungenau", False, "zu ungenau"),
    ],
)
def test_verdicts(reply: str, accepted: bool, rationale: str) -> None:
    assert parse_verdict(reply) == Verdict(accepted, rationale)


@pytest.mark.parametrize(
    "reply",
    [
        "It depends.",
        "No doubt about it",
        "Yes and no",
        "Notably, ...",
        "",
        '{"answer": ""}',
        "Yes/No",
    ],
)
def test_what_is_neither_yes_nor_no_is_unparseable(reply: str) -> None:
    found = parse_verdict(reply)
    assert isinstance(found, Bad) and found.reason == "unparseable"


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
    assert parse_verdict(REFUSALS[1]).reason == "refusal"


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


def test_schemas_leave_no_room_to_wander() -> None:
    ten = aspects_schema(SOCIAL)
    assert list(ten["properties"]) == ten["required"] == [relation.name for relation in SOCIAL]
    for schema in (ten, intention_schema(), key_information_schema(), verdict_schema()):
        assert schema["additionalProperties"] is False
        assert schema["required"] == list(schema["properties"])
        for part in schema["properties"].values():
            text = part.get("items", part)
            assert "enum" in text or 0 < text["maxLength"] <= 600
            assert part["type"] != "array" or part["maxItems"] == 5


def test_thoughts_and_loose_json() -> None:
    assert without_thoughts("hm</think> yes") == "yes"
    assert without_thoughts("a <think>b</think> c") == "a  c"
    assert without_thoughts("<think>never ends") == ""
    assert find_json("see [1] and {'a': 'it''s'}") == {"a": "its"}
    assert find_json('{"a": "line\nbreak"}') == {"a": "line\nbreak"}
    assert find_json("no json {here}") is None
