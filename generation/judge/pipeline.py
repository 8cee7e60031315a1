"""One request for each intention; what the judge says is evidence beside that of its writer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from generation.harvest import Found, Harvest
from generation.judge.reply import Judgement, judgement_schema, parse_judgement
from generation.pipeline import Asking, Options, Pipeline
from generation.prompt import Prompt, shorten
from generation.prompting import load_prompts
from generation.requests import Request
from generation.source_names import short_digest, slug
from generation.turns import gather_all
from schema.errors import UsageError
from schema.relations import Relation, get

_TITLE, _POST = 300, 4000  # characters that are shown


@dataclass(frozen=True, slots=True)
class Claim:
    """An intention that is judged.

    Attributes
    ----------
    id
        Of the assertion.
    heads
        The post's text, or the titles of the products; empty where none is known.
    plausibility, typicality
        What is known already; the judge's word on it is not taken down.
    """

    id: str
    head_type: str
    head_id: str
    relation: Relation
    text: str
    heads: tuple[str, ...]
    plausibility: float | None = None
    typicality: float | None = None


class Judge(Pipeline[Claim]):
    """FolkScope's two questions, over intentions."""

    name = "critic"
    head_type = "Assertion"
    stages: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
        {"judgement": {"temperature": 0.0, "max_tokens": 128}}
    )

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.options = options

    @property
    def source(self) -> str:
        """``judge-`` and the model; with prompts or parameters of one's own their digest too."""
        model = self.model("judgement")
        bundled, names = load_prompts(), ("judge/post", "judge/cobuy")
        own = [self.prompts[name].hash for name in names]
        parameters = dict(self.options.parameters.get("judgement", {}))
        is_usual = own == [bundled[name].hash for name in names] and not parameters
        told = [model, *([] if is_usual else [own, parameters]), self.options.samples]
        is_plain = is_usual and self.options.samples == 1 and slug(model) == model.lower()
        parts = ("judge", slug(model), "" if is_plain else short_digest(told))
        return "-".join(part for part in parts if part)

    async def work(self, asking: Asking, head: Claim) -> Harvest:
        """Ask about one intention; of several samples the mean is taken."""
        harvest = Harvest(head.head_type, head.head_id)
        if not head.heads or not all(map(str.strip, head.heads)):
            harvest.notes["intentions of heads without a title or text"] += 1
            return harvest
        prompt = self.prompts["judge/post" if head.head_type == "Post" else "judge/cobuy"]
        requests = [self._request(prompt, head, sample) for sample in range(self.options.samples)]
        replies = await gather_all(
            self.read(asking, request, parse_judgement, harvest) for request in requests
        )
        told = [(r, j) for r, j in zip(requests, replies, strict=True) if isinstance(j, Judgement)]
        if told:
            judgements = [judgement for _, judgement in told]
            harvest.found.append(
                Found(
                    head.relation,
                    head.text,
                    told[0][0].model,
                    prompt.hash,
                    told[0][0].key,
                    plausibility=_mean([j.plausibility for j in judgements], head.plausibility),
                    typicality=_mean([j.typicality for j in judgements], head.typicality),
                )
            )
        return harvest

    def _request(self, prompt: Prompt, head: Claim, sample: int) -> Request:
        fields: dict[str, str | None] = {"intention": head.relation.sentence(head.text)}
        if head.head_type == "Post":
            fields["post"] = shorten(head.heads[0], _POST)
        else:
            titles = [shorten(title, _TITLE) for title in head.heads]
            fields |= dict(zip(("title_a", "title_b"), (*titles, None), strict=False))
        return self.request(
            "judgement",
            prompt,
            fields,
            choose={"reply": self.form},
            schema=judgement_schema(),
            sample=sample,
        )

    def _chosen(self, names: Sequence[str] | None) -> tuple[Relation, ...]:
        if names is not None and not names:
            raise UsageError("no relation was chosen", fix="name some, or leave the choice out")
        return tuple(get(name) for name in names or ())


def _mean(values: Sequence[float], known: float | None) -> float | None:
    return None if known is not None else round(sum(values) / len(values), 4)
