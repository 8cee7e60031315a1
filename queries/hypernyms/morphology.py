"""Base forms of nouns, as WordNet finds them: irregular ones from a list, the rest by endings.

Endings and irregular forms are those of WordNet's ``morphy``. NLTK has the endings, too (a test
compares), but takes seconds to import, and its reader wants the whole of WordNet to be installed.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

ENDINGS = (
    ("s", ""), ("ses", "s"), ("ves", "f"), ("xes", "x"), ("zes", "z"), ("ches", "ch"),
    ("shes", "sh"), ("men", "man"), ("ies", "y"),
)  # fmt: skip
"""Of a plural, and what stands in its place in the base form."""

_IRREGULAR = Path(__file__).parent / "data" / "noun.exc.gz"


def base_forms(word: str) -> list[str]:
    """Forms that a noun may be an inflection of, itself first; whether one exists is not known.

    Examples
    --------
    >>> base_forms("knives")[:2]
    ['knives', 'knife']
    >>> base_forms("boxes")
    ['boxes', 'boxe', 'box']
    """
    found = [word, *_irregular().get(word, ())]
    if len(found) == 1:
        found += [
            word[: -len(old)] + new
            for old, new in ENDINGS
            if word.endswith(old) and len(word) > len(old) + 1
        ]
    return list(dict.fromkeys(found))


@lru_cache(maxsize=1)
def _irregular() -> dict[str, tuple[str, ...]]:
    import gzip

    lines = gzip.decompress(_IRREGULAR.read_bytes()).decode("utf-8").splitlines()
    pairs = (line.replace("_", " ").split(" ") for line in lines if line.strip())
    return {form: tuple(bases) for form, *bases in pairs}
