"""All that can be chosen about a run, and the pipeline that it makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intentkg.generating.apprentice import STUDENT, is_meant, make_apprentice
from intentkg.generating.parameters import check_parameters
from intentkg.option_names import check_names
from schema.errors import UsageError

if TYPE_CHECKING:
    from generation.budget import Budget
    from generation.pipeline import Pipeline
    from generation.prompting import Prompts
    from kg.heads import HeadKind

_THRESHOLD = 0.8  # MIND's, for FolkScope's critic

PIPELINES = ("miko", "mind", "critic")

# What only one of the pipelines has, by its name here and on the command line.
_OWN = {
    "miko": {"one_each": "--one-each", "language": "--language"},
    "mind": {"pictures": "--pictures", "visual_cues": "--no-visual-cues", "filter": "--filter"},
    "critic": {"rescore": "--rescore"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One run.

    Attributes
    ----------
    pipeline
        ``miko`` (over posts), ``mind`` (over co-buys) or ``critic`` (a judge, over intentions).
    model, models
        Name of the model, and by stage where another one is to be asked.
    backend, backends
        Who answers (see `generation.backends`), and by stage.
    base_url, base_urls
        Address of an OpenAI-compatible server, and by stage.
    api_key_env
        Environment variable that holds the key; the key itself is never stored.
    backend_options
        The backend's own options by name.
    from_store
        What ``replay`` answers from.
    sources, heads, limit
        Which heads: of these sources, of these ids, so many at most.
    relations, samples, parameters
        Which relations are asked for, how often, with which sampling parameters by stage
        (the stage ``""`` is all of them).
    prompts
        Folder with prompts of one's own, or prompts already read.
    images
        False: text only.
    structured
        How replies in a schema are asked for: ``auto``, one of the OpenAI backend's ways, or
        ``none``: not at all, the papers' own forms are asked for.
    system_role
        False for models whose chat template knows no system message.
    one_each, language
        MIKO: one request for each relation; the language to write in.
    filter, critic, threshold, visual_cues, pictures
        MIND: see `generation.mind.MindOptions`. A critic that is to judge and is not given is the
        one that comes with IntentKG; the threshold is by default the critic's own, else 0.8.
    rescore
        Judge: also intentions that others have scored.
    concurrency, requests_per_minute, tokens_per_minute
        Bounds on what is in flight and per minute, at the backend of the stages that have none
        of their own.
    budget, prices
        Most that the run may spend (text, or a `Budget`); the price file.
    retry_failed
        Ask again what has failed in an earlier run.
    run
        Name of the run, for the evidence; None: the pipeline and the time.
    evidence_source
        Source of the evidence; None: the pipeline's name, and the filter's where another model
        judges.
    preflight
        Test the models with one tiny request each first.
    commit_rows
        So many rows go into the assertions at once.
    """

    pipeline: str
    model: str | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    backend: str = "openai"
    backends: Mapping[str, str] = field(default_factory=dict)
    base_url: str | None = None
    base_urls: Mapping[str, str] = field(default_factory=dict)
    api_key_env: str | None = None
    backend_options: Mapping[str, Any] = field(default_factory=dict)
    from_store: Path | str | None = None
    sources: Sequence[str] = ()
    heads: Sequence[str] = ()
    limit: int | None = None
    relations: Sequence[str] | None = None
    samples: int = 1
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    prompts: Path | str | Prompts | None = None
    images: bool = True
    structured: str = "auto"
    system_role: bool = True
    one_each: bool = False
    language: str | None = None
    filter: str = "role"
    critic: Any = None
    threshold: float | None = None
    visual_cues: bool = True
    pictures: str = "parts"
    concurrency: int | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    budget: str | Budget | None = None
    prices: Path | str | None = None
    retry_failed: bool = False
    run: str | None = None
    evidence_source: str | None = None
    preflight: bool = True
    commit_rows: int = 100_000
    rescore: bool = False

    @property
    def head_kind(self) -> HeadKind:
        """What the pipeline's heads are."""
        return "Post" if self.pipeline == "miko" else "CoBuy"


def settle(pipeline: str, **options: Any) -> Settings:
    """Make settings of options by name.

    Raises
    ------
    UsageError
        For an option or a pipeline that does not exist.
    """
    check_names(options, Settings)
    if pipeline not in PIPELINES:
        raise UsageError(
            f"there is no pipeline {pipeline!r}", fix=f"use one of: {', '.join(PIPELINES)}"
        )
    if options.get("backend") is None:
        options["backend"] = STUDENT if is_meant(pipeline, options) else "openai"
    return Settings(pipeline=pipeline, **options)


def make_pipeline(settings: Settings) -> Pipeline[Any]:
    """Make the pipeline; see `generation.pipeline.Pipeline` for what can be wrong.

    Raises
    ------
    UsageError
        If the settings do not fit it, or each other.
    """
    from generation.miko import Miko, MikoOptions
    from generation.mind import Mind, MindOptions
    from generation.pipeline import Options

    _check_limit(settings)
    if settings.backend == STUDENT:
        critic = _critic(settings)
        return make_apprentice(settings, critic, _threshold(settings, critic))
    _check(settings)
    check_parameters(settings.parameters)
    kind = _kind(settings)
    common: dict[str, Any] = {
        "model": settings.model,
        "models": _by_stage(settings, kind, settings.models),
        "parameters": _parameters(settings, kind),
        "prompts": _prompts(settings),
        "relations": settings.relations,
        "samples": settings.samples,
        "images": settings.images,
        "structured": settings.structured != "none",
        "system_role": settings.system_role,
    }
    if settings.pipeline == "miko":
        return Miko(
            MikoOptions(**common, together=not settings.one_each, language=settings.language)
        )
    if settings.pipeline == "critic":
        return kind(Options(**common))  # type: ignore[no-any-return]
    critic = _critic(settings)
    return Mind(
        MindOptions(
            **common,
            pictures=settings.pictures,  # type: ignore[arg-type]  # checked there
            visual_cues=settings.visual_cues,
            filter=settings.filter,  # type: ignore[arg-type]
            critic=critic,
            threshold=_threshold(settings, critic),
        )
    )


def _kind(settings: Settings) -> Any:
    """Give the pipeline's class."""
    from generation.judge import Judge
    from generation.miko import Miko
    from generation.mind import Mind

    if settings.backend == STUDENT:
        from generation.student.pipeline import Apprentice

        return Apprentice
    return {"miko": Miko, "mind": Mind, "critic": Judge}[settings.pipeline]


def _critic(settings: Settings) -> Any:
    """Give the critic that is to judge in the filter's place, if one is."""
    if settings.filter != "critic" or settings.critic is not None:
        return settings.critic
    from generation.critic import load_critic

    return load_critic()


def _threshold(settings: Settings, critic: Any) -> float:
    """Give the score from which a critic accepts: the person's, the critic's own, or MIND's."""
    if settings.threshold is not None:
        return settings.threshold
    return float(getattr(critic, "threshold", _THRESHOLD))


def _check_limit(settings: Settings) -> None:
    if settings.limit is not None and settings.limit < 1:
        raise UsageError(f"a limit of {settings.limit} leaves no heads", fix="give 1 or more")


def _check(settings: Settings) -> None:
    if not settings.model:
        raise UsageError(
            "no model is named", fix="give --model NAME, as the server or engine knows it"
        )
    default = Settings(pipeline=settings.pipeline)
    for other, options in _OWN.items():
        for name, option in options.items() if other != settings.pipeline else ():
            if getattr(settings, name) != getattr(default, name):
                raise UsageError(
                    f"{settings.pipeline} has no option {option} (in Python {name})",
                    fix=f"leave it out, or use --pipeline {other}",
                )


def _by_stage(settings: Settings, kind: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Take stages by their full names (``mind.filter``) too."""
    return {_stage(settings, kind, name): value for name, value in given.items()}


def stage_name(settings: Settings, name: str) -> str:
    """Give a stage's name within its pipeline.

    Raises
    ------
    UsageError
        If the pipeline has no such stage.
    """
    return _stage(settings, _kind(settings), name)


def _stage(settings: Settings, kind: Any, name: str) -> str:
    bare = name.removeprefix(f"{settings.pipeline}.")
    if bare not in kind.stages:
        raise UsageError(
            f"{settings.pipeline} has no stage {name!r}",
            fix=f"its stages are: {', '.join(kind.stages)}",
        )
    return bare


def _parameters(settings: Settings, kind: Any) -> dict[str, dict[str, Any]]:
    everywhere = dict(settings.parameters.get("", {}))
    found = {stage: dict(everywhere) for stage in kind.stages} if everywhere else {}
    for name, values in settings.parameters.items():
        if name:
            found.setdefault(_stage(settings, kind, name), {}).update(values)
    return found


def _prompts(settings: Settings) -> Prompts | None:
    from generation.prompting import load_prompts

    given = settings.prompts
    return load_prompts(given) if isinstance(given, str | Path) else given
