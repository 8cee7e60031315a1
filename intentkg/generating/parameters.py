"""Sampling parameters: a wrong value is told before it is sent and stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from schema.errors import UsageError

type _Check = tuple[str, Callable[[Any], bool]]


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(low: float, high: float) -> _Check:
    return f"a number from {low:g} to {high:g}", lambda v: _is_number(v) and low <= v <= high


def _whole(low: int) -> _Check:
    return f"a whole number from {low} on", lambda v: _is_whole(v) and v >= low


def _is_stop(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, str) for one in value)
    return isinstance(value, str)


_SEED: _Check = ("a whole number", _is_whole)
_TRUTH: _Check = ("true or false", lambda v: isinstance(v, bool))
_OBJECT: _Check = ("a JSON object", lambda v: isinstance(v, dict))
_TEXT: _Check = ("text", lambda v: isinstance(v, str))

# What servers commonly know, and what they take.
_KNOWN: Mapping[str, _Check] = {
    "temperature": _number(0, 2),
    "top_p": _number(0, 1),
    "min_p": _number(0, 1),
    "typical_p": _number(0, 1),
    "top_k": _whole(-1),
    "max_tokens": _whole(1),
    "max_completion_tokens": _whole(1),
    "min_tokens": _whole(0),
    "seed": _SEED,
    "presence_penalty": _number(-2, 2),
    "frequency_penalty": _number(-2, 2),
    "repetition_penalty": _number(0, 10),
    "length_penalty": _number(-10, 10),
    "stop": ("text, or a list of texts", _is_stop),
    "logit_bias": _OBJECT,
    "chat_template_kwargs": _OBJECT,
    "reasoning_effort": _TEXT,
    "verbosity": _TEXT,
    "service_tier": _TEXT,
    "user": _TEXT,
    "priority": _SEED,
    "ignore_eos": _TRUTH,
    "skip_special_tokens": _TRUTH,
    "logprobs": _TRUTH,
    "top_logprobs": _whole(0),
}

# What is not a parameter of sampling here, and what to use instead.
_OURS: Mapping[str, str] = {
    "n": "--samples N puts each question N times",
    "model": "use --model, or --stage-model STAGE=NAME",
    "messages": "use prompts of your own: --prompts DIR",
    "stream": "leave it out: replies are read whole",
    "response_format": "use --structured",
}


def check_parameters(given: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Check sampling parameters by stage.

    Returns
    -------
    What a person should know: names that may be typing errors. They are sent nevertheless, for
    servers have parameters of their own.

    Raises
    ------
    UsageError
        For a value that no server takes, and for what IntentKG sets itself.
    """
    told: dict[str, None] = {}
    for values in given.values():
        for name, value in values.items():
            if name in _OURS:
                raise UsageError(f"{name!r} cannot be set with --param", fix=_OURS[name])
            if name in _KNOWN:
                wanted, fits = _KNOWN[name]
                if not fits(value):
                    raise UsageError(
                        f"parameter {name} is {value!r}, but has to be {wanted}",
                        fix=f"write --param {name}=VALUE with {wanted}",
                    )
                continue
            close = get_close_matches(name, _KNOWN, n=1)
            meant = f"; did you mean {close[0]!r}?" if close else ""
            told[
                f"parameter {name!r} is not one that is commonly known, and is sent as it is{meant}"
            ] = None
    return list(told)
