"""Base forms of nouns, as WordNet finds them: irregular ones from a list, the rest by endings.

The endings are those of NLTK's WordNet reader, which brings them without any data; the list of
irregular forms is WordNet's own (``noun.exc``), shipped beside this file.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

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
            for old, new in _endings()
            if word.endswith(old) and len(word) > len(old) + 1
        ]
    return list(dict.fromkeys(found))


@lru_cache(maxsize=1)
def _endings() -> list[tuple[str, str]]:
    from nltk.corpus.reader.wordnet import NOUN, WordNetCorpusReader

    return list(WordNetCorpusReader.MORPHOLOGICAL_SUBSTITUTIONS[NOUN])


@lru_cache(maxsize=1)
def _irregular() -> dict[str, tuple[str, ...]]:
    import gzip

    lines = gzip.decompress(_IRREGULAR.read_bytes()).decode("utf-8").splitlines()
    pairs = (line.replace("_", " ").split(" ") for line in lines if line.strip())
    return {form: tuple(bases) for form, *bases in pairs}
