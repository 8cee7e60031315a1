"""What is asked of a model and what comes back: requests, replies, failures, and their identity.

A request's key is the hash of all that can change the reply: model, parameters, messages (with
images by their digest), reply schema and sample number. Two requests with one key are the same
request: it is asked, and paid, once. The stage that asks is not part of the key.

Messages are in the OpenAI chat form, but for images, which stand in them by name::

    {"role": "user", "content": "plain text"}
    {"role": "user", "content": [{"type": "text", "text": "..."}, {"type": "image", "image": REF}]}

REF is the sha256 digest of the stored bytes, or any other name that is a function of such digests
and that the `Images` callable of the run can turn into bytes (say, two images stacked).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

import orjson

from schema.errors import UsageError

type Message = Mapping[str, Any]
type Schema = Mapping[str, Any]

Reason = Literal[
    "transport",  # no connection, dropped, timed out, or a reply that is not HTTP or JSON
    "rate_limit",  # too many requests, and patience ran out
    "server",  # the server failed (5xx)
    "refusal",  # the model, or a content filter before it, declined
    "cut_off",  # the reply reached the token limit
    "unparseable",  # the reply does not have the form that was asked for
    "too_long",  # the request is longer than the model's context
    "bad_request",  # the server refuses this request for another reason
    "missing",  # a replay has no answer to it
]

REASONS: tuple[Reason, ...] = get_args(Reason)

_HASHER = hashlib.blake2b(digest_size=16, person=b"rq")

# The next run asks these again without being told: nothing was learnt about the request.
TRANSIENT: frozenset[Reason] = frozenset({"transport", "rate_limit", "server"})


class Image(NamedTuple):
    """An image as it goes to a model: its media type (``image/jpeg``) and its bytes."""

    media_type: str
    data: bytes


type Images = Callable[[str], Image]


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One question to one model.

    Parameters
    ----------
    model
        The name that the server or engine knows the model by.
    messages
        Chat messages, invariant text first, so that prefix caching works.
    parameters
        Sampling parameters by their OpenAI names: ``temperature``, ``top_p``, ``max_tokens``,
        ``seed``, ``stop``... With a ``seed``, sample `n` is drawn with ``seed + n``.
    reply_schema
        JSON schema that the reply has to follow, or None for free text.
    sample
        Number of this sample among several of the same question, from 0.
    stage
        Which part of a pipeline asks, for counting; not part of the key.
    accept_cut_off
        Take a reply that reached the token limit for a reply (say, a description), and not for
        a failure; not part of the key.

    Examples
    --------
    >>> one = Request("m", [user("Why?")], {"temperature": 0.0})
    >>> two = Request("m", [user("Why?")], {"temperature": 0}, stage="other")
    >>> one.key == two.key
    True
    """

    model: str
    messages: Sequence[Message]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reply_schema: Schema | None = None
    sample: int = 0
    stage: str = ""
    accept_cut_off: bool = False
    _key: str | None = field(default=None, init=False, repr=False)

    @property
    def key(self) -> str:
        """``rq_`` and 32 hexadecimal digits: BLAKE2b over the canonical JSON of the request."""
        if self._key is None:
            hasher = _HASHER.copy()  # quicker than a new one
            hasher.update(self.canonical())
            object.__setattr__(self, "_key", "rq_" + hasher.hexdigest())
        assert self._key is not None
        return self._key

    @property
    def images(self) -> list[str]:
        """Names of the images in the messages, in their order."""
        return [
            part["image"]
            for message in self.messages
            if not isinstance(message["content"], str)
            for part in message["content"]
            if part["type"] == "image"
        ]

    def canonical(self) -> bytes:
        """Give the canonical JSON: sorted keys, whole numbers without a fraction, UTF-8.

        Raises
        ------
        UsageError
            If the request holds anything that JSON or UTF-8 cannot.
        """
        return dumps(
            {
                "messages": self.messages,
                "model": self.model,
                "parameters": {name: _whole(value) for name, value in self.parameters.items()},
                "reply_schema": self.reply_schema,
                "sample": self.sample,
            }
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered.

    Attributes
    ----------
    text
        The answer as it came.
    finish_reason
        ``stop`` or ``length`` (`accept_cut_off` requests only), or the server's other word.
    prompt_tokens, cached_tokens, completion_tokens
        As the server counts them; the cached ones are among the prompt's.
    latency
        Seconds from sending to the last byte.
    price
        In the currency of the price file; None where it names no price for the model.
    served_model
        The model's name as the server reports it, if it does.
    """

    text: str
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    latency: float = 0.0
    price: float | None = None
    served_model: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no usable reply.

    Attributes
    ----------
    reason
        One of `REASONS`.
    message
        What happened, in words.
    tries
        How often it was asked until then, over all runs.
    reply
        The reply that could not be used, if there was one (it was paid).
    """

    reason: Reason
    message: str
    tries: int = 1
    reply: Reply | None = None


type Outcome = Reply | Failure


def dumps(value: Any) -> bytes:
    """Write canonical JSON: keys sorted, no white space, UTF-8.

    Raises
    ------
    UsageError
        If the value holds anything that JSON or UTF-8 cannot.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=_plain)
    except (TypeError, orjson.JSONEncodeError) as error:
        raise UsageError(
            f"a request cannot be written as JSON: {error}",
            fix="use text, numbers, lists and dictionaries; text must be valid Unicode",
        ) from None


def system(*parts: str | Mapping[str, Any]) -> Message:
    """Make a system message."""
    return _message("system", parts)


def user(*parts: str | Mapping[str, Any]) -> Message:
    """Make a user's message from texts and images, in that order.

    Examples
    --------
    >>> user("What is it?")
    {'role': 'user', 'content': 'What is it?'}
    """
    return _message("user", parts)


def image(ref: str) -> Mapping[str, str]:
    """Make the part of a message that stands for an image."""
    return {"type": "image", "image": ref}


def _message(role: str, parts: Sequence[str | Mapping[str, Any]]) -> Message:
    if len(parts) == 1 and isinstance(parts[0], str):
        return {"role": role, "content": parts[0]}
    content = [{"type": "text", "text": p} if isinstance(p, str) else p for p in parts]
    return {"role": role, "content": content}


def _whole(value: Any) -> Any:
    """Make 1 of 1.0, as far as floats tell whole numbers apart."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"Type is not JSON serializable: {type(value).__name__}")
