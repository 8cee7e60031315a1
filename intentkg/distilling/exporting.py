"""Heads and evidence of a knowledge base, as instruction data in files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intentkg.generating.heads import as_heads
from intentkg.generating.running import STORE
from intentkg.generating.settings import Settings, settle
from intentkg.option_names import check_names
from kg.asserted import Asserted
from kg.directory import Directory
from queries.filters import EdgeFilter
from schema.errors import UsageError

if TYPE_CHECKING:
    from generation.distill.chosen import Choice
    from generation.distill.export import Exported
    from generation.distill.known import Known
    from generation.distill.rows import Row

FORMS = ("pipeline", "paper")
PIPELINES = ("miko", "mind")

type OnProgress = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What is exported.

    Attributes
    ----------
    pipelines
        Whose heads: ``miko`` (posts), ``mind`` (co-buys).
    form
        ``pipeline``: the questions that ``intentkg generate`` asks; ``paper``: those of MIKO's
        section 5.3 and MIND's appendix D.
    stages
        Which stages are taught (see `generation.distill.rows.STAGES`).
    relations, min_plausibility, min_typicality, accepted
        Which tails (see `generation.distill.chosen.Choice`).
    sources, models
        Only evidence from these.
    limit
        So many heads of each pipeline at most, by their ids.
    one_each, language, structured, system_role, prompts
        As `intentkg.generating.settings.Settings` has them: the student is asked the same way.
    validation, test
        Shares of the heads that are kept from the training.
    """

    pipelines: Sequence[str] = PIPELINES
    form: str = "pipeline"
    stages: Sequence[str] = ("key_information", "features", "intentions")
    relations: Sequence[str] = ()
    min_plausibility: float | None = None
    min_typicality: float | None = None
    accepted: bool | None = None
    sources: Sequence[str] = ()
    models: Sequence[str] = ()
    limit: int | None = None
    one_each: bool = False
    language: str | None = None
    structured: bool = True
    system_role: bool = True
    prompts: Path | str | None = None
    validation: float = 0.05
    test: float = 0.05


def settle_export(**options: Any) -> Export:
    """Make an export of options by name, checked.

    Raises
    ------
    UsageError
        For an option or a value that does not exist.
    """
    from generation.distill.rows import STAGES

    check_names(options, Export)
    export = Export(**options)
    for what, given, allowed in (
        ("pipeline", export.pipelines, PIPELINES),
        ("form", (export.form,), FORMS),
        ("stage", export.stages, STAGES),
    ):
        for one in given:
            if one not in allowed:
                raise UsageError(
                    f"there is no {what} {one!r}", fix=f"use one of: {', '.join(allowed)}"
                )
    for name in ("validation", "test"):
        if not 0 <= getattr(export, name) < 1:
            raise UsageError(f"{name} is {getattr(export, name)}", fix="use 0 or more, below 1")
    if export.validation + export.test >= 1:
        raise UsageError(
            "validation and test leave nothing to train on", fix="let them sum to less than 1"
        )
    return export


def export(
    directory: Directory, out: Path, asked: Export, *, progress: OnProgress | None = None
) -> Exported:
    """Write instruction data.

    Parameters
    ----------
    progress
        Called with what is worked on, the pieces of evidence done and those in all.

    Raises
    ------
    UsageError
        If an option is wrong, the folder holds something else, or there is nothing to write.
    """
    from generation.distill.export import check_out, write
    from generation.distill.known import Known

    directory.manifest()
    check_out(out)
    left = Counter[str]()
    with (
        Asserted(directory, sources=asked.sources, models=asked.models) as asserted,
        Known(directory.root / STORE) as known,
    ):
        source = _Source(asserted, known, asked, left, progress or (lambda what, done, total: None))
        return write(
            source.rows(),
            out,
            validation=asked.validation,
            test=asked.test,
            history=asked.form == "paper" and "miko" in asked.pipelines,
            options=_told(asked),
            left_out=left,
        )


class _Source:
    """Rows, head by head, while what is left out is counted."""

    def __init__(
        self,
        asserted: Asserted,
        known: Known,
        asked: Export,
        left: Counter[str],
        progress: OnProgress,
    ) -> None:
        self._asserted = asserted
        self._known = known
        self._asked = asked
        self._left = left
        self._progress = progress
        self._choice = _choice(asked)
        # Options are checked before the first row.
        self._writers = [self._writer(name) for name in dict.fromkeys(asked.pipelines)]

    def rows(self) -> Iterator[Row]:
        """Yield all rows."""
        for settings, work in self._writers:
            yield from self._of(settings, work)
        if (lost := self._asserted.without_head) > 0:
            self._left["post not there, or nothing known of a product"] += lost
        if (alone := self._asserted.count("Product")) and "mind" in self._asked.pipelines:
            self._left["about one product, not a pair"] += alone

    def _of(self, settings: Settings, work: Any) -> Iterator[Row]:
        from generation.distill.chosen import fold

        done, total = 0, self._asserted.count(settings.head_kind)
        what = "posts" if settings.head_kind == "Post" else "co-buys"
        heads = islice(self._asserted.heads(settings.head_kind), self._asked.limit)
        for row, evidence in heads:
            (head,) = as_heads(iter([row]), settings)
            tails = []
            for tail in fold(evidence, work.family):
                why = self._choice.objection(tail)
                if why is None:
                    tails.append(tail)
                else:
                    self._left[why] += 1
            fields = self._known.fields(one["request"] for one in evidence)
            for made in self._made(work, head, tails, evidence, fields):
                if made.stage in self._asked.stages:
                    yield made
            done += len(evidence)
            self._progress(what, done, total)

    def _made(
        self, work: Any, head: Any, tails: Any, evidence: Any, fields: dict[str, str]
    ) -> Iterator[Row]:
        from generation.distill.chosen import judged

        if not hasattr(head, "a"):
            return iter(work.rows(head, tails, fields, self._left))
        verdicts = [
            one for one in judged(evidence, work.family) if self._choice.wants(one.relation)
        ]
        return iter(work.rows(head, tails, verdicts, fields, self._left))

    def _writer(self, pipeline: str) -> tuple[Settings, Any]:
        from generation.distill.pairs import PairRows
        from generation.distill.posts import PostRows
        from intentkg.generating.settings import make_pipeline

        asked = self._asked
        settings = settle(
            pipeline,
            model="student",
            images=False,
            structured="auto" if asked.structured else "none",
            system_role=asked.system_role,
            prompts=asked.prompts,
            **(
                {"one_each": asked.one_each, "language": asked.language}
                if pipeline == "miko"
                else {}
            ),
        )
        options: Any = make_pipeline(settings).options  # type: ignore[attr-defined]
        kind = PostRows if pipeline == "miko" else PairRows
        return settings, kind(options, paper=asked.form == "paper")


def _choice(asked: Export) -> Choice:
    from generation.distill.chosen import Choice

    checked = EdgeFilter.make(
        relations=asked.relations,
        min_plausibility=asked.min_plausibility,
        min_typicality=asked.min_typicality,
        accepted=asked.accepted,
    )
    return Choice(
        relations=checked.relations,
        min_plausibility=checked.min_plausibility,
        min_typicality=checked.min_typicality,
        accepted=checked.accepted,
    )


def _told(asked: Export) -> dict[str, Any]:
    """Give what was asked for, as the report has it."""
    told = {one.name: getattr(asked, one.name) for one in fields(asked)}
    return {
        name: list(value)
        if isinstance(value, tuple | list)
        else str(value)
        if isinstance(value, Path)
        else value
        for name, value in told.items()
    }
