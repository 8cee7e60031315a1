"""Reading the language of intentions: a parser that needs no download, and noun phrases."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from schema.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from spacy.language import Language

PIPELINE = Path(__file__).parent / "pipeline"
"""The parser that comes with IntentKG; docs/parser.md is its card."""

# What finds noun phrases; whatever else a model has costs time and is left out.
_NEEDED = frozenset({"tok2vec", "transformer", "tagger", "morphologizer", "parser"})


@lru_cache(maxsize=2)
def load(name: str | None = None, *, whole: bool = False) -> Language:
    """Load a parser.

    Parameters
    ----------
    name
        A spaCy model that is installed (``en_core_web_sm``), or the folder of one. None: the one
        that comes with IntentKG.
    whole
        With all its components, not only those that find noun phrases.

    Raises
    ------
    MissingExtraError
        If no such model is installed.
    UsageError
        If the folder holds no spaCy pipeline, or one that does not parse.
    """
    import spacy

    place = str(PIPELINE) if name is None else name
    try:
        exclude = [] if whole else [p for p in components(place) if p not in _NEEDED]
        nlp = spacy.load(place, exclude=exclude)
    except OSError as error:
        if Path(place).exists():
            raise UsageError(
                f"{place} holds no spaCy pipeline: {str(error).splitlines()[0]}",
                fix="name the folder that holds config.cfg and meta.json",
            ) from None
        raise MissingExtraError(
            f"no spaCy model {place!r} is installed",
            fix=f"python -m spacy download {place}, or name the folder of a model",
        ) from None
    except (ValueError, KeyError) as error:
        raise UsageError(
            f"the spaCy model {place} cannot be loaded: {str(error).splitlines()[0]}",
            fix="use a model that was made for the installed version of spaCy",
        ) from error
    if "parser" not in nlp.pipe_names:
        raise UsageError(
            f"the spaCy model {place} has no parser", fix="name one whose pipeline has a parser"
        )
    return nlp


def components(place: str) -> list[str]:
    """Names of a model's components, before anything of it is loaded."""
    from spacy.util import get_package_path, is_package, load_config

    folder = Path(place)
    if not folder.exists() and is_package(place):
        folder = get_package_path(place)
        folder = next((path.parent for path in folder.glob("*/config.cfg")), folder)
    names: list[str] = load_config(folder / "config.cfg")["nlp"]["pipeline"]
    return names
