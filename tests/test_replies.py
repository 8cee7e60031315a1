"""Replies: the forms that models write in, read alike; what cannot be read says why."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.loose_json import find_json, without_thoughts
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
from generation.tails import clean_tail
from schema.relations import SOCIAL

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
