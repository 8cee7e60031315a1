"""The prompts that come with IntentKG, as data, and what each may say of a head.

One TOML file per prompt; `generation.prompting` reads them and describes their form. Which fields
a prompt may name is fixed here, because the pipelines fill them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from schema.relations import COBUY, SOCIAL

FieldKind = Literal["data", "words", "image"]

_REPLY = ("json", "text")


@dataclass(frozen=True, slots=True)
class PromptKind:
    """What a prompt of that name may say.

    Attributes
    ----------
    fields
        Name to kind. ``data`` comes from people or models and is delimited wherever it stands;
        ``words`` are ours and stand bare; ``image`` is a picture's name.
    needed
        Fields without which the prompt would ask about nothing.
    choices
        Texts among which the pipeline chooses, by name: options that must be there.
    hints
        Names for which ``[hints]`` may explain something.
    """

    name: str
    fields: MappingProxyType[str, FieldKind]
    needed: tuple[str, ...]
    choices: MappingProxyType[str, tuple[str, ...]] = MappingProxyType({})
    hints: tuple[str, ...] = ()


def _kind(
    name: str,
    *,
    data: str = "",
    words: str = "",
    images: str = "",
    needed: str,
    choices: Mapping[str, tuple[str, ...]] | None = None,
    hints: tuple[str, ...] = (),
) -> PromptKind:
    fields: dict[str, FieldKind] = dict.fromkeys(data.split(), "data")
    fields |= dict.fromkeys(words.split(), "words")
    fields |= dict.fromkeys(images.split(), "image")
    return PromptKind(
        name,
        MappingProxyType(fields),
        tuple(needed.split()),
        MappingProxyType(dict(choices or {})),
        hints,
    )


_KEY_INFORMATION = "concept action object emotion keywords"
_LANGUAGE = {"language": ("kept", "given")}
_PRODUCT = "title brand categories features description"
_PAIR = " ".join(f"{name}_{end}" for end in "ab" for name in (*_PRODUCT.split(), "noticed"))
_PICTURES = "image_a image_b image_both"
_TASK = {"task": ("phrase", "open"), "reply": _REPLY}

_SOCIAL_NAMES = tuple(relation.name for relation in SOCIAL)
_COBUY_NAMES = tuple(relation.name for relation in COBUY)


def _intention(name: str) -> PromptKind:
    return _kind(
        name,
        data=_PAIR,
        words="relation phrase hint",
        images=_PICTURES,
        needed="title_a title_b task reply",
        choices=_TASK,
        hints=_COBUY_NAMES,
    )


def _filter(name: str) -> PromptKind:
    return _kind(
        name,
        data=f"{_PAIR} intention",
        words="relation",
        images=_PICTURES,
        needed="title_a title_b intention reply",
        choices={"reply": _REPLY},
    )


_ALL = (
    _kind(
        "miko/description",
        data="post",
        words="language_name post_language",
        images="image",
        needed="image",
        choices=_LANGUAGE,
    ),
    _kind(
        "miko/key_information",
        data="post image_description",
        words="language_name post_language",
        needed="post reply",
        choices={"reply": _REPLY, **_LANGUAGE},
    ),
    _kind(
        "miko/intentions",
        data=f"post image_description {_KEY_INFORMATION}",
        words="aspects example language_name post_language",
        needed="post aspects reply",
        choices={"reply": _REPLY, **_LANGUAGE},
        hints=_SOCIAL_NAMES,
    ),
    _kind(
        "miko/intention",
        data=f"post image_description {_KEY_INFORMATION}",
        words="relation phrase hint language_name post_language",
        needed="post phrase reply",
        choices={"reply": _REPLY, **_LANGUAGE},
        hints=_SOCIAL_NAMES,
    ),
    _kind("mind/features", data=_PRODUCT, images="image", needed="title"),
    _kind("mind/features_plain", data=_PRODUCT, images="image", needed="title"),
    _intention("mind/intention"),
    _intention("mind/intention_plain"),
    _filter("mind/filter"),
    _filter("mind/filter_plain"),
    _kind(
        "judge/post",
        data="post intention",
        needed="post intention reply",
        choices={"reply": _REPLY},
    ),
    _kind(
        "judge/cobuy",
        data="title_a title_b intention",
        needed="title_a title_b intention reply",
        choices={"reply": _REPLY},
    ),
)

KINDS: MappingProxyType[str, PromptKind] = MappingProxyType({kind.name: kind for kind in _ALL})
