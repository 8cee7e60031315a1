"""The three stages of MIND, for one pair of products.

1. *features*: what a product's picture and listing show; asked once per product, however many
   pairs it is in.
2. *intention*: for each of the twenty relations the customer completes its phrase, both products
   and both pictures before their eyes.
3. *filter*: the model plays the customer whose intention it is and says whether it would make them
   buy both, and why. Verdict and rationale go with the evidence; what is rejected is kept and
   marked.

Ablations of the paper: text only (`images`), no filter or a critic's threshold in its place
(`filter`), no words about what pictures show (`visual_cues`). Where a product's features cannot be
had, its listing goes on alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from generation.harvest import Found, Harvest
from generation.heads import CoBuyHead, Product
from generation.mind.judging import score
from generation.mind.options import MindOptions
from generation.mind.showing import Shown, product_fields, show_pair
from generation.pipeline import Asking, Missing, Pipeline
from generation.prompt import Prompt
from generation.prompting import load_prompts
from generation.replies import parse_intention, parse_prose, parse_verdict
from generation.reply_schemas import intention_schema, verdict_schema
from generation.requests import Request
from generation.source_names import critic_source, short_digest, slug
from generation.tails import Told
from generation.turns import gather_all
from schema.relations import Family, Relation

_FILTERS = ("mind/filter", "mind/filter_plain")


class Mind(Pipeline[CoBuyHead]):
    """MIND over co-buys."""

    name = "mind"
    head_type = "CoBuy"
    family = Family.COBUY
    stages: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
        {
            "features": {"temperature": 0.2, "max_tokens": 512},
            "intention": {"temperature": 0.2, "max_tokens": 512},
            "filter": {"temperature": 0.2, "max_tokens": 512},
        }
    )

    def __init__(self, options: MindOptions) -> None:
        super().__init__(options)
        options.check()
        self.options = options

    @property
    def source(self) -> str:
        """``mind``; where another than the published judge says yes or no, the judge is named.

        Two judges of one tail are two pieces of evidence: their verdicts stand beside each other
        as ``mind`` and, say, ``mind-filter-qwen2.5-7b-1f0c9a``.
        """
        options = self.options
        if options.filter == "critic":
            return critic_source(self.name, options.critic, options.threshold)
        model = self.model("filter")
        own = [self.prompts[name].hash for name in _FILTERS]
        bundled = [load_prompts()[name].hash for name in _FILTERS] if options.prompts else own
        parameters = dict(options.parameters.get("filter", {}))
        is_usual = model == self.model("intention") and own == bundled and not parameters
        if options.filter == "none" or is_usual:
            return self.name
        parts = ("mind-filter", slug(model), short_digest([model, own, parameters]))
        return "-".join(part for part in parts if part)

    def features_request(self, product: Product) -> Request:
        """Ask what a product is like."""
        image = product.images[0] if self.options.images and product.images else None
        return self.request(
            "features",
            self.prompts["mind/features" if image else "mind/features_plain"],
            {**product_fields(product, self.options), "image": image},
            accept_cut_off=True,
        )

    def intention_prompt(self, shown: Shown) -> Prompt:
        """Give the prompt that asks for the intention behind a pair."""
        is_plain = not (shown.images and self.options.visual_cues)
        return self.prompts["mind/intention_plain" if is_plain else "mind/intention"]

    def intention_request(self, shown: Shown, relation: Relation, sample: int = 0) -> Request:
        """Ask why both products of a pair were bought, in one relation."""
        prompt = self.intention_prompt(shown)
        return self.request(
            "intention",
            prompt,
            {
                **shown.fields,
                "relation": relation.name,
                "phrase": relation.phrase,
                "hint": prompt.hints.get(relation.name),
            },
            choose={"reply": self.form, "task": "phrase" if relation.phrase else "open"},
            schema=intention_schema(),
            sample=sample,
        )

    def filter_request(self, shown: Shown, relation: Relation, text: str) -> Request:
        """Ask the customer whether an intention would make them buy both."""
        return self.request(
            "filter",
            self.prompts["mind/filter" if shown.images else "mind/filter_plain"],
            {**shown.fields, "relation": relation.name, "intention": relation.sentence(text)},
            choose={"reply": self.form},
            schema=verdict_schema(),
        )

    async def work(self, asking: Asking, head: CoBuyHead) -> Harvest:
        """Ask about one pair; see `generation.pipeline.generate`."""
        harvest = Harvest(self.head_type, head.id)
        if not (head.a.is_known and head.b.is_known):
            harvest.notes["pairs of which one product is not known"] += 1
            return harvest
        noticed = await gather_all(
            self._notice(asking, harvest, product) for product in (head.a, head.b)
        )
        texts: list[str] = []
        for text in noticed:
            if isinstance(text, Missing):
                if text.passing:
                    return harvest
                harvest.notes["products whose features could not be had"] += 1
            texts.append("" if isinstance(text, Missing) else text)
        shown = show_pair(head, texts, self.options)
        first, *others = self.relations
        await self._relation(asking, harvest, shown, first)
        # The first has put what they share into the server's cache.
        await gather_all(self._relation(asking, harvest, shown, r) for r in others)
        order = {relation.name: number for number, relation in enumerate(self.relations)}
        harvest.found.sort(key=lambda found: order[found.relation.name])
        if self.options.filter == "critic":
            assert self.options.critic
            await score(harvest, head, self.options.critic, self.options.threshold)
        return harvest

    async def _notice(self, asking: Asking, harvest: Harvest, product: Product) -> str | Missing:
        """Ask what a product is like."""
        return await self.read(asking, self.features_request(product), parse_prose, harvest)

    async def _relation(
        self, asking: Asking, harvest: Harvest, shown: Shown, relation: Relation
    ) -> None:
        """Ask for one relation, as often as samples are wanted, and let the customer judge."""
        prompt = self.intention_prompt(shown)
        requests = [
            self.intention_request(shown, relation, sample)
            for sample in range(self.options.samples)
        ]
        tasks = (self.read(asking, request, parse_intention, harvest) for request in requests)
        told = Told.of(prompt.words, shown.texts)
        kept: list[Found] = []
        for request, parsed in zip(requests, await gather_all(tasks), strict=True):
            for text in [] if isinstance(parsed, Missing) else parsed:
                found = self.keep(harvest, relation, text, told, request, prompt, shown.images)
                kept += [found] if found else []
        if self.options.filter == "role":
            await gather_all(self._judge(asking, harvest, shown, found) for found in kept)

    async def _judge(self, asking: Asking, harvest: Harvest, shown: Shown, found: Found) -> None:
        """Let the model play the customer whose intention it is."""
        request = self.filter_request(shown, found.relation, found.text)
        verdict = await self.read(asking, request, parse_verdict, harvest)
        if isinstance(verdict, Missing):
            harvest.notes["intentions on which the filter gave no verdict"] += 1
            return
        found.accepted = verdict.accepted
        found.rationale = verdict.rationale or None
