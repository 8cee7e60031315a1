"""The student in a model's place: which settings mean it, and which heads it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from schema.errors import IntentKGError, UnknownRelationError, UsageError

if TYPE_CHECKING:
    from generation.student.pipeline import Apprentice
    from intentkg.generating.settings import Settings
    from kg.directory import Directory

STUDENT = "student"
WRITES = ("miko", "mind")  # whose heads it can take

# What only a model that is asked has a use for, by its name in the settings.
_ASKED = {
    "models": "--stage-model",
    "backends": "--stage-backend",
    "base_url": "--base-url",
    "base_urls": "--stage-base-url",
    "from_store": "--from-store",
    "parameters": "--param",
    "prompts": "--prompts",
    "one_each": "--one-each",
    "language": "--language",
    "visual_cues": "--no-visual-cues",
    "pictures": "--pictures",
    "structured": "--structured",
    "system_role": "--no-system-role",
}
# What says that a model is meant, where no backend is named.
_NAMING = ("model", "models", "backends", "base_url", "base_urls", "from_store", "prompts")


def is_meant(pipeline: str | None, options: dict[str, Any]) -> bool:
    """See whether the student is meant: no backend is named, and nothing that a model needs."""
    named = any(options.get(name) for name in _NAMING)
    return options.get("backend") is None and not named and pipeline in (None, *WRITES)


def make_apprentice(settings: Settings, critic: Any, threshold: float) -> Apprentice[Any]:
    """Make the student's pipeline.

    Parameters
    ----------
    critic, threshold
        Who judges, if the settings want a critic to.

    Raises
    ------
    UsageError
        For an option that would do nothing.
    UnknownRelationError
        For a relation that the student has never seen.
    """
    from generation.student.pipeline import CoBuyApprentice, PostApprentice, StudentOptions
    from generation.student.student import describe

    default = type(settings)(pipeline=settings.pipeline)
    for name, option in _ASKED.items():
        if getattr(settings, name) != getattr(default, name):
            raise UsageError(
                f"the student has no option {option} (in Python {name})",
                fix="leave it out, or name a --model that is to be asked",
            )
    label, known = describe(settings.backend_options.get("weights"))
    kind: Any = PostApprentice if settings.pipeline == "miko" else CoBuyApprentice
    return kind(  # type: ignore[no-any-return]
        StudentOptions(
            model=settings.model or label,
            relations=settings.relations,
            samples=settings.samples,
            images=False,
            critic=critic,
            threshold=threshold,
        ),
        known,
    )


def each_kind(directory: Directory, settings: Settings) -> list[Settings]:
    """Give the settings for posts and for co-buys, as far as there are such heads.

    Raises
    ------
    UsageError
        If there are none, or what was chosen is of neither kind.
    """
    found: list[Settings] = []
    reasons: list[IntentKGError] = []
    for pipeline in WRITES:
        one = replace(settings, pipeline=pipeline)
        try:
            if _has_heads(directory, one):
                found.append(one)
        except (UsageError, UnknownRelationError) as error:
            reasons.append(error)
    if not found and reasons:
        raise reasons[-1]
    if not found:
        raise UsageError(
            f"{directory.root} has neither posts nor co-buys of known products",
            fix=f"intentkg ingest {directory.root} FILE",
        )
    return found


def _has_heads(directory: Directory, settings: Settings) -> bool:
    from intentkg.generating.heads import choose

    if settings.relations is not None:
        _check_family(settings.relations, settings.pipeline)
    with choose(directory, settings) as heads:
        return heads.count() > 0


def _check_family(names: Sequence[str], pipeline: str) -> None:
    """See that at least one of the relations is of the pipeline's kind."""
    from schema.relations import Family, get

    family = Family.SOCIAL if pipeline == "miko" else Family.COBUY
    errors = []
    for name in names:
        try:
            get(name, family)
        except UnknownRelationError as error:
            errors.append(error)
    if len(errors) == len(names):
        raise errors[0]
