"""What a run would ask and cost, before anything is asked.

The pipelines themselves run, against nobody: every request gets a stand-in reply of the usual
length, so that the requests that follow from it are counted as well. What a request store knows
already costs nothing and goes in as it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from generation.asker import fit
from generation.pipeline import Pipeline
from generation.pricing import Prices, reply_room
from generation.prompt import show
from generation.requests import TRANSIENT, Failure, Outcome, Reason, Reply, Request
from generation.store import RequestStore
from generation.tokens import PrefixMeter, TokenCounter
from schema.relations import Family, names

# Words of a usual reply's parts; English, a token being three quarters of a word.
_TAIL = "share what happened with people close by"
_NOTE = "a day out"
_WHY = "both together solve the problem that I have in mind"
_PROSE = (
    "A person stands beside a table in a bright room and holds the thing up to the light. "
    "The colours are warm, the surface looks smooth and well made, and a small label can be read. "
    "It would suit somebody who wants to use it every day at home or on the way to work. "
)
_KEY_LINES = "\n".join(
    [f"{name}: {_NOTE}" for name in ("Concept", "Action", "Object", "Emotion")]
    + [f"Keywords: {_NOTE}, light, table, friends"]
)
_PROSE_CHARACTERS = 440  # or, where replies are held shorter than that, this share of the limit:
_PROSE_SHARE = 0.45


@dataclass(slots=True)
class StageCost:
    """Figures of one stage."""

    model: str = ""
    requests: int = 0
    known: int = 0
    images: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    most_completion_tokens: int = 0


@dataclass(slots=True)
class DryRun:
    """Answers requests with stand-ins, and counts them.

    Attributes
    ----------
    counter
        Counts tokens.
    store
        Answers first, at no cost.
    retry_failed
        What failed before would be asked again.
    meter
        Also measures what a prefix cache would save.
    head
        What the next requests are about, for the meter.
    requests
        Takes every request, if it is a list.
    """

    counter: TokenCounter = field(default_factory=TokenCounter)
    store: RequestStore | None = None
    retry_failed: bool = False
    meter: PrefixMeter | None = None
    head: object = None
    stages: dict[str, StageCost] = field(default_factory=dict)
    requests: list[Request] | None = None
    _asked: dict[bytes, None] = field(default_factory=dict)

    async def ask(self, request: Request, *, again: bool = False) -> Outcome:
        """Answer as the store has it, else with a stand-in."""
        stage = self.stages.setdefault(request.stage, StageCost(request.model))
        stand_in = _stand_in(request)
        key = bytes.fromhex(request.key[3:])
        is_new = key not in self._asked
        self._asked[key] = None
        known = self.store.get(request.key) if self.store else None
        if known is not None and not self._is_due(known := fit(request, known)):
            stage.known += is_new
            return known
        if not is_new:
            return stand_in
        if self.requests is not None:
            self.requests.append(request)
        if self.meter:
            self.meter.add(request, self.head)
        stage.requests += 1
        stage.images += len(request.images)
        stage.prompt_tokens += self.counter.prompt(request)
        said = self.counter.text(stand_in.text)
        stage.completion_tokens += min(said + 2, reply_room(request))
        stage.most_completion_tokens += reply_room(request)
        return stand_in

    async def mark(
        self, request: Request, reason: Reason | None = "unparseable", message: str = ""
    ) -> None:
        """Leave the store as it is."""

    def _is_due(self, known: Outcome) -> bool:
        return isinstance(known, Failure) and (self.retry_failed or known.reason in TRANSIENT)


async def estimate[H](
    pipeline: Pipeline[H],
    heads: Iterable[H],
    *,
    store: RequestStore | None = None,
    prices: Prices | None = None,
    tokenizer: Any = None,
    retry_failed: bool = False,
    sample: int | None = None,
    total: int | None = None,
    rate: float | None = None,
    metered: int = 100,
) -> dict[str, Any]:
    """Say what a run would ask and cost.

    Parameters
    ----------
    store
        What it knows is not asked again.
    tokenizer
        The model's: a path or a loaded one; None: tokens are estimated, and the answer says so.
    sample
        Count only so many heads and scale up to `total`; None: count all of them.
    total
        How many heads there are, if `sample` leaves some out.
    rate
        Requests a second, for the time.
    metered
        So many heads also tell what a server's prefix cache would know; 0: none.

    Returns
    -------
    ``requests``, ``prompt_tokens``, ``completion_tokens``, ``price`` (None where a model has no
    price), ``stages`` with the same for each stage, ``currency``, ``tokens`` (``counted`` or
    ``estimated``), ``heads``, ``heads_counted``, ``known`` (requests that the store answers),
    ``cached_share`` and ``price_with_cache``, ``most_price`` (were every reply as long as it may
    be) and ``seconds``.
    """
    counter = TokenCounter(tokenizer)
    meter = PrefixMeter(counter) if metered else None
    dry = DryRun(counter, store, retry_failed, meter)
    counted = 0
    for head in itertools.islice(heads, sample):
        dry.head, dry.meter = counted, meter if counted < metered else None
        await pipeline.work(dry, head)
        counted += 1
    heads_in_all = max(counted, total or counted)
    factor = heads_in_all / counted if counted else 1.0
    shares = meter.stages if meter else {}
    stages = {
        name: _priced(cost, factor, prices or Prices(), _share(shares.get(name)))
        for name, cost in dry.stages.items()
    }
    requests = _sum(stages, "requests")
    return {
        "requests": requests,
        "prompt_tokens": _sum(stages, "prompt_tokens"),
        "completion_tokens": _sum(stages, "completion_tokens"),
        "price": _sum_prices(stages, "price"),
        "price_with_cache": _sum_prices(stages, "price_with_cache") if meter else None,
        "most_price": _sum_prices(stages, "most_price"),
        "currency": (prices or Prices()).currency,
        "tokens": "counted" if counter.is_exact else "estimated",
        "heads": heads_in_all,
        "heads_counted": counted,
        "known": _sum(stages, "known"),
        "cached_share": meter.report()["reused"] if meter else None,
        "seconds": None if rate is None else round(requests / rate, 1),
        "stages": stages,
    }


async def render[H](pipeline: Pipeline[H], head: H, *, stage: str | None = None) -> str:
    """Write out the first request of each stage for one head, for a person to read.

    Parameters
    ----------
    stage
        Only that stage.
    """
    dry = DryRun(requests=[])
    await pipeline.work(dry, head)
    told: dict[str, str] = {}
    for request in dry.requests or []:
        if stage in (None, request.stage, request.stage.partition(".")[2]):
            schema = request.reply_schema
            form = f"\n--- reply schema ---\n{orjson.dumps(schema).decode()}" if schema else ""
            parameters = orjson.dumps(dict(request.parameters)).decode()
            title = f"=== {request.stage} ({request.model}, {parameters}) ==="
            told.setdefault(request.stage, f"{title}\n{show(request.messages)}{form}")
    return "\n\n".join(told.values())


def _stand_in(request: Request) -> Reply:
    """Make a usual reply to a request: in its schema, or in the form that its stage asks for."""
    schema = request.reply_schema
    if schema:
        return Reply(orjson.dumps(_filled(schema)).decode())
    match request.stage.rpartition(".")[2]:
        case "key_information":
            return Reply(_KEY_LINES)
        case "filter":
            return Reply(f"Yes, {_WHY}")
        case "judgement":
            return Reply("Yes, weakly acceptable")
        case "intention":
            return Reply(_TAIL)
        case "intentions":
            system = str(request.messages[0]["content"])
            asked = [name for name in names(Family.SOCIAL) if f"- {name}: " in system]
            return Reply("\n".join(f"{name}: {_TAIL}" for name in asked) or _TAIL)
    characters = min(_PROSE_CHARACTERS, int(reply_room(request) * 4 * _PROSE_SHARE))
    return Reply((_PROSE * (characters // len(_PROSE) + 1))[:characters])


def _filled(schema: Mapping[str, Any]) -> Any:
    found: dict[str, Any] = {}
    for name, kind in schema["properties"].items():
        if "enum" in kind:
            found[name] = kind["enum"][0]
        elif kind["type"] == "array":
            found[name] = [_NOTE] * int(kind.get("minItems", 3) + 1)
        else:
            room = kind.get("maxLength", 240)
            found[name] = _NOTE if room < 100 else _TAIL if room < 400 else _WHY
    return found


def _priced(cost: StageCost, factor: float, prices: Prices, cached: float) -> dict[str, Any]:
    rate = prices.rate(cost.model)
    prompt, said = round(cost.prompt_tokens * factor), round(cost.completion_tokens * factor)
    most = round(cost.most_completion_tokens * factor)
    price = with_cache = most_price = None
    if rate:
        price = rate.price(prompt, 0, said)
        with_cache = rate.price(prompt, round(prompt * cached), said)
        most_price = rate.price(prompt, 0, most)
    return {
        "model": cost.model,
        "requests": round(cost.requests * factor),
        "known": round(cost.known * factor),
        "images": round(cost.images * factor),
        "prompt_tokens": prompt,
        "completion_tokens": said,
        "cached_share": round(cached, 4),
        "price": price,
        "price_with_cache": with_cache,
        "most_price": most_price,
    }


def _share(shares: Any) -> float:
    return shares.reused / shares.tokens if shares and shares.tokens else 0.0


def _sum(stages: Mapping[str, Mapping[str, Any]], name: str) -> int:
    return sum(int(stage[name]) for stage in stages.values())


def _sum_prices(stages: Mapping[str, Mapping[str, Any]], name: str) -> float | None:
    """Sum the prices; None if one is not known."""
    found: Sequence[float | None] = [stage[name] for stage in stages.values()]
    known = [price for price in found if price is not None]
    return sum(known) if len(known) == len(found) else None
