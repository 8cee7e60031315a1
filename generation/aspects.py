"""Replies that speak of several relations at once, taken apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from generation.loose_json import find_json, unfenced
from generation.phrasing import phrasing
from generation.reply_parts import ITEM, MOST_TAILS, TEXT_KEYS, Bad, folded, said, texts
from generation.tails import bare
from schema.relations import Relation

_NUMBERED = re.compile(r"\s*[(*]*\d{1,2}\s?[.):、．]")
_RELATION_KEYS = {"relation", "aspect", "type", "name", "key", "label"}


def parse_aspects(text: str, relations: Sequence[Relation]) -> dict[str, list[str]] | Bad:
    """Read what was written for several relations, by the relation's name.

    As JSON (names as keys, in any case; the phrases as keys; a list of pairs), as lines labelled
    with names or beginning with phrases, or as numbered lines, one for each relation in order.
    """
    answer = said(text)
    if isinstance(answer, Bad):
        return answer
    data = find_json(answer)
    found = _from_json(data, relations) if data is not None else {}
    if not found and data is None and unfenced(answer)[:1] not in ("{", "["):
        found = _from_lines(unfenced(answer).splitlines(), relations)
    if not found:
        return Bad("unparseable", "the reply names none of the aspects that were asked for")
    return found


def _from_json(data: Any, relations: Sequence[Relation]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    names = {folded(relation.name): relation for relation in relations}

    def take(key: object, value: Any) -> None:
        relation = names.get(folded(key)) or _by_phrase(str(key), relations)
        if relation and (found_texts := list(texts(value, 0))):
            found.setdefault(relation.name, []).extend(found_texts[:MOST_TAILS])

    def walk(value: Any, depth: int) -> None:
        if depth > 3:
            return
        if isinstance(value, list):
            for within in value[:100]:
                walk(within, depth + 1)
        elif isinstance(value, dict):
            named = [text for key, text in value.items() if folded(key) in _RELATION_KEYS]
            if named and isinstance(named[0], str) and folded(named[0]) in names:
                take(named[0], {k: v for k, v in value.items() if folded(k) in TEXT_KEYS})
                return
            before = len(found)
            for key, within in value.items():
                take(key, within)
            if len(found) == before:
                for within in value.values():
                    walk(within, depth + 1)

    walk(data, 0)
    return found


def _from_lines(lines: Sequence[str], relations: Sequence[Relation]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    current: Relation | None = None
    for line in lines:
        text = bare(line)
        if not text:
            continue
        label = next((r for r in relations if _is_label(text, r)), None)
        if label:
            current = label
            rest = bare(phrasing(label).label.sub("", text))
            found.setdefault(label.name, []).extend([rest] if rest else [])
        elif relation := _by_phrase(text, relations):
            current = relation
            found.setdefault(relation.name, []).append(text)
        elif current and (ITEM.match(line) or not found[current.name]):
            found[current.name].append(text)
    found = {name: told[:MOST_TAILS] for name, told in found.items() if told}
    items = [bare(line) for line in lines if _NUMBERED.match(line)]
    if not found and len(items) == len(relations):
        found = {relation.name: [item] for relation, item in zip(relations, items, strict=True)}
    return found


def _is_label(text: str, relation: Relation) -> bool:
    head = re.split(r"[:：=→(–-]", text, maxsplit=1)[0]
    return folded(head) == folded(relation.name) and len(head) < len(text)


def _by_phrase(text: str, relations: Sequence[Relation]) -> Relation | None:
    """Find the relation whose own phrase, word for word, opens a text; the longest counts."""
    plain = f"{' '.join(re.findall(r'\w+', text[:200].casefold()))} ".replace(
        " this tweet ", " this "
    )
    plain = plain.replace(" this post ", " this ")
    fits = [r for r in relations if r.phrase and plain.startswith(_phrase_words(r))]
    return max(fits, key=lambda r: len(r.phrase), default=None)


def _phrase_words(relation: Relation) -> str:
    return " ".join(re.findall(r"\w+", relation.phrase.casefold())) + " "
