"""What is looked at before the first request that counts: the models, with one tiny request each.

The tiny request shows a picture if the run will, and asks for a reply in a schema if the run will.
It goes through the session like any other, as a stage of its own: it is counted, stored, and known
when the same run goes on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from generation.backends import Backend
from generation.estimate import DryRun
from generation.loose_json import find_json, without_thoughts
from generation.pipeline import Pipeline
from generation.requests import Failure, Image, Images, Reply, Request, image, system, user
from generation.runner import Session
from schema.errors import (
    BackendError,
    ModelNotFoundError,
    RequestFailedError,
    UnsupportedError,
)

STAGE = "preflight"
_SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string", "enum": ["yes", "no"]}},
    "required": ["answer"],
    "additionalProperties": False,
}
_ROOM = 64  # tokens of the answer
_LENGTHS = ("max_tokens", "max_completion_tokens", "min_tokens")
_SHOWN = 12  # names of models in a message


@dataclass(slots=True)
class Need:
    """What the stages that share a backend and a model will ask of it.

    Attributes
    ----------
    stage
        Under which the tiny request goes through the session: ``preflight``, or with a stage's
        name behind it where that stage has a backend of its own.
    stages
        The stages in question.
    parameters
        Sampling parameters of the first of them: a server that refuses one says so here.
    """

    backend: Backend
    model: str
    stage: str
    images: bool = False
    schema: bool = False
    stages: list[str] = field(default_factory=list)
    parameters: Mapping[str, Any] = field(default_factory=dict)


async def needs[H](
    pipeline: Pipeline[H],
    heads: Iterable[H],
    backend: Backend,
    routes: Mapping[str, Backend] | None = None,
) -> list[Need]:
    """Say what the models of a pipeline will be asked for, judging by some heads.

    Parameters
    ----------
    routes
        Backends of single stages, as the session has them.
    """
    dry = DryRun(requests=[])
    for head in heads:
        await pipeline.work(dry, head)
    found: dict[tuple[int, str], Need] = {}
    for request in dry.requests or []:
        own = (routes or {}).get(request.stage)
        used = own or backend
        name = f"{STAGE}.{request.stage.rpartition('.')[2]}" if own else STAGE
        new = Need(used, request.model, name, parameters=request.parameters)
        need = found.setdefault((id(used), request.model), new)
        need.images |= bool(request.images)
        need.schema |= request.reply_schema is not None
        if request.stage not in need.stages:
            need.stages.append(request.stage)
    return list(found.values())


async def look(session: Session, wanted: Iterable[Need]) -> list[str]:
    """Put one tiny request to each backend and model; returns what a person should know.

    The session's images have to know `with_probe`'s picture.

    Raises
    ------
    ModelNotFoundError, AuthenticationError, ServerUnreachableError
        As the server says.
    UnsupportedError
        If a model does not take images, or replies in no schema, and the run needs it to.
    BackendError
        If the request failed otherwise.
    """
    told: list[str] = []
    for need in wanted:
        names = await _names(need.backend)
        try:
            outcome = await session.ask(_request(need), early=True)
        except ModelNotFoundError as error:
            if names:
                shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
                error.fix = f"give one that it has with --model: {shown}"
            raise
        told += _judge(need, outcome)
    return told


@cache
def probe() -> tuple[str, Image]:
    """Make the picture that is shown: its digest and its bytes."""
    import io

    from PIL import Image as Pillow

    data = io.BytesIO()
    Pillow.new("RGB", (64, 64), (200, 30, 30)).save(data, "PNG")
    return hashlib.sha256(data.getvalue()).hexdigest(), Image("image/png", data.getvalue())


def with_probe(images: Images) -> Images:
    """Give a function that also knows the picture of the tiny request."""

    def load(name: str) -> Image:
        known, picture = probe()
        return picture if name == known else images(name)

    return load


def _request(need: Need) -> Request:
    # The backend's name is in it, so that another server is looked at too.
    parts: list[Any] = [f"A test of {need.backend.name} before a run."]
    if need.images:
        parts.append(image(probe()[0]))
    parts.append("Is there a picture in this message?")
    parameters = {k: v for k, v in need.parameters.items() if k not in _LENGTHS}
    form = '{"answer": "yes"} or {"answer": "no"}' if need.schema else "yes or no"
    return Request(
        need.model,
        [system(f"Reply with {form} and nothing else."), user(*parts)],
        {**parameters, "max_tokens": _ROOM},
        _SCHEMA if need.schema else None,
        stage=need.stage,
    )


def _judge(need: Need, outcome: Reply | Failure) -> list[str]:
    who = f"model {need.model!r} at {need.backend.name}"
    if isinstance(outcome, Failure):
        if outcome.reason in ("cut_off", "refusal"):
            return [f"{who} gave no whole answer to the test: {outcome.message}"]
        raise BackendError(
            f"{who} failed at the test before the run: {outcome.message}",
            fix="see that the server is well, then run the same command again; --no-preflight "
            "leaves the test out",
        )
    if not need.schema:
        return []
    told = find_json(without_thoughts(outcome.text))
    if isinstance(told, dict) and "answer" in told:
        return []
    if isinstance(told, dict):
        return [f"{who} answered the test with JSON, but not in the schema that was asked for"]
    said = " ".join(outcome.text.split())[:80]
    if need.backend.capabilities().reply_schema is False:
        return [f"{who} is not held to a schema; it answered the test with {said!r}"]
    raise UnsupportedError(
        f"{who} does not hold replies to a schema: asked for one, it answered {said!r}",
        fix="use a server that does (vLLM, Ollama, LM Studio, llama.cpp), or --no-structured: "
        "replies are then asked for as plain text; --no-preflight leaves this test out",
    )


async def _names(backend: Backend) -> list[str]:
    """Ask for the models that a server has; this costs nothing."""
    ask = getattr(backend, "models", None)
    if ask is None:
        return []
    try:
        names: list[str] = await ask()
    except RequestFailedError:  # it does not say; the tiny request will tell more
        return []
    return names
