"""What tokens cost, from a file that people keep themselves; and how many a text may have.

The price file is TOML, prices are per million tokens in whatever currency you count in::

    currency = "USD"

    ["gpt-4o-mini*"]      # a pattern; the longest that fits the model's name holds
    input = 0.15
    cached_input = 0.075  # left out: as input
    output = 0.60

It is looked for where ``--prices`` says, else as ``prices.toml`` in the settings folder of the
person (on Linux ``~/.config/intentkg``). A model that no pattern fits has no price.
"""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from generation.requests import Request
from schema.errors import InputError

_FIELDS = ("input", "cached_input", "output")


@dataclass(frozen=True, slots=True)
class Rate:
    """Price of a million tokens."""

    input: float
    cached_input: float
    output: float

    def price(self, prompt: int, cached: int, completion: int) -> float:
        """Price a reply; the cached tokens are among the prompt's.

        Examples
        --------
        >>> Rate(1.0, 0.5, 2.0).price(1_000_000, 500_000, 100_000)
        0.95
        """
        fresh = max(0, prompt - cached)
        total = fresh * self.input + cached * self.cached_input + completion * self.output
        return total / 1e6


class Prices:
    """Prices by the model's name.

    Parameters
    ----------
    rates
        Rate by name or pattern (``*`` and ``?``).
    currency
        What the prices are in.
    """

    def __init__(self, rates: Mapping[str, Rate] | None = None, currency: str = "USD") -> None:
        self.currency = currency
        self._rates = dict(rates or {})
        self._known: dict[str, Rate | None] = {}

    @classmethod
    def load(cls, path: Path | str | None = None) -> Prices:
        """Read a price file; without a path the person's own, and no prices if there is none.

        Raises
        ------
        InputError
            If the file cannot be read as prices.
        """
        if path is None:
            path = user_config_path("intentkg") / "prices.toml"
            if not path.exists():
                return cls()
        path = Path(path)
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InputError(
                f"cannot be read as a price file: {error}",
                file=str(path),
                fix='write TOML such as ["model*"] and below it input = 0.15 and output = 0.60',
            ) from None
        currency = data.pop("currency", "USD")
        return cls({name: _rate(path, name, row) for name, row in data.items()}, str(currency))

    def rate(self, model: str) -> Rate | None:
        """Give the rate of a model; None if it has no price."""
        if model not in self._known:
            fits = [name for name in self._rates if fnmatch.fnmatchcase(model, name)]
            self._known[model] = self._rates[max(fits, key=len)] if fits else None
        return self._known[model]


def _rate(path: Path, name: str, row: Any) -> Rate:
    given = row if isinstance(row, dict) else {}
    good = {k: float(v) for k, v in given.items() if k in _FIELDS and _is_price(v)}
    if len(good) != len(given) or not {"input", "output"} <= good.keys():
        raise InputError(
            f'["{name}"] is not a price: {row!r}',
            file=str(path),
            fix="give input and output, and cached_input if it differs, per million tokens, "
            "as numbers that are not negative",
        )
    return Rate(good["input"], good.get("cached_input", good["input"]), good["output"])


def _is_price(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


# What one image costs at most in the models known to us (tiles of a large picture).
IMAGE_TOKENS = 3000
# Room for a reply where the request does not bound it.
REPLY_TOKENS = 4096


def estimate_tokens(text: str) -> int:
    """Estimate a text's tokens: four Latin letters, one other letter, or half an emoji a token.

    Within a fifth on English, German and Chinese prose with the usual tokenizers.

    Examples
    --------
    >>> estimate_tokens("They both are used for cooking.")
    8
    """
    if text.isascii():
        return len(text) // 4 + 1
    plain = sum(ch < "\u0250" for ch in text)
    astral = sum(ch > "\uffff" for ch in text)
    return plain // 4 + (len(text) - plain - astral) + 2 * astral + 1


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one request: as guessed, and what it cannot pass."""

    prompt: int
    completion: int


def expected_tokens(request: Request) -> Tokens:
    """Guess the tokens of a request, its reply being half as long as it may be."""
    prompt = 8
    for text, images in _parts(request):
        prompt += estimate_tokens(text) + 4 + images * (IMAGE_TOKENS // 3)
    return Tokens(prompt, max(1, reply_room(request) // 2))


def most_tokens(request: Request) -> Tokens:
    """Bound the tokens of a request from above: every token is at least one byte of text."""
    prompt = 64
    for text, images in _parts(request):
        size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        prompt += size + 16 + images * IMAGE_TOKENS
    return Tokens(prompt, reply_room(request))


def reply_room(request: Request) -> int:
    """Give the most tokens that a reply to it may have."""
    parameters = request.parameters
    room = parameters.get("max_completion_tokens") or parameters.get("max_tokens")
    return int(room or REPLY_TOKENS)


def _parts(request: Request) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for message in request.messages:
        content = message["content"]
        if isinstance(content, str):
            found.append((content, 0))
            continue
        found += [(part["text"], 0) if part["type"] == "text" else ("", 1) for part in content]
    return found
