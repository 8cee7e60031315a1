"""Options of the commands that send heads through a pipeline, and the settings that they make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from intentkg import output
from schema.errors import UsageError

if TYPE_CHECKING:
    from intentkg.generating.settings import Settings

WAYS = ("auto", "json_schema", "guided_json", "json_object", "none")
BACKENDS = ("student", "openai", "vllm", "transformers", "replay")
_PAIR = "STAGE=NAME"

# What is asked of whom: options of `generate` and of `requests export` alike.
_ASKING = (
    click.option(
        "--pipeline",
        "-p",
        type=click.Choice(["miko", "mind", "critic"]),
        help="miko: intentions of posts; mind: of co-buys; critic: scores of intentions. The "
        "student takes posts and co-buys alike where none is named.",
    ),
    click.option("--model", "-m", help="The model, as the server or engine knows it."),
    click.option(
        "--stage-model",
        "stage_models",
        multiple=True,
        metavar=_PAIR,
        help="Another model for one stage; may be repeated.",
    ),
    click.option("--source", "sources", multiple=True, help="Only heads from this source."),
    click.option(
        "--head",
        "heads",
        multiple=True,
        metavar="ID",
        help="Only this post or co-buy; a co-buy also as A,B. May be repeated.",
    ),
    click.option("--limit", type=click.IntRange(min=1), help="Only so many heads, by their ids."),
    click.option(
        "--relation", "relations", multiple=True, help="Only this relation; may be repeated."
    ),
    click.option(
        "--rescore", is_flag=True, help="critic: also intentions that others have scored."
    ),
    click.option(
        "--samples",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="How often each question about intentions is put; student: tails of each relation.",
    ),
    click.option(
        "--param",
        "params",
        multiple=True,
        metavar="[STAGE.]NAME=VALUE",
        help="A sampling parameter, such as intentions.temperature=0.2.",
    ),
    click.option(
        "--prompts",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Folder with prompts of your own, such as miko/intentions.toml.",
    ),
    click.option("--text-only", is_flag=True, help="Show no pictures."),
    click.option("--one-each", is_flag=True, help="miko: one request for each relation."),
    click.option("--language", help="miko: language to write in; else that of the post."),
    click.option(
        "--filter",
        type=click.Choice(["role", "none", "critic"]),
        default="role",
        show_default=True,
        help="mind: who judges: the model as the customer, nobody, or the critic that comes with "
        "IntentKG.",
    ),
    click.option(
        "--threshold",
        type=click.FloatRange(0, 1),
        help="mind: from which typicality a critic accepts; by default the critic's own.",
    ),
    click.option(
        "--no-visual-cues", is_flag=True, help="mind: prompts do not speak of the pictures."
    ),
    click.option(
        "--pictures",
        type=click.Choice(["parts", "stacked"]),
        default="parts",
        show_default=True,
        help="mind: two pictures, or one with a black bar between them.",
    ),
    click.option(
        "--structured",
        type=click.Choice(WAYS),
        default="auto",
        show_default=True,
        help="How replies in a JSON schema are asked for.",
    ),
    click.option(
        "--no-structured", is_flag=True, help="Ask for the papers' own forms, in plain text."
    ),
    click.option("--no-system-role", is_flag=True, help="For models without system messages."),
    click.option("--retry-failed", is_flag=True, help="Ask again what has failed before."),
)

# Who answers, and within which bounds: `generate` only.
_ANSWERING = (
    click.option(
        "--backend",
        "-b",
        type=click.Choice(BACKENDS),
        help="Who answers: the student that comes with IntentKG (where no model is named), a "
        "server (openai), an engine in this process, or a record.",
    ),
    click.option(
        "--base-url",
        help="Address of an OpenAI-compatible server (it ends in /v1), or openai for OpenAI's own; "
        "else OPENAI_BASE_URL. Posts and pictures are sent there, and nowhere else.",
    ),
    click.option(
        "--stage-backend",
        "stage_backends",
        multiple=True,
        metavar=_PAIR,
        help="Another backend for one stage; may be repeated.",
    ),
    click.option(
        "--stage-base-url",
        "stage_base_urls",
        multiple=True,
        metavar="STAGE=URL",
        help="Another server for one stage; may be repeated.",
    ),
    click.option(
        "--backend-option",
        "backend_options",
        multiple=True,
        metavar="NAME=VALUE",
        help="An option of the backend itself, such as max_model_len=4096.",
    ),
    click.option(
        "--api-key-env",
        metavar="NAME",
        help="Environment variable that holds the key; else INTENTKG_API_KEY, and for OpenAI's "
        "own address OPENAI_API_KEY.",
    ),
    click.option(
        "--from-store",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="replay: the record to answer from.",
    ),
    click.option("--concurrency", type=click.IntRange(1, 10_000), help="Requests in flight."),
    click.option(
        "--requests-per-minute",
        type=click.FloatRange(min=0, min_open=True),
        help="What the account or the server allows.",
    ),
    click.option(
        "--tokens-per-minute",
        type=click.FloatRange(min=0, min_open=True),
        help="The same in tokens, in and out together.",
    ),
    click.option(
        "--budget", help='Most to spend: "2.50", "5M tokens", "2000 requests", or several.'
    ),
    click.option(
        "--prices",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Price file; else prices.toml in your settings folder.",
    ),
    click.option("--run", metavar="NAME", help="Name of the run, for the evidence."),
)


def asking_options[F: Callable[..., Any]](command: F) -> F:
    """Add the options that say what is asked of which model."""
    for option in reversed(_ASKING):
        command = option(command)
    return command


def answering_options[F: Callable[..., Any]](command: F) -> F:
    """Add the options that say who answers, and within which bounds."""
    for option in reversed(_ANSWERING):
        command = option(command)
    return output.json_option(command)


def read_settings(
    *,
    pipeline: str | None,
    stage_models: Sequence[str],
    stage_backends: Sequence[str] = (),
    stage_base_urls: Sequence[str] = (),
    backend_options: Sequence[str] = (),
    params: Sequence[str],
    relations: Sequence[str],
    text_only: bool,
    no_visual_cues: bool,
    no_structured: bool,
    structured: str,
    no_system_role: bool,
    **plain: Any,
) -> Settings:
    """Make settings of what click has read."""
    from intentkg.generating.settings import settle

    if pipeline is None:
        raise UsageError(
            "no pipeline is named", fix="give --pipeline miko (posts) or --pipeline mind (co-buys)"
        )
    return settle(
        pipeline,
        models=_pairs("--stage-model", stage_models),
        backends=_pairs("--stage-backend", stage_backends),
        base_urls=_pairs("--stage-base-url", stage_base_urls),
        backend_options={
            name: _value(value)
            for name, value in _pairs("--backend-option", backend_options).items()
        },
        parameters=_parameters(params),
        relations=list(relations) or None,
        images=not text_only,
        visual_cues=not no_visual_cues,
        structured="none" if no_structured else structured,
        system_role=not no_system_role,
        **plain,
    )


def _pairs(option: str, given: Sequence[str]) -> dict[str, str]:
    found = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise UsageError(
                f"{option} {pair!r} is not NAME=VALUE", fix=f"write it as {option} NAME=VALUE"
            )
        found[name.strip()] = value.strip()
    return found


def _parameters(given: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read ``stage.name=value``; without a stage it holds for all of them."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in _pairs("--param", given).items():
        stage, _, parameter = name.rpartition(".")
        found.setdefault(stage, {})[parameter] = _value(value)
    return found


def _value(text: str) -> Any:
    """Read a number, a truth value, a list...; anything else is text."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
