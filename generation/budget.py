"""A bound on what a run may spend, in money, tokens or requests; it is not passed.

Before a request is sent, the most that it can cost is set aside; when its reply is in, what it
did cost takes that place. While replies are on their way that will free some of what is set
aside, a request that does not fit yet waits, by its turn (see `generation.turns`). What a dropped
connection may have cost counts as spent in full.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from generation import turns
from generation.pricing import Prices, most_tokens
from generation.requests import Reply, Request
from schema.errors import BudgetReachedError, UsageError

_FORM = re.compile(r"([0-9]*\.?[0-9]+)\s*(k|m)?\s*([a-z]*)\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that a run may spend; None: no bound.

    Attributes
    ----------
    money
        In the currency of the price file.
    tokens
        Prompt and completion together.
    requests
        Requests that reach the model.
    """

    money: float | None = None
    tokens: int | None = None
    requests: int | None = None

    @classmethod
    def parse(cls, text: str, currency: str | None = None) -> Budget:
        """Read what a person writes; several bounds are parted by commas.

        Parameters
        ----------
        currency
            What the price file counts in; an amount may name that one only.

        Raises
        ------
        UsageError
            If it is none of the forms below.

        Examples
        --------
        >>> Budget.parse("2.50")
        Budget(money=2.5, tokens=None, requests=None)
        >>> Budget.parse("5M tokens, 2000 requests")
        Budget(money=None, tokens=5000000, requests=2000)
        """
        bounds: dict[str, float] = {}
        for part in text.split(","):
            match = _FORM.match(part.strip())
            if not match:
                raise _bad(text)
            number, factor, unit = match.groups()
            unit = unit.lower()
            kind = unit if unit in ("tokens", "requests") else "money"
            if kind in bounds:
                raise _bad(text)
            if kind == "money" and unit not in ("", "money", *_units(currency)):
                raise _bad(text, currency)
            bounds[kind] = float(number) * {"": 1, "k": 1e3, "m": 1e6}[(factor or "").lower()]
        whole = {kind: int(n) for kind, n in bounds.items() if kind != "money"}
        return cls(money=bounds.get("money"), **whole)


def _units(currency: str | None) -> tuple[str, ...]:
    return ("usd", "eur") if currency is None else (currency.lower(),)


def _bad(text: str, currency: str | None = None) -> UsageError:
    if currency is not None:
        return UsageError(
            f"{text!r} is not a budget in {currency}, which the prices are in",
            fix="write the amount in that currency, or a number of tokens or requests: 2.50, "
            "5M tokens, 2000 requests",
        )
    return UsageError(
        f"{text!r} is not a budget",
        fix="write an amount of money, tokens or requests: 2.50, 5M tokens, 2000 requests",
    )


@dataclass(slots=True)
class Reservation:
    """What is set aside for one request."""

    tokens: int
    money: float


class Ledger:
    """Keeps the books of one run against its budget."""

    def __init__(self, budget: Budget | None, prices: Prices) -> None:
        self.budget = budget or Budget()
        self.prices = prices
        self.requests = 0
        self.tokens = 0
        self.money = 0.0
        self._aside_requests = 0
        self._aside_tokens = 0
        self._aside_money = 0.0
        self._changed: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def is_bound(self) -> bool:
        """See whether there is any budget."""
        return self.budget != Budget()

    async def reserve(self, request: Request) -> Reservation:
        """Set aside the most that the request can cost.

        Raises
        ------
        BudgetReachedError
            If it could pass the budget.
        UsageError
            If the budget is in money and the model has no price.
        """
        most = most_tokens(request)
        rate = self.prices.rate(request.model)
        if rate is None and self.budget.money is not None:
            raise UsageError(
                f"a budget in money needs the price of {request.model!r}, which is not known",
                fix="add it to the price file, or give the budget in tokens or requests",
            )
        money = rate.price(most.prompt, 0, most.completion) if rate else 0.0
        wanted = Reservation(most.prompt + most.completion, money)
        while not self._fits(wanted):
            if not self._aside_requests:
                raise BudgetReachedError(
                    f"the next request could pass the budget: {self._spent()}",
                    fix="give a larger --budget; a second run goes on where this one stopped",
                )
            change = asyncio.get_running_loop().create_future()
            self._changed.append((turns.current().number, change))
            await change
        self._aside_requests += 1
        self._aside_tokens += wanted.tokens
        self._aside_money += wanted.money
        return wanted

    def settle(self, reserved: Reservation, reply: Reply | None, *, lost: bool = False) -> None:
        """Put what it did cost in the place of what was set aside.

        Parameters
        ----------
        reply
            What came; None if nothing did.
        lost
            Nothing came, but the model may have worked: count all that was set aside.
        """
        self._aside_requests -= 1
        self._aside_tokens -= reserved.tokens
        self._aside_money -= reserved.money
        if reply:
            self.requests += 1
            self.tokens += reply.prompt_tokens + reply.completion_tokens
            self.money += reply.price or 0.0
        elif lost:
            self.requests += 1
            self.tokens += reserved.tokens
            self.money += reserved.money
        waiting, self._changed = sorted(self._changed, key=lambda one: one[0]), []
        for _, future in waiting:
            if not future.done():
                future.set_result(None)

    def shut(self, error: BaseException) -> None:
        """Let all that wait for money have the error."""
        waiting, self._changed = self._changed, []
        for _, future in waiting:
            if not future.done():
                future.set_exception(error)

    def _fits(self, wanted: Reservation) -> bool:
        bound = self.budget
        spent = (
            (bound.requests, self.requests + self._aside_requests + 1),
            (bound.tokens, self.tokens + self._aside_tokens + wanted.tokens),
            (bound.money, self.money + self._aside_money + wanted.money - 1e-9),
        )
        return all(most is None or total <= most for most, total in spent)

    def _spent(self) -> str:
        said = []
        if self.budget.money is not None:
            said.append(f"{self.money:.4f} of {self.budget.money:g} {self.prices.currency} spent")
        if self.budget.tokens is not None:
            said.append(f"{self.tokens:,} of {self.budget.tokens:,} tokens used")
        if self.budget.requests is not None:
            said.append(f"{self.requests:,} of {self.budget.requests:,} requests made")
        return ", ".join(said)
