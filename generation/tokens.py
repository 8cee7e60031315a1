"""How many tokens a request has, and which of them servers have seen before.

With a model's tokenizer tokens are counted, without one estimated. `PrefixMeter` does what a
server's prefix cache does (blocks of tokens, each known together with all before it, as in vLLM),
so that what a prompt's layout saves can be measured without a server.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from generation.pricing import IMAGE_TOKENS, estimate_tokens
from generation.requests import Request
from schema.errors import InputError

PER_MESSAGE = 4  # what a chat template adds to a message
PICTURE = IMAGE_TOKENS // 3  # a usual picture
_PIECES = re.compile(r"\s?[A-Za-z]{1,4}|\s?\d{1,3}|\s?[^\sA-Za-z\d]|\s+")


class TokenCounter:
    """Counts tokens of texts, pictures at a flat rate.

    Parameters
    ----------
    tokenizer
        A ``tokenizer.json``, a model's folder that holds one, or anything with
        ``encode(text)`` (of tokenizers or transformers); None: estimated.
    picture
        Tokens of one picture.

    Raises
    ------
    InputError
        If there is no tokenizer at that place.
    """

    def __init__(self, tokenizer: Any = None, *, picture: int = PICTURE) -> None:
        self.picture = picture
        if isinstance(tokenizer, str | Path):
            tokenizer = _load(Path(tokenizer))
        self._tokenizer = tokenizer

    @property
    def is_exact(self) -> bool:
        """See whether tokens are counted; else they are estimated."""
        return self._tokenizer is not None

    def text(self, text: str) -> int:
        """Count a text's tokens."""
        return len(self.ids(text)) if self.is_exact else estimate_tokens(text)

    def prompt(self, request: Request) -> int:
        """Count a prompt's tokens, pictures and what a chat template adds included."""
        total = 0
        for _, kind, value in parts(request):
            total += self.picture if kind == "image" else self.text(value)
        return total + PER_MESSAGE * len(request.messages)

    def ids(self, text: str) -> Sequence[object]:
        """Take a text apart into tokens; pieces of it where there is no tokenizer."""
        if not self.is_exact:
            return _PIECES.findall(text)
        try:
            found = self._tokenizer.encode(text, add_special_tokens=False)
        except TypeError:
            found = self._tokenizer.encode(text)
        ids: Sequence[object] = getattr(found, "ids", found)
        return ids


def parts(request: Request) -> Iterator[tuple[str, str, str]]:
    """Yield role, kind (``text`` or ``image``) and text or name of each part of a request."""
    for message in request.messages:
        content, role = message["content"], message["role"]
        if isinstance(content, str):
            yield role, "text", content
            continue
        for part in content:
            yield role, part["type"], part[part["type"]]


@dataclass(slots=True)
class Shares:
    """Prompt tokens of one stage: all, and those that a prefix cache knows.

    Attributes
    ----------
    reused
        Known from any earlier request.
    across
        Known from an earlier request about another head: what is invariant.
    """

    requests: int = 0
    tokens: int = 0
    reused: int = 0
    across: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Give the figures, with their shares."""
        tokens = max(1, self.tokens)
        return {
            "requests": self.requests,
            "prompt_tokens": self.tokens,
            "reused": round(self.reused / tokens, 4),
            "across_heads": round(self.across / tokens, 4),
        }


@dataclass(slots=True)
class PrefixMeter:
    """Measures how much of each prompt a prefix cache has seen, in the order of the requests.

    The cache is as large as it needs to be. Pictures count with their tokens and are known when
    the same picture stood in the same place.

    Attributes
    ----------
    block
        Tokens in a block; vLLM's default.
    """

    counter: TokenCounter = field(default_factory=TokenCounter)
    block: int = 16
    stages: dict[str, Shares] = field(default_factory=dict)
    _seen: dict[bytes, object] = field(default_factory=dict)

    def add(self, request: Request, head: object) -> None:
        """Take the next request, which is about that head."""
        tokens = list(self._flat(request))
        shares = self.stages.setdefault(request.stage, Shares())
        shares.requests += 1
        shares.tokens += len(tokens)
        prefix = request.model.encode()
        knows = knows_others = True
        for start in range(0, len(tokens) - self.block + 1, self.block):
            chunk = repr(tokens[start : start + self.block]).encode("utf-8", "surrogatepass")
            prefix = blake2b(prefix + chunk, digest_size=12).digest()
            owner = self._seen.get(prefix)
            knows = knows and owner is not None
            knows_others = knows_others and owner is not None and owner != head
            shares.reused += self.block * knows
            shares.across += self.block * knows_others
            if owner is None:
                self._seen[prefix] = head
            elif owner != head:
                self._seen[prefix] = _MANY

    def report(self) -> dict[str, Any]:
        """Give the shares by stage and in all."""
        total = Shares()
        counts: Counter[str] = Counter()
        for shares in self.stages.values():
            for name in ("requests", "tokens", "reused", "across"):
                counts[name] += getattr(shares, name)
        total.requests, total.tokens = counts["requests"], counts["tokens"]
        total.reused, total.across = counts["reused"], counts["across"]
        return {
            **total.as_dict(),
            "counted": "tokenizer" if self.counter.is_exact else "estimated",
            "stages": {stage: shares.as_dict() for stage, shares in self.stages.items()},
        }

    def _flat(self, request: Request) -> Iterator[object]:
        before = ""
        for role, kind, value in parts(request):
            if role != before:
                yield from (f"<{role}>",) * PER_MESSAGE
                before = role
            if kind == "image":
                yield from (f"image {value}",) * self.counter.picture
            else:
                yield from self.counter.ids(value)


_MANY = object()  # more than one head


def _load(path: Path) -> Any:
    from tokenizers import Tokenizer

    file = path / "tokenizer.json" if path.is_dir() else path
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing narrower
        raise InputError(
            f"cannot be read as a tokenizer: {error}",
            file=str(file),
            fix="give a tokenizer.json, or the model's folder that holds one",
        ) from None
    tokenizer.no_truncation()  # embedding models' files cut everything to 128 tokens
    tokenizer.no_padding()
    return tokenizer
