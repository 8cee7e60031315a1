"""What the pipelines share: how they are set up, how they ask, how heads stream through them.

A pipeline is an async function of one head. It asks through a `generation.runner.Session`, which
bounds what is in flight and stores what comes back; many heads are worked on at once::

    miko = Miko(MikoOptions(model="m"))
    async with Session(backend, store) as session:
        async for rows in generate(session, miko, heads, run="2024-11-05"):
            transaction.add(rows)
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

from generation import turns
from generation.harvest import Found, Harvest, Sheaf, Tally
from generation.prompt import Prompt
from generation.prompting import Prompts, load_prompts
from generation.replies import Bad
from generation.requests import TRANSIENT, Failure, Outcome, Reason, Request, Schema
from generation.runner import Session
from generation.tails import Bounds, Told, clean_tail
from schema.errors import IntentKGError, UnknownRelationError, UsageError
from schema.records import Rows
from schema.relations import Family, Relation, for_head, get

_BATCH = 4096  # rows


class Asking(Protocol):
    """Answers requests: a session, or a dry run."""

    async def ask(self, request: Request, *, again: bool = False) -> Outcome:
        """Answer one."""

    async def mark(
        self, request: Request, reason: Reason | None = "unparseable", message: str = ""
    ) -> None:
        """Mark its reply as not usable, or (None) as usable after all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a pipeline is set up; each has more of its own.

    Attributes
    ----------
    model
        The model of every stage that `models` does not name.
    models
        Model by stage.
    parameters
        Sampling parameters by stage, laid over the pipeline's own.
    prompts
        The prompts; None: those that come with IntentKG.
    relations
        Names of the relations to ask for; None: all.
    samples
        How often each question is put.
    images
        False: text only.
    structured
        Hold replies to a JSON schema. Without it the papers' own forms are asked for.
    system_role
        False for models whose chat template has no system message.
    bounds
        How long a tail may be.
    """

    model: str
    models: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    prompts: Prompts | None = None
    relations: Sequence[str] | None = None
    samples: int = 1
    images: bool = True
    structured: bool = True
    system_role: bool = True
    bounds: Bounds = field(default_factory=Bounds)


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no usable reply.

    Attributes
    ----------
    passing
        Nothing was learnt about the request: a later run asks it again.
    """

    reason: Reason

    @property
    def passing(self) -> bool:
        """See above."""
        return self.reason in TRANSIENT or self.reason == "missing"


class Pipeline[H]:
    """Base of the pipelines.

    Raises
    ------
    UsageError
        If the options name a stage that the pipeline does not have.
    UnknownRelationError
        If they name a relation that its heads do not have.
    """

    name: ClassVar[str]
    head_type: ClassVar[str]
    family: ClassVar[Family]
    # Sampling parameters by stage, as in the published systems.
    stages: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType({})

    def __init__(self, options: Options) -> None:
        self._base = options
        for stage in (*options.models, *options.parameters):
            if stage not in self.stages:
                raise UsageError(
                    f"{self.name} has no stage {stage!r}",
                    fix=f"its stages are: {', '.join(self.stages)}",
                )
        if options.samples < 1:
            raise UsageError(f"{options.samples} samples cannot be drawn", fix="ask for 1 or more")
        self.prompts = options.prompts or load_prompts()
        self.relations = self._chosen(options.relations)
        self.form = "json" if options.structured else "text"

    async def work(self, asking: Asking, head: H) -> Harvest:
        """Ask about one head."""
        raise NotImplementedError

    @property
    def source(self) -> str:
        """Source of the evidence."""
        return self.name

    def model(self, stage: str) -> str:
        """Name the model of a stage."""
        return self._base.models.get(stage, self._base.model)

    def request(
        self,
        stage: str,
        prompt: Prompt,
        fields: Mapping[str, str | None],
        *,
        choose: Mapping[str, str] | None = None,
        schema: Schema | None = None,
        sample: int = 0,
        accept_cut_off: bool = False,
    ) -> Request:
        """Make the request of a stage; `schema` is left out where replies are not held to one."""
        messages = prompt.messages(fields, choose=choose, system_role=self._base.system_role)
        return Request(
            self.model(stage),
            messages,
            {**self.stages[stage], **self._base.parameters.get(stage, {})},
            schema if self._base.structured else None,
            sample,
            f"{self.name}.{stage}",
            accept_cut_off,
        )

    async def read[T](
        self,
        asking: Asking,
        request: Request,
        parse: Callable[[str], T | Bad],
        harvest: Harvest,
    ) -> T | Missing:
        """Ask, and parse the reply; one that does not parse is marked in the store.

        A reply that an earlier version could not parse is tried anew before it is asked for again.
        """
        outcome = await asking.ask(request)
        was_marked = False
        if isinstance(outcome, Failure):
            reply = outcome.reply
            was_marked = outcome.reason in ("unparseable", "refusal")
            if not was_marked or reply is None or reply.finish_reason in _DECLINED:
                harvest.fail(request, outcome.reason)
                return Missing(outcome.reason)
            outcome = reply
        parsed = parse(outcome.text)
        if isinstance(parsed, Bad):
            if not was_marked:
                await asking.mark(request, parsed.reason, parsed.message)
            harvest.fail(request, parsed.reason)
            return Missing(parsed.reason)
        if was_marked:
            await asking.mark(request, None)
        return parsed

    def keep(
        self,
        harvest: Harvest,
        relation: Relation,
        text: str,
        told: Told,
        request: Request,
        prompt: Prompt,
        images: Sequence[str] = (),
    ) -> Found | None:
        """Clean one text; what can be kept is added to the harvest, the rest is counted."""
        tail, reason = clean_tail(text, relation, told=told, bounds=self._base.bounds)
        if reason is None and not harvest.is_new(relation, tail):
            reason = "duplicate"
        if reason is not None:
            harvest.discarded[relation.name, reason] += 1
            return None
        found = Found(relation, tail, request.model, prompt.hash, request.key, tuple(images))
        harvest.found.append(found)
        return found

    def _chosen(self, names: Sequence[str] | None) -> tuple[Relation, ...]:
        known = [
            relation
            for relation in for_head(self.head_type)
            if relation.family is self.family and not relation.import_only
        ]
        if names is None:
            return tuple(known)
        if not names:
            raise UsageError("no relation was chosen", fix="name some, or leave the choice out")
        wanted = [get(name, self.family) for name in names]
        if strangers := [relation.name for relation in wanted if relation not in known]:
            raise UnknownRelationError(
                f"{strangers[0]} is read from published files and never generated",
                fix=f"choose from: {', '.join(relation.name for relation in known)}",
            )
        return tuple(relation for relation in known if relation in wanted)


_DECLINED = ("refusal", "content_filter")


async def generate[H](
    session: Session,
    pipeline: Pipeline[H],
    heads: Iterable[H] | AsyncIterable[H],
    *,
    run: str,
    source: str | None = None,
    tally: Tally | None = None,
    batch_rows: int = _BATCH,
    window: int | None = None,
) -> AsyncGenerator[Rows]:
    """Send heads through a pipeline; yields rows for the table of assertions as they come.

    Memory does not grow with the number of heads. Requests of heads that were begun earlier go
    first. Heads come out in the order in which they are done; what is known from the store costs
    nothing and comes first.

    Parameters
    ----------
    run
        Name of the run, for the evidence.
    source
        Source of the evidence; None: the pipeline's own.
    tally
        Takes the figures.
    batch_rows
        A batch is handed on when it has that many rows.
    window
        Heads that are worked on at once; None: what keeps the session busy.

    Raises
    ------
    IntentKGError
        What ended the run, after the rows of all heads that could still be finished.
    """
    sheaf = Sheaf(source or pipeline.source, run)
    tally = Tally() if tally is None else tally
    ended: IntentKGError | None = None

    async def work(head: H) -> Harvest:
        try:
            return await pipeline.work(session, head)
        except IntentKGError:
            tally.begun += turns.current().sent > 0
            raise

    async with aclosing(session.map(work, heads, window=window)) as pairs:
        while True:
            try:
                _, harvest = await anext(pairs)
            except StopAsyncIteration:
                break
            except IntentKGError as error:
                ended = error
                break
            tally.add(harvest)
            sheaf.add(harvest, datetime.now(UTC))
            if len(sheaf) >= batch_rows:
                yield sheaf.take()
    if len(sheaf):
        yield sheaf.take()
    if ended:
        raise ended
