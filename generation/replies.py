"""What models reply, brought to what the pipelines need; nothing here raises.

Each function takes a reply's text and gives what it says, or `Bad`: why it cannot be used, under
one of the reasons of the request store. JSON, with and without fences, and the papers' own forms
(labelled or numbered lines, "Yes, ...") are read alike, whatever form the prompt asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generation.aspects import parse_aspects
from generation.loose_json import find_json, unfenced
from generation.refusals import is_nothing
from generation.reply_parts import ITEM, MOST_TAILS, Bad, folded, inside, one, said, texts
from generation.reply_schemas import KEY_FIELDS, MOST_KEYWORDS, RATIONALE_CHARACTERS
from generation.tails import bare

__all__ = [
    "Bad",
    "KeyInformation",
    "Verdict",
    "parse_aspects",
    "parse_intention",
    "parse_key_information",
    "parse_prose",
    "parse_verdict",
]


@dataclass(frozen=True, slots=True)
class KeyInformation:
    """What a post comes down to; empty where the reply has nothing."""

    concept: str = ""
    action: str = ""
    object: str = ""
    emotion: str = ""
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the customer says."""

    accepted: bool
    rationale: str


def parse_prose(text: str) -> str | Bad:
    """Read a description: prose, its white space as it is, without a preface of the model's."""
    answer = said(text)
    if isinstance(answer, Bad):
        return answer
    prose = _after(_PREFACE, unfenced(answer)).strip()
    if not any(map(str.isalnum, prose)):
        return Bad("unparseable", "the reply has no words")
    return prose


def parse_key_information(text: str) -> KeyInformation | Bad:
    """Read concept, action, object, emotion and keywords, as JSON or as labelled lines.

    Examples
    --------
    >>> parse_key_information("Concept: baking\\nAction: bakes\\nKeywords: bread, oven").keywords
    ('bread', 'oven')
    """
    answer = said(text)
    if isinstance(answer, Bad):
        return answer
    found: dict[str, Any] = {}
    data = find_json(answer)
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    if isinstance(data, dict):
        for key, value in inside(data, _KEYS).items():
            if name := _KEYS.get(folded(key)):
                found.setdefault(name, value)
    else:
        found = _labelled(unfenced(answer))
    keywords = _keywords(found.get("keywords"))
    values = {name: _without_people(one(found.get(name)))[:200] for name in KEY_FIELDS}
    told = {name: "" if is_nothing(value) else value for name, value in values.items()}
    if sum(map(bool, told.values())) + bool(keywords) < 2:
        return Bad("unparseable", "the reply has no key information in it")
    return KeyInformation(**told, keywords=keywords)


def parse_intention(text: str) -> list[str] | Bad:
    """Read what was written for one relation: usually one text, before it is cut to a tail."""
    answer = said(text)
    if isinstance(answer, Bad):
        return answer
    data = find_json(answer)
    if data is not None:
        found = list(texts(data, 0))
        if not found:
            return Bad("unparseable", "the reply's JSON holds no text")
        return found[:MOST_TAILS]
    if unfenced(answer)[:1] in ("{", "["):
        return Bad("unparseable", "the reply's JSON does not end")
    lines = [line for line in unfenced(answer).splitlines() if any(map(str.isalnum, line))]
    if len(lines) > 1 and _PREFACE.fullmatch(lines[0]):
        lines = lines[1:]
    if not lines:
        return Bad("unparseable", "the reply has no words")
    listed = [line for line in lines if ITEM.match(line)]
    return listed[:MOST_TAILS] if len(listed) > 1 and len(listed) == len(lines) else lines[:1]


def parse_verdict(text: str) -> Verdict | Bad:
    """Read yes or no and the reason.

    Examples
    --------
    >>> parse_verdict("Yes, both keep my hands warm.")
    Verdict(accepted=True, rationale='both keep my hands warm.')
    """
    answer = said(text)
    if isinstance(answer, Bad):
        return answer
    data = find_json(answer)
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    if isinstance(data, dict):
        keys = {folded(key): value for key, value in inside(data, _ANSWERS).items()}
        told = next((keys[name] for name in _ANSWERS if name in keys), None)
        accepted, rest = (told, "") if isinstance(told, bool) else _yes_no(one(told))
        rationale = one(next((keys[name] for name in _REASONS if name in keys), rest))
    else:
        accepted, rationale = _yes_no(_after(_ANSWER_LABEL, unfenced(answer)))
    if accepted is None:
        return Bad("unparseable", "the reply says neither yes nor no")
    rationale = " ".join(_after(_REASON_LABEL, rationale).split())
    return Verdict(accepted, rationale[:RATIONALE_CHARACTERS])


_PREFACE = re.compile(
    r"(?:\s*(?:(?:sure|certainly|of course|okay|ok|absolutely)\b[^\n:.!]{0,80}[:.!]"
    r"|(?:here(?:['’]s| is| are)|based on|the following)\b[^\n:]{0,160}:"
    r"|(?:in )?(?:the|this) (?:image|picture|photo|photograph) (?:shows|depicts|features)\b[ ,:]*"
    r"))+\s*",
    re.IGNORECASE,
)
_HANDLE = re.compile(r"(?<![\w.])(?:RT\s+)?@\w+:?|<user>", re.IGNORECASE)
_NAMES: Mapping[str, str] = {
    "concept": "concept concepts topic 概念 主题 主題 concepto konzept conceito concetto концепция",
    "action": "action actions 动作 動作 行为 行動 acción aktion handlung ação azione действие",
    "object": "object objects 对象 物体 物品 目的 objeto objekt objet oggetto объект 対象",
    "emotion": "emotion emotions 情感 情绪 情緒 感情 emoción emocion émotion gefühl emoção эмоция",
    "keywords": "keywords keyword keyphrases 关键词 關鍵詞 关键字 キーワード palabrasclave motsclés"
    " schlüsselwörter stichwörter palavraschave parolechiave ключевыеслова",
}
_KEYS = {alias: name for name, aliases in _NAMES.items() for alias in aliases.split()}
_ANSWERS = dict.fromkeys(
    ("answer", "verdict", "decision", "accepted", "agreement", "buy", "output", "result"), ""
)
_REASONS = ("rationale", "reason", "reasoning", "explanation", "why", "because", "justification")
_ANSWER_LABEL = re.compile(
    r"[\W_]*(?:(?:my |the )?(?:answer|verdict|decision|output|response))\s*(?:is)?\s*[:：]?[\s*_]*",
    re.IGNORECASE,
)
_REASON_LABEL = re.compile(
    r"[\W_]*(?:rationale|reason(?:ing)?|explanation|理由|原因)\s*[:：]\s*", re.IGNORECASE
)
_YES = "yes|yeah|yep|true|sí|ja|oui|sim|да|はい|是的|会的|會的|是|会|會|예|네|نعم"
_NO = "no|nope|false|nein|non|não|нет|いいえ|不会|不會|不是|不|否|아니요|아니오|لا"
_VERDICT = re.compile(
    rf"[\W_]*(?:(?P<yes>{_YES})|(?P<no>{_NO}))(?![A-Za-zÀ-ÿА-я])(?P<rest>.*)\Z",
    re.IGNORECASE | re.DOTALL,
)
_NEITHER = re.compile(
    r"\s*(?:,|/|-)?\s*(?:(?:and|or|und|oder|y|o|et|ou|/|or maybe)\s*(?:no|yes|nein|ja|non|oui|sí)\b"
    r"|doubt\b|matter\b|one\b|longer\b|idea\b|wonder\b|problem\b)",
    re.IGNORECASE,
)


def _after(opening: re.Pattern[str], text: str) -> str:
    text = text.strip()
    found = opening.match(text)
    return text[found.end() :] if found else text


def _yes_no(text: str) -> tuple[bool | None, str]:
    found = _VERDICT.match(text)
    if found is None or _NEITHER.match(found["rest"]):
        return None, ""
    rest = found["rest"].lstrip(" \t\r\n,.;:!?-–—*_，。、！")
    return found["yes"] is not None, rest


def _keywords(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = re.split(r"[,;，、；|\n]|\s#", value)
    words = (_without_people(bare(word)).strip(" .#") for word in texts(value, 0))
    kept = {word.casefold(): word[:80] for word in words if word and not is_nothing(word)}
    return tuple(kept.values())[:MOST_KEYWORDS]


def _without_people(text: str) -> str:
    return " ".join(_HANDLE.sub(" ", text).split())


def _labelled(text: str) -> dict[str, Any]:
    """Read lines of the form "Concept: ..."; lines without a label go on the one before."""
    found: dict[str, Any] = {}
    current = ""
    for line in text.splitlines():
        head, colon, rest = bare(line).replace("：", ":").partition(":")
        name = _KEYS.get(folded(head)) if colon else None
        if name:
            current = name
            found.setdefault(name, rest.strip())
        elif current and (more := bare(line)):
            joint = ", " if current == "keywords" and found[current] else " "
            found[current] = (found[current] + joint + more).strip()
    return found
