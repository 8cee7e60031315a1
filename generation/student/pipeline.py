"""The student's pipeline: one question about each head, to a model that needs no prompt.

The question is the head's own words and the names of the relations; the answer is JSON, for each
relation its tails and how sure the student is of each. It goes through the request store like any
other model's, so a run that is repeated asks nothing and changes nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, cast

import orjson

from generation.harvest import Found, Harvest
from generation.heads import CoBuyHead, PostHead
from generation.mind.judging import score
from generation.mind.options import Critic
from generation.pipeline import Asking, Missing, Options, Pipeline
from generation.replies import Bad
from generation.requests import Request, user
from generation.source_names import critic_source
from generation.student.student import Student
from generation.student.wording import people_as_words, texts_of
from generation.tails import Told, clean_tail
from schema.errors import UnknownRelationError
from schema.relations import Family, Relation

STAGE = "write"
_WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentOptions(Options):
    """How the student is asked; `samples` are its tails of one head in one relation.

    Attributes
    ----------
    critic, threshold
        A critic that judges what it wrote, and the score from which it accepts; None: nobody
        judges.
    """

    critic: Critic | None = None
    threshold: float = 0.5


class Apprentice[H: (PostHead, CoBuyHead)](Pipeline[H]):
    """The student over heads of one kind.

    Parameters
    ----------
    known
        Relations that the student has learnt.

    Raises
    ------
    UnknownRelationError
        If the options name one that it has not.
    """

    name = "student"
    stages: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType({STAGE: {}})

    def __init__(self, options: StudentOptions, known: tuple[Relation, ...]) -> None:
        super().__init__(options)
        self.options = options
        mine = [one for one in known if one.family is self.family]
        for relation in self.relations if options.relations is not None else ():
            if relation not in mine:
                raise UnknownRelationError(
                    f"the student has never seen {relation.name}",
                    fix=f"it knows: {', '.join(one.name for one in mine)}; for others name a "
                    "--model",
                )
        self.relations = tuple(one for one in self.relations if one in mine)

    @property
    def source(self) -> str:
        """``student``; where a critic judges, it and its threshold are told too."""
        options = self.options
        if options.critic is None:
            return self.name
        return critic_source(self.name, options.critic, options.threshold)

    async def work(self, asking: Asking, head: H) -> Harvest:
        """Ask about one head; see `generation.pipeline.generate`."""
        harvest = Harvest(self.head_type, head.id)
        texts = texts_of(head)
        if not any(_WORD.search(text) for text in texts):
            harvest.notes[_UNTOLD[self.head_type]] += 1
            return harvest
        request = Request(
            self.model(STAGE),
            [user(*texts)],
            {
                "relations": [one.key for one in self.relations],
                "tails": self.options.samples,
            },
            stage=f"{self.name}.{STAGE}",
        )
        parsed = await self.read(asking, request, parse, harvest)
        if isinstance(parsed, Missing):
            return harvest
        told = Told.of("", texts)
        for relation in self.relations:
            tails = parsed.get(relation.key, [])
            if not tails:
                harvest.notes["times the student had no answer"] += 1
            for text, confidence in tails:
                self._take(harvest, relation, text, confidence, told, request)
        if self.options.critic and harvest.found:
            await score(harvest, head, self.options.critic, self.options.threshold)
        return harvest

    def _take(
        self,
        harvest: Harvest,
        relation: Relation,
        text: str,
        confidence: float,
        told: Told,
        request: Request,
    ) -> None:
        tail, reason = clean_tail(
            people_as_words(text), relation, told=told, bounds=self.options.bounds
        )
        if reason is None and not harvest.is_new(relation, tail):
            reason = "duplicate"
        if reason is not None:
            harvest.discarded[relation.name, reason] += 1
            return
        harvest.found.append(
            Found(relation, tail, request.model, None, request.key, plausibility=confidence)
        )


class PostApprentice(Apprentice[PostHead]):
    """The student over posts."""

    head_type = "Post"
    family = Family.SOCIAL


class CoBuyApprentice(Apprentice[CoBuyHead]):
    """The student over co-buys."""

    head_type = "CoBuy"
    family = Family.COBUY


def parse(text: str) -> dict[str, list[tuple[str, float]]] | Bad:
    """Read what the student's backend answers."""
    try:
        found = orjson.loads(text)
        return {
            relation: [(str(tail), float(confidence)) for tail, confidence in tails]
            for relation, tails in found.items()
        }
    except (ValueError, TypeError, AttributeError) as error:
        return Bad("unparseable", f"not the student's JSON: {error}")


def answer(student: Student, requests: list[Request]) -> list[str]:
    """Answer what `Apprentice` asks."""
    asked = [
        (number, tuple(_texts(request)), relation)
        for number, request in enumerate(requests)
        for relation in request.parameters["relations"]
    ]
    by_name = {one.key: one for one in student.relations}
    most = Counter(request.parameters["tails"] for request in requests)
    found: list[dict[str, list[tuple[str, float]]]] = [{} for _ in requests]
    for tails in most:
        rows = [row for row in asked if requests[row[0]].parameters["tails"] == tails]
        written = student.write(
            [texts for _, texts, _ in rows], [by_name[name] for _, _, name in rows], most=tails
        )
        for (number, _, name), many in zip(rows, written, strict=True):
            found[number][name] = [(one.text, one.confidence) for one in many]
    return [orjson.dumps(told).decode() for told in found]


def _texts(request: Request) -> list[str]:
    content = request.messages[0]["content"]
    if isinstance(content, str):
        return [content]
    return [cast(str, part["text"]) for part in content]


_UNTOLD = {
    "Post": "posts without a word",
    "CoBuy": "pairs of which one product has no title and nothing else in words",
}
