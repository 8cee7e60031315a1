"""Reading the language of intentions: a parser that needs no download, and noun phrases."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    _use_numpy(nlp)
    if "parser" not in nlp.pipe_names:
        raise UsageError(
            f"the spaCy model {place} has no parser", fix="name one whose pipeline has a parser"
        )
    return nlp


def spare_torch() -> None:
    """Let spaCy do without PyTorch in this process: for one that reads with our parser alone.

    spaCy imports PyTorch where it is installed, for models that are made with it. Ours is not, and
    the import takes ten seconds and half a gigabyte. To be called before spaCy is imported; a
    model that needs PyTorch cannot be loaded in this process afterwards.
    """
    if "thinc" in sys.modules or "torch" in sys.modules:
        return
    sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        import thinc.compat  # noqa: F401
    finally:
        del sys.modules["torch"]


def _use_numpy(nlp: Language) -> None:
    """Multiply matrices with NumPy's library, twice as fast as thinc's own on recent processors."""
    import numpy as np
    from thinc.api import NumpyOps

    class Ops(NumpyOps):  # type: ignore[misc]
        def gemm(
            self, x: Any, y: Any, out: Any = None, trans1: bool = False, trans2: bool = False
        ) -> Any:
            return np.matmul(x.T if trans1 else x, y.T if trans2 else y, out=out)

    ops = Ops()
    for _, pipe in nlp.pipeline:
        for node in pipe.model.walk() if getattr(pipe, "model", None) is not None else ():
            if type(node.ops) is NumpyOps:
                node.ops = ops


def components(place: str) -> list[str]:
    """Names of a model's components, before anything of it is loaded."""
    from spacy.util import get_package_path, is_package, load_config

    folder = Path(place)
    if not folder.exists() and is_package(place):
        folder = get_package_path(place)
        folder = next((path.parent for path in folder.glob("*/config.cfg")), folder)
    names: list[str] = load_config(folder / "config.cfg")["nlp"]["pipeline"]
    return names
