"""The three stages of MIKO, for one post.

1. *description*: a vision model describes the picture, the post's text before it. Without a
   picture the stage is skipped.
2. *key_information*: concept, action, object, emotion and three to five keywords, persons' names
   removed, from the text and the description.
3. *intentions*: one tail for each of ATOMIC's nine relations and Open, from all of that; in one
   request, or in one request each.

Temperatures and lengths are the published system's. Where a picture's description was declined or
cannot be used, the text goes on alone, and the evidence names no image; without key information
there are no intentions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import orjson

from generation.harvest import Harvest
from generation.heads import PostHead
from generation.pipeline import Asking, Missing, Options, Pipeline
from generation.prompt import as_data, shorten
from generation.replies import (
    Bad,
    parse_aspects,
    parse_intention,
    parse_key_information,
    parse_prose,
)
from generation.reply_schemas import aspects_schema, intention_schema, key_information_schema
from generation.requests import Request
from generation.tails import Told
from generation.turns import gather_all
from schema.relations import Family, Relation

_CODE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class MikoOptions(Options):
    """How MIKO is set up.

    Attributes
    ----------
    together
        All relations in one request; False: one request each.
    language
        Name of the language to write in; None: that of the post.
    most_images
        Pictures of a post that are described.
    post_characters, description_characters
        Longer texts are cut in the prompts.
    """

    together: bool = True
    language: str | None = None
    most_images: int = 1
    post_characters: int = 4000
    description_characters: int = 2000


@dataclass(frozen=True, slots=True)
class _Read:
    """What is known of a post before its intentions are asked for."""

    fields: Mapping[str, str | None]
    texts: tuple[str, ...]
    images: tuple[str, ...]


class Miko(Pipeline[PostHead]):
    """MIKO over posts."""

    name = "miko"
    head_type = "Post"
    family = Family.SOCIAL
    stages: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
        {
            "description": {"temperature": 0.2, "max_tokens": 300},
            "key_information": {"temperature": 0.5, "max_tokens": 300},
            "intentions": {"temperature": 0.7, "max_tokens": 300},
        }
    )

    def __init__(self, options: MikoOptions) -> None:
        super().__init__(options)
        self.options = options
        self._choose = {"reply": self.form, "language": "given" if options.language else "kept"}
        together = self.prompts["miko/intentions"]
        self._aspects = "\n".join(_aspect(r, together.hints.get(r.name)) for r in self.relations)
        example = {relation.name: "..." for relation in self.relations}
        self._example = orjson.dumps(example).decode()

    def fields(self, head: PostHead, descriptions: Sequence[str] = ()) -> dict[str, str | None]:
        """Give what the prompts say of a post, and of its pictures where they are described."""
        post = shorten(head.text, self.options.post_characters)
        code = head.language or ""
        return {
            "post": post,
            "post_language": code if post and _CODE.match(code) else None,
            "language_name": self.options.language,
            "image_description": self._joined(descriptions),
        }

    def key_request(self, fields: Mapping[str, str | None]) -> Request:
        """Ask what a post comes down to."""
        return self.request(
            "key_information",
            self.prompts["miko/key_information"],
            fields,
            choose=self._choose,
            schema=key_information_schema(),
        )

    def together_request(self, fields: Mapping[str, str | None], sample: int = 0) -> Request:
        """Ask for all relations in one reply."""
        return self.request(
            "intentions",
            self.prompts["miko/intentions"],
            {**fields, "aspects": self._aspects, "example": self._example},
            choose=self._choose,
            schema=aspects_schema(self.relations),
            sample=sample,
        )

    def single_request(
        self, fields: Mapping[str, str | None], relation: Relation, sample: int = 0
    ) -> Request:
        """Ask for one relation."""
        prompt = self.prompts["miko/intention"]
        return self.request(
            "intentions",
            prompt,
            {
                **fields,
                "relation": relation.name,
                "phrase": relation.phrase,
                "hint": prompt.hints.get(relation.name),
            },
            choose=self._choose,
            schema=intention_schema(),
            sample=sample,
        )

    async def work(self, asking: Asking, head: PostHead) -> Harvest:
        """Ask about one post; see `generation.pipeline.generate`."""
        harvest = Harvest(self.head_type, head.id)
        images = head.images[: self.options.most_images] if self.options.images else ()
        post = shorten(head.text, self.options.post_characters)
        if not as_data(post) and not images:
            harvest.notes["posts with neither text nor image"] += 1
            return harvest
        if len(post) < len(head.text.strip()):
            harvest.notes["posts cut in the prompts"] += 1
        known = await self._understand(asking, harvest, head, images)
        if known is None:
            return harvest
        if self.options.together:
            await self._all(asking, harvest, known)
        else:
            first, *others = self.relations
            await self._one(asking, harvest, known, first)
            # The first has put what they share into the server's cache.
            await gather_all(self._one(asking, harvest, known, r) for r in others)
        order = {relation.name: number for number, relation in enumerate(self.relations)}
        harvest.found.sort(key=lambda found: order[found.relation.name])
        return harvest

    async def _understand(
        self,
        asking: Asking,
        harvest: Harvest,
        head: PostHead,
        images: tuple[str, ...],
    ) -> _Read | None:
        """Describe the pictures and extract the key information; None where that cannot be had."""
        fields = self.fields(head)
        tasks = (self._describe(asking, harvest, fields, image) for image in images)
        told = await gather_all(tasks)
        if any(isinstance(one, Missing) and one.passing for one in told):
            return None
        described = {
            image: text
            for image, text in zip(images, told, strict=True)
            if not isinstance(text, Missing)
        }
        if len(described) < len(images):
            harvest.notes["posts whose picture could not be described"] += 1
            if not as_data(fields["post"] or "") and not described:
                return None
        fields = self.fields(head, list(described.values()))
        key = await self.read(asking, self.key_request(fields), parse_key_information, harvest)
        if isinstance(key, Missing):
            return None
        fields |= {
            "concept": key.concept,
            "action": key.action,
            "object": key.object,
            "emotion": key.emotion,
            "keywords": ", ".join(key.keywords),
        }
        return _Read(fields, (head.text, *described.values()), tuple(described))

    async def _describe(
        self, asking: Asking, harvest: Harvest, fields: Mapping[str, str | None], image: str
    ) -> str | Missing:
        request = self.request(
            "description",
            self.prompts["miko/description"],
            {**fields, "image": image},
            choose=self._choose,
            accept_cut_off=True,
        )
        return await self.read(asking, request, parse_prose, harvest)

    async def _all(self, asking: Asking, harvest: Harvest, known: _Read) -> None:
        """Ask for all relations in one request, as often as samples are wanted."""
        prompt = self.prompts["miko/intentions"]
        samples = range(self.options.samples)
        requests = [self.together_request(known.fields, sample) for sample in samples]
        tasks = (self.read(asking, request, self._parse_all, harvest) for request in requests)
        told = Told.of(prompt.words, known.texts)
        for request, parsed in zip(requests, await gather_all(tasks), strict=True):
            if isinstance(parsed, Missing):
                continue
            for relation in self.relations:
                texts = parsed.get(relation.name, [])
                if not texts:
                    harvest.discarded[relation.name, "missing"] += 1
                for text in texts:
                    self.keep(harvest, relation, text, told, request, prompt, known.images)

    def _parse_all(self, text: str) -> dict[str, list[str]] | Bad:
        return parse_aspects(text, self.relations)

    async def _one(
        self, asking: Asking, harvest: Harvest, known: _Read, relation: Relation
    ) -> None:
        """Ask for one relation, as often as samples are wanted."""
        prompt = self.prompts["miko/intention"]
        samples = range(self.options.samples)
        requests = [self.single_request(known.fields, relation, sample) for sample in samples]
        tasks = (self.read(asking, request, parse_intention, harvest) for request in requests)
        told = Told.of(prompt.words, known.texts)
        for request, parsed in zip(requests, await gather_all(tasks), strict=True):
            for text in [] if isinstance(parsed, Missing) else parsed:
                self.keep(harvest, relation, text, told, request, prompt, known.images)

    def _joined(self, descriptions: Sequence[str]) -> str:
        most = self.options.description_characters
        if len(descriptions) < 2:
            return shorten("".join(descriptions), most)
        share = most // len(descriptions)
        return "\n".join(
            f"Picture {number}: {shorten(text, share)}"
            for number, text in enumerate(descriptions, 1)
        )


def _aspect(relation: Relation, hint: str | None) -> str:
    return f"- {relation.name}: {relation.phrase} ..." + (f" ({hint})" if hint else "")
