"""Who answers each stage of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intentkg.generating.settings import Settings, stage_name
from schema.errors import UsageError

if TYPE_CHECKING:
    from generation.backends import Backend, Capabilities
    from generation.pipeline import Pipeline
    from generation.requests import Image, Reply, Request


@dataclass(slots=True)
class Servers:
    """The backends of a run, each opened once however many stages it answers.

    Attributes
    ----------
    backend
        Answers the stages that `routes` does not name.
    routes
        Backend by stage, as requests name it (``mind.filter``).
    """

    backend: Backend
    routes: dict[str, Backend] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Names of the backends, for people."""
        return list(dict.fromkeys(one.name for one in (self.backend, *self.routes.values())))

    async def aclose(self) -> None:
        """Close all of them."""
        for one in {id(one): one for one in (self.backend, *self.routes.values())}.values():
            await one.aclose()


class Nobody:
    """Stands where no server is named: enough for a run whose answers are all known."""

    name = "no server"

    def capabilities(self) -> Capabilities:
        """Nothing is known."""
        from generation.backends import Capabilities

        return Capabilities()

    async def complete(self, request: Request, images: Sequence[Image]) -> Reply:
        """Say that a server has to be named."""
        from generation.backends.openai import no_address

        raise no_address()

    async def count_tokens(self, request: Request) -> int | None:
        """Count nothing."""
        return None

    async def aclose(self) -> None:
        """Nothing is open."""


def open_servers(settings: Settings, pipeline: Pipeline[Any]) -> Servers:
    """Open who answers.

    Raises
    ------
    UsageError, MissingExtraError, ModelNotFoundError, AuthenticationError
        As the backends do.
    """
    from generation.backends import open_backend

    opened: dict[tuple[str, str], Backend] = {}

    def opening(stage: str) -> Backend:
        name, options = _options(settings, stage, pipeline.model(stage))
        key = name, repr(sorted(options.items()))
        if key not in opened:
            opened[key] = Nobody() if name == "nobody" else open_backend(name, **options)
        return opened[key]

    for given in (settings.backends, settings.base_urls):
        for stage in given:
            stage_name(settings, stage)
    by_stage = {stage: opening(stage) for stage in _used(pipeline)}
    # Who answers the stages that nothing was said about takes the bounds that were given.
    plain = [stage for stage in by_stage if not _is_own(settings, stage)]
    first = by_stage[plain[0]] if plain else next(iter(by_stage.values()))
    return Servers(
        first,
        {f"{pipeline.name}.{stage}": one for stage, one in by_stage.items() if one is not first},
    )


def _used(pipeline: Pipeline[Any]) -> list[str]:
    """Stages that may ask at all: with a critic, or nobody, the filter does not."""
    judged = getattr(getattr(pipeline, "options", None), "filter", "role") == "role"
    return [stage for stage in pipeline.stages if stage != "filter" or judged]


def _options(settings: Settings, stage: str, model: str) -> tuple[str, dict[str, Any]]:
    """Give the name and the options of the backend of a stage."""
    name = _own(settings, settings.backends, stage) or settings.backend
    _check(settings, stage, name)
    address = _own(settings, settings.base_urls, stage) or settings.base_url
    options = dict(settings.backend_options) if name == settings.backend else {}
    if name == "openai":
        from generation.backends.openai import find_address

        if find_address(address) is None:
            return "nobody", {}
        options |= {"base_url": address, "api_key_env": settings.api_key_env}
        options["structured"] = settings.structured
    elif name == "replay":
        if settings.from_store is None:
            raise UsageError(
                "replay needs a record to answer from",
                fix="give --from-store FILE: a requests.sqlite, or a record in JSON lines",
            )
        options["path"] = Path(settings.from_store)
    else:
        options["model"] = model
    return name, options


def _check(settings: Settings, stage: str, name: str) -> None:
    """See that nothing was said that the backend has no use for."""
    used = {settings.backend, *settings.backends.values()}
    if _own(settings, settings.base_urls, stage) and name != "openai":
        raise UsageError(
            f"stage {stage!r} has an address, but backend {name!r} has none",
            fix="leave out the address, or use the backend 'openai' for that stage",
        )
    if settings.base_url and "openai" not in used:
        raise UsageError(
            f"backend {name!r} has no address",
            fix="leave out --base-url, or use --backend openai",
        )
    if settings.from_store and "replay" not in used:
        raise UsageError(
            f"backend {name!r} does not answer from a record",
            fix="leave out --from-store, or use --backend replay",
        )


def _is_own(settings: Settings, stage: str) -> bool:
    return any(_own(settings, given, stage) for given in (settings.backends, settings.base_urls))


def _own(settings: Settings, given: Mapping[str, str], stage: str) -> str | None:
    return given.get(stage) or given.get(f"{settings.pipeline}.{stage}")
